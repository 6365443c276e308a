"""What a drawing of a model shows: one box for each call of a layer, and where each box gets its input from."""

from collections import Counter
from dataclasses import dataclass

import keras

from mos_helpers.arguments import check_type
from mos_helpers.inside_keras import source_of


@dataclass
class Box:
    """One call of a layer."""

    name: str  # the layer's name
    parents: list[str]  # the keys of the boxes whose outputs it takes
    lines: list[str]  # the facts below the name: key of the output, class and activation, shape, parameters
    outputs: set[int]  # the ids of the model's outputs that it leads to
    kind: str  # "input"; "trunk" if it leads to several heads; "branch" if to one; "head" if it is an output


def boxes_of(model: keras.Model) -> dict[str, Box]:
    """Return the boxes of a model with a graph, each after its parents, and the heads in the order of the outputs."""
    _check(model)
    outputs = _named_outputs(model.outputs if isinstance(model, keras.Sequential) else model.output)
    keys: dict[int, list[str]] = {}  # of each output, by its id
    for key, tensor in outputs:
        keys.setdefault(id(tensor), []).append(key)
    boxes: dict[str, Box] = {}

    # The public `get_config` tells the graph too, but fails for layers that define none, as one writes when trying
    # something. So we go back from the outputs.
    def add(tensor: keras.KerasTensor) -> None:
        call = _call(tensor)
        if call not in boxes:
            source = source_of(tensor)
            for above in source.inputs:
                add(above)
            own = keys.keys() & set(map(id, source.outputs))
            parents = list(dict.fromkeys(map(_call, source.inputs)))
            kind = "head" if own else "trunk" if parents else "input"
            boxes[call] = Box(source.layer.name, parents, _facts(source.layer, source.outputs, keys), own, kind)

    for _, tensor in outputs:
        add(tensor)
    for box in reversed(boxes.values()):
        for parent in box.parents:
            boxes[parent].outputs |= box.outputs
        if box.kind == "trunk" and len(box.outputs) == 1 < len(keys):
            box.kind = "branch"
    calls, seen = Counter(box.name for box in boxes.values()), Counter()
    for box in boxes.values():
        seen[box.name] += 1
        if calls[box.name] > 1:
            box.lines.append(f"call {seen[box.name]} of {calls[box.name]}, same weights")
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


def _call(tensor: keras.KerasTensor) -> str:
    """Return a name for the call of a layer that makes a tensor: a shared layer is called more than once."""
    source = source_of(tensor)
    return f"{source.layer.name}, call {source.call}" if source.call else source.layer.name


def _facts(layer: keras.Operation, tensors: list[keras.KerasTensor], keys: dict[int, list[str]]) -> list[str]:
    kind = type(layer).__name__
    if isinstance(layer, keras.Model):
        kind += f", {len(layer.layers)} layer{'s' if len(layer.layers) > 1 else ''}"
    activation = getattr(layer, "activation", None)
    if activation is not None:
        kind += f" · {getattr(activation, '__name__', type(activation).__name__)}"
    named = [list(filter(None, keys.get(id(tensor), []))) for tensor in tensors]
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
