"""The checks of the capstone, 19.1 and 19.2: what is known, and a wiring in which all of it teaches, and no gap."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from capstone_answers import TREE, Gaussian, known, labels, losses, network, training_images, wiring
from checking import outcome, refused

from mos_checks import lesson_19
from mos_checks.capstone import AISLE_OF, HEADS
from mos_helpers.balancing import MGDA, GradNorm, PCGrad, UncertaintyWeights
from mos_helpers.hierarchy import MarginalCrossentropy

pytestmark = pytest.mark.usefixtures("bundled")

# --- 19.1


def known_by(**changes):
    return lambda targets: known(targets, **changes)


def with_settled_lockers(targets):
    """Aisle E holds the locker 2 alone."""
    return known(targets, locker=lambda t: (t["locker"] >= 0) | (t["aisle"] == 4))


def test_an_aisle_of_one_locker_may_settle_the_locker():
    state, message = outcome("19.1", with_settled_lockers)
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
    state, message = outcome("19.1", function)
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
    "lockers only": (known_by(aisle=lambda t: t["locker"] >= 0), "aisle is False for some"),
    "locker 0 a gap": (known_by(locker=lambda t: t["locker"] > 0), "the part locker is False for some labels that are"),
    "void 0 a gap": (known_by(void=lambda t: t["void"] == 1), "the part void is False for some labels that are 0"),
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
    refused("19.1", answer, words)


# --- 19.2


class KnowsGaps(keras.losses.Loss):
    """A squared error or a cross-entropy on labels that carry their own mask, as columns to the right of them."""

    def __init__(self, each):
        super().__init__(name="knows_gaps")
        self.each = each

    def call(self, y_true, y_pred):
        label, mask = keras.ops.split(y_true, 2, axis=-1)
        return keras.ops.mean(mask * self.each(label, y_pred), axis=-1)


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
    state, message = outcome("19.2", answer)
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
    table, rows = lesson_19._clients()[0].targets, rows.copy()
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
    refused("19.2", make(client), words)
