"""The checks of exercise 5: right answers pass, wrong ones hear why not."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome
from scipy import stats
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from mos_checks import lesson_05


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


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
    "all columns": (lambda a, b: standard(a, b, a.mean(), a.std()), "each column needs its own mean"),
    "rows": (lambda a, b: standard(a, b, a.mean(axis=1)[0], 1 + a.std(axis=1)[0]), "the standardised train differs"),
    "each row": (
        lambda a, b: tuple((x - x.mean(axis=1)[:, None]) / x.std(axis=1)[:, None] for x in (a, b)),
        "each row has its own mean there",
    ),
    "two decimals": (lambda a, b: tuple(np.round(x, 2) for x in standard(a, b)), "differs from the right one"),
    "three decimals": (lambda a, b: tuple(np.round(x, 3) for x in standard(a, b)), "it is rounded to 3 decimals"),
    "first column only": (
        lambda a, b: tuple(np.c_[s[:, :1], x[:, 1:]] for s, x in zip(standard(a, b), (a, b), strict=True)),
        "the standardised train differs from the right one",
    ),
    "last row": (lambda a, b: standard(a[:-1], b), "the standardised train should have shape"),
    "of 1000 rows": (lambda a, b: standard(a, b, a[:1000].mean(axis=0), a[:1000].std(axis=0)), "differs"),
    "sorted columns": (lambda a, b: standard(a, b, scale=np.sort(a.std(axis=0))), "differs from the right one"),
    "multiplied": (lambda a, b: standard(a, b, scale=1 / a.std(axis=0)), "you multiplied by the standard deviation"),
    "median": (lambda a, b: standard(a, b, mean=np.median(a, axis=0)), "you subtracted the median"),
    "own mean": (
        lambda a, b: (standard(a, b)[0], (b - b.mean(axis=0)) / a.std(axis=0)),
        "`other` got its own mean: use that of `train`",
    ),
    "all of the other": (lambda a, b: standard(b, a)[::-1], "are those of `other`: use those of `train`"),
    "a dictionary": (lambda a, b: dict(enumerate(standard(a, b))), "should be a pair"),
    "mean only": (lambda a, b: standard(a, b, scale=1), "the standard deviation is missing"),
    "scale only": (lambda a, b: standard(a, b, mean=0), "the mean is missing"),
    "variance": (lambda a, b: standard(a, b, scale=a.var(axis=0)), "you divided by the variance"),
    "minimum and maximum": (by(MinMaxScaler), "a scaling by minimum and maximum"),
    "robust": (by(RobustScaler), "a scaling by median and quartiles"),
    "swapped": (lambda a, b: standard(a, b)[::-1], "the two results are swapped"),
    "train twice": (lambda a, b: (standard(a, b)[0],) * 2, "the standardised other should have shape"),
    "other as it is": (lambda a, b: (standard(a, b)[0], b), "`other` is as it was"),
    "one array": (lambda a, b: standard(a, b)[0], "should be a pair"),
    "floor of 1": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 1)), "without a lower limit"),
    "floor of 0.1": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 0.1)), "without a lower limit"),
    "floor of 0.05": (lambda a, b: standard(a, b, scale=np.maximum(a.std(axis=0), 0.05)), "without a lower limit"),
    "added": (lambda a, b: standard(a, b, scale=a.std(axis=0) + 1e-3), "with nothing added"),
    "one scale": (lambda a, b: standard(a, b, scale=a.std()), "one standard deviation for all columns"),
    "scale of the other": (lambda a, b: standard(a, b, scale=b.std(axis=0)), "the standard deviation is that of"),
    "own scale": (
        lambda a, b: (standard(a, b)[0], (b - a.mean(axis=0)) / b.std(axis=0)),
        "the standard deviation is that of",
    ),
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
    "four": (lambda *a: (good(*a).sum(axis=1) >= 4).mean(), "it works for 4 columns, and not for 3"),
    "exactly four": (lambda *a: (good(*a).sum(axis=1) == 4).mean(), "it works for 4 columns, and not for 3"),
    "all close": (lambda p, y, m, s, t: float(np.allclose(p * s + m, y, atol=t)), "all rows at once"),
    "all": (lambda *a: float(good(*a).all()), "all rows at once"),
    "a little more": (lambda p, y, m, s, t: share(p, y, m, s, np.asarray(t) + 0.01), "should be"),
    "rounded": (lambda p, y, m, s, t: np.mean((np.abs(p * s + m - y).round(2) <= t).all(axis=1)), "should be"),
    "close by default": (by_default_isclose, "set rtol=0"),
    "largest tolerance": (lambda p, y, m, s, t: share(p, y, m, s, max(t)), "the largest tolerance for all columns"),
    "smallest tolerance": (lambda p, y, m, s, t: share(p, y, m, s, min(t)), "the smallest tolerance for all"),
    "in place": (share_in_place, "your function changes `prediction` itself"),
    "target in place": (target_in_place, "your function changes `target` itself"),
    "any": (lambda *a: good(*a).any(axis=1).mean(), "at least one number is good"),
    "cells": (lambda *a: good(*a).mean(), "the share of all single numbers"),
    "product": (lambda *a: good(*a).mean(axis=0).prod(), "the product of the columns' shares"),
    "signed": (lambda p, y, m, s, t: np.mean(((p * s + m - y) <= t).all(axis=1)), "take its absolute value"),
    "standardised": (lambda p, y, m, s, t: share(p, y, 0, 1, t), "the predictions are still standardised"),
    "no mean": (lambda p, y, m, s, t: share(p, y, 0, s, t), "the predictions lack the mean"),
    "mean first": (lambda p, y, m, s, t: share(p + m, y, 0, s, t), "add the mean after the scale"),
    "scaled errors": (lambda p, y, m, s, t: share(p, (y - m) / s, 0, 1, t), "compare in units"),
    "turned round": (lambda *a: 1 - share(*a), "not within tolerance"),
    "less": (lambda p, y, m, s, t: np.mean((np.abs(p * s + m - y) < t).all(axis=1)), "at most means <="),
    "count": (lambda *a: good(*a).all(axis=1).sum(), "that is a number of rows"),
    "percent": (lambda *a: 100 * share(*a), "in percent"),
    "divided": (lambda p, y, m, s, t: share((p - m) / s, y, 0, 1, t), "you standardised the predictions once more"),
    "half": (lambda p, y, m, s, t: share(p, y, m, s, np.array(t) / 2), "you took half of the tolerance"),
    "sums": (
        lambda p, y, m, s, t: np.mean(np.abs(p * s + m - y).sum(axis=1) <= np.sum(t)),
        "you compared sums of errors",
    ),
    "minus a list": (
        lambda p, y, m, s, t: np.mean((p * s + m - y >= -t).all(axis=1)),
        "your function raised TypeError",
    ),
    "one side": (
        lambda p, y, m, s, t: np.mean((p * s + m - y >= -np.array(t)).all(axis=1)),
        "an error above zero counts too",
    ),
    "squares": (lambda p, y, m, s, t: np.mean(((p * s + m - y) ** 2 <= t).all(axis=1)), "you compared squared errors"),
    "rounded share": (lambda *a: round(share(*a), 3), "it is rounded to 3 decimals"),
    "as text": (lambda *a: str(share(*a)), "should be a number"),
    "first four": (lambda p, y, m, s, t: share(p[:, :2], y[:, :2], m[:2], s[:2], t[:2]), "should be"),
    "rows": (lambda *a: good(*a).all(axis=1), "should be one number"),
    "columns": (lambda *a: good(*a).all(axis=0).mean(), "you asked of each column"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_wrong_shares(answer, words):
    refused("5.2", answer, words)


# --- 5.3


def loss(y, m, s, square=0.5, log=0.5, sign=-1, low=-10, high=10):
    s = np.clip(s, low, high)
    return np.mean(square * np.exp(sign * s) * (y - m) ** 2 + log * s)


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
        functools.partial(loss, log=0.5),
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
    "no log-variance": (lambda y, m, s: np.mean((y - m) ** 2) / 2, "the log-variance is not in it"),
    "squared error": (lambda y, m, s: np.mean((y - m) ** 2), "the log-variance is not in it"),
    "twice": (lambda *a: 2 * loss(*a), "halve both parts"),
    "log not halved": (lambda *a: loss(*a, log=1), "the log-variance is not"),
    "square not halved": (lambda *a: loss(*a, square=1), "the squared error is not"),
    "no log": (lambda *a: loss(*a, log=0), "a huge variance costs nothing"),
    "sign": (lambda *a: loss(*a, sign=1), "the sign in the exponential is wrong"),
    "sign of the log": (lambda *a: loss(*a, log=-0.5), "the sign of the log-variance is wrong"),
    "likelihood": (lambda *a: -loss(*a), "the sign is turned round"),
    "log of the standard deviation": (lambda y, m, s: loss(y, m, 2 * s), "the logarithm of the standard deviation"),
    "constant": (lambda *a: loss(*a) + np.log(2 * np.pi) / 2, "the constant is in it"),
    "sum": (lambda y, m, s: loss(y, m, s) * y.size, "the sum over all cells"),
    "sum over columns": (lambda y, m, s: loss(y, m, s) * y.shape[1], "the sum over the columns"),
    "absolute": (lambda y, m, s: np.mean((np.exp(-np.clip(s, -10, 10)) * abs(y - m) + s) / 2), "not squared"),
    "no negative parts": (
        lambda y, m, s: np.mean(np.maximum((np.exp(-s) * (y - m) ** 2 + s) / 2, 0)),
        "negative parts were set to zero",
    ),
    "never negative": (lambda *a: max(loss(*a), 0), "the loss was set to zero where it is negative"),
    "one part limited": (
        lambda y, m, s: np.mean((np.exp(-np.clip(s, -10, 10)) * (y - m) ** 2 + s) / 2),
        "is limited in the exponential alone",
    ),
    "limited together": (
        lambda y, m, s: np.clip(loss(y, m, s, low=-20, high=20), -10, 10),
        "limit it to -10 to 10",
    ),
    "rows added": (lambda y, m, s: loss(y, m, s) * len(y), "the sum over the rows"),
    "rounded": (lambda *a: round(float(loss(*a)), 2), "it is rounded to 2 decimals"),
    "four decimals": (lambda *a: round(float(loss(*a)), 4), "it is rounded to 4 decimals"),
    "one row short": (
        lambda y, m, s: loss(y[:300], m[:300], s[:300]) if len(y) < 300 else loss(y, m, s) + 0.1,
        "for target of shape (300, 2)",
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


def not_divided(pair, target):
    radians = np.deg2rad(target)
    return np.rad2deg(np.arccos(np.clip(pair[:, 0] * np.sin(radians) + pair[:, 1] * np.cos(radians), -1, 1)))


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
    "no wrap": (lambda p, t: np.abs(angle_of(p) - t), "go the shorter way round"),
    "remainder": (lambda p, t: (angle_of(p) - t) % 360, "is 350 after % 360"),
    "signs": (lambda p, t: (angle_of(p) - t + 180) % 360 - 180, "the result has signs"),
    "swapped": (lambda p, t: turn(p[:, ::-1], t), "sine and cosine are swapped"),
    "arctan": (
        lambda p, t: np.abs((np.rad2deg(np.arctan(p[:, 0] / p[:, 1])) - t + 180) % 360 - 180),
        "arctan knows only half",
    ),
    "radians": (
        lambda p, t: np.abs((np.arctan2(p[:, 0], p[:, 1]) - t + 180) % 360 - 180),
        "arctan2 gives radians",
    ),
    "in radians": (lambda p, t: np.deg2rad(turn(p, t)), "the result is in radians"),
    "other way": (lambda p, t: turn(p * [-1, 1], t), "turned the wrong way"),
    "one turn": (
        lambda p, t: np.minimum(np.abs(angle_of(p) - t), np.abs(360 - np.abs(angle_of(p) - t))),
        "the target may be more than one turn away",
    ),
    "arcsin": (
        lambda p, t: np.abs((np.rad2deg(np.arcsin(np.clip(p[:, 0], -1, 1))) - t + 180) % 360 - 180),
        "arcsin knows",
    ),
    "length": (not_divided, "divide each prediction by its length"),
    "mean": (lambda p, t: turn(p, t).mean(), "the result should be an array"),
    "all with all": (lambda p, t: turn(p, t[:, None]), "all directions were compared with all"),
    "a column": (lambda p, t: turn(p, t)[:, None], "should have shape"),
    "chord": (
        lambda p, t: np.hypot(p[:, 0] - np.sin(np.deg2rad(t)), p[:, 1] - np.cos(np.deg2rad(t))),
        "it gives",
    ),
    "too large": (lambda p, t: 360 - turn(p, t), "that is the longer way round"),
    "far too large": (lambda p, t: 200 + turn(p, t), "should lie between 0 and 180"),
    "opposite": (lambda p, t: 180 - turn(p, t), "half a turn minus the error"),
    "half turns": (lambda p, t: np.minimum(turn(p, t), 180 - turn(p, t)), "taken modulo half a turn"),
    "other signs": (lambda p, t: (t - angle_of(p) + 180) % 360 - 180, "those of target minus prediction"),
    "rounded": (lambda p, t: turn(p, t).round(-1), "instead of"),
    "one decimal": (lambda p, t: turn(p, t).round(1), "it is rounded to 1 decimals"),
    "one turn, signed": (
        lambda p, t: np.minimum(np.abs(angle_of(p) - t), 360 - np.abs(angle_of(p) - t)),
        "the target may be more than one turn away, and then",
    ),
    "one side": (
        lambda p, t: np.abs(np.where(angle_of(p) - t > 180, angle_of(p) - t - 360, angle_of(p) - t)),
        "360 is taken away once, and only on one side",
    ),
    "fmod": (lambda p, t: np.abs(np.fmod(angle_of(p) - t + 180, 360) - 180), "`fmod` keeps the sign"),
    "modulo 180": (lambda p, t: np.abs(angle_of(p) - t) % 180, "opposite directions are 180 degrees apart, and not 0"),
    "whole arctan": (
        lambda p, t: np.abs((np.rad2deg(np.arcsin(p[:, 0] / np.linalg.norm(p, axis=1))) - t + 180) % 360 - 180),
        "arcsin knows only half of the circle, also",
    ),
    "nothing": (lambda p, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_TURNS.values(), ids=WRONG_TURNS)
def test_wrong_turns(answer, words):
    refused("5.4", answer, words)


# --- every mistake that a check knows


KNOWN = {
    "5.1": lesson_05.WRONG_SCALES,
    "5.2": {
        message: lambda p, y, m, s, t, mistake=mistake: mistake(p, y, m, s, np.array(t))
        for message, mistake in lesson_05.WRONG_SHARES.items()
    },
    "5.3": lesson_05.WRONG_NLL,
    "5.4": lesson_05.WRONG_TURNS,
}


@pytest.mark.parametrize(
    ("question", "message"), [(question, message) for question, table in KNOWN.items() for message in table]
)
def test_a_mistake_hears_its_own_message(question, message):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        refused(question, KNOWN[question][message], message)
