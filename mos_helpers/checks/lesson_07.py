"""The checks of exercise 7: count, schedule, choose and rescale."""

from collections.abc import Callable

import keras
import numpy as np

from mos_helpers.checks._engine import (
    as_array,
    as_dict,
    as_function,
    as_number,
    call,
    call_kept,
    describe,
    question,
    require,
)

Heads = dict[str, dict]


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
    for seed in range(8):
        heads, batch_size = _heads(seed)
        wanted = _shares({name: _part(head, batch_size) for name, head in heads.items()})
        result = call_kept(function, heads=heads, batch_size=batch_size)
        found = {name: as_number(part, f"the share of {name}") for name, part in as_dict(result, heads).items()}
        _require_shares(found, wanted, heads, batch_size)
    return "A mean beside a sum over 128 images has a share of 0.8%."


def _heads(seed: int) -> tuple[Heads, int]:
    """Return made-up heads, of which the first is a mean and the second a sum, and a batch size."""
    rng = np.random.default_rng(seed)
    names = ["digit", "odd", "pose", "tags"][: 2 + seed % 3]
    reductions = ["mean", "sum", *rng.choice(["mean", "sum"], size=2)]
    heads = {
        name: {
            "reduction": str(reduction),
            "labels": int(rng.integers(2, 9)),
            "weight": float(rng.choice([0.15, 0.7, 2.5, 6.0])),
        }
        for name, reduction in zip(names, reductions, strict=False)
    }
    if seed == 1:
        heads["digit"]["weight"] = 0.0
    return heads, int(rng.integers(2, 65))


def _part(head: dict, batch_size: int) -> float:
    return head["weight"] * (batch_size * head["labels"] if head["reduction"] == "sum" else 1)


def _shares(parts: dict[str, float]) -> dict[str, float]:
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()}


def _require_shares(found: dict[str, float], wanted: dict[str, float], heads: Heads, batch_size: int) -> None:
    """Say what is wrong with the shares."""

    def near(other: dict[str, float]) -> bool:
        return all(np.isclose(found[name], other[name], rtol=1e-4, atol=1e-9) for name in found)

    if near(wanted):
        return
    case = (
        f"for {heads} and batches of {batch_size} it gives { ({name: float(f'{v:.4g}') for name, v in found.items()}) }"
    )
    parts = {name: _part(head, batch_size) for name, head in heads.items()}
    require(not near(parts), f"{case}, which are no shares yet: divide each by the sum of all")
    largest = {name: part / max(parts.values()) for name, part in parts.items()}
    require(not near(largest), f"{case}: they are divided by the largest, and should be divided by their sum")

    percent = {name: 100 * share for name, share in wanted.items()}
    require(not near(percent), f"{case}, which are percent: the shares should have the sum 1, and not 100")

    def changed(part: object) -> bool:
        values = {name: part(head) for name, head in heads.items()}
        return near(values) or (sum(values.values()) != 0 and near(_shares(values)))

    size = {"sum": lambda head: batch_size * head["labels"], "mean": lambda head: 1}
    reasons = {
        "the loss weights are left out": lambda h: size[h["reduction"]](h),
        "only the loss weights count there, and a sum is larger than a mean": lambda h: h["weight"],
        "the labels of each image are left out: a sum adds them up too": lambda h: (
            h["weight"] * (batch_size if h["reduction"] == "sum" else 1)
        ),
        "the size of the batch is left out: a sum grows with it": lambda h: (
            h["weight"] * (h["labels"] if h["reduction"] == "sum" else 1)
        ),
        "a mean grows with the number of labels there, and should not": lambda h: (
            h["weight"] * h["labels"] * (batch_size if h["reduction"] == "sum" else 1)
        ),
        "a mean and a sum have the same size there": lambda h: h["weight"] * batch_size * h["labels"],
        "a mean is divided by the size of the batch once more: it has the size of one loss already": lambda h: (
            h["weight"] * (batch_size * h["labels"] if h["reduction"] == "sum" else 1 / batch_size)
        ),
        "a mean is divided by the number of labels once more: it has the size of one loss already": lambda h: (
            h["weight"] * (batch_size * h["labels"] if h["reduction"] == "sum" else 1 / h["labels"])
        ),
        "sum and mean are swapped": lambda h: (
            h["weight"] * (batch_size * h["labels"] if h["reduction"] == "mean" else 1)
        ),
    }
    for reason, part in reasons.items():
        require(not changed(part), f"{case}: {reason}")
    text = ", ".join(f"{name} {share:.4g}" for name, share in wanted.items())
    require(False, f"{case}, and the shares are {text}")


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
    cases = [(0.0, 1.0, 4, 0), (0.0, 1.0, 4, 2), (3.0, 0.5, 5, 0), (0.01, 1000.0, 7, 0), (2.0, 0.0, 1, 0), (1, 5, 3, 6)]
    for start, end, epochs, initial in cases:
        variable = keras.Variable(-7.0, trainable=False)
        callback = call(function, variable, start, end, epochs)
        is_class = isinstance(callback, type) and issubclass(callback, keras.callbacks.Callback)
        require(not is_class, "your function returns a class: call it, to return an object of it")
        kind = f"your function should return a Keras callback, and gives {describe(callback)}"
        require(isinstance(callback, keras.callbacks.Callback), kind)
        of_rate = isinstance(callback, keras.callbacks.LearningRateScheduler)
        require(not of_rate, "a LearningRateScheduler changes the learning rate, and the variable should change")
        found = _course(callback, variable, range(initial, initial + epochs + 3))
        _require_course(found, start, end, epochs, initial)


def _course(callback: keras.callbacks.Callback, variable: keras.Variable, numbers: range) -> np.ndarray:
    """Return the value of the variable during each of these epochs, as `fit` would call the callback."""

    def run(method: str, *args: object) -> None:
        hook = getattr(callback, method)
        try:
            hook(*args, None)
        except Exception as error:
            require(False, f"your callback's {method} raised {type(error).__name__}: {str(error)[:120]}")

    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
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


def _require_course(found: np.ndarray, start: float, end: float, epochs: int, initial: int) -> None:
    """Say what is wrong with the values of the variable in the epochs from `initial` on."""
    numbers = np.arange(initial, initial + len(found))
    scale = max(abs(start), abs(end))

    def near(values: np.ndarray) -> bool:
        return bool(np.allclose(found, values, rtol=1e-4, atol=1e-5 * scale))

    def line(shares: np.ndarray) -> np.ndarray:
        return start + shares * (end - start)

    wanted = line(np.minimum(numbers / epochs, 1))
    if near(wanted):
        return
    shown = ", ".join(f"{value:.4g}" for value in found)
    case = f"with start={start:g}, end={end:g}, epochs={epochs} and the first epoch number {initial} it is {shown}"
    require(
        not bool((found == -7).any()), f"{case}: -7 is the value from before, so the callback did not set it in time"
    )
    require(not near(line(numbers / epochs)), f"{case}: after epoch {epochs} it should stay at {end:g}")
    counted = line(np.minimum((numbers - initial) / epochs, 1))
    continued = f"{case}: it begins at the start again, and a continued training needs the number of the epoch"
    require(initial == 0 or not near(counted), continued)
    adds = initial > 0 and bool(np.isclose(found[0], -7 + (end - start) / epochs))
    added = "it adds to the value from before, which is -7: compute the value from the number of the epoch"
    require(not adds, f"{case}: {added}")
    late = initial > 0 and near(np.append(start, wanted[1:]))
    first = "its first epoch has the value start: set the variable when an epoch begins, from the number of the epoch"
    require(not late, f"{case}: {first}")
    cut = [np.minimum(line(numbers / epochs), end), np.clip(line(numbers / epochs), start, end)]
    grows = "start may be larger than end, and then the variable falls: `min` and `max` of the values turn round"
    require(start <= end or not any(map(near, [*cut, np.maximum(start, cut[0])])), f"{case}: {grows}")
    jumps = epochs > 1 and near(line(np.minimum(numbers // epochs, 1)))
    require(not jumps, f"{case}: it changes only once: divide with / and not with //")
    if min(start, end) > 0:
        factors = start * (end / start) ** np.minimum(numbers / epochs, 1)
        require(not near(factors), f"{case}: it changes by the same factor in each epoch, and not by the same amount")
    require(not near(line(np.minimum((numbers + 1) / epochs, 1))), f"{case}: it is one epoch too early")
    require(not near(line(np.clip((numbers - 1) / epochs, 0, 1))), f"{case}: it is one epoch too late")
    early = epochs > 1 and near(line(np.minimum(numbers / max(1, epochs - 1), 1)))
    require(not early, f"{case}: {end:g} belongs to epoch number {epochs}, and not to the one before")
    turned = line(1 - np.minimum(numbers / epochs, 1))
    require(not near(turned), f"{case}: it goes from end to start, so turn it round")
    require(not near(np.minimum(numbers / epochs, 1)), f"{case}: it goes from 0 to 1, whatever start and end are")
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
    for weights, left, odd, promise in _tables():
        result = call_kept(function, weights=list(weights), left=left, odd=odd, promise=promise)
        result = as_dict(result, ("front", "chosen"))
        points = _points(left, odd)
        _require_front(result["front"], weights, points, (left, odd))
        _require_chosen(result["chosen"], weights, points, promise, (left, odd))


def _tables() -> list[tuple[list[float], np.ndarray, np.ndarray, float]]:
    """Return tables whose means are exact: all accuracies are multiples of 1/64, and there are 1, 2 or 4 runs."""
    tables = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        count, runs = int(rng.integers(4, 9)), int(rng.choice([1, 2, 4]))
        weights = np.round(np.geomspace(0.1, 100, count), 3)[:: 1 if seed % 2 else -1].tolist()
        left, odd = (rng.integers(32, 60, size=(runs, count)) / 64 for _ in range(2))
        if seed % 3 == 0:  # two weights with the same points, and two with the same best left
            left[:, 1], odd[:, 1] = left[:, 0], odd[:, 0]
            left[:, 2], left[:, 3] = 62 / 64, 62 / 64
            odd[:, 2], odd[:, 3] = 40 / 64, 45 / 64
        quantile = 1.0 if seed % 4 == 1 else 0.4
        promise = float(np.sort(odd.mean(axis=0))[int(quantile * (count - 1))])
        tables.append((weights, left, odd, promise + (1 / 64 if seed % 4 == 3 else 0)))
    left, odd = np.array([[0.5, 0.75]]), np.array([[0.75, 0.5]])
    return [*tables, ([0.5, 2.0], left, odd, 0.875), ([1.0], left[:, :1], odd[:, :1], 0.75)]


def _points(
    left: np.ndarray, odd: np.ndarray, of_runs: Callable[..., np.ndarray] = np.mean
) -> list[tuple[float, float]]:
    """Return one point for each weight, the mean or another number of its runs."""
    return list(zip(of_runs(left, axis=0).tolist(), of_runs(odd, axis=0).tolist(), strict=True))


def _of_other_runs(left: np.ndarray, odd: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    """Return the points of those who do not take the mean over the runs."""
    return {
        "the first run": _points(left[:1], odd[:1]),
        "the best run": _points(left, odd, np.max),
        "the worst run": _points(left, odd, np.min),
        "the median of the runs": _points(left, odd, np.median),
    }


def _front(weights: list[float], points: list[tuple[float, float]]) -> list[float]:
    return [weight for weight, point in zip(weights, points, strict=True) if not _beaten(point, points)]


def _beaten(point: tuple[float, float], points: list[tuple[float, float]]) -> bool:
    return any(a >= point[0] and b >= point[1] and (a, b) != point for a, b in points)


def _require_front(
    found: object, weights: list[float], points: list[tuple[float, float]], runs: tuple[np.ndarray, np.ndarray]
) -> None:
    """Say what is wrong with the list of weights that nothing beats."""
    front = as_array(found, "the front", shape=(None,)).tolist()
    table = "; ".join(f"{w:g}: {a:.3f}, {b:.3f}" for w, (a, b) in zip(weights, points, strict=True))
    case = f"for the means (weight: left, odd) {table} the front is {[float(f'{w:g}') for w in front]}"
    strange = [weight for weight in front if not any(np.isclose(weight, known) for known in weights)]
    require(
        not strange, f"{case}, and {strange[0] if strange else 0:g} is none of the weights: is it a place in the list?"
    )
    wanted = _front(weights, points)
    strict = [w for w, p in zip(weights, points, strict=True) if not any(a > p[0] and b > p[1] for a, b in points)]
    missing = [weight for weight in wanted if not any(np.isclose(weight, other) for other in front)]
    extra = [weight for weight in front if not any(np.isclose(weight, other) for other in wanted)]

    def like(other: list[float]) -> bool:
        return len(front) == len(other) and bool(np.allclose(front, other))

    if missing or extra:
        alone = [weight for weight in wanted if points.count(points[weights.index(weight)]) == 1]
        twins = f"{missing[0] if missing else 0:g} is missing: two equal points do not beat each other"
        require(not like(alone), f"{case}, and {twins}")
        equal = "a point with the same number in one head and more in the other beats it"
        require(not like(strict), f"{case}, and {extra[0] if extra else 0:g} does not belong to it: {equal}")
        for name, other in _of_other_runs(*runs).items():
            taken = like(_front(weights, other))
            require(not taken, f"{case}, which is the front of {name}: take the mean over the runs")
    require(not missing, f"{case}, and {missing[0] if missing else 0:g} is missing: nothing beats it")
    require(not extra, f"{case}, and {extra[0] if extra else 0:g} does not belong to it: another weight beats it")
    require(len(front) == len(wanted), f"{case}: a weight stands there twice")
    require(bool(np.allclose(front, wanted)), f"{case}: keep the order in which the weights were given")


def _require_chosen(
    found: object,
    weights: list[float],
    points: list[tuple[float, float]],
    promise: float,
    runs: tuple[np.ndarray, np.ndarray],
) -> None:
    """Say what is wrong with the chosen weight."""
    keeping = [number for number, point in enumerate(points) if point[1] >= promise]
    table = "; ".join(f"{w:g}: {a:.3f}, {b:.3f}" for w, (a, b) in zip(weights, points, strict=True))
    case = f"for the means (weight: left, odd) {table} and the promise {promise:.3f} the chosen weight is"
    if not keeping:
        require(found is None, f"{case} {describe(found)}: no weight keeps the promise, so it should be None")
        return
    none = "some weights keep the promise: the mean over the runs counts, and >= is enough"
    require(found is not None, f"{case} None, and {none}")
    number = as_number(found, "the chosen weight")
    best = max(points[place] for place in keeping)
    if any(np.isclose(number, weights[place]) and points[place] == best for place in keeping):
        return
    case = f"{case} {number:g}"
    places = [place for place, weight in enumerate(weights) if np.isclose(number, weight)]
    require(bool(places), f"{case}, which is none of the weights")
    point = points[places[0]]
    require(point[1] >= promise, f"{case}, which does not keep it")
    require(point[0] != best[0], f"{case}: another one has the same left and a better odd")
    summed = max(sum(points[place]) for place in keeping)
    require(sum(point) != summed, f"{case}, which has the best mean of both: take the best left that keeps the promise")
    highest = max(point[1] for point in points)
    require(point[1] != highest, f"{case}, which has the best odd: take the best left that keeps the promise")
    in_each = [number for number in keeping if (runs[1][:, number] >= promise).all()]
    strict = bool(in_each) and places[0] == max(in_each, key=lambda number: points[number])
    require(not strict, f"{case}, which keeps the promise in each run: take the mean over the runs")
    one_run = int(np.argmax(np.where(runs[1] >= promise, runs[0], 0).max(axis=0)))
    require(places[0] != one_run, f"{case}: take the mean over the runs first, and not the best run")
    require(False, f"{case}, and a weight that keeps the promise has a better left: {best[0]:.3f}")


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
    shapes = [(5,), (2,), (3, 4), (7,), (1,), (4, 2)]
    for seed, shape in enumerate(shapes):
        rng = np.random.default_rng(seed)
        names = ["left", "odd", "pose", "size"][: 2 + seed % 3]
        units = {name: 10.0 ** rng.integers(-3, 4) for name in names}
        losses = {name: float(units[name] * rng.uniform(0.2, 3)) for name in names}
        gradients = {name: units[name] * rng.normal(size=shape) for name in names}
        if seed % 2:  # the same keys, in another order
            gradients = {name: gradients[name] for name in reversed(names)}
        result = as_dict(call_kept(function, losses=losses, gradients=gradients), ("loss", "gradient"))
        loss = as_number(result["loss"], "the loss")
        gradient = as_array(result["gradient"], "the gradient", shape=shape)
        _require_loss(loss, np.array([*losses.values()]))
        by_place = sum(part / loss for part, loss in zip(gradients.values(), losses.values(), strict=True))
        in_order = np.array([gradients[name] for name in names])
        _require_gradient(gradient, np.array([*losses.values()]), in_order, by_place)
    return "In other units, the gradient stays as it is."


def _require_loss(found: float, losses: np.ndarray) -> None:
    """Say what is wrong with the sum of the logarithms."""
    wanted = float(np.log(losses).sum())
    case = f"for the losses {', '.join(f'{loss:.4g}' for loss in losses)} the loss is {found:.4g}"

    def near(other: float) -> bool:
        return bool(np.isclose(found, other, rtol=1e-4, atol=1e-4))

    if near(wanted):
        return
    require(not near(np.log(losses.sum())), f"{case}, which is the logarithm of the sum: take the logarithms first")
    require(not near(losses.sum()), f"{case}, which is the sum of the losses: take their logarithms")
    require(not near(np.log(losses).mean()), f"{case}, which is a mean: it should be the sum")
    require(not near(-wanted), f"{case}: turn the sign round")
    require(not near(np.log1p(losses).sum()), f"{case}: do not add 1 before the logarithm, that is not free of scale")
    other = near(np.log10(losses).sum()) or near(np.log2(losses).sum())
    require(not other, f"{case}: use the natural logarithm, `np.log`")
    require(not near(float(np.prod(losses))), f"{case}, which is the product of the losses: take its logarithm")
    cut = "do not cut it off at 0: the loss may be negative"
    require(not (near(max(wanted, 0)) or near(np.maximum(np.log(losses), 0).sum())), f"{case}: {cut}")
    require(False, f"{case}, and the sum of the logarithms is {wanted:.4g}")


def _require_gradient(found: np.ndarray, losses: np.ndarray, gradients: np.ndarray, by_place: np.ndarray) -> None:
    """Say what is wrong with the gradient of the sum of the logarithms."""
    column = losses.reshape(-1, *[1] * (gradients.ndim - 1))
    wanted = (gradients / column).sum(axis=0)

    def near(other: np.ndarray) -> bool:
        size = np.abs(other).max()
        return bool(np.allclose(found, other, rtol=1e-3, atol=1e-4 * size))

    if near(wanted):
        return
    reasons = {
        "it is the plain sum of the gradients: divide each by its loss": gradients.sum(axis=0),
        "it is the gradient of log(sum of losses): divide each gradient by its own loss": (
            gradients.sum(axis=0) / losses.sum()
        ),
        "each gradient is multiplied by its loss: divide it": (gradients * column).sum(axis=0),
        "it is a mean, and should be the sum": wanted / len(losses),
        "the sign is turned round": -wanted,
        "the keys may stand in another order: divide `gradients[name]` by `losses[name]`": by_place,
        "each gradient is multiplied by the logarithm of its loss: divide it by the loss": (
            (gradients * np.log(column)).sum(axis=0)
        ),
        "each gradient is divided by its length, and should be divided by its loss": sum(
            gradient / np.linalg.norm(gradient) for gradient in gradients
        ),
    }
    for reason, other in reasons.items():
        require(not near(other), f"the loss is right, and the gradient is not: {reason}")
    with np.errstate(all="ignore"):
        logs = [np.log(gradients).sum(axis=0), (gradients / np.log(column)).sum(axis=0)]
    by_log = any(np.isfinite(other).all() and near(other) for other in logs)
    require(not by_log, "the loss is right, and the gradient is not: the slope of log(x) is 1/x")
    small, large = found.ravel()[0], wanted.ravel()[0]
    text = f"its first number should be {large:.4g}, and yours is {small:.4g}"
    require(False, f"the loss is right, and the gradient is not: {text}")
