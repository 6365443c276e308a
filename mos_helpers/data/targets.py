"""Targets that follow from the labels of digits and from their pixels, and which of them stay known."""

import numpy as np

from mos_helpers.arguments import as_images, as_labels, check_number, check_seed

# The digits for which each yes/no fact is true.
DIGIT_ATTRIBUTES = {
    "odd": [1, 3, 5, 7, 9],
    "prime": [2, 3, 5, 7],
    "at_least_five": [5, 6, 7, 8, 9],
    "has_loop": [0, 6, 8, 9],
    "multiple_of_three": [0, 3, 6, 9],
    "perfect_square": [0, 1, 4, 9],
}


def digit_attributes(y: np.ndarray) -> dict[str, np.ndarray]:
    """Return yes/no facts about digits from 0 to 9, each int64 of shape (n,), 1 for yes and 0 for no.

    They are those of `DIGIT_ATTRIBUTES`. `has_loop` is a fact of the printed digit, which encloses an area: a
    handwritten 4 may close, and a handwritten 0 may stay open.
    """
    y = as_labels("y", y, 10)
    return {name: np.isin(y, digits).astype(np.int64) for name, digits in DIGIT_ATTRIBUTES.items()}


def pixel_targets(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return five targets that are measured on images, so that no one has to write them down.

    The images are floating-point numbers in [0, 1], 1 for ink, of shape (n, height, width), both even.

    - `quarter`: which quarter of the image holds most ink, int64 of shape (n,): 0 top left, 1 top right, 2 bottom left,
      3 bottom right.
    - `ink`: the share of the image that is ink, the mean of its pixels, of shape (n,).
    - `halves`: the shares of the ink that lie in the upper and in the left half, of shape (n, 2).
    - `slant`: how many columns the ink moves to the right for each row up, of shape (n,): minus the covariance of the
      ink's columns and rows, divided by the variance of its rows. 0 where all ink lies in one row.
    - `mirror`: the mirrored image, each square of 2x2 pixels averaged, in rows of height * width / 4 numbers.

    All but `quarter` are float32. An image without ink has 0 for `ink` and `slant`, and 0.5 for both `halves`.
    """
    x = as_images("x", x)
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f"x must have height and width even, not shape {x.shape}.")
    n, height, width = x.shape
    quarters = x.reshape(n, 2, height // 2, 2, width // 2).sum(axis=(2, 4), dtype=np.float64)
    total = quarters.sum(axis=(1, 2))
    shares = np.stack([quarters[:, 0].sum(axis=1), quarters[:, :, 0].sum(axis=1)], axis=1)
    halves = np.divide(shares, total[:, None], out=np.full((n, 2), 0.5), where=total[:, None] > 0)
    small = x.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    targets = {
        "quarter": quarters.reshape(n, 4).argmax(axis=1),
        "ink": total / (height * width),
        "halves": halves,
        "slant": _slants(x),
        "mirror": small[:, :, ::-1].reshape(n, -1),
    }
    return {name: target if name == "quarter" else target.astype(np.float32) for name, target in targets.items()}


def _slants(x: np.ndarray) -> np.ndarray:
    """Return how many columns the ink of each image moves to the right for each row up."""
    by_row, by_column = x.sum(axis=2, dtype=np.float64), x.sum(axis=1, dtype=np.float64)
    ink = np.maximum(by_row.sum(axis=1), 1e-12)
    rows = np.arange(x.shape[1]) - (by_row @ np.arange(x.shape[1]) / ink)[:, None]
    columns = np.arange(x.shape[2]) - (by_column @ np.arange(x.shape[2]) / ink)[:, None]
    together = np.einsum("nrc,nr,nc->n", x, rows, columns)
    along_rows = (by_row * rows**2).sum(axis=1)
    return np.divide(-together, along_rows, out=np.zeros(len(x)), where=along_rows > 1e-9 * ink)


def hide_labels(n: int, keep: float | np.ndarray, seed: int = 0) -> np.ndarray:
    """Return which of n labels stay known, True or False of shape (n,).

    Each is kept with its own probability, independently of the others. What stands in place of a hidden label (NaN, -1,
    any number) is up to you, as in `np.where(hide_labels(len(y), 0.5), y, np.nan)`.

    `keep` holds probabilities in [0, 1]: one number, or one for each label, shape (n,), so that the chance may depend
    on anything: on the class, as in `np.where(y == 1, 0.9, 0.1)`, or on a score. With the same seed, what is kept at
    some probabilities is kept at all higher ones too. Use another seed for each head, or they lose the same rows.
    """
    check_number("n", n, 1, whole=True)
    check_seed(seed)
    try:
        keep = np.asarray(keep)
    except ValueError:
        raise TypeError("keep must hold probabilities in [0, 1], not lists of different lengths.") from None
    if keep.dtype.kind not in "iuf":
        raise TypeError(f"keep must hold probabilities in [0, 1], not {keep.dtype}.")
    if keep.shape not in ((), (n,)):
        raise ValueError(f"keep must be one number or have shape ({n},), not shape {keep.shape}.")
    wrong = keep[~((keep >= 0) & (keep <= 1))]  # so that NaN is refused too
    if wrong.size:
        raise ValueError(f"keep must hold probabilities in [0, 1], not {wrong[0]:.3g}.")
    return np.random.default_rng(seed).random(n) < keep
