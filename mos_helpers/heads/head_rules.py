"""Rules about one head: is its loss one, and can its last layers give what the loss takes?"""

import keras
import numpy as np

from mos_helpers.heads.activations import RANGES, ROUNDING, UNBOUNDED, gives_probabilities, sums_to_one
from mos_helpers.heads.report import Faults
from mos_helpers.heads.target_rules import POSITIVE, is_one_hot
from mos_helpers.heads.wiring import Head


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


BEFORE_TARGETS = [loss_by_itself, last_layers, targets_of_ctc, targets_of_circle]
AFTER_TARGETS = [outputs_in_range, logits]
