"""Models that no table has are judged by `check_heads` without an exception or a change."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from mos_helpers.heads import check_heads

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics, ops  # isort: skip
from drawn_models import ROWS, OwnLoss, OwnMetric, Wrapped, dense
from test_check_heads_never_raises import outcome

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
