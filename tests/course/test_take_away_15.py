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
    with pytest.raises(ValueError, match=r"predicted needs a dict of \['new', 'size', 'tags'\], not \['new', 'price'"):
        decider_class(heads)(predicted)


WRONG_KINDS = {
    "a number as classes": {"price": "classes"},
    "labels as classes": {"tags": "classes"},
    "a number as labels": {"price": "labels"},
}


@pytest.mark.parametrize("change", WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_a_head_of_another_kind_is_named(decider_class, predicted, change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} has no probabilities of .*another kind?"):
        decider_class(HEADS | change)(predicted)


NO_PROBABILITIES = {
    "NaN": (np.full((4, 3), np.nan), r"shape \(4, 3\), numbers nan to nan"),
    "logits": (np.array([[-2.5, 0.5, 3.0]]), "numbers -2.5 to 3, sums 1 to 1. Logits"),
    "probabilities that are cut": (np.array([[0.5, 0.25]]), "sums 0.75 to 0.75"),
    "one column without its axis": (np.array([0.5, 0.25]), r"shape \(2,\)"),
    "a single row": (np.array([0.5, 0.25, 0.25]), r"shape \(3,\)"),
    "no rows": ([], r"shape \(0,\)"),
}


@pytest.mark.parametrize(("values", "words"), NO_PROBABILITIES.values(), ids=NO_PROBABILITIES)
def test_what_is_no_probability_is_shown(decider_class, values, words):
    with pytest.raises(ValueError, match=f"size has no probabilities of classes: .*{words}"):
        decider_class({"size": "classes"})({"size": values})


@pytest.mark.parametrize("outputs", [[np.ones((4, 1))], np.ones((4, 1))], ids=["a list", "an array"])
def test_outputs_without_names_are_refused(decider_class, outputs):
    with pytest.raises(ValueError, match=r"predicted needs a dict of \['new'\], not <class"):
        decider_class({"new": "classes"})(outputs)


def test_no_rows_give_no_decisions(decider_class):
    decider = decider_class({"size": "classes", "tags": "labels"})
    assert decider({"size": np.zeros((0, 3)), "tags": np.zeros((0, 2))}) == {"size": [], "tags": []}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_heads_of_16_bits_are_accepted(decider_class, rows, dtype):
    import keras

    logits = keras.ops.cast(np.hstack([rows, rows[::-1], rows - 1]), dtype)
    values = {"size": keras.ops.softmax(logits), "new": keras.ops.sigmoid(logits[:, :1])}
    decided = decider_class({"size": "classes", "new": "classes"})(values)
    assert len(decided["size"]) == len(decided["new"]) == len(rows)


def test_a_softmax_for_each_step_is_decided_at_each_step(decider_class, rows):
    steps = np.stack([softmax(rows), softmax(-rows)], axis=1)
    decided = decider_class({"state": "classes"})({"state": steps})
    assert decided["state"] == steps.argmax(axis=-1).tolist()


WRONG_TARGETS = {
    "another shape": ("tags", np.zeros(4000), r"shape \(4000, 2\) and .*, not shape \(4000,\)"),
    "rows and labels swapped": ("tags", np.zeros((2, 4000)), r"not shape \(2, 4000\)"),
    "one-hot": ("size", np.eye(3)[np.zeros(4000, int)], r"not shape \(4000, 3\)"),
    "counted from one": ("size", np.arange(4000) % 3 + 1, r"from 0 to 2, .*: found \[1.0, 2.0, 3.0\]"),
    "halves": ("size", np.arange(4000) % 3 / 2, r"found \[0.0, 0.5, 1.0\]"),
    "infinity": ("size", np.where(np.arange(4000) > 9, 1, np.inf), "found .*inf"),
    "another sign for no": ("new", np.where(np.arange(4000) % 2, 1, -1), r"at least two of them: found \[1.0\]"),
    "nothing known": ("size", np.full(4000, -1), r"or -1 or NaN where not known, at least two of them: found \[\]"),
    "words": ("size", ["small", "large"] * 2000, r"not \['small', 'large'"),
    "none": ("size", None, r"not shape \(\)"),
}


@pytest.mark.parametrize(("name", "target", "words"), WRONG_TARGETS.values(), ids=WRONG_TARGETS)
def test_targets_that_do_not_fit_are_named_and_nothing_is_chosen(
    decider_class, predicted, targets, name, target, words
):
    decider = decider_class(HEADS)
    with pytest.raises(ValueError, match=f"targets of {name} must .*{words}"):
        decider.choose(predicted, targets | {name: target})
    assert decider.settings == {}


def test_missing_targets_are_named(decider_class, predicted, targets):
    decider = decider_class(HEADS)
    with pytest.raises(ValueError, match=r"targets of size must .*, not missing"):
        decider.choose(predicted, {name: values for name, values in targets.items() if name != "size"})
    with pytest.raises(ValueError, match="targets needs a dict of"):
        decider.choose(predicted, [targets["size"], targets["new"], targets["tags"]])


@pytest.mark.parametrize("gap", [-1, np.nan])
def test_answers_whose_class_is_not_known_do_not_count(decider_class, predicted, targets, gap):
    """Each head is known on other rows, as if the others were not there."""
    known = {name: np.arange(4000) % 2 == place for place, name in enumerate(("size", "new"))}
    known["tags"] = (np.arange(8000) % 3 > 0).reshape(4000, 2)
    gaps = {name: np.where(known[name], values, gap) for name, values in targets.items()}
    decider = decider_class(HEADS)
    decider.choose(predicted, gaps)
    for name in ("size", "new"):
        alone = decider_class({name: "classes"})
        alone.choose({name: predicted[name][known[name]]}, {name: targets[name][known[name]]})
        assert decider.settings[name] == alone.settings[name]
    flat = decider_class({"tags": "labels"})
    flat.choose({"tags": predicted["tags"][known["tags"]]}, {"tags": targets["tags"][known["tags"]]})
    assert decider.settings["tags"] == flat.settings["tags"]


def test_a_target_may_have_a_column_of_its_own(decider_class, predicted, targets):
    one, other = decider_class(HEADS), decider_class(HEADS)
    one.choose(predicted, targets)
    other.choose(predicted, targets | {"size": targets["size"][:, None], "new": targets["new"][:, None]})
    assert one.settings == other.settings


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_share_that_was_chosen_comes_back_where_answers_tie(decider_class, order):
    """What is stated exactly at the threshold is decided, in any precision and after a stay in JSON."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        values = np.asarray(np.round(softmax(rng.normal(scale=2, size=(200, 3))), 2), "float32", order=order)
        values[:, 0] = 1 - values[:, 1:].sum(axis=1)
        target = np.where(rng.random(200) < 0.8, values.argmax(axis=1), rng.integers(3, size=200))
        decider = decider_class({"size": "classes"})
        decider.choose({"size": values}, {"size": target}, right=0.9)
        again = decider_class({"size": "classes"}, json.loads(json.dumps(decider.settings)))
        decided = again({"size": values})["size"]
        right = [one == other for one, other in zip(decided, target, strict=True) if one is not None]
        assert not right or np.mean(right) >= 0.9
        assert bool(right) == (decider.settings["size"][1] <= 1)
        assert again({"size": values.tolist()})["size"] == decided


@pytest.mark.parametrize("right", [0, 95, -0.5, np.nan])
def test_a_share_is_above_zero_and_at_most_one(decider_class, predicted, targets, right):
    with pytest.raises(ValueError, match="right is a share"):
        decider_class(HEADS).choose(predicted, targets, right=right)


@pytest.mark.parametrize("name", ["sise", "price"])
def test_settings_of_no_head_that_decides_are_named(decider_class, name):
    with pytest.raises(ValueError, match=rf"settings are of \['size', 'new', 'tags'\], not of \['{name}'\]"):
        decider_class(HEADS, {name: [1, 0.9]})
