"""Rules about one head: do its output, its loss and its targets fit each other?"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.activations import RANGES, ROUNDING, sums_to_one
from mos_helpers.heads.losses import (
    BINARY,
    BOTH_SIGNS,
    CATEGORICAL,
    MASK,
    NOT_NEGATIVE,
    PROBABILITY,
    REGRESSION,
    SIGNS,
    SPARSE,
    UNKNOWN,
)
from mos_helpers.heads.report import Finding
from mos_helpers.heads.wiring import Head

Findings = Iterator[Finding]

FAR = 100  # a label from here on, alone outside the classes, marks what has none
NEAR = 1e-3  # how far rounding may take a target out of its range


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
        binary = '"binary_crossentropy"'
        if head.loss and head.loss.known:
            binary = head.loss.named("binary_crossentropy", from_logits=False)
        message = f'A softmax over one unit is always 1: use activation="sigmoid" with {binary}.'
        yield Finding("softmax-of-one", head.name, message)


def activation_twice(head: Head) -> Findings:
    """A softmax or sigmoid of what are probabilities already."""
    if head.twice:
        message = (
            "The head makes probabilities of probabilities, which can no longer reach 1: leave out one of the two."
        )
        yield Finding("activation-twice", head.name, message)


def softmax_over_another_axis(head: Head) -> Findings:
    """Outputs that sum to 1 over steps or pixels, and not over the classes."""
    if _kind(head) not in (SPARSE, CATEGORICAL) or not head.runs or head.activation == "softmax":
        return
    for axis in range(head.runs[0].ndim - 1):
        if all(sums_to_one(values, axis) for values in head.runs):
            message = f"The outputs sum to 1 over axis {axis}, and not over the classes: let softmax run over axis -1."
            yield Finding("softmax-axis", head.name, message)


def not_a_number(head: Head) -> Findings:
    """Targets that are text, dates, NaN or infinite. (A loss of the user's own may know what to do with NaN.)"""
    if head.loss is None or head.target is None:
        return
    kept = _pandas_type(head.given)
    if kept and kept not in ("string", "str"):
        cure = '.cat.codes.to_numpy("int32")' if kept == "category" else '.to_numpy("float32")'
        if head.target.dtype.kind in "iub":
            cure = '.to_numpy("int32")'
        message = f"The targets have the pandas type {kept}, which fit refuses: write {cure}."
        yield Finding("not-a-number", head.name, message)
    elif head.target.dtype.kind in "OUSMmc":
        message = f"The targets are of type {head.target.dtype}: turn them into numbers."
        yield Finding("not-a-number", head.name, message)
    elif head.target.dtype.kind == "f" and head.loss.known and not np.isfinite(head.target).all():
        message = (
            "The targets contain NaN or infinity, which spoils all weights, and a sample_weight of 0 does not help "
            "(0 * NaN is NaN): put any valid number in its place, give it the weight 0, and write "
            f"{head.loss.code(reduction='mean_with_sample_weight')}."
        )
        yield Finding("not-a-number", head.name, message)


def ragged_or_sparse(head: Head) -> Findings:
    """Targets with rows of different length, or that list only what is not zero."""
    if head.given is None or head.target is not None:
        return
    if hasattr(head.given, "to_tensor"):
        message = "The targets are ragged: write .to_tensor(), which pads them, and give the padding the weight 0."
        yield Finding("ragged", head.name, message)
    elif hasattr(head.given, "toarray") or isinstance(head.given, tf.SparseTensor):
        cure = ".toarray()" if hasattr(head.given, "toarray") else "tf.sparse.to_dense(...)"
        yield Finding("sparse", head.name, f"The targets are sparse, which losses do not take: write {cure}.")


def not_batched(head: Head) -> Findings:
    """A dataset that gives single rows."""
    if head.target is not None and head.target.ndim == 0 and (head.loss is None or head.loss.known):
        yield Finding("not-batched", head.name, "The dataset gives single rows: add .batch(128).")


def target_shape(head: Head) -> Findings:
    """A target whose shape does not fit the head and its loss."""
    if not _checkable(head) or _shape_fits(head):
        return
    given, wanted = head.target.shape, ("n", *head.shape[1:])
    if _kind(head) == SPARSE:
        wanted = ("n", *head.shape[1:-1])
        if _one_hot(head.target) and given[-1] == head.units:
            cure = "targets.argmax(axis=-1)"
            if head.loss.name == "sparse_categorical_crossentropy":
                cure = f"{head.loss.code('categorical_crossentropy')}, or {cure}"
            message = (
                f"The targets are one-hot, of shape {given}, and {head.loss.words} takes class numbers: use {cure}."
            )
            yield Finding("one-hot", head.name, message)
            return
    elif _whole(head.target) and head.units > 1 and _class_numbers(head):
        what = "one number per row" if head.target.size == len(head.target) else "class numbers"
        message = f"The targets are {what}, of shape {given}, and {head.loss.words} wants {_written(wanted)}"
        if head.target.size == len(head.target) and _kind(head) == REGRESSION:
            message += " (Keras would compare each of them with all units of its row)"
        one_hot = f"np.eye({head.units})[targets]" if given[-1:] != (1,) else f"np.eye({head.units})[targets[..., 0]]"
        sparse = head.loss.named("sparse_categorical_crossentropy")
        cure = f"if they are class numbers, use {sparse}, or {one_hot}"
        if _kind(head) == MASK:
            cure = f"write {one_hot}"
        yield Finding("class-numbers", head.name, f"{message}: {cure}.")
        return
    message = f"The targets have the shape {given}, and {head.loss.words} wants {_written(wanted)}."
    yield Finding("shape", head.name, message)


def class_numbers_in_range(head: Head) -> Findings:
    """Class numbers below 0, or beyond the head's classes, or not whole."""
    if not _checkable(head) or _kind(head) != SPARSE or not _shape_fits(head):
        return
    counts_all = head.loss.name == "sparse_categorical_crossentropy"  # TensorFlow refuses others even with weight 0
    labels = head.finite(head.target.ravel()) if counts_all else head.labelled()
    labels = labels[labels != head.loss.ignore_class] if head.loss.ignore_class is not None else labels
    if not labels.size:
        return
    low, high = labels.min(), labels.max()
    if not _whole(labels):
        message = f"{head.loss.words} takes class numbers, and the targets are no whole numbers, such as {low:g}."
        yield Finding("label-range", head.name, message)
    elif head.units == 1:
        binary = head.loss.named("binary_crossentropy", from_logits=False)
        message = f"One unit has only the class 0: for yes/no use a sigmoid with {binary}."
        yield Finding("label-range", head.name, message)
    elif low < 0 or high >= head.units:
        message = (
            f"The labels run from {int(low)} to {int(high)}, and the head's {head.units} classes from 0 to "
            f"{head.units - 1}: {_cure_for_classes(np.unique(labels).astype(int), head)}."
        )
        yield Finding("label-range", head.name, message)


def _cure_for_classes(found: np.ndarray, head: Head) -> str:
    """Return what to do about class numbers that the head does not have."""
    low, high, units = int(found[0]), int(found[-1]), head.units
    outside = found[(found < 0) | (found >= units)]
    if low >= 1 and high == units:
        return "subtract 1 from the labels"
    if len(outside) == 1 and len(found) > 1 and (low < 0 or high >= FAR):
        marker = f"if {outside[0]} marks a missing label, "
        code = head.loss.code(ignore_class=int(outside[0]))
        if "ignore_class" not in code or (head.weight is not None and not head.weight.all()):
            return f"{marker}put any class, such as 0, in its place, and give it the weight 0"
        return f"{marker}use {code}"
    if low < 0 and high - low < units:
        return f"add {-low} to the labels"
    if len(found) <= units and (low < 0 or high >= 2 * units):
        return "number the classes from 0, with np.unique(labels, return_inverse=True)[1]"
    return f"make it Dense({high + 1})" if low >= 0 else "class numbers begin at 0"


def shares_sum_to_one(head: Head) -> Findings:
    """Several labels in a row, or none, for a loss that wants exactly one class."""
    if not _checkable(head) or _kind(head) != CATEGORICAL or not _shape_fits(head) or head.units == 1:
        return
    rows = head.labelled()
    sums = rows.sum(-1, dtype="float64")
    if not rows.size or (np.allclose(sums, 1, atol=ROUNDING) and rows.min() >= -NEAR):
        return
    cure = head.loss.named("binary_crossentropy")
    if not head.loss.from_logits:
        cure = f'activation="sigmoid" with {cure}'
    cure = f"for several labels at once use {cure}"
    if np.allclose(sums, 100, atol=100 * ROUNDING):
        cure = "write targets / 100"
    elif np.isin(rows, (-1, 1)).all():
        cure = "write (targets + 1) / 2"
    odd = sums[np.abs(sums - 1).argmax()]
    message = f"{head.loss.words} wants one class in each row, and here a row sums to {odd:g}: {cure}."
    yield Finding("multi-hot", head.name, message)


def yes_or_no(head: Head) -> Findings:
    """Targets outside 0 to 1 for a loss that compares probabilities."""
    if not _checkable(head) or _kind(head) not in (BINARY, MASK) or not _shape_fits(head):
        return
    labels = head.labelled()
    if not labels.size or (labels.min() >= -NEAR and labels.max() <= 1 + NEAR):
        return
    cure = "these look like another head's targets, or like class numbers, which need a softmax"
    if np.isin(labels, (-1, 1)).all():
        cure = "write (targets + 1) / 2"
    elif np.isin(labels, (1, 2)).all():
        cure = "write targets - 1"
    elif labels.min() >= 0 and labels.max() == 255:
        cure = "write targets / 255"
    message = f"{head.loss.words} takes targets from 0 to 1, not from {labels.min():g} to {labels.max():g}: {cure}."
    yield Finding("yes-no-range", head.name, message)


def targets_make_sense(head: Head) -> Findings:
    """Targets that a loss for numbers or signs cannot compare: a logarithm of less than 0, a share of 0."""
    if not _checkable(head) or _kind(head) not in (REGRESSION, SIGNS) or not _shape_fits(head):
        return
    labels, wants = head.labelled(), head.loss.wants
    if not labels.size:
        return
    message = None
    if labels.min() < wants.low - NEAR:
        message = f"{head.loss.words} takes targets from {wants.low:g} up, and here is {labels.min():g}."
    elif not wants.zero and (np.abs(labels) < 1e-7).any():
        share = np.mean(np.abs(labels) < 1e-7)
        message = (
            f"{share:.0%} of the targets are 0, and {head.loss.words} divides by the target (Keras by 0.0000001): "
            f"use {head.loss.named('mean_absolute_error')}, or leave these rows out by the weight 0."
        )
    elif wants.kind == SIGNS and not (set(np.unique(labels)) <= {-1, 1} or set(np.unique(labels)) <= {0, 1}):
        message = (
            f"{head.loss.words} takes targets of -1 and 1, or of 0 and 1, not {labels.min():g} to {labels.max():g}."
        )
    elif head.loss.name == "cosine_similarity" and head.units == 1:
        one, other = head.loss.named("mean_squared_error"), head.loss.named("mean_absolute_error")
        message = f"The cosine similarity of one number is its sign: for one unit use {one} or {other}."
    if message:
        yield Finding("target-range", head.name, message)


def reachable(head: Head) -> Findings:
    """A regression head whose activation cannot reach the targets."""
    if not _checkable(head) or _kind(head) != REGRESSION or not _shape_fits(head):
        return
    labels = head.labelled()
    low, high = RANGES.get(head.activation, (-np.inf, np.inf))
    if labels.size and (labels.min() < low - NEAR or labels.max() > high + NEAR):
        message = (
            f"The targets run from {labels.min():g} to {labels.max():g}, and {head.activation} gives {low} to {high}: "
            "leave the activation out, or scale the targets."
        )
        yield Finding("unreachable", head.name, message)


def outputs_in_range(head: Head) -> Findings:
    """Outputs that a loss for counts or signs cannot take."""
    if head.loss is None or head.activation is None:
        return
    low, _ = RANGES.get(head.activation, (-np.inf, np.inf))
    if head.loss.wants.outputs == NOT_NEGATIVE and low < 0:
        message = (
            f"{head.loss.words} takes the logarithm of the output, and {head.activation} also gives numbers below 0, "
            'of which it is NaN: use activation="softplus" or "exponential".'
        )
        yield Finding("output-range", head.name, message)
    elif head.loss.wants.outputs == BOTH_SIGNS and low >= 0:
        message = (
            f"{head.loss.words} needs outputs of both signs, and {head.activation} gives none below 0: leave it out."
        )
        yield Finding("output-range", head.name, message)


def logits(head: Head) -> Findings:
    """Logits for a loss that takes probabilities, and the reverse."""
    kind, ending = _kind(head), head.activation
    ending = "linear" if ending in ("log_softmax", "log_sigmoid") else ending  # logarithms are logits
    if head.loss is None or head.loss.wants.outputs != PROBABILITY or ending is None:
        return
    right = "softmax" if kind in (SPARSE, CATEGORICAL) or (kind == MASK and head.units > 1) else "sigmoid"
    probabilities = RANGES.get(ending) == (0, 1)
    if head.loss.from_logits and probabilities:
        message = f"The loss has from_logits=True, but the head ends in {ending}: leave out one of the two."
        yield Finding("logits", head.name, message)
    elif not head.loss.from_logits and ending == "linear":
        code = head.loss.code(from_logits=True)
        cure = f'write {code}, or activation="{right}"' if "from_logits" in code else f'write activation="{right}"'
        message = f"The head gives logits (no activation), but {head.loss.words} takes probabilities: {cure}."
        yield Finding("logits", head.name, message)
    elif not head.loss.from_logits and not _belongs(head, right) and not (kind == SPARSE and head.units == 1):
        message = f'{head.loss.words} belongs to activation="{right}", not to {ending}: '
        advice = "softmax with categorical cross-entropy for one class, sigmoid with binary for several labels."
        yield Finding("activation", head.name, message + advice)


def variables_in_loss(head: Head) -> Findings:
    """A loss that holds variables, which `fit` never trains."""
    held = vars(head.loss.given).values() if head.loss and hasattr(head.loss.given, "__dict__") else ()
    if any(isinstance(value, keras.Variable) and value.trainable for value in held):
        message = "The loss holds a variable, and fit trains only the model's: make it with add_weight in the model."
        yield Finding("loss-variable", head.name, message)


def _kind(head: Head) -> str | None:
    return head.loss.kind if head.loss else None


def _belongs(head: Head, right: str) -> bool:
    """Whether the activation gives the probabilities that the loss takes."""
    if head.activation == right or (head.activation, head.units) == ("softmax", 1):
        return True
    if _kind(head) == MASK:
        return RANGES.get(head.activation) == (0, 1)
    if _kind(head) == BINARY and head.activation == "softmax" and head.units == 2 and head.target is not None:
        return _one_hot(head.target)  # the mean over both units is the categorical cross-entropy
    return head.activation in {"sigmoid": ("hard_sigmoid",), "softmax": ("sparsemax",)}[right]


def _pandas_type(given: object) -> str | None:
    """Return the type of a pandas column that `fit` refuses, such as "Int64" or "category"."""
    columns = list(getattr(given, "dtypes", None)) if hasattr(given, "columns") else [getattr(given, "dtype", None)]
    if not type(given).__module__.startswith("pandas"):
        return None
    return next((str(kind) for kind in columns if not isinstance(kind, np.dtype)), None)


def _checkable(head: Head) -> bool:
    """Whether the head has a known shape and numbers as targets, of a loss that Keras knows."""
    return (
        head.shape is not None
        and len(head.shape) > 1
        and head.units is not None
        and head.loss is not None
        and head.loss.known
        and head.target is not None
        and head.target.ndim > 0
        and head.target.dtype.kind in "biuf"
    )


def _shape_fits(head: Head) -> bool:
    """Whether Keras takes the targets' shape for what it is."""
    given, output = head.target.shape[1:], head.shape[1:]
    wanted = [output[:-1], (*output[:-1], 1)] if _kind(head) == SPARSE else [output]
    if _kind(head) not in (SPARSE, MASK) and output[-1] == 1:
        wanted.append(output[:-1])
    return any(_same(given, shape) for shape in wanted)


def _same(given: tuple, wanted: tuple) -> bool:
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))


def _class_numbers(head: Head) -> bool:
    """Whether the targets have the shape of class numbers: no last axis, or one of size 1."""
    given, output = head.target.shape[1:], head.shape[1:-1]
    return head.target.size == len(head.target) or _same(given, output) or _same(given, (*output, 1))


def _written(shape: tuple) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(str(size) for size in shape)})"


def _whole(array: np.ndarray) -> bool:
    return array.dtype.kind in "biu" or bool((array == np.floor(array)).all())


def _one_hot(array: np.ndarray) -> bool:
    return array.ndim > 1 and bool((array.max(-1) == 1).all() and (array.astype("float64").sum(-1) == 1).all())


RULES: list[Callable[[Head], Findings]] = [
    unknown_loss,
    softmax_over_one_unit,
    activation_twice,
    softmax_over_another_axis,
    not_a_number,
    ragged_or_sparse,
    not_batched,
    target_shape,
    class_numbers_in_range,
    shares_sum_to_one,
    yes_or_no,
    targets_make_sense,
    reachable,
    outputs_in_range,
    logits,
    variables_in_loss,
]
