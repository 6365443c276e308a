"""The checks of exercise 4: score, choose, weight and repair."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.checks._engine import (
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    call_kept,
    outputs_of,
    question,
    require,
)

SCORES = ("elements", "exact", "micro_f1", "macro_f1")


def _f1_of_labels(truth: np.ndarray, said: np.ndarray, empty: float = 0) -> np.ndarray:
    """Return the F1 of each column; `empty` is what 0/0 counts."""
    hits, total = (truth * said).sum(axis=0), truth.sum(axis=0) + said.sum(axis=0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), empty)


def _scores(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    same = truth == said
    return {
        "elements": same.mean(),
        "exact": same.all(axis=1).mean(),
        "micro_f1": _micro_f1(truth, said),
        "macro_f1": _f1_of_labels(truth, said).mean(),
    }


def _micro_f1(truth: np.ndarray, said: np.ndarray) -> float:
    return 2 * (truth * said).sum() / max((truth + said).sum(), 1)


def _mistakes(truth: np.ndarray, said: np.ndarray) -> dict[str, list[tuple[float, str]]]:
    """Return for each score what a plausible mistake gives, and its name."""
    same = truth == said
    hits, yes, there = (truth * said).sum(axis=0), said.sum(axis=0), truth.sum(axis=0)
    precision, recall = hits.sum() / max(yes.sum(), 1), hits.sum() / max(there.sum(), 1)
    by_label, of_rows = _f1_of_labels(truth, said), _f1_of_labels(truth.T, said.T)
    either = np.maximum(truth, said)
    used = by_label[(yes + there) > 0]
    of_means = hits / np.maximum(yes, 1), hits / np.maximum(there, 1)
    mean_precision, mean_recall = (part.mean() for part in of_means)
    of_mean = 2 * mean_precision * mean_recall / max(mean_precision + mean_recall, 1e-9)
    return {
        "elements": [
            (1 - same.mean(), "the share of wrong answers (the Hamming loss): turn it round"),
            (same.all(axis=1).mean(), "the exact match: compare single answers, not rows"),
            (same.sum(), "a number of answers: divide by how many there are"),
            (hits.sum() / max(either.sum(), 1), "without the answers that are rightly 0: count these too"),
        ],
        "exact": [
            (same.mean(), "the share of single answers: all answers of a row must be right"),
            (same.all(axis=0).mean(), "over columns: look at each row with all(axis=1)"),
            (same.any(axis=1).mean(), "the share of rows with any right answer: use `all`"),
            (same.all(axis=1).sum(), "a number of rows: divide by how many there are"),
            ((truth * said).any(axis=1).mean(), "the share of rows with any hit: all answers of a row must be right"),
        ],
        "micro_f1": [
            (by_label.mean(), "the macro F1: micro adds the counts of all labels before it divides"),
            (precision, "the precision: F1 divides by the true labels too"),
            (recall, "the recall: F1 divides by every `yes` too"),
            (of_rows.mean(), "the mean over rows (samples F1): micro adds all counts first"),
            (hits.sum() / max(either.sum(), 1), "hits divided by hits and errors (Jaccard): F1 counts the hits twice"),
            (same.mean(), "the element-wise accuracy, which counts the rightful 0 too"),
            (
                (by_label * there).sum() / max(there.sum(), 1),
                "a mean over labels weighted by how often they are there: micro adds all counts before it divides",
            ),
        ],
        "macro_f1": [
            (_micro_f1(truth, said), "the micro F1: macro is the mean over labels of their F1"),
            (of_rows.mean(), "the mean over rows (samples F1): take the mean over labels, the columns"),
            (_f1_of_labels(truth, said, 1).mean(), "with 0/0 counted as 1: count it as 0"),
            (used.mean() if len(used) else 0, "without the labels whose F1 is 0/0: count these as 0"),
            (of_mean, "made of the mean precision and the mean recall: take the F1 of each label, then their mean"),
        ],
    }


def _answers(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true and said labels, with a last label that neither has."""
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, labels)) < np.linspace(0.6, 0.1, labels)
    wrong = rng.random((rows, labels)) < np.linspace(0.05, 0.2, labels)
    said = np.where(wrong, ~truth, truth)
    truth[:, -1] = said[:, -1] = False
    return truth.astype("int64"), said.astype("int64")


@question(
    "4.1",
    hints=[
        "`truth == said` is True for each answer that is right. What do its mean, and `all(axis=1)`, tell?",
        "Count for each label: hits, `yes` and true labels. `(truth * said).sum(axis=0)` counts the hits.",
        "F1 is 2 * hits / (yes + true). Micro: sum each count over the labels first. Macro: the mean over labels.",
    ],
)
def scores(answer: object) -> None:
    """A function of true and said labels that returns a dictionary of four scores."""
    function = as_function(answer)
    cases = [_answers(seed, rows, labels) for seed, rows, labels in ((0, 60, 5), (1, 31, 8), (2, 7, 3))]
    nothing = np.zeros((4, 3), dtype="int64")
    for truth, said in [*cases, (cases[0][0], np.zeros_like(cases[0][0])), (nothing, nothing)]:
        found = as_dict(call_kept(function, truth=truth, said=said), SCORES, "the result")
        wanted = _scores(truth, said)
        mistakes = _mistakes(truth, said) if said.any() else {}  # where all is 0, different mistakes look alike
        for name in SCORES:
            with np.errstate(all="ignore"):
                value = _score(name, found[name])
            if np.isclose(value, wanted[name], atol=1e-5):
                continue
            for wrong, words in mistakes.get(name, []):
                require(not np.isclose(value, wrong, atol=1e-5), f"{name} is {words}")
            case = "nothing is there and nothing is said" if truth is nothing else f"{truth.shape[0]} rows of mine"
            require(False, f"{name} should be {wanted[name]:.4f} for {case}, and yours is {value:.4f}")


def _score(name: str, value: object) -> float:
    number = value.item() if issubclass(type(value), np.ndarray) and value.shape == () else value
    nan = issubclass(type(number), float | np.floating) and np.isnan(number)
    require(not nan, f"{name} is NaN (0/0) where a label is neither there nor said: count its F1 as 0")
    return as_number(value, name)


def _f1_at(truth: np.ndarray, stated: np.ndarray, limits: np.ndarray) -> np.ndarray:
    return _f1_of_labels(truth, (stated > limits).astype("int64"))


def _best_f1(truth: np.ndarray, stated: np.ndarray) -> np.ndarray:
    candidates = [np.full((1, stated.shape[1]), -1.0), stated]
    return np.max([_f1_at(truth, stated, limits) for limits in np.concatenate(candidates)], axis=0)


def _stated(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities whose best thresholds differ between labels, some of them very small."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, labels)) < np.linspace(0.5, 0.1, labels)).astype("int64")
    truth[0] = 1
    logits = 2 * truth - 1 + rng.normal(0, 1.2, (rows, labels)) - np.linspace(-2, 6, labels)
    return truth, (1 / (1 + np.exp(-logits))).astype("float32")  # as Keras states them


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
    cases = [_stated(seed, rows, labels) for seed, rows, labels in ((0, 100, 5), (1, 60, 3), (2, 40, 1))]
    zeros = np.array([[0.0, 0.3]] * 2 + [[0.0, 0.2]] * 3, dtype="float32")
    everything = np.ones((5, 2), dtype="int64"), zeros
    for truth, stated in [*cases, everything]:
        rows, labels = truth.shape
        found = as_array(call(function, truth, stated), "the result").astype("float64")
        one = f"the result is one threshold: return one for each label, shape ({labels},)"
        require(labels == 1 or found.size != 1, one)
        per_row = f"the result has one threshold for each row: return one for each label, shape ({labels},)"
        require(found.shape != (rows,), per_row)
        found = as_array(found, "the result", shape=(labels,))
        best, reached = _best_f1(truth, stated), _f1_at(truth, stated, found)
        worse = np.flatnonzero(reached < best - 1e-9)
        if len(worse):
            _explain_threshold(truth, stated, found, worse[0], best[worse[0]])


def _explain_threshold(truth: np.ndarray, stated: np.ndarray, found: np.ndarray, label: int, best: float) -> None:
    """Say what is wrong with the threshold of one label."""
    there, column, limit = truth[:, [label]], stated[:, [label]], found[label]
    reached = _f1_at(there, column, limit)[0]
    here = (
        f"label {label} reaches an F1 of {reached:.3f} with your threshold {limit:.3g}, and {best:.3f} can be reached"
    )
    require(not there.all(), f"{here}: here every row has the label, so a threshold below all probabilities is needed")
    if len(set(found)) == 1 and len(found) > 1:
        require(False, f"all labels have the same threshold, {limit:.3g}. Choose one for each: {here}")
    equal = (there * 0 + 1) * (column >= limit)
    require(not np.isclose(_f1_of_labels(there, equal)[0], best), f"{here}. A `yes` is stated > threshold, and not >=")
    right = ((column > column.T) == there).mean(axis=0)
    most_right = np.isclose(((column > limit) == there).mean(), right.max())
    require(not most_right, f"{here}. Your threshold is the best one for the accuracy: use F1")
    grid = np.isclose(limit * 100, round(limit * 100), atol=1e-4)
    near = np.unique(column[np.abs(column - limit) < 6e-4])
    rounded = not grid and any(np.isclose(_f1_at(there, column, other)[0], best) for other in near)
    require(not rounded, f"{here}. It is near a stated probability that reaches it: do not round, and keep its type")
    coarse = ". Try the stated probabilities themselves, not steps" if grid else ""
    require(False, f"{here}{coarse}")


def _softplus(numbers: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, numbers)


def _elements(targets: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights * targets * _softplus(-logits) + (1 - targets) * _softplus(logits)


@question(
    "4.3",
    hints=[
        "`weighted` must contain `def loss(targets, logits):` and end in `return loss`, without brackets.",
        "keras.ops.softplus(-logits) is the loss where a label is there. Multiply by targets, or by 1 - targets.",
        "The mean over axis=-1 of weights * targets * softplus(-logits) + (1 - targets) * softplus(logits).",
    ],
)
def weighted(answer: object) -> None:
    """A function of weights that returns a loss function of targets and logits."""
    is_class = issubclass(type(answer), type) and issubclass(answer, keras.losses.Loss)
    function = answer if is_class else as_function(answer)
    for seed, (rows, labels) in enumerate([(30, 4), (5, 4), (3, 7)]):
        rng = np.random.default_rng(seed)
        weights = rng.uniform(2, 9, labels)
        loss = call(function, weights if seed else weights.tolist())
        require(callable(loss), "weighted(...) should return a function: is `return loss` its last line?")
        targets = (rng.random((rows, labels)) < 0.4).astype("float32")
        targets[0], targets[1] = 1, 0
        logits = rng.normal(0, 2, (rows, labels)).astype("float32")
        found, gradient = _loss_and_gradient(loss, targets, logits)
        _require_loss(found, targets.astype("float64"), logits.astype("float64"), weights)
        sigmoid = 1 / (1 + np.exp(-logits.astype("float64")))
        slope = ((1 - targets) * sigmoid - weights * targets * (1 - sigmoid)) / labels
        require(gradient is not None, "Keras cannot train with your loss: use keras.ops or TensorFlow, not NumPy")
        close = np.allclose(gradient, slope, atol=1e-4)
        require(close, "the values are right, but the gradient is not: every step must be of keras.ops or TensorFlow")
    logits = np.array([[100.0, -100.0, 1000.0], [-100.0, 100.0, -1000.0]], dtype="float32")
    targets = np.array([[1, 0, 1], [1, 0, 1]], dtype="float32")
    found, _ = _loss_and_gradient(call(function, [2.0, 1.0, 3.0]), targets, logits)
    require(bool(np.isfinite(found).all()), "for logits of 100 or 1000 your loss is not finite: use softplus")
    wanted = _elements(targets, logits.astype("float64"), np.array([2.0, 1.0, 3.0])).mean(axis=1)
    cut = f"for a logit of -1000 whose label is there, your loss is too {'small' if found[1] < wanted[1] else 'large'}"
    require(bool(np.allclose(found, wanted, rtol=1e-4, atol=1e-3)), f"{cut}: no clipping is needed with softplus")


def _loss_and_gradient(loss: Callable, targets: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a loss and the gradient of its sum, or None for the gradient if TensorFlow cannot follow it."""
    if issubclass(type(loss), keras.losses.Loss):  # Keras takes the mean over rows itself, after `sample_weight`
        require(
            loss.reduction != "sum", "your Loss adds the rows up: leave out `reduction`, so that Keras takes the mean"
        )
        loss = loss.call
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = call(loss, tf.constant(targets), tf.convert_to_tensor(variable))
        total = tf.reduce_sum(value) if tf.is_tensor(value) else None
    gradient = None if total is None else tape.gradient(total, variable)
    return as_array(value, "the loss", finite=False), None if gradient is None else np.asarray(gradient)


def _require_loss(found: np.ndarray, targets: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> None:
    """Say what is wrong with the values of a weighted loss."""
    elements = _elements(targets, logits, weights)
    rows, labels = elements.shape
    require(found.shape != (), "the loss is one number: keep one for each row, with the mean over axis=-1")
    each = f"the loss has shape {found.shape}: take the mean over the labels, axis=-1"
    require(found.shape != elements.shape, each)
    found = as_array(found, "the loss", shape=(rows,)).astype("float64")
    if np.allclose(found, elements.mean(axis=1), atol=1e-4):
        return
    ones = np.ones(labels)
    turned, plain = _elements(1 - targets, -logits, weights), _elements(targets, logits, ones)
    probabilities = np.clip(logits, 1e-7, 1 - 1e-7)
    as_stated = -(weights * targets * np.log(probabilities) + (1 - targets) * np.log(1 - probabilities))
    mistakes = [
        (elements.sum(axis=1), "is a sum over labels: take their mean"),
        (plain.mean(axis=1), "has no weights"),
        (turned.mean(axis=1), "weights the labels that are not there: weight those that are"),
        ((weights * plain).mean(axis=1), "weights a label also where it is not there: only where it is"),
        (_elements(targets, -logits, weights).mean(axis=1), "has the sign of the logits turned round"),
        (-elements.mean(axis=1), "is negative: the training would make it as bad as it can"),
        (as_stated.mean(axis=1), "takes the logits for probabilities"),
        (
            elements.sum(axis=1) / weights.sum(),
            "is divided by the total of the weights: divide by the number of labels",
        ),
        ((weights * targets * _softplus(-logits)).mean(axis=1), "leaves out the labels that are not there"),
        (((1 - targets) * _softplus(logits)).mean(axis=1), "leaves out the labels that are there"),
    ]
    for wrong, words in mistakes:
        require(not np.allclose(found, wrong, atol=1e-4), f"the loss {words}")
    worst = int(np.abs(found - elements.mean(axis=1)).argmax())
    wanted = elements.mean(axis=1)[worst]
    require(False, f"the loss of a row should be {wanted:.4f}, and yours is {found[worst]:.4f}")


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
        require(not np.allclose(stated.sum(axis=1), 1, atol=1e-3), compete)
        if tags == 4:  # once is enough: Keras needs a second to get ready
            images = _with_clear_answers(model, images)
            stated = outputs_of(model, images)["tags"].astype("float64")
            guessed = np.where(rng.random(stated.shape) < 0.7, stated > 0.5, rng.random(stated.shape) < 0.4)
            truth = guessed.astype("float32")  # mostly right: else smoothing would not show in the mean loss
            truth[:2] = [[1], [0]]
            _require_evaluation(model, images, truth, stated)


def _with_clear_answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Scale images until the largest logit of the model is about 5."""
    for _ in range(6):
        stated = np.clip(outputs_of(model, images)["tags"].astype("float64"), 1e-7, 1 - 1e-7)
        largest = np.abs(np.log(stated / (1 - stated))).max()
        if 3 < largest < 8:
            break
        images = images * np.float32(np.clip(5 / max(largest, 1e-3), 0.1, 100))
    return images


def _reported(model: keras.Model, images: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """Return the loss and the metrics of one batch, as `evaluate` names them."""
    call(lambda: model.reset_metrics() or True)
    found = call(model.test_on_batch, images, {"tags": truth}, return_dict=True)
    return {name.removeprefix("tags_"): value for name, value in as_dict(found).items()}


def _require_evaluation(model: keras.Model, images: np.ndarray, truth: np.ndarray, stated: np.ndarray) -> None:
    """Say what is wrong with the loss and the metrics that `evaluate` reports."""
    model.run_eagerly = True  # one batch does not pay for a compiled step
    found = _reported(model, images, truth)
    wanted = ["loss", "accuracy", "f1"]
    missing = [name for name in wanted if name not in found]
    names = ", ".join(found)
    require(not missing, f'evaluate reports {names}, and "{missing[0] if missing else ""}" is missing: name the metric')
    found = {name: as_number(found[name], name) for name in wanted}
    clipped = np.clip(stated, 1e-7, 1 - 1e-7)
    there, not_there = truth * np.log(clipped), (1 - truth) * np.log(1 - clipped)
    loss = -(there + not_there).mean()
    odds = clipped / (1 - clipped)  # Keras takes the softmax of what the sigmoid got
    categorical = -(truth * np.log(odds / odds.sum(axis=1, keepdims=True))).sum(axis=1).mean()
    is_categorical = np.isclose(found["loss"], categorical, rtol=0.01)
    require(not is_categorical, "the loss is the categorical cross-entropy: use the binary one")
    summed = np.isclose(found["loss"], loss * truth.shape[1], rtol=0.01)
    require(not summed, "the loss is a sum over the tags: use their mean")
    same_loss = np.isclose(found["loss"], loss, rtol=2e-3, atol=1e-4)
    if not same_loss:  # with smoothing s, each target t becomes t + s * (0.5 - t)
        other = as_number(_reported(model, images, 1 - truth)["loss"], "loss")
        plain = -((1 - truth) * np.log(clipped) + truth * np.log(1 - clipped)).mean()
        slope = ((truth - 0.5) * np.log(odds)).mean()
        smoothed = (
            np.isclose(found["loss"] - loss, plain - other, rtol=0.02) and 0 < (found["loss"] - loss) / slope <= 1
        )
        require(not smoothed, "the loss smooths the labels: use the plain one, without label_smoothing")
    require(same_loss, f"the loss is {found['loss']:.3f}, and the binary cross-entropy of the outputs is {loss:.3f}")
    said = (stated > 0.5).astype("int64")
    top = (stated == stated.max(axis=1, keepdims=True)).astype("int64")
    labels = truth.astype("int64")
    mistakes = {
        "accuracy": [
            ((stated.argmax(axis=1) == truth.argmax(axis=1)).mean(), "compares only the largest number of each row"),
            ((said == labels).all(axis=1).mean(), "is the exact match: the element-wise accuracy is wanted"),
            ((stated == truth).mean(), "asks whether the probability equals the target: use a threshold"),
        ],
        "f1": [
            (_f1_of_labels(labels, top).mean(), "has no threshold: it says yes to one tag of each row"),
            (_micro_f1(labels, said), "is the micro F1: the macro F1 is wanted"),
        ],
    }
    right = {"accuracy": (said == labels).mean(), "f1": _f1_of_labels(labels, said).mean()}
    for name, value in right.items():
        if np.isclose(found[name], value, atol=1e-4):
            continue
        for wrong, words in mistakes[name]:
            require(not np.isclose(found[name], wrong, atol=1e-4), f'the metric "{name}" {words}')
        require(False, f'the metric "{name}" is {found[name]:.4f}, and at the threshold 0.5 it should be {value:.4f}')
