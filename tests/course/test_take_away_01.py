"""The cell to take away from lesson 1: it stands alone, for any names and numbers of classes."""

import re

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")

CLASSES = {"species": 4, "wild": 1, "age_group": 3}


@pytest.fixture(scope="module")
def names():
    return take_away("01_two_heads")


@pytest.fixture(scope="module")
def animals():
    x = np.random.default_rng(1).normal(size=(160, 7)).astype("float32")
    return x, {"species": x[:, :4].argmax(axis=1), "wild": (x[:, 4] > 0), "age_group": x[:, 4:].argmax(axis=1)}


def test_other_heads_train_are_saved_and_load(names, animals, tmp_path):
    x, targets = animals
    names["check_targets"](targets, CLASSES, rows=len(x))
    model = names["build_heads"](7, CLASSES, units=32)
    history = model.fit(x, targets, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert {"species_loss", "wild_binary_accuracy", "age_group_sparse_categorical_accuracy"} < history.keys()
    model.save(tmp_path / "animals.keras")
    loaded = keras.models.load_model(tmp_path / "animals.keras")
    answers = model.predict_on_batch(x)
    assert {name: answer.shape for name, answer in answers.items()} == {name: (160, n) for name, n in CLASSES.items()}
    for name, answer in loaded.predict_on_batch(x).items():
        assert np.allclose(answers[name], answer, atol=1e-5), name


def test_the_demonstration_works(names):
    answers = {name: np.mean(names["likeliest"][name] == target) for name, target in names["targets"].items()}
    assert list(answers) == ["colour", "ripe"]


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        (["species", "wild"], TypeError, "classes must be a dictionary"),
        ([4, 1], TypeError, "classes must be a dictionary, as {'digit': 10, 'odd': 1}, not [4, 1]"),
        ({}, TypeError, "classes must be a dictionary"),
        ({"species": 0}, ValueError, "1 or more classes, not 'species': 0"),
        ({"age group": 3}, ValueError, "a name of letters, digits and _"),
        ({"": 2}, ValueError, "not '': 2"),
        ({3: 3}, ValueError, "not 3: 3"),
        ({"species": "four"}, ValueError, "not 'species': 'four'"),
    ],
)
def test_classes_that_do_not_work(names, classes, error, words):
    with pytest.raises(error) as raised:
        names["build_heads"](7, classes)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: list(t.values()), "must be a dictionary with the keys ['species', 'wild', 'age_group'], not a list"),
        (lambda t: {"species": t["species"]}, "not ['species']"),
        (lambda t: t | {"extra": t["wild"]}, "'extra']"),
        (lambda t: t | {"wild": t["wild"][:-1]}, "targets['wild'] must have shape (160,)"),
        (
            lambda t: t | {"species": t["species"] + 1},
            "targets['species'] must have shape (160,) and whole numbers from 0 to 3",
        ),
        (lambda t: t | {"species": np.eye(4)[t["species"]]}, "not shape (160, 4)"),
        (lambda t: t | {"wild": t["wild"] * 2 - 1}, "whole numbers from 0 to 1, not shape (160,) and [-1  1]"),
    ],
)
def test_targets_that_do_not_fit(names, animals, change, words):
    x, targets = animals
    with pytest.raises(ValueError, match=re.escape(words)):
        names["check_targets"](change(targets), CLASSES, rows=len(x))
