"""Rules about one head's targets: are they numbers, of the shape and the values that the loss wants?"""

import numpy as np
import tensorflow as tf

from mos_helpers.heads.endings import RANGES, ROUNDING, UNBOUNDED
from mos_helpers.heads.wiring import Faults, Head, finite

FAR = 100  # a label from here on, alone outside the classes, marks what has none
NEAR = 1e-3  # how far rounding may take a target out of its range
POSITIVE = 'use activation="softplus" or "exponential"'


def not_a_number(head: Head) -> Faults:
    """Targets that are text, dates, NaN or infinite. (A loss of the user's own may know what to do with NaN.)"""
    target, message = head.target, None
    if head.loss is None or target is None:
        return
    kept, floats = _pandas_type(head.given), target.dtype.kind == "f"
    if np.ma.is_masked(head.given):
        cure = "write targets.filled(0), and give what is masked the weight 0"
        message = f"The targets are a masked array, whose mask Keras ignores: {cure}."
    elif kept and kept not in ("string", "str"):
        codes = ".cat.codes" if hasattr(head.given, "cat") else ".codes"
        cure = f'{codes}.astype("int32")' if kept == "category" else '.to_numpy("float32")'
        cure = '.to_numpy("int32")' if target.dtype.kind in "iub" else cure
        message = f"The targets have the pandas type {kept}, which fit refuses: write {cure}."
    elif target.dtype.kind in "OUSMmc":
        message = f"The targets are of type {target.dtype}: turn them into numbers."
    elif floats and head.loss.known and not np.isfinite(target).all():
        wrong = "which spoils all weights, and a sample_weight of 0 does not help (0 * NaN is NaN)"
        code = head.loss.code(reduction="mean_with_sample_weight")
        cure = f"put any valid number in its place, give it the weight 0, and write {code}"
        message = f"The targets contain NaN or infinity, {wrong}: {cure}."
    elif floats and target.size and np.abs(target).max() > np.finfo("float32").max:
        message = f"The targets reach {np.abs(target).max():.2g}, which is infinity in float32: scale them."
    if message:
        yield "not-a-number", message


def rows_of_targets(head: Head) -> Faults:
    """Targets with rows of different length, or that list only what is not zero, or a dataset of single rows."""
    given = head.given
    if head.target is not None:
        if head.target.ndim == 0 and (head.loss is None or head.loss.known):
            yield "not-batched", "The dataset gives single rows: add .batch(128)."
    elif hasattr(given, "to_tensor"):
        message = "The targets are ragged: write .to_tensor(), which pads them, and give the padding the weight 0."
        yield "ragged", message
    elif hasattr(given, "toarray") or isinstance(given, tf.SparseTensor):
        cure = ".toarray()" if hasattr(given, "toarray") else "tf.sparse.to_dense(...)"
        yield "sparse", f"The targets are sparse, which losses do not take: write {cure}."


def targets_fit(head: Head) -> Faults:
    """Targets of a shape, or with values, that the loss or the activation cannot take."""
    numbers = head.target is not None and head.target.ndim > 0 and head.target.dtype.kind in "biuf"
    if not (numbers and head.units and len(head.shape) > 1 and head.loss and head.loss.known):
        return
    if not any(_same(head.target.shape[1:], shape) for shape in _shapes_taken(head)):
        yield _wrong_shape(head)
        return
    counts_all = head.loss.name == "sparse_categorical_crossentropy"  # TensorFlow refuses others even with weight 0
    labels = finite(head.target.ravel()) if counts_all else head.labelled()
    left_out = head.loss.config.get("ignore_class")
    labels = labels if left_out is None else labels[labels != left_out]
    if labels.size:
        yield from VALUES[head.kind](head, labels)


def _shapes_taken(head: Head) -> list[tuple]:
    """Return the shapes of one row of targets that the loss takes, with None for any size: the first is the best."""
    *inner, units = head.shape[1:]
    if head.kind == "sparse":
        return [(*inner,), (*inner, 1)]
    return [(*inner, units), (*inner,)] if units == 1 and head.kind != "mask" else [(*inner, units)]


def _same(given: tuple, wanted: tuple) -> bool:
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))


def _wrong_shape(head: Head) -> tuple[str, str]:
    """Say what to do about one-hot rows where class numbers are wanted, the reverse, or any other shape."""
    target, given, loss = head.target, head.target.shape, head.loss
    wants = f"{loss.words} wants {('n', *_shapes_taken(head)[0])}".replace("'", "")
    if head.kind == "sparse" and is_one_hot(target) and given[-1] == head.units:
        cure = "targets.argmax(axis=-1)"
        if loss.name == "sparse_categorical_crossentropy":
            cure = f"{loss.code('categorical_crossentropy')}, or {cure}"
        message = f"The targets are one-hot, of shape {given}, and {loss.words} takes class numbers: use {cure}."
        return "one-hot", message
    one_each, inner = target.size == len(target), head.shape[1:-1]
    like_classes = one_each or _same(given[1:], inner) or _same(given[1:], (*inner, 1))
    if head.kind == "sparse" or head.units == 1 or not like_classes or not _whole(target):
        return "shape", f"The targets have the shape {given}, and {wants}."
    what = "one number per row" if one_each else "class numbers"
    if one_each and head.kind == "regression":
        wants += " (Keras would compare each of them with all units of its row)"
    one_hot = f"np.eye({head.units})[targets{'[..., 0]' if given[-1] == 1 else ''}]"
    cure = f"if they are class numbers, use {loss.named('sparse_categorical_crossentropy')}, or {one_hot}"
    if head.kind == "mask":
        cure = f"write {one_hot}"
    return "class-numbers", f"The targets are {what}, of shape {given}, and {wants}: {cure}."


def _class_numbers(head: Head, labels: np.ndarray) -> Faults:
    """Find class numbers below 0, or beyond the head's classes, or not whole."""
    low, high, units, message = labels.min(), labels.max(), head.units, None
    if not _whole(labels):
        broken = labels[labels != np.floor(labels)][0]
        message = f"{head.loss.words} takes class numbers, and the targets are no whole numbers, such as {broken:g}."
    elif units == 1:
        binary = head.loss.named("binary_crossentropy", from_logits=False)
        message = f"One unit has only the class 0: for yes/no use a sigmoid with {binary}."
    elif low < 0 or high >= units:
        wrong = f"The labels run from {int(low)} to {int(high)}, and the head's {units} classes from 0 to {units - 1}"
        message = f"{wrong}: {_cure_for_classes(np.unique(labels).astype(int), head)}."
    if message:
        yield "label-range", message


def _cure_for_classes(found: np.ndarray, head: Head) -> str:
    low, high, units = int(found[0]), int(found[-1]), head.units
    outside = found[(found < 0) | (found >= units)]
    if low >= 1 and high == units:
        return "subtract 1 from the labels"
    if len(outside) == 1 and len(found) > 1 and (low < 0 or high >= FAR):
        marker = f"if {outside[0]} marks a missing label, "
        if len(found) == units == high - low + 1:  # such as -1, 0 and 1 for three classes
            marker = f"add {-low} to the labels, or {marker}"
        code = head.loss.code(ignore_class=int(outside[0]))
        if "ignore_class" not in code or (head.weight is not None and not head.weight.all()):
            return f"{marker}put any class, such as 0, in its place, and give it the weight 0"
        return f"{marker}use {code}"
    if low < 0 and high - low < units:
        return f"add {-low} to the labels"
    if len(found) <= units and (low < 0 or high >= 2 * units):
        return "number the classes from 0, with np.unique(labels, return_inverse=True)[1]"
    return f"make it Dense({high + 1})" if low >= 0 else "class numbers begin at 0"


def _one_class_each(head: Head, rows: np.ndarray) -> Faults:
    """Find several labels in a row, or none, where a loss wants exactly one class."""
    sums = rows.sum(-1, dtype="float64")
    if head.units == 1 or (np.allclose(sums, 1, atol=ROUNDING) and rows.min() >= -NEAR):
        return
    if np.allclose(sums, 100, atol=100 * ROUNDING):
        cure = "write targets / 100"
    elif np.isin(rows, (-1, 1)).all():
        cure = "write (targets + 1) / 2"
    else:
        sigmoid = "" if head.loss.from_logits else 'activation="sigmoid" with '
        cure = f"for several labels at once use {sigmoid}{head.loss.named('binary_crossentropy')}"
    odd = sums[np.abs(sums - 1).argmax()]
    yield "multi-hot", f"{head.loss.words} wants one class in each row, and here a row sums to {odd:g}: {cure}."


def _yes_or_no(head: Head, labels: np.ndarray) -> Faults:
    """Find targets outside 0 to 1 for a loss that compares probabilities."""
    low, high = labels.min(), labels.max()
    if low >= -NEAR and high <= 1 + NEAR:
        return
    outside = np.unique(labels[(labels < 0) | (labels > 1)])
    cure = "these look like another head's targets, or like class numbers, which need a softmax"
    if np.isin(labels, (-1, 1)).all():
        cure = "write (targets + 1) / 2"
    elif np.isin(labels, (1, 2)).all():
        cure = "write targets - 1"
    elif len(outside) == 1 and (outside[0] < 0 or outside[0] >= FAR) and (labels == 1).any():
        cure = f"if {outside[0]:g} marks a missing label, put 0 in its place, and give it the weight 0"
    elif low >= 0 and high == 255:
        cure = "write targets / 255"
    yield "yes-no-range", f"{head.loss.words} takes targets from 0 to 1, not from {low:g} to {high:g}: {cure}."


def _numbers(head: Head, labels: np.ndarray) -> Faults:
    """Find numbers that a loss cannot compare, such as zeros to divide by, or that the activation never gives."""
    loss, wants, low, high = head.loss, head.loss.wants, labels.min(), labels.max()
    zeros, message = np.mean(np.abs(labels) < 1e-7), None
    if low < wants.low - NEAR:
        message = f"{loss.words} takes targets from {wants.low:g} up, and here is {low:g}."
    elif zeros and not wants.zero:
        wrong = f"{zeros:.0%} of the targets are 0, and {loss.words} divides by the target (Keras by 0.0000001)"
        message = f"{wrong}: use {loss.named('mean_absolute_error')}, or leave these rows out by the weight 0."
    elif head.kind == "signs" and not (np.isin(labels, (-1, 1)).all() or np.isin(labels, (0, 1)).all()):
        message = f"{loss.words} takes targets of -1 and 1, or of 0 and 1, not {low:g} to {high:g}."
    elif loss.name == "cosine_similarity" and head.units == 1:
        one, other = loss.named("mean_squared_error"), loss.named("mean_absolute_error")
        message = f"The cosine similarity of one number is its sign: for one unit use {one} or {other}."
    if message:
        yield "target-range", message
    least, most = RANGES.get(head.activation, UNBOUNDED)
    positive = wants.outputs == "not negative"
    if head.kind == "signs" or low < wants.low - NEAR or (positive and least < 0):
        return  # the targets or the activation are to blame by themselves
    if low < least - NEAR or high > most + NEAR:
        cure = POSITIVE if positive else "leave the activation out, or scale the targets"
        message = f"The targets run from {low:g} to {high:g}, and {head.activation} gives {least} to {most}: {cure}."
        yield "unreachable", message


VALUES = {"sparse": _class_numbers, "categorical": _one_class_each, "binary": _yes_or_no, "mask": _yes_or_no}
VALUES |= {"regression": _numbers, "signs": _numbers}


def _pandas_type(given: object) -> str | None:
    """Return the type of a pandas column that `fit` refuses, such as "Int64" or "category"."""
    columns = list(getattr(given, "dtypes", None)) if hasattr(given, "columns") else [getattr(given, "dtype", None)]
    if not type(given).__module__.startswith("pandas"):
        return None
    return next((str(kind) for kind in columns if not isinstance(kind, np.dtype)), None)


def is_one_hot(array: np.ndarray) -> bool:
    """Whether each row has a single 1, and zeros."""
    return array.ndim > 1 and bool((array.max(-1) == 1).all() and (array.astype("float64").sum(-1) == 1).all())


def _whole(array: np.ndarray) -> bool:
    return array.dtype.kind in "biu" or bool((array == np.floor(array)).all())


RULES = [not_a_number, rows_of_targets, targets_fit]
