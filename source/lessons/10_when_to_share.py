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
# - to test whether an auxiliary task (a second task that is there to help the first) helps, against the number of labels;
# - to read the relative score over tasks, and to know why its sign can change with the metric;
# - to build cross-stitch units and a mixture of experts with a gate for each task, and to compare them at equal size;
# - to decide whether to share, from measurements.
#
# **What you will need.** Lessons [3](03_three_architectures.ipynb) and [6](06_missing_labels.ipynb). No GPU. About 40 minutes;
# the longest cell runs for about 20 seconds.

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
# All 4,000 images have a label of *left*: it is the **auxiliary task**. The other three have few labels: 100, 400 or 2,000.
# They are the **target tasks**, one at a time. For each we ask: is a network for it alone better, or one which has the head
# *left* too?
#
# **Predict first.** For which target task will the head *left* help, for which will it do nothing, and for which will it hurt?
# Does your answer depend on the number of labels?

# %% [markdown]
# ## A fair comparison
#
# The missing labels get a filler and the weight 0, as in [lesson 6](06_missing_labels.ipynb). But there is a trap. With 100
# labels in 4,000 rows, a batch of 128 rows holds about three of them. A network for the target task alone would be trained
# on batches of 128 labels instead. It would see each label forty times as often, and the comparison would be about that.
#
# So both get the same rows in the same order: the labelled rows, repeated until they are 4,000, and then all 4,000 rows. At
# least half of each batch then has the target's label, on average.


# %%
def rows_and_known(labels, seed):
    """Return 8,000 row numbers, and which of these rows have labels of the target tasks."""
    labelled = np.random.default_rng(1000 + seed).permutation(4000)[:labels]
    rows = np.concatenate([np.resize(labelled, 4000), np.arange(4000)])
    return rows, np.isin(rows, labelled)


for labels in [100, 400, 2000]:
    rows, known = rows_and_known(labels, seed=0)
    print(f"{labels:5} labels: {known.mean():.0%} of the rows have one")

# %% [markdown]
# Now the networks. All have a trunk of the same size. There are four networks with one question each, and three that ask a
# target question and *left*.

# %%
classes = {"left": 10, "prime": 2, "large": 2, "right": 10}


def trunk(image, units=64):
    """Return the output of two hidden layers; the second has half the units of the first."""
    hidden = keras.layers.Dense(units, activation="relu")(image)
    return keras.layers.Dense(units // 2, activation="relu")(hidden)


def head(question, features, name):
    return keras.layers.Dense(classes[question], activation="softmax", name=name)(features)


# %% [markdown]
# We put all seven into one `keras.Model`, side by side. Lesson 3 showed that networks which share no weights train together as
# they would alone, and one `fit` is faster than seven. The name of an output begins with its question: `prime_alone`,
# `prime_shared`, and `left_prime` for the answer to *left* in the network that it shares with *prime*.

# %% tags=["nbval-check-output"]
image = keras.Input(shape=(289,), name="image")
outputs = {f"{name}_alone": head(name, trunk(image), f"{name}_alone") for name in classes}
for name in ["prime", "large", "right"]:
    shared = trunk(image)
    outputs[f"{name}_shared"] = head(name, shared, f"{name}_shared")
    outputs[f"left_{name}"] = head("left", shared, f"left_{name}")

networks = keras.Model(image, outputs)
question_of = {name: name.split("_")[0] for name in outputs}
print(f"{len(outputs)} outputs, {networks.count_params():,} weights")

# %% [markdown]
# One of them in a picture:

# %%
plots.architecture(
    keras.Model(image, {name: outputs[name] for name in ["prime_shared", "left_prime"]})
)

# %% [markdown]
# `train` begins again from stored first weights, as in lesson 6. It fills the gaps, weighs the rows, and returns the likeliest
# answers for the test images.


# %%
def compiled(model):
    """Compile a model of softmax heads, each with a loss that divides by its labelled rows."""
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(
        optimizer="adam", loss=dict.fromkeys(model.output, loss), steps_per_execution=100
    )
    return model


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


def first_weights_of(model, seeds):
    """Return a list of first weights, one set for each seed; draw them before the first fit."""
    drawn = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        drawn.append(keras.models.clone_model(model).get_weights())
    return drawn


# %% [markdown]
# ## Three tasks, three answers
#
# Three seeds for each number of labels. A seed stands for the first weights, for the order of the rows, and for which rows are
# labelled.

# %%
counts = [100, 400, 2000]
compiled(networks)
scores = {name: np.zeros((3, len(counts))) for name in outputs}  # seeds, counts
for seed, first_weights in enumerate(first_weights_of(networks, 3)):
    for column, labels in enumerate(counts):
        answers = train(networks, first_weights, question_of, labels, seed)
        for name, question in question_of.items():
            scores[name][seed, column] = (answers[name] == targets_test[question]).mean()

# %% [markdown]
# First *prime*. It is a question about the left digit, and who knows the left digit knows the answer.


# %%
def figure(name):
    """Draw the accuracy of a target task against the number of its labels."""
    lines = {
        f"{name} alone": scores[f"{name}_alone"],
        f"{name} with left": scores[f"{name}_shared"],
    }
    level = ("most frequent answer", naive[name])
    return plots.curves(counts, lines, f"labels of {name}", "accuracy", log_x=True, level=level)


figure("prime")

# %% [markdown]
# With 100 labels, the head *left* helps. With 2,000 labels it does not help any more: *prime* then has many labels of its own.
# Next *large*, which needs both digits, and *right*, which needs the other one.

# %%
figure("large")

# %%
figure("right")

# %% [markdown]
# *right* loses by the head *left*, most of all where it has few labels. Here are the differences, seed by seed: the same
# seed with *left* and without it.

# %%
difference = {
    name: scores[f"{name}_shared"] - scores[f"{name}_alone"]
    for name in ["prime", "large", "right"]
}
print(f"{'with left - alone':20}" + "".join(f"{labels:>9} labels" for labels in counts))
for name, values in difference.items():
    cells = [f"{v.mean():+.1%} ± {v.std(ddof=1):.1%}" for v in values.T]
    print(f"{name:20}" + "".join(f"{cell:>16}" for cell in cells))

# %% tags=["check"]
few = {name: values[:, 0] for name, values in difference.items()}
assert few["prime"].mean() > 0.003 and few["right"].mean() < -0.03
assert abs(few["large"].mean()) < 0.03 and difference["right"].mean(axis=0).max() < -0.01
assert difference["prime"][:, 2].mean() < few["prime"].mean()

# %% [markdown]
# - ***prime*, 100 labels: it helps.** The trunk learns from 4,000 labels to see the left digit, and *prime* can use that.
# - ***large*, 100 labels: it does nothing** that we could tell from zero.
# - ***right*: it hurts**, with every number of labels. A likely reason: both heads need the 32 features at the end of the
#   trunk, *left* for one digit and *right* for the other.
# - **With 2,000 labels it helps nobody.**
#
# Three seeds are few. `benchmarks/sharing.py` repeats this with ten seeds on both sources. With 100 labels, *prime* gains in
# each of the ten runs (1 to 5 of 100 images on average), *right* loses in each (8 to 10 of 100), and *large* goes up in some
# runs and down in others. With 2,000 labels *large* loses in all runs, and *prime* in nine of ten.
#
# So "related tasks help each other" is half the truth. *left* helped one task, and only while that task had few labels. The
# same head on the same images hurt another. And we did not know this before we measured: *large* also needs the left digit,
# and *left* did nothing for it.
#
# ### And what does the auxiliary task pay?

# %%
print(f"left alone: {scores['left_alone'][:, 0].mean():.1%}")
for name in difference:
    change = scores[f"left_{name}"] - scores["left_alone"]
    cells = [f"{v.mean():+.1%} ± {v.std(ddof=1):.1%}" for v in change.T]
    print(f"left with {name:10}" + "".join(f"{cell:>16}" for cell in cells))

# %% tags=["check"]
assert (scores["left_right"] - scores["left_alone"]).mean() < -0.01
assert (scores["left_prime"] - scores["left_alone"]).mean() < 0.005

# %% [markdown]
# *left* never gains here, and beside *right* it loses. When *prime* wins, *left* does not: whether that is a good deal
# depends on which task you need.
#
# ### Is it only a lack of room?
#
# If two tasks compete for the features of a trunk, then a larger trunk should help. The benchmark trains *right* with 400
# labels on trunks of 16, 64 and 256 units (`--parts capacity`). On both sources the loss is largest with 16 units (15 to 25
# of 100 images on average) and smallest with 256 (about 2 of 100, but still in each of the ten runs). So a larger trunk
# takes most of the harm away, and not all of it. Before you give up a useful shared trunk, try a wider one.

# %% [markdown]
# ## One number for all tasks
#
# *prime* went up and *left* went down. Papers often put that into one number, the **relative score** $\Delta_m$ (Maninis and
# others): the mean over the $T$ tasks of the relative change of the score $M_t$ against the score $M_t^{ST}$ of a network
# for that task alone ("single task"):
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

# %% [markdown]
# The same two models, and the sign changes. One more error in a hundred is 1% of an accuracy of 95%, and 20% of an error
# rate of 5%. A relative change depends on where the metric has its zero, and nobody can say which zero is the right one.
#
# On our own results, with 100 labels, over the two tasks of each network:

# %%
relative = {}
for name in difference:
    pair = {
        "target": (f"{name}_shared", f"{name}_alone"),
        "left": (f"left_{name}", "left_alone"),
    }
    joint = {task: scores[both[0]][:, 0].mean() for task, both in pair.items()}
    alone = {task: scores[both[1]][:, 0].mean() for task, both in pair.items()}
    wrong_joint = {task: 1 - score for task, score in joint.items()}
    wrong_alone = {task: 1 - score for task, score in alone.items()}
    relative[name] = (
        relative_score(joint, alone),
        relative_score(wrong_joint, wrong_alone, lower=["target", "left"]),
    )
    accuracy, errors = relative[name]
    print(
        f"left and {name:8} with accuracy {accuracy:+6.1f}%   with error rate {errors:+6.1f}%"
    )

# %% tags=["check"]
assert relative["right"][0] < 0 and relative["right"][1] < relative["right"][0]

# %% [markdown]
# For the same models the two columns differ, and may even differ in sign, and "the gain of sharing" can be any of them. An
# error rate below one half is smaller than the accuracy that belongs to it, so the same change is a larger part of it.
#
# The number has more traps. It explodes where the score alone is near zero, it hides that one task pays for the other, and the
# scores alone vary from seed to seed as well. So show the scores of each task first, with their spread. If you must have one
# number, say which metrics are in it.

# %% [markdown]
# ## Let the network learn how much to share
#
# So far a trunk was shared or not. **Soft sharing** leaves the choice to the training. We build the two best-known kinds,
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


def cross_stitch(units):
    image = keras.Input(shape=(289,), name="image")
    hidden = {name: keras.layers.Dense(units, activation="relu")(image) for name in tasks}
    mixed = CrossStitch(name="stitch_1")(hidden)
    hidden = {
        name: keras.layers.Dense(units // 2, activation="relu")(mixed[name]) for name in tasks
    }
    mixed = CrossStitch(name="stitch_2")(hidden)
    return keras.Model(image, {name: head(name, mixed[name], name) for name in tasks})


def answers_change(model):
    """Return which answers change when the first layer of the task left is set to zero."""
    layer, some = model.layers[1], images_test[:50]
    before, kept = model.predict_on_batch(some), layer.get_weights()
    layer.set_weights([np.zeros_like(array) for array in kept])
    after = model.predict_on_batch(some)
    layer.set_weights(kept)
    return [task for task in tasks if np.abs(before[task] - after[task]).max() > 1e-6]


# %% [markdown]
# A test: we set the first layer of *left* to zero. Whose answers change?

# %% tags=["nbval-check-output"]
model = cross_stitch(24)
print("mostly the own: changed are", answers_change(model))
for name in ["stitch_1", "stitch_2"]:
    model.get_layer(name).set_weights([np.eye(3)])
print("only the own:   changed are", answers_change(model))

# %% [markdown]
# With the identity only *left* itself changes. So a cross-stitch network contains separate networks as a special case.
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
# **one** expert the weight is always 1: then all tasks get the same features, and the model is a shared trunk.
# `ExpertsWithGates` holds the experts and the gates.


# %%
def gated_experts(units, experts=3):
    image = keras.Input(shape=(289,), name="image")
    mixed = ExpertsWithGates(tasks, experts, units, name="experts")(image)
    hidden = {
        name: keras.layers.Dense(units // 2, activation="relu")(mixed[name]) for name in tasks
    }
    return keras.Model(image, {name: head(name, hidden[name], name) for name in tasks})


mixed = ExpertsWithGates(tasks, experts=1, units=4)(images_test[:2])
print("one expert: all tasks get the same:", np.allclose(mixed["left"], mixed["right"]))

# %% [markdown]
# ### Equal sizes, and the result
#
# Four designs with the same number of weights, as far as possible:

# %% tags=["nbval-check-output"]
image = keras.Input(shape=(289,), name="image")
features = trunk(image)
hard = keras.Model(image, {name: head(name, features, name) for name in tasks})
apart = keras.Model(image, {name: head(name, trunk(image, 24), name) for name in tasks})
sizes = {
    "hard sharing, 64 units": hard,
    "separate, 24 units": apart,
    "cross-stitch, 24 units": cross_stitch(24),
    "experts with gates, 20 units": gated_experts(20),
}
for name, model in sizes.items():
    print(f"{name:30}{model.count_params():,} weights")

# %% [markdown]
# **Predict first.** Which design is best for *prime*, and which for *right*? Will soft sharing be better than both hard
# sharing and separate networks?
#
# To train all four with ten seeds takes too long for a lesson. `benchmarks/sharing.py` does it on both sources, with all
# labels of *left*, and 100 labels of *prime* and of *right*. Against hard sharing, with the same seeds:
#
# | | *left* | *prime* | *right* |
# |---|---|---|---|
# | separate | lower on average | lower on average | no difference on the bundled digits, higher on MNIST |
# | cross-stitch | no difference, or lower (MNIST) | no difference, or lower (MNIST) | higher in 8 to 10 of 10 runs |
# | experts with gates | lower in all runs, by about 8 of 100 images | lower in 9 or 10 of 10 runs | lower, or no difference (MNIST) |
#
# - **No design wins for all tasks.** What is good for *right* is not good for *prime*.
# - **Separate networks are not the best for *prime* here**, although nothing disturbs them. At equal size each of them has
#   24 units instead of 64.
# - **Cross-stitch units** help *right*, as separation does. They did not give *prime* more than hard sharing does.
# - **The experts with gates are the worst of the four**, at this size and after 300 updates. This says nothing about large
#   models: Ma and others found gains on much more data. We can look into the gates for a reason.

# %% [markdown]
# ## Do the gates specialise?
#
# The hope is that the gates of *left* and *prime* choose the same experts, and *right* another one. We train three models
# and look. For each we note
# - the **entropy** of a gate: 1 if a row's weights are all equal, and 0 if one expert gets everything (divided by the
#   logarithm of the number of experts);
# - the **distance** between the gates of two tasks, the mean over the images of half the sum of $|g_1 - g_2|$: 0 if they are
#   equal, and 1 if they never use the same expert.

# %%
model = compiled(gated_experts(20))
gates = []
for seed, first_weights in enumerate(first_weights_of(model, 3)):
    train(model, first_weights, {name: name for name in tasks}, 100, seed)
    found = model.get_layer("experts").gates(images_test)
    gates.append({task: keras.ops.convert_to_numpy(weights) for task, weights in found.items()})

for seed, gate in enumerate(gates):
    shares = {
        task: [f"{share:.0%}" for share in weights.mean(axis=0)]
        for task, weights in gate.items()
    }
    print(f"seed {seed}: mean weight of each expert", shares)

# %%
pairs = [("left", "prime"), ("left", "right"), ("prime", "right")]
entropy = {
    task: [-(g[task] * np.log(g[task] + 1e-12)).sum(axis=1).mean() / np.log(3) for g in gates]
    for task in tasks
}
distance = {
    f"{one} and {other}": [np.abs(g[one] - g[other]).sum(axis=1).mean() / 2 for g in gates]
    for one, other in pairs
}
for title, table in {"entropy": entropy, "distance": distance}.items():
    for name, values in table.items():
        print(f"{title:10}{name:18}{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}")

# %% tags=["check"]
assert np.allclose([g[task].sum(axis=1) for g in gates for task in tasks], 1, atol=1e-5)

# %% [markdown]
# The gates do choose: their entropy is far below 1, so often one expert has most of the weight. Then a task has little more
# than one expert of 20 units, which is a small network.
#
# But they do not choose as we hoped. *left* and *prime*, which need the same features, are not reliably closer to each other
# than *left* and *right* are. Which expert a task takes, and with whom, changes with the seed. With ten seeds (the
# benchmark) it is the same: all three distances are between 0.5 and 0.75, with a spread of about 0.2. The mixing tables of
# the cross-stitch units show no clear preference either. So a gate is not an explanation. If somebody shows you a picture of
# gates, ask for more seeds.

# %% [markdown]
# ## What others found
#
# - Standley and others (2020) asked which vision tasks should be learned together, and trained many combinations. They found
#   tasks that cooperate and tasks that compete, and assign them to several networks: a few networks for groups of tasks,
#   instead of one for all or one for each.
# - To train all combinations is expensive. Fifty and others (2021) train all tasks together once, and measure how a gradient
#   step of one task changes the loss of another. They write that training all tasks in one model "often degrades performance".
#
# Both agree with what you saw: it depends on the tasks, and it can be measured.

# %% [markdown]
# ## A list for practice
#
# Each line rests on something that this course has shown.
# 1. **Train each task alone first.** Without these scores you cannot see that sharing hurts. (The figures above; lesson 3.)
# 2. **Share if the target task has few labels and its answer follows from what the other task must see.** (*prime*, 100
#    labels.)
# 3. **Do not expect a gain where the target task has labels enough.** (*prime*, 2,000 labels.)
# 4. **Where the tasks need different parts of the input, use separate networks or a wider trunk.** (*right*; the three
#    widths.)
# 5. **Look at all tasks, not at a mean over them.** The auxiliary task may pay. (The table of *left*; the relative score.)
# 6. **Give both designs the same labels equally often**, or you compare something else. (*A fair comparison*, above.)
# 7. **Share for time and size, if the loss is small**: one trunk is computed once for all heads. (Lesson 3.)
# 8. **Soft sharing is one more design to measure**, and not a way to do without measuring. (The four designs of equal size.)

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
# - made the comparison fair: the same labels, equally often, from the same first weights;
# - saw the relative score change its sign with the metric, in a small example, and its size on our own results;
# - built cross-stitch units and experts with gates, compared them at equal size, and looked into the gates;
# - wrote a list for practice, from what we measured.
#
# ## References
#
# - Ishan Misra, Abhinav Shrivastava, Abhinav Gupta and Martial Hebert (2016). *Cross-stitch networks for multi-task learning.*
# - Jiaqi Ma, Zhe Zhao, Xinyang Yi, Jilin Chen, Lichan Hong and Ed H. Chi (2018). *Modeling task relationships in multi-task
#   learning with multi-gate mixture-of-experts.*
# - Kevis-Kokitsi Maninis, Ilija Radosavovic and Iasonas Kokkinos (2019). *Attentive single-tasking of multiple tasks.* The
#   relative score.
# - Trevor Standley, Amir R. Zamir, Dawn Chen, Leonidas Guibas, Jitendra Malik and Silvio Savarese (2020). *Which tasks
#   should be learned together in multi-task learning?*
# - Christopher Fifty and others (2021). *Efficiently identifying task groupings for multi-task learning.*
#
# Next: the [exercises](../exercises/10_when_to_share.ipynb), then [lesson 11](11_hierarchical_heads.ipynb).
