# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 5. Several numbers at once: why did my classifier die?
#
# **What you will do.** Turn, shift and scale digits by known amounts, and ask one network for the digit *and* for the four
# numbers. The numbers ruin the digit head. You find out why, repair it, and make the network say how sure it is.
#
# **What you will learn**
# - to scale regression targets with the training part only, and to report errors in degrees and pixels;
# - to measure how strongly each head moves the trunk;
# - to choose between squared, absolute and Huber error when some labels are wrong;
# - to build a head that predicts a mean and a standard deviation, and to test whether its intervals hold as much as they
#   state.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb). No GPU. About 55 minutes; the longest cell runs for about
# 10 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.training import restart

import keras
import numpy as np
import tensorflow as tf

# %% [markdown]
# ## A digit in a pose
#
# `posed_digits` draws a digit, turns it by up to 45 degrees to each side, shifts it by up to 3 pixels and scales it by a
# factor from 0.7 to 1. We make three parts: for training, for validation and for the test. Within a part, one digit may be
# drawn several times, each time in a new pose. No digit is in two parts. Images lose half of their resolution, as in lesson 3,
# and the four numbers go side by side into one array, the **pose**.

# %%
names = ["angle", "shift_right", "shift_down", "size"]


def make(images, labels, n, seed):
    """Return images of shape (n, 441), targets by name, and the pose of shape (n, 4)."""
    posed, targets = data.posed_digits(images, labels, n, seed=seed)
    halved = posed.reshape(n, 21, 2, 21, 2).mean(axis=(2, 4)).reshape(n, -1)
    return halved, targets, np.stack([targets[name] for name in names], axis=1)


digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10
x, y = digits.x_train, digits.y_train
images_train, targets_train, pose_train = make(x[:kept], y[:kept], 4000, seed=1)
images_validation, _, pose_validation = make(x[kept:], y[kept:], 2000, seed=2)
images_test, targets_test, pose_test = make(digits.x_test, digits.y_test, 2000, seed=3)

# %%
titles = [
    f"{digit}, {angle:+.0f}°\n{right:+z.1f}, {down:+z.1f}, x{size:.2f}"
    for digit, angle, right, down, size in zip(*targets_test.values(), strict=True)
]
plots.images(images_test[:8].reshape(-1, 21, 21), titles[:8], columns=4)

# %% [markdown]
# Above each image: the digit, the angle (positive is counter-clockwise), the shift to the right and down in pixels (those
# before halving), and the factor.
#
# The angle says how far *we* turned the digit. Some writers lean to the right, others do not, and that cannot be told from
# our turn. So no network will bring the error of the angle to zero.
#
# Why only 45 degrees? An angle is a place on a circle. 359 degrees and 1 degree look almost the same, but as numbers they
# are far apart, and a squared error would punish a nearly perfect answer. A digit turned by 180 degrees is worse: nobody can
# tell a turned 6 from a 9. Within 45 degrees, what looks alike has numbers that are near. (The exercise shows what to do
# with a full turn.)

# %% [markdown]
# ## The baselines
#
# **Predict first.** You must answer one number for all of the values 0, 0, 0, 1 and 9. Which number makes the mean *squared*
# error smallest, and which one the mean *absolute* error?

# %% tags=["nbval-check-output"]
values = np.array([0, 0, 0, 1, 9])
for answer in [0, 1, 2, 3]:
    squared, absolute = np.mean((values - answer) ** 2), np.mean(np.abs(values - answer))
    print(f"always {answer}: squared {squared:4.1f}, absolute {absolute:.1f}")

# %% [markdown]
# The **mean**, 2, is best for the squared error, and the **median**, 0, for the absolute error. So each error has a baseline
# of its own. We report absolute errors, because "8 degrees off on average" says more than "64 square degrees". Their baseline
# is the median of the training part.

# %%
baseline = np.abs(pose_test - np.median(pose_train, axis=0)).mean(axis=0)
{name: round(float(error), 3) for name, error in zip(names, baseline, strict=True)}

# %% [markdown]
# ## One trunk, one head for the digit, one for the pose
#
# The pose head has four units and **no activation**: a pose may be any number, also a negative one. Four heads with one unit
# each would be the same model (lesson 3). With 0 units there is no pose head.


# %%
def network(pose_units):
    image = keras.Input(shape=(441,), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_2")(trunk)
    outputs = {"digit": keras.layers.Dense(10, activation="softmax", name="digit")(trunk)}
    if pose_units:
        outputs["pose"] = keras.layers.Dense(pose_units, name="pose")(trunk)
    return keras.Model(image, outputs)


# %%
def compiled(pose_units, pose_loss="mse"):
    model = network(pose_units)
    losses = {"digit": "sparse_categorical_crossentropy", "pose": pose_loss}
    losses = {name: losses[name] for name in model.output}
    model.compile(keras.optimizers.Adam(0.002), losses, steps_per_execution=100)
    model.optimizer.build(model.trainable_variables)  # now: the first fit is faster then
    return model


# %% [markdown]
# We draw first weights for five runs, one seed each, for every kind of pose head in this lesson. A run of `train` begins with
# them, as in lesson 3, makes 300 updates, and returns the answers for the test images.

# %%
first_weights = {}
for pose_units in [0, 4, 8]:
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        first_weights[pose_units, seed] = network(pose_units).get_weights()


def train(model, targets, seed):
    pose_units = model.output["pose"].shape[1] if "pose" in model.output else 0
    restart(model, first_weights[pose_units, seed])
    targets = {name: targets[name] for name in model.output}
    training = data.batches(images_train, targets, seed=seed).repeat()
    model.fit(training, steps_per_epoch=300, verbose=0)
    return model.predict_on_batch(images_test)


def digit_accuracy(answers):
    return np.mean(answers["digit"].argmax(axis=1) == targets_test["digit"])


# %% [markdown]
# **Predict first.** A network with the digit head alone has some accuracy. We add the pose head, with `"mse"` (mean squared
# error) on degrees, pixels and factors as they are. Will the digit head become better, worse, or stay about the same?

# %%
targets_raw = {"digit": targets_train["digit"], "pose": pose_train}
alone, both = compiled(0), compiled(4)

runs_alone = [train(alone, targets_raw, seed) for seed in range(5)]
runs_raw = [train(both, targets_raw, seed) for seed in range(5)]


# %%
def as_text(runs, digits=3):
    std = f" ± {np.std(runs, ddof=1):.{digits}f}" if len(runs) > 1 else ""
    return f"{np.mean(runs):.{digits}f}{std}"


accuracy = {"digit head alone": [digit_accuracy(run) for run in runs_alone]}
accuracy["beside a raw pose"] = [digit_accuracy(run) for run in runs_raw]
most_frequent = np.bincount(targets_train["digit"]).argmax()
accuracy["most frequent digit"] = [np.mean(targets_test["digit"] == most_frequent)]
for name, shares in accuracy.items():
    print(f"{name:20} {as_text(shares)}")

# %% tags=["check"]
assert np.mean(accuracy["digit head alone"]) > np.mean(accuracy["beside a raw pose"]) + 0.25

# %% [markdown]
# The classifier died, or nearly. The images, the trunk and the digit labels are the same; all that is new is a second head.

# %% [markdown]
# ## Why: which head moves the trunk?
#
# An update moves the trunk along the sum of the two heads' gradients. So we measure the *norm* (the length) of each head's
# gradient on the trunk, in a new network. `GradientTape` writes down the computation, to differentiate it afterwards; a
# persistent tape can do so twice, once for each loss.


# %%
def pull(pose):
    model = network(4)
    model.set_weights(first_weights[4, 0])
    weights = model.trainable_variables[:4]  # the kernels and biases of the trunk
    truth = {"digit": targets_train["digit"][:1000], "pose": pose[:1000]}
    measures = {"digit": keras.losses.SparseCategoricalCrossentropy()}
    measures["pose"] = keras.losses.MeanSquaredError()
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images_train[:1000])
        losses = {name: measures[name](truth[name], answers[name]) for name in measures}
    gradients = {name: tape.gradient(losses[name], weights) for name in losses}
    return {name: float(tf.linalg.global_norm(parts)) for name, parts in gradients.items()}


# %%
pull_raw = pull(pose_train)
print({name: round(norm, 2) for name, norm in pull_raw.items()})
print(f"ratio {pull_raw['pose'] / pull_raw['digit']:.0f}")

# %% tags=["check"]
assert pull_raw["pose"] > 5 * pull_raw["digit"]

# %% [markdown]
# The norm of the pose head's gradient is many times as large. The slope of a squared error grows with the error. Angles have
# errors of dozens of *degrees*, so the slope is large; a probability is never wrong by more than 1. In radians, the same
# angles would have errors 57 times smaller, and slopes too. So the unit decides which head the trunk works for, and that makes
# no sense.
#
# Adam does not help. For each weight it divides the whole gradient by its usual size, and not the part of each head: the step
# has a fair norm, but its direction is that of the pose.
#
# Within the pose it is the same: an error in the *size*, which is a number between 0.7 and 1, counts almost nothing beside
# errors in degrees. What did the raw pose head learn?


# %%
def pose_errors(answers, in_units):
    return np.abs(in_units(answers["pose"][:, :4]) - pose_test).mean(axis=0)


def table(rows, columns, digits=3):
    """Print rows of runs, each of shape (runs, columns)."""
    print(" " * 23 + "".join(f"{column:>15}" for column in columns))
    for name, runs in rows.items():
        cells = [as_text(column, digits) for column in np.transpose(runs)]
        print(f"{name:23}" + "".join(f"{cell:>15}" for cell in cells))


raw_errors = np.array([pose_errors(run, lambda pose: pose) for run in runs_raw])
table({"baseline": [baseline], "raw pose": raw_errors}, names)

# %% tags=["check"]
assert raw_errors[:, 0].mean() < 0.85 * baseline[0] and raw_errors[:, 3].mean() > baseline[3]

# %% [markdown]
# The angle and the shifts have become better than the baselines. The size is *worse* than a baseline: the loss hardly asks for
# it.

# %% [markdown]
# ## The repair: standardised targets
#
# We subtract from each number its mean and divide by its standard deviation. Then all four have the same scale, of about 1.
# Mean and standard deviation come from the **training part only**. The test part stands for images that we do not have yet:
# if its targets helped to train the model, the test would no longer be fair.

# %%
from sklearn.preprocessing import StandardScaler

scaler = StandardScaler().fit(pose_train)
targets_standard = {"digit": targets_train["digit"], "pose": scaler.transform(pose_train)}

print("mean", scaler.mean_.round(3), "scale", scaler.scale_.round(3))
pull_standard = pull(targets_standard["pose"])
print({name: round(norm, 2) for name, norm in pull_standard.items()})
print(f"ratio {pull_standard['pose'] / pull_standard['digit']:.1f}")

# %% tags=["check"]
ratios = [norms["pose"] / norms["digit"] for norms in (pull_raw, pull_standard)]
assert ratios[1] < ratios[0] / 3

# %% [markdown]
# The two gradients still differ, but much less. We look at the start only; later it may differ.

# %%
runs_standard, weights_standard = [], []
for seed in range(5):
    runs_standard.append(train(both, targets_standard, seed))
    weights_standard.append(both.get_weights())
accuracy["beside a standard pose"] = [digit_accuracy(run) for run in runs_standard]

# %%
plots.comparison(accuracy, "accuracy of the digit head")

# %%
standard_errors = np.array([pose_errors(r, scaler.inverse_transform) for r in runs_standard])
table({"baseline": [baseline], "raw pose": raw_errors, "standard pose": standard_errors}, names)

# %% tags=["check"]
mean_accuracy = {name: np.mean(shares) for name, shares in accuracy.items()}
repaired = mean_accuracy["beside a standard pose"]
assert repaired > mean_accuracy["beside a raw pose"] + 0.2
assert repaired > mean_accuracy["digit head alone"] - 0.12
by_raw, by_standard = raw_errors.mean(axis=0), standard_errors.mean(axis=0)
assert min((by_raw - by_standard)[1:]) > 0
assert by_standard[3] < 0.7 * baseline[3] and by_standard[0] < 0.9 * baseline[0]

# %% [markdown]
# - The classifier lives. It stays a little below the digit head that has the trunk for itself: sharing has a price here.
# - Shifts and size become better, and the size is now far better than the baseline.
# - The angle gains nothing, and in most runs it is a little *worse*. It is no longer the one with the large numbers.
#   Standardising does not make the model better at everything; it makes the four numbers count alike, until you decide
#   otherwise ([lesson 7](07_loss_weights.ipynb)).
#
# A small loss weight for the raw pose would also save the digit head. But it cannot make shifts and angles alike.
#
# ### Errors in degrees, also in Keras's logs
#
# The model now answers in standard deviations, which nobody can read. So a **metric goes back to units**: it multiplies by
# the scale. (The mean cancels in a difference.) We give it to a second model on the same layers: that one has the same
# weights and its own `compile`. In a training of your own, put the metric into the first `compile`, and the logs speak of
# degrees. Does it agree with scikit-learn, which gets the numbers in degrees?

# %%
from sklearn.metrics import mean_absolute_error


def angle_error(target, prediction):
    """The absolute error of the angle in degrees, from standardised numbers."""
    return keras.ops.abs(target[:, 0] - prediction[:, 0]) * float(scaler.scale_[0])


scorer = keras.Model(both.input, both.output)
scorer.compile(loss=both.loss, metrics={"pose": [angle_error]}, run_eagerly=True)
targets = {"digit": targets_test["digit"], "pose": scaler.transform(pose_test)}
found = scorer.evaluate(images_test, targets, batch_size=2000, verbose=0, return_dict=True)
in_degrees = scaler.inverse_transform(runs_standard[-1]["pose"])[:, 0]
by_scikit_learn = mean_absolute_error(targets_test["angle"], in_degrees)
print(f"Keras {found['pose_angle_error']:.4f}, scikit-learn {by_scikit_learn:.4f}")

# %% tags=["check"]
assert np.isclose(found["pose_angle_error"], by_scikit_learn, atol=1e-3)

# %% [markdown]
# ## Two traps for numbers
#
# We write our own squared error, and test it on answers that are exactly right.
#
# **Predict first.** The targets have shape `(4,)` and the head has one unit, so the answers have shape `(4, 1)`. We use
# `my_squared` as loss and as metric, beside the metrics `"mse"` and `"accuracy"`. All answers are right: which of the four
# numbers will say so?


# %% tags=["nbval-check-output"]
def my_squared(target, prediction):
    return keras.ops.mean((target - prediction) ** 2, axis=-1)


perfect = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Identity()])
perfect.compile(loss=my_squared, metrics=[my_squared, "mse", "accuracy"], run_eagerly=True)
right = np.array([3.0, 5.0, 7.0, 9.0], dtype="float32")
perfect.evaluate(right[:, None], right, verbose=0, return_dict=True)

# %% [markdown]
# - `my_squared` as a **loss** is right here: for a head of *one* unit, Keras first gives the targets the shape of the answers.
#   `my_squared` as a **metric** is wrong, since Keras does not do that for metrics. `(4,)` minus `(4, 1)` is a table of all
#   sixteen differences, and there is no warning. In a training loop of your own, and with a mean and a standard deviation, as
#   below, the loss goes wrong in the same way. Give every target of one number the shape `(n, 1)`, or use Keras's own
#   functions, as `"mse"` here.
# - `accuracy` is 0 though every answer is right. It is a metric for classes: with one unit, Keras turns each answer into 0
#   or 1 and asks whether it equals the target ([lesson 2](02_wiring_heads.ipynb)).

# %% [markdown]
# ## Is the whole pose right?
#
# A robot that grasps the digit needs all four numbers. We call a pose *within tolerance* if the angle is off by at most 10
# degrees, each shift by at most 1 pixel and the size by at most 0.05.

# %%
tolerance = [10, 1, 1, 0.05]


def within(poses):
    return np.abs(poses - pose_test) <= tolerance


good = [within(scaler.inverse_transform(run["pose"])) for run in runs_standard]
joint, product = [run.all(1).mean() for run in good], [run.mean(0).prod() for run in good]
whole = {name: [run[:, i].mean() for run in good] for i, name in enumerate(names)}
whole |= {"all four": joint, "product of the four": product}
whole["all four, baseline"] = [within(np.median(pose_train, axis=0)).all(axis=1).mean()]
for name, shares in whole.items():
    print(f"{name:22} {as_text(shares)}")

# %% tags=["check"]
assert np.mean(joint) < min(np.mean(whole[name]) for name in names) - 0.05
assert np.mean(joint) > 0.05 and abs(np.mean(joint) - np.mean(product)) < 0.08

# %% [markdown]
# All four together are right less often than any one of them. The share is close to the product of the four, as if one error
# had little to do with another. An average over the four numbers would tell you neither.

# %% [markdown]
# ## When some labels are wrong
#
# Measurements fail. In one of ten training images we let the pose lie ten times as far from its mean as it should. The test
# set stays clean. We compare three errors:
# - the **squared** error, whose slope grows with the error;
# - the **absolute** error, whose slope is always 1 or -1;
# - the **Huber** error, squared (times a half) up to an error of 1 and absolute beyond.
#
# **Predict first.** Which heads suffer from the wrong poses with the squared error: the pose head, the digit head, or both?

# %%
wrong = np.random.default_rng(5).random(len(pose_train)) < 0.1
spoiled = np.where(wrong[:, None], 10 * targets_standard["pose"], targets_standard["pose"])
targets_spoiled = {"digit": targets_train["digit"], "pose": spoiled}

absolute, huber = compiled(4, "mae"), compiled(4, "huber")
runs = {"squared, all right": runs_standard}
for name, model in {"squared": both, "absolute": absolute, "Huber": huber}.items():
    runs[f"{name}, 10% wrong"] = [train(model, targets_spoiled, seed) for seed in range(5)]


# %%
def row(run):
    poses = scaler.inverse_transform(run["pose"][:, :4])
    angle = np.abs(poses - pose_test)[:, 0].mean()
    return digit_accuracy(run), angle, within(poses).all(axis=1).mean()


robust = {name: np.array([row(run) for run in of_loss]) for name, of_loss in runs.items()}
table(robust, ["digit", "angle", "all within"])

# %% tags=["check"]
digit, angle, _ = zip(*[numbers.mean(axis=0) for numbers in robust.values()], strict=True)
for other in [2, 3]:  # the absolute and the Huber error; 1 is the squared one
    assert angle[other] < angle[1] - 2 and digit[other] > digit[1] + 0.05
    assert abs(digit[other] - digit[0]) < 0.07
assert angle[1] > 1.2 * angle[0]

# %% [markdown]
# - The squared error with wrong labels ruins the pose, and **again the classifier**, whose labels are all right. Ten times
#   the error gives ten times the slope: it is the same cause as at the beginning.
# - With the absolute and the Huber error the digit stays about where it was with right labels, and the angle is only a
#   little worse. A wrong label moves the weights no more than a right one that is missed by a standard deviation.
#
# And with right labels? For small errors Huber is *half* a squared error, so there the pose counts half as much. A loss weight
# of 2 makes up for it.
#
# Standardising cures wrong *units*, and a robust loss cures wrong *labels*. The scaler has the same weakness: mean and
# standard deviation of spoiled poses would be spoiled too. (We spoiled them after scaling, to change one thing at a time.
# scikit-learn's `RobustScaler` uses medians and quartiles.)

# %% [markdown]
# ## How sure is the network?
#
# So far the pose head answers "12 degrees", whether the image is clear or not. Let it answer with a normal distribution
# instead: a mean `m` and a variance `v`. The density of a normal distribution at the target `y` is
#
# $$p(y) = \frac{1}{\sqrt{2\pi v}} \exp\left(-\frac{(y-m)^2}{2v}\right)$$
#
# The network should make the true `y` likely, so its loss is $-\log p(y)$, the *negative log-likelihood*. With $s = \log v$:
#
# $$-\log p(y) = \tfrac{1}{2} e^{-s}(y-m)^2 + \tfrac{1}{2} s + \tfrac{1}{2}\log 2\pi$$
#
# In the first part, the $\tfrac12$ comes from the 2 in $2v$. In the second it comes from the square root. The last part is a
# constant, and we leave it out.
# - A large variance makes a wrong mean cheap, and costs `s/2`. A small variance is cheap, if the mean is right.
# - The head predicts the **logarithm** of the variance. It may be any number, and the variance is always positive.
# - We clip it to [-10, 10], so that the exponential cannot overflow. On standardised targets no sensible value is outside.


# %%
def negative_log_likelihood(target, prediction):
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.exp(-log_variance) * (target - mean) ** 2
    return keras.ops.mean((squared + log_variance) / 2, axis=-1)


unsure = compiled(8, negative_log_likelihood)

# %% [markdown]
# Eight units: four means, four log-variances. The fair comparison is **one standard deviation, the same for all images**: the
# model from above, with the root of its mean squared error. We take that from the *validation* part. On its own training
# images a network looks better than it is.

# %%
truth_test, truth_validation = scaler.transform(pose_test), scaler.transform(pose_validation)


def root_mean_square(errors):
    return np.sqrt(np.mean(errors**2, axis=0))


answers = []  # for each seed: a mean and a standard deviation, by name
for weights, run in zip(weights_standard, runs_standard, strict=True):
    both.set_weights(weights)
    pose = both.predict_on_batch(images_validation)["pose"]
    answers.append({"same for all": (run["pose"], root_mean_square(pose - truth_validation))})

# %% [markdown]
# The *means* of the new head differ too. So we also give **them** one standard deviation for all images: only then can we tell
# what one for each image adds.
#
# And the new head may be too sure of itself, as it learned its standard deviations on its training images. So the last answer
# multiplies them by one factor for each number, which makes them fit on the validation part.


# %%
def mean_and_std(answer):
    mean, log_variance = np.split(answer["pose"], 2, axis=1)
    return mean, np.exp(log_variance / 2)


runs_unsure, on_training, on_validation = [], [], []
for seed in range(5):
    runs_unsure.append(train(unsure, targets_standard, seed))
    on_training.append(mean_and_std(unsure.predict_on_batch(images_train)))
    on_validation.append(mean_and_std(unsure.predict_on_batch(images_validation)))


# %% [markdown]
# The factor is the root mean square of error divided by standard deviation: 1 if they fit. We compute it on the training part
# too, only to compare.

# %%
truth_train = targets_standard["pose"]
fitting = {"training": [root_mean_square((truth_train - m) / s) for m, s in on_training]}
fitting["validation"] = [root_mean_square((truth_validation - m) / s) for m, s in on_validation]

# %% [markdown]
# Now we put together all four answers of each run.

# %%
for seed, answer in enumerate(answers):
    mean, std = mean_and_std(runs_unsure[seed])
    one = root_mean_square(truth_validation - on_validation[seed][0])
    answer["new means, same for all"] = mean, one
    answer["per image"] = mean, std
    answer["per image, corrected"] = mean, std * fitting["validation"][seed]

# %% [markdown]
# A test of such an answer has three parts. First, the loss itself on the test images, lower is better. Always the mean and
# the standard deviation of the training part would score 0.5: standardised errors have a mean square of 1, and log 1 is 0.


# %%
def test_loss(mean, std):
    return np.mean((((truth_test - mean) / std) ** 2 + 2 * np.log(std)) / 2)


losses_test = {name: [test_loss(*answer[name]) for answer in answers] for name in answers[0]}
for name, numbers in losses_test.items():
    print(f"{name:24} {as_text(numbers)}")

# %% tags=["check"]
mean_loss = {name: np.mean(numbers) for name, numbers in losses_test.items()}
assert mean_loss["new means, same for all"] < mean_loss["same for all"] - 0.05
assert abs(mean_loss["per image, corrected"] - mean_loss["new means, same for all"]) < 0.1
assert max(mean_loss.values()) < 0

# %% [markdown]
# All are **negative**, and nothing is wrong: we left out a constant, 0.92. Even with it a loss may be below 0, since a
# density can be above 1. Do not clip such a loss at 0.
#
# The new head is better than the old one, but compare its rows: all of the gain, or nearly all, is in its *means*. With these
# means, one standard deviation for all images scores about as well as one for each, or better. Without the second row we would
# have praised the wrong part.
#
# What, then, is one for each image good for? Second: are the images on which the head is unsure really those with the larger
# errors? We sort the test images by the standard deviation of the angle.

# %%
quarters = []
for answer in answers:
    mean, std = answer["per image"]
    error = np.abs(truth_test - mean)[:, 0] * scaler.scale_[0]
    order = np.argsort(std[:, 0])
    quarters.append([error[part].mean() for part in np.array_split(order, 4)])
quarters = np.array(quarters)
table(
    {"off by, in degrees": quarters}, ["surest 1/4", "second", "third", "least sure"], digits=1
)

# %% tags=["check"]
assert quarters[:, 3].mean() > 1.2 * quarters[:, 0].mean()

# %% [markdown]
# They are. That is what one for all cannot give. Third, **coverage**: an interval of 80% should hold the truth for 80% of the
# images. In a normal distribution that is the mean ± 1.28 standard deviations.
#
# **Predict first.** Will the network's own intervals hold more or less than they state? The table is for 80%. The
# figure shows, for the network's own, the observed share minus the stated one, at four levels. (Bands: one standard
# deviation.)

# %%
from scipy.stats import norm

stated = np.array([0.5, 0.8, 0.9, 0.95])
reach = norm.ppf(0.5 + stated / 2)  # 0.67, 1.28, 1.64 and 1.96 standard deviations


def coverage(mean, std):
    off = np.abs(truth_test - mean) / std
    return np.array([np.mean(off <= width, axis=0) for width in reach])


observed = {
    name: np.array([coverage(*answer[name]) for answer in answers]) for name in answers[0]
}
table({name: shares[:, 1] for name, shares in observed.items()}, names)

# %%
off = {name: 100 * (observed["per image"][..., i] - stated) for i, name in enumerate(names)}
plots.curves(100 * stated, off, "stated, in %", "observed - stated, points", level=("equal", 0))

# %%
table(fitting, names, digits=2)

# %% tags=["check"]
held = {name: shares.mean(axis=(0, 2)) for name, shares in observed.items()}
assert held["per image"].mean() < min(stated.mean(), held["per image, corrected"].mean())
for name in ["same for all", "new means, same for all", "per image, corrected"]:
    assert max(abs(held[name] - stated)) < 0.05
assert np.mean(fitting["validation"]) > np.mean(fitting["training"])

# %% [markdown]
# - On average the network's own intervals hold **less** than they state: it is over-confident, though not by much. It learned
#   its standard deviations on its training images, where its errors are smaller than on new ones; the factors show it.
# - One factor for each number, from the validation part, repairs most of that. It does not change who is sure and who is not.
# - The four numbers differ, and they differ from run to run. An average over them can hide one that is too wide and one that
#   is too narrow. Look at each.
# - One standard deviation for all has good coverage too, but it cannot say which image is difficult. **Coverage alone is not
#   enough**: the middle 80% of the training targets, stated for every image, would be covered well too, and say nothing about
#   any image.
#
# What did it cost the digit?

# %%
sure = [np.exp(-run["pose"][:, 4:]).mean() / 2 for run in runs_unsure]
print(f"digit beside a pose: {as_text([digit_accuracy(run) for run in runs_standard])}")
print(f"... with a std:      {as_text([digit_accuracy(run) for run in runs_unsure])}")
print(f"weight of a squared error in the new loss, at the end: {as_text(sure, 1)}")

# %% tags=["check"]
paid = [digit_accuracy(run) for run in runs_unsure]
assert np.mean(paid) < mean_accuracy["beside a standard pose"] and np.mean(sure) > 1

# %% [markdown]
# Five to ten points. The new loss multiplies each squared error by $e^{-s}/2$ (before, it was 1), and as the standard
# deviations shrink, that weight grows. So the same error moves the trunk more: better means, and a worse digit head. [Lesson
# 8](08_adaptive_weights.ipynb) uses the same idea on purpose, to *choose* the weights of heads.

# %% [markdown]
# ## Further
#
# ### Beside them: scikit-learn
#
# - `MultiOutputRegressor` fits one copy of a regressor for each number.
# - `RegressorChain` does so one after the other, and each regressor also sees the numbers before it: while it is fitted the
#   true ones, and for new images the predicted ones.
# - Some regressors take several numbers at once. `KNeighborsRegressor` averages the poses of the five nearest training
#   images.
#
# **Predict first.** `Ridge` is linear regression with a small penalty. Can a chain of linear models be better than separate
# linear models?

# %%
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsRegressor

regressors = {
    "separate Ridge": MultiOutputRegressor(Ridge(10)),
    "chain of Ridge": RegressorChain(Ridge(10)),
    "nearest neighbours": KNeighborsRegressor(5),
}
poses = {"network": scaler.inverse_transform(runs_standard[0]["pose"])}
for name, regressor in regressors.items():
    regressor.fit(images_train, targets_standard["pose"])
    poses[name] = scaler.inverse_transform(regressor.predict(images_test))
poses["always the median"] = np.median(pose_train, axis=0) * np.ones_like(pose_test)

# %%
errors = {name: np.abs(found - pose_test).mean(axis=0) for name, found in poses.items()}
within_all = {name: within(found).all(axis=1).mean() for name, found in poses.items()}
table({name: [[*errors[name], within_all[name]]] for name in poses}, [*names, "all within"])

# %% tags=["check"]
assert np.abs(poses["separate Ridge"] - poses["chain of Ridge"]).mean(axis=0).max() < 0.1
assert errors["nearest neighbours"][0] < errors["network"][0] < errors["chain of Ridge"][0]
assert errors["chain of Ridge"][0] < errors["always the median"][0]

# %% [markdown]
# - A chain of linear models gives the same answers as separate ones, up to a small effect of the penalty: a linear function
#   of a linear function of the image is again a linear function of the image. A chain can gain only where its models are not
#   linear.
# - The network has smaller errors of the angle than the linear models. But there the nearest neighbours are better than
#   our network, which is small and has learned for 300 updates. On the bundled digits they also have more whole poses
#   within tolerance. That is worth knowing before one tunes a network. They predict no digit, and they need all
#   training images for every answer.

# %% [markdown]
# ## Take this with you
#
# One cell that stands alone: a loss for means and log-variances, what its head predicts in units, and the coverage. It refuses
# targets of shape `(n,)`: with them, `target - mean` would be a table of all with all, and the head would learn nothing,
# without a warning. The loss is registered, so that `load_model` finds it. (Without that, load with `compile=False`.) Train on
# `scaler.transform(targets)`, with a scaler that was fitted on the training part, and save the scaler beside the model.


# %%
import keras
import numpy as np
from sklearn.preprocessing import StandardScaler


@keras.saving.register_keras_serializable("regression")
def gaussian_loss(target, prediction):
    """Loss of a head with 2k units (k means, k log-variances) for k standardised targets."""
    shape, k = tuple(target.shape), prediction.shape[-1] // 2
    if shape[1:] != (k,):
        raise ValueError(
            f"target: shape {shape} given, (rows, {k}) wanted; make (n,) an (n, 1)."
        )
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.exp(-log_variance) * (target - mean) ** 2
    return keras.ops.mean((squared + log_variance) / 2, axis=-1)


def in_units(prediction, scaler):
    """Return means and standard deviations, both of shape (n, k), in the units that the scaler was fitted on."""
    if not hasattr(scaler, "scale_"):
        raise TypeError(f"scaler: {scaler!r} given, a fitted StandardScaler wanted.")
    shape, k = np.shape(prediction), len(scaler.scale_)
    if shape[1:] != (2 * k,):
        raise ValueError(f"prediction: shape {shape} given, (n, {2 * k}) wanted.")
    means, log_variance = np.split(np.asarray(prediction), 2, axis=1)
    std = np.exp(np.clip(log_variance, -10, 10) / 2) * scaler.scale_
    return scaler.inverse_transform(means), std


def covered(target, means, std, stds=1.96):
    """Return for each number the share of targets within so many standard deviations; 1.96 should give 95%."""
    if not np.shape(target) == np.shape(means) == np.shape(std):
        raise ValueError(f"target: shape {np.shape(target)} given, {np.shape(means)} wanted.")
    return np.mean(np.abs(target - means) <= stds * std, axis=0)


heights = np.random.default_rng(0).normal(170, 10, (1000, 1))  # made up, in cm
means, std = in_units(np.zeros((1000, 2)), StandardScaler().fit(heights))
covered(heights, means, std).round(2)

# %% [markdown]
# In this notebook we
# - saw raw degrees ruin a digit head, and found the reason in the norms of two gradients;
# - repaired it by standardising with the training part, and reported errors in degrees that agree with scikit-learn;
# - met a metric that compares all with all, and counted how often the whole pose is right;
# - compared three losses with wrong labels, and saw a robust loss save both heads;
# - let a head state its own standard deviation, found that its better loss came from its means, and corrected it on validation
#   images;
# - put `MultiOutputRegressor`, `RegressorChain` and nearest neighbours beside it.
#
# ## References
#
# - D. A. Nix and A. S. Weigend (1994). *Estimating the mean and variance of the target probability distribution.* The head
#   with a mean and a variance.
# - P. J. Huber (1964). *Robust estimation of a location parameter.* The loss that has his name.
# - A. Kendall and Y. Gal (2017). *What uncertainties do we need in Bayesian deep learning for computer vision?* The logarithm
#   of the variance as an output, for images.
#
# Next: the [exercises](../exercises/05_regression.ipynb), then [lesson 6](06_missing_labels.ipynb).
