"""The checks of exercise 4: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from sklearn import metrics

# --- 4.1


def f1(truth, predicted):
    return 2 * (truth * predicted).sum(axis=0) / np.maximum((truth + predicted).sum(axis=0), 1)


def scores_by(**changes):
    """The scores asked for; `changes` gives a score another function of what is true and predicted."""
    parts = {
        "elements": lambda t, s: np.mean(t == s),
        "exact": lambda t, s: np.mean((t == s).all(axis=1)),
        "micro_f1": lambda t, s: 2 * (t * s).sum() / max((t + s).sum(), 1),
        "macro_f1": lambda t, s: f1(t, s).mean(),
    } | changes
    return lambda truth, predicted: {name: part(truth, predicted) for name, part in parts.items()}


def by_scikit_learn(truth, predicted):
    return {
        "elements": 1 - metrics.hamming_loss(truth, predicted),
        "exact": metrics.accuracy_score(truth, predicted),
        "micro_f1": metrics.f1_score(truth, predicted, average="micro", zero_division=0),
        "macro_f1": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
    }


def by_loops(truth, predicted):
    rows = [[int(t) == int(s) for t, s in zip(*row, strict=True)] for row in zip(truth, predicted, strict=True)]
    counts = []
    for there, yes in zip(truth.T.tolist(), predicted.T.tolist(), strict=True):
        counts.append((sum(t and s for t, s in zip(there, yes, strict=True)), sum(there) + sum(yes)))
    hits, total = (sum(numbers) for numbers in zip(*counts, strict=True))
    return {
        "macro_f1": sum(2 * h / n if n else 0 for h, n in counts) / len(counts),
        "micro_f1": 2 * hits / total if total else 0,
        "exact": sum(all(row) for row in rows) / len(rows),
        "elements": sum(map(sum, rows)) / truth.size,
    }


def by_keras(truth, predicted):
    truth, predicted = truth.astype("float32"), predicted.astype("float32")
    return {
        "elements": keras.metrics.BinaryAccuracy()(truth, predicted),
        "exact": keras.ops.mean(keras.ops.all(keras.ops.equal(truth, predicted), axis=1)),
        "micro_f1": keras.metrics.F1Score("micro", threshold=0.5)(truth, predicted),
        "macro_f1": keras.metrics.F1Score("macro", threshold=0.5)(truth, predicted),
    }


def in_low_precision(dtype):
    return lambda t, s: {name: tf.cast(value, dtype) for name, value in scores_by()(t, s).items()}


def by_bits(truth, predicted):
    there, yes = truth.astype(bool), predicted.astype(bool)
    hits, total = (there & yes).sum(axis=0), truth.sum(axis=0) + predicted.sum(axis=0)
    f1 = np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0)
    micro = np.float32(2 * hits.sum() / total.sum()) if total.any() else 0
    exact = len(there) - np.any(there ^ yes, axis=1).sum()
    return {"exact": exact / len(there), "elements": 1 - (there ^ yes).mean(), "micro_f1": micro, "macro_f1": f1.mean()}


class Scorer:
    def __call__(self, truth, predicted):
        return by_loops(truth, predicted)


@pytest.mark.parametrize(
    "function",
    [
        scores_by(),
        by_scikit_learn,
        by_loops,
        by_keras,
        by_bits,
        Scorer(),
        functools.partial(lambda of, t, s: of(t, s), by_scikit_learn),
        in_low_precision("float16"),
        in_low_precision("bfloat16"),
    ],
)
def test_scores_however_they_are_computed(function):
    assert outcome("4.1", function)[0] == "correct"


def changing(truth, predicted):
    found = by_loops(truth, predicted)
    truth[:] = 0
    return found


def nan_f1(truth, predicted):
    with np.errstate(invalid="ignore"):
        return (2 * (truth * predicted).sum(axis=0) / (truth + predicted).sum(axis=0)).mean()


WRONG_SCORES = {
    "changed": (changing, "your function changes `truth` itself"),
    "macro NaN": (scores_by(macro_f1=nan_f1), "macro_f1 is NaN (0/0)"),
    "rounded": (scores_by(elements=lambda t, s: round(np.mean(t == s), 1)), "it is rounded to 1 decimals"),
    "rounded finely": (scores_by(macro_f1=lambda t, s: round(f1(t, s).mean(), 4)), "it is rounded to 4 decimals"),
    "one row off": (
        scores_by(exact=lambda t, s: ((t == s).all(axis=1).sum() - (len(t) > 100)) / len(t)),
        "exact should be",
    ),
    "last label left out": (
        scores_by(macro_f1=lambda t, s: f1(t, s)[: max(1, t.shape[1] - 1)].mean()),
        "macro_f1 should be",
    ),
    "micro NaN": (
        scores_by(micro_f1=lambda t, s: float(2 * (t * s).sum() / (t + s).sum()) if (t + s).any() else float("nan")),
        "micro_f1 is NaN (0/0)",
    ),
    "as text": (scores_by(exact=lambda t, s: str((t == s).all(axis=1).mean())), "exact should be a number"),
    "a label each": (scores_by(macro_f1=f1), "macro_f1 should be one number"),
    "a tuple": (lambda t, s: tuple(by_loops(t, s).values()), "should be a dict"),
    "three": (lambda t, s: {"elements": 1.0}, "yours are elements"),
    "nothing": (lambda t, s: None, "is a `return` missing?"),
    "a result": (by_loops(np.eye(3), np.eye(3)), "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SCORES.values(), ids=WRONG_SCORES)
def test_wrong_scores(answer, words):
    refused("4.1", answer, words)


# --- 4.2


def f1_of_one(there, predicted):
    return 2 * (there & predicted).sum() / max(there.sum() + predicted.sum(), 1)


def best(truth, stated, candidates_of, predicted_by=np.greater, score=f1_of_one):
    chosen = []
    for there, column in zip(truth.T, stated.T, strict=True):
        candidates = candidates_of(column)
        found = [score(there, predicted_by(column, limit)) for limit in candidates]
        chosen.append(candidates[int(np.argmax(found))])
    return chosen


def at_each(column):
    return np.append(-1, column)


def between(truth, stated):
    def middles(column):
        values = np.unique(column)
        return np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2])

    return np.array(best(truth, stated, middles))


def by_curve(truth, stated):
    chosen = []
    for there, column in zip(truth.T, stated.T, strict=True):
        precision, recall, limits = metrics.precision_recall_curve(there, column)
        found = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        chosen.append(np.nextafter(limits[found[:-1].argmax()], -1))  # its limits are for >=
    return chosen


def with_infinity(truth, stated):
    return best(truth, stated, lambda column: np.append(-np.inf, np.unique(column)))


@pytest.mark.parametrize(
    "function",
    [
        lambda t, s: best(t, s, at_each),
        lambda t, s: tf.constant(best(t, s, at_each), tf.float64),
        lambda t, s: np.array(best(t, s, at_each), "float32"),
        between,
        by_curve,
        with_infinity,
        functools.partial(lambda of, t, s: of(t, s), between),
    ],
)
def test_thresholds_however_they_are_found(function):
    assert outcome("4.2", function)[0] == "correct"


def pooled(truth, stated):
    return np.repeat(best(truth.reshape(-1, 1), stated.reshape(-1, 1), at_each), truth.shape[1])


def percentiles(number):
    def candidates(column):
        return np.append(-1, np.percentile(column, np.linspace(0, 100, number)))

    return lambda t, s: best(t, s, candidates)


def ties_split(truth, stated):
    """Sorts the rows, and takes each place in the order for a limit, between equal probabilities too."""
    chosen = []
    for there, column in zip(truth.T, stated.T, strict=True):
        order = np.argsort(-column, kind="stable")
        hits = np.cumsum(there[order])
        found = 2 * hits / (np.arange(1, len(order) + 1) + there.sum())
        last = int(found.argmax())
        chosen.append(np.nextafter(column[order[last]], np.float32(-1)))
    return chosen


def half_of_best(truth, stated):
    pairs = zip(truth.T, stated.T, strict=True)
    return [max(f1_of_one(there, column > limit) for limit in at_each(column)) / 2 for there, column in pairs]


def sorted_in_place(truth, stated):
    found = best(truth, stated, at_each)
    stated.sort(axis=0)
    return found


def accurate(truth, stated):
    return best(truth, stated, at_each, score=lambda there, predicted: (there == predicted).mean())


WRONG_THRESHOLDS = {
    "half": (lambda t, s: np.full(t.shape[1], 0.5), "all labels have the same threshold, 0.5"),
    "one": (lambda t, s: 0.5, "should be an array"),
    "one in a list": (lambda t, s: [0.5], "the result is one threshold"),
    "pooled": (pooled, "all labels have the same threshold"),
    "coarse": (lambda t, s: best(t, s, lambda c: np.arange(0.05, 1, 0.05)), "not steps"),
    "rounded": (lambda t, s: np.round(best(t, s, at_each), 5), "do not round"),
    "100 percentiles": (percentiles(100), "Try every stated probability"),
    "1000 percentiles": (percentiles(1000), "Try every stated probability"),
    "ties": (ties_split, "can be reached"),
    "half of F1": (half_of_best, "Half of the best F1 is the best threshold only where"),
    "float16": (lambda t, s: np.array(best(t, s, at_each), "float16"), "do not round, and keep its type"),
    "in place": (sorted_in_place, "your function changes `stated` itself"),
    "sorted": (lambda t, s: sorted(best(t, s, at_each)), "can be reached"),
    "a dictionary": (lambda t, s: dict(enumerate(best(t, s, at_each))), "should be an array"),
    "accuracy": (accurate, "Your threshold is the best one for the accuracy: use F1"),
    "or equal": (lambda t, s: best(t, s, np.unique, np.greater_equal), "A `yes` is stated > threshold, and not >="),
    "frequency": (lambda t, s: t.mean(axis=0), "can be reached"),
    "mean": (lambda t, s: s.mean(axis=0), "can be reached"),
    "never below all": (lambda t, s: best(t, s, np.unique), "below all probabilities is needed"),
    "for rows": (lambda t, s: s.mean(axis=1), "one threshold for each row"),
    "answers": (lambda t, s: s > 0.5, "should have shape"),
    "NaN": (lambda t, s: np.full(t.shape[1], np.nan), "a threshold is NaN"),
    "F1 itself": (
        lambda t, s: [max(f1_of_one(a, b > limit) for limit in b) for a, b in zip(t.T, s.T, strict=True)],
        "can be reached",
    ),
    "nothing": (lambda t, s: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_THRESHOLDS.values(), ids=WRONG_THRESHOLDS)
def test_wrong_thresholds(answer, words):
    refused("4.2", answer, words)


# --- 4.3

softplus = keras.ops.softplus


def loss_by(element=None, reduce=None):
    """The loss asked for; `element` gives it another loss of single labels, `reduce` another mean."""

    def right(w, t, z):
        return w * t * keras.ops.softplus(-z) + (1 - t) * keras.ops.softplus(z)

    element, reduce = element or right, reduce or (lambda e: keras.ops.mean(e, axis=-1))

    def weighted(weights):
        weights = keras.ops.convert_to_tensor(weights, "float32")
        return lambda targets, logits: reduce(element(weights, targets, logits))

    return weighted


def by_tensorflow(weights):
    weights = tf.constant(weights, tf.float32)

    def loss(targets, logits):
        return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(targets, logits, weights), axis=1)

    return loss


def by_weighting(weights):
    def loss(targets, logits):
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return tf.reduce_mean(tf.where(targets > 0, tf.cast(weights, tf.float32), 1.0) * each, axis=-1)

    return loss


class ByClass(keras.losses.Loss):
    def __init__(self, weights):
        super().__init__(reduction=None)
        self.weights = np.array(weights, "float32")

    def call(self, targets, logits):
        each = keras.ops.maximum(logits, 0) - logits * targets + keras.ops.log1p(keras.ops.exp(-abs(logits)))
        return keras.ops.mean(keras.ops.where(targets == 1, self.weights * each, each), axis=-1)


class Averaged(ByClass):
    def __init__(self, weights):
        super().__init__(weights)
        self.reduction = "sum_over_batch_size"


class Summed(ByClass):
    def __init__(self, weights):
        super().__init__(weights)
        self.reduction = "sum"


class Unweighted(ByClass):
    def __init__(self, weights):
        super().__init__(np.ones(len(weights)))


class Callable:
    def __init__(self, weights):
        self.weights = np.array(weights)

    def __call__(self, targets, logits):
        each = targets * softplus(-logits) * self.weights + (1 - targets) * softplus(logits)
        return keras.ops.sum(each, axis=1) / each.shape[1]


def of_one_label(weights, targets, logits):
    each = [w * t * softplus(-z) + (1 - t) * softplus(z) for w, t, z in zip(weights, targets.T, logits.T, strict=True)]
    return sum(each) / len(each)


def by_labels(weights):
    return lambda t, z: of_one_label(weights, *[Columns(part) for part in (t, z)])


class Columns:
    def __init__(self, array):
        self.T = keras.ops.unstack(array, axis=1)


def by_partial(weights):
    return functools.partial(lambda w, t, z: loss_by()(w)(t, z), weights)


@pytest.mark.parametrize(
    "function",
    [
        loss_by(),
        by_tensorflow,
        by_weighting,
        lambda weights: ByClass(weights),
        ByClass,
        Averaged,
        Callable,
        by_labels,
        by_partial,
        functools.partial(lambda of, weights: of(weights), by_tensorflow),
    ],
)
def test_weighted_losses_however_they_are_written(function):
    assert outcome("4.3", function)[0] == "correct"


def by_numpy(weights):
    def loss(targets, logits):
        targets, logits = np.asarray(targets), np.asarray(logits)
        there = np.asarray(weights) * targets * np.logaddexp(0, -logits)
        return (there + (1 - targets) * np.logaddexp(0, logits)).mean(axis=-1)

    return loss


def by_probability(clip):
    def element(w, t, z):
        p = keras.ops.sigmoid(z)
        p = keras.ops.clip(p, 1e-7, 1 - 1e-7) if clip else p
        return -(w * t * keras.ops.log(p) + (1 - t) * keras.ops.log(1 - p))

    return loss_by(element)


def rounded_gradient(w, t, z):
    z = tf.stop_gradient(z)
    return w * t * tf.math.softplus(-z) + (1 - t) * tf.math.softplus(z) + 0 * t


def by_rows(weights):
    def loss(targets, logits):
        return tf.stack([loss_by()(weights)(t[None], z[None])[0] for t, z in zip(targets, logits, strict=True)])

    return loss


def emptied(weights):
    loss = loss_by()(np.array(weights))
    if isinstance(weights, list):
        weights.clear()
    return loss


WRONG_LOSSES = {
    "one number": (loss_by(reduce=keras.ops.mean), "the loss is one number"),
    "not reduced": (loss_by(reduce=lambda e: e), "take the mean over the labels, axis=-1"),
    "over rows": (loss_by(reduce=lambda e: keras.ops.mean(e, axis=0)), "not over the rows"),
    "weights emptied": (emptied, "your function changes `weights` itself"),
    "only eagerly": (by_rows, "your function raised"),
    "weights sorted": (lambda w: loss_by()(np.sort(w)), "for targets = "),
    "a class that adds": (Summed, "your Loss adds the rows up"),
    "a class without weights": (Unweighted, "the loss has no weights"),
    "an object": (ByClass([1.0, 2.0]), "your function"),
    "numpy": (by_numpy, "Keras cannot train with your loss"),
    "infinite": (by_probability(clip=False), "your loss is not finite: use softplus"),
    "clipped": (by_probability(clip=True), "your loss is too small"),
    "no gradient": (loss_by(rounded_gradient), "Keras cannot train with your loss"),
    "the loss itself": (lambda weights: 3.0, "should return a function"),
    "two arguments": (lambda targets, logits: 0.0, "your function raised TypeError"),
    "nothing": (lambda weights: None, "is a `return` missing?"),
    "inner nothing": (lambda weights: lambda targets, logits: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_wrong_losses(answer, words):
    refused("4.3", answer, words)
