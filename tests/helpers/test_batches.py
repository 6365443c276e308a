"""Batches keep rows together, and are drawn anew at every pass."""

import gc
import random
from collections.abc import Mapping

import hypothesis
import hypothesis.strategies as st
import pytest

from mos_helpers import data

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip


pytestmark = pytest.mark.usefixtures("early_builds")


def rows(ds):
    return [x.numpy().tolist() for x, *_ in ds]


def flat(ds):
    return [row for batch in rows(ds) for row in batch]


@hypothesis.settings(max_examples=15)
@hypothesis.given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    seed=st.integers(0, 9),
)
def test_rows_stay_together(n, batch_size, shuffle, seed):
    hypothesis.assume(batch_size <= n or not shuffle)
    x = np.arange(n)
    y = {"b": 10 * x, "a": np.stack([x, -x], axis=1)}
    ds = data.batches(x, y, batch_size, {"b": 3 * x, "a": x / 2}, shuffle, seed)
    seen = []
    for rows_x, rows_y, weight in ds:
        rows_x = rows_x.numpy()
        seen.extend(rows_x)
        assert list(rows_y) == ["b", "a"]
        np.testing.assert_array_equal(rows_y["b"], 10 * rows_x)
        np.testing.assert_array_equal(rows_y["a"], np.stack([rows_x, -rows_x], axis=1))
        np.testing.assert_array_equal(weight["b"], 3 * rows_x)
        np.testing.assert_allclose(weight["a"], rows_x / 2)
    kept = n // batch_size * batch_size if shuffle else n
    assert len(seen) == len(set(seen)) == kept
    assert shuffle or seen == list(range(kept))
    assert ds.cardinality() == len(list(ds)) == (n // batch_size if shuffle else -(-n // batch_size))


def test_every_pass_has_a_new_order_and_every_seed_its_own():
    x = np.arange(50)
    ds, same, other = (data.batches(x, x, 10, seed=seed) for seed in (1, 1, 2))
    first, second = flat(ds), flat(ds)
    assert sorted(first) == sorted(second) == list(x)
    assert first != second
    assert [flat(same), flat(same)] == [first, second]
    assert flat(other) != first
    assert first != list(x)


def test_without_a_seed_the_global_one_counts():
    def order(global_seed):
        keras.utils.set_random_seed(global_seed)
        return flat(data.batches(np.arange(50), np.arange(50), 10))

    assert order(5) == order(5) != order(6)


def test_unshuffled_batches_leave_the_random_state_alone():
    random.seed(3)
    want = random.random()
    random.seed(3)
    data.batches(np.arange(5), np.arange(5), shuffle=False)
    assert random.random() == want


def test_training_drops_the_partial_batch_and_evaluation_keeps_it():
    x = np.arange(25)
    assert [len(batch) for batch in rows(data.batches(x, x, 10))] == [10, 10]
    assert [len(batch) for batch in rows(data.batches(x, x, 10, shuffle=False))] == [10, 10, 5]
    trained = data.batches(x, x, 10)
    left_out = set(x) - set(flat(trained))
    assert left_out & {row for _ in range(8) for row in flat(trained)}


def test_structures_and_types():
    x = {"image": np.zeros((6, 2)), "size": np.zeros((6, 1), np.float16)}
    ds = data.batches(x, [np.arange(6), np.zeros(6, bool)], 3, sample_weight=np.ones(6))
    spec_x, spec_y, spec_weight = ds.element_spec
    assert isinstance(spec_x, Mapping)
    assert (spec_x["image"].dtype, spec_x["size"].dtype) == (tf.float32, tf.float16)
    assert spec_x["image"].shape == (3, 2)
    assert isinstance(spec_y, tuple)
    assert (spec_y[0].dtype, spec_y[1].dtype) == (tf.int64, tf.bool)
    assert spec_weight.dtype == tf.float32
    assert len(data.batches(x, np.arange(6), 3).element_spec) == 2


def test_later_changes_of_the_arrays_do_not_matter():
    x = np.zeros(6)
    ds = data.batches(x, x, 3)
    x[:] = 1
    assert flat(ds) == [0] * 6


def test_a_dataset_that_is_gone_frees_its_arrays():
    def copies():
        tensors = (thing for thing in gc.get_objects() if isinstance(thing, tf.Tensor) and hasattr(thing, "numpy"))
        return sum(tensor.shape == (1237, 3) for tensor in tensors)

    gc.disable()
    try:
        ds = data.batches(np.zeros((1237, 3)), np.zeros(1237))
        next(iter(ds))
        assert copies() == 1
        del ds
        assert copies() == 0
    finally:
        gc.enable()


X, Y = np.zeros((12, 3), np.float32), {"digit": np.zeros(12), "odd": np.zeros(12)}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": X[:10]}, ValueError, ["x has 10", "y['digit'] has 12"]),
        ({"y": Y | {"odd": np.zeros(11)}}, ValueError, ["y['odd'] has 11", "same number of rows"]),
        ({"sample_weight": np.ones(3)}, ValueError, ["sample_weight has 3"]),
        ({"sample_weight": {"digit": np.ones(12)}}, ValueError, ["sample_weight", "['digit', 'odd']", "['digit']"]),
        ({"y": Y["odd"], "sample_weight": Y}, ValueError, ["sample_weight", "unless y is a dict"]),
        ({"y": {"digit": None, "odd": Y["odd"]}}, TypeError, ["y['digit']", "None"]),
        ({"y": [1, 2, 3]}, TypeError, ["y[0]", "array with one row per image"]),
        ({"x": np.array([object()] * 12)}, TypeError, ["x must be an array"]),
        ({"x": X[:0], "y": Y["odd"][:0]}, ValueError, ["x", "at least one row"]),
        ({"batch_size": 0}, ValueError, ["batch_size", "at least 1", "0"]),
        ({"batch_size": 4.0}, TypeError, ["batch_size", "4.0"]),
        ({"batch_size": True}, TypeError, ["batch_size", "True"]),
        ({"batch_size": 13}, ValueError, ["batch_size", "12", "13"]),
        ({"seed": "1"}, TypeError, ["seed", "'1'"]),
        ({"seed": -1}, ValueError, ["seed", "-1"]),
    ],
)
def test_wrong_arguments_of_batches(arguments, error, words):
    with pytest.raises(error) as raised:
        data.batches(**({"x": X, "y": Y, "batch_size": 4} | arguments))
    assert all(word in str(raised.value) for word in words)


@pytest.mark.filterwarnings("error")
def test_trains_a_two_head_model():
    keras.utils.set_random_seed(0)
    digits = data.load_digits("digits")
    x, x_test = digits.x_train.reshape(-1, 784), digits.x_test.reshape(-1, 784)
    y, y_test = ({"digit": labels, "odd": labels % 2} for labels in (digits.y_train, digits.y_test))
    image = keras.Input((784,))
    trunk = keras.layers.Dense(32, activation="relu")(image)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    model = keras.Model(image, {"digit": digit, "odd": odd})
    model.compile(
        keras.optimizers.Adam(0.01),
        {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
        metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
        steps_per_execution=32,
    )
    weights = {"digit": np.ones(len(x)), "odd": np.ones(len(x))}
    history = model.fit(
        data.batches(x, y, 32, weights, seed=1),
        validation_data=data.batches(x_test, y_test, 100, shuffle=False),
        epochs=4,
        verbose=0,
    ).history
    for prefix in ("", "val_"):
        np.testing.assert_allclose(
            history[prefix + "loss"],
            np.add(history[prefix + "digit_loss"], history[prefix + "odd_loss"]),
            rtol=1e-4,
        )
    test = data.batches(x_test, y_test, 128, shuffle=False)
    scores, predictions = model.evaluate(test, verbose=0, return_dict=True), model.predict(test, verbose=0)
    assert scores["digit_accuracy"] > 0.85
    assert len(predictions["digit"]) == 500
    assert np.isclose(np.mean(predictions["digit"].argmax(1) == digits.y_test), scores["digit_accuracy"])


def test_repeat_goes_on_with_new_orders():
    passes = list(data.batches(np.arange(10), np.arange(10), batch_size=5, seed=3).repeat(3))
    orders = [np.concatenate([x.numpy() for x, _ in passes[i : i + 2]]) for i in (0, 2, 4)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
