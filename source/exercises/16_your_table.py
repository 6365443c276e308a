# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 16. My data is a table
#
# Four questions on [lesson 16](../notebooks/16_your_table.ipynb), from easy to hard. About 35 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("16.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/16_your_table.ipynb`.

# %%
from mos_checks import Todo, check, hint  # first: it keeps TensorFlow's start-up messages quiet

import numpy as np
import pandas as pd

# %% [markdown]
# ## Question 16.1: targets of a column
#
# Write `targets_of(cells, names)`. `cells` is a list: each cell is one of the texts in `names`, or a gap, which is `None` or NaN.
# It returns two arrays of shape `(n,)`: the targets, where the target of a cell is its place in `names`, and the weights, 1 for a
# known cell and 0 for a gap. A gap needs a target that its head can take; which one does not matter.


# %%
### BEGIN SOLUTION
def targets_of(cells, names):
    """Return the place of each cell in `names`, and weights."""
    known = ~np.array([pd.isna(cell) for cell in cells])
    targets = [names.index(cell) if k else 0 for cell, k in zip(cells, known, strict=True)]
    return np.array(targets), known.astype("float32")


### END SOLUTION

# %%
check("16.1", lambda: targets_of)

# %% [markdown] tags=["solution"]
# The gaps are found first. `cell == name` would be False for a gap, and a comparison that is False looks like an answer. The order
# of `names` is fixed: an order that is made from a part of the rows can be another one for another part.

# %% [markdown]
# ## Question 16.2: numbers with gaps
#
# Write `prepared(train, rows)`. Both are arrays of numbers with NaN for a gap, of shape `(m, k)` and `(n, k)`. It returns what
# the preprocessing of the lesson gives for `rows`, an array of shape `(n, 2k)`: first the `k` standardised columns, with 0 for a
# gap, then `k` flags, 1 for a gap and 0 for a number. What may be learned from `train` alone is learned there, from all of its
# known cells. Use NumPy's standard deviation as it is (it divides by the number of cells). A column that is constant in `train` has
# the standard deviation 0: divide it by 1 instead.


# %%
### BEGIN SOLUTION
def prepared(train, rows):
    """Return standardised numbers and flags, shape (n, 2k)."""
    mean, std = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    std[std == 0] = 1
    gap = np.isnan(rows)
    return np.hstack([np.where(gap, 0, (rows - mean) / std), gap])


### END SOLUTION

# %%
check("16.2", lambda: prepared)

# %% [markdown] tags=["solution"]
# NaN passes through the arithmetic, so the gaps of `rows` can be filled at the end. A 0 that is filled in *before* is a measurement
# of zero millimetres. A constant column that is divided by 0 gives NaN or infinity, and a division by nearly 0 gives a number so
# large that it drowns all the others.

# %% [markdown]
# ## Question 16.3: how sure is a difference?
#
# Two models were scored on the same folds. `first` and `second` are arrays of shape `(repeats, folds)`: each row is one
# cross-validation. Write `difference(first, second)`. It returns two numbers: the mean of `first` minus `second`, and its
# corrected standard error, after Nadeau and Bengio. It must work for any number of folds (at least two) and of repeats.


# %%
### BEGIN SOLUTION
def difference(first, second):
    """Return the mean difference and its corrected standard error."""
    each, folds = first - second, first.shape[1]
    return each.mean(), each.std(ddof=1) * np.sqrt(1 / each.size + 1 / (folds - 1))


### END SOLUTION

# %%
check("16.3", lambda: difference)

# %% [markdown] tags=["solution"]
# With $k$ folds, a test part has $n/k$ rows and a training part $n(k-1)/k$, so the one is $1/(k-1)$ of the other: 1/4 for five
# folds. This term stays when the repeats become many. The other one, $1/J$, goes to zero.

# %% [markdown]
# ## Question 16.4: answers with names and units
#
# A model for a vet has three heads: `kind` gives probabilities of the classes in `names`, shape `(n, k)`; `ill` the probability of
# yes, shape `(n, 1)`; `weight` a standardised number, shape `(n, 1)`. Write `answers(predictions, names, mean, std)`, where
# `predictions` is the dictionary that `predict` gives, and `mean` and `std` those of the training weights, in kg. It returns a
# list with a dictionary for each row, such as `{"kind": "cat", "ill": False, "weight": 4.1}`: a name, True or False (yes is from
# more than one half), and a number in kg.


# %%
### BEGIN SOLUTION
def answers(predictions, names, mean, std):
    """Return a dictionary for each row, with a name, True or False, and kg."""
    kinds = [names[place] for place in predictions["kind"].argmax(axis=1)]
    ill = (predictions["ill"][:, 0] > 0.5).tolist()
    weights = (predictions["weight"][:, 0] * std + mean).tolist()
    rows = zip(kinds, ill, weights, strict=True)
    return [{"kind": kind, "ill": yes, "weight": weight} for kind, yes, weight in rows]


### END SOLUTION

# %%
check("16.4", lambda: answers)

# %% [markdown] tags=["solution"]
# Each kind of head goes back in its own way. `argmax` on the head with one column would always be 0. And `mean` and `std` belong to
# the model: keep them with it, or, as in the lesson, inside it.

# %% [markdown]
# ## What to do with it
#
# Is the corrected standard error right? Only made-up data can tell, because there we can draw new tables. This cell draws 200 tables
# of 100 rows from one rule. On each it cross-validates two linear models, one with one input and one with six, and asks your
# `difference` how sure their difference is. *In truth* is the standard deviation of the 200 mean differences.


# %%
def scores_on_a_new_table(rng, repeats, n=100):
    """Return the errors of two linear models, each of shape (repeats, 5)."""
    inputs = np.hstack([np.ones((n, 1)), rng.normal(size=(n, 6))])
    goal = inputs[:, 1] + 0.3 * inputs[:, 2] + rng.normal(size=n)
    errors = np.zeros((2, repeats, 5))
    for repeat in range(repeats):
        for fold, test in enumerate(np.split(rng.permutation(n), 5)):
            rows = np.setdiff1d(np.arange(n), test)
            for model, k in enumerate([2, 7]):
                solved = np.linalg.lstsq(inputs[rows, :k], goal[rows])[0]
                errors[model, repeat, fold] = np.abs(
                    inputs[test, :k] @ solved - goal[test]
                ).mean()
    return errors


for repeats in [1, 2, 10]:
    rng = np.random.default_rng(16)
    tables = [scores_on_a_new_table(rng, repeats) for _ in range(200)]
    means, corrected = np.transpose([difference(*table) for table in tables])
    usual = np.mean([(one - other).std(ddof=1) for one, other in tables]) / np.sqrt(5 * repeats)
    print(f"{5 * repeats:2} folds: in truth {means.std():.3f}, usual {usual:.3f}", end=", ")
    print(f"corrected {corrected.mean():.3f}")

# %% [markdown]
# Ten times the folds make the estimate only a little surer: the table does not grow. The usual standard error shrinks all the same,
# to about a third of the truth with 50 folds. The corrected one is about a fifth to a third above the truth: careful, and a rule of
# thumb. It takes no notice of how much the models' errors really have in common from fold to fold.
