"""Facts about Keras's metrics: which fits which answers, and which of the same family fits others."""

from typing import Literal, NamedTuple

import keras
import numpy as np

from mos_helpers.heads.losses import is_own
from mos_helpers.heads.target_rules import is_one_hot
from mos_helpers.heads.wiring import Head

Answers = Literal["class numbers", "one-hot rows", "yes or no", "numbers between 0 and 1", "signs", "numbers"]
_numbers = {"numbers", "signs", "numbers between 0 and 1", "yes or no", "one-hot rows"}
FITS = {
    "Accuracy": set(),  # it counts outputs that equal the target, and probabilities hardly ever do
    "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SparseCategoricalCrossentropy": {"class numbers"},
    "CategoricalAccuracy TopKCategoricalAccuracy CategoricalCrossentropy CategoricalHinge": {"one-hot rows"},
    "OneHotIoU OneHotMeanIoU": {"one-hot rows"},
    "KLDivergence": {"one-hot rows"},  # of units of their own it would count the yes alone
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
    "MeanSquaredError RootMeanSquaredError MeanAbsoluteError": _numbers,
    "LogCoshError CosineSimilarity R2Score": _numbers,
    "PearsonCorrelation ConcordanceCorrelation": _numbers,
}
FITS = {name: answers for names, answers in FITS.items() for name in names.split()}
FAMILIES = {  # by a part of the metric's name: the one of the same family for each kind of answer
    "IoU": {
        "class numbers": "keras.metrics.MeanIoU({classes}, sparse_y_pred=False)",
        "one-hot rows": "keras.metrics.OneHotMeanIoU({classes})",
        "yes or no": "keras.metrics.BinaryIoU({threshold})",
    },
    "TopK": {
        "class numbers": "keras.metrics.SparseTopKCategoricalAccuracy(k={k})",
        "one-hot rows": "keras.metrics.TopKCategoricalAccuracy(k={k})",
    },
    "Crossentropy": {
        "class numbers": "keras.metrics.SparseCategoricalCrossentropy({from_logits})",
        "one-hot rows": "keras.metrics.CategoricalCrossentropy({from_logits})",
        "yes or no": "keras.metrics.BinaryCrossentropy({from_logits})",
    },
    "": {
        "class numbers": '"sparse_categorical_accuracy"',
        "one-hot rows": '"categorical_accuracy"',
        "yes or no": '"binary_accuracy"',
        "signs": '"hinge"',
        "numbers between 0 and 1": '"mae"',
        "numbers": '"mae"',
    },
}
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
