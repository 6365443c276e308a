# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 5. Scale, count, be unsure and go round
#
# Four questions on [lesson 5](../notebooks/05_regression.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("5.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/05_regression.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far

import keras
import numpy as np

keras.utils.set_random_seed(5)

# %%
digits = data.load_digits()
posed_train, targets_train = data.posed_digits(digits.x_train, digits.y_train, 4000, seed=1)
posed_test, targets_test = data.posed_digits(digits.x_test, digits.y_test, 1000, seed=2)


def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


names = ["angle", "shift_right", "shift_down", "size"]
images_train, images_test = prepare(posed_train), prepare(posed_test)
pose_train = np.stack([targets_train[name] for name in names], axis=1)
pose_test = np.stack([targets_test[name] for name in names], axis=1)
pose_train.shape

# %% [markdown]
# ## Question 5.1: standardise
#
# Write `standardise(train, other)`. It gets two arrays of targets, of shapes `(n, k)` and `(m, k)`, with one column for each
# number to predict: those to train a model with, and those to test it with. It returns both, standardised as in the lesson,
# as a pair: first those of `train`, then those of `other`. No column of `train` is constant. (Whether the variance is
# divided by n or by n - 1 does not matter here.)


# %%
### BEGIN SOLUTION
def standardise(train, other):
    """Return both arrays of targets, standardised with the training part only."""
    mean, scale = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / scale, (other - mean) / scale


### END SOLUTION

# %%
check("5.1", lambda: standardise)

# %% [markdown] tags=["solution"]
# One mean and one standard deviation for each column (`axis=0`), both from the training part. The other part does not get a
# mean of exactly 0, and should not: its targets must be changed in the same way, or the same number would mean two different
# poses.

# %% [markdown]
# ## Question 5.2: all within tolerance
#
# Write `all_within(prediction, target, mean, scale, tolerance)`. `prediction`, of shape `(n, k)`, is what a network answers
# that was trained on **standardised** targets. `target`, of the same shape, holds the true numbers in their **units**.
# `mean`, `scale` and `tolerance` have one number for each column; the tolerance is in units.
#
# It returns the share of rows in which *every* number is off by at most its tolerance.


# %%
### BEGIN SOLUTION
def all_within(prediction, target, mean, scale, tolerance):
    """Return the share of rows in which every number is within its tolerance."""
    errors = np.abs(prediction * scale + mean - target)
    return np.mean((errors <= tolerance).all(axis=1))


### END SOLUTION

# %%
check("5.2", lambda: all_within)

# %% [markdown] tags=["solution"]
# First back to units, then compare. `all(axis=1)` asks of each row whether all of its numbers are good; the mean of yes and
# no is a share. The mean of all cells, or the product of the columns' shares, would be another number.

# %% [markdown]
# ## Question 5.3: the loss of a mean and a log-variance
#
# Write `gaussian_loss(target, mean, log_variance)`. All three have the same shape, `(n, k)`. It returns one number: the mean
# negative log-likelihood of the targets under normal distributions, the mean over all $n k$
# cells, **without** the constant $\tfrac{1}{2}\log 2\pi$. Limit
# the log-variance to the range from -10 to 10 first, so that the loss stays finite. NumPy, `keras.ops` and TensorFlow are
# all fine.


# %%
### BEGIN SOLUTION
def gaussian_loss(target, mean, log_variance):
    """Return the mean negative log-likelihood, without its constant."""
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = (target - mean) ** 2
    return keras.ops.mean((keras.ops.exp(-log_variance) * squared + log_variance) / 2)


### END SOLUTION

# %%
check("5.3", lambda: gaussian_loss)

# %% [markdown] tags=["solution"]
# With $s = \log v$ the density has $\exp(-(y-m)^2/2v)$ and $1/\sqrt{v}$. Minus its logarithm is $\tfrac{1}{2}e^{-s}(y-m)^2$
# and $\tfrac{1}{2}s$.

# %% [markdown]
# ## Question 5.4: once round the circle
#
# Now a digit may be turned by any angle, and 179 degrees and -179 degrees are neighbours. A head with **two** units, the
# sine and the cosine of the angle, knows no jump there. What it answers need not lie exactly on the circle: (0.4, 0.3) has
# the same direction as (0.8, 0.6).
#
# Write `turn_error(prediction, target)`. `prediction` has shape `(n, 2)`: a sine and a cosine, each times any positive
# number. `target`, of shape `(n,)`, is the true angle in degrees, any real number: 350 and -10 are the same angle. It
# returns how many degrees the prediction is off, an array of shape `(n,)`: the shorter way round, from 0 to 180.


# %%
### BEGIN SOLUTION
def turn_error(prediction, target):
    """Return the angle in degrees between a direction and a true angle, from 0 to 180."""
    angle = np.rad2deg(np.arctan2(prediction[:, 0], prediction[:, 1]))
    return np.abs((angle - target + 180) % 360 - 180)


### END SOLUTION

# %%
check("5.4", lambda: turn_error)

# %% [markdown] tags=["solution"]
# `arctan2` takes the sine and the cosine, and so it knows the quarter of the circle; `arctan` of their quotient knows only
# half of it. Only the direction counts, so no length is needed. The remainder `% 360` brings every difference into one turn,
# and the 180 before and after it make that turn go from -180 to 180.

# %% [markdown]
# ## What to do with it
#
# With your answers to 5.1 to 5.3: four numbers by linear regression, from one fit.

# %%
from sklearn.linear_model import Ridge

standard_train, standard_test = standardise(pose_train, pose_test)
prediction = Ridge(10).fit(images_train, standard_train).predict(images_test)
mean, scale = pose_train.mean(axis=0), pose_train.std(axis=0)
share = all_within(prediction, pose_test, mean, scale, [10, 1, 1, 0.05])
print(f"whole pose within tolerance: {share:.1%}")

for std in [1, 0.5, 0.1]:
    log_variance = np.full_like(prediction, np.log(std**2))
    loss = float(gaussian_loss(standard_test, prediction, log_variance))
    print(f"loss with a standard deviation of {std} for all: {loss:.2f}")

# %% [markdown]
# A standard deviation that is much too small costs most: whoever claims to be sure, and is wrong, pays.
#
# With your answer to 5.4: digits turned by any angle. We take 2, 3, 4 and 7 only, since 0, 1 and 8 look the same upside
# down, and a 6 looks like a 9. Two heads are compared: the angle as one number (in half turns), and as sine and cosine.


# %%
def turned(images, labels, n, seed):
    chosen = np.isin(labels, [2, 3, 4, 7])
    posed, targets = data.posed_digits(
        images[chosen], labels[chosen], n, max_angle=180, max_shift=0, seed=seed
    )
    return prepare(posed), targets["angle"]


turned_train, angle_train = turned(digits.x_train, digits.y_train, 4000, seed=3)
turned_test, angle_test = turned(digits.x_test, digits.y_test, 1000, seed=4)


def circle(angle):
    radians = np.deg2rad(angle)
    return np.stack([np.sin(radians), np.cos(radians)], axis=1)


def predict(target, units):
    """Train a network for one target; return its answers for the test images."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(96, activation="relu"), keras.layers.Dense(units)]
    model = keras.Sequential([keras.Input(shape=(441,)), *layers])
    model.compile(optimizer="adam", loss="mse", steps_per_execution=100)
    model.fit(
        data.batches(turned_train, target, seed=5).repeat(), steps_per_epoch=300, verbose=0
    )
    return model.predict(turned_test, batch_size=1000, verbose=0)


# %%
one_number = predict(angle_train[:, None] / 180, units=1)[:, 0] * 180
errors = {
    "one number": turn_error(circle(one_number), angle_test),
    "sine and cosine": turn_error(predict(circle(angle_train), units=2), angle_test),
}
near_the_jump = np.abs(angle_test) > 150
for name, error in errors.items():
    print(f"{name:16} off by {error.mean():.0f} degrees", end="")
    print(f", near the jump by {error[near_the_jump].mean():.0f}")

# %% tags=["check"]
assert errors["sine and cosine"].mean() < errors["one number"].mean()

# %% [markdown]
# Sine and cosine are better, and most of all near half a turn: there one number must jump from 180 to -180 between two
# images that look alike, and a network that cannot jump answers something in between, which is wrong for both.

# %%
so_far(5)
