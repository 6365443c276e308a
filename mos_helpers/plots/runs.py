"""Numbers of several designs, each over several runs: every run, or the runs' mean and standard deviation."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from mos_helpers.arguments import as_named_numbers
from mos_helpers.plots.figures import BLUE, GREY, INK, STYLES, VERMILLION, Figure, finish, listed, sentence

APART = 0.2  # how far runs and mean lie from the middle of their row
LABEL_PLACES = [
    {"xytext": (-6, -6), "ha": "right", "va": "top"},
    {"xytext": (6, 6), "ha": "left", "va": "bottom"},
]


def comparison(scores: Mapping[str, Sequence[float]], label: str = "accuracy") -> Figure:
    """Draw every run of every design on one scale, to see whether the designs differ by more than their runs do.

    Each design is a row: a ring for each run, and just below them, so that it hides none, a diamond for the mean with a
    line one standard deviation to each side of it (of the runs, with n - 1). A design with one run, such as a fixed
    answer, has no line. `scores` holds the runs of each design, from top to bottom; `label` says what the numbers are.
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
        axes.plot(values, [row - APART] * len(values), "o", color=BLUE, markerfacecolor="none", label="a run", zorder=5)
        axes.plot([mean], [below], "D", label="mean and one standard deviation", **mean_look)
    axes.set_yticks(range(len(runs)), runs)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    figure.legend_above(2, handles=axes.get_lines()[-2:])

    def said(values: np.ndarray) -> str:
        if len(values) == 1:
            return f"{values[0]:.3g} (one run)"
        return f"mean {values.mean():.3g}, standard deviation {values.std(ddof=1):.2g} ({len(values)} runs)"

    figure.alt = f"Runs compared by {label}. {listed(runs, said)}."
    return figure


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
    runs = _runs("lines", lines, len(x), most=len(STYLES), gaps=True)
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

    def said(values: np.ndarray) -> str:
        mean, shown = values.mean(axis=0), sorted({0, len(x) // 2, len(x) - 1})
        text = ", ".join(f"{mean[place]:.3g} at {x[place]:g}" for place in shown)
        return text if len(values) == 1 else f"{text} (mean of {len(values)} runs)"

    everywhere = "" if level is None else f"; {level[0]}: {level[1]:.3g} everywhere"
    figure.alt = f"{sentence(y_label) or 'Numbers'} against {x_label or 'x'}. {listed(runs, said)}{everywhere}."
    return figure


def trade_off(
    points: Mapping, marks: Mapping | None = None, x_label: str = "", y_label: str = "", settings: str = ""
) -> Figure:
    """Draw the score of one head against the score of another: what does a better score of the one cost the other?

    Each setting, a loss weight say, is a dot with its name beside it, and a line joins the settings in the order given.
    The dot is the mean of the runs, its cross one standard deviation to each side (of the runs, with n - 1). A setting
    with one run has no cross.

    Args:
        points: for each setting, shape (2,) or (runs, 2): the score of the x axis, then that of the y axis. The names
            may be numbers.
        marks: other designs to compare with, at most four, in the same shapes; each has a marker of its own.
        x_label, y_label: what the two scores are.
        settings: what the names of the dots are, such as "loss weight of odd"; it stands in the legend.
    """
    runs = _runs("points", points, 2)
    others = _runs("marks", marks, 2, most=len(STYLES) - 1) if marks else {}
    figure = Figure(5.6, 4.4)
    axes = figure.subplots()
    means = np.array([values.mean(axis=0) for values in runs.values()])
    axes.plot(*means.T, color=STYLES[0]["color"], linewidth=1, zorder=1)
    for number, (name, values) in enumerate(runs.items()):
        _draw_point(axes, values, STYLES[0], markersize=5)
        place = LABEL_PLACES[number % 2]
        axes.annotate(name, means[number], textcoords="offset points", fontsize=9, color=INK, **place)
    for (name, values), style in zip(others.items(), STYLES[1:], strict=False):
        _draw_point(axes, values, style, markersize=9, label=name)
    axes.margins(0.1)
    finish(axes, x_label, y_label)
    if settings:
        axes.plot([], [], color=STYLES[0]["color"], linewidth=1, marker=STYLES[0]["marker"], label=settings)
    if others or settings:
        figure.legend_above(2)

    def said(values: np.ndarray) -> str:
        return "{:.3g} and {:.3g}".format(*values.mean(axis=0))

    numbers = {len(values) for values in [*runs.values(), *others.values()]}
    several = f"means of {'' if len(numbers) == 1 else 'up to '}{max(numbers)} runs"
    what = sentence(f"{x_label or 'One score'} against {y_label or 'another'}")
    by = f"By {settings}: " if settings else ""
    beside = f" Beside them: {listed(others, said)}." if others else ""
    figure.alt = f"{what}, {'one run' if numbers == {1} else several}. {by}{listed(runs, said)}.{beside}"
    return figure


def _runs(name: str, given: Mapping, size: int, **limits: int | bool) -> dict[str, np.ndarray]:
    """Return the numbers of each design as (runs, size)."""
    found = as_named_numbers(name, given, (size,), ("runs", size), **limits)
    return {key: np.atleast_2d(values) for key, values in found.items()}


def _draw_point(axes: Axes, values: np.ndarray, style: dict, **look: object) -> None:
    mean = values.mean(axis=0)
    if len(values) > 1:
        x_std, y_std = values.std(axis=0, ddof=1)
        bars = {"fmt": "none", "elinewidth": 1, "alpha": 0.6, "zorder": 2}
        axes.errorbar(*mean, xerr=x_std, yerr=y_std, ecolor=style["color"], **bars)
    look |= {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markeredgecolor": "white"}
    axes.plot(*mean, zorder=3, **look)
