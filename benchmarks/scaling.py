"""Compare one process, two virtual devices and two workers on one model, and 16 bits with 32.

    python benchmarks/scaling.py --steps 300 --rounds 7
    python benchmarks/scaling.py --sweep 8 --workers 2     only a sweep: one process, joblib, and Dask on this machine

The forms take turns. The table has the median of the images per second, without the start and the first update, and the
largest difference of a weight from that of one process after the same updates: rounding grows with their number. A
sweep trains each network as a task of its own, from a weight and a seed; its time has the start of the processes in it.
Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dask.distributed import Client, LocalCluster
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

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
    trunk = keras.layers.Dense(256, activation="relu")(image)
    trunk = keras.layers.Dense(256, activation="relu")(trunk)
    digit = keras.layers.Dense(10, activation="softmax", dtype="float32", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="odd")(trunk)
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
    batches = worker.shares(trained, rows, BATCH_SIZE, tf.distribute.get_strategy())
    clock = Clock()
    trained.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
    return (clock.times[-1] - clock.times[0]) / (steps - 1), trained.get_weights()


class Clock(keras.callbacks.Callback):
    """Note the time after each update."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def run_of(weight: float, seed: int, rows: str, steps: int) -> dict:
    """Train one network of a sweep: it makes all that it needs; return the mean loss of each head, and the process."""
    with np.load(rows) as arrays:
        x, y = arrays["image"], {name: arrays[name] for name in ("digit", "odd")}
    # `set_random_seed` is not enough: the threads of a Dask worker draw from the same `random` as Keras's initializers.
    first = keras.initializers.GlorotUniform(keras.random.SeedGenerator(seed))
    image = keras.Input((x.shape[1],), name="image")
    trunk = keras.layers.Dense(64, activation="relu", kernel_initializer=first)(image)
    digit = keras.layers.Dense(10, activation="softmax", kernel_initializer=first, name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=first, name="odd")(trunk)
    model = keras.Model(image, {"digit": digit, "odd": odd})
    losses = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
    model.compile("adam", losses, loss_weights={"digit": 1.0, "odd": weight})
    batches = data.batches(x, y, min(BATCH_SIZE, len(x)), seed=seed).repeat()
    logs = model.fit(batches, steps_per_epoch=steps, verbose=0).history
    return {"losses": [logs["digit_loss"][-1], logs["odd_loss"][-1]], "process": os.getpid()}


def sweeps(tasks: list[tuple], workers: int) -> dict[str, Callable[[], list[dict]]]:
    """Return three ways to run the tasks: one after another, in joblib's processes, and on a Dask cluster."""

    def by_joblib() -> list[dict]:
        found = Parallel(n_jobs=workers)(delayed(run_of)(*task) for task in tasks)
        get_reusable_executor().shutdown(wait=True)
        return found

    def by_dask() -> list[dict]:
        # `Client("tcp://address:8786")` alone would ask a cluster that runs elsewhere.
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
        with cluster, Client(cluster), parallel_config("dask"):
            return Parallel()(delayed(run_of)(*task) for task in tasks)

    return {"one process": lambda: [run_of(*task) for task in tasks], "joblib": by_joblib, "dask": by_dask}


def processor_seconds() -> float:
    """Return what this process and its finished children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def compare_sweeps(networks: int, workers: int, steps: int) -> None:
    """Print the seconds of a sweep in each way, and the largest difference of a loss."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"  # of the processes that start
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name) / "rows.npz"
        write_rows(rows)
        tasks = [(weight, seed, str(rows), steps) for seed in range(networks) for weight in (0.3, 3.0)][:networks]
        print(f"{'':18}{'seconds':>10}{'of processor':>14}{'processes':>12}{'difference':>12}")
        wanted = None
        for form, run in sweeps(tasks, workers).items():
            start, used = time.perf_counter(), processor_seconds()
            found = run()
            seconds, used = time.perf_counter() - start, processor_seconds() - used
            losses = np.array([one["losses"] for one in found])
            wanted = losses if wanted is None else wanted
            processes = len({one["process"] for one in found})
            difference = np.abs(losses - wanted).max()
            print(f"{form:18}{seconds:10.1f}{used:14.1f}{processes:12}{difference:12.0e}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300, help="updates of 128 images (default: 300)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--sweep", type=int, help="only a sweep of this number of networks")
    parser.add_argument("--workers", type=int, default=2, help="processes of the sweep (default: 2)")
    options = parser.parse_args()
    if options.sweep:
        compare_sweeps(options.sweep, options.workers, options.steps)
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored, alone = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), tf.distribute.get_strategy()
    with tempfile.TemporaryDirectory() as name:
        rows, model, small = (Path(name) / file for file in ("rows.npz", "model.keras", "small.keras"))
        write_rows(rows)
        write_model(model)
        keras.config.set_dtype_policy("mixed_bfloat16")
        write_model(small)
        keras.config.set_dtype_policy("float32")
        forms = {
            "one process": lambda: here(model, rows, options.steps, alone),
            "16 bits": lambda: here(small, rows, options.steps, alone),
            "two workers": lambda: by_workers(model, rows, options.steps),
            "fit, one device": lambda: by_fit(model, rows, options.steps, alone),
            "fit, two devices": lambda: by_fit(model, rows, options.steps, mirrored),
        }
        seconds, weights = {form: [] for form in forms}, {}
        for _ in range(options.rounds):
            for form, run in forms.items():
                taken, weights[form] = run()
                seconds[form].append(taken)
    print(f"{'':18}{'images per second':>18}{'difference':>12}")
    for form, values in seconds.items():
        pairs = zip(weights[form], weights["one process"], strict=True)
        largest = max(np.abs(a - b).max() for a, b in pairs)
        print(f"{form:18}{BATCH_SIZE / np.median(values):18,.0f}{largest:12.0e}")


if __name__ == "__main__":
    main()
