# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 1. Two heads on one trunk
#
# **What you will do.** Train one small network that answers two questions about the same handwritten digit:
# *which digit is it?* and *is it odd?*
#
# **What you will learn**
# - to name the trunk and the heads of a Keras model, and to give each head its own loss and metric;
# - to read what `fit`, `evaluate` and `predict` give back when there are several outputs;
# - to find out where two heads contradict each other, and which of them to believe.
#
# **What you will need.** [The opening notebook](00_start_here.ipynb), and Python. No GPU. About 25 minutes; the longest cell
# runs for about 15 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet

import keras
import numpy as np

keras.utils.set_random_seed(1)

# %% [markdown]
# ## One image, two questions

# %%
digits = data.load_digits()
digits

# %% [markdown]
# The labels are the ten digits. The second question needs no new labels: whether a digit is odd follows from the digit.
# That makes a good first example, because we know exactly how the two answers *should* fit together.
#
# We keep the last tenth of the training images aside, to watch the training on images that it does not use.

# %%
images, labels = digits.x_train.reshape(-1, 784), digits.y_train
kept = len(images) * 9 // 10

targets_train = {"digit": labels[:kept], "odd": labels[:kept] % 2}
targets_validation = {"digit": labels[kept:], "odd": labels[kept:] % 2}
targets_test = {"digit": digits.y_test, "odd": digits.y_test % 2}

plots.images(
    digits.x_test[:8], [f"{d}, {'odd' if d % 2 else 'even'}" for d in digits.y_test[:8]]
)

# %% [markdown]
# **Predict first.** A network that always answers "odd" is right about half of the time. Another network guesses the *digit*
# at random. How often is its guess right about *odd*?

# %%
guesses = np.random.default_rng(0).integers(10, size=len(digits.y_test))
print(f"always odd:                {np.mean(targets_test['odd'] == 1):.1%} right")
print(f"the digit, when guessed:   {np.mean(guesses == targets_test['digit']):.1%} right")
print(f"odd, from the same guess:  {np.mean(guesses % 2 == targets_test['odd']):.1%} right")

# %% [markdown]
# Half of the time too, as five of the ten digits are odd. What a head scores means little before one knows such numbers.

# %% [markdown]
# ## A trunk and two heads
#
# The **trunk** turns an image into 64 numbers. Each **head** turns those numbers into one answer: ten probabilities for the
# digit, one probability for odd. Only the trunk is shared.

# %%
image = keras.Input(shape=(784,), name="image")
trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
trunk = keras.layers.Dense(64, activation="relu", name="trunk_2")(trunk)

digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)

model = keras.Model(inputs=image, outputs={"digit": digit, "odd": odd}, name="two_heads")

# %% tags=["picture"]
plots.architecture(model)

# %% [markdown]
# The outputs are a **dictionary**, and each key is also the name of its layer. Everything that follows uses the same two keys.
# It is the habit that saves most trouble later: lesson 2 shows what happens without it.
#
# **Predict first.** The trunk and the heads have 55,115 **parameters**: weights and biases, all that training can change. What
# share of them belongs to the heads?

# %% tags=["nbval-check-output"]
in_heads = sum(model.get_layer(head).count_params() for head in ["digit", "odd"])
print(
    f"{in_heads} of {model.count_params():,} parameters, {in_heads / model.count_params():.1%}"
)

# %% [markdown]
# The second question costs 65 parameters. In this model nearly all of them, and so nearly all the work, are in the trunk.

# %% [markdown]
# ## One loss and one metric for each head

# %%
model.compile(
    optimizer="adam",
    loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
    metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
    steps_per_execution=100,
)

# %% [markdown]
# Keras adds the two losses and lowers the sum. The digit targets are integers, so the digit head takes the *sparse*
# cross-entropy. `accuracy` lets Keras choose the kind by the shapes, which is right for these two heads ([lesson
# 2](02_wiring_heads.ipynb) shows where it is not).
#
# You will meet `tf.keras` in other texts. Here it is the same package under another name.

# %% tags=["nbval-check-output"]
import tensorflow as tf

tf.keras.Model is keras.Model

# %% [markdown]
# `batches` hands the training images over in groups of 128, in a new order on each pass, and `repeat` starts the next pass. We
# train for five epochs of 400 updates. On MNIST that is about five passes; on the bundled digits, over two hundred.

# %%
training = data.batches(images[:kept], targets_train, seed=1).repeat()
history = model.fit(
    training,
    validation_data=data.batches(
        images[kept:], targets_validation, batch_size=1000, shuffle=False
    ),
    steps_per_epoch=400,
    epochs=5,
    verbose=0,
    callbacks=[plots.Progress()],
)

# %% tags=["nbval-check-output"]
sorted(history.history)

# %% [markdown]
# Each head has its own loss and accuracy, and `loss` is the sum of the two losses. The names come from the keys; what begins
# with `val_` was measured on the images kept aside.

# %%
plots.history(history, heads=["digit", "odd"])

# %% [markdown]
# Look at the two losses (their scales differ). At the first epoch the dashed line is the better one, because the solid one is an
# average over the whole epoch, its bad beginning included. Later the solid line falls faster than the dashed one, and comes near
# it or below it: the network gets better on the images that it trains on than on new ones. On MNIST, after five passes, the two
# are still close. On the bundled digits, after over two hundred, the solid line is almost 0 and the dashed one falls no more.

# %% [markdown]
# ## Ask each head how it did
#
# `return_dict=True` gives the scores by name. The plain list comes in an order that is easy to misread.

# %%
images_test = digits.x_test.reshape(-1, 784)
scores = model.evaluate(images_test, targets_test, batch_size=1000, verbose=0, return_dict=True)
{name: round(score, 3) for name, score in scores.items()}

# %% [markdown]
# Are these good? The baselines give the most frequent digit, and the more frequent of odd and even, to every image.

# %%
baseline = {head: np.bincount(target).argmax() for head, target in targets_train.items()}
{
    head: round(np.mean(targets_test[head] == answer).item(), 3)
    for head, answer in baseline.items()
}

# %% tags=["check"]
assert scores["digit_accuracy"] > 0.93 and scores["odd_accuracy"] > 0.93
assert np.isclose(scores["loss"], scores["digit_loss"] + scores["odd_loss"], atol=1e-3)

# %% [markdown]
# `predict` gives back a dictionary with the keys of the outputs: one row for each image, and one column for each unit.

# %%
predictions = model.predict(images_test, batch_size=1000, verbose=0)
{head: answers[:2].round(2) for head, answers in predictions.items()}

# %% [markdown]
# ## Do the two heads agree?
#
# If the digit head predicts 7 and the odd head predicts even, one of them is wrong, whatever the image shows.
#
# **Predict first.** Both heads are right on nearly all images. On how many will they contradict each other: on none, since
# they share a trunk, or on about as many as they get wrong?

# %%
digit_answer = predictions["digit"].argmax(axis=1)
digit_says_odd = digit_answer % 2
odd_says_odd = (predictions["odd"][:, 0] > 0.5).astype(int)

contradictions = digit_says_odd != odd_says_odd
digit_wrong_about_odd = digit_says_odd != targets_test["odd"]
odd_wrong = odd_says_odd != targets_test["odd"]
digit_wrong = digit_answer != targets_test["digit"]
print(f"Digit head wrong about the digit:  {digit_wrong.mean():.1%}")
print(f"Digit head wrong about odd:        {digit_wrong_about_odd.mean():.1%}")
print(f"Odd head wrong about odd:          {odd_wrong.mean():.1%}")
print(f"They contradict each other:        {contradictions.mean():.1%}")

# %% tags=["check"]
assert (digit_wrong_about_odd != odd_wrong)[contradictions].all()

# %% [markdown]
# Not on none. At each contradiction exactly one of the two is wrong about odd; where both are wrong about it, they agree. So
# there are at most as many contradictions as the second and the third line have mistakes together. (A digit head that takes a 3
# for a 5 is wrong about the digit, and right about odd.) Two heads that share a trunk still answer on their own. Each has its
# own weights and its own loss, and nothing in the sum of the losses asks that the answers fit together.
# Here are some images on which they do not.

# %%
some = np.flatnonzero(contradictions)[:8]
plots.images(
    digits.x_test[some],
    [
        f"digit head: {digit_answer[i]}\nodd head: {'odd' if odd_says_odd[i] else 'even'}\n"
        f"label: {digits.y_test[i]}"
        for i in some
    ],
    columns=4,
)

# %% [markdown]
# ## Which head should we believe?
#
# We can also read oddness off the digit head and leave the odd head alone. To know which is better, one training run is not
# enough: the weights start at random, and so the scores vary. (What is random in a run follows from one number, the **seed**
# that `set_random_seed` was given at the top.) So we make five runs. `clone_model` makes the same network with newly drawn
# weights. `start_again` gives such weights to the model, and makes its optimizer forget: Adam keeps running averages of the
# gradients. `train` shows the images in another order each time. The model stays compiled, which saves time.

# %%
first_weights = [keras.models.clone_model(model).get_weights() for run in range(5)]


def start_again(run):
    """Give the model the weights of one run, and its optimizer the memory of a new one."""
    model.set_weights(first_weights[run])
    for memory in model.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    model.optimizer.learning_rate = 0.001  # the loop above set it to zero too


def train(run, updates=1000):
    """Train the two-head model from the weights of one run; return its test predictions."""
    start_again(run)
    training = data.batches(images[:kept], targets_train, seed=run).repeat()
    model.fit(training, steps_per_epoch=updates, verbose=0)
    return model.predict(images_test, batch_size=1000, verbose=0)


runs = [train(run) for run in range(5)]

# %% [markdown]
# Zeros are the beginning of Adam, but not of every optimizer. The later lessons use `restart` from `mos_helpers.training`,
# which knows them all, and leaves the learning rate as it is. Here it does the same as `start_again`:

# %% tags=["check"]
from mos_helpers.training import restart


def state():
    return [variable.numpy() for variable in [*model.weights, *model.optimizer.variables]]


start_again(0)
by_hand = state()
train(1, updates=100)  # so that there is something to forget
restart(model, first_weights[0])
assert all(np.array_equal(*pair) for pair in zip(by_hand, state(), strict=True))

# %% [markdown]
# **Predict first.** The odd head was trained for nothing else than oddness; the digit head has no target for it. Which one is
# more often right about it?

# %%
is_odd = targets_test["odd"] == 1
odd_head = [(run["odd"][:, 0] > 0.5) == is_odd for run in runs]
from_digit = [(run["digit"].argmax(axis=1) % 2 == 1) == is_odd for run in runs]

print(f"{'run':31}" + "".join(f"{run:8}" for run in range(5)) + "    mean")
rows = {
    "odd head right": [right.mean() for right in odd_head],
    "digit head right about odd": [right.mean() for right in from_digit],
    "they contradict each other": [
        (a != b).mean() for a, b in zip(odd_head, from_digit, strict=True)
    ],
    "... and the digit head is right": [
        b[a != b].sum() / max(1, (a != b).sum())
        for a, b in zip(odd_head, from_digit, strict=True)
    ],
}
for name, shares in rows.items():
    print(f"{name:31}" + "".join(f"{share:8.1%}" for share in [*shares, np.mean(shares)]))

# %% tags=["check"]
assert min(rows["odd head right"]) > 0.93
assert np.mean(rows["digit head right about odd"]) > np.mean(rows["odd head right"]) - 0.002
assert 0 < np.mean(rows["they contradict each other"]) < 0.06

# %% [markdown]
# On average over the runs, reading oddness off the digit is at least as good as asking the head that was trained for it. We
# tried it with more runs: the digit head was right more often in all of 12 runs on MNIST, and in 18 of 20 on the bundled
# digits, where the two contradict each other on a handful of images. So where they contradict each other, the digit
# head is right more often. A digit label says more about an image than one yes or no does; whether that is the reason,
# this comparison cannot tell.
#
# So here the second head was not needed. It will be, where the second answer does not follow from the first. And where it
# does follow, we would rather have heads that *cannot* contradict each other: that is where the course goes, in [lesson
# 11](11_hierarchical_heads.ipynb).

# %% [markdown]
# ## Take this with you
#
# The whole lesson in one cell, to copy into your own project: any number of heads, each with a name of its own.

# %%
import re

import keras
import numpy as np


def build_heads(inputs, classes, units=64):
    """Return a compiled model; `classes` has for each head 1 for yes/no, else its number of classes."""
    if not isinstance(classes, dict) or not classes:
        raise TypeError(
            f"classes must be a dictionary, as {{'digit': 10, 'odd': 1}}, not {classes!r}"
        )
    features = image = keras.Input((inputs,))
    for _ in range(2):
        features = keras.layers.Dense(units, activation="relu")(features)
    outputs, losses, metrics = {}, {}, {}
    for name, number in classes.items():
        known = isinstance(name, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name)
        if not known or not isinstance(number, int) or number < 1:
            wanted = "a name of letters, digits and _, and 1 or more classes"
            raise ValueError(f"classes: each head needs {wanted}, not {name!r}: {number!r}")
        kind = "binary" if number == 1 else "sparse_categorical"
        activation = "sigmoid" if number == 1 else "softmax"
        outputs[name] = keras.layers.Dense(number, activation=activation, name=name)(features)
        losses[name], metrics[name] = f"{kind}_crossentropy", [f"{kind}_accuracy"]
    model = keras.Model(image, outputs)
    model.compile(optimizer="adam", loss=losses, metrics=metrics)
    return model


def check_targets(targets, classes, rows):
    """Raise an error unless `targets` has for each head an array of `rows` classes, from 0 on."""
    if not isinstance(targets, dict) or targets.keys() != classes.keys():
        found = list(targets) if isinstance(targets, dict) else f"a {type(targets).__name__}"
        raise ValueError(
            f"targets must be a dictionary with the keys {list(classes)}, not {found}"
        )
    for name, target in targets.items():
        last = max(2, classes[name]) - 1
        if np.shape(target) != (rows,) or not np.isin(target, range(last + 1)).all():
            found = f"shape {np.shape(target)} and {np.unique(target)[:12]}"
            wanted = f"shape ({rows},) and whole numbers from 0 to {last}"
            raise ValueError(f"targets[{name!r}] must have {wanted}, not {found}")


classes = {"colour": 3, "ripe": 1}
fruit = np.random.default_rng(0).normal(size=(90, 4)).astype("float32")
targets = {"colour": fruit[:, :3].argmax(axis=1), "ripe": fruit[:, 3] > 0}
check_targets(targets, classes, rows=len(fruit))
net = build_heads(4, classes)
net.fit(fruit, targets, epochs=20, verbose=0)
answers = net.predict_on_batch(fruit)
likeliest = {"colour": answers["colour"].argmax(axis=1), "ripe": answers["ripe"][:, 0] > 0.5}
{name: bool(np.mean(likeliest[name] == targets[name]) > 0.5) for name in classes}

# %% [markdown]
# In this notebook we
# - built one trunk with two named heads, and gave each head a loss and a metric under the same key;
# - read the scores and the predictions of each head by name;
# - found heads that contradict each other, saw why nothing in the model prevents it, and measured which one to believe.
#
# Next: the [exercises](../exercises/01_two_heads.ipynb), then [lesson 2](02_wiring_heads.ipynb).
