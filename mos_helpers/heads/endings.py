"""How a head ends: in which activation, and in which loss, with what that wants of the targets and of the outputs."""

import inspect
import re
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from mos_helpers.heads.multi_output import MultiOutput
from mos_helpers.inside_keras import arguments_of, is_graph, source_of

PASS_THROUGH = ("Identity", "Dropout", "Cast")
MOVE = ("Reshape", "Flatten", "Permute", "Transpose", "Squeeze", "ExpandDims", "GetItem")  # a softmax may not survive
UNBOUNDED = (-np.inf, np.inf)
RANGES = {
    "sigmoid hard_sigmoid softmax sparsemax": (0, 1),
    "tanh hard_tanh softsign": (-1, 1),
    "relu softplus exponential squareplus sparse_plus": (0, np.inf),
    "relu6": (0, 6),
    "elu celu": (-1, np.inf),
    "selu": (-1.76, np.inf),
    "gelu": (-0.17, np.inf),
    "silu": (-0.28, np.inf),
    "mish": (-0.31, np.inf),
    "log_softmax log_sigmoid": (-np.inf, 0),
}
RANGES = {name: limits for names, limits in RANGES.items() for name in names.split()}
NAMES = {"exp": "exponential", "re_lu": "relu"}  # of layers and operations, where they differ
ROUNDING = 1e-2  # of outputs in 16 bits

# The targets of a loss: class numbers, one-hot rows, yes or no for each unit, numbers, masks like the outputs for Dice,
# -1 and 1 for hinge. "other" is a loss of the user's own or out of reach, "unknown" a name that Keras does not have.
Kind = Literal["sparse", "categorical", "binary", "regression", "mask", "signs", "other", "unknown"]
Outputs = Literal["probability", "logits", "not negative", "both signs", "any"]


class Wants(NamedTuple):
    """What a loss wants."""

    kind: Kind  # of targets
    outputs: Outputs = "any"
    low: float = -np.inf  # the smallest target that makes sense
    zero: bool = True  # whether a target may be zero


WANTS = {
    "sparse_categorical_crossentropy categorical_generalized_cross_entropy": Wants("sparse", "probability"),
    "categorical_crossentropy categorical_focal_crossentropy kl_divergence": Wants("categorical", "probability"),
    "categorical_hinge": Wants("categorical"),
    "binary_crossentropy binary_focal_crossentropy": Wants("binary", "probability"),
    "dice tversky": Wants("mask", "probability"),
    "hinge squared_hinge": Wants("signs", "both signs"),
    "poisson": Wants("regression", "not negative", low=0),
    "mean_squared_logarithmic_error": Wants("regression", low=0),
    "mean_absolute_percentage_error": Wants("regression", zero=False),
    "mean_squared_error mean_absolute_error cosine_similarity huber log_cosh": Wants("regression"),
    "ctc": Wants("other", "logits"),  # its targets have a length of their own
    "circle": Wants("other"),  # out of reach: it compares the rows of a batch with each other
}
WANTS = {name: wants for names, wants in WANTS.items() for name in names.split()}
SHORT = {"mean_squared_error": "mse", "mean_absolute_error": "mae"}


class Loss(NamedTuple):
    """A head's loss."""

    wants: Wants
    name: str  # as Keras names it, such as "mean_squared_error"
    config: dict[str, Any]  # the arguments that a loss object was made with
    given: Any  # as in `compile`

    @property
    def known(self) -> bool:
        """Whether it is one of Keras's own that the table above describes."""
        return self.wants.kind not in ("other", "unknown")

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        return bool(self.config.get("from_logits"))

    @property
    def words(self) -> str:
        """The loss in words, such as "sparse categorical cross-entropy"."""
        return self.name.replace("_", " ").replace("crossentropy", "cross-entropy")

    def code(self, name: str | None = None, **changes: object) -> str:
        """Return code for this loss, or for one of another name, with its own arguments but these changes."""
        classes = {label.lower(): made for label, made in vars(keras.losses).items() if inspect.isclass(made)}
        made = classes[(name or self.name).replace("_", "")]
        known = inspect.signature(made).parameters
        config = {key: value for key, value in (self.config | changes).items() if key in known}
        given = {k: v for k, v in config.items() if k not in ("name", "dtype") and v != known[k].default}
        written = [f'{k}="{v}"' if isinstance(v, str) else f"{k}={v!r}" for k, v in given.items()]
        return f"keras.losses.{made.__name__}({', '.join(written)})"

    def named(self, name: str, **changes: object) -> str:
        """Return the name of another loss in quotes, or code for it where this one has arguments that it takes."""
        code = self.code(name, **changes)
        return f'"{SHORT.get(name, name)}"' if code.endswith("()") else code


def name_of(thing: object) -> str:
    """Return the name of a loss or metric as Keras writes its functions, such as "mean_squared_error"."""
    thing = getattr(thing, "fn", thing)
    name = thing if isinstance(thing, str) else getattr(thing, "__name__", None) or type(thing).__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_own(thing: object) -> bool:
    """Whether a loss, metric, layer or activation was written by the user."""
    of_keras = str(getattr(thing, "__module__", None) or type(thing).__module__).startswith("keras.")
    return is_own(thing.fn) if of_keras and hasattr(thing, "fn") else not of_keras  # Keras's class around a function


def loss_of(given: object, shape: tuple | None, target_rank: int | None) -> Loss:
    """Return what is known about a loss, given as in `compile`, of a head with that output shape."""
    if str(given).lower() in ("crossentropy", "ce"):  # Keras chooses one by the shapes
        sparse = shape and target_rank is not None and target_rank < len(shape)
        kind = "binary" if shape and shape[-1] == 1 else "sparse_categorical" if sparse else "categorical"
        given = f"{kind}_crossentropy"
    try:
        found = keras.losses.get(given)
    except (ValueError, TypeError):
        return Loss(Wants("unknown"), str(given), {}, given)
    if is_own(found):
        return Loss(Wants("other"), name_of(found), {}, given)
    config = arguments_of(found) if isinstance(found, keras.losses.Loss) else {}
    wants = WANTS.get(name_of(found), Wants("other"))
    if wants.kind != "mask" and config.get("axis", -1) not in (-1, len(shape or ()) - 1):
        wants = Wants("other")  # channels first: its classes, targets and weights lie along other axes
    return Loss(wants, name_of(found), config, given)


def activation_of(tensor: keras.KerasTensor) -> str | None:
    """Return the name of the activation that makes a symbolic tensor, or None if it cannot be told."""
    layer, inputs, index, *_ = source = source_of(tensor)
    kind = type(layer).__name__
    if isinstance(layer, MultiOutput):
        one_each = len(layer.heads) == len(source.outputs)
        return activation_of_layer(layer.heads[sorted(layer.heads)[index]]) if one_each else None
    if isinstance(layer, keras.Model) and is_graph(layer):
        return activation_of(layer.outputs[index])
    if kind in PASS_THROUGH + MOVE and len(inputs) == 1 and not is_own(layer):
        found = activation_of(inputs[0])
        return None if found == "softmax" and kind in MOVE else found
    found = activation_of_layer(layer)
    return activation_of(inputs[0]) if kind == "Activation" and found == "linear" else found


def activation_of_layer(layer: object) -> str | None:
    """Return the name of a layer's activation, or None if it cannot be told."""
    if isinstance(layer, keras.Sequential) and layer.layers:
        return activation_of_layer(layer.layers[-1])
    if isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None) or []
        return activation_of(outputs[0]) if len(outputs) == 1 else None
    if is_own(layer) or getattr(layer, "max_value", None) is not None:
        return None
    if isinstance(layer, keras.layers.TimeDistributed):
        return activation_of_layer(layer.layer)
    name = name_of(type(layer).__name__)
    if name in NAMES or name in RANGES:  # a layer such as Softmax, or an operation of keras.ops
        return NAMES.get(name, name)
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return activation_of_layer(activation)
    return None if activation is None or is_own(activation) else getattr(activation, "__name__", None)


def activation_seen(told: str | None, runs: list[np.ndarray]) -> str | None:
    """Correct by a few outputs what the layers say: an activation that cannot have given them is not believed.

    What the layers do not say is believed only if every run shows it.
    """
    low, high = RANGES.get(told, UNBOUNDED)
    smallest, largest = [values.min() for values in runs], max(values.max() for values in runs)
    summed = all(sums_to_one(values, -1) for values in runs)
    not_softmax = told == "softmax" and runs[0].ndim > 1 and runs[0].shape[-1] > 1 and not summed
    if not_softmax or min(smallest) < low - ROUNDING or largest > high + ROUNDING:
        told = None
    if told == "exponential" and largest <= 1 + ROUNDING:  # of a distance below 0: a probability
        return None
    if told in (None, "linear") and summed:
        return "softmax"
    return "linear" if told is None and max(smallest) < -ROUNDING else told


def gives_probabilities(activation: str | None) -> bool:
    """Whether an activation gives numbers from 0 to 1."""
    return RANGES.get(activation) == (0, 1)


def is_twice(tensor: keras.KerasTensor) -> bool:
    """Whether a layer that only is an activation makes probabilities of probabilities."""
    layer, inputs, *_ = source_of(tensor)
    if type(layer).__name__ not in ("Softmax", "Sigmoid", "Activation") or is_own(layer):
        return False
    twice = gives_probabilities(activation_of(tensor)) and gives_probabilities(activation_of(inputs[0]))
    return twice and activation_of_layer(layer) != "linear"


def sums_to_one(values: np.ndarray, axis: int) -> bool:
    """Whether outputs are probabilities that sum to 1 along an axis."""
    if values.ndim < 2 or values.shape[axis] < 2 or values.min() < -ROUNDING:
        return False
    return bool(np.allclose(values.sum(axis), 1, atol=ROUNDING))
