"""Measure what lesson 4 compares: softmax and sigmoid, thresholds, chains, and weights for rare labels.

    python benchmarks/multi_label.py --data digits              5 seeds
    python benchmarks/multi_label.py --data mnist --seeds 10

Up to three digits of half size in the four quarters of an image, as in lesson 4: mean and standard deviation of the
scores on test images. Thresholds are chosen on validation images. The baselines stand beside them.
"""

import argparse
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mos_helpers import data
from mos_helpers.training import restart

import keras  # isort: skip

UPDATES, LEARNING_RATE = 400, 0.002
RARE = [8, 9]
PARTNER = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
COLUMNS = ("elements", "exact", "micro F1", "macro F1", "samples F1", "mAP")
Split = dict[str, tuple[np.ndarray, np.ndarray]]


def splits(digits: data.Digits, **arguments: object) -> Split:
    """Return images and labels for training, validation and testing, made of three sets of digits."""
    n, height, width = digits.x_train.shape

    def halved(images: np.ndarray) -> np.ndarray:
        return images.reshape(-1, height // 2, 2, width // 2, 2).mean(axis=(2, 4))

    kept = n * 8 // 10
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


def network(activation: str = "sigmoid") -> keras.Model:
    """Return the network of lesson 4."""
    image = keras.Input((784,))
    hidden = keras.layers.Dense(96, activation="relu")(image)
    features = keras.layers.Dense(48, activation="relu", name="features")(hidden)
    return keras.Model(image, {"digits": keras.layers.Dense(10, activation=activation, name="digits")(features)})


def compiled(loss: str | Callable, activation: str = "sigmoid") -> keras.Model:
    """Return a network that is ready to train."""
    model = network(activation)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss={"digits": loss}, steps_per_execution=100)
    return model


def train(model: keras.Model, images: np.ndarray, labels: np.ndarray, seed: int, weights: object = None) -> None:
    """Train a compiled model from new random weights."""
    keras.utils.set_random_seed(seed)
    restart(model, network().get_weights())
    training = data.batches(images, {"digits": labels}, sample_weight=weights, seed=seed).repeat()
    model.fit(training, steps_per_epoch=UPDATES, verbose=0)


def answer(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of the ten labels."""
    return model.predict_on_batch(images)["digits"]


def scores(labels: np.ndarray, stated: np.ndarray, threshold: float | np.ndarray = 0.5) -> list[float]:
    """Return the scores named in COLUMNS."""
    predicted = stated > threshold
    f1 = [f1_score(labels, predicted, average=average, zero_division=0) for average in ("micro", "macro", "samples")]
    return [
        (predicted == labels).mean(),
        (predicted == labels).all(axis=1).mean(),
        *f1,
        average_precision_score(labels, stated),
    ]


def thresholds(labels: np.ndarray, stated: np.ndarray) -> np.ndarray:
    """Return for each label the threshold with the highest F1."""
    candidates = np.arange(0.05, 1, 0.05)
    found = [f1_score(labels, stated > limit, average=None, zero_division=0) for limit in candidates]
    return candidates[np.argmax(found, axis=0)]


def weighted_loss(weights: np.ndarray) -> Callable:
    """Return a binary cross-entropy in which a label that is there counts `weights` times."""
    weights = np.asarray(weights, "float32")

    def loss(targets: object, stated: object) -> object:
        stated = keras.ops.clip(stated, 1e-7, 1 - 1e-7)
        there = weights * targets * keras.ops.log(stated)
        return -keras.ops.mean(there + (1 - targets) * keras.ops.log(1 - stated), axis=-1)

    return loss


def print_table(title: str, columns: tuple[str, ...], rows: dict[str, list]) -> None:
    """Print mean and standard deviation of each score."""
    print(f"\n{title:34}" + "".join(f"{column:>15}" for column in columns))
    for name, runs in rows.items():
        means = np.mean(runs, axis=0)
        stds = np.std(runs, axis=0, ddof=1) if len(runs) > 1 else np.zeros(len(means))
        cells = [f"{mean:.3f} ± {std:.3f}" for mean, std in zip(means, stds, strict=True)]
        print(f"{name:34}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def activations(split: Split, seeds: int) -> list[keras.Model]:
    """Print softmax beside sigmoid, and thresholds; return the trunks of the sigmoid models."""
    (images, labels), (images_test, labels_test) = split["train"], split["test"]
    images_validation, labels_validation = split["validation"]
    shares = labels / labels.sum(axis=1, keepdims=True)
    soft = compiled("categorical_crossentropy", "softmax")
    sigmoid = compiled("binary_crossentropy")
    names = ("softmax", "softmax, shares", "softmax, shares, chosen", "sigmoid", "sigmoid, chosen", "chosen - 0.5")
    rows = {name: [] for name in names}
    trunks = []
    for seed in range(seeds):
        train(soft, images, labels, seed)
        rows["softmax"].append(scores(labels_test, answer(soft, images_test)))
        train(soft, images, shares, seed)
        stated = answer(soft, images_test)
        rows["softmax, shares"].append(scores(labels_test, stated))
        chosen = thresholds(labels_validation, answer(soft, images_validation))
        rows["softmax, shares, chosen"].append(scores(labels_test, stated, chosen))
        train(sigmoid, images, labels, seed)
        stated = answer(sigmoid, images_test)
        rows["sigmoid"].append(scores(labels_test, stated))
        chosen = thresholds(labels_validation, answer(sigmoid, images_validation))
        rows["sigmoid, chosen"].append(scores(labels_test, stated, chosen))
        rows["chosen - 0.5"].append(np.subtract(rows["sigmoid, chosen"][-1], rows["sigmoid"][-1]))
        trunk = keras.models.clone_model(keras.Model(sigmoid.input, sigmoid.get_layer("features").output))
        trunk.set_weights(sigmoid.get_weights()[:4])
        trunks.append(trunk)
    rows["no label at all"] = [scores(labels_test, np.zeros_like(labels_test))]
    rows["every label"] = [scores(labels_test, np.ones_like(labels_test))]
    print_table("one head of ten labels", COLUMNS, rows)
    return trunks


def chains(title: str, split: Split, trunks: list[keras.Model]) -> None:
    """Print independent logistic regressions beside chains, on the features of trained trunks."""
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    rows = {"independent": [], "chain": [], "chain, probabilities": [], "chain, another order": []}
    for seed, trunk in enumerate(trunks):
        features, features_test = (trunk.predict_on_batch(split[name][0]) for name in ("train", "test"))
        features, labels, labels_test = features[:4_000], split["train"][1][:4_000], split["test"][1]
        makers = {
            "independent": MultiOutputClassifier(regression),
            "chain": ClassifierChain(regression, order="random", random_state=seed),
            "chain, probabilities": ClassifierChain(
                regression, order="random", random_state=seed, chain_method="predict_proba"
            ),
        }
        with threadpool_limits(1):
            for name, maker in makers.items():
                stated = maker.fit(features, labels).predict_proba(features_test)
                stated = np.stack([s[:, 1] for s in stated], axis=1) if isinstance(stated, list) else stated
                rows[name].append(scores(labels_test, stated))
            if seed == 0:
                for order in range(len(trunks)):
                    chain = ClassifierChain(regression, order="random", random_state=100 + order)
                    stated = chain.fit(features, labels).predict_proba(features_test)
                    rows["chain, another order"].append(scores(labels_test, stated))
    rows["chain, orders of the first trunk"] = rows.pop("chain, another order")
    print_table(title, COLUMNS, rows)


def rare_scores(labels: np.ndarray, stated: np.ndarray, threshold: float | np.ndarray = 0.5) -> list[float]:
    """Return what happens to the rare labels, to the others, and to whole images."""
    predicted = stated > threshold
    kinds = (recall_score, precision_score, f1_score)
    rare = [kind(labels[:, RARE], predicted[:, RARE], average="macro", zero_division=0) for kind in kinds]
    ranking = average_precision_score(labels[:, RARE], stated[:, RARE])
    others = f1_score(labels[:, :8], predicted[:, :8], average="macro")
    return [*rare, ranking, stated[:, RARE].mean(), others, (predicted == labels).all(axis=1).mean()]


def rare_labels(split: Split, seeds: int) -> None:
    """Print three ways to make two rare labels count more."""
    (images, labels), (images_test, labels_test) = split["train"], split["test"]
    images_validation, labels_validation = split["validation"]
    image_weights = {"digits": np.where(labels[:, RARE].any(axis=1), 5, 1).astype("float32")}
    plain = compiled("binary_crossentropy")
    weighted = compiled(weighted_loss(np.where(np.isin(np.arange(10), RARE), 5, 1)))
    rows = {}
    designs = {"plain": (plain, None), "image weight 5": (plain, image_weights), "label weight 5": (weighted, None)}
    for name, (model, weights) in designs.items():
        rows[name], rows[f"{name}, chosen"] = [], []
        for seed in range(seeds):
            train(model, images, labels, seed, weights)
            stated = answer(model, images_test)
            rows[name].append(rare_scores(labels_test, stated))
            chosen = thresholds(labels_validation, answer(model, images_validation))
            rows[f"{name}, chosen"].append(rare_scores(labels_test, stated, chosen))
    columns = ("rare recall", "rare precision", "rare F1", "rare mAP", "rare stated", "other F1", "exact")
    print_table(f"rare: {labels_test[:, RARE].mean():.1%} of the images", columns, rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each design (default: 5)")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")

    digits = data.load_digits(options.data)
    print(f"{digits.source}: {options.seeds} seeds, {UPDATES} updates of 128; mean ± standard deviation")
    plain = splits(digits)
    trunks = activations(plain, options.seeds)
    chains("labels drawn on their own", plain, trunks)
    followers = 0.02 + 0.8 * np.eye(10)[PARTNER]
    chains("labels that come together", splits(digits, followers=followers), trunks)
    rare_labels(splits(digits, weights=np.where(np.isin(np.arange(10), RARE), 0.2, 1)), options.seeds)


if __name__ == "__main__":
    main()
