"""What benchmarks that train have in common: their images, and models that are trained again from each seed."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from mos_helpers import balancing, data
from mos_helpers.training import restart

import keras  # isort: skip

Arrays = dict[str, np.ndarray]
Part = tuple[np.ndarray, Arrays]
Maker = Callable[..., Part]

POSE = ["angle", "shift_right", "shift_down", "size"]
BY_LOOK = {"round": ["0", "6"], "straight": ["1", "7"], "hook": ["4", "9"], "bows": ["3", "5", "8"], "two": ["2"]}
MODULO_FIVE = {f"{rest} modulo 5": [str(rest), str(rest + 5)] for rest in range(5)}


def halved(images: np.ndarray) -> np.ndarray:
    """Average each square of 2x2 pixels."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def rows(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    return halved(images).reshape(len(images), -1)


def canvases(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> Part:
    """Return rows of pixels with two overlapping digits, and which digits these are."""
    images, targets = data.two_digits(x, y, n, seed=seed)
    return rows(images), targets


def left_and_odd(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> Part:
    """Return the same rows, with other questions: which digit is the left one, and is the right one odd?"""
    images, digits = canvases(x, y, n, seed)
    return images, {"left": digits["left"], "odd": digits["right"] % 2}


def digit_and_pose(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> Part:
    """Return rows of pixels with one digit that is turned, shifted and scaled; and its label and pose."""
    images, targets = data.posed_digits(x, y, n, seed=seed)
    return rows(images), {"digit": targets["digit"], "pose": np.stack([targets[name] for name in POSE], axis=1)}


def split(digits: data.Digits, make: Maker, n_train: int, n_other: int, kept: float = 0.9) -> dict[str, Part]:
    """Return training, validation and test images, each made of other digits; `kept` is the share for training."""
    cut = round(len(digits.x_train) * kept)
    return {
        "train": make(digits.x_train[:cut], digits.y_train[:cut], n_train, seed=1),
        "validation": make(digits.x_train[cut:], digits.y_train[cut:], n_other, seed=2),
        "test": make(digits.x_test, digits.y_test, n_other, seed=3),
    }


def write_rows(file: Path, batch_size: int) -> None:
    """Write 100 batches of rows of 784 pixels, and their targets."""
    digits = data.load_digits()
    rows = np.random.default_rng(0).integers(len(digits.x_train), size=100 * batch_size)
    labels = digits.y_train[rows]
    np.savez(file, image=digits.x_train[rows].reshape(-1, 784), digit=labels, odd=labels[:, None] % 2)


def trunk(image: keras.KerasTensor, *units: int) -> keras.KerasTensor:
    """Return the last of some hidden layers with ReLU."""
    for number in units:
        image = keras.layers.Dense(number, activation="relu")(image)
    return image


def softmax(classes: int, name: str) -> keras.Layer:
    """Return a softmax head."""
    return keras.layers.Dense(classes, activation="softmax", name=name)


def sigmoid(classes: int, name: str) -> keras.Layer:
    """Return a sigmoid head."""
    return keras.layers.Dense(classes, activation="sigmoid", name=name)


def commonest(labels: np.ndarray) -> int:
    """Return the most frequent label: what the baseline always answers."""
    return int(np.bincount(labels.ravel()).argmax())


def nearest_units(build: Callable[[int], keras.Model], parameters: int, tried: Iterable[int]) -> int:
    """Return with how many units a design has about so many parameters."""
    return min(tried, key=lambda units: abs(build(units).count_params() - parameters))


def first_weights(model: keras.Model, seeds: Iterable[int]) -> dict[int, list[np.ndarray]]:
    """Return newly drawn weights of a model for each seed.

    Draw them before any training: `set_random_seed` makes TensorFlow forget what it has compiled.
    """
    drawn = {}
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        drawn[seed] = keras.models.clone_model(model).get_weights()
    return drawn


class Trainer:
    """One compiled model, trained again from the first weights of each seed."""

    def __init__(self, model: keras.Model, seeds: Iterable[int], first: dict[int, list] | None = None) -> None:
        self.model, self.first = model, first or first_weights(model, seeds)

    def train(
        self,
        seed: int,
        images: np.ndarray,
        targets: Arrays | np.ndarray,
        updates: int,
        *,
        weights: Arrays | None = None,
        batch_size: int = 128,
        **fit: object,
    ) -> keras.callbacks.History:
        """Train for a number of updates; the seed fixes the first weights and the batches."""
        restart(self.model, self.first[seed])
        training = data.batches(images, targets, batch_size, sample_weight=weights, seed=seed)
        return self.model.fit(training.repeat(), steps_per_epoch=updates, verbose=0, **fit)

    def classes(self, images: np.ndarray) -> Arrays:
        """Return the likeliest class of each head; a single number is a probability of yes."""
        found = self.model.predict_on_batch(images)
        return {
            name: scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(int)
            for name, scores in found.items()
        }


@keras.saving.register_keras_serializable("benchmarks")
class SumOfLogarithms(keras.Model):
    """A model that minimises the sum of the logarithms of the heads' losses."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # noqa: ANN001, ANN201
        """Return the sum of the logarithms; the heads' losses go to the logs as they are."""
        super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = balancing.head_losses(self, y, y_pred, sample_weight)
        return sum(self.losses) + sum(keras.ops.log(loss) for loss in losses.values())


def accuracies(found: Arrays, truth: Arrays, names: Sequence[str]) -> list[float]:
    """Return how often each head is right, and how often all are."""
    right = np.stack([found[name] == truth[name] for name in names])
    return [*right.mean(axis=1), right.all(axis=0).mean()]
