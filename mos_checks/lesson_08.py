"""The checks of exercise 8: log-variances, their best values, DWA and GradNorm."""

from collections.abc import Callable, Sequence

import numpy as np

from mos_checks import (
    as_array,
    as_dict,
    as_function,
    as_number,
    as_pair,
    call_kept,
    function_question,
    question,
    require,
    require_unrounded,
)

NAMES = ("digit", "pose", "pose_2", "odd", "size")
EXACT = 1e-5
Mistakes = Sequence[tuple[str, Callable[..., np.ndarray | float]]]


def _accuracy(value: object) -> float:
    """Return by how much a right result may differ, relative to its size: more if it has few bits."""
    kind = str(getattr(value, "dtype", ""))
    return next((found for name, found in {"bfloat16": 3e-2, "float16": 5e-3}.items() if name in kind), EXACT)


def _name_mistake(
    cases: list[dict],
    fits: Callable[[int, np.ndarray | float], bool],
    right: Callable[..., np.ndarray | float],
    mistakes: Mistakes,
    said: Callable[[int], str],
    otherwise: Callable[[], None] = lambda: None,
) -> None:
    """Refuse results that are not right in all cases: name the mistake that explains all of them, if one does.

    `fits(place, value)` says whether the result of a case is this value, and `said(place)` what the result was.
    `otherwise` is called if no function explains them: it may refuse them for another reason.
    """
    wrong = [place for place, case in enumerate(cases) if not fits(place, right(**case))]
    if not wrong:
        return
    for words, function in mistakes:
        if all(fits(place, function(**case)) for place, case in enumerate(cases)):
            require(False, f"{said(wrong[0])}: {words}")
    otherwise()
    wanted = [np.asarray(right(**case)) for case in cases]
    for digits in range(5):
        rounded = all(fits(place, value.round(digits)) for place, value in enumerate(wanted))
        require(not rounded, f"{said(wrong[0])}: this is right but for rounding, and should have all its digits")
    require(False, f"{said(wrong[0])} instead of {_shown(wanted[wrong[0]])}")


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


@question(
    "8.2",
    hints=[
        "For a fixed loss, set the derivative of the objective with respect to s to zero. One head at a time.",
        "Regression: 0.5 * exp(-s) * L + 0.5 * s has the derivative -0.5 * exp(-s) * L + 0.5. When is that 0?",
        "s = log L for a regression, log 2L for a classification. The weights follow from s.",
    ],
)
def at_the_optimum(answer: object) -> None:
    """A function from losses and the names of the regressions to two dictionaries: log-variances and weights."""
    function = as_function(answer)
    cases = [_heads(np.random.default_rng(100 + seed), scale=10.0 ** (seed % 5 - 3)) for seed in range(12)]
    cases = [{"losses": case["losses"], "regression": case["regression"]} for case in cases]
    cases += [{"losses": {"digit": 2.3, "pose": pose}, "regression": ["pose"]} for pose in [100.0, 1.0]]
    found = [_two_dictionaries(call_kept(function, **case), case["losses"]) for case in cases]
    heads = [
        {"loss": loss, "regression": name in case["regression"], "name": name, "place": place}
        for place, case in enumerate(cases)
        for name, loss in case["losses"].items()
    ]
    values = [np.array([found[head["place"]][part][head["name"]] for part in (0, 1)]) for head in heads]

    def fits(part: int) -> Callable[[int, float], bool]:
        # Not closer, so that a search on a fine grid will do.
        return lambda place, value: bool(
            np.isclose(values[place][part], value, rtol=2e-3, atol=0 if part else 1e-3)
            or np.isclose(values[place][part], value, rtol=found[heads[place]["place"]][2], atol=0)
        )

    def said(part: int) -> Callable[[int], str]:
        def words(place: int) -> str:
            head = heads[place]
            kind = "regression" if head["regression"] else "classification"
            what = "weight" if part else "log-variance"
            given = f"for the {kind} {head['name']} with the loss {head['loss']:.4g}"
            return f"{given} the {what} is {_shown(values[place][part])}"

        return words

    swapped = all(fits(0)(p, _best_weight(**h)) and fits(1)(p, _best_s(**h)) for p, h in enumerate(heads))
    require(not swapped, "the two dictionaries are swapped: first the log-variances, then the weights")
    _name_mistake(heads, fits(0), _best_s, LOG_VARIANCES, said(0))
    _name_mistake(heads, fits(1), _best_weight, WEIGHTS, said(1))


def _two_dictionaries(result: object, losses: dict) -> tuple[dict[str, float], dict[str, float], float]:
    """Return both as numbers, and how accurate they are."""
    result = as_pair(result, "your function should return two dictionaries, the log-variances and the weights")
    given = as_dict(result[0], losses, "the log-variances"), as_dict(result[1], losses, "the weights")
    numbers = [
        {name: as_number(value, f"the {what} of {name}") for name, value in part.items()}
        for part, what in zip(given, ["log-variance", "weight"], strict=True)
    ]
    return *numbers, 5 * max(_accuracy(value) for part in given for value in part.values())


def _best_s(loss: float, regression: bool, **_: object) -> float:
    return float(np.log(loss if regression else 2 * loss))


def _best_weight(loss: float, **_: object) -> float:
    return 0.5 / loss


OTHER_KIND = "this is right for the other kind of head"
LOG_VARIANCES = [
    (OTHER_KIND, lambda loss, **_: np.log(loss)),
    (OTHER_KIND, lambda loss, **_: np.log(2 * loss)),
    (OTHER_KIND, lambda loss, regression, **_: _best_s(loss, not regression)),
    ("this is the variance, and its logarithm is wanted", lambda **head: np.exp(_best_s(**head))),
    ("this is log sigma, and s is the logarithm of sigma squared", lambda **head: _best_s(**head) / 2),
    ("the sign is turned round", lambda **head: -_best_s(**head)),
    ("take the natural logarithm, `np.log`", lambda **head: _best_s(**head) / np.log(10)),
    ("take the natural logarithm, `np.log`", lambda **head: _best_s(**head) / np.log(2)),
    ("this is cut off at zero, and a small loss has a negative log-variance", lambda **head: max(_best_s(**head), 0)),
]
WEIGHTS = [
    (
        "a regression has the weight 0.5 * exp(-s)",
        lambda loss, regression, **_: np.exp(-_best_s(loss, regression)),
    ),
    (
        "a classification has the weight exp(-s), without a half",
        lambda loss, regression, **_: 0.5 * np.exp(-_best_s(loss, regression)),
    ),
    (
        "this is exp(s), and a larger loss gets a smaller weight",
        lambda loss, regression, **_: np.exp(_best_s(loss, regression)),
    ),
    (
        "this grows with the loss, and a larger loss gets a smaller weight",
        lambda loss, regression, **_: (0.5 if regression else 1) * np.exp(_best_s(loss, regression)),
    ),
]


# --- 8.3


@question(
    "8.3",
    hints=[
        "The rate of a head is its last loss divided by the one before: `losses[-1] / losses[-2]`.",
        "Divide the rates by the temperature, take the exponential, divide by the sum: these are shares.",
        "The weights are the shares times the number of heads. With fewer than two epochs all rates are 1.",
    ],
)
def dwa(answer: object) -> None:
    """A function from a history of losses and a temperature to a dictionary of weights."""
    function = as_function(answer)
    early = [_history(seed, heads, epochs) for seed, (heads, epochs) in enumerate([(2, 0), (3, 1), (1, 1), (4, 0)])]
    _judge_dwa(function, early, [NO_SUM])
    sizes = [(2, 2), (3, 2), (2, 3), (3, 6), (4, 2), (2, 4), (1, 3), (5, 2), (3, 3), (2, 5), (4, 4)]
    later = [_history(10 + seed, heads, epochs) for seed, (heads, epochs) in enumerate(sizes)]
    later += [{"history": {"digit": [2.3, 2.07], "pose": [100.0, 90.0]}, "temperature": 2.0}]
    _judge_dwa(function, later, LATER)


def _history(seed: int, heads: int, epochs: int) -> dict:
    """Return the losses of some heads in some epochs, and a temperature."""
    rng = np.random.default_rng(200 + seed)
    names = [str(name) for name in rng.permutation(NAMES)][:heads]
    scales = {name: 100 ** rng.uniform(-1, 1) for name in names}
    history = {name: [float(scales[name] * f) for f in rng.uniform(0.3, 1.2, epochs)] for name in names}
    return {"history": history, "temperature": [2.0, 3.0, 0.4, 2.0, 10.0, 1.0, 0.7][seed % 7]}


def _judge_dwa(function: Callable, cases: list[dict], mistakes: Mistakes) -> None:
    """Compare the weights of all cases with the right ones."""
    found, bounds = [], []
    for case in cases:
        result = as_dict(call_kept(function, **case), case["history"], "the weights")
        found.append(np.array([as_number(result[name], f"the weight of {name}") for name in case["history"]]))
        bounds.append(max(_accuracy(value) for value in result.values()))

    def said(place: int) -> str:
        history, temperature = cases[place].values()
        shown = {name: [round(loss, 4) for loss in past[-3:]] for name, past in history.items()}
        epochs = len(next(iter(history.values())))
        given = f"after {epochs} epochs, losses {shown}, temperature {temperature:g}"
        return f"{given}, the weights are {_shown(found[place])}"

    def fits(place: int, value: np.ndarray) -> bool:
        return bool(np.allclose(found[place], value, rtol=bounds[place], atol=1e-7))

    def refuse_total() -> None:
        totals = np.array([weights.sum() / len(weights) for weights in found])
        shares = [w / total if total > 0 else w for w, total in zip(found, totals, strict=True)]
        right = [np.allclose(share, _dwa(**case), rtol=1e-4) for share, case in zip(shares, cases, strict=True)]
        place = int(np.abs(totals - 1).argmax())
        total = f"their total is {found[place].sum():.4g}, and should be the number of heads"
        require(not all(right) or np.allclose(totals, 1, rtol=3e-2), f"{said(place)}: {total}")
        place = next(place for place in range(len(cases)) if not fits(place, _dwa(**cases[place])))
        early = len(next(iter(cases[place]["history"].values()))) < 2
        require(not early, f"{said(place)}: with fewer than two epochs all should be 1")

    _name_mistake(cases, fits, _dwa, mistakes, said, refuse_total)
    if max(bounds) == EXACT:
        require_unrounded(found, [_dwa(**case) for case in cases])


def _dwa(
    history: dict[str, list[float]],
    temperature: float,
    rate: Callable = lambda losses: losses[-1] / losses[-2],
    inner: Callable = lambda rates, temperature: rates / temperature,
    share: Callable = lambda values: np.exp(values - values.max()) / np.exp(values - values.max()).sum(),
) -> np.ndarray:
    """Return the weights, or what a function with another rate, another exponent or another share returns."""
    rates = np.array([rate(losses) if len(losses) > 1 else 1.0 for losses in history.values()])
    return len(rates) * share(inner(rates, temperature))


def _variant(**options: Callable) -> Callable:
    return lambda **case: _dwa(**case, **options)


def _sorted_names(history: dict[str, list[float]], temperature: float) -> np.ndarray:
    """Return the weights for someone who gives them to the names in alphabetical order."""
    weights = dict(zip(sorted(history), _dwa(history, temperature), strict=True))
    return np.array([weights[name] for name in history])


NO_SUM = (
    "divide by the sum of the exponentials",
    lambda **case: _dwa(**case, share=np.exp) / len(case["history"]),
)
LATER = [
    (
        "the rate is the last loss divided by the one before, not the reverse",
        _variant(rate=lambda losses: losses[-2] / losses[-1]),
    ),
    ("the head that falls slowly should get more", _variant(inner=lambda rates, temperature: -rates / temperature)),
    (
        "divide the rates by the temperature, do not multiply",
        _variant(inner=lambda rates, temperature: rates * temperature),
    ),
    ("the temperature is not used", _variant(inner=lambda rates, temperature: rates)),
    ("the temperature is always 2", _variant(inner=lambda rates, temperature: rates / 2)),
    ("they follow the losses, and should follow the rates", _variant(rate=lambda losses: losses[-1])),
    ("compare with the epoch before, not with the first", _variant(rate=lambda losses: losses[-1] / losses[0])),
    ("take the last two epochs, not the first two", _variant(rate=lambda losses: losses[1] / losses[0])),
    (
        "the rate is a quotient of two losses, not their difference",
        _variant(rate=lambda losses: losses[-1] - losses[-2]),
    ),
    (
        "take the last epoch and the one before it: the last loss is not used",
        _variant(rate=lambda losses: losses[-2] / losses[-3] if len(losses) > 2 else 1.0),
    ),
    (
        "the exponential is missing",
        _variant(inner=lambda rates, temperature: rates, share=lambda rates: rates / rates.sum()),
    ),
    NO_SUM,
    ("each weight belongs to the head of its name, whatever their order", _sorted_names),
    ("after two epochs they should follow the rates", lambda history, **_: np.ones(len(history))),
    (
        "after two epochs they should follow the rates, and here they do only after three",
        _variant(rate=lambda losses: losses[-1] / losses[-2] if len(losses) > 2 else 1.0),
    ),
]


# --- 8.4


@question(
    "8.4",
    hints=[
        "The weighted norms are weights * norms. Their mean is one number.",
        "remaining = losses / first_losses. Goal: the mean norm times (remaining / mean of remaining) ** alpha.",
        "The slope of |w * norm - goal| along w is the sign of (w * norm - goal), times norm.",
    ],
)
def slopes(answer: object) -> None:
    """A function from weights, norms, losses, first losses and alpha to the slopes along the weights."""
    function = as_function(answer)
    start = np.array([2.3, 100.0])
    cases = [_case_of_slopes(seed) for seed in range(24)]
    ones = {"weights": np.ones(2), "norms": np.array([1.0, 100.0]), "losses": start, "first_losses": start.copy()}
    cases.append({**ones, "alpha": 1.5})
    given = [call_kept(function, **case) for case in cases]
    results = [
        as_array(value, "the result", shape=case["weights"].shape) for value, case in zip(given, cases, strict=True)
    ]

    def said(place: int) -> str:
        case = cases[place]
        given = [f"{name} = {_shown(value)}" for name, value in case.items()]
        return f"for {', '.join(given)} it gives {_shown(results[place])}"

    def fits(place: int, value: np.ndarray) -> bool:
        return bool(np.allclose(results[place], value, rtol=max(1e-4, _accuracy(given[place])), atol=1e-9))

    mistakes = [(words, lambda wrong=wrong, **case: _slopes(**case, wrong=wrong)) for wrong, words in MISTAKES.items()]
    _name_mistake(cases, fits, _slopes, mistakes, said)


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


def _slopes(
    weights: np.ndarray,
    norms: np.ndarray,
    losses: np.ndarray,
    first_losses: np.ndarray,
    alpha: float,
    wrong: str = "",
) -> np.ndarray:
    """Return the slopes of GradNorm's loss, or what a function with one of the mistakes below would return."""
    weighted, remaining = weights * norms, losses / first_losses
    relative = remaining / remaining.mean()
    turned = first_losses / losses
    ratios = {
        "no mean": remaining,
        "turned": turned / turned.mean(),
        "turned later": 1 / relative,
        "losses": losses / losses.mean(),
        "mean of each": relative * remaining.mean() / (losses.mean() / first_losses.mean()),
        "geometric ratios": remaining / np.exp(np.log(remaining).mean()),
        "total of ratios": remaining / remaining.sum(),
        "largest ratio": remaining / remaining.max(),
        "median ratio": remaining / np.median(remaining),
    }
    relative = ratios.get(wrong, relative)
    powers = {
        "no alpha": relative,
        "times alpha": relative * alpha,
        "equal": np.ones_like(relative),
        "alpha of 1.5": relative**1.5,
        "mean later": remaining**alpha / (remaining**alpha).mean(),
    }
    means = {
        "plain norms": norms.mean(),
        "total": weighted.sum(),
        "two means": weights.mean() * norms.mean(),
        "geometric norms": np.exp(np.log(weighted).mean()),
        "median norm": np.median(weighted),
    }
    goals = means.get(wrong, weighted.mean()) * powers.get(wrong, relative**alpha)
    goals = (weighted.mean() * relative) ** alpha if wrong == "power of both" else goals
    sign = np.sign(weighted - goals)
    answers = {
        "turned sign": -sign * norms,
        "signs": sign,
        "weights": sign * weights,
        "logarithms": sign * weighted,
        "distances": np.abs(weighted - goals),
        "differences": weighted - goals,
        "moving": sign * norms - norms / len(weights) * (sign * relative**alpha).sum(),
        "norms": norms,
        "mean of all": sign * norms / len(norms),
    }
    return answers.get(wrong, sign * norms)


WEIGHTED_MEAN = "the goals need the mean of the products, weights * norms"
MEAN_RATIO = "the goals need losses / first_losses divided by the mean of that over the heads"
MISTAKES = {
    "turned sign": "the sign is turned round: above its goal a norm must fall, so its slope is positive",
    "signs": "these are signs only, and the slope is the sign times the norm",
    "weights": "the sign is multiplied by the weight instead of the norm",
    "logarithms": "this is the slope along the logarithm of the weight; along the weight it is without the factor w",
    "distances": "these are the distances |weighted norm - goal| themselves",
    "differences": "these are the differences from the goals, not the slopes",
    "moving": "the goals must be held constant, and here they move with the weights",
    "norms": "these are the norms, and a weighted norm below its goal has a negative slope",
    "no mean": MEAN_RATIO,
    "turned": "a head with more of its loss left (losses / first_losses) should get the higher goal",
    "turned later": "a head with more of its loss left (losses / first_losses) should get the higher goal",
    "losses": "the goals should compare each loss with its first loss",
    "mean of each": f"{MEAN_RATIO}: first the ratios, then their mean",
    "geometric ratios": f"{MEAN_RATIO}, and this is another mean: the arithmetic mean is meant",
    "total of ratios": f"{MEAN_RATIO}, and not by its total",
    "largest ratio": f"{MEAN_RATIO}, and not by its largest value",
    "median ratio": f"{MEAN_RATIO}, and not by its median",
    "no alpha": "alpha is not used",
    "times alpha": "alpha is a power, not a factor",
    "alpha of 1.5": "alpha is always 1.5 there: use the one that is given",
    "power of both": "only the ratios have the power alpha, and the mean of the weighted norms has not",
    "mean of all": "this is the slope of the mean of the distances, and their sum is meant",
    "mean later": "divide losses / first_losses by its mean first, and take the power alpha then",
    "equal": "the goals are all equal, and should follow how much of each loss is left",
    "plain norms": "the goals need the mean of the weighted norms, weights * norms",
    "total": "the goals need the mean of the weighted norms, not their total",
    "two means": f"{WEIGHTED_MEAN}, and not the product of two means",
    "geometric norms": f"{WEIGHTED_MEAN}, and this is another mean: the arithmetic mean is meant",
    "median norm": f"{WEIGHTED_MEAN}, and not their median",
}
