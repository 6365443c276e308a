"""Helpers for the tests of exercise checks.

from checking import outcome

assert outcome("1.1", 0.02) == ("correct", "")
state, message = outcome("1.1", 2.0)
assert state == "not yet" and "between 0 and 1" in message
"""

import asyncio
import functools
import io
import math
import os
import random
import re
from contextlib import redirect_stdout
from types import ModuleType
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    check,
    grading,
    outputs_of,
    question,
    require,
)

STATES = ("not answered yet", "correct", "not yet")


def outcome(question_id, answer):
    """Return the state, one of STATES, and the message that `check` gives for an answer."""
    return outcome_of(question_id, lambda: answer)


def outcome_of(question_id, expression):
    """Return what `outcome` does, for a lambda that makes the answer or fails to."""
    printed = io.StringIO()
    with mock.patch.dict(os.environ), redirect_stdout(printed):
        os.environ.pop("MOS_STRICT", None)
        assert check(question_id, expression) is None
    line = printed.getvalue()
    assert line.endswith("\n"), line
    assert len(line.splitlines()) == 1, line
    match = re.fullmatch(rf"Question {re.escape(str(question_id))}: ({'|'.join(STATES)})(?:[.,]|$) ?(.*)\n", line)
    assert match, line
    return match[1], match[2].removeprefix("because ")


def refused(question_id, answer, words):
    """Require that an answer is not correct yet, for a reason that holds these words; return the message."""
    state, message = outcome(question_id, answer)
    assert (state, words in message) == ("not yet", True), message
    return message


def question_ids():
    """Return the questions of all lessons that have checks."""
    return [question_id for lesson in grading.lessons() for question_id in grading.load_lesson(lesson)]


# Questions to try the engine on.

HINTS = ["First.", "Second.", "Third."]


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
    train(model)
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


FAKE = [question_id for question_id in grading._questions if question_id.startswith("99.")]


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


def train(model):
    return model.fit(np.ones((4, 5)), {"digit": np.zeros((4, 10)), "odd": np.zeros((4, 1))}, verbose=0)


def raiser(error):
    def function(x):
        raise error

    return function


# Answers that make trouble.


class Explosive:
    """Raises whatever is asked of it."""

    def _explode(self, *args, **kwargs):
        raise RuntimeError("boom")

    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __hash__ = _explode
    __repr__ = __str__ = __format__ = __len__ = __bool__ = __iter__ = __getitem__ = __contains__ = _explode
    __array__ = __float__ = __int__ = __index__ = __call__ = __getattr__ = __getattribute__ = _explode


class Agreeable:
    """Says yes to everything: equal to all, true, and callable."""

    def _yes(self, *args, **kwargs):
        return True

    def _self(self, *args, **kwargs):
        return self

    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __bool__ = __contains__ = _yes
    __add__ = __sub__ = __mul__ = __truediv__ = __abs__ = __round__ = __getitem__ = __call__ = __getattr__ = _self
    __hash__ = None

    def __ne__(self, other):
        return False

    def __len__(self):
        return 2

    def __iter__(self):
        return iter([self, self])


class AgreeableFloat(float):
    """A number that says that it is equal to all others."""

    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = Agreeable._yes
    __hash__ = float.__hash__


class AgreeableDict(dict):
    """A dict that says that it has every key."""

    __eq__ = __contains__ = Agreeable._yes
    __getitem__ = get = Agreeable._self
    __hash__ = None


class AgreeableArray(np.ndarray):
    """An array whose comparisons are always true."""

    def __eq__(self, other):
        return np.ones(1, bool)

    __lt__ = __gt__ = __le__ = __ge__ = __ne__ = __eq__
    __hash__ = None


class ForgotSuper(keras.Model):
    """A model whose `__init__` is wrong."""

    def __init__(self):
        pass


class OddError(Exception):
    """An error whose message cannot be read."""

    def __str__(self):
        raise SystemExit("no message")


class EndlessContext(Exception):
    """An error whose cause cannot be read."""

    @property
    def __cause__(self):
        raise KeyboardInterrupt


def object_array(value):
    """Return an array that holds any object."""
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


def _raises(error):
    def function(*args, **kwargs):
        raise error

    return function


def _forever():
    while True:
        yield 0


async def _coroutine():
    return 0


def _closed_coroutine():
    coroutine = _coroutine()
    coroutine.close()
    return coroutine


def _recursive(*args, **kwargs):
    def again():  # CPython 3.13 limits no recursion of a function with *args: it ends the process
        return again()

    return again()


def _recursive_list():
    values = []
    values.append(values)
    return values


def _constant_model():
    inputs = keras.Input((1,))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros")(inputs))


HOSTILE = {
    "explosive": Explosive,
    "explosive class": lambda: Explosive,
    "agreeable": Agreeable,
    "agreeable float": lambda: AgreeableFloat(-12345.678),
    "agreeable dict": AgreeableDict,
    "agreeable array": lambda: np.full(3, -12345.678).view(AgreeableArray),
    "list of explosives": lambda: [Explosive(), Explosive()],
    "dict of explosives": lambda: {"digit": Explosive(), "odd": Explosive()},
    "dict of agreeables": lambda: {"digit": Agreeable(), "odd": Agreeable()},
    "object array": lambda: object_array(Explosive()),
    "mock": mock.MagicMock,
    "mock of a model": lambda: mock.MagicMock(spec=keras.Model),
    "mock of an array": lambda: mock.MagicMock(spec=np.ndarray),
    "NaN": lambda: math.nan,
    "infinity": lambda: -math.inf,
    "complex": lambda: 1j,
    "huge number": lambda: -(10**6000),
    "odd text": lambda: "\ud800\n\x00\x1b[31m\u2028correct",
    "long text": lambda: "x" * 10**6,
    "bytes": lambda: b"\xff",
    "empty array": lambda: np.zeros((0, 7, 0)),
    "NaN array": lambda: np.full((2, 2), math.nan),
    "text array": lambda: np.array(["correct"]),
    "record array": lambda: np.zeros(2, dtype=[("digit", "f4"), ("odd", "f4")]),
    "date": lambda: np.datetime64("2020-01-01"),
    "huge array": lambda: np.broadcast_to(np.float32(-12345.678), (10**6, 10**6)),
    "ragged list": lambda: [[1], [2, 3]],
    "recursive list": _recursive_list,
    "empty list": list,
    "empty dict": dict,
    "odd keys": lambda: {None: 1, 2: 3, ("digit",): 4},
    "generator": _forever,
    "iterator": lambda: iter([1, 2]),
    "coroutine": _closed_coroutine,
    "coroutine function": lambda: _coroutine,
    "module": lambda: asyncio,
    "new module": lambda: ModuleType("digit"),
    "class": lambda: keras.Model,
    "metaclass": lambda: type,
    "NotImplemented": lambda: NotImplemented,
    "error": lambda: ValueError("correct"),
    "function that takes nothing": lambda: lambda: None,
    "function that returns nothing": lambda: lambda *args, **kwargs: None,
    "function that returns itself": lambda: _self_returning,
    "function that agrees": lambda: lambda *args, **kwargs: Agreeable(),
    "function that explodes": lambda: lambda *args, **kwargs: Explosive(),
    "function that exits": lambda: _raises(SystemExit(0)),
    "function that is interrupted": lambda: _raises(KeyboardInterrupt()),
    "function that stops iteration": lambda: _raises(StopIteration()),
    "function that raises an odd error": lambda: _raises(OddError()),
    "function that raises an odder error": lambda: _raises(EndlessContext()),
    "recursive function": lambda: _recursive,
    "partial": lambda: functools.partial(print, "correct", end="\nQuestion 1.1: correct.\n"),
    "built-in": lambda: print,
    "symbolic tensor": lambda: keras.Input((3,)),
    "ragged tensor": lambda: tf.ragged.constant([[1], [2, 3]]),
    "text tensor": lambda: tf.constant("correct"),
    "variable": lambda: tf.Variable(-12345.678),
    "constant model": _constant_model,
    "model not built": lambda: keras.Sequential([keras.layers.Dense(3)]),
    "model without super": lambda: ForgotSuper.__new__(ForgotSuper),
    "layer": lambda: keras.layers.Dense(3),
    "optimizer": lambda: keras.optimizers.Adam(),
    "data set": lambda: tf.data.Dataset.range(3),
}


def _self_returning(*args, **kwargs):
    return _self_returning
