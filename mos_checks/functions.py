"""Questions that ask for a function: the right one, cases to try an answer on, and the mistakes that have a name.

    function_question(
        "1.2",
        "A function from the decisions of two heads to the share on which they contradict each other.",
        hints=["Compare the two.", "`digit % 2 != odd` is True where they differ. Its mean is the share."],
        right=lambda digit, odd: np.mean(digit % 2 != odd),
        cases=lambda: [{"digit": np.array([3, 4, 7]), "odd": np.array([0, 0, 1])}, ...],
        mistakes={"that is the share on which they agree": lambda digit, odd: np.mean(digit % 2 == odd)},
    )

An answer is called on every case, and is correct if it equals the right function on all of them. A mistake is named
only if it explains all that the answer gave, a case that could not be used included; else the first difference is
shown, so cases go from small to large.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_checks.grading import question
from mos_checks.messages import NotYet, apart, as_array, as_dict, as_function, as_number, as_pair, call_kept, require

Case = dict[str, Any]
Mistake = Callable | Sequence[Callable]


@dataclass
class FunctionQuestion:
    """What `function_question` was given; its parts are described there."""

    right: Callable
    make_cases: Callable[[], Sequence[Case]]
    prepare: Callable[[Any], Callable] | None = None
    read: Callable[[Any, Case], Any] | None = None
    mistakes: Mapping[Any, Mistake | Mapping[str, Mistake]] = field(default_factory=dict)
    otherwise: Sequence[Callable[[list, list[Case]], None]] = ()
    also: Callable[[Callable, list], str | None] | None = None
    tolerance: float = 1e-5
    decimals: int = 6
    scale: Callable | None = None
    say: Callable[[str, Case, Any], str] | None = None
    show: Callable[[Case, Any, Any], str] | None = None
    failed: Callable[[Case, str], str] | None = None
    _made: dict[Callable, list] = field(default_factory=dict)

    @cached_property
    def cases(self) -> list[Case]:
        """The cases, made once."""
        return list(self.make_cases())

    @cached_property
    def wanted(self) -> list:
        """The right result of each case."""
        return [self.right(*case.values()) for case in self.cases]

    def judge(self, answer: object) -> str | None:
        """Return if the answer is right, with a remark if there is one; raise `NotYet` if it is not."""
        function = self.prepare(answer) if self.prepare else as_function(answer)
        found, tolerances = [], []
        for case, wanted in zip(self.cases, self.wanted, strict=True):
            try:
                result = self._result(function, case)
                found.append(self.read(result, case) if self.read else read_like(wanted, result))
            except NotYet:
                # A wrong value on an earlier case is told before a shape that is refused on this one.
                self._require_right(found, tolerances)
                raise
            tolerances.append(max(self.tolerance, rounding_of(result)))
        self._require_right(found, tolerances)
        if max(tolerances) == self.tolerance:
            for part, _ in self.tables():
                require_unrounded(_at(part, found), _at(part, self.wanted), self.decimals)
        return self.also(function, found) if self.also else None

    def tables(self) -> Iterator[tuple[Any, dict[str, list[Callable]]]]:
        """Yield each part of the result that has mistakes of its own, or None for the whole, and the mistakes by name.

        Mistakes stand in one table, or in one for each key or index of the result.
        """
        parts = self.mistakes
        if not parts or not all(isinstance(table, Mapping) for table in parts.values()):
            parts = {None: parts}
        for part, table in parts.items():
            yield part, {words: [ways] if callable(ways) else list(ways) for words, ways in table.items()}

    def _result(self, function: Callable, case: Case) -> Any:  # noqa: ANN401
        try:
            with np.errstate(all="ignore"):
                return call_kept(function, **case)
        except NotYet as reason:
            if self.failed:
                raise NotYet(self.failed(case, str(reason))) from None
            raise

    def _require_right(self, found: list, tolerances: list[float]) -> None:
        cases, wanted = self.cases[: len(found)], self.wanted[: len(found)]
        close = [self._closeness(case, tolerance) for case, tolerance in zip(cases, tolerances, strict=True)]
        first = _first_wrong(found, wanted, close)
        if first is None:
            return
        for part, table in self.tables():
            parts = _at(part, found), _at(part, wanted)
            made = {message: self._made_by(ways, part, len(found)) for message, ways in table.items()}
            words = _explanation(*parts, made, close, self.decimals)
            if words:
                place = _first_wrong(*parts, close)
                raise NotYet(self.say(words, cases[place], found[place]) if self.say else words)
        for refuse in self.otherwise:
            refuse(found, cases)
        show = self.show or _difference
        raise NotYet(show(cases[first], found[first], wanted[first]))

    def _made_by(self, ways: list[Callable], part: object, count: int) -> list[list]:
        """Return what a mistake gives on each case, made once, in each way of making it.

        The answer gave something on `count` cases. If there are more, the next one could not be used: a way that gives
        there what could be is left out.
        """
        for way in ways:
            if way not in self._made:
                self._made[way] = results_of(way, self.cases)
        results = [self._made[way] for way in ways]
        return [made for made in results if count == len(self.cases) or not self._is_usable(made, part, count)]

    def _is_usable(self, made: list, part: object, place: int) -> bool:
        """Tell whether an answer that gives this on a case could be compared there with the right result."""
        case, result = self.cases[place], made[place]
        if result is None:
            return False
        if part is not None:
            result = with_part(self.wanted[place], part, result)
        try:
            self.read(result, case) if self.read else read_like(self.wanted[place], result)
        except NotYet:
            return False
        return True

    def _closeness(self, case: Case, tolerance: float) -> tuple[float, float]:
        """Return how far a result may be from the right one: relative to it, and in all."""
        return tolerance, tolerance * (self.scale(*case.values()) if self.scale else 1)


questions: dict[str, FunctionQuestion] = {}


def function_question(
    question_id: str,
    wanted: str,
    *,
    hints: list[str],
    right: Callable,
    cases: Callable[[], Sequence[Case]],
    seconds: float = 30,
    **options: Any,  # noqa: ANN401
) -> None:
    """Register a question that asks for a function.

    Args:
        question_id: Lesson and question, as in "1.2".
        wanted: One sentence: what the answer is. The learner reads it.
        hints: Two or three sentences, each giving away more than the one before.
        right: The right function. It and the mistakes are called with the arguments in the order of a case.
        cases: Makes the cases, dictionaries from the name of an argument to its value, from small to large.
        seconds: How much processor time the check may take.
        prepare: From the answer to the function that is called, if that is not the answer itself.
        read: From what an answer gave and the case to what is compared: a number, an array, or a dict, list or tuple
            of these. It refuses what has another form. By default, what has the form of the right result is read.
        mistakes: For each message, the function that makes the mistake, or several. If the result has parts with
            mistakes of their own: for each key or index of the result a table, whose functions give that part alone.
        otherwise: Called with all results and all cases if no mistake explains them: each may refuse them for a reason
            that no function expresses.
        also: Called with a right answer and its results, for what cases do not show; may return a remark.
        tolerance: How far numbers may differ, relative and absolute. Results of 16 bits may differ by more.
        decimals: How many decimals are enough: a result that is rounded to fewer is refused. With 0, none is.
        scale: From the arguments of a case to the size that the absolute tolerance is relative to.
        say: Makes the message from a mistake's words, the first case that is wrong and the result there.
        show: Words for a difference, from a case, the result and the right result.
        failed: Words for an error in the answer, or an argument that it changed, from a case and the words of that.
    """
    asked = FunctionQuestion(right, cases, **options)

    def check(answer: object) -> str | None:
        return asked.judge(answer)

    check.__doc__, check.__module__ = wanted, cases.__module__
    question(question_id, hints=hints, seconds=seconds)(check)
    questions[question_id] = asked


def read_like(wanted: object, result: object, name: str = "the result") -> Any:  # noqa: ANN401
    """Return a result in the form of the right one: numbers, arrays, and dicts or pairs of them; NaN is let through."""
    if isinstance(wanted, dict):
        return {key: read_like(wanted[key], part, str(key)) for key, part in as_dict(result, wanted, name).items()}
    if isinstance(wanted, tuple | list):
        parts = as_pair(result, f"{name} should be a pair: `return a, b`")
        return [
            read_like(one, part, f"part {place} of {name}")
            for place, (one, part) in enumerate(zip(wanted, parts, strict=True))
        ]
    if np.ndim(wanted) == 0:
        return as_number(result, name, finite=False)
    return as_array(result, name, finite=False)


def rounding_of(result: object, depth: int = 3) -> float:
    """Return how far rounding may take a result that holds numbers of 16 bits; 0 if it holds none."""
    if depth and isinstance(result, dict | list | tuple):
        parts = list(result.values() if isinstance(result, dict) else result)
        return max((rounding_of(part, depth - 1) for part in parts[:100]), default=0.0)
    if not issubclass(type(result), np.ndarray | np.generic | tf.Tensor | tf.Variable | keras.Variable):
        return 0.0
    name = result.dtype if isinstance(result.dtype, str) else result.dtype.name
    return {"bfloat16": 0.03, "float16": 5e-3}.get(name, 0.0)


def require_unrounded(found: object, right: object, enough: int = 6) -> None:
    """Refuse results that are near enough to the right ones, but rounded to fewer decimals than are enough."""
    numbers, exact = (
        np.concatenate([np.ravel(leaf) for leaf in _leaves(values) if leaf.dtype.kind == "f"] or [[]])
        for values in (found, right)
    )
    for decimals in range(enough):
        rounded = _has_decimals(numbers, decimals) and not _has_decimals(exact, decimals)
        require(not rounded, f"it is rounded to {decimals} decimals: return the number as it is")


def _has_decimals(values: np.ndarray, decimals: int) -> bool:
    # A rounded number of 32 bits is not exactly that of 64.
    return bool(np.allclose(values, np.round(values, decimals), rtol=2e-7, atol=0, equal_nan=True))


def _leaves(value: Any) -> Iterator[np.ndarray]:  # noqa: ANN401
    """Yield the arrays and numbers in dicts, lists and tuples."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        array = np.asarray(value)
        yield array.astype("float64") if array.dtype.kind in "biuf" else array


def _alike(one: Any, other: Any, close: tuple[float, float]) -> bool:  # noqa: ANN401
    """Whether two results have one form and differ by no more than the tolerance."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() != other.keys():
        return False
    ones, others = list(_leaves(one)), list(_leaves(other))
    return len(ones) == len(others) and all(
        a.shape == b.shape and _near(a, b, close) for a, b in zip(ones, others, strict=True)
    )


def _first_wrong(found: list, wanted: list, close: list[tuple[float, float]]) -> int | None:
    """Return the place of the first result that is not right."""
    parts = enumerate(zip(found, wanted, close, strict=True))
    return next((place for place, each in parts if not _alike(*each)), None)


def _near(one: np.ndarray, other: np.ndarray, close: tuple[float, float]) -> bool:
    if one.dtype.kind != "f" or other.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    return bool(np.allclose(one, other, rtol=close[0], atol=close[1], equal_nan=True))


def _at(part: object, values: list) -> list:
    return values if part is None else [value[part] for value in values]


def _explanation(
    found: list, wanted: list, mistakes: dict[str, Iterable[list]], close: list[tuple[float, float]], decimals: int
) -> str | None:
    """Return the mistake that explains all results, or None if none does or they are right.

    For each mistake come the results of the functions that make it, on these cases and maybe on more.
    A result that is not finite is explained by any mistake, if others are finite: it may be one of too large numbers.
    """
    finite = [all(leaf.dtype.kind != "f" or np.isfinite(leaf).all() for leaf in _leaves(value)) for value in found]
    if not any(finite):
        finite = [True] * len(found)

    def explains(values: Sequence) -> bool:
        parts = zip(found, values[: len(found)], close, finite, strict=True)
        return all(not whole or _alike(one, other, limit) for one, other, limit, whole in parts)

    if explains(wanted):
        return None
    for words, results in mistakes.items():
        if any(map(explains, results)):
            return words
    for places in range(7 if decimals else 0):
        rounded = [[_rounded(leaf, places) for leaf in _leaves(value)] for value in wanted]
        pairs = zip([list(_leaves(value)) for value in found], rounded, strict=True)
        floats = [leaf.ravel() for leaves in rounded for leaf in leaves if leaf.dtype.kind == "f"]
        several = len(np.unique(np.concatenate(floats or [[]]))) > 1
        if several and all(_alike(one, other, (1e-6, 1e-9)) for one, other in pairs):
            return f"it is rounded to {places} decimals: return the number as it is"
    return None


def _rounded(leaf: np.ndarray, decimals: int) -> np.ndarray:
    return np.round(leaf, decimals) if leaf.dtype.kind == "f" else leaf


def with_part(result: Any, part: object, value: object) -> Any:  # noqa: ANN401
    """Return a copy of a result, a dict or a list, with another value for one key or index."""
    result = dict(result) if isinstance(result, dict) else list(result)
    result[part] = value
    return result


def results_of(mistake: Callable, cases: list[Case]) -> list:
    """Return what a mistake gives on each case; where it fails, None, which explains nothing."""
    found = []
    for case in cases:
        try:
            with np.errstate(all="ignore"):
                found.append(mistake(*case.values()))
        except Exception:
            found.append(None)
    return found


def _difference(case: Case, found: Any, wanted: Any, name: str = "the result") -> str:  # noqa: ANN401
    """Return where a result differs most from the right one."""
    if isinstance(wanted, dict | list | tuple):
        *keys, last = list(wanted) if isinstance(wanted, dict) else range(len(wanted))
        key = next((key for key in keys if not _alike(found[key], wanted[key], (1e-5, 1e-5))), last)
        part = key if isinstance(key, str) else f"part {key} of {name}"
        return _difference(case, found[key], wanted[key], part)
    one, other = np.asarray(found, "float64"), np.asarray(wanted, "float64")
    given = f"for {shown(case)}: {name}"
    if one.shape != other.shape:
        return f"{given} should have shape {other.shape}, and yours has {one.shape}"
    worst = np.unravel_index(np.abs(one - other).argmax(), one.shape)
    where = f" at index {', '.join(str(int(place)) for place in worst)}" if one.ndim else ""
    yours, right = apart(float(one[worst]), float(other[worst]))
    return f"{given}{where} should be {right}, and yours is {yours}"


def shown(case: Case) -> str:
    """Return the small arguments of a case as text, and of larger ones the shape."""
    return ", ".join(f"{name} = {_text(value)}" for name, value in case.items())


def _text(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple | np.ndarray) and np.asarray(value).dtype.kind in "biuf":
        array = np.asarray(value)
        if array.size > 8:
            return f"an array of shape {array.shape}"
        if array.dtype.kind == "f":
            array = np.reshape([float(f"{number:.4g}") for number in array.ravel()], array.shape)
        return str(array.tolist())
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"
