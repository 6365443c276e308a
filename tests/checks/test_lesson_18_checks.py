"""The checks of exercise 18: right answers of unusual form pass, and wrong ones without a formula hear why not."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from checking import outcome, refused
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.metrics import mean_pinball_loss

# --- 18.1


def by_loop(series, steps, horizon):
    inputs, targets = [], []
    for today in range(steps, len(series) - horizon + 1):
        inputs.append(list(series[today - steps : today]))
        targets.append(list(series[today : today + horizon]))
    return inputs, targets


def by_view(series, steps, horizon):
    views = sliding_window_view(series, steps + horizon)
    return views[:, :steps], views[:, steps:]


def by_keras(series, steps, horizon):
    rows = tf.data.Dataset.from_tensor_slices(series).window(steps + horizon, shift=1, drop_remainder=True)
    whole = tf.stack(list(rows.flat_map(lambda part: part.batch(steps + horizon))))
    return [whole[:, :steps], whole[:, steps:]]


def by_shift(series, steps, horizon):
    column = pd.Series(series)
    whole = pd.concat([column.shift(-place) for place in range(steps + horizon)], axis=1).dropna()
    return whole.iloc[:, :steps], whole.iloc[:, steps:]


@pytest.mark.parametrize("function", [by_loop, by_view, by_keras, by_shift])
def test_windows_however_they_are_cut(function):
    assert outcome("18.1", function) == ("correct", "")


WRONG_WINDOWS = {
    "all of one width": (lambda s, a, b: (by_view(s, a, b)[0], by_view(s, a, a)[1]), "part 1 of the result"),
    "one array": (lambda s, a, b: sliding_window_view(s, a + b)[0], "should be a pair"),
    "sorted": (lambda s, a, b: by_view(np.sort(s), a, b), "at index"),
    "in place": (lambda s, a, b: (s.sort(), by_view(s, a, b))[1], "work on a copy"),
    "dictionary": (lambda s, a, b: dict(zip("xy", by_view(s, a, b), strict=True)), "should be a pair"),
    "nothing": (lambda s, a, b: None, "is a `return` missing"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_WINDOWS.values(), ids=WRONG_WINDOWS)
def test_wrong_windows(answer, words):
    refused("18.1", answer, words)


# --- 18.2


def by_scikit_learn(target, quantiles, levels):
    costs = [mean_pinball_loss(target, column, alpha=a) for column, a in zip(quantiles.T, levels, strict=True)]
    return np.mean(costs)


def by_two_sides(target, quantiles, levels):
    above = target[:, None] - quantiles
    return np.where(above > 0, levels * above, (1 - levels) * -above).mean()


def by_absolute(target, quantiles, levels):
    above = keras.ops.convert_to_tensor(target[:, None] - quantiles)
    return keras.ops.mean(keras.ops.abs(above) / 2 + (levels - 0.5) * above)


def in_half_precision(target, quantiles, levels):
    return np.float16(by_two_sides(target, quantiles, levels))


@pytest.mark.parametrize("function", [by_scikit_learn, by_two_sides, by_absolute, in_half_precision])
def test_a_pinball_loss_however_it_is_written(function):
    assert outcome("18.2", function) == ("correct", "")


WRONG_LOSSES = {
    "level for both sides": (lambda t, q, a: (a * np.abs(t[:, None] - q)).mean(), "too high should cost `1 - level`"),
    "a level for all": (lambda t, q, a: by_two_sides(t, q, a[:1]), "the result should be"),
    "each level": (lambda t, q, a: [by_two_sides(t, q[:, :1], a[:1])], "should be"),
    "rounded": (lambda t, q, a: round(by_two_sides(t, q, a), 2), "rounded to 2 decimals"),
    "all with all": (lambda t, q, a: by_two_sides(t, t[None], np.array([0.5])), "the result should be"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_wrong_losses(answer, words):
    refused("18.2", answer, words)


# --- 18.3


def report_by_min_and_max(target, quantiles):
    low, high = quantiles.min(axis=1), quantiles.max(axis=1)
    inside = 1 - np.mean((target < low) | (target > high))
    return {"width": np.mean(high) - np.mean(low), "coverage": inside, "crossed": _share_out_of_order(quantiles)}


def _share_out_of_order(quantiles):
    return np.mean([list(row) != sorted(row) for row in quantiles])


def report_by_frame(target, quantiles):
    rows = pd.DataFrame(quantiles)
    return {
        "coverage": pd.Series(target).between(rows.min(axis=1), rows.max(axis=1)).mean(),
        "width": tf.reduce_mean(tf.reduce_max(quantiles, 1) - tf.reduce_min(quantiles, 1)),
        "crossed": 1 - rows.apply(lambda row: row.is_monotonic_increasing, axis=1).mean(),
    }


@pytest.mark.parametrize("function", [report_by_min_and_max, report_by_frame])
def test_a_report_however_it_is_made(function):
    assert outcome("18.3", function) == ("correct", "")


WRONG_REPORTS = {
    "a key is missing": (lambda t, q: {"coverage": 0.5, "width": 1}, "crossed"),
    "a tuple": (lambda t, q: (0.5, 1, 0), "dict"),
    "a row each": (lambda t, q: {**report_by_min_and_max(t, q), "width": np.ptp(q, axis=1)}, "width"),
    "sorted in place": (lambda t, q: (q.sort(axis=1), report_by_min_and_max(t, q))[1], "work on a copy"),
    "the first two": (
        lambda t, q: {**report_by_min_and_max(t, q), "crossed": np.mean(q[:, 1] < q[:, 0])},
        "crossed should be",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_REPORTS.values(), ids=WRONG_REPORTS)
def test_wrong_reports(answer, words):
    refused("18.3", answer, words)


# --- 18.4


def by_lists(losses, lengths):
    return np.mean(np.concatenate([row[:n] for row, n in zip(losses, lengths, strict=True)]))


def by_sequence_mask(losses, lengths):
    return tf.reduce_mean(tf.boolean_mask(losses, tf.sequence_mask(lengths, losses.shape[1])))


def by_weighted_mean(losses, lengths):
    real = np.tri(losses.shape[1], dtype=bool)[lengths - 1]
    return np.average(np.nan_to_num(losses), weights=real)


@pytest.mark.parametrize("function", [by_lists, by_sequence_mask, by_weighted_mean])
def test_a_masked_mean_however_it_is_written(function):
    assert outcome("18.4", function) == ("correct", "")


def real_steps(losses, lengths):
    return np.arange(losses.shape[1]) < lengths[:, None]


WRONG_MEANS = {
    "zero times NaN": (lambda x, n: (x * real_steps(x, n)).sum() / n.sum(), "0 times NaN is NaN"),
    "ignores NaN alone": (lambda x, n: np.nanmean(x), "should be"),
    "the median": (lambda x, n: np.median(x[real_steps(x, n)]), "should be"),
    "one for each": (lambda x, n: [row[:k].mean() for row, k in zip(x, n, strict=True)], "should be"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MEANS.values(), ids=WRONG_MEANS)
def test_wrong_means(answer, words):
    refused("18.4", answer, words)


# --- 18.5


def origin_by_search(steps, horizon, begin, end):
    todays = range(end)
    whole = [day for day in todays if day - steps + 1 >= 0]
    train = [day for day in whole if day + horizon < begin]
    return train, [day for day in whole if day + 1 >= begin and day + horizon < end]


def origin_by_tensors(steps, horizon, begin, end):
    train = tf.range(steps - 1, tf.maximum(steps - 1, begin - horizon))
    return train, tf.range(tf.maximum(begin, steps) - 1, end - horizon)


def origin_by_floored_slices(steps, horizon, begin, end):
    todays = np.arange(end)
    return todays[steps - 1 : max(begin - horizon, 0)], todays[max(begin, steps) - 1 : end - horizon]


@pytest.mark.parametrize("function", [origin_by_search, origin_by_tensors, origin_by_floored_slices])
def test_an_origin_however_it_is_found(function):
    assert outcome("18.5", function) == ("correct", "")


EARLY = [
    (lambda s, h, b, e: np.arange(s - 1, e - h)[: b - h - s + 1], 0, "a slice that ends with a negative number"),
    (lambda s, h, b, e: np.arange(e)[s - 1 : b - h], 0, "a slice that ends with a negative number"),
    (lambda s, h, b, e: np.arange(b - 1, e - h), 1, "today is at least steps - 1, in the test part too"),
]


@pytest.mark.parametrize(("answer", "part", "words"), EARLY)
def test_an_origin_that_is_right_only_where_it_comes_late(answer, part, words):
    def origin(*case):
        parts = origin_by_search(*case)
        return (answer(*case), parts[1]) if part == 0 else (parts[0], answer(*case))

    refused("18.5", origin, words)


WRONG_ORIGINS = {
    "trains until the day before": (
        lambda s, h, b, e: (np.arange(s - 1, b - 1), origin_by_search(s, h, b, e)[1]),
        "reach into the test part: the last target must lie before `begin`",
    ),
    "masks": (
        lambda s, h, b, e: [np.isin(np.arange(e), part) for part in origin_by_search(s, h, b, e)],
        "part 0 of the result",
    ),
    "the wrong way round": (lambda *case: origin_by_search(*case)[::-1], "part 0 of the result"),
    "backwards": (lambda *case: [part[::-1] for part in origin_by_search(*case)], "part 0 of the result"),
    "two days too late": (
        lambda s, h, b, e: (np.arange(s - 1, b - h + 2), origin_by_search(s, h, b, e)[1]),
        "the training window of today = 9 is not over before `begin`: its last target is day 11",
    ),
    "two days too early": (
        lambda s, h, b, e: (np.arange(max(s - 3, 0), b - h), origin_by_search(s, h, b, e)[1]),
        "the training window of today = 0 is not whole: its first input would be day -2",
    ),
    "a whole window of targets too early": (
        lambda s, h, b, e: (origin_by_search(s, h, b, e)[0], np.arange(max(b - h, s) - 1, e - h)),
        "the test window of today = 7 has a target before `begin`: its first one is day 8",
    ),
    "half of the horizon too late": (
        lambda s, h, b, e: (origin_by_search(s, h, b, e)[0], np.arange(max(b, s) - 1, e - h // 2)),
        "the test window of today = 14 is not over before `end`: its last target is day 16",
    ),
    "the floor is one too low": (
        lambda s, h, b, e: (origin_by_search(s, h, b, e)[0], np.arange(max(b - 1, s - 2), e - h)),
        "begin = 3, end = 40: the test window of today = 5 is not whole: its first input would be day -1",
    ),
    "every second": (lambda *case: (origin_by_search(*case)[0], origin_by_search(*case)[1][::2]), "part 1"),
    "first and last": (lambda s, h, b, e: ((s - 1, b - h - 1), (b - 1, e - h - 1)), "should have shape"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ORIGINS.values(), ids=WRONG_ORIGINS)
def test_wrong_origins(answer, words):
    refused("18.5", answer, words)
