"""Rules about one head: does its loss take what its last layers give, and does its `sample_weight` weigh only that?"""

import keras
import numpy as np

from mos_helpers.heads.endings import RANGES, ROUNDING, UNBOUNDED, gives_probabilities, name_of, sums_to_one
from mos_helpers.heads.target_rules import POSITIVE, is_one_hot
from mos_helpers.heads.wiring import Faults, Head


def loss_by_itself(head: Head) -> Faults:
    """A misspelt loss, or a class instead of an object, or a loss that holds variables, which `fit` never trains."""
    given = head.loss.given if head.loss else None
    if head.kind == "unknown":
        yield "unknown-loss", f'Keras knows no loss "{head.loss.name}".'
    elif isinstance(given, type):
        yield "unknown-loss", f"The loss is the class {given.__name__} itself: write {given.__name__}()."
    held = vars(given).values() if hasattr(given, "__dict__") else ()
    if any(isinstance(value, keras.Variable) and value.trainable for value in held):
        message = "The loss holds a variable, and fit trains only the model's: make it with add_weight in the model."
        yield "loss-variable", message


def last_layers(head: Head) -> Faults:
    """A softmax that is always 1, that runs over another axis, or of probabilities, or a dropout at the end."""
    known = head.loss is not None and head.loss.known
    if head.activation == "softmax" and head.units == 1:
        binary = head.loss.named("binary_crossentropy", from_logits=False) if known else '"binary_crossentropy"'
        yield "softmax-of-one", f'A softmax over one unit is always 1: use activation="sigmoid" with {binary}.'
    if head.twice:
        wrong = "The head makes probabilities of probabilities, which can no longer reach 1"
        yield "activation-twice", f"{wrong}: leave out one of the two."
    if head.dropped and known:  # a loss that compares two draws may want it
        message = "The head ends in a dropout, which sets its outputs to 0 in training: move it before the last layer."
        yield "dropout-last", message
    one_class = head.kind in ("sparse", "categorical") and head.activation != "softmax"
    for axis in range(head.runs[0].ndim - 1) if one_class and head.runs else ():
        if all(sums_to_one(values, axis) for values in head.runs):
            message = f"The outputs sum to 1 over axis {axis}, and not over the classes: let softmax run over axis -1."
            yield "softmax-axis", message


def targets_of_ctc(head: Head) -> Faults:
    """Labels that the CTC loss takes for padding, or that the head does not have, or more of them than steps."""
    target = head.target
    of_ctc = head.loss and head.loss.name == "ctc" and head.shape and len(head.shape) == 3
    if not of_ctc or target is None or target.ndim != 2 or target.dtype.kind not in "iuf" or not target.size:
        return
    low, high, units = target.min(), target.max(), head.units
    if high >= units or low < 0:
        cure = "pad the labels with 0" if low < 0 else f"make it Dense({int(high) + 1})"
        wrong = f"The labels run from {low:g} to {high:g}, and the head's {units} classes give 1 to {units - 1}"
        yield "label-range", f"{wrong}, since ctc takes 0 for the blank and the padding: {cure}."
    longest = int((target != 0).sum(1).max())
    if head.shape[1] is not None and longest > head.shape[1]:
        message = f"A row has {longest} labels and the head {head.shape[1]} steps: ctc needs at least a step per label."
        yield "shape", message


def targets_of_circle(head: Head) -> Faults:
    """Targets that are no class numbers, or outputs that are no unit vectors, for the circle loss."""
    target = head.target
    if not (head.loss and head.loss.name == "circle" and head.units):
        return
    if target is not None and target.ndim > 1 and target.size != len(target):
        code, cure = "shape", "give one number per row"
        if is_one_hot(target):
            code, cure = "one-hot", "use targets.argmax(axis=-1)"
        yield code, f"circle takes class numbers, one per row, not targets of shape {target.shape}: {cure}."
    if any(not np.allclose(np.linalg.norm(values, axis=-1), 1, atol=ROUNDING) for values in head.runs):
        wrong = "circle compares directions, and takes rows of length 1"
        yield "output-range", f"{wrong}: end the head in keras.layers.UnitNormalization()."


def outputs_in_range(head: Head) -> Faults:
    """Outputs that a loss for counts or signs cannot take."""
    if head.loss is None or head.activation is None:
        return
    words, wanted, (low, _) = head.loss.words, head.loss.wants.outputs, RANGES.get(head.activation, UNBOUNDED)
    if wanted == "not negative" and low < 0:
        wrong = f"{head.activation} also gives numbers below 0, of which it is NaN"
        yield "output-range", f"{words} takes the logarithm of the output, and {wrong}: {POSITIVE}."
    elif wanted == "both signs" and low >= 0:
        message = f"{words} needs outputs of both signs, and {head.activation} gives none below 0: leave it out."
        yield "output-range", message


def logits(head: Head) -> Faults:
    """Logits for a loss that takes probabilities, and the reverse."""
    loss, ending, message = head.loss, head.activation, None
    ending = "linear" if ending in ("log_softmax", "log_sigmoid") else ending  # logarithms are logits
    if loss is None or ending is None or loss.wants.outputs not in ("probability", "logits"):
        return
    several = head.kind == "sparse" or (head.kind in ("categorical", "mask") and head.units != 1)
    right = "softmax" if several else "sigmoid"
    if loss.wants.outputs == "logits":
        if ending != "linear":
            message = f"{loss.words} takes logits, and the head ends in {ending}: leave the activation out."
    elif loss.from_logits and gives_probabilities(ending):
        message = f"The loss has from_logits=True, but the head ends in {ending}: leave out one of the two."
    elif loss.from_logits and ending != "linear" and ending in RANGES:
        message = f"The loss has from_logits=True, and {ending} holds back logits below 0: leave the activation out."
    elif not loss.from_logits and ending == "linear":
        code = loss.code(from_logits=True)
        cure = f'write {code}, or activation="{right}"' if "from_logits" in code else f'write activation="{right}"'
        message = f"The head gives logits (no activation), but {loss.words} takes probabilities: {cure}."
    elif head.kind == "categorical" and head.units == 1 and ending != "softmax":
        cure = f'use activation="sigmoid" with {loss.named("binary_crossentropy")}'
        yield "activation", f"{loss.words} of one unit is always 0: {cure}."
    elif not loss.from_logits and not _belongs(head, right) and not (head.kind == "sparse" and head.units == 1):
        advice = "softmax with categorical cross-entropy for one class, sigmoid with binary for several labels."
        belongs = f'{loss.words} belongs to activation="{right}", not to {ending}'
        yield "activation", f"{belongs}: {advice}"
    if message:
        yield "logits", message


def _belongs(head: Head, right: str) -> bool:
    """Whether the activation gives the probabilities that the loss takes."""
    if head.kind == "mask":
        return gives_probabilities(head.activation)
    if head.kind == "binary" and head.activation == "softmax" and head.units == 2 and head.target is not None:
        return is_one_hot(head.target)  # the mean over both units is the categorical cross-entropy
    like = {"sigmoid": "hard_sigmoid", "softmax": "sparsemax"}[right]
    return head.activation in (right, like) or (head.activation, head.units) == ("softmax", 1)


def weights_are_numbers(head: Head) -> Faults:
    """Weights that are negative or not finite."""
    weight = head.weight
    if weight is None:
        return
    # Floats may be the advantages of a policy gradient, which take the cross-entropy of an action.
    advantages = head.kind in ("sparse", "categorical") and weight.dtype.kind == "f"
    if weight.dtype.kind not in "biuf":
        yield "weight-range", f"sample_weight is of type {weight.dtype}: turn it into numbers."
    elif not (weight >= (-np.inf if advantages else 0)).all():
        wrong = "sample_weight has negative numbers or NaN"
        yield "weight-range", f"{wrong}: was another array meant, such as the targets of a head?"
    elif weight.size and not weight.any() and head.loss:
        message = "All weights of this head are 0, so nothing trains it: if that is meant, give it the loss None."
        yield "no-weight", message


def weights_have_the_shape_of_the_loss(head: Head) -> Faults:
    """Weights that Keras stretches over the loss, or cannot match with it."""
    loss, wanted = head.loss, _shape_of_the_loss(head)
    if head.weight is None or wanted is None or head.weight.shape[:1] != head.target.shape[:1]:
        return
    given, inner = head.weight.shape, (*head.shape[1:], 1)
    stretches = wanted and len(given) == len(wanted) and all(a in (1, b) for a, b in zip(given, wanted, strict=True))
    differs = (_masked(head) and _shrinks(head)) or loss.config.get("reduction") == "mean_with_sample_weight"
    if given in (wanted, (*wanted, 1)) or (*given, 1) == wanted or (stretches and not differs):
        return
    # Losses that compare each unit with its target alone.
    unit_by_unit = head.kind in ("binary", "regression", "signs") and loss.name != "cosine_similarity"
    has = f"one number for each of {wanted}" if wanted else "one number for the whole batch"
    if head.flat and head.target.ndim > 1:
        has += ", since the targets lack the output's last axis"
        cure = f"write targets[..., None], and give weights of the shape {head.target.shape}"
    elif not wanted and head.kind != "mask":
        has += ", since the output has no last axis"
        cure = "let the head give (batch, 1)"
    elif not wanted:
        cure = f"write {loss.code(axis=tuple(range(1, len(head.shape))))}, and give one weight per row"
    elif given == (*wanted, head.units) and unit_by_unit:
        has += f", the mean over the {head.units} units"
        cure = f"for a weight per unit, give the output and the targets one more axis, with Reshape({inner})"
    else:
        cure = "give weights of that shape"
        if given and given[0] == wanted[0] and all(size == 1 for size in given[1:]):
            rows = f"w.reshape{(-1, *[1] * (len(wanted) - 1))}"
            cure += f", such as np.broadcast_to({rows}, {wanted}) for one weight w per row"
    yield "weight-shape", f"The weights have the shape {given}, and {loss.words} has here {has}: {cure}."


def _shape_of_the_loss(head: Head) -> tuple | None:
    """Return the shape of the loss before its mean, with the sizes of these targets, or None if it is not known."""
    target, outputs = head.target, head.shape
    if not (head.loss and head.loss.known and outputs and target is not None and target.ndim):
        return None
    if head.flat and target.ndim > 1:
        return target.shape[:-1]  # Keras drops the last axis of the output, and takes the mean over the next
    sizes = target.shape[: len(outputs)] + outputs[target.ndim :]
    sizes = tuple(a if b is None else b for a, b in zip(sizes, outputs, strict=True))
    if head.kind != "mask":
        return sizes[:-1]
    axis = head.loss.config.get("axis")
    axes = [a % len(sizes) for a in ([axis] if isinstance(axis, int) else axis or range(len(sizes)))]
    return tuple(size for a, size in enumerate(sizes) if a not in axes)


def rows_that_still_count(head: Head) -> Faults:
    """Rows of weight 0, or of the class that a loss leaves out, that still count in the loss or in a metric."""
    masked = _masked(head)
    # Keras's own mask of the padding leaves it out of the mean, as these weights most likely do.
    if masked and not (head.padded and head.weight.ndim > 1) and _shrinks(head):
        code = head.loss.code(reduction="mean_with_sample_weight")
        yield "masked-loss", f"{masked}, and still count in the mean, so this loss is smaller: write {code}."
    if masked and head.metrics:
        message = "metrics ignore sample_weight and count rows of weight 0: write weighted_metrics instead."
        yield "masked-metric", message
    left_out = head.loss.config.get("ignore_class") if head.loss else None
    if left_out is None or head.target is None or head.shape is None:
        return
    names = " ".join(name_of(metric) for metric in head.metrics + head.weighted_metrics)
    if "accuracy" in names and (head.labelled() == left_out).any():
        wrong = f"An accuracy counts labels of {left_out} as wrong, and the loss leaves them out"
        yield "masked-metric", f"{wrong}: give them the weight 0, and write weighted_metrics."
    beyond = left_out < 0 or left_out >= head.units
    if beyond and "crossentropy" in names and (head.target == left_out).any():
        wrong = f"A cross-entropy as a metric refuses labels of {left_out}"
        yield "masked-metric", f"{wrong}: leave it out, since the loss shows the same."


def _masked(head: Head) -> str | None:
    """Return how many of the weights are 0, in words, or None if none or all are."""
    weight = head.weight
    if weight is None or weight.dtype.kind not in "biuf" or weight.all() or not weight.any():
        return None
    return f"{np.mean(weight == 0):.0%} of the {'rows have the weight' if weight.ndim == 1 else 'weights are'} 0"


def _shrinks(head: Head) -> bool:
    """Whether weights of 0 make the loss smaller."""
    loss, weight, target = head.loss, head.weight, head.target
    if not (loss and loss.known and loss.config.get("reduction", "mean") in ("sum_over_batch_size", "mean")):
        return False
    left_out = loss.config.get("ignore_class")
    if left_out is not None and target is not None and weight.size == target.size:
        weight = weight.ravel()[target.ravel() != left_out]  # the mean is over the others
    return bool(weight.size and np.mean(weight, dtype="float64") < 0.99)


BEFORE_TARGETS = [loss_by_itself, last_layers, targets_of_ctc, targets_of_circle]
AFTER_TARGETS = [outputs_in_range, logits]
OF_WEIGHTS = [weights_are_numbers, weights_have_the_shape_of_the_loss, rows_that_still_count]
