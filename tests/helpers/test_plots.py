"""Figures say what they show, in numbers and in words."""

import base64
import inspect
import io
import re
import sys
from itertools import combinations
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from nbclient import NotebookClient
from PIL import Image

from mos_helpers import plots
from mos_helpers.hierarchy import Tree

import keras  # isort: skip
from models_to_draw import ROOT, dense, fan_out

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


def image(html):
    """Return the attributes of an image."""
    return dict(ElementTree.fromstring(html.removesuffix(">") + "/>").attrib)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_shows_itself_with_alt_text_and_two_pixels_for_each_that_it_is_shown_with(name):
    figure = EXAMPLES[name]()
    shown = image(figure.bundle()["text/html"])
    assert figure.alt
    assert figure.alt == shown["alt"]
    png = base64.b64decode(shown["src"].removeprefix("data:image/png;base64,"))
    opened = Image.open(io.BytesIO(png))
    assert "transparency" not in opened.info, "black ink could not be read in a dark theme"
    assert abs(opened.width - 2 * int(shown["width"])) <= 1
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
    shown = [line.strip() for line in out.replace("\x1b[K", "").split("\r") if line]
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


def test_progress_shows_small_numbers_with_two_digits(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    progress = plots.Progress()
    progress.set_params({"epochs": 3, "steps": None})
    progress.on_train_begin()
    progress.on_epoch_begin(2)
    progress.on_epoch_end(2, {"loss": 0.01234, "a_loss": 1.0, "a_accuracy": 0.5, "learning_rate": 0.1, "val_loss": 3.0})
    progress.on_train_end()
    assert capsys.readouterr().out == "\repoch 3 of 3: loss 0.012, a_accuracy 0.500\x1b[K\n"


@pytest.mark.parametrize("params", [None, {}, {"epochs": None}])
def test_progress_of_a_loop_that_does_not_tell_how_long_it_is(params, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("mos_helpers.plots.progress.SECONDS_BETWEEN_UPDATES", 0)
    progress = plots.Progress()
    progress.set_params(params)
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(4, {"loss": 0.5})
    progress.on_epoch_end(0, {"loss": 0.25})
    progress.on_train_end()
    shown = capsys.readouterr().out
    assert shown.startswith("\repoch 1, batch 5: loss 0.500\x1b[K\repoch 1: loss 0.250\x1b[K")


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
    assert set(shown[0].data) == {"text/html", "image/png", "text/plain"}
    assert shown[0].data["image/png"] in shown[0].data["text/html"]
    assert shown[0].data["text/plain"].startswith("Learning curves over 3 epochs. a: loss ")
    assert shown[0].data["text/plain"] == image(shown[0].data["text/html"])["alt"]


def test_an_exported_page_has_the_alt_text(notebook):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert 'alt="Learning curves over 3 epochs. a: loss ' in page
