# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 8. Log-variances, rates and gradients
#
# Four questions on [lesson 8](../notebooks/08_adaptive_weights.ipynb), from easy to hard. About 40 minutes. No training: all
# four are small functions of numbers.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("8.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/08_adaptive_weights.ipynb`.

# %%
from mos_checks import Todo, check, hint, so_far

import numpy as np

# %% [markdown]
# ## Question 8.1: the objective
#
# Write `objective(losses, log_variances, regression)`. `losses` and `log_variances` are dictionaries with a number for each
# head, under the same names, not always in the same order. `regression` is a list of the names of those heads whose loss is a mean squared error; all others
# are classifications. It returns one number, what uncertainty weighting minimises.


# %%
### BEGIN SOLUTION
def objective(losses, log_variances, regression):
    """Return the sum over the heads of weight * loss + s / 2."""
    total = 0.0
    for name, loss in losses.items():
        half = 0.5 if name in regression else 1.0
        total += half * np.exp(-log_variances[name]) * loss + 0.5 * log_variances[name]
    return total


### END SOLUTION

# %%
check("8.1", lambda: objective)

# %% [markdown] tags=["solution"]
# The factor 0.5 in front of the loss belongs to the normal distribution, so only a regression has it. The term `0.5 * s` is
# log sigma, and every head has it. It may be negative, and so may the sum.

# %% [markdown]
# ## Question 8.2: at the optimum
#
# Write `at_the_optimum(losses, regression)`, for arguments as in question 8.1. It returns **two** dictionaries with the
# names of the heads: the log-variances that make your objective smallest for these losses, and the loss weights that belong
# to them (the factor that each loss gets).


# %%
### BEGIN SOLUTION
def at_the_optimum(losses, regression):
    """Return the best log-variances for fixed losses, and their weights."""
    halves = {name: 0.5 if name in regression else 1.0 for name in losses}
    log_variances = {name: np.log(2 * halves[name] * loss) for name, loss in losses.items()}
    weights = {name: halves[name] * np.exp(-s) for name, s in log_variances.items()}
    return log_variances, weights


### END SOLUTION

# %%
check("8.2", lambda: at_the_optimum)

# %% [markdown] tags=["solution"]
# The derivative of `h * exp(-s) * L + 0.5 * s` with respect to `s` is `-h * exp(-s) * L + 0.5`. It is zero for `s = log(2 h
# L)`, where `h` is 0.5 or 1. The weight `h * exp(-s)` is then `1 / (2 L)` for both kinds of head.

# %% [markdown]
# ## Question 8.3: dynamic weight average
#
# Write `dwa(history, temperature)`. `history` is a dictionary with a list for each head: its loss in each epoch so far. All
# lists are equally long, and may be empty. It returns a dictionary with the weight of each head for the next epoch. With
# fewer than two epochs all weights are 1.


# %%
### BEGIN SOLUTION
def dwa(history, temperature):
    """Return the weights: the number of heads times the softmax of rate / temperature."""
    rates = [losses[-1] / losses[-2] if len(losses) > 1 else 1.0 for losses in history.values()]
    parts = np.exp(np.array(rates) / temperature)
    return dict(zip(history, len(rates) * parts / parts.sum(), strict=True))


### END SOLUTION

# %%
check("8.3", lambda: dwa)

# %% [markdown] tags=["solution"]
# With equal rates the softmax gives equal shares, so rates of 1 for the first two epochs need no case of their own. A factor
# in one loss cancels in its rate.

# %% [markdown]
# ## Question 8.4: the slopes of GradNorm
#
# You get four arrays of shape `(heads,)`: the `weights` $w$ of the losses; the `norms` $\lVert \nabla L \rVert$ of the
# gradients of the losses *without* weights; the `losses`; and the `first_losses`, from the start of the training. `alpha` is a
# number.
#
# Write `slopes(weights, norms, losses, first_losses, alpha)`. It returns an array of shape `(heads,)`: the gradient of $\sum
# |w \lVert \nabla L \rVert - \text{goal}|$ with respect to the weights, with the goals held constant, as in the lesson. The
# total of the weights may be any number.


# %%
### BEGIN SOLUTION
def slopes(weights, norms, losses, first_losses, alpha):
    """Return the gradient of GradNorm's loss with respect to the weights."""
    weighted = weights * norms
    remaining = losses / first_losses
    goals = weighted.mean() * (remaining / remaining.mean()) ** alpha
    return np.sign(weighted - goals) * norms


### END SOLUTION

# %%
check("8.4", lambda: slopes)

# %% [markdown] tags=["solution"]
# Where a weighted norm is above its goal, the slope is positive, so gradient descent makes that weight smaller. No gradient of
# a gradient is needed.

# %% [markdown]
# ## What to do with it
#
# Two heads have the losses 2.3 (a classification) and 100 (a regression whose target has an unlucky unit). Your functions
# show what each method makes of the factor. First uncertainty weighting, at its optimum, for the loss as it is and in a
# better unit:

# %%
for pose in [100.0, 1.0]:
    losses = {"digit": 2.3, "pose": pose}
    log_variances, weights = at_the_optimum(losses, ["pose"])
    parts = {name: round(float(weights[name] * loss), 3) for name, loss in losses.items()}
    value = float(objective(losses, log_variances, ["pose"]))
    print(losses, "weighted:", parts, "J:", round(value, 3))

# %% [markdown]
# The weighted losses are the same in both units, and $J$ differs by a constant. Now DWA: both losses fall by a tenth in an
# epoch. And GradNorm, where the factor is in the norms too: twenty steps on the logarithms of the weights.

# %%
found = dwa({"digit": [2.3, 2.07], "pose": [100.0, 90.0]}, 2.0)
print("DWA:", {name: round(float(weight), 3) for name, weight in found.items()})

weights, norms = np.ones(2), np.array([1.0, 100.0])
losses = np.array([2.3, 100.0])
for _ in range(20):
    step = np.array(slopes(weights, norms, losses, losses, 1.5)) * weights
    weights = weights * np.exp(-0.2 * step / (weights * norms).mean())
    weights = 2 * weights / weights.sum()
print("GradNorm:", weights.round(3), "weighted norms:", (weights * norms).round(2))

# %% [markdown]
# DWA does not see the factor. GradNorm brings the norms together, and then goes up and down around the goal, because the size
# of its step does not shrink there: a smaller step than 0.2 would come closer. Try it.

# %%
so_far(8)
