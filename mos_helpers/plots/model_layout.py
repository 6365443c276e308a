"""Where the boxes of a drawing of a model go, and along which way each line runs so that it meets no other box.

The boxes stand in rows. A line that skips a row gets a slot of its own in it, as if a thin box stood there, and bends
only between the rows (K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
structures"). Here "across" runs along a row and "along" from row to row: the drawing may run downwards or to the right.
"""

from collections.abc import Hashable
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Node = Hashable
Point = tuple[float, float]
Line = tuple[Node, Node]

# Inches.
BETWEEN_BOXES, BETWEEN_ROWS = 0.22, 0.38
ARROW = 0.14  # the straight end of a line


class Layout(NamedTuple):
    """Positions in inches, each as (across, along).

    Attributes:
        centers: the centre of each box.
        routes: for each line (from, to), the points where it starts or stops bending: straight from the first to the
            second, in a curve to the third, straight to the fourth, and so on.
        size: the extent of the whole drawing.
    """

    centers: dict[Node, Point]
    routes: dict[Line, list[Point]]
    size: Point


class Slot(NamedTuple):
    """The place in a row where a line passes through it."""

    line: Line
    row: int


def arrange(parents: dict[Node, list[Node]], sizes: dict[Node, Point]) -> Layout:
    """Place boxes of the given sizes, as (across, along), so that each stands below its parents."""
    ways, rows = _rows(parents)
    sizes = {node: (0.0, 0.0) for row in rows for node in row} | sizes
    links = [link for way in ways.values() for link in pairwise(way)]
    across = _across(rows, links, sizes)
    starts, ends, end = {}, {}, -BETWEEN_ROWS
    for row in rows:  # the wider the lines between two rows run, the larger the space
        slant = max((abs(across[upper] - across[lower]) for upper, lower in links if lower in row), default=0)
        start = end + BETWEEN_ROWS + min(0.08 * slant, 0.6)
        end = start + max(sizes[node][1] for node in row)
        starts |= dict.fromkeys(row, start)
        ends |= dict.fromkeys(row, end)
    centers = {node: (across[node], (starts[node] + ends[node]) / 2) for node in parents}
    routes = {}
    for (source, target), way in ways.items():
        points = [(across[node], edge[node]) for node in way for edge in (starts, ends)][1:-1]
        points[-1] = (across[target], starts[target] - ARROW)
        leaves = (across[source], centers[source][1] + sizes[source][1] / 2)
        arrives = (across[target], centers[target][1] - sizes[target][1] / 2)
        routes[source, target] = [leaves, *points, arrives]
    _spread_arrows(routes, sizes)
    return Layout(centers, routes, (max(across[node] + sizes[node][0] / 2 for node in across), end))


def _rows(parents: dict[Node, list[Node]]) -> tuple[dict[Line, list[Node]], list[list[Node]]]:
    """Return the way of each line, from box to box through the slots between them, and the rows of boxes and slots."""
    row: dict[Node, int] = {}
    for node in TopologicalSorter(parents).static_order():
        row[node] = 1 + max((row[parent] for parent in parents[node]), default=-1)
    last = max(row.values())
    for node in parents:
        children = [row[child] for child, above in parents.items() if node in above]
        if not children or not parents[node]:
            row[node] = min(children, default=last + 1) - 1
    rows: list[list[Node]] = [[] for _ in range(last + 1)]
    ways = {}
    for node, sources in parents.items():
        rows[row[node]].append(node)
        for source in sources:
            slots = [Slot((source, node), between) for between in range(row[source] + 1, row[node])]
            for slot in slots:
                rows[slot.row].append(slot)
            ways[source, node] = [source, *slots, node]
    return ways, rows


def _across(rows: list[list[Node]], links: list[Line], sizes: dict[Node, Point]) -> dict[Node, float]:
    """Return positions across: each row in the order of what stands above it, and around one middle."""
    across: dict[Node, float] = {}
    for row in rows:
        above = {node: [across[upper] for upper, lower in links if lower == node] for node in row}
        row.sort(key=lambda node: np.mean(above[node] or 0))
        extents = np.array([sizes[node][0] for node in row])
        centers = np.cumsum(extents + BETWEEN_BOXES) - extents / 2
        across |= dict(zip(row, (centers - (centers[0] + centers[-1]) / 2).tolist(), strict=True))
    start = min(at - sizes[node][0] / 2 for node, at in across.items())
    return {node: at - start for node, at in across.items()}


def _spread_arrows(routes: dict[Line, list[Point]], sizes: dict[Node, Point]) -> None:
    """Let the lines that end at one box arrive side by side, in the order in which they come."""
    for target in {target for _, target in routes}:
        lines = sorted((route for line, route in routes.items() if line[1] == target), key=lambda route: route[-3])
        step = min(0.25, 0.7 * sizes[target][0] / len(lines))
        for position, route in enumerate(lines):
            shift = (position - (len(lines) - 1) / 2) * step
            route[-2:] = [(across + shift, along) for across, along in route[-2:]]
