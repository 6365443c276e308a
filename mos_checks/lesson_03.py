"""The checks of exercise 3: cut, sum, count and merge."""

from collections.abc import Callable
from functools import partial

import numpy as np

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_number,
    call_kept,
    function_question,
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


def _read_three(value: object, case: dict) -> dict[str, np.ndarray]:
    """Return the three answers to the vectors of a case."""
    answers, count = as_dict(value, [*DIGITS, "same"], "the result"), len(case["vector"])
    same = as_array(answers["same"], "the answer same")
    flat = f"the answer same should have shape {(count, 1)}, and yours has {same.shape}: 20: keeps the second axis"
    require(same.shape != (count,), flat)
    return _read_answers(answers, dict.fromkeys(DIGITS, (count, 10)) | {"same": (count, 1)})


def _read_answers(answers: dict[str, object], shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {name: as_array(answers[name], f"the answer {name}", shape=shape) for name, shape in shapes.items()}


def _largest_difference(case: dict, found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> str:
    """Say by how much the first answer that is far off differs from the right probabilities."""
    off = {name: np.abs(found[name] - wanted[name]) for name in wanted}
    name = next(name for name in off if off[name].max() >= 0.1 * max(values.max() for values in off.values()))
    place = np.unravel_index(off[name].argmax(), off[name].shape)
    right, given = told_apart(wanted[name][place], found[name][place])
    difference = f"the answer {name} differs from the right probabilities by up to {off[name].max():.2g}"
    return f"{difference}, with {given} where it should be {right}"


BLOCKS = {"left": slice(0, 10), "right": slice(10, 20), "same": slice(20, 21)}


def _cut(vector: np.ndarray) -> dict[str, np.ndarray]:
    vector = vector.astype("float64")
    return {name: (_sigmoid if name == "same" else _softmax)(vector[:, block]) for name, block in BLOCKS.items()}


def _swapped(answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return answers | {"left": answers["right"], "right": answers["left"]}


def _cases_of_vectors() -> list[dict]:
    drawn = [np.random.default_rng(seed).normal(0, 2, (count, 21)) for seed, count in enumerate([40, 1, 10])]
    return [{"vector": vector.astype("float32")} for vector in drawn]


def _block_mistakes(name: str) -> dict[str, Callable]:
    """Return what can go wrong with one block of the vector."""
    at = BLOCKS[name]
    own: dict[str, Callable] = {
        "has a sigmoid for each number: of ten digits exactly one is right. Use a softmax": (
            lambda x: _sigmoid(x[:, at])
        ),
        "is over all twenty numbers in its softmax: cut first, so that each digit has its own": (
            lambda x: _softmax(x[:, :20])[:, at]
        ),
        "has a softmax that is over the images: each row should have a total of 1 (axis=1)": (
            lambda x: _softmax(x[:, at].T).T
        ),
        "went through the softmax twice": lambda x: _softmax(_softmax(x[:, at])),
        "went through a sigmoid and then a softmax: one activation is enough": lambda x: _softmax(_sigmoid(x[:, at])),
    }
    if name == "same":
        own = {
            "is always 1: a softmax over one number. Use a sigmoid": lambda x: _softmax(x[:, at]),
            "is the probability that the digits are not the same: turn it round": lambda x: _sigmoid(-x[:, at]),
            "is 0 or 1, by which is likelier: give the probability itself": lambda x: (x[:, at] > 0).astype(float),
        }
    any_block: dict[str, Callable] = {
        "holds the numbers of the vector as they are: an activation makes probabilities of them": lambda x: x[:, at],
        "is over all 21 numbers in its softmax: cut first, so that each digit has its own": (
            lambda x: _softmax(x)[:, at]
        ),
        "went through the sigmoid twice": lambda x: _sigmoid(_sigmoid(x[:, at])),
        "went through a softmax and then a sigmoid: one activation is enough": lambda x: _sigmoid(_softmax(x[:, at])),
    }
    return {f"the answer {name} {words}": mistake for words, mistake in (own | any_block).items()}


function_question(
    "3.1",
    "A function from the vectors of a wide head to a dictionary of three probabilities.",
    hints=[
        "Cut the vector into three blocks of columns first. Then think of one activation for each block.",
        "One of ten classes: a softmax over the ten numbers of that block. A yes/no question: a sigmoid.",
        "`vector[:, 20:]` has shape (n, 1) and `vector[:, 20]` has shape (n,). keras.ops has softmax and sigmoid.",
    ],
    right=_cut,
    cases=_cases_of_vectors,
    read=_read_three,
    mistakes={
        None: {
            "left and right are swapped: the first ten numbers are about the left digit": (
                lambda vector: _swapped(_cut(vector))
            ),
        },
        **{name: _block_mistakes(name) for name in BLOCKS},
    },
    show=_largest_difference,
)


def _read_two(value: object, case: dict) -> dict[str, np.ndarray]:
    """Return the two answers to the probabilities of the pairs of a case."""
    answers, count = as_dict(value, DIGITS, "the result"), len(case["pair"])
    for name in DIGITS:
        whole = f"the answer {name} holds one digit for each image: give the probabilities of all ten"
        require(as_array(answers[name], f"the answer {name}").shape not in ((count,), (count, 1)), whole)
    return _read_answers(answers, dict.fromkeys(DIGITS, (count, 10)))


# The axis of the table of pairs to sum over; the table has a row for each left digit.
AXES = {"left": 2, "right": 1}


def _table(pair: np.ndarray) -> np.ndarray:
    return pair.astype("float64").reshape(-1, 10, 10)


def _pair_sums(pair: np.ndarray) -> dict[str, np.ndarray]:
    return {name: _table(pair).sum(axis=axis) for name, axis in AXES.items()}


def _cases_of_pairs() -> list[dict]:
    sizes = enumerate([40, 1, 10])
    cases = [np.random.default_rng(seed).dirichlet(np.full(100, 0.1), size=count) for seed, count in sizes]
    left, right = np.random.default_rng(3).dirichlet(np.full(10, 0.3), size=(2, 20))
    cases.append(np.einsum("nl,nr->nlr", left, right).reshape(-1, 100))  # as in the exercise's last cell
    return [{"pair": pair.astype("float32")} for pair in cases]


def _sum_mistakes(name: str) -> dict[str, Callable]:
    """Return what can go wrong with the probabilities of one digit."""
    mistakes = {
        "is a mean over pairs: a probability of one or another is a sum": lambda table, axis: table.mean(axis=axis),
        "takes only the likeliest pair with each digit: the other pairs count too": (
            lambda table, axis: table.max(axis=axis)
        ),
        "takes only the likeliest pair with each digit, then divides: the other pairs count too": (
            lambda table, axis: table.max(axis=axis) / table.max(axis=axis).sum(axis=1, keepdims=True)
        ),
        "is 0 or 1, by the likeliest pair alone: use the probabilities of the other pairs too": _likeliest,
        "is 0 or 1, by its likeliest digit: give the probabilities of all ten": (
            lambda table, axis: np.eye(10)[table.sum(axis=axis).argmax(axis=1)]
        ),
        "needs no softmax: sums of probabilities are enough": lambda table, axis: _softmax(table.sum(axis=axis)),
    }
    return {
        f"the answer {name} {words}": lambda pair, mistake=mistake: mistake(_table(pair), AXES[name])
        for words, mistake in mistakes.items()
    }


def _likeliest(table: np.ndarray, axis: int) -> np.ndarray:
    """Return 1 for the digit of the likeliest pair, 0 for the others."""
    best = table.reshape(-1, 100).argmax(axis=1)
    return np.eye(10)[best // 10 if axis == 2 else best % 10]


def _require_totals(found: list[dict[str, np.ndarray]], cases: list[dict]) -> None:
    for name in DIGITS:
        totals = np.concatenate([answers[name].sum(axis=1) for answers in found])
        worst = float(totals[np.abs(totals - 1).argmax()])
        message = "the answer {} has a total of {} instead of {}".format(name, *told_apart(worst, 1.0))
        require(abs(worst - 1) < 0.05, message)  # ten numbers of bfloat16 can miss it by a little


function_question(
    "3.2",
    "A function from the probabilities of a hundred pairs to those of the left and of the right digit.",
    hints=[
        "With which pairs is the left digit a 3? They exclude each other. What is the probability of one or another?",
        "`pair.reshape(-1, 10, 10)` is a table for each image, with a row for each left digit.",
        "Sum the table over the right digits to get the left one, and over the left digits to get the right one.",
    ],
    right=_pair_sums,
    cases=_cases_of_pairs,
    read=_read_two,
    mistakes={
        None: {
            "left and right are swapped: sum over the digit that is not asked for": (
                lambda pair: _swapped(_pair_sums(pair))
            ),
        },
        **{name: _sum_mistakes(name) for name in DIGITS},
    },
    otherwise=[_require_totals],
    show=_largest_difference,
)


# Inputs, units, and the units of the heads.
SIZES = [(289, 96, [10, 10]), (9, 30, [5, 5]), (5, 12, [3, 4, 1]), (1, 20, [1, 1, 1]), (2, 3, [10, 10]), (7, 11, [4])]
SIZES += [(20, 40, [2, 10]), (20, 40, [10, 2]), (6, 33, [2, 7, 5, 1]), (3, 1, [2, 2]), (12, 25, [6, 1, 1, 1, 3])]
SIZES += [(5, 240, [3, 1])]  # many units, so that a search with a limit ends too early


def _shared_size(inputs: int, units: int, classes: list[int]) -> int:
    return (inputs + 1) * units + sum((units + 1) * number for number in classes)


def _separate_size(inputs: int, units: int, classes: list[int]) -> int:
    return sum(_shared_size(inputs, units, [number]) for number in classes)


def _fair_units(inputs: int, units: int, classes: list[int], biases: int = 1) -> int:
    total = sum(classes)  # each head has as many biases in both designs
    return units * (inputs + biases + total) // (len(classes) * (inputs + biases) + total)


def _it_gives(case: dict, found: float) -> str:
    return f"for {', '.join(f'{name}={value}' for name, value in case.items())} it gives {found:g}"


def _read_units(value: object, case: dict) -> int:
    found = as_number(value, "the result")
    require(found == int(found), f"{_it_gives(case, found)}: a layer needs a whole number of units")
    require(found >= 0, f"{_it_gives(case, found)}: there is no such layer")
    return int(found)


def _compared(case: dict, found: int, wanted: int) -> str:
    """Say whether separate networks of this size are larger than the shared one, or could be larger themselves."""
    inputs, units, classes = case.values()
    separate, shared = _separate_size(inputs, found, classes), _shared_size(inputs, units, classes)
    sizes = f"The separate networks have {separate:,} parameters then, and the shared one {shared:,}"
    if separate > shared:
        return f"{_it_gives(case, found)}. {sizes}, which is fewer"
    more = _separate_size(inputs, found + 1, classes)
    return f"{_it_gives(case, found)}. {sizes}; one unit more makes {more:,}, which is still no more"


function_question(
    "3.3",
    "A function that returns the most hidden units that separate networks of no larger total size can have.",
    hints=[
        "First write how many parameters a Dense layer has, from `a` numbers to `b` units, with its bias.",
        "That is (a + 1) * b. Write the sizes of the shared network and of all separate ones, and compare them.",
        "Begin with 0 units and add one as long as the separate networks, all together, stay no larger.",
    ],
    seconds=60,
    right=_fair_units,
    cases=lambda: [dict(zip(("inputs", "units", "classes"), sizes, strict=True)) for sizes in SIZES],
    read=_read_units,
    mistakes={
        "with fewer hidden units the heads get smaller too": lambda inputs, units, classes: units // len(classes),
        "each layer has a bias too, a parameter for each unit": partial(_fair_units, biases=0),
    },
    say=lambda words, case, found: f"{_compared(case, found, 0)}: {words}",
    show=_compared,
    also=lambda function, found: (
        f"Two networks with {found[0]} units each are a fair match for a shared one with {SIZES[0][1]}"
    ),
)


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
        tolerance = max(1e-4, min(4 * rounding_of(result), 0.1))
        hidden = _hidden(layers["trunk"], images, sum(units))
        for name in DIGITS:
            _require_same_answers(name, layers[name], hidden, images, networks, tolerance)


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=tolerance)


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
