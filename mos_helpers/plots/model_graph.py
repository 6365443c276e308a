"""What a drawing of a model shows: one box for each call of a layer, and where each box gets its input from."""

from collections import Counter
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

import keras

from mos_helpers.arguments import check_type
from mos_helpers.inside_keras import source_of

Call = tuple[str, int]
"""One call of a layer: the layer's name, and the number of the call (a shared layer is called more than once)."""


@dataclass
class Box:
    """One call of a layer.

    Attributes:
        name: the layer's name.
        parents: the calls whose outputs it takes.
        kind: "input"; "trunk" if it leads to several heads; "branch" if it leads to one; "head" if it is an output.
        lines: the facts below the name: key of the output, class and activation, shape, parameters.
    """

    name: str
    parents: list[Call]
    kind: str = ""
    lines: list[str] = field(default_factory=list)


def boxes_of(model: keras.Model) -> dict[Call, Box]:
    """Return the boxes of a model with a graph, with the heads in the order of the model's outputs."""
    _check(model)
    outputs = _named_outputs(model.outputs if isinstance(model, keras.Sequential) else model.output)
    keys: dict[Call, dict[int, list[str]]] = {}  # of each head: which names stand for which of its tensors
    for key, tensor in outputs:
        keys.setdefault(_call(tensor), {}).setdefault(id(tensor), []).append(key)
    boxes = {}
    # The public `get_config` tells the graph too, but fails for layers that define none, as one writes when trying
    # something. So we go back from the outputs.
    waiting = [tensor for _, tensor in reversed(outputs)]
    while waiting:
        tensor = waiting.pop()
        source, call = source_of(tensor), _call(tensor)
        if call not in boxes:
            boxes[call] = Box(call[0], list(dict.fromkeys(map(_call, source.inputs))))
            boxes[call].lines = _facts(source.layer, source.outputs, keys.get(call, {}))
            waiting.extend(reversed(source.inputs))
    _tell_kinds(boxes, keys)
    _tell_calls(boxes)
    return boxes


def _check(model: object) -> None:
    check_type("model", model, keras.Model, "a Keras model")
    if hasattr(model, "outputs"):
        return
    if isinstance(model, keras.Sequential):
        cure = "make keras.Input(shape=...) its first layer, or call model.build(input_shape)"
        raise ValueError(f'model: the Sequential model "{model.name}" is not built yet; {cure}.')
    wanted = "a functional model, keras.Model(inputs, outputs)"
    raise TypeError(f"model must be {wanted}; {type(model).__name__} is a subclassed model, which keeps no graph.")


def _named_outputs(structure: object, name: str = "") -> list[tuple[str, keras.KerasTensor]]:
    """Return (key, tensor) for each output; the key is empty where the outputs are no dictionary."""
    if isinstance(structure, dict):
        return [pair for key, part in structure.items() for pair in _named_outputs(part, str(key))]
    if isinstance(structure, list | tuple):
        return [pair for part in structure for pair in _named_outputs(part, name)]
    return [(name, structure)]


def _call(tensor: keras.KerasTensor) -> Call:
    source = source_of(tensor)
    return source.layer.name, source.call


def _tell_kinds(boxes: dict[Call, Box], keys: dict[Call, dict]) -> None:
    """Say of each box which kind it is, from the output tensors that it leads to."""
    reached = {call: set(keys.get(call, {})) for call in boxes}
    only_one_output = sum(map(len, keys.values())) == 1
    order = TopologicalSorter({call: box.parents for call, box in boxes.items()}).static_order()
    for call in reversed(list(order)):
        box = boxes[call]
        for parent in box.parents:
            reached[parent] |= reached[call]
        shared = len(reached[call]) > 1 or only_one_output
        box.kind = "head" if call in keys else "input" if not box.parents else "trunk" if shared else "branch"


def _tell_calls(boxes: dict[Call, Box]) -> None:
    """Say which boxes are calls of the same layer."""
    calls, seen = Counter(name for name, _ in boxes), Counter()
    for call in sorted(boxes, key=lambda call: call[1]):
        name = call[0]
        seen[name] += 1
        if calls[name] > 1:
            boxes[call].lines.append(f"call {seen[name]} of {calls[name]}, same weights")


def _facts(layer: keras.Operation, tensors: list[keras.KerasTensor], keys: dict[int, list[str]]) -> list[str]:
    kind = type(layer).__name__
    if isinstance(layer, keras.Model):
        kind += f", {len(layer.layers)} layer{'s' if len(layer.layers) > 1 else ''}"
    activation = getattr(layer, "activation", None)
    if activation is not None:
        kind += f" · {getattr(activation, '__name__', type(activation).__name__)}"
    named = [[key for key in keys.get(id(tensor), []) if key] for tensor in tensors]
    shapes = [str(tuple(tensor.shape)) for tensor in tensors]
    if len(tensors) == 1:
        facts = [f'output "{key}"' for key in named[0] if key != layer.name] + [kind, shapes[0]]
    else:
        labels = [", ".join(f'"{key}"' for key in own) or f"[{number}]" for number, own in enumerate(named)]
        facts = [kind, *(f"{label}: {shape}" for label, shape in zip(labels, shapes, strict=True))]
    parameters = layer.count_params() if isinstance(layer, keras.Layer) else 0
    if parameters:
        facts.append(f"{parameters:,} parameter{'s' if parameters > 1 else ''}")
    return facts
