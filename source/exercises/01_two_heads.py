# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 1. Two heads, and a third
#
# Four questions on [lesson 1](../notebooks/01_two_heads.ipynb), from easy to hard. About 30 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("1.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/01_two_heads.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(1)

# %%
digits = data.load_digits()
digits

# %% [markdown]
# A third fact about a digit: does it have a closed loop, as 0, 6, 8 and 9 have? `digit_attributes` knows. (It goes by the
# digit and not by the drawing: a 4 counts as having none.)

# %%
images_train, images_test = digits.x_train.reshape(-1, 784), digits.x_test.reshape(-1, 784)


def three_targets(labels):
    """Return the three targets of this exercise, each of shape (n,)."""
    return {
        "digit": labels,
        "odd": labels % 2,
        "loop": data.digit_attributes(labels)["has_loop"],
    }


targets_train, targets_test = three_targets(digits.y_train), three_targets(digits.y_test)
plots.images(
    digits.x_test[:8], ["loop" if loop else "no loop" for loop in targets_test["loop"][:8]]
)

# %% [markdown]
# ## Question 1.1: a third head
#
# Build a model and call it `model`. It takes images of shape `(784,)` and gives a dictionary of three outputs:
# - `"digit"`: ten probabilities;
# - `"odd"`: the probability that the digit is odd;
# - `"loop"`: the probability that it has a closed loop.
#
# The three heads share a trunk of your choice, and each head's layer has the name of its key.

# %%
### BEGIN SOLUTION
image = keras.Input(shape=(784,), name="image")
trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
trunk = keras.layers.Dense(64, activation="relu", name="trunk_2")(trunk)
heads = {
    "digit": keras.layers.Dense(10, activation="softmax", name="digit")(trunk),
    "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
    "loop": keras.layers.Dense(1, activation="sigmoid", name="loop")(trunk),
}
model = keras.Model(image, heads)
### END SOLUTION

# %%
check("1.1", lambda: model)

# %% [markdown] tags=["solution"]
# Both yes/no questions get one unit with a sigmoid. The two are not alternatives of each other (a 9 is odd *and* has a loop),
# so one softmax over both would be wrong.

# %% [markdown]
# ## Question 1.2: train it
#
# Compile `model` with the right loss and the accuracy of each head, and train it on `images_train` and `targets_train` until
# each head is right on more than 90% of the test images. `data.batches` (with `.repeat()`, as in the lesson) makes it fast:
# 1,500 updates are plenty.

# %%
### BEGIN SOLUTION
model.compile(
    optimizer="adam",
    loss={
        "digit": "sparse_categorical_crossentropy",
        "odd": "binary_crossentropy",
        "loop": "binary_crossentropy",
    },
    metrics={"digit": ["accuracy"], "odd": ["accuracy"], "loop": ["accuracy"]},
    steps_per_execution=100,
)
history = model.fit(
    data.batches(images_train, targets_train, seed=1).repeat(),
    steps_per_epoch=300,
    epochs=5,
    verbose=0,
    callbacks=[plots.Progress()],
)
### END SOLUTION

# %%
check("1.2", lambda: (model, digits))

# %% [markdown]
# ## Question 1.3: contradictions
#
# Write a function `contradictions(predictions)`. It gets what `model.predict` gives: a dictionary that holds, among others,
# `"digit"` of shape `(n, 10)` and `"odd"` of shape `(n, 1)`, in any order. It returns an array of shape `(n,)`: `True` where
# the likeliest digit and the odd head (odd where it predicts more than 0.5) contradict each other.


# %%
### BEGIN SOLUTION
def contradictions(predictions):
    """Return True where the likeliest digit and the odd head contradict each other, shape (n,)."""
    digit_says_odd = predictions["digit"].argmax(axis=1) % 2 == 1
    odd_says_odd = predictions["odd"][:, 0] > 0.5
    return digit_says_odd != odd_says_odd


### END SOLUTION

# %%
check("1.3", lambda: contradictions)

# %% [markdown] tags=["solution"]
# The `[:, 0]` is the point of the question. Without it an array of shape `(n,)` meets one of shape `(n, 1)`, and NumPy
# compares every image with every other: the result has shape `(n, n)`, and its mean looks like a rate all the same.

# %% [markdown]
# ## Question 1.4: all that the digit head knows
#
# The likeliest digit is not all that the digit head predicts. Suppose it gives 0.4 to the 4, 0.3 to the 7 and 0.3 to the 9:
# the likeliest digit is even, and yet the digit is more likely odd than even.
#
# Write `odd_probability(digit)`. It gets the digit head's probabilities, shape `(n, 10)`, and returns the probability that
# the digit is odd, shape `(n,)`.


# %%
### BEGIN SOLUTION
def odd_probability(digit):
    """Return the probability that the digit is odd, shape (n,), from the ten probabilities of the digit head."""
    return digit[:, 1::2].sum(axis=1)


### END SOLUTION

# %%
check("1.4", lambda: odd_probability)

# %% [markdown]
# ## What to do with it
#
# With your answers, this cell compares three ways to decide whether a digit is odd.

# %%
predictions = model.predict(images_test, batch_size=1000, verbose=0)
ways = {
    "the odd head": predictions["odd"][:, 0] > 0.5,
    "the likeliest digit": predictions["digit"].argmax(axis=1) % 2 == 1,
    "the sum over odd digits": odd_probability(predictions["digit"]) > 0.5,
}
print(
    f"The heads contradict each other on {contradictions(predictions).mean():.1%} of the test images."
)
for way, says_odd in ways.items():
    print(f"{way:25}{np.mean(says_odd == targets_test['odd']):.1%} right")

# %% [markdown]
# The sum uses all ten probabilities, and not only the largest. That does not always give more right answers; what it always
# gives is an answer that fits the digit head's own probabilities. [Lesson 11](../notebooks/11_hierarchical_heads.ipynb)
# makes a design of it.

# %%
so_far(1)
