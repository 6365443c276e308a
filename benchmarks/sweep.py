"""Compare three ways to train networks that need nothing of each other: one process, joblib, and a Dask cluster.

    python benchmarks/sweep.py --networks 8

The ways take turns. Each network is a task of its own, from a weight and a seed. The table has the medians of the
seconds that passed, of the processor time and of its ratio to one process in the same round, all with the start of the
processes in them, and the largest difference of a loss from that of one process.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dask.distributed import Client, LocalCluster
from harness import CLOCKS, Report, arguments, in_turns, whole_number
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from training import write_rows

from mos_helpers import data

import keras  # isort: skip

BATCH_SIZE = 128


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


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--networks", type=whole_number(2), default=8, help="tasks (8)")
    parser.add_argument("--steps", type=whole_number(1), default=300, help="updates of 128 images (300)")
    parser.add_argument("--workers", type=whole_number(2), default=2, help="processes (2)")
    options = parser.parse_args()
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"  # of the processes that start
    about = f"a sweep of {options.networks} networks by {options.workers} processes, {options.steps} updates each"
    with tempfile.TemporaryDirectory() as name, Report(options, about) as report:
        rows = Path(name) / "rows.npz"
        write_rows(rows, BATCH_SIZE)
        tasks = [(3.0 if k % 2 else 0.3, k // 2, str(rows), options.steps) for k in range(options.networks)]
        ways = sweeps(tasks, options.workers)

        def run(way: str, turn: int) -> tuple[dict[str, float], np.ndarray]:
            begun = {machine: clock() for machine, clock in CLOCKS.items()}
            losses = np.array([one["losses"] for one in ways[way]()])
            return {machine: clock() - begun[machine] for machine, clock in CLOCKS.items()}, losses

        runs = in_turns(run, ways, range(options.rounds))
        columns = {"seconds": "median", "processor": "median", "ratio": "median", "difference": "rounding"}
        table = report.table("way", columns)
        alone = runs["one process"]
        for way, found in runs.items():
            seconds, used = ([times[machine] for times, _ in found] for machine in ("quiet", "shared"))
            ratio = np.divide(used, [times["shared"] for times, _ in alone])
            difference = [np.abs(losses - alone[0][1]).max() for _, losses in found]
            table.row(way, {"seconds": seconds, "processor": used, "ratio": ratio, "difference": difference})


if __name__ == "__main__":
    main()
