# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 15. Compare, correct, keep silent and add up
#
# Four questions on [lesson 15](../notebooks/15_operate.ipynb), from easy to hard. About 35 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("15.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/15_operate.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize_scalar

keras.utils.set_random_seed(15)

# %% [markdown]
# ## Question 15.1: did an old head move?
#
# Before a new version of a model goes out, somebody compares its answers with those of the old version on the same images.
# Write `moved(before, after, tolerance)`. `before` and `after` are dictionaries of arrays by head. Return a list (or a set)
# of the names in `before` that moved. A head has moved if at least one of its answers differs by more than `tolerance` (in
# either direction) or has become NaN, if its array has another shape, or if it is gone. Heads that are new in `after` do not
# count.


# %%
### BEGIN SOLUTION
def moved(before, after, tolerance):
    """Return the names of the old heads whose answers are not the same within the tolerance."""
    names = []
    for name, old_answers in before.items():
        new_answers = after.get(name)
        same = new_answers is not None and new_answers.shape == old_answers.shape
        if not same or not np.allclose(new_answers, old_answers, rtol=0, atol=tolerance):
            names.append(name)
    return names


### END SOLUTION

# %%
check("15.1", lambda: moved)

# %% [markdown] tags=["solution"]
# `np.allclose` has a *relative* tolerance too, which would forgive large answers more: so `rtol=0`. And NaN is close to
# nothing, so it is found. A test like `(difference > tolerance).any()` would miss it: each comparison with NaN is False. The
# shapes are compared first, because NumPy would stretch an array of shape `(n, 1)` to fit `(n, 3)`, and find no difference.

# %% [markdown]
# ## Question 15.2: the temperature of a head
#
# Write `temperature(probability, target)`. `probability` has shape `(n, k)` and holds what a softmax head predicts on
# validation images (all numbers above zero); `target` has shape `(n,)` and holds the true classes. Return the temperature
# between 0.1 and 10 with the smallest cross-entropy. Your answer may be up to 2% above or below it.


# %%
### BEGIN SOLUTION
def temperature(probability, target):
    """Return the temperature with the smallest cross-entropy."""

    def cross_entropy(log):
        powers = probability ** (1 / np.exp(log))
        again = powers / powers.sum(axis=1, keepdims=True)
        return -np.log(again[np.arange(len(target)), target]).mean()

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


### END SOLUTION

# %%
check("15.2", lambda: temperature)

# %% [markdown]
# What does it say of a head after little training, and after more?
#
# **Predict first.** The next cells train a head for 100 updates, and then for 1,000 more. Is it too sure of itself after 100
# updates, or not sure enough? And at the end? What do a temperature below 1 and one above 1 tell you?

# %%
digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10
images, labels = digits.x_train.reshape(-1, 784), digits.y_train
head = keras.Sequential([keras.Input((784,)), keras.layers.Dense(64, activation="relu")])
head.add(keras.layers.Dense(10, activation="softmax", name="digit"))
head.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=50)
few = slice(0, min(kept, 2000))
batches = data.batches(images[few], labels[few], seed=0).repeat()

# %%
for updates in [100, 1000]:
    head.fit(batches, steps_per_epoch=updates, verbose=0)
    found = head.predict_on_batch(images[kept:])
    print(
        f"after {updates:4} more updates: temperature {temperature(found, labels[kept:]):.2f}"
    )

# %% [markdown] tags=["solution"]
# A power of the probabilities is a division of the logits: $e^{z/T} = (e^z)^{1/T}$, and the sum of the row takes care of the
# rest. The search goes over the logarithm of $T$, because half and double are equally far from 1.
#
# In our run, the temperature after 100 updates is **below 1**: it makes the answers surer, so the head was not sure
# enough. After 1,000 more it is **above 1**: it makes the answers less sure, so the head was too sure. With more
# training the temperature rises, as in the lesson.

# %% [markdown]
# ## Question 15.3: decide, or be silent
#
# Write `decided(predicted, thresholds)`. `predicted` is a dictionary by head: a softmax head predicts shape `(n, k)`, the
# probabilities of `k` classes, and a sigmoid head shape `(n, 1)`, that of class 1. `thresholds` is a dictionary by head; a
# head without a threshold always decides. Return a dictionary of arrays of shape `(n,)`: the number of the likeliest class
# where its probability is **at least** the threshold, and -1 where the head is silent. (The `Decider` of the lesson says None
# there, which an array of numbers cannot hold. Among classes that are equally likely, the first one counts; a sigmoid head
# that predicts 0.5 says 0.)


# %%
### BEGIN SOLUTION
def decided(predicted, thresholds):
    """Return the class that each head decides for, or -1 where it is not sure enough."""
    found = {}
    for name, probability in predicted.items():
        if probability.shape[1] == 1:
            probability = np.hstack([1 - probability, probability])
        sure = probability.max(axis=1) >= thresholds.get(name, 0)
        found[name] = np.where(sure, probability.argmax(axis=1), -1)
    return found


### END SOLUTION

# %%
check("15.3", lambda: decided)

# %%
for threshold in [0, 0.9, 0.99]:
    answers = decided({"digit": head.predict_on_batch(images[kept:])}, {"digit": threshold})
    given = answers["digit"] >= 0
    right = np.mean(answers["digit"][given] == labels[kept:][given])
    print(f"threshold {threshold:4}: {given.mean():.1%} answered, {right:.1%} of these right")

# %% [markdown] tags=["solution"]
# A sigmoid head that predicts 0.02 is sure as well: of class 0, with 0.98. Without a column for it, the head would be silent
# on every sure no. Each head has a threshold of its own, because each is right in its own way: lesson 15 chooses them on
# validation images.

# %% [markdown]
# ## Question 15.4: workers with unequal parts
#
# At the end of the data, the last batch is smaller, and the workers get unequal parts of it. Each worker sends the **mean**
# gradient of its own rows. Write `combined(gradients, counts)`: `gradients` is a list with a dictionary for each worker,
# an array for each variable; `counts` says how many rows each worker had. Return a dictionary: for each variable the mean
# gradient over **all rows** of the batch. A worker without rows sends NaN. At least one worker has rows. A NaN of a worker
# **with** rows must stay visible: something went wrong there, and the result is NaN in the same places.


# %%
### BEGIN SOLUTION
def combined(gradients, counts):
    """Return the mean gradient over all rows."""
    busy = [(found, count) for found, count in zip(gradients, counts, strict=True) if count]
    rows = sum(count for _, count in busy)
    return {
        name: sum(found[name] * (count / rows) for found, count in busy)
        for name in gradients[0]
    }


### END SOLUTION

# %%
check("15.4", lambda: combined)

# %% [markdown]
# A test with a real model: a batch of 10 images, cut into 7 and 3.


# %%
def gradients_of(rows):
    """Return the mean gradient of some images for both layers."""
    with tf.GradientTape() as tape:
        answers = head(images[rows])
        loss = tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(labels[rows], answers)
        )
    variables = {v.path: v for v in head.trainable_variables}
    return {path: g.numpy() for path, g in tape.gradient(loss, variables).items()}


parts = [np.arange(7), np.arange(7, 10)]
together = combined([gradients_of(part) for part in parts], [len(part) for part in parts])
whole = gradients_of(np.arange(10))
print(
    f"largest difference: {max(np.abs(together[path] - whole[path]).max() for path in whole):.0e}"
)

# %% [markdown] tags=["solution"]
# The plain mean of the two workers would count each of the three images more than twice as much as each of the seven. With
# equal parts both are the same: that is why the worker of the lesson takes equal parts of every batch, and why a training
# data set often drops its last, smaller batch.

# %%
so_far(15)
