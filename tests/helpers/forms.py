"""What the rebuilt public models are made of, and how each is kept with its ways to break it."""

from collections.abc import Callable
from functools import wraps

import numpy as np
from breakages import Breakage, Form

import keras  # isort: skip
from keras import layers, losses  # isort: skip


N = 16
SCE, CCE, BCE = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
SparseCrossentropy = losses.SparseCategoricalCrossentropy
PER_WEIGHT = {"reduction": "mean_with_sample_weight"}
FORMS: dict[str, Callable[[], Form]] = {}
BREAKAGES: dict[str, tuple[Breakage, ...]] = {}

R = np.random.default_rng(0)
ROWS = R.normal(size=(N, 6)).astype("float32")
PICTURES = R.random((N, 8, 8, 1)).astype("float32")
WORDS = R.integers(1, 20, (N, 6))
THREE = np.arange(N) % 3
YES = (np.arange(N) % 2).astype("float32")[:, None]
NUMBER = R.normal(size=(N, 1)).astype("float32")
STATE = R.bit_generator.state


def form(*ways: Breakage) -> Callable:
    """Keep a function that makes a form, with ways to break it. Its data are the same at each call."""

    def keep(make: Callable[[], Form]) -> Callable[[], Form]:
        @wraps(make)
        def made() -> Form:
            R.bit_generator.state = STATE
            return make()

        FORMS[make.__name__] = made
        BREAKAGES[make.__name__] = ways
        return made

    return keep


def dense(name: str, units: int = 1, activation: str | None = None) -> layers.Dense:
    return layers.Dense(units, activation, name=name)


def conv(name: str, units: int, activation: str | None = None) -> layers.Conv2D:
    return layers.Conv2D(units, 1, activation=activation, name=name)


def of(inputs: keras.KerasTensor | list, **heads: keras.KerasTensor) -> keras.Model:
    return keras.Model(inputs, heads)
