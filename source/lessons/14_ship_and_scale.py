# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 14. How do I save, serve, monitor and scale it?
#
# **What you will do.** Take one trained model with two heads on its way out of the notebook: save it, serve it, decide with
# it, watch it, give it a head more, and train it on several devices.
#
# **What you will learn**
# - to save a model with its heads' names, and to know what is lost on loading;
# - to export it for two kinds of server, and to take the answers by name;
# - to correct the probabilities of each head, and to choose when a head should rather be silent;
# - to notice new kinds of images by each head's answers, and to add a head without moving the others;
# - why `data.batches` and `steps_per_execution` are fast, and how to train on several devices.
#
# **What you will need.** Lessons [2](02_wiring_heads.ipynb), [4](04_multi_label.ipynb), [7](07_loss_weights.ipynb) and
# [11](11_hierarchical_heads.ipynb). No GPU. About 65 minutes; the longest cell runs for about 10 seconds. Words are explained
# in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import restart

import tempfile
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy import stats
from scipy.optimize import minimize_scalar

keras.utils.set_random_seed(14)

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
# The images are those of [lesson 3](03_three_architectures.ipynb): two digits on one canvas, at half the resolution. The
# digits are split into three parts before any image is made. The head *left* is a `ConditionalHead` on a tree of digits that
# look alike ([lesson 11](11_hierarchical_heads.ipynb)); *odd* asks about the right digit.


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
from mos_helpers.hierarchy import ConditionalHead, Tree

by_look = Tree(
    {
        "round": ["0", "6"],
        "straight": ["1", "7"],
        "hook": ["4", "9"],
        "bows": ["2", "3", "5", "8"],
    },
    leaves=list("0123456789"),
)


def build():
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    left = ConditionalHead(by_look, name="left")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    return keras.Model(image, {"left": left, "odd": odd})


# %%
losses = {"left": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
metrics = {"left": ["sparse_categorical_accuracy"], "odd": ["binary_accuracy"]}
loss_weights = {name: keras.Variable(1.0, trainable=False) for name in losses}

first_weights = [build().get_weights() for _ in range(5)]  # five beginnings, for later
model = build()
model.compile(
    "adam", losses, loss_weights=loss_weights, metrics=metrics, steps_per_execution=50
)
model.fit(data.batches(*training, seed=0).repeat(), steps_per_epoch=300, verbose=0)

report = model.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)
for name, (metric,) in metrics.items():
    baseline = np.mean(test[1][name] == np.bincount(training[1][name]).argmax())
    print(f"{name:5} {report[f'{name}_{metric}']:.1%} right, baseline {baseline:.1%}")

# %% [markdown]
# ## Save
#
# One file with the ending `.keras` holds the layers, the weights, what `compile` got, and the state of the optimizer.
# `ConditionalHead` is a layer of the course. Keras finds it again because its class is registered: above it stands
# `@keras.saving.register_keras_serializable`.
#
# **Predict first.** Which of these come back: the names of the heads, the exact answers, `steps_per_execution`, the number of
# updates made, the loss weights as variables?

# %%
temporary = tempfile.TemporaryDirectory()  # it is removed with the kernel
folder = Path(temporary.name)
model.save(folder / "model.keras")
loaded = keras.models.load_model(folder / "model.keras")

answers, again = (m.predict_on_batch(test[0]) for m in (model, loaded))
moved = max(float(np.abs(answers[name] - again[name]).max()) for name in answers)
print("names:  ", list(again), type(loaded.get_layer("left")).__name__)
print(f"answers: differ by {moved:.0e} at most")
print("updates:", int(loaded.optimizer.iterations), "in steps of", loaded.steps_per_execution)

# %% [markdown]
# The first four come back: every weight is the same number, so the answers are the same. The fifth does not: the loss weights
# are variables no longer. We set the loss weight of *odd* to 0 in both models, through the variable that we gave to
# `compile`:

# %%
loss_weights["odd"].assign(0.0)
totals = {}
for name, one in {"model": model, "loaded": loaded}.items():
    scores = one.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)
    totals[name] = scores["loss"] - scores["left_loss"]
    print(f"{name:7} loss - left_loss = {totals[name]:.3f}")

# %% tags=["check"]
loss_weights["odd"].assign(1.0)
assert all(map(np.array_equal, model.get_weights(), loaded.get_weights())) and moved < 1e-5
assert abs(totals["model"]) < 1e-4
assert totals["loaded"] > 0.1

# %% [markdown]
# The loaded model has the weights as **numbers**: what the variables held when it was saved. A schedule ([lesson
# 7](07_loss_weights.ipynb)) that changes the variables changes nothing in it, without a message. So before you go on
# training, compile the loaded model again, **with its own optimizer**. A new `"adam"` would begin with an empty memory, at
# update 0.

# %%
loaded.compile(
    loaded.optimizer,
    losses,
    loss_weights=loss_weights,
    metrics=metrics,
    steps_per_execution=50,
)
print("updates:", int(loaded.optimizer.iterations), "in steps of", loaded.steps_per_execution)

# %% tags=["check"]
assert int(loaded.optimizer.iterations) == 300

# %% [markdown]
# A loss of your own must be registered, like a layer. This one is not:


# %%
def half_of_it(target, answer):
    return keras.losses.sparse_categorical_crossentropy(target, answer) / 2


unregistered = keras.models.clone_model(model)
unregistered.compile("adam", losses | {"left": half_of_it})
unregistered.save(folder / "own_loss.keras")

# %% tags=["raises-exception"]
keras.models.load_model(folder / "own_loss.keras")

# %% [markdown]
# (When you run the cell, the message is long. Its last lines say what is wrong.) Three cures: write
# `@keras.saving.register_keras_serializable()` above the function; name it when you load, with
# `custom_objects={"half_of_it": half_of_it}`; or load with `compile=False`. To answer questions, no loss is needed.

# %%
to_answer = keras.models.load_model(folder / "own_loss.keras", compile=False)
print("compiled:", to_answer.compiled, " heads:", list(to_answer.output))

# %% [markdown]
# ## Serve
#
# A server needs no Keras and none of our code. But our images were prepared, at half the resolution. If the server does that
# in a program of its own, it will one day do it differently. So the preparation belongs in the model that is served: it takes
# a whole canvas.

# %%
canvas = keras.Input((34, 34), name="canvas")
halved = keras.layers.AveragePooling2D(2)(keras.layers.Reshape((34, 34, 1))(canvas))
serving = keras.Model(canvas, model(keras.layers.Reshape((289,))(halved)))

# %% [markdown]
# `export` writes a **SavedModel** for TensorFlow Serving and the like (it looks for a folder with a number for each version),
# or, with `format="litert"`, one file for **LiteRT** (before: TensorFlow Lite), for telephones and small machines. What can
# be asked of a SavedModel is its **signature**. No server is started here: we call the signature as a server would.

# %%
serving.export(folder / "saved_model" / "1", verbose=False)
serving.export(folder / "model.tflite", format="litert", verbose=False)

canvases = data.two_digits(digits.x_test, digits.y_test, 2000, seed=3)[0]  # those of `test`
saved = tf.saved_model.load(folder / "saved_model" / "1")  # keep it: the signature needs it
signature = saved.signatures["serving_default"]
served = signature(canvas=tf.constant(canvases[:5]))
print("SavedModel:", {name: tuple(values.shape) for name, values in served.items()})

# %% [markdown]
# The names of the heads are the names of the outputs, and the input has its name as well: `canvas`. Now LiteRT. (TensorFlow
# warns that its interpreter will move into a package of its own, `ai-edge-litert`. An optional part of the interpreter, a
# *delegate*, would write a line of its own into the notebook: we leave it out.)
#
# **Predict first.** If you take output 0 for the first head, *left*, whose answer do you get?

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(
        model_path=str(folder / "model.tflite"),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
print("the model's order:", list(model.output))
for place, detail in enumerate(interpreter.get_output_details()):
    print(f"LiteRT's output {place}: name {detail['name']}, shape {detail['shape'].tolist()}")

# %% [markdown]
# The names are lost. In our run output 0 has one number for each image, so it is *odd*. (The first 1 in a shape stands
# for any number of images.) The shapes differ: you would notice. With two heads of the same shape, every answer would
# be wrong and nothing would look strange. The order of a SavedModel's outputs is no better: it may differ from one
# process to the next (`benchmarks/serving.py --orders 6`).
#
# So take answers **by name**. The *signature runner* of LiteRT knows the names, too.

# %%
runner = interpreter.get_signature_runner()
light = runner(canvas=canvases[:5])
for name in model.output:
    differences = [np.abs(values[name] - answers[name][:5]).max() for values in (served, light)]
    print(f"{name:5} SavedModel {differences[0]:.0e}, LiteRT {differences[1]:.0e} from predict")

# %% tags=["check"]
for name in model.output:
    assert np.allclose(served[name], answers[name][:5], atol=1e-5)
    assert np.allclose(light[name], answers[name][:5], atol=1e-5)

# %% [markdown]
# Equal to `predict` within 0.00001: the programs add up in another order, and rounding does the rest. Such a comparison
# belongs in the tests of whoever ships a model.
#
# ### How long does one answer take?
#
# **Predict first.** Order the ways to answer for one canvas: `predict`, `predict_on_batch`, a call of the model, a
# `tf.function` of the model, the SavedModel, LiteRT.

# %%
image = canvases[:1]
tensor, in_a_function = tf.constant(image), tf.function(lambda x: serving(x, training=False))
ways = {
    "predict": lambda: serving.predict(image, verbose=0),
    "predict_on_batch": lambda: serving.predict_on_batch(image),
    "serving(image)": lambda: serving(tensor, training=False),
    "tf.function": lambda: in_a_function(tensor),
    "SavedModel": lambda: signature(canvas=tensor),
    "LiteRT": lambda: runner(canvas=image),
}
milliseconds = {name: [] for name in ways}
for _ in range(11):
    for name, way in ways.items():
        start = time.perf_counter()
        way()
        milliseconds[name].append(1000 * (time.perf_counter() - start))
for name, values in milliseconds.items():
    print(f"{name:17} {np.median(values[1:]):7.3f} ms")

# %% [markdown]
# The median of 10 turns, on the machine that built this page. `predict` is made for many images: it prepares a data set
# and a loop each time. `predict_on_batch` does without, and it is compiled. A call of the model runs layer by layer in
# Python. A compiled function runs the Python code only at its first call, and LiteRT hardly any. So LiteRT is usually
# the fastest, then come the SavedModel and the `tf.function`, then `predict_on_batch`, then a call, and `predict` is
# last by far. `benchmarks/serving.py` measures 256 images too.

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
# *left* has no such logits: its probabilities are products of softmaxes. So we apply the temperature to what it answers in
# the end: $p^{1/T}$, divided by the sum over the classes. In this form the order of the classes, and so the accuracy, stays
# for every head.


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
    found = minimize_scalar(
        lambda log: cross_entropy(cooled(probability, 10**log), target),
        bounds=(-1, 1),
        method="bounded",
    )
    return 10**found.x


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
        on_validation, on_test = (
            model.predict_on_batch(part[0]) for part in (validation, test)
        )
        stored[updates, seed] = on_validation, on_test
        for name in losses:
            t = best_temperature(on_validation[name], validation[1][name])
            before, after = (
                cross_entropy(cooled(on_test[name], x), test[1][name]) for x in (1, t)
            )
            found[updates, name].append([t, before, after])

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
    assert (temperature[900, name] - temperature[300, name]).min() > 0

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
plots.curves(
    np.arange(1, 11),
    gaps,
    "tenth of the answers, from the least to the most sure",
    "right, minus stated",
    level=("stated = observed", 0),
)

# %% [markdown]
# *left* as it is lies above 0 in nearly all groups: it is right more often than it states. With its temperature it lies nearer
# to 0 in most of them. *odd* is nearer from the beginning, and there is less to repair.
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
    last = np.append(
        np.diff(sure[order]) < 0, True
    )  # answers that are equally sure go together
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
# chosen. On the bundled digits, *odd* stays a few points below: the validation images are made of few digits there, and a
# threshold is only as good as the images that it was chosen on.

# %% [markdown]
# ## Watch
#
# ### During training: keep the best by one head
#
# [Lesson 7](07_loss_weights.ipynb) stopped by a score of its own. `ModelCheckpoint` writes the best model to a file.
# With two heads there is no `val_accuracy`: *left* has `val_left_sparse_categorical_accuracy`.
#
# **Predict first.** The trained model learns on. `save_best_only=True`, and `monitor=` names a key that does not exist. What
# is saved?


# %%
def saved_epochs(monitor):
    """Train for six more short epochs; return which were saved as best, the scores, and the warnings."""
    files = folder / monitor
    files.mkdir()
    keep = keras.callbacks.ModelCheckpoint(
        files / "{epoch}.keras", monitor=monitor, mode="max", save_best_only=True
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logs = model.fit(
            data.batches(*training, seed=0).repeat(),
            steps_per_epoch=50,
            epochs=6,
            verbose=0,
            callbacks=[keep],
            validation_data=data.batches(*validation, batch_size=1000, shuffle=False),
        ).history
    saved = sorted(int(file.stem) for file in files.glob("*.keras"))
    return saved, logs, [str(one.message) for one in caught if "best model" in str(one.message)]


# %%
saved_wrong, logs, messages = saved_epochs("val_accuracy")
print("saved epochs:", saved_wrong, "\n" + messages[0])

# %% [markdown]
# Every epoch is "the best", so with one file name the last one stays. There is a warning, and it is easily lost among the
# lines of a long training. With the right key:

# %%
key = "val_left_sparse_categorical_accuracy"
saved_right, logs, messages = saved_epochs(key)
print("scores:", [f"{score:.3f}" for score in logs[key]])
print("saved epochs:", saved_right, " warnings:", len(messages))

# %% tags=["check"]
scores = logs[key]
assert saved_wrong == [1, 2, 3, 4, 5, 6]
assert saved_right == [n + 1 for n in range(6) if n == 0 or scores[n] > max(scores[:n])]

# %% [markdown]
# An epoch is saved if its score is higher than all before it. `mode="max"` must be written: Keras cannot guess the direction
# of a key with a head's name, and says so ([lesson 7](07_loss_weights.ipynb)).

# %% [markdown]
# ### Afterwards: do the new images look like the old ones?
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


def distances(images):
    """Return for each head the distances `sure` and `classes` from the validation images."""
    found = {}
    for name, now in model.predict_on_batch(images).items():
        before, now = classes(reference[name]), classes(now)
        sure = stats.ks_2samp(before.max(axis=1), now.max(axis=1)).statistic
        found[name] = np.array([sure, np.abs(shares(before) - shares(now)).sum() / 2])
    return found


# %% [markdown]
# No window is exactly like the validation images. So which distance is large? We ask how large the distances are **when
# nothing has happened**: in thirty windows of 300 new images each, of the same size as those to be watched.

# %%
quiet = two_questions(digits.x_test, digits.y_test, 9000, seed=6)[0].reshape(30, 300, -1)
quiet = [distances(window) for window in quiet]
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
noticed = {name: distances(images) for name, images in windows.items()}
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
# As a limit is the largest of thirty, one quiet window in thirty or so will cause an alarm for nothing, for each distance.
# More windows make a better limit.

# %% [markdown]
# ## Add a head
#
# Next month somebody asks for the right digit itself. We add a head, and the old answers must stay as they are. So the trunk
# is **frozen**, and only the new head is trained. What a frozen trunk gives for an image never changes. So we compute these
# features once, and train the head on them: an update then costs next to nothing.

# %%
right_labels = [
    data.two_digits(x, y, n, seed=seed)[1]["right"]
    for x, y, n, seed in [
        (digits.x_train[:cut], digits.y_train[:cut], 4000, 1),
        (digits.x_test, digits.y_test, 2000, 3),
    ]
]
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
batches = data.batches(features, right_labels[0], seed=0).repeat()


def share_right(model, images):
    return np.mean(model.predict_on_batch(images).argmax(axis=1) == right_labels[1])


print(f"baseline{np.mean(right_labels[1] == np.bincount(right_labels[0]).argmax()):34.1%}")
for updates, more in [(300, 300), (3000, 2700)]:
    head.fit(batches, steps_per_epoch=more, verbose=0)
    print(f"frozen trunk, {updates:5,} updates: {share_right(head, features_test):14.1%}")

# %%
own = build()
own = keras.Model(
    own.input, keras.layers.Dense(10, activation="softmax")(own.get_layer("trunk_2").output)
)
own.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=50)
own.fit(
    data.batches(training[0], right_labels[0], seed=0).repeat(), steps_per_epoch=300, verbose=0
)
print(f"its own trunk, 300 updates:  {share_right(own, test[0]):13.1%}")

# %% [markdown]
# A head on a frozen trunk needs many updates, and they are cheap. Even so it stays far behind a network of its own: the trunk
# learned for *left* and *odd*, and kept only a part of what tells the right digit. What two heads gain or lose when the trunk
# learns too is the question of [lesson 10](10_when_to_share.ipynb).
#
# Now all three heads in one model. Did an old answer move? We ask the model that will be shipped: after saving and loading.

# %%
three_heads = keras.Model(model.input, {**model.output, "right": right(trunk.output)})
three_heads.save(folder / "three_heads.keras")
after = keras.models.load_model(folder / "three_heads.keras").predict_on_batch(test[0])
moved = max(float(np.abs(after[name] - before[name]).max()) for name in before)
print(f"old answers moved by {moved:.0e} at most; heads:", list(after))

# %% tags=["check"]
assert moved < 1e-5 and list(after) == ["left", "odd", "right"]
assert share_right(own, test[0]) > share_right(head, features_test) + 0.05
assert share_right(head, features_test) > 0.3

# %% [markdown]
# They did not move: no weight of the old model has changed. (If the trunk must compute new features each time, because the
# images are changed at random, set `model.trainable = False` on the *old* model **before** you compile the new one. A layer
# that is frozen after `compile` and a first `fit` is still trained: [lesson 2](02_wiring_heads.ipynb)'s `check_heads` finds
# that.)

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
# Arrays that do not fit into memory come from files. Here we write eight files of 500 images each, one byte for each pixel: a
# TFRecord file holds one record after the other. TensorFlow reads several files at the same time (`interleave`), takes whole
# batches apart at once, and prepares the next batches while the network learns (`prefetch`).

# %%
pixels = np.round(training[0] * 255).astype(np.uint8)
table = np.column_stack([pixels, training[1]["left"], training[1]["odd"]]).astype(np.uint8)
for number, part in enumerate(np.split(table, 8)):
    with tf.io.TFRecordWriter(str(folder / f"part_{number}.tfrecord")) as file:
        for row in part:
            file.write(row.tobytes())


def from_files(folder, batch_size=128):
    """Return batches from all files of the folder, read side by side and shuffled."""
    names = tf.data.Dataset.list_files(str(folder / "part_*.tfrecord"), seed=0)
    rows = names.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE)

    def take_apart(rows):
        rows = tf.io.decode_raw(rows, tf.uint8)
        images = tf.cast(rows[:, :289], tf.float32) / 255
        labels = tf.cast(rows[:, 289:], tf.int64)
        return images, {"left": labels[:, 0], "odd": labels[:, 1]}

    batches = rows.shuffle(2000, seed=0).batch(batch_size, drop_remainder=True)
    return batches.map(take_apart, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


# %% [markdown]
# **Predict first.** How many times faster than `fit` on arrays is `batches` with `steps_per_execution`? And what do the files
# cost?

# %%
plain = build()
plain.compile(
    "adam", losses, metrics=metrics
)  # `model` was compiled with steps_per_execution=50
# 4,000 images are 31 full batches of 128, and twice over they are 62
long = np.tile(training[0], (2, 1)), {name: np.tile(y, 2) for name, y in training[1].items()}
options = {"steps_per_epoch": 50, "verbose": 0}
forms = {
    "arrays": lambda: plain.fit(*long, batch_size=128, **options),
    "batches": lambda: plain.fit(data.batches(*long, seed=0), **options),
    "batches, 50 steps": lambda: model.fit(data.batches(*long, seed=0), **options),
    "files, 50 steps": lambda: model.fit(from_files(folder).repeat(), **options),
}
seconds = {name: [] for name in forms}
for _ in range(4):
    for name, run in forms.items():
        start = time.perf_counter()
        run()
        seconds[name].append(time.perf_counter() - start)
median = {name: np.median(values[1:]) for name, values in seconds.items()}
for name, value in median.items():
    times = median["arrays"] / value
    print(f"{name:18} {1000 * value / 50:5.2f} ms for an update, {times:.1f} times as fast")

# %% tags=["check"]
read = [y["left"].numpy() for _, y in from_files(folder)]
assert len(read) == 31 and {len(part) for part in read} == {128}

# %% [markdown]
# The median of three turns of 50 updates; the first turn compiles, and is not counted. Such times differ from run to run, and
# for arrays as small as these there may be no gain at all. `benchmarks/input_pipeline.py` measures it with 60,000 images, as
# multiples of the speed of plain `fit` on arrays. On a quiet machine with two cores, `batches` was 1.5 times as fast, and 3
# times with 32 updates in one call. Files need no memory for the images: they were 0.8 times as fast, and 0.4 times if they
# are read one after the other and each image is taken apart by itself.

# %% [markdown]
# ### Several devices in one process
#
# `MirroredStrategy` puts a copy of the model on each device. Each copy takes its part of every batch. The copies' gradients
# become the mean over the whole batch, and `fit` works as before. Four rules:
# - Make the model, or load it, inside the `scope`.
# - Each batch must be divisible by the number of devices. If the first one is not, `fit` ends with an error about `AddN`. If a
#   later one is not, such as a smaller last batch, there is **no message**, and the result is not that of one device.
# - So leave out a smaller last batch: `drop_remainder=True`. `data.batches` does it when it shuffles.
# - On graphics processors write `MirroredStrategy()`: it takes all of them. Ours are two virtual devices of one processor. With
#   these, `fit` fails for a model that was compiled with `steps_per_execution` above 1.
#
# Virtual devices make nothing faster. Is the result the same as with one device, after 20 updates?

# %%
restart(plain, first_weights[0])
plain.save(folder / "start.keras")
batches = data.batches(*training, shuffle=False).take(20)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    mirrored = keras.models.load_model(folder / "start.keras")
mirrored.fit(batches, shuffle=False, verbose=0)
plain.fit(batches, shuffle=False, verbose=0)


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
# **workers** (the processes that train together) and its own place. `mos_helpers.scaling.worker` is such a program: it loads
# a saved model and some rows, trains, and saves. On each machine you start
# `python -m mos_helpers.scaling.worker start.keras rows.npz results`, and `run_workers` of `mos_helpers.scaling` starts
# several of them on one machine. A test of the course (`tests/helpers/test_scaling.py`) does that with two, and finds:
# - Each worker takes an equal part of each batch, and in the end both have **exactly** the same weights. One process with whole
#   batches has them too, but for rounding: with equal parts, the mean of the workers' gradients is the gradient of the whole
#   batch. The exercise asks what to do when the parts are not equal.
# - Keras 3's `fit` does not work under `MultiWorkerMirroredStrategy`: `Attempt to convert a value (PerReplica ...)`. But the
#   model's own `train_step` does, in a loop that we write: `strategy.run(model.train_step, args=(batch,))`.
#
# **When is it worth it?** When one update takes long, and each worker has a machine of its own. Two workers on one machine
# with two cores trained a third or less of the images per second of one process (`benchmarks/scaling.py`): they share the
# cores, and talk to each other besides.

# %% [markdown]
# ## Take this with you
#
# What a server should do around a SavedModel: answers by name, corrected, and with the right to be silent. It needs nothing
# of the course:
# ```
# service = Service("saved_model/1", {"size": "classes", "tags": "labels", "price": "numbers"})
# service.choose(validation_inputs, validation_targets)   # json.dumps(service.settings) keeps what it chose
# answers = service(inputs)                               # {"size": [2, None, ...], "tags": [[1, 0, None], ...], ...}
# ```
# A head of *classes* is one softmax, or one sigmoid for yes; *labels* are a sigmoid each; *numbers* stay as they are.


# %%
import numpy as np
import tensorflow as tf
from scipy import optimize

KINDS = ("classes", "labels", "numbers")


def corrected(probability, temperature):
    powers = np.clip(probability, 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


class Service:
    """Answer with a SavedModel by head, and with None where a head is not sure enough."""

    def __init__(self, folder, heads, settings=None):
        self.saved = tf.saved_model.load(str(folder))  # keep it: the signature needs it
        self.ask = self.saved.signatures["serving_default"]
        names, kinds = sorted(self.ask.structured_outputs), set(KINDS)
        if not isinstance(heads, dict) or sorted(heads) != names or set(heads.values()) - kinds:
            raise ValueError(f"heads must give one of {KINDS} to each of {names}, not {heads}")
        self.unsure = {n: kind for n, kind in heads.items() if kind != "numbers"}
        self.settings = settings or {}  # of each head: [temperature, threshold]

    def stated(self, inputs):
        """Return numbers, or probabilities with a last axis: classes, or no and yes of a label."""
        wanted = self.ask.structured_input_signature[1]
        inputs = inputs if isinstance(inputs, dict) else {min(wanted): inputs}
        if sorted(inputs) != sorted(wanted):
            raise ValueError(f"inputs must be named {sorted(wanted)}, not {sorted(inputs)}")
        inputs = {n: tf.cast(x, wanted[n].dtype) for n, x in inputs.items()}
        for n, x in inputs.items():
            if not wanted[n].shape.is_compatible_with(x.shape):
                raise ValueError(
                    f"the input {n} must have shape {wanted[n].shape}, not {x.shape}"
                )
        found = {n: values.numpy() for n, values in self.ask(**inputs).items()}
        for n, kind in self.unsure.items():
            p = found[n]
            if kind == "labels" or p.shape[1] == 1:
                p = np.stack([1 - p, p], axis=-1)
            p = p[:, 0] if kind == "classes" and p.ndim == 3 else p
            if p.min() < 0 or not np.allclose(p.sum(axis=-1), 1, atol=1e-3):
                raise ValueError(
                    f"the head {n} gives no probabilities of {kind}: is it another kind?"
                )
            found[n] = p
        return found

    def choose(self, inputs, targets, right=0.95):
        """Choose temperatures, and the lowest thresholds at which the share `right` is right."""
        stated = self.stated(inputs)
        for n in self.unsure:
            p, shape = stated[n], stated[n].shape[:-1]
            if n not in targets or np.size(targets[n]) != np.prod(shape):
                raise ValueError(
                    f"targets must hold whole numbers of shape {shape} for the head {n}"
                )
            y = np.reshape(targets[n], shape).astype(int)
            true = np.eye(p.shape[-1])[y] > 0

            def loss(log, p=p, true=true):
                return -np.log(corrected(p, 10**log)[true]).mean()

            t = 10 ** optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded").x
            sure = corrected(p, t).max(axis=-1).ravel()
            order = np.argsort(-sure)
            hits = (p.argmax(axis=-1) == y).ravel()[order].cumsum()
            last = np.append(np.diff(sure[order]) < 0, True)  # equally sure answers go together
            enough = np.flatnonzero(last & (hits >= right * np.arange(1, len(hits) + 1)))
            threshold = float(sure[order][enough[-1]]) if len(enough) else 2.0
            self.settings[n] = [float(t), threshold]

    def __call__(self, inputs):
        answers = self.stated(inputs)
        for n in self.unsure:
            t, threshold = self.settings.get(n, [1, 0])
            p = corrected(answers[n], t)
            answers[n] = np.where(p.max(axis=-1) >= threshold, p.argmax(axis=-1), None)
        return {n: values.tolist() for n, values in answers.items()}


# %% [markdown]
# In this notebook we
# - saved a model, found its loss weights turned into numbers, and met a loss that was not registered;
# - put the preparation of the images into the model, exported it twice, and took the answers by name;
# - corrected each head by a temperature, below 1 for *left* after short training and higher after long, and chose thresholds;
# - saw `save_best_only` save everything, let each head notice new kinds of images, and added a head that moved no old answer;
# - read images from files, and trained on two devices with the same result.
#
# ## References
#
# - C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017). *On calibration of modern neural networks.*
# - TensorFlow's guide *Distributed training with TensorFlow*, and Keras's guide *Writing your own callbacks.*
#
# Next: the [exercises](../exercises/14_ship_and_scale.ipynb), then the [capstone](../exercises/19_capstone.ipynb).
