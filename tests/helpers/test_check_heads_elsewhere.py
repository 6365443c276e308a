"""`check_heads` on set-ups that public code has: right ones raise no alarm, and faults are named with their cure."""

import numpy as np
import pandas as pd
import pytest

from mos_helpers.heads import check_heads
from mos_helpers.heads.check import HEAD_RULES

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics  # isort: skip

N = 32
DRAWN = np.random.default_rng(0)
X = DRAWN.normal(size=(N, 6)).astype("float32")
KINDS = DRAWN.integers(0, 3, N)
YES = DRAWN.integers(0, 2, (N, 1)).astype("float32")
NUMBERS = DRAWN.normal(size=(N, 1)).astype("float32")
HALF = np.repeat([1.0, 0.0], N // 2).astype("float32")
SPARSE, BINARY, CATEGORICAL = "sparse_categorical_crossentropy", "binary_crossentropy", "categorical_crossentropy"


def dense(name, units=1, activation=None):
    return layers.Dense(units, activation, name=name)


def kind():
    return dense("kind", 3, "softmax")


def network(heads, loss, shape=(6,), **options):
    """Return a compiled model with a head for each entry of heads, {key: layer or function of the input}."""
    i = keras.Input(shape)
    model = keras.Model(i, {key: head(i) for key, head in heads.items()})
    model.compile(options.pop("optimizer", "sgd"), loss, **options)
    return model


class Block(layers.Layer):
    """A layer of the reader's own whose `activation` is not its last step."""

    def __init__(self, units, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.activation = activation
        self.first, self.last = layers.Dense(8, activation), layers.Dense(units)

    def call(self, x):
        return self.last(self.first(x))


class Variational(keras.Model):
    """A model that makes its own loss of its outputs, without targets for them."""

    def train_step(self, data):
        x, _ = data
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(self(x, training=True)["picture"] ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


# ---------------------------------------------------------------------------------------------------------------------
# Right


def ends_in_float32():
    def head(i):
        return layers.Activation("linear", dtype="float32", name="kind")(layers.Dense(3, "softmax")(i))

    model = network({"kind": head, "num": dense("num")}, {"kind": SPARSE, "num": "mse"})
    return model, {"kind": KINDS, "num": NUMBERS}


def fillers_where_the_weight_is_zero():
    there = DRAWN.integers(0, 2, (N, 4, 4)).astype("float32")
    heads = {
        "kind": layers.Conv2D(3, 1, activation="softmax", name="kind"),
        "box": layers.Conv2D(4, 1, activation="sigmoid", name="box"),
    }
    mean = {"reduction": "mean_with_sample_weight"}
    loss = {"kind": losses.CategoricalCrossentropy(**mean), "box": losses.MeanSquaredError(**mean)}
    boxes = np.where(there[..., None], 0.5, -1.0) * np.ones(4)
    targets = {"kind": np.eye(3)[DRAWN.integers(0, 3, (N, 4, 4))] * there[..., None], "box": boxes}
    return network(heads, loss, (4, 4, 3)), targets, {"kind": there, "box": there}


def frozen_as_a_whole():
    model = network({"kind": kind(), "num": dense("num")}, {"kind": SPARSE, "num": "mse"}, run_eagerly=True)
    model.train_on_batch(X, {"kind": KINDS, "num": NUMBERS})
    model.trainable = False
    return model, {"kind": KINDS, "num": NUMBERS}


def one_hot_rows_for_two_sigmoids():
    heads = {"sex": dense("sex", 2, "sigmoid"), "num": dense("num")}
    model = network(heads, {"sex": BINARY, "num": "mse"}, metrics={"sex": ["accuracy"]})
    return model, {"sex": np.eye(2)[YES[:, 0].astype(int)], "num": NUMBERS}


def weights_that_average_one():
    heads = {"real": dense("real", 1, "sigmoid"), "kind": kind()}
    model = network(heads, {"real": BINARY, "kind": SPARSE})
    return model, {"real": YES, "kind": KINDS}, {"real": np.ones(N), "kind": 2 * HALF}


def two_lambdas_as_metrics():
    mean = {"num": [lambda t, p: keras.ops.mean(p), lambda t, p: keras.ops.mean(t)]}
    model = network({"num": dense("num"), "kind": kind()}, {"num": "mse", "kind": SPARSE}, metrics=mean)
    return model, {"num": NUMBERS, "kind": KINDS}


def distributed_dataset():
    model = network({"kind": kind(), "num": dense("num")}, {"kind": SPARSE, "num": "mse"})
    dataset = tf.data.Dataset.from_tensor_slices((X, {"kind": KINDS, "num": NUMBERS})).batch(8)
    return model, tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(dataset)


def trained_under_a_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = network({"num": dense("num"), "kind": kind()}, {"num": "mse", "kind": SPARSE})
    targets = {"num": NUMBERS, "kind": KINDS}
    model.fit(X, targets, verbose=0)
    return model, targets


def batches_of_different_length():
    def rows():
        for k in range(16):
            length = 3 + k % 5
            yield np.ones(length, int), {"tags": np.ones(length, int), "kind": k % 3}

    steps = tf.TensorSpec((None,), tf.int64)
    signature = (steps, {"tags": steps, "kind": tf.TensorSpec((), tf.int64)})
    dataset = tf.data.Dataset.from_generator(rows, output_signature=signature).padded_batch(3)
    i = keras.Input((None,), dtype="int32")
    steps = layers.Embedding(9, 4)(i)
    last = layers.GlobalAveragePooling1D()(steps)
    model = keras.Model(i, {"tags": dense("tags", 4, "softmax")(steps), "kind": kind()(last)})
    model.compile("sgd", {"tags": SPARSE, "kind": SPARSE})
    return model, dataset


def layer_with_an_attribute_activation():
    heads = {"num": Block(1, name="num"), "yes": dense("yes", 1, "sigmoid")}
    return network(heads, {"num": "mse", "yes": BINARY}), {"num": NUMBERS, "yes": YES}


def own_training_step():
    i = keras.Input((6,))
    model = Variational(i, {"picture": dense("picture", 6)(i), "code": dense("code", 2)(i)})
    model.compile("sgd", {"picture": "mse", "code": "mse"})
    return model, {"picture": X}


def own_training_step_with_a_list():
    class Pair(keras.Model):
        """A model that makes its own loss of two outputs without names."""

        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(3), layers.Dense(1)

        def call(self, x):
            return self.first(x), self.second(x)

        def train_step(self, data):
            return {"loss": 0.0}

    model = Pair()
    model.compile("sgd")
    model(X)
    return model, [KINDS, NUMBERS]


def padding_that_a_mask_and_weights_leave_out():
    tokens = keras.Input((5,), dtype="int32")
    steps = layers.Embedding(9, 4, mask_zero=True)(tokens)
    heads = {"tag": dense("tag", 4, "softmax")(steps), "num": dense("num")(layers.GlobalAveragePooling1D()(steps))}
    model = keras.Model(tokens, heads)
    model.compile("sgd", {"tag": SPARSE, "num": "mse"})
    known = np.ones((N, 1), "float32") * (np.arange(5) < 3)
    return model, {"tag": STEPS, "num": NUMBERS}, {"tag": known, "num": np.ones(N)}


def targets_with_rounding():
    heads = {"share": dense("share", 3, "softmax"), "turn": dense("turn", 2, "tanh")}
    shares = np.full((N, 3), 1 / 3, "float16")
    model = network(heads, {"share": CATEGORICAL, "turn": "mse"})
    return model, {"share": shares, "turn": np.full((N, 2), 1.0000002)}


RIGHT = [
    ends_in_float32,
    fillers_where_the_weight_is_zero,
    frozen_as_a_whole,
    one_hot_rows_for_two_sigmoids,
    weights_that_average_one,
    two_lambdas_as_metrics,
    distributed_dataset,
    trained_under_a_strategy,
    batches_of_different_length,
    layer_with_an_attribute_activation,
    own_training_step,
    targets_with_rounding,
    own_training_step_with_a_list,
    padding_that_a_mask_and_weights_leave_out,
]


@pytest.mark.parametrize("made", RIGHT, ids=lambda made: made.__name__)
def test_what_is_right_raises_no_alarm(made):
    report = check_heads(*made())
    assert (report.codes, report.notes) == ([], []), str(report)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong


def one_head(head, loss, target, weight=None, shape=(6,), metrics=None):
    """Return a model with this head and a right one beside it, with their targets and weights."""
    heads = {head.name: head, "beside": lambda i: dense("beside")(layers.Flatten()(i))}
    own = None if metrics is None else {head.name: metrics}
    model = network(heads, {head.name: loss, "beside": "mse"}, shape, metrics=own)
    weights = None if weight is None else {head.name: weight, "beside": np.ones(N)}
    return model, {head.name: target, "beside": NUMBERS}, weights


def picture(units, activation):
    return layers.Conv2D(units, 1, activation=activation, name="map")


MAP = DRAWN.integers(0, 2, (N, 6, 6, 1)).astype("float32")
CLASSES = DRAWN.integers(0, 3, (N, 6, 6, 1))
MEAN_OF_KNOWN = losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
ZERO_PRICES = np.where(np.arange(N)[:, None] < 4, 0.0, np.abs(NUMBERS))
STEPS = DRAWN.integers(0, 4, (N, 5))
MASKED = np.ma.masked_less(NUMBERS, 0)
SMALL = layers.TimeDistributed(layers.Dense(4), name="step")

WRONG = {
    "weights of rows for a map": (
        lambda: one_head(picture(1, "sigmoid"), MEAN_OF_KNOWN, MAP, HALF, (6, 6, 1)),
        "weight-shape",
        "np.broadcast_to(w.reshape(-1, 1, 1), (32, 6, 6))",
    ),
    "weights (n, 1, 1) for a map": (
        lambda: one_head(picture(1, "sigmoid"), MEAN_OF_KNOWN, MAP, HALF[:, None, None], (6, 6, 1)),
        "weight-shape",
        "np.broadcast_to(w.reshape(-1, 1, 1), (32, 6, 6))",
    ),
    "a weight for each label": (
        lambda: one_head(dense("tags", 4, "sigmoid"), BINARY, np.ones((N, 4)), np.ones((N, 4))),
        "weight-shape",
        "Reshape((4, 1))",
    ),
    "class numbers for Dice": (
        lambda: one_head(picture(3, "softmax"), losses.Dice(), CLASSES, None, (6, 6, 1)),
        "class-numbers",
        "write np.eye(3)[targets[..., 0]]",
    ),
    "a count from a linear head": (
        lambda: one_head(dense("count"), "poisson", np.full((N, 1), 3.0)),
        "output-range",
        'activation="softplus"',
    ),
    "a count that is not known": (
        lambda: one_head(dense("count", 1, "softplus"), "poisson", np.where(HALF[:, None] > 0, np.nan, 3.0)),
        "not-a-number",
        'keras.losses.Poisson(reduction="mean_with_sample_weight")',
    ),
    "a percentage of zero": (
        lambda: one_head(dense("price"), "mape", ZERO_PRICES),
        "target-range",
        "12% of the targets",
    ),
    "a logarithm of less than zero": (lambda: one_head(dense("price"), "msle", NUMBERS), "target-range", "from 0 up"),
    "hinge for other numbers": (lambda: one_head(dense("side"), "hinge", NUMBERS), "target-range", "-1 and 1"),
    "hinge after a sigmoid": (
        lambda: one_head(dense("side", 1, "sigmoid"), "hinge", YES),
        "output-range",
        "outputs of both signs",
    ),
    "logits within a wrapper": (
        lambda: one_head(SMALL, SPARSE, STEPS, None, (5, 3)),
        "logits",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    ),
    "softmax over the steps": (
        lambda: one_head(layers.Softmax(axis=1, name="step"), SPARSE, STEPS, None, (5, 4)),
        "softmax-axis",
        "axis 1",
    ),
    "ragged targets": (
        lambda: one_head(
            dense("step", 4, "softmax"),
            SPARSE,
            tf.RaggedTensor.from_row_lengths(tf.zeros(5 * N, tf.int64), [5] * N),
            None,
            (5, 3),
        ),
        "ragged",
        ".to_tensor()",
    ),
    "a column of pandas": (
        lambda: one_head(kind(), SPARSE, pd.Series(KINDS, dtype="Int64")),
        "not-a-number",
        '.to_numpy("int32")',
    ),
    "categories of pandas": (
        lambda: one_head(kind(), SPARSE, pd.Series(list("abcd") * 8, dtype="category")),
        "not-a-number",
        ".cat.codes",
    ),
    "dates": (
        lambda: one_head(dense("day"), "mse", pd.Series(pd.date_range("2020-01-01", periods=N))),
        "not-a-number",
        "turn them into numbers",
    ),
    "categories of pandas without a series": (
        lambda: one_head(kind(), SPARSE, pd.Categorical.from_codes(KINDS, list("abc"))),
        "not-a-number",
        "write .codes",
    ),
    "numbers beyond float32": (
        lambda: one_head(dense("price"), "mse", NUMBERS.astype("float64") * 1e39),
        "not-a-number",
        "scale them",
    ),
    "a range": (lambda: one_head(kind(), SPARSE, range(N)), "not-an-array", "write np.array"),
    "a masked array": (lambda: one_head(dense("price"), "mse", MASKED), "not-a-number", "targets.filled(0)"),
    "class numbers between whole numbers": (
        lambda: one_head(kind(), SPARSE, KINDS / 2),
        "label-range",
        "no whole numbers, such as 0.5",
    ),
    "logits after a relu": (
        lambda: one_head(dense("kind", 3, "relu"), losses.SparseCategoricalCrossentropy(True), KINDS),
        "logits",
        "leave the activation out",
    ),
    "probabilities for ctc": (
        lambda: one_head(dense("text", 8, "softmax"), losses.CTC(), STEPS[:, :3] + 1, None, (5, 3)),
        "logits",
        "leave the activation out",
    ),
    "letters that the head lacks": (
        lambda: one_head(dense("text", 4), losses.CTC(), STEPS[:, :3] + 1, None, (5, 3)),
        "label-range",
        "make it Dense(5)",
    ),
    "padding of -1 for ctc": (
        lambda: one_head(dense("text", 8), losses.CTC(), STEPS[:, :3] - 1, None, (5, 3)),
        "label-range",
        "pad the labels with 0",
    ),
    "more letters than steps": (
        lambda: one_head(dense("text", 8), losses.CTC(), STEPS + 1, None, (4, 3)),
        "shape",
        "at least a step per label",
    ),
    "vectors of any length for circle": (
        lambda: one_head(dense("place", 4), losses.Circle(), KINDS),
        "output-range",
        "UnitNormalization",
    ),
    "one-hot rows for circle": (
        lambda: one_head(dense("place", 4), losses.Circle(), np.eye(3)[KINDS]),
        "one-hot",
        "targets.argmax(axis=-1)",
    ),
    "one sigmoid for a choice of classes": (
        lambda: one_head(dense("yes", 1, "sigmoid"), CATEGORICAL, YES),
        "activation",
        'activation="sigmoid" with "binary_crossentropy"',
    ),
    "a count below zero": (
        lambda: one_head(dense("count", 1, "softplus"), "poisson", NUMBERS),
        "target-range",
        "from 0 up",
    ),
    "a threshold of logits for probabilities": (
        lambda: one_head(dense("yes", 1, "sigmoid"), BINARY, YES, metrics=[metrics.Precision(thresholds=0)]),
        "accuracy",
        "thresholds=0.5",
    ),
    "a marker among yes and no": (
        lambda: one_head(
            picture(1, "sigmoid"), BINARY, np.where(DRAWN.random(MAP.shape) < 0.1, 255, MAP), None, (6, 6, 1)
        ),
        "yes-no-range",
        "if 255 marks a missing label, put 0",
    ),
    "an F1 score of steps": (
        lambda: one_head(
            dense("step", 2, "sigmoid"),
            BINARY,
            np.stack([STEPS > 1, STEPS > 2], -1) * 1.0,
            None,
            (5, 3),
            [metrics.F1Score(threshold=0.5)],
        ),
        "accuracy",
        "keras.metrics.Precision()",
    ),
    "an R2 score of steps": (
        lambda: one_head(dense("step", 1), "mse", STEPS[..., None] * 1.0, None, (5, 3), [metrics.R2Score()]),
        "accuracy",
        'use "mse"',
    ),
    "a cross-entropy as a metric of labels that are left out": (
        lambda: one_head(
            kind(),
            losses.SparseCategoricalCrossentropy(ignore_class=255),
            np.where(HALF > 0, KINDS, 255),
            metrics=[SPARSE],
        ),
        "masked-metric",
        "leave it out",
    ),
    "weights for the classes of one head": (
        lambda: one_head(kind(), SPARSE, KINDS, {0: 1.0, 1: 2.0, 2: 1.0}),
        "class-weight",
        "np.array([1.0, 3.0])[targets[",
    ),
    "no class where the weight is zero": (
        lambda: one_head(kind(), losses.SparseCategoricalCrossentropy(), np.where(HALF > 0, KINDS, -1), 2 * HALF),
        "label-range",
        "any class, such as 0",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_cure(name):
    made, code, words = WRONG[name]
    report = check_heads(*made())
    assert code in report.codes
    assert words in str(report)
    assert report.notes == []


def test_a_head_without_loss_needs_a_target_once_there_are_metrics():
    heads, loss = {"kind": kind(), "features": dense("features", 8)}, {"kind": SPARSE, "features": None}
    model = network(heads, loss, metrics={"kind": ["accuracy"]}, run_eagerly=True)
    assert 'write "features": None' in str(check_heads(model, {"kind": KINDS}))
    assert check_heads(model, {"kind": KINDS, "features": None}).codes == []
    model.train_on_batch(X, {"kind": KINDS, "features": None})


@pytest.mark.parametrize("given", [metrics.Precision(), metrics.AUC(), metrics.F1Score(), "top_k_categorical_accuracy"])
def test_a_metric_for_other_targets_is_named(given):
    assert check_heads(*one_head(kind(), SPARSE, KINDS, metrics=[given])).codes == ["metric-kind"]


def test_a_rule_that_fails_says_so_and_the_others_go_on(monkeypatch):
    def fails(head):
        """A rule about heads."""
        raise RuntimeError("odd object")
        yield

    monkeypatch.setattr("mos_helpers.heads.check.HEAD_RULES", [fails, *HEAD_RULES])
    report = check_heads(*one_head(kind(), SPARSE, KINDS + 1))
    assert report.codes == ["label-range"]
    assert report.notes[0] == "kind: could not judge this rule: A rule about heads (RuntimeError: odd object)."
    assert report.notes[0] in str(report)


def test_few_inputs_are_kept_of_a_large_dataset(monkeypatch):
    kept = []
    read = keras.Model.__call__
    monkeypatch.setattr(keras.Model, "__call__", lambda self, x, **k: kept.append(len(x)) or read(self, x, **k))
    model = network({"kind": kind(), "num": dense("num")}, {"kind": SPARSE, "num": "mse"})
    kept.clear()
    many = tf.data.Dataset.from_tensor_slices(
        (np.tile(X, (200, 1)), {"kind": np.tile(KINDS, 200), "num": np.ones(6400)})
    )
    assert check_heads(model, many.batch(64)).codes == []
    assert kept == [8]


def test_a_model_that_was_built_without_its_layers_gets_no_weights():
    class Two(keras.Model):
        """A model without a `build` of its own."""

        def __init__(self):
            super().__init__()
            self.kind, self.price = kind(), dense("price")

        def call(self, x):
            return {"kind": self.kind(x), "price": self.price(x)}

    model = Two()
    with pytest.warns(UserWarning, match="unbuilt state"):
        model.build((None, 6))
    model.compile("sgd", {"kind": SPARSE, "price": "mse"})
    assert "call it on a few rows" in str(check_heads(model, {"kind": KINDS, "price": NUMBERS}))
    assert not model.variables


def test_a_count_is_not_sent_from_one_activation_to_the_other():
    [low] = check_heads(*one_head(dense("count", 1, "softplus"), "poisson", NUMBERS))
    [high] = check_heads(*one_head(dense("count", 1, "relu6"), "poisson", np.full((N, 1), 9.0)))
    assert (low.code, high.code) == ("target-range", "unreachable")
    assert "softplus" in high.message
