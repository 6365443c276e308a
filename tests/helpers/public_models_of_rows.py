"""Public models whose heads answer for each row."""

from collections.abc import Callable

import breakages as b
import numpy as np
from breakages import Form, wired

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics, ops  # isort: skip
from forms import (
    BCE,
    CCE,
    NUMBER,
    PER_WEIGHT,
    PICTURES,
    ROWS,
    SCE,
    THREE,
    WORDS,
    YES,
    N,
    R,
    SparseCrossentropy,
    dense,
    form,
    of,
)

# ---------------------------------------------------------------------------------------------------------------------
# One answer per head


@form(
    b.misspelt("department"),
    b.other_loss("probabilities", "priority", "logits", BCE),
    b.nan("priority"),
    b.retargeted("several", "department", "multi-hot", lambda target: target + np.roll(target, 1, -1)),
    b.metric("priority", "accuracy", "accuracy"),
)
def tickets() -> Form:
    """The ticket classifier of the Keras guide: words and tags in, a priority and a department out, both as logits."""
    title, body, tags = keras.Input((6,), name="title"), keras.Input((6,), name="body"), keras.Input((4,), name="tags")
    read = [layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(text)) for text in (title, body)]
    together = layers.concatenate([*read, tags])
    model = of([title, body, tags], priority=dense("priority")(together), department=dense("department", 3)(together))
    return wired(
        model,
        {
            "priority": losses.BinaryCrossentropy(from_logits=True),
            "department": losses.CategoricalCrossentropy(from_logits=True),
        },
        {"priority": YES, "department": np.eye(3, dtype="float32")[THREE]},
        {"title": WORDS, "body": WORDS, "tags": YES * np.ones(4)},
        loss_weights={"priority": 1.0, "department": 0.2},
        metrics={"priority": [metrics.BinaryAccuracy(threshold=0.0)], "department": ["accuracy"]},
    )


@form(
    b.no_target("third", "list-length"),
    b.too_high("second", "label-range"),
    b.one_hot("first", 5),
    b.row_short("third"),
    b.metric("second", metrics.Precision()),
)
def captcha() -> Form:
    """A captcha: one head per character, in a list."""
    i = keras.Input((8, 8, 1))
    trunk = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(i)))
    model = keras.Model(i, [dense(name, 5, "softmax")(trunk) for name in ("first", "second", "third")])
    letters = [R.integers(0, 5, N) for _ in range(3)]
    return wired(model, SCE, letters, PICTURES, metrics=[["accuracy"], ["accuracy"], ["accuracy"]])


@form(
    b.swapped("age", "sex", "sex", "yes-no-range"),
    b.retargeted("in pixels", "box", "unreachable", lambda target: target * 200),
    b.metric("age", "accuracy", "accuracy"),
    b.no_loss("box"),
    b.wider("box"),
)
def faces() -> Form:
    """Faces with age, sex and a box."""
    i = keras.Input((8, 8, 1))
    trunk = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(i))
    model = of(i, age=dense("age")(trunk), sex=dense("sex", 1, "sigmoid")(trunk), box=dense("box", 4, "sigmoid")(trunk))
    return wired(
        model,
        {"age": "mae", "sex": BCE, "box": "mse"},
        {"age": 30 + 10 * NUMBER[:, 0], "sex": YES[:, 0].astype(int), "box": R.random((N, 4))},
        PICTURES,
        loss_weights={"age": 0.1, "sex": 1.0, "box": 4.0},
        metrics={"age": ["mae"], "sex": ["accuracy", "auc"], "box": ["mae"]},
    )


def similarity(left: keras.KerasTensor, right: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dense(1, "sigmoid", name="same")(layers.Dot(-1, normalize=True)([left, right]))


@form(
    b.only_target("same"),
    b.takes_logits("same", losses.BinaryCrossentropy),
    b.retargeted("in 1 and -1", "same", "yes-no-range", lambda target: 2 * target - 1),
    b.class_numbers("kind"),
    b.metric("same", metrics.SparseCategoricalAccuracy()),
)
def siamese() -> Form:
    """Two pictures: are they alike, and what is on the left one?"""
    left, right, one = keras.Input((8, 8, 1)), keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    tower = keras.Model(one, layers.Dense(4)(layers.Flatten()(one)), name="tower")
    code = tower(left)
    model = of([left, right], same=similarity(code, tower(right)), kind=dense("kind", 3, "softmax")(code))
    return wired(
        model,
        {"same": BCE, "kind": losses.CategoricalCrossentropy(label_smoothing=0.1)},
        {"same": YES, "kind": np.eye(3)[THREE]},
        [PICTURES, PICTURES],
        metrics={"same": ["accuracy"], "kind": ["accuracy", metrics.TopKCategoricalAccuracy(2)]},
    )


@form(
    b.too_high("tags", "yes-no-range"),
    b.other_loss("softmax's loss", "tags", "activation", CCE),
    b.metric("tags", "accuracy", "accuracy"),
    b.metric("kind", metrics.F1Score()),
    b.half_masked("kind", N),
)
def rare_tags() -> Form:
    """Several rare tags beside one class."""
    i = keras.Input((6,))
    model = of(i, tags=dense("tags", 5, "sigmoid")(i), kind=dense("kind", 3, "softmax")(i))
    tags = (R.random((N, 5)) < 0.1).astype("int32")
    measures = [
        "binary_accuracy",
        metrics.AUC(curve="PR", multi_label=True, num_labels=5),
        metrics.F1Score("macro", threshold=0.5),
    ]
    return wired(
        model,
        {"tags": losses.BinaryFocalCrossentropy(apply_class_balancing=True), "kind": SCE},
        {"tags": tags, "kind": THREE.astype("uint8")},
        ROWS,
        metrics={"tags": measures, "kind": ["accuracy", metrics.SparseTopKCategoricalAccuracy(2)]},
    )


def pinball(share: float) -> Callable:
    def loss(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        error = ops.cast(target, output.dtype) - output
        return ops.mean(ops.maximum(share * error, (share - 1) * error), -1)

    return loss


@form(
    b.misspelt("low"),
    b.no_loss("high"),
    b.row_short("high"),
    b.beyond("a loss of one's own may take NaN", b.nan("low")),
    b.weighted("negative", "high", "weight-range", -np.ones(N)),
)
def quantiles() -> Form:
    """A low, a middle and a high quantile of one number, by losses of one's own."""
    i = keras.Input((6,))
    names = {"low": 0.1, "middle": 0.5, "high": 0.9}
    model = of(i, **{name: dense(name)(i) for name in names})
    loss = {name: pinball(share) for name, share in names.items()}
    return wired(model, loss, dict.fromkeys(names, NUMBER), ROWS, metrics={name: ["mae"] for name in names})


@form(
    b.no_activation("sold", code="output-range"),
    b.too_low("sold", "target-range"),
    b.nan("sold"),
    b.metric("sold", "accuracy", "accuracy"),
    b.metric("empty", metrics.MeanIoU(2)),
)
def counts() -> Form:
    """How many were sold, by a Poisson loss, and is the shelf empty?"""
    i = keras.Input((6,))
    model = of(i, sold=dense("sold", 1, "softplus")(i), empty=dense("empty", 1, "sigmoid")(i))
    return wired(
        model,
        {"sold": "poisson", "empty": BCE},
        {"sold": R.poisson(3, (N, 1)), "empty": YES},
        ROWS,
        metrics={"sold": ["mae"], "empty": [metrics.Precision(), metrics.Recall()]},
    )


@form(
    b.too_low("claims", "target-range"),
    b.nan("claims"),
    b.other_loss("from_logits", "large", "logits", losses.BinaryCrossentropy(from_logits=True)),
    b.metric("claims", metrics.Precision()),
    b.no_target("large"),
)
def exposure() -> Form:
    """An insurer: how many claims, as a rate times the years insured, and was one large?"""
    i, years = keras.Input((6,), name="risk"), keras.Input((1,), name="years")
    claims = layers.Multiply(name="claims")([layers.Dense(1, "exponential")(i), years])
    return wired(
        of([i, years], claims=claims, large=dense("large", 1, "sigmoid")(i)),
        {"claims": losses.Poisson(), "large": BCE},
        {"claims": THREE[:, None], "large": YES},
        {"risk": ROWS, "years": R.random((N, 1))},
        metrics={"claims": ["poisson", "mae"], "large": ["auc"]},
    )


@form(
    b.retargeted("one rank", "age", "class-numbers", lambda target: target.sum(-1).astype(int)),
    b.metric("age", metrics.CategoricalAccuracy()),
    b.other_loss("softmax's loss", "age", "activation", CCE),
    b.too_low("age", "yes-no-range"),
    b.swapped("age", "sex", "age", "class-numbers"),
)
def ordinal() -> Form:
    """An age group as four answers "older than ...?" that share their weights, and the sex."""
    i = keras.Input((6,))
    shared = layers.Dense(1, use_bias=False)(i)
    ranks = layers.Activation("sigmoid", name="age")(layers.Add()([layers.Dense(4)(i), shared]))
    group = np.arange(N) % 5
    return wired(
        of(i, age=ranks, sex=dense("sex", 1, "sigmoid")(i)),
        {"age": BCE, "sex": BCE},
        {"age": (group[:, None] > np.arange(4)).astype("float32"), "sex": YES},
        ROWS,
        metrics={"age": ["binary_accuracy"], "sex": ["accuracy"]},
    )


@form(
    b.wider("place"),
    b.nan("place"),
    b.too_high("kind", "label-range"),
    b.metric("kind", "binary_accuracy"),
    b.metric("place", "accuracy", "accuracy"),
)
def cosine() -> Form:
    """A place on a sphere, by the cosine, beside a class."""
    i = keras.Input((6,))
    place = layers.UnitNormalization(name="place")(layers.Dense(3)(i))
    return wired(
        of(i, place=place, kind=dense("kind", 3, "softmax")(i)),
        {"place": losses.CosineSimilarity(), "kind": SCE},
        {"place": R.normal(size=(N, 3)), "kind": THREE},
        ROWS,
        metrics={"place": [metrics.CosineSimilarity()], "kind": ["sparse_categorical_accuracy"]},
    )


@form(
    b.swapped("hard", "soft", "hard", "one-hot"),
    b.no_activation("hard", "student"),
    b.nan("soft"),
    b.too_low("soft", "multi-hot"),
    b.half_masked("soft", N),
)
def distilled() -> Form:
    """A student learns the class, and a teacher's shares of all classes, with one and the same softmax."""
    i = keras.Input((6,))
    shares = layers.Dense(3, "softmax", name="student")(i)
    teacher = R.dirichlet(np.ones(3), N).astype("float32")
    teacher[:3] = np.eye(3)
    return wired(
        of(i, hard=layers.Identity(name="hard")(shares), soft=layers.Identity(name="soft")(shares)),
        {"hard": SCE, "soft": losses.KLDivergence()},
        {"hard": THREE, "soft": np.eye(3, dtype="float32")[THREE]},
        ROWS,
        loss_weights={"hard": 0.3, "soft": 0.7},
        metrics={"hard": ["accuracy"], "soft": ["kl_divergence"]},
    )


@form(
    b.too_high("valence", "unreachable"),
    b.retargeted("several", "emotion", "multi-hot", lambda target: target + np.roll(target, 1, -1)),
    b.metric("valence", metrics.BinaryAccuracy()),
    b.metric("emotion", "binary_accuracy"),
    b.swapped("valence", "emotion", "emotion", "shape"),
)
def emotions() -> Form:
    """Valence and arousal from -1 to 1, and an emotion given as shares of ten voters."""
    i = keras.Input((6,))
    heads = {"valence": dense("valence", 1, "tanh"), "arousal": dense("arousal", 1, "tanh")}
    model = of(i, emotion=dense("emotion", 4, "softmax")(i), **{name: head(i) for name, head in heads.items()})
    votes = R.multinomial(10, np.ones(4) / 4, N) / 10
    return wired(
        model,
        {"valence": "mse", "arousal": losses.Huber(), "emotion": CCE},
        {"valence": np.tanh(NUMBER), "arousal": np.tanh(-NUMBER[:, 0]), "emotion": votes},
        ROWS,
        metrics={"valence": ["mae"], "arousal": [metrics.R2Score()], "emotion": ["categorical_accuracy"]},
    )


@form(
    b.retargeted("in 0 and 1", "margin", "target-range", lambda target: target / 2 + 0.25),
    b.nan("margin"),
    b.class_numbers("classes"),
    b.wider("classes"),
    b.metric("margin", "accuracy", "accuracy"),
)
def margins() -> Form:
    """Support vectors: a hinge for yes and no, and one for three classes, on linear heads."""
    i = keras.Input((6,))
    return wired(
        of(i, margin=dense("margin")(i), classes=dense("classes", 3)(i)),
        {"margin": "squared_hinge", "classes": "categorical_hinge"},
        {"margin": 2 * YES - 1, "classes": np.eye(3)[THREE]},
        ROWS,
        metrics={"margin": ["hinge"], "classes": ["categorical_accuracy"]},
    )


@form(
    b.too_high("income", "yes-no-range"),
    b.no_target("married"),
    b.takes_logits("married", losses.BinaryCrossentropy),
    b.weight_shape("income", N, 2),
    b.metric("income", "categorical_accuracy"),
)
def experts() -> Form:
    """A mixture of three experts, with a gate for each of two answers about a census."""
    i = keras.Input((6,))
    each = layers.Reshape((3, 4))(layers.Dense(12, "relu")(i))
    heads = {}
    for name in ("income", "married"):
        gate = layers.Reshape((1, 3))(layers.Dense(3, "softmax", name=f"{name}_gate")(i))
        heads[name] = dense(name, 1, "sigmoid")(layers.Flatten()(layers.Dot((2, 1))([gate, each])))
    auc = {name: [metrics.AUC(name="auc")] for name in heads}
    targets = {"income": YES[:, 0].astype(bool), "married": 1 - YES}
    return wired(of(i, **heads), dict.fromkeys(heads, BCE), targets, ROWS, metrics=auc)


def clipped_policy(target: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    action, advantage, before = target[:, 0], target[:, 1], target[:, 2]
    ratio = ops.take_along_axis(shares, ops.cast(action, "int32")[:, None], 1)[:, 0] / before
    return -ops.minimum(ratio * advantage, ops.clip(ratio, 0.8, 1.2) * advantage)


@form(
    b.misspelt("actor"),
    b.nan("critic"),
    b.swapped("actor", "critic", "critic", "shape"),
    b.metric("critic", "accuracy", "accuracy"),
    b.beyond("a loss of one's own may take any targets", b.swapped("actor", "critic", "actor", "shape")),
)
def actor_critic() -> Form:
    """Proximal policy: an actor whose own loss takes action, advantage and old share in one array, and a critic."""
    i = keras.Input((6,))
    model = of(i, actor=dense("actor", 4, "softmax")(i), critic=dense("critic")(i))
    actions = np.stack([np.arange(N) % 4, NUMBER[:, 0], np.full(N, 0.25)], 1).astype("float32")
    loss = {"actor": clipped_policy, "critic": losses.Huber(2.0)}
    return wired(model, loss, {"actor": actions, "critic": 3 * NUMBER}, ROWS, loss_weights={"actor": 1, "critic": 0.5})


@form(
    b.too_high("move", "label-range"),
    b.metric("move", "categorical_accuracy"),
    b.beyond("only the inputs show that these are probabilities", b.takes_logits("move", SparseCrossentropy)),
    b.retargeted("not -1 to 1", "result", "unreachable", lambda target: target * 9),
    b.swapped("move", "result", "result", "unreachable"),
)
def game() -> Form:
    """AlphaZero: a move among those that are legal, and who wins."""
    i, legal = keras.Input((6,), name="board"), keras.Input((4,), name="legal")
    shares = layers.Multiply()([layers.Dense(4, "softmax")(i), legal])
    move = layers.Identity(name="move")(shares / (ops.sum(shares, -1, keepdims=True) + 1e-7))
    return wired(
        of([i, legal], move=move, result=dense("result", 1, "tanh")(i)),
        {"move": SCE, "result": "mse"},
        {"move": np.arange(N) % 4, "result": THREE - 1},
        {"board": ROWS, "legal": np.ones((N, 4))},
        metrics={"move": ["accuracy"], "result": ["mae"]},
    )


def gaussian(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    mean, log_variance = output[:, :1], output[:, 1:]
    return ops.mean(log_variance + ops.square(target - mean) / ops.exp(log_variance), -1)


@form(
    b.misspelt("size"),
    b.too_high("kind", "label-range"),
    b.row_short("kind"),
    b.takes_logits("kind", SparseCrossentropy),
    b.beyond("a loss of one's own may take NaN", b.nan("size")),
)
def how_sure() -> Form:
    """A number with its variance, by a likelihood of one's own for two units and one target, beside a class."""
    i = keras.Input((6,))
    model = of(i, size=dense("size", 2)(i), kind=dense("kind", 3, "softmax")(i))
    return wired(
        model, {"size": gaussian, "kind": SCE}, {"size": NUMBER, "kind": THREE}, ROWS, metrics={"kind": ["accuracy"]}
    )


@form(
    b.too_low("watched", "target-range"),
    b.half_masked("clicked", N),
    b.nan("watched"),
    b.plain_mean("watched", "mse"),
    b.metric("watched", metrics.AUC()),
)
def ranking() -> Form:
    """A ranker: was it clicked, and how long was it watched, which counts only where it was clicked?"""
    i = keras.Input((6,))
    model = of(i, clicked=dense("clicked", 1, "sigmoid")(i), watched=dense("watched", 1, "relu")(i))
    watched = np.where(YES, np.exp(NUMBER), -1)
    return wired(
        model,
        {"clicked": BCE, "watched": losses.MeanSquaredLogarithmicError(**PER_WEIGHT)},
        {"clicked": YES, "watched": watched},
        ROWS,
        {"clicked": None, "watched": YES[:, 0]},
        metrics={"clicked": [metrics.AUC(name="auc")], "watched": []},
        weighted_metrics={"clicked": [], "watched": ["mae"]},
    )


@form(
    b.misspelt("kind"),
    b.too_high("kind", "label-range"),
    b.metric("yes", "sparse_categorical_accuracy"),
    b.nan("yes"),
    b.row_short("yes"),
)
def features_beside() -> Form:
    """A classifier that hands out its features too, which have no loss and no target."""
    i = keras.Input((6,))
    trunk = layers.Dense(8, "relu", name="features")(i)
    model = of(i, kind=dense("kind", 3, "softmax")(trunk), yes=dense("yes", 1, "sigmoid")(trunk), features=trunk)
    return wired(
        model,
        {"kind": SCE, "yes": BCE, "features": None},
        {"kind": THREE, "yes": YES, "features": None},
        ROWS,
        metrics={"kind": ["accuracy"], "yes": ["accuracy"], "features": None},
    )


class TwoHeads(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = layers.Dense(4, "relu")
        self.kind = layers.Dense(3, "softmax", name="kind")
        self.size = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(1)], name="size")

    def call(self, x: tf.Tensor, training: bool = False) -> dict:
        features = self.trunk(x)
        return {"kind": self.kind(features), "size": self.size(features, training=training)}


@form(
    b.misspelt("size"),
    b.too_high("kind", "label-range"),
    b.one_hot("kind", 3),
    b.nan("size"),
    b.takes_logits("kind", SparseCrossentropy),
)
def own_class() -> Form:
    """A model of its own class, called once, with a Sequential for a head."""
    model = TwoHeads()
    model(ROWS[:1])
    how = {"metrics": {"kind": ["accuracy"], "size": ["mae"]}}
    return wired(model, {"kind": SCE, "size": "mse"}, {"kind": THREE, "size": NUMBER}, ROWS, **how)
