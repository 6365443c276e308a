"""Where `check_heads` accepts a metric of Keras, it says how good answers are, and where not, its advice does."""

import ast
import functools
import inspect
import re
from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np
import pytest
from heads_made import N, Setup, code_in

from mos_helpers.heads import endings, metric_rules
from mos_helpers.heads.wiring import read_wiring

BASES = {"Metric", "Mean", "Sum", "MeanMetricWrapper"}
METRICS = [name for name, made in vars(keras.metrics).items() if isinstance(made, type) and name not in BASES]

COUNTS = {"TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"}
NO_BEST = {*COUNTS, "KLDivergence", "Poisson"} | {name for name in METRICS if "Crossentropy" in name}
COUNTING = {name for name in METRICS if "Accuracy" in name or "IoU" in name or "Score" in name} - {"R2Score"}
COUNTING |= {"Precision", "Recall"}
GAINS = COUNTING | {name for name in METRICS if "At" in name or "Correlation" in name}
GAINS |= {"AUC", "R2Score", "CosineSimilarity", "TruePositives", "TrueNegatives"}
# Named for good reasons, and yet so for these few answers: logits that lie far from 0.5, or on both sides of 0.
LUCKY = {
    "Precision": ["yes or no as logits", "yes or no, flat as logits", "labels as logits", "one-hot rows as logits"],
    "Recall": ["one-hot rows as logits"],
    "Hinge": ["one-hot rows as logits"],
    "SquaredHinge": ["one-hot rows as logits"],
    "CategoricalHinge": ["yes or no as logits", "labels as logits", "signs", "signs as 0 and 1"],
    "MeanSquaredLogarithmicError": [
        "one-hot rows as logits",
        "yes or no as logits",
        "yes or no, flat as logits",
        "labels as logits",
        "shares as logits",
    ],
}
SEEN = {}
ORDER = {name for name in METRICS if "At" in name} | {"AUC"}
ARGUMENTS = {"target_class_ids": [0], "k": 1, "recall": 0.8, "precision": 0.8}
ARGUMENTS |= {"specificity": 0.8, "sensitivity": 0.8}


class Answers(NamedTuple):
    """A head, answers of it that are right, and some that are wrong: the first are wrong everywhere."""

    setup: Setup
    right: np.ndarray
    wrong: list[np.ndarray]


def answers(setup, right, wrong, *more):
    half = np.concatenate([wrong[: N // 2], right[N // 2 :]])
    return Answers(setup, right, [wrong, half, *more])


def decided(yes):
    """Return probabilities of 0.9 and 0.1, and in the last rows of 0.6 and 0.4."""
    return 0.5 + (yes - 0.5) * np.where(np.arange(N) < N - 2, 0.8, 0.2)[:, None]


def all_answers():
    """Return every kind of head."""
    rows = np.arange(N)[:, None]
    kinds, yes, ramp = np.arange(N) % 3, rows % 2 * 1.0, np.linspace(0, 1, N)[:, None]
    one_hot, other = np.eye(3)[kinds], np.eye(3)[(kinds + 1) % 3]
    labels, shares = rows // [1, 2, 3] % 2 * 1.0, np.hstack([ramp, 0.8 - ramp / 2, 0.3 + 0 * ramp])
    uneven, aslant = np.where(rows % 2, 3, 1), np.where(rows % 3, [2, 0.6], 1)
    signs, numbers, counts, pairs = 2 * yes - 1, 5 * ramp - 2, rows % 5 + 1.0, np.hstack([ramp + 1, 9 - ramp])
    near, extreme = shares.clip(0.001, 0.999), np.where(shares == shares.max(-1, keepdims=True), 0.99, 0.01)
    reversed_but_zero = np.where(shares > 0, 1 - near, near)
    losses, made = keras.losses, {}
    for of, given, log, logit in [
        ("", {}, lambda p: p, lambda p: p),
        (" as logits", {"from_logits": True}, lambda p: np.log(p) + 1, lambda p: np.log(p / (1 - p))),
    ]:
        softmax, sigmoid = (None, None) if given else ("softmax", "sigmoid")
        sparse, categorical = losses.SparseCategoricalCrossentropy(**given), losses.CategoricalCrossentropy(**given)
        binary = losses.BinaryCrossentropy(**given)
        chosen = log(0.05 + 0.85 * one_hot), log(0.05 + 0.85 * other)
        split = logit(decided(yes)), logit(decided(1 - yes))
        several = logit(decided(labels)), logit(decided(1 - labels))
        made |= {
            f"class numbers{of}": answers(Setup(sparse, kinds, 3, softmax), *chosen),
            f"one-hot rows{of}": answers(Setup(categorical, one_hot, 3, softmax), *chosen),
            f"yes or no{of}": answers(Setup(binary, yes, 1, sigmoid), *split),
            f"yes or no, flat{of}": answers(Setup(binary, yes[:, 0], 1, sigmoid), *split),
            f"labels{of}": answers(Setup(binary, labels, 3, sigmoid), *several),
            f"shares{of}": answers(
                Setup(binary, shares, 3, sigmoid), *map(logit, (near, 1 - near, extreme, reversed_but_zero))
            ),
        }
    upright = 0.9 * signs, -0.9 * signs, np.where(rows % 4, 0.9 * signs, 0.1)
    close = numbers + 0.001, -3 * numbers, np.maximum(numbers, 0), uneven * numbers
    many = counts + 0.001, counts[::-1] + 3, uneven * counts
    return made | {
        "signs": answers(Setup("hinge", signs, 1, "tanh"), *upright),
        "signs, flat": answers(Setup("hinge", signs[:, 0], 1, "tanh"), *upright),
        "signs as 0 and 1": answers(Setup("hinge", yes, 1, "tanh"), *upright),
        "numbers": answers(Setup("mse", numbers), *close),
        "numbers, flat": answers(Setup("mse", numbers[:, 0]), *close),
        "pairs of numbers": answers(Setup("mse", pairs, 2), pairs + 0.001, -3 * pairs, aslant * pairs),
        "counts": answers(Setup("poisson", counts, 1, "softplus"), *many),
        "counts, flat": answers(Setup("poisson", counts[:, 0], 1, "softplus"), *many),
    }


ANSWERS = all_answers()


@functools.cache
def made(name, kind, **given):
    """Return a metric for a kind of head, with the arguments that it needs."""
    needed = inspect.signature(getattr(keras.metrics, name)).parameters
    arguments = ARGUMENTS | {"num_classes": ANSWERS[kind].setup.units} | given
    return getattr(keras.metrics, name)(**{key: value for key, value in arguments.items() if key in needed})


def values(metric, kind):
    """Return what a metric reports, one by one: for the right answers and for the wrong ones."""
    answers = ANSWERS[kind]
    for outputs in [answers.right, *answers.wrong]:
        if type(metric).__name__ in ORDER:  # counts alone: answers that are all lower must get the same
            outputs = outputs / 4 if answers.setup.activation else outputs - 4
        metric.reset_state()
        metric.update_state(answers.setup.target, outputs.astype("float32"))
        yield float(np.mean(metric.result()))


def is_so(metric, kind):
    """Whether a metric reports what is so: its best value for the right answers, and clearly less for wrong ones."""
    asked = type(metric).__name__, str(metric.get_config() | {"name": None}), kind
    if asked not in SEEN:
        SEEN[asked] = _is_so(metric, kind)
    return SEEN[asked]


def _is_so(metric, kind):
    name = type(metric).__name__
    sign, best = (-1, -1) if name in GAINS else (1, 0)
    reported = (sign * value for value in values(metric, kind))
    try:
        right = next(reported)
        if name not in NO_BEST and not abs(right - best) < (0.001 if name in COUNTING else 0.25):
            return False
        wrong = next(reported)
        return not (name in COUNTING and abs(wrong) > 0.001) and min(wrong, *reported) > right + 0.03
    except Exception:  # each metric fails in its own way
        return False


@functools.cache
def head(kind):
    """Return the head as `check_heads` sees it."""
    setup = ANSWERS[kind].setup
    return read_wiring(setup.model(), *setup.parts).heads[0]


def said(metric, kind):
    """Return what `check_heads` says of a metric, or nothing."""
    seen = replace(head(kind), metrics=[metric])
    return "".join(message for rule in metric_rules.RULES for _, message in rule(seen))


@functools.cache
def messages(kind):
    """Return what `check_heads` says of each metric."""
    return {name: message for name in METRICS if (message := said(made(name, kind), kind))}


def obey(message, metric, kind):
    """Return the metric and the kind of head that a message asks for."""
    if "write targets" in message:
        flat = ANSWERS[kind].setup.target
        kind = kind.replace(", flat", "")
        np.testing.assert_equal(code_in(message, "targets[", targets=flat), ANSWERS[kind].setup.target)
    elif argument := re.search(r"write (\w+)=(\w+(?:\.\d)?)", message):
        metric = made(type(metric).__name__, kind, **{argument[1]: ast.literal_eval(argument[2])})
    elif "end the head" in message:
        kind = kind.removesuffix(" as logits")
        assert f"in a {ANSWERS[kind].setup.activation}." in message
    else:
        metric = keras.metrics.get(code_in(message[message.index(": use ") + 6 :], ""))
    return metric, kind


def test_the_table_has_every_metric_of_keras():
    assert set(METRICS) == set(metric_rules.FITS)


def test_the_table_has_every_loss_of_keras():
    exported = set(vars(keras.losses)) - {"Loss", "get", "serialize", "deserialize"}
    exported = {name.replace("_", "").lower() for name in exported if not name.startswith("_")}
    assert exported == {name.replace("_", "") for name in endings.WANTS}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_metric_is_named_where_what_it_says_is_not_so(kind):
    named = set(messages(kind))
    not_so = {name for name in METRICS if name not in named & NO_BEST and not is_so(made(name, kind), kind)}
    assert not_so - named == set()
    assert named - not_so - NO_BEST == {name for name, kinds in LUCKY.items() if kind in kinds}


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_metric_that_a_message_asks_for_says_what_is_so(kind):
    for name, message in messages(kind).items():
        metric, mended, obeyed = made(name, kind), kind, []
        while message and len(obeyed) < 4:
            metric, mended = obey(message, metric, mended)
            obeyed.append(message)
            message = said(metric, mended)
        assert not message, (name, obeyed)
        assert is_so(metric, mended), (name, obeyed)


def test_the_one_hot_targets_that_a_message_asks_for_suit_the_metric():
    numbers, one_hot = ANSWERS["class numbers"].setup.target, ANSWERS["one-hot rows"].setup.target
    named = {name: said for name, said in messages("class numbers").items() if "one-hot targets" in said}
    assert {"AUC", "Precision", "F1Score"} < set(named)
    assert not set(named) & set(messages("one-hot rows"))
    for message in named.values():
        np.testing.assert_equal(code_in(message, "np.eye", targets=numbers), one_hot)


@pytest.mark.parametrize("kind", ANSWERS)
def test_check_heads_names_the_same_metrics_in_a_list(kind):
    setup = replace(ANSWERS[kind].setup, metrics=tuple(made(name, kind) for name in METRICS))
    assert [finding.message for finding in setup.report()] == [*messages(kind).values()]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("class numbers", "SparseTopKCategoricalAccuracy"), ("one-hot rows", "TopKCategoricalAccuracy")],
)
def test_the_top_k_of_no_more_than_k_classes_are_always_right(kind, name):
    metric = made(name, kind, k=3)
    assert set(values(metric, kind)) == {1}
    mended, _ = obey(said(metric, kind), metric, kind)
    assert not said(mended, kind)
    assert is_so(mended, kind)


@pytest.mark.parametrize("kind", ["yes or no", "labels"])
def test_the_divergence_of_yes_or_no_is_named_since_it_is_best_for_always_yes(kind):
    divergence, (setup, right, _) = keras.losses.kl_divergence, ANSWERS[kind]
    always, so = divergence(setup.target, np.full_like(right, 0.99)), divergence(setup.target, right)
    assert np.mean(always) < np.mean(so)
    assert "KLDivergence" in messages(kind)
