"""Measure what hidden labels cost, how the two reductions and dropping rows compare, and what re-weighting repairs.

    python benchmarks/missing_labels.py --data digits
    python benchmarks/missing_labels.py --data mnist --seeds 20 --updates 1000

Two overlapping digits, as in lesson 6: which digit is the left one, and is the right one odd? The tables have
accuracies on all test images. Each seed draws other first weights and hides other labels.
"""

import numpy as np
from harness import Report, arguments, in_turns
from training import Arrays, Trainer, commonest, left_and_odd, sigmoid, softmax, trunk

from mos_helpers import data

import keras  # isort: skip

N_TRAIN, N_TEST = 4_000, 2_000
REDUCTIONS = {"labels": "mean_with_sample_weight", "batch": "sum_over_batch_size"}
BY_CLASS = [(0.9, 0.1, 1), (0.5, 0.05, 1), (0.9, 0.1, 4)]  # known odd labels, known even labels, times the updates


def build(inputs: int, reduction: str, optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Return a compiled model with a ten-way head and a yes/no head on one trunk."""
    image = keras.Input((inputs,))
    features = trunk(image, 96, 48)
    model = keras.Model(image, {"left": softmax(10, "left")(features), "odd": sigmoid(1, "odd")(features)})
    losses = {
        "left": keras.losses.SparseCategoricalCrossentropy(reduction=reduction),
        "odd": keras.losses.BinaryCrossentropy(reduction=reduction),
    }
    model.compile(optimizer, losses, steps_per_execution=100)
    return model


class Experiment:
    """The images, the targets, and models that are trained again from each seed."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        digits = data.load_digits(source)
        self.images, self.targets = left_and_odd(digits.x_train, digits.y_train, N_TRAIN, seed=1)
        self.images_test, self.truth = left_and_odd(digits.x_test, digits.y_test, N_TEST, seed=2)
        self.seeds, self.updates, inputs = range(seeds), updates, self.images.shape[1]
        models = {}
        for over, reduction in REDUCTIONS.items():
            models["Adam", over] = build(inputs, reduction, keras.optimizers.Adam(0.001))
            models["SGD", over] = build(inputs, reduction, keras.optimizers.SGD(0.1, momentum=0.9))
        self.trainers = {kind: Trainer(model, self.seeds) for kind, model in models.items()}

    def answers(
        self, kind: tuple[str, str], seed: int, weights: Arrays, rows: np.ndarray | None = None, times: int = 1
    ) -> Arrays:
        """Train from one seed, on all rows or some; return the answers to the test images."""
        rows = np.ones(N_TRAIN, bool) if rows is None else rows
        targets = {name: np.where(weights[name] > 0, self.targets[name], 0)[rows] for name in self.targets}
        weights = {name: weight[rows].astype("float32") for name, weight in weights.items()}
        trainer = self.trainers[kind]
        trainer.train(seed, self.images[rows], targets, times * self.updates, weights=weights)
        return trainer.classes(self.images_test)

    def scores(self, answers: Arrays) -> list[float]:
        """Return the accuracy of each head on all test images."""
        return [np.mean(answers[name] == truth) for name, truth in self.truth.items()]


def at_random(report: Report, experiment: Experiment, share: float, both: bool) -> None:
    """Compare ways to train with the labels of one head or of both hidden at random."""
    ways = {f"{kind}, mean over {over}": (kind, over) for kind, over in experiment.trainers}
    ways["Adam, complete rows only"] = ("Adam", "labels")

    def run(way: str, seed: int) -> list[float]:
        known = {
            "left": data.hide_labels(N_TRAIN, share if both else 1.0, seed=100 * seed),
            "odd": data.hide_labels(N_TRAIN, share, seed=100 * seed + 1),
        }
        rows = known["left"] & known["odd"] if "complete" in way else None
        if rows is not None and rows.sum() < 128:
            return [np.nan, np.nan]
        return experiment.scores(experiment.answers(ways[way], seed, known, rows))

    used = list(ways) if share < 1 else [way for way in ways if "labels" in way]
    table = report.table(f"labels of {'both heads' if both else 'odd'} known for {share:.0%}", ["left", "odd"])
    table.add(in_turns(run, used, experiment.seeds))


def by_class(report: Report, experiment: Experiment, keep_odd: float, keep_even: float, times: int) -> None:
    """Show true and estimated accuracies of the head odd, whose labels are hidden by their class."""
    odd, odd_test = experiment.targets["odd"], experiment.truth["odd"]
    keep, keep_test = (np.where(labels == 1, keep_odd, keep_even) for labels in (odd, odd_test))
    ways = ["hidden by class, weights 1", "hidden by class, weights 1/p", "as many hidden at random"]

    def run(way: str, seed: int) -> list[float]:
        known = data.hide_labels(N_TRAIN, keep.mean() if "random" in way else keep, seed=100 * seed + 1)
        weights = {"left": np.ones(N_TRAIN), "odd": known / keep if "1/p" in way else known}
        answers = experiment.answers(("Adam", "labels"), seed, weights, times=times)["odd"]
        right, known_test = answers == odd_test, data.hide_labels(N_TEST, keep_test, seed=100 * seed + 50)
        weight = known_test / keep_test
        estimates = [right[known_test].mean(), (weight * right).mean(), (weight * right).sum() / weight.sum()]
        return [right.mean(), right[odd_test == 0].mean(), answers.mean(), *estimates]

    columns = ["odd", "on even digits", "predicts odd", "labelled rows", "sum of 1/p", "mean by 1/p"]
    title = f"{keep_odd:.0%} of odd and {keep_even:.0%} of even, {times * experiment.updates} updates"
    table = report.table(title, columns)
    table.add(in_turns(run, ways, experiment.seeds))


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, seeds=10, updates=300).parse_args()
    with Report(options, f"{N_TRAIN:,} training images, accuracy on {N_TEST:,} test images") as report:
        experiment = Experiment(options.data, options.seeds, options.updates)
        baseline = {name: commonest(labels) for name, labels in experiment.targets.items()}
        table = report.table("baseline", ["left", "odd"])
        table.row("always the most frequent label", [experiment.scores(baseline)])
        for share, both in [(1.0, False), (0.5, False), (0.2, False), (0.05, False), (0.3, True), (0.1, True)]:
            at_random(report, experiment, share, both)
        for keep_odd, keep_even, times in BY_CLASS:
            by_class(report, experiment, keep_odd, keep_even, times)


if __name__ == "__main__":
    main()
