"""The checks of exercise 2 that ask for functions of a model: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

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


class Scores:
    def __call__(self, model, images, targets):
        return by_dictionary(model, images, targets)


def by_batches(model, images, targets):
    scores = model.evaluate(
        tf.data.Dataset.from_tensor_slices((images, targets)).batch(16), verbose=0, return_dict=True
    )
    return {"digit": scores["digit_accuracy"], "odd": keras.ops.convert_to_tensor(scores["odd_mean_squared_error"])}


RIGHT_SCORES = [by_dictionary, by_numpy, in_one_batch, Scores(), functools.partial(by_dictionary), by_batches]


@pytest.mark.parametrize("function", RIGHT_SCORES)
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


def changed(function, change):
    return lambda *given: {name: change(score) for name, score in function(*given).items()}


def by_any_squared_error(model, images, targets):
    scores = by_dictionary(model, images, targets)
    every = model.evaluate(images, targets, verbose=0, return_dict=True)
    return scores | {"odd": [score for name, score in sorted(every.items()) if name.endswith("squared_error")][-1]}


def of_odd(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0, return_dict=True)
    accuracies = [score for name, score in sorted(scores.items()) if name.endswith("_accuracy")]
    return {"digit": accuracies[-1], "odd": scores["odd_mean_squared_error"]}


def empties(model, images, targets):
    scores = by_dictionary(model, images, targets)
    targets.pop("odd")
    return scores


def fills(model, images, targets):
    scores = by_dictionary(model, images, targets)
    images *= 0
    return scores


def trains(model, images, targets):
    scores = by_dictionary(model, images, targets)
    model.train_on_batch(images, targets)
    return scores


def compiles(model, images, targets):
    losses = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
    model.compile(loss=losses, metrics={"digit": ["accuracy"], "odd": ["mean_squared_error"]}, run_eagerly=True)
    return by_dictionary(model, images, targets)


def by_parts_of_names(model, images, targets):
    scores = model.evaluate(images, targets, verbose=0, return_dict=True)
    parts = {"digit": "accuracy", "odd": "squared"}
    return {head: next(score for name, score in scores.items() if part in name) for head, part in parts.items()}


WRONG_SCORES = [
    (by_parts_of_names, "That is digit_a_loose_accuracy"),
    (by_place, "with a list of outputs, odd first and more metrics, the score of"),
    (by_metrics_names, "That is odd_loss"),
    (losses_for_metrics, "That is odd_loss"),
    (swapped, "That is odd_mean_squared_error"),
    (all_scores, "the keys of the result should be digit and odd"),
    (needs_a_dict, "with a list of outputs, odd first and more metrics, your function raised TypeError"),
    (crossed, "the score of odd should be"),
    (forgets_to_return, "is a `return` missing?"),
    ({"digit": 0.9, "odd": 0.1}, "should be a function"),
    (changed(by_dictionary, lambda score: 100 * score), "That is in percent"),
    (changed(by_dictionary, lambda score: round(float(score), 2)), "Do not round it"),
    (changed(by_dictionary, lambda score: str(score)), "should be a number"),
    (changed(by_dictionary, np.sqrt), "the score of"),
    (by_any_squared_error, "the score of odd should be"),
    (of_odd, "the score of digit should be"),
    (empties, "changes `targets` itself"),
    (fills, "changes `images` itself"),
    (trains, "your function trains the model"),
    (compiles, "your function compiles the model again"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_SCORES)
def test_wrong_scores(answer, words):
    refused("2.4", answer, words)


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


class Names:
    def __call__(self, model, listed):
        return by_output(model, listed)


def by_hand(model, listed):
    names = list(model.output.keys()) if isinstance(model.output, dict) else model.output_names
    if len(listed) != len(names):
        raise ValueError(f"{len(names)} targets are wanted")
    return {names[place]: tf.constant(listed[place]) for place in range(len(names))}


RIGHT_NAMES = [by_output, by_shape_of_outputs, by_prediction, by_hand, Names(), functools.partial(by_output)]


@pytest.mark.parametrize("function", RIGHT_NAMES)
def test_targets_by_name_however_they_are_made(function):
    assert outcome("2.5", function) == ("correct", "")


SORTED = "not in the order of the alphabet, the head odd gets the target that belongs to loop"


def by_layer(model, listed):
    tensors = model.output.values() if isinstance(model.output, dict) else model.output
    names = [tensor._keras_history.operation.name for tensor in tensors]
    return dict(zip(names, listed, strict=True))


def two_or_three(model, listed):
    names = list(by_output(model, listed))
    if len(names) == 2:
        return {names[0]: listed[0], names[1]: listed[1]}
    return {names[0]: listed[0], names[1]: listed[1], names[2]: listed[2]}


def empties_the_list(model, listed):
    result = by_output(model, listed)
    listed.clear()
    return result


def fills_the_targets(model, listed):
    result = by_output(model, [np.copy(target) for target in listed])
    for target in listed:
        target[...] = 0
    return result


def sorts_the_names(model, listed):
    result = by_output(model, listed)
    model.output_names.sort()
    return result


def whole_numbers(model, listed):
    return {name: np.asarray(target).astype(int) for name, target in by_output(model, listed).items()}


def in_order(model, listed):
    return {name: np.sort(target, axis=0) for name, target in by_output(model, listed).items()}


def too_long_is_cut(model, listed):
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    if len(listed) < len(names):
        raise ValueError("too short")
    return dict(zip(names, listed, strict=False))


def index_error(model, listed):
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    return {name: listed[place] for place, name in enumerate(names)}


def all_but_none(model, listed):
    return by_output(model, listed) if listed else {}


WRONG_NAMES = [
    (by_layer, "whose layers have other names"),
    (two_or_three, "the keys of the result should be size, colour, age and place"),
    (empties_the_list, "changes `listed` itself"),
    (fills_the_targets, "changes `listed` itself"),
    (sorts_the_names, "changes the names inside the model"),
    (whole_numbers, "is not the one in the list"),
    (in_order, "is not the one in the list"),
    (too_long_is_cut, "3 targets for 2 heads should raise a ValueError, and yours raises nothing"),
    (index_error, "1 target for 2 heads should raise a ValueError, and yours raises IndexError"),
    (all_but_none, "0 targets for 2 heads should raise a ValueError, and yours raises nothing"),
    (lambda model, listed: dict(zip(model.output_names, listed, strict=True)), f"a dictionary of outputs, {SORTED}"),
    (lambda model, listed: dict(zip(sorted(model.output_names), listed, strict=True)), "a list of outputs, not in"),
    (lambda model, listed: dict(zip(model.output, listed, strict=True)), "and yours are a KerasTensor and"),
    (lambda model, listed: dict(zip(["digit", "odd"], listed, strict=True)), "your function raised ValueError"),
    (lambda model, listed: dict(zip(["digit", "odd"], listed, strict=False)), "should raise a ValueError"),
    (
        lambda model, listed: dict(
            zip(list(model.output) if isinstance(model.output, dict) else model.output_names, listed, strict=False)
        ),
        "1 target for 2 heads should raise a ValueError, and yours raises nothing",
    ),
    (lambda model, listed: listed, "the result should be a dict"),
    (lambda model, listed: print(model), "is a `return` missing?"),
    (lambda model, listed: dict.fromkeys(by_output(model, listed), listed), "should have shape"),
    (lambda model, listed: {name: target + 1 for name, target in by_output(model, listed).items()}, "is not the one"),
    (lambda model, listed: {name: -target - 1 for name, target in by_output(model, listed).items()}, "is not the one"),
    ({"digit": np.arange(10)}, "should be a function"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG_NAMES)
def test_wrong_names(answer, words):
    refused("2.5", answer, words)
