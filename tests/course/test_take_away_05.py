"""What lesson 5 gives to copy works alone, on another problem, and says what is wrong with a bad input."""

import keras
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")


@pytest.fixture(scope="module")
def names():
    return take_away("05_regression")


@pytest.fixture(scope="module")
def trained(names):
    """A model of another problem: a price and a weight, one far larger than the other, of four numbers."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 4)).astype("float32")
    noise = rng.normal(size=(3000, 2)) * [100, 0.01]
    targets = rows[:, :2] * [500, 0.05] + [20_000, 0.8] + noise
    scaler = StandardScaler().fit(targets[:2000])
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="relu")(inputs := keras.Input((4,)))
    model = keras.Model(inputs, {"goods": keras.layers.Dense(4, name="goods")(hidden)})
    model.compile(keras.optimizers.Adam(0.01), {"goods": names["gaussian_loss"]})
    goods = np.tile(scaler.transform(targets[:2000]), (15, 1))
    model.fit(np.tile(rows[:2000], (15, 1)), {"goods": goods}, verbose=0)
    return model, scaler, rows[2000:], targets[2000:]


def test_another_problem(names, trained):
    model, scaler, rows, targets = trained
    means, std = names["in_units"](model.predict_on_batch(rows)["goods"], scaler)
    assert means.shape == std.shape == targets.shape
    assert (np.abs(means - targets).mean(axis=0) < 0.5 * targets.std(axis=0)).all()
    np.testing.assert_array_less(0.85, names["covered"](targets, means, std))
    narrow, wide = (names["covered"](targets, means, std, stds) for stds in (0.67, 3))
    assert (narrow < 0.65).all()
    assert (wide > 0.97).all()


def test_saved_and_loaded(trained, tmp_path):
    model, _, rows, _ = trained
    model.save(tmp_path / "goods.keras")
    loaded = keras.models.load_model(tmp_path / "goods.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(rows)["goods"], model.predict_on_batch(rows)["goods"], atol=1e-4)
    assert np.isfinite(loaded.test_on_batch(rows, {"goods": np.zeros((len(rows), 2))}))


@pytest.mark.parametrize("shape", [(8,), (8, 2), (8, 3)])
def test_targets_of_a_wrong_shape_are_refused_in_training(names, shape):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, {"price": keras.layers.Dense(2, name="price")(inputs)})
    model.compile("adam", {"price": names["gaussian_loss"]}, run_eagerly=True)
    with pytest.raises(ValueError, match=r"target: shape \(.*\) given, \(rows, 1\) wanted; make \(n,\) an \(n, 1\)"):
        model.fit(np.zeros((8, 3)), {"price": np.zeros(shape)}, verbose=0)


def test_predictions_of_another_head(names):
    scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(9, 3)))
    for shape in [(5, 3), (5,), (5, 4)]:
        with pytest.raises(ValueError, match=rf"prediction: shape \({shape[0]},.*\) given, \(n, 6\) wanted"):
            names["in_units"](np.zeros(shape), scaler)
    with pytest.raises(ValueError, match="prediction: shape"):
        names["in_units"]({"price": np.zeros((5, 6))}, scaler)


@pytest.mark.parametrize("scaler", [StandardScaler(), np.ones(3)])
def test_a_scaler_that_is_not_fitted(names, scaler):
    with pytest.raises(TypeError, match=r"scaler: .* given, a fitted StandardScaler wanted"):
        names["in_units"](np.zeros((5, 6)), scaler)


def test_targets_of_another_shape_than_means(names):
    with pytest.raises(ValueError, match=r"target: shape \(5,\) given, \(5, 1\) wanted"):
        names["covered"](np.zeros(5), np.zeros((5, 1)), np.ones((5, 1)))


def test_its_own_example(names):
    assert 0.93 < names["covered"](names["heights"], names["means"], names["std"])[0] < 0.97
