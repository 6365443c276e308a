"""The conditional head follows the chain rule, groups are sums of their leaves, and models with them can be saved."""

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from scipy import special
from test_tree import LOOKS, THREE, trees

from mos_helpers.hierarchy import ConditionalHead, GroupSum, Tree, contradictions

pytestmark = pytest.mark.usefixtures("early_builds")

TREE = Tree(LOOKS, leaves=list("0123456789"))


def head_with_logits(tree, scale, seed, rows=5):
    """Return a head, features, and the logits of every class, by name, that the head computes from them."""
    rng = np.random.default_rng(seed)
    head = ConditionalHead(tree)
    features = rng.normal(size=(rows, 3)).astype("float32")
    head(features)
    names = [name for level in tree.levels for name in level]
    weights = scale * rng.normal(size=(3, len(names))), scale * rng.normal(size=len(names))
    head.logits.set_weights(weights)
    logits = np.asarray(head.logits(features)).astype("float64")
    return head, features, dict(zip(names, logits.T, strict=True))


def by_the_chain_rule(tree, logits):
    """Multiply conditional probabilities along the path of each leaf, one after the other."""
    columns = []
    for leaf in tree.leaves:
        probability, name = 1.0, leaf
        while name is not None:
            group = tree.group_of(name)
            siblings = [other for other in logits if tree.group_of(other) == group]
            highest = np.max([logits[other] for other in siblings], axis=0)
            total = sum(np.exp(logits[other] - highest) for other in siblings)
            probability = probability * np.exp(logits[name] - highest) / total
            name = group
        columns.append(probability)
    return np.stack(columns, axis=1)


def rounding(tree, logits):
    """Return how far rounding may move the log of a probability: each level rounds numbers of the logits' size."""
    largest = max(np.abs(column).max() for column in logits.values())
    return 1e-6 + 4 * np.finfo("float32").eps * largest * len(tree.levels)


@hypothesis.given(trees(), st.floats(0.01, 20), st.integers(0, 1000))
@hypothesis.settings(max_examples=25)
def test_a_slow_loop_by_the_chain_rule_gives_the_same(case, scale, seed):
    tree, _ = case
    head, features, logits = head_with_logits(tree, scale, seed)
    found = np.asarray(head(features))
    np.testing.assert_allclose(found, by_the_chain_rule(tree, logits), atol=rounding(tree, logits))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=rounding(tree, logits))
    assert found.min() >= 0


@hypothesis.given(trees(), st.floats(0.01, 20), st.integers(0, 1000))
@hypothesis.settings(max_examples=20)
def test_sums_of_leaves_are_their_parents(case, scale, seed):
    tree, _ = case
    head, features, logits = head_with_logits(tree, scale, seed)
    leaves = head(features)
    sums = [np.asarray(GroupSum(tree, level)(leaves)) for level in range(len(tree.levels))]
    for level, names in enumerate(tree.levels[:-1]):
        for place, name in enumerate(names):
            below = [n for n, child in enumerate(tree.levels[level + 1]) if tree.group_of(child) == name]
            np.testing.assert_allclose(sums[level + 1][:, below].sum(axis=1), sums[level][:, place], atol=1e-5)
    np.testing.assert_allclose(sums[-1], leaves, atol=1e-6)
    if len(tree.levels[0]) > 1:  # the top level's sums are the softmax that the head itself computed
        top = np.stack([logits[name] for name in tree.levels[0]], axis=1)
        np.testing.assert_allclose(sums[0], np.asarray(keras.ops.softmax(top)), atol=rounding(tree, logits))


@hypothesis.given(trees(), st.sampled_from([1e3, 1e6, 1e30]), st.integers(0, 1000))
@hypothesis.settings(max_examples=20)
def test_extreme_logits_stay_finite(case, scale, seed):
    tree, _ = case
    head, features, logits = head_with_logits(tree, scale, seed)
    found, logarithms = np.asarray(head(features)), np.asarray(head.log_probabilities(features))
    assert np.isfinite(found).all()
    assert np.isfinite(logarithms).all()
    np.testing.assert_allclose(found, np.exp(logarithms), atol=1e-5)
    total = special.logsumexp(logarithms.astype("float64"), axis=1)
    np.testing.assert_allclose(total, 0, atol=rounding(tree, logits))
    assert logarithms.max() <= 1e-5


@hypothesis.given(trees(), st.integers(0, 1000))
@hypothesis.settings(max_examples=20)
def test_what_is_decided_once_agrees_with_itself(case, seed):
    tree, _ = case
    rng = np.random.default_rng(seed)
    leaf = rng.dirichlet(np.ones(len(tree.leaves)), size=20).argmax(axis=1)
    for level, names in enumerate(tree.levels):
        group = tree.groups_of_leaves(level)[leaf]
        assert not contradictions(leaf, group, tree, level).any()
        # Deciding again among the leaves of the decided group changes nothing.
        inside = tree.matrix(level)[:, group].T * np.eye(len(tree.leaves))[leaf]
        np.testing.assert_array_equal(inside.argmax(axis=1), leaf)
        if len(names) > 1:
            assert contradictions(leaf, (group + 1) % len(names), tree, level).all()


@pytest.mark.parametrize("tree", [TREE, Tree(THREE), Tree({"all": ["a", "b"]}), Tree({"a": ["x"], "b": ["y"]})])
def test_a_model_that_is_saved_and_loaded_answers_the_same(tree, tmp_path):
    image = keras.Input((6,))
    fine = ConditionalHead(tree, name="fine")(keras.layers.Dense(5)(image))
    model = keras.Model(image, {"coarse": GroupSum(tree, name="coarse")(fine), "fine": fine})
    images = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before, after = ([one.predict(images, verbose=0)] if tree is TREE else [] for one in (model, loaded))
    for one, other in zip([*before, model(images)], [*after, loaded(images)], strict=True):
        for name in ("coarse", "fine"):
            np.testing.assert_allclose(other[name], one[name], rtol=1e-4, atol=1e-6)
    assert loaded.get_layer("fine").tree == tree
    assert loaded.get_layer("coarse").level == 0


@pytest.mark.parametrize("level", [0, 1, -1])
def test_layers_can_be_made_again(level):
    tree = Tree(THREE)
    again = GroupSum.from_config(GroupSum(tree, level, name="coarse").get_config())
    assert (again.tree, again.level, again.name) == (tree, level, "coarse")
    assert keras.models.clone_model(keras.Sequential([keras.Input((3,)), ConditionalHead(tree)])).output_shape == (
        None,
        4,
    )


def test_it_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 5000)
    images = np.eye(10)[labels] + rng.normal(0, 0.2, size=(5000, 10))
    image = keras.Input((10,))
    fine = ConditionalHead(TREE, name="fine")(image)
    model = keras.Model(image, {"fine": fine, "coarse": GroupSum(TREE, name="coarse")(fine)})
    loss = dict.fromkeys(["fine", "coarse"], "sparse_categorical_crossentropy")
    model.compile(keras.optimizers.Adam(0.05), loss)
    model.fit(images, {"fine": labels, "coarse": TREE.groups_of_leaves()[labels]}, verbose=0)
    found = {name: np.array(part) for name, part in model(images).items()}
    assert np.mean(found["fine"].argmax(axis=1) == labels) > 0.9
    np.testing.assert_allclose(found["coarse"], found["fine"] @ TREE.matrix(), atol=1e-5)


def test_gradients_of_extreme_logits_are_finite():
    import tensorflow as tf

    head, features, _ = head_with_logits(TREE, 1e4, seed=0)
    with tf.GradientTape() as tape:
        loss = -keras.ops.mean(head.log_probabilities(features)[:, 3])
    for gradient in tape.gradient(loss, head.trainable_variables):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("tree", [TREE, Tree(THREE), Tree({"all": ["a", "b"]}), Tree({"a": ["x"], "b": ["y"]})])
@pytest.mark.parametrize("shape", [(6,), (None, 6)])
def test_logarithms_can_be_the_output_of_a_functional_model(tree, shape):
    image, head = keras.Input(shape), ConditionalHead(tree, name="fine")
    model = keras.Model(image, head.log_probabilities(image))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, run_eagerly=tree is not TREE)  # to compile each model takes long
    rng = np.random.default_rng(0)
    images = rng.normal(size=(7, *[3] * (len(shape) - 1), 6)).astype("float32")
    labels = rng.integers(0, len(tree.leaves), images.shape[:-1])
    model.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    np.testing.assert_allclose(np.exp(model(images)), head(images), atol=1e-5)


def test_half_precision():
    head = ConditionalHead(TREE, dtype="mixed_float16")
    found = head(np.ones((2, 4), "float32"))
    assert found.dtype == "float16"
    assert GroupSum(TREE, dtype="mixed_float16")(found).dtype == "float16"
    np.testing.assert_allclose(keras.ops.sum(found, axis=1), 1, atol=1e-2)


def test_more_axes_are_kept():
    head = ConditionalHead(TREE)
    found = head(np.ones((2, 7, 4), "float32"))
    assert found.shape == (2, 7, 10)
    assert GroupSum(TREE)(found).shape == (2, 7, 3)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: ConditionalHead(LOOKS), TypeError, "tree must be a mos_helpers.hierarchy.Tree, not dict"),
        (lambda: GroupSum([0, 1]), TypeError, "tree must be a mos_helpers.hierarchy.Tree, not list"),
        (lambda: GroupSum(TREE, 2), ValueError, "level must be a whole number from -2 to 1, not 2"),
        (lambda: contradictions([1], [1], LOOKS), TypeError, "tree must be"),
        (lambda: contradictions(np.eye(10), [1], TREE), ValueError, r"leaf must have .* \(n,\), not shape \(10, 10\)"),
        (lambda: contradictions([1], np.ones((1, 3)), TREE), ValueError, "group must have.*argmax"),
        (lambda: contradictions([1], [0.9], TREE), TypeError, "group must hold whole numbers.*float64"),
        (lambda: contradictions([10], [0], TREE), ValueError, "leaf must hold numbers from 0 to 9, not 10"),
        (lambda: contradictions([1], [-1], TREE), ValueError, "group must hold numbers from 0 to 2, not -1"),
        (lambda: contradictions([1, 2], [1], TREE), ValueError, "not 2 and 1"),
    ],
)
def test_wrong_arguments_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
