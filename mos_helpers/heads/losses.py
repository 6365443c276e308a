"""Keras's own losses: what each of them wants of the targets and of the outputs, and which numbers it averages."""

import inspect
import re
from typing import Any, NamedTuple

import keras
import numpy as np

from mos_helpers.inside_keras import arguments_of

SPARSE, CATEGORICAL, BINARY, REGRESSION = "sparse", "categorical", "binary", "regression"
MASK, SIGNS = "mask", "signs"  # targets like the outputs, for Dice; -1 and 1, for hinge
OTHER, UNKNOWN = "other", "unknown"  # one of the user's own, or out of reach; a name that Keras does not know

PROBABILITY, NOT_NEGATIVE, BOTH_SIGNS, ANY = "probability", "not negative", "both signs", "any"


class Wants(NamedTuple):
    """What a loss wants."""

    kind: str  # of targets
    outputs: str = ANY
    low: float = -np.inf  # the smallest target that makes sense
    zero: bool = True  # whether a target may be zero


WANTS = {
    "sparse_categorical_crossentropy": Wants(SPARSE, PROBABILITY),
    "categorical_generalized_cross_entropy": Wants(SPARSE, PROBABILITY),
    "categorical_crossentropy": Wants(CATEGORICAL, PROBABILITY),
    "categorical_focal_crossentropy": Wants(CATEGORICAL, PROBABILITY),
    "kl_divergence": Wants(CATEGORICAL, PROBABILITY),
    "categorical_hinge": Wants(CATEGORICAL),
    "binary_crossentropy": Wants(BINARY, PROBABILITY),
    "binary_focal_crossentropy": Wants(BINARY, PROBABILITY),
    "dice": Wants(MASK, PROBABILITY),
    "tversky": Wants(MASK, PROBABILITY),
    "hinge": Wants(SIGNS, BOTH_SIGNS),
    "squared_hinge": Wants(SIGNS, BOTH_SIGNS),
    "poisson": Wants(REGRESSION, NOT_NEGATIVE, low=0),
    "mean_squared_logarithmic_error": Wants(REGRESSION, low=0),
    "mean_absolute_percentage_error": Wants(REGRESSION, zero=False),
    "mean_squared_error": Wants(REGRESSION),
    "mean_absolute_error": Wants(REGRESSION),
    "cosine_similarity": Wants(REGRESSION),
    "huber": Wants(REGRESSION),
    "log_cosh": Wants(REGRESSION),
    "ctc": Wants(OTHER),  # out of reach: its targets have a length of their own
    "circle": Wants(OTHER),  # out of reach: it compares the rows of a batch with each other
}


SHORT = {"mean_squared_error": "mse", "mean_absolute_error": "mae"}


class Loss(NamedTuple):
    """A head's loss."""

    wants: Wants
    name: str  # as Keras names it, such as "mean_squared_error"
    config: dict[str, Any]  # the arguments that a loss object was made with
    given: Any  # as in `compile`

    @property
    def kind(self) -> str:
        """Which kind of targets the loss wants."""
        return self.wants.kind

    @property
    def known(self) -> bool:
        """Whether it is one of Keras's own that the table above describes."""
        return self.kind not in (OTHER, UNKNOWN)

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        return bool(self.config.get("from_logits"))

    @property
    def ignore_class(self) -> int | None:
        """The class number that marks a missing label."""
        return self.config.get("ignore_class")

    @property
    def reduction(self) -> str:
        """How the loss makes one number of many."""
        return self.config.get("reduction", "sum_over_batch_size")

    @property
    def words(self) -> str:
        """The loss in words, such as "sparse categorical cross-entropy"."""
        return self.name.replace("_", " ").replace("crossentropy", "cross-entropy")

    def code(self, name: str | None = None, **changes: object) -> str:
        """Return code for this loss, or for one of another name, with its own arguments but these changes."""
        made = _class_named(name or self.name)
        known = inspect.signature(made).parameters
        config = {key: value for key, value in (self.config | changes).items() if key in known}
        given = {k: v for k, v in config.items() if k not in ("name", "dtype") and v != known[k].default}
        return f"keras.losses.{made.__name__}({', '.join(f'{key}={_written(value)}' for key, value in given.items())})"

    def named(self, name: str, **changes: object) -> str:
        """Return the name of another loss in quotes, or code for it where this one has arguments that it takes."""
        code = self.code(name, **changes)
        return f'"{SHORT.get(name, name)}"' if code.endswith("()") else code

    def shape(self, outputs: tuple) -> tuple:
        """Return the shape of the loss before its mean, for outputs of that shape; () if it has one number."""
        if self.kind != MASK:
            return outputs[:-1]
        axis = self.config.get("axis")
        axes = [a % len(outputs) for a in ([axis] if isinstance(axis, int) else axis or range(len(outputs)))]
        return tuple(size for a, size in enumerate(outputs) if a not in axes)


def name_of(thing: object) -> str:
    """Return the name of a loss or metric as Keras writes its functions, such as "mean_squared_error"."""
    thing = getattr(thing, "fn", thing)
    name = thing if isinstance(thing, str) else getattr(thing, "__name__", None) or type(thing).__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_own(thing: object) -> bool:
    """Whether a loss, metric, layer or activation was written by the user."""
    module = getattr(thing, "__module__", None) or type(thing).__module__
    if str(module).startswith("keras.") and hasattr(thing, "fn"):  # a class of Keras around a function
        return is_own(thing.fn)
    return not str(module).startswith("keras.")


def loss_of(given: object, shape: tuple | None, target_rank: int | None) -> Loss:
    """Return what is known about a loss, given as in `compile`, of a head with that output shape."""
    if str(given).lower() in ("crossentropy", "ce"):
        given = _automatic_crossentropy(shape, target_rank)
    try:
        found = keras.losses.get(given)
    except (ValueError, TypeError):
        return Loss(Wants(UNKNOWN), str(given), {}, given)
    if is_own(found):
        return Loss(Wants(OTHER), name_of(found), {"reduction": getattr(found, "reduction", "")}, given)
    config = arguments_of(found) if isinstance(found, keras.losses.Loss) else {}
    wants = WANTS.get(name_of(found), Wants(OTHER))
    if wants.kind != MASK and config.get("axis", -1) not in (-1, len(shape or ()) - 1):
        wants = Wants(OTHER)  # channels first: its classes, targets and weights lie along other axes
    return Loss(wants, name_of(found), config, given)


def _automatic_crossentropy(shape: tuple | None, target_rank: int | None) -> str:
    """Choose as Keras does for the loss "crossentropy"."""
    if shape and shape[-1] == 1:
        return "binary_crossentropy"
    sparse = shape and target_rank is not None and target_rank < len(shape)
    return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"


def _written(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _class_named(name: str) -> type:
    """Return the class of Keras's loss of that name."""
    plain = name.replace("_", "")
    return next(
        found for label, found in vars(keras.losses).items() if isinstance(found, type) and label.lower() == plain
    )
