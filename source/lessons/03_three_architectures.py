# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 3. Shared trunk, one wide head, or separate networks?
#
# **What you will do.** Put two digits on one canvas and ask for both. Wire the answer in three ways, and measure which way is
# right more often, which is smaller and which is faster.
#
# **What you will learn**
# - to build the three types of multi-output model, and to say which of them really differ;
# - to compare models fairly: at equal size, over several runs, beside a simple model and a baseline;
# - further: to write a `MultiOutput` layer, which Keras does not have, so that it saves and loads.
#
# **What you will need.** [Lesson 1](01_two_heads.ipynb). No GPU. About 35 minutes; the longest cell runs for about 20
# seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import restart

import time

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(3)

# %% [markdown]
# ## Two digits on one canvas
#
# `two_digits` puts one digit to the upper left and one to the lower right. Where they overlap, the larger pixel
# value counts (ink is 1, which the figures show in black). The
# training images are made of training digits and the test images of test digits: no digit is in both.

# %%
digits = data.load_digits()
canvas_train, targets_train = data.two_digits(digits.x_train, digits.y_train, 8000, seed=1)
canvas_test, targets_test = data.two_digits(digits.x_test, digits.y_test, 2000, seed=2)

titles = [f"{left} and {right}" for left, right in zip(*targets_test.values(), strict=True)]
plots.images(canvas_test[:12], titles[:12], columns=6)

# %% [markdown]
# Unlike *odd* in lesson 1, the second answer does not follow from the first: each digit is drawn on its own.
#
# **Predict first.** A model that always answers "1 and 1": how often is it right about the left digit, and how often about
# both?

# %%
left, right = targets_test["left"] == 1, targets_test["right"] == 1
print(f"the left one is a 1: {left.mean():.1%}   the right one: {right.mean():.1%}")
print(f"both: {(left & right).mean():.1%}")

# %% [markdown]
# A tenth, and a tenth of a tenth. That is the score to beat.
#
# To save time we halve the resolution, and put the pixels in one row.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


images_train, images_test = prepare(canvas_train), prepare(canvas_test)
print(canvas_train.shape, "becomes", images_train.shape)

# %% [markdown]
# ## Type 1: heads on a shared trunk
#
# This is the model of lesson 1, with two softmax heads. One function makes the trunk, so that all types have the same one.


# %%
def trunk(image, units, name="trunk"):
    """Return the output of two hidden layers; the second has half the units of the first."""
    hidden = keras.layers.Dense(units, activation="relu", name=f"{name}_1")(image)
    return keras.layers.Dense(units // 2, activation="relu", name=f"{name}_2")(hidden)


def softmax_head(name, features):
    return keras.layers.Dense(10, activation="softmax", name=name)(features)


def shared_trunk(units):
    image = keras.Input(shape=(289,), name="image")
    features = trunk(image, units)
    heads = {name: softmax_head(name, features) for name in ["left", "right"]}
    return keras.Model(image, heads, name="shared_trunk")


plots.architecture(shared_trunk(96), downwards=True)

# %% [markdown]
# ## Type 2: one wide head
#
# The last layer gives one vector of twenty numbers. We cut it in two afterwards: the first ten numbers are about the left
# digit, the last ten about the right one. Each block gets a softmax of its own.


# %%
def one_wide_head(units):
    image = keras.Input(shape=(289,), name="image")
    vector = keras.layers.Dense(20, name="wide")(trunk(image, units))
    blocks = {"left": vector[:, :10], "right": vector[:, 10:]}
    heads = {name: keras.layers.Softmax(name=name)(block) for name, block in blocks.items()}
    return keras.Model(image, heads, name="one_wide_head")


plots.architecture(one_wide_head(96), downwards=True)

# %% [markdown]
# The two boxes called `get_item` are the cut. The layer `wide` has the colour of the trunk, because it leads to both answers.
#
# A single softmax over all twenty numbers would be a mistake: its twenty
# probabilities have a total of 1, so the two digits would compete, and a model that is sure of both could give each only 0.5.

# %% [markdown]
# ## Type 3: separate networks
#
# Each answer has a network of its own. We put both into one `keras.Model`, so that one `fit` trains them and one call answers.


# %%
def separate_networks(units):
    image = keras.Input(shape=(289,), name="image")
    heads = {
        name: softmax_head(name, trunk(image, units, name=f"{name}_trunk"))
        for name in ["left", "right"]
    }
    return keras.Model(image, heads, name="separate_networks")


plots.architecture(separate_networks(96), downwards=True)

# %% [markdown]
# They stand in one model, but they share nothing. We can ask TensorFlow: which weights have a gradient from the left
# answer? (A dash means: no connection.)

# %% tags=["nbval-check-output"]
model = separate_networks(96)
with tf.GradientTape() as tape:
    left = model(images_train[:8])["left"]
gradients = tape.gradient(left, model.trainable_variables)
for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
    print(f"{variable.path:22}{'moves the left answer' if gradient is not None else '-'}")

# %% [markdown]
# No weight of the right network influences the left answer. So training them together is the same as training one after the
# other from the same weights on the same batches, and we can take one of them out and use it alone. With a shared trunk,
# each change of the trunk changes both answers.

# %% tags=["nbval-check-output"]
left_network = keras.Model(model.input, model.output["left"], name="left_network")
print(f"both networks:      {model.count_params():,} parameters")
print(f"the left one alone: {left_network.count_params():,} parameters")

# %% [markdown]
# ## What really differs, and what does not
#
# **Predict first.** A wide head with 20 units, or two heads with 10 units each on the same trunk: which can compute more?
#
# Copy the weights of the one into the other. A layer's *kernel* is its matrix of weights. The two kernels side by side make
# the wide kernel, and the same for the biases.

# %%
two_heads, wide_head = shared_trunk(96), one_wide_head(96)

for name in ["trunk_1", "trunk_2"]:
    wide_head.get_layer(name).set_weights(two_heads.get_layer(name).get_weights())
side_by_side = [two_heads.get_layer(name) for name in ["left", "right"]]
kernel = np.concatenate([head.kernel for head in side_by_side], axis=1)
bias = np.concatenate([head.bias for head in side_by_side])
wide_head.get_layer("wide").set_weights([kernel, bias])


# %%
def largest_difference(model, other):
    first, second = model(images_test), other(images_test)
    return max(np.abs(first[name] - second[name]).max() for name in first)


print(f"largest difference of a probability: {largest_difference(two_heads, wide_head):.1e}")

# %% tags=["check"]
assert two_heads.count_params() == wide_head.count_params()
assert largest_difference(two_heads, wide_head) < 1e-5

# %% [markdown]
# Neither: the two give the same answers, up to the last digits of the computer's arithmetic. Do they also learn the same? We
# train both on the same batches, for 200 updates.


# %%
def compiled(model):
    """Compile a model whose outputs are all softmax heads, and return it."""
    losses = dict.fromkeys(model.output, "sparse_categorical_crossentropy")
    model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
    model.optimizer.build(model.trainable_variables)  # now: the first fit is faster then
    return model


for model in [compiled(two_heads), compiled(wide_head)]:
    batches = data.batches(images_train, targets_train, seed=1).repeat()
    model.fit(batches, steps_per_epoch=200, verbose=0)

print(f"largest difference of a probability: {largest_difference(two_heads, wide_head):.1e}")

# %% tags=["check"]
assert largest_difference(two_heads, wide_head) < 0.01

# %% [markdown]
# They do. One wide head and two heads on one trunk are **the same model in two notations**. What differs is the code: two
# heads have names from the start, and each can have its own activation and its own number of layers. With a wide head you
# keep count of the columns yourself. So write heads, and read a wide head in older code as heads.
#
# The real difference is between *sharing* and *not sharing* the trunk. And there is one more kind of
# head, which really is a different model.

# %% [markdown]
# ## One head for all pairs
#
# A pair of digits is one of a hundred classes. A single softmax over all of them can predict "3 and 5, or else 5 and 3, but
# not 3 and 3", which two heads cannot: if each gives half to 3 and half to 5, then "3 and 3" gets a quarter.


# %%
def head_for_pairs(units):
    image = keras.Input(shape=(289,), name="image")
    pair = keras.layers.Dense(100, activation="softmax", name="pair")(trunk(image, units))
    return keras.Model(image, {"pair": pair}, name="head_for_pairs")


targets_train["pair"] = 10 * targets_train["left"] + targets_train["right"]

# %% [markdown]
# ## What is a fair comparison?
#
# Two separate networks with the same trunk have twice the parameters. If they win, is it because they are separate, or because
# they are larger? So we need them in two sizes: with **equal trunks**, and with **equal totals**.
#
# **Predict first.** The shared trunk has 96 and 48 units. With how many units in the first layer do two separate networks have
# the same number of parameters in all: 48, or more?

# %% tags=["nbval-check-output"]
wanted = shared_trunk(96).count_params()
for units in [48, 52, 56, 96]:
    share = separate_networks(units).count_params() / wanted
    print(f"two networks with {units} units: {share:5.1%} of the shared model")

# %% [markdown]
# Half the units make less than half the weights, because a layer between 96 and 48 units has 96 times 48 of them. At 52
# units the totals are almost equal.

# %% tags=["nbval-check-output"]
designs = {
    "shared trunk": two_heads,
    "one wide head": wide_head,
    "separate, equal total": compiled(separate_networks(52)),
    "separate, equal trunks": compiled(separate_networks(96)),
    "one head for pairs": compiled(head_for_pairs(96)),
}
{name: f"{model.count_params():,} parameters" for name, model in designs.items()}

# %% [markdown]
# ## Five runs
#
# Each run begins from newly drawn weights, and sees the images in another order. A new model for each run would be slow, because
# Keras compiles the first update of a model. So we draw the first weights of all runs, and train the same compiled model
# again and again, with `restart` from [lesson 1](01_two_heads.ipynb).

# %%
first_weights = {
    name: [keras.models.clone_model(model).get_weights() for run in range(5)]
    for name, model in designs.items()
}


def train(name, run, updates=800):
    """Train a design from the first weights of a run; return the seconds that it took."""
    model = designs[name]
    restart(model, first_weights[name][run])
    targets = {head: targets_train[head] for head in model.output}
    training = data.batches(images_train, targets, seed=run).repeat()
    start = time.perf_counter()
    model.fit(training, steps_per_epoch=updates, verbose=0)
    return time.perf_counter() - start


# %%
for name in designs:
    train(name, run=0, updates=100)  # compiles the update, and is not counted

# %% [markdown]
# For each run we note how often the left digit, the right digit, and both are right. The table gives the mean over five runs ±
# their standard deviation.


# %%
def answers(model):
    """Return the likeliest left and right digit for each test image, shape (n, 2)."""
    likeliest = {name: np.argmax(answer, axis=1) for name, answer in model(images_test).items()}
    if "pair" in likeliest:
        return np.stack(np.divmod(likeliest["pair"], 10), axis=1)
    return np.stack([likeliest["left"], likeliest["right"]], axis=1)


def scores(answers):
    """Return the share of test images on which left, right, and both are right."""
    right = answers == np.stack([targets_test["left"], targets_test["right"]], axis=1)
    return np.array([*right.mean(axis=0), right.all(axis=1).mean()])


# %% [markdown]
# **Predict first.** Order the five designs by how often both digits are right. Which differences will be larger than the
# standard deviation of the runs?

# %%
results, seconds = {}, {}
for name, model in designs.items():
    runs = [(train(name, run), scores(answers(model))) for run in range(5)]
    seconds[name] = np.median([time_taken for time_taken, _ in runs])
    results[name] = np.array([shares for _, shares in runs])

# %%
columns = ["left", "right", "both", "weights", "training"]
print(" " * 22 + "".join(f"{column:>14}" for column in columns))
for name, runs in results.items():
    means, stds = runs.mean(axis=0), runs.std(axis=0, ddof=1)
    row = [f"{mean:.1%} ± {std:.1%}" for mean, std in zip(means, stds, strict=True)]
    row += [f"{designs[name].count_params():,}", f"{seconds[name]:.1f} s"]
    print(f"{name:22}" + "".join(f"{cell:>14}" for cell in row))

# %%
plots.comparison(
    {name: 100 * runs[:, 2] for name, runs in results.items()},
    "test images with both digits right, in %",
)

# %% tags=["check"]
both = {name: runs[:, 2].mean() for name, runs in results.items()}
assert abs(both["shared trunk"] - both["one wide head"]) < 0.02
assert both["separate, equal trunks"] > both["shared trunk"] > both["one head for pairs"]
assert both["separate, equal total"] > both["shared trunk"] - 0.01
assert min(both.values()) > 0.5

# %% [markdown]
# - **One wide head** does as well as two heads on the shared trunk: the difference is at most about as large as the standard
#   deviation of the runs. It must be so, since they are the same model. It is not zero, because the first weights were drawn
#   for each design. (Those of one kernel of 20 columns have a little smaller range, too, than those of two of 10: Keras's
#   default shrinks with the number of inputs plus outputs.)
# - **Separate networks with equal trunks** are right more often, and the difference is larger than the standard deviation.
#   They also have twice the parameters.
# - **Separate networks with an equal total** keep only a part of that lead: about two percentage points (*points*, for short)
#   on MNIST, about one on the bundled digits. It is there on average; single runs may change places.
# - **One head for pairs** is clearly worse. It has only about 80 images of each of its hundred classes, and what its unit
#   for "3 and 4" learns about the 3 does not reach its unit for "3 and 5". Here it has nothing to gain: the two digits are
#   drawn independently, so one says nothing about the other.
#
# So on these images sharing does not help. It is easy to think of a reason: the digits overlap, and what shows the one digit
# hides the other. But this comparison does not test that reason, and it is about *these* two questions. Other pairs of
# questions come out the other way. [Lesson 10](10_when_to_share.ipynb) shows sharing that helps, does nothing, and hurts, on
# one data set.

# %% [markdown]
# ## The time to answer
#
# Accuracy is one reason to choose. Another is what the model costs each time it is used.
#
# **Predict first.** The two networks with equal trunks have twice the parameters of the shared model. For one image, do they
# need twice the time? And for 2,000 images?


# %%
def milliseconds(networks, images, calls=50):
    """Return the median time in which all networks have answered, one call after the other."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        for network in networks:
            network.predict_on_batch(images)
        times.append(1000 * (time.perf_counter() - start))
    return np.median(times)


# %%
apart = designs["separate, equal trunks"]
candidates = {
    "shared trunk": [designs["shared trunk"]],
    "two networks in one model": [apart],
    "two networks in two models": [
        keras.Model(apart.input, apart.output[name]) for name in ["left", "right"]
    ],
}
print(f"{'milliseconds for':28}{'1 image':>10}{'2,000 images':>15}")
for name, networks in candidates.items():
    one, many = milliseconds(networks, images_test[:1]), milliseconds(networks, images_test)
    print(f"{name:28}{one:10.2f}{many:15.2f}")

# %% [markdown]
# In one model they take less than twice the time, on the machine that made these outputs. For one image, nearly all of the time
# is the call itself, not the arithmetic: a second network inside the same call adds little, and a second call adds much. For many
# images the arithmetic counts, and the second trunk shows; whether it runs in the same call or in one of its own matters less
# then. These networks are small: the larger the trunk, the more of the time is arithmetic, and the more a shared trunk can save.
# [Lesson 14](14_ship.ipynb) measures other ways to answer faster.

# %% [markdown]
# ## Beside them: scikit-learn
#
# A comparison of networks means little without a simple model beside it. scikit-learn has both types:
# - `MultiOutputClassifier` fits one copy of any classifier for each output. That is type 3, in one line. We take it with
#   logistic regression, which has no hidden layer, and with a network of the size of ours.
# - Its network, `MLPClassifier`, does not take two columns of digits. But it takes twenty columns of yes and no, with a
#   sigmoid for each. That is type 2, a wide head.

# %%
import warnings

from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

both_digits = np.stack([targets_train["left"], targets_train["right"]], axis=1)
yes_no = np.eye(10)[both_digits].reshape(-1, 20)
logistic = MultiOutputClassifier(LogisticRegression(max_iter=50))
network = MLPClassifier((96, 48), batch_size=128, max_iter=13, random_state=0)
networks = MultiOutputClassifier(network)

# %% [markdown]
# Thirteen passes are about as many updates as ours. scikit-learn would like more, and warns; we keep it quiet. For
# networks this small, one thread is usually faster than several.

# %%
with warnings.catch_warnings(), threadpool_limits(1):
    warnings.simplefilter("ignore")
    logistic.fit(images_train, both_digits)
    networks.fit(images_train, both_digits)
    network.fit(images_train, yes_no)

# %%
most_frequent = [np.bincount(column).argmax() for column in both_digits.T]
probabilities = network.predict_proba(images_test).reshape(-1, 2, 10)
beside = {
    "separate logistic regressions": scores(logistic.predict(images_test)),
    "separate networks": scores(networks.predict(images_test)),
    "one wide head, 20 sigmoids": scores(probabilities.argmax(axis=2)),
    "always the most frequent digits": scores(np.array([most_frequent])),
}
print(f"{'one run of each':33}{'left':>8}{'right':>8}{'both':>8}")
for name, row in beside.items():
    print(f"{name:33}" + "".join(f"{share:8.1%}" for share in row))

# %% tags=["check"]
assert beside["separate networks"][2] > beside["one wide head, 20 sigmoids"][2] > 0.5
assert beside["separate logistic regressions"][2] > 0.5
assert beside["always the most frequent digits"][2] < 0.05

# %% [markdown]
# - Logistic regression, without any hidden layer, comes close to the shared trunk or passes it, depending on the data. That is
#   worth knowing before one chooses between networks.
# - Another library's networks point the same way: separate ones are ahead of a wide head with the same trunk. But it is one
#   run of each, the separate ones have twice the parameters, and this wide head has sigmoids instead of softmaxes.
# - All three models are far above the baseline.

# %% [markdown]
# ## Which one to choose?
#
# - Begin with **heads on a shared trunk**. With the same trunk it has about half the weights of separate networks and
#   answers many images faster, and one model is easier to maintain than two.
# - Then train **separate networks**, with an equal total and with equal trunks. They are the comparison: it tells what sharing
#   costs or gains on your data, and they can be retrained one by one. Take them if they are better and you can afford them.
# - Treat **one wide head** as another notation for the first. Use **one head for all combinations** only if the combinations
#   are few, and if one answer really depends on the other.
# - Put a simple model and a baseline into the same table, and make several runs.

# %% [markdown]
# ## Further: a layer called `MultiOutput`
#
# Some course notes use a layer `tf.keras.layers.MultiOutput`. Is it there?

# %% tags=["nbval-check-output"]
hasattr(keras.layers, "MultiOutput")

# %% [markdown]
# No release of Keras has one, old or new. Code that names it never ran. And it is not needed: a dictionary of heads does the
# same. But such a layer is short, and to write it shows how Keras saves a layer that holds other layers.


# %%
class MultiOutput(keras.layers.Layer):
    """Apply each head of a dictionary to the same input."""

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, features):
        return {name: head(features) for name, head in self.heads.items()}


def with_layer(layer_class):
    image = keras.Input(shape=(289,), name="image")
    heads = {name: keras.layers.Dense(10, activation="softmax") for name in ["left", "right"]}
    return keras.Model(
        image, layer_class(heads, name="heads")(trunk(image, 96)), name="with_a_layer"
    )


plots.architecture(with_layer(MultiOutput))

# %% [markdown]
# The heads are in one box, and the model has as many parameters as the shared trunk above. Keras finds the heads in the
# dictionary `self.heads`, and so it trains them.
#
# **Predict first.** Can this model be saved? (The next cell ends with an error, on purpose.)

# %% tags=["raises-exception"]
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
with_layer(MultiOutput).save(Path(folder.name) / "model.keras")

# %% [markdown]
# No. Keras stores a layer as the arguments that make it again, and it cannot write a dictionary of layers by itself. The
# message says what to do: `get_config` says how to write the arguments. `from_config` is its counterpart, and turns what was
# written into layers again. The first line, `register...`, tells Keras where to find the class when it loads a model.


# %%
@keras.saving.register_keras_serializable(package="lesson_03")
class SavedMultiOutput(MultiOutput):
    """A MultiOutput layer that can be saved and loaded."""

    def get_config(self):
        heads = {
            name: keras.saving.serialize_keras_object(head) for name, head in self.heads.items()
        }
        return super().get_config() | {"heads": heads}

    @classmethod
    def from_config(cls, config):
        heads = {
            name: keras.saving.deserialize_keras_object(head)
            for name, head in config["heads"].items()
        }
        return cls(**config | {"heads": heads})


# %%
model = with_layer(SavedMultiOutput)
model.save(Path(folder.name) / "model.keras")
loaded = keras.models.load_model(Path(folder.name) / "model.keras")
print(f"largest difference after loading: {largest_difference(model, loaded):.0e}")

# %% tags=["check"]
assert largest_difference(model, loaded) < 1e-5
assert model.count_params() == shared_trunk(96).count_params()

# %% [markdown]
# `mos_helpers.heads` has this layer too. It is ours with two additions: it names each head after its key, and it
# refuses what cannot work, such as one layer used as two heads. With the same weights it gives the same answers. In
# `compile` and `fit` you use the same keys, `left` and `right`, as with a dictionary of heads.

# %% tags=["nbval-check-output"]
from mos_helpers.heads import MultiOutput as NamedMultiOutput

image = keras.Input(shape=(289,), name="image")
outputs = NamedMultiOutput(
    {name: keras.layers.Dense(10, activation="softmax") for name in ["left", "right"]}
)
helper = keras.Model(image, outputs(trunk(image, 96)))
[variable.path for variable in helper.trainable_variables]

# %% tags=["check"]
helper.set_weights(model.get_weights())
assert largest_difference(model, helper) < 1e-5


# %% [markdown]
# ## Take this with you
#
# One function for both sides of the comparison, with any number of heads. The cell stands alone.

# %% tags=["nbval-check-output"]
import re

import keras


def build(classes, inputs, units, share=True):
    """Return a model with a softmax head for each name in `classes`, on one trunk or each on its own."""
    if not isinstance(classes, dict) or not classes:
        raise TypeError(f"classes must be a dictionary, as {{'left': 10}}, not {classes!r}")
    for name, number in classes.items():
        if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise ValueError(
                f"classes: a name needs letters, digits and _, without spaces, not {name!r}"
            )
        if not isinstance(number, int) or number < 2:
            raise ValueError(
                f"classes[{name!r}] must be a number of classes, 2 or more, not {number!r}"
            )
    if units < 2:
        raise ValueError(
            f"units must be at least 2, as the second layer has half of them, not {units}"
        )

    def trunk():
        hidden = keras.layers.Dense(units, activation="relu")(image)
        return keras.layers.Dense(units // 2, activation="relu")(hidden)

    image = keras.Input(shape=(inputs,))
    common = trunk() if share else None
    heads = {}
    for name, number in classes.items():
        head = keras.layers.Dense(number, activation="softmax", name=name)
        heads[name] = head(common if share else trunk())
    return keras.Model(image, heads)


classes = {"left": 10, "right": 10}
for share, units in [(True, 96), (False, 52), (False, 96)]:
    size = build(classes, inputs=289, units=units, share=share).count_params()
    print(f"{'shared' if share else 'separate'}, {units} units: {size:,} parameters")

# %% [markdown]
# In this notebook we
# - built a shared trunk, one wide head and separate networks, and saw by copying weights that the first two are one model;
# - compared them at equal trunks and at equal totals, over five runs, beside logistic regression and a baseline;
# - measured the time to answer, for one image and for many;
# - wrote a `MultiOutput` layer that saves and loads.
#
# Next: the [exercises](../exercises/03_three_architectures.ipynb), then [lesson 4](04_multi_label.ipynb).
