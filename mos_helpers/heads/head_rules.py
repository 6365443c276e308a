"""Rules about one head: do its output, its loss, its metrics, its targets and its weights fit each other?"""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from mos_helpers.heads.kinds import BINARY, CATEGORICAL, OTHER, REGRESSION, SPARSE, UNKNOWN, is_own, name_of
from mos_helpers.heads.report import Finding
from mos_helpers.heads.wiring import Head

Findings = Iterator[Finding]

RANGES = {"sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}


def unknown_loss(head: Head) -> Findings:
    """A misspelt loss, or a class instead of an object."""
    if _kind(head) == UNKNOWN:
        yield Finding("unknown-loss", head.name, f'Keras knows no loss "{head.loss.name}".')
    elif head.loss and isinstance(head.loss.given, type):
        name = head.loss.given.__name__
        yield Finding("unknown-loss", head.name, f"The loss is the class {name} itself: write {name}().")


def softmax_over_one_unit(head: Head) -> Findings:
    """A softmax over one unit, which is always 1."""
    if head.activation == "softmax" and head.units == 1:
        message = 'A softmax over one unit is always 1: use activation="sigmoid" with "binary_crossentropy".'
        yield Finding("softmax-of-one", head.name, message)


def not_a_number(head: Head) -> Findings:
    """Targets that are text, NaN or infinite. (A loss of the user's own may know what to do with NaN.)"""
    if head.target is None or head.loss is None:
        return
    if head.target.dtype.kind in "OUS":
        yield Finding(
            "not-a-number", head.name, f"The targets are of type {head.target.dtype}: turn them into numbers."
        )
    elif head.target.dtype.kind == "f" and head.loss.kind != OTHER and not np.isfinite(head.target).all():
        message = (
            "The targets contain NaN or infinity, which spoils all weights, and a sample_weight of 0 does not help "
            "(0 * NaN is NaN): put any valid number in its place, and give these rows the weight 0."
        )
        yield Finding("not-a-number", head.name, message)


def not_batched(head: Head) -> Findings:
    """A dataset that gives single rows."""
    if head.target is not None and head.target.ndim == 0:
        yield Finding("not-batched", head.name, "The dataset gives single rows: add .batch(128).")


def target_shape(head: Head) -> Findings:
    """A target whose shape does not fit the head and its loss."""
    if not _checkable(head) or _shape_fits(head):
        return
    given, wanted = head.target.shape, ("n", *head.shape[1:])
    if _kind(head) == SPARSE:
        wanted = ("n", *head.shape[1:-1])
        if _one_hot(head.target) and given[-1] == head.units:
            message = (
                f"The targets are one-hot, of shape {given}, and {head.loss.words} takes class numbers: "
                f'use "categorical_crossentropy", or targets.argmax(axis=-1).'
            )
            yield Finding("one-hot", head.name, message)
            return
    elif _whole(head.target) and head.target.size == len(head.target) and head.units > 1:
        message = (
            f"The targets are one number per row, of shape {given}, and {head.loss.words} wants {_written(wanted)}"
        )
        if _kind(head) == REGRESSION:
            message += " (Keras would compare each of them with all units of its row)"
        message += ': if they are class numbers, use "sparse_categorical_crossentropy".'
        yield Finding("class-numbers", head.name, message)
        return
    message = f"The targets have the shape {given}, and {head.loss.words} wants {_written(wanted)}."
    yield Finding("shape", head.name, message)


def class_numbers_in_range(head: Head) -> Findings:
    """Class numbers below 0, or beyond the head's classes, or not whole."""
    if not _checkable(head) or _kind(head) != SPARSE or not _shape_fits(head):
        return
    labels = head.labelled()
    labels = labels[labels != head.loss.ignore_class] if head.loss.ignore_class is not None else labels
    if not labels.size:
        return
    low, high = labels.min(), labels.max()
    if not _whole(labels):
        message = f"{head.loss.words} takes class numbers, and the targets are no whole numbers, such as {low:g}."
        yield Finding("label-range", head.name, message)
    elif head.units == 1:
        message = 'One unit has only the class 0: for yes/no use a sigmoid with "binary_crossentropy".'
        yield Finding("label-range", head.name, message)
    elif low < 0 or high >= head.units:
        cure = f"make it Dense({int(high) + 1})"
        if low >= 1 and high == head.units:
            cure = "subtract 1 from the labels"
        elif low == -1:
            cure = "if -1 marks a missing label, use SparseCategoricalCrossentropy(ignore_class=-1)"
        message = (
            f"The labels run from {int(low)} to {int(high)}, and the head's {head.units} classes from 0 to "
            f"{head.units - 1}: {cure}."
        )
        yield Finding("label-range", head.name, message)


def shares_sum_to_one(head: Head) -> Findings:
    """Several labels in a row, or none, for a loss that wants exactly one class."""
    if not _checkable(head) or _kind(head) != CATEGORICAL or not _shape_fits(head) or head.units == 1:
        return
    rows = head.labelled()
    if not rows.size or (np.allclose(rows.sum(-1), 1, atol=1e-3) and rows.min() >= 0):
        return
    message = (
        f"{head.loss.words} wants one class in each row, and here a row sums to {_odd_sum(rows):g}: "
        'for several labels at once use activation="sigmoid" with "binary_crossentropy".'
    )
    yield Finding("multi-hot", head.name, message)


def yes_or_no(head: Head) -> Findings:
    """Targets outside 0 to 1 for binary cross-entropy."""
    if not _checkable(head) or _kind(head) != BINARY or not _shape_fits(head):
        return
    labels = head.labelled()
    if not labels.size or (labels.min() >= 0 and labels.max() <= 1):
        return
    cure = "these look like another head's targets, or like class numbers, which need a softmax"
    if set(np.unique(labels)) <= {-1, 1}:
        cure = "write (targets + 1) / 2"
    message = f"{head.loss.words} takes targets from 0 to 1, not from {labels.min():g} to {labels.max():g}: {cure}."
    yield Finding("yes-no-range", head.name, message)


def reachable(head: Head) -> Findings:
    """A regression head whose activation cannot reach the targets."""
    if not _checkable(head) or _kind(head) != REGRESSION or not _shape_fits(head):
        return
    labels = head.labelled()
    low, high = RANGES.get(head.activation, (-np.inf, np.inf))
    if labels.size and (labels.min() < low or labels.max() > high):
        message = (
            f"The targets run from {labels.min():g} to {labels.max():g}, and {head.activation} gives {low} to {high}: "
            "leave the activation out, or scale the targets."
        )
        yield Finding("unreachable", head.name, message)


def logits(head: Head) -> Findings:
    """Logits for a loss that takes probabilities, and the reverse."""
    kind = _kind(head)
    if kind not in (SPARSE, CATEGORICAL, BINARY) or head.activation is None:
        return
    right = "sigmoid" if kind == BINARY else "softmax"
    if head.loss.from_logits and head.activation in ("softmax", "sigmoid"):
        message = f"The loss has from_logits=True, but the head ends in {head.activation}: leave out one of the two."
        yield Finding("logits", head.name, message)
    elif not head.loss.from_logits and head.activation == "linear":
        message = (
            f"The head gives logits (no activation), but {head.loss.words} takes probabilities: write "
            f'keras.losses.{_class_of(head)}(from_logits=True), or activation="{right}".'
        )
        yield Finding("logits", head.name, message)
    elif not head.loss.from_logits and head.activation != right and (head.activation, head.units) != ("softmax", 1):
        message = f'{head.loss.words} belongs to activation="{right}", not to {head.activation}: '
        advice = "softmax with categorical cross-entropy for one class, sigmoid with binary for several labels."
        yield Finding("activation", head.name, message + advice)


def accuracy(head: Head) -> Findings:
    """`accuracy` where Keras makes something else of it than one would think."""
    kind = _kind(head)
    for metric in head.metrics + head.weighted_metrics:
        string = isinstance(metric, str) and metric in ("accuracy", "acc")
        if string and kind == REGRESSION and head.activation not in ("sigmoid", "softmax"):
            message = '"accuracy" means nothing for a regression, since it counts numbers that are equal: use "mae".'
        elif string and kind == BINARY and (head.units or 1) > 1:
            cure = "keras.metrics.BinaryAccuracy(threshold=0.0)" if _gives_logits(head) else '"binary_accuracy"'
            message = f'For several units "accuracy" compares only the largest: use {cure} for each label.'
        elif kind == BINARY and _gives_logits(head) and (string or _threshold(metric) == 0.5):
            message = "Accuracy splits at 0.5, and logits split at 0: use keras.metrics.BinaryAccuracy(threshold=0.0)."
        elif kind == BINARY and _gives_logits(head) and _takes_probabilities(metric):
            message = f"{type(metric).__name__} takes probabilities, and the head gives logits: end it in a sigmoid."
        elif kind == BINARY and (head.units or 1) > 1 and _takes_the_largest(metric):
            message = f"{type(metric).__name__} without a threshold counts only the largest unit: write threshold=0.5."
        else:
            continue
        yield Finding("accuracy", head.name, message)


def metric_takes_other_targets(head: Head) -> Findings:
    """An accuracy for class numbers with one-hot targets, or the reverse."""
    needs = {"sparse_categorical_accuracy": SPARSE, "categorical_accuracy": CATEGORICAL}
    for metric in head.metrics + head.weighted_metrics:
        kind = needs.get(name_of(metric))
        if kind and _kind(head) in needs.values() and kind != _kind(head):
            right = next(name for name, needed in needs.items() if needed == _kind(head))
            message = f'{name_of(metric)} does not fit {head.loss.words}: use "{right}".'
            yield Finding("metric-kind", head.name, message)


def own_metric_stretches(head: Head) -> Findings:
    """A metric function of the user's own gets targets (n,) and outputs (n, 1), which stretch to (n, n)."""
    if head.target is None or not head.shape or head.target.ndim != len(head.shape) - 1 or head.units != 1:
        return
    for metric in head.metrics + head.weighted_metrics:
        if callable(metric) and not isinstance(metric, keras.metrics.Metric) and is_own(metric):
            message = (
                f"The metric {name_of(metric)} gets targets of shape (n,) and outputs of shape (n, 1), which stretch "
                "to (n, n): give targets of shape (n, 1) and type float32."
            )
            yield Finding("stretched", head.name, message)


def weights_are_numbers(head: Head) -> Findings:
    """Weights that are negative or not finite."""
    if head.weight is not None and head.weight.dtype.kind in "iuf" and not (head.weight >= 0).all():
        message = "sample_weight has negative numbers or NaN: was another array meant, such as the targets of a head?"
        yield Finding("weight-range", head.name, message)


def masked_rows(head: Head) -> Findings:
    """Rows of weight 0 that still count in the mean of the loss, or in a metric."""
    if head.weight is None or head.weight.all() or not head.weight.any():
        return
    share = np.mean(head.weight == 0)
    if head.loss and head.loss.kind not in (OTHER, UNKNOWN) and head.loss.reduction == "sum_over_batch_size":
        message = (
            f"{share:.0%} of the rows have the weight 0, and still count in the mean, so this loss is smaller: write "
            f'keras.losses.{_class_of(head)}(reduction="mean_with_sample_weight").'
        )
        yield Finding("masked-loss", head.name, message)
    if head.metrics:
        message = "metrics ignore sample_weight and count rows of weight 0: write weighted_metrics instead."
        yield Finding("masked-metric", head.name, message)


def variables_in_loss(head: Head) -> Findings:
    """A loss that holds variables, which `fit` never trains."""
    held = vars(head.loss.given).values() if head.loss and hasattr(head.loss.given, "__dict__") else ()
    if any(isinstance(value, keras.Variable) and value.trainable for value in held):
        message = "The loss holds a variable, and fit trains only the model's: make it with add_weight in the model."
        yield Finding("loss-variable", head.name, message)


def _kind(head: Head) -> str | None:
    return head.loss.kind if head.loss else None


def _checkable(head: Head) -> bool:
    """Whether the head has a known shape and numbers as targets, of a loss that Keras knows."""
    return (
        head.shape is not None
        and len(head.shape) > 1
        and _kind(head) in (SPARSE, CATEGORICAL, BINARY, REGRESSION)
        and head.target is not None
        and head.target.ndim > 0
        and head.target.dtype.kind in "biuf"
    )


def _shape_fits(head: Head) -> bool:
    """Whether Keras takes the targets' shape for what it is."""
    given, output = head.target.shape[1:], head.shape[1:]
    wanted = [output[:-1], (*output[:-1], 1)] if _kind(head) == SPARSE else [output]
    if _kind(head) != SPARSE and output[-1] == 1:
        wanted.append(output[:-1])
    return any(_same(given, shape) for shape in wanted)


def _same(given: tuple, wanted: tuple) -> bool:
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))


def _written(shape: tuple) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(str(size) for size in shape)})"


def _whole(array: np.ndarray) -> bool:
    return array.dtype.kind in "biu" or bool((array == np.floor(array)).all())


def _one_hot(array: np.ndarray) -> bool:
    return array.ndim > 1 and bool((array.max(-1) == 1).all() and (array.astype("float64").sum(-1) == 1).all())


def _odd_sum(rows: np.ndarray) -> float:
    """Return the sum of the row that is farthest from 1."""
    sums = rows.astype("float64").sum(-1).ravel()
    return sums[np.abs(sums - 1).argmax()]


def _class_of(head: Head) -> str:
    """Return the class of a head's loss, such as "MeanSquaredError"."""
    return "".join(word.capitalize() for word in head.loss.name.split("_"))


def _gives_logits(head: Head) -> bool:
    return head.loss.from_logits or head.activation == "linear"


def _threshold(metric: object) -> float | None:
    """Return where a binary accuracy splits, or None for another metric."""
    if name_of(metric) != "binary_accuracy":
        return None
    return metric.get_config()["threshold"] if isinstance(metric, keras.metrics.Metric) else 0.5


def _takes_probabilities(metric: object) -> bool:
    if isinstance(metric, keras.metrics.AUC):
        return not metric.get_config()["from_logits"]
    return isinstance(metric, keras.metrics.Precision | keras.metrics.Recall)


def _takes_the_largest(metric: object) -> bool:
    return isinstance(metric, keras.metrics.FBetaScore) and metric.threshold is None


RULES: list[Callable[[Head], Findings]] = [
    unknown_loss,
    softmax_over_one_unit,
    not_a_number,
    not_batched,
    target_shape,
    class_numbers_in_range,
    shares_sum_to_one,
    yes_or_no,
    reachable,
    logits,
    accuracy,
    metric_takes_other_targets,
    own_metric_stretches,
    weights_are_numbers,
    masked_rows,
    variables_in_loss,
]
