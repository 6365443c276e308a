# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 0. Start here
#
# **What you will do.** Look at a handwritten digit, ask eight questions about it, and train one small network that answers
# all eight at once.
#
# **What you will learn**
# - which kinds of output a model can have, and what each kind is called;
# - the *contract* of a head: which units, activation, loss, target and metric belong together;
# - how the lessons, the exercises and their checks work.
#
# **What you will need.** Python and NumPy, and to have trained one network with `fit` before. No GPU. About 25 minutes; the
# longest cell runs for about 10 seconds. Words are explained in the [glossary](glossary.ipynb).

# %% [markdown]
# ## Is this machine ready?
#
# Each line says OK, or how to repair what is wrong. The first cell of each lesson imports from `mos_helpers` before anything
# else, because that keeps TensorFlow's start-up messages out of the notebook.

# %%
from mos_helpers import data, doctor, plots

ready = doctor.report()

# %%
import keras
import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils.multiclass import type_of_target

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Are you ready?
#
# Five questions, five minutes, no code. Put a letter in place of each `None`, and run the cell.
#
# 1. `x` has shape `(100, 28, 28)`. Which shape has `x[:, 0]`? **a** (28, 28), **b** (100, 28), **c** (100, 1, 28)
# 2. `y` holds 100 labels. What is `(y % 2 == 1).mean()`? **a** the share of odd labels, **b** the number of odd labels, **c** an
#    error, as True is no number
# 3. `fit` gets 1,000 images and `batch_size=100`. How often does it change the parameters in one epoch? **a** once, **b** 100
#    times, **c** 10 times
# 4. A network is right on 99% of its training images and on 80% of others. What is that called? **a** underfitting, **b**
#    overfitting, **c** a learning rate that is too small
# 5. The last layer has ten units and a softmax. What is its output for one image? **a** ten numbers with a total of 1, **b** ten
#    numbers from 0 to 1 with any total, **c** one whole number from 0 to 9

# %%
from mos_checks import check, hint

letters = {1: None, 2: None, 3: None, 4: None, 5: None}
check("0.2", lambda: letters)

# %% [markdown]
# ## One image
#
# `load_digits` gives MNIST, 70,000 handwritten digits, where it can. Without a network it gives the 1,797 digits that ship
# with scikit-learn, enlarged to the same 28 by 28 pixels. It says which. Every lesson runs on either. The outputs that are
# stored in the notebooks are those of MNIST. On the bundled digits your numbers differ, and the text is true for both.

# %%
digits = data.load_digits()
digits

# %% [markdown]
# A pixel is 0 where the paper is empty and 1 where it is full of ink. We train on 30,000 images at the most: that is plenty
# here, and takes less memory than all of MNIST.

# %%
images_train, labels_train = digits.x_train[:30_000], digits.y_train[:30_000]
plots.images(images_train[:8], [f"label {label}" for label in labels_train[:8]])

# %% [markdown]
# ## Eight questions about it
#
# A **label** is what somebody wrote down about an image: here, which digit it is. A **target** is what a network learns to
# answer. Three targets follow from the label alone:
# - `digit`: which digit it is;
# - `odd`: whether it is odd;
# - `facts`: six yes/no facts at once, the first of which is *odd* again.
#
# Five more are measured on the pixels, so we know them exactly and need no one to write them down:
# - `quarter`: which quarter of the image holds most ink (0 top left, 1 top right, 2 bottom left, 3 bottom right);
# - `ink`: the share of the image that is ink;
# - `halves`: the share of the ink that lies in the upper half, and the share in the left half;
# - `slant`: how many columns the ink moves to the right for each row up (the shape counts too, not only how it leans);
# - `mirror`: the mirrored image itself, half as wide and half as high: 14 by 14 pixels, 196 numbers.
#
# `digit_attributes` and `pixel_targets` work them out.


# %%
def all_targets(images, labels):
    """Return the eight targets of some images, each an array with one row for each image."""
    facts = np.stack(list(data.digit_attributes(labels).values()), axis=1)
    from_labels = {"digit": labels, "odd": labels % 2, "facts": facts}
    return from_labels | data.pixel_targets(images)


targets_train = all_targets(images_train, labels_train)
targets_test = all_targets(digits.x_test, digits.y_test)
list(data.digit_attributes(labels_train))

# %% [markdown]
# Here are three images with their answers. The eighth answer, `mirror`, is the picture below each of them. (In `facts`, 1
# means yes; the six are in the order of the list above.)

# %%
some = [np.flatnonzero(labels_train == digit)[0] for digit in (1, 4, 8)]
mirrors = targets_train["mirror"][some].reshape(-1, 14, 14)
answers = [{name: targets_train[name][i] for name in targets_train} for i in some]
titles = [
    f"digit {answer['digit']}, odd {answer['odd']}\nfacts {answer['facts']}\n"
    f"quarter {answer['quarter']}, ink {answer['ink']:.2f}\n"
    f"halves {answer['halves'][0]:.2f}, {answer['halves'][1]:.2f}\nslant {answer['slant']:+.2f}"
    for answer in answers
]
as_large = np.kron(mirrors, np.ones((2, 2)))  # each pixel twice as wide and twice as high
plots.images(
    np.concatenate([images_train[some], as_large]), [*titles, *["mirror"] * 3], columns=3
)

# %% [markdown]
# **Predict first.** Which of the eight targets are classes, and which are numbers? Which of them are more than one answer in
# themselves?

# %% [markdown]
# ## What each kind is called
#
# scikit-learn has a function that names the kind of a target from its values; the first 1,000 are enough for it. Its names
# are close to the words that the field uses.

# %%
for name, target in targets_train.items():
    print(f"{name:8}{target.shape!s:14}{type_of_target(target[:1000])}")

# %% [markdown]
# In the words of the field:
# - **binary**: one yes/no question (`odd`);
# - **multi-class**: exactly one of several classes (`digit`, `quarter`);
# - **multi-label**: several yes/no questions at once, any number of which may be yes (`facts`); here each
#   question is called a label;
# - **regression** (scikit-learn says *continuous*): a number (`ink`, `slant`), or several (`halves`, and `mirror` with 196).
#
# Two more words are used for the model and not for one target. A model is **multi-output** when it gives more than one of
# these answers. Learning is **multi-task** when one model learns several targets together, in the hope that what it learns
# for one serves another. A **task** is one target with its loss. The hope is sometimes fulfilled and sometimes not:
# [lesson 3](03_three_architectures.ipynb) and [lesson 10](10_when_to_share.ipynb) measure it.

# %% [markdown]
# ## The contract of a head
#
# The **trunk** turns the image into a list of numbers that all answers start from. A **head** turns that list into one
# answer. One number that a layer gives for an image is a **unit**: a layer with ten units gives ten numbers. A head keeps a
# contract: its five parts fit together, and Keras does not always complain when they do not.
#
# | kind | units | activation | loss | target | metric |
# |---|---|---|---|---|---|
# | binary | 1 | sigmoid | binary cross-entropy | 0 or 1, shape (n,) | binary accuracy |
# | multi-class, k classes | k | softmax | sparse categorical cross-entropy | an integer from 0 to k-1, shape (n,) | accuracy of the likeliest class |
# | multi-label, k labels | k | sigmoid | binary cross-entropy | k numbers, each 0 or 1, shape (n, k) | binary accuracy, to begin with |
# | regression, k numbers | k | none | mean squared error | k numbers with mean 0 and standard deviation 1, shape (n, k); for one number also (n,) | mean absolute error |
#
# Why these? **Softmax** makes the k outputs share a total of 1, so one class gains only when the others lose: right for *one
# of*. A **sigmoid** judges each unit on its own: right for *any of*. A number needs no activation, since it may be negative
# or large. Each **loss** fits its activation: it is small when the head gave the true answer a high probability or, for a
# number, came close to it. **Cross-entropy** is minus the logarithm of the probability that the head gave to the true answer;
# it is called *sparse* when the target is the number of the class. A **metric** is not trained on: it is what we read. [Lesson
# 2](02_wiring_heads.ipynb) breaks this contract on purpose, and [lesson 4](04_multi_label.ipynb) asks which metric
# a multi-label head deserves.
#
# Numbers get mean 0 and standard deviation 1, because training lowers the *sum* of the losses. The ink differs little from
# image to image, so that even a constant answer has a squared error below 0.002, while the digit's cross-entropy begins near
# 2.3: the sum hardly notices the ink. So we subtract the mean over the training images and divide by the standard deviation.
# An error of 1 then means one standard deviation. [Lesson 5](05_regression.ipynb) shows what happens without this step.

# %%
for name in ["ink", "halves", "slant"]:
    mean, std = targets_train[name].mean(axis=0), targets_train[name].std(axis=0)
    targets_train[name] = (targets_train[name] - mean) / std
    targets_test[name] = (targets_test[name] - mean) / std
    print(
        f"{name:6} mean {mean.astype(float).round(3)}, standard deviation {std.astype(float).round(3)}"
    )

# %% [markdown]
# ## Eight heads on one trunk
#
# Now the contract in code, with one exception. By its kind, `mirror` is a regression. But its 196 numbers are shares: they lie
# between 0 and 1, as probabilities do. A sigmoid keeps a head's answers in that range, and binary cross-entropy is lowest where
# the answer equals the target, whatever share that is. So `mirror` is built as 196 yes/no questions would be, and measured, as a
# number is, by its mean absolute error.

# %%
image = keras.Input(shape=(28, 28), name="image")
trunk = keras.layers.Flatten(name="pixels")(image)
trunk = keras.layers.Dense(128, activation="relu", name="trunk_1")(trunk)
trunk = keras.layers.Dense(64, activation="relu", name="trunk_2")(trunk)

units = {"digit": 10, "odd": 1, "facts": 6, "quarter": 4}
units |= {"ink": 1, "halves": 2, "slant": 1, "mirror": 196}
activation = dict.fromkeys(["digit", "quarter"], "softmax")
activation |= dict.fromkeys(["odd", "facts", "mirror"], "sigmoid")

# %%
heads = {
    name: keras.layers.Dense(units[name], activation=activation.get(name), name=name)(trunk)
    for name in targets_train
}
model = keras.Model(inputs=image, outputs=heads, name="eight_questions")

# %%
plots.architecture(model)

# %% [markdown]
# The loss and the metric of each head follow from its kind. They go to Keras in dictionaries with the same keys as the heads.

# %%
loss = {
    "digit": "sparse_categorical_crossentropy",
    "quarter": "sparse_categorical_crossentropy",
}
loss |= dict.fromkeys(["odd", "facts", "mirror"], "binary_crossentropy")
loss |= dict.fromkeys(["ink", "halves", "slant"], "mean_squared_error")

metric = {"digit": "sparse_categorical_accuracy", "quarter": "sparse_categorical_accuracy"}
metric |= dict.fromkeys(["odd", "facts"], "binary_accuracy")
metric |= dict.fromkeys(["ink", "halves", "slant", "mirror"], "mean_absolute_error")

model.compile(
    optimizer="adam",
    loss=loss,
    metrics={name: [metric[name]] for name in heads},
    steps_per_execution=100,
)

# %% [markdown]
# `batches` hands the images over in shuffled groups of 128. Such a group is a **batch**. After each batch Keras changes the
# weights once: that is one **update**. And `repeat` starts a new pass, in a new order, when fewer than 128 images are left. An
# **epoch** is often one pass over the images; here it is 300 updates, so that training is equally long on 1,297 images and on
# 30,000. (`steps_per_execution=100` above only saves time: Keras makes 100 updates before it returns to Python.)

# %%
history = model.fit(
    data.batches(images_train, targets_train, seed=0).repeat(),
    steps_per_epoch=300,
    epochs=3,
    verbose=0,
    callbacks=[plots.Progress()],
)

# %% [markdown]
# ## How good are eight answers from one network?
#
# A score means little alone. Beside each we put the **baseline**, an answer that is the same for every image: the most
# frequent class, or the middle value (the median), among at most 5,000 training images. scikit-learn calls it a dummy.
#
# **Predict first.** Six yes/no facts, and an answer that never looks at the image: what share of the facts will it get right?

# %%
scores = model.evaluate(
    data.batches(digits.x_test, targets_test, batch_size=1000, shuffle=False),
    verbose=0,
    return_dict=True,
)
baseline, network = {}, {}
for name, target in targets_test.items():
    is_error = metric[name] == "mean_absolute_error"
    dummy = DummyRegressor(strategy="median") if is_error else DummyClassifier()
    seen = targets_train[name][:5000]
    constant = dummy.fit(np.zeros(len(seen)), seen).predict(np.zeros(len(target)))
    right_or_off = np.abs(constant - target) if is_error else constant == target
    baseline[name], network[name] = right_or_off.mean(), scores[f"{name}_{metric[name]}"]

# %%
print(f"{'head':9}{'metric':30}{'baseline':>9}{'network':>9}")
for name in targets_test:
    print(f"{name:9}{metric[name]:30}{baseline[name]:9.3f}{network[name]:9.3f}")

# %% [markdown]
# For the accuracies more is better; for the errors less is. Every head beats its baseline, and some baselines are not bad at
# all: on `facts` a constant is right more often than not. So a score is compared with a baseline before we call it good.

# %% tags=["check"]
for name in targets_test:
    if metric[name] == "mean_absolute_error":
        assert network[name] < baseline[name] - 0.01, name
    else:
        assert network[name] > baseline[name] + 0.05, name

# %% [markdown]
# What does an answer of 196 numbers look like? Above are six targets of the head `mirror`, below what it predicted.

# %%
predictions = model(digits.x_test[:6])
both = np.concatenate([targets_test["mirror"][:6], predictions["mirror"]])
plots.images(both.reshape(-1, 14, 14), ["target"] * 6 + ["predicted"] * 6, columns=6)

# %% [markdown]
# It is blurred, and yet the same digit: a trunk of 64 numbers has kept enough of each image to draw it again, besides seven
# other answers.

# %% [markdown]
# Did the network pay for answering eight questions instead of one? This notebook cannot say: nothing here was compared with
# separate networks. [Lesson 3](03_three_architectures.ipynb) makes that comparison properly, over several seeds.

# %% [markdown]
# ## How the exercises work
#
# Each lesson from 1 on has an exercise notebook. `python -m mos_checks.progress` shows which questions are solved, and what
# to do next. A question leaves one cell to you, and the next cell checks the answer, at
# once and without a network. Here is what a check says on a small question: first without an answer, then with a wrong one,
# then after a hint with a right one. We write `lambda: contract` so that the check can ask for your answer itself, and
# report an error in it.
#
# **Question 0.1.** A head answers seven yes/no questions at once, any number of which may be yes. Call `contract` a
# dictionary with its `units` and its `activation`.

# %%
check("0.1", lambda: contract)

# %%
contract = {"units": 7, "activation": "softmax"}
check("0.1", lambda: contract)

# %%
hint("0.1")

# %%
contract = {"units": 7, "activation": "sigmoid"}
check("0.1", lambda: contract)

# %% [markdown]
# A check never changes your variables, never trains your model further, and stops by itself when an answer runs for too long.
# The answers are in `solutions/`, which has a notebook for each exercise.

# %% [markdown]
# ## Six words
#
# | word | what it means in this course |
# |---|---|
# | trunk | the layers that all heads share |
# | head | the layers that give one output |
# | label | what somebody wrote down about an example |
# | target | the array that a head is trained to answer |
# | task | a target together with its loss |
# | loss weight | the factor of a head's loss in the sum that training lowers |

# %% [markdown]
# ## Take this with you
#
# The contract as a function, to copy into your own project. The cell stands alone. Give it the training targets too: most
# mistakes show there. Keep the mean and the standard deviation of a number, to turn answers back into your unit.

# %%
import re

import keras
import numpy as np

CONTRACT = {  # kind: activation, loss, metric
    "binary": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "multi-class": (
        "softmax",
        "sparse_categorical_crossentropy",
        "sparse_categorical_accuracy",
    ),
    "multi-label": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "regression": (None, "mean_squared_error", "mean_absolute_error"),
}


def make_head(kind, units, name, target=None):
    """Return the output layer, the loss and the metric of a head, if its training targets fit."""
    if kind not in CONTRACT:
        raise ValueError(f"kind must be one of {', '.join(CONTRACT)}, not {kind!r}")
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name must be letters, digits and _, without spaces, not {name!r}")
    if units < 1 or (kind == "binary" and units > 1):
        raise ValueError(
            f"units must be {'1' if kind == 'binary' else 'at least 1'}, not {units}"
        )
    if target is not None:
        check_target(kind, units, name, np.asarray(target))
    activation, loss, metric = CONTRACT[kind]
    return keras.layers.Dense(units, activation=activation, name=name), loss, metric


def check_target(kind, units, name, target):
    """Raise an error unless the array of training targets fits the head."""
    alone = units == 1 or kind == "multi-class"
    shape, hint = ("(n,)", "") if alone else (f"(n, {units})", ", a column for each unit")
    if target.ndim == 0 or target.shape[1:] not in ([(), (1,)] if alone else [(units,)]):
        raise ValueError(f"target of {name} must have shape {shape}{hint}, not {target.shape}")
    if target.dtype.kind not in "biuf":
        raise TypeError(f"target of {name} must hold numbers, not {target.dtype}")
    mean, std = target.mean(axis=0), target.std(axis=0)
    wanted, fits = "0 or 1", np.isin(target, [0, 1]).all()
    if kind == "multi-class":
        wanted, fits = (
            f"whole numbers from 0 to {units - 1}",
            np.isin(target, range(units)).all(),
        )
    if kind == "regression":
        wanted = "mean 0 and standard deviation 1: subtract the mean, divide by the std"
        fits = (np.abs(mean) < 0.2).all() and (np.abs(std - 1) < 0.2).all()
    if not fits:
        found = f"{target.min():.3g} to {target.max():.3g}, mean {np.round(mean, 3)}"
        raise ValueError(
            f"target of {name} must have {wanted}. It has {found}, standard deviation {std}"
        )


tags, tags_loss, tags_metric = make_head("multi-label", 3, "tags", [[0, 1, 1], [1, 0, 0]])
tags.units, tags.activation.__name__, tags_loss, tags_metric

# %% [markdown]
# In this notebook we
# - asked eight questions about one image, and named the kind of each: binary, multi-class, multi-label or regression;
# - wrote down the contract of a head, and trained one network with eight heads by it;
# - compared every score with a baseline;
# - saw what a check and a hint say.
#
# Next: [lesson 1](01_two_heads.ipynb), where two heads on one trunk answer separately, and sometimes contradict each other.
