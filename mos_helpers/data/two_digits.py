"""Images with two digits that overlap."""

import numpy as np

from mos_helpers.arguments import as_digits

OFFSET = 6


def two_digits(x: np.ndarray, y: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return n images with two overlapping digits each, and what the two digits are.

    One digit is the left one; the other, the right one, lies 6 pixels further right and further down. Where they
    overlap, the brighter pixel counts. Offset and maximum are those of the Multi-MNIST loader that belongs to Sener and
    Koltun (2018), "Multi-task learning as multi-objective optimization", which also shrinks the image to 28x28.

    Args:
        x: digits, floating-point numbers in [0, 1], of shape (m, height, width). Compose training images of training
            digits and test images of test digits, or the test set holds digits that were trained on.
        y: their labels, whole numbers from 0 to 9, of shape (m,).
        n: how many images, at least 1. Digits are drawn with replacement, so n may be more than m.
        seed: fixes which digits are drawn.

    Returns:
        Images, float32 of shape (n, height + 6, width + 6) in [0, 1], and {"left": labels, "right": labels}, each int64
        of shape (n,).
    """
    x, y = as_digits(x, y, n, seed)
    rng = np.random.default_rng(seed)
    left, right = rng.integers(len(x), size=n), rng.integers(len(x), size=n)
    height, width = x.shape[1:]
    images = np.zeros((n, height + OFFSET, width + OFFSET), dtype=np.float32)
    images[:, :height, :width] = x[left]
    under_right = images[:, OFFSET:, OFFSET:]
    np.maximum(under_right, x[right], out=under_right)
    return images, {"left": y[left], "right": y[right]}
