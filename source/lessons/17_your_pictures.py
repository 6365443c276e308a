# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 17. Your pictures: files, a list of labels, and a trained trunk
#
# **What you will do.** Write a folder of pictures and a list of labels with gaps, one file of them broken. Read them in a
# `tf.data` pipeline for three heads: a class, an angle and a map. Then build these heads on a trunk that was trained on
# another task.
#
# **What you will learn**
# - to make images, named targets and weights from a table of file names and labels;
# - to find a broken file by its name, and to skip files on purpose only;
# - to turn an image together with its targets, and to put `cache` and `prefetch` in their places;
# - to freeze a trunk and to unfreeze it, and what `BatchNormalization` does meanwhile;
# - to show which pixels move the answer of a head.
#
# **What you will need.** [Lesson 6](06_missing_labels.ipynb). No GPU, no network. About 60 minutes; the longest cell runs for
# about 20 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import draw_weights, restart

import csv
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

# %% [markdown]
# ## A folder and a list
#
# You have such a folder already; here `write_pictures` makes one. Each picture is a digit in a pose
# ([lesson 5](05_regression.ipynb)), in uneven light and with noise. The **map** says which pixels are ink, and is a picture too.
# The 400 training pictures come from training digits, and the 200 test pictures from test digits.

# %%
digits = data.load_digits()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
data.write_pictures(folder, digits)
broken = folder / "pictures" / "train_123.png"
_ = broken.write_bytes(broken.read_bytes()[:400])  # a copy that was cut short

# %% [markdown]
# From here on we know only what lies on the disk.

# %%
with (folder / "labels.csv").open(newline="") as file:
    table = list(csv.DictReader(file))
train_rows, test_rows = ([row for row in table if row["part"] == p] for p in ["train", "test"])
heads = ["digit", "angle", "map"]
{name: sum(row[name] != "" for row in train_rows) for name in heads}

# %%
some = [row for row in train_rows if row["digit"] or row["angle"]][:8]
pictures = [Image.open(folder / row["file"]).resize((80, 80)) for row in some]
titles = [f"{row['digit'] or '?'}, {row['angle'] or '?'}°" for row in some]
plots.images(1 - np.array(pictures) / 255, titles)

# %% [markdown]
# The first pictures that have a digit or an angle; a question mark stands for a gap. Positive angles are counter-clockwise. The
# files are squares of 40, 60 or 80 pixels.
#
# ### What `image_dataset_from_directory` makes of it
#
# Keras's reader of folders takes the class from the name of a subfolder. It also takes a list of labels. What does it make of
# two labels for each file?

# %% tags=["nbval-check-output"]
pairs, read_folder = [(3, 20.5)] * len(table), keras.utils.image_dataset_from_directory
read_folder(folder / "pictures", pairs, color_mode="grayscale", verbose=False).element_spec[1]

# %% [markdown]
# One array: the class became a number among numbers. There are no names, so no targets for heads by name. There are no weights,
# so gaps have no place. And the list must hold one label for **every file, in the alphabetical order of their paths**, which
# nobody checks: a list in another order trains on wrong labels, without a message. For several heads, build the pipeline
# yourself. It is short.

# %% [markdown]
# ## From the table to targets and weights
#
# A gap gets a filler and the weight 0, as in lesson 6. The angle is standardised by the training part (lesson 5). A missing map
# is all zeros, and its weights have the shape of the map.

# %%
SIDE = 24
angles = np.array([float(row["angle"] or "nan") for row in train_rows])
mean, std = np.nanmean(angles), np.nanstd(angles)


def columns(rows):
    angle = [(float(row["angle"]) - mean) / std if row["angle"] else 0.0 for row in rows]
    digit = [int(row["digit"] or 0) for row in rows]
    targets = {"digit": digit, "angle": np.float32(angle)[:, None]}
    weights = {name: np.float32([row[name] != "" for row in rows]) for name in heads}
    return {name: [row[name] for row in rows] for name in ["file", "map"]}, targets, weights


# %%
def read(name):
    picture = tf.io.decode_png(tf.io.read_file(f"{folder}/" + name), channels=1)
    return tf.image.resize(picture, (SIDE, SIDE), antialias=True) / 255


def read_row(files, targets, weights):
    no_map = tf.zeros((SIDE, SIDE, 1))
    ink = tf.cond(files["map"] == "", lambda: no_map, lambda: tf.round(read(files["map"])))
    weights = weights | {"map": tf.fill((SIDE, SIDE), weights["map"])}
    return read(files["file"]), targets | {"map": ink}, weights


def pipeline(rows):
    return tf.data.Dataset.from_tensor_slices(columns(rows)).map(read_row)


# %% [markdown]
# **What reading can hide.** `decode_png` with `channels=1` also takes colour files. Three kinds of files come through without
# any message, and wrong:
# - **Transparency** is cut off, and the hidden colours under it appear. An empty corner may be black.
# - **16 bits** become 8 by division by 256. A camera that fills 12 of the 16 bits gives a picture that is nearly black.
# - A **palette** becomes colours. In a map the palette's *index* is the class, and this is lost: read such maps with Pillow.
#
# Our files are squares. `resize` squeezes any other shape into a square, and this **changes angles**: a stripe of 45° in a picture
# of 120 x 60 comes out at 63°, and its label still says 45. `tf.image.resize_with_pad` adds black margins instead.
#
# And a photo of a telephone is often stored on its side, with a note how to turn it (*EXIF orientation*). TensorFlow does not
# read the note. Nothing is more harmful for a head that answers an angle.

# %% [markdown]
# ## A broken file
#
# **Predict first.** One file of 400 is cut short. We go through all of them once. Does TensorFlow say which file it is?

# %% tags=["raises-exception"]
for _ in pipeline(train_rows).batch(32):
    pass

# %% [markdown]
# *Invalid PNG data*, after about a hundred rows, and no name. In `fit` this comes in the middle of the first epoch. A common advice
# is `ignore_errors`, which leaves out what raised an error. We count.

# %% tags=["nbval-check-output"]
rows = pipeline(train_rows)
print("rows, then batches:", sum(1 for _ in rows.ignore_errors()))
print("batches, then errors:", sum(len(x) for x, *_ in rows.batch(32).ignore_errors()))
print("length:", rows.cardinality().numpy(), "->", rows.ignore_errors().cardinality().numpy())

# %% [markdown]
# Before `batch` it costs one row. After `batch` it costs the whole batch. And the length is unknown (-2), so `fit` cannot tell
# how long an epoch is. Worst of all, it is silent: if the disk is not mounted, it skips *everything*. So do not skip unseen.
# Read every file once, before training, and name what fails:


# %% tags=["nbval-check-output"]
bad = {}
for name in (row[column] for row in table for column in ["file", "map"] if row[column]):
    try:
        read(name)
    except tf.errors.OpError as error:
        bad[name] = type(error).__name__
print(bad)
good_rows = [row for row in train_rows if row["file"] not in bad and row["map"] not in bad]

# %% tags=["check"]
assert list(bad) == ["pictures/train_123.png"] and len(good_rows) == 399

# %% [markdown]
# Now the row is gone on purpose, and its name stands in the notebook.
#
# ## `cache` and `prefetch`
#
# `cache` keeps what comes out of the steps before it, so the second pass reads no file. We time two passes over the training
# pictures.


# %%
def seconds(dataset):
    begin = time.perf_counter()
    for _ in dataset:
        pass
    return time.perf_counter() - begin


cached = pipeline(good_rows).cache().batch(32)
first, second = seconds(cached), seconds(cached)
print(f"second pass with cache: {first / second:.0f} times as fast")

# %% [markdown]
# The gain depends on your files and your disk. When large photos make reading slow, read several at a time, by
# `.map(read_row, num_parallel_calls=tf.data.AUTOTUNE)`.
#
# `prefetch` prepares the next batch while the model works on this one: at best this halves the time. You may see no gain, as
# TensorFlow puts a `prefetch` at the end by itself. Ask for it all the same: that is an option, and may be off
# (`experimental_optimization.inject_prefetch` in `tf.data.Options`).
#
# **Predict first.** Somebody augments images in the pipeline by random turns, and then calls `cache`. What happens?

# %% tags=["nbval-check-output"]
draw, numbers = (lambda _: tf.random.uniform(())), tf.data.Dataset.range(4)
for d in [numbers.map(draw).cache(), numbers.cache().map(draw)]:
    first, second = (list(d.as_numpy_iterator()) for _ in range(2))
    print("the second pass is the same:", first == second)

# %% [markdown]
# What was drawn once is drawn for ever. So: **read, cache, shuffle, batch, augment, prefetch**.

# %% [markdown]
# ## Augmentation that changes the targets
#
# A mirrored cat is a cat. A mirrored digit is no digit, and a turned digit has *another angle* and *another map*. Layers such as
# `keras.layers.RandomRotation` do not tell the angle that they drew. So we draw it, turn the image and the map, and add it to
# the target. The weights stay: a filler may become another filler.


# %%
def turned(images, degrees):
    """Turn square images of shape (n, side, side, channels) counter-clockwise about the centre."""
    a, m = degrees * (np.pi / 180), (images.shape[1] - 1) / 2
    c, s, zero = tf.cos(a), tf.sin(a), tf.zeros_like(a)
    back = tf.stack([c, -s, m - c * m + s * m, s, c, m - s * m - c * m, zero, zero], axis=1)
    return keras.ops.image.affine_transform(images, back, fill_mode="nearest")


def turn_all(images, targets, weights):
    degrees = tf.random.uniform((tf.shape(images)[0],), -20, 20)
    new = {"angle": targets["angle"] + degrees[:, None] / std}  # standardised, as the target is
    if "map" in targets:
        new["map"] = tf.round(turned(targets["map"], degrees))
    return turned(images, degrees), targets | new, weights


# %%
images_test, targets_test, _ = next(iter(pipeline(test_rows).batch(200)))
degrees = np.float32([0, 15, 30, -15, -30])
five, ink = (
    turned(tf.repeat(x[1:2], 5, 0), degrees) for x in [images_test, targets_test["map"]]
)
titles = [f"{d:+.0f}°\nangle {float(test_rows[1]['angle']) + d:.1f}°" for d in degrees]
plots.images(np.concatenate([1 - five, np.round(ink)])[..., 0], titles + ["its map"] * 5, 5)

# %% [markdown]
# ## The network: a trunk in a file, and three heads
#
# The trunk has three convolutions with stride 2, so that 24 x 24 pixels become 3 x 3 places with 32 features each. The head
# *map* goes back to 24 x 24 by transposed convolutions: with stride 2, each of them doubles height and width. Its output has the shape (n, 24, 24, 1), so the target has this shape, and
# the weights are (n, 24, 24): lesson 6 shows what other shapes do.


# %%
def new_trunk():
    x = image = keras.Input((SIDE, SIDE, 1))
    for filters in [12, 24, 32]:
        x = keras.layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, x, name="trunk")


def head(features, units, activation, name):
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(features))
    return keras.layers.Dense(units, activation=activation, name=name)(hidden)


# %%
def network(trunk):
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = features = trunk(image)
    up, how = keras.layers.Conv2DTranspose, {"kernel_size": 3, "strides": 2, "padding": "same"}
    for filters in [16, 8]:
        x = up(filters, **how, activation="relu")(x)
    rare = keras.initializers.Constant(-2)  # few pixels are ink: begin with 12%
    outputs = {"map": up(1, **how, activation="sigmoid", bias_initializer=rare, name="map")(x)}
    outputs["digit"] = head(features, 10, "softmax", "digit")
    outputs["angle"] = head(features, 1, None, "angle")
    return keras.Model(image, outputs)


# %% [markdown]
# The **first task** has many labels: 4,000 pictures of two digits, with the heads *left* and *right*. They lie in the same light,
# but never turned. We train on them and save the trunk alone. (`steps_per_execution=100` makes 100 updates in one call, which saves
# time.)


# %%
def two_in_light(x, y, n, seed):
    canvases, pair = data.two_digits(x, y, n, seed=seed)
    lit = data.in_light(canvases, seed)[..., None]
    return tf.image.resize(lit, (SIDE, SIDE), antialias=True).numpy(), pair


keras.utils.set_random_seed(0)
trunk = new_trunk()
outputs = {name: head(trunk.output, 10, "softmax", name) for name in ["left", "right"]}
two = keras.Model(trunk.input, outputs)
loss = "sparse_categorical_crossentropy"
two.compile(keras.optimizers.Adam(0.002), loss, steps_per_execution=100)
first_task = two_in_light(digits.x_train, digits.y_train, 4000, seed=3)
first_task = data.batches(*first_task, batch_size=64, seed=0).repeat()
two.fit(first_task, steps_per_epoch=400, verbose=0)
trunk.save(folder / "trunk.keras")

two_test, two_classes = two_in_light(digits.x_test, digits.y_test, 500, seed=4)

# %% [markdown]
# ## Freeze, train the heads, unfreeze
#
# `trainable = False` must be set **before** `compile` and `fit`: training functions are made once, and a trunk that is frozen
# after a first `fit` goes on learning until the next `compile`. So we make two models.


# %%
def compiled(trunk, trainable):
    model = network(trunk)
    trunk.trainable = trainable
    names = ["SparseCategoricalCrossentropy", "MeanSquaredError", "BinaryCrossentropy"]
    mean = "mean_with_sample_weight"
    losses = [getattr(keras.losses, name)(reduction=mean) for name in names]
    losses = dict(zip(heads, losses, strict=True))
    model.compile(keras.optimizers.Adam(0.006), losses, steps_per_execution=60)
    return model


free = compiled(new_trunk(), trainable=True)
frozen = compiled(keras.models.load_model(folder / "trunk.keras"), trainable=False)
pretrained = frozen.get_layer("trunk").get_weights()
training = pipeline(good_rows).cache()

# %% [markdown]
# **Predict first.** About 80 digits, 170 angles and 100 maps are labelled. Each way makes 120 updates, from ten seeds:
# - *from scratch*: a trunk with new weights;
# - *frozen*: the saved trunk, heads only;
# - *then unfrozen*: as before for 60 updates, then 60 of everything, at a third of the learning rate;
# - *never frozen*: the saved trunk, everything from the first update on;
# - *... and turned*: the same, with `turn_all` on each batch.
#
# Which heads gain from the saved trunk, and which ones from unfreezing it? The score of *map* is its IoU (*intersection over
# union*): of the pixels that are ink in the map, in the answer or in both, the share that is ink in both.


# %%
def fit(model, weights, seed, updates=120, rate=0.006, augment=None):
    restart(model, weights)
    model.optimizer.learning_rate = rate
    batches = training.shuffle(400, seed=seed).repeat().batch(32)
    batches = batches.map(augment) if augment else batches
    model.fit(batches.prefetch(2), steps_per_epoch=updates, verbose=0)
    return model.get_weights()


# %%
def scores(model):
    """Return the accuracy of digit in %, the error of angle in degrees, and the IoU of map in %."""
    p = model.predict_on_batch(images_test)
    ink, found = targets_test["map"].numpy() > 0.5, p["map"] > 0.5
    digit = np.mean(p["digit"].argmax(axis=1) == targets_test["digit"])
    angle = std * np.abs(p["angle"] - targets_test["angle"]).mean()
    return 100 * digit, angle, 100 * (ink & found).sum() / (ink | found).sum()


# %%
runs = {}
starts = draw_weights(lambda: network(new_trunk()), range(10))
for seed, start in enumerate(starts):
    with_trunk = pretrained + start[len(pretrained) :]
    half = fit(frozen, with_trunk, seed, updates=60)
    for way, model, weights, how in [
        ("from scratch", free, start, {}),
        ("frozen", frozen, half, {"updates": 60}),
        ("then unfrozen", free, half, {"updates": 60, "rate": 0.002}),
        ("never frozen", free, with_trunk, {}),
        ("... and turned", free, with_trunk, {"augment": turn_all}),
    ]:
        fit(model, weights, seed, **how)
        runs.setdefault(way, []).append(scores(model))

# %%
runs = {way: np.array(found) for way, found in runs.items()}
plots.comparison({way: found[:, 0] for way, found in runs.items()}, "accuracy of digit, in %")

# %%
print(f"baseline of angle: {std * np.abs(targets_test['angle']).mean():.1f} degrees")
for way, found in runs.items():
    m, s = found.mean(axis=0).round(1), found.std(axis=0, ddof=1).round(1)
    print(f"{way:14} digit {m[0]} ± {s[0]}%, angle {m[1]} ± {s[1]}°, map {m[2]} ± {s[2]}%")

# %% tags=["check"]
assert runs["frozen"][:, 2].mean() > runs["from scratch"][:, 2].mean()
assert runs["frozen"][:, 2].mean() > runs["then unfrozen"][:, 2].mean()

# %% [markdown]
# Behind ± stands the standard deviation over the ten seeds. The axis of the figure does not begin at chance, which is 10%.
#
# - **The saved trunk helps *map*, and in our run *digit* too.** Nobody drew a map for its first task, and yet its features say where ink is.
# - ***angle* hardly gains.** In the first task nothing was turned, so the trunk had no reason to keep what tells an angle. Ask
#   for each head whether the first task needed what this head needs.
# - **Unfreezing at a small rate** changes *digit* little here, and costs *map*. Two things changed at once: the trunk learns too, and
#   the rate is a third, while the map's layers still had much to learn. We did not separate the two. The common advice is to train
#   the heads first until they stand still.
# - **Never frozen** is not better in our run. And freezing should be cheaper, as the trunk needs no gradients (we did not time it).
# - **Turns** gain nothing clear: with 120 updates of 32, each picture is seen ten times only. Whether they pay in a longer training, try.
#
# All this is about few labels and few updates. Count yours, and compare as here, over several seeds.

# %% [markdown]
# ## `BatchNormalization` in a frozen trunk
#
# In training, this layer normalises by the mean and variance of the *batch*, and moves its **moving statistics** towards them.
# These are no parameters: no gradient changes them, and `predict` uses them. Keras's guide to transfer learning calls the trunk
# with `training=False`, so that they stay as they are, also after unfreezing.
#
# **Predict first.** We call the saved trunk with `training=False` or without, set `trainable`, and fit once, with a learning
# rate of 0. In which of the four cases do the moving statistics change?


# %% tags=["nbval-check-output"]
def moved(trainable, **arguments):
    """Fit once with a learning rate of 0; return whether the trunk's moving statistics changed."""
    trunk = keras.models.load_model(folder / "trunk.keras")
    for layer in [trunk, *trunk.layers]:
        layer.trainable = trainable(layer)
    features = keras.layers.Flatten()(trunk(trunk.input, **arguments))
    model = keras.Model(trunk.input, keras.layers.Dense(1)(features))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    before = trunk.get_weights()
    model.fit(images_test, targets_test["angle"], batch_size=200, verbose=0)
    return not all(map(np.array_equal, before, trunk.get_weights()))


for answer in [True, False]:
    for how in [{}, {"training": False}]:
        print(f"trainable={answer!s:6}{how!s:20} moved:", moved(lambda _, a=answer: a, **how))

# %% [markdown]
# `trainable=False` decides alone: a frozen `BatchNormalization` uses its moving statistics, and leaves them. `training=False`
# in the call did **nothing**: `fit` calls the whole model with `training=True`, and in Keras 3 this goes to every layer inside, over
# what was given when the model was built. (Many texts, and Keras's own guide, say otherwise.)
#
# To unfreeze a trunk and keep its statistics, freeze these layers one by one:


# %% tags=["nbval-check-output"]
after = moved(lambda layer: not isinstance(layer, keras.layers.BatchNormalization))
print("moved:", after)

# %% tags=["check"]
assert moved(lambda _: True, training=False) and not after

# %% [markdown]
# It matters with small batches: their means and variances are noise, and the statistics of thousands of pictures are lost for
# those of your few.
#
# ## A trunk of `keras.applications`
#
# The same code takes a trunk trained on ImageNet. `weights` is `"imagenet"` (a download), the path of a file, or None. There is no
# network here, so this one has random weights, and we look at the wiring alone.

# %% tags=["nbval-check-output"]
mobile = keras.applications.MobileNetV3Small((64, 64, 3), include_top=False, weights=None)
mobile.trainable = False
x = keras.layers.Resizing(64, 64)(image := keras.Input((SIDE, SIDE, 1)))
x = keras.layers.Concatenate()([255 * x] * 3)  # grey three times; for colours: x = 255 * x
features = keras.layers.GlobalAveragePooling2D()(mobile(x))
large = keras.Model(image, {"angle": head(features, 1, None, "angle")})
print(mobile.output.shape, f"{mobile.count_params():,}", len(large.trainable_weights))

# %% [markdown]
# The output of the trunk, its parameters, and what is left to train: four arrays, of the two layers of a head. Look up what numbers a trunk expects: this one takes 0 to 255 and scales them inside; others want
# `preprocess_input` of their module. Our pipeline gives 0 to 1, and that would be an error without a message. For a map, take an
# inner layer with more places: `mobile.get_layer(name).output`.
#
# ## Which head looked where?
#
# The gradient of a head's answer with respect to the *image* says which pixels move this answer most. We take the first network,
# as there we know where a head should look: *left* at the digit that lies higher and further left, *right* at the other one.
# A different output has a different gradient, so each head has its own picture.


# %%
def saliency(model, images, head):
    images = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        best = tf.reduce_sum(tf.reduce_max(tf.math.log(model(images)[head] + 1e-7), axis=1))
    return np.abs(tape.gradient(best, images))[..., 0]


parts = {"picture": 1 - two_test[..., 0]}
parts |= {name: saliency(two, two_test, name) for name in ["left", "right"]}
some = [23, 2, 277, 273]  # digits of MNIST that hardly overlap
labels = {"picture": [""] * 500, **two_classes}
shown = [part[k] / part[k].max() for k in some for part in parts.values()]
names = [f"{name} {labels[name][k]}" for k in some for name in parts]
plots.images(np.array(shown), names, 6)

# %%
upper_left = np.add.outer(np.arange(SIDE), np.arange(SIDE)) < SIDE - 1
share = {name: parts[name][:, upper_left].sum() / parts[name].sum() for name in two_classes}
print("in the upper left half:", {name: f"{part:.0%}" for name, part in share.items()})

# %% tags=["check"]
assert share["left"] > share["right"]

# %% [markdown]
# Both heads look at both digits, and each one more at its own (above stand the true classes). Be careful with such pictures: a
# gradient tells what a *small change* of a pixel would do. It does not tell why an answer was given. Adebayo and others found
# methods whose pictures hardly change when the weights are drawn anew: try yours on `new_trunk()` too.

# %% [markdown]
# ## Take this with you
#
# One cell, on its own. `picture_dataset` reads every file once, and names what is wrong. `rows` is a list of dictionaries, as
# `csv.DictReader` gives it, and `kinds` says which columns are targets. For `fit` it gives images, targets and weights, for heads
# with these names and losses of `reduction="mean_with_sample_weight"`. Cache, shuffle and batch it as above. An error shows two
# names for each fault; with `skip=True` you get them all.
#
# - **Classes are numbers from 0.** Make them of names by `{name: k for k, name in enumerate(sorted(set(names)))}`.
# - **Numbers are not standardised.** Standardise the column first ([lesson 5](05_regression.ipynb)), as `turn_all` expects.
#   **Maps are not read**: add them by a `.map`, as in `read_row`.
# - **Shapes.** A picture that is no square gets black margins, so that angles stay. Grey becomes three equal colours for
#   `channels=3`, and colours become grey for `channels=1`.
# - **A list from a spreadsheet** may have semicolons, `csv.DictReader(file, delimiter=";")`, or a hidden mark at its beginning,
#   `path.open(newline="", encoding="utf-8-sig")`.
# - **Mend most files** by Pillow's `ImageOps.exif_transpose(picture).convert("RGB").save(new_path)`: photos on their side,
#   palettes (GIF), CMYK, TIFF. Label angles and draw maps on the turned picture.
# - **Transparency** needs a background first: `Image.alpha_composite(Image.new("RGBA", picture.size, "white"),
#   picture.convert("RGBA"))`. **16 bits** need a scale: read them by `tf.io.decode_png(data, dtype=tf.uint16)`, and divide by
#   the largest number that your camera gives.
# - **Files without a row** are not reported. Question 17.1 of the [exercise](../exercises/17_your_pictures.ipynb) counts them.


# %%
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

WANTED = {
    "class": "a whole number from 0 (number names first; no and yes: 0 and 1) or a gap",
    "number": "a number (with a decimal point, not a comma) or a gap",
}


def column(rows, name, kind):
    """Return targets without gaps, and weights; a gap is an empty text, None or NaN."""
    values = np.full(len(rows), np.nan)
    for k, row in enumerate(rows):
        if name not in row:
            raise ValueError(f"row {k}: no column {name!r}, only {[*row]}.")
        try:
            value = values[k] = float("nan" if row[name] in ("", None) else row[name])
        except (TypeError, ValueError):
            value = np.inf
        if np.isinf(value) or (kind == "class" and (value < 0 or value % 1 > 0)):
            raise ValueError(f"row {k}, {name}: {row[name]!r} given, {WANTED[kind]} wanted.")
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    targets = filled.astype(int) if kind == "class" else filled.astype("float32")[:, None]
    return targets, known.astype("float32")


def what_is_wrong(path):
    """Return in words why a picture cannot be read as it is meant, or None."""
    if not path.is_file():
        return "no such file (look at spelling, capitals, accents and backslashes)"
    try:
        with Image.open(path) as picture:
            mode, turn = picture.mode, picture.getexif().get(0x0112, 1)
            hidden = " with transparency" * ("transparency" in picture.info)
        tf.io.decode_image(data := path.read_bytes(), 3, expand_animations=False)
    except (OSError, SyntaxError, ValueError, tf.errors.OpError):
        return "broken, or no PNG, JPEG, BMP or WEBP that TensorFlow can read"
    if turn not in (0, 1):
        return "has to be turned (EXIF orientation), which TensorFlow does not do"
    bits = " with 16 bits" * (data[:4] == b"\x89PNG" and data[24] == 16)
    wrong = mode not in ("1", "L", "RGB") or hidden or bits
    return f"mode {mode}{hidden}{bits} given, L or RGB with 8 bits wanted" if wrong else None


def picture_dataset(folder, rows, kinds, side, channels=1, file="file", skip=False):
    """Return a tf.data.Dataset of (image, targets, weights), and what is wrong, by file.

    Images have numbers from 0 to 1 and the shape (side, side, channels). A wrong picture is an
    error that names it, or with `skip` a row less. An empty or repeated name is always an error.
    """
    wanted = {
        "rows: list of dictionaries, as df.to_dict('records')": isinstance(rows, list) and rows,
        "kinds: 'class' or 'number' for each": {*kinds.values()} <= {*WANTED},
        "side: one whole number": isinstance(side, int),
        "channels: 1 or 3": channels in (1, 3),
    }
    if missing := [words for words, met in wanted.items() if not met]:
        raise ValueError(f"wanted are {'; '.join(missing)}.")
    names = [Path(str(row.get(file) or "").strip()).as_posix() for row in rows]
    if "." in names:  # what as_posix makes of an empty text
        raise ValueError(
            f"row {names.index('.')}: no name in the column {file!r} of {[*rows[0]]}."
        )
    unique, counts = np.unique(names, return_counts=True)
    if twice := unique[counts > 1].tolist():
        raise ValueError(f"{len(twice)} names stand more than once: {', '.join(twice[:5])}.")
    columns = {name: column(rows, name, kind) for name, kind in kinds.items()}
    wrong = {name: what_is_wrong(Path(folder) / name) for name in names}
    wrong = {name: words for name, words in wrong.items() if words}
    if wrong and (not skip or len(wrong) == len(names)):
        reasons = {w: [n for n in wrong if wrong[n] == w] for w in sorted({*wrong.values()})}
        lines = [f"\n  {len(some)} x {w}: {', '.join(some[:2])}" for w, some in reasons.items()]
        raise ValueError(f"{len(wrong)} of {len(names)} pictures are wrong:{''.join(lines)}")
    good = np.array([name not in wrong for name in names])
    targets, weights = ({name: pair[k][good] for name, pair in columns.items()} for k in (0, 1))
    files = [str(Path(folder) / name) for name in names if name not in wrong]

    def read(path, targets, weights):
        picture = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        picture = picture if channels == 3 else tf.image.rgb_to_grayscale(picture)
        picture = tf.image.resize_with_pad(picture, side, side, antialias=True) / 255
        return tf.ensure_shape(picture, (side, side, channels)), targets, weights

    return tf.data.Dataset.from_tensor_slices((files, targets, weights)).map(read), wrong


# %%
kinds = {"digit": "class", "angle": "number"}
dataset, skipped = picture_dataset(folder, table[:200], kinds, side=24, skip=True)
print(f"{len(dataset)} rows, without", *skipped.items(), sep="\n")

# %% tags=["check"]
assert len(dataset) == 199 and list(skipped) == ["pictures/train_123.png"]

# %% [markdown]
# In this notebook we
# - made images, named targets and weights of a list of files with gaps, for heads of three kinds, one of them a map;
# - found the broken file by its name, and saw `ignore_errors` lose a batch in silence;
# - turned images together with their targets, and put this behind `cache`;
# - used a trunk from a file, frozen and unfrozen, and compared it with training from scratch;
# - saw that `trainable=False` keeps the moving statistics and `training=False` does not;
# - asked each head which pixels move it.
#
# ## References
#
# - J. Yosinski, J. Clune, Y. Bengio and H. Lipson (2014). *How transferable are features in deep neural networks?*
# - S. Kornblith, J. Shlens and Q. V. Le (2019). *Do better ImageNet models transfer better?*
# - S. Ioffe and C. Szegedy (2015). *Batch normalization: accelerating deep network training by reducing internal covariate
#   shift.*
# - K. Simonyan, A. Vedaldi and A. Zisserman (2014). *Deep inside convolutional networks: visualising image classification
#   models and saliency maps.*
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt and B. Kim (2018). *Sanity checks for saliency maps.*
# - Keras (2020). *Transfer learning and fine-tuning*, a guide.
#
# Next: the [exercises](../exercises/17_your_pictures.ipynb), then [lesson 18](18_your_series.ipynb).
