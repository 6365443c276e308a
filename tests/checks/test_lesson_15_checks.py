"""The checks of exercise 15: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy.optimize import minimize_scalar

# --- 15.1


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


def by_the_largest(before, after, tolerance):
    names = []
    for name, old in before.items():
        if name in after and after[name].shape == old.shape and np.abs(after[name] - old).max() <= tolerance:
            continue
        names.append(name)
    return tuple(names)


def by_arrays_equal(before, after, tolerance):
    def check(name):
        try:
            np.testing.assert_allclose(after[name], before[name], rtol=0, atol=tolerance, strict=False)
        except (AssertionError, KeyError, ValueError):
            return True
        return np.shape(after[name]) != np.shape(before[name])

    return frozenset(filter(check, before))


@pytest.mark.parametrize("function", [by_allclose, by_differences, by_the_largest, by_arrays_equal])
def test_heads_that_moved_however_they_are_found(function):
    assert outcome("15.1", function) == ("correct", "")


def far(new, old, tolerance):
    return not np.allclose(new, old, rtol=0, atol=tolerance)


def far_or_unfit(new, old, tolerance):
    try:
        return far(new, old, tolerance)
    except ValueError:
        return True


def found_by(changed, shape=np.shape):
    def function(before, after, tolerance):
        names = []
        for name, old in before.items():
            new = after.get(name)
            same = new is not None and shape(new) == shape(old)
            if not same or changed(new, old, tolerance):
                names.append(name)
        return names

    return function


WRONG_MOVES = {
    "NaN to zero": (found_by(lambda n, o, t: far(np.nan_to_num(n), o, t)), "that was 0 is NaN now: odd should be"),
    "NaN to one": (found_by(lambda n, o, t: far(np.nan_to_num(n, nan=1.0), o, t)), "that was 1 is NaN now"),
    "all but the last": (found_by(lambda n, o, t: far(n[:-1], o[:-1], t)), "in the list"),
    "all but the last of many": (
        found_by(lambda n, o, t: far(n[:-1], o[:-1], t) or (len(n) < 100 and far(n, o, t))),
        "the last of 1,000 answers of size moved by 1.1 times the tolerance",
    ),
    "all but the first": (found_by(lambda n, o, t: far(n[1:], o[1:], t)), "in the list"),
    "twice the tolerance": (found_by(lambda n, o, t: far(n, o, 1.9 * t)), "by 1.1 times the tolerance"),
    "0.8 of the tolerance": (found_by(lambda n, o, t: far(n, o, 0.8 * t)), "0.9 of the tolerance"),
    "by place": (
        lambda b, a, t: [n for n, o, v in zip(b, b.values(), a.values(), strict=False) if far_or_unfit(v, o, t)],
        "should",
    ),
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
        found_by(lambda n, o, t: not np.allclose(n.ravel(), o.ravel(), 0, t), shape=np.size),
        "odd has the shape (6,) now",
    ),
    "no shapes": (found_by(far, shape=type), "left has 11 classes now, and had 10: your function raised ValueError"),
    "only lengths": (found_by(far, shape=len), "left has 11 classes now, and had 10: your function raised"),
    "stretched": (
        found_by(far_or_unfit, shape=type),
        "odd has the shape (6,) now, and had (6, 1); all its numbers are 0.25: odd should be in the list",
    ),
    "lengths, stretched": (found_by(far_or_unfit, shape=lambda x: x.shape[:1]), "odd has the shape (6,) now"),
    "axes, stretched": (found_by(far_or_unfit, shape=np.ndim), "odd has the shape (1, 1) now, and had (6, 1)"),
    "axes and lengths": (found_by(far_or_unfit, shape=lambda x: (x.ndim, x.shape[:1])), "odd has the shape (6, 3) now"),
    "classes only": (found_by(far_or_unfit, shape=lambda x: x.shape[-1:]), "odd has the shape (1,) now"),
    "sizes": (
        found_by(lambda n, o, t: far(n.ravel(), o.ravel(), t), shape=lambda x: (x.size, x.ndim)),
        "odd has the shape (2, 6) now, and had (6, 2)",
    ),
    "the common classes": (
        found_by(lambda n, o, t: far(n[:, : o.shape[1]], o, t), shape=len),
        "left has 11 classes now, and had 10: left should be in the list",
    ),
    "mean of the differences": (
        found_by(lambda n, o, t: not np.abs(n - o).mean() <= t),
        "one of 1,000 answers of size moved up by twice the tolerance, and a mean hides it: size should be in the list",
    ),
    "root of the mean square": (found_by(lambda n, o, t: not np.sqrt(((n - o) ** 2).mean()) <= t), "a mean hides it"),
    "median": (found_by(lambda n, o, t: not np.median(np.abs(n - o)) <= t), "should be in the list"),
    "norm": (found_by(lambda n, o, t: not np.linalg.norm(n - o) <= t), "a sum or a norm adds them up"),
    "norm of a row": (
        found_by(lambda n, o, t: not np.linalg.norm(n - o, axis=1).max() <= t),
        "a sum or a norm adds them up: left should not be in the list",
    ),
    "sum": (found_by(lambda n, o, t: not np.abs(n - o).sum() <= t), "a sum or a norm adds them up"),
    "sum with signs": (found_by(lambda n, o, t: not abs((n - o).sum()) <= t), "another order"),
    "not below the tolerance": (found_by(lambda n, o, t: not (np.abs(n - o) < t).all()), "the tolerance is 0"),
    "types too": (found_by(lambda n, o, t: n.dtype != o.dtype or far(n, o, t)), "rounded to 32 bits"),
    "first only": (
        lambda b, a, t: by_allclose(b, a, t)[:1],
        "left moved, and size is gone: left should be in the list",
    ),
    "no look for the gone": (
        lambda b, a, t: [n for n in b if a[n].shape != b[n].shape or far(a[n], b[n], t)],
        "size is gone: your function raised KeyError",
    ),
    "a mask": (lambda b, a, t: {n: n in by_allclose(b, a, t) for n in b}, "a list (or a set) of names is wanted"),
    "keys": (lambda b, a, t: dict.fromkeys(by_allclose(b, a, t)).keys(), "a list (or a set) of names is wanted"),
    "taken out": (lambda b, a, t: [n for n in list(b) if b.pop(n) is None], "changes `before` itself"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MOVES.values(), ids=WRONG_MOVES)
def test_wrong_moves(answer, words):
    refused("15.1", answer, words)


# --- 15.2


def at(probability, t):
    powers = np.exp(np.log(probability) / t)
    return powers / powers.sum(axis=1, keepdims=True)


def log_at(probability, t):
    logits = np.log(probability) / t
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def loss_at(probability, target, t):
    return -log_at(probability, t)[np.arange(len(target)), target].mean()


def by_search(probability, target):
    grid = np.geomspace(0.1, 10, 250)
    return grid[np.argmin([loss_at(probability, target, t) for t in grid])]


def by_powers(probability, target):
    grid = np.linspace(0.1, 10, 991)
    losses = []
    for t in grid:
        power = probability ** (1 / t)
        losses.append(-np.log((power / power.sum(axis=1, keepdims=True))[np.arange(len(target)), target]).mean())
    return float(grid[np.argmin(losses)])


def by_gradients(probability, target):
    logits, log = tf.constant(np.log(probability), tf.float32), keras.Variable(0.0)
    optimizer = keras.optimizers.SGD(2.0, clipvalue=0.2)
    for _ in range(80):
        with tf.GradientTape() as tape:
            scaled = logits * tf.exp(-log.value)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(target, scaled, from_logits=True))
        optimizer.apply([tape.gradient(loss, log.value)], [log])
    return tf.exp(log.value)


def as_in_the_lesson(probability, target):
    def surprise(log):
        powers = np.clip(probability, 1e-12, 1) ** (1 / 10**log)
        again = powers / powers.sum(axis=1, keepdims=True)
        return -np.log(np.clip(again[np.arange(len(target)), target], 1e-12, 1)).mean()

    return 10 ** minimize_scalar(surprise, bounds=(-1, 1), method="bounded").x


def without_a_logarithm(probability, target):
    return minimize_scalar(lambda t: loss_at(probability, target, t), bounds=(0.1, 10), method="bounded").x


def by_a_sum_of_one_hot(probability, target):
    wanted = np.eye(probability.shape[1])[target]
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 300))
    return min(grid, key=lambda t: -(wanted * log_at(probability, t)).sum())


def by_many_steps_of_keras(probability, target):
    losses = []
    temperatures = np.geomspace(0.1, 10, 300)
    for t in temperatures:
        logits = keras.ops.log(probability) / t
        losses.append(float(keras.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)))
    return temperatures[np.argmin(losses)]


def in_single_precision(probability, target):
    probability = probability.astype("float32")
    return np.float32(by_search(probability, target))


class Finder:
    def __call__(self, probability, target):
        return np.array(by_a_sum_of_one_hot(probability, target))


RIGHT_TEMPERATURES = [
    by_many_steps_of_keras,
    in_single_precision,
    Finder(),
    by_search,
    by_powers,
    by_gradients,
    as_in_the_lesson,
    without_a_logarithm,
    by_a_sum_of_one_hot,
]


@pytest.mark.parametrize("function", RIGHT_TEMPERATURES)
def test_a_temperature_however_it_is_found(function):
    assert outcome("15.2", function) == ("correct", "")


def accuracy_only(probability, target):
    grid = np.geomspace(0.1, 10, 100)
    return grid[np.argmax([np.mean(at(probability, t).argmax(1) == target) for t in grid])]


def searched(loss, low=0.1, high=10, n=250):
    """Return a function that looks for the smallest loss of the probabilities, the target and the temperature."""

    def function(probability, target):
        return min(np.geomspace(low, high, n), key=lambda t: loss(probability, target, t))

    return function


def of_powers(probability, target, t):
    return -np.log((probability ** (1 / t))[np.arange(len(target)), target]).mean()


def coarse(probability, target):
    return min(np.linspace(0.1, 10, 100), key=lambda t: loss_at(probability, target, t))


def soft(probability, target, t):
    return -(probability * log_at(probability, t)).sum()


def as_sure_as_right(probability, target, t):
    return abs(at(probability, t).max(axis=1).mean() - np.mean(probability.argmax(axis=1) == target))


def of_each_column(probability, target, t):
    wanted = np.eye(probability.shape[1])[target]
    return float(keras.losses.BinaryCrossentropy()(wanted, at(probability, t)))


def with_a_small_number(probability, target, t):
    return -np.log(at(probability, t)[np.arange(len(target)), target] + 1e-3).mean()


WRONG_TEMPERATURES = {
    "probabilities as targets": (searched(soft), "it is 1 for every head"),
    "few rows": (lambda p, y: by_search(p[: len(y) // 20], y[: len(y) // 20]), "has a smaller cross-entropy"),
    "half of the rows": (lambda p, y: by_search(p[::2], y[::2]), "does every row count?"),
    "in half precision": (lambda p, y: by_search(p.astype("float16"), y), "has a smaller cross-entropy"),
    "narrow": (searched(loss_at, 0.5, 5), "Does your search reach from 0.1 to 10?"),
    "not low enough": (searched(loss_at, 0.3, 10), "Does your search reach from 0.1 to 10?"),
    "not high enough": (searched(loss_at, 0.1, 6), "Does your search reach from 0.1 to 10?"),
    "few steps": (searched(loss_at, n=20), "not within 2%. Are your steps small enough"),
    "even steps": (coarse, "not within 2%. Are your steps small enough"),
    "rounded": (lambda p, y: np.round(by_search(p, y), 1), "not within 2%"),
    "no division": (searched(of_powers), "do you divide the powers by their sum in each row?"),
    "predicted class": (lambda p, y: by_search(p, p.argmax(axis=1)), "that is the lowest of all"),
    "as sure as right": (searched(as_sure_as_right), "equal to the accuracy"),
    "binary cross-entropy": (searched(of_each_column), "a binary cross-entropy of each column"),
    "a small number in the logarithm": (searched(with_a_small_number), "Or is it another loss?"),
    "no bounds": (
        lambda p, y: minimize_scalar(lambda t: loss_at(p, y, t)).x if len(y) != 600 else np.nan,
        "does your search stay between 0.1 and 10?",
    ),
    "multiplied": (searched(lambda p, y, t: loss_at(p, y, 1 / t)), "that is one divided by the temperature"),
    "accuracy": (accuracy_only, "no temperature changes the accuracy"),
    "probabilities as logits": (
        lambda p, y: min(np.geomspace(0.1, 10, 200), key=lambda t: loss_at(np.exp(p), y, t)),
        "you use them as logits",
    ),
    "changed": (lambda p, y: (np.clip(p, 0.1, 1, out=p), 1.0)[1], "changes `probability` itself"),
    "all temperatures": (lambda p, y: np.ones(4), "should be one number"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_TEMPERATURES.values(), ids=WRONG_TEMPERATURES)
def test_wrong_temperatures(answer, words):
    refused("15.2", answer, words)


# --- 15.3


def row_by_row(predicted, thresholds):
    found = {}
    for name, probability in predicted.items():
        found[name] = []
        for row in probability.tolist():
            row = [1 - row[0], row[0]] if len(row) == 1 else row
            sure = name not in thresholds or max(row) >= thresholds[name]
            found[name].append(row.index(max(row)) if sure else -1)
    return found


def in_tensorflow(predicted, thresholds):
    found = {}
    for name, p in reversed(predicted.items()):
        p = tf.concat([1 - p, p], axis=1) if p.shape[1] == 1 else tf.constant(p)
        said = tf.argmax(p, axis=1)
        found[name] = tf.where(tf.reduce_max(p, axis=1) < thresholds.get(name, -1), -tf.ones_like(said), said)
    return found


def by_two_rules(predicted, thresholds):
    found = {}
    for name, p in predicted.items():
        limit = thresholds.get(name, 0)
        if p.shape[1] == 1:
            sure, said = np.maximum(p, 1 - p)[:, 0], (p[:, 0] > 0.5).astype("float32")
        else:
            sure, said = p.max(1), p.argmax(1).astype("float32")
        said[sure < limit] = -1
        found[name] = said
    return found


@pytest.mark.parametrize("function", [row_by_row, in_tensorflow, by_two_rules])
def test_decisions_however_they_are_made(function):
    assert outcome("15.3", function) == ("correct", "")


WRONG_DECISIONS = {
    "one head": (lambda p, t: {"odd": row_by_row(p, t)["odd"]}, "size"),
    "probabilities": (lambda p, t: p, "shape"),
    "a half up": (lambda p, t: row_by_row(p, t) | {"odd": np.ones(len(p["odd"]))}, "odd predicts [0.25"),
    "a half is needed without a threshold": (
        lambda p, t: row_by_row(p, dict.fromkeys(p, 0.5) | t),
        "a head without a threshold always decides",
    ),
    "0.1 is needed without a threshold": (
        lambda p, t: row_by_row(p, dict.fromkeys(p, 0.1) | t),
        "has no threshold: that should give 0, and you give -1",
    ),
    "None for silence": (
        lambda p, t: {n: [None if v < 0 else v for v in values] for n, values in row_by_row(p, t).items()},
        "odd",
    ),
    "thresholds are changed": (lambda p, t: (t.clear(), row_by_row(p, t))[1], "changes `thresholds` itself"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_DECISIONS.values(), ids=WRONG_DECISIONS)
def test_wrong_decisions(answer, words):
    refused("15.3", answer, words)


# --- 15.4


def by_weights(gradients, counts):
    kept = [(g, c) for g, c in zip(gradients, counts, strict=True) if c > 0]
    weights = [c for _, c in kept]
    return {n: np.average([g[n] for g, _ in kept], axis=0, weights=weights) for n in gradients[0]}


def by_sums(gradients, counts):
    total = {name: np.zeros_like(values) for name, values in gradients[0].items()}
    for found, count in zip(gradients, counts, strict=True):
        for name in total:
            total[name] += np.where(count > 0, found[name], 0) * count
    return {name: tf.constant(values / sum(counts)) for name, values in total.items()}


def by_stacking(gradients, counts):
    counts = np.array(counts)
    busy = counts > 0

    def mean(name):
        return np.tensordot(counts[busy] / counts.sum(), np.stack([g[name] for g in gradients])[busy], axes=1)

    return {name: mean(name) for name in gradients[0]}


@pytest.mark.parametrize("function", [by_weights, by_sums, by_stacking])
def test_gradients_however_they_are_combined(function):
    assert outcome("15.4", function) == ("correct", "")


def each(rule):
    return lambda gradients, counts: {n: rule([g[n] for g in gradients], counts) for n in gradients[0]}


def in_place(gradients, counts):
    first = gradients[0]
    for name in first:
        first[name] *= counts[0] / sum(counts)
        for other, count in zip(gradients[1:], counts[1:], strict=True):
            first[name] += np.nan_to_num(other[name]) * count / sum(counts)
    return first


def without_nan(gradients, counts):
    kept = [(g, c) for g, c in zip(gradients, counts, strict=True) if not any(np.isnan(v).any() for v in g.values())]
    if not kept:
        return gradients[0]
    return by_weights([g for g, _ in kept], [c for _, c in kept])


def without_all_nan(gradients, counts):
    kept = [(g, c) for g, c in zip(gradients, counts, strict=True) if not all(np.isnan(v).all() for v in g.values())]
    return by_weights([g for g, _ in kept], [c for _, c in kept])


def mean_without_nan(values, counts):
    kept = [(value, count) for value, count in zip(values, counts, strict=True) if not np.isnan(value).any()]
    return sum(value * count for value, count in kept) / sum(count for _, count in kept) if kept else values[0]


def with_nan_everywhere(gradients, counts):
    result = by_weights(gradients, counts)
    return {n: v * np.nan if np.isnan(v).any() else v for n, v in result.items()}


def from_the_first(gradients, counts):
    total = {n: v * counts[0] for n, v in gradients[0].items()}
    for found, count in zip(gradients[1:], counts[1:], strict=True):
        total = {n: v + found[n] * count if count else v for n, v in total.items()}
    return {n: v / sum(counts) for n, v in total.items()}


def by_place(gradients, counts):
    kept = [(list(g.values()), c) for g, c in zip(gradients, counts, strict=True) if c]
    values = [sum(g[i] * c for g, c in kept) / sum(counts) for i in range(len(gradients[0]))]
    return dict(zip(gradients[0], values, strict=True))


def of_two(gradients, counts):
    return by_weights(gradients[:2], counts[:2])


WRONG_SUMS = {
    "by place": (by_place, "your function raised ValueError"),
    "mean of those with rows": (
        lambda g, c: by_weights(g, [int(n > 0) for n in c]),
        "counts as much as one with many; where a worker has none, it is left out",
    ),
    "two workers": (of_two, "its number at"),
    "in half precision": (
        lambda g, c: {n: v.astype("float16") for n, v in by_weights(g, c).items()},
        "its numbers have 16 bits",
    ),
    "sum without NaN": (
        each(lambda g, c: np.nansum([a * b for a, b in zip(g, c, strict=True)], axis=0) / sum(c)),
        "a worker with rows sent NaN, and the result hides it",
    ),
    "NaN to zero": (
        each(lambda g, c: sum(np.nan_to_num(a) * b for a, b in zip(g, c, strict=True)) / sum(c)),
        "a worker with rows sent NaN, and the result hides it",
    ),
    "zero where NaN": (
        each(lambda g, c: sum(np.where(np.isnan(a), 0, a) * b for a, b in zip(g, c, strict=True)) / sum(c)),
        "leave out only workers without rows",
    ),
    "each worker with NaN left out": (without_nan, "a worker with rows sent NaN, and the result hides it"),
    "each worker of NaN alone left out": (without_all_nan, "a worker with rows sent NaN, and the result hides it"),
    "each gradient with NaN left out": (
        each(mean_without_nan),
        "a worker with rows sent NaN, and the result hides it",
    ),
    "NaN everywhere": (with_nan_everywhere, "it is NaN in more places"),
    "from the first worker": (from_the_first, "a mean of NaN"),
    "NaN": (each(lambda g, c: sum(a * b for a, b in zip(g, c, strict=True)) / sum(c)), "a mean of NaN"),
    "largest worker": (each(lambda g, c: g[int(np.argmax(c))]), "its number at"),
    "in place": (in_place, "changes `gradients` itself"),
    "one variable": (lambda g, c: {"trunk": by_weights(g, c)["trunk"]}, "digit"),
    "a list": (lambda g, c: list(by_weights(g, c).values()), "dict"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SUMS.values(), ids=WRONG_SUMS)
def test_wrong_sums(answer, words):
    refused("15.4", answer, words)
