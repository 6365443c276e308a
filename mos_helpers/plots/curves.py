"""Numbers against a number, as curves over runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import NullLocator

from mos_helpers.arguments import as_named_numbers
from mos_helpers.plots.figures import GREY, STYLES, Figure, finish, sentence


def curves(
    x: Sequence[float],
    lines: Mapping[str, np.ndarray],
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
    level: tuple[str, float] | None = None,
) -> Figure:
    """Draw one curve for each design: how does a number change when another one does?

    A design with several runs gets the mean of its runs as a line, and a band of one standard deviation to each side
    of it (of the runs, with n - 1). A value that is missing (NaN) leaves a gap.

    Args:
        x: where the numbers were taken, shape (points,).
        lines: for each design, at most five, shape (points,) or (runs, points).
        x_label, y_label: what `x` and the lines are.
        log_x: give each factor, not each step, the same width; `x` must be positive.
        level: a name and a number, for a grey line across: a baseline, say.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"x must hold finite numbers, shape (points,), not {x!r:.60}.")
    if log_x and x.min() <= 0:
        raise ValueError(f"x must be positive, because log_x is True, not {x.min():g}.")
    found = as_named_numbers("lines", lines, (len(x),), ("runs", len(x)), most=len(STYLES), gaps=True)
    runs = {name: np.atleast_2d(values) for name, values in found.items()}
    figure = Figure(6.5, 3.6)
    axes = figure.subplots()
    finish(axes, x_label, y_label)
    for (name, values), style in zip(runs.items(), STYLES, strict=False):
        mean = values.mean(axis=0)
        axes.plot(x, mean, label=name, markersize=5, **style)
        if len(values) > 1:
            std = values.std(axis=0, ddof=1)
            axes.fill_between(x, mean - std, mean + std, color=style["color"], alpha=0.15, linewidth=0)
    if level is not None:
        axes.axhline(level[1], color=GREY, linewidth=1, linestyle=(0, (1, 2)), label=level[0])
    if log_x:
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.xaxis.set_minor_locator(NullLocator())
    figure.legend_above(min(3, len(runs) + (level is not None)))
    figure.alt = _alt(x, runs, x_label, y_label, level)
    return figure


def _alt(
    x: np.ndarray, runs: dict[str, np.ndarray], x_label: str, y_label: str, level: tuple[str, float] | None
) -> str:
    shown = sorted({0, len(x) // 2, len(x) - 1})

    def said(values: np.ndarray) -> str:
        mean = values.mean(axis=0)
        text = ", ".join(f"{mean[place]:.3g} at {x[place]:g}" for place in shown)
        return text if len(values) == 1 else f"{text} (mean of {len(values)} runs)"

    text = "; ".join(f"{name}: {said(values)}" for name, values in runs.items())
    text += "" if level is None else f"; {level[0]}: {level[1]:.3g} everywhere"
    return f"{sentence(y_label) or 'Numbers'} against {x_label or 'x'}. {text}."
