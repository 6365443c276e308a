"""The checks of exercise 2: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
from checking import outcome
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
]


@pytest.mark.parametrize(("changes", "words"), WRONG_LINES)
def test_one_wrong_line(changes, words):
    state, message = outcome("2.1", good(**changes))
    assert state == "not yet"
    assert message.startswith("7 of 8 lines are right. Line ")
    assert words in message


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
    state, message = outcome("2.1", answer)
    assert (state, words in message) == ("not yet", True), message


# --- 2.2

FACTS = {"units": 6, "activation": "sigmoid", "loss": "binary_crossentropy"}
INK = {"units": 1, "activation": None, "loss": "mean_squared_error"}
RIGHT_CONTRACTS = [
    {},
    {"facts": {"activation": keras.activations.sigmoid, "loss": keras.losses.BinaryCrossentropy()}},
    {"facts": {"activation": None, "loss": keras.losses.BinaryCrossentropy(from_logits=True)}},
    {"facts": {"loss": "binary_focal_crossentropy"}},
    {"facts": {"units": np.int64(6), "loss": keras.losses.BinaryCrossentropy}},
    {"ink": {"activation": "linear", "loss": "mse"}},
    {"ink": {"loss": "mean_absolute_error"}},
    {"ink": {"loss": keras.losses.Huber()}},
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
    ({"facts": {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}}, "does not become right"),
    ({"facts": {"loss": "mse"}}, "take the cross-entropy"),
    ({"facts": {"activation": None, "loss": "mse"}}, "punished for right answers"),
    ({"facts": {"loss": "sparse_categorical_crossentropy"}}, "the head of your contract raised"),
    ({"facts": {"loss": None}}, "facts has no loss"),
    ({"facts": {"activation": "sigmoids"}}, "the activation of facts raised ValueError"),
    ({"facts": {"loss": "bce_loss"}}, "the loss of facts raised ValueError"),
    ({"ink": {"activation": "sigmoid"}}, "it never gives a negative number"),
    ({"ink": {"activation": "sigmoid", "loss": "binary_crossentropy"}}, "it never gives a negative number"),
    ({"ink": {"activation": "relu"}}, "it never gives a negative number"),
    ({"ink": {"activation": "tanh"}}, "do the activation and the loss fit a quantity?"),
    ({"ink": {"activation": "softmax"}}, "it never gives a negative number"),
    ({"ink": {"loss": "binary_crossentropy"}}, "do the activation and the loss fit a quantity?"),
    ({"ink": {"units": 10}}, "ink needs 1 units"),
    ({"ink": {"metric": "mae"}}, "the keys of the contract of ink"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_CONTRACTS)
def test_wrong_contracts(changes, words):
    state, message = outcome("2.2", both(changes))
    assert (state, words in message) == ("not yet", True), message


def test_contracts_that_are_missing():
    assert "should be facts and ink" in outcome("2.2", {"facts": FACTS})[1]
    assert "the contract of ink should be a dict" in outcome("2.2", {"facts": FACTS, "ink": "mse"})[1]


# --- 2.3


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


def network(form=dict, digit="softmax", odd="sigmoid", units=1):
    image = keras.Input((784,))
    trunk = layers.Dense(32, activation="relu")(image)
    outputs = {
        "digit": layers.Dense(10, activation=digit, name="digit")(trunk),
        "odd": layers.Dense(units, activation=odd, name="odd")(trunk),
    }
    return keras.Model(image, outputs if form is dict else list(outputs.values()))


@pytest.fixture(scope="module")
def trained(digits):
    """Weights of a trained model, so that each test needs no training of its own."""
    model = network()
    model.compile("adam", LOSSES)
    targets = {"digit": digits.y_train, "odd": digits.y_train % 2}
    model.fit(digits.x_train.reshape(-1, 784), targets, batch_size=32, epochs=15, verbose=0)
    return model.get_weights()


METRICS = {"digit": ["accuracy"], "odd": ["mean_squared_error"]}


def compiled(trained, losses=LOSSES, metrics=METRICS, form=dict, **changes):
    model = network(form, **changes)
    if trained is not None:
        model.set_weights(trained)
    model.compile("adam", losses, metrics=metrics)
    return model


RIGHT_MODELS = {
    "strings": {},
    "classes": {
        "metrics": {"digit": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")], "odd": ["mean_squared_error"]}
    },
    "more metrics": {"metrics": {"digit": ["accuracy"], "odd": ["accuracy", keras.metrics.MeanSquaredError()]}},
    "one-hot targets": {"losses": LOSSES | {"digit": "categorical_crossentropy"}},
    "loss objects": {"losses": LOSSES | {"digit": keras.losses.SparseCategoricalCrossentropy()}},
    "squared error as loss and metric": {"losses": LOSSES | {"odd": "mse"}},
}


@pytest.mark.parametrize("options", RIGHT_MODELS.values(), ids=RIGHT_MODELS)
def test_a_repaired_page_however_it_is_written(trained, digits, options):
    model = compiled(trained, **options)
    state, message = outcome("2.3", (model, digits))
    assert (state, "On new images: accuracy of digit 9" in message) == ("correct", True), message
    assert all((a == b).all() for a, b in zip(model.get_weights(), trained, strict=True))


WRONG_MODELS = {
    "a list": ({"form": list}, "should return a dict, and it returns a list"),
    "no squared error": (
        {"metrics": {head: ["accuracy"] for head in LOSSES}},
        "of the head odd reports its squared error",
    ),
    "no accuracy": ({"metrics": {"odd": ["mse"]}}, "no metric of the head digit reports its accuracy"),
    "swapped metrics": ({"metrics": {"digit": ["mse"], "odd": ["accuracy"]}}, "your model raised"),
    "metrics of the old page": ({"metrics": ["accuracy"]}, "your model raised ValueError"),
    "the root": (
        {"metrics": METRICS | {"odd": [keras.metrics.RootMeanSquaredError()]}},
        "of the head odd reports its squared error",
    ),
    "logits": ({"odd": None}, "the output odd leaves the range"),
    "ten sigmoids": ({"digit": "sigmoid"}, "should have a total of 1: use softmax"),
}


@pytest.mark.parametrize(("options", "words"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_wrong_models(trained, digits, options, words):
    state, message = outcome("2.3", (compiled(trained, **options), digits))
    assert (state, words in message) == ("not yet", True), message


def test_models_that_are_not_ready(trained, digits):
    assert "the head digit is right on" in outcome("2.3", (compiled(None), digits))[1]
    assert "not compiled yet" in outcome("2.3", (network(), digits))[1]
    assert "lambda: (model, digits)" in outcome("2.3", compiled(trained))[1]
    assert "the output odd should have shape" in outcome("2.3", (compiled(None, units=2), digits))[1]


# --- 2.4


def by_dictionary(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0, return_dict=True)
    return {"digit": scores["digit_accuracy"], "odd": scores["odd_mean_squared_error"]}


def by_numpy(model, images, targets):
    outputs = model.predict(images, verbose=0)
    if not isinstance(outputs, dict):
        outputs = dict(zip(model.output_names, outputs, strict=True))
    accuracy = np.mean(outputs["digit"].argmax(1) == targets["digit"])
    return {"odd": np.mean((outputs["odd"][:, 0] - targets["odd"]) ** 2), "digit": accuracy}


def in_one_batch(model, images, targets):
    scores = model.evaluate(images, targets, batch_size=len(images), verbose=0, return_dict=True)
    name = {"digit": "accuracy", "odd": "mean_squared_error"}
    return {head: np.float64(scores[f"{head}_{name[head]}"]) for head in name}


@pytest.mark.parametrize("function", [by_dictionary, by_numpy, in_one_batch])
def test_scores_however_they_are_found(function):
    assert outcome("2.4", function) == ("correct", "")


def by_place(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0)
    return {"digit": scores[3], "odd": scores[4]}


def by_metrics_names(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0)
    scores = dict(zip(model.metrics_names, scores, strict=False))
    return {"digit": scores["digit_loss"], "odd": scores["odd_loss"]}


def losses_for_metrics(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0, return_dict=True)
    return {"digit": scores["digit_accuracy"], "odd": scores["odd_loss"]}


def swapped(model, images, targets):
    scores = by_dictionary(model, images, targets)
    return {"digit": scores["odd"], "odd": scores["digit"]}


def all_scores(model, images, targets):
    return model.evaluate(images, targets, verbose=0, return_dict=True)


def needs_a_dict(model, images, targets):
    outputs = model.predict(images, verbose=0)
    accuracy = np.mean(outputs["digit"].argmax(1) == targets["digit"])
    return {"digit": accuracy, "odd": np.mean((outputs["odd"][:, 0] - targets["odd"]) ** 2)}


def crossed(model, images, targets):
    return by_numpy(model, images, targets) | {
        "odd": np.mean((dict_of(model, images)["odd"] - targets["odd"]) ** 2),
    }


def dict_of(model, images):
    outputs = model.predict(images, verbose=0)
    return outputs if isinstance(outputs, dict) else dict(zip(model.output_names, outputs, strict=True))


def forgets_to_return(model, images, targets):
    by_dictionary(model, images, targets)


WRONG_SCORES = [
    (by_place, "with a list of outputs, odd first and more metrics, the score of"),
    (by_metrics_names, "That is odd_loss"),
    (losses_for_metrics, "That is odd_loss"),
    (swapped, "That is odd_mean_squared_error"),
    (all_scores, "the keys of the result should be digit and odd"),
    (needs_a_dict, "with a list of outputs, odd first and more metrics, your function raised TypeError"),
    (crossed, "the score of odd should be"),
    (forgets_to_return, "is a `return` missing?"),
    ({"digit": 0.9, "odd": 0.1}, "should be a function"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_SCORES)
def test_wrong_scores(answer, words):
    state, message = outcome("2.4", answer)
    assert (state, words in message) == ("not yet", True), message


# --- 2.5


def by_output(model, listed):
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    return dict(zip(names, listed, strict=True))


def by_shape_of_outputs(model, listed):
    outputs = model.output
    names = outputs.keys() if hasattr(outputs, "keys") else [tensor._keras_history[0].name for tensor in outputs]
    if len(names) != len(listed):
        raise ValueError("another number of targets than of heads")
    return {name: np.asarray(target) for name, target in zip(names, listed, strict=True)}


def by_prediction(model, listed):
    predictions = model(np.zeros((1, *model.input_shape[1:])))
    names = list(predictions) if isinstance(predictions, dict) else model.output_names
    assert_same = dict(zip(names, listed, strict=True))
    return {name: assert_same[name] for name in sorted(assert_same)}


@pytest.mark.parametrize("function", [by_output, by_shape_of_outputs, by_prediction])
def test_targets_by_name_however_they_are_made(function):
    assert outcome("2.5", function) == ("correct", "")


SORTED = "not in the order of the alphabet, the head odd gets the target that belongs to loop"
WRONG_NAMES = [
    (lambda model, listed: dict(zip(model.output_names, listed, strict=True)), f"a dictionary of outputs, {SORTED}"),
    (lambda model, listed: dict(zip(sorted(model.output_names), listed, strict=True)), "a list of outputs, not in"),
    (lambda model, listed: dict(zip(model.output, listed, strict=True)), "and yours are a KerasTensor and"),
    (lambda model, listed: dict(zip(["digit", "odd"], listed, strict=True)), "your function raised ValueError"),
    (lambda model, listed: dict(zip(["digit", "odd"], listed, strict=False)), "should raise a ValueError"),
    (
        lambda model, listed: dict(
            zip(list(model.output) if isinstance(model.output, dict) else model.output_names, listed, strict=False)
        ),
        "1 targets for 2 heads should raise a ValueError",
    ),
    (lambda model, listed: listed, "the result should be a dict"),
    (lambda model, listed: print(model), "is a `return` missing?"),
    (lambda model, listed: dict.fromkeys(by_output(model, listed), listed), "should have shape"),
    (lambda model, listed: {name: target + 1 for name, target in by_output(model, listed).items()}, "belongs to odd"),
    (lambda model, listed: {name: -target - 1 for name, target in by_output(model, listed).items()}, "is not the one"),
    ({"digit": LABELS}, "should be a function"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_NAMES)
def test_wrong_names(answer, words):
    state, message = outcome("2.5", answer)
    assert (state, words in message) == ("not yet", True), message
