"""The cell to copy of lesson 6: labels with gaps."""

import keras
import numpy as np
import pandas
import pytest
from take_away import take_away

LABELS = {
    "species": [2, -1, 0, np.nan, 1, 4],
    "sick": np.array([[1.0], [np.nan], [0], [1], [-1], [0]]),
    "height": pandas.Series([0.5, -1.0, None, 2.0, -0.3, 1.1]),
}
KINDS = {"species": "classes", "sick": "yes/no", "height": "number"}


@pytest.fixture(scope="module")
def names():
    return take_away("06_missing_labels")


def test_gaps_are_filled_and_weigh_nothing(names):
    targets, weights = names["fill_and_weigh"](KINDS, LABELS)
    assert targets["species"].tolist() == [2, 0, 0, 0, 1, 4]
    assert targets["sick"].ravel().tolist() == [1, 0, 0, 1, 0, 0]
    assert targets["height"].ravel().tolist() == [0.5, -1, 0, 2, -0.3, 1.1]
    known = {"species": [1, 0, 1, 0, 1, 1], "sick": [1, 0, 1, 1, 0, 1], "height": [1, 1, 0, 1, 1, 1]}
    assert {name: weight.tolist() for name, weight in weights.items()} == known
    assert LABELS["species"][1] == -1


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_known_label_weighs_one_over_its_probability_whatever_the_shapes(names, shape):
    keep = {"sick": np.array([0.5, np.nan, 0.1, 1, 0, 0.25]).reshape(shape)}
    weights = names["fill_and_weigh"](KINDS, LABELS, keep)[1]
    assert np.allclose(weights["sick"], [2, 0, 10, 1, 0, 4])
    assert weights["sick"].shape == weights["height"].shape == (6,)


def columns():
    table = pandas.DataFrame({"sick": [True, False, True], "height": [1, 2, 3]})
    return {"sick": table["sick"], "height": table["height"].astype("Int64").where([True, False, True])}


def test_columns_of_a_table_will_do(names):
    kinds = {"sick": "yes/no", "height": "number"}
    targets, weights = names["fill_and_weigh"](kinds, columns())
    assert targets["height"].ravel().tolist() == [1, 0, 3]
    assert weights["height"].tolist() == [1, 0, 1]


def three_heads():
    """Return a small model with the heads of KINDS."""
    image = keras.Input((4,))
    trunk = keras.layers.Dense(8, "relu")(image)
    heads = {
        "species": keras.layers.Dense(5, "softmax", name="species")(trunk),
        "sick": keras.layers.Dense(1, "sigmoid", name="sick")(trunk),
        "height": keras.layers.Dense(1, name="height")(trunk),
    }
    return keras.Model(image, heads)


def test_another_model_learns_from_it_and_is_saved_and_loaded(names, tmp_path):
    model, x = three_heads(), np.random.default_rng(0).normal(size=(6, 4))
    targets, weights = names["fill_and_weigh"](KINDS, LABELS, {"species": [0.5] * 6})
    model.compile("adam", **names["compile_options"](KINDS), run_eagerly=True)
    model.fit(x, targets, sample_weight=weights, verbose=0)
    assert all(np.isfinite(array).all() for array in model.get_weights())
    scores = model.evaluate(x, targets, sample_weight=weights, verbose=0, return_dict=True)
    answers = model.predict_on_batch(x)
    known = weights["sick"] > 0
    right = (answers["sick"] > 0.5)[known] == targets["sick"][known]
    assert np.isclose(scores["sick_binary_accuracy"], right.mean())
    of_truth = answers["species"][np.arange(6), targets["species"]]
    wanted = np.average(-np.log(of_truth), weights=weights["species"])
    assert np.isclose(scores["species_loss"], wanted, rtol=1e-3)
    assert np.isclose(scores["species_sparse_categorical_crossentropy"], wanted, rtol=1e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = loaded.evaluate(x, targets, sample_weight=weights, verbose=0, return_dict=True)
    assert np.isclose(again["loss"], scores["loss"], rtol=1e-4)


WRONG = {
    "a list": ([LABELS["species"]], None, TypeError, "labels, keep: dictionaries wanted, with names of heads"),
    "a missing key": ({"species": [1] * 6}, None, TypeError, "dictionaries wanted, with names of heads"),
    "another name in keep": (LABELS, {"size": [1] * 6}, TypeError, "dictionaries wanted, with names of heads"),
    "text": (LABELS | {"species": ["cat", "dog", None] * 2}, None, TypeError, "species: text given, numbers and NaN"),
    "several labels in a row": (
        LABELS | {"sick": np.ones((6, 3))},
        None,
        ValueError,
        "sick: shapes (6, 3), (6,) given",
    ),
    "too few rows": (LABELS | {"sick": [1, 0, 1]}, None, ValueError, "sick: shapes (3,), (6,) given, (6,) wanted"),
    "too few probabilities": (LABELS, {"sick": [0.5]}, ValueError, "sick: shapes (6, 1), (1,) given, (6,) wanted"),
    "no probability": (LABELS, {"sick": [0.0] * 6}, ValueError, "keep of sick: above 0, at most 1, wanted"),
    "a probability of 2": (LABELS, {"sick": [2.0] * 6}, ValueError, "keep of sick: above 0, at most 1, wanted"),
    "NaN for a known label": (LABELS, {"sick": [np.nan] * 6}, ValueError, "keep of sick: above 0, at most 1, wanted"),
    "grams": (LABELS | {"height": [600, 0, 9, 9, 9, 9]}, None, ValueError, "height: 0 to 600 given, -30 to 30 wanted"),
    "a third answer": (LABELS | {"sick": [2, 0, 1, 1, 1, 1]}, None, ValueError, "sick: 0 to 2 given, 0 to 1 wanted"),
    "half a class": (LABELS | {"species": [0.5] * 6}, None, ValueError, "species: 0.5 to 0.5, not whole, given, 0 to"),
}


@pytest.mark.parametrize(("labels", "keep", "error", "words"), WRONG.values(), ids=WRONG)
def test_wrong_labels_are_named(names, labels, keep, error, words):
    with pytest.raises(error) as raised:
        names["fill_and_weigh"](KINDS, labels, keep)
    assert words in str(raised.value)


def test_a_wrong_kind_is_named(names):
    for function in (names["compile_options"], lambda kinds: names["fill_and_weigh"](kinds, {"a": [1]})):
        with pytest.raises(ValueError, match=r"kinds: \['class'\] given, some of \['classes', 'yes/no', 'number'\]"):
            function({"a": "class"})
