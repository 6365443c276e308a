"""The checks of exercise 4: score, choose, weight and repair."""

from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import tensorflow as tf

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    call_kept,
    function_question,
    outputs_of,
    question,
    require,
)


def _f1_of_labels(truth: np.ndarray, predicted: np.ndarray, empty: float = 0) -> np.ndarray:
    """Return the F1 of each column; `empty` is what 0/0 counts."""
    hits, total = (truth * predicted).sum(axis=0), truth.sum(axis=0) + predicted.sum(axis=0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), empty)


def _micro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return 2 * (truth * predicted).sum() / max((truth + predicted).sum(), 1)


def _macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return _f1_of_labels(truth, predicted).mean()


def _samples_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return _f1_of_labels(truth.T, predicted.T).mean()


def _weighted_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return (_f1_of_labels(truth, predicted) * truth.sum(axis=0)).sum() / max(truth.sum(), 1)


def _elements(truth: np.ndarray, predicted: np.ndarray) -> float:
    return (truth == predicted).mean()


def _exact(truth: np.ndarray, predicted: np.ndarray) -> float:
    return (truth == predicted).all(axis=1).mean()


def _jaccard(truth: np.ndarray, predicted: np.ndarray) -> float:
    return (truth * predicted).sum() / max(np.maximum(truth, predicted).sum(), 1)


def _precision(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return (truth * predicted).sum(axis=0) / np.maximum(predicted.sum(axis=0), 1)


def _recall(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return _precision(predicted, truth)


def _f1_of_means(truth: np.ndarray, predicted: np.ndarray) -> float:
    precision, recall = _precision(truth, predicted).mean(), _recall(truth, predicted).mean()
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _used(truth: np.ndarray, predicted: np.ndarray, used: np.ndarray) -> float:
    return _f1_of_labels(truth, predicted)[used].mean() if used.any() else 0.0


def _scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    parts = {"elements": _elements, "exact": _exact, "micro_f1": _micro_f1, "macro_f1": _macro_f1}
    return {name: part(truth, predicted) for name, part in parts.items()}


# For each score, what plausible mistakes give for true labels t and predicted ones s.
WRONG_SCORES: dict[str, dict[str, Callable]] = {
    "elements": {
        "the share of wrong answers (the Hamming loss): turn it round": lambda t, s: (t != s).mean(),
        "the exact match: compare single answers, not rows": _exact,
        "a number of answers: divide by how many there are": lambda t, s: (t == s).sum(),
        "without the answers that are rightly 0: count these too": _jaccard,
        "the micro F1: here the answers that are rightly 0 count too": _micro_f1,
        "divided by the rows alone: divide by the number of all single answers": lambda t, s: (t == s).sum() / len(t),
        "in percent: give a share from 0 to 1": lambda t, s: 100 * (t == s).mean(),
    },
    "exact": {
        "the share of single answers: all answers of a row must be right": _elements,
        "over columns: look at each row with all(axis=1)": lambda t, s: (t == s).all(axis=0).mean(),
        "the share of rows with any right answer: use `all`": lambda t, s: (t == s).any(axis=1).mean(),
        "the share of rows with a wrong answer: turn it round": lambda t, s: (t != s).any(axis=1).mean(),
        "a number of rows: divide by how many there are": lambda t, s: (t == s).all(axis=1).sum(),
        "in percent: give a share from 0 to 1": lambda t, s: 100 * (t == s).all(axis=1).mean(),
        "the share of rows with any hit: all answers of a row must be right": (lambda t, s: (t * s).any(axis=1).mean()),
        "the share of rows in which all true labels are found: a wrong `yes` counts too": (
            lambda t, s: (s >= t).all(axis=1).mean()
        ),
        "the share of rows without a wrong `yes`: a label that is not found counts too": (
            lambda t, s: (s <= t).all(axis=1).mean()
        ),
        "made of the number of labels in a row: compare which labels they are": (
            lambda t, s: (t.sum(axis=1) == s.sum(axis=1)).mean()
        ),
        "over the rows that have a label: a row without labels counts too": (
            lambda t, s: (t == s).all(axis=1)[t.any(axis=1)].mean() if t.any() else 0.0
        ),
        "yes or no for all rows together: ask each row, with all(axis=1)": lambda t, s: float((t == s).all()),
    },
    "micro_f1": {
        "the macro F1: micro adds the counts of all labels before it divides": _macro_f1,
        "the precision: F1 divides by the true labels too": lambda t, s: (t * s).sum() / max(s.sum(), 1),
        "the recall: F1 divides by every `yes` too": lambda t, s: (t * s).sum() / max(t.sum(), 1),
        "the mean over rows (samples F1): micro adds all counts first": _samples_f1,
        "hits divided by hits and errors (Jaccard): F1 counts the hits twice": _jaccard,
        "half of the F1: it counts the hits twice": lambda t, s: _micro_f1(t, s) / 2,
        "the element-wise accuracy, which counts the rightful 0 too": _elements,
        "a mean over labels weighted by how often they are there: micro adds all counts before it divides": (
            _weighted_f1
        ),
        "with 0/0 counted as 1: count it as 0": lambda t, s: _micro_f1(t, s) if (t + s).any() else 1.0,
        "the mean of precision and recall: F1 is their harmonic mean": (
            lambda t, s: ((t * s).sum() / max(s.sum(), 1) + (t * s).sum() / max(t.sum(), 1)) / 2
        ),
    },
    "macro_f1": {
        "the micro F1: macro is the mean over labels of their F1": _micro_f1,
        "the mean over rows (samples F1): take the mean over labels, the columns": _samples_f1,
        "with 0/0 counted as 1: count it as 0": lambda t, s: _f1_of_labels(t, s, 1).mean(),
        "without the labels whose F1 is 0/0: count these as 0": lambda t, s: _used(t, s, (t + s).any(axis=0)),
        "without the labels that are never there: count their F1 as 0": lambda t, s: _used(t, s, t.any(axis=0)),
        "without the labels that are never predicted: count their F1 as 0": lambda t, s: _used(t, s, s.any(axis=0)),
        "a mean weighted by how often labels are there: each label counts the same": _weighted_f1,
        "the mean precision of the labels: take their F1": lambda t, s: _precision(t, s).mean(),
        "the mean recall of the labels: take their F1": lambda t, s: _recall(t, s).mean(),
        "made of the mean precision and the mean recall: take the F1 of each label, then their mean": _f1_of_means,
        "a sum over labels: take their mean": lambda t, s: _f1_of_labels(t, s).sum(),
    },
}


def _answers(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted labels; one, somewhere, is neither there nor predicted, and some rows have no label."""
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, labels)) < rng.permutation(np.linspace(0.6, 0.1, labels))
    wrong = rng.random((rows, labels)) < rng.permutation(np.linspace(0.05, 0.2, labels))
    wrong[rng.random(rows) < 0.3] = False
    truth[rng.random(rows) < 0.1] = False
    predicted = np.where(wrong, ~truth, truth)
    if labels > 3:
        empty, never, unfound = rng.permutation(labels)[:3]
        truth[:, never] = truth[:, empty] = predicted[:, empty] = predicted[:, unfound] = False
        predicted[0, never] = truth[0, unfound] = True
    return truth.astype("int64"), predicted.astype("int64")


def _score_cases() -> list[dict[str, np.ndarray]]:
    small = [([[1, 0]], [[1, 0]]), ([[0, 1]], [[1, 1]]), ([[0, 0], [0, 0]], [[0, 0], [0, 0]])]
    small += [([[1, 0], [0, 1]], [[0, 0], [0, 0]]), ([[1, 0], [0, 0], [1, 1]], [[1, 0], [0, 0], [0, 1]])]
    drawn = [_answers(seed, *shape) for seed, shape in enumerate([(9, 1), (7, 4), (4, 7), (31, 8), (200, 6)])]
    pairs = [(np.array(truth, "int64"), np.array(predicted, "int64")) for truth, predicted in small + drawn]
    return [{"truth": truth, "predicted": predicted} for truth, predicted in pairs]


def _read_scores(result: object, case: dict[str, np.ndarray]) -> dict[str, float]:
    found = as_dict(result, WRONG_SCORES, "the result")
    return {name: _score(name, found[name], **case) for name in WRONG_SCORES}


def _score(name: str, value: object, truth: np.ndarray, predicted: np.ndarray) -> float:
    number = value.item() if issubclass(type(value), np.ndarray) and value.shape == () else value
    if "f1" in name and issubclass(type(number), float | np.floating) and np.isnan(number):
        empty = not (truth + predicted).any(axis=0).all()
        require(not empty, f"{name} is NaN (0/0) where a label is neither there nor predicted: count its F1 as 0")
        require(False, f"{name} is NaN (0/0) where a label has no hit: its F1 is 0")
    return as_number(value, name)


function_question(
    "4.1",
    "A function of true and predicted labels that returns a dictionary of four scores.",
    hints=[
        "`truth == predicted` is True for each answer that is right. What do its mean, and `all(axis=1)`, tell?",
        "Count for each label: hits, `yes` and true labels. `(truth * predicted).sum(axis=0)` counts the hits.",
        "F1 is 2 * hits / (yes + true). Micro: sum each count over the labels first. Macro: the mean over labels.",
    ],
    right=_scores,
    cases=_score_cases,
    read=_read_scores,
    mistakes={
        name: {f"{name} is {words}": way for words, way in table.items()} for name, table in WRONG_SCORES.items()
    },
)


def _f1_of_candidates(there: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for one label the limits worth trying, from -1 upwards, and the F1 that each gives."""
    limits = np.concatenate([[-1.0], np.unique(column)])
    yes = len(column) - np.searchsorted(np.sort(column), limits, side="right")
    hits = there.sum() - np.searchsorted(np.sort(column[there == 1]), limits, side="right")
    return limits, 2 * hits / np.maximum(yes + there.sum(), 1)


def _stated(seed: int, rows: int, labels: int, steps: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities whose best thresholds differ between labels, some of them very small."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, labels)) < rng.permutation(np.linspace(0.5, 0.1, labels))).astype("int64")
    truth[rng.integers(rows, size=labels), np.arange(labels)] = 1
    logits = 2 * truth - 1 + rng.normal(0, 1.2, (rows, labels)) - rng.permutation(np.linspace(-2, 6, labels))
    stated = (1 / (1 + np.exp(-logits))).astype("float32")  # as Keras states them
    return truth, np.round(stated * steps).astype("float32") / np.float32(steps) if steps else stated


@cache
def _threshold_cases() -> list[tuple[np.ndarray, np.ndarray]]:
    zeros = np.array([[0.0, 0.3]] * 2 + [[0.0, 0.2]] * 3, dtype="float32")
    one_row = np.ones((1, 2), "int64"), np.array([[0.4, 0.7]], "float32")
    rng = np.random.default_rng(9)  # labels that nearly all rows have, and probabilities that do not help
    common = (rng.random((120, 2)) < 0.97).astype("int64"), rng.uniform(0.3, 0.9, (120, 2)).astype("float32")
    drawn = [_stated(2, 40, 1), _stated(1, 60, 3), _stated(0, 100, 5), _stated(3, 150, 3, steps=20)]
    large = _stated(4, 2000, 2)  # as many rows as in the last cells of the exercise
    return [(np.ones((5, 2), "int64"), zeros), one_row, *drawn, common, large]


@question(
    "4.2",
    hints=[
        "Take one label, that is one column, at a time. Which thresholds give different answers at all?",
        "Only the stated probabilities matter, and a limit below all of them. Compute the F1 for each of these.",
        "For a column: candidates = np.concatenate([[-1], np.unique(column)]); keep the one with the highest F1.",
    ],
)
def choose(answer: object) -> None:
    """A function that returns for each label the threshold with the highest F1."""
    function = as_function(answer)
    tried = []  # for each label of each case: labels, probabilities, the limit found
    for truth, stated in _threshold_cases():
        rows, labels = truth.shape
        result = call_kept(function, truth=truth, stated=stated)
        found = as_array(result, "the result", finite=False).astype("float64")  # minus infinity is a limit, too
        require(not np.isnan(found).any(), "a threshold is NaN: an F1 of 0/0 counts as 0")
        one = f"the result is one threshold: return one for each label, shape ({labels},)"
        require(labels == 1 or found.size != 1, one)
        per_row = f"the result has one threshold for each row: return one for each label, shape ({labels},)"
        require(found.shape != (rows,) or rows == labels, per_row)
        found = as_array(found, "the result", shape=(labels,), finite=False)
        tried += [_Tried(truth[:, i].astype("int64"), stated[:, i], found[i], i, found) for i in range(labels)]
    if not all(label.is_best for label in tried):
        _explain_thresholds(tried)


class _Tried:
    """A threshold that was found for one label of one case, and what it gives."""

    def __init__(self, there: np.ndarray, column: np.ndarray, limit: float, label: int, all_limits: np.ndarray) -> None:
        self.there, self.column, self.limit, self.label, self.all_limits = there, column, limit, label, all_limits
        self.candidates, self.f1 = _f1_of_candidates(there, column)
        self.best = self.f1.max()
        self.reached = self.f1_of(column > limit)
        self.is_best = self.is_high(self.reached)

    def f1_of(self, predicted: np.ndarray) -> float:
        return float(_f1_of_labels(self.there[:, None], predicted[:, None].astype("int64"))[0])

    def is_high(self, f1: float) -> bool:
        return bool(f1 >= self.best - 1e-9)

    def is_best_without_lowest(self) -> bool:
        """Whether it is the best one if the limit below all probabilities is left out."""
        return bool(self.reached >= self.f1[1:].max() - 1e-9)

    def is_best_for_accuracy(self) -> bool:
        right = [((self.column > limit) == self.there).mean() for limit in (*self.candidates, self.limit)]
        return bool(right[-1] >= max(right) - 1e-9)

    def is_rounded(self) -> bool:
        """Whether it is the best candidate, rounded."""
        best = self.candidates[self.f1 >= self.best - 1e-9]
        texts = {float(np.round(value, decimals)) for value in best for decimals in range(1, 7)}
        types = {float(tf.cast(value, dtype)) for value in best for dtype in (tf.float16, tf.bfloat16)}
        return self.is_best or any(np.isclose(self.limit, value, rtol=1e-6, atol=0) for value in texts | types)

    def is_step(self) -> bool:
        return bool(np.isclose(self.limit * 100, np.round(self.limit * 100), atol=1e-4))


def _explain_thresholds(tried: list[_Tried]) -> None:
    """Say what is wrong with thresholds: what explains all of them, or else where one can be better."""
    worst = next(label for label in tried if not label.is_best)
    here = (
        f"label {worst.label} of {len(worst.there)} rows reaches an F1 of {worst.reached:.4f} with your threshold "
        f"{worst.limit:.4g}, and {worst.best:.4f} can be reached"
    )
    same = all(len(set(label.all_limits)) == 1 for label in tried)
    require(not same, f"all labels have the same threshold, {worst.limit:.3g}. Choose one for each: {here}")
    below = all(label.is_best_without_lowest() for label in tried)
    require(not below, f"{here}: there a threshold below all probabilities is needed")
    equal = all(label.is_high(label.f1_of(label.column >= label.limit)) for label in tried)
    require(not equal, f"{here}. A `yes` is stated > threshold, and not >=")
    accurate = all(label.is_best_for_accuracy() for label in tried)
    require(not accurate, f"{here}. Your threshold is the best one for the accuracy: use F1")
    half = all(np.isclose(label.limit, label.best / 2) for label in tried)
    require(not half, f"{here}. Half of the best F1 is the best threshold only where probabilities are honest")
    steps = all(label.is_step() for label in tried)
    require(not steps, f"{here}. Try the stated probabilities themselves, not steps")
    rounded = all(label.is_rounded() for label in tried)
    require(not rounded, f"{here}. It is near a stated probability that reaches it: do not round, and keep its type")
    require(False, f"{here}. Try every stated probability of the label, and one limit below all of them")


def _softplus(numbers: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, numbers)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _parts(targets: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted cross-entropy of each label of each row."""
    return weights * targets * _softplus(-logits) + (1 - targets) * _softplus(logits)


def _of_logits(t: np.ndarray, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return what logits give that are taken for probabilities."""
    p = np.clip(z, 1e-7, 1 - 1e-7)
    return -(w * t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=1)


def _softmax_loss(t: np.ndarray, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    return -(w * t * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum(axis=1)


def _of_rows(loss: Callable) -> Callable:
    """Return a loss of targets, logits and weights, given as they may be, from one of arrays t, z and w."""
    return lambda *case: loss(*(np.asarray(part, "float64") for part in case))


# What mistakes give for targets t, logits z and weights w: "the loss ...".
WRONG_WEIGHTED: dict[str, Callable] = {
    "is a sum over labels: take their mean": lambda t, z, w: _parts(t, z, w).sum(axis=1),
    "has no weights": lambda t, z, w: _parts(t, z, np.ones_like(w)).mean(axis=1),
    "weights the labels that are not there: weight those that are": (lambda t, z, w: _parts(1 - t, -z, w).mean(axis=1)),
    "weights a label also where it is not there: only where it is": (
        lambda t, z, w: (w * _parts(t, z, np.ones_like(w))).mean(axis=1)
    ),
    "has the sign of the logits turned round": lambda t, z, w: _parts(t, -z, w).mean(axis=1),
    "is negative: the training would make it as bad as it can": lambda t, z, w: -_parts(t, z, w).mean(axis=1),
    "takes the logits for probabilities": _of_logits,
    "takes the sigmoid of the logits for logits: softplus wants the logits as they are": (
        lambda t, z, w: _parts(t, _sigmoid(z), w).mean(axis=1)
    ),
    "is divided by the total of the weights: divide by the number of labels": (
        lambda t, z, w: _parts(t, z, w).sum(axis=1) / w.sum()
    ),
    "is divided by the weights that count in the row: divide by the number of labels": (
        lambda t, z, w: _parts(t, z, w).sum(axis=1) / (w * t + 1 - t).sum(axis=1)
    ),
    "has weights that were divided by their mean: take them as they are": (
        lambda t, z, w: _parts(t, z, w / w.mean()).mean(axis=1)
    ),
    "leaves out the labels that are not there": lambda t, z, w: (w * t * _softplus(-z)).mean(axis=1),
    "leaves out the labels that are there": lambda t, z, w: ((1 - t) * _softplus(z)).mean(axis=1),
    "is that of a softmax: each label has a loss of its own": _softmax_loss,
}


def _loss_cases() -> list[dict]:
    """Return targets, logits and weights; the weights in the types that the last cells of the exercise have."""
    cases = []
    for seed, (rows, labels) in enumerate([(1, 3), (6, 1), (5, 4), (3, 7), (30, 4), (8, 10)]):
        rng = np.random.default_rng(seed)
        weights = rng.permutation(np.linspace(0.4, 9, labels)) if labels > 1 else np.array([3.0])
        targets = (rng.random((rows, labels)) < 0.4).astype("float32")
        if rows > 2:
            all_there, none = rng.permutation(rows)[:2]
            targets[all_there], targets[none] = 1, 0
        given = [weights, weights.tolist(), [2, *[1] * (labels - 2), 5][:labels]][seed % 3]
        logits = rng.normal(0, 2, (rows, labels)).astype("float32")
        cases.append({"targets": targets, "logits": logits, "weights": given})
    return cases


def _right_loss(targets: object, logits: object, weights: object) -> object:
    there = np.array(weights, "float32") * targets * keras.ops.softplus(-logits)
    return keras.ops.mean(there + (1 - targets) * keras.ops.softplus(logits), axis=-1)


def _loss_by(answer: object) -> Callable:
    """Return a function from targets, logits and weights to what the loss of these weights gives."""
    is_class = issubclass(type(answer), type) and not issubclass(answer, keras.Model | keras.Layer)
    function = answer if is_class else as_function(answer)

    def given(targets: object, logits: object, weights: object) -> object:
        loss = call(lambda: function(weights))  # in a lambda, as `call` would copy the weights
        require(callable(loss), "weighted(...) should return a function: is `return loss` its last line?")
        if issubclass(type(loss), keras.losses.Loss):
            added = "your Loss adds the rows up: leave out `reduction`, so that Keras takes the mean"
            require(loss.reduction != "sum", added)
            loss = loss.call  # which gives a loss for each row
        return call(loss, tf.convert_to_tensor(targets), tf.convert_to_tensor(logits))

    return given


def _require_training(function: Callable, _: list) -> None:
    """Require right gradients, no trouble with large logits, and a compiled step."""
    for case in _loss_cases():
        t, z, w = (np.array(part, "float64") for part in case.values())
        gradient = _gradient(function, **case)
        require(gradient is not None, "Keras cannot train with your loss: use keras.ops or TensorFlow, not NumPy")
        slope = ((1 - t) * _sigmoid(z) - w * t * (1 - _sigmoid(z))) / t.shape[1]
        close = np.allclose(gradient, slope, atol=1e-4)
        require(close, "the values are right, but the gradient is not: every step must be of keras.ops or TensorFlow")
    logits = np.array([[100.0, -100.0, 1000.0], [-100.0, 100.0, -1000.0]], dtype="float32")
    targets, weights = np.array([[1, 0, 1], [1, 0, 1]], dtype="float32"), [2.0, 1.0, 3.0]
    value = as_array(function(targets, logits, weights), "the loss", finite=False)
    require(bool(np.isfinite(value).all()), "for logits of 100 or 1000 your loss is not finite: use softplus")
    wanted = _parts(targets, logits.astype("float64"), np.array(weights)).mean(axis=1)
    cut = f"for a logit of -1000 whose label is there, your loss is too {'small' if value[1] < wanted[1] else 'large'}"
    require(bool(np.allclose(value, wanted, rtol=1e-4, atol=1e-3)), f"{cut}: no clipping is needed with softplus")
    compiled = tf.function(lambda t, z: function(t, z, weights), autograph=False)  # as `fit` uses it
    value = as_array(call(compiled, tf.constant(targets), tf.constant(logits)), "the loss", shape=wanted.shape)
    same = np.allclose(value, wanted, rtol=1e-4, atol=1e-3)
    require(same, "in a compiled step of `fit` your loss gives other numbers: use no numbers of an earlier call")


def _gradient(function: Callable, targets: np.ndarray, logits: np.ndarray, weights: object) -> np.ndarray | None:
    """Return the gradient of the sum of a loss, or None if TensorFlow cannot follow it."""
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = function(tf.constant(targets), tf.convert_to_tensor(variable), weights)
        total = tf.reduce_sum(value) if tf.is_tensor(value) else None
    gradient = None if total is None else tape.gradient(total, variable)
    return None if gradient is None else np.asarray(gradient)


def _one_for_each_row(value: object, case: dict) -> np.ndarray:
    """Return a loss for each row, or say which axis was reduced wrongly."""
    found, shape = as_array(value, "the loss", finite=False), case["targets"].shape
    require(found.shape != (), "the loss is one number: keep one for each row, with the mean over axis=-1")
    require(found.shape != shape, f"the loss has shape {found.shape}: take the mean over the labels, axis=-1")
    other = f"the loss should have one number for each of {shape[0]} rows, and yours has shape {found.shape}"
    require(found.shape != shape[1:] or shape[0] == shape[1], f"{other}: take the mean over axis=-1, not over the rows")
    return as_array(found, "the loss", shape=shape[:1], finite=False)


function_question(
    "4.3",
    "A function of weights that returns a loss function of targets and logits.",
    hints=[
        "`weighted` must contain `def loss(targets, logits):` and end in `return loss`, without brackets.",
        "keras.ops.softplus(-logits) is the loss where a label is there. Multiply by targets, or by 1 - targets.",
        "The mean over axis=-1 of weights * targets * softplus(-logits) + (1 - targets) * softplus(logits).",
    ],
    prepare=_loss_by,
    right=_right_loss,
    cases=_loss_cases,
    read=_one_for_each_row,
    mistakes={f"the loss {words}": _of_rows(way) for words, way in WRONG_WEIGHTED.items()},
    also=_require_training,
    tolerance=1e-4,
)


@question(
    "4.4",
    hints=[
        "There are four bugs: in the activation, in the loss, and in each of the two metrics.",
        'Tags that do not exclude each other: a sigmoid each, and "binary_crossentropy". Then look at the metrics.',
        'keras.metrics.BinaryAccuracy(threshold=0.5, name="accuracy"), and F1Score with threshold=0.5.',
    ],
)
def build(answer: object) -> None:
    """A function of the numbers of inputs and tags that returns a compiled model."""
    function = as_function(answer)
    for inputs, tags in ((6, 4), (3, 7)):
        keras.utils.set_random_seed(tags)
        model = as_model(call(function, inputs, tags), "the result", compiled=True)
        rng = np.random.default_rng(tags)
        images = rng.normal(0, 3, (80, inputs)).astype("float32")
        stated = outputs_of(model, images, {"tags": tags})["tags"].astype("float64")
        outside = "the output holds numbers outside 0 to 1: give it a sigmoid"
        require(bool(stated.min() >= 0 and stated.max() <= 1), outside)
        compete = "the probabilities of each row have a total of 1: a softmax lets the tags compete. Use a sigmoid"
        require(not np.allclose(stated.sum(axis=1), 1, atol=1e-2), compete)
        if tags == 4:  # once is enough: Keras needs a second to get ready
            images = _with_clear_answers(model, images)
            stated = outputs_of(model, images)["tags"].astype("float64")
            _require_evaluation(model, images, _truth_that_tells(stated), stated)
        else:
            _require_full_range(model, images)


def _require_full_range(model: keras.Model, images: np.ndarray) -> None:
    """Require that other weights give probabilities near 0 and near 1; the model is not used afterwards."""
    rng = np.random.default_rng(0)
    images = 3 * images / np.abs(images).max()
    low, high = 1.0, 0.0
    for scale in (1, 3, 10):
        for variable in model.trainable_variables:
            variable.assign(rng.normal(0, scale, variable.shape))
        stated = outputs_of(model, images)["tags"]
        low, high = min(low, float(stated.min())), max(high, float(stated.max()))
    never = "whatever its weights, the output never states a probability"
    why = "give the sigmoid plain numbers, from a layer without an activation, and only once"
    require(low < 0.4, f"{never} below {max(low, 0):.2g}: {why}")
    require(high > 0.6, f"{never} above {high:.2g}: {why}")
    require(low < 0.1 and high > 0.9, f"{never} outside {low:.2g} to {high:.2g}: {why}")


def _with_clear_answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Scale images until the largest logit of the model is about 5."""
    for _ in range(6):
        stated = np.clip(outputs_of(model, images)["tags"].astype("float64"), 1e-7, 1 - 1e-7)
        largest = np.abs(np.log(stated / (1 - stated))).max()
        if 3 < largest < 8:
            break
        images = images * np.float32(np.clip(5 / max(largest, 1e-3), 0.1, 100))
    return images


def _truth_that_tells(stated: np.ndarray) -> np.ndarray:
    """Return labels, mostly those predicted, on which each mistake gives another score than the right one."""
    best, widest = None, -1.0
    predicted = stated > 0.5
    for seed in range(15):
        rng = np.random.default_rng(seed)
        share = rng.permutation(np.linspace(0.1, 0.9, stated.shape[1]))
        agrees = rng.permutation(np.linspace(0.55, 0.95, stated.shape[1]))
        truth = np.where(rng.random(stated.shape) < agrees, predicted, rng.random(stated.shape) < share).astype(
            "float32"
        )
        truth[rng.integers(len(truth))], truth[rng.integers(len(truth))] = 1, 0
        gaps = [
            abs(right(truth, stated) - wrong(truth, stated))
            for name, right in RIGHT_METRICS.items()
            for wrong in WRONG_METRICS[name].values()
        ]
        if min(gaps) > widest:
            best, widest = truth, min(gaps)
    return best


def _predicted(stated: np.ndarray) -> np.ndarray:
    return (stated > 0.5).astype("int64")


def _top(stated: np.ndarray) -> np.ndarray:
    """Return 1 for the largest number of each row."""
    return (stated == stated.max(axis=1, keepdims=True)).astype("int64")


RIGHT_METRICS: dict[str, Callable] = {
    "accuracy": lambda t, p: _elements(t, _predicted(p)),
    "f1": lambda t, p: _macro_f1(t, _predicted(p)),
}

# For each metric, what mistakes give, from labels t and stated probabilities p: 'the metric "f1" ...'.
WRONG_METRICS: dict[str, dict[str, Callable]] = {
    "accuracy": {
        "compares only the largest number of each row": lambda t, p: (p.argmax(axis=1) == t.argmax(axis=1)).mean(),
        "is the exact match: the element-wise accuracy is wanted": lambda t, p: _exact(t, _predicted(p)),
        "asks whether the probability equals the target: use a threshold": lambda t, p: (p == t).mean(),
        "is the micro F1: the element-wise accuracy is wanted": lambda t, p: _micro_f1(t, _predicted(p)),
    },
    "f1": {
        "has no threshold: it predicts one tag of each row": lambda t, p: _macro_f1(t, _top(p)),
        "is the micro F1: the macro F1 is wanted": lambda t, p: _micro_f1(t, _predicted(p)),
        "is the weighted F1, in which common tags count more: the macro F1 is wanted": (
            lambda t, p: _weighted_f1(t, _predicted(p))
        ),
        "is the micro F1, and it has no threshold: use the macro F1 at 0.5": lambda t, p: _micro_f1(t, _top(p)),
        "is the weighted F1, and it has no threshold: use the macro F1 at 0.5": (lambda t, p: _weighted_f1(t, _top(p))),
        "is the mean precision: the macro F1 is wanted": lambda t, p: _precision(t, _predicted(p)).mean(),
        "is the mean recall: the macro F1 is wanted": lambda t, p: _recall(t, _predicted(p)).mean(),
    },
}


def _reported(model: keras.Model, images: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """Return the loss and the metrics of one batch, as `evaluate` names them."""
    call(lambda: model.reset_metrics() or True)
    named = issubclass(type(model(images)), dict)
    found = call(model.test_on_batch, images, {"tags": truth} if named else truth, return_dict=True)
    return {name.removeprefix("tags_"): value for name, value in as_dict(found).items()}


def _require_evaluation(model: keras.Model, images: np.ndarray, truth: np.ndarray, stated: np.ndarray) -> None:
    """Say what is wrong with the loss and the metrics that `evaluate` reports."""
    model.run_eagerly = True  # one batch does not pay for a compiled step
    found = _reported(model, images, truth)
    wanted = ["loss", *RIGHT_METRICS]
    missing = [name for name in wanted if name not in found]
    names = ", ".join(found)
    require(not missing, f'evaluate reports {names}, and "{missing[0] if missing else ""}" is missing: name the metric')
    each = 'the metric f1 has a number for each tag: their mean is wanted, average="macro"'
    require(np.ndim(found["f1"]) == 0 or np.size(found["f1"]) == 1, each)
    found = {name: as_number(found[name], name) for name in wanted}
    types = [model.compute_dtype, *(variable.dtype for variable in model.trainable_variables)]
    low_precision = 0.02 if any("16" in str(name) for name in types) else 0.0
    _require_loss(model, images, truth, stated, found["loss"], low_precision)
    for name, right in RIGHT_METRICS.items():
        value = right(truth, stated)
        if np.isclose(found[name], value, atol=1e-4 + low_precision / 4):
            continue
        again = truth[np.random.default_rng(3).permutation(len(truth))]  # a mistake must explain other labels too
        second = as_number(_reported(model, images, again)[name], name)
        for words, wrong in WRONG_METRICS[name].items():
            pairs = [(found[name], wrong(truth, stated)), (second, wrong(again, stated))]
            require(not np.allclose(*zip(*pairs, strict=True), rtol=0, atol=1e-4), f'the metric "{name}" {words}')
        require(False, f'the metric "{name}" is {found[name]:.4f}, and at the threshold 0.5 it should be {value:.4f}')


def _require_loss(
    model: keras.Model, images: np.ndarray, truth: np.ndarray, stated: np.ndarray, found: float, low_precision: float
) -> None:
    """Say what is wrong with the loss that `evaluate` reports."""
    found -= sum(float(penalty) for penalty in model.losses)  # of regularizers, if there are any
    clipped = np.clip(stated, 1e-7, 1 - 1e-7)
    parts = -(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped))
    loss = parts.mean()
    if np.isclose(found, loss, rtol=2e-3 + low_precision, atol=1e-4):
        return
    odds = clipped / (1 - clipped)  # Keras takes the softmax of what the sigmoid got
    wrong = {
        "is the categorical cross-entropy: use the binary one": (
            -(truth * np.log(odds / odds.sum(axis=1, keepdims=True))).sum(axis=1).mean()
        ),
        "is the categorical cross-entropy of the probabilities: use the binary one": (
            -(truth * np.log(clipped / clipped.sum(axis=1, keepdims=True))).sum(axis=1).mean()
        ),
        "is a sum over the tags: use their mean": loss * truth.shape[1],
        "is a sum over the rows: leave out `reduction`, so that Keras takes the mean": loss * len(truth),
        "is a sum over rows and tags: take the mean": parts.sum(),
        "takes the probabilities for logits: leave out `from_logits`": (
            np.logaddexp(0, stated) - truth * stated
        ).mean(),
        "is the mean squared error: use the binary cross-entropy": ((truth - stated) ** 2).mean(),
    }
    for words, value in wrong.items():
        require(not np.isclose(found, value, rtol=0.01), f"the loss {words}")
    # With smoothing s, each target t becomes t + s * (0.5 - t)
    other = as_number(_reported(model, images, 1 - truth)["loss"], "loss") - sum(float(part) for part in model.losses)
    plain = -((1 - truth) * np.log(clipped) + truth * np.log(1 - clipped)).mean()
    slope = ((truth - 0.5) * np.log(odds)).mean()
    smoothed = np.isclose(found - loss, plain - other, rtol=0.02) and 0 < (found - loss) / slope <= 1
    require(not smoothed, "the loss smooths the labels: use the plain one, without label_smoothing")
    factor = found / loss
    times = np.isclose(other / plain, factor, rtol=0.01)
    require(not times, f"the loss is {factor:.3g} times the binary cross-entropy: leave out weights")
    require(False, f"the loss is {found:.3f}, and the binary cross-entropy of the outputs is {loss:.3f}")
