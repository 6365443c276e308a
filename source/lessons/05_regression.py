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
# - to build a head that predicts a mean and a spread, and to test whether its intervals hold as much as they state.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb). No GPU. About 40 minutes; the longest cell runs for about
# 20 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(5)

# %% [markdown]
# ## A digit in a pose
#
# `posed_digits` draws a digit, turns it by up to 45 degrees to each side, shifts it by up to 3 pixels and scales it by a
# factor from 0.7 to 1. We make three parts: for training, for validation and for the test. Within a part, one digit may be
# drawn several times, each time in a new pose. No digit is in two parts.

# %%
digits = data.load_digits()
kept = len(digits.x_train) * 9 // 10

posed_train, targets_train = data.posed_digits(
    digits.x_train[:kept], digits.y_train[:kept], 4000, seed=1
)
posed_validation, targets_validation = data.posed_digits(
    digits.x_train[kept:], digits.y_train[kept:], 2000, seed=2
)
posed_test, targets_test = data.posed_digits(digits.x_test, digits.y_test, 2000, seed=3)

# %%
names = ["angle", "shift_right", "shift_down", "size"]
titles = [
    f"{digit}, {angle:+.0f}°\n{right:+z.1f}, {down:+z.1f}, x{size:.2f}"
    for digit, angle, right, down, size in zip(*targets_test.values(), strict=True)
]
plots.images(posed_test[:8], titles[:8], columns=4)

# %% [markdown]
# Above each image: the digit, the angle (positive is counter-clockwise), the shift to the right and down in pixels, and the
# factor.
#
# The angle says how far *we* turned the digit. Some writers lean to the right, others do not, and that cannot be told from
# our turn. So no network will bring the error of the angle to zero.
#
# Why only 45 degrees? An angle is a place on a circle. 359 degrees and 1 degree look almost the same, but as numbers they
# are far apart, and a squared error would punish a nearly perfect answer. A digit turned by 180 degrees is worse: nobody can
# tell a turned 6 from a 9. Within 45 degrees, what looks alike has numbers that are near. (The exercise shows what to do
# with a full turn.)
#
# The four numbers go side by side into one array, the **pose**. Images lose half of their resolution, as in lesson 3.


# %%
def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def pose_of(targets):
    return np.stack([targets[name] for name in names], axis=1)


images_train, images_validation = prepare(posed_train), prepare(posed_validation)
images_test = prepare(posed_test)
pose_train, pose_validation = pose_of(targets_train), pose_of(targets_validation)
pose_test = pose_of(targets_test)
print(images_train.shape, pose_train.shape)

# %% [markdown]
# ## The naive answers
#
# **Predict first.** You must answer one number for all of the values 0, 0, 0, 1 and 9. Which number makes the mean *squared*
# error smallest, and which one the mean *absolute* error?

# %% tags=["nbval-check-output"]
values = np.array([0, 0, 0, 1, 9])
for answer in [0, 1, 2, 3]:
    squared, absolute = np.mean((values - answer) ** 2), np.mean(np.abs(values - answer))
    print(f"always {answer}: squared {squared:4.1f}, absolute {absolute:.1f}")

# %% [markdown]
# The **mean**, 2, is best for the squared error, and the **median**, 0, for the absolute error. So each error has a naive
# answer of its own. We report absolute errors, because "8 degrees off on average" says more than "64 square degrees". Their
# naive answer is the median of the training part.

# %%
naive = np.abs(pose_test - np.median(pose_train, axis=0)).mean(axis=0)
{name: round(float(error), 3) for name, error in zip(names, naive, strict=True)}

# %% [markdown]
# ## One trunk, one head for the digit, one for the pose
#
# The pose head has four units and **no activation**: a pose may be any number, also a negative one. Four heads with one unit
# each would be the same model (lesson 3).


# %%
def network(heads):
    """Return a model with a head for each name: the number of its units."""
    activations = {"digit": "softmax", "pose": None}
    image = keras.Input(shape=(441,), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_2")(trunk)
    outputs = {
        name: keras.layers.Dense(units, activation=activations[name], name=name)(trunk)
        for name, units in heads.items()
    }
    return keras.Model(image, outputs)


# %%
def compiled(heads, pose_loss="mse"):
    losses = {"digit": "sparse_categorical_crossentropy", "pose": pose_loss}
    model = network(heads)
    model.compile(
        optimizer=keras.optimizers.Adam(0.002),
        loss={name: losses[name] for name in heads},
        steps_per_execution=100,
    )
    return model


# %% [markdown]
# `train` begins again from another seed, as in lesson 3: new weights, and an optimizer that remembers nothing.


# %%
def train(model, targets, seed, updates=300):
    """Train a compiled model from new random weights; return its answers for the test images."""
    keras.utils.set_random_seed(seed)
    fresh = network({name: output.shape[1] for name, output in model.output.items()})
    model.set_weights(fresh.get_weights())
    for memory in model.optimizer.variables:
        memory.assign(keras.ops.zeros_like(memory))
    model.optimizer.learning_rate = 0.002  # the loop above set it to zero too
    targets = {name: targets[name] for name in model.output}
    training = data.batches(images_train, targets, seed=seed).repeat()
    model.fit(training, steps_per_epoch=updates, verbose=0)
    return model.predict_on_batch(images_test)


def digit_accuracy(answers):
    return np.mean(answers["digit"].argmax(axis=1) == targets_test["digit"])


# %% [markdown]
# **Predict first.** A network with the digit head alone has some accuracy. We add the pose head, with `"mse"` (mean squared
# error) on degrees, pixels and factors as they are. Will the digit head become better, worse, or stay about the same?

# %%
targets_raw = {"digit": targets_train["digit"], "pose": pose_train}
alone = compiled({"digit": 10})
both = compiled({"digit": 10, "pose": 4})

runs_alone = [train(alone, targets_raw, seed) for seed in range(5)]
runs_raw = [train(both, targets_raw, seed) for seed in range(5)]


# %%
def said(numbers, digits=3):
    """Return mean ± standard deviation of the runs as text."""
    return f"{np.mean(numbers):.{digits}f} ± {np.std(numbers, ddof=1):.{digits}f}"


accuracy = {
    "digit head alone": [digit_accuracy(run) for run in runs_alone],
    "beside a raw pose": [digit_accuracy(run) for run in runs_raw],
}
for name, shares in accuracy.items():
    print(f"{name:20} {said(shares)}")
most_frequent = np.bincount(targets_train["digit"]).argmax()
print(f"{'most frequent digit':20} {np.mean(targets_test['digit'] == most_frequent):.3f}")

# %% tags=["check"]
assert min(accuracy["digit head alone"]) > max(accuracy["beside a raw pose"]) + 0.25

# %% [markdown]
# The classifier died, or nearly. The images, the trunk and the digit labels are the same; all that is new is a second head.

# %% [markdown]
# ## Why: which head moves the trunk?
#
# An update moves the trunk along the sum of the two heads' gradients. So we measure the length (the *norm*) of each head's
# gradient on the trunk, in a new network. `GradientTape` writes down the computation, to differentiate it afterwards; a
# persistent tape can do so twice, once for each loss.


# %%
def pull(pose):
    """Return the norm of each head's gradient on the trunk of a new network."""
    keras.utils.set_random_seed(5)
    model = network({"digit": 10, "pose": 4})
    weights = model.trainable_variables[:4]  # the kernels and biases of the trunk
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images_train[:1000])
        losses = {
            "digit": keras.losses.SparseCategoricalCrossentropy()(
                targets_train["digit"][:1000], answers["digit"]
            ),
            "pose": keras.losses.MeanSquaredError()(pose[:1000], answers["pose"]),
        }
    return {
        name: float(tf.linalg.global_norm(tape.gradient(loss, weights)))
        for name, loss in losses.items()
    }


# %%
pull_raw = pull(pose_train)
print({name: round(norm, 2) for name, norm in pull_raw.items()})
print(f"ratio {pull_raw['pose'] / pull_raw['digit']:.0f}")

# %% tags=["check"]
assert pull_raw["pose"] > 8 * pull_raw["digit"]

# %% [markdown]
# The gradient of the pose head is more than ten times as long. The slope of a squared error grows with the error. Angles have
# errors of dozens of *degrees*, so the slope is large; a probability is never wrong by more than 1. In radians, the same
# angles would have errors 57 times smaller, and slopes too. So the unit decides which head the trunk works for, and that
# makes no sense.
#
# Adam does not help. For each weight it divides the whole gradient by its usual size, and not the part of each head: the
# step has a fair length, but its direction is that of the pose.
#
# Within the pose it is the same: the angle has the large numbers, and an error in the *size*, which is a number between 0.7
# and 1, counts almost nothing. What did the raw pose head learn?


# %%
def pose_errors(answers, in_units):
    """Return the mean absolute error of each number of the pose, in degrees and pixels."""
    return np.abs(in_units(answers["pose"][:, :4]) - pose_test).mean(axis=0)


raw_errors = np.array([pose_errors(run, lambda pose: pose) for run in runs_raw])
print(f"{'':14}{'naive':>8}{'raw pose':>18}")
for column, name in enumerate(names):
    print(f"{name:14}{naive[column]:8.3f}{said(raw_errors[:, column]):>18}")

# %% tags=["check"]
assert raw_errors[:, 0].max() < 0.8 * naive[0]
assert raw_errors[:, 3].min() > naive[3]

# %% [markdown]
# The angle was learned. The size is *worse* than a naive answer: the loss hardly asks for it.

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

print("mean ", scaler.mean_.round(3))
print("scale", scaler.scale_.round(3))
pull_standard = pull(targets_standard["pose"])
print({name: round(norm, 2) for name, norm in pull_standard.items()})
print(f"ratio {pull_standard['pose'] / pull_standard['digit']:.1f}")

# %% tags=["check"]
ratio_raw = pull_raw["pose"] / pull_raw["digit"]
assert pull_standard["pose"] / pull_standard["digit"] < ratio_raw / 4

# %% [markdown]
# The two gradients still differ, but they are of the same order. The errors are now up to 26 times smaller, and the ratio is
# not 26 times smaller: all four numbers count now, and gradients of different images partly cancel. We look at the start
# only; later the ratio changes.

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
print(f"{'':14}{'naive':>8}{'raw pose':>18}{'standard pose':>18}")
for column, name in enumerate(names):
    raw, repaired = said(raw_errors[:, column]), said(standard_errors[:, column])
    print(f"{name:14}{naive[column]:8.3f}{raw:>18}{repaired:>18}")

# %% tags=["check"]
mean_accuracy = {name: np.mean(shares) for name, shares in accuracy.items()}
assert mean_accuracy["beside a standard pose"] > mean_accuracy["beside a raw pose"] + 0.25
assert mean_accuracy["beside a standard pose"] > mean_accuracy["digit head alone"] - 0.1
assert (standard_errors[:, 1:].max(axis=0) < raw_errors[:, 1:].min(axis=0)).all()
assert standard_errors[:, 3].max() < 0.7 * naive[3]
assert standard_errors[:, 0].mean() > raw_errors[:, 0].mean()

# %% [markdown]
# - The classifier lives. It stays a little below the digit head that has the trunk for itself: sharing has a price here.
# - Shifts and size become better, and the size is now far better than the naive answer.
# - The angle becomes a little *worse*. It is no longer the only one that counts. Standardising does not make the model
#   better at everything; it makes the four numbers count alike, until you decide otherwise ([lesson
#   7](07_loss_weights.ipynb)).
#
# Could a small loss weight for the raw pose do the same? The benchmark of this lesson (`benchmarks/regression.py`) tried
# 1/200: the digit head recovers, but the pose is worse than with standardised targets. A loss weight cannot make shifts and
# angles alike.
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
# - `my_squared` as a **loss** is right: Keras first gives the targets the shape of the answers. `my_squared` as a **metric**
#   is wrong, since Keras does not do that for metrics. `(4,)` minus `(4, 1)` is a table of all sixteen differences, and
#   there is no warning. In a training loop of your own, the loss goes wrong in the same way. Give every target of one number
#   the shape `(n, 1)`, or use Keras's own functions, as `"mse"` here.
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
    """Return for each image and number whether the error is within tolerance."""
    return np.abs(poses - pose_test) <= tolerance


good = [within(scaler.inverse_transform(run["pose"])) for run in runs_standard]
for column, name in enumerate(names):
    print(f"{name:22} {said([run[:, column].mean() for run in good])}")
joint = [run.all(axis=1).mean() for run in good]
product = [run.mean(axis=0).prod() for run in good]
print(f"{'all four':22} {said(joint)}")
print(f"{'product of the four':22} {said(product)}")
print(f"{'all four, naive':22} {within(np.median(pose_train, axis=0)).all(axis=1).mean():.3f}")

# %% tags=["check"]
assert max(joint) < min(run.mean(axis=0).min() for run in good)
assert np.mean(joint) > 0.1 and abs(np.mean(joint) - np.mean(product)) < 0.06

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

absolute = compiled({"digit": 10, "pose": 4}, pose_loss="mae")
huber = compiled({"digit": 10, "pose": 4}, pose_loss="huber")
losses = {"squared": both, "absolute": absolute, "Huber": huber}
runs = {("squared", "right"): runs_standard}
for name, model in losses.items():
    runs[name, "10% wrong"] = [train(model, targets_spoiled, seed) for seed in range(5)]


# %%
def row(run):
    """Return the accuracy of the digit, the error of the angle, and how often all are right."""
    poses = scaler.inverse_transform(run["pose"][:, :4])
    angle = np.abs(poses - pose_test)[:, 0].mean()
    return digit_accuracy(run), angle, within(poses).all(axis=1).mean()


table = {key: np.array([row(run) for run in runs[key]]) for key in sorted(runs, reverse=True)}
print(f"{'loss':10}{'labels':12}{'digit':>16}{'angle, degrees':>18}{'all within':>18}")
for (loss, labels), numbers in table.items():
    print(f"{loss:10}{labels:12}{said(numbers[:, 0]):>16}", end="")
    print(f"{said(numbers[:, 1], 1):>18}{said(numbers[:, 2]):>18}")

# %% tags=["check"]
mean = {key: numbers.mean(axis=0) for key, numbers in table.items()}
for loss in ["absolute", "Huber"]:
    assert mean[loss, "10% wrong"][1] < mean["squared", "10% wrong"][1] - 3
    assert mean[loss, "10% wrong"][0] > mean["squared", "10% wrong"][0] + 0.07
    assert abs(mean[loss, "10% wrong"][0] - mean["squared", "right"][0]) < 0.05
assert mean["squared", "10% wrong"][1] > 1.3 * mean["squared", "right"][1]

# %% [markdown]
# - The squared error with wrong labels ruins the pose, and **again the classifier**, whose labels are all right. Ten times
#   the error gives ten times the slope: it is the same cause as at the beginning.
# - With the absolute and the Huber error the digit stays about where it was with right labels, and the angle is only a
#   little worse. A wrong label moves the weights no more than a right one that is missed by a standard deviation.
#
# And with right labels? The benchmark has those runs too. Squared and absolute error are about equal. With Huber the whole
# pose is within tolerance less often, since for small errors Huber is *half* a squared error, and so the pose counts half as
# much. Doubled by a loss weight of 2, it is equal to the squared error.
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
    """The loss of means and log-variances that stand side by side."""
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.exp(-log_variance) * (target - mean) ** 2
    return keras.ops.mean((squared + log_variance) / 2, axis=-1)


unsure = compiled({"digit": 10, "pose": 8}, pose_loss=negative_log_likelihood)

# %% [markdown]
# Eight units: four means, four log-variances. The fair comparison is **one spread, the same for all images**: the model from
# above, with the root of its mean squared error. We take that from the *validation* part. On its own training images a
# network looks better than it is.

# %%
truth_test, truth_validation = scaler.transform(pose_test), scaler.transform(pose_validation)


def root_mean_square(errors):
    return np.sqrt(np.mean(errors**2, axis=0))


answers = []  # for each seed: a mean and a spread, by name
for weights, run in zip(weights_standard, runs_standard, strict=True):
    both.set_weights(weights)
    pose = both.predict_on_batch(images_validation)["pose"]
    answers.append({"same for all": (run["pose"], root_mean_square(pose - truth_validation))})

# %% [markdown]
# The *means* of the new head differ too. So we also give **them** one spread for all images: only then can we tell what the
# spread of each image adds.
#
# And the new head may be too sure of itself, as it learned its spreads on its training images. So the last answer multiplies
# its spreads by one factor for each number, which makes them fit on the validation part.


# %%
def mean_and_spread(answer):
    mean, log_variance = np.split(answer["pose"], 2, axis=1)
    return mean, np.exp(log_variance / 2)


runs_unsure, factors = [], {"training": [], "validation": []}
for seed, answer in enumerate(answers):
    runs_unsure.append(train(unsure, targets_standard, seed))
    mean, spread = mean_and_spread(unsure.predict_on_batch(images_train))
    factors["training"].append(root_mean_square((targets_standard["pose"] - mean) / spread))
    mean, spread = mean_and_spread(unsure.predict_on_batch(images_validation))
    factors["validation"].append(root_mean_square((truth_validation - mean) / spread))
    one = root_mean_square(truth_validation - mean)

    mean, spread = mean_and_spread(runs_unsure[-1])
    answer["new means, same for all"] = mean, one
    answer["per image"] = mean, spread
    answer["per image, corrected"] = mean, spread * factors["validation"][-1]

# %% [markdown]
# A test of such an answer has three parts. First, the loss itself on the test images, lower is better. Always the mean and
# the standard deviation of the training part would score 0.5: standardised errors have a mean square of 1, and log 1 is 0.


# %%
def test_loss(mean, spread):
    return np.mean((((truth_test - mean) / spread) ** 2 + 2 * np.log(spread)) / 2)


losses_test = {name: [test_loss(*answer[name]) for answer in answers] for name in answers[0]}
for name, numbers in losses_test.items():
    print(f"{name:24} {said(numbers)}")

# %% tags=["check"]
mean_loss = {name: np.mean(numbers) for name, numbers in losses_test.items()}
assert mean_loss["new means, same for all"] < mean_loss["same for all"] - 0.07
assert abs(mean_loss["per image, corrected"] - mean_loss["new means, same for all"]) < 0.06
assert max(max(numbers) for numbers in losses_test.values()) < 0

# %% [markdown]
# All are **negative**, and nothing is wrong: we left out a constant, 0.92. Even with it a loss may be below 0, since a
# density can be above 1. Do not clip such a loss at 0.
#
# The new head is better than the old one, but compare its rows: all of the gain, or nearly all, is in its *means*. With these
# means, one spread for all images scores about as well as a spread for each, or better. Without the second row we would have
# praised the wrong part.
#
# What, then, is the spread of each image good for? Second: are the images on which the head is unsure really those with the
# larger errors? We sort the test images by the spread of the angle.

# %%
quarters = []
for answer in answers:
    mean, spread = answer["per image"]
    error = np.abs(truth_test - mean)[:, 0] * scaler.scale_[0]
    order = np.argsort(spread[:, 0])
    quarters.append([error[part].mean() for part in np.array_split(order, 4)])
quarters = np.array(quarters)
for name, numbers in zip(["surest", "second", "third", "least sure"], quarters.T, strict=True):
    print(f"{name:10} quarter: off by {said(numbers, 1)} degrees")

# %% tags=["check"]
assert (quarters[:, 3] > 1.2 * quarters[:, 0]).all()

# %% [markdown]
# They are. That is what one spread for all cannot give. Third, **coverage**: an interval of 80% should hold the truth for
# 80% of the images. In a normal distribution that is the mean ± 1.28 spreads.
#
# **Predict first.** Will the network's own intervals hold more or less than they state?

# %%
from scipy.stats import norm

stated = np.array([0.5, 0.8, 0.9, 0.95])
reach = norm.ppf(0.5 + stated / 2)  # 0.67, 1.28, 1.64 and 1.96 spreads


def coverage(mean, spread):
    """Return the share of test targets in the interval, for each level and each number."""
    off = np.abs(truth_test - mean) / spread
    return np.array([np.mean(off <= width, axis=0) for width in reach])


observed = {
    name: np.array([coverage(*answer[name]) for answer in answers]) for name in answers[0]
}
print(f"{'stated: 0.80':24}" + "".join(f"{name:>16}" for name in names))
for name, shares in observed.items():
    print(f"{name:24}" + "".join(f"{said(column):>16}" for column in shares[:, 1].T))

# %%
mean_observed = observed["per image"].mean(axis=0)
plots.reliability(
    {name: (stated, mean_observed[:, column]) for column, name in enumerate(names)},
    x_label="stated share of the interval",
    y_label="observed share",
)

# %%
print(f"{'factors that fit':24}" + "".join(f"{name:>16}" for name in names))
for part, found in factors.items():
    print(f"{part:24}" + "".join(f"{said(column, 2):>16}" for column in np.transpose(found)))

# %% tags=["check"]
held = {name: shares.mean(axis=(0, 2)) for name, shares in observed.items()}
assert (held["per image"] < stated).all()
assert (held["per image, corrected"] > held["per image"]).all()
for name in ["same for all", "new means, same for all", "per image, corrected"]:
    assert (np.abs(held[name] - stated) < 0.04).all()
assert np.mean(factors["validation"]) > np.mean(factors["training"])

# %% [markdown]
# - On average the network's own intervals hold **less** than they state: it is over-confident, though not by much. It learned
#   its spreads on its training images, where its errors are smaller than on new ones; the factors show it.
# - One factor for each number, from the validation part, repairs most of that. It does not change who is sure and who is not.
# - The four numbers differ, and they differ from run to run. An average over them can hide one that is too wide and one that
#   is too narrow. Look at each.
# - One spread for all has good coverage too, but it cannot say which image is difficult. **Coverage alone is not enough**:
#   the middle 80% of the training targets, stated for every image, would be covered well too, and say nothing about any
#   image.
#
# What did it cost the digit?

# %%
sure = [np.exp(-run["pose"][:, 4:]).mean() / 2 for run in runs_unsure]
print(f"digit beside a pose: {said([digit_accuracy(run) for run in runs_standard])}")
print(f"... with a spread:   {said([digit_accuracy(run) for run in runs_unsure])}")
print(f"weight of a squared error in the new loss, at the end: {said(sure, 1)}")

# %% tags=["check"]
paid = [digit_accuracy(run) for run in runs_unsure]
assert np.mean(paid) < mean_accuracy["beside a standard pose"]
assert min(sure) > 1

# %% [markdown]
# A few points. The new loss multiplies each squared error by $e^{-s}/2$ (before, it was 1), and as the spreads shrink, that
# weight grows. So the same error moves the trunk more: better means, and a worse digit head. [Lesson
# 8](08_adaptive_weights.ipynb) uses the same idea on purpose, to *choose* the weights of heads.

# %% [markdown]
# ## Beside them: scikit-learn
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
    "MultiOutputRegressor(Ridge)": MultiOutputRegressor(Ridge(10)),
    "RegressorChain(Ridge)": RegressorChain(Ridge(10)),
    "KNeighborsRegressor": KNeighborsRegressor(5),
}
poses = {
    name: scaler.inverse_transform(
        regressor.fit(images_train, targets_standard["pose"]).predict(images_test)
    )
    for name, regressor in regressors.items()
}
poses["network, standard pose"] = scaler.inverse_transform(runs_standard[0]["pose"])
poses["always the median"] = np.median(pose_train, axis=0) * np.ones_like(pose_test)

# %%
print(f"{'one run of each':29}" + "".join(f"{name:>13}" for name in names) + "   all within")
for name, found in poses.items():
    errors = np.abs(found - pose_test).mean(axis=0)
    print(f"{name:29}" + "".join(f"{error:13.3f}" for error in errors), end="")
    print(f"{within(found).all(axis=1).mean():13.3f}")

# %% tags=["check"]
separate, chain = poses["MultiOutputRegressor(Ridge)"], poses["RegressorChain(Ridge)"]
assert np.abs(separate - chain).mean(axis=0).max() < 0.1
angle = {name: np.abs(found - pose_test)[:, 0].mean() for name, found in poses.items()}
assert (
    angle["KNeighborsRegressor"]
    < angle["network, standard pose"]
    < angle["RegressorChain(Ridge)"]
    < angle["always the median"]
)

# %% [markdown]
# - A chain of linear models gives the same answers as separate ones, up to a small effect of the penalty: a linear function
#   of a linear function of the image is again a linear function of the image. A chain can gain only where its models are not
#   linear. With nearest neighbours the benchmark tried that, and found no gain on these images.
# - The network is better than the linear models. For the angle, the nearest neighbours are better than our network, which is
#   small and has learned for 300 updates. That is worth knowing before one tunes a network. They predict no digit, and
#   they need all training images for every answer.

# %% [markdown]
# ## Take this with you
#
# A loss for means and log-variances (`negative_log_likelihood` from above, so that the cell stands alone), and the spread
# and coverage that go with it. The coverage is that of one run, not corrected, for intervals of 95%.


# %%
def gaussian_loss(target, prediction):
    """Loss of a head with 2k units (k means, k log-variances) for k standardised targets."""
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.exp(-log_variance) * (target - mean) ** 2
    return keras.ops.mean((squared + log_variance) / 2, axis=-1)


def in_units(prediction, scaler):
    """Return means and spreads in the units of the targets that the scaler was fitted on."""
    mean, log_variance = np.split(prediction, 2, axis=1)
    spread = np.exp(np.clip(log_variance, -10, 10) / 2) * scaler.scale_
    return scaler.inverse_transform(mean), spread


def covered(target, mean, spread, spreads=1.96):
    """Return for each target the share within so many spreads; 1.96 should give 95%."""
    return np.mean(np.abs(target - mean) <= spreads * spread, axis=0)


mean, spread = in_units(runs_unsure[-1]["pose"], scaler)
dict(zip(names, covered(pose_test, mean, spread).round(3).tolist(), strict=True))

# %% [markdown]
# In this notebook we
# - saw raw degrees ruin a digit head, and found the reason in the norms of two gradients;
# - repaired it by standardising with the training part, and reported errors in degrees that agree with scikit-learn;
# - met a metric that compares all with all, and counted how often the whole pose is right;
# - compared three losses with wrong labels, and saw a robust loss save both heads;
# - let a head state its own spread, found that its better loss came from its means, and corrected it on the validation part;
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
