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
# - to split by time, and to compare over rolling origins with the season's mean, persistence and boosted trees;
# - to predict several days ahead, and to state intervals whose coverage you have measured;
# - to pad sequences of different length, with a mask or with a weight for each step, and to know what Keras makes of them.
#
# **What you will need.** [Lesson 5](05_regression.ipynb) (coverage) and [lesson 6](06_missing_labels.ipynb) (weights for each
# head). No GPU. About 70 minutes; the longest cell runs for about 5 seconds. Words are explained in the
# [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

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
# one of the words *rain*, *drizzle* or *snow* (in the figure: *called wet*)?

# %%
rain = weather["precipitation"] > 0
named_wet = weather["weather"].isin(["rain", "drizzle", "snow"])
quarter = weather.index.year + weather.index.quarter / 4 - 1 / 8  # its middle
shares = {"rain fell": rain, "called wet": named_wet, "called fog": weather["weather"] == "fog"}
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
    """Return inputs (n, steps, columns), the next values of each target (n, horizon), and n times."""
    today = np.arange(steps - 1, len(table) - horizon)
    x = table[inputs].to_numpy("float32")[today[:, None] + np.arange(1 - steps, 1)]
    ahead = today[:, None] + np.arange(1, horizon + 1)
    rows = {"today": today, "first": today + 1, "last": today + horizon}  # of the targets
    times = pd.DataFrame({name: table.index[row] for name, row in rows.items()})
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, times


# %% tags=["nbval-check-output"]
numbers = pd.DataFrame({"a": range(10, 16)}, index=pd.date_range("2024-05-01", periods=6))
x, y, times = windows(numbers, ["a"], ["a"], steps=3, horizon=2)
for known, later, day in zip(x[..., 0].astype(int), y["a"], times["today"], strict=True):
    print(f"today {day:%d %B}: {known.tolist()} -> {later.tolist()}")

# %% [markdown]
# Six rows give 6 - 3 - 2 + 1 = 2 windows. Note how they overlap: 14 is a target of both. `times` says for each window when
# today is, and when its first and its last target are.
#
# ## A random split looks into the future
#
# With windows it is tempting to go on as usual: shuffle them, train on most, test on the rest. But the neighbours of a test
# window are then in the training part, and *their* targets are nearly its own.
#
# We measure what that is worth, with a forest (`ExtraTreesRegressor`: many decision trees, each with random splits, whose
# answers are averaged). It gets the seven days and the number of the day. Both ways, every window is tested once, by a forest
# that has not seen it. **Random**: each window goes into one of five parts
# by chance. **Blocks**: each part is one fifth of the time, and training windows that share a day with the tested block (14
# days to each side) are left out.
#
# **Predict first.** For the temperature seven days ahead, the mean of the season is off by about 2.9 degrees. Which error do
# the two ways report for the forest?

# %%
from sklearn import ensemble

STEPS, HORIZON = 7, 7
measured = ["temp_max", "temp_min", "wetness", "wind"]
inputs = [*measured, "sine", "cosine"]
x, y, times = windows(table, inputs, ["temp_max", "rain", "kind", "kind_known"], STEPS, HORIZON)
today, degrees = times["today"], y["temp_max"]
flat = np.column_stack([x.reshape(len(x), -1), np.arange(len(x))])


def split_errors(part, gap):
    """Return the mean absolute error for each day ahead, each of the five parts tested once."""
    answers = np.zeros_like(degrees)
    for test in [part == number for number in range(5)]:
        near = np.convolve(test, np.ones(2 * gap + 1), "same") > 0.5  # or tested
        forest = ensemble.ExtraTreesRegressor(20, min_samples_leaf=2, random_state=0)
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
# as well as one day. In blocks it is better than the mean of the season for the first day only, and worse from the third day
# on. The difference is the answer to the wrong question: *what was the temperature between two days that I know?* That is
# interpolation; you want a forecast. (The number of the day makes it easier to find the neighbours. Without it, the forest
# still reports about 2.6 degrees for the seventh day.) No network is needed to be deceived, and nothing in the code looks
# wrong.
#
# Three more ways to look into the future, all without an error message: to scale with the mean of the whole table, to fill a
# gap with a value from after it, and to choose the number of updates by the test part.
#
# ## Rolling origins
#
# Blocks in the middle still train on days that come *after* the tested ones. So from here on we do what the user would do. At
# an **origin**, the model learns from all that is over by then, and is tested on the quarter of a year that follows. Then the
# origin moves on. Eight quarters, eight trainings, and no tested day twice. A training window must be over too: its *last
# target* lies before the origin. We ask the times, and count no rows back: that is also right where a day is missing, or where
# the windows of several stations stand below each other.


# %%
def rolling_origins(times, starts):
    """Return for each start the windows to train on and those to test, until the next start."""
    first, last = times["first"], times["last"]
    spans = zip(starts, [*starts[1:], last.max() + pd.Timedelta("1D")], strict=True)
    parts = [(last < start, (first >= start) & (last < end)) for start, end in spans]
    return [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in parts]


starts = pd.date_range("2014-01-01", "2015-10-01", freq="QS")
parts = rolling_origins(times, starts)
for train, test in parts[:2]:
    print(f"learns until {times['last'][train].max():%d %B %Y}, tested on {len(test)} windows")

# %% tags=["check"]
for (train, test), start in zip(parts, starts, strict=True):
    assert times["last"][train].max() < start <= times["first"][test].min()

# %% [markdown]
# ## Give the model what you know
#
# Everybody knows that summer is warm. The **season's mean** (meteorologists call it *climatology*) is a smooth curve over the
# year: a constant, two sines and two cosines, fitted by least squares to the days before the origin. (There must be at least
# a whole year of them: a curve over less runs wild in the rest of it.) It is a baseline, and more: we subtract it, so that the
# network predicts only the **departure** from it, like "three degrees warmer than usual for the day". All means and standard
# deviations are those of the days before the origin, too.

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
# Now the baselines, in every quarter. **Persistence**: it stays as today. **Damped** persistence: today's departure fades; how
# fast is one number for each day ahead, by least squares. For *rain*, we predict a probability, and score it by the mean squared
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
#
# Many short trainings of one model, as in [lesson 4](04_multi_label.ipynb): `draw_weights` makes first weights for each,
# `restart` begins with them, `data.batches` shuffles and cuts, and with `steps_per_execution=50` Keras makes 50 updates in one
# call. Why 50 updates? We tried the settings, and those of the trees below, on the quarters of 2013, all before the tested
# ones. These are within a tenth of a degree of the best there, and longer training is worse.


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
    model = network(temperature_units)
    losses = {"temperature": temperature_loss, "rain": "binary_crossentropy"}
    losses["kind"] = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.02), losses, steps_per_execution=50)
    return model, draw_weights(lambda: network(temperature_units), seeds=range(len(blocks)))


# %%
def train_and_predict(model, weights, number, kind_weight):
    """Train on one block's past, 50 updates; return the answers for its test windows."""
    x, departure, _, train, test = blocks[number]
    restart(model, weights[number])
    targets = {"temperature": departure, "kind": tomorrow["kind"], "rain": tomorrow["rain"]}
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
# **boosted trees** (gradient boosting: small decision trees, one after the other, each fitted to what is still wrong): nine
# models, one for each day ahead, one for the kind and one for rain, on the same inputs and targets.

# %%
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
# The standard deviations are large. For the longer horizons most of them is the weather: in some quarters every method is
# worse. So we compare **within each quarter**: the error of a method minus that of the season's mean. (Bands: one standard
# deviation over the eight quarters. Persistence, which is worse by almost a degree from the fourth day on, is left out.)

# %%
gained = {name: np.array(errors[name]) - errors["season's mean"] for name in errors}
shown = {name: gained[name] for name in ["damped", "network", "boosted trees"]}
plots.curves(ahead, shown, "days ahead", "error - season's", level=("season's mean", 0))

# %%
rivals = ["persistence", "damped", "boosted trees"]
less = {f"{name}, 1 ahead": (gained["network"] - gained[name])[:, 0] for name in rivals}
less["season's mean, rain"] = np.subtract(brier["network"], brier["season's mean"])
for name, runs in less.items():
    print(f"network - {name:22}{as_text(runs, 3):>16}, smaller in {sum(runs < 0)} of 8")

# %% [markdown]
# **Who wins?** (Other seeds move the network's numbers by a few hundredths.)
# - **Tomorrow**, the network, the trees and *damped* are all better than the mean of the season by about 0.8 degrees.
#   Between the three there is no clear difference. *Damped* has seven numbers, the network more than a thousand.
# - **Four days ahead and later**, nobody is clearly better than the season's mean, and the trees are a little worse. Seven
#   days of one station do not say more. (Weather services measure the whole atmosphere, and calculate.)
# - **Rain**: network and trees have the same Brier score, better than the season's in most quarters. Persistence is the worst
#   here, since it always says 0% or 100%. (For what is much rarer than rain, see [lesson 4](04_multi_label.ipynb).)
# - **Kind**: "as today" is as good as network and trees. And a change of meaning in the labels costs about as much as the best
#   method gains: the network that believes the old words loses more than ten points.
#
# So if the temperature is all that you want, write down seven numbers. With a few hundred windows for each season a network
# has little to learn from. Always have such baselines beside it; without them, 2.1 degrees for tomorrow would have looked
# like the work of the network.

# %% tags=["check"]
gain = {name: runs.mean(axis=0) for name, runs in gained.items()}
assert max(gain[name][0] for name in shown) < -0.5 and gain["persistence"][6] > 0.5
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
above = np.arange(11) - np.arange(11)[:, None]  # a row for each answer
for level in [0.1, 0.5, 0.9]:
    costs = np.maximum(level * above, (level - 1) * above).mean(axis=1)
    print(f"level {level}: answer {costs.argmin()}")

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
unsure = compiled(HORIZON * len(LEVELS), quantile_loss)
coverage, width, loss = ({"season's quantiles": [], "network": []} for _ in range(3))
for number, (_, departure, scale, train, test) in enumerate(blocks):
    answers = train_and_predict(*unsure, number, known_only)["temperature"]
    found = {"network": np.sort(answers.reshape(len(test), HORIZON, len(LEVELS)))}
    fixed = np.quantile(departure[train], LEVELS, axis=0).T
    found["season's quantiles"] = np.broadcast_to(fixed, found["network"].shape)
    for name, quantiles in found.items():
        low, _, high = np.moveaxis(quantiles, 2, 0)
        inside = (low <= departure[test]) & (departure[test] <= high)
        coverage[name].append(inside.mean(axis=0))
        width[name].append(scale * (high - low).mean(axis=0))
        loss[name].append(scale * np.mean(pinball(departure[test], quantiles), axis=(0, 2)))

in_percent = {name: 100 * np.mean(runs, axis=1) for name, runs in coverage.items()}
plots.curves(np.unique(quarter)[8:], in_percent, "year", "coverage, %", level=("stated", 80))

# %%
tables = {"coverage": coverage, "width in degrees": width, "pinball loss": loss}
for title, runs in tables.items():
    for name in runs:
        cells = [as_text(np.array(runs[name])[:, n - 1]) for n in (1, 3, 7)]
        print(f"{title:18}{name:20}" + "".join(f"{cell:>15}" for cell in cells))

# %% tags=["check"]
assert 0.7 < np.mean(coverage["network"]) < 0.86
narrower, better = (np.subtract(*runs.values()).mean(axis=0)[0] for runs in (width, loss))
assert narrower > 0.5 and better > 0.1

# %% [markdown]
# - On average both hold about what they state, the network's a few points less when it looks further ahead. But from
#   quarter to quarter (the figure) the coverage goes up and down by more than that, for both.
# - Both *cover* alike, but for tomorrow the network's intervals are one to two degrees narrower. **Coverage is a condition,
#   width is the gain**, and the pinball loss has both in one number. For the seventh day there is no gain, as before.
# - Nothing in the head keeps its quantiles in order. We sorted them (`np.sort`), which never makes the pinball loss worse. (In
#   the exercise you count how often they cross.)
# - Coverage is a promise about days to come. So it is measured on later quarters, and never on the training part.

# %% [markdown]
# ## Sequences of different length
#
# A window has a fixed length. Often sequences have not: visits of a patient, words of a sentence, or what is left of a
# series when a sensor fails. Suppose that this station fails on 6% of the days (made up by us, with a seed). What remains
# are stretches of different length, and a window over a gap would be wrong. So we let the network answer **at each step**:
# on every day, the rain of the next day. A day whose tomorrow is missing is no input.
#
# A batch is one array. So long stretches are cut into pieces of at most 30 steps, and short ones are filled up (*padded*) with
# zeros at the end. `pad_sequences` would pad in *front* if we did not say `"post"`.

# %%
daily = blocks[0][0][:, -1]  # the inputs of each "today"
works = np.random.default_rng(18).random(len(daily)) > 0.06
runs = np.split(np.flatnonzero(works), np.flatnonzero(np.diff(np.flatnonzero(works)) > 1) + 1)
pieces = [run[i : i + 31] for run in runs for i in range(0, len(run) - 1, 30)]


def padded(parts):
    return keras.utils.pad_sequences(parts, 30, "float32", padding="post")


days = padded([daily[piece[:-1]] for piece in pieces])
wet_next = padded([now["rain"][piece[1:], None] for piece in pieces])
real = padded([np.ones(len(piece) - 1) for piece in pieces])
print(f"{len(pieces)} pieces of 1 to 30 steps; {real.mean():.0%} of the steps are real")

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
    return model.evaluate(days, {"rain": wet_next}, 500, sample_weight=weights, verbose=0)


# %%
chance = plain.predict_on_batch(days)["rain"]
over_real = -np.log(np.where(wet_next == 1, chance, 1 - chance))[real == 1].mean()
w = {"rain": real}
found = {"nothing": step_loss(plain), "weights": step_loss(plain, w), "mask": step_loss(masked)}
found["weights, mean_with_sample_weight"] = step_loss(plain, w, "mean_with_sample_weight")
for name, value in {**found, "NumPy: mean over the real steps": over_real}.items():
    print(f"{name:34} {value:.3f}")

# %% tags=["check"]
assert np.allclose(list(found.values())[2:], over_real, rtol=1e-4)
assert np.isclose(found["weights"], over_real * real.mean(), rtol=1e-4)

# %% [markdown]
# - With **nothing**, the filler counts as a dry day after an empty one. That is
#   easy to learn, so a score over all steps looks better than it is.
# - **Weights** take out the filler, but Keras divides by all steps: the loss of this head is too small beside those of
#   others. `mean_with_sample_weight` divides by the weights (lesson 6).
# - The **mask** does the same without weights, in loss and metrics. It must reach the head: `Flatten` and `Conv1D` drop it,
#   with a warning. A real day whose inputs are all 0 would be masked too, and if you scale *after* padding, the filler is
#   no longer 0. What a masked model answers at padded steps means nothing: leave it out when you score with NumPy.
#
# The shapes must fit: targets `(n, steps, 1)` and weights `(n, steps)`. One weight for each sequence is refused, in words that
# one must know how to read:

# %% tags=["raises-exception"]
step_loss(plain, {"rain": np.ones(len(days))})

# %% [markdown]
# The two shapes are those of the losses, one for each step, and of the weights. The cure is
# `np.repeat(w[:, None], steps, axis=1)`. (If a batch has as many sequences as steps, no error comes, and step *i* gets the
# weight of sequence *i*.)

# %% [markdown]
# ## Take this with you
#
# One cell that stands alone: from a table in time order to inputs and named targets, and to the parts of each origin. `freq` is
# the spacing that you expect, in the words of pandas: "D", "h", "15min", "W-MON" (weeks), "MS" or "ME" (months), "B" (working
# days). What would shift a window without a sound is refused: rows out of order, a time that is there twice or missing, text,
# NaN. (`pd.infer_freq(table.index)` may know what the spacing is.) A sensor that stands still, or a jump, is not seen: plot
# each column.
#
# - **Several sites.** Sort and fill within each site, and call `windows` for each. Then join x and each target with
#   `np.concatenate`, and the times with `pd.concat`, in one order. `rolling_origins` is right for all of them together.
# - **A gap.** Cut the table there: `table.groupby((table.index.to_series().diff() != step).cumsum())`. Treat the pieces of at
#   least `steps + horizon` rows as sites. Or fill it: an input with what was known *before* it; a target (in a column of its
#   own) with 0, beside a column `known`, 0 or 1, which is a target too. `y["known"].min(axis=1)` is then the head's weight.
# - **Classes.** `pd.Categorical(values, categories=kinds).codes`, with the same kinds everywhere. A code of -1 is a gap.
# - **Text.** `pd.to_numeric`. **Local times** jump twice a year: `tz_localize`. Starts without a zone are in that of the times.


# %%
import numpy as np
import pandas as pd


def check_series(table, columns, freq):
    """Raise an error that names what is wrong with a table in time order, or with one of its columns."""
    if not isinstance(table, pd.DataFrame) or not isinstance(table.index, pd.DatetimeIndex):
        raise TypeError("table: a DataFrame wanted; set_index with times of pd.to_datetime.")
    index = table.index
    if not len(index) or index.hasnans:
        raise ValueError("table: no rows, or a row without a date.")
    if index.has_duplicates:
        twice = index[index.duplicated()][0]
        raise ValueError(f"table: {twice} is there more than once; one call for each series.")
    if not index.is_monotonic_increasing:
        raise ValueError("table: not in time order; use table.sort_index().")
    wrong = pd.date_range(index[0], index[-1], freq=freq).symmetric_difference(index)
    if len(wrong):
        extra = wrong.isin(index).sum()
        counts = f"{len(wrong) - extra} times missing, {extra} not expected"
        raise ValueError(f"table: for freq={freq!r}, {counts}, first {wrong[0]}.")
    for name in columns:
        if list(table.columns).count(name) != 1:
            raise ValueError(f"one column {name!r} wanted, not in {list(table.columns)}.")
        values = table[name]
        if not pd.api.types.is_numeric_dtype(values):
            odd = [v for v in values if not isinstance(v, int | float | np.number)] or [*values]
            raise TypeError(
                f"column {name!r}: numbers wanted, not {odd[0]!r} ({values.dtype})."
            )
        bad = ~np.isfinite(values.to_numpy(float, na_value=np.nan))
        if bad.any():
            raise ValueError(f"column {name!r}: {bad.sum()} not finite, first {index[bad][0]}.")


def windows(table, inputs, targets, steps, horizon, freq="D"):
    """Return x (n, steps, inputs), the next values of each target (n, horizon), and n times."""
    if isinstance(inputs, str) or isinstance(targets, str):
        raise TypeError("inputs, targets: lists of columns wanted.")
    if not all(isinstance(size, int | np.integer) and size > 0 for size in (steps, horizon)):
        raise ValueError("steps, horizon: whole numbers from 1 wanted.")
    if len(table) < steps + horizon:
        raise ValueError(f"table: {len(table)} rows; at least {steps + horizon} are needed.")
    check_series(table, [*inputs, *targets], freq)
    today = np.arange(steps - 1, len(table) - horizon)
    x = table[list(inputs)].to_numpy("float32")[today[:, None] + np.arange(1 - steps, 1)]
    ahead = today[:, None] + np.arange(1, horizon + 1)
    rows = {"today": today, "first": today + 1, "last": today + horizon}  # of the targets
    times = pd.DataFrame({name: table.index[row] for name, row in rows.items()})
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, times


def rolling_origins(times, starts):
    """Return for each start the windows over before it, and those to test, until the next start."""
    first, last, starts, parts = times["first"], times["last"], pd.DatetimeIndex(starts), []
    if not (starts.is_monotonic_increasing and starts.is_unique):
        raise ValueError("starts: times in rising order wanted, each once.")
    starts = starts if starts.tz else starts.tz_localize(last.dt.tz)
    for start, end in zip(starts, [*starts[1:], last.max() + pd.Timedelta("1D")], strict=True):
        train, test = (last < start).to_numpy(), ((first >= start) & (last < end)).to_numpy()
        if not train.any() or not test.any():
            raise ValueError(f"{start}: {train.sum()} windows to train, {test.sum()} to test.")
        parts.append((np.flatnonzero(train), np.flatnonzero(test)))
    return parts


hours = pd.date_range("2024-03-25", periods=200, freq="h", tz="Europe/Paris")
power = pd.DataFrame({"load": np.arange(200) % 24, "holiday": False}, index=hours)  # made up
x, y, times = windows(power, ["load", "holiday"], ["load"], steps=24, horizon=6, freq="h")
train, test = rolling_origins(times, ["2024-03-30"])[0]
x[train].shape, y["load"][test].shape, times["last"][train].max()

# %% [markdown]
# In this notebook we
# - found a label whose meaning changed in the middle of the series, and gave the old ones the weight 0 in their head;
# - cut windows, and saw a random split make a forecast that is worthless from the third day on look good for seven;
# - compared over eight rolling origins, within each quarter, and found that a network and boosted trees are no better than
#   a departure that fades;
# - predicted seven days with one head of seven units, and found where the forecast ends;
# - stated intervals with a quantile head, and measured coverage, width and pinball loss on later days;
# - padded stretches of different length, and saw what a mask, weights of `(n, steps)`, and neither of them do to the loss.
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
