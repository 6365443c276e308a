"""Which kind of loss and which kind of last layer a head has."""

import re
from typing import Any, NamedTuple

import keras

from mos_helpers.heads.inside_keras import source_of
from mos_helpers.heads.multi_output import MultiOutput

SPARSE, CATEGORICAL, BINARY, REGRESSION = "sparse", "categorical", "binary", "regression"
OTHER, UNKNOWN = "other", "unknown"  # one of the user's own, or less common; a name that Keras does not know

KINDS = {
    "sparse_categorical_crossentropy": SPARSE,
    "categorical_crossentropy": CATEGORICAL,
    "categorical_focal_crossentropy": CATEGORICAL,
    "binary_crossentropy": BINARY,
    "binary_focal_crossentropy": BINARY,
    "mean_squared_error": REGRESSION,
    "mean_absolute_error": REGRESSION,
    "mean_absolute_percentage_error": REGRESSION,
    "mean_squared_logarithmic_error": REGRESSION,
    "huber": REGRESSION,
    "log_cosh": REGRESSION,
}

PASS_THROUGH = ("Identity", "Reshape", "Flatten", "Permute", "Dropout")


class Loss(NamedTuple):
    """A head's loss."""

    kind: str
    name: str  # as Keras names it, such as "mean_squared_error"
    from_logits: bool
    ignore_class: int | None
    reduction: str
    given: Any  # as in `compile`

    @property
    def words(self) -> str:
        """The loss in words, such as "sparse categorical cross-entropy"."""
        return self.name.replace("_", " ").replace("crossentropy", "cross-entropy")


def name_of(thing: object) -> str:
    """Return the name of a loss or metric as Keras writes its functions, such as "mean_squared_error"."""
    thing = getattr(thing, "fn", thing)
    name = thing if isinstance(thing, str) else getattr(thing, "__name__", type(thing).__name__)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_own(thing: object) -> bool:
    """Whether a loss, metric or activation was written by the user."""
    return not getattr(thing, "fn", thing).__module__.startswith("keras.")


def loss_of(given: object, shape: tuple | None, target_rank: int | None) -> Loss:
    """Return what is known about a loss, given as in `compile`, of a head with that output shape."""
    if isinstance(given, str) and given in ("crossentropy", "ce"):
        given = _automatic_crossentropy(shape, target_rank)
    try:
        found = keras.losses.get(given)
    except ValueError:
        return Loss(UNKNOWN, str(given), False, None, "", given)
    if is_own(found):
        return Loss(OTHER, name_of(found), False, None, getattr(found, "reduction", ""), given)
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    return Loss(
        kind=KINDS.get(name_of(found), OTHER),
        name=name_of(found),
        from_logits=config.get("from_logits", False),
        ignore_class=config.get("ignore_class"),
        reduction=config.get("reduction", "sum_over_batch_size"),
        given=given,
    )


def _automatic_crossentropy(shape: tuple | None, target_rank: int | None) -> str:
    """Choose as Keras does for the loss "crossentropy"."""
    if shape and shape[-1] == 1:
        return "binary_crossentropy"
    sparse = shape and target_rank is not None and target_rank < len(shape)
    return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"


def activation_of(tensor: keras.KerasTensor) -> str | None:
    """Return the name of the activation that makes a symbolic tensor, or None if it cannot be told."""
    layer, inputs, index, outputs, _ = source_of(tensor)
    if type(layer).__name__ in PASS_THROUGH and len(inputs) == 1:
        return activation_of(inputs[0])
    if isinstance(layer, MultiOutput):
        one_each = len(layer.heads) == outputs
        return activation_of_layer(layer.heads[sorted(layer.heads)[index]]) if one_each else None
    if hasattr(layer, "output_names"):  # a model within the model
        return activation_of(layer.outputs[index])
    return activation_of_layer(layer)


def activation_of_layer(layer: object) -> str | None:
    """Return the name of a layer's activation, or None if it cannot be told."""
    if isinstance(layer, keras.Sequential):
        return activation_of_layer(layer.layers[-1])
    if isinstance(layer, keras.Model) and len(getattr(layer, "outputs", None) or []) == 1:
        return activation_of(layer.outputs[0])
    if type(layer).__name__ in ("Softmax", "Sigmoid"):  # a layer, or an operation from keras.ops
        return type(layer).__name__.lower()
    activation = getattr(layer, "activation", None)
    return None if activation is None or is_own(activation) else getattr(activation, "__name__", None)
