# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 10. Score, decide, mask and mix
#
# Four questions on [lesson 10](../notebooks/10_when_to_share.ipynb), from easy to hard. About 40 minutes.
#
# Replace the line `raise Todo(...)` by your answer, run the cell, then run the check below it. A check never changes your
# variables. If you are stuck, run `hint("10.1")` in a new cell: each run gives one hint more. The answers are in
# `solutions/10_when_to_share.ipynb`.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_checks import Todo, check, hint, so_far
from mos_helpers.sharing import ExpertsWithGates
from mos_helpers.training import restart

import keras
import numpy as np

keras.utils.set_random_seed(10)

# %% [markdown]
# ## Question 10.1: one number for all tasks
#
# Write `relative_score(scores, alone, lower)`. `scores` and `alone` are dictionaries with one number for each task: the
# score of the joint model, and the score of a model for that task alone. `lower` is a list of the tasks for which lower is
# better. Return the mean over the tasks of the relative change, in percent, so that better is positive. The two dictionaries
# may have their keys in different orders.


# %%
### BEGIN SOLUTION
def relative_score(scores, alone, lower):
    """Return the mean relative change in percent; better is positive."""
    changes = [
        (-1 if name in lower else 1) * (scores[name] - alone[name]) / alone[name]
        for name in alone
    ]
    return 100 * np.mean(changes)


### END SOLUTION

# %%
check("10.1", lambda: relative_score)

# %% [markdown] tags=["solution"]
# This is $\Delta_m$ of the lesson, for any tasks. The names keep the two dictionaries together: with `zip` over their values, a score could
# meet the wrong comparison.

# %% [markdown]
# ## Question 10.2: share or not?
#
# Two designs were trained with the same seeds. `alone` and `shared` hold one accuracy for each seed, shape `(seeds,)`, in the
# same order of seeds. Write `decide(alone, shared)`. It looks at the differences `shared - alone` and returns
# - `"share"` if their mean is above two standard errors,
# - `"separate"` if their mean is below minus two standard errors,
# - `"no difference"` otherwise.
#
# The standard error of a mean is the standard deviation (with `ddof=1`) divided by the square root of the number of seeds.


# %%
### BEGIN SOLUTION
def decide(alone, shared):
    """Return whether sharing raises the score, lowers it, or makes no difference that we can see."""
    difference = shared - alone
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    if difference.mean() > 2 * error:
        return "share"
    if difference.mean() < -2 * error:
        return "separate"
    return "no difference"


### END SOLUTION

# %%
check("10.2", lambda: decide)

# %% [markdown] tags=["solution"]
# The differences of pairs, not the difference of two standard deviations: what a seed does to both designs drops out. "No
# difference" means that these runs do not show one. More seeds may show a smaller one.

# %% [markdown]
# ## Question 10.3: targets and weights for an auxiliary task
#
# All images have a label of *left*, and a few have a label of *prime* (is the left digit 2, 3, 5 or 7?). Write
# `with_auxiliary(left, labelled, prime)`. `left` has shape `(n,)`. `labelled` holds the numbers of the rows which have a
# label of *prime*, in any order, and `prime` holds these labels: `prime[0]` belongs to the row `labelled[0]`, and so on. Use the
# labels that are given, and do not compute any: for most tasks you could not.
#
# Return two dictionaries, `targets` and `weights`, each with the keys `"left"` and `"prime"` and with arrays of shape
# `(n,)`: a label that is missing is filled with a valid one, and its weight is 0. All other weights are 1.


# %%
### BEGIN SOLUTION
def with_auxiliary(left, labelled, prime):
    """Return targets without gaps, and weights that are 0 at the gaps."""
    target, weight = np.zeros(len(left), "int64"), np.zeros(len(left), "float32")
    target[labelled] = prime
    weight[labelled] = 1
    return {"left": left, "prime": target}, {
        "left": np.ones(len(left), "float32"),
        "prime": weight,
    }


### END SOLUTION

# %%
check("10.3", lambda: with_auxiliary)

# %% [markdown] tags=["solution"]
# Indexing with row numbers puts each label into its own row, whatever their order. *left* keeps all its weights: the rows
# without a label of *prime* are what the auxiliary task is for.

# %% [markdown]
# ## Question 10.4: what a gate does
#
# Write `mix(experts, gate)`. `experts` holds the outputs of the experts, shape `(n, experts, units)`. `gate` holds the
# numbers of one task's gate *before* the softmax, shape `(n, experts)`. Return the features of that task, shape `(n,
# units)`: the sum of the experts, each times its weight. NumPy, `keras.ops` and TensorFlow are all fine.


# %%
### BEGIN SOLUTION
def mix(experts, gate):
    """Return the mixture of experts for one task, shape (n, units)."""
    weights = keras.ops.softmax(gate, axis=1)
    return keras.ops.einsum("ne,neu->nu", weights, experts)


### END SOLUTION

# %%
check("10.4", lambda: mix)

# %% [markdown] tags=["solution"]
# `einsum` says it in letters: for each row `n` and unit `u`, add up over the experts `e`. In NumPy,
# `(weights[:, :, None] * experts).sum(axis=1)` is the same.

# %% [markdown]
# ## What to do with it
#
# With your answers, these cells ask on new images what 100 labels of *prime* are worth, alone and beside all labels of *left*.
# The two networks are those of the lesson. They stand in one model, side by side.

# %%
digits = data.load_digits()
sources = {"train": (digits.x_train, digits.y_train), "test": (digits.x_test, digits.y_test)}
images, left = {}, {}
for part, (x, y) in sources.items():
    canvas, pair = data.two_digits(x, y, 4000, seed=3)
    images[part] = canvas.reshape(4000, 17, 2, 17, 2).mean(axis=(2, 4)).reshape(4000, -1)
    left[part] = pair["left"]
prime = {part: np.isin(labels, [2, 3, 5, 7]).astype("int64") for part, labels in left.items()}

# %%
image = keras.Input(shape=(289,), name="image")
hidden = [keras.layers.Dense(64, activation="relu")(image) for _ in range(2)]
trunks = [keras.layers.Dense(32, activation="relu")(features) for features in hidden]
outputs = {
    "alone": keras.layers.Dense(2, activation="softmax", name="alone")(trunks[0]),
    "shared": keras.layers.Dense(2, activation="softmax", name="shared")(trunks[1]),
    "left": keras.layers.Dense(10, activation="softmax", name="left")(trunks[1]),
}
model = keras.Model(image, outputs)
loss = keras.losses.SparseCategoricalCrossentropy
losses = {name: loss(reduction="mean_with_sample_weight") for name in outputs}
model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
model.optimizer.build(model.trainable_variables)
first_weights = [keras.models.clone_model(model).get_weights() for _ in range(5)]


# %%
def scores_of(seed):
    """Train from the first weights of a seed; return the accuracy of prime, alone and beside left."""
    restart(model, first_weights[seed])
    labelled = np.random.default_rng(seed).permutation(4000)[:100]
    targets, weights = with_auxiliary(left["train"], labelled, prime["train"][labelled])
    rows = np.concatenate([np.resize(labelled, 4000), np.arange(4000)])  # as in the lesson
    source = {"alone": "prime", "shared": "prime", "left": "left"}
    training = data.batches(
        images["train"][rows],
        {name: targets[source[name]][rows] for name in outputs},
        sample_weight={name: weights[source[name]][rows] for name in outputs},
        seed=seed,
    )
    model.fit(training.repeat(), steps_per_epoch=300, verbose=0)
    answers = model(images["test"])
    return [
        np.mean(np.argmax(answers[n], axis=1) == prime["test"]) for n in ("alone", "shared")
    ]


# %%
runs = np.array([scores_of(seed) for seed in range(5)])
scores = {"alone": runs[:, 0], "shared": runs[:, 1]}
means = {name: {"prime": values.mean()} for name, values in scores.items()}
for name, values in scores.items():
    print(f"{name:7}{values.mean():.1%} ± {values.std(ddof=1):.1%}")
print(f"relative score: {relative_score(means['shared'], means['alone'], []):+.1f}%")
print("decision:", decide(scores["alone"], scores["shared"]))

# %% [markdown]
# Does your decision fit what the lesson says about *prime* with 100 labels? These are other images than there. Five seeds are
# few for such a decision: the lesson quotes ten as well.
#
# And does your `mix` give what the layer of the lesson gives?

# %%
layer = ExpertsWithGates(["left", "prime"], experts=3, units=4)
few = images["test"][:5]
features = layer(few)
experts = keras.ops.relu(keras.ops.tensordot(few, layer.kernel, axes=1) + layer.bias)
gate = keras.ops.tensordot(few, layer.gate_kernel, axes=1)[:, 0]  # the first task is left
experts, gate = keras.ops.convert_to_numpy(experts), keras.ops.convert_to_numpy(gate)
print(np.allclose(mix(experts, gate), features["left"], atol=1e-5))

# %%
so_far(10)
