"""The checks of exercise 10: score, decide, mask and mix."""

import numpy as np

from mos_helpers.checks._engine import (
    as_array,
    as_dict,
    as_function,
    as_number,
    call_kept,
    describe,
    question,
    require,
)


@question(
    "10.1",
    hints=[
        "For one task: how much larger is the score than the score alone, as a part of the score alone?",
        "Where lower is better, the change counts with the other sign.",
        "`100 * np.mean([...])`, with one number for each name in `alone`. Look the score up by its name.",
    ],
)
def relative_score(answer: object) -> None:
    """A function from scores, scores alone and the names where lower is better to the mean change in percent."""
    function = as_function(answer)
    cases = [({"accuracy": 0.94, "error": 1.8}, {"accuracy": 0.95, "error": 2.0}, ["error"])]
    for seed in range(8):
        rng = np.random.default_rng(seed)
        names = [f"task {letter}" for letter in "dbeac"[: 1 + seed % 5]]
        alone = {name: float(rng.uniform(0.2, 1) * 10.0 ** rng.integers(-3, 4)) for name in names}
        scores = {name: alone[name] * float(rng.uniform(0.7, 1.4)) for name in sorted(names)}
        cases.append((scores, alone, [name for name in names if rng.random() < 0.5]))
    for scores, alone, lower in cases:
        found = as_number(call_kept(function, scores=scores, alone=alone, lower=lower), "the relative score")
        _require_score(found, scores, alone, lower)


def _require_score(found: float, scores: dict[str, float], alone: dict[str, float], lower: list[str]) -> None:
    """Say what is wrong with a relative score."""
    names = list(alone)
    sign = np.array([-1.0 if name in lower else 1.0 for name in names])
    own, base = (np.array([table[name] for name in names]) for table in (scores, alone))
    shown = {name: f"{scores[name]:.3g} against {alone[name]:.3g}" for name in names}
    case = f"for {shown} with lower={lower} it gives {found:.4g}"
    parts = sign * (own - base) / base
    wanted = 100 * parts.mean()
    if np.isclose(found, wanted, rtol=1e-5, atol=1e-9):
        return
    mistakes = {
        "it is not in percent: multiply by 100": parts.mean(),
        "it is a sum: take the mean over the tasks": 100 * parts.sum(),
        "the sign is turned round: better is positive": -wanted,
        "where lower is better, the change counts with the other sign": 100 * ((own - base) / base).mean(),
        "divide by the score alone, not by the new one": 100 * (sign * (own - base) / own).mean(),
        "divide each change by the score alone": 100 * (sign * (own - base)).mean(),
        "a change for the worse counts as well, with a minus": 100 * np.abs(parts).mean(),
        "divide by the number of all tasks": 100 * parts.sum() / max(1, len(lower)),
        "look the scores up by name: the two dictionaries can have different orders": 100
        * (sign * (np.array(list(scores.values())) - base) / base).mean(),
    }
    for message, value in mistakes.items():
        require(not np.isclose(found, value, rtol=1e-5, atol=1e-12), f"{case}: {message}")
    require(False, f"{case}, and it should be {wanted:.4g}")


DECISIONS = ("share", "separate", "no difference")


@question(
    "10.2",
    hints=[
        "The runs are pairs: first take the difference of each pair, `shared - alone`.",
        "The standard error is `difference.std(ddof=1) / np.sqrt(len(difference))`.",
        'Compare the mean with plus and minus two standard errors. In between, the answer is "no difference".',
    ],
)
def decide(answer: object) -> None:
    """A function from the scores alone and shared, one for each seed, to a decision."""
    function = as_function(answer)
    for scale in (1.0, 100.0, 0.001):
        for seed, (count, mean, spread, together) in enumerate(_CASES):
            noise = np.random.default_rng(seed).normal(size=(2, count))
            noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
            alone = scale * (0.8 + together * noise[0])
            shared = alone + scale * (mean + spread * noise[1])
            _require_decision(call_kept(function, alone=alone, shared=shared), alone, shared)


# How many seeds, the mean difference, its standard deviation, and the spread that both designs have in common.
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
    # A little inside two standard errors, and a little outside.
    *[(5, errors * 0.01 / 5**0.5, 0.01, 0.02) for errors in (1.9, -1.9, 1.98, 2.02, 2.2, -2.2)],
]


def _require_decision(found: object, alone: np.ndarray, shared: np.ndarray) -> None:
    """Say what is wrong with a decision."""
    word = type(found) in (str, np.str_)
    require(word, f"the decision should be one of the texts {', '.join(DECISIONS)}, and yours is {describe(found)}")
    require(found in DECISIONS, f"the decision should be one of {', '.join(DECISIONS)}, and yours is {found!r:.40}")
    difference = shared - alone

    def decision(limit: float, mean: float = difference.mean()) -> str:
        return "share" if mean > limit else "separate" if mean < -limit else "no difference"

    spread, count = difference.std(ddof=1), len(difference)
    wanted = decision(2 * spread / np.sqrt(count))
    if found == wanted:
        return
    case = f"for a mean difference of {difference.mean():+.3g} ± {spread:.2g} over {count} seeds it says {str(found)!r}"
    turned = found == decision(2 * spread / np.sqrt(count), -difference.mean())
    require(not turned, f"{case}: it is turned round, share means that the shared scores are higher")
    within = f"{case}, and that is within two standard errors"
    barely = abs(difference.mean()) > 2 * difference.std() / np.sqrt(count)
    require(
        wanted != "no difference" or not barely, f"{within}: the factor is 2, and the standard deviation needs `ddof=1`"
    )
    require(
        wanted != "no difference",
        f"{within}: take the differences seed by seed, and twice their standard deviation divided by the root of "
        "their number",
    )
    require(
        found != "no difference",
        f"{case}, and that is outside two standard errors: take the spread of the differences, divided by the root of "
        "their number",
    )
    require(False, f"{case}, and it should be {wanted!r}")


PRIMES = (2, 3, 5, 7)


@question(
    "10.3",
    hints=[
        "Begin with an array of zeros of the length of `left`: these are the fillers.",
        "`target[labelled] = prime` puts each label into its row. The same with the weights and 1.",
        'Return `targets, weights`, two dictionaries with the keys "left" and "prime". `left` has all its labels.',
    ],
)
def with_auxiliary(answer: object) -> None:
    """A function from all labels of left and a few of prime to a dictionary of targets and one of weights."""
    function = as_function(answer)
    for seed, (count, few) in enumerate([(12, 4), (40, 1), (9, 9), (300, 100)]):
        rng = np.random.default_rng(seed)
        left, labelled = rng.integers(10, size=count), rng.permutation(count)[:few]
        prime = rng.integers(2, size=few)  # so that nobody can compute them from `left`
        prime[0] = int(left[labelled[0]] not in PRIMES)
        result = call_kept(function, left=left, labelled=labelled, prime=prime)
        two = isinstance(result, tuple | list) and len(result) == 2
        require(two, f"your function should return two dictionaries, targets and weights, and gives {describe(result)}")
        targets = as_dict(result[0], ("left", "prime"), "the targets")
        weights = as_dict(result[1], ("left", "prime"), "the weights")
        parts = {f"the target {name}": value for name, value in targets.items()}
        parts |= {f"the weight of {name}": value for name, value in weights.items()}
        arrays = {}
        for name, value in parts.items():
            array = as_array(value, name, finite=False)
            short = f"{name} has {len(array) if array.ndim else 1} rows of {count}: keep all rows, and use a filler"
            require(array.ndim > 0 and len(array) == count, short)
            arrays[name] = as_array(array, name, shape=(count,))
        _require_masked(arrays, left, labelled, prime)


def _require_masked(arrays: dict[str, np.ndarray], left: np.ndarray, labelled: np.ndarray, prime: np.ndarray) -> None:
    """Say what is wrong with targets or weights."""
    require(bool((arrays["the target left"] == left).all()), "the target left is changed: all its labels are known")
    all_of_left = "the weight of left is not 1 everywhere: the rows without a label of prime have one of left"
    require(bool((arrays["the weight of left"] == 1).all()), all_of_left)
    known = np.isin(np.arange(len(left)), labelled)
    weight, target = arrays["the weight of prime"].astype("float64"), arrays["the target prime"]
    require(known.all() or not np.array_equal(weight, ~known), "the weight of prime is 1 for the gaps: turn it round")
    require(not weight[~known].any(), "the weight of prime is not 0 for some rows without a label")
    require(bool((weight[labelled] == 1).all()), "the weight of prime is not 1 for some rows that have a label")
    valid = np.isin(target, [0, 1])
    wrong = "" if valid.all() else f"{target[~valid][0]:g}"
    require(bool(valid.all()), f"the target prime is filled with {wrong}, and its head can take 0 and 1 only")
    computed = np.array_equal(target[labelled], np.isin(left[labelled], PRIMES))
    given = "the target prime is computed from left: take the labels that are given, `prime`, which can be others"
    require(not computed, given)
    right = bool((target[labelled] == prime).all())
    order = "the labels of prime stand in wrong rows: prime[0] belongs to row labelled[0], and these are in any order"
    require(right, order)


@question(
    "10.4",
    hints=[
        "First make weights of the gate's numbers: a softmax over the experts, the last axis of `gate`.",
        "Each weight belongs to a whole expert: `weights[:, :, None] * experts` has shape (n, experts, units).",
        "Then add up over the experts, axis 1.",
    ],
)
def mix(answer: object) -> None:
    """A function from the outputs of experts and the numbers of a gate to their mixture."""
    function = as_function(answer)
    cases = [(5, 3, 4, 1.0), (3, 3, 3, 1.0), (1, 2, 6, 3.0), (40, 1, 2, 1.0), (6, 4, 2, 0.01), (4, 3, 2, 400.0)]
    for seed, (rows, count, units, size) in enumerate(cases):
        rng = np.random.default_rng(seed)
        experts = rng.normal(size=(rows, count, units)).astype("float32")
        gate = (size * rng.normal(size=(rows, count))).astype("float32")
        array = as_array(call_kept(function, experts=experts, gate=gate), "the mixture", finite=False)
        kept = "the mixture has an axis for the experts still: add up over it"
        require(array.shape != (rows, count, units) or (rows, count, units) == (rows, units), kept)
        other = "the mixture has one number for each expert: add up over the experts, and not over the units"
        require(array.shape != (rows, count) or count == units, other)
        array = as_array(array, "the mixture", shape=(rows, units), finite=False)
        _require_mixture(array.astype("float64"), experts.astype("float64"), gate.astype("float64"))


def _require_mixture(found: np.ndarray, experts: np.ndarray, gate: np.ndarray) -> None:
    """Say what is wrong with a mixture."""

    def softmax(numbers: np.ndarray, axis: int | None) -> np.ndarray:
        powers = np.exp(numbers - numbers.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)

    def mixture(weights: np.ndarray) -> np.ndarray:
        return (weights[:, :, None] * experts).sum(axis=1)

    large = f"the mixture holds NaN where the numbers of the gate reach {np.abs(gate).max():.0f}: "
    require(bool(np.isfinite(found).all()), f"{large}take the maximum of a row away before `exp`, or use a softmax")
    weights = softmax(gate, 1)
    if np.allclose(found, mixture(weights), rtol=1e-3, atol=1e-5):
        return
    count = gate.shape[1]
    powers = np.exp(np.clip(gate, -50, 50))
    mistakes = {
        "the gate needs a softmax: its numbers have no total of 1": mixture(gate),
        "the softmax runs over the rows: each row has its own weights": mixture(softmax(gate, 0)),
        "the softmax runs over all numbers of the gate at once: each row has its own weights": mixture(
            softmax(gate, None)
        ),
        "it takes two softmaxes: one is enough": mixture(softmax(weights, 1)),
        "all experts count the same: use the gate": experts.mean(axis=1),
        "it adds up the experts without the gate": experts.sum(axis=1),
        "it takes the expert with the largest weight only": experts[np.arange(len(gate)), gate.argmax(axis=1)],
        "it is divided by the number of experts: the weights have a total of 1 already": mixture(weights) / count,
        "the weights are sigmoids, each on its own: take a softmax": mixture(1 / (1 + 1 / powers)),
        "`exp` without a division: the weights should have a total of 1": mixture(powers),
        "all rows get the weights of a mean gate: each row has its own": mixture(
            np.broadcast_to(weights.mean(axis=0), gate.shape)
        ),
    }
    for message, value in mistakes.items():
        require(not np.allclose(found, value, rtol=1e-3, atol=1e-5), f"the mixture is not right: {message}")
    if len({*experts.shape}) == 1:
        along_units = (weights[:, None, :] * experts).sum(axis=2)
        other = "the mixture is not right: it adds up over the units, and the experts are axis 1"
        require(not np.allclose(found, along_units, rtol=1e-3, atol=1e-5), other)
    row = int(np.abs(found - mixture(weights)).max(axis=1).argmax())
    require(
        False, f"row {row} of the mixture should begin with {mixture(weights)[row, 0]:.4g}, not {found[row, 0]:.4g}"
    )
