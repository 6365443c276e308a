# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 6. What if some labels are missing?
#
# **What you will do.** Hide labels of one head, train on what is left, and find where weights, losses and scores go wrong.
# Then hide labels by their class, and find that a good score can be a false one.
#
# **What you will learn**
# - to train on rows whose labels are incomplete, with a filler (a valid label in place of the missing one) and a weight for
#   each head;
# - to know what Keras divides by, which shape its weights have, which of its scores count hidden rows, and what that changes;
# - to tell what incomplete rows are worth, and for which head;
# - to correct an estimate, and a training, when the chance of being labelled is known, and to know what it takes to find
#   that chance out.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb), which made the images. No GPU. About 70 minutes; the
# longest cell runs for about 7 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(6)

# %% [markdown]
# ## Two questions, and half of the answers to one
#
# The images are those of lesson 3, two digits on one canvas at half the resolution. Which digit is the *left* one, and is the
# right one *odd*? Neither answer says anything about the other.


# %%
def two_questions(x, y, n, seed):
    """Return n images, each 2x2 pixels averaged and in one row, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    small = canvas.reshape(n, 17, 2, 17, 2).mean(axis=(2, 4))
    return small.reshape(n, -1), {"left": pair["left"], "odd": pair["right"] % 2}


digits = data.load_digits()
images_train, targets_train = two_questions(digits.x_train, digits.y_train, 4000, seed=1)
images_test, targets_test = two_questions(digits.x_test, digits.y_test, 2000, seed=2)

# %% [markdown]
# `hide_labels` tells for each row whether its label is kept, here with a probability of one half. In a table, a missing label
# is often NaN ("not a number"), so we put that in its place. What does such a training set look like?

# %%
known = data.hide_labels(4000, keep=0.5, seed=6)
odd_with_gaps = np.where(known, targets_train["odd"], np.nan)

titles = [f"left {targets_train['left'][row]}, odd {odd_with_gaps[row]:g}" for row in range(6)]
plots.images(images_train[:6].reshape(-1, 17, 17), titles, columns=6)

# %% [markdown]
# ## NaN poisons everything
#
# The trunk and the heads are as in lesson 3. One function makes the losses, because later we change an option of both.

# %%
DEFAULT, REPAIRED = "sum_over_batch_size", "mean_with_sample_weight"


def build():
    """Return a model with the outputs "left" and "odd" on one trunk, not compiled."""
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    outputs = {
        "left": keras.layers.Dense(10, activation="softmax", name="left")(trunk),
        "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
    }
    return keras.Model(image, outputs)


# %%
def losses(reduction=DEFAULT):
    """Return a loss for each head; `reduction` says how the losses of a batch become one number."""
    return {
        "left": keras.losses.SparseCategoricalCrossentropy(reduction=reduction),
        "odd": keras.losses.BinaryCrossentropy(reduction=reduction),
    }


# %% [markdown]
# **Predict first.** We train for one update, on 128 rows. One of them lacks its label of *odd*, and all have their label of
# *left*. What does *left* then answer? (`run_eagerly` spares us a compilation.)


# %%
def spoiled_layers(model):
    """Return the layers that hold a NaN."""
    return [a.name for a in model.layers if any(np.isnan(w).any() for w in a.get_weights())]


def one_update(odd, weight, loss_weights=None):
    """Return a new model after one update on 128 rows, and its loss."""
    model = build()
    model.compile("adam", losses(), loss_weights=loss_weights, run_eagerly=True)
    targets = {"left": targets_train["left"][:128], "odd": odd[:128]}
    weights = {"left": np.ones(128), "odd": weight[:128].astype("float32")}
    return model, model.train_on_batch(images_train[:128], targets, sample_weight=weights)[0]


all_known = np.ones(4000)
model, loss = one_update(np.append(np.nan, targets_train["odd"][1:]), all_known)
answers = model.predict_on_batch(images_test)
print("loss:", loss, "  layers with NaN:", spoiled_layers(model))
print("left answers", answers["left"].argmax(axis=1)[:20])

# %% tags=["check"]
assert {"trunk_1", "trunk_2", "odd"}.issubset(spoiled_layers(model)) and np.isnan(loss)
assert len(np.unique(answers["left"].argmax(axis=1))) == 1

# %% [markdown]
# One missing label is enough, and nothing is raised. The NaN goes from the loss of *odd* back into the trunk, and the trunk is
# lost for both heads: *left* gives the same answer to every image. (`argmax` calls NaN 0.)
#
# Many people then give the rows without a label the weight 0, or the whole head the loss weight 0. Some also fill
# the gap with a valid label, a **filler**.
#
# **Predict first.** Which of the three attempts below are saved by their zero?

# %%
filled = np.where(known, targets_train["odd"], 0)
spoiled = {}
for name, attempt in {
    "gaps, loss weight 0": (odd_with_gaps, all_known, {"left": 1.0, "odd": 0.0}),
    "gaps, row weight 0": (odd_with_gaps, known),
    "filler, row weight 0": (filled, known),
}.items():
    model, loss = one_update(*attempt)
    spoiled[name] = spoiled_layers(model)
    print(f"{name:22} loss {loss:6.2f}   spoiled: {spoiled[name]}")

# %% tags=["check"]
assert spoiled["gaps, loss weight 0"] and spoiled["gaps, row weight 0"]
assert not spoiled["filler, row weight 0"]

# %% [markdown]
# Zero times NaN is NaN. A weight can only switch off a number that *is* a number, so first we **fill** every gap with any
# valid label, and then we give that row the weight 0. Which label we fill in does not matter for the loss, but for a score.
#
# ### The same in a loss of your own
#
# In a loss function of your own you could leave the NaN out with `tf.where`. Here are two answers, and two labels of which the
# second is missing.

# %% tags=["nbval-check-output"]
label = tf.constant([0.0, np.nan])
is_known = tf.math.is_finite(label)


def where_after(answer):
    return tf.reduce_sum(tf.where(is_known, (answer - label) ** 2, 0.0))


def where_before(answer):
    safe = tf.where(is_known, label, 0.0)
    return tf.reduce_sum(tf.where(is_known, (answer - safe) ** 2, 0.0))


for function in [where_after, where_before]:
    answer = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = function(answer)
    print(f"{function.__name__:13} loss {loss}, gradient {tape.gradient(loss, answer).numpy()}")

# %% [markdown]
# Both losses are right, and the first gradient is spoiled. `tf.where` picks a value, but the gradient flows back through
# *both* sides: the one that was not picked gets the slope 0, times the slope of the square, which is NaN. Replace the bad
# label *before* the arithmetic, as the second function does (the "double where").
#
# ### Classes: no NaN, and often -1
#
# The labels of a softmax head are whole numbers. A gap is often written as -1 there. (The next cell ends with an error, on
# purpose.)

# %% tags=["raises-exception"]
losses()["left"](np.array([7, -1, 2]), np.full((3, 10), 0.1), sample_weight=np.array([1, 0, 1]))

# %% [markdown]
# Only the CPU code raises this error: for a GPU, TensorFlow documents NaN instead. The cure is the same: fill with a valid
# class, 0 say, and set the weight to 0.
#
# (For classes, `SparseCategoricalCrossentropy(ignore_class=-1)` is shorter. But a metric counts a row with -1 as wrong.)

# %% [markdown]
# ## Divided by what?
#
# Eight rows, of which two have a label. The sigmoid predicts 0.2 for all.

# %%
labels = np.array([[1.0], [0], [0], [0], [0], [0], [0], [0]])  # from the third on, a filler
weight, predicted = np.array([1.0, 1, 0, 0, 0, 0, 0, 0]), np.full((8, 1), 0.2)

total = -np.log(0.2) - np.log(0.8)
print(f"NumPy: sum / 2 = {total / 2:.4f},  sum / 8 = {total / 8:.4f}")
divided = {}
for reduction in [DEFAULT, REPAIRED]:
    loss = losses(reduction)["odd"]
    divided[reduction] = [float(loss(labels, predicted, w)) for w in [weight, 0 * weight]]
    print(f"{reduction:24}", np.round(divided[reduction], 4))

# %% tags=["check"]
assert np.allclose(divided[DEFAULT], [total / 8, 0], atol=1e-5)
assert np.allclose(divided[REPAIRED], [total / 2, 0], atol=1e-5)

# %% [markdown]
# - The **default**, `sum_over_batch_size`, divides by all eight rows. The two labels count a quarter of what they should:
#   the loss is **diluted** by the rows that have no label.
# - `mean_with_sample_weight` divides by the sum of the weights. It is the mean over the labelled rows.
# - The second number is a batch in which *no* row has a label: 0 with either, and not 0/0.
#
# ## Which shape have the weights?
#
# A row can have many labels: one for each step of a series, or for each pixel. A loss makes one number of the *last* axis of
# the output: the cross-entropy of a softmax, or the mean over that axis. This number is multiplied by its weight. So **weights
# have the shape of the output without its last axis**:
#
# - one answer: the output is (n, k), and the weights are (n,);
# - a series: the output is (n, steps, k), and the weights are (n, steps);
# - a map: the output is (n, height, width, k), and the weights are (n, height, width).
#
# In a series or a map of yes/no answers or numbers (k = 1), the *target* needs that axis too: `target[..., None]` makes it.
# Without it, Keras drops the last axis of the output, and the loss averages the one before: the steps, or the width.
#
# This head tells for each pixel whether there is ink. We take the last four of eight maps for missing, and give one weight for
# each map. (The learning rate is 0: `fit` only reports the loss.)

# %% tags=["raises-exception"]
maps = keras.Sequential([keras.layers.Conv2D(1, 1, activation="sigmoid")], name="maps")
canvas, weight = images_test[:8].reshape(8, 17, 17, 1), np.repeat([1.0, 0], 4)


def map_loss(weights, reduction=REPAIRED):
    maps.compile(keras.optimizers.SGD(0.0), losses(reduction)["odd"], run_eagerly=True)
    return maps.fit(canvas, canvas > 0.5, sample_weight=weights, verbose=0).history["loss"][0]


map_loss(weight)

# %% [markdown]
# Read its end: the loss has the shape (8, 17, 17), the weights have (8,). **Predict first.** Are two axes more enough,
# `weight[:, None, None]`, of shape (8, 1, 1)?

# %%
p = np.array(maps(canvas))
by_hand = -np.log(np.where(canvas > 0.5, p, 1 - p))[:4].mean()
print(f"NumPy, mean over the pixels of four maps: {by_hand:.4f}\n")
shapes = [weight[:, None, None], np.broadcast_to(weight[:, None, None], (8, 17, 17))]
found = {name: [map_loss(w, name) for w in shapes] for name in [DEFAULT, REPAIRED]}
for name, values in found.items():
    print(f"{name:24} weights (8, 1, 1): %.4f, (8, 17, 17): %.4f" % (*values,))

# %% tags=["check"]
assert np.allclose(found[DEFAULT], by_hand / 2, rtol=1e-3)
assert np.allclose(found[REPAIRED], [289 * by_hand, by_hand], rtol=1e-3)

# %% [markdown]
# The error is gone, and the repaired loss is 17 · 17 = 289 times too large: it adds up the losses of the pixels of four maps,
# and divides by the sum of the weights, 4. With `np.broadcast_to` each pixel has its weight, and the loss is right. (The
# default divides by all pixels, so it is diluted with either.)
#
# ### A gap per label
#
# A head with three labels ([lesson 4](04_multi_label.ipynb)) has the output (n, 3) and a loss of shape (n,), so weights (n, 3)
# do not fit. We try it on two rows. **Predict first.** And on three?

# %% tags=["raises-exception"]
tags, kept = np.eye(3), np.tri(3)  # of row 1 only label 1 is known, of row 2 two, of row 3 all
predicted = np.array([[0.4, 0.7, 0.8], [0.5, 0.6, 0.3], [0.3, 0.1, 0.9]])
loss = losses(REPAIRED)["odd"]
loss(tags[:2], predicted[:2], sample_weight=kept[:2])

# %%
by_row = loss(tags, predicted, sample_weight=kept)
by_label = loss(tags[..., None], predicted[..., None], sample_weight=kept)
by_hand = -np.log(np.where(tags == 1, predicted, 1 - predicted))[kept == 1].mean()
print(f"output (3, 3): {by_row:.4f}, (3, 3, 1): {by_label:.4f}, NumPy: {by_hand:.4f}")

# %% tags=["check"]
assert np.isclose(by_label, by_hand, rtol=1e-4) and abs(by_row - by_hand) > 0.05

# %% [markdown]
# No error, and a wrong loss: shapes are matched from the *end*, so the loss of row 1 got the weights of label 1, and so on.
# With one axis more each label is a row for the loss. `keras.layers.Reshape((3, 1), name="tags")` makes that axis in a model,
# and `[..., None]` in the target.
#
# ## What `fit` and `evaluate` report
#
# We compile one model for each reduction, once, and keep five sets of first weights: each training starts from one of them, as
# in lesson 3.

# %%
models = {}
for reduction in [DEFAULT, REPAIRED]:
    models[reduction] = build()
    models[reduction].compile(optimizer="adam", loss=losses(reduction), steps_per_execution=100)

first_weights = draw_weights(build, seeds=range(5))

# %% [markdown]
# Where a weight is 0, the label is replaced by the filler 0, so nothing hidden can leak into the training.


# %%
def train(weights, seed, reduction=REPAIRED, rows=slice(None)):
    """Train from new random weights on the labels whose weight is not 0; return the model."""
    model = models[reduction]
    restart(model, first_weights[seed])
    filled = {k: np.where(w > 0, targets_train[k], 0)[rows] for k, w in weights.items()}
    weights = {name: weight[rows].astype("float32") for name, weight in weights.items()}
    training = data.batches(images_train[rows], filled, sample_weight=weights, seed=seed)
    model.fit(training.repeat(), steps_per_epoch=200, verbose=0)
    return model


model = train({"left": all_known, "odd": known}, seed=0)

# %% [markdown]
# To evaluate with other options we put a second model on the same layers, with its own `compile`. The labels of *odd* become a
# column, like the answers of that head: losses do that by themselves, but not every metric does.


# %%
def evaluate(model, targets, weights, batch_size=2000, reduction=REPAIRED, **options):
    """Return the scores on the test images, by name."""
    scorer = keras.Model(model.input, model.output)
    scorer.compile(loss=losses(reduction), run_eagerly=True, **options)
    targets = targets | {"odd": targets["odd"][:, None]}
    options = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
    return scorer.evaluate(images_test, targets, sample_weight=weights, **options)


# %% [markdown]
# We hide three quarters of the test labels of *odd* and ask for its loss, in one batch of 2,000 images and in batches of 200.
# Under `weighted_metrics` we put the same loss function once more.

# %%
known_test = data.hide_labels(2000, keep=0.25, seed=7)
filled_test = targets_test | {"odd": np.where(known_test, targets_test["odd"], 0)}
weights_test = {"left": np.ones(2000), "odd": known_test.astype("float32")}

p_odd = model.predict_on_batch(images_test)["odd"][:, 0]
wanted = -np.log(np.where(targets_test["odd"] == 1, p_odd, 1 - p_odd))[known_test].mean()
print(f"NumPy, mean over the labelled rows: {wanted:.4f}\n")
metric, reported = {"weighted_metrics": {"odd": ["binary_crossentropy"]}}, []
for reduction, size in [(DEFAULT, 2000), (REPAIRED, 2000), (REPAIRED, 200)]:
    scores = evaluate(model, filled_test, weights_test, size, reduction, **metric)
    reported.append([scores["odd_loss"], scores["odd_binary_crossentropy"]])
    print(f"{reduction:24} batches of {size:4}: odd_loss %.4f, metric %.4f" % (*reported[-1],))

# %% tags=["check"]
assert np.allclose(reported[0], [wanted * known_test.mean(), wanted], rtol=1e-3)
assert np.allclose([*reported[1], reported[2][1]], wanted, rtol=1e-3)

# %% [markdown]
# - The default reports about a quarter of the true loss. The head looks four times as good as it is.
# - `mean_with_sample_weight` is right in one batch. In several batches it can be a little off: Keras averages them as if all
#   had the same number of labels.
# - The loss as a **weighted metric** is right in every case: it adds up losses and weights over all batches, and divides once.
#
# Without any missing label, the same averaging goes wrong when the last batch is smaller: with a squared error of 0 in two
# batches of 32 and of 100 in one of 16, Keras reports 100 / 3, and the mean is 20. The gradients are right, and so is the
# metric: use it to stop a training early.

# %% [markdown]
# ## Which rows does a score count?
#
# **Predict first.** The trained model is right about *odd* on far more than half of the test images. Three quarters of their
# labels are hidden and filled with 0. What does `metrics=["accuracy"]` say? And what, if we fill with 1?

# %%
both_kinds = dict.fromkeys(["metrics", "weighted_metrics"], {"odd": ["accuracy"]})
right = (p_odd > 0.5) == targets_test["odd"]
print(f"NumPy: {right[known_test].mean():.3f} on labelled rows, {right.mean():.3f} on all\n")

plain, weighted = [], []
for filler in [0, 1]:
    targets = targets_test | {"odd": np.where(known_test, targets_test["odd"], filler)}
    scores = evaluate(model, targets, weights_test, **both_kinds)
    plain.append(scores["odd_accuracy"])
    weighted.append(scores["odd_weighted_accuracy"])
    print(f"filled with {filler}: {plain[-1]:.3f}, as a weighted metric {weighted[-1]:.3f}")

# %% tags=["check"]
assert np.allclose(weighted, right[known_test].mean(), atol=1e-3)
assert max(plain) < right.mean() - 0.05

# %% [markdown]
# `metrics` ignore the weights of the rows. They compare each answer with the filler, as if it were the truth.
# `weighted_metrics` count the labelled rows only, so that is where a metric of a head with missing labels belongs. Since the
# labels were hidden at random, that score is, but for chance, the score on all rows.
#
# `sample_weight` may also be one array. It then weights *every* head: *left* would be trained only on the rows where *odd* is
# known, and its other labels are thrown away without a word. Give a dictionary, with the keys of the outputs. (With a list of
# outputs that is an error.)
#
# `check_heads(model, targets, sample_weight=weights)` finds these faults before the training
# ([lesson 2](02_wiring_heads.ipynb)).

# %% [markdown]
# ## What does the dilution do?
#
# The default divides by all rows. So with 5% of the labels, the loss of *odd*, and the gradient that the head sends to the
# trunk, are about a twentieth of what `mean_with_sample_weight` gives: like a loss weight of 0.05, which nobody chose.
#
# Does it change the answers? We train with 5% of the labels of *odd*, and all of *left*, and compare at once with the simplest
# cure, to drop every row that lacks a label:
# - **keep, mean over labels**: all rows, with `mean_with_sample_weight`;
# - **keep, diluted**: all rows, with the default;
# - **drop**: only the rows with both labels.
#
# Each of five seeds hides other labels, and each training has 200 updates.
#
# **Predict first.** Who wins on *left*, and who on *odd*?


# %%
def accuracies(model):
    """Return the accuracy of both heads on all test images, in %."""
    answers = model.predict_on_batch(images_test)
    left = answers["left"].argmax(axis=1) == targets_test["left"]
    odd = (answers["odd"][:, 0] > 0.5) == targets_test["odd"]
    return 100 * left.mean(), 100 * odd.mean()


runs, seeds = [], range(5)
for seed in seeds:
    weights = {"left": all_known, "odd": data.hide_labels(4000, 0.05, seed=100 + seed)}
    ways = {
        "keep, mean over labels": accuracies(train(weights, seed)),
        "keep, diluted": accuracies(train(weights, seed, DEFAULT)),
        "drop": accuracies(train(weights, seed, rows=weights["odd"])),
        "all labels known": accuracies(train(weights | {"odd": all_known}, seed)),
    }
    runs.append(ways)
runs = {way: np.array([run[way] for run in runs]) for way in ways}  # shape (seeds, 2)
others = {way: runs[way] for way in [*runs][:3]}
names = "accuracy of left, in %", "accuracy of odd, in %"
plots.trade_off({"all labels known": runs["all labels known"]}, others, *names)

# %% tags=["check"]
kept, diluted, dropped, with_all = (scores.mean(axis=0) for scores in runs.values())
assert diluted[0] > kept[0] > dropped[0]
assert with_all[1] > kept[1] > diluted[1] + 2

# %% [markdown]
# - On ***left***, dropping loses many points: it throws away labels of *left* for a gap in *odd*.
# - On ***odd***, keeping the rows gains nothing here. They teach the trunk about the left digit only, and lesson 3 showed that
#   here sharing a trunk does not help. Also, a batch of all rows has about six labels of *odd*, not 128.
# - The **dilution** moves accuracy from the head with few labels to the other one: *odd* loses much more than *left* gains.
#
# So `mean_with_sample_weight` is not simply "better". It keeps the balance of the heads as it was with all labels, and you may
# choose another one, by `loss_weights` ([lesson 7](07_loss_weights.ipynb)). Its price: a mean over six labels is noisy. Adam
# bears it here. With momentum instead, at a learning rate of 0.1, *left* was far *worse* than with the diluted loss (measured
# in `benchmarks/missing_labels.py`).
#
# In short, an incomplete row is worth what its labels are worth to their heads. ([Lesson 10](10_when_to_share.ipynb) asks when
# they help another one.) With gaps in several heads, complete rows are soon rare: if each of three keeps 20% of its labels,
# less than 1% of the rows.

# %% [markdown]
# ## When the gaps are not random
#
# So far every label was hidden with the same probability. Real gaps have reasons. Think of a form on which most people tick
# "odd", but leave the field empty for "even": an odd digit is labelled with probability 0.9, and an even one with 0.1.

# %%
keep_train = np.where(targets_train["odd"] == 1, 0.9, 0.1)
is_odd = targets_test["odd"] == 1
keep_test = np.where(is_odd, 0.9, 0.1)
known_test = data.hide_labels(2000, keep_test, seed=9)

print(f"odd: {is_odd[known_test].mean():.0%} of the known labels, {is_odd.mean():.0%} of all")

# %% [markdown]
# **Predict first.** We train on gaps of the same kind, with a filler and weights. How often will the model be right on the test
# rows that have a label, and how often on all of them?


# %%
def measure(keep, use=1.0):
    """Hide labels and train, with each seed; return the probabilities of odd, shape (seeds, 2000)."""
    answers = []
    for seed in seeds:
        weights = data.hide_labels(4000, keep, seed=400 + seed) / use
        model = train({"left": all_known, "odd": weights}, seed)
        answers.append(model.predict_on_batch(images_test)["odd"][:, 0])
    return np.array(answers)


p_odd = {"gaps at random": measure(0.5), "gaps by class": measure(keep_train)}


# %%
def show():
    """Print how often the models are right on some groups of rows, and how often they answer odd."""
    for name, p in p_odd.items():
        right = (p > 0.5) == is_odd
        groups = {"labelled": right[:, known_test], "all rows": right, "odd": right[:, is_odd]}
        groups |= {"even": right[:, ~is_odd], "answers odd": p > 0.5}
        print(f"{name:24}", ", ".join(f"{group} {r.mean():.0%}" for group, r in groups.items()))


show()

# %% tags=["check"]
random_gaps, by_class = ((p > 0.5) == is_odd for p in p_odd.values())
assert by_class[:, known_test].mean() > by_class.mean() + 0.1
assert by_class.mean() < random_gaps.mean() - 0.04
assert by_class[:, ~is_odd].mean() < by_class[:, is_odd].mean() - 0.2

# %% [markdown]
# With gaps by class the model answers *odd* far too often: nine of ten labels that it saw were odd. On the labelled rows (by
# class, for both models) this looks excellent, because they are mostly odd as well. On all rows it is much worse than the
# model with random gaps, and on even digits it is mostly wrong. A choice by the score on labelled rows would take the wrong
# model.
#
# ### Repair the estimate
#
# An even digit is labelled one time in ten. So each labelled even digit stands for ten. We weight each labelled row by **one
# over its probability of being labelled**. There are two ways to make an accuracy of it. With $p_i$ the probability, $k_i$ 1 if
# the label is known and else 0, and $r_i$ 1 if the answer is right:
#
# $$\text{sum of } 1/p:\ \frac{1}{n}\sum_i \frac{k_i r_i}{p_i} \qquad\qquad
# \text{mean by } 1/p:\ \sum_i \frac{k_i r_i}{p_i} \Big/ \sum_i \frac{k_i}{p_i}$$
#
# The first, of Horvitz and Thompson, is right on average, because $k_i$ is $p_i$ on average.
#
# **Predict first.** To see how much such an estimate varies, we hide test labels 300 times, others each time, and draw the first
# 60. Which of the three varies least, and which is closest to the truth? Can one be above 100%? (For this the last row takes
# a model that is always right.)

# %%
one_model = (p_odd["gaps by class"][0] > 0.5) == is_odd
draws = np.array([data.hide_labels(2000, keep_test, seed=seed) for seed in range(300)]) * 1
weights = draws / keep_test  # shape (300, 2000)
labelled = draws @ one_model / draws.sum(axis=1)
summed = weights @ one_model / 2000
averaged = weights @ one_model / weights.sum(axis=1)
plots.comparison(
    {
        "in truth, this one model": [100 * one_model.mean()],
        "on labelled rows": 100 * labelled[:60],
        "sum of 1/p": 100 * summed[:60],
        "mean by 1/p": 100 * averaged[:60],
        "sum, model always right": 100 * weights[:60].sum(axis=1) / 2000,
    },
    "accuracy as estimated, in %",
)

# %% tags=["check"]
assert labelled.mean() > one_model.mean() + 0.02 and weights.sum(axis=1).max() > 2000
assert np.allclose([summed.mean(), averaged.mean()], one_model.mean(), atol=0.015)
assert labelled.std() < min(summed.std(), averaged.std())

# %% [markdown]
# The score on the labelled rows varies least, and it is wrong every time: more labels of the same kind would not help. Both
# weighted estimates are right on average, and vary more, because they rest on a hundred labelled even digits. Prefer the mean
# by 1/p, because the sum can be above 100%. In Keras it is a weighted metric, with the weights 1/p.
#
# ### Repair the training
#
# The loss is a mean over rows too, so the same weights can repair it: 1/p for a known label, and 0 for a gap. (With several
# heads Keras refuses `class_weight`, and rightly. The classes of which head?)
#
# **Predict first.** Does this bring back the accuracy of random gaps? Only about 200 even digits are labelled.

# %%
p_odd["by class, weights 1/p"] = measure(keep_train, use=keep_train)
show()

# %%
right = {name: 100 * ((p > 0.5) == is_odd).mean(axis=1) for name, p in p_odd.items()}
plots.comparison(right, "accuracy of odd on all test images, in %")

# %% tags=["check"]
random_gaps, by_class, repaired = (scores.mean() for scores in right.values())
assert by_class + 3 < repaired < random_gaps + 2

# %% [markdown]
# It brings back most of it: the errors are shared out more evenly between the classes. But it is not better than random gaps:
# weights correct *how much* a row counts, and do not replace labels that nobody wrote. With 1,200 updates they bring back a
# smaller part (`benchmarks/missing_labels.py`). Byrd and Lipton found the same for other networks: the effect of such weights
# fades as training goes on.
#
# ### Whose probabilities?
#
# All this needs the probabilities. Wrong ones give a wrong estimate, and it need not look wrong: with one probability for all,
# it is the score on the labelled rows. (A first test: the sum of 1/p should be near the number of rows.)
#
# Can the data tell the probabilities? Not without an **assumption**. A common one is that *only the label decides*: an odd
# digit without a label looks like an odd digit with one. Then the model answers *odd* to both equally often, and that tells
# how many of the unlabelled images are odd. Let the model answer *odd* to a share $t$ of the labelled odd digits, to a share
# $f$ of the labelled even ones, and to a share $s$ of the unlabelled images. If a share $u$ of these is odd, then
#
# $$s = u\,t + (1 - u)\,f, \qquad\text{so}\qquad u = \frac{s - f}{t - f}.$$
#
# Now we know how many odd digits there are, and so which part of them is labelled. It works with any threshold, and best where
# the model does not answer *odd* to nearly everything: we take the median score.

# %%
score = p_odd["gaps by class"][0]
passes = score > np.median(score)
n_odd, n_even = draws @ is_odd, draws @ ~is_odd
t, f = draws @ (passes & is_odd) / n_odd, draws @ (passes & ~is_odd) / n_even
s = (1 - draws) @ passes / (1 - draws).sum(axis=1)
more_odd = (s - f) / (t - f) * (1 - draws).sum(axis=1)
keep_odd, keep_even = n_odd / (n_odd + more_odd), n_even / (2000 - n_odd - more_odd)
weights = draws / np.where(is_odd, keep_odd[:, None], keep_even[:, None])
shifted = weights @ one_model / weights.sum(axis=1)
print(f"labelled, of the odd digits:  {keep_odd.mean():.0%} ± {keep_odd.std():.0%}")
print(f"labelled, of the even digits: {keep_even.mean():.0%} ± {keep_even.std():.0%}")
print(f"right: {shifted.mean():.1%} ± {shifted.std():.1%}, in truth {one_model.mean():.1%}")

# %% tags=["check"]
assert abs(keep_odd.mean() - 0.9) < 0.05 and abs(keep_even.mean() - 0.1) < 0.03
assert abs(shifted.mean() - one_model.mean()) < 0.03

# %% [markdown]
# Nobody told the probabilities, and both are found, and so is the accuracy. The assumption did it, so ask whether it is true:
# not if badly written digits were labelled less often too. The method is made for *label shift* (Lipton and others).
#
# And where the probability is zero, say if nobody labels an even digit, no weight can help: there is no row to give it to. A
# model that always answers *odd* is right on all labelled rows. So before you train on incomplete labels, ask *why* they are
# missing.
# - **By chance** (*missing completely at random*, MCAR): the labelled rows are a fair sample. A filler and weights of 0 and 1
#   are enough.
# - **By something that you can see** in every row, the image or another label (*missing at random*, MAR): a classifier that
#   predicts *known* or *not known* can learn the probability.
# - **By the label itself**, as here (*missing not at random*, MNAR): the probability cannot be learned without an assumption,
#   such as that only the label decides. It is safer to have some rows labelled, drawn at random from those without a label.
# - **With probability zero**: only new labels help.

# %% [markdown]
# ## Take this with you
#
# One cell, on its own, for one label a row. `fill_and_weigh` makes targets and weights of labels with gaps, for
# `fit(x, targets, sample_weight=weights)`, and `compile_options` what belongs to them:
# `compile("adam", **compile_options(kinds))`.


# %%
import keras
import numpy as np

KINDS = {  # loss, score, and the smallest and largest label
    "classes": ("SparseCategoricalCrossentropy", "sparse_categorical_accuracy", 0, 1e6),
    "yes/no": ("BinaryCrossentropy", "binary_accuracy", 0, 1),
    "number": ("MeanSquaredError", "mean_absolute_error", -30, 30),  # standardised
}


def compile_options(kinds):
    """Return losses and metrics that count known labels only, given the kind of each head."""
    if {*kinds.values()} - KINDS.keys():
        raise ValueError(f"kinds: {[*kinds.values()]} given, some of {[*KINDS]} wanted.")
    losses = {name: getattr(keras.losses, KINDS[kind][0]) for name, kind in kinds.items()}
    losses = {name: loss(reduction="mean_with_sample_weight") for name, loss in losses.items()}
    metrics = {name: [KINDS[kind][1], losses[name].name] for name, kind in kinds.items()}
    return {"loss": losses, "weighted_metrics": metrics}


def fill_and_weigh(kinds, labels, keep=None):
    """Return targets without gaps, and weights: 0 for a gap, and 1 / keep for a label.

    A gap is NaN, None or, but for a number, -1; `keep` the probability to be labelled.
    """
    keep, targets, weights, _ = keep or {}, {}, {}, compile_options(kinds)
    if not isinstance(labels, dict) or labels.keys() != kinds.keys() or keep.keys() - kinds:
        raise TypeError(f"labels, keep: dictionaries wanted, with names of heads: {[*kinds]}.")
    n = len(next(iter(labels.values())))
    for name, kind in kinds.items():
        try:
            values, p = (np.array(x, float) for x in (labels[name], keep.get(name, [1] * n)))
        except (TypeError, ValueError):
            raise TypeError(f"{name}: text given, numbers and NaN wanted.") from None
        if {values.shape, p.shape} - {(n,), (n, 1)}:
            raise ValueError(f"{name}: shapes {values.shape}, {p.shape} given, ({n},) wanted.")
        values, p = values.reshape(n), p.reshape(n)
        gap = np.isnan(values) | ((values == -1) & (kind != "number"))
        values[gap], p[gap] = 0, 1
        low, high = KINDS[kind][2:]
        whole = kind == "number" or (values % 1 == 0).all()
        if not (whole and ((values >= low) & (values <= high)).all()):
            given = f"{values.min():g} to {values.max():g}" + ", not whole," * (not whole)
            raise ValueError(f"{name}: {given} given, {low:g} to {high:g} wanted for {kind}.")
        if not ((p > 0) & (p <= 1)).all():
            raise ValueError(f"keep of {name}: above 0, at most 1, wanted for a known label.")
        targets[name] = values.astype(int) if kind == "classes" else values[:, None]
        weights[name] = np.where(gap, 0, 1 / p).astype("float32")
    return targets, weights


kinds = {"digit": "classes", "odd": "yes/no"}
table = {"digit": [3, -1, 7], "odd": [1, 0, None]}
targets, weights = fill_and_weigh(kinds, table, keep={"odd": [0.8, 0.1, None]})
for name in kinds:
    print(name, targets[name].ravel(), weights[name])


# %% tags=["check"]
assert weights["digit"].tolist() == [1, 0, 1] and np.allclose(weights["odd"], [1.25, 10, 0])

# %% [markdown]
# In this notebook we
# - saw one missing label turn a whole model into NaN, past a weight of zero and past `tf.where`, and filled the gaps before
#   the arithmetic;
# - found the loss divided by rows that have no label, weights of a shape that spoils it, and scores that count the filler as
#   the truth, and repaired all three;
# - compared keeping all rows with dropping the incomplete ones;
# - saw a good score on labelled rows that was false, corrected it and the training by known probabilities, and found these
#   from the data with one assumption.
#
# ## References
#
# - D. B. Rubin (1976). *Inference and missing data.* The three kinds of gaps.
# - D. G. Horvitz and D. J. Thompson (1952). *A generalization of sampling without replacement from a finite universe.* The
#   sum of 1/p.
# - J. Byrd and Z. C. Lipton (2019). *What is the effect of importance weighting in deep learning?*
# - Z. C. Lipton, Y.-X. Wang and A. Smola (2018). *Detecting and correcting for label shift with black box predictors.* The
#   equation for $u$, for any number of classes.
# - A. C. Miller and J. Futoma (2023). *Label shift estimators for non-ignorable missing data.* The same idea for missing
#   labels.
#
# Next: the [exercises](../exercises/06_missing_labels.ipynb), then [lesson 7](07_loss_weights.ipynb).
