# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 6. Fill, repair, mask, estimate and shape
#
# Five questions on [lesson 6](../notebooks/06_missing_labels.ipynb), from easy to hard. About 55 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables, and your functions should not change what they are given. If you are stuck, run `hint("6.1")` in a new cell: each
# run gives one hint more. The answers are in `solutions/06_missing_labels.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(6)

# %% [markdown]
# ## Question 6.1: fill and weigh
#
# A table comes with gaps in both columns. The digit `left` is a whole number from 0 to 9, or -1 if nobody wrote it down. The
# answer `odd` is 0.0 or 1.0, or NaN.
#
# Write `fill(labels)`. It gets a dictionary of two arrays, `"left"` and `"odd"` in any order, each of shape `(n,)`. It returns
# **two** dictionaries with the same keys: the targets and the weights for `fit`, all of them arrays of shape `(n,)`. Known labels
# stay as they are and get the weight 1. Each gap gets a label that its head can take, and the weight 0.


# %%
### BEGIN SOLUTION
def fill(labels):
    """Return targets without gaps, and a weight for each label."""
    known = {"left": labels["left"] != -1, "odd": np.isfinite(labels["odd"])}
    targets = {name: np.where(known[name], labels[name], 0) for name in labels}
    weights = {name: known[name].astype("float32") for name in labels}
    return targets, weights


### END SOLUTION

# %%
check("6.1", lambda: fill)

# %% [markdown] tags=["solution"]
# NaN is equal to nothing, not even to itself, so `values == np.nan` finds no gap: `np.isnan` or `np.isfinite` does. The
# filler may be any valid label. A zero in the column is a label and no gap.

# %% [markdown]
# ## Question 6.2: repair a report
#
# Somebody evaluated a model in one batch. Rows without a label of `odd` were filled with 0 ("even") and had the weight 0.
# The loss had the default reduction, and the accuracy stood under `metrics`. You get the report as a dictionary, for example
#
# `{"rows": 2000, "labelled": 500, "loss": 0.075, "accuracy": 0.57, "hidden_said_even": 700}`
#
# where `"hidden_said_even"` counts the rows *without* a label to which the model answers "even". The keys may stand in
# any order, and Keras computes with 32 bits: 0.57 of 2000 rows may be 1139.9999 rows. Write `repair(report)`. It returns a
# dictionary with the `"loss"` and the `"accuracy"` on the labelled rows.


# %%
### BEGIN SOLUTION
def repair(report):
    """Return the loss and the accuracy on the labelled rows."""
    right_on_all = report["accuracy"] * report["rows"]
    return {
        "loss": report["loss"] * report["rows"] / report["labelled"],
        "accuracy": (right_on_all - report["hidden_said_even"]) / report["labelled"],
    }


### END SOLUTION

# %%
check("6.2", lambda: repair)

# %% [markdown] tags=["solution"]
# Both scores are sums divided by all rows. In the sum of the loss the hidden rows count nothing, so only the number below the
# line is wrong. In the sum of the accuracy they count as right where the model predicts what was filled in, and that must go
# first.

# %% [markdown]
# ## Question 6.3: a loss that survives gaps
#
# Write `masked_loss(labels, predicted)`. Use `keras.ops` or TensorFlow for all values, and no NumPy: the check also runs it
# inside `tf.function`, where tensors have no values yet, as in `fit`. `labels` has shape `(n,)` and holds 0, 1 and NaN;
# `predicted` has shape `(n,)` and holds probabilities of "1", none of them 0 or 1. It returns one number: the **mean** binary
# cross-entropy over the rows that have a label, which is the mean of `-log(predicted)` where the label is 1 and of
# `-log(1 - predicted)` where it is 0.
#
# With no label at all it returns 0. And its **gradient** must be right too, without any NaN.


# %%
### BEGIN SOLUTION
def masked_loss(labels, predicted):
    """Return the mean binary cross-entropy over the labelled rows, 0 if there is none."""
    known = keras.ops.logical_not(keras.ops.isnan(labels))
    safe = keras.ops.where(known, labels, 0.0)
    each = -safe * keras.ops.log(predicted) - (1 - safe) * keras.ops.log(1 - predicted)
    count = keras.ops.sum(keras.ops.cast(known, predicted.dtype))
    return keras.ops.sum(keras.ops.where(known, each, 0.0)) / keras.ops.maximum(count, 1.0)


### END SOLUTION

# %%
check("6.3", lambda: masked_loss)

# %% [markdown] tags=["solution"]
# The first `where` makes the labels safe *before* the arithmetic, the second leaves the filled rows out of the sum. With the
# second alone the loss would be right and its gradient NaN. The maximum with 1 makes 0/1 of 0/0.
#
# With a loss of Keras, `mean_with_sample_weight` and weights it works too, if both arrays are columns, `[:, None]`: such a
# loss averages the last axis before it weights.

# %% [markdown]
# ## Question 6.4: an honest estimate
#
# On test data, `right` is 1.0 where a model is right, 0.0 where it is wrong, and NaN where the label is missing. `keep` is
# the probability with which each label was written down. It depends on the label, so where the label is missing, `keep` is
# NaN too.
#
# Write `estimate(right, keep)`, for two arrays of shape `(n,)`. It returns an estimate of the accuracy on *all* rows: the
# "mean by 1/p" of the lesson. At least one label is known.


# %%
### BEGIN SOLUTION
def estimate(right, keep):
    """Return the accuracy on all rows, estimated from the labelled ones."""
    known = ~np.isnan(right)
    return np.average(right[known], weights=1 / keep[known])


### END SOLUTION

# %%
check("6.4", lambda: estimate)

# %% [markdown] tags=["solution"]
# `np.average` divides by the sum of the weights. `np.nanmean(right / keep)` looks similar and divides by the number of
# labelled rows, which gives far more than 1.

# %% [markdown]
# ## Question 6.5: weights of the right shape
#
# `shape` is the shape of a head's output, for example `(32, 17, 20, 1)` for a map of 17 by 20 pixels. `known` is an array of True
# and False that tells which labels are known. Its axes are the first axes of the output: `(32,)` for whole maps, `(32, 17)` for
# lines of pixels, `(32, 17, 20)` for pixels.
#
# Or `known` has the shape of the output itself, as for a head with k labels. Then each number in the last axis has gaps of
# its own, and the output needs one axis more: a last axis of length 1.
#
# Write `weights_for(known, shape)`. It returns **two** things: the shape of the output, a tuple, with that axis where it is
# needed, and the weights for `fit`, 1 for known and 0 for a gap. The weights have the shape of that output without its last axis.


# %%
### BEGIN SOLUTION
def weights_for(known, shape):
    """Return the shape that the output must have, and a weight for each number of its loss."""
    if known.shape == shape:
        shape = (*shape, 1)
    missing_axes = (1,) * (len(shape) - 1 - known.ndim)
    weights = known.reshape(known.shape + missing_axes).astype("float32")
    return shape, np.broadcast_to(weights, shape[:-1])


### END SOLUTION

# %%
check("6.5", lambda: weights_for)

# %% [markdown] tags=["solution"]
# NumPy and Keras broadcast from the *last* axis, and `known` has the *first* axes. So the missing axes go to the end before
# `broadcast_to`. Without them, an array of shape (n,) meets the columns of the maps: an error, or no error where a map
# happens to have n columns.

# %% [markdown]
# ## What to do with it
#
# With your answers, these cells train on a table with gaps in both columns and estimate how good the model is, without
# looking at a hidden label. An odd digit is labelled with probability 0.8, and an even one with 0.2.


# %%
def table(x, y, n, seed):
    """Return images of two digits, all labels, the labels with gaps, and the probabilities."""
    images, pair = data.two_digits(x, y, n, seed=seed)
    odd = pair["right"] % 2
    keep = np.where(odd == 1, 0.8, 0.2)
    left = np.where(data.hide_labels(n, 0.7, seed=seed), pair["left"], -1)
    gaps = {
        "left": left,
        "odd": np.where(data.hide_labels(n, keep, seed=seed + 10), odd, np.nan),
    }
    return images.reshape(n, -1), odd, gaps, keep


digits = data.load_digits()
images_train, _, gaps_train, keep_train = table(digits.x_train, digits.y_train, 4000, seed=1)
images_test, odd_test, gaps_test, keep_test = table(digits.x_test, digits.y_test, 2000, seed=2)

# %%
image = keras.Input(shape=(images_train.shape[1],))
trunk = keras.layers.Dense(48, activation="relu")(image)
heads = {
    "left": keras.layers.Dense(10, activation="softmax", name="left")(trunk),
    "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
}
model = keras.Model(image, heads)
mean = "mean_with_sample_weight"
losses = {
    "left": keras.losses.SparseCategoricalCrossentropy(reduction=mean),
    "odd": keras.losses.BinaryCrossentropy(reduction=mean),
}
model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
targets, weights = fill(gaps_train)
training = data.batches(images_train, targets, sample_weight=weights, seed=1)
history = model.fit(training.repeat(), steps_per_epoch=300, verbose=0)

# %%
says_odd = model.predict(images_test, batch_size=1000, verbose=0)["odd"][:, 0] > 0.5
hidden = np.isnan(gaps_test["odd"])
right = np.where(hidden, np.nan, says_odd == gaps_test["odd"])
keep_seen = np.where(hidden, np.nan, keep_test)

print(f"on labelled rows:  {np.nanmean(right):.3f}")
print(f"estimate for all:  {estimate(right, keep_seen):.3f}")
print(f"in truth, on all:  {np.mean(says_odd == odd_test):.3f}")

# %% [markdown]
# One estimate is off by chance, often by a point or more. To see what is more than chance, we hide the test labels 100
# times, others each time.


# %%
def show_scores(says_odd):
    """Print the means over 100 ways to hide the test labels, and the truth."""
    scores = []
    for seed in range(100):
        hidden = ~data.hide_labels(len(odd_test), keep_test, seed=seed)
        right = np.where(hidden, np.nan, says_odd == odd_test)
        keep = np.where(hidden, np.nan, keep_test)
        scores.append([np.nanmean(right), estimate(right, keep)])
    labelled, all_rows = np.transpose(scores)
    print(f"on labelled rows:  {labelled.mean():.3f} ± {labelled.std():.3f}")
    print(f"estimate for all:  {all_rows.mean():.3f} ± {all_rows.std():.3f}")
    print(f"in truth, on all:  {np.mean(says_odd == odd_test):.3f}")


show_scores(says_odd)

# %% [markdown]
# The training itself was not repaired. Put `weights["odd"] = weights["odd"] / keep_train` after `fill` and run these cells
# again: what happens to the truth, and to the gap between the first two lines? (Where a label is missing its weight is 0, so
# its probability does not matter.)

# %% tags=["solution"]
repaired = keras.models.clone_model(model)  # the same layers with new weights
repaired.compile(optimizer="adam", loss=losses, steps_per_execution=100)
weights["odd"] = weights["odd"] / keep_train
training = data.batches(images_train, targets, sample_weight=weights, seed=1)
repaired.fit(training.repeat(), steps_per_epoch=300, verbose=0)
show_scores(repaired.predict(images_test, batch_size=1000, verbose=0)["odd"][:, 0] > 0.5)

# %% [markdown] tags=["solution"]
# The truth is higher, by several points: before, four out of five known labels were "odd", and the head predicted "odd" too
# often. The labelled rows had hidden that, since most of them *are* odd. Now the gap between the first two lines is smaller.

# %%
so_far(6)
