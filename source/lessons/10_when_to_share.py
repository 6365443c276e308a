# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 10. When does sharing help, do nothing, or hurt?
#
# **What you will do.** Put a second task beside three different tasks with few labels, on the same images. Measure what it
# does to each. Then build two layers that learn how much to share, and look at what they learned.
#
# **What you will learn**
# - to test whether an auxiliary task (a second task that is there to help the first) helps, with few labels and with many;
# - to read the relative score over tasks, and to know why its sign can change with the metric;
# - to build cross-stitch units and a mixture of experts with a gate for each task, to compare them at equal size, and to
#   see what they learned to share;
# - to decide whether to share, from measurements.
#
# **What you will need.** Lessons [3](03_three_architectures.ipynb) and [6](06_missing_labels.ipynb). No GPU. About 50
# minutes; the longest cell runs for about 15 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import restart

import keras
import numpy as np

keras.utils.set_random_seed(10)

# %% [markdown]
# ## Four questions about one image
#
# The images are those of [lesson 3](03_three_architectures.ipynb): two digits on one canvas, at half the resolution. We ask
# four questions:
# - `left`: which is the left digit?
# - `prime`: is the left digit 2, 3, 5 or 7 (a prime number)?
# - `large`: is the sum of the two digits above 9?
# - `right`: which is the right digit?


# %%
def questions(x, y, n, seed):
    """Return n images, one row of pixels each, and the answers to the four questions."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    images = canvas.reshape(n, 17, 2, 17, 2).mean(axis=(2, 4)).reshape(n, -1)
    left, right = pair["left"], pair["right"]
    prime, large = np.isin(left, [2, 3, 5, 7]).astype(int), (left + right > 9).astype(int)
    return images, {"left": left, "prime": prime, "large": large, "right": right}


digits = data.load_digits()
images_train, targets_train = questions(digits.x_train, digits.y_train, 4000, seed=1)
images_test, targets_test = questions(digits.x_test, digits.y_test, 2000, seed=2)

baseline = {name: np.bincount(truth).max() / 2000 for name, truth in targets_test.items()}
print(
    "always the most frequent answer:",
    ", ".join(f"{name} {share:.1%}" for name, share in baseline.items()),
)

# %% [markdown]
# All 4,000 images have a label of *left*: it is the **auxiliary task**. The other three, the **target tasks**, have fewer labels:
# first 100, then 2,000. For each we ask: is a network for it alone better, or one which has the head *left* too?
#
# **Predict first.** For which target task will the head *left* help, for which will it do nothing, and for which will it hurt?
# Write down one answer for 100 labels and one for 2,000.

# %% [markdown]
# ## A fair comparison
#
# The missing labels get a filler and the weight 0, as in [lesson 6](06_missing_labels.ipynb). But there is a trap. A network
# for the target task alone could be trained on its labelled rows only: each batch of 128 rows has 128 labels. A batch of all
# 4,000 rows has far fewer. Then the one network sees each label far more often than the other, and we would compare that.
#
# So both get the same rows in the same order: the labelled rows, repeated until they are 4,000, and then all 4,000 rows.


# %%
def rows_and_known(labels, seed):
    """Return 8,000 row numbers, and which of these rows have labels of the target tasks."""
    labelled = np.random.default_rng(1000 + seed).permutation(4000)[:labels]
    rows = np.concatenate([np.resize(labelled, 4000), np.arange(4000)])
    return rows, np.isin(rows, labelled)


for labels in [100, 2000]:
    rows, known = rows_and_known(labels, seed=0)
    print(f"{labels:5} labels: {128 * labels / 4000:2.0f} in a batch of all rows,", end=" ")
    print(f"{128 * known.mean():2.0f} in a batch of these rows")

# %% [markdown]
# In our rows, on average half of a batch or more has a label, the same for both networks.

# %% [markdown]
# Now the networks. All have a trunk of the same size. There are four networks with one question each, and three that ask a
# target question and *left*.

# %%
classes = {"left": 10, "prime": 2, "large": 2, "right": 10}


def trunk(image, name, units=64):
    """Return the output of two hidden layers; the second has half the units of the first."""
    hidden = keras.layers.Dense(units, activation="relu", name=f"{name}_1")(image)
    return keras.layers.Dense(units // 2, activation="relu", name=f"{name}_2")(hidden)


def head(question, features, name):
    return keras.layers.Dense(classes[question], activation="softmax", name=name)(features)


# %% [markdown]
# We put all seven into one `keras.Model`, side by side: networks which share no weights train together as they would alone
# (lesson 3). The name of an output begins with its question, and says who else is
# in its network:
# - `prime_alone`: the answer to *prime* of the network for *prime* alone;
# - `prime_with_left` and `left_with_prime`: the two answers of the network that has both heads.

# %% tags=["nbval-check-output"]
image = keras.Input(shape=(289,), name="image")
outputs = {}
for name in classes:
    outputs[f"{name}_alone"] = head(name, trunk(image, f"trunk_{name}"), f"{name}_alone")
for name in ["prime", "large", "right"]:
    shared = trunk(image, f"trunk_{name}_left")
    outputs[f"{name}_with_left"] = head(name, shared, f"{name}_with_left")
    outputs[f"left_with_{name}"] = head("left", shared, f"left_with_{name}")

networks = keras.Model(image, outputs)
print(f"{len(outputs)} outputs, {networks.count_params():,} parameters")

# %% [markdown]
# What do *prime* and *left* share? Here is their network, cut out of the seven:

# %%
pair = {name: outputs[name] for name in ["prime_with_left", "left_with_prime"]}
plots.architecture(keras.Model(image, pair, name="prime_with_left"))

# %% [markdown]
# They share all but the heads.
#
# Now the training. `train` begins again from stored first weights, as in lesson 6. It fills the gaps, weighs the rows, and
# returns the likeliest answers for the test images.


# %%
def compiled(model):
    """Compile a model of softmax heads, each with a loss that divides by its labelled rows."""
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(
        optimizer="adam", loss=dict.fromkeys(model.output, loss), steps_per_execution=100
    )
    model.optimizer.build(model.trainable_variables)  # now: the first fit is faster then
    return model


# %%
def train(model, first_weights, labels, seed):
    """Train a compiled model for 300 updates; return its answers for the test images."""
    restart(model, first_weights)
    rows, known = rows_and_known(labels, seed)
    targets, weights = {}, {}
    for name in model.output:
        question = name.split("_")[0]
        has_label = known | (question == "left")
        targets[name] = np.where(has_label, targets_train[question][rows], 0)
        weights[name] = has_label.astype("float32")
    training = data.batches(images_train[rows], targets, sample_weight=weights, seed=seed)
    model.fit(training.repeat(), steps_per_epoch=300, verbose=0)
    answers = model(images_test, training=False)
    return {name: np.argmax(probabilities, axis=1) for name, probabilities in answers.items()}


# %% [markdown]
# ## Three tasks, three answers
#
# We train with five seeds, and with 100 and 2,000 labels. A seed decides which rows are labelled, and their order, the same
# for all seven networks. Each begins with random weights of its own (a copy of the model has new ones): a part of the standard
# deviation.

# %%
counts = [100, 2000]
seeds = [int(seed) for seed in keras.random.randint((5,), 0, 100_000)]
starts = [keras.models.clone_model(networks).get_weights() for _ in seeds]
compiled(networks)
scores = {name: np.zeros((5, len(counts))) for name in outputs}  # seeds, counts
for run, seed in enumerate(seeds):
    for column, labels in enumerate(counts):
        for name, answers in train(networks, starts[run], labels, seed).items():
            truth = targets_test[name.split("_")[0]]
            scores[name][run, column] = (answers == truth).mean()

# %% [markdown]
# For each seed we take the accuracy of the network that also has the head *left*, and subtract that of the network
# alone, in points (a point is one test image in 100). Which line is above zero (the head *left* helped), and where?

# %%
difference = {
    name: scores[f"{name}_with_left"] - scores[f"{name}_alone"]
    for name in ["prime", "large", "right"]
}
level = ("no difference", 0.0)
labels_of, gain = "labels of the target task", "what the head left adds, in points"
points = {name: 100 * values for name, values in difference.items()}
plots.curves(counts, points, labels_of, gain, log_x=True, level=level)

# %% [markdown]
# A line is the mean of five seeds, its band one standard deviation to each side. The same in numbers:


# %%
def changes(title, change):
    """Print mean and standard deviation of the change of a score, for each number of labels."""
    cells = [f"{v.mean():+.1%} ± {v.std(ddof=1):.1%}" for v in change.T]
    print(f"{title:20}" + "".join(f"{cell:>16}" for cell in cells))


print(" " * 20 + "".join(f"{labels:>9} labels" for labels in counts))
for name, values in difference.items():
    alone = scores[f"{name}_alone"].mean(axis=0)
    print(f"{name + ' alone':20}" + "".join(f"{score:>16.1%}" for score in alone))
    changes("    with left", values)

# %% tags=["check"]
few, many = ({name: v[:, column].mean() for name, v in difference.items()} for column in (0, 1))
assert few["prime"] > 0
assert few["large"] < 0.03
assert few["right"] < -0.03
assert many["prime"] < 0.005
assert many["large"] < 0.005
assert many["right"] < -0.01
assert difference["right"].max() < 0.01

# %% [markdown]
# Compare with what you wrote down.
# - ***prime*, 100 labels: *left* helps.** A likely reason: the trunk learns from 4,000 labels to see the left digit.
# - ***large*, 100 labels: no difference** that stands out from the standard deviation.
# - ***right*: *left* hurts**, with 100 labels and with 2,000. A likely reason: both heads need the 32 features at the end of
#   the trunk, *left* for one digit and *right* for the other. We test it below.
# - **With 2,000 labels, *left* helps none.**
#
# Five seeds can miss a small difference. So here are ten, with 400 labels too (`benchmarks/sharing.py --parts pairs`): mean
# difference in points, and in how many of the ten runs *left* helped.
#
# | target task | labels | bundled digits | MNIST |
# |---|---|---|---|
# | *prime* | 100 | +1.4 (10 of 10) | +5.1 (10 of 10) |
# | | 400 | -0.2 (3 of 10) | +1.6 (10 of 10) |
# | | 2,000 | -0.5 (1 of 10) | -1.4 (1 of 10) |
# | *large* | 100 | -0.1 (4 of 10) | +0.5 (6 of 10) |
# | | 400 | -1.9 (1 of 10) | -0.7 (1 of 10) |
# | | 2,000 | -4.1 (0 of 10) | -1.4 (0 of 10) |
# | *right* | 100 | -10.1 (0 of 10) | -8.2 (0 of 10) |
# | | 400 | -5.2 (0 of 10) | -4.7 (0 of 10) |
# | | 2,000 | -3.6 (0 of 10) | -4.0 (0 of 10) |
#
# With 100 labels, *prime* gains in every run on both sources, *large* in some, and *right* loses in every run, whatever the
# number of labels. With 2,000 labels, *prime* and *large* lose too, in nine or all of the ten runs.
#
# So "related tasks help each other" is half the truth. *left* helped one task, and only while that task had few labels. And it
# is hard to know before: *large* also needs the left digit, and gained nothing from *left*.
#
# ### And what does the auxiliary task pay?

# %%
print(" " * 20 + "".join(f"{labels:>9} labels" for labels in counts))
alone = scores["left_alone"].mean(axis=0)
print(f"{'left alone':20}" + "".join(f"{score:>16.1%}" for score in alone))
for name in difference:
    changes(f"    with {name}", scores[f"left_with_{name}"] - scores["left_alone"])

# %% tags=["check"]
left_loses = {
    name: (scores["left_alone"] - scores[f"left_with_{name}"]).mean() for name in difference
}
assert left_loses["right"] > 0.01
assert left_loses["right"] > left_loses["prime"]

# %% [markdown]
# *left* has all its 4,000 labels in both columns; the columns differ in the labels of the other task. It loses most beside
# *right*, and even where *prime* wins, *left* does not: whether that is a good deal depends on which task you need.
#
# ### Is it only a lack of room?
#
# If two tasks compete for the features of a trunk, then a wider trunk should help. `benchmarks/sharing.py --parts capacity`
# tries it for *right* with 400 labels and ten seeds. Mean difference that *left* makes, in points, and in how many runs it
# helped:
#
# | units of the first layer | bundled digits | MNIST |
# |---|---|---|
# | 16 | -22.2 (1 of 10) | -16.4 (0 of 10) |
# | 64, other random weights | -5.7 (0 of 10) | -3.9 (0 of 10) |
# | 256 | -1.5 (0 of 10) | -2.1 (0 of 10) |
#
# The harm shrinks as the trunk gets wider, and does not vanish: with 256 units *right* still loses in each of the ten runs. So
# before you give up a useful shared trunk, try a wider one.

# %% [markdown]
# ## One number for all tasks
#
# With 100 labels *prime* went up, and *left* beside it did not. Papers often put that into one number, the **relative score**
# $\Delta_m$ (Maninis and others): the mean over the $T$ tasks of the relative change of the score $M_t$ against the score
# $M_t^{ST}$ of a network for that task alone ("single task"):
#
# $$\Delta_m = \frac{100}{T}\sum_{t=1}^{T} (-1)^{l_t}\,\frac{M_t - M_t^{ST}}{M_t^{ST}}$$
#
# $l_t$ is 1 if lower is better, and else 0. So better is positive. (Some papers use the other sign: look before you compare.)
#
# A model has two tasks. Its classifier goes from 95% right to 94%, and the mean absolute error of its regression from 2.0 to
# 1.8.
#
# **Predict first.** Is the relative score positive? And if we write the classifier's score as an error rate, from 5% to 6%?

# %% tags=["nbval-check-output"]
accuracy, error_rate = (0.94 - 0.95) / 0.95, (0.06 - 0.05) / 0.05
number = (1.8 - 2.0) / 2.0  # lower is better, so it counts with a minus, as the error rate does
print(f"with accuracy:   {100 * (accuracy - number) / 2:+.2f}%")
print(f"with error rate: {100 * (-error_rate - number) / 2:+.2f}%")
print(f"a score alone near zero: {100 * (0.03 - 0.01) / 0.01:+.0f}%")

# %% [markdown]
# With the accuracy it is positive, with the error rate negative: the same two models, and the sign changes. One more error in a
# hundred is 1% of an accuracy of 95%, and 20% of an error rate of 5%. The last line shows the extreme: a score alone of 0.01
# makes a change of 0.02 look huge.
#
# On our own results, with 100 labels, over the two tasks of each network. What the accuracy gains, the error rate loses, so
# only the number below the line differs:

# %%
relative = {}
for name in difference:
    together = [f"{name}_with_left", f"left_with_{name}"]
    joint = np.array([scores[output][:, 0].mean() for output in together])
    alone = np.array([scores[f"{task}_alone"][:, 0].mean() for task in (name, "left")])
    relative[name] = [100 * np.mean((joint - alone) / base) for base in (alone, 1 - alone)]
    print(f"left and {name:8}", end="")
    print("with accuracy {:+6.1f}%   with error rate {:+6.1f}%".format(*relative[name]))

# %% tags=["check"]
assert relative["right"][0] < 0
assert relative["right"][1] < relative["right"][0]

# %% [markdown]
# For the same models the two columns differ, and either could be called "the gain of sharing". And one number hides who pays.
# So show the scores of each task first, with their standard deviation. If you must have one number, say which metrics are in
# it.

# %% [markdown]
# ## Let the network learn how much to share
#
# So far a trunk was shared or not. **Soft sharing** leaves the choice to the training. We build two well-known kinds, for
# *left*, *prime* and *right* together. From what we measured, a layer that learns to share well should let *prime* use what
# *left* learned, and keep *right* apart.
#
# ### Cross-stitch units
#
# Each task keeps a network of its own. After a hidden layer, each task goes on with a mixture of the features of all tasks,
# and the table of the mixture is learned (Misra and others, 2016). The core is one line: `table @ features`.

# %% tags=["nbval-check-output"]
features = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])  # task, unit
tables = {
    "only the own": np.eye(3),
    "all the same": np.full((3, 3), 1 / 3),
    "mostly the own": np.full((3, 3), 0.05) + 0.85 * np.eye(3),
}
for name, table in tables.items():
    print(f"{name:16}{(table @ features).round(2).tolist()}")

# %% [markdown]
# With the first table, the **identity**, the tasks share nothing. With the second one all tasks go on with the same features.
# Training begins with the third one and changes its nine numbers by gradients, like any other weight.
#
# `mos_helpers.sharing.CrossStitch` is this line as a Keras layer. It takes a dictionary of features and gives one with the same
# keys.

# %%
from mos_helpers.sharing import CrossStitch, ExpertsWithGates

tasks = ["left", "prime", "right"]

# %% tags=["check"]
mixed = CrossStitch()({task: features[None, row] for row, task in enumerate(tasks)})
assert np.allclose([mixed[task][0] for task in tasks], tables["mostly the own"] @ features)


# %%
def hidden_layers(features, units, depth):
    """Return the output of one hidden layer for each task, from the features of that task."""
    return {
        name: keras.layers.Dense(units, activation="relu", name=f"{name}_{depth}")(given)
        for name, given in features.items()
    }


def cross_stitch(units):
    hidden = hidden_layers(dict.fromkeys(tasks, image), units, depth=1)
    mixed = CrossStitch(name="stitch_1")(hidden)
    hidden = hidden_layers(mixed, units // 2, depth=2)
    mixed = CrossStitch(name="stitch_2")(hidden)
    return keras.Model(
        image, {f"{n}_stitched": head(n, mixed[n], f"{n}_stitched") for n in tasks}
    )


# %% [markdown]
# A test: we set the first layer of *left* to zero. Whose answers change?


# %%
def answers_change(model):
    """Return which answers change when the first layer of the task left is set to zero."""
    layer, some = model.get_layer("left_1"), images_test[:50]
    before, kept = model(some), layer.get_weights()
    layer.set_weights([np.zeros_like(array) for array in kept])
    after = model(some)
    layer.set_weights(kept)
    changed = {name: np.abs(before[name] - after[name]).max() > 1e-6 for name in before}
    return [task for task in tasks if changed[f"{task}_stitched"]]


# %% tags=["nbval-check-output"]
stitched = cross_stitch(24)
stitches = [stitched.get_layer(name) for name in ["stitch_1", "stitch_2"]]
print("mostly the own: changed are", answers_change(stitched))
for stitch in stitches:
    stitch.set_weights([np.eye(3)])
print("only the own:   changed are", answers_change(stitched))

# %% [markdown]
# With the table of the beginning all answers change. With the identity only *left* itself changes: separate networks are a
# special case.
#
# ### A mixture of experts with a gate for each task
#
# Here the hidden layers do not belong to a task. There are some of them side by side, the **experts**, and each task has a
# **gate**: a softmax that looks at the image and says how much each expert counts (MMoE, Ma and others, 2018). For one image,
# one task and three experts with two units:

# %% tags=["nbval-check-output"]
experts = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])  # expert, unit
logits = np.array([2.0, 1.0, -1.0])  # what the gate says before its softmax
weights = np.exp(logits) / np.exp(logits).sum()
print("weights:", weights.round(3), " total:", weights.sum().round(3))
print("features of the task:", (weights @ experts).round(2))

# %% [markdown]
# It is the same mixture as before, but its numbers depend on the image, and they are positive with a total of 1. With **one**
# expert the weight is always 1, and the expert is a shared layer. `ExpertsWithGates` holds the experts and the gates.


# %%
def gated_experts(units, experts=3):
    mixed = ExpertsWithGates(tasks, experts, units, name="experts")(image)
    hidden = {n: keras.layers.Dense(units // 2, activation="relu")(mixed[n]) for n in tasks}
    return keras.Model(image, {f"{n}_gated": head(n, hidden[n], f"{n}_gated") for n in tasks})


gated = gated_experts(20)
mixed = ExpertsWithGates(tasks, experts=1, units=4)(images_test[:2])
print("one expert: all tasks get the same:", np.allclose(mixed["left"], mixed["right"]))

# %% [markdown]
# ### Equal sizes, and the result
#
# Three separate networks of 64 units have three trunks. To compare fairly, all designs get about as many parameters as hard
# sharing (one trunk for all) has:


# %% tags=["nbval-check-output"]
def hard_sharing(units, questions):
    features = trunk(image, "trunk", units)
    return keras.Model(image, {n: head(n, features, n) for n in questions})


alone = {
    units: sum(hard_sharing(units, [n]).count_params() for n in tasks) for units in (64, 24)
}
sizes = {
    "hard sharing, 64 units": hard_sharing(64, tasks).count_params(),
    "separate, 64 units": alone[64],
    "separate, 24 units": alone[24],
    "cross-stitch, 24 units": stitched.count_params(),
    "experts with gates, 20 units": gated.count_params(),
}
for name, parameters in sizes.items():
    print(f"{name:30}{parameters:,} parameters")

# %% [markdown]
# **Predict first.** Which of the four designs of equal size is best for *prime*, and which for *right*? Will soft sharing be
# better than both hard sharing and separate networks?

# %% [markdown]
# `benchmarks/sharing.py --parts designs` trains them with all labels of *left*, and 100 labels of *prime* and of *right*.
# Difference from hard sharing with the same seed, in points, and in how many of the ten runs the design was better:
#
# | design | source | *left* | *prime* | *right* |
# |---|---|---|---|---|
# | separate | bundled digits | -2.7 (3 of 10) | -0.9 (3 of 10) | -0.6 (5 of 10) |
# | | MNIST | -3.2 (2 of 10) | -2.9 (0 of 10) | +3.2 (9 of 10) |
# | cross-stitch | bundled digits | -0.5 (5 of 10) | -0.4 (4 of 10) | +3.2 (10 of 10) |
# | | MNIST | -1.9 (0 of 10) | -2.8 (0 of 10) | +3.3 (8 of 10) |
# | experts with gates | bundled digits | -8.0 (0 of 10) | -1.4 (1 of 10) | -9.1 (0 of 10) |
# | | MNIST | -8.4 (0 of 10) | -3.5 (0 of 10) | -0.5 (5 of 10) |
# | gates held at a third | bundled digits | -17.3 (0 of 10) | -0.7 (4 of 10) | -12.5 (0 of 10) |
# | | MNIST | -13.4 (0 of 10) | -1.9 (0 of 10) | -3.4 (3 of 10) |
#
# - **Best for *prime*: hard sharing.** No other design beats it. At equal size a separate network has 24 units instead of 64,
#   and it does not see the labels of *left*.
# - **Best for *right*: cross-stitch units**; on MNIST separate networks are as good. So soft sharing beats both in
#   one case: *right* on the bundled digits.
# - **The experts with gates are worse than hard sharing**, or no better (*right* on MNIST). Bad choices of the gates
#   do not explain it: gates that are held at a third lose more on *left* and *right*, and a little less on *prime*.
#   Other tasks and sizes may differ: Ma and others report gains where tasks are less related.
#
# ## What did the cross-stitch units learn?
#
# We train them with three seeds, and read their tables. A row says what a task takes, and from whom. Training began with 0.9
# for the own features and 0.05 for each of the others.
#
# **Predict first.** *prime* has 100 labels, and *left* has 4,000, from which *prime* follows. Will *prime* take much from
# *left*?

# %%
starts = [keras.models.clone_model(stitched).get_weights() for _ in range(3)]
compiled(stitched)
tables = []
for seed, start in zip(seeds, starts, strict=False):
    train(stitched, start, 100, seed)
    tables.append([stitch.get_weights()[0] for stitch in stitches])

tables = np.array(tables)  # seed, unit, task, task it takes from
print(" " * 18 + "".join(f"{'from ' + task:>18}" for task in tasks))
for depth in range(2):
    for row, task in enumerate(tasks):
        taken = tables[:, depth, row]
        cells = [f"{v.mean():+.2f} ± {v.std(ddof=1):.2f}" for v in taken.T]
        print(f"stitch {depth + 1}  {task:8}" + "".join(f"{cell:>18}" for cell in cells))

# %% tags=["check"]
own, prime_takes_from_left = np.diagonal(tables, axis1=2, axis2=3), tables[:, :, 1, 0]
assert own.min() > 0.95
assert np.abs(prime_takes_from_left).mean() < 0.5

# %% [markdown]
# It does not. Each task counts its *own* features more than at the beginning, and *prime* takes little from *left*, far less
# than its own. So the units came near to separate networks, and so did their scores for *prime*: below hard sharing.
# A layer that *can* share need not do so.
#
# ### Do the gates specialise?
#
# The hope is that the gates of *left* and *prime*, which need the same digit, choose the same experts, and that *right* chooses
# another one. The number of an expert means nothing from run to run. So we compare the gates $g$ and $h$ of two tasks within a
# run. Their **distance** is the mean over the images of half the sum of $|g - h|$: 0 if they are equal, and 1 if they never use
# the same expert.
#
# **Predict first.** Which two tasks will have the smallest distance?

# %% [markdown]
# Ten runs (`--parts designs`), mean ± standard deviation of the distance:
#
# | | bundled digits | MNIST |
# |---|---|---|
# | *left* and *prime* | 0.73 ± 0.24 | 0.65 ± 0.22 |
# | *left* and *right* | 0.61 ± 0.28 | 0.67 ± 0.24 |
# | *prime* and *right* | 0.51 ± 0.23 | 0.69 ± 0.20 |
#
# The gates do choose: the largest weight of an image is 0.68 to 0.82 on average. But no pair of tasks stands out from the
# standard deviation. So a gate does not explain which tasks belong together. If somebody shows you a picture of gates, ask for
# more seeds.

# %% [markdown]
# ## What others found
#
# Standley and others (2020) write of vision tasks that one network for all of them is often worse, as the tasks compete, and
# assign tasks that cooperate to the same network. Fifty and others (2021) train all tasks together once, and measure how a
# gradient step of one task changes the loss of another. Both are about larger models and other tasks than ours. What they share
# with what you saw: it depends on the tasks, and it can be measured.

# %% [markdown]
# ## A list for practice
#
# Each line names its figure or table.
# 1. **Train each task alone too, and give both designs the same labels equally often.** Else you cannot see that sharing
#    hurts, or you compare something else. (The table of labels in a batch; *right* in the second figure.)
# 2. **Share if the target task has few labels and its answer follows from the auxiliary task**; with many labels, expect no
#    gain. (*prime*: the same figure, and the table of ten seeds.)
# 3. **If sharing hurts, try a wider trunk or separate networks.** (*right*: the table of three widths.)
# 4. **Look at the scores of all tasks**, not only at one number: the auxiliary task may pay. (The table of *left*; the table
#    of the relative score.)
# 5. **Soft sharing is one more design to measure**, and not a way to do without measuring. (The table of designs; the tables
#    of the cross-stitch units.)

# %% [markdown]
# ## Take this with you
#
# The test of sharing in one cell, which needs NumPy only: two lists of scores with the same seeds, of any metric.


# %%
import numpy as np


def compare_runs(alone, shared, lower=False):
    """Say what sharing changed, from paired runs: one score for each seed, the same seeds in the same order.

    `lower=True` is for errors, where lower is better. The gain has the unit of the scores; above zero, sharing helped.
    The standard error says by about how much the mean gain may be off, with so few runs.
    """
    scores = {"alone": np.asarray(alone), "shared": np.asarray(shared)}
    for name, found in scores.items():
        if found.dtype.kind not in "iuf" or found.ndim != 1:
            raise TypeError(
                f"{name} must be a list of numbers, one for each seed, not {found!r:.80}"
            )
        if len(found) < 2 or not np.isfinite(found).all():
            raise ValueError(f"{name} must be two or more finite numbers, not {found!r:.80}")
    if len(scores["alone"]) != len(scores["shared"]):
        lengths = " and ".join(str(len(found)) for found in scores.values())
        raise ValueError(f"alone and shared must have the same seeds, not {lengths} scores")
    if not isinstance(lower, bool):
        raise TypeError(f"lower must be True or False, for one metric, not {lower!r:.80}")
    gain = scores["shared"].astype(float) - scores["alone"]
    gain = -gain if lower else gain
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"gain {gain.mean():+.3g}, standard error {error:.2g}, ", end="")
    print(f"better in {(gain > 0).sum()} of {len(gain)} runs")
    return gain


accuracy = compare_runs([0.71, 0.75, 0.73], [0.76, 0.78, 0.79])
absolute_error = compare_runs([231, 240, 228], [215, 236, 229], lower=True)

# %% [markdown]
# In this notebook we
# - put one auxiliary task beside three target tasks, and saw it help, do nothing and hurt, depending on the task and on the
#   number of labels;
# - made the comparison fair: the same labels, equally often, in the same order;
# - saw the relative score change its sign with the metric, in a small example, and its size on our own results;
# - built cross-stitch units and experts with gates, read a comparison at equal size over ten seeds, and saw that training made
#   them share little, and not as we hoped;
# - wrote a list for practice, from what we measured.
#
# ## References
#
# - I. Misra, A. Shrivastava, A. Gupta and M. Hebert (2016). *Cross-stitch networks for multi-task learning.*
# - J. Ma, Z. Zhao, X. Yi, J. Chen, L. Hong and E. H. Chi (2018). *Modeling task relationships in multi-task learning with
#   multi-gate mixture-of-experts.*
# - K.-K. Maninis, I. Radosavovic and I. Kokkinos (2019). *Attentive single-tasking of multiple tasks.* The relative score.
# - T. Standley, A. R. Zamir, D. Chen, L. Guibas, J. Malik and S. Savarese (2020). *Which tasks should be learned together in
#   multi-task learning?*
# - C. Fifty and others (2021). *Efficiently identifying task groupings for multi-task learning.*
#
# Next: the [exercises](../exercises/10_when_to_share.ipynb), then [lesson 11](11_hierarchical_heads.ipynb).
