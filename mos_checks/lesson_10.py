"""The checks of exercise 10: score, decide, mask and mix."""

from collections.abc import Callable

import numpy as np
from scipy import special, stats

from mos_checks import apart, as_array, as_dict, as_pair, call_kept, describe, function_question, require

# --- 10.1


def _score_cases() -> list[dict]:
    cases = [
        ({"accuracy": 0.94, "error": 1.8}, {"accuracy": 0.95, "error": 2.0}, ["error"]),
        ({"prime": 0.81}, {"prime": 0.77}, []),
        ({"meters": 2.2}, {"meters": 2.0}, ["meters"]),
        (
            {"error rate": 0.05, "error": 0.5, "score": 7.0},
            {"error": 0.6, "score": 6.0, "error rate": 0.04},
            ["error rate"],
        ),
    ]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        names = [f"task {letter}" for letter in "dbeac"[: 1 + seed % 5]]
        alone = {name: float(rng.uniform(0.2, 1) * 10.0 ** rng.integers(-3, 4)) for name in names}
        scores = {name: alone[name] * float(rng.uniform(0.7, 1.4)) for name in rng.permutation(names).tolist()}
        lower = [name for name in rng.permutation(names).tolist() if rng.random() < 0.5]
        cases.append((scores, alone, {10: [], 11: names[::-1]}.get(seed, lower)))
    named = [dict(zip(("scores", "alone", "lower"), case, strict=True)) for case in cases]
    return sorted(named, key=lambda case: len(case["alone"]))


def _changes(
    scores: dict[str, float],
    alone: dict[str, float],
    lower: list[str],
    change: Callable = lambda own, base: (own - base) / base,
) -> np.ndarray:
    """Return the change of each task, better is positive."""
    return np.array([(-1 if name in lower else 1) * change(scores[name], alone[name]) for name in alone])


def _by_name(scores: dict[str, float], alone: dict[str, float], lower: list[str]) -> float:
    return 100 * _changes(scores, alone, lower).mean()


def _by_place(values: list[float], bases: list[float], names: list[str], lower: list[str]) -> float:
    return _by_name(dict(zip(names, values, strict=True)), dict(zip(names, bases, strict=True)), lower)


SCORE_MISTAKES = {
    "it is not in percent: multiply by 100": lambda s, a, lower: _changes(s, a, lower).mean(),
    "it is a sum: take the mean over the tasks": lambda s, a, lower: 100 * _changes(s, a, lower).sum(),
    "the sign is turned round: better is positive": lambda s, a, lower: -_by_name(s, a, lower),
    "where lower is better, the change counts with the other sign": lambda s, a, lower: _by_name(s, a, []),
    "divide by the score alone, not by the new one": lambda s, a, lower: (
        100 * _changes(s, a, lower, lambda own, base: (own - base) / own).mean()
    ),
    "divide each change by the score alone": lambda s, a, lower: (
        100 * _changes(s, a, lower, lambda own, base: own - base).mean()
    ),
    "divide each change by the score alone, and give percent": lambda s, a, lower: _changes(
        s, a, lower, lambda own, base: own - base
    ).mean(),
    "that is the new score as a part of the score alone: take the difference first": lambda s, a, lower: (
        100 * _changes(s, a, lower, lambda own, base: own / base).mean()
    ),
    "a change for the worse counts as well, with a minus": lambda s, a, lower: (
        100 * np.abs(_changes(s, a, lower)).mean()
    ),
    "divide by the number of all tasks": lambda s, a, lower: 100 * _changes(s, a, lower).sum() / max(1, len(lower)),
    "the tasks where lower is better count too": lambda s, a, lower: (
        100
        * sum(_changes({n: s[n] for n in a if n not in lower}, {n: a[n] for n in a if n not in lower}, []), 0.0)
        / len(a)
    ),
    "take the mean of the changes, not their median": lambda s, a, lower: 100 * np.median(_changes(s, a, lower)),
    "look the scores up by name: the two dictionaries can have different orders": lambda s, a, lower: _by_place(
        list(s.values()), list(a.values()), list(a), lower
    ),
    "look both scores up by name: the dictionaries can have their keys in any order": lambda s, a, lower: _by_place(
        list(s.values()), [a[name] for name in sorted(a)], sorted(a), lower
    ),
}


def _given_scores(case: dict, found: float) -> str:
    scores, alone, lower = case.values()
    shown = {name: f"{scores[name]:.3g} against {alone[name]:.3g}" for name in alone}
    return f"for {shown} with lower={lower} it gives {apart(found, _by_name(**case))[0]}"


function_question(
    "10.1",
    "A function from scores, scores alone and the names where lower is better to the mean change in percent.",
    hints=[
        "For one task: how much larger is the score than the score alone, as a part of the score alone?",
        "Where lower is better, the change counts with the other sign.",
        "`100 * np.mean([...])`, with one number for each name in `alone`. Look the score up by its name.",
    ],
    right=_by_name,
    cases=_score_cases,
    tolerance=1e-4,
    decimals=4,
    mistakes=SCORE_MISTAKES,
    say=lambda words, case, found: f"{_given_scores(case, found)}: {words}",
    show=lambda case, found, wanted: f"{_given_scores(case, found)}, and it should be {apart(found, wanted)[1]}",
)


# --- 10.2


DECISIONS = ("share", "separate", "no difference")


def _decision_cases() -> list[dict]:
    cases = []
    for scale in (1.0, 100.0, 0.001):
        for seed, (count, mean, std, together) in enumerate(_CASES):
            noise = np.random.default_rng(seed).normal(size=(2, count))
            noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
            alone = scale * (0.8 + together * noise[0])
            cases.append((alone, alone + scale * (mean + std * noise[1])))
    for alone, change in _UNEQUAL:
        cases += [(np.array(alone), np.array(alone) + sign * np.array(change)) for sign in (1, -1)]
    return [{"alone": alone, "shared": shared} for alone, shared in cases]


# How many seeds, the mean difference, its standard deviation, and the one that both designs have in common.
_CASES = [
    (5, 0.03, 0.01, 0.0),
    (10, -0.03, 0.01, 0.0),
    (5, 0.001, 0.02, 0.01),
    (10, 0.01, 0.005, 0.1),
    (5, -0.01, 0.005, 0.1),
    (10, 0.01, 0.0135, 0.02),
    (5, -0.01, 0.0135, 0.02),
    (10, 0.01, 0.02, 0.0),
    (5, -0.02, 0.05, 0.001),
    (3, 0.02, 0.01, 0.05),
    (20, 0.004, 0.0105, 0.05),
    # A little inside two standard errors, and a little outside.
    *[(5, errors * 0.01 / 5**0.5, 0.01, 0.02) for errors in (1.9, -1.9, 1.98, 2.02, 2.2, -2.2, 2.9)],
    *[(10, errors * 0.01 / 10**0.5, 0.01, 0.02) for errors in (-1.98, 1.98, 2.02, -2.02, 2.5)],
]
# Scores alone that differ much, and differences, so that relative differences lead to other decisions.
_UNEQUAL = [
    ([0.9, 0.92, 0.88, 0.2, 0.91], [0.02, 0.021, 0.019, -0.01, 0.02]),
    ([0.1, 0.12, 0.9, 0.95, 0.11], [0.02, 0.024, -0.01, -0.02, 0.022]),
    ([0.93, 0.15, 0.9, 0.95, 0.91, 0.2], [0.02, -0.015, 0.03, 0.02, 0.025, 0.005]),
    # One seed against all others, though the mean is many standard errors away from 0.
    ([0.9, 0.92, 0.88, 0.89, 0.91, 0.9, 0.93, 0.87], [0.02, 0.021, -0.001, 0.019, 0.022, 0.018, 0.02, 0.021]),
]


def _decision(found: object, case: dict | None = None) -> str:
    """Return a decision as a text; NumPy's `where` gives an array without axes."""
    if type(found) is np.ndarray and found.shape == () and found.dtype.kind == "U":
        found = found.item()
    word = type(found) in (str, np.str_)
    require(word, f"the decision should be one of the texts {', '.join(DECISIONS)}, and yours is {describe(found)}")
    require(found in DECISIONS, f"the decision should be one of {', '.join(DECISIONS)}, and yours is {found!r:.40}")
    return str(found)


def _decided(change: np.ndarray, limit: float | None = None, *, errors: float = 2, ddof: int = 1) -> str:
    """Return the decision for differences; `limit` takes the place of the standard errors."""
    limit = errors * change.std(ddof=ddof) / np.sqrt(len(change)) if limit is None else limit
    return "share" if change.mean() > limit else "separate" if change.mean() < -limit else "no difference"


def _errors(of_seeds: Callable[[int], float]) -> Callable:
    """Return the decision with another factor of the standard error, from the number of seeds."""
    return lambda a, s: _decided(s - a, errors=of_seeds(len(a)))


def _one_sided(word: str) -> Callable:
    return lambda a, s: "no difference" if _decided(s - a) == word else _decided(s - a)


DECISION_MISTAKES = {
    "it is turned round, share means that the shared scores are higher": lambda a, s: _decided(a - s),
    "the standard deviation needs `ddof=1`": lambda a, s: _decided(s - a, ddof=0),
    "the factor of the standard error is 2, not 1.96": _errors(lambda n: 1.96),
    "it looks at one standard error, and two are asked for": _errors(lambda n: 1),
    "the factor of the standard error is 2 for any number of seeds, and a t-test has another": _errors(
        lambda n: stats.t.ppf(0.975, n - 1)
    ),
    "the factor of the standard error is 2, not 2.776": _errors(lambda n: 2.776),
    "the factor of the standard error is 2, not 3": _errors(lambda n: 3),
    "that is two standard deviations: a standard error is divided by the root of the number of seeds": _errors(
        lambda n: 2 * n**0.5
    ),
    "that is one standard deviation: take two standard errors": _errors(lambda n: n**0.5),
    "the standard deviation is divided by the number of seeds, and not by its root": _errors(lambda n: 2 / n**0.5),
    "divide by the root of the number of seeds, not of that number less one": _errors(
        lambda n: 2 * (n / (n - 1)) ** 0.5
    ),
    "divide by the root of the number of seeds, which is not always 5": _errors(lambda n: 2 * (n / 5) ** 0.5),
    "divide by the root of the number of seeds, which is not always 10": _errors(lambda n: 2 * (n / 10) ** 0.5),
    "the scores are sorted: take the differences seed by seed": lambda a, s: _decided(np.sort(s) - np.sort(a)),
    "take the standard deviation of the differences of each seed, not of the two designs": lambda a, s: _decided(
        s - a, 2 * np.sqrt((a.var(ddof=1) + s.var(ddof=1)) / len(a))
    ),
    "take the standard deviation of the differences, not of the scores alone": lambda a, s: _decided(
        s - a, 2 * a.std(ddof=1) / np.sqrt(len(a))
    ),
    "it looks at the sign of the mean only, and not at the standard error": lambda a, s: _decided(s - a, 0.0),
    "take the differences as they are, `shared - alone`, and not relative to a score": lambda a, s: _decided(
        (s - a) / a
    ),
    'it never says "separate"': _one_sided("separate"),
    'it never says "share"': _one_sided("share"),
    'it always says "share"': lambda a, s: "share",
    'it always says "separate"': lambda a, s: "separate",
    'it always says "no difference"': lambda a, s: "no difference",
}


def _given_runs(case: dict, found: str) -> str:
    change = case["shared"] - case["alone"]
    error = change.std(ddof=1) / np.sqrt(len(change))
    return (
        f"for a mean difference of {change.mean():+.3g} with a standard error of {error:.3g}, over {len(change)} "
        f"seeds, it says {found!r}"
    )


def _wrong_decision(case: dict, found: str, wanted: str) -> str:
    inside = "within" if wanted == "no difference" else "outside"
    return f"{_given_runs(case, found)}, and that is {inside} two standard errors: {wanted!r} is right"


def _require_no_difference(function: Callable, found: list[str]) -> None:
    """Refuse a decision for scores that are all equal."""
    scores = np.array([0.91, 0.87, 0.9, 0.89, 0.93])
    decision = _decision(call_kept(function, alone=scores, shared=scores.copy()))
    neither = "then the mean is neither above nor below two standard errors, so compare with > and <"
    require(decision == "no difference", f"for two designs with equal scores it says {decision!r}: {neither}")


function_question(
    "10.2",
    "A function from the scores alone and shared, one for each seed, to a decision.",
    hints=[
        "The runs are pairs: first take the difference of each pair, `shared - alone`.",
        "The standard error is `difference.std(ddof=1) / np.sqrt(len(difference))`.",
        'Compare the mean with plus and minus two standard errors. In between, the answer is "no difference".',
    ],
    right=lambda alone, shared: _decided(shared - alone),
    cases=_decision_cases,
    read=_decision,
    mistakes=DECISION_MISTAKES,
    say=lambda words, case, found: f"{_given_runs(case, found)}: {words}",
    show=_wrong_decision,
    also=_require_no_difference,
)


# --- 10.3


PRIMES = (2, 3, 5, 7)
NAMES = ("left", "prime")
Parts = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def _masking_cases() -> list[dict]:
    cases = []
    for seed, (count, few) in enumerate([(12, 4), (40, 1), (9, 9), (300, 100), (1, 1)]):
        rng = np.random.default_rng(seed)
        left, labelled = rng.integers(10, size=count), rng.permutation(count)[:few]
        prime = rng.integers(2, size=few)  # so that nobody can compute them from `left`
        prime[0] = int(left[labelled[0]] not in PRIMES)
        cases.append({"left": left, "labelled": labelled, "prime": prime})
    return cases


def _masked(left: np.ndarray, labelled: np.ndarray, prime: np.ndarray, filler: int = 0) -> Parts:
    target, weight = np.full(len(left), filler), np.zeros(len(left))
    target[labelled], weight[labelled] = prime, 1
    return {"left": left, "prime": target}, {"left": np.ones(len(left)), "prime": weight}


def _for_the_gaps(left: np.ndarray, labelled: np.ndarray, prime: np.ndarray) -> Parts:
    targets, weights = _masked(left, labelled, prime)
    return targets, {**weights, "prime": 1 - weights["prime"]}


def _read_masked(result: object, case: dict) -> list[dict[str, np.ndarray]]:
    """Return targets and weights; 0 is the filler in place of 1 too."""
    words = f"your function should return two dictionaries, targets and weights, and gives {describe(result)}"
    parts, count = [], len(case["left"])
    for part, what in zip(as_pair(result, words), ("target", "weight of"), strict=True):
        arrays = {}
        for name, value in as_dict(part, NAMES, f"the {what.removesuffix(' of')}s").items():
            array = as_array(value, f"the {what} {name}", finite=False)
            short = f"the {what} {name} has {len(array) if array.ndim else 1} rows of {count}"
            require(array.ndim > 0 and len(array) == count, f"{short}: keep all rows, and use a filler")
            arrays[name] = as_array(array, f"the {what} {name}", shape=(count,)).astype("float64")
        parts.append(arrays)
    target = parts[0]["prime"]
    target[(target == 1) & ~np.isin(np.arange(count), case["labelled"])] = 0
    return parts


def _wrong_mask(case: dict, found: list[dict[str, np.ndarray]], wanted: Parts) -> str:
    """Return what is wrong with targets or weights."""
    left, labelled, prime = case.values()
    known = np.isin(np.arange(len(left)), labelled)
    (targets, weights), target = found, found[0]["prime"]
    valid = np.isin(target, [0, 1])
    filled = "is filled with" if valid[labelled].all() else "holds"
    reasons = {
        "the target left is changed: all its labels are known": (targets["left"] != left).any(),
        "the weight of left is not 1 everywhere: the rows without a label of prime have one of left": (
            weights["left"] != 1
        ).any(),
        "the weight of prime is not 0 for some rows without a label": weights["prime"][~known].any(),
        "the weight of prime is not 1 for some rows that have a label": (weights["prime"][known] != 1).any(),
        f"the target prime {filled} {target[~valid][:1].sum():g}, and its head can take 0 and 1 only": (~valid).any(),
        "the labels of prime stand in wrong rows: prime[0] belongs to row labelled[0], and these are in any order": (
            np.array_equal(np.sort(target[labelled]), np.sort(prime))
        ),
        "the target prime has other labels than the given ones: prime[0] belongs to row labelled[0]": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)


function_question(
    "10.3",
    "A function from all labels of left and a few of prime to a dictionary of targets and one of weights.",
    hints=[
        "Begin with an array of zeros of the length of `left`: these are the fillers.",
        "`target[labelled] = prime` puts each label into its row. The same with the weights and 1.",
        'Return `targets, weights`, two dictionaries with the keys "left" and "prime". `left` has all its labels.',
    ],
    right=_masked,
    cases=_masking_cases,
    read=_read_masked,
    mistakes={
        "the two dictionaries are swapped: return the targets first, then the weights": [
            lambda *case: _masked(*case)[::-1],
            lambda *case: _masked(*case, filler=1)[::-1],
        ],
        "the weight of prime is 1 for the gaps: turn it round": _for_the_gaps,
        "the target prime is computed from left: take the labels that are given, `prime`, which can be others": (
            lambda left, labelled, prime: _masked(left, labelled, np.isin(left[labelled], PRIMES))
        ),
        "the labels of prime are turned round: 1 stands for a prime number, as in the labels given": (
            lambda left, labelled, prime: _masked(left, labelled, 1 - prime)
        ),
    },
    show=_wrong_mask,
)


# --- 10.4


def _experts_and_gates() -> list[dict]:
    cases = []
    sizes = [(5, 3, 4, 1.0), (3, 3, 3, 1.0), (1, 2, 6, 3.0), (40, 1, 2, 1.0), (6, 4, 2, 0.01), (4, 3, 2, 400.0)]
    for seed, (rows, count, units, size) in enumerate(sizes):
        rng = np.random.default_rng(seed)
        experts = rng.normal(size=(rows, count, units)).astype("float32")
        cases.append({"experts": experts, "gate": (size * rng.normal(size=(rows, count))).astype("float32")})
    return cases


def _read_mixture(result: object, case: dict) -> np.ndarray:
    rows, count, units = case["experts"].shape
    array = as_array(result, "the mixture", finite=False)
    kept = "the mixture has an axis for the experts still: add up over it"
    require(array.shape != (rows, count, units) or (rows, count, units) == (rows, units), kept)
    other = "the mixture has one number for each expert: add up over the experts, and not over the units"
    require(array.shape != (rows, count) or count == units, other)
    return as_array(array, "the mixture", shape=(rows, units), finite=False)


def _mixture(experts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights[:, :, None] * experts).sum(axis=1)


def _along_units(experts: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Return the sum over the units where both axes are of one length, so that the shape does not tell."""
    weights = special.softmax(gate, axis=1)
    square = len({*experts.shape}) == 1
    return (weights[:, None, :] * experts).sum(axis=2) if square else _mixture(experts, weights)


MIXTURE_MISTAKES = {
    "the gate needs a softmax: its numbers have no total of 1": _mixture,
    "the softmax runs over the rows: each row has its own weights": lambda e, g: _mixture(
        e, special.softmax(g, axis=0)
    ),
    "the softmax runs over all numbers of the gate at once: each row has its own weights": lambda e, g: _mixture(
        e, special.softmax(g)
    ),
    "it takes two softmaxes: one is enough": lambda e, g: _mixture(
        e, special.softmax(special.softmax(g, axis=1), axis=1)
    ),
    "it takes a softmax of sigmoids: take the softmax of the gate's numbers": lambda e, g: _mixture(
        e, special.softmax(special.expit(g), axis=1)
    ),
    "the sign of the gate's numbers is turned round": lambda e, g: _mixture(e, special.softmax(-g, axis=1)),
    "all experts count the same: use the gate": lambda e, g: e.mean(axis=1),
    "it adds up the experts without the gate": lambda e, g: e.sum(axis=1),
    "it takes the expert with the largest weight only": lambda e, g: e[np.arange(len(g)), g.argmax(axis=1)],
    "it is divided by the number of experts: the weights have a total of 1 already": lambda e, g: (
        _mixture(e, special.softmax(g, axis=1)) / g.shape[1]
    ),
    "the weights are sigmoids, each on its own: take a softmax": lambda e, g: _mixture(e, special.expit(g)),
    "the weights are sigmoids divided by their total: take a softmax": lambda e, g: _mixture(
        e, special.expit(g) / special.expit(g).sum(axis=1, keepdims=True)
    ),
    "the numbers are divided by their total, and may be negative: take a softmax": lambda e, g: _mixture(
        e, g / g.sum(axis=1, keepdims=True)
    ),
    "the weights are logarithms: take the softmax itself": lambda e, g: _mixture(e, special.log_softmax(g, axis=1)),
    "`exp` without a division: the weights should have a total of 1": lambda e, g: _mixture(e, np.exp(g)),
    "`exp` of limited numbers without a division: the weights should have a total of 1": lambda e, g: _mixture(
        e, np.exp(np.clip(g, -50, 50))
    ),
    "`exp` without a division, though the maximum is taken away: the weights should have a total of 1": lambda e, g: (
        _mixture(e, np.exp(g - g.max(axis=1, keepdims=True)))
    ),
    "all rows get the weights of a mean gate: each row has its own": lambda e, g: _mixture(
        e, np.broadcast_to(special.softmax(g, axis=1).mean(axis=0), g.shape)
    ),
    "all rows get the weights of the first row: each row has its own": lambda e, g: _mixture(
        e, np.broadcast_to(special.softmax(g, axis=1)[0], g.shape)
    ),
    "it adds up over the units, and the experts are axis 1": _along_units,
}


def _in_float64(function: Callable) -> Callable:
    return lambda experts, gate: function(experts.astype("float64"), gate.astype("float64"))


def _refuse_overflow(found: list[np.ndarray], cases: list[dict]) -> None:
    """Refuse what is not finite."""
    broken = [(one, case["gate"]) for one, case in zip(found, cases, strict=True) if not np.isfinite(one).all()]
    largest = [np.abs(gate).max() for _, gate in broken]
    large = f"the mixture holds NaN or infinity where the numbers of the gate reach {max(largest, default=0):.0f}: "
    only_large = bool(broken) and min(largest) > 50
    require(not only_large, f"{large}take the maximum of a row away before `exp`, or use a softmax")
    for mixture, gate in broken:
        row = int(np.argmin(np.isfinite(mixture).all(axis=1)))
        numbers = ", ".join(f"{number:.2g}" for number in gate[row])
        require(False, f"the mixture holds NaN or infinity where the numbers of the gate are {numbers}")


def _wrong_mixture(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    row, unit = np.unravel_index(np.abs(found - wanted).argmax(), wanted.shape)
    got, should = apart(found[row, unit], wanted[row, unit])
    shape = case["experts"].shape
    return f"for experts of shape {shape}, row {row}, unit {unit} of the mixture should be {should}, not {got}"


function_question(
    "10.4",
    "A function from the outputs of experts and the numbers of a gate to their mixture.",
    hints=[
        "First make weights of the gate's numbers: a softmax over the experts, the last axis of `gate`.",
        "Each weight belongs to a whole expert: `weights[:, :, None] * experts` has shape (n, experts, units).",
        "Then add up over the experts, axis 1.",
    ],
    right=_in_float64(lambda experts, gate: _mixture(experts, special.softmax(gate, axis=1))),
    cases=_experts_and_gates,
    read=_read_mixture,
    tolerance=2e-4,
    decimals=4,
    mistakes={words: _in_float64(mistake) for words, mistake in MIXTURE_MISTAKES.items()},
    otherwise=[_refuse_overflow],
    say=lambda words, case, found: f"the mixture is not right: {words}",
    show=_wrong_mixture,
)
