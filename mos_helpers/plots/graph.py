"""What a drawing of a model shows: one box for each call of a layer, and where each box gets its input from."""

from collections import Counter
from dataclasses import dataclass
from graphlib import TopologicalSorter

import keras

from mos_helpers.inside_keras import source_of

Call = tuple[str, int]
"""One call of a layer: the layer's name, and the number of the call (a shared layer is called more than once)."""


@dataclass
class Box:
    """One call of a layer.

    Attributes:
        name: the layer's name.
        kind: "input"; "trunk" if it leads to several heads; "branch" if it leads to one; "head" if it is an output.
        lines: the facts below the name: key of the output, class and activation, shape, parameters.
        parents: the calls whose outputs it takes.
    """

    name: str
    kind: str
    lines: list[str]
    parents: list[Call]


def read(model: keras.Model) -> dict[Call, Box]:
    """Return the boxes of a model with a graph, with the heads in the order of the model's outputs.

    Raises:
        TypeError: if ``model`` is no Keras model, or a subclassed one, which has no graph.
        ValueError: for a Sequential model that is not built.
    """
    _check(model)
    outputs = _named_outputs(model.outputs if isinstance(model, keras.Sequential) else model.output)
    parents, operations, tensors = _walk([tensor for _, tensor in outputs])
    keys: dict[Call, dict[int, list[str]]] = {}  # of each head: which names stand for which of its tensors
    for key, tensor in outputs:
        keys.setdefault(_call(tensor), {}).setdefault(id(tensor), []).append(key)
    heads_reached = _heads_reached(parents, keys)
    calls = Counter(name for name, _ in parents)
    seen: Counter[str] = Counter()
    boxes = {}
    for call in sorted(parents, key=lambda call: call[1]):
        name = call[0]
        seen[name] += 1
        lines = _facts(operations[call], tensors[call], keys.get(call, {}))
        if calls[name] > 1:
            lines.append(f"call {seen[name]} of {calls[name]}, same weights")
        boxes[call] = Box(name, _kind(call, parents, keys, heads_reached[call]), lines, parents[call])
    return {call: boxes[call] for call in parents}


def _check(model: object) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: {type(model).__name__} given, a Keras model wanted.")
    if hasattr(model, "outputs"):
        return
    if isinstance(model, keras.Sequential):
        raise ValueError(
            f'model: the Sequential model "{model.name}" is not built yet; make keras.Input(shape=...) its first '
            "layer, or call model.build(input_shape)."
        )
    raise TypeError(
        f"model: {type(model).__name__} is a subclassed model, which keeps no graph to draw; a functional model is "
        "wanted: keras.Model(inputs, outputs)."
    )


def _named_outputs(structure: object, name: str = "") -> list[tuple[str, keras.KerasTensor]]:
    """Return (key, tensor) for each output; the key is empty where the outputs are no dictionary."""
    if isinstance(structure, dict):
        return [pair for key, part in structure.items() for pair in _named_outputs(part, str(key))]
    if isinstance(structure, list | tuple):
        return [pair for part in structure for pair in _named_outputs(part, name)]
    return [(name, structure)]


def _walk(
    outputs: list[keras.KerasTensor],
) -> tuple[dict[Call, list[Call]], dict[Call, keras.Operation], dict[Call, list[keras.KerasTensor]]]:
    """Go back from the outputs; return each call's parents, its layer and its output tensors.

    The public `get_config` tells the same, but fails for layers that define none, as one writes when trying something.
    """
    parents: dict[Call, list[Call]] = {}
    operations, tensors = {}, {}
    waiting = outputs[::-1]
    while waiting:
        tensor = waiting.pop()
        call = _call(tensor)
        if call in parents:
            continue
        source = source_of(tensor)
        operations[call], tensors[call] = source.layer, source.outputs
        parents[call] = list(dict.fromkeys(_call(before) for before in source.inputs))
        waiting.extend(reversed(source.inputs))
    return parents, operations, tensors


def _call(tensor: keras.KerasTensor) -> Call:
    source = source_of(tensor)
    return source.layer.name, source.call


def _heads_reached(parents: dict[Call, list[Call]], keys: dict[Call, dict]) -> dict[Call, set[int]]:
    """Return which output tensors each call leads to."""
    reached = {call: set(keys.get(call, {})) for call in parents}
    for call in reversed(list(TopologicalSorter(parents).static_order())):
        for parent in parents[call]:
            reached[parent] |= reached[call]
    return reached


def _kind(call: Call, parents: dict[Call, list[Call]], keys: dict[Call, dict], reached: set[int]) -> str:
    if call in keys:
        return "head"
    if not parents[call]:
        return "input"
    only_one_output = sum(map(len, keys.values())) == 1
    return "trunk" if len(reached) > 1 or only_one_output else "branch"


def _facts(operation: keras.Operation, tensors: list[keras.KerasTensor], keys: dict[int, list[str]]) -> list[str]:
    kind = type(operation).__name__
    if isinstance(operation, keras.Model):
        kind += f", {len(operation.layers)} layer{'s' if len(operation.layers) > 1 else ''}"
    activation = getattr(operation, "activation", None)
    if activation is not None:
        kind += f" · {getattr(activation, '__name__', type(activation).__name__)}"
    named = {number: [key for key in keys.get(id(tensor), []) if key] for number, tensor in enumerate(tensors)}
    if len(tensors) == 1:
        facts = [f'output "{key}"' for key in named[0] if key != operation.name] + [kind, _shape(tensors[0])]
    else:
        labels = [", ".join(f'"{key}"' for key in named[number]) or f"[{number}]" for number in named]
        facts = [kind, *(f"{label}: {_shape(tensor)}" for label, tensor in zip(labels, tensors, strict=True))]
    parameters = operation.count_params() if isinstance(operation, keras.Layer) else 0
    if parameters:
        facts.append(f"{parameters:,} parameter{'s' if parameters > 1 else ''}")
    return facts


def _shape(tensor: keras.KerasTensor) -> str:
    return str(tuple(tensor.shape))
