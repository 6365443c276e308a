"""The checks of exercise 2: eight errors on one page."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_checks import (
    NotAnswered,
    NotYet,
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    blaming,
    call_kept,
    describe,
    one_line,
    outputs_of,
    question,
    refuse_todo,
    require,
    summary,
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
    found = keras.ops.convert_to_numpy(piece.activation(keras.ops.convert_to_tensor(scores)))
    require(np.allclose(found, softmax, atol=1e-4), "the head should keep its softmax")


def _model_class(piece: Any) -> None:  # noqa: ANN401
    require(type(piece) is not str, "the class itself is wanted, without quotes")
    require(not issubclass(type(piece), keras.Model), "the class itself is wanted, and not a model")
    require(issubclass(type(piece), type), f"a class of Keras is wanted, not {describe(piece)}")
    no_model = f"{describe(piece)} does not make a model: which class takes inputs and outputs?"
    require(issubclass(piece, keras.Model), no_model)
    require(not issubclass(piece, keras.Sequential), "a Sequential model is one row of layers: it has one output")
    image = keras.Input((3,))
    try:
        outputs = piece(image, [keras.layers.Identity(name=name)(image) for name in HEADS]).outputs
    except Exception as error:
        refuse_todo(error)
        raise NotYet(no_model) from None
    require(len(outputs) == len(HEADS), no_model)


LABELS = np.array([3, 0, 9, 9, 4, 6, 1, 7, 2, 5, 8])


def _digit_loss(piece: Any) -> None:  # noqa: ANN401
    piece = _of_one_head(piece, "digit")
    if type(piece) is str and piece.lower() in ("crossentropy", "ce"):
        return  # Keras takes the sparse one for one integer for each image
    loss = _from_keras(keras.losses.get, piece)
    predicted = np.random.default_rng(0).dirichlet(np.ones(10), size=len(LABELS)).astype("float32")
    wanted = _crossentropy(predicted)
    found = _loss_in_a_model(loss, LABELS, predicted)
    if found is None and _is_reduced(_loss_in_a_model(loss, np.eye(10, dtype="float32")[LABELS], predicted), wanted):
        raise NotYet("it expects ten numbers for each image, one of them 1, and labels holds integers")
    require(found is not None, "it cannot compare integer labels with ten probabilities")
    once_more = np.exp(predicted) / np.exp(predicted).sum(axis=1, keepdims=True)
    twice = "it is not the cross-entropy with from_logits=True: the head of line 3 has its softmax already"
    require(not _is_reduced(found, _crossentropy(once_more)), twice)
    require(_is_reduced(found, wanted), "it is not the cross-entropy of ten probabilities and integer labels")


def _crossentropy(predicted: np.ndarray) -> np.ndarray:
    return -np.log(predicted[np.arange(len(LABELS)), LABELS])


def _is_reduced(found: np.ndarray | None, each: np.ndarray) -> bool:
    """Say whether `found` is the value of each row, or their mean or sum, which Keras calls the reduction of a loss."""
    wanted = [each] if found is not None and found.shape == each.shape else [each.mean(), each.sum()]
    return found is not None and any(np.allclose(found, value, rtol=1e-3) for value in wanted)


def _loss_in_a_model(loss: Callable, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray | None:
    """Return what a model whose only head has this loss gives, or None if Keras cannot compare the two."""
    try:
        model = _model()
        model.compile(None, loss={"digit": loss})
        return np.asarray(model.compute_loss(y={"digit": truth}, y_pred={"digit": predicted}))
    except Exception as error:
        refuse_todo(error)
        return None


@functools.cache
def _model(*, two_heads: bool = False) -> keras.Model:
    """Return a model to compile, with `digit` in a dictionary, or with two heads in a list."""
    image = keras.Input((3,))
    outputs = {name: keras.layers.Dense(units, name=name)(image) for name, units in HEADS.items()}
    return keras.Model(image, list(outputs.values()) if two_heads else {"digit": outputs["digit"]})


# Predictions whose accuracy, 7 of 11, is given by no other metric: no precision, recall, area, top k or other cut.
ODD = np.array([0.9, 0.2, 0.48, 0.7, 0.1, 0.52, 0.8, 0.49, 0.51, 0.95, 0.3], "float32")[:, None]
PLACE = np.array([0, 0, 1, 0, 3, 0, 7, 0, 0, 0, 2])  # how many classes look more likely than the right one


def _metrics_in_a_model(metrics: object, head: str | None = None) -> dict[str, list[float]]:
    """Return the scores of each head that Keras gives for fixed predictions; `metrics` is what `compile` takes."""
    ranks = np.arange(10)[None, :].repeat(len(LABELS), axis=0)
    digit = np.empty((len(LABELS), 10), "float32")
    for row, (label, place) in enumerate(zip(LABELS, PLACE, strict=True)):
        order = np.insert(np.delete(ranks[row], label), place, label)
        digit[row, order] = 0.5 ** np.arange(10)
    digit /= digit.sum(axis=1, keepdims=True)
    model = _model(two_heads=True)
    model.compile(None, metrics=metrics if head is None else {head: metrics})
    model.compute_metrics(x=None, y=[LABELS, LABELS % 2], y_pred=[digit, ODD])
    model.reset_metrics()  # a metric that was used before goes on counting
    scores = model.compute_metrics(x=None, y=[LABELS, LABELS % 2], y_pred=[digit, ODD])
    return {
        name: [float(score) for key, score in scores.items() if key.startswith(f"{name}_") and np.ndim(score) == 0]
        for name in HEADS
    }


def _accuracies(piece: Any) -> None:  # noqa: ANN401
    several = issubclass(type(piece), dict | list | tuple)
    require(several, f"a dict or a list is wanted, not {describe(piece)}")
    require(len(piece) != 1, "there is one entry for two heads: fit raises an error, or one head gets no accuracy")
    if issubclass(type(piece), dict):
        same = sorted(map(describe, piece)) == sorted(map(describe, HEADS))
        yours = ", ".join(key if type(key) is str else describe(key) for key in piece) or "none"
        require(same, f"the keys are {one_line(yours, 40)}; are the names digit and odd?")
    require(len(piece) == 2, f"there are {len(piece)} entries for two heads, and Keras wants one for each")
    try:
        scores = _metrics_in_a_model(piece)
    except Exception as error:
        refuse_todo(error)
        raise NotYet(f"Keras refuses it with a {one_line(summary(error), 80)}") from None
    wanted = {"digit": float(np.mean(PLACE == 0)), "odd": float(np.mean((ODD[:, 0] > 0.5) == LABELS % 2))}
    for head, accuracy in wanted.items():
        require(bool(np.isclose(scores[head], accuracy).any()), f"the head {head} does not get its accuracy")


def _targets(piece: Any) -> None:  # noqa: ANN401
    if issubclass(type(piece), list | tuple) and len(piece) == 2:
        piece = dict(zip(HEADS, piece, strict=True))
    parts = as_dict(piece, list(HEADS), "the targets")
    digit, odd = (as_array(parts[name], f"the target {name}").ravel() for name in HEADS)
    require(digit.size == odd.size > 0, "the two targets should have one value for each image")
    zeros_and_ones = [bool(np.isin(target, [0, 1]).all()) for target in (digit, odd)]
    require(zeros_and_ones != [True, False], "the digit head gets only zeros and ones: did you swap the two?")
    too_few = zeros_and_ones[0] and digit.size > 10
    require(not too_few, "the digit head gets only zeros and ones, and it should get the digits")
    is_label = bool(np.isin(digit, np.arange(10)).all())
    require(is_label, f"the digits run from 0 to 9, and the digit head gets {digit.min():g} to {digit.max():g}")
    require(not np.array_equal(1 - digit % 2, odd), "the odd head should get 1 where the digit is odd, not where even")
    require(np.array_equal(digit % 2, odd), "the odd head should get 1 where the digit is odd, and else 0")


def _squared_error(piece: Any) -> None:  # noqa: ANN401
    piece = _of_one_head(piece, "odd")
    pieces = list(piece) if issubclass(type(piece), list | tuple) else [piece]
    is_accuracy = [type(part) is str and "acc" in part.lower() for part in pieces]  # Keras chooses which
    require(not all(is_accuracy), "an accuracy counts right answers and does not measure a squared error")
    for part in (part for part, accuracy in zip(pieces, is_accuracy, strict=True) if not accuracy):
        _from_keras(keras.metrics.get, part)
    try:
        found = _metrics_in_a_model(pieces, "odd")["odd"]
    except Exception as error:
        refuse_todo(error)
        raise NotYet("it does not measure the squared error, and Keras cannot use it for this head") from None
    error = LABELS % 2 - ODD[:, 0]
    wanted = float(np.mean(error**2))
    if any(_close(value, wanted) for value in found):
        return
    stretched = float(np.mean((LABELS[None, :] % 2 - ODD) ** 2))
    for value, words in {
        wanted**0.5: "it gives the root of the squared error",
        float(np.sum(error**2)): "it gives the sum of the squared errors, and not their mean",
        stretched: "it compares each target with the answers to all images: give both the same shape first",
    }.items():
        require(not any(_close(score, value) for score in found), words)
    raise NotYet("it does not measure the squared error")


def _of_one_head(piece: Any, head: str) -> Any:  # noqa: ANN401
    """Return what a piece holds for one head, if it is a dict or a list of one entry."""
    if issubclass(type(piece), dict) and list(piece) == [head]:
        piece = piece[head]
    if issubclass(type(piece), list | tuple) and len(piece) == 1:
        piece = piece[0]
    return piece


def _from_keras(get: Callable, piece: Any) -> Callable:  # noqa: ANN401
    """Return the loss or metric that Keras makes of a name, a class or a function."""
    try:
        found = get(piece)
        found = found() if issubclass(type(found), type) else found
    except Exception:
        found = None
    require(callable(found), f"Keras knows no such thing as {describe(piece)}")
    return found


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
    pieces = {int(key) if issubclass(type(key), np.integer) else key: piece for key, piece in dict.items(answer)}  # type: ignore[arg-type]
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
        whole = issubclass(type(contract["units"]), int | np.integer)
        require(whole, f"Keras takes a whole number for the units of {name}: {units}, and not {contract['units']}")
        with blaming(f"the activation of {name}"):
            activation = keras.activations.get(contract["activation"])
        with blaming(f"the loss of {name}"):
            loss = _loss_named(contract["loss"], units)
        require(loss is not None, f"{name} has no loss, so it would not learn")
        if name == "facts":
            _check_facts(activation, loss)
        else:
            _check_ink(activation, loss)


def _loss_named(loss: Any, units: int) -> Callable | None:  # noqa: ANN401
    if type(loss) is str and loss.lower() in ("crossentropy", "ce"):  # Keras chooses by the shapes
        loss = "binary_crossentropy" if units == 1 else "categorical_crossentropy"
    found = keras.losses.get(loss)
    return found() if issubclass(type(found), type) else found


LEVELS = np.array([-12.0, -5.0, -1.0, 1.5, 5.0, 12.0], "float32")  # of what goes into the activation


def _sigmoid(level: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-level))


def _check_facts(activation: Callable, loss: Callable) -> None:
    target = np.array(list(itertools.product([0, 1], repeat=6)), "float32")
    predicted = _learned(activation, loss, target, start=4.0 - 8.0 * target)
    if np.allclose(predicted.sum(axis=1), 1, atol=0.01):
        raise NotYet("the six outputs of facts share a total of 1, so three true facts cannot all be near 1")
    with blaming("the head of your contract"):
        yes, no = (_costs(activation, loss, answer) for answer in (1, 0))
        reached = _numbers(activation(tf.constant(LEVELS)))
    require(bool(np.isfinite([yes, no]).all()), "the loss of facts is not a number when an answer is wrong by far")
    twice = _sigmoid(_sigmoid(LEVELS))
    if _in_proportion(yes, -np.log(twice)) and _in_proportion(no, -np.log(1 - twice)):
        by_the_loss = np.allclose(reached, _sigmoid(LEVELS), atol=0.01)
        place = "in the activation and in the loss (from_logits=True)" if by_the_loss else "one after the other"
        raise NotYet(f"facts has two sigmoids, {place}: one is enough")
    stuck = "a head for facts that is wrong by far does not become right: do its activation and its loss fit?"
    learned = predicted[target == 1].min() > predicted[target == 0].max()
    one_sided = "the loss of facts lets a wrong {} pass: it costs almost nothing, however sure the head is"
    require(no[-1] > 0.05 * yes[0], one_sided.format("yes"))
    require(yes[0] > 0.05 * no[-1], one_sided.format("no"))
    require(bool(learned), stuck)
    punished = "a head for facts is punished for right answers: it needs an activation that ends at 0 and 1"
    require(yes[-1] < 0.25 * yes[0] and no[0] < 0.25 * no[-1], punished)
    weak = "the loss of facts hardly grows when an answer is wrong by far: take the cross-entropy"
    require(yes[0] > 1.5 * yes[1] and no[-1] > 1.5 * no[-2], weak)


def _costs(activation: Callable, loss: Callable, answer: int) -> np.ndarray:
    """Return what six facts cost that are all true, or all false, at each of the levels."""
    target = np.full((1, 6), answer, "float32")
    rows = (tf.fill((1, 6), tf.constant(level)) for level in LEVELS)
    return np.array([_mean(loss(target, _output(activation, row))) for row in rows])


def _output(activation: Callable, before: object) -> tf.Tensor:
    # A new tensor: Keras notes on a sigmoid's own what went into it, and a loss with from_logits=True looks there.
    return tf.identity(activation(before))


def _in_proportion(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Say whether two curves differ by no more than a factor, as the sum and the mean of a loss do."""
    return bool(np.allclose(found / found.sum(), wanted / wanted.sum(), atol=1e-3))


def _check_ink(activation: Callable, loss: Callable) -> None:
    target = np.array([[0.3], [-2.5], [0.02], [3.0], [-0.6], [1.4], [0.0], [-1.2]], "float32")
    predicted = _learned(activation, loss, target, start=0.5 + 0.4 * np.abs(target))
    far = np.abs(predicted - target).max(axis=1)
    example = f"for a target of {target[far.argmax(), 0]:.1f} the ink head ends at {predicted[far.argmax(), 0]:.2f}"
    below = "" if predicted.min() < -0.01 else ", and it never gives a negative number"
    require(bool(far.max() < 0.1), f"{example}{below}: do the activation and the loss fit a quantity?")
    with blaming("the head of your contract"):
        small, large = (
            min(_mean(loss(tf.constant([[place]]), tf.constant([[place + error]]))) for error in (-0.5, 0.5))
            for place in (0.02, 2.0)
        )
    relative = "the loss of ink counts an error in proportion to the target, and many targets are near 0"
    require(small < 3 * large, relative)


def _learned(activation: Callable, loss: Callable, target: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Change what goes into the activation, step by step, so that the loss falls; return the outputs."""
    before = tf.Variable(start)
    for step in 1.5 * 0.7 ** np.arange(13):
        with tf.GradientTape() as tape, blaming("the head of your contract"):
            value = tf.reduce_mean(loss(target, _output(activation, before)))
        gradient = tape.gradient(value, before)
        if gradient is None:
            break
        before.assign_sub(step * tf.sign(gradient))
    return _numbers(activation(before))


def _numbers(value: object) -> np.ndarray:
    return np.asarray(tf.cast(value, "float32"))


def _mean(value: object) -> float:
    return float(tf.reduce_mean(tf.cast(value, "float32")))


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
    digit, odd = outputs["digit"], outputs["odd"][:, 0]
    total = "the ten probabilities of digit should have a total of 1: use softmax"
    require(np.allclose(digit.sum(axis=1), 1, atol=0.02), total)  # ten numbers of bfloat16 can miss it by 0.01
    as_model(model, "the model", compiled=True)
    truth = {"digit": labels, "odd": labels % 2}
    right = {"digit": float(np.mean(digit.argmax(axis=1) == labels)), "odd": float(np.mean((odd > 0.5) == labels % 2))}
    # A softmax of ten numbers from 0 to 1 gives e / (e + 9) at the most, and a sigmoid of such a number 0.5 to 0.731.
    twice = "another activation comes before its softmax"
    flat = right["digit"] > 0.5 and digit.max() < 0.24
    require(not flat, f"no probability of digit is above {digit.max():.2f}, whatever the image: {twice}")
    _require_right("digit", right["digit"])
    flat = odd.min() > 0.49 and odd.max() < 0.74
    require(not flat, f"odd is never below {odd.min():.2f}: another activation comes before its sigmoid")
    _require_right("odd", right["odd"])
    measured = {
        "digit_accuracy": ("accuracy", right["digit"], 2e-3),
        "odd_mean_squared_error": ("squared error", float(np.mean((odd - truth["odd"]) ** 2)), 1e-3),
    }
    scores = _scores(model, outputs, truth, right["digit"])
    for wanted, (what, value, tolerance) in measured.items():
        name = wanted.partition("_")[0]
        close = [key for key, score in scores.items() if np.isclose(score, value, rtol=0.02, atol=tolerance)]
        of_the_head = [key for key in close if key.startswith(f"{name}_") and key != f"{name}_loss"]
        reported = f"no metric of the head {name} reports its {what}, {value:.3f}: give `compile` one"
        require(bool(of_the_head), reported)
        require(wanted in scores, f"no score has the name {wanted}; yours are {', '.join(sorted(scores))}")
        other = f"the score {wanted} is not the {what} of the head {name}, which has the name {of_the_head[0]}"
        require(wanted in of_the_head, other)
    accuracy, error = (value for _, value, _ in measured.values())
    return f"On new images: accuracy of digit {accuracy:.1%}, squared error of odd {error:.3f}."


def _require_right(name: str, share: float) -> None:
    right_on = f"the head {name} is right on {share:.1%} of the test images"
    require(name == "digit" or share > 0.3, f"{right_on}, so it predicts the opposite: is 1 odd in your targets?")
    require(share > 0.9, f"{right_on}: train it for longer, and see that its loss has a weight")


def _scores(
    model: keras.Model, outputs: dict[str, np.ndarray], truth: dict[str, np.ndarray], accuracy: float
) -> dict[str, float]:
    """Return the model's metrics, of targets in the form that it was trained on: integers, or ten numbers each."""
    forms = [truth, truth | {"digit": np.eye(10, dtype="float32")[truth["digit"]]}]
    found, refused = [], None
    for form, taken in zip(forms, _forms_taken(model), strict=True):
        try:
            with blaming("your model"):
                found += [_metrics_of(model, outputs, form)] if taken else []
        except NotYet as reason:
            refused = refused or reason
    if refused and not found:
        raise refused
    of_digit = ([score for key, score in scores.items() if key.startswith("digit_")] for scores in found)
    right = [bool(np.isclose(scores, accuracy, atol=2e-3).any()) for scores in of_digit]
    return found[right.index(True) if any(right) else 0]


def _forms_taken(model: keras.Model) -> list[bool]:
    """Say whether the loss of `digit` takes integers, and whether it takes ten numbers for each image."""
    given = model.loss
    if isinstance(given, list | tuple) and len(given) == len(HEADS):
        given = dict(zip(sorted(HEADS), given, strict=True))  # as Keras does
    loss = given["digit"] if isinstance(given, dict) and "digit" in given else None
    if loss is None or (type(loss) is str and loss.lower() in ("crossentropy", "ce")):
        return [True, loss is not None]
    loss, predicted = _from_keras(keras.losses.get, loss), np.full((len(LABELS), 10), 0.1, "float32")
    one_hot = np.eye(10, dtype="float32")[LABELS]
    taken = [_loss_in_a_model(loss, labels, predicted) is not None for labels in (LABELS, one_hot)]
    return taken if any(taken) else [True, False]


def _metrics_of(model: keras.Model, outputs: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict[str, float]:
    model.reset_metrics()
    scores = model.compute_metrics(x=None, y=truth, y_pred={name: tf.constant(outputs[name]) for name in outputs})
    return {name: float(score) for name, score in scores.items() if np.ndim(score) == 0}


# ---------------------------------------------------------------------------------------------------------------------
# 2.4: scores by name

FORMS = {
    "a dictionary of outputs": lambda digit, odd: {"digit": digit, "odd": odd},
    "a list of outputs, odd first": lambda digit, odd: [odd, digit],
    "a dictionary of outputs, odd first": lambda digit, odd: {"odd": odd, "digit": digit},
}


# Their scores come before those that are asked for, and have a part of the name in common.
def a_loose_accuracy(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Return 1 where the label is one of the three likeliest classes."""
    return keras.metrics.sparse_top_k_categorical_accuracy(labels, probabilities, k=3)


def half_squared_error(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Return half of the squared error of each row."""
    return keras.losses.mean_squared_error(labels, probabilities) / 2


OTHERS = {
    "digit": ["sparse_top_k_categorical_accuracy", "sparse_categorical_crossentropy", a_loose_accuracy, "accuracy"],
    "odd": ["accuracy", half_squared_error, "mean_squared_error", keras.metrics.RootMeanSquaredError],
}
METRICS = {
    "no other metrics": {"digit": ["accuracy"], "odd": ["mean_squared_error"]},
    "more metrics": OTHERS,
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
    for number, (form, outputs) in enumerate(FORMS.items()):
        count = (50, 41, 1)[number]
        images, labels = rng.normal(size=(count, 784)).astype("float32"), rng.integers(0, 10, size=count)
        targets = {"digit": labels, "odd": labels % 2}
        more = "no other metrics" if number == 0 else "more metrics"
        model = _two_heads(outputs, METRICS[more])
        scores = _all_scores(model, images, targets)
        before, metrics = model.get_weights(), {id(metric) for metric in model.metrics}
        where = f"with {form} and {more}" + (", for one image" if count == 1 else "")
        with _in_case(where):
            found = as_dict(
                call_kept(_given(function, model), images=images, targets=targets), list(HEADS), "the result"
            )
            same = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
            trained = "your function trains the model: `evaluate` gives the scores and changes nothing"
            require(same, trained)
            compiled = "your function compiles the model again, and it loses the metrics that it had"
            require(metrics <= {id(metric) for metric in model.metrics}, compiled)
        for head, name in {"digit": "digit_accuracy", "odd": "odd_mean_squared_error"}.items():
            score = as_number(found[head], f"the score of {head}")
            _check_score(score, head, name, scores, where)


def _check_score(score: float, head: str, name: str, scores: dict[str, float], where: str) -> None:
    wanted = scores[name]
    if np.isclose(score, wanted, atol=1e-4):
        return
    digits = next((digits for digits in (3, 4, 5) if f"{score:.{digits}f}" != f"{wanted:.{digits}f}"), 6)
    message = f"the score of {head} should be {wanted:.{digits}f}, and yours is {score:.{digits}f}"
    others = [key for key, value in scores.items() if np.isclose(value, score, atol=1e-4)]
    instead = f" That is {others[0]}." if others else ""
    if not others and np.isclose(score, 100 * wanted, rtol=1e-3):
        instead = " That is in percent."
    elif not others and np.isclose(score, wanted, atol=0.06) and np.isclose(score, round(score, 3), rtol=0, atol=1e-9):
        instead = " Do not round it."
    raise NotYet(f"{where}, {message}.{instead}")


def _given(function: Callable, model: keras.Model) -> Callable:
    """Return the learner's function with its first argument given, so that `call_kept` copies only the others."""
    return lambda *rest: function(model, *rest)


def _all_scores(model: keras.Model, images: np.ndarray, targets: dict[str, np.ndarray]) -> dict[str, float]:
    """Return what `evaluate` gives, without what it costs."""
    outputs = model(images, training=False)
    scores = {name: float(score) for name, score in model.compute_metrics(images, targets, outputs).items()}
    model.reset_metrics()
    named = outputs if isinstance(outputs, dict) else dict(zip(model.output_names, outputs, strict=True))
    of_heads = {"digit": keras.losses.SparseCategoricalCrossentropy(), "odd": keras.losses.BinaryCrossentropy()}
    losses = {f"{name}_loss": float(loss(targets[name], named[name])) for name, loss in of_heads.items()}
    return scores | losses | {"loss": sum(losses.values())}


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
    for case, form, names in CASES:
        model = _heads(names, form)
        rng = np.random.default_rng(len(names))
        listed = [_some_target(place, rng) for place in range(len(names))]
        order = list(model.output_names)
        with _in_case(f"with {case}"):
            found = as_dict(call_kept(_given(function, model), listed=listed), names, "the result")
            changed = "your function changes the names inside the model: sort or reverse a copy"
            require(list(model.output_names) == order, changed)
            for name, wanted in zip(names, listed, strict=True):
                _check_target(found[name], name, wanted, dict(zip(names, listed, strict=True)))
        for wrong in (listed[:-1], [*listed, listed[0]], [*listed, *listed], []):
            instead = _instead_of_a_value_error(function, model, [np.copy(target) for target in wrong])
            counts = f"{len(wrong)} target{'s' * (len(wrong) != 1)} for {len(names)} head{'s' * (len(names) != 1)}"
            message = f"with {case}, {counts} should raise a ValueError"
            require(instead is None, f"{message}, and yours {instead}")


# Names in no order of their own, one head to seven, and keys that are not the names of the layers.
CASES = [
    ("a list of outputs", list, ["digit", "odd"]),
    ("a list of outputs, not in the order of the alphabet", list, ["odd", "loop", "digit"]),
    ("a dictionary of outputs", dict, ["digit", "odd"]),
    ("a dictionary of outputs, not in the order of the alphabet", dict, ["odd", "digit", "loop"]),
    ("a dictionary of outputs whose layers have other names", "other", ["size", "colour", "age", "place"]),
    ("a list of seven outputs", list, ["g", "c", "f", "a", "e", "b", "d"]),
    ("a dictionary of seven outputs", dict, ["c", "f", "a", "g", "b", "e", "d"]),
    ("a list of one output", list, ["odd"]),
    ("a dictionary of one output", dict, ["odd"]),
]


def _some_target(place: int, rng: np.random.Generator) -> np.ndarray:
    """Return a target, of another shape or type in every place of three."""
    if place % 3 == 0:
        return rng.integers(0, 10, size=4)
    return rng.normal(size=(4,) if place % 3 == 1 else (4, 3)).round(2)


def _check_target(found: object, name: str, wanted: np.ndarray, listed: dict[str, np.ndarray]) -> None:
    if not issubclass(type(found), list | tuple):  # where it would be the message that tells less
        others = [other for other, target in listed.items() if other != name and _is_target(found, target)]
        require(not others, f"the head {name} gets the target that belongs to {', '.join(others)}")
    array = as_array(found, f"the target {name}", shape=wanted.shape)
    require(_is_target(array, wanted), f"the target {name} is not the one in the list")


def _is_target(found: object, target: np.ndarray) -> bool:
    array = as_array(found)
    return array.shape == target.shape and bool(np.allclose(array, target, rtol=1e-6))


def _heads(names: list[str], form: object) -> keras.Model:
    image = keras.Input((3,))
    layers = names if form != "other" else [f"dense_{place}" for place in range(len(names))]
    outputs = {name: keras.layers.Identity(name=layer)(image) for name, layer in zip(names, layers, strict=True)}
    return keras.Model(image, list(outputs.values()) if form is list else outputs)


def _instead_of_a_value_error(function: Callable, model: keras.Model, listed: list) -> str | None:
    """Return what the function does with a list of a wrong length, or None if it raises a ValueError."""
    try:
        function(model, listed)
    except ValueError:
        return None
    except Exception as error:
        refuse_todo(error)
        return f"raises {summary(error)}"
    return "raises nothing"
