"""Rules about one head's `sample_weight`: does it weigh what it is meant to, and only that?"""

import numpy as np

from mos_helpers.heads.losses import name_of
from mos_helpers.heads.report import Faults
from mos_helpers.heads.wiring import Head


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


def masked_loss(head: Head) -> Faults:
    """Rows of weight 0 that still count in the mean of the loss."""
    masked = _masked(head)
    if masked and head.padded and head.weight.ndim > 1:
        return  # Keras's own mask of the padding leaves it out of the mean, as these weights most likely do
    if masked and _shrinks(head):
        code = head.loss.code(reduction="mean_with_sample_weight")
        yield "masked-loss", f"{masked}, and still count in the mean, so this loss is smaller: write {code}."


def masked_metric(head: Head) -> Faults:
    """Rows of weight 0, or of the class that a loss leaves out, that still count in a metric."""
    if _masked(head) and head.metrics:
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


RULES = [weights_are_numbers, weights_have_the_shape_of_the_loss, masked_loss, masked_metric]
