"""Judge what a function gave on several cases: a mistake is named only if it explains all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_checks.messages import NotYet, apart, require


def rounding(value: object) -> float:
    """Return how far rounding may take a result of about 1: 0, but for numbers of 16 bits."""
    if not issubclass(type(value), np.ndarray | np.generic | tf.Tensor | tf.Variable | keras.Variable):
        return 0.0
    dtype = value.dtype
    return _rounding_of_16_bits(dtype if isinstance(dtype, str) else dtype.name)


def rounding_of(value: object, depth: int = 3) -> float:
    """Return how far probabilities of the type of `value`, what `as_array` takes, may be off by rounding alone."""
    if depth and issubclass(type(value), list | tuple) and value:
        return rounding_of(value[0], depth - 1)
    return _rounding_of_16_bits(str(getattr(value, "dtype", ""))) or 1e-4


def _rounding_of_16_bits(name: str) -> float:
    return 0.02 if "bfloat16" in name else 2e-3 if "float16" in name else 0.0


def judge_all(cases: list, ask: Callable[[Any], Any], judge: Callable[[list, list], None]) -> list:
    """Call `judge` with all cases and what `ask` gives for each, so that a mistake is named if it explains them all.

    If `ask` refuses a case, `judge` first sees the cases before it: a wrong value there is told before a wrong shape.
    Returns what `ask` gave.
    """
    results: list[Any] = []
    for case in cases:
        try:
            results.append(ask(case))
        except NotYet:
            if results:
                judge(cases[: len(results)], results)
            raise
    judge(cases, results)
    return results


def alike(one: np.ndarray | float, other: np.ndarray | float, tolerance: float) -> bool:
    """Whether two results have one shape and differ by no more than rounding."""
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=tolerance, atol=tolerance))


def explained(found: Sequence, right: Sequence, mistakes: Mapping[str, Sequence], tolerance: float) -> str | None:
    """Return the first mistake that gives every result that was found, or None if none does.

    Args:
        found: the results, one for each case.
        right: the right results.
        mistakes: for each message, the results that its mistake gives.
        tolerance: what counts as equal, absolute and relative.
    """
    for message, wrong in mistakes.items():
        if all(alike(one, other, tolerance) for one, other in zip(found, wrong, strict=True)):
            return message
    for decimals in range(1, 7):
        if all(alike(one, np.round(other, decimals), 1e-9) for one, other in zip(found, right, strict=True)):
            return f"it is rounded to {decimals} decimals: return the number as it is"
    return None


def require_unrounded(found: Sequence, right: Sequence, most: int = 5) -> None:
    """Refuse results that are near enough to the right ones, and rounded to a few decimals which those are not."""
    for decimals in range(most + 1):
        rounded = all(_has_decimals(one, decimals) for one in found)
        told = f"it is rounded to {decimals} decimals: return the number as it is"
        require(not rounded or all(_has_decimals(one, decimals) for one in right), told)


def _has_decimals(values: np.ndarray | float, decimals: int) -> bool:
    # A rounded number of 32 bits is not exactly that of 64.
    return bool(np.allclose(values, np.round(values, decimals), rtol=2e-7, atol=0))


def results_of(mistake: Callable, cases: Sequence[tuple]) -> list[np.ndarray]:
    """Return what a mistake gives on each case; where it fails, NaN, which equals nothing."""
    found = []
    for arguments in cases:
        with np.errstate(all="ignore"):
            try:
                found.append(np.asarray(mistake(*arguments), "float64"))
            except (ValueError, IndexError, ZeroDivisionError):
                found.append(np.asarray(np.nan))
    return found


def first_difference(found: Sequence, right: Sequence, tolerance: float) -> int | None:
    """Return the number of the smallest case on which results differ; cases go from small to large."""
    for number, (one, other) in enumerate(zip(found, right, strict=True)):
        if not alike(one, other, tolerance):
            return number
    return None


def shown(names: Sequence[str], arguments: tuple) -> str:
    """Return small arguments as text, and of larger ones the shape."""
    texts = []
    for name, value in zip(names, arguments, strict=True):
        array = np.asarray(value)
        values = (array if array.dtype.kind in "iub" else np.round(array.astype("float64"), 3)).tolist()
        texts.append(f"{name} = {values}" if array.size <= 8 else f"{name} of shape {array.shape}")
    return ", ".join(texts)


def require_results(
    found: Sequence,
    right: Sequence,
    cases: Sequence[tuple],
    mistakes: Mapping[str, Callable],
    names: Sequence[str],
    *,
    say: Callable[[str], str] = str,
    name: str = "the result",
    tolerance: float = 1e-5,
) -> None:
    """Go on if every result is right; else name the mistake that explains all of them, or show the first difference.

    Args:
        found: the results, arrays or numbers, one for each case.
        right: the right results.
        cases: the arguments of each case, from small to large.
        mistakes: for each message, the function that makes this mistake.
        names: what the arguments are called.
        say: makes a message out of the words of a mistake.
        name: what the difference calls the result.
        tolerance: what counts as equal, absolute and relative.
    """
    number = first_difference(found, right, tolerance)
    if number is None:
        return
    wrong = {words: results_of(mistake, cases) for words, mistake in mistakes.items()}
    words = explained(found, right, wrong, tolerance)
    require(words is None, say(words or ""))
    one, other = np.asarray(found[number], "float64"), np.asarray(right[number], "float64")
    require(one.shape == other.shape, f"{name} should have shape {other.shape}, and yours has {one.shape}")
    worst = np.unravel_index(np.abs(one - other).argmax(), one.shape)
    where = f" at index {', '.join(str(int(place)) for place in worst)}" if one.ndim else ""
    yours, wanted = apart(float(one[worst]), float(other[worst]))
    require(False, f"for {shown(names, cases[number])}: {name}{where} should be {wanted}, and yours is {yours}")
