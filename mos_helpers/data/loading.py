"""MNIST where it can be had, else the 1,797 digits bundled with scikit-learn, enlarged to the same 28x28 pixels.

Three environment variables steer it: `MOS_DATA` (`auto`, `digits` or `mnist`), `MOS_DATA_DIR` (a folder that holds
`mnist.npz`), and Keras's own `KERAS_HOME`.
"""

import contextlib
import hashlib
import io
import os
import socket
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from mos_helpers.data.arguments import check_whole_number

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
            check_whole_number(name, count, 10)
    check_whole_number("seed", seed, 0, 2**32 - 1)

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
