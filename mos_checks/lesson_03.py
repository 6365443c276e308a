"""The checks of exercise 3: cut, sum, count and merge."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_number,
    call_kept,
    judge_all,
    question,
    require,
    rounding_of,
    told_apart,
)

DIGITS = ("left", "right")


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-4) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=tolerance)


class Found(NamedTuple):
    """The answers of a learner's function for one case, and by how much rounding may change them."""

    answers: dict[str, np.ndarray]
    rounding: float

    @classmethod
    def of(cls, answers: dict[str, object], shapes: dict[str, tuple[int, ...]]) -> "Found":
        """Make arrays of what a function returned; messages call them the answer left, and so on."""
        arrays = {name: as_array(answers[name], f"the answer {name}", shape=shapes[name]) for name in shapes}
        rounding = max(rounding_of(value) for parts in (answers, arrays) for value in parts.values())
        return cls({name: array.astype("float64") for name, array in arrays.items()}, rounding)


def _explains(wrong: list[np.ndarray], results: list[Found], name: str) -> bool:
    """Return whether wrong values are what a learner's function gives, in every case."""
    return all(_close(found.answers[name], values) for found, values in zip(results, wrong, strict=True))


def _require_unrounded(name: str, results: list[Found], rights: list[np.ndarray]) -> None:
    """Refuse probabilities that are right but for having two decimals or so."""
    for decimals in (1, 2, 3):
        rounded = [right.round(decimals) for right in rights]
        message = f"the answer {name} is rounded (decimals: {decimals}). Give it as it is"
        require(not _explains(rounded, results, name), message)


def _require_close(name: str, results: list[Found], rights: list[np.ndarray]) -> None:
    """Say by how much the probabilities of one answer differ from the right ones."""
    for found, right in zip(results, rights, strict=True):
        off = np.abs(found.answers[name] - right)
        place = np.unravel_index(off.argmax(), off.shape)
        wanted, given = told_apart(right[place], found.answers[name][place])
        difference = f"the answer {name} differs from the right probabilities by up to {off.max():.2g}"
        require(bool(off.max() <= found.rounding), f"{difference}, with {given} where it should be {wanted}")


@question(
    "3.1",
    hints=[
        "Cut the vector into three blocks of columns first. Then think of one activation for each block.",
        "One of ten classes: a softmax over the ten numbers of that block. A yes/no question: a sigmoid.",
        "`vector[:, 20:]` has shape (n, 1) and `vector[:, 20]` has shape (n,). keras.ops has softmax and sigmoid.",
    ],
)
def cut(answer: object) -> None:
    """A function from the vectors of a wide head to a dictionary of three probabilities."""
    function = as_function(answer)
    sizes = enumerate([40, 1, 10])
    cases = [np.random.default_rng(seed).normal(0, 2, size=(count, 21)).astype("float32") for seed, count in sizes]
    judge_all(cases, lambda vector: _blocks(function, vector), _judge_blocks)


def _blocks(function: Callable, vector: np.ndarray) -> Found:
    """Return a learner's three answers to one array of vectors."""
    answers = as_dict(call_kept(function, vector=vector), [*DIGITS, "same"], "the result")
    count = len(vector)
    same = as_array(answers["same"], "the answer same")
    flat = f"the answer same should have shape {(count, 1)}, and yours has {same.shape}: 20: keeps the second axis"
    require(same.shape != (count,), flat)
    return Found.of(answers, {"left": (count, 10), "right": (count, 10), "same": (count, 1)})


def _judge_blocks(cases: list[np.ndarray], results: list[Found]) -> None:
    vectors = [vector.astype("float64") for vector in cases]
    blocks = {"left": slice(0, 10), "right": slice(10, 20), "same": slice(20, 21)}
    numbers = {name: [vector[:, block] for vector in vectors] for name, block in blocks.items()}
    wanted = {name: [*map(_sigmoid if name == "same" else _softmax, parts)] for name, parts in numbers.items()}
    swapped = _explains(wanted["right"], results, "left") and _explains(wanted["left"], results, "right")
    require(not swapped, "left and right are swapped: the first ten numbers are about the left digit")
    for name, block in blocks.items():
        other = [*map(_softmax if name == "same" else _sigmoid, numbers[name])]
        if name == "same":
            message = "the answer same is always 1: a softmax over one number. Use a sigmoid"
        else:
            message = (
                f"the answer {name} has a sigmoid for each number: of ten digits exactly one is right. Use a softmax"
            )
        require(not _explains(other, results, name), message)
        for message, wrong in WRONG_BLOCKS.items():
            values = [wrong(vector, vector[:, block], block) for vector in vectors]
            require(not _explains(values, results, name), f"the answer {name} {message}")
        _require_unrounded(name, results, wanted[name])
        _require_close(name, results, wanted[name])


# What a block of the cut vector is not, from the whole vector, the block's own numbers and where they stand.
WRONG_BLOCKS = {
    "holds the numbers of the vector as they are: an activation makes probabilities of them": lambda v, x, at: x,
    "is over all twenty numbers in its softmax: cut first, so that each digit has its own": (
        lambda v, x, at: _softmax(v[:, :20])[:, at]
    ),
    "is over all 21 numbers in its softmax: cut first, so that each digit has its own": (
        lambda v, x, at: _softmax(v)[:, at]
    ),
    "has a softmax that is over the images: each row should have a total of 1 (axis=1)": lambda v, x, at: (
        _softmax(x.T).T
    ),
    "went through the softmax twice": lambda v, x, at: _softmax(_softmax(x)),
    "went through the sigmoid twice": lambda v, x, at: _sigmoid(_sigmoid(x)),
    "went through a sigmoid and then a softmax: one activation is enough": lambda v, x, at: _softmax(_sigmoid(x)),
    "went through a softmax and then a sigmoid: one activation is enough": lambda v, x, at: _sigmoid(_softmax(x)),
    "is the probability that the digits are not the same: turn it round": lambda v, x, at: _sigmoid(-v[:, 20:]),
}


@question(
    "3.2",
    hints=[
        "With which pairs is the left digit a 3? They exclude each other. What is the probability of one or another?",
        "`pair.reshape(-1, 10, 10)` is a table for each image, with a row for each left digit.",
        "Sum the table over the right digits to get the left one, and over the left digits to get the right one.",
    ],
)
def two_answers(answer: object) -> None:
    """A function from the probabilities of a hundred pairs to those of the left and of the right digit."""
    function = as_function(answer)
    sizes = enumerate([40, 1, 10])
    cases = [np.random.default_rng(seed).dirichlet(np.full(100, 0.1), size=count) for seed, count in sizes]
    left, right = np.random.default_rng(3).dirichlet(np.full(10, 0.3), size=(2, 20))
    cases.append(np.einsum("nl,nr->nlr", left, right).reshape(-1, 100))  # as in the exercise's last cell
    judge_all([pair.astype("float32") for pair in cases], lambda pair: _pair_sums(function, pair), _judge_sums)


def _pair_sums(function: Callable, pair: np.ndarray) -> Found:
    """Return a learner's two answers to the probabilities of one array of pairs."""
    count = len(pair)
    answers = as_dict(call_kept(function, pair=pair), DIGITS, "the result")
    for name in DIGITS:
        whole = f"the answer {name} holds one digit for each image: give the probabilities of all ten"
        require(as_array(answers[name], f"the answer {name}").shape not in ((count,), (count, 1)), whole)
    return Found.of(answers, dict.fromkeys(DIGITS, (count, 10)))


def _judge_sums(cases: list[np.ndarray], results: list[Found]) -> None:
    tables = [pair.astype("float64").reshape(-1, 10, 10) for pair in cases]
    axes = {"left": 2, "right": 1}
    wanted = {name: [table.sum(axis=axis) for table in tables] for name, axis in axes.items()}
    swapped = _explains(wanted["right"], results, "left") and _explains(wanted["left"], results, "right")
    require(not swapped, "left and right are swapped: sum over the digit that is not asked for")
    for name, axis in axes.items():
        for message, wrong in WRONG_SUMS.items():
            values = [wrong(table, axis) for table in tables]
            require(not _explains(values, results, name), f"the answer {name} {message}")
        _require_unrounded(name, results, wanted[name])
        for found in results:
            totals = found.answers[name].sum(axis=1)
            worst = float(totals[np.abs(totals - 1).argmax()])
            message = "the answer {} has a total of {} instead of {}".format(name, *told_apart(worst, 1.0))
            require(abs(worst - 1) < max(0.02, 5 * found.rounding), message)
        _require_close(name, results, wanted[name])


def _normalised(highest: np.ndarray) -> np.ndarray:
    return highest / highest.sum(axis=1, keepdims=True)


def _likeliest(table: np.ndarray, axis: int) -> np.ndarray:
    """Return 1 for the digit of the likeliest pair, 0 for the others."""
    best = table.reshape(-1, 100).argmax(axis=1)
    return np.eye(10)[best // 10 if axis == 2 else best % 10]


# What the probabilities of one digit are not, from the table of pairs and the axis to sum over.
WRONG_SUMS = {
    "is a mean over pairs: a probability of one or another is a sum": lambda table, axis: table.mean(axis=axis),
    "takes only the likeliest pair with each digit: the other pairs count too": lambda table, axis: table.max(
        axis=axis
    ),
    "takes only the likeliest pair with each digit, then divides: the other pairs count too": (
        lambda table, axis: _normalised(table.max(axis=axis))
    ),
    "is 0 or 1, by the likeliest pair alone: use the probabilities of the other pairs too": _likeliest,
    "is 0 or 1, by its likeliest digit: give the probabilities of all ten": (
        lambda table, axis: np.eye(10)[table.sum(axis=axis).argmax(axis=1)]
    ),
    "needs no softmax: sums of probabilities are enough": lambda table, axis: _softmax(table.sum(axis=axis)),
}


# Inputs, units, and the units of the heads.
SIZES = [(289, 96, [10, 10]), (9, 30, [5, 5]), (5, 12, [3, 4, 1]), (1, 20, [1, 1, 1]), (2, 3, [10, 10]), (7, 11, [4])]
SIZES += [(20, 40, [2, 10]), (20, 40, [10, 2]), (6, 33, [2, 7, 5, 1]), (3, 1, [2, 2]), (12, 25, [6, 1, 1, 1, 3])]
SIZES += [(5, 240, [3, 1])]  # many units, so that a search with a limit ends too early


def _shared_size(inputs: int, units: int, classes: list[int]) -> int:
    return (inputs + 1) * units + sum((units + 1) * number for number in classes)


def _separate_size(inputs: int, units: int, classes: list[int]) -> int:
    return sum(_shared_size(inputs, units, [number]) for number in classes)


@question(
    "3.3",
    hints=[
        "First write how many parameters a Dense layer has, from `a` numbers to `b` units, with its bias.",
        "That is (a + 1) * b. Write the sizes of the shared network and of all separate ones, and compare them.",
        "Begin with 0 units and add one as long as the separate networks, all together, stay no larger.",
    ],
    seconds=60,
)
def fair_units(answer: object) -> str:
    """A function that returns the most hidden units that separate networks of no larger total size can have."""
    function = as_function(answer)
    results = judge_all(SIZES, lambda size: _units(function, *size), _judge_sizes)
    return f"Two networks with {results[0]} units each are a fair match for a shared one with {SIZES[0][1]}"


def _units(function: Callable, inputs: int, units: int, classes: list[int]) -> int:
    found = as_number(call_kept(function, inputs=inputs, units=units, classes=list(classes)), "the result")
    case = f"for inputs={inputs}, units={units}, classes={classes} it gives {found:g}"
    require(found == int(found), f"{case}: a layer needs a whole number of units")
    require(found >= 0, f"{case}: there is no such layer")
    return int(found)


def _judge_sizes(cases: list, results: list[int]) -> None:
    def explains(wrong: Callable[[int, int, list[int]], int]) -> bool:
        return all(wrong(*case) == found for case, found in zip(cases, results, strict=True))

    divided = explains(lambda inputs, units, classes: units // len(classes))
    smaller = ": with fewer hidden units the heads get smaller too" if divided else ""
    unbiased = explains(_without_bias)
    biases = ": each layer has a bias too, a parameter for each unit" if unbiased else ""
    for (inputs, units, classes), found in zip(cases, results, strict=True):
        size, more = _separate_size(inputs, found, classes), _separate_size(inputs, found + 1, classes)
        shared = _shared_size(inputs, units, classes)
        case = f"for inputs={inputs}, units={units}, classes={classes} it gives {found}"
        compared = f"{case}. The separate networks have {size:,} parameters then, and the shared one {shared:,}"
        require(size <= shared, f"{compared}, which is fewer{biases}")
        still = f"{compared}; one unit more makes {more:,}, which is still no more{smaller}{biases}"
        require(more > shared, still)


def _without_bias(inputs: int, units: int, classes: list[int]) -> int:
    total = sum(classes)
    return units * (inputs + total) // (len(classes) * inputs + total)


@question(
    "3.4",
    hints=[
        "Put the hidden units of both networks side by side: the shared trunk has as many units as both together.",
        "Kernels of the trunk are joined along axis=1. A head's kernel has one row for each unit of the trunk.",
        "The left head must not listen to the units of the right network: its rows for them are zero.",
    ],
)
def merge(answer: object) -> None:
    """A function from the weights of two networks to those of one shared model with the same answers."""
    function = as_function(answer)
    # Equal sizes first: there, wrong ways of joining give wrong answers and not yet errors.
    for seed, units in enumerate([(5, 5), (7, 4), (3, 8)]):
        rng = np.random.default_rng(seed)
        networks = {name: _network(rng, 6, number) for name, number in zip(DIGITS, units, strict=True)}
        images = rng.normal(size=(50, 6))
        result = call_kept(function, left=networks["left"], right=networks["right"])
        parts = as_dict(result, ["trunk", *DIGITS], "the result")
        layers = {name: _layer(name, part) for name, part in parts.items()}
        rounding = max(map(rounding_of, parts.values()))
        tolerance = 1e-4 if rounding <= 1e-4 else min(10 * rounding, 0.1)
        hidden = _hidden(layers["trunk"], images, sum(units))
        for name in DIGITS:
            _require_same_answers(name, layers[name], hidden, images, networks, tolerance)


def _network(rng: np.random.Generator, inputs: int, units: int) -> list[np.ndarray]:
    """Return the weights of a network with one hidden layer, as `get_weights` does."""
    shapes = [(inputs, units), (units,), (units, 10), (10,)]
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _hidden_of(kernel: np.ndarray, bias: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.maximum(images @ kernel + bias, 0)


def _layer(name: str, part: object) -> tuple[np.ndarray, np.ndarray]:
    pair = issubclass(type(part), list | tuple) and len(part) == 2
    require(pair, f'"{name}" should hold two arrays, a kernel and a bias')
    kernel = as_array(part[0], f"the kernel of {name}", shape=(None, None)).astype("float64")
    bias = as_array(part[1], f"the bias of {name}", shape=(None,)).astype("float64")
    fits = (
        f"the kernel of {name} has {kernel.shape[1]} columns and the bias {len(bias)} numbers: one for each unit wanted"
    )
    require(kernel.shape[1] == len(bias), fits)
    return kernel, bias


def _hidden(trunk: tuple[np.ndarray, np.ndarray], images: np.ndarray, units: int) -> np.ndarray:
    """Return the trunk's output, if the trunk fits the inputs and has so many units at least."""
    rows, inputs = len(trunk[0]), images.shape[1]
    beneath = f"the trunk's kernel has {rows} rows, and there are {inputs} inputs: join the kernels along axis=1"
    require(rows == inputs, beneath)
    found = trunk[0].shape[1]
    lost = f"the trunk has {found} units, and the two networks have {units} together: each of them is needed"
    require(found >= units, lost)
    return _hidden_of(*trunk, images)


def _require_same_answers(
    name: str,
    head: tuple[np.ndarray, np.ndarray],
    hidden: np.ndarray,
    images: np.ndarray,
    networks: dict[str, list[np.ndarray]],
    tolerance: float,
) -> None:
    """Say what is wrong with one head on the merged trunk."""
    kernel, bias = head
    rows = f"the kernel of {name} has {len(kernel)} rows, and the trunk has {hidden.shape[1]} units: one row for each"
    require(len(kernel) == hidden.shape[1], rows)
    as_array(kernel, f"the kernel of {name}", shape=(None, 10))
    found = _softmax(hidden @ kernel + bias)
    other = DIGITS[1 - DIGITS.index(name)]
    right, wrong = (_answers_of(networks[key], images) for key in (name, other))
    swapped = f"the head {name} gives the answers of the {other} network: swap the two heads"
    require(not _close(found, wrong, tolerance), swapped)
    if _close(found, right, tolerance):
        return
    for key in DIGITS:
        units = _hidden_of(*networks[key][:2], images)
        there = all(np.isclose(hidden, unit[:, None], atol=tolerance).all(axis=0).any() for unit in units.T)
        require(there, f"not all units of the {key} network are in the trunk, each with its own kernel and bias")
    own = [list(row) for row in networks[name][2]]
    at = [index for index, row in enumerate(kernel) if any(np.allclose(row, unit) for unit in own)]
    others = bool(np.abs(np.delete(kernel, at, axis=0)).max(initial=0) > 1e-6)
    complete = len(at) == len(own)
    listens = f"the head {name} listens to units of the {other} network: its rows for them should be zero"
    require(not (complete and others), listens)
    own_bias = np.allclose(bias, networks[name][3])
    require(own_bias or not complete, f"the bias of the head {name} is not the one of the {name} network's head")
    places = f"the head {name} has its rows at the wrong places: each must stand where its own unit is in the trunk"
    require(not complete, places)
    difference = float(np.abs(found - right).max())
    require(False, f"the head {name} differs from the {name} network's answers by up to {difference:.2g}")


def _answers_of(network: list[np.ndarray], images: np.ndarray) -> np.ndarray:
    kernel, bias, head_kernel, head_bias = (array.astype("float64") for array in network)
    return _softmax(_hidden_of(kernel, bias, images) @ head_kernel + head_bias)
