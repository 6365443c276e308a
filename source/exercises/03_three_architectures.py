# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 3. Cut, sum, count and merge
#
# Four questions on [lesson 3](../notebooks/03_three_architectures.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("3.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/03_three_architectures.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(3)

# %%
digits = data.load_digits()
images_train, targets_train = data.two_digits(digits.x_train, digits.y_train, 4000, seed=1)
images_test, targets_test = data.two_digits(digits.x_test, digits.y_test, 1000, seed=2)
images_train, images_test = images_train.reshape(4000, -1), images_test.reshape(1000, -1)
images_train.shape

# %% [markdown]
# ## Question 3.1: cut a wide head
#
# Someone gives you an old model with one wide head. It ends in `Dense(21)` without an activation, so each image gives a vector
# of 21 numbers. The first ten are about the left digit, the next ten about the right digit, and the last one is about a third
# question: are the two digits the *same*?
#
# Write `cut(vector)`. It gets an array of shape `(n, 21)` and returns a dictionary of probabilities: `"left"` of shape
# `(n, 10)`, `"right"` of shape `(n, 10)` and `"same"` of shape `(n, 1)`. NumPy, `keras.ops` and TensorFlow are all fine.


# %%
### BEGIN SOLUTION
def cut(vector):
    """Return the probabilities of the three answers in a vector of shape (n, 21)."""
    return {
        "left": keras.ops.softmax(vector[:, :10], axis=1),
        "right": keras.ops.softmax(vector[:, 10:20], axis=1),
        "same": keras.ops.sigmoid(vector[:, 20:]),
    }


### END SOLUTION

# %%
check("3.1", lambda: cut)

# %% [markdown] tags=["solution"]
# Cut first, then apply an activation to each block. `20:` keeps the second axis and `20` would lose it. All of this is what
# three heads with their own activations do for you.

# %% [markdown]
# ## Question 3.2: two answers from one head for pairs
#
# A head for pairs gives a hundred probabilities. The column of "left digit 3, right digit 5" is `10 * 3 + 5`, which is 35.
#
# Write `two_answers(pair)`. It gets the hundred probabilities, shape `(n, 100)`, and returns a dictionary: the probabilities
# of the left digit, `"left"` of shape `(n, 10)`, and those of the right digit, `"right"` of shape `(n, 10)`.


# %%
### BEGIN SOLUTION
def two_answers(pair):
    """Return the probabilities of the left and of the right digit, each of shape (n, 10)."""
    table = pair.reshape(-1, 10, 10)  # image, left digit, right digit
    return {"left": table.sum(axis=2), "right": table.sum(axis=1)}


### END SOLUTION

# %%
check("3.2", lambda: two_answers)

# %% [markdown] tags=["solution"]
# The left digit is a 3 if the pair is "3 and 0", or "3 and 1", and so on: these exclude each other, and their probabilities
# add up. The axis that is summed is the one of the digit that we do *not* ask for.

# %% [markdown]
# ## Question 3.3: a fair size
#
# A shared network has `inputs` numbers per image, one hidden layer of `units` units, and one `Dense` head for each number in
# `classes`: `[10, 10]` means two heads with ten units each. It is compared with separate networks, one for each head, each
# with one hidden layer and its head.
#
# Write `fair_units(inputs, units, classes)`. It returns the largest number of hidden units, the same in each separate network,
# with which all of these networks together have **no more** parameters than the shared one: 0 if even one unit is too many.
# Every layer has a bias.


# %%
### BEGIN SOLUTION
def fair_units(inputs, units, classes):
    """Return the most hidden units of separate networks that are together no larger."""
    shared = (inputs + 1) * units + sum((units + 1) * number for number in classes)
    fair = 0
    while sum((inputs + 1) * (fair + 1) + (fair + 2) * number for number in classes) <= shared:
        fair += 1
    return fair


### END SOLUTION

# %%
check("3.3", lambda: fair_units)

# %% [markdown] tags=["solution"]
# A Dense layer from `a` numbers to `b` units has `(a + 1) * b` parameters: one more input for the bias. Counting upwards is
# slow and easy to trust. The formula, with `total = sum(classes)`, is `units * (inputs + 1 + total) // (len(classes) *
# (inputs + 1) + total)`. It can be more than `units // len(classes)`, as with fewer units the heads get smaller too.

# %% [markdown]
# ## Question 3.4: two networks in one trunk
#
# Can a shared trunk do what two separate networks do? Take two trained networks, each with one hidden layer (relu) and one
# head. `get_weights` gives four arrays for each: `[kernel, bias, head_kernel, head_bias]`, of shapes `(inputs, units)`,
# `(units,)`, `(units, 10)` and `(10,)`.
#
# Write `merge(left, right)`. It gets two such lists; their numbers of units may differ. It returns the weights of **one**
# shared model that gives exactly the same answers, as a dictionary: `"trunk"` is the kernel and the bias of one hidden layer
# (relu), `"left"` and `"right"` are the kernel and the bias of each head on that layer.


# %%
### BEGIN SOLUTION
def merge(left, right):
    """Return the weights of a shared model that answers like two separate networks."""
    trunk_kernel = np.concatenate([left[0], right[0]], axis=1)
    trunk_bias = np.concatenate([left[1], right[1]])
    left_kernel = np.concatenate([left[2], np.zeros((len(right[2]), left[2].shape[1]))])
    right_kernel = np.concatenate([np.zeros((len(left[2]), right[2].shape[1])), right[2]])
    return {
        "trunk": [trunk_kernel, trunk_bias],
        "left": [left_kernel, left[3]],
        "right": [right_kernel, right[3]],
    }


### END SOLUTION

# %%
check("3.4", lambda: merge)

# %% [markdown] tags=["solution"]
# The hidden units of both networks stand side by side in one trunk. Each head has a row for every unit of the trunk, and its
# rows are zero for the units that came from the other network: it does not listen to them.

# %% [markdown]
# ## What to do with it
#
# With your answers, these cells train two separate networks, merge them into one shared model, and compare.


# %%
def network(name):
    """Train a network with 32 hidden units for one of the two digits."""
    layers = [
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input(shape=(1156,)), *layers])
    model.compile(
        optimizer="adam", loss="sparse_categorical_crossentropy", steps_per_execution=100
    )
    training = data.batches(images_train, targets_train[name], seed=1).repeat()
    model.fit(training, steps_per_epoch=300, verbose=0)
    return model


networks = {name: network(name) for name in ["left", "right"]}
separate = {name: model.predict(images_test, verbose=0) for name, model in networks.items()}

# %%
merged = merge(networks["left"].get_weights(), networks["right"].get_weights())
image = keras.Input(shape=(1156,), name="image")
trunk = keras.layers.Dense(64, activation="relu", name="trunk")(image)
heads = {
    name: keras.layers.Dense(10, "softmax", name=name)(trunk) for name in ["left", "right"]
}
shared = keras.Model(image, heads, name="merged")
for name, weights in merged.items():
    shared.get_layer(name).set_weights(weights)

together = shared.predict(images_test, verbose=0)
for name in ["left", "right"]:
    right = np.mean(together[name].argmax(axis=1) == targets_test[name])
    change = np.abs(together[name] - separate[name]).max()
    print(f"{name}: {right:.1%} right, probabilities changed by {change:.0e} at most")
fair = fair_units(1156, 64, [10, 10])
print(f"With {fair} units each, two networks are no larger than a shared one with 64.")

# %% [markdown]
# So a shared trunk with as many units as two networks together *can* do all that they do. It can do more, because each of its
# units reaches both heads, and for that it needs more parameters. At the lesson's equal totals, the shared trunk had fewer
# units than the two networks together.
#
# And a head for pairs? If we multiply the two answers of each image, we get one. Your `two_answers` takes it apart again.

# %%
pair = np.einsum("nl,nr->nlr", together["left"], together["right"]).reshape(-1, 100)
apart = two_answers(pair)
print(all(np.allclose(apart[name], together[name], atol=1e-5) for name in ["left", "right"]))

# %%
so_far(3)
