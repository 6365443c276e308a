"""Numbers against a number: curves over runs, and stated against observed shares."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from mos_helpers.plots.figures import BLUE, GREEN, GREY, INK, PURPLE, VERMILLION, Figure

STYLES = [
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": VERMILLION, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PURPLE, "linestyle": ":", "marker": "D"},
    {"color": INK, "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
]


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
        x_label: what `x` is.
        y_label: what the lines are.
        log_x: give each factor, not each step, the same width; `x` must be positive.
        level: a name and a number, for a grey line across: a baseline, say.

    Raises:
        TypeError: if ``lines`` is no dictionary.
        ValueError: for no design or more than five, another shape, numbers that are infinite, or a logarithm of a
            number that is not positive.
    """
    x, runs = _checked_lines(x, lines, log_x)
    figure = Figure(6.5, 3.6)
    axes = figure.subplots()
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
    _finish(axes, x_label, y_label)
    figure.legend(loc="outside upper center", ncols=min(3, len(axes.get_legend_handles_labels()[0])), frameon=False)
    figure.alt = _curves_alt(x, runs, x_label, y_label, level)
    return figure


def reliability(
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str = "stated",
    y_label: str = "observed",
) -> Figure:
    """Draw how often something was true against how often a model predicted it.

    On the diagonal a model is right as often as it states. Below it, it is too sure of itself.

    Args:
        points: for each model, at most five, the stated and the observed shares, both of shape (points,), in [0, 1].
        x_label: what is stated: the probability of the chosen class, say, or the share that an interval should hold.
        y_label: what is observed: how often the class was right, or how many targets the interval held.

    Raises:
        TypeError: if ``points`` is no dictionary.
        ValueError: for no model or more than five, different shapes, or numbers outside [0, 1].
    """
    pairs = _checked_pairs(points)
    figure = Figure(4.6, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="stated = observed")
    for (name, (stated, observed)), style in zip(pairs.items(), STYLES, strict=False):
        axes.plot(stated, observed, label=name, markersize=5, **style)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    _finish(axes, x_label, y_label)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.alt = f"{_sentence(y_label)} against {x_label}; on the diagonal they are equal. " + "; ".join(
        f"{name}: " + ", ".join(f"{a:.2f} gives {b:.2f}" for a, b in zip(stated, observed, strict=True))
        for name, (stated, observed) in pairs.items()
    )
    figure.alt += "."
    return figure


def _finish(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(color="#E3E3E3")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _checked_names(argument: str, designs: Mapping) -> None:
    if not isinstance(designs, Mapping):
        raise TypeError(f"{argument}: {type(designs).__name__} given, a dictionary from name to numbers wanted.")
    if not 1 <= len(designs) <= len(STYLES):
        raise ValueError(f"{argument}: {len(designs)} names given, 1 to {len(STYLES)} wanted.")


def _checked_lines(
    x: Sequence[float], lines: Mapping[str, np.ndarray], log_x: bool
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    _checked_names("lines", lines)
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"x: shape {x.shape} given, finite numbers of shape (points,) wanted.")
    if log_x and x.min() <= 0:
        raise ValueError(f"x: {x.min():g} given, positive numbers wanted, because log_x is True.")
    runs = {str(name): np.atleast_2d(np.asarray(values, dtype=float)) for name, values in lines.items()}
    for name, values in runs.items():
        if values.ndim != 2 or not len(values) or values.shape[1] != len(x):
            shape = np.shape(lines[name])
            raise ValueError(f'lines: shape {shape} given for "{name}", ({len(x)},) or (runs, {len(x)}) wanted.')
        if np.isinf(values).any():
            raise ValueError(f'lines: an infinite number given for "{name}", finite numbers wanted.')
    return x, runs


def _checked_pairs(points: Mapping[str, tuple]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    _checked_names("points", points)
    pairs = {str(name): tuple(np.asarray(side, dtype=float) for side in pair) for name, pair in points.items()}
    for name, pair in pairs.items():
        if len(pair) != 2 or pair[0].ndim != 1 or not len(pair[0]) or pair[0].shape != pair[1].shape:
            shapes = ", ".join(str(side.shape) for side in pair)
            raise ValueError(f'points: shapes {shapes} given for "{name}", two times the same (points,) wanted.')
        numbers = np.concatenate(pair)
        if not ((numbers >= 0) & (numbers <= 1)).all():
            wrong = numbers[~((numbers >= 0) & (numbers <= 1))][0]
            raise ValueError(f'points: {wrong:g} given for "{name}", numbers from 0 to 1 wanted.')
    return pairs


def _sentence(label: str) -> str:
    return label[:1].upper() + label[1:]


def _curves_alt(
    x: np.ndarray, runs: dict[str, np.ndarray], x_label: str, y_label: str, level: tuple[str, float] | None
) -> str:
    shown = sorted({0, len(x) // 2, len(x) - 1})

    def said(values: np.ndarray) -> str:
        mean = values.mean(axis=0)
        text = ", ".join(f"{mean[place]:.3g} at {x[place]:g}" for place in shown)
        return text if len(values) == 1 else f"{text} (mean of {len(values)} runs)"

    text = "; ".join(f"{name}: {said(values)}" for name, values in runs.items())
    text += "" if level is None else f"; {level[0]}: {level[1]:.3g} everywhere"
    return f"{_sentence(y_label) or 'Numbers'} against {x_label or 'x'}. {text}."
