"""Models to draw: chains, several inputs, shared layers, nested models and odd names."""

from pathlib import Path

import pytest

import keras  # isort: skip


ROOT = Path(__file__).parents[2]
layers = keras.layers

# ---------------------------------------------------------------- models


def dense(units, activation, name):
    return layers.Dense(units, activation=activation, name=name)


def fan_out(heads):
    image = keras.Input((784,), name="image")
    trunk = dense(64, "relu", "trunk_2")(dense(64, "relu", "trunk_1")(image))
    names = [f"head_{number}" for number in range(1, heads + 1)]
    return keras.Model(image, {name: dense(1, "sigmoid", name)(trunk) for name in names}, name=f"fan_{heads}")


def chained_heads():
    image = keras.Input((784,), name="image")
    trunk = dense(64, "relu", "trunk")(image)
    digit = dense(10, "softmax", "digit")(trunk)
    odd = dense(1, "sigmoid", "odd")(layers.Concatenate(name="trunk_and_digit")([trunk, digit]))
    return keras.Model(image, {"digit": digit, "is_odd": odd, "size": dense(2, None, "size")(trunk)}, name="chained")


def branching_trunk():
    image = keras.Input((28, 28, 1), name="image")
    stem = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(image)
    local = layers.Conv2D(8, 3, padding="same", activation="relu", name="local_1")(stem)
    local = layers.Conv2D(8, 3, padding="same", activation="relu", name="local_2")(local)
    wide = layers.Conv2D(8, 5, padding="same", activation="relu", name="wide")(stem)
    merged = layers.GlobalAveragePooling2D(name="pool")(layers.Concatenate(name="merged")([local, wide]))
    hidden = dense(16, "relu", "digit_hidden")(merged)
    odd = layers.Concatenate(name="joined")([merged, layers.Flatten(name="flat")(wide)])
    outputs = {"digit": dense(10, "softmax", "digit")(hidden), "odd": dense(1, "sigmoid", "odd")(odd)}
    return keras.Model(image, {**outputs, "angle": dense(1, None, "angle")(merged)}, name="branching")


def two_inputs():
    image, writer = keras.Input((28, 28, 1), name="image"), keras.Input((5,), name="writer")
    pixels = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="shrink")(image))
    trunk = dense(32, "relu", "trunk")(layers.Concatenate(name="both")([pixels, writer]))
    late = layers.Concatenate(name="writer_again")([trunk, writer])
    return keras.Model([image, writer], [dense(10, "softmax", "digit")(trunk), dense(1, "sigmoid", "odd")(late)])


def shared_layer_and_nested_model():
    left, right = keras.Input((64,), name="left"), keras.Input((64,), name="right")
    shared = dense(16, "relu", "shared")
    inner = keras.Sequential([keras.Input((32,)), layers.Dense(8), layers.Dense(4)], name="inner")
    first, second = shared(left), shared(right)
    both = inner(layers.Concatenate(name="pair")([first, second]))
    outputs = {"same": dense(1, "sigmoid", "same")(both), "sum": dense(19, "softmax", "digits")(both) + 1}
    return keras.Model([left, right], {**outputs, "difference": dense(1, None, "difference")(first - second)})


def experts():
    inputs = keras.Input((16,), name="x")
    shared = layers.Concatenate(name="experts")([dense(8, "relu", f"expert_{n}")(inputs) for n in range(3)])
    outputs = {}
    for task in ("digit", "odd", "size"):
        mix = layers.Concatenate(name=f"mix_{task}")([shared, dense(3, "softmax", f"gate_{task}")(inputs)])
        outputs[task] = dense(1, None, task)(dense(8, "relu", f"tower_{task}")(mix))
    return keras.Model(inputs, outputs, name="experts")


def separate_networks():
    image = keras.Input((784,), name="image")
    names = ("digit", "odd")
    return keras.Model(image, {n: dense(1, "sigmoid", n)(dense(64, "relu", f"{n}_hidden")(image)) for n in names})


class TwoAnswers(layers.Layer):
    """A layer with several outputs, and without get_config."""

    def __init__(self, inner):
        super().__init__(name="answers")
        self.inner = inner

    def call(self, x):
        return {"digit": self.inner["digit"](x), "odd": self.inner["odd"](x)}


def one_layer_two_outputs():
    inputs = keras.Input((8,), name="x")
    answers = TwoAnswers({"digit": layers.Dense(10), "odd": layers.Dense(1)})
    return keras.Model(inputs, answers(dense(4, "relu", "trunk")(inputs)))


def sequential():
    return keras.Sequential([keras.Input((784,), name="image"), dense(64, "relu", "hidden"), dense(1, None, "size")])


def odd_names():
    inputs = keras.Input((8,), name="a_name_that_is_much_longer_than_others_are")
    return keras.Model(inputs, [dense(1, "sigmoid", "costs_$5_or_$6")(inputs), dense(12345, None, "b")(inputs)])


MODELS = [
    *(pytest.param(lambda n=n: fan_out(n), id=f"{n}_heads") for n in (2, 3, 4, 6, 9, 12)),
    chained_heads,
    branching_trunk,
    two_inputs,
    shared_layer_and_nested_model,
    experts,
    separate_networks,
    one_layer_two_outputs,
    sequential,
    odd_names,
]
