"""The checks of exercise 7: count, schedule, choose and rescale."""

from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_number,
    call,
    call_kept,
    describe,
    question,
    require,
    require_unrounded,
)

Heads = dict[str, dict]


def _precision(values: Iterable[object]) -> float:
    """Return how near numbers must come to the right ones: an answer in few bits cannot come as near."""
    kinds = " ".join(str(getattr(value, "dtype", "")) for value in values)
    return 1e-2 if "bfloat16" in kinds else 2e-3 if "float16" in kinds else 1e-4


def _shown(values: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Return the values with as many digits as it takes to see that they differ from the others."""
    for digits in range(4, 17):
        texts = [{name: float(f"{value:.{digits}g}") for name, value in part.items()} for part in (values, other)]
        if texts[0] != texts[1]:
            break
    return str(texts[0])


@question(
    "7.1",
    hints=[
        "Take a batch of 10 images with 3 labels each, and a loss of 1 for each label. What is the sum, what the mean?",
        "A sum counts batch_size * labels losses, a mean counts as one. The weight multiplies either.",
        "Compute this number for each head first. Then divide each by the sum of all of them.",
    ],
)
def shares(answer: object) -> str:
    """A function from a dictionary of heads and a batch size to a dictionary of shares."""
    function = as_function(answer)
    cases, found, precise = [*map(_heads, range(12))], [], 0.0
    for heads, batch_size in cases:
        result = as_dict(call_kept(function, heads=heads, batch_size=batch_size), heads)
        found.append({name: as_number(part, f"the share of {name}") for name, part in result.items()})
        precise = max(precise, _precision(result.values()))
    _require_shares(found, cases, precise)
    return "A mean beside a sum over 128 images has a share of 0.8%."


def _heads(seed: int) -> tuple[Heads, int]:
    """Return made-up heads and a batch size: first those of the example below, later any, in any order."""
    if seed == 3:  # what the exercise passes at its end
        return {
            name: {"reduction": r, "labels": 1, "weight": 1.0} for name, r in (("left", "mean"), ("odd", "sum"))
        }, 128
    rng = np.random.default_rng(seed)
    names = rng.permutation(["tags", "digit", "pose", "odd"])[: 2 + seed % 3].tolist()
    reductions = rng.permutation(["mean", "sum", *rng.choice(["mean", "sum"], size=len(names) - 2)])
    if seed in (4, 7):
        reductions = ["mean" if seed == 4 else "sum"] * len(names)
    heads = {
        name: {
            "reduction": str(reduction),
            "labels": int(rng.integers(1 if seed > 5 else 2, 9)),
            "weight": float(rng.choice([0.15, 0.7, 2.5, 6.0])),
        }
        for name, reduction in zip(names, reductions, strict=True)
    }
    if seed == 1:
        heads[names[0]]["weight"] = 0.0
    if seed == 8:
        heads = {names[0]: heads[names[0]]}
    return heads, 1 if seed == 9 else int(rng.integers(2, 65))


def _part(head: dict, batch_size: int) -> float:
    return head["weight"] * (batch_size * head["labels"] if head["reduction"] == "sum" else 1)


def _shares(parts: dict[str, float]) -> dict[str, float]:
    total = sum(parts.values())
    return {name: part / total if total else 0.0 for name, part in parts.items()}


def _of_heads(part: Callable[[dict, int], float]) -> Callable[[Heads, int], dict[str, float]]:
    return lambda heads, batch_size: {name: part(head, batch_size) for name, head in heads.items()}


def _by_sorted_names(heads: Heads, batch_size: int) -> dict[str, float]:
    parts = [_part(head, batch_size) for head in heads.values()]
    return _shares(dict(zip(sorted(heads), parts, strict=True)))


PARTS = {
    "the loss weights are left out": lambda h, n: n * h["labels"] if h["reduction"] == "sum" else 1,
    "only the loss weights count there, and a sum is larger than a mean": lambda h, n: h["weight"],
    "the labels of each image are left out: a sum adds them up too": lambda h, n: (
        h["weight"] * (n if h["reduction"] == "sum" else 1)
    ),
    "the size of the batch is left out: a sum grows with it": lambda h, n: (
        h["weight"] * (h["labels"] if h["reduction"] == "sum" else 1)
    ),
    "a mean grows with the number of labels there, and should not": lambda h, n: (
        h["weight"] * h["labels"] * (n if h["reduction"] == "sum" else 1)
    ),
    "a mean and a sum have the same size there": lambda h, n: h["weight"] * n * h["labels"],
    "a mean is divided by the size of the batch once more: it has the size of one loss already": lambda h, n: (
        h["weight"] * (n * h["labels"] if h["reduction"] == "sum" else 1 / n)
    ),
    "a mean is divided by the number of labels once more: it has the size of one loss already": lambda h, n: (
        h["weight"] * (n * h["labels"] if h["reduction"] == "sum" else 1 / h["labels"])
    ),
    "a mean is divided by both numbers once more: it has the size of one loss already": lambda h, n: (
        h["weight"] * (n * h["labels"] if h["reduction"] == "sum" else 1 / (n * h["labels"]))
    ),
    "sum and mean are swapped": lambda h, n: h["weight"] * (n * h["labels"] if h["reduction"] == "mean" else 1),
}
MISTAKEN_SHARES = {
    "{}, which are no shares yet: divide each by the sum of all": _of_heads(_part),
    "{}: they are divided by the largest, and should be divided by their sum": lambda heads, n: {
        name: part / max(_of_heads(_part)(heads, n).values()) for name, part in _of_heads(_part)(heads, n).items()
    },
    "{}, which are percent: the shares should have the sum 1, and not 100": lambda heads, n: {
        name: 100 * share for name, share in _shares(_of_heads(_part)(heads, n)).items()
    },
    "{}: the heads may stand in any order, and each share belongs to its name": _by_sorted_names,
}


def _require_shares(found: list[dict[str, float]], cases: list[tuple[Heads, int]], precise: float) -> None:
    """Say what is wrong with the shares."""

    def like(other: Callable[[Heads, int], dict[str, float]]) -> list[bool]:
        return [
            all(bool(np.isclose(shares[name], value, rtol=precise, atol=1e-9)) for name, value in other(*case).items())
            for shares, case in zip(found, cases, strict=True)
        ]

    def right(heads: Heads, batch_size: int) -> dict[str, float]:
        return _shares(_of_heads(_part)(heads, batch_size))

    correct = like(right)
    if all(correct):
        if precise == 1e-4:
            wanted = [[*right(*case).values()] for case in cases]
            require_unrounded([[*shares.values()] for shares in found], wanted)
        return
    place = correct.index(False)
    heads, batch_size = cases[place]
    wanted = right(heads, batch_size)
    case = f"for {heads} and batches of {batch_size} it gives {_shown(found[place], wanted)}"
    for mistake, values in MISTAKEN_SHARES.items():
        require(not all(like(values)), mistake.format(case))
    for mistake, part in PARTS.items():
        not_divided, values = _of_heads(part), lambda h, n, part=part: _shares(_of_heads(part)(h, n))
        require(not (all(like(not_divided)) or all(like(values))), f"{case}: {mistake}")
    for digits in range(5):
        rounded = like(lambda h, n, digits=digits: {name: round(x, digits) for name, x in right(h, n).items()})
        require(not all(rounded), f"{case}: they are rounded to {digits} digits, and should not be")
    require(False, f"{case}, and the shares are {_shown(wanted, found[place])}")


@question(
    "7.2",
    hints=[
        "A class inside your function, with keras.callbacks.Callback as its base. Which method runs before an epoch?",
        "`def on_epoch_begin(self, epoch, logs=None):` gets the epoch's number. `variable.assign(...)` sets the value.",
        "`min(epoch / epochs, 1)` grows from 0 to 1 and stays there. Return an object of the class: `return WarmUp()`.",
    ],
)
def warm_up(answer: object) -> None:
    """A function from a variable, two values and a number of epochs to a callback, or a class of such callbacks."""
    own_class = isinstance(answer, type) and issubclass(answer, keras.callbacks.Callback)
    function = answer if own_class else as_function(answer)
    cases = [
        (0.0, 1.0, 4, 0),
        (0.0, 1.0, 4, 2),
        (3.0, 0.5, 5, 0),
        (0.01, 1000.0, 7, 0),
        (2.0, 0.0, 1, 0),
        (1, 5, 3, 6),
        (-2.0, -8.5, 3, 1),
        (0.5, 4.0, 6, 3),
    ]
    found, model = [], keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    for start, end, epochs, initial in cases:
        variable = keras.Variable(BEFORE, trainable=False)
        callback = call(function, variable, start, end, epochs)
        is_class = isinstance(callback, type) and issubclass(callback, keras.callbacks.Callback)
        require(not is_class, "your function returns a class: call it, to return an object of it")
        kind = f"your function should return a Keras callback, and gives {describe(callback)}"
        require(isinstance(callback, keras.callbacks.Callback), kind)
        of_rate = isinstance(callback, keras.callbacks.LearningRateScheduler)
        require(not of_rate, "a LearningRateScheduler changes the learning rate, and the variable should change")
        found.append(_course(callback, variable, range(initial, initial + epochs + 3), model))
    _require_courses(found, cases)


def _course(
    callback: keras.callbacks.Callback, variable: keras.Variable, numbers: range, model: keras.Model
) -> np.ndarray:
    """Return the value of the variable during each of these epochs, as `fit` would call the callback."""

    def run(method: str, *args: object) -> None:
        hook = getattr(callback, method)
        try:
            hook(*args, {})
        except Exception as error:
            require(False, f"your callback's {method} raised {type(error).__name__}: {str(error)[:120]}")

    callback.set_params({"epochs": numbers.stop, "steps": 2, "verbose": 0})
    callback.set_model(model)
    run("on_train_begin")
    values = []
    for number in numbers:
        run("on_epoch_begin", number)
        during = []
        for step in range(2):
            run("on_train_batch_begin", step)
            during.append(float(variable.numpy()))
            run("on_train_batch_end", step)
        steady = "the variable changes within an epoch: set it once, when the epoch begins"
        require(np.isclose(during[0], during[1], rtol=1e-5), steady)
        values.append(during[-1])
        run("on_epoch_end", number)
    return np.array(values)


Course = tuple[float, float, int, int]  # start, end, epochs, and the number of the first epoch
BEFORE = -7.0


def _line(start: float, end: float, shares: np.ndarray) -> np.ndarray:
    return start + shares * (end - start)


def _as_long_as(keeps: Callable[[int, int], bool]) -> Callable[[float, float, int, np.ndarray], np.ndarray]:
    """Return the course of a variable that is set only in the epochs for which `keeps(epoch, epochs)` holds."""

    def course(start: float, end: float, epochs: int, numbers: np.ndarray) -> np.ndarray:
        values, value = [], BEFORE
        for number in numbers:
            value = start + number / epochs * (end - start) if keeps(number, epochs) else value
            values.append(value)
        return np.array(values)

    return course


def _added(start: float, end: float, epochs: int, numbers: np.ndarray) -> np.ndarray:
    values, value = [], BEFORE
    for number in numbers:
        value = start if number == 0 else value if number > epochs else value + (end - start) / epochs
        values.append(value)
    return np.array(values)


def _set_late(start: float, end: float, epochs: int, numbers: np.ndarray) -> np.ndarray:
    return np.append(BEFORE, _line(start, end, np.minimum(numbers / epochs, 1))[:-1])


GROWS = "start may be larger than end, and then the variable falls: `min` and `max` of the values turn round"
COURSES = {
    "-7 is the value from before, so the callback did not set it in time": [_set_late],
    "-7 is the value from before, and the callback does not set the variable: use `variable.assign(...)`": [
        lambda a, b, n, x: np.full(len(x), BEFORE)
    ],
    "after epoch number `epochs` it sets nothing: a training that is continued later needs the value of the end too": [
        _as_long_as(lambda number, epochs: number <= epochs)
    ],
    "in epoch number `epochs` it should reach the end, and it sets nothing from there on": [
        _as_long_as(lambda number, epochs: number < epochs)
    ],
    "after epoch number `epochs` it should stay at the value of the end": [lambda a, b, n, x: _line(a, b, x / n)],
    "it begins at the start again, and a continued training needs the number of the epoch": [
        lambda a, b, n, x: _line(a, b, np.minimum((x - x[0]) / n, 1)),
        lambda a, b, n, x: _line(a, b, (np.minimum(x, max(n, x[0])) - x[0]) / n),
        lambda a, b, n, x: _line(a, b, np.maximum(np.minimum(x, n) - max(x[0], 1) + 1, 0) / n),
    ],
    "it adds to the value from before, which is -7: compute the value from the number of the epoch": [
        _added,
        lambda a, b, n, x: np.where(x > n, b, _added(a, b, n, x)),
        lambda a, b, n, x: np.where(x >= n, b, _added(a, b, n, x)),
    ],
    "its first epoch has the value start: set the variable when an epoch begins, from the number of the epoch": [
        lambda a, b, n, x: np.append(a, _line(a, b, np.minimum(x / n, 1))[1:])
    ],
    GROWS: [
        lambda a, b, n, x: np.minimum(_line(a, b, x / n), b),
        lambda a, b, n, x: np.clip(_line(a, b, x / n), a, b),
        lambda a, b, n, x: np.maximum(a, np.minimum(_line(a, b, x / n), b)),
    ],
    "it changes only once: divide with / and not with //": [
        lambda a, b, n, x: _line(a, b, np.minimum(x // n, 1)),
        lambda a, b, n, x: a + np.minimum(x, n) // n * (b - a),
    ],
    "it is cut to whole numbers: leave `int` away": [
        lambda a, b, n, x: np.trunc(_line(a, b, np.minimum(x / n, 1))),
        lambda a, b, n, x: np.floor(_line(a, b, np.minimum(x / n, 1))),
    ],
    "it is rounded to whole numbers, and should not be": [
        lambda a, b, n, x: np.round(_line(a, b, np.minimum(x / n, 1)))
    ],
    "the amount for an epoch is cut to a whole number: divide with / and not with //": [
        lambda a, b, n, x: a + np.minimum(x, n) * ((b - a) // n),
    ],
    "it is one epoch too early": [lambda a, b, n, x: _line(a, b, np.minimum((x + 1) / n, 1))],
    "it is one epoch too late": [
        lambda a, b, n, x: _line(a, b, np.clip((x - 1) / n, 0, 1)),
        lambda a, b, n, x: np.append(a, _line(a, b, np.minimum(x / n, 1))[:-1]),
    ],
    "the value of the end belongs to epoch number `epochs`, and not to the one before": [
        lambda a, b, n, x: _line(a, b, np.minimum(x / max(1, n - 1), 1))
    ],
    "the value of the end belongs to epoch number `epochs`, and not to the one after": [
        lambda a, b, n, x: _line(a, b, np.minimum(x / (n + 1), 1))
    ],
    "it goes from end to start, so turn it round": [lambda a, b, n, x: _line(b, a, np.minimum(x / n, 1))],
    "it goes from 0 to 1, whatever start and end are": [lambda a, b, n, x: np.minimum(x / n, 1)],
    "it goes from 0 to end, whatever start is": [lambda a, b, n, x: b * np.minimum(x / n, 1)],
    "it adds end, and should add the difference end - start": [lambda a, b, n, x: a + b * np.minimum(x / n, 1)],
}


def _in_factors(found: list[np.ndarray], cases: list[Course]) -> bool:
    """Whether the variable changes by factors where that is possible, so where neither end is 0."""
    same_sign = [place for place, (start, end, _, _) in enumerate(cases) if start * end > 0]
    return all(
        np.allclose(
            found[place],
            start * (end / start) ** np.minimum(np.arange(first, first + len(found[place])) / epochs, 1),
            rtol=1e-3,
        )
        for place in same_sign
        for start, end, epochs, first in [cases[place]]
    )


def _require_courses(found: list[np.ndarray], cases: list[Course]) -> None:
    """Say what is wrong with the values of the variable in the epochs of each case."""

    def like(course: Callable) -> list[bool]:
        results = []
        for values, (start, end, epochs, first) in zip(found, cases, strict=True):
            other = course(start, end, epochs, np.arange(first, first + len(values)))
            results.append(bool(np.allclose(values, other, rtol=1e-4, atol=1e-5 * max(abs(start), abs(end)))))
        return results

    def right(start: float, end: float, epochs: int, numbers: np.ndarray) -> np.ndarray:
        return _line(start, end, np.minimum(numbers / epochs, 1))

    correct = like(right)
    if all(correct):
        require_unrounded(found, [right(a, b, n, first + np.arange(n + 3)) for a, b, n, first in cases])
        return
    place = correct.index(False)
    start, end, epochs, first = cases[place]
    shown = ", ".join(f"{value:.4g}" for value in found[place])
    case = f"with start={start:g}, end={end:g}, epochs={epochs} and the first epoch number {first} it is {shown}"
    for mistake, courses in COURSES.items():
        same = any(all(like(course)) for course in courses)
        require(not same, f"{case}: {mistake.replace('`epochs`', str(epochs))}")
    factors = f"{case}: it changes by the same factor in each epoch, and not by the same amount"
    require(not _in_factors(found, cases), factors)
    wanted = right(start, end, epochs, np.arange(first, first + len(found[place])))
    text = ", ".join(f"{value:.4g}" for value in wanted)
    require(False, f"{case}, and it should be {text}")


@question(
    "7.3",
    hints=[
        "First the means: `left.mean(axis=0)` and `odd.mean(axis=0)` have one number for each weight.",
        "A point is beaten if some other point is >= in both numbers and different from it. The front has the others.",
        "Chosen: keep the weights with odd >= promise. Of these take the largest pair (left, odd), or None.",
    ],
)
def choose(answer: object) -> None:
    """A function from a table of accuracies to the weights on the front and the chosen one."""
    function = as_function(answer)
    tables, fronts, picks = _tables(), [], []
    for weights, left, odd, promise in tables:
        result = call_kept(function, weights=list(weights), left=left, odd=odd, promise=promise)
        result = as_dict(result, ("front", "chosen"))
        fronts.append([_place(weight, weights) for weight in as_array(result["front"], "the front", shape=(None,))])
        picks.append(result["chosen"])
    _require_fronts(fronts, tables)
    _require_choices(picks, tables)


Table = tuple[list[float], np.ndarray, np.ndarray, float]
Points = list[tuple[float, float]]


def _place(weight: object, weights: list[float]) -> int | float:
    """Return the place of a weight in the list, or the number itself if it is none of them."""
    number = float(weight)
    places = [place for place, known in enumerate(weights) if np.isclose(number, known, rtol=5e-3)]
    return places[0] if places else number


def _tables() -> list[Table]:
    """Return tables whose means are exact: accuracies are multiples of 1/64, and there are 1, 2 or 4 runs."""
    left = np.array([[0.88, 0.88, 0.86, 0.80, 0.60], [0.86, 0.88, 0.86, 0.82, 0.66]])
    odd = np.array([[0.70, 0.83, 0.87, 0.88, 0.90], [0.72, 0.85, 0.87, 0.90, 0.90]])
    last = ([0.1, 0.3, 1.0, 3.0, 10.0], left, odd, 0.85)  # what the exercise passes at its end
    tables = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        count, runs = int(rng.integers(4, 9)), int(rng.choice([1, 2, 4]))
        weights = np.round(np.geomspace(0.1, 100, count), 3)[:: 1 if seed % 2 else -1].tolist()
        left, odd = (rng.integers(32, 60, size=(runs, count)) / 64 for _ in range(2))
        if seed % 3 == 0:  # two weights with the same points, and two with the same best left
            first, second, third, fourth = rng.permutation(count)[:4]
            left[:, second], odd[:, second] = left[:, first], odd[:, first]
            left[:, third], left[:, fourth] = 62 / 64, 62 / 64
            odd[:, third], odd[:, fourth] = 40 / 64, 45 / 64
        quantile = 1.0 if seed % 4 == 1 else 0.4
        promise = float(np.sort(odd.mean(axis=0))[int(quantile * (count - 1))])
        tables.append((weights, left, odd, promise + (1 / 64 if seed % 4 == 3 else 0)))
    for odd in ([[0.75, 0.625, 0.6875]], [[0.625, 0.6875, 0.75]], [[0.6875, 0.75, 0.625]]):
        tables.append(([1.0, 3.0, 9.0], np.full((1, 3), 0.875), np.array(odd), 0.5))
    left, odd = np.array([[0.5, 0.75]]), np.array([[0.75, 0.5]])
    return [*tables, ([0.5, 2.0], left, odd, 0.875), ([1.0], left[:, :1], odd[:, :1], 0.75), last]


def _points(left: np.ndarray, odd: np.ndarray, of_runs: Callable[..., np.ndarray] = np.mean) -> Points:
    """Return one point for each weight, the mean or another number of its runs."""
    return list(zip(of_runs(left, axis=0).tolist(), of_runs(odd, axis=0).tolist(), strict=True))


def _rounded(digits: int) -> Callable[..., np.ndarray]:
    return lambda values, axis: np.round(values.mean(axis=axis), digits)


OF_RUNS = {
    "the first run": lambda values, axis: values[0],
    "the last run": lambda values, axis: values[-1],
    "the best run": np.max,
    "the worst run": np.min,
    "the median of the runs": np.median,
}


def _beaten(point: tuple[float, float], points: Points) -> bool:
    return any(a >= point[0] and b >= point[1] and (a, b) != point for a, b in points)


def _front(points: Points) -> list[int]:
    return [place for place, point in enumerate(points) if not _beaten(point, points)]


def _means(table: Table) -> Points:
    return _points(table[1], table[2])


FRONTS = {
    "two equal points do not beat each other": lambda t: [
        place for place in _front(_means(t)) if _means(t).count(_means(t)[place]) == 1
    ],
    "a point with the same number in one head and more in the other beats it": lambda t: [
        place for place, p in enumerate(_means(t)) if not any(a > p[0] and b > p[1] for a, b in _means(t))
    ],
    "a weight on the front may be worse in one head": lambda t: [
        place for place, p in enumerate(_means(t)) if not any(a > p[0] for a, _ in _means(t))
    ],
    "all the means that keep the promise are not a front": lambda t: [
        place for place, p in enumerate(_means(t)) if p[1] >= t[3]
    ],
    "it holds only weights that keep the promise, and the promise is no part of it": lambda t: [
        place for place in _front(_means(t)) if _means(t)[place][1] >= t[3]
    ],
} | {
    f"that is the front of {name}: take the mean over the runs": lambda t, of_runs=of_runs: _front(
        _points(t[1], t[2], of_runs)
    )
    for name, of_runs in OF_RUNS.items()
} | {
    f"the means are rounded to {digits} digits: compare them as they are": lambda t, digits=digits: _front(
        _points(t[1], t[2], _rounded(digits))
    )
    for digits in range(4)
}  # fmt: skip


def _table(table: Table) -> str:
    means = "; ".join(f"{w:g}: {a:.4g}, {b:.4g}" for w, (a, b) in zip(table[0], _means(table), strict=True))
    return f"for the means (weight: left, odd) {means}"


def _require_fronts(fronts: list[list[int | float]], tables: list[Table]) -> None:
    """Say what is wrong with the lists of weights that nothing beats."""
    right = [_front(_means(table)) for table in tables]
    if fronts == right:
        return
    place = next(place for place, front in enumerate(fronts) if front != right[place])
    (front, wanted, table), weights = (fronts[place], right[place], tables[place]), tables[place][0]
    found = [float(f"{weights[p] if isinstance(p, int) else p:g}") for p in front]
    case = f"{_table(table)} the front is {found}"
    strange = [number for number in front if not isinstance(number, int)]
    require(
        not strange, f"{case}, and {strange[0] if strange else 0:g} is none of the weights: is it a place in the list?"
    )
    in_order = all(sorted(front) == known for front, known in zip(fronts, right, strict=True))
    require(not in_order, f"{case}: keep the order in which the weights were given")
    once = all(sorted(set(front)) == known for front, known in zip(fronts, right, strict=True))
    require(not once, f"{case}: a weight stands there twice")
    missing, extra = [p for p in wanted if p not in front], [p for p in front if p not in wanted]
    words = (
        f"{weights[missing[0]]:g} is missing" if missing else f"{weights[(extra or [0])[0]]:g} does not belong to it"
    )
    for mistake, other in FRONTS.items():
        same = all(sorted(set(front)) == other(table) for front, table in zip(fronts, tables, strict=True))
        require(not same, f"{case}, and {words}: {mistake}")
    require(False, f"{case}, and {words}: {'nothing' if missing else 'another weight'} beats it")


def _best(
    key: Callable[[tuple[float, float]], object] = lambda point: point,
    keeps: Callable[[float, float, float], bool] = lambda left, odd, promise: odd >= promise,
    of_runs: Callable[..., np.ndarray] = np.mean,
    last: bool = False,
) -> Callable[[Table], int | None]:
    """Return a rule that takes the place with the largest key among those that keep the promise, or None."""

    def rule(table: Table) -> int | None:
        points = _points(table[1], table[2], of_runs)
        places = [place for place, point in enumerate(points) if keeps(*point, table[3])]
        return max(reversed(places) if last else places, key=lambda place: key(points[place]), default=None)

    return rule


def _in_each_run(every: bool) -> Callable[[Table], int | None]:
    def rule(table: Table) -> int | None:
        kept = (table[2] >= table[3]).all(axis=0) if every else (table[2] >= table[3]).any(axis=0)
        points = _means(table)
        return max(np.flatnonzero(kept).tolist(), key=lambda place: points[place], default=None)

    return rule


def _in_one_run(table: Table) -> int | None:
    kept = np.where(table[2] >= table[3], table[1], -1).max(axis=0)
    return int(kept.argmax()) if kept.max() >= 0 else None


BEST_LEFT = "take the best left that keeps the promise"
TIE = "another one has the same left and a better odd"
CHOICES = {
    TIE: [
        _best(lambda point: point[0]),
        _best(lambda point: point[0], last=True),
        _best(lambda point: (point[0], -point[1])),
    ],
    "`>=` is enough to keep the promise": [_best(keeps=lambda left, odd, promise: odd > promise)],
    "no weight keeps the promise, so it should be None": [
        lambda table: _best()((*table[:3], min(table[3], table[2].mean(axis=0).max())))
    ],
    "only weights that keep the promise can be chosen": [_best(keeps=lambda left, odd, promise: True)],
    "the promise is about odd, and not about left": [_best(keeps=lambda left, odd, promise: left >= promise)],
    "the promise is about odd alone": [_best(keeps=lambda left, odd, promise: min(left, odd) >= promise)],
    f"that is the best of both heads taken together: {BEST_LEFT}": [
        _best(sum),
        _best(sum, last=True),
        _best(np.prod),
        _best(np.prod, last=True),
    ],
    f"that is the best odd: {BEST_LEFT}": [
        _best(lambda point: point[1]),
        _best(lambda point: point[1], last=True),
        _best(lambda point: point[::-1]),
    ],
    f"that is the worst left: {BEST_LEFT}": [_best(lambda point: -point[0])],
    f"that is the first one that keeps the promise: {BEST_LEFT}": [_best(lambda point: 0)],
    f"that is the last one that keeps the promise: {BEST_LEFT}": [_best(lambda point: 0, last=True)],
    "that is the best one that keeps the promise in each run: take the mean over the runs": [_in_each_run(True)],
    "that is the best one that keeps the promise in some run: take the mean over the runs": [_in_each_run(False)],
    "take the mean over the runs first, and not the best run": [_in_one_run],
} | {
    f"that is the choice of {name}: take the mean over the runs": [_best(of_runs=of_runs)]
    for name, of_runs in OF_RUNS.items()
} | {
    f"the means are rounded to {digits} digits: compare them as they are": [_best(of_runs=_rounded(digits))]
    for digits in range(4)
}  # fmt: skip


def _require_choices(picks: list[object], tables: list[Table]) -> None:
    """Say what is wrong with the chosen weights."""

    def words(pick: object, table: Table) -> str:
        text = describe(pick) if not isinstance(pick, float) else f"{pick:g}"
        return f"{_table(table)} and the promise {table[3]:.4g} the chosen weight is {text}"

    for pick, table in zip(picks, tables, strict=True):
        no_number = isinstance(pick, float) and np.isnan(pick)
        require(not no_number, f"{words(pick, table)}: where no weight keeps the promise, it should be None")
    numbers = [None if pick is None else as_number(pick, "the chosen weight") for pick in picks]
    places = [None if n is None else _place(n, t[0]) for n, t in zip(numbers, tables, strict=True)]

    def alike(place: int | float | None, other: int | None, table: Table) -> bool:
        if other is None or not isinstance(place, int):
            return place is None and other is None
        return _means(table)[place] == _means(table)[other]

    correct = list(map(alike, places, map(_best(), tables), tables))
    if all(correct):
        return
    first = correct.index(False)
    place, table = places[first], tables[first]
    case = words(numbers[first], table)
    best, points = _best()(table), _means(table)
    require(place is None or isinstance(place, int) or best is None, f"{case}, which is none of the weights")
    for mistake, rules in CHOICES.items():
        same = any(all(map(alike, places, map(rule, tables), tables)) for rule in rules)
        require(not same, f"{case}: {mistake}")
    require(best is not None, f"{case}: no weight keeps the promise, so it should be None")
    kept = f"{table[0][best]:g} keeps the promise, with an odd of {points[best][1]:.4g}"
    require(place is not None, f"{case}, and {kept}")
    require(points[place][1] >= table[3], f"{case}, which does not keep it")
    better = f"a weight that keeps the promise has a better left: {points[best][0]:.4g}"
    require(points[place][0] != points[best][0], f"{case}: {TIE}")
    require(False, f"{case}, and {better}")


@question(
    "7.4",
    hints=[
        "`np.log` of each loss, added up, is the loss. For the gradient: what is the slope of log(x)?",
        "The chain rule: the gradient of log(L) is the gradient of L, divided by L.",
        "`sum(gradients[name] / losses[name] for name in losses)` is the gradient. The result has two keys.",
    ],
)
def sum_of_logs(answer: object) -> str:
    """A function from losses and their gradients to the sum of the logarithms and its gradient."""
    function = as_function(answer)
    cases, found, bits = [*map(_slopes, range(8))], [], []
    for losses, gradients in cases:
        result = as_dict(call_kept(function, losses=losses, gradients=gradients), ("loss", "gradient"))
        shape = next(iter(gradients.values())).shape
        loss = as_number(result["loss"], "the loss")
        found.append((loss, as_array(result["gradient"], "the gradient", shape=shape)))
        bits.append((_precision([result["loss"]]), _precision([result["gradient"]])))
    precise = [max(column) for column in zip(*bits, strict=True)]
    _require_losses([loss for loss, _ in found], [losses for losses, _ in cases], precise[0])
    _require_gradients([gradient for _, gradient in found], cases, precise[1])
    return "In other units, the gradient stays as it is."


Losses, Gradients = dict[str, float], dict[str, np.ndarray]


def _slopes(seed: int) -> tuple[Losses, Gradients]:
    """Return losses and gradients of up to five heads, in units of their own, each in an order of its own."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(["size", "left", "pose", "odd", "angle"])[: (2, 3, 4, 2, 5, 2, 1, 3)[seed]].tolist()
    shape = [(5,), (2,), (3, 4), (7,), (1,), (4, 2), (6,), (2, 3, 2)][seed]
    units = {name: 10.0 ** rng.integers(-6, 4) for name in names}
    losses = {name: float(units[name] * rng.uniform(0.2, 3)) for name in names}
    gradients = {name: units[name] * rng.normal(size=shape) for name in names}
    order = names if seed == 0 else names[::-1] if seed in (1, 3) else rng.permutation(names).tolist()
    return losses, {name: gradients[name] for name in order}


MISTAKEN_LOSSES = {
    "{}, which is the logarithm of the sum: take the logarithms first": lambda v: np.log(v.sum()),
    "{}, which is the sum of the losses: take their logarithms": lambda v: v.sum(),
    "{}, which is a mean: it should be the sum": lambda v: np.log(v).mean(),
    "{}: turn the sign round": lambda v: -np.log(v).sum(),
    "{}: do not add 1 before the logarithm, that is not free of scale": lambda v: np.log1p(v).sum(),
    "{}: use the natural logarithm, `np.log`, and not the one with the base 10": lambda v: np.log10(v).sum(),
    "{}: use the natural logarithm, `np.log`, and not the one with the base 2": lambda v: np.log2(v).sum(),
    "{}, which is the product of the losses: take its logarithm": np.prod,
    "{}: do not cut it off at 0: the loss may be negative": lambda v: max(np.log(v).sum(), 0),
    "{}: do not cut a logarithm off at 0: the loss may be negative": lambda v: np.maximum(np.log(v), 0).sum(),
    "{}: a logarithm may be negative, so take no absolute values": lambda v: np.abs(np.log(v)).sum(),
    "{}: take its sign as it is, the sum may be negative": lambda v: abs(np.log(v).sum()),
    "{}, the half: it should be the whole sum": lambda v: np.log(v).sum() / 2,
}


def _require_losses(found: list[float], cases: list[Losses], precise: float) -> None:
    """Say what is wrong with the sums of the logarithms."""

    def like(of: Callable[[np.ndarray], float]) -> list[bool]:
        values = [float(of(np.array([*losses.values()]))) for losses in cases]
        return [bool(np.isclose(a, b, rtol=precise, atol=precise)) for a, b in zip(found, values, strict=True)]

    def right(values: np.ndarray) -> float:
        return np.log(values).sum()

    correct = like(right)
    if all(correct):
        if precise == 1e-4:
            require_unrounded(found, [right(np.array([*losses.values()])) for losses in cases])
        return
    place = correct.index(False)
    value, losses = found[place], cases[place]
    wanted = float(right(np.array([*losses.values()])))
    given = ", ".join(f"{loss:.4g}" for loss in losses.values())
    case = f"for the losses {given} the loss is {float(_shown({'': value}, {'': wanted})[5:-1])!r}"
    for mistake, of in MISTAKEN_LOSSES.items():
        require(not all(like(of)), mistake.format(case))
    for digits in range(4):
        rounded = like(lambda v, digits=digits: round(float(right(v)), digits))
        require(not all(rounded), f"{case}: it is rounded to {digits} digits, and should not be")
    require(False, f"{case}, and the sum of the logarithms is {float(_shown({'': wanted}, {'': value})[5:-1])!r}")


def _each(of: Callable[[float, np.ndarray], np.ndarray]) -> Callable[[Losses, Gradients], np.ndarray]:
    """Return the sum over the heads of a number of its loss and its gradient."""
    return lambda losses, gradients: sum(of(losses[name], gradients[name]) for name in losses)


def _in_pairs(
    of_losses: Callable[[Losses], list[str]], of_gradients: Callable[[Gradients], list[str]]
) -> Callable[[Losses, Gradients], np.ndarray]:
    """Return the sum for someone who pairs the keys in two orders."""
    return lambda losses, gradients: sum(
        gradients[b] / losses[a] for a, b in zip(of_losses(losses), of_gradients(gradients), strict=True)
    )


ORDER = "the keys may stand in any order: divide `gradients[name]` by `losses[name]`"
MISTAKEN_GRADIENTS = {
    "it is the plain sum of the gradients: divide each by its loss": [_each(lambda loss, g: g)],
    "it is the gradient of log(sum of losses): divide each gradient by its own loss": [
        lambda v, g: sum(g.values()) / sum(v.values())
    ],
    "all are divided by one loss: divide each gradient by its own": [
        lambda v, g: sum(g.values()) / next(iter(v.values())),
        lambda v, g: sum(g.values()) / [*v.values()][-1],
        lambda v, g: sum(g.values()) / np.mean([*v.values()]),
        lambda v, g: sum(g.values()) / np.prod([*v.values()]),
    ],
    "each gradient is multiplied by its loss: divide it": [_each(lambda loss, g: g * loss)],
    "it is a mean, and should be the sum": [lambda v, g: _each(lambda loss, g: g / loss)(v, g) / len(v)],
    "each gradient is divided by twice its loss: the slope of log(x) is 1/x": [_each(lambda loss, g: g / (2 * loss))],
    "the sign is turned round": [_each(lambda loss, g: -g / loss)],
    ORDER: [_in_pairs(a, b) for a in (list, sorted) for b in (list, sorted)],
    "each gradient is multiplied by the logarithm of its loss: divide it by the loss": [
        _each(lambda loss, g: g * np.log(loss))
    ],
    "each gradient is divided by its norm, and should be divided by its loss": [
        _each(lambda loss, g: g / np.linalg.norm(g))
    ],
    "each gradient is divided by the square of its loss: the slope of log(x) is 1/x": [
        _each(lambda loss, g: g / loss**2)
    ],
    "each gradient is divided by the root of its loss: the slope of log(x) is 1/x": [
        _each(lambda loss, g: g / np.sqrt(loss))
    ],
    "1 is added to each loss there: that is not free of scale": [_each(lambda loss, g: g / (1 + loss))],
    "the slope of log(x) is 1/x": [
        _each(lambda loss, g: g / np.log(loss)),
        _each(lambda loss, g: np.log(np.abs(g))),
    ],
}


def _require_gradients(found: list[np.ndarray], cases: list[tuple[Losses, Gradients]], precise: float) -> None:
    """Say what is wrong with the gradients of the sum of the logarithms."""

    def like(of: Callable[[Losses, Gradients], np.ndarray]) -> list[bool]:
        with np.errstate(all="ignore"):
            others = [np.asarray(of(*case)) for case in cases]
        return [
            bool(np.isfinite(other).all())
            and bool(np.allclose(value, other, rtol=10 * precise, atol=precise * np.abs(other).max()))
            for value, other in zip(found, others, strict=True)
        ]

    right = _each(lambda loss, gradient: gradient / loss)
    correct = like(right)
    if all(correct):
        if precise == 1e-4:
            require_unrounded(found, [right(*case) for case in cases])
        return
    for mistake, rules in MISTAKEN_GRADIENTS.items():
        same = any(all(like(rule)) for rule in rules)
        require(not same, f"the loss is right, and the gradient is not: {mistake}")
    place = correct.index(False)
    wanted = np.asarray(right(*cases[place])).ravel()
    value = found[place].ravel()
    worst = int(np.abs(value - wanted).argmax())
    yours, should = ({"": float(numbers[worst])} for numbers in (value, wanted))
    text = (
        f"number {worst + 1} of it should be {_shown(should, yours)[5:-1]}, and yours is {_shown(yours, should)[5:-1]}"
    )
    require(False, f"for {len(cases[place][0])} heads the loss is right, and the gradient is not: {text}")
