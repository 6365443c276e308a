# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 4. Score, choose, weight and repair
#
# Four questions on [lesson 4](../notebooks/04_multi_label.ipynb), from easy to hard. About 45 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("4.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/04_multi_label.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(4)

# %%
digits = data.load_digits()
weights_of_labels = [1, 1, 1, 1, 1, 1, 1, 1, 0.2, 0.2]  # 8 and 9 are rare
kept = len(digits.x_train) * 8 // 10
sources = {
    "train": (digits.x_train[:kept], digits.y_train[:kept], 6000),
    "validation": (digits.x_train[kept:], digits.y_train[kept:], 2000),
    "test": (digits.x_test, digits.y_test, 2000),
}
images, labels = {}, {}
for seed, (name, (x, y, count)) in enumerate(sources.items()):
    small = x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    canvas, targets = data.several_digits(
        small, y, count, canvas=28, weights=weights_of_labels, seed=seed
    )
    images[name], labels[name] = canvas.reshape(count, -1), targets["digits"].astype(int)

{name: images[name].shape for name in images}

# %% [markdown]
# ## Question 4.1: four scores
#
# Write `scores(truth, predicted)`. Both are arrays of 0 and 1 of shape `(n, labels)`: what is true, and what a model predicts.
# It returns a dictionary of four numbers:
# - `"elements"`: the share of single answers that are right;
# - `"exact"`: the share of rows in which all answers are right;
# - `"micro_f1"` and `"macro_f1"`. An F1 of 0/0 counts as 0.
#
# Try it without scikit-learn.


# %%
### BEGIN SOLUTION
def scores(truth, predicted):
    """Return four scores of multi-label answers."""
    hits = (truth * predicted).sum(axis=0)  # for each label
    total = truth.sum(axis=0) + predicted.sum(axis=0)
    f1 = 2 * hits / np.maximum(total, 1)  # a total of 0 has no hits either
    return {
        "elements": np.mean(truth == predicted),
        "exact": np.mean((truth == predicted).all(axis=1)),
        "micro_f1": 2 * hits.sum() / max(total.sum(), 1),
        "macro_f1": f1.mean(),
    }


### END SOLUTION

# %%
check("4.1", lambda: scores)

# %% [markdown] tags=["solution"]
# F1 is twice the hits divided by all "yes" plus all true labels. Micro adds the counts of all labels before it divides;
# macro divides first, and a rare label then counts as much as a common one.

# %% [markdown]
# ## Question 4.2: a threshold for each label
#
# Write `choose(truth, stated)`. It gets true labels (0 and 1) and stated probabilities, both of shape `(n, labels)`, and
# returns a threshold for each label, shape `(labels,)`: one with which the label's F1 is as high as it can be. A model
# predicts "yes" where `stated > threshold`. Do not forget that each stated probability may be a limit worth trying (0.05,
# 0.10, 0.15, ... is too coarse here; do not round them), and so may a limit below all of them, for instance -1: a stated
# probability may be exactly 0. Count hits yourself: scikit-learn's `f1_score` for each limit would take minutes in the last
# cells.


# %%
### BEGIN SOLUTION
def choose(truth, stated):
    """Return for each label a threshold with the highest F1."""
    thresholds = []
    for there, probability in zip(truth.T, stated.T, strict=True):
        candidates = np.concatenate([[-1.0], np.unique(probability)])  # -1: always "yes"
        predicted = probability > candidates[:, None]
        hits = (predicted & (there == 1)).sum(axis=1)
        f1 = 2 * hits / np.maximum(predicted.sum(axis=1) + there.sum(), 1)
        thresholds.append(candidates[f1.argmax()])
    return np.array(thresholds)


### END SOLUTION

# %%
check("4.2", lambda: choose)

# %% [markdown] tags=["solution"]
# Between two neighbouring probabilities all thresholds give the same answers, so it is enough to try each probability, and one
# limit below all of them. `predicted` has a row for each candidate. The finer the candidates, the more the result fits the
# images that it was chosen on: with few images, a coarse grid may do better on new ones.

# %% [markdown]
# ## Question 4.3: a weighted loss, from numbers without a sigmoid
#
# Near 0 and 1 the logarithm of a probability loses digits. It is safer to leave out the sigmoid and let the loss take the raw
# numbers, the **logits**. With a logit *z*:
# - where the label is there, the cross-entropy is `softplus(-z)`, which is log(1 + exp(-*z*));
# - where it is not, it is `softplus(z)`.
#
# Write `weighted(weights)`. It gets a weight for each label and **returns a loss function** `loss(targets, logits)`. The
# loss of a row is the mean over its labels of their cross-entropies; where a label is *there*, its cross-entropy counts
# `weights[label]` times. For `n` rows the loss function returns `n` numbers. Keras will train with it, so use `keras.ops` or
# TensorFlow. (A subclass of `keras.losses.Loss` whose `call` does this is fine, too.)


# %%
### BEGIN SOLUTION
def weighted(weights):
    """Return a binary cross-entropy of logits with a weight for each label that is there."""
    weights = keras.ops.convert_to_tensor(weights, "float32")

    def loss(targets, logits):
        there = weights * targets * keras.ops.softplus(-logits)
        not_there = (1 - targets) * keras.ops.softplus(logits)
        return keras.ops.mean(there + not_there, axis=-1)

    return loss


### END SOLUTION

# %%
check("4.3", lambda: weighted)

# %% [markdown] tags=["solution"]
# A function that returns a function: Keras calls the inner one with targets and outputs, and the inner one remembers the
# weights. `axis=-1` keeps one number for each row, so that `sample_weight` still works. (TensorFlow has this loss, element
# by element, as `tf.nn.weighted_cross_entropy_with_logits`.)

# %% [markdown]
# ## Question 4.4: find the bugs
#
# Somebody wrote this function for images with any number of tags, and is content: "an accuracy of 60%, and the loss goes
# down".


# %%
def build_with_bugs(inputs, tags):
    image = keras.Input(shape=(inputs,), name="image")
    hidden = keras.layers.Dense(32, activation="relu")(image)
    output = keras.layers.Dense(tags, activation="softmax", name="tags")(hidden)
    model = keras.Model(image, {"tags": output})
    model.compile(
        optimizer="adam",
        loss={"tags": "categorical_crossentropy"},
        metrics={"tags": ["accuracy", keras.metrics.F1Score(average="macro", name="f1")]},
    )
    return model


# %% [markdown]
# Write `build(inputs, tags)`, which returns a compiled model with the output `"tags"`, for tags that do not exclude each
# other:
# - the output holds a probability for each tag, of shape `(n, tags)`;
# - the loss is the binary cross-entropy, the mean over all tags, without weights and without smoothing;
# - there are two metrics, at the threshold 0.5, which `evaluate` reports as `"accuracy"` and `"f1"`: the element-wise
#   accuracy, and the macro F1.


# %%
### BEGIN SOLUTION
def build(inputs, tags):
    """Return a compiled model for tags that do not exclude each other."""
    image = keras.Input(shape=(inputs,), name="image")
    hidden = keras.layers.Dense(32, activation="relu")(image)
    output = keras.layers.Dense(tags, activation="sigmoid", name="tags")(hidden)
    model = keras.Model(image, {"tags": output})
    scores = [
        keras.metrics.BinaryAccuracy(threshold=0.5, name="accuracy"),
        keras.metrics.F1Score(average="macro", threshold=0.5, name="f1"),
    ]
    model.compile(
        optimizer="adam", loss={"tags": "binary_crossentropy"}, metrics={"tags": scores}
    )
    return model


### END SOLUTION

# %%
check("4.4", lambda: build)

# %% [markdown] tags=["solution"]
# Four bugs: a softmax lets the tags compete; categorical cross-entropy belongs to it; `"accuracy"` becomes "is the most
# probable tag the first one in the row?"; and `F1Score` without a threshold predicts "yes" once for each image.

# %% [markdown]
# ## What to do with it
#
# With your answers, these cells train a network for labels of which two are rare, once without and once with weights, choose
# the thresholds on validation images, and score the answers on the test images.


# %%
def train(weights):
    """Train with your loss; return the probabilities for validation and test images."""
    keras.utils.set_random_seed(0)
    image = keras.Input(shape=(784,), name="image")
    hidden = keras.layers.Dense(96, activation="relu")(image)
    hidden = keras.layers.Dense(48, activation="relu")(hidden)
    model = keras.Model(image, {"digits": keras.layers.Dense(10, name="digits")(hidden)})
    model.compile(optimizer="adam", loss={"digits": weighted(weights)}, steps_per_execution=100)
    training = data.batches(images["train"], {"digits": labels["train"]}, seed=0).repeat()
    model.fit(training, steps_per_epoch=400, verbose=0)
    return {
        name: 1 / (1 + np.exp(-model.predict_on_batch(images[name])["digits"]))
        for name in ["validation", "test"]
    }


for title, weights in {
    "no weights": np.ones(10),
    "8 and 9 five times": [1] * 8 + [5] * 2,
}.items():
    stated = train(weights)
    for limits, name in [
        (0.5, "0.5"),
        (choose(labels["validation"], stated["validation"]), "chosen"),
    ]:
        found = scores(labels["test"], (stated["test"] > limits).astype(int))
        print(
            f"{title:20}{name:8}",
            ", ".join(f"{key} {value:.3f}" for key, value in found.items()),
        )

# %% [markdown]
# Weights and thresholds both raise the macro F1, in which each rare label counts as much as a common one. They may cost
# element-wise accuracy and exact match: few validation images show a rare label, and the best threshold for these few may be
# a bad one for others. Where that costs most differs from one draw of the images to another. Now `build` is ready for tags of
# your own.

# %% tags=["nbval-check-output"]
build(20, 4).output_shape

# %%
so_far(4)
