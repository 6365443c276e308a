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
# **What you will do.** Give one head a loss that is 100 times too large. Let three methods try to repair that: weights learned
# as uncertainties, weights that follow the speed of the losses (DWA), and weights that follow the gradients (GradNorm). Compare
# them with a tuned weight, and find out what each of them really measures.
#
# **What you will learn**
# - to derive uncertainty weighting for a regression and for a classification, and to say what it is at its optimum;
# - to put variables that a loss needs where Keras trains them, and to log what they do;
# - to say what DWA and GradNorm look at, and to use both in `fit`;
# - to tell when such a method helps, when it does nothing, and when it harms.
#
# **What you will need.** [Lesson 7](07_loss_weights.ipynb). No GPU. About 55 minutes; the longest cell runs for about 5
# seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import keras
import numpy as np

keras.utils.set_random_seed(8)

# %% [markdown]
# ## One loss is 100 times the other
#
# The images are those of [lesson 3](03_three_architectures.ipynb): two digits on one canvas, the *left* one and the *right* one.
# A part of the training digits is kept for validation.


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
# rows. So it is 100 times as large, for no reason that has to do with digits.


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
    entropy = keras.losses.SparseCategoricalCrossentropy
    losses = {"left": entropy(), "right": entropy(reduction="sum")}
    optimizer = keras.optimizers.Adam(0.003)
    model.compile(optimizer=optimizer, loss=losses, steps_per_execution=40, **options)
    return model


# %% [markdown]
# As in [lesson 6](06_missing_labels.ipynb), each model is compiled once and is trained again from stored first weights. A
# model may have variables besides those of its layers, such as learned loss weights. They begin at zero. Fixed loss weights
# are `keras.Variable`s, as in lesson 7.


# %%
first_weights = draw_weights(lambda: keras.Model(*parts()), seeds=range(5))
loss_weights = {name: keras.Variable(1.0, trainable=False) for name in ["left", "right"]}


def start_again(model, seed):
    """Give a model the first weights of a seed, and set everything else in it to zero."""
    restart(model, [np.zeros(variable.shape) for variable in model.weights])
    network = [variable for layer in model.layers for variable in layer.variables]
    for variable, first in zip(network, first_weights[seed], strict=True):
        variable.assign(first)


# %%
def accuracies(model, images=images_test, targets=targets_test):
    """Return the accuracy of the left and of the right head."""
    answers = {name: answer.numpy() for name, answer in model(images).items()}
    return np.array([np.mean(answers[n].argmax(axis=1) == targets[n]) for n in targets])


def train(model, right=1.0, seeds=range(5), callbacks=None, begin=None):
    """Train from each seed for 6 epochs of 40 updates; return the accuracies and the logs of each run.

    `right` is the fixed weight of right, if the model has fixed weights. `begin` is a function that may change the model
    before the first update.
    """
    scores, logs = [], []
    for seed in seeds:
        start_again(model, seed)
        loss_weights["left"].assign(1.0)
        loss_weights["right"].assign(right)
        if begin is not None:
            begin(model)
        training = data.batches(images_train, targets_train, batch_size=100, seed=seed).repeat()
        options = {"epochs": 6, "steps_per_epoch": 40, "callbacks": callbacks, "verbose": 0}
        logs.append(model.fit(training, **options).history)
        scores.append(accuracies(model))
    return np.array(scores), logs


# %% [markdown]
# The first model has fixed weights. With both weights 1 this is the **plain sum** of the losses. **Predict first.** How good
# will *left* be, compared with *right*?


# %%
def as_text(runs):
    """Return mean ± standard deviation of the runs for left and for right, as text."""
    means, stds = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    return "   ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(means, stds, strict=True))


fixed = compiled(keras.Model(*parts()), loss_weights=loss_weights)
plain, _ = train(fixed)
results = {"plain sum": plain}

most_frequent = [np.bincount(labels).argmax() for labels in targets_train.values()]
baseline = [np.mean(t == c) for t, c in zip(targets_test.values(), most_frequent, strict=True)]
print(f"{'':18}left            right")
print(
    f"{'most frequent':18}{baseline[0]:.3f}           {baseline[1]:.3f}\n{'plain sum':18}{as_text(plain)}"
)

# %% tags=["check"]
assert plain[:, 1].min() > 0.7 and plain[:, 0].max() < 0.5

# %% [markdown]
# *Right* is learned, and *left* hardly at all. Whoever knows about the sum repairs it by hand: lesson 7 tries several
# weights and keeps the best one on the validation images. "Best" needs one number: we take the mean of both accuracies. (A
# mean can hide that one head is bad, so we always show both.)

# %%
tried, sweep = {}, {1.0: plain}
for right in [0.1, 0.01, 0.001]:
    sweep[right], _ = train(fixed, right, seeds=[0])
    tried[right] = accuracies(fixed, images_validation, targets_validation).mean()
    print(f"weight of right {right:5}: mean accuracy on validation {tried[right]:.3f}")

tuned = max(tried, key=tried.get)
results["tuned weight"] = sweep[tuned] = train(fixed, tuned)[0]
print(f"test, with {tuned}: {as_text(results['tuned weight'])}")

# %% tags=["check"]
assert tried[0.01] > tried[0.1] and tried[0.01] > tried[0.001]
assert np.min(results["tuned weight"]) > 0.65

# %% [markdown]
# This is what an adaptive method has to reach. The sweep cost three trainings; with three heads it would cost nine.

# %% [markdown]
# ## Weights as uncertainties
#
# Kendall, Gal and Cipolla (2018) let each head say how noisy its task is: sigma is the standard deviation of the noise, and
# its square is the **variance**. A noisier task counts less.
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
# So the loss weight is $\tfrac12 e^{-s}$, and $\tfrac12 s$ is a price for calling a task noisy. Without it $s$ would grow, and
# all weights would go to zero.
#
# **A classification.** Here the logits $z$ are divided by $\sigma^2$ before the softmax. For the true class $c$
#
# $$-\log p = -\frac{z_c}{\sigma^2} + \log \sum_k e^{z_k / \sigma^2}.$$
#
# The authors replace the last sum by $\sigma \left(\sum_k e^{z_k}\right)^{1/\sigma^2}$, which is exact for $\sigma = 1$ only.
# Then $-\log p = (-z_c + \log \sum_k e^{z_k}) / \sigma^2 + \log\sigma$. In the brackets is the usual cross-entropy, so
#
# $$J = e^{-s} L + \tfrac12\, s \qquad\text{with } L \text{ the cross-entropy.}$$
#
# The half in front of $L$ comes from the *normal distribution*: it belongs to the regression only.
#
# **Predict first.** Which $s$ makes $J$ smallest? And can $J$ be negative?

# %%
s, best, formula = np.linspace(-8, 8, 16001), [], []
for loss in [0.02, 0.5, 3.0]:
    for kind, half in [("regression", 0.5), ("classification", 1)]:
        objective = half * np.exp(-s) * loss + 0.5 * s
        best.append(s[objective.argmin()])
        formula.append(np.log(2 * half * loss))
        print(
            f"{kind:15} L = {loss:4}: s = {best[-1]:6.3f}, J = {objective.min():6.3f}", end=""
        )
        print(f", J - log(L) / 2 = {objective.min() - np.log(loss) / 2:.3f}")

# %% tags=["check"]
assert np.allclose(best, formula, atol=1e-3)

# %% [markdown]
# The best value is $s = \log L$ for a regression, and $s = \log 2L$ for a classification. (Set the derivative of $J$ with
# respect to $s$ to zero.) Three things follow.
#
# - **The variance is the loss itself.** For a regression $\sigma^2 = L$, the mean squared error on the *training* data.
# - **The weight is** $1/(2L)$, for both kinds. A loss that falls by half gets twice the weight.
# - **What remains** is $J = \tfrac12 \log L$ plus a constant. So at its optimum uncertainty weighting minimises the **sum of
#   the logarithms** of the losses. A factor of 100 in a loss adds a constant to it, which has no gradient. The unit of a loss
#   does not matter any more: the method is *scale-free*.
#
# $J$ is negative as soon as $L$ is small, and that is normal. (Cutting $s$ off at zero would forbid large weights.)
#
# Why learn the logarithm, and not $\sigma^2$ itself? A step of gradient descent can take $\sigma^2$ below zero. Then the weight is
# negative, and the model would *increase* that loss. $e^s$ is positive for every $s$.

# %% [markdown]
# ## Where do the variables live?
#
# A loss in Keras may be an object. Let us put the log-variance there. **Predict first.** What will its value be after 10
# updates?


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
print("s =", float(small.loss.s), "  trained variables:", len(small.trainable_variables))

# %% tags=["check"]
assert float(small.loss.s) == 0 and len(small.trainable_variables) == 6

# %% [markdown]
# Still zero, and no message. `fit` trains the variables of the *model*: here three kernels and three biases. So the model must
# own the log-variances. A subclass of `keras.Model` makes them with `add_weight`, and overrides
# `compute_loss`, which `fit` and `evaluate` call for each batch. `regression` holds the names of the heads with a mean squared
# error. (`slow` and `speed` are explained below.)


# %%
class UncertaintyWeights(keras.Model):
    """A model that learns a log-variance s = speed * slow for each head."""

    def __init__(self, inputs, outputs, name=None, *, regression=(), speed=25.0, **options):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.regression, self.speed = regression, speed
        self.slow = {name: self.add_weight(initializer="zeros", name=name) for name in outputs}
        self.logged = {name: keras.metrics.Mean(name=f"{name}_weight") for name in outputs}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        total = sum(self.losses)
        for name, slow in self.slow.items():
            s = self.speed * slow
            weight = keras.ops.exp(-s) * (0.5 if name in self.regression else 1.0)
            total += weight * self.loss[name](y[name], y_pred[name]) + 0.5 * s
            self.logged[name].update_state(weight)
        return total


# %% [markdown]
# - The first line of `compute_loss` calls Keras's own, and ignores what it returns. It is there for the logs: without it,
#   `left_loss` and `right_loss` would be zero.
# - `self.losses` is what the regularisers of the layers ask for. Keras's own `compute_loss` adds it, so ours must too. (Here it
#   is empty. Left out, a regulariser would do nothing, and no message would say so.)
# - `self.loss` is the dictionary that `compile` got. Here its losses must be objects, not names.
# - For each head, a metric `Mean` writes the weight into the logs, for training and for validation.
#
# ### Its own learning rate
#
# In one update Adam moves a variable by about the learning rate at most, however large the gradient is. **Predict first.** The
# loss of *right* begins at about 100 times 2.3, so $s$ should be about $\log(2 \cdot 230)$. The learning rate is 0.003. How
# many updates does Adam need, if it moves $s$ itself?

# %%
print(f"s = {np.log(460):.1f}, at least {np.log(460) / 0.003:,.0f} updates")

# %% [markdown]
# Thousands, and we have 240. The log-variances need a learning rate of their own. So the variable that Adam moves is `slow`,
# and $s$ is `speed` times as large. Then one step of Adam moves $s$ by up to `speed` times the learning rate, here 0.075.
# (With plain SGD the factor would be `speed` squared.)


# %%
def draw(logs):
    """Draw the weight of left, divided by that of right, over the epochs."""
    ratios = {
        name: np.log10([np.divide(log["left_weight"], log["right_weight"]) for log in runs])
        for name, runs in logs.items()
    }
    y_label = "log10 of weight of left / weight of right"
    return plots.curves(range(1, 7), ratios, "epoch", y_label, level=("100 times", 2))


uncertain = compiled(UncertaintyWeights(*parts()))
(from_zero,), zero_logs = train(uncertain, seeds=[0])
print("accuracies of left and right:", from_zero)

# %% tags=["check"]
assert from_zero[0] < np.mean(results["tuned weight"], axis=0)[0] - 0.1
assert min(zero_logs[0]["left_weight"] + zero_logs[0]["right_weight"]) > 0

# %% [markdown]
# *Left* is much worse than with the tuned weight. The weights move as they should, but too slowly (the figure below). Two
# reasons fit what we see; we did not test them apart.
#
# - In the first updates the weights are still equal, and the trunk learns for *right* alone. Its loss falls, so its best weight
#   $1/(2L)$ rises. The head that is ahead is helped further.
# - Adam remembers the size of old gradients. When a weight falls far, its gradients become much smaller, and so do Adam's
#   steps, for hundreds of updates.
#
# Both reasons lie in the weights at the beginning. So we **begin at the optimum**: we compute the losses before training, and
# set $s = \log 2L$.


# %%
def losses_before(model):
    """Return the loss of each head on the first hundred images."""
    answers = model(images_train[:100])
    truth = {name: labels[:100] for name, labels in targets_train.items()}
    return {name: float(model.loss[name](truth[name], answers[name])) for name in truth}


def begin_at_optimum(model):
    for name, loss in losses_before(model).items():
        model.slow[name].assign(np.log(2 * loss) / model.speed)


learned, learned_logs = train(uncertain, begin=begin_at_optimum)
results["uncertainty"] = learned
print(f"test: {as_text(learned)}")
for name in ["left_loss", "left_weight", "right_loss", "right_weight"]:
    first, *_, last = learned_logs[0][name]
    print(f"{name:13}{first:8.3f} in the first epoch, {last:8.3f} in the last")
draw({"s begins at 0": zero_logs, "begun at the optimum": learned_logs})

# %% tags=["check"]
assert learned[:, 0].min() > max(from_zero[0], plain[:, 0].max()) + 0.1
assert abs(learned.mean() - np.mean(results["tuned weight"])) < 0.06
last = [log["left_weight"][-1] / log["right_weight"][-1] for log in learned_logs]
assert min(last) > 30 and max(last) < 300

# %% [markdown]
# Now *left* is learned too, without a sweep. The first losses set the weights to a ratio of about 100, and training keeps it
# near there. As the losses fall, both weights rise: not because the heads became more important.
#
# `loss` and `val_loss` fall also because the weights move. Do not stop a training by them: watch the accuracy of a head.
#
# `mos_helpers.balancing.UncertaintyWeights` is this model, with sample weights, losses by name, a method `begin_at`, and
# saving. From the same weights, one update gives the same:

# %% tags=["check"]
from mos_helpers import balancing

helper = compiled(balancing.UncertaintyWeights(*parts()))
before, found = uncertain.get_weights(), []
for model in [uncertain, helper]:
    restart(model, before)
    logs = model.train_on_batch(images_train, targets_train, return_dict=True)
    found.append([*model.get_weights(), [logs[name] for name in sorted(logs)]])
assert all(np.allclose(*pair, rtol=1e-3, atol=1e-5) for pair in zip(*found, strict=True))

# %% [markdown]
# ### The two lines that do the same
#
# If the method minimises the sum of the logarithms, why not do just that? It needs no variables, and is at its optimum in
# every batch.


# %%
class SumOfLogs(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        losses = [self.loss[name](y[name], y_pred[name]) for name in y]
        return sum(self.losses) + sum(keras.ops.log(loss) for loss in losses)


logarithms = compiled(SumOfLogs(*parts()))
results["sum of logarithms"], _ = train(logarithms)
print(f"uncertainty:       {as_text(learned)}")
print(f"sum of logarithms: {as_text(results['sum of logarithms'])}")

# %% tags=["check"]
assert abs(np.mean(results["sum of logarithms"]) - learned.mean()) < 0.04

# %% [markdown]
# The same, within one standard deviation. (A loss that can be 0 needs a small number added to it before the logarithm.)

# %% [markdown]
# ## Does it measure the noise?
#
# In a toy with known noise we can look. There is one number $x$, and two regressions: $y_1 = 2x + 8$ with noise of standard
# deviation 10, and $y_2 = 3x + 3$ with noise of 1. The network has 512 hidden units for 100 rows, far more than two straight
# lines need.
#
# **Predict first.** Will the learned sigmas be about 10 and 1, smaller, or larger?


# %%
def noisy_lines(n, rng):
    x = rng.normal(size=(n, 1))
    y1 = 2 * x + 8 + 10 * rng.normal(size=(n, 1))
    return x, {"y1": y1, "y2": 3 * x + 3 + rng.normal(size=(n, 1))}


number = keras.Input(shape=(1,))
hidden = keras.layers.Dense(512, activation="relu")(number)
heads = {name: keras.layers.Dense(1, name=name)(hidden) for name in ["y1", "y2"]}
toy = UncertaintyWeights(number, heads, regression=["y1", "y2"], speed=5.0)
squared = {name: keras.losses.MeanSquaredError() for name in ["y1", "y2"]}
toy.compile(keras.optimizers.Adam(0.02), loss=squared, steps_per_execution=100)
toy_weights = toy.get_weights()

# %%
print("draw     learned sigma     training error   error on new rows   (root mean square)")
found = []
for draw_number in range(5):
    rng = np.random.default_rng(draw_number)
    x, y = noisy_lines(100, rng)
    restart(toy, toy_weights)
    for name, slow in toy.slow.items():
        slow.assign(np.log(np.mean(y[name] ** 2)) / toy.speed)  # near the optimum
    training = data.batches(x, y, batch_size=100, seed=draw_number).repeat()
    toy.fit(training, steps_per_epoch=400, verbose=0)
    row = [np.exp(toy.speed * float(slow) / 2) for slow in toy.slow.values()]
    for inputs, targets in [(x, y), noisy_lines(10000, rng)]:
        answers = toy(inputs)
        row += [np.sqrt(np.mean((answers[name] - targets[name]) ** 2)) for name in targets]
    found.append(row)
    print(
        f"{draw_number:4}", *[f"  {a:5.2f} and {b:5.2f}  " for a, b in np.reshape(row, (3, 2))]
    )

# %% tags=["check"]
found = np.array(found)
assert np.abs(found[:, :2] / found[:, 2:4] - 1).max() < 0.1
sigmas, _, errors = found.reshape(5, 3, 2).mean(axis=0)
assert sigmas[0] < errors[0] and sigmas[1] < errors[1] and sigmas[0] > 4 * sigmas[1]

# %% [markdown]
# The learned sigma is the error on the **training** rows, to within a few percent: the formula said so. It is below the error on
# new rows, because the network has fitted a part of the noise. So the sigmas have the right order, and they are no measurement
# of the noise. A network that fits its training data perfectly would call every task free of noise, and the weights would grow
# without end.

# %% [markdown]
# ## Weights that follow the speed: DWA
#
# Liu, Johns and Davison (2019) look at how fast each loss falls. The **rate** of a head is its loss in the last epoch divided
# by that of the epoch before. A head with a high rate gets a larger weight: the softmax of the rates divided by a temperature
# of 2, times the number of heads. In the first two epochs all weights are 1. They call it dynamic weight average.
#
# **Predict first.** One loss stays as it is, the other falls by half. Which weights do they get? And what becomes of the factor?


# %%
from mos_helpers.balancing import DynamicWeights, GradNorm, dwa_weights

for right in [[1.0, 1.0], [100.0, 100.0], [100.0, 90.0], [100.0, 1.0]]:
    weights = dwa_weights({"left": [1.0, 0.5], "right": right})
    print(right, {name: f"{weight:.3f}" for name, weight in weights.items()})

# %% [markdown]
# The weights hardly move, and a constant factor cancels in the rate: DWA does not see it. (`dwa_weights` is a few lines; you
# write them in the exercise.) In Keras it is a callback, which sets the `keras.Variable`s of `compile` after each epoch.

# %%
results["DWA"], _ = train(fixed, callbacks=[DynamicWeights(loss_weights)])
print(f"plain sum: {as_text(plain)}\nDWA:       {as_text(results['DWA'])}")

# %% tags=["check"]
assert np.abs(np.mean(results["DWA"], axis=0) - plain.mean(axis=0)).max() < 0.1

# %% [markdown]
# DWA does what the plain sum does. It is not made for losses of different size.

# %% [markdown]
# ## Weights that follow the gradients: GradNorm
#
# Chen, Badrinarayanan, Lee and Rabinovich (2018) look at the trunk. Take the gradient of each *weighted* loss on the last
# shared layer, and its norm $G = w \lVert \nabla L \rVert$. GradNorm changes the weights until each norm reaches its **goal**:
#
# $$\text{goal} = \bar G \cdot r^{\alpha}, \qquad r = \frac{L / L_{\text{first}}}{\text{mean of that over the heads}}.$$
#
# $\bar G$ is the mean of all $G$. With $\alpha = 0$ all norms should be equal. With a larger $\alpha$, a head that is behind
# (more of its first loss is left) gets a larger gradient. The weights go down the slope of $\sum |G - \text{goal}|$, where the
# **goal is held constant**.
#
# That looks as if we had to differentiate a gradient once more. We do not: in $G = w \lVert \nabla L \rVert$ the norm has
# nothing to do with $w$. So the slope of $|G - \text{goal}|$ along $w$ is $\pm \lVert \nabla L \rVert$: plus where $G$ is
# above its goal, minus where it is below. (You write it in the exercise, and a test of this course compares it with
# TensorFlow's gradient.)
#
# `mos_helpers.balancing.GradNorm` does this in every update. It moves the *logarithms* of the weights, so that they stay
# positive, and divides the slope by the mean of all $G$, so that the unit of a loss does not decide how fast they move. (The
# paper does neither.) Then the weights are scaled to their old total. We take $\alpha = 1.5$, as the authors did in one
# experiment.
#
# **Predict first.** All weights begin at 1. Then $G$ of *right* is nearly the whole sum, so about twice the mean. The rate of the
# helper is 0.025, so in one update the logarithm of the weight of *right* falls by 0.05. How many updates does a ratio of 100
# need? And will *left* then be as good as with the tuned weight?

# %%
print(f"about {np.log(100) / 0.05:.0f} updates")
gradnorm = compiled(GradNorm(*parts(), shared="trunk_2", alpha=1.5))
(from_ones,), ones_logs = train(gradnorm, seeds=[0])
begin = {"begin": lambda model: model.begin_at(losses_before(model))}
results["GradNorm"], begun_logs = train(gradnorm, **begin)
print(f"weights of 1, seed 0:     {from_ones[0]:.3f}           {from_ones[1]:.3f}")
print(f"begun at the first losses {as_text(results['GradNorm'])}")
draw({"weights begin at 1": ones_logs, "begun at the first losses": begun_logs})

# %% tags=["check"]
assert from_ones[0] > plain[:, 0].max() + 0.1
ratio = np.divide(ones_logs[0]["left_weight"], ones_logs[0]["right_weight"])
assert ratio[0] < 10 and ratio[-1] > 30
assert np.min(results["GradNorm"]) > 0.6
assert np.mean(results["GradNorm"], axis=0)[0] > from_ones[0]

# %% [markdown]
# With weights of 1 the ratio comes near 100 in the third epoch, as predicted. In our run it then went higher: *left* is
# behind, so $\alpha$ gives it a larger gradient. *Left* is far better than with the plain sum, but not as good as with the
# tuned weight, and in our run *right* was worse than with either. So here too it is better to begin with weights that fit the
# losses before training: `begin_at` sets them in proportion to one over each loss. In
# each update GradNorm needs one more gradient for each head, from the loss back to the last shared layer only.

# %% [markdown]
# ## All of them
#
# **Predict first.** Which methods are as good as the tuned weight, or better?

# %%
print(f"{'':18}left            right")
for name, runs in results.items():
    print(f"{name:18}{as_text(runs)}")

adaptive = ["uncertainty", "sum of logarithms", "DWA", "GradNorm"]
plots.trade_off(
    {f"{right:g}": runs for right, runs in sweep.items()},
    {name: results[name] for name in adaptive},
    x_label="accuracy of left",
    y_label="accuracy of right",
    settings="fixed weight of right",
)

# %% tags=["check"]
means = {name: np.mean(runs) for name, runs in results.items()}
repaired = [means[name] for name in ["uncertainty", "sum of logarithms", "GradNorm"]]
assert min(repaired) > max(means["plain sum"], means["DWA"]) + 0.1
assert max(repaired) < means["tuned weight"] + 0.05

# %% [markdown]
# **Uncertainty weighting and GradNorm, both begun at the first losses, and the sum of logarithms** lie on the dot of the tuned
# weight: they repair the factor 100 without a sweep, as well and not better. **DWA** does not.
#
# What if there is no factor, and so nothing to repair? `python benchmarks/adaptive_weights.py --data digits` (or `mnist`)
# trains each method with ten seeds, a little longer than here, with and without the factor. It reports the *remaining error*,
# the share of the baseline's error that is left (0: perfect, 1: the baseline). The mean of both heads:
#
# | standard deviation below 0.03 | digits | digits, times 100 | MNIST | MNIST, times 100 |
# |---|---|---|---|---|
# | plain sum, DWA | 0.10 | 0.47 to 0.48 | 0.20 | 0.50 |
# | uncertainty weighting, $s$ begins at 0 | 0.10 | 0.46 | 0.20 | 0.46 |
# | GradNorm, weights begin at 1 | 0.10 | 0.20 | 0.20 | 0.26 |
# | tuned weight; GradNorm, begun at the first losses | 0.10 | 0.10 | 0.20 | 0.20 |
# | uncertainty weighting, begun at the optimum; sum of logarithms | 0.10 | 0.10 | 0.20 | 0.20 |
#
# Without the factor all are within about 0.01 of the plain sum, and so is the weight from the sweep. There was almost nothing
# to gain.

# %% [markdown]
# ## Heads of two kinds
#
# The benchmark also trains the digit and the pose of [lesson 5](05_regression.ipynb), a cross-entropy beside a mean squared
# error of standardised numbers. **Predict first.** No loss is multiplied by anything. Which method will be better than the
# plain sum?

# %% [markdown]
# | remaining error, ten seeds; standard deviation below 0.03 | digits: digit | digits: pose | MNIST: digit | MNIST: pose |
# |---|---|---|---|---|
# | plain sum, tuned weight, DWA | 0.36 to 0.37 | 0.15 to 0.16 | 0.43 to 0.44 | 0.30 |
# | GradNorm, begun at the first losses | 0.36 | 0.21 | 0.42 | 0.33 |
# | uncertainty weighting, begun at the optimum; sum of logarithms | 0.76 | 0.09 | 0.62 | 0.24 |
#
# No method is clearly better for both heads, and the last row makes the digit head much worse. The formula suggests why. The
# weight is $1/(2L)$. A squared error of standardised numbers begins near 1 and falls far below it, while a cross-entropy begins
# at 2.3. So the pose gets the larger weight, learns faster, and gets an even larger weight: in the last epoch about 9 times (MNIST)
# or over 20 times (bundled digits) that of the digit. In the derivation this is right: a small error means little noise. It is
# only not what we want.
#
# With the loss of the pose times 100, the plain sum leaves about 0.9 of the digit's error, and the two last rows stay as they
# are, to within about 0.01. So here GradNorm is the one that repairs the factor and keeps the digit. It pays with a worse pose.
#
# The methods answer the question "which unit?", and not the question "which head matters?".
#
# ## Which one to choose?
#
# - Make the losses comparable by hand: means and no sums, standardised targets. Then try the **plain sum**.
# - If one training is cheap, **sweep** a weight (lesson 7). It is the only method here that looks at your own score.
# - If nobody can know the scales, take the **sum of logarithms** or **uncertainty weighting** for heads of the same kind, and
#   try **GradNorm** for heads of two kinds.
# - Set the first weights from the losses before training (`begin_at`). Watch the score of *each* head, and compare with the
#   sum.

# %% [markdown]
# ## Take this with you
#
# A model that learns its weights and begins at the optimum, in one cell that needs nothing else of this course. Losses may be
# names or objects, under the names of the heads. It is saved and loaded as any model. `evaluate` gives the losses before
# training, for `begin_at`.

# %%
import keras


@keras.saving.register_keras_serializable("learned_weights")
class LearnedWeights(keras.Model):
    """Uncertainty weighting: `LearnedWeights(inputs, outputs)`, `compile`, `begin_at`, `fit`."""

    def __init__(self, inputs, outputs, name=None, *, regression=(), speed=25.0, **options):
        if not isinstance(outputs, dict):
            raise TypeError(
                f"outputs: {type(outputs).__name__} given, a dictionary of heads wanted"
            )
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.regression, self.speed = list(regression), speed
        self.slow = {name: self.add_weight(initializer="zeros", name=name) for name in outputs}
        self.check_keys("regression", self.slow | dict.fromkeys(regression))

    def get_config(self):
        return super().get_config() | {"regression": self.regression, "speed": self.speed}

    def begin_at(self, losses):
        """Set each log-variance to the best one for these losses, such as those before training."""
        self.check_keys("losses", losses)
        if not min(losses.values()) > 0:
            raise ValueError(f"losses: {losses} given, numbers above 0 wanted")
        for name, loss in losses.items():
            best = keras.ops.log(loss * (1.0 if name in self.regression else 2.0))
            self.slow[name].assign(best / self.speed)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.check_keys("loss", self.loss)
        self.check_keys("targets", y)
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        total = sum(self.losses)  # what the layers' regularisers ask for
        for name, slow in self.slow.items():
            rows = sample_weight[name] if isinstance(sample_weight, dict) else sample_weight
            one = y_pred[name].shape[1:] == (1,)
            target = keras.ops.reshape(y[name], (-1, 1)) if one else y[name]
            loss, s = keras.losses.get(self.loss[name]), self.speed * slow
            if isinstance(loss, keras.losses.Loss):
                loss = loss(target, y_pred[name], rows)
            else:
                loss = keras.ops.mean(
                    loss(target, y_pred[name]) * (1.0 if rows is None else rows)
                )
            total += (0.5 if name in self.regression else 1.0) * keras.ops.exp(
                -s
            ) * loss + 0.5 * s
        return total

    def check_keys(self, argument, given):
        if not isinstance(given, dict) or set(given) != set(self.slow):
            found = list(given) if isinstance(given, dict) else type(given).__name__
            raise ValueError(
                f"{argument}: {found} given, a dictionary of {list(self.slow)} wanted"
            )


# %% [markdown]
# In this notebook we
# - derived uncertainty weighting for both kinds of head, and found what it is at its optimum: the sum of the logarithms;
# - moved its variables from a loss, where nothing trains them, into a model, gave them a speed of their own and a good
#   beginning;
# - saw that the learned sigma is the error on the training data, and not the noise;
# - saw that DWA does not see a constant factor, found the slopes of GradNorm without a second differentiation, and saw how much
#   depends on the weights at the beginning;
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
