"""Rules about one head's `sample_weight`: does it weigh what it is meant to, and only that?"""

from collections.abc import Callable, Iterator

import numpy as np

from mos_helpers.heads.losses import BINARY, CATEGORICAL, MASK, REGRESSION, SIGNS, SPARSE, name_of
from mos_helpers.heads.report import Finding
from mos_helpers.heads.wiring import Head

Findings = Iterator[Finding]


def weights_are_numbers(head: Head) -> Findings:
    """Weights that are negative or not finite."""
    weight = head.weight
    if weight is None:
        return
    if weight.dtype.kind not in "biuf":
        message = f"sample_weight is of type {weight.dtype}: turn it into numbers."
        yield Finding("weight-range", head.name, message)
    elif weight.dtype.kind in "iuf" and not (weight >= (-np.inf if _may_be_negative(head) else 0)).all():
        message = "sample_weight has negative numbers or NaN: was another array meant, such as the targets of a head?"
        yield Finding("weight-range", head.name, message)
    elif weight.size and not weight.any() and head.loss:
        message = "All weights of this head are 0, so nothing trains it: if that is meant, give it the loss None."
        yield Finding("no-weight", head.name, message)


def _may_be_negative(head: Head) -> bool:
    """Whether the weights may be the advantages of a policy gradient, which take the cross-entropy of an action."""
    return bool(head.loss and head.loss.kind in (SPARSE, CATEGORICAL) and head.weight.dtype.kind == "f")


def weights_have_the_shape_of_the_loss(head: Head) -> Findings:
    """Weights that Keras stretches over the loss, or cannot match with it."""
    wanted = head.loss_shape
    if head.weight is None or wanted is None or head.weight.shape[:1] != head.target.shape[:1]:
        return
    if _fits(head.weight.shape, wanted) or _stretches_rightly(head, wanted):
        return
    given = head.weight.shape
    numbers = f"The weights have the shape {given}, and {head.loss.words} has here "
    if head.flat and head.target.ndim > 1:
        cure = (
            f"one number for each of {wanted}, since the targets lack the output's last axis: write "
            f"targets[..., None], and give weights of the shape {head.target.shape}"
        )
    elif head.loss.kind != MASK and not wanted:
        cure = "one number for the whole batch, since the output has no last axis: let the head give (batch, 1)"
    elif head.loss.kind == MASK and not wanted:
        axes = tuple(range(1, len(head.shape)))
        cure = f"one number for the whole batch: write {head.loss.code(axis=axes)}, and give one weight per row"
    elif given == (*wanted, head.units) and _is_mean_over_units(head):
        cure = (
            f"one number for each of {wanted}, the mean over the {head.units} units: for a weight per unit, give the "
            f"output and the targets one more axis, with Reshape({(*head.shape[1:], 1)})"
        )
    else:
        cure = f"one number for each of {wanted}: give weights of that shape"
        if given and given[0] == wanted[0] and all(size == 1 for size in given[1:]):
            rows = f"w.reshape{(-1, *[1] * (len(wanted) - 1))}"
            cure += f", such as np.broadcast_to({rows}, {wanted}) for one weight w per row"
    yield Finding("weight-shape", head.name, f"{numbers}{cure}.")


def masked_loss(head: Head) -> Findings:
    """Rows of weight 0 that still count in the mean of the loss."""
    masked = _masked(head)
    if masked and _shrinks(head):
        message = (
            f"{masked}, and still count in the mean, so this loss is smaller: write "
            f"{head.loss.code(reduction='mean_with_sample_weight')}."
        )
        yield Finding("masked-loss", head.name, message)


def masked_metric(head: Head) -> Findings:
    """Rows of weight 0, or of the class that a loss leaves out, that still count in a metric."""
    if _masked(head) and head.metrics:
        message = "metrics ignore sample_weight and count rows of weight 0: write weighted_metrics instead."
        yield Finding("masked-metric", head.name, message)
    left_out = head.loss.ignore_class if head.loss else None
    counted = head.metrics + head.weighted_metrics
    if (
        left_out is None
        or head.target is None
        or head.shape is None
        or not any("accuracy" in name_of(metric) for metric in counted)
    ):
        return
    if (head.labelled() == left_out).any():
        message = (
            f"An accuracy counts labels of {left_out} as wrong, and the loss leaves them out: give them the weight 0, "
            "and write weighted_metrics."
        )
        yield Finding("masked-metric", head.name, message)


def _masked(head: Head) -> str | None:
    """Return how many of the weights are 0, in words, or None if none or all are."""
    if head.weight is None or head.weight.dtype.kind not in "biuf" or head.weight.all() or not head.weight.any():
        return None
    return (
        f"{np.mean(head.weight == 0):.0%} of the {'rows have the weight' if head.weight.ndim == 1 else 'weights are'} 0"
    )


def _is_mean_over_units(head: Head) -> bool:
    """Whether the loss compares each unit with its target alone."""
    return head.loss.kind in (BINARY, REGRESSION, SIGNS) and head.loss.name != "cosine_similarity"


def _shrinks(head: Head) -> bool:
    """Whether weights of 0 make the loss smaller."""
    if not (head.loss and head.loss.known and head.loss.reduction in ("sum_over_batch_size", "mean")):
        return False
    weight = head.weight
    if head.loss.ignore_class is not None and head.target is not None and weight.size == head.target.size:
        weight = weight.ravel()[head.target.ravel() != head.loss.ignore_class]  # the mean is over the others
    return bool(weight.size and np.mean(weight, dtype="float64") < 0.99)


def _fits(given: tuple, wanted: tuple) -> bool:
    """Whether Keras multiplies each number of the loss by a weight of its own."""
    return given == wanted or given == (*wanted, 1) or (*given, 1) == wanted


def _stretches_rightly(head: Head, wanted: tuple) -> bool:
    """Whether the weights are stretched, and the loss is the same as with weights of the whole shape."""
    if (_masked(head) and _shrinks(head)) or head.loss.reduction == "mean_with_sample_weight":
        return False
    if head.weight.ndim != len(wanted):
        return False
    return all(size in (1, whole) for size, whole in zip(head.weight.shape, wanted, strict=True)) and bool(wanted)


RULES: list[Callable[[Head], Findings]] = [
    weights_are_numbers,
    weights_have_the_shape_of_the_loss,
    masked_loss,
    masked_metric,
]
