"""Anything at all may be an answer: it gets one line, and is not correct."""

import io
from contextlib import redirect_stdout

import checking
import numpy as np
import pytest
from checking import FAKE, HOSTILE, outcome, raiser
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_checks import describe

# An unawaited coroutine among the answers is meant.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine")


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


@settings(max_examples=150)
@given(makers)
def test_any_answer_is_judged_and_not_correct(make):
    assert outcome("99.1", make())[0] != "correct" or make() == 42
    assert outcome("99.2", make())[0] != "correct"
    assert outcome("99.3", make())[0] != "correct"


@settings(max_examples=50)
@given(st.text())
def test_any_message_makes_one_line(text):
    with redirect_stdout(io.StringIO()):
        state, message = outcome("99.2", raiser(ValueError(text)))
    assert state == "not yet"
    assert message.isprintable()
    assert "correct." not in message.split("ValueError")[0]
