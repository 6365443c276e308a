"""Set-ups that `check_heads` gives advice for, what the messages ask for, and the losses that are meant, in NumPy."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse
import tensorflow as tf
from heads_made import N, Setup, code_in
from keras import layers, losses

# ---------------------------------------------------------------------------------------------------------------------
# Data, and the losses in NumPy: of each row, step or pixel, for targets t and outputs o.

R = np.random.default_rng(1)
KINDS, MAP = R.integers(0, 3, N), R.integers(0, 3, (N, 4, 2))
YES, TAGS, MASK = (R.integers(0, 2, (N, *more, 1 if more else k)) for more, k in [((), 1), ((), 3), ((4, 2), 1)])
NUMBERS, PAIRS, COUNTS = R.normal(size=(N, 1)), R.normal(size=(N, 2)), R.integers(0, 5, (N, 1))
HALF = np.repeat([1.0, 0.0], N // 2)
THIRDS = np.arange(N) % 3  # 0, 1 and 2, so that they average 1
EYE = np.eye(3)
SOFT = 0.8 * EYE[KINDS] + 0.2 / 3


def softmax(o):
    return np.exp(o) / np.exp(o).sum(-1, keepdims=True)


def sigmoid(o):
    return 1 / (1 + np.exp(-o))


def sparse(t, o):
    return -np.log(np.take_along_axis(o, t[..., None], -1))[..., 0]


def categorical(t, o):
    return -(t * np.log(o)).sum(-1)


def binary(t, o):
    return -(t * np.log(o) + (1 - t) * np.log(1 - o)).mean(-1)


def squared(t, o):
    return ((t - o) ** 2).mean(-1)


def huber(t, o, delta):
    far = np.abs(t - o)
    return np.where(far < delta, far**2 / 2, delta * far - delta**2 / 2).mean(-1)


def poisson(t, o):
    return (o - t * np.log(o)).mean(-1)


def hinge(t, o):
    return np.maximum(1 - t * o, 0).mean(-1)


def dice(t, o, axis):
    return 1 - (2 * (t * o).sum(axis) + 1e-7) / (t.sum(axis) + o.sum(axis) + 1e-7)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def mean(loss, weight=None):
    """Return the mean over what has a weight, each entry as often as its weight says."""
    if weight is None:
        return loss.mean()
    weight = np.broadcast_to(np.reshape(weight, weight.shape + (1,) * (loss.ndim - weight.ndim)), loss.shape)
    return (loss * weight).sum() / weight.sum()


def weighted(loss, weight):
    """Return the mean of all, each multiplied by its weight: Keras's mean if nothing else is said."""
    return (loss * np.reshape(weight, weight.shape + (1,) * (loss.ndim - weight.ndim))).mean()


# ---------------------------------------------------------------------------------------------------------------------
# What the messages ask for, each as a function of a set-up and a message that returns the mended set-up


def take_loss(setup, message):
    return replace(setup, loss=code_in(message, "keras.losses."))


def take_name(setup, message):
    return replace(setup, loss=re.findall(r'(?:use|with) "(\w+)"', message)[-1])


def take_activation(setup, message):
    return replace(setup, activation=re.search(r'activation="(\w+)"', message)[1])


def take_both(setup, message):
    written = take_loss if "keras.losses" in message else take_name
    return written(take_activation(setup, message), message)


def take_targets(beginning):
    return lambda setup, message: replace(setup, target=code_in(message, beginning, targets=setup.target))


def call_on_targets(setup, message):
    call = re.search(r"\.(to|cat)[\w.]*\([^)]*\)", message)[0]
    return replace(setup, target=code_in(f"targets{call}", "targets", targets=setup.target))


def stretch(setup, message):
    return replace(setup, weight=code_in(message, "np.broadcast_to", w=setup.weight))


def one_more_axis(setup, message):
    reshape = code_in(message, "Reshape", Reshape=layers.Reshape)
    return replace(setup, end=lambda: reshape, target=reshape(setup.target).numpy())


def take_metric(setup, message):
    return replace(setup, metrics=(code_in(message[message.index(": use ") + 6 :], ""),))


def weigh_metrics(setup, message):
    assert "weighted_metrics" in message
    return replace(setup, metrics=(), weighted_metrics=setup.metrics)


def leave_out_activation(setup, message):
    assert "leave" in message
    return replace(setup, activation=None)


def change(says, **changes):
    """Return a cure that is worded, and stands in no code: the words, and what they mean here."""

    def cure(setup, message):
        assert says in message
        return replace(setup, **changes)

    return cure


masked, shaped = ("masked-loss", take_loss), ("weight-shape", stretch)
SCE, BCE = "sparse_categorical_crossentropy", "binary_crossentropy"
AGAIN = {"reduction": "mean_with_sample_weight"}
mask = Setup(BCE, MASK, 1, "sigmoid", inner=(4, 2))
kind = Setup(SCE, KINDS, 3, "softmax")
yes = Setup(BCE, YES, 1, "sigmoid")
tags = Setup(BCE, TAGS, 3, "sigmoid")
FEW = (R.random((N, 4, 2)) < 0.6) * 1.0  # weights for maps
KNOWN = np.where(np.arange(N) % 4, KINDS, -1)  # class numbers, of which some are missing
GAPS = np.where(np.arange(N)[:, None] % 4, NUMBERS, np.nan)
WIDE = R.integers(0, 2, (N, N))  # as many labels as rows
LONG = R.integers(0, 2, (N, N, 1))  # as many steps as rows
PERIODS = np.arange(N)[:, None] % 4 > 0

CASES = {
    # The last layer
    "dropout": (
        replace(kind, end=lambda: layers.Dropout(0.5)),
        [("dropout-last", change("move it before the last layer", end=None))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "classes below 0": (
        replace(kind, target=KINDS - 1),
        [("label-range", change("add 1 to the labels", target=KINDS))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "a marker among yes and no": (
        replace(yes, target=np.where(PERIODS, YES, 255)),
        [
            (
                "yes-no-range",
                change("put 0 in its place", target=np.where(PERIODS, YES, 0), weight=PERIODS[:, 0] * 1.0),
            ),
            masked,
        ],
        lambda o: mean(binary(YES, o), PERIODS[:, 0] * 1.0),
    ),
    "logits held back": (
        Setup(losses.BinaryCrossentropy(True), YES, 1, "relu"),
        [("logits", leave_out_activation)],
        lambda o: mean(binary(YES, sigmoid(o))),
    ),
    "one unit for classes": (
        Setup("categorical_crossentropy", YES, 1, "sigmoid"),
        [("activation", take_both)],
        lambda o: mean(binary(YES, o)),
    ),
    # Weights of rows, labels, steps and maps
    "rows": (replace(kind, weight=HALF), [masked], lambda o: mean(sparse(KINDS, o), HALF)),
    "whole rows": (replace(kind, weight=HALF.astype(int)), [masked], lambda o: mean(sparse(KINDS, o), HALF)),
    "rows, (n, 1)": (replace(kind, weight=HALF[:, None]), [masked], lambda o: mean(sparse(KINDS, o), HALF)),
    "rows, (n, 1, 1)": (
        replace(kind, weight=HALF[:, None, None]),
        [shaped, masked],
        lambda o: mean(sparse(KINDS, o), HALF),
    ),
    "steps": (
        Setup(SCE, MAP[..., 0], 3, "softmax", FEW[..., 0], (4,)),
        [masked],
        lambda o: mean(sparse(MAP[..., 0], o), FEW[..., 0]),
    ),
    "map": (replace(mask, weight=FEW), [masked], lambda o: mean(binary(MASK, o), FEW)),
    "map, (n, h, w, 1)": (replace(mask, weight=FEW[..., None]), [masked], lambda o: mean(binary(MASK, o), FEW)),
    "rows of a map": (replace(mask, weight=HALF), [shaped, masked], lambda o: mean(binary(MASK, o), HALF)),
    "rows of a map, (n, 1)": (
        replace(mask, weight=HALF[:, None]),
        [shaped, masked],
        lambda o: mean(binary(MASK, o), HALF),
    ),
    "rows of a map, (n, 1, 1)": (
        replace(mask, weight=HALF[:, None, None]),
        [shaped, masked],
        lambda o: mean(binary(MASK, o), HALF),
    ),
    "rows of a map, with the reduction": (
        replace(mask, loss=losses.BinaryCrossentropy(**AGAIN), weight=HALF[:, None, None]),
        [shaped],
        lambda o: mean(binary(MASK, o), HALF),
    ),
    "rows of a map of class numbers": (
        Setup(SCE, MAP, 3, "softmax", HALF[:, None, None], (4, 2)),
        [shaped, masked],
        lambda o: mean(sparse(MAP, o), HALF),
    ),
    "rows of a map, summed": (
        replace(mask, loss=losses.BinaryCrossentropy(reduction="sum"), weight=HALF),
        [shaped],
        lambda o: (binary(MASK, o) * HALF[:, None, None]).sum(),
    ),
    "rows of as many steps": (
        Setup(BCE, LONG, 1, "sigmoid", HALF, (N,)),
        [shaped, masked],
        lambda o: mean(binary(LONG, o), HALF),
    ),
    "map without its last axis": (
        replace(mask, target=MASK[..., 0], weight=FEW),
        [("weight-shape", take_targets("targets[")), masked],
        lambda o: mean(binary(MASK, o), FEW),
    ),
    "steps without their last axis": (
        Setup(BCE, MASK[:, :, 0, 0], 1, "sigmoid", FEW[..., 0], (4,)),
        [("weight-shape", take_targets("targets[")), masked],
        lambda o: mean(binary(MASK[:, :, 0], o), FEW[..., 0]),
    ),
    "rows of a map without its last axis": (
        replace(mask, target=MASK[..., 0], weight=HALF),
        [("weight-shape", take_targets("targets[")), shaped, masked],
        lambda o: mean(binary(MASK, o), HALF),
    ),
    "rows of one step": (
        Setup(BCE, TAGS[:, None], 3, "sigmoid", HALF, (1,)),
        [masked],
        lambda o: mean(binary(TAGS[:, None], o), HALF),
    ),
    "rows of one pixel": (
        Setup(BCE, TAGS[:, None, None], 3, "sigmoid", HALF, (1, 1)),
        [shaped, masked],
        lambda o: mean(binary(TAGS[:, None, None], o), HALF),
    ),
    "labels": (
        replace(tags, weight=FEW[:, :3, 0]),
        [("weight-shape", one_more_axis), masked],
        lambda o: mean(binary(TAGS[..., None], o), FEW[:, :3, 0]),
    ),
    "labels, as many as rows": (
        replace(tags, target=WIDE, units=N, weight=WIDE[::-1]),
        [("weight-shape", one_more_axis), masked],
        lambda o: mean(binary(WIDE[..., None], o), WIDE[::-1]),
    ),
    "Dice": (
        replace(mask, loss="dice", weight=HALF),
        [("weight-shape", take_loss), masked],
        lambda o: mean(dice(MASK, o, (1, 2, 3)), HALF),
    ),
    "Dice of each class": (
        Setup(losses.Dice(axis=(1, 2)), EYE[MAP], 3, "softmax", HALF, (4, 2)),
        [shaped, masked],
        lambda o: mean(dice(EYE[MAP], o, (1, 2)), HALF),
    ),
    # Losses keep their own arguments
    "ignore_class": (
        Setup(losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2), KINDS, 3, weight=HALF),
        [masked],
        lambda o: mean(sparse(KINDS, softmax(o)), HALF * (KINDS != 2)),
    ),
    "label_smoothing": (
        Setup(losses.CategoricalCrossentropy(True, 0.1), EYE[KINDS], 3, weight=HALF),
        [masked],
        lambda o: mean(categorical(0.9 * EYE[KINDS] + 0.1 / 3, softmax(o)), HALF),
    ),
    "label_smoothing of labels": (
        Setup(losses.BinaryCrossentropy(label_smoothing=0.2), TAGS, 3, "sigmoid", HALF),
        [masked],
        lambda o: mean(binary(0.8 * TAGS + 0.1, o), HALF),
    ),
    "gamma": (
        Setup(losses.BinaryFocalCrossentropy(gamma=3.0), YES, 1, "sigmoid", HALF),
        [masked],
        lambda o: mean(binary(YES, o) * (np.abs(YES - o) ** 3)[:, 0], HALF),
    ),
    "delta": (Setup(losses.Huber(0.3), PAIRS, 2, weight=HALF), [masked], lambda o: mean(huber(PAIRS, o, 0.3), HALF)),
    "axis": (
        replace(mask, loss=losses.Dice(axis=(1, 2, 3)), weight=HALF),
        [masked],
        lambda o: mean(dice(MASK, o, (1, 2, 3)), HALF),
    ),
    "flat numbers": (Setup("mse", NUMBERS[:, 0], weight=HALF), [masked], lambda o: mean(squared(NUMBERS, o), HALF)),
    "mean": (
        Setup(losses.MeanSquaredError(reduction="mean"), PAIRS, 2, weight=HALF[:, None]),
        [masked],
        lambda o: mean(squared(PAIRS, o), HALF),
    ),
    "cosine": (
        Setup("cosine_similarity", PAIRS, 2, weight=HALF),
        [masked],
        lambda o: mean(-(unit(PAIRS) * unit(o)).sum(-1), HALF),
    ),
    "Kullback-Leibler": (
        Setup("kl_divergence", SOFT, 3, "softmax", HALF),
        [masked],
        lambda o: mean((SOFT * np.log(SOFT / o)).sum(-1), HALF),
    ),
    "Poisson": (Setup("poisson", COUNTS, 1, "softplus", HALF), [masked], lambda o: mean(poisson(COUNTS, o), HALF)),
    "hinge": (Setup("hinge", 2 * TAGS - 1, 3, weight=HALF), [masked], lambda o: mean(hinge(2 * TAGS - 1, o), HALF)),
    # Targets
    "one-hot": (
        Setup(losses.SparseCategoricalCrossentropy(True), EYE[KINDS], 3),
        [("one-hot", take_loss)],
        lambda o: mean(sparse(KINDS, softmax(o))),
    ),
    "one-hot, or argmax": (
        replace(kind, target=EYE[KINDS]),
        [("one-hot", take_targets("targets.argmax"))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "class numbers": (
        replace(kind, loss="categorical_crossentropy"),
        [("class-numbers", take_targets("np.eye"))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "class numbers, or the loss": (
        replace(kind, loss="categorical_crossentropy", target=KINDS[:, None]),
        [("class-numbers", take_name)],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "class numbers as numbers": (
        Setup("mse", KINDS, 3),
        [("class-numbers", take_name), ("logits", take_loss)],
        lambda o: mean(sparse(KINDS, softmax(o))),
    ),
    "class numbers for logits": (
        Setup(losses.CategoricalCrossentropy(True), KINDS, 3),
        [("class-numbers", take_loss)],
        lambda o: mean(sparse(KINDS, softmax(o))),
    ),
    "class numbers for Dice": (
        Setup(losses.Dice(axis=(1, 2)), MAP[..., None], 3, "softmax", inner=(4, 2)),
        [("class-numbers", take_targets("np.eye"))],
        lambda o: mean(dice(EYE[MAP], o, (1, 2))),
    ),
    "missing labels": (
        replace(kind, target=KNOWN),
        [("label-range", take_loss)],
        lambda o: mean(sparse(KINDS, o), (KNOWN >= 0) * 1),
    ),
    "missing labels and weights": (
        replace(kind, target=KNOWN, weight=HALF),
        [("label-range", change("give it the weight 0", target=KNOWN.clip(0), weight=HALF * (KNOWN >= 0))), masked],
        lambda o: mean(sparse(KINDS, o), HALF * (KNOWN >= 0)),
    ),
    "a marker of 255": (
        replace(kind, target=np.where(KNOWN < 0, 255, KNOWN)),
        [("label-range", take_loss)],
        lambda o: mean(sparse(KINDS, o), (KNOWN >= 0) * 1),
    ),
    "from -2": (
        replace(kind, target=KINDS - 2),
        [("label-range", change("add 2", target=KINDS))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "numbers with gaps": (
        replace(kind, target=np.array([10, 20, 70])[KINDS]),
        [
            (
                "label-range",
                lambda setup, message: replace(setup, target=code_in(message, "np.unique", labels=setup.target)),
            )
        ],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "percent": (
        Setup("categorical_crossentropy", 100 * SOFT, 3, "softmax"),
        [("multi-hot", take_targets("targets /"))],
        lambda o: mean(categorical(SOFT, o)),
    ),
    "one-hot signs": (
        Setup("categorical_crossentropy", 2 * EYE[KINDS] - 1, 3, "softmax"),
        [("multi-hot", take_targets("(targets"))],
        lambda o: mean(categorical(EYE[KINDS], o)),
    ),
    "yes is 2": (
        replace(yes, target=YES + 1),
        [("yes-no-range", take_targets("targets -"))],
        lambda o: mean(binary(YES, o)),
    ),
    "white is 255": (
        replace(mask, target=255 * MASK),
        [("yes-no-range", take_targets("targets /"))],
        lambda o: mean(binary(MASK, o)),
    ),
    "from 1": (
        replace(kind, target=KINDS + 1),
        [("label-range", change("subtract 1", target=KINDS))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "too few units": (
        replace(kind, units=2),
        [("label-range", lambda setup, message: replace(setup, units=code_in(message, "Dense(", Dense=int)))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "one unit for class numbers": (
        Setup(SCE, YES, 1, "sigmoid"),
        [("label-range", take_name)],
        lambda o: mean(binary(YES, o)),
    ),
    "several labels": (
        Setup(losses.CategoricalCrossentropy(label_smoothing=0.2), TAGS, 3, "softmax"),
        [("multi-hot", take_both)],
        lambda o: mean(binary(0.8 * TAGS + 0.1, o)),
    ),
    "signs": (
        replace(yes, target=2 * YES - 1),
        [("yes-no-range", take_targets("(targets"))],
        lambda o: mean(binary(YES, o)),
    ),
    "percent of 0": (
        Setup("mape", COUNTS),
        [("target-range", take_name)],
        lambda o: mean(np.abs(COUNTS - o)),
    ),
    "percent of 0, or weights": (
        Setup("mape", COUNTS),
        [("target-range", change("the weight 0", weight=(COUNTS[:, 0] > 0) * 1.0)), masked],
        lambda o: mean(100 * np.abs(1 - o / COUNTS.clip(1))[:, 0], COUNTS[:, 0] > 0),
    ),
    "cosine of one number": (
        Setup("cosine_similarity", NUMBERS),
        [("target-range", take_name)],
        lambda o: mean(squared(NUMBERS, o)),
    ),
    "gaps": (
        Setup(losses.Huber(0.3), GAPS),
        [
            (
                "not-a-number",
                lambda setup, message: replace(
                    take_loss(setup, message), target=np.nan_to_num(GAPS), weight=np.isfinite(GAPS[:, 0]) * 1.0
                ),
            )
        ],
        lambda o: mean(huber(NUMBERS, o, 0.3), np.isfinite(GAPS[:, 0])),
    ),
    "pandas numbers": (
        Setup("mse", pd.Series(NUMBERS[:, 0], dtype="Float64")),
        [("not-a-number", call_on_targets)],
        lambda o: mean(squared(NUMBERS, o)),
    ),
    "pandas categories": (
        replace(kind, target=pd.Series(KINDS).map({0: "a", 1: "b", 2: "c"}).astype("category")),
        [("not-a-number", call_on_targets)],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "ragged": (
        Setup(SCE, tf.RaggedTensor.from_tensor(MAP[..., 0], [4, 3] * (N // 2)), 3, "softmax", inner=(4,)),
        [
            (
                "ragged",
                lambda setup, message: replace(
                    call_on_targets(setup, message), weight=np.arange(4) < np.array([4, 3] * (N // 2))[:, None]
                ),
            ),
            masked,
        ],
        lambda o: mean(sparse(MAP[..., 0], o), np.arange(4) < np.array([4, 3] * (N // 2))[:, None]),
    ),
    "sparse": (
        replace(tags, target=scipy.sparse.csr_array(TAGS)),
        [("sparse", call_on_targets)],
        lambda o: mean(binary(TAGS, o)),
    ),
    # Activations and losses
    "softmax of one": (
        Setup("categorical_crossentropy", YES, 1, "softmax"),
        [("softmax-of-one", take_both)],
        lambda o: mean(binary(YES, o)),
    ),
    "softmax twice": (
        replace(kind, end=layers.Softmax),
        [("activation-twice", change("leave out one", end=None))],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "softmax over the steps": (
        Setup(SCE, MAP[..., 0], 3, None, inner=(4,), end=lambda: layers.Softmax(axis=1)),
        [("softmax-axis", change("axis -1", end=lambda: layers.Softmax(axis=-1)))],
        lambda o: mean(sparse(MAP[..., 0], o)),
    ),
    "logits": (
        Setup(losses.BinaryCrossentropy(label_smoothing=0.2), TAGS, 3),
        [("logits", take_loss)],
        lambda o: mean(binary(0.8 * TAGS + 0.1, sigmoid(o))),
    ),
    "logits, or an activation": (
        replace(kind, activation=None),
        [("logits", take_activation)],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "probabilities for logits": (
        replace(kind, loss=losses.SparseCategoricalCrossentropy(True)),
        [("logits", leave_out_activation)],
        lambda o: mean(sparse(KINDS, softmax(o))),
    ),
    "softmax for labels": (
        replace(tags, activation="softmax"),
        [("activation", take_activation)],
        lambda o: mean(binary(TAGS, o)),
    ),
    "sigmoid for classes": (
        replace(kind, activation="sigmoid"),
        [("activation", take_activation)],
        lambda o: mean(sparse(KINDS, o)),
    ),
    "out of reach": (
        Setup("mse", NUMBERS, 1, "sigmoid"),
        [("unreachable", leave_out_activation)],
        lambda o: mean(squared(NUMBERS, o)),
    ),
    "counts below 0": (
        Setup("poisson", COUNTS),
        [("output-range", take_activation)],
        lambda o: mean(poisson(COUNTS, o)),
    ),
    "hinge of a sigmoid": (
        Setup("hinge", 2 * YES - 1, 1, "sigmoid"),
        [("output-range", leave_out_activation)],
        lambda o: mean(hinge(2 * YES - 1, o)),
    ),
    "class of a loss": (
        Setup(losses.Huber, NUMBERS),
        [("unknown-loss", lambda setup, message: replace(setup, loss=code_in(message, "Huber()", Huber=losses.Huber)))],
        lambda o: mean(huber(NUMBERS, o, 1)),
    ),
}
