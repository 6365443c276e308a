"""The checks of exercise 14: name, refuse and share."""

from collections.abc import Callable

import numpy as np

from mos_checks import (
    NotYet,
    as_array,
    as_dict,
    as_function,
    as_model,
    call,
    describe,
    function_question,
    outputs_of,
    question,
    require,
)
from mos_helpers.inside_keras import is_graph

import keras  # isort: skip


def _listed_model() -> tuple[keras.Model, list[str]]:
    """Return a model with three outputs in a list, two of one shape, and names that are not in the alphabet's order."""
    image = keras.Input((6,))
    hidden = keras.layers.Dense(5, activation="tanh")(image)
    outputs = [keras.layers.Dense(units)(hidden) for units in (4, 1, 4)]
    return keras.Model(image, outputs), ["place", "odd", "digit"]


def _winding_model() -> tuple[keras.Model, list[str]]:
    """Return a model with a frozen layer, an output in its middle, and outputs in another order than its layers."""
    image = keras.Input((6,))
    middle = keras.layers.Dense(4, activation="tanh")(image)
    hidden = keras.layers.Dense(5, activation="tanh")(middle)
    hidden_again = keras.layers.Dense(5, activation="tanh", trainable=False)(hidden)
    early = keras.layers.Dense(1)(hidden)
    late = keras.layers.Dense(4)(hidden_again)
    return keras.Model(image, [late, middle, early]), ["place", "digit", "odd"]


def _wide_model() -> tuple[keras.Model, list[str]]:
    """Return a model with five outputs, four of one shape."""
    image = keras.Input((6,))
    hidden = keras.layers.Dense(5, activation="tanh")(image)
    outputs = [keras.layers.Dense(units)(hidden) for units in (2, 2, 3, 2, 2)]
    return keras.Model(image, outputs), ["right", "box", "slant", "left", "mirror"]


@question(
    "14.1",
    hints=[
        "`model.outputs` are tensors. A model can be made of any tensors: nothing is computed again.",
        "Outputs in a dictionary get its keys as names. What takes inputs and outputs, and gives a model?",
        "Pair each name with its output, in the order of the list (`zip` makes pairs), and make a dictionary of the "
        "pairs. The inputs stay.",
    ],
)
def named(answer: object) -> None:
    """A function from a model with a list of outputs, and names, to a model with a dictionary of outputs."""
    function = as_function(answer)
    for make, case in [
        (_listed_model, "for a model with three heads on one trunk"),
        (_winding_model, "for a model with an output in its middle, and outputs in another order than its layers"),
        (_wide_model, "for a model with five heads"),
    ]:
        model, names = make()
        try:
            _require_names(function, model, names)
        except NotYet as reason:
            raise NotYet(f"{case}: {reason}") from None


def _require_names(function: Callable, model: keras.Model, names: list[str]) -> None:
    images = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    wanted = {name: np.asarray(answers) for name, answers in zip(names, model(images, training=False), strict=True)}
    weights, learning, layers = model.get_weights(), _learning(model), [layer.name for layer in model.layers]
    given = list(names)
    made = call(lambda: function(model, given))  # in a lambda, as `call` would give the function a copy of the names
    require(given == names, "your function changes `names` itself, and others still need it: work on a copy")
    own_class = issubclass(type(made), keras.Model) and not (is_graph(made) or issubclass(type(made), keras.Sequential))
    nameless = "the result is a subclass with a `call` of its own, which has no named outputs before it is called"
    require(not own_class, f"{nameless}: build the model with `keras.Model(inputs, {{...}})`")
    made = as_model(made, "the result")
    require(isinstance(getattr(made, "output", None), dict), "the outputs of the result should be a dictionary")
    answers = as_dict(outputs_of(made, images), names, "what the new model answers")
    same = all(map(np.array_equal, weights, model.get_weights()))
    require(same, "your function changes the weights of the old model itself")
    for name in names:
        _require_answers(name, answers[name], wanted)
    shared = {id(variable) for variable in model.variables} == {id(variable) for variable in made.variables}
    require(shared, "the new model has weights of its own: if the old one learns on, the new one does not notice")
    frozen = "your function changes `trainable`: the layers are shared, so the old model would learn in another way too"
    require(_learning(model) == learning, frozen)
    kept = [layer.name for layer in model.layers] == layers
    require(kept, "your function gives the layers of the old model other names: it should stay as it is")


def _learning(model: keras.Model) -> list[bool]:
    return [model.trainable, *(layer.trainable for layer in model.layers)]


def _require_answers(name: str, found: np.ndarray, wanted: dict[str, np.ndarray]) -> None:
    if found.shape == wanted[name].shape and np.allclose(found, wanted[name], atol=1e-6):
        return
    for other, values in wanted.items():
        same = found.shape == values.shape and np.allclose(found, values, atol=1e-6)
        require(not same, f"under {name!r} stands the answer of {other!r}: the names are in the order of the outputs")
    require(False, f"under {name!r} stands no answer of the old model: take its outputs as they are")


_SHAPES = {"image": (2, 3), "code": ()}


def _is_right(value: object, shape: tuple[int, ...]) -> bool:
    """Return whether a value from JSON holds finite numbers alone, in this shape."""
    try:
        array = np.array(value)
    except ValueError:
        return False
    return array.dtype.kind in "iuf" and array.shape == shape and bool(np.isfinite(array).all())


def _faults(
    instances: list[dict],
    shapes: dict[str, tuple[int, ...]],
    right: Callable[[object, tuple[int, ...]], bool] = _is_right,
    missing: bool = True,
    unknown: bool = True,
) -> list[tuple[int, str]]:
    """Return the place and the name of each input that is wrong, in order; the options leave out a rule."""
    found = []
    for place, one in enumerate(instances):
        found += [(place, name) for name in shapes if missing and name not in one]
        found += [(place, name) for name in one if unknown and name not in shapes]
        found += [(place, name) for name in one if name in shapes and not right(one[name], shapes[name])]
    return sorted(found)


def _numbers(value: object) -> np.ndarray | None:
    """Return a value as floats, texts of numbers too, or None if that cannot be."""
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None


def _finite(array: np.ndarray | None, shape: tuple[int, ...]) -> bool:
    return array is not None and array.shape == shape and bool(np.isfinite(array).all())


def _texts_pass(value: object, shape: tuple[int, ...]) -> bool:
    return _finite(_numbers(value), shape) or _is_right(value, shape)


def _gaps_pass(value: object, shape: tuple[int, ...]) -> bool:
    array = np.array(value) if _numbers(value) is not None else None
    return array is not None and array.dtype.kind in "iufO" and array.shape == shape and _of_numbers(value)


def _of_numbers(value: object) -> bool:
    return not np.isinf(_numbers(value)).any() and not any(isinstance(leaf, str) for leaf in _leaves(value))


def _leaves(value: object) -> list:
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [value]


def _infinite_pass(value: object, shape: tuple[int, ...]) -> bool:
    array = _numbers(value)
    return _is_right(value, shape) or (array is not None and array.shape == shape and bool(np.isinf(array).any()))


def _any_shape(value: object, shape: tuple[int, ...]) -> bool:
    array = _numbers(value)
    return array is not None and _is_right(value, array.shape)


def _any_size(value: object, shape: tuple[int, ...]) -> bool:
    array = _numbers(value)
    return array is not None and array.ndim == len(shape) and _is_right(value, array.shape)


def _as_many(value: object, shape: tuple[int, ...]) -> bool:
    array = _numbers(value)
    return array is not None and array.size == np.prod(shape) and _is_right(value, array.shape)


def _cases_of_requests() -> list[dict]:
    """Return requests with one fault each, and then with several."""
    fine = {"image": [[0.0, 1.0, 0.5], [0.25, 0.0, 1.0]], "code": 3}
    image = fine["image"]
    faulty = [
        {"image": image},
        fine | {"size": 2.0},
        {"picture": image, "code": 3},
        fine | {"image": [[0.0, 1.0], [0.25, 0.0]]},
        fine | {"image": [0.0, 1.0, 0.5, 0.25, 0.0, 1.0]},
        fine | {"image": [[0.0, 1.0], [0.5, 0.25], [0.0, 1.0]]},
        fine | {"image": [[0.0, 1.0, 0.5], [0.25, 0.0]]},
        fine | {"code": [3]},
        fine | {"image": [[0.0, 1.0, "0.5"], [0.25, 0.0, 1.0]]},
        fine | {"code": "3"},
        fine | {"code": None},
        fine | {"image": [[0.0, 1.0, 0.5], [0.25, None, 1.0]]},
        fine | {"image": [[0.0, float("nan"), 0.5], [0.25, 0.0, 1.0]]},
        fine | {"image": [[0.0, 1.0, 0.5], [float("inf"), 0.0, 1.0]]},
        fine | {"code": -float("inf")},
        {},
    ]
    lists = [[fine], *([one] for one in faulty), [fine, faulty[3], fine], faulty[:8], [fine, *reversed(faulty)], []]
    wide = {"row": (4,), "size": (1,), "code": (2, 1)}
    rows = [{"row": [1, 2, 3, 4], "size": [0.5], "code": [[1], [2]]}, {"row": [1, 2, 3], "size": 0.5, "code": [1, 2]}]
    return [*({"instances": one, "shapes": _SHAPES} for one in lists), {"instances": rows, "shapes": wide}]


def _read_pairs(value: object, case: dict) -> list[tuple[int, str]]:
    kinds = list | tuple | set | frozenset
    wanted = "a list (or a set) of pairs `(place, name)` is wanted"
    require(issubclass(type(value), kinds), f"{wanted}, and it gives {describe(value)}")
    for pair in value:
        whole = issubclass(type(pair), list | tuple) and len(pair) == 2 and issubclass(type(pair[0]), int | np.integer)
        require(whole, f"{wanted}, and one of yours is {describe(pair)}")
    return sorted((int(place), str(name)) for place, name in value)


def _wrong_pairs(case: dict, found: list[tuple[int, str]], wanted: list[tuple[int, str]]) -> str:
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if not (missing or extra):
        return "a pair stands in the list twice"
    place, name = (missing or extra)[0]
    one = case["instances"][place] if place < len(case["instances"]) else None
    value = one[name] if one and name in one else "missing"
    asked = (
        f"the model asks for shape {case['shapes'][name]}" if name in case["shapes"] else "the model has no such input"
    )
    about = f"{name} of instance {place} is {value}, and {asked}"
    return f"{about}: {(place, name)} should {'' if missing else 'not '}be in the list"


function_question(
    "14.2",
    "A function from the instances of a request, and the shapes of the inputs, to the pairs of a place and a name that "
    "are wrong.",
    hints=[
        "Go through the instances with `enumerate`, and in each through the names that it has or should have: "
        "`{*instance, *shapes}`.",
        "`np.array(value)` has a `shape`, and its `dtype.kind` says what it holds: `i`, `u` or `f` for numbers. Lists "
        "of different lengths raise a ValueError.",
        "Numbers of the right shape may still be NaN or infinite: `np.isfinite(array).all()`, asked last, as texts "
        "have no answer to it.",
    ],
    right=_faults,
    cases=_cases_of_requests,
    read=_read_pairs,
    mistakes={
        "an input that is missing is wrong as well": lambda i, s: _faults(i, s, missing=False),
        "a name that the model does not have is wrong as well": lambda i, s: _faults(i, s, unknown=False),
        "a text is no number, even if a number stands in it": lambda i, s: _faults(i, s, _texts_pass),
        "None and NaN are no numbers that a model can use": lambda i, s: _faults(i, s, _gaps_pass),
        "an infinite number is wrong as well": lambda i, s: _faults(i, s, _infinite_pass),
        "you compare no shapes": lambda i, s: _faults(i, s, _any_shape),
        "the number of axes is not enough: compare the whole shapes": lambda i, s: _faults(i, s, _any_size),
        "as many numbers are not the same shape": lambda i, s: _faults(i, s, _as_many),
        "you count the places from 1, and lists begin at 0": lambda i, s: [(p + 1, name) for p, name in _faults(i, s)],
        "you stop at the first wrong input, and all are wanted": lambda i, s: _faults(i, s)[:1],
    },
    show=_wrong_pairs,
)


def _model(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Answer for each row by its own numbers, and say in `together` how many rows came at once."""
    x, code = np.asarray(rows["row"]), np.asarray(rows["code"])
    together = np.full((len(x), 1), len(x))
    place = np.cumsum(x - np.asarray(rows["start"]), axis=1)
    return {"place": place, "odd": (x.sum(axis=1) + code)[:, None], "together": together}


def _answer_all(requests: list[dict], model: Callable, cut: Callable | None = None) -> list[dict[str, np.ndarray]]:
    """Return each request's answers from one call; `cut` gives others than its own rows."""
    answers = model({name: np.concatenate([one[name] for one in requests]) for name in requests[0]})
    counts = [len(one["row"]) for one in requests]
    places = (cut or _own_places)(counts)
    return [{name: values[place] for name, values in answers.items()} for place in places]


def _own_places(counts: list[int]) -> list[np.ndarray]:
    return np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])


def _by_place(requests: list[dict], model: Callable) -> list[dict[str, np.ndarray]]:
    return _answer_all([dict(zip(requests[0], one.values(), strict=True)) for one in requests], model)


def _backwards(counts: list[int]) -> list[np.ndarray]:
    return _own_places(counts[::-1])[::-1]


def _cases_of_requests_together() -> list[dict]:
    """Return requests of several sizes, some without rows; every second one has its inputs in the opposite order."""
    rng = np.random.default_rng(0)
    sizes = [[2, 1], [1, 3, 2], [4], [3, 0, 1], [0, 2, 2], [1, 1, 1, 5]]
    shapes = {"row": (3,), "code": (), "start": (3,)}
    orders = [list(shapes), list(shapes)[::-1]]
    return [
        {
            "requests": [{k: rng.normal(size=(n, *shapes[k])) for k in orders[i % 2]} for i, n in enumerate(counts)],
            "model": _model,
        }
        for counts in sizes
    ]


def _read_answers(value: object, case: dict) -> list[dict[str, np.ndarray]]:
    listed, wanted = issubclass(type(value), list | tuple), len(case["requests"])
    require(listed, f"a list of dictionaries is wanted, one for each request, and it gives {describe(value)}")
    require(len(value) == wanted, f"{wanted} requests came, and your list holds {len(value)} answers")
    heads = _model(case["requests"][0])
    parts = [as_dict(one, heads, f"the answer to request {place}") for place, one in enumerate(value)]
    return [
        {head: as_array(one[head], f"{head} of request {place}", finite=False) for head in heads}
        for place, one in enumerate(parts)
    ]


def _wrong_answer(case: dict, found: list[dict], wanted: list[dict]) -> str:
    sizes = [len(one["row"]) for one in case["requests"]]
    for place, (mine, right) in enumerate(zip(found, wanted, strict=True)):
        for head, values in right.items():
            about = f"with requests of {sizes} rows, {head} of request {place}"
            if mine[head].shape != values.shape:
                return f"{about} has shape {mine[head].shape}, and should have {values.shape}"
            if not np.allclose(mine[head], values):
                return f"{about} is wrong: it should be what the model answers for the rows of this request"
    return "a request got the answers of another"


function_question(
    "14.3",
    "A function from a list of requests, and a model, to the list of their answers, from one call of the model.",
    hints=[
        "`np.concatenate` puts the rows of all requests one after another: once for each input.",
        "The answers stand in the same order. The first request has as many rows as it sent, then begin those of the "
        "second: `np.cumsum` of the numbers of rows says where each ends.",
        "For each request a dictionary: from each head to `values[end - count : end]`, or the parts of "
        "`np.split(values, ends[:-1])`.",
    ],
    right=_answer_all,
    cases=_cases_of_requests_together,
    read=_read_answers,
    mistakes={
        "you call the model for each request: put the rows together first": (
            lambda requests, model: [model(one) for one in requests]
        ),
        "you give each request an equal number of rows, and they sent different numbers": lambda r, model: _answer_all(
            r, model, lambda counts: np.array_split(np.arange(sum(counts)), len(counts))
        ),
        "each request gets the first rows: where do its own begin?": lambda r, model: _answer_all(
            r, model, lambda counts: [np.arange(count) for count in counts]
        ),
        "each request gets the answers of all": lambda r, model: _answer_all(
            r, model, lambda counts: [np.arange(sum(counts))] * len(counts)
        ),
        "the requests are answered in the opposite order": lambda r, model: _answer_all(r, model)[::-1],
        "you cut the answers from the back to the front": lambda r, model: _answer_all(r, model, _backwards),
        "you take the inputs by their place in the dictionary: take them by name": _by_place,
    },
    show=_wrong_answer,
)
