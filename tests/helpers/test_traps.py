"""Every known trap of multi-output models, as the installed Keras has it, and what `check_heads` says about it.

A trap that `check_heads` finds is marked `@guarded` with its findings, and returns the report. One that it
cannot find is marked `@out_of_reach` with the reason, and is only reproduced: when Keras changes, its test fails.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from mos_helpers.heads import MultiOutput, Report, check_heads

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers  # isort: skip

N = 64
X = np.random.default_rng(0).normal(size=(N, 8)).astype("float32")
NUMBER = np.random.default_rng(1).integers(0, 10, N)
EVEN = (NUMBER % 2 == 0).astype("float32")
TARGETS = {"number": NUMBER, "even": EVEN}
ZEROS, ONES, TENS = (np.full((N, 1), value, "float32") for value in (0, 1, 10))

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
LOSSES = {"number": SPARSE, "even": BINARY}


class Trap(NamedTuple):
    """How a trap is reproduced, and either which findings are reported, in what words, or why none can be."""

    reproduce: Callable[[], Report | None]
    codes: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()
    out_of_reach: str = ""


TRAPS: dict[str, Trap] = {}


def guarded(number, codes, *says):
    return lambda reproduce: TRAPS.update({number: Trap(reproduce, frozenset(codes.split()), says)})


def out_of_reach(number, why):
    return lambda reproduce: TRAPS.update({number: Trap(reproduce, out_of_reach=why)})


def number_and_even():
    """Return an input, a softmax head of ten classes and a sigmoid head."""
    i = keras.Input((8,))
    trunk = layers.Dense(16, activation="relu")(i)
    number = layers.Dense(10, activation="softmax", name="number")(trunk)
    return i, number, layers.Dense(1, activation="sigmoid", name="even")(trunk)


def model_of_list():
    i, number, even = number_and_even()
    return keras.Model(i, [number, even])


def model_of_dict():
    i, number, even = number_and_even()
    return keras.Model(i, {"number": number, "even": even})


def constants(as_list=False, **values):
    """Return a model whose heads of one unit give these constants."""
    i = keras.Input((8,))
    heads = {
        name: layers.Dense(
            1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(value), name=name
        )(i)
        for name, value in values.items()
    }
    return keras.Model(i, list(heads.values()) if as_list else heads)


def copies(as_list=False, names=("a", "b")):
    """Return a model whose heads repeat its only input."""
    i = keras.Input((1,))
    heads = {name: layers.Activation("linear", name=name)(i) for name in names}
    return keras.Model(i, list(heads.values()) if as_list else heads)


def score(model, y, x=X, sample_weight=None):
    """Return what `evaluate` gives for one batch: the same wiring, without the costs of a data set and a graph."""
    model.run_eagerly = True
    return model.test_on_batch(x, y, sample_weight, return_dict=True)


def near(values):
    """Compare numbers that were added up in floating point."""
    return pytest.approx(values, rel=1e-4, abs=1e-4)


def pairs(y, weight=None):
    """Return a dataset of (x, y) or (x, y, weight) in batches of 32."""
    parts = (X, y) if weight is None else (X, y, weight)
    return tf.data.Dataset.from_tensor_slices(parts).batch(32)


# ---------------------------------------------------------------------------------------------------------------------
# A: wrong numbers, and no error


@guarded(
    "A1",
    "list-and-dict",
    "loss is a list and loss_weights a dictionary",
    "sorted keys (a_small, z_big)",
    'loss={"z_big": "mse"',
)
def weights_in_a_dict_for_losses_in_a_list():
    model = constants(as_list=True, z_big=10.0, a_small=1.0)
    model.compile("sgd", ["mse", "mse"], loss_weights={"z_big": 1.0, "a_small": 0.0})
    assert score(model, [ZEROS, ZEROS])["loss"] == near(1)  # meant: 100
    return check_heads(model, [ZEROS, ZEROS])


@guarded("A2", "list-for-dict", "loss_weights is a list", 'loss_weights={"z_big": 1.0, "a_small": 0.0}')
def weights_in_a_list_for_outputs_in_a_dict():
    model, y = constants(z_big=10.0, a_small=1.0), {"z_big": ZEROS, "a_small": ZEROS}
    model.compile("sgd", ["mse", "mae"])
    assert score(model, y)["z_big_loss"] == near(10)  # the mae
    assert "loss is a list" in str(check_heads(model, y))
    model.compile("sgd", {"z_big": "mse", "a_small": "mse"}, loss_weights=[1.0, 0.0])
    assert score(model, y)["loss"] == near(1)  # meant: 100
    return check_heads(model, y)


@guarded("A3", "list-for-dict", "targets is a list, but the outputs are a dictionary", "sorted keys (a, z)")
def targets_in_a_list_for_outputs_in_a_dict():
    model = constants(z=0.0, a=0.0)
    model.compile(keras.optimizers.SGD(0.0), {"z": "mse", "a": "mse"})
    right = {"z": TENS, "a": ZEROS}
    history = model.fit(X, right, validation_data=(X, [TENS, ZEROS]), verbose=0).history
    assert [history[name][0] for name in ("z_loss", "val_z_loss", "val_a_loss")] == near([100, 0, 100])
    assert not check_heads(model, right)
    return check_heads(model, [TENS, ZEROS])


@guarded("A4", "unknown-key", 'loss_weights has the key "zig", which no output has: write "big"')
def misspelt_key_in_weights():
    model, y = constants(big=10.0, small=1.0), {"big": ZEROS, "small": ZEROS}
    model.compile("sgd", {"big": "mse", "small": "mse"}, loss_weights={"zig": 0.0, "small": 1.0})
    assert score(model, y)["loss"] == near(100)  # meant: 1
    return check_heads(model, y)


@guarded(
    "A5",
    "flat-metrics",
    "accuracy only to number, mae only to even",
    'write metrics={"number": ["accuracy"], "even": ["mae"]}',
)
def as_many_metrics_as_heads():
    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY], metrics=["accuracy", "mae"])
    assert set(score(model, [NUMBER, EVEN])) == {"loss", "number_loss", "even_loss", "number_accuracy", "even_mae"}
    return check_heads(model, [NUMBER, EVEN])


@guarded(
    "A6",
    "list-for-dict",
    "metrics is a list, but the outputs are a dictionary",
    'metrics={"number": ["accuracy"], "even": []}',
)
def metrics_in_a_list_for_outputs_in_a_dict():
    model = model_of_dict()
    model.compile("sgd", LOSSES, metrics=[["accuracy"], []])
    assert "even_accuracy" in score(model, TARGETS)  # meant: number
    return check_heads(model, TARGETS)


@out_of_reach("A7", "a fault of Keras 3.14.0 alone; the course needs 3.15")
def metrics_of_another_head_in_keras_3_14():
    model = constants(as_list=True, z=0.0, a=0.0)
    model.compile("sgd", {"z": "mse", "a": "mse"}, metrics={"z": ["mae"], "a": ["mae"]})
    scores = score(model, {"z": TENS, "a": ZEROS})
    assert (scores["z_mae"], scores["a_mae"]) == near((10, 0))


@out_of_reach("A8", "it comes from the last batch of evaluate or fit, after the wiring")
def loss_of_a_head_with_a_small_last_batch():
    model = copies(as_list=True)
    model.compile("sgd", "mse", metrics=[["mse"], ["mse"]])
    x, y = np.repeat([0.0, 10.0], [64, 16])[:, None].astype("float32"), np.zeros((80, 1), "float32")
    scores = model.evaluate(x, [y, y], batch_size=32, verbose=0, return_dict=True)
    assert scores["a_loss"] == near(100 / 3)
    assert (scores["a_mse"], scores["loss"]) == near((20, 40))


@guarded("A9", "logits", "even: The head gives logits", "keras.losses.BinaryCrossentropy(from_logits=True)")
def logits_for_a_loss_of_probabilities():
    z = tf.Variable([[-3.0], [4.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(tf.constant([[0.0], [1.0]]), z))
    assert not tape.gradient(loss, z).numpy().any()
    model = constants(even=1.0, odd=0.5)
    model.compile("sgd", {"even": BINARY, "odd": keras.losses.BinaryCrossentropy(from_logits=True)})
    return check_heads(model, {"even": ZEROS, "odd": ONES})


@guarded(
    "A10",
    "accuracy",
    "logit: Accuracy splits at 0.5, and logits split at 0: use keras.metrics.BinaryAccuracy(threshold=0.0)",
    'tags: For several units "accuracy" compares only the largest: use "binary_accuracy"',
    'price: "accuracy" means nothing for a regression',
)
def accuracy_of_heads_that_are_no_classes():
    i = keras.Input((8,))
    tags = layers.Dense(3, activation="sigmoid", kernel_initializer="zeros", name="tags")(i)
    heads = {**constants(logit=0.3, price=5.0)(i), "tags": tags}
    model = keras.Model(i, {"logit": heads["logit"], "price": heads["price"], "tags": tags})
    model.compile(
        "sgd",
        {"logit": keras.losses.BinaryCrossentropy(from_logits=True), "price": "mse", "tags": BINARY},
        metrics={name: ["accuracy"] for name in heads},
    )
    y = {"logit": ONES, "price": ZEROS + 5, "tags": np.tile([1.0, 1.0, 0.0], (N, 1))}
    scores = score(model, y)
    assert (scores["logit_accuracy"], scores["price_accuracy"], scores["tags_accuracy"]) == near((0, 0, 1))
    return check_heads(model, y)


@guarded(
    "A11",
    "stretched",
    "a: The metric my_mae gets targets of shape (n,)",
    "stretch to (n, n)",
    "targets of shape (n, 1)",
)
def own_metric_of_flat_targets():
    def my_mae(y_true, y_pred):
        return tf.reduce_mean(abs(y_true - y_pred), axis=-1)

    model, y = copies(), np.arange(4, dtype="float32")
    model.compile("sgd", {"a": "mse", "b": my_mae}, metrics={"a": [my_mae], "b": ["mae"]})
    scores = score(model, {"a": y, "b": y}, y[:, None])
    assert (scores["a_my_mae"], scores["b_loss"], scores["b_mae"]) == near((1.25, 0, 0))
    assert not check_heads(model, {"a": y[:, None], "b": y})
    return check_heads(model, {"a": y, "b": y})


@guarded("A12", "shared-metric", 'The metric object "mae" is shared by "p", "q", and mixes them: make one for each')
def one_metric_object_for_two_heads():
    model, mae = constants(p=0.0, q=0.0), keras.metrics.MeanAbsoluteError(name="mae")
    model.compile("sgd", {"p": "mse", "q": "mse"}, metrics={"p": [mae], "q": [mae]})
    y = {"p": TENS, "q": ZEROS}
    scores = score(model, y)
    assert (scores["p_mae"], scores["q_mae"]) == near((5, 5))
    return check_heads(model, y)


LABELLED = np.repeat([1.0, 0.0], [N // 4, N - N // 4]).astype("float32")  # a quarter of the rows


@guarded(
    "A13",
    "masked-loss",
    "a: 75% of the rows have the weight 0",
    'MeanSquaredError(reduction="mean_with_sample_weight")',
)
def mask_that_dilutes_the_loss():
    model, y, weight = constants(a=3.0, b=3.0), {"a": ZEROS, "b": ZEROS}, {"a": LABELLED, "b": np.ones(N)}
    repaired = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model.compile("sgd", {"a": repaired, "b": "mse"})
    assert score(model, y, sample_weight=weight)["a_loss"] == near(9)
    assert not check_heads(model, y, weight)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    assert score(model, y, sample_weight=weight)["a_loss"] == near(2.25)
    return check_heads(model, y, weight)


@guarded("A14", "not-a-number", "a: The targets contain NaN or infinity", "a sample_weight of 0 does not help")
def nan_targets_of_weight_zero():
    model, weight = constants(a=0.0, b=0.0), {"a": LABELLED, "b": np.ones(N)}
    repaired = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model.compile("sgd", {"a": repaired, "b": "mse"}, loss_weights={"a": 0.0, "b": 1.0})
    y = {"a": np.where(LABELLED[:, None], ONES, np.nan), "b": ZEROS}
    assert np.isnan(score(model, y, sample_weight=weight)["loss"])
    assert not check_heads(model, {**y, "a": np.nan_to_num(y["a"])}, weight)
    return check_heads(model, y, weight)


@guarded("A15", "masked-metric", "a: metrics ignore sample_weight", "write weighted_metrics instead")
def metrics_without_weights():
    model, y, weight = constants(a=3.0, b=3.0), {"a": 3 * LABELLED, "b": ZEROS}, {"a": LABELLED, "b": np.ones(N)}
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model.compile("sgd", {"a": loss, "b": "mse"}, metrics={"a": ["mae"]}, weighted_metrics={"a": ["mse"]})
    scores = score(model, y, sample_weight=weight)
    assert (scores["a_mae"], scores["a_mse"]) == near((2.25, 0))
    return check_heads(model, y, weight)


@guarded("A16", "one-weight no-weight", "sample_weight is one array, so it weights every head")
def one_weight_for_all_heads():
    model = model_of_dict()
    model.compile("sgd", LOSSES)
    scores = score(model, TARGETS, sample_weight=np.zeros(N))
    assert (scores["number_loss"], scores["even_loss"]) == near((0, 0))
    return check_heads(model, TARGETS, np.zeros(N))


@guarded(
    "A17",
    "one-target",
    "targets is one array, but the model has 2 outputs",
    "the third part is taken for sample_weight",
)
def third_part_of_a_dataset():
    single = constants(a=0.0)
    single.compile("sgd", {"a": "mse"})
    sevens = np.full(N, 7.0, "float32")
    assert single.evaluate(pairs({"a": ONES}, {"a": sevens}), verbose=0) == near(7)
    model = constants(a=0.0, b=0.0)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    with pytest.raises(ValueError, match="different structures"):
        model.evaluate(pairs(ONES, sevens), verbose=0)
    return check_heads(model, pairs(ONES, sevens))


@out_of_reach("A18", "targets of equal shapes and ranges fit either head; lists have no names")
def targets_in_the_wrong_order():
    model = constants(as_list=True, age=1.0, price=10.0)
    model.compile("sgd", ["mse", "mse"])
    scores = score(model, [TENS, ONES])
    assert (scores["age_loss"], scores["price_loss"]) == near((81, 81))


@out_of_reach("A19", "it is the order of what evaluate returns")
def order_of_the_scores():
    model = model_of_list()
    model.compile("sgd", LOSSES, metrics={"number": ["accuracy"], "even": ["accuracy"]})
    scores, named = model.evaluate(X, TARGETS, verbose=0), score(model, TARGETS)
    order = ["loss", "number_loss", "even_loss", "even_accuracy", "number_accuracy"]
    assert scores == near([named[name] for name in order])
    assert model.metrics_names == ["loss", "compile_metrics", "number_loss", "even_loss"]


@out_of_reach("A20", "it is the order of names and predictions that the reader zips")
def order_of_the_output_names():
    model = model_of_dict()
    assert model.output_names == ["even", "number"]
    assert list(model.predict(X[:2], verbose=0)) == ["number", "even"]


@out_of_reach("A21", "it happens in an exported model, and differs from process to process")
def order_of_the_exported_outputs(tmp_path):
    model_of_list().export(tmp_path, verbose=False)
    outputs = tf.saved_model.load(tmp_path).signatures["serving_default"].structured_outputs
    assert set(outputs) == {"output_0", "output_1"}  # no names of heads


@out_of_reach("A22", "it happens in an exported model")
def order_of_the_converted_outputs(tmp_path):
    model_of_list().export(tmp_path / "model.tflite", format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    details = interpreter.get_output_details()
    assert [list(output["shape_signature"]) for output in details] == [[-1, 1], [-1, 10]]  # even, number
    assert not {"number", "even"} & {output["name"] for output in details}


@out_of_reach("A23", "it happens in a callback")
def checkpoint_of_a_score_that_does_not_exist(tmp_path):
    model = constants(a=0.0, b=0.0)
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    path = tmp_path / "best{epoch}.weights.h5"
    best = keras.callbacks.ModelCheckpoint(
        path, "val_accuracy", mode="max", save_best_only=True, save_weights_only=True
    )
    with pytest.warns(UserWarning, match="Can save best model only with val_accuracy"):
        model.fit(X, {"a": ONES, "b": ONES}, epochs=2, verbose=0, callbacks=[best])
    assert len(list(tmp_path.iterdir())) == 2  # every epoch


@out_of_reach("A24", "it lies in the code of an own train_step")
def train_step_that_forgets_the_loss():
    class Forgetful(keras.Model):
        def train_step(self, data):
            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            y_pred = self(x, training=True)
            self.compute_loss(x, y, y_pred, weight)
            return self.compute_metrics(x, y, y_pred, weight)

    model = Forgetful(*number_and_even()[:2])
    model.compile("sgd", SPARSE)
    assert model.train_on_batch(X, NUMBER) == 0


@guarded("A25", "duplicate-name", '2 outputs have the name "head"', "return a dictionary of outputs")
def one_layer_for_two_outputs():
    left, right, head = keras.Input((8,)), keras.Input((8,)), layers.Dense(1, name="head")
    model = keras.Model([left, right], [head(left), head(right)])
    model.compile("sgd", ["mse", "mse"])
    assert set(score(model, [ONES, ONES], [X, X])) == {"loss", "head_loss"}
    named = keras.Model([left, right], {"left": head(left), "right": head(right)})
    named.compile("sgd", {"left": "mse", "right": "mse"})
    assert not check_heads(named, {"left": ONES, "right": ONES})
    return check_heads(model, [ONES, ONES])


@guarded("A26", "no-names", "The heads have no names", 'return a dictionary, such as {"digit": ..., "odd": ...}')
def model_class_that_returns_a_tuple():
    class Nameless(keras.Model):
        def call(self, x):
            return x[:, :1], x[:, 1:2]

    model = Nameless()
    model(X[:2])
    model.compile("sgd", ["mse", "mse"])
    assert set(score(model, (ONES, ONES))) == {"loss", "mse_loss"}
    return check_heads(model, (ONES, ONES))


@out_of_reach("A27", "weights that are numbers are right as long as nobody changes them")
def weights_that_do_not_follow():
    model, weights, live = constants(a=10.0, b=1.0), {"a": 1.0, "b": 1.0}, keras.Variable(1.0, trainable=False)
    y = {"a": ZEROS, "b": ZEROS}
    model.compile("sgd", "mse")
    model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights=weights)
    before = score(model, y)["loss"]
    weights["a"] = 0.0
    assert (before, score(model, y)["loss"]) == near((101, 101))
    model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": live, "b": 1.0})
    before = score(model, y)["loss"]
    live.assign(0.0)
    assert (before, score(model, y)["loss"]) == near((101, 1))
    assert not check_heads(model, y)


@out_of_reach("A28", "moving the weights is what such a training means to do")
def validation_loss_that_moves_with_the_weights():
    model, weight = constants(a=10.0, b=1.0), keras.Variable(1.0, trainable=False)
    y = {"a": ZEROS, "b": ZEROS}
    losses = {"a": "mse", "b": "mse"}
    model.compile(keras.optimizers.SGD(0.0), losses, loss_weights={"a": weight, "b": 1.0}, run_eagerly=True)
    schedule = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: weight.assign(1 / (epoch + 1)))
    history = model.fit(X, y, validation_data=(X, y), epochs=2, verbose=0, callbacks=[schedule]).history
    assert (history["val_loss"], history["val_a_loss"]) == (near([101, 51]), near([100, 100]))


@guarded("A29", "loss-variable", "a: The loss holds a variable, and fit trains only the model's")
def variable_in_a_loss():
    class Uncertain(keras.losses.Loss):
        def __init__(self):
            super().__init__()
            self.log_variance = keras.Variable(0.0)

        def call(self, y_true, y_pred):
            return keras.ops.exp(-self.log_variance) * (y_true - y_pred) ** 2 + self.log_variance

    model, loss, y = constants(a=10.0, b=1.0), Uncertain(), {"a": ZEROS, "b": ZEROS}
    model.compile("sgd", {"a": loss, "b": "mse"})
    model.train_on_batch(X, y)
    assert float(loss.log_variance) == 0
    assert len(model.trainable_variables) == 4
    return check_heads(model, y)


@guarded("A30", "kept-from-before", "compile was called again without metrics", "write metrics again, or [] for none")
def second_compile_without_metrics():
    model = constants(a=10.0, b=1.0)
    y, losses = {"a": ZEROS, "b": ZEROS}, {"a": "mse", "b": "mse"}
    model.compile("sgd", losses, metrics={"a": ["mae"]})
    model.compile("sgd", losses)
    assert "a_mae" in score(model, y)
    report = check_heads(model, y)
    model.compile("sgd", losses, metrics=[])
    assert "a_mae" not in score(model, y)
    assert not check_heads(model, y)
    return report


@guarded("A31", "frozen-late", 'The layer "a" had its trainable changed after compile: call compile again')
def layer_frozen_too_late():
    model, y = constants(a=10.0, b=1.0), {"a": ZEROS, "b": ZEROS}
    model.compile("sgd", {"a": "mse", "b": "mse"})
    model.train_on_batch(X, y)
    head = model.get_layer("a")
    head.trainable = False
    before = head.bias.numpy()
    model.train_on_batch(X, y)
    assert head.bias.numpy() != before
    return check_heads(model, y)


@guarded("A32", "no-batch", "stat: This head gives one number for the whole batch")
def head_without_a_batch():
    i = keras.Input((8,))
    stat = layers.Lambda(keras.ops.mean, name="stat")(i)
    model = keras.Model(i, {"y": layers.Dense(1, name="y")(i), "stat": stat})
    predictions = model.predict(X, verbose=0)
    assert (predictions["y"].shape, predictions["stat"].shape) == ((64, 1), (2,))
    model.compile("sgd", {"y": "mse", "stat": None})
    return check_heads(model, {"y": ONES, "stat": ONES})


@guarded(
    "A33",
    "reserved-name same-log-name",
    'val: In the logs "val_loss" would look like a loss on validation data',
    'a: In the logs, the metric loss of a and the loss of a would both be called "a_loss"',
)
def names_that_keras_uses():
    model = constants(val=10.0, a=1.0)
    metric = keras.metrics.MeanAbsoluteError(name="loss")
    losses = {"val": "mse", "a": "mse"}
    model.compile(keras.optimizers.SGD(0.0), losses, metrics={"a": [metric]}, run_eagerly=True)
    y = {"val": ZEROS, "a": TENS}
    history = model.fit(X, y, verbose=0).history
    assert (history["val_loss"], history["a_loss"]) == (
        near([100]),
        near([81]),
    )  # no validation; no metric, which would be 9
    return check_heads(model, y)


@out_of_reach("A34", "it is how train_on_batch counts: one batch each time, a mean before Keras 3.15")
def scores_of_one_batch():
    model = constants(a=0.0)
    model.compile("sgd", {"a": "mse"})
    assert [float(model.test_on_batch(X, {"a": y})) for y in (ONES, 3 * ONES)] == near([1, 9])


@out_of_reach("A35", "a penalty belongs in the loss; only the logs do not name it")
def penalty_in_no_log():
    i = keras.Input((8,))
    penalty = layers.ActivityRegularization(l2=1.0)(i)
    model = keras.Model(i, {name: layers.Dense(1, name=name)(penalty) for name in "ab"})
    model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": 0.0, "b": 0.0})
    assert score(model, {"a": ONES, "b": ONES})["loss"] > 1


@guarded(
    "A36",
    "class-numbers",
    "number: The targets are one number per row, of shape (64, 1)",
    "wants (n, 10)",
    "all units of its row",
)
def class_numbers_for_a_mean_squared_error():
    model = model_of_dict()
    model.compile("sgd", {"number": "mse", "even": BINARY})
    y = {"number": NUMBER[:, None], "even": EVEN}
    assert score(model, y)["number_loss"] > 10
    return check_heads(model, y)


# ---------------------------------------------------------------------------------------------------------------------
# B: errors that are hard to read


@guarded(
    "B1", "list-length", "metrics has 1 entry for 2 outputs", 'metrics={"number": ["accuracy"], "even": ["accuracy"]}'
)
def one_metric_for_two_heads():
    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY], metrics=["accuracy"])
    with pytest.raises(ValueError, match="tuple arity mismatch"):
        score(model, [NUMBER, EVEN])
    return check_heads(model, [NUMBER, EVEN])


@guarded("B2", "unknown-key", 'targets has the key "b_even", which no output has: write "even"')
def wrong_keys_in_targets():
    model, y = model_of_list(), {"b_even": EVEN, "a_number": NUMBER}
    model.compile("sgd", LOSSES)
    with pytest.raises(TypeError, match="Expected float32, but got b_even of type 'str'"):
        model.test_on_batch(X, y)
    i, number, _ = number_and_even()
    single = keras.Model(i, number)
    single.compile("sgd", SPARSE)
    assert "the model's only output has no key: give the array itself" in str(check_heads(single, {"number": NUMBER}))
    return check_heads(model, y)


@guarded("B3", "weight-dict", "sample_weight is a dictionary, but the outputs are a list")
def weights_in_a_dict_for_outputs_in_a_list():
    model, weight = model_of_list(), {"number": np.ones(N), "even": np.ones(N)}
    model.compile("sgd", LOSSES)
    with pytest.raises(KeyError, match="0"):
        score(model, TARGETS, sample_weight=weight)
    return check_heads(model, TARGETS, weight)


@guarded("B4", "failed-fit", "An earlier fit failed, and the model cannot be trained as it is: call compile again")
def fit_after_a_failed_fit():
    model = model_of_list()
    model.compile("sgd", LOSSES)
    with pytest.raises(ValueError, match="different structures"):
        model.fit(X, NUMBER, verbose=0)
    with pytest.raises(ValueError, match="Creating variables on a non-first call"):
        model.fit(X, [NUMBER, EVEN], verbose=0)
    return check_heads(model, [NUMBER, EVEN])


@out_of_reach("B5", "check_heads sees the targets of one call; both shapes are right on their own")
def targets_of_another_rank_in_the_next_call():
    model = constants(a=0.0, b=0.0)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    model.train_on_batch(X, {"a": ONES, "b": ONES})
    with pytest.raises(ValueError, match="length of shape with unknown rank"):
        model.train_on_batch(X, {"a": ONES[:, 0], "b": ONES[:, 0]})


@guarded(
    "B6", "loss-weights-form", "loss is one for all heads, and loss_weights is not", 'loss={"a": "mse", "b": "mse"}'
)
def one_loss_with_many_weights():
    model, y = constants(a=0.0, b=0.0), {"a": ONES, "b": ONES}
    model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights=0.5)
    with pytest.raises(TypeError, match="object of type 'float' has no len"):
        score(model, y)
    assert "loss_weights is one for all heads" in str(check_heads(model, y))
    model.compile("sgd", "mse", loss_weights={"a": 1.0, "b": 2.0})
    with pytest.raises(ValueError, match="got 1 losses and 2 weights"):
        score(model, y)
    return check_heads(model, y)


@guarded("B7", "missing-key", 'even: loss_weights has no key "even": write 1.0 if that is meant')
def head_without_a_loss():
    model = model_of_list()
    model.compile("sgd", {"number": SPARSE})
    with pytest.raises(ValueError, match="Expected keys"):
        score(model, TARGETS)
    assert "it would not be trained; write None if that is meant" in str(check_heads(model, TARGETS))
    model = model_of_dict()
    model.compile("sgd", {"number": SPARSE, "even": None})
    assert set(score(model, TARGETS)) == {"loss"}
    assert not check_heads(model, TARGETS)
    model.compile("sgd", LOSSES, loss_weights={"number": 1.0})
    with pytest.raises(ValueError, match="got 2 losses and 1 weights"):
        score(model, TARGETS)
    return check_heads(model, TARGETS)


@guarded(
    "B8", "no-target", "even: The target is None: give any valid numbers of the right shape, and a sample_weight of 0"
)
def target_that_is_none():
    model, y = model_of_dict(), {"number": NUMBER, "even": None}
    model.compile("sgd", LOSSES)
    with pytest.raises(ValueError, match="None values not supported"):
        model.test_on_batch(X, y)
    return check_heads(model, y)


@guarded(
    "B9", "list-from-generator", "The dataset gives its targets in a list", 'a dictionary, {"number": ..., "even": ...}'
)
def generator_of_lists():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return X, [NUMBER, EVEN]

    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY])
    with pytest.raises(TypeError, match="`output_signature` must contain objects"):
        model.evaluate(Batches(), verbose=0)
    return check_heads(model, Batches())


@guarded("B10", "one-target", "targets is one array, but the model has 2 outputs: write targets={")
def dataset_of_lists():
    with pytest.raises(ValueError, match="non-rectangular"):
        pairs([NUMBER[:, None], X])
    model = constants(as_list=True, a=0.0, b=0.0)
    model.compile("sgd", ["mse", "mse"])
    stacked = pairs((ONES[:, 0], ONES[:, 0])).map(lambda x, y: (x, [y[0], y[1]]))
    with pytest.raises(ValueError, match="different structures"):
        model.evaluate(stacked, verbose=0)
    return check_heads(model, stacked)


@guarded(
    "B11",
    "unknown-key key-not-layer",
    'that is the name of its layer, and the key of the output is "number"',
    "name the layer as the key",
)
def keys_that_are_not_the_layers():
    i = keras.Input((8,))
    model = keras.Model(i, {"number": layers.Dense(1, name="alpha")(i), "even": layers.Dense(1, name="beta")(i)})
    model.compile("sgd", {"alpha": "mse", "beta": "mse"})
    y = {"number": ONES, "even": ONES}
    with pytest.raises(KeyError, match=r"The path: .'alpha',. in the `loss` argument"):
        score(model, y)
    return check_heads(model, y)


@guarded("B12", "ordered-dict", "The outputs are an OrderedDict")
def ordered_dict_of_outputs():
    i, number, even = number_and_even()
    model = keras.Model(i, OrderedDict(number=number, even=even))
    model.compile("sgd", LOSSES)
    with pytest.raises(KeyError, match=r"The path: .. in the `loss` argument"):
        score(model, TARGETS)
    return check_heads(model, TARGETS)


@guarded("B13", "nested", "The outputs are nested", "one flat dictionary")
def nested_outputs():
    i, number, even = number_and_even()
    model = keras.Model(i, {"a": {"number": number}, "b": {"even": even}})
    y = {"a": {"number": NUMBER}, "b": {"even": EVEN}}
    losses = {"a": {"number": SPARSE}, "b": {"even": BINARY}}
    model.compile("sgd", losses, metrics={"a": {"number": ["mae"]}, "b": {"even": ["mae"]}})
    with pytest.raises(ValueError, match="Unknown `config` as a `dict`"):
        score(model, y)
    return check_heads(model, y)


@out_of_reach("B14", "Keras raises before there is anything to check")
def add_loss_of_a_model():
    with pytest.raises(NotImplementedError):
        model_of_dict().add_loss(tf.constant(1.0))


@guarded("B15", "steps-per-execution", 'steps_per_execution is "auto", and fit needs a whole number')
def steps_per_execution_auto():
    model = model_of_dict()
    model.compile("sgd", LOSSES, steps_per_execution="auto")
    report = check_heads(model, TARGETS)
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        model.fit(X, TARGETS, verbose=0)
    return report


@out_of_reach("B16", "it is about where the model was built, not how it is wired")
def model_built_outside_the_strategy():
    model = model_of_dict()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model.compile("sgd", LOSSES)
        with pytest.raises(AssertionError):
            model.fit(X, TARGETS, verbose=0)


@out_of_reach("B17", "it lies in the code of an own train_step")
def compute_loss_of_one_head():
    model = model_of_dict()
    model.compile("sgd", LOSSES)
    y_pred = model(X)
    with pytest.raises(KeyError, match=r"The path: .'even',. in the `loss` argument"):
        model.compute_loss(X, {"number": NUMBER}, {"number": y_pred["number"]})


@guarded("B18", "optimizer-reused", "The optimizer was used before and does not know this model's weights")
def optimizer_of_another_model():
    first, second, optimizer = constants(a=0.0), constants(a=0.0), keras.optimizers.SGD()
    first.compile(optimizer, {"a": "mse"})
    first.train_on_batch(X, {"a": ONES})
    second.compile(optimizer, {"a": "mse"})
    report = check_heads(second, {"a": ONES})
    with pytest.raises(ValueError, match="Unknown variable"):
        second.train_on_batch(X, {"a": ONES})
    return report


class Table:
    """What a pandas DataFrame looks like to `check_heads`."""

    columns = ("number", "even")

    def __array__(self, dtype=None, copy=None):
        return np.stack([NUMBER, EVEN], axis=1)


@guarded("B19", "one-target", "targets is a table (DataFrame), but the model has 2 outputs: write targets={")
def table_of_targets():
    model = model_of_dict()
    model.compile("sgd", LOSSES)
    with pytest.raises(ValueError, match="different structures"):
        score(model, np.asarray(Table()))
    return check_heads(model, Table())


@guarded("B20", "bad-name", 'digit head: TensorFlow cannot use "digit head" as a name')
def space_in_a_name():
    i = keras.Input((8,))
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        layers.Dense(1, name="a/b")
    model = keras.Model(i, {"digit head": layers.Dense(1, name="digit head")(i)})
    model.compile("sgd", {"digit head": "mse"})
    with pytest.raises(ValueError, match="'digit head' is not a valid scope name"):
        model.fit(X, {"digit head": ONES}, verbose=0)
    keras.utils.clear_session()  # else the variables of all later models are named as parts of this one
    model.compile("sgd", {"digit head": "mse"})
    return check_heads(model, {"digit head": ONES})


@guarded("B21", "unknown-key", 'metrics has the key "evne", which no output has: write "even"')
def wrong_key_in_metrics():
    for model, error in ((model_of_list(), "Expected an instance of tuple"), (model_of_dict(), "key mismatch")):
        model.compile("sgd", LOSSES, metrics={"evne": ["accuracy"]})
        with pytest.raises(ValueError, match=error):
            score(model, TARGETS)
    return check_heads(model, TARGETS)


# ---------------------------------------------------------------------------------------------------------------------


def test_the_table_holds_every_trap():
    assert list(TRAPS) == [f"A{i}" for i in range(1, 37)] + [f"B{i}" for i in range(1, 22)]
    assert all(bool(trap.says) != bool(trap.out_of_reach) for trap in TRAPS.values())


@pytest.mark.parametrize("number", TRAPS)
def test_trap(number, tmp_path):
    trap = TRAPS[number]
    wants_folder = "tmp_path" in trap.reproduce.__code__.co_varnames
    report = trap.reproduce(tmp_path) if wants_folder else trap.reproduce()
    assert (report is None) == bool(trap.out_of_reach)
    if report is not None:
        assert set(report.codes) == trap.codes
    for words in trap.says:
        assert words in str(report)


# ---------------------------------------------------------------------------------------------------------------------
# No false alarm

CORRECT: list[Callable[[], tuple]] = []


def correct(wire):
    """Mark a right way to wire a model: the function returns the model, its targets and weights, as for check_heads."""
    CORRECT.append(wire)
    return wire


def one_head(loss, units=1, activation=None, metrics=None):
    """Return a compiled model with one head of that loss."""
    i = keras.Input((8,))
    model = keras.Model(i, {"head": layers.Dense(units, activation, name="head")(i)})
    model.compile("sgd", {"head": loss}, metrics={"head": metrics} if metrics else None)
    return model


@correct
def dictionaries_everywhere():
    model = model_of_dict()
    model.compile(
        "sgd",
        LOSSES,
        loss_weights={"number": 1.0, "even": keras.Variable(0.5, trainable=False)},
        metrics={"number": ["accuracy"], "even": ["accuracy"]},
        weighted_metrics={"even": [keras.metrics.AUC(name="auc")]},
    )
    return model, TARGETS, {"number": None, "even": np.ones(N)}


@correct
def lists_everywhere():
    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY], loss_weights=[1.0, 0.5], metrics=[["accuracy"], ["accuracy", "mae"]])
    return model, [NUMBER, EVEN], [np.ones(N), np.ones(N)]


@correct
def a_flat_list_of_equal_metrics():
    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY], metrics=["accuracy", "accuracy"])
    return model, (NUMBER, EVEN)


@correct
def names_of_layers_for_a_list_of_outputs():
    model = model_of_list()
    model.compile("sgd", LOSSES, loss_weights={"number": 1.0, "even": 2.0}, metrics={"number": ["accuracy"]})
    return model, TARGETS


@correct
def part_of_the_metrics():
    model = model_of_dict()
    model.compile("sgd", LOSSES, metrics={"number": None, "even": []})
    return model, TARGETS


@correct
def a_head_without_a_loss():
    model = model_of_dict()
    model.compile("sgd", {"number": SPARSE, "even": None}, loss_weights={"number": 1.0, "even": 1.0})
    return model, {"number": NUMBER, "even": None}


@correct
def one_output():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(10, "softmax")])
    model.compile("sgd", SPARSE, metrics=["accuracy", "sparse_top_k_categorical_accuracy"])
    return model, NUMBER, np.ones(N)


@correct
def one_output_in_a_list():
    i, number, _ = number_and_even()
    model = keras.Model(i, [number])
    model.compile("sgd", [SPARSE])
    return model, [NUMBER]


@correct
def one_output_in_a_dictionary():
    return one_head("mse"), ONES[:, 0]


@correct
def multi_output_layer():
    i = keras.Input((8,))
    yes_no = keras.Sequential([layers.Dense(4), layers.Dense(1, "sigmoid"), layers.Dropout(0.0)])
    model = keras.Model(i, MultiOutput({"number": layers.Dense(10, "softmax"), "even": yes_no})(i))
    model.compile("sgd", LOSSES, metrics={"number": ["accuracy"], "even": ["accuracy"]})
    return model, TARGETS


@correct
def multi_output_layer_of_one_head():
    i = keras.Input((8,))
    model = keras.Model(i, MultiOutput({"even": layers.Dense(1, "sigmoid")})(i))
    model.compile("sgd", {"even": BINARY})
    return model, {"even": EVEN}


@correct
def multi_output_layer_at_the_end_of_a_sequential_model():
    heads = {"number": layers.Dense(10, "softmax"), "even": layers.Dense(1, "sigmoid")}
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4), MultiOutput(heads)])
    model.compile("sgd", LOSSES)
    return model, TARGETS


class Subclassed(keras.Model):
    def __init__(self, logits):
        super().__init__()
        self.noise = layers.Dropout(0.5)
        self.number = layers.Dense(10, None if logits else "softmax", name="number")
        self.even = layers.Dense(1, None if logits else "sigmoid", name="even")

    def call(self, x):
        return {"number": self.number(self.noise(x)), "even": self.even(x)}


@correct
def model_class_with_a_dictionary():
    model = Subclassed(logits=False)
    model(X[:2])
    model.compile("sgd", LOSSES, metrics={"number": ["accuracy"], "even": ["accuracy"]})
    return model, TARGETS


@correct
def model_class_that_gives_logits():
    model = Subclassed(logits=True)
    model(X[:2])
    number = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", {"number": number, "even": keras.losses.BinaryCrossentropy(from_logits=True)})
    return model, pairs(TARGETS)


@correct
def model_class_that_was_not_called():
    model = Subclassed(logits=False)
    model.compile("sgd", LOSSES, metrics={"number": ["accuracy"]})
    return model, TARGETS


@correct
def dataset_of_dictionaries():
    model = model_of_dict()
    model.compile("sgd", LOSSES)
    return model, pairs(TARGETS, {"number": np.ones(N), "even": np.ones(N)})


@correct
def dataset_of_tuples():
    model = model_of_list()
    model.compile("sgd", [SPARSE, BINARY])
    return model, pairs((NUMBER, EVEN))


@correct
def logits_of_several_labels():
    metrics = [keras.metrics.BinaryAccuracy(threshold=0.0), keras.metrics.AUC(from_logits=True, multi_label=True)]
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return one_head(loss, 3, metrics=metrics), np.tile([1, 1, 0], (N, 1))


@correct
def several_labels():
    metrics = ["binary_accuracy", keras.metrics.F1Score(average="macro", threshold=0.5), keras.metrics.Precision()]
    return one_head(BINARY, 3, "sigmoid", metrics), np.tile(np.array([1, 0, 1], "uint8"), (N, 1))


@correct
def one_hot_with_label_smoothing():
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return one_head(loss, 10, "softmax", ["accuracy", "categorical_accuracy"]), np.eye(10)[NUMBER]


@correct
def missing_labels_of_a_class():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    return one_head(loss, 10, "softmax"), np.where(LABELLED, NUMBER, -1)


@correct
def masked_rows():
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model = one_head(loss, 10, "softmax")
    model.compile("sgd", {"head": loss}, weighted_metrics={"head": ["accuracy"]})
    return model, np.where(LABELLED, NUMBER, 0)[:, None], {"head": LABELLED[:, None]}


@correct
def regression():
    return one_head("mse", metrics=["mae", keras.metrics.R2Score()]), ONES


@correct
def regression_of_several_numbers_in_a_range():
    return one_head(keras.losses.Huber(), 3, "sigmoid"), np.tile([0.0, 0.5, 1.0], (N, 1))


@correct
def own_loss_of_two_parameters():
    def gaussian(y_true, y_pred):
        return y_pred[:, 1] + (y_true[:, 0] - y_pred[:, 0]) ** 2 * keras.ops.exp(-y_pred[:, 1])

    return one_head(gaussian, 2), np.where(LABELLED[:, None], ONES, np.nan)


@correct
def own_metric_of_columns():
    def own(y_true, y_pred):
        return abs(y_true - y_pred)

    return one_head("mse", metrics=[own]), ONES


@correct
def one_loss_for_all_heads():
    model = constants(a=0.0, b=0.0)
    model.compile("sgd", "mse", metrics={"a": ["mae"]})
    return model, {"a": ONES, "b": ONES[:, 0]}


@correct
def crossentropy_that_keras_chooses():
    model = model_of_dict()
    model.compile("sgd", {"number": "crossentropy", "even": "crossentropy"})
    return model, TARGETS


@correct
def model_frozen_before_training():
    model = model_of_dict()
    model.compile("sgd", LOSSES)
    model.get_layer("number").trainable = False
    return model, TARGETS


@correct
def a_map_of_classes():
    i = keras.Input((4, 4, 1))
    model = keras.Model(i, {"map": layers.Conv2D(3, 1, activation="softmax", name="map")(i)})
    model.compile("sgd", {"map": SPARSE}, metrics={"map": ["accuracy"]})
    return model, np.zeros((N, 4, 4), "int32")


TYPES = ["uint8", "int32", "int64", "bool", "float16", "float32", "float64"]


@correct
def every_type_of_numbers():
    i = keras.Input((8,))
    model = keras.Model(i, {kind: layers.Dense(1, "sigmoid", name=kind)(i) for kind in TYPES})
    model.compile("sgd", BINARY, metrics={kind: ["accuracy"] for kind in TYPES})
    return model, {kind: EVEN.astype(kind) for kind in TYPES}


@pytest.mark.parametrize("wire", CORRECT, ids=lambda wire: wire.__name__)
def test_right_wiring_raises_no_alarm(wire):
    report = check_heads(*wire())
    assert not report
    assert str(report).splitlines()[-1].startswith("Nothing found")


def test_a_trained_and_a_loaded_model_raise_no_alarm(tmp_path):
    model, y, weight = dictionaries_everywhere()
    model.run_eagerly = True
    model.fit(X, y, sample_weight=weight, verbose=0)
    assert not check_heads(model, y, weight)
    model.save(tmp_path / "model.keras")
    assert not check_heads(keras.models.load_model(tmp_path / "model.keras"), y, weight)


def test_accuracy_of_several_logits_is_told_to_split_at_0():
    i = keras.Input((8,))
    model = keras.Model(i, {"tags": layers.Dense(3, name="tags")(i), "number": layers.Dense(1, name="number")(i)})
    loss = {"tags": keras.losses.BinaryCrossentropy(from_logits=True), "number": "mse"}
    model.compile("sgd", loss, metrics={"tags": ["accuracy"]})
    (finding,) = check_heads(model, {"tags": np.tile([1.0, 1.0, 0.0], (N, 1)), "number": ZEROS})
    assert (finding.code, finding.head) == ("accuracy", "tags")
    assert "BinaryAccuracy(threshold=0.0)" in finding.message
