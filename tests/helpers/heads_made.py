"""For tests of `check_heads`: a model with one head that the test is about, and one that is right."""

import ast
import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mos_helpers.heads import Report, check_heads

import keras  # isort: skip
from keras import layers  # isort: skip

N = 12


@dataclass(frozen=True)
class Setup:
    """What belongs to the head: its layer, and its part of `compile` and `fit`."""

    loss: Any
    target: Any
    units: int = 1
    activation: Any = None
    weight: np.ndarray | None = None
    inner: tuple = ()  # the sizes of its steps or maps
    end: Callable[[], layers.Layer] | None = None  # makes a layer that comes last
    metrics: tuple = ()
    weighted_metrics: tuple = ()

    def model(self) -> keras.Model:
        """Return a compiled model."""
        x = keras.Input((*self.inner, 3))
        parts = [layers.Dense(self.units, self.activation), *([self.end()] if self.end else [])]
        parts[-1].name = "head"
        outputs = {"head": functools.reduce(lambda tensor, layer: layer(tensor), parts, x)}
        outputs["other"] = layers.Dense(1, name="other")(layers.Flatten()(x))
        model = keras.Model(x, outputs)
        chosen = {"metrics": self.metrics, "weighted_metrics": self.weighted_metrics}
        chosen = {part: {"head": list(metrics)} for part, metrics in chosen.items() if metrics}
        model.compile("sgd", {"head": self.loss, "other": "mse"}, run_eagerly=True, **chosen)
        return model

    @property
    def x(self) -> np.ndarray:
        """The inputs."""
        return np.random.default_rng(0).normal(size=(N, *self.inner, 3)).astype("float32")

    @property
    def parts(self) -> tuple[dict, dict | None]:
        """The targets and the weights of both heads."""
        weights = None if self.weight is None else {"head": self.weight, "other": np.ones(N)}
        return {"head": self.target, "other": np.zeros((N, 1), "float32")}, weights

    def report(self) -> Report:
        """Return what `check_heads` finds."""
        return check_heads(self.model(), *self.parts)


def code_in(message: str, beginning: str, **names: object) -> object:
    """Return the value of the code in a message that begins so: the longest that can be read."""
    text = message[message.index(beginning) :]
    for end in range(len(text), 0, -1):
        with contextlib.suppress(SyntaxError):
            tree = ast.parse(text[:end], mode="eval")
            if not isinstance(tree.body, ast.Tuple):
                return eval(compile(tree, "message", "eval"), {"keras": keras, "np": np, **names})
    raise AssertionError(f"no code begins with {beginning} in: {message}")
