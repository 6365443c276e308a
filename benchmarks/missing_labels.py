"""Measure what hidden labels cost, how the two reductions and dropping rows compare, and what re-weighting repairs.

    python benchmarks/missing_labels.py --data digits              10 seeds, 300 updates of 128 images
    python benchmarks/missing_labels.py --data mnist --seeds 20 --updates 1000

Two overlapping digits, as in lesson 6: which digit is the left one, and is the right one odd? Mean and standard
deviation of the accuracies on all test images. Each seed draws other first weights and hides other labels.
"""

import argparse

import numpy as np

from mos_helpers import data
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_TEST, BATCH_SIZE = 4_000, 2_000, 128
DILUTED, REPAIRED = "sum_over_batch_size", "mean_with_sample_weight"
Arrays = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def build(inputs: int, reduction: str, optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Return a compiled model with a ten-way head and a yes/no head on one trunk."""
    image = keras.Input((inputs,))
    trunk = keras.layers.Dense(96, activation="relu")(image)
    trunk = keras.layers.Dense(48, activation="relu")(trunk)
    outputs = {
        "left": keras.layers.Dense(10, activation="softmax", name="left")(trunk),
        "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
    }
    losses = {
        "left": keras.losses.SparseCategoricalCrossentropy(reduction=reduction),
        "odd": keras.losses.BinaryCrossentropy(reduction=reduction),
    }
    model = keras.Model(image, outputs)
    model.compile(optimizer=optimizer, loss=losses, steps_per_execution=100)
    return model


class Experiment:
    """The images, the targets, and models that are trained again from each seed."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        digits = data.load_digits(source)
        canvas, targets = data.two_digits(digits.x_train, digits.y_train, N_TRAIN, seed=1)
        canvas_test, targets_test = data.two_digits(digits.x_test, digits.y_test, N_TEST, seed=2)
        self.source, self.seeds, self.updates = digits.source, seeds, updates
        self.images, self.images_test = prepare(canvas), prepare(canvas_test)
        self.targets = {"left": targets["left"], "odd": targets["right"] % 2}
        self.targets_test = {"left": targets_test["left"], "odd": targets_test["right"] % 2}
        inputs = self.images.shape[1]
        self.models = {
            ("adam", reduction): build(inputs, reduction, keras.optimizers.Adam(0.001))
            for reduction in (DILUTED, REPAIRED)
        }
        self.models |= {
            ("sgd", reduction): build(inputs, reduction, keras.optimizers.SGD(0.1, momentum=0.9))
            for reduction in (DILUTED, REPAIRED)
        }

    def known(self, seed: int, share: float | np.ndarray, head: int) -> np.ndarray:
        """Return which labels of a head are known."""
        return data.hide_labels(N_TRAIN, share, seed=100 * seed + head)

    def answers(
        self,
        seed: int,
        weights: Arrays,
        kind: tuple[str, str] = ("adam", REPAIRED),
        rows: np.ndarray | None = None,
        updates: int | None = None,
    ) -> Arrays:
        """Train from one seed on some rows; return the answers to the test images."""
        rows = np.ones(N_TRAIN, bool) if rows is None else rows
        model = self.models[kind]
        keras.utils.set_random_seed(seed)
        restart(model, keras.models.clone_model(model).get_weights())
        targets = {name: np.where(weights[name] > 0, self.targets[name], 0)[rows] for name in self.targets}
        weights = {name: weight[rows].astype("float32") for name, weight in weights.items()}
        training = data.batches(self.images[rows], targets, BATCH_SIZE, sample_weight=weights, seed=seed).repeat()
        model.fit(training, steps_per_epoch=updates or self.updates, verbose=0)
        found = model.predict(self.images_test, batch_size=1000, verbose=0)
        return {"left": found["left"].argmax(axis=1), "odd": (found["odd"][:, 0] > 0.5).astype(int)}

    def scores(self, answers: Arrays) -> list[float]:
        """Return the accuracy of each head on all test images."""
        return [np.mean(answers[name] == truth) for name, truth in self.targets_test.items()]

    def at_random(self, share: float, both: bool) -> dict[str, list[list[float]]]:
        """Return the scores of each way to train, with the labels of one head or of both hidden at random."""
        rows: dict[str, list[list[float]]] = {}
        for seed in range(self.seeds):
            known = {
                "left": self.known(seed, share if both else 1.0, head=0),
                "odd": self.known(seed, share, head=1),
            }
            complete = known["left"] & known["odd"]
            ways = {"all rows, mean over labels": {}, "SGD: mean over labels": {"kind": ("sgd", REPAIRED)}}
            if share < 1:
                ways |= {
                    "all rows, mean over batch": {"kind": ("adam", DILUTED)},
                    "SGD: mean over batch": {"kind": ("sgd", DILUTED)},
                    "complete rows only": {"rows": complete},
                }
            for name, options in ways.items():
                if "rows" not in options or complete.sum() >= BATCH_SIZE:
                    rows.setdefault(name, []).append(self.scores(self.answers(seed, known, **options)))
        return rows

    def not_at_random(self, keep_odd: float, keep_even: float, updates: int) -> dict[str, list[list[float]]]:
        """Return true and estimated accuracies of the head odd, whose labels are hidden by their class."""
        odd, odd_test = self.targets["odd"], self.targets_test["odd"]
        keep, keep_test = (np.where(labels == 1, keep_odd, keep_even) for labels in (odd, odd_test))
        rows: dict[str, list[list[float]]] = {}
        for seed in range(self.seeds):
            left, known = np.ones(N_TRAIN), self.known(seed, keep, head=1)
            ways = {
                "hidden by class, weights 1": known,
                "hidden by class, weights 1/p": known / keep,
                "as many hidden at random": self.known(seed, keep.mean(), head=1),
            }
            known_test = data.hide_labels(N_TEST, keep_test, seed=100 * seed + 50)
            weight = known_test / keep_test
            for name, weights in ways.items():
                answers = self.answers(seed, {"left": left, "odd": weights}, updates=updates)["odd"]
                right = answers == odd_test
                rows.setdefault(name, []).append(
                    [
                        right.mean(),
                        right[odd_test == 0].mean(),
                        answers.mean(),
                        right[known_test].mean(),
                        (weight * right).mean(),
                        (weight * right).sum() / weight.sum(),
                    ]
                )
        return rows


def print_rows(rows: dict[str, list[list[float]]], columns: list[str]) -> None:
    """Print mean and standard deviation of each score."""
    print(f"{'':30}" + "".join(f"{column:>16}" for column in columns))
    for name, runs in rows.items():
        means, stds = (
            np.mean(runs, axis=0),
            np.std(runs, axis=0, ddof=1) if len(runs) > 1 else np.zeros(len(runs[0])),
        )
        said = "".join(f"{f'{mean:.1%} ± {std:.1%}':>16}" for mean, std in zip(means, stds, strict=True))
        print(f"{name:30}{said}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=300, help="updates in a run, a multiple of 100 (default: 300)")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 1, and --updates a multiple of 100")

    experiment = Experiment(options.data, options.seeds, options.updates)
    print(f"{experiment.source}: {N_TRAIN:,} training and {N_TEST:,} test images, {options.seeds} seeds, ", end="")
    print(f"{options.updates:,} updates of {BATCH_SIZE}; mean ± standard deviation")
    baseline = experiment.scores({name: np.bincount(truth).argmax() for name, truth in experiment.targets.items()})
    print_rows({"always the most frequent label": [baseline]}, ["left", "odd"])
    for both in (False, True):
        for share in [0.3, 0.1] if both else [1.0, 0.5, 0.2, 0.05]:
            print(f"\nlabels of {'both heads, each' if both else 'odd'} known for {share:.0%}")
            print_rows(experiment.at_random(share, both), ["left", "odd"])
    columns = ["odd", "on even digits", "says odd", "labelled rows", "sum of 1/p", "mean by 1/p"]
    for keep_odd, keep_even, passes in [(0.9, 0.1, 1), (0.5, 0.05, 1), (0.9, 0.1, 4)]:
        updates = passes * options.updates
        print(f"\nlabels known for {keep_odd:.0%} of the odd and {keep_even:.0%} of the even; {updates} updates")
        print_rows(experiment.not_at_random(keep_odd, keep_even, updates), columns)


if __name__ == "__main__":
    main()
