# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 14. Name, refuse and share
#
# Three questions on [lesson 14](../notebooks/14_ship.ipynb), from easy to hard. About 30 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("14.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/14_ship.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import tempfile

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(14)

# %% [markdown]
# ## Question 14.1: names for an old model
#
# A colleague left a trained model. Its outputs are a list, and its layers are called `dense_7` and the like. A server that
# got it would have to count outputs. Write `named(model, names)`: it returns a model, built as `keras.Model(inputs, outputs)`,
# whose outputs are a **dictionary**. `names` has a name for each output, in the order of the list. The new model shares the
# layers of the old one: nothing is trained or copied, and the old model stays as it is. Any layer may give an output, not only
# the last ones.


# %%
### BEGIN SOLUTION
def named(model, names):
    """Return a model with the same layers, and a name for each output."""
    return keras.Model(model.inputs, dict(zip(names, model.outputs, strict=True)))


### END SOLUTION

# %%
check("14.1", lambda: named)

# %% [markdown]
# Do the names arrive in what is served? Here is a small old model with two outputs:

# %%
image = keras.Input((784,), name="image")
hidden = keras.layers.Dense(32, activation="relu")(image)
outputs = [
    keras.layers.Dense(1, activation="sigmoid")(hidden),
    keras.layers.Dense(10, activation="softmax")(hidden),
]
old = keras.Model(image, outputs)

# %%
new = named(old, ["odd", "digit"])
with tempfile.TemporaryDirectory() as folder:
    new.export(folder, verbose=False)
    saved = tf.saved_model.load(folder)
    served = saved.signatures["serving_default"](image=tf.zeros((1, 784)))
print({name: tuple(served[name].shape) for name in ["odd", "digit"]})

# %% [markdown] tags=["solution"]
# Such a model is made of tensors, from its inputs to its outputs. To give the outputs names, Keras computes nothing and copies
# nothing. `model.output_names` would not help: it holds the names of the layers.

# %% [markdown]
# ## Question 14.2: what is wrong with a request?
#
# A server got a request. Write `faults(instances, shapes)`. `instances` is a list of dictionaries, as JSON gives them: from
# the name of an input to a number, or to lists (of lists) of numbers. `shapes` says which inputs the model has, and which
# shape each has in one instance. Return a list (or a set) of pairs `(place, name)`: the places in the list, from 0, and the
# names of the inputs that are wrong there. An input is wrong if
# - it is missing, or the model has none of that name;
# - its shape is another one (lists of different lengths have no shape);
# - it holds anything but finite numbers: a text, `None`, NaN or an infinite number.


# %%
### BEGIN SOLUTION
def faults(instances, shapes):
    """Return the place and the name of each input that is wrong."""

    def is_right(value, shape):
        try:
            array = np.array(value)
        except ValueError:  # lists of different lengths
            return False
        numbers = array.dtype.kind in "iuf"
        return numbers and array.shape == shape and bool(np.isfinite(array).all())

    found = []
    for place, instance in enumerate(instances):
        for name in {*instance, *shapes}:
            named = name in instance and name in shapes
            if not named or not is_right(instance[name], shapes[name]):
                found.append((place, name))
    return found


### END SOLUTION

# %%
check("14.2", lambda: faults)

# %% [markdown]
# What would a server say of these? (The model asks for an `image` of two by two pixels, and for a `code`.)

# %%
requests = [
    {"image": [[0.0, 0.5], [1, 0]], "code": 3},
    {"image": [[0.0, 0.5], [1]], "code": 3},
    {"image": [[0.0, "0.5"], [1, 0]], "code": None},
    {"picture": [[0.0, 0.5], [1, 0]], "code": 3},
]
sorted(faults(requests, {"image": (2, 2), "code": ()}))

# %% [markdown] tags=["solution"]
# NumPy makes one array of texts from numbers and a text, and one of objects if there is a `None`: the kind of the array tells.
# All that is wrong is named at once, so that whoever asked does not have to ask again for each fault. A list of names alone
# would not do: among a hundred instances nobody finds the one that is meant.

# %% [markdown]
# ## Question 14.3: one call for all
#
# Several people ask at the same time. One call of the model for all of their rows costs little more than one for a single
# row. Write `answer_all(requests, model)`. `requests` is a list (at least one) of dictionaries: from the name of an input to
# an array; each may have them in an order of its own. The arrays of one request have the same number of rows, which may be 0; requests differ. `model` is a function
# from such a dictionary to a dictionary of arrays by head, with a row for each row that it was given. Call it **once**, and
# return a list of dictionaries: to each request its own answers, in the order of the requests.


# %%
### BEGIN SOLUTION
def answer_all(requests, model):
    """Return for each request its answers, from one call of the model."""
    rows = {name: np.concatenate([one[name] for one in requests]) for name in requests[0]}
    counts = [len(next(iter(one.values()))) for one in requests]
    ends = np.cumsum(counts)
    answers = model(rows)
    return [
        {name: values[end - count : end] for name, values in answers.items()}
        for count, end in zip(counts, ends, strict=True)
    ]


### END SOLUTION

# %%
check("14.3", lambda: answer_all)

# %% [markdown]
# With a real model:

# %%
small = keras.Model({"image": image}, {"odd": outputs[0], "digit": outputs[1]})
digits = data.load_digits()
images = digits.x_test.reshape(-1, 784)
shared = answer_all([{"image": images[:3]}, {"image": images[3:4]}], small.predict_on_batch)
print([one["digit"].shape for one in shared])

# %% [markdown] tags=["solution"]
# The rows of all requests stand one after another, so the answers do as well: each request gets those from its first row to
# its last. `np.split(values, ends[:-1])` cuts in the same places. An equal number for each (`np.array_split`) would give
# rows of one person to another, and nothing would look strange.

# %%
so_far(14)
