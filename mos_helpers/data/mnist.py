"""MNIST, from a file, from Keras's cache or from the network. It is used only if its content is exactly MNIST."""

import contextlib
import hashlib
import io
import os
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from mos_helpers.notebook import wrapped

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


def find_mnist(required_by: str | None) -> tuple[np.ndarray, ...] | None:
    """Try one place after another; say in one line what went wrong, or raise if MNIST is required."""
    folder = os.environ.get("MOS_DATA_DIR")
    cached = _keras_cache_files()
    places = [("MOS_DATA_DIR", Path(folder).expanduser() / "mnist.npz")] if folder else []
    places += [("Keras's cache", path) for path in cached]

    arrays, problems, may_download = None, [], True
    for place, path in places:
        try:
            arrays, instead = _read_mnist(path.read_bytes()), f"MNIST was read from {place}"
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
        print(wrapped(f"{'; '.join(problems)}: {instead} instead."))
    return arrays


def _keras_cache_files() -> list[Path]:
    """Return where Keras may keep MNIST; the last is where a download goes. Like Keras, avoid a read-only home."""
    homes = [Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()]
    with contextlib.suppress(OSError):
        homes[0].mkdir(parents=True, exist_ok=True)
    if not os.access(homes[0], os.W_OK | os.X_OK):
        homes.append(Path(tempfile.gettempdir(), ".keras"))
    return [home / "datasets" / "mnist.npz" for home in homes]


def _read_mnist(content: bytes) -> tuple[np.ndarray, ...]:
    """Return x_train, y_train, x_test, y_test from the content of a file; ValueError if it is not MNIST."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("it is not a complete .npz archive")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
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
    """Download and check MNIST, then store it as `target`; OSError if that fails."""
    if not _server_answers():
        raise ConnectionError("the server did not answer")
    try:
        with urllib.request.urlopen(MNIST_ADDRESS, timeout=STALL_SECONDS) as answer:
            content = answer.read()
    except Exception as error:  # what http.client raises is no OSError
        raise ConnectionError("the download broke off") from error
    try:
        arrays = _read_mnist(content)
    except ValueError as error:
        raise ConnectionError(f"what came is not MNIST: {error}") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In a folder of its own at first, so that a half of it never stands where a good file is expected.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mnist-", ignore_cleanup_errors=True) as folder:
            file = Path(folder, target.name)
            file.write_bytes(content)
            if not os.path.lexists(target):
                file.replace(target)
    except OSError as error:
        raise OSError("Keras's cache cannot be written") from error
    return arrays


def _server_answers() -> bool:
    """Return whether the server gives any answer within PROBE_SECONDS."""
    answers = []

    def ask() -> None:
        request = urllib.request.Request(MNIST_ADDRESS, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answers.append(True)
        except Exception as error:  # an uncaught one would print a traceback from the thread
            answers.append(isinstance(error, urllib.error.HTTPError))

    # In a thread, because looking up a server's name can hang without any limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answers == [True]
