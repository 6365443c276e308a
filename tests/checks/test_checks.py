import functools
import io
import os
import random
import re
import signal
import sys
import threading
import time
from contextlib import redirect_stdout

import checking
import keras
import nbformat
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import HOSTILE, outcome, outcome_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from tensorflow.python.eager import context

from mos_checks import (
    CheckFailed,
    NotYet,
    Todo,
    apart,
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    call_kept,
    check,
    describe,
    grading,
    hint,
    isolation,
    judge_all,
    outputs_of,
    question,
    require,
    rounding_of,
    told_apart,
)

HINTS = ["First.", "Second.", "Third."]
CONTINUE = "run that cell, then this one. Wanted: "


@question("99.1", hints=HINTS)
def _number(answer):
    """A number: 42."""
    number = as_number(answer)
    require(number == 42, f"it should be 42, and yours is {number:g}")
    return "You know the answer"


@question("99.2", hints=HINTS[:2], seconds=5)
def _function(answer):
    """A function that doubles an array."""
    values = np.arange(3.0)
    result = as_array(call(as_function(answer), values), "the result", shape=(3,))
    assert values.tolist() == [0, 1, 2]
    require(np.array_equal(result, 2 * values), "the result should be twice the input")


@question("99.3", hints=HINTS)
def _model(answer):
    """A model with the outputs digit and odd."""
    outputs_of(as_model(answer, compiled=True), np.ones((4, 5)), {"digit": 10, "odd": 1})


@question("99.4", hints=HINTS)
def _dictionary(answer):
    """A dict of arrays."""
    for value in as_dict(answer, keys=["digit", "odd"]).values():
        require(as_array(value).sum() == 3, "each should add up to 3")


@question("99.5", hints=HINTS)
def _training(answer):
    """A model to train."""
    model = answer["models"][0] if isinstance(answer, dict) else answer
    model = getattr(model, "__self__", model)
    _train(model)
    random.random()
    np.random.random()  # noqa: NPY002
    tf.random.uniform([])
    keras.random.uniform([])


@question("99.6", hints=HINTS)
def _careless(answer):
    """Two."""
    require(answer == 2, "it should be 2")
    require(answer, "it should be true")


@question("99.7", hints=HINTS, seconds=0.3)
def _quick(answer):
    """Something quick."""
    call(answer)


@question("99.8", hints=HINTS)
def _ruthless(answer):
    """Something to change."""
    answer = answer[0] if isinstance(answer, list) else answer
    if isinstance(answer, dict):
        answer["new"] = 1
        answer = answer["digit"]
    answer[...] = 7


@question("99.9", hints=HINTS)
def _wrongly_returning(answer):
    """A check with a mistake in it."""
    return answer == 1


# An unawaited coroutine among the answers is meant.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine")

FAKE = [question_id for question_id in grading._questions if question_id.startswith("99.")]


@pytest.fixture(autouse=True)
def _not_strict(monkeypatch):
    monkeypatch.delenv("MOS_STRICT", raising=False)
    monkeypatch.setattr(grading, "_hints_given", {})


def two_heads(compiled=True, metrics=None, eagerly=True):
    image = keras.Input((5,), name="image")
    trunk = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(image))
    trunk = keras.layers.BatchNormalization()(trunk)
    outputs = {"digit": keras.layers.Dense(10, name="digit")(trunk), "odd": keras.layers.Dense(1, name="odd")(trunk)}
    model = keras.Model(image, outputs)
    if compiled:
        model.compile(
            "adam", loss={"digit": "mse", "odd": "mse"}, metrics=metrics, run_eagerly=eagerly, jit_compile=False
        )
    return model


def _train(model):
    return model.fit(np.ones((4, 5)), {"digit": np.zeros((4, 10)), "odd": np.zeros((4, 1))}, verbose=0)


def printed(capsys):
    return capsys.readouterr().out


# What each kind of answer gets


@pytest.mark.parametrize(
    "answer", [42, 42.0, np.float32(42), np.int64(42), np.array(42), tf.constant(42), tf.Variable(42.0)]
)
def test_correct(answer):
    assert outcome("99.1", answer) == ("correct", "You know the answer.")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (41, "it should be 42, and yours is 41."),
        (None, "the answer is None: is a `return` missing, or did the cell not end with a value?"),
        (True, "should be a number, and yours is True."),
        ("42", "should be a number, and yours is the text '42'."),
        (np.array([42]), "should be one number, and yours is an array of shape (1,)"),
        (int, "should be a number, and yours is the class int."),
        (float("nan"), "should be a finite number, and yours is nan."),
        ((x for x in [42]), "should be a number, and yours is a generator."),
    ],
)
def test_not_yet(answer, words):
    state, message = outcome("99.1", answer)
    assert state == "not yet"
    assert words in message


def test_lines_as_printed(capsys):
    check("99.1", lambda: 42)
    check("99.1", lambda: 41)
    check("99.1", lambda: no_such_name)  # noqa: F821
    assert printed(capsys).splitlines() == [
        "Question 99.1: correct. You know the answer.",
        "Question 99.1: not yet, because it should be 42, and yours is 41.",
        "Question 99.1: not answered yet. There is no `no_such_name` so far: fill in the cell above and run it, "
        "then this one. Wanted: A number: 42.",
    ]


def test_an_ellipsis_is_no_answer_yet():
    assert outcome("99.1", ...)[0] == "not answered yet"
    assert outcome("99.2", lambda x: ...)[0] == "not answered yet"


def typo():
    return no_such_name  # noqa: F821


@pytest.mark.parametrize(
    ("expression", "state"),
    [
        (lambda: no_such_name, "not answered yet"),  # noqa: F821
        (lambda: [no_such_name + x for x in range(2)], "not answered yet"),  # noqa: F821
        (lambda: no_such_name(typo()), "not answered yet"),  # noqa: F821
        (lambda: typo(), "not yet"),
        (lambda: [typo() for x in range(2)], "not yet"),
        (lambda: eval("no_such_name"), "not yet"),
    ],
)
def test_only_a_name_in_the_lambda_itself_is_no_answer_yet(expression, state):
    found, message = outcome_of("99.1", expression)
    assert found == state
    assert "no_such_name" in message


def test_a_variable_of_a_function_that_is_not_set_yet_is_no_answer_yet():
    expression = lambda: answer  # noqa: E731
    assert outcome_of("99.1", expression)[0] == "not answered yet"
    answer = 42
    assert outcome_of("99.1", expression)[0] == "correct"


def test_a_typo_in_the_learners_function_is_named():
    state, message = outcome("99.2", lambda x: typo())
    assert state == "not yet"
    assert "your function raised NameError: name 'no_such_name' is not defined" in message


class TodoLayer(keras.layers.Layer):
    def call(self, inputs):
        raise Todo("99.2")


def todo(x):
    raise Todo("99.2")


def todo_hidden_by_another_error(x):
    try:
        todo(x)
    except NotImplementedError as error:
        raise ValueError("wrong") from error


@pytest.mark.parametrize(
    "function", [todo, tf.function(todo), todo_hidden_by_another_error, lambda x: TodoLayer()(x), lambda x: [todo(x)]]
)
def test_a_todo_anywhere_is_no_answer_yet(function):
    state, message = outcome("99.2", function)
    assert state == "not answered yet"
    assert f"{CONTINUE}A function that doubles an array." in message
    assert outcome_of("99.1", lambda: function(tf.ones(3)))[0] == "not answered yet"


class RaisingLayer(keras.layers.Layer):
    def call(self, inputs):
        raise ValueError("the real reason")


def raiser(error):
    def function(x):
        raise error

    return function


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


# How a check may be called, and written


@pytest.mark.parametrize("answer", [42, None, two_heads, Todo, keras.Model, lambda x: x, checking.Explosive])
def test_an_answer_without_lambda_is_explained(answer):
    expected = 'write check("99.1", lambda: your_answer)'
    assert expected in outcome_of("99.1", answer)[1]


def test_a_lambda_with_defaults_is_fine():
    assert outcome_of("99.1", lambda answer=42: answer)[0] == "correct"


@pytest.mark.parametrize(
    ("question_id", "words"),
    [
        (99.1, "goes in quotes"),
        (None, "goes in quotes"),
        ("99.77", "There is no question 99.77. Lesson 99 has 99.1, 99.2"),
        ("98.1", "There is no question 98.1. Lessons with questions: "),
        ("", "There is no question ."),
        ("1.1.1; import os\n", "There is no question 1.1.1; import os"),
    ],
)
def test_an_unknown_question_is_explained(capsys, monkeypatch, question_id, words):
    check(question_id, lambda: 42)
    hint(question_id)
    lines = printed(capsys).splitlines()
    assert len(lines) == 2
    assert all(words in line for line in lines)
    monkeypatch.setenv("MOS_STRICT", "1")
    for function in (lambda: check(question_id, lambda: 42), lambda: hint(question_id)):
        with pytest.raises(CheckFailed, match="question"):
            function()


def test_checks_that_cannot_be_loaded_are_reported(capsys, monkeypatch):
    def broken(lesson):
        raise ImportError("no module named nothing")

    monkeypatch.setattr(grading, "load_lesson", broken)
    check("98.1", lambda: 42)
    assert printed(capsys) == "The checks of lesson 98 could not be loaded. ImportError: no module named nothing\n"


@pytest.mark.parametrize("expression", [lambda: 41, lambda: no_such_name, lambda: None, lambda: todo(1), 42])  # noqa: F821
def test_strict_mode_raises_the_same_line(capsys, monkeypatch, expression):
    check("99.1", expression)
    line = printed(capsys).rstrip("\n")
    monkeypatch.setenv("MOS_STRICT", "1")
    with pytest.raises(CheckFailed) as raised:
        check("99.1", expression)
    assert str(raised.value) == line
    check("99.1", lambda: 42)
    assert "correct" in printed(capsys)


def test_hints_come_one_by_one(capsys):
    for _ in range(5):
        hint("99.1")
    hint("99.2")
    assert printed(capsys).splitlines() == [
        "Hint 1 of 3: First.",
        "Hint 2 of 3: Second.",
        "Hint 3 of 3: Third.",
        "No more hints for question 99.1. A worked answer is in the folder solutions, in the notebook that begins "
        'with 99. hint("99.1") starts again with the first hint.',
        "Hint 1 of 3: First.",
        "Hint 1 of 2: First.",
    ]


@pytest.mark.parametrize(
    ("question_id", "hints", "words"),
    [
        ("99.1", HINTS, "exists already"),
        ("99.20", [], "two or three hints"),
        ("99.20", ["one"], "two or three hints"),
        ("99.20", [*HINTS, "four"], "two or three hints"),
        ("99.20", ["one", ""], "two or three hints"),
        ("99.20", "abc", "two or three hints"),
        ("9", HINTS, "must be lesson and question"),
    ],
)
def test_a_question_that_is_not_complete_is_an_error(question_id, hints, words):
    with pytest.raises(ValueError, match=words):
        question(question_id, hints=hints)


def test_a_question_without_docstring_is_an_error():
    with pytest.raises(ValueError, match="docstring"):
        question("99.20", hints=HINTS)(lambda answer: None)


@pytest.mark.parametrize("condition", [np.array([True]), np.array(True), 1, "yes", None, [True], checking.Agreeable()])
def test_require_takes_only_true_and_false(condition):
    with pytest.raises(TypeError, match="must be True or False"):
        require(condition, "no")


def test_a_check_that_fails_is_never_correct():
    assert "the check could not use your answer (an Agreeable): TypeError" in outcome("99.6", checking.Agreeable())[1]
    assert outcome("99.6", np.array([2]))[0] == "not yet"
    assert (
        "the check could not use your answer (an Explosive): RuntimeError: boom"
        in outcome("99.6", checking.Explosive())[1]
    )
    assert "the check returned True" in outcome("99.9", 1)[1]


# Time, threads and what is printed


def endless(turns):
    while True:
        turns += 1


def endless_catching(turns):
    while True:
        try:
            turns += 1
        except Exception:
            print("caught")


def endless_catching_all(turns):
    caught = 0
    while caught < 3:
        try:
            time.sleep(0.001)
        except:  # noqa: E722
            caught += 1
    endless(turns)


class Turns:
    """Counts in place, so that a test sees whether a thread goes on."""

    count = 0

    def __iadd__(self, number):
        self.count += number
        return self


@pytest.mark.parametrize("function", [endless, endless_catching, endless_catching_all])
def test_a_function_that_does_not_end_is_stopped(function):
    turns = Turns()
    state, message = outcome("99.7", lambda: function(turns))
    assert state == "not yet"
    assert message.startswith("the check did not end within 0.3 seconds: does your code loop forever")
    turns_so_far = turns.count
    time.sleep(0.05)
    assert turns.count == turns_so_far > 0


def test_an_answer_that_does_not_end_is_stopped():
    assert "did not end" in outcome_of("99.7", lambda: endless(Turns()))[1]


def test_a_function_that_cannot_be_stopped_is_left_behind(monkeypatch):
    monkeypatch.setattr(isolation, "SECONDS_TO_STOP", 0.2)
    go_on = threading.Event()
    waiting = functools.partial(go_on.wait, 600)  # in compiled code, which no other thread can interrupt
    assert "It cannot be stopped and still runs: restart the kernel" in outcome("99.7", waiting)[1]
    go_on.set()


def test_a_busy_machine_takes_nothing_from_an_answers_time(monkeypatch):
    monkeypatch.setattr(isolation.time, "process_time", lambda: 0.0)  # others have the processor
    monkeypatch.setattr(isolation, "PATIENCE", 1000)
    assert outcome("99.7", lambda: time.sleep(0.5) or 1)[0] == "correct"


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send the signal of the stop button")
def test_the_stop_button_ends_a_check(request):
    # A process that a shell starts in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    turns = []

    def endless_counting(x):
        while True:
            turns.append(x)
            time.sleep(0.01)

    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    assert outcome("99.2", endless_counting) == ("not yet", "you stopped the check before its end.")
    turns_so_far = len(turns)
    time.sleep(0.1)
    assert len(turns) == turns_so_far > 0


def test_what_the_learners_code_prints_is_not_shown(capfd):
    def chatty(x):
        print("Question 99.2: correct.")
        print("also here", file=sys.stderr)
        return x

    check("99.2", lambda: chatty)
    assert capfd.readouterr() == ("Question 99.2: not yet, because the result should be twice the input.\n", "")


def test_the_dtype_policy_holds_in_a_check():
    @question("99.30", hints=HINTS)
    def policy(answer):
        """Anything."""
        return f"{keras.config.dtype_policy().name} {keras.layers.Dense(1).compute_dtype}"

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert outcome("99.30", 1) == ("correct", "mixed_float16 float16.")
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy(before)
        del grading._questions["99.30"]


# What a check leaves as it was


def draws():
    return [
        random.random(),
        np.random.random(),  # noqa: NPY002
        float(tf.random.uniform([])),
        float(tf.random.uniform([], seed=5)),
        float(keras.random.uniform([])),
        keras.layers.Dense(1).name,
    ]


def reseeding(x):
    keras.utils.set_random_seed(3)
    draws()
    keras.utils.clear_session(free_memory=False)
    draws()
    raise ValueError


def endless_draws():
    while True:
        random.random()
        np.random.random()  # noqa: NPY002


@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize(
    ("question_id", "make"),
    [
        ("99.1", lambda: 42),
        ("99.5", two_heads),
        ("99.2", lambda: reseeding),
        ("99.7", lambda: endless_draws),
        ("99.6", checking.Explosive),
    ],
)
def test_random_numbers_go_on_as_before(question_id, make, seeded):
    # Operations with a seed of their own start again when set_random_seed is called, by whomever.
    draws_to_compare = [0, 1, 2, 4] if make() is reseeding else [0, 1, 2, 3, 4]
    answer = make()
    found = []
    for do in (lambda: None, lambda: outcome(question_id, answer)):
        keras.utils.clear_session(free_memory=False)
        if seeded:
            keras.utils.set_random_seed(1)
        else:
            random.seed(1)
            np.random.seed(1)  # noqa: NPY002
        draws()
        do()
        found.append(draws())
    compare = draws_to_compare if seeded else [0, 1]
    assert [found[0][i] for i in compare] == [found[1][i] for i in compare]


def test_an_unset_tensorflow_seed_stays_unset(monkeypatch):
    seeds = vars(context.context())
    monkeypatch.setitem(seeds, "_seed", None)
    monkeypatch.delitem(seeds, "_rng", raising=False)
    assert outcome("99.1", 42)[0] == "correct"
    assert seeds["_seed"] is None
    assert "_rng" not in seeds


def test_keras_names_go_on_as_before():
    keras.utils.clear_session()
    first = keras.layers.Dense(1).name
    outcome("99.2", lambda x: reseeding(x))
    assert (first, keras.layers.Dense(1).name) == ("dense", "dense_1")


def all_values(model):
    variables = [*model.variables, *model.optimizer.variables, *(v for m in model.metrics for v in m.variables)]
    return [np.copy(variable.numpy()) for variable in variables]


def same(before, after):
    return len(before) == len(after) and all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def wrap(model):
    return {
        "model": lambda: model,
        "dict": lambda: {"models": [model]},
        "method": lambda: model.predict,
    }


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("way", ["model", "dict", "method"])
def test_training_in_a_check_does_not_train_the_learners_model(way, fitted):
    model = two_heads(metrics={"digit": ["mae"]})
    if fitted:
        history = _train(model)
    values, seen = all_values(model), vars(model).get("history")
    weights = [np.copy(variable.numpy()) for variable in model.variables]
    assert outcome_of("99.5", wrap(model)[way])[0] == "correct"
    assert same(weights, [np.copy(variable.numpy()) for variable in model.variables])
    assert vars(model).get("history") is seen
    if fitted:
        assert same(values, all_values(model))
        assert seen is history
    assert model.optimizer.iterations.numpy() == (1 if fitted else 0)


def test_a_model_that_a_check_trained_first_learns_as_if_it_had_not():
    results = []
    for checked in (False, True):
        keras.utils.set_random_seed(1)
        model = two_heads(metrics={"digit": ["mae"]}, eagerly=False)
        if checked:
            outcome("99.5", model)
        keras.utils.set_random_seed(2)
        history = _train(model).history
        results.append([*history.values(), *all_values(model)])
    assert same(*results)


def test_models_that_a_function_uses_are_kept():
    model = two_heads()
    weights = model.get_weights()

    def ruin(x):
        model.set_weights([weight + 1 for weight in weights])
        return 42

    def ruin_and_hang(x):
        ruin(x)
        endless(Turns())

    def add_one(x):
        for variable in model.trainable_variables:
            variable.assign_add(tf.ones_like(variable))
        return 2 * x

    for question_id, function, state in [
        ("99.2", ruin, "not yet"),
        ("99.7", ruin_and_hang, "not yet"),
        ("99.2", tf.function(add_one), "correct"),
        ("99.2", functools.partial(add_one), "correct"),
    ]:
        assert outcome(question_id, function)[0] == state
        assert same(weights, model.get_weights())
    assert outcome_of("99.1", lambda: ruin(None))[0] == "correct"
    assert same(weights, model.get_weights())


@pytest.mark.parametrize("place", [lambda a: a, lambda a: [a], lambda a: {"digit": a}, lambda a: {"digit": [a]}])
def test_arrays_in_the_answer_cannot_be_written_to(place):
    array = np.zeros(3)
    answer = place(array)
    state, _ = outcome("99.8", answer)
    assert state == "not yet" or isinstance(answer, dict)
    assert array.tolist() == [0, 0, 0]
    assert array.flags.writeable
    assert not isinstance(answer, dict) or list(answer) == ["digit"]


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


@pytest.mark.parametrize("given_values", [np.array([1, np.nan]), np.array(["a", "b"]), [1, 2], {"digit": [1]}, {1, 2}])
def test_a_function_that_keeps_its_argument_is_not_refused(given_values):
    assert call_kept(lambda values, number: number, values=given_values, number=42) == 42


@pytest.mark.parametrize(
    ("value", "rounding"),
    [
        ([0.5, 0.25], 1e-4),
        (np.zeros(3, "float64"), 1e-4),
        (np.zeros(3, "int64"), 1e-4),
        ([[np.float16(0.5)]], 2e-3),
        (tf.zeros(3, "float16"), 2e-3),
        ((tf.zeros(3, "bfloat16"), np.zeros(3)), 0.02),
        ([], 1e-4),
    ],
)
def test_rounding_of_16_bits(value, rounding):
    assert rounding_of(value) == rounding


def test_two_numbers_are_told_apart():
    assert told_apart(0.5, 0.25) == ("0.500", "0.250")
    assert told_apart(0.37612, 0.3762) == ("0.3761", "0.3762")
    assert told_apart(1, 1 + 1e-15)[0] == "1.00000000000"
    assert apart(0.5, 0.25) == ("0.5", "0.25")
    assert apart(12341, 12342) == ("12341", "12342")
    assert apart(1, 1 + 1e-15) == ("1", "1.000000000000001")


def test_all_cases_are_judged_at_once_and_those_before_a_refused_one_first():
    seen = []

    def ask(case):
        if case > 2:
            raise NotYet("too large")
        return -case

    def judge(cases, results):
        seen.append((cases, results))

    assert judge_all([1, 2], ask, judge) == [-1, -2]
    with pytest.raises(NotYet, match="too large"):
        judge_all([1, 2, 3], ask, judge)
    with pytest.raises(NotYet, match="too large"):
        judge_all([3, 1], ask, judge)
    assert seen == [([1, 2], [-1, -2])] * 2


def test_a_generator_is_not_used_up():
    answer = (x for x in [42])
    for question_id in FAKE:
        outcome(question_id, answer)
    assert next(answer) == 42


# In Jupyter


def test_in_a_notebook(kernel_name):
    sources = [
        "from mos_checks import Todo, check, hint",
        'answer_one = ...\nraise Todo("1.1")',
        "from mos_checks import as_number, question\n"
        '@question("99.1", hints=["One.", "Two."])\ndef number(answer):\n    "A number."\n    as_number(answer)',
        'print("before"); check("99.1", lambda: answer_two)',
        'check("99.1", lambda: print("inside") or 3)',
        "import time, keras, numpy\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile('sgd', 'mse')\n"
        'check("99.1", lambda: model.fit(numpy.ones((2, 2)), numpy.ones((2, 1))).history["loss"][0])',
        'hint("99.1")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=120, kernel_name=kernel_name, allow_errors=True).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    line = "Question 1.1 is open: put your answer in place of this line."
    assert outputs[0] == outputs[2] == []
    assert outputs[1] == [{"output_type": "error", "ename": "Todo", "evalue": line, "traceback": [line]}]
    assert [output.text for cell in outputs[3:] for output in cell] == [
        "before\nQuestion 99.1: not answered yet. There is no `answer_two` so far: fill in the cell above and run it, "
        "then this one. Wanted: A number.\n",
        "Question 99.1: correct.\n",
        "Question 99.1: correct.\n",
        "Hint 1 of 2: One.\n",
    ]


# Anything at all


def test_every_lesson_with_checks_has_questions_of_its_own():
    for lesson in grading.lessons():
        found = grading.load_lesson(lesson)
        assert found, f"lesson {lesson} registers no question"
        module = f"mos_checks.lesson_{lesson:02}"
        written_there = [key for key, value in grading._questions.items() if value.check.__module__ == module]
        assert written_there == found


@pytest.mark.parametrize("question_id", [*FAKE[:4], *checking.question_ids()])
def test_a_hostile_answer_is_never_correct(question_id):
    correct = [name for name, make in HOSTILE.items() if outcome(question_id, make())[0] == "correct"]
    assert correct == []


@pytest.mark.parametrize("name", HOSTILE)
def test_any_answer_gets_one_line(name):
    for question_id in FAKE:
        if question_id != "99.5" or "model" not in name:
            outcome(question_id, HOSTILE[name]())
    assert describe(HOSTILE[name]()).isprintable()


def always(value):
    return lambda: value


# Strategies of functions that make the answer: hypothesis itself cannot hold a hostile object.
leaves = st.one_of(
    st.sampled_from(list(HOSTILE.values())),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(),
        st.binary(),
        st.just(...),
        st.sampled_from([np.float32(3), np.int8(3), np.bool_(True), np.str_("a"), np.longdouble(3)]),
        st.lists(st.integers(0, 3), max_size=3).map(np.zeros),
    ).map(always),
)
makers = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda made: lambda: [make() for make in made]),
        st.tuples(inner, inner).map(lambda made: lambda: tuple(make() for make in made)),
        st.dictionaries(st.sampled_from(["digit", "odd", ""]), inner, max_size=3).map(
            lambda made: lambda: {key: make() for key, make in made.items()}
        ),
        inner.map(lambda make: lambda: lambda *args, **kwargs: make()),
        inner.map(lambda make: lambda: checking.object_array(make())),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(makers)
def test_any_answer_is_judged_and_not_correct(make):
    assert outcome("99.1", make())[0] != "correct" or make() == 42
    assert outcome("99.2", make())[0] != "correct"
    assert outcome("99.3", make())[0] != "correct"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_message_makes_one_line(text):
    with redirect_stdout(io.StringIO()):
        state, message = outcome("99.2", raiser(ValueError(text)))
    assert state == "not yet"
    assert message.isprintable()
    assert "correct." not in message.split("ValueError")[0]
