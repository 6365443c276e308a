"""Which labels stay known when the others are hidden."""

import numpy as np

from mos_helpers.data.arguments import check_whole_number


def hide_labels(n: int, keep: float | np.ndarray, seed: int = 0) -> np.ndarray:
    """Return which of n labels stay known: each is kept with its own probability, independently of the others.

    It hides nothing itself: what stands in place of a hidden label (NaN, -1, any number) is up to you, as in
    `np.where(hide_labels(len(y), 0.5), y, np.nan)`. With one number, the labels are hidden at random, and the share
    that is kept is `keep` on average. With one number per row, the chance may depend on anything: on the class, as in
    `np.where(y == 1, 0.9, 0.1)`, or on a score.

    With the same seed, what is kept at some probabilities is kept at all higher ones too.

    Args:
        n: how many labels there are, at least 1.
        keep: probabilities in [0, 1]: one number, or numbers of shape (n,). They are not changed.
        seed: fixes which labels are kept. Use another seed for each head, or they lose the same rows.

    Returns:
        True where the label is kept, bool of shape (n,).

    Raises:
        TypeError: n or seed is not a whole number, or keep does not hold real numbers.
        ValueError: n or seed is outside its range, keep has another shape, or it holds NaN or a number outside [0, 1].
    """
    check_whole_number("n", n, 1)
    check_whole_number("seed", seed, 0, 2**63 - 1)
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
