"""The outputs of a model: their structure, and what they are for a few rows."""

import random

import keras
import numpy as np

from mos_helpers.heads.rows import FEW, Structure
from mos_helpers.inside_keras import is_graph, keeping_losses

SIZES = (8, 32, 96)  # tried for a dimension that the model leaves open


def outputs_of(model: keras.Model, x: Structure) -> tuple[Structure, Structure]:
    """Return the outputs in their own structure, and for a few rows; None for what cannot be known.

    The first are symbolic if the model is a graph of layers, else they are the second.
    """
    symbolic = None
    if is_graph(model):
        symbolic = model.output
    elif isinstance(model, keras.Sequential) and model.built and len(model.outputs) == 1:
        symbolic = model.outputs[0]
    seen = _run(model, x, training=False) if model.built else None
    if symbolic is None and isinstance(seen, dict):
        more = _run(model, x, training=True)  # some models have further heads in training
        seen = {**more, **seen} if isinstance(more, dict) else seen
    return (seen if symbolic is None else symbolic), seen


def _run(model: keras.Model, x: Structure, training: bool) -> Structure:
    """Return the outputs for a few rows of x, or of random numbers, and leave the model as it is."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with keeping_losses(model):
            for size in (None, *SIZES) if x is not None else SIZES:
                try:
                    rows = x if size is None else _random_rows(model, size)
                    with keras.StatelessScope():
                        return model(rows, training=training)
                except Exception:  # other people's models can raise anything
                    continue
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return None


def _random_rows(model: keras.Model, size: int) -> Structure:
    """Return random inputs of a model, with this size where it leaves one open."""
    numbers = np.random.default_rng(0)

    def rows(shape: tuple, dtype: str = "float32") -> np.ndarray:
        shape = (shape[0] or FEW, *(size if length is None else length for length in shape[1:]))
        if "float" in dtype:
            return numbers.normal(size=shape).astype("float32")
        return numbers.integers(0, 2, shape).astype(dtype)

    if is_graph(model) or isinstance(model, keras.Sequential):
        return keras.tree.map_structure(lambda tensor: rows(tensor.shape, tensor.dtype), model.input)
    return keras.tree.map_shape_structure(rows, (model.get_build_config() or {})["input_shape"])


def as_numbers(values: Structure) -> np.ndarray | None:
    """Return outputs as finite numbers, or None if they are not."""
    try:
        values = np.asarray(keras.ops.cast(values, "float32"))
        return values if values.size and np.isfinite(values).all() else None
    except Exception:
        return None
