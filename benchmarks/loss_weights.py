"""Measure what loss weights do to two heads on one trunk, and what takes their place, over several seeds.

    python benchmarks/loss_weights.py --data digits              10 seeds, 200 updates of 128 images
    python benchmarks/loss_weights.py --data mnist --seeds 20 --updates 1000
    python benchmarks/loss_weights.py --data digits --seeds 5 --processes 2     only time the sweep

Two overlapping digits, as in lesson 7: which digit is the left one, and is the right one odd? Mean and standard
deviation of the accuracies on validation and test images. A weight is tuned on the validation images of each seed, and
the best epoch of a schedule is chosen on them; nothing is chosen on the test images.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from mos_helpers import data
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_OTHER, BATCH_SIZE, STEPS = 4_000, 2_000, 128, 20
BASELINE_RATIO = float(np.log(10) / np.log(2))  # of the losses of a model that knows nothing
WEIGHTS = [0.01, 0.03, 0.1, 0.3, 1, BASELINE_RATIO, 10, 30, BATCH_SIZE]
Arrays = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def two_questions(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, Arrays]:
    """Return prepared images with two digits, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    return prepare(canvas), {"left": pair["left"], "odd": (pair["right"] % 2)[:, None]}


class SumOfLogs(keras.Model):
    """A model that minimises the sum of the logarithms of its heads' losses."""

    def compute_loss(
        self,
        x: object = None,
        y: object = None,
        y_pred: object = None,
        sample_weight: object = None,
        training: bool = True,
    ) -> object:
        """Return the sum of the logarithms; the heads' losses go to the logs as they are."""
        super().compute_loss(x, y, y_pred, sample_weight, training)
        rows = sample_weight or {}
        parts = [self.loss[name](y[name], y_pred[name], rows.get(name)) for name in self.loss]
        return sum(keras.ops.log(part) for part in parts) + sum(self.losses)


class Experiment:
    """The images, the targets, and models that are trained again from each seed."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        digits = data.load_digits(source)
        kept = len(digits.x_train) * 9 // 10
        self.source, self.seeds, self.updates = digits.source, seeds, updates
        self.images, self.targets = two_questions(digits.x_train[:kept], digits.y_train[:kept], N_TRAIN, seed=1)
        validation = two_questions(digits.x_train[kept:], digits.y_train[kept:], N_OTHER, seed=2)
        self.parts = validation, two_questions(digits.x_test, digits.y_test, N_OTHER, seed=3)
        self.weights = {name: keras.Variable(1.0, trainable=False) for name in ("left", "odd")}
        self.models = {"adam": self.build(), "logs": self.build(SumOfLogs)}
        for model in self.models.values():
            losses = {
                "left": keras.losses.SparseCategoricalCrossentropy(),
                "odd": keras.losses.BinaryCrossentropy(),
            }
            weights = {} if isinstance(model, SumOfLogs) else {"loss_weights": self.weights}
            metrics = {name: ["accuracy"] for name in losses}
            model.compile(optimizer="adam", loss=losses, metrics=metrics, steps_per_execution=STEPS, **weights)
        self.first = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            self.first.append(self.build().get_weights())

    def build(self, kind: Callable = keras.Model) -> keras.Model:
        """Return two heads on one trunk, not compiled."""
        image = keras.Input((self.images.shape[1],))
        trunk = keras.layers.Dense(64, activation="relu")(image)
        trunk = keras.layers.Dense(32, activation="relu")(trunk)
        heads = {
            "left": keras.layers.Dense(10, activation="softmax", name="left")(trunk),
            "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
        }
        return kind(image, heads)

    def train(self, seed: int, left: float = 1.0, odd: float = 1.0, kind: str = "adam", **options: object) -> dict:
        """Train from one seed; return the history. `options` go to `fit`."""
        model = self.models[kind]
        restart(model, self.first[seed])
        self.weights["left"].assign(left)
        self.weights["odd"].assign(odd)
        training = data.batches(self.images, self.targets, BATCH_SIZE, seed=seed).repeat()
        steps = options.pop("steps_per_epoch", self.updates)
        return model.fit(training, steps_per_epoch=steps, verbose=0, **options).history

    def scores(self, kind: str = "adam") -> list[float]:
        """Return the accuracies of left and odd on the validation images, then on the test images."""
        found = []
        for images, targets in self.parts:
            answers = self.models[kind].predict_on_batch(images)
            found.append(np.mean(answers["left"].argmax(axis=1) == targets["left"]))
            found.append(np.mean((answers["odd"] > 0.5) == targets["odd"]))
        return found

    def runs(self, kind: str = "adam", **weights: float) -> np.ndarray:
        """Return the scores of all seeds, shape (seeds, 4)."""
        found = []
        for seed in range(self.seeds):
            self.train(seed, kind=kind, **weights)
            found.append(self.scores(kind))
        return np.array(found)


class Schedule(keras.callbacks.Callback):
    """Set a loss weight before each epoch."""

    def __init__(self, variable: keras.Variable, weights: list[float]) -> None:
        super().__init__()
        self.variable, self.weights = variable, weights

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the weight of this epoch."""
        self.variable.assign(self.weights[epoch])


class MeanAccuracy(keras.callbacks.Callback):
    """Add the mean of both validation accuracies to the logs; it must stand before what watches it."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add the mean."""
        logs["val_mean"] = (logs["val_left_accuracy"] + logs["val_odd_accuracy"]) / 2


def print_row(name: str, runs: np.ndarray, remark: str = "") -> None:
    """Print mean and standard deviation of each score, and of the mean of both test accuracies."""
    columns = np.column_stack([runs, runs[:, 2:].mean(axis=1)])
    stds = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.zeros(5)
    said = [f"{mean:.1%} ± {std:.1%}" for mean, std in zip(columns.mean(axis=0), stds, strict=True)]
    print(f"{name:34}" + "".join(f"{text:>16}" for text in said) + remark, flush=True)


def sweep_and_designs(experiment: Experiment) -> None:
    """Print the sweep over the weight of odd, and the designs that take its place."""
    sweep = {weight: experiment.runs(odd=weight) for weight in WEIGHTS}
    for weight, runs in sweep.items():
        print_row(f"weight of odd {weight:.3g}", runs)
    validation = np.array([runs[:, :2].mean(axis=1) for runs in sweep.values()])
    best = validation.argmax(axis=0)
    tuned = np.array([sweep[WEIGHTS[place]][seed] for seed, place in enumerate(best)])
    chosen = ", ".join(f"{WEIGHTS[place]:.3g}: {(best == place).sum()}" for place in sorted(set(best)))
    print()
    print_row("tuned on validation", tuned, f"   chosen {chosen}")
    print_row("sum of logarithms", experiment.runs("logs"))
    alone = np.array(experiment.runs(odd=0.0))
    alone[:, [1, 3]] = experiment.runs(left=0.0)[:, [1, 3]]
    print_row("each head alone (two networks)", alone)
    truth = experiment.parts[1][1]
    commonest = [np.bincount(values.ravel()).max() / len(values) for values in truth.values()]
    print(f"{'always the commonest label':34}{'':32}" + "".join(f"{share:>16.1%}" for share in commonest))


def schedules(experiment: Experiment) -> None:
    """Print what schedules give, and which epoch val_loss and a mean of accuracies choose."""
    epochs = experiment.updates // STEPS
    courses = {
        "odd from 3 to 0": np.linspace(3, 0, epochs),
        "odd stays at 3": np.full(epochs, 3.0),
        "odd from 0.1 to 10": np.geomspace(0.1, 10, epochs),
    }
    print()
    for name, course in courses.items():
        last, by_loss, by_mean, epochs_chosen = [], [], [], []
        for seed in range(experiment.seeds):
            scores: list[list[float]] = []
            note = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs, scores=scores: scores.append(experiment.scores())
            )
            images, targets = experiment.parts[0]
            history = experiment.train(
                seed,
                steps_per_epoch=STEPS,
                epochs=epochs,
                callbacks=[Schedule(experiment.weights["odd"], course), MeanAccuracy(), note],
                validation_data=data.batches(images, targets, 1000, shuffle=False),
                validation_steps=2,
            )
            chosen = int(np.argmin(history["val_loss"])), int(np.argmax(history["val_mean"]))
            last.append(scores[-1])
            by_loss.append(scores[chosen[0]])
            by_mean.append(scores[chosen[1]])
            epochs_chosen.append(chosen)
        first, second = 1 + np.mean(epochs_chosen, axis=0)
        print_row(f"{name}, last epoch", np.array(last))
        print_row(f"{name}, best val_loss", np.array(by_loss), f"   epoch {first:.1f} of {epochs}")
        print_row(f"{name}, best mean", np.array(by_mean), f"   epoch {second:.1f} of {epochs}")


def seed_sweep(source: str, seed: int, updates: int) -> np.ndarray:
    """Return the scores of one seed with each weight, shape (weights, 4): a task that makes all that it needs."""
    experiment = Experiment(source, seed + 1, updates)
    found = []
    for weight in WEIGHTS:
        experiment.train(seed, odd=weight)
        found.append(experiment.scores())
    return np.array(found)


def processor_seconds() -> float:
    """Return what this process and its finished children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def time_processes(experiment: Experiment, data_set: str, processes: int) -> None:
    """Print the time of the sweep in this process, and in several, one task for each seed."""

    def in_one() -> np.ndarray:
        return np.stack([experiment.runs(odd=weight) for weight in WEIGHTS], axis=1)

    def in_several() -> np.ndarray:
        tasks = (delayed(seed_sweep)(data_set, seed, experiment.updates) for seed in range(experiment.seeds))
        found = Parallel(n_jobs=processes)(tasks)
        get_reusable_executor().shutdown(wait=True)  # only finished processes are counted
        return np.array(found)

    results = []
    for name, sweep in {"1 process": in_one, f"{processes} processes": in_several}.items():
        wall, used = time.perf_counter(), processor_seconds()
        results.append(sweep())
        wall, used = time.perf_counter() - wall, processor_seconds() - used
        print(f"{name:12}: {wall:5.1f} s, {used:5.1f} s of processor time", flush=True)
    print(f"largest difference of a score: {np.abs(results[0] - results[1]).max():.4f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=200, help="updates in a run (default: 200)")
    parser.add_argument("--processes", type=int, help="only time the sweep, in one process and in this number")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < STEPS or options.updates % STEPS:
        parser.error(f"--seeds must be at least 1, and --updates a multiple of {STEPS}")
    if options.processes is not None and options.processes < 2:
        parser.error("--processes must be at least 2")
    experiment = Experiment(options.data, options.seeds, options.updates)
    print(
        f"{experiment.source}: {N_TRAIN:,} training images, {options.seeds} seeds, {options.updates:,} updates of ",
        end="",
    )
    print(f"{BATCH_SIZE}; mean ± standard deviation\n")
    if options.processes:
        time_processes(experiment, options.data, options.processes)
        return
    parts = ("left, val", "odd, val", "left, test", "odd, test", "mean, test")
    print(f"{'':34}" + "".join(f"{part:>16}" for part in parts))
    sweep_and_designs(experiment)
    schedules(experiment)


if __name__ == "__main__":
    main()
