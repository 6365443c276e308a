"""The cell to take away from lesson 12 works alone, on other classes, and refuses what is wrong."""

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")

CLASSES = ["oak", "fir", "pine", "rose", "moss"]
GROUPS = {"tree": ["oak", "fir", "pine"], "conifer": ["fir", "pine"], "plant": CLASSES}


@pytest.fixture(scope="module")
def taken():
    return take_away("12_partial_labels")


def test_it_runs_alone_and_shows_that_it_works(taken, capsys):
    np.testing.assert_array_equal(taken["rows"], [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_groups_may_lie_within_groups(taken):
    rows = taken["rows_of_labels"](["conifer", "moss", None, "tree", "conifer"], CLASSES, GROUPS)
    wanted = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1] * 5, [1, 1, 1, 0, 0], [0, 1, 1, 0, 0]]
    np.testing.assert_array_equal(rows, wanted)


def test_a_model_of_two_heads_trains_and_can_be_saved_and_loaded(taken, tmp_path):
    rng = np.random.default_rng(0)
    kind = rng.integers(5, size=200)
    x = np.eye(5, dtype="float32")[kind] + rng.normal(0, 0.1, (200, 5)).astype("float32")
    names = [CLASSES[k] if n < 60 else "tree" if k < 3 else None for n, k in enumerate(kind)]
    targets = {"kind": taken["rows_of_labels"](names, CLASSES, GROUPS), "wet": (kind > 2).astype("float32")}
    keras.utils.set_random_seed(0)
    image = keras.Input((5,))
    heads = {"kind": keras.layers.Dense(5, name="kind")(image)}
    heads["wet"] = keras.layers.Dense(1, activation="sigmoid", name="wet")(image)
    model = keras.Model(image, heads)
    model.compile(keras.optimizers.Adam(0.1), {"kind": taken["MarginalLoss"](), "wet": "binary_crossentropy"})
    model.fit(np.tile(x, (10, 1)), {name: np.concatenate([target] * 10) for name, target in targets.items()}, verbose=0)
    assert np.mean(np.argmax(model(x)["kind"], axis=1) == kind) > 0.9
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before, after = (one.test_on_batch(x, targets, return_dict=True) for one in (model, loaded))
    assert after["kind_loss"] == pytest.approx(before["kind_loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("labels", "groups", "error", "words"),
    [
        (["oak", "oka"], GROUPS, ValueError, r"labels must hold names of .*'oak'.*, not 'oka'"),
        (["oak"], [["oak"]], TypeError, "groups must be a dictionary, not list"),
        (["oak"], {"tree": "oak"}, ValueError, "'tree' must .* list some of the classes .*, not 'oak'"),
        (["oak"], {"tree": ["oak", "elm"]}, ValueError, r"'tree' must .*'moss'\], not \['oak', 'elm'\]"),
        (["oak"], {"tree": []}, ValueError, r"'tree' must .*, not \[\]"),
        (["oak"], {"oak": ["oak", "fir"]}, ValueError, "'oak' must have a name of its own"),
    ],
)
def test_wrong_labels_and_groups_are_refused(taken, labels, groups, error, words):
    with pytest.raises(error, match=words):
        taken["rows_of_labels"](labels, CLASSES, groups)


@pytest.mark.parametrize("numbers", [np.array([1, 2]), np.array([[1], [2]]), np.ones((2, 4))])
def test_numbers_of_classes_are_refused(taken, numbers):
    with pytest.raises(ValueError, match="y_true must be rows of 3 zeros and ones, from rows_of_labels, not of shape"):
        taken["MarginalLoss"]()(numbers, np.zeros((2, 3)))
