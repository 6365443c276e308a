"""The checks of exercise 15: compare, correct, keep silent and add up."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.optimize import minimize_scalar

from mos_checks import (
    apart,
    as_array,
    as_dict,
    as_number,
    describe,
    function_question,
    require,
    rounding_of,
)


class _Told(dict):
    """The arguments of a case, and what it is about in words."""

    def __init__(self, words: str, **arguments: object) -> None:
        super().__init__(arguments)
        self.words = words


def _old_answers(seed: int, rows: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "size": rng.normal(size=(rows, 2)),
        "left": rng.dirichlet(np.ones(10), size=rows),
        "odd": rng.random((rows, 1)),
    }


def _moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray], tolerance: float) -> list[str]:
    """Return the names of the heads that moved, in the order of the alphabet."""

    def same(name: str, old: np.ndarray) -> bool:
        fits = name in after and np.shape(after[name]) == old.shape
        return fits and np.allclose(after[name], old, rtol=0, atol=tolerance)

    return sorted(name for name, old in before.items() if not same(name, old))


def _read_listed(value: object, case: _Told) -> list[str]:
    listed = issubclass(type(value), list | tuple | set | frozenset)
    require(listed, f"a list (or a set) of names is wanted, and it gives {describe(value)}")
    return sorted(map(str, value))


def _wrong_names(case: _Told, found: list[str], wanted: list[str]) -> str:
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or extra:
        return f"{case.words}: {' and '.join(missing or extra)} should {'' if missing else 'not '}be in the list"
    return f"{case.words}: a name stands in the list twice"


_Move = tuple[dict[str, np.ndarray], dict[str, np.ndarray], float, str]


def _moves() -> Iterator[_Move]:
    """Yield answers before, after, the tolerance, and what happened in words."""
    for seed in range(3):
        before = _old_answers(seed)
        same = {name: values.copy() for name, values in before.items()}
        new = {"right": np.ones((6, 3)), **same}
        yield before, new, 1e-6, "a new head came, and no old answer moved"
        one = same | {"odd": same["odd"] + np.eye(6, 1, -seed) * 0.01}
        yield before, one, 1e-3, "one answer of odd moved up by 0.01, the tolerance is 0.001"
        down = same | {"size": same["size"] - np.eye(6, 2, -seed) * 0.01}
        yield before, down, 1e-3, "one answer of size moved down by 0.01, the tolerance is 0.001"
        yield before, one, 0.1, "one answer moved by 0.01, and the tolerance is 0.1"
    yield before, same, 0.0, "all answers are equal, and the tolerance is 0"
    swapped = same | {"odd": same["odd"][::-1].copy()}
    yield before, swapped, 1e-3, "the answers of odd came in another order"
    broken = same | {"left": np.where(np.eye(6, 10) > 0, np.nan, same["left"])}
    yield before, broken, 1e-3, "some answers of left are NaN now"
    for old, words in [(0.0, "0"), (1.0, "1")]:
        sure = before | {"odd": np.full((6, 1), old)}
        nan = sure | {"odd": np.where(np.eye(6, 1, -3) > 0, np.nan, old)}
        yield sure, nan, 1e-3, f"an answer of odd that was {words} is NaN now"
    infinite = same | {"size": np.where(np.eye(6, 2, -5) > 0, np.inf, same["size"])}
    yield before, infinite, 1e-3, "an answer of size is infinite now"
    yield before, {"odd": same["odd"], "left": same["left"]}, 1e-3, "size is gone"
    both = {"odd": same["odd"], "left": same["left"][::-1].copy()}
    yield before, both, 1e-3, "left moved, and size is gone"
    large = {"size": before["size"] + 1e4}
    yield large, {"size": large["size"] + 0.01}, 1e-3, "large answers all moved by 0.01"
    single = {name: values.astype("float32") for name, values in same.items()}
    yield before, single, 1e-3, "the same answers, rounded to 32 bits"


def _moves_among_many() -> Iterator[_Move]:
    """Yield cases with so many rows that a mean hides what a largest difference finds, and a norm finds too much."""
    before = _old_answers(3, rows=1000)
    rng = np.random.default_rng(4)
    for name in before:
        for sign, direction in [(1, "up"), (-1, "down")]:
            after = {other: values.copy() for other, values in before.items()}
            after[name][700, 0] += sign * 2e-3
            words = f"one of 1,000 answers of {name} moved {direction} by twice the tolerance, and a mean hides it"
            yield before, after, 1e-3, words
        for row, place in [(0, "first"), (999, "last")]:
            after = {other: before[other].copy() for other in reversed(before)}
            after[name][row, -1] += 1.1e-3
            words = f"the {place} of 1,000 answers of {name} moved by 1.1 times the tolerance"
            yield before, after, 1e-3, words
    for share, words in [(0.5, "half"), (0.9, "0.9 of")]:
        small = f"moved by {words} the tolerance, and a sum or a norm adds them up"
        for sign in (1, -1):
            after = {name: values + sign * share * 1e-3 for name, values in before.items()}
            yield before, after, 1e-3, f"all answers of 1,000 images {small}"
    after = {name: values + rng.choice([-5e-4, 5e-4], values.shape) for name, values in before.items()}
    some = "moved by half the tolerance, and a sum or a norm adds them up, some up and some down"
    yield before, after, 1e-3, f"all answers of 1,000 images {some}"


def _moves_of_shape() -> Iterator[_Move]:
    """Yield cases in which a head has another shape; mostly with equal numbers, which broadcasting would not tell."""
    before = _old_answers(5)
    wider = np.hstack([before["left"], np.zeros((6, 1))])
    yield before, before | {"left": wider}, 1e-3, "left has 11 classes now, and had 10"
    for old, new in [
        ((6, 1), (6,)),
        ((6, 1), (1,)),
        ((6, 1), (1, 1)),
        ((6, 1), ()),
        ((6, 1), (6, 3)),
        ((6, 3), (6, 1)),
        ((6, 2), (2, 6)),
    ]:
        constant = before | {"odd": np.full(old, 0.25)}
        case = f"odd has the shape {new} now, and had {old}; all its numbers are 0.25"
        yield constant, constant | {"odd": np.full(new, 0.25)}, 1e-3, case
    chosen = {"class": np.arange(1000) % 10}
    yield chosen, {"class": chosen["class"] + (np.arange(1000) == 999)}, 0.5, "the last class is another one"


def _cases_of_moves() -> list[_Told]:
    return [
        _Told(words, before=before, after=after, tolerance=tolerance)
        for before, after, tolerance, words in (*_moves(), *_moves_among_many(), *_moves_of_shape())
    ]


function_question(
    "15.1",
    "A function from the answers before and after, and a tolerance, to a list (or a set) of the heads that moved.",
    hints=[
        "Go through the names in `before`: each of them must still be in `after`, with the same shape.",
        "The largest difference decides, not the mean of all: one answer that moved is enough.",
        "A comparison with NaN is always False. So ask whether every answer is near enough, and list the heads of "
        "which that is not true. If you ask `np.allclose`: it has two tolerances.",
    ],
    right=_moved,
    cases=_cases_of_moves,
    read=_read_listed,
    show=_wrong_names,
    failed=lambda case, reason: f"{case.words}: {reason}",
)


def _head(
    seed: int, factor: float, scale: float, classes: int, rows: int = 1000, guessed: float = 0, precision: str = "f8"
) -> _Told:
    """Return what a head states, whose logits are `factor` times the honest ones, and the true classes.

    The share `guessed` of the true classes is replaced by any class, whatever the head states.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=(rows, classes))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (rng.random((rows, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    target = np.where(rng.random(rows) < guessed, rng.integers(classes, size=rows), target)
    stated = np.exp(factor * logits)
    words = "that is sometimes sure and wrong" if guessed else f"whose logits are {factor:g} times the honest ones"
    probability = (stated / stated.sum(axis=1, keepdims=True)).astype(precision)
    return _Told(f"for a head of {classes} classes {words}", probability=probability, target=target)


def _cases_of_heads() -> list[_Told]:
    return [
        _head(6, 2, 3, 4, guessed=0.1),
        _head(0, 2, 1.5, 4, rows=600),
        _head(1, 0.5, 1.5, 5),
        _head(2, 1, 1.5, 3),
        _head(3, 4, 1.5, 4, rows=1500),
        _head(4, 0.2, 1.5, 2),
        _head(5, 8, 0.5, 5),
        _head(7, 1.4, 3, 10, rows=450, precision="f4"),  # as `predict_on_batch` gives it
    ]


def _softened(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return the logarithms of the probabilities at a temperature."""
    logits = logits / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _smallest(loss: Callable[[float], float]) -> float:
    found = minimize_scalar(lambda log: loss(np.exp(log)), bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


def _logits(probability: np.ndarray) -> np.ndarray:
    return np.log(probability.astype("float64"))


def _temperature(probability: np.ndarray, target: np.ndarray, smoothing: float = 0) -> float:
    """Return the temperature whose cross-entropy is smallest, for labels that are smoothed as Keras does it."""
    logits = _logits(probability)
    wanted = np.eye(logits.shape[1])[target] * (1 - smoothing) + smoothing / logits.shape[1]
    return _smallest(lambda t: -(wanted * _softened(logits, t)).sum())


def _of_largest_cross_entropy(probability: np.ndarray, target: np.ndarray) -> float:
    logits, rows = _logits(probability), np.arange(len(target))
    return max((0.1, 10), key=lambda t: -_softened(logits, t)[rows, target].mean())  # it has one valley


def _of_smallest_squares(probability: np.ndarray, target: np.ndarray) -> float:
    logits, wanted = _logits(probability), np.eye(probability.shape[1])[target]
    return _smallest(lambda t: ((np.exp(_softened(logits, t)) - wanted) ** 2).sum())


def _of_matched_confidence(probability: np.ndarray, target: np.ndarray) -> float:
    logits, right = _logits(probability), (probability.argmax(axis=1) == target).mean()
    return _smallest(lambda t: abs(np.exp(_softened(logits, t)).max(axis=1).mean() - right))


def _of_each_class_alone(probability: np.ndarray, target: np.ndarray) -> float:
    """Return the temperature with the smallest binary cross-entropy over all columns."""
    logits, wanted = _logits(probability), np.eye(probability.shape[1])[target]

    def loss(t: float) -> float:
        p = np.exp(_softened(logits, t)).clip(1e-300, 1 - 1e-12)
        return -(wanted * np.log(p) + (1 - wanted) * np.log1p(-p)).sum()

    return _smallest(loss)


def _divided_by_columns(probability: np.ndarray, target: np.ndarray) -> float:
    logits, rows = _logits(probability).T, np.arange(len(target))
    return _smallest(lambda t: -_softened(logits, t)[target, rows].mean())


_NEAR = 0.02  # the question promises it


def _read_temperature(value: object, case: _Told) -> float:
    found = as_number(value, "the temperature", finite=False)
    require(np.isfinite(found), f"{case.words} it gives {found}: does your search stay between 0.1 and 10?")
    return found


def _said_of_head(case: _Told, found: float) -> str:
    return f"{case.words} it gives {found:.4g}, and {_temperature(**case):.4g}"


def _require_wide_search(found: list[float], cases: list[_Told]) -> None:
    """Refuse temperatures below zero, a search that ends too early, and one that is not exact enough."""
    given, best = np.array(found), np.array([_temperature(**case) for case in cases])
    off = np.abs(given / best - 1)
    first = int(np.argmax(off > _NEAR))
    said = f"{_said_of_head(cases[first], found[first])} is best"
    require(bool((given > 0).all()), f"{said}: a temperature is above zero")
    low, high = given.min(), given.max()
    short = np.allclose(given, best.clip(low, high), rtol=1.5 * _NEAR)
    reach = f"it never leaves {low:.3g} to {high:.3g}. Does your search reach from 0.1 to 10?"
    require(not short, f"{said}: {reach}")
    near = bool(((off < 0.15) | (np.abs(given - best) < 0.1)).all())
    steps = "Are your steps small enough, your numbers exact enough, and does every row count? Or is it another loss?"
    require(not near, f"{said}: that is near, but not within {_NEAR:.0%}. {steps}")


function_question(
    "15.2",
    "A function from the probabilities of a head and the true classes to the best temperature.",
    hints=[
        "First a function: the cross-entropy for one temperature. The logarithms of the probabilities are logits.",
        "Divide them by the temperature, and apply softmax again: `p ** (1 / t)`, divided by its sum in each row.",
        "Then look for its smallest value between 0.1 and 10: with `scipy.optimize.minimize_scalar(..., "
        'method="bounded")`, or among a few hundred temperatures, each 1% above the one before (`np.geomspace`).',
    ],
    seconds=120,
    right=_temperature,
    cases=_cases_of_heads,
    read=_read_temperature,
    mistakes={
        "that is one divided by the temperature": lambda p, y: 1 / _temperature(p, y),
        "that is the logarithm of the temperature": lambda p, y: np.log(_temperature(p, y)),
        "that is the logarithm of the temperature, to the base 10": lambda p, y: np.log10(_temperature(p, y)),
        "that is the temperature with a minus: a temperature is above zero": lambda p, y: -_temperature(p, y),
        "it is 1 for every head. No temperature changes the accuracy, and if the predicted probabilities are the "
        "targets, 1 is always best. Compare with the true classes": lambda p, y: 1,
        "a head may also be not sure enough, and then the temperature is below 1": (
            lambda p, y: max(_temperature(p, y), 1)
        ),
        "a head may also be too sure, and then the temperature is above 1": lambda p, y: min(_temperature(p, y), 1),
        "that is the highest of all: do you divide the powers by their sum in each row? Without that, a higher "
        "temperature always looks better": lambda p, y: 10,
        "that is the lowest of all: do you look for the smallest cross-entropy of the true class? The predicted "
        "class looks best when the head is most sure, and no temperature changes the accuracy": lambda p, y: 0.1,
        "the head stated probabilities, and you use them as logits: take their logarithms first": (
            lambda p, y: _temperature(np.exp(p.astype("float64")), y)
        ),
        "that has the smallest squared error, and the smallest cross-entropy is wanted": _of_smallest_squares,
        "that makes the mean of what is stated equal to the accuracy, and the smallest cross-entropy is wanted": (
            _of_matched_confidence
        ),
        "that is best for a binary cross-entropy of each column. The true class counts alone": _of_each_class_alone,
        "that divides the powers by their sum in each column. The probabilities of one image stand in a row": (
            _divided_by_columns
        ),
        "that has the largest cross-entropy, and the smallest is wanted": _of_largest_cross_entropy,
        **{
            f"that is best for soft targets, in which the true class has {1 - share:.0%} and the others a share of "
            "the rest (label smoothing). The true class counts alone": partial(_temperature, smoothing=share)
            for share in (0.01, 0.05, 0.1, 0.2)
        },
    },
    otherwise=[_require_wide_search],
    # Half of what is promised relative to the right temperature, and half absolute, as a mistake may be close to zero.
    tolerance=_NEAR / 2,
    decimals=0,
    scale=_temperature,
    say=lambda words, case, found: f"{_said_of_head(case, found)} is best: {words}",
    show=lambda case, found, wanted: f"{_said_of_head(case, found)} has a smaller cross-entropy",
)


def _columns(probability: np.ndarray) -> np.ndarray:
    """Return a column for each class."""
    one = probability.shape[1] == 1
    return np.hstack([1 - probability, probability]) if one else probability


def _decided(
    predicted: dict[str, np.ndarray], thresholds: dict[str, float], columns: Callable = _columns, default: float = 0
) -> dict[str, np.ndarray]:
    """Return the classes that the heads decide for, or -1."""
    found = {}
    for name, probability in predicted.items():
        stated = columns(probability)
        sure = stated.max(axis=1) >= thresholds.get(name, default)
        found[name] = np.where(sure, _columns(probability).argmax(axis=1), -1)
    return found


def _above(predicted: dict[str, np.ndarray], thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    return _decided(predicted, {name: np.nextafter(value, 2) for name, value in thresholds.items()})


def _by_the_only_column(predicted: dict[str, np.ndarray], thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    """Return what comes out if a sigmoid head is taken for a softmax of one class."""
    found = _decided(predicted, thresholds, lambda p: p)
    alone = [name for name, p in predicted.items() if p.shape[1] == 1]
    return found | {name: np.where(found[name] < 0, -1, 0) for name in alone}


def _one_threshold(predicted: dict[str, np.ndarray], thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    return _decided(predicted, dict.fromkeys(predicted, next(iter(thresholds.values()), 0)))


def _turned(predicted: dict[str, np.ndarray], thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the classes where a head should be silent, and the other way round."""
    everything, said = _decided(predicted, {}), _decided(predicted, thresholds)
    return {name: np.where(said[name] < 0, everything[name], -1) for name in said}


def _without_classes(predicted: dict[str, np.ndarray], thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.where(values < 0, -1, 1) for name, values in _decided(predicted, thresholds).items()}


def _cases_of_decisions() -> list[dict]:
    """Return heads with and without a threshold, with answers exactly at it."""
    sharp = {"odd": np.array([[0.9], [0.25], [0.0625], [0.5]]), "size": np.array([[0.75, 0.25], [0.5, 0.5]] * 2)}
    cases = [(sharp, {"odd": 0.75, "size": 0.75}), (sharp, {"size": 0.75}), (sharp, {})]
    for seed, (classes, rows) in enumerate([(3, 6), (10, 40), (4, 25)]):
        rng = np.random.default_rng(seed)
        heads = {"digit": rng.dirichlet(np.full(classes, 0.3), size=rows), "odd": rng.random((rows, 1))}
        heads["mirror"] = rng.dirichlet(np.ones(2), size=rows)
        own = {"odd": 0.7, "digit": 0.6} if seed else {"digit": 0.55, "mirror": 0.8, "odd": 0.95}
        cases.append((heads, own | {"odd": float(max(heads["odd"][0, 0], 1 - heads["odd"][0, 0]))}))
    cases.append(({"odd": np.array([[0.2], [0.99]])}, {"odd": 2.0}))
    unsure = np.array([[0.3, 0.3, 0.4], [0.2, 0.5, 0.3], [0.375, 0.375, 0.25]])
    cases.append(({"digit": unsure, "place": np.full((2, 50), 0.02)}, {}))
    return [{"predicted": predicted, "thresholds": thresholds} for predicted, thresholds in cases]


def _read_decisions(value: object, case: dict) -> dict[str, np.ndarray]:
    found = as_dict(value, case["predicted"], "the result")
    return {
        name: as_array(found[name], f"the decisions of {name}", shape=(len(p),), finite=False).astype(float)
        for name, p in case["predicted"].items()
    }


def _wrong_decision(case: dict, found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> str:
    for name, right in wanted.items():
        off = np.flatnonzero(found[name] != right)
        if len(off):
            row, limit = off[0], case["thresholds"].get(name)
            stated = np.array2string(case["predicted"][name][row], precision=3, separator=", ")
            asked = "no threshold" if limit is None else f"the threshold {limit:.3g}"
            about = f"{name} predicts {stated}, and has {asked}"
            return f"{about}: that should give {right[row]:g}, and you give {found[name][row]:g}"
    return "the decisions are wrong"


function_question(
    "15.3",
    "A function from what the heads predict, and their thresholds, to their decisions: a class, or -1 for silence.",
    hints=[
        "Give a sigmoid head two columns first: `np.hstack([1 - p, p])`. Then all heads are alike.",
        "The largest number of a row says how sure the head is, and its place which class: `max(axis=1)` and "
        "`argmax(axis=1)`.",
        "`np.where(sure >= threshold, classes, -1)`, with `thresholds.get(name, 0)` for a head that has none.",
    ],
    right=_decided,
    cases=_cases_of_decisions,
    read=_read_decisions,
    mistakes={
        "a probability that is exactly the threshold is enough": _above,
        "a sigmoid head is sure of class 0 too, with one minus what it predicts": lambda p, t: _decided(
            p, t, lambda q: q if q.shape[1] > 1 else np.where(q > 0.5, q, 0)
        ),
        "the sigmoid head has one column, so its largest is always the first: give it a column for class 0 too": (
            _by_the_only_column
        ),
        "a head without a threshold always decides": [
            lambda p, t: _decided(p, t, default=2),
            lambda p, t: _decided(p, t, default=0.5),
        ],
        "each head has a threshold of its own": _one_threshold,
        "you say the classes where the head should be silent": _turned,
        "you say that a head decides, and not for which class": _without_classes,
        "no head is ever silent": lambda p, t: _decided(p, {}),
    },
    show=_wrong_decision,
)


def _workers(
    seed: int, counts: list[int], shapes: dict[str, tuple[int, ...]], precision: str = "f8"
) -> list[dict[str, np.ndarray]]:
    """Return each worker's mean gradient, NaN without rows. Each worker names the variables in an order of its own."""
    rng = np.random.default_rng(seed)
    rows = {name: rng.normal(size=(sum(counts), *shape)) for name, shape in shapes.items()}
    parts = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    means = []
    for turn, part in enumerate(parts):
        order = [*rows][turn % len(rows) :] + [*rows][: turn % len(rows)]
        empty = {name: np.full(shapes[name], np.nan) for name in order}
        mean = {name: rows[name][part].mean(axis=0) for name in order} if len(part) else empty
        means.append({name: np.asarray(value, precision) for name, value in mean.items()})
    return means


_TWO = {"trunk": (3, 2), "digit": (4,)}
_THREE = {"kernel": (2, 3), "bias": (3,), "scale": (1,)}


def _cases_of_gradients() -> list[dict]:
    many = [[5, 2], [4, 4], [1, 6, 3], [3, 0], [0, 5, 2], [2, 5, 0, 1], [7], [0, 0, 4, 0]]
    cases = [(_workers(seed, counts, _TWO), counts) for seed, counts in enumerate(many)]
    cases.append((_workers(20, [31, 2, 128], _THREE, "f4"), [31, 2, 128]))
    for seed, counts in enumerate([[4, 3], [2, 0, 3]]):
        spoiled = _workers(seed, counts, _TWO)
        spoiled[-1]["trunk"][1, 0] = np.nan
        cases.append((spoiled, counts))
    lost = _workers(9, [3, 5], _TWO)
    lost[0] = {name: np.full_like(values, np.nan) for name, values in lost[0].items()}
    return [{"gradients": gradients, "counts": counts} for gradients, counts in [*cases, (lost, [3, 5])]]


def _combined(gradients: list[dict[str, np.ndarray]], counts: list[int]) -> dict[str, np.ndarray]:
    busy = [(found, count) for found, count in zip(gradients, counts, strict=True) if count]
    return {name: sum(found[name] * (count / sum(counts)) for found, count in busy) for name in gradients[0]}


def _read_gradients(value: object, case: dict) -> dict[str, np.ndarray]:
    require(rounding_of(value) == 0, "its numbers have 16 bits, and those of the workers have more: keep them all")
    like = case["gradients"][0]
    found = as_dict(value, like, "the result")
    return {
        name: as_array(found[name], f"the gradient of {name}", shape=part.shape, finite=False)
        for name, part in like.items()
    }


def _wrong_number(case: dict, found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> str:
    off = {
        name: np.where(
            np.isnan(found[name]) & np.isnan(value), 0, np.nan_to_num(np.abs(found[name] - value), nan=np.inf)
        )
        for name, value in wanted.items()
    }
    name = max(off, key=lambda name: off[name].max())
    place = np.unravel_index(off[name].argmax(), off[name].shape)
    one, other = apart(float(found[name][place]), float(wanted[name][place]))
    wrong = f"with {case['counts']} rows, the gradient of {name} is wrong"
    return f"{wrong}: its number at {[int(i) for i in place]} is {one}, and should be {other}"


def _require_no_nan(results: list[dict[str, np.ndarray]], cases: list[dict]) -> None:
    """Refuse NaN that is hidden, spread, or taken from a worker without rows, if there is nothing else to refuse."""
    wrong = []
    for case, result in zip(cases, results, strict=True):
        wanted = _combined(**case)
        spoiled = any(np.isnan(value).any() for value in wanted.values())
        for name, value in wanted.items():
            found = np.isnan(result[name])
            if np.allclose(result[name], value, rtol=1e-5, atol=1e-5, equal_nan=True):
                continue
            if not spoiled and not found.any():
                return
            wrong.append((case["counts"], name, found, np.isnan(value)))
    for counts, name, found, wanted in wrong:
        said = f"with {counts} rows, the gradient of {name} is wrong"
        hidden = "a worker with rows sent NaN, and the result hides it: leave out only workers without rows, so that a "
        hidden += "worker that went wrong is seen"
        require(not (wanted & ~found).any(), f"{said}: {hidden}")
        spread = "it is NaN in more places than the worker that sent NaN"
        require(not (wanted.any() and (found & ~wanted).any()), f"{said}: {spread}")
        hollow = "a worker without rows has a mean of NaN, so leave it out"
        require(not (found.any() and 0 in counts), f"{said}: {hollow}")
        require(not (found & ~wanted).any(), f"{said}: it holds NaN, and no worker sent any")


def _sum(parts: list[np.ndarray], counts: list[int]) -> np.ndarray:
    return np.sum(parts, axis=0)


def _sum_of_rows(parts: list[np.ndarray], counts: list[int]) -> np.ndarray:
    return sum(part * count for part, count in zip(parts, counts, strict=True))


def _mean_of_numbers(parts: list[np.ndarray], counts: list[int]) -> np.ndarray:
    known = ~np.isnan(parts)
    return np.where(known.any(axis=0), np.nansum(parts, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)


def _busy(counts: list[int]) -> int:
    return sum(count > 0 for count in counts)


def _as_sent(part: np.ndarray, count: int) -> np.ndarray:
    return part


def _with_zeros(part: np.ndarray, count: int) -> np.ndarray:
    return part if count else np.zeros_like(part)


def _without_nan(part: np.ndarray, count: int) -> np.ndarray:
    return np.nan_to_num(part)


def _ways(rule: Callable, treatments: tuple = (_as_sent, _with_zeros, _without_nan)) -> list[Callable]:
    """Return functions that apply a rule to what the workers sent for each variable, for each way to treat NaN."""

    def way(treat: Callable) -> Callable:
        return lambda gradients, counts: {
            name: rule([treat(sent[name], count) for sent, count in zip(gradients, counts, strict=True)], counts)
            for name in gradients[0]
        }

    return [way(treat) for treat in treatments]


FEW = "a worker with few rows counts as much as one with many"

function_question(
    "15.4",
    "A function from the workers' mean gradients and their numbers of rows to the gradient of the whole batch.",
    hints=[
        "A mean over all rows is the sum over all rows, divided by their number. What is the sum of one worker's rows?",
        "Mean times count. Add these up over the workers, and divide by the count of all.",
        "A worker without rows has a mean of NaN, and NaN times zero is NaN: leave it out, by its count.",
    ],
    right=_combined,
    cases=_cases_of_gradients,
    read=_read_gradients,
    mistakes={
        FEW: _ways(lambda parts, counts: _sum(parts, counts) / len(counts)),
        # Where NaN stays NaN, leaving out those without rows makes no difference.
        f"{FEW}; where a worker has none, it is left out": _ways(
            lambda parts, counts: _sum(parts, counts) / _busy(counts), (_with_zeros, _without_nan)
        ),
        f"{FEW}, and whoever sends NaN is left out": _ways(_mean_of_numbers, (_as_sent,)),
        "it is the sum over the workers": _ways(_sum),
        "it is the sum over the rows: divide by the number of all rows": _ways(_sum_of_rows),
        "divide by the number of all rows, not by the number of workers": _ways(
            lambda parts, counts: _sum_of_rows(parts, counts) / len(counts)
        ),
        "divide by the number of all rows, not by the number of workers with rows": _ways(
            lambda parts, counts: _sum_of_rows(parts, counts) / _busy(counts), (_with_zeros, _without_nan)
        ),
    },
    otherwise=[_require_no_nan],
    say=lambda words, case, found: f"with {case['counts']} rows, the gradients are wrong: {words}",
    show=_wrong_number,
)
