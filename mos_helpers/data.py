"""The course's digits: load them, derive yes/no facts from them, and feed them to Keras in fast batches.

`load_digits` gives MNIST where it can, else the 1,797 digits bundled with scikit-learn, enlarged to the same 28x28
pixels. Three environment variables steer it: `MOS_DATA` (`auto`, `digits` or `mnist`), `MOS_DATA_DIR` (a folder that
holds `mnist.npz`), and Keras's own `KERAS_HOME`.
"""

import contextlib
import hashlib
import io
import numbers
import os
import random
import socket
import tempfile
import threading
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MNIST_ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
PROBE_SECONDS = 4.0  # how long the server may take to answer at all
STALL_SECONDS = 15.0  # how long a running download may stand still

# Name, shape and SHA-256 of the raw bytes of each MNIST array (all uint8).
MNIST_ARRAYS = {
    "x_train": ((60_000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60_000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10_000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10_000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}

# The digits for which each yes/no fact is true.
DIGIT_ATTRIBUTES = {
    "odd": [1, 3, 5, 7, 9],
    "prime": [2, 3, 5, 7],
    "at_least_five": [5, 6, 7, 8, 9],
    "has_loop": [0, 6, 8, 9],
    "multiple_of_three": [0, 3, 6, 9],
    "perfect_square": [0, 1, 4, 9],
}

Arrays = Any  # an array, or a dict, list or tuple of arrays


@dataclass(frozen=True, repr=False, eq=False)
class Digits:
    """Images, float32 of shape (n, 28, 28) in [0, 1], and labels, int64 of shape (n,) from 0 to 9.

    `source` is "MNIST" or "bundled digits".
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str

    def __repr__(self) -> str:
        height, width = self.x_train.shape[1:]
        return (
            f"{self.source}: {len(self.x_train):,} training and {len(self.x_test):,} test images, "
            f"{height}x{width}, {self.x_train.dtype} in [0, 1]"
        )


# ---------------------------------------------------------------------------------------------------------------------
# Loading


def load_digits(
    source: str | None = None, n_train: int | None = None, n_test: int | None = None, seed: int = 0
) -> Digits:
    """Return handwritten digits, split into training and test images.

    Args:
        source: "mnist", "digits" (the ones bundled with scikit-learn) or "auto" (MNIST if it can be had, else the
            bundled ones). None takes the environment variable MOS_DATA, and "auto" if that is not set.
        n_train: how many training images, at least 10; None means all. A smaller number is drawn at random, with the
            ten digits in the same proportions as in the whole.
        n_test: the same for the test images.
        seed: draws the smaller sets. It does not change which images belong to the test set.

    MNIST is looked for in the folder MOS_DATA_DIR (`mnist.npz`), then in Keras's cache, and is else downloaded into
    that cache. A file is used only if its content is exactly MNIST. A bad one is reported and left where it is.

    Raises:
        ValueError: an unknown source, or a number of images that is below 10 or more than there are.
        TypeError: n_train, n_test or seed is not a whole number.
        FileNotFoundError: source is "mnist", and MNIST cannot be had.
    """
    setting = "source" if source is not None else "MOS_DATA"
    source = source if source is not None else os.environ.get("MOS_DATA") or "auto"
    if source not in ("auto", "digits", "mnist"):
        raise ValueError(f'{setting} must be "auto", "digits" or "mnist", not {source!r}.')
    for name, count in (("n_train", n_train), ("n_test", n_test)):
        if count is not None:
            _check_whole_number(name, count, 10)
    _check_whole_number("seed", seed, 0, 2**32 - 1)

    arrays = None if source == "digits" else _find_mnist(f'{setting} is "mnist"' if source == "mnist" else None)
    origin = "bundled digits" if arrays is None else "MNIST"
    x_train, y_train, x_test, y_test = arrays or _bundled_digits()
    for name, count, y in (("n_train", n_train, y_train), ("n_test", n_test, y_test)):
        if count is not None and count > len(y):
            raise ValueError(f"{name} must be at most {len(y):,}, which is all that {origin} has, not {count:,}.")

    x_train, y_train = _subset(x_train, y_train, n_train, seed)
    x_test, y_test = _subset(x_test, y_test, n_test, seed)
    return Digits(x_train, y_train, x_test, y_test, origin)


def _subset(x: np.ndarray, y: np.ndarray, count: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` images, stratified by label, and give images and labels their final types."""
    if count is not None:
        from sklearn.utils import resample  # here, because it is slow to import

        chosen = resample(np.arange(len(y)), replace=False, n_samples=count, stratify=y, random_state=seed)
        x, y = x[chosen], y[chosen]
    if x.dtype == np.uint8:
        x = np.divide(x, 255, dtype=np.float32)
    return x, y.astype(np.int64)


def _bundled_digits() -> tuple[np.ndarray, ...]:
    """Return the bundled 8x8 digits, enlarged to 20x20 and padded to 28x28, as x_train, y_train, x_test, y_test."""
    from scipy import ndimage  # here, because they are slow to import
    from sklearn import datasets, model_selection

    bundled = datasets.load_digits()
    # Enlarging is linear, so a (20, 8) matrix does it for rows and columns, much faster than zooming image by image.
    enlarge = ndimage.zoom(np.eye(8), (2.5, 1), order=3, mode="grid-constant", grid_mode=True)
    enlarged = enlarge @ (bundled.images / 16) @ enlarge.T
    images = np.pad(enlarged.clip(0, 1).astype(np.float32), ((0, 0), (4, 4), (4, 4)))
    x_train, x_test, y_train, y_test = model_selection.train_test_split(
        images, bundled.target, test_size=500, stratify=bundled.target, random_state=0
    )
    return x_train, y_train, x_test, y_test


def _find_mnist(required_by: str | None) -> tuple[np.ndarray, ...] | None:
    """Try one place after another; say in one line what went wrong, or raise if MNIST is required."""
    folder = os.environ.get("MOS_DATA_DIR")
    cached = _keras_cache_files()
    places = [("MOS_DATA_DIR", Path(folder).expanduser() / "mnist.npz")] if folder else []
    places += [("Keras's cache", path) for path in cached]

    arrays, problems, may_download = None, [], True
    for place, path in places:
        try:
            arrays, instead = _read_mnist(path), f"MNIST was read from {place}"
            break
        except (FileNotFoundError, NotADirectoryError):
            if place == "MOS_DATA_DIR":
                problems.append("MOS_DATA_DIR holds no mnist.npz")
        except (OSError, ValueError) as error:
            problems.append(f"{path} is not MNIST ({error}) and was left where it is")
            may_download = path != cached[-1]  # there is no room for it where a bad file lies
    if arrays is None and may_download:
        try:
            arrays, instead = _download_mnist(cached[-1]), "MNIST was downloaded"
        except OSError as error:
            problems.append(f"MNIST could not be downloaded ({error})")

    if arrays is None and required_by:
        raise FileNotFoundError(
            f"{required_by}, but MNIST could not be had: {'; '.join(problems)}. Connect to the internet and try again "
            "(move a bad file away first), or put a good mnist.npz into a folder and set MOS_DATA_DIR to that folder, "
            'or work with the bundled digits: MOS_DATA=digits, or source="digits".'
        )
    if arrays is None:
        instead = "using the 1,797 digits bundled with scikit-learn"
    if problems:
        print(f"{'; '.join(problems)}: {instead} instead.")
    return arrays


def _keras_cache_files() -> list[Path]:
    """Return where Keras may keep MNIST; the last is where a download goes. Like Keras, avoid a read-only home."""
    homes = [Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()]
    with contextlib.suppress(OSError):
        homes[0].mkdir(parents=True, exist_ok=True)
    if not os.access(homes[0], os.W_OK | os.X_OK):
        homes.append(Path(tempfile.gettempdir(), ".keras"))
    return [home / "datasets" / "mnist.npz" for home in homes]


def _read_mnist(path: Path) -> tuple[np.ndarray, ...]:
    """Return x_train, y_train, x_test, y_test from a file; OSError if it cannot be opened, ValueError if it is bad."""
    try:
        file = path.open("rb")
    except PermissionError as error:
        raise ValueError("it cannot be opened: permission denied") from error
    with file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not a complete .npz archive")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in MNIST_ARRAYS if name in archive.files}
        except Exception as error:  # a damaged archive can fail in a dozen ways
            raise ValueError(f"its arrays cannot be read: {type(error).__name__}") from error

    for name, (shape, digest) in MNIST_ARRAYS.items():
        if name not in arrays:
            raise ValueError(f"it has no array {name}")
        array = arrays[name]
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, wanted uint8 of shape {shape}")
        if hashlib.sha256(array.ravel()).hexdigest() != digest:
            raise ValueError(f"{name} has the wrong content")
    return tuple(arrays[name] for name in MNIST_ARRAYS)


def _download_mnist(target: Path) -> tuple[np.ndarray, ...]:
    """Download and check MNIST, then store it as `target`; OSError if that fails.

    The download runs in a folder of its own, so that a broken one never stands where a good file is expected.
    """
    if not _server_answers(MNIST_ADDRESS):
        raise ConnectionError("the server did not answer")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".mnist-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OSError("Keras's cache cannot be written") from error
    with folder as name:
        try:
            with _quiet(), _socket_timeout(STALL_SECONDS):
                file = Path(keras.utils.get_file("mnist.npz", MNIST_ADDRESS, cache_dir=name))
        except Exception as error:  # Keras raises bare exceptions
            raise ConnectionError("the download broke off") from error
        try:
            arrays = _read_mnist(file)
        except ValueError as error:
            raise ConnectionError(f"what came is not MNIST: {error}") from error
        if not os.path.lexists(target):
            file.replace(target)
    return arrays


def _server_answers(address: str) -> bool:
    """Return whether the server gives any answer within PROBE_SECONDS."""
    answers = []

    def ask() -> None:
        request = urllib.request.Request(address, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)
        except Exception:  # an uncaught one would print a traceback from the thread
            answers.append(False)

    # In a thread, because looking up a server's name can hang without any limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answers == [True]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what Python code prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Let every new connection fail when nothing arrives for so long."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


# ---------------------------------------------------------------------------------------------------------------------
# Deriving targets


def digit_attributes(y: np.ndarray) -> dict[str, np.ndarray]:
    """Return yes/no facts about digits, each int64 of shape (n,), 1 for yes and 0 for no.

    - `odd`: 1, 3, 5, 7, 9.
    - `prime`: 2, 3, 5, 7.
    - `at_least_five`: 5 to 9.
    - `has_loop`: 0, 6, 8, 9, which enclose an area when printed. It is a fact of the printed digit: a handwritten 4 may
      close, and a handwritten 0 may stay open.
    - `multiple_of_three`: 0, 3, 6, 9.
    - `perfect_square`: 0, 1, 4, 9.

    Args:
        y: whole numbers from 0 to 9, of shape (n,).

    Raises:
        TypeError: y does not hold whole numbers.
        ValueError: y has another shape, or a number outside 0 to 9.
    """
    y = np.asarray(y)
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y must hold whole numbers, not {y.dtype}.")
    if y.ndim != 1:
        raise ValueError(f"y must have one label per image, shape (n,), not shape {y.shape}.")
    wrong = y[(y < 0) | (y > 9)]
    if len(wrong):
        raise ValueError(f"y must hold digits from 0 to 9, not {wrong[0]}.")
    return {name: np.isin(y, digits).astype(np.int64) for name, digits in DIGIT_ATTRIBUTES.items()}


def two_digits(
    x: np.ndarray, y: np.ndarray, n: int, offset: int = 6, equal_pairs: bool = True, seed: int = 0
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return n images with two overlapping digits each, and what the two digits are.

    One digit is the left one; the other, the right one, lies `offset` pixels further right and further down. Where
    they overlap, the brighter pixel counts (the element-wise maximum). Every digit comes from `x`: compose training
    images from training digits and test images from test digits, or the test set holds digits that were trained on.

    The fixed offset of 6 pixels and the maximum are those of the Multi-MNIST loader that belongs to Sener and Koltun
    (2018), "Multi-task learning as multi-objective optimization". It also shrinks the image to 28x28; this does not.

    Args:
        x: digits, floating-point numbers in [0, 1], of shape (m, height, width). They are not changed.
        y: their labels, whole numbers from 0 to 9, of shape (m,).
        n: how many images to compose, at least 1. Digits are drawn with replacement, so n may be more than m.
        offset: pixels, from 0 (one digit upon the other) to the larger side of a digit (they do not touch).
        equal_pairs: whether left and right may have the same label. If not, the left digit is drawn from all digits,
            and the right one from all those with another label.
        seed: fixes which digits are drawn.

    Returns:
        Images, float32 of shape (n, height + offset, width + offset) in [0, 1], and
        {"left": labels, "right": labels}, each int64 of shape (n,).

    Raises:
        TypeError: x does not hold floating-point numbers, y does not hold whole numbers, n, offset or seed is not a
            whole number, or equal_pairs is not True or False.
        ValueError: x or y has another shape, another number of rows than the other, or values outside its range;
            n, offset or seed is outside its range; or equal_pairs is False and all labels are the same.
    """
    x, y = _check_digits(x, y)
    _check_whole_number("n", n, 1)
    _check_whole_number("offset", offset, 0, max(x.shape[1:]))
    _check_whole_number("seed", seed, 0, 2**63 - 1)
    if not isinstance(equal_pairs, (bool, np.bool_)):
        raise TypeError(f"equal_pairs must be True or False, not {equal_pairs!r:.60}.")
    rng = np.random.default_rng(seed)
    left = rng.integers(len(x), size=n)
    right = rng.integers(len(x), size=n) if equal_pairs else _rows_of_other_labels(rng, y, left)

    height, width = x.shape[1:]
    images = np.zeros((n, height + offset, width + offset), dtype=np.float32)
    images[:, :height, :width] = x[left]
    under_right = images[:, offset:, offset:]
    np.maximum(under_right, x[right], out=under_right)
    return images, {"left": y[left], "right": y[right]}


def _check_digits(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images as float32 and labels as int64, or raise an error that names what is wrong with them."""
    x, y = np.asarray(x), np.asarray(y)
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"x must hold floating-point numbers in [0, 1], not {x.dtype}; divide 0 to 255 by 255.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y must hold whole numbers, not {y.dtype}.")
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"x must have at least one image, shape (m, height, width), not shape {x.shape}.")
    if y.shape != x.shape[:1]:
        raise ValueError(f"y must have one label per image, shape {x.shape[:1]}, not shape {y.shape}.")
    lowest, highest = x.min(), x.max()
    if not (lowest >= 0 and highest <= 1):  # so that NaN is refused too
        raise ValueError(f"x must lie in [0, 1], not from {lowest:.3g} to {highest:.3g}.")
    wrong = y[(y < 0) | (y > 9)]
    if len(wrong):
        raise ValueError(f"y must hold digits from 0 to 9, not {wrong[0]}.")
    return x.astype(np.float32, copy=False), y.astype(np.int64)


def _rows_of_other_labels(rng: np.random.Generator, y: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Draw for each row in `left`, uniformly, a row with another label."""
    order = np.argsort(y, kind="stable")
    begin = np.searchsorted(y[order], y[left], side="left")
    same = np.searchsorted(y[order], y[left], side="right") - begin
    if same[0] == len(y):
        raise ValueError(f"y must have at least two labels if equal_pairs is False, not only {y[0]}.")
    place = rng.integers(len(y) - same)
    return order[np.where(place >= begin, place + same, place)]  # a place behind the block of the same label


# ---------------------------------------------------------------------------------------------------------------------
# Batches


def batches(
    x: Arrays,
    y: Arrays,
    batch_size: int = 128,
    sample_weight: Arrays | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    drop_remainder: bool | None = None,
) -> tf.data.Dataset:
    """Return a dataset of batches (x, y), or (x, y, sample_weight), for `fit`, `evaluate` and `predict`.

    It is fast because only row numbers are shuffled, and each batch is gathered from the arrays in one step. Use it
    with `compile(..., steps_per_execution=100)`. One pass over the rows ends it; `.repeat()` starts the next pass, in a
    new order, so that `fit(..., steps_per_epoch=400)` can count updates instead of passes.

    Args:
        x: an array with one row per image, or a dict, list or tuple of such arrays. Lists become tuples, because a
            dataset would stack a list into one tensor. 64-bit floats become 32-bit, as in `fit` on arrays.
        y: the same for the targets.
        batch_size: rows in a batch.
        sample_weight: None, one array of shape (n,) that weights every head, or a dict with y's keys.
        shuffle: give a new order on every pass; False keeps the order of the arrays.
        seed: fixes those orders, whatever else draws random numbers. None draws a seed from Python's `random`, which
            `keras.utils.set_random_seed` sets.
        drop_remainder: leave out the last batch when it is smaller. None means: when shuffling, as in training. Keras
            averages a head's loss over batches of any size as if they were equal, so a small last batch distorts the
            logs; the order changes on every pass, so every image still gets its turn. An evaluation keeps all rows.

    Raises:
        TypeError: something in x, y or sample_weight is not an array, or batch_size or seed is not a whole number.
        ValueError: arrays of different lengths, other keys in sample_weight than in y, or no batch at all.
    """
    drop_remainder = shuffle if drop_remainder is None else drop_remainder
    if seed is None:
        seed = random.randrange(2**32) if shuffle else 0
    _check_whole_number("batch_size", batch_size, 1)
    _check_whole_number("seed", seed, 0, 2**63 - 1)
    _check_weight_keys(y, sample_weight)
    named = {"x": x, "y": y} if sample_weight is None else {"x": x, "y": y, "sample_weight": sample_weight}
    with tf.device("CPU:0"):  # where tf.data works
        arrays = tuple(_as_tensors(name, data) for name, data in named.items())
        generator = tf.random.Generator.from_seed(seed)
    n = _common_length(dict(zip(named, arrays, strict=True)))
    if drop_remainder and batch_size > n:
        raise ValueError(
            f"batch_size must be at most {n}, the number of rows, to leave any full batch, not {batch_size}."
        )
    in_full_batches = n // batch_size * batch_size

    # The arrays come in as arguments: captured by the function, they would outlive the dataset until Python's garbage
    # collector runs.
    def one_pass(*arrays: Arrays) -> tf.data.Dataset:
        rows = tf.range(n)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(rows, seed=generator.make_seeds()[:, 0])
        groups = tf.data.Dataset.from_tensor_slices(tf.reshape(rows[:in_full_batches], (-1, batch_size)))
        if in_full_batches < n and not drop_remainder:
            groups = groups.concatenate(tf.data.Dataset.from_tensors(rows[in_full_batches:]))
        return groups.map(lambda group: tf.nest.map_structure(lambda array: tf.gather(array, group), arrays))

    if shuffle:  # fit warns, wrongly here, that a dataset may not be shuffled
        warnings.filterwarnings(
            "ignore", message="`shuffle=True` was passed, but will be ignored", category=UserWarning
        )
    n_batches = n // batch_size if drop_remainder else -(-n // batch_size)
    passes = tf.data.Dataset.from_tensors(arrays).flat_map(one_pass).prefetch(2)
    return passes.apply(tf.data.experimental.assert_cardinality(n_batches)).with_options(_one_thread())


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


def _check_whole_number(name: str, value: object, low: int, high: int | None = None) -> None:
    """Raise an error that names the argument, what was given and what is wanted."""
    wanted = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high:,}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {wanted}, not {value!r}.")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {wanted}, not {value}.")
