"""Where the boxes of a drawing of a model go, and along which way each line runs so that it meets no other box.

The boxes stand in rows. A line that skips a row gets a place of its own in it, as if a box stood there, and slants only
between the rows (K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
structures"). Here "across" runs along a row and "along" from row to row: the drawing may run downwards or to the right.
"""

from collections.abc import Hashable
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
    """Positions in inches, each as (x, y), y counted downwards."""

    centers: dict[Node, Point]  # the centre of each box
    routes: dict[Line, list[Point]]  # for each line (from, to), the points at which it turns, from box to box
    size: Point  # the extent of the whole drawing


def arrange(parents: dict[Node, list[Node]], box: Point, downwards: bool = True) -> Layout:
    """Place boxes of one size (x, y), named after their parents, each as far from the first row as it can stand."""
    turn = 1 if downwards else -1  # from (across, along) to (x, y) and back
    width, length = box[::turn]
    ways, rows = _rows(parents)
    links = [link for way in ways.values() for link in pairwise(way)]
    across = _across(rows, links, width)
    along, start = {}, 0.0
    for row in rows:  # the wider the lines between two rows run, the larger the space
        slant = max((abs(across[upper] - across[lower]) for upper, lower in links if lower in row), default=0)
        start += min(0.08 * slant, 0.6)
        along |= dict.fromkeys(row, start + length / 2)
        start += length + BETWEEN_ROWS
    routes = {}
    for line, way in ways.items():
        routes[line] = [(across[node], along[node] + side * length / 2) for node in way for side in (-1, 1)][1:-1]
    _add_arrows(routes, width)
    centers = {node: (across[node], along[node])[::turn] for node in parents}
    routes = {line: [point[::turn] for point in route] for line, route in routes.items()}
    return Layout(centers, routes, (max(across.values()) + width / 2, start - BETWEEN_ROWS)[::turn])


def _rows(parents: dict[Node, list[Node]]) -> tuple[dict[Line, list[Node]], list[list[Node]]]:
    """Return the way of each line, from box to box through places between them, and the rows of boxes and places."""
    row = dict.fromkeys(parents, -1)  # counted from the last one
    for node, sources in reversed(parents.items()):
        row |= {source: min(row[source], row[node] - 1) for source in sources}
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


def _add_arrows(routes: dict[Line, list[Point]], width: float) -> None:
    """Let the lines that end at one box arrive straight and side by side, in the order in which they come."""
    for target in {target for _, target in routes}:
        lines = sorted((route for line, route in routes.items() if line[1] == target), key=lambda route: route[-2])
        step = min(0.25, 0.7 * width / len(lines))
        for position, route in enumerate(lines):
            across, along = route.pop()
            across += (position - (len(lines) - 1) / 2) * step
            route += [(across, along - ARROW), (across, along)]
