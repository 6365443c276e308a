import base64
import inspect
import io
import re
import sys
from itertools import combinations, pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from nbclient import NotebookClient
from PIL import Image

from mos_helpers import plots
from mos_helpers.hierarchy import Tree
from mos_helpers.plots.model_graph import boxes_of
from mos_helpers.plots.model_layout import arrange

import keras  # isort: skip

ROOT = Path(__file__).parents[2]
layers = keras.layers

# ---------------------------------------------------------------- models


def dense(units, activation, name):
    return layers.Dense(units, activation=activation, name=name)


def fan_out(heads):
    image = keras.Input((784,), name="image")
    trunk = dense(64, "relu", "trunk_2")(dense(64, "relu", "trunk_1")(image))
    names = [f"head_{number}" for number in range(1, heads + 1)]
    return keras.Model(image, {name: dense(1, "sigmoid", name)(trunk) for name in names}, name=f"fan_{heads}")


def chained_heads():
    image = keras.Input((784,), name="image")
    trunk = dense(64, "relu", "trunk")(image)
    digit = dense(10, "softmax", "digit")(trunk)
    odd = dense(1, "sigmoid", "odd")(layers.Concatenate(name="trunk_and_digit")([trunk, digit]))
    return keras.Model(image, {"digit": digit, "is_odd": odd, "size": dense(2, None, "size")(trunk)}, name="chained")


def branching_trunk():
    image = keras.Input((28, 28, 1), name="image")
    stem = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(image)
    local = layers.Conv2D(8, 3, padding="same", activation="relu", name="local_1")(stem)
    local = layers.Conv2D(8, 3, padding="same", activation="relu", name="local_2")(local)
    wide = layers.Conv2D(8, 5, padding="same", activation="relu", name="wide")(stem)
    merged = layers.GlobalAveragePooling2D(name="pool")(layers.Concatenate(name="merged")([local, wide]))
    hidden = dense(16, "relu", "digit_hidden")(merged)
    odd = layers.Concatenate(name="joined")([merged, layers.Flatten(name="flat")(wide)])
    outputs = {"digit": dense(10, "softmax", "digit")(hidden), "odd": dense(1, "sigmoid", "odd")(odd)}
    return keras.Model(image, {**outputs, "angle": dense(1, None, "angle")(merged)}, name="branching")


def two_inputs():
    image, writer = keras.Input((28, 28, 1), name="image"), keras.Input((5,), name="writer")
    pixels = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="shrink")(image))
    trunk = dense(32, "relu", "trunk")(layers.Concatenate(name="both")([pixels, writer]))
    late = layers.Concatenate(name="writer_again")([trunk, writer])
    return keras.Model([image, writer], [dense(10, "softmax", "digit")(trunk), dense(1, "sigmoid", "odd")(late)])


def shared_layer_and_nested_model():
    left, right = keras.Input((64,), name="left"), keras.Input((64,), name="right")
    shared = dense(16, "relu", "shared")
    inner = keras.Sequential([keras.Input((32,)), layers.Dense(8), layers.Dense(4)], name="inner")
    first, second = shared(left), shared(right)
    both = inner(layers.Concatenate(name="pair")([first, second]))
    outputs = {"same": dense(1, "sigmoid", "same")(both), "sum": dense(19, "softmax", "digits")(both) + 1}
    return keras.Model([left, right], {**outputs, "difference": dense(1, None, "difference")(first - second)})


def experts():
    inputs = keras.Input((16,), name="x")
    shared = layers.Concatenate(name="experts")([dense(8, "relu", f"expert_{n}")(inputs) for n in range(3)])
    outputs = {}
    for task in ("digit", "odd", "size"):
        mix = layers.Concatenate(name=f"mix_{task}")([shared, dense(3, "softmax", f"gate_{task}")(inputs)])
        outputs[task] = dense(1, None, task)(dense(8, "relu", f"tower_{task}")(mix))
    return keras.Model(inputs, outputs, name="experts")


def separate_networks():
    image = keras.Input((784,), name="image")
    names = ("digit", "odd")
    return keras.Model(image, {n: dense(1, "sigmoid", n)(dense(64, "relu", f"{n}_hidden")(image)) for n in names})


class TwoAnswers(layers.Layer):
    """A layer with several outputs, and without get_config."""

    def __init__(self, inner):
        super().__init__(name="answers")
        self.inner = inner

    def call(self, x):
        return {"digit": self.inner["digit"](x), "odd": self.inner["odd"](x)}


def one_layer_two_outputs():
    inputs = keras.Input((8,), name="x")
    answers = TwoAnswers({"digit": layers.Dense(10), "odd": layers.Dense(1)})
    return keras.Model(inputs, answers(dense(4, "relu", "trunk")(inputs)))


def sequential():
    return keras.Sequential([keras.Input((784,), name="image"), dense(64, "relu", "hidden"), dense(1, None, "size")])


def odd_names():
    inputs = keras.Input((8,), name="a_name_that_is_much_longer_than_others_are")
    return keras.Model(inputs, [dense(1, "sigmoid", "costs_$5_or_$6")(inputs), dense(12345, None, "b")(inputs)])


MODELS = [
    *(pytest.param(lambda n=n: fan_out(n), id=f"{n}_heads") for n in (2, 3, 4, 6, 9, 12)),
    chained_heads,
    branching_trunk,
    two_inputs,
    shared_layer_and_nested_model,
    experts,
    separate_networks,
    one_layer_two_outputs,
    sequential,
    odd_names,
]

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
    sizes = {node: tuple(random.uniform(0.3, 2.0, 2)) for node in parents}
    layout = arrange(parents, sizes)
    edges = {node: (np.array(layout.centers[node]), np.array(sizes[node]) / 2) for node in parents}
    for (first, half_first), (second, half_second) in combinations(edges.values(), 2):
        assert (np.abs(first - second) >= half_first + half_second - 1e-6).any()
    assert set(layout.routes) == {(parent, node) for node in parents for parent in parents[node]}
    for route in layout.routes.values():
        for start, end in pairwise(route):
            way = np.linspace(start, end, 40)
            for center, half in edges.values():
                assert not (np.abs(way - center) < half - 1e-6).all(axis=1).any()
        assert all(first[1] <= second[1] + 1e-6 for first, second in pairwise(route))


# ---------------------------------------------------------------- images


def test_images_stand_in_a_grid_with_titles():
    figure = plots.images(np.random.default_rng(0).random((10, 28, 28)), [f"{n}, even" for n in range(10)])
    shown = [axes for axes in figure.axes if axes.images]
    assert len(figure.axes) == 16
    assert [axes.get_title() for axes in shown] == [f"{n}, even" for n in range(10)]
    assert figure.get_figwidth() <= 8
    assert figure.alt.startswith("10 grey images of 28 by 28 pixels, titled: 0, even; 1, even;")


def test_images_share_one_scale_with_dark_ink():
    figure = plots.images(np.stack([np.full((4, 6), 0.2), np.full((4, 6), 0.9)]))
    pictures = [axes.images[0] for axes in figure.axes]
    assert {picture.get_clim() for picture in pictures} == {(0, 0.9)}
    assert pictures[0].get_cmap()(0.0)[:3] == (1, 1, 1)


def test_titles_do_not_overlap():
    figure = plots.images(np.zeros((8, 28, 28)), [f"{n} taken for {n}, and odd" for n in range(8)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    titles = [axes.title.get_window_extent(canvas.get_renderer()) for axes in figure.axes]
    assert not any(first.overlaps(second) for first, second in combinations(titles, 2))
    assert titles[0].y1 <= canvas.get_width_height()[1]


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5, 784), {}, r"images must have shape \(n, height, width\), .* not \(5, 784\); flat images need"),
        ((5, 28, 28, 1), {}, r"leave the channel out with images\[\.\.\., 0\]"),
        ((784,), {}, r"images must have .* not \(784,\)"),
        ((0, 28, 28), {}, r"at least one, not \(0, 28, 28\)"),
        ((3, 28, 28), {"titles": ["one"]}, "titles must be 3, one for each image, not 1"),
        ((3, 28, 28), {"columns": 0}, "columns must be at least 1, not 0"),
    ],
)
def test_bad_images_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        plots.images(np.zeros(shape), **options)


# ---------------------------------------------------------------- history


def logs(heads, epochs=3, validation=True):
    """A history as fit makes it; `heads` gives the metrics of each head."""
    keys = ["loss", *(f"{head}_loss" for head in heads), *(f"{head}_{m}" for head in heads for m in heads[head])]
    values = {key: [1 / (epoch + 1) for epoch in range(epochs)] for key in keys}
    return values | ({f"val_{key}": [2 * v for v in values[key]] for key in keys} if validation else {})


def panels(figure):
    """The visible panels, as (title of the row, label of the y axis)."""
    title, found = {}, []
    for axes in figure.axes:
        if axes.get_visible():
            row = axes.get_subplotspec().rowspan.start
            title[row] = axes.get_title(loc="left") or title.get(row)
            found.append((title[row], axes.get_ylabel()))
    return sorted(found)


def test_each_head_has_a_row():
    figure = plots.history(logs({"digit": ["accuracy"], "odd": ["accuracy"]}))
    assert panels(figure) == [("digit", "accuracy"), ("digit", "loss"), ("odd", "accuracy"), ("odd", "loss")]
    for axes in figure.axes:
        training, validation = axes.lines
        assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
        assert training.get_marker() != validation.get_marker()
        assert training.get_color() != validation.get_color()
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    assert figure.get_supxlabel() == "epoch"
    assert figure.alt == (
        "Learning curves over 3 epochs. digit: loss 1 to 0.333 (validation 2 to 0.667), accuracy 1 to 0.333 "
        "(validation 2 to 0.667); odd: loss 1 to 0.333 (validation 2 to 0.667), accuracy 1 to 0.333 "
        "(validation 2 to 0.667)."
    )


def test_without_validation_there_is_one_line():
    figure = plots.history(logs({"digit": ["accuracy"], "odd": []}, validation=False))
    assert panels(figure) == [("digit", "accuracy"), ("digit", "loss"), ("odd", "loss")]
    assert all(len(axes.lines) == 1 for axes in figure.axes if axes.get_visible())
    assert "validation" not in figure.alt


def test_one_epoch_shows_as_a_marker():
    figure = plots.history(logs({"digit": ["accuracy"], "odd": ["accuracy"]}, epochs=1))
    assert figure.axes[0].get_xlim() == (0.5, 1.5)
    assert figure.alt.startswith("Learning curves over 1 epoch. digit: loss 1 (validation 2)")


def test_a_name_that_begins_like_another_keeps_its_own_curves():
    values = logs({"a": ["mae"], "a_b": ["mae", "mse"]})
    assert panels(plots.history(values)) == [
        ("a", "loss"),
        ("a", "mae"),
        ("a_b", "loss"),
        ("a_b", "mae"),
        ("a_b", "mse"),
    ]
    assert panels(plots.history(values, heads=["a"])) == [("a", "loss"), ("a", "mae")]
    with pytest.raises(ValueError, match=r"""heads must be .* has "a_b", not \['a'\]\."""):
        plots.history(logs({"a_b": ["mae"]}), heads=["a"])


def test_chosen_heads_come_in_their_order():
    figure = plots.history(logs({"digit": [], "odd": [], "size": []}), heads=["size", "digit"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["size", "digit"]


def test_many_heads_make_the_figure_higher_and_not_wider():
    figure = plots.history(logs({f"head_{number}": ["accuracy"] for number in range(6)}))
    assert len(panels(figure)) == 12
    assert figure.get_figwidth() < 9.5


def test_one_output_has_one_row():
    values = {"loss": [1.0, 0.5], "accuracy": [0.5, 0.8], "val_loss": [1.0, 0.6], "learning_rate": [0.1, 0.1]}
    assert panels(plots.history(values)) == [("the whole model", "accuracy"), ("the whole model", "loss")]


def test_a_head_with_metrics_but_without_loss():
    values = {"loss": [1.0], "digit_accuracy": [0.5], "odd_accuracy": [0.6]}
    assert panels(plots.history(values, heads=["odd"])) == [("odd", "accuracy")]


def test_epochs_continue_where_training_was_resumed():
    history = keras.callbacks.History()
    history.epoch, history.history = [5, 6], {"loss": [1.0, 0.5]}
    np.testing.assert_array_equal(plots.history(history).axes[0].lines[0].get_xdata(), [6, 7])


@pytest.mark.parametrize(
    ("history", "heads", "error", "message"),
    [
        ([1, 2], None, TypeError, "history must be what fit returns .*, not list"),
        ({}, None, ValueError, "history must hold at least one epoch"),
        (logs({"digit": []}), "digit", TypeError, "heads must be a list of names, not 'digit'"),
        (logs({"digit": [], "odd": []}), ["even"], ValueError, r"heads must be .*\"digit\", \"odd\", not \['even'\]"),
        (logs({"digit": [], "odd": []}), [], ValueError, "heads must be .* not none"),
        (
            {"loss": [1, 2], "val_loss": [1]},
            None,
            ValueError,
            "must have 2 values, one for each epoch, not 1",
        ),
    ],
)
def test_bad_histories_are_refused(history, heads, error, message):
    with pytest.raises(error, match=message):
        plots.history(history, heads)


# ---------------------------------------------------------------- confusion


def cells(figure):
    return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}


def test_confusion_counts_rows_as_truth():
    figure = plots.confusion([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2], range(3))
    assert cells(figure) == {(0, 0): "2", (0, 1): "1", (1, 1): "1", (2, 0): "1", (2, 2): "1"}
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("predicted class", "true class")
    assert figure.alt == (
        "Confusion matrix of 3 classes: 4 of 6 right (66.7%). Most frequent mistakes: 0 taken for 1 (1), "
        "2 taken for 0 (1)."
    )


def test_confusion_shows_mistakes_stronger_than_right_answers():
    colors = plots.confusion([0] * 99 + [1], [0] * 98 + [1, 1], range(2)).axes[0].images[0].get_array()
    assert colors[0, 1, :3].mean() < 0.5 < colors[0, 0, :3].mean()


def test_confusion_of_names():
    figure = plots.confusion([0] * 400 + [1], [0] * 399 + [1, 1], labels=["even", "odd", "none"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["even", "odd", "none"]
    assert cells(figure) == {(0, 0): "399", (0, 1): "1", (1, 1): "1", (2, 2): "0"}


def test_confusion_without_mistakes_says_so():
    assert plots.confusion([1, 2], [1, 2], range(3)).alt.endswith("There are no mistakes.")


def test_confusion_of_ten_classes_is_legible():
    labels = np.repeat(np.arange(10), 1000)
    figure = plots.confusion(labels, np.roll(labels, 300), range(10))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    extents = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts]
    assert not any(first.overlaps(second) for first, second in combinations(extents, 2))
    assert max(figure.get_size_inches()) <= 6


@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "message"),
    [
        ([0, 1], [[1, 9], [5, 5]], ValueError, r"y_pred must have .* not shape \(2, 2\); .argmax\(axis=1\) decides"),
        ([0, 1], [0.3, 0.8], TypeError, "y_pred must hold whole numbers, the numbers of classes, not float64"),
        ([0, -1], [0, 1], ValueError, "y_true must hold numbers from 0 to 1, not -1"),
        (["a", "b"], [0, 1], TypeError, "y_true must hold whole numbers, .* not <U1"),
        ([0, 1, 1], [0, 1], ValueError, "y_pred must have as many values as y_true, .* not 2, 3"),
        ([0, 1, 2], [0, 1, 1], ValueError, "y_true must hold numbers from 0 to 1, not 2"),
        (np.zeros(0, int), np.zeros(0, int), ValueError, "at least one, not 0, 0"),
    ],
)
def test_bad_classes_are_refused(y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        plots.confusion(y_true, y_pred, ["even", "odd"])


# ---------------------------------------------------------------- every figure

EXAMPLES = {
    "architecture": lambda: plots.architecture(fan_out(2)),
    "comparison": lambda: plots.comparison({"shared": [0.9, 0.92, 0.91], "separate": [0.93, 0.91, 0.94]}),
    "confusion": lambda: plots.confusion([0, 1, 1], [0, 1, 0], "ab"),
    "curves": lambda: plots.curves([1, 2], {"alone": [[0.1, 0.2], [0.2, 0.3]]}, "labels", "accuracy"),
    "history": lambda: plots.history(logs({"digit": ["accuracy"], "odd": []})),
    "images": lambda: plots.images(np.eye(4)[None], ["one"]),
    "landscape": lambda: plots.landscape(
        lambda points: points[:, 0] ** 2, {"sum": np.array([[[5.0, 5.0]], [[0.0, 0.0]]])}, ("front", (-7, 7), (-8, -8))
    ),
    "trade_off": lambda: plots.trade_off({0.1: [0.9, 0.6], 10: [0.7, 0.8]}, {"tuned": [[0.8, 0.7], [0.9, 0.8]]}),
    "tree": lambda: plots.tree(Tree({"round": ["0", "6"], "straight": ["1"]}), {"round": 0.9, "1": 0.8}),
}


def test_every_public_plot_has_an_example():
    assert set(EXAMPLES) == {name for name, value in vars(plots).items() if inspect.isfunction(value)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_shows_itself_with_alt_text_and_two_pixels_for_each_that_it_is_shown_with(name):
    figure = EXAMPLES[name]()
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert figure.alt
    shown = metadata["image/png"]
    assert figure.alt == data["text/plain"] == shown["alt"]
    png = base64.b64decode(data["image/png"])
    assert np.allclose(Image.open(io.BytesIO(png)).size, [2 * shown["width"], 2 * shown["height"]], atol=1)
    assert b"Software" not in png
    assert png == figure.png() == EXAMPLES[name]().png(), "the same bytes each time"


# ---------------------------------------------------------------- progress


def tiny_fit(**options):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {"a": dense(1, None, "a")(inputs), "b": dense(1, None, "b")(inputs)})
    model.compile("sgd", {"a": "mse", "b": "mse"}, metrics={"a": ["mae"]}, run_eagerly=True)
    x = np.zeros((8, 2))
    targets = {"a": np.full((8, 1), 2.0), "b": np.full((8, 1), 0.5)}
    return model.fit(x, targets, batch_size=4, verbose=0, callbacks=[plots.Progress()], **options)


def test_progress_is_silent_where_nobody_watches(capfd):
    tiny_fit(epochs=2)
    assert capfd.readouterr() == ("", "")


def test_progress_rewrites_one_line_of_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("mos_helpers.plots.progress.SECONDS_BETWEEN_UPDATES", 0)
    tiny_fit(epochs=2, validation_split=0.5)
    out, err = capsys.readouterr()
    shown = [line.rstrip() for line in out.split("\r") if line]
    assert shown[0].startswith("epoch 1 of 2, batch 1 of 1: loss 4.250, a_mae 2.000")
    assert shown[-1].startswith("epoch 2 of 2: loss ")
    assert "val_" not in out
    assert "b_loss" not in out
    assert out.endswith("\n")
    assert err == ""


def test_progress_waits_between_updates(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("mos_helpers.plots.progress.SECONDS_BETWEEN_UPDATES", 1000)
    tiny_fit(epochs=3)
    assert capsys.readouterr().out.count("\r") == 1


def test_progress_without_known_epochs(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    progress = plots.Progress()
    progress.on_train_begin()
    progress.on_epoch_begin(2)
    progress.on_epoch_end(2, {"loss": 0.01234, "a_loss": 1.0, "a_accuracy": 0.5, "learning_rate": 0.1, "val_loss": 3.0})
    progress.on_train_end()
    assert capsys.readouterr().out == "\repoch 3: loss 0.012, a_accuracy 0.500\n"


NOTEBOOK = [
    """
from mos_helpers import plots
import matplotlib.pyplot  # it makes IPython draw figures in its own way
""",
    """
import keras
import numpy as np

keras.utils.set_random_seed(1)
inputs = keras.Input((2,))
model = keras.Model(inputs, {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")})
model.compile("sgd", {"a": "mse", "b": "mse"}, metrics={"a": ["mae"], "b": ["mae"]}, steps_per_execution=32)
targets = {"a": np.ones((800, 1)), "b": np.ones((800, 1))}
plots.progress.SECONDS_BETWEEN_UPDATES = 0
options = {"batch_size": 8, "verbose": 0, "callbacks": [plots.Progress()]}
history = model.fit(np.zeros((800, 2)), targets, epochs=3, **options)
""",
    "plots.history(history)",
    "figure = plots.images(np.eye(3)[None])",
    "history = model.fit(np.zeros((800, 2)), targets, epochs=2, **options)",
    """
class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt

try:
    model.fit(np.zeros((800, 2)), targets, batch_size=8, verbose=0, callbacks=[plots.Progress(), Stop()])
except KeyboardInterrupt:
    pass
""",
]


@pytest.fixture(scope="module")
def notebook(kernel_name):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in NOTEBOOK]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=120, kernel_name=kernel_name, resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    return notebook


def test_a_notebook_keeps_one_line_of_progress(notebook):
    imports, first, _, _, second, stopped = (cell.outputs for cell in notebook.cells)
    assert imports == []
    assert [output.output_type for output in first + second + stopped] == ["display_data"] * 3
    assert set(first[0].data) == {"text/plain"}
    scores = r"loss [\d.e-]+, a_mae [\d.e-]+, b_mae [\d.e-]+"
    assert re.fullmatch(f"epoch 3 of 3: {scores}", first[0].data["text/plain"])
    assert second[0].data["text/plain"].startswith("epoch 2 of 2: loss ")
    assert stopped[0].data["text/plain"].startswith("epoch 1 of 1, batch 32 of 100: loss ")


def test_a_notebook_shows_a_figure_once_with_its_alt_text(notebook):
    _, _, shown, kept, _, _ = (cell.outputs for cell in notebook.cells)
    assert kept == []
    assert len(shown) == 1
    assert shown[0].metadata["image/png"]["alt"].startswith("Learning curves over 3 epochs. a: loss ")
    assert shown[0].data["text/plain"] == shown[0].metadata["image/png"]["alt"]


def test_an_exported_page_has_the_alt_text(notebook):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert 'alt="Learning curves over 3 epochs. a: loss ' in page
