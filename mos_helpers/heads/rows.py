"""The first rows of a dataset: enough targets to judge by, and a few inputs to run the model on."""

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

ROWS, SECONDS = 4096, 3.0  # of targets are read, whichever comes first
FEW = 8  # rows of inputs are kept

Structure = Any  # an array, or a dict, list or tuple of them; for losses and metrics, the same with their names


def is_dataset(targets: Structure) -> bool:
    """Whether targets are a dataset of batches, which may be distributed over devices."""
    return isinstance(targets, tf.data.Dataset | keras.utils.PyDataset | tf.distribute.DistributedDataset)


def first_rows(dataset: Structure) -> tuple[Structure, Structure, Structure]:
    """Return a few rows of x, and the targets and weights of the first batches."""
    start, rows, few, batches = time.monotonic(), 0, None, []
    for batch in [dataset[0]] if isinstance(dataset, keras.utils.PyDataset) else dataset:
        if not isinstance(batch, list | tuple) or len(batch) < 2:
            raise ValueError(f"targets must be a dataset of pairs (x, targets), not of {type(batch).__name__}s.")
        x, *rest = keras.tree.map_structure(_of_one_device, tuple(batch))
        if few is None:
            few = keras.tree.map_structure(lambda leaf: leaf[:FEW] if len(leaf.shape) else leaf, x)
        batches.append(keras.tree.map_structure(as_array, tuple(rest)))
        rows += max((len(leaf) for leaf in keras.tree.flatten(batches[-1]) if np.ndim(leaf)), default=1)
        if rows >= ROWS or time.monotonic() - start > SECONDS:
            break
    if not batches:
        raise ValueError("targets must be a dataset with at least one batch.")
    targets, *weights = keras.tree.map_structure(_join, *batches)
    return few, targets, weights[0] if weights else None


def as_array(leaf: Structure) -> Structure:
    """Return an array of any kind as NumPy's, and what has rows of different length as it is."""
    return leaf if leaf is None or isinstance(leaf, tf.RaggedTensor | tf.SparseTensor) else np.asarray(leaf)


def _of_one_device(leaf: Structure) -> Structure:
    return leaf.values[0] if isinstance(leaf, tf.distribute.DistributedValues) else leaf


def _join(*parts: Structure) -> Structure:
    """Join batches into one array; where one has fewer steps than another, its last step is repeated."""
    if not isinstance(parts[0], np.ndarray) or not parts[0].ndim:
        return parts[0]
    parts = [part for part in parts if part.size] or parts[:1]
    longest = np.max([part.shape for part in parts], axis=0)[1:]
    wider = [[(0, 0), *((0, most - size) for most, size in zip(longest, p.shape[1:], strict=True))] for p in parts]
    return np.concatenate([np.pad(part, width, "edge") for part, width in zip(parts, wider, strict=True)])
