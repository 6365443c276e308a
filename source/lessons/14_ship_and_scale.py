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
# **What you will do.** Take one model with two heads on its way out of the notebook: save it, serve it, decide with its
# probabilities, watch it, and train it faster and with several processes.
#
# **What you will learn**
# - to know what a saved model keeps and what it loses, and to ask a served model for its answers by name;
# - to repair the probabilities of each head with one number, and to choose thresholds on validation data;
# - to keep the best epoch for one head, to raise an alarm when the data of one head change, and to add a head without
#   moving the old ones;
# - to know where the time of `fit` goes, and to train with two devices and two processes that give the result of one.
#
# **What you will need.** [Lesson 6](06_missing_labels.ipynb) (the images) and [lesson 11](11_hierarchical_heads.ipynb) (the
# conditional head). No GPU. About 70 minutes; the longest cell runs for about 10 seconds.

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.hierarchy import ConditionalHead, Tree
from mos_helpers.scaling import run_workers, worker

import inspect
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

keras.utils.set_random_seed(14)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name)

# %% [markdown]
# One thing must be said before TensorFlow starts to compute. It shall see our processor as *two* devices. We need them at the
# end, to practise training on two devices without owning two. Until then only the first is used.

# %%
processor = tf.config.list_physical_devices("CPU")[0]
two_devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two_devices)

# %% [markdown]
# ## The model
#
# The images are those of lesson 6: two digits on one canvas, at half the resolution. Which digit is the *left* one, and is the
# right one *odd*? This time we need three sets. A **validation** set serves every choice that we make after training, and
# the test set says how good the choices were. The digits are divided first, then the canvases are composed.


# %%
def two_questions(x, y, n, seed):
    """Return n prepared images, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    return prepare(canvas), {"left": pair["left"], "odd": pair["right"] % 2}


def prepare(canvas):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = canvas.shape
    return canvas.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


digits = data.load_digits()
cut = len(digits.x_train) * 3 // 4
x_validation, y_validation = digits.x_train[cut:], digits.y_train[cut:]
train = two_questions(digits.x_train[:cut], digits.y_train[:cut], 4000, seed=1)
validation = two_questions(x_validation, y_validation, 2000, seed=2)
test = two_questions(digits.x_test, digits.y_test, 2000, seed=3)
digits

# %% [markdown]
# The head *left* is the `ConditionalHead` of lesson 11, over a tree of digits that look alike. So the model holds a layer that
# Keras does not have. The head *odd* is a sigmoid.

# %%
by_look = Tree(
    {
        "round": ["0", "6"],
        "straight": ["1", "7"],
        "hook": ["4", "9"],
        "bows": ["3", "5", "8"],
        "two": ["2"],
    },
    leaves=list("0123456789"),
)


def build(head_dtype=None):
    """Return a model with the outputs "left" and "odd" on one trunk, not compiled."""
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    left = ConditionalHead(by_look, name="left", dtype=head_dtype)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd", dtype=head_dtype)
    return keras.Model(image, {"left": left(trunk), "odd": odd(trunk)})


# %%
losses = {"left": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
metrics = {"left": ["accuracy"], "odd": ["accuracy"]}
loss_weights = {name: keras.Variable(1.0, trainable=False) for name in losses}


def compiled(model, steps_per_execution=50, loss_weights=None):
    """Compile the model with the options of this lesson, and return it."""
    model.compile(
        optimizer=keras.optimizers.Adam(0.003),
        loss=losses,
        loss_weights=loss_weights,
        metrics=metrics,
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    return model


# %% [markdown]
# We train it with five seeds, for 1,000 updates each, and keep the weights. The first set stays in the model. The loss
# weights are variables, as in [lesson 7](07_loss_weights.ipynb), and both are 1.

# %%
seeds = range(5)
model = compiled(build(), loss_weights=loss_weights)
firsts = [build().get_weights() for _ in seeds]
at_start = [variable.numpy() for variable in model.optimizer.variables]


def retrain(seed, updates=1000):
    """Train the model from the first weights of a seed."""
    model.set_weights(firsts[seed])
    for variable, value in zip(model.optimizer.variables, at_start, strict=True):
        variable.assign(value)
    return model.fit(data.batches(*train, seed=seed).repeat(), steps_per_epoch=updates, verbose=0)


trained = {}
for seed in reversed(seeds):
    retrain(seed)
    trained[seed] = model.get_weights()

# %%
naive = {name: np.bincount(values).max() / 2000 for name, values in test[1].items()}
scores = model.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)
for name in losses:
    print(f"{name:5} {scores[f'{name}_accuracy']:.1%} right (most frequent label: {naive[name]:.1%})")

# %% tags=["check"]
assert scores["left_accuracy"] > 0.8 and scores["odd_accuracy"] > 0.85

# %% [markdown]
# ## 1. Save
#
# A `.keras` file holds the layers, the weights, the compile options and the state of the optimizer.
#
# **Predict first.** Will the loaded model give the same answers, to the last digit? Will it still know `left` as a
# `ConditionalHead`, and its tree?

# %%
model.save(path / "model.keras")
loaded = keras.models.load_model(path / "model.keras")

answers = model.predict(test[0], batch_size=1000, verbose=0)
again = loaded.predict(test[0], batch_size=1000, verbose=0)
for name in losses:
    layer, difference = loaded.get_layer(name), np.abs(again[name] - answers[name]).max()
    print(f"{name:5} {type(layer).__name__:16} largest difference {difference:.1e}")
print("its tree:", loaded.get_layer("left").tree)
print("updates so far:", int(loaded.optimizer.iterations.numpy()))

# %% tags=["check"]
assert all(np.allclose(again[name], answers[name], atol=1e-6) for name in losses)
assert isinstance(loaded.get_layer("left"), ConditionalHead)
assert int(loaded.optimizer.iterations.numpy()) == 1000

# %% [markdown]
# All of it is there: names, own layer, tree, optimizer. The own layer comes back because its class is **registered** with
# `@keras.saving.register_keras_serializable`, because `get_config` says how to make it again, and because we *imported* it.
# A program that loads this file must import `mos_helpers.hierarchy` as well.
#
# ### What is lost
#
# Our loss weights are variables, so that a callback can change them during training. We set the weight of *odd* to 0 in the
# original model. Its loss should fall to the loss of *left* alone. Then we do the same with the loaded model, through the
# only variables that we have.

# %%
before = loaded.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)["loss"]
loss_weights["odd"].assign(0.0)
after = {
    name: one.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)["loss"]
    for name, one in {"original": model, "loaded": loaded}.items()
}
loss_weights["odd"].assign(1.0)
print(f"both weights 1: {before:.3f}    weight of odd 0: {after}")

# %% tags=["check"]
assert np.isclose(after["loaded"], before) and after["original"] < before - 0.05

# %% [markdown]
# The loaded model does not notice. It has its weights as *numbers*, frozen at the moment of saving, and nothing says so. A
# schedule of loss weights would go on without any effect. **Compile again after loading** if anything in the compile options
# is meant to change.
#
# A loss function of our own is stored by its name only. (The next cell ends with an error, on purpose.)


# %% tags=["raises-exception"]
def careful(labels, said):
    return keras.losses.sparse_categorical_crossentropy(labels, said * 0.9 + 0.01)


own = build()
own.compile("adam", loss={"left": careful, "odd": "binary_crossentropy"})
own.save(path / "own.keras")
keras.models.load_model(path / "own.keras")

# %% [markdown]
# The message names the cure: register the function, as the course registers its layers, and import it before loading. Who
# only wants answers needs no loss. With `compile=False` the model loads without it.

# %%
own = keras.models.load_model(path / "own.keras", compile=False)
print("compiled:", own.compiled, "  outputs:", list(own.output))

# %% tags=["check"]
assert not own.compiled and list(own.output) == ["left", "odd"]

# %% [markdown]
# ## 2. Serve
#
# A server need not have Keras, nor our classes. `export` writes a **SavedModel**: the computation itself, as a graph. Its
# **signature** is the function that a server calls, with named inputs and named outputs.

# %%
model.export(path / "served", verbose=False)
signature = tf.saved_model.load(path / "served").signatures["serving_default"]
print("inputs: ", {name: spec.shape for name, spec in signature.structured_input_signature[1].items()})
print("outputs:", {name: signature.structured_outputs[name].shape for name in sorted(losses)})

# %% [markdown]
# The names are ours, because the model has a dictionary of outputs. In which *order* do they come? Code that was written for a
# list of outputs often takes "the first one".
#
# We ask the file twelve times, each time in a new Python process. To be quick, the process reads the signature with
# TensorFlow's own reader of the file, and does not start TensorFlow.
#
# **Predict first.** It is the same file each time. How many different orders will there be?

# %%
ask = """
import importlib.util, sys, types
tensorflow = types.ModuleType("tensorflow")  # an empty one: to import all of it takes seconds
tensorflow.__path__ = importlib.util.find_spec("tensorflow").submodule_search_locations
sys.modules["tensorflow"] = tensorflow
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
graph = SavedModel.FromString(open(sys.argv[1], "rb").read()).meta_graphs[0]
print(*graph.signature_def["serving_default"].outputs)
"""
command = [sys.executable, "-c", ask, str(path / "served" / "saved_model.pb")]
orders = [
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    for _ in range(12)
]
for order in ["left odd", "odd left"]:
    print(f"{order}: {orders.count(order)} of {len(orders)} processes")

# %% tags=["check"]
assert all(sorted(order.split()) == ["left", "odd"] for order in orders)

# %% [markdown]
# Usually both. The outputs stand in the file as a map, and a map has no order: each process goes through it in its own
# way. Within one process the order stays, so a test that runs once proves nothing. (If you see one order only, run the cell
# again.) **Take the outputs by name.**

# %%
few = test[0][:5].astype("float32")
wanted = model.predict(few, verbose=0)
served = signature(image=tf.constant(few))
for name in losses:
    print(f"{name:5} largest difference {np.abs(served[name].numpy() - wanted[name]).max():.1e}")

# %% tags=["check"]
assert all(np.allclose(served[name], wanted[name], atol=1e-5) for name in losses)

# %% [markdown]
# ### On a small device: LiteRT
#
# LiteRT (once TensorFlow Lite) is a small program for phones and controllers. Its file is made by the same `export`. To run
# it here we take the interpreter that comes with TensorFlow. (TensorFlow says that it will remove it: the same class is in
# the package `ai_edge_litert`, which needs no TensorFlow.) The option in the second line leaves out a faster way to compute
# that announces itself on standard error.

# %%
model.export(path / "model.tflite", format="litert", verbose=False)
plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
with warnings.catch_warnings(action="ignore"):  # it says: will be removed
    lite = tf.lite.Interpreter(
        str(path / "model.tflite"), experimental_op_resolver_type=plain
    )
for place, output in enumerate(lite.get_output_details()):
    print(f"output {place}: {output['name']}, shape {output['shape']}")

# %% [markdown]
# These names say nothing, and the order is not that of the model. A **signature runner** knows the names.

# %%
runner = lite.get_signature_runner()
on_device = runner(image=few)
for name in losses:
    print(f"{name:5} largest difference {np.abs(on_device[name] - wanted[name]).max():.1e}")

# %% tags=["check"]
assert all(np.allclose(on_device[name], wanted[name], atol=1e-5) for name in losses)

# %% [markdown]
# "Equal" means here: less than 0.00001 apart. The programs add in another order, so the last digits may differ.
#
# ### How long does one answer take?
#
# A server often gets one image at a time. We ask five ways for the answer to one image.
#
# **Predict first.** Which is fastest? How many times faster than `predict`?

# %%
one = few[:1]
one_tensor = tf.constant(one)
graph = tf.function(lambda image: model(image, training=False))
ways = {
    "predict": lambda: model.predict(one, verbose=0),
    "model(image)": lambda: model(one_tensor, training=False),
    "tf.function": lambda: graph(one_tensor),
    "SavedModel": lambda: signature(image=one_tensor),
    "LiteRT": lambda: runner(image=one),
}
milliseconds = {name: [] for name in ways}
for _ in range(8):
    for name, ask in ways.items():
        start = time.perf_counter()
        for _ in range(3):
            ask()
        milliseconds[name].append((time.perf_counter() - start) / 3 * 1000)

medians = {name: np.median(times[1:]) for name, times in milliseconds.items()}
for name, median in medians.items():
    print(f"{name:13}{median:8.3f} ms   {medians['predict'] / median:7.1f} x faster than predict")

# %% tags=["check"]
assert medians["predict"] == max(medians.values()) and medians["LiteRT"] < medians["predict"] / 20

# %% [markdown]
# These are medians of seven rounds, and the times of one machine: yours will differ, the order hardly. Nearly all of this
# time is not arithmetic. `predict` builds a pipeline for one image. `model(image)` goes through Python layer by layer. A
# compiled function goes through Python once. With many images in a batch the differences shrink:
# `benchmarks/serving.py` measures one image and 256.
#
# So: `predict` for large arrays, a compiled function or a SavedModel for single requests.

# %% [markdown]
# ## 3. Decide
#
# A head states probabilities. Whoever acts on them believes them: "sure to 95%" should be right 95 times in 100. Then the
# head is **calibrated**. To look at this, we sort the test images by the probability of the answer, cut them into
# groups, and compare the mean probability of each group with the share that is right.


# %%
def as_classes(said):
    """Return probabilities of all classes, shape (n, classes), also for a sigmoid of shape (n, 1)."""
    return np.concatenate([1 - said, said], axis=1) if said.shape[1] == 1 else said


def groups(said, labels, count=10):
    """Return mean stated probability, share of right answers, and size of each group."""
    said = as_classes(said)
    sure, right = said.max(axis=1), said.argmax(axis=1) == labels
    group = np.minimum((sure * count).astype(int), count - 1)
    used = [group == number for number in range(count) if (group == number).any()]
    return np.array([(sure[rows].mean(), right[rows].mean(), rows.sum()) for rows in used]).T


def calibration_error(said, labels):
    """Return the mean distance between stated and observed, each group counted by its size."""
    stated, observed, sizes = groups(said, labels)
    return np.average(np.abs(stated - observed), weights=sizes)


# %% [markdown]
# The second number is the **expected calibration error**. A better judge is the **mean negative log-likelihood**: the
# cross-entropy without any tricks. It needs no groups, and it is smallest for the true probabilities.


# %%
def log_loss(said, labels):
    """Return the mean negative logarithm of the probability of the true class."""
    of_truth = as_classes(said)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(of_truth, 1e-12)).mean()


# %% [markdown]
# ### One number for each head
#
# **Temperature scaling** (Guo, Pleiss, Sun and Weinberger, 2017) divides the logits of a head by one number, its temperature. A
# temperature above 1 makes the head less sure, one below 1 makes it surer. Its most probable class stays the same. The logarithms of the
# probabilities serve as logits, up to a constant that softmax does not see. So we need no change to the model.


# %%
def with_temperature(said, temperature):
    """Return probabilities of all classes, with their logarithms divided by the temperature."""
    logits = np.log(np.maximum(as_classes(said), 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(said, labels):
    """Return the temperature with the smallest negative log-likelihood."""
    found = minimize_scalar(
        lambda power: log_loss(with_temperature(said, np.exp(power)), labels),
        bounds=(-2, 2),
        method="bounded",
    )
    return np.exp(found.x)


# %% [markdown]
# We fit it on the *validation* images. On training images it would be useless: the model knows them by heart, so there it
# is right as often as it says.
#
# **Predict first.** The networks had 1,000 updates on 4,000 images. Are the temperatures above 1 or below? And after only
# 100 updates?

# %%
said = {}  # (seed, set): answers by head
for seed in seeds:
    model.set_weights(trained[seed])
    for name, (images, _) in {"validation": validation, "test": test}.items():
        said[seed, name] = model.predict(images, batch_size=1000, verbose=0)
retrain(0, updates=100)
early = model.predict(validation[0], batch_size=1000, verbose=0)
model.set_weights(trained[0])

temperatures = {
    head: [fit_temperature(said[seed, "validation"][head], validation[1][head]) for seed in seeds]
    for head in losses
}
for head, values in temperatures.items():
    first = fit_temperature(early[head], validation[1][head])
    print(f"{head:5} {np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}, after 100 updates {first:.2f}")

# %% tags=["check"]
assert all(np.mean(values) > 1.1 for values in temperatures.values())
assert fit_temperature(early["left"], validation[1]["left"]) < 1

# %% [markdown]
# After a long training both heads are too sure. Each has a temperature of its own. After a short training *left* is
# not sure enough. The number repairs both.

# %%
pairs = {
    "as trained": said[0, "test"]["left"],
    "with temperature": with_temperature(said[0, "test"]["left"], temperatures["left"][0]),
}
plots.reliability(
    {name: groups(values, test[1]["left"])[:2] for name, values in pairs.items()},
    "stated probability of the answer left",
    "share of right answers",
)

# %% [markdown]
# Groups with few images are noisy. The scores over five seeds, all on test images:

# %%
table = {}
for head in losses:
    for seed in seeds:
        raw, labels = said[seed, "test"][head], test[1][head]
        cooled = with_temperature(raw, temperatures[head][seed])
        for name, values in {"as trained": raw, "with temperature": cooled}.items():
            scores = [log_loss(values, labels), calibration_error(values, labels)]
            scores.append((as_classes(values).argmax(axis=1) == labels).mean())
            table.setdefault((head, name), []).append(scores)

print(f"{'':24}{'log-likelihood':>16}{'calibration':>18}{'accuracy':>17}")
for (head, name), scores in table.items():
    means, spreads = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    shown = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
    print(f"{head:6}{name:16}" + "".join(f"{cell:>17}" for cell in shown))

# %% tags=["check"]
for head in losses:
    raw, cooled = (np.array(table[head, name]) for name in ["as trained", "with temperature"])
    assert (cooled[:, 0] < raw[:, 0]).all() and cooled[:, 1].mean() < raw[:, 1].mean()
    assert np.allclose(cooled[:, 2], raw[:, 2], atol=0.002)

# %% [markdown]
# The log-likelihood falls for both heads and for every seed, the mean calibration error falls too, and the accuracy stays: a temperature
# changes how sure a head is, and not what it answers. What is left of the calibration error is partly chance, because
# each group holds only some images.
#
# ### A threshold for each head
#
# Often a head may say "I do not know", and a person looks at the image. Say that of the answers that we give, at
# least 98% shall be right. For each head we take the lowest threshold that reaches this on the validation images.


# %%
def threshold_for(said, labels, wanted=0.98):
    """Return the lowest probability from which on the share of right answers is at least `wanted`."""
    sure, right = said.max(axis=1), said.argmax(axis=1) == labels
    order = np.argsort(-sure)
    shares = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    good = np.flatnonzero(shares >= wanted)
    return sure[order][good[-1]] if len(good) else np.inf


# %%
print(f"{'':22}{'threshold':>16}{'answered':>16}{'of these right':>18}")
decided = {}
for head in losses:
    for name in ["as trained", "with temperature"]:
        for seed in seeds:
            temperature = temperatures[head][seed] if name == "with temperature" else 1.0
            choose, judge = (with_temperature(said[seed, part][head], temperature) for part in ["validation", "test"])
            threshold = threshold_for(choose, validation[1][head])
            answered = judge.max(axis=1) >= threshold
            right = judge.argmax(axis=1)[answered] == test[1][head][answered]
            decided.setdefault((head, name), []).append([threshold, answered.mean(), right.mean()])
        means, spreads = (f(decided[head, name], axis=0) for f in (np.mean, lambda x, axis: np.std(x, axis, ddof=1)))
        cells = "".join(f"{f'{m:.1%} ± {s:.1%}':>17}" for m, s in zip(means, spreads, strict=True))
        print(f"{head:5}{name:17}{cells}")

# %% tags=["check"]
for head in losses:
    raw, cooled = (np.mean(decided[head, name], axis=0) for name in ["as trained", "with temperature"])
    assert abs(cooled[1] - raw[1]) < 0.05 and abs(cooled[2] - raw[2]) < 0.01
    assert 0.93 < cooled[2] and np.mean(table[head, "as trained"], axis=0)[2] < cooled[2]

# %% [markdown]
# Each head needs a threshold of its own, and on test images the share of right answers comes close to the 98% that we
# asked for, sometimes a little above, sometimes below: a threshold is chosen on a sample as well. Compare the two rows of a
# head. The thresholds differ, the results hardly do: a threshold that is *fitted* absorbs a wrong calibration. You need
# calibrated probabilities where the threshold comes from elsewhere, for example from what an error costs.

# %% [markdown]
# ## 4. Watch
#
# ### Keep the best epoch, for the head that matters
#
# Here is one training with 12 validations. Which epoch is the best one?

# %%
watched = {
    "val_loss": "min",
    "val_left_loss": "min",
    "val_left_accuracy": "max",
    "val_odd_loss": "min",
    "val_odd_accuracy": "max",
}
held_out = data.batches(*validation, 1000, shuffle=False)
keep = {"mode": "max", "save_best_only": True}
callbacks = [
    keras.callbacks.ModelCheckpoint(path / "left_{epoch:02}.keras", "val_left_accuracy", **keep),
    keras.callbacks.ModelCheckpoint(path / "typo_{epoch:02}.keras", "val_accuracy", **keep),
]
retrain(0, updates=50)  # the weights after 50 updates are where we start
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    logs = model.fit(
        data.batches(*train, seed=7).repeat(),
        epochs=12,
        steps_per_epoch=100,
        validation_data=held_out,
        callbacks=callbacks,
        verbose=0,
    ).history
for key, mode in watched.items():
    print(f"{key:18} best in epoch {1 + (np.argmin if mode == 'min' else np.argmax)(logs[key])}")

# %% [markdown]
# It depends on whom you ask. The loss of a head is often best early, when the head is not yet too sure of itself, and its
# accuracy later. Decide which number counts for you before you look.
#
# We also gave `ModelCheckpoint` a key that does not exist: with several heads there is no `val_accuracy`.
#
# **Predict first.** What does it save, with `save_best_only=True`?

# %%
for name in ["left", "typo"]:
    saved = sorted(int(file.stem[-2:]) for file in path.glob(f"{name}_*.keras"))
    print(f"{name} saved the epochs", *saved)
print({str(warning.message) for warning in caught if "best model" in str(warning.message)})

# %% tags=["check"]
assert len(list(path.glob("typo_*.keras"))) == 12
best = 1 + int(np.argmax(logs["val_left_accuracy"]))
assert max(path.glob("left_*.keras")).stem == f"left_{best:02}"

# %% [markdown]
# *Every* epoch: the "best" file is the last one. There is only a warning, which a log file swallows. With `EarlyStopping`
# the same mistake never stops. And `mode` must be said for a head: (the next cell ends with an error, on purpose)

# %% tags=["raises-exception"]
stop = keras.callbacks.EarlyStopping("val_left_accuracy", patience=3)
model.fit(*train, validation_data=validation, callbacks=[stop], verbose=0)

# %% [markdown]
# This is a good message. So write `EarlyStopping("val_left_accuracy", mode="max", ...)`, and test once that the key is in
# `history.history`.
#
# ### Has the world changed?
#
# Once the model is in use, nobody tells us the labels. But we can see what it answers. If the answers of a head are
# distributed otherwise than on the validation images, something has changed. The **population stability index** compares
# two such distributions in ten groups, with $p$ the shares on validation images and $q$ the new ones:
#
# $$\sum_{\text{groups}} (p - q) \ln \frac{p}{q}$$
#
# It is 0 if all shares are equal, and never negative. To avoid the logarithm of 0 we add half an image to each group.


# %%
def counts(values, reference):
    """Return how many values fall into each tenth of the reference."""
    edges = np.unique(np.quantile(reference, np.linspace(0.1, 0.9, 9)))
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def stability_index(reference_counts, window_counts):
    """Return the population stability index of two arrays of counts."""
    p, q = ((c + 0.5) / (c + 0.5).sum() for c in (reference_counts, window_counts))
    return np.sum((p - q) * np.log(p / q))


# %% [markdown]
# When is it too large? Widespread rules say 0.1 or 0.25, whatever the number of images. But two samples of the *same* kind
# differ too, the more the smaller they are. Yurdakul (2018) showed how much: for $n$ and $m$ images in $B$ groups, without any change, the index is
# about $(1/n + 1/m)$ times a chi-squared variable with $B - 1$ degrees of freedom. So we raise an alarm above its 99% point.
#
# **Predict first.** We look at windows of 200 images. How large is the index on average when nothing has changed? (A
# chi-squared variable is $B - 1$ on average.)

# %%
window, reference_size, n_groups = 200, 2000, 10
scale = 1 / window + 1 / reference_size
print(f"without change {scale * (n_groups - 1):.3f} on average, alarm above {scale * chi2.ppf(0.99, n_groups - 1):.3f}")


# %% [markdown]
# As the number to watch we take how sure *left* is, and the probability that *odd* states. Three controls come first: validation
# digits on new canvases, test digits, and a smaller share of even digits. Then come changes of the image.


# %%
def canvases(x, y, seed, change=lambda canvas: canvas, keep=1.0):
    """Return 2,000 changed images with targets; of the right digits that are even only a share is kept."""
    canvas, pair = data.two_digits(x, y, 6000, seed=seed)
    kept = np.random.default_rng(seed).random(6000) < np.where(pair["right"] % 2, 1.0, keep)
    rows = np.flatnonzero(kept)[:2000]
    return prepare(change(canvas[rows])), {"left": pair["left"][rows], "odd": pair["right"][rows] % 2}


tests = (digits.x_test, digits.y_test)
worlds = {
    "validation digits": canvases(x_validation, y_validation, seed=20),
    "test digits": canvases(*tests, seed=21),
    "fewer even digits": canvases(*tests, seed=22, keep=0.25),
    "half as bright": canvases(*tests, seed=23, change=lambda canvas: canvas / 2),
    "inverted": canvases(*tests, seed=24, change=lambda canvas: 1 - canvas),
    "mirrored": canvases(*tests, seed=25, change=lambda canvas: canvas[:, :, ::-1]),
}

# %%
model.set_weights(trained[0])


def watch(images):
    """Return the number to watch for each image and head."""
    found = model.predict(images, batch_size=1000, verbose=0)
    return {"left": found["left"].max(axis=1), "odd": found["odd"][:, 0]}, found


reference = watch(validation[0])[0]
rng = np.random.default_rng(14)
indices = {}
print(f"{'':20}" + "".join(f"{f'{head}: index, alarms, right':>34}" for head in losses))
for name, (images, targets) in worlds.items():
    seen, found = watch(images)
    row = f"{name:20}"
    for head in losses:
        base = counts(reference[head], reference[head])
        limit = scale * chi2.ppf(0.99, len(base) - 1)
        drawn = [seen[head][rng.choice(2000, window, replace=False)] for _ in range(200)]
        values = np.array([stability_index(base, counts(one, reference[head])) for one in drawn])
        right = (as_classes(found[head]).argmax(axis=1) == targets[head]).mean()
        indices[name, head] = values.mean(), (values > limit).mean(), right
        row += f"{values.mean():>17.3f}{(values > limit).mean():>9.0%}{right:>8.0%}"
    print(row)

# %% tags=["check"]
for head in losses:
    assert indices["validation digits", head][1] < 0.1
    assert indices["half as bright", head][1] > 0.9 and indices["mirrored", head][1] > 0.9
assert indices["fewer even digits", "odd"][1] > 0.9 and indices["fewer even digits", "left"][1] < 0.5
assert abs(indices["half as bright", "left"][2] - indices["test digits", "left"][2]) < 0.05

# %% [markdown]
# Read the columns one by one.
# - **No change**: with validation digits the index is near the 0.05 that we computed, and false alarms are rare. The rules of 0.1 and
#   0.25 know nothing of the number of images: with windows of 50 the index would exceed 0.1 most of the time.
# - **Other digits** of the same source raise a few more alarms where there are few of them, as in the bundled
#   digits. The formula assumes independent images, and our canvases use the same digits again and again.
# - **Fewer even digits** concerns one head, and only its index rises. The other one stays where it was.
# - **Half as bright** raises every alarm, and the heads are as right as before. An alarm says *look*, and not *wrong*.
# - **Inverted** and **mirrored** are the real damage, and no label was needed to see it.

# %% [markdown]
# ### Add a head later
#
# Half a year later there is a new question: is the right digit *big*, at least 5? The old heads are in use. Their answers must
# not move. So the trunk is frozen, and a new head learns from what the trunk computes.


# %%
def is_big(x, y, n, seed):
    return (data.two_digits(x, y, n, seed=seed)[1]["right"] >= 5).astype(int)


big_train = is_big(digits.x_train[:cut], digits.y_train[:cut], 4000, seed=1)
big_test = is_big(*tests, 2000, seed=3)


def grow(name):
    """Return a model with the old outputs and a new one, all on the old trunk."""
    old = build()
    old.set_weights(trained[0])
    head = keras.layers.Dense(1, activation="sigmoid", name=name)
    return old, keras.Model(old.input, old.output | {name: head(old.get_layer("trunk_2").output)})


# %% [markdown]
# `trainable = False` freezes a layer. We train for 20 updates in three ways, with a loss for the new head only.
#
# **Predict first.** In which of them do the old answers stay as they were?

# %%
moved = {}
for way in ["not frozen", "compiled, then frozen", "frozen, then compiled"]:
    old, grown = grow("big")
    old.trainable = way != "frozen, then compiled"
    grown.compile("adam", loss={"big": "binary_crossentropy"}, run_eagerly=True)
    old.trainable = way == "not frozen"
    before = old.predict_on_batch(test[0])
    for start in range(0, 20 * 128, 128):
        rows = slice(start, start + 128)
        grown.train_on_batch(train[0][rows], {"big": big_train[rows]})
    after = old.predict_on_batch(test[0])
    moved[way] = {head: float(np.abs(after[head] - before[head]).max()) for head in losses}
    print(f"{way:22}", {head: f"{value:.4f}" for head, value in moved[way].items()})

# %% tags=["check"]
assert all(value == 0 for value in moved["frozen, then compiled"].values())
assert all(value > 0.01 for value in moved["not frozen"].values())
