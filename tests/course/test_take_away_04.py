"""What lesson 4 gives to copy works alone, on another problem, and says what is wrong with a bad input."""

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")


@pytest.fixture(scope="module")
def names():
    return take_away("04_multi_label")


@pytest.fixture(scope="module")
def trained(names):
    """A model of another problem: five labels, of which each depends on one of seven numbers; the last is rare."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 7)).astype("float32")
    labels = (rows[:, :5] > [0, 0, 0, 0, 1.6]).astype("float32")
    keras.utils.set_random_seed(0)
    model = names["build_labels"](7, ["red", "round", "soft", "sweet", "ripe"], weights={"ripe": 4})
    model.fit(np.tile(rows, (15, 1)), {"labels": np.tile(labels, (15, 1))}, batch_size=32, verbose=0)
    return model, rows, labels


def test_another_problem(trained):
    model, rows, labels = trained
    found = model.test_on_batch(rows, {"labels": labels}, return_dict=True)
    assert found["elements"] > 0.85
    assert found["macro_f1"] > 0.75
    stated = model.predict_on_batch(rows)["labels"]
    assert stated.shape == (600, 5)
    assert stated[labels[:, 4] == 1, 4].mean() > 2 * stated[labels[:, 4] == 0, 4].mean()


def test_the_weight_counts_where_the_label_is_there(names):
    loss = names["WeightedCrossentropy"]([1, 3])
    stated = np.full((1, 2), 0.5, "float32")
    for label, factor in [([0, 0], 1), ([1, 0], 1), ([0, 1], 2), ([1, 1], 2)]:
        np.testing.assert_allclose(loss(np.array([label], "float32"), stated), factor * np.log(2), rtol=1e-5)


def test_saved_and_loaded(trained, tmp_path):
    model, rows, labels = trained
    model.save(tmp_path / "labels.keras")
    loaded = keras.models.load_model(tmp_path / "labels.keras")
    np.testing.assert_allclose(
        loaded.predict_on_batch(rows)["labels"], model.predict_on_batch(rows)["labels"], atol=1e-5
    )
    found = [m.test_on_batch(rows, {"labels": labels}, return_dict=True) for m in (model, loaded)]
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": "cat"}, "names: 'cat' given, a list of different names"),
        ({"names": ["cat", "cat"]}, r"names: \['cat', 'cat'\] given, a list of different names"),
        ({"names": []}, r"names: \[\] given"),
        ({"names": ["cat", "dog"], "weights": [1, 5]}, r"weights: \[1, 5\] given, positive numbers for some of"),
        ({"names": ["cat", "dog"], "weights": {"cow": 5}}, "weights: {'cow': 5} given, positive numbers for some of"),
        ({"names": ["cat", "dog"], "weights": {"cat": 0}}, "weights: {'cat': 0} given, positive numbers"),
    ],
)
def test_bad_arguments(names, arguments, words):
    with pytest.raises(ValueError, match=words):
        names["build_labels"](7, **arguments)


@pytest.mark.parametrize("labels", [np.zeros((8,), "int32"), np.zeros((8, 1), "float32"), np.zeros((8, 3), "float32")])
def test_targets_that_are_not_multi_hot(names, labels):
    model = names["build_labels"](7, ["cat", "dog"])
    model.run_eagerly = True
    with pytest.raises(ValueError, match=r"targets: shape \(.*\) given, \(rows, 2\), with 0 or 1 for each label"):
        model.fit(np.zeros((8, 7), "float32"), {"labels": labels}, verbose=0)


def test_class_weight_without_a_dictionary_takes_the_first_label_of_a_row():
    """The lesson says so, and that it is worse than an error."""
    flat = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, "sigmoid", kernel_initializer="zeros")])
    flat.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy", run_eagerly=True)
    for target, factor in [([0, 0, 1], 5), ([1, 0, 1], 1), ([1, 1, 0], 1)]:
        weights = {0: 1.0, 1: 1.0, 2: 5.0}
        run = flat.fit(np.zeros((1, 1)), np.array([target]), class_weight=weights, verbose=0)
        assert run.history["loss"][0] == pytest.approx(factor * np.log(2), rel=1e-3)
