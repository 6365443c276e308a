"""The checks of exercise 4: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome
from sklearn import metrics


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


# --- 4.1


def f1(truth, said, axis=0, empty=0.0):
    hits, total = (truth * said).sum(axis=axis), (truth + said).sum(axis=axis)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), empty)


def scores_by(**changes):
    """The scores asked for; `changes` gives a score another function of what is true and said."""
    parts = {
        "elements": lambda t, s: np.mean(t == s),
        "exact": lambda t, s: np.mean((t == s).all(axis=1)),
        "micro_f1": lambda t, s: 2 * (t * s).sum() / max((t + s).sum(), 1),
        "macro_f1": lambda t, s: f1(t, s).mean(),
    } | changes
    return lambda truth, said: {name: part(truth, said) for name, part in parts.items()}


def by_scikit_learn(truth, said):
    return {
        "elements": 1 - metrics.hamming_loss(truth, said),
        "exact": metrics.accuracy_score(truth, said),
        "micro_f1": metrics.f1_score(truth, said, average="micro", zero_division=0),
        "macro_f1": metrics.f1_score(truth, said, average="macro", zero_division=0),
    }


def by_loops(truth, said):
    rows = [[int(t) == int(s) for t, s in zip(*row, strict=True)] for row in zip(truth, said, strict=True)]
    counts = []
    for there, yes in zip(truth.T.tolist(), said.T.tolist(), strict=True):
        counts.append((sum(t and s for t, s in zip(there, yes, strict=True)), sum(there) + sum(yes)))
    hits, total = (sum(numbers) for numbers in zip(*counts, strict=True))
    return {
        "macro_f1": sum(2 * h / n if n else 0 for h, n in counts) / len(counts),
        "micro_f1": 2 * hits / total if total else 0,
        "exact": sum(all(row) for row in rows) / len(rows),
        "elements": sum(map(sum, rows)) / truth.size,
    }


def by_keras(truth, said):
    truth, said = truth.astype("float32"), said.astype("float32")
    return {
        "elements": keras.metrics.BinaryAccuracy()(truth, said),
        "exact": keras.ops.mean(keras.ops.all(keras.ops.equal(truth, said), axis=1)),
        "micro_f1": keras.metrics.F1Score("micro", threshold=0.5)(truth, said),
        "macro_f1": keras.metrics.F1Score("macro", threshold=0.5)(truth, said),
    }


@pytest.mark.parametrize("function", [scores_by(), by_scikit_learn, by_loops, by_keras])
def test_scores_however_they_are_computed(function):
    assert outcome("4.1", function)[0] == "correct"


def changing(truth, said):
    found = by_loops(truth, said)
    truth[:] = 0
    return found


def of_mean_parts(truth, said):
    hits = (truth * said).sum(axis=0)
    precision, recall = (hits / np.maximum(part.sum(axis=0), 1) for part in (said, truth))
    return 2 * precision.mean() * recall.mean() / max(precision.mean() + recall.mean(), 1e-9)


def nan_f1(truth, said):
    with np.errstate(invalid="ignore"):
        return (2 * (truth * said).sum(axis=0) / (truth + said).sum(axis=0)).mean()


WRONG_SCORES = {
    "hamming": (scores_by(elements=lambda t, s: np.mean(t != s)), "elements is the share of wrong answers"),
    "elements exact": (scores_by(elements=lambda t, s: (t == s).all(axis=1).mean()), "elements is the exact match"),
    "elements counted": (scores_by(elements=lambda t, s: (t == s).sum()), "elements is a number of answers"),
    "exact elements": (scores_by(exact=lambda t, s: np.mean(t == s)), "exact is the share of single answers"),
    "exact columns": (scores_by(exact=lambda t, s: (t == s).all(axis=0).mean()), "exact is over columns"),
    "exact any": (scores_by(exact=lambda t, s: (t == s).any(axis=1).mean()), "any right answer: use `all`"),
    "exact any hit": (scores_by(exact=lambda t, s: (t * s).any(axis=1).mean()), "share of rows with any hit"),
    "changed": (changing, "your function changes `truth` itself"),
    "micro weighted": (
        scores_by(micro_f1=lambda t, s: metrics.f1_score(t, s, average="weighted", zero_division=0)),
        "micro_f1 is a mean over labels weighted",
    ),
    "macro of means": (scores_by(macro_f1=of_mean_parts), "macro_f1 is made of the mean precision"),
    "micro is macro": (scores_by(micro_f1=lambda t, s: f1(t, s).mean()), "micro_f1 is the macro F1"),
    "micro precision": (scores_by(micro_f1=lambda t, s: (t * s).sum() / max(s.sum(), 1)), "micro_f1 is the precision"),
    "micro recall": (scores_by(micro_f1=lambda t, s: (t * s).sum() / max(t.sum(), 1)), "micro_f1 is the recall"),
    "micro jaccard": (
        scores_by(micro_f1=lambda t, s: (t * s).sum() / max(np.maximum(t, s).sum(), 1)),
        "micro_f1 is hits divided by hits and errors",
    ),
    "macro is micro": (
        scores_by(macro_f1=lambda t, s: 2 * (t * s).sum() / max((t + s).sum(), 1)),
        "macro_f1 is the micro F1",
    ),
    "macro samples": (scores_by(macro_f1=lambda t, s: f1(t, s, axis=1).mean()), "macro_f1 is the mean over rows"),
    "macro empty 1": (scores_by(macro_f1=lambda t, s: f1(t, s, empty=1.0).mean()), "with 0/0 counted as 1"),
    "macro without": (
        scores_by(macro_f1=lambda t, s: f1(t, s)[(t + s).any(axis=0)].mean() if (t + s).any() else 0.0),
        "without the labels whose F1 is 0/0",
    ),
    "macro NaN": (scores_by(macro_f1=nan_f1), "macro_f1 is NaN (0/0)"),
    "wrong empty case": (
        scores_by(micro_f1=lambda t, s: 2 * (t * s).sum() / (t + s).sum() if (t + s).any() else 1.0),
        "micro_f1 should be 0.0000 for nothing is there",
    ),
    "rounded": (scores_by(elements=lambda t, s: round(np.mean(t == s), 1)), "elements should be"),
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


def f1_of_one(there, said):
    return 2 * (there & said).sum() / max(there.sum() + said.sum(), 1)


def best(truth, stated, candidates_of, said_by=np.greater, score=f1_of_one):
    chosen = []
    for there, column in zip(truth.T, stated.T, strict=True):
        candidates = candidates_of(column)
        found = [score(there, said_by(column, limit)) for limit in candidates]
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


@pytest.mark.parametrize(
    "function",
    [
        lambda t, s: best(t, s, at_each),
        lambda t, s: tf.constant(best(t, s, at_each), tf.float64),
        lambda t, s: np.array(best(t, s, at_each), "float32"),
        between,
        by_curve,
    ],
)
def test_thresholds_however_they_are_found(function):
    assert outcome("4.2", function)[0] == "correct"


def pooled(truth, stated):
    return np.repeat(best(truth.reshape(-1, 1), stated.reshape(-1, 1), at_each), truth.shape[1])


def accurate(truth, stated):
    return best(truth, stated, at_each, score=lambda there, said: (there == said).mean())


WRONG_THRESHOLDS = {
    "half": (lambda t, s: np.full(t.shape[1], 0.5), "all labels have the same threshold, 0.5"),
    "one": (lambda t, s: 0.5, "should be an array"),
    "one in a list": (lambda t, s: [0.5], "the result is one threshold"),
    "pooled": (pooled, "all labels have the same threshold"),
    "coarse": (lambda t, s: best(t, s, lambda c: np.arange(0.05, 1, 0.05)), "not steps"),
    "rounded": (lambda t, s: np.round(best(t, s, at_each), 5), "do not round"),
    "accuracy": (accurate, "Your threshold is the best one for the accuracy: use F1"),
    "or equal": (lambda t, s: best(t, s, np.unique, np.greater_equal), "A `yes` is stated > threshold, and not >="),
    "frequency": (lambda t, s: t.mean(axis=0), "can be reached"),
    "mean": (lambda t, s: s.mean(axis=0), "can be reached"),
    "never below all": (lambda t, s: best(t, s, np.unique), "below all probabilities is needed"),
    "for rows": (lambda t, s: s.mean(axis=1), "one threshold for each row"),
    "answers": (lambda t, s: s > 0.5, "should have shape"),
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


@pytest.mark.parametrize(
    "function", [loss_by(), by_tensorflow, by_weighting, lambda weights: ByClass(weights), ByClass, Averaged]
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


softplus = keras.ops.softplus
WRONG_LOSSES = {
    "sum": (loss_by(reduce=lambda e: keras.ops.sum(e, axis=-1)), "is a sum over labels"),
    "one number": (loss_by(reduce=keras.ops.mean), "the loss is one number"),
    "not reduced": (loss_by(reduce=lambda e: e), "take the mean over the labels, axis=-1"),
    "over rows": (loss_by(reduce=lambda e: keras.ops.mean(e, axis=0)), "the loss should have shape (30,)"),
    "no weights": (loss_by(lambda w, t, z: t * softplus(-z) + (1 - t) * softplus(z)), "the loss has no weights"),
    "other labels": (
        loss_by(lambda w, t, z: t * softplus(-z) + w * (1 - t) * softplus(z)),
        "weights the labels that are not there",
    ),
    "both": (
        loss_by(lambda w, t, z: w * (t * softplus(-z) + (1 - t) * softplus(z))),
        "weights a label also where it is not there",
    ),
    "sign": (
        loss_by(lambda w, t, z: w * t * softplus(z) + (1 - t) * softplus(-z)),
        "the sign of the logits turned round",
    ),
    "negative": (
        loss_by(lambda w, t, z: -w * t * softplus(-z) - (1 - t) * softplus(z)),
        "the loss is negative",
    ),
    "only there": (loss_by(lambda w, t, z: w * t * softplus(-z)), "leaves out the labels that are not there"),
    "only not there": (loss_by(lambda w, t, z: (1 - t) * softplus(z) + 0 * w), "leaves out the labels that are there"),
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


# --- 4.4


def elements(name="accuracy"):
    return keras.metrics.BinaryAccuracy(threshold=0.5, name=name)


def macro_f1(name="f1", **changes):
    return keras.metrics.F1Score(**{"average": "macro", "threshold": 0.5} | changes, name=name)


def model_by(activation="sigmoid", loss="binary_crossentropy", metrics=None, layer="tags", units=None):
    """The model asked for, or one with a change."""

    def build(inputs, tags):
        image = keras.Input((inputs,))
        hidden = keras.layers.Dense(8, activation="relu")(image)
        output = keras.layers.Dense(units or tags, activation=activation, name=layer)(hidden)
        model = keras.Model(image, {layer: output})
        scores = metrics() if metrics else [elements(), macro_f1()]
        model.compile(optimizer="adam", loss={layer: loss}, metrics={layer: scores})
        return model

    return build


def in_steps(inputs, tags):
    image = keras.Input((inputs,))
    logits = keras.layers.Dense(tags)(keras.layers.Dropout(0.5)(image))
    model = keras.Model(image, {"tags": keras.layers.Activation("sigmoid", name="tags")(logits)})
    accuracy = keras.metrics.MeanMetricWrapper(
        lambda t, p: keras.ops.mean(keras.ops.cast(keras.ops.equal(t > 0.5, p > 0.5), "float32"), axis=-1), "accuracy"
    )
    model.compile("sgd", {"tags": keras.losses.BinaryCrossentropy()}, metrics={"tags": [accuracy, macro_f1()]})
    return model


@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`")
@pytest.mark.parametrize(
    "function",
    [
        model_by(),
        in_steps,
        model_by(metrics=lambda: ["binary_accuracy", elements(), macro_f1()]),
        # Keras sees the sigmoid, takes what it got, and warns.
        model_by(loss=keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_repaired_models(function):
    assert outcome("4.4", function)[0] == "correct"


WRONG_MODELS = {
    "softmax": (model_by("softmax"), "a softmax lets the tags compete"),
    "no activation": (model_by(None), "numbers outside 0 to 1: give it a sigmoid"),
    "categorical": (model_by(loss="categorical_crossentropy"), "is the categorical cross-entropy: use the binary one"),
    **{
        f"smoothed by {s}": (
            model_by(loss=keras.losses.BinaryCrossentropy(label_smoothing=s)),
            "the loss smooths the labels: use the plain one",
        )
        for s in (0.05, 0.4)
    },
    "squares": (model_by(loss="mse"), "and the binary cross-entropy of the outputs is"),
    "from logits": (
        model_by(loss=lambda t, p: keras.ops.mean(keras.ops.softplus(p) - t * p, axis=-1)),
        "and the binary cross-entropy of the outputs is",
    ),
    "sum": (
        model_by(loss=lambda t, p: keras.ops.sum(-t * keras.ops.log(p) - (1 - t) * keras.ops.log(1 - p), axis=-1)),
        "is a sum over the tags",
    ),
    "accuracy": (model_by(metrics=lambda: ["accuracy", macro_f1()]), "compares only the largest number of each row"),
    "no threshold": (
        model_by(metrics=lambda: [elements(), macro_f1(threshold=None)]),
        '"f1" has no threshold: it says yes to one tag of each row',
    ),
    "micro": (model_by(metrics=lambda: [elements(), macro_f1(average="micro")]), '"f1" is the micro F1'),
    "threshold 0": (
        model_by(metrics=lambda: [keras.metrics.BinaryAccuracy(threshold=0.01, name="accuracy"), macro_f1()]),
        "and at the threshold 0.5 it should be",
    ),
    "equal": (
        model_by(metrics=lambda: [keras.metrics.Accuracy(name="accuracy"), macro_f1()]),
        "asks whether the probability equals the target",
    ),
    "other name": (model_by(metrics=lambda: [elements("right"), macro_f1()]), '"accuracy" is missing: name the metric'),
    "no f1": (model_by(metrics=lambda: [elements()]), '"f1" is missing'),
    "other output": (model_by(layer="labels"), "should be tags, and yours are labels"),
    "one unit": (model_by(units=1), "the output tags should have shape"),
    "not compiled": (
        lambda inputs, tags: keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(tags, "sigmoid")]),
        "is not compiled yet",
    ),
    "a model": (model_by()(5, 3), "should be a function"),
    "nothing": (lambda inputs, tags: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_wrong_models(answer, words):
    refused("4.4", answer, words)
