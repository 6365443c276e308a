"""The checks of exercise 2: eight errors on one page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.checks._answers import NotAnswered, NotYet, blaming, one_line, refuse_todo, summary
from mos_helpers.checks._engine import (
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    describe,
    outputs_of,
    question,
    require,
)
from mos_helpers.data import Digits

HEADS = {"digit": 10, "odd": 1}
KINDS = ["binary", "multi-class", "multi-label", "regression"]

# ---------------------------------------------------------------------------------------------------------------------
# 2.1: eight pieces, each checked on its own


def _digit_kind(piece: Any) -> None:  # noqa: ANN401
    kind = _kind(piece)
    require(kind != "multi-label", "the ten share a total of 1, so it is one of ten and not any of ten")
    require(kind == "multi-class", f"one of ten classes is not {kind}")


def _odd_kind(piece: Any) -> None:  # noqa: ANN401
    kind = _kind(piece)
    require(kind != "regression", "the target is yes or no, and not a quantity")
    require(kind == "binary", f"one yes/no question is not {kind}")


def _kind(piece: Any) -> str:  # noqa: ANN401
    require(type(piece) is str and piece in KINDS, f"one of the four words is wanted, not {describe(piece)}")
    return piece


def _digit_layer(piece: Any) -> None:  # noqa: ANN401
    called = "the layer is wanted, and not what it gives when it is called"
    require(not issubclass(type(piece), keras.KerasTensor), called)
    require(issubclass(type(piece), keras.layers.Dense), f"a Dense layer is wanted, not {describe(piece)}")
    require(piece.name == "digit", f"the layer has the name {one_line(piece.name, 20)}, and so have its scores")
    require(piece.units == 10, f"the head should keep its ten units, and yours has {piece.units}")
    scores = np.random.default_rng(0).normal(size=(4, 10)).astype("float32")
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = keras.ops.convert_to_numpy(piece.activation(scores))
    require(np.allclose(found, softmax, atol=1e-4), "the head should keep its softmax")


def _model_class(piece: Any) -> None:  # noqa: ANN401
    require(type(piece) is not str, "the class itself is wanted, without quotes")
    require(not issubclass(type(piece), keras.Model), "the class itself is wanted, and not a model")
    require(issubclass(type(piece), type), f"a class of Keras is wanted, not {describe(piece)}")
    no_model = f"{describe(piece)} does not make a model: which class takes inputs and outputs?"
    require(issubclass(piece, keras.Model), no_model)
    require(not issubclass(piece, keras.Sequential), "a Sequential model is one row of layers: it has one output")


def _digit_loss(piece: Any) -> None:  # noqa: ANN401
    labels, said = np.array([3, 0, 9]), np.random.default_rng(0).dirichlet(np.ones(10), size=3).astype("float32")
    loss = _from_keras(keras.losses.get, piece)
    wanted = float(-np.log(said[np.arange(3), labels]).mean())
    found = _value(loss, labels, said)
    if found is None and _close(_value(loss, np.eye(10, dtype="float32")[labels], said), wanted):
        raise NotYet("it expects ten numbers for each image, one of them 1, and labels holds integers")
    require(found is not None, "it cannot compare integer labels with ten probabilities")
    require(_close(found, wanted), "it is not the cross-entropy of ten probabilities and integer labels")


def _accuracies(piece: Any) -> None:  # noqa: ANN401
    several = issubclass(type(piece), dict | list | tuple)
    require(several, f"a dict or a list is wanted, not {describe(piece)}")
    require(len(piece) != 1, "there is one entry for two heads: fit raises an error, or one head gets no accuracy")
    labels = np.array([4, 7, 7, 2])
    digit = np.eye(10, dtype="float32")[[4, 7, 7, 1]]
    odd = np.array([[0.9], [0.9], [0.1], [0.2]], dtype="float32")
    image = keras.Input((3,))
    model = keras.Model(image, [keras.layers.Dense(units, name=name)(image) for name, units in HEADS.items()])
    try:
        model.compile(metrics=piece)
        scores = model.compute_metrics(x=None, y=[labels, labels % 2], y_pred=[digit, odd])
    except Exception as error:
        refuse_todo(error)
        raise NotYet(f"Keras refuses it with a {type(error).__name__}; are the names digit and odd?") from None
    for head, accuracy in {"digit": 0.75, "odd": 0.5}.items():
        found = [float(score) for name, score in scores.items() if name.startswith(f"{head}_")]
        require(bool(np.isclose(found, accuracy).any()), f"the head {head} does not get its accuracy")


def _targets(piece: Any) -> None:  # noqa: ANN401
    if issubclass(type(piece), list | tuple) and len(piece) == 2:
        piece = dict(zip(HEADS, piece, strict=True))
    parts = as_dict(piece, list(HEADS), "the targets")
    digit, odd = (as_array(parts[name], f"the target {name}").ravel() for name in HEADS)
    require(digit.size == odd.size > 0, "the two targets should have one value for each image")
    require(not np.isin(digit, [0, 1]).all(), "the digit head gets only zeros and ones: did you swap the two?")
    require(np.array_equal(digit % 2, odd), "the odd head should get 1 where the digit is odd, and else 0")


def _squared_error(piece: Any) -> None:  # noqa: ANN401
    if issubclass(type(piece), dict) and list(piece) == ["odd"]:
        piece = piece["odd"]
    if issubclass(type(piece), list | tuple) and len(piece) == 1:
        piece = piece[0]
    accuracy = "an accuracy counts right answers and does not measure a squared error"
    require(not (type(piece) is str and "acc" in piece.lower()), accuracy)
    truth, said = np.array([[0.0], [1.0], [1.0]], "float32"), np.array([[0.1], [0.8], [0.3]], "float32")
    found, wanted = _value(_from_keras(keras.metrics.get, piece), truth, said), float(np.mean((truth - said) ** 2))
    require(found is not None, f"Keras cannot use {describe(piece)} as a metric")
    require(not _close(found, wanted**0.5), "it gives the root of the squared error")
    require(_close(found, wanted), "it does not measure the squared error")


def _from_keras(get: Callable, piece: Any) -> Callable:  # noqa: ANN401
    """Return the loss or metric that Keras makes of a name, a class or a function."""
    try:
        found = get(piece)
    except Exception:
        found = None
    require(callable(found), f"Keras knows no such thing as {describe(piece)}")
    return found


def _value(function: Callable, truth: np.ndarray, said: np.ndarray) -> float | None:
    """Return the mean of what a loss or a metric gives, or None if it cannot compare the two."""
    try:
        return float(np.mean(keras.ops.convert_to_numpy(function(truth, said))))
    except Exception as error:
        refuse_todo(error)
        return None


def _close(found: float | None, wanted: float) -> bool:
    return found is not None and bool(np.isclose(found, wanted, rtol=1e-3))


LINES = {
    1: _digit_kind,
    2: _odd_kind,
    3: _digit_layer,
    4: _model_class,
    5: _digit_loss,
    6: _accuracies,
    7: _targets,
    8: _squared_error,
}


@question(
    "2.1",
    hints=[
        "The opening notebook has the words (its section on what each kind is called) and the contract of each.",
        "Lines 3 to 7 are in lesson 2: `name=`, `keras.Model`, a *sparse* loss, and one entry for each head.",
        "6 and 7 are dictionaries with the keys digit and odd. 8 is the name of a metric, a text.",
    ],
)
def corrected(answer: object) -> str:
    """A dict with the keys 1 to 8."""
    require(issubclass(type(answer), dict), f"the answer should be a dict, and yours is {describe(answer)}")
    pieces = dict(dict.items(answer))  # type: ignore[arg-type]
    unknown = [describe(key) for key in pieces if type(key) is not int or key not in LINES]
    require(not unknown, f"the keys should be the numbers 1 to 8, and yours has {', '.join(unknown[:3])}")
    problems = {number: reason for number in LINES if (reason := _problem(number, pieces))}
    right = f"{len(LINES) - len(problems)} of 8 lines are right"
    listed = "; ".join(f"line {number}: {reason}" for number, reason in problems.items())
    require(not problems, f"{right}. {listed[:1].upper()}{listed[1:]}")
    return "All eight."


def _problem(number: int, pieces: dict) -> str | None:
    """Return what is wrong with one piece, or None."""
    if pieces.get(number) is None or pieces[number] is ...:
        return "no answer yet"
    try:
        LINES[number](pieces[number])
    except NotAnswered:
        raise
    except NotYet as reason:
        return one_line(str(reason), 110)
    except Exception as error:
        return one_line(summary(error), 110)
    return None


# ---------------------------------------------------------------------------------------------------------------------
# 2.2: contracts, tested by what a head learns that keeps them


@question(
    "2.2",
    hints=[
        "The opening notebook has a table of contracts, with a row for each kind.",
        "Facts: six units. Which activation lets two of them be near 1 at once? Ink: which one allows any number?",
        "Multi-label: sigmoid and binary cross-entropy. Regression: no activation (None) and the mean squared error.",
    ],
)
def contracts(answer: object) -> None:
    """A dict with the contracts of `facts` and `ink`."""
    found = as_dict(answer, ["facts", "ink"])
    for name, units in {"facts": 6, "ink": 1}.items():
        contract = as_dict(found[name], ["units", "activation", "loss"], f"the contract of {name}")
        number = as_number(contract["units"], f"the units of {name}")
        require(number == units, f"{name} needs {units} units, one for each number in a row of its target")
        with blaming(f"the activation of {name}"):
            activation = keras.activations.get(contract["activation"])
        with blaming(f"the loss of {name}"):
            loss = keras.losses.get(contract["loss"])
        require(loss is not None, f"{name} has no loss, so it would not learn")
        if name == "facts":
            _check_facts(activation, loss)
        else:
            _check_ink(activation, loss)


def _check_facts(activation: Callable, loss: Callable) -> None:
    target = np.random.default_rng(0).permuted(np.tile([0, 0, 0, 1, 1, 1], (8, 1)), axis=1).astype("float32")
    said, value = _learned(activation, loss, target, start=3.0 - 6.0 * target)
    if np.allclose(said.sum(axis=1), 1, atol=1e-3):
        raise NotYet("the six outputs of facts share a total of 1, so three true facts cannot all be near 1")
    stuck = "a head for facts that is wrong by far does not become right: do its activation and its loss fit?"
    require(value < 0.1, stuck)
    right, wrong = (_loss(loss, target, activation(sign * 20.0 * (2.0 * target - 1))) for sign in (1, -1))
    require(right < 0.05, "a head for facts is punished for right answers: it needs an activation that ends at 0 and 1")
    weak = "the loss of facts hardly grows when an answer is wrong by far: take the cross-entropy"
    require(wrong > 3, weak)


def _check_ink(activation: Callable, loss: Callable) -> None:
    target = np.linspace(-2.5, 3, 8, dtype="float32")[:, None]
    said, _ = _learned(activation, loss, target, start=-target)
    far = np.abs(said - target).max(axis=1)
    example = f"for a target of {target[far.argmax(), 0]:.1f} the ink head ends at {said[far.argmax(), 0]:.2f}"
    below = "" if said.min() < -0.01 else ", and it never gives a negative number"
    require(bool(far.max() < 0.1), f"{example}{below}: do the activation and the loss fit a quantity?")


def _learned(activation: Callable, loss: Callable, target: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Change what goes into the activation, step by step, so that the loss falls; return the outputs and the loss."""
    before = tf.Variable(start)
    for step in np.linspace(0.5, 0.01, 40):
        with tf.GradientTape() as tape, blaming("the head of your contract"):
            value = tf.reduce_mean(loss(target, activation(before)))
        gradient = tape.gradient(value, before)
        if gradient is None:
            break
        before.assign_sub(step * tf.sign(gradient))
    said = np.asarray(activation(before))
    return said, _loss(loss, target, said)


def _loss(loss: Callable, target: np.ndarray, said: object) -> float:
    return float(np.mean(loss(target, tf.convert_to_tensor(said, "float32"))))


# ---------------------------------------------------------------------------------------------------------------------
# 2.3: the repaired page


@question(
    "2.3",
    hints=[
        "The outputs, the losses, the metrics and the targets are four dictionaries with the keys digit and odd.",
        'metrics={"digit": ["accuracy"], "odd": ["mean_squared_error"]}',
        "Then fit(data.batches(images_train, targets_train).repeat(), steps_per_epoch=300, epochs=5).",
    ],
    seconds=60,
)
def repaired(answer: object) -> str:
    """The compiled and trained model, and the digits."""
    right_kind = issubclass(type(answer), tuple) and len(answer) == 2 and type(answer[1]) is Digits  # type: ignore[arg-type,index]
    require(right_kind, "the check needs your model and the digits: lambda: (model, digits)")
    model, digits = as_model(answer[0], "the model"), answer[1]  # type: ignore[index]
    count = min(2000, len(digits.y_test))
    images, labels = digits.x_test[:count].reshape(-1, 784), digits.y_test[:count]
    with blaming("your model"):
        outputs = model(images[:2], training=False)
    require(issubclass(type(outputs), dict), "your model should return a dict, and it returns a list")
    outputs = outputs_of(model, images, HEADS)
    for name, output in outputs.items():
        inside = bool(((output >= 0) & (output <= 1)).all())
        require(inside, f"the output {name} leaves the range from 0 to 1: which activation gives probabilities?")
    total = outputs["digit"].sum(axis=1)
    require(np.allclose(total, 1, atol=1e-3), "the ten probabilities of digit should have a total of 1: use softmax")
    as_model(model, "the model", compiled=True)
    truth = {"digit": labels, "odd": labels % 2}
    measured = {
        "digit": ("accuracy", float(np.mean(outputs["digit"].argmax(axis=1) == labels))),
        "odd": ("squared error", float(np.mean((outputs["odd"][:, 0] - truth["odd"]) ** 2))),
    }
    right = {"digit": measured["digit"][1], "odd": float(np.mean((outputs["odd"][:, 0] > 0.5) == truth["odd"]))}
    for name, share in right.items():
        right_on = f"the head {name} is right on {share:.1%} of the test images"
        require(name == "digit" or share > 0.3, f"{right_on}, so it says the opposite: is 1 odd in your targets?")
        require(share > 0.9, f"{right_on}: train it for longer, and see that its loss has a weight")
    scores = _scores(model, images, truth)
    for name, (what, value) in measured.items():
        found = [score for key, score in scores.items() if key.startswith(f"{name}_") and key != f"{name}_loss"]
        reported = bool(np.isclose(found, value, atol=2e-3 if what == "accuracy" else 1e-4).any())
        require(reported, f"no metric of the head {name} reports its {what}, {value:.3f}: give `compile` one")
    for wanted in ("digit_accuracy", "odd_mean_squared_error"):
        require(wanted in scores, f"no score has the name {wanted}; yours are {', '.join(sorted(scores))}")
    return (
        f"On new images: accuracy of digit {measured['digit'][1]:.1%}, squared error of odd {measured['odd'][1]:.3f}."
    )


def _scores(model: keras.Model, images: np.ndarray, truth: dict[str, np.ndarray]) -> dict[str, float]:
    """Evaluate the model on targets in the form that its digit loss takes: integers, or ten numbers for each image."""
    given = model.loss
    if isinstance(given, dict) and "digit" in given:  # Keras keeps it as a dict of its own kind
        loss = _from_keras(keras.losses.get, given["digit"])
        said, one_hot = np.full((2, 10), 0.1, "float32"), np.eye(10, dtype="float32")
        if _value(loss, np.array([1, 2]), said) is None and _value(loss, one_hot[:2], said) is not None:
            truth = truth | {"digit": one_hot[truth["digit"]]}
    with blaming("your model"):
        return model.evaluate(images, truth, batch_size=len(images), verbose=0, return_dict=True)


# ---------------------------------------------------------------------------------------------------------------------
# 2.4: scores by name

FORMS = {
    "a dictionary of outputs": lambda digit, odd: {"digit": digit, "odd": odd},
    "a list of outputs, odd first": lambda digit, odd: [odd, digit],
    "a dictionary of outputs, odd first": lambda digit, odd: {"odd": odd, "digit": digit},
}
METRICS = {
    "no other metrics": {"digit": ["accuracy"], "odd": ["mean_squared_error"]},
    "more metrics": {
        "digit": ["sparse_categorical_crossentropy", "accuracy"],
        "odd": ["accuracy", "mean_absolute_error", "mean_squared_error"],
    },
}


@question(
    "2.4",
    hints=[
        "`evaluate` gives a list of scores, or with one more argument a dictionary.",
        "The name of a score is the name of its head, an underscore, and the name of the metric.",
        'scores = model.evaluate(images, targets, verbose=0, return_dict=True), then scores["digit_accuracy"].',
    ],
    seconds=60,
)
def head_scores(answer: object) -> None:
    """A function that returns the scores of the two heads in a dict."""
    function = as_function(answer)
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(50, 784)).astype("float32"), rng.integers(0, 10, size=50)
    targets = {"digit": labels, "odd": labels % 2}
    for number, (form, outputs) in enumerate(FORMS.items()):
        more = "no other metrics" if number == 0 else "more metrics"
        model = _two_heads(outputs, METRICS[more])
        where = f"with {form} and {more}"
        with _in_case(where):
            found = as_dict(call(function, model, images, targets), list(HEADS), "the result")
        wanted = model.evaluate(images, targets, verbose=0, return_dict=True)
        for head, name in {"digit": "digit_accuracy", "odd": "odd_mean_squared_error"}.items():
            score = as_number(found[head], f"the score of {head}")
            same = [key for key, value in wanted.items() if np.isclose(value, score, atol=1e-4)]
            instead = f" That is {same[0]}." if same else ""
            message = f"{where}, the score of {head} should be {wanted[name]:.3f}, and yours is {score:.3f}.{instead}"
            require(bool(np.isclose(wanted[name], score, atol=1e-4)), message)


def _two_heads(outputs: Callable, metrics: dict | None = None) -> keras.Model:
    """Return a model with two heads, whose outputs have the form that `outputs` makes of them."""
    image = keras.Input((784,), name="image")
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(image)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(image)
    model = keras.Model(image, outputs(digit, odd))
    losses = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
    model.compile(optimizer="sgd", loss=losses, metrics=metrics, run_eagerly=True)  # faster for two batches
    return model


@contextmanager
def _in_case(where: str) -> Iterator[None]:
    """Say in which case an answer failed."""
    try:
        yield
    except NotYet as reason:
        raise NotYet(f"{where}, {reason}") from None


# ---------------------------------------------------------------------------------------------------------------------
# 2.5: lists, made to work


@question(
    "2.5",
    hints=[
        "For a model with a list of outputs, `model.output_names` has the names in the order of the list.",
        "For a dictionary, `output_names` is sorted by the alphabet. `model.output` keeps the order that was written.",
        "isinstance(model.output, dict) tells the two apart. zip(..., strict=True) raises when the lengths differ.",
    ],
)
def by_name(answer: object) -> None:
    """A function from a model and a list of targets to a dict of targets."""
    function = as_function(answer)
    for form, names in {
        "a list of outputs": ["digit", "odd"],
        "a list of outputs, not in the order of the alphabet": ["odd", "loop", "digit"],
        "a dictionary of outputs": ["digit", "odd"],
        "a dictionary of outputs, not in the order of the alphabet": ["odd", "digit", "loop"],
    }.items():
        model = _heads(names, as_list="list" in form)
        listed = [np.full((4,), float(number)) for number in range(len(names))]
        with _in_case(f"with {form}"):
            found = as_dict(call(function, model, listed), names, "the result")
            for number, name in enumerate(names):
                _check_target(found[name], number, name, names)
        for wrong in (listed[:-1], [*listed, listed[0]]):
            raised = _raises_value_error(function, model, wrong)
            message = f"with {form}, {len(wrong)} targets for {len(names)} heads should raise a ValueError"
            require(raised, message)


def _check_target(found: object, number: int, name: str, names: list[str]) -> None:
    array = as_array(found, f"the target {name}", shape=(4,))
    at = [place for place in range(len(names)) if np.array_equal(array, np.full(4, float(place)))]
    if at and at[0] != number:
        raise NotYet(f"the head {name} gets the target that belongs to {names[at[0]]}")
    require(bool(at), f"the target {name} is not the one in the list")


def _heads(names: list[str], *, as_list: bool) -> keras.Model:
    image = keras.Input((3,))
    outputs = {name: keras.layers.Dense(1, name=name)(image) for name in names}
    return keras.Model(image, list(outputs.values()) if as_list else outputs)


def _raises_value_error(function: Callable, model: keras.Model, listed: list) -> bool:
    try:
        function(model, listed)
    except ValueError:
        return True
    except Exception as error:
        refuse_todo(error)
    return False
