"""The scores of two heads against each other, for several settings of one design."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mos_helpers.plots.curves import STYLES
from mos_helpers.plots.figures import INK, Figure

Runs = Mapping[object, Sequence[Sequence[float]]]
LABEL_SHIFTS = [(-6, -6, "right", "top"), (6, 6, "left", "bottom")]


def trade_off(
    points: Runs, marks: Runs | None = None, x_label: str = "", y_label: str = "", settings: str = ""
) -> Figure:
    """Draw the score of one head against the score of another: what does a better score of the one cost the other?

    Each setting, a loss weight say, is a dot with its name beside it, and a line joins the settings in the order given.
    The dot is the mean of the runs, its cross one standard deviation to each side (of the runs, with n - 1). A setting
    with one run has no cross.

    Args:
        points: for each setting, shape (2,) or (runs, 2): the score of the x axis, then that of the y axis. The names
            may be numbers.
        marks: other designs to compare with, at most four, in the same shapes; each has a marker of its own.
        x_label: what the first score is.
        y_label: what the second score is.
        settings: what the names of the dots are, such as "loss weight of odd"; it stands in the legend.

    Raises:
        TypeError: if ``points`` or ``marks`` is no dictionary.
        ValueError: for no setting, too many marks, another shape, or numbers that are not finite.
    """
    runs, others = _checked("points", points), _checked("marks", {} if marks is None else marks)
    if not runs:
        raise ValueError("points: no setting given, at least one wanted.")
    if len(others) >= len(STYLES):
        raise ValueError(f"marks: {len(others)} given, at most {len(STYLES) - 1} wanted.")
    figure = Figure(5.6, 4.4)
    axes = figure.subplots()
    means = np.array([values.mean(axis=0) for values in runs.values()])
    axes.plot(*means.T, color=STYLES[0]["color"], linewidth=1, zorder=1)
    for number, (name, values) in enumerate(runs.items()):
        _draw(axes, values, STYLES[0], None)
        x, y, right, top = LABEL_SHIFTS[number % 2]
        place = {"xytext": (x, y), "textcoords": "offset points", "ha": right, "va": top}
        axes.annotate(name, values.mean(axis=0), fontsize=9, color=INK, **place)
    for (name, values), style in zip(others.items(), STYLES[1:], strict=False):
        _draw(axes, values, style, name)
    _finish(axes, x_label, y_label)
    if settings:
        axes.plot([], [], color=STYLES[0]["color"], linewidth=1, marker=STYLES[0]["marker"], label=settings)
    if others or settings:
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.alt = _alt(runs, others, x_label, y_label, settings)
    return figure


def _draw(axes: Axes, values: np.ndarray, style: dict, label: str | None) -> None:
    mean = values.mean(axis=0)
    if len(values) > 1:
        x_std, y_std = values.std(axis=0, ddof=1)
        bars = {"xerr": x_std, "yerr": y_std, "fmt": "none", "elinewidth": 1, "alpha": 0.6}
        axes.errorbar(*mean, ecolor=style["color"], zorder=2, **bars)
    look = {"color": style["color"], "marker": style["marker"], "markersize": 5 if label is None else 9}
    axes.plot(*mean, linestyle="none", markeredgecolor="white", label=label, zorder=3, **look)


def _finish(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.margins(0.1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(color="#E3E3E3")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _checked(argument: str, scores: Runs) -> dict[str, np.ndarray]:
    if not isinstance(scores, Mapping):
        raise TypeError(f"{argument}: {type(scores).__name__} given, a dictionary from name to scores wanted.")
    runs = {}
    for key, values in scores.items():
        name = f"{key:.3g}" if isinstance(key, float) else str(key)
        given = np.asarray(values, dtype=float)
        runs[name] = np.atleast_2d(given)
        if given.ndim not in (1, 2) or runs[name].shape[1] != 2 or not len(runs[name]):
            raise ValueError(f'{argument}: shape {given.shape} given for "{name}", (2,) or (runs, 2) wanted.')
        if not np.isfinite(given).all():
            wrong = given[~np.isfinite(given)][0]
            raise ValueError(f'{argument}: {wrong} given for "{name}", finite numbers wanted.')
    if len(runs) < len(scores):
        raise ValueError(f"{argument}: two names are the same in three digits; give texts as names.")
    return runs


def _alt(runs: dict[str, np.ndarray], others: dict[str, np.ndarray], x_label: str, y_label: str, settings: str) -> str:
    def said(parts: dict[str, np.ndarray]) -> str:
        means = {name: values.mean(axis=0) for name, values in parts.items()}
        return "; ".join(f"{name}: {x:.3g} and {y:.3g}" for name, (x, y) in means.items())

    numbers = {len(values) for values in [*runs.values(), *others.values()]}
    several = f"means of {'' if len(numbers) == 1 else 'up to '}{max(numbers)} runs"
    what = f"{x_label or 'One score'} against {y_label or 'another'}"
    by = f"By {settings}: " if settings else ""
    text = f"{what[:1].upper()}{what[1:]}, {'one run' if numbers == {1} else several}. {by}{said(runs)}."
    return f"{text} Beside them: {said(others)}." if others else text
