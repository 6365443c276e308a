"""Measure what targets in other units, wrong labels and three losses do to a digit head and a pose head.

    python benchmarks/regression.py --data digits              5 seeds, 300 updates of 128 images
    python benchmarks/regression.py --data mnist --seeds 10 --updates 1000

Digits turned, shifted and scaled, as in lesson 5. The first table gives the accuracy of the digit head, the mean
absolute errors of the pose and the share of images whose whole pose is within a tolerance (10 degrees, 1 pixel, 0.05);
the second the coverage of intervals. Mean and standard deviation over the seeds.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from mos_helpers import data
from mos_helpers.training import restart

import keras  # isort: skip
import tensorflow as tf  # isort: skip

N_TRAIN, N_OTHER, BATCH_SIZE = 4_000, 2_000, 128
UNITS = 64
POSE = ["angle", "shift_right", "shift_down", "size"]
TOLERANCE = np.array([10, 1, 1, 0.05])
LEVELS = np.array([0.5, 0.8, 0.9, 0.95])
Arrays = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def load(source: str) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return images, digits and poses of three parts, made of different digits."""
    digits = data.load_digits(source)
    kept = len(digits.x_train) * 9 // 10
    sources = {
        "train": (digits.x_train[:kept], digits.y_train[:kept], N_TRAIN),
        "validation": (digits.x_train[kept:], digits.y_train[kept:], N_OTHER),
        "test": (digits.x_test, digits.y_test, N_OTHER),
    }
    parts = {}
    for seed, (name, (x, y, n)) in enumerate(sources.items(), start=1):
        images, targets = data.posed_digits(x, y, n, seed=seed)
        parts[name] = prepare(images), targets["digit"], np.stack([targets[key] for key in POSE], axis=1)
    return parts


def network(inputs: int, heads: dict[str, int]) -> keras.Model:
    """Return a network with two hidden layers and one head for each number of units."""
    image = keras.Input((inputs,))
    trunk = keras.layers.Dense(UNITS, activation="relu")(image)
    trunk = keras.layers.Dense(UNITS, activation="relu")(trunk)
    activations = {"digit": "softmax", "pose": None}
    outputs = {
        name: keras.layers.Dense(units, activation=activations[name], name=name)(trunk) for name, units in heads.items()
    }
    return keras.Model(image, outputs)


def negative_log_likelihood(target: Any, prediction: Any) -> Any:  # noqa: ANN401
    """Return the Gaussian loss of means and log-variances that stand side by side."""
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.square(target - mean) * keras.ops.exp(-log_variance)
    return keras.ops.mean(0.5 * (squared + log_variance), axis=-1)


def gradient_norms(images: np.ndarray, targets: Arrays, seed: int) -> dict[str, float]:
    """Return for each head the norm of its gradient on the trunk of a network that is not trained yet."""
    keras.utils.set_random_seed(seed)
    model = network(images.shape[1], {"digit": 10, "pose": 4})
    trunk = model.trainable_variables[:4]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images)
        digit = keras.losses.sparse_categorical_crossentropy(targets["digit"], answers["digit"])
        losses = {
            "digit": keras.ops.mean(digit),
            "pose": keras.ops.mean(keras.losses.mean_squared_error(targets["pose"], answers["pose"])),
        }
    return {name: float(tf.linalg.global_norm(tape.gradient(loss, trunk))) for name, loss in losses.items()}


class Design:
    """A network that is trained from several seeds, always with the same compiled update."""

    def __init__(self, heads: dict[str, int], loss: Any = "mse", weight: float = 1) -> None:  # noqa: ANN401
        self.heads, self.loss, self.weight = heads, loss, weight
        self.model: keras.Model | None = None

    def train(self, images: np.ndarray, targets: Arrays, updates: int, seed: int) -> float:
        """Train from new random weights; return the seconds that `fit` took."""
        keras.utils.set_random_seed(seed)
        fresh = network(images.shape[1], self.heads)
        if self.model is None:
            losses = {"digit": "sparse_categorical_crossentropy", "pose": self.loss}
            self.model = fresh
            self.model.compile(
                keras.optimizers.Adam(0.002),
                loss={name: losses[name] for name in self.heads},
                loss_weights={name: self.weight if name == "pose" else 1 for name in self.heads},
                steps_per_execution=100,
            )
        restart(self.model, fresh.get_weights())
        targets = {name: targets[name] for name in self.heads}
        training = data.batches(images, targets, BATCH_SIZE, seed=seed).repeat()
        start = time.perf_counter()
        self.model.fit(training, steps_per_epoch=updates, verbose=0)
        return time.perf_counter() - start


def scores(answers: Arrays, digit: np.ndarray, pose: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> list[float]:
    """Return the accuracy of the digit, the mean absolute errors of the pose, and how often all are tolerable."""
    right = float(np.mean(answers["digit"].argmax(axis=1) == digit)) if "digit" in answers else np.nan
    if "pose" not in answers:
        return [right, *[np.nan] * 5]
    errors = np.abs(answers["pose"][:, :4] * scale + mean - pose)
    return [right, *errors.mean(axis=0), float((errors <= TOLERANCE).all(axis=1).mean())]


def coverage(errors: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return how often the central intervals of a normal distribution hold the truth, shape (levels, 4)."""
    reach = stats.norm.ppf(0.5 + LEVELS / 2)
    return np.stack([(np.abs(errors) <= width * std).mean(axis=0) for width in reach])


def likelihood_loss(errors: np.ndarray, std: np.ndarray) -> float:
    """Return the mean negative log-likelihood, without its constant."""
    return float(np.mean(0.5 * (errors / std) ** 2 + np.log(std)))


def print_row(name: str, rows: list[list[float]], cost: str = "") -> None:
    """Print mean and standard deviation of each score."""
    means, stds = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(len(rows[0]))
    said = "".join(
        f"{'-' if np.isnan(mean) else f'{mean:.3f} ± {std:.3f}':>17}" for mean, std in zip(means, stds, strict=True)
    )
    print(f"{name:35}{said}{cost}", flush=True)


def of_scikit_learn() -> dict[str, Callable[[], Any]]:
    """Return functions that make scikit-learn regressors of several numbers."""
    from sklearn.linear_model import Ridge
    from sklearn.multioutput import MultiOutputRegressor, RegressorChain
    from sklearn.neighbors import KNeighborsRegressor

    return {
        "MultiOutputRegressor(Ridge)": lambda: MultiOutputRegressor(Ridge(10)),
        "RegressorChain(Ridge)": lambda: RegressorChain(Ridge(10)),
        "MultiOutputRegressor(kNN)": lambda: MultiOutputRegressor(KNeighborsRegressor(5)),
        "RegressorChain(kNN)": lambda: RegressorChain(KNeighborsRegressor(5)),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each design (default: 5)")
    parser.add_argument("--updates", type=int, default=300, help="updates in a run, a multiple of 100 (default: 300)")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 1, and --updates a multiple of 100")

    parts = load(options.data)
    (images, digit, pose), (images_test, digit_test, pose_test) = parts["train"], parts["test"]
    images_validation, _, pose_validation = parts["validation"]
    mean, scale = pose.mean(axis=0), pose.std(axis=0)
    standard = (pose - mean) / scale
    spoiled = np.random.default_rng(0).random(len(pose)) < 0.1
    wrong = np.where(spoiled[:, None], 10 * standard, standard)
    print(f"{options.data}: {options.seeds} seeds, {options.updates:,} updates of {BATCH_SIZE}; mean ± sd\n")

    for name, values in {"raw": pose, "standardised": standard}.items():
        targets = {"digit": digit[:1000], "pose": values[:1000]}
        norms = [gradient_norms(images[:1000], targets, seed) for seed in range(options.seeds)]
        ratios = [norm["pose"] / norm["digit"] for norm in norms]
        print(f"gradient on the trunk, pose / digit, {name}: {np.mean(ratios):.1f} ± {np.std(ratios, ddof=1):.1f}")

    both, rest = {"digit": 10, "pose": 4}, (np.zeros(4), np.ones(4))
    likelihood = Design({"digit": 10, "pose": 8}, negative_log_likelihood)
    standardised = Design(both)
    designs = {
        "digit alone": (Design({"digit": 10}), standard, (mean, scale)),
        "pose alone, raw": (Design({"pose": 4}), pose, rest),
        "pose alone, standardised": (Design({"pose": 4}), standard, (mean, scale)),
        "raw": (Design(both), pose, rest),
        "raw, loss weight 1/200": (Design(both, weight=1 / 200), pose, rest),
        "standardised, squared": (standardised, standard, (mean, scale)),
        "standardised, absolute": (Design(both, "mae"), standard, (mean, scale)),
        "standardised, Huber": (Design(both, "huber"), standard, (mean, scale)),
        "standardised, Huber doubled": (Design(both, "huber", weight=2), standard, (mean, scale)),
        "wrong labels, squared": (standardised, wrong, (mean, scale)),
        "wrong labels, absolute": (Design(both, "mae"), wrong, (mean, scale)),
        "wrong labels, Huber": (Design(both, "huber"), wrong, (mean, scale)),
        "wrong labels, Huber doubled": (Design(both, "huber", weight=2), wrong, (mean, scale)),
        "mean and log-variance": (likelihood, standard, (mean, scale)),
    }
    print(f"\n{'':35}" + "".join(f"{name:>17}" for name in ["digit", *POSE, "within"]))
    covered: dict[str, list[np.ndarray]] = {}
    others: dict[str, list[list[float]]] = {}
    for name, (design, values, units) in designs.items():
        rows, seconds = [], []
        for seed in range(options.seeds):
            targets = {"digit": digit, "pose": values}
            seconds.append(design.train(images, targets, options.updates, seed))
            answers = design.model.predict_on_batch(images_test)
            rows.append(scores(answers, digit_test, pose_test, *units))
            if name not in ("standardised, squared", "mean and log-variance"):
                continue
            errors = (pose_test - mean) / scale - answers["pose"][:, :4]
            kept = design.model.predict_on_batch(images_validation)["pose"]
            residuals = (pose_validation - mean) / scale - kept[:, :4]
            if name == "standardised, squared":
                stds = {"same for all": np.sqrt((residuals**2).mean(axis=0)) * np.ones_like(errors)}
            else:
                std = np.exp(answers["pose"][:, 4:] / 2)
                factor = np.sqrt(((residuals / np.exp(kept[:, 4:] / 2)) ** 2).mean(axis=0))
                stds = {
                    "new means, same for all": np.sqrt((residuals**2).mean(axis=0)) * np.ones_like(errors),
                    "per image": std,
                    "per image, corrected": std * factor,
                }
            for kind, std in stds.items():
                covered.setdefault(kind, []).append(coverage(errors, std))
                order = np.argsort(std[:, 0])
                sizes = np.abs(errors[:, 0])[order] * scale[0]
                ranks = stats.spearmanr(std[:, 0], np.abs(errors[:, 0]))[0] if np.ptp(std[:, 0]) else np.nan
                quarter = len(order) // 4
                others.setdefault(kind, []).append(
                    [likelihood_loss(errors, std), ranks, sizes[:quarter].mean(), sizes[-quarter:].mean()]
                )
        print_row(name, rows, f"{np.median(seconds):8.2f} s")

    with threadpool_limits(1):
        for name, make in of_scikit_learn().items():
            start = time.perf_counter()
            answers = {"pose": make().fit(images, standard).predict(images_test)}
            print_row(
                name, [scores(answers, digit_test, pose_test, mean, scale)], f"{time.perf_counter() - start:8.2f} s"
            )
    for name, answer in {"always the mean": pose.mean(axis=0), "always the median": np.median(pose, axis=0)}.items():
        print_row(name, [scores({"pose": answer[None]}, digit_test, pose_test, *rest)])

    print("\nshare of test images whose truth lies in the interval; stated: ", *LEVELS)
    for kind, runs in covered.items():
        for column, target in enumerate(POSE):
            print_row(f"{kind}: {target}", [list(run[:, column]) for run in runs])
    print("\nloss; rank correlation of std and error of the angle; error in the surest and unsurest quarter, degrees")
    for kind, rows in others.items():
        print_row(kind, rows)


if __name__ == "__main__":
    main()
