# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 9. Do heads fight, and what does peace cost?
#
# **What you will do.** Measure whether two heads want to move the trunk in opposite directions. See a small problem on which
# that stops the training, and two methods that were made for it. Then count what these methods cost, and measure whether
# they help on digits.
#
# **What you will learn**
# - to measure the cosine between the gradients of two heads, and to know what unrelated heads look like;
# - to write PCGrad and MGDA, and to train any model with them in `fit`;
# - to predict what they cost, and to test whether they are worth it.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb), which made the images, and
# [lesson 7](07_loss_weights.ipynb) on loss weights. No GPU. About 40 minutes; the longest cell runs for about 15 seconds.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.balancing import MGDA, PCGrad

import time

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(9)

# %% [markdown]
# ## What a conflict is
#
# Each head has a loss, and each loss has a gradient on the weights of the trunk. `fit` adds the gradients, and takes a step
# against the sum. A step against one head's gradient makes that head's loss smaller, if the step is small. What does it do to
# the other head?
#
# That depends on the angle between the gradients. The **cosine** of the angle is 1 when they have the same direction, 0 at a
# right angle, and -1 when they are opposite. A negative cosine is called a **conflict**: a small step that follows one head
# alone makes the loss of the other larger.


# %% tags=["nbval-check-output"]
def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


first = np.array([1.0, 0.0])
for second in [np.array([2.0, 0.0]), np.array([0.0, 3.0]), np.array([-1.0, 1.0])]:
    print(f"{second}  cosine {cosine(first, second):5.2f}")

# %% [markdown]
# The length of the gradients does not count. Now real heads, in two pairs:
# - *left* and *right*: two digits on one canvas, each drawn on its own (lesson 3). Neither answer says anything about the
#   other.
# - *digit* and *odd*: two questions about one digit ([lesson 1](01_two_heads.ipynb)). Who knows the digit knows the second
#   answer.


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
# of model.


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
@tf.function
def trunk_gradients(model, images, targets):
    """Return the gradient of each head's loss on the trunk, as one row each."""
    trunk = [variable for variable in model.trainable_variables if "trunk" in variable.path]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images, training=True)
        losses = {
            name: keras.ops.mean(
                keras.losses.sparse_categorical_crossentropy(targets[name], answer)
                if answer.shape[1] > 1
                else keras.losses.binary_crossentropy(targets[name][:, None], answer)
            )
            for name, answer in answers.items()
        }
    parts = [tape.gradient(loss, trunk) for loss in losses.values()]
    return tf.stack([tf.concat([tf.reshape(p, [-1]) for p in row], 0) for row in parts])


def cosines(model, images, targets, seed):
    """Return the cosine on each of ten batches."""
    groups = np.random.default_rng(seed).choice(len(images), size=(10, 128))
    rows = [
        trunk_gradients(model, images[group], {name: targets[name][group] for name in targets})
        for group in groups
    ]
    return [cosine(first, second) for first, second in np.array(rows)]


# %% [markdown]
# **Predict first.** In which share of the batches will *left* and *right* be in conflict: in nearly none, in half, or in
# nearly all? And *digit* and *odd*?


# %%
def train(model, weights, seed, start=0, until=400):
    """Train on one pair from update `start` on; from 0, begin with these first weights."""
    if start == 0:
        model.set_weights(weights)
        for memory in model.optimizer.variables:
            memory.assign(keras.ops.zeros_like(memory))
        model.optimizer.learning_rate = 0.001
    images, targets = (
        (images_train, targets_train)
        if "left" in model.output
        else (single_images, single_targets)
    )
    batches = data.batches(images, targets, seed=1000 * seed + start).repeat()
    model.fit(batches, steps_per_epoch=until - start, verbose=0)


def accuracies(model):
    """Return how often left, right and both are right on the test images."""
    answers = model.predict_on_batch(images_test)
    right = [answers[name].argmax(axis=1) == targets_test[name] for name in ["left", "right"]]
    return [*np.mean(right, axis=1), np.mean(right[0] & right[1])]


# %%
TIMES = [0, 25, 400]
measured = {name: np.zeros((len(SEEDS), len(TIMES), 10)) for name in pairs}
results = {"sum": []}
for name, (model, images, targets) in pairs.items():
    for seed in SEEDS:
        model.set_weights(first_weights[name][seed])
        measured[name][seed, 0] = cosines(model, images, targets, seed=100 + seed)
        for turn, until in enumerate(TIMES[1:], 1):
            train(model, first_weights[name][seed], seed, TIMES[turn - 1], until)
            measured[name][seed, turn] = cosines(model, images, targets, seed=100 + seed)
        if name == "left and right":
            results["sum"].append(accuracies(model))

# %%
for name, found in measured.items():
    print(f"{name}: 10 batches from each of {len(SEEDS)} seeds")
    for turn, updates in enumerate(TIMES):
        values = found[:, turn]
        print(
            f"  after {updates:3} updates: mean cosine {values.mean():5.2f}, "
            f"batches from {values.min():5.2f} to {values.max():5.2f}, {np.mean(values < 0):4.0%} negative"
        )

# %%
plots.curves(
    TIMES,
    {name: found.mean(axis=2) for name, found in measured.items()},
    x_label="updates",
    y_label="cosine of the two gradients",
    level=("right angle", 0),
)

# %% tags=["check"]
apart, together = measured.values()
assert abs(apart[:, -1].mean()) < 0.15 and 0.15 < np.mean(apart[:, -1] < 0) < 0.85
assert together[:, -1].mean() > 0.1 and np.mean(together[:, -1] < 0) < 0.3
assert np.mean(apart[:, 1] < 0) > 0.5

# %% [markdown]
# - *Left* and *right* end near a right angle. A third to a half of their batches are in conflict, and the others agree a
#   little. **This is what two unrelated heads look like**: by chance, a small cosine is as often negative as positive. It is
#   not a sign that they harm each other.
# - Early in the training, most of their batches are in conflict. Then it goes away by itself.
# - *Digit* and *odd* agree more and more. Even so, single batches can be in conflict.
#
# So the share of batches in conflict says little by itself. Look at the mean cosine, compare it with that of heads which you
# know to be unrelated, and then measure whether the heads lose anything by it (the last part of this lesson).
#
# ## A problem on which the sum gets stuck
#
# When can a conflict hurt? Liu and others (2021) built a problem for that, with two "weights" and two losses. It was made to
# be hard: **it shows what can happen, not what usually happens**.


# %%
def two_losses(points):
    """Return both losses at points of shape (n, 2). The problem is the one of Liu et al. (2021)."""
    x, y = points[:, 0], points[:, 1]
    above, below = tf.nn.relu(tf.tanh(y / 2)), tf.nn.relu(tf.tanh(-y / 2))
    sides = [(-x - 7) / 2 + tf.tanh(y), (7 - x) / 2 - tf.tanh(y)]
    valleys = [tf.math.log(tf.maximum(tf.abs(side), 5e-6)) + 6 for side in sides]
    bowls = [((x - middle) ** 2 + (y + 8) ** 2 / 10) / 10 - 20 for middle in [7, -7]]
    return [above * v + below * b for v, b in zip(valleys, bowls, strict=True)]


# %% [markdown]
# Above zero, each loss has a narrow, deep valley. Below zero there are two wide bowls, with their lowest places at x = 7 and
# x = -7. On the line between these two places no step helps both losses any more: one can only exchange the one for the
# other. Such a set is called a **Pareto front**. The sum of the losses is lowest in its middle, at x = 0.
#
# `descend` follows both gradients with Adam, from three starts. `factors` says by how much each gradient is multiplied before
# they are added. It gets three scalar products: of the first gradient with itself, of the two, and of the second with itself.
# For the plain sum, both factors are 1.


# %%
STARTS = [[-8.5, 7.5], [-8.5, -5.0], [9.0, 9.0]]


def descend(factors, rate, updates):
    """Return the path from each start, shape (1000, starts, 2)."""

    @tf.function(jit_compile=True)
    def run(points):
        mean = square = tf.zeros_like(points)
        path = tf.TensorArray(tf.float32, size=1000, element_shape=points.shape)
        for update in tf.range(updates):
            path = path.write(update * 1000 // updates, points)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(points)
                losses = two_losses(points)
            a, b = [tape.gradient(loss, points) for loss in losses]
            products = [
                tf.reduce_sum(u * v, 1, keepdims=True) for u, v in [(a, a), (a, b), (b, b)]
            ]
            of_a, of_b = factors(*products)
            step = of_a * a + of_b * b
            mean, square = 0.9 * mean + 0.1 * step, 0.999 * square + 0.001 * step**2
            power = tf.cast(update + 1, tf.float32)  # Adam's correction for its first updates
            long, wide = mean / (1 - 0.9**power), square / (1 - 0.999**power)
            points -= rate * long / (tf.sqrt(wide) + 1e-8)
        return path.stack()

    return run(tf.constant(STARTS)).numpy()


def factors_of_sum(aa, ab, bb):
    return 1.0, 1.0


paths = {"sum, rate 0.001": descend(factors_of_sum, 0.001, 100_000)}
paths["sum, rate 0.001"][-1].round(1)

# %% [markdown]
# After a hundred thousand updates, the first and the third path are still high above the front, near y = 2, and hardly move.
# They are in a valley of one loss. Across the valley, the gradients are long and opposite and nearly cancel. Along the valley,
# the sum points down, but it is short.
#
# **Predict first.** What happens with a larger learning rate? Ten times larger, and ten times fewer updates.

# %%
paths["sum, rate 0.01"] = descend(factors_of_sum, 0.01, 10_000)
paths["sum, rate 0.01"][-1].round(1)

# %% tags=["check"]
assert (paths["sum, rate 0.001"][-1][[0, 2], 1] > 1).all()
assert np.allclose(paths["sum, rate 0.01"][-1], [[0, -8.4]] * 3, atol=0.3)

# %% [markdown]
# All three paths reach the best place for the sum. So even on a problem that was built to defeat the sum, one more learning
# rate would have been enough. The papers show it with the small rate only. Keep this in mind when a method is compared with
# a sum: was the sum tuned as well?
#
# ## PCGrad: take out the conflict
#
# Yu and others (2020) change the gradients before they are added. If the gradient of one head has a negative scalar product
# with that of another, the part along the other is taken out. What remains is at a right angle to the other. Each head's
# gradient goes through all other heads in a random order, and always against their *original* gradients.


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


# %% tags=["nbval-check-output"]
gradients = np.array([[3.0, 0.0], [-1.0, 1.0]])
for name, step in [("sum", gradients.sum(axis=0)), ("PCGrad", pcgrad(gradients, [[1], [0]]))]:
    print(f"{name:7} {step}   scalar product with each gradient: {gradients @ step}")

# %% [markdown]
# A step against the sum makes the first loss smaller and the second larger. A step against PCGrad's result makes both
# smaller. **With two heads that is always so**, as long as the step is small. Without a conflict, nothing is changed: PCGrad
# is then the sum.
#
# **Predict first.** With three heads, is the result still in conflict with none of them? And does the order matter?

# %% tags=["nbval-check-output"]
gradients = np.array([[-2.0, -1.0], [1.0, 0.0], [1.0, 2.0]])
for orders in [[[1, 2], [0, 2], [0, 1]], [[2, 1], [2, 0], [1, 0]]]:
    step = pcgrad(gradients, orders)
    print(f"{step.round(2)}   scalar product with each gradient: {(gradients @ step).round(2)}")

# %% [markdown]
# Neither is in peace with all heads: there are negative numbers in both rows. What is taken out for one head can be put back
# by the next. And the order decides which head loses. That is why it must be random: with a fixed order, the same head would
# be last each time.
#
# ## MGDA: the shortest mixture
#
# Désidéri (2012) asks for more: a step that makes *all* losses smaller. Among all mixtures of the gradients (shares from 0
# to 1 with a total of 1), take the **shortest**. It has a scalar product with each gradient that is positive or 0, with any
# number of heads. If it is zero, no small step helps all heads: we are on a Pareto front. Sener and Koltun (2018) brought it
# to networks.
#
# With two heads, the shares follow from a formula. With more, the method of Frank and Wolfe finds them step by step: again and
# again, it gives a larger share to the head whose gradient agrees least with the mixture.


# %%
def share_of_first(a, b):
    """Return the share of `a` in the shortest mixture of `a` and `b`."""
    return np.clip((b - a) @ b / ((a - b) @ (a - b)), 0, 1)


# %% tags=["nbval-check-output"]
for first, second in [([3.0, 0.0], [-1.0, 1.0]), ([10.0, 0.0], [0.0, 1.0])]:
    a, b = np.array(first), np.array(second)
    share = share_of_first(a, b)
    shares = np.linspace(0, 1, 1001)[:, None]
    mixtures = shares * a + (1 - shares) * b
    best = shares[np.linalg.norm(mixtures, axis=1).argmin(), 0]
    mixture = share * a + (1 - share) * b
    print(f"share {share:.3f} (by trying 1001 shares: {best:.3f}), mixture {mixture.round(2)}")

# %% [markdown]
# The second line shows a property that is easy to forget: the gradient of length 10 gets a share of about 0.01, and the one
# of length 1 gets 0.99. **MGDA follows the head with the small gradient.** So if you multiply one loss by 100, MGDA gives
# that head less, not more.
#
# ## Both on the small problem
#
# Both methods only choose factors for the gradients. For two heads, PCGrad's factors are at least 1, and MGDA's have a total
# of 1.


# %%
def factors_of_pcgrad(aa, ab, bb):
    conflict = tf.minimum(ab, 0)
    return 1 - tf.math.divide_no_nan(conflict, aa), 1 - tf.math.divide_no_nan(conflict, bb)


def factors_of_mgda(aa, ab, bb):
    share = tf.clip_by_value(tf.math.divide_no_nan(bb - ab, aa + bb - 2 * ab), 0, 1)
    return share, 1 - share


paths["PCGrad, rate 0.001"] = descend(factors_of_pcgrad, 0.001, 100_000)
paths["MGDA, rate 0.001"] = descend(factors_of_mgda, 0.001, 100_000)


# %%
def draw(paths):
    """Return a map of the sum of both losses, with all paths."""
    x, y = np.meshgrid(np.linspace(-10, 10, 160), np.linspace(-10, 10, 160))
    points = tf.constant(np.stack([x.ravel(), y.ravel()], axis=1), tf.float32)
    height = sum(two_losses(points)).numpy().reshape(x.shape)
    figure = plots.Figure(11, 3.2)
    for axes, (name, path) in zip(
        figure.subplots(1, 4, sharey=True), paths.items(), strict=True
    ):
        axes.contour(x, y, height, levels=12, colors="#B0B0B0", linewidths=0.7)
        axes.plot([-7, 7], [-8.4, -8.4], color="#0072B2", linewidth=5, alpha=0.4)
        for line in path.swapaxes(0, 1):
            axes.plot(*line.T, color="#D55E00", linewidth=1.5)
            axes.plot(*line[0], "o", color="#222222", markersize=4)
            axes.plot(*line[-1], "*", color="#222222", markersize=11)
        axes.set_title(name, fontsize=10)
    ends = "; ".join(
        f"{name}: " + ", ".join(f"({u:.1f}, {v:.1f})" for u, v in path[-1])
        for name, path in paths.items()
    )
    figure.alt = (
        f"Paths from three starts; the Pareto front is at y = -8.4. They end at: {ends}."
    )
    return figure


draw(paths)

# %% tags=["check"]
for name in ["PCGrad, rate 0.001", "MGDA, rate 0.001"]:
    assert np.abs(paths[name][-1][:, 1] + 8.4).max() < 0.3, name

# %% [markdown]
# Dots are starts, stars are ends, the blue line is the Pareto front. With the small rate, PCGrad and MGDA reach the front
# from all three starts, and the sum from one only. They stop at different places on the front: these methods do not know
# which head matters more to you. The sum does: it has one best place, and loss weights move it (lesson 7).
#
# ## In `fit`
#
# Now for networks. `fit` calls the method `train_step` of a model for each batch. A model of our own can override it. The
# heads' own weights get the plain gradients, since no other head uses them. Only on the trunk are gradients combined.
#
# `combine` gets the trunk's gradients, one row for each head. Here it is the plain sum.


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
            losses = {name: self.one_loss(targets[name], answers[name]) for name in answers}
            total = self.compute_loss(images, targets, answers)
        self.metrics[0].update_state(total, sample_weight=tf.shape(images)[0])

        parts = [tape.gradient(loss, trunk) for loss in losses.values()]
        rows = [tf.concat([tf.reshape(p, [-1]) for p in row], 0) for row in parts]
        pieces = tf.split(self.combine(tf.stack(rows)), [tf.size(v) for v in trunk])
        combined = [tf.reshape(p, v.shape) for p, v in zip(pieces, trunk, strict=True)]
        self.optimizer.apply(combined + tape.gradient(total, heads), trunk + heads)
        return self.compute_metrics(images, targets, answers)

    def one_loss(self, labels, probabilities):
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        return tf.reduce_mean(losses)


class OwnPCGrad(Combined):
    def combine(self, rows):
        first, second = rows[0], rows[1]
        overlap = tf.minimum(tf.tensordot(first, second, 1), 0)
        of_first = 1 - overlap / tf.tensordot(first, first, 1)
        of_second = 1 - overlap / tf.tensordot(second, second, 1)
        return of_first * first + of_second * second


# %% [markdown]
# Two lines are there for the logs only. `compute_loss` also writes down the loss of each head, and `self.metrics[0]` is
# Keras's record of the total. Without its `update_state`, the training works and the logs say `loss: 0.0`. (A record of your
# own with the name "loss" would be worse: then `val_loss` is 0.0.)
#
# Is it right? On the same batch, the plain sum must do what Keras does, and PCGrad must take another step.

# %%
batch = images_train[:128], {name: values[:128] for name, values in targets_train.items()}
weights_after, logs = {}, {}
for name, kind in {
    "Keras": keras.Model,
    "our sum": Combined,
    "our PCGrad": OwnPCGrad,
    "helper": PCGrad,
}.items():
    model = build(289, {"left": 10, "right": 10}, kind)
    model.set_weights(first_weights["left and right"][0])
    model.compile(keras.optimizers.SGD(0.1), model.loss, run_eagerly=True)
    for _ in range(3):
        logs[name] = model.train_on_batch(*batch, return_dict=True)
    weights_after[name] = model.get_weights()[0]
    print(f"{name:11}", {key: f"{value:.4f}" for key, value in logs[name].items()})

# %% tags=["check"]
assert np.allclose(weights_after["Keras"], weights_after["our sum"], atol=1e-5)
assert np.allclose(weights_after["our PCGrad"], weights_after["helper"], atol=1e-5)
assert logs["Keras"].keys() == logs["helper"].keys()
assert np.isclose(logs["Keras"]["loss"], logs["our sum"]["loss"], rtol=1e-4)

# %% [markdown]
# `mos_helpers.balancing` holds the same, without the limits of ours: `PCGrad` and `MGDA` take any number of heads, any
# losses, loss weights and sample weights, and find the trunk by themselves (the variables with a gradient from more than one
# head). They work with validation, callbacks, `steps_per_execution`, `jit_compile`, and they save and load. They multiply
# the gradients by factors, as in the small problem, because the factors need nothing but scalar products.
#
# ## What does it cost?
#
# A way back through the network takes about twice the time of a way forwards. So an update of the sum costs 1 + 2 = 3 parts.
# With a way back for each of T heads, it is 1 + 2T parts, if nearly all of the time goes into the trunk.
#
# **Predict first.** How many times longer is that for 2 heads, and for 10?

# %% tags=["nbval-check-output"]
for heads in [2, 3, 5, 10]:
    print(f"{heads:2} heads: {(1 + 2 * heads) / 3:.2f} times")

# %% [markdown]
# We train the two methods on our images, and note the seconds. Each model is compiled by a first, short training.

# %%
heads = {"left": 10, "right": 10}
models = {"sum": pairs["left and right"][0]}
models |= {"PCGrad": build(289, heads, PCGrad), "MGDA": build(289, heads, MGDA)}
seconds = {name: [] for name in models}
for model in models.values():
    train(model, first_weights["left and right"][0], seed=0, until=25)

for seed in SEEDS:
    for name, model in models.items():
        start = time.perf_counter()
        train(model, first_weights["left and right"][seed], seed)
        seconds[name].append(time.perf_counter() - start)
        if name != "sum":
            results.setdefault(name, []).append(accuracies(model))
{
    name: f"{np.median(np.divide(values, seconds['sum'])):.2f} times the sum"
    for name, values in seconds.items()
}

# %% [markdown]
# The rule counts the way back through the trunk. What an update does only once, however many heads there are, makes the ratio
# smaller: calling it, the optimizer, the logs. What the method does besides makes it larger: here the
# network is so small that this counts. The numbers are of the machine that made these outputs, and vary from run to run.
# `benchmarks/gradient_steps.py` measures a convolutional network with 2, 3, 5 and 10 heads, where the trunk counts.
#
# **There is a cheaper way.** Take each head's gradient not on the trunk's weights but on the trunk's *output*. For that, one
# goes back through the heads only. Choose the factors from these gradients, mix them, and go back through the trunk once,
# with the mixture. Sener and Koltun do this with MGDA and call it MGDA-UB. It is not the same: it works with the angles at
# the output, and those on the weights can differ. The benchmark has it as `mgda-features`. After training, nothing of all
# this is left: the model answers as fast as any other.
#
# ## Does it help?
#
# Last, the question that counts. The same first weights for all three, the same batches, and the same learning rate.

# %%
print(f"{'':10}{'left':>15}{'right':>15}{'both':>15}")
for name, runs in results.items():
    means, spreads = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    row = [f"{mean:.1%} ± {spread:.1%}" for mean, spread in zip(means, spreads, strict=True)]
    print(f"{name:10}" + "".join(f"{cell:>15}" for cell in row))
naive = [np.mean(targets_test[name] == 1) for name in ["left", "right"]]
print(f"{'always 1':10}{naive[0]:>15.1%}{naive[1]:>15.1%}")

# %%
plots.comparison(
    {name: np.array(runs)[:, 2] for name, runs in results.items()},
    "share of test images with both digits right",
)

# %% tags=["check"]
both = {name: np.mean(runs, axis=0)[2] for name, runs in results.items()}
assert max(both.values()) - min(both.values()) < 0.06
assert min(both.values()) > 0.5

# %% [markdown]
# There is no difference between the three that we could tell from the spread of the seeds, although many of the batches
# were in conflict. These conflicts are small and change from batch to batch. To take them out costs time and brings nothing
# here.
#
# Is that fair to PCGrad and MGDA? Each design might need its own learning rate. `benchmarks/gradient_conflict.py` chooses
# one of four for each on validation images, and trains with ten other seeds, on both pairs of questions, beside separate
# networks of equal total size. There too, the three shared designs are within a point of each other (0.01 of the images): on
# *left* and *right* with both sources of digits, on *digit* and *odd* with the bundled ones. Separate networks are ahead on
# *left* and *right*, by less than the spread on the bundled digits and by about three points (both right) on MNIST. On
# *digit* and *odd* of the bundled digits, where the heads agree, they are behind. So what these two heads lose by sharing,
# they do not lose by conflicts between gradients: removing the conflicts does not bring it back.
#
# Published results point the same way. Kurin and others (2022) compared such methods with the plain sum, with the usual
# regularisation for all: the sum was as good or better. Xin and others (2022) found nothing beyond what well-chosen fixed
# loss weights reach. On the other side, Hu and others (2023) prove for small linear networks that some places on the Pareto
# front cannot be reached with fixed weights. So: first tune the sum and its weights (lesson 7), and try these methods after
# that, with the same effort for both.
#
# ## Take this with you
#
# Before you reach for a method against conflicts, measure whether there is one. This cell needs only a model with a
# dictionary of outputs and the part of the name by which you know its trunk. It runs here on a model that knows nothing yet.


# %%
def conflict(model, losses, batches, trunk="trunk"):
    """Return the cosine of the first two heads' gradients on the trunk, for each batch."""
    variables = [v for v in model.trainable_variables if trunk in v.path]
    found = []
    for images, targets in batches:
        with tf.GradientTape(persistent=True) as tape:
            answers = model(images, training=True)
            values = [loss(targets[name], answers[name]) for name, loss in losses.items()]
        rows = [tape.gradient(value, variables) for value in values[:2]]
        a, b = [np.concatenate([np.ravel(part) for part in row]) for row in rows]
        found.append(a @ b / np.sqrt((a @ a) * (b @ b)))
    return np.array(found)


# %%
model = build(289, {"left": 10, "right": 10})
losses = {name: keras.losses.SparseCategoricalCrossentropy() for name in ["left", "right"]}
values = conflict(model, losses, data.batches(images_train, targets_train, seed=1).take(10))
print(f"mean cosine {values.mean():.2f}, negative in {np.mean(values < 0):.0%} of the batches")

# %% [markdown]
# In this notebook we
# - measured the cosine between two heads' gradients: near 0 for unrelated heads, and above 0 for related ones;
# - saw the sum get stuck on a problem made for it, and a larger learning rate set it free;
# - wrote PCGrad and MGDA, and put them into `fit` with logs that are right;
# - predicted and measured what they cost, and found what they bring on our digits.
#
# **References**
# - T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman, C. Finn (2020). *Gradient Surgery for Multi-Task Learning.* NeurIPS.
# - J.-A. Désidéri (2012). *Multiple-gradient descent algorithm (MGDA) for multiobjective optimization.* Comptes Rendus
#   Mathématique.
# - O. Sener, V. Koltun (2018). *Multi-Task Learning as Multi-Objective Optimization.* NeurIPS.
# - B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu (2021). *Conflict-Averse Gradient Descent for Multi-task Learning.* NeurIPS.
# - V. Kurin, A. De Palma, I. Kostrikov, S. Whiteson, M. P. Kumar (2022). *In Defense of the Unitary Scalarization for Deep
#   Multi-Task Learning.* NeurIPS.
# - D. Xin, B. Ghorbani, A. Garg, O. Firat, J. Gilmer (2022). *Do Current Multi-Task Optimization Methods in Deep Learning Even
#   Help?* NeurIPS.
# - Y. Hu, R. Xian, Q. Wu, Q. Fan, L. Yin, H. Zhao (2023). *Revisiting Scalarization in Multi-Task Learning: A Theoretical
#   Perspective.* NeurIPS.
#
# Next: the [exercises](../exercises/09_gradient_conflict.ipynb), then [lesson 10](10_when_to_share.ipynb).
