"""MNIST where it can be had, else the 1,797 digits bundled with scikit-learn, enlarged to the same 28x28 pixels.

Three environment variables steer it: `MOS_DATA` (`auto`, `digits` or `mnist`), `MOS_DATA_DIR` (a folder that holds
`mnist.npz`), and Keras's own `KERAS_HOME`.
"""

import os
from dataclasses import dataclass

import numpy as np

from mos_helpers.arguments import check_number
from mos_helpers.data.mnist import find_mnist


@dataclass(frozen=True, repr=False, eq=False)
class Digits:
    """Images, float32 of shape (n, 28, 28) in [0, 1], and labels, int64 of shape (n,) from 0 to 9.

    `source` is "MNIST" or "bundled digits".
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str

    def __repr__(self) -> str:
        counts = f"{len(self.x_train):,} training and {len(self.x_test):,} test images"
        height, width = self.x_train.shape[1:]
        return f"{self.source}: {counts}, {height}x{width}, {self.x_train.dtype} in [0, 1]"


def load_digits(
    source: str | None = None, n_train: int | None = None, n_test: int | None = None, seed: int = 0
) -> Digits:
    """Return handwritten digits, split into training and test images.

    Args:
        source: "mnist", "digits" (the ones bundled with scikit-learn) or "auto" (MNIST if it can be had, else the
            bundled ones). None takes the environment variable MOS_DATA, and "auto" if that is not set.
        n_train, n_test: how many training and test images, at least 10; None means all. A smaller number is drawn at
            random, with the ten digits in the same proportions as in the whole.
        seed: draws the smaller sets. It does not change which images belong to the test set.

    MNIST is looked for in the folder MOS_DATA_DIR (`mnist.npz`), then in Keras's cache, and is else downloaded into
    that cache. A file is used only if its content is exactly MNIST. A bad one is reported and left where it is.

    Raises:
        FileNotFoundError: source is "mnist", and MNIST cannot be had.
    """
    setting = "source" if source is not None else "MOS_DATA"
    source = source if source is not None else os.environ.get("MOS_DATA") or "auto"
    if source not in ("auto", "digits", "mnist"):
        raise ValueError(f'{setting} must be "auto", "digits" or "mnist", not {source!r}.')
    for name, count in (("n_train", n_train), ("n_test", n_test)):
        if count is not None:
            check_number(name, count, 10, whole=True)
    check_number("seed", seed, 0, 2**32 - 1, whole=True)

    arrays = None if source == "digits" else find_mnist(f'{setting} is "mnist"' if source == "mnist" else None)
    origin = "bundled digits" if arrays is None else "MNIST"
    x_train, y_train, x_test, y_test = arrays or _bundled_digits()
    for name, count, y in (("n_train", n_train, y_train), ("n_test", n_test, y_test)):
        if count is not None and count > len(y):
            raise ValueError(f"{name} must be at most {len(y):,}, which is all that {origin} has, not {count:,}.")

    x_train, y_train = _subset(x_train, y_train, n_train, seed)
    x_test, y_test = _subset(x_test, y_test, n_test, seed)
    return Digits(x_train, y_train, x_test, y_test, origin)


def _subset(x: np.ndarray, y: np.ndarray, count: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` images, stratified by label, and give images and labels their final types."""
    if count is not None:
        from sklearn.utils import resample  # here, because it is slow to import

        chosen = resample(np.arange(len(y)), replace=False, n_samples=count, stratify=y, random_state=seed)
        x, y = x[chosen], y[chosen]
    if x.dtype == np.uint8:
        x = np.divide(x, 255, dtype=np.float32)
    return x, y.astype(np.int64)


def _bundled_digits() -> tuple[np.ndarray, ...]:
    """Return the bundled 8x8 digits, enlarged to 20x20 and padded to 28x28, as x_train, y_train, x_test, y_test."""
    from scipy import ndimage  # here, because they are slow to import
    from sklearn import datasets, model_selection

    bundled = datasets.load_digits()
    # Enlarging is linear, so a (20, 8) matrix does it for rows and columns, much faster than zooming image by image.
    enlarge = ndimage.zoom(np.eye(8), (2.5, 1), order=3, mode="grid-constant", grid_mode=True)
    enlarged = enlarge @ (bundled.images / 16) @ enlarge.T
    images = np.pad(enlarged.clip(0, 1).astype(np.float32), ((0, 0), (4, 4), (4, 4)))
    x_train, x_test, y_train, y_test = model_selection.train_test_split(
        images, bundled.target, test_size=500, stratify=bundled.target, random_state=0
    )
    return x_train, y_train, x_test, y_test
