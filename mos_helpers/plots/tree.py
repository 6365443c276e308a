"""A tree of classes, with a number on each class."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch

from mos_helpers.arguments import check_number, check_type
from mos_helpers.hierarchy import Tree
from mos_helpers.plots.figures import FACT, GREY, INK, NAME, ROUNDED, VERMILLION, Figure, text_width

# Inches.
PADDING, GAP, HEIGHT, LEVEL, MARGIN, CAPTION = 0.1, 0.16, 0.46, 0.95, 0.12, 0.3
NARROWEST = 0.52
WEAK = LinearSegmentedColormap.from_list("weak", ["#8A3B00", VERMILLION, "#FBD9B5", "#FFFFFF"])


def tree(tree: Tree, shares: Mapping[str, float] | None = None, label: str = "") -> Figure:
    """Draw the classes of a tree in levels, each with a number: where in the hierarchy is a model weak?

    The lower the number, the darker the box, between the lowest and the highest number shown. A class without a number
    has a box without colour.

    Args:
        tree: the classes; the leaves stand below their groups and not in the order of their numbers.
        shares: for some or all classes, by name, a share from 0 to 1: accuracy or recall, say.
        label: what the shares are, written below the tree.
    """
    shares = _checked(tree, shares)
    places, total = _places(tree)
    caption = f"{label or 'the number in each box'}; the lower, the darker" if shares else ""
    width = max(total, text_width(caption, FACT)) + 2 * MARGIN
    height = LEVEL * (len(tree.levels) - 1) + HEIGHT + 2 * MARGIN + (CAPTION if shares else 0)
    figure = Figure(width, height, _alt(tree, shares, label))
    axes = figure.drawing()
    shift = (width - total) / 2
    centers = {name: (x + shift, MARGIN + HEIGHT / 2 + level * LEVEL) for name, (x, level) in places.items()}
    for name, (x, y) in centers.items():
        above = tree.group_of(name)
        if above is not None:
            above_x, above_y = centers[above]
            axes.plot([x, above_x], [y - HEIGHT / 2, above_y + HEIGHT / 2], color=GREY, linewidth=1.2, zorder=1)
        _draw_class(axes, name, (x, y), shares)
    if shares:
        axes.text(width / 2, height - MARGIN, caption, fontproperties=FACT, ha="center", color=GREY)
    return figure


def _checked(tree: Tree, shares: Mapping[str, float] | None) -> dict[str, float]:
    check_type("tree", tree, Tree, "a mos_helpers.hierarchy.Tree")
    check_type("shares", shares or {}, Mapping, "a dictionary from class to share")
    known = {*tree.children, *tree.leaves}
    for name, share in (shares or {}).items():
        if name not in known:
            raise ValueError(f"shares must be of classes of the tree, not {name!r}.")
        check_number(f"shares[{name!r}]", share, 0, 1)
    return dict(shares or {})


def _box_width(name: str) -> float:
    return max(NARROWEST, text_width(name, NAME) + 2 * PADDING)


def _places(tree: Tree) -> tuple[dict[str, tuple[float, int]], float]:
    """Return the centre in inches and the level of each class, and the width of all.

    The leaves stand in cells of one width, and each group over the middle of its leaves.
    """
    below = {leaf: [leaf] for leaf in tree.leaves}
    for level in reversed(tree.levels[:-1]):
        below |= {group: [leaf for child in tree.children[group] for leaf in below[child]] for group in level}
    order = [leaf for group in tree.levels[0] for leaf in below[group]]
    cell = max((_box_width(name) + GAP) / len(leaves) for name, leaves in below.items())
    middles = {name: cell * (0.5 + np.mean([order.index(leaf) for leaf in below[name]])) for name in below}
    places = {name: (middles[name], number) for number, level in enumerate(tree.levels) for name in level}
    return places, cell * len(order)


def _draw_class(axes: Axes, name: str, center: tuple[float, float], shares: dict[str, float]) -> None:
    (x, y), width, share = center, _box_width(name), shares.get(name)
    lowest, highest = min(shares.values(), default=0), max(shares.values(), default=0)
    colour = WEAK(1.0 if share is None or highest == lowest else (share - lowest) / (highest - lowest))[:3]
    box = FancyBboxPatch((x - width / 2, y - HEIGHT / 2), width, HEIGHT, boxstyle=ROUNDED, zorder=2, gid=name)
    box.set(facecolor=colour, edgecolor=GREY, linewidth=1.2)
    axes.add_patch(box)
    # Black letters where the colour is light, by the brightness that the eye sees (ITU-R BT.601).
    letters = INK if np.dot(colour, (0.299, 0.587, 0.114)) > 0.5 else "white"
    text = {"ha": "center", "va": "center", "color": letters, "parse_math": False, "zorder": 3}
    axes.text(x, y if share is None else y - 0.1, name, fontproperties=NAME, **text)
    if share is not None:
        axes.text(x, y + 0.1, f"{share:.2f}", fontproperties=FACT, **text)


def _alt(tree: Tree, shares: dict[str, float], label: str) -> str:
    def told(name: str) -> str:
        own = f"{name} {shares[name]:.2f}" if name in shares else name
        held = tree.children.get(name, ())
        return f"{own} ({', '.join(map(told, held))})" if held else own

    counts = ", ".join(str(len(level)) for level in tree.levels)
    numbers = f" with {label or 'a number'} for each class" if shares else ""
    return f"Tree of {len(tree.levels)} levels with {counts} classes{numbers}: {'; '.join(map(told, tree.levels[0]))}."
