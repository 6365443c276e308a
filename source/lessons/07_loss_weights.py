# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 7. How do I choose loss weights?
#
# **What you will do.** Make one head's loss a hundred times as large as the other's, and watch the other head fail. Then try
# a whole range of weights, draw what one head pays for the other, and choose on validation images. At last you let the
# weights move during training, and find a number in the logs that lies.
#
# **What you will learn**
# - to know what stands in the sum of the losses: sums, means, batch sizes and numbers of targets;
# - to sweep a weight, to read the trade-off curve, and to choose by a criterion that was written down before;
# - to change weights during training, and to watch a number that does not move with them;
# - to use a sum of logarithms, which needs no weight for the scale, and to know when it fails.
#
# **What you will need.** [Lesson 6](06_missing_labels.ipynb), which made the images, and a little of
# [lesson 5](05_regression.ipynb). No GPU. About 40 minutes; the longest cell runs for about 15 seconds.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet

import keras
import numpy as np
import tensorflow as tf
from joblib import Parallel, delayed

keras.utils.set_random_seed(7)

# %% [markdown]
# ## Two questions, three parts
#
# The questions are those of lesson 6: which digit is the *left* one, and is the right one *odd*? We shall choose weights,
# and what is chosen on some images looks too good on the same images. So there are three parts: we train on the first,
# choose on the second (**validation**), and look at the third (**test**) once, at the end. No digit is in two of them.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def two_questions(x, y, n, seed):
    """Return n prepared images, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    return prepare(canvas), {"left": pair["left"], "odd": pair["right"][:, None] % 2}


digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10
training = two_questions(digits.x_train[:kept], digits.y_train[:kept], 4000, seed=1)
validation = two_questions(digits.x_train[kept:], digits.y_train[kept:], 2000, seed=2)
test = two_questions(digits.x_test, digits.y_test, 2000, seed=3)

# %% [markdown]
# The naive answer to each question is the commonest label of the training part.


# %%
def naive(part):
    """Return how often the commonest training label is right about left, and about odd."""
    commonest = {
        name: np.bincount(labels.ravel()).argmax() for name, labels in training[1].items()
    }
    return np.array([np.mean(part[1][name] == commonest[name]) for name in commonest])


left, odd = naive(validation)
print(f"naive on validation images: left {left:.1%}, odd {odd:.1%} right")

# %% [markdown]
# ## What stands in the sum?
#
# With several heads, Keras minimises $w_A L_A + w_B L_B$. The weights $w$ are 1 unless you say otherwise. That looks fair.
# But is $L$ a sum or a mean?
#
# **Predict first.** Each of `n` images has `k` labels, and every answer has the same loss, 0.69. How large is $L$ with
# `reduction="sum"` for 32 images, for 128 images, and for 128 images with 4 labels each?

# %% tags=["nbval-check-output"]
print(f"{'':24}{'32 x 1':>9}{'128 x 1':>9}{'128 x 4':>9}")
for reduction in ["sum_over_batch_size", "sum"]:
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=reduction)
    values = []
    for n, k in [(32, 1), (128, 1), (128, 4)]:
        values.append(float(loss(np.zeros((n, k)), np.full((n, k, 2), 0.5))))
    print(f"{reduction:24}" + "".join(f"{value:9.2f}" for value in values))

# %% [markdown]
# The default, `sum_over_batch_size`, is a **mean** in spite of its name, and does not change. The **sum** grows with the
# number of images in a batch and with the number of labels of each image. Own losses written with `keras.ops.sum` do the
# same.
#
# If one head's loss is a mean and the other's is a sum, nobody wrote a weight, and yet there is one: the batch size. Is it
# exactly that? We compare the gradients at the trunk's first layer, on one batch of 128 images.


# %%
def build(kind=keras.Model):
    """Return a model with the outputs "left" and "odd" on one trunk, not compiled."""
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(32, activation="relu", name="trunk_2")(trunk)
    outputs = {
        "left": keras.layers.Dense(10, activation="softmax", name="left")(trunk),
        "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
    }
    return kind(image, outputs)


# %%
model, images, labels = build(), training[0][:128], training[1]["odd"][:128]
gradients = {}
for reduction, weight in [("sum", 1), ("sum_over_batch_size", 128)]:
    loss = keras.losses.BinaryCrossentropy(reduction=reduction)
    with tf.GradientTape() as tape:
        value = weight * loss(labels, model(images)["odd"])
    gradients[reduction] = tape.gradient(value, model.get_layer("trunk_1").kernel).numpy()
    print(
        f"{reduction:20} weight {weight:3}: length {np.linalg.norm(gradients[reduction]):.4f}"
    )

# %% tags=["check"]
assert np.allclose(*gradients.values(), rtol=1e-3, atol=1e-5)

# %% [markdown]
# It is. So "*odd* is a sum" and "*odd* is a mean with the loss weight 128" are the same training, and from now on we write
# it as a weight. (Other accidents of this size: an error in degrees and not in radians, lesson 5; a loss that is diluted by
# missing labels, lesson 6.)

# %% [markdown]
# ## One loss a hundred times the other
#
# We compile one model, and give it loss weights that can be changed: a `keras.Variable` in place of a number. Further below
# we see why. So one compiled model serves for every weight, which saves most of the time.


# %%
def losses():
    return {
        "left": keras.losses.SparseCategoricalCrossentropy(),
        "odd": keras.losses.BinaryCrossentropy(),
    }


def compiled():
    """Return a compiled model and its loss weights, which can be changed."""
    weights = {name: keras.Variable(1.0, trainable=False) for name in ["left", "odd"]}
    model = build()
    metrics = {name: ["accuracy"] for name in weights}
    model.compile(
        "adam", losses(), loss_weights=weights, metrics=metrics, steps_per_execution=20
    )
    return model, weights


# %%
first_weights = []
for seed in range(5):
    keras.utils.set_random_seed(seed)
    first_weights.append(build().get_weights())


def train(model, seed, epochs=1, **options):
    """Train a compiled model from new random weights for 200 updates; return the logs."""
    model.set_weights(first_weights[seed])
    for memory in model.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    model.optimizer.learning_rate = 0.001  # the loop above set it to zero too
    batches = data.batches(*training, seed=seed).repeat()
    steps = 200 // epochs
    return model.fit(
        batches, epochs=epochs, steps_per_epoch=steps, verbose=0, **options
    ).history


def accuracies(model, part):
    """Return the accuracy of left and of odd on the images of a part."""
    images, targets = part
    answers = model.predict_on_batch(images)
    left = answers["left"].argmax(axis=1) == targets["left"]
    return np.array([left.mean(), ((answers["odd"] > 0.5) == targets["odd"]).mean()])


# %% [markdown]
# **Predict first.** *odd* has the weight 1, and then 128. Which head changes, and by how much?

# %%
model, weights = made = compiled()
first_look = {}
for weight in [1, 128]:
    weights["odd"].assign(weight)
    logs = train(model, seed=0)
    first_look[weight] = accuracies(model, validation)
    left, odd = first_look[weight]
    print(f"weight of odd {weight:3}: left {left:.1%}, odd {odd:.1%} right")

# %% tags=["check"]
assert first_look[128][0] < first_look[1][0] - 0.3
assert abs(first_look[128][1] - first_look[1][1]) < 0.1

# %% [markdown]
# *left* loses most of what it had, and *odd* gains a little. The trunk gets the sum of both gradients, and in this sum one
# part is a hundred times larger than before: the trunk works for *odd*. There was no message. What do the logs say?

# %%
last = {key: logs[key][-1] for key in ["left_loss", "odd_loss", "loss"]}
print({key: round(value, 2) for key, value in last.items()})
weighted = last["left_loss"] + 128 * last["odd_loss"]
print(f"left_loss + 128 * odd_loss = {weighted:.2f}")

# %% tags=["check"]
assert np.isclose(last["loss"], weighted, rtol=1e-3)

# %% [markdown]
# The losses of the heads are logged **without** their weights, and `loss` is the **weighted** sum. (Where a model has
# regularisers, they are in `loss` too.) The loss of *left* shows the damage, if you know where a naive answer stands: ten
# classes with a probability of 0.1 each have a loss of $\log 10 = 2.30$.

# %% [markdown]
# ## Adam hides a common factor
#
# We could also multiply *both* weights by 128. Does that change anything? A gradient is then 128 times as large, and what
# follows depends on the optimizer. Here is one weight, with a gradient of 0.5 and then of 64, for one update with the
# learning rate 0.001.

# %% tags=["nbval-check-output"]
for optimizer in [keras.optimizers.SGD, keras.optimizers.Adam]:
    steps = []
    for gradient in [0.5, 128 * 0.5]:
        weight = keras.Variable(0.0)
        optimizer(0.001).apply([keras.ops.convert_to_tensor(gradient)], [weight])
        steps.append(float(weight.numpy()))
    print(f"{optimizer.__name__:5} steps: {steps[0]:.6f} and {steps[1]:.6f}")

# %% [markdown]
# **SGD** makes a step 128 times as long: a common factor is a learning rate. **Adam** divides each gradient by its usual
# size and makes the same step. So with Adam only the *ratio* of the loss weights matters, and we can keep $w_{left} = 1$.
# With SGD, keep the sum of the weights fixed when you change them, or you change the learning rate as well.
#
# There is more in it. The layer `odd` gets gradients from its own loss only, so for Adam *its* loss weight is a common
# factor, and is hidden. The ratio acts where the gradients meet: in the trunk.

# %% [markdown]
# ## A sweep and its trade-off curve
#
# Between the two weights above lie many others. We try six, each with five seeds, and note the accuracies on validation
# **and** on test images, but look at the first only. The weights grow by factors, because a ratio counts here and not a
# difference. One of them is no round number: 3.3 divides each loss by the loss of a model that knows nothing, which is
# $\log 10$ for ten classes and $\log 2$ for two. So both begin near 1. (It is for classes what standardised targets are for
# numbers.)

# %%
by_naive_loss = round(np.log(10) / np.log(2), 1)
tried = [0.1, 0.3, 1.0, by_naive_loss, 10.0, 128.0]


def sweep(seed, made=None):
    """Return the accuracies for each weight: shape (weights, 2 parts, 2 heads)."""
    model, weights = made or compiled()
    found = []
    for weight in tried:
        weights["odd"].assign(weight)
        train(model, seed)
        found.append([accuracies(model, validation), accuracies(model, test)])
    return found


runs = np.array(Parallel(n_jobs=1)(delayed(sweep)(seed, made) for seed in range(5)))
runs.shape

# %% [markdown]
# **Predict first.** Draw the curve in your mind: *left* to the right, *odd* upwards, a dot for each weight. Where do
# the weights 0.1, 1 and 128 lie?

# %%
on_validation = {weight: runs[:, number, 0] for number, weight in enumerate(tried)}
plots.trade_off(
    on_validation,
    x_label="accuracy of left (validation)",
    y_label="accuracy of odd (validation)",
)

# %% tags=["check"]
means = {weight: found.mean(axis=0) for weight, found in on_validation.items()}
assert means[128.0][0] < means[1.0][0] - 0.3 and means[0.1][1] < means[1.0][1] - 0.05
assert means[0.1][0] - means[1.0][0] < 0.06 and means[128.0][1] - means[1.0][1] < 0.07
between = np.array([means[weight] for weight in tried[1:5]])
assert (np.diff(between[:, 0]) < 0).all() and (np.diff(between[:, 1]) > 0).all()

# %% [markdown]
# Each dot is one weight of *odd*, its cross one standard deviation of the five runs. We want to be in the upper right
# corner.
# - At its ends the curve runs along an axis: a head that has almost all of the weight gains little from still more, and the
#   other one pays much for it. What is gained there is far less than what is lost.
# - In between, one head pays for the other. **From 0.3 to 10 no dot is better than another in both heads.** Which one is
#   best is not a question for the data; it depends on what you need.
#
# ### Say first what "best" means
#
# So a criterion belongs at the beginning, before any result is seen. Two common ones are:
# - the largest **mean** of both accuracies (or a weighted mean, if one error costs more than another);
# - the best *left* **subject to** a promise, such as "*odd* at least 75% right".

# %%
heads_mean = {weight: found.mean() for weight, found in on_validation.items()}
by_mean = max(heads_mean, key=heads_mean.get)
keeps_promise = [weight for weight in tried if means[weight][1] >= 0.75]
by_promise = max(keeps_promise, key=lambda weight: means[weight][0])

for weight in tried:
    left, odd = means[weight]
    print(f"{weight:6g}: left {left:.1%}, odd {odd:.1%}, mean {heads_mean[weight]:.1%}")
left, odd = naive(validation)
print(f" naive: left {left:.1%}, odd {odd:.1%}, mean {(left + odd) / 2:.1%}")
print(f"best by the mean: {by_mean:g}; best left with odd at least 75%: {by_promise:g}")

# %% tags=["check"]
assert by_mean in [0.3, 1.0, by_naive_loss] and by_promise <= by_mean
assert max(heads_mean.values()) - heads_mean[1.0] < 0.02

# %% [markdown]
# We chose the weight by the mean of five runs. From one run we would have chosen less surely: among the weights with a
# good mean, the differences are about as large as the spread from seed to seed. So a grid of factors of 3 is fine
# enough. Equal weights are a good first choice here, and they need no sweep. They are not equal to nothing, though: it took
# two *means* to make them so.
#
# Only now do we look at the test images, for the weight that was chosen. (The other designs of the lesson come into the
# same table, at the end.)

# %%
chosen = tried.index(by_mean)
for part, number in {"validation": 0, "test": 1}.items():
    left, odd = runs[:, chosen, number].mean(axis=0)
    print(f"{part:10}: left {left:.1%}, odd {odd:.1%}")

# %% [markdown]
# ### More processes, or more machines
#
# `Parallel(n_jobs=1)(delayed(sweep)(seed, made) for ...)` is joblib's way to write a loop whose turns do not depend on each
# other. `n_jobs=2` runs them in two processes. Then leave out `made`: a compiled model belongs to one process, and each task
# makes its own.
#
# Why do we use one? A new process must import TensorFlow, and each task there must compile a model. We measured a sweep
# like this one, on the bundled digits: in one process it took about 20 seconds of processor time with all imports, in two
# processes 39 seconds together. So two free cores would be hardly faster than one. More processes pay where one task runs
# for minutes. Make a task as large as possible: one *seed with all weights*, and not one weight, shares a compiled model.
#
# For a cluster, the backend is one line. With Dask (`pip install "dask[distributed]"`; the course does not need it):
#
# ```python
# from dask.distributed import Client
# from joblib import parallel_config
#
# with Client(n_workers=2, threads_per_worker=1), parallel_config("dask"):
#     runs = np.array(Parallel()(delayed(sweep)(seed) for seed in range(5)))
# ```
#
# We ran this on one machine, with `distributed` 2026.8.0 and two of the seeds: the numbers were exactly those of one
# process. In an earlier test each task set its seed and drew its own first weights, and one of two seeds gave other numbers
# there. So draw the first weights before, as `first_weights` above, and let the tasks take them from there.

# %% [markdown]
# ## Weights that change during training
#
# Sometimes one head is only a helper, and its weight should go to zero. Or a head should come in late. The obvious
# way is to change the dictionary.
#
# **Predict first.** We evaluate one model three times. First with the weight 1, then with 100 in the dictionary, then with
# 100 in the variable. Which of them changes `loss`?

# %%
plain = {"left": 1.0, "odd": 1.0}
frozen = keras.Model(model.input, model.output)
frozen.compile(loss=losses(), loss_weights=plain, run_eagerly=True)
options = {"batch_size": 2000, "verbose": 0, "return_dict": True}

before = frozen.evaluate(*validation, **options)["loss"]
plain["odd"] = 100.0
after = frozen.evaluate(*validation, **options)["loss"]
print(f"a number in the dictionary: {before:.2f}, then {after:.2f}")

moved = keras.Model(model.input, model.output)
moved.compile(loss=losses(), loss_weights=weights, run_eagerly=True)
same_model = []
for weight in [1.0, 100.0]:
    weights["odd"].assign(weight)
    same_model.append(moved.evaluate(*validation, **options))
print(
    f"a variable:                 {same_model[0]['loss']:.2f}, then {same_model[1]['loss']:.2f}"
)

# %% tags=["check"]
assert before == after and same_model[1]["loss"] > 5 * same_model[0]["loss"]
assert np.isclose(same_model[0]["odd_loss"], same_model[1]["odd_loss"])

# %% [markdown]
# `compile` copies the numbers. Changing the dictionary afterwards has no effect, and no error tells you. A `keras.Variable`
# with `trainable=False` is read again in each update, so `assign` works. (When a saved model is loaded, its weights are
# constants again: compile it anew with variables.)
#
# The last line has a warning in it: the model did not change between its two numbers, and `loss` did. Keep that in mind.
#
# A callback can set the weight before each epoch. Here *odd* is a helper: its weight goes from 3 to 0 in ten epochs of 20
# updates.


# %%
class Schedule(keras.callbacks.Callback):
    """Set a loss weight, a keras.Variable, before each epoch."""

    def __init__(self, variable, values):
        super().__init__()
        self.variable, self.values = variable, values

    def on_epoch_begin(self, epoch, logs=None):
        self.variable.assign(self.values[epoch])


watched = {
    "validation_data": data.batches(*validation, 1000, shuffle=False),
    "validation_steps": 2,
}
to_zero = np.linspace(3, 0, 10)
schedule = Schedule(weights["odd"], to_zero)
faded = train(model, 0, epochs=10, callbacks=[schedule], **watched)

weighted = np.array(faded["val_left_loss"]) + to_zero * faded["val_odd_loss"]
for key in ["val_loss", "val_left_loss", "val_odd_loss", "val_odd_accuracy"]:
    print(f"{key:17}" + "".join(f"{value:6.2f}" for value in faded[key]))

# %% tags=["check"]
assert np.allclose(faded["val_loss"], weighted, rtol=1e-3)
assert weights["odd"].numpy() == 0 and np.argmin(faded["val_loss"]) == 9

# %% [markdown]
# In the last epoch *odd* has the weight 0, and `val_loss` is `val_left_loss`. `val_loss` falls in every epoch, and a part
# of this is no learning at all: it is only multiplied by less.
#
# Was the schedule worth it? The benchmark of this lesson (`benchmarks/loss_weights.py`, ten seeds, both data sets) compares
# it to a weight that stays at 3: *left* ends a little better and *odd* a little worse, and the mean of both stays the same.
# So here the schedule is one more way along the trade-off curve. [Lesson 10](10_when_to_share.ipynb) measures when a helper
# really helps.
#
# ## Why `val_loss` then lies
#
# Now the other way: *odd* comes in late. Its weight grows from 0.1 to 10, by the same factor in each epoch. `EarlyStopping`
# watches `val_loss`, as its default says, and stops when that has not improved for two epochs.
#
# **Predict first.** Both heads learn something in every epoch. When does it stop?

# %%
to_ten = np.geomspace(0.1, 10, 10)
stop = keras.callbacks.EarlyStopping(patience=2)
schedule = Schedule(weights["odd"], to_ten)
stopped = train(model, 0, epochs=10, callbacks=[schedule, stop], **watched)
for key in ["val_loss", "val_left_accuracy", "val_odd_accuracy"]:
    print(f"{key:18}" + "".join(f"{value:6.2f}" for value in stopped[key]))

# %% tags=["check"]
assert len(stopped["val_loss"]) < 10
for key in ["val_left_accuracy", "val_odd_accuracy"]:
    assert stopped[key][-1] > stopped[key][np.argmin(stopped["val_loss"])]

# %% [markdown]
# `val_loss` falls at first. Then it rises, although both accuracies still grow: a growing weight multiplies a loss that
# falls more slowly. So the training was stopped before its end, for no good reason.
#
# **The cure**: watch a number without weights, such as the accuracy of the head that counts. (The next cell ends with
# an error, on purpose.)

# %% tags=["raises-exception"]
stop = keras.callbacks.EarlyStopping(monitor="val_left_accuracy", patience=2)
train(model, 0, epochs=10, callbacks=[Schedule(weights["odd"], to_ten), stop], **watched)

# %% [markdown]
# Keras does not know whether more of `val_left_accuracy` is better, and says what to write: `mode="max"`. It is best to
# watch the criterion itself. A callback can add it to the logs, if it stands *before* the one that watches.


# %%
class MeanAccuracy(keras.callbacks.Callback):
    """Add the mean of both validation accuracies to the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_mean"] = (logs["val_left_accuracy"] + logs["val_odd_accuracy"]) / 2


chosen_by = {"the smallest val_loss": [], "the largest val_mean": []}
epochs_chosen = []
for seed in range(5):
    callbacks = [Schedule(weights["odd"], to_ten), MeanAccuracy()]
    late = train(model, seed, epochs=10, callbacks=callbacks, **watched)
    epochs_chosen.append([np.argmin(late["val_loss"]), np.argmax(late["val_mean"])])
    for name, epoch in zip(chosen_by, epochs_chosen[-1], strict=True):
        chosen_by[name].append(late["val_mean"][epoch])
for name, epochs in zip(chosen_by, np.transpose(epochs_chosen) + 1, strict=True):
    print(f"{name:22} is in the epochs", *epochs)
plots.comparison(chosen_by, "mean of both accuracies on validation images, in that epoch")

# %% tags=["check"]
by_loss, by_criterion = (np.mean(found) for found in chosen_by.values())
assert by_criterion > by_loss + 0.01
assert np.mean(epochs_chosen, axis=0)[0] < np.mean(epochs_chosen, axis=0)[1] - 1

# %% [markdown]
# The epoch with the smallest `val_loss` comes too early, by several epochs on average, and its model is worse. (On the
# images on which we choose, the second row must be the larger one; the benchmark finds the same on test images.) Use
# `EarlyStopping(monitor="val_mean", mode="max", ...)`, and the same for `ModelCheckpoint`.
#
# Every method that moves loss weights has this trap, also those of [lesson 8](08_adaptive_weights.ipynb). `val_loss` is
# comparable only between epochs, or models, with the same weights.

# %% [markdown]
# ## A sum of logarithms
#
# Can we do without a weight for the scale? Take the logarithm of each loss:
#
# $$J = \log L_A + \log L_B$$
#
# If $L_B$ is 128 times as large, then $\log 128L_B = \log 128 + \log L_B$. A constant is added, and a constant has no
# gradient. The chain rule says what the gradient is:
#
# $$\nabla J = \frac{\nabla L_A}{L_A} + \frac{\nabla L_B}{L_B}$$
#
# So it is a weighted sum with the weights $1/L$, which are new in every batch: each head is asked for the same *relative*
# progress. A head whose loss is large gets a small weight.
#
# In Keras, `compute_loss` says what is minimised. We override it. The first line calls Keras's own version, only because it
# fills the logs of the heads; its result is not used.


# %%
class SumOfLogs(keras.Model):
    """A model that minimises the sum of the logarithms of its heads' losses."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)
        return sum(keras.ops.log(self.loss[name](y[name], y_pred[name])) for name in self.loss)


# %% [markdown]
# (Weights of rows, as in lesson 6, would go into the call of each loss: `sample_weight[name]`.) First the gradient: is it
# the same when the loss of *odd* is a sum?


# %%
def trunk_gradient(reduction, of):
    """Return the gradient at the first layer for left as a mean and odd with this reduction."""
    both = losses() | {"odd": keras.losses.BinaryCrossentropy(reduction=reduction)}
    with tf.GradientTape() as tape:
        answers = model(images)
        value = sum(of(both[name](training[1][name][:128], answers[name])) for name in both)
    return tape.gradient(value, model.get_layer("trunk_1").kernel).numpy()


changes = {}
for name, of in {"plain sum": lambda loss: loss, "sum of logs": keras.ops.log}.items():
    mean, total = (
        trunk_gradient(reduction, of) for reduction in ["sum_over_batch_size", "sum"]
    )
    changes[name] = np.linalg.norm(total - mean) / np.linalg.norm(mean)
    print(f"{name:12} the gradient changes by {changes[name]:9.5f} times its length")

# %% tags=["check"]
assert changes["plain sum"] > 1 and changes["sum of logs"] < 1e-3

# %% [markdown]
# The plain sum has another gradient, and the sum of logarithms has the same, up to rounding. Now the training. A plain sum
# of means has the weight 1 in the sweep above, a plain sum with an accidental *sum* has the weight 128, and equal weights
# after dividing by the naive loss have 3.3.
#
# **Predict first.** Where on the trade-off picture does the sum of logarithms lie: on the curve, above it, or below?

# %%
of_logs = build(SumOfLogs)
of_logs.compile("adam", losses(), steps_per_execution=20)
log_runs = []
for seed in range(5):
    logs = train(of_logs, seed)
    log_runs.append([accuracies(of_logs, validation), accuracies(of_logs, test)])
log_runs = np.array(log_runs)
print({key: round(values[-1], 2) for key, values in logs.items()})

# %%
on_test = {weight: runs[:, number, 1] for number, weight in enumerate(tried) if weight > 0.1}
plots.trade_off(
    {weight: found for weight, found in on_test.items() if weight < 100},
    {"sum of logarithms": log_runs[:, 1]},
    "accuracy of left (test)",
    "accuracy of odd (test)",
)

# %%
designs = {
    "one mean, one sum (128)": on_test[128.0],
    "two means (1)": on_test[1.0],
    f"by naive loss ({by_naive_loss})": on_test[by_naive_loss],
    f"tuned on validation ({by_mean:g})": on_test[by_mean],
    "sum of logarithms": log_runs[:, 1],
}
print(f"{'test images':28}{'left':>15}{'odd':>15}{'mean of both':>15}")
for name, found in designs.items():
    columns = np.column_stack([found, found.mean(axis=1)])
    means, spreads = columns.mean(axis=0), columns.std(axis=0, ddof=1)
    row = [f"{mean:.1%} ± {spread:.1%}" for mean, spread in zip(means, spreads, strict=True)]
    print(f"{name:28}" + "".join(f"{cell:>15}" for cell in row))
row = [*naive(test), naive(test).mean()]
print(f"{'always the commonest label':28}" + "".join(f"{share:>15.1%}" for share in row))

# %% tags=["check"]
mean_of = {name: found.mean() for name, found in designs.items()}
good = [score for name, score in mean_of.items() if "128" not in name]
assert max(good) - min(good) < 0.05 and min(good) > mean_of["one mean, one sum (128)"] + 0.15
assert logs["loss"][-1] < 0 < logs["odd_loss"][-1]

# %% [markdown]
# - The accident with the sum costs far more than all other choices together.
# - The other designs lie close together: most differences of the mean are about as large as the spread. They differ in
#   *which* head they favour. (The row "tuned" repeats the weight that the validation images chose.)
# - The sum of logarithms lies near the curve, on the side of *odd*: the easier head has the smaller loss, and so the larger
#   weight. It found a good place without any sweep, and its gradient would be the same with the accidental sum. It is no
#   better than a tuned weight in this short training (we did not follow it further).
#
# So it is a baseline that costs nothing. Three warnings:
# - `loss` may be negative, as it is here. That is no error.
# - When the loss of a training batch goes to 0, its weight $1/L$ goes to infinity. A head that fits its training images
#   perfectly then gets *more and more* of the trunk.
# - A loss that can be negative itself, like that of lesson 5 (a head with its own spread), has no logarithm:

# %% tags=["nbval-check-output"]
print(keras.ops.convert_to_numpy(keras.ops.log(-0.2)))

# %% [markdown]
# ## How to choose
#
# 1. Look at what you add: a mean for every head, targets standardised. Compute the losses of a naive answer; if they differ
#    by a factor of ten, something is wrong.
# 2. Write down the criterion, on validation images.
# 3. Train with equal weights, with each loss divided by its naive loss, and with the sum of logarithms. Here that was
#    enough.
# 4. If one head is worth more than the other, sweep by factors of 3, with several seeds, and draw the trade-off curve.
# 5. If weights move, watch the criterion and not `val_loss`.
# 6. Use the test images once.
#
# Put one network for each head beside it, as in [lesson 3](03_three_architectures.ipynb). In the benchmark such a pair is,
# in each head, about as good as the best weight for that head, and so better than every single dot of the curve. It also has
# twice the trunk. No weight brings back what the two heads lose to each other in this small trunk.

# %% [markdown]
# ## Take this with you
#
# A schedule for loss weights, and the criterion to watch.


# %%
class Weights(keras.callbacks.Callback):
    """Set loss weights by `rule(epoch)`, and log the mean of the scores in `watch`.

    `weights` is the dictionary of variables that was given to `compile`, such as
    {"left": keras.Variable(1.0, trainable=False), "odd": ...}; the rule returns numbers.
    """

    def __init__(self, weights, rule, watch):
        super().__init__()
        self.weights, self.rule, self.watch = weights, rule, watch

    def on_epoch_begin(self, epoch, logs=None):
        for name, weight in self.rule(epoch).items():
            self.weights[name].assign(weight)

    def on_epoch_end(self, epoch, logs=None):
        logs["val_mean"] = np.mean([logs[key] for key in self.watch])


callbacks = [
    Weights(
        weights, lambda epoch: {"odd": 0.9**epoch}, ["val_left_accuracy", "val_odd_accuracy"]
    ),
    keras.callbacks.EarlyStopping(monitor="val_mean", mode="max", patience=3),
]
logs = train(model, 0, epochs=10, callbacks=callbacks, **watched)
print(f"best val_mean {max(logs['val_mean']):.3f}, last weight {weights['odd'].numpy():.2f}")

# %% [markdown]
# In this notebook we
# - saw a sum in place of a mean act as a loss weight of the size of a batch, and ruin a head without a message;
# - read the logs: heads without weights, `loss` with them;
# - swept a weight over five seeds, drew the trade-off curve, and chose by a criterion on validation images;
# - moved weights during training, saw `val_loss` choose the wrong epoch, and watched the criterion in its place;
# - derived the sum of logarithms, found its gradient not to depend on the scale, and put it beside tuned weights.
#
# **References**
# - V. Kurin, A. De Palma, I. Kostrikov, S. Whiteson and M. P. Kumar (2022), *In defense of the unitary scalarization for
#   deep multi-task learning*: the plain sum, with usual regularisation, is hard to beat.
# - D. Xin, B. Ghorbani, J. Gilmer, A. Garg and O. Firat (2022), *Do current multi-task optimization methods in deep
#   learning even help?*: methods compared to whole sweeps of weights.
#
# Next: the [exercises](../exercises/07_loss_weights.ipynb), then [lesson 8](08_adaptive_weights.ipynb).
