"""Measure what lesson 4 compares with more seeds: thresholds, chains and their orders, and weights for rare labels.

    python benchmarks/multi_label.py --data digits
    python benchmarks/multi_label.py --data mnist --seeds 10

Up to three digits of half size in the four quarters of an image, as in lesson 4. The tables have scores on test images;
thresholds are chosen on validation images. "Orders" are other orders of the labels on the trunk of the first seed.
"""

from collections.abc import Callable

import numpy as np
from harness import Report, arguments, in_turns
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from training import Part, Trainer, halved, sigmoid, trunk

from mos_helpers import data

import keras  # isort: skip

RARE = [8, 9]
PARTNER = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
COLUMNS = ("elements", "exact", "micro F1", "macro F1", "samples F1", "mAP")
Split = dict[str, Part]


def splits(digits: data.Digits, **arguments: object) -> Split:
    """Return images and labels for training, validation and testing, made of three sets of digits."""
    kept = len(digits.x_train) * 8 // 10
    sources = {
        "train": (digits.x_train[:kept], digits.y_train[:kept], 10_000, 1),
        "validation": (digits.x_train[kept:], digits.y_train[kept:], 3_000, 2),
        "test": (digits.x_test, digits.y_test, 4_000, 3),
    }
    found = {}
    for name, (x, y, count, seed) in sources.items():
        images, targets = data.several_digits(halved(x), y, count, canvas=28, seed=seed, **arguments)
        found[name] = images.reshape(count, -1), targets["digits"]
    return found


class Network(Trainer):
    """The network of lesson 4, with the same first weights for every loss."""

    def __init__(self, seeds: int, loss: str | Callable) -> None:
        image = keras.Input((784,))
        features = keras.layers.Dense(48, activation="relu", name="features")(trunk(image, 96))
        model = keras.Model(image, sigmoid(10, "digits")(features))
        super().__init__(model, range(seeds))
        model.compile(keras.optimizers.Adam(0.002), loss=loss, steps_per_execution=100)
        self.features = keras.Model(image, features)

    def scores(self, score: Callable, split: Split, thresholds: object = 0.5) -> list[float]:
        """Return scores on the test images."""
        images, labels = split["test"]
        return score(labels, self.model.predict_on_batch(images), thresholds)

    def chosen(self, split: Split) -> np.ndarray:
        """Return for each label the threshold with the highest F1 on the validation images."""
        (images, labels), candidates = split["validation"], np.arange(0.05, 1, 0.05)
        stated = self.model.predict_on_batch(images)
        found = [f1_score(labels, stated > limit, average=None, zero_division=0) for limit in candidates]
        return candidates[np.argmax(found, axis=0)]


def scores(labels: np.ndarray, stated: np.ndarray, threshold: float | np.ndarray = 0.5) -> list[float]:
    """Return the scores named in COLUMNS."""
    predicted = stated > threshold
    right = predicted == labels
    f1 = [f1_score(labels, predicted, average=average, zero_division=0) for average in ("micro", "macro", "samples")]
    return [right.mean(), right.all(axis=1).mean(), *f1, average_precision_score(labels, stated)]


def rare_scores(labels: np.ndarray, stated: np.ndarray, threshold: float | np.ndarray = 0.5) -> list[float]:
    """Return what happens to the rare labels, to the others, and to whole images."""
    predicted = stated > threshold
    kinds = (recall_score, precision_score, f1_score)
    rare = [kind(labels[:, RARE], predicted[:, RARE], average="macro", zero_division=0) for kind in kinds]
    ranking = average_precision_score(labels[:, RARE], stated[:, RARE])
    others = f1_score(labels[:, :8], predicted[:, :8], average="macro")
    return [*rare, ranking, stated[:, RARE].mean(), others, (predicted == labels).all(axis=1).mean()]


def weighted_loss(weights: np.ndarray) -> Callable:
    """Return a binary cross-entropy in which a label that is there counts `weights` times."""
    weights = np.asarray(weights, "float32")

    def loss(targets: object, stated: object) -> object:
        stated = keras.ops.clip(stated, 1e-7, 1 - 1e-7)
        there = weights * targets * keras.ops.log(stated)
        return -keras.ops.mean(there + (1 - targets) * keras.ops.log(1 - stated), axis=-1)

    return loss


def thresholds(report: Report, split: Split, network: Network, seeds: int, updates: int) -> list:
    """Compare thresholds chosen for each label with one half; return the weights of each seed's network."""
    trained = []

    def run(way: str, seed: int) -> tuple[list[float], list[float]]:
        network.train(seed, *split["train"], updates)
        trained.append(network.model.get_weights())
        return network.scores(scores, split), network.scores(scores, split, network.chosen(split))

    table = report.table("one head of ten labels", COLUMNS, "number")
    runs = in_turns(run, ["sigmoid"], range(seeds))["sigmoid"]
    table.row("sigmoid", [at_half for at_half, _ in runs])
    table.row("sigmoid, thresholds chosen", [chosen for _, chosen in runs])
    table.row("chosen - 0.5", [np.subtract(chosen, at_half) for at_half, chosen in runs])
    truth = split["test"][1]
    table.row("no label at all", [scores(truth, np.zeros_like(truth))])
    table.row("every label", [scores(truth, np.ones_like(truth))])
    return trained


def chains(report: Report, title: str, split: Split, network: Network, trained: list) -> None:
    """Compare independent logistic regressions with chains, on the features of trained trunks."""
    features = []
    for weights in trained:
        network.model.set_weights(weights)
        features.append({name: network.features.predict_on_batch(images) for name, (images, _) in split.items()})
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))

    def chain(order: int, **options: object) -> ClassifierChain:
        return ClassifierChain(regression, order="random", random_state=order, **options)

    def fitted(estimator: BaseEstimator, seed: int) -> list[float]:
        with threadpool_limits(1):
            estimator.fit(features[seed]["train"][:4_000], split["train"][1][:4_000])
            stated = estimator.predict_proba(features[seed]["test"])
        stated = np.stack([column[:, 1] for column in stated], axis=1) if isinstance(stated, list) else stated
        return scores(split["test"][1], stated)

    ways = {
        "independent": lambda seed: fitted(MultiOutputClassifier(regression), seed),
        "chain": lambda seed: fitted(chain(seed), seed),
        "chain, probabilities": lambda seed: fitted(chain(seed, chain_method="predict_proba"), seed),
        "orders": lambda seed: fitted(chain(100 + seed), 0),
    }
    table = report.table(title, COLUMNS, "number")
    table.add(in_turns(lambda way, seed: ways[way](seed), ways, range(len(features))))


def rare_labels(report: Report, split: Split, networks: dict[str, Network], seeds: int, updates: int) -> None:
    """Compare three ways to make two rare labels count more."""
    images, labels = split["train"]
    weights = np.where(labels[:, RARE].any(axis=1), 5, 1).astype("float32")
    ways = {"plain": ("plain", None), "image weight 5": ("plain", weights), "label weight 5": ("weighted", None)}

    def run(way: str, seed: int) -> tuple[list[float], list[float]]:
        network, weights = networks[ways[way][0]], ways[way][1]
        network.train(seed, images, labels, updates, weights=weights)
        return network.scores(rare_scores, split), network.scores(rare_scores, split, network.chosen(split))

    columns = ("rare recall", "rare precision", "rare F1", "rare mAP", "rare stated", "other F1", "exact")
    table = report.table("rare labels", columns, "number")
    for way, runs in in_turns(run, ways, range(seeds)).items():
        table.row(way, [at_half for at_half, _ in runs])
        table.row(f"{way}, thresholds chosen", [chosen for _, chosen in runs])


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, seeds=5, updates=400).parse_args()
    with Report(options, "scores on 4,000 test images") as report:
        digits, rare = data.load_digits(options.data), np.isin(np.arange(10), RARE)
        networks = {
            "plain": Network(options.seeds, "binary_crossentropy"),
            "weighted": Network(options.seeds, weighted_loss(np.where(rare, 5, 1))),
        }
        plain = splits(digits)
        trained = thresholds(report, plain, networks["plain"], options.seeds, options.updates)
        chains(report, "labels drawn on their own", plain, networks["plain"], trained)
        followers = 0.02 + 0.8 * np.eye(10)[PARTNER]
        together = splits(digits, followers=followers)
        chains(report, "labels that come together", together, networks["plain"], trained)
        rare_split = splits(digits, weights=np.where(rare, 0.2, 1))
        rare_labels(report, rare_split, networks, options.seeds, options.updates)


if __name__ == "__main__":
    main()
