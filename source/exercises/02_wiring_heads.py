# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 2. Eight errors on one page
#
# Five questions on [lesson 2](../notebooks/02_wiring_heads.ipynb), from easy to hard. About 45 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("2.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/02_wiring_heads.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far
from mos_helpers.heads import check_heads

import keras
import numpy as np

keras.utils.set_random_seed(2)

# %%
digits = data.load_digits()
images_train, images_test = digits.x_train.reshape(-1, 784), digits.x_test.reshape(-1, 784)
targets_train = {"digit": digits.y_train, "odd": digits.y_train % 2}
targets_test = {"digit": digits.y_test, "odd": digits.y_test % 2}
labels = digits.y_train
digits

# %% [markdown]
# ## A page of old notes
#
# This page has eight errors, one at each number. Course notes in French with the title *Modèles multi-sorties* have most of
# them too; the words and the code here are ours. `labels` holds the digits, integers from 0 to 9.
#
# ```python
# image = keras.Input(shape=(784,))
# trunk = keras.layers.Dense(64, activation="relu")(image)
#
# # (1) Which digit? Ten units and a softmax: this is multi-label classification.
# # (2) Odd or even? One unit, a sigmoid and binary cross-entropy: this is binary regression.
# # (3) In the scores, the two heads are called "digit" and "odd".
# first = keras.layers.Dense(10, activation="softmax")(trunk)
# second = keras.layers.Dense(1, activation="sigmoid")(trunk)
#
# # (4) The class MultiOutput makes one model of the input and the two outputs.
# model = keras.layers.MultiOutput(image, [first, second])
#
# # (5) The first loss fits the labels of the first head.
# # (6) One entry in `metrics` is enough: both heads get their accuracy.
# losses = ["categorical_crossentropy", "binary_crossentropy"]
# model.compile(optimizer="adam", loss=losses, metrics=["accuracy"])
#
# # (7) Each target reaches its head.
# model.fit(images, [labels % 2, labels])
#
# # (8) The scores tell the squared error of the second head, too.
# model.evaluate(images_test, [labels_test % 2, labels_test])
# ```

# %% [markdown]
# ## Question 2.1: what should stand there?
#
# Write a dictionary `corrected`. Its keys are the numbers 1 to 8, and each value is one small piece:
#
# | key | the piece |
# |---|---|
# | 1 | the right word for the first head: `"binary"`, `"multi-class"`, `"multi-label"` or `"regression"` |
# | 2 | the right word for the second head, from the same four |
# | 3 | the layer of the first head, `keras.layers.Dense(...)`, so that its scores are called `digit_...` |
# | 4 | the class that makes one model of inputs and outputs (the class itself, without brackets) |
# | 5 | the loss of the first head that fits `labels` as they are |
# | 6 | what to give to `metrics=`, so that each of two heads, named `digit` and `odd`, gets its accuracy |
# | 7 | the targets, so that each reaches its head |
# | 8 | the metric that must be given to the second head, so that the sentence becomes true |
#
# You need not find all eight at once: the check speaks of each line separately.

# %%
### BEGIN SOLUTION
corrected = {
    1: "multi-class",
    2: "binary",
    3: keras.layers.Dense(10, activation="softmax", name="digit"),
    4: keras.Model,
    5: "sparse_categorical_crossentropy",
    6: {"digit": ["accuracy"], "odd": ["accuracy"]},
    7: {"digit": labels, "odd": labels % 2},
    8: "mean_squared_error",
}
### END SOLUTION

# %%
check("2.1", lambda: corrected)

# %% [markdown] tags=["solution"]
# Which of the eight errors would have given a message? Only three: the missing class (4) at once, and, in `fit`, the metrics
# (6) and the loss (5). The swapped targets (7) give no message. Errors 1, 2, 3 and 8 are in the words: the code runs, and
# the reader believes something false.
#
# No version of Keras has a class `MultiOutput`. [Lesson 3](../notebooks/03_three_architectures.ipynb) writes a layer of
# this name.

# %% [markdown]
# ## Question 2.2: the words of lines 1 and 2
#
# *Multi-label* and *regression* do have a meaning. Write the contract of two other heads, one of each kind:
# - `"facts"`: six yes/no facts about the digit, any number of which may be true. The target has shape `(n, 6)` and holds
#   0 and 1;
# - `"ink"`: one number, with mean 0 and standard deviation 1 over the images, so it is often negative. The target has shape `(n, 1)`.
#
# Call `contracts` a dictionary with these two keys. Each value is a dictionary with `"units"`, `"activation"` and `"loss"`, as
# Keras takes them.

# %%
### BEGIN SOLUTION
contracts = {
    "facts": {"units": 6, "activation": "sigmoid", "loss": "binary_crossentropy"},
    "ink": {"units": 1, "activation": None, "loss": "mean_squared_error"},
}
### END SOLUTION

# %%
check("2.2", lambda: contracts)

# %% [markdown] tags=["solution"]
# With a softmax, the six facts would share a total of 1, and two true facts could not both be near 1. With a sigmoid, the ink
# could never be negative.

# %% [markdown]
# ## Question 2.3: the repaired page
#
# Now write the page again. Build, compile and train a model, and call it `model`:
# - its outputs are a dictionary with the keys `digit` (ten probabilities) and `odd` (one probability);
# - its scores hold the accuracy of `digit` and the squared error of `odd`, under the names `digit_accuracy` and
#   `odd_mean_squared_error`;
# - it is trained on `images_train` and `targets_train`, until each head is right on more than 90% of the test images.
#
# `data.batches` makes it fast, as in exercise 1: 1,500 updates are plenty.

# %%
### BEGIN SOLUTION
image = keras.Input(shape=(784,), name="image")
trunk = keras.layers.Dense(128, activation="relu", name="trunk")(image)
heads = {
    "digit": keras.layers.Dense(10, activation="softmax", name="digit")(trunk),
    "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
}
model = keras.Model(image, heads)
model.compile(
    optimizer="adam",
    loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
    metrics={"digit": ["accuracy"], "odd": ["mean_squared_error"]},
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
check("2.3", lambda: (model, digits))

# %% [markdown]
# A check looks at the answer to a question. `check_heads` looks at any model. What does it say about yours?

# %%
check_heads(model, targets_train)

# %% [markdown]
# ## Question 2.4: scores by name
#
# Write `head_scores(model, images, targets)`. It returns a dictionary: `"digit"` with the accuracy of the digit head, and
# `"odd"` with the squared error of the odd head.
#
# The model has two heads with these names, and it was compiled with the metrics `"accuracy"` and `"mean_squared_error"`. But
# you do not know in which order the heads come, whether the outputs are a list or a dictionary, or which *other* metrics
# there are. `targets` is a dictionary with the two keys.


# %%
### BEGIN SOLUTION
def head_scores(model, images, targets):
    """Return the accuracy of the head `digit` and the squared error of the head `odd`."""
    scores = model.evaluate(images, targets, verbose=0, return_dict=True)
    return {"digit": scores["digit_accuracy"], "odd": scores["odd_mean_squared_error"]}


### END SOLUTION

# %%
check("2.4", lambda: head_scores)

# %% [markdown]
# ## Question 2.5: lists, made to work
#
# Older code gives you the targets as a list, in the order in which the model's outputs were written. You cannot change that
# code. Write `by_name(model, listed)`: it returns the targets as a dictionary, with the names of the heads as keys.
#
# It must work for a model with a list of outputs and for one with a dictionary of outputs, with any number of heads. In a
# model with a list, the name of a head is the name of its layer. In a model with a dictionary, it is the key. When the list
# is too short or too long, your function must raise a `ValueError`.


# %%
### BEGIN SOLUTION
def by_name(model, listed):
    """Return the targets under the names of the heads, in the order of the model's outputs."""
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    return dict(zip(names, listed, strict=True))


### END SOLUTION

# %%
check("2.5", lambda: by_name)

# %% [markdown] tags=["solution"]
# `output_names` alone is right for a list. For a dictionary it is sorted by the alphabet, so the targets of a model that was
# written with `odd` first would reach the wrong heads. `zip` without `strict=True` drops what is left over, without a word.

# %% [markdown]
# ## What to do with it
#
# With your answers, the old list reaches the right heads, and the scores have names.

# %%
old_list = [digits.y_test, digits.y_test % 2]
named_targets = by_name(
    keras.Model(model.input, [model.output["digit"], model.output["odd"]]), old_list
)

scores = head_scores(model, images_test, named_targets)
print(f"Accuracy of the digit head     {scores['digit']:.3f}")
print(f"Squared error of the odd head  {scores['odd']:.3f}")

# %%
so_far(2)
