# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 2. Wiring heads so that nothing is silently wrong
#
# **What you will do.** Take the two-head model as older code writes it, run it on today's Keras, and repair what breaks. Then
# wire it wrongly in the ways that do *not* break, and learn to see them.
#
# **What you will learn**
# - to read the errors that Keras gives when a model has several outputs, and to cure them;
# - to find the mistakes that give no error: targets, loss weights and scores that reach the wrong head;
# - to know what the word `"accuracy"` measures on each kind of head;
# - to let `check_heads` look at a model before any training.
#
# **What you will need.** [Lesson 1](01_two_heads.ipynb). No GPU. About 55 minutes; the longest cell runs for a few seconds.
# Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, notebook, plots  # first: it keeps TensorFlow's start-up quiet
from mos_helpers.heads import check_heads

import contextlib
import warnings

import keras
import numpy as np

keras.utils.set_random_seed(2)

# %% [markdown]
# A small part of the images is enough here. We look at the wiring, not at good scores.

# %%
digits = data.load_digits(n_train=1280, n_test=500)
images, labels = digits.x_train.reshape(-1, 784), digits.y_train
images_validation, labels_validation = images[1024:], labels[1024:]
images, labels = images[:1024], labels[:1024]
images_test, labels_test = digits.x_test.reshape(-1, 784), digits.y_test
digits

# %% [markdown]
# ## The model as older code writes it
#
# Many books and course notes write two heads like this: the outputs in a list, and no names.

# %%
image = keras.Input(shape=(784,))
trunk = keras.layers.Dense(64, activation="relu")(image)
digit = keras.layers.Dense(10, activation="softmax")(trunk)
odd = keras.layers.Dense(1, activation="sigmoid")(trunk)

old = keras.Model(inputs=image, outputs=[digit, odd], name="old_page")

# %% [markdown]
# Which box answers which question?

# %%
plots.architecture(old)

# %% [markdown]
# You can guess it from the units, ten and one. The names do not tell you: Keras numbers the layers in the order in which they
# are made.
#
# The same old page compiles the model like this. It ran for years.

# %%
losses = ["sparse_categorical_crossentropy", "binary_crossentropy"]
old.compile(optimizer="adam", loss=losses, metrics=["accuracy"])

# %% tags=["raises-exception", "nbval-check-output"]
old.fit(images, [labels, labels % 2], verbose=0)

# %% [markdown]
# `compile` accepted it, and `fit` fails. Read the message from its end: it received `metrics=['accuracy']`, one entry, and it
# expected two, because the model has two outputs. Keras 2 gave the one metric to both heads. Keras 3 wants one entry for each
# head.

# %% [markdown]
# ## The list form, made to work
#
# The cure that changes least: one list of metrics for each output, in the order of the outputs.

# %%
old.compile(optimizer="adam", loss=losses, metrics=[["accuracy"], ["accuracy"]])
history = old.fit(images, [labels, labels % 2], verbose=0)

# %% tags=["nbval-check-output"]
list(history.history)

# %% [markdown]
# It works. But the scores have the names of the layers, so we must remember that `dense_1` is the digit. And these names
# change.
#
# **Predict first.** We make the trunk and the heads once more, as one does in a notebook. What will the two
# outputs be called?

# %% tags=["nbval-check-output"]
trunk = keras.layers.Dense(64, activation="relu")(image)
digit = keras.layers.Dense(10, activation="softmax")(trunk)
odd = keras.layers.Dense(1, activation="sigmoid")(trunk)
keras.Model(image, [digit, odd]).output_names

# %% [markdown]
# Code that reads `history.history["dense_1_loss"]` now fails, or reads the loss of another model. Keras goes on counting as
# long as the kernel runs.
#
# ### One metric for each head, or all for all?
#
# A second way to write metrics is a flat list. Suppose that we want two metrics: accuracy and squared error.
#
# **Predict first.** Two heads, two metrics, one flat list. Which head gets which metric?

# %% tags=["nbval-check-output"]
old.compile(optimizer="adam", loss=losses, metrics=["accuracy", "mean_squared_error"])
list(old.evaluate(images, [labels, labels % 2], verbose=0, return_dict=True))

# %% [markdown]
# The first head gets the first metric, the second head gets the second. Keras 2 gave both metrics to both heads. The code is
# the same, the meaning is not, and no message says so.

# %% [markdown]
# ## A failed `fit` spoils the model
#
# Another mistake is to forget one target. The message is short and clear: one array came, and two were needed.

# %% tags=["raises-exception", "nbval-check-output"]
old.compile(optimizer="adam", loss=losses, metrics=[["accuracy"], ["accuracy"]])
old.fit(images, labels, verbose=0)

# %% [markdown]
# So we give both targets. This call is right.
#
# **Predict first.** Does it run?

# %% tags=["raises-exception", "nbval-check-output"]
old.fit(images, [labels, labels % 2], verbose=0)

# %% [markdown]
# It fails with a message about something else. The first call had begun to prepare the training and left it half done. So
# compile a model again after a failed `fit` or `evaluate`. Its weights stay as they are.

# %% tags=["check"]
old.compile(optimizer="adam", loss=losses, metrics=[["accuracy"], ["accuracy"]])
scores = old.evaluate(images, [labels, labels % 2], verbose=0, return_dict=True)
assert np.isfinite(list(scores.values())).all()

# %% [markdown]
# When a message makes no sense, compile again first, and read the message that comes then.

# %% [markdown]
# ## Names, and dictionaries with these names
#
# Now the form of lesson 1. The heads get names. We want to try several wirings, so a function gives us the parts.


# %%
def make_heads():
    """Return the input and the two named outputs of a new trunk with two heads."""
    image = keras.Input(shape=(784,), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk")(image)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    return image, digit, odd


loss = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
metrics = {"digit": ["accuracy"], "odd": ["accuracy"]}
targets = {"digit": labels, "odd": labels % 2}
targets_validation = {"digit": labels_validation, "odd": labels_validation % 2}
targets_test = {"digit": labels_test, "odd": labels_test % 2}

# %% tags=["nbval-check-output"]
image, digit, odd = make_heads()
named = keras.Model(image, {"digit": digit, "odd": odd})
named.compile(optimizer="adam", loss=loss, metrics=metrics)
history = named.fit(images, targets, batch_size=32, epochs=5, verbose=0)
list(history.history)

# %% [markdown]
# Every part of the wiring is a dictionary, and a key is the name of a layer. Nothing depends on an order. In what follows, we
# leave this rule, a little at a time.

# %% [markdown]
# ## Targets that reach the wrong head
#
# A model with a list of outputs, and the targets in the wrong order: oddness first.
#
# **Predict first.** Will Keras refuse? If not, what will the digit head learn?

# %%
image, digit, odd = make_heads()
swapped = keras.Model(image, [digit, odd])
swapped.compile(optimizer="adam", loss=loss, metrics=metrics)
history = swapped.fit(images, [labels % 2, labels], batch_size=32, epochs=5, verbose=0)

# %%
print(f"{'':17}" + "".join(f"{f'epoch {epoch}':>10}" for epoch in range(1, 6)))
for name in ["digit_accuracy", "digit_loss", "odd_accuracy", "odd_loss", "loss"]:
    print(f"{name:17}" + "".join(f"{value:10.2f}" for value in history.history[name]))

# %% [markdown]
# No error, no warning. But look at `odd_loss`: it is below zero. A cross-entropy cannot be below zero when its targets lie
# between 0 and 1. Here the odd head was given targets from 0 to 9. Training lowers such a loss without end.
#
# The digit head hides the mistake better: its accuracy and its loss look possible. What does it answer on new images?

# %%
answer = swapped.predict(images_test, verbose=0)[0].argmax(axis=1)
plots.confusion(labels_test, answer, labels=range(10))

# %% tags=["check"]
assert history.history["odd_loss"][-1] < 0
assert np.isin(answer, [0, 1]).mean() > 0.95

# %% [markdown]
# It answers 0 or 1: to its loss, "odd" was the class 1 and "even" the class 0. In our run it is often wrong even about that,
# and the size of the odd loss is hundreds of times that of the digit loss. The two heads share the trunk.
#
# Here there is a sign, the loss below zero. It does not always come. Two yes/no heads whose targets are swapped give no sign:
# each learns the other's question, and every number looks right.

# %% [markdown]
# ## A dictionary meets a list
#
# Here is a model with named heads in a dictionary. It is written with `odd` first. The training targets are a dictionary too.
# Only the validation targets come as a list, in the order in which the model is written.
#
# **Predict first.** In which order does Keras take the list: the one that we wrote, or another?

# %%
image, digit, odd = make_heads()
model = keras.Model(image, {"odd": odd, "digit": digit})
model.compile(optimizer="adam", loss=loss, metrics=metrics)

validation_list = (images_validation, [labels_validation % 2, labels_validation])
history = model.fit(images, targets, validation_data=validation_list, epochs=5, verbose=0)

# %%
plots.history(history, heads=["digit", "odd"])

# %% [markdown]
# The training curves are good, and the validation curves are nonsense. When the *outputs* are a dictionary and you give a
# list, Keras sorts the keys of the outputs by the alphabet: `digit`, `odd`. So the digit head was compared with oddness, and
# the odd head with digits.
#
# Somebody who reads these curves would say that the model only remembers its training images, and would change the model.
# But nothing is wrong with the model, and there is a sign: an accuracy of `odd` far below the half that guessing gets. With
# a dictionary the validation is right:

# %% tags=["check"]
right = model.evaluate(images_validation, targets_validation, verbose=0, return_dict=True)
for head in ["digit", "odd"]:
    by_list, by_key = history.history[f"val_{head}_accuracy"][-1], right[f"{head}_accuracy"]
    print(f"{head:6}accuracy with the list {by_list:.2f}, with the dictionary {by_key:.2f}")
    assert by_key > by_list + 0.3

# %% [markdown]
# The same happens to training targets, losses and loss weights that are given as a list to a dictionary of outputs.
# (Sometimes an error follows, because the shapes do not fit.) The other way round is safe: a list of outputs takes targets
# and losses from a dictionary by name.

# %% [markdown]
# ## Loss weights on the wrong head
#
# A **loss weight** is the factor of a head's loss in the sum. To see where a weight goes, we give `odd` the weight 1 and
# `digit` the weight 0. Then the total loss must be equal to the loss of `odd`. `test_on_batch` shows this, without any training.


# %%
def weighted_head(form, loss, loss_weights):
    """Return the name of the head whose loss is the total; `form` of the outputs is "dict" or "list"."""
    image, digit, odd = make_heads()
    model = keras.Model(image, {"odd": odd, "digit": digit} if form == "dict" else [odd, digit])
    model.compile(loss=loss, loss_weights=loss_weights, run_eagerly=True)  # fast for one batch
    y = targets_test if form == "dict" else [targets_test["odd"], targets_test["digit"]]
    scores = model.test_on_batch(images_test, y, return_dict=True)
    return next(h for h in ("odd", "digit") if np.isclose(scores["loss"], scores[f"{h}_loss"]))


# %% [markdown]
# **Predict first.** Five ways to write it, and each time we mean the same. In which rows does the weight reach the wrong head?

# %% tags=["nbval-check-output"]
in_a_list = [loss["odd"], loss["digit"]]
ways = {
    "dict outputs, dict losses, dict weights": ("dict", loss, {"odd": 1.0, "digit": 0.0}),
    "list outputs, list losses, list weights": ("list", in_a_list, [1.0, 0.0]),
    "list outputs, list losses, dict weights": ("list", in_a_list, {"odd": 1.0, "digit": 0.0}),
    "dict outputs, dict losses, list weights": ("dict", loss, [1.0, 0.0]),
    "all dict, and one capital letter": ("dict", loss, {"Odd": 1.0, "digit": 0.0}),
}
reached = {way: weighted_head(*parts) for way, parts in ways.items()}
for way, head in reached.items():
    print(f"{way:41}the weight 1 reaches {head}")

# %% tags=["check"]
assert list(reached.values()) == ["odd", "odd", "digit", "digit", "digit"]

# %% [markdown]
# The first two rows are right: one form everywhere. In the third row the losses are a list and the weights a dictionary, in
# the fourth the outputs are a dictionary and the weights a list: there the alphabet decides. In the last row `"Odd"` is no
# head at all. Keras does not look for it: it sorts the keys of both dictionaries, and a capital letter sorts before all
# small ones.
#
# Keras looks at the keys of some parts and not of others. A wrong key in the targets does raise an error:

# %% tags=["raises-exception", "nbval-check-output"]
named.fit(images, {"Digit": labels, "odd": labels % 2}, verbose=0)

# %% [markdown]
# Keras found the key `Digit` where it wanted numbers. A few lines of our own say it better, and they serve for every part of
# the wiring.


# %%
def same_keys(model, **parts):
    """Raise a KeyError if a part of the wiring has other keys than the outputs of the model."""
    heads = set(model.output)
    for name, part in parts.items():
        if set(part) != heads:
            raise KeyError(f"{name} has the keys {sorted(part)}, the heads are {sorted(heads)}")


# %% tags=["raises-exception", "nbval-check-output"]
same_keys(named, loss=loss, targets=targets, loss_weights={"Odd": 1.0, "digit": 0.0})

# %% [markdown]
# ## Scores that have the wrong name
#
# We go back to the model with all dictionaries. A failed `fit` came in between, so we compile it again. Then `evaluate` gives
# a list of scores, and `metrics_names` looks like the list of their names.

# %%
both = {"digit": ["accuracy"], "odd": ["mean_squared_error"]}
named.compile(optimizer="adam", loss=loss, metrics=both)
values = named.evaluate(images_test, targets_test, batch_size=500, verbose=0)
scores = named.evaluate(images_test, targets_test, batch_size=500, verbose=0, return_dict=True)

print("metrics_names:", named.metrics_names)
print("values:", [f"{value:.3f}" for value in values])
print("by name:", *(f"{name} {score:.3f}" for name, score in scores.items()), sep="\n  ")

# %% tags=["check"]
assert named.metrics_names == ["loss", "compile_metrics", "digit_loss", "odd_loss"]
in_order = ["loss", "digit_loss", "odd_loss", "digit_accuracy", "odd_mean_squared_error"]
assert np.allclose(values, [scores[name] for name in in_order], rtol=1e-3)

# %% [markdown]
# There are five values and four names, and from the second place on the names are wrong: the second value is the loss of
# `digit`. The order of the values is not easy to guess either: first the losses, then the metrics. So ask for the scores by
# name, with `return_dict=True`.
#
# `predict` has a trap of the same kind. `model` was written with `odd` first.

# %% tags=["nbval-check-output"]
answers = model.predict(images_test, verbose=0)
print("output_names       ", model.output_names)
print("keys of the answers", list(answers))

# %% [markdown]
# `output_names` is sorted, and the answers are not (nor is `model.output`: it keeps the order that you wrote). Take an
# answer by its key, as in `answers["odd"]`, and never by its place.

# %% [markdown]
# ## What does "accuracy" measure?
#
# The string `"accuracy"` is not one metric. Keras chooses among three, for each head, and looks only at the shapes:
#
# | shape of the output | shape of the target | what Keras takes | an answer is right when |
# |---|---|---|---|
# | (n, 1) | (n,) or (n, 1) | binary accuracy | the output, cut at 0.5, is equal to the target |
# | (n, k) | (n,) or (n, 1) | sparse categorical accuracy | the largest output is at the place that the target names |
# | (n, k) | (n, k) | categorical accuracy | the largest output is at the place of the largest target |
#
# It does not know whether the outputs are probabilities, or whether the head does regression. To see what follows, we take a
# model with four heads, one of each kind. We do not train it. `compute_metrics` compares targets with answers, and we make
# the answers ourselves, so we know how good they are.

# %%
image = keras.Input(shape=(784,), name="image")
kinds = {"digit": 10, "odd": 1, "facts": 6, "ink": 1}
outputs = {name: keras.layers.Dense(units, name=name)(image) for name, units in kinds.items()}
four = keras.Model(image, outputs)

facts = np.stack(list(data.digit_attributes(labels_test).values()), axis=1)
ink = (digits.x_test > 0.5).sum(axis=(1, 2))
truth = {"digit": labels_test, "odd": labels_test % 2, "facts": facts, "ink": ink}

# %% [markdown]
# - `digit`, one of ten classes: the answer is right for every image.
# - `odd`, yes or no, as a *logit*: a number that is above 0 for yes and below 0 for no, before any sigmoid. The answer is
#   right for every image: 0.4 for odd, -3 for even.
# - `facts`, six yes/no facts: for each image the answer is yes (1) for the *first* true fact only. It is no (0) for the rest,
#   and so it misses all other true facts.
# - `ink`, the number of pixels with ink: the answer is exactly right.
#
# **Predict first.** Three heads are perfect and one is not. What is the accuracy of each?

# %%
only_first = np.zeros(facts.shape)
only_first[np.arange(len(facts)), facts.argmax(axis=1)] = 1.0
made = {
    "digit": np.eye(10)[labels_test],
    "odd": np.where(labels_test % 2 == 1, 0.4, -3.0)[:, None],
    "facts": only_first,
    "ink": ink[:, None],
}
made = {name: answer.astype("float32") for name, answer in made.items()}

# %%
four.compile(metrics={name: ["accuracy"] for name in kinds})
found = four.compute_metrics(x=None, y=truth, y_pred=made)
accuracy = {name: float(found[f"{name}_accuracy"]) for name in kinds}
for name in kinds:
    print(f"{name:7}accuracy {accuracy[name]:.3f}")

# %% [markdown]
# Only `digit` tells what it seems to tell.
# - `odd`: every odd digit counts as wrong, because 0.4 is above 0, but not above 0.5.
# - `facts` seems perfect. With six outputs and six targets Keras compares only the *largest* of each (the first, when
#   several are equal).
# - `ink` has the accuracy zero, though every answer is exact. Other regression heads get other numbers, and none has a
#   meaning.
#
# The cure is to name the metric. Then the name of the score says what was measured, too.
#
# ### Metrics that do not fit their head
#
# A metric that you name must fit the head as well. The table below has the three heads that `"accuracy"` misjudged, and two
# more that are right for every image, now with probabilities: `odd` gives 0.9 for yes and 0.1 for no, and `digit` gives 0.4 to
# the right class and 0.07 to each other one. Its targets are class numbers, or *one-hot*: ten numbers, of which one is 1 and
# the others are 0.
#
# **Predict first.** What does `binary_accuracy` report for such a `digit` head, with one-hot targets?

# %%
yes, one_hot = (labels_test % 2)[:, None], np.eye(10)[labels_test]
p_odd, p_digit = 0.1 + 0.8 * yes, (1 + 5 * one_hot) / 15


def reported(metric, head, target, answer):
    """Return what a metric reports for a head, or the name of the error."""
    four.compile(metrics={head: [metric]})
    y, y_pred = truth | {head: target}, made | {head: answer.astype("float32")}
    try:
        scores = four.compute_metrics(x=None, y=y, y_pred=y_pred)
    except Exception as error:
        return type(error).__name__
    return round(float(np.mean([*scores.values()][-1])), 3)


# %%
rows = [  # head, target, answer, a metric that does not fit, and one that does
    ("odd", yes, made["odd"], "accuracy", keras.metrics.BinaryAccuracy(threshold=0.0)),
    ("facts", facts, made["facts"], "accuracy", keras.metrics.BinaryAccuracy(threshold=0.0)),
    ("ink", ink, made["ink"], "accuracy", "mean_absolute_error"),
    ("odd", yes, p_odd, keras.metrics.Accuracy(), "binary_accuracy"),
    ("odd", yes, p_odd, keras.metrics.MeanIoU(2), keras.metrics.BinaryIoU()),
    ("odd", yes, p_odd, keras.metrics.F1Score(), keras.metrics.F1Score(threshold=0.5)),
    ("digit", one_hot, p_digit, "binary_accuracy", "categorical_accuracy"),
    ("digit", labels_test, p_digit, keras.metrics.Precision(), "sparse_categorical_accuracy"),
]
values = []
print(f"{'head':7}{'does not fit':17}{'reports':22}{'fits':29}reports")
for head, target, answer, *pair in rows:
    values.append([reported(metric, head, target, answer) for metric in pair])
    names = [m if isinstance(m, str) else type(m).__name__ for m in pair]
    print(f"{head:7}{names[0]:17}{values[-1][0]!s:22}{names[1]:29}{values[-1][1]}")

# %% tags=["check"]
share = yes.mean()
misfits, fits = zip(*values, strict=True)
wrong = [1 - share, 1, 0, 0, (1 - share) / 2, 2 * share / (1 + share), 0.9]
assert np.allclose([accuracy[name] for name in kinds], [1, 1 - share, 1, 0], atol=1e-4)
assert np.allclose(misfits[:-1], wrong, atol=1e-3) and misfits[-1].endswith("Error")
assert np.allclose([fits[0], *fits[2:]], [1, 0, 1, 1, 1, 1, 1], atol=1e-3)
assert 0.5 < fits[1] < 0.9

# %% [markdown]
# With the metrics on the right, each head that is perfect looks so, and `facts` does not. (Two notes: `threshold=0.0` because
# a logit is yes above 0; and for `ink` an *error* of 0 is perfect. [Lesson 4](04_multi_label.ipynb) asks which metric a
# multi-label head deserves.) And those on the left? The first three we have seen. Of the others,
# - `Accuracy` asks whether answer and target are *equal*, and 0.9 is not 1.
# - `MeanIoU` takes the answers for class numbers. It cuts 0.9 to the class 0, so it sees no yes at all. (IoU of a class: of all
#   images that are in it by answer or by target, the share that is in it by both. Then the mean over the classes.)
# - `F1Score` takes the largest output for yes. A single output is always the largest, so every answer counts as yes: give it
#   a threshold. (F1 is explained in lesson 4.)
# - `binary_accuracy` counts each of the ten numbers on its own. If none is above 0.5, nine of ten count as right.
# - `Precision`, the share of the yes answers that are right, wants a 0 or a 1 for each output. With class numbers it stops
#   with an error about shapes, here and in `fit`. (With one-hot targets and `class_id=3`, say, it scores the class 3.)
#
# ### A metric of our own
#
# The squared error is a fair score for a yes/no head: it asks how far the probability is from 0 or 1. Keras has it, as
# `"mean_squared_error"`. We also write it ourselves, in a short function, and give both to the `odd` head.


# %%
def own_squared_error(true, predicted):
    """Return the squared error of each image."""
    return keras.ops.mean((keras.ops.cast(true, predicted.dtype) - predicted) ** 2, axis=-1)


named.compile(loss=loss, metrics={"odd": ["mean_squared_error", own_squared_error]})
predicted = named.predict(images_test, verbose=0)
scores = named.compute_metrics(x=None, y=targets_test, y_pred=predicted)

print(f"Keras's metric {scores['odd_mean_squared_error']:.3f}")
print(f"our metric     {scores['odd_own_squared_error']:.3f}")
print(f"NumPy          {np.mean((predicted['odd'][:, 0] - targets_test['odd']) ** 2):.3f}")

# %% [markdown]
# Ours is wrong, though the formula is right. The targets have shape (n,) and the head gives (n, 1). Their difference has shape
# (n, n): each target was compared with the answers to *all* images. Keras's own metrics and losses repair the shape first.
# Keras does not do it for a metric of ours, so we do it with one more line.


# %%
def own_squared_error(true, predicted):
    """Return the squared error of each image."""
    true = keras.ops.reshape(keras.ops.cast(true, predicted.dtype), keras.ops.shape(predicted))
    return keras.ops.mean((true - predicted) ** 2, axis=-1)


named.compile(loss=loss, metrics={"odd": ["mean_squared_error", own_squared_error]})
fixed = named.compute_metrics(x=None, y=targets_test, y_pred=predicted)

print(f"our metric     {fixed['odd_own_squared_error']:.3f}")

# %% tags=["check"]
assert float(scores["odd_own_squared_error"]) > 1.5 * float(scores["odd_mean_squared_error"])
assert np.isclose(fixed["odd_own_squared_error"], fixed["odd_mean_squared_error"], rtol=1e-3)

# %% [markdown]
# ## A loss that does not fit its head
#
# The opening notebook gave the contract of a head: units, activation, loss, target and metric that belong together. Three
# ways to break it are common.
#
# **Labels that are not what the loss expects.** `categorical_crossentropy` wants ten numbers for each image, one of them 1.
# Our labels are integers.

# %% tags=["raises-exception", "nbval-check-output"]
named.compile(loss={"digit": "categorical_crossentropy", "odd": "binary_crossentropy"})
named.evaluate(images_test, targets_test, verbose=0)

# %% [markdown]
# "Rank" is the number of axes: the target has one, the output two. The cure is `sparse_categorical_crossentropy`, or targets
# in that form: `keras.utils.to_categorical(labels, 10)`.
#
# **A softmax over one unit.** A softmax makes its outputs share a total of 1. One unit takes it all, so the head gives 1 for
# every image and cannot learn. Keras warns; we catch the warning to print it.

# %% tags=["nbval-check-output"]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    one_unit = keras.layers.Dense(1, activation="softmax", name="odd")(image)
    always = keras.Model(image, one_unit).predict(images_test, verbose=0)

print(notebook.wrapped(str(caught[0].message)))
print(f"smallest and largest answer: {always.min():.3f}, {always.max():.3f}")

# %% [markdown]
# **A head without a sigmoid, and a loss that expects one.** Here are two images on which such a head is very wrong: it gives 4
# where the target is 0, and -3 where the target is 1.
#
# **Predict first.** The gradient says how to change the two answers. Should it be small or large?

# %%
import tensorflow as tf

output, true = tf.Variable([[4.0], [-3.0]]), tf.constant([[0.0], [1.0]])
gradients = {}
for from_logits in [False, True]:
    with tf.GradientTape() as tape:
        value = keras.losses.BinaryCrossentropy(from_logits=from_logits)(true, output)
    gradient = gradients[from_logits] = tape.gradient(value, output).numpy().ravel()
    print(f"from_logits={from_logits!s:6} loss {value:5.2f}, gradient {gradient.round(2)}")

# %% tags=["check"]
assert not gradients[False].any()
assert np.allclose(gradients[True], [0.491, -0.476], atol=0.01)

# %% [markdown]
# It should be large, and it is zero. (Large: each answer is wrong by nearly 1, halved by the mean of two images.) The loss
# expects probabilities, so it first cuts every answer to the range from 0 to 1, and what was cut off has no slope. Exactly the
# worst answers teach nothing, and no message says so. With `from_logits=True` the loss applies the sigmoid itself, and the
# gradient is what it should be.

# %% [markdown]
# ## Find it before training
#
# Most of these faults are visible in the wiring, before any training. `check_heads` reads the compiled model and the targets,
# and says in words what it finds. First a model that is right.

# %% tags=["nbval-check-output"]
named.compile(optimizer="adam", loss=loss, metrics=metrics)
check_heads(named, targets)

# %% [markdown]
# Now the faults of this lesson, each in a model of its own. None of them is trained.


# %%
def compiled(outputs, **options):
    """Return a compiled model, with the losses of this lesson unless `options` has others."""
    model = keras.Model(image, outputs)
    model.compile(**{"optimizer": "adam", "loss": loss} | options)
    return model


image, digit, odd = make_heads()
listed, keyed = [digit, odd], {"odd": odd, "digit": digit}
one_each = ["accuracy", "mean_squared_error"]

faults = {
    "one metric for two heads": (compiled(listed, metrics=["accuracy"]), [labels, labels % 2]),
    "a flat list of metrics": (compiled(listed, metrics=one_each), [labels, labels % 2]),
    "one target for two heads": (compiled(listed), labels),
    "targets in the wrong order": (compiled(listed), [labels % 2, labels]),
    "a list of targets, a dict of outputs": (compiled(keyed), [labels % 2, labels]),
    "a wrong key in the targets": (compiled(keyed), {"Digit": labels, "odd": labels % 2}),
}

# %%
weights, typo = {"odd": 1.0, "digit": 0.0}, {"Odd": 1.0, "digit": 0.0}
mixed = compiled([odd, digit], loss=in_a_list, loss_weights=weights)
spoiled = compiled(listed)
with contextlib.suppress(ValueError):
    spoiled.fit(images, labels, verbose=0)

faults |= {
    "a failed fit": (spoiled, [labels, labels % 2]),
    "list losses, dict weights": (mixed, [labels % 2, labels]),
    "dict losses, list weights": (compiled(keyed, loss_weights=[1.0, 0.0]), targets),
    "a capital letter in the weights": (compiled(keyed, loss_weights=typo), targets),
}

# %% [markdown]
# The faults of single heads need heads of their own: a softmax over one unit, an `odd` head without a sigmoid, and the four
# heads that we measured by `"accuracy"`.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the warning about one unit, which we have read above
    one_unit = keras.layers.Dense(1, activation="softmax", name="odd")(image)
logit = {"digit": digit, "odd": keras.layers.Dense(1, name="odd")(image)}

binary = keras.losses.BinaryCrossentropy(from_logits=True)
multiclass = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
four.compile(
    loss={"digit": multiclass, "odd": binary, "facts": binary, "ink": "mean_squared_error"},
    metrics={name: ["accuracy"] for name in kinds},
)

integers = loss | {"digit": "categorical_crossentropy"}
misfits = {"digit": [keras.metrics.Precision()], "odd": [keras.metrics.MeanIoU(2)]}
faults |= {
    "integer labels": (compiled(keyed, loss=integers), targets),
    "softmax over one unit": (compiled({"digit": digit, "odd": one_unit}), targets),
    "no sigmoid": (compiled(logit), targets),
    "metrics that do not fit": (compiled(keyed, metrics=misfits), targets),
    "accuracy for every kind of head": (four, truth),
}

# %% tags=["nbval-check-output"]
for fault, (wrong_model, its_targets) in faults.items():
    print(f"--- {fault}")
    print(check_heads(wrong_model, its_targets))

# %% tags=["check"]
assert not check_heads(named, targets)
assert all(check_heads(wrong, its_targets) for wrong, its_targets in faults.values())

# %% [markdown]
# What can it not see? Two yes/no heads whose targets are swapped: both targets hold zeros and ones, so no program can know
# which is which. Only names can prevent that. Nor does it know what you want: a loss weight that you gave to the wrong head,
# under a right name, looks like any other.

# %% [markdown]
# ## Take this with you
#
# The whole lesson in one cell, to copy into your own project. It needs nothing of this notebook. A model is compiled only
# when all parts have the same keys; the last lines try it on made-up numbers.

# %%
import keras
import numpy as np


def wire(inputs, heads, targets, *, loss, optimizer="adam", **settings):
    """Return a compiled model; `settings` are further arguments of `compile`.

    `heads` are the outputs, each under the name of its layer. All parts with a value for each head have these keys.
    """
    parts = {"heads": heads, "targets": targets, "loss": loss}
    per_head = ["loss_weights", "metrics", "weighted_metrics"]
    parts |= {name: settings[name] for name in per_head if name in settings}
    for name, part in parts.items():
        if not isinstance(part, dict):
            given = type(part).__name__
            raise TypeError(
                f"{name} must be a dictionary with the names of the heads, not a {given}"
            )
        if set(part) != set(heads):
            raise ValueError(f"{name} has the keys {list(part)}, the heads are {list(heads)}")
    rows = {name: len(target) for name, target in targets.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"targets must all have the same number of rows, and they have {rows}")
    model = keras.Model(inputs, heads)
    layers = list(model.output_names)
    if set(layers) != set(heads):
        raise ValueError(f"heads has the keys {list(heads)}, the layers are named {layers}")
    model.compile(optimizer=optimizer, loss=loss, **settings)
    return model


rng = np.random.default_rng(0)
table = rng.normal(size=(100, 5)).astype("float32")
truth = {"colour": rng.integers(0, 3, size=100), "size": table.sum(axis=1)}
losses = {"colour": "sparse_categorical_crossentropy", "size": "mean_squared_error"}

row = keras.Input(shape=(5,))
colour = keras.layers.Dense(3, activation="softmax", name="colour")(row)
size = keras.layers.Dense(1, name="size")(row)
wired = wire(row, {"colour": colour, "size": size}, truth, loss=losses)
print(list(wired.evaluate(table, truth, verbose=0, return_dict=True)))
try:
    wire(row, [colour, size], truth, loss=losses)
except TypeError as error:
    print(error)

# %% [markdown]
# In this notebook we
# - read the errors that the list form of older code meets today, made it work, and compiled again after a failed `fit`;
# - sent targets, loss weights and scores to the wrong head without an error, and saw that a list
#   given to a dictionary of outputs goes by the alphabet;
# - measured what `"accuracy"` means on four kinds of heads, and named the metric instead;
# - let `check_heads` find the faults before any training.
#
# Next: the [exercises](../exercises/02_wiring_heads.ipynb), then [lesson 3](03_three_architectures.ipynb).
