"""Compare one process, two virtual devices and two workers on one model, and 16 bits with 32.

    python benchmarks/scaling.py --steps 300 --machine quiet

The forms take turns. The table has medians: the images per second, without the start and the first update, and the
speed as a share of that of one process in the same round; and the largest difference of a weight from that of one
process after the same updates: rounding grows with their number.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import Report, arguments, in_turns, whole_number
from training import trunk

from mos_helpers import data
from mos_helpers.scaling import run_workers, worker

import keras  # isort: skip
import tensorflow as tf  # isort: skip

BATCH_SIZE = 128


def write_rows(file: Path) -> None:
    """Write 12,800 rows of 784 pixels, and their targets."""
    digits = data.load_digits()
    rows = np.random.default_rng(0).integers(len(digits.x_train), size=100 * BATCH_SIZE)
    labels = digits.y_train[rows]
    np.savez(file, image=digits.x_train[rows].reshape(-1, 784), digit=labels, odd=labels[:, None] % 2)


def write_model(file: Path) -> None:
    """Write a compiled model with two heads in 32 bits; its trunk computes by Keras's present policy."""
    keras.utils.set_random_seed(0)
    image = keras.Input((784,), name="image")
    features = trunk(image, 256, 256)
    digit = keras.layers.Dense(10, activation="softmax", dtype="float32", name="digit")(features)
    odd = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="odd")(features)
    model = keras.Model(image, {"digit": digit, "odd": odd})
    model.compile("adam", {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"})
    model.save(file)


def by_workers(model: Path, rows: Path, steps: int) -> tuple[float, list[np.ndarray]]:
    """Train with two processes; return the seconds of an update, and the first worker's weights."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [model, rows, folder, "--steps", str(steps), "--batch-size", str(BATCH_SIZE)]
        said = run_workers(["-m", "mos_helpers.scaling.worker", *arguments], workers=2, seconds=600)
        return json.loads(said[0])["seconds"], keras.models.load_model(Path(folder) / "worker_0.keras").get_weights()


def here(model: Path, rows: Path, steps: int, strategy: tf.distribute.Strategy) -> tuple[float, list[np.ndarray]]:
    """Train in this process; return the seconds of an update, and the weights."""
    trained, scores = worker.train(model, rows, steps, BATCH_SIZE, strategy)
    return scores["seconds"], trained.get_weights()


def by_fit(model: Path, rows: Path, steps: int, strategy: tf.distribute.Strategy) -> tuple[float, list[np.ndarray]]:
    """Train one model on several devices of this process by `fit`, which cuts the batches; else like `here`."""
    with strategy.scope():
        trained = keras.models.load_model(model)
        trained.optimizer.build(trained.trainable_variables)
    batches, times = worker.shares(trained, rows, BATCH_SIZE, tf.distribute.get_strategy()), []
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: times.append(time.perf_counter()))
    trained.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
    return (times[-1] - times[0]) / (steps - 1), trained.get_weights()


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("--steps", type=whole_number(2), default=300, help="updates of 128 images (300)")
    options = parser.parse_args()
    processor, steps = tf.config.list_physical_devices("CPU")[0], options.steps
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored, alone = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), tf.distribute.get_strategy()
    with tempfile.TemporaryDirectory() as name, Report(options, f"{steps} updates of {BATCH_SIZE} images") as report:
        rows, model, small = (Path(name) / file for file in ("rows.npz", "model.keras", "small.keras"))
        write_rows(rows)
        write_model(model)
        keras.config.set_dtype_policy("mixed_bfloat16")
        write_model(small)
        keras.config.set_dtype_policy("float32")
        forms = {
            "one process": lambda: here(model, rows, steps, alone),
            "16 bits": lambda: here(small, rows, steps, alone),
            "two workers": lambda: by_workers(model, rows, steps),
            "fit, one device": lambda: by_fit(model, rows, steps, alone),
            "fit, two devices": lambda: by_fit(model, rows, steps, mirrored),
        }
        runs = in_turns(lambda form, turn: forms[form](), forms, range(options.rounds))
        table = report.table("form", {"images/s": "count", "speed": "median", "difference": "rounding"})
        times = {form: np.array([seconds for seconds, _ in found]) for form, found in runs.items()}
        for form, found in runs.items():
            pairs = zip(found[-1][1], runs["one process"][-1][1], strict=True)
            difference = max(np.abs(a - b).max() for a, b in pairs)
            speed = times["one process"] / times[form]
            table.row(form, {"images/s": BATCH_SIZE / times[form], "speed": speed, "difference": [difference]})


if __name__ == "__main__":
    main()
