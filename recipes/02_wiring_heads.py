"""The whole lesson in one cell, to copy into your own project. It needs nothing of this notebook. A model is compiled only
when all parts have the same keys; the last lines try it on made-up numbers.

From lesson 2. Wiring heads so that nothing is silently wrong
It needs keras, numpy, and nothing else.
"""

import keras
import numpy as np


def wire(inputs, heads, targets, *, loss, optimizer="adam", **settings):
    """Return a compiled model; `settings` are further arguments of `compile`.

    `heads` are the outputs, each under the name of its layer. All parts with a value for each head have these keys.
    """
    parts = {"heads": heads, "targets": targets, "loss": loss}
    per_head = ["loss_weights", "metrics", "weighted_metrics"]
    parts |= {name: settings[name] for name in per_head if name in settings}
    for name, part in parts.items():
        if not isinstance(part, dict):
            given = type(part).__name__
            raise TypeError(
                f"{name} must be a dictionary with the names of the heads, not a {given}"
            )
        if set(part) != set(heads):
            raise ValueError(f"{name} has the keys {list(part)}, the heads are {list(heads)}")
    rows = {name: len(target) for name, target in targets.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"targets must all have the same number of rows, and they have {rows}")
    model = keras.Model(inputs, heads)
    layers = list(model.output_names)
    if set(layers) != set(heads):
        raise ValueError(f"heads has the keys {list(heads)}, the layers are named {layers}")
    model.compile(optimizer=optimizer, loss=loss, **settings)
    return model


rng = np.random.default_rng(0)
table = rng.normal(size=(100, 5)).astype("float32")
truth = {"colour": rng.integers(0, 3, size=100), "size": table.sum(axis=1)}
losses = {"colour": "sparse_categorical_crossentropy", "size": "mean_squared_error"}

row = keras.Input(shape=(5,))
colour = keras.layers.Dense(3, activation="softmax", name="colour")(row)
size = keras.layers.Dense(1, name="size")(row)
wired = wire(row, {"colour": colour, "size": size}, truth, loss=losses)
print(list(wired.evaluate(table, truth, verbose=0, return_dict=True)))
try:
    wire(row, [colour, size], truth, loss=losses)
except TypeError as error:
    print(error)
