"""The drawing of a model says what every layer is, and nothing overlaps."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mos_helpers import plots
from mos_helpers.plots.model_graph import boxes_of
from mos_helpers.plots.model_layout import arrange

import keras  # isort: skip
from models_to_draw import (
    MODELS,
    chained_heads,
    dense,
    fan_out,
    layers,
    one_layer_two_outputs,
    separate_networks,
    sequential,
    shared_layer_and_nested_model,
)

# ---------------------------------------------------------------- architecture: what it says


def drawn(model):
    figure = plots.architecture(model)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch) and patch.get_gid()]
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    return figure, axes, boxes, arrows


def texts_by_box(axes, boxes):
    renderer = axes.figure.canvas.get_renderer()
    told = {}
    for box in boxes:
        x0, y0, x1, y1 = box.get_window_extent(renderer).extents
        inside = []
        for text in axes.texts:
            (left, bottom), (right, top) = text.get_window_extent(renderer).get_points()
            if x0 <= left and right <= x1 and y0 <= bottom and top <= y1:
                inside.append(text.get_text())
        told[box.get_gid()] = inside
    return told


@pytest.fixture(scope="module", params=MODELS)
def model_and_drawing(request):
    model = request.param()
    return model, drawn(model)


def test_every_layer_is_told_with_shape_activation_and_parameters(model_and_drawing):
    model, (_, axes, boxes, _) = model_and_drawing
    told = texts_by_box(axes, boxes)
    for layer in model.layers:
        texts = told[layer.name]
        assert layer.name in texts
        assert any(text.startswith(type(layer).__name__) for text in texts)
        if layer.count_params():
            assert any(text.startswith(f"{layer.count_params():,} parameter") for text in texts)
        if getattr(layer, "activation", None):
            assert f"{type(layer).__name__} · {layer.activation.__name__}" in texts
        if hasattr(layer.output, "shape"):
            assert str(tuple(layer.output.shape)) in texts
    heads = [name for name, texts in told.items() if "head" in texts]
    assert sorted(heads) == sorted({tensor._keras_history.operation.name for tensor in model.outputs})
    assert f"{model.count_params():,} parameters" in axes.texts[1].get_text()


def test_nothing_overlaps(model_and_drawing):
    _, (figure, axes, boxes, arrows) = model_and_drawing
    renderer = figure.canvas.get_renderer()
    extents = [box.get_window_extent(renderer) for box in boxes]
    assert not any(first.overlaps(second) for first, second in combinations(extents, 2))
    assert sum(map(len, texts_by_box(axes, boxes).values())) == len(axes.texts) - 2  # all but the title's two lines
    written = [text.get_window_extent(renderer) for text in axes.texts]
    written.append(axes.get_legend().get_window_extent(renderer))
    for first, second in combinations(written, 2):
        assert not first.padded(-1).overlaps(second.padded(-1))
    width, height = figure.canvas.get_width_height()
    for extent in [*extents, *written]:
        assert extent.x0 >= 0
        assert extent.y0 >= 0
        assert extent.x1 <= width
        assert extent.y1 <= height
    for extent in [*extents, *written[:2], written[-1]]:
        assert not any(points_inside(arrow, axes, extent.padded(-3)) for arrow in arrows)


def points_inside(arrow, axes, extent):
    inside = 0
    for polygon in axes.transData.transform_path(arrow.get_path()).to_polygons(closed_only=False):
        steps = np.linspace(0, 1, 20)[:, None, None]
        x, y = (polygon[:-1] + steps * np.diff(polygon, axis=0)).reshape(-1, 2).T
        inside += ((x > extent.x0) & (x < extent.x1) & (y > extent.y0) & (y < extent.y1)).sum()
    return inside


@pytest.mark.parametrize(
    ("build", "lines"),
    [
        (lambda: fan_out(2), {"image to trunk_1", "trunk_1 to trunk_2", "trunk_2 to head_1", "trunk_2 to head_2"}),
        (
            chained_heads,
            {
                "image to trunk",
                "trunk to digit",
                "trunk to trunk_and_digit",
                "digit to trunk_and_digit",
                "trunk_and_digit to odd",
                "trunk to size",
            },
        ),
        (
            shared_layer_and_nested_model,
            {
                "left to shared",
                "right to shared, call 1",
                "shared to pair",
                "shared, call 1 to pair",
                "pair to inner",
                "inner to same",
                "inner to digits",
            },
        ),
    ],
)
def test_arrows_follow_the_data(build, lines):
    _, _, _, arrows = drawn(build())
    found = {arrow.get_gid() for arrow in arrows}
    assert lines <= found
    assert len(found) == len(arrows)


def kinds(model):
    return {box.name: box.kind for box in boxes_of(model).values()}


def test_the_trunk_is_what_leads_to_several_heads():
    assert kinds(chained_heads()) == {
        "image": "input",
        "trunk": "trunk",
        "digit": "head",
        "trunk_and_digit": "branch",
        "odd": "head",
        "size": "head",
    }
    assert kinds(separate_networks())["digit_hidden"] == "branch"
    assert kinds(sequential())["hidden"] == "trunk"
    assert kinds(one_layer_two_outputs())["trunk"] == "trunk"


def test_heads_differ_in_colour_border_and_word():
    _, axes, boxes, _ = drawn(fan_out(2))
    by_name = {box.get_gid(): box for box in boxes}
    head, trunk = by_name["head_1"], by_name["trunk_1"]
    assert head.get_edgecolor() != trunk.get_edgecolor()
    assert head.get_linewidth() > 1.4 * trunk.get_linewidth()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["input", "trunk", "head"]


def test_a_key_that_is_not_the_layers_name_is_told():
    _, axes, boxes, _ = drawn(chained_heads())
    told = texts_by_box(axes, boxes)
    assert 'output "is_odd"' in told["odd"]
    assert not any(text.startswith("output") for text in told["digit"])
    _, axes, boxes, _ = drawn(one_layer_two_outputs())
    assert {'"digit": (None, 10)', '"odd": (None, 1)'} <= set(texts_by_box(axes, boxes)["answers"])


def test_shared_weights_and_nested_models_are_told():
    _, axes, boxes, _ = drawn(shared_layer_and_nested_model())
    told = texts_by_box(axes, boxes)
    assert "call 1 of 2, same weights" in told["shared"]
    assert "call 2 of 2, same weights" in told["shared, call 1"]
    assert "Sequential, 2 layers" in told["inner"]


def test_heads_stand_in_the_order_of_the_outputs():
    boxes = drawn(fan_out(12))[2]
    below = [(-box.get_window_extent().y0, box.get_gid()) for box in boxes if box.get_gid().startswith("head")]
    assert [name for _, name in sorted(below)] == [f"head_{number}" for number in range(1, 13)]


def test_the_figure_grows_with_the_model_but_stays_narrow():
    small, large = plots.architecture(fan_out(2)), plots.architecture(fan_out(12))
    assert small.get_figheight() < 4 < large.get_figheight()
    inputs = tensor = keras.Input((4,))
    for _ in range(30):
        tensor = layers.Dense(4)(tensor)
    deep = plots.architecture(keras.Model(inputs, tensor))
    assert max(figure.get_figwidth() for figure in (small, large, deep)) < 9.5


def test_part_of_a_larger_model_is_drawn_alone():
    whole = fan_out(2)
    part = keras.Model(whole.get_layer("trunk_2").input, whole.get_layer("head_1").output)
    assert set(kinds(part)) >= {"trunk_2", "head_1"}
    assert not {"image", "trunk_1", "head_2"} & set(kinds(part))


def test_an_output_may_be_an_input():
    inputs = keras.Input((4,), name="x")
    assert kinds(keras.Model(inputs, {"same": inputs, "y": dense(1, None, "y")(inputs)})) == {"x": "head", "y": "head"}


@pytest.mark.parametrize("heads", [2, 12])
def test_architecture_runs_as_it_is_asked_to(heads):
    model = fan_out(heads)
    wide, high = plots.architecture(model, downwards=False), plots.architecture(model, downwards=True)
    assert wide.get_figwidth() != high.get_figwidth()
    boxes = [
        {patch.get_gid(): patch.get_bbox() for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)}
        for figure in (wide, high)
    ]
    assert boxes[0]["image"].x1 < boxes[0]["head_1"].x0  # to the right of it
    assert boxes[1]["image"].y1 < boxes[1]["head_1"].y0  # below it
    assert sorted(wide.alt.split(". ")) == sorted(high.alt.split(". "))


def test_architecture_alt_names_the_parts_and_groups_equal_heads():
    assert plots.architecture(chained_heads()).alt == (
        "Drawing of the model chained: 1 input, 3 outputs, 51,095 parameters. Inputs: image, (None, 784). "
        "Trunk: trunk, Dense relu, (None, 64), 50,240 parameters. "
        "Leading to one head: trunk_and_digit, Concatenate, (None, 74). "
        "Heads: digit, Dense softmax, (None, 10), 650 parameters, fed by trunk; "
        'odd, output "is_odd", Dense sigmoid, (None, 1), 75 parameters, fed by trunk_and_digit; '
        "size, Dense linear, (None, 2), 130 parameters, fed by trunk."
    )
    assert "Heads: head_1, head_2, head_3, each Dense sigmoid, (None, 1)" in plots.architecture(fan_out(3)).alt


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def test_models_without_a_graph_are_refused():
    called = Subclassed()
    called(np.ones((1, 2)))
    with pytest.raises(TypeError, match=r"keras\.Model\(inputs, outputs\); Subclassed is a subclassed model"):
        plots.architecture(called)
    with pytest.raises(ValueError, match=r"not built yet; make keras\.Input"):
        plots.architecture(keras.Sequential([layers.Dense(1)]))
    with pytest.raises(TypeError, match="model must be a Keras model, not Dense"):
        plots.architecture(layers.Dense(1))


# ---------------------------------------------------------------- layout: any graph


@pytest.mark.parametrize("seed", range(25))
def test_any_graph_is_laid_out_without_overlaps(seed):
    random = np.random.default_rng(seed)
    number = int(random.integers(2, 14))
    parents = {0: []}
    for node in range(1, number):
        chosen = random.choice(node, size=min(node, int(random.integers(0, 4))), replace=False)
        parents[node] = [int(parent) for parent in chosen]
    size = random.uniform(0.3, 2.0, 2)
    layout = arrange(parents, tuple(size))
    centers = {node: np.array(layout.centers[node]) for node in parents}
    for first, second in combinations(centers.values(), 2):
        assert (np.abs(first - second) >= size - 1e-6).any()
    assert set(layout.routes) == {(parent, node) for node in parents for parent in parents[node]}
    for route in layout.routes.values():
        for start, end in pairwise(route):
            way = np.linspace(start, end, 40)
            for center in centers.values():
                assert not (np.abs(way - center) < size / 2 - 1e-6).all(axis=1).any()
        assert all(first[1] <= second[1] + 1e-6 for first, second in pairwise(route))
