"""The checks of exercise 8: log-variances, their best values, DWA and GradNorm."""

from collections.abc import Callable, Sequence

import numpy as np

from mos_checks import as_array, as_dict, as_number, as_pair, function_question, require

NAMES = ("digit", "pose", "pose_2", "odd", "size")


def _shown(value: np.ndarray | float) -> str:
    numbers = [float(f"{number:.6g}") for number in np.ravel(value)]
    return f"{numbers[0]:g}" if np.ndim(value) == 0 else str(numbers)


# --- 8.1


def _objective_cases() -> list[dict]:
    cases = [{"losses": {"digit": 0.02}, "log_variances": {"digit": float(np.log(0.04))}, "regression": []}]
    cases += [_heads(np.random.default_rng(seed), scale=10.0 ** (seed % 4 - 2)) for seed in range(14)]
    optimum = {"pose": float(np.log(100)), "digit": float(np.log(4.6))}
    return [*cases, {"losses": {"digit": 2.3, "pose": 100.0}, "log_variances": optimum, "regression": ["pose"]}]


def _heads(rng: np.random.Generator, scale: float) -> dict:
    """Return losses, log-variances in another order, and which of the heads, any number of them, are regressions."""
    names = [str(name) for name in rng.permutation(NAMES)][: int(rng.integers(2, 5))]
    losses = {name: float(scale * rng.uniform(0.2, 3)) for name in names}
    log_variances = {name: float(rng.uniform(-2, 2)) for name in [*names[1:], names[0]]}
    regression = [str(name) for name in rng.permutation(names)][: int(rng.integers(len(names) + 1))]
    return {"losses": losses, "log_variances": log_variances, "regression": regression}


def _objective(
    losses: dict[str, float],
    log_variances: dict[str, float],
    regression: Sequence[str],
    halves: tuple[float, float] = (1.0, 0.5),
    weight: Callable = lambda s: np.exp(-s),
    price: float = 0.5,
) -> float:
    """Return the sum over the heads; `halves` has the factor of a classification and that of a regression."""
    return sum(
        halves[name in regression] * weight(log_variances[name]) * loss + price * log_variances[name]
        for name, loss in losses.items()
    )


def _size(losses: dict[str, float], log_variances: dict[str, float], regression: Sequence[str]) -> float:
    """Return the sum of the sizes of all terms, as their sum can be close to zero."""
    plain = _objective(losses, log_variances, regression, price=0)
    return plain + sum(0.5 * abs(s) for s in log_variances.values())


def _other(**options: object) -> Callable:
    return lambda *case: _objective(*case, **options)


def _by_order(losses: dict, log_variances: dict, regression: list) -> float:
    return _objective(losses, dict(zip(losses, log_variances.values(), strict=True)), regression)


def _first_heads(losses: dict, log_variances: dict, regression: list) -> float:
    return _objective(losses, log_variances, list(losses)[: len(regression)])


def _given_objective(case: dict, found: float) -> str:
    losses, log_variances = (
        {name: float(f"{value:.4g}") for name, value in case[part].items()} for part in ("losses", "log_variances")
    )
    given = f"for the losses {losses}, the log-variances {log_variances} and the"
    return f"{given} regressions {case['regression']} it gives {_shown(found)}"


function_question(
    "8.1",
    "A function from losses, log-variances and the names of the regressions to one number.",
    hints=[
        "Each head adds two terms: its loss times a weight, and half of its log-variance.",
        "The weight is exp(-s). A regression, and only a regression, has 0.5 * exp(-s).",
        "`np.exp(-log_variances[name])` is one weight. Go through the names and add up.",
    ],
    right=_objective,
    cases=_objective_cases,
    scale=_size,
    mistakes={
        "half of each log-variance is missing, without which all weights go to zero": _other(price=0),
        "the log-variances are added whole, and log sigma is half of s": _other(price=1),
        "half of each log-variance is subtracted, and should be added": _other(price=-0.5),
        "all heads have the factor 0.5, and it belongs to regressions only": _other(halves=(0.5, 0.5)),
        "no head has the factor 0.5, and it belongs to regressions": _other(halves=(1, 1)),
        "classifications have the factor 0.5, and it belongs to regressions": _other(halves=(0.5, 1)),
        "the weight is exp(s), and should be exp(-s): a noisy head counts less": _other(weight=np.exp),
        "s is taken as log sigma, and it is the logarithm of sigma squared": _other(
            weight=lambda s: np.exp(-2 * s), price=1
        ),
        "the weight is exp(-2s); s is the logarithm of sigma squared, so it is exp(-s)": _other(
            weight=lambda s: np.exp(-2 * s)
        ),
        "the weight is 1 / sigma, and should be 1 / sigma squared, which is exp(-s)": _other(
            weight=lambda s: np.exp(-s / 2)
        ),
        "this is a mean over the heads: add them up": lambda *case: _objective(*case) / len(case[0]),
        "a log-variance belongs to the loss of the same name, whatever their order": _by_order,
        "`regression` names the heads that are regressions, whatever their order": _first_heads,
        "the sum is negative here, and that is normal": lambda *case: max(_objective(*case), 0),
        "the sum is negative here, and that is normal: no absolute value": lambda *case: abs(_objective(*case)),
    },
    say=lambda words, case, found: f"{_given_objective(case, found)}: {words}",
    show=lambda case, found, wanted: f"{_given_objective(case, found)} instead of {_shown(wanted)}",
    also=lambda function, found: (
        f"For one head with the loss 0.02, at its best, your function gives {found[0]:.2f}: a negative number is fine."
    ),
)


# --- 8.2


def _optimum_cases() -> list[dict]:
    cases = [_heads(np.random.default_rng(100 + seed), [0.001, 0.01, 0.1, 10][seed % 4]) for seed in range(12)]
    cases = [{"losses": case["losses"], "regression": case["regression"]} for case in cases]
    return cases + [{"losses": {"digit": 2.3, "pose": pose}, "regression": ["pose"]} for pose in [100.0, 5.0]]


def _two_dictionaries(result: object, case: dict) -> list[dict[str, float]]:
    result = as_pair(result, "your function should return two dictionaries, the log-variances and the weights")
    given = as_dict(result[0], case["losses"], "the log-variances"), as_dict(result[1], case["losses"], "the weights")
    return [
        {name: as_number(value, f"the {what} of {name}") for name, value in part.items()}
        for part, what in zip(given, ["log-variance", "weight"], strict=True)
    ]


def _each(of_head: Callable[[float, float], float]) -> Callable:
    """Return a function that gives a number for each head, made of its loss and its half: 0.5 or 1."""
    return lambda losses, regression: {
        name: of_head(loss, 0.5 if name in regression else 1.0) for name, loss in losses.items()
    }


def _best(loss: float, half: float) -> float:
    return float(np.log(2 * half * loss))


def _optimum(losses: dict[str, float], regression: Sequence[str]) -> list[dict[str, float]]:
    return [_each(_best)(losses, regression), _each(lambda loss, half: 0.5 / loss)(losses, regression)]


def _smallest_weight(losses: dict[str, float], regression: Sequence[str]) -> float:
    return min(1.0, 0.5 / max(losses.values()))


WEIGHTS = {
    "a regression has the weight 0.5 * exp(-s)": _each(lambda loss, half: 0.5 / half / loss),
    "a classification has the weight exp(-s), without a half": _each(lambda loss, half: 0.25 / half / loss),
    "this is exp(s), and a larger loss gets a smaller weight": _each(lambda loss, half: 2 * half * loss),
    "this grows with the loss, and a larger loss gets a smaller weight": _each(lambda loss, half: 2 * half**2 * loss),
}


def _given_head(case: dict, found: list[dict[str, float]], words: str = "") -> str:
    """Return what was found for the first head that is not right, with words of a mistake or the right number."""
    wanted = _optimum(**case)
    part, name = next(
        (part, name)
        for part in ((1, 0) if words in WEIGHTS else (0, 1))
        for name in case["losses"]
        if not np.isclose(found[part][name], wanted[part][name], rtol=2e-3, atol=2e-3 * _smallest_weight(**case))
    )
    kind = "regression" if name in case["regression"] else "classification"
    given = f"for the {kind} {name} with the loss {case['losses'][name]:.4g} the {['log-variance', 'weight'][part]}"
    right = f": {words}" if words else f" instead of {_shown(wanted[part][name])}"
    return f"{given} is {_shown(found[part][name])}{right}"


function_question(
    "8.2",
    "A function from losses and the names of the regressions to two dictionaries: log-variances and weights.",
    hints=[
        "For a fixed loss, set the derivative of the objective with respect to s to zero. One head at a time.",
        "Regression: 0.5 * exp(-s) * L + 0.5 * s has the derivative -0.5 * exp(-s) * L + 0.5. When is that 0?",
        "s = log L for a regression, log 2L for a classification. The weights follow from s.",
    ],
    right=_optimum,
    cases=_optimum_cases,
    read=_two_dictionaries,
    tolerance=2e-3,  # no less, so that a search on a fine grid will do
    decimals=3,
    scale=_smallest_weight,
    mistakes={
        None: {
            "the two dictionaries are swapped: first the log-variances, then the weights": lambda *case: _optimum(
                *case
            )[::-1],
        },
        0: {
            "this is right for the other kind of head": [
                _each(lambda loss, half: np.log(loss)),
                _each(lambda loss, half: np.log(2 * loss)),
                _each(lambda loss, half: np.log(loss / half)),
            ],
            "this is the variance, and its logarithm is wanted": _each(lambda loss, half: 2 * half * loss),
            "this is log sigma, and s is the logarithm of sigma squared": _each(
                lambda loss, half: _best(loss, half) / 2
            ),
            "the sign is turned round": _each(lambda loss, half: -_best(loss, half)),
            "take the natural logarithm, `np.log`": [
                _each(lambda loss, half: np.log10(2 * half * loss)),
                _each(lambda loss, half: np.log2(2 * half * loss)),
            ],
            "this is cut off at zero, and a small loss has a negative log-variance": _each(
                lambda loss, half: max(_best(loss, half), 0)
            ),
        },
        1: WEIGHTS,
    },
    say=lambda words, case, found: _given_head(case, found, words),
    show=lambda case, found, wanted: _given_head(case, found),
)


# --- 8.3


def _dwa_cases() -> list[dict]:
    early = [_history(seed, heads, epochs) for seed, (heads, epochs) in enumerate([(2, 0), (3, 1), (1, 1), (4, 0)])]
    sizes = [(2, 2), (3, 2), (2, 3), (3, 6), (4, 2), (2, 4), (1, 3), (5, 2), (3, 3), (2, 5), (4, 4)]
    later = [_history(10 + seed, heads, epochs) for seed, (heads, epochs) in enumerate(sizes)]
    return [*early, *later, {"history": {"digit": [2.3, 2.07], "pose": [100.0, 90.0]}, "temperature": 2.0}]


def _history(seed: int, heads: int, epochs: int) -> dict:
    """Return the losses of some heads in some epochs, and a temperature."""
    rng = np.random.default_rng(200 + seed)
    names = [str(name) for name in rng.permutation(NAMES)][:heads]
    scales = {name: 100 ** rng.uniform(-1, 1) for name in names}
    history = {name: [float(scales[name] * f) for f in rng.uniform(0.3, 1.2, epochs)] for name in names}
    return {"history": history, "temperature": [2.0, 3.0, 0.4, 2.0, 10.0, 1.0, 0.7][seed % 7]}


def _epochs(history: dict[str, list[float]]) -> int:
    return len(next(iter(history.values())))


def _softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values - values.max()) / np.exp(values - values.max()).sum()


def _dwa(
    history: dict[str, list[float]],
    temperature: float,
    rate: Callable = lambda losses: losses[-1] / losses[-2],
    inner: Callable = lambda rates, temperature: rates / temperature,
    share: Callable = _softmax,
) -> dict[str, float]:
    """Return the weights, or what a function with another rate, another exponent or another share returns."""
    rates = np.array([rate(losses) if len(losses) > 1 else 1.0 for losses in history.values()])
    return dict(zip(history, len(rates) * share(inner(rates, temperature)), strict=True))


def _variant(**options: Callable) -> Callable:
    return lambda *case: _dwa(*case, **options)


def _no_sum(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / len(values)


def _no_sum_later(history: dict[str, list[float]], temperature: float) -> dict[str, float]:
    return _dwa(history, temperature, share=_softmax if _epochs(history) < 2 else _no_sum)


def _sorted_names(history: dict[str, list[float]], temperature: float) -> dict[str, float]:
    """Return the weights for someone who gives them to the names in alphabetical order."""
    return dict(zip(sorted(history), _dwa(history, temperature).values(), strict=True))


def _read_weights(result: object, case: dict) -> dict[str, float]:
    weights = as_dict(result, case["history"], "the weights")
    return {name: as_number(weight, f"the weight of {name}") for name, weight in weights.items()}


def _given_dwa(case: dict, found: dict[str, float], words: str) -> str:
    history, temperature = case.values()
    shown = {name: [round(loss, 4) for loss in past[-3:]] for name, past in history.items()}
    given = f"after {_epochs(history)} epochs, losses {shown}, temperature {temperature:g}"
    return f"{given}, the weights are {_shown([found[name] for name in history])}{words}"


def _refuse_totals(found: list[dict[str, float]], cases: list[dict]) -> None:
    """Refuse weights in the right proportions that do not add up to the number of heads."""
    totals = [sum(weights.values()) / len(weights) for weights in found]
    if min(totals) <= 0 or np.allclose(totals, 1, rtol=3e-2):
        return
    for weights, total, case in zip(found, totals, cases, strict=True):
        right = _dwa(**case)
        if not all(np.isclose(weight, right[name] * total, rtol=1e-4) for name, weight in weights.items()):
            return
    place = int(np.abs(np.array(totals) - 1).argmax())
    total = f": their total is {sum(found[place].values()):.4g}, and should be the number of heads"
    require(False, _given_dwa(cases[place], found[place], total))


def _difference_of_dwa(case: dict, found: dict[str, float], wanted: dict[str, float]) -> str:
    early = ": with fewer than two epochs all should be 1"
    right = f" instead of {_shown([*wanted.values()])}"
    return _given_dwa(case, found, early if _epochs(case["history"]) < 2 else right)


function_question(
    "8.3",
    "A function from a history of losses and a temperature to a dictionary of weights.",
    hints=[
        "The rate of a head is its last loss divided by the one before: `losses[-1] / losses[-2]`.",
        "Divide the rates by the temperature, take the exponential, divide by the sum: these are shares.",
        "The weights are the shares times the number of heads. With fewer than two epochs all rates are 1.",
    ],
    right=_dwa,
    cases=_dwa_cases,
    read=_read_weights,
    scale=lambda *case: min(_dwa(*case).values()),
    mistakes={
        "the rate is the last loss divided by the one before, not the reverse": _variant(
            rate=lambda losses: losses[-2] / losses[-1]
        ),
        "the head that falls slowly should get more": _variant(inner=lambda rates, temperature: -rates / temperature),
        "divide the rates by the temperature, do not multiply": _variant(
            inner=lambda rates, temperature: rates * temperature
        ),
        "the temperature is not used": _variant(inner=lambda rates, temperature: rates),
        "the temperature is always 2": _variant(inner=lambda rates, temperature: rates / 2),
        "they follow the losses, and should follow the rates": _variant(rate=lambda losses: losses[-1]),
        "compare with the epoch before, not with the first": _variant(rate=lambda losses: losses[-1] / losses[0]),
        "take the last two epochs, not the first two": _variant(rate=lambda losses: losses[1] / losses[0]),
        "the rate is a quotient of two losses, not their difference": _variant(
            rate=lambda losses: losses[-1] - losses[-2]
        ),
        "take the last epoch and the one before it: the last loss is not used": _variant(
            rate=lambda losses: losses[-2] / losses[-3] if len(losses) > 2 else 1.0
        ),
        "the exponential is missing": _variant(
            inner=lambda rates, temperature: rates, share=lambda rates: rates / rates.sum()
        ),
        "divide by the sum of the exponentials": [_variant(share=_no_sum), _no_sum_later],
        "each weight belongs to the head of its name, whatever their order": _sorted_names,
        "after two epochs they should follow the rates": lambda history, temperature: dict.fromkeys(history, 1.0),
        "after two epochs they should follow the rates, and here they do only after three": _variant(
            rate=lambda losses: losses[-1] / losses[-2] if len(losses) > 2 else 1.0
        ),
    },
    otherwise=[_refuse_totals],
    say=lambda words, case, found: _given_dwa(case, found, f": {words}"),
    show=_difference_of_dwa,
)


# --- 8.4


def _slopes_cases() -> list[dict]:
    start = np.array([2.3, 100.0])
    ones = {"weights": np.ones(2), "norms": np.array([1.0, 100.0]), "losses": start, "first_losses": start.copy()}
    return [*map(_case_of_slopes, range(24)), {**ones, "alpha": 1.5}]


def _case_of_slopes(seed: int) -> dict:
    """Return arguments for which most weighted norms are within 2 to 6 percent of their goals, to either side.

    The slopes show only on which side they are. So close to its goal, another goal is seen.
    """
    rng = np.random.default_rng(300 + seed)
    heads, alpha = [3, 2, 4, 5, 6, 3][seed % 6], [1.5, 0.5, 3.0, 1.0, 0.0][seed % 5]
    while True:
        norms = 10.0 ** (seed % 4 - 2) * rng.uniform(0.3, 3, heads)
        first = 10.0 ** rng.uniform(-1, 2, heads)
        losses = first * rng.uniform(0.3, 1.2, heads)
        remaining = losses / first
        goals = (remaining / remaining.mean()) ** alpha  # in units of the mean
        weighted = goals * (1 + rng.choice([-1, 1], heads) * rng.uniform(0.02, 0.06, heads))
        last = int(rng.integers(heads))
        weighted[last] += heads - weighted.sum()  # so that the mean is one; this head may be far from its goal
        if weighted[last] > 0.1 and abs(weighted[last] / goals[last] - 1) > 0.02:
            break
    weights = 10.0 ** rng.uniform(-1, 1) * weighted / norms
    return {"weights": weights, "norms": norms, "losses": losses, "first_losses": first, "alpha": alpha}


def _ratios(weights: np.ndarray, norms: np.ndarray, losses: np.ndarray, first: np.ndarray, alpha: float) -> np.ndarray:
    """Return the goals, divided by the mean of the weighted norms."""
    return (losses / first / (losses / first).mean()) ** alpha


def _towards(goals: Callable) -> Callable:
    """Return a function that gives the slopes for these goals, made of its own arguments."""
    return lambda weights, norms, *others: np.sign(weights * norms - goals(weights, norms, *others)) * norms


def _goals(weights: np.ndarray, norms: np.ndarray, *others: object) -> np.ndarray:
    return (weights * norms).mean() * _ratios(weights, norms, *others)


def _other_mean(mean: Callable) -> Callable:
    """Return a function whose goals have another mean, made of the weights and the norms."""
    return _towards(lambda weights, norms, *others: mean(weights, norms) * _ratios(weights, norms, *others))


def _other_ratio(ratio: Callable) -> Callable:
    """Return a function whose goals have another ratio, made of what is left of each loss and alpha."""
    return _towards(lambda w, n, losses, first, alpha: (w * n).mean() * ratio(losses / first, alpha))


def _other_result(result: Callable) -> Callable:
    """Return a function with another result, made of the distances to the goals, the norms and the weights."""
    return lambda weights, norms, *others: result(weights * norms - _goals(weights, norms, *others), norms, weights)


def _moving(weights: np.ndarray, norms: np.ndarray, *others: object) -> np.ndarray:
    """Return the slopes if the goals are not held constant."""
    sign, ratios = np.sign(weights * norms - _goals(weights, norms, *others)), _ratios(weights, norms, *others)
    return sign * norms - norms * (sign * ratios).mean()


def _given_slopes(case: dict, found: np.ndarray) -> str:
    return f"for {', '.join(f'{name} = {_shown(value)}' for name, value in case.items())} it gives {_shown(found)}"


WEIGHTED_MEAN = "the goals need the mean of the products, weights * norms"
MEAN_RATIO = "the goals need losses / first_losses divided by the mean of that over the heads"

function_question(
    "8.4",
    "A function from weights, norms, losses, first losses and alpha to the slopes along the weights.",
    hints=[
        "The weighted norms are weights * norms. Their mean is one number.",
        "remaining = losses / first_losses. Goal: the mean norm times (remaining / mean of remaining) ** alpha.",
        "The slope of |w * norm - goal| along w is the sign of (w * norm - goal), times norm.",
    ],
    right=_towards(_goals),
    cases=_slopes_cases,
    read=lambda result, case: as_array(result, "the result", shape=case["weights"].shape),
    tolerance=1e-4,
    scale=lambda weights, norms, *others: 1e-3 * norms.min(),
    mistakes={
        "the sign is turned round: above its goal a norm must fall, so its slope is positive": _other_result(
            lambda distance, norms, weights: -np.sign(distance) * norms
        ),
        "these are signs only, and the slope is the sign times the norm": _other_result(
            lambda distance, norms, weights: np.sign(distance)
        ),
        "the sign is multiplied by the weight instead of the norm": _other_result(
            lambda distance, norms, weights: np.sign(distance) * weights
        ),
        "this is the slope along the logarithm of the weight; along the weight it is without the factor w": (
            _other_result(lambda distance, norms, weights: np.sign(distance) * weights * norms)
        ),
        "these are the distances |weighted norm - goal| themselves": _other_result(
            lambda distance, norms, weights: np.abs(distance)
        ),
        "these are the differences from the goals, not the slopes": _other_result(
            lambda distance, norms, weights: distance
        ),
        "the goals must be held constant, and here they move with the weights": _moving,
        "these are the norms, and a weighted norm below its goal has a negative slope": _other_result(
            lambda distance, norms, weights: norms
        ),
        MEAN_RATIO: _other_ratio(lambda left, alpha: left**alpha),
        "a head with more of its loss left (losses / first_losses) should get the higher goal": [
            _other_ratio(lambda left, alpha: (1 / left / (1 / left).mean()) ** alpha),
            _other_ratio(lambda left, alpha: (left.mean() / left) ** alpha),
        ],
        "the goals should compare each loss with its first loss": _towards(
            lambda w, n, losses, first, alpha: (w * n).mean() * (losses / losses.mean()) ** alpha
        ),
        f"{MEAN_RATIO}: first the ratios, then their mean": _towards(
            lambda w, n, losses, first, alpha: (w * n).mean() * (losses / losses.mean() * first.mean() / first) ** alpha
        ),
        f"{MEAN_RATIO}, and this is another mean: the arithmetic mean is meant": _other_ratio(
            lambda left, alpha: (left / np.exp(np.log(left).mean())) ** alpha
        ),
        f"{MEAN_RATIO}, and not by its total": _other_ratio(lambda left, alpha: (left / left.sum()) ** alpha),
        f"{MEAN_RATIO}, and not by its largest value": _other_ratio(lambda left, alpha: (left / left.max()) ** alpha),
        f"{MEAN_RATIO}, and not by its median": _other_ratio(lambda left, alpha: (left / np.median(left)) ** alpha),
        "alpha is not used": _other_ratio(lambda left, alpha: left / left.mean()),
        "alpha is a power, not a factor": _other_ratio(lambda left, alpha: left / left.mean() * alpha),
        "alpha is always 1.5 there: use the one that is given": _other_ratio(
            lambda left, alpha: (left / left.mean()) ** 1.5
        ),
        "only the ratios have the power alpha, and the mean of the weighted norms has not": _towards(
            lambda w, n, losses, first, alpha: ((w * n).mean() * losses / first / (losses / first).mean()) ** alpha
        ),
        "this is the slope of the mean of the distances, and their sum is meant": _other_result(
            lambda distance, norms, weights: np.sign(distance) * norms / len(norms)
        ),
        "divide losses / first_losses by its mean first, and take the power alpha then": _other_ratio(
            lambda left, alpha: left**alpha / (left**alpha).mean()
        ),
        "the goals are all equal, and should follow how much of each loss is left": _other_ratio(
            lambda left, alpha: np.ones_like(left)
        ),
        "the goals need the mean of the weighted norms, weights * norms": _other_mean(
            lambda weights, norms: norms.mean()
        ),
        "the goals need the mean of the weighted norms, not their total": _other_mean(
            lambda weights, norms: (weights * norms).sum()
        ),
        f"{WEIGHTED_MEAN}, and not the product of two means": _other_mean(
            lambda weights, norms: weights.mean() * norms.mean()
        ),
        f"{WEIGHTED_MEAN}, and this is another mean: the arithmetic mean is meant": _other_mean(
            lambda weights, norms: np.exp(np.log(weights * norms).mean())
        ),
        f"{WEIGHTED_MEAN}, and not their median": _other_mean(lambda weights, norms: np.median(weights * norms)),
    },
    say=lambda words, case, found: f"{_given_slopes(case, found)}: {words}",
    show=lambda case, found, wanted: f"{_given_slopes(case, found)} instead of {_shown(wanted)}",
)
