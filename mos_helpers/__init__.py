"""Helpers for the course on multi-output models with TensorFlow and Keras 3.

Import this package before TensorFlow or Keras: it loads TensorFlow with its start-up messages hidden.

A wrong argument of any function raises a TypeError (another type) or a ValueError (another shape, or out of range),
which names the argument, what is wanted and what was given. The docstrings list other errors only.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def _standard_error_hidden() -> Iterator[None]:
    """Send what C++ code writes to standard error to nowhere, for as long as the block runs."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # which TensorFlow leaves off on processors without AVX-512

# A missing TensorFlow is not an error yet: mos_helpers.doctor must start without it, to say how to install it.
with _standard_error_hidden(), suppress(ImportError):
    import tensorflow

    tensorflow.config.list_physical_devices()
    # Training several models in a row, as lessons do, is no fault, and TensorFlow warns of it each time.
    tensorflow.get_logger().setLevel("ERROR")
