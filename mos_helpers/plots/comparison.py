"""Scores of several designs over several seeds."""

from collections.abc import Mapping, Sequence

import numpy as np

from mos_helpers.arguments import as_named_numbers
from mos_helpers.plots.figures import BLUE, INK, VERMILLION, Figure, finish

APART = 0.2  # how far runs and mean lie from the middle of their row


def comparison(scores: Mapping[str, Sequence[float]], label: str = "accuracy") -> Figure:
    """Draw every run of every design on one scale, to see whether the designs differ by more than their runs do.

    Each design is a row: a ring for each run, and just below them, so that it hides none, a diamond for the mean with a
    line one standard deviation to each side of it (of the runs, with n - 1). A design with one run, such as a fixed
    answer, has no line.

    Args:
        scores: for each design, in the order from top to bottom, one number for each run.
        label: what the numbers are.
    """
    runs = as_named_numbers("scores", scores, ("runs",))
    figure = Figure(6.5, 0.36 * len(runs) + 0.95)
    axes = figure.subplots()
    finish(axes, label)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    mean_look = {"color": VERMILLION, "markeredgecolor": "white", "markersize": 8, "zorder": 4}
    for row, values in enumerate(runs.values()):
        mean, below = values.mean(), row + APART
        if len(values) > 1:
            std = values.std(ddof=1)
            axes.plot([mean - std, mean + std], [below, below], color=VERMILLION, linewidth=2.5, zorder=2)
        above = np.full(len(values), row - APART)
        axes.plot(values, above, "o", color=BLUE, markerfacecolor="none", label="a run", zorder=5)
        axes.plot([mean], [below], "D", label="mean and one standard deviation", **mean_look)
    axes.set_yticks(range(len(runs)), runs)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    figure.legend_above(2, handles=axes.get_lines()[-2:])
    figure.alt = _alt(runs, label)
    return figure


def _alt(runs: dict[str, np.ndarray], label: str) -> str:
    def said(values: np.ndarray) -> str:
        if len(values) == 1:
            return f"{values[0]:.3g} (one run)"
        return f"mean {values.mean():.3g}, standard deviation {values.std(ddof=1):.2g} ({len(values)} runs)"

    return f"Runs compared by {label}. {'; '.join(f'{name}: {said(values)}' for name, values in runs.items())}."
