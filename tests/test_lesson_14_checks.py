"""The checks of exercise 14: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome
from scipy.special import log_softmax, softmax


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


# --- 14.1


def from_tensors(model, names):
    return keras.Model(model.inputs, dict(zip(names, model.outputs, strict=True)))


def by_a_call(model, names):
    image = keras.Input(model.input_shape[1:])
    return keras.Model(image, dict(zip(names, model(image), strict=True)))


def by_identities(model, names):
    outputs = {n: keras.layers.Identity(name=n)(t) for n, t in zip(names, model.outputs, strict=True)}
    return keras.Model(model.input, outputs)


def sorted_names(model, names):
    return keras.Model(model.inputs, {n: model.outputs[names.index(n)] for n in sorted(names)})


@pytest.mark.parametrize("function", [from_tensors, by_a_call, by_identities, sorted_names])
def test_names_however_they_are_given(function):
    assert outcome("14.1", function) == ("correct", "")


def a_list(model, names):
    return model


def swapped(model, names):
    return from_tensors(model, sorted(names))


def turned(model, names):
    return from_tensors(model, names[::-1])


def a_copy(model, names):
    hidden, *heads = [layer for layer in model.layers if layer.weights]
    of = {head.output.name: head for head in heads}
    image = keras.Input(model.input_shape[1:])
    pairs, parts = [], []
    for layer in [hidden, *(of[tensor.name] for tensor in model.outputs)]:
        copied = type(layer).from_config(layer.get_config())
        parts.append(copied(parts[0] if parts else image))
        pairs.append((copied, layer))
    for copied, layer in pairs:
        copied.set_weights(layer.get_weights())
    return keras.Model(image, dict(zip(names, parts[1:], strict=True)))


def untrained(model, names):
    return from_tensors(keras.models.clone_model(model), names)


def reset(model, names):
    new = from_tensors(model, names)
    model.set_weights([0 * w for w in model.get_weights()])
    return new


WRONG_NAMES = {
    "list": (a_list, "the outputs of the result should be a dictionary"),
    "alphabet": (swapped, "the names are in the order of the outputs"),
    "turned": (turned, "the names are in the order of the outputs"),
    "copy": (a_copy, "weights of its own"),
    "untrained": (untrained, "stands no answer of the old model"),
    "reset": (reset, "stands no answer of the old model"),
    "other names": (lambda m, n: from_tensors(m, ["a", "b", "c"]), "should"),
    "one is missing": (lambda m, n: keras.Model(m.inputs, {n[0]: m.outputs[0], n[1]: m.outputs[1]}), "should"),
    "a dictionary": (lambda m, n: dict(zip(n, m.outputs, strict=True)), "should be a Keras model"),
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_wrong_names(name):
    refused("14.1", *WRONG_NAMES[name])


# --- 14.2


def loss_at(probability, target, t):
    return -log_softmax(np.log(probability) / t, axis=1)[np.arange(len(target)), target].mean()


def by_search(probability, target):
    grid = np.geomspace(0.1, 10, 1000)
    return grid[np.argmin([loss_at(probability, target, t) for t in grid])]


def by_powers(probability, target):
    grid = np.linspace(0.1, 10, 1981)
    losses = []
    for t in grid:
        power = probability ** (1 / t)
        losses.append(-np.log((power / power.sum(axis=1, keepdims=True))[np.arange(len(target)), target]).mean())
    return float(grid[np.argmin(losses)])


def by_gradients(probability, target):
    logits, log = tf.constant(np.log(probability)), tf.Variable(0.0, dtype=tf.float64)
    optimizer = keras.optimizers.SGD(0.5)
    log = keras.Variable(0.0)
    for _ in range(60):
        with tf.GradientTape() as tape:
            scaled = tf.cast(logits, tf.float32) * tf.exp(-log.value)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(target, scaled, from_logits=True))
        optimizer.apply([tape.gradient(loss, log.value)], [log])
    return tf.exp(log.value)


@pytest.mark.parametrize("function", [by_search, by_powers, by_gradients])
def test_a_temperature_however_it_is_found(function):
    assert outcome("14.2", function) == ("correct", "")


def accuracy_only(probability, target):
    grid = np.geomspace(0.1, 10, 100)
    return grid[np.argmax([np.mean(softmax(np.log(probability) / t, axis=1).argmax(1) == target) for t in grid])]


def squares(probability, target):
    grid = np.geomspace(0.1, 10, 400)
    wanted = np.eye(probability.shape[1])[target]
    return grid[np.argmax([((softmax(np.log(probability) / t, axis=1) - wanted) ** 2).sum() for t in grid])]


WRONG_TEMPERATURES = {
    "its inverse": (lambda p, y: 1 / by_search(p, y), "that is one divided by the temperature"),
    "its logarithm": (lambda p, y: np.log(by_search(p, y)), "that is the logarithm of the temperature"),
    "below zero": (lambda p, y: -by_search(p, y), "a temperature is above zero"),
    "never below 1": (lambda p, y: max(1.0, by_search(p, y)), "may also be not sure enough"),
    "always 1": (lambda p, y: 1.0, "has a smaller cross-entropy"),
    "accuracy": (accuracy_only, "has a smaller cross-entropy"),
    "largest squares": (squares, "has a smaller cross-entropy"),
    "probabilities as logits": (
        lambda p, y: min(np.geomspace(0.1, 10, 200), key=lambda t: loss_at(np.exp(p), y, t)),
        "has a smaller cross-entropy",
    ),
    "changed": (lambda p, y: (np.clip(p, 0.1, 1, out=p), 1.0)[1], "changes `probability` itself"),
    "all temperatures": (lambda p, y: np.ones(4), "should be one number"),
}


@pytest.mark.parametrize("name", WRONG_TEMPERATURES)
def test_wrong_temperatures(name):
    refused("14.2", *WRONG_TEMPERATURES[name])


# --- 14.3


def by_allclose(before, after, tolerance):
    return [
        n
        for n, old in before.items()
        if n not in after or after[n].shape != old.shape or not np.allclose(after[n], old, rtol=0, atol=tolerance)
    ]


def by_differences(before, after, tolerance):
    def same(name):
        shapes = [np.shape(answers.get(name)) for answers in (before, after)]
        return shapes[0] == shapes[1] and (np.abs(after[name] - before[name]) <= tolerance).all()

    return {name for name in before if not same(name)}


@pytest.mark.parametrize("function", [by_allclose, by_differences])
def test_heads_that_moved_however_they_are_found(function):
    assert outcome("14.3", function) == ("correct", "")


def found_by(changed, shapes=True):
    def function(before, after, tolerance):
        names = []
        for name, old in before.items():
            new = after.get(name)
            same = new is not None and (new.shape == old.shape or not shapes)
            if not same or changed(new, old, tolerance):
                names.append(name)
        return names

    return function


WRONG_MOVES = {
    "nothing": (lambda b, a, t: [], "odd should be in the list"),
    "all": (lambda b, a, t: list(b), "should not be in the list"),
    "new heads too": (lambda b, a, t: by_allclose(b, a, t) + sorted(set(a) - set(b)), "right should not be"),
    "one direction": (found_by(lambda n, o, t: (n - o > t).any()), "size should be in the list"),
    "NaN missed": (found_by(lambda n, o, t: (np.abs(n - o) > t).any()), "left should be in the list"),
    "relative": (found_by(lambda n, o, t: not np.allclose(n, o, atol=t)), "large answers"),
    "means": (found_by(lambda n, o, t: not abs(n.mean() - o.mean()) <= t), "should be in the list"),
    "sorted": (found_by(lambda n, o, t: not np.allclose(np.sort(n, 0), np.sort(o, 0), 0, t)), "another order"),
    "tolerance forgotten": (found_by(lambda n, o, t: not np.array_equal(n, o)), "should not be in the list"),
    "only common heads": (lambda b, a, t: by_allclose({n: b[n] for n in b if n in a}, a, t), "size is gone"),
    "shapes": (
        found_by(lambda n, o, t: not np.allclose(n.ravel(), o.ravel(), 0, t), shapes=False),
        "odd has the shape (6,) now",
    ),
    "a mask": (lambda b, a, t: {n: n in by_allclose(b, a, t) for n in b}, "a list of names is wanted"),
    "taken out": (lambda b, a, t: [n for n in list(b) if b.pop(n) is None], "changes `before` itself"),
}


@pytest.mark.parametrize("name", WRONG_MOVES)
def test_wrong_moves(name):
    refused("14.3", *WRONG_MOVES[name])


# --- 14.4


def by_weights(gradients, counts):
    kept = [(g, c) for g, c in zip(gradients, counts, strict=True) if c > 0]
    weights = [c for _, c in kept]
    return {n: np.average([g[n] for g, _ in kept], axis=0, weights=weights) for n in gradients[0]}


def by_sums(gradients, counts):
    total = {name: np.zeros_like(values) for name, values in gradients[0].items()}
    for found, count in zip(gradients, counts, strict=True):
        for name in total:
            total[name] += np.nan_to_num(found[name]) * count
    return {name: tf.constant(values / sum(counts)) for name, values in total.items()}


@pytest.mark.parametrize("function", [by_weights, by_sums])
def test_gradients_however_they_are_combined(function):
    assert outcome("14.4", function) == ("correct", "")


def each(rule):
    return lambda gradients, counts: {n: rule([g[n] for g in gradients], counts) for n in gradients[0]}


def in_place(gradients, counts):
    first = gradients[0]
    for name in first:
        first[name] *= counts[0] / sum(counts)
        for other, count in zip(gradients[1:], counts[1:], strict=True):
            first[name] += np.nan_to_num(other[name]) * count / sum(counts)
    return first


WRONG_SUMS = {
    "mean": (each(lambda g, c: np.mean(g, axis=0)), "counts as much as one with many"),
    "mean of the busy": (each(lambda g, c: np.nanmean(g, axis=0)), "counts as much as one with many"),
    "sum": (each(lambda g, c: np.nansum(g, axis=0)), "it is the sum over the workers"),
    "sum of rows": (
        each(lambda g, c: sum(np.nan_to_num(a) * b for a, b in zip(g, c, strict=True))),
        "sum over the rows",
    ),
    "by workers": (
        each(lambda g, c: sum(np.nan_to_num(a) * b for a, b in zip(g, c, strict=True)) / len(c)),
        "not by the number of workers",
    ),
    "NaN": (each(lambda g, c: sum(a * b for a, b in zip(g, c, strict=True)) / sum(c)), "a mean of NaN"),
    "largest worker": (each(lambda g, c: g[int(np.argmax(c))]), "its first number is"),
    "in place": (in_place, "changes `gradients` itself"),
    "one variable": (lambda g, c: {"trunk": by_weights(g, c)["trunk"]}, "digit"),
    "a list": (lambda g, c: list(by_weights(g, c).values()), "dict"),
}


@pytest.mark.parametrize("name", WRONG_SUMS)
def test_wrong_sums(name):
    refused("14.4", *WRONG_SUMS[name])
