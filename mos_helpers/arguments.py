"""Checks of arguments: an error names the argument, what is wanted and what was given."""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np


def check_type(name: str, value: object, kind: type, wanted: str) -> None:
    """Raise TypeError for a value of another kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}.")


def check_number(
    name: str, value: object, low: float, high: float = math.inf, above: bool = False, whole: bool = False
) -> None:
    """Raise TypeError for what is no number, and ValueError for one that is out of range; `above`: not `low` itself."""
    span = f"from {low} to {high:,}" if high < math.inf else f"{'above' if above else 'of at least'} {low}"
    wanted = f"a {'whole ' if whole else ''}number {span}"
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise TypeError(f"{name} must be {wanted}, not {value!r:.60}.")
    if not low <= value <= high or (above and value == low):  # so that NaN is refused too
        raise ValueError(f"{name} must be {wanted}, not {value:,}.")


def check_seed(seed: object) -> None:
    """Raise an error for what NumPy or TensorFlow does not take as a seed."""
    check_number("seed", seed, 0, 2**63 - 1, whole=True)


def check_names(name: str, names: object) -> None:
    """Raise TypeError for what is no list of texts, and ValueError for an empty text."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"{name} must be a list of names, not {names!r:.60}.")
    for one in names:
        if not isinstance(one, str):
            raise TypeError(f"{name} must hold names (strings), not {one!r:.60}.")
        if not one.strip():
            raise ValueError(f"{name} must hold names that are not empty, not {one!r}.")


def as_lists_of_names(name: str, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return a dictionary from names to lists of names, with tuples in place of the lists."""
    check_type(name, given, Mapping, "a dictionary from each name to a list of names")
    if not given:
        raise ValueError(f"{name} must have at least one entry, not none.")
    check_names(name, list(given))
    for key, names in given.items():
        check_names(f"{name}[{key!r}]", names)
    return {key: tuple(names) for key, names in given.items()}


def as_labels(name: str, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the numbers of classes, from 0 to `classes` - 1, as int64 of shape (n,)."""
    labels = np.asarray(labels)
    if labels.ndim != 1:
        cure = "; .argmax(axis=1) decides" if labels.ndim == 2 else ""
        raise ValueError(f"{name} must have one label per image, shape (n,), not shape {labels.shape}{cure}.")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold whole numbers, the numbers of classes, not {labels.dtype}.")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"{name} must hold numbers from 0 to {classes - 1}, not {wrong[0]}.")
    return labels.astype(np.int64)


def as_images(name: str, images: np.ndarray) -> np.ndarray:
    """Return images in [0, 1] as float32 of shape (n, height, width)."""
    images = np.asarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        wanted = "floating-point numbers in [0, 1]"
        raise TypeError(f"{name} must hold {wanted}, not {images.dtype}; divide 0 to 255 by 255.")
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"{name} must have at least one image, shape (n, height, width), not shape {images.shape}.")
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= 1):
        raise ValueError(f"{name} must lie in [0, 1], not from {lowest:.3g} to {highest:.3g}.")
    return images.astype(np.float32, copy=False)


def as_digits(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images of digits and as many labels from 0 to 9, of which n new images can be made."""
    x, y = as_images("x", x), as_labels("y", y, 10)
    if len(x) != len(y):
        raise ValueError(f"y must have one label per image, shape ({len(x)},), not shape {y.shape}.")
    check_number("n", n, 1, whole=True)
    check_seed(seed)
    return x, y


def as_named_numbers(
    name: str, given: Mapping, *shapes: tuple[int | str, ...], most: int | None = None, gaps: bool = False
) -> dict[str, np.ndarray]:
    """Return the values of a dictionary as float64, under their names as texts.

    Each has one of the shapes, such as ("runs", 2), where a word stands for any number. With `gaps`, NaN is allowed.
    """
    check_type(name, given, Mapping, "a dictionary from name to numbers")
    if not 1 <= len(given) <= (most or len(given)):
        raise ValueError(f"{name} must have {f'1 to {most} names' if most else 'at least one name'}, not {len(given)}.")
    result = {}
    for key, values in given.items():
        array = np.asarray(values, dtype=float)
        if not array.size or not any(_fits(array.shape, shape) for shape in shapes):
            wanted = " or ".join(str(shape).replace("'", "") for shape in shapes)
            raise ValueError(f"{name}[{key!r}] must have shape {wanted}, not {array.shape}.")
        wrong = array[~np.isfinite(array) & ~(gaps & np.isnan(array))]
        if wrong.size:
            raise ValueError(f"{name}[{key!r}] must hold finite numbers, not {wrong[0]}.")
        result[f"{key:.3g}" if isinstance(key, float) else str(key)] = array
    if len(result) < len(given):
        raise ValueError(f"{name} must have different names; two are the same in three digits.")
    return result


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (a, str(b)) for a, b in zip(shape, wanted, strict=True))
