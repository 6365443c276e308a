"""Rules about one head's metrics: does each of Keras's own judge the kind of answer that the head gives?

A head's answers are class numbers, one-hot rows, yes or no for each unit, signs (-1 and 1), or other numbers: what its
targets show. FITS is the one table of which metric fits which; a metric of the user's own is left alone.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np

from mos_helpers.heads.activations import RANGES
from mos_helpers.heads.losses import (
    BINARY,
    CATEGORICAL,
    MASK,
    REGRESSION,
    SIGNS,
    SPARSE,
    WANTS,
    is_own,
    name_of,
)
from mos_helpers.heads.report import Finding
from mos_helpers.heads.wiring import Head

Findings = Iterator[Finding]

NUMBERED, ONE_HOT, LABELS, SHARES = "class numbers", "one-hot rows", "yes or no", "numbers between 0 and 1"
SIGNED, NUMBERS = "signs", "numbers"

_classes = {NUMBERED, ONE_HOT}
_probabilities = {ONE_HOT, LABELS}
_any_numbers = {ONE_HOT, LABELS, SHARES, SIGNED, NUMBERS}
FITS = {
    "Accuracy": set(),  # it counts outputs that equal the target, and probabilities hardly ever do
    "BinaryAccuracy": {LABELS},
    "CategoricalAccuracy": {ONE_HOT},
    "SparseCategoricalAccuracy": {NUMBERED},
    "TopKCategoricalAccuracy": {ONE_HOT},
    "SparseTopKCategoricalAccuracy": {NUMBERED},
    "AUC": _probabilities,
    "Precision": _probabilities,
    "Recall": _probabilities,
    "PrecisionAtRecall": _probabilities,
    "RecallAtPrecision": _probabilities,
    "SensitivityAtSpecificity": _probabilities,
    "SpecificityAtSensitivity": _probabilities,
    "TruePositives": _probabilities,
    "TrueNegatives": _probabilities,
    "FalsePositives": _probabilities,
    "FalseNegatives": _probabilities,
    "F1Score": _probabilities,
    "FBetaScore": _probabilities,
    "BinaryIoU": {LABELS},
    "IoU": _classes,
    "MeanIoU": _classes,
    "OneHotIoU": {ONE_HOT},
    "OneHotMeanIoU": {ONE_HOT},
    "BinaryCrossentropy": {LABELS, SHARES},
    "CategoricalCrossentropy": {ONE_HOT},
    "SparseCategoricalCrossentropy": {NUMBERED},
    "KLDivergence": {ONE_HOT},  # of units of their own it would count the yes alone
    "Poisson": {NUMBERS, LABELS, SHARES},
    "Hinge": {SIGNED},
    "SquaredHinge": {SIGNED},
    "CategoricalHinge": {ONE_HOT},
    "MeanSquaredError": _any_numbers,
    "RootMeanSquaredError": _any_numbers,
    "MeanAbsoluteError": _any_numbers,
    "MeanAbsolutePercentageError": {NUMBERS},
    "MeanSquaredLogarithmicError": {NUMBERS, SHARES, *_probabilities},
    "LogCoshError": _any_numbers,
    "CosineSimilarity": _any_numbers,
    "R2Score": _any_numbers,
    "PearsonCorrelation": _any_numbers,
    "ConcordanceCorrelation": _any_numbers,
}
LARGEST = {
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
}
WITH_THRESHOLD = {"BinaryAccuracy", "BinaryIoU", "Precision", "Recall", "AUC", "PrecisionAtRecall", "RecallAtPrecision"}
WITH_THRESHOLD |= {"SensitivityAtSpecificity", "SpecificityAtSensitivity", "F1Score", "FBetaScore"}
WITH_THRESHOLD |= {"TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"}
COMPARES_NUMBERS = {name for name, fits in FITS.items() if fits is _any_numbers} - {"PearsonCorrelation"}
COMPARES_NUMBERS |= {"MeanSquaredLogarithmicError", "KLDivergence", "Poisson"}
HINGES, SPLITS = {"Hinge", "SquaredHinge"}, {"BinaryAccuracy", "BinaryIoU"}
STRETCHES = {"F1Score", "FBetaScore", "BinaryCrossentropy", "KLDivergence", "Poisson", *HINGES}  # targets (n,)


class Judge(NamedTuple):
    """A metric of Keras's own."""

    name: str  # of its class
    given: object  # as in `compile`
    config: dict  # the arguments that it was made with
    plain: bool  # the string "accuracy", of which Keras makes one of three


def fitting_metric(head: Head) -> Findings:
    """A metric that judges another kind of answer, or takes probabilities where the head gives logits."""
    answers = answers_of(head) if head.units else None
    for given in (head.metrics + head.weighted_metrics) if answers else ():
        judge = _judge(given, head)
        if judge and (message := _misfit(judge, answers, head)):
            yield Finding("accuracy" if judge.plain else "metric-kind", head.name, message)
        elif judge and (message := _misread(judge, answers, head)):
            yield Finding("accuracy", head.name, message)


def unknown_metric(head: Head) -> Findings:
    """A misspelt metric."""
    for given in head.metrics + head.weighted_metrics:
        if type(given).__name__ in ("Mean", "Sum") and isinstance(given, keras.metrics.Metric):
            message = f"The metric {given.name} averages values, and compares no targets: use an accuracy or an error."
            yield Finding("unknown-metric", head.name, message)
        elif not isinstance(given, str | dict) and not callable(given):
            yield Finding("unknown-metric", head.name, f"{_shown(given)} is no metric: write a name or an object.")
        elif isinstance(given, str) and given.lower() not in ("accuracy", "acc"):
            try:
                keras.metrics.get(given)
            except ValueError:
                yield Finding("unknown-metric", head.name, f'Keras knows no metric "{given}".')
            except TypeError:
                message = f'The metric "{given}" needs arguments: write an object, such as {_object_code(given, head)}.'
                yield Finding("unknown-metric", head.name, message)


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


def answers_of(head: Head) -> str | None:
    """Return which kind of answer a head gives, by its loss and its targets, or None if that cannot be told."""
    kind = head.loss.kind if head.loss and head.loss.known else None
    if kind is None or head.target is None or head.target.dtype.kind not in "biuf":
        return None
    if kind == SPARSE:
        return NUMBERED
    rows = head.labelled()
    if not rows.size:
        return None
    if kind == REGRESSION and head.activation == "linear":
        return SIGNED if np.isin(rows, (-1, 1)).all() else NUMBERS
    if np.isin(rows, (0, 1)).all():
        one_hot = rows.ndim == 2 and rows.shape[-1] > 1 and (rows.sum(-1) == 1).all()
        return ONE_HOT if one_hot or kind == CATEGORICAL else LABELS
    if kind == CATEGORICAL:
        return ONE_HOT
    if kind in (BINARY, MASK):
        return SHARES
    return SIGNED if np.isin(rows, (-1, 1)).all() else NUMBERS


def _judge(given: object, head: Head) -> Judge | None:
    """Return what is known of a metric, or None if it is the user's own or not known."""
    plain = isinstance(given, str) and given.lower() in ("accuracy", "acc")
    if plain:
        name = "CategoricalAccuracy"
        if head.units == 1:
            name = "BinaryAccuracy"
        elif head.target is not None and (head.target.ndim < len(head.shape or ()) or head.target.shape[-1] == 1):
            name = "SparseCategoricalAccuracy"
        return Judge(name, given, {}, True)
    try:
        found = keras.metrics.get(given if isinstance(given, str) else getattr(given, "fn", given))
        if not isinstance(found, keras.metrics.Metric) and not is_own(found):
            found = keras.metrics.get(found.__name__)
    except (ValueError, TypeError):
        return None
    if is_own(found) or type(found).__name__ not in FITS:
        return None
    config = given.get_config() if isinstance(given, keras.metrics.Metric) else found.get_config()
    return Judge(type(found).__name__, given, config, False)


def _misfit(judge: Judge, answers: str, head: Head) -> str | None:
    """Say which metric fits, if this one judges another kind of answer."""
    written = f'"{judge.given}"' if isinstance(judge.given, str) else judge.name
    fits = set(FITS[judge.name])
    if head.loss.kind == SIGNS and judge.name not in SPLITS:
        fits -= {LABELS}  # the outputs are signs all the same
    if head.loss.kind == BINARY and ONE_HOT in (answers, *fits):
        fits |= {ONE_HOT} if LABELS in fits else set()  # two units that say yes and no
    if judge.name in HINGES and _splits_at_zero(head):
        fits |= {LABELS}
    if answers in fits:
        if "IoU" in judge.name and judge.name != "BinaryIoU" and not _reads_classes(judge, answers):
            return f"{written} reads the head's probabilities as class numbers: use {_cure(judge, answers, head)}."
        return None
    if answers in (NUMBERS, SHARES) and judge.plain:
        what = "a regression" if answers == NUMBERS else f"targets that are {answers}"
        return f'"accuracy" means nothing for {what}, since it counts numbers that are equal: use "mae".'
    if judge.plain and answers == LABELS:
        cure = _cure(judge, answers, head)
        return f'For several units "accuracy" compares only the largest: use {cure} for each label.'
    return (
        f"{written} does not fit {head.loss.words} with targets that are {answers}: use {_cure(judge, answers, head)}."
    )


def _misread(judge: Judge, answers: str, head: Head) -> str | None:
    """Say what to write if a metric that fits splits, counts or compares in another way than it seems."""
    threshold = judge.config.get("threshold", 0.5 if judge.name == "BinaryAccuracy" else None)
    if judge.name in ("F1Score", "FBetaScore") and threshold is None and answers == LABELS:
        more = ", and targets[..., None], of the shape of the outputs" if head.flat else ""
        return f"{judge.name} without a threshold counts only the largest unit: write threshold=0.5{more}."
    if head.flat and judge.name in STRETCHES:
        return f"{judge.name} takes targets of the shape of the outputs: write targets[..., None]."
    if judge.name in SPLITS and threshold == 0.5 and _splits_at_zero(head):
        what = "Accuracy" if judge.name == "BinaryAccuracy" else judge.name
        return f"{what} splits at 0.5, and logits split at 0: use keras.metrics.{judge.name}(threshold=0.0)."
    k, classes = judge.config.get("k", 0), judge.config.get("num_classes", head.units)
    if k >= head.units:
        return f"{judge.name} with k={k} is always 1 for {head.units} classes: write k={max(1, head.units // 2)}."
    if judge.name != "BinaryIoU" and classes < head.units:
        return f"{judge.name} has fewer classes than the head: write num_classes={head.units}."
    return _misread_logits(judge, threshold, head) or _misread_numbers(judge, answers, head)


def _misread_logits(judge: Judge, threshold: float | None, head: Head) -> str | None:
    """Say what to write if a metric takes logits for probabilities, or the reverse."""
    logits = head.loss.from_logits or (head.activation == "linear" and head.loss.kind in (BINARY, MASK, CATEGORICAL))
    probabilities = RANGES.get(head.activation) == (0, 1) and not head.loss.from_logits
    if judge.name in SPLITS and probabilities and threshold == 0:
        return f"{judge.name}(threshold=0.0) is for logits, and probabilities are never below 0: write threshold=0.5."
    if probabilities and judge.config.get("from_logits"):
        return f"{judge.name} has from_logits=True, but the head ends in {head.activation}: leave it out."
    reads = judge.name in WITH_THRESHOLD | COMPARES_NUMBERS or "Crossentropy" in judge.name
    if judge.name in {"F1Score", "FBetaScore", *SPLITS}:
        reads = threshold is not None and threshold > 0
    if not (logits and reads) or judge.config.get("from_logits") or judge.config.get("thresholds") == 0:
        return None
    cure = "end the head"
    if "from_logits" in judge.config:
        cure = f"write from_logits=True, or {cure}"
    elif head.loss.kind != CATEGORICAL and judge.config.get("thresholds", 0) is None:
        cure = f"write thresholds=0, or {cure}"
    ending = "softmax" if head.loss.kind == CATEGORICAL else "sigmoid"
    return f"{judge.name} takes probabilities, and the head gives logits: {cure} in a {ending}."


def _misread_numbers(judge: Judge, answers: str, head: Head) -> str | None:
    """Say what to write if a metric cannot compare numbers such as these."""
    wants, code = WANTS.get(name_of(judge.name)), _cure(judge, answers, head)
    rows = head.labelled() if head.target is not None else np.array([])
    few = head.units < (3 if judge.name == "PearsonCorrelation" else 2)  # two numbers always lie on a line
    if "Correlation" in judge.name and judge.config["axis"] == -1 and (few or answers == LABELS):
        return f"{judge.name} compares the units within each row: write axis=0, which compares rows."
    if judge.name == "CosineSimilarity" and head.units == 1 and answers != SIGNED:
        return f"The cosine similarity of one number is its sign: use {code}."
    if judge.name == "Poisson" and head.activation == "linear":
        return f"Poisson takes the logarithm of the output, which may be below 0: use {code}."
    if answers != NUMBERS or not wants or not rows.size:
        return None
    if rows.min() < wants.low:
        return f"{judge.name} takes no numbers below 0: use {code}."
    if not wants.zero and (rows == 0).any():
        return f"{judge.name} divides by the target, and some are 0: use {code}."
    return None


def _splits_at_zero(head: Head) -> bool:
    """Whether the outputs say yes above 0, and not above 0.5."""
    logits = head.activation == "linear" and head.loss.kind in (BINARY, MASK, CATEGORICAL)
    return logits or head.loss.from_logits or head.loss.kind == SIGNS


def _reads_classes(judge: Judge, answers: str) -> bool:
    """Whether an IoU takes the largest output, and the targets for what they are."""
    sparse_targets = judge.config.get("sparse_y_true", not judge.name.startswith("OneHot"))
    sparse_outputs = judge.config.get("sparse_y_pred", not judge.name.startswith("OneHot"))
    return not sparse_outputs and sparse_targets == (answers == NUMBERED)


def _cure(judge: Judge, answers: str, head: Head) -> str:
    """Return code for a metric of the same family that fits these answers."""
    classes = head.units
    if "IoU" in judge.name and answers in (NUMBERED, ONE_HOT, LABELS):
        made = {
            NUMBERED: f"MeanIoU({classes}, sparse_y_pred=False)",
            ONE_HOT: f"OneHotMeanIoU({classes})",
            LABELS: f"BinaryIoU({'threshold=0.0' if _splits_at_zero(head) else ''})",
        }
        return f"keras.metrics.{made[answers]}"
    if judge.name.startswith(("TopK", "SparseTopK")) and answers in (NUMBERED, ONE_HOT):
        name = "SparseTopKCategoricalAccuracy" if answers == NUMBERED else "TopKCategoricalAccuracy"
        return f"keras.metrics.{name}(k={judge.config.get('k', 5)})"
    if "Crossentropy" in judge.name and answers in (NUMBERED, ONE_HOT, LABELS) and head.loss.kind != SIGNS:
        name = {NUMBERED: "Sparse", ONE_HOT: "", LABELS: "Binary"}[answers]
        name += "Crossentropy" if answers == LABELS else "CategoricalCrossentropy"
        return f"keras.metrics.{name}({'from_logits=True' if head.loss.from_logits else ''})"
    if answers == LABELS and _splits_at_zero(head):
        return "keras.metrics.BinaryAccuracy(threshold=0.0)"
    found = {
        NUMBERED: '"sparse_categorical_accuracy"',
        ONE_HOT: '"categorical_accuracy"',
        LABELS: '"binary_accuracy"',
        SIGNED: '"hinge"',
        SHARES: '"mae"',
        NUMBERS: '"mae"',
    }[answers]
    if answers == NUMBERED and ONE_HOT in FITS[judge.name]:
        found += f', or one-hot targets (np.eye({classes})[targets]) with "categorical_crossentropy"'
    return found


def _shown(given: object) -> str:
    return f"A {type(given).__name__}" if isinstance(given, dict | list | tuple | set) else repr(given)


def _object_code(name: str, head: Head) -> str:
    """Return code for a metric that needs arguments."""
    return _cure(Judge("MeanIoU", name, {}, False), answers_of(head) or NUMBERED, head)


RULES: list[Callable[[Head], Findings]] = [
    fitting_metric,
    unknown_metric,
    own_metric_stretches,
]
