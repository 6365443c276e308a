"""Paths on a map of a number that depends on two others."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mos_helpers.arguments import as_named_numbers
from mos_helpers.plots.figures import BLUE, INK, VERMILLION, Figure, listed

LIMIT = 10  # both axes go from minus this to plus this


def landscape(
    height: Callable[[np.ndarray], np.ndarray],
    paths: Mapping[str, np.ndarray],
    line: tuple[str, Sequence[float], Sequence[float]],
) -> Figure:
    """Draw the paths of each design on a map: where does it get to, from where?

    Each design is a panel, from -10 to 10 in x and y. Along a grey line of the map the number stays the same; where the
    line is dashed, it is below zero. Dots are starts, stars are ends.

    Args:
        height: the number at some points, shape (points,), from x and y, shape (points, 2), float32.
        paths: for each design, at most four, shape (steps, starts, 2).
        line: a name, the x and the y of both ends of a thick line to mark.
    """
    runs = as_named_numbers("paths", paths, ("steps", "starts", 2), most=4)
    figure = Figure(2.8 * len(runs) + 0.9, 3.9 if len(runs) > 1 else 4.2)
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    side = np.linspace(-LIMIT, LIMIT, 160)
    x, y = np.meshgrid(side, side)
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype("float32")
    heights = np.asarray(height(points), dtype=float).reshape(x.shape)
    for axes, (name, path) in zip(panels, runs.items(), strict=True):
        axes.contour(x, y, heights, levels=12, colors="#B0B0B0", linewidths=0.7)
        axes.plot(line[1], line[2], color=BLUE, linewidth=5, alpha=0.4, label=line[0])
        for one in path.swapaxes(0, 1):
            axes.plot(*one.T, color=VERMILLION, linewidth=1.5, label="path")
            axes.plot(*one[:1].T, "o", color=INK, markersize=4, label="start")
            axes.plot(*one[-1:].T, "*", color=INK, markersize=11, label="end")
        ticks = np.linspace(-LIMIT, LIMIT, 5)
        axes.set(title=name, xlabel="x", xticks=ticks, yticks=ticks)
    panels[0].set_ylabel("y")
    handles = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    figure.legend_above(4 if len(runs) > 1 else 2, handles=handles.values(), labels=handles)
    places = " to ".join(f"({x:g}, {y:g})" for x, y in zip(*line[1:], strict=True))
    figure.alt = f"Paths on a map. The {line[0]} is a line from {places}. {listed(runs, _said)}."
    return figure


def _said(path: np.ndarray) -> str:
    ends = [f"from ({a:.1f}, {b:.1f}) to ({c:.1f}, {d:.1f})" for (a, b), (c, d) in zip(path[0], path[-1], strict=True)]
    return ", ".join(ends)
