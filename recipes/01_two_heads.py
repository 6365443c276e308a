"""The whole lesson in one cell, to copy into your own project: any number of heads, each with a name of its own.

From lesson 1. Two heads on one trunk
It needs keras, numpy, and nothing else.
"""

import re

import keras
import numpy as np


def build_heads(inputs, classes, units=64):
    """Return a compiled model; `classes` has for each head 1 for yes/no, else its number of classes."""
    if not isinstance(classes, dict) or not classes:
        raise TypeError(
            f"classes must be a dictionary, as {{'digit': 10, 'odd': 1}}, not {classes!r}"
        )
    features = image = keras.Input((inputs,))
    for _ in range(2):
        features = keras.layers.Dense(units, activation="relu")(features)
    outputs, losses, metrics = {}, {}, {}
    for name, number in classes.items():
        known = isinstance(name, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name)
        if not known or not isinstance(number, int) or number < 1:
            wanted = "a name of letters, digits and _, and 1 or more classes"
            raise ValueError(f"classes: each head needs {wanted}, not {name!r}: {number!r}")
        kind = "binary" if number == 1 else "sparse_categorical"
        activation = "sigmoid" if number == 1 else "softmax"
        outputs[name] = keras.layers.Dense(number, activation=activation, name=name)(features)
        losses[name], metrics[name] = f"{kind}_crossentropy", [f"{kind}_accuracy"]
    model = keras.Model(image, outputs)
    model.compile(optimizer="adam", loss=losses, metrics=metrics)
    return model


def check_targets(targets, classes, rows):
    """Raise an error unless `targets` has for each head an array of `rows` classes, from 0 on."""
    if not isinstance(targets, dict) or targets.keys() != classes.keys():
        found = list(targets) if isinstance(targets, dict) else f"a {type(targets).__name__}"
        raise ValueError(
            f"targets must be a dictionary with the keys {list(classes)}, not {found}"
        )
    for name, target in targets.items():
        last = max(2, classes[name]) - 1
        if np.shape(target) != (rows,) or not np.isin(target, range(last + 1)).all():
            found = f"shape {np.shape(target)} and {np.unique(target)[:12]}"
            wanted = f"shape ({rows},) and whole numbers from 0 to {last}"
            raise ValueError(f"targets[{name!r}] must have {wanted}, not {found}")


classes = {"colour": 3, "ripe": 1}
fruit = np.random.default_rng(0).normal(size=(90, 4)).astype("float32")
targets = {"colour": fruit[:, :3].argmax(axis=1), "ripe": fruit[:, 3] > 0}
check_targets(targets, classes, rows=len(fruit))
net = build_heads(4, classes)
net.fit(fruit, targets, epochs=20, verbose=0)
answers = net.predict_on_batch(fruit)
likeliest = {"colour": answers["colour"].argmax(axis=1), "ripe": answers["ripe"][:, 0] > 0.5}
{name: bool(np.mean(likeliest[name] == targets[name]) > 0.5) for name in classes}
