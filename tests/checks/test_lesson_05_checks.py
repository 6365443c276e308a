"""The checks of exercise 5: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy import stats
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

# --- 5.1


def standard(train, other, mean=None, scale=None):
    mean = train.mean(axis=0) if mean is None else mean
    scale = train.std(axis=0) if scale is None else scale
    return (train - mean) / scale, (other - mean) / scale


def by_scikit_learn(train, other):
    scaler = StandardScaler().fit(train)
    return [scaler.transform(train), scaler.transform(other)]


def of_a_sample(train, other):
    return standard(train, other, scale=np.std(train, axis=0, ddof=1))


def by_keras(train, other):
    layer = keras.layers.Normalization(axis=-1)
    layer.adapt(train)
    return layer(train), layer(other)


def by_operations(train, other):
    mean, variance = keras.ops.moments(train, axes=0)
    return (train - mean) / keras.ops.sqrt(variance), (other - mean) / keras.ops.sqrt(variance)


def by_columns(train, other):
    pairs = [
        [(part[:, i] - train[:, i].mean()) / train[:, i].std() for part in (train, other)]
        for i in range(train.shape[1])
    ]
    return tuple(np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))


def by_map(train, other):
    return map(StandardScaler().fit(train).transform, [train, other])


def by_generator(train, other):
    return ((part - train.mean(axis=0)) / train.std(axis=0) for part in (train, other))


class Standard:
    def __call__(self, train, other):
        return standard(train, other)


def in_float16(train, other):
    return [part.astype("float16") for part in standard(train, other)]


RIGHT_SCALES = [standard, by_scikit_learn, of_a_sample, by_keras, by_operations, by_columns, by_map, by_generator]
RIGHT_SCALES += [Standard(), functools.partial(standard, mean=None), in_float16]


@pytest.mark.parametrize("function", RIGHT_SCALES)
def test_targets_however_they_are_standardised(function):
    assert outcome("5.1", function)[0] == "correct"


def by(scaler, together=False, own=False):
    def function(train, other):
        fitted = scaler().fit(np.concatenate([train, other]) if together else train)
        return fitted.transform(train), (scaler().fit(other) if own else fitted).transform(other)

    return function


def scaled_in_place(train, other):
    mean, scale = train.mean(axis=0), train.std(axis=0)
    train -= mean
    train /= scale
    return train, (other - mean) / scale


def other_in_place(train, other):
    mean, scale = train.mean(axis=0), train.std(axis=0)
    other -= mean
    return (train - mean) / scale, other / scale


WRONG_SCALES = {
    "own": (by(StandardScaler, own=True), "`other` got its own mean and standard deviation"),
    "together": (by(StandardScaler, together=True), "come from both parts together"),
    "rows": (lambda a, b: standard(a, b, a.mean(axis=1)[0], 1 + a.std(axis=1)[0]), "the standardised train differs"),
    "two decimals": (lambda a, b: tuple(np.round(x, 2) for x in standard(a, b)), "differs from the right one"),
    "three decimals": (lambda a, b: tuple(np.round(x, 3) for x in standard(a, b)), "it is rounded to 3 decimals"),
    "first column only": (
        lambda a, b: tuple(np.c_[s[:, :1], x[:, 1:]] for s, x in zip(standard(a, b), (a, b), strict=True)),
        "the standardised train differs from the right one",
    ),
    "last row": (lambda a, b: standard(a[:-1], b), "the standardised train should have shape"),
    "of 1000 rows": (lambda a, b: standard(a, b, a[:1000].mean(axis=0), a[:1000].std(axis=0)), "differs"),
    "sorted columns": (lambda a, b: standard(a, b, scale=np.sort(a.std(axis=0))), "differs from the right one"),
    "a dictionary": (lambda a, b: dict(enumerate(standard(a, b))), "should be a pair"),
    "minimum and maximum": (by(MinMaxScaler), "a scaling by minimum and maximum"),
    "robust": (by(RobustScaler), "a scaling by median and quartiles"),
    "train twice": (lambda a, b: (standard(a, b)[0],) * 2, "the standardised other should have shape"),
    "one array": (lambda a, b: standard(a, b)[0], "should be a pair"),
    "floor of 1": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 1)), "without a lower limit"),
    "floor of 0.1": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 0.1)), "without a lower limit"),
    "floor of 0.05": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 0.05)), "without a lower limit"),
    "added": (lambda a, b: standard(a, b, scale=a.std(axis=0) + 1e-3), "with nothing added"),
    "in place": (scaled_in_place, "your function changes `train` itself"),
    "the other in place": (other_in_place, "your function changes `other` itself"),
    "three": (lambda a, b: (*standard(a, b), a), "should be a pair"),
    "nothing": (lambda a, b: None, "is a `return` missing?"),
    "a result": (standard(np.eye(3), np.eye(3)), "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SCALES.values(), ids=WRONG_SCALES)
def test_wrong_scales(answer, words):
    refused("5.1", answer, words)


# --- 5.2


def good(prediction, target, mean, scale, tolerance):
    return np.abs(prediction * scale + mean - target) <= tolerance


def share(*arguments):
    return good(*arguments).all(axis=1).mean()


def worst(prediction, target, mean, scale, tolerance):
    return np.mean((np.abs(prediction * scale + mean - target) / tolerance).max(axis=1) <= 1)


def by_loop(prediction, target, mean, scale, tolerance):
    found = 0
    for row, wanted in zip(prediction, target, strict=True):
        found += all(abs(a * s + m - b) <= t for a, b, m, s, t in zip(row, wanted, mean, scale, tolerance, strict=True))
    return found / len(target)


def by_tensorflow(prediction, target, mean, scale, tolerance):
    error = tf.abs(prediction * scale + mean - target)
    return tf.reduce_mean(tf.cast(tf.reduce_all(error <= tolerance, axis=1), tf.float32))


def by_keras_operations(prediction, target, mean, scale, tolerance):
    rows = keras.ops.all(keras.ops.abs(prediction * scale + mean - target) <= tolerance, axis=1)
    return keras.ops.mean(keras.ops.cast(rows, "float32"))


def by_isclose(prediction, target, mean, scale, tolerance):
    return np.isclose(prediction * scale + mean, target, rtol=0, atol=tolerance).all(axis=1).mean()


def by_generator_of_rows(prediction, target, mean, scale, tolerance):
    rows = zip(prediction * scale + mean, target, strict=True)
    good = [all(abs(a - b) <= t for a, b, t in zip(*row, tolerance, strict=True)) for row in rows]
    return sum(good) / len(good)


def in_16_bits(*arguments):
    return np.float16(share(*arguments))


@pytest.mark.parametrize(
    "function",
    [
        by_generator_of_rows,
        in_16_bits,
        functools.partial(share),
        share,
        worst,
        by_isclose,
        by_loop,
        by_tensorflow,
        by_keras_operations,
    ],
)
def test_a_share_however_it_is_counted(function):
    assert outcome("5.2", function)[0] == "correct"


def share_in_place(prediction, target, mean, scale, tolerance):
    prediction *= scale
    prediction += mean
    return share(prediction, target, 0, 1, tolerance)


def target_in_place(prediction, target, mean, scale, tolerance):
    target -= mean
    return share(prediction, target, 0, scale, tolerance)


def by_default_isclose(prediction, target, mean, scale, tolerance):
    return np.isclose(prediction * scale + mean, target, atol=tolerance).all(axis=1).mean()


WRONG_SHARES = {
    "exactly four": (lambda *a: (good(*a).sum(axis=1) == 4).mean(), "it works for 4 columns, and not for 3"),
    "all close": (lambda p, y, m, s, t: float(np.allclose(p * s + m, y, atol=t)), "all rows at once"),
    "a little more": (lambda p, y, m, s, t: share(p, y, m, s, np.asarray(t) + 0.01), "should be"),
    "rounded": (lambda p, y, m, s, t: np.mean((np.abs(p * s + m - y).round(2) <= t).all(axis=1)), "should be"),
    "close by default": (by_default_isclose, "set rtol=0"),
    "in place": (share_in_place, "your function changes `prediction` itself"),
    "target in place": (target_in_place, "your function changes `target` itself"),
    "minus a list": (
        lambda p, y, m, s, t: np.mean((p * s + m - y >= -t).all(axis=1)),
        "your function raised TypeError",
    ),
    "rounded share": (lambda *a: round(share(*a), 3), "it is rounded to 3 decimals"),
    "as text": (lambda *a: str(share(*a)), "should be a number"),
    "first four": (lambda p, y, m, s, t: share(p[:, :2], y[:, :2], m[:2], s[:2], t[:2]), "should be"),
    "rows": (lambda *a: good(*a).all(axis=1), "should be one number"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_wrong_shares(answer, words):
    refused("5.2", answer, words)


# --- 5.3


def loss(y, m, s, low=-10, high=10):
    s = np.clip(s, low, high)
    return np.mean(np.exp(-s) * (y - m) ** 2 + s) / 2


def by_keras_loss(y, m, s):
    s = keras.ops.clip(s, -10, 10)
    return keras.ops.mean(0.5 * (keras.ops.exp(-s) * keras.ops.square(y - m) + s))


def by_tensorflow_loss(y, m, s):
    s = tf.clip_by_value(s, -10.0, 10.0)
    return tf.reduce_mean((tf.square(y - m) / tf.exp(s) + s) / 2)


def by_scipy(y, m, s):
    std = np.exp(np.clip(s, -10, 10).astype(float) / 2)
    return float(-stats.norm.logpdf(y, m, std).mean() - np.log(2 * np.pi) / 2)


def by_std(y, m, s):
    std = np.sqrt(np.exp(np.clip(s, -10, 10)))
    return np.mean(((y - m) / std) ** 2 / 2 + np.log(std))


def in_half_precision(y, m, s):
    return keras.ops.cast(by_keras_loss(y, m, s), "float16")


def in_bfloat16(y, m, s):
    return keras.ops.cast(by_keras_loss(y, m, s), "bfloat16")


def by_rows(y, m, s):
    return sum(loss(*row) for row in zip(y, m, s, strict=True)) / len(y)


@pytest.mark.parametrize(
    "function",
    [
        in_half_precision,
        in_bfloat16,
        by_rows,
        functools.partial(loss, high=10),
        loss,
        by_keras_loss,
        by_tensorflow_loss,
        by_scipy,
        by_std,
    ],
)
def test_a_loss_however_it_is_computed(function):
    assert outcome("5.3", function)[0] == "correct"


def unlimited(y, m, s):
    with np.errstate(all="ignore"):
        return loss(y, m, s, low=-np.inf, high=np.inf)


def clipped_in_place(y, m, s):
    np.clip(s, -10, 10, out=s)
    return loss(y, m, s)


def mean_in_place(y, m, s):
    m -= y
    return loss(0, m, s)


WRONG_LOSSES = {
    "in place": (clipped_in_place, "your function changes `log_variance` itself"),
    "mean in place": (mean_in_place, "your function changes `mean` itself"),
    "one part limited": (
        lambda y, m, s: np.mean((np.exp(-np.clip(s, -10, 10)) * (y - m) ** 2 + s) / 2),
        "is limited in the exponential alone",
    ),
    "limited together": (
        lambda y, m, s: np.clip(loss(y, m, s, low=-20, high=20), -10, 10),
        "limit it to -10 to 10",
    ),
    "rounded": (lambda *a: round(float(loss(*a)), 2), "it is rounded to 2 decimals"),
    "four decimals": (lambda *a: round(float(loss(*a)), 4), "it is rounded to 4 decimals"),
    "one row short": (
        lambda y, m, s: loss(y[:300], m[:300], s[:300]) if len(y) < 300 else loss(y, m, s) + 0.1,
        "for target = an array of shape (300, 2)",
    ),
    "unlimited": (unlimited, "limit it to -10 to 10"),
    "limited below only": (lambda *a: loss(*a, high=np.inf), "limit it to"),
    "limited elsewhere": (lambda *a: loss(*a, low=-20, high=20), "limit it to -10 to 10"),
    "cells": (lambda y, m, s: (np.exp(-s) * (y - m) ** 2 + s) / 2, "should be one number"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_wrong_losses(answer, words):
    refused("5.3", answer, words)


# --- 5.4


def angle_of(pair):
    return np.rad2deg(np.arctan2(pair[:, 0], pair[:, 1]))


def turn(pair, target):
    return np.abs((angle_of(pair) - target + 180) % 360 - 180)


def by_minimum(pair, target):
    off = (angle_of(pair) - target) % 360
    return np.minimum(off, 360 - off)


def by_dot_product(pair, target):
    pair = pair / np.linalg.norm(pair, axis=1, keepdims=True)
    radians = np.deg2rad(target)
    return np.rad2deg(np.arccos(np.clip(pair[:, 0] * np.sin(radians) + pair[:, 1] * np.cos(radians), -1, 1)))


def by_complex(pair, target):
    return np.abs(np.angle((pair[:, 1] + 1j * pair[:, 0]) * np.exp(-1j * np.deg2rad(target)), deg=True))


def by_keras_turn(pair, target):
    off = keras.ops.arctan2(pair[:, 0], pair[:, 1]) - target * np.pi / 180
    return keras.ops.abs(keras.ops.arctan2(keras.ops.sin(off), keras.ops.cos(off))) * 180 / np.pi


def by_tensorflow_turn(pair, target):
    degrees = tf.atan2(pair[:, 0], pair[:, 1]) * 180 / np.pi
    return tf.abs(tf.math.floormod(degrees - target + 180, 360) - 180)


def by_list(pair, target):
    return [float(angle) for angle in turn(pair, target)]


def by_rounding(pair, target):
    turns = (angle_of(pair) - target) / 360
    return 360 * np.abs(turns - np.round(turns))


RIGHT_TURNS = [
    by_list,
    by_rounding,
    lambda p, t: turn(p, t).astype("float16"),
    functools.partial(turn),
    turn,
    by_minimum,
    by_dot_product,
    by_complex,
    by_keras_turn,
    by_tensorflow_turn,
]


@pytest.mark.parametrize("function", RIGHT_TURNS)
def test_a_turn_however_it_is_measured(function):
    assert outcome("5.4", function)[0] == "correct"


def divided_in_place(pair, target):
    pair /= np.linalg.norm(pair, axis=1, keepdims=True)
    return turn(pair, target)


def target_turned_in_place(pair, target):
    target %= 360
    return turn(pair, target)


def by_inverse(inverse, column):
    def function(pair, target):
        return np.abs((np.rad2deg(inverse(pair[:, column])) - target + 180) % 360 - 180)

    return function


def not_clipped(pair, target):
    radians = np.deg2rad(target)
    return np.rad2deg(np.arccos(2 * (pair[:, 0] * np.sin(radians) + pair[:, 1] * np.cos(radians))))


WRONG_TURNS = {
    "in place": (divided_in_place, "your function changes `prediction` itself"),
    "target in place": (target_turned_in_place, "your function changes `target` itself"),
    "arcsin as it is": (by_inverse(np.arcsin, 0), "arcsin knows only half"),
    "arccos": (by_inverse(np.arccos, 1), "arccos does not know the sign"),
    "not a number": (not_clipped, "need a length of 1"),
    "mean": (lambda p, t: turn(p, t).mean(), "the result should be an array"),
    "all with all": (lambda p, t: turn(p, t[:, None]), "all directions were compared with all"),
    "a column": (lambda p, t: turn(p, t)[:, None], "should have shape"),
    "chord": (
        lambda p, t: np.hypot(p[:, 0] - np.sin(np.deg2rad(t)), p[:, 1] - np.cos(np.deg2rad(t))),
        "it gives",
    ),
    "far too large": (lambda p, t: 200 + turn(p, t), "should lie between 0 and 180"),
    "rounded": (lambda p, t: turn(p, t).round(-1), "instead of"),
    "one decimal": (lambda p, t: turn(p, t).round(1), "it is rounded to 1 decimals"),
    "nothing": (lambda p, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_TURNS.values(), ids=WRONG_TURNS)
def test_wrong_turns(answer, words):
    refused("5.4", answer, words)
