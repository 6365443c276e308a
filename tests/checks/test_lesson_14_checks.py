"""The checks of exercise 14: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

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


def by_positions(model, names):
    return keras.Model(model.inputs[0], {names[i]: tensor for i, tensor in enumerate(model.outputs)})


class Renamed(keras.Model):
    """A subclass that is built from tensors all the same."""

    def __init__(self, model, names):
        super().__init__(model.inputs, dict(zip(names, model.outputs, strict=True)))


def by_a_subclass_of_tensors(model, names):
    return Renamed(model, names)


RIGHT_NAMES = [from_tensors, by_a_call, by_identities, sorted_names, by_positions, by_a_subclass_of_tensors]
RIGHT_NAMES.append(functools.partial(by_identities))


@pytest.mark.parametrize("function", RIGHT_NAMES)
def test_names_however_they_are_given(function):
    assert outcome("14.1", function) == ("correct", "")


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


class Calling(keras.Model):
    """A model that shares the layers, and knows its outputs only when it is called."""

    def __init__(self, model, names):
        super().__init__()
        self.old, self.names = model, names

    def call(self, images):
        return dict(zip(self.names, self.old(images), strict=True))


def called(model, names):
    new = Calling(model, names)
    new(np.zeros((1, 6), "float32"))
    return new


def called_on_a_tensor(model, names):
    new = Calling(model, names)
    new(keras.Input((6,)))
    return new


def frozen(model, names):
    model.trainable = False
    return from_tensors(model, names)


def new_one_frozen(model, names):
    new = from_tensors(model, names)
    new.trainable = False
    return new


def thawed(model, names):
    for layer in model.layers:
        layer.trainable = True
    return from_tensors(model, names)


def renamed_layers(model, names):
    for layer, name in zip(model.layers[-3:], names, strict=True):
        layer.name = name
    return from_tensors(model, names)


def last_layers(model, names):
    return keras.Model(model.inputs, {n: layer.output for n, layer in zip(names, model.layers[-3:], strict=True)})


def in_order_of_the_layers(model, names):
    tensors = [layer.output for layer in model.layers if layer.name in model.output_names]
    return keras.Model(model.inputs, dict(zip(names, tensors, strict=True)))


def sequential(model, names):
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])


def empties_the_names(model, names):
    return keras.Model(model.inputs, {names.pop(0): tensor for tensor in model.outputs})


def three_only(model, names):
    return keras.Model(model.inputs, {names[i]: model.outputs[i] for i in range(3)})


WRONG_NAMES = {
    "the names are taken out": (empties_the_names, "your function changes `names` itself"),
    "three heads only": (three_only, "for a model with five heads"),
    "list": (lambda m, n: m, "the outputs of the result should be a dictionary"),
    "alphabet": (lambda m, n: from_tensors(m, sorted(n)), "the names are in the order of the outputs"),
    "turned": (lambda m, n: from_tensors(m, n[::-1]), "the names are in the order of the outputs"),
    "copy": (a_copy, "weights of its own"),
    "untrained": (untrained, "stands no answer of the old model"),
    "reset": (reset, "changes the weights of the old model"),
    "a subclass": (Calling, "should be a function"),
    "a subclass not called": (lambda m, n: Calling(m, n), "build the model with `keras.Model(inputs, {...})`"),
    "a subclass called": (called, "which has no named outputs before it is called"),
    "a subclass called on a tensor": (called_on_a_tensor, "which has no named outputs before it is called"),
    "the old model frozen": (frozen, "changes `trainable`"),
    "the new model frozen": (new_one_frozen, "changes `trainable`"),
    "a frozen layer thawed": (thawed, "changes `trainable`"),
    "layers renamed": (renamed_layers, "other names"),
    "the last layers": (last_layers, "for a model with an output in its middle"),
    "the order of the layers": (in_order_of_the_layers, "the names are in the order of the outputs"),
    "one in a row": (sequential, "the outputs of the result should be a dictionary"),
    "other names": (lambda m, n: from_tensors(m, ["a", "b", "c"]), "should"),
    "one is missing": (lambda m, n: keras.Model(m.inputs, {n[0]: m.outputs[0], n[1]: m.outputs[1]}), "should"),
    "a dictionary": (lambda m, n: dict(zip(n, m.outputs, strict=True)), "should be a Keras model"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_wrong_names(answer, words):
    refused("14.1", answer, words)


# --- 14.2


def by_numpy(instances, shapes):
    found = []
    for place, one in enumerate(instances):
        for name in {*one, *shapes}:
            try:
                array = np.asarray(one[name])
                fine = (
                    np.issubdtype(array.dtype, np.number) and array.shape == shapes[name] and np.isfinite(array).all()
                )
            except (KeyError, ValueError):
                fine = False
            if not fine:
                found.append((place, name))
    return found


def shape_of(value):
    """Return the shape of lists in lists of numbers, or None."""
    if isinstance(value, list):
        inner = {shape_of(part) for part in value}
        return (len(value), *inner.pop()) if len(inner) == 1 and None not in inner else None
    is_number = isinstance(value, int | float) and abs(value) < float("inf")
    return () if is_number else None


def by_recursion(instances, shapes):
    """Return a set of lists that stand as tuples."""
    pairs = {(i, name) for i, one in enumerate(instances) for name in one.keys() | shapes.keys()}
    return {(i, n) for i, n in pairs if n not in shapes or shape_of(instances[i].get(n)) != tuple(shapes[n])}


def as_lists(instances, shapes):
    return [[np.int64(place), name] for place, name in sorted(by_recursion(instances, shapes), reverse=True)]


@pytest.mark.parametrize("function", [by_numpy, by_recursion, as_lists])
def test_faults_however_they_are_found(function):
    assert outcome("14.2", function) == ("correct", "")


def without_care(instances, shapes):
    """Let NumPy raise its error about lists of different lengths."""
    return by_numpy([{name: np.array(value) for name, value in one.items()} for one in instances], shapes)


WRONG_FAULTS = {
    "names alone": (lambda i, s: [name for _, name in by_numpy(i, s)], "pairs `(place, name)`"),
    "a sentence": (lambda i, s: "all is well", "a list (or a set) of pairs"),
    "nothing": (lambda i, s: [], "code of instance 0 is missing"),
    "everything": (
        lambda i, s: [(place, name) for place, one in enumerate(i) for name in one],
        "(0, 'code') should not be in the list",
    ),
    "twice": (lambda i, s: by_numpy(i, s) * 2, "a pair stands in the list twice"),
    "lists of different lengths": (without_care, "raised ValueError"),
    "changed": (lambda i, s: ([one.pop("code", 0) for one in i], [])[1], "changes `instances` itself"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_FAULTS.values(), ids=WRONG_FAULTS)
def test_wrong_faults(answer, words):
    refused("14.2", answer, words)


# --- 14.3


def by_split(requests, model):
    joined = {name: np.concatenate([one[name] for one in requests]) for name in requests[0]}
    ends = np.cumsum([len(one["row"]) for one in requests])[:-1]
    heads = {head: np.split(values, ends) for head, values in model(joined).items()}
    return [{head: parts[place] for head, parts in heads.items()} for place in range(len(requests))]


def by_owner(requests, model):
    """Note for each row whose it is."""
    owner = np.repeat(np.arange(len(requests)), [len(one["code"]) for one in requests])
    answers = model({name: tf.concat([one[name] for one in requests], axis=0).numpy() for name in requests[0]})
    return tuple({n: tf.boolean_mask(v, owner == k) for n, v in answers.items()} for k in range(len(requests)))


def last_come_first_served(requests, model):
    """Put the rows together in another order, and give them back in the right one."""
    return by_split(requests[::-1], model)[::-1]


@pytest.mark.parametrize("function", [by_split, by_owner, last_come_first_served])
def test_answers_however_they_are_shared(function):
    assert outcome("14.3", function) == ("correct", "")


def as_in_the_first(requests, model):
    """Take the inputs by their places in the first request, whatever their names are in the next."""
    columns = zip(*(one.values() for one in requests), strict=True)
    rows = dict(zip(requests[0], map(np.concatenate, columns), strict=True))
    ends = np.cumsum([len(one["row"]) for one in requests])[:-1]
    heads = {head: np.split(values, ends) for head, values in model(rows).items()}
    return [{head: parts[place] for head, parts in heads.items()} for place in range(len(requests))]


WRONG_ANSWERS = {
    "by place": (as_in_the_first, "take them by name"),
    "all in one": (lambda r, m: by_split(r, m)[0], "a list of dictionaries"),
    "one is missing": (lambda r, m: by_split(r, m)[:-1], "2 requests came, and your list holds 1"),
    "one head": (lambda r, m: [{"odd": one["odd"]} for one in by_split(r, m)], "place"),
    "without an axis": (
        lambda r, m: [{n: np.ravel(v) for n, v in one.items()} for one in by_split(r, m)],
        "place of request 0 has shape (6,), and should have (2, 3)",
    ),
    "padded": (
        lambda r, m: [{n: np.resize(v, (9, *v.shape[1:])) for n, v in one.items()} for one in by_split(r, m)],
        "has shape (9, 3)",
    ),
    "changed": (lambda r, m: ([one.pop("code") for one in r], [])[1], "changes `requests` itself"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_wrong_answers(answer, words):
    refused("14.3", answer, words)
