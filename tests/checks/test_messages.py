"""What a check says about an answer: conditions, conversions, and calls of the learner's functions."""

import re
import sys

import checking
import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome, outcome_of, raiser, two_heads

from mos_checks import NotYet, apart, as_array, call, call_kept, outputs_of, require, told_apart


class RaisingLayer(keras.layers.Layer):
    def call(self, inputs):
        raise ValueError("the real reason")


def forgets_the_argument():
    return 1


def recursive(x):
    return recursive(x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raiser(ValueError("first line\nsecond line")), "your function raised ValueError: first line. Run it"),
        (raiser(ValueError("x" * 10_000)), "ValueError: " + "x" * 197 + "..."),
        (raiser(SystemExit(1)), "your function raised SystemExit: 1"),
        (raiser(KeyboardInterrupt()), "your function raised KeyboardInterrupt. Run it"),
        (raiser(GeneratorExit()), "your function raised GeneratorExit"),
        (raiser(StopIteration()), "your function raised StopIteration"),
        (raiser(checking.OddError()), "your function raised OddError, whose message cannot be shown"),
        (raiser(checking.EndlessContext()), "could not use your answer"),
        (raiser(ExceptionGroup("both", [ValueError()])), "your function raised ExceptionGroup: both"),
        (recursive, "your function raised RecursionError: maximum recursion depth exceeded"),
        (forgets_the_argument, "TypeError: forgets_the_argument() takes 0 positional arguments but 1 was given"),
        (lambda x: RaisingLayer()(x), "your function raised ValueError: the real reason. Run it"),
        (tf.function(lambda x: RaisingLayer()(x)), "your function raised ValueError: the real reason. Run it"),
        (lambda x: tf.reshape(x, (2,)), "raised InvalidArgumentError: Input to reshape is a tensor with 3 values"),
        (lambda x: None, "your function returned None: is a `return` missing?"),
        (lambda x: x, "the result should be twice the input"),
        (lambda x: x[:2], "the result should have shape (3,), and yours has (2,)"),
        (lambda x: [[0], [2, 4]], "the result should be an array, and yours cannot be made into one"),
        (print, "your function returned None"),
        (6, "should be a function (its name without brackets), and yours is the number 6"),
        (keras.Model, "should be a function (its name without brackets), and yours is the class Model"),
    ],
)
def test_what_is_said_of_a_function(function, words):
    state, message = outcome("99.2", function)
    assert state == "not yet"
    assert words in message


def test_an_error_in_the_lambda_is_reported():
    expected = (
        "not yet",
        "your code raised ZeroDivisionError: division by zero. Run it in a cell of its own to see where.",
    )
    assert outcome_of("99.1", lambda: 1 / 0) == expected
    assert "your code raised SystemExit" in outcome_of("99.1", lambda: sys.exit())[1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: two_heads(compiled=False), "the answer is not compiled yet"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "the answer has no weights yet"),
        (lambda: keras.Model, "should be a model, and yours is the class Model: call it to get a model"),
        (lambda: two_heads, "should be a Keras model, and yours is a function"),
        (lambda: two_heads().layers[-1], "should be a Keras model, and yours is a Dense"),
    ],
)
def test_what_is_said_of_a_model(make, words):
    state, message = outcome("99.3", make())
    assert state == "not yet"
    assert words in message


def model_with(outputs, inputs=5):
    image = keras.Input((inputs,))
    model = keras.Model(image, outputs({name: keras.layers.Dense(u, name=name)(image) for name, u in LAYERS.items()}))
    model.compile("sgd", "mse")
    return model


LAYERS = {"digit": 10, "odd": 1, "third": 3}


@pytest.mark.parametrize(
    ("outputs", "state", "words"),
    [
        (lambda head: {"digit": head["digit"], "odd": head["odd"]}, "correct", ""),
        (lambda head: [head["digit"], head["odd"]], "correct", ""),
        (lambda head: {"digit": head["odd"], "odd": head["digit"]}, "not yet", "did you swap digit and odd?"),
        (lambda head: {"digit": head["digit"], "odd": head["third"]}, "not yet", "odd should have shape (any, 1)"),
        (lambda head: {"digit": head["digit"]}, "not yet", "should be digit and odd, and yours are digit."),
        (lambda head: head["digit"], "not yet", "should be digit and odd, and yours are digit."),
        (lambda head: head, "not yet", "should be digit and odd, and yours are digit, odd and third."),
    ],
)
def test_outputs_are_found_by_name_and_shape(outputs, state, words):
    found, message = outcome("99.3", model_with(outputs))
    assert found == state
    assert words in message


def test_outputs_of_a_model_for_other_inputs():
    model = model_with(lambda head: {"digit": head["digit"], "odd": head["odd"]}, inputs=7)
    assert "your model raised ValueError: Input 0" in outcome("99.3", model)[1]


def test_outputs_of_models_without_names():
    sequential = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="digit")])
    assert outputs_of(sequential, np.ones((4, 2)))["digit"].shape == (4, 3)

    class Pair(keras.Model):
        def call(self, inputs):
            return inputs, inputs

    with pytest.raises(NotYet, match="should return a dict"):
        outputs_of(Pair(), np.ones((4, 2)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"digit": [1, 2], "odd": [3]}, None),
        ({"odd": np.array([3]), "digit": tf.constant([1.0, 2.0])}, None),
        ({"digit": [1, 2]}, "the keys of the answer should be digit and odd, and yours are digit."),
        ({}, "should be digit and odd, and yours has none."),
        ({"digit": 1, 2: 3}, "yours are digit and the number 2."),
        ([1, 2], "should be a dict, and yours is a list of length 2."),
        ({"digit": [1, 2], "odd": ["a"]}, "should hold numbers, and yours is an array of shape (1,)"),
        ({"digit": [1, 2], "odd": [float("nan")]}, "should hold finite numbers"),
    ],
)
def test_what_is_said_of_a_dict(answer, words):
    state, message = outcome("99.4", answer)
    assert state == ("correct" if words is None else "not yet")
    assert words is None or words in message


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        ([1, 2], {"kind": "integer", "shape": (None,)}, None),
        ([1.0, 2.0], {"kind": "integer"}, "should hold whole numbers"),
        ([1, 2], {"kind": "float"}, "should hold floating-point numbers"),
        ([True], {"kind": "bool"}, None),
        ([1], {"kind": "bool"}, "should hold True and False"),
        ([np.nan], {"finite": False}, None),
        (np.ones((2, 3)), {"shape": (None, 2)}, "should have shape (any, 2), and yours has (2, 3)"),
        (tf.cast([1.0], "bfloat16"), {"kind": "float"}, None),
        (keras.Variable([1.0]), {}, None),
        (pandas.Series([1, 2], name="odd"), {"kind": "integer", "shape": (2,)}, None),
        (pandas.DataFrame({"odd": [1.5, 2.5]}), {"shape": (2, 1)}, None),
        (pandas.Series([1, None], dtype="Int64"), {}, "should hold finite numbers"),
        (pandas.Series(["a"]), {}, "should hold numbers"),
    ],
)
def test_as_array(value, options, words):
    if words is None:
        array = as_array(value, **options)
        assert type(array) is np.ndarray
        array[...] = 0  # it can be written to
    else:
        with pytest.raises(NotYet, match=re.escape(words)):
            as_array(value, **options)


@pytest.mark.parametrize("condition", [np.array([True]), np.array(True), 1, "yes", None, [True], checking.Agreeable()])
def test_require_takes_only_true_and_false(condition):
    with pytest.raises(TypeError, match="must be True or False"):
        require(condition, "no")


def test_a_function_gets_copies_and_its_result_is_safe():
    kept = np.ones(3)

    def change(arrays, scale):
        arrays["digit"] *= scale
        arrays["new"] = 1
        return kept

    given_arrays = {"digit": np.ones(3)}
    result = call(change, given_arrays, scale=2)
    assert given_arrays["digit"].tolist() == [1, 1, 1]
    assert list(given_arrays) == ["digit"]
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 2


@pytest.mark.parametrize(
    "change",
    [
        lambda values, names, table: values.fill(0),
        lambda values, names, table: values.sort(),
        lambda values, names, table: names.append("odd"),
        lambda values, names, table: names.reverse(),
        lambda values, names, table: table.pop("digit"),
        lambda values, names, table: table["digit"].fill(0),
        lambda values, names, table: table.update(digit=[3.0]),
        lambda values, names, table: table.update(digit=table.pop("digit")),
    ],
)
def test_a_function_that_changes_its_argument_is_refused(change):
    given_arguments = {
        "values": np.array([2.0, 1.0, np.nan]),
        "names": ["digit", "size"],
        "table": {"digit": np.array([3.0]), "size": np.array([4.0])},
    }

    def after(values, names, table):
        change(values, names, table)
        return 42

    with pytest.raises(NotYet, match=r"your function changes `(values|names|table)` itself"):
        call_kept(after, **given_arguments)
    assert given_arguments["values"][0] == 2
    assert given_arguments["names"] == ["digit", "size"]
    assert given_arguments["table"]["digit"].tolist() == [3]


@pytest.mark.parametrize(
    "given_values",
    [np.array([1, np.nan]), np.array(["a", "b"]), [1, 2], ["a", None, float("nan")], {"digit": [1]}, {1, 2}],
)
def test_a_function_that_keeps_its_argument_is_not_refused(given_values):
    assert call_kept(lambda values, number: number, values=given_values, number=42) == 42


def test_two_numbers_are_told_apart():
    assert told_apart(0.5, 0.25) == ("0.500", "0.250")
    assert told_apart(0.37612, 0.3762) == ("0.3761", "0.3762")
    assert told_apart(1, 1 + 1e-15)[0] == "1.00000000000"
    assert apart(0.5, 0.25) == ("0.5", "0.25")
    assert apart(12341, 12342) == ("12341", "12342")
    assert apart(1, 1 + 1e-15) == ("1", "1.000000000000001")
