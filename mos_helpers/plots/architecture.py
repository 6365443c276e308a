"""A drawing of a model: its trunk, its heads and what flows where."""

from typing import NamedTuple

import keras
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.path import Path

from mos_helpers.plots.figures import BLUE, FACT, GREY, INK, NAME, ROUNDED, VERMILLION, Figure, text_width
from mos_helpers.plots.model_graph import Box, boxes_of
from mos_helpers.plots.model_layout import Layout, Point, arrange

# Inches.
WIDEST_RIGHTWARDS = 9.0
PADDING, BAR, LINE, MARGIN, TITLE_HEIGHT, LEGEND_HEIGHT, SWATCH = 0.1, 0.26, 0.165, 0.14, 0.55, 0.32, 0.5

TITLE, TAG = FontProperties(size=12, weight="bold"), FontProperties(size=9, style="italic")
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
    box_size = _box_size(boxes)
    layout = _layout(boxes, box_size, downwards)
    facts = _summary(model)
    styles = [style for kind, style in STYLES.items() if any(box.kind == kind for box in boxes.values())]
    legend_width = sum(text_width(style.word, FACT) + SWATCH for style in styles)
    width = max(layout.size[0], legend_width, text_width(model.name, TITLE), text_width(facts, FACT)) + 2 * MARGIN
    height = TITLE_HEIGHT + layout.size[1] + LEGEND_HEIGHT + 2 * MARGIN
    figure = Figure(width, height, _alt(model, boxes))
    axes = figure.drawing()
    middle, above = layout.size[0] / 2, MARGIN + TITLE_HEIGHT
    axes.set(xlim=(middle - width / 2, middle + width / 2), ylim=(height - above, -above))
    title = {"ha": "center", "va": "top", "parse_math": False}
    axes.text(middle, -TITLE_HEIGHT, model.name, fontproperties=TITLE, color=INK, **title)
    axes.text(middle, 0.24 - TITLE_HEIGHT, facts, fontproperties=FACT, color=GREY, **title)
    for (source, target), route in layout.routes.items():
        look = {"arrowstyle": "-|>", "mutation_scale": 10, "color": "#555555", "linewidth": 1.3, "zorder": 1}
        axes.add_patch(FancyArrowPatch(path=Path(route), gid=f"{source} to {target}", **look))
    for call, (x, y) in layout.centers.items():
        _draw_box(axes, boxes[call], (x - box_size[0] / 2, y - box_size[1] / 2), box_size, call)
    _draw_legend(axes, styles)
    return figure


def _box_size(boxes: dict[str, Box]) -> Point:
    """Return the size that holds the texts of any box: all are drawn equally large."""
    tag = text_width("head", TAG) + 2 * PADDING
    names = [text_width(box.name, NAME) + (tag if box.kind == "head" else 0) for box in boxes.values()]
    width = max(*names, *(text_width(line, FACT) for box in boxes.values() for line in box.lines))
    return width + 2 * PADDING, BAR + PADDING + LINE * max(len(box.lines) for box in boxes.values())


def _layout(boxes: dict[str, Box], box_size: Point, downwards: bool | None) -> Layout:
    parents = {call: box.parents for call, box in boxes.items()}
    right, down = (arrange(parents, box_size, way) for way in (False, True))
    if downwards is None:
        downwards = right.size[0] > max(WIDEST_RIGHTWARDS, down.size[0])
    return down if downwards else right


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


def _alt(model: keras.Model, boxes: dict[str, Box]) -> str:
    """Return the boxes of each kind with their facts, in the order in which data flows, and what feeds each head."""
    parts = [f"Drawing of the model {model.name}: {_summary(model)}"]
    titles = {"input": "Inputs", "trunk": "Trunk", "branch": "Leading to one head", "head": "Heads"}
    for kind, title in titles.items():
        alike: dict[str, list[str]] = {}  # the names of the boxes with the same facts
        for box in boxes.values():
            if box.kind == kind:
                facts = [line.replace(" · ", " ") for line in box.lines if line != "InputLayer"]
                if kind == "head" and box.parents:
                    facts.append("fed by " + " and ".join(boxes[parent].name for parent in box.parents))
                alike.setdefault(", ".join(facts), []).append(box.name)
        told = [f"{', '.join(names)}, {'each ' if len(names) > 1 else ''}{facts}" for facts, names in alike.items()]
        if told:
            parts.append(f"{title}: {'; '.join(told)}")
    return f"{'. '.join(parts)}."
