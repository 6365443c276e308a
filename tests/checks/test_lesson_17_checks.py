"""The checks of exercise 17: right answers of other forms pass, wrong ones without a formula hear why not."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

# --- 17.1


def by_counter(listed, on_disk):
    count = Counter(listed)
    return {
        "twice": np.int64(sum(value > 1 for value in count.values())),
        "no row": len([name for name in on_disk if name not in count]),
        "no file": sum(name not in on_disk for name in count),
    }


def test_names_by_a_counter():
    assert outcome("17.1", by_counter)[0] == "correct"


def sorted_in_place(listed, on_disk):
    listed.sort()
    return by_counter(listed, on_disk)


def test_wrong_comparisons():
    refused("17.1", sorted_in_place, "changes `listed` itself")
    refused("17.1", lambda listed, on_disk: 3, "dict")
    refused("17.1", lambda listed, on_disk: None, "is a `return` missing?")


# --- 17.2


def by_complex_numbers(pose, degrees):
    place = (pose["shift_right"] - 1j * pose["shift_down"]) * np.exp(1j * np.deg2rad(degrees))
    return {"shift_down": -place.imag, "shift_right": place.real, "angle": degrees + pose["angle"]}


def by_keras(pose, degrees):
    angle = keras.ops.convert_to_tensor(degrees * np.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return {
        "angle": pose["angle"] + degrees,
        "shift_right": cos * pose["shift_right"] + sin * pose["shift_down"],
        "shift_down": cos * pose["shift_down"] - sin * pose["shift_right"],
    }


@pytest.mark.parametrize("function", [by_complex_numbers, by_keras])
def test_turns_however_they_are_computed(function):
    assert outcome("17.2", function)[0] == "correct"


def turned_in_place(pose, degrees):
    pose["angle"] = pose["angle"] + degrees
    return by_complex_numbers(pose, 0 * degrees)


def test_wrong_turns():
    refused("17.2", turned_in_place, "changes `pose` itself")
    refused("17.2", lambda pose, degrees: pose["angle"] + degrees, "dict")
    refused("17.2", lambda pose, degrees: {"angle": pose["angle"] + degrees}, "shift_down")


# --- 17.3


def by_loops(truth, predicted, known):
    pairs = [
        (t > 0.5, p > 0.5)
        for k in range(len(known))
        if known[k]
        for t, p in zip(truth[k].ravel(), predicted[k].ravel(), strict=True)
    ]
    return sum(t and p for t, p in pairs) / sum(t or p for t, p in pairs)


def by_weights(truth, predicted, known):
    weight = known[:, None, None]
    both = truth * (predicted > 0.5)
    return float((weight * both).sum() / (weight * (truth + (predicted > 0.5) - both)).sum())


@pytest.mark.parametrize("function", [by_loops, by_weights])
def test_scores_however_they_are_counted(function):
    assert outcome("17.3", function)[0] == "correct"


def test_wrong_scores():
    refused("17.3", lambda truth, predicted, known: by_weights(truth, predicted >= 0.5, known), "exactly 0.5 is not")
    refused("17.3", lambda truth, predicted, known: by_weights(truth, predicted, known) / 2, "the result should be")
    refused("17.3", lambda truth, predicted, known: predicted > 0.5, "number")


# --- 17.4


def by_powers(moving, batches, momentum, trainable):
    if not trainable:
        return moving.copy()
    n = len(batches)
    powers = momentum ** np.arange(n - 1, -1, -1)
    return momentum**n * moving + (1 - momentum) * np.einsum("u,uk->k", powers, batches.mean(axis=1))


def by_a_layer(moving, batches, momentum, trainable):
    layer = keras.layers.BatchNormalization(momentum=momentum, trainable=trainable, dtype="float64")
    layer.build((None, len(moving)))
    layer.moving_mean.assign(moving)
    for batch in batches:
        layer(batch, training=True)
    return layer.moving_mean


@pytest.mark.parametrize("function", [by_powers, by_a_layer])
def test_moving_means_however_they_are_computed(function):
    assert outcome("17.4", function)[0] == "correct"


def test_wrong_moving_means():
    def in_place(moving, batches, momentum, trainable):
        for batch in batches if trainable else []:
            moving *= momentum
            moving += (1 - momentum) * batch.mean(axis=0)
        return moving

    refused("17.4", in_place, "changes `moving` itself")
    refused("17.4", lambda moving, batches, momentum, trainable: by_powers(moving, batches, momentum, True)[0], "array")
