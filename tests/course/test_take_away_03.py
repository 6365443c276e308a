"""The cell to take away from lesson 3: it stands alone, for any names and numbers of classes."""

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")

CLASSES = {"colour": 3, "image": 5, "age_group": 2}


@pytest.fixture(scope="module")
def build():
    return take_away("03_three_architectures")["build"]


def test_sizes(build):
    shared = (6 + 1) * 8 + (8 + 1) * 4 + 5 * (3 + 5 + 2)
    assert build(CLASSES, inputs=6, units=8).count_params() == shared
    assert build(CLASSES, inputs=6, units=8, share=False).count_params() == shared + 2 * ((6 + 1) * 8 + (8 + 1) * 4)


@pytest.mark.parametrize("share", [True, False])
def test_models_train_are_saved_and_load(build, share, tmp_path):
    x = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
    targets = {name: x[:, :number].argmax(axis=1) for name, number in CLASSES.items()}
    model = build(CLASSES, inputs=6, units=16, share=share)
    # To compile one of the two models is enough.
    model.compile("adam", dict.fromkeys(CLASSES, "sparse_categorical_crossentropy"), run_eagerly=share)
    losses = model.fit(x, targets, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for name, answer in model.predict_on_batch(x).items():
        assert answer.shape == (128, CLASSES[name])
        assert np.allclose(loaded.predict_on_batch(x)[name], answer, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            {"classes": ["left", "right"]},
            TypeError,
            "classes must be a dictionary, as {'left': 10}, not ['left', 'right']",
        ),
        ({"classes": {}}, TypeError, "classes must be a dictionary"),
        (
            {"classes": {"age group": 3}},
            ValueError,
            "a name needs letters, digits and _, without spaces, not 'age group'",
        ),
        ({"classes": {"odd": 1}}, ValueError, "classes['odd'] must be a number of classes, 2 or more, not 1"),
        ({"classes": {"odd": [0, 1]}}, ValueError, "not [0, 1]"),
        ({"units": 1}, ValueError, "units must be at least 2"),
    ],
)
def test_bad_arguments(build, arguments, error, words):
    with pytest.raises(error) as raised:
        build(**({"classes": CLASSES, "inputs": 6, "units": 8} | arguments))
    assert words in str(raised.value)
