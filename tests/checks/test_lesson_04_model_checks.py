"""The check of question 4.4, which asks for a model: right models pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
from checking import outcome, refused

from mos_checks import lesson_04


def elements(name="accuracy"):
    return keras.metrics.BinaryAccuracy(threshold=0.5, name=name)


def macro_f1(name="f1", **changes):
    return keras.metrics.F1Score(**{"average": "macro", "threshold": 0.5} | changes, name=name)


def model_by(
    activation="sigmoid", loss="binary_crossentropy", metrics=None, layer="tags", units=None, hidden=8, **more
):
    """The model asked for, or one with a change."""

    def build(inputs, tags):
        image = keras.Input((inputs,))
        trunk = keras.layers.Dense(hidden, activation="relu")(image)
        output = keras.layers.Dense(units or tags, activation=activation, name=layer)(trunk)
        model = keras.Model(image, {layer: output})
        scores = metrics() if metrics else [elements(), macro_f1()]
        model.compile(optimizer="adam", loss={layer: loss}, metrics={layer: scores}, **more)
        return model

    return build


def in_steps(inputs, tags):
    image = keras.Input((inputs,))
    logits = keras.layers.Dense(tags)(keras.layers.Dropout(0.5)(image))
    model = keras.Model(image, {"tags": keras.layers.Activation("sigmoid", name="tags")(logits)})
    accuracy = keras.metrics.MeanMetricWrapper(
        lambda t, p: keras.ops.mean(keras.ops.cast(keras.ops.equal(t > 0.5, p > 0.5), "float32"), axis=-1), "accuracy"
    )
    model.compile("sgd", {"tags": keras.losses.BinaryCrossentropy()}, metrics={"tags": [accuracy, macro_f1()]})
    return model


def flat(inputs, tags):
    """A model that returns its one output without a dictionary."""
    image = keras.Input((inputs,))
    model = keras.Model(image, keras.layers.Dense(tags, "sigmoid", name="tags")(image))
    model.compile("adam", "binary_crossentropy", metrics=[elements(), macro_f1()])
    return model


def flat_by_name(inputs, tags):
    model = flat(inputs, tags)
    model.compile("adam", {"tags": "binary_crossentropy"}, metrics={"tags": [elements(), macro_f1()]})
    return model


def in_sequence(inputs, tags):
    layers = [keras.layers.Dense(1, "relu"), keras.layers.Dense(tags, "sigmoid", name="tags")]
    model = keras.Sequential([keras.Input((inputs,)), *layers])
    model.compile("adam", keras.losses.BinaryCrossentropy(), metrics=[macro_f1(), elements()])
    return model


def normalised(inputs, tags):
    image = keras.Input((inputs,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(16, "tanh", kernel_regularizer="l2")(image))
    output = keras.layers.Dense(tags, "sigmoid", name="tags")(keras.layers.LayerNormalization()(hidden))
    model = keras.Model(image, {"tags": output})
    model.compile("adam", {"tags": "binary_crossentropy"}, metrics={"tags": [elements(), macro_f1()]})
    return model


def with_policy(policy):
    def build(inputs, tags):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return model_by()(inputs, tags)
        finally:
            keras.config.set_dtype_policy(before)

    return build


class Subclassed(keras.Model):
    def __init__(self, tags):
        super().__init__()
        self.hidden = keras.layers.Dense(5, "relu")
        self.tags = keras.layers.Dense(tags, "sigmoid")

    def call(self, images):
        return {"tags": self.tags(self.hidden(images))}


def subclassed(inputs, tags):
    model = Subclassed(tags)
    model(np.zeros((1, inputs)))
    model.compile("adam", {"tags": "binary_crossentropy"}, metrics={"tags": [elements(), macro_f1()]})
    return model


@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`")
@pytest.mark.parametrize(
    "function",
    [
        model_by(),
        flat,
        flat_by_name,
        in_sequence,
        normalised,
        subclassed,
        with_policy("mixed_float16"),
        with_policy("mixed_bfloat16"),
        model_by(hidden=16),
        functools.partial(lambda size, *shape: model_by(hidden=size)(*shape), 3),
        in_steps,
        model_by(metrics=lambda: ["binary_accuracy", elements(), macro_f1()]),
        # Keras sees the sigmoid, takes what it got, and warns.
        model_by(loss=keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_repaired_models(function):
    assert outcome("4.4", function)[0] == "correct"


def two_activations(first, second="sigmoid"):
    def build(inputs, tags):
        image = keras.Input((inputs,))
        numbers = keras.layers.Dense(tags, first)(keras.layers.Dense(8, "relu")(image))
        model = keras.Model(image, {"tags": keras.layers.Activation(second, name="tags")(numbers)})
        model.compile("adam", {"tags": "binary_crossentropy"}, metrics={"tags": [elements(), macro_f1()]})
        return model

    return build


WRONG_MODELS = {
    "sigmoid twice": (two_activations("sigmoid"), "never states a probability below 0.5"),
    "relu first": (two_activations("relu"), "never states a probability below 0.5"),
    "softmax first": (two_activations("softmax"), "never states a probability below 0.5"),
    "log softmax first": (two_activations("log_softmax"), "never states a probability above 0.5"),
    "tanh first": (two_activations("tanh"), "never states a probability outside 0.27 to 0.73"),
    "sigmoid, then softmax": (two_activations("sigmoid", "softmax"), "a softmax lets the tags compete"),
    "three units": (model_by(units=3), "the output tags should have shape"),
    **{
        f"weighted, {size} hidden": (
            model_by(hidden=size, metrics=lambda: [elements(), macro_f1(average="weighted")]),
            '"f1" is the weighted F1',
        )
        for size in (8, 16)
    },
    "f1 of each": (model_by(metrics=lambda: [elements(), macro_f1(average=None)]), "has a number for each tag"),
    "sum over rows": (model_by(loss=keras.losses.BinaryCrossentropy(reduction="sum")), "is a sum over the rows"),
    "twice": (model_by(loss_weights={"tags": 2.0}), "2 times the binary cross-entropy"),
    "threshold 0.3": (model_by(metrics=lambda: [elements(), macro_f1(threshold=0.3)]), "at the threshold 0.5"),
    "exact match": (
        model_by(
            metrics=lambda: [
                keras.metrics.MeanMetricWrapper(
                    lambda t, p: keras.ops.cast(keras.ops.all((t > 0.5) == (p > 0.5), axis=-1), "float32"), "accuracy"
                ),
                macro_f1(),
            ]
        ),
        "is the exact match",
    ),
    "softmax": (model_by("softmax"), "a softmax lets the tags compete"),
    "no activation": (model_by(None), "numbers outside 0 to 1: give it a sigmoid"),
    "categorical": (model_by(loss="categorical_crossentropy"), "is the categorical cross-entropy: use the binary one"),
    **{
        f"smoothed by {s}": (
            model_by(loss=keras.losses.BinaryCrossentropy(label_smoothing=s)),
            "the loss smooths the labels: use the plain one",
        )
        for s in (0.05, 0.4)
    },
    "squares": (model_by(loss="mse"), "is the mean squared error"),
    "from logits": (
        model_by(loss=lambda t, p: keras.ops.mean(keras.ops.softplus(p) - t * p, axis=-1)),
        "takes the probabilities for logits",
    ),
    "sum": (
        model_by(loss=lambda t, p: keras.ops.sum(-t * keras.ops.log(p) - (1 - t) * keras.ops.log(1 - p), axis=-1)),
        "is a sum over the tags",
    ),
    "accuracy": (model_by(metrics=lambda: ["accuracy", macro_f1()]), "compares only the largest number of each row"),
    "no threshold": (
        model_by(metrics=lambda: [elements(), macro_f1(threshold=None)]),
        '"f1" has no threshold: it predicts one tag of each row',
    ),
    "micro": (model_by(metrics=lambda: [elements(), macro_f1(average="micro")]), '"f1" is the micro F1'),
    "threshold 0": (
        model_by(metrics=lambda: [keras.metrics.BinaryAccuracy(threshold=0.01, name="accuracy"), macro_f1()]),
        "and at the threshold 0.5 it should be",
    ),
    "equal": (
        model_by(metrics=lambda: [keras.metrics.Accuracy(name="accuracy"), macro_f1()]),
        "asks whether the probability equals the target",
    ),
    "other name": (model_by(metrics=lambda: [elements("right"), macro_f1()]), '"accuracy" is missing: name the metric'),
    "no f1": (model_by(metrics=lambda: [elements()]), '"f1" is missing'),
    "other output": (model_by(layer="labels"), "should be tags, and yours are labels"),
    "one unit": (model_by(units=1), "the output tags should have shape"),
    "not compiled": (
        lambda inputs, tags: keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(tags, "sigmoid")]),
        "is not compiled yet",
    ),
    "a model": (model_by()(5, 3), "should be a function"),
    "nothing": (lambda inputs, tags: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_wrong_models(answer, words):
    refused("4.4", answer, words)


@pytest.mark.parametrize("seed", range(5))
def test_labels_tell_the_mistakes_in_metrics_apart(seed):
    rng = np.random.default_rng(seed)
    stated = 1 / (1 + np.exp(-rng.normal(0, 2, (80, 4)) - rng.normal(0, 1, 4)))
    truth = lesson_04._truth_that_tells(stated)
    for name, right in lesson_04.RIGHT_METRICS.items():
        for wrong in lesson_04.WRONG_METRICS[name].values():
            assert abs(right(truth, stated) - wrong(truth, stated)) > 0.01
