"""Where the boxes of a layered drawing go, and along which way each line runs so that it meets no other box.

The boxes stand in rows. A line that skips a row gets a slot of its own in it, as if a thin box stood there, and bends
only between the rows (K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
structures"). Here "across" runs along a row and "along" from row to row: the drawing may run downwards or to the right.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

import numpy as np

Node = Hashable
Point = tuple[float, float]

# Inches.
BETWEEN_BOXES = 0.22
BETWEEN_ROWS = 0.38
ARROW = 0.14  # the straight end of a line
SWEEPS = 60


@dataclass
class Layout:
    """Positions in inches, each as (across, along).

    Attributes:
        centers: the centre of each box.
        routes: for each line (from, to), the points where it starts or stops bending: straight from the first to the
            second, in a curve to the third, straight to the fourth, and so on.
        size: the extent of the whole drawing.
    """

    centers: dict[Node, Point]
    routes: dict[tuple[Node, Node], list[Point]]
    size: Point


@dataclass(frozen=True)
class Slot:
    """The place in a row where a line passes through it."""

    line: tuple[Node, Node]
    row: int


def arrange(parents: dict[Node, list[Node]], sizes: dict[Node, Point]) -> Layout:
    """Place boxes of the given sizes, as (across, along), so that each stands below its parents.

    Boxes of one row stay in the order of ``parents`` unless another order has fewer crossing lines.
    """
    ways, rows = _rows(parents)
    links = [link for way in ways.values() for link in pairwise(way)]
    rows = _untangle(rows, links)
    across = _straighten(rows, links, sizes)
    number = {node: position for position, row in enumerate(rows) for node in row}
    starts, ends = _row_edges(number, links, across, sizes)
    centers = {node: (across[node], (starts[number[node]] + ends[number[node]]) / 2) for node in parents}
    routes = {}
    for (source, target), way in ways.items():
        points = [(across[node], edge[number[node]]) for node in way for edge in (starts, ends)][1:-1]
        points[-1] = (across[target], starts[number[target]] - ARROW)
        leaves = (across[source], centers[source][1] + sizes[source][1] / 2)
        arrives = (across[target], centers[target][1] - sizes[target][1] / 2)
        routes[source, target] = [leaves, *points, arrives]
    _spread_arrows(routes, sizes)
    width = max(across[node] + _extent(node, sizes) / 2 for node in across)
    return Layout(centers, routes, (width, ends[-1]))


def _rows(parents: dict[Node, list[Node]]) -> tuple[dict[tuple[Node, Node], list[Node]], list[list[Node]]]:
    """Return the way of each line, from box to box through the slots between them, and the rows of boxes and slots."""
    row: dict[Node, int] = {}
    for node in TopologicalSorter(parents).static_order():
        row[node] = 1 + max((row[parent] for parent in parents[node]), default=-1)
    last = max(row.values())
    children: dict[Node, list[Node]] = {node: [] for node in parents}
    for node, sources in parents.items():
        for source in sources:
            children[source].append(node)
    for node in parents:
        if not children[node]:
            row[node] = last
        elif not parents[node]:
            row[node] = min(row[child] for child in children[node]) - 1
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


def _neighbours(links: list[tuple[Node, Node]]) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    above: dict[Node, list[Node]] = {}
    below: dict[Node, list[Node]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    return above, below


def _untangle(rows: list[list[Node]], links: list[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the rows in an order with few crossings: each node near the mean of its neighbours."""
    above, below = _neighbours(links)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(12):
        if not fewest:
            break
        neighbours, numbers = (above, range(1, len(rows))) if sweep % 2 == 0 else (below, range(len(rows) - 2, -1, -1))
        rows = [list(row) for row in rows]
        for number in numbers:
            place = {node: position for row in rows for position, node in enumerate(row)}
            mean = {node: np.mean([place[other] for other in neighbours.get(node, [node])]) for node in rows[number]}
            rows[number].sort(key=mean.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[Node]], below: dict[Node, list[Node]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {node: position for position, node in enumerate(lower)}
        ends = [sorted(place[node] for node in below.get(start, [])) for start in upper]
        passed: list[int] = []
        for end in ends:
            count += sum(earlier > later for earlier in passed for later in end)
            passed += end
    return count


def _extent(node: Node, sizes: dict[Node, Point]) -> float:
    return sizes[node][0] if node in sizes else 0.0


def _straighten(rows: list[list[Node]], links: list[tuple[Node, Node]], sizes: dict[Node, Point]) -> dict[Node, float]:
    """Return positions across that make lines short and straight, in the order of the rows, without overlaps.

    It lowers the sum of squared slants of all lines, row by row: within a row, the best positions in a given order
    are an isotonic regression.
    """
    from scipy.optimize import isotonic_regression

    offsets = [_offsets(row, sizes) for row in rows]
    across = {node: at for row, places in zip(rows, offsets, strict=True) for node, at in zip(row, places, strict=True)}
    above, below = _neighbours(links)
    pull = {
        node: [(other, _stiffness(node, other)) for other in above.get(node, []) + below.get(node, [])]
        for node in across
    }
    numbers = range(len(rows))
    for _ in range(SWEEPS):
        for number in (*numbers, *reversed(numbers)):
            row = rows[number]
            weights = np.array([sum(weight for _, weight in pull[node]) or 1.0 for node in row])
            wanted = [sum(across[other] * weight for other, weight in pull[node]) or across[node] for node in row]
            places = (
                isotonic_regression(np.array(wanted) / weights - offsets[number], weights=weights).x + offsets[number]
            )
            across.update(zip(row, places, strict=True))
    start = min(across[node] - _extent(node, sizes) / 2 for node in across)
    return {node: float(at - start) for node, at in across.items()}


def _offsets(row: list[Node], sizes: dict[Node, Point]) -> np.ndarray:
    """Return the positions of a row packed as tightly as allowed, with 0 in its middle."""
    extents = np.array([_extent(node, sizes) for node in row])
    centers = np.cumsum(extents + BETWEEN_BOXES) - extents / 2
    return centers - (centers[0] + centers[-1]) / 2


def _stiffness(node: Node, other: Node) -> int:
    """A line through several rows should run straight, so its inner pieces pull harder."""
    return (1, 4, 30)[isinstance(node, Slot) + isinstance(other, Slot)]


def _row_edges(
    number: dict[Node, int], links: list[tuple[Node, Node]], across: dict[Node, float], sizes: dict[Node, Point]
) -> tuple[list[float], list[float]]:
    """Return where each row begins and ends; the wider the lines between two rows run, the larger the space."""
    heights = [0.0] * (1 + max(number.values()))
    slants = heights.copy()
    for node, (_, height) in sizes.items():
        heights[number[node]] = max(heights[number[node]], height)
    for upper, lower in links:
        slants[number[lower]] = max(slants[number[lower]], abs(across[upper] - across[lower]))
    starts, ends = [0.0], [heights[0]]
    for height, slant in zip(heights[1:], slants[1:], strict=True):
        starts.append(ends[-1] + BETWEEN_ROWS + min(0.08 * slant, 0.6))
        ends.append(starts[-1] + height)
    return starts, ends


def _spread_arrows(routes: dict[tuple[Node, Node], list[Point]], sizes: dict[Node, Point]) -> None:
    """Let the lines that end at one box arrive side by side, in the order in which they come."""
    arriving: dict[Node, list[list[Point]]] = {}
    for (_, target), route in routes.items():
        arriving.setdefault(target, []).append(route)
    for target, lines in arriving.items():
        step = min(0.25, 0.7 * sizes[target][0] / len(lines))
        for position, route in enumerate(sorted(lines, key=lambda route: route[-3])):
            shift = (position - (len(lines) - 1) / 2) * step
            route[-2:] = [(across + shift, along) for across, along in route[-2:]]
