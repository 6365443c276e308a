"""What Keras keeps to itself: the one place where private attributes of Keras are read."""

from typing import Any, NamedTuple

import keras


class Compiled(NamedTuple):
    """The arguments of `compile` that are in use, as they were given, and what has happened since."""

    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    kept: tuple[str, ...]  # arguments that only an earlier `compile` gave
    frozen_late: tuple[str, ...]  # layers whose `trainable` was changed since, and after the first update
    fit_failed: bool  # `fit` was started, and ended before the first update
    other_variables: tuple[str, ...]  # weights that the optimizer, which already has some, does not know


def read_compiled(model: keras.Model) -> Compiled | None:
    """Return what `compile` was given, or None if the model is not compiled."""
    if not model.compiled:
        return None
    loss, metrics, last_call = model._compile_loss, model._compile_metrics, model._compile_config.config
    in_use = {
        "loss": getattr(loss, "_user_loss", None),
        "loss_weights": getattr(loss, "_user_loss_weights", None),
        "metrics": getattr(metrics, "_user_metrics", None),
        "weighted_metrics": getattr(metrics, "_user_weighted_metrics", None),
    }
    optimizer = model.optimizer
    known = {id(variable) for variable in optimizer._trainable_variables} if optimizer.built else None
    started = model.train_function is not None
    updated = optimizer.built and int(optimizer.iterations) > 0
    keras_trains = type(model).train_step is keras.Model.train_step
    return Compiled(
        **in_use,
        kept=tuple(name for name, value in in_use.items() if value and last_call[name] is None),
        frozen_late=tuple(
            layer.name
            for layer, trainable in model._compiled_trainable_state.items()
            if started and layer.trainable != trainable and layer.variables
        ),
        fit_failed=started and keras_trains and not updated,
        other_variables=tuple(v.path for v in model.trainable_variables if known is not None and id(v) not in known),
    )


class Source(NamedTuple):
    """Where a symbolic tensor comes from."""

    layer: keras.Operation
    inputs: list[keras.KerasTensor]
    index: int  # which of the layer's outputs it is
    outputs: int  # how many outputs the layer has
    calls: int  # how often the layer is called


def source_of(tensor: keras.KerasTensor) -> Source:
    """Return the layer that makes a symbolic tensor."""
    layer, node_index, index = tensor._keras_history
    node = layer._inbound_nodes[node_index]
    return Source(layer, node.input_tensors, index, len(node.output_tensors), len(layer._inbound_nodes))


def layers_named(model: keras.Model, name: str) -> list[keras.Layer]:
    """Return the layers of that name, however deep they lie in the model."""
    return [layer for layer in model._flatten_layers() if layer.name == name]
