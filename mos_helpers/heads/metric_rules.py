"""Rules about one head's metrics: does each of Keras's own judge the kind of answer that the head gives?

A head's answers are class numbers, one-hot rows, yes or no for each unit, signs (-1 and 1), or other numbers: what its
targets show. FITS is the one table of which metric fits which; a metric of the user's own is left alone.
"""

from typing import Literal, NamedTuple, get_args

import keras
import numpy as np

from mos_helpers.heads.endings import WANTS, gives_probabilities, is_own, name_of
from mos_helpers.heads.target_rules import is_one_hot
from mos_helpers.heads.wiring import Faults, Head

Answers = Literal["class numbers", "one-hot rows", "yes or no", "numbers between 0 and 1", "signs", "numbers"]
_numbers = {"numbers", "signs", "numbers between 0 and 1", "yes or no", "one-hot rows"}
FITS = {
    "Accuracy": set(),  # it counts outputs that equal the target, and probabilities hardly ever do
    "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SparseCategoricalCrossentropy": {"class numbers"},
    "CategoricalAccuracy TopKCategoricalAccuracy CategoricalCrossentropy CategoricalHinge": {"one-hot rows"},
    "OneHotIoU OneHotMeanIoU KLDivergence": {"one-hot rows"},  # of single units, KL would count the yes alone
    "IoU MeanIoU": {"class numbers", "one-hot rows"},
    "BinaryAccuracy BinaryIoU": {"yes or no"},
    "BinaryCrossentropy": {"yes or no", "numbers between 0 and 1"},
    "AUC Precision Recall PrecisionAtRecall RecallAtPrecision F1Score FBetaScore": {"one-hot rows", "yes or no"},
    "SensitivityAtSpecificity SpecificityAtSensitivity": {"one-hot rows", "yes or no"},
    "TruePositives TrueNegatives FalsePositives FalseNegatives": {"one-hot rows", "yes or no"},
    "Hinge SquaredHinge": {"signs"},
    "MeanAbsolutePercentageError": {"numbers"},
    "Poisson": {"numbers", "numbers between 0 and 1", "yes or no"},
    "MeanSquaredLogarithmicError": _numbers - {"signs"},
    "MeanSquaredError RootMeanSquaredError MeanAbsoluteError LogCoshError": _numbers,
    "CosineSimilarity R2Score PearsonCorrelation ConcordanceCorrelation": _numbers,
}
FITS = {name: answers for names, answers in FITS.items() for name in names.split()}
FAMILIES = {  # by a part of the metric's name: the one of the same family for each kind of answer, in the order above
    "IoU": ["MeanIoU({classes}, sparse_y_pred=False)", "OneHotMeanIoU({classes})", "BinaryIoU({threshold})"],
    "TopK": ["SparseTopKCategoricalAccuracy(k={k})", "TopKCategoricalAccuracy(k={k})"],
    "Crossentropy": [f"{kind}Crossentropy({{from_logits}})" for kind in ("SparseCategorical", "Categorical", "Binary")],
    "": ['"sparse_categorical_accuracy"', '"categorical_accuracy"', '"binary_accuracy"', '"mae"', '"hinge"', '"mae"'],
}
FAMILIES = {part: dict(zip(get_args(Answers), codes, strict=False)) for part, codes in FAMILIES.items()}
F_SCORES, HINGES, SPLITS = {"F1Score", "FBetaScore"}, {"Hinge", "SquaredHinge"}, {"BinaryAccuracy", "BinaryIoU"}
WITH_THRESHOLD = SPLITS | {name for name, answers in FITS.items() if answers == {"one-hot rows", "yes or no"}}
COMPARES_NUMBERS = {name for name, answers in FITS.items() if answers >= {"numbers", "numbers between 0 and 1"}}
COMPARES_NUMBERS = COMPARES_NUMBERS - {"PearsonCorrelation"} | {"KLDivergence"}
STRETCHES = {"BinaryCrossentropy", "KLDivergence", "Poisson", *F_SCORES, *HINGES}  # targets (n,)


class KnownMetric(NamedTuple):
    """A metric of Keras's own."""

    name: str  # of its class
    given: object  # as in `compile`
    config: dict  # the arguments that it was made with
    plain: bool = False  # the string "accuracy", of which Keras makes one of three


def metric_of(given: object, head: Head) -> KnownMetric | None:
    """Return what is known of a metric, or None if it is the user's own or not known."""
    if isinstance(given, str) and given.lower() in ("accuracy", "acc"):
        flat = head.target is not None and (head.target.ndim < len(head.shape or ()) or head.target.shape[-1] == 1)
        kind = "Binary" if head.units == 1 else "SparseCategorical" if flat else "Categorical"
        return KnownMetric(f"{kind}Accuracy", given, {}, plain=True)
    try:
        found = keras.metrics.get(getattr(given, "fn", given))
        if not isinstance(found, keras.metrics.Metric) and not is_own(found):
            found = keras.metrics.get(found.__name__)
    except (ValueError, TypeError):
        return None
    if is_own(found) or type(found).__name__ not in FITS:
        return None
    config = given.get_config() if isinstance(given, keras.metrics.Metric) else found.get_config()
    return KnownMetric(type(found).__name__, given, config)


def answers_of(head: Head) -> Answers | None:
    """Return which kind of answer a head gives, by its loss and its targets, or None if that cannot be told."""
    if not (head.loss and head.loss.known) or head.target is None or head.target.dtype.kind not in "biuf":
        return None
    if head.kind == "sparse":
        return "class numbers"
    rows = head.labelled()
    if not rows.size:
        return None
    free = head.kind == "regression" and head.activation == "linear"
    if np.isin(rows, (0, 1)).all() and not free:
        one_hot = rows.shape[-1] > 1 and is_one_hot(rows)
        return "one-hot rows" if one_hot or head.kind == "categorical" else "yes or no"
    if head.kind in ("categorical", "binary", "mask"):
        return "one-hot rows" if head.kind == "categorical" else "numbers between 0 and 1"
    return "signs" if np.isin(rows, (-1, 1)).all() else "numbers"


def gives_logits(head: Head) -> bool:
    """Whether a head's outputs are logits."""
    linear = head.activation == "linear" and head.kind in ("binary", "mask", "categorical")
    return linear or bool(head.loss and head.loss.from_logits)


def splits_at_zero(head: Head) -> bool:
    """Whether the outputs say yes above 0, and not above 0.5."""
    return gives_logits(head) or head.kind == "signs"


def metric_for(metric: KnownMetric, answers: Answers, head: Head) -> str:
    """Return code for a metric of the same family that fits these answers, or for one that always does."""
    splits, from_logits = splits_at_zero(head), head.loss and head.loss.from_logits
    unfit = {"Crossentropy"} if head.kind == "signs" else set()
    family = next(part for part in FAMILIES if part in metric.name and answers in FAMILIES[part] and part not in unfit)
    code = FAMILIES[family][answers]
    if family:
        of_logits = {"threshold": "threshold=0.0" * splits, "from_logits": "from_logits=True" * bool(from_logits)}
        return f"keras.metrics.{code}".format(classes=head.units, k=metric.config.get("k", 5), **of_logits)
    if answers == "yes or no" and splits:
        return "keras.metrics.BinaryAccuracy(threshold=0.0)"
    if answers == "class numbers" and "one-hot rows" in FITS[metric.name]:
        return f'{code}, or one-hot targets (np.eye({head.units})[targets]) with "categorical_crossentropy"'
    return code


def fitting_metric(head: Head) -> Faults:
    """A metric that judges another kind of answer, or takes probabilities where the head gives logits."""
    answers = answers_of(head) if head.units else None
    for given in (head.metrics + head.weighted_metrics) if answers else ():
        metric = metric_of(given, head)
        if metric and (message := _misfit(metric, answers, head)):
            yield ("accuracy" if metric.plain else "metric-kind"), message
        elif metric and (message := _misread(metric, answers, head)):
            yield "accuracy", message


def no_metric(head: Head) -> Faults:
    """A misspelt metric, or the user's own function, for which targets (n,) and outputs (n, 1) stretch to (n, n)."""
    for given in head.metrics + head.weighted_metrics:
        is_object, message = isinstance(given, keras.metrics.Metric), None
        if is_object and type(given).__name__ in ("Mean", "Sum"):
            message = f"The metric {given.name} averages values, and compares no targets: use an accuracy or an error."
        elif not isinstance(given, str | dict) and not callable(given):
            shown = f"A {type(given).__name__}" if isinstance(given, list | tuple | set) else repr(given)
            message = f"{shown} is no metric: write a name or an object."
        elif isinstance(given, str) and not metric_of(given, head):
            try:
                keras.metrics.get(given)
            except ValueError:
                message = f'Keras knows no metric "{given}".'
            except TypeError:
                code = metric_for(KnownMetric("MeanIoU", given, {}), answers_of(head) or "class numbers", head)
                message = f'The metric "{given}" needs arguments: write an object, such as {code}.'
        if message:
            yield "unknown-metric", message
        elif head.flat and callable(given) and not is_object and is_own(given):
            wrong = f"The metric {name_of(given)} gets targets of shape (n,) and outputs of shape (n, 1)"
            yield "stretched", f"{wrong}, which stretch to (n, n): give targets of shape (n, 1) and type float32."


def _misfit(metric: KnownMetric, answers: str, head: Head) -> str | None:
    written = f'"{metric.given}"' if isinstance(metric.given, str) else metric.name
    fits, cure = set(FITS[metric.name]), metric_for(metric, answers, head)
    if head.kind == "signs" and metric.name not in SPLITS:
        fits -= {"yes or no"}  # the outputs are signs all the same
    if head.kind == "binary" and "yes or no" in fits and "one-hot rows" in (answers, *fits):
        fits |= {"one-hot rows"}  # two units that say yes and no
    if metric.name in HINGES and splits_at_zero(head):
        fits |= {"yes or no"}
    if answers in fits:
        sparse = not metric.name.startswith("OneHot")
        y_true, y_pred = (metric.config.get(f"sparse_{y}", sparse) for y in ("y_true", "y_pred"))
        if "IoU" in metric.name and metric.name != "BinaryIoU" and (y_pred or y_true != (answers == "class numbers")):
            return f"{written} reads the head's probabilities as class numbers: use {cure}."
        return None
    if metric.plain and answers in ("numbers", "numbers between 0 and 1"):
        what = "a regression" if answers == "numbers" else f"targets that are {answers}"
        return f'"accuracy" means nothing for {what}, since it counts numbers that are equal: use "mae".'
    if metric.plain and answers == "yes or no":
        return f'For several units "accuracy" compares only the largest: use {cure} for each label.'
    return f"{written} does not fit {head.loss.words} with targets that are {answers}: use {cure}."


def _misread(metric: KnownMetric, answers: str, head: Head) -> str | None:
    """Say what to write if a metric that fits splits, counts or compares in another way than it seems."""
    threshold = metric.config.get("threshold", 0.5 if metric.name == "BinaryAccuracy" else None)
    if metric.name in F_SCORES and threshold is None and answers == "yes or no":
        more = ", and targets[..., None], of the shape of the outputs" if head.flat else ""
        return f"{metric.name} without a threshold counts only the largest unit: write threshold=0.5{more}."
    if head.flat and metric.name in STRETCHES:
        return f"{metric.name} takes targets of the shape of the outputs: write targets[..., None]."
    if metric.name in SPLITS and threshold == 0.5 and splits_at_zero(head):
        what = "Accuracy" if metric.name == "BinaryAccuracy" else metric.name
        return f"{what} splits at 0.5, and logits split at 0: use keras.metrics.{metric.name}(threshold=0.0)."
    if metric.name in {"R2Score", *F_SCORES} and len(head.shape) != 2:
        other = '"mse"' if metric.name == "R2Score" else "keras.metrics.Precision() and keras.metrics.Recall()"
        return f"{metric.name} takes outputs of shape (n, units) alone: use {other}."
    k, classes = metric.config.get("k", 0), metric.config.get("num_classes", head.units)
    if k >= head.units:
        return f"{metric.name} with k={k} is always 1 for {head.units} classes: write k={max(1, head.units // 2)}."
    if metric.name != "BinaryIoU" and classes < head.units:
        return f"{metric.name} has fewer classes than the head: write num_classes={head.units}."
    return _misread_logits(metric, threshold, head) or _misread_numbers(metric, answers, head)


def _misread_logits(metric: KnownMetric, threshold: float | None, head: Head) -> str | None:
    logits, probabilities = gives_logits(head), gives_probabilities(head.activation) and not head.loss.from_logits
    given = next((name for name in ("threshold", "thresholds") if metric.config.get(name) in (0, [0], (0,))), None)
    if given and probabilities and metric.name in WITH_THRESHOLD:
        return f"{metric.name}({given}=0.0) is for logits, and probabilities are never below 0: write {given}=0.5."
    if probabilities and metric.config.get("from_logits"):
        return f"{metric.name} has from_logits=True, but the head ends in {head.activation}: leave it out."
    reads = metric.name in WITH_THRESHOLD | COMPARES_NUMBERS or "Crossentropy" in metric.name
    if metric.name in F_SCORES | SPLITS:
        reads = threshold is not None and threshold > 0
    if not (logits and reads) or metric.config.get("from_logits") or metric.config.get("thresholds") == 0:
        return None
    cure = "end the head"
    if "from_logits" in metric.config:
        cure = f"write keras.metrics.{metric.name}(from_logits=True), or {cure}"
    elif head.kind != "categorical" and metric.config.get("thresholds", 0) is None:
        cure = f"write thresholds=0, or {cure}"
    ending = "softmax" if head.kind in ("categorical", "sparse") else "sigmoid"
    return f"{metric.name} takes probabilities, and the head gives logits: {cure} in a {ending}."


def _misread_numbers(metric: KnownMetric, answers: str, head: Head) -> str | None:
    wants, code, rows = WANTS.get(name_of(metric.name)), metric_for(metric, answers, head), head.labelled()
    few = head.units < (3 if metric.name == "PearsonCorrelation" else 2)  # two numbers always lie on a line
    if "Correlation" in metric.name and metric.config["axis"] == -1 and (few or answers == "yes or no"):
        return f"{metric.name} compares the units within each row: write axis=0, which compares rows."
    if metric.name == "CosineSimilarity" and head.units == 1 and answers != "signs":
        return f"The cosine similarity of one number is its sign: use {code}."
    if metric.name == "Poisson" and head.activation == "linear":
        return f"Poisson takes the logarithm of the output, which may be below 0: use {code}."
    if answers == "numbers" and wants and rows.min() < wants.low:
        return f"{metric.name} takes no numbers below 0: use {code}."
    if answers == "numbers" and wants and not wants.zero and (rows == 0).any():
        return f"{metric.name} divides by the target, and some are 0: use {code}."
    return None


RULES = [fitting_metric, no_metric]
