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
# **What you will do.** Hide labels of one head, train on what is left, and find where weights, losses and scores go wrong,
# often without a message. Then hide labels by their class, and find that a good score can be a false one.
#
# **What you will learn**
# - to train on rows whose labels are incomplete, with a filler (a valid label in place of the missing one) and a weight for
#   each head;
# - to know what Keras divides by, which of its scores count hidden rows, and what that changes;
# - to tell what incomplete rows are worth, and for which head;
# - to correct an estimate, and a training, when the chance of being labelled is known; and to know when nobody can.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb), which made the images. No GPU. About 45 minutes; the
# longest cell runs for about 7 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.heads import check_heads

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(6)

# %% [markdown]
# ## Two questions, and half of the answers to one
#
# The images are those of lesson 3, two digits on one canvas at half the resolution. The questions are: which digit is the
# *left* one, and is the right one *odd*? Neither answer says anything about the other.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def two_questions(x, y, n, seed):
    """Return n prepared images, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    return prepare(canvas), {"left": pair["left"], "odd": pair["right"] % 2}


digits = data.load_digits()
images_train, targets_train = two_questions(digits.x_train, digits.y_train, 4000, seed=1)
images_test, targets_test = two_questions(digits.x_test, digits.y_test, 2000, seed=2)

# %% [markdown]
# `hide_labels` tells for each row whether its label is kept, here with a probability of one half. It hides nothing itself:
# in a table, a label that nobody wrote down is often NaN ("not a number"), so that is what we put in its place.

# %%
known = data.hide_labels(len(images_train), keep=0.5, seed=6)
odd_with_gaps = np.where(known, targets_train["odd"], np.nan)

print(f"{known.sum()} of {len(known)} labels of odd are known. The first ten rows:")
print("left:", targets_train["left"][:10].astype(float), "\nodd: ", odd_with_gaps[:10])

# %% [markdown]
# ## NaN poisons everything
#
# The trunk and the heads are as in lesson 3. Every loss is made by one function, because later we change an option of both.

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
# *left*. What does *left* then answer? (`run_eagerly` saves the time to compile a model that we use once.)


# %%
def spoiled_layers(model):
    """Return the layers that hold a NaN."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    return [name for name, arrays in weights.items() if any(np.isnan(a).any() for a in arrays)]


first = slice(0, 128)
one_gap = targets_train["odd"][first].astype(float)
one_gap[0] = np.nan
model = build()
model.compile(optimizer="adam", loss=losses(), run_eagerly=True)
loss, *_ = model.train_on_batch(
    images_train[first], {"left": targets_train["left"][first], "odd": one_gap}
)
print("loss:", loss, "  layers with NaN:", spoiled_layers(model))

answers = model.predict_on_batch(images_test)
print("odd answers ", answers["odd"][:3, 0])
print("left answers", answers["left"].argmax(axis=1)[:20])

# %% tags=["check"]
assert {"trunk_1", "trunk_2", "odd"} <= set(spoiled_layers(model)) and np.isnan(loss)
assert len(np.unique(answers["left"].argmax(axis=1))) == 1

# %% [markdown]
# One missing label is enough, and nothing is raised. The NaN goes from the loss of *odd* back into the trunk, and the trunk
# is lost for both heads: *left* gives the same answer to every image. Where the layer *left* itself has no NaN, it gets
# only zeros from the trunk and answers from its bias alone, so the model looks alive. (That depends on the machine: some
# versions of relu turn NaN into 0, others keep it, and then the answers of *left* are NaN too.)
#
# Many people then give the rows without a label the weight 0, or the whole head the loss weight 0. Some also put a valid
# label into the gap, a **filler**.
#
# **Predict first.** Which of the three attempts below are saved by their zero?

# %%
filled = np.where(known, targets_train["odd"], 0)
attempts = {
    "gaps, loss weight 0": (odd_with_gaps, np.ones(4000), {"left": 1.0, "odd": 0.0}),
    "gaps, row weight 0": (odd_with_gaps, known, None),
    "filler, row weight 0": (filled, known, None),
}
spoiled = {}
for name, (odd, weight, loss_weights) in attempts.items():
    model = build()
    model.compile("adam", losses(), loss_weights=loss_weights, run_eagerly=True)
    targets = {"left": targets_train["left"][first], "odd": odd[first]}
    weights = {"left": np.ones(128), "odd": weight[first].astype("float32")}
    loss, *_ = model.train_on_batch(images_train[first], targets, sample_weight=weights)
    spoiled[name] = spoiled_layers(model)
    print(f"{name:22} loss {loss:6.2f}   spoiled: {spoiled[name]}")

# %% tags=["check"]
assert spoiled["gaps, loss weight 0"] and spoiled["gaps, row weight 0"]
assert not spoiled["filler, row weight 0"]

# %% [markdown]
# Zero times NaN is NaN. A weight can only switch off a number that *is* a number, so first we **fill** every gap with any
# valid label, and then we give that row the weight 0. Which label we fill in does not matter for the loss. It will matter
# for a score.
#
# ### The same in a loss of your own
#
# In a loss function of your own you could leave the NaN out with `tf.where`. Here are two answers and two labels, the second
# one missing.

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
# *both* sides: the one that was not picked gets the slope 0, and then 0 is multiplied by the slope of the square, which
# is NaN. So a loss that looks healthy can kill a model. Replace the bad label *before* the arithmetic, as the second
# function does. People call it the "double where".
#
# ### Classes: no NaN, and often -1
#
# A softmax head has whole numbers as labels. A gap is often written as -1 there. (The next cell ends with an error, on
# purpose.)

# %% tags=["raises-exception"]
left_with_gaps = np.where(known, targets_train["left"], -1)[:8]
uniform = np.full((8, 10), 0.1)  # what a softmax says that knows nothing
losses()["left"](left_with_gaps, uniform, sample_weight=known[:8])

# %% [markdown]
# This error is a good one: *a label value of -1 which is outside the valid range*, although the weight of these rows is 0.
# But only the CPU code raises it. For a GPU, TensorFlow documents that the same operation gives NaN.
# The cure is the same: fill with a valid class, 0 say, and set the weight to 0. (`None` as the target of a head is no way
# out either: `fit` raises "None values not supported".)

# %% [markdown]
# ## Divided by what?
#
# Eight rows, of which two have a label. The sigmoid says 0.2 for all. We know the two losses, so we know their mean.

# %% tags=["nbval-check-output"]
labels = np.array([[1.0], [0], [0], [0], [0], [0], [0], [0]])  # from the third on, a filler
weight = np.array([1.0, 1, 0, 0, 0, 0, 0, 0])
said = np.full((8, 1), 0.2)

each = -np.log(np.where(labels == 1, said, 1 - said))[:, 0]
print(
    f"NumPy: sum / 2 = {(weight * each).sum() / 2:.4f},  sum / 8 = {(weight * each).sum() / 8:.4f}"
)
for reduction in [DEFAULT, REPAIRED]:
    loss = keras.losses.BinaryCrossentropy(reduction=reduction)
    values = [
        loss(labels, said, sample_weight=w) for w in [weight, weight[:, None], 0 * weight]
    ]
    print(f"{reduction:24}", [f"{value:.4f}" for value in values])

# %% [markdown]
# The first number in each list has the weights above, the second has the same weights as a column. Both shapes are right.
#
# - The **default**, `sum_over_batch_size`, divides by all eight rows. The two labels count a quarter of what they should:
#   the loss is **diluted** by the rows that have no label.
# - `mean_with_sample_weight` divides by the sum of the weights. It is the mean over the labelled rows.
# - The third number is a batch in which *no* row has a label: 0 with either, and not 0/0.
#
# Now in `fit` and `evaluate`. We compile one model for each reduction, once, and keep five sets of first weights. That saves
# time: each training starts again from one of these sets, as in lesson 3.

# %%
models = {}
for reduction in [DEFAULT, REPAIRED]:
    models[reduction] = build()
    models[reduction].compile(optimizer="adam", loss=losses(reduction), steps_per_execution=100)

first_weights = []
for seed in range(5):
    keras.utils.set_random_seed(seed)
    first_weights.append(build().get_weights())

# %% [markdown]
# Each head has a weight for each row, and where a weight is 0, the label is replaced by the filler 0. So nothing that is
# hidden can leak into the training. `train` returns the *same* model object each time: take its answers before you train
# again.


# %%
def train(weights, seed, reduction=REPAIRED, rows=slice(None)):
    """Train from new random weights on the labels whose weight is not 0; return the model."""
    model = models[reduction]
    model.set_weights(first_weights[seed])
    for memory in model.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    model.optimizer.learning_rate = 0.001  # the loop above set it to zero too
    targets = {
        name: np.where(weights[name] > 0, targets_train[name], 0)[rows] for name in weights
    }
    weights = {name: weight[rows].astype("float32") for name, weight in weights.items()}
    training = data.batches(images_train[rows], targets, sample_weight=weights, seed=seed)
    model.fit(training.repeat(), steps_per_epoch=200, verbose=0)
    return model


all_known = np.ones(4000)
model = train({"left": all_known, "odd": known}, seed=0)

# %% [markdown]
# To evaluate with other options we put a second model on the same layers. It has the same weights, and its own `compile`.
# The labels of *odd* become a column, like the answers of that head: in `fit` and `evaluate` losses do that by themselves, but
# not every metric does. (If you call a loss yourself, give it columns for both. It averages the last axis before it weights,
# and the last axis of an array of shape (n,) is its rows.)


# %%
def evaluate(model, targets, weights, batch_size=2000, reduction=REPAIRED, **options):
    """Return the scores on the test images, by name."""
    scorer = keras.Model(model.input, model.output)
    scorer.compile(loss=losses(reduction), run_eagerly=True, **options)
    targets = targets | {"odd": targets["odd"][:, None]}
    options = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
    return scorer.evaluate(images_test, targets, sample_weight=weights, **options)


# %% [markdown]
# We hide three quarters of the test labels of *odd* and ask for the loss of that head, in one batch of 2,000 images and in
# batches of 50. Under `weighted_metrics` we put the same loss function once more.

# %%
known_test = data.hide_labels(2000, keep=0.25, seed=7)
filled_test = targets_test | {"odd": np.where(known_test, targets_test["odd"], 0)}
weights_test = {"left": np.ones(2000), "odd": known_test.astype("float32")}

says_odd = model.predict_on_batch(images_test)["odd"][:, 0]
each = -np.log(np.where(targets_test["odd"] == 1, says_odd, 1 - says_odd))
print(f"NumPy, mean over the labelled rows: {each[known_test].mean():.4f}\n")
reported = {}
for reduction in [DEFAULT, REPAIRED]:
    for size in [2000, 50]:
        metric = {"odd": ["binary_crossentropy"]}
        scores = evaluate(
            model, filled_test, weights_test, size, reduction, weighted_metrics=metric
        )
        reported[reduction, size] = scores
        loss, metric = scores["odd_loss"], scores["odd_binary_crossentropy"]
        print(f"{reduction:24} batches of {size:4}: odd_loss {loss:.4f}, metric {metric:.4f}")

# %% tags=["check"]
wanted = each[known_test].mean()
assert np.isclose(reported[REPAIRED, 2000]["odd_loss"], wanted, rtol=1e-3)
assert np.isclose(reported[DEFAULT, 2000]["odd_loss"], wanted * known_test.mean(), rtol=1e-3)
assert all(
    np.isclose(s["odd_binary_crossentropy"], wanted, rtol=1e-3) for s in reported.values()
)
assert abs(reported[REPAIRED, 50]["odd_loss"] - wanted) > 1e-4

# %% [markdown]
# - The default reports about a quarter of the true loss. The head looks four times as good as it is, only because labels are
#   missing.
# - `mean_with_sample_weight` is right in one batch. In several batches it is a little off: Keras averages the batches as if
#   all had the same number of labels.
# - The loss as a **weighted metric** is right in every case, because a metric adds up the losses and the weights over all
#   batches and divides once, at the end.
#
# ### A last batch that is smaller
#
# Without any missing label, the same averaging goes wrong when the last batch is smaller ([lesson 2](02_wiring_heads.ipynb)
# announced it). Here are 80 rows. The squared error is 0 on the first 64 and 100 on the last 16, so the mean is 20. There
# are two equal heads, because Keras reports the loss of each head only if there is more than one.

# %% tags=["nbval-check-output"]
number = keras.Input(shape=(1,))
copies = {name: keras.layers.Activation("linear", name=name)(number) for name in ["a", "b"]}
copy = keras.Model(number, copies)
copy.compile(loss={"a": "mse", "b": "mse"}, weighted_metrics={"a": ["mse"], "b": ["mse"]})

rows = np.repeat([[0.0], [10.0]], [64, 16], axis=0)
zeros = {"a": np.zeros((80, 1)), "b": np.zeros((80, 1))}
for size in [80, 32]:
    scores = copy.evaluate(rows, zeros, batch_size=size, verbose=0, return_dict=True)
    print(
        size, {name: round(scores[name], 2) for name in ["a_loss", "a_mse", "b_loss", "loss"]}
    )

# %% [markdown]
# In batches of 32, 32 and 16, Keras reports (0 + 0 + 100) / 3 for each head. The total `loss` is right, and so is the metric.
# The gradients are not touched by it. But whoever stops a training early by `val_a_loss` watches a wrong number. So watch
# the metric. A batch size that divides the number of rows is enough only if no label is missing: batches of 50 divide 2,000,
# and the loss above was still off. (`batches` drops a smaller last batch in training, because it distorts these logs.)

# %% [markdown]
# ## What the dilution does to the trunk
#
# The trunk gets the sum of both gradients. We compare the length of the gradient that comes from *odd*, with fewer and fewer
# labels, to the length that it has with all of them.
#
# **Predict first.** With a tenth of the labels, how long is it with the default, and how long with `mean_with_sample_weight`?


# %%
def length(share, reduction):
    """Return the length of the gradient that the head odd sends to the first layer of the trunk."""
    weight = data.hide_labels(4000, keep=share, seed=8).astype("float32")
    loss = keras.losses.BinaryCrossentropy(reduction=reduction)
    with tf.GradientTape() as tape:
        answers = untrained(images_train)["odd"]
        value = loss(targets_train["odd"][:, None], answers, sample_weight=weight)
    return tf.norm(tape.gradient(value, untrained.get_layer("trunk_1").kernel)).numpy()


untrained = build()
lengths = {}
print(f"{'labels known':24}" + "".join(f"{share:8.0%}" for share in [1, 0.5, 0.25, 0.1]))
for reduction in [DEFAULT, REPAIRED]:
    lengths[reduction] = [length(share, reduction) for share in [1, 0.5, 0.25, 0.1]]
    shares = [value / lengths[reduction][0] for value in lengths[reduction]]
    print(f"{reduction:24}" + "".join(f"{share:8.0%}" for share in shares))

# %% tags=["check"]
diluted, repaired = (lengths[r][3] / lengths[r][0] for r in [DEFAULT, REPAIRED])
assert diluted < 0.3 and repaired > 0.6 and np.isclose(repaired / diluted, 10, rtol=0.15)

# %% [markdown]
# With the default, the gradient shrinks as the share of labels does. With `mean_with_sample_weight` it keeps about its
# length. (Often it is a little longer than with all labels: a mean over fewer labels is noisier.) The default is the same as
# a smaller loss weight for this head: with a tenth of the labels, `loss_weights={"left": 1.0, "odd": 0.1}`. Nobody chose
# that weight.
#
# Does it change the answers? In the layer *odd* hardly: Adam divides the gradient of each weight by its usual size. In the
# trunk Adam sees only the sum of both gradients, so there it can. We train and see, further below.

# %% [markdown]
# ## Which rows does a score count?
#
# **Predict first.** The trained model is right about *odd* on far more than half of the test images. Three quarters of the
# test labels are hidden and filled with 0. What does `metrics=["accuracy"]` say? And what, if we fill with 1?

# %%
both_kinds = {"metrics": {"odd": ["accuracy"]}, "weighted_metrics": {"odd": ["accuracy"]}}
right = (says_odd > 0.5) == targets_test["odd"]
print(f"NumPy: {right[known_test].mean():.3f} on labelled rows, {right.mean():.3f} on all\n")

accuracy = {}
for filler in [0, 1]:
    targets = targets_test | {"odd": np.where(known_test, targets_test["odd"], filler)}
    accuracy[filler] = evaluate(model, targets, weights_test, **both_kinds)
    shown = {
        key: round(accuracy[filler][key], 3)
        for key in ["odd_accuracy", "odd_weighted_accuracy"]
    }
    print(f"filled with {filler}:", shown)

# %% tags=["check"]
for scores in accuracy.values():
    assert np.isclose(scores["odd_weighted_accuracy"], right[known_test].mean(), atol=1e-3)
    assert scores["odd_accuracy"] < right.mean() - 0.15
assert abs(right[known_test].mean() - right.mean()) < 0.08

# %% [markdown]
# `metrics` ignore the weights of the rows. They compare each answer with the filler, as if it were the truth.
# `weighted_metrics` use the weights and count the labelled rows only, so that is where a metric of a head with missing
# labels belongs. Since the labels were hidden at random, the score on the labelled rows is a fair estimate of the score on
# all rows.
#
# ### One array weights every head
#
# `sample_weight` may also be one array. It is easy to think that it goes to the head one has in mind.

# %%
for_odd = known_test.astype("float32")
one_each = {"left": np.ones(2000), "odd": for_odd}
for name, given in {
    "dictionary": one_each,
    "one array": for_odd,
    "zeros": np.zeros(2000),
}.items():
    scores = evaluate(model, filled_test, given)
    print(f"{name:11}", {key: round(scores[key], 3) for key in ["left_loss", "odd_loss"]})

# %% tags=["check"]
assert scores["left_loss"] == scores["odd_loss"] == 0

# %% [markdown]
# One array weights *every* head. The head *left* is now measured on the rows where *odd* is known, and in `fit` it would be
# trained on these alone: its other labels are thrown away without a word. With zeros nothing is left at all. Give a
# dictionary, with the keys of the outputs.
#
# That needs a model whose outputs are a dictionary, too. With a list of outputs, a dictionary of weights is an error:

# %% tags=["raises-exception"]
listed = keras.Model(model.input, [model.output["left"], model.output["odd"]])
listed.compile(loss=losses())
listed.evaluate(images_test, targets_test, sample_weight=weights_test, verbose=0)

# %% [markdown]
# `KeyError: 0` hardly says it. (If the targets are a list as well, the message is readable.) The cure is the habit of this
# course: dictionaries everywhere.
#
# `check_heads` of lesson 2 reads the targets and the weights as well. Here is a model with three of the faults so far, then
# the same model with one array for all heads, and finally a model without any fault.

# %%
faulty = build()
faulty.compile(loss=losses(), metrics={"odd": ["accuracy"]})
faultless = build()
faultless.compile(loss=losses(REPAIRED), weighted_metrics={"odd": ["accuracy"]})

for_odd = known.astype("float32")
one_each = {"left": all_known, "odd": for_odd}
gaps, filled_train = targets_train | {"odd": odd_with_gaps}, targets_train | {"odd": filled}
print("THREE FAULTS\n", check_heads(faulty, gaps, one_each), sep="")
print("\nONE ARRAY\n", check_heads(faulty, filled_train, for_odd), sep="")
print("\nNO FAULT\n", check_heads(faultless, filled_train, one_each), sep="")

# %% [markdown]
# ### A shorter way for classes, and its limit
#
# `SparseCategoricalCrossentropy(ignore_class=-1)` takes -1 for a missing label. No filler and no weight are needed. Four
# rows, three classes, two labels:

# %% tags=["nbval-check-output"]
labels = np.array([0, 2, -1, -1])
said = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])
loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
nothing = np.full(4, -1)

print(f"mean over the labelled rows: {-np.log([0.5, 0.8]).mean():.4f}")
print(f"ignore_class=-1:             {loss(labels, said):.4f}")
print(f"no label in the batch:       {loss(nothing, said):.4f}")
rows_right = keras.metrics.sparse_categorical_accuracy(labels, said)
print(f"accuracy:                    {np.mean(rows_right)}")

# %% [markdown]
# The loss is the mean over the labelled rows, undiluted. But the metric knows nothing of it: both labelled rows are right
# here, and the accuracy is one half, because a row with -1 always counts as wrong. So for the score you need the weights
# after all. And there is no `ignore_class` for a sigmoid head or a regression. A filler and a weight serve every kind of
# head.

# %% [markdown]
# ## What are incomplete rows worth?
#
# The simplest cure for missing labels is to drop every row that lacks one. Then nothing in this lesson is needed. What does it
# cost? Say that 5% of the labels of *odd* are known, and all of *left*. We compare three ways to train:
# - **keep, mean over labels**: all rows, with `mean_with_sample_weight`;
# - **keep, diluted**: all rows, with the default;
# - **drop**: only the rows with both labels.
#
# Each seed hides other labels, and every training has 200 updates of 128 rows.
#
# **Predict first.** Who wins on *left*, and who on *odd*?


# %%
def accuracies(model):
    """Return the accuracy of both heads on all test images."""
    answers = model.predict_on_batch(images_test)
    left = answers["left"].argmax(axis=1) == targets_test["left"]
    odd = (answers["odd"][:, 0] > 0.5) == targets_test["odd"]
    return left.mean(), odd.mean()


def three_ways(weights, seed):
    """Return the accuracies of the three ways to train with these labels."""
    complete = (weights["left"] > 0) & (weights["odd"] > 0)
    return {
        "keep, mean over labels": accuracies(train(weights, seed)),
        "keep, diluted": accuracies(train(weights, seed, DEFAULT)),
        "drop": accuracies(train(weights, seed, rows=complete)),
    }


# %%
seeds = range(5)
runs = []
for seed in seeds:
    hidden = data.hide_labels(4000, keep=0.05, seed=100 + seed)
    run = three_ways({"left": all_known, "odd": hidden}, seed)
    with_all = accuracies(train({"left": all_known, "odd": all_known}, seed))
    runs.append(run | {"all labels known": with_all})


# %%
def collect(runs):
    """Return the accuracies of each way to train, shape (seeds, 2)."""
    return {way: np.array([run[way] for run in runs]) for way in runs[0]}


def show_ways(results):
    """Print mean and standard deviation of both heads for each way to train."""
    print(f"{'':26}{'left':>16}{'odd':>16}")
    for way, scores in results.items():
        pairs = zip(scores.mean(axis=0), scores.std(axis=0, ddof=1), strict=True)
        print(
            f"{way:26}"
            + "".join(f"{f'{mean:.1%} ± {spread:.1%}':>16}" for mean, spread in pairs)
        )


# %%
results = collect(runs)
show_ways(results)
naive = [
    np.mean(targets_test[h] == np.bincount(targets_train[h]).argmax()) for h in targets_test
]
print(f"{'always the most frequent':26}{naive[0]:16.1%}{naive[1]:16.1%}")

# %%
plots.comparison(
    {way: 100 * scores[:, 0] for way, scores in results.items()},
    "accuracy of left on all test images, in %",
)

# %%
plots.comparison(
    {way: 100 * scores[:, 1] for way, scores in results.items()},
    "accuracy of odd on all test images, in %",
)

# %% tags=["check"]
kept, diluted, dropped, with_all = (scores.mean(axis=0) for scores in results.values())
assert kept[0] > dropped[0] + 0.03 and diluted[0] > kept[0] + 0.01
assert kept[1] > diluted[1] + 0.05 and kept[1] < dropped[1] + 0.02
assert with_all[0] - 0.05 < kept[0] < with_all[0] and with_all[1] > kept[1] + 0.02

# %% [markdown]
# - On ***left***, dropping loses many points. It must: it throws away labels of *left* for a gap in *odd*. Keeping all rows
#   costs *left* about two points against a training with all labels.
# - On ***odd***, keeping the rows gains nothing. Dropping does as well or a little better. The additional rows teach the
#   trunk about the left digit only, and lesson 3 showed that on these images sharing a trunk does not help. The comparison is
#   also one of equal *updates*: a batch of all rows has about six labels of *odd*, and a batch of complete rows has 128.
# - The **dilution** moves accuracy from the head with few labels to the other one: *odd* loses more than ten points, and
#   *left* gains a few. With 20% of the labels it is a point or two each way (measured in `benchmarks/missing_labels.py`).
#
# So `mean_with_sample_weight` is not simply "better". It keeps the balance of the heads as it was with all labels, and then
# you may choose another one, by `loss_weights` ([lesson 7](07_loss_weights.ipynb)). It has a price, too: a mean over six
# labels is noisy, and the trunk gets that noise at full strength. Adam bears it here. Gradient descent with momentum, at a
# learning rate of 0.1, does not: with the repaired loss and 5% of the labels, *left* was far *worse* than with the diluted
# one (measured in `benchmarks/missing_labels.py`).
#
# In short, an incomplete row is worth what its labels are worth to the heads that they belong to. Whether they also help the
# other head is the question of [lesson 10](10_when_to_share.ipynb), where they can.

# %% [markdown]
# ### When both heads have gaps
#
# Now each head keeps 20% of its labels, independently of the other.
#
# **Predict first.** On how many of the 4,000 rows are both labels known? And the dilution is now the same for both heads:
# does it still matter?

# %%
both = []
for seed in seeds:
    gaps = {
        name: data.hide_labels(4000, keep=0.2, seed=seed + start)
        for name, start in {"left": 200, "odd": 300}.items()
    }
    both.append(three_ways(gaps, seed))
print(f"both labels known: {np.mean(gaps['left'] & gaps['odd']):.1%} of the rows\n")
show_ways(collect(both))

# %% tags=["check"]
kept, diluted, dropped = (scores.mean(axis=0) for scores in collect(both).values())
assert kept[0] > dropped[0] + 0.01
assert np.abs(kept - diluted).max() < 0.025

# %% [markdown]
# Two heads with 20% each have 4% complete rows, and three heads would have less than 1%. Dropping costs *left* points again.
# On MNIST it now costs *odd* as well, because that head, too, has labels on incomplete rows; on the bundled digits the
# remaining ones are enough for it. And the dilution does nothing that we can see: both losses shrink alike, and Adam does not
# notice a common factor. It was never the *size* of a loss that mattered here, but its size beside the other one.
# With gradient descent in place of Adam, a smaller loss is also a smaller learning rate.

# %% [markdown]
# ## When the gaps are not random
#
# So far every label was hidden with the same probability. Real gaps have reasons. Think of a form on which people tick
# "odd", and on which most of them leave the field empty instead of ticking "even". Say that an odd digit is labelled with
# probability 0.9, and an even one with 0.1.

# %%
keep_train = np.where(targets_train["odd"] == 1, 0.9, 0.1)
keep_test = np.where(targets_test["odd"] == 1, 0.9, 0.1)
known_test = data.hide_labels(2000, keep_test, seed=9)

print(f"known: {known_test.mean():.0%} of the test labels")
print(f"odd:   {targets_test['odd'][known_test].mean():.0%} of the known ones")
print(f"odd:   {targets_test['odd'].mean():.0%} of all")

# %% [markdown]
# About half of the labels are known, as at the beginning. The training labels have gaps of the same kind.
#
# **Predict first.** We train on them as before, with a filler and weights. How often will the model be right on the test
# rows that have a label, and how often on all of them?

# %%
settings = {
    "gaps at random": lambda seed: data.hide_labels(4000, keep=0.5, seed=400 + seed),
    "gaps by class": lambda seed: data.hide_labels(4000, keep_train, seed=400 + seed),
}


def measure(weights_of):
    """Train with each seed; return whether the answers to odd are right, shape (seeds, 2000)."""
    answers = []
    for seed in seeds:
        model = train({"left": all_known, "odd": weights_of(seed)}, seed)
        answers.append(model.predict_on_batch(images_test)["odd"][:, 0] > 0.5)
    return np.array(answers) == targets_test["odd"]


right = {name: measure(weights_of) for name, weights_of in settings.items()}

# %%
is_odd = targets_test["odd"] == 1
rows = {
    "labelled rows": known_test,
    "all rows": np.ones(2000, bool),
    "all odd digits": is_odd,
    "all even digits": ~is_odd,
}


def show(right):
    """Print how often each model is right on some groups of rows, and how often it says odd."""
    print(" " * 26 + "".join(f"{name:>17}" for name in [*rows, "says odd"]))
    for name, table in right.items():
        shares = [table[:, group].mean(axis=1) for group in rows.values()]
        shares.append((table == is_odd).mean(axis=1))
        cells = [f"{share.mean():.1%} ± {share.std(ddof=1):.1%}" for share in shares]
        print(f"{name:26}" + "".join(f"{cell:>17}" for cell in cells))


show(right)

# %% tags=["check"]
random_gaps, by_class = right["gaps at random"], right["gaps by class"]
assert by_class[:, known_test].mean() > by_class.mean() + 0.1
assert by_class.mean() < random_gaps.mean() - 0.04
assert by_class[:, ~is_odd].mean() < by_class[:, is_odd].mean() - 0.2

# %% [markdown]
# With gaps by class the model says *odd* far too often: nine of ten labels that it saw were odd. On the labelled rows this
# looks excellent, because they are mostly odd as well. On all rows it is much worse than the model with random gaps, and on
# even digits it is often wrong. Nothing in the labelled rows shows this. If we chose between the two models by their score
# on labelled rows, we would take the wrong one.
#
# ### Repair the estimate
#
# An even digit is labelled one time in ten. So each labelled even digit stands for ten even digits, and each labelled odd one
# for 1/0.9 odd ones. We weight each labelled row by **one over its probability of being labelled**. There are two ways to
# make an accuracy of it. With $p_i$ the probability, $k_i$ 1 if the label is known and else 0, and $r_i$ 1 if the answer is
# right:
#
# $$\text{sum of } 1/p:\ \frac{1}{n}\sum_i \frac{k_i r_i}{p_i} \qquad\qquad
# \text{mean by } 1/p:\ \sum_i \frac{k_i r_i}{p_i} \Big/ \sum_i \frac{k_i}{p_i}$$
#
# The first is the estimator of Horvitz and Thompson. It is right on average, because $k_i$ is $p_i$ on average. The
# second divides by the sum of the weights instead of $n$.
#
# **Predict first.** To see how much such an estimate varies, we hide test labels 300 times, others each time. Which of the
# three varies least, and which is closest to the truth? Can one of them be above 100%? (For this the last line takes a model
# that is always right.)

# %%
one_model = right["gaps by class"][0]
draws = np.array([data.hide_labels(2000, keep_test, seed=seed) for seed in range(300)])
weights = draws / keep_test  # shape (300, 2000)
estimates = {
    "labelled rows": (draws * one_model).sum(axis=1) / draws.sum(axis=1),
    "sum of 1/p": (weights * one_model).sum(axis=1) / 2000,
    "mean by 1/p": (weights * one_model).sum(axis=1) / weights.sum(axis=1),
    "sum of 1/p, always right": weights.sum(axis=1) / 2000,
}

print(f"the accuracy on all 2,000 rows: {one_model.mean():.1%}")
for name, values in estimates.items():
    print(f"{name:26}{values.mean():6.1%} ± {values.std():.1%}, at most {values.max():.1%}")

# %% tags=["check"]
labelled, summed, averaged, always_right = estimates.values()
assert labelled.mean() > one_model.mean() + 0.05 and always_right.max() > 1
assert max(abs(values.mean() - one_model.mean()) for values in [summed, averaged]) < 0.01
assert labelled.std() < min(summed.std(), averaged.std()) and averaged.std() < 0.06

# %% [markdown]
# The score on the labelled rows varies least, and it is wrong every time: more labels of the same kind would make it more
# sure and no better. Both weighted estimates are right on average, and vary several times as much, because they rest on a
# hundred labelled even digits. Prefer the mean by 1/p, because it never leaves the range from 0 to 1. For a model that is
# always right it is always 100%, and the sum varies around it.
#
# In Keras the mean by 1/p is a weighted metric, with these weights:

# %%
model = train({"left": all_known, "odd": settings["gaps by class"](0)}, seed=0)
by_hand = (known_test / keep_test * one_model).sum() / (known_test / keep_test).sum()
weights_test = {"left": np.ones(2000), "odd": (known_test / keep_test).astype("float32")}
filled_test = targets_test | {"odd": np.where(known_test, targets_test["odd"], 0)}
scores = evaluate(model, filled_test, weights_test, 500, weighted_metrics={"odd": ["accuracy"]})
print(
    f"Keras: {scores['odd_accuracy']:.4f}, NumPy: {by_hand:.4f}, all rows: {one_model.mean():.4f}"
)

# %% tags=["check"]
assert np.isclose(scores["odd_accuracy"], by_hand, atol=1e-3)

# %% [markdown]
# Keras and NumPy agree. That both may be several points away from the accuracy on all rows is chance: this is one set of
# labels, and the table above shows how far one set can be off.
#
# ### Repair the training
#
# The loss is a mean over rows too, so the same weights can repair it: each labelled row counts 1/p in the training. In a model
# with one output you could use `class_weight`. (The next cell ends with an error, on purpose.)

# %% tags=["raises-exception"]
fresh = build()
fresh.compile(optimizer="adam", loss=losses())
fresh.fit(images_train, targets_train, class_weight={0: 10.0, 1: 1.1}, verbose=0)

# %% [markdown]
# With several heads Keras refuses, and rightly: the classes of which head? A weight for each row and head says it. It is
# 1/p for a known label, and 0 for a gap.
#
# **Predict first.** Does this bring back the accuracy of random gaps? There are still only about 200 labelled even digits.

# %%
settings["by class, weights 1/p"] = lambda seed: settings["gaps by class"](seed) / keep_train
right["by class, weights 1/p"] = measure(settings["by class, weights 1/p"])
show(right)

# %%
plots.comparison(
    {name: 100 * table.mean(axis=1) for name, table in right.items()},
    "accuracy of odd on all test images, in %",
)

# %% tags=["check"]
random_gaps, by_class, repaired = (table.mean(axis=1) for table in right.values())
assert repaired.mean() > by_class.mean() + 0.03
assert repaired.mean() < random_gaps.mean() + 0.015

# %% [markdown]
# It brings back most of it: the errors are shared out more evenly between the classes. But it is not better than random
# gaps, and single runs may still say *odd* too often or too rarely: look at the spread in the last column. A few labelled even
# digits count ten times each. Weights correct *how much* a row counts. They do not replace labels that nobody wrote.
#
# They also work best in a short training. With 1,200 updates (measured in `benchmarks/missing_labels.py`), they bring back a
# smaller part. Byrd and Lipton found the same for other networks: once a network has learned its labelled rows
# by heart, their losses are near zero, and ten times nearly zero is still nearly zero.
#
# ### What cannot be repaired
#
# All this needs the probabilities, and they are not in the data. If we believe wrong ones, the estimate is wrong, and need not
# look wrong. Here is the model trained without weights again, with its accuracy as estimated from the same 300 sets of labels
# by people who believe different things. The last column is the sum of 1/p over the labelled rows.

# %%
beliefs = {"all the same": (0.5, 0.5), "0.7 and 0.3": (0.7, 0.3), "0.9 and 0.1": (0.9, 0.1)}
believed, sums = {}, {}
print(f"in truth      {one_model.mean():.1%} right          {is_odd.mean():.1%} odd")
for name, (odd, even) in beliefs.items():
    weights = draws / np.where(is_odd, odd, even)
    sums[name] = weights.sum(axis=1)
    believed[name] = (weights * one_model).sum(axis=1) / sums[name]
    share = (weights * is_odd).sum(axis=1) / sums[name]
    shown = f"{believed[name].mean():.1%} ± {believed[name].std():.1%} right   {share.mean():.1%} odd"
    print(f"{name:14}{shown}   sum {sums[name].mean():.0f} ± {sums[name].std():.0f}")

# %% tags=["check"]
values, totals = ([x.mean() for x in table.values()] for table in [believed, sums])
assert values[0] > values[1] > values[2] + 0.05 and abs(values[2] - one_model.mean()) < 0.01
assert abs(totals[0] - 2000) < 150 and totals[1] < 1800 and abs(totals[2] - 2000) < 50

# %% [markdown]
# Only the last belief is the true one: right on average, and what is left is chance. For the others there is one test without
# a hidden label. The sum of 1/p should be near the number of rows, 2,000. It finds "0.7 and 0.3", but not "all the same".
# (The ± is the spread under the true probabilities. If all were 0.5, the sum would vary by about 45: so the sum under this
# belief is no surprise. With 0.7 and 0.3 it would vary by about 52, and the sum is much further away.)
#
# And now nobody labels an even digit: their probability is zero.

# %%
only_odd = targets_train["odd"] == 1
model = train({"left": all_known, "odd": only_odd}, seed=0)
always = model.predict_on_batch(images_test)["odd"][:, 0] > 0.5
print(f"labelled rows: {always[is_odd].mean():.1%} right")
print(f"all rows:      {(always == is_odd).mean():.1%} right")

# %% tags=["check"]
assert always[is_odd].mean() > 0.97 and (always == is_odd).mean() < 0.6

# %% [markdown]
# The model says *odd* to nearly everything, and is nearly always right on what is labelled. No weight can help: there is no
# row to give it to. So before you train on incomplete labels, ask *why* they are missing.
# - **By chance** (*missing completely at random*, MCAR): the labelled rows are a fair sample. A filler and weights of 0 and 1
#   are enough.
# - **By something that you can see** in every row, the image or another label (*missing at random*, MAR): the probability can
#   be learned from the data, with a classifier that predicts *known* or *not known*. Then weight by it. That we did not try
#   here.
# - **By the label itself**, as here (*missing not at random*, MNAR): the probability cannot be learned from these data. You
#   need to know it, or to find it out: draw some rows without a label at random, and have them labelled.
# - **With probability zero**: only new labels help.

# %% [markdown]
# ## Take this with you
#
# One function makes targets and weights of labels with gaps. The cell below it has the compile options that belong to it.


# %%
def fill_and_weigh(labels, keep=None, filler=0):
    """Return targets without gaps and weights, for float labels with NaN (or integers with -1).

    `labels` is a dictionary of arrays of shape (n,), or (n, 1) for a head of one unit. `keep` may hold for some
    heads the probability of each row to be labelled; the weight of a known label is then one over it.
    """
    targets, weights = {}, {}
    for name, values in labels.items():
        gap = np.isnan(values) if values.dtype.kind == "f" else values == -1
        targets[name] = np.where(gap, filler, values)
        weights[name] = np.where(gap, 0.0, 1 / (keep or {}).get(name, 1.0)).astype("float32")
    return targets, weights


# %%
options = {
    "loss": {
        "left": keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"),
        "odd": keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight"),
    },
    "weighted_metrics": {
        "left": ["sparse_categorical_accuracy", "sparse_categorical_crossentropy"],
        "odd": ["binary_accuracy", "binary_crossentropy"],
    },
}

# %% tags=["nbval-check-output"]
gaps = {"left": np.array([3, -1, 7]), "odd": np.array([[1.0], [0.0], [np.nan]])}
targets, weights = fill_and_weigh(gaps, keep={"odd": np.array([[0.8], [0.1], [np.nan]])})
for name in gaps:
    print(f"{name:5} {targets[name].tolist()}, weights {weights[name].tolist()}")

# %% tags=["check"]
model = build()
model.compile(optimizer="adam", run_eagerly=True, **options)
images = np.zeros((3, 289), "float32")
assert not check_heads(model, targets, weights)
model.fit(data.batches(images, targets, 3, sample_weight=weights), verbose=0)
assert not spoiled_layers(model)

# %% [markdown]
# In this notebook we
# - saw one missing label turn a whole model into NaN, past a weight of zero and past `tf.where`, and filled the gaps before
#   the arithmetic;
# - found the loss divided by rows that have no label, repaired it, and measured that it acts as a loss weight that nobody
#   chose;
# - found scores that count the filler as the truth, and took weighted metrics instead;
# - compared keeping all rows with dropping the incomplete ones, for the head that has its labels and for the one that lacks
#   them;
# - saw a good score on labelled rows that was false, corrected it and the training by known probabilities, and found out
#   where that ends.
#
# ## References
#
# - D. B. Rubin (1976). *Inference and missing data.* When one may, and may not, ignore the reason why data are missing. The
#   three kinds of gaps go back to it.
# - D. G. Horvitz and D. J. Thompson (1952). *A generalization of sampling without replacement from a finite universe.* The
#   sum of 1/p.
# - J. Byrd and Z. C. Lipton (2019). *What is the effect of importance weighting in deep learning?* Weights in the loss fade
#   as training goes on.
#
# Next: the [exercises](../exercises/06_missing_labels.ipynb), then [lesson 7](07_loss_weights.ipynb).
