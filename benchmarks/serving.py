"""Measure how long a model with two heads takes to answer in each form, and in which order its outputs come.

    python benchmarks/serving.py             latency for one image and for 256
    python benchmarks/serving.py --orders 6  also the order of the SavedModel's outputs, in six processes
    uv run --group onnx benchmarks/serving.py --onnx    also ONNX

The forms take turns, round after round; the table has the median of the milliseconds, and the largest difference from
`predict`. Run it on a machine that does nothing else.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mos_helpers import data  # noqa: F401 (first: it keeps TensorFlow's start-up messages quiet)

import keras  # isort: skip
import tensorflow as tf  # isort: skip

PRINT_ORDER = """
import sys, tensorflow as tf
saved = tf.saved_model.load(sys.argv[1])
print(*saved.signatures["serving_default"](image=tf.zeros((1, 784))))
"""


def build() -> keras.Model:
    """Return a model with two heads on images of 784 pixels; the time of an answer does not depend on its weights."""
    image = keras.Input((784,), name="image")
    trunk = keras.layers.Dense(64, activation="relu")(image)
    trunk = keras.layers.Dense(64, activation="relu")(trunk)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    return keras.Model(image, {"digit": digit, "odd": odd})


def forms(model: keras.Model, folder: Path, image: np.ndarray) -> dict[str, Callable[[], dict]]:
    """Return a function for each form of the model that answers about `image`."""
    model.export(folder / "saved", verbose=False)
    model.export(folder / "model.tflite", format="litert", verbose=False)
    saved = tf.saved_model.load(folder / "saved")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter will move into a package of its own
        light = tf.lite.Interpreter(model_path=str(folder / "model.tflite"))
    runner, tensor = light.get_signature_runner(), tf.constant(image)
    in_a_function = tf.function(lambda x: model(x, training=False))
    return {
        "model.predict": lambda: model.predict(image, verbose=0),
        "model(image)": lambda: model(tensor, training=False),
        "tf.function": lambda: in_a_function(tensor),
        "SavedModel": lambda: saved.signatures["serving_default"](image=tensor),
        "LiteRT": lambda: runner(image=image),
    }


def onnx_form(model: keras.Model, file: Path, image: np.ndarray) -> Callable[[], dict]:
    """Return a function that answers about `image` with the model in the form of ONNX, by name."""
    import onnxruntime  # a group of its own in pyproject.toml

    model.export(file, format="onnx", verbose=False)
    session, heads = onnxruntime.InferenceSession(file), list(model.output)
    return lambda: dict(zip(heads, session.run(heads, {"image": image}), strict=True))


def measure(ways: dict[str, Callable[[], dict]], rounds: int) -> dict[str, float]:
    """Return the median of the milliseconds of each way; the first round is not counted."""
    times = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21, help="rounds, at least 7 (default: 21)")
    parser.add_argument("--orders", type=int, default=0, help="processes that load the SavedModel (default: none)")
    parser.add_argument("--onnx", action="store_true", help="with ONNX, which needs onnxruntime and tf2onnx")
    options = parser.parse_args()
    if options.rounds < 7:
        parser.error("--rounds must be at least 7")
    model = build()
    with tempfile.TemporaryDirectory() as name:
        print(f"{'images':>6} {'form':15}{'milliseconds':>14}{'difference':>13}")
        for count in (1, 256):
            image = np.random.default_rng(0).random((count, 784), dtype="float32")
            ways = forms(model, Path(name) / str(count), image)
            if options.onnx:
                ways["ONNX"] = onnx_form(model, Path(name) / f"{count}.onnx", image)
            wanted = ways["model.predict"]()
            for form, milliseconds in measure(ways, options.rounds).items():
                found = ways[form]()
                difference = max(np.abs(np.asarray(found[head]) - wanted[head]).max() for head in wanted)
                print(f"{count:6} {form:15}{milliseconds:14.3f}{difference:13.0e}", flush=True)
        for _ in range(options.orders):
            command = [sys.executable, "-c", PRINT_ORDER, str(Path(name) / "1" / "saved")]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            print("order of the outputs:", run.stdout.strip())


if __name__ == "__main__":
    main()
