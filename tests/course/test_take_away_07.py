"""The cell to copy of lesson 7: a schedule for loss weights, and the score to watch."""

import ast
from pathlib import Path

import jupytext
import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = {"kind": (X[:, 0] > 0).astype(int), "size": X[:, 1:2], "sick": (X[:, 2:] > 0).astype(int)}
WATCH = ["val_kind_sparse_categorical_accuracy", "val_sick_binary_accuracy"]


@pytest.fixture(scope="module")
def names():
    return take_away("07_loss_weights")


def build():
    trunk = keras.layers.Dense(8, "relu")(inputs := keras.Input((3,)))
    heads = {
        "kind": keras.layers.Dense(2, "softmax", name="kind")(trunk),
        "size": keras.layers.Dense(1, name="size")(trunk),
        "sick": keras.layers.Dense(1, "sigmoid", name="sick")(trunk),
    }
    return keras.Model(inputs, heads)


def compiled(model):
    weights = {name: keras.Variable(1.0, trainable=False) for name in Y}
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse", "sick": "binary_crossentropy"}
    metrics = {"kind": ["sparse_categorical_accuracy"], "size": ["mae"], "sick": ["binary_accuracy"]}
    model.compile("adam", losses, weights, metrics=metrics, run_eagerly=True)
    return weights


@pytest.fixture(scope="module")
def model():
    return build()


def fit(model, *callbacks, **options):
    options = {"epochs": 3, "verbose": 0, "batch_size": 32, "validation_data": (X, Y)} | options
    return model.fit(X, Y, callbacks=[*callbacks], **options).history


def test_three_other_heads_get_their_weights_and_the_mean_is_logged(names, model):
    weights = compiled(model)
    logs = fit(model, names["LossWeights"](weights, lambda epoch: {"size": 2.0 - epoch, "kind": epoch}, WATCH))
    assert [float(weights[name].numpy()) for name in ("kind", "size", "sick")] == [2, 0, 1]
    assert np.allclose(logs["val_mean"], np.mean([logs[key] for key in WATCH], axis=0))
    parts = 2 * logs["val_kind_loss"][-1] + logs["val_sick_loss"][-1]
    assert np.isclose(logs["val_loss"][-1], parts, rtol=1e-4)


def test_a_training_that_is_continued_goes_on_with_the_schedule(names, model):
    weights = compiled(model)
    fit(model, names["LossWeights"](weights, lambda epoch: {"size": 10.0 * epoch}, []), initial_epoch=2, epochs=3)
    assert weights["size"].numpy() == 20


def test_stopping_watches_the_mean(names, model):
    weights = compiled(model)
    model.optimizer.learning_rate = 0.0  # so that the mean never rises
    stop = keras.callbacks.EarlyStopping("val_mean", mode="max", patience=1)
    assert len(fit(model, names["LossWeights"](weights, lambda epoch: {}, WATCH), stop, epochs=5)["val_mean"]) == 2


def test_a_loaded_model_takes_variables_once_it_is_compiled_again(names, model, tmp_path):
    weights = compiled(model)
    fit(model, names["LossWeights"](weights, lambda epoch: {"size": 0.0}, WATCH), epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    weights = compiled(loaded)
    logs = fit(loaded, names["LossWeights"](weights, lambda epoch: dict.fromkeys(Y, 0.0), WATCH), epochs=1)
    assert logs["loss"] == [0]


def test_wrong_arguments_are_named(names, model):
    weights, make = compiled(model), names["LossWeights"]
    rule = lambda epoch: {"kind": 1.0}  # noqa: E731
    for given in ({"kind": 1.0}, [*weights.values()], None):
        with pytest.raises(TypeError, match=r"weights: .* given, a dictionary of keras\.Variable wanted"):
            make(given, rule, WATCH)
    for given in ((0.5, WATCH), (rule, "val_kind_loss")):
        with pytest.raises(TypeError, match="rule: a function of the epoch wanted; watch: a list of keys"):
            make(weights, *given)
    for value in ({"king": 1.0}, 0.5):
        with pytest.raises(ValueError, match=r"rule: .* given, numbers for \['kind', 'size', 'sick'\] wanted"):
            fit(model, make(weights, lambda epoch, value=value: value, WATCH))


def test_missing_validation_data_is_named(names, model):
    weights = compiled(model)
    with pytest.raises(ValueError, match=r"watch: .* wanted, .* logged: validation data"):
        fit(model, names["LossWeights"](weights, lambda epoch: {}, WATCH), validation_data=None)


# The class of the lesson's text, which readers copy too


def sum_of_logs():
    """Return the class that lesson 7 shows."""
    path = Path(__file__).parents[2] / "source" / "lessons" / "07_loss_weights.py"
    cells = jupytext.read(path, fmt="py:percent").cells
    names = {"keras": keras}
    cell = next(cell for cell in cells if "class SumOfLogs" in cell.source and cell.cell_type == "code")
    exec(compile(ast.parse(cell.source), "lesson", "exec"), names)
    return names["SumOfLogs"]


def test_the_sum_of_logarithms_keeps_regularisers_and_weights_of_rows():
    trunk = keras.layers.Dense(4, "relu", kernel_regularizer=keras.regularizers.L2(10))(inputs := keras.Input((3,)))
    heads = {name: keras.layers.Dense(1, name=name)(trunk) for name in ("a", "b")}
    model = sum_of_logs()(inputs, heads)
    model.compile("sgd", {name: keras.losses.MeanSquaredError() for name in heads}, run_eagerly=True)
    y = {"a": X[:, :1], "b": X[:, 1:2]}
    rows = {"a": (np.arange(64) < 16).astype("float32"), "b": np.ones(64, "float32")}
    answers = model(X)
    losses = {name: np.mean(rows[name] * np.square(answers[name].numpy() - y[name])[:, 0]) for name in y}
    penalty = 10 * np.square(model.layers[1].kernel.numpy()).sum()
    for weights, parts in ((rows, losses), (None, {name: np.square(answers[name] - y[name]).mean() for name in y})):
        found = model.compute_loss(X, y, answers, weights)
        assert np.isclose(found, sum(np.log(part) for part in parts.values()) + penalty, rtol=1e-4)


def test_a_model_with_the_sum_of_logarithms_is_saved_and_loaded_as_the_text_says(tmp_path):
    kind, inputs = sum_of_logs(), keras.Input((3,))
    heads = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
    model = kind(inputs, heads)
    model.compile("sgd", {name: keras.losses.MeanSquaredError() for name in heads}, run_eagerly=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"SumOfLogs": kind})
    y = {"a": X[:, :1], "b": X[:, 1:2]}
    assert np.isclose(loaded.compute_loss(X, y, loaded(X)), model.compute_loss(X, y, model(X)), rtol=1e-4)
    assert len(loaded.fit(X, y, verbose=0).history["loss"]) == 1
