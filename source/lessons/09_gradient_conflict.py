# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 9. Do heads work against each other, and what does it cost to prevent it?
#
# **What you will do.** Measure whether the gradients of two heads point in opposite directions on the trunk. See a small
# problem on which that slows the training down, and two methods that were made for it. Then measure what these methods cost,
# and whether they help on digits.
#
# **What you will learn**
# - to measure the cosine similarity of two heads' gradients, and to know what unrelated heads look like;
# - to write PCGrad, to say what MGDA does, and to train any model with them in `fit`;
# - to predict what they cost, and to test whether they are worth it.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb), which made the images, and
# [lesson 7](07_loss_weights.ipynb) on loss weights. No GPU. About 60 minutes; the longest cell runs for about 10 seconds.
# Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.balancing import MGDA, PCGrad, mgda_weights, pcgrad_weights, valleys
from mos_helpers.training import restart

import time

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(9)

# %% [markdown]
# ## What a conflict is
#
# Each head has a loss, and each loss has a gradient on the parameters of the trunk: uphill. `fit` adds the gradients, and the
# optimizer takes a small step downhill. A step down one head's gradient makes that head's loss smaller. What does it do to the
# other head?
#
# That depends on the angle between the gradients. Its cosine is called their **cosine similarity**: 1 when they have the same
# direction, 0 at a right angle, and -1 when they are opposite. A negative cosine is called a **conflict**: a small step down
# one gradient makes the loss of the other head larger.


# %%
def cosine_similarity(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


first = np.array([1.0, 0.0])
for second in [np.array([2.0, 0.0]), np.array([0.0, 3.0]), np.array([-1.0, 1.0])]:
    print(f"{second}  cosine {cosine_similarity(first, second):5.2f}")

# %% [markdown]
# Their norms do not count. Now real heads, in two pairs:
# - *left* and *right*: two digits on one canvas, each drawn at random (lesson 3): the heads are **unrelated**.
# - *digit* and *odd*: two questions about one digit ([lesson 1](01_two_heads.ipynb)): the first answer gives the second.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def canvases(x, y, n, seed):
    canvas, targets = data.two_digits(x, y, n, seed=seed)
    return prepare(canvas), targets


digits = data.load_digits()
images_train, targets_train = canvases(digits.x_train, digits.y_train, 8000, seed=1)
images_test, targets_test = canvases(digits.x_test, digits.y_test, 2000, seed=2)

single_images = prepare(digits.x_train[:8000])
single_targets = {"digit": digits.y_train[:8000], "odd": digits.y_train[:8000] % 2}

# %% [markdown]
# The model is that of lesson 3: a trunk with 96 and 48 units, and a head for each question. `kind` will later be another class
# of model. (With `steps_per_execution=25`, `fit` makes 25 updates at a time, and calls callbacks only then.)


# %%
def build(inputs, heads, kind=keras.Model):
    """Return a compiled model with a head for each entry, and so many units in it."""
    image = keras.Input((inputs,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    outputs, losses = {}, {}
    for name, units in heads.items():
        activation = "softmax" if units > 1 else "sigmoid"
        outputs[name] = keras.layers.Dense(units, activation, name=name)(trunk)
        losses[name] = "sparse_categorical_crossentropy" if units > 1 else "binary_crossentropy"
    model = kind(image, outputs)
    model.compile(optimizer="adam", loss=losses, steps_per_execution=25)
    return model


# %% [markdown]
# All first weights are drawn now, five for each pair, so that every method starts from the same ones.

# %%
SEEDS = range(5)
pairs = {
    "left and right": (build(289, {"left": 10, "right": 10}), images_train, targets_train),
    "digit and odd": (build(196, {"digit": 10, "odd": 1}), single_images, single_targets),
}
first_weights = {name: [] for name in pairs}
for seed in SEEDS:
    keras.utils.set_random_seed(seed)
    for name, (model, *_) in pairs.items():
        first_weights[name].append(keras.models.clone_model(model).get_weights())

# %% [markdown]
# A *persistent* tape can be asked more than once. So one pass forwards serves all heads: the same batch, and the same dropout
# mask if there is dropout. That matters: with another batch for each head, we would compare batches and not heads.


# %%
def losses_of(targets, answers):
    """Return the mean loss of each head."""
    return {
        name: keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(targets[name], answer)
            if answer.shape[1] > 1
            else keras.losses.binary_crossentropy(targets[name][:, None], answer)
        )
        for name, answer in answers.items()
    }


def as_row(parts):
    """Return the gradients of several variables as one long row."""
    return tf.concat([tf.reshape(part, [-1]) for part in parts], 0)


# %%
@tf.function
def trunk_gradients(model, images, targets):
    """Return the gradient of each head's loss on the trunk, one row for each head."""
    trunk = [variable for variable in model.trainable_variables if "trunk" in variable.path]
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_of(targets, model(images, training=True))
    return tf.stack([as_row(tape.gradient(loss, trunk)) for loss in losses.values()])


def cosines(model, images, targets, seed):
    """Return the cosine similarity on each of ten batches."""
    groups = np.random.default_rng(seed).choice(len(images), size=(10, 128))
    rows = [
        trunk_gradients(model, images[group], {name: targets[name][group] for name in targets})
        for group in groups
    ]
    return [cosine_similarity(first, second) for first, second in np.array(rows)]


# %% [markdown]
# `train` makes 300 updates with one pair, from given first weights. `watched` measures the cosines meanwhile.


# %%
TIMES = [0, 25, 100, 200, 300]


def train(pair, model, seed, updates=300, callbacks=None):
    restart(model, first_weights[pair][seed])
    _, images, targets = pairs[pair]
    batches = data.batches(images, targets, seed=1000 * seed).repeat()
    model.fit(batches, steps_per_epoch=updates, callbacks=callbacks, verbose=0)


# %%
def watched(pair, seed):
    """Train, and return the cosines at TIMES, shape (times, 10)."""
    model, images, targets = pairs[pair]
    found = []

    def look(last_update, logs=None):
        if last_update + 1 in TIMES:
            found.append(cosines(model, images, targets, seed=100 + seed))

    calls = {"on_train_begin": lambda logs: look(-1), "on_train_batch_end": look}
    train(pair, model, seed, callbacks=[keras.callbacks.LambdaCallback(**calls)])
    return found


measured = {pair: np.array([watched(pair, seed) for seed in SEEDS]) for pair in pairs}

# %% [markdown]
# **Predict first.** In which share of the batches are *left* and *right* in conflict at the end: in less than a tenth, in a
# quarter to a half, or in more than three quarters? And *digit* and *odd*?

# %%
for name, found in measured.items():
    end = found[:, -1]
    print(
        f"{name}: mean cosine {end.mean():.2f}, in conflict {np.mean(end < 0):.0%} of batches"
    )

# %% [markdown]
# How do the cosines change in the training, and is the difference between the pairs larger than the standard deviation over
# the seeds? The bands show it.

# %%
plots.curves(
    TIMES,
    {name: found.mean(axis=2) for name, found in measured.items()},
    x_label="updates",
    y_label="cosine similarity of the gradients",
    level=("right angle", 0),
)

# %% tags=["check"]
apart, together = measured.values()
assert np.abs(apart[:, -1].mean()) < 0.15
assert np.mean(apart[:, -1] < 0) > 0.1 and np.mean(apart[:, -1] < 0) < 0.7
assert together[:, -1].mean() > 0.1 and np.mean(together[:, -1] < 0) < 0.25
assert together[:, -1].mean() > apart[:, -1].mean() + 0.1

# %% [markdown]
# - *Left* and *right* end near a right angle, and a large share of their batches is in conflict. **This is what two unrelated
#   heads look like**: the mean cosine is about 0, so the cosine of a single batch can have either sign. A negative one is not a
#   sign that the heads harm each other.
# - In our run their mean cosine falls below 0 at first. It comes back with the plain sum and no other help.
# - *Digit* and *odd* are in conflict in a small part of the batches at the end, and their mean cosine is clearly above 0. At the
#   start the pairs look alike: only the training shows which heads are related.
#
# So the share of batches in conflict says little by itself. Look at the mean cosine, compare it with that of heads which you
# know to be unrelated, and then measure whether the heads lose anything by it (the last part of this lesson).
#
# ## A problem on which the sum is slow
#
# When can a conflict hurt? Liu and others (2021) built a problem for that: a "network" of two parameters, x and y, with two
# losses. It was made to be hard: **it shows what can happen, not what usually happens**.
#
# `mos_helpers.balancing.valleys` holds it. `valley_paths` goes down with Adam from three starts. In each update a function
# gets the gradients' scalar products, their **Gram matrix**, and returns their **weights** in the sum. For the plain sum both
# are 1.
#
# In the figure, orange lines are the paths, and along a grey line the sum of the losses stays the same (where it is dashed, the
# sum is below zero).


# %%
def draw(paths):
    front = ("Pareto front", *valleys.FRONT)
    return plots.landscape(
        lambda points: sum(valleys.valley_losses(points)).numpy(), paths, front
    )


def weights_of_sum(gram):
    return tf.ones(2)


slow = valleys.valley_paths(weights_of_sum, rate=0.001, updates=100_000)
draw({"sum, rate 0.001": slow})

# %% [markdown]
# Above y = 0, each loss has a narrow, deep valley. Below, there are two wide bowls, with their lowest places at x = 7 and x = -7.
# On the thick line between these two places no step helps both losses any more: what makes one smaller makes the other larger.
# The set of the best such places is called a **Pareto front**. The sum of the losses is lowest in its middle, at x = 0.
#
# One path gets there. The two others are still high above it after 100,000 updates, in a valley of one loss. Across the valley
# the gradient of that loss is large, and on either side it points away from the middle. So the path jumps from side to side,
# and Adam divides by the size of these steps. Along the valley the gradient is small, and little progress is left. (The paths
# are slow and not stuck: after a million updates they are on the front.)
#
# **Predict first.** What happens with a larger learning rate? Thirty times larger, and ten times fewer updates.

# %%
fast = valleys.valley_paths(weights_of_sum, rate=0.03, updates=10_000)
for name, path in {"rate 0.001": slow, "rate 0.03": fast}.items():
    print(f"{name:10}  ends at", ", ".join(f"({x:.1f}, {y:.1f})" for x, y in path[-1]))

# %% tags=["check"]
assert slow[-1][[0, 2], 1].min() > 1
assert np.abs(fast[-1] - [0, -8.4]).max() < 0.3

# %% [markdown]
# All three paths reach the best place for the sum. So even on a problem that was built to be hard for the sum, another
# learning rate is enough. Remember this when a method is compared with a sum: was the sum tuned as well?
#
# ## PCGrad: take out the conflict
#
# Yu and others (2020) change the gradients before they are added. If the gradient of one head has a negative scalar product
# with that of another, the part along the other is taken out. What remains is at a right angle to the other. Each head's
# gradient meets all other heads in a random order, and always their *original* gradients. At the end, the results are added.


# %%
def pcgrad(gradients, orders):
    """Return the sum of the projected gradients; `orders` says in which order each head meets the others."""
    total = np.zeros_like(gradients[0])
    for own, order in zip(gradients, orders, strict=True):
        for other in gradients[order]:
            overlap = own @ other
            if overlap < 0:
                own = own - overlap / (other @ other) * other
        total += own
    return total


# %%
two = np.array([[3.0, 0.0], [-1.0, 1.0]])
for name, step in [("sum", two.sum(axis=0)), ("PCGrad", pcgrad(two, [[1], [0]]))]:
    print(f"{name:7} {step}   scalar product with each gradient: {two @ step}")

# %% tags=["check"]
assert (two @ pcgrad(two, [[1], [0]])).min() > 0 and (two @ two.sum(axis=0)).min() < 0

# %% [markdown]
# The sum is in conflict with the second gradient: a small step down the sum makes the first loss smaller and the second larger.
# A step down PCGrad's result makes both smaller. **With two heads, PCGrad is in conflict with neither.** For each head, one of
# the two remainders is at a right angle to its gradient. The other is what remained of this gradient itself, and its scalar product
# with it is not negative. (Of two gradients that are exactly opposite, nothing remains.) Without a conflict, nothing is taken
# out, and PCGrad is the sum.
#
# **Predict first.** With three heads, is the result still in conflict with none of them? And does the order matter?

# %%
three = np.array([[-2.0, -1.0], [1.0, 0.0], [1.0, 2.0]])
steps = [
    pcgrad(three, orders) for orders in [[[1, 2], [0, 2], [0, 1]], [[2, 1], [2, 0], [1, 0]]]
]
for step in steps:
    print(f"{step.round(2)}   scalar product with each gradient: {(three @ step).round(2)}")

# %% tags=["check"]
assert [int((three @ step < -0.01).sum()) for step in steps] == [1, 2]

# %% [markdown]
# Both results are in conflict with a head: there is a negative number in each row. What is taken out for one head can be put
# back by the next. And the order matters: in the second row two heads lose, and not one. So it must be random.
#
# ## MGDA: the smallest norm
#
# Désidéri (2012) asks for more: a step that makes *all* losses smaller. Among all mixtures of the gradients (weights from 0 to
# 1 with a total of 1), take that of **smallest norm**. It has a scalar product with each gradient that is positive or 0, with
# any number of heads. If it is zero, no small step helps all heads at once. That is so everywhere on a Pareto front, and it
# may be so elsewhere, at the bottom of a valley for instance. Sener and Koltun (2018) brought it to networks.
#
# With two heads we can try many weights. There is also a formula, and for more heads a search in small steps: `mgda_weights`
# in `mos_helpers.balancing` has both. (You find the formula in the exercise.) It needs the Gram matrix only.

# %%
for rows in [two, np.array([[10.0, 0.0], [0.0, 1.0]])]:
    tries = np.linspace(0, 1, 1001)[:, None]
    mixtures = tries * rows[0] + (1 - tries) * rows[1]
    tried = tries[np.linalg.norm(mixtures, axis=1).argmin(), 0]
    weights = mgda_weights(tf.constant(rows @ rows.T)).numpy()
    print(
        f"weight by trial {tried:.3f}, by the formula {weights[0]:.3f}; mixture {weights @ rows}"
    )

# %% tags=["check"]
assert abs(tried - weights[0]) < 0.002 and abs(weights[0] - 1 / 101) < 1e-6

# %% [markdown]
# The second line shows a property that is easy to forget: the gradient of norm 10 gets a weight of about 0.01, and the one of
# norm 1 gets 0.99. **MGDA follows the head with the small gradient.** So a larger loss weight (lesson 7), which makes a
# gradient larger, gives it a smaller weight here.
#
# ## Both on the small problem
#
# PCGrad, too, is a weighted sum of the gradients. With two heads both weights are at least 1.
#
# **Predict first.** Do the two methods reach the front with the small learning rate, with which the sum was slow? And do
# they stop in the middle of it, where the sum is lowest?


# %%
def weights_of_pcgrad(gram):
    return pcgrad_weights(gram, order=tf.constant([[0, 1], [0, 1]]))


paths = {"sum, rate 0.03": fast}
for name, weights in {"PCGrad": weights_of_pcgrad, "MGDA": mgda_weights}.items():
    paths[f"{name}, rate 0.001"] = valleys.valley_paths(weights, rate=0.001, updates=100_000)
draw(paths)

# %% tags=["check"]
ends = np.array([path[-1] for path in paths.values()])
assert np.abs(ends[:, :, 1] + 8.4).max() < 0.3
assert np.ptp(ends[1:, :, 0], axis=1).min() > 2

# %% [markdown]
# Yes, from all three starts. And no: they stop at places on the front that depend on the start. On the front no small step
# helps both losses, so both nearly stop where they reach it. The sum has
# one best place, and loss weights move it (lesson 7).
#
# ## In `fit`
#
# Now for networks. `fit` calls the method `train_step` of a model for each batch. A model of our own can override it. The
# heads' own parameters get plain gradients, since no other head uses them. Only on the trunk are gradients combined. What
# regularisers ask for (`self.losses`, here nothing) is added as it is.
#
# `combine` gets the trunk's gradients, one row for each head, and returns one row. Here it is the plain sum. `as_parts` cuts
# this row up again, into one part for each variable.


# %%
def as_parts(row, variables):
    """Cut one long row into a part for each variable, in its shape."""
    parts = tf.split(row, [tf.size(variable) for variable in variables])
    return [tf.reshape(part, v.shape) for part, v in zip(parts, variables, strict=True)]


# %%
class Combined(keras.Model):
    """Take each head's gradient on its own, and combine them on the trunk."""

    def combine(self, rows):
        return tf.reduce_sum(rows, axis=0)

    def train_step(self, batch):
        images, targets, _ = keras.utils.unpack_x_y_sample_weight(batch)
        trunk = [v for v in self.trainable_variables if "trunk" in v.path]
        heads = [v for v in self.trainable_variables if "trunk" not in v.path]
        with tf.GradientTape(persistent=True) as tape:
            answers = self(images, training=True)
            losses = losses_of(targets, answers)
            total = self.compute_loss(images, targets, answers)
            penalty = tf.reduce_sum(self.losses)
        self.metrics[0].update_state(total, sample_weight=tf.shape(images)[0])

        rows = [as_row(tape.gradient(loss, trunk)) for loss in losses.values()]
        extra = [tape.gradient(penalty, variable) for variable in trunk]
        combined = as_parts(self.combine(tf.stack(rows)), trunk)
        pairs = zip(combined, extra, strict=True)
        updates = [part if more is None else part + more for part, more in pairs]
        self.optimizer.apply(updates + tape.gradient(total, heads), trunk + heads)
        return self.compute_metrics(images, targets, answers)


# %% [markdown]
# PCGrad overrides `combine` only. Multiplied out, its weights for two heads are these. (`divide_no_nan` gives 0 where a
# gradient is zero.)


# %%
class OwnPCGrad(Combined):
    def combine(self, rows):
        first, second = rows[0], rows[1]
        overlap = tf.minimum(tf.tensordot(first, second, 1), 0)
        of_first = 1 - tf.math.divide_no_nan(overlap, tf.tensordot(first, first, 1))
        of_second = 1 - tf.math.divide_no_nan(overlap, tf.tensordot(second, second, 1))
        return of_first * first + of_second * second


# %% [markdown]
# `compute_loss` gives the total, and also writes down the loss of each head for the logs. `self.metrics[0]` is Keras's record
# of the total. Its line is there for the logs only: without `update_state`, the training works, and the logs say `loss: 0.0`.
#
# Is it right? From the same weights and on the same batch, the plain sum must do what Keras does, and our PCGrad what the helper
# does. These are the losses in the third update.

# %%
batch = images_train[:128], {name: values[:128] for name, values in targets_train.items()}
kinds = {"Keras": keras.Model, "our sum": Combined, "our PCGrad": OwnPCGrad, "helper": PCGrad}
weights_after, logs = {}, {}
for name, kind in kinds.items():
    model = build(289, {"left": 10, "right": 10}, kind)
    model.set_weights(first_weights["left and right"][0])
    model.compile(keras.optimizers.SGD(0.1), model.loss, run_eagerly=True)
    for _ in range(3):
        logs[name] = model.train_on_batch(*batch, return_dict=True)
    weights_after[name] = model.get_weights()[0]
    print(f"{name:11}", {key: f"{value:.4f}" for key, value in logs[name].items()})

# %% tags=["check"]
assert np.allclose(weights_after["Keras"], weights_after["our sum"], atol=1e-4)
assert np.allclose(weights_after["our PCGrad"], weights_after["helper"], atol=1e-4)
assert np.allclose(OwnPCGrad.combine(None, tf.constant(two)), pcgrad(two, [[1], [0]]))
assert np.isclose(logs["Keras"]["loss"], logs["our sum"]["loss"], rtol=1e-3)

# %% [markdown]
# The first two rows are equal, and so are the last two. PCGrad differs from the sum by little here: before the training, the
# cosines are small.
#
# `mos_helpers.balancing` holds the same, without the limits of ours: `PCGrad` and `MGDA` take any number of heads, any
# losses, loss weights and sample weights, and find the trunk by themselves (the variables with a gradient from
# more than one head). They work with validation, `steps_per_execution` and `jit_compile`, and they save and load.
#
# ## What does it cost?
#
# A simple rule to begin with: a way back through the network takes about twice the time of a way forwards. So an update of
# the sum costs 1 + 2 = 3 parts. With a way back for each of T heads, it is 1 + 2T parts, if nearly all of the time goes into
# the trunk.
#
# **Predict first.** How many times longer is that for 2 heads, and for 10?

# %%
for heads in [2, 3, 5, 10]:
    print(f"{heads:2} heads: {(1 + 2 * heads) / 3:.2f} times")

# %% [markdown]
# Now we measure. The sum and both methods train from the same first weights, on the same batches and with the same learning
# rate. They take turns, and a first, short training compiles each model.
#
# **Predict first.** Will the measured ratio for our two heads be below or above the 1.67 of the rule?


# %%
def accuracies(model):
    """Return how often left, right and both are right on the test images."""
    answers = model.predict_on_batch(images_test)
    right = [answers[name].argmax(axis=1) == targets_test[name] for name in ["left", "right"]]
    return [*np.mean(right, axis=1), np.mean(right[0] & right[1])]


heads = {"left": 10, "right": 10}
models = {"sum": pairs["left and right"][0]}
models |= {"PCGrad": build(289, heads, PCGrad), "MGDA": build(289, heads, MGDA)}
for model in models.values():
    train("left and right", model, seed=0, updates=25)

# %%
seconds, results = {name: [] for name in models}, {name: [] for name in models}
for seed in SEEDS:
    for name, model in models.items():
        start = time.perf_counter()
        train("left and right", model, seed)
        seconds[name].append(time.perf_counter() - start)
        results[name].append(accuracies(model))

for name, values in seconds.items():
    print(f"{name:7} {np.median(np.divide(values, seconds['sum'])):.2f} times the sum")

# %% [markdown]
# Your numbers will differ: they depend on the machine, and on what else it does at the time. On a quiet machine, both methods
# take longer than the sum, but stay **below** the rule. So does a larger network with convolutions:
# `python benchmarks/gradient_steps.py` gave these ratios to the plain sum (processor time, no GPU, median of 7 rounds).
#
# | heads | rule | PCGrad | MGDA |
# |---|---|---|---|
# | 2 | 1.67 | 1.52 | 1.51 |
# | 3 | 2.33 | 2.08 | 2.13 |
# | 5 | 3.67 | 3.25 | 3.21 |
# | 10 | 7.00 | 5.67 | 5.72 |
#
# So the rule shows the direction, but it is too high: from 2 to 10 heads, the ratio grew by about 0.5 with each further head,
# and not by the rule's 2/3. The first layer needs no gradient of its input, since nothing lies before it. And some work is done
# once, however many heads there are: the call, the optimizer, the logs, and the heads' own layers.
#
# **There are cheaper ways.** In the same benchmark they took less than 1.2 times the plain sum, with up to 10 heads.
# - GradNorm ([lesson 8](08_adaptive_weights.ipynb)) needs the heads' gradients in one layer only.
# - *MGDA at the features*: take each head's gradient not on the trunk's parameters but on the **features**, the output of the
#   trunk. For that, one goes back through the heads only. Mix these gradients, and go back through the trunk once, with the
#   mixture. Sener and Koltun (2018) call it MGDA-UB. It is not the same as MGDA: it works with the angles at the features, and
#   those on the parameters can differ.
#
# All this is the cost of training only. The trained model is a usual one, with the same layers.
#
# ## Does it help?
#
# Last, the question that counts. All three designs had the same first weights, the same batches and the same learning rate.
# The last row always gives the most frequent digits.
#
# **Predict first.** Many batches are in conflict. Which of the three will get most images right?

# %%
print(f"{'':10}{'left':>15}{'right':>15}{'both':>15}")
for name, runs in results.items():
    means, stds = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    row = [f"{mean:.1%} ± {std:.1%}" for mean, std in zip(means, stds, strict=True)]
    print(f"{name:10}" + "".join(f"{cell:>15}" for cell in row))
most_frequent = {name: np.bincount(targets_train[name]).argmax() for name in ["left", "right"]}
baseline = [np.mean(targets_test[name] == digit) for name, digit in most_frequent.items()]
print(f"{'baseline':10}{baseline[0]:>15.1%}{baseline[1]:>15.1%}")

# %%
plots.comparison(
    {name: 100 * np.array(runs)[:, 2] for name, runs in results.items()},
    "test images with both digits right, in %",
)

# %% tags=["check"]
both = {name: np.mean(runs, axis=0)[2] for name, runs in results.items()}
assert max(both.values()) - min(both.values()) < 0.08
assert min(both.values()) > 0.5

# %% [markdown]
# The differences between the three are not larger than the standard deviation over the seeds, although many of the batches
# were in conflict. To take these conflicts out costs time and brings nothing here.
#
# Is that fair? Each design might need its own learning rate, and more seeds might show a small difference.
# `python benchmarks/gradient_conflict.py --data mnist` (or `digits`) chooses one of eight learning rates for each design on
# validation images, and then trains with ten other seeds, 400 updates each. It adds separate networks of about the same total
# size. Images with both answers right, mean ± standard deviation:
#
# | | *left*, *right*: bundled | *left*, *right*: MNIST | *digit*, *odd*: bundled | *digit*, *odd*: MNIST |
# |---|---|---|---|---|
# | sum | 84.8% ± 1.1% | 71.1% ± 0.8% | 95.7% ± 0.7% | 93.7% ± 0.9% |
# | PCGrad | 84.8% ± 0.9% | 71.3% ± 0.7% | 96.3% ± 0.5% | 93.6% ± 0.7% |
# | MGDA | 84.4% ± 1.0% | 71.5% ± 0.8% | 96.0% ± 0.5% | 92.8% ± 0.5% |
# | separate networks | 86.6% ± 0.9% | 75.5% ± 0.9% | 95.0% ± 0.6% | 92.7% ± 0.5% |
#
# - PCGrad and MGDA are within a point (0.01 of the images) of the sum in all four columns. MGDA is furthest behind on *digit*
#   and *odd* of MNIST, and the benchmark's full table shows where: in *digit*, and hardly in *odd*.
# - Separate networks are ahead on *left* and *right*: by about two points on the bundled digits, and by about four on MNIST. So
#   these two heads can lose something by sharing. But to remove the conflicts does not bring it back.
# - On *digit* and *odd*, with a cosine above 0, separate networks are about a point behind the sum.
#
# Published results point the same way. Kurin and others (2022) compared such methods with the plain sum, with the usual
# regularisation: the sum was as good or better. Xin and others (2022) found nothing beyond what a weighted sum, well tuned,
# reaches. On the other side, Hu and others (2023) prove for linear networks that are too small for all tasks that some places
# on the Pareto front cannot be reached with fixed weights. So: first tune the sum and its weights (lesson 7), and try these
# methods after that, with the same effort for both.
#
# ## Take this with you
#
# Before you use a method against conflicts, measure whether there is one. This cell needs only a model with a dictionary of
# outputs, a loss for each head (by name or as an object), and some batches. It compares each pair of heads, on the variables
# that both use.

# %%
import itertools

import keras
import numpy as np
import tensorflow as tf


def mean_loss(loss, target, answer, weight):
    """Return the mean of a loss, given by its name or as an object."""
    loss = keras.losses.get(loss)
    target = tf.reshape(target, (-1, 1)) if answer.shape[1:] == (1,) else target
    if isinstance(loss, keras.losses.Loss):
        return loss(target, answer, weight)
    return tf.reduce_mean(loss(target, answer) * (1.0 if weight is None else weight))


def check_heads(what, given, heads):
    if not isinstance(given, dict) or not set(heads) <= set(given):
        found = list(given) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"{what}: {found} given, a dictionary with {list(heads)} wanted")


def conflict(model, losses, batches):
    """Return for each pair of heads the cosine similarity of their gradients, one number for each batch.

    A batch is (inputs, targets) or (inputs, targets, sample weights).
    """
    if not isinstance(losses, dict) or len(losses) < 2:
        raise ValueError(f"losses: {losses} given, a dictionary with two heads or more wanted")
    found = {pair: [] for pair in itertools.combinations(losses, 2)}
    state = [variable.numpy() for variable in model.non_trainable_variables]
    for inputs, targets, *rest in batches:
        check_heads("targets", targets, losses)
        weights = (
            rest[0] if rest and isinstance(rest[0], dict) else dict.fromkeys(losses, *rest)
        )
        with tf.GradientTape(persistent=True) as tape:
            answers = model(inputs, training=True)
            check_heads("outputs of the model", answers, losses)
            given = {name: (targets[name], answers[name], weights.get(name)) for name in losses}
            values = {name: mean_loss(losses[name], *given[name]) for name in losses}
        slopes = {n: tape.gradient(values[n], model.trainable_variables) for n in losses}
        for first, second in found:
            both = zip(slopes[first], slopes[second], strict=True)
            both = [pair for pair in both if pair[0] is not None and pair[1] is not None]
            if not both:
                raise ValueError(f"model: {first} and {second} use no variable together")
            sides = zip(*both, strict=True)
            rows = [tf.concat([tf.reshape(part, [-1]) for part in side], 0) for side in sides]
            unit = [tf.math.divide_no_nan(row, tf.norm(row)) for row in rows]
            found[first, second].append(float(tf.tensordot(*unit, 1)))
    for variable, value in zip(model.non_trainable_variables, state, strict=True):
        variable.assign(value)  # such as the means of BatchNormalization
    return {pair: np.array(cosines) for pair, cosines in found.items()}


# %% [markdown]
# Here it runs on a model that knows nothing yet.

# %%
model = build(289, {"left": 10, "right": 10})
some = data.batches(images_train, targets_train, seed=1).take(10)
for pair, values in conflict(model, model.loss, some).items():
    print(pair, f"mean cosine {values.mean():.2f}, in conflict {np.mean(values < 0):.0%}")

# %% [markdown]
# In this notebook we
# - measured the cosine similarity of two heads' gradients: near 0 for unrelated heads, and above 0 for related ones;
# - saw the sum be slow on a problem made for that, and reach the front with a larger learning rate;
# - wrote PCGrad, saw what MGDA does, and put a method of our own into `fit` with logs that are right;
# - predicted and measured what they cost (less than the rule, but more with each head), and tested whether they help.
#
# ## References
#
# - T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman and C. Finn (2020). *Gradient surgery for multi-task learning.* PCGrad.
# - J.-A. Désidéri (2012). *Multiple-gradient descent algorithm (MGDA) for multiobjective optimization.*
# - O. Sener and V. Koltun (2018). *Multi-task learning as multi-objective optimization.* MGDA for networks, and at the
#   features.
# - B. Liu, X. Liu, X. Jin, P. Stone and Q. Liu (2021). *Conflict-averse gradient descent for multi-task learning.* The toy
#   problem.
# - V. Kurin, A. De Palma, I. Kostrikov, S. Whiteson and M. P. Kumar (2022). *In defense of the unitary scalarization for deep
#   multi-task learning.*
# - D. Xin, B. Ghorbani, J. Gilmer, A. Garg and O. Firat (2022). *Do current multi-task optimization methods in deep learning
#   even help?*
# - Y. Hu, R. Xian, Q. Wu, Q. Fan, L. Yin and H. Zhao (2023). *Revisiting scalarization in multi-task learning: a theoretical
#   perspective.*
#
# Next: the [exercises](../exercises/09_gradient_conflict.ipynb), then [lesson 10](10_when_to_share.ipynb).
