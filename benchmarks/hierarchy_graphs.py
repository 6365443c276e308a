"""Measure what a max constraint and its loss change in a graph of classes, with few labels and with many.

    python benchmarks/hierarchy_graphs.py --data digits
    python benchmarks/hierarchy_graphs.py --data mnist --seeds 50 --leaves all

Canvases of two digits and the graph of lesson 13: scores on 2,000 test canvases, and differences between designs, run
by run, in points. Each seed has training canvases of its own, the same for all designs. `--leaves` says which digits
have a class of their own: 3 and 9 as in the lesson ("two"), the odd ones, or all. The labels of another digit end at
the classes above it.
"""

import numpy as np
from harness import Report, arguments, in_turns
from sklearn.metrics import average_precision_score, f1_score
from training import Arrays, Trainer, canvases, sigmoid, trunk

from mos_helpers import data
from mos_helpers.hierarchy import ClassGraph, MaxConstraint, MaxConstraintLoss, hierarchical_scores

import keras  # isort: skip

N_TEST, COUNTS = 2_000, [300, 8_000]
FACTS = {
    "odd": [],
    "prime": [],
    "multiple of 3": [],
    "square": [],
    "odd prime": ["odd", "prime"],
    "odd square": ["odd", "square"],
    "odd multiple of 3": ["odd", "multiple of 3"],
}
# The most specific facts about each digit.
DIGITS = [
    ["multiple of 3", "square"],
    ["odd square"],
    ["prime"],
    ["odd prime", "odd multiple of 3"],
    ["square"],
    ["odd prime"],
    ["multiple of 3"],
    ["odd prime"],
    [],
    ["odd square", "odd multiple of 3"],
]
LEAVES = {"two": [3, 9], "odd": [1, 3, 5, 7, 9], "all": list(range(10))}
SCORES = ["violating", "exact", "micro F1", "AU(PRC)", "hP", "hR", "hF"]
DIFFERENCES = [
    ("max-constraint loss", "flat"),
    ("max-constraint loss", "flat, max afterwards"),
    ("max-constraint loss", "plain loss"),
    ("flat, max afterwards", "flat"),
]


class Experiment:
    """A graph, in which some digits have a class of their own, and a model for each loss."""

    def __init__(self, source: str, leaves: str, seeds: int, updates: int) -> None:
        self.digits, self.updates, self.seeds = data.load_digits(source), updates, range(seeds)
        self.graph = ClassGraph(FACTS | {str(digit): DIGITS[digit] for digit in LEAVES[leaves]})
        self.images_test, self.labels_test = self.canvases("test", N_TEST, 2)
        plain = self.network()
        models = {
            "flat": (self.network(), "binary_crossentropy"),
            "plain loss": (keras.Model(plain.input, MaxConstraint(self.graph)(plain.output)), "binary_crossentropy"),
            "max-constraint loss": (self.network(), MaxConstraintLoss(self.graph)),
        }
        for model, loss in models.values():
            model.compile(keras.optimizers.Adam(0.002), loss=loss, steps_per_execution=100)
        self.trainers = {name: Trainer(model, self.seeds) for name, (model, _) in models.items()}

    def canvases(self, part: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return canvases of two digits at half the resolution, one row each, and their closed label sets."""
        source = getattr(self.digits, f"x_{part}"), getattr(self.digits, f"y_{part}")
        images, targets = canvases(*source, n, seed)
        classes = self.graph.classes
        sets = np.zeros((10, len(classes)), dtype=np.float32)
        for digit in range(10):
            for name in [str(digit)] if str(digit) in classes else DIGITS[digit]:
                sets[digit, classes.index(name)] = 1
        return images, self.graph.close(np.maximum(sets[targets["left"]], sets[targets["right"]]))

    def network(self) -> keras.Model:
        """Return a network with a sigmoid for each class."""
        image = keras.Input((self.images_test.shape[1],))
        return keras.Model(image, sigmoid(len(self.graph.classes), "classes")(trunk(image, 64, 32)))

    def raised(self, probabilities: np.ndarray) -> np.ndarray:
        """Return for each class the largest probability among itself and its descendants."""
        return np.stack([probabilities[:, below > 0].max(axis=1) for below in self.graph.matrix()], axis=1)

    def lowered(self, probabilities: np.ndarray) -> np.ndarray:
        """Return for each class the smallest probability among itself and its ancestors."""
        return np.stack([probabilities[:, above > 0].min(axis=1) for above in self.graph.matrix().T], axis=1)

    def run(self, n: int, seed: int) -> dict[str, list[float]]:
        """Train on n canvases; return the scores of all designs."""
        images, labels = self.canvases("train", n, 100 + seed)
        found: Arrays = {}
        for name, trainer in self.trainers.items():
            trainer.train(seed, images, labels, self.updates, batch_size=64)
            found[name] = trainer.model.predict_on_batch(self.images_test)
        found["flat, max afterwards"] = self.raised(found["flat"])
        found["flat, min afterwards"] = self.lowered(found["flat"])
        found["max-constraint loss, no layer"] = found["max-constraint loss"]
        found["max-constraint loss"] = self.raised(found["max-constraint loss"])
        found["baseline: no label"] = np.zeros_like(self.labels_test)
        found["baseline: frequency of each label"] = np.tile(labels.mean(axis=0), (N_TEST, 1))
        sets, counts = np.unique(labels, axis=0, return_counts=True)
        found["baseline: the most frequent set"] = np.tile(sets[counts.argmax()], (N_TEST, 1))
        return {name: self.scores(probabilities) for name, probabilities in found.items()}

    def scores(self, probabilities: np.ndarray) -> list[float]:
        """Return the scores of probabilities, decided at one half."""
        labels, decided = self.labels_test, (probabilities > 0.5).astype(np.float32)
        return [
            (self.graph.violations(decided) > 0).mean(),
            (decided == labels).all(axis=1).mean(),
            f1_score(labels, decided, average="micro", zero_division=0),
            average_precision_score(labels, probabilities, average="micro"),
            *hierarchical_scores(labels, decided, self.graph).values(),
        ]


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, seeds=10, updates=400)
    leaves = ["two", "all"]
    parser.add_argument("--leaves", nargs="+", choices=LEAVES, default=leaves, help="digits with a class (two all)")
    options = parser.parse_args()
    with Report(options, f"scores on {N_TEST:,} test canvases") as report:
        for leaves in options.leaves:
            experiment = Experiment(options.data, leaves, options.seeds, options.updates)
            for n, runs in in_turns(experiment.run, COUNTS, experiment.seeds).items():
                title = f"{leaves}, {n:,} canvases"
                table = report.table(title, SCORES)
                for name in runs[0]:
                    table.row(name, [run[name] for run in runs])
                table = report.table(f"{title}: differences", SCORES, "points")
                for one, other in DIFFERENCES:
                    table.row(f"{one} - {other}", [np.subtract(run[one], run[other]) for run in runs])


if __name__ == "__main__":
    main()
