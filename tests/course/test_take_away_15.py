"""The cell that lesson 15 gives away: it decides for other heads, and names what does not fit."""

import json

import numpy as np
import pytest
from take_away import take_away

HEADS = {"size": "classes", "new": "classes", "tags": "labels", "price": "numbers"}


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def decider_class():
    return take_away("15_operate")["Decider"]


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(scale=1.5, size=(4000, 3)).astype("float32")


@pytest.fixture(scope="module")
def predicted(rows):
    """Three kinds of heads: a softmax that is three times too sure, sigmoids, and a number."""
    yes = 1 / (1 + np.exp(-rows))
    return {"size": softmax(3 * rows), "new": yes[:, :1], "tags": yes[:, 1:], "price": rows.sum(axis=1, keepdims=True)}


@pytest.fixture(scope="module")
def targets(rows):
    rng = np.random.default_rng(1)
    return {
        "size": (rows + rng.gumbel(size=rows.shape)).argmax(axis=1),
        "new": rng.random(len(rows)) < 1 / (1 + np.exp(-rows[:, 0])),
        "tags": rng.random((len(rows), 2)) < 1 / (1 + np.exp(-rows[:, 1:])),
    }


def first(predicted, count):
    return {name: values[:count] for name, values in predicted.items()}


def test_each_kind_of_head_is_answered_in_its_own_way(decider_class, predicted, rows):
    decided = decider_class(HEADS)(first(predicted, 5))
    assert decided["size"] == rows[:5].argmax(axis=1).tolist()
    assert decided["new"] == (rows[:5, 0] > 0).astype(int).tolist()
    assert decided["tags"] == (rows[:5, 1:] > 0).astype(int).tolist()
    assert np.allclose(decided["price"], rows[:5].sum(axis=1, keepdims=True), atol=1e-5)


def test_temperatures_and_thresholds_are_chosen_for_each_head(decider_class, predicted, targets):
    decider = decider_class(HEADS)
    decider.choose(predicted, targets, right=0.8)
    assert sorted(decider.settings) == ["new", "size", "tags"]
    temperatures = {name: temperature for name, (temperature, _) in decider.settings.items()}
    assert 2.6 < temperatures["size"] < 3.4
    assert 0.85 < temperatures["new"] < 1.15
    assert 0.85 < temperatures["tags"] < 1.15
    decided = decider(predicted)
    for name in temperatures:
        given, true = np.array(decided[name], dtype=object).ravel(), np.ravel(targets[name]).astype(int)
        answered = given != None  # noqa: E711, element by element
        assert 0.2 < answered.mean() < 1
        right = (given[answered] == true[answered]).mean()
        assert 0.79 < right < 0.82, name


def test_settings_are_kept_as_json(decider_class, predicted, targets):
    decider = decider_class(HEADS)
    decider.choose(predicted, targets)
    again = decider_class(HEADS, json.loads(json.dumps(decider.settings)))
    some = first(predicted, 50)
    assert again(some) == decider(some)
    assert json.loads(json.dumps(again(some))) == again(some)


def test_what_a_server_answers_in_lists_is_decided_as_well(decider_class, predicted):
    decider, some = decider_class(HEADS), first(predicted, 4)
    decided = decider({name: values.tolist() for name, values in some.items()})
    assert {name: decided[name] for name in decider.unsure} == {name: decider(some)[name] for name in decider.unsure}


def test_a_head_that_reaches_no_threshold_is_silent(decider_class, predicted):
    decider = decider_class(HEADS)
    rng = np.random.default_rng(2)
    labels = {"size": rng.integers(3, size=4000), "new": rng.integers(2, size=4000)}
    decider.choose(predicted, labels | {"tags": rng.integers(2, size=(4000, 2))}, right=0.99)
    assert sum(answer is not None for answer in decider(predicted)["size"]) < 400


BAD_HEADS = {
    "a list": (["size", "new", "tags", "price"], "heads must give one of .* to each head, not"),
    "another kind": (HEADS | {"price": "regression"}, "not .*regression"),
}


@pytest.mark.parametrize(("heads", "words"), BAD_HEADS.values(), ids=BAD_HEADS)
def test_heads_that_do_not_fit_are_named(decider_class, heads, words):
    with pytest.raises(ValueError, match=words):
        decider_class(heads)


def test_predictions_of_other_heads_are_named(decider_class, predicted):
    heads = {name: kind for name, kind in HEADS.items() if name != "price"}
    with pytest.raises(ValueError, match=r"predicted needs \['new', 'size', 'tags'\], not \['new', 'price'"):
        decider_class(heads)(predicted)


WRONG_KINDS = {
    "a number as classes": {"price": "classes"},
    "labels as classes": {"tags": "classes"},
    "a number as labels": {"price": "labels"},
}


@pytest.mark.parametrize("change", WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_a_head_of_another_kind_is_named(decider_class, predicted, change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} holds no probabilities of .*: is it another kind?"):
        decider_class(HEADS | change)(predicted)


def test_a_head_that_predicts_nan_is_named(decider_class, predicted):
    with pytest.raises(ValueError, match="size holds no probabilities of classes"):
        decider_class(HEADS)(predicted | {"size": np.full((4000, 3), np.nan)})


def test_targets_that_do_not_fit_are_named(decider_class, predicted, targets):
    decider = decider_class(HEADS)
    with pytest.raises(ValueError, match=r"targets must hold whole numbers of shape \(4000, 2\) for tags"):
        decider.choose(predicted, targets | {"tags": np.zeros(4000)})
    with pytest.raises(ValueError, match="for size"):
        decider.choose(predicted, {name: values for name, values in targets.items() if name != "size"})
