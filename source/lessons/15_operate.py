# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 15. How sure is each head, what changed, and how do I train on more than one device?
#
# **What you will do.** Run one trained model with two heads for a while: decide with it, watch it, give it a head more, and
# train it on several devices.
#
# **What you will learn**
# - to correct the probabilities of each head, and to choose when a head should rather be silent;
# - to notice new kinds of images by each head's answers, and to add a head without moving the others;
# - what `data.batches` and `steps_per_execution` gain together, and what 16 bits do to a head;
# - to train on several devices, and many networks at the same time.
#
# **What you will need.** Lessons [4](04_multi_label.ipynb), [7](07_loss_weights.ipynb) and [14](14_ship.ipynb). No GPU. About
# 65 minutes; the longest cell runs for about 10 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.hierarchy import ConditionalHead, Tree
from mos_helpers.training import restart

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy import stats
from scipy.optimize import minimize_scalar

keras.utils.set_random_seed(15)

# %% [markdown]
# The section on several devices needs two of them. TensorFlow can make two virtual ones out of one processor, but only before
# it does anything else. So we do it here.

# %%
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)

# %% [markdown]
# ## The model
#
# Images and model are those of [lesson 14](14_ship.ipynb): two digits on one canvas, at half the resolution. The digits are
# split into three parts before any image is made. *left* is a `ConditionalHead` ([lesson 11](11_hierarchical_heads.ipynb));
# *odd* asks about the right digit.


# %%
def two_questions(x, y, n, seed):
    """Return n images, one row of pixels each, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    images = canvas.reshape(n, 17, 2, 17, 2).mean(axis=(2, 4)).reshape(n, -1)
    return images, {"left": pair["left"], "odd": pair["right"] % 2}


digits = data.load_digits()
cut = len(digits.x_train) * 3 // 4
training = two_questions(digits.x_train[:cut], digits.y_train[:cut], 4000, seed=1)
validation = two_questions(digits.x_train[cut:], digits.y_train[cut:], 2000, seed=2)
test = two_questions(digits.x_test, digits.y_test, 2000, seed=3)

# %%
looks = {"round": [*"06"], "straight": [*"17"], "hook": [*"49"], "bows": [*"2358"]}
by_look = Tree(looks, leaves=list("0123456789"))


def build(dtype=None):
    """Return a new model; `dtype` is that of its heads, and None the one that is set for all layers."""
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    left = ConditionalHead(by_look, dtype=dtype, name="left")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", dtype=dtype, name="odd")(trunk)
    return keras.Model(image, {"left": left, "odd": odd})


# %%
losses = {"left": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
first_weights = [build().get_weights() for _ in range(5)]  # five beginnings
model = build()
model.compile("adam", losses, steps_per_execution=50)  # 50 updates in one call, see *Scale*

# %% [markdown]
# ## Decide
#
# A head predicts 0.8. Is it right in eight of ten such cases? Then it is **calibrated**. Guo and others (2017) found modern
# networks too sure of themselves.
#
# Their remedy is one number (we use one per head), the **temperature** $T$: divide the logits by $T$, and apply softmax
# again. With $T > 1$ the answers get less sure, with $T < 1$ surer. The logits need not be there. For a softmax head,
# the logarithms of the probabilities do the same, as softmax ignores an added constant. For a sigmoid head too, if "no"
# gets a column of its own: $1-p$ and $p$.
#
# The probabilities of *left* are products of softmaxes, not one softmax of some logits. So we apply the temperature to what it
# answers in the end: $p^{1/T}$, divided by the sum over the classes. In this form the order of the classes, and so the
# accuracy, stays for every head.


# %%
def classes(probability):
    """Return a column for each class; a binary head has only one column, for "yes"."""
    one = probability.shape[1] == 1
    return np.hstack([1 - probability, probability]) if one else probability


def cooled(probability, temperature):
    """Return the probabilities of all classes at another temperature."""
    powers = np.clip(classes(probability), 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(probability, target):
    """Return the cross-entropy: the mean of -log of the true class's probability."""
    return -np.log(np.clip(probability[np.arange(len(target)), target], 1e-12, 1)).mean()


# %% [markdown]
# $T$ is chosen on **validation** images: on the training images the network is right more often than on new ones, so it would
# seem to have a right to be sure, and $T$ would be too small.


# %%
def best_temperature(probability, target):
    """Return the temperature with the smallest cross-entropy, between 0.1 and 10."""

    def loss(log):
        return cross_entropy(cooled(probability, 10**log), target)

    return 10 ** minimize_scalar(loss, bounds=(-1, 1), method="bounded").x


# %% [markdown]
# **Predict first.** Will our network be too sure after 300 updates, or not sure enough? And after 900?
#
# Five runs, each with first weights and an order of batches of its own. For each head: the temperature from the validation
# images, and the cross-entropy on the test images before and after.

# %%
found = {(updates, name): [] for updates in (300, 900) for name in losses}
stored = {}
for seed, weights in enumerate(first_weights):
    restart(model, weights)
    batches = data.batches(*training, seed=seed).repeat()
    for updates, more in [(300, 300), (900, 600)]:
        model.fit(batches, steps_per_epoch=more, verbose=0)
        on_validation, on_test = (model.predict_on_batch(x) for x, _ in (validation, test))
        stored[updates, seed] = on_validation, on_test
        for name in losses:
            t = best_temperature(on_validation[name], validation[1][name])
            p, y = on_test[name], test[1][name]
            found[updates, name].append([t, *(cross_entropy(cooled(p, x), y) for x in (1, t))])

# %%
print(f"{'updates':>7} {'head':6}{'temperature':>16}{'cross-entropy':>18}{'with it':>16}")
for (updates, name), rows in found.items():
    means, stds = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    cells = "".join(f"{m:10.3f} ± {s:.3f}" for m, s in zip(means, stds, strict=True))
    print(f"{updates:7} {name:6}{cells}")

# %% tags=["check"]
temperature = {key: np.array(rows)[:, 0] for key, rows in found.items()}
assert temperature[300, "left"].max() < 1
for name in losses:
    assert (temperature[900, name] - temperature[300, name]).mean() > 0

# %% [markdown]
# - After 300 updates *left* is **not sure enough** ($T < 1$) in all five runs. So a network is not always too sure: this one
#   was stopped early. The temperature changes its cross-entropy little, and on other images it may not help at all.
# - Longer training makes both heads surer: each temperature rises. On MNIST both are then above 1: the heads have become too
#   sure. On the bundled digits *left* is still below 1 or near it.
# - A temperature fits the validation images. Where these show few different digits, as on the bundled digits, it can
#   even raise the cross-entropy on the test images. A temperature per head is cheap, and not always needed: measure.
#
# **Predict first.** The answers of a head fall into ten groups of equal size, from the least to the most sure. In each group:
# how often is the head right, minus how often it states? Is that above or below 0 for *left* after 300 updates?


# %%
def beyond(name, temperatures):
    """Return for each run and tenth of the answers how often they are right, minus the mean probability stated."""
    rows = []
    for seed, t in enumerate(temperatures):
        probability = cooled(stored[300, seed][1][name], t)
        sure, right = probability.max(axis=1), probability.argmax(axis=1) == test[1][name]
        tenths = np.array_split(np.argsort(sure), 10)
        rows.append([right[tenth].mean() - sure[tenth].mean() for tenth in tenths])
    return np.array(rows)


gaps = {}
for name in losses:
    gaps[f"{name}, as it is"] = beyond(name, np.ones(5))
    gaps[f"{name}, with temperature"] = beyond(name, temperature[300, name])
axes = "tenth of the answers, from the least to the most sure", "right, minus stated"
plots.curves(np.arange(1, 11), gaps, *axes, level=("stated = observed", 0))

# %% [markdown]
# (Line: mean of five runs; band: one standard deviation to each side.) *left* as it is lies above 0 in nearly all groups: it is
# right more often than it states. With its temperature it lies nearer to 0 in most of them. One number cannot bring every
# group to 0, and the smallest cross-entropy is not the smallest gap, not even on the validation images. *odd* is nearer from
# the beginning: there is less to repair, and some groups get slightly worse.
#
# ### When should a head be silent?
#
# Somebody can look at the images that the model is not sure of. So we choose a **threshold for each head**: the lowest
# probability from which on its answers on validation images are right in 95 of 100 cases.


# %%
def threshold_for(wanted, sure, right):
    """Return the lowest threshold so that the answers at or above it are right in the wanted share."""
    order = np.argsort(-sure)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(sure[order]) < 0, True)  # equally sure answers go together
    enough = np.flatnonzero(last & (share >= wanted))
    return sure[order][enough[-1]] if len(enough) else np.inf


def sure_and_right(probability, target):
    probability = classes(probability)
    return probability.max(axis=1), probability.argmax(axis=1) == target


kept = {name: [] for name in losses}  # of the answers as they are, without a temperature
for name in losses:
    for seed in range(5):
        on_validation, on_test = stored[300, seed]
        limit = threshold_for(0.95, *sure_and_right(on_validation[name], validation[1][name]))
        sure, right = sure_and_right(on_test[name], test[1][name])
        kept[name].append([right.mean(), (sure >= limit).mean(), right[sure >= limit].mean()])

# %%
print(f"{'test images':12}{'all right':>17}{'answered':>17}{'of these right':>17}")
for name, rows in kept.items():
    means, stds = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    cells = [f"{m:.1%} ± {s:.1%}" for m, s in zip(means, stds, strict=True)]
    print(f"{name:12}" + "".join(f"{cell:>17}" for cell in cells))

# %% tags=["check"]
for rows in kept.values():
    everything, answered, right = np.mean(rows, axis=0)
    assert right > everything + 0.02 and 0.4 < answered < 0.95 and abs(right - 0.95) < 0.05

# %% [markdown]
# Each head leaves a part of the images to a person, and is right more often on the others: in about 95 of 100 cases, as
# chosen. How near depends on the number of validation images: for a made-up head of three classes, the share on new rows was
# 94% ± 3% with thresholds from 50 rows, 95% ± 2% from 300, and 95% ± 0.7% from 2,000 (100 draws of each). On the bundled
# digits, *odd* stays a few points below: the validation images are made of few digits there, and a threshold is only as good
# as the images that it was chosen on.
#
# The share counts all answers of a head together: a rare class may be wrong nearly always. Look at each class, too.

# %% [markdown]
# ## Watch: do the new images look like the old ones?
#
# In use, nobody writes labels. But the answers themselves can be watched, for each head. Two distances from 0 (the same) to 1
# compare a window of new images with the validation images:
# - **sure**: how sure the head is. For each probability p, which share of the answers is at most p? The distance is the
#   largest difference between the two shares (the statistic of Kolmogorov and Smirnov);
# - **classes**: how often it gives each class. Half the sum of the differences of the shares.

# %%
restart(model, first_weights[0])
model.fit(data.batches(*training, seed=0).repeat(), steps_per_epoch=300, verbose=0)
reference = model.predict_on_batch(validation[0])


def shares(probability):
    """Return how often each class is the likeliest one."""
    chosen = probability.argmax(axis=1)
    return np.bincount(chosen, minlength=probability.shape[1]) / len(chosen)


def distances(old, new):
    """Return for each head how far new answers are from old ones: `sure` and `classes`."""
    found = {}
    for name in new:
        before, now = classes(old[name]), classes(new[name])
        if not (before.min() >= 0 and np.allclose(before.sum(axis=1), 1, atol=0.01)):
            raise ValueError(f"{name} is not about classes: compare columns by stats.ks_2samp")
        sure = stats.ks_2samp(before.max(axis=1), now.max(axis=1)).statistic
        found[name] = np.array([sure, np.abs(shares(before) - shares(now)).sum() / 2])
    return found


# %% [markdown]
# No window is exactly like the validation images. So which distance is large? We ask how large the distances are **when
# nothing has happened**: in thirty windows of 300 new images each, of the same size as those to be watched.

# %%
quiet = two_questions(digits.x_test, digits.y_test, 9000, seed=6)[0].reshape(30, 300, -1)
quiet = [distances(reference, model.predict_on_batch(window)) for window in quiet]
limits = {name: np.max([found[name] for found in quiet], axis=0) for name in losses}

# %% [markdown]
# The limit is the largest of the thirty. Now four other windows: as before; with pale ink; turned by 180 degrees, so that
# left and right change places too; and one where the right digit is always odd. The last is a change of the world and not of
# the camera.
#
# **Predict first.** Which heads notice which change?

# %%
new, labels = two_questions(digits.x_test, digits.y_test, 4000, seed=5)
windows = {
    "as before": new[:300],
    "pale ink": new[:300] * 0.5,
    "turned": new[:300, ::-1],  # the row of pixels from back to front: half a turn
    "only odd": new[labels["odd"] == 1][:300],
}
noticed = {n: distances(reference, model.predict_on_batch(x)) for n, x in windows.items()}
print(f"{'':12}{'left: sure':>12}{'classes':>10}{'odd: sure':>12}{'classes':>10}")
for name, found in {"limits": limits, **noticed}.items():
    cells = np.concatenate([found["left"], found["odd"]])
    print(f"{name:12}{cells[0]:12.2f}{cells[1]:10.2f}{cells[2]:12.2f}{cells[3]:10.2f}")

# %% tags=["check"]
for name in ["pale ink", "turned"]:
    assert all((noticed[name][head] > limits[head]).any() for head in losses)
assert noticed["only odd"]["odd"][1] > 2 * limits["odd"][1]

# %% [markdown]
# Pale ink and turned images are noticed by both heads, by *sure* or by *classes*. (A distance does not say in which
# direction the answers moved.) The change of the right digit is plain in the classes of the head that asks about it.
# The other head stays near its limits. A watch on one number for the whole model would not say where to look.
#
# As a limit is the largest of thirty, one quiet window in thirty or so will pass it for nothing: of four distances, at least
# one in about one window of ten. More windows make a better limit. And no answer shows that a head became wrong while its
# answers look the same: label some new rows now and then.
#
# For your own heads, copy `classes`, `shares` and `distances`: they need only NumPy and SciPy. They are for one softmax, or one
# sigmoid for yes. Where a head predicts numbers or labels, compare each column by itself (`stats.ks_2samp`).

# %% [markdown]
# ## Add a head
#
# Next month somebody asks for the right digit itself. We add a head, and the old answers must stay as they are. So the trunk
# is **frozen**, and only the new head is trained. What a frozen trunk gives for an image never changes. So we compute these
# features once, and train the head on them: an update then costs next to nothing.

# %%
pair = data.two_digits(digits.x_train[:cut], digits.y_train[:cut], 4000, seed=1)[1]
pair_test = data.two_digits(digits.x_test, digits.y_test, 2000, seed=3)[1]
before = model.predict_on_batch(test[0])
trunk = keras.Model(model.input, model.get_layer("trunk_2").output)
features, features_test = (trunk.predict_on_batch(part[0]) for part in (training, test))

# %% [markdown]
# **Predict first.** How good will the new head be after 300 updates, and after 3,000? How good is a network of its own, whose
# trunk learns too, after 300?

# %%
right = keras.layers.Dense(10, activation="softmax", name="right")
head = keras.Sequential([keras.Input((48,)), right])
head.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=100)
batches = data.batches(features, pair["right"], seed=0).repeat()


def share_right(model, images):
    return np.mean(model.predict_on_batch(images).argmax(axis=1) == pair_test["right"])


baseline = np.mean(pair_test["right"] == np.bincount(pair["right"]).argmax())
print(f"baseline{baseline:34.1%}")
for updates, more in [(300, 300), (3000, 2700)]:
    head.fit(batches, steps_per_epoch=more, verbose=0)
    print(f"frozen trunk, {updates:5,} updates: {share_right(head, features_test):14.1%}")

# %%
own = build()
top = keras.layers.Dense(10, activation="softmax")(own.get_layer("trunk_2").output)
own = keras.Model(own.input, top)
own.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=50)
batches = data.batches(training[0], pair["right"], seed=0).repeat()
own.fit(batches, steps_per_epoch=300, verbose=0)
print(f"its own trunk, 300 updates:  {share_right(own, test[0]):13.1%}")

# %% [markdown]
# A head on a frozen trunk needs many updates, and they are cheap. Even so it stays far behind a network of its own: the trunk
# learned for *left* and *odd*, and kept only a part of what tells the right digit. What two heads gain or lose when the trunk
# learns too is the question of [lesson 10](10_when_to_share.ipynb).
#
# Now all three heads in one model. Did an old answer move? We ask the model that will be shipped: after saving and loading.

# %%
three_heads = keras.Model(model.input, {**model.output, "right": right(trunk.output)})
with tempfile.TemporaryDirectory() as folder:
    three_heads.save(Path(folder) / "three_heads.keras")
    loaded = keras.models.load_model(Path(folder) / "three_heads.keras")
after = loaded.predict_on_batch(test[0])
moved = max(float(np.abs(after[name] - before[name]).max()) for name in before)
print(f"old answers moved by {moved:.0e} at most; heads:", list(after))

# %% tags=["check"]
assert moved < 1e-5 and list(after) == ["left", "odd", "right"]
assert share_right(own, test[0]) > share_right(head, features_test) + 0.05
assert share_right(head, features_test) > 0.3

# %% [markdown]
# They did not move: no weight of the old model has changed. (If the trunk must compute new features each time, because the
# images are changed at random, set `model.trainable = False` on the *old* model **before** you compile the new one. A layer
# that is frozen after `compile` and a first `fit` is still trained: the course's `check_heads`, from
# [lesson 2](02_wiring_heads.ipynb), finds that too.)

# %% [markdown]
# ## Scale
#
# ### Why `batches` and `steps_per_execution`?
#
# An update of a small model takes a few milliseconds. Then what is around it counts: Python asks for a batch, copies
# its rows, starts the update, and writes the logs. `data.batches` leaves the arrays where TensorFlow works, shuffles
# row *numbers*, and gathers each batch in one step. `steps_per_execution=50` makes 50 updates before Python is asked
# again.
#
# What does all this gain? `benchmarks/input_pipeline.py` measures it with 60,000 images, in processor time. Three rounds,
# compared with plain `fit` on arrays: `batches` alone gained nothing, 32 updates in one call alone made it 1.4 to 2 times as
# fast, and both together more than twice. Such times differ from run to run, and for arrays as small as these there may be no
# gain at all.
#
# Arrays that do not fit into memory come from files. A TFRecord file holds one record after the other. In the same benchmark,
# `write_files` writes eight of them, one byte for each pixel, and `from_files` gives batches: TensorFlow reads several files
# at the same time (`interleave`), takes whole batches apart at once, and prepares the next ones while the network learns
# (`prefetch`). Even with 32 updates in one call, these files needed 1.0 to 2.4 times what plain `fit` on arrays needs, and
# about three times if they are read one after the other and each image is taken apart by itself.

# %% [markdown]
# ### 16 bits
#
# Graphics processors have fast units for numbers of 16 bits. With **mixed precision** (the policy `mixed_bfloat16`), layers
# compute in 16 bits, and keep their weights in 32. (With `mixed_float16`, small gradients would become 0, so the loss is
# multiplied by a large number first: `compile` does it by itself.) Processors without such units may be slower with it:
# `benchmarks/scaling.py` measures yours.
#
# **Predict first.** A number of the type *bfloat16* has 8 significant binary digits. How many different probabilities from
# 0.5 to 1 can a head state?

# %%
keras.config.set_dtype_policy("mixed_bfloat16")
in_16_bits = {"heads in 16 bits": build(), "heads in 32 bits": build(dtype="float32")}
keras.config.set_dtype_policy("float32")
different = {}
for title, one in {"all in 32 bits": model, **in_16_bits}.items():
    one.set_weights(model.get_weights())
    answers = one.predict_on_batch(test[0])
    types, odd = {n: str(values.dtype) for n, values in answers.items()}, answers["odd"].ravel()
    different[title] = len(np.unique(odd[odd >= 0.5]))
    print(f"{title:17} {types}, odd: {different[title]} numbers from 0.5 on")

# %% tags=["check"]
assert different["heads in 16 bits"] in range(130)
assert different["heads in 32 bits"] > 129

# %% [markdown]
# 129 at most: between 0.5 and 1 they are 1/256 apart. So a threshold moves in such steps, many images tie, and a stated 1 may
# mean 0.999. The cure is in TensorFlow's guide, too: **heads answer in 32 bits**, by `dtype="float32"`, whatever the trunk does.

# %% [markdown]
# ### Several devices in one process
#
# `MirroredStrategy` puts a copy of the model on each device. Each copy takes its part of every batch. The copies' gradients
# become the mean over the whole batch, and `fit` works as before. Four rules:
# - Make the model, or load it, inside the `scope`.
# - Each batch must be divisible by the number of devices. If the first one is not, `fit` ends with an error about `AddN` (a
#   sum). If a later one is not, such as a smaller last batch, there is **no message**, and the result is not that of one
#   device.
# - So leave out a smaller last batch: `drop_remainder=True`. `data.batches` does it when it shuffles.
# - On graphics processors write `MirroredStrategy()`: it takes all of them. Ours are two virtual devices of one processor. With
#   these, `fit` fails for a model that was compiled with `steps_per_execution` above 1.
#
# Virtual devices make nothing faster. Is the result the same as with one device, after 20 updates?

# %%
batches = data.batches(*training, shuffle=False).take(20)
plain = build()
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    mirrored = build()
    mirrored.compile("adam", losses)
plain.compile("adam", losses)  # `model` was compiled with steps_per_execution=50
for one in (plain, mirrored):
    one.set_weights(first_weights[0])
    one.fit(batches, shuffle=False, verbose=0)


def largest_difference(one, other):
    pairs = zip(one, other, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


between = largest_difference(mirrored.get_weights(), plain.get_weights())
learned = largest_difference(first_weights[0], plain.get_weights())
print(f"{strategy.num_replicas_in_sync} devices: a weight differs by {between:.0e} at most")
print(f"20 updates moved a weight by {learned:.0e} at most")

# %% tags=["check"]
assert between < 1e-4
assert learned > 1e-3

# %% [markdown]
# The same, but for rounding: the parts are added up in another order.
#
# ### Several processes
#
# On a cluster, each machine runs the same program. The environment variable `TF_CONFIG` tells it the addresses of all
# **workers** (the processes that train together) and its own place. `mos_helpers.scaling` is such a program: it loads a saved
# model and some rows, trains, and saves. On each machine you start
# `python -m mos_helpers.scaling start.keras rows.npz results`. A test of the course (`tests/helpers/test_scaling.py`) does that
# with two workers on one machine, and finds:
# - Each worker takes an equal part of each batch, and in the end both have **exactly** the same weights. One process with whole
#   batches has them too, but for rounding: with equal parts, the mean of the workers' gradients is the gradient of the whole
#   batch. The exercise asks what to do when the parts are not equal.
# - Keras 3's `fit` does not work under `MultiWorkerMirroredStrategy`: `Attempt to convert a value (PerReplica ...)`, the
#   parts of a batch. But the model's own `train_step` does, in a loop that we write: `strategy.run(model.train_step,
#   args=(batch,))`.
#
# **When is it worth it?** When one update takes long, and each worker has a machine of its own. Two workers on one machine
# needed more than three times the processor time of one process for the same updates (`benchmarks/scaling.py`), as they talk
# to each other.
#
# ### Many networks at the same time
#
# The networks of a sweep ([lesson 7](07_loss_weights.ipynb)) do not wait for each other. So each process trains whole
# networks, and nobody sends gradients. *Joblib* starts the processes; with *Dask* the same lines run on the machines of a
# cluster:
# ```
# runs = (delayed(train)(weight, seed) for weight in weights for seed in seeds)
#
# results = Parallel(n_jobs=2)(runs)                                # joblib: processes of this machine
#
# with Client("tcp://scheduler:8786"), parallel_config("dask"):     # dask.distributed: workers anywhere
#     results = Parallel()(runs)
# ```
# `Client()` alone starts a cluster on your own machine. `benchmarks/sweep.py` does, and so does a test
# (`tests/helpers/test_sweep.py`): the scores of both are those of one process. Four rules:
# - `train` makes all that it needs, and returns numbers or arrays. A model would have to be sent.
# - It gets its seed as an argument. With Dask `set_random_seed` is **not enough**: the worker's own threads draw from Python's
#   `random` too, as Keras does for first weights, so the same seed gave other networks. Give each initializer a seed of its
#   own, `GlorotUniform(SeedGenerator(seed))`, or send the first weights.
# - One thread for each process (`TF_NUM_INTRAOP_THREADS=1`), or they take the cores from each other.
# - Each process starts TensorFlow, and compiles for itself. Eight networks of 300 updates took two processes more than twice
#   the processor time of one: a task should train for minutes, not seconds.

# %% [markdown]
# ## Take this with you
#
# What belongs between a model that predicts and whoever acts on it: corrected probabilities, decisions, and the right to be
# silent. It needs nothing of the course:
# ```
# decider = Decider({"size": "classes", "tags": "labels", "price": "numbers"})
# decider.choose(model.predict(x), targets)      # of validation rows; json.dumps(decider.settings) keeps what it chose
# decisions = decider(model.predict(new))        # {"size": [2, None, ...], "tags": [[1, 0, None], ...], ...}
# ```
# A head of *classes* is one softmax, or one sigmoid for yes; *labels* are a sigmoid each; *numbers* stay as they are. In the
# targets, -1 or NaN says that the class is not known, and only the others count. (Where gaps are filled with 0, put -1 first.)


# %%
import numpy as np
from scipy import optimize

KINDS = ("classes", "labels", "numbers")


def corrected(probability, temperature):
    powers = np.clip(probability, 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def span(x):
    return f"{np.min(x, initial=np.inf):.3g} to {np.max(x, initial=-np.inf):.3g}"


def known(name, probability, target):
    """Return the probabilities and the true classes of those answers whose class is known."""
    shape, count = probability.shape[:-1], probability.shape[-1]
    whole = f"whole numbers from 0 to {count - 1}, or -1 or NaN where not known"
    about = f"targets of {name} must have shape {shape} and hold {whole}"
    try:
        y = np.array(target, float)
    except (TypeError, ValueError):
        raise ValueError(f"{about}, not {target!s:.60}") from None
    if [size for size in y.shape if size != 1] != [size for size in shape if size != 1]:
        raise ValueError(f"{about}, not shape {y.shape}")
    there = ~np.isnan(y) & (y != -1)
    found = np.unique(y[there])
    if len(found) < 2 or not set(found) <= set(range(count)):
        raise ValueError(f"{about}, at least two of them: found {found[:9].tolist()}")
    return probability[there.reshape(shape)], y[there].astype(int)


def chosen(p, y, right):
    def loss(log):
        return -np.log(corrected(p, 10**log)[np.arange(len(y)), y]).mean()

    t = 10 ** float(optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded").x)
    sure = corrected(p, t).max(axis=-1)
    order = np.argsort(-sure)
    hits = (p.argmax(axis=-1) == y)[order].cumsum()
    last = np.append(np.diff(sure[order]) < 0, True)  # equally sure ones go together
    enough = np.flatnonzero(last & (hits >= right * np.arange(1, len(hits) + 1)))
    return [t, float(sure[order][enough[-1]]) if len(enough) else 2.0]


class Decider:
    """Decide from what each head predicts, and say None where a head is not sure enough.

    A head without settings, from `choose` or kept from it, always decides.
    """

    def __init__(self, heads, settings=None):
        if not isinstance(heads, dict) or any(kind not in KINDS for kind in heads.values()):
            raise ValueError(f"heads must give one of {KINDS} to each head, not {heads}")
        self.heads = heads
        self.unsure = {n: kind for n, kind in heads.items() if kind != "numbers"}
        self.settings = dict(settings or {})  # of each head: [temperature, threshold]
        if not set(self.settings) <= set(self.unsure):
            raise ValueError(f"settings are of {[*self.unsure]}, not of {[*self.settings]}")

    def stated(self, predicted):
        """Return numbers, or probabilities on a last axis: classes, or no and yes of a label."""
        given = sorted(predicted) if isinstance(predicted, dict) else type(predicted)
        if given != sorted(self.heads):
            raise ValueError(f"predicted needs a dict of {sorted(self.heads)}, not {given}")
        found = {n: np.asarray(values) for n, values in predicted.items()}
        for n, kind in self.unsure.items():
            p = values = np.asarray(found[n], float, order="C")
            if kind == "labels":
                p = np.stack([1 - p, p], axis=-1)
            elif p.shape[-1:] == (1,):
                p = np.concatenate([1 - p, p], axis=-1)
            sums, fits = p.sum(axis=-1), p.ndim > 1 and (p >= 0).all()
            if not (fits and np.allclose(sums, 1, atol=0.01)):  # 16 bits are that far off
                seen = f"shape {values.shape}, numbers {span(values)}, sums {span(sums)}"
                raise ValueError(
                    f"{n} has no probabilities of {kind}: {seen}. Logits, another kind?"
                )
            found[n] = p
        return found

    def choose(self, predicted, targets, right=0.95):
        """Choose temperatures, and the lowest thresholds at which the share `right` is right.

        It counts all answers of a head together: a rare class may be wrong nearly always.
        """
        if not 0 < right <= 1:
            raise ValueError(f"right is a share, above 0 and at most 1, not {right}")
        if not isinstance(targets, dict):
            raise ValueError(f"targets needs a dict of {[*self.unsure]}, not {type(targets)}")
        stated, given = self.stated(predicted), dict.fromkeys(self.unsure, "missing") | targets
        truth = {n: known(n, stated[n], given[n]) for n in self.unsure}
        self.settings = {n: chosen(p, y, right) for n, (p, y) in truth.items()}

    def __call__(self, predicted):
        decided = self.stated(predicted)
        for n in self.unsure:
            t, threshold = self.settings.get(n, [1, 0])
            p = corrected(decided[n], t)
            decided[n] = np.where(p.max(axis=-1) >= threshold, p.argmax(axis=-1), None)
        return {n: values.tolist() for n, values in decided.items()}


# %% [markdown]
# In this notebook we
# - corrected each head by a temperature, below 1 for *left* after short training and higher after long, and chose thresholds;
# - let each head notice new kinds of images, and added a head that moved no old answer;
# - let the heads of a model of 16 bits answer in 32;
# - trained on two devices with the same result, and saw how a sweep goes to many processes.
#
# ## References
#
# - C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017). *On calibration of modern neural networks.*
# - TensorFlow's guide *Distributed training with TensorFlow*, and its guide *Mixed precision.*
#
# Next: the [exercises](../exercises/15_operate.ipynb), then [lesson 16](16_your_table.ipynb).
