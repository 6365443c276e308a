"""Run the check of an answer apart from all else, and leave everything as it was.

A check runs in a thread of its own, with fixed seeds and with the dtype policy in use, and what is printed meanwhile is
not shown. A check that takes too long is stopped, but not before the call of compiled code that it is in has ended; one
such as `10**10**9`, which lets no other thread run, holds up everything. Processor time counts, so that a busy machine
fails no answer; one that waits for something is stopped too, later.

Afterwards all is as before: the random state of Python, NumPy, TensorFlow and Keras, the names that Keras gives to
layers, and the variables of each model, layer, optimizer or metric that is the answer, that stands in a dict, list or
tuple there, or that a function there uses by name. Arrays in the answer cannot be written to. Other changes that the
learner's own code makes are not undone: to files, global variables, a model's `trainable` or `compile`.
"""

import ctypes
import functools
import io
import itertools
import random
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.inside_keras import global_state_kept

SECONDS_TO_STOP = 2.0
PATIENCE = 4  # times the limit, for a check that is waiting or gets little of the processor
_CHECK_SEED = 20
_MISSING = object()


def run_alone(work: Callable[[], None], seconds: float) -> tuple[bool, bool]:
    """Run `work` in a thread of its own and hide what it prints.

    Returns whether it ended in time, and whether it has ended at all.
    """
    policy = keras.config.dtype_policy()

    def work_as_here() -> None:
        keras.config.set_dtype_policy(policy)
        work()

    nowhere = _Nowhere()
    with session_kept(), redirect_stdout(nowhere), redirect_stderr(nowhere):
        return _run(work_as_here, seconds)


class _Nowhere(io.TextIOBase):
    """Takes what the learner's code prints during a check, so that the check's line stands alone."""

    def write(self, text: str) -> int:
        return len(text)


def _run(work: Callable[[], None], seconds: float) -> tuple[bool, bool]:
    """Run `work` in a thread; return whether it ended in time, and whether it has ended at all."""
    done = threading.Event()

    def work_and_tell() -> None:
        try:
            work()
        finally:
            done.set()

    thread = threading.Thread(target=work_and_tell, daemon=True)
    try:
        thread.start()
        ended = _wait(done, seconds)
    except BaseException:
        _stop(thread, done)
        raise
    return ended, ended or _stop(thread, done)


def _wait(done: threading.Event, seconds: float) -> bool:
    # Not Thread.join, after which an interrupted thread can count as ended. In short steps, as Windows cannot
    # interrupt a long one.
    began, worked = time.monotonic(), time.process_time()
    while not done.wait(0.1):
        passed = time.monotonic() - began
        # Several threads at once use more processor time than has passed.
        if min(passed, time.process_time() - worked) > seconds or passed > PATIENCE * seconds:
            break
    return done.is_set()


class _Stopped(SystemExit):
    """Ends the thread of a check; a kind of SystemExit, as `except Exception` must not catch it."""


def _stop(thread: threading.Thread, done: threading.Event) -> bool:
    """Ask a thread to end, again and again as its code may catch what we raise; return whether it did."""
    end = time.monotonic() + SECONDS_TO_STOP
    ident, stopped = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stopped)
    while not done.is_set() and time.monotonic() < end:
        if ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, stopped) == 0:
            return True
        done.wait(0.05)
    return done.is_set()


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
