"""The cell that lesson 14 gives away: it serves other models than the lesson's, and names what does not fit."""

import json

import keras
import numpy as np
import pytest
from take_away import take_away

HEADS = {"size": "classes", "new": "classes", "tags": "labels", "price": "numbers"}


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def service_class():
    return take_away("14_ship_and_scale")["Service"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three kinds of heads: a softmax that is three times too sure, sigmoids, and a number."""
    row = keras.Input((3,), name="row")
    heads = {
        "size": keras.ops.softmax(3 * row),
        "new": keras.ops.sigmoid(row[:, :1]),
        "tags": keras.ops.sigmoid(row[:, 1:]),
        "price": keras.ops.sum(row, axis=1, keepdims=True),
    }
    path = tmp_path_factory.mktemp("served")
    keras.Model(row, heads).export(path, verbose=False)
    return path


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(scale=1.5, size=(4000, 3)).astype("float32")


@pytest.fixture(scope="module")
def targets(rows):
    rng = np.random.default_rng(1)
    return {
        "size": (rows + rng.gumbel(size=rows.shape)).argmax(axis=1),
        "new": rng.random(len(rows)) < 1 / (1 + np.exp(-rows[:, 0])),
        "tags": rng.random((len(rows), 2)) < 1 / (1 + np.exp(-rows[:, 1:])),
    }


def test_each_kind_of_head_is_answered_in_its_own_way(service_class, folder, rows):
    answers = service_class(folder, HEADS)(rows[:5])
    assert answers["size"] == rows[:5].argmax(axis=1).tolist()
    assert answers["new"] == (rows[:5, 0] > 0).astype(int).tolist()
    assert answers["tags"] == (rows[:5, 1:] > 0).astype(int).tolist()
    assert np.allclose(answers["price"], rows[:5].sum(axis=1, keepdims=True), atol=1e-5)


def test_temperatures_and_thresholds_are_chosen_for_each_head(service_class, folder, rows, targets):
    service = service_class(folder, HEADS)
    service.choose(rows, targets, right=0.8)
    assert sorted(service.settings) == ["new", "size", "tags"]
    temperatures = {name: temperature for name, (temperature, _) in service.settings.items()}
    assert 2.6 < temperatures["size"] < 3.4
    assert 0.85 < temperatures["new"] < 1.15
    assert 0.85 < temperatures["tags"] < 1.15
    answers = service(rows)
    for name in temperatures:
        given, true = np.array(answers[name], dtype=object).ravel(), np.ravel(targets[name]).astype(int)
        answered = given != None  # noqa: E711, element by element
        assert 0.2 < answered.mean() < 1
        right = (given[answered] == true[answered]).mean()
        assert 0.79 < right < 0.82, name


def test_settings_are_kept_as_json(service_class, folder, rows, targets):
    service = service_class(folder, HEADS)
    service.choose(rows, targets)
    again = service_class(folder, HEADS, json.loads(json.dumps(service.settings)))
    assert again(rows[:50]) == service(rows[:50])
    assert json.loads(json.dumps(again(rows[:50]))) == again(rows[:50])


def test_inputs_may_be_named_and_of_other_types(service_class, folder, rows):
    service = service_class(folder, HEADS)
    wanted = service(rows[:4])
    assert service({"row": rows[:4]}) == wanted
    assert service(rows[:4].astype("float64").tolist())["size"] == wanted["size"]
    assert service(rows[:1])["size"] == wanted["size"][:1]


def test_a_head_that_reaches_no_threshold_is_silent(service_class, folder, rows):
    service = service_class(folder, HEADS)
    rng = np.random.default_rng(2)
    labels = {"size": rng.integers(3, size=4000), "new": rng.integers(2, size=4000)}
    service.choose(rows, labels | {"tags": rng.integers(2, size=(4000, 2))}, right=0.99)
    assert sum(answer is not None for answer in service(rows)["size"]) < 400


BAD_HEADS = {
    "a list": (["size", "new", "tags", "price"], r"heads must give one of .* to each of \['new', 'price'"),
    "a head is missing": ({"size": "classes"}, "heads must give one of"),
    "another kind": (HEADS | {"price": "regression"}, "not .*regression"),
}


@pytest.mark.parametrize(("heads", "words"), BAD_HEADS.values(), ids=BAD_HEADS)
def test_heads_that_do_not_fit_are_named(service_class, folder, heads, words):
    with pytest.raises(ValueError, match=words):
        service_class(folder, heads)


WRONG_KINDS = {
    "a number as classes": {"price": "classes"},
    "labels as classes": {"tags": "classes"},
    "a number as labels": {"price": "labels"},
}


@pytest.mark.parametrize("change", WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_a_head_of_another_kind_is_named(service_class, folder, rows, change):
    (name,) = change
    with pytest.raises(ValueError, match=f"the head {name} gives no probabilities of .*is it another kind?"):
        service_class(folder, HEADS | change)(rows[:4])


BAD_INPUTS = {
    "too wide": (np.zeros((4, 5)), r"the input row must have shape \(None, 3\), not \(4, 5\)"),
    "one row without its axis": (np.zeros(3), "the input row must have shape"),
    "another name": ({"image": np.zeros((4, 3))}, r"inputs must be named \['row'\], not \['image'\]"),
}


@pytest.mark.parametrize(("inputs", "words"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_inputs_that_do_not_fit_are_named(service_class, folder, inputs, words):
    with pytest.raises(ValueError, match=words):
        service_class(folder, HEADS)(inputs)


def test_targets_that_do_not_fit_are_named(service_class, folder, rows, targets):
    service = service_class(folder, HEADS)
    with pytest.raises(ValueError, match=r"targets must hold whole numbers of shape \(4000, 2\) for the head tags"):
        service.choose(rows, targets | {"tags": np.zeros(4000)})
    with pytest.raises(ValueError, match="for the head size"):
        service.choose(rows, {name: values for name, values in targets.items() if name != "size"})


def test_a_model_with_two_inputs(service_class, tmp_path):
    inputs = {"code": keras.Input((), dtype="int64", name="code"), "row": keras.Input((2,), name="row")}
    both = keras.layers.Embedding(5, 3)(inputs["code"])[:, :2] + inputs["row"]
    keras.Model(inputs, {"size": keras.ops.softmax(both)}).export(tmp_path, verbose=False)
    service = service_class(tmp_path, {"size": "classes"})
    assert service({"code": [1, 4], "row": [[9.0, 0.0], [0.0, 9.0]]}) == {"size": [0, 1]}
    with pytest.raises(ValueError, match="inputs must be named"):
        service([[9.0, 0.0]])
