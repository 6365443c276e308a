# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 9. Measure it, take it out, mix it, repair it
#
# Four questions on [lesson 9](../notebooks/09_gradient_conflict.ipynb), from easy to hard. About 45 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("9.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/09_gradient_conflict.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(9)

# %%
digits = data.load_digits()
images_train, targets_train = data.two_digits(digits.x_train, digits.y_train, 2000, seed=1)
images_train = images_train.reshape(2000, -1)

image = keras.Input(shape=(1156,), name="image")
features = keras.layers.Dense(32, activation="relu", name="trunk")(image)
heads = {
    name: keras.layers.Dense(10, "softmax", name=name)(features) for name in ["left", "right"]
}
model = keras.Model(image, heads)
[variable.path for variable in model.trainable_variables]

# %% [markdown]
# ## Question 9.1: the cosine similarity on the trunk
#
# Given is a model such as the one above, with the outputs `"left"` and `"right"`, each a softmax over ten digits. It may have
# more trunk layers. Their names begin with `trunk`, and so do the paths of their variables.
#
# Write `trunk_cosine(model, images, targets)`. It returns one number: the cosine similarity of the gradients of the two losses
# on the **whole trunk**, for this batch. The loss of a head is the mean of `keras.losses.sparse_categorical_crossentropy` over
# the images. `targets` is a dictionary with the keys `"left"` and `"right"`. The function only measures: it leaves the
# parameters of the model as they are.


# %%
### BEGIN SOLUTION
def trunk_cosine(model, images, targets):
    """Return the cosine similarity of the two heads' gradients on the trunk."""
    trunk = [v for v in model.trainable_variables if v.path.startswith("trunk")]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images, training=True)
        losses = [
            tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(targets[name], answers[name])
            )
            for name in ["left", "right"]
        ]
    rows = [tape.gradient(loss, trunk) for loss in losses]
    a, b = [np.concatenate([part.numpy().ravel() for part in row]) for row in rows]
    return a @ b / np.sqrt((a @ a) * (b @ b))


### END SOLUTION

# %%
check("9.1", lambda: trunk_cosine)

# %% [markdown] tags=["solution"]
# One pass forwards, two ways back. Kernels and biases of all trunk layers go into one long vector for each head. The heads'
# own parameters stay out: their scalar product is 0, since each has a gradient from one head only, but they make the norms
# larger and so the cosine smaller.

# %% [markdown]
# ## Question 9.2: PCGrad for two heads
#
# Write `surgery(a, b)`. It gets the gradients of two heads on the trunk, two vectors of the same shape, and returns the step
# of PCGrad: if they are in conflict, the part along the other is taken out of each. Then the two are added. Otherwise it is
# the sum of `a` and `b`. Either vector may be zero. The vectors `a` and `b` themselves must not change.


# %%
### BEGIN SOLUTION
def surgery(a, b):
    """Return the sum of two gradients, after the conflict was taken out of each."""
    overlap = a @ b
    if overlap >= 0:
        return a + b
    return (a - overlap / (b @ b) * b) + (b - overlap / (a @ a) * a)


### END SOLUTION

# %%
check("9.2", lambda: surgery)

# %% [markdown] tags=["solution"]
# Without a conflict nothing is divided, so a gradient of zero is no problem. Each gradient meets the *original* other one.
# Multiplied out, the step is `(1 - overlap / (a @ a)) * a + (1 - overlap / (b @ b)) * b`: the weights of the lesson.

# %% [markdown]
# ## Question 9.3: the mixture of smallest norm
#
# Write `smallest_norm(a, b)`. Of all mixtures `weight * a + (1 - weight) * b`, where the weight lies between 0 and 1, it
# returns the one with the smallest norm. It must also work if `a` and `b` are equal. Compute the weight: the best of some
# weights that you try is not exact enough.


# %%
### BEGIN SOLUTION
def smallest_norm(a, b):
    """Return the mixture of two gradients that has the smallest norm."""
    apart = (a - b) @ (a - b)
    if apart == 0:
        return a
    weight = np.clip((b - a) @ b / apart, 0, 1)
    return weight * a + (1 - weight) * b


### END SOLUTION

# %%
check("9.3", lambda: smallest_norm)

# %% [markdown] tags=["solution"]
# The squared norm of the mixture is a parabola in the weight, so its lowest place has a formula. Where that place lies outside
# of 0 to 1, one of the two gradients alone is the mixture of smallest norm. That happens if their cosine is positive and one
# is much smaller.

# %% [markdown]
# ## Question 9.4: find the bugs
#
# Here is a PCGrad for any number of heads. It gets all gradients, shape `(heads, parameters)`, one row for each head. Some
# columns are the parameters of the trunk, and `is_trunk` (True and False, shape `(parameters,)`) says which. The others are
# parameters of a head: there, the other heads have a gradient of 0. `rng` is a NumPy random generator.
#
# The function has **two bugs**. It raises no error, so nobody may notice.


# %%
def pcgrad_with_bugs(gradients, is_trunk, rng):
    update = np.zeros_like(gradients[0])
    others = np.arange(len(gradients))
    for head, own in enumerate(gradients):
        rng.permutation(others)
        for other in others:
            overlap = own @ gradients[other]
            if other != head and overlap < 0:
                own = own - overlap / (gradients[other] @ gradients[other]) * gradients[other]
        update += own
    return update


# %% [markdown]
# Write `repaired(gradients, is_trunk, rng)`. It returns the update for all parameters, shape `(parameters,)`: on the trunk the
# result of PCGrad, on the heads' parameters their plain gradients. In each call, each head gets a new random order of its own,
# drawn from `rng`: calls with equally seeded generators give the same result. `gradients` must not change.


# %%
### BEGIN SOLUTION
def repaired(gradients, is_trunk, rng):
    """Return PCGrad's update on the trunk, and plain gradients elsewhere."""
    update = gradients.sum(axis=0)
    rows = gradients[:, is_trunk]
    total = np.zeros_like(rows[0])
    for head, own in enumerate(rows):
        for other in rng.permutation(len(rows)):
            overlap = own @ rows[other]
            if other != head and overlap < 0:
                own = own - overlap / (rows[other] @ rows[other]) * rows[other]
        total += own
    update[is_trunk] = total
    return update


### END SOLUTION

# %%
check("9.4", lambda: repaired)

# %% [markdown] tags=["solution"]
# First, `rng.permutation(others)` returns a new order, and the function did not use it: the heads always met in the order of
# their numbers. Second, the projection ran over all columns. The scalar products were still right, since two heads have no
# parameters of a head in common. But the squared norm `gradients[other] @ gradients[other]` was too large, so too little was
# taken out. And parts of one head's gradient were added to the parameters of another head, which should not have noticed.

# %% [markdown]
# ## What to do with it
#
# With your answer to 9.1, this cell looks at the model from above before and after a short training, on five batches.

# %%
losses = dict.fromkeys(heads, "sparse_categorical_crossentropy")
model.compile(optimizer="adam", loss=losses, steps_per_execution=100)

for updates in [0, 200]:
    if updates:
        batches = data.batches(images_train, targets_train, seed=1).repeat()
        model.fit(batches, steps_per_epoch=updates, verbose=0)
    batches = data.batches(images_train, targets_train, seed=2).take(5)
    found = [trunk_cosine(model, *batch) for batch in batches]
    print(f"after {updates:3} updates: cosines", [f"{value:.2f}" for value in found])

# %% [markdown]
# The heads are unrelated, so their cosines are small, and some are negative. And this is what your two steps do with one
# conflict:

# %%
first, second = np.array([3.0, 0.0]), np.array([-1.0, 1.0])
for name, step in [("PCGrad", surgery(first, second)), ("MGDA", smallest_norm(first, second))]:
    print(f"{name}: {step}, scalar products {first @ step:.2f} and {second @ step:.2f}")

# %% [markdown]
# MGDA's mixture has the *same* scalar product with both gradients here: each head gains equally. PCGrad's step is larger, and
# the head with the larger gradient gains more.

# %%
so_far(9)
