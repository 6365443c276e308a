"""The checks of the capstone: good work is accepted, and each fault is named.

Most answers here come from an oracle, which knows the truth about every slip and adds noise to it. Two are trained.
"""

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome
from sklearn.metrics import average_precision_score

from mos_checks import lesson_15
from mos_checks.capstone import AISLE_OF, AISLES, HEADS, labelled, scores, slips
from mos_checks.lesson_15 import KEYS
from mos_helpers import data
from mos_helpers.balancing import MGDA, GradNorm, PCGrad, UncertaintyWeights
from mos_helpers.hierarchy import MarginalCrossentropy, Tree

TREE = Tree({name: [str(digit) for digit in held] for name, held in AISLES.items()}, leaves=list("0123456789"))


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message
    return message


@pytest.fixture(scope="module", autouse=True)
def bundled():
    """The scores here are those of the bundled digits, wherever the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOS_DATA", "digits")
        yield


@pytest.fixture(scope="module")
def client():
    return lesson_15._clients()


def hidden_slips():
    return lesson_15._hidden()


# --- 15.1


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


def known_by(**changes):
    return lambda targets: known(targets, **changes)


def with_settled_lockers(targets):
    """Aisle E holds the locker 2 alone."""
    return known(targets, locker=lambda t: (t["locker"] >= 0) | (t["aisle"] == 4))


def test_an_aisle_of_one_locker_may_settle_the_locker():
    state, message = outcome("15.1", with_settled_lockers)
    assert state == "correct", message
    assert "locker 621" not in message


def by_loops(targets):
    result = {name: [] for name in reversed(HEADS)}
    for row in range(len(targets["void"])):
        result["locker"].append(bool(targets["locker"][row] != -1))
        result["aisle"].append(result["locker"][-1] or bool(targets["aisle"][row] != -1))
        for name in ("services", "position"):
            result[name].append(not np.isnan(targets[name][row, 0]))
        result["void"].append(bool(targets["void"][row] == targets["void"][row]))
    return {name: np.array(values, dtype=bool) for name, values in result.items()}


def by_tensors(targets):
    return {name: keras.ops.convert_to_tensor(values) for name, values in known(targets).items()}


@pytest.mark.parametrize("function", [known, by_loops, by_tensors])
def test_what_is_known_however_it_is_found(function):
    state, message = outcome("15.1", function)
    assert state == "correct", message
    assert "locker 621, aisle 4,916" in message


def fills_in(targets):
    rows = targets["locker"] >= 0
    targets["aisle"][rows] = AISLE_OF[targets["locker"][rows]]
    return known(targets)


WRONG_KNOWN = {
    "another aisle settles": (
        known_by(locker=lambda t: (t["locker"] >= 0) | (t["aisle"] == 3)),
        "the part locker is True for some slips without that label",
    ),
    "lockers of aisle E and not those written": (
        known_by(locker=lambda t: np.where(t["aisle"] == 4, True, t["locker"] > 3)),
        "the part locker is False for some",
    ),
    "written aisles": (known_by(aisle=lambda t: t["aisle"] >= 0), "also known where only the locker was written down"),
    "lockers only": (known_by(aisle=lambda t: t["locker"] >= 0), "aisle is False for some"),
    "locker 0 a gap": (known_by(locker=lambda t: t["locker"] > 0), "the part locker is False for some labels that are"),
    "void 0 a gap": (known_by(void=lambda t: t["void"] == 1), "the part void is False for some labels that are 0"),
    "turned": (known_by(void=lambda t: np.isnan(t["void"])), "the part void is True for the gaps: turn it round"),
    "not equal to NaN": (known_by(void=lambda t: t["void"] != np.nan), "the part void is True for some slips without"),
    "each number": (known_by(services=lambda t: np.isfinite(t["services"])), "it should say it for each slip"),
    "any service": (
        known_by(services=lambda t: np.nan_to_num(t["services"]).any(axis=1)),
        "the part services is False for some",
    ),
    "whole numbers": (known_by(locker=lambda t: 1 * (t["locker"] >= 0)), "the part locker should hold True and False"),
    "counts": (known_by(locker=lambda t: np.sum(t["locker"] >= 0)), "the part locker should be an array"),
    "a key less": (lambda t: {"void": known(t)["void"]}, "the keys of the result should be locker, aisle"),
    "nothing": (lambda t: None, "is a `return` missing?"),
    "changes the targets": (fills_in, "your function changes `targets` itself"),
    "a result": ({name: np.ones(3, bool) for name in HEADS}, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_KNOWN.values(), ids=WRONG_KNOWN)
def test_wrong_accounts_of_what_is_known(answer, words):
    refused("15.1", answer, words)


# --- 15.2


@cache
def training_images():
    return prepare(lesson_15._clients()[0].images)


def prepare(images):
    return images.reshape(len(images), 21, 2, 28, 2).mean(axis=(2, 4))


class Gaussian(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, log_variance = keras.ops.split(y_pred, 2, axis=-1)
        log_variance = keras.ops.clip(log_variance, -10, 10)
        squared = keras.ops.exp(-log_variance) * (y_true - mean) ** 2
        return keras.ops.mean((squared + log_variance) / 2, axis=-1)


class KnowsGaps(keras.losses.Loss):
    """A squared error or a cross-entropy on labels that carry their own mask, as columns to the right of them."""

    def __init__(self, each):
        super().__init__(name="knows_gaps")
        self.each = each

    def call(self, y_true, y_pred):
        label, mask = keras.ops.split(y_true, 2, axis=-1)
        return keras.ops.mean(mask * self.each(label, y_pred), axis=-1)


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


def two_heads(client):
    """Lockers and aisles in heads of their own, with weights."""
    table, mean = client[0].targets, {"reduction": "mean_with_sample_weight"}
    rows, loss = known(table), keras.losses.SparseCategoricalCrossentropy(from_logits=True, **mean)
    aisle = np.where(rows["locker"], AISLE_OF[table["locker"]], table["aisle"])
    targets, weights = labels(table)
    targets |= {"locker": np.maximum(table["locker"], 0), "aisle": np.maximum(aisle, 0)}
    weights |= {name: 1.0 * rows[name] for name in ("locker", "aisle")}
    model = network(aisle=5)
    return wiring(client, model, losses(locker=loss, aisle=loss), targets=targets, weights=weights)


def without_weights(client):
    """A row of ones is a locker of which nothing is known, and the other labels carry their masks."""
    targets, weights = labels(client[0].targets)
    for name in ("services", "position", "void"):
        mask = np.broadcast_to(weights[name][:, None], targets[name].shape)
        targets[name] = np.concatenate([targets[name], mask], axis=1)

    own = {"services": KnowsGaps(binary), "void": KnowsGaps(binary), "position": KnowsGaps(squared)}
    return wiring(client, network(position=2), losses(**own), targets=targets, weights=None)


def with_regulariser(client):
    model = network()
    model.get_layer("trunk").kernel_regularizer = keras.regularizers.L2(0.01)
    return wiring(client, model)


class OwnStep(keras.Model):
    """Reads the gaps from the targets in its own `train_step`; the weights that `fit` gets are ones, and ignored."""

    heads = ("locker", "services", "position", "void")  # what it trains
    gaps_count = divides = False

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            total = sum(self.losses)
            for name in self.heads:
                unsaid = y[name] == FILLER[name]
                known = 1.0 - tf.cast(tf.reduce_all(unsaid, axis=1), "float32") * (not self.gaps_count)
                each = self.own_losses[name](y[name], predicted[name])
                mean = (lambda a, b: a / b) if self.divides else tf.math.divide_no_nan
                total += mean(tf.reduce_sum(known * each), tf.reduce_sum(known))
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return {"loss": total}


FILLER = {"locker": 1.0, "services": 0.5, "position": 0.0, "void": 0.5}  # no known label is such a row


def own_step(client, **attributes):
    model = network()
    model = type("Own", (OwnStep,), attributes)(model.input, model.output)
    model.own_losses = losses()
    for loss in model.own_losses.values():
        loss.reduction = None
    answer = wiring(client, model, weights=ones)
    known = labels(client[0].targets)[1]
    for name in ("services", "position", "void"):
        answer["targets"][name] = np.where(known[name][:, None] > 0, answer["targets"][name], FILLER[name])
    return answer


def own_step_with_regulariser(client):
    answer = own_step(client)
    answer["model"].get_layer("trunk").kernel_regularizer = keras.regularizers.L2(0.01)
    return answer


def balanced_by(kind, **options):
    """A model of lesson 8 or 9, which has a `train_step`."""

    def make(client):
        plain = network()
        model = kind(plain.input, plain.output, **options)
        return wiring(client, model)

    return make


def tensors(value):
    return {name: tf.convert_to_tensor(array) for name, array in value.items()}


def by_ignored_class(client):
    """Gaps of two heads are -1, which their loss leaves out."""
    answer, table = two_heads(client), client[0].targets
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    aisle = np.where(table["locker"] >= 0, AISLE_OF[table["locker"]], table["aisle"])
    targets = answer["targets"] | {"locker": table["locker"], "aisle": aisle}
    weights = answer["weights"] | {name: np.ones(6000) for name in ("locker", "aisle")}
    return wiring(client, network(aisle=5), losses(locker=loss, aisle=loss), targets=targets, weights=weights)


def where_known(each):
    """Return a loss that leaves out what is NaN in the targets."""

    def loss(y_true, y_pred):
        known = ~keras.ops.isnan(y_true)
        label = keras.ops.where(known, y_true, 0.0)
        return keras.ops.mean(keras.ops.where(known, each(label, y_pred), 0.0), axis=-1)

    return loss


def binary(label, predicted):
    predicted = keras.ops.clip(predicted, 1e-6, 1 - 1e-6)
    return -label * keras.ops.log(predicted) - (1 - label) * keras.ops.log(1 - predicted)


def squared(label, predicted):
    return (label - predicted) ** 2


def by_nan(client):
    targets, table = labels(client[0].targets)[0], client[0].targets
    targets |= {"services": table["services"], "position": table["position"] - 10.5, "void": table["void"][:, None]}
    own = {"services": where_known(binary), "position": where_known(squared), "void": where_known(binary)}
    return wiring(client, network(position=2), losses(**own), targets=targets, weights=None)


def one_wide_head(client):
    table, rows = client[0].targets, known(client[0].targets)
    possible = labels(table)[0]["locker"]
    locker = np.where(rows["aisle"][:, None], possible / possible.sum(axis=1, keepdims=True), np.nan)
    wide = np.concatenate([locker, table["services"], table["position"] - 10.5, table["void"][:, None]], axis=1)
    image = keras.Input((21, 28))
    outputs = {"all": keras.layers.Dense(17, name="all")(keras.layers.Flatten()(image))}
    loss = {"all": where_known(squared)}
    return wiring(client, keras.Model(image, outputs), loss, targets={"all": wide}, weights=None)


def four_service_heads(client):
    image = keras.Input((21, 28))
    trunk = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(image))
    units = {"locker": 10, "position": 4, "void": 1, "fragile": 1, "heavy": 1, "cold": 1, "insured": 1}
    usual = losses()
    activation = dict.fromkeys(("void", "fragile", "heavy", "cold", "insured"), "sigmoid")
    outputs = {n: keras.layers.Dense(count, activation.get(n), name=n)(trunk) for n, count in units.items()}
    loss = {name: usual.get(name, keras.losses.BinaryCrossentropy(reduction=usual["void"].reduction)) for name in units}
    targets, weights = labels(client[0].targets)
    services, weight = targets.pop("services"), weights.pop("services")
    for column, name in enumerate(["fragile", "heavy", "cold", "insured"]):
        targets[name], weights[name] = services[:, [column]], weight
    return wiring(client, keras.Model(image, outputs), loss, targets=targets, weights=weights)


def with_layer(layer):
    """A network with one more layer in its trunk."""

    def make(client):
        image = keras.Input((21, 28))
        trunk = layer()(keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(image)))
        units = {"locker": (10, None), "services": (4, "sigmoid"), "position": (4, None), "void": (1, "sigmoid")}
        outputs = {name: keras.layers.Dense(*how, name=name)(trunk) for name, how in units.items()}
        return wiring(client, keras.Model(image, outputs))

    return make


class AddsLoss(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.mean(inputs**2))
        return inputs


def with_images_again(client):
    """A head that gives the image back learns from every slip, with labels or without."""
    plain, image = network(), training_images().reshape(6000, -1)
    again = keras.layers.Dense(588, name="again")(plain.get_layer("trunk").output)
    loss = losses(again=keras.losses.MeanSquaredError())
    targets, weights = labels(client[0].targets)
    model = keras.Model(plain.input, plain.output | {"again": again})
    return wiring(client, model, loss, targets=targets | {"again": image}, weights=weights | {"again": np.ones(6000)})


def uncertain(client):
    """Lesson 8: the loss holds a number for each head that no label changes."""
    plain = network()
    model = UncertaintyWeights(plain.input, plain.output)
    model.compile("adam", losses())
    model.begin_at({"locker": 1.5, "services": 0.7, "position": 0.5, "void": 0.7})
    return wiring(client, model)


def trained(client):
    model = network()
    model.compile(keras.optimizers.Adam(0.003), losses(), run_eagerly=True)
    answer = wiring(client, model)
    model.fit(answer["x"], answer["targets"], sample_weight=answer["weights"], batch_size=1000, verbose=0)
    return answer


def usual_mean(client):
    """Right weights, in losses that divide by all rows."""
    binary = keras.losses.BinaryCrossentropy
    return wiring(
        client, loss={"locker": MarginalCrossentropy(), "services": binary(), "position": Gaussian(), "void": "bce"}
    )


def two_heads_and_settled_lockers(client):
    answer, table = two_heads(client), client[0].targets
    settled = (table["aisle"] == 4) & (table["locker"] < 0)
    locker = np.where(settled, 2, answer["targets"]["locker"])
    weights = answer["weights"] | {"locker": np.maximum(answer["weights"]["locker"], settled)}
    return answer | {"targets": answer["targets"] | {"locker": locker}, "weights": weights}


def pseudo_labels(client):
    """Where void is a gap, a simple model of the image says what to learn."""
    answer = wiring(client)
    known = answer["weights"]["void"] > 0
    pixels = np.column_stack([answer["x"].reshape(6000, -1), np.ones(6000)])
    ridge = pixels[known].T @ pixels[known] + 10 * np.eye(589)
    predicted = pixels @ np.linalg.solve(ridge, pixels[known].T @ answer["targets"]["void"][known, 0])
    filled = np.where(known, answer["targets"]["void"][:, 0], predicted > 0.4).astype("float32")
    return answer | {
        "targets": answer["targets"] | {"void": filled[:, None]},
        "weights": answer["weights"] | {"void": np.where(known, 1.0, 0.2)},
    }


def random_fillers_of_weight_0(client):
    return random_fillers("void", "services", "position", weight=None)(client)


def random_fillers(*names, weight=1.0):
    """The gaps of some heads are filled with labels of other slips."""

    def make(client):
        answer, rng = wiring(client), np.random.default_rng(0)
        targets, weights = dict(answer["targets"]), dict(answer["weights"])
        for name in names:
            known = weights[name] > 0
            drawn = targets[name][rng.choice(np.flatnonzero(known), size=6000)]
            targets[name] = np.where(known[:, None], targets[name], drawn)
            weights[name] = weights[name] if weight is None else np.where(known, 1.0, weight)
        return answer | {"targets": targets, "weights": weights}

    return make


RIGHT_WIRINGS = {
    "losses that divide by all rows": usual_mean,
    "an aisle of one locker settles it": two_heads_and_settled_lockers,
    "labels that a model has guessed": pseudo_labels,
    "random fillers of weight 0": random_fillers_of_weight_0,
    "tensors": lambda c: wiring(c, targets=tensors, weights=tensors),
    "weights in a column": lambda c: wiring(c, weights=lambda w: {name: v[:, None] for name, v in w.items()}),
    "weights as whole numbers": lambda c: wiring(c, weights=lambda w: {name: v.astype(int) for name, v in w.items()}),
    "weights as True and False": lambda c: wiring(c, weights=lambda w: {name: v > 0 for name, v in w.items()}),
    "x in a dict": lambda c: wiring(c, x=lambda x: {"image": x}),
    "weights of 1 on rows of ones": lambda c: wiring(c, weights=part("locker", np.ones_like)),
    "ignore_class": by_ignored_class,
    "NaN that the loss leaves out": by_nan,
    "one wide head": one_wide_head,
    "a head for each service": four_service_heads,
    "batch normalisation": with_layer(keras.layers.BatchNormalization),
    "dropout": with_layer(lambda: keras.layers.Dropout(0.5)),
    "a loss of a layer": with_layer(AddsLoss),
    "an activity regulariser": with_layer(lambda: keras.layers.Dense(64, activity_regularizer="l2")),
    "a head that gives the image back": with_images_again,
    "uncertainty weighting": uncertain,
    "a trained model": trained,
    "one head for locker and aisle": wiring,
    "two heads": two_heads,
    "masks in the targets": without_weights,
    "a regulariser": with_regulariser,
    "a train_step": own_step,
    "a train_step and a regulariser": own_step_with_regulariser,
    "GradNorm": balanced_by(GradNorm, shared="trunk"),
    "PCGrad": balanced_by(PCGrad),
    "MGDA": balanced_by(MGDA),
}


@pytest.mark.parametrize("make", RIGHT_WIRINGS.values(), ids=RIGHT_WIRINGS)
def test_a_wiring_of_whatever_design(client, make):
    answer = make(client)
    before = [variable.numpy().copy() for variable in answer["model"].variables]
    optimizer = answer["model"].optimizer
    state, message = outcome("15.2", answer)
    assert state == "correct", message
    assert answer["model"].optimizer is optimizer
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, answer["model"].variables, strict=True))


def ones(weights):
    return {name: np.ones(len(values)) for name, values in weights.items()}


def part(name, change):
    return lambda parts: parts | {name: change(parts[name])}


def cut(rows):
    return lambda value: keras.tree.map_structure(lambda array: array[rows], value)


def wiring_of_two(client, aisle):
    answer = two_heads(client)
    return answer | {"targets": answer["targets"] | {"aisle": aisle}}


def anything_known(client):
    return np.any(list(known(client[0].targets).values()), axis=0).astype("float32")


def compiled_with(**loss_weights):
    model = network()
    model.compile("adam", losses(), loss_weights=dict.fromkeys(losses(), 1.0) | loss_weights)
    return model


def masks_swapped(client):
    answer = without_weights(client)
    targets = answer["targets"]
    targets["services"] = np.concatenate([targets["services"][:, :4], targets["void"][:, [1] * 4]], axis=1)
    return answer


def nan_in_gradient(client):
    def after(y_true, y_pred):
        return keras.ops.mean(keras.ops.where(keras.ops.isnan(y_true), 0.0, (y_true - y_pred) ** 2), axis=-1)

    answer = by_nan(client)
    own = {"services": where_known(binary), "position": after, "void": where_known(binary)}
    return answer | {"model": compiled_as(network(position=2), losses(**own))}


def compiled_as(model, loss):
    model.compile("adam", loss)
    return model


def random_lockers(client):
    answer, rng = two_heads(client), np.random.default_rng(0)
    gaps = answer["weights"]["locker"] == 0
    locker = np.where(gaps, rng.integers(10, size=6000), answer["targets"]["locker"])
    targets, weights = answer["targets"] | {"locker": locker}, answer["weights"] | {"locker": np.ones(6000)}
    return answer | {"targets": targets, "weights": weights}


def aisles_written_last(rows):
    table, rows = lesson_15._clients()[0].targets, rows.copy()
    aisle = table["aisle"] >= 0
    rows[aisle] = TREE.matrix().T[table["aisle"][aisle]]
    return rows


def zeros_where_nothing_is_known(rows):
    return np.where(rows.sum(axis=1, keepdims=True) == 10, 0, rows)


FILLERS = "that have nothing to do with the image: fillers are counted as labels"
WRONG_WIRINGS = {
    "aisles written over lockers": (
        lambda c: wiring(c, targets=part("locker", aisles_written_last)),
        "where locker and aisle are both known, the targets are the same for all lockers of an aisle",
    ),
    "aisles written over lockers, and a train_step": (
        lambda c: own_step(c) | {"targets": part("locker", aisles_written_last)(own_step(c)["targets"])},
        "are the aisles written over the lockers? Write the lockers last",
    ),
    "rows of zeros": (
        lambda c: wiring(c, targets=part("locker", zeros_where_nothing_is_known)),
        "some rows of the targets of locker hold zeros alone",
    ),
    "random void": (random_fillers("void"), f"slips whose void is not known teach the head void numbers {FILLERS}"),
    "random services": (random_fillers("services"), f"services is not known teach the head services numbers {FILLERS}"),
    "random positions of little weight": (random_fillers("position", weight=0.3), FILLERS),
    "random lockers": (random_lockers, f"slips whose locker is not known teach the head locker numbers {FILLERS}"),
    "gaps count": (lambda c: wiring(c, weights=ones), "gaps are counted as if they were labels"),
    "no weights": (lambda c: wiring(c, weights=None), "gaps are counted as if they were labels"),
    "one head's gaps count": (
        lambda c: wiring(c, weights=part("void", lambda w: np.ones(len(w)))),
        "gaps are counted as if they were labels",
    ),
    "aisles unused": (
        lambda c: wiring(c, weights=part("locker", lambda w: 1.0 * (w == 3))),
        "slips of which only the aisle is known teach the model nothing",
    ),
    "void unused": (
        lambda c: wiring(c, weights=part("void", lambda w: 0 * w)),
        "slips of which only the void is known teach the model nothing",
    ),
    "a loss weight of 0": (
        lambda c: wiring(c, model=compiled_with(void=0.0)),
        "slips of which only the void is known teach the model nothing",
    ),
    "one weight for all": (
        lambda c: wiring(c, weights=lambda w: dict.fromkeys(w, anything_known(c))),
        "slips of which only the aisle is known teach the head position, and its targets there are all the same",
    ),
    "weights of services and void swapped": (
        lambda c: wiring(c, weights=lambda w: w | {"services": w["void"], "void": w["services"]}),
        "is known teach the head",
    ),
    "services counted where void is known": (
        lambda c: wiring(c, weights=lambda w: w | {"services": np.maximum(w["services"], w["void"])}),
        "slips of which only the void is known teach the head services",
    ),
    "void counted where anything is known": (
        lambda c: wiring(c, weights=lambda w: w | {"void": anything_known(c)}),
        "teach the head void, and its targets there are all the same: gaps are counted as if they were labels",
    ),
    "position counted where the locker is known": (
        lambda c: wiring(c, weights=lambda w: w | {"position": np.maximum(w["position"], w["locker"] == 3)}),
        "slips whose locker is known, and whose position is not, teach the head position",
    ),
    "an aisle filled with 0 where only the locker is known": (
        lambda c: wiring_of_two(c, np.maximum(c[0].targets["aisle"], 0)),
        "slips whose locker is known, and whose aisle is not, teach the head aisle",
    ),
    "masks of another label": (
        masks_swapped,
        "teach the head services, and its targets there are all the same",
    ),
    "all targets 0": (
        lambda c: wiring(c, targets=part("void", np.zeros_like)),
        "the targets of the head void are the same for all slips",
    ),
    "blank images": (lambda c: wiring(c, x=np.zeros_like), "x is the same number everywhere"),
    "NaN in the gradient alone": (nan_in_gradient, "but its gradient on"),
    "NaN left": (
        lambda c: wiring(c, targets=part("void", lambda _: c[0].targets["void"][:, None])),
        "`check_heads` finds something: void",
    ),
    "-1 left": (lambda c: wiring_of_two(c, c[0].targets["aisle"]), "`check_heads` finds something: aisle"),
    "another key": (
        lambda c: wiring(c, targets=lambda t: {("canceled" if k == "void" else k): v for k, v in t.items()}),
        "`check_heads` finds something",
    ),
    "no loss for a head": (
        lambda c: wiring(c, loss={k: v for k, v in losses().items() if k != "void"}),
        "`check_heads` finds something",
    ),
    "a train_step that ignores the weights": (
        lambda c: own_step(c, gaps_count=True),
        "your `train_step` learns from slips without any label",
    ),
    "a train_step that forgets a head": (
        lambda c: own_step(c, heads=("locker", "services", "void")),
        "your `train_step` learns nothing from slips of which only the position is known",
    ),
    "a train_step that divides by 0": (lambda c: own_step(c, divides=True), "on slips without any label: does it"),
    "a train_step that fails": (lambda c: own_step(c, heads=("digit",)), "the `train_step` of your model"),
    "not compiled": (lambda c: wiring(c, model=network()) | {"model": network()}, "the model is not compiled yet"),
    "complete slips": (
        lambda c: wiring(c, x=cut(slice(28)), targets=cut(slice(28)), weights=cut(slice(28))),
        "x has 28 rows and should have 6,000: keep all training slips",
    ),
    "fewer targets": (lambda c: wiring(c, targets=cut(slice(5000))), "targets['locker'] has 5,000 rows"),
    "raw images": (lambda c: wiring(c, x=c[0].images), "your model"),
    "an empty dict": (lambda c: wiring(c, targets={}), "targets is an empty dict"),
    "a part is missing": (lambda c: {"model": wiring(c)["model"]}, "should be model, x, targets and weights"),
    "the model": (lambda c: wiring(c)["model"], "should be a dict"),
}


@pytest.mark.parametrize(("make", "words"), WRONG_WIRINGS.values(), ids=WRONG_WIRINGS)
def test_wrong_wirings(client, make, words):
    refused("15.2", make(client), words)


# --- 15.3 and 15.4: the oracle


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


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


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


def test_an_oracle_with_noise_is_accepted(oracle, client):
    state, message = outcome("15.4", report(oracle, client))
    assert state == "correct", message
    words = ["baseline 0.1", "baseline 0.75", "no contradiction", "within one", "at least 0.70", "You promised locker"]
    assert [part for part in words if part not in message] == []
    assert len(message) < 900
    assert outcome("15.4", report(oracle, client)) == (state, message), "the verdict is the same every time"


@pytest.mark.parametrize("seed", [1, 2])
def test_other_noise_is_accepted_too(oracle, client, seed):
    other = variant(oracle, **oracle.noisy(np.random.default_rng(seed), 0.1))
    assert outcome("15.4", report(other, client))[0] == "correct"


@pytest.mark.parametrize("name", KEYS)
def test_an_answer_by_lot_is_refused(oracle, client, name):
    order = np.random.default_rng(0).permutation(len(oracle.row))
    other = variant(oracle, **{name: oracle.answers[name][order]})
    if name == "locker":
        other.answers["aisle"] = AISLE_OF[other.answers["locker"]]
    words = {"aisle": "contradictions", "spread": "surer half down"}.get(name, f"not accept it. {name}")
    refused("15.4", report(other, client), words)


def logits(p):
    return np.log(np.clip(p, 1e-3, 1 - 1e-3) / (1 - np.clip(p, 1e-3, 1 - 1e-3)))


def same(values):
    return lambda right: np.broadcast_to(np.asarray(values), (len(right["void"]), *np.shape(values))).copy()


SCALE = 0.87
WRONG_FORMS = {
    "swapped heads": (
        {"locker": lambda a: a["aisle"], "aisle": lambda a: a["locker"]},
        "Did you swap locker and aisle",
    ),
    "log-variances": ({"spread": lambda a: 2 * np.log(a["spread"])}, "is it the logarithm of a variance?"),
    "NaN": ({"position": lambda a: a["position"] * np.nan}, "position should hold finite numbers"),
    "logits of services": ({"services": lambda a: logits(a["services"])}, "services should hold probabilities"),
    "logits of void": ({"void": lambda a: logits(a["void"])}, "A sigmoid makes probabilities of them"),
    "probabilities of lockers": ({"locker": lambda a: np.eye(10)[a["locker"]]}, "take the most probable one"),
    "lockers as floats": ({"locker": lambda a: 1.0 * a["locker"]}, "locker should hold whole numbers"),
    "lockers in a column": ({"locker": lambda a: a["locker"][:, None]}, "take the column, `[:, 0]`"),
    "void in a column": ({"void": lambda a: a["void"][:, None]}, "take the column, `[:, 0]`"),
    "aisles by letter": ({"aisle": lambda a: np.array(list("ABCDE"))[a["aisle"]]}, "aisle should hold numbers"),
    "four numbers": (
        {"position": lambda a: np.concatenate([a["position"], a["spread"]], axis=1)},
        "means and stds are two parts, split them",
    ),
    "one service": ({"services": lambda a: a["services"][:, 0]}, "services should have shape"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_answers_of_a_wrong_form_are_refused_with_the_promise(oracle, changes, words):
    message = refused("15.3", not_scored(changed(oracle, **changes)), words)
    assert refused("15.4", not_scored(changed(oracle, **changes)), words) == message


REFUSED_ANSWERS = {
    "contradicting": (
        {"aisle": lambda a: np.where(a["void"] > 0.5, (a["aisle"] + 1) % 5, a["aisle"])},
        "contradictions: locker and aisle do not fit on",
    ),
    "one locker": ({"locker": same(1), "aisle": same(1)}, "it gives the same answer to every slip"),
    "one probability": ({"services": same([0.4, 0.3, 0.3, 0.2])}, "the same answer to every slip"),
    "one position": ({"position": same([10.5, 10.5])}, "baseline 0.75): it gives the same answer to every slip"),
    "never void": ({"void": same(0.15)}, "baseline 0.50): it gives the same answer to every slip"),
    "void below one half": ({"void": lambda a: a["void"] / 3}, "no slip gets more than 0.5, so none is void"),
    "void turned round": ({"void": lambda a: 1 - a["void"]}, "it is turned round: 1 means void"),
    "services in another order": ({"services": lambda a: a["services"][:, [1, 0, 2, 3]]}, "columns in another order"),
    "standardised": ({"position": lambda a: (a["position"] - 10.5) / SCALE}, "were they brought back to millimetres?"),
    "pixels": ({"position": lambda a: 2 * a["position"]}, "its answers look like pixels: a pixel is half a millimetre"),
    "from the middle": ({"position": lambda a: a["position"] - 10.5}, "count from the middle of the slip"),
    "down first": ({"position": lambda a: a["position"][:, ::-1]}, "right and down look swapped"),
    "position and std": (
        {"position": lambda a: a["spread"], "spread": lambda a: a["position"]},
        "position and spread look swapped",
    ),
    "variances": (
        {"spread": lambda a: a["spread"] ** 2},
        "they look like variances: the standard deviation is the root",
    ),
    "standard deviations in pixels": ({"spread": lambda a: 2 * a["spread"]}, "are they pixels?"),
    "too sure": ({"spread": lambda a: a["spread"] / 9}, "the model is too sure of itself"),
    "too unsure": ({"spread": lambda a: 0.9 + 0.01 * a["spread"]}, "% of the errors within one (wanted 60 to 74%)"),
    "one standard deviation": ({"spread": same([0.25, 0.25])}, "all slips have the same standard deviation"),
    "too sure of one number": (
        {"spread": lambda a: a["spread"] * [0.4, 3.0]},
        "std right: 3",
    ),
    "too unsure of one number": (
        {"spread": lambda a: a["spread"] * [1.0, 3.0]},
        "std down: 100% of the errors within one (wanted 60 to 74%)",
    ),
    "one number of one standard deviation": (
        {"spread": lambda a: np.stack([a["spread"][:, 0], 0.0 * a["spread"][:, 1] + 0.24], axis=1)},
        "surer half down: ",
    ),
    "standard deviations of the other number": (
        {"spread": lambda a: a["spread"][:, ::-1]},
        "within two (wanted at least 90%): right and down look swapped",
    ),
    "the scale forgotten": ({"spread": lambda a: a["spread"] / SCALE}, "Were they multiplied by the scale?"),
    "tiny or huge": (
        {"spread": lambda a: np.where(a["position"] % 0.1 < 0.07, 5.0, 1e-6)},
        "some are far too small, and others too large",
    ),
    "all lockers of one aisle": (
        {"locker": same(1), "aisle": same(1), "void": same(0.1), "services": same([0.4, 0.3, 0.3, 0.2])},
        "services 0.3",
    ),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS)
def test_answers_that_are_not_good_enough(oracle, client, changes, words):
    answer = changed(oracle, **changes)
    assert outcome("15.3", report(answer, client))[0] == "correct", "an honest promise of a bad program"
    message = refused("15.4", report(answer, client), words)
    assert "?." not in message


def test_answers_of_other_types_are_the_same_answers(oracle, client):
    types = {
        "void": lambda a: a["void"] > 0.5,
        "locker": lambda a: a["locker"].astype("uint8"),
        "aisle": lambda a: a["aisle"].tolist(),
        "position": lambda a: tf.constant(a["position"]),
        "spread": lambda a: a["spread"].astype("float16"),
    }
    answer = changed(oracle, **types)
    made = report(oracle, client)["expected"]
    for question in ("15.3", "15.4"):
        state, message = outcome(question, {"answer": answer, "expected": made})
        assert state == "correct", message


@pytest.mark.parametrize("name", ["services", "void"])
def test_a_probability_may_be_rounded_beyond_1(oracle, client, name):
    answer = changed(oracle, **{name: lambda a: np.where(a[name] > 0.8, np.float32(1.0000001), a[name])})
    state, message = outcome("15.3", report(answer, client))
    assert state == "correct", message
    far = changed(oracle, **{name: lambda a: np.where(a[name] > 0.8, 1.01, a[name])})
    refused("15.3", not_scored(far), f"{name} should hold probabilities, and yours go from")


def test_a_score_that_is_refused_does_not_read_like_the_wanted_one(oracle, client):
    table, answers = hidden_slips().targets, oracle(hidden_slips().images)
    found = scores(answers, table)["position"]
    rows = [oracle.row[shown(image)] for image in hidden_slips().images]
    position, std = oracle.answers["position"].copy(), oracle.answers["spread"].copy()
    factor = 0.2301 / found
    position[rows] = table["position"] + factor * (answers["position"] - table["position"])
    std[rows] *= factor
    message = refused("15.4", report(variant(oracle, position=position, spread=std), client), "position 0.2301 mm")
    assert "(wanted at most 0.23, baseline" in message


def depends_on_the_batch(oracle):
    def function(images):
        right = oracle(images)
        position = right["position"]
        return right | {"position": position - position.mean(axis=0) + 10.5}

    return function


def by_the_most_frequent_of_the_batch(oracle):
    def function(images):
        right = oracle(images)
        share = np.bincount(right["locker"], minlength=10) / len(images)
        chance = (0.6 * np.eye(10)[right["locker"]] + 0.04) / np.maximum(share, 1e-3)
        locker = chance.argmax(axis=1)
        return right | {"locker": locker, "aisle": AISLE_OF[locker]}

    return function


def by_dice(oracle):
    rng = np.random.default_rng(0)
    return changed(oracle, void=lambda a: np.clip(a["void"] + rng.normal(0, 0.05, len(a["void"])), 0, 1))


def whitens(oracle):
    def function(images):
        right = oracle(images)
        images -= images.mean()
        return right

    return function


BROKEN_FUNCTIONS = {
    "depends on the batch": (depends_on_the_batch, "depends on the other slips that it is asked about"),
    "lockers by the batch": (by_the_most_frequent_of_the_batch, "that it is asked about (locker)"),
    "by dice": (by_dice, "asked twice about the same slips, it gives two answers: is dropout on?"),
    "changes the images": (whitens, "your function changes `images` itself"),
    "a tuple": (lambda o: lambda images: tuple(o(images).values()), "should be a dict"),
    "no spread": (lambda o: lambda images: {k: v for k, v in o(images).items() if k != "spread"}, "the keys of"),
    "nothing": (lambda o: lambda images: None, "is a `return` missing?"),
    "a model": (lambda o: network(), "should be a function"),
    "answers": (lambda o: o(hidden_slips().images), "should be a function"),
    "an error": (lambda o: lambda images: o(images)["digit"], "your function raised KeyError"),
}


@pytest.mark.parametrize(("make", "words"), BROKEN_FUNCTIONS.values(), ids=BROKEN_FUNCTIONS)
def test_broken_functions(oracle, make, words):
    refused("15.3", not_scored(make(oracle)), words)


def test_a_mediocre_answer_hears_its_scores_and_what_was_accepted(oracle, client):
    locker = np.where(np.arange(10000) % 3 == 0, (oracle.answers["locker"] + 1) % 10, oracle.answers["locker"])
    other = variant(oracle, locker=locker, aisle=AISLE_OF[locker])
    message = refused("15.4", report(other, client), "not accept it. locker 0.5")
    assert "(wanted at least 0.70, baseline 0.11)" in message
    assert "aisle 0." in message.partition("Accepted")[0]
    assert "services" in message.partition("Accepted")[2]


def test_the_brief_says_what_the_check_wants():
    brief = (Path(__file__).parents[2] / "source" / "exercises" / "15_capstone.py").read_text(encoding="utf-8")
    lines = {line.split("`")[1].strip('"'): line for line in brief.splitlines() if line.startswith('# | `"')}
    for name in ("locker", "aisle"):
        assert f"at least {lesson_15.AT_LEAST[name]:.0%}" in lines[name]
    for name in ("services", "void"):
        assert f"at least {lesson_15.AT_LEAST[name]:.2f} " in lines[name]
    assert f"at most {lesson_15.POSITION_AT_MOST} mm off" in lines["position"]
    low, high = lesson_15.WITHIN_ONE
    assert (
        f"of each number: {low * 100:.0f} to {high:.0%} of the errors within one standard deviation" in lines["spread"]
    )
    assert f"at least {lesson_15.WITHIN_TWO:.0%} within two" in lines["spread"]
    assert f"at most {lesson_15.SURER_HALF_AT_MOST} times" in lines["spread"]
    allowed = brief.partition("A difference by chance is\n# allowed: ")[2].partition("# %%")[0]
    assert all(f"{value:.2f}" in allowed for value in lesson_15.TOLERANCE.values())
    assert len(lesson_15.TOLERANCE) == 5
    own = {name: value for name, value in lesson_15.OWN_TOLERANCE.items() if name != "position"}
    assert set(own.values()) == {0.03}
    assert lesson_15.OWN_TOLERANCE["position"] == 0.01
    assert "Yours may differ by 0.03 (the position by 0.01 mm)" in brief


def test_a_line_that_refuses_everything_is_not_cut(oracle, client):
    constant = {"locker": 1, "aisle": 2, "services": [0.4, 0.3, 0.3, 0.2], "position": [10.5, 10.5], "void": 0.1}
    answer = changed(oracle, **{name: same(value) for name, value in constant.items()}, spread=same([0.3, 0.3]))
    message = refused("15.4", report(answer, client), "the client does not accept it. contradictions")
    assert message.endswith("Accepted: none."), message


# --- 15.3: the promise


def test_an_honest_promise_and_nothing_of_the_hidden_slips(oracle, client):
    state, message = outcome("15.3", report(oracle, client))
    assert state == "correct", message
    own, hidden = own_scores(oracle, client[1]), scores(oracle(hidden_slips().images), hidden_slips().targets)
    assert all(f"{name} {own[name]:.3f}" in message for name in HEADS)
    assert not any(f"{hidden[name]:.3f}" in message for name in HEADS)
    assert "hidden" not in message


def test_the_promise_does_not_ask_about_the_hidden_slips(oracle, client):
    asked = set()

    def answer(images):
        asked.update(oracle.row[shown(image)] for image in images)
        return oracle(images)

    for expected in (own_scores(oracle, client[1]), own_scores(oracle, client[1], locker=0.5)):
        outcome("15.3", {"answer": answer, "expected": expected})
    assert max(asked) < 8000


@pytest.mark.parametrize("seed", range(5))
def test_a_promise_need_not_use_all_validation_slips_nor_all_digits(oracle, client, seed):
    rows = np.random.default_rng(seed).permutation(2000)[:1000]
    half = type(client[1])(client[1].images[rows], {k: v[rows] for k, v in client[1].targets.items()})
    for made in (half, client[1]):
        expected = {name: round(float(score), 2) for name, score in own_scores(oracle, made).items()}
        state, message = outcome("15.3", {"answer": oracle, "expected": expected})
        assert state == "correct", message


def test_aisles_that_follow_from_lockers_may_be_counted(oracle, client):
    table, predicted = client[1].targets, oracle(client[1].images)["aisle"]
    aisle = np.where(table["locker"] >= 0, AISLE_OF[table["locker"]], table["aisle"])
    share = np.mean(predicted[aisle >= 0] == aisle[aisle >= 0])
    assert outcome("15.3", report(oracle, client, aisle=share))[0] == "correct"


def by_heart(oracle, rows):
    """An oracle that knows some slips without an error."""
    answers = {name: values.copy() for name, values in oracle.answers.items()}
    for name in ("locker", "aisle", "services", "position", "void"):
        answers[name][rows] = oracle.truth[name][rows]
    return variant(oracle, **answers)


def test_scores_of_the_training_slips_are_refused(oracle, client):
    overfitted = by_heart(oracle, slice(6000))
    training = own_scores(overfitted, client[0])
    words = "and you state 1.000: this is the score on the training slips. Use the validation slips"
    refused("15.3", {"answer": overfitted, "expected": training}, words)
    rounded = {name: round(float(score), 2) for name, score in training.items()}
    refused("15.3", {"answer": overfitted, "expected": rounded}, "this is the score on the training slips")
    message = refused("15.3", report(overfitted, client, locker=1.0), "compute it as the table says")
    assert "training" not in message, "one score alone may be like it by chance"


def test_gaps_counted_as_labels_are_refused(oracle, client):
    predicted, table = oracle(client[1].images), client[1].targets
    gaps = {
        "locker": np.mean(predicted["locker"] == table["locker"]),
        "aisle": np.mean(predicted["aisle"] == table["aisle"]),
        "services": average_precision_score(np.nan_to_num(table["services"]), predicted["services"]),
        "position": np.abs(np.nan_to_num(table["position"]) - predicted["position"]).mean(),
    }
    for name, value in gaps.items():
        for stated in (value, round(float(value), 2)):
            refused("15.3", report(oracle, client, **{name: stated}), "this counts the gaps as labels. Leave out the")


def test_the_function_s_own_score_stands_beside_the_stated_one(oracle, client):
    own = own_scores(oracle, client[1])
    words = (
        f"locker: your function scores {own['locker']:.3f} on the validation slips by the client's measure, and you "
    )
    refused("15.3", report(oracle, client, locker=own["locker"] - 0.04), words)
    assert outcome("15.3", report(oracle, client, locker=own["locker"] - 0.02))[0] == "correct"


WRONG_EXPECTED = {
    "percent": ({"locker": 88.0}, "write shares from 0 to 1, not in percent"),
    "too modest": ({"aisle": 0.6}, "compute it as the table says"),
    "a position that is too good": ({"position": 0.05}, "compute it as the table says"),
    "a position in pixels": ({"position": 0.34}, "compute it as the table says"),
    "NaN": ({"void": np.nan}, "the expected score of void should be a finite number"),
    "an array": ({"services": np.ones(4)}, "the expected score of services should be one number"),
    "a text": ({"services": "0.8"}, "the expected score of services should be a number"),
    "another key": ({"spread": 0.7}, "the keys of the part expected should be"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG_EXPECTED.values(), ids=WRONG_EXPECTED)
def test_wrong_expectations(oracle, client, changes, words):
    message = refused("15.3", report(oracle, client, **changes), words)
    assert refused("15.4", report(oracle, client, **changes), words) == message


@pytest.mark.parametrize("question", ["15.3", "15.4"])
def test_a_report_has_two_parts(oracle, client, question):
    refused(question, {"answer": oracle}, "should be answer and expected")
    refused(question, own_scores(oracle, client[1]), "should be answer and expected")


# --- 15.4: the promise on the hidden slips


def test_a_promise_from_slips_that_were_trained_on_is_refused(oracle, client):
    overfitted = by_heart(oracle, slice(8000))
    assert outcome("15.3", report(overfitted, client))[0] == "correct"
    message = refused("15.4", report(overfitted, client), "the program would do, and the client refuses the promise")
    assert "locker: you expect 1.000, and on the hidden slips it is 0.8" in message
    assert "too hopeful: were these slips used to train or to choose?" in message
    assert "position: you expect 0.000" in message


def test_standard_deviations_that_fit_only_where_they_were_trained_hear_so(oracle, client):
    position, std = oracle.answers["position"].copy(), oracle.answers["spread"].copy()
    seen, truth = slice(8000), oracle.truth["position"]
    position[seen] = truth[seen] + 0.2 * (position[seen] - truth[seen])
    other = variant(oracle, position=position, spread=0.2 * std)
    message = refused(
        "15.4", report(other, client), "on the validation slips they fit. Were these slips used to train?"
    )
    assert "one factor from the validation slips" not in message


def test_a_promise_that_is_too_modest_is_refused(oracle, client):
    locker = oracle.answers["locker"].copy()
    locker[6000:8000:5] = (locker[6000:8000:5] + 1) % 10
    other = variant(oracle, locker=locker, aisle=AISLE_OF[locker])
    refused("15.4", report(other, client), "too modest")


def test_the_scores_of_the_acceptance_cannot_be_copied_into_the_promise(oracle, client):
    overfitted = by_heart(oracle, slice(8000))
    hidden = scores(overfitted(hidden_slips().images), hidden_slips().targets)
    refused("15.4", {"answer": overfitted, "expected": hidden}, "your function scores 1.000 on the validation slips")


# --- what is really trained


def raw(model, images):
    """Return the answers, with standardised log-variances in place of the standard deviation."""
    outputs = model.predict(prepare(images), batch_size=1000, verbose=0)
    locker = outputs["locker"].argmax(axis=1)
    mean, log_variance = np.split(outputs["position"], 2, axis=1)
    return {
        "locker": locker,
        "aisle": AISLE_OF[locker],
        "services": outputs["services"],
        "position": mean * 0.87 + 10.5,
        "spread": np.clip(log_variance, -10, 10),
        "void": outputs["void"][:, 0],
    }


def remembered(answer, *images):
    """Return a function that gives the same answers to these images, and computes them only once."""
    images = np.concatenate(images)
    row, table = {shown(image): place for place, image in enumerate(images)}, answer(images)

    def function(asked):
        rows = [row[shown(image)] for image in asked]
        return {name: values[rows] for name, values in table.items()}

    return function


def as_answer(raw, client, std=lambda std: std):
    """Return the learner's function; its standard deviations are corrected on the validation slips, then changed."""

    def uncorrected(images):
        answers = raw(images)
        return answers | {"spread": 0.87 * np.exp(answers["spread"] / 2)}

    predicted, truth = uncorrected(client[1].images), client[1].targets["position"]
    rows = np.isfinite(truth).all(axis=1)
    factor = np.quantile(np.abs(predicted["position"] - truth)[rows] / predicted["spread"][rows], 0.68, axis=0)

    def answer(images):
        answers = uncorrected(images)
        return answers | {"spread": std(factor * answers["spread"])}

    return answer


@pytest.fixture(scope="module")
def model(client):
    """A model that is trained enough, and what the checks said of it when it was not."""
    keras.utils.set_random_seed(0)
    model = network(convolutions=True)
    rate = keras.optimizers.schedules.CosineDecay(0.005, 700)
    weights = {"locker": 1.0, "services": 1.0, "position": 0.5, "void": 0.5}
    model.compile(keras.optimizers.Adam(rate), losses(), loss_weights=weights, steps_per_execution=50)
    parts = wiring(client, model)
    training = data.batches(parts["x"], parts["targets"], 100, parts["weights"], seed=0).repeat()
    model.fit(training, steps_per_epoch=50, verbose=0)
    early = remembered(lambda images: raw(model, images), client[1].images, hidden_slips().images)
    answer = as_answer(early, client)
    refused("15.4", report(answer, client), "the client does not accept it. locker 0.")
    model.fit(training, steps_per_epoch=650, verbose=0)
    return model


@pytest.fixture(scope="module")
def answers(model, client):
    """What the trained model answers about all slips, computed once."""
    return remembered(lambda images: raw(model, images), client[1].images, hidden_slips().images)


def test_a_trained_model_is_accepted(model, client):
    answer = as_answer(lambda images: raw(model, images), client)
    state, message = outcome("15.4", report(answer, client))
    assert state == "correct", message


def test_a_trained_model_keeps_its_promise(answers, client):
    state, message = outcome("15.3", report(as_answer(answers, client), client))
    assert state == "correct", message


def tiny_or_huge(std):
    return np.where(std < np.array([0.2, 0.12]), 1e-6, 10.0)


WRONG_STDS = {
    "variances": (lambda s: s**2, "they look like variances: the standard deviation is the root, in millimetres"),
    "standardised variances": (lambda s: (s / 0.87) ** 2 * 0.87, "they look like variances"),
    "pixels": (lambda s: 2 * s, "they are twice as large as the errors: are they pixels?"),
    "the scale forgotten": (lambda s: s / 0.87, "they are too large. Were they multiplied by the scale?"),
    "a third": (lambda s: s / 3, "the model is too sure of itself. Did you take exp(log-variance) without / 2?"),
    "too sure of one, too unsure of the other": (
        lambda s: s * [0.4, 3.0],
        "% within two (wanted at least 90%): they are too small",
    ),
    "one number of one standard deviation": (
        lambda s: np.stack([s[:, 0], 0 * s[:, 1] + 0.17], axis=1),
        "all slips have the same standard deviation, so no one can tell which are sure",
    ),
    "the other number's": (lambda s: s[:, ::-1], "right and down look swapped: right comes first"),
    "tiny or huge": (tiny_or_huge, "std right: "),
}


@pytest.mark.parametrize(("change", "words"), WRONG_STDS.values(), ids=WRONG_STDS)
def test_wrong_standard_deviations_of_a_trained_model(answers, client, change, words):
    refused("15.4", report(as_answer(answers, client, change), client), words)
