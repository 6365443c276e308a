# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 12. Labels of any depth
#
# Four questions on [lesson 12](../notebooks/12_partial_labels.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("12.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/12_partial_labels.ipynb`.

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far
from mos_helpers.hierarchy import MarginalCrossentropy, Tree

import keras
import numpy as np

keras.utils.set_random_seed(12)

# %% [markdown]
# This tree has three levels: kinds, groups and digits. Labels may name a class of any of them.

# %%
tree = Tree(
    {
        "with a loop": ["round", "hook"],
        "without": ["straight", "bows"],
        "round": ["0", "6", "8"],
        "hook": ["4", "9"],
        "straight": ["1", "7"],
        "bows": ["2", "3", "5"],
    },
    leaves=list("0123456789"),
)
tree.levels[:2]

# %% [markdown]
# ## Question 12.1: rows from names
#
# Labels come as a list of names: a digit such as `"4"`, a group such as `"hook"`, a kind such as `"without"`, or `None` where
# nothing is known. A name may come more than once.
#
# Write `rows_of(names, tree)`. It returns an array of shape `(n, leaves)`, a row for each label in the list, with a 1
# for each leaf that the label leaves possible, and a 0 for each other one. It must work for any tree, with any number
# of levels. `tree.levels` holds the names of each level, `tree.matrix(level)` says which leaf belongs to which class of
# that level, and `tree.leaves` is the order of the columns.


# %%
### BEGIN SOLUTION
def rows_of(names, tree):
    """Return a row of zeros and ones for each name, shape (n, leaves)."""
    found = {None: np.ones(len(tree.leaves))}
    for level, classes in enumerate(tree.levels):
        found |= dict(zip(classes, tree.matrix(level).T, strict=True))
    return np.stack([found[name] for name in names])


### END SOLUTION

# %%
check("12.1", lambda: rows_of)

# %% [markdown] tags=["solution"]
# The columns of the matrix are the rows that we want, for groups, kinds and leaves alike: the matrix of the last level is the
# identity. `None` leaves everything possible. A row of zeros would say that nothing is possible, and its loss is infinite.

# %% [markdown]
# ## Question 12.2: the loss without Keras
#
# Write `marginal_loss(possible, logits)` in NumPy. It gets two arrays of shape `(n, leaves)`: rows of zeros and ones, each
# with at least one 1, and logits. It returns the loss of each row, shape `(n,)`: minus the log of the summed probabilities
# of the possible leaves. It must be right for large logits too, from -1,000,000 to 1,000,000, where a probability would be
# rounded to 0. Change neither array.


# %%
### BEGIN SOLUTION
def logsumexp(numbers):
    """Return the log of the sum of the exponentials of each row, for numbers of any size."""
    largest = numbers.max(axis=1, keepdims=True)
    return largest[:, 0] + np.log(np.exp(numbers - largest).sum(axis=1))


def marginal_loss(possible, logits):
    """Return the loss of each row, shape (n,)."""
    return logsumexp(logits) - logsumexp(np.where(possible > 0, logits, -np.inf))


### END SOLUTION

# %%
check("12.2", lambda: marginal_loss)

# %% [markdown] tags=["solution"]
# Each of the two sums takes out its *own* largest number. With the largest of all logits in both, the exponentials of the
# possible leaves could all be rounded to 0 again.

# %% [markdown]
# ## Question 12.3: its gradient
#
# Write `gradient_of(possible, logits)`. It returns the gradient of each row's loss with respect to the logits of that row,
# shape `(n, leaves)`. Logits lie between -10 and 10 here, and 4 digits after the point are enough. A formula in NumPy is
# enough; so is automatic differentiation.


# %%
### BEGIN SOLUTION
def gradient_of(possible, logits):
    """Return the gradient of the loss of each row, shape (n, leaves)."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    q = p * possible / (p * possible).sum(axis=1, keepdims=True)
    return p - q


### END SOLUTION

# %%
check("12.3", lambda: gradient_of)

# %% [markdown] tags=["solution"]
# `p` is the softmax over all leaves and `q` the softmax over the possible ones. For a fine label `q` is the one-hot row, and
# this is the gradient of the usual cross-entropy. For the label "all possible", `q` is `p`, and nothing is learned.

# %% [markdown]
# ## Question 12.4: what is wrong with the average?
#
# A colleague wrote this loss. It runs without an error, and for fine labels it is right.


# %%
@keras.saving.register_keras_serializable(package="exercise_12")
class Average(keras.losses.Loss):
    """Minus the average of the logs of the possible probabilities; takes logits."""

    def call(self, y_true, y_pred):
        logs = keras.ops.log_softmax(y_pred, axis=-1)
        return -keras.ops.sum(y_true * logs, axis=-1) / keras.ops.sum(y_true, axis=-1)


# %% [markdown]
# Show what is wrong with it by an example. There are four classes, and the label says "the first or the second": `[1, 1, 0,
# 0]`. Find four logits, called `unfair`, for which the right loss is below 0.01 and the colleague's loss is above 2.

# %%
### BEGIN SOLUTION
unfair = np.array([10.0, 0.0, 0.0, 0.0])
### END SOLUTION

# %%
check("12.4", lambda: unfair)

# %% [markdown] tags=["solution"]
# The model is sure of the first class, which the label allows. The right loss has nothing to correct. The average takes the
# log of the second probability too, which is near 0, and so punishes the model for knowing more than the label. Its lowest
# point is one half for each: it teaches the model to stay undecided.

# %% [markdown]
# ## What to do with it
#
# With your answers, this cell trains on labels of all depths: 30 digits, 300 groups, 300 kinds, and 370 images without any
# label. The balance gives each of the three sorts of label the same total weight. One network uses the right loss, and one
# the colleague's.

# %%
digits = data.load_digits(n_train=1000, seed=12)
images, images_test = (
    x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    for x in (digits.x_train, digits.x_test)
)
kind, group = (
    np.array(tree.levels[k])[tree.groups_of_leaves(k)][digits.y_train] for k in (0, 1)
)
names = [*digits.y_train[:30].astype(str), *group[30:330], *kind[330:630]] + [None] * 370
rows = rows_of([None if name is None else str(name) for name in names], tree)
balance = np.repeat([10.0, 1.0, 1.0, 1.0], [30, 300, 300, 370])

# %%
image = keras.Input(shape=(196,), name="image")
losses = {"right": MarginalCrossentropy(), "average": Average()}
heads = {
    name: keras.layers.Dense(10, name=name)(keras.layers.Dense(64, activation="relu")(image))
    for name in losses
}
model = keras.Model(image, heads)
model.compile(keras.optimizers.Adam(0.003), loss=losses, steps_per_execution=100)
training = data.batches(
    images, dict.fromkeys(losses, rows), 100, dict.fromkeys(losses, balance), seed=12
)
model.fit(training.repeat(), steps_per_epoch=400, verbose=0)
for name, logits in model.predict(images_test, batch_size=1000, verbose=0).items():
    right = np.mean(logits.argmax(axis=1) == digits.y_test)
    loss = marginal_loss(np.eye(10)[digits.y_test], logits).mean()
    print(f"{name:8} {right:.1%} of the digits right; your loss of the test images: {loss:.2f}")

# %% [markdown]
# The images without any label had a row of ones, and needed no mask: their loss is 0 and their gradient too. In the
# colleague's loss, such a row asks for equal probabilities of all ten digits.
#
# The two numbers of a network need not agree. On MNIST the network with the right loss has many more digits right; but its
# loss of the test images differs much from seed to seed, and is now below that of the other one, now above. It is surer of
# its answers, also where it is wrong, and an answer that is sure and wrong costs much. The other network is never sure, and
# its loss is nearly the same with each seed. So look at both numbers, and train from more than one seed.

# %%
so_far(12)
