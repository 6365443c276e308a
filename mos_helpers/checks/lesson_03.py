"""The checks of exercise 3: cut, sum, count and merge."""

import numpy as np

from mos_helpers.checks._engine import as_array, as_dict, as_function, as_number, call, question, require

DIGITS = ("left", "right")


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-4)


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
    for seed, count in enumerate([40, 1, 10]):
        vector = np.random.default_rng(seed).normal(0, 2, size=(count, 21)).astype("float32")
        answers = as_dict(call(function, vector), [*DIGITS, "same"], "the result")
        found = {name: as_array(value, f"the answer {name}").astype("float64") for name, value in answers.items()}
        vector = vector.astype("float64")
        wanted = {
            "left": _softmax(vector[:, :10]),
            "right": _softmax(vector[:, 10:20]),
            "same": _sigmoid(vector[:, 20:]),
        }
        swapped = _close(found["left"], wanted["right"]) and _close(found["right"], wanted["left"])
        require(not swapped, "left and right are swapped: the first ten numbers are about the left digit")
        for name, right in wanted.items():
            _require_block(name, found[name], right, vector)


def _require_block(name: str, found: np.ndarray, wanted: np.ndarray, vector: np.ndarray) -> None:
    """Say what is wrong with one block of the cut vector."""
    flat = f"the answer {name} should have shape {wanted.shape}, and yours has {found.shape}: 20: keeps the second axis"
    require(name != "same" or found.shape != (len(wanted),), flat)
    found = as_array(found, f"the answer {name}", shape=wanted.shape)
    start = {"left": 0, "right": 10, "same": 20}[name]
    numbers = vector[:, start : start + found.shape[1]]
    raw = f"the answer {name} holds the numbers of the vector as they are: an activation makes probabilities of them"
    require(not _close(found, numbers), raw)
    if name == "same":
        require(not np.allclose(found, 1), "the answer same is always 1: a softmax over one number. Use a sigmoid")
        wrong_side = "the answer same is the probability that the digits are not the same: turn it round"
        require(not _close(found, 1 - wanted), wrong_side)
    else:
        for length, words in ((20, "all twenty numbers"), (21, "all 21 numbers")):
            over_all = f"the softmax of the answer {name} is over {words}: cut first, so that each digit has its own"
            require(not _close(found, _softmax(vector[:, :length])[:, start : start + 10]), over_all)
        sigmoid = (
            f"the answer {name} has a sigmoid for each number: of ten digits exactly one is right, so use a softmax"
        )
        require(not _close(found, _sigmoid(numbers)), sigmoid)
        across = f"the softmax of the answer {name} is over the images: each row should have a total of 1 (axis=1)"
        require(len(found) == 1 or not _close(found, _softmax(numbers.T).T), across)
        again = f"the answer {name} went through the softmax twice"
        require(not _close(found, _softmax(wanted)), again)
    difference = float(np.abs(found - wanted).max())
    require(difference < 1e-4, f"the answer {name} differs from the right probabilities by up to {difference:.2g}")


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
    for seed, count in enumerate([40, 1, 10]):
        pair = np.random.default_rng(seed).dirichlet(np.full(100, 0.1), size=count).astype("float32")
        answers = as_dict(call(function, pair), DIGITS, "the result")
        table = pair.astype("float64").reshape(-1, 10, 10)
        wanted = {"left": table.sum(axis=2), "right": table.sum(axis=1)}
        found = {name: as_array(answers[name], f"the answer {name}") for name in DIGITS}
        for name in DIGITS:
            whole = f"the answer {name} holds one digit for each image: give the probabilities of all ten"
            require(found[name].shape not in ((count,), (count, 1)), whole)
            found[name] = as_array(found[name], f"the answer {name}", shape=(count, 10)).astype("float64")
        swapped = _close(found["left"], wanted["right"]) and _close(found["right"], wanted["left"])
        require(not swapped, "left and right are swapped: sum over the digit that is not asked for")
        for name, axis in zip(DIGITS, (2, 1), strict=True):
            _require_sum(name, found[name], wanted[name], table, axis)


def _require_sum(name: str, found: np.ndarray, wanted: np.ndarray, table: np.ndarray, axis: int) -> None:
    """Say what is wrong with the probabilities of one digit, which are a sum of the table over an axis."""
    mean = f"the answer {name} is a mean over pairs: a probability of one or another is a sum"
    require(not _close(found, table.mean(axis=axis)), mean)
    highest = table.max(axis=axis)
    best = f"the answer {name} takes only the likeliest pair with each digit: the other pairs count too"
    require(not _close(found, highest), best)
    require(not _close(found, highest / highest.sum(axis=1, keepdims=True)), best)
    flat = table.reshape(-1, 100).argmax(axis=1)
    likeliest = np.eye(10)[flat // 10 if name == "left" else flat % 10]
    sure = f"the answer {name} is 0 or 1, by the likeliest pair alone: use the probabilities of the other pairs too"
    require(not _close(found, likeliest), sure)
    require(
        not _close(found, _softmax(wanted)), f"the answer {name} needs no softmax: sums of probabilities are enough"
    )
    total = float(found[0].sum())
    require(np.allclose(found.sum(axis=1), 1, atol=1e-3), f"the answer {name} has a total of {total:.3g} instead of 1")
    difference = float(np.abs(found - wanted).max())
    require(difference < 1e-4, f"the answer {name} differs from the right probabilities by up to {difference:.2g}")


# Inputs, units, and the units of the heads.
SIZES = [(289, 96, [10, 10]), (9, 30, [5, 5]), (5, 12, [3, 4, 1]), (1, 20, [1, 1, 1]), (2, 3, [10, 10]), (7, 11, [4])]


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
)
def fair_units(answer: object) -> str:
    """A function that returns the most hidden units that separate networks of no larger total size can have."""
    function = as_function(answer)
    for inputs, units, classes in SIZES:
        found = as_number(call(function, inputs, units, list(classes)), "the result")
        case = f"for inputs={inputs}, units={units}, classes={classes} it gives {found:g}"
        require(found == int(found), f"{case}: a layer needs a whole number of units")
        found, shared = int(found), _shared_size(inputs, units, classes)
        require(found >= 0, f"{case}: there is no such layer")
        size, more = _separate_size(inputs, found, classes), _separate_size(inputs, found + 1, classes)
        compared = f"{case}. The separate networks have {size:,} parameters then, and the shared one {shared:,}"
        require(size <= shared, f"{compared}, which is fewer")
        if more <= shared:
            divided = found == units // len(classes) and len(classes) > 1
            why = ": with fewer hidden units the heads get smaller too" if divided else ""
            require(False, f"{compared}; one unit more makes {more:,}, which is still no more{why}")
    inputs, units, classes = SIZES[0]
    fair = int(as_number(call(function, inputs, units, list(classes))))
    return f"Two networks with {fair} units each are a fair match for a shared one with {units}"


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
        result = call(function, networks["left"], networks["right"])
        parts = as_dict(result, ["trunk", *DIGITS], "the result")
        layers = {name: _layer(name, part) for name, part in parts.items()}
        hidden = _hidden(layers["trunk"], images, sum(units))
        for name in DIGITS:
            _require_same_answers(name, layers[name], hidden, images, networks)


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
) -> None:
    """Say what is wrong with one head on the merged trunk."""
    kernel, bias = head
    rows = f"the kernel of {name} has {len(kernel)} rows, and the trunk has {hidden.shape[1]} units: one row for each"
    require(len(kernel) == hidden.shape[1], rows)
    as_array(kernel, f"the kernel of {name}", shape=(None, 10))
    found = _softmax(hidden @ kernel + bias)
    other = DIGITS[1 - DIGITS.index(name)]
    right, wrong = (_answers_of(networks[key], images) for key in (name, other))
    require(not _close(found, wrong), f"the head {name} gives the answers of the {other} network: swap the two heads")
    if _close(found, right):
        return
    for key in DIGITS:
        units = _hidden_of(*networks[key][:2], images)
        there = all(np.isclose(hidden, unit[:, None], atol=1e-4).all(axis=0).any() for unit in units.T)
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
