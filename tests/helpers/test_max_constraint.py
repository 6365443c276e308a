"""The max constraint and its loss do what their formulas say, on any graph, and so does a model saved with them."""

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from graphs import class_graphs, probabilities

from mos_helpers import data as course_data
from mos_helpers.hierarchy import ClassGraph, MaxConstraint, MaxConstraintLoss

pytestmark = pytest.mark.usefixtures("early_builds")

TWO = ClassGraph({"A": [], "B": ["A"]})
quick = hypothesis.settings(max_examples=25)


def classes_below(name, graph):
    """Return the numbers of a class and of all classes below it."""
    return [n for n, other in enumerate(graph.classes) if name in (other, *graph.ancestors(other))]


def slow_constraint(values, graph):
    """Return the largest value below each class, by the definition."""
    found = np.zeros_like(values)
    for image, row in enumerate(values):
        for number, name in enumerate(graph.classes):
            below = classes_below(name, graph)
            found[image, number] = max(row[other] for other in below)
    return found


def slow_loss(labels, values, graph):
    """Return the loss of each image, by the definition."""
    losses = []
    for true, row in zip(labels, values.astype(np.float64), strict=True):
        terms = []
        for number, name in enumerate(graph.classes):
            below = classes_below(name, graph)
            if true[number]:
                terms.append(-np.log(max(row[other] for other in below if true[other])))
            else:
                terms.append(-np.log(1 - max(row[other] for other in below)))
        losses.append(np.mean(terms))
    return np.array(losses)


@st.composite
def cases(draw):
    """Return a graph, closed labels and probabilities."""
    graph = draw(class_graphs())
    values = draw(probabilities(graph))
    labels = np.random.default_rng(draw(st.integers(0, 10**6))).integers(2, size=values.shape)
    return graph, graph.close(labels), values


@hypothesis.given(cases())
@quick
def test_a_constrained_output_equals_the_slow_loop_and_never_violates(case):
    graph, _, values = case
    layer = MaxConstraint(graph)
    found = layer(values).numpy()
    np.testing.assert_array_equal(found, slow_constraint(values, graph))
    np.testing.assert_array_equal(layer(found).numpy(), found)
    for threshold in (0.2, 0.5, 0.8, float(values[0, 0])):
        decided = found > threshold
        assert not graph.violations(decided).any()
        np.testing.assert_array_equal(decided, graph.close(values > threshold))


@hypothesis.given(cases())
@quick
def test_the_loss_equals_the_slow_formula(case):
    graph, labels, values = case
    loss = MaxConstraintLoss(graph, reduction="none")
    np.testing.assert_allclose(loss(labels, values), slow_loss(labels, values, graph), rtol=1e-5, atol=1e-6)
    mean = MaxConstraintLoss(graph)
    np.testing.assert_allclose(mean(labels, values), slow_loss(labels, values, graph).mean(), rtol=1e-5, atol=1e-6)


@hypothesis.given(cases())
@quick
def test_gradients_agree_with_finite_differences(case):
    graph, labels, values = case
    values, step = values.astype(np.float64), 1e-6
    loss = MaxConstraintLoss(graph, dtype="float64")
    point = tf.Variable(values)
    with tf.GradientTape() as tape:
        result = loss(labels, point)
    slopes = tape.gradient(result, point).numpy()
    for place in np.ndindex(values.shape):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        wanted = (slow_loss(labels, up, graph).mean() - slow_loss(labels, down, graph).mean()) / (2 * step)
        np.testing.assert_allclose(slopes[place], wanted, rtol=1e-4, atol=1e-5)


@hypothesis.given(cases())
@quick
def test_no_true_class_is_credited_through_a_false_one(case):
    graph, labels, values = case
    point = tf.Variable(values)
    with tf.GradientTape() as tape:
        loss = MaxConstraintLoss(graph)(labels, point)
    slopes = tape.gradient(loss, point).numpy()
    assert (slopes[labels == 0] > -1e-6).all()
    assert (slopes[labels == 1] < 1e-6).all()


def slopes_at(loss, values, labels):
    point = tf.Variable([values], dtype=tf.float32)
    with tf.GradientTape() as tape:
        result = loss(point, tf.constant([labels], tf.float32))
    return tape.gradient(result, point).numpy()[0]


def test_the_two_nodes_by_hand():
    # An image of A that is no B, on which the network says h_A = 0.3 and h_B = 0.6.
    credited = MaxConstraintLoss(TWO)
    slopes = slopes_at(lambda point, labels: credited(labels, point), [0.3, 0.6], [1, 0])
    np.testing.assert_allclose(slopes, [-1 / 0.3 / 2, 1 / 0.4 / 2], rtol=1e-5)

    def naive(point, labels):
        return keras.losses.BinaryCrossentropy()(labels, MaxConstraint(TWO)(point))

    slopes = slopes_at(naive, [0.3, 0.6], [1, 0])
    np.testing.assert_allclose(slopes, [0, (-1 / 0.6 + 1 / 0.4) / 2], rtol=1e-5, atol=1e-6)
    assert slopes_at(naive, [0.3, 0.4], [1, 0])[1] < 0  # it pushes the wrong child up


def test_values_that_are_equal_share_the_gradient():
    point = tf.Variable([[0.5, 0.5]])
    with tf.GradientTape() as tape:
        largest = MaxConstraint(TWO)(point)[:, 0]
    np.testing.assert_allclose(tape.gradient(largest, point), [[0.5, 0.5]])


def models():
    """Return a model with the layer, and one with the loss, compiled."""
    built = {}
    for name in ("layer", "loss"):
        keras.utils.set_random_seed(0)
        image = keras.Input((4,))
        sigmoids = keras.layers.Dense(3, activation="sigmoid")(image)
        graph = ClassGraph({"A": [], "C": ["A", "B"], "B": []})
        if name == "layer":
            built[name] = keras.Model(image, MaxConstraint(graph, name="labels")(sigmoids))
            built[name].compile("adam", "binary_crossentropy")
        else:
            built[name] = keras.Model(image, sigmoids)
            built[name].compile("adam", MaxConstraintLoss(graph))
    return built


@pytest.mark.parametrize("name", ["layer", "loss"])
def test_a_model_trains_and_saves(name, tmp_path):
    model = models()[name]
    rng = np.random.default_rng(0)
    images = rng.normal(size=(256, 4)).astype(np.float32)
    labels = (images[:, :3] > 0).astype(np.float32)
    labels[:, [0, 2]] = np.maximum(labels[:, [0, 2]], labels[:, [1]])
    training = course_data.batches(images, labels, 32, seed=0).repeat()
    losses = model.fit(training, steps_per_epoch=50, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.05
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), model(images), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(loaded.test_on_batch(images, labels), model.test_on_batch(images, labels), rtol=1e-4)
    assert loaded.train_on_batch(images, labels) < losses[0]


def test_the_layer_and_the_loss_can_be_made_again():
    graph = ClassGraph({"A": [], "C": ["A", "B"], "B": []})
    layer = MaxConstraint.from_config(MaxConstraint(graph, name="labels").get_config())
    assert (layer.graph.parents, layer.name) == (graph.parents, "labels")
    loss = MaxConstraintLoss.from_config(MaxConstraintLoss(graph, reduction="sum", name="mine").get_config())
    assert (loss.graph.parents, loss.reduction, loss.name) == (graph.parents, "sum", "mine")


def test_weights_of_images_count():
    labels, values = np.array([[1, 0], [1, 1]]), np.array([[0.3, 0.6], [0.2, 0.4]], np.float32)
    one = MaxConstraintLoss(TWO, reduction="none")(labels, values)
    weighted = MaxConstraintLoss(TWO, reduction="mean_with_sample_weight")(labels, values, sample_weight=[0.0, 1.0])
    np.testing.assert_allclose(weighted, one[1], rtol=1e-6)


def test_what_is_wrong_is_refused():
    with pytest.raises(TypeError, match="graph must be a ClassGraph, not dict"):
        MaxConstraint({"A": []})
    with pytest.raises(TypeError, match="graph must be a ClassGraph, not str"):
        MaxConstraintLoss("A")
    with pytest.raises(ValueError, match=r"MaxConstraint must have shape \(n, 2\), not \(None, 3\)"):
        MaxConstraint(TWO)(keras.Input((3,)))
