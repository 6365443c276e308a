"""A tree of classes, with a number on each class."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch

from mos_helpers.plots.architectures import RULER
from mos_helpers.plots.figures import DPI, GREY, INK, VERMILLION, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mos_helpers.hierarchy import Tree

# Inches.
PADDING, GAP, BETWEEN_GROUPS, HEIGHT, LEVEL, MARGIN, CAPTION = 0.1, 0.12, 0.22, 0.46, 0.95, 0.15, 0.3
NARROWEST = 0.52

NAME, NUMBER = FontProperties(size=10, weight="bold"), FontProperties(size=9)
ROUNDED = "round,pad=0,rounding_size=0.07"
WEAK = LinearSegmentedColormap.from_list("weak", ["#8A3B00", VERMILLION, "#FBD9B5", "#FFFFFF"])


def tree(tree: "Tree", shares: Mapping[str, float] | None = None, label: str = "") -> Figure:
    """Draw the classes of a tree in levels, each with a number: where in the hierarchy is a model weak?

    The lower the number, the darker the box, between the lowest and the highest number shown. A class without a number
    has a box without colour.

    Args:
        tree: the classes; the leaves stand below their groups and not in the order of their numbers.
        shares: for some or all classes, by name, a share from 0 to 1: accuracy or recall, say.
        label: what the shares are, written below the tree.

    Raises:
        TypeError: if ``tree`` has no levels, or ``shares`` is no dictionary.
        ValueError: for a share of a class that the tree does not have, or one outside [0, 1].
    """
    shares = _checked(tree, shares)
    places, total = _places(tree)
    width = total + 2 * MARGIN
    height = LEVEL * (len(tree.levels) - 1) + HEIGHT + 2 * MARGIN + (CAPTION if shares else 0)
    width = max(width, _text_width(_caption(label), NUMBER) + 2 * MARGIN if shares else 0)
    figure = Figure(width, height, _alt(tree, shares, label), layout=None)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    shift = (width - total) / 2
    centers = {name: (x + shift, MARGIN + HEIGHT / 2 + level * LEVEL) for name, (x, level) in places.items()}
    for name, (x, y) in centers.items():
        above = tree.group_of(name)
        if above is not None:
            start, (end_x, end_y) = (x, y - HEIGHT / 2), centers[above]
            axes.plot([start[0], end_x], [start[1], end_y + HEIGHT / 2], color=GREY, linewidth=1.2, zorder=1)
    for name, center in centers.items():
        _draw_class(axes, name, center, shares.get(name), _colour(shares.get(name), shares))
    if shares:
        axes.text(width / 2, height - MARGIN, _caption(label), fontproperties=NUMBER, ha="center", color=GREY)
    return figure


def _checked(tree: "Tree", shares: Mapping[str, float] | None) -> dict[str, float]:
    if not hasattr(tree, "levels") or not hasattr(tree, "group_of"):
        raise TypeError(f"tree: {type(tree).__name__} given, a mos_helpers.hierarchy.Tree wanted.")
    if shares is None:
        return {}
    if not isinstance(shares, Mapping):
        raise TypeError(f"shares: {type(shares).__name__} given, a dictionary from class to share wanted.")
    known = {name for level in tree.levels for name in level}
    for name, share in shares.items():
        if name not in known:
            raise ValueError(f"shares: the class {name!r} given, which the tree does not have.")
        if not 0 <= share <= 1:
            raise ValueError(f"shares: {share} given for {name!r}, a number from 0 to 1 wanted.")
    return {name: float(share) for name, share in shares.items()}


def _text_width(text: str, font: FontProperties) -> float:
    return RULER.get_text_width_height_descent(text, font, ismath=False)[0] / DPI


def _box_width(name: str) -> float:
    return max(NARROWEST, _text_width(name, NAME) + 2 * PADDING)


def _places(tree: "Tree") -> tuple[dict[str, tuple[float, int]], float]:
    """Return the centre in inches and the level of each class, and the width of all.

    A class is as wide as its box or as all that it holds, whichever is wider, and stands in the middle of that.
    """
    places: dict[str, tuple[float, int]] = {}

    def needed(name: str) -> float:
        held = tree.children.get(name, ())
        return max(_box_width(name), sum(map(needed, held)) + GAP * (len(held) - 1))

    def place(name: str, left: float, level: int) -> None:
        width, held = needed(name), tree.children.get(name, ())
        places[name] = left + width / 2, level
        left += (width - sum(map(needed, held)) - GAP * (len(held) - 1)) / 2
        for child in held:
            place(child, left, level + 1)
            left += needed(child) + GAP

    left = 0.0
    for group in tree.levels[0]:
        place(group, left, 0)
        left += needed(group) + BETWEEN_GROUPS
    return places, left - BETWEEN_GROUPS


def _colour(share: float | None, shares: dict[str, float]) -> tuple[float, float, float]:
    """Return white for the highest share and for none, and the darkest colour for the lowest."""
    lowest, highest = min(shares.values(), default=0), max(shares.values(), default=1)
    if share is None or highest == lowest:
        return to_rgb("white")
    return WEAK((share - lowest) / (highest - lowest))[:3]


def _draw_class(
    axes: "Axes", name: str, center: tuple[float, float], share: float | None, colour: tuple[float, float, float]
) -> None:
    (x, y), width = center, _box_width(name)
    box = FancyBboxPatch((x - width / 2, y - HEIGHT / 2), width, HEIGHT, boxstyle=ROUNDED, zorder=2, gid=name)
    box.set(facecolor=colour, edgecolor=GREY, linewidth=1.2)
    axes.add_patch(box)
    # Black letters where the colour is light, by the brightness that the eye sees (ITU-R BT.601).
    letters = INK if np.dot(colour, (0.299, 0.587, 0.114)) > 0.5 else "white"
    text = {"ha": "center", "va": "center", "color": letters, "parse_math": False, "zorder": 3}
    axes.text(x, y if share is None else y - 0.1, name, fontproperties=NAME, **text)
    if share is not None:
        axes.text(x, y + 0.1, f"{share:.2f}", fontproperties=NUMBER, **text)


def _caption(label: str) -> str:
    return f"{label or 'the number in each box'}; the lower, the darker"


def _alt(tree: "Tree", shares: dict[str, float], label: str) -> str:
    def said(name: str) -> str:
        return f"{name} {shares[name]:.2f}" if name in shares else name

    def told(name: str) -> str:
        held = tree.children.get(name, ())
        return f"{said(name)} ({', '.join(map(told, held))})" if held else said(name)

    counts = ", ".join(str(len(level)) for level in tree.levels)
    numbers = f" with {label or 'a number'} for each class" if shares else ""
    return f"Tree of {len(tree.levels)} levels with {counts} classes{numbers}: {'; '.join(map(told, tree.levels[0]))}."
