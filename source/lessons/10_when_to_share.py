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
# - to build cross-stitch units and a mixture of experts with a gate for each task, and to compare them at equal size;
# - to decide whether to share, from measurements.
#
# **What you will need.** Lessons [3](03_three_architectures.ipynb) and [6](06_missing_labels.ipynb). No GPU. About 40
# minutes; the longest cell runs for about 15 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet

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

naive = {name: np.bincount(truth).max() / 2000 for name, truth in targets_test.items()}
print(
    "always the most frequent answer:", {name: f"{share:.1%}" for name, share in naive.items()}
)

# %% [markdown]
# All 4,000 images have a label of *left*: it is the **auxiliary task**. The other three have fewer labels: first 100, then
# 2,000. They are the **target tasks**, one at a time. For each we ask: is a network for it alone better, or one which has the
# head *left* too?
#
# **Predict first.** For which target task will the head *left* help, for which will it do nothing, and for which will it hurt?
# Write down one answer for 100 labels and one for 2,000.

# %% [markdown]
# ## A fair comparison
#
# The missing labels get a filler and the weight 0, as in [lesson 6](06_missing_labels.ipynb). But there is a trap. A network
# for the target task alone could be trained on its labelled rows only: each batch of 128 rows has 128 labels. How many has a
# batch of all 4,000 rows? If far fewer, the one network sees each label far more often than the other, and we would compare
# that.
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
# With 100 labels, a batch of all rows holds about three of them, on average. In our rows, more than half of each batch has a
# label, and it is the same for both networks.

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
# We put all seven into one `keras.Model`, side by side. Lesson 3 showed that networks which share no weights train together as
# they would alone, and one `fit` is faster than seven. The name of an output begins with its question:
# - `prime_alone`: the answer to *prime* of the network for *prime* alone;
# - `prime_shared` and `left_prime`: the answers to *prime* and to *left* of the network that has both heads.

# %% tags=["nbval-check-output"]
image = keras.Input(shape=(289,), name="image")
outputs = {}
for name in classes:
    outputs[f"{name}_alone"] = head(name, trunk(image, f"trunk_{name}"), f"{name}_alone")
for name in ["prime", "large", "right"]:
    shared = trunk(image, f"trunk_{name}_left")
    outputs[f"{name}_shared"] = head(name, shared, f"{name}_shared")
    outputs[f"left_{name}"] = head("left", shared, f"left_{name}")

networks = keras.Model(image, outputs)
question_of = {name: name.split("_")[0] for name in outputs}
print(f"{len(outputs)} outputs, {networks.count_params():,} weights")

# %% [markdown]
# What do *prime* and *left* share? Here is their network, cut out of the seven:

# %%
pair = {name: outputs[name] for name in ["prime_shared", "left_prime"]}
plots.architecture(keras.Model(image, pair, name="prime_with_left"))

# %% [markdown]
# They share all but the heads. The other two pairs are built the same way.
#
# Two helpers: one compiles a model, the other draws first weights for each seed.


# %%
def compiled(model):
    """Compile a model of softmax heads, each with a loss that divides by its labelled rows."""
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(
        optimizer="adam", loss=dict.fromkeys(model.output, loss), steps_per_execution=100
    )
    model.optimizer.build(model.trainable_variables)  # now: the first fit is faster then
    return model


def first_weights_of(model, seeds):
    """Return a list of first weights, one set for each seed; draw them before the first fit."""
    drawn = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        drawn.append(keras.models.clone_model(model).get_weights())
    return drawn


# %% [markdown]
# `train` begins again from stored first weights, as in lesson 6. It fills the gaps, weighs the rows, and returns the likeliest
# answers for the test images.


# %%
def train(model, first_weights, question_of, labels, seed):
    """Train a compiled model for 300 updates; return its answers for the test images."""
    model.set_weights(first_weights)
    for memory in model.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    model.optimizer.learning_rate = 0.001  # the loop above set it to zero too
    rows, known = rows_and_known(labels, seed)
    targets, weights = {}, {}
    for name, question in question_of.items():
        has_label = known | (question == "left")
        targets[name] = np.where(has_label, targets_train[question][rows], 0)
        weights[name] = has_label.astype("float32")
    training = data.batches(images_train[rows], targets, sample_weight=weights, seed=seed)
    model.fit(training.repeat(), steps_per_epoch=300, verbose=0)
    return {name: p.argmax(axis=1) for name, p in model.predict_on_batch(images_test).items()}


# %% [markdown]
# ## Three tasks, three answers
#
# We train with five seeds, and with 100 and 2,000 labels. A seed gives the first weights, the order of the rows, and which rows
# are labelled. So all seven networks of a seed see the same rows and labels in the same order. Each begins with weights of its
# own, and that is a part of the spread that we shall see.

# %%
counts = [100, 2000]
compiled(networks)
scores = {name: np.zeros((5, len(counts))) for name in outputs}  # seeds, counts
for seed, first_weights in enumerate(first_weights_of(networks, 5)):
    for column, labels in enumerate(counts):
        answers = train(networks, first_weights, question_of, labels, seed)
        for name, question in question_of.items():
            scores[name][seed, column] = (answers[name] == targets_test[question]).mean()

# %% [markdown]
# For each seed we take the accuracy with *left*, minus the accuracy alone. Above zero, the head *left* helped. Which line is
# above zero, and where?

# %%
difference = {
    name: scores[f"{name}_shared"] - scores[f"{name}_alone"]
    for name in ["prime", "large", "right"]
}
level = ("no difference", 0.0)
labels_of, gain = "labels of the target task", "accuracy with left - alone, in points"
points = {name: 100 * values for name, values in difference.items()}
plots.curves(counts, points, labels_of, gain, log_x=True, level=level)

# %% [markdown]
# A line is the mean of five seeds, and its band is one standard deviation to each side. The same in numbers, with the
# accuracy of the target task alone:


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
few, many = ({name: v[:, column] for name, v in difference.items()} for column in (0, 1))
assert few["prime"].mean() > 0.004 and few["right"].mean() < -0.03
assert abs(few["large"].mean()) < 0.03 and few["right"].max() < 0
assert max(values.mean() for values in many.values()) < 0.005
assert many["right"].mean() < -0.01

# %% [markdown]
# Compare with what you wrote down.
# - ***prime*, 100 labels: *left* helps.** Who knows the left digit knows the answer. A likely reason for the gain: the trunk
#   learns from 4,000 labels to see the left digit.
# - ***large*, 100 labels: no difference** that stands out from the spread of the seeds.
# - ***right*: *left* hurts**, with 100 labels and with 2,000. A likely reason: both heads need the 32 features at the end of
#   the trunk, *left* for one digit and *right* for the other.
# - **With 2,000 labels, *left* helps none of them.**
#
# Five seeds can miss a small difference. So here are ten, with 400 labels too. `benchmarks/sharing.py --parts pairs` trains
# the same networks: mean difference in points (a point is one test image in 100), and in how many of the ten runs *left* helped.
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
# With 100 labels, *prime* gains in every run on both sources, more on MNIST. *large* goes up in some runs and down in others.
# *right* loses in every run, whatever the number of labels. With 2,000 labels, *prime* and *large* lose too, in nine
# or all of the ten runs.
#
# So "related tasks help each other" is half the truth. *left* helped one task, and only while that task had few labels. The
# same head on the same images hurt another. And it is hard to know before: *large* also needs the left digit, and gained
# nothing from *left*.
#
# ### And what does the auxiliary task pay?

# %%
print(" " * 20 + "".join(f"{labels:>9} labels" for labels in counts))
alone = scores["left_alone"].mean(axis=0)
print(f"{'left alone':20}" + "".join(f"{score:>16.1%}" for score in alone))
for name in difference:
    changes(f"    with {name}", scores[f"left_{name}"] - scores["left_alone"])

# %% tags=["check"]
assert (scores["left_right"] - scores["left_alone"]).mean() < -0.01
assert (scores["left_prime"] - scores["left_alone"]).mean() < 0.005

# %% [markdown]
# *left* has all its 4,000 labels in both columns; the columns differ in the labels of the other task. *left* does not gain
# here, and it loses most beside *right*. Even where *prime* wins, *left* does not: whether that is a good deal depends on
# which task you need.
#
# ### Is it only a lack of room?
#
# If two tasks compete for the features of a trunk, then a wider trunk should help. To train more widths takes too long here.
# `benchmarks/sharing.py --parts capacity` does it for *right* with 400 labels, with ten seeds. Mean difference of *right* with
# *left* and alone, in points, and in how many of the ten runs *left* helped:
#
# | units of the first layer | bundled digits | MNIST |
# |---|---|---|
# | 16 | -22.2 (1 of 10) | -16.4 (0 of 10) |
# | 64 | -5.7 (0 of 10) | -3.9 (0 of 10) |
# | 256 | -1.5 (0 of 10) | -2.1 (0 of 10) |
#
# (The row 64 has the setting of the table above with other first weights. Differences of this size are chance.)
#
# The harm shrinks as the trunk gets wider. It does not vanish: with 256 units *right* still loses in each of the ten runs, on
# both sources. So before you give up a useful shared trunk, try a wider one.

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


# %%
def relative_score(scores, alone, lower=()):
    """Return the mean relative change in percent; `lower` names the tasks where lower is better."""
    changes = [(scores[name] - alone[name]) / alone[name] for name in alone]
    signs = [-1 if name in lower else 1 for name in alone]
    return 100 * np.mean(np.multiply(signs, changes))


# %% [markdown]
# A model has two tasks. Its classifier goes from 95% right to 94%, and the mean absolute error of its regression from 2.0 to
# 1.8.
#
# **Predict first.** Is the relative score positive? And if we write the classifier's score as an error rate, from 5% to 6%?

# %% tags=["nbval-check-output"]
with_accuracy = relative_score(
    {"class": 0.94, "number": 1.8}, {"class": 0.95, "number": 2.0}, lower=["number"]
)
with_errors = relative_score(
    {"class": 0.06, "number": 1.8}, {"class": 0.05, "number": 2.0}, lower=["class", "number"]
)
print(f"with accuracy:   {with_accuracy:+.2f}%\nwith error rate: {with_errors:+.2f}%")
print(f"a score alone near zero: {relative_score({'skill': 0.03}, {'skill': 0.01}):+.0f}%")

# %% [markdown]
# With the accuracy it is positive, with the error rate negative: the same two models, and the sign changes. One more error in a
# hundred is 1% of an accuracy of 95%, and 20% of an error rate of 5%. A relative change depends on where the metric has its
# zero. The last line shows the extreme: a score alone of
# 0.01 makes a change of 0.02 look huge.
#
# On our own results, with 100 labels, over the two tasks of each network:

# %%
relative = {}
for name in difference:
    names = {name: f"{name}_shared", "left": f"left_{name}"}
    joint = {task: scores[output][:, 0].mean() for task, output in names.items()}
    alone = {task: scores[f"{task}_alone"][:, 0].mean() for task in names}
    errors_joint = {task: 1 - score for task, score in joint.items()}
    errors_alone = {task: 1 - score for task, score in alone.items()}
    relative[name] = (
        relative_score(joint, alone),
        relative_score(errors_joint, errors_alone, lower=list(names)),
    )
    print(f"left and {name:8}", end="")
    print("with accuracy {:+6.1f}%   with error rate {:+6.1f}%".format(*relative[name]))

# %% tags=["check"]
assert relative["right"][0] < 0 and relative["right"][1] < relative["right"][0]

# %% [markdown]
# For the same models the two columns differ, and either could be called "the gain of sharing". An error rate below one half is
# smaller than the accuracy that belongs to it, so the same change is a larger part of it. And one number hides who pays: that
# *left* did not gain beside *prime* is not to be seen in it. So show the scores of each task first, with their spread. If you
# must have one number, say which metrics are in it.

# %% [markdown]
# ## Let the network learn how much to share
#
# So far a trunk was shared or not. **Soft sharing** leaves the choice to the training. We build two well-known kinds,
# and put them to a test where we know the answer: *left*, *prime* and *right* together. From what we measured, a layer that
# learns to share well should let *prime* use what *left* learned, and keep *right* apart.
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
# With the first table, the **identity**, the tasks share nothing: these are separate networks. With the second one all tasks
# go on with the same features. Training begins with the third one and changes its nine numbers by gradients, like any other
# weight.
#
# `mos_helpers.sharing.CrossStitch` is this line as a Keras layer, which saves and loads. It takes a dictionary of features and
# gives one with the same keys.

# %%
from mos_helpers.sharing import CrossStitch, ExpertsWithGates

tasks = ["left", "prime", "right"]


def hidden_layers(features, units, depth):
    """Return the output of one hidden layer for each task, from the features of that task."""
    return {
        name: keras.layers.Dense(units, activation="relu", name=f"{name}_{depth}")(given)
        for name, given in features.items()
    }


def cross_stitch(units):
    image = keras.Input(shape=(289,), name="image")
    hidden = hidden_layers(dict.fromkeys(tasks, image), units, depth=1)
    mixed = CrossStitch(name="stitch_1")(hidden)
    hidden = hidden_layers(mixed, units // 2, depth=2)
    mixed = CrossStitch(name="stitch_2")(hidden)
    return keras.Model(image, {name: head(name, mixed[name], name) for name in tasks})


# %% [markdown]
# A test: we set the first layer of *left* to zero. Whose answers change?


# %%
def answers_change(model):
    """Return which answers change when the first layer of the task left is set to zero."""
    layer, some = model.get_layer("left_1"), images_test[:50]
    before, kept = model.predict_on_batch(some), layer.get_weights()
    layer.set_weights([np.zeros_like(array) for array in kept])
    after = model.predict_on_batch(some)
    layer.set_weights(kept)
    return [task for task in tasks if np.abs(before[task] - after[task]).max() > 1e-6]


# %% tags=["nbval-check-output"]
model = cross_stitch(24)
print("mostly the own: changed are", answers_change(model))
for name in ["stitch_1", "stitch_2"]:
    model.get_layer(name).set_weights([np.eye(3)])
print("only the own:   changed are", answers_change(model))

# %% [markdown]
# With the table of the beginning all answers change. With the identity only *left* itself changes. So a cross-stitch network
# contains separate networks as a special case.
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
# It is the same mixture as before, but its numbers depend on the image, and they are positive with a total of 1. With
# **one** expert the weight is always 1: then all tasks get the same features, and the expert is a shared layer.
# `ExpertsWithGates` holds the experts and the gates.


# %%
def gated_experts(units, experts=3):
    image = keras.Input(shape=(289,), name="image")
    mixed = ExpertsWithGates(tasks, experts, units, name="experts")(image)
    hidden = hidden_layers(mixed, units // 2, depth=2)
    return keras.Model(image, {name: head(name, hidden[name], name) for name in tasks})


mixed = ExpertsWithGates(tasks, experts=1, units=4)(images_test[:2])
print("one expert: all tasks get the same:", np.allclose(mixed["left"], mixed["right"]))

# %% [markdown]
# ### Equal sizes, and the result
#
# Three separate networks of 64 units have three trunks. To compare fairly, all designs get about as many weights as hard
# sharing (one trunk for all) has:


# %% tags=["nbval-check-output"]
def separate(units):
    trunks = {name: trunk(image, f"{name}_of_{units}", units) for name in tasks}
    return keras.Model(image, {name: head(name, trunks[name], name) for name in tasks})


features = trunk(image, "trunk")
sizes = {
    "hard sharing, 64 units": keras.Model(image, {n: head(n, features, n) for n in tasks}),
    "separate, 64 units": separate(64),
    "separate, 24 units": separate(24),
    "cross-stitch, 24 units": cross_stitch(24),
    "experts with gates, 20 units": gated_experts(20),
}
for name, model in sizes.items():
    print(f"{name:30}{model.count_params():,} weights")

# %% [markdown]
# **Predict first.** Which of the four designs of equal size is best for *prime*, and which for *right*? Will soft sharing be
# better than both hard sharing and separate networks?
#
# To train all four with ten seeds takes too long for a lesson. `benchmarks/sharing.py --parts designs` does it on both sources,
# with all labels of *left*, and 100 labels of *prime* and of *right*. Difference from hard sharing with the same seed, in
# points, and in how many of the ten runs the design was better:
#
# | design | source | *left* | *prime* | *right* |
# |---|---|---|---|---|
# | separate | bundled digits | -2.7 (3 of 10) | -0.9 (3 of 10) | -0.6 (5 of 10) |
# | | MNIST | -3.2 (2 of 10) | -2.9 (0 of 10) | +3.2 (9 of 10) |
# | cross-stitch | bundled digits | -0.5 (5 of 10) | -0.4 (4 of 10) | +3.2 (10 of 10) |
# | | MNIST | -1.9 (0 of 10) | -2.8 (0 of 10) | +3.3 (8 of 10) |
# | experts with gates | bundled digits | -8.0 (0 of 10) | -1.4 (1 of 10) | -9.1 (0 of 10) |
# | | MNIST | -8.4 (0 of 10) | -3.5 (0 of 10) | -0.5 (5 of 10) |
#
# - **No design is the best for all tasks**, and soft sharing did not win everywhere. For *prime*, no other design beats hard
#   sharing. For *right*, cross-stitch units do on both sources, and separate networks on MNIST.
# - **Separate networks are not the best for *prime***, although nothing disturbs them. At equal size each of them has 24
#   units instead of 64, and it does not see the labels of *left*.
# - **The experts with gates are worse than hard sharing**, or no better (*right* on MNIST), at this size and after 300 updates.
#   This says nothing about other tasks and sizes: Ma and others report gains over other designs where the tasks are less
#   related. Can we see a reason in the gates?


# %% [markdown]
# ## Do the gates specialise?
#
# The hope is that the gates of *left* and *prime*, which need the same digit, choose the same experts, and that *right* chooses
# another one. We train with five seeds, and look at the mean weight of each expert over the test images.
#
# **Predict first.** Will the gates do what we hope? Will all five seeds give the same picture?

# %%
model = compiled(gated_experts(20))
gates = []
for seed, first_weights in enumerate(first_weights_of(model, 5)):
    train(model, first_weights, {name: name for name in tasks}, 100, seed)
    found = model.get_layer("experts").gates(images_test)
    gates.append({task: keras.ops.convert_to_numpy(weights) for task, weights in found.items()})

print(" " * 6 + "".join(f"{task:>18}" for task in tasks))
for seed, gate in enumerate(gates):
    shares = [" ".join(f"{w:4.0%}" for w in gate[task].mean(axis=0)) for task in tasks]
    print(f"seed {seed}" + "".join(f"{share:>18}" for share in shares))

# %% [markdown]
# Two numbers sum it up:
# - the **largest weight** of a gate, the mean over the images: a third if all experts count the same, and 1 if one expert gets
#   everything;
# - the **distance** between the gates $g$ and $h$ of two tasks, the mean over the images of half the sum of $|g - h|$: 0 if
#   they are equal, and 1 if they never use the same expert.

# %%
pairs = [("left", "prime"), ("left", "right"), ("prime", "right")]
largest = {task: [gate[task].max(axis=1).mean() for gate in gates] for task in tasks}
distance = {
    f"{one} and {other}": [np.abs(g[one] - g[other]).sum(axis=1).mean() / 2 for g in gates]
    for one, other in pairs
}
for title, table in {"largest weight": largest, "distance": distance}.items():
    for name, values in table.items():
        print(f"{title:16}{name:18}{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}")

# %% tags=["check"]
assert np.allclose([g[task].sum(axis=1) for g in gates for task in tasks], 1, atol=1e-5)
assert min(np.mean(values) for values in largest.values()) > 0.5
spread = np.std(distance["left and prime"], ddof=1) + np.std(distance["left and right"], ddof=1)
assert np.mean(distance["left and right"]) - np.mean(distance["left and prime"]) < spread

# %% [markdown]
# The gates do choose: for a typical image, one expert has more than half of the weight. Then a task has little more than one
# expert of 20 units, which is a small network. That is a likely reason for the low scores.
#
# But they do not choose as we hoped, and the picture changes with the seed. If *left* and *prime* used the same experts, their
# distance would be far smaller than the other two, and it is not. Ten seeds (`--parts designs`) show the same, mean ± standard
# deviation of the distance:
#
# | | bundled digits | MNIST |
# |---|---|---|
# | *left* and *prime* | 0.73 ± 0.24 | 0.65 ± 0.22 |
# | *left* and *right* | 0.61 ± 0.28 | 0.67 ± 0.24 |
# | *prime* and *right* | 0.51 ± 0.23 | 0.69 ± 0.20 |
#
# So a gate is not an explanation of which tasks belong together. If somebody shows you a picture of gates, ask for more seeds.

# %% [markdown]
# ## What others found
#
# - Standley and others (2020) asked which vision tasks should be learned together. They write that one network for all tasks is
#   often worse, as the tasks compete. They assign the tasks to a few networks: tasks that cooperate to the same one, tasks
#   that compete to different ones.
# - To try all groups of tasks is expensive. Fifty and others (2021) train all tasks together once, and measure how a gradient
#   step of one task changes the loss of another. They write that training all tasks in one model "often degrades performance".
#
# Both are about larger models and other tasks than ours. What they have in common with what you saw: it depends on the tasks,
# and it can be measured.

# %% [markdown]
# ## A list for practice
#
# Each line rests on a figure or table of this notebook, which stands behind it.
# 1. **Train each task alone too.** Without these scores you cannot see that sharing hurts. (The figure and the tables of
#    differences: *right*.)
# 2. **Share if the target task has few labels and its answer follows from the auxiliary task.** (*prime*, 100 labels: the same
#    figure.)
# 3. **Do not expect a gain where the target task has many labels.** (2,000 labels: the same figure, and the table of ten
#    seeds.)
# 4. **If sharing hurts, try a wider trunk or separate networks.** (*right*: the table of three widths; *right alone* in the
#    first table.)
# 5. **Look at the scores of all tasks, not only at one number.** The auxiliary task may pay. (The table of *left*; the table of
#    the relative score.)
# 6. **Give both designs the same labels equally often**, or you compare something else. (The table of labels in a batch.)
# 7. **Share for size, if the loss is small.** Three networks of 64 units have about three times the weights of hard sharing.
#    (The table of sizes.)
# 8. **Soft sharing is one more design to measure**, and not a way to do without measuring. (The table of designs; the gates.)

# %% [markdown]
# ## Take this with you
#
# The test of sharing in one function: two lists of scores with the same seeds.


# %%
def compare_runs(alone, shared):
    """Print the mean difference of paired runs, its standard error, and how many runs got better."""
    change = np.asarray(shared) - np.asarray(alone)
    error = change.std(ddof=1) / np.sqrt(len(change))
    print(
        f"{change.mean():+.1%}, standard error {error:.1%}, {(change > 0).sum()} of {len(change)}"
    )


for name in difference:
    print(f"{name:6}", end=" ")
    compare_runs(scores[f"{name}_alone"][:, 0], scores[f"{name}_shared"][:, 0])

# %% [markdown]
# In this notebook we
# - put one auxiliary task beside three target tasks, and saw it help, do nothing and hurt, depending on the task and on the
#   number of labels;
# - made the comparison fair: the same labels, equally often, in the same order;
# - saw the relative score change its sign with the metric, in a small example, and its size on our own results;
# - built cross-stitch units and experts with gates, read a comparison at equal size over ten seeds, and looked into the gates;
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
