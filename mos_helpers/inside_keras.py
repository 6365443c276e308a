"""What Keras and TensorFlow keep to themselves: the one place that touches what they do not document."""

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
from keras.src.backend.common import global_state
from keras.src.models.functional import Functional
from tensorflow.python.eager import context

# The newest versions with which the tests of this module passed: the doctor says it to whoever has a newer one.
TESTED = {"keras": "3.15", "tensorflow": "2.21"}


class Compiled(NamedTuple):
    """The arguments of `compile` that are in use, as they were given, and what has happened since."""

    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    kept: tuple[str, ...]  # arguments that only an earlier `compile` gave
    frozen_late: tuple[str, ...]  # layers whose `trainable` was changed since, and after the first update
    fit_failed: bool  # `fit` was started, and TensorFlow did not get to the end of compiling it
    other_variables: tuple[str, ...]  # weights that the optimizer, which already has some, does not know


def has_own(model: keras.Model, *methods: str) -> bool:
    """Whether a model's class has one of these methods of its own."""
    return any(getattr(type(model), method) is not getattr(keras.Model, method) for method in methods)


def read_compiled(model: keras.Model) -> Compiled | None:
    """Return what `compile` was given, or None if the model is not compiled."""
    if not model.compiled:
        return None
    loss, metrics, last_call = model._compile_loss, model._compile_metrics, model._compile_config.config
    in_use = {"loss": getattr(loss, "_user_loss", None), "loss_weights": getattr(loss, "_user_loss_weights", None)}
    in_use["metrics"] = getattr(metrics, "_user_metrics", None)
    in_use["weighted_metrics"] = getattr(metrics, "_user_weighted_metrics", None)
    started, weights, known = model.train_function is not None, model.trainable_variables, None
    optimizer, changed = model.optimizer, []
    if optimizer and optimizer.built and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        known = {id(variable) for variable in optimizer._trainable_variables}
    if started and weights:  # a model that is frozen as a whole is so on purpose
        before = model._compiled_trainable_state.items()
        changed = [layer for layer, trainable in before if layer.trainable != trainable and layer.variables]
    return Compiled(
        **in_use,
        kept=tuple(name for name, value in in_use.items() if value and last_call.get(name) is None),
        frozen_late=tuple(layer.name for layer in changed),
        fit_failed=started and _failed(model.train_function),
        other_variables=tuple(v.path for v in weights if known is not None and id(v) not in known),
    )


def _failed(train_function: Callable) -> bool:
    """Whether TensorFlow began to compile the function that `fit` calls, and came to no end."""
    parts = inspect.getclosurevars(train_function).nonlocals.values() if inspect.isfunction(train_function) else ()
    compiled = [part for part in parts if hasattr(part, "experimental_get_tracing_count")]
    return any(
        part.experimental_get_tracing_count() == 0 and getattr(part, "_created_variables", None) is not None
        for part in compiled
    )


def all_built(model: keras.Model) -> bool:
    """Whether every layer of a model has its weights, so that a call makes no new ones."""
    return all(layer.built for layer in model._flatten_layers())


def is_ready(model: keras.Model) -> bool:
    """Whether a call makes no new weights: `build` marks a model as built, even if it reached no layer."""
    return model.built and (is_graph(model) or model._called or all_built(model))


@contextlib.contextmanager
def keeping_losses(model: keras.Model) -> Iterator[None]:
    """Leave what `add_loss` collected in the last call as it is, whatever is called meanwhile."""
    kept = [(layer, list(layer._losses)) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, losses in kept:
            layer._losses[:] = losses


def arguments_of(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the arguments that a loss object was made with; `get_config` leaves out some, such as delta."""
    return loss.get_config() | getattr(loss, "_fn_kwargs", {})


class Source(NamedTuple):
    """Where a symbolic tensor comes from."""

    layer: keras.Operation
    inputs: list[keras.KerasTensor]
    index: int  # which of the call's outputs it is
    outputs: list[keras.KerasTensor]
    call: int  # which of the layer's calls made it
    calls: int  # how often the layer is called


def source_of(tensor: keras.KerasTensor) -> Source:
    """Return the layer that makes a symbolic tensor."""
    layer, call, index = tensor._keras_history
    node = layer._inbound_nodes[call]
    return Source(layer, node.input_tensors, index, node.output_tensors, call, len(layer._inbound_nodes))


def is_graph(model: keras.Model) -> bool:
    """Whether a model is made of inputs and outputs, and not of a `call` of the user's own."""
    return isinstance(model, Functional) and type(model).call is Functional.call


@contextlib.contextmanager
def global_state_kept(seed: int) -> Iterator[None]:
    """Give the block this TensorFlow seed, and put back afterwards it, and what `clear_session` throws away."""
    # TensorFlow can set its seed but not read it, and setting it also restarts operations that have a seed of
    # their own. So both go through the two fields in which it is stored.
    seeds, fields = vars(context.context()), ("_seed", "_rng")
    before = {name: seeds[name] for name in fields if name in seeds}
    trackers = global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER
    seeds.update(_seed=seed, _rng=random.Random(seed))
    try:
        yield
    finally:
        for name in fields:
            seeds.pop(name, None)
        seeds.update(before)
        global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER = trackers


def layers_named(model: keras.Model, name: str) -> list[keras.Layer]:
    """Return the layers of that name, however deep they lie in the model."""
    return [layer for layer in model._flatten_layers() if layer.name == name]


def new_optimizer(optimizer: keras.Optimizer) -> keras.Optimizer:
    """Return an optimizer of the same kind that has made no update yet, for the weights that a built one trains."""
    config = optimizer.get_config()
    if callable(optimizer._learning_rate):  # a schedule of the user's own cannot always be made from its configuration
        config["learning_rate"] = optimizer._learning_rate
    new = type(optimizer).from_config(config)
    new.build(optimizer._trainable_variables)
    return new


def memory(optimizer: keras.Optimizer) -> list[keras.Variable]:
    """Return all variables of an optimizer; within another one, Keras leaves Nadam's product out of `variables`."""
    single = [value for value in vars(optimizer).values() if isinstance(value, keras.Variable)]
    known = {id(variable) for variable in single}
    return single + [variable for variable in optimizer.variables if id(variable) not in known]
