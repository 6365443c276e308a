"""Whatever `fit` accepts, `check_heads` looks at without an exception, without a change, and can judge.

More examples, other ones each time: MOS_EXAMPLES=2000 pytest -n0 -s tests/helpers/test_check_heads_never_raises.py
"""

import collections
import contextlib
import functools
import inspect
import os
import random
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest

from mos_helpers.heads import MultiOutput, check_heads

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics, ops  # isort: skip

EXAMPLES = int(os.environ.get("MOS_EXAMPLES", 0))
ROWS, STEPS = 8, 4
ABOUT_ITS_ARGUMENTS = r"^(targets|sample_weight) must be "  # the errors that check_heads documents


class Head(NamedTuple):
    """Names in the tables below."""

    ending: str
    pooled: bool  # for a trunk that gives steps or a map: one answer for all of it
    kind: str
    dtype: str
    loss: str
    metrics: tuple[str, ...]
    weight: str


class Case(NamedTuple):
    """A model, and what it is given: names in the tables below, so that a failure prints what to build."""

    inputs: str
    form: str
    model: str
    heads: tuple[Head, ...]
    parts: str
    loss_weights: str
    optimizer: str
    delivery: str
    compiled: tuple[str, ...]
    state: str


class Odd(layers.Layer):
    """A layer of the user's own, with an attribute that means something else than in Keras's layers."""

    def __init__(self, attribute, value, units=3, **kwargs):
        super().__init__(**kwargs)
        setattr(self, attribute, value)
        self.inner = layers.Dense(units)

    def call(self, x):
        return self.inner(x)


class Two(layers.Layer):
    """A layer with two outputs."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(units, "softmax"), layers.Dense(2)

    def call(self, x):
        return self.first(x), {"rest": self.second(x)}


class Noisy(layers.Layer):
    """A layer that draws random numbers and counts its calls, and so must not be called for nothing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = layers.Dropout(0.5)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32")

    def call(self, x):
        self.count.assign_add(1)
        return self.drop(x, training=True)


class Wrapped(keras.Model):
    """A model of the user's own class."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x):
        return self.inner(x)


class OwnStep(keras.Model):
    """A functional model with a training step of its own."""

    def train_step(self, data):
        return super().train_step(data)


class OwnLoss(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(ops.cast(y_true, y_pred.dtype) - y_pred), axis=-1)


class OwnMetric(metrics.Metric):
    def __init__(self, name="own", **kwargs):
        super().__init__(name=name, **kwargs)
        self.seen = self.add_variable(shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.assign_add(1.0)

    def result(self):
        return self.seen


class Batches(keras.utils.PyDataset):
    """A dataset of the user's own."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = parts
        self[0]  # a dataset that cannot be read is no case

    def __len__(self):
        return 2

    def __getitem__(self, index):
        half = slice(index * ROWS // 2, (index + 1) * ROWS // 2)
        return keras.tree.map_structure(lambda part: None if part is None else part[half], self.parts)


class Callme:
    """A loss or metric that is neither a function nor Keras's own."""

    def __call__(self, y_true, y_pred):
        return ops.mean(ops.square(ops.cast(y_true, y_pred.dtype) - y_pred), axis=-1)


def squares(y_true, y_pred, power=2):
    return ops.mean(ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred) ** power, axis=-1)


def dense(units=3, activation=None, **kwargs):
    return layers.Dense(units, activation, **kwargs)


def functional(units, activation, width=4, lead=()):
    i = keras.Input((*lead, width))
    return keras.Model(i, dense(units, activation)(i))


# ---------------------------------------------------------------------------------------------------------------------
# What a case is made of: first what is common, then what is odd

# For each ending the number of its units, and a function of the trunk's output and the head's name
ENDINGS: dict[str, tuple[int, Callable[[Any, str], Any]]] = {
    "linear 1": (1, lambda t, name: dense(1, name=name)(t)),
    "sigmoid 1": (1, lambda t, name: dense(1, "sigmoid", name=name)(t)),
    "softmax 3": (3, lambda t, name: dense(3, "softmax", name=name)(t)),
    "linear 3": (3, lambda t, name: dense(name=name)(t)),
    "sigmoid 3": (3, lambda t, name: dense(3, "sigmoid", name=name)(t)),
    "relu 1": (1, lambda t, name: dense(1, "relu", name=name)(t)),
    "own activation": (3, lambda t, name: dense(3, lambda x: x * 2, name=name)(t)),
    "partial activation": (3, lambda t, name: dense(3, functools.partial(keras.activations.relu, max_value=1))(t)),
    "layer as activation": (3, lambda t, name: dense(3, layers.LeakyReLU(), name=name)(t)),
    "leaky 1": (1, lambda t, name: layers.LeakyReLU(name=name)(dense(1)(t))),
    "float32": (3, lambda t, name: layers.Activation("linear", dtype="float32", name=name)(dense(3, "softmax")(t))),
    "bfloat16": (3, lambda t, name: dense(3, "softmax", dtype="mixed_bfloat16", name=name)(t)),
    "softmax layer": (3, lambda t, name: layers.Softmax(name=name)(dense()(t))),
    "softmax, first axis": (3, lambda t, name: layers.Softmax(axis=1, name=name)(dense()(t))),
    "ops": (3, lambda t, name: ops.softmax(dense()(t))),
    "slice": (3, lambda t, name: dense(6)(t)[..., :3]),
    "one of a split": (3, lambda t, name: ops.split(dense(6)(t), 2, axis=-1)[1]),
    "lambda": (3, lambda t, name: layers.Lambda(lambda x: x * 2, name=name)(dense()(t))),
    "sum": (3, lambda t, name: dense()(t) + 1),
    "identity": (3, lambda t, name: layers.Identity(name=name)(dense(3, "softmax")(t))),
    "dropout": (3, lambda t, name: layers.Dropout(0.5, name=name)(dense(3, "softmax")(t))),
    "normalised": (3, lambda t, name: layers.BatchNormalization(name=name)(dense()(t))),
    "sequential": (3, lambda t, name: keras.Sequential([dense(4), dense(3, "softmax")], name=name)(t)),
    "functional": (3, lambda t, name: functional(3, "softmax", t.shape[-1], t.shape[1:-1])(t)),
    "multi-output": (1, lambda t, name: MultiOutput({"a": dense(1), "b": dense(2)})(t)["a"]),
    "one of two": (3, lambda t, name: Two(3, name=name)(t)[0]),
    "other of two": (2, lambda t, name: Two(3, name=name)(t)[1]["rest"]),
    "noisy": (3, lambda t, name: Noisy(name=name)(dense()(t))),
    "trunk": (4, lambda t, name: t),
    "constant": (1, lambda t, name: ops.zeros_like(t[..., :1])),
    "einsum": (3, lambda t, name: layers.EinsumDense("...a,ab->...b", output_shape=3, activation="softmax")(t)),
    **{
        f"own layer, {attribute}={label}": (3, lambda t, name, a=attribute, v=value: Odd(a, v, name=name)(t))
        for attribute, label, value in [
            ("activation", "text", "relu"),
            ("activation", "None", None),
            ("activation", "number", 3),
            ("activation", "object", object()),
            ("activation", "layer", layers.ReLU()),
            ("activation", "list", ["relu"]),
            ("activation", "partial", functools.partial(squares, power=3)),
            ("activation", "class", layers.ReLU),
            ("units", "text", "three"),
            ("units", "list", [3, 4]),
            ("heads", "number", 4),
            ("heads", "dict", {"a": 1}),
            ("layers", "text", "many"),
            ("layers", "list", []),
            ("outputs", "None", None),
            ("outputs", "number", 3),
            ("output_names", "list", ["a"]),
            ("fn", "number", 3),
            ("fn", "function", squares),
            ("axis", "text", "last"),
            ("layer", "None", None),
            ("forward_layer", "text", "x"),
            ("function", "number", 1),
        ]
    },
}
OF_STEPS = {
    "each step": (3, lambda t, name: layers.TimeDistributed(dense(3, "softmax"), name=name)(t)),
    "both ways": (4, lambda t, name: layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True), name=name)(t)),
    "recurrent": (3, lambda t, name: layers.GRU(3, return_sequences=True, activation="tanh", name=name)(t)),
    "convolution": (3, lambda t, name: layers.Conv1D(3, 1, activation="softmax", name=name)(t)),
    "attention": (4, lambda t, name: layers.MultiHeadAttention(1, 2, name=name)(t, t)),
}
LEADS = {"steps": (STEPS,), "any steps": (None,), "integers": (STEPS,), "map": (2, 3)}


SHORT = ["mse", "MSE", "mae", "mape", "msle", "bce", "kld", "crossentropy", "ce", "acc", "AUC", "auc"]


def made_of(module: Any) -> dict[str, Callable[[], Any]]:
    """Return by their names the classes of a module of Keras that need no argument."""
    return {
        name: functools.partial(lambda found: found(), found)
        for name, found in vars(module).items()
        if isinstance(found, type)
        and all(
            parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD
            for parameter in inspect.signature(found).parameters.values()
        )
    }


def functions_of(module: Any) -> list[str]:
    """Return the names of a module's functions, which `compile` takes as strings."""
    names = [name for name, found in vars(module).items() if callable(found) and not isinstance(found, type)]
    return [name for name in names if name not in ("get", "serialize", "deserialize")]


# For each kind of targets the losses that belong to it
FITTING = {
    "classes": ["sparse_categorical_crossentropy", "sparse object", "sparse logits", "sparse ignoring"],
    "one-hot": ["categorical_crossentropy", "CategoricalFocalCrossentropy", "Dice", "Tversky", "kl_divergence"],
    "yes": ["binary_crossentropy", "BinaryFocalCrossentropy", "binary logits", "hinge", "crossentropy"],
    "number": ["mse", "MeanAbsoluteError", "huber", "LogCosh", "own loss", "own function", "masked", "partial"],
    "count": ["poisson", "mape", "MeanSquaredLogarithmicError", "lambda", "callable"],
}
LOSSES: dict[str, Callable[[], Any]] = {
    "sparse object": lambda: losses.SparseCategoricalCrossentropy(),
    "sparse logits": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
    "sparse ignoring": lambda: losses.SparseCategoricalCrossentropy(ignore_class=0),
    "binary logits": lambda: losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "masked": lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight"),
    "summed": lambda: losses.MeanSquaredError(reduction="sum"),
    "not reduced": lambda: losses.MeanSquaredError(reduction=None),
    "own loss": lambda: OwnLoss(),
    "own function": lambda: squares,
    "keras function": lambda: losses.mean_squared_error,
    "lambda": lambda: lambda y_true, y_pred: squares(y_true, y_pred),
    "partial": lambda: functools.partial(squares, power=1),
    "callable": lambda: Callme(),
    "wrapped function": lambda: losses.deserialize("mse"),
    "class": lambda: losses.MeanSquaredError,
    "tuple": lambda: ("mse",),
    "list": lambda: ["mse"],
    "two in a list": lambda: ["mse", "mae"],
    "dict": lambda: {"a": "mse"},
    "unknown": lambda: "mean_square_eror",
    "number": lambda: 3,
    "None": lambda: None,
    "bound method": lambda: OwnLoss().call,
    "config": lambda: {"class_name": "MeanSquaredError", "config": {}},
    **made_of(losses),
    **{name: functools.partial(str, name) for name in [*functions_of(losses), *SHORT]},
}
METRICS: dict[str, Callable[[], Any]] = {
    "accuracy": lambda: "accuracy",
    "lambda": lambda: lambda y_true, y_pred: ops.mean(y_pred),
    "own metric": lambda: OwnMetric(),
    "mae": lambda: "mae",
    "MSE object": lambda: metrics.MeanSquaredError(),
    "own function": lambda: squares,
    "partial": lambda: functools.partial(squares, power=1),
    "callable": lambda: Callme(),
    "None": lambda: None,
    "ACC": lambda: "ACC",
    "crossentropy": lambda: "crossentropy",
    "wrapper": lambda: metrics.MeanMetricWrapper(squares, name="wrapped"),
    "mean": lambda: metrics.Mean(),
    "unknown": lambda: "acuracy",
    "class": lambda: metrics.MeanSquaredError,
    "loss object": lambda: losses.MeanSquaredError(),
    "nested": lambda: ["mae", "mse"],
    "number": lambda: 5,
    **made_of(metrics),
    **{name: functools.partial(str, name) for name in [*functions_of(metrics), *SHORT]},
    "MeanIoU": lambda: metrics.MeanIoU(3),
    "OneHotIoU": lambda: metrics.OneHotIoU(3, [0]),
    "PrecisionAtRecall": lambda: metrics.PrecisionAtRecall(0.5),
    "AUC of labels": lambda: metrics.AUC(multi_label=True, num_labels=3),
    "Precision of class": lambda: metrics.Precision(class_id=1),
    "Precision of top": lambda: metrics.Precision(top_k=1),
    "Precision of many": lambda: metrics.Precision(thresholds=[0.2, 0.8]),
}


def table(array):
    return pd.DataFrame(array) if array.ndim == 2 else pd.Series(array) if array.ndim == 1 else array


def series(array, dtype):
    return pd.Series(array.ravel()[: len(array)].astype(int)).astype(dtype)


def ragged(array):
    rows = np.repeat(np.arange(len(array)), array[0].size)
    return tf.RaggedTensor.from_value_rowids(array.ravel(), rows, nrows=len(array))


DTYPES: dict[str, Callable[[np.ndarray], Any]] = {
    "float32": lambda array: array.astype("float32"),
    "as made": lambda array: array,
    "int64": lambda array: array.astype("int64"),
    "uint8": lambda array: array.astype("uint8"),
    "tensor": lambda array: tf.constant(array),
    "pandas": table,
    "column": lambda array: array.reshape(-1, 1) if array.ndim == 1 else array,
    "flat": lambda array: array[..., 0] if array.shape[-1] == 1 else array,
    "float16": lambda array: array.astype("float16"),
    "bool": lambda array: array > 0,
    "int8 tensor": lambda array: tf.cast(tf.constant(array), "int8"),
    "bfloat16": lambda array: tf.cast(tf.constant(array), "bfloat16"),
    "variable": lambda array: tf.Variable(array),
    "keras variable": lambda array: keras.Variable(array),
    "lists": lambda array: array.tolist(),
    "Int64": lambda array: series(array, "Int64"),
    "Int64 with gaps": lambda array: series(array, "Int64").mask(lambda column: column == column[0]),
    "category": lambda array: series(array, "category"),
    "names": lambda array: series(array, "category").cat.rename_categories(lambda value: f"name {value}"),
    "boolean": lambda array: series(array > 0, "boolean"),
    "dates": lambda array: pd.Series(pd.date_range("2026-01-01", periods=len(array))),
    "table of Int64": lambda array: pd.DataFrame({"a": series(array, "Int64"), "b": series(array, "float")}),
    "table with text": lambda array: pd.DataFrame({"a": series(array, "str"), "b": series(array, "float")}),
    "object": lambda array: array.astype(object),
    "text": lambda array: array.astype(str),
    "bytes": lambda array: array.astype("S"),
    "string tensor": lambda array: tf.strings.as_string(tf.constant(array)),
    "NaN": lambda array: np.where(np.arange(array.size).reshape(array.shape) == 1, np.nan, array),
    "masked": lambda array: np.ma.masked_array(array, array > 0),
    "complex": lambda array: array.astype("complex64"),
    "dates of NumPy": lambda array: np.arange(len(array)).astype("datetime64[D]"),
    "ragged": ragged,
    "sparse": lambda array: tf.sparse.from_dense(array),
    "None": lambda array: None,
    "empty": lambda array: array[:0],
    "short": lambda array: array[:3],
    "number": lambda array: 1.0,
    "matrix": lambda array: np.asmatrix(array) if array.ndim <= 2 else array,
    "Fortran": lambda array: np.asfortranarray(array),
    "read-only": lambda array: np.lib.stride_tricks.as_strided(array, writeable=False),
    "generator": lambda array: iter(array),
    "dict": lambda array: {"a": array},
    "extra axis": lambda array: array[..., None],
}
WEIGHTS: dict[str, Callable[[np.ndarray, tuple], Any]] = {
    "none": lambda rows, lead: None,
    "of the loss": lambda rows, lead: np.resize(rows, (ROWS, *lead)),
    "per row": lambda rows, lead: rows,
    "column": lambda rows, lead: rows[:, None],
    "of the output": lambda rows, lead: np.resize(rows, (ROWS, *lead, 3)),
    "ones": lambda rows, lead: np.ones(ROWS),
    "bool": lambda rows, lead: rows > 0,
    "int": lambda rows, lead: rows.astype(int),
    "pandas": lambda rows, lead: pd.Series(rows),
    "table": lambda rows, lead: pd.DataFrame({"w": rows}),
    "Int64": lambda rows, lead: pd.Series(rows).astype("Int64"),
    "tensor": lambda rows, lead: tf.constant(rows),
    "list": lambda rows, lead: rows.tolist(),
    "short": lambda rows, lead: rows[:2],
    "number": lambda rows, lead: 2.0,
    "negative": lambda rows, lead: rows - 1,
    "zeros": lambda rows, lead: rows * 0,
    "NaN": lambda rows, lead: np.where(rows > 0, rows, np.nan),
    "text": lambda rows, lead: rows.astype(str),
    "axes": lambda rows, lead: rows[:, None, None],
    "object": lambda rows, lead: rows.astype(object),
}
LOSS_WEIGHTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "number": lambda: 0.5,
    "int": lambda: 1,
    "zero": lambda: 0.0,
    "keras variable": lambda: keras.Variable(0.5, trainable=False),
    "tf variable": lambda: tf.Variable(0.5),
    "tensor": lambda: tf.constant(0.5),
    "NumPy": lambda: np.float32(0.5),
    "array": lambda: np.ones(1, "float32"),
    "text": lambda: "0.5",
    "negative": lambda: -1.0,
}


def used_before():
    optimizer = keras.optimizers.Adam()
    variable = keras.Variable([1.0])
    optimizer.apply([ops.ones(1)], [variable])
    return optimizer


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: "sgd",
    "Adam": lambda: keras.optimizers.Adam(),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
    "accumulating": lambda: keras.optimizers.Adam(gradient_accumulation_steps=3),
    "averaging": lambda: keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=2),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
    "config": lambda: {"class_name": "SGD", "config": {"learning_rate": 0.1}},
    "muon": lambda: keras.optimizers.Muon(),
    "used before": used_before,
    "None": lambda: None,
}
INPUTS = ["numbers", "dict", "steps", "any steps", "map", "integers", "list", "tuple", "strings", "one input in a dict"]
FORMS = ["dict", "list", "single", "tuple", "list of one", "dict of one", "nested", "dict of lists"]
MODELS = ["functional", "inside", "subclass", "subclass, called", "own step", "sequential", "sequential, not built"]
MODELS += ["sequential, around", "subclass in a model", "mirrored"]
PARTS = ["as the outputs", "dicts", "lists", "one loss for all", "one target for all", "flat metrics", "missing keys"]
PARTS += ["extra keys", "tuples", "weights for all", "one metric for all", "targets in a tuple", "integer keys"]
DELIVERIES = ["arrays", "dataset", "weighted dataset", "without shapes", "own batches", "own weighted batches"]
DELIVERIES += ["padded", "distributed", "single rows", "no batch", "only x", "uneven batches", "triple of tuple"]
DELIVERIES += ["dataset and weights", "lists in dataset", "endless"]
COMPILED = ["eagerly", "jit", "twice", "steps per execution", "weighted metrics", "all weighted", "auto scale"]
STATES = ["new", "not compiled", "frozen", "one layer frozen", "frozen late", "trained", "failed", "cloned"]


ODD = [*Case._fields, *Head._fields[2:]]


class Drawing:
    """Draws names, odd ones for a few fields only, so that `fit` takes most of the cases."""

    def __init__(self, numbers: random.Random) -> None:
        self.numbers = numbers
        self.odd = numbers.sample(ODD, numbers.randint(0, 4))

    def name(self, field: str, names: list[str], common: int) -> str:
        """Draw one of the first names, or, for a field that is odd, any of them."""
        return self.numbers.choice(names if field in self.odd else names[:common])

    def head(self, lead: tuple | None) -> Head:
        """Draw one head, for a trunk whose output has these axes between rows and channels."""
        of_steps = list(OF_STEPS) if lead is not None and len(lead) == 1 else []
        ending = self.numbers.choice([*of_steps, *ENDINGS])
        units = {**ENDINGS, **OF_STEPS}[ending][0]
        kinds = sorted(FITTING, key=lambda kind: units == 1 and kind in ("classes", "one-hot"))
        kind = self.name("kind", kinds, 3 if units == 1 else 5)
        fitting = FITTING[kind]
        return Head(
            ending,
            self.numbers.random() < 0.5 and ending in ENDINGS,
            kind,
            self.name("dtype", list(DTYPES), 6),
            self.name("loss", [*fitting, *sorted(LOSSES)], len(fitting)),
            tuple(
                self.name("metrics", list(METRICS), 3 if kind == "classes" else 6)
                for _ in range(self.numbers.randint(0, 2))
            ),
            self.name("weight", list(WEIGHTS), 2),
        )

    def case(self) -> Case:
        """Draw a whole case."""
        inputs, form = self.name("inputs", INPUTS, 7), self.name("form", FORMS, 4)
        alone = form in ("single", "list of one", "dict of one")
        models = [model for model in MODELS if alone or not model.startswith("sequential")]
        return Case(
            inputs,
            form,
            self.name("model", models, 5),
            tuple(self.head(LEADS.get(inputs)) for _ in range(1 if alone else self.numbers.randint(2, 3))),
            self.name("parts", PARTS, 2 if form == "dict" else 1),
            self.name("loss_weights", list(LOSS_WEIGHTS), 2),
            self.name("optimizer", list(OPTIMIZERS), 2),
            self.name("delivery", DELIVERIES, 6),
            tuple(self.numbers.sample(COMPILED, 2) if "compiled" in self.odd else ()),
            self.name("state", STATES, 1),
        )


def cases() -> st.SearchStrategy[Case]:
    """Draw cases evenly, which Hypothesis's own choices do not: it repeats parts of earlier examples."""
    return st.randoms(use_true_random=True).map(lambda numbers: Drawing(numbers).case())


# ---------------------------------------------------------------------------------------------------------------------
# Building a case


NAMES = ["kind", "yes", "number"]


def numbers(*shape):
    return np.random.default_rng(len(shape)).random((ROWS, *shape)).astype("float32")


def trunk(name: str) -> tuple[Any, Any, Any]:
    """Return a model's inputs, what the heads get, and the data for it."""
    if name in ("dict", "list", "tuple", "one input in a dict"):
        parts = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
        if name == "one input in a dict":
            return {"a": parts["a"]}, dense(4)(parts["a"]), {"a": numbers(3)}
        joined = dense(4)(layers.Concatenate()(list(parts.values())))
        kind = {"dict": dict, "list": lambda part: list(part.values()), "tuple": lambda part: tuple(part.values())}[
            name
        ]
        return kind(parts), joined, kind({"a": numbers(3), "b": numbers(3)})
    if name == "integers":
        i = keras.Input((STEPS,), dtype="int32")
        return i, layers.Embedding(9, 4)(i), np.arange(ROWS * STEPS).reshape(ROWS, STEPS) % 9
    if name == "strings":
        i = keras.Input((1,), dtype="string")
        return i, dense(4)(layers.Hashing(3, output_mode="one_hot")(i)), tf.constant([["a"], ["b"]] * (ROWS // 2))
    shape = {"steps": (STEPS, 3), "any steps": (None, 3), "map": (2, 3, 3)}.get(name, (6,))
    i = keras.Input(shape)
    return i, dense(4, "relu")(i), numbers(*(STEPS if size is None else size for size in shape))


def arranged(form: str, values: list) -> Any:
    """Put one value for each head into the form of the outputs."""
    named = dict(zip(NAMES, values, strict=False))
    return {
        "single": lambda: values[0],
        "list": lambda: values,
        "list of one": lambda: values,
        "tuple": lambda: tuple(values),
        "dict": lambda: named,
        "dict of one": lambda: named,
        "nested": lambda: {"first": {"kind": values[0]}, "rest": {"yes": values[1], "number": values[-1]}},
        "dict of lists": lambda: {"first": values[:1], "rest": values[1:]},
        "integer keys": lambda: dict(enumerate(values)),
    }[form]()


def model_of(case: Case) -> tuple[keras.Model, Any, list]:
    """Return the model, its data, and the shape of each head's output."""
    inputs, joined, x = trunk(case.inputs)
    tensors = []
    for name, head in zip(NAMES, case.heads, strict=False):
        rank = len(joined.shape)
        pooled = ops.mean(joined, axis=tuple(range(1, rank - 1))) if head.pooled and rank > 2 else joined
        tensors.append({**ENDINGS, **OF_STEPS}[head.ending][1](pooled, name))
    shapes = [[ROWS, *(size or STEPS for size in tensor.shape[1:])] for tensor in tensors]
    form = "integer keys" if case.parts == "integer keys" else case.form
    inner = (OwnStep if case.model == "own step" else keras.Model)(inputs, arranged(form, tensors))
    return MODEL_FORMS.get(case.model, lambda inner, x: inner)(inner, x), x, shapes


def called(model, x):
    model(x)
    return model


def again(inner, model):
    return keras.Model(inner.input, model(inner.input))


MODEL_FORMS: dict[str, Callable] = {
    "inside": lambda inner, x: again(inner, inner),
    "subclass": lambda inner, x: Wrapped(inner),
    "subclass, called": lambda inner, x: called(Wrapped(inner), keras.tree.map_structure(lambda part: part[:2], x)),
    "subclass in a model": lambda inner, x: again(inner, Wrapped(inner)),
    "sequential": lambda inner, x: keras.Sequential([keras.Input(inner.input.shape[1:]), *inner.layers[1:]]),
    "sequential, around": lambda inner, x: keras.Sequential([inner]),
    "sequential, not built": lambda inner, x: keras.Sequential([dense(4), inner.layers[-1]]),
}


def target_of(head: Head, shape: list, place: int) -> Any:
    count = np.arange(np.prod(shape)).reshape(shape) + place
    array = {
        "classes": lambda: (np.arange(np.prod(shape[:-1])).reshape(shape[:-1]) + place) % shape[-1],
        "one-hot": lambda: np.eye(shape[-1], dtype="float32")[count[..., 0] % shape[-1]],
        "yes": lambda: (count % 2).astype("float32"),
        "number": lambda: np.sin(count),
        "count": lambda: (count % 3).astype("float32"),
    }[head.kind]()
    return DTYPES[head.dtype](array)


def parts_of(case: Case, shapes: list) -> dict[str, Any]:
    """Return losses, metrics, loss weights, targets and weights in the form that the case wants."""
    each = {
        "loss": [LOSSES.get(head.loss, lambda h=head: h.loss)() for head in case.heads],
        "metrics": [[METRICS[name]() for name in head.metrics] for head in case.heads],
        "loss_weights": [LOSS_WEIGHTS[case.loss_weights]() for _ in case.heads],
        "y": [
            target_of(head, shape, place) for place, (head, shape) in enumerate(zip(case.heads, shapes, strict=True))
        ],
        "sample_weight": [
            WEIGHTS[head.weight](np.resize([1.0, 0.0, 2.0], ROWS).astype("float32"), tuple(shape[1:-1]))
            for head, shape in zip(case.heads, shapes, strict=True)
        ],
    }
    parts = {name: arranged(PART_FORMS.get(case.parts, case.form), values) for name, values in each.items()}
    if all(weight is None for weight in each["sample_weight"]):
        parts["sample_weight"] = None
    if case.loss_weights == "none":
        parts["loss_weights"] = None
    if case.parts == "one loss for all":
        parts.update(loss=each["loss"][0], metrics=None, loss_weights=None)
    elif case.parts == "one target for all":
        parts["y"] = each["y"][0]
    elif case.parts == "targets in a tuple":
        parts["y"] = tuple(each["y"])
    elif case.parts == "flat metrics":
        parts["metrics"] = [names[0] if names else "mae" for names in each["metrics"]]
    elif case.parts == "one metric for all":
        parts["metrics"] = each["metrics"][0]
    elif case.parts == "weights for all":
        parts["sample_weight"] = each["sample_weight"][0]
    elif case.parts == "missing keys":
        parts = {name: dict(list(part.items())[1:]) if isinstance(part, dict) else part for name, part in parts.items()}
    elif case.parts == "extra keys":
        parts = {name: {**part, "more": None} if isinstance(part, dict) else part for name, part in parts.items()}
    return parts


PART_FORMS = {"dicts": "dict", "lists": "list", "tuples": "tuple", "integer keys": "integer keys"}


def compiled(model: keras.Model, case: Case, parts: dict[str, Any]) -> None:
    """Compile the model as the case says."""
    if case.state == "frozen":
        model.trainable = False
    if case.state == "one layer frozen":
        model.layers[-1].trainable = False
    arguments = {name: parts[name] for name in ("loss", "metrics", "loss_weights")}
    if "weighted metrics" in case.compiled:
        arguments["weighted_metrics"] = arguments.pop("metrics")
    elif "all weighted" in case.compiled:
        arguments["weighted_metrics"] = ["mae"]
    if "jit" in case.compiled:
        arguments["jit_compile"] = True
    elif "eagerly" in case.compiled:
        arguments["run_eagerly"] = True
    if "auto scale" in case.compiled:
        arguments["auto_scale_loss"] = False
    if "steps per execution" in case.compiled:
        arguments["steps_per_execution"] = 2
    if "twice" in case.compiled:
        model.compile("sgd", **arguments)
        arguments = {"loss": arguments["loss"]}
    model.compile(OPTIMIZERS[case.optimizer](), **arguments)


def tupled(structure):
    return tuple(structure) if isinstance(structure, list) else structure


def sliced(x, parts, weighted):
    return tf.data.Dataset.from_tensor_slices(tuple(map(tupled, (x, parts["y"], *weighted))))


def without_shapes(dataset):
    elements = list(dataset)
    signature = keras.tree.map_structure(lambda leaf: tf.TensorSpec(None, leaf.dtype), elements[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=signature)
    next(iter(dataset))  # a dataset that cannot be read is no case
    return dataset


def padded(dataset):
    shapes = keras.tree.map_structure(lambda leaf: [None] * len(leaf.shape), dataset.element_spec)
    return dataset.padded_batch(4, keras.tree.map_structure_up_to(dataset.element_spec, lambda shape: shape, shapes))


def delivered(case: Case, x: Any, parts: dict[str, Any]) -> tuple:
    """Return what `fit` is given, and what `check_heads` is given."""
    y, weight = parts["y"], parts["sample_weight"]
    weighted = () if weight is None else (weight,)
    if case.delivery == "arrays":
        return (x, y, weight), (y, weight)
    if case.delivery.startswith("own"):
        dataset = Batches(*map(tupled, (x, y, *(weighted if "weighted" in case.delivery else ()))))
    elif case.delivery == "only x":
        dataset = tf.data.Dataset.from_tensor_slices(x).batch(4)
    else:
        dataset = DATASETS[case.delivery](sliced(x, parts, weighted if "weight" in case.delivery else ()))
    return (dataset, None, None), (dataset, weight if case.delivery == "dataset and weights" else None)


DATASETS: dict[str, Callable] = {
    "dataset": lambda rows: rows.batch(4),
    "dataset and weights": lambda rows: rows.batch(4),
    "weighted dataset": lambda rows: rows.batch(4),
    "without shapes": lambda rows: without_shapes(rows.batch(4)),
    "padded": lambda rows: rows.padded_batch(4),
    "distributed": lambda rows: tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(
        rows.batch(4)
    ),
    "single rows": lambda rows: rows,
    "no batch": lambda rows: rows.take(0).batch(4),
    "uneven batches": lambda rows: rows.batch(5),
    "triple of tuple": lambda rows: rows.batch(4).map(lambda *parts: (parts,)),
    "lists in dataset": lambda rows: rows.batch(4).map(lambda *parts: list(parts)),
    "endless": lambda rows: rows.batch(4).repeat(),
}


# ---------------------------------------------------------------------------------------------------------------------
# What must hold


def states(model: keras.Model, given: Any) -> list[str]:
    """Return all that the check may not change, as text."""
    variables = [*model.variables, *model.metrics_variables]
    variables += model.optimizer.variables if getattr(model, "optimizer", None) else []
    return [
        *(f"{variable.path} {variable.numpy().tolist()}" for variable in variables),
        *(f"{layer.name} {layer.trainable} {layer.built}" for layer in model.layers),
        f"{model.built} {getattr(model, 'train_function', None)}",
        *(written(leaf) for leaf in keras.tree.flatten(given)),
        str(np.random.get_state()),  # noqa: NPY002
        str(random.getstate()),
    ]


def written(leaf: Any) -> str:
    lazy = isinstance(leaf, tf.data.Dataset | keras.utils.PyDataset) or hasattr(leaf, "__next__")
    return "" if lazy or not hasattr(leaf, "shape") else f"{type(leaf)} {leaf}"


def takes_a_step(model: keras.Model, given: tuple) -> bool:
    """Whether `fit` trains on what it is given."""
    try:
        model.run_eagerly = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(*given[:2], sample_weight=given[2], batch_size=ROWS, steps_per_epoch=1, verbose=0)
    except Exception:
        return False
    return True


def built(case: Case) -> tuple:
    """Return the model, and what `fit` and `check_heads` are given, or None where Keras does not build it."""
    scope = tf.distribute.MirroredStrategy(["CPU:0"]).scope if case.model == "mirrored" else contextlib.nullcontext
    with scope():
        model, x, shapes = model_of(case)
        if case.state == "cloned":
            model = keras.models.clone_model(model)
        parts = parts_of(case, shapes)
        if case.state != "not compiled":
            compiled(model, case, parts)
    to_fit, to_check = delivered(case, x, parts)
    if case.state == "trained":
        takes_a_step(model, to_fit)
    elif case.state == "failed":
        takes_a_step(model, (x, "nothing", None))
    elif case.state == "frozen late":
        takes_a_step(model, to_fit)
        model.layers[-1].trainable = False
    return model, to_fit, to_check


def judge(case: Case) -> str:
    """Assert what must hold for a case, and say what it was."""
    try:
        parts = built(case)
    except Exception:
        return "not built"
    return outcome(*parts)


def outcome(model: keras.Model, to_fit: tuple, to_check: tuple) -> str:
    """Assert what must hold for a model and what it is given, and say what it was."""
    before = states(model, to_check)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            report = check_heads(model, *to_check)
    except (TypeError, ValueError) as error:
        if re.match(ABOUT_ITS_ARGUMENTS, str(error)):
            return "refused"
        raise
    str(report)
    assert states(model, to_check) == before
    if not takes_a_step(model, to_fit):
        return "not trained"
    assert not report.notes, report.notes
    said = [warning.message for warning in warned if warning.category is UserWarning]
    assert not said, said
    return "found" if report else "silent"


def test_what_fit_accepts_is_judged_without_an_exception_or_a_change():
    counts = collections.Counter()

    @hypothesis.given(cases())
    @hypothesis.settings(
        deadline=None,
        database=None,
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 120,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def judged(case):
        counts[judge(case)] += 1

    judged()
    print(dict(counts))
    trained = counts["found"] + counts["silent"]
    assert trained >= sum(counts.values()) / 4
    assert counts["silent"] >= trained / 10


# ---------------------------------------------------------------------------------------------------------------------
# Models that no table has


X = np.random.default_rng(0).normal(size=(ROWS, 6)).astype("float32")
KIND = np.arange(ROWS) % 3
NUMBER = X[:, :1]
SPARSE = "sparse_categorical_crossentropy"
LOSSES_OF_TWO = {"kind": SPARSE, "number": "mse"}


def targets():
    return {"kind": KIND.copy(), "number": NUMBER.copy()}


def two_heads(tensor):
    return {"kind": dense(3, "softmax", name="kind")(tensor), "number": dense(1, name="number")(tensor)}


def two_heads_on(layer, x=X, dtype="float32", **arguments):
    """A functional model with two heads on a layer."""
    i = keras.Input(x.shape[1:], dtype=dtype)
    model = keras.Model(i, two_heads(layer(i)))
    model.compile("sgd", LOSSES_OF_TWO, **arguments)
    return model, x, targets()


class OwnModel(keras.Model):
    """A model of the user's own class with two heads, whose outputs another class changes."""

    def __init__(self, layer=None):
        super().__init__()
        self.layer = layer or layers.Identity()
        self.kind, self.number = dense(3, "softmax"), dense(1)

    def call(self, x):
        h = self.layer(x)
        return self.ending({"kind": self.kind(h), "number": self.number(h)})

    def ending(self, heads):
        return heads


def own_model(layer=None, x=X, cls=OwnModel, losses=None, rows=2, **arguments):
    model = cls(layer)
    model.compile("sgd", losses or LOSSES_OF_TWO, **arguments)
    model(x[:rows])
    return model, x, targets()


def ending_in(change, extra):
    """A model whose `call` returns something more, which no loss needs."""
    cls = type("Ending", (OwnModel,), {"ending": lambda self, heads: heads | {"extra": change(heads["kind"])}})
    model, x, y = own_model(cls=cls, losses={**LOSSES_OF_TWO, "extra": None} if extra else None)
    return model, x, y


class Fixed(layers.Layer):
    """A layer that takes no other number of rows than one."""

    def call(self, x):
        if x.shape[0] != ROWS // 2:
            raise RuntimeError("another number of rows was wanted")
        return x


class Forced(layers.Layer):
    """A layer that always runs as in training."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x):
        return self.inner(x, training=True)


class Refusing(layers.Layer):
    """A layer whose attribute cannot be read."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = dense(3)

    def call(self, x):
        return self.inner(x)

    @property
    def activation(self):
        raise RuntimeError("not now")


class Anything:
    """Something that has every attribute."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, x):
        return x


class NoModule:
    __module__ = None

    def __call__(self, x):
        return x


class OwnSparse(losses.SparseCategoricalCrossentropy):
    def __init__(self, note):
        super().__init__()
        self.note = note


class WithoutConfig(OwnLoss):
    fn = 3

    def get_config(self):
        raise NotImplementedError


class MetricWithoutConfig(metrics.BinaryAccuracy):
    def get_config(self):
        raise NotImplementedError


def rows_of(model, x, y):
    return model, tf.data.Dataset.from_tensor_slices((x, y)).batch(ROWS // 2)


def maps(weighted):
    """Batches of maps with another size each."""
    i = keras.Input((None, None, 3))
    heads = {"map": layers.Conv2D(3, 1, activation="softmax", name="map")(i)}
    model = keras.Model(i, heads | {"kind": dense(3, "softmax", name="kind")(layers.GlobalAveragePooling2D()(i))})
    model.compile("sgd", SPARSE)
    spec, rows = tf.TensorSpec((None, None, None)), tf.TensorSpec((None,))
    signature = (tf.TensorSpec((None, None, None, 3)), {"map": spec, "kind": rows}, {"map": spec, "kind": rows})

    def batches():
        for size in (3, 5, 4):
            y = {"map": np.zeros((2, size, size)), "kind": np.zeros(2)}
            yield (np.zeros((2, size, size, 3)), y, {name: part + 1 for name, part in y.items()})[: 2 + weighted]

    return model, tf.data.Dataset.from_generator(batches, output_signature=signature[: 2 + weighted])


def sparse_inputs():
    model = keras.Sequential([keras.Input((6,), sparse=True), dense(3, "softmax")])
    model.compile("sgd", SPARSE)
    return model, tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(X), KIND)).batch(4)


def weights_for_one_head():
    model, x, y = two_heads_on(layers.Identity())
    weights = {"kind": np.ones(ROWS), "number": None}
    return model, tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(4)


def open_last_axis():
    i = keras.Input((None,), dtype="int32")
    model = keras.Model(i, {"step": layers.Softmax(name="step")(ops.mean(layers.Embedding(9, 4)(i), axis=-1))})
    model.compile("sgd", SPARSE)
    return model, np.ones((ROWS, 4), int), {"step": KIND}


def one_number():
    i = keras.Input((6,))
    model = keras.Model(i, {"kind": dense(3, "softmax")(i), "number": layers.Flatten()(dense(1)(i))[:, 0]})
    model.compile("sgd", LOSSES_OF_TWO)
    weights = {"kind": np.ones(ROWS), "number": np.ones(ROWS)}
    return model, X, {"kind": KIND, "number": NUMBER[:, 0]}, weights


def recurrent():
    steps = np.random.default_rng(0).random((ROWS, 4, 3)).astype("float32")
    return rows_of(*own_model(layers.LSTM(4, stateful=True), steps, rows=ROWS // 2))


def own_class_of_dictionaries():
    i = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
    model = Wrapped(keras.Model(i, two_heads(layers.Concatenate()([i["a"], i["b"]]))))
    model.compile("sgd", LOSSES_OF_TWO)
    model({"a": X, "b": X})
    return model, {"a": X, "b": X}, targets()


def before_the_first_call():
    model = OwnModel()
    left_out = losses.SparseCategoricalCrossentropy(ignore_class=0)
    model.compile("sgd", {"kind": left_out, "number": "mse"}, metrics={"kind": ["accuracy"]})
    return model, X, targets()


def losses_of_layers():
    class Penalised(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(x))
            return x

    return own_model(Penalised())


def models_beside_the_heads():
    """A model that Keras calls compiled, with nothing that it was compiled with."""
    model, x, y = two_heads_on(layers.Identity())
    step = type("Step", (keras.Model,), {"train_step": lambda self, data: {"loss": ops.mean(self(data[0])["number"])}})
    model = step(model.input, model.output)
    model.compile(None)
    return model, x, y


WORDS = tf.constant(["a b", "c"] * (ROWS // 2))

UNUSUAL: dict[str, Callable[[], tuple]] = {
    "a stateful RNN": recurrent,
    "a fixed number of rows": lambda: rows_of(*own_model(Fixed(), rows=ROWS // 2, run_eagerly=True)),
    "a layer of strings": lambda: two_heads_on(
        lambda i: layers.Flatten()(layers.StringLookup(vocabulary=["a", "c"], output_mode="one_hot")(i)),
        tf.reshape(WORDS, (-1, 1)),
        "string",
    ),
    "an own class of strings": lambda: own_model(
        keras.Sequential([layers.TextVectorization(vocabulary=["a", "b"], output_mode="multi_hot")]), WORDS
    ),
    "a dataset of strings": lambda: rows_of(
        *own_model(keras.Sequential([layers.TextVectorization(vocabulary=["a"], output_mode="count")]), WORDS)
    ),
    "batch normalisation that always trains": lambda: own_model(Forced(layers.BatchNormalization())),
    "dropout that always drops": lambda: own_model(Forced(layers.Dropout(0.5))),
    "noise in the graph": lambda: two_heads_on(Forced(layers.GaussianNoise(1.0))),
    "pictures that turn": lambda: two_heads_on(
        lambda i: layers.Flatten()(layers.RandomFlip()(layers.RandomRotation(0.1)(i))), np.zeros((ROWS, 4, 4, 3))
    ),
    "spectral normalisation": lambda: two_heads_on(layers.SpectralNormalization(dense(4))),
    "buckets": lambda: two_heads_on(lambda i: layers.Discretization([0.0], output_mode="multi_hot")(i)),
    "a class left out before the first call": before_the_first_call,
    "inputs in a dictionary": own_class_of_dictionaries,
    "the loss of a layer": losses_of_layers,
    "an output that is None": lambda: ending_in(lambda kind: None, extra=False),
    "an output of text": lambda: ending_in(lambda kind: tf.strings.as_string(kind), extra=True),
    "an output of whole numbers": lambda: ending_in(lambda kind: ops.argmax(kind, -1), extra=True),
    "an output that is one number": lambda: ending_in(lambda kind: 3.0, extra=True),
    "an output without units": lambda: ending_in(lambda kind: kind[:, :0], extra=True),
    "an output that is ragged": lambda: ending_in(lambda kind: tf.RaggedTensor.from_tensor(kind), extra=True),
    "an open last axis": open_last_axis,
    "a head without a last axis": one_number,
    "inputs that are sparse": sparse_inputs,
    "maps of several sizes": lambda: maps(weighted=False),
    "maps of several sizes with weights": lambda: maps(weighted=True),
    "weights in a dataset for one head only": weights_for_one_head,
    "an attribute that raises": lambda: two_heads_on(Refusing()),
    "an activation that has everything": lambda: two_heads_on(dense(3, Anything())),
    "an activation without a module": lambda: two_heads_on(dense(3, NoModule())),
    "losses of an own class": lambda: own_model(losses={"kind": OwnSparse("note"), "number": WithoutConfig()}),
    "metrics of an own class": lambda: two_heads_on(
        layers.Identity(), metrics={"number": [MetricWithoutConfig()]}, weighted_metrics={"number": [OwnMetric()]}
    ),
    "no optimizer": models_beside_the_heads,
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_model_is_judged_without_an_exception_or_a_change(name):
    model, x, *rest = UNUSUAL[name]()
    to_check = (*rest, None)[:2] if rest else (x, None)
    assert outcome(model, (x, *rest, None, None)[:3], to_check) in ("found", "silent")


@pytest.mark.parametrize("where", ["numpy", "python", "keras", "tensorflow"])
def test_the_next_random_numbers_stay_the_same(where):
    draw = {
        "numpy": lambda: np.random.random(),  # noqa: NPY002
        "python": random.random,
        "keras": lambda: float(keras.random.uniform(())),
        "tensorflow": lambda: float(tf.random.uniform(())),
    }[where]
    model, *_ = own_model(Forced(layers.Dropout(0.5)))
    keras.utils.set_random_seed(3)
    check_heads(model, targets())
    drawn = draw()
    keras.utils.set_random_seed(3)
    assert draw() == drawn


def test_a_compiled_call_goes_on_counting():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.count.assign_add(1.0)
            return x

    class Compiled(OwnModel):
        @tf.function
        def call(self, x):
            return super().call(x)

    model, x, y = own_model(Counting(), cls=Compiled)
    check_heads(model, rows_of(model, x, y)[1])
    before = float(model.layer.count.numpy())
    model(x[: ROWS // 2])
    assert float(model.layer.count.numpy()) == before + 1


def test_layers_that_are_not_built_stay_so():
    class Late(OwnModel):
        def build(self, shape):
            self.built = True

    model = Late()
    model.compile("sgd", LOSSES_OF_TWO)
    model.build((None, 6))
    check_heads(model, targets())
    assert not model.kind.built
    assert not model.variables
