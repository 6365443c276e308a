"""Images with several digits apart from each other."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mos_helpers.arguments import as_digits, check_number

MOST = 3  # digits on an image


def several_digits(
    x: np.ndarray,
    y: np.ndarray,
    n: int,
    canvas: int = 60,
    weights: np.ndarray | None = None,
    followers: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return n images with several digits each, and which digits are on each of them.

    The canvas is cut into square cells, as many as can hold a digit. Each digit gets a cell of its own, drawn at
    random, and lies anywhere within it. How many digits an image has is drawn first: one, two or three, or at most as
    many as there are cells, each number equally often. Then their labels are drawn one after the other, and then a
    digit of `x` for each label. A label may come twice.

    Args:
        x, y, n, seed: as for `two_digits`.
        canvas: the side of the image in pixels, at least the larger side of a digit. With digits of 28x28 pixels, 60
            gives four cells of 30x30.
        weights: how often each label is drawn, relative to the others: ten numbers of at least 0. None means: as often
            as it is in `y`.
        followers: a table of shape (10, 10) that makes labels depend on each other. Row a holds the weights of the
            label that is drawn after the label a. None means: the same weights after every label.

    Returns:
        Images, float32 of shape (n, canvas, canvas) in [0, 1], and {"digits": present}, float32 of shape (n, 10), where
        present[i, d] is 1 if the digit d is on image i, once or more, and 0 if it is not.
    """
    x, y = as_digits(x, y, n, seed)
    check_number("canvas", canvas, max(x.shape[1:]), whole=True)
    most = min(MOST, (canvas // max(x.shape[1:])) ** 2)
    in_y = np.bincount(y, minlength=10)
    first = in_y if weights is None else _checked_weights("weights", weights, (10,), in_y)
    table = np.tile(first, (10, 1)) if followers is None else _checked_weights("followers", followers, (10, 10), in_y)

    rng = np.random.default_rng(seed)
    count = rng.integers(1, most + 1, size=n)
    labels = _draw_labels(rng, first, table, (n, most))
    rows = _draw_rows(rng, y, labels)
    images = _place(rng, x, rows, count, canvas)
    present = np.zeros((n, 10), dtype=np.float32)
    image, place = np.nonzero(np.arange(most) < count[:, None])
    present[image, labels[image, place]] = 1
    return images, {"digits": present}


def _checked_weights(name: str, weights: np.ndarray, shape: tuple[int, ...], in_y: np.ndarray) -> np.ndarray:
    found = np.asarray(weights)
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold numbers, not {found.dtype}.")
    if found.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not shape {found.shape}.")
    if not (np.isfinite(found).all() and found.min() >= 0):
        raise ValueError(f"{name} must be finite and at least 0, not from {found.min():.3g} to {found.max():.3g}.")
    if not found.any(axis=-1).all():
        raise ValueError(f"{name} must have a weight above 0{' in each row' if len(shape) == 2 else ''}.")
    absent = [label for label in range(10) if found[..., label].any() and not in_y[label]]
    if absent:
        raise ValueError(f"{name} must be 0 for the label {absent[0]}, of which y has no digit.")
    return found.astype(np.float64)


def _draw_labels(rng: np.random.Generator, first: np.ndarray, table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw labels of shape (n, number of digits): the first by its weights, each other one by its row of the table."""
    labels = np.empty(shape, dtype=np.int64)
    for place in range(shape[1]):
        weights = np.tile(first, (shape[0], 1)) if place == 0 else table[labels[:, place - 1]]
        shares = weights / weights.max(axis=1, keepdims=True)  # so that the largest numbers do not overflow
        limits = shares.cumsum(axis=1)
        labels[:, place] = (rng.random((shape[0], 1)) * limits[:, -1:] >= limits).sum(axis=1)
    return labels


def _draw_rows(rng: np.random.Generator, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw for each label, uniformly, a row of y that has it."""
    order = np.argsort(y, kind="stable")
    begin, end = (np.searchsorted(y[order], labels, side=side) for side in ("left", "right"))
    return order[rng.integers(begin, end)]


def _place(rng: np.random.Generator, x: np.ndarray, rows: np.ndarray, count: np.ndarray, canvas: int) -> np.ndarray:
    """Draw the first `count` digits of each image into cells of their own."""
    n, most = rows.shape
    height, width = x.shape[1:]
    per_side = canvas // max(height, width)
    cell = canvas // per_side
    cells = rng.random((n, per_side**2)).argsort(axis=1)[:, :most]
    top = cells // per_side * cell + rng.integers(cell - height + 1, size=(n, most))
    left = cells % per_side * cell + rng.integers(cell - width + 1, size=(n, most))
    images = np.zeros((n, canvas, canvas), dtype=np.float32)
    windows = sliding_window_view(images, (height, width), axis=(1, 2), writeable=True)
    for place in range(most):
        drawn = np.flatnonzero(count > place)
        windows[drawn, top[drawn, place], left[drawn, place]] = x[rows[drawn, place]]
    return images
