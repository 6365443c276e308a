# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 18. Your series: what comes next, how far ahead, and how sure?
#
# **What you will do.** Take four years of real weather, one row a day, and answer three questions about the next days with one
# network: how warm, which kind of weather, rain or not. You test it as it would be used, always on days that come after all
# that it has learned from, and beside methods that need no network.
#
# **What you will learn**
# - to look at labels over time before you train on them, and to keep a change of their meaning out of one head;
# - to cut a table into windows and targets, and to see how much a random split flatters a model;
# - to compare over rolling origins, with the season's mean, persistence and boosted trees as baselines;
# - to predict several days ahead, and to state intervals whose coverage you have measured;
# - to pad sequences of different length, with a mask or with a weight for each step, and to know what Keras makes of them.
#
# **What you will need.** [Lesson 5](05_regression.ipynb) (coverage) and [lesson 6](06_missing_labels.ipynb) (weights for each
# head). No GPU. About 50 minutes; the longest cell runs for about 5 seconds. Words are explained in the
# [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import itertools

import keras
import numpy as np
import pandas as pd
from vega_datasets import local_data

# %% [markdown]
# ## Four years of weather
#
# The package `vega_datasets` ships the weather of Seattle from 2012 to 2015: rain in millimetres, the highest and the
# lowest temperature of the day, wind in metres per second, and the kind of weather. It was measured by NOAA, the weather
# service of the United States. `local_data` reads the file that lies in the package.

# %%
weather = local_data.seattle_weather().set_index("date")
weather.head()

# %% [markdown]
# Every day is there, once, and in order. Without that, nothing below would be right, so we check it.

# %% tags=["check"]
assert len(weather) == 1461 and (np.diff(weather.index) == pd.Timedelta("1D")).all()
assert weather.notna().all(axis=None)

# %% [markdown]
# **Predict first.** On about 43% of these days rain (or snow) fell. On which share of the days does the column `weather` have
# one of the words *rain*, *drizzle* or *snow*?

# %%
rain = weather["precipitation"] > 0
named_wet = weather["weather"].isin(["rain", "drizzle", "snow"])
quarter = weather.index.year + (weather.index.quarter - 1) / 4
shares = {"rain was measured": rain, "called rain, drizzle or snow": named_wet}
shares["called fog"] = weather["weather"] == "fog"
shares = {name: 100 * days.groupby(quarter).mean() for name, days in shares.items()}
print(f"measured {rain.mean():.0%}, called so {named_wet.mean():.0%}")
plots.curves(np.unique(quarter), shares, "year", "% of the days")

# %% tags=["check"]
assert rain["2014":].mean() > 0.35 and named_wet["2014":].mean() < 0.05

# %% [markdown]
# The word changes its meaning. In April 2013 the words for rain all but stop, and *fog* takes their place; the rain itself
# goes on. The source had stopped recording drizzle, rain and snow as kinds of weather. (Newer versions of the file repair
# this; the one in the package does not.) No error is raised, and no value is missing. **Look at every label over time**,
# beside something that was measured.
#
# What can we do? For the question of *rain*, we use what was measured. The *kind* before April 2013 answers another question,
# so it is a missing label: it gets the weight 0 in its head, as in lesson 6. The other heads keep those days.

# %%
kinds = ["drizzle", "fog", "rain", "snow", "sun"]
angle = 2 * np.pi * weather.index.day_of_year.to_numpy() / 365.25
table = weather.assign(
    wetness=np.log1p(weather["precipitation"]),  # a few days have very much rain
    sine=np.sin(angle),  # where in the year
    cosine=np.cos(angle),
    rain=rain.astype(int),
    kind=weather["weather"].map(kinds.index),
    kind_known=(weather.index >= "2013-04-01").astype(int),
)

# %% [markdown]
# ## Windows
#
# A model gets the last seven days, and predicts the next seven. A **window** is such a pair: `steps` rows of inputs up to
# *today*, and as targets the `horizon` rows that follow. The next window begins one day later.


# %%
def windows(table, inputs, targets, steps, horizon):
    """Return inputs (n, steps, columns), the next values of each target (n, horizon), and the day of each "today"."""
    today = np.arange(steps - 1, len(table) - horizon)
    past = today[:, None] + np.arange(1 - steps, 1)
    ahead = today[:, None] + np.arange(1, horizon + 1)
    x = table[inputs].to_numpy("float32")[past]
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, table.index[today]


# %% tags=["nbval-check-output"]
numbers = pd.DataFrame({"a": range(10, 16)}, index=pd.date_range("2024-05-01", periods=6))
x, y, today = windows(numbers, ["a"], ["a"], steps=3, horizon=2)
for inputs_row, targets_row, day in zip(x[..., 0].astype(int), y["a"], today, strict=True):
    print(f"today {day:%d %B}: {inputs_row.tolist()} -> {targets_row.tolist()}")

# %% [markdown]
# Six rows give 6 - 3 - 2 + 1 = 2 windows. Note how they overlap: 14 is a target of both.
#
# ## A random split looks into the future
#
# With windows it is tempting to go on as usual: shuffle them, train on most, test on the rest. But the neighbours of a test
# window are then in the training part, and *their* targets are nearly its own.
#
# We measure what that is worth, with a forest of random trees that gets the seven days and the number of the day. Both
# ways, every window is tested once, by a forest that has not seen it. **Random**: each window goes into one of five parts
# by chance. **Blocks**: each part is one fifth of the time, and training windows that share a day with the tested block (14
# days to each side) are left out.
#
# **Predict first.** For the temperature seven days ahead, the mean of the season is off by about 2.9 degrees. Which error do
# the two ways report for the forest?

# %%
from sklearn.ensemble import ExtraTreesRegressor

STEPS, HORIZON = 7, 7
measured = ["temp_max", "temp_min", "wetness", "wind"]
inputs = [*measured, "sine", "cosine"]
x, y, today = windows(table, inputs, ["temp_max", "rain", "kind", "kind_known"], STEPS, HORIZON)
degrees = y["temp_max"]
flat = np.column_stack([x.reshape(len(x), -1), np.arange(len(x))])


def split_errors(part, gap):
    """Return the mean absolute error for each day ahead, each of the five parts tested once."""
    answers = np.zeros_like(degrees)
    for test in [part == number for number in range(5)]:
        near = np.convolve(test, np.ones(2 * gap + 1), "same") > 0.5  # or tested
        forest = ExtraTreesRegressor(20, min_samples_leaf=2, random_state=0)
        answers[test] = forest.fit(flat[~near], degrees[~near]).predict(flat[test])
    return np.abs(answers - degrees).mean(axis=0)


# %%
in_blocks = np.arange(len(x)) * 5 // len(x)
at_random = np.random.default_rng(18).permutation(in_blocks)
split = {"random": split_errors(at_random, 0), "blocks": split_errors(in_blocks, 14)}
ahead, level = range(1, HORIZON + 1), ("season's mean, about", 2.9)
plots.curves(ahead, split, "days ahead", "error in degrees", level=level)

# %% tags=["check"]
assert split["random"][6] < 2.6 < 2.8 < split["blocks"][6]

# %% [markdown]
# The model, the days and the number of trees are the same. With the random split the forest seems to see a week ahead almost
# as well as one day. In blocks it is worse than the mean of the season. The difference is the answer to the wrong question:
# *what was the temperature between two days that I know?* That is interpolation; you want a forecast. No network is needed to
# be deceived, and nothing in the code looks wrong.
#
# Three more ways to look into the future, all without an error message: to scale with the mean of the whole table, to fill a
# gap with a value from after it, and to choose the number of epochs by the test part.
#
# ## Rolling origins
#
# Blocks in the middle still train on days that come *after* the tested ones. So from here on we do what the user would do. At
# an **origin**, the model learns from all that is over by then, and is tested on the quarter of a year that follows. Then the
# origin moves on. Eight quarters, eight trainings, and no tested day twice. A training window must be over too: its *last
# target* lies before the origin.


# %%
def rolling_origins(today, horizon, starts):
    """Return for each start the windows to train on and those to test, until the next start."""
    first = [*today.searchsorted(pd.DatetimeIndex(starts)), len(today) + horizon]
    number, spans = np.arange(len(today)), itertools.pairwise(first)
    return [(number[: a - horizon], number[max(a - 1, 0) : b - horizon]) for a, b in spans]


starts = pd.date_range("2014-01-01", "2015-10-01", freq="QS")
parts = rolling_origins(today, HORIZON, starts)
day = pd.Timedelta("1D")
for train, test in parts[:2]:
    print(f"learns until {today[train[-1]] + HORIZON * day:%d %B %Y}", end=", ")
    print(f"is tested on the weeks after {today[test[0]]:%d %B} to {today[test[-1]]:%d %B}")

# %% tags=["check"]
for (train, test), start in zip(parts, starts, strict=True):
    assert today[train].max() + HORIZON * day < start <= today[test].min() + day

# %% [markdown]
# ## Give the model what you know
#
# Everybody knows that summer is warm. The **season's mean** (meteorologists call it *climatology*) is a smooth curve over the
# year: a constant, two sines and two cosines, fitted by least squares to the days before the origin. It is a baseline, and
# more: we subtract it, so that the network predicts only the *departure* from it, like "three degrees warmer than usual for
# the day". All means and standard deviations are those of the days before the origin, too.

# %%
waves = [wave(times * angle) for times in (1, 2) for wave in (np.sin, np.cos)]
season = np.stack([np.ones(len(table)), *waves], axis=1)


def smooth(known, columns):
    """Return the season's mean of the columns for every day, learned from the known days."""
    return season @ np.linalg.lstsq(season[known], table.loc[known, columns], rcond=None)[0]


def departures(start):
    """Return inputs and target as departures from the season, and the degrees in one unit of the target."""
    known = table.index < start
    departure = table[measured] - smooth(known, measured)
    scale = departure[known].std()
    scaled = (departure / scale).join(table[["sine", "cosine"]])
    x, y, _ = windows(scaled, inputs, ["temp_max"], STEPS, HORIZON)
    return x, y["temp_max"].astype("float32"), scale["temp_max"]


blocks = [(*departures(start), *part) for start, part in zip(starts, parts, strict=True)]

# %% [markdown]
# Now the baselines, in every quarter. **Persistence**: it stays as today. **Damped**: today's departure fades; how fast is one
# number for each day ahead, by least squares. For *rain*, we predict a probability, and score it by the mean squared
# difference to 0 or 1 (the *Brier score*; lower is better). The mean of the season can be fitted to it, too.

# %%
tomorrow = {name: y[name][:, 0] for name in ("rain", "kind", "kind_known")}
now = {name: table.loc[today, name].to_numpy() for name in ("temp_max", "rain", "kind")}
known_only, all_alike = tomorrow["kind_known"], np.ones(len(today))
errors, brier, right_kind = {}, {}, {}


def score(name, test, off, rain=None, kind=None):
    """Write down the error in degrees for each day ahead, the Brier score and the share of right kinds."""
    errors.setdefault(name, []).append(np.abs(off).mean(axis=0))
    if rain is not None:
        brier.setdefault(name, []).append(np.mean((rain - tomorrow["rain"][test]) ** 2))
        right_kind.setdefault(name, []).append(np.mean(kind == tomorrow["kind"][test]))


# %%
for start, (x, departure, scale, train, test) in zip(starts, blocks, strict=True):
    usual = smooth(table.index < start, ["rain"])[STEPS : STEPS + len(x), 0]  # of tomorrow
    frequent = np.bincount(tomorrow["kind"][train], known_only[train]).argmax()
    score("season's mean", test, scale * departure[test], usual[test].clip(0, 1), frequent)
    off = degrees[test] - now["temp_max"][test, None]
    score("persistence", test, off, now["rain"][test], now["kind"][test])
    last = x[:, -1, 0]
    fading = last[train] @ departure[train] / (last[train] @ last[train])
    score("damped", test, scale * (departure[test] - last[test, None] * fading))


# %%
def as_text(runs, digits=2):
    return f"{np.mean(runs):.{digits}f} ± {np.std(runs, ddof=1):.{digits}f}"


def show(names):
    heads = ["1 ahead", "3 ahead", "7 ahead", "rain", "kind"]
    print(" " * 15 + "".join(f"{head:>16}" for head in heads))
    for name in names:
        cells = [as_text(np.array(errors[name])[:, n - 1]) for n in (1, 3, 7)]
        cells += [as_text(runs[name], 3) for runs in (brier, right_kind) if name in runs]
        print(f"{name:15}" + "".join(f"{cell:>16}" for cell in cells))


show(errors)

# %% [markdown]
# The mean over eight quarters, ± one standard deviation of the quarters: errors in degrees, Brier score, share of right kinds.
# For one day, persistence is good; for a week it is the worst, and the mean of the season is hard to beat. *Damped* goes from
# the one to the other.
#
# ## Three heads
#
# The trunk is a **GRU**: a layer that reads one day after the other and carries 16 numbers along. (`unroll` writes out its
# seven steps, which is faster for short sequences.) `temperature` has **one unit for each day ahead**. The other two heads
# speak of tomorrow.


# %%
def network(temperature_units):
    days = keras.Input((STEPS, len(inputs)), name="days")
    trunk = keras.layers.GRU(16, unroll=True, name="trunk")(days)
    outputs = {
        "temperature": keras.layers.Dense(temperature_units, name="temperature")(trunk),
        "kind": keras.layers.Dense(len(kinds), activation="softmax", name="kind")(trunk),
        "rain": keras.layers.Dense(1, activation="sigmoid", name="rain")(trunk),
    }
    return keras.Model(days, outputs)


def compiled(temperature_units, temperature_loss):
    """Return a compiled model, and first weights for each block."""
    weights = draw_weights(lambda: network(temperature_units), seeds=range(len(blocks)))
    model = network(temperature_units)
    losses = {"kind": "sparse_categorical_crossentropy", "rain": "binary_crossentropy"}
    losses = {"temperature": temperature_loss, **losses}
    model.compile(keras.optimizers.Adam(0.02), losses, steps_per_execution=50)
    return model, weights


# %%
def train_and_predict(model, weights, number, kind_weight):
    """Train on one block's past, 50 updates; return the answers for its test windows."""
    x, departure, _, train, test = blocks[number]
    restart(model, weights[number])
    targets = {"kind": tomorrow["kind"], "rain": tomorrow["rain"][:, None]}
    targets = {"temperature": departure, **targets}
    counts = {"temperature": all_alike, "kind": kind_weight, "rain": all_alike}
    targets, counts = ({k: v[train] for k, v in part.items()} for part in (targets, counts))
    training = data.batches(x[train], targets, 64, counts, seed=number).repeat()
    model.fit(training, steps_per_epoch=50, verbose=0)
    return model.predict_on_batch(x[test])


forecaster = compiled(HORIZON, "mse")
for number, (_, departure, scale, _, test) in enumerate(blocks):
    for name, kind_weight in {"network": known_only, "... all kinds": all_alike}.items():
        answers = train_and_predict(*forecaster, number, kind_weight)
        off = scale * (departure[test] - answers["temperature"])
        score(name, test, off, answers["rain"][:, 0], answers["kind"].argmax(axis=1))

# %% [markdown]
# `... all kinds` is the same network, but for the weight of the old kinds: it believes them. And as the strongest competitor,
# **gradient-boosted trees**: nine models, one for each day ahead, one for the kind and one for rain, on the same inputs and
# targets.

# %%
from sklearn import ensemble
from sklearn.multioutput import MultiOutputRegressor

options = {"max_iter": 40, "learning_rate": 0.1, "max_leaf_nodes": 8, "max_bins": 63}
for x, departure, scale, train, test in blocks:
    rows, seen = x.reshape(len(x), -1), train[known_only[train] == 1]
    warm = MultiOutputRegressor(ensemble.HistGradientBoostingRegressor(**options))
    wet, kind = (ensemble.HistGradientBoostingClassifier(**options) for _ in range(2))
    off = departure[test] - warm.fit(rows[train], departure[train]).predict(rows[test])
    chance = wet.fit(rows[train], tomorrow["rain"][train]).predict_proba(rows[test])[:, 1]
    called = kind.fit(rows[seen], tomorrow["kind"][seen]).predict(rows[test])
    score("boosted trees", test, scale * off, chance, called)
show(errors)

# %% [markdown]
# The standard deviations are large, but most of them is the weather: in some quarters every method is worse. So we compare
# **within each quarter**: the error of a method minus that of the season's mean. (Bands: one standard deviation over the eight
# quarters.)

# %%
names = ["persistence", "damped", "network", "boosted trees"]
gained = {name: np.array(errors[name]) - errors["season's mean"] for name in names}
level = ("season's mean", 0)
plots.curves(ahead, gained, "days ahead", "error - season's, degrees", level=level)

# %%
for name in ["persistence", "damped", "boosted trees"]:
    less = (gained["network"] - gained[name])[:, 0]
    print(f"network - {name:15} {as_text(less):>14}, smaller in {sum(less < 0)} of 8 quarters")

# %% [markdown]
# **Who wins?** (Other seeds move the network's numbers by a few hundredths.)
# - **Tomorrow**, the network, the trees and *damped* are all better than the mean of the season by about 0.8 degrees.
#   Between the three there is no clear difference. *Damped* has seven numbers, the network more than a thousand.
# - **Four days ahead and later**, nobody is clearly better than the season's mean, and the trees are a little worse. Seven
#   days of one station do not say more. (Weather services measure the whole atmosphere, and calculate.)
# - **Rain**: network and trees have the same Brier score, better than the season's. Persistence is the worst here, since it
#   always says 0% or 100%.
# - **Kind**: "as today" is as good as network and trees. And a change of meaning in the labels costs more than any method
#   gains: the network that believes the old words loses more than ten points.
#
# So if the temperature is all that you want, write down seven numbers. With a few hundred windows for each season a network
# has little to learn from. Always have such baselines beside it; without them, 2.1 degrees for tomorrow would have looked
# like the work of the network.

# %% tags=["check"]
gain = {name: runs.mean(axis=0) for name, runs in gained.items()}
assert max(gain[name][0] for name in names[1:]) < -0.5 and gain["persistence"][6] > 0.5
assert np.mean(right_kind["network"]) > np.mean(right_kind["... all kinds"]) + 0.05
assert np.mean(brier["network"]) < np.mean(brier["season's mean"])

# %% [markdown]
# ## How sure?
#
# "18 degrees" is half an answer; "between 14 and 22, with a chance of 80%" is a whole one. Lesson 5 let a head state a
# standard deviation. Here is a way that supposes no normal distribution: predict **quantiles**. The quantile of level 0.9
# is the number that the truth exceeds in 10% of the cases.
#
# Its loss is the **pinball loss**. For a level of 0.9, each degree that the answer is too low costs 0.9, and each degree that
# it is too high costs 0.1.
#
# **Predict first.** The values are 0, 1, 2, ... 10. Which single answer has the smallest pinball loss for the level 0.9, and
# which for 0.5?

# %% tags=["nbval-check-output"]
values = np.arange(11)
for level in [0.1, 0.5, 0.9]:
    above = values - values[:, None]  # a row for each answer
    costs = np.maximum(level * above, (level - 1) * above).mean(axis=1)
    print(f"level {level}: answer {values[costs.argmin()]}")

# %% [markdown]
# So the loss finds the quantiles by itself, and 0.5 is the median. The head gets three units for each of the seven days: 10%,
# 50% and 90%. Between the outer two, 80% of the truth should lie.

# %%
LEVELS = np.array([0.1, 0.5, 0.9], "float32")


def pinball(target, quantiles):
    """Return the pinball loss of targets (n, horizon) for each level, (n, horizon, levels)."""
    above = target[..., None] - quantiles
    return keras.ops.maximum(LEVELS * above, (LEVELS - 1) * above)


def quantile_loss(target, prediction):
    losses = pinball(target, keras.ops.reshape(prediction, (-1, HORIZON, len(LEVELS))))
    return keras.ops.mean(keras.ops.sum(losses, axis=2), axis=1)


# %% [markdown]
# Its baseline is again the season's mean, with the quantiles of the departures in the training part: the same interval around
# it for every day. **Predict first.** Will the network's intervals hold the truth more or less often than the baseline's? For
# tomorrow, will they be narrower?

# %%
unsure, crossed = compiled(HORIZON * len(LEVELS), quantile_loss), []
coverage, width, loss = ({"season's quantiles": [], "network": []} for _ in range(3))
for number, (_, departure, scale, train, test) in enumerate(blocks):
    answers = train_and_predict(*unsure, number, known_only)["temperature"]
    found = {"network": answers.reshape(len(test), HORIZON, len(LEVELS))}
    crossed.append(np.mean(np.diff(found["network"]) < 0))
    fixed = np.quantile(departure[train], LEVELS, axis=0).T
    found["season's quantiles"] = np.broadcast_to(fixed, found["network"].shape)
    for name, quantiles in found.items():
        low, _, high = np.moveaxis(np.sort(quantiles), 2, 0)
        inside = (low <= departure[test]) & (departure[test] <= high)
        coverage[name].append(inside.mean(axis=0))
        width[name].append(scale * (high - low).mean(axis=0))
        costs = pinball(departure[test], np.sort(quantiles))
        loss[name].append(scale * np.mean(costs, axis=(0, 2)))

in_percent = {name: 100 * np.array(runs) for name, runs in coverage.items()}
plots.curves(ahead, in_percent, "days ahead", "coverage, %", level=("stated", 80))

# %%
for title, runs in {"width in degrees": width, "pinball loss": loss}.items():
    for name in runs:
        cells = [as_text(np.array(runs[name])[:, n - 1]) for n in (1, 3, 7)]
        print(f"{title:18}{name:20}" + "".join(f"{cell:>15}" for cell in cells))
print(f"in the wrong order: {np.mean(crossed):.1%} of neighbouring quantiles")

# %% tags=["check"]
assert 0.7 < np.mean(coverage["network"]) < 0.86
narrower, better = (np.subtract(*runs.values()).mean(axis=0)[0] for runs in (width, loss))
assert narrower > 0.5 and better > 0.1

# %% [markdown]
# - On average both hold about what they state, the network's a few points less when it looks further ahead. But from
#   quarter to quarter the coverage goes up and down by more than that (the bands).
# - Both *cover* alike, but for tomorrow the network's intervals are one to two degrees narrower. **Coverage is a condition,
#   width is the gain**, and the pinball loss has both in one number. For the seventh day there is no gain, as before.
# - Nothing in the head keeps its quantiles in order. Here they hardly ever cross; with more levels they may.
#   We sorted them (`np.sort`), which never makes the pinball loss worse.
# - Coverage is a promise about days to come. So it is measured on later quarters, and never on the training part.

# %% [markdown]
# ## Sequences of different length
#
# A window has a fixed length. Often sequences have not: visits of a patient, words of a sentence, or what is left of a
# series when a sensor fails. Suppose that this station fails on 6% of the days (made up by us, with a seed). What remains
# are stretches of different length, and a window over a gap would be wrong. So we let the network answer **at each step**:
# on every day, the rain of the next day. A day whose tomorrow is missing is no input.
#
# A batch is one array, so short stretches are filled up (*padded*) with zeros at the end. `pad_sequences` would pad in *front*
# if we did not say `"post"`.

# %%
x, departure, scale, train, _ = blocks[0]
daily = x[:, -1]  # the inputs of each "today"
works = np.random.default_rng(18).random(len(daily)) > 0.06
runs = np.split(np.flatnonzero(works), np.flatnonzero(np.diff(np.flatnonzero(works)) > 1) + 1)
pieces = [run[i : i + 31] for run in runs for i in range(0, len(run) - 1, 30)]


def padded(parts):
    return keras.utils.pad_sequences(parts, 30, "float32", padding="post")


days = padded([daily[piece[:-1]] for piece in pieces])
wet_next = padded([now["rain"][piece[1:], None] for piece in pieces])
real = padded([np.ones(len(piece) - 1) for piece in pieces])
print(f"{len(pieces)} stretches of 1 to 30 steps; {real.mean():.0%} of the steps are real")

# %% [markdown]
# `Masking` marks the steps in which **all** inputs are 0; the mask goes through the GRU (it stands still there) to the head
# and into the loss. Two models share one set of layers, one with the mask. We evaluate both before any training, with and
# without weights of the shape `(n, steps)`. **Predict first.** Which of the four losses below is the mean over the real
# steps?

# %%
keras.utils.set_random_seed(18)
entry = keras.Input((30, len(inputs)), name="days")
memory = keras.layers.GRU(16, return_sequences=True, name="memory")
rain_head = keras.layers.Dense(1, activation="sigmoid", bias_initializer="ones", name="rain")
plain = keras.Model(entry, {"rain": rain_head(memory(entry))})
masked = keras.Model(entry, {"rain": rain_head(memory(keras.layers.Masking()(entry)))})


def step_loss(model, weights=None, reduction="sum_over_batch_size"):
    loss = {"rain": keras.losses.BinaryCrossentropy(reduction=reduction)}
    model.compile("adam", loss, run_eagerly=True)
    weights = None if weights is None else {"rain": weights}
    return model.evaluate(days, {"rain": wet_next}, 500, sample_weight=weights, verbose=0)


# %%
chance = plain.predict_on_batch(days)["rain"]
over_real = -np.log(np.where(wet_next == 1, chance, 1 - chance))[real == 1].mean()
found = {"nothing": step_loss(plain), "weights": step_loss(plain, real)}
found["mask"] = step_loss(masked)
found["weights, mean_with_sample_weight"] = step_loss(plain, real, "mean_with_sample_weight")
for name, value in {**found, "NumPy: mean over the real steps": over_real}.items():
    print(f"{name:34} {value:.3f}")

# %% tags=["check"]
repaired = [found["mask"], found["weights, mean_with_sample_weight"]]
assert np.allclose(repaired, over_real, rtol=1e-4)
assert np.isclose(found["weights"], over_real * real.mean(), rtol=1e-4)

# %% [markdown]
# - With **nothing**, the filler counts as a dry day after an empty one. The network would learn that well, and its scores
#   would look better than they are.
# - **Weights** take out the filler, but Keras divides by all steps: the loss of this head is too small beside those of
#   others. `mean_with_sample_weight` divides by the weights (lesson 6).
# - The **mask** does the same without weights, in loss and metrics. It must reach the head: `Flatten` and `Conv1D` drop it,
#   with a warning. A real day whose inputs are all 0 would be masked too, and if you scale *after* padding, the filler is
#   no longer 0.
#
# The shapes must fit: targets `(n, steps, 1)` and weights `(n, steps)`. One weight for each sequence is refused, in words that
# one must know how to read:

# %% tags=["raises-exception"]
step_loss(plain, np.ones(len(days)))

# %% [markdown]
# The two shapes are those of the losses, one for each step, and of the weights. The cure is
# `np.repeat(w[:, None], steps, axis=1)`. (If a batch has as many sequences as steps, no error comes, and step *i* gets the
# weight of sequence *i*.)
#
# Does the filler really flatter? We train both models without weights, from the same first weights, on the stretches that
# are over before 2014, and score them on the later ones: on all steps, as Keras would without a mask, and on the real ones.

# %%
past = np.array([piece[-1] <= train[-1] for piece in pieces])
first, scores = plain.get_weights(), {}
training = data.batches(days[past], {"rain": wet_next[past]}, 16, seed=18).repeat()
for name, model in {"no mask": plain, "mask": masked}.items():
    model.compile(keras.optimizers.Adam(0.01), {"rain": "binary_crossentropy"})
    restart(model, first)
    model.fit(training, steps_per_epoch=50, verbose=0)
    squared = (model.predict_on_batch(days[~past])["rain"] - wet_next[~past])[..., 0] ** 2
    scores[name] = squared.mean(), squared[real[~past] == 1].mean()
    print(f"{name:8} Brier score: all steps {scores[name][0]:.3f}, real {scores[name][1]:.3f}")

# %% tags=["check"]
assert scores["no mask"][0] < scores["no mask"][1] - 0.04

# %% [markdown]
# Without a mask, the score of all steps looks far better than any in this lesson, and it is false: half of it is filler. On
# the real steps the mask helps a little: 0.189 ± 0.002 instead of 0.198 ± 0.003 in ten runs of each. Both are near the
# network with windows. So the filler harms what you believe about the network more than the network. (Answers of a masked
# model at padded steps mean nothing, and so does its score of all steps: leave them out when you score with NumPy.)

# %% [markdown]
# ## Take this with you
#
# One cell that stands alone: from a table in time order to inputs and named targets. `freq` is the spacing that you expect,
# in the words of pandas: "D", "h", "15min", "MS" (months), "B" (working days). What would shift a window without a sound is
# refused: rows out of order, a time that is there twice, a gap, text, NaN. (Text to numbers: `pd.to_numeric`. Classes:
# `pd.Categorical(...).codes`. A gap: cut the table there, or fill it with what was known *before* it.) For the split, copy
# `rolling_origins` from the lesson as well.


# %%
import numpy as np
import pandas as pd


def check_series(table, columns, freq):
    """Raise an error that names what is wrong with a table in time order, or with one of its columns."""
    if not isinstance(table, pd.DataFrame) or not isinstance(table.index, pd.DatetimeIndex):
        raise TypeError("table: a DataFrame wanted, its index made by pd.to_datetime.")
    index = table.index
    if not len(index) or index.hasnans:
        raise ValueError("table: no rows, or a row without a date.")
    if index.has_duplicates:
        raise ValueError(f"table: {index[index.duplicated()][0]} is there more than once.")
    if not index.is_monotonic_increasing:
        raise ValueError("table: not in time order; use table.sort_index().")
    wrong = pd.date_range(index[0], index[-1], freq=freq).symmetric_difference(index)
    if len(wrong):
        raise ValueError(f"table: gaps for freq={freq!r}: {len(wrong)}, first {wrong[0]}.")
    for name in columns:
        if list(table.columns).count(name) != 1:
            raise ValueError(f"one column {name!r} wanted, not in {list(table.columns)}.")
        values = table[name]
        if not pd.api.types.is_numeric_dtype(values):
            raise TypeError(f"column {name!r}: numbers wanted, not {values.iloc[0]!r}.")
        bad = ~np.isfinite(values.to_numpy(float, na_value=np.nan))
        if bad.any():
            raise ValueError(f"column {name!r}: {bad.sum()} not finite, first {index[bad][0]}.")


def windows(table, inputs, targets, steps, horizon, freq="D"):
    """Return x (n, steps, inputs), the next values of each target (n, horizon), and n times: "today"."""
    if isinstance(inputs, str) or isinstance(targets, str):
        raise TypeError("inputs, targets: lists of columns wanted.")
    if min(steps, horizon) < 1 or len(table) < steps + horizon:
        raise ValueError(f"table: {len(table)} rows for {steps} steps and {horizon} ahead.")
    check_series(table, [*inputs, *targets], freq)
    today = np.arange(steps - 1, len(table) - horizon)
    x = table[list(inputs)].to_numpy("float32")[today[:, None] + np.arange(1 - steps, 1)]
    ahead = today[:, None] + np.arange(1, horizon + 1)
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, table.index[today]


hours = pd.date_range("2024-03-25", periods=200, freq="h", tz="Europe/Paris")
power = pd.DataFrame({"load": np.arange(200) % 24, "holiday": False}, index=hours)  # made up
x, y, today = windows(power, ["load", "holiday"], ["load"], steps=24, horizon=6, freq="h")
x.shape, y["load"].shape, today[0]

# %% [markdown]
# In this notebook we
# - found a label whose meaning changed in the middle of the series, and gave the old ones the weight 0 in their head;
# - cut windows, and saw a random split make a worthless forecast look like a good one;
# - compared over eight rolling origins, within each quarter, and found that a network and boosted trees are no better than
#   a departure that fades;
# - predicted seven days with one head of seven units, and found where the forecast ends;
# - stated intervals with a quantile head, and measured coverage, width and pinball loss on later days;
# - padded stretches of different length, and saw what a mask, weights of `(n, steps)`, and neither of them do to loss and
#   score.
#
# ## References
#
# - R. Koenker and G. Bassett (1978). *Regression quantiles.* The pinball loss, for linear models.
# - L. J. Tashman (2000). *Out-of-sample tests of forecasting accuracy: an analysis and review.* Rolling origins, and why
#   one is not enough.
# - K. Cho and others (2014). *Learning phrase representations using RNN encoder-decoder for statistical machine
#   translation.* The GRU.
# - V. Chernozhukov, I. Fernández-Val and A. Galichon (2010). *Quantile and probability curves without crossing.* Why
#   sorting helps.
#
# Next: the [exercises](../exercises/18_your_series.ipynb), then the [capstone](../exercises/19_capstone.ipynb).
