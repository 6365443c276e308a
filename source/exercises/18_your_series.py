# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 18. Cut, cost, cover, pad and move on
#
# Five questions on [lesson 18](../notebooks/18_your_series.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("18.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/18_your_series.ipynb`.

# %%
from mos_checks import Todo, check, hint, so_far

import numpy as np
from vega_datasets import local_data

# %% [markdown]
# ## Question 18.1: windows
#
# Write `windows(series, steps, horizon)`. `series` is an array of n numbers in the order of time. It returns a pair: the
# inputs, of shape `(m, steps)`, and the targets, of shape `(m, horizon)`. A window has `steps` numbers as inputs and the
# `horizon` numbers right after them as targets. The first window begins with the first number, each other one number later
# than the window before it, and all windows are wanted for which every target exists.


# %%
### BEGIN SOLUTION
def windows(series, steps, horizon):
    """Return the inputs and the targets of all windows."""
    first = np.arange(len(series) - steps - horizon + 1)[:, None]
    return series[first + np.arange(steps)], series[first + steps + np.arange(horizon)]


### END SOLUTION

# %%
check("18.1", lambda: windows)

# %% [markdown] tags=["solution"]
# A column of first rows plus a row of offsets gives a table of row numbers, and an array takes a whole table as index. The
# targets begin `steps` rows later. If they began one earlier, today would be input and target, and every model would look
# wonderful.

# %% [markdown]
# ## Question 18.2: the pinball loss
#
# Write `pinball(target, quantiles, levels)`. `target` has shape `(n,)`, `quantiles` `(n, k)`: a column for each of the
# `levels`, which are k numbers between 0 and 1. Where an answer is too low by d, it costs `level * d`; where it is too high
# by d, it costs `(1 - level) * d`. Return one number, the mean cost of all n k cells.


# %%
### BEGIN SOLUTION
def pinball(target, quantiles, levels):
    """Return the mean pinball loss."""
    above = target[:, None] - quantiles
    return np.maximum(levels * above, (levels - 1) * above).mean()


### END SOLUTION

# %%
check("18.2", lambda: pinball)

# %% [markdown] tags=["solution"]
# Where `above` is positive, the first of the two is positive and the second negative; where it is negative, it is the other
# way round. So the larger one is the cost.

# %% [markdown]
# ## Question 18.3: do the intervals hold, and are they in order?
#
# Write `report(target, quantiles)`. The columns of `quantiles`, `(n, k)`, belong to rising levels. Return a dictionary:
# - `"crossed"`: the share of the rows in which some quantile is smaller than the one just before it;
# - `"coverage"`: the share of the targets that lie between the smallest and the largest quantile of their row, both included;
# - `"width"`: the mean distance between these two.
#
# For coverage and width, a row that crosses is put in order first.


# %%
### BEGIN SOLUTION
def report(target, quantiles):
    """Return the coverage and the mean width of the intervals, and the share of rows that cross."""
    crossed = (np.diff(quantiles, axis=1) < 0).any(axis=1)
    in_order = np.sort(quantiles, axis=1)
    low, high = in_order[:, 0], in_order[:, -1]
    return {
        "crossed": crossed.mean(),
        "coverage": ((low <= target) & (target <= high)).mean(),
        "width": (high - low).mean(),
    }


### END SOLUTION

# %%
check("18.3", lambda: report)

# %% [markdown] tags=["solution"]
# Without sorting, a crossing row would have a negative width and could never hold its target, and both numbers would be wrong
# without an error. Count the crossings before you sort: they say how much you can trust the quantiles.

# %% [markdown]
# ## Question 18.4: padded steps
#
# Write `masked_mean(losses, lengths)`. `losses` has shape `(n, steps)`, one loss for each step of n sequences. Of sequence
# i the first `lengths[i]` steps are real, and their losses are numbers; what follows is filler, and may be any number, or
# **NaN**. Return the mean over all real steps.


# %%
### BEGIN SOLUTION
def masked_mean(losses, lengths):
    """Return the mean loss over the real steps."""
    real = np.arange(losses.shape[1]) < lengths[:, None]
    return losses[real].mean()


### END SOLUTION

# %%
check("18.4", lambda: masked_mean)

# %% [markdown] tags=["solution"]
# This is what Keras gives with a mask, or with weights and `mean_with_sample_weight`. With weights and the default it would
# divide by all steps. `(losses * real).sum()` would be NaN where the filler is: 0 times NaN is NaN, as in
# [lesson 6](../notebooks/06_missing_labels.ipynb). `np.nanmean` passes here, but in your own work it would also hide a NaN in a
# real step: a fault that you want to see.

# %% [markdown]
# ## Question 18.5: one origin
#
# Days are numbered from 0. The window of the day `today` has the days `today - steps + 1` to `today` as inputs and the days
# `today + 1` to `today + horizon` as targets. Write `origin(steps, horizon, begin, end)`. It returns a pair of arrays of
# todays, in rising order: those to train on, whose windows are over before the day `begin`; and those to test, all of whose
# *targets* lie from `begin` on and before `end`. A window is whole: no day of it comes before 0. `begin` may come so early that
# no window can train: then the first array is empty.


# %%
### BEGIN SOLUTION
def origin(steps, horizon, begin, end):
    """Return the todays of the windows to train on, and of those to test."""
    first_whole = steps - 1
    return np.arange(first_whole, begin - horizon), np.arange(
        max(begin - 1, first_whole), end - horizon
    )


### END SOLUTION

# %%
check("18.5", lambda: origin)

# %% [markdown] tags=["solution"]
# The last target of a training window is `today + horizon`, and it must be less than `begin`. The first target of a test
# window is `today + 1`, so the first today to test is the day before `begin`: its inputs lie in the past, and are known.
# Between the two parts horizon - 1 windows are in neither. `np.arange` with an end before its beginning is empty. A slice,
# `todays[: begin - horizon]`, would count a negative end from the back, and train on nearly everything.

# %% [markdown]
# ## What to do with it
#
# Boosted trees can predict quantiles too, one model for each level. With your answers: the highest temperature of tomorrow in
# Seattle, an interval of 80%, on two quarters of 2015.

# %%
from sklearn.ensemble import HistGradientBoostingRegressor

degrees = local_data.seattle_weather()["temp_max"].to_numpy()
levels = np.array([0.1, 0.5, 0.9])
inputs, targets = windows(degrees, 7, 1)
options = {"loss": "quantile", "max_iter": 40, "max_leaf_nodes": 8, "max_bins": 63}
for begin in [1096, 1186]:  # the first days of January and of April 2015
    days = origin(7, 1, begin, begin + 90)
    train, test = (todays - 6 for todays in days)  # the numbers of their windows
    models = [HistGradientBoostingRegressor(quantile=level, **options) for level in levels]
    fitted = [model.fit(inputs[train], targets[train, 0]) for model in models]
    quantiles = np.stack([model.predict(inputs[test]) for model in fitted], axis=1)
    loss = pinball(targets[test, 0], quantiles, levels)
    found = report(targets[test, 0], quantiles)
    print(f"pinball {loss:.2f}", end="")
    for name, number in found.items():
        print(f", {name} {number:.2f}", end="")
    print()

# %% [markdown]
# One quarter is not the next: an interval that held its share in winter may not hold it in spring.

# %%
so_far(18)
