"""The outputs of a model: their structure, and what they are for a few rows."""

import math
import random
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.rows import FEW, Structure
from mos_helpers.inside_keras import all_built, is_graph, is_ready, keeping_losses

SIZES = (8, 32, 96)  # tried for a dimension that the model leaves open
LARGE = 100_000  # numbers in a row
DRAWS = ("normal", "uniform")  # random inputs: some models take no number below 0


def outputs_of(model: keras.Model, x: Structure) -> tuple[Structure, list[Structure]]:
    """Return the outputs in their own structure, or None if it is not known, and the outputs for a few rows.

    The first are symbolic if the model is a graph of layers. The second is a list: of the outputs for x, or for two
    kinds of random rows, or empty if the model runs on neither.
    """
    symbolic = None
    if is_graph(model):
        symbolic = model.output
    elif isinstance(model, keras.Sequential) and model.built and len(model.outputs) == 1:
        symbolic = model.outputs[0]
    runs = [run for run in _runs(model, x, training=False) if run is not None]
    if symbolic is None and runs and isinstance(runs[0], dict) and all_built(model):
        more = next(_runs(model, x, training=True))  # some models have further heads in training
        runs = [{**more, **run} if isinstance(more, dict) else run for run in runs]
    return (runs[0] if symbolic is None and runs else symbolic), runs


def _runs(model: keras.Model, x: Structure, training: bool) -> Iterator[Structure]:
    """Return the outputs for x if the model takes it, else for random rows; None where it cannot be run."""
    if not is_ready(model):
        return
    found = None if x is None else _run(model, lambda: _fewer(x), training)
    if found is not None:
        yield found
        return
    for draw in DRAWS:
        tries = (_run(model, partial(_random_rows, model, size, draw), training) for size in SIZES)
        yield next((run for run in tries if run is not None), None)


def _run(model: keras.Model, make_rows: Callable[[], Structure], training: bool) -> Structure:
    """Return the outputs for rows, or None if the model cannot take them, and leave the model as it is."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)  # else a `call` that is a tf.function would keep what it is told here
    try:
        with keeping_losses(model), keras.StatelessScope(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `fit` will say it again
            return model(make_rows(), training=training)
    except Exception:  # other people's models can raise anything
        return None
    finally:
        tf.config.run_functions_eagerly(eager)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _fewer(rows: Structure) -> Structure:
    """Return two of the rows if they are large, such as pictures: a model may need far more memory than they do."""
    large = max(math.prod(leaf.shape[1:]) for leaf in keras.tree.flatten(rows)) > LARGE
    return keras.tree.map_structure(lambda leaf: leaf[:2] if large and len(leaf.shape) else leaf, rows)


def _random_rows(model: keras.Model, size: int, draw: str) -> Structure:
    """Return random inputs of a model, with this size where it leaves one open."""
    numbers = np.random.default_rng(0)

    def rows(tensor: keras.KerasTensor) -> np.ndarray:
        inner = [size if length is None else length for length in tensor.shape[1:]]
        shape = (tensor.shape[0] or (2 if math.prod(inner) > LARGE else FEW), *inner)
        if tensor.dtype == "string":
            return tf.fill(shape, "a")
        if "float" in tensor.dtype:
            return getattr(numbers, draw)(size=shape).astype("float32")
        return numbers.integers(0, 2, shape).astype(tensor.dtype)

    if is_graph(model):
        inputs = model.input
    elif isinstance(model, keras.Sequential):
        inputs = model.inputs[0]
    else:
        inputs = keras.tree.map_shape_structure(keras.KerasTensor, model.get_build_config()["input_shape"])
    return keras.tree.map_structure(rows, inputs)


def as_numbers(values: Structure) -> np.ndarray | None:
    """Return outputs as finite numbers, or None if they are not."""
    try:
        values = np.asarray(keras.ops.cast(values, "float32"))
        return values if values.size and np.isfinite(values).all() else None
    except Exception:
        return None
