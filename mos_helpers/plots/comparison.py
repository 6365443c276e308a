"""Scores of several designs over several seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from mos_helpers.plots.figures import BLUE, INK, VERMILLION, Figure

APART = 0.2  # how far runs and mean lie from the middle of their row


def comparison(scores: Mapping[str, Sequence[float]], label: str = "accuracy") -> Figure:
    """Draw every run of every design on one scale, to see whether the designs differ by more than their runs do.

    Each design is a row: a ring for each run, and just below them, so that it hides none, a diamond for the mean with a
    line one standard deviation to each side of it (of the runs, with n - 1). A design with one run, such as a fixed
    answer, has no line.

    Args:
        scores: for each design, in the order from top to bottom, one number for each run.
        label: what the numbers are.

    Raises:
        TypeError: if ``scores`` is no dictionary.
        ValueError: for no design, a design without runs, or numbers that are not finite.
    """
    runs = _checked(scores)
    figure = Figure(6.5, 0.36 * len(runs) + 0.95)
    axes = figure.subplots()
    for row, values in enumerate(runs.values()):
        mean = values.mean()
        if len(values) > 1:
            std = values.std(ddof=1)
            below = [row + APART, row + APART]
            axes.plot([mean - std, mean + std], below, color=VERMILLION, linewidth=2.5, zorder=2)
        above = np.full(len(values), row - APART)
        axes.plot(values, above, "o", color=BLUE, markerfacecolor="none", label="a run", zorder=5)
        axes.plot(
            [mean],
            [row + APART],
            "D",
            color=VERMILLION,
            markeredgecolor="white",
            markersize=8,
            label="mean and one standard deviation",
            zorder=4,
        )
    axes.set_yticks(range(len(runs)), runs)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel(label)
    axes.grid(axis="x", color="#E3E3E3")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(handles=axes.get_lines()[-2:], loc="outside upper center", ncols=2, frameon=False)
    figure.alt = _alt(runs, label)
    return figure


def _checked(scores: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    if not isinstance(scores, Mapping):
        raise TypeError(f"scores: {type(scores).__name__} given, a dictionary from design to its runs wanted.")
    if not scores:
        raise ValueError("scores: no design given, at least one wanted.")
    runs = {str(name): np.asarray(values, dtype=float) for name, values in scores.items()}
    for name, values in runs.items():
        if values.ndim != 1 or not len(values):
            raise ValueError(f'scores: shape {values.shape} given for "{name}", (runs,) wanted.')
        if not np.isfinite(values).all():
            raise ValueError(f'scores: {values[~np.isfinite(values)][0]} given for "{name}", finite numbers wanted.')
    return runs


def _alt(runs: dict[str, np.ndarray], label: str) -> str:
    def said(values: np.ndarray) -> str:
        if len(values) == 1:
            return f"{values[0]:.3g} (one run)"
        return f"mean {values.mean():.3g}, standard deviation {values.std(ddof=1):.2g} ({len(values)} runs)"

    return f"Runs compared by {label}. {'; '.join(f'{name}: {said(values)}' for name, values in runs.items())}."
