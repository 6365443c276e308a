"""How a model's outputs, its losses and metrics, and the targets belong together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np

from mos_helpers.heads.endings import Kind, Loss, activation_of, activation_of_layer, activation_seen, is_twice, loss_of
from mos_helpers.heads.multi_output import MultiOutput
from mos_helpers.heads.rows import DATASETS, Structure, as_array, as_numbers, first_rows, outputs_of
from mos_helpers.inside_keras import Compiled, has_own, layers_named, read_compiled, source_of

# What a rule gives: a code and a message each time, and a rule about the model also the head, if it concerns only one.
Faults = Iterator[tuple[str, str] | tuple[str, str, str]]


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
        one, many = ("class", "classes") if self.kind in ("sparse", "categorical") else ("unit", "units")
        size = f"{self.units} {one if self.units == 1 else many}" if self.units else None
        return f"{self.name}: {', '.join(filter(None, [size, self.activation, self.loss and self.loss.words]))}."

    @property
    def units(self) -> int | None:
        """The size of the last axis."""
        return self.shape[-1] if self.shape else None

    @property
    def kind(self) -> Kind | None:
        """Which kind of targets its loss wants, or None if it has no loss."""
        return self.loss.wants.kind if self.loss else None

    @property
    def flat(self) -> bool:
        """Whether the targets lack the last axis of the output, where it has one unit."""
        lacking = self.target is not None and self.shape is not None and self.target.ndim == len(self.shape) - 1
        return lacking and self.units == 1 and self.kind != "sparse"

    def labelled(self) -> np.ndarray:
        """Return the finite targets whose weight is not zero: (rows, units), or (rows,) without a last axis."""
        target, weight = self.target, self.weight
        full = target.ndim == len(self.shape) and self.kind != "sparse"
        numbers = target.shape[:-1] if full else target.shape
        rows = target.reshape(-1, target.shape[-1]) if full else target.ravel()
        if weight is None:
            return finite(rows)
        if weight.ndim == len(numbers) + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        weight = weight.reshape(weight.shape + (1,) * (len(numbers) - weight.ndim))
        try:
            return finite(rows[np.broadcast_to(weight, numbers).ravel() != 0])
        except ValueError:
            return rows[:0] if (weight == 0).any() else finite(rows)  # none is known to count


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
    parts: dict[str, Structure]  # as the user gave them: loss, loss_weights, metrics, ..., targets, sample_weight
    dataset: Structure  # where the targets come from, or None
    notes: list[str]  # what could not be read
    names: list[str]  # of the heads
    own_step: bool  # whether the model's class trains in a way of its own, and may take targets of any form

    def share(self, part: str, head: Head) -> Structure:
        """Return a head's share of a part, or None if it has none, or if the part has another form than the outputs."""
        value = self.parts[part]
        if isinstance(value, dict):
            return value.get(head.name)
        if isinstance(value, list | tuple):
            if self.form == "single" and part.endswith("metrics"):
                return value
            if self.form in ("single", "list") and len(value) == len(self.heads):
                return next(entry for entry, other in zip(value, self.heads, strict=True) if other is head)
            return None
        return value if part in ("loss", "sample_weight") or len(self.heads) == 1 else None

    def has_loss_or_metric(self, head: Head) -> bool:
        """Whether a head's targets are used, or nothing says so."""
        return bool(head.loss or head.metrics or head.weighted_metrics) or self.parts["loss"] is None

    def code_for(self, part: str) -> str:
        """Return code that gives each head its share of a part, in the order in which the user wrote it."""
        value, of_metrics = self.parts.get(part), part.endswith("metrics")
        shares = [None] * len(self.heads)
        if isinstance(value, list | tuple) and len(value) == len(shares):
            shares = value
        elif isinstance(value, str) or of_metrics:
            shares = [value] * len(shares)
        shares = [f"[{', '.join(map(_code, as_list(each)))}]" if of_metrics else _code(each) for each in shares]
        inner = ", ".join(f'"{name}": {share}' for name, share in zip(self.names, shares, strict=True))
        return f"{part}={{{inner}}}" if part in self.parts else f"{{{inner}}}"


def _code(value: Structure) -> str:
    """Return a loss, metric or weight as it stands in code, or dots for what is too long."""
    return quoted([value]) if isinstance(value, str) else repr(value) if isinstance(value, int | float) else "..."


def quoted(names: list[str]) -> str:
    """Return names in quotes, with commas."""
    return ", ".join(f'"{name}"' for name in names)


@contextmanager
def noted(notes: list[str], what: str, head: str = "") -> Iterator[None]:
    """Go on after an error, with a note of what could not be done: other people's objects can raise anything."""
    try:
        yield
    except Exception as error:
        why = str(error).strip().split("\n")[0][:100]
        of_head, because = f"{head}: " if head else "", f": {why}" if why else ""
        notes.append(f"{of_head}could not {what} ({type(error).__name__}{because}).")


def read_wiring(model: keras.Model, targets: Structure, sample_weight: Structure) -> Wiring:
    """Find out which loss, metrics, targets and weights belong to which head."""
    x = dataset = compiled = outputs = None
    form, heads, runs, notes = "unknown", [], [], []
    if isinstance(targets, DATASETS):
        if sample_weight is not None:
            raise ValueError("sample_weight must be None when targets is a dataset: let it give (x, y, sample_weight).")
        dataset = targets
        x, targets, sample_weight = first_rows(dataset)
    with noted(notes, "read what compile was given"):
        compiled = read_compiled(model)
    with noted(notes, "read the outputs"):
        outputs, runs = outputs_of(model, x)
    with noted(notes, "read the heads"):
        form, heads = _heads(model, outputs, runs)
    of_compile = ("loss", "loss_weights", "metrics", "weighted_metrics")
    parts = {part: getattr(compiled, part, None) for part in of_compile}
    parts |= {"targets": targets, "sample_weight": sample_weight}
    if form == "unknown":
        names = [str(key) for part in (targets, parts["loss"]) if isinstance(part, dict) for key in part]
        heads = [Head(name) for name in dict.fromkeys(names)]
        form = "dict" if heads else form
    trains = ("train_step", "compute_loss", "compute_metrics") if compiled else ("compile",)
    names = [head.name for head in heads]
    wiring = Wiring(model, form, outputs, heads, compiled, parts, dataset, notes, names, has_own(model, *trains))
    for head in heads:
        with noted(notes, "read what belongs to it", head.name):
            head.given = wiring.share("targets", head)
            head.target = _array(head.given)
            head.weight = _array(wiring.share("sample_weight", head))
            head.metrics = as_list(wiring.share("metrics", head))
            head.weighted_metrics = as_list(wiring.share("weighted_metrics", head))
            loss = wiring.share("loss", head)
            if is_one(loss):
                head.loss = loss_of(loss, head.shape, None if head.target is None else head.target.ndim)
    return wiring


def _heads(model: keras.Model, outputs: Structure, runs: list[Structure]) -> tuple[str, list[Head]]:
    """Return the form of the outputs, and the heads in the order of the model."""
    if outputs is None:
        return "unknown", []
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        outputs, runs = outputs[0], [run[0] if isinstance(run, list | tuple) else run for run in runs]
    is_nested = keras.tree.is_nested
    if not is_nested(outputs):
        return "single", [_head(model, getattr(model, "output_names", ["output"])[0], outputs, runs)]
    if isinstance(outputs, dict):
        heads = {k: v for k, v in outputs.items() if is_nested(v) or getattr(v, "dtype", "string") != "string"}
        form, found, names = "dict", heads, list(heads)
    else:
        form, found = "list", dict(enumerate(outputs))
        names = getattr(model, "output_names", None) or [f"output_{i}" for i in found]
    if any(map(is_nested, found.values())):
        return "nested", []
    keys = zip(names, found, strict=True)
    return form, [_head(model, name, found[key], [run[key] for run in runs]) for name, key in keys]


def _head(model: keras.Model, name: str, output: Structure, runs: list[Structure]) -> Head:
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


def _array(share: Structure) -> np.ndarray | None:
    """Return a share as an array, or None if it has no form of rows that are alike."""
    array = as_array(share) if is_one(share) else None
    return array if isinstance(array, np.ndarray) else None


def is_one(value: Structure) -> bool:
    """Whether a part is one array, number or name, and no structure of them."""
    return value is not None and not isinstance(value, dict | list | tuple)


def as_list(metrics: Structure) -> list:
    """Return the metrics of one head as a list."""
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, list | tuple) else [metrics]
