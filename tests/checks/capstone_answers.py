"""What the tests of the capstone answer: a wiring, and an oracle, which knows every slip and adds noise."""

from functools import cache

import keras
import numpy as np
from sklearn.metrics import average_precision_score

from mos_checks import lesson_19
from mos_checks.capstone import AISLE_OF, AISLES, HEADS, labelled, slips
from mos_helpers import data
from mos_helpers.hierarchy import MarginalCrossentropy, Tree

TREE = Tree({name: [str(digit) for digit in held] for name, held in AISLES.items()}, leaves=list("0123456789"))


def hidden_slips():
    return lesson_19._hidden()


def known(targets, **changes):
    """Tell what is known as asked for; `changes` gives a target another function of the targets."""
    parts = {
        "locker": lambda t: t["locker"] >= 0,
        "aisle": lambda t: (t["aisle"] >= 0) | (t["locker"] >= 0),
        "services": lambda t: np.isfinite(t["services"]).all(axis=1),
        "position": lambda t: np.isfinite(t["position"]).all(axis=1),
        "void": lambda t: ~np.isnan(t["void"]),
    } | changes
    return {name: part(targets) for name, part in parts.items()}


def prepare(images):
    return images.reshape(len(images), 21, 2, 28, 2).mean(axis=(2, 4))


@cache
def training_images():
    return prepare(lesson_19._clients()[0].images)


class Gaussian(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, log_variance = keras.ops.split(y_pred, 2, axis=-1)
        log_variance = keras.ops.clip(log_variance, -10, 10)
        squared = keras.ops.exp(-log_variance) * (y_true - mean) ** 2
        return keras.ops.mean((squared + log_variance) / 2, axis=-1)


def labels(table):
    """Return targets and weights: possible lockers, and fillers with the weight 0 elsewhere."""
    rows = known(table)
    locker = np.ones((len(rows["void"]), 10))
    aisle = table["aisle"] >= 0
    locker[aisle] = TREE.matrix().T[table["aisle"][aisle]]
    locker[rows["locker"]] = np.eye(10)[table["locker"][rows["locker"]]]
    targets = {
        "locker": locker,
        "services": np.nan_to_num(table["services"]),
        "position": np.nan_to_num((table["position"] - 10.5) / 0.87),
        "void": np.nan_to_num(table["void"])[:, None],
    }
    weights = {name: rows[name].astype("float32") for name in targets}
    weights["locker"] = np.where(rows["locker"], 3.0, 1.0 * rows["aisle"])
    return targets, weights


def network(convolutions=False, **heads):
    image = keras.Input((21, 28), name="image")
    trunk = keras.layers.Flatten()(image)
    if convolutions:
        trunk = keras.layers.Reshape((21, 28, 1))(image)
        trunk = keras.layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(trunk)
        trunk = keras.layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(trunk)
        trunk = keras.layers.Dropout(0.2)(keras.layers.Flatten()(trunk))
    trunk = keras.layers.Dense(96, activation="relu", name="trunk")(trunk)
    trunk = keras.layers.Dropout(0.2)(trunk) if convolutions else trunk
    units = {"locker": 10, "services": 4, "position": 4, "void": 1} | heads
    activation = {"services": "sigmoid", "void": "sigmoid"}
    return keras.Model(
        image, {name: keras.layers.Dense(units[name], activation.get(name), name=name)(trunk) for name in units}
    )


def losses(**changes):
    binary = keras.losses.BinaryCrossentropy
    mean = {"reduction": "mean_with_sample_weight"}
    marginal = MarginalCrossentropy(**mean)
    usual = {"locker": marginal, "services": binary(**mean), "position": Gaussian(**mean), "void": binary(**mean)}
    return usual | changes


def wiring(client, model=None, loss=None, **changes):
    """Wire as asked for; `changes` gives a part of the answer another value, or a function of the right one."""
    model = model or network()
    if not model.compiled:
        model.compile(keras.optimizers.Adam(0.003), loss or losses(), steps_per_execution=50)
    targets, weights = labels(client[0].targets)
    parts = {"model": model, "x": training_images(), "targets": targets, "weights": weights}
    for name, change in changes.items():
        parts[name] = change(parts[name]) if callable(change) else change
    return parts


def shown(image):
    """Return what tells an image from all others: a quarter of its pixels."""
    return image[::2, ::2].tobytes()


class Oracle:
    """Knows the truth about all slips. Its noise belongs to the slip, so that it answers the same in any company."""

    def __init__(self, wrong=0.12, seed=0):
        digits = data.load_digits()
        cut = len(digits.x_train) * 4 // 5
        self.parts = [
            slips(digits.x_train[:cut], digits.y_train[:cut], 6000, seed=0),
            slips(digits.x_train[cut:], digits.y_train[cut:], 2000, seed=1),
            hidden_slips(),
        ]
        images = np.concatenate([made.images for made in self.parts])
        self.row = {shown(image): row for row, image in enumerate(images)}
        self.truth = {name: np.concatenate([made.targets[name] for made in self.parts]) for name in HEADS}
        self.answers = self.noisy(np.random.default_rng(seed), wrong)

    def noisy(self, rng, wrong):
        truth, n = self.truth, len(self.truth["void"])
        locker = np.where(rng.random(n) < wrong, rng.integers(10, size=n), truth["locker"])
        std = rng.choice([0.08, 0.35], size=(n, 2))
        near = np.clip(truth["services"] * 0.6 + 0.2 + rng.normal(0, 0.2, (n, 4)), 0, 1)
        flipped = np.where(rng.random(n) < wrong, 1 - truth["void"], truth["void"])
        return {
            "locker": locker,
            "aisle": AISLE_OF[locker],
            "services": near,
            "position": truth["position"] + rng.normal(0, std),
            "spread": std,
            "void": 0.1 + 0.8 * flipped,
        }

    def __call__(self, images):
        rows = [self.row[shown(image)] for image in images]
        return {name: values[rows] for name, values in self.answers.items()}


def changed(oracle, **changes):
    """Return the oracle with other answers to some keys, each a function of all right answers."""

    def function(images):
        right = oracle(images)
        return right | {name: change(right) for name, change in changes.items()}

    return function


def variant(oracle, **answers):
    """Return an oracle with other answers to the same slips."""
    other = Oracle.__new__(Oracle)
    other.row, other.truth, other.answers = oracle.row, oracle.truth, oracle.answers | answers
    return other


def own_scores(answer, made, **changes):
    """Return the scores on the known labels of some slips, computed as a learner would."""
    predicted, table = answer(made.images), made.targets
    rows = {name: labelled(name, table[name]) for name in HEADS}
    scores = {name: np.mean(predicted[name][rows[name]] == table[name][rows[name]]) for name in ("locker", "aisle")}
    scores["services"] = average_precision_score(
        table["services"][rows["services"]], predicted["services"][rows["services"]]
    )
    scores["position"] = np.nanmean(np.abs(predicted["position"] - table["position"]))
    right = (predicted["void"] > 0.5) == (table["void"] == 1)
    scores["void"] = np.mean([right[table["void"] == value].mean() for value in (0, 1)])
    return scores | changes


def report(answer, client, **changes):
    return {"answer": answer, "expected": own_scores(answer, client[1], **changes)}


def not_scored(answer):
    """A report on answers of a wrong form, which are refused before anybody looks at the scores."""
    return {"answer": answer, "expected": dict.fromkeys(HEADS, 0.5)}


def same(values):
    return lambda right: np.broadcast_to(np.asarray(values), (len(right["void"]), *np.shape(values))).copy()


def by_heart(oracle, rows):
    """An oracle that knows some slips without an error."""
    answers = {name: values.copy() for name, values in oracle.answers.items()}
    for name in ("locker", "aisle", "services", "position", "void"):
        answers[name][rows] = oracle.truth[name][rows]
    return variant(oracle, **answers)
