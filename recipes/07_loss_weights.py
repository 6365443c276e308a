"""One cell, which needs nothing of this course: a schedule for loss weights, with the criterion to watch, and a small model that
uses it. (A model that was saved and loaded has numbers for loss weights: call `compile` again, with variables.)

From lesson 7. How do I choose loss weights?
It needs keras, numpy, and nothing else.
"""

import keras
import numpy as np


class LossWeights(keras.callbacks.Callback):
    """Set loss weights by `rule(epoch)`, and log the mean of the scores in `watch` as "val_mean".

    `weights` is the dictionary of variables that `compile` got; the rule returns numbers for some
    of its keys. `watch` lists keys of the logs: validation scores, of which more is better.
    """

    def __init__(self, weights, rule, watch):
        super().__init__()
        values = weights.values() if isinstance(weights, dict) else [None]
        if not all(isinstance(value, keras.Variable) for value in values):
            raise TypeError(f"weights: {weights} given, a dictionary of keras.Variable wanted.")
        if not callable(rule) or isinstance(watch, str):
            raise TypeError("rule: a function of the epoch wanted; watch: a list of keys.")
        self.weights, self.rule, self.watch = weights, rule, watch

    def on_epoch_begin(self, epoch, logs=None):
        values = self.rule(epoch)
        if not isinstance(values, dict) or values.keys() - self.weights.keys():
            raise ValueError(f"rule: {values} given, numbers for {[*self.weights]} wanted.")
        for name, value in values.items():
            self.weights[name].assign(value)

    def on_epoch_end(self, epoch, logs=None):
        if not logs.keys() >= {*self.watch}:
            raise ValueError(f"watch: {self.watch} wanted, {[*logs]} logged: validation data?")
        logs["val_mean"] = np.mean([logs[key] for key in self.watch])


x = np.linspace(-1, 1, 64)[:, None]
y = {"side": (x > 0) * 1.0, "square": x**2}
inputs = keras.Input((1,))
trunk = keras.layers.Dense(16, "relu")(inputs)
side = keras.layers.Dense(1, "sigmoid", name="side")(trunk)
square = keras.layers.Dense(1, name="square")(trunk)
model = keras.Model(inputs, {"side": side, "square": square})
weights = {name: keras.Variable(1.0, trainable=False) for name in y}
losses = {"side": "binary_crossentropy", "square": "mse"}
scores = {"side": ["binary_accuracy"], "square": ["r2_score"]}
model.compile(keras.optimizers.Adam(0.03), losses, weights, metrics=scores, run_eagerly=True)
watch = ["val_side_binary_accuracy", "val_square_r2_score"]
stop = keras.callbacks.EarlyStopping("val_mean", mode="max", patience=3)
callbacks = [LossWeights(weights, lambda epoch: {"side": 0.5**epoch}, watch), stop]
options = {"validation_data": (x, y), "epochs": 5, "verbose": 0, "callbacks": callbacks}
logs = model.fit(x, y, **options).history
print("val_mean:", np.round(logs["val_mean"], 2), " last weight:", weights["side"].numpy())
