"""What surrounds a check: its time, its thread, what is printed, and what it leaves as it was."""

import functools
import os
import random
import signal
import sys
import threading
import time

import checking
import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import FAKE, HINTS, outcome, outcome_of, train, two_heads
from tensorflow.python.eager import context

from mos_checks import check, grading, isolation, question


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
        history = train(model)
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
        history = train(model).history
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


def test_a_generator_is_not_used_up():
    answer = (x for x in [42])
    for question_id in FAKE:
        outcome(question_id, answer)
    assert next(answer) == 42
