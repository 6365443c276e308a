"""What a check says about an answer: conditions, conversions, and calls of the learner's functions."""

import copy
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from numbers import Real
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from mos_checks import open_questions
from mos_checks.isolation import map_arrays, read_only

_LONGEST = 200


class Todo(NotImplementedError):
    """Stands in an exercise where the answer goes: `raise Todo("1.1")`."""

    def __init__(self, question_id: str) -> None:
        super().__init__(f"Question {question_id} is open: put your answer in place of this line.")
        self.question_id = question_id

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows in place of a traceback."""
        open_questions.remember(self.question_id)
        return [str(self)]


class NotAnswered(Exception):
    """The question has no answer yet; the message says what to do."""


class NotYet(Exception):
    """The answer is not right; the message completes "not yet, because ..."."""


def require(condition: bool | np.bool_, message: str) -> None:
    """Go on if `condition` is true, else tell the learner `message`, which completes "not yet, because ...".

    Only True and False are accepted: an array or any other object raises `TypeError`, so that no answer passes
    because it happens to count as true.
    """
    if type(condition) not in (bool, np.bool_):
        raise TypeError(f"the condition of `require` must be True or False, not {describe(condition)}")
    if not condition:
        raise NotYet(message)


def call(function: Callable, /, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
    """Return `function(*args, **kwargs)`, called with copies of all arrays.

    An error in the function becomes "your function raised ...", and a result of None "your function returned
    nothing". An array in the result is a view that cannot be written to.
    """
    args, kwargs = map_arrays(args, np.copy), map_arrays(kwargs, np.copy)
    with blaming("your function"):
        result = function(*args, **kwargs)
    if result is None:
        raise NotYet("your function returned None: is a `return` missing?")
    refuse_ellipsis(result)
    return map_arrays(result, read_only)


def call_kept(function: Callable, /, **arguments: object) -> Any:  # noqa: ANN401
    """Return `function(*arguments.values())` as `call` does, and refuse a function that changes one of its arguments.

    An argument may be an array, a list or dictionary of arrays, or any object that `==` compares as a whole.
    """
    given = copy.deepcopy(arguments)
    result = call(lambda: function(*given.values()))  # in a lambda, as `call` would copy the arrays once more
    for name, before in arguments.items():
        kept = f"your function changes `{name}` itself, and others still need it: work on a copy"
        require(_is_the_same(before, given[name]), kept)
    return result


def _is_the_same(before: Any, after: Any) -> bool:  # noqa: ANN401
    if type(before) is not type(after):
        return False
    if isinstance(before, np.ndarray):
        if before.dtype != after.dtype:
            return False
        # The comparison that knows NaN takes several times as long.
        return np.array_equal(before, after) or (
            before.dtype.kind in "fc" and np.array_equal(before, after, equal_nan=True)
        )
    if isinstance(before, dict):
        return list(before) == list(after) and all(_is_the_same(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_is_the_same, before, after))
    return before is after or bool(before == after)  # NaN is not equal to itself


def as_number(value: object, name: str = "the answer", *, finite: bool = True) -> float:
    """Return `value` as a float, if it is one number: of Python, of NumPy, or a tensor without axes.

    NaN and infinity are refused, unless `finite` is False.
    """
    if issubclass(type(value), np.ndarray | tf.Tensor | tf.Variable | keras.Variable):
        array = as_array(value, name, finite=False)
        if array.ndim:
            raise NotYet(f"{name} should be one number, and yours is {describe(array)}")
        value = array.item()
    if not issubclass(type(value), Real | np.number) or issubclass(type(value), bool | np.complexfloating):
        raise NotYet(f"{name} should be a number, and yours is {describe(value)}")
    number = float(value)
    require(not finite or bool(np.isfinite(number)), f"{name} should be a finite number, and yours is {number}")
    return number


_KINDS = {"number": ("biuf", "numbers"), "integer": ("iu", "whole numbers"), "float": ("f", "floating-point numbers")}
_KINDS["bool"] = ("b", "True and False")


def as_array(
    value: object,
    name: str = "the answer",
    *,
    shape: tuple[int | None, ...] | None = None,
    kind: Literal["number", "integer", "float", "bool"] = "number",
    finite: bool = True,
) -> np.ndarray:
    """Return `value` as a NumPy array of its own.

    It may be an array, a tensor, a list or tuple of numbers, or a column, index or table of pandas.

    Args:
        value: The answer, or a part of it.
        name: What messages call it.
        shape: The lengths wanted, None for any length, as in `(None, 10)`; by default any shape.
        kind: The values wanted; "number" takes True and False as well.
        finite: Whether NaN and infinity are refused.
    """
    tensor = issubclass(type(value), tf.Tensor | tf.Variable | keras.Variable)
    if not tensor and not issubclass(type(value), (np.ndarray, list, tuple, *_columns())):
        raise NotYet(f"{name} should be an array, and yours is {describe(value)}")
    try:
        array = np.array(value.numpy() if tensor else value)
    except (TypeError, ValueError):
        raise NotYet(f"{name} should be an array, and yours cannot be made into one") from None
    if array.dtype.name == "bfloat16":  # which NumPy does not know
        array = array.astype("float32")
    kinds, words = _KINDS[kind]
    if array.dtype.kind not in kinds:
        raise NotYet(f"{name} should hold {words}, and yours is {describe(array)}")
    if shape is not None:
        require(_fits(array.shape, shape), f"{name} should have shape {_shape(shape)}, and yours has {array.shape}")
    if finite and not np.isfinite(array).all():
        raise NotYet(f"{name} should hold finite numbers, and yours holds NaN or infinity")
    return array


def _columns() -> tuple[type, ...]:
    # Importing pandas takes time, and whoever has a column of it has imported it.
    pandas = sys.modules.get("pandas")
    return (pandas.Series, pandas.DataFrame, pandas.Index) if pandas else ()


def as_dict(value: object, keys: Iterable[str] | None = None, name: str = "the answer") -> dict[str, Any]:
    """Return `value` as a new dict, if it is a dict whose keys are exactly `keys`, in any order."""
    if not issubclass(type(value), dict):
        raise NotYet(f"{name} should be a dict, and yours is {describe(value)}")
    result = dict(dict.items(value))
    if keys is not None:
        _require_names(result, list(keys), f"the keys of {name}")
    return result


def as_pair(value: object, message: str) -> list[Any]:
    """Return the two parts of `value`, if it can be unpacked into two, else tell the learner `message`."""
    if issubclass(type(value), Iterator):
        parts = call(lambda: list(islice(value, 3)))
    else:
        parts = list(value) if issubclass(type(value), tuple | list) else []
    require(len(parts) == 2, message)
    return parts


def as_function(value: object, name: str = "the answer") -> Callable:
    """Return `value`, if it is a function or another object to call, but neither a class nor a model."""
    if issubclass(type(value), type | keras.Model) or not callable(value):
        raise NotYet(f"{name} should be a function (its name without brackets), and yours is {describe(value)}")
    return value


def as_model(value: object, name: str = "the answer", *, compiled: bool = False) -> keras.Model:
    """Return `value`, if it is a Keras model that has its weights; with `compiled`, one that is compiled too."""
    if issubclass(type(value), type):
        raise NotYet(f"{name} should be a model, and yours is {describe(value)}: call it to get a model")
    if not issubclass(type(value), keras.Model):
        raise NotYet(f"{name} should be a Keras model, and yours is {describe(value)}")
    require(value.built, f"{name} has no weights yet: give the model a keras.Input, or call it once on a few inputs")
    require(value.compiled or not compiled, f"{name} is not compiled yet: call its method `compile`")
    return value


def outputs_of(
    model: keras.Model, inputs: object, shapes: Mapping[str, int | tuple[int | None, ...]] | None = None
) -> dict[str, np.ndarray]:
    """Return the outputs of `model` for a small batch, by name, computed as `predict` does (`training=False`).

    Args:
        model: A model from `as_model`. If it returns a list, the outputs have the names of their layers.
        inputs: One array, or a dict or list of arrays; the model gets copies.
        shapes: For each output wanted, its shape without the batch, or the number of its units.
    """
    with blaming("your model"):
        outputs = model(map_arrays(inputs, np.copy), training=False)
    if not issubclass(type(outputs), dict):
        outputs = _named(model, outputs)
    if shapes is None:
        return {key: as_array(value, f"the output {key}") for key, value in as_dict(outputs).items()}
    outputs = as_dict(outputs)
    _require_names(outputs, list(shapes), "the names of the model's outputs")
    wanted = {key: (None, *((shape,) if isinstance(shape, int) else shape)) for key, shape in shapes.items()}
    found = {key: as_array(outputs[key], f"the output {key}") for key in shapes}
    for key, array in found.items():
        fitting = [other for other in wanted if other != key and _fits(array.shape, wanted[other])]
        swapped = f"; did you swap {key} and {fitting[0]}?" if fitting else ""
        yours = _shape((None, *array.shape[1:])) if array.ndim else "()"
        message = f"the output {key} should have shape {_shape(wanted[key])}, and yours has {yours}{swapped}"
        require(_fits(array.shape, wanted[key]), message)
    return found


def _named(model: keras.Model, outputs: object) -> dict[str, object]:
    parts = list(outputs) if issubclass(type(outputs), list | tuple) else [outputs]
    names = [model.layers[-1].name] if issubclass(type(model), keras.Sequential) else getattr(model, "output_names", [])
    if len(names or []) != len(parts):
        raise NotYet("your model should return a dict, so that each output has a name")
    return dict(zip(names, parts, strict=True))


def _require_names(found: Iterable[object], wanted: list[str], what: str) -> None:
    found = [key if type(key) is str else describe(key) for key in found]
    if sorted(found) != sorted(wanted):
        yours = f"yours are {_listed(found)}" if found else "yours has none"
        raise NotYet(f"{what} should be {_listed(wanted)}, and {yours}")


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 12 else [*names[:12], "..."]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted, strict=True))


def _shape(wanted: tuple[int | None, ...]) -> str:
    return str(tuple("any" if length is None else length for length in wanted)).replace("'", "")


def describe(value: object) -> str:
    """Return a few words on what `value` is; safe with any object."""
    try:
        return one_line(_described(value), 80)
    except Exception:
        return f"an object of the type {one_line(_type_name(type(value)), 60)}"


def _described(value: Any) -> str:  # noqa: ANN401
    kind = type(value)
    name = _type_name(kind)
    if value is None or kind is bool:
        return str(value)
    if kind is str:
        return f"the text {value[:80]!r}"
    if kind in (int, float, complex):
        return f"the number {value}"
    if kind in (list, tuple, set, frozenset, dict):
        return f"a {name} of length {len(value)}"
    if kind is np.ndarray:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if issubclass(kind, tf.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {value.dtype.name}"
    if issubclass(kind, type):
        return f"the class {_type_name(value)}"
    if issubclass(kind, keras.Model):
        return f"a Keras model ({name})"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _type_name(kind: type) -> str:
    # Not kind.__name__, which a metaclass can replace.
    return type.__dict__["__name__"].__get__(kind)


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers as texts with as few decimals as tell them apart, three at least."""
    return _first_to_differ(one, other, [f".{decimals}f" for decimals in range(3, 12)])


def apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers as texts with as few significant digits as tell them apart, four at least."""
    return _first_to_differ(one, other, [f".{digits}g" for digits in range(4, 17)])


def _first_to_differ(one: float, other: float, forms: list[str]) -> tuple[str, str]:
    for form in forms:
        texts = format(one, form), format(other, form)
        if texts[0] != texts[1]:
            break
    return texts


def one_line(text: str, longest: int = 1000) -> str:
    """Return `text` as one line of printable characters, cut to at most `longest`."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text[: 10 * longest])
    text = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return text if len(text) <= longest else text[: longest - 3] + "..."


def summary(error: BaseException) -> str:
    """Return the type of an error and the telling line of its message; safe with any error."""
    name = one_line(_type_name(type(error)), 80)
    try:
        message = str.__str__(str(error))
    except BaseException:
        return f"{name}, whose message cannot be shown"
    line = one_line(_telling_line(message[: 20 * _LONGEST], name), _LONGEST)
    return f"{name}: {line}" if line else name


def _telling_line(message: str, name: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if lines and lines[0] == "in user code:":  # TensorFlow puts a traceback before the message
        found = [index for index, line in enumerate(lines) if line.startswith(f"{name}: ")]
        lines = [lines[found[-1]].removeprefix(f"{name}: "), *lines[found[-1] + 1 :]] if found else lines
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines = lines[1:]  # Keras puts a sentence of its own before the message
    return re.sub(r"\{\{.*?\}\} ", "", lines[0]) if lines else ""


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Turn what the learner's code raises in the block into "`who` raised ...", whatever it is."""
    try:
        yield
    except (NotAnswered, NotYet):
        raise
    except BaseException as error:
        refuse_todo(error)
        said = summary(error)
        end = "" if said.endswith(".") else "."
        raise NotYet(f"{who} raised {said}{end} Run it in a cell of its own to see where") from None


def refuse_todo(error: BaseException | None) -> None:
    """Raise `NotAnswered` if `error` is a `Todo` or came from one."""
    for _ in range(20):
        if error is None:
            return
        if issubclass(type(error), Todo):
            raise NotAnswered("Put your answer in place of the line that says Todo, run that cell, then this one")
        error = error.__context__ if error.__cause__ is None else error.__cause__


def refuse_ellipsis(value: object) -> None:
    """Raise `NotAnswered` if `value` is `...`."""
    if value is ...:
        raise NotAnswered("Put your answer in place of the three dots, run that cell, then this one")
