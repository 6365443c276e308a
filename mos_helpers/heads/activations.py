"""How a head ends: in which activation, as its layers say and as its outputs show."""

import keras
import numpy as np

from mos_helpers.heads.losses import is_own, name_of
from mos_helpers.heads.multi_output import MultiOutput
from mos_helpers.inside_keras import is_graph, source_of

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
