"""The cell to take away from the opening lesson: it stands alone, and refuses targets that do not fit a head."""

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")


@pytest.fixture(scope="module")
def make_head():
    return take_away("00_start_here")["make_head"]


def test_heads_of_all_kinds_train_are_saved_and_load(make_head, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 5)).astype("float32")
    price = x[:, :1] + x[:, 1:3]
    targets = {
        "sold": (x[:, 0] > 0).astype(int),
        "room": x[:, :3].argmax(axis=1),
        "features": x[:, :4] > 0,
        "price": (price - price.mean(axis=0)) / price.std(axis=0),
    }
    kinds = {"sold": ("binary", 1), "room": ("multi-class", 3), "features": ("multi-label", 4)}
    kinds["price"] = ("regression", 2)
    image = keras.Input((5,))
    outputs, losses, metrics = {}, {}, {}
    for name, (kind, units) in kinds.items():
        head, losses[name], metrics[name] = make_head(kind, units, name, targets[name])
        outputs[name] = head(image)
    model = keras.Model(image, outputs)
    model.compile("adam", losses, metrics={name: [metric] for name, metric in metrics.items()}, run_eagerly=True)
    logs = model.fit(x, targets, epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
    assert {"sold_binary_accuracy", "price_mean_absolute_error"} < logs.keys()
    model.save(tmp_path / "house.keras")
    loaded = keras.models.load_model(tmp_path / "house.keras")
    for name, answer in model.predict_on_batch(x[:7]).items():
        assert np.allclose(loaded.predict_on_batch(x[:7])[name], answer, atol=1e-5), name


@pytest.mark.parametrize(
    "arguments",
    [
        ("binary", 1, "sold"),
        ("binary", 1, "sold", [0, 1, 1]),
        ("binary", 1, "sold", [[0], [1]]),
        ("binary", 1, "sold", np.array([True, False])),
        ("multi-class", 4, "room", [0, 3, 3]),
        ("multi-class", 4, "room", np.array([[1], [2]], "uint8")),
        ("multi-label", 2, "tags.2", [[0.0, 1.0]]),
        ("regression", 1, "price-1", [-1, 1]),
        ("regression", 2, "price", [[-1, 1], [1, -1.1]]),
    ],
)
def test_targets_that_fit(make_head, arguments):
    head, *_ = make_head(*arguments)
    assert (head.units, head.name) == arguments[1:3]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            ("regression", 1, "price", [200_000, 350_000]),
            ValueError,
            "target of price must have mean 0 and standard dev",
        ),
        (
            ("regression", 2, "price", [[-1, 0], [1, 90]]),
            ValueError,
            "subtract the mean, divide by the std",
        ),
        (("regression", 1, "price", [1.0, np.nan]), ValueError, "target of price must have mean 0"),
        (
            ("regression", 2, "price", [0.5, -0.5]),
            ValueError,
            "must have shape (n, 2), a column for each unit, not (2,)",
        ),
        (
            ("multi-class", 3, "room", [1, 2, 3]),
            ValueError,
            "target of room must have whole numbers from 0 to 2. It has 1",
        ),
        (("multi-class", 3, "room", [[1, 0, 0]]), ValueError, "must have shape (n,), not (1, 3)"),
        (("multi-class", 3, "room", ["hall"]), TypeError, "target of room must hold numbers"),
        (("binary", 1, "sold", [-1, 1]), ValueError, "target of sold must have 0 or 1. It has -1 to 1"),
        (("binary", 2, "sold", [0, 1]), ValueError, "units must be 1, not 2"),
        (("multi-label", 0, "tags", [[]]), ValueError, "units must be at least 1, not 0"),
        (("multi-label", 2, "tags", {"a": [0, 1]}), ValueError, "must have shape (n, 2)"),
        (
            ("multilabel", 2, "tags", [[0, 1]]),
            ValueError,
            "kind must be one of binary, multi-class, multi-label, regres",
        ),
        (("binary", 1, None, [0, 1]), ValueError, "without spaces, not None"),
        (("binary", 1, "age group", [0, 1]), ValueError, "name must be letters, digits and _, without spaces"),
    ],
)
def test_targets_that_do_not_fit(make_head, arguments, error, words):
    with pytest.raises(error) as raised:
        make_head(*arguments)
    assert words in str(raised.value)
