"""Where the boxes of a drawing of a model go, and along which way each line runs so that it meets no other box.

The boxes stand in rows. A line that skips a row gets a place of its own in it, as if a box stood there, and slants only
between the rows (K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
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
        routes: for each line (from, to), the points at which it turns, from box to box.
        size: the extent of the whole drawing.
    """

    centers: dict[Node, Point]
    routes: dict[Line, list[Point]]
    size: Point

    def turned(self) -> "Layout":
        """Return the layout with across and along exchanged."""
        centers = {node: center[::-1] for node, center in self.centers.items()}
        routes = {line: [point[::-1] for point in route] for line, route in self.routes.items()}
        return Layout(centers, routes, self.size[::-1])


def arrange(parents: dict[Node, list[Node]], box: Point) -> Layout:
    """Place boxes of one size, (across, along), so that each stands below its parents, as far down as it can."""
    ways, rows = _rows(parents)
    links = [link for way in ways.values() for link in pairwise(way)]
    across = _across(rows, links, box[0])
    along, start = {}, 0.0
    for row in rows:  # the wider the lines between two rows run, the larger the space
        slant = max((abs(across[upper] - across[lower]) for upper, lower in links if lower in row), default=0)
        start += min(0.08 * slant, 0.6)
        along |= dict.fromkeys(row, start + box[1] / 2)
        start += box[1] + BETWEEN_ROWS
    routes = {}
    for line, way in ways.items():
        turns = [(across[node], along[node] + side * box[1] / 2) for node in way for side in (-1, 1)][1:-1]
        end_across, end = turns[-1]
        routes[line] = [*turns[:-1], (end_across, end - ARROW), (end_across, end)]
    _spread_arrows(routes, box[0])
    centers = {node: (across[node], along[node]) for node in parents}
    return Layout(centers, routes, (max(across.values()) + box[0] / 2, start - BETWEEN_ROWS))


def _rows(parents: dict[Node, list[Node]]) -> tuple[dict[Line, list[Node]], list[list[Node]]]:
    """Return the way of each line, from box to box through places between them, and the rows of boxes and places."""
    children = {node: [child for child, above in parents.items() if node in above] for node in parents}
    row: dict[Node, int] = {}  # counted from the last one
    for node in TopologicalSorter(children).static_order():
        row[node] = min((row[child] for child in children[node]), default=0) - 1
    rows: list[list[Node]] = [[] for _ in range(-min(row.values()))]
    ways = {}
    for node, sources in parents.items():
        rows[row[node]].append(node)
        for source in sources:
            places = {between: (source, node, between) for between in range(row[source] + 1, row[node])}
            for between, place in places.items():
                rows[between].append(place)
            ways[source, node] = [source, *places.values(), node]
    return ways, rows


def _across(rows: list[list[Node]], links: list[Line], width: float) -> dict[Node, float]:
    """Return positions across: each row in the order of what stands above it, and around one middle."""
    middle = max(map(len, rows)) / 2
    across: dict[Node, float] = {}
    for row in rows:
        above = {node: [across[upper] for upper, lower in links if lower == node] for node in row}
        row.sort(key=lambda node: np.mean(above[node] or 0))
        for place, node in enumerate(row):
            across[node] = (middle + place - len(row) / 2) * (width + BETWEEN_BOXES) + width / 2
    return across


def _spread_arrows(routes: dict[Line, list[Point]], width: float) -> None:
    """Let the lines that end at one box arrive side by side, in the order in which they come."""
    for target in {target for _, target in routes}:
        lines = sorted((route for line, route in routes.items() if line[1] == target), key=lambda route: route[-3])
        step = min(0.25, 0.7 * width / len(lines))
        for position, route in enumerate(lines):
            shift = (position - (len(lines) - 1) / 2) * step
            route[-2:] = [(across + shift, along) for across, along in route[-2:]]
