"""Checks of arguments: an error names the argument, what was given and what is wanted."""

import numbers

import numpy as np


def check_whole_number(name: str, value: object, low: int, high: int | None = None) -> None:
    """Raise an error that names the argument, what was given and what is wanted."""
    wanted = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high:,}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {wanted}, not {value!r}.")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {wanted}, not {value}.")


def check_digits(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images as float32 and labels as int64, or raise an error that names what is wrong with them."""
    x, y = np.asarray(x), np.asarray(y)
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"x must hold floating-point numbers in [0, 1], not {x.dtype}; divide 0 to 255 by 255.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y must hold whole numbers, not {y.dtype}.")
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"x must have at least one image, shape (m, height, width), not shape {x.shape}.")
    if y.shape != x.shape[:1]:
        raise ValueError(f"y must have one label per image, shape {x.shape[:1]}, not shape {y.shape}.")
    lowest, highest = x.min(), x.max()
    if not (lowest >= 0 and highest <= 1):  # so that NaN is refused too
        raise ValueError(f"x must lie in [0, 1], not from {lowest:.3g} to {highest:.3g}.")
    wrong = y[(y < 0) | (y > 9)]
    if len(wrong):
        raise ValueError(f"y must hold digits from 0 to 9, not {wrong[0]}.")
    return x.astype(np.float32, copy=False), y.astype(np.int64)
