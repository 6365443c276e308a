"""The check of the example question: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused


def by_hand(numbers):
    return 1 / (1 + np.exp(-numbers))


class Sigmoid:
    def __call__(self, numbers):
        return keras.ops.sigmoid(numbers)


@pytest.mark.parametrize(
    "activation",
    [
        "sigmoid",
        keras.activations.sigmoid,
        keras.ops.sigmoid,
        tf.nn.sigmoid,
        tf.sigmoid,
        keras.layers.Activation("sigmoid"),
        functools.partial(tf.nn.sigmoid, name="odd"),
        lambda numbers: by_hand(numbers.astype("float16")),
        by_hand,
        Sigmoid(),
    ],
)
def test_right_answers(activation):
    assert outcome("0.1", {"units": 7, "activation": activation}) == ("correct", "")


@pytest.mark.parametrize("units", [7.0, np.int64(7), np.float32(7), tf.constant(7)])
def test_right_units(units):
    assert outcome("0.1", {"activation": "sigmoid", "units": units})[0] == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"units": 7, "activation": "softmax"}, "a yes for one is a no for the others"),
        ({"units": 7, "activation": keras.activations.softmax}, "a yes for one is a no for the others"),
        ({"units": 1, "activation": "sigmoid"}, "a unit of its own, and you gave 1"),
        ({"units": 2**7, "activation": "softmax"}, "and you gave 128"),
        ({"units": 7, "activation": None}, "does not give probabilities"),
        ({"units": 7, "activation": "relu"}, "'relu' does not give probabilities"),
        ({"units": 7, "activation": "linear"}, "'linear' does not give probabilities: of the number 2 it makes 2"),
        ({"units": 7, "activation": tf.nn.softmax}, "a yes for one is a no for the others"),
        ({"units": 7, "activation": keras.layers.Softmax()}, "a yes for one is a no for the others"),
        ({"units": 7, "activation": lambda x: tf.nn.softmax(x, axis=-1)}, "a yes for one is a no for the others"),
        ({"units": 7, "activation": tf.nn.log_softmax}, "does not give probabilities"),
        ({"units": 7, "activation": np.tanh}, "does not give probabilities"),
        ({"units": 7, "activation": "hard_sigmoid"}, "'hard_sigmoid' is no sigmoid: of the number 2 it makes 0.833"),
        ({"units": 7, "activation": lambda x: tf.sigmoid(tf.sigmoid(x))}, "is no sigmoid"),
        ({"units": 7, "activation": "Sigmoid"}, "names are lower-case"),
        ({"units": 7, "activation": "sigmoidal"}, "Keras has no activation the text 'sigmoidal'"),
        ({"units": 7, "activation": keras.layers.Activation}, "the class Activation is no activation"),
        ({"units": 7, "activation": 3}, "the number 3 is no activation"),
        ({"units": 7, "activation": lambda x: x[:, 0]}, "should have shape (2, 7)"),
        ({"units": 7, "activation": lambda x, y: x}, "your function raised TypeError"),
        ({"units": "7", "activation": "sigmoid"}, "units should be a number, and yours is the text '7'"),
        ({"units": (7,), "activation": "sigmoid"}, "units should be a number"),
        ({"units": True, "activation": "sigmoid"}, "units should be a number"),
        ({"units": 7}, "should be units and activation"),
        ((7, "sigmoid"), "should be a dict"),
    ],
)
def test_wrong_answers(answer, words):
    refused("0.1", answer, words)


READY = {1: "b", 2: "a", 3: "c", 4: "b", 5: "a"}


@pytest.mark.parametrize("letters", [READY, {number: letter.upper() for number, letter in reversed(READY.items())}])
def test_whoever_knows_the_answers_is_ready(letters):
    assert outcome("0.2", letters) == ("correct", "You are ready.")


def test_letters_that_miss_are_no_answer_yet():
    state, message = outcome("0.2", READY | {4: None})
    assert state == "not answered yet"
    assert "Put a letter in place of each None" in message


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        (READY | {1: "c"}, "1 is not right: 1. Read first: the guide `NumPy: the absolute basics for beginners`"),
        (READY | {3: "a", 5: "b"}, "2 are not right: 3, 5. Read first: the tutorial `Basic classification"),
        (READY | {2: "b", 4: "a"}, "in NumPy's documentation and the tutorial `Basic classification"),
        (READY | {2: "d"}, "the answer to 2 should be 'a', 'b' or 'c', and yours is the text 'd'"),
        (READY | {2: 1}, "the answer to 2 should be 'a', 'b' or 'c', and yours is the number 1"),
        ({1: "b"}, "a dict with the keys 1, 2, 3, 4 and 5"),
        (list("bacba"), "a dict with the keys 1, 2, 3, 4 and 5"),
    ],
)
def test_what_to_read_first(letters, words):
    refused("0.2", letters, words)
