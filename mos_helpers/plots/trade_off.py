"""The scores of two heads against each other, for several settings of one design."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from mos_helpers.arguments import as_named_numbers
from mos_helpers.plots.figures import INK, STYLES, Figure, finish, sentence

Runs = Mapping[object, Sequence[Sequence[float]]]
LABEL_PLACES = [
    {"xytext": (-6, -6), "ha": "right", "va": "top"},
    {"xytext": (6, 6), "ha": "left", "va": "bottom"},
]


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
        x_label, y_label: what the two scores are.
        settings: what the names of the dots are, such as "loss weight of odd"; it stands in the legend.
    """
    runs = _checked("points", points)
    others = _checked("marks", marks, len(STYLES) - 1) if marks else {}
    figure = Figure(5.6, 4.4)
    axes = figure.subplots()
    means = np.array([values.mean(axis=0) for values in runs.values()])
    axes.plot(*means.T, color=STYLES[0]["color"], linewidth=1, zorder=1)
    for number, (name, values) in enumerate(runs.items()):
        _draw(axes, values, STYLES[0], markersize=5)
        place = LABEL_PLACES[number % 2]
        axes.annotate(name, means[number], textcoords="offset points", fontsize=9, color=INK, **place)
    for (name, values), style in zip(others.items(), STYLES[1:], strict=False):
        _draw(axes, values, style, markersize=9, label=name)
    axes.margins(0.1)
    finish(axes, x_label, y_label)
    if settings:
        axes.plot([], [], color=STYLES[0]["color"], linewidth=1, marker=STYLES[0]["marker"], label=settings)
    if others or settings:
        figure.legend_above(2)
    figure.alt = _alt(runs, others, x_label, y_label, settings)
    return figure


def _checked(name: str, given: Runs, most: int | None = None) -> dict[str, np.ndarray]:
    found = as_named_numbers(name, given, (2,), ("runs", 2), most=most)
    return {key: np.atleast_2d(values) for key, values in found.items()}


def _draw(axes: Axes, values: np.ndarray, style: dict, **look: object) -> None:
    mean = values.mean(axis=0)
    if len(values) > 1:
        x_std, y_std = values.std(axis=0, ddof=1)
        bars = {"fmt": "none", "elinewidth": 1, "alpha": 0.6, "zorder": 2}
        axes.errorbar(*mean, xerr=x_std, yerr=y_std, ecolor=style["color"], **bars)
    look |= {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markeredgecolor": "white"}
    axes.plot(*mean, zorder=3, **look)


def _alt(runs: dict[str, np.ndarray], others: dict[str, np.ndarray], x_label: str, y_label: str, settings: str) -> str:
    def said(parts: dict[str, np.ndarray]) -> str:
        means = {name: values.mean(axis=0) for name, values in parts.items()}
        return "; ".join(f"{name}: {x:.3g} and {y:.3g}" for name, (x, y) in means.items())

    numbers = {len(values) for values in [*runs.values(), *others.values()]}
    several = f"means of {'' if len(numbers) == 1 else 'up to '}{max(numbers)} runs"
    what = sentence(f"{x_label or 'One score'} against {y_label or 'another'}")
    by = f"By {settings}: " if settings else ""
    text = f"{what}, {'one run' if numbers == {1} else several}. {by}{said(runs)}."
    return f"{text} Beside them: {said(others)}." if others else text
