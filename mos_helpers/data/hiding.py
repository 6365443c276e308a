"""Which labels stay known when the others are hidden."""

import numpy as np

from mos_helpers.arguments import check_seed, check_whole_number


def hide_labels(n: int, keep: float | np.ndarray, seed: int = 0) -> np.ndarray:
    """Return which of n labels stay known, True or False of shape (n,).

    Each is kept with its own probability, independently of the others. What stands in place of a hidden label (NaN, -1,
    any number) is up to you, as in `np.where(hide_labels(len(y), 0.5), y, np.nan)`. With the same seed, what is kept at
    some probabilities is kept at all higher ones too.

    Args:
        n: how many labels there are, at least 1.
        keep: probabilities in [0, 1]: one number, or one for each label, shape (n,), so that the chance may depend on
            anything: on the class, as in `np.where(y == 1, 0.9, 0.1)`, or on a score.
        seed: fixes which labels are kept. Use another seed for each head, or they lose the same rows.
    """
    check_whole_number("n", n, 1)
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
