"""New images, with more than one digit on a canvas."""

import numpy as np

from mos_helpers.data.arguments import check_digits, check_whole_number


def two_digits(
    x: np.ndarray, y: np.ndarray, n: int, offset: int = 6, equal_pairs: bool = True, seed: int = 0
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return n images with two overlapping digits each, and what the two digits are.

    One digit is the left one; the other, the right one, lies `offset` pixels further right and further down. Where
    they overlap, the brighter pixel counts (the element-wise maximum). Every digit comes from `x`: compose training
    images from training digits and test images from test digits, or the test set holds digits that were trained on.

    The fixed offset of 6 pixels and the maximum are those of the Multi-MNIST loader that belongs to Sener and Koltun
    (2018), "Multi-task learning as multi-objective optimization". It also shrinks the image to 28x28; this does not.

    Args:
        x: digits, floating-point numbers in [0, 1], of shape (m, height, width). They are not changed.
        y: their labels, whole numbers from 0 to 9, of shape (m,).
        n: how many images to compose, at least 1. Digits are drawn with replacement, so n may be more than m.
        offset: pixels, from 0 (one digit upon the other) to the larger side of a digit (they do not touch).
        equal_pairs: whether left and right may have the same label. If not, the left digit is drawn from all digits,
            and the right one from all those with another label.
        seed: fixes which digits are drawn.

    Returns:
        Images, float32 of shape (n, height + offset, width + offset) in [0, 1], and
        {"left": labels, "right": labels}, each int64 of shape (n,).

    Raises:
        TypeError: x does not hold floating-point numbers, y does not hold whole numbers, n, offset or seed is not a
            whole number, or equal_pairs is not True or False.
        ValueError: x or y has another shape, another number of rows than the other, or values outside its range;
            n, offset or seed is outside its range; or equal_pairs is False and all labels are the same.
    """
    x, y = check_digits(x, y)
    check_whole_number("n", n, 1)
    check_whole_number("offset", offset, 0, max(x.shape[1:]))
    check_whole_number("seed", seed, 0, 2**63 - 1)
    if not isinstance(equal_pairs, (bool, np.bool_)):
        raise TypeError(f"equal_pairs must be True or False, not {equal_pairs!r:.60}.")
    rng = np.random.default_rng(seed)
    left = rng.integers(len(x), size=n)
    right = rng.integers(len(x), size=n) if equal_pairs else _rows_of_other_labels(rng, y, left)

    height, width = x.shape[1:]
    images = np.zeros((n, height + offset, width + offset), dtype=np.float32)
    images[:, :height, :width] = x[left]
    under_right = images[:, offset:, offset:]
    np.maximum(under_right, x[right], out=under_right)
    return images, {"left": y[left], "right": y[right]}


def _rows_of_other_labels(rng: np.random.Generator, y: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Draw for each row in `left`, uniformly, a row with another label."""
    order = np.argsort(y, kind="stable")
    begin = np.searchsorted(y[order], y[left], side="left")
    same = np.searchsorted(y[order], y[left], side="right") - begin
    if same[0] == len(y):
        raise ValueError(f"y must have at least two labels if equal_pairs is False, not only {y[0]}.")
    place = rng.integers(len(y) - same)
    return order[np.where(place >= begin, place + same, place)]  # a place behind the block of the same label
