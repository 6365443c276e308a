"""One cell that stands alone: a multi-label head with a weight for each label, scores that have a name and a threshold, and a
model that can be saved and loaded. The loss is a registered class. A function inside a function would train as well,
but `load_model` could not find it: "Could not locate function 'loss'". (For a model that you have already saved so, call
`load_model(path, compile=False)`. It answers as before, and you compile it again to train on.)

From lesson 4. Several labels at once: why not softmax, and which score?
It needs keras, numpy, and nothing else.
"""

import keras
import numpy as np


@keras.saving.register_keras_serializable("multi_label")
class WeightedCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of probabilities; label i, where it is there, counts weights[i] times."""

    def __init__(self, weights, name="weighted_crossentropy", **arguments):
        super().__init__(name=name, **arguments)
        self.weights = [float(weight) for weight in weights]

    def call(self, targets, stated):
        if targets.shape[1:] != (len(self.weights),):
            wanted = f"(rows, {len(self.weights)}), with 0 or 1 for each label,"
            raise ValueError(f"targets: shape {tuple(targets.shape)} given, {wanted} wanted.")
        stated = keras.ops.clip(stated, 1e-7, 1 - 1e-7)
        there = np.array(self.weights, "float32") * targets * keras.ops.log(stated)
        return -keras.ops.mean(there + (1 - targets) * keras.ops.log(1 - stated), axis=-1)

    def get_config(self):
        return super().get_config() | {"weights": self.weights}


def build_labels(inputs, names, weights=None):
    """Return a compiled network with one yes/no answer for each name; weights={"tree": 5} leaves others at 1."""
    if isinstance(names, str) or len(set(names)) != len(names) or not names:
        raise ValueError(f"names: {names!r} given, a list of different names wanted.")
    weights = {} if weights is None else weights
    if (
        not isinstance(weights, dict)
        or set(weights) - set(names)
        or any(w <= 0 for w in weights.values())
    ):
        raise ValueError(
            f"weights: {weights!r} given, positive numbers for some of {names} wanted."
        )
    row = keras.Input(shape=(inputs,), name="row")
    hidden = keras.layers.Dense(64, activation="relu")(row)
    labels = keras.layers.Dense(len(names), activation="sigmoid", name="labels")(hidden)
    model = keras.Model(row, {"labels": labels})
    elements = keras.metrics.BinaryAccuracy(threshold=0.5, name="elements")
    macro_f1 = keras.metrics.F1Score(average="macro", threshold=0.5, name="macro_f1")
    loss = WeightedCrossentropy([weights.get(name, 1) for name in names])
    model.compile("adam", {"labels": loss}, metrics={"labels": [elements, macro_f1]})
    return model


build_labels(20, names=["cat", "dog", "tree"], weights={"tree": 5}).output_shape
