"""The checks of exercise 8: log-variances, their best values, DWA and GradNorm."""

from collections.abc import Callable, Iterator

import numpy as np

from mos_helpers.checks._engine import as_array, as_dict, as_function, as_number, call_kept, question, require

HEADS = ("digit", "pose", "odd")


@question(
    "8.1",
    hints=[
        "Each head adds two terms: its loss times a weight, and half of its log-variance.",
        "The weight is exp(-s). A regression, and only a regression, has 0.5 * exp(-s).",
        "`np.exp(-log_variances[name])` is one weight. Go through the names and add up.",
    ],
)
def objective(answer: object) -> str:
    """A function from losses, log-variances and the names of the regressions to one number."""
    function = as_function(answer)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        losses, log_variances, regression = _heads(rng, scale=10.0 ** (seed % 4 - 2))
        _value(function, losses, log_variances, regression)
    value = _value(function, {"digit": 0.02}, {"digit": float(np.log(0.04))}, [])
    return f"For one head with the loss 0.02, at its best, your function gives {value:.2f}: a negative number is fine."


def _value(
    function: Callable, losses: dict[str, float], log_variances: dict[str, float], regression: list[str]
) -> float:
    """Return what the function gives, if it is right."""
    result = call_kept(function, losses=losses, log_variances=log_variances, regression=regression)
    value = as_number(result, "the result")
    _require_objective(value, losses, log_variances, regression)
    return value


def _heads(rng: np.random.Generator, scale: float) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Return losses, log-variances in another order, and which heads are regressions: some, not all of three."""
    names = [str(name) for name in rng.permutation(HEADS)]
    losses = {name: float(scale * rng.uniform(0.2, 3)) for name in names}
    log_variances = {name: float(rng.uniform(-2, 2)) for name in reversed(names)}
    return losses, log_variances, names[: int(rng.integers(1, 3))]


def _terms(
    losses: dict[str, float], log_variances: dict[str, float], regression: list[str]
) -> Iterator[tuple[float, float, bool]]:
    """Yield for each head its loss, its log-variance, and whether it is a regression."""
    for name, loss in losses.items():
        yield loss, log_variances[name], name in regression


def _require_objective(
    value: float, losses: dict[str, float], log_variances: dict[str, float], regression: list[str]
) -> None:
    """Say what is wrong with the objective."""
    terms = list(_terms(losses, log_variances, regression))

    def near(wanted: float) -> bool:
        return bool(np.isclose(value, wanted, rtol=1e-5, atol=1e-7))

    weighted = sum((0.5 if half else 1) * np.exp(-s) * loss for loss, s, half in terms)
    price = sum(0.5 * s for _, s, _ in terms)
    wanted = weighted + price
    if near(wanted):
        return
    shown = {name: round(loss, 4) for name, loss in losses.items()}
    case = f"for the losses {shown} it gives {value:.4g}"
    require(not near(weighted), f"{case}: half of each log-variance is missing, without which all weights go to zero")
    require(not near(weighted + 2 * price), f"{case}: the log-variances are added whole, and log sigma is half of s")
    require(not near(weighted - price), f"{case}: half of each log-variance is subtracted, and should be added")
    all_halves = sum(0.5 * np.exp(-s) * loss for loss, s, _ in terms) + price
    require(not near(all_halves), f"{case}: all heads have the factor 0.5, and it belongs to regressions only")
    no_halves = sum(np.exp(-s) * loss for loss, s, _ in terms) + price
    require(not near(no_halves), f"{case}: no head has the factor 0.5, and it belongs to regressions")
    turned = sum((1 if half else 0.5) * np.exp(-s) * loss for loss, s, half in terms) + price
    require(not near(turned), f"{case}: classifications have the factor 0.5, and it belongs to regressions")
    grown = sum((0.5 if half else 1) * np.exp(s) * loss for loss, s, half in terms) + price
    require(not near(grown), f"{case}: the weight is exp(s), and should be exp(-s): a noisy head counts less")
    as_root = sum((0.5 if half else 1) * np.exp(-2 * s) * loss + s for loss, s, half in terms)
    require(not near(as_root), f"{case}: s is taken as log sigma, and it is the logarithm of sigma squared")
    squared = sum((0.5 if half else 1) * np.exp(-2 * s) * loss for loss, s, half in terms) + price
    require(not near(squared), f"{case}: the weight is exp(-2s); s is the logarithm of sigma squared, so it is exp(-s)")
    root = sum((0.5 if half else 1) * np.exp(-s / 2) * loss for loss, s, half in terms) + price
    require(not near(root), f"{case}: the weight is 1 / sigma, and should be 1 / sigma squared, which is exp(-s)")
    require(not near(wanted / len(terms)) or len(terms) == 1, f"{case}, which is a mean over the heads: add them up")
    ordered = zip(terms, log_variances.values(), strict=True)
    by_order = sum((0.5 if half else 1) * np.exp(-s) * loss for (loss, _, half), s in ordered) + price
    require(not near(by_order), f"{case}: a log-variance belongs to the loss of the same name, whatever their order")
    require(not near(max(wanted, 0)), f"{case}: the sum is negative here, and that is normal")
    require(not near(abs(wanted)), f"{case}: the sum is negative here, and that is normal: no absolute value")
    require(False, f"{case}, and it should be {wanted:.4g}")


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
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        losses, _, regression = _heads(rng, scale=10.0 ** (seed % 5 - 3))
        result = call_kept(function, losses=losses, regression=regression)
        two = isinstance(result, tuple | list) and len(result) == 2
        require(two, "your function should return two dictionaries, the log-variances and the weights")
        found = as_dict(result[0], losses, "the log-variances"), as_dict(result[1], losses, "the weights")
        for name, loss in losses.items():
            s = as_number(found[0][name], f"the log-variance of {name}")
            weight = as_number(found[1][name], f"the weight of {name}")
            _require_optimum(name, loss, s, weight, name in regression)


def _require_optimum(name: str, loss: float, s: float, weight: float, regression: bool) -> None:
    """Say what is wrong with the log-variance or the weight of one head."""
    kind = "regression" if regression else "classification"
    case = f"for the {kind} {name} with the loss {loss:.4g}"

    def near(value: float, wanted: float, atol: float = 0.0) -> bool:
        return bool(np.isclose(value, wanted, rtol=2e-3, atol=atol))  # so that a search on a fine grid will do

    wanted, other = (np.log(loss), np.log(2 * loss)) if regression else (np.log(2 * loss), np.log(loss))
    if not near(s, wanted, atol=1e-3):
        said = f"{case} the log-variance is {s:.4g}"
        require(not near(s, other), f"{said}, which is right for the other kind of head")
        require(not near(s, np.exp(wanted)), f"{said}: this is the variance, and its logarithm is wanted")
        require(not near(s, wanted / 2), f"{said}: this is log sigma, and s is the logarithm of sigma squared")
        require(not near(s, -wanted), f"{said}: the sign is turned round")
        require(not near(s, wanted / np.log(10)), f"{said}: take the natural logarithm, `np.log`")
        require(not near(s, wanted / np.log(2)), f"{said}: take the natural logarithm, `np.log`")
        require(False, f"{said}, and the objective is smallest at {wanted:.4g}")
    if not near(weight, 0.5 / loss):
        said = f"{case} the weight is {weight:.4g}"
        halved = f"{said}: a regression has the weight 0.5 * exp(-s)"
        require(not (regression and near(weight, 1 / loss)), halved)
        doubled = f"{said}: a classification has the weight exp(-s), without a half"
        require(not (not regression and near(weight, 0.25 / loss)), doubled)
        require(not near(weight, np.exp(wanted)), f"{said}, which is exp(s): a larger loss gets a smaller weight")
        require(False, f"{said}, and with the best log-variance it is {0.5 / loss:.4g}")


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
    for seed in range(9):
        rng = np.random.default_rng(200 + seed)
        epochs = [2, 0, 1, 3, 6, 2, 4, 2, 3][seed]
        names = [str(name) for name in rng.permutation(HEADS)][: 2 + seed % 2]
        scales = {name: 100 ** rng.uniform(-1, 1) for name in names}
        history = {name: [float(scales[name] * f) for f in rng.uniform(0.3, 1.2, epochs)] for name in names}
        temperature = [2.0, 2.0, 2.0, 0.4, 2.0, 10.0, 1.0, 2.0, 3.0][seed]
        result = as_dict(call_kept(function, history=history, temperature=temperature), names, "the weights")
        weights = np.array([as_number(result[name], f"the weight of {name}") for name in history])
        _require_dwa(weights, history, temperature)


def _softmax(values: np.ndarray) -> np.ndarray:
    shares = np.exp(values - values.max())
    return shares / shares.sum()


def _require_dwa(weights: np.ndarray, history: dict[str, list[float]], temperature: float) -> None:
    """Say what is wrong with the weights of dynamic weight average."""
    losses = list(history.values())
    epochs, heads = len(losses[0]), len(losses)

    def near(wanted: np.ndarray) -> bool:
        return bool(np.allclose(weights, wanted, rtol=1e-5, atol=1e-7))

    shown = {name: [round(loss, 4) for loss in past[-3:]] for name, past in history.items()}
    given = f"after {epochs} epochs, losses {shown}, temperature {temperature:g}"
    case = f"{given}, the weights are {weights.round(4).tolist()}"
    if epochs < 2:
        shares = near(np.full(heads, 1 / heads))
        require(not shares, f"{case}: their total should be the number of heads")
        require(near(np.ones(heads)), f"{case}: with fewer than two epochs all should be 1")
        return
    rates = np.array([past[-1] / past[-2] for past in losses])
    wanted = heads * _softmax(rates / temperature)
    if near(wanted):
        return
    require(not near(wanted / heads), f"{case}: their total is 1, and should be the number of heads")
    inverse = heads * _softmax(1 / rates / temperature)
    require(not near(inverse), f"{case}: the rate is the last loss divided by the one before, not the reverse")
    require(not near(heads * _softmax(-rates / temperature)), f"{case}: the head that falls slowly should get more")
    multiplied = heads * _softmax(rates * temperature)
    require(not near(multiplied), f"{case}: divide the rates by the temperature, do not multiply")
    require(not near(heads * _softmax(rates)) or temperature == 1, f"{case}: the temperature is not used")
    require(not near(heads * _softmax(rates / 2)) or temperature == 2, f"{case}: the temperature is always 2")
    last = np.array([past[-1] for past in losses])
    require(
        not near(heads * _softmax(last / temperature)), f"{case}: they follow the losses, and should follow the rates"
    )
    first = np.array([past[-1] / past[0] for past in losses])
    require(
        not near(heads * _softmax(first / temperature)), f"{case}: compare with the epoch before, not with the first"
    )
    early = np.array([past[1] / past[0] for past in losses])
    require(not near(heads * _softmax(early / temperature)), f"{case}: take the last two epochs, not the first two")
    require(not near(heads * rates / rates.sum()), f"{case}: the exponential is missing")
    require(not near(np.exp(rates / temperature)), f"{case}: divide by the sum of the exponentials")
    require(not near(np.ones(heads)), f"{case}: after two epochs they should follow the rates")
    require(False, f"{case}, and should be {wanted.round(4).tolist()}")


@question(
    "8.4",
    hints=[
        "The weighted lengths are weights * lengths. Their mean is one number.",
        "remaining = losses / first_losses. Goal: the mean length times (remaining / mean of remaining) ** alpha.",
        "The slope of |w * length - goal| along w is the sign of (w * length - goal), times length.",
    ],
)
def slopes(answer: object) -> None:
    """A function from weights, lengths, losses, first losses and alpha to the slopes along the weights."""
    function = as_function(answer)
    cases, results = [], []
    for seed in range(20):
        rng = np.random.default_rng(300 + seed)
        heads, alpha = [5, 4, 2, 3][seed % 4], [1.5, 0.5, 3.0, 1.0, 0.0][seed % 5]
        weights, lengths = rng.uniform(0.2, 3, heads), 10.0 ** (seed % 4 - 2) * rng.uniform(0.5, 2, heads)
        first = 10.0 ** rng.uniform(-1, 2, heads)
        losses = first * rng.uniform(0.3, 1.2, heads)
        case = {"weights": weights, "lengths": lengths, "losses": losses, "first_losses": first, "alpha": alpha}
        cases.append(case)
        results.append(as_array(call_kept(function, **case), "the result", shape=(heads,)))
    _require_slopes(cases, results)


def _slopes(
    weights: np.ndarray,
    lengths: np.ndarray,
    losses: np.ndarray,
    first_losses: np.ndarray,
    alpha: float,
    wrong: str = "",
) -> np.ndarray:
    """Return the slopes of GradNorm's loss, or what a function with one of the mistakes below would return."""
    weighted, remaining = weights * lengths, losses / first_losses
    relative = remaining if wrong == "no mean" else remaining / remaining.mean()
    turned = first_losses / losses
    others = {"turned": turned / turned.mean(), "turned later": 1 / relative, "losses": losses / losses.mean()}
    relative = others.get(wrong, relative)
    powers = {"no alpha": relative, "times alpha": relative * alpha, "equal": np.ones_like(relative)}
    mean = {"plain lengths": lengths.mean(), "total": weighted.sum()}.get(wrong, weighted.mean())
    goals = mean * powers.get(wrong, relative**alpha)
    sign = np.sign(weighted - goals)
    answers = {
        "turned sign": -sign * lengths,
        "signs": sign,
        "weights": sign * weights,
        "logarithms": sign * weighted,
        "distances": np.abs(weighted - goals),
        "differences": weighted - goals,
        "moving": sign * lengths - lengths / len(weights) * (sign * relative**alpha).sum(),
        "lengths": lengths,
    }
    return answers.get(wrong, sign * lengths)


MISTAKES = {
    "turned sign": "the sign is turned round: above its goal a length must fall, so its slope is positive",
    "signs": "these are signs only, and the slope is the sign times the length",
    "weights": "the sign is multiplied by the weight instead of the length",
    "logarithms": "this is the slope along the logarithm of the weight; along the weight it is without the factor w",
    "distances": "these are the distances |weighted length - goal| themselves",
    "differences": "these are the differences from the goals, not the slopes",
    "moving": "the goals must be held constant, and here they move with the weights",
    "lengths": "these are the lengths, and a weighted length below its goal has a negative slope",
    "no mean": "the goals need losses / first_losses divided by the mean of that over the heads",
    "turned": "a head with more of its loss left (losses / first_losses) should get the higher goal",
    "turned later": "a head with more of its loss left (losses / first_losses) should get the higher goal",
    "losses": "the goals should compare each loss with its first loss",
    "no alpha": "alpha is not used",
    "times alpha": "alpha is a power, not a factor",
    "equal": "the goals are all equal, and should follow how much of each loss is left",
    "plain lengths": "the goals need the mean of the weighted lengths, weights * lengths",
    "total": "the goals need the mean of the weighted lengths, not their total",
}


def _require_slopes(cases: list[dict], results: list[np.ndarray]) -> None:
    """Say what is wrong with the slopes: the one mistake that explains every result, if there is one."""

    def explained(wrong: str = "") -> list[bool]:
        pairs = zip(cases, results, strict=True)
        return [bool(np.allclose(found, _slopes(**case, wrong=wrong), rtol=1e-4, atol=1e-7)) for case, found in pairs]

    right = explained()
    if all(right):
        return
    place = right.index(False)
    case, found = cases[place], results[place].round(4).tolist()
    said = f"for {len(case['weights'])} heads and alpha = {case['alpha']:g} it gives {found}"
    for wrong, words in MISTAKES.items():
        require(not all(explained(wrong)), f"{said}: {words}")
    require(False, f"{said}, and should be {_slopes(**case).round(4).tolist()}")
