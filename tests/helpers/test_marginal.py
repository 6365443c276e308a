"""The marginal cross-entropy is minus the log of a sum of probabilities, and stays finite where that sum is lost."""

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from mos_helpers.hierarchy import MarginalCrossentropy, Tree

pytestmark = pytest.mark.usefixtures("early_builds")

TREE = Tree({"round": ["0", "6"], "straight": ["1", "7"], "alone": ["2"]})


@st.composite
def cases(draw, largest=10.0):
    """Return candidate rows, each with a 1 at least, and logits of the same shape."""
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    possible = (rng.random(shape) < 0.5).astype("float32")
    possible[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = 1
    return possible, (rng.uniform(-1, 1, shape) * draw(st.floats(0.1, largest))).astype("float32")


def rows_and_gradient(possible, logits):
    """Return the loss of each row, and the gradient of their sum."""
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        rows = MarginalCrossentropy(reduction=None)(possible, variable)
    return rows.numpy(), tape.gradient(rows, variable).numpy()


@hypothesis.given(cases())
@hypothesis.settings(max_examples=30)
def test_it_is_the_log_of_the_sum(case):
    possible, logits = case
    probabilities = special.softmax(logits.astype("float64"), axis=1)
    rows, _ = rows_and_gradient(possible, logits)
    np.testing.assert_allclose(rows, -np.log((possible * probabilities).sum(axis=1)), atol=1e-4)
    np.testing.assert_allclose(MarginalCrossentropy()(possible, logits), rows.mean(), rtol=1e-4, atol=1e-5)


@hypothesis.given(cases())
@hypothesis.settings(max_examples=30)
def test_a_one_hot_row_gives_the_usual_cross_entropy(case):
    _, logits = case
    leaf = np.arange(len(logits)) % logits.shape[1]
    usual = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(leaf, logits)
    np.testing.assert_allclose(MarginalCrossentropy()(np.eye(logits.shape[1])[leaf], logits), usual, atol=1e-4)


@hypothesis.given(cases(largest=1e30))
@hypothesis.settings(max_examples=30)
def test_it_is_finite_however_large_the_logits_are(case):
    possible, logits = case
    rows, gradient = rows_and_gradient(possible, logits)
    assert np.isfinite(rows).all()
    assert np.isfinite(gradient).all()
    assert (rows >= -1e-5 * np.abs(logits).max()).all()


@hypothesis.given(cases())
@hypothesis.settings(max_examples=30)
def test_the_gradient_is_p_minus_p_among_the_possible(case):
    possible, logits = case
    _, gradient = rows_and_gradient(possible, logits)
    among = special.softmax(np.where(possible > 0, logits, -np.inf).astype("float64"), axis=1)
    np.testing.assert_allclose(gradient, special.softmax(logits.astype("float64"), axis=1) - among, atol=1e-4)


@hypothesis.given(cases(largest=3.0))
@hypothesis.settings(max_examples=10)
def test_the_gradient_agrees_with_finite_differences(case):
    possible, logits = case
    loss = MarginalCrossentropy(reduction="sum", dtype="float64")
    variable, step = tf.Variable(logits.astype("float64")), 1e-5
    with tf.GradientTape() as tape:
        total = loss(possible, variable)
    gradient = tape.gradient(total, variable).numpy()
    for place in np.ndindex(logits.shape):
        moved = np.zeros(logits.shape)
        moved[place] = step
        slope = (loss(possible, logits + moved) - loss(possible, logits - moved)) / (2 * step)
        np.testing.assert_allclose(gradient[place], slope, atol=1e-6)


@hypothesis.given(cases(), st.floats(-20, 20))
@hypothesis.settings(max_examples=20)
def test_a_constant_added_to_all_logits_changes_nothing(case, constant):
    possible, logits = case
    moved = logits + np.float32(constant)
    np.testing.assert_allclose(rows_and_gradient(possible, moved)[0], rows_and_gradient(possible, logits)[0], atol=1e-4)


@hypothesis.given(cases(largest=1e4))
@hypothesis.settings(max_examples=30)
def test_a_label_that_says_nothing_teaches_nothing(case):
    _, logits = case
    rows, gradient = rows_and_gradient(np.ones_like(logits), logits)
    np.testing.assert_array_equal(rows, 0)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_more_possible_leaves_never_cost_more():
    logits = np.random.default_rng(0).normal(0, 3, (20, 5)).astype("float32")
    rows = [rows_and_gradient(np.tile(np.arange(5) < n, (20, 1)).astype("float32"), logits)[0] for n in range(1, 6)]
    assert (np.diff(rows, axis=0) <= 1e-6).all()


def test_the_row_of_a_group_gives_the_cross_entropy_of_the_summed_group():
    logits = np.random.default_rng(1).normal(size=(30, 5)).astype("float32")
    group = np.random.default_rng(2).integers(3, size=30)
    summed = special.softmax(logits, axis=1) @ TREE.matrix()
    expected = keras.losses.SparseCategoricalCrossentropy()(group, summed)
    np.testing.assert_allclose(MarginalCrossentropy()(TREE.matrix().T[group], logits), expected, atol=1e-5)


def test_true_and_false_and_integers_do_as_well():
    logits, possible = np.float32([[1, 2, 3], [0, 0, 5]]), np.array([[1, 0, 1], [0, 1, 1]])
    expected = MarginalCrossentropy()(possible.astype("float32"), logits)
    assert MarginalCrossentropy()(possible, logits) == expected
    assert MarginalCrossentropy()(possible > 0, logits) == expected


def test_sample_weights_weigh_rows():
    logits, possible = np.float32([[1, 2, 3], [0, 0, 5]]), np.float32([[1, 0, 1], [0, 1, 0]])
    rows, _ = rows_and_gradient(possible, logits)
    weighted = MarginalCrossentropy()(possible, logits, sample_weight=np.array([3.0, 0.5]))
    np.testing.assert_allclose(weighted, (3 * rows[0] + 0.5 * rows[1]) / 2, rtol=1e-5)
    only = MarginalCrossentropy(reduction="mean_with_sample_weight")(possible, logits, sample_weight=[0, 1])
    np.testing.assert_allclose(only, rows[1], rtol=1e-5)


def test_half_precision_is_summed_in_full():
    logits = np.float16([[600, -600, 0]])
    assert MarginalCrossentropy()(np.float32([[0, 1, 1]]), logits) == 600


def test_a_row_without_any_leaf_is_impossible():
    assert np.isposinf(MarginalCrossentropy()(np.zeros((1, 3)), np.zeros((1, 3))))


@pytest.mark.parametrize(
    ("possible", "logits"),
    [
        (np.array([1, 2]), np.zeros((2, 3))),
        (np.array([[1], [2]]), np.zeros((2, 3))),
        (np.ones((2, 4)), np.zeros((2, 3))),
        (np.ones((2, 3, 3)), np.zeros((2, 3, 3))),
    ],
    ids=["numbers", "a column of numbers", "another length", "three axes"],
)
def test_other_shapes_are_refused(possible, logits):
    with pytest.raises(ValueError, match="a row of zeros and ones for each image, with one column for each of the 3"):
        MarginalCrossentropy()(possible, logits)


def test_a_model_is_trained_evaluated_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(3)
    leaf = rng.integers(5, size=400)
    images = np.eye(5, dtype="float32")[leaf] + rng.normal(0, 0.1, (400, 5)).astype("float32")
    fine = np.arange(400) < 40
    possible = np.where(fine[:, None], np.eye(5)[leaf], TREE.matrix().T[TREE.groups_of_leaves()[leaf]])
    keras.utils.set_random_seed(3)
    image = keras.Input((5,))
    model = keras.Model(image, {"leaf": keras.layers.Dense(5, name="leaf")(image)})
    model.compile(keras.optimizers.Adam(0.05), {"leaf": MarginalCrossentropy(name="own")})
    weights = {"leaf": np.where(fine, 10.0, 1.0)}
    rows = [np.concatenate([part] * 20) for part in (images, possible, weights["leaf"])]
    model.fit(rows[0], {"leaf": rows[1]}, batch_size=40, sample_weight={"leaf": rows[2]}, verbose=0)
    assert np.mean(np.argmax(model(images)["leaf"], axis=1) == leaf) > 0.9
    before = model.test_on_batch(images, {"leaf": possible}, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.test_on_batch(images, {"leaf": possible}, return_dict=True) == pytest.approx(before, rel=1e-4)
    assert isinstance(loaded.loss["leaf"], MarginalCrossentropy)
    assert loaded.loss["leaf"].name == "own"
    np.testing.assert_allclose(loaded(images)["leaf"], model(images)["leaf"], rtol=1e-4, atol=1e-5)


def test_it_can_be_made_again_from_its_config():
    loss = MarginalCrossentropy(reduction="sum", name="mixed")
    again = MarginalCrossentropy.from_config(loss.get_config())
    assert (again.reduction, again.name) == ("sum", "mixed")
