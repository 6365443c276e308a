"""One cell, on its own, for one label a row. `fill_and_weigh` makes targets and weights of labels with gaps, for
`fit(x, targets, sample_weight=weights)`, and `compile_options` what belongs to them:
`compile("adam", compile_options(kinds))`.

From lesson 6. What if some labels are missing?
It needs keras, numpy, and nothing else.
"""

import keras
import numpy as np

KINDS = {  # loss, score, and the smallest and largest label
    "classes": ("SparseCategoricalCrossentropy", "sparse_categorical_accuracy", 0, 1e6),
    "yes/no": ("BinaryCrossentropy", "binary_accuracy", 0, 1),
    "number": ("MeanSquaredError", "mean_absolute_error", -30, 30),  # standardised
}


def compile_options(kinds):
    """Return losses and metrics that count known labels only, given the kind of each head."""
    if {*kinds.values()} - KINDS.keys():
        raise ValueError(f"kinds: {[*kinds.values()]} given, some of {[*KINDS]} wanted.")
    losses = {name: getattr(keras.losses, KINDS[kind][0]) for name, kind in kinds.items()}
    losses = {name: loss(reduction="mean_with_sample_weight") for name, loss in losses.items()}
    metrics = {name: [KINDS[kind][1], losses[name].name] for name, kind in kinds.items()}
    return {"loss": losses, "weighted_metrics": metrics}


def fill_and_weigh(kinds, labels, keep=None):
    """Return targets without gaps, and weights: 0 for a gap, and 1 / keep for a label.

    A gap is NaN, None or, but for a number, -1; `keep` the probability to be labelled.
    """
    keep, targets, weights, _ = keep or {}, {}, {}, compile_options(kinds)
    if not isinstance(labels, dict) or labels.keys() != kinds.keys() or keep.keys() - kinds:
        raise TypeError(f"labels, keep: dictionaries wanted, with names of heads: {[*kinds]}.")
    n = len(next(iter(labels.values())))
    for name, kind in kinds.items():
        try:
            values, p = (np.array(x, float) for x in (labels[name], keep.get(name, [1] * n)))
        except (TypeError, ValueError):
            raise TypeError(f"{name}: text given, numbers and NaN wanted.") from None
        if {values.shape, p.shape} - {(n,), (n, 1)}:
            raise ValueError(f"{name}: shapes {values.shape}, {p.shape} given, ({n},) wanted.")
        values, p = values.reshape(n), p.reshape(n)
        gap = np.isnan(values) | ((values == -1) & (kind != "number"))
        values[gap], p[gap] = 0, 1
        low, high = KINDS[kind][2:]
        whole = kind == "number" or (values % 1 == 0).all()
        if not (whole and ((values >= low) & (values <= high)).all()):
            given = f"{values.min():g} to {values.max():g}" + ", not whole," * (not whole)
            raise ValueError(f"{name}: {given} given, {low:g} to {high:g} wanted for {kind}.")
        if not ((p > 0) & (p <= 1)).all():
            raise ValueError(f"keep of {name}: above 0, at most 1, wanted for a known label.")
        targets[name] = values.astype(int) if kind == "classes" else values[:, None]
        weights[name] = np.where(gap, 0, 1 / p).astype("float32")
    return targets, weights


kinds = {"digit": "classes", "odd": "yes/no"}
table = {"digit": [3, -1, 7], "odd": [1, 0, None]}
targets, weights = fill_and_weigh(kinds, table, keep={"odd": [0.8, 0.1, None]})
for name in kinds:
    print(name, targets[name].ravel(), weights[name])
