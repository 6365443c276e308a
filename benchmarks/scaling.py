"""Compare one process, two virtual devices and two workers on one model, and 16 bits with 32.

    python benchmarks/scaling.py --steps 300 --machine quiet
    python benchmarks/scaling.py --sweep 8     only a sweep of 8 networks: one process, joblib, and Dask on this machine

The forms take turns. Each trains with few updates and with many: the difference is what the updates cost without the
start. The table has the medians of the milliseconds of one update and of the ratios to one process in the same round
(processor time, or on a quiet machine the time that passed), and the largest difference of a weight from that of one
process after the same updates: rounding grows with their number. A sweep trains each network as a task of its own, from
a weight and a seed; its times have the start of the processes in them.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dask.distributed import Client, LocalCluster
from harness import Report, arguments, in_turns, whole_number
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from local_cluster import run_workers
from training import trunk

from mos_helpers import data, scaling

import keras  # isort: skip
import tensorflow as tf  # isort: skip

BATCH_SIZE, FEW = 128, 10


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


def clock(machine: str) -> float:
    """Return the seconds that count: those that passed, or the processor time of this process and ended workers."""
    if machine == "quiet":
        return time.perf_counter()
    import resource  # not on Windows

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


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
            start, used = clock("quiet"), clock("shared")
            found = run()
            seconds, used = clock("quiet") - start, clock("shared") - used
            losses = np.array([one["losses"] for one in found])
            wanted = losses if wanted is None else wanted
            processes = len({one["process"] for one in found})
            difference = np.abs(losses - wanted).max()
            print(f"{form:18}{seconds:10.1f}{used:14.1f}{processes:12}{difference:12.0e}", flush=True)


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("--steps", type=whole_number(2 * FEW), default=300, help="updates of 128 images (300)")
    parser.add_argument("--sweep", type=whole_number(0), default=0, help="only a sweep of so many networks (none)")
    parser.add_argument("--workers", type=whole_number(2), default=2, help="processes of the sweep (2)")
    options = parser.parse_args()
    if options.sweep:
        compare_sweeps(options.sweep, options.workers, options.steps)
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored, alone = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), tf.distribute.get_strategy()
    about = f"updates of {BATCH_SIZE} images"
    with tempfile.TemporaryDirectory() as name, Report(options, about) as report:
        rows, model, small = (Path(name) / file for file in ("rows.npz", "model.keras", "small.keras"))
        write_rows(rows)
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

        def run(form: str, turn: int) -> tuple[float, list[np.ndarray]]:
            times = [clock(options.machine)]
            for steps in (FEW, options.steps):
                weights = forms[form](steps)
                times.append(clock(options.machine))
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
