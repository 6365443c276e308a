"""The checks of exercise 2: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from keras import layers

from mos_helpers import data

# Some of the wrong answers are ones that Keras itself warns of.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

LABELS = np.arange(40) % 10
LOSSES = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}

# --- 2.1


def good(**changes):
    """The dictionary asked for; `changes` replaces lines, as in line_3=..."""
    pieces = {
        1: "multi-class",
        2: "binary",
        3: layers.Dense(10, activation="softmax", name="digit"),
        4: keras.Model,
        5: "sparse_categorical_crossentropy",
        6: {"digit": ["accuracy"], "odd": ["accuracy"]},
        7: {"digit": LABELS, "odd": LABELS % 2},
        8: "mean_squared_error",
    }
    return pieces | {int(name.removeprefix("line_")): piece for name, piece in changes.items()}


def test_eight_right_lines():
    assert outcome("2.1", good()) == ("correct", "All eight.")


def own_crossentropy(true, predicted):
    labels = keras.ops.reshape(keras.ops.cast(true, "int32"), (-1,))
    return -keras.ops.log(keras.ops.sum(keras.ops.one_hot(labels, 10) * predicted, axis=-1))


def own_accuracy(true, predicted):
    right = (keras.ops.reshape(predicted, (-1,)) > 0.5) == (keras.ops.reshape(true, (-1,)) == 1)
    return keras.ops.mean(keras.ops.cast(right, "float32"))


def own_squared_error(true, predicted):
    return (keras.ops.reshape(keras.ops.cast(true, "float32"), (-1, 1)) - predicted) ** 2


def stretched_squared_error(true, predicted):
    return keras.ops.mean((keras.ops.cast(true, "float32") - predicted) ** 2, axis=-1)


def used_before():
    metric = keras.metrics.MeanSquaredError()
    metric.update_state([[1.0], [0.0]], [[9.0], [9.0]])
    return metric


RIGHT_LINES = [
    {"line_3": layers.Dense(10, keras.activations.softmax, name="digit")},
    {"line_3": layers.Dense(10, layers.Softmax(), name="digit")},
    {"line_4": keras.models.Model},
    {"line_5": keras.losses.SparseCategoricalCrossentropy()},
    {"line_5": keras.losses.SparseCategoricalCrossentropy},
    {"line_5": keras.losses.sparse_categorical_crossentropy},
    {"line_6": [["accuracy"], ["accuracy"]]},
    {"line_6": ["accuracy", "accuracy"]},
    {"line_6": {"odd": "binary_accuracy", "digit": "sparse_categorical_accuracy"}},
    {"line_6": {"digit": [keras.metrics.SparseCategoricalAccuracy()], "odd": [keras.metrics.BinaryAccuracy()]}},
    {"line_6": {"digit": ["accuracy"], "odd": ["accuracy", "mse"]}},
    {"line_7": [LABELS, LABELS % 2]},
    {"line_7": (LABELS, (LABELS % 2)[:, None].astype("float32"))},
    {"line_7": {"odd": LABELS % 2 == 1, "digit": LABELS}},
    {"line_8": "mse"},
    {"line_8": "MSE"},
    {"line_8": keras.metrics.MeanSquaredError()},
    {"line_8": keras.metrics.MeanSquaredError},
    {"line_8": ["mse"]},
    {"line_8": {"odd": ["mean_squared_error"]}},
    {"line_3": layers.Dense(10, "softmax", name="digit", dtype="float16")},
    {"line_3": layers.Dense(10, tf.nn.softmax, name="digit")},
    {"line_5": "crossentropy"},
    {"line_5": {"digit": "sparse_categorical_crossentropy"}},
    {"line_5": keras.losses.SparseCategoricalCrossentropy(reduction="sum")},
    {"line_5": keras.losses.SparseCategoricalCrossentropy(reduction=None)},
    {"line_5": keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")},
    {"line_5": functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=False)},
    {"line_5": own_crossentropy},
    {"line_6": {"digit": ["acc"], "odd": ["acc", "Precision"]}},
    {"line_6": {"digit": "accuracy", "odd": keras.metrics.BinaryAccuracy(name="share")}},
    {"line_6": (["accuracy"], ["accuracy"])},
    {"line_6": {"digit": [keras.metrics.SparseTopKCategoricalAccuracy(k=1)], "odd": [own_accuracy]}},
    {"line_7": {"digit": tf.constant(LABELS), "odd": tf.constant(LABELS % 2)}},
    {"line_7": [LABELS.tolist(), (LABELS % 2).tolist()]},
    {"line_7": [LABELS.astype("uint8"), (LABELS % 2).astype("float16")]},
    {"line_7": [LABELS[:1], LABELS[:1] % 2]},
    {"line_8": ["accuracy", "mse"]},
    {"line_8": keras.losses.MeanSquaredError()},
    {"line_8": keras.losses.mean_squared_error},
    {"line_8": functools.partial(keras.losses.mean_squared_error)},
    {"line_8": own_squared_error},
    {"line_8": used_before()},
]


@pytest.mark.parametrize("changes", RIGHT_LINES)
def test_right_lines_however_they_are_written(changes):
    assert outcome("2.1", good(**changes)) == ("correct", "All eight.")


WRONG_LINES = [
    ({"line_1": "multi-label"}, "Line 1: the ten share a total of 1"),
    ({"line_1": "binary"}, "Line 1: one of ten classes is not binary"),
    ({"line_1": "multiclass"}, "Line 1: one of the four words is wanted"),
    ({"line_2": "regression"}, "Line 2: the target is yes or no"),
    ({"line_2": "multi-class"}, "Line 2: one yes/no question is not multi-class"),
    ({"line_3": layers.Dense(10, "softmax")}, "so have its scores"),
    ({"line_3": layers.Dense(10, "sigmoid", name="digit")}, "should keep its softmax"),
    ({"line_3": layers.Dense(1, "softmax", name="digit")}, "should keep its ten units, and yours has 1"),
    ({"line_3": "digit"}, "Line 3: a Dense layer is wanted"),
    ({"line_3": layers.Dense(10, "softmax", name="digit")(keras.Input((3,)))}, "not what it gives"),
    ({"line_4": "keras.Model"}, "without quotes"),
    ({"line_4": layers.Concatenate}, "the class Concatenate does not make a model"),
    ({"line_4": keras.Sequential}, "it has one output"),
    ({"line_4": keras.Sequential([layers.Dense(1)])}, "and not a model"),
    ({"line_5": "categorical_crossentropy"}, "expects ten numbers for each image"),
    ({"line_5": keras.losses.CategoricalCrossentropy()}, "expects ten numbers for each image"),
    ({"line_5": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}, "is not the cross-entropy"),
    ({"line_5": "binary_crossentropy"}, "cannot compare integer labels"),
    ({"line_5": "sparse_crossentropy"}, "Keras knows no such thing"),
    ({"line_6": ["accuracy"]}, "one entry for two heads"),
    ({"line_6": {"digit": ["accuracy"]}}, "one entry for two heads"),
    ({"line_6": "accuracy"}, "a dict or a list is wanted"),
    ({"line_6": ["accuracy", "mse"]}, "the head odd does not get its accuracy"),
    ({"line_6": {"first": ["accuracy"], "second": ["accuracy"]}}, "are the names digit and odd?"),
    ({"line_6": {"digit": ["accuracy"], "odd": []}}, "the head odd does not get its accuracy"),
    ({"line_7": [LABELS % 2, LABELS]}, "did you swap the two?"),
    ({"line_7": {"digit": LABELS % 2, "odd": LABELS}}, "did you swap the two?"),
    ({"line_7": {"digit": LABELS, "odd": LABELS % 2 == 0}}, "should get 1 where the digit is odd"),
    ({"line_7": {"first": LABELS, "second": LABELS % 2}}, "the keys of the targets should be digit and odd"),
    ({"line_7": LABELS}, "the targets should be a dict"),
    ({"line_7": [np.eye(10)[LABELS], LABELS % 2]}, "one value for each image"),
    ({"line_8": "accuracy"}, "counts right answers"),
    ({"line_8": "mean_absolute_error"}, "does not measure the squared error"),
    ({"line_8": keras.metrics.RootMeanSquaredError()}, "the root of the squared error"),
    ({"line_8": "squared_error"}, "Keras knows no such thing"),
    ({"line_8": ...}, "Line 8: no answer yet"),
    ({"line_3": layers.Dense(10, name="digit")}, "should keep its softmax"),
    ({"line_3": layers.Dense(10, "log_softmax", name="digit")}, "should keep its softmax"),
    ({"line_3": layers.Dense(10, lambda x: keras.ops.softmax(keras.ops.softmax(x)), name="digit")}, "keep its softmax"),
    ({"line_3": layers.Dense(10, lambda x: keras.ops.softmax(x, axis=0), name="digit")}, "keep its softmax"),
    ({"line_3": layers.Dense(10, "softmax", name="Digit")}, "has the name Digit"),
    ({"line_4": type("Empty", (keras.Model,), {"__init__": lambda self: None})}, "does not make a model"),
    ({"line_5": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}, "has its softmax already"),
    ({"line_5": "kl_divergence"}, "expects ten numbers for each image"),
    ({"line_5": "mse"}, "Line 5: "),
    ({"line_6": {"digit": ["accuracy"], "odd": [keras.metrics.Precision()]}}, "the head odd does not get its accuracy"),
    ({"line_6": {"digit": ["accuracy"], "odd": [keras.metrics.Recall()]}}, "the head odd does not get its accuracy"),
    ({"line_6": {"digit": ["accuracy"], "odd": ["auc"]}}, "Line 6: "),
    ({"line_6": {"digit": ["accuracy"], "odd": [keras.metrics.AUC()]}}, "the head odd does not get its accuracy"),
    (
        {"line_6": {"digit": ["accuracy"], "odd": [keras.metrics.BinaryAccuracy(threshold=0.0)]}},
        "head odd does not get",
    ),
    (
        {"line_6": {"digit": ["accuracy"], "odd": [keras.metrics.BinaryAccuracy(threshold=0.3)]}},
        "head odd does not get",
    ),
    ({"line_6": {"digit": ["accuracy"], "odd": ["sparse_categorical_accuracy"]}}, "the head odd does not get"),
    ({"line_6": {"digit": ["sparse_top_k_categorical_accuracy"], "odd": ["accuracy"]}}, "the head digit does not get"),
    ({"line_6": ["accuracy"] * 3}, "there are 3 entries for two heads"),
    ({"line_6": []}, "there are 0 entries for two heads"),
    ({"line_6": ["accuracy", "acuracy"]}, "Keras refuses it with a ValueError: Could not interpret metric"),
    ({"line_6": {"digit": ["accuracy"], "odd": ["accuracy"], "other": []}}, "are the names digit and odd?"),
    ({"line_7": {"digit": LABELS % 2, "odd": LABELS % 2}}, "and it should get the digits"),
    (
        {"line_7": {"digit": LABELS + 2, "odd": LABELS % 2}},
        "the digits run from 0 to 9, and the digit head gets 2 to 11",
    ),
    ({"line_7": {"digit": LABELS / 10, "odd": LABELS % 2}}, "the digits run from 0 to 9"),
    ({"line_7": {"digit": LABELS.astype(str), "odd": LABELS % 2}}, "should hold numbers"),
    ({"line_7": {"digit": LABELS, "odd": LABELS}}, "1 where the digit is odd, and else 0"),
    ({"line_7": {"digit": LABELS, "odd": 1 - LABELS % 2}}, "not where even"),
    ({"line_7": {"digit": LABELS, "odd": (LABELS % 2)[::-1]}}, "should get 1 where the digit is odd"),
    ({"line_7": {"digit": LABELS, "odd": (LABELS % 2)[:-1]}}, "one value for each image"),
    ({"line_8": stretched_squared_error}, "compares each target with the answers to all images"),
    ({"line_8": lambda true, predicted: keras.ops.sum(own_squared_error(true, predicted))}, "the sum of the squared"),
    ({"line_8": "binary_crossentropy"}, "does not measure the squared error"),
    ({"line_8": ["accuracy", "mae"]}, "does not measure the squared error"),
    ({"line_8": keras.metrics.BinaryAccuracy()}, "does not measure the squared error"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_LINES)
def test_one_wrong_line(changes, words):
    message = refused("2.1", good(**changes), words)
    assert message.startswith("7 of 8 lines are right. Line ")


def test_numbers_of_numpy_are_keys_too():
    assert outcome("2.1", {np.int64(number): piece for number, piece in good().items()}) == ("correct", "All eight.")


def test_each_line_speaks_for_itself():
    state, message = outcome("2.1", {1: "multi-label", 2: "binary", 5: "mse"})
    assert state == "not yet"
    assert message.startswith("1 of 8 lines are right. Line 1: the ten share")
    assert message.count("no answer yet") == 5
    worst = {1: 1, 2: 2, 3: "x" * 200, 4: layers.Dense, 5: "x" * 200, 6: {"x" * 300: 1, "y": 2}, 7: LABELS, 8: "x" * 90}
    state, message = outcome("2.1", worst)
    assert state == "not yet"
    assert all(f"ine {number}: " in message for number in worst)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["multi-class"], "should be a dict"),
        (good() | {"9": 1}, "the keys should be the numbers 1 to 8"),
        ({str(number): piece for number, piece in good().items()}, "the keys should be the numbers 1 to 8"),
        ({}, "0 of 8 lines are right"),
    ],
)
def test_other_dictionaries(answer, words):
    refused("2.1", answer, words)


# --- 2.2

FACTS = {"units": 6, "activation": "sigmoid", "loss": "binary_crossentropy"}
INK = {"units": 1, "activation": None, "loss": "mean_squared_error"}


def own_yes_no_loss(true, predicted):
    log = keras.ops.log
    return -keras.ops.mean(true * log(predicted + 1e-7) + (1 - true) * log(1 - predicted + 1e-7), axis=-1)


def only_the_yes(true, predicted):
    return -keras.ops.mean(true * keras.ops.log(predicted + 1e-7), axis=-1)


def twice(values):
    return keras.ops.sigmoid(keras.ops.sigmoid(values))


RIGHT_CONTRACTS = [
    {},
    {"facts": {"activation": keras.activations.sigmoid, "loss": keras.losses.BinaryCrossentropy()}},
    {"facts": {"activation": None, "loss": keras.losses.BinaryCrossentropy(from_logits=True)}},
    {"facts": {"loss": "binary_focal_crossentropy"}},
    {"facts": {"units": np.int64(6), "loss": keras.losses.BinaryCrossentropy}},
    {"ink": {"activation": "linear", "loss": "mse"}},
    {"ink": {"loss": "mean_absolute_error"}},
    {"ink": {"loss": keras.losses.Huber()}},
    {"ink": {"loss": "log_cosh"}},
    {"ink": {"loss": keras.losses.MeanSquaredError(reduction="sum")}},
    {"ink": {"activation": lambda x: x, "loss": lambda true, predicted: keras.ops.mean(abs(true - predicted))}},
    {"facts": {"loss": keras.losses.BinaryCrossentropy(label_smoothing=0.01)}},
    {"facts": {"loss": keras.losses.BinaryCrossentropy(label_smoothing=0.1)}},
    {"facts": {"activation": None, "loss": keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)}},
    {"facts": {"loss": keras.losses.BinaryCrossentropy(reduction="sum")}},
    {"facts": {"loss": keras.losses.BinaryCrossentropy(reduction=None)}},
    {"facts": {"loss": keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")}},
    {"facts": {"loss": keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True)}},
    {"facts": {"activation": layers.Activation("sigmoid"), "loss": "BinaryCrossentropy"}},
    {"facts": {"activation": tf.nn.sigmoid, "loss": keras.losses.binary_crossentropy}},
    {"facts": {"activation": functools.partial(keras.ops.sigmoid), "loss": own_yes_no_loss}},
]


def both(changes):
    return {"facts": FACTS | changes.get("facts", {}), "ink": INK | changes.get("ink", {})}


@pytest.mark.parametrize("changes", RIGHT_CONTRACTS)
def test_right_contracts(changes):
    assert outcome("2.2", both(changes)) == ("correct", "")


WRONG_CONTRACTS = [
    ({"facts": {"activation": "softmax"}}, "share a total of 1"),
    ({"facts": {"activation": "softmax", "loss": "categorical_crossentropy"}}, "share a total of 1"),
    ({"facts": {"units": 1}}, "facts needs 6 units"),
    ({"facts": {"activation": None}}, "does not become right"),
    ({"facts": {"activation": "relu"}}, "does not become right"),
    ({"facts": {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}}, "in the loss (from_logits=True)"),
    ({"facts": {"loss": "mse"}}, "take the cross-entropy"),
    ({"facts": {"activation": None, "loss": "mse"}}, "punished for right answers"),
    ({"facts": {"loss": "sparse_categorical_crossentropy"}}, "the head of your contract raised"),
    ({"facts": {"loss": None}}, "facts has no loss"),
    ({"facts": {"activation": "sigmoids"}}, "the activation of facts raised ValueError"),
    ({"facts": {"loss": "bce_loss"}}, "the loss of facts raised ValueError"),
    ({"ink": {"activation": "sigmoid"}}, "it never gives a negative number"),
    ({"ink": {"activation": "sigmoid", "loss": "binary_crossentropy"}}, "it never gives a negative number"),
    (
        {"ink": {"activation": "relu"}},
        "a target of -2.5 the ink head ends at 0.00, and it never gives a negative number",
    ),
    ({"ink": {"activation": "tanh"}}, "do the activation and the loss fit a quantity?"),
    ({"ink": {"activation": "softmax"}}, "it never gives a negative number"),
    ({"ink": {"loss": "binary_crossentropy"}}, "do the activation and the loss fit a quantity?"),
    ({"ink": {"units": 10}}, "ink needs 1 units"),
    ({"ink": {"metric": "mae"}}, "the keys of the contract of ink"),
    ({"facts": {"loss": "kl_divergence"}}, "lets a wrong yes pass"),
    ({"facts": {"loss": only_the_yes}}, "lets a wrong yes pass"),
    ({"facts": {"loss": "categorical_crossentropy"}}, "lets a wrong yes pass"),
    ({"facts": {"loss": "crossentropy"}}, "lets a wrong yes pass"),
    ({"facts": {"loss": "poisson"}}, "take the cross-entropy"),
    ({"facts": {"loss": "mae"}}, "take the cross-entropy"),
    ({"facts": {"activation": twice}}, "two sigmoids, one after the other"),
    (
        {
            "facts": {
                "activation": layers.Activation("sigmoid"),
                "loss": keras.losses.BinaryCrossentropy(from_logits=True),
            }
        },
        "two sigmoids, in the activation and in the loss",
    ),
    ({"facts": {"activation": lambda x: keras.ops.softmax(keras.ops.sigmoid(x))}}, "share a total of 1"),
    ({"facts": {"activation": "tanh"}}, "does not become right"),
    ({"facts": {"activation": "hard_sigmoid"}}, "does not become right"),
    ({"facts": {"units": 6.0}}, "a whole number"),
    ({"facts": {"units": "6"}}, "should be a number"),
    ({"facts": {"units": True}}, "should be a number"),
    ({"ink": {"loss": "mean_absolute_percentage_error"}}, "in proportion to the target"),
    ({"ink": {"loss": "mean_squared_logarithmic_error"}}, "fit a quantity?"),
    ({"ink": {"loss": "poisson"}}, "fit a quantity?"),
    ({"ink": {"loss": "cosine_similarity"}}, "fit a quantity?"),
    ({"ink": {"loss": "hinge"}}, "fit a quantity?"),
    ({"ink": {"activation": "elu"}}, "fit a quantity?"),
    ({"ink": {"activation": "softplus"}}, "it never gives a negative number"),
    ({"ink": {"loss": "sparse_categorical_crossentropy"}}, "the head of your contract raised"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_CONTRACTS)
def test_wrong_contracts(changes, words):
    refused("2.2", both(changes), words)


def test_contracts_that_are_missing():
    assert "should be facts and ink" in outcome("2.2", {"facts": FACTS})[1]
    assert "the contract of ink should be a dict" in outcome("2.2", {"facts": FACTS, "ink": "mse"})[1]


# --- 2.3


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


def network(form=dict, digit="softmax", odd="sigmoid", units=1, dtype=None):
    image = keras.Input((784,))
    trunk = layers.Dense(64, activation="relu")(image)
    outputs = {
        "digit": layers.Dense(10, activation=digit, name="digit", dtype=dtype)(trunk),
        "odd": layers.Dense(units, activation=odd, name="odd", dtype=dtype)(trunk),
    }
    return keras.Model(image, outputs if form is dict else list(outputs.values()))


@pytest.fixture(scope="module")
def trained(digits):
    """Weights of a trained model, so that each test needs no training of its own."""
    keras.utils.set_random_seed(2)
    model = network()
    model.compile(keras.optimizers.Adam(0.003), LOSSES, steps_per_execution=20)
    targets = {"digit": digits.y_train, "odd": digits.y_train % 2}
    model.fit(digits.x_train.reshape(-1, 784), targets, batch_size=64, epochs=14, verbose=0)
    return model.get_weights()


METRICS = {"digit": ["accuracy"], "odd": ["mean_squared_error"]}


def compiled(trained, losses=LOSSES, metrics=METRICS, weighted_metrics=None, form=dict, **changes):
    model = network(form, **changes)
    if trained is not None:
        model.set_weights(trained)
    model.compile("adam", losses, metrics=metrics, weighted_metrics=weighted_metrics)
    return model


def mean_absolute_error_named(name):
    return keras.metrics.MeanAbsoluteError(name=name)


RIGHT_MODELS = {
    "strings": {},
    "classes": {
        "metrics": {"digit": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")], "odd": ["mean_squared_error"]}
    },
    "more metrics": {"metrics": {"digit": ["accuracy"], "odd": ["accuracy", keras.metrics.MeanSquaredError()]}},
    "one-hot targets": {"losses": LOSSES | {"digit": "categorical_crossentropy"}},
    "loss objects": {"losses": LOSSES | {"digit": keras.losses.SparseCategoricalCrossentropy()}},
    "squared error as loss and metric": {"losses": LOSSES | {"odd": "mse"}},
    "losses in a list": {"losses": list(LOSSES.values())},
    "one-hot targets in a list": {"losses": ["categorical_crossentropy", "binary_crossentropy"]},
    "the loss that Keras chooses": {"losses": {"digit": "crossentropy", "odd": "crossentropy"}},
    "sum of the losses": {"losses": LOSSES | {"odd": keras.losses.BinaryCrossentropy(reduction="sum")}},
    "weighted metrics": {"metrics": None, "weighted_metrics": METRICS},
    "low precision": {"dtype": "bfloat16"},
    "half precision": {"dtype": "float16"},
}


@pytest.mark.parametrize("options", RIGHT_MODELS.values(), ids=RIGHT_MODELS)
def test_a_repaired_page_however_it_is_written(trained, digits, options):
    model = compiled(trained, **options)
    state, message = outcome("2.3", (model, digits))
    assert (state, "On new images: accuracy of digit 9" in message) == ("correct", True), message
    assert all(
        (a == b).all()
        for a, b in zip(
            model.get_weights(),
            [w.astype(v.dtype) for w, v in zip(trained, model.get_weights(), strict=True)],
            strict=True,
        )
    )


def test_a_page_that_was_trained_on_ten_numbers_with_an_own_loss(trained, digits):
    def own(true, predicted):
        return -keras.ops.sum(true * keras.ops.log(predicted + 1e-7), axis=-1)

    model = network()
    model.set_weights(trained)
    model.compile(keras.optimizers.SGD(0.0), LOSSES | {"digit": own}, metrics=METRICS, run_eagerly=True)
    one_hot = {"digit": np.eye(10)[digits.y_train[:64]], "odd": digits.y_train[:64] % 2}
    model.train_on_batch(digits.x_train[:64].reshape(-1, 784), one_hot)
    assert outcome("2.3", (model, digits))[0] == "correct"


def test_a_page_that_is_a_class(trained, digits):
    class Page(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def call(self, images):
            return {"odd": self.inner(images)["odd"], "digit": self.inner(images)["digit"]}

    model = Page()
    model(digits.x_train[:2].reshape(-1, 784))
    model.inner.set_weights(trained)
    model.compile("adam", LOSSES, metrics=METRICS)
    assert outcome("2.3", (model, digits))[0] == "correct"


WRONG_MODELS = {
    "a list": ({"form": list}, "should return a dict, and it returns a list"),
    "no squared error": (
        {"metrics": {head: ["accuracy"] for head in LOSSES}},
        "of the head odd reports its squared error",
    ),
    "no accuracy": ({"metrics": {"odd": ["mse"]}}, "no metric of the head digit reports its accuracy"),
    "swapped metrics": (
        {"metrics": {"digit": ["mse"], "odd": ["accuracy"]}},
        "your model raised",
    ),
    "metrics of the old page": ({"metrics": ["accuracy"]}, "your model raised ValueError"),
    "the root": (
        {"metrics": METRICS | {"odd": [keras.metrics.RootMeanSquaredError()]}},
        "of the head odd reports its squared error",
    ),
    "logits": ({"odd": None}, "the output odd leaves the range"),
    "ten sigmoids": ({"digit": "sigmoid"}, "should have a total of 1: use softmax"),
    "softmax of softmax": (
        {"digit": lambda x: keras.ops.softmax(keras.ops.softmax(x))},
        "another activation comes before its softmax",
    ),
    "softmax of sigmoid": (
        {"digit": lambda x: keras.ops.softmax(keras.ops.sigmoid(x))},
        "another activation comes before its softmax",
    ),
    "sigmoid of sigmoid": ({"odd": twice}, "another activation comes before its sigmoid"),
    "a metric for ten numbers": (
        {"metrics": METRICS | {"digit": [keras.metrics.CategoricalAccuracy(name="accuracy")]}},
        "no metric of the head digit reports its accuracy",
    ),
    "another name": (
        {"metrics": METRICS | {"digit": ["sparse_categorical_accuracy"]}},
        "no score has the name digit_accuracy",
    ),
    "the right name of another metric": (
        {"metrics": METRICS | {"odd": [mean_absolute_error_named("mean_squared_error")]}},
        "of the head odd reports its squared error",
    ),
    "the right name of another metric, and the right metric": (
        {"metrics": METRICS | {"odd": [mean_absolute_error_named("mean_squared_error"), own_squared_error]}},
        "odd_mean_squared_error is not the squared error of the head odd, which has the name odd_own_squared_error",
    ),
}


@pytest.mark.parametrize(("options", "words"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_wrong_models(trained, digits, options, words):
    refused("2.3", (compiled(trained, **options), digits), words)


def test_models_that_are_not_ready(trained, digits):
    assert "the head digit is right on" in outcome("2.3", (compiled(None), digits))[1]
    assert "not compiled yet" in outcome("2.3", (network(), digits))[1]
    assert "lambda: (model, digits)" in outcome("2.3", compiled(trained))[1]
    assert "the output odd should have shape" in outcome("2.3", (compiled(None, units=2), digits))[1]
