"""Public models with several outputs, rebuilt small, each with five ways to break it.

`python tests/helpers/public_models.py` prints what `check_heads` finds in each of them.
"""

from collections.abc import Callable
from functools import cache, partial

import breakages as b
import numpy as np
from breakages import Breakage, Form, wired

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, losses, ops  # isort: skip
import public_models_of_rows  # noqa: F401 - it keeps its forms in FORMS
import public_models_of_steps  # noqa: F401
from forms import BCE, BREAKAGES, FORMS, NUMBER, PICTURES, ROWS, SCE, THREE, YES, N, SparseCrossentropy, dense, form, of

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
