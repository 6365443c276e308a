"""What models, targets and optimizers are drawn from: first what is common, then what is odd."""

import functools
import inspect
import os
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pandas as pd

from mos_helpers.heads import MultiOutput

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
