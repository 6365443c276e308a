# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 7. Count, schedule, choose and rescale
#
# Four questions on [lesson 7](../notebooks/07_loss_weights.ipynb), from easy to hard. About 45 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables, and your functions should not change what they are given. If you are stuck, run `hint("7.1")` in a new cell: each
# run gives one hint more. The answers are in `solutions/07_loss_weights.ipynb`.

# %%
from mos_helpers import plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

# %% [markdown]
# ## Question 7.1: the weights that nobody wrote
#
# Each head of a model is described by a dictionary. For example
#
# `{"reduction": "sum", "labels": 4, "weight": 0.5}`
#
# means: each image has 4 labels for this head, the losses of all labels of a batch are added up, and the loss weight in
# `compile` is 0.5. With `"mean"` they are averaged over all images and labels of the batch.
#
# Say that each label has the same loss. How much of the total comes from each head? Write `shares(heads, batch_size)`. It
# gets a dictionary of such dictionaries, by the name of the head, and the number of images in a batch. It returns a
# dictionary with the share of each head in the total loss; the shares have the sum 1.


# %%
### BEGIN SOLUTION
def shares(heads, batch_size):
    """Return the share of each head in the total, if all labels have the same loss."""
    parts = {}
    for name, head in heads.items():
        count = batch_size * head["labels"] if head["reduction"] == "sum" else 1
        parts[name] = head["weight"] * count
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()}


### END SOLUTION

# %%
check("7.1", lambda: shares)

# %% [markdown] tags=["solution"]
# A mean has the size of one loss, however many labels there are. A sum has the size of one loss times the number of images
# times the number of labels. For Adam the common factor does not matter, so the shares say all.

# %% [markdown]
# ## Question 7.2: a head that comes in slowly
#
# Write `warm_up(variable, start, end, epochs)`. It returns a Keras **callback**. During the first epoch (number 0) the
# variable, a `keras.Variable`, has the value `start`. It then changes by the same amount in each epoch, and in epoch number
# `epochs` it has the value `end`. From then on it stays at `end`.
#
# So with `start=0`, `end=1` and `epochs=4` it is 0, 0.25, 0.5, 0.75, 1, 1, 1, ... And `fit(..., initial_epoch=2)`, which
# continues an earlier training, must begin with 0.5. `start` may also be larger than `end`: then the variable falls.


# %%
### BEGIN SOLUTION
def warm_up(variable, start, end, epochs):
    """Return a callback that moves a variable from start to end, and keeps it there."""

    class WarmUp(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            done = min(epoch / epochs, 1)
            variable.assign(start + done * (end - start))

    return WarmUp()


### END SOLUTION

# %%
check("7.2", lambda: warm_up)

# %% [markdown] tags=["solution"]
# The weight is set at the *beginning* of an epoch, and from the epoch's number: a callback that counts its own calls would
# begin at `start` again when a training is continued. `min` keeps it at the end.

# %% [markdown]
# ## Question 7.3: choose by a criterion
#
# You have swept some weights over several runs. `weights` is a list of k numbers; `left` and `odd` are arrays, the accuracies on
# validation images, of shape `(runs, k)`. Write `choose(weights, left, odd, promise)`. It takes the **mean over the runs**
# and returns a dictionary:
# - `"front"`: a list of the weights that are worth a look, in the given order. A weight is *not* worth a look if another
#   one is at least as good in both heads, and better in one of them.
# - `"chosen"`: the weight with the best *left* among those whose *odd* is at least `promise`. If two have the same best
#   *left*, it is the one with the better *odd*. If no weight keeps the promise, it is `None`.


# %%
### BEGIN SOLUTION
def choose(weights, left, odd, promise):
    """Return the weights that no other weight beats, and the best one that keeps the promise."""
    points = list(zip(left.mean(axis=0), odd.mean(axis=0), strict=True))

    def beaten(point):
        return any(
            other[0] >= point[0] and other[1] >= point[1] and other != point for other in points
        )

    keeping = [number for number, point in enumerate(points) if point[1] >= promise]
    best = max(keeping, key=lambda number: points[number], default=None)
    return {
        "front": [weights[number] for number, point in enumerate(points) if not beaten(point)],
        "chosen": None if best is None else weights[best],
    }


### END SOLUTION

# %%
check("7.3", lambda: choose)

# %% [markdown] tags=["solution"]
# Two equal points do not beat each other, so both stay. Tuples are compared by their first number and then by the second,
# which is the rule for equal *left*. The weights on the front are called *Pareto-optimal*: among the weights that were
# tried, none is better in one head without being worse in the other.

# %% [markdown]
# ## Question 7.4: free of scale
#
# A step of gradient descent on the sum of logarithms needs the loss of each head, and the gradient of each loss at the
# trunk. Write `sum_of_logs(losses, gradients)`. It gets two dictionaries with the same keys, in any order: `losses` holds
# positive numbers, and `gradients` holds arrays of one shape, the gradients of these losses. It returns a dictionary:
# - `"loss"`: the sum of the logarithms, a number;
# - `"gradient"`: the gradient of that sum, an array of the same shape.


# %%
### BEGIN SOLUTION
def sum_of_logs(losses, gradients):
    """Return the sum of the logarithms of the losses, and its gradient."""
    return {
        "loss": sum(np.log(loss) for loss in losses.values()),
        "gradient": sum(gradients[name] / losses[name] for name in losses),
    }


### END SOLUTION

# %%
check("7.4", lambda: sum_of_logs)

# %% [markdown] tags=["solution"]
# The slope of $\log L$ is $1/L$, and the chain rule multiplies it by the gradient of $L$. If a loss and its gradient are
# both a thousand times as large, the quotient is the same.

# %% [markdown]
# ## What to do with it
#
# First the accident of the lesson: one head a mean, one a sum, batches of 128.

# %%
heads = {
    "left": {"reduction": "mean", "labels": 1, "weight": 1.0},
    "odd": {"reduction": "sum", "labels": 1, "weight": 1.0},
}
print({name: f"{share:.1%}" for name, share in shares(heads, 128).items()})

# %% [markdown]
# Now a trunk with two weights, and two heads that want different places: *A* wants (0, 0) and *B* wants (2, 1). Their losses
# are squared distances plus 1. Then we give *B* other units: its loss is 100 times as large. Where does gradient descent
# go, with the sum and with your sum of logarithms?


# %%
def losses_and_gradients(place, unit):
    """Return both losses and both gradients at a place; the loss of B is in another unit."""
    wanted = {"A": np.array([0.0, 0.0]), "B": np.array([2.0, 1.0])}
    scale = {"A": 1.0, "B": unit}
    losses = {name: scale[name] * (np.sum((place - wanted[name]) ** 2) + 1) for name in wanted}
    gradients = {name: scale[name] * 2 * (place - wanted[name]) for name in wanted}
    return losses, gradients


def plain_sum(losses, gradients):
    return {"loss": sum(losses.values()), "gradient": sum(gradients.values())}


for rule in [plain_sum, sum_of_logs]:
    for unit in [1.0, 100.0]:
        place = np.array([-1.0, 2.0])
        for _ in range(2000):
            place = place - 0.005 * rule(*losses_and_gradients(place, unit))["gradient"]
        print(f"{rule.__name__:12} unit {unit:3.0f}: ends at {place.round(2)}")

# %% [markdown]
# The plain sum goes to the middle, and with other units almost to the place that *B* wants. The sum of logarithms goes to
# the same place with both units. But this place is not in the middle: it is nearer to *A*, which was nearer at the start.
# For the logarithm, one small and one large loss are better than two of middle size. Free of scale does not mean fair.
#
# Finally your callback and your choice. The table of accuracies is made up. Which weights are worth a look, and which one is
# best if *odd* must be at least 85% right?

# %%
weight = keras.Variable(0.0, trainable=False)
callbacks = keras.callbacks.CallbackList([warm_up(weight, 0.0, 1.0, 4)])  # as `fit` calls them
for epoch in range(6):
    callbacks.on_epoch_begin(epoch)
    callbacks.on_train_batch_begin(0)
    print(f"epoch {epoch}: weight {weight.numpy():.2f}")

tried = np.array([0.1, 0.3, 1.0, 3.0, 10.0])
left = np.array([[0.88, 0.88, 0.86, 0.80, 0.60], [0.86, 0.88, 0.86, 0.82, 0.66]])
odd = np.array([[0.70, 0.83, 0.87, 0.88, 0.90], [0.72, 0.85, 0.87, 0.90, 0.90]])
print(choose(tried.tolist(), left, odd, promise=0.85))
points = {weight: np.stack([left[:, k], odd[:, k]], axis=1) for k, weight in enumerate(tried)}
plots.trade_off(points, {}, "accuracy of left", "accuracy of odd", "loss weight of odd")

# %% [markdown]
# One weight is not on the front: 0.1, which 0.3 beats in both heads. The promise leaves the weights from 1 on, and of these
# the smallest has the best *left*.

# %%
so_far(7)
