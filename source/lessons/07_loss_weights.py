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
# **What you will do.** Make one head's loss 128 times as large as it was, and watch the other head fail. Then try a
# whole range of weights, draw what one head pays for the other, and choose on validation images. Finally, you let the
# weights change during training, and find a number in the logs that misleads.
#
# **What you will learn**
# - to know what stands in the sum of the losses: sums, means, batch sizes and numbers of labels;
# - to sweep a weight, to read the trade-off curve, and to choose by a criterion;
# - to change weights during training, and to watch a number that does not change with them;
# - to use a sum of logarithms, which needs no weight for the scale, and to know when it fails.
#
# **What you will need.** [Lesson 6](06_missing_labels.ipynb), which has the same images, and a little of [lesson
# 5](05_regression.ipynb). No GPU. About 50 minutes; the longest cell runs for about 10 seconds. Words are explained in the
# [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(7)

# %% [markdown]
# ## Two questions, three parts
#
# The images are those of lesson 6: two digits on one canvas, which overlap, at half the resolution. So are the questions:
# which digit is the *left* one, and is the right one *odd*? We shall choose weights, and what is chosen on some images looks
# too good on the same images. So there are three parts: we train on the first, choose on the second (**validation**), and
# look at the third (**test**) only after the choice. No digit is in two of them.


# %%
def two_questions(x, y, n, seed):
    """Return n images, each 2x2 pixels averaged and in one row, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    height, width = canvas.shape[1:]
    small = canvas.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return small.reshape(n, -1), {"left": pair["left"], "odd": pair["right"][:, None] % 2}


digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10
training = two_questions(digits.x_train[:kept], digits.y_train[:kept], 4000, seed=1)
validation = two_questions(digits.x_train[kept:], digits.y_train[kept:], 2000, seed=2)
test = two_questions(digits.x_test, digits.y_test, 2000, seed=3)

# %% [markdown]
# What do these images look like, and what do the heads have to answer?

# %%
titles = [
    f"left {left}, right {'odd' if odd else 'even'}"
    for left, odd in zip(validation[1]["left"][:6], validation[1]["odd"][:6, 0], strict=True)
]
plots.images(validation[0][:6].reshape(-1, 17, 17), titles, columns=6)

# %% [markdown]
# The **baseline** of each question is the most frequent label of the training part. It does not look at the image. A head is
# of no use if it is not better than that.


# %%
def baseline(part):
    """Return how often the most frequent training label is right about left, and about odd."""
    most_frequent = {
        name: np.bincount(labels.ravel()).argmax() for name, labels in training[1].items()
    }
    return np.array([np.mean(part[1][name] == most_frequent[name]) for name in most_frequent])


left, odd = baseline(validation)
print(f"baseline on validation images: left {left:.1%}, odd {odd:.1%} right")

# %% [markdown]
# ## What stands in the sum?
#
# With several heads, Keras minimises $w_A L_A + w_B L_B$. The weights $w$ are 1 unless you say otherwise. That looks fair.
# But is $L$ a sum or a mean?
#
# **Predict first.** There are two classes, and every answer is "50% each". So each label has the same loss,
# $\log 2 = 0.69$. How large is $L$ with `reduction="sum"` for 32 images with 1 label each, for 128 images with 1 label each,
# and for 128 images with 4 labels each?

# %% tags=["nbval-check-output"]
print(f"{'':24}{'32 x 1':>9}{'128 x 1':>9}{'128 x 4':>9}")
for reduction in ["sum_over_batch_size", "sum"]:
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=reduction)
    values = []
    for n, k in [(32, 1), (128, 1), (128, 4)]:
        values.append(float(loss(np.zeros((n, k)), np.full((n, k, 2), 0.5))))
    print(f"{reduction:24}" + "".join(f"{value:9.2f}" for value in values))

# %% [markdown]
# The default, `sum_over_batch_size`, is a **mean** in spite of its name, and does not change. The **sum** is 0.69 times the
# number of labels: it grows with the number of images in a batch and with the number of labels of each image. If you write
# a loss of your own that returns `keras.ops.sum(...)`, it grows in the same way.
#
# If one head's loss is a mean and the other's is a sum, nobody wrote a weight, and yet there is one: the batch size. With 128
# images in a batch, "*odd* is a sum" and "*odd* is a mean with the loss weight 128" are the same training. From now on we
# write it as a weight. (The unit of a target does the same: an error in degrees is a larger number than the same error in
# radians.)
#
# ## One loss 128 times as large
#
# The model has a trunk and two heads. Compiling takes time, so we compile it once and use it for every loss weight. This works
# if `compile` gets a `keras.Variable` in place of a number: its value can be changed afterwards. (The section on weights that
# change shows what happens with a number. `steps_per_execution=20` makes 20 updates in one call, which is faster.)


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
first_weights = draw_weights(build, seeds=range(5))
batches = [data.batches(*training, seed=n).repeat().take(200).cache() for n in range(5)]


def train(model, seed, epochs=1, **options):
    """Train a compiled model from a seed's first weights for 200 updates; return the logs."""
    restart(model, first_weights[seed])
    options |= {"epochs": epochs, "steps_per_epoch": 200 // epochs, "verbose": 0}
    return model.fit(batches[seed], **options).history


# %% [markdown]
# Each of the five seeds has its own first weights and its own 200 batches of 128 images. `cache` keeps these batches in
# memory. So two trainings from one seed differ in nothing but their loss weights.


# %%
def accuracies(model, part):
    """Return the accuracy of left and of odd on the images of a part."""
    images, targets = part
    answers = model.predict_on_batch(images)
    left = answers["left"].argmax(axis=1) == targets["left"]
    return np.array([left.mean(), ((answers["odd"] > 0.5) == targets["odd"]).mean()])


# %% [markdown]
# **Predict first.** *odd* has the weight 1, and then 128. Which head changes, and by how much?

# %%
model, weights = compiled()
first_look = {}
for weight in [1, 128]:
    weights["odd"].assign(weight)
    logs = train(model, seed=0)
    first_look[weight] = accuracies(model, validation)
    left, odd = first_look[weight]
    print(f"weight of odd {weight:3}: left {left:.1%}, odd {odd:.1%} right")

# %% tags=["check"]
assert first_look[128][0] < first_look[1][0] - 0.3
assert abs(first_look[128][1] - first_look[1][1]) < 0.15

# %% [markdown]
# *left* loses most of what it had, and *odd* gains far less. The trunk gets the sum of both gradients, and in this sum
# one part is 128 times as large as before: the trunk works for *odd*. There was no message. What do the logs say?

# %%
last = {key: logs[key][-1] for key in ["left_loss", "odd_loss", "loss"]}
print({key: round(value, 2) for key, value in last.items()})
print(f"left_loss + 128 * odd_loss = {last['left_loss'] + 128 * last['odd_loss']:.2f}")

# %% tags=["check"]
assert np.isclose(last["loss"], last["left_loss"] + 128 * last["odd_loss"], rtol=1e-3)

# %% [markdown]
# The losses of the heads are logged **without** their weights, and `loss` is the **weighted** sum. (Where a model has
# regularisers, they are in `loss` too.) The loss of *left* shows the damage, if you know where a baseline stands: ten classes
# with a probability of 0.1 each have a loss of $\log 10 = 2.30$.

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
# **SGD** makes a step 128 times as long: a common factor acts like a larger learning rate. **Adam** divides each gradient
# by its usual size and makes the same step. So with Adam only the *ratio* of the loss weights matters, and we can keep
# $w_{left} = 1$. With SGD, larger loss weights may need a smaller learning rate.
#
# One more thing follows. The layer `odd` gets gradients from its own loss only, so for Adam *its* loss weight is a common
# factor, and has no effect there. The ratio acts where the gradients meet: in the trunk.

# %% [markdown]
# ## A sweep and its trade-off curve
#
# Between the two weights above lie many others. A **sweep** is the same training for each of several settings: here six
# weights, each with five seeds. We note the accuracies on validation **and** on test images, but look at the first only.
# The weights grow by factors, because a ratio counts here and not a difference.
#
# One weight is no round number, 3.3. It comes from this idea: divide each loss by the loss of a model that gives every class
# the same probability. That is $\log 10$ for ten classes and $\log 2$ for two, so both losses begin near 1, and the ratio of
# the weights is $\log 10 / \log 2$. We call this weight *by baseline loss*.

# %%
by_baseline = round(np.log(10) / np.log(2), 1)
tried = [0.1, 0.3, 1.0, by_baseline, 10.0, 128.0]


def sweep(seed):
    """Return the accuracies for each weight: shape (weights, 2 parts, 2 heads)."""
    found = []
    for weight in tried:
        weights["odd"].assign(weight)
        train(model, seed)
        found.append([accuracies(model, validation), accuracies(model, test)])
    return found


runs = np.array([sweep(seed) for seed in range(5)])
runs.shape

# %% [markdown]
# **Predict first.** Draw the curve in your mind: *left* to the right, *odd* upwards, a dot for each weight. Where do
# the weights 0.1, 1 and 128 lie?

# %%
on_validation = {weight: runs[:, number, 0] for number, weight in enumerate(tried)}
plots.trade_off(
    {weight: 100 * found for weight, found in on_validation.items()},
    x_label="accuracy of left (validation), in %",
    y_label="accuracy of odd (validation), in %",
    settings="loss weight of odd",
)

# %% tags=["check"]
means = {weight: found.mean(axis=0) for weight, found in on_validation.items()}
assert means[128.0][0] < means[1.0][0] - 0.3 and means[0.1][1] < means[1.0][1] - 0.05
assert means[0.1][0] - means[1.0][0] < 0.06 and means[128.0][1] - means[1.0][1] < 0.08
assert means[0.3][0] > means[10.0][0] and means[0.3][1] < means[10.0][1]

# %% [markdown]
# Each dot is the mean of five runs with one weight of *odd*, its cross one standard deviation. We want to be in the
# upper right corner.
# - **0.1** lies at the lower right end. There the curve is nearly vertical: *left* gains almost nothing over the next
#   weight, and *odd* pays much for it. **128** lies at the upper left end, where it is the other way round. A head that has
#   almost all of the weight gains little from still more.
# - **1** lies near the bend. In this part, one head pays for the other: **from 0.3 to 10 *left* falls and *odd* rises.** (Two
#   neighbours may change places by chance.) Which dot is best is not a question for the data; it depends on what you need.
#
# ### Say first what "best" means
#
# So write down a criterion before you see any result (we show the picture first only to explain it). Two common ones are:
# - the largest **mean** of both accuracies (or a weighted mean, if one error costs more than another);
# - the best *left* that keeps a **promise**, such as "*odd* at least 75% right".

# %%
heads_mean = {weight: found.mean() for weight, found in on_validation.items()}
by_mean = max(heads_mean, key=heads_mean.get)
keeps_promise = [weight for weight in tried if means[weight][1] >= 0.75]
by_promise = max(keeps_promise, key=lambda weight: means[weight][0])

for weight in tried:
    left, odd = means[weight]
    mean, std = heads_mean[weight], on_validation[weight].mean(axis=1).std(ddof=1)
    print(f"{weight:6g}: left {left:.1%}, odd {odd:.1%}, mean {mean:.1%} ± {std:.1%}")
print(f"best by the mean: {by_mean:g}; best left with odd at least 75%: {by_promise:g}")

# %% tags=["check"]
assert max(heads_mean.values()) - heads_mean[1.0] < 0.03

# %% [markdown]
# The number behind ± is the standard deviation of the five runs. The means of the best weights differ by about as much as one
# run differs from the next. So steps by a factor of 3 are small enough, and one run is not a sure guide: in the benchmark of
# this lesson (`benchmarks/loss_weights.py`, ten seeds) different runs choose different weights. Equal weights are a good first
# choice here, and need no sweep. But both losses must be *means*.
#
# Only now do we look at the test images, for the weight that was chosen. (The other designs of the lesson follow at the
# end, in one figure.)

# %%
for part, accuracy in zip(
    ["validation", "test"], runs[:, tried.index(by_mean)].mean(axis=0), strict=True
):
    print(f"{part:10}: left {accuracy[0]:.1%}, odd {accuracy[1]:.1%}")

# %% [markdown]
# The two parts hold different digits, and one may be harder than the other. So a difference of a few percentage points does
# not show that the choice was lucky. With hundreds of settings and one run each, a part of the best validation score would be
# luck, and only the test images show how much.

# %% [markdown]
# ## Weights that change during training
#
# Sometimes one head only helps the other, and its weight should go to zero. Or a head should come in late. The obvious
# way is to change the dictionary that `compile` got.
#
# **Predict first.** We change the weight of *odd* from 1 to 100 after `compile`: first a number in the dictionary, then the
# value of a variable. The model stays the same. Which of the two changes `loss`? (`run_eagerly` saves the time to compile a
# model for one use.)

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
assert np.isclose(before, after) and same_model[1]["loss"] > 2 * same_model[0]["loss"]
assert np.isclose(same_model[0]["odd_loss"], same_model[1]["odd_loss"], rtol=1e-4)

# %% [markdown]
# Only the variable. `compile` copies the numbers: changing the dictionary afterwards has no effect, and no error tells you.
# A `keras.Variable` with `trainable=False` is read again in each update, so `assign` works. (In a model that was saved and
# loaded, the loss weights are numbers again. Then call `compile` once more, with variables.)
#
# The last line has a warning in it: the model did not change between its two numbers, and `loss` did. Keep that in mind.
#
# A callback can set the weight before each epoch.


# %%
class Schedule(keras.callbacks.Callback):
    """Set a loss weight, a keras.Variable, before each epoch."""

    def __init__(self, variable, values):
        super().__init__()
        self.variable, self.values = variable, values

    def on_epoch_begin(self, epoch, logs=None):
        self.variable.assign(self.values[epoch])


# %% [markdown]
# Here *odd* only helps: its weight goes from 3 to 0 in ten epochs of 20 updates. After each epoch, `fit` computes the losses
# and accuracies on the validation images.

# %%
watched = {
    "validation_data": data.batches(*validation, 1000, shuffle=False),
    "validation_steps": 2,
}
to_zero = np.linspace(3, 0, 10)
schedule = Schedule(weights["odd"], to_zero)
faded = train(model, 0, epochs=10, callbacks=[schedule], **watched)

shown = ["val_loss", "val_left_loss", "val_odd_loss"]
plots.curves(range(1, 11), {key: faded[key] for key in shown}, "epoch", "on validation images")

# %% tags=["check"]
weighted = np.array(faded["val_left_loss"]) + to_zero * faded["val_odd_loss"]
assert np.allclose(faded["val_loss"], weighted, rtol=1e-3) and weights["odd"].numpy() == 0

# %% [markdown]
# In the last epoch *odd* has the weight 0, and `val_loss` is `val_left_loss`. `val_loss` falls steeply, and a part of this is no
# learning at all: the loss of *odd* is only multiplied by a smaller weight.
#
# Was the schedule worth it? The benchmark compares it to a weight that stays at 3: *left* ends a little better and *odd* a
# little worse, and the mean of both is about the same. So here the schedule does what another weight does: it moves along
# the trade-off curve. [Lesson 10](10_when_to_share.ipynb) measures when a second head really helps the first.

# %% [markdown]
# ## Why `val_loss` then misleads
#
# Now the other way: *odd* comes in late. Its weight grows from 0.1 to 10, by the same factor in each of ten epochs. We train with
# five seeds. A callback notes the mean of both validation accuracies, which the weights do not touch.
#
# **Predict first.** Both heads still learn. How does `val_loss` go on?


# %%
class MeanAccuracy(keras.callbacks.Callback):
    """Add the mean of both validation accuracies to the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_mean"] = (logs["val_left_accuracy"] + logs["val_odd_accuracy"]) / 2


to_ten = np.geomspace(0.1, 10, 10)
late = []
for seed in range(5):
    callbacks = [Schedule(weights["odd"], to_ten), MeanAccuracy()]
    late.append(train(model, seed, epochs=10, callbacks=callbacks, **watched))
late = {key: np.array([logs[key] for logs in late]) for key in late[0]}  # shape (5, 10)
plots.curves(range(1, 11), {key: late[key] for key in shown}, "epoch", "on validation images")

# %%
plots.curves(range(1, 11), {"val_mean": 100 * late["val_mean"]}, "epoch", "mean accuracy, in %")

# %% tags=["check"]
smallest = late["val_loss"].argmin(axis=1)
by_loss, by_mean_of_both = late["val_mean"][range(5), smallest], late["val_mean"].max(axis=1)
assert late["val_loss"][:, -1].mean() > late["val_loss"].min(axis=1).mean() + 0.1
assert late["val_mean"][:, -1].mean() > by_loss.mean()
assert late["val_mean"].argmax(axis=1).mean() > smallest.mean()

# %% [markdown]
# `val_loss` falls at first, and then it rises, although the losses of both heads fall, or stay low: a growing weight multiplies a
# loss that falls more slowly. And the mean accuracy at the end is higher, on average over the five runs, than where `val_loss`
# was smallest. `EarlyStopping` watches `val_loss`, as its default says, so it ends such a training for no good reason.

# %%
stop = keras.callbacks.EarlyStopping(patience=2)
schedule = Schedule(weights["odd"], to_ten)
stopped = train(model, 0, epochs=10, callbacks=[schedule, stop], **watched)
print(f"stopped after {len(stopped['val_loss'])} of 10 epochs")

# %% [markdown]
# **The cure**: watch a number without weights, such as the accuracy of the head that counts. (The next cell ends with
# an error, on purpose.)

# %% tags=["raises-exception"]
stop = keras.callbacks.EarlyStopping(monitor="val_left_accuracy", patience=2)
train(model, 0, epochs=10, callbacks=[Schedule(weights["odd"], to_ten), stop], **watched)

# %% [markdown]
# Keras does not know whether more of `val_left_accuracy` is better, and says what to write: `mode="max"`. It is best to
# watch the criterion itself, here `val_mean`. The callback that adds it to the logs must stand *before* the one that watches.
# What does it choose, compared with `val_loss`?

# %%
plots.comparison(
    {"the smallest val_loss": 100 * by_loss, "the largest val_mean": 100 * by_mean_of_both},
    "mean of both accuracies on validation images in that epoch, in %",
)

# %% [markdown]
# The epoch with the smallest `val_loss` comes too early, on average over the runs, and its model is worse. (On the
# images on which we choose, the second row must be the larger one; the benchmark finds the same on test images.) Use
# `EarlyStopping(monitor="val_mean", mode="max", ...)`, and the same for `ModelCheckpoint`.
#
# Every method that changes loss weights during training has this trap, also those of
# [lesson 8](08_adaptive_weights.ipynb). Compare `val_loss` only between epochs, or models, with the same loss weights.

# %% [markdown]
# ## A sum of logarithms
#
# Can we do without a weight for the scale? Take the logarithm of each loss:
#
# $$J = \log L_A + \log L_B$$
#
# If $L_B$ is 128 times as large, then $\log 128L_B = \log 128 + \log L_B$. A constant is added, and the gradient of a
# constant is zero. The chain rule says what the gradient is:
#
# $$\nabla J = \frac{\nabla L_A}{L_A} + \frac{\nabla L_B}{L_B}$$
#
# So it is the gradient of a weighted sum with the loss weights $1/L$, which are new in every batch. A head whose loss is
# large gets a small weight. What counts is the *relative* change: to halve the one loss is worth as much as to halve the
# other.
#
# In Keras, `compute_loss` says what is minimised. We override it. The first line calls Keras's own version, only because it
# fills the logs of the heads; its result is not used. So what Keras's version does must be done again: the weights of rows, and
# `self.losses`, which holds the regularisers of the layers.


# %%
class SumOfLogs(keras.Model):
    """A model that minimises the sum of the logarithms of its heads' losses."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)
        rows = sample_weight or {}
        parts = [self.loss[name](y[name], y_pred[name], rows.get(name)) for name in self.loss]
        return sum(keras.ops.log(part) for part in parts) + sum(self.losses)


# %% [markdown]
# (`compile` must get a dictionary of loss *objects* here, and `fit` weights of rows as a dictionary, if any. To load a saved
# model, give `load_model` the class: `custom_objects={"SumOfLogs": SumOfLogs}`.) First the gradient: is it the same when the
# loss of *odd* is a sum?


# %%
images = training[0][:128]


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
    print(f"{name:12} the gradient changes by {changes[name]:9.5f} times its norm")

# %% tags=["check"]
assert changes["plain sum"] > 1 and changes["sum of logs"] < 1e-3

# %% [markdown]
# The gradient of the plain sum changes, and that of the sum of logarithms does not, up to rounding. Now the training, with
# five seeds as in the sweep.
#
# **Predict first.** Where in the trade-off figure does the sum of logarithms lie: on the curve, above it, or below? And
# nearer to the end of *left*, or of *odd*?

# %%
of_logs = build(SumOfLogs)
of_logs.compile("adam", losses(), steps_per_execution=20)
log_runs = []
for seed in range(5):
    logs = train(of_logs, seed)
    log_runs.append([accuracies(of_logs, validation), accuracies(of_logs, test)])
log_runs = np.array(log_runs)
print({key: round(values[-1], 2) for key, values in logs.items()})

# %% [markdown]
# `loss` is negative, and that is no error: the logarithm of a number below 1 is negative. (It is not exactly the logarithm of
# `left_loss` plus that of `odd_loss`. Each logged number is a mean over the batches, and the mean of logarithms is not the
# logarithm of the mean.)
#
# Now the accuracies on the test images, beside those of the sweep. (We leave out its two ends: with them, the other
# dots would lie too close to each other.)

# %%
on_test = {weight: runs[:, number, 1] for number, weight in enumerate(tried) if weight > 0.1}
plots.trade_off(
    {weight: 100 * found for weight, found in on_test.items() if weight < 100},
    {"sum of logarithms": 100 * log_runs[:, 1]},
    "accuracy of left (test), in %",
    "accuracy of odd (test), in %",
    "loss weight of odd",
)

# %%
designs = {
    "one mean, one sum (128)": on_test[128.0],
    "two means (1)": on_test[1.0],
    f"by baseline loss ({by_baseline})": on_test[by_baseline],
    "sum of logarithms": log_runs[:, 1],
}
for name, found in designs.items():
    left, odd = found.mean(axis=0)
    std = found.mean(axis=1).std(ddof=1)
    print(f"{name:24} left {left:.1%}, odd {odd:.1%}, mean {found.mean():.1%} ± {std:.1%}")
left, odd = baseline(test)
print(f"{'baseline':24} left {left:.1%}, odd {odd:.1%}, mean {(left + odd) / 2:.1%}")

# %% tags=["check"]
mean_of = {name: found.mean() for name, found in designs.items()}
good = [score for name, score in mean_of.items() if "128" not in name]
assert max(good) - min(good) < 0.06 and min(good) > mean_of["one mean, one sum (128)"] + 0.15
assert logs["loss"][-1] < 0 < logs["odd_loss"][-1]

# %% [markdown]
# - The sum in place of a mean (128) costs far more than any other choice.
# - The other designs lie close together: in the mean of both heads they differ by a few percentage points at most. They
#   differ more in *which* head they favour.
# - The sum of logarithms lies near the curve, in the part where *odd* is favoured: the easier head has the smaller
#   loss, and so the larger weight. It found a good place without any sweep, and its gradient would be the same with the
#   accidental sum. Here it is no better than the best weights of the sweep.
#
# So it is a good first choice that needs no sweep. Two warnings:
# - When the loss of a head goes to 0, its weight $1/L$ goes to infinity. So a head that already fits its training images
#   does not leave the trunk to the other: its gradient is small, but it is divided by a loss that is small too.
# - A loss that can be negative itself, like that of lesson 5 (a head with its own standard deviation), has no logarithm:

# %% tags=["nbval-check-output"]
print(keras.ops.convert_to_numpy(keras.ops.log(-0.2)))

# %% [markdown]
# ## How to choose
#
# 1. Look at what you add: a mean for every head, targets standardised. Compute the loss of a baseline for each head; if these
#    differ by a factor of ten, look for the cause.
# 2. Write down the criterion, on validation images.
# 3. Train with equal weights, with each loss divided by its baseline's loss, and with the sum of logarithms. Here that was
#    enough.
# 4. If one head is worth more than the other, sweep by factors of 3, with several seeds, and draw the trade-off curve.
# 5. If weights move, watch the criterion and not `val_loss`.
# 6. Use the test images once.
#
# Would one network for each head be better, as in [lesson 3](03_three_architectures.ipynb)? The benchmark trains such a pair
# too. In each head it is about as good as the best weight for that head, so it is better than every single dot of the
# curve. It also has twice the trunk. No weight brings back what the two heads lose to each other in this small trunk.

# %% [markdown]
# ## Take this with you
#
# One cell, which needs nothing of this course: a schedule for loss weights, with the criterion to watch, and a small model that
# uses it. (A model that was saved and loaded has numbers for loss weights: call `compile` again, with variables.)


# %%
import keras
import numpy as np


class LossWeights(keras.callbacks.Callback):
    """Set loss weights by `rule(epoch)`, and log the mean of the scores in `watch` as "val_mean".

    `weights` is the dictionary of variables that `compile` got; the rule returns numbers for some
    of its keys. `watch` lists keys of the logs: validation scores, of which more is better.
    """

    def __init__(self, weights, rule, watch):
        super().__init__()
        values = weights.values() if isinstance(weights, dict) else [None]
        if not all(isinstance(value, keras.Variable) for value in values):
            raise TypeError(f"weights: {weights} given, a dictionary of keras.Variable wanted.")
        if not callable(rule) or isinstance(watch, str):
            raise TypeError("rule: a function of the epoch wanted; watch: a list of keys.")
        self.weights, self.rule, self.watch = weights, rule, watch

    def on_epoch_begin(self, epoch, logs=None):
        values = self.rule(epoch)
        if not isinstance(values, dict) or values.keys() - self.weights.keys():
            raise ValueError(f"rule: {values} given, numbers for {[*self.weights]} wanted.")
        for name, value in values.items():
            self.weights[name].assign(value)

    def on_epoch_end(self, epoch, logs=None):
        if not logs.keys() >= {*self.watch}:
            raise ValueError(f"watch: {self.watch} wanted, {[*logs]} logged: validation data?")
        logs["val_mean"] = np.mean([logs[key] for key in self.watch])


x = np.linspace(-1, 1, 64)[:, None]
y = {"side": (x > 0) * 1.0, "square": x**2}
inputs = keras.Input((1,))
trunk = keras.layers.Dense(16, "relu")(inputs)
side = keras.layers.Dense(1, "sigmoid", name="side")(trunk)
square = keras.layers.Dense(1, name="square")(trunk)
model = keras.Model(inputs, {"side": side, "square": square})
weights = {name: keras.Variable(1.0, trainable=False) for name in y}
losses = {"side": "binary_crossentropy", "square": "mse"}
scores = {"side": ["binary_accuracy"], "square": ["r2_score"]}
model.compile(keras.optimizers.Adam(0.03), losses, weights, metrics=scores, run_eagerly=True)
watch = ["val_side_binary_accuracy", "val_square_r2_score"]
stop = keras.callbacks.EarlyStopping("val_mean", mode="max", patience=3)
callbacks = [LossWeights(weights, lambda epoch: {"side": 0.5**epoch}, watch), stop]
options = {"validation_data": (x, y), "epochs": 5, "verbose": 0, "callbacks": callbacks}
logs = model.fit(x, y, **options).history
print("val_mean:", np.round(logs["val_mean"], 2), " last weight:", weights["side"].numpy())

# %% tags=["check"]
assert np.isclose(weights["side"].numpy(), 0.5 ** (len(logs["val_mean"]) - 1))

# %% [markdown]
# In this notebook we
# - saw a sum in place of a mean act like a loss weight as large as the batch, and ruin a head without a message;
# - read the logs: heads without weights, `loss` with them;
# - swept a weight over five seeds, drew the trade-off curve, and chose by a criterion on validation images;
# - changed weights during training, saw `val_loss` rise while both heads learned, and watched the criterion in its place;
# - derived the sum of logarithms, found that its gradient does not depend on the scale, and compared it with a tuned weight.
#
# ## References
#
# - V. Kurin, A. De Palma, I. Kostrikov, S. Whiteson and M. P. Kumar (2022). *In defense of the unitary scalarization for deep
#   multi-task learning.* In their experiments the plain sum, with the usual regularisation, is as good as methods that are
#   far more complex, or better.
# - D. Xin, B. Ghorbani, J. Gilmer, A. Garg and O. Firat (2022). *Do current multi-task optimization methods in deep learning
#   even help?* In their experiments such methods are no better than a weighted sum with tuned weights.
#
# Next: the [exercises](../exercises/07_loss_weights.ipynb), then [lesson 8](08_adaptive_weights.ipynb).
