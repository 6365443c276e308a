"""Compare one process, two virtual devices and two workers on one model, and 16 bits with 32.

    python benchmarks/scaling.py --steps 300 --machine quiet

The forms take turns. Each trains with few updates and with many: the difference is what the updates cost without the
start. The table has the medians of the milliseconds of one update and of the ratios to one process in the same round
(processor time, or on a quiet machine the time that passed), and the largest difference of a weight from that of one
process after the same updates: rounding grows with their number.
"""

import tempfile
from pathlib import Path

import numpy as np
from harness import CLOCKS, Report, arguments, in_turns, whole_number
from local_cluster import run_workers
from training import trunk, write_rows

from mos_helpers import scaling

import keras  # isort: skip
import tensorflow as tf  # isort: skip

BATCH_SIZE, FEW = 128, 10


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


def by_workers(model: Path, rows: Path, steps: int) -> list[np.ndarray]:
    """Train with two processes; return the first worker's weights."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [model, rows, folder, "--steps", str(steps), "--batch-size", str(BATCH_SIZE)]
        run_workers(["-m", "mos_helpers.scaling", *arguments], workers=2, seconds=600)
        return keras.models.load_model(Path(folder) / "worker_0.keras").get_weights()


def here(model: Path, rows: Path, steps: int, strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    """Train in this process; return the weights."""
    return scaling.train(model, rows, steps, BATCH_SIZE, strategy)[0].get_weights()


def by_fit(model: Path, rows: Path, steps: int, strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    """Train one model on several devices of this process by `fit`, which cuts the batches; else like `here`."""
    with strategy.scope():
        trained = keras.models.load_model(model)
        trained.optimizer.build(trained.trainable_variables)
    batches = scaling.shares(trained, rows, BATCH_SIZE, tf.distribute.get_strategy())
    trained.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    return trained.get_weights()


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("--steps", type=whole_number(2 * FEW), default=300, help="updates of 128 images (300)")
    options = parser.parse_args()
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored, alone = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), tf.distribute.get_strategy()
    about = f"updates of {BATCH_SIZE} images"
    with tempfile.TemporaryDirectory() as name, Report(options, about) as report:
        rows, model, small = (Path(name) / file for file in ("rows.npz", "model.keras", "small.keras"))
        write_rows(rows, BATCH_SIZE)
        write_model(model)
        keras.config.set_dtype_policy("mixed_bfloat16")
        write_model(small)
        keras.config.set_dtype_policy("float32")
        forms = {
            "one process": lambda steps: here(model, rows, steps, alone),
            "16 bits": lambda steps: here(small, rows, steps, alone),
            "two workers": lambda steps: by_workers(model, rows, steps),
            "fit, one device": lambda steps: by_fit(model, rows, steps, alone),
            "fit, two devices": lambda steps: by_fit(model, rows, steps, mirrored),
        }

        clock = CLOCKS[options.machine]

        def run(form: str, turn: int) -> tuple[float, list[np.ndarray]]:
            times = [clock()]
            for steps in (FEW, options.steps):
                weights = forms[form](steps)
                times.append(clock())
            begin, update = times[1] - times[0], times[2] - times[1]
            return (update - begin) / (options.steps - FEW), weights

        runs = in_turns(run, forms, range(options.rounds))
        times = {form: np.array([seconds for seconds, _ in found]) for form, found in runs.items()}
        table = report.table("form", {"ms": "median", "ratio": "median", "difference": "rounding"})
        for form, found in runs.items():
            pairs = zip(found[-1][1], runs["one process"][-1][1], strict=True)
            difference = max(np.abs(a - b).max() for a, b in pairs)
            ratio = times[form] / times["one process"]
            table.row(form, {"ms": 1000 * times[form], "ratio": ratio, "difference": [difference]})


if __name__ == "__main__":
    main()
