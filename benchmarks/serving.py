"""Measure how long a model with two heads takes to answer in each form, and in which order its outputs come.

    python benchmarks/serving.py --machine quiet
    uv run --group onnx benchmarks/serving.py --onnx    with ONNX
    python benchmarks/serving.py --orders 6       also the order of the SavedModel's outputs, in six processes

The forms take turns, round after round. The tables have the medians of the milliseconds and of the ratios to the
SavedModel in the same round, and the largest difference from `predict`.
"""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import Report, arguments, seconds, whole_number
from training import sigmoid, softmax, trunk

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
    features = trunk(image, 64, 64)
    return keras.Model(image, {"digit": softmax(10, "digit")(features), "odd": sigmoid(1, "odd")(features)})


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
        "predict": lambda: model.predict(image, verbose=0),
        "predict_on_batch": lambda: model.predict_on_batch(image),
        "model(image)": lambda: model(tensor, training=False),
        "tf.function": lambda: in_a_function(tensor),
        "SavedModel": lambda: saved.signatures["serving_default"](image=tensor),
        "LiteRT": lambda: runner(image=image),
    }


def onnx_form(model: keras.Model, file: Path, image: np.ndarray) -> Callable[[], dict]:
    """Return a function that answers about `image` with the model in the form of ONNX, by name."""
    import onnxruntime  # a group of its own in pyproject.toml

    model.predict_on_batch(image)  # Keras exports to ONNX only what was called before
    model.export(file, format="onnx", verbose=False)
    session, heads = onnxruntime.InferenceSession(file), list(model.output)
    return lambda: dict(zip(heads, session.run(heads, {"image": image}), strict=True))


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, rounds=21)
    parser.add_argument("--orders", type=whole_number(0), default=0, help="processes that load the SavedModel (none)")
    parser.add_argument("--onnx", action="store_true", help="with ONNX, which needs onnxruntime and tf2onnx")
    options = parser.parse_args()
    model = build()
    with tempfile.TemporaryDirectory() as name, Report(options, "one answer") as report:
        for count in (1, 256):
            image = np.random.default_rng(0).random((count, 784), dtype="float32")
            ways = forms(model, Path(name) / str(count), image)
            if options.onnx:
                ways["ONNX"] = onnx_form(model, Path(name) / f"{count}.onnx", image)
            wanted, times = ways["predict"](), seconds(ways, options.rounds, options.machine)
            columns = {"ms": "median", "ratio": "median", "difference": "rounding"}
            table = report.table(f"{count} image{'s' if count > 1 else ''}", columns)
            for form, values in times.items():
                found = ways[form]()
                difference = max(np.abs(np.asarray(found[head]) - wanted[head]).max() for head in wanted)
                ratio = np.divide(values, times["SavedModel"])
                table.row(form, {"ms": np.multiply(1000, values), "ratio": ratio, "difference": [difference]})
        for _ in range(options.orders):
            command = [sys.executable, "-c", PRINT_ORDER, str(Path(name) / "1" / "saved")]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            print("order of the outputs:", run.stdout.strip())


if __name__ == "__main__":
    main()
