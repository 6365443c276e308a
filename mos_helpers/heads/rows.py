"""What `check_heads` judges by: the first rows of a dataset, and the outputs of a model for a few rows."""

import contextlib
import itertools
import math
import random
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.inside_keras import all_built, is_graph, is_ready, keeping_losses

ROWS, SECONDS = 4096, 3.0  # of targets are read, whichever comes first
FEW = 8  # rows of inputs are kept
SIZES = (8, 32, 96)  # tried for a dimension that the model leaves open
LARGE = 100_000  # numbers in a row
DRAWS = ("normal", "uniform")  # random inputs: some models take no number below 0

DATASETS = tf.data.Dataset | keras.utils.PyDataset | tf.distribute.DistributedDataset  # of batches
Structure = Any  # an array, or a dict, list or tuple of them; for losses and metrics, the same with their names


def first_rows(dataset: Structure) -> tuple[Structure, Structure, Structure]:
    """Return a few rows of x, and the targets and weights of the first batches."""
    start, rows, few, batches = time.monotonic(), 0, None, []
    for batch in _batches(dataset):
        if not isinstance(batch, list | tuple) or not 2 <= len(batch) <= 3:
            size = f" of {len(batch)} parts" if isinstance(batch, list | tuple) else ""
            pairs = "pairs (x, targets), or of (x, targets, sample_weight)"
            raise ValueError(f"targets must be a dataset of {pairs}, not of {type(batch).__name__}s{size}.")
        x, *rest = keras.tree.map_structure(_of_one_device, tuple(batch))
        if few is None:
            few = keras.tree.map_structure(lambda a: a[:FEW] if hasattr(a, "__getitem__") and len(a.shape) else a, x)
        batches.append(keras.tree.map_structure(as_array, tuple(rest)))
        rows += max((len(leaf) for leaf in keras.tree.flatten(batches[-1]) if np.ndim(leaf)), default=1)
        if rows >= ROWS or time.monotonic() - start > SECONDS:
            break
    if not batches:
        raise ValueError("targets must be a dataset with at least one batch.")
    targets, *weights = keras.tree.map_structure(_join, *batches)
    return few, targets, weights[0] if weights else None


def as_array(leaf: Structure) -> Structure:
    """Return an array of any kind as NumPy's, and what is sparse or has rows of different length as it is."""
    other = isinstance(leaf, tf.RaggedTensor | tf.SparseTensor) or hasattr(leaf, "toarray")
    return leaf if leaf is None or other else np.asarray(leaf)


def _batches(dataset: Structure) -> Iterator[Structure]:
    """Return the batches of a dataset, up to one that fails: `fit` may not come as far."""
    given = iter(dataset)
    if isinstance(dataset, keras.utils.PyDataset):
        count = dataset.num_batches
        given = (dataset[i] for i in (itertools.count() if count is None else range(count)))
    yield from itertools.islice(given, 1)
    with contextlib.suppress(Exception):
        yield from given


def _of_one_device(leaf: Structure) -> Structure:
    return leaf.values[0] if isinstance(leaf, tf.distribute.DistributedValues) else leaf


def _join(*parts: Structure) -> Structure:
    """Join batches into one array; where one has fewer steps than another, its last step is repeated."""
    if not isinstance(parts[0], np.ndarray) or not parts[0].ndim:
        return parts[0]
    parts = [part for part in parts if part.size and part.ndim == parts[0].ndim] or parts[:1]
    longest = np.max([part.shape for part in parts], axis=0)[1:]
    wider = [[(0, 0), *((0, most - size) for most, size in zip(longest, p.shape[1:], strict=True))] for p in parts]
    return np.concatenate([np.pad(part, width, "edge") for part, width in zip(parts, wider, strict=True)])


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
