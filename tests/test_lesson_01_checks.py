"""The checks of exercise 1: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
from checking import outcome
from keras import layers

from mos_helpers import data

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


@pytest.mark.parametrize("build", [functional, convolutional, activation_layers, deep_heads, subclassed])
def test_three_heads_however_they_are_built(build):
    assert outcome("1.1", build())[0] == "correct"


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


WRONG_MODELS = {
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
    state, message = outcome("1.1", build())
    assert (state, words in message) == ("not yet", True), message


# --- 1.2


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


@pytest.fixture(scope="module")
def trained(digits):
    """Weights of a trained model, so that each test needs no training of its own."""
    model = functional()
    model.compile("adam", LOSSES)
    labels = digits.y_train
    targets = {"digit": labels, "odd": labels % 2, "loop": data.digit_attributes(labels)["has_loop"]}
    model.fit(digits.x_train.reshape(-1, 784), targets, batch_size=32, epochs=15, verbose=0)
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
    "weighted metrics": {"metrics": None, "weighted_metrics": {name: ["accuracy"] for name in SIZES}},
}


@pytest.mark.parametrize("options", RIGHT_COMPILES.values(), ids=RIGHT_COMPILES)
def test_a_trained_model_however_it_is_compiled(trained, digits, options):
    model = compiled(trained, **options)
    assert outcome("1.2", (model, digits))[0] == "correct"
    assert all((a == b).all() for a, b in zip(model.get_weights(), trained, strict=True))


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
    "unfit metric": ({"metrics": {"digit": ["mse"]}}, "your model raised ValueError"),
    "no loss": ({"losses": {"digit": LOSSES["digit"], "odd": LOSSES["odd"]}}, "loop"),
}


@pytest.mark.parametrize(("options", "words"), WRONG_COMPILES.values(), ids=WRONG_COMPILES)
def test_wrong_compiles(trained, digits, options, words):
    state, message = outcome("1.2", (compiled(trained, **options), digits))
    assert (state, words in message) == ("not yet", True), message


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
    return np.array([int(np.argmax(d)) % 2 != int(o[0] > 0.5) for d, o in zip(*predictions.values(), strict=True)])


def as_integers(predictions):
    return np.abs(predictions["digit"].argmax(axis=1) % 2 - (predictions["odd"][:, 0] > 0.5).astype(int))


def as_list(predictions):
    return by_comparison(predictions).tolist()


@pytest.mark.parametrize("function", [by_comparison, by_sum, by_loop, as_integers, as_list])
def test_contradictions_however_they_are_found(function):
    assert outcome("1.3", function)[0] == "correct"


def crossed(predictions):
    return (predictions["digit"].argmax(axis=1) % 2 == 1) != (predictions["odd"] > 0.5)


def column(predictions):
    return by_comparison(predictions)[:, None]


def agreement(predictions):
    return ~by_comparison(predictions)


def rate(predictions):
    return by_comparison(predictions).mean()


def no_parity(predictions):
    return predictions["digit"].argmax(axis=1) != (predictions["odd"][:, 0] > 0.5)


def from_half_up(predictions):
    return (predictions["digit"].argmax(axis=1) % 2 == 1) != (predictions["odd"][:, 0] >= 0.5)


def along_images(predictions):
    return (predictions["digit"].argmax(axis=0) % 2 == 1) != (predictions["odd"][:, 0] > 0.5)


def even_for_odd(predictions):
    return (predictions["digit"].argmax(axis=1) % 2 == 0) != (predictions["odd"][:, 0] > 0.5)


def remembered(predictions):
    return np.zeros(40, dtype=bool)


def forgets_to_return(predictions):
    by_comparison(predictions)


def wrong_key(predictions):
    return predictions["Odd"] > 0.5


WRONG_CONTRADICTIONS = [
    (crossed, "each image with every other"),
    (column, "should have shape"),
    (agreement, "turn it round"),
    (even_for_odd, "turn it round"),
    (rate, "it returns one number"),
    (no_parity, "should give"),
    (from_half_up, "the odd head says 0.50, your function should give"),
    (along_images, "your function raised ValueError"),
    (remembered, "should give True, and it gives False"),
    (forgets_to_return, "is a `return` missing?"),
    (wrong_key, "your function raised KeyError"),
    (0.02, "should be a function"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_CONTRADICTIONS)
def test_wrong_contradictions(answer, words):
    state, message = outcome("1.3", answer)
    assert (state, words in message) == ("not yet", True), message


# --- 1.4


@pytest.mark.parametrize(
    "function",
    [
        lambda digit: digit[:, 1::2].sum(axis=1),
        lambda digit: digit @ (np.arange(10) % 2),
        lambda digit: 1 - digit[:, [0, 2, 4, 6, 8]].sum(-1),
        lambda digit: [sum(row[k] for k in (1, 3, 5, 7, 9)) for row in digit],
        lambda digit: keras.ops.sum(digit[:, 1::2], axis=1),
    ],
)
def test_odd_probability_however_it_is_computed(function):
    assert outcome("1.4", function)[0] == "correct"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda digit: digit[:, ::2].sum(axis=1), "that the digit is even"),
        (lambda digit: digit.argmax(axis=1) % 2, "by the likeliest digit alone"),
        (lambda digit: digit[:, 1::2].mean(axis=1), "a probability of one or another is a sum"),
        (lambda digit: digit[:, 1::2].max(axis=1), "should give 0.600 for the first image, and it gives 0.300"),
        (lambda digit: digit[:, 1::2].sum(), "sum along axis 1"),
        (lambda digit: digit[:, 1::2].sum(axis=1, keepdims=True), "should have shape"),
        (lambda digit: digit[:, 1::2].sum(axis=0), "should have shape"),
        (lambda digit: digit[1::2].sum(axis=1), "should have shape"),
        (lambda digit: digit[:, 1::2].sum(axis=1) > 0.5, "return the probability itself"),
        (lambda digit: digit[:, 1:8:2].sum(axis=1), "with 0.4 on the 4, 0.3 on the 7 and 0.3 on the 9"),
        (lambda digit: print(digit), "is a `return` missing?"),
    ],
)
def test_wrong_odd_probabilities(function, words):
    state, message = outcome("1.4", function)
    assert (state, words in message) == ("not yet", True), message
