# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 11. Build a tree, count, decide and multiply
#
# Four questions on [lesson 11](../notebooks/11_hierarchical_heads.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("11.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/11_hierarchical_heads.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far
from mos_helpers.hierarchy import Tree

import keras
import numpy as np

keras.utils.set_random_seed(11)

# %% [markdown]
# ## Question 11.1: a tree from a table
#
# Labels often come as a table with one line for each class. The place in the table is the number of the class: in the one
# below, an oak is class 1. The lines of a group need not stand together.

# %%
pairs = [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant")]

# %% [markdown]
# Write `tree_from_pairs(pairs)`. It gets such a list of pairs `(leaf, group)` and returns a `Tree` with two levels, whose
# leaves are numbered as in the table. The groups may be numbered in any order.


# %%
### BEGIN SOLUTION
def tree_from_pairs(pairs):
    """Return the tree of a table of leaves and their groups."""
    children = {}
    for leaf, group in pairs:
        children.setdefault(group, []).append(leaf)
    return Tree(children, leaves=[leaf for leaf, _ in pairs])


### END SOLUTION

# %%
check("11.1", lambda: tree_from_pairs)

# %% [markdown] tags=["solution"]
# Without `leaves=` the tree numbers its leaves group by group. Then label 1 of the table would mean *beagle* to the tree,
# and nothing would complain. `setdefault` begins a list for a new group.

# %% [markdown]
# ## Question 11.2: how often do two heads contradict each other?
#
# Write `contradiction_rate(fine, coarse, tree)`. It gets the probabilities of a fine head, shape `(n, leaves)`, those of a
# coarse head, shape `(n, groups)`, and the tree. It returns one number: the share of images on which the likeliest group is
# not the group of the likeliest leaf.


# %%
### BEGIN SOLUTION
def contradiction_rate(fine, coarse, tree):
    """Return the share of images on which the two decisions contradict each other."""
    group_of_leaf = tree.groups_of_leaves()
    return np.mean(group_of_leaf[fine.argmax(axis=1)] != coarse.argmax(axis=1))


### END SOLUTION

# %%
check("11.2", lambda: contradiction_rate)

# %% [markdown] tags=["solution"]
# Decide first, then compare groups with groups. To compare the coarse head with the *sums* of the fine head would be
# another question: it is about probabilities, and the sums' likeliest group need not hold the likeliest leaf.

# %% [markdown]
# ## Question 11.3: decide group first
#
# Somebody has to act on the group before the leaf is known, so the coarse head must have the first word.
#
# Write `group_first(fine, coarse, tree)`, with the same arguments as in 11.2. It returns a dictionary of decisions:
# `"coarse"` is the likeliest group of each image, `"fine"` the likeliest leaf **within** that group. Both are numbers of
# shape `(n,)`: `"fine"` counts the leaves as the tree does. A probability may be exactly 0. The function must not
# change its arguments: others may need them.


# %%
### BEGIN SOLUTION
def group_first(fine, coarse, tree):
    """Decide on the group, then on the leaf within it."""
    group = coarse.argmax(axis=1)
    inside = tree.groups_of_leaves() == group[:, None]  # shape (n, leaves)
    return {"coarse": group, "fine": np.where(inside, fine, -1).argmax(axis=1)}


### END SOLUTION

# %%
check("11.3", lambda: group_first)

# %% [markdown] tags=["solution"]
# What lies outside the group gets -1, which is less than any probability. With 0 instead, as in the lesson's line, a leaf from
# outside could win where all leaves of the group have the probability 0, and in float32 a softmax does give zeros.

# %% [markdown]
# ## Question 11.4: the chain rule on any number of levels
#
# With three levels, the probability of a leaf is a product of three: that of its class on the top level, that of the class
# below given the one above, and that of the leaf given its group.
#
# Write `leaf_probabilities(conditionals, tree)`. It gets a list with one array for each level of the tree, from the top to
# the leaves. The array of level `k` has shape `(n, classes of level k)`, and holds the probability of each class *given the
# class above it* (on the top level: its probability). It returns the probabilities of the leaves, shape `(n, leaves)`. The
# tree may have two levels, three, or more. `tree.groups_of_leaves(k)` gives, for each leaf, the number of its class on level
# `k`. This function must not change its arguments either.


# %%
### BEGIN SOLUTION
def leaf_probabilities(conditionals, tree):
    """Multiply the conditional probabilities along the path of each leaf."""
    product = 1.0
    for level, conditional in enumerate(conditionals):
        product = product * conditional[:, tree.groups_of_leaves(level)]
    return product


### END SOLUTION

# %%
check("11.4", lambda: leaf_probabilities)

# %% [markdown] tags=["solution"]
# `conditional[:, numbers]` takes, for each leaf, the column of its class on that level. On the level of the leaves the
# numbers are 0, 1, 2, ..., so the last factor needs no special case. In a model one adds logarithms instead, as the lesson
# does.

# %% [markdown]
# ## What to do with it
#
# With your answers, these cells train two independent heads on a tree that you build from a table, and compare the two ways
# to decide.

# %%
looks = [
    "round",
    "straight",
    "two",
    "bows",
    "hook",
    "bows",
    "round",
    "straight",
    "bows",
    "hook",
]
tree = tree_from_pairs([(str(digit), look) for digit, look in enumerate(looks)])
plots.tree(tree)

# %%
digits = data.load_digits(n_train=100, seed=11)
images_train, images_test = digits.x_train.reshape(-1, 784), digits.x_test.reshape(-1, 784)
groups = tree.groups_of_leaves()

image = keras.Input(shape=(784,), name="image")
trunk = keras.layers.Dense(64, activation="relu", name="trunk")(image)
heads = {
    "coarse": keras.layers.Dense(5, activation="softmax", name="coarse")(trunk),
    "fine": keras.layers.Dense(10, activation="softmax", name="fine")(trunk),
}
model = keras.Model(image, heads)
losses = dict.fromkeys(heads, "sparse_categorical_crossentropy")
model.compile("adam", losses, steps_per_execution=100)
targets = {"coarse": groups[digits.y_train], "fine": digits.y_train}
training = data.batches(images_train, targets, batch_size=50, seed=1).repeat()
history = model.fit(training, steps_per_epoch=300, verbose=0)

# %%
predictions = model(images_test)
fine, coarse = np.array(predictions["fine"]), np.array(predictions["coarse"])
leaf = fine.argmax(axis=1)
ways = {
    "leaf first": {"fine": leaf, "coarse": groups[leaf]},
    "group first": group_first(fine, coarse, tree),
}
print(f"The two heads contradict each other on {contradiction_rate(fine, coarse, tree):.1%}.")
for name, decided in ways.items():
    digit_right = np.mean(decided["fine"] == digits.y_test)
    group_right = np.mean(decided["coarse"] == groups[digits.y_test])
    print(f"{name:12} digit right {digit_right:.1%}, group right {group_right:.1%}")

# %% [markdown]
# And the chain rule: any probabilities of leaves can be written with it. We divide the fine head's probabilities by the
# sums of their groups, and your function multiplies them together again.

# %%
sums = fine @ tree.matrix()
conditionals = [sums, fine / sums[:, groups]]
print(np.allclose(leaf_probabilities(conditionals, tree), fine, atol=1e-5))

# %%
so_far(11)
