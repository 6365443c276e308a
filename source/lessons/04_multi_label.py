# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 4. Several labels at once: why not softmax, and which score?
#
# **What you will do.** Train a network that names *all* digits in an image: none of ten labels excludes another. Then find
# out what its scores say, and what they hide.
#
# **What you will learn**
# - to choose the activation and the loss of such a head, and to say what goes wrong with softmax;
# - to compute six scores by hand and in scikit-learn, each beside a baseline;
# - to choose thresholds, to use a chain where labels depend on each other, and to give rare labels more weight.
#
# **What you will need.** [Lesson 1](01_two_heads.ipynb). No GPU. About 55 minutes, 15 of them for the last part, *Further*;
# the longest cell runs for about 10 seconds. On the bundled digits the numbers differ, for instance an exact match of about
# 0.60 where you see about 0.52. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import keras
import numpy as np
import tensorflow as tf
from sklearn import metrics

keras.utils.set_random_seed(4)

# %% [markdown]
# ## One image, several labels
#
# We halve the resolution of the digits, so that four of them fit into the frame of one. `several_digits` puts one, two or
# three digits into the four quarters of each image. No digit hides another. The digits are split into three sets *before*
# images are made of them, so no digit is in two sets.


# %%
def halve(images):
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


digits = data.load_digits()
kept = len(digits.x_train) * 8 // 10
sources = {
    "train": (halve(digits.x_train[:kept]), digits.y_train[:kept], 10_000),
    "validation": (halve(digits.x_train[kept:]), digits.y_train[kept:], 3_000),
    "test": (halve(digits.x_test), digits.y_test, 4_000),
}


# %%
def compose(**arguments):
    """Return images of shape (n, 784) and labels of shape (n, 10) for each of the three sets."""
    images, labels = {}, {}
    for seed, (name, source) in enumerate(sources.items()):
        canvas, targets = data.several_digits(*source, canvas=28, seed=seed, **arguments)
        images[name], labels[name] = canvas.reshape(len(canvas), -1), targets["digits"]
    return images, labels


images, labels = compose()
titles = [" ".join(map(str, np.flatnonzero(row))) for row in labels["test"][:12]]
plots.images(images["test"][:12].reshape(-1, 28, 28), titles, columns=6)

# %% [markdown]
# The label of an image is a row of ten numbers, 1 for each digit that is there and 0 for each that is not. Such a row is
# called **multi-hot**. A digit that is there twice still gives a 1.

# %%
labels["test"][:3]

# %% [markdown]
# **Predict first.** A model looks at nothing and predicts "no digit at all". What share of the ten times 4,000 answers is
# right? On how many images are all ten answers right?

# %%
nothing = np.zeros_like(labels["test"])
right = nothing == labels["test"]
print(
    f"right: {right.mean():.1%} of the answers, all ten on {right.all(1).mean():.1%} of the images"
)

# %% [markdown]
# More than four answers of five are right, and not one image. Each image has few of the ten labels, so "no" is a safe
# answer. Keep this number in mind when you read that a model with many labels has an "accuracy of 80%".

# %% [markdown]
# ## Six scores, by hand
#
# Three images, four labels. The network states a probability for each, and predicts "yes" where it is above 0.5.

# %% tags=["nbval-check-output"]
truth = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]])
stated = np.array([[0.9, 0.4, 0.2, 0.1], [0.3, 0.8, 0.6, 0.1], [0.7, 0.2, 0.6, 0.3]])
predicted = (stated > 0.5).astype(int)
predicted

# %% [markdown]
# Compare it with `truth`. Two answers of twelve are wrong: image 0 lacks label 1, and image 1 has one label too many.
#
# - **Element-wise accuracy**: 10 of 12 answers are right. The **Hamming loss** is the rest, 2 of 12.
# - **Exact match** (also *subset accuracy*): all labels of an image are right. That is 1 of 3 images.
# - **Precision** is the share of "yes" that is true, **recall** the share of true labels that are found, and **F1** lies
#   between them: twice the hits, divided by all "yes" plus all true labels. It does not count the many "no" that are right.
# - **Micro** F1 counts over all labels together: 4 hits, 5 "yes", 5 true labels, so 8/10.
# - **Macro** F1 is the mean over labels. Label 0 has 2 hits of 2 and 2: F1 = 1. Label 1 has 1 hit, 1 "yes", 2 true: 2/3.
#   Label 2 has 1 hit, 2 "yes", 1 true: 2/3. Label 3 has neither "yes" nor true label: 0/0, which we count as 0. The mean is
#   7/12.
# - **Samples** F1 is the mean over images: 2/3, 2/3 and 1 give 7/9.
#
# **Predict first.** Label 3 is never there, and the network never predicts it. It is perfectly right. Is it fair that it
# lowers macro F1? scikit-learn lets you choose.


# %% tags=["nbval-check-output"]
def f1_of(truth, predicted, average, empty=0):
    return metrics.f1_score(truth, predicted, average=average, zero_division=empty)


right, wrong = np.mean(predicted == truth), metrics.hamming_loss(truth, predicted)
print(f"element-wise {right:.3f}, Hamming {wrong:.3f}")
print(f"exact match  {metrics.accuracy_score(truth, predicted):.3f}")
for average in ["micro", "macro", "samples"]:
    print(f"{average:8} F1  {f1_of(truth, predicted, average):.3f}")
print(f"macro F1, if 0/0 counts as 1: {f1_of(truth, predicted, 'macro', empty=1):.3f}")

# %% [markdown]
# 0.583 or 0.833, for the same answers: say which one you use. scikit-learn's `accuracy_score` is the exact match here, and
# so is the `score` of its multi-label models.
#
# The sixth score needs no threshold. Sort the images by the probability of one label. At each image that has it, note
# the precision so far; their mean is the **average precision**. The mean over labels is **mAP**. Label 1 has the order 0.8,
# 0.4, 0.2, and is there in the first two: (1/1 + 2/2) / 2 = 1. It is ranked perfectly, although at 0.5 one of two is not
# found. Label 2 has two equal probabilities at the top, one of them true: 1/2.

# %% tags=["nbval-check-output"]
[round(metrics.average_precision_score(truth[:, i], stated[:, i]), 3) for i in range(3)]

# %% [markdown]
# (For label 3, which is never there, average precision has no value.) Keras has no mAP: `AUC(curve="PR", multi_label=True)`
# is near it, but joins the points by a curve.

# %% [markdown]
# ## Softmax or sigmoid?
#
# A head for one of ten classes has a softmax. Here each label is a question of its own, so we may try ten sigmoids. We
# compare three designs:
# - **sigmoid**, with the binary cross-entropy of each label: -log *p* if the label is there and -log(1 - *p*) if not, where
#   *p* is the stated probability. The loss of an image is the mean over its ten labels;
# - **softmax**, with categorical cross-entropy on the multi-hot rows. Keras accepts it and does not warn;
# - **softmax on shares**: each row divided by its number of labels, so that its total is 1.


# %%
def network(activation="sigmoid"):
    image = keras.Input(shape=(784,), name="image")
    hidden = keras.layers.Dense(96, activation="relu")(image)
    hidden = keras.layers.Dense(48, activation="relu", name="features")(hidden)
    digits = keras.layers.Dense(10, activation=activation, name="digits")(hidden)
    return keras.Model(image, {"digits": digits})


def compiled(loss, activation="sigmoid"):
    model = network(activation)
    optimizer = keras.optimizers.Adam(0.002)
    model.compile(optimizer, loss={"digits": loss}, steps_per_execution=100)
    return model


# %% [markdown]
# We draw five sets of first weights, one for each seed. A run of `train` begins with one of them (`restart`, from lesson 1), and
# makes 400 updates.

# %%
first_weights = draw_weights(network, seeds=range(5))


def train(model, images, targets, seed):
    restart(model, first_weights[seed])
    training = data.batches(images, {"digits": targets}, seed=seed).repeat()
    model.fit(training, steps_per_epoch=400, verbose=0)


# %%
columns = ["elements", "exact", "micro F1", "macro F1", "samples F1", "mAP"]


def scores(truth, stated, threshold=0.5):
    """Return the six scores of the answers `stated > threshold`."""
    predicted = stated > threshold
    f1 = [f1_of(truth, predicted, average) for average in ["micro", "macro", "samples"]]
    right, ranking = predicted == truth, metrics.average_precision_score(truth, stated)
    return [right.mean(), right.all(axis=1).mean(), *f1, ranking]


# %% [markdown]
# Five seeds for each design. The table shows the mean ± the standard deviation over the seeds, in percent, all on test
# images.


# %%
def table(rows, columns=columns):
    print(" " * 23 + "".join(f"{column:>12}" for column in columns))
    for name, runs in rows.items():
        cells = [f"{mean:.1f}" for mean in 100 * np.mean(runs, axis=0)]
        if len(runs) > 1:
            stds = 100 * np.std(runs, axis=0, ddof=1)
            cells = [f"{cell} ± {s:.1f}" for cell, s in zip(cells, stds, strict=True)]
        print(f"{name:23}" + "".join(f"{cell:>12}" for cell in cells))


shares = labels["train"] / labels["train"].sum(axis=1, keepdims=True)
sigmoid = compiled("binary_crossentropy")
softmax = compiled("categorical_crossentropy", "softmax")
designs = {"sigmoid": (sigmoid, labels["train"]), "softmax": (softmax, labels["train"])}
designs["softmax on shares"] = softmax, shares

# %%
answers = {name: [] for name in designs}
trunks = []
for seed in range(5):
    for name, (model, targets) in designs.items():
        train(model, images["train"], targets, seed)
        run = {s: model.predict_on_batch(images[s])["digits"] for s in ["validation", "test"]}
        answers[name].append(run)
    trunks.append(sigmoid.get_weights()[:4])  # the two hidden layers, for later

# %%
results = {
    name: [scores(labels["test"], run["test"]) for run in answers[name]] for name in answers
}
results["no digit at all"] = [scores(labels["test"], nothing)]
results["every digit"] = [scores(labels["test"], nothing + 1)]
table(results)


# %% tags=["check"]
def mean_of(runs, columns=columns):
    return dict(zip(columns, np.mean(runs, axis=0), strict=True))


mean = {name: mean_of(runs) for name, runs in results.items()}
assert mean["sigmoid"]["exact"] > mean["softmax on shares"]["exact"] + 0.1 > 0.2
assert mean["softmax"]["mAP"] < mean["no digit at all"]["mAP"] + 0.1
assert mean["softmax on shares"]["mAP"] > mean["softmax"]["mAP"] + 0.4
assert mean["softmax"]["elements"] < mean["no digit at all"]["elements"] < 0.85
assert mean["sigmoid"]["elements"] > mean["no digit at all"]["elements"] + 0.08

# %% [markdown]
# - The **sigmoid** head is best in every column. But look at the element-wise accuracy: it lies only 11 to 13 points above a
#   model that predicts "no" everywhere. The exact match tells the two apart.
# - **Softmax** on multi-hot rows learns almost nothing: it ranks hardly better than the baselines.
# - **Softmax on shares** does learn, and ranks only somewhat worse than sigmoid (mAP). Yet far fewer of its images are
#   exactly right.
#
# Predicting "yes" everywhere brings a higher F1 than softmax on multi-hot rows. A score without its baseline says little.

# %% [markdown]
# ## Why softmax fails here, twice
#
# **First: the probabilities compete.** Those of a softmax have a total of 1, so at most one of them can be above a half.
# With two digits the best that it can state is 1/2 and 1/2. Here is the share of images that are exactly right: of all, and
# by their number of labels. The softmax is the one on shares; we also try two lower thresholds for it.

# %%
number = labels["test"].sum(axis=1)
groups = {
    "all": number > 0,
    "1 label": number == 1,
    "2 labels": number == 2,
    "3 labels": number == 3,
}
exactly = {}
for name, limit in [("sigmoid", 0.5)] + [("softmax on shares", at) for at in [0.5, 0.3, 0.15]]:
    right = [((run["test"] > limit) == labels["test"]).all(axis=1) for run in answers[name]]
    kind = f"{name.split()[0]}, above {limit}"
    exactly[kind] = [[row[group].mean() for group in groups.values()] for row in right]
table(exactly, groups)

# %% tags=["check"]
assert all((run["test"] > 0.5).sum(axis=1).max() <= 1 for run in answers["softmax on shares"])
by_limit = {name: np.mean(runs, axis=0) for name, runs in exactly.items()}
at_half, at_03, at_015 = (by_limit[f"softmax, above {at}"] for at in [0.5, 0.3, 0.15])
assert at_half[2:].max() == 0 and at_half[1] > by_limit["sigmoid, above 0.5"][1] + 0.01
assert at_half[0] < at_03[0] < at_015[0] < by_limit["sigmoid, above 0.5"][0] - 0.05
assert at_015[1] < at_03[1] - 0.08 and at_03[3] < 0.03 < at_015[3]

# %% [markdown]
# With one label, softmax above 0.5 even beats sigmoid: there, its total of 1 is true. But above 0.5 no image with two
# or three labels can be right, and none is. A lower threshold helps, but what is best depends on the number of labels.
# With three labels, each gets 1/3 on average at most, and a small doubt takes one below the limit. With one label, a
# low limit lets in second guesses. A sigmoid head has no such rule: its ten probabilities may have any total.
#
# **Second, for multi-hot rows: the gradient is wrong.** TensorFlow computes the gradient of this loss in a short way
# that holds only for target rows with a total of 1. For other rows the loss is right and its gradient is not. Our
# network states probabilities, but Keras notices the softmax before the loss, and gives TensorFlow the numbers before
# it (the logits). So our network has this fault too. We compare the gradient with finite differences: change each
# number a little, and see how the loss changes.


# %% tags=["nbval-check-output"]
def loss(z, target):
    return keras.losses.categorical_crossentropy(target, z, from_logits=True)[0]


z = tf.Variable([[2.0, 1.0, -1.0]])
for target in [[1.0, 0.0, 0.0]], [[1.0, 1.0, 0.0]]:
    with tf.GradientTape() as tape:
        value = loss(z, tf.constant(target))
    gradient = tape.gradient(value, z).numpy()[0]
    steps = 0.01 * np.eye(3, dtype="float32")[:, None]
    differences = [float(loss(z + s, target) - loss(z - s, target)) / 0.02 for s in steps]
    print(target, "  gradient:", gradient.round(2), "  differences:", np.round(differences, 2))

# %% [markdown]
# With a total of 1 the two agree. With a total of 2 they do not; the first number even has the other sign. The numbers of
# this gradient have a total of 1 minus the total of the row. So for such a row it is never zero: whatever the network states,
# the training goes on to change it. Dividing the rows repairs this second fault, and only this one.
#
# Softmax is for labels that exclude each other. For the rest: **one sigmoid for each label, with binary cross-entropy.**

# %% [markdown]
# ## What `accuracy` becomes
#
# **Predict first.** We ask Keras for `"accuracy"` on the ten sigmoids. Which of the scores of our table will it be:
# element-wise accuracy, exact match, or neither?

# %%
watched = network()
watched.set_weights(sigmoid.get_weights())  # those of the last seed
without = keras.metrics.F1Score(average="macro", name="f1_no_threshold")
f1 = keras.metrics.F1Score(average="macro", threshold=0.5, name="f1")
scored = {"digits": ["accuracy", "binary_accuracy", without, f1]}
watched.compile(loss={"digits": "binary_crossentropy"}, metrics=scored, run_eagerly=True)
targets = {"digits": labels["test"]}
found = watched.evaluate(images["test"], targets, batch_size=2000, verbose=0, return_dict=True)
last = answers["sigmoid"][-1]["test"]
ours = mean_of([scores(labels["test"], last)])
for name, values in {"Keras": found, "ours": ours}.items():
    print(f"{name}:", ", ".join(f"{key} {float(value):.3f}" for key, value in values.items()))

# %% [markdown]
# Neither. `binary_accuracy` and `f1` are ours. But `accuracy` is what Keras chooses for a row of ten numbers: it takes the
# place of the largest stated number and the place of the largest target, and asks whether they are equal. In a row with
# several ones, the largest target is the first of them, whatever the network finds most probable.
#
# `F1Score` without `threshold` takes only the largest probability of each image as a "yes": one label for each, however
# many there are. **Name the score and the threshold.**

# %% tags=["check"]
first = np.mean(last.argmax(axis=1) == labels["test"].argmax(axis=1))
assert np.isclose(found["accuracy"], first, atol=1e-3)
assert np.isclose(found["binary_accuracy"], ours["elements"], atol=1e-3)
assert np.isclose(found["f1"], ours["macro F1"], atol=1e-3)
assert (
    found["f1_no_threshold"] < found["f1"] - 0.1 and found["accuracy"] < ours["elements"] - 0.1
)

# %% [markdown]
# ## A threshold for each label
#
# 0.5 is the threshold that suits the element-wise accuracy, if the probabilities are **honest** ([lesson
# 15](15_operate.ipynb) says *calibrated*, and measures it): of the answers stated as 0.3, about 30% are true,
# and so on. Another score has another best threshold. We choose the one with the highest F1 for each label, **on the
# validation images**, and then freeze it. Chosen on the test images, the score would be too good: we would have picked
# what happened to fit them.


# %%
candidates = np.arange(0.05, 1, 0.05)


def best_thresholds(truth, stated):
    f1 = [f1_of(truth, stated > candidate, None) for candidate in candidates]
    return candidates[np.argmax(f1, axis=0)]


chosen = [
    best_thresholds(labels["validation"], run["validation"]) for run in answers["sigmoid"]
]
print("seed 0:", chosen[0].round(2), "  mean of all:", np.mean(chosen).round(2))

# %% [markdown]
# **Predict first.** Which of the six scores will be higher with these thresholds, and which lower? (One cannot change at
# all.)

# %%
runs = zip(answers["sigmoid"], chosen, strict=True)
tuned = [scores(labels["test"], run["test"], limits) for run, limits in runs]
change = np.subtract(tuned, results["sigmoid"])
table({"all at 0.5": results["sigmoid"], "chosen": tuned, "change, run by run": change})

# %% tags=["check"]
by = mean_of(change)
assert np.mean(chosen) < 0.48 and by["samples F1"] > 0 and by["macro F1"] > -0.01
assert abs(by["elements"]) < 0.01 and abs(by["exact"]) < 0.04 and (change[:, 5] == 0).all()

# %% [markdown]
# On average the samples F1 rises: it gives nothing to an image without any right "yes", and lower thresholds usually leave
# fewer of those. The macro F1, for which the thresholds were chosen, rises less (on the bundled digits by hardly more than its
# standard deviation): one threshold for all was not far from the best. The element-wise accuracy hardly moves, and rather down
# than up. mAP needs no threshold, so it stays. And the exact match? It changes by a point or two at most, up on some data and
# down on other. **A threshold is chosen for one score, and may cost another one.**
#
# It is known why the chosen thresholds lie below 0.5: with honest probabilities, the threshold that is best for F1 is half
# of the best F1 (Lipton and others, 2014). Compare the mean threshold with the F1 in the table.

# %% [markdown]
# ## Labels that depend on each other
#
# Ten sigmoids answer ten questions side by side: no answer knows of another. But labels often come together. We make such
# images: after a 0 usually comes a 1, after a 1 a 0; the same for 2 and 3, and so on. Row *a* of `followers` says how
# often each label is drawn after *a*.

# %%
partner = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
images_pairs, labels_pairs = compose(followers=0.02 + 0.8 * np.eye(10)[partner])
np.corrcoef(labels_pairs["train"].T)[4].round(1)

# %% [markdown]
# These are the correlations of label 4 with each label, from 0 to 9: high with 5, and below zero with the others,
# because an image has three digits at most.
#
# scikit-learn's `ClassifierChain` puts the labels in an order. The first classifier sees the features, the second one
# the features and the first label, the third one both labels, and so on. In training it sees the true labels, later the
# predicted ones. Without a chain there is `MultiOutputClassifier`. Both get the same classifier, a logistic regression,
# and the same features: those of the five trunks that we have trained above. (They were trained on digits drawn alone,
# that is, independently; we use them for both kinds of images.) NumPy computes the features quickly.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))


def features(trunk, images):
    kernel_1, bias_1, kernel_2, bias_2 = trunk
    return np.maximum(np.maximum(images @ kernel_1 + bias_1, 0) @ kernel_2 + bias_2, 0)


# %%
def fit_and_answer(classifier, trunk, images, labels):
    """Fit on the features of 4,000 training images; return the probabilities for the test images."""
    with threadpool_limits(1):
        classifier.fit(features(trunk, images["train"][:4000]), labels["train"][:4000])
        stated = classifier.predict_proba(features(trunk, images["test"]))
    if isinstance(stated, list):  # one array of two columns for each label
        stated = np.stack([columns[:, 1] for columns in stated], axis=1)
    return stated


# %% [markdown]
# **Predict first.** Where the digits come in pairs, the chain should gain. Does it gain anything where they are drawn alone?

# %%
chains, silent = {}, {}
sets = {"alone": (images, labels), "in pairs": (images_pairs, labels_pairs)}
for name, (pictures, rows) in sets.items():
    for kind in ["side by side", "chain"]:
        runs = []
        for seed, trunk in enumerate(trunks):
            classifier = MultiOutputClassifier(regression)
            if kind == "chain":
                classifier = ClassifierChain(regression, order="random", random_state=seed)
            runs.append(fit_and_answer(classifier, trunk, pictures, rows))
        chains[f"{name}: {kind}"] = [scores(rows["test"], run) for run in runs]
        silent[f"{name}: {kind}"] = np.mean([(run <= 0.5).all(axis=1) for run in runs])
table(chains)

# %%
exact = {name: np.array(runs)[:, 1] for name, runs in chains.items()}
plots.comparison(exact, "share of images exactly right")

# %% tags=["check"]
by = {name: mean_of(runs) for name, runs in chains.items()}
gains = {}
for name in sets:
    chain, side = by[f"{name}: chain"], by[f"{name}: side by side"]
    gains[name] = chain["exact"] - side["exact"]
    assert gains[name] > 0.01 and chain["samples F1"] > side["samples F1"]
    assert max(abs(chain[key] - side[key]) for key in ["elements", "macro F1", "mAP"]) < 0.03
assert gains["in pairs"] < gains["alone"] + 0.03
assert by["in pairs: side by side"]["exact"] > by["alone: side by side"]["exact"] + 0.05

# %% [markdown]
# The chain has more images exactly right, and its samples F1 is higher too. The element-wise accuracy, the macro F1 and mAP
# move by a point or two at most. But the gain is hardly larger, if at all, where the digits come in pairs: **what we expected
# was wrong.** Look at the step from "alone" to "in pairs" *without* a chain: each classifier sees the features of all ten
# digits, so it learns by itself that a 4 speaks for a 5. (A part of this step is that these images rarely have three labels:
# where a pair has come, its first digit often comes again.)
#
# What does the chain do, then? Each image has one digit at least. Here is the share of test images to which a classifier
# answers "no" ten times.

# %%
{name: f"{share:.1%}" for name, share in silent.items()}

# %% tags=["check"]
for name in sets:
    assert silent[f"{name}: chain"] < silent[f"{name}: side by side"] / 2

# %% [markdown]
# A digit that may be a 4 or a 9 can get less than a half from both, and then nobody predicts "yes". In a chain, the second of
# them knows that the first has predicted "no". So labels depend on each other *once the image is seen*, even if they were
# drawn alone. (This is a part of the gain, not all of it.) Such answers that fit together are what the exact match rewards. If
# you need good single answers, a chain brings little here; if whole rows must be right, it brings much.
#
# Does the order of the labels matter? `benchmarks/multi_label.py` tries five orders on one trunk. They differ much less from
# each other than from side by side. Nobody knows the best order beforehand: one tries some on validation images, or takes
# the mean of several chains, as Read and others (2009) do. The price of a chain is time: its labels must be answered one
# after the other.

# %% [markdown]
# ## Further
#
# ### Rare labels
#
# In most data some labels are rare. We draw 8 and 9 five times less often than the others.

# %%
rare = np.isin(np.arange(10), [8, 9])
images_rare, labels_rare = compose(weights=np.where(rare, 0.2, 1.0))
labels_rare["train"].mean(axis=0).round(2)

# %% [markdown]
# For one output, people use **class weights**, `class_weight`: a dictionary that gives each class a weight in the loss. With a
# dictionary of outputs it does not work. (The next cell ends with an error, on purpose.)

# %% tags=["raises-exception"]
weights = {label: 5.0 if rare[label] else 1.0 for label in range(10)}
sigmoid.fit(images_rare["train"], {"digits": labels_rare["train"]}, class_weight=weights)

# %% [markdown]
# The message speaks of "a single output". Ours has one, but in a dictionary; with two heads it says the same. (Without a
# dictionary it is worse than an error. Keras then takes the *first* 1 of a row for its class: an image with a 3 and a rare 8
# would get the weight of the 3.) Two ways do work:
#
# - **A weight for each image**, by head: `sample_weight={"digits": ...}`, for instance 5 where the image has an 8 or a 9. It
#   weights all ten labels of that image. It is also the way for a head with exclusive classes: there it does what
#   `class_weight` would do.
# - **A weight for each label that is there**, in the loss. The cross-entropy of a label is -log *p* if it is there, and
#   -log(1 - *p*) if not. We multiply only the first.
#
# We try the second one.


# %%
def weighted_crossentropy(weights):
    """Return a binary cross-entropy in which label i, where it is there, counts weights[i] times."""
    weights = keras.ops.convert_to_tensor(weights, "float32")

    def loss(targets, stated):
        stated = keras.ops.clip(stated, 1e-7, 1 - 1e-7)  # the logarithm of 0 is infinite
        there = weights * targets * keras.ops.log(stated)
        not_there = (1 - targets) * keras.ops.log(1 - stated)
        return -keras.ops.mean(there + not_there, axis=-1)

    return loss


weighted = compiled(weighted_crossentropy(np.where(rare, 5.0, 1.0)))


# %%
def rare_scores(truth, stated):
    """Return four scores of the rare labels, one of the others, and the exact match."""
    yes, few, few_yes = stated > 0.5, truth[:, rare], stated[:, rare] > 0.5
    recall = metrics.recall_score(few, few_yes, average="macro", zero_division=0)
    precision = metrics.precision_score(few, few_yes, average="macro", zero_division=0)
    ranking = metrics.average_precision_score(few, stated[:, rare])
    others, exact = f1_of(truth[:, ~rare], yes[:, ~rare], "macro"), (yes == truth).all(axis=1)
    return [recall, precision, ranking, stated[:, rare].mean(), others, exact.mean()]


# %% [markdown]
# **Predict first.** With the weight 5, more rare digits will be found. What will it cost? Think of the precision, and of the
# probability that the network states: is it still honest?

# %%
rare_runs = {}
for name, model in {"no weight": sigmoid, "label weight 5": weighted}.items():
    rare_runs[name] = []
    for seed in range(5):
        train(model, images_rare["train"], labels_rare["train"], seed)
        stated = model.predict_on_batch(images_rare["test"])["digits"]
        rare_runs[name].append(rare_scores(labels_rare["test"], stated))

# %%
rare_columns = ["rare recall", "rare prec.", "rare mAP", "rare stated", "other F1", "exact"]
table(rare_runs, rare_columns)
really = labels_rare["test"][:, rare].mean()
print(f"each rare label is really there on {really:.1%} of the images (mean of both)")

# %% tags=["check"]
rare_mean = {name: mean_of(runs, rare_columns) for name, runs in rare_runs.items()}
plain, heavy = rare_mean["no weight"], rare_mean["label weight 5"]
assert (
    heavy["rare recall"] > plain["rare recall"] + 0.2 and heavy["rare mAP"] > plain["rare mAP"]
)
assert heavy["rare stated"] > 1.5 * really > plain["rare stated"] > 0.5 * really
assert abs(heavy["other F1"] - plain["other F1"]) < 0.03
assert heavy["exact"] < plain["exact"] + 0.02

# %% [markdown]
# "Prec." is the precision of the rare labels alone.
# - **Without weights** the network rarely predicts 8 or 9: it misses most of them. (So few "yes" that their precision differs
#   much from run to run.) Its probabilities are honest on average: their mean is near the share of images that really have the
#   label.
# - **With the label weight** it finds several times as many, and ranks them better (rare mAP), at least in this short
#   training of 400 updates. Many of its "yes" are wrong now, and the stated probabilities are over twice as high as
#   they should be: they are no longer honest. The other labels stay nearly as they were. The exact match does not gain.
#
# Chosen thresholds find more rare digits too, without a weight, but they cannot change the ranking. The exercise combines the
# two.
#
# The **weight for each image** is in `benchmarks/multi_label.py`. It finds more rare digits than no weight, too. But it also
# weights the other labels of these images: the other labels do worse, and the exact match fell in each of five runs.

# %% [markdown]
# ## Take this with you
#
# One cell that stands alone: a multi-label head with a weight for each label, scores that have a name and a threshold, and a
# model that can be saved and loaded. The loss is a **registered class**. A function inside a function would train as well,
# but `load_model` could not find it: "Could not locate function 'loss'". (For a model that you have already saved so, call
# `load_model(path, compile=False)`. It answers as before, and you compile it again to train on.)


# %%
import keras
import numpy as np


@keras.saving.register_keras_serializable("multi_label")
class WeightedCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of probabilities; label i, where it is there, counts weights[i] times."""

    def __init__(self, weights, name="weighted_crossentropy", **arguments):
        super().__init__(name=name, **arguments)
        self.weights = [float(weight) for weight in weights]

    def call(self, targets, stated):
        if targets.shape[1:] != (len(self.weights),):
            wanted = f"(rows, {len(self.weights)}), with 0 or 1 for each label,"
            raise ValueError(f"targets: shape {tuple(targets.shape)} given, {wanted} wanted.")
        stated = keras.ops.clip(stated, 1e-7, 1 - 1e-7)
        there = np.array(self.weights, "float32") * targets * keras.ops.log(stated)
        return -keras.ops.mean(there + (1 - targets) * keras.ops.log(1 - stated), axis=-1)

    def get_config(self):
        return super().get_config() | {"weights": self.weights}


def build_labels(inputs, names, weights=None):
    """Return a compiled network with one yes/no answer for each name; weights={"tree": 5} leaves others at 1."""
    if isinstance(names, str) or len(set(names)) != len(names) or not names:
        raise ValueError(f"names: {names!r} given, a list of different names wanted.")
    weights = {} if weights is None else weights
    if (
        not isinstance(weights, dict)
        or set(weights) - set(names)
        or any(w <= 0 for w in weights.values())
    ):
        raise ValueError(
            f"weights: {weights!r} given, positive numbers for some of {names} wanted."
        )
    row = keras.Input(shape=(inputs,), name="row")
    hidden = keras.layers.Dense(64, activation="relu")(row)
    labels = keras.layers.Dense(len(names), activation="sigmoid", name="labels")(hidden)
    model = keras.Model(row, {"labels": labels})
    elements = keras.metrics.BinaryAccuracy(threshold=0.5, name="elements")
    macro_f1 = keras.metrics.F1Score(average="macro", threshold=0.5, name="macro_f1")
    loss = WeightedCrossentropy([weights.get(name, 1) for name in names])
    model.compile("adam", {"labels": loss}, metrics={"labels": [elements, macro_f1]})
    return model


build_labels(20, names=["cat", "dog", "tree"], weights={"tree": 5}).output_shape

# %% [markdown]
# In this notebook we
# - trained a head of ten sigmoids, and saw two reasons why softmax fails where labels do not exclude each other;
# - computed element-wise accuracy, exact match, three kinds of F1 and mAP by hand and in scikit-learn, beside the
#   answers of models that look at nothing;
# - saw what `accuracy` and `F1Score` become when nobody names the threshold;
# - chose thresholds on validation images, and saw which scores they raise and which they lower;
# - compared a chain with classifiers side by side, and weighted rare labels, with what that costs.
#
#
# ## References
#
# - G. Tsoumakas and I. Katakis (2007). *Multi-label classification: an overview.* The problem, and the scores in use.
# - J. Read, B. Pfahringer, G. Holmes and E. Frank (2009). *Classifier chains for multi-label classification.*
# - Z. C. Lipton, C. Elkan and B. Naryanaswamy (2014). *Optimal thresholding of classifiers to maximize F1 measure.* Why the
#   threshold is half the best F1.
# - scikit-learn's user guide, *Multiclass and multioutput algorithms.*
#
# Next: the [exercises](../exercises/04_multi_label.ipynb), then [lesson 5](05_regression.ipynb).
