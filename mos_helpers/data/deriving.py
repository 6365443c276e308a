"""Targets that follow from the digits."""

import numpy as np

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
    """Return yes/no facts about digits, each int64 of shape (n,), 1 for yes and 0 for no.

    - `odd`: 1, 3, 5, 7, 9.
    - `prime`: 2, 3, 5, 7.
    - `at_least_five`: 5 to 9.
    - `has_loop`: 0, 6, 8, 9, which enclose an area when printed. It is a fact of the printed digit: a handwritten 4 may
      close, and a handwritten 0 may stay open.
    - `multiple_of_three`: 0, 3, 6, 9.
    - `perfect_square`: 0, 1, 4, 9.

    Args:
        y: whole numbers from 0 to 9, of shape (n,).

    Raises:
        TypeError: y does not hold whole numbers.
        ValueError: y has another shape, or a number outside 0 to 9.
    """
    y = np.asarray(y)
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y must hold whole numbers, not {y.dtype}.")
    if y.ndim != 1:
        raise ValueError(f"y must have one label per image, shape (n,), not shape {y.shape}.")
    wrong = y[(y < 0) | (y > 9)]
    if len(wrong):
        raise ValueError(f"y must hold digits from 0 to 9, not {wrong[0]}.")
    return {name: np.isin(y, digits).astype(np.int64) for name, digits in DIGIT_ATTRIBUTES.items()}
