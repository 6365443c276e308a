"""Where the boxes of a drawing of a model go, and along which way each line runs so that it meets no other box.

The boxes stand in rows. A line that skips a row gets a slot of its own in it, as if a thin box stood there, and bends
only between the rows (K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
structures"). Here "across" runs along a row and "along" from row to row: the drawing may run downwards or to the right.
"""

from collections import defaultdict
from collections.abc import Hashable
from graphlib import TopologicalSorter
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

Node = Hashable
Point = tuple[float, float]
Link = tuple[Node, Node]

# Inches.
BETWEEN_BOXES, BETWEEN_ROWS = 0.22, 0.38
ARROW = 0.14  # the straight end of a line
SWEEPS = 60


class Layout(NamedTuple):
    """Positions in inches, each as (across, along).

    Attributes:
        centers: the centre of each box.
        routes: for each line (from, to), the points where it starts or stops bending: straight from the first to the
            second, in a curve to the third, straight to the fourth, and so on.
        size: the extent of the whole drawing.
    """

    centers: dict[Node, Point]
    routes: dict[Link, list[Point]]
    size: Point


class Slot(NamedTuple):
    """The place in a row where a line passes through it."""

    line: Link
    row: int


def arrange(parents: dict[Node, list[Node]], sizes: dict[Node, Point]) -> Layout:
    """Place boxes of the given sizes, as (across, along), so that each stands below its parents.

    Boxes of one row stay in the order of ``parents`` unless another order has fewer crossing lines.
    """
    ways, rows = _rows(parents)
    links = [link for way in ways.values() for link in pairwise(way)]
    rows = _untangle(rows, links)
    sizes = {node: (0.0, 0.0) for row in rows for node in row} | sizes
    across = _straighten(rows, links, sizes)
    starts, ends = _row_edges(rows, links, across, sizes)
    row_of = {node: number for number, row in enumerate(rows) for node in row}
    centers = {node: (across[node], (starts[row_of[node]] + ends[row_of[node]]) / 2) for node in parents}
    routes = {}
    for (source, target), way in ways.items():
        points = [(across[node], edge[row_of[node]]) for node in way for edge in (starts, ends)][1:-1]
        points[-1] = (across[target], starts[row_of[target]] - ARROW)
        leaves = (across[source], centers[source][1] + sizes[source][1] / 2)
        arrives = (across[target], centers[target][1] - sizes[target][1] / 2)
        routes[source, target] = [leaves, *points, arrives]
    _spread_arrows(routes, sizes)
    return Layout(centers, routes, (max(across[node] + sizes[node][0] / 2 for node in across), ends[-1]))


def _rows(parents: dict[Node, list[Node]]) -> tuple[dict[Link, list[Node]], list[list[Node]]]:
    """Return the way of each line, from box to box through the slots between them, and the rows of boxes and slots."""
    row: dict[Node, int] = {}
    for node in TopologicalSorter(parents).static_order():
        row[node] = 1 + max((row[parent] for parent in parents[node]), default=-1)
    for node, above in parents.items():
        children = [child for child, sources in parents.items() if node in sources]
        if not children:
            row[node] = max(row.values())
        elif not above:
            row[node] = min(row[child] for child in children) - 1
    rows: list[list[Node]] = [[] for _ in range(max(row.values()) + 1)]
    ways = {}
    for node, sources in parents.items():
        rows[row[node]].append(node)
        for source in sources:
            slots = [Slot((source, node), between) for between in range(row[source] + 1, row[node])]
            for slot in slots:
                rows[slot.row].append(slot)
            ways[source, node] = [source, *slots, node]
    return ways, rows


def _untangle(rows: list[list[Node]], links: list[Link]) -> list[list[Node]]:
    """Return the rows in an order with few crossings: each node near the mean of its neighbours."""
    above, below = defaultdict(list), defaultdict(list)
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    orders = [rows]
    downwards = range(1, len(rows))
    for sweep in range(12):
        rows = [list(row) for row in rows]
        for number in reversed(range(len(rows) - 1)) if sweep % 2 else downwards:
            neighbours = below if sweep % 2 else above
            place = {node: position for row in rows for position, node in enumerate(row)}
            mean = {node: np.mean([place[other] for other in neighbours[node] or [node]]) for node in rows[number]}
            rows[number].sort(key=mean.__getitem__)
        orders.append(rows)
    return min(orders, key=lambda order: _crossings(order, links))


def _crossings(rows: list[list[Node]], links: list[Link]) -> int:
    place = {node: (number, position) for number, row in enumerate(rows) for position, node in enumerate(row)}
    lines = [(*place[upper], place[lower][1]) for upper, lower in links]
    return sum(a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0 for a, b in combinations(lines, 2))


def _straighten(rows: list[list[Node]], links: list[Link], sizes: dict[Node, Point]) -> dict[Node, float]:
    """Return positions across that make lines short and straight, in the order of the rows, without overlaps.

    It lowers the sum of squared slants of all lines, row by row: within a row, the best positions in a given order
    are an isotonic regression. A line through several rows should run straight, so its inner pieces pull harder.
    """
    from scipy.optimize import isotonic_regression  # here, because it is slow to import

    pulls = defaultdict(dict)
    for upper, lower in links:
        pull = (1, 4, 30)[isinstance(upper, Slot) + isinstance(lower, Slot)]
        pulls[upper][lower] = pulls[lower][upper] = pull
    packed = [_packed(row, sizes) for row in rows]
    across = {node: at for row, places in zip(rows, packed, strict=True) for node, at in zip(row, places, strict=True)}
    numbers = range(len(rows))
    for number in (*numbers, *reversed(numbers)) * SWEEPS:
        row = rows[number]
        weights = np.array([sum(pulls[node].values()) or 1.0 for node in row])
        wanted = [sum(across[other] * pull for other, pull in pulls[node].items()) or across[node] for node in row]
        offsets = packed[number]
        places = isotonic_regression(np.array(wanted) / weights - offsets, weights=weights).x + offsets
        across.update(zip(row, places, strict=True))
    start = min(across[node] - sizes[node][0] / 2 for node in across)
    return {node: float(at - start) for node, at in across.items()}


def _packed(row: list[Node], sizes: dict[Node, Point]) -> np.ndarray:
    """Return the positions of a row packed as tightly as allowed, with 0 in its middle."""
    extents = np.array([sizes[node][0] for node in row])
    centers = np.cumsum(extents + BETWEEN_BOXES) - extents / 2
    return centers - (centers[0] + centers[-1]) / 2


def _row_edges(
    rows: list[list[Node]], links: list[Link], across: dict[Node, float], sizes: dict[Node, Point]
) -> tuple[list[float], list[float]]:
    """Return where each row begins and ends; the wider the lines between two rows run, the larger the space."""
    starts, ends = [], [-BETWEEN_ROWS]
    for row in rows:
        slant = max((abs(across[upper] - across[lower]) for upper, lower in links if lower in row), default=0)
        starts.append(ends[-1] + BETWEEN_ROWS + min(0.08 * slant, 0.6))
        ends.append(starts[-1] + max(sizes[node][1] for node in row))
    return starts, ends[1:]


def _spread_arrows(routes: dict[Link, list[Point]], sizes: dict[Node, Point]) -> None:
    """Let the lines that end at one box arrive side by side, in the order in which they come."""
    arriving = defaultdict(list)
    for (_, target), route in routes.items():
        arriving[target].append(route)
    for target, lines in arriving.items():
        step = min(0.25, 0.7 * sizes[target][0] / len(lines))
        for position, route in enumerate(sorted(lines, key=lambda route: route[-3])):
            shift = (position - (len(lines) - 1) / 2) * step
            route[-2:] = [(across + shift, along) for across, along in route[-2:]]
