# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 16. My data is a table
#
# **What you will do.** Take a real table with gaps, make targets of three kinds from its columns, and train one network with
# three heads on it. Compare it with linear models and boosted trees, and save it so that raw rows go in and names and grams
# come out.
#
# **What you will learn**
# - to turn columns into targets and weights, without turning gaps into labels;
# - to put the preprocessing into the model, and to know what may be learned from which rows;
# - to say how sure a comparison is when a table is small;
# - to prepare a model for gaps in its inputs;
# - to tell when a network with several heads is worth its trouble on a table.
#
# **What you will need.** [Lesson 6](06_missing_labels.ipynb) on weights, and [lesson 5](05_regression.ipynb) on numbers. No
# GPU. About 60 minutes; the longest cell runs for about 7 seconds. Words are explained in the
# [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import restart

import tempfile

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from palmerpenguins import load_penguins, load_penguins_raw
from sklearn import dummy, ensemble, linear_model, model_selection
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

keras.utils.set_random_seed(16)

# %% [markdown]
# ## The table
#
# Between 2007 and 2009, K. Gorman and her colleagues measured 344 penguins on three islands of the Palmer Archipelago. The
# package `palmerpenguins` ships the table, which everybody may use (CC0).

# %%
table = load_penguins()
table[table.isna().any(axis=1)]

# %% [markdown]
# These are the rows with a gap (`NaN`), 11 of 344. Nobody knows the sex of these birds, and two of them were not measured at all.
#
# We ask three questions about a bird: its **species** (a class), its **sex** (yes/no, with 11 gaps) and its **body mass** (a
# number, with 2 gaps). What we may look at are its island and three measurements: the length and depth of the bill, and the
# length of the flipper.

# %%
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
COLUMNS = ["species", "sex", "body_mass_g"]
NAMES = {"species": ["Adelie", "Chinstrap", "Gentoo"], "sex": ["female", "male"]}

for name, birds in [("all birds", table), *table.groupby("species")]:
    print(f"{name:9}  {birds['bill_depth_mm'].corr(birds['body_mass_g']):+.2f}")

# %% [markdown]
# These are the correlations of depth and mass. Over all birds, a deeper bill goes with *less* mass; within each species, with
# *more*. So one straight line will not do, and the three questions have to do with each other: a fair test for a shared trunk.
#
# ## From columns to targets
#
# **Predict first.** 168 birds are male, 165 female, and for 11 nobody knows. How many rows of the column
# `table["sex"] == "male"` are False?

# %% tags=["nbval-check-output"]
print((table["sex"] == "male").value_counts().to_dict())

# %% [markdown]
# A comparison with a gap is False. Eleven unknown birds became female without a word. So we look for the gaps *first*:
# they get the weight 0, and any valid filler as their target (lesson 6).
#
# The names of a class become their places in a list that we fix; a list made from a part of the rows could have another order.
# The number is standardised (lesson 5), with a mean and a standard deviation that come from the training part. `truth` is the same
# in grams, to compare with.


# %%
def encode(rows, mean, std):
    targets = {}
    for name, names in NAMES.items():
        targets[name] = rows[name].map(names.index, na_action="ignore").fillna(0).to_numpy(int)
    targets["body_mass_g"] = ((rows["body_mass_g"] - mean) / std).fillna(0).to_numpy("float32")
    return targets, {name: rows[name].notna().to_numpy("float32") for name in COLUMNS}


truth, known = encode(table, mean=0, std=1)  # not standardised: in grams

# %% [markdown]
# ## Preprocessing inside the model
#
# A network wants numbers of a similar size, and the table has millimetres and words. The steps between the two could stand in
# a script. Then whoever uses the model needs this script, in the same version, with the same means. Keras has layers for it
# instead: `Normalization` learns means and variances, and `StringLookup` the list of words. Both learn by `adapt`, without
# labels.
#
# **Predict first.** Two rows of 344 lack their measurements. What does `Normalization` make of the other 342?

# %% tags=["nbval-check-output"]
normal = keras.layers.Normalization()
normal.adapt(table[MEASURES].to_numpy("float32"))
normal(np.float32([[39.1, 18.7, 181.0]])).numpy()

# %% [markdown]
# NaN for every bird, and nothing is raised: the mean of a column with a gap is NaN. (`keras.utils.FeatureSpace` builds all of
# the preprocessing from a list of columns. Its "float_normalized" is the same layer, and does the same.)
#
# So we compute mean and variance without the gaps, and let NaN pass the layer. *Then* a gap becomes 0, which now stands for
# the mean, and a second column says that it was a gap. `keras.ops` on a layer's output becomes a part of the model. (A constant
# column has no variance to divide by. It gets the variance 1.)


# %%
def raw(rows):
    numbers = rows[MEASURES].to_numpy("float32", na_value=np.nan)
    words = rows["island"].astype(str).str.strip().where(rows["island"].notna(), "[UNK]")
    return [tf.constant(numbers), tf.constant(words.to_numpy(object)[:, None])]


def prepare(rows):
    seen, words = raw(rows)
    mean, variance = np.nanmean(seen, axis=0), np.nanvar(seen, axis=0)
    variance[np.nanmax(seen, axis=0) == np.nanmin(seen, axis=0)] = 1  # a constant column
    lookup = keras.layers.StringLookup(output_mode="one_hot")
    lookup.adapt(words)
    inputs = [keras.Input((len(MEASURES),)), keras.Input((1,), dtype="string")]
    numbers = keras.layers.Normalization(mean=mean, variance=variance)(inputs[0])
    gap = keras.ops.isnan(numbers)
    filled, flags = keras.ops.where(gap, 0.0, numbers), keras.ops.cast(gap, "float32")
    return keras.Model(inputs, keras.layers.Concatenate()([filled, flags, lookup(inputs[1])]))


prepare(table)(raw(table.iloc[[0, 3]])).numpy().round(2)

# %% [markdown]
# Three numbers, three flags for gaps, and four columns for the island, of which one is 1 (*one-hot*). The first of them,
# `[UNK]`, is for gaps and for words that were not in the training part. A second column of text would get an `Input` and a
# lookup of its own. Text has to come as a tensor: `predict` refuses NumPy's arrays of text (*Invalid dtype: object*).
#
# ## Split first
#
# With 344 rows, one test part of 69 birds says little: two birds more or less are three points. So we use **repeated
# cross-validation**. The rows are cut into five folds. Each fold is the test part once, with the other four for training. Then
# we do it again, with other folds. That gives ten test scores for each model, on the same ten cuts for all. (In your table, drop
# duplicate rows first. Rows of one person must stay in one fold: `GroupKFold`.)
#
# For each cut the preprocessing is made anew, *from its training part*. It needs no gradient, so we apply it once for each
# cut, and train the network behind it on the numbers. At the end we put the two together.

# %%
cut = model_selection.RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=16)
folds = [*cut.split(table, table["species"])]


def inputs_of(*tables):
    steps = [prepare(table.iloc[rows]) for rows, _ in folds]
    return [np.array([step(raw(each)) for each in tables]) for step in steps]


prepared = inputs_of(table)
no_flipper = inputs_of(table.assign(flipper_length_mm=np.nan))  # for later

# %% [markdown]
# The networks: two hidden layers, and three heads on one trunk, or each on its own. The losses count known labels only.


# %%
def network(shared=True):
    numbers, outputs, losses = keras.Input(prepared[0].shape[2:]), {}, {}
    heads = {
        "species": (3, "softmax", keras.losses.SparseCategoricalCrossentropy),
        "sex": (1, "sigmoid", keras.losses.BinaryCrossentropy),
        "body_mass_g": (1, None, keras.losses.MeanSquaredError),
    }
    for name, (units, form, loss) in heads.items():
        if not (shared and outputs):
            hidden = keras.layers.Dense(32, activation="relu")(numbers)
            hidden = keras.layers.Dense(32, activation="relu")(hidden)
        outputs[name] = keras.layers.Dense(units, activation=form, name=name)(hidden)
        losses[name] = loss(reduction="mean_with_sample_weight")
    model = keras.Model(numbers, outputs)
    model.compile(keras.optimizers.Adam(0.003), losses, steps_per_execution=100)
    return model


both = shared, separate = network(), network(shared=False)
starts = {m: [keras.models.clone_model(m).get_weights() for _ in folds] for m in both}

# %% [markdown]
# `train` begins with the first weights of a cut (as in [lesson 3](03_three_architectures.ipynb)), makes 300 updates, and returns the
# mean and the standard deviation of the mass. `score` says how many answers are right in %, and how far off the mass is in
# grams; known labels only. `cross_validate` gives a table with a row for each test part, as it is and, for later, without the
# flipper.


# %%
def train(model, fold, rows, inputs):
    mean, std = table["body_mass_g"].iloc[rows].agg(["mean", "std"])
    targets, weights = encode(table.iloc[np.tile(rows, len(inputs))], mean, std)
    batches = data.batches(np.concatenate(inputs[:, rows]), targets, 32, weights, seed=fold)
    restart(model, starts[model][fold])
    model.fit(batches.repeat(), steps_per_epoch=300, verbose=0)
    return mean, std


def score(answers, test):
    found = {}
    for name, answer in answers.items():
        error = (answer - truth[name][test])[known[name][test] > 0]
        found[name] = 100 * np.mean(error == 0) if name in NAMES else np.abs(error).mean()
    return found


# %%
def cross_validate(model, inputs, tests):
    found = [[] for _ in tests]
    for fold, (rows, test) in enumerate(folds):
        mean, std = train(model, fold, rows, inputs[fold])
        for seen, scores in zip(tests, found, strict=True):
            p = model.predict_on_batch(seen[fold][0, test])
            answers = {"species": p["species"].argmax(axis=1), "sex": p["sex"][:, 0] > 0.5}
            answers["body_mass_g"] = p["body_mass_g"][:, 0] * std + mean
            scores.append(score(answers, test))
    return [pd.DataFrame(scores) for scores in found]


# %%
scores = {}
scores["shared trunk"], lost = cross_validate(shared, prepared, [prepared, no_flipper])
[scores["separate networks"]] = cross_validate(separate, prepared, [prepared])

# %% [markdown]
# ## The competition: one model for each column
#
# A network must not only be better than guessing. On tables the usual models are linear ones and trees with gradient boosting
# (many small trees, each made to correct the ones before it), one for each column. The linear models get the ten numbers of the
# network, once as they are and once with all squares and products of two, which lets a slope differ from island to island.
# `RidgeCV` is a linear regression that keeps its slopes small; how small, it finds by cross-validation. scikit-learn's boosted
# trees take gaps and categories as they come.
#
# We tried a few settings of trees and networks on other cuts. It made little difference; with 50 rounds instead of 100 the
# trees were a little better.

# %%
as_it_comes = table[MEASURES].assign(island=pd.factorize(table["island"])[0]).to_numpy()
linear = linear_model.LogisticRegression(max_iter=1000), linear_model.RidgeCV()
trees = ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor
options = {"max_iter": 50, "categorical_features": [3], "random_state": 0}
competition = {  # for names, for a number
    "linear": linear,
    "linear, with products": [make_pipeline(PolynomialFeatures(), kind) for kind in linear],
    "boosted trees": [kind(**options) for kind in trees],
    "baseline": (dummy.DummyClassifier(), dummy.DummyRegressor(strategy="median")),
}

# %%
for way, (for_names, for_number) in competition.items():
    found = []
    for (rows, test), inputs in zip(folds, prepared, strict=True):
        inputs, answers = as_it_comes if way == "boosted trees" else inputs[0], {}
        for name in COLUMNS:
            k = rows[known[name][rows] > 0]
            model = for_names if name in NAMES else for_number
            answers[name] = model.fit(inputs[k], truth[name][k]).predict(inputs[test])
        found.append(score(answers, test))
    scores[way] = pd.DataFrame(found)

# %% [markdown]
# **Predict first.** Six ways, three questions. Who wins, and by how much?

# %%
for name, s in scores.items():
    print(f"{name:21}", *(f"{c} {s[c].mean():5.1f} ± {s[c].std():4.1f}  " for c in COLUMNS))

# %% [markdown]
# The error of the mass in each fold, without the baseline, which is far to the right. (In the figures of this lesson, *a run*
# is a fold.)

# %%
rivals = {n: s["body_mass_g"] for n, s in scores.items() if n != "baseline"}
plots.comparison(rivals, "error of the mass, in g")

# %% tags=["check"]
grams = {name: found["body_mass_g"].mean() for name, found in scores.items()}
assert max(grams["shared trunk"], grams["boosted trees"]) < grams["baseline"] - 200
assert abs(grams["shared trunk"] - grams["separate networks"]) < 25

# %% [markdown]
# The **species** is easy: all but the baseline are right for nearly every bird. The **sex** is right for about 85 of 100, and the plain
# linear model is a few points behind. For the **mass**, the networks and the linear model with products are level, and some
# 10 to 20 grams ahead of the boosted trees, perhaps because 275 rows are few for trees. Whether the heads share a trunk makes no
# difference.
#
# ## How sure is that?
#
# What stands behind ± is the standard deviation of *one* fold. How sure is the *mean*? Two things make it easy to go wrong.
# - All models had the same cuts. A cut with odd birds is hard for everybody. So we take **differences**, cut by cut.
# - The usual standard error divides the standard deviation by $\sqrt{10}$, as for ten independent draws. But any two training
#   parts share most of their rows. Cutting the table a hundred times does not make it a larger table.
#
# Nadeau and Bengio give a correction, which Bouckaert and Frank use for repeated cross-validation. With $J$ folds in all, $s$ the
# standard deviation of the differences, and a test part that is $1/4$ of the training part:
#
# $$\text{standard error} = s \sqrt{\frac{1}{J} + \frac{1}{4}} \qquad\text{instead of}\qquad s \sqrt{\frac{1}{J}}.$$
#
# It is a rule of thumb. In the [exercise](../exercises/16_your_table.ipynb) you check it on 200 made-up tables. There the usual
# standard error is two thirds of the truth with ten folds and a third with 50, and the corrected one a fifth to a third above it,
# on the careful side.


# %%
def compare(one, other):
    found = scores[one] - scores[other]
    mean, error = found.mean(), found.std() * (1 / len(found) + 1 / 4) ** 0.5
    print(f"minus {other:21}", *(f"{c} {mean[c]:+5.1f} ± {error[c]:4.1f}  " for c in COLUMNS))


for rival in ["separate networks", "linear", "linear, with products", "boosted trees"]:
    compare("shared trunk", rival)

# %% [markdown]
# In our run the sex is more than two standard errors better than that of the plain linear model. The mass does not quite get
# there, and neither does the small lead of the linear model with products. All other differences may be nothing, those to the
# trees too. This is what 344 rows can say.
#
# ## What does a leak cost?
#
# *Adapt on the training part alone* is the rule. What happens if you adapt the means, variances and words on all rows, test part
# included?
#
# **Predict first.** How much better do the scores look?

# %%
leaky = [prepare(table)(raw(table)).numpy()[None]] * len(folds)
[scores["adapted on all rows"]] = cross_validate(shared, leaky, [leaky])
compare("adapted on all rows", "shared trunk")

# %% tags=["check"]
assert abs(scores["adapted on all rows"]["body_mass_g"].mean() - grams["shared trunk"]) < 10

# %% [markdown]
# Nothing that can be seen. The mean of 344 bills is about the mean of 275, and it holds no label. Is the rule only a habit, then?
# Here is a preprocessing that looks at *labels*. The full table has a column `Individual ID`, with 190 different texts, such as
# N1A1. That is too many for a one-hot row, so people often replace each text by the mean target of its rows (*target encoding*).
# A straight line then predicts the mass from this one number.

# %%
ids, mass = load_penguins_raw()["Individual ID"], table["body_mass_g"]
errors = {"on all rows": [], "on the training part": []}
for rows, test in folds:
    for name, part in zip(errors, [np.append(rows, test), rows], strict=True):
        means = mass.iloc[part].groupby(ids).mean()
        code = ids.map(means).fillna(mass.iloc[rows].mean()).to_numpy()
        k = rows[known["body_mass_g"][rows] > 0]
        answer = np.polyval(np.polyfit(code[k], mass.iloc[k], 1), code[test])
        errors[name].append(score({"body_mass_g": answer}, test)["body_mass_g"])
errors["baseline"] = scores["baseline"]["body_mass_g"]
plots.comparison(errors, "error of the mass, in g")

# %% tags=["check"]
on_all, on_training, _ = map(np.mean, errors.values())
assert on_all < grams["baseline"] - 150 and on_training > grams["baseline"] + 30

# %% [markdown]
# Encoded on all rows, the ID seems to take away more than a third of the baseline's error. In truth it adds to it: an ID says
# nothing about another bird, but the mean of two birds holds the answer of each. So the danger is not the scaling; it is every
# step that sees **labels**: target encoding, a choice of columns, of settings, of the best epoch. Put all steps behind the
# split, then you need not know which of them matter.
#
# ## Gaps in the inputs
#
# Suppose the flipper is not measured in use. Our model has a mean and a flag for that. Do they help?
#
# **Predict first.** Only two birds of the table lack a measurement, and of these nobody knows sex or mass (see the first table). What
# has the head of the mass learned about the flags?
#
# We take the scores without the flipper: of the shared trunk, and of one that is trained on ten copies of the training part, in
# which each measurement, and the island too, is missing with a probability of 0.3.


# %%
def with_gaps(rows, share, seed):
    hidden = np.random.default_rng(seed).random((len(rows), 4)) < share
    return rows.assign(**rows[[*MEASURES, "island"]].mask(hidden))


with_holes = inputs_of(*[with_gaps(table, 0.3, seed) for seed in range(10)])
measured, no_longer = cross_validate(shared, with_holes, [prepared, no_flipper])
shown = {"all measured": scores["shared trunk"], "no flipper": lost}
shown |= {"trained with gaps": measured, "trained with gaps, no flipper": no_longer}
plots.comparison({n: s["body_mass_g"] for n, s in shown.items()}, "error of the mass, in g")

# %% tags=["check"]
assert no_longer["body_mass_g"].mean() < lost["body_mass_g"].mean() - 40

# %% [markdown]
# The mean and the flag did not save it. No row with a flag had a known mass, so a flag pushes the mass where chance left it. The
# same goes for `[UNK]`: no bird lacks its island, so without hidden islands its column is 0 in every training row, and its
# weights are never trained. A model handles the gaps that it has *seen*. Trained with gaps, it is a little worse where all is
# measured, and far less is lost without the flipper. (Boosted trees too learn from gaps what to do with gaps: where the training had none,
# scikit-learn's send a gap to the side with more rows.) So train with the gaps that you expect, and test with them.
#
# (All this is about gaps by chance. If birds go unmeasured *because* they are heavy, see lesson 6.)
#
# ## Is a network with several heads worth it on a table?
#
# For these scores: **no**. A linear model with products, one for each column, is as good, and trains in a moment. On 45 data sets
# of about 10,000 rows, Grinsztajn and others found trees ahead of networks. So begin with both, on the same cuts. A network with
# several heads is worth it
# - if it ties, and *one* model that answers all questions is easier to serve, test and explain than three;
# - if the table comes with images, sounds or text, which trees cannot read (there a network has no rival);
# - if labels are scarce in one column, and another one helps: [lesson 10](10_when_to_share.ipynb) shows when;
# - if the answers must agree ([lesson 11](11_hierarchical_heads.ipynb)), or say how sure they are
#   ([lesson 5](05_regression.ipynb)).
#
# ## Raw rows in, names and grams out
#
# We train once more, on all rows, with gaps. Then we put together: preprocessing, network, and three layers that go back. A
# `StringLookup` with `invert=True` turns a place into a name, and `Rescaling` gives grams. So everything that an answer needs is
# in one file. Only `raw` stays outside: it picks the columns.

# %%
step = prepare(table)
copies = np.array([step(raw(with_gaps(table, 0.3, seed))) for seed in range(10)])
mean, std = train(shared, 0, np.arange(len(table)), copies)
found, names = shared(step.output), {}
for name, words in NAMES.items():
    names[name] = keras.layers.StringLookup(vocabulary=words, num_oov_indices=0, invert=True)
answers = {
    "species": names["species"](keras.ops.argmax(found["species"], axis=1)),
    "p of species": keras.ops.max(found["species"], axis=1),
    "sex": names["sex"](keras.ops.cast(found["sex"][:, 0] > 0.5, "int32")),
    "body_mass_g": keras.layers.Rescaling(std, mean)(found["body_mass_g"])[:, 0],
}
whole = keras.Model(step.input, answers)
with tempfile.TemporaryDirectory() as folder:
    whole.save(f"{folder}/penguins.keras")
    loaded = keras.models.load_model(f"{folder}/penguins.keras")

# %% [markdown]
# **Predict first.** Three new birds: one as usual, one without a flipper length, and one from an island that the table does not
# know, with nothing measured. Which answers will there be for the third?

# %%
birds = pd.DataFrame({"island": ["Biscoe", "Dream", "Deception"]})
birds[MEASURES] = [[47.2, 14.1, 216], [50.9, 19.2, None], [None, None, None]]
report = pd.DataFrame({name: p.numpy() for name, p in loaded(raw(birds)).items()})
report[[*NAMES]] = report[[*NAMES]].map(bytes.decode)
report

# %% tags=["check"]
before, after = (model(raw(table)) for model in (whole, loaded))
assert all(np.array_equal(before[name], after[name]) for name in answers)
assert report["species"].tolist()[:2] == ["Gentoo", "Chinstrap"]

# %% [markdown]
# The third bird gets answers too, and they look like the others. Nothing was known about it, so they can be no better than a
# baseline. Its species has a lower probability than those of the others; nothing marks its mass. Whether a row with nothing in it
# gets an answer is for you to decide, before or after the model.

# %% [markdown]
# ## Take this with you
#
# One cell, on its own. `heads_for(train, columns)` looks at columns of *your* table and decides what they are: a number, yes/no, or
# a class. It gives outputs, losses, metrics, targets and weights, for new rows too, and turns predictions back into the table's
# own values. It refuses what cannot be a target: a column that is constant or empty, dates, texts that are all different.
#
# Look at `heads.columns`, what it decided, before you train. There you see `Yes` beside `yes`, a word for a gap that it does not
# know, numbers with a comma that became classes, a mean with a -999 in it. A number's metric is in standard deviations. A
# skewed number, such as a price, is better given as its logarithm; take `np.exp` of the answer.
#
# With `raw` and `prepare` from above (put your columns in), this leads from raw rows to answers:
#
# ```python
# step, heads = prepare(train), heads_for(train, targets)
# hidden = keras.layers.Dense(32, activation="relu")(inputs := keras.Input(step.output.shape[1:]))
# net = keras.Model(inputs, heads.outputs(hidden))
# net.compile("adam", heads.losses, weighted_metrics=heads.metrics)
# net.fit(step(raw(train)), heads.targets, sample_weight=heads.weights, epochs=100, verbose=0)
# keras.Model(step.input, net(step.output)).save("model.keras")  # and heads.columns, as below
# loaded = keras.models.load_model("model.keras")
# answers = heads.answers(loaded.predict(raw(new)), new.index)
# ```


# %%
import json
import re

import keras
import numpy as np
import pandas as pd

GAPS = {"", "?", "-", "na", "n/a", "#n/a", "<na>", "nan", "null", "None"}  # "none" is a class
KINDS = {
    "class": ("softmax", "SparseCategoricalCrossentropy", "sparse_categorical_accuracy"),
    "yes/no": ("sigmoid", "BinaryCrossentropy", "binary_accuracy"),
    "number": (None, "MeanSquaredError", "mean_absolute_error"),
}


is_number = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?").fullmatch


def cells_of(frame, name):
    """Return a column's cells as they are and as text, numbers in one form; None for a gap."""
    if name not in frame.columns or frame[name].ndim > 1:
        raise KeyError(f"{name!r}: one column of this name wanted, among {[*frame.columns]}.")
    cells = [c.strip() if isinstance(c, str) else c for c in frame[name]]
    if any(np.ndim(c) or isinstance(c, dict | set) for c in cells):
        raise TypeError(f"{name!r}: a list in a cell, one number or text wanted.")
    cells = [None if pd.isna(c) or {str(c), str(c).lower()} & GAPS else c for c in cells]
    known = pd.Series([c for c in cells if c is not None], dtype=object)
    kind = pd.api.types.infer_dtype(known)
    if kind == "string" and known.str.match(r"\d{4}-\d+-\d|\d+[./]\d+[./]\d{4}").all():
        kind = "date as text"
    if re.search("date|time|period|interval|complex|bytes", kind):
        raise TypeError(f"{name!r}: {kind} given; make a number of it first, as the month.")
    numbers = pd.to_numeric([c if c is None else str(c) for c in cells], errors="coerce")
    pairs = zip(cells, np.asarray(numbers, float), strict=True)
    return cells, [c if c is None else str(c) if np.isnan(n) else f"{n:.15g}" for c, n in pairs]


def require(name, cells, fits, wanted):
    if wrong := [c for c in cells if c is not None and not fits(c)]:
        wrong = f"{sorted({*wrong})[:3]} in {len(wrong)} of {len(cells)} rows"
        raise ValueError(f"{name!r}: {wrong}; {wanted} wanted.")


def kind_of(frame, name, kind):
    """Return the kind of a column, and its classes, or its mean and standard deviation."""
    given, cells = cells_of(frame, name)
    known = [c for c in cells if c is not None]
    numeric, most = all(map(is_number, known)), len(known) / 2
    values = sorted({*known}, key=float if numeric else str)
    if len(values) < 2:
        raise ValueError(f"{name!r}: always {values or 'missing'}; if a gap means no, fill it.")
    if kind is None:
        most = min(20, most)
        few = numeric and len(values) <= min(10, most) and all("." not in v for v in values)
        kind = "yes/no" if len(values) == 2 else "class" if few or not numeric else "number"
    if kind == "number":
        require(name, cells, is_number, "numbers such as 1.5")
        return kind, [float(of(np.array(known, float))) for of in (np.mean, np.std)]
    if kind not in KINDS or (kind == "yes/no" and len(values) > 2):
        raise ValueError(f"{name!r}: {kind!r} given, and there are {values[:3]}.")
    if len(values) > max(2, most):
        many = f"{len(values)} classes, from {values[0]!r} to {values[-1]!r}, for {len(known)} rows"
        raise ValueError(f"{name!r}: {many}: at most 20, or by `kinds` half of the rows.")
    given = dict(zip(cells, given, strict=True))
    return kind, {value: np.asarray(given[value]).item() for value in values}


class Heads:
    """Heads for columns of a table; `columns` has, by head, its column, kind and values."""

    def __init__(self, columns, frame=None):
        self.columns, kinds = columns, {h: KINDS[kind] for h, (_, kind, _) in columns.items()}
        counted = {"reduction": "mean_with_sample_weight"}
        self.losses = {h: getattr(keras.losses, k[1])(**counted) for h, k in kinds.items()}
        self.metrics = {h: [k[2]] for h, k in kinds.items()}  # for weighted_metrics
        self.targets, self.weights = (None, None) if frame is None else self.encode(frame)

    def outputs(self, trunk):
        """Return an output for each head, on the features that the trunk gives."""
        outputs = {}
        for head, (_, kind, values) in self.columns.items():
            units = len(values) if kind == "class" else 1
            outputs[head] = keras.layers.Dense(units, KINDS[kind][0], name=head)(trunk)
        return outputs

    def encode(self, frame):
        """Return targets, and weights (0 for a gap), of rows of the same table."""
        targets, weights = {}, {}
        for head, (name, kind, values) in self.columns.items():
            _, cells = cells_of(frame, name)
            weights[head] = np.array([c is not None for c in cells], "float32")
            if kind == "number":
                require(name, cells, is_number, "numbers such as 1.5")
                codes = [0 if c is None else (float(c) - values[0]) / values[1] for c in cells]
            else:
                cure = f"some of {[*values]} (or None, or these rows in heads_for too)"
                require(name, cells, values.__contains__, cure)
                codes = [0 if c is None else [*values].index(c) for c in cells]
            targets[head] = np.array(codes, "float32" if kind == "number" else "int32")
        return targets, weights

    def answers(self, predictions, index=None):
        """Return a table: the column's own values, with their probability, and numbers."""
        table = {}
        for head, (name, kind, values) in self.columns.items():
            p = np.asarray(predictions[head], float)
            if kind == "number":
                table[name] = values[0] + values[1] * p[:, 0]
                continue
            p = np.hstack([1 - p, p]) if kind == "yes/no" else p
            names = np.array([*values.values()], object)
            table[name], table[f"p of {name}"] = names[p.argmax(1)], p.max(1)
        return pd.DataFrame(table, index).infer_objects()


def heads_for(frame, targets, kinds=None):
    """Return the heads for some columns of a table: give its training part.

    Two values are a "yes/no" (the last in order is yes), text or up to ten whole numbers that
    come again a "class", others a "number"; or as `kinds` says: {"year": "number"}."""
    listed = isinstance(frame, pd.DataFrame) and not isinstance(targets, str) and len(targets)
    if not listed or {*(kinds or {})} - {*targets}:
        raise TypeError("A DataFrame, a list of columns, and kinds of some of these wanted.")
    columns = {}
    for name in targets:
        head = re.sub("[^A-Za-z0-9]+", "_", str(name)).strip("_") or f"head_{len(columns)}"
        if head in columns:
            raise ValueError(f"{name!r}: another column has the head {head!r} already.")
        columns[head] = (name, *kind_of(frame, name, (kinds or {}).get(name)))
    return Heads(columns, frame)


table = {"cough (y/n)": ["y", None, "n", "y"] * 3, "fever": [38.5, 37, "NA", 36.6] * 3}
heads = heads_for(pd.DataFrame(table), [*table])
print(*heads.columns.values(), sep="\n")  # look at what it decided, before you train
model = keras.Model(inputs := keras.Input((2,)), heads.outputs(inputs))
model.compile("adam", heads.losses, weighted_metrics=heads.metrics)
model.fit(np.ones((12, 2)), heads.targets, sample_weight=heads.weights, verbose=0)
saved = json.dumps(heads.columns)  # keep this text beside the model's file
Heads(json.loads(saved)).answers(model.predict(np.ones((2, 2)), verbose=0))


# %% [markdown]
# In this notebook we
# - made targets and weights of columns, and saw a comparison turn gaps into labels;
# - put the preprocessing into the model, past gaps that turn it into NaN, and saved one file that takes raw rows;
# - measured two leaks: one that cost nothing, and one that made a useless column look excellent;
# - gave a comparison a standard error that takes account of what repeated folds share;
# - lost a measurement, and saw that a model handles the gaps that it was trained with;
# - found that on this table linear models with products are as good as a network with three heads.
#
# ## References
#
# - K. B. Gorman, T. D. Williams and W. R. Fraser (2014). *Ecological sexual dimorphism and environmental variability within a
#   community of Antarctic penguins (genus Pygoscelis).* The table.
# - C. Nadeau and Y. Bengio (2003). *Inference for the generalization error.* The corrected standard error.
# - R. R. Bouckaert and E. Frank (2004). *Evaluating the replicability of significance tests for comparing learning algorithms.*
#   The same for repeated cross-validation.
# - L. Grinsztajn, E. Oyallon and G. Varoquaux (2022). *Why do tree-based models still outperform deep learning on typical
#   tabular data?*
#
# Next: the [exercises](../exercises/16_your_table.ipynb), then [lesson 17](17_your_pictures.ipynb).
