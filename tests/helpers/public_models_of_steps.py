"""Public models whose heads answer for each step or for each place of a map."""

import breakages as b
import numpy as np
from breakages import Form, wired

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics, ops  # isort: skip
from forms import BCE, PER_WEIGHT, PICTURES, SCE, THREE, WORDS, YES, N, R, SparseCrossentropy, conv, dense, form, of

# ---------------------------------------------------------------------------------------------------------------------
# Steps


@form(
    b.too_high("start", "label-range"),
    b.one_hot("end", 6),
    b.nan("end"),
    b.weight_shape("start", N, 6),
    b.metric("end", "binary_accuracy"),
)
def spans() -> Form:
    """Where the answer to a question starts and ends in a text."""
    words = keras.Input((6,), dtype="int32")
    text = layers.Embedding(20, 4)(words)
    heads = {}
    for name in ("start", "end"):
        scores = layers.Flatten()(layers.Dense(1, use_bias=False)(text))
        heads[name] = layers.Activation("softmax", name=name)(scores)
    where = {"start": WORDS.argmin(1), "end": WORDS.argmax(1)}
    accuracy = {name: ["accuracy"] for name in heads}
    return wired(of(words, **heads), dict.fromkeys(heads, SCE), where, WORDS, metrics=accuracy)


KEPT = (np.arange(6) < np.arange(N)[:, None] % 5 + 2).astype("float32")  # 2 to 6 steps


@form(
    b.weight_shape("slots", N),
    b.weight_shape("slots", N, 6, 4),
    b.plain_mean("slots", SCE),
    b.metric("slots", "categorical_accuracy"),
    b.one_hot("slots", 4),
)
def slots() -> Form:
    """A slot for each word and an intent for the sentence; padded steps have the weight 0."""
    words = keras.Input((6,), dtype="int32")
    text = layers.Embedding(20, 4)(words)
    intent = dense("intent", 3, "softmax")(layers.GlobalAveragePooling1D()(text))
    return wired(
        of(words, slots=dense("slots", 4, "softmax")(text), intent=intent),
        {"slots": SparseCrossentropy(**PER_WEIGHT), "intent": SCE},
        {"slots": WORDS % 4, "intent": THREE},
        WORDS,
        {"slots": KEPT, "intent": np.ones(N)},
        weighted_metrics={"slots": ["accuracy"], "intent": ["accuracy"]},
    )


def cut(x: np.ndarray, targets: dict, weight: dict) -> tf.data.Dataset:
    """Return batches of four sentences, each as long as its longest sentence."""

    def shorter(x: tf.Tensor, targets: dict, weight: dict) -> tuple:
        steps = tf.reduce_max(tf.reduce_sum(tf.cast(x != 0, "int32"), 1))
        tags, counts = targets["tags"][:, :steps], weight["tags"][:, :steps]
        return x[:, :steps], {**targets, "tags": tags}, {**weight, "tags": counts}

    return tf.data.Dataset.from_tensor_slices((x, targets, weight)).batch(4).map(shorter)


@form(
    b.too_high("tags", "label-range"),
    b.plain_mean("tags", SCE),
    b.misspelt("kind"),
    b.metric("tags", metrics.CategoricalAccuracy()),
    b.nan("tags"),
)
def buckets() -> Form:
    """Batches of different length: a tag for each word, and a kind of text."""
    words = keras.Input((None,), dtype="int32")
    text = layers.Embedding(20, 4)(words)
    kind = dense("kind", 3, "softmax")(layers.GlobalMaxPooling1D()(text))
    return wired(
        of(words, tags=dense("tags", 4, "softmax")(text), kind=kind),
        {"tags": SparseCrossentropy(**PER_WEIGHT), "kind": SCE},
        {"tags": WORDS % 4, "kind": THREE},
        (WORDS * KEPT).astype("int32"),
        {"tags": KEPT, "kind": np.ones(N, "float32")},
        cut,
        weighted_metrics={"tags": ["accuracy"], "kind": ["accuracy"]},
    )


@form(
    b.weight_shape("word", N),
    b.plain_mean("word", SCE),
    b.too_high("word", "label-range"),
    b.no_activation("next"),
    b.metric("next", "sparse_categorical_accuracy"),
)
def masked_words() -> Form:
    """Pretraining: guess the few masked words, and whether the second sentence follows the first."""
    words = keras.Input((6,), dtype="int32")
    text = layers.Embedding(20, 4)(words)
    first = layers.Flatten()(layers.Cropping1D((0, 5))(text))
    masked = np.zeros((N, 6), "float32")
    masked[:, 3] = 1
    return wired(
        of(words, word=dense("word", 20, "softmax")(text), next=dense("next", 1, "sigmoid")(first)),
        {"word": SparseCrossentropy(**PER_WEIGHT), "next": BCE},
        {"word": np.where(masked, WORDS, 0), "next": YES},
        WORDS,
        {"word": masked, "next": None},
        metrics={"word": [], "next": ["accuracy"]},
        weighted_metrics={"word": ["sparse_categorical_accuracy"], "next": []},
    )


@form(
    b.too_high("note", "label-range"),
    b.wider("pitch"),
    b.metric("note", "categorical_accuracy"),
    b.metric("pitch", "accuracy", "accuracy"),
    b.takes_logits("note", SparseCrossentropy),
)
def each_step() -> Form:
    """A note and a pitch for each step of a recording, by TimeDistributed."""
    i = keras.Input((5, 3))
    note = layers.TimeDistributed(layers.Dense(4, "softmax"), name="note")(i)
    pitch = layers.TimeDistributed(layers.Dense(1), name="pitch")(i)
    return wired(
        of(i, note=note, pitch=pitch),
        {"note": SCE, "pitch": "mae"},
        {"note": R.integers(0, 4, (N, 5)), "pitch": R.normal(size=(N, 5, 1))},
        R.normal(size=(N, 5, 3)).astype("float32"),
        metrics={"note": ["accuracy"], "pitch": ["mse"]},
    )


@form(
    b.misspelt("text"),
    b.nan("language"),
    b.metric("language", metrics.F1Score()),
    b.too_high("language", "label-range"),
    b.row_short("text"),
)
def read_aloud() -> Form:
    """Text in a picture by CTC, from logits for each column, and its language."""
    i = keras.Input((8, 8, 1))
    columns = layers.Reshape((8, 8))(i)
    language = dense("language", 3, "softmax")(layers.Flatten()(i))
    return wired(
        of(i, text=dense("text", 6)(columns), language=language),
        {"text": losses.CTC(), "language": SCE},
        {"text": R.integers(1, 6, (N, 3)), "language": THREE},
        PICTURES,
        metrics={"language": ["accuracy"]},
    )


@form(
    b.wider("load"),
    b.swapped("load", "peak", "peak", "shape"),
    b.nan("load"),
    b.weight_shape("load", N),
    b.metric("load", metrics.SparseCategoricalAccuracy()),
)
def ahead() -> Form:
    """The load in each of the next four hours for two regions, and whether each hour has a peak."""
    i = keras.Input((5, 3))
    state = layers.Flatten()(i)
    load = layers.Reshape((4, 2), name="load")(layers.Dense(8)(state))
    return wired(
        of(i, load=load, peak=dense("peak", 4, "sigmoid")(state)),
        {"load": losses.Huber(), "peak": BCE},
        {"load": R.normal(size=(N, 4, 2)), "peak": R.integers(0, 2, (N, 4))},
        R.normal(size=(N, 5, 3)).astype("float32"),
        metrics={"load": ["mae", metrics.RootMeanSquaredError()], "peak": ["binary_accuracy"]},
    )


# ---------------------------------------------------------------------------------------------------------------------
# Maps


@form(
    b.weight_shape("box", N),
    b.weight_shape("kind", N, 1, 1),
    b.plain_mean("kind", losses.CategoricalCrossentropy()),
    b.class_numbers("kind"),
    b.takes_logits("there", losses.BinaryCrossentropy),
)
def detection() -> Form:
    """Is there a thing in each cell, of which kind and in which box? Empty cells have fillers and the weight 0."""
    i = keras.Input((4, 4, 3))
    model = of(
        i,
        there=conv("there", 1, "sigmoid")(i),
        kind=conv("kind", 3, "softmax")(i),
        box=conv("box", 4, "sigmoid")(i),
    )
    there = (R.random((N, 4, 4)) < 0.3).astype("float32")
    kind = np.eye(3)[R.integers(0, 3, (N, 4, 4))] * there[..., None]
    box = np.where(there[..., None], R.random((N, 4, 4, 4)), -1)
    return wired(
        model,
        {
            "there": BCE,
            "kind": losses.CategoricalCrossentropy(**PER_WEIGHT),
            "box": losses.MeanSquaredError(**PER_WEIGHT),
        },
        {"there": there[..., None], "kind": kind, "box": box},
        R.random((N, 4, 4, 3)).astype("float32"),
        {"there": np.ones((N, 4, 4)), "kind": there, "box": there},
        metrics={"there": ["binary_accuracy"], "kind": [], "box": []},
        weighted_metrics={"there": [], "kind": ["categorical_accuracy"], "box": ["mae"]},
    )


def where_near(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    counts = ops.cast(target[..., 4] > 0, output.dtype)
    error = ops.sum(ops.abs(target[..., :4] - output), -1) * counts
    return ops.sum(error, -1) / ops.maximum(ops.sum(counts, -1), 1)


@form(
    b.other_loss("no class ignored", "kind", "label-range", SparseCrossentropy(from_logits=True)),
    b.one_hot("kind", 3),
    b.nan("kind"),
    b.misspelt("box"),
    b.beyond("a loss of one's own may take NaN", b.nan("box")),
)
def anchors() -> Form:
    """RetinaNet: a class for each anchor, -1 for background, and a box whose own loss counts some anchors only."""
    i = keras.Input((4, 4, 3))
    kind = layers.Reshape((32, 3), name="kind")(layers.Conv2D(6, 1)(i))
    box = layers.Reshape((32, 4), name="box")(layers.Conv2D(8, 1)(i))
    kinds = R.integers(-1, 3, (N, 32))
    boxes = np.concatenate([R.normal(size=(N, 32, 4)), (kinds >= 0)[..., None]], -1).astype("float32")
    return wired(
        of(i, kind=kind, box=box),
        {"kind": SparseCrossentropy(from_logits=True, ignore_class=-1), "box": where_near},
        {"kind": kinds, "box": boxes},
        R.random((N, 4, 4, 3)).astype("float32"),
    )


@form(
    b.too_high("mask", "label-range"),
    b.weight_shape("mask", N),
    b.metric("mask", "binary_accuracy"),
    b.no_activation("mask"),
    b.swapped("mask", "kind", "kind", "shape"),
)
def segmentation() -> Form:
    """A class for each pixel, and one for the picture."""
    i = keras.Input((8, 8, 1))
    model = of(i, mask=conv("mask", 3, "softmax")(i), kind=dense("kind", 3, "softmax")(layers.Flatten()(i)))
    return wired(
        model,
        {"mask": SCE, "kind": SCE},
        {"mask": (PICTURES * 3).astype("uint8"), "kind": THREE},
        PICTURES,
        metrics={"mask": ["accuracy", metrics.MeanIoU(3, sparse_y_pred=False)], "kind": ["accuracy"]},
    )


@form(
    b.misspelt("organ"),
    b.too_high("kind", "label-range"),
    b.metric("kind", "binary_accuracy"),
    b.beyond("the rules read losses over the last axis", b.weight_shape("organ", N, 3, 8)),
    b.beyond("the rules read losses over the last axis", b.too_high("organ", "multi-hot")),
)
def channels_first() -> Form:
    """A scan with its channels first: the organ of each pixel by a softmax and a loss over axis 1, and a kind."""
    i = keras.Input((1, 8, 8))
    maps = layers.Reshape((3, 8, 8))(layers.Dense(192)(layers.Flatten()(i)))
    organ = layers.Softmax(axis=1, name="organ")(maps)
    organs = np.moveaxis(np.eye(3, dtype="float32")[(PICTURES[..., 0] * 3).astype(int)], -1, 1)
    return wired(
        of(i, organ=organ, kind=dense("kind", 3, "softmax")(layers.Flatten()(i))),
        {"organ": losses.CategoricalCrossentropy(axis=1), "kind": SCE},
        {"organ": organs, "kind": THREE},
        np.moveaxis(PICTURES, -1, 1),
        {"organ": np.ones((N, 8, 8)), "kind": np.ones(N)},
        weighted_metrics={"organ": [], "kind": ["accuracy"]},
    )


@form(
    b.retargeted("class numbers", "mask", "class-numbers", lambda target: target.argmax(-1)),
    b.nan("mask"),
    b.weight_shape("edge", N),
    b.takes_logits("edge", losses.BinaryCrossentropy),
    b.metric("mask", metrics.MeanIoU(3)),
)
def dice() -> Form:
    """A mask of three classes by Dice, from one-hot targets, and its edge."""
    i = keras.Input((8, 8, 1))
    classes = np.eye(3, dtype="float32")[(PICTURES[..., 0] * 3).astype(int)]
    return wired(
        of(i, mask=conv("mask", 3, "softmax")(i), edge=conv("edge", 1, "sigmoid")(i)),
        {"mask": losses.Dice(), "edge": BCE},
        {"mask": classes, "edge": (PICTURES > 0.9).astype("float32")},
        PICTURES,
        metrics={"mask": [metrics.OneHotMeanIoU(3)], "edge": [metrics.BinaryIoU([1])]},
    )


@form(
    b.retargeted("in 0 to 255", "picture", "yes-no-range", lambda target: target * 255),
    b.too_high("kind", "label-range"),
    b.metric("picture", "accuracy", "accuracy"),
    b.nan("picture"),
    b.weight_shape("picture", N, 8),
)
def autoencoder() -> Form:
    """A picture again, pixel by pixel, and its class from the code."""
    i = keras.Input((8, 8, 1))
    code = layers.Dense(4, "relu")(layers.Flatten()(i))
    picture = layers.Reshape((8, 8, 1), name="picture")(layers.Dense(64, "sigmoid")(code))
    return wired(
        of(i, picture=picture, kind=dense("kind", 3, "softmax")(code)),
        {"picture": BCE, "kind": SCE},
        {"picture": PICTURES, "kind": THREE},
        PICTURES,
        metrics={"picture": ["mse"], "kind": ["accuracy"]},
    )


@form(
    b.retargeted("in 0 to 255", "picture", "yes-no-range", lambda target: target * 255),
    b.nan("picture"),
    b.metric("picture", "accuracy", "accuracy"),
    b.weight_shape("picture", N),
    b.no_activation("kind"),
)
def inpainting() -> Form:
    """A picture with its hole filled, the rest of it as it was, and the kind of hole."""
    i, hole = keras.Input((8, 8, 1), name="seen"), keras.Input((8, 8, 1), name="hole")
    filled = layers.Multiply()([hole, layers.Conv2D(1, 1, activation="sigmoid")(i)])
    picture = layers.Add(name="picture")([filled, layers.Multiply()([1 - hole, i])])
    return wired(
        of([i, hole], picture=picture, kind=dense("kind", 3, "softmax")(layers.Flatten()(hole))),
        {"picture": BCE, "kind": SCE},
        {"picture": PICTURES, "kind": THREE},
        {"seen": PICTURES, "hole": np.round(PICTURES)},
        metrics={"picture": ["mae"], "kind": ["accuracy"]},
    )


@form(
    b.no_target("side_2"),
    b.too_high("side_1", "yes-no-range"),
    b.no_activation("last"),
    b.metric("last", "sparse_categorical_accuracy"),
    b.weight_shape("side_1", N),
)
def deep_supervision() -> Form:
    """The same mask as the target of the last output and of two on the way."""
    step, heads = keras.Input((8, 8, 1)), {}
    i = step
    for name in ("side_1", "side_2", "last"):
        step = layers.Conv2D(2, 3, padding="same", activation="relu")(step)
        heads[name] = conv(name, 1, "sigmoid")(step)
    mask = (PICTURES > 0.5).astype("float32")
    return wired(
        of(i, **heads),
        dict.fromkeys(heads, BCE),
        dict.fromkeys(heads, mask),
        PICTURES,
        loss_weights={"side_1": 0.25, "side_2": 0.5, "last": 1.0},
        metrics={"last": ["binary_accuracy", metrics.BinaryIoU([0, 1], threshold=0.5)]},
    )


@form(
    b.wider("heat"),
    b.weight_shape("heat", N, 3),
    b.too_high("seen", "yes-no-range"),
    b.metric("seen", "accuracy", "accuracy"),
    b.nan("heat"),
)
def pose() -> Form:
    """A map of heat for each of three joints, and whether each joint is seen."""
    i = keras.Input((8, 8, 1))
    heat = layers.Conv2DTranspose(3, 1, name="heat")(i)
    return wired(
        of(i, heat=heat, seen=dense("seen", 3, "sigmoid")(layers.Flatten()(i))),
        {"heat": "mse", "seen": BCE},
        {"heat": PICTURES * np.ones(3, "float32"), "seen": YES * np.ones(3)},
        PICTURES,
        {"heat": np.ones((N, 8, 8)), "seen": None},
        metrics={"heat": ["mae"], "seen": ["binary_accuracy"]},
    )
