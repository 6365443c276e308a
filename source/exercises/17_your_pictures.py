# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 17. Compare, turn, score and freeze
#
# Four questions on [lesson 17](../notebooks/17_your_pictures.ipynb), from easy to hard. About 25 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables, and your functions should not change what they are given. If you are stuck, run `hint("17.1")` in a new cell: each
# run gives one hint more. The answers are in `solutions/17_your_pictures.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint

import keras
import numpy as np

# %% [markdown]
# ## Question 17.1: the list and the folder
#
# `listed` holds the file names of a list of labels, one for each row, and `on_disk` the names of the files in the folder. A
# name may stand in several rows.
#
# Write `compare(listed, on_disk)`. It returns a dictionary of three counts of **names**, not of rows:
# - `"no file"`: names in the list without a file;
# - `"no row"`: files without any row;
# - `"twice"`: names that stand in more than one row, with a file or without.


# %%
### BEGIN SOLUTION
def compare(listed, on_disk):
    """Count names without a file, files without a row, and names in several rows."""
    return {
        "no file": len(set(listed) - set(on_disk)),
        "no row": len(set(on_disk) - set(listed)),
        "twice": sum(listed.count(name) > 1 for name in set(listed)),
    }


### END SOLUTION

# %%
check("17.1", lambda: compare)

# %% [markdown] tags=["solution"]
# A set holds each name once. A name in two rows is a trap when its labels differ, and when one row is in the training part and the
# other in the test part.

# %% [markdown]
# ## Question 17.2: the targets of a turned picture
#
# `pose` holds three arrays of shape `(n,)`: `"angle"` in degrees, positive for a digit turned counter-clockwise, and
# `"shift_right"` and `"shift_down"`, how far the digit lies from the centre of the picture, in pixels. Now the pictures are turned
# about their centres, counter-clockwise, by `degrees`, an array of shape `(n,)`.
#
# Write `turn(pose, degrees)`. It returns the new pose, with the same keys. (A digit at the right edge that is turned by 90
# degrees is then at the upper edge.)


# %%
### BEGIN SOLUTION
def turn(pose, degrees):
    """Return the pose in a picture that is turned counter-clockwise."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    right, down = pose["shift_right"], pose["shift_down"]
    return {
        "angle": pose["angle"] + degrees,
        "shift_right": right * cos + down * sin,
        "shift_down": down * cos - right * sin,
    }


### END SOLUTION

# %%
check("17.2", lambda: turn)

# %% [markdown] tags=["solution"]
# The place turns too, not the angle alone. With 90 degrees and a digit at the right, `right` becomes 0 and `down` becomes
# `-right`, which is up. A test with one such picture finds a wrong sign at once.

# %% [markdown]
# ## Question 17.3: a score for maps with gaps
#
# `truth` has shape `(n, height, width)` and holds 0 and 1, `predicted` has the same shape and holds probabilities, and `known` has
# shape `(n,)`: True where a map was drawn. A missing map is filled with zeros.
#
# Write `iou(truth, predicted, known)`. It returns the *intersection over union* over the pixels of **all known maps together**: the
# number of pixels that are ink and predicted as ink (above 0.5; exactly 0.5 is not), divided by the number that are one of the
# two, or both. It is a share from 0 to 1. There is some ink.


# %%
### BEGIN SOLUTION
def iou(truth, predicted, known):
    """Return the intersection over union over all known maps together."""
    ink, found = truth[known] > 0.5, predicted[known] > 0.5
    return (ink & found).sum() / (ink | found).sum()


### END SOLUTION

# %%
check("17.3", lambda: iou)

# %% [markdown] tags=["solution"]
# The share of right pixels is no good score here: most pixels are ground, and a head that never finds ink has a high one. And with
# the filled maps, each pixel predicted as ink there would count as wrong.

# %% [markdown]
# ## Question 17.4: what a normalisation remembers
#
# A `BatchNormalization` layer has the moving means `moving`, of shape `(k,)`. It sees `batches` of shape `(updates, rows, k)`, one
# after the other, in `fit`. After each, the moving mean is `momentum` times the old one plus `1 - momentum` times the mean of the
# batch over its rows. But if the layer is frozen, `trainable` is False.
#
# Write `remember(moving, batches, momentum, trainable)`. It returns the moving means in the end, of shape `(k,)`.


# %%
### BEGIN SOLUTION
def remember(moving, batches, momentum, trainable):
    """Return the moving means of a normalisation after some updates."""
    if trainable:
        for batch in batches:
            moving = momentum * moving + (1 - momentum) * batch.mean(axis=0)
    return moving


### END SOLUTION

# %%
check("17.4", lambda: remember)

# %% [markdown] tags=["solution"]
# After $u$ updates a part of $m^u$ of the first values is left. With Keras's momentum of 0.99 and 100 updates this is 37%: after
# a short training from scratch, more than a third of the statistics is still that of the beginning, and `predict` suffers. The lesson's trunk
# has 0.9.

# %% [markdown]
# ## What to do with it
#
# Does Keras agree with your `remember`? The two lines below should be the same, up to rounding.

# %%
rng = np.random.default_rng(0)
batches = rng.normal(3, 2, (5, 32, 2)).astype("float32")
for trainable in [True, False]:
    layer = keras.layers.BatchNormalization(momentum=0.9, trainable=trainable)
    for batch in batches:
        layer(batch, training=True)
    print(
        keras.ops.convert_to_numpy(layer.moving_mean).round(3),
        np.round(remember(np.zeros(2), batches, 0.9, trainable), 3),
    )
