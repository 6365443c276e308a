"""Fast batches for `fit`."""

import random
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.arguments import check_number, check_seed

Arrays = Any  # an array, or a dict, list or tuple of arrays


def batches(
    x: Arrays,
    y: Arrays,
    batch_size: int = 128,
    sample_weight: Arrays | None = None,
    shuffle: bool = True,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Return a dataset of batches (x, y), or (x, y, sample_weight), for `fit`, `evaluate` and `predict`.

    It is fast because only row numbers are shuffled, and each batch is gathered from the arrays in one step. Use it
    with `compile(..., steps_per_execution=100)`. One pass over the rows ends it; `.repeat()` starts the next pass, in a
    new order, so that `fit(..., steps_per_epoch=400)` can count updates instead of passes.

    Args:
        x, y: an array with one row per image, or a dict, list or tuple of such arrays. Lists become tuples, because a
            dataset would stack a list into one tensor. 64-bit floats become 32-bit, as in `fit` on arrays.
        batch_size: rows in a batch.
        sample_weight: None, one array of shape (n,) that weights every head, or a dict with y's keys.
        shuffle: give a new order on every pass, and leave out the last batch when it is smaller: Keras averages a
            head's loss over batches of any size as if they were equal. As the order changes, every image still gets its
            turn. False, for an evaluation, keeps the order of the arrays and all rows.
        seed: fixes those orders, whatever else draws random numbers. None draws a seed from Python's `random`, which
            `keras.utils.set_random_seed` sets.
    """
    if seed is None:
        seed = random.randrange(2**32) if shuffle else 0
    check_number("batch_size", batch_size, 1, whole=True)
    check_seed(seed)
    _check_weight_keys(y, sample_weight)
    named = {"x": x, "y": y} if sample_weight is None else {"x": x, "y": y, "sample_weight": sample_weight}
    with tf.device("CPU:0"):  # where tf.data works
        arrays = tuple(_as_tensors(name, data) for name, data in named.items())
        generator = tf.random.Generator.from_seed(seed)
    n = _common_length(dict(zip(named, arrays, strict=True)))
    full = n // batch_size
    if shuffle and not full:
        raise ValueError(f"batch_size must be at most {n}, the number of rows, not {batch_size}.")
    small = n % batch_size and not shuffle

    def groups(rows: tf.Tensor) -> tf.Tensor:
        return tf.reshape(rows[: full * batch_size], (full, batch_size))

    def new_order(rows: tf.Tensor) -> tf.Tensor:
        seed = tf.stack([generator.uniform_full_int([], tf.int64), 0])
        return groups(tf.random.experimental.stateless_shuffle(rows, seed))

    def gather(group: tf.Tensor, arrays: Arrays) -> Arrays:
        return tf.nest.map_structure(lambda array: tf.gather(array, group), arrays)

    rows = tf.range(n)
    if shuffle:
        numbers = tf.data.Dataset.from_tensors(rows).map(new_order).unbatch()
        # fit warns, wrongly here, that a dataset may not be shuffled
        warnings.filterwarnings("ignore", "`shuffle=True` was passed, but will be ignored", UserWarning)
    else:
        numbers = tf.data.Dataset.from_tensor_slices(groups(rows))
    if small:
        numbers = numbers.concatenate(tf.data.Dataset.from_tensors(rows[full * batch_size :]))
    # The arrays come in as a dataset: a function would hold them until Python's garbage collector runs.
    pairs = tf.data.Dataset.zip(numbers, tf.data.Dataset.from_tensors(arrays).repeat())
    passes = pairs.map(gather).prefetch(2)
    return passes.apply(tf.data.experimental.assert_cardinality(full + bool(small))).with_options(_one_thread())


def _one_thread() -> tf.data.Options:
    """Gathering a batch is cheap: more threads would only take time from training, and tuning them delays its end."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    return options


def _check_weight_keys(y: Arrays, sample_weight: Arrays | None) -> None:
    """Raise if sample_weight is a dict whose keys are not those of y: Keras's own message would be a bare KeyError."""
    if not isinstance(sample_weight, dict):
        return
    if not isinstance(y, dict):
        raise ValueError(f"sample_weight must be an array unless y is a dict, not a dict of {list(sample_weight)}.")
    if sample_weight.keys() != y.keys():
        raise ValueError(f"sample_weight must have the keys of y, {list(y)}, not {list(sample_weight)}.")


def _as_tensors(name: str, data: Arrays) -> Arrays:
    """Copy arrays into tensors, keeping dicts and turning lists into tuples."""
    if isinstance(data, dict):
        return {key: _as_tensors(f"{name}[{key!r}]", part) for key, part in data.items()}
    if isinstance(data, (list, tuple)):
        return tuple(_as_tensors(f"{name}[{i}]", part) for i, part in enumerate(data))
    array = np.asarray(data)
    if array.ndim == 0 or array.dtype == object:
        raise TypeError(f"{name} must be an array with one row per image, not {data!r:.60}.")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return tf.identity(array)  # unlike tf.convert_to_tensor, it does not keep a second copy


def _common_length(arrays: dict[str, Arrays]) -> int:
    """Return the number of rows that all arrays share."""
    lengths = {
        path[0] + "".join(f"[{key!r}]" for key in path[1:]): len(array)
        for path, array in keras.tree.flatten_with_path(arrays)
    }
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"x, y and sample_weight must have the same number of rows, but {found}.")
    n = next(iter(lengths.values()), 0)
    if n == 0:
        raise ValueError("x must have at least one row, not 0.")
    return n
