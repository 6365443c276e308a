"""Compare the plain sum with PCGrad, MGDA and separate networks, after choosing a learning rate for each.

    python benchmarks/gradient_conflict.py --data digits
    python benchmarks/gradient_conflict.py --data mnist --seeds 20 --updates 1000

Two overlapping digits, and the digit with its oddness, as in lesson 9. The learning rate of each design is the one with
the best mean accuracy on validation images, over two seeds that are not used again; the validation images are made of
training digits that are in no training image. The tables have accuracies on the test images.
"""

import numpy as np
from harness import Report, arguments, in_turns
from training import Part, Trainer, accuracies, canvases, commonest, rows, sigmoid, softmax, split, trunk

from mos_helpers import data
from mos_helpers.balancing import MGDA, PCGrad

import keras  # isort: skip

N_TRAIN, N_TEST = 8_000, 2_000
UNITS, SEPARATE_UNITS = 96, 52
RATES = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064]
TUNING_SEEDS = [1000, 1001]
KINDS = {"sum": keras.Model, "PCGrad": PCGrad, "MGDA": MGDA, "separate networks": keras.Model}


def digit_and_odd(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> Part:
    """Return at most n single digits, and whether they are odd."""
    chosen = np.random.default_rng(seed).permutation(len(x))[:n]
    return rows(x[chosen]), {"digit": y[chosen], "odd": y[chosen] % 2}


def build(design: str, inputs: int, heads: dict[str, int]) -> keras.Model:
    """Return a compiled model of a design."""
    image = keras.Input((inputs,))
    if design == "separate networks":
        features = {name: trunk(image, SEPARATE_UNITS, SEPARATE_UNITS // 2) for name in heads}
    else:
        features = dict.fromkeys(heads, trunk(image, UNITS, UNITS // 2))
    outputs = {n: (softmax if k > 1 else sigmoid)(k, n)(features[n]) for n, k in heads.items()}
    losses = {n: "sparse_categorical_crossentropy" if k > 1 else "binary_crossentropy" for n, k in heads.items()}
    model = KINDS[design](image, outputs)
    model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
    return model


class Experiment:
    """Images, targets and one compiled model for each design."""

    def __init__(self, digits: data.Digits, pair: str, heads: dict[str, int], updates: int, seeds: int) -> None:
        make = canvases if pair == "left and right" else digit_and_odd
        self.parts = split(digits, make, N_TRAIN, N_TEST, kept=0.8)
        self.heads, self.updates = heads, updates
        models = {design: build(design, self.parts["train"][0].shape[1], heads) for design in KINDS}
        self.trainers = {d: Trainer(model, [*range(seeds), *TUNING_SEEDS]) for d, model in models.items()}
        self.rates = {design: self.best_rate(design) for design in KINDS}

    def scores(self, design: str, seed: int, rate: float, part: str) -> list[float]:
        """Train from one seed; return the accuracy of each head, and how often both are right."""
        trainer, (images, truth) = self.trainers[design], self.parts[part]
        trainer.model.optimizer.learning_rate = rate
        trainer.train(seed, *self.parts["train"], self.updates)
        return accuracies(trainer.classes(images), truth, list(self.heads))

    def test_scores(self, design: str, seed: int) -> list[float]:
        """Return the scores on the test images with the best learning rate."""
        return self.scores(design, seed, self.rates[design], "test")

    def best_rate(self, design: str) -> float:
        """Return the learning rate with the best accuracy on validation, as a mean over heads and two seeds."""
        means = in_turns(lambda rate, seed: self.scores(design, seed, rate, "validation")[:2], RATES, TUNING_SEEDS)
        return max(RATES, key=lambda rate: np.mean(means[rate]))


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, seeds=10, updates=400).parse_args()
    with Report(options, "accuracy on test images") as report:
        digits = data.load_digits(options.data)
        for pair, heads in [("left and right", {"left": 10, "right": 10}), ("digit and odd", {"digit": 10, "odd": 1})]:
            experiment = Experiment(digits, pair, heads, options.updates, options.seeds)
            runs = in_turns(experiment.test_scores, KINDS, range(options.seeds))
            table = report.table(pair, [*heads, "both"])
            for design, found in runs.items():
                parameters = experiment.trainers[design].model.count_params()
                table.row(design, found, f"{parameters:,} parameters, learning rate {experiment.rates[design]:g}")
            truth = experiment.parts["test"][1].values()
            table.row("always the most frequent label", [[np.mean(labels == commonest(labels)) for labels in truth]])


if __name__ == "__main__":
    main()
