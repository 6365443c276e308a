"""The checks of exercise 7: count, schedule, choose and rescale."""

from collections.abc import Callable

import keras
import numpy as np

from mos_checks import as_array, as_dict, as_function, as_number, call, describe, function_question, require

Heads = dict[str, dict]


def _joined(given: str, words: str) -> str:
    """Return what an answer gave, and what is wrong with it."""
    return f"{given}{',' if words.startswith('which') else ':'} {words}"


# --- 7.1


def _heads(seed: int) -> dict:
    """Return made-up heads and a batch size: first those of the example below, later any, in any order."""
    if seed == 3:  # what the exercise passes at its end
        heads = {name: {"reduction": r, "labels": 1, "weight": 1.0} for name, r in (("left", "mean"), ("odd", "sum"))}
        return {"heads": heads, "batch_size": 128}
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
    return {"heads": heads, "batch_size": 1 if seed == 9 else int(rng.integers(2, 65))}


def _part(head: dict, batch_size: int) -> float:
    return head["weight"] * (batch_size * head["labels"] if head["reduction"] == "sum" else 1)


def _parts(heads: Heads, batch_size: int, part: Callable = _part) -> dict[str, float]:
    return {name: part(head, batch_size) for name, head in heads.items()}


def _shares(heads: Heads, batch_size: int, part: Callable = _part) -> dict[str, float]:
    parts = _parts(heads, batch_size, part)
    return {name: value / sum(parts.values()) for name, value in parts.items()}


def _by_sorted_names(heads: Heads, batch_size: int) -> dict[str, float]:
    return dict(zip(sorted(heads), _shares(heads, batch_size).values(), strict=True))


def _by_the_largest(heads: Heads, batch_size: int) -> dict[str, float]:
    parts = _parts(heads, batch_size)
    return {name: value / max(parts.values()) for name, value in parts.items()}


def _in_percent(heads: Heads, batch_size: int) -> dict[str, float]:
    return {name: 100 * share for name, share in _shares(heads, batch_size).items()}


def _counted(part: Callable) -> list[Callable]:
    """Return the functions that take another number for each head: as shares, and not divided yet."""
    return [lambda heads, n: _shares(heads, n, part), lambda heads, n: _parts(heads, n, part)]


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


def _given_shares(case: dict, found: dict[str, float]) -> str:
    shares = {name: float(f"{share:.4g}") for name, share in found.items()}
    return f"for {case['heads']} and batches of {case['batch_size']} it gives {shares}"


function_question(
    "7.1",
    "A function from a dictionary of heads and a batch size to a dictionary of shares.",
    hints=[
        "Take a batch of 10 images with 3 labels each, and a loss of 1 for each label. What is the sum, what the mean?",
        "A sum counts batch_size * labels losses, a mean counts as one. The weight multiplies either.",
        "Compute this number for each head first. Then divide each by the sum of all of them.",
    ],
    right=_shares,
    cases=lambda: [*map(_heads, range(12))],
    tolerance=1e-4,
    scale=lambda heads, batch_size: 1e-4,
    mistakes={
        "which are no shares yet: divide each by the sum of all": _parts,
        "they are divided by the largest, and should be divided by their sum": _by_the_largest,
        "which are percent: the shares should have the sum 1, and not 100": _in_percent,
        "the heads may stand in any order, and each share belongs to its name": _by_sorted_names,
    }
    | {words: _counted(part) for words, part in PARTS.items()},
    say=lambda words, case, found: _joined(_given_shares(case, found), words),
    also=lambda function, found: "A mean beside a sum over 128 images has a share of 0.8%.",
)


# --- 7.2


BEFORE = -7.0


def _run_by_epochs(answer: object) -> Callable[[float, float, int, int], np.ndarray]:
    """Return a function from two values, a number of epochs and that of the first epoch to what the variable is."""
    own_class = isinstance(answer, type) and issubclass(answer, keras.callbacks.Callback)
    function = answer if own_class else as_function(answer)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])

    def course(start: float, end: float, epochs: int, first: int) -> np.ndarray:
        variable = keras.Variable(BEFORE, trainable=False)
        callback = call(function, variable, start, end, epochs)
        is_class = isinstance(callback, type) and issubclass(callback, keras.callbacks.Callback)
        require(not is_class, "your function returns a class: call it, to return an object of it")
        kind = f"your function should return a Keras callback, and gives {describe(callback)}"
        require(isinstance(callback, keras.callbacks.Callback), kind)
        of_rate = isinstance(callback, keras.callbacks.LearningRateScheduler)
        require(not of_rate, "a LearningRateScheduler changes the learning rate, and the variable should change")
        return _course(callback, variable, range(first, first + epochs + 3), model)

    return course


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


def _line(start: float, end: float, shares: np.ndarray) -> np.ndarray:
    return start + shares * (end - start)


def _warm_up(start: float, end: float, epochs: int, numbers: np.ndarray) -> np.ndarray:
    return _line(start, end, np.minimum(numbers / epochs, 1))


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
    return np.append(BEFORE, _warm_up(start, end, epochs, numbers)[:-1])


def _by_factors(start: float, end: float, shares: np.ndarray) -> np.ndarray:
    return start * (end / start) ** shares if start * end > 0 else _line(start, end, shares)


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
        lambda a, b, n, x: _warm_up(a, b, n, x - x[0]),
        lambda a, b, n, x: _line(a, b, (np.minimum(x, max(n, x[0])) - x[0]) / n),
        lambda a, b, n, x: _line(a, b, np.maximum(np.minimum(x, n) - max(x[0], 1) + 1, 0) / n),
    ],
    "it adds to the value from before, which is -7: compute the value from the number of the epoch": [
        _added,
        lambda a, b, n, x: np.where(x > n, b, _added(a, b, n, x)),
        lambda a, b, n, x: np.where(x >= n, b, _added(a, b, n, x)),
    ],
    "its first epoch has the value start: set the variable when an epoch begins, from the number of the epoch": [
        lambda a, b, n, x: np.append(a, _warm_up(a, b, n, x)[1:])
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
        lambda a, b, n, x: np.trunc(_warm_up(a, b, n, x)),
        lambda a, b, n, x: np.floor(_warm_up(a, b, n, x)),
    ],
    "it is rounded to whole numbers, and should not be": [lambda a, b, n, x: np.round(_warm_up(a, b, n, x))],
    "the amount for an epoch is cut to a whole number: divide with / and not with //": [
        lambda a, b, n, x: a + np.minimum(x, n) * ((b - a) // n),
    ],
    "it is one epoch too early": [lambda a, b, n, x: _warm_up(a, b, n, x + 1)],
    "it is one epoch too late": [
        lambda a, b, n, x: _line(a, b, np.clip((x - 1) / n, 0, 1)),
        lambda a, b, n, x: np.append(a, _warm_up(a, b, n, x)[:-1]),
    ],
    "the value of the end belongs to epoch number `epochs`, and not to the one before": [
        lambda a, b, n, x: _warm_up(a, b, max(1, n - 1), x)
    ],
    "the value of the end belongs to epoch number `epochs`, and not to the one after": [
        lambda a, b, n, x: _warm_up(a, b, n + 1, x)
    ],
    "it goes from end to start, so turn it round": [lambda a, b, n, x: _warm_up(b, a, n, x)],
    "it goes from 0 to 1, whatever start and end are": [lambda a, b, n, x: _warm_up(0, 1, n, x)],
    "it goes from 0 to end, whatever start is": [lambda a, b, n, x: _warm_up(0, b, n, x)],
    "it adds end, and should add the difference end - start": [lambda a, b, n, x: _warm_up(a, a + b, n, x)],
    "it changes by the same factor in each epoch, and not by the same amount": [
        lambda a, b, n, x: _by_factors(a, b, np.minimum(x / n, 1)),
        lambda a, b, n, x: a * np.divide(b, a) ** np.minimum(x / n, 1),
    ],
}


def _in_epochs(course: Callable) -> Callable:
    return lambda start, end, epochs, first: course(start, end, epochs, first + np.arange(epochs + 3))


def _given_course(case: dict, found: np.ndarray) -> str:
    start, end, epochs, first = case.values()
    given = f"with start={start:g}, end={end:g}, epochs={epochs} and the first epoch number {first}"
    return f"{given} it is {_in_digits(found)}"


def _in_digits(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


function_question(
    "7.2",
    "A function from a variable, two values and a number of epochs to a callback, or a class of such callbacks.",
    hints=[
        "A class inside your function, with keras.callbacks.Callback as its base. Which method runs before an epoch?",
        "`def on_epoch_begin(self, epoch, logs=None):` gets the epoch's number. `variable.assign(...)` sets the value.",
        "`min(epoch / epochs, 1)` grows from 0 to 1 and stays there. Return an object of the class: `return WarmUp()`.",
    ],
    prepare=_run_by_epochs,
    right=_in_epochs(_warm_up),
    cases=lambda: [
        {"start": start, "end": end, "epochs": epochs, "first": first}
        for start, end, epochs, first in [
            (0.0, 1.0, 4, 0),
            (0.0, 1.0, 4, 2),
            (3.0, 0.5, 5, 0),
            (0.01, 1000.0, 7, 0),
            (2.0, 0.0, 1, 0),
            (1, 5, 3, 6),
            (-2.0, -8.5, 3, 1),
            (0.5, 4.0, 6, 3),
        ]
    ],
    scale=lambda start, end, epochs, first: max(abs(start), abs(end)),
    mistakes={words: [_in_epochs(course) for course in courses] for words, courses in COURSES.items()},
    say=lambda words, case, found: f"{_given_course(case, found)}: {words}",
    show=lambda case, found, wanted: f"{_given_course(case, found)}, and it should be {_in_digits(wanted)}",
)


# --- 7.3


Point = tuple[float, float]


def _tables() -> list[dict]:
    """Return tables whose means are exact: accuracies are multiples of 1/64, and there are 1, 2 or 4 runs."""
    left = np.array([[0.88, 0.88, 0.86, 0.80, 0.60], [0.86, 0.88, 0.86, 0.82, 0.66]])
    odd = np.array([[0.70, 0.83, 0.87, 0.88, 0.90], [0.72, 0.85, 0.87, 0.90, 0.90]])
    last = ([0.1, 0.3, 1.0, 3.0, 10.0], left, odd, 0.85)  # what the exercise passes at its end
    tables = []
    for seed in (*range(16), 28):
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
        promise += 1 / 64 if seed % 4 == 3 else 0
        if seed == 28:  # all keep the promise in each run
            promise = float(odd.min())
        tables.append((weights, left, odd, promise))
    for odd in ([[0.75, 0.625, 0.6875]], [[0.625, 0.6875, 0.75]], [[0.6875, 0.75, 0.625]]):
        tables.append(([1.0, 3.0, 9.0], np.full((1, 3), 0.875), np.array(odd), 0.5))
    left, odd = np.array([[0.5, 0.75]]), np.array([[0.75, 0.5]])
    tables += [([0.5, 2.0], left, odd, 0.875), ([1.0], left[:, :1], odd[:, :1], 0.75), last]
    return [dict(zip(("weights", "left", "odd", "promise"), table, strict=True)) for table in tables]


def _points(left: np.ndarray, odd: np.ndarray, of_runs: Callable[..., np.ndarray] = np.mean) -> list[Point]:
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


def _beaten(point: Point, points: list[Point]) -> bool:
    return any(a >= point[0] and b >= point[1] and (a, b) != point for a, b in points)


def _front(
    keeps: Callable[[Point, list[Point], float], bool] = lambda point, points, promise: not _beaten(point, points),
    of_runs: Callable[..., np.ndarray] = np.mean,
) -> Callable[..., list[float]]:
    """Return a rule that takes the weights whose points should be kept, in the given order."""

    def front(weights: list[float], left: np.ndarray, odd: np.ndarray, promise: float) -> list[float]:
        points = _points(left, odd, of_runs)
        return [weight for weight, point in zip(weights, points, strict=True) if keeps(point, points, promise)]

    return front


FRONTS = {
    "two equal points do not beat each other": _front(
        lambda p, points, _: not _beaten(p, points) and points.count(p) == 1
    ),
    "a point with the same number in one head and more in the other beats it": _front(
        lambda p, points, _: not any(a > p[0] and b > p[1] for a, b in points)
    ),
    "a weight on the front may be worse in one head": _front(lambda p, points, _: not any(a > p[0] for a, _ in points)),
    "all the means that keep the promise are not a front": _front(lambda p, points, promise: p[1] >= promise),
    "it holds only weights that keep the promise, and the promise is no part of it": _front(
        lambda p, points, promise: not _beaten(p, points) and p[1] >= promise
    ),
    **{
        f"that is the front of {name}: take the mean over the runs": _front(of_runs=of_runs)
        for name, of_runs in OF_RUNS.items()
    },
    **{
        f"the means are rounded to {digits} digits: compare them as they are": _front(of_runs=_rounded(digits))
        for digits in range(3)
    },
}


def _best(
    key: Callable[[Point], object] = lambda point: point,
    keeps: Callable[[float, float, float], bool] = lambda left, odd, promise: odd >= promise,
    of_runs: Callable[..., np.ndarray] = np.mean,
    promised: Callable[..., np.ndarray] | None = None,
    last: bool = False,
) -> Callable[..., float | None]:
    """Return a rule that takes the weight with the largest key among those that keep the promise, or None.

    `promised` is the number of the runs that keeps the promise, if it is another one.
    """

    def best(weights: list[float], left: np.ndarray, odd: np.ndarray, promise: float) -> float | None:
        points, promises = _points(left, odd, of_runs), _points(left, odd, promised or of_runs)
        places = [place for place, point in enumerate(promises) if keeps(*point, promise)]
        place = max(reversed(places) if last else places, key=lambda place: key(points[place]), default=None)
        return None if place is None else _first_like(place, weights, left, odd)

    return best


def _first_like(place: int, weights: list[float], left: np.ndarray, odd: np.ndarray) -> float:
    """Return the first of the weights that have the same means: any of them will do."""
    means = _points(left, odd)
    return weights[means.index(means[place])]


def _in_one_run(weights: list[float], left: np.ndarray, odd: np.ndarray, promise: float) -> float | None:
    kept = np.where(odd >= promise, left, -1).max(axis=0)
    return _first_like(int(kept.argmax()), weights, left, odd) if kept.max() >= 0 else None


def _the_best_anyway(weights: list[float], left: np.ndarray, odd: np.ndarray, promise: float) -> float | None:
    return _best()(weights, left, odd, min(promise, odd.mean(axis=0).max()))


BEST_LEFT = "take the best left that keeps the promise"
TIE = "another one has the same left and a better odd"
CHOICES = {
    TIE: [
        _best(lambda point: point[0]),
        _best(lambda point: point[0], last=True),
        _best(lambda point: (point[0], -point[1])),
    ],
    "`>=` is enough to keep the promise": _best(keeps=lambda left, odd, promise: odd > promise),
    "no weight keeps the promise, so it should be None": _the_best_anyway,
    "only weights that keep the promise can be chosen": _best(keeps=lambda left, odd, promise: True),
    "the promise is about odd, and not about left": _best(keeps=lambda left, odd, promise: left >= promise),
    "the promise is about odd alone": _best(keeps=lambda left, odd, promise: min(left, odd) >= promise),
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
    f"that is the worst left: {BEST_LEFT}": _best(lambda point: -point[0]),
    f"that is the first one that keeps the promise: {BEST_LEFT}": _best(lambda point: 0),
    f"that is the last one that keeps the promise: {BEST_LEFT}": _best(lambda point: 0, last=True),
    "that is the best one that keeps the promise in each run: take the mean over the runs": _best(promised=np.min),
    "that is the best one that keeps the promise in some run: take the mean over the runs": _best(promised=np.max),
    "take the mean over the runs first, and not the best run": _in_one_run,
    **{
        f"that is the choice of {name}: take the mean over the runs": _best(of_runs=of_runs)
        for name, of_runs in OF_RUNS.items()
    },
    **{
        f"the means are rounded to {digits} digits: compare them as they are": _best(of_runs=_rounded(digits))
        for digits in range(4)
    },
}


def _choice(*table: object) -> dict:
    return {"front": _front()(*table), "chosen": _best()(*table)}


def _read_choice(result: object, case: dict) -> dict:
    """Return the front and the choice as they stand in the list of weights, a choice as the first of its equals."""
    weights, left, odd, _ = case.values()
    result = as_dict(result, ("front", "chosen"))
    places = [_place(weight, weights) for weight in as_array(result["front"], "the front", shape=(None,))]
    if None in places:
        found = as_array(result["front"]).tolist()
        strange = f"and {found[places.index(None)]:g} is none of the weights: is it a place in the list?"
        require(False, f"{_given_front(case, found)}, {strange}")
    chosen = result["chosen"]
    if chosen is not None:
        number, none = as_number(chosen, "the chosen weight", finite=False), _best()(*case.values()) is None
        given = _given_choice(case, number)
        require(not np.isnan(number), f"{given}: where no weight keeps the promise, it should be None")
        place = _place(number, weights)
        require(place is not None or not none, f"{given}: no weight keeps the promise, so it should be None")
        require(place is not None, f"{given}, which is none of the weights")
        chosen = _first_like(place, weights, left, odd)
    return {"front": [weights[place] for place in places], "chosen": chosen}


def _place(weight: float, weights: list[float]) -> int | None:
    return next((place for place, known in enumerate(weights) if np.isclose(weight, known, rtol=5e-3)), None)


def _given_means(case: dict) -> str:
    points = zip(case["weights"], _points(case["left"], case["odd"]), strict=True)
    means = "; ".join(f"{weight:g}: {a:.4g}, {b:.4g}" for weight, (a, b) in points)
    return f"for the means (weight: left, odd) {means}"


def _given_front(case: dict, front: list[float]) -> str:
    return f"{_given_means(case)} the front is {[float(f'{weight:g}') for weight in front]}"


def _given_choice(case: dict, chosen: float | None) -> str:
    text = "None" if chosen is None else f"{chosen:g}"
    return f"{_given_means(case)} and the promise {case['promise']:.4g} the chosen weight is {text}"


def _said_of_choice(words: str, case: dict, found: dict) -> str:
    front = _front()(*case.values())
    if words in FRONTS and found["front"] != front:
        return f"{_given_front(case, found['front'])}, and {_first_wrong(found['front'], front)}: {words}"
    return f"{_given_choice(case, found['chosen'])}: {words}"


def _first_wrong(front: list[float], wanted: list[float]) -> str:
    missing = [weight for weight in wanted if weight not in front]
    extra = [weight for weight in front if weight not in wanted]
    return f"{missing[0]:g} is missing" if missing else f"{(extra or front)[0]:g} does not belong to it"


def _wrong_choice(case: dict, found: dict, wanted: dict) -> str:
    front, right = found["front"], wanted["front"]
    if front == right:
        return _wrong_chosen(case, found["chosen"], wanted["chosen"])
    given = _given_front(case, front)
    if sorted(front) == sorted(right):
        return f"{given}: keep the order in which the weights were given"
    if set(front) == set(right):
        return f"{given}: a weight stands there twice"
    beats = "nothing" if set(right) - set(front) else "another weight"
    return f"{given}, and {_first_wrong(front, right)}: {beats} beats it"


def _wrong_chosen(case: dict, chosen: float | None, best: float | None) -> str:
    given = _given_choice(case, chosen)
    means = dict(zip(case["weights"], _points(case["left"], case["odd"]), strict=True))
    if best is None:
        return f"{given}: no weight keeps the promise, so it should be None"
    if chosen is None:
        return f"{given}, and {best:g} keeps the promise, with an odd of {means[best][1]:.4g}"
    if means[chosen][1] < case["promise"]:
        return f"{given}, which does not keep it"
    if means[chosen][0] == means[best][0]:
        return f"{given}: {TIE}"
    return f"{given}, and a weight that keeps the promise has a better left: {means[best][0]:.4g}"


function_question(
    "7.3",
    "A function from a table of accuracies to the weights on the front and the chosen one.",
    hints=[
        "First the means: `left.mean(axis=0)` and `odd.mean(axis=0)` have one number for each weight.",
        "A point is beaten if some other point is >= in both numbers and different from it. The front has the others.",
        "Chosen: keep the weights with odd >= promise. Of these take the largest pair (left, odd), or None.",
    ],
    right=_choice,
    cases=_tables,
    read=_read_choice,
    mistakes={"front": FRONTS, "chosen": CHOICES},
    say=_said_of_choice,
    show=_wrong_choice,
)


# --- 7.4


Losses, Gradients = dict[str, float], dict[str, np.ndarray]


def _slopes(seed: int) -> dict[str, dict]:
    """Return losses and gradients of up to five heads, in units of their own, each in an order of its own."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(["size", "left", "pose", "odd", "angle"])[: (2, 3, 4, 2, 5, 2, 1, 3)[seed]].tolist()
    shape = [(5,), (2,), (3, 4), (7,), (1,), (4, 2), (6,), (2, 3, 2)][seed]
    units = {name: 10.0 ** rng.integers(-6, 4) for name in names}
    losses = {name: float(units[name] * rng.uniform(0.2, 3)) for name in names}
    gradients = {name: units[name] * rng.normal(size=shape) for name in names}
    order = names if seed == 0 else names[::-1] if seed in (1, 3) else rng.permutation(names).tolist()
    return {"losses": losses, "gradients": {name: gradients[name] for name in order}}


LOSSES = {
    "which is the logarithm of the sum: take the logarithms first": lambda v: np.log(v.sum()),
    "which is the sum of the losses: take their logarithms": lambda v: v.sum(),
    "which is a mean: it should be the sum": lambda v: np.log(v).mean(),
    "turn the sign round": lambda v: -np.log(v).sum(),
    "do not add 1 before the logarithm, that is not free of scale": lambda v: np.log1p(v).sum(),
    "use the natural logarithm, `np.log`, and not the one with the base 10": lambda v: np.log10(v).sum(),
    "use the natural logarithm, `np.log`, and not the one with the base 2": lambda v: np.log2(v).sum(),
    "which is the product of the losses: take its logarithm": np.prod,
    "do not cut it off at 0: the loss may be negative": lambda v: max(np.log(v).sum(), 0),
    "do not cut a logarithm off at 0: the loss may be negative": lambda v: np.maximum(np.log(v), 0).sum(),
    "a logarithm may be negative, so take no absolute values": lambda v: np.abs(np.log(v)).sum(),
    "take its sign as it is, the sum may be negative": lambda v: abs(np.log(v).sum()),
    "which is the half: it should be the whole sum": lambda v: np.log(v).sum() / 2,
}


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


def _of_losses(of: Callable[[np.ndarray], float]) -> Callable[[Losses, Gradients], float]:
    return lambda losses, gradients: of(np.array([*losses.values()]))


ORDER = "the keys may stand in any order: divide `gradients[name]` by `losses[name]`"
GRADIENTS = {
    "it is the plain sum of the gradients: divide each by its loss": _each(lambda loss, g: g),
    "it is the gradient of log(sum of losses): divide each gradient by its own loss": [
        lambda v, g: sum(g.values()) / sum(v.values())
    ],
    "all are divided by one loss: divide each gradient by its own": [
        lambda v, g: sum(g.values()) / next(iter(v.values())),
        lambda v, g: sum(g.values()) / [*v.values()][-1],
        lambda v, g: sum(g.values()) / np.mean([*v.values()]),
        lambda v, g: sum(g.values()) / np.prod([*v.values()]),
    ],
    "each gradient is multiplied by its loss: divide it": _each(lambda loss, g: g * loss),
    "it is a mean, and should be the sum": [lambda v, g: _each(lambda loss, g: g / loss)(v, g) / len(v)],
    "each gradient is divided by twice its loss: the slope of log(x) is 1/x": _each(lambda loss, g: g / (2 * loss)),
    "the sign is turned round": _each(lambda loss, g: -g / loss),
    ORDER: [_in_pairs(a, b) for a, b in [(list, list), (list, sorted), (sorted, list)]],
    "each gradient is multiplied by the logarithm of its loss: divide it by the loss": _each(
        lambda loss, g: g * np.log(loss)
    ),
    "each gradient is divided by its norm, and should be divided by its loss": _each(
        lambda loss, g: g / np.linalg.norm(g)
    ),
    "each gradient is divided by the square of its loss: the slope of log(x) is 1/x": _each(
        lambda loss, g: g / loss**2
    ),
    "each gradient is divided by the root of its loss: the slope of log(x) is 1/x": _each(
        lambda loss, g: g / np.sqrt(loss)
    ),
    "1 is added to each loss there: that is not free of scale": _each(lambda loss, g: g / (1 + loss)),
    "the slope of log(x) is 1/x": [
        _each(lambda loss, g: g / np.log(loss)),
        _each(lambda loss, g: np.log(np.abs(g))),
    ],
}


_gradient = _each(lambda loss, gradient: gradient / loss)


def _read_logs(result: object, case: dict) -> dict:
    result, shape = as_dict(result, ("loss", "gradient")), next(iter(case["gradients"].values())).shape
    gradient = as_array(result["gradient"], "the gradient", shape=shape)
    return {"loss": as_number(result["loss"], "the loss"), "gradient": gradient}


def _sum_of_logs(losses: Losses, gradients: Gradients) -> dict:
    return {"loss": np.log([*losses.values()]).sum(), "gradient": _gradient(losses, gradients)}


def _said_of_logs(words: str, case: dict, found: dict) -> str:
    if words in GRADIENTS or np.isclose(found["loss"], _sum_of_logs(**case)["loss"], rtol=1e-6):
        return f"the gradient is not right: {words}"
    losses = ", ".join(f"{loss:.4g}" for loss in case["losses"].values())
    return _joined(f"for the losses {losses} the loss is {found['loss']:.4g}", words)


function_question(
    "7.4",
    "A function from losses and their gradients to the sum of the logarithms and its gradient.",
    hints=[
        "`np.log` of each loss, added up, is the loss. For the gradient: what is the slope of log(x)?",
        "The chain rule: the gradient of log(L) is the gradient of L, divided by L.",
        "`sum(gradients[name] / losses[name] for name in losses)` is the gradient. The result has two keys.",
    ],
    right=_sum_of_logs,
    cases=lambda: [*map(_slopes, range(8))],
    read=_read_logs,
    tolerance=1e-4,
    mistakes={"loss": {words: _of_losses(way) for words, way in LOSSES.items()}, "gradient": GRADIENTS},
    say=_said_of_logs,
    also=lambda function, found: "In other units, the gradient stays as it is.",
)
