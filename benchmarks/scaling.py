"""Compare one process, two virtual devices and two workers on one model, and 16 bits with 32.

    python benchmarks/scaling.py --updates 300 --rounds 7

The forms take turns; the table has the median of the images per second, and the largest difference of a weight from
that of one process after the same updates. The two workers' time holds their start (imports, data); the last column
leaves it out by the difference of two lengths of training. Run it on a machine that does nothing else.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from mos_helpers import data
from mos_helpers.scaling import worker
from mos_helpers.scaling.local import run_workers

import keras  # isort: skip
import tensorflow as tf  # isort: skip


def fitted(model: keras.Model, updates: int) -> tuple[float, list[np.ndarray]]:
    """Train a new model by `fit`; return the seconds without its first batches, and its weights."""
    batches = data.batches(*worker.images_and_targets(updates), batch_size=worker.BATCH_SIZE, shuffle=False)
    first = model.get_weights(), [variable.numpy() for variable in model.optimizer.variables]
    model.fit(batches.take(2), shuffle=False, verbose=0)  # compiles
    model.set_weights(first[0])
    for variable, value in zip(model.optimizer.variables, first[1], strict=True):
        variable.assign(value)
    start = time.perf_counter()
    model.fit(batches, shuffle=False, verbose=0)
    return time.perf_counter() - start, model.get_weights()


def by_workers(updates: int) -> tuple[float, list[np.ndarray]]:
    """Train with two processes; return the seconds of the further updates, and the first worker's weights."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for length in (20, updates + 20):
            start = time.perf_counter()
            run_workers("mos_helpers.scaling.worker", [folder, "--updates", str(length)], workers=2, seconds=600)
            seconds.append(time.perf_counter() - start)
        run_workers("mos_helpers.scaling.worker", [folder, "--updates", str(updates)], workers=2, seconds=600)
        with np.load(Path(folder) / "worker_0_of_2.npz") as file:
            return seconds[1] - seconds[0], list(file.values())


def in_16_bits() -> keras.Model:
    """Return the model of the workers, computing in bfloat16."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = worker.build()
    finally:
        keras.config.set_dtype_policy("float32")
    return model


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=300, help="updates of 128 images (default: 300)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    options = parser.parse_args()
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def mirrored() -> tuple[float, list[np.ndarray]]:
        with strategy.scope():
            model = worker.build()
        return fitted(model, options.updates)

    forms = {
        "one process": lambda: fitted(worker.build(), options.updates),
        "one process, 16 bits": lambda: fitted(in_16_bits(), options.updates),
        "two virtual devices": mirrored,
        "two workers": lambda: by_workers(options.updates),
    }
    seconds, weights = {name: [] for name in forms}, {}
    for _ in range(options.rounds):
        for name, form in forms.items():
            taken, weights[name] = form()
            seconds[name].append(taken)
    print(f"{'':22}{'images per second':>18}{'difference':>12}")
    for name, values in seconds.items():
        rate = options.updates * worker.BATCH_SIZE / np.median(values)
        pairs = zip(weights[name], weights["one process"], strict=True)
        print(f"{name:22}{rate:18,.0f}{max(np.abs(a - b).max() for a, b in pairs):12.0e}")


if __name__ == "__main__":
    main()
