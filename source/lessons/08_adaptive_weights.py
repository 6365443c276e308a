# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 8. Can the weights choose themselves?
#
# **What you will do.** Give one head a loss that is 100 times too large. Let three methods try to repair that without a
# sweep: weights learned as uncertainties, weights that follow the speed of the losses (DWA), and weights that follow the
# gradients (GradNorm). Compare them with a tuned weight, and find out what each of them really measures.
#
# **What you will learn**
# - to derive uncertainty weighting for a regression and for a classification, and to say what it is at its optimum;
# - to put variables that a loss needs where Keras trains them, and to log what they do;
# - to write DWA and GradNorm in a few lines;
# - to tell when a method that chooses the weights helps, when it does nothing, and when it harms.
#
# **What you will need.** [Lesson 7](07_loss_weights.ipynb). No GPU. About 50 minutes; the longest cell runs for about 5
# seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(8)

# %% [markdown]
# ## One loss is 100 times the other
#
# The images and the questions are those of [lesson 3](03_three_architectures.ipynb): two digits on one canvas at half the
# resolution (17 x 17 pixels), which is the *left* one and which the *right* one? A part of the training digits is kept for
# validation.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10
canvas_train, targets_train = data.two_digits(
    digits.x_train[:kept], digits.y_train[:kept], 4000, seed=1
)
canvas_validation, targets_validation = data.two_digits(
    digits.x_train[kept:], digits.y_train[kept:], 2000, seed=2
)
canvas_test, targets_test = data.two_digits(digits.x_test, digits.y_test, 2000, seed=3)
images_train, images_validation = prepare(canvas_train), prepare(canvas_validation)
images_test = prepare(canvas_test)

# %% [markdown]
# The loss of *left* is the mean over a batch. The loss of *right* was written with `reduction="sum"`, and a batch has 100
# rows. So it is 100 times as large, for no reason that has to do with digits. (A unit can do the same: [lesson
# 5](05_regression.ipynb) had angles in degrees.)


# %%
def parts():
    """Return an input and the outputs "left" and "right" on one trunk."""
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(32, activation="relu", name="trunk_2")(trunk)
    heads = ["left", "right"]
    return image, {
        name: keras.layers.Dense(10, activation="softmax", name=name)(trunk) for name in heads
    }


def compiled(model, **options):
    """Compile a model with the two losses, and return it."""
    losses = {
        "left": keras.losses.SparseCategoricalCrossentropy(),
        "right": keras.losses.SparseCategoricalCrossentropy(reduction="sum"),
    }
    optimizer = keras.optimizers.Adam(0.003)
    model.compile(optimizer=optimizer, loss=losses, steps_per_execution=40, **options)
    return model


# %% [markdown]
# As in [lesson 6](06_missing_labels.ipynb), each model is compiled once and is trained again from stored first weights. A
# model may have variables besides those of its layers, such as learned loss weights. They begin at zero.


# %%
first_weights = []
for seed in range(5):
    keras.utils.set_random_seed(seed)
    first_weights.append(keras.Model(*parts()).get_weights())


def start_again(model, seed):
    """Give a model the first weights of a seed, and set everything else in it to zero."""
    for variable in model.variables + model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    keras.Model(model.input, model.output).set_weights(first_weights[seed])
    model.optimizer.learning_rate = 0.003


# %% [markdown]
# Each training has 240 updates. A second function gives the accuracy of both heads.


# %%
def train(model, seed, callbacks=None, begin=None):
    """Train from the first weights of a seed for 6 epochs of 40 updates; return the history.

    `begin` is a function that may change the model before the first update.
    """
    start_again(model, seed)
    if begin is not None:
        begin(model)
    training = data.batches(images_train, targets_train, batch_size=100, seed=seed).repeat()
    options = {"epochs": 6, "steps_per_epoch": 40, "callbacks": callbacks, "verbose": 0}
    return model.fit(training, **options).history


def accuracies(model, images=images_test, targets=targets_test):
    """Return the accuracy of the left and of the right head."""
    answers = {name: answer.numpy() for name, answer in model(images).items()}
    return np.array([np.mean(answers[n].argmax(axis=1) == targets[n]) for n in targets])


# %% [markdown]
# The first model has fixed weights. They are `keras.Variable`s, so that we can change them without compiling again (lesson
# 7). With both weights 1 this is the **plain sum** of the losses. **Predict first.** How good will *left* be, compared with
# *right*? We train from five seeds.

# %%
loss_weights = {name: keras.Variable(1.0, trainable=False) for name in ["left", "right"]}
fixed = compiled(keras.Model(*parts()), loss_weights=loss_weights)


def train_fixed(seed, right, callbacks=None):
    """Train with the weight 1 for left and another one for right; return the history."""
    loss_weights["left"].assign(1.0)
    loss_weights["right"].assign(right)
    return train(fixed, seed, callbacks)


# %%
def said(runs):
    """Return mean ± standard deviation of the runs for left and for right, as text."""
    means, spreads = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    return "   ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spreads, strict=True))


results = {"plain sum": []}
for seed in range(5):
    train_fixed(seed, right=1.0)
    results["plain sum"].append(accuracies(fixed))

most_frequent = [np.bincount(labels).argmax() for labels in targets_train.values()]
naive = [np.mean(t == c) for t, c in zip(targets_test.values(), most_frequent, strict=True)]
print(f"{'':18}left            right")
print(f"{'most frequent':18}{naive[0]:.3f}           {naive[1]:.3f}")
print(f"{'plain sum':18}{said(results['plain sum'])}")

# %% tags=["check"]
plain = np.array(results["plain sum"])
assert plain[:, 1].min() > 0.7 and plain[:, 0].max() < 0.5

# %% [markdown]
# *Right* is learned, and *left* hardly at all. Whoever knows about the sum repairs it by hand: lesson 7 tries several
# weights and keeps the one that is best on the validation images. "Best" needs one number for two heads. We take the mean of
# both accuracies. (A mean can hide that one head is bad, so our tables show both heads.)

# %%
tried = {}
for right in [0.001, 0.01, 0.1]:
    train_fixed(seed=0, right=right)
    tried[right] = accuracies(fixed, images_validation, targets_validation).mean()
    print(f"weight of right {right:5}: mean accuracy on validation {tried[right]:.3f}")

tuned = max(tried, key=tried.get)
results["tuned weight"] = []
for seed in range(5):
    train_fixed(seed, right=tuned)
    results["tuned weight"].append(accuracies(fixed))
print(f"test, with {tuned}: {said(results['tuned weight'])}")

# %% tags=["check"]
assert 0.001 < tuned < 0.1
assert np.min(results["tuned weight"]) > 0.65

# %% [markdown]
# This is what an adaptive method has to reach. The sweep cost three trainings (few, to save time), and with three heads a
# sweep over two weights would cost nine. Can we save them?

# %% [markdown]
# ## Weights as uncertainties
#
# Kendall, Gal and Cipolla (2018) let each head say how noisy its task is. The standard deviation of the noise is called sigma,
# and its square is the **variance**. A noisier task counts less.
#
# **A regression.** Say that a target is the prediction plus normal noise with the standard deviation sigma. Then
#
# $$-\log p = \frac{(\text{target} - \text{prediction})^2}{2\sigma^2} + \log\sigma + \text{a constant}.$$
#
# We write $s = \log\sigma^2$, the **log-variance**. Then $1/\sigma^2 = e^{-s}$ and $\log\sigma = s/2$, and the mean over a
# batch is
#
# $$J = \tfrac12\, e^{-s} L + \tfrac12\, s \qquad\text{with } L \text{ the mean squared error.}$$
#
# So the loss weight is $\tfrac12 e^{-s}$, and the term $\tfrac12 s$ is a price for calling a task noisy. Without this price
# nothing would stop $s$ from growing: every task would be called infinitely noisy, and all weights would go to zero.
#
# **A classification.** Here the logits are divided by $\sigma^2$ before the softmax. With an approximation (exact for
# $\sigma = 1$) the authors get
#
# $$J = e^{-s} L + \tfrac12\, s \qquad\text{with } L \text{ the cross-entropy.}$$
#
# The half in front of $L$ comes from the *normal distribution*. It belongs to the regression and not to the classification.
# (Code that has it for both learns an $s$ that is different by $\log 2$, and the same weights.)
#
# **Predict first.** For a fixed loss $L$, which $s$ makes $J$ smallest? And can $J$ be negative?

# %% tags=["nbval-check-output"]
s = np.linspace(-8, 8, 16001)
for loss in [0.02, 0.5, 3.0]:
    for kind, half, formula in [
        ("regression", 0.5, np.log(loss)),
        ("classification", 1, np.log(2 * loss)),
    ]:
        objective = half * np.exp(-s) * loss + 0.5 * s
        best, value = s[objective.argmin()], objective.min()
        print(f"{kind:15} L = {loss:4}: s = {best:6.3f} (formula {formula:6.3f}), ", end="")
        print(f"J = {value:6.3f}, J - log(L)/2 = {value - np.log(loss) / 2:.3f}")

# %% [markdown]
# The best value is $s = \log L$ for a regression and $s = \log 2L$ for a classification. (Set the derivative of $J$ with
# respect to $s$ to zero.) Three things follow.
#
# - **The variance is the loss itself.** For a regression $\sigma^2 = L$, the mean squared error on the *training* data.
# - **The weight is** $1/(2L)$, for both kinds. A loss that falls by half gets twice the weight.
# - **What remains** is $J = \tfrac12 \log L$ plus a constant. So at its optimum uncertainty weighting minimises the **sum of
#   the logarithms** of the losses. A factor of 100 in a loss adds $\log 100$ to its logarithm, and a constant has no
#   gradient. The unit of a loss does not matter any more: the method is *scale-free*.
#
# $J$ is negative as soon as $L$ is small, and that is normal. Do not cut $s$ off at zero to avoid it: that would forbid
# large weights.
#
# ### Why the logarithm of the variance?
#
# We could learn $\sigma^2$ itself. Here is gradient descent on it, for a regression with the loss 0.1:

# %% tags=["nbval-check-output"]
variance, log_variance, loss = 1.0, 0.0, 0.1
for _ in range(4):
    variance -= 0.8 * (0.5 / variance - 0.5 * loss / variance**2)
    log_variance -= 0.8 * (0.5 - 0.5 * np.exp(-log_variance) * loss)
    print(f"variance {variance:6.3f}    e to the power of s {np.exp(log_variance):.3f}")

# %% [markdown]
# A variance below zero is nonsense: the weight is negative, so the model would *increase* that loss, and $\log \sigma$ is NaN.
# $e^s$ is positive for every $s$.

# %% [markdown]
# ## Where do the variables live?
#
# A loss in Keras may be an object, so it seems natural to put the log-variance there. **Predict first.** What will its value
# be after 10 updates?


# %%
class UncertainLoss(keras.losses.Loss):
    """A cross-entropy with a log-variance of its own. (It does not learn.)"""

    def __init__(self):
        super().__init__()
        self.s = keras.Variable(0.0, name="log_variance")

    def call(self, target, answer):
        each = keras.losses.sparse_categorical_crossentropy(target, answer)
        return keras.ops.exp(-self.s) * each + 0.5 * self.s


image, heads = parts()
small = keras.Model(image, heads["left"])
small.compile(optimizer="adam", loss=UncertainLoss(), run_eagerly=True)
for _ in range(10):
    small.train_on_batch(images_train[:100], targets_train["left"][:100])
print(
    "s =", float(small.loss.s), "  variables that are trained:", len(small.trainable_variables)
)

# %% tags=["check"]
assert float(small.loss.s) == 0 and len(small.trainable_variables) == 6

# %% [markdown]
# Still zero, and no message. `fit` trains the variables of the *model*: here three kernels and three biases. The variables of a
# loss are not among them.
#
# So the model must own the log-variances. A subclass of `keras.Model` makes them with `add_weight`, and overrides
# `compute_loss`, which `fit` and `evaluate` call for each batch. `regression` holds the names of the heads with a mean squared
# error. (`slow` and `speed` are explained below.)


# %%
class UncertaintyWeights(keras.Model):
    """A model that learns a log-variance s = speed * slow for each head."""

    def __init__(self, inputs, outputs, regression=(), speed=25.0):
        super().__init__(inputs, outputs)
        self.regression, self.speed = regression, speed
        self.slow = {name: self.add_weight(initializer="zeros", name=name) for name in outputs}
        self.logged = {name: keras.metrics.Mean(name=f"{name}_weight") for name in outputs}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        total = 0.0
        for name, slow in self.slow.items():
            s = self.speed * slow
            weight = keras.ops.exp(-s) * (0.5 if name in self.regression else 1.0)
            total += weight * self.loss[name](y[name], y_pred[name]) + 0.5 * s
            self.logged[name].update_state(weight)
        return total


# %% [markdown]
# - The first line of `compute_loss` calls Keras's own, and ignores what it returns. It is there for the logs: without it,
#   `left_loss` and `right_loss` would be zero.
# - `self.loss` is the dictionary that `compile` got. Here its losses must be objects, and not names such as `"mse"`.
# - For each head, a metric `Mean` writes the weight into the logs, for training and for validation.
#
# ### Its own learning rate
#
# Adam divides each gradient by its usual size. So in one update it moves a variable by about the learning rate at most,
# however large the gradient is. **Predict first.** The loss of *right* begins at about 100 times 2.3, so $s$ should be about
# $\log(2 \cdot 230)$. The learning rate is 0.003. How many updates does Adam need, if it moves $s$ itself? We have 240.

# %%
needed = np.log(2 * 230)
print(f"s = {needed:.1f}, at least {needed / 0.003:,.0f} updates")

# %% [markdown]
# Thousands. The log-variances need a learning rate of their own. There is a way without a second optimizer: the
# variable that Adam moves is `slow`, and $s$ is `speed` times as large. Then one step of Adam moves $s$ by up to `speed`
# times the learning rate, here 0.075. (With plain SGD the factor would be the square of `speed`.)


# %%
def show(history):
    """Print what the logs say of each epoch, one column an epoch."""
    for key in ["loss", "left_loss", "right_loss", "left_weight", "right_weight"]:
        print(f"{key:13}", "".join(f"{value:10.4f}" for value in history[key]))


uncertain = compiled(UncertaintyWeights(*parts()))
history = train(uncertain, seed=0)
from_zero = accuracies(uncertain)
print("accuracies of left and right:", from_zero)
show(history)

# %% tags=["check"]
assert from_zero[0] < np.mean(results["tuned weight"], axis=0)[0] - 0.15
assert min(history["left_weight"] + history["right_weight"]) > 0

# %% [markdown]
# Each column is an epoch of 40 updates. The weights move as they should: that of *right* falls far below that of *left*. And
# yet *left* is much worse than with the tuned weight. Two reasons fit what we see; we did not test them apart.
#
# - In the first updates the weights are still equal, and the trunk learns for *right* alone. So the loss of *right* falls and
#   that of *left* does not. A weight is best at $1/(2L)$: a loss that has fallen gets a larger weight. The head that is ahead
#   is helped further.
# - Adam remembers the size of old gradients. When the weight of *right* falls by a factor of 20 or more, its gradients become
#   as much smaller, and so do Adam's steps, for hundreds of updates.
#
# Both reasons lie in the weights at the beginning. We know the best $s$ for a loss, so we can **begin at the optimum**: we compute the
# losses before training, and set $s = \log 2L$.


# %%
def losses_before(model):
    """Return the loss of each head on the first hundred images."""
    answers = model(images_train[:100])
    truth = {name: labels[:100] for name, labels in targets_train.items()}
    return {name: float(model.loss[name](truth[name], answers[name])) for name in truth}


def begin_at_optimum(model):
    for name, loss in losses_before(model).items():
        model.slow[name].assign(np.log(2 * loss) / model.speed)


results["uncertainty"] = []
for seed in range(5):
    history = train(uncertain, seed, begin=begin_at_optimum)
    results["uncertainty"].append(accuracies(uncertain))
print(f"test: {said(results['uncertainty'])}   (below: the last seed)")
show(history)

# %% tags=["check"]
learned = np.array(results["uncertainty"])
assert learned[:, 0].min() > max(from_zero[0], plain[:, 0].max()) + 0.1
assert abs(learned.mean() - np.mean(results["tuned weight"])) < 0.06
ratio = history["left_weight"][-1] / history["right_weight"][-1]
assert 30 < ratio < 300

# %% [markdown]
# Now *left* is learned too, without a sweep. The first losses set the weights to a ratio of about 100, and training keeps it
# there, though nothing forces it to. As the losses fall, both weights rise. That does not mean that the heads became more
# important. Their losses became smaller.
#
# `loss` falls also because the weights move, and `val_loss` does the same. So do not stop a training by it: watch the loss
# or the accuracy of a head.
#
# `mos_helpers.balancing.UncertaintyWeights` is this model, with sample weights, losses by name, a method `begin_at`, and
# saving.
#
# ### The two lines that do the same
#
# If the method minimises the sum of the logarithms, why not do just that? It is the sum that [lesson
# 7](07_loss_weights.ipynb) came to by another way. It needs no variables, and is at its optimum in every batch.


# %%
class SumOfLogs(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        losses = [self.loss[name](y[name], y_pred[name]) for name in y]
        return sum(keras.ops.log(loss) for loss in losses)


logarithms = compiled(SumOfLogs(*parts()))
results["sum of logarithms"] = []
for seed in range(5):
    train(logarithms, seed)
    results["sum of logarithms"].append(accuracies(logarithms))
print(f"uncertainty:       {said(results['uncertainty'])}")
print(f"sum of logarithms: {said(results['sum of logarithms'])}")

# %% tags=["check"]
assert abs(np.mean(results["sum of logarithms"]) - learned.mean()) < 0.04

# %% [markdown]
# The difference is within the spread. (A loss that can become exactly zero needs a small number added to it before the
# logarithm.)

# %% [markdown]
# ## Does it measure the noise?
#
# In a toy with known noise we can look. There is one number $x$, and two regressions: $y_1 = 2x + 8$ with noise of standard
# deviation 10, and $y_2 = 3x + 3$ with noise of 1. (These numbers are from an example that one of the authors
# published as code.) The network has 512 hidden units for 100 rows, far more than two straight lines need.
#
# **Predict first.** Will the learned sigmas be about 10 and 1, smaller, or larger?


# %%
def noisy_lines(n, rng):
    x = rng.normal(size=(n, 1))
    y1 = 2 * x + 8 + 10 * rng.normal(size=(n, 1))
    return x, {"y1": y1, "y2": 3 * x + 3 + rng.normal(size=(n, 1))}


def toy_model():
    number = keras.Input(shape=(1,))
    hidden = keras.layers.Dense(512, activation="relu")(number)
    heads = {name: keras.layers.Dense(1, name=name)(hidden) for name in ["y1", "y2"]}
    return UncertaintyWeights(number, heads, regression=["y1", "y2"], speed=5.0)


toys = [toy_model() for seed in range(5)]
toy = toys[0]
squared = {name: keras.losses.MeanSquaredError() for name in ["y1", "y2"]}
toy.compile(keras.optimizers.Adam(0.02), loss=squared, steps_per_execution=100)

# %%
print("seed    learned sigma      training error     error on new rows   (root mean square)")
found = []
for seed, first in enumerate(toys):
    rng = np.random.default_rng(seed)
    x, y = noisy_lines(100, rng)
    toy.set_weights(first.get_weights())
    for memory in toy.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    toy.optimizer.learning_rate = 0.02
    for name, slow in toy.slow.items():
        slow.assign(np.log(np.mean(y[name] ** 2)) / toy.speed)  # near the optimum
    training = data.batches(x, y, batch_size=100, seed=seed).repeat()
    toy.fit(training, steps_per_epoch=400, verbose=0)
    row = [np.exp(toy.speed * float(slow) / 2) for slow in toy.slow.values()]
    for inputs, targets in [(x, y), noisy_lines(10000, rng)]:
        answers = {name: answer.numpy() for name, answer in toy(inputs).items()}
        row += [np.sqrt(np.mean((answers[name] - targets[name]) ** 2)) for name in targets]
    found.append(row)
    print(f"{seed:4}    {row[0]:5.2f} and {row[1]:5.2f}    ", end="")
    print(f"{row[2]:5.2f} and {row[3]:5.2f}    {row[4]:5.2f} and {row[5]:5.2f}")

# %% tags=["check"]
found = np.array(found)
assert np.abs(found[:, :2] / found[:, 2:4] - 1).max() < 0.1
assert (found[:, :2].mean(axis=0) < [10, 1]).all() and (found[:, 4:] > found[:, 2:4]).all()

# %% [markdown]
# The learned sigma is the error on the **training** rows, to within a few percent: the formula said so. On average over the seeds
# it is below the truth, because the network has fitted a part of the noise. (With 100 rows, chance adds a few percent in
# either direction.) On new rows the error is larger. So the sigmas have the right order, and they are no measurement of the
# noise. A network that fits its training data perfectly would call every task free of noise, and the weights would grow without
# end.

# %% [markdown]
# ## Weights that follow the speed: DWA
#
# Liu, Johns and Davison (2019) look at how fast each loss falls. The **rate** of a head is its loss in the last epoch
# divided by that of the epoch before. A head whose loss falls slowly has a high rate, and gets a larger weight: the softmax
# of the rates divided by a temperature of 2, times the number of heads. In the first two epochs all weights are 1. They call
# it dynamic weight average.
#
# **Predict first.** The loss of one head stays as it is, that of the other falls by half. Which weights do they get? And what
# becomes of the factor 100?


# %% tags=["nbval-check-output"]
def dwa_weights(history, temperature=2.0):
    """Return the weights of the next epoch, from a list of losses for each head."""
    rates = [h[-1] / h[-2] if len(h) > 1 else 1.0 for h in history.values()]
    shares = np.exp(np.array(rates) / temperature)
    return dict(zip(history, len(rates) * shares / shares.sum(), strict=True))


for right in [[1.0, 1.0], [100.0, 100.0], [100.0, 90.0], [100.0, 1.0]]:
    weights = dwa_weights({"left": [1.0, 0.5], "right": right})
    print(right, {name: f"{weight:.3f}" for name, weight in weights.items()})

# %% [markdown]
# The weights hardly move. Even if one loss falls to half and the other stays, they are 0.88 and 1.12. And a constant factor
# cancels in the rate: DWA does not see it. In Keras it is a callback that sets the `keras.Variable`s of `compile`.


# %%
class DynamicWeights(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.history = {name: [] for name in loss_weights}

    def on_epoch_end(self, epoch, logs=None):
        for name, values in self.history.items():
            values.append(logs[f"{name}_loss"])
        for name, weight in dwa_weights(self.history).items():
            loss_weights[name].assign(weight)


results["DWA"] = []
for seed in range(5):
    train_fixed(seed, right=1.0, callbacks=[DynamicWeights()])
    results["DWA"].append(accuracies(fixed))
print("last weights:", {name: round(float(v), 3) for name, v in loss_weights.items()})
print(f"plain sum: {said(results['plain sum'])}\nDWA:       {said(results['DWA'])}")

# %% tags=["check"]
assert np.abs(np.mean(results["DWA"], axis=0) - plain.mean(axis=0)).max() < 0.1

# %% [markdown]
# DWA does what the plain sum does. It is not made for losses of different size.

# %% [markdown]
# ## Weights that follow the gradients: GradNorm
#
# Chen, Badrinarayanan, Lee and Rabinovich (2018) look at the trunk. Take the gradient of each *weighted* loss on the last
# shared layer, and its length $G = w \lVert \nabla L \rVert$. GradNorm changes the weights until each length reaches its
# **goal**:
#
# $$\text{goal} = \bar G \cdot r^{\alpha}, \qquad r = \frac{L / L_{\text{first}}}{\text{mean of that over the heads}}.$$
#
# $\bar G$ is the mean of all $G$. With $\alpha = 0$ all lengths should be equal. With a larger $\alpha$, a head that is
# behind (more of its first loss is left) gets a longer gradient. The weights follow the gradient of $\sum |G - \text{goal}|$,
# where the **goal is held constant**.
#
# That looks as if we had to differentiate a gradient once more. We do not: in $G = w \lVert \nabla L \rVert$ the length has
# nothing to do with $w$. So the slope of $|G - \text{goal}|$ along $w$ is $\pm \lVert \nabla L \rVert$: plus where $G$ is
# above its goal, minus where it is below. TensorFlow agrees:

# %%
last_shared = fixed.get_layer("trunk_2").kernel
with tf.GradientTape(persistent=True) as tape:
    answers = fixed(images_train[:100])
    losses = [fixed.loss[n](targets_train[n][:100], answers[n]) for n in ["left", "right"]]
lengths = tf.stack([tf.norm(tape.gradient(loss, last_shared)) for loss in losses])

weights = tf.Variable([1.5, 0.5])
with tf.GradientTape() as tape:
    weighted = weights * lengths
    goal = tf.stop_gradient(tf.reduce_mean(weighted))  # alpha = 0
    distance = tf.reduce_sum(tf.abs(weighted - goal))
automatic = tape.gradient(distance, weights).numpy()
by_formula = (tf.sign(weighted - goal) * lengths).numpy()
print("lengths           ", lengths.numpy())
print("automatic gradient", automatic, "\nby the formula    ", by_formula)

# %% tags=["check"]
assert np.allclose(automatic, by_formula, rtol=1e-4)

# %% [markdown]
# `mos_helpers.balancing.GradNorm` is a `keras.Model` with its own `train_step`, which does this in every update. It differs
# from the paper in two ways. It moves the *logarithms* of the weights, so that they stay positive. And it divides the slope by
# the mean of all $G$, so that the unit of a loss does not decide how fast the weights move. After each update the weights are
# scaled to their old total, the number of heads. We take $\alpha = 1.5$, as the authors did in one experiment.
#
# **Predict first.** All weights begin at 1. Then $G$ of *right* is nearly the whole sum of both, so it is about twice the
# mean. The rate of the helper is 0.025. So in one update the logarithm of the weight of *right* falls by 0.05. How many
# updates does a ratio of 100 need? And will *left* then be as good as with the tuned weight?

# %%
from mos_helpers.balancing import GradNorm

print(f"about {np.log(100) / 0.05:.0f} updates")
gradnorm = compiled(GradNorm(*parts(), shared="trunk_2", alpha=1.5))
history = train(gradnorm, seed=0)
from_ones = accuracies(gradnorm)
print("accuracies of left and right:", from_ones)
show(history)

# %% tags=["check"]
assert from_ones[0] > plain[:, 0].max() + 0.2
ratio = np.divide(history["left_weight"], history["right_weight"])
assert ratio[0] < 10 and 40 < ratio[-1] < 250

# %% [markdown]
# The ratio passes 100 in the third epoch, as predicted. Then it grows to more than 200, because *left* is behind and
# $\alpha$ gives it a longer gradient, and comes back. *Left* is far better than with the plain sum, but not as good as with the
# tuned weight. The first updates were made for *right* alone. (It is one seed; the benchmark below runs ten.) So here too we
# begin with weights that fit the losses before training: `begin_at` sets them in proportion to one over each loss.

# %%
results["GradNorm"] = []
for seed in range(5):
    train(gradnorm, seed, begin=lambda model: model.begin_at(losses_before(model)))
    results["GradNorm"].append(accuracies(gradnorm))
print(f"weights of 1, seed 0:     {from_ones[0]:.3f}           {from_ones[1]:.3f}")
print(f"begun at the first losses {said(results['GradNorm'])}")

# %% tags=["check"]
assert np.min(results["GradNorm"]) > 0.6
assert np.mean(results["GradNorm"], axis=0)[0] > from_ones[0] + 0.05

# %% [markdown]
# GradNorm repairs most of the harm by itself, but late; the good beginning brings the rest. With that beginning little is
# left for it to do: a fixed weight from the sweep does as well. In each update it needs one more gradient for each head, from
# the loss back to the last shared layer only.

# %% [markdown]
# ## All of them
#
# **Predict first.** Which methods are as good as the tuned weight? Is one of them better?

# %%
print(f"{'':18}left            right")
for name, runs in results.items():
    print(f"{name:18}{said(runs)}")
plots.comparison(
    {name: np.mean(runs, axis=1) for name, runs in results.items()},
    "mean accuracy of both heads, right times 100",
)

# %% tags=["check"]
means = {name: np.mean(runs) for name, runs in results.items()}
repaired = [means[name] for name in ["uncertainty", "sum of logarithms", "GradNorm"]]
assert min(repaired) > max(means["plain sum"], means["DWA"]) + 0.1
assert max(repaired) < means["tuned weight"] + 0.05
# %% [markdown]
# - **Uncertainty weighting and GradNorm, both begun at the first losses, and the sum of logarithms** repair the factor 100
#   without a sweep, about as well as the tuned weight. **DWA** does not.
# - None of them is clearly better than the tuned weight.
#
# What if there is no factor, and so nothing to repair? The benchmark of this lesson, `python benchmarks/adaptive_weights.py
# --data digits` (or `mnist`), trains each method with ten seeds, a little longer than here, with and without the factor. It
# reports the *remaining error*, the share of the naive answer's error that is left (0 is perfect, 1 is naive). The mean of both
# heads:
#
# | the spread is below 0.04 | digits | digits, times 100 | MNIST | MNIST, times 100 |
# |---|---|---|---|---|
# | plain sum | 0.11 | 0.47 | 0.20 | 0.51 |
# | tuned weight | 0.11 | 0.11 | 0.20 | 0.20 |
# | DWA | 0.11 | 0.46 | 0.20 | 0.51 |
# | GradNorm, weights begin at 1 | 0.11 | 0.19 | 0.20 | 0.25 |
# | GradNorm, begun at the first losses | 0.11 | 0.11 | 0.20 | 0.20 |
# | uncertainty weighting, $s$ begins at 0 | 0.10 | 0.44 | 0.20 | 0.45 |
# | uncertainty weighting, begun at the optimum | 0.10 | 0.10 | 0.20 | 0.20 |
# | sum of logarithms | 0.10 | 0.10 | 0.20 | 0.20 |
#
# (The sweep ran once, without the factor: a weight of 1/100 more takes the factor away.) Without the factor all are within about
# 0.01 of the plain sum, and so is the weight from the sweep. There was almost nothing to gain.

# %% [markdown]
# ## Heads of two kinds
#
# Two digits are two losses of the same kind: they begin at the same value, and fall in the same way. The benchmark also
# trains the digit and the pose of lesson 5, a cross-entropy beside a mean squared error of standardised numbers (add `--heads
# digit_and_pose`). **Predict first.** No loss is multiplied by anything. Which method will be better than the plain sum?

# %% [markdown]
# | remaining error, ten seeds; the spread is below 0.03 | digits: digit | digits: pose | MNIST: digit | MNIST: pose |
# |---|---|---|---|---|
# | plain sum | 0.37 | 0.15 | 0.42 | 0.31 |
# | tuned weight | 0.37 | 0.16 | 0.42 | 0.31 |
# | DWA | 0.37 | 0.15 | 0.43 | 0.30 |
# | GradNorm, begun at the first losses | 0.36 | 0.21 | 0.41 | 0.33 |
# | uncertainty weighting, begun at the optimum | 0.76 | 0.09 | 0.62 | 0.24 |
# | sum of logarithms | 0.76 | 0.09 | 0.62 | 0.24 |
#
# No method is clearly better for both heads. The sum of logarithms makes the digit head much worse, and so does uncertainty
# weighting begun at its optimum. The formula suggests why. The weight is $1/(2L)$. A squared error of standardised numbers
# begins near 1 and falls far below it, while a cross-entropy begins at 2.3. So the pose gets the larger weight, learns faster,
# and gets an even larger weight. In the last epoch its weight is 8 times (MNIST) or more than 20 times (bundled digits) that of
# the digit. In the derivation this is right: a small error means little noise. It is only not what we want from the model. A
# method may be scale-free and still ruin a head.
#
# With the loss of the pose times 100, the plain sum leaves about 0.9 of the digit's error. Uncertainty weighting and the sum
# of logarithms stay as they are in the table, and so does GradNorm, to within about 0.01. So for these heads of two kinds
# GradNorm is the one that repairs the factor and keeps the digit. It pays with a worse pose, as the table shows.
#
# Nobody asked which head matters. A loss that can come close to zero gets a large weight, even if you do not need that head. The
# methods answer the question "which unit?", and not the question "which head?".
#
# ## Which one to choose?
#
# - First make the losses comparable by hand: means and no sums, standardised targets. Then try the **plain sum**.
# - If one training is cheap, **sweep** a weight (lesson 7). It is the only method here that looks at your own score.
# - If the scales differ and nobody can know by how much, take the **sum of logarithms** or **uncertainty weighting** for heads of
#   the same kind. For heads of two kinds try **GradNorm**: it compares the lengths of gradients, and so a loss that comes close
#   to zero does not get more and more weight. It has two numbers of its own to choose, its rate and $\alpha$.
# - Set the first weights from the losses before training (`begin_at`). Watch the score of *each* head, and compare with the
#   sum.

# %% [markdown]
# ## Take this with you
#
# A model that learns its weights and begins at the optimum. Losses are objects, under the names of the heads.


# %%
class LearnedWeights(keras.Model):
    """Uncertainty weighting: `LearnedWeights(inputs, outputs)`, `compile`, `begin_at`, `fit`."""

    def __init__(self, inputs, outputs, regression=(), speed=25.0):
        super().__init__(inputs, outputs)
        self.speed = speed
        self.halves = {name: 0.5 if name in regression else 1.0 for name in outputs}
        self.slow = {name: self.add_weight(initializer="zeros", name=name) for name in outputs}

    def begin_at(self, losses):
        """Set each log-variance to the best one for these losses."""
        for name, loss in losses.items():
            self.slow[name].assign(np.log(2 * self.halves[name] * loss) / self.speed)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        total = 0.0
        for name, slow in self.slow.items():
            s = self.speed * slow
            weight = None if sample_weight is None else sample_weight[name]
            loss = self.loss[name](y[name], y_pred[name], weight)
            total += self.halves[name] * keras.ops.exp(-s) * loss + 0.5 * s
        return total


# %% tags=["check"]
model = LearnedWeights(*parts())
model.compile("adam", fixed.loss, run_eagerly=True)
model.begin_at({"left": 2.3, "right": 230.0})
few = {name: labels[:200] for name, labels in targets_train.items()}
logs = model.fit(images_train[:200], few, batch_size=100, verbose=0).history
assert set(logs) == {"loss", "left_loss", "right_loss"} and len(model.trainable_variables) == 10

# %% [markdown]
# In this notebook we
# - derived uncertainty weighting for both kinds of head, and found what it is at its optimum: the sum of the logarithms;
# - moved its variables from a loss, where nothing trains them, into a model, gave them a speed of their own and a good
#   beginning;
# - saw on a toy that the learned sigma is the error on the training data, and not the noise;
# - wrote DWA, which does not see a constant factor, and the slopes of GradNorm without a second differentiation, and saw how
#   much depends on the weights at the beginning;
# - compared all with a tuned weight: three of them repair a wrong unit, and none of them knows which head matters to us.
#
# ## References
#
# - A. Kendall, Y. Gal and R. Cipolla (2018). *Multi-task learning using uncertainty to weigh losses for scene geometry and
#   semantics.* Uncertainty weighting.
# - Z. Chen, V. Badrinarayanan, C.-Y. Lee and A. Rabinovich (2018). *GradNorm: gradient normalization for adaptive loss
#   balancing in deep multitask networks.*
# - S. Liu, E. Johns and A. J. Davison (2019). *End-to-end multi-task learning with attention.* DWA.
#
# Next: the [exercises](../exercises/08_adaptive_weights.ipynb), then [lesson 9](09_gradient_conflict.ipynb).
