"""How a model's outputs, its losses and metrics, and the targets belong together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import keras
import numpy as np

from mos_helpers.heads.activations import activation_of, activation_of_layer, activation_seen, is_twice
from mos_helpers.heads.losses import CATEGORICAL, SPARSE, Loss, loss_of
from mos_helpers.heads.multi_output import MultiOutput
from mos_helpers.heads.outputs import as_numbers, outputs_of
from mos_helpers.heads.report import could_not
from mos_helpers.heads.rows import Structure, as_array, first_rows, is_dataset
from mos_helpers.inside_keras import Compiled, layers_named, read_compiled, source_of

T = TypeVar("T")
PARTS = ("loss", "loss_weights", "metrics", "weighted_metrics", "targets", "sample_weight")
ONE_CLASS = (SPARSE, CATEGORICAL)  # the losses of heads that choose one class


@dataclass
class Head:
    """One output of the model, and what belongs to it."""

    name: str
    shape: tuple | None = None  # with None for the batch; None if it is not known
    activation: str | None = None  # None if it cannot be told
    layer: str | None = None  # the name of the layer, if this output is all that it makes
    operation: bool = False  # whether that is no layer, but an operation such as a slice
    twice: bool = False  # whether its activation makes probabilities of probabilities
    dropped: bool = False  # whether it ends in a dropout
    padded: bool = False  # whether Keras's mask of padding reaches it, such as from Embedding(mask_zero=True)
    loss: Loss | None = None
    metrics: list = field(default_factory=list)
    weighted_metrics: list = field(default_factory=list)
    target: np.ndarray | None = None
    weight: np.ndarray | None = None
    runs: list[np.ndarray] = field(default_factory=list)  # its outputs for a few rows, once or twice
    given: Structure = None  # the target as it was given

    def __str__(self) -> str:
        one, many = ("class", "classes") if self.loss and self.loss.kind in ONE_CLASS else ("unit", "units")
        size = f"{self.units} {one if self.units == 1 else many}" if self.units else None
        return f"{self.name}: {', '.join(filter(None, [size, self.activation, self.loss and self.loss.words]))}."

    @property
    def units(self) -> int | None:
        """The size of the last axis."""
        return self.shape[-1] if self.shape else None

    @property
    def flat(self) -> bool:
        """Whether the targets lack the last axis of the output, where it has one unit."""
        lacking = self.target is not None and self.shape is not None and self.target.ndim == len(self.shape) - 1
        return bool(lacking and self.units == 1 and self.loss and self.loss.kind != SPARSE)

    @property
    def loss_shape(self) -> tuple | None:
        """The shape of the loss before its mean, with the sizes of these targets, or None if it is not known."""
        if not (self.loss and self.loss.known and self.shape and self.target is not None and self.target.ndim):
            return None
        if self.flat and self.target.ndim > 1:
            return self.target.shape[:-1]  # Keras drops the last axis of the output, and takes the mean over the next
        sizes = self.target.shape[: len(self.shape)] + self.shape[self.target.ndim :]
        return self.loss.shape(tuple(a if b is None else b for a, b in zip(sizes, self.shape, strict=True)))

    def labelled(self) -> np.ndarray:
        """Return the finite targets whose weight is not zero: (rows, units), or (rows,) without a last axis."""
        target = self.target
        full = target.ndim == len(self.shape) and self.loss.kind != SPARSE
        numbers = target.shape[:-1] if full else target.shape
        flat = target.reshape(-1, target.shape[-1]) if full else target.ravel()
        if self.weight is None:
            return self.finite(flat)
        weight = self.weight
        if weight.ndim == len(numbers) + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        weight = weight.reshape(weight.shape + (1,) * (len(numbers) - weight.ndim))
        try:
            return self.finite(flat[np.broadcast_to(weight, numbers).ravel() != 0])
        except ValueError:
            return flat[:0] if (self.weight == 0).any() else self.finite(flat)  # none is known to count

    @staticmethod
    def finite(rows: np.ndarray) -> np.ndarray:
        """Return the rows without NaN and infinity, of which a rule of their own speaks."""
        found = np.isfinite(rows)
        return rows if found.all() else rows[found.all(-1) if rows.ndim > 1 else found]


class Wiring(NamedTuple):
    """A model and its data, as the rules of `check_heads` see them."""

    model: keras.Model
    form: str  # of the outputs: "single", "list", "dict", "nested" or "unknown"
    outputs: Structure  # the outputs in their own structure
    heads: list[Head]  # in the order of the model
    compiled: Compiled | None
    targets: Structure
    sample_weight: Structure
    dataset: Structure  # where the targets come from, or None
    notes: list[str]  # what could not be read

    @property
    def names(self) -> list[str]:
        """The names of the heads."""
        return [head.name for head in self.heads]

    def part(self, name: str) -> Structure:
        """Return a part (see PARTS) as the user gave it."""
        if name in ("targets", "sample_weight"):
            return getattr(self, name)
        return getattr(self.compiled, name, None)


def read_wiring(model: keras.Model, targets: Structure, sample_weight: Structure) -> Wiring:
    """Find out which loss, metrics, targets and weights belong to which head."""
    x = dataset = None
    if is_dataset(targets):
        if sample_weight is not None:
            raise ValueError("sample_weight must be None when targets is a dataset: let it give (x, y, sample_weight).")
        dataset = targets
        x, targets, sample_weight = first_rows(dataset)
    notes: list[str] = []
    compiled = _tried(lambda: read_compiled(model), None, "read what compile was given", "", notes)
    outputs, runs = _tried(lambda: outputs_of(model, x), (None, []), "read the outputs", "", notes)
    form, heads = _tried(lambda: _heads(model, outputs, runs), ("unknown", []), "read the heads", "", notes)
    if form == "unknown":
        parts = [part for part in (targets, getattr(compiled, "loss", None)) if isinstance(part, dict)]
        heads = [Head(name) for name in dict.fromkeys(str(key) for part in parts for key in part)]
        form = "dict" if heads else form
    wiring = Wiring(model, form, outputs, heads, compiled, targets, sample_weight, dataset, notes)
    for head in heads:
        _tried(lambda head=head: _fill(head, wiring), None, "read what belongs to it", head.name, notes)
    return wiring


def _tried(read: Callable[[], T], otherwise: T, what: str, head: str, notes: list[str]) -> T:
    """Return what is read, or something else with a note: no object of other people's ends the whole check."""
    try:
        return read()
    except Exception as error:
        notes.append(could_not(what, head, error))
        return otherwise


def _heads(model: keras.Model, outputs: Structure, runs: list[Structure]) -> tuple[str, list[Head]]:
    """Return the form of the outputs, and the heads in the order of the model."""
    if outputs is None:
        return "unknown", []
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        outputs, runs = outputs[0], [run[0] if isinstance(run, list | tuple) else run for run in runs]
    if not keras.tree.is_nested(outputs):
        name = getattr(model, "output_names", ["output"])[0]
        return "single", [_head(model, name, outputs, runs)]
    if isinstance(outputs, dict):
        outputs = {key: value for key, value in outputs.items() if keras.tree.is_nested(value) or _is_tensor(value)}
    values = list(outputs.values()) if isinstance(outputs, dict) else list(outputs)
    if any(keras.tree.is_nested(value) for value in values):
        return "nested", []
    names = getattr(model, "output_names", None) or [f"output_{i}" for i in range(len(values))]
    form, keys = ("dict", list(outputs)) if isinstance(outputs, dict) else ("list", range(len(values)))
    names = keys if form == "dict" else names
    found = [[run[key] for run in runs] for key in keys]
    return form, [_head(model, *entry) for entry in zip(names, values, found, strict=True)]


def _is_tensor(value: Structure) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and value.dtype != "string"


def _head(model: keras.Model, name: str, output: Structure, runs: list[Structure]) -> Head:
    """Return one head, with its activation as its layers say it and its outputs show it."""
    if isinstance(output, keras.KerasTensor):
        source = source_of(output)
        alone = len(source.outputs) == source.calls == 1 and not isinstance(source.layer, MultiOutput)
        head = Head(name, tuple(output.shape), activation_of(output), source.layer.name if alone else None)
        head.operation = not isinstance(source.layer, keras.layers.Layer) or not source.inputs
        head.twice = is_twice(output)
        head.dropped = isinstance(source.layer, keras.layers.Dropout) and source.layer.rate > 0
    else:
        named = layers_named(model, name)
        told = activation_of_layer(named[0]) if len(named) == 1 else None
        head = Head(name, (None, *output.shape[1:]) if len(output.shape) else (), told)
    head.padded = any(getattr(run, "_keras_mask", None) is not None for run in runs)
    head.runs = [values for values in map(as_numbers, runs) if values is not None]
    if head.runs:
        head.activation = activation_seen(head.activation, head.runs)
    return head


def _fill(head: Head, wiring: Wiring) -> None:
    """Give a head its own share of each part."""
    head.given = share(wiring, "targets", head)
    head.target = _array(head.given)
    head.weight = _array(share(wiring, "sample_weight", head))
    head.metrics = as_list(share(wiring, "metrics", head))
    head.weighted_metrics = as_list(share(wiring, "weighted_metrics", head))
    loss = share(wiring, "loss", head)
    if loss is not None and not isinstance(loss, dict | list | tuple):
        head.loss = loss_of(loss, head.shape, None if head.target is None else head.target.ndim)


def _array(share: Structure) -> np.ndarray | None:
    """Return a share as an array, or None if it has no form of rows that are alike."""
    if isinstance(share, dict | list | tuple):
        return None
    array = as_array(share)
    return array if isinstance(array, np.ndarray) else None


def as_list(metrics: Structure) -> list:
    """Return the metrics of one head as a list."""
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, list | tuple) else [metrics]


def share(wiring: Wiring, part: str, head: Head) -> Structure:
    """Return a head's share of a part, or None if it has none, or if the part has another form than the outputs."""
    value = wiring.part(part)
    if isinstance(value, dict):
        return value.get(head.name)
    if isinstance(value, list | tuple):
        if wiring.form == "single" and part.endswith("metrics"):
            return value
        if wiring.form in ("single", "list") and len(value) == len(wiring.heads):
            return next(entry for entry, other in zip(value, wiring.heads, strict=True) if other is head)
        return None
    return value if part in ("loss", "sample_weight") or len(wiring.heads) == 1 else None
