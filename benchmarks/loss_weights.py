"""Measure what loss weights do to two heads on one trunk, and what takes their place, over several seeds.

    python benchmarks/loss_weights.py --data digits
    python benchmarks/loss_weights.py --data mnist --seeds 20 --updates 1000

Two overlapping digits, as in lesson 7: which digit is the left one, and is the right one odd? The tables have the
accuracies on validation and test images. A weight is tuned on the validation images of each seed, and the best epoch of
a schedule is chosen on them; nothing is chosen on the test images.
"""

import numpy as np
from harness import Report, arguments, in_turns
from training import SumOfLogarithms, Trainer, commonest, first_weights, left_and_odd, sigmoid, softmax, split, trunk

from mos_helpers import data

import keras  # isort: skip

N_TRAIN, N_OTHER, STEPS = 4_000, 2_000, 20
BASELINE_RATIO = float(np.log(10) / np.log(2))  # of the losses of a model that knows nothing
WEIGHTS = [0.01, 0.03, 0.1, 0.3, 1, BASELINE_RATIO, 10, 30, 128]
COLUMNS = ["left, val", "odd, val", "left, test", "odd, test", "mean, test"]


class Experiment:
    """The images, the targets, and models that are trained again from each seed."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        self.parts = split(data.load_digits(source), left_and_odd, N_TRAIN, N_OTHER)
        self.seeds, self.updates = range(seeds), updates
        self.weights = {name: keras.Variable(1.0, trainable=False) for name in ("left", "odd")}
        image = keras.Input((self.parts["train"][0].shape[1],))
        features = trunk(image, 64, 32)
        heads = {"left": softmax(10, "left")(features), "odd": sigmoid(1, "odd")(features)}
        first = first_weights(keras.Model(image, heads), self.seeds)
        self.trainers = {}
        for kind, weights in ((keras.Model, self.weights), (SumOfLogarithms, None)):
            losses = {"left": keras.losses.SparseCategoricalCrossentropy(), "odd": keras.losses.BinaryCrossentropy()}
            model = kind(image, heads)
            model.compile("adam", losses, loss_weights=weights, steps_per_execution=STEPS)
            self.trainers[kind] = Trainer(model, self.seeds, first)

    def train(self, seed: int, left: float, odd: float, kind: type = keras.Model, **fit: object) -> dict:
        """Train from one seed; return the history."""
        self.weights["left"].assign(left)
        self.weights["odd"].assign(odd)
        updates = STEPS if "epochs" in fit else self.updates
        return self.trainers[kind].train(seed, *self.parts["train"], updates, **fit).history

    def scores(self, kind: type = keras.Model) -> list[float]:
        """Return the scores of `COLUMNS`."""
        found = []
        for part in ("validation", "test"):
            images, targets = self.parts[part]
            classes = self.trainers[kind].classes(images)
            found += [np.mean(classes[name] == truth) for name, truth in targets.items()]
        return [*found, np.mean(found[2:])]


def sweep(report: Report, experiment: Experiment) -> None:
    """Show the sweep over the weight of odd, and the designs that take its place."""

    def run(way: tuple, seed: int) -> list[float]:
        left, odd, *kind = way
        experiment.train(seed, left, odd, *kind)
        return experiment.scores(*kind)

    ways = [*((1.0, weight) for weight in WEIGHTS), (1.0, 1.0, SumOfLogarithms), (1.0, 0.0), (0.0, 1.0)]
    found = {way: np.array(runs) for way, runs in in_turns(run, ways, experiment.seeds).items()}
    table = report.table("sweep", COLUMNS)
    for weight in WEIGHTS:
        table.row(f"weight of odd {weight:.3g}", found[1.0, weight])
    means = np.array([found[1.0, weight][:, :2].mean(axis=1) for weight in WEIGHTS])
    chosen = [WEIGHTS[place] for place in means.argmax(axis=0)]
    tuned = np.array([found[1.0, weight][seed] for seed, weight in enumerate(chosen)])
    table.row("tuned on validation", tuned, "chosen " + " ".join(f"{weight:.3g}" for weight in chosen))
    table.row("sum of logarithms", found[1.0, 1.0, SumOfLogarithms])
    left, odd = found[1.0, 0.0], found[0.0, 1.0]
    alone = np.stack([left[:, 0], odd[:, 1], left[:, 2], odd[:, 3]], axis=1)
    table.row("each head alone (two networks)", np.column_stack([alone, alone[:, 2:].mean(axis=1)]))
    truth = experiment.parts["test"][1].values()
    baseline = [np.mean(labels == commonest(labels)) for labels in truth]
    table.row("always the commonest label", dict(zip(COLUMNS[2:], [*baseline, np.mean(baseline)], strict=True)))
    report.table("the weight that was tuned", ["weight"], "number").row("weight of odd", {"weight": chosen})


class Schedule(keras.callbacks.Callback):
    """Set a loss weight before each epoch, and note the scores after it."""

    def __init__(self, experiment: Experiment, weights: np.ndarray) -> None:
        super().__init__()
        self.experiment, self.weights, self.scores = experiment, weights, []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the weight of this epoch."""
        self.experiment.weights["odd"].assign(self.weights[epoch])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Note the scores."""
        self.scores.append(self.experiment.scores())


def schedules(report: Report, experiment: Experiment) -> None:
    """Show what schedules give, and which epoch val_loss and a mean of accuracies choose."""
    epochs = experiment.updates // STEPS
    courses = {
        "odd from 3 to 0": np.linspace(3, 0, epochs),
        "odd stays at 3": np.full(epochs, 3.0),
        "odd from 0.1 to 10": np.geomspace(0.1, 10, epochs),
    }
    images, targets = experiment.parts["validation"]
    validation = data.batches(images, targets, 1000, shuffle=False)

    def run(name: str, seed: int) -> dict[str, list[float]]:
        schedule = Schedule(experiment, courses[name])
        settings = {"epochs": epochs, "callbacks": [schedule], "validation_data": validation, "validation_steps": 2}
        history = experiment.train(seed, 1.0, 1.0, **settings)
        by_loss, by_mean = np.argmin(history["val_loss"]), np.argmax([sum(score[:2]) for score in schedule.scores])
        chosen = {"last epoch": epochs - 1, "best val_loss": by_loss, "best mean": by_mean}
        return {way: [*schedule.scores[epoch], epoch + 1] for way, epoch in chosen.items()}

    table = report.table("schedules", dict.fromkeys(COLUMNS, "share") | {"epoch": "number"})
    for name, runs in in_turns(run, courses, experiment.seeds).items():
        for way in runs[0]:
            table.row(f"{name}, {way}", [found[way] for found in runs])


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, seeds=10, updates=200, multiple=STEPS).parse_args()
    with Report(options, f"{N_TRAIN:,} training images, accuracy") as report:
        experiment = Experiment(options.data, options.seeds, options.updates)
        sweep(report, experiment)
        schedules(report, experiment)


if __name__ == "__main__":
    main()
