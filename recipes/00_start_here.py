"""The contract as a function, to copy into your own project. The cell stands alone. Give it the training targets too: most
mistakes show there. Keep the mean and the standard deviation of a number, to turn answers back into your unit.

From lesson 0. Start here
It needs keras, numpy, and nothing else.
"""

import re

import keras
import numpy as np

CONTRACT = {  # kind: activation, loss, metric
    "binary": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "multi-class": (
        "softmax",
        "sparse_categorical_crossentropy",
        "sparse_categorical_accuracy",
    ),
    "multi-label": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "regression": (None, "mean_squared_error", "mean_absolute_error"),
}


def make_head(kind, units, name, target=None):
    """Return the output layer, the loss and the metric of a head, if its training targets fit."""
    if kind not in CONTRACT:
        raise ValueError(f"kind must be one of {', '.join(CONTRACT)}, not {kind!r}")
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name must be letters, digits and _, without spaces, not {name!r}")
    if units < 1 or (kind == "binary" and units > 1):
        raise ValueError(
            f"units must be {'1' if kind == 'binary' else 'at least 1'}, not {units}"
        )
    if target is not None:
        check_target(kind, units, name, np.asarray(target))
    activation, loss, metric = CONTRACT[kind]
    return keras.layers.Dense(units, activation=activation, name=name), loss, metric


def check_target(kind, units, name, target):
    """Raise an error unless the array of training targets fits the head."""
    alone = units == 1 or kind == "multi-class"
    shape, hint = ("(n,)", "") if alone else (f"(n, {units})", ", a column for each unit")
    if target.ndim == 0 or target.shape[1:] not in ([(), (1,)] if alone else [(units,)]):
        raise ValueError(f"target of {name} must have shape {shape}{hint}, not {target.shape}")
    if target.dtype.kind not in "biuf":
        raise TypeError(f"target of {name} must hold numbers, not {target.dtype}")
    mean, std = target.mean(axis=0), target.std(axis=0)
    wanted, fits = "0 or 1", np.isin(target, [0, 1]).all()
    if kind == "multi-class":
        wanted, fits = (
            f"whole numbers from 0 to {units - 1}",
            np.isin(target, range(units)).all(),
        )
    if kind == "regression":
        wanted = "mean 0 and standard deviation 1: subtract the mean, divide by the std"
        fits = (np.abs(mean) < 0.2).all() and (np.abs(std - 1) < 0.2).all()
    if not fits:
        found = f"{target.min():.3g} to {target.max():.3g}, mean {np.round(mean, 3)}"
        raise ValueError(
            f"target of {name} must have {wanted}. It has {found}, standard deviation {std}"
        )


tags, tags_loss, tags_metric = make_head("multi-label", 3, "tags", [[0, 1, 1], [1, 0, 0]])
tags.units, tags.activation.__name__, tags_loss, tags_metric
