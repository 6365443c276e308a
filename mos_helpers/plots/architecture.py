"""A drawing of a model: its trunk, its heads and what flows where."""

from typing import NamedTuple

import keras
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.path import Path

from mos_helpers.plots.figures import BLUE, GREY, INK, VERMILLION, Figure, text_width
from mos_helpers.plots.model_graph import Box, Call, boxes_of
from mos_helpers.plots.model_layout import Layout, Point, arrange

TOLD_IN_ALT = 8

# Inches.
WIDEST_RIGHTWARDS = 9.0
PADDING, BAR, LINE, MARGIN, TITLE_HEIGHT, LEGEND_HEIGHT, SWATCH = 0.1, 0.26, 0.165, 0.14, 0.55, 0.32, 0.5

TITLE, NAME = FontProperties(size=12, weight="bold"), FontProperties(size=10, weight="bold")
FACT, TAG = FontProperties(size=9), FontProperties(size=9, style="italic")

ROUNDED = "round,pad=0,rounding_size=0.07"
HEAD = "#B04A00"  # vermillion, dark enough for white letters


class Style(NamedTuple):
    """How a kind of box looks; line widths and line styles tell the kinds apart in grey, too."""

    word: str
    border: str
    line_width: float
    line_style: str
    bar: str
    name: str


STYLES = {
    "input": Style("input", GREY, 1.0, "-", "#E2E2E2", INK),
    "trunk": Style("trunk", BLUE, 1.9, "-", "#C3DFF1", INK),
    "branch": Style("leads to one head", VERMILLION, 1.3, "--", "#FCEBDD", INK),
    "head": Style("head", HEAD, 2.8, "-", HEAD, "white"),
}


def architecture(model: keras.Model, downwards: bool | None = None) -> Figure:
    """Draw a model's layers as boxes: what is shared, what leads to one head, and the heads.

    Each box tells the layer's name, class, activation, output shape (None stands for the batch) and number of
    parameters. A layer that is called twice has two boxes; a model inside the model is one box. The figure grows with
    the model; it runs to the right, or downwards if it would become too wide.

    Args:
        model: a functional model, or a Sequential one that is built; with any number of inputs and outputs.
        downwards: whether it runs downwards, for models that stand side by side to be compared; None decides by width.
    """
    boxes = boxes_of(model)
    layout, down = _layout(boxes, downwards)
    facts = _summary(model)
    kinds = [kind for kind in STYLES if any(box.kind == kind for box in boxes.values())]
    graph_width, graph_height = _turned(layout.size, down)
    legend_width = sum(text_width(STYLES[kind].word, FACT) + SWATCH for kind in kinds)
    width = max(graph_width, legend_width, text_width(model.name, TITLE), text_width(facts, FACT)) + 2 * MARGIN
    height = TITLE_HEIGHT + graph_height + LEGEND_HEIGHT + 2 * MARGIN
    figure = Figure(width, height, _alt(model, boxes, layout), layout=None)
    axes = figure.drawing()
    axes.text(width / 2, MARGIN, model.name, fontproperties=TITLE, ha="center", va="top", color=INK, parse_math=False)
    axes.text(width / 2, MARGIN + 0.24, facts, fontproperties=FACT, ha="center", va="top", color=GREY)
    corner = ((width - graph_width) / 2, MARGIN + TITLE_HEIGHT)
    _draw_graph(axes, boxes, layout, down, corner)
    _draw_legend(axes, [STYLES[kind] for kind in kinds])
    return figure


def _layout(boxes: dict[Call, Box], down: bool | None) -> tuple[Layout, bool]:
    """Return a layout, one that is not too wide if `down` is None, and whether it runs downwards."""
    parents = {call: box.parents for call, box in boxes.items()}
    width = _box_width(boxes)
    sizes = {call: (width, _box_height(box)) for call, box in boxes.items()}
    downwards = arrange(parents, sizes)
    rightwards = arrange(parents, {call: _turned(size, down=False) for call, size in sizes.items()})
    if down is None:
        down = rightwards.size[1] > max(WIDEST_RIGHTWARDS, downwards.size[0])
    return (downwards if down else rightwards), down


def _turned(point: Point, down: bool) -> Point:
    """Exchange (across, along) and (x, y)."""
    return point if down else point[::-1]


def _box_width(boxes: dict[Call, Box]) -> float:
    """Return the width that holds the widest text: all boxes are equally wide."""
    tag = text_width("head", TAG) + 2 * PADDING
    names = [text_width(box.name, NAME) + (tag if box.kind == "head" else 0) for box in boxes.values()]
    return 2 * PADDING + max(*names, *(text_width(line, FACT) for box in boxes.values() for line in box.lines))


def _box_height(box: Box) -> float:
    return BAR + PADDING + len(box.lines) * LINE


def _draw_graph(axes: Axes, boxes: dict[Call, Box], layout: Layout, down: bool, corner: Point) -> None:
    def place(point: Point) -> Point:
        x, y = _turned(point, down)
        return corner[0] + x, corner[1] + y

    width = _box_width(boxes)
    for (source, target), route in layout.routes.items():
        points = _bend(route)
        codes = [Path.MOVETO, *[Path.LINETO, *[Path.CURVE4] * 3] * ((len(points) - 2) // 4), Path.LINETO]
        look = {"arrowstyle": "-|>", "mutation_scale": 10, "color": "#555555", "linewidth": 1.3, "zorder": 1}
        arrow = FancyArrowPatch(path=Path([place(point) for point in points], codes), **look)
        arrow.set_gid(f"{_identity(source)} to {_identity(target)}")
        axes.add_patch(arrow)
    for call, box in boxes.items():
        x, y = place(layout.centers[call])
        height = _box_height(box)
        _draw_box(axes, box, (x - width / 2, y - height / 2), (width, height), _identity(call))


def _bend(route: list[Point]) -> list[Point]:
    """Put the two control points of a curve between every second and third point of a route."""
    points = route[:2]
    for (across, along), (next_across, next_along), end in zip(route[1::2], route[2::2], route[3::2], strict=False):
        middle = (along + next_along) / 2
        points += [(across, middle), (next_across, middle), (next_across, next_along), end]
    return points


def _identity(call: Call) -> str:
    return call[0] if call[1] == 0 else f"{call[0]}, call {call[1]}"


def _draw_box(axes: Axes, box: Box, corner: Point, size: Point, identity: str) -> None:
    (x, y), (width, height) = corner, size
    style = STYLES[box.kind]
    paper = FancyBboxPatch(corner, width, height, boxstyle=ROUNDED, facecolor="white", edgecolor="none", zorder=2)
    axes.add_patch(paper)
    name_bar = axes.add_patch(Rectangle(corner, width, BAR, facecolor=style.bar, zorder=3))
    name_bar.set_clip_path(paper)
    border = FancyBboxPatch(corner, width, height, boxstyle=ROUNDED, facecolor="none", zorder=4, gid=identity)
    border.set(edgecolor=style.border, linewidth=style.line_width, linestyle=style.line_style)
    axes.add_patch(border)
    text = {"va": "center_baseline", "parse_math": False, "zorder": 5}
    axes.text(x + PADDING, y + BAR / 2, box.name, fontproperties=NAME, color=style.name, **text)
    if box.kind == "head":
        axes.text(x + width - PADDING, y + BAR / 2, "head", ha="right", fontproperties=TAG, color=style.name, **text)
    for number, line in enumerate(box.lines):
        middle = y + BAR + PADDING / 3 + (number + 0.5) * LINE
        axes.text(x + PADDING, middle, line, fontproperties=FACT, color=INK, **text)


def _draw_legend(axes: Axes, styles: list[Style]) -> None:
    looks = [{"facecolor": style.bar, "edgecolor": style.border, "linestyle": style.line_style} for style in styles]
    patches = [Patch(label=style.word, **look) for style, look in zip(styles, looks, strict=True)]
    spacing = {"handlelength": 1.4, "handletextpad": 0.5, "columnspacing": 1.4, "borderaxespad": 0.4}
    axes.legend(handles=patches, loc="lower center", ncols=len(styles), prop=FACT, frameon=False, **spacing)


def _summary(model: keras.Model) -> str:
    counts = {"input": len(model.inputs), "output": len(model.outputs), "parameter": model.count_params()}
    return ", ".join(f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())


def _alt(model: keras.Model, boxes: dict[Call, Box], layout: Layout) -> str:
    """Return the boxes of each kind with their facts, in the order in which data flows, and what feeds each head."""
    parts = []
    for kind, words in (("input", "Inputs:"), ("trunk", "Trunk:"), ("branch", "Leading to one head:")):
        calls = [call for call in boxes if boxes[call].kind == kind]
        if calls:
            told = _told([boxes[call] for call in sorted(calls, key=lambda call: layout.centers[call][1])])
            parts.append(f"{words} {'; '.join(told[:TOLD_IN_ALT])}")
            parts[-1] += f" and {len(told) - TOLD_IN_ALT} more" if len(told) > TOLD_IN_ALT else ""
    heads = _told([box for box in boxes.values() if box.kind == "head"])
    return f"Drawing of the model {model.name}: {_summary(model)}. {'. '.join([*parts, 'Heads: ' + '; '.join(heads)])}."


def _told(boxes: list[Box]) -> list[str]:
    """Return each box as its name with its facts; boxes that are alike are told together."""
    names: dict[str, list[str]] = {}
    for box in boxes:
        facts = [line.replace(" · ", " ") for line in box.lines if line != "InputLayer"]
        if box.kind == "head" and box.parents:
            facts.append("fed by " + " and ".join(name for name, _ in box.parents))
        names.setdefault(", ".join(facts), []).append(box.name)
    return [f"{', '.join(alike)}, {'each ' if len(alike) > 1 else ''}{facts}" for facts, alike in names.items()]
