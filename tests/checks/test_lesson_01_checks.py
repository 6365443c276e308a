"""The checks of exercise 1: right answers pass, wrong ones hear why not."""

import functools
import math
import operator

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from keras import layers

from mos_helpers import data
from mos_helpers.heads import MultiOutput

SIZES = {"digit": 10, "odd": 1, "loop": 1}
ACTIVATIONS = {"digit": "softmax", "odd": "sigmoid", "loop": "sigmoid"}
LOSSES = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy", "loop": "binary_crossentropy"}


def trunk(image):
    return layers.Dense(32, activation="relu")(image)


def head(key, inputs, **changes):
    options = {"units": SIZES[key], "activation": ACTIVATIONS[key], "name": key} | changes
    return layers.Dense(**options)(inputs)


def functional(**changes):
    """The model asked for; `changes` gives a head other options."""
    image = keras.Input((784,))
    features = trunk(image)
    return keras.Model(image, {name: head(name, features, **changes.get(name, {})) for name in SIZES})


# --- 1.1


def convolutional():
    image = keras.Input((784,))
    features = layers.Conv2D(4, 5, activation="relu")(layers.Reshape((28, 28, 1))(image))
    features = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Flatten()(features)))
    return keras.Model(image, {name: head(name, features) for name in reversed(SIZES)})


def activation_layers():
    image = keras.Input((784,))
    features = trunk(image)
    outputs = {}
    for name in SIZES:
        logits = layers.Dense(SIZES[name], name=f"{name}_logits")(features)
        outputs[name] = layers.Activation(ACTIVATIONS[name], name=name)(logits)
    return keras.Model(image, outputs)


def deep_heads():
    image = keras.Input((784,))
    features = trunk(image)
    return keras.Model(image, {name: head(name, layers.Dense(8, activation="relu")(features)) for name in SIZES})


def subclassed():
    class ThreeHeads(keras.Model):
        def __init__(self):
            super().__init__()
            self.trunk = layers.Dense(16, activation="relu")
            self.heads = [layers.Dense(SIZES[name], activation=ACTIVATIONS[name], name=name) for name in SIZES]

        def call(self, images):
            features = self.trunk(images)
            return {layer.name: layer(features) for layer in self.heads}

    model = ThreeHeads()
    model(np.zeros((1, 784), "float32"))
    return model


def frozen_trunk():
    model = functional()
    model.layers[1].trainable = False
    return model


def all_frozen():
    model = functional()
    model.trainable = False
    return model


def in_16_bits(policy):
    def build():
        keras.config.set_dtype_policy(policy)
        try:
            return functional()
        finally:
            keras.config.set_dtype_policy("float32")

    return build


def one_wide_head():
    """One layer with twelve numbers, cut in three before the activations."""
    image = keras.Input((784,))
    numbers = layers.Dense(12)(trunk(image))
    blocks = {"digit": numbers[:, :10], "odd": numbers[:, 10:11], "loop": numbers[:, 11:]}
    return keras.Model(image, {n: layers.Activation(ACTIVATIONS[n], name=n)(block) for n, block in blocks.items()})


def softmax_of_two():
    """A softmax over odd and even, of which the first column is the probability of odd."""
    image = keras.Input((784,))
    features = trunk(image)
    odd = layers.Identity(name="odd")(layers.Dense(2, activation="softmax")(features)[:, :1])
    return keras.Model(image, {"digit": head("digit", features), "odd": odd, "loop": head("loop", features)})


def with_multi_output():
    image = keras.Input((784,))
    heads = {name: layers.Dense(SIZES[name], activation=ACTIVATIONS[name]) for name in SIZES}
    return keras.Model(image, MultiOutput(heads)(trunk(image)))


def head_models():
    """Each head is a model of its own, with a sigmoid in its hidden layer too."""
    image = keras.Input((784,))
    features = trunk(image)
    hidden = {name: layers.Dense(4, activation="sigmoid") for name in SIZES}
    last = {name: layers.Dense(SIZES[name], activation=ACTIVATIONS[name]) for name in SIZES}
    return keras.Model(image, {n: keras.Sequential([hidden[n], last[n]], name=n)(features) for n in SIZES})


def narrow_head():
    """The head odd ends in a layer from one sigmoid to one sigmoid, with a weight between them."""
    image = keras.Input((784,))
    features = trunk(image)
    heads = {name: head(name, features) for name in ["digit", "loop"]}
    return keras.Model(image, heads | {"odd": head("odd", layers.Dense(1, activation="sigmoid")(features))})


def after(*trunk_layers):
    """The right heads after another trunk."""

    def build():
        features = image = keras.Input((784,))
        for layer in trunk_layers:
            features = layer(features)
        return keras.Model(image, {name: head(name, features) for name in SIZES})

    return build


RIGHT_MODELS = {
    "small numbers": after(layers.Rescaling(1 / 255), layers.Dense(16, activation="relu")),
    "unit vectors": after(layers.Dense(32, activation="tanh"), layers.UnitNormalization()),
    "normalised layers": after(layers.Dense(16), layers.LayerNormalization(), layers.Activation("gelu")),
    "recurrent": after(layers.Reshape((4, 196)), layers.LSTM(8)),
    "regularised": after(layers.Dense(16, kernel_regularizer="l2", kernel_constraint="unit_norm", use_bias=False)),
    "functional": functional,
    "convolutional": convolutional,
    "activation layers": activation_layers,
    "deep heads": deep_heads,
    "subclassed": subclassed,
    "frozen trunk": frozen_trunk,
    "all frozen": all_frozen,
    "bfloat16": in_16_bits("mixed_bfloat16"),
    "float16": in_16_bits("mixed_float16"),
    "one wide head": one_wide_head,
    "softmax of two": softmax_of_two,
    "MultiOutput": with_multi_output,
    "models as heads": head_models,
    "narrow head": narrow_head,
    "zeros": lambda: functional(**{name: {"kernel_initializer": "zeros"} for name in SIZES}),
    "unlikely at first": lambda: functional(odd={"bias_initializer": "ones"}, loop={"kernel_initializer": "zeros"}),
    "another sigmoid": lambda: functional(odd={"activation": lambda x: (1 + keras.ops.tanh(x)) / 2}),
}


@pytest.mark.parametrize("build", RIGHT_MODELS.values(), ids=RIGHT_MODELS)
def test_three_heads_however_they_are_built(build):
    model = build()
    before = model.get_weights()
    assert outcome("1.1", model)[0] == "correct"
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


def listed():
    image = keras.Input((784,))
    features = trunk(image)
    return keras.Model(image, [head(name, features) for name in SIZES])


def separate():
    image = keras.Input((784,))
    return keras.Model(image, {name: head(name, trunk(image)) for name in SIZES})


def two_of_three():
    image = keras.Input((784,))
    features = trunk(image)
    return keras.Model(image, {name: head(name, features) for name in ["digit", "odd"]})


def swapped_names():
    image = keras.Input((784,))
    features = trunk(image)
    outputs = {"digit": head("digit", features), "odd": head("odd", features, name="loop")}
    return keras.Model(image, outputs | {"loop": head("loop", features, name="odd")})


def swapped_heads():
    image = keras.Input((784,))
    features = trunk(image)
    outputs = {"digit": head("odd", features), "odd": head("digit", features), "loop": head("loop", features)}
    return keras.Model(image, outputs)


def columns(**parts):
    """Outputs that are columns of one softmax; `parts` gives the columns of each, and the other heads are right."""

    def build():
        image = keras.Input((784,))
        features = trunk(image)
        number = max(part.stop for part in parts.values())
        joined = layers.Dense(number, activation="softmax")(features)
        outputs = {name: head(name, features) for name in SIZES if name not in parts}
        return keras.Model(image, outputs | {n: layers.Identity(name=n)(joined[:, p]) for n, p in parts.items()})

    return build


def chained(name, *activations):
    """The head goes through activations one after the other, with no weights between them."""

    def build():
        image = keras.Input((784,))
        features = trunk(image)
        outputs = {other: head(other, features) for other in SIZES if other != name}
        numbers = layers.Dense(SIZES[name])(features)
        for activation in activations[:-1]:
            numbers = layers.Activation(activation)(numbers)
        return keras.Model(image, outputs | {name: layers.Activation(activations[-1], name=name)(numbers)})

    return build


def wide_without_trunk():
    image = keras.Input((784,))
    numbers = layers.Dense(12)(image)
    blocks = {"digit": numbers[:, :10], "odd": numbers[:, 10:11], "loop": numbers[:, 11:]}
    return keras.Model(image, {n: layers.Activation(ACTIVATIONS[n], name=n)(block) for n, block in blocks.items()})


def biases_alone():
    image = keras.Input((784,))
    features = trunk(image)
    outputs = {name: head(name, features) for name in ["digit", "odd"]}
    return keras.Model(image, outputs | {"loop": head("loop", 0 * features, bias_initializer="ones")})


WRONG_MODELS = {
    "odd and loop in one softmax": (columns(odd=slice(0, 1), loop=slice(1, 2)), "odd and loop are never both likely"),
    "odd, loop or neither": (columns(odd=slice(0, 1), loop=slice(1, 3)), "the output loop should have shape"),
    "odd, loop and neither": (columns(odd=slice(1, 2), loop=slice(2, 3)), "odd and loop are never both likely"),
    "digit and odd in one softmax": (columns(digit=slice(0, 10), odd=slice(10, 11)), "digit and odd have a total of 1"),
    "all in one softmax": (
        columns(odd=slice(0, 1), digit=slice(1, 11), loop=slice(11, 12)),
        "all three heads have a total of 1, as in one softmax over them",
    ),
    "sigmoid of a sigmoid": (chained("odd", "sigmoid", "sigmoid"), "the output odd stays between 0.50 and 0.73"),
    "sigmoid of a tanh": (chained("loop", "tanh", "sigmoid"), "the output loop stays between 0.27 and 0.73"),
    "sigmoid of a relu": (chained("loop", "relu", "sigmoid"), "another activation before the last one"),
    "softmax of a softmax": (chained("digit", "softmax", "softmax"), "no digit gets more than 0.23"),
    "softmax of a sigmoid": (chained("digit", "sigmoid", "softmax"), "another activation before the last one"),
    "softmax of a tanh": (chained("digit", "tanh", "softmax"), "no digit gets more than 0.4"),
    "softmax over the images": (
        lambda: functional(digit={"activation": lambda x: keras.ops.softmax(x, axis=0)}),
        "the softmax of the digit runs over the images",
    ),
    "a wide head and no trunk": (wide_without_trunk, "put them on one trunk"),
    "a head that sees no image": (biases_alone, "the output loop is the same for every image"),
    "a step": (lambda: functional(odd={"activation": keras.ops.sign}), "leaves the range from 0 to 1"),
    "a list": (listed, "should return a dict, and it returns a list"),
    "separate networks": (separate, "put them on one trunk"),
    "a missing head": (two_of_three, "should be digit, odd and loop, and yours are digit and odd"),
    "swapped names": (swapped_names, "loop comes from a layer named odd"),
    "swapped heads": (swapped_heads, "did you swap digit and odd?"),
    "unnamed heads": (lambda: functional(loop={"name": None}), "should have the name of its key"),
    "softmax over one unit": (lambda: functional(odd={"activation": "softmax"}), "softmax over one unit"),
    "two units": (lambda: functional(loop={"units": 2, "activation": "softmax"}), "the output loop should have shape"),
    "logits": (lambda: functional(odd={"activation": None}), "the output odd leaves the range from 0 to 1"),
    "digit logits": (lambda: functional(digit={"activation": None}), "the output digit leaves the range from 0 to 1"),
    "ten sigmoids": (lambda: functional(digit={"activation": "sigmoid"}), "should have a total of 1: use softmax"),
    "one digit unit": (lambda: functional(digit={"units": 1}), "the output digit should have shape"),
    "another input": (lambda: keras.Sequential([keras.Input((28, 28)), layers.Flatten()]), "your model raised"),
    "the class": (lambda: keras.Model, "call it to get a model"),
}


@pytest.mark.parametrize(("build", "words"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_wrong_models(build, words):
    refused("1.1", build(), words)


# --- 1.2


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


@pytest.fixture(scope="module")
def trained(digits):
    """Weights of a trained model, so that each test needs no training of its own."""
    keras.utils.set_random_seed(1)
    model = functional()
    model.compile("adam", LOSSES, steps_per_execution=100)
    labels = digits.y_train
    targets = {"digit": labels, "odd": labels % 2, "loop": data.digit_attributes(labels)["has_loop"]}
    batches = data.batches(digits.x_train.reshape(-1, 784), targets, batch_size=32, seed=0)
    model.fit(batches.repeat(), steps_per_epoch=600, verbose=0)
    return model.get_weights()


def compiled(trained, losses=LOSSES, **options):
    model = functional()
    model.set_weights(trained)
    model.compile("adam", losses, **({"metrics": {name: ["accuracy"] for name in SIZES}} | options))
    return model


CLASSES = {
    "digit": [keras.metrics.SparseCategoricalAccuracy],
    "odd": [keras.metrics.BinaryAccuracy],
    "loop": [keras.metrics.BinaryAccuracy],
}
RIGHT_COMPILES = {
    "strings": {},
    "metric classes": {"metrics": {name: [kind(name="acc") for kind in kinds] for name, kinds in CLASSES.items()}},
    "loss weights": {"loss_weights": {"digit": 1.0, "odd": 0.5, "loop": 2.0}},
    "loss objects": {"losses": LOSSES | {"odd": keras.losses.BinaryCrossentropy()}},
    "more metrics": {"metrics": {name: ["mse", "accuracy"] if name != "digit" else ["accuracy"] for name in SIZES}},
    "losses that are sums": {
        "losses": {
            "digit": keras.losses.SparseCategoricalCrossentropy(reduction="sum"),
            "odd": keras.losses.BinaryCrossentropy(reduction="sum"),
            "loop": keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight"),
        }
    },
    "a loss of one's own": {
        "losses": LOSSES | {"odd": lambda truth, odd: keras.losses.binary_crossentropy(truth, odd)},
    },
    "more metrics of odd": {
        "metrics": {
            "digit": ["sparse_categorical_accuracy"],
            "odd": [keras.metrics.Precision(), keras.metrics.BinaryAccuracy()],
            "loop": ["binary_accuracy"],
        }
    },
    "weighted metrics": {"metrics": None, "weighted_metrics": {name: ["accuracy"] for name in SIZES}},
}


@pytest.mark.parametrize("options", RIGHT_COMPILES.values(), ids=RIGHT_COMPILES)
def test_a_trained_model_however_it_is_compiled(trained, digits, options):
    model = compiled(trained, **options)
    assert outcome("1.2", (model, digits))[0] == "correct"
    assert all((a == b).all() for a, b in zip(model.get_weights(), trained, strict=True))


ACCURACIES = {name: ["accuracy"] for name in SIZES}
WRONG_COMPILES = {
    "squared error": ({"losses": LOSSES | {"odd": "mse"}}, "the loss of the head odd should be its cross-entropy"),
    "logits loss": (
        {"losses": LOSSES | {"loop": keras.losses.BinaryCrossentropy(from_logits=False, label_smoothing=0.2)}},
        "the loss of the head loop should be its cross-entropy",
    ),
    "hinge": ({"losses": LOSSES | {"odd": "hinge"}}, "the loss of the head odd should be its cross-entropy"),
    "one-hot loss": ({"losses": LOSSES | {"digit": "categorical_crossentropy"}}, "ValueError"),
    "no metric": ({"metrics": {"digit": ["accuracy"], "odd": ["accuracy"]}}, "no metric of the head loop"),
    "no metrics": ({"metrics": None}, "no metric of the head digit reports its accuracy"),
    "another metric": ({"metrics": {name: ["mse"] for name in ["odd", "loop"]}}, "no metric of the head"),
    "precision": ({"metrics": ACCURACIES | {"odd": [keras.metrics.Precision()]}}, "no metric of the head odd reports"),
    "recall": ({"metrics": ACCURACIES | {"loop": [keras.metrics.Recall()]}}, "no metric of the head loop reports"),
    "AUC": ({"metrics": ACCURACIES | {"loop": [keras.metrics.AUC()]}}, "no metric of the head loop reports"),
    "top two": (
        {"metrics": ACCURACIES | {"digit": [keras.metrics.SparseTopKCategoricalAccuracy(2)]}},
        "no metric of the head digit reports its accuracy",
    ),
    "another threshold": (
        {"metrics": ACCURACIES | {"odd": [keras.metrics.BinaryAccuracy(threshold=0.4)]}},
        "no metric of the head odd reports its accuracy",
    ),
    "KL divergence": (
        {"losses": LOSSES | {"loop": "kl_divergence"}},
        "the loss of the head loop should be its cross",
    ),
    "unfit metric": ({"metrics": {"digit": ["mse"]}}, "your model raised ValueError"),
    "no loss": ({"losses": {"digit": LOSSES["digit"], "odd": LOSSES["odd"]}}, "loop"),
}


@pytest.mark.parametrize(("options", "words"), WRONG_COMPILES.values(), ids=WRONG_COMPILES)
def test_wrong_compiles(trained, digits, options, words):
    refused("1.2", (compiled(trained, **options), digits), words)


def test_the_pair_may_be_a_list(trained, digits):
    assert outcome("1.2", [compiled(trained), digits])[0] == "correct"
    assert "lambda: (model, digits)" in outcome("1.2", [compiled(trained), digits.x_test])[1]


def test_a_head_that_is_trained_on_another_heads_targets(trained, digits):
    model = compiled(trained)
    names = ["odd", "loop"]
    weights = [model.get_layer(name).get_weights() for name in names]
    for name, values in zip(names, weights[::-1], strict=True):
        model.get_layer(name).set_weights(values)
    assert "on its own targets?" in outcome("1.2", (model, digits))[1]


def test_an_untrained_model_hears_what_it_scores(digits):
    model = functional()
    model.compile("adam", LOSSES, metrics={name: ["accuracy"] for name in SIZES})
    state, message = outcome("1.2", (model, digits))
    assert state == "not yet"
    assert "no better than a guess" in message


def test_a_model_that_is_not_compiled_or_stands_alone(digits):
    assert "not compiled yet" in outcome("1.2", (functional(), digits))[1]
    assert "lambda: (model, digits)" in outcome("1.2", functional())[1]


# --- 1.3


def by_comparison(predictions):
    return (predictions["digit"].argmax(axis=1) % 2 == 1) != (predictions["odd"][:, 0] > 0.5)


def by_sum(predictions):
    odd_digit = predictions["digit"].argmax(-1) & 1
    odd_head = np.where(predictions["odd"].ravel() > 0.5, 1, 0)
    return (odd_digit + odd_head) == 1


def by_loop(predictions):
    heads = zip(predictions["digit"], predictions["odd"], strict=True)
    return np.array([int(np.argmax(d)) % 2 != int(o[0] > 0.5) for d, o in heads])


def as_integers(predictions):
    return np.abs(predictions["digit"].argmax(axis=1) % 2 - (predictions["odd"][:, 0] > 0.5).astype(int))


def as_list(predictions):
    return by_comparison(predictions).tolist()


def as_tensor(predictions):
    digit, odd = tf.constant(predictions["digit"]), tf.constant(predictions["odd"])
    return tf.not_equal(tf.argmax(digit, axis=1) % 2 == 1, tf.squeeze(odd, axis=1) > 0.5)


def with_operations(predictions):
    odd = keras.ops.cast(keras.ops.argmax(predictions["digit"], axis=-1) % 2, "bool")
    return keras.ops.logical_xor(odd, keras.ops.greater(predictions["odd"][..., 0], 0.5))


def on_a_copy(predictions):
    predictions = {name: np.copy(value) for name, value in predictions.items()}
    predictions["odd"] = predictions["odd"].ravel().round()
    return predictions["digit"].argmax(axis=1) % 2 != predictions.pop("odd")


class Contradictions:
    def __call__(self, predictions):
        return tuple(by_comparison(predictions))


RIGHT_CONTRADICTIONS = [by_comparison, by_sum, by_loop, as_integers, as_list, as_tensor, with_operations, on_a_copy]
RIGHT_CONTRADICTIONS += [
    Contradictions(),
    functools.partial(lambda limit, p: (p["digit"].argmax(1) % 2 == 1) ^ (p["odd"][:, 0] > limit), 0.5),
    lambda p: [*map(operator.ne, p["digit"].argmax(1) % 2 == 1, p["odd"].flat > np.float32(0.5))],
    lambda p: by_comparison({name: value.astype("float16") for name, value in p.items()}),
    lambda p: by_comparison(p).astype("float32"),
]


@pytest.mark.parametrize("function", RIGHT_CONTRADICTIONS)
def test_contradictions_however_they_are_found(function):
    assert outcome("1.3", function)[0] == "correct"


def by_position(predictions):
    digit, odd, *_ = predictions.values()
    return by_comparison({"digit": digit, "odd": odd})


def of_two_heads(predictions):
    digit, odd = predictions.values()
    return by_comparison({"digit": digit, "odd": odd})


def rounds_in_place(predictions):
    predictions["odd"][:] = predictions["odd"].round()
    return by_comparison(predictions)


WRONG_CONTRADICTIONS = [
    (by_position, "your function raised"),
    (of_two_heads, "your function raised ValueError: too many values to unpack"),
    (rounds_in_place, "your function changes `predictions` itself"),
    (lambda p: by_comparison({"digit": p["digit"], "odd": p.pop("odd")}), "your function changes `predictions` itself"),
    (lambda p: np.squeeze(by_comparison(p)), "it returns one number"),
    (lambda p: (p["digit"].argmax(axis=1) % 2 == 1) & (p["odd"][:, 0] <= 0.5), "the odd head predicts"),
    (lambda p: (value for value in by_comparison(p)), "should be an array, and yours is a generator"),
    (lambda p: by_comparison(p).astype(str), "should hold numbers"),
    (lambda p: np.where(by_comparison(p), 1, -1), "yours holds other numbers"),
    (lambda p: np.flatnonzero(by_comparison(p)), "should have shape (40,)"),
    (lambda p: p["digit"].argmax(1) % 2 != p["odd"].argmax(1), "should give"),
    (lambda p: p["digit"].argmax(1) % 2 != p["odd"][:, 0].astype(int), "should give"),
    (lambda p: (p["digit"].argmax(axis=1) % 2 == 1) != (p["odd"] > 0.5), "each image with every other"),
    (lambda p: by_comparison(p)[:, None], "should have shape"),
    (lambda p: by_comparison(p).mean(), "it returns one number"),
    (lambda p: p["digit"].argmax(axis=1) != (p["odd"][:, 0] > 0.5), "should give"),
    (
        lambda p: (p["digit"].argmax(axis=1) % 2 == 1) != (p["odd"][:, 0] >= 0.5),
        "the odd head predicts 0.50, your function should give",
    ),
    (lambda p: (p["digit"].argmax(axis=0) % 2 == 1) != (p["odd"][:, 0] > 0.5), "your function raised ValueError"),
    (lambda p: np.zeros(40, dtype=bool), "should give True, and it gives False"),
    (lambda p: print(p), "is a `return` missing?"),
    (lambda p: p["Odd"] > 0.5, "your function raised KeyError"),
    (0.02, "should be a function"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_CONTRADICTIONS)
def test_wrong_contradictions(answer, words):
    refused("1.3", answer, words)


# --- 1.4


@pytest.mark.parametrize(
    "function",
    [
        lambda digit: digit[:, 1::2].sum(axis=1),
        lambda digit: digit @ (np.arange(10) % 2),
        lambda digit: 1 - digit[:, [0, 2, 4, 6, 8]].sum(-1),
        lambda digit: [sum(row[k] for k in (1, 3, 5, 7, 9)) for row in digit],
        lambda digit: keras.ops.sum(digit[:, 1::2], axis=1),
        lambda digit: tf.reduce_sum(digit[:, 1::2], axis=1),
        lambda digit: digit[:, 1::2].astype("float16").sum(axis=1),
        lambda digit: tf.reduce_sum(tf.cast(digit, "bfloat16")[:, 1::2], axis=1),
        lambda digit: keras.ops.sum(keras.ops.cast(digit, "float16")[:, 1::2], axis=-1),
        lambda digit: digit[:, 1::2].sum(axis=1) / digit.sum(axis=1),
        lambda digit: [np.float16(sum(row[1::2])) for row in digit],
        lambda digit: np.einsum("nk,k->n", digit, [0, 1] * 5),
        functools.partial(np.dot, b=np.tile([0.0, 1.0], 5)),
        lambda digit: tuple(map(math.fsum, digit[:, 1::2].tolist())),
    ],
)
def test_odd_probability_however_it_is_computed(function):
    assert outcome("1.4", function)[0] == "correct"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda digit: digit[:, 1::2].max(axis=1), "should give 0.600 for the first image, and it gives 0.300"),
        (lambda digit: digit[:, 1::2].sum(), "sum along axis 1"),
        (lambda digit: digit[:, 1::2].sum(axis=1, keepdims=True), "should have shape"),
        (lambda digit: digit[:, 1::2].sum(axis=0), "should have shape"),
        (lambda digit: digit[1::2].sum(axis=1), "should have shape"),
        (lambda digit: digit[:, 1::2].sum(axis=1) > 0.5, "return the probability itself"),
        (lambda digit: digit[:, 1:8:2].sum(axis=1), "with 0.4 on the 4, 0.3 on the 7 and 0.3 on the 9"),
        (lambda digit: digit[:, 1::2].sum(axis=1).round(2), "it is rounded to 2 decimals"),
        (lambda digit: digit[:, 1::2].sum(axis=1).round(1), "it is rounded to 1 decimals"),
        (lambda digit: digit[:, 3::2].sum(axis=1), "for an image whose odd digits have"),
        (lambda digit: digit[:, [2, 3, 5, 7, 9]].sum(axis=1), "for an image whose odd digits have"),
        (lambda digit: np.append(digit[:-1, 1::2].sum(1), 0.9), "it should give 0.600 for the first image"),
        (lambda digit: digit[:, 1::2].sum(axis=1) * (len(digit) < 40), "and it gives 0.000"),
        (lambda digit: np.add(digit[:, 7], digit[:, 9], out=digit[:, 0]), "your function changes `digit` itself"),
        (lambda digit: digit[:, 1::2].sum(axis=1).astype(str), "should hold numbers"),
        (lambda digit: (sum(row) for row in digit), "your function should return one probability for each image"),
        (lambda digit: digit[:, 1::2].cumsum(axis=1)[:, 3], "with 0.4 on the 4, 0.3 on the 7 and 0.3 on the 9"),
        (lambda digit: print(digit), "is a `return` missing?"),
    ],
)
def test_wrong_odd_probabilities(function, words):
    refused("1.4", function, words)
