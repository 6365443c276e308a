"""What lesson 9 gives to copy: the cosines between the gradients of each pair of heads."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from take_away import take_away

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype("float32")
Y = {
    "animal": RNG.integers(4, size=60),
    "height": X[:, 0].astype("float64"),
    "tame": RNG.integers(2, size=60),
}
LOSSES = {"animal": "sparse_categorical_crossentropy", "height": "mse", "tame": keras.losses.BinaryCrossentropy()}


@cache
def conflict():
    return take_away("09_gradient_conflict")["conflict"]


@cache
def model():
    numbers = keras.Input((5,))
    hidden = keras.layers.Dense(6, "tanh")(numbers)
    other = keras.layers.Dense(6, "tanh")(hidden)
    animal = keras.layers.Dense(4, "softmax", name="animal")(hidden)
    tame = keras.layers.Dense(1, "sigmoid", name="tame")(other)
    return keras.Model(numbers, {"animal": animal, "height": keras.layers.Dense(1, name="height")(other), "tame": tame})


def batches(*more):
    return tf.data.Dataset.from_tensor_slices((X, Y, *more)).batch(20)


def by_hand(first, second, rows, variables, weights=None):
    weights = weights or {}
    lines = []
    for name in (first, second):
        with tf.GradientTape() as tape:
            answer = model()(X[rows])[name]
            if name == "animal":
                each = keras.losses.sparse_categorical_crossentropy(Y[name][rows], answer)
            elif name == "tame":
                each = keras.losses.binary_crossentropy(Y[name][rows][:, None].astype("float32"), answer)
            else:
                each = (answer[:, 0] - Y[name][rows].astype("float32")) ** 2
            loss = tf.reduce_mean(each * weights.get(name, np.ones(60, "float32"))[rows])
        lines.append(np.concatenate([np.ravel(part) for part in tape.gradient(loss, variables)]))
    a, b = lines
    return a @ b / np.sqrt((a @ a) * (b @ b))


def test_each_pair_is_compared_on_the_variables_that_both_use():
    found = conflict()(model(), LOSSES, batches())
    assert {pair: len(values) for pair, values in found.items()} == {
        ("animal", "height"): 3,
        ("animal", "tame"): 3,
        ("height", "tame"): 3,
    }
    first, second = model().layers[1], model().layers[2]
    assert second.units == 6
    wanted = by_hand("animal", "tame", slice(0, 20), first.trainable_variables)
    assert found["animal", "tame"][0] == pytest.approx(wanted, abs=1e-4)
    both = first.trainable_variables + second.trainable_variables
    assert found["height", "tame"][2] == pytest.approx(by_hand("height", "tame", slice(40, 60), both), abs=1e-4)


@pytest.mark.parametrize("for_all", [True, False])
def test_sample_weights(for_all):
    weight = RNG.random(60).astype("float32")
    weights = weight if for_all else {"height": weight}
    given = dict.fromkeys(LOSSES, weight) if for_all else weights
    found = conflict()(model(), LOSSES, batches(weights))
    both = model().layers[1].trainable_variables + model().layers[2].trainable_variables
    wanted = by_hand("height", "tame", slice(0, 20), both, given)
    assert found["height", "tame"][0] == pytest.approx(wanted, abs=1e-4)


def test_weights_stay_as_they_are():
    before = model().get_weights()
    conflict()(model(), LOSSES, batches().take(1))
    assert all(map(np.array_equal, before, model().get_weights()))


def test_the_means_of_a_normalisation_stay_as_they_are():
    numbers = keras.Input((5,))
    hidden = keras.layers.BatchNormalization()(numbers)
    outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ["height", "tame"]}
    network = keras.Model(numbers, outputs)
    before = network.get_weights()
    found = conflict()(network, {"height": "mse", "tame": "mae"}, batches())
    assert all(map(np.array_equal, before, network.get_weights()))
    assert np.abs(found["height", "tame"]).max() <= 1 + 1e-6


def separate():
    one, two = keras.Input((5,)), keras.Input((5,))
    outputs = {"animal": keras.layers.Dense(1)(one), "tame": keras.layers.Dense(1)(two)}
    return keras.Model([one, two], outputs)


def run(losses=LOSSES, wanted=batches, network=model):
    conflict()(network(), losses, wanted())


def with_targets(targets):
    return lambda: [(X[:20], targets)]


def list_model():
    numbers = keras.Input((5,))
    return keras.Model(numbers, [keras.layers.Dense(1)(numbers), keras.layers.Dense(1)(numbers)])


WRONG = {
    "a list of losses": (lambda: run(list(LOSSES.values())), "losses: .* given, a dictionary with two heads"),
    "one loss": (lambda: run({"animal": "mse"}), "two heads or more wanted"),
    "a list of targets": (lambda: run(wanted=with_targets([1, 2, 3])), "targets: list given, a dictionary with"),
    "a missing target": (lambda: run(wanted=with_targets({"animal": Y["animal"][:20]})), r"targets: \['animal'\]"),
    "a list of outputs": (lambda: run(network=list_model), "outputs of the model: list given, a dictionary"),
    "another name": (lambda: run(LOSSES | {"size": "mse"}), "targets: .* given, a dictionary with .*, 'size'"),
    "nothing shared": (
        lambda: run(dict.fromkeys(["animal", "tame"], "mse"), lambda: [([X, X], Y)], separate),
        "animal and tame use no variable together",
    ),
}


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
