"""Loss weights that choose themselves: uncertainty weighting, DWA and GradNorm."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_helpers.balancing import (
    DynamicWeights,
    GradNorm,
    UncertaintyWeights,
    dwa_weights,
)
from mos_helpers.balancing.gradnorm import gradnorm_goals, gradnorm_gradient
from mos_helpers.data import batches

pytestmark = pytest.mark.usefixtures("early_builds")

LOSSES = {"digit": "sparse_categorical_crossentropy", "pose": "mse"}
positive = st.floats(1e-4, 1e4)


def parts():
    image = keras.Input((8,))
    trunk = keras.layers.Dense(16, activation="relu", name="trunk")(image)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    return image, {"digit": digit, "pose": keras.layers.Dense(2, name="pose")(trunk)}


def rows(n=256):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 8)).astype("float32")
    return x, {"digit": rng.integers(10, size=n), "pose": 5 * rng.normal(size=(n, 2)).astype("float32")}


MODELS = {
    "uncertainty": lambda: UncertaintyWeights(*parts(), regression=["pose"]),
    "gradnorm": lambda: GradNorm(*parts(), shared="trunk"),
}
both = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@pytest.mark.parametrize(("head", "factor"), [("pose", 1), ("digit", 2)])
@pytest.mark.parametrize("loss", [1e-4, 0.3, 1e4])
def test_the_best_log_variance_is_the_closed_form(head, factor, loss):
    model = UncertaintyWeights(*parts(), regression=["pose"], speed=1.0)
    model.begin_at({"digit": loss, "pose": loss})
    best = float(model.slow[head])
    assert best == pytest.approx(np.log(factor * loss), rel=1e-5)
    assert float(model.loss_of_head(head, loss)) == pytest.approx(0.5 * np.log(factor * loss) + 0.5, abs=1e-4)
    for away in (-3, -0.1, 0.1, 3):
        model.slow[head].assign(best + away)
        assert float(model.loss_of_head(head, loss)) > 0.5 * np.log(factor * loss) + 0.5


@given(st.lists(st.tuples(positive, positive, positive, positive), min_size=2, max_size=5), st.floats(0, 3))
@settings(max_examples=40)
def test_the_closed_form_of_gradnorm_is_the_automatic_gradient(heads, alpha):
    weights, norms, losses, first = (np.array(column) for column in zip(*heads, strict=True))
    logs = tf.Variable(np.log(weights))
    with tf.GradientTape() as tape:
        weighted = tf.exp(logs) * norms
        goals = tf.stop_gradient(gradnorm_goals(weighted, losses, first, alpha))
        distance = tf.reduce_sum(tf.abs(weighted - goals))
    automatic = tape.gradient(distance, logs).numpy()
    np.testing.assert_allclose(gradnorm_gradient(weighted, goals).numpy(), automatic, rtol=1e-9)


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(positive, positive), min_size=1), st.floats(0.5, 10))
@settings(max_examples=50)
def test_dwa_by_hand(heads, temperature):
    history = {name: [7.0, *losses] for name, losses in heads.items()}
    found = dwa_weights(history, temperature)
    rates = {name: second / first for name, (first, second) in heads.items()}
    largest = max(rates.values())
    parts = {name: np.exp((rate - largest) / temperature) for name, rate in rates.items()}
    assert found == pytest.approx({name: len(heads) * part / sum(parts.values()) for name, part in parts.items()})
    assert sum(found.values()) == pytest.approx(len(heads))


@pytest.mark.parametrize("history", [{"a": [], "b": []}, {"a": [3.0], "b": [100.0]}])
def test_the_first_two_epochs_of_dwa_have_weights_of_one(history):
    assert dwa_weights(history) == {"a": 1, "b": 1}


def test_dwa_as_a_callback():
    weights = {name: keras.Variable(5.0, trainable=False) for name in LOSSES}
    model = keras.Model(*parts())
    model.compile("adam", LOSSES, loss_weights=weights, run_eagerly=True)
    logs = model.fit(*rows(64), epochs=4, callbacks=[DynamicWeights(weights)], verbose=0).history
    assert logs["digit_weight"][:2] == logs["pose_weight"][:2] == [1, 1]
    for epoch in (2, 3):
        wanted = dwa_weights({name: logs[f"{name}_loss"][:epoch] for name in LOSSES})
        assert {name: logs[f"{name}_weight"][epoch] for name in LOSSES} == pytest.approx(wanted, abs=1e-6)


@both
def test_the_logs_are_right(make):
    model = make()
    model.compile(keras.optimizers.Adam(0.0), LOSSES, metrics={"digit": ["accuracy"]}, run_eagerly=True)
    if isinstance(model, GradNorm):
        model.rate = 1e-9
    x, y = rows()
    logs = model.fit(x, y, batch_size=128, validation_data=(x, y), verbose=0).history
    answers = {name: answer.numpy() for name, answer in model(x).items()}
    digit = -np.log(answers["digit"][np.arange(len(x)), y["digit"]]).mean()
    pose = np.mean((answers["pose"] - y["pose"]) ** 2)
    weights = {name: float(weight) for name, weight in model.weights_of_heads().items()}
    total = weights["digit"] * digit + weights["pose"] * pose
    for prefix in ("", "val_"):
        found = [logs[f"{prefix}{key}"][0] for key in ("digit_loss", "pose_loss", "loss", "pose_weight")]
        np.testing.assert_allclose(found, [digit, pose, total, weights["pose"]], rtol=1e-4)
    assert set(model.evaluate(x, y, batch_size=128, verbose=0, return_dict=True)) == {
        k for k in logs if not k.startswith("val_")
    }


@both
@pytest.mark.parametrize("jit", [False, True])
def test_weights_move_stay_positive_and_follow_the_losses(make, jit):
    model = make()
    model.compile(keras.optimizers.Adam(0.01), LOSSES, jit_compile=jit)
    logs = model.fit(*rows(), epochs=5, verbose=0).history
    weights = np.array([logs["digit_weight"], logs["pose_weight"]])
    assert (weights > 0).all()
    assert weights[1, -1] < weights[1, 0] < 1
    assert logs["pose_loss"][-1] < logs["pose_loss"][0]
    if isinstance(model, GradNorm):
        np.testing.assert_allclose(weights.sum(axis=0), 2, rtol=1e-5)


@both
def test_saved_and_loaded(make, tmp_path):
    x, y = rows(64)
    model = make()
    model.compile("adam", LOSSES, run_eagerly=True)  # three batches: faster than making a graph
    model.fit(x, y, batch_size=64, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    model.save_weights(tmp_path / "model.weights.h5")
    other = make()
    other.load_weights(tmp_path / "model.weights.h5")
    for found in (loaded, other):
        np.testing.assert_array_equal(found(x)["pose"].numpy(), model(x)["pose"].numpy())
        for name, weight in model.weights_of_heads().items():
            assert float(found.weights_of_heads()[name]) == float(weight)
    assert len(loaded.fit(x, y, batch_size=64, verbose=0).history["loss"]) == 1


def test_uncertainty_weights_come_to_the_closed_form():
    x, y = rows(64)
    model = UncertaintyWeights(*parts(), regression=["pose"])
    for layer in model.layers:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(0.01), LOSSES, steps_per_execution=150)
    logs = model.fit(batches(x, y, 64, shuffle=False).repeat(), steps_per_epoch=150, shuffle=False, verbose=0).history
    for name, weight in model.weights_of_heads().items():
        assert float(weight) == pytest.approx(0.5 / logs[f"{name}_loss"][-1], rel=0.01)


@both
def test_begin_at(make):
    model = make()
    model.begin_at({"digit": 2.0, "pose": 200.0})
    weights = {name: float(weight) for name, weight in model.weights_of_heads().items()}
    assert weights["digit"] / weights["pose"] == pytest.approx(100, rel=1e-4)
    if isinstance(model, UncertaintyWeights):
        assert weights["digit"] == pytest.approx(0.25)


@both
def test_sample_weights_and_columns(make):
    x, y = rows(64)
    first = np.arange(64) < 32
    losses = {name: keras.losses.get(loss) for name, loss in LOSSES.items()}
    model = make()
    model.compile("sgd", losses, run_eagerly=True)
    weights = dict.fromkeys(LOSSES, 2.0 * first)
    whole = model.evaluate(x, y, batch_size=64, sample_weight=weights, verbose=0, return_dict=True)
    half = model.evaluate(x[:32], {n: t[:32] for n, t in y.items()}, batch_size=32, verbose=0, return_dict=True)
    assert whole["loss"] == pytest.approx(half["loss"], rel=1e-4)


WRONG = {
    "outputs": (lambda: UncertaintyWeights(parts()[0], parts()[0]), TypeError, "outputs"),
    "regression": (lambda: UncertaintyWeights(*parts(), regression=["size"]), ValueError, "regression"),
    "speed": (lambda: UncertaintyWeights(*parts(), speed=0), ValueError, "speed"),
    "shared": (lambda: GradNorm(*parts(), shared="trunk_9"), ValueError, "trunk_9"),
    "alpha": (lambda: GradNorm(*parts(), shared="trunk", alpha=-1), ValueError, "alpha"),
    "rate": (lambda: GradNorm(*parts(), shared="trunk", rate=0), ValueError, "rate"),
    "temperature": (lambda: dwa_weights({"a": [1.0]}, 0), ValueError, "temperature"),
    "history": (lambda: dwa_weights({}), ValueError, "history"),
}


@pytest.mark.parametrize(("make", "error", "words"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make()
