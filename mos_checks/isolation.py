"""What a check leaves as it was: random numbers, Keras's settings, and the variables of the learner's models."""

import functools
import itertools
import random
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.inside_keras import global_state_kept

_CHECK_SEED = 20
_MISSING = object()


@contextmanager
def session_kept() -> Iterator[None]:
    """Give the block fixed seeds, and put back afterwards what it changes in the state that all code shares.

    That is the state of `random`, of NumPy's global generator and of TensorFlow's global seed, and what
    `keras.utils.clear_session` throws away. Keras's own random seed belongs to a thread, and a check has its own.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(_CHECK_SEED)
    np.random.seed(_CHECK_SEED)  # noqa: NPY002
    try:
        with global_state_kept(_CHECK_SEED):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


class KeptVariables:
    """The values of all variables that `keep` finds, for `restore` to write back."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[Any, np.ndarray]] = {}
        self._models: dict[int, tuple[keras.Model, Any, bool]] = {}

    def keep(self, value: object) -> None:
        """Remember the variables of every model, layer, optimizer and metric within reach of `value`."""
        for owner in _owners(value, depth=3):
            # A half-built object cannot be read; whatever asks it for more will say what is wrong with it.
            with suppress(Exception):
                self._keep_owner(owner)

    def _keep_owner(self, owner: Any) -> None:  # noqa: ANN401
        for variable in _variables(owner):
            self._values.setdefault(id(variable), (variable, np.copy(variable.numpy())))
        if isinstance(owner, keras.Model):
            optimizer = getattr(owner, "optimizer", None)
            built = optimizer is None or optimizer.built
            self._models.setdefault(id(owner), (owner, vars(owner).get("history", _MISSING), built))

    def restore(self) -> None:
        """Write the remembered values back."""
        for model, history, optimizer_was_built in self._models.values():
            with suppress(Exception):
                _restore_model(model, history, optimizer_was_built)
        for variable, value in self._values.values():
            with suppress(Exception):
                variable.assign(value)


def _restore_model(model: keras.Model, history: object, optimizer_was_built: bool) -> None:
    if history is not _MISSING:
        model.history = history
    elif "history" in vars(model):
        del model.history
    if model.compiled:
        model.reset_metrics()
    if not optimizer_was_built and model.optimizer.built:
        # The variables that training has added get the values with which they would have begun.
        fresh = type(model.optimizer).from_config(model.optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, beginning in zip(model.optimizer.variables, fresh.variables, strict=True):
            variable.assign(beginning.numpy())


def _variables(owner: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(owner, keras.Variable | tf.Variable):
        return [owner]
    variables = list(owner.variables)
    if isinstance(owner, keras.Model) and owner.compiled:
        variables += owner.optimizer.variables if owner.optimizer is not None else []
        variables += [variable for metric in owner.metrics for variable in metric.variables]
    return variables


_OWNERS = (keras.Layer, keras.Optimizer, keras.Metric, keras.Variable, tf.Variable)


def _owners(value: object, depth: int) -> Iterator[object]:
    """Yield what has variables among `value`, what it contains, and what a function uses by name."""
    if issubclass(type(value), _OWNERS):
        yield value
    elif depth:
        for part in itertools.islice(_parts(value), 1000):
            yield from _owners(part, depth - 1)


def _parts(value: Any) -> Iterable[object]:  # noqa: ANN401
    # Exact types, here and in `map_arrays`: a subclass may do anything when it is read.
    kind = type(value)
    if kind is dict:
        return value.values()
    if kind in (list, tuple, set, frozenset):
        return value
    if kind is types.MethodType:
        return [value.__self__]
    if kind is functools.partial:
        return [value.func, *value.args, *value.keywords.values()]
    if kind is types.FunctionType:
        return _used_by(value)
    if issubclass(kind, tf.types.experimental.PolymorphicFunction):
        return [value.python_function]
    return []


def _used_by(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            yield cell.cell_contents
    for code in codes_of(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                yield function.__globals__[name]


def codes_of(code: types.CodeType) -> list[types.CodeType]:
    """Return `code` and the code of the functions and comprehensions written inside it."""
    inner = [codes_of(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return [code, *itertools.chain.from_iterable(inner)]


def map_arrays(value: Any, change: Callable[[np.ndarray], object], depth: int = 3) -> Any:  # noqa: ANN401
    """Return `value` with `change` applied to the arrays in it; the dicts, lists and tuples around them are new."""
    kind = type(value)
    if kind is np.ndarray:
        return change(value)
    if depth and kind is dict:
        return {key: map_arrays(part, change, depth - 1) for key, part in value.items()}
    if depth and kind in (list, tuple):
        return kind(map_arrays(part, change, depth - 1) for part in value)
    return value


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view of `array` that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
