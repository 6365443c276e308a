"""Measure what targets in other units, wrong labels and three losses do to a digit head and a pose head.

    python benchmarks/regression.py --data digits
    python benchmarks/regression.py --data mnist --seeds 10 --updates 1000

Digits turned, shifted and scaled, as in lesson 5. The tables: the norm of the pose's gradient on the trunk, divided by
that of the digit's, before training; the accuracy of the digit head, the mean absolute errors of the pose and the share
of images whose whole pose is within a tolerance (10 degrees, 1 pixel, 0.05).
"""

from typing import Any

import numpy as np
from harness import Report, arguments, in_turns
from training import POSE, Arrays, Trainer, digit_and_pose, first_weights, split, trunk

from mos_helpers import data

import keras  # isort: skip
import tensorflow as tf  # isort: skip

N_TRAIN, N_OTHER, UNITS = 4_000, 2_000, 64
TOLERANCE = np.array([10, 1, 1, 0.05])
BOTH = {"digit": 10, "pose": 4}
DESIGNS = {  # the units of the heads, the loss of the pose and its weight, and which targets
    "digit alone": ({"digit": 10}, "mse", 1, "standardised"),
    "pose alone, raw": ({"pose": 4}, "mse", 1, "raw"),
    "pose alone, standardised": ({"pose": 4}, "mse", 1, "standardised"),
    "raw": (BOTH, "mse", 1, "raw"),
    "raw, loss weight 1/200": (BOTH, "mse", 1 / 200, "raw"),
    "standardised, squared": (BOTH, "mse", 1, "standardised"),
    "standardised, absolute": (BOTH, "mae", 1, "standardised"),
    "standardised, Huber": (BOTH, "huber", 1, "standardised"),
    "standardised, Huber doubled": (BOTH, "huber", 2, "standardised"),
    "wrong labels, squared": (BOTH, "mse", 1, "wrong"),
    "wrong labels, absolute": (BOTH, "mae", 1, "wrong"),
    "wrong labels, Huber": (BOTH, "huber", 1, "wrong"),
    "wrong labels, Huber doubled": (BOTH, "huber", 2, "wrong"),
    "mean and log-variance": ({"digit": 10, "pose": 8}, "likelihood", 1, "standardised"),
}


def network(inputs: int, heads: dict[str, int]) -> keras.Model:
    """Return a network with two hidden layers and one head for each number of units."""
    image = keras.Input((inputs,))
    features, activations = trunk(image, UNITS, UNITS), {"digit": "softmax", "pose": None}
    return keras.Model(
        image, {n: keras.layers.Dense(units, activations[n], name=n)(features) for n, units in heads.items()}
    )


def negative_log_likelihood(target: Any, prediction: Any) -> Any:  # noqa: ANN401
    """Return the Gaussian loss of means and log-variances that stand side by side."""
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.square(target - mean) * keras.ops.exp(-log_variance)
    return keras.ops.mean(0.5 * (squared + log_variance), axis=-1)


def gradient_ratio(model: keras.Model, images: np.ndarray, digit: np.ndarray, pose: np.ndarray) -> float:
    """Return the norm of the pose's gradient on the trunk, divided by that of the digit's."""
    variables = model.trainable_variables[:4]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images)
        of_digit = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(digit, answers["digit"]))
        of_pose = keras.ops.mean(keras.losses.mean_squared_error(pose, answers["pose"]))
    norms = [float(tf.linalg.global_norm(tape.gradient(loss, variables))) for loss in (of_pose, of_digit)]
    return norms[0] / norms[1]


class Experiment:
    """The images, the targets in three forms, and a model for each design."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        self.parts = split(data.load_digits(source), digit_and_pose, N_TRAIN, N_OTHER)
        self.images, self.targets = self.parts["train"]
        pose, self.seeds, self.updates = self.targets["pose"], range(seeds), updates
        self.mean, self.scale = pose.mean(axis=0), pose.std(axis=0)
        standardised = (pose - self.mean) / self.scale
        spoiled = np.random.default_rng(0).random(len(pose)) < 0.1
        wrong = np.where(spoiled[:, None], 10 * standardised, standardised)
        self.poses = {"raw": pose, "standardised": standardised, "wrong": wrong}
        self.trainers = {name: self.trainer(*DESIGNS[name][:3]) for name in DESIGNS}

    def trainer(self, heads: dict[str, int], loss: str, weight: float) -> Trainer:
        """Return a compiled network, with its first weights."""
        model = network(self.images.shape[1], heads)
        first = first_weights(model, self.seeds)
        losses = {"digit": "sparse_categorical_crossentropy", "pose": loss}
        losses["pose"] = negative_log_likelihood if loss == "likelihood" else loss
        weights = {"digit": 1, "pose": weight}
        model.compile(
            keras.optimizers.Adam(0.002),
            loss={name: losses[name] for name in heads},
            loss_weights={name: weights[name] for name in heads},
            steps_per_execution=100,
        )
        return Trainer(model, self.seeds, first)

    def gradients(self) -> dict[str, list[float]]:
        """Return the ratio of the gradients for each kind of pose, before training."""
        model, found = network(self.images.shape[1], BOTH), {"raw": [], "standardised": []}
        for weights in first_weights(model, self.seeds).values():
            model.set_weights(weights)
            for kind, values in found.items():
                given = self.images[:1000], self.targets["digit"][:1000], self.poses[kind][:1000]
                values.append(gradient_ratio(model, *given))
        return found

    def scores(self, answers: Arrays, kind: str) -> list[float]:
        """Return the accuracy of the digit, the mean absolute errors of the pose, and how often all are tolerable."""
        truth = self.parts["test"][1]
        right = np.mean(answers["digit"].argmax(axis=1) == truth["digit"]) if "digit" in answers else np.nan
        if "pose" not in answers:
            return [right, *[np.nan] * 5]
        mean, scale = (0, 1) if kind == "raw" else (self.mean, self.scale)
        errors = np.abs(answers["pose"][:, :4] * scale + mean - truth["pose"])
        return [right, *errors.mean(axis=0), (errors <= TOLERANCE).all(axis=1).mean()]

    def run(self, design: str, seed: int) -> list[float]:
        """Train a design from one seed; return its scores."""
        heads, _, _, kind = DESIGNS[design]
        targets = {name: {"digit": self.targets["digit"], "pose": self.poses[kind]}[name] for name in heads}
        trainer = self.trainers[design]
        trainer.train(seed, self.images, targets, self.updates)
        return self.scores(trainer.model.predict_on_batch(self.parts["test"][0]), kind)


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, seeds=5, updates=300).parse_args()
    with Report(options, f"{N_TRAIN:,} training and {N_OTHER:,} test images") as report:
        experiment = Experiment(options.data, options.seeds, options.updates)
        table = report.table("gradient on the trunk, pose / digit", ["ratio"], "number")
        for kind, ratios in experiment.gradients().items():
            table.row(kind, {"ratio": ratios})

        table = report.table("scores", ["digit", *POSE, "within"], "number")
        table.add(in_turns(experiment.run, DESIGNS, experiment.seeds))
        pose = experiment.poses["raw"]
        for name, constant in {"mean": pose.mean(axis=0), "median": np.median(pose, axis=0)}.items():
            table.row(f"always the {name}", [experiment.scores({"pose": constant[None]}, "raw")])


if __name__ == "__main__":
    main()
