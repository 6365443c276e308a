"""The first rows of a dataset: enough targets to judge by, and a few inputs to run the model on."""

import contextlib
import itertools
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

ROWS, SECONDS = 4096, 3.0  # of targets are read, whichever comes first
FEW = 8  # rows of inputs are kept

DATASETS = tf.data.Dataset | keras.utils.PyDataset | tf.distribute.DistributedDataset  # of batches
Structure = Any  # an array, or a dict, list or tuple of them; for losses and metrics, the same with their names


def first_rows(dataset: Structure) -> tuple[Structure, Structure, Structure]:
    """Return a few rows of x, and the targets and weights of the first batches."""
    start, rows, few, batches = time.monotonic(), 0, None, []
    for batch in _batches(dataset):
        if not isinstance(batch, list | tuple) or not 2 <= len(batch) <= 3:
            size = f" of {len(batch)} parts" if isinstance(batch, list | tuple) else ""
            raise ValueError(
                "targets must be a dataset of pairs (x, targets), or of (x, targets, sample_weight), not of "
                f"{type(batch).__name__}s{size}."
            )
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
    for first in given:
        yield first
        break
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
