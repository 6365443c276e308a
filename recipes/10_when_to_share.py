"""The test of sharing in one cell, which needs NumPy only: two lists of scores with the same seeds, of any metric.

From lesson 10. When does sharing help, do nothing, or hurt?
It needs numpy, and nothing else.
"""

import numpy as np


def compare_runs(alone, shared, lower=False):
    """Say what sharing changed, from paired runs: one score for each seed, the same seeds in the same order.

    `lower=True` is for errors, where lower is better. The gain has the unit of the scores; above zero, sharing helped.
    The standard error says by about how much the mean gain may be off, with so few runs.
    """
    scores = {"alone": np.asarray(alone), "shared": np.asarray(shared)}
    for name, found in scores.items():
        if found.dtype.kind not in "iuf" or found.ndim != 1:
            raise TypeError(
                f"{name} must be a list of numbers, one for each seed, not {found!r:.80}"
            )
        if len(found) < 2 or not np.isfinite(found).all():
            raise ValueError(f"{name} must be two or more finite numbers, not {found!r:.80}")
    if len(scores["alone"]) != len(scores["shared"]):
        lengths = " and ".join(str(len(found)) for found in scores.values())
        raise ValueError(f"alone and shared must have the same seeds, not {lengths} scores")
    if not isinstance(lower, bool):
        raise TypeError(f"lower must be True or False, for one metric, not {lower!r:.80}")
    gain = scores["shared"].astype(float) - scores["alone"]
    gain = -gain if lower else gain
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"gain {gain.mean():+.3g}, standard error {error:.2g}, ", end="")
    print(f"better in {(gain > 0).sum()} of {len(gain)} runs")
    return gain


accuracy = compare_runs([0.71, 0.75, 0.73], [0.76, 0.78, 0.79])
absolute_error = compare_runs([231, 240, 228], [215, 236, 229], lower=True)
