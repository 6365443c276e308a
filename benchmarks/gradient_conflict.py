"""Compare the plain sum with PCGrad, MGDA and separate networks, after choosing a learning rate for each.

    python benchmarks/gradient_conflict.py --data digits              10 seeds, 400 updates of 128 images
    python benchmarks/gradient_conflict.py --data mnist --seeds 20 --updates 1000

Two overlapping digits, and the digit with its oddness, as in lesson 9. The learning rate of each design is the one with
the best mean accuracy on validation images, over two seeds that are not used again; the validation images are made of
training digits that are in no training image. The table has mean and standard deviation on the test images.
"""

import argparse
from collections.abc import Callable

import numpy as np

from mos_helpers import data
from mos_helpers.balancing import MGDA, PCGrad
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_TEST, BATCH_SIZE = 8_000, 2_000, 128
UNITS, SEPARATE_UNITS = 96, 52
RATES = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064]
TUNING_SEEDS = [1000, 1001]
Arrays = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def canvas(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, Arrays]:
    """Return images with two digits, and both digits."""
    images, targets = data.two_digits(x, y, n, seed=seed)
    return prepare(images), targets


def digit_and_odd(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, Arrays]:
    """Return at most n single digits, and whether they are odd."""
    rows = np.random.default_rng(seed).permutation(len(x))[:n]
    return prepare(x[rows]), {"digit": y[rows], "odd": y[rows] % 2}


def build(design: str, inputs: int, heads: dict[str, int]) -> keras.Model:
    """Return a model of a design, not compiled."""
    image = keras.Input((inputs,))
    units = SEPARATE_UNITS if design == "separate" else UNITS

    def trunk() -> keras.KerasTensor:
        hidden = keras.layers.Dense(units, activation="relu")(image)
        return keras.layers.Dense(units // 2, activation="relu")(hidden)

    common = None if design == "separate" else trunk()
    outputs = {
        name: keras.layers.Dense(number, "softmax" if number > 1 else "sigmoid", name=name)(
            trunk() if common is None else common
        )
        for name, number in heads.items()
    }
    kinds = {"PCGrad": PCGrad, "MGDA": MGDA}
    return kinds.get(design, keras.Model)(image, outputs)


class Experiment:
    """Images, targets and one compiled model for each design, trained again from each seed."""

    def __init__(
        self, digits: data.Digits, make: Callable, heads: dict[str, int], updates: int, seeds: list[int]
    ) -> None:
        fit = np.random.default_rng(9).permutation(len(digits.x_train))
        kept = fit[: len(fit) * 4 // 5]
        held_out = fit[len(fit) * 4 // 5 :]
        self.images, self.targets = make(digits.x_train[kept], digits.y_train[kept], N_TRAIN, 1)
        self.validation = make(digits.x_train[held_out], digits.y_train[held_out], N_TEST, 2)
        self.test = make(digits.x_test, digits.y_test, N_TEST, 3)
        self.heads, self.updates, self.models = heads, updates, {}
        losses = {n: "sparse_categorical_crossentropy" if k > 1 else "binary_crossentropy" for n, k in heads.items()}
        for design in ("sum", "PCGrad", "MGDA", "separate"):
            model = build(design, self.images.shape[1], heads)
            model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
            self.models[design] = model
        # All first weights before the first `fit`: `set_random_seed` makes TensorFlow compile a model anew.
        self.first = {(d, seed): self._drawn(m, seed) for d, m in self.models.items() for seed in seeds}

    @staticmethod
    def _drawn(model: keras.Model, seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        return keras.models.clone_model(model).get_weights()

    def answers(self, design: str, seed: int, rate: float, images: np.ndarray) -> Arrays:
        """Train from one seed, and return the answers to some images."""
        model = self.models[design]
        restart(model, self.first[design, seed])
        model.optimizer.learning_rate = rate
        training = data.batches(self.images, self.targets, BATCH_SIZE, seed=seed).repeat()
        model.fit(training, steps_per_epoch=self.updates, verbose=0)
        found = model.predict(images, batch_size=1000, verbose=0)
        return {n: f.argmax(axis=1) if f.shape[1] > 1 else (f[:, 0] > 0.5).astype(int) for n, f in found.items()}

    def scores(self, design: str, seed: int, rate: float, part: tuple[np.ndarray, Arrays]) -> list[float]:
        """Return the accuracy of each head, and how often both are right."""
        found = self.answers(design, seed, rate, part[0])
        right = np.stack([found[name] == part[1][name] for name in self.heads])
        return [*right.mean(axis=1), right.all(axis=0).mean()]

    def best_rate(self, design: str) -> float:
        """Return the learning rate with the best accuracy on validation, as a mean over heads and two seeds."""
        means = [
            np.mean([self.scores(design, seed, rate, self.validation)[:2] for seed in TUNING_SEEDS]) for rate in RATES
        ]
        return RATES[int(np.argmax(means))]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=400, help="updates in a run, a multiple of 100 (default: 400)")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 1, and --updates a multiple of 100")

    digits = data.load_digits(options.data)
    print(f"{digits.source}: {options.seeds} seeds, {options.updates:,} updates of {BATCH_SIZE}; ", end="")
    print("mean ± standard deviation")
    for make, heads in [(canvas, {"left": 10, "right": 10}), (digit_and_odd, {"digit": 10, "odd": 1})]:
        seeds = [*range(options.seeds), *TUNING_SEEDS]
        experiment = Experiment(digits, make, heads, options.updates, seeds)
        baseline = [np.mean(t == np.bincount(t).argmax()) for t in experiment.test[1].values()]
        print(f"\n{'':12}{'rate':>8}{'weights':>10}" + "".join(f"{name:>16}" for name in [*heads, "both"]))
        for design, model in experiment.models.items():
            rate = experiment.best_rate(design)
            rows = [experiment.scores(design, seed, rate, experiment.test) for seed in range(options.seeds)]
            means, stds = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(3)
            said = "".join(f"{f'{a:.1%} ± {b:.1%}':>16}" for a, b in zip(means, stds, strict=True))
            print(f"{design:12}{rate:8g}{model.count_params():10,}{said}", flush=True)
        print(f"{'always the most frequent label':30}" + "".join(f"{share:>16.1%}" for share in baseline))


if __name__ == "__main__":
    main()
