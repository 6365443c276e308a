"""PCGrad and MGDA: properties of their steps, and that the models which use them train as Keras's do."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mos_helpers.balancing import MGDA, PCGrad, TrunkGradients, mgda_weights, pcgrad_weights, valleys

import keras  # isort: skip
import tensorflow as tf  # isort: skip

pytestmark = pytest.mark.usefixtures("early_builds")

NUMBERS = st.floats(-10, 10, width=32).filter(lambda number: number == 0 or abs(number) > 1e-2)


def gradients(heads, size=4):
    return hnp.arrays("float64", (heads, size), elements=NUMBERS).filter(
        lambda rows: (np.linalg.norm(rows, axis=1) > 0.1).all()
    )


compiled = cache(tf.function)


def weights_of(function, rows, *args):
    return compiled(function)(tf.constant(rows @ rows.T, tf.float64), *args).numpy()


def any_order(heads, seed=0):
    return tf.constant(np.random.default_rng(seed).permuted(np.tile(np.arange(heads), (heads, 1)), axis=1))


def projected(rows, order):
    """The sum of PCGrad's gradients, made of the vectors themselves."""
    total = np.zeros(rows.shape[1])
    for head, row in enumerate(rows):
        own = row.copy()
        for other in order[head]:
            if other != head and own @ rows[other] < 0:
                own -= own @ rows[other] / (rows[other] @ rows[other]) * rows[other]
        total += own
    return total


# --- PCGrad


@settings(max_examples=60)
@given(st.integers(2, 5).flatmap(gradients), st.integers(0, 99))
def test_pcgrad_is_the_projection_of_the_vectors(rows, seed):
    order = any_order(len(rows), seed)
    found = weights_of(pcgrad_weights, rows, order) @ rows
    # Where a gradient has become zero but for rounding, its sign decides nothing.
    assert np.allclose(found, projected(rows, order.numpy()), atol=1e-6)


@settings(max_examples=60)
@given(gradients(2))
def test_pcgrad_works_against_neither_of_two_heads(rows):
    step = weights_of(pcgrad_weights, rows, any_order(2)) @ rows
    assert (rows @ step >= -1e-6).all()


@settings(max_examples=40)
@given(st.integers(2, 5).flatmap(gradients))
def test_pcgrad_without_conflict_is_the_sum(rows):
    rows = np.abs(rows)
    assert np.array_equal(weights_of(pcgrad_weights, rows, any_order(len(rows))), np.ones(len(rows)))


def all_steps(rows):
    heads = len(rows)
    orders = [[[i, *rest] for rest in itertools.permutations(set(range(heads)) - {i})] for i in range(heads)]
    return np.array(
        [weights_of(pcgrad_weights, rows, tf.constant(order)) @ rows for order in itertools.product(*orders)]
    )


def test_with_three_heads_the_order_matters_and_conflict_can_remain():
    rng = np.random.default_rng(0)
    depends = remains = 0
    for _ in range(60):
        rows = rng.normal(size=(3, 3))
        steps = all_steps(rows)
        depends += np.ptp(steps, axis=0).max() > 1e-6
        remains += (steps @ rows.T).min() < -1e-6
    assert depends > 10
    assert remains > 0


def test_a_gradient_of_zero_is_no_conflict():
    rows = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert np.isfinite(weights_of(pcgrad_weights, rows, any_order(2))).all()
    assert np.isfinite(weights_of(mgda_weights, rows)).all()


# --- MGDA


@settings(max_examples=60)
@given(gradients(2))
def test_mgda_of_two_is_the_mixture_of_smallest_norm(rows):
    weights = np.linspace(0, 1, 2001)[:, None]
    smallest = np.linalg.norm(weights * rows[0] + (1 - weights) * rows[1], axis=1).min()
    weights = weights_of(mgda_weights, rows)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    assert np.linalg.norm(weights @ rows) <= smallest + 1e-6


@settings(max_examples=30)
@given(gradients(3))
def test_mgda_of_three_is_the_mixture_of_smallest_norm(rows):
    grid = np.array([(a, b, 60 - a - b) for a in range(61) for b in range(61 - a)]) / 60
    smallest = (np.linalg.norm(grid @ rows, axis=1) ** 2).min()
    weights = weights_of(mgda_weights, rows)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    largest = np.linalg.norm(rows, axis=1).max() ** 2
    assert np.linalg.norm(weights @ rows) ** 2 <= smallest + 0.003 * largest


@settings(max_examples=40)
@given(gradients(2), st.sampled_from([1e-6, 1e-3, 1e3]))
def test_the_step_does_not_depend_on_a_common_scale(rows, scale):
    for function, args in [(mgda_weights, ()), (pcgrad_weights, (any_order(2),))]:
        # The weights of gradients that are almost the same are not determined, but what they make up is.
        wanted, found = weights_of(function, rows, *args), weights_of(function, scale * rows, *args)
        assert np.allclose(found @ rows, wanted @ rows, rtol=1e-6, atol=1e-5)


def test_mgda_works_against_no_head_however_different_the_norms_are():
    rng = np.random.default_rng(0)
    for heads in rng.integers(3, 11, size=200):
        norms = 10.0 ** rng.uniform(-2, 2, size=(heads, 1))
        rows = norms * rng.normal(size=(heads, rng.integers(heads, 60)))
        step = weights_of(mgda_weights, rows) @ rows
        cosines = rows @ step / np.linalg.norm(rows, axis=1) / np.linalg.norm(step)
        assert cosines.min() > -1e-3


def test_mgda_gives_the_larger_weight_to_the_smaller_gradient():
    assert np.allclose(weights_of(mgda_weights, np.diag([10.0, 1.0])), [1 / 101, 100 / 101])
    assert np.allclose(weights_of(mgda_weights, np.diag([10.0, 1.0, 1.0])), [1 / 201, 100 / 201, 100 / 201], atol=0.01)


# --- the problem of two numbers


def test_the_losses_have_their_lowest_places_where_they_should():
    points = tf.constant([[7.0, -8.0], [-7.0, -8.0], [0.0, 0.0]])
    first, second = valleys.valley_losses(points)
    assert np.allclose(first, [-20, -0.4, 0], atol=0.02)
    assert np.allclose(second, [-0.4, -20, 0], atol=0.02)


def test_a_path_begins_at_its_start_and_ends_after_the_last_update():
    path = valleys.valley_paths(lambda gram: tf.ones(2), rate=0.03, updates=10_000)
    assert path.shape == (1000, 3, 2)
    assert np.array_equal(path[0], np.float32(valleys.STARTS))
    assert np.abs(path[-1] - [0, -8.4]).max() < 0.3
    assert np.isfinite(path).all()


@pytest.mark.parametrize(("rate", "updates", "words"), [(0, 5000, "^rate .* 0"), (0.1, 10, "^updates .* 10")])
def test_wrong_arguments_of_a_path(rate, updates, words):
    with pytest.raises(ValueError, match=words):
        valleys.valley_paths(lambda gram: tf.ones(2), rate, updates)


# --- the models

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(96, 8)).astype("float32")
TARGETS = {"a": RNG.integers(3, size=96), "b": RNG.integers(2, size=96)}
WEIGHTS = {"a": RNG.random(96).astype("float32"), "b": np.ones(96, "float32")}
LOSSES = {"a": "sparse_categorical_crossentropy", "b": keras.losses.BinaryCrossentropy()}


def build(kind, regularizer="l2", **options):
    layers = keras.layers
    image = keras.Input((8,))
    trunk = layers.Dense(6, activation="relu", kernel_regularizer=regularizer)(image)
    a, b = layers.Dense(3, activation="softmax", name="a")(trunk), layers.Dense(1, activation="sigmoid", name="b")
    return kind(image, {"a": a, "b": b(trunk)}, **options)


FIRST = build(keras.Model).get_weights()


@cache
def fitted(kind, validate=True, **options):
    model = build(kind)
    model.set_weights(FIRST)
    metrics = {"a": ["accuracy"]}
    weights = {"a": 1.0, "b": 0.3}
    model.compile("adam", LOSSES, loss_weights=weights, weighted_metrics=metrics, **options)
    rest = {"validation_data": (IMAGES, TARGETS), "validation_batch_size": 96} if validate else {}
    history = model.fit(IMAGES, TARGETS, 24, 3, verbose=0, shuffle=False, sample_weight=WEIGHTS, **rest)
    return model, history.history


def test_the_plain_sum_learns_and_logs_what_keras_does():
    keras_model, wanted = fitted(keras.Model, run_eagerly=True)
    model, found = fitted(TrunkGradients, run_eagerly=True)
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert np.allclose(found[name], wanted[name], rtol=1e-4), name
    for mine, theirs in zip(model.get_weights(), keras_model.get_weights(), strict=True):
        assert np.allclose(mine, theirs, atol=1e-4)


@pytest.mark.parametrize("kind", [PCGrad, MGDA])
def test_a_model_trains_saves_and_loads(kind, tmp_path):
    model, logs = fitted(kind)
    assert set(logs) == {
        f"{part}{name}" for part in ("", "val_") for name in ("loss", "a_loss", "b_loss", "a_accuracy")
    }
    assert logs["loss"][-1] < logs["loss"][0]
    answers = model(IMAGES)
    report = model.evaluate(IMAGES, TARGETS, batch_size=96, verbose=0, return_dict=True)
    assert report["loss"] == pytest.approx(logs["val_loss"][-1], rel=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded).__name__ == kind.__name__
    assert np.allclose(loaded(IMAGES)["a"], answers["a"])
    loaded.run_eagerly = True
    assert np.isfinite(loaded.train_on_batch(IMAGES, TARGETS, return_dict=True)["loss"])
    model.save_weights(tmp_path / "model.weights.h5")
    plain = build(keras.Model)
    plain.load_weights(tmp_path / "model.weights.h5")
    assert np.allclose(plain(IMAGES)["a"], answers["a"])


@pytest.mark.parametrize("kind", [PCGrad, MGDA])
def test_with_and_without_xla_it_is_the_same(kind):
    with_xla = fitted(kind, validate=False, jit_compile=True)[1]
    assert np.allclose(with_xla["loss"], fitted(kind)[1]["loss"], rtol=1e-3)


def test_only_the_trunk_is_combined():
    class Nothing(TrunkGradients):
        def gradient_weights(self, gram):
            return tf.zeros_like(gram[0])

    model = build(Nothing, regularizer=None)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), LOSSES, run_eagerly=True)
    model.train_on_batch(IMAGES, TARGETS)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True, True, True]


def test_three_heads_and_a_trunk_that_one_of_them_does_not_use():
    layers = keras.layers
    image = keras.Input((8,))
    first = layers.Dense(5, activation="relu")(image)
    second = layers.Dense(4, activation="relu")(first)
    outputs = {name: layers.Dense(1, name=name)(second if name != "c" else first) for name in "abc"}
    targets = {name: RNG.normal(size=(96, 1)).astype("float32") for name in "abc"}
    for kind in (PCGrad, MGDA):
        model = kind(image, outputs)
        model.compile(keras.optimizers.Adam(0.01), dict.fromkeys("abc", "mse"), run_eagerly=True)
        logs = model.fit(IMAGES, targets, batch_size=96, epochs=4, verbose=0).history["loss"]
        assert logs[-1] < logs[0]


def test_a_loss_that_is_no_dictionary_is_refused():
    model = build(PCGrad)
    model.compile("adam", "mse", run_eagerly=True)
    with pytest.raises(TypeError, match=r"loss, .* must be a dictionary with a loss for each head, not str"):
        model.train_on_batch(IMAGES, TARGETS)
