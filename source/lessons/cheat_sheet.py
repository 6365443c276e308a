# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Cheat sheet
#
# One page: what belongs together in a head, the lines of code to copy, and what is wrong when you see this or that. The words
# are explained in the [glossary](glossary.ipynb).
#
# ## The contract of a head
#
# | kind | units | activation | loss | target | metric | lesson |
# |---|---|---|---|---|---|---|
# | binary | 1 | sigmoid | binary cross-entropy | 0 or 1, shape (n,) or (n, 1) | binary accuracy | [1](01_two_heads.ipynb) |
# | multi-class, k classes | k | softmax | sparse categorical cross-entropy | an integer from 0 to k-1, shape (n,) | sparse categorical accuracy | [1](01_two_heads.ipynb) |
# | multi-label, k labels | k | sigmoid | binary cross-entropy | k numbers, each 0 or 1, shape (n, k) | F1, exact match; thresholds from the validation part | [4](04_multi_label.ipynb) |
# | regression, k numbers | k | none | mean squared error | k numbers, standardised on the training part, shape (n, k) | mean absolute error, in the target's unit | [5](05_regression.ipynb) |
# | regression with its uncertainty | 2k | none | Gaussian negative log-likelihood | as above | coverage of the intervals | [5](05_regression.ipynb) |
# | an interval, k levels | k for each number | none | pinball loss, one level for each unit | as above | coverage and width | [18](18_your_series.ipynb) |
# | class in a tree | one for each class below the root | softmax among siblings | marginal cross-entropy | a node of the tree, coarse or fine | both levels, contradictions | [11](11_hierarchical_heads.ipynb), [12](12_partial_labels.ipynb) |
#
# With logits: no activation, `from_logits=True` in the loss, and a metric that knows it (`BinaryAccuracy(threshold=0.0)`).

# %% [markdown]
# ## The lines to copy
#
# They use two helpers of the course: `data`, for the digits and for fast batches, and `check_heads`. In a project of your own,
# put the folder `mos_helpers` beside your code. Or do without it: give `fit` your arrays and `batch_size=128`, and leave
# `check_heads` out.
#
# **Name every head; the name is the key everywhere.** Outputs, losses, metrics, targets and loss weights are dictionaries.

# %%
from mos_helpers import data
from mos_helpers.heads import check_heads

import keras
import numpy as np

keras.utils.set_random_seed(0)
digits = data.load_digits()
images, targets = digits.x_train, {"digit": digits.y_train, "odd": digits.y_train % 2}

image = keras.Input((28, 28), name="image")
trunk = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(image))
digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
model = keras.Model(image, {"digit": digit, "odd": odd})

# %% [markdown]
# **Compile with the whole contract of each head**, name the metric instead of writing `"accuracy"`, and ask `check_heads`
# before training. `steps_per_execution=32` saves time: Keras makes 32 updates before it returns to Python.

# %%
model.compile(
    optimizer="adam",
    loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
    loss_weights={"digit": 1.0, "odd": 1.0},
    metrics={"digit": ["sparse_categorical_accuracy"], "odd": ["binary_accuracy"]},
    steps_per_execution=32,
)
check_heads(model, targets)

# %% [markdown]
# **Train from `data.batches`; keep the best by one head's metric**, with its direction: Keras cannot guess it. Do not choose by
# `val_loss` when loss weights change ([lesson 7](07_loss_weights.ipynb)).

# %%
n = len(images) * 4 // 5
train = data.batches(images[:n], {name: target[:n] for name, target in targets.items()})
validation = data.batches(
    images[n:], {name: target[n:] for name, target in targets.items()}, shuffle=False
)
stop = keras.callbacks.EarlyStopping(
    "val_digit_sparse_categorical_accuracy", mode="max", patience=3, restore_best_weights=True
)
history = model.fit(train, validation_data=validation, epochs=5, callbacks=[stop], verbose=0)

# %% [markdown]
# **Ask for scores and answers by name**, and put the baseline beside them.

# %%
test_targets = {"digit": digits.y_test, "odd": digits.y_test % 2}
scores = model.evaluate(digits.x_test, test_targets, verbose=0, return_dict=True)
answers = model.predict(digits.x_test, verbose=0)
for name, target in test_targets.items():
    score = next(
        value for key, value in scores.items() if key.startswith(name) and "accuracy" in key
    )
    baseline = np.mean(target == np.bincount(targets[name]).argmax())
    print(
        f"{name:6} {score:.0%} right, baseline {baseline:.0%}, answers of shape {answers[name].shape}"
    )

# %% tags=["check"]
assert not check_heads(model, targets)
assert scores["digit_sparse_categorical_accuracy"] > 0.5
assert list(answers) == ["digit", "odd"]

# %% [markdown]
# More lines to copy stand at the end of each lesson, under *Take this with you*: missing labels in
# [lesson 6](06_missing_labels.ipynb), loss weights that change while a model trains in
# [lesson 7](07_loss_weights.ipynb), two levels from one head in [lesson 11](11_hierarchical_heads.ipynb), a server
# in [lesson 14](14_ship.ipynb), and heads that may be silent in [lesson 15](15_operate.ipynb).

# %% [markdown]
# ## Traps, by what you see
#
# | you see | look for | lesson |
# |---|---|---|
# | a head that does not learn, no message | targets or loss weights that went to another head: a list where the outputs are a dictionary | [2](02_wiring_heads.ipynb) |
# | an accuracy of exactly 0 or far too high | the string `"accuracy"` on logits, on several labels, or on numbers | [2](02_wiring_heads.ipynb) |
# | a metric object that reports 0, or the same for every model | it does not fit its head: `Accuracy()`, `MeanIoU(2)` or `F1Score()` on one sigmoid, `binary_accuracy` on classes | [2](02_wiring_heads.ipynb) |
# | a yes/no head whose layer has no activation, and that stands still | `from_logits=True` is missing in its loss | [2](02_wiring_heads.ipynb) |
# | strange errors after a first error in `fit` | the failed `fit` spoiled the compiled model: compile again | [2](02_wiring_heads.ipynb) |
# | a high accuracy, and nothing learned | the baseline has the same score: most labels are 0 | [4](04_multi_label.ipynb) |
# | one head is perfect and the other is dead | losses of different size: standardise the numbers, or choose loss weights | [5](05_regression.ipynb), [7](07_loss_weights.ipynb) |
# | the loss is NaN | one missing label: fill the gap before the loss, with weight 0 | [6](06_missing_labels.ipynb) |
# | more rows of one class than the table has | a comparison with a gap is False: look for the gaps first | [16](16_your_table.ipynb) |
# | NaN for every row after `Normalization` | it was adapted on a column with a gap: compute mean and variance without it | [16](16_your_table.ipynb) |
# | a loss that falls when labels go missing | the mean also counts rows of weight 0: `reduction="mean_with_sample_weight"` | [6](06_missing_labels.ipynb) |
# | a metric that counts filled labels | `metrics` ignores weights: `weighted_metrics` | [6](06_missing_labels.ipynb) |
# | weights of labels, steps or maps: "Incompatible shapes", or a loss many times too large | weights have the shape of the output without its last axis: `np.broadcast_to`; `Reshape((k, 1))` for k labels | [6](06_missing_labels.ipynb) |
# | the heads' losses do not add up to the loss | the logs show them without their loss weights | [7](07_loss_weights.ipynb) |
# | `val_loss` jumps, the scores do not | the loss weights changed | [7](07_loss_weights.ipynb) |
# | a cross-entropy below zero | the targets of another head, or targets that are not between 0 and 1 | [2](02_wiring_heads.ipynb) |
# | a negative total loss, where it is a Gaussian loss, a sum of logarithms or uncertainty weighting | that is allowed | [5](05_regression.ipynb), [7](07_loss_weights.ipynb), [8](08_adaptive_weights.ipynb) |
# | `loss: 0.0` with a `train_step` of your own | the loss tracker was not updated | [9](09_gradient_conflict.ipynb) |
# | two heads that contradict each other | independent heads: build the rule into the head | [11](11_hierarchical_heads.ipynb), [13](13_hierarchy_graphs.ipynb) |
# | `fit` stops with *Invalid PNG data* and no name | one broken file: read all of them once, before training | [17](17_your_pictures.ipynb) |
# | a frozen trunk that learns, or an unfrozen one that does not | `trainable` was set after `fit`: compile again | [17](17_your_pictures.ipynb) |
# | moving statistics that change, in spite of `training=False` | `fit` overrules it: `trainable = False` on each `BatchNormalization` | [17](17_your_pictures.ipynb) |
# | "best" model is the last one | `monitor=` names a key that does not exist | [14](14_ship.ipynb) |
# | a served answer with the wrong shape or meaning | outputs taken by position: take them by name | [14](14_ship.ipynb) |
# | many answers with exactly the same probability | the head computes in 16 bits: give it `dtype="float32"` | [15](15_operate.ipynb) |
