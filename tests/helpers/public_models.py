"""Public models with several outputs, rebuilt small, each with five ways to break it.

`python tests/helpers/public_models.py` prints what `check_heads` finds in each of them.
"""

from collections.abc import Callable
from functools import cache, partial, wraps

import breakages as b
import numpy as np
from breakages import Breakage, Form, wired

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, metrics, ops  # isort: skip

N = 16
SCE, CCE, BCE = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
SparseCrossentropy = losses.SparseCategoricalCrossentropy
PER_WEIGHT = {"reduction": "mean_with_sample_weight"}
FORMS: dict[str, Callable[[], Form]] = {}
BREAKAGES: dict[str, tuple[Breakage, ...]] = {}

R = np.random.default_rng(0)
ROWS = R.normal(size=(N, 6)).astype("float32")
PICTURES = R.random((N, 8, 8, 1)).astype("float32")
WORDS = R.integers(1, 20, (N, 6))
THREE = np.arange(N) % 3
YES = (np.arange(N) % 2).astype("float32")[:, None]
NUMBER = R.normal(size=(N, 1)).astype("float32")
STATE = R.bit_generator.state


def form(*ways: Breakage) -> Callable:
    """Keep a function that makes a form, with ways to break it. Its data are the same at each call."""

    def keep(make: Callable[[], Form]) -> Callable[[], Form]:
        @wraps(make)
        def made() -> Form:
            R.bit_generator.state = STATE
            return make()

        FORMS[make.__name__] = made
        BREAKAGES[make.__name__] = ways
        return made

    return keep


def dense(name: str, units: int = 1, activation: str | None = None) -> layers.Dense:
    return layers.Dense(units, activation, name=name)


def conv(name: str, units: int, activation: str | None = None) -> layers.Conv2D:
    return layers.Conv2D(units, 1, activation=activation, name=name)


def of(inputs: keras.KerasTensor | list, **heads: keras.KerasTensor) -> keras.Model:
    return keras.Model(inputs, heads)


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


# ---------------------------------------------------------------------------------------------------------------------
# Ways to train


def critic_of_pictures() -> keras.Model:
    i = keras.Input((8, 8, 1))
    features = layers.Dense(4, "leaky_relu")(layers.Flatten()(i))
    heads = {"real": dense("real", 1, "sigmoid")(features), "kind": dense("kind", 3, "softmax")(features)}
    return keras.Model(i, heads, name="critic")


@form(
    b.too_high("real", "yes-no-range"),
    b.too_high("kind", "label-range"),
    b.half_masked("real", N),
    b.metric("kind", "binary_accuracy"),
    b.misspelt("real"),
)
def critic() -> Form:
    """An adversarial critic, trained for a step and then frozen on purpose, for the model that holds it."""
    model = critic_of_pictures()
    model.run_eagerly = True
    weight = {"real": np.ones(N), "kind": np.repeat([2.0, 0.0], N // 2)}
    frozen = wired(model, {"real": BCE, "kind": SCE}, {"real": YES, "kind": THREE}, PICTURES, weight)
    frozen.fit()
    model.trainable = False
    return frozen


@form(
    b.too_low("kind", "label-range"),
    b.misspelt("real"),
    b.takes_logits("real", losses.BinaryCrossentropy),
    b.nan("real"),
    b.metric("kind", "categorical_accuracy"),
)
def generator() -> Form:
    """The generator with the frozen critic behind it."""
    judge = critic_of_pictures()
    judge.trainable = False
    noise, kind = keras.Input((6,)), keras.Input((1,), dtype="int32")
    start = layers.Multiply()([noise, layers.Flatten()(layers.Embedding(3, 6)(kind))])
    model = keras.Model([noise, kind], judge(layers.Reshape((8, 8, 1))(layers.Dense(64, "sigmoid")(start))))
    return wired(model, {"real": BCE, "kind": SCE}, {"real": np.ones(N), "kind": THREE}, [ROWS, THREE[:, None]])


class Variational(keras.Model):
    """An autoencoder that adds the loss of its code in a `train_step` of its own."""

    def train_step(self, data: tuple) -> dict:
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            mean, log_variance = outputs["mean"], outputs["log_variance"]
            divergence = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            named = {"picture": outputs["picture"], "kind": outputs["kind"]}
            error = ops.mean(ops.square(y["picture"] - named["picture"]))
            error += ops.mean(losses.sparse_categorical_crossentropy(y["kind"], named["kind"]))
            loss = error + divergence
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": loss}


@form(
    b.beyond("a train_step of one's own may take any targets", b.misspelt("kind")),
    b.too_high("kind", "label-range"),
    b.nan("picture"),
    b.takes_logits("kind", SparseCrossentropy),
    b.metric("kind", "categorical_accuracy"),
)
def variational() -> Form:
    """A variational autoencoder with a `train_step` of its own, whose code has no target."""
    i = keras.Input((8, 8, 1))
    flat = layers.Flatten()(i)
    mean, log_variance = dense("mean", 2)(flat), dense("log_variance", 2)(flat)
    picture = layers.Reshape((8, 8, 1), name="picture")(layers.Dense(64, "sigmoid")(mean))
    heads = {"picture": picture, "kind": dense("kind", 3, "softmax")(mean)}
    model = Variational(i, {**heads, "mean": mean, "log_variance": log_variance})
    return wired(model, {"picture": "mse", "kind": SCE}, {"picture": PICTURES, "kind": THREE}, PICTURES)


@form(
    b.too_high("kind", "label-range"),
    b.too_low("size", "unreachable"),
    b.metric("size", "accuracy", "accuracy"),
    b.misspelt("kind"),
    b.takes_logits("kind", SparseCrossentropy),
)
def mixed_precision() -> Form:
    """Mixed precision: the heads end in float32, and the optimizer scales the loss."""
    half = {"dtype": "mixed_float16"}
    i = keras.Input((6,))
    trunk = layers.Dense(4, "relu", **half)(i)
    kind = layers.Activation("linear", dtype="float32", name="kind")(layers.Dense(3, "softmax", **half)(trunk))
    size = layers.Activation("linear", dtype="float32", name="size")(layers.Dense(1, "softplus", **half)(trunk))
    return wired(
        of(i, kind=kind, size=size),
        {"kind": SCE, "size": "mse"},
        {"kind": THREE, "size": NUMBER**2},
        ROWS,
        optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )


@form(
    b.misspelt("size"),
    b.too_high("yes", "yes-no-range"),
    b.nan("size"),
    b.no_target("yes"),
    b.wider("size"),
)
def mirrored() -> Form:
    """A model under a strategy for several devices, which was trained for a step."""
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        i = keras.Input((6,))
        model = of(i, size=dense("size")(i), yes=dense("yes", 1, "sigmoid")(i))
        how = {"metrics": {"size": ["mae"], "yes": ["accuracy"]}}
        both = wired(model, {"size": "mse", "yes": BCE}, {"size": NUMBER, "yes": YES}, ROWS, **how)
    both.fit()
    return both


# ---------------------------------------------------------------------------------------------------------------------


@cache
def _kept(name: str) -> Form:
    return FORMS[name]()


def broken(name: str, breakage: Breakage) -> Form:
    """Return a form with one breakage. The model is shared by all breakages, and compiled anew for each."""
    return breakage.broken(_kept(name).compiled())


def table() -> str:
    """Return what is found in each form: nothing when it is right, and each breakage."""
    lines = []
    for name, make in FORMS.items():
        lines.append(f"{name}: {make.__doc__}\n    right: {', '.join(_codes(make)) or 'nothing'}")
        for way in BREAKAGES[name]:
            place = f"{way.head or 'all heads'}, {way.code}"
            found = "found" if place in _codes(partial(broken, name, way)) else "NOT FOUND"
            lines.append(f"    {way.name} ({place}): {way.out_of_reach or found}")
    return "\n".join(lines)


def _codes(make: Callable[[], Form]) -> list[str]:
    """Return head and code of each finding; an exception is one too."""
    try:
        return [f"{finding.head or 'all heads'}, {finding.code}" for finding in make().check()]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    print(table())
