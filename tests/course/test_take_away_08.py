"""What lesson 8 gives to copy: a model that learns its loss weights."""

from functools import cache

import keras
import numpy as np
import pytest
from take_away import take_away

pytestmark = pytest.mark.usefixtures("early_builds")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype("float32")
Y = {"animal": RNG.integers(4, size=96), "height": 30 * X[:, 0] + 100, "tame": RNG.integers(2, size=96)}
LOSSES = {"animal": "sparse_categorical_crossentropy", "height": "mse", "tame": keras.losses.BinaryCrossentropy()}


@cache
def kind():
    return take_away("08_adaptive_weights")["LearnedWeights"]


def build(penalty=None, **options):
    numbers = keras.Input((5,))
    hidden = keras.layers.Dense(6, "relu", kernel_regularizer=penalty)(numbers)
    animal = keras.layers.Dense(4, "softmax", name="animal")(hidden)
    tame = keras.layers.Dense(1, "sigmoid", name="tame")(hidden)
    outputs = {"animal": animal, "height": keras.layers.Dense(1, name="height")(hidden), "tame": tame}
    return kind()(numbers, outputs, regression=["height"], **options)


def compiled(**options):
    model = build(**options)
    model.compile(keras.optimizers.Adam(0.01), LOSSES, run_eagerly=True)
    return model


def test_it_trains_saves_and_loads(tmp_path):
    model = compiled()
    before = model.evaluate(X, Y, verbose=0, return_dict=True)
    model.begin_at({name: before[f"{name}_loss"] for name in LOSSES})
    logs = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
    assert set(logs) == {f"{a}{b}" for a in ("", "val_") for b in ("loss", "animal_loss", "height_loss", "tame_loss")}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is kind()
    assert [float(s) for s in loaded.slow.values()] == [float(s) for s in model.slow.values()]
    assert np.array_equal(loaded(X)["height"], model(X)["height"])
    assert np.isfinite(loaded.fit(X, Y, verbose=0).history["loss"][0])


def test_the_loss_is_the_objective_of_each_head_and_what_regularisers_add():
    model = compiled(penalty=keras.regularizers.L2(3.0))
    model.begin_at({"animal": 0.5, "height": 9.0, "tame": 2.0})
    weights = {"animal": 1.0, "height": 0.5 / 9, "tame": 0.25}
    s = np.log([1.0, 9.0, 4.0]).sum()
    logs = model.evaluate(X, Y, batch_size=96, verbose=0, return_dict=True)
    wanted = sum(weights[name] * logs[f"{name}_loss"] for name in weights) + 0.5 * s + float(sum(model.losses))
    assert logs["loss"] == pytest.approx(wanted, rel=1e-4)


def test_sample_weights():
    model = compiled()
    first = np.arange(96) < 48
    weights = dict.fromkeys(LOSSES, 2.0 * first)
    whole = model.evaluate(X, Y, batch_size=96, sample_weight=weights, verbose=0, return_dict=True)
    half = {name: values[:48] for name, values in Y.items()}
    part = model.evaluate(X[:48], half, batch_size=48, verbose=0, return_dict=True)
    assert whole["loss"] == pytest.approx(part["loss"], rel=1e-4)


def outputs_as_list():
    numbers = keras.Input((5,))
    return kind()(numbers, [keras.layers.Dense(1)(numbers)])


def one_loss():
    model = build()
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(X, Y, verbose=0)


WRONG = {
    "outputs": (outputs_as_list, "outputs: list given, a dictionary of heads wanted"),
    "regression": (lambda: kind()(*parts_of(build()), regression=["size"]), r"regression: .*size.* given"),
    "begin_at": (lambda: build().begin_at({"animal": 1.0}), r"losses: \['animal'\] given, a dictionary of"),
    "zero": (lambda: build().begin_at(dict.fromkeys(LOSSES, 0.0)), "numbers above 0 wanted"),
    "NaN": (lambda: build().begin_at(dict.fromkeys(LOSSES, float("nan"))), "numbers above 0 wanted"),
    "loss": (one_loss, "loss: str given, a dictionary of"),
    "targets": (lambda: compiled().fit(X, list(Y.values()), verbose=0), "targets: tuple given, a dictionary of"),
}


def parts_of(model):
    return model.input, dict(model.output)


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()
