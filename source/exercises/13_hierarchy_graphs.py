# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 13. Close, count, constrain and credit
#
# Four questions on [lesson 13](../notebooks/13_hierarchy_graphs.ipynb), from easy to hard. About 45 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("13.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/13_hierarchy_graphs.ipynb`.
#
# Write the answers yourself, without the class `ClassGraph` of the lesson: the checks use graphs of their own.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(13)

# %% [markdown]
# A shop sells food. Each product has a set of labels. The classes are stated as in the lesson: for each class the list of
# its parents. A class may have several parents, and it may stand *before* its parents in the dictionary.

# %%
parents = {
    "apple pie": ["cake", "fruit dish"],
    "cake": ["sweet"],
    "fruit dish": ["vegan"],
    "sweet": [],
    "vegan": [],
    "fruit tea": ["vegan", "drink"],
    "drink": [],
}

# %% [markdown]
# ## Question 13.1: close a set upward
#
# Write `close(names, parents)`. It gets a set of names and a dictionary of parents, and returns the closed set: a Python set
# of these names and of all their ancestors. It must not change what it gets: neither the set nor
# the dictionary.


# %%
### BEGIN SOLUTION
def close(names, parents):
    """Return the names and all their ancestors."""
    closed, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        closed.add(name)
        waiting += parents[name]
    return closed


### END SOLUTION

# %%
check("13.1", lambda: close)

# %% [markdown] tags=["solution"]
# The list holds the classes whose parents we have not yet looked at. Parents alone are not enough: their parents belong to
# the set too, and so on. A class that two ways lead to is added twice, which changes nothing in a set.

# %% [markdown]
# ## Question 13.2: count what is not coherent
#
# Now label sets are arrays. `labels` has shape `(n, classes)` and holds True and False. Column k is the class number k, in
# the order of the dictionary `parents`.
#
# Write `incoherent(labels, parents)`. It returns **how many rows** violate the graph: rows that hold a class without one of
# its parents. A row counts once, no matter how many violations it has. The function must not change what it gets.


# %%
### BEGIN SOLUTION
def incoherent(labels, parents):
    """Return the number of rows that hold a class without one of its parents."""
    number = {name: column for column, name in enumerate(parents)}
    wrong = np.zeros(len(labels), dtype=bool)
    for name, above in parents.items():
        for parent in above:
            wrong |= labels[:, number[name]] & ~labels[:, number[parent]]
    return int(wrong.sum())


### END SOLUTION

# %%
check("13.2", lambda: incoherent)

# %% [markdown] tags=["solution"]
# To look at parents is enough here. If a row holds a class without one of its ancestors, then somewhere on the way up there
# is a first class that is missing, and the one below it is held: a child without its parent.

# %% [markdown]
# ## Question 13.3: the constraint, for any graph
#
# Write `constrain(probabilities, parents)`. It gets an array of shape `(n, classes)`, with columns in the order of the
# dictionary, and returns an array of the same shape: for each class the largest probability among itself and **all** its
# descendants. It must not change what it gets.


# %%
### BEGIN SOLUTION
def constrain(probabilities, parents):
    """Return for each class the largest probability among itself and its descendants."""
    names = list(parents)
    result = np.zeros_like(probabilities)
    for column, name in enumerate(names):
        below = [name in close({other}, parents) for other in names]
        result[:, column] = probabilities[:, below].max(axis=1)
    return result


### END SOLUTION

# %%
check("13.3", lambda: constrain)

# %% [markdown] tags=["solution"]
# A class lies below `name` (or is `name`) exactly if its closed set holds `name`. So the answer to 13.1 finds the
# descendants too. One pass over the dictionary that compares children with their parents is not enough: the largest value
# may come from far below, and the classes may stand in any order.

# %% [markdown]
# ## Question 13.4: credit only where it is due
#
# Write the slopes of the max-constraint loss. `labels` and `values` have shape `(classes,)`: the closed label set of one
# product, as 0 and 1, and what the network predicts, numbers between 0 and 1, no two of them equal. Each class gives one term
# (a class counts as one of those below itself):
#
# - where its label is 1: `-log(v)`, and `v` is the largest value among the *true* classes below it;
# - where its label is 0: `-log(1 - v)`, and `v` is the largest value among *all* classes below it.
#
# The loss is the **mean** of these terms.
#
# Write `slopes(labels, values, parents)`. It returns the derivative of the loss with respect to each value: an array of
# shape `(classes,)`, and does not change what it gets. With `parents = {"A": [], "B": ["A"]}`, labels 1 and 0, and values
# 0.3 and 0.4, the answer is -1.67 and 0.83.


# %%
### BEGIN SOLUTION
def slopes(labels, values, parents):
    """Return the derivative of the max-constraint loss with respect to each value."""
    names = list(parents)
    result = np.zeros(len(names))
    for column, name in enumerate(names):
        below = np.array([name in close({other}, parents) for other in names])
        if labels[column] == 1:
            largest = np.where(below & (labels == 1), values, -1).argmax()
            result[largest] -= 1 / values[largest] / len(names)
        else:
            largest = np.where(below, values, -1).argmax()
            result[largest] += 1 / (1 - values[largest]) / len(names)
    return result


### END SOLUTION

# %%
check("13.4", lambda: slopes)

# %% [markdown] tags=["solution"]
# Each class has one term, and each term depends on one value only: the largest. So each term adds to one slope. The same
# value can be the largest for several classes; then their slopes add up. Where the label is 1 only true classes are
# candidates, so a class with the label 0 never gets a negative slope: nothing pushes it up.

# %% [markdown]
# ## What to do with it
#
# With your answers, this cell follows the slopes for one product: lentils, which are labelled "vegan", and nothing more. It
# starts from values that speak for an apple pie. "constrained" is what the constraint makes of the values.

# %%
names = list(parents)
labels = np.array([name in close({"vegan"}, parents) for name in names]).astype(int)
logits = np.array([2.0, 0.3, 0.9, -0.5, -1.0, -0.7, 0.1])


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


print("start:      ", sigmoid(logits).round(2))
print("constrained:", constrain(sigmoid(logits)[None], parents)[0].round(2))
for _ in range(300):
    values = sigmoid(logits)
    logits = logits - slopes(labels, values, parents) * values * (1 - values)
print("\nend:        ", sigmoid(logits).round(2))
print("constrained:", constrain(sigmoid(logits)[None], parents)[0].round(2))
print("the truth:  ", labels)
print(
    "violations of the constrained answer:",
    incoherent(constrain(sigmoid(logits)[None], parents) > 0.5, parents),
)

# %% [markdown]
# Only "vegan" is left, and all else is pushed down. With the slopes of the plain loss, the cross-entropy of the constrained
# output, it would end otherwise: "fruit dish" would be pulled up for "vegan" and down for itself, and stop at one half, and
# "vegan" would stay at 0.27, where it began. The credit through true classes alone makes the difference.

# %%
so_far(13)
