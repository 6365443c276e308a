"""How a model's outputs, its losses and metrics, and the targets belong together."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.inside_keras import Compiled, layers_named, read_compiled, source_of
from mos_helpers.heads.kinds import CATEGORICAL, SPARSE, Loss, activation_of, activation_of_layer, loss_of
from mos_helpers.heads.multi_output import MultiOutput

ROWS = 4096  # how many rows of a dataset are looked at
Structure = Any  # an array, or a dict, list or tuple of them; for losses and metrics, the same with their names

PARTS = ("loss", "loss_weights", "metrics", "weighted_metrics", "targets", "sample_weight")
ONE_CLASS = (SPARSE, CATEGORICAL)  # the losses of heads that choose one class


@dataclass
class Head:
    """One output of the model, and what belongs to it."""

    name: str
    shape: tuple | None = None  # with None for the batch; None if it is not known
    activation: str | None = None  # None if it cannot be told
    layer: str | None = None  # the name of the layer, if this output is all that it makes
    loss: Loss | None = None
    metrics: list = field(default_factory=list)
    weighted_metrics: list = field(default_factory=list)
    target: np.ndarray | None = None
    weight: np.ndarray | None = None

    def __str__(self) -> str:
        one, many = ("class", "classes") if self.loss and self.loss.kind in ONE_CLASS else ("unit", "units")
        size = f"{self.units} {one if self.units == 1 else many}" if self.units else None
        return f"{self.name}: {', '.join(filter(None, [size, self.activation, self.loss and self.loss.words]))}."

    @property
    def units(self) -> int | None:
        """The size of the last axis."""
        return self.shape[-1] if self.shape else None

    def labelled(self) -> np.ndarray:
        """Return the targets of the rows whose weight is not zero."""
        if self.weight is None or self.weight.size != len(self.target):
            return self.target
        return self.target[self.weight.ravel() != 0]


class Wiring(NamedTuple):
    """A model and its data, as the rules of `check_heads` see them."""

    model: keras.Model
    form: str  # of the outputs: "single", "list", "dict", "nested" or "unknown"
    outputs: Structure  # the outputs in their own structure
    heads: list[Head]  # in the order of the model
    compiled: Compiled | None
    targets: Structure
    sample_weight: Structure
    dataset: tf.data.Dataset | keras.utils.PyDataset | None  # where the targets come from

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
    if isinstance(targets, tf.data.Dataset | keras.utils.PyDataset):
        if sample_weight is not None:
            raise ValueError("sample_weight must be None when targets is a dataset: let it give (x, y, sample_weight).")
        dataset = targets
        x, targets, sample_weight = _first_rows(dataset)
    compiled = read_compiled(model)
    outputs = _outputs(model, x)
    form, heads = _heads(model, outputs)
    if form == "unknown":
        parts = [part for part in (targets, getattr(compiled, "loss", None)) if isinstance(part, dict)]
        heads = [Head(name) for name in dict.fromkeys(str(key) for part in parts for key in part)]
        form = "dict" if heads else form
    wiring = Wiring(model, form, outputs, heads, compiled, targets, sample_weight, dataset)
    for head in heads:
        _fill(head, wiring)
    return wiring


def _first_rows(dataset: tf.data.Dataset | keras.utils.PyDataset) -> tuple[Any, Any, Any]:
    """Return x, targets and weights of a dataset's first batches."""
    if isinstance(dataset, keras.utils.PyDataset):
        return keras.utils.unpack_x_y_sample_weight(dataset[0])
    rows, batches = 0, []
    for batch in dataset:
        if not isinstance(batch, tuple) or len(batch) < 2:
            raise ValueError(f"targets must be a dataset of pairs (x, targets), not of {type(batch).__name__}s.")
        batches.append(keras.tree.map_structure(np.asarray, batch))
        rows += max(np.size(leaf) and len(np.atleast_1d(leaf)) for leaf in keras.tree.flatten(batches[-1]))
        if rows >= ROWS:
            break
    if not batches:
        raise ValueError("targets must be a dataset with at least one batch.")
    joined = keras.tree.map_structure(_join, *batches)
    return keras.utils.unpack_x_y_sample_weight(joined)


def _join(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts) if parts[0].ndim else parts[0]


def _outputs(model: keras.Model, x: Structure) -> Structure:
    """Return the model's outputs in their own structure, symbolic if possible, else for a few rows; None if unknown."""
    if hasattr(model, "output_names"):
        return model.output
    if isinstance(model, keras.Sequential) and model.built and len(model.outputs) == 1:
        return model.outputs[0]
    if not model.built:
        return None
    if x is None:
        shape = (model.get_build_config() or {}).get("input_shape")
        if shape is None:
            return None
        numbers = np.random.default_rng(0)
        x = keras.tree.map_shape_structure(lambda s: numbers.random((4, *s[1:]), "float32"), shape)
    few = keras.tree.map_structure(lambda array: array[:8], x)
    with keras.StatelessScope():  # so that nothing in the model changes
        return model(few, training=False)


def _heads(model: keras.Model, outputs: Structure) -> tuple[str, list[Head]]:
    """Return the form of the outputs, and the heads in the order of the model."""
    if outputs is None:
        return "unknown", []
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        outputs = outputs[0]
    if not keras.tree.is_nested(outputs):
        name = getattr(model, "output_names", ["output"])[0]
        return "single", [_head(model, name, outputs)]
    values = list(outputs.values()) if isinstance(outputs, dict) else list(outputs)
    if any(keras.tree.is_nested(value) for value in values):
        return "nested", []
    if isinstance(outputs, dict):
        return "dict", [_head(model, key, value) for key, value in outputs.items()]
    names = getattr(model, "output_names", None) or [f"output_{i}" for i in range(len(values))]
    return "list", [_head(model, name, value) for name, value in zip(names, values, strict=True)]


def _head(model: keras.Model, name: str, output: Structure) -> Head:
    if isinstance(output, keras.KerasTensor):
        source = source_of(output)
        alone = source.outputs == source.calls == 1 and not isinstance(source.layer, MultiOutput)
        return Head(name, tuple(output.shape), activation_of(output), source.layer.name if alone else None)
    values = np.asarray(output, "float32")
    return Head(name, (None, *values.shape[1:]) if values.ndim else (), _activation_seen(model, name, values))


def _activation_seen(model: keras.Model, name: str, values: np.ndarray) -> str | None:
    """Tell the activation from a few outputs, and from the layer that has the head's name."""
    named = layers_named(model, name)
    activation = activation_of_layer(named[0]) if len(named) == 1 else None
    if values.min() < 0 or values.max() > 1:
        return "linear" if activation in ("softmax", "sigmoid") or (values.min() < 0 and not activation) else activation
    if values.ndim > 1 and values.shape[-1] > 1 and np.allclose(values.sum(-1), 1, atol=1e-2):
        return "softmax"
    return activation if activation in ("softmax", "sigmoid") else None


def _fill(head: Head, wiring: Wiring) -> None:
    """Give a head its own share of each part."""
    head.target = _array(share(wiring, "targets", head))
    head.weight = _array(share(wiring, "sample_weight", head))
    head.metrics = as_list(share(wiring, "metrics", head))
    head.weighted_metrics = as_list(share(wiring, "weighted_metrics", head))
    loss = share(wiring, "loss", head)
    if loss is not None and not isinstance(loss, dict | list | tuple):
        head.loss = loss_of(loss, head.shape, None if head.target is None else head.target.ndim)


def _array(share: Structure) -> np.ndarray | None:
    return None if share is None or isinstance(share, dict | list | tuple) else np.asarray(share)


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
