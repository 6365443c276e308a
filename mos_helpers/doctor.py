"""Does this machine run the course? `python -m mos_helpers.doctor` says so, line by line, and how to repair it."""

import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version

INSTALL = "run `uv sync`, or `pip install -r requirements.txt -e .`, in the folder of the course"
PYTHONS = ((3, 11), (3, 14))
MEMORY_GB = 2.0


class FixNeeded(Exception):
    """What is wrong with the machine, and how to repair it."""


def python() -> str:
    """Return the version of Python, if the course supports it."""
    oldest, beyond = PYTHONS
    if not oldest <= sys.version_info[:2] < beyond:
        raise FixNeeded(f"Python {platform.python_version()}: make an environment with Python 3.11, 3.12 or 3.13")
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def packages() -> str:
    """Return the versions of the main packages, if all that the course needs are there and new enough."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("mos_helpers") or []]
    except PackageNotFoundError:
        raise FixNeeded(f"the course's own package is not installed: {INSTALL}") from None
    faults: dict[bool, list[str]] = {False: [], True: []}  # True: of packages that only the extra "course" asks for
    for package in wanted:
        try:
            found = version(package.name)
            if found not in package.specifier:
                faults[bool(package.marker)].append(f"{package.name} is {found} and should be {package.specifier}")
        except PackageNotFoundError:
            faults[bool(package.marker)].append(f"{package.name} is missing")
    if faults[False]:
        raise FixNeeded(f"{'; '.join(faults[False] + faults[True])}: {INSTALL}")
    if faults[True]:
        needed = f"check_heads and the layers work; for data, figures and the notebooks {'; '.join(faults[True])}"
        raise FixNeeded(f"{needed}: {INSTALL}, or `pip install mos_helpers[course]`")
    shown = ("tensorflow", "keras", "numpy", "scikit-learn", "jupyterlab")
    return ", ".join(f"{name} {version(name)}" for name in shown)


def backend() -> str:
    """Return which backend Keras runs on, if it is TensorFlow and `tf.keras` is Keras 3."""
    import keras
    import tensorflow as tf
    from packaging.version import Version

    from mos_helpers.inside_keras import TESTED

    if keras.backend.backend() != "tensorflow":
        raise FixNeeded(f"Keras runs on {keras.backend.backend()}: remove the environment variable KERAS_BACKEND")
    if os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true"):
        raise FixNeeded("TF_USE_LEGACY_KERAS asks for the old Keras 2: remove that environment variable")
    found = {name: Version(version(name)) for name in TESTED}
    newer = [f"{name} {found[name]}" for name in TESTED if found[name].release[:2] > Version(TESTED[name]).release]
    untried = f", {' and '.join(newer)} newer than tested: run `uv run pytest` or use the older one" if newer else ""
    graphics = len(tf.config.list_physical_devices("GPU"))
    onednn = "off, so convolutions are slower" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" else "on"
    return f"Keras runs on TensorFlow, oneDNN is {onednn}, {graphics or 'no'} GPU (none is needed){untried}"


def memory() -> str:
    """Return the size of the memory, if enough of it is free."""
    import psutil

    state = psutil.virtual_memory()
    if state.available < MEMORY_GB * 2**30:
        free = state.available / 2**30
        raise FixNeeded(f"only {free:.1f} GB of memory are free; close other programs until {MEMORY_GB:.0f} GB are")
    return f"{state.total / 2**30:.0f} GB of memory"


def digits() -> str:
    """Return which images the lessons will use."""
    from mos_helpers import data

    return repr(data.load_digits())


def training() -> str:
    """Train a small two-head network for about five seconds; return how well each head does on new images."""
    import keras

    from mos_helpers import data

    keras.utils.set_random_seed(0)
    digits = data.load_digits("digits")
    image = keras.Input((28, 28), name="image")
    trunk = keras.layers.Dense(64, activation="relu", name="trunk")(keras.layers.Flatten()(image))
    heads = {
        "digit": keras.layers.Dense(10, activation="softmax", name="digit")(trunk),
        "odd": keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk),
    }
    model = keras.Model(image, heads)
    losses = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
    model.compile("adam", losses, metrics={head: ["accuracy"] for head in heads}, steps_per_execution=10)
    targets, targets_test = ({"digit": y, "odd": y % 2} for y in (digits.y_train, digits.y_test))
    model.fit(data.batches(digits.x_train, targets, seed=0).repeat(), steps_per_epoch=330, verbose=0)
    scores = model.evaluate(digits.x_test, targets_test, batch_size=100, verbose=0, return_dict=True)
    digit, odd = (scores[f"{head}_accuracy"] for head in heads)
    if min(digit, odd) < 0.9:
        raise FixNeeded(f"a test network learnt too little ({scores}): reinstall TensorFlow; {INSTALL}")
    return f"a short training on the bundled digits: {digit:.0%} right about the digit, {odd:.0%} about odd or even"


CHECKS: tuple[Callable[[], str], ...] = (python, packages, backend, memory, digits, training)


def report() -> bool:
    """Print a line for each part of the machine that the course needs, and a verdict; return whether all is well."""
    faults = 0
    for check in CHECKS:
        try:
            print(f"OK    {check()}")
        except FixNeeded as fault:
            faults += 1
            print(f"FIX   {fault}")
        except Exception as error:
            # A broken installation can fail in any way, and the lines that follow still help.
            faults += 1
            print(f"FIX   {check.__name__}: {type(error).__name__}: {error}. To repair it, {INSTALL}")
    print("This machine is ready." if not faults else f"{faults} of {len(CHECKS)} lines say FIX.")
    return not faults


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
