"""The checks of exercise 12: rows of possible leaves, their loss, its gradient, and a loss that only looks right."""

from collections.abc import Callable

import numpy as np
from scipy import special

from mos_helpers.checks._engine import as_array, as_function, call_kept, question, require
from mos_helpers.hierarchy import Tree

ANIMALS = Tree(
    {
        "bird": ["owl", "gull"],
        "fish": ["shark"],
        "owl": ["barn owl", "eagle owl", "tawny owl"],
        "gull": ["herring gull"],
        "shark": ["tiger shark", "white shark"],
    },
    leaves=["white shark", "barn owl", "herring gull", "tiger shark", "tawny owl", "eagle owl"],
)
PLANTS = Tree(
    {
        "tree": ["conifer", "broadleaf"],
        "herb": ["grass"],
        "conifer": ["pine", "fir"],
        "broadleaf": ["oak"],
        "grass": ["cereal"],
        "pine": ["stone pine", "dwarf pine"],
        "fir": ["silver fir"],
        "oak": ["cork oak", "red oak"],
        "cereal": ["rye", "wheat"],
    },
    leaves=["rye", "red oak", "dwarf pine", "silver fir", "wheat", "cork oak", "stone pine"],
)
DIGITS = Tree({"loops": ["0", "6", "8", "9"], "strokes": ["1", "4", "7"], "curves": ["2", "3", "5"]})
LABELS = [
    (ANIMALS, ["barn owl", "owl", "bird", "shark", None, "gull", "fish", "tiger shark", "herring gull"]),
    (DIGITS, ["3", "curves", None, "loops", "0", "strokes", "9"]),
    (ANIMALS, ["fish"]),
    (PLANTS, ["tree", "broadleaf", "pine", "oak", "cereal", "rye", None, "grass", "conifer"]),
]


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-4, rtol=1e-4)


def _row(name: str | None, tree: Tree) -> np.ndarray:
    """Return which leaves a name leaves possible."""
    for level, names in enumerate(tree.levels):
        if name in names:
            return tree.matrix(level)[:, names.index(name)]
    return np.ones(len(tree.leaves))


@question(
    "12.1",
    hints=[
        "Look for the name on each level: `tree.levels` holds the names, from the coarsest to the leaves.",
        "`tree.matrix(level)` has a row for each leaf and a column for each class of that level; the last level too.",
        "The row you want is the column of the name: `tree.matrix(level)[:, names.index(name)]`. None gets ones.",
    ],
)
def rows_of(answer: object) -> None:
    """A function from names of classes of any level to rows of zeros and ones, one column for each leaf."""
    function = as_function(answer)
    for tree, names in LABELS:
        wanted = np.stack([_row(name, tree) for name in names])
        found = as_array(call_kept(function, names=names, tree=tree), "the result").astype("float64")
        turned = f"the result has the shape {found.shape} and should have {wanted.shape}: a row for each label"
        require(found.shape != wanted.shape[::-1] or found.shape == wanted.shape, turned)
        found = as_array(found, "the result", shape=wanted.shape)
        for name, row, right in zip(names, found, wanted, strict=True):
            _require_row(name, row, right, tree)


def _require_row(name: str | None, row: np.ndarray, right: np.ndarray, tree: Tree) -> None:
    """Say what is wrong with the row of one label."""
    if _close(row, right):
        return
    said = f"the row of {'None' if name is None else repr(name)}"
    if name is None:
        zeros = f"{said} is all zeros: no leaf is possible, and its loss is infinite. Nothing known means all possible"
        require(bool(row.any()), zeros)
        require(False, f"{said} should be all ones: when nothing is known, every leaf is possible")
    share = f"{said} has a total of 1: it should say which leaves are possible, not how probable each of them is"
    require(right.sum() == 1 or not _close(row, right / right.sum()), share)
    require(bool(row.any()), f"{said} is all zeros: is every level searched?")
    require(not _close(row, 1 - right), f"{said} has the ones and zeros the wrong way round")
    require(not row.all(), f"{said} is all ones, but it is a known class: is every level searched?")
    leaves = [leaf for leaf, possible in zip(tree.leaves, right, strict=True) if possible]
    yours = [leaf for leaf, possible in zip(tree.leaves, row, strict=True) if possible]
    require(
        set(yours) == set(leaves), f"{said} should have a 1 for {_listed(leaves)}, and yours has for {_listed(yours)}"
    )
    require(False, f"{said} should hold only zeros and ones")


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _cases(seed: int, count: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return candidate rows, with one to all leaves possible, and logits."""
    rng = np.random.default_rng(seed)
    possible = (rng.random((count, 6)) < 0.4).astype("float32")
    possible[np.arange(count), rng.integers(6, size=count)] = 1
    possible[0] = [1, 0, 1, 0, 0, 1]
    return possible, rng.normal(0, scale, (count, 6)).astype("float32")


def _log_p(logits: np.ndarray) -> np.ndarray:
    return special.log_softmax(logits.astype("float64"), axis=1)


def _inside(possible: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    return np.where(possible > 0, log_p, -np.inf)


@question(
    "12.2",
    hints=[
        "The log of a sum of exponentials: take the largest number out first, and add it again after the log.",
        "Do it twice: over all logits, and over those of the possible leaves only. The loss is the difference.",
        "An impossible leaf gets the logit -np.inf, with np.where; its exponential is 0. Each of the two sums has a "
        "largest number of its own.",
    ],
)
def marginal_loss(answer: object) -> None:
    """A function from rows of possible leaves and logits to the loss of each row, finite for any logits."""
    function = as_function(answer)
    for seed, count in enumerate([30, 1, 6]):
        possible, logits = _cases(seed, count, 2)
        result = call_kept(function, possible=possible, logits=logits)
        average = "the result is one number: give one for each row, and do not average"
        require(not issubclass(type(result), float | np.number), average)
        found = as_array(result, "the result", finite=False).astype("float64")
        require(found.ndim > 0, average)
        column = f"the result should have shape ({count},), and yours has {found.shape}: one number for each row"
        require(found.shape == (count,), column)
        _require_losses(as_array(found, "the result"), possible, logits)
    for rows, labels in [
        ([[0, 0, 1000]], [[1, 1, 0]]),
        ([[1000, 0, 0]], [[1, 1, 0]]),
        ([[-1000, -1001, 0]], [[1, 1, 0]]),
        ([[-5000, -5000, -5000]], [[0, 1, 1]]),
        ([[9000, 9000, 9000]], [[1, 1, 1]]),
        ([[0, 0, 1e6]], [[1, 1, 0]]),
        ([[-1e6, 1e6, 0]], [[1, 0, 1]]),
        ([[0, 0, 1e6], [800, 0, 0]], [[1, 1, 0], [0, 0, 1]]),
        ([[-1e6, -1e6, 0], [2, 0, 0]], [[1, 1, 0], [1, 1, 0]]),
    ]:
        _require_extreme(function, np.float32(labels), np.float32(rows))


def _require_losses(found: np.ndarray, possible: np.ndarray, logits: np.ndarray) -> None:
    """Say what is wrong with losses for moderate logits."""
    log_p = _log_p(logits)
    inside = _inside(possible, log_p)
    right = -special.logsumexp(inside, axis=1)
    if _close(found, right):
        return
    require(not _close(found, -right), "the sign is wrong: a loss is minus the log of the probability")
    logs = np.where(possible > 0, log_p, 0).sum(axis=1)
    average = "it averages the logs of the probabilities. The label asks for the log of their sum: add up first"
    require(not _close(found, -logs / possible.sum(axis=1)), average)
    added = "it adds up the logs of the probabilities. That is the log of their product: add up first, then the log"
    require(not _close(found, -logs), added)
    mean = "it takes the log of the mean of the possible probabilities: one or the other is a sum"
    require(not _close(found, right + np.log(possible.sum(axis=1))), mean)
    best = "it takes only the likeliest of the possible leaves: the others count too"
    require(not _close(found, -inside.max(axis=1)), best)
    zero = "an impossible leaf got the logit 0, and the exponential of 0 is 1: give it minus infinity"
    all_of_it = special.logsumexp(logits, axis=1)
    require(not _close(found, all_of_it - special.logsumexp(possible * logits, axis=1)), zero)
    turned = "it is the loss of the impossible leaves: turn the zeros and ones round"
    with np.errstate(divide="ignore"):
        other = -np.log(np.maximum(0, 1 - np.exp(-right)))
    require(not _close(np.minimum(found, 1e6), np.minimum(other, 1e6)), turned)
    require(not _close(found, np.exp(-right)), "it is the probability of the label: the loss is minus its log")
    require(not _close(found, 1 - np.exp(-right)), "it is 1 minus the probability of the label: use minus its log")
    raw = "the logits of the possible leaves are not yet related to all logits: subtract the logsumexp of all"
    require(not _close(found, all_of_it - right) and not _close(found, right - all_of_it), raw)
    difference = float(np.abs(found - right).max())
    require(False, f"for logits of moderate size it differs from the right loss by up to {difference:.2g}")


def _require_extreme(function: Callable, possible: np.ndarray, logits: np.ndarray) -> None:
    """Say what is wrong with the loss of extreme logits."""
    right = -special.logsumexp(_inside(possible, _log_p(logits)), axis=1)
    result = call_kept(function, possible=possible, logits=logits)
    found = as_array(result, "the result", shape=right.shape, finite=False).astype("float64")
    # In 32 bits, numbers near 5000 are half a thousandth apart.
    wrong = ~np.isclose(found, right, atol=5e-3, rtol=1e-4)
    if not wrong.any():
        return
    row = int(wrong.argmax())
    numbers = ", ".join(f"{number:.0f}" for number in logits[row])
    case = f"for the logits [{numbers}] it gives {found[row]:.7g} instead of {right[row]:.7g}"
    each = f"{case} when another row has larger ones: take the largest of each row, not of the whole array"
    require(len(logits) == 1, each)
    case = f"moderate logits are right, but {case}"
    lost = ": a probability became 0, or an exponential infinite. Use no probabilities: two logsumexp"
    require(bool(np.isfinite(found).all()), case + lost)
    out = ": an impossible leaf is not quite out of the sum. Give it minus infinity, -np.inf"
    require(np.abs(logits).max() < 1e6, case + out)
    require(False, case + ": a loss that is cut off has no gradient there. Use no probabilities: two logsumexp")


@question(
    "12.3",
    hints=[
        "Write p for the probabilities of all leaves, and q for the probabilities among the possible leaves only.",
        "q is the softmax over the possible logits: p divided by the sum of p over the possible, and 0 elsewhere.",
        "The gradient of logsumexp is a softmax. So the gradient of the difference of two is p - q.",
    ],
)
def gradient_of(answer: object) -> None:
    """A function from rows of possible leaves and logits to the gradient of each row's loss, of the logits' shape."""
    function = as_function(answer)
    for seed, count in enumerate([30, 1, 6]):
        possible, logits = _cases(seed + 10, count, 2)
        found = as_array(call_kept(function, possible=possible, logits=logits), "the result", shape=possible.shape)
        found = found.astype("float64")
        _require_gradient(found, possible, logits)


def _require_gradient(found: np.ndarray, possible: np.ndarray, logits: np.ndarray) -> None:
    """Say what is wrong with a gradient."""
    p = np.exp(_log_p(logits))
    total = (p * possible).sum(axis=1, keepdims=True)
    q, evenly = p * possible / total, possible / possible.sum(axis=1, keepdims=True)
    right = p - q
    if _close(found, right):
        return
    sign = "the sign is wrong: a gradient points uphill, so it is negative where an update raises the logit"
    require(not _close(found, -right), sign)
    even = "it shares the push evenly among the possible leaves, as the average of logs does: share in proportion to p"
    require(not _close(found, p - evenly), even)
    more = "each possible leaf is treated as if it were the only one: p minus the row of zeros and ones is not right"
    require(not _close(found, p - possible), more)
    require(not _close(found, -q), "the leaves that are not possible are missing: what pushes them down is their own p")
    require(not _close(found, p), "p alone is the gradient of the first logsumexp: the second one is missing")
    group = "the possible part is missing its division: p among the possible leaves has a total of 1"
    require(not _close(found, p - p * possible), group)
    zero = "an impossible leaf got the logit 0, and the exponential of 0 is 1: give it minus infinity"
    require(not _close(found, p - special.softmax(possible * logits, axis=1)), zero)
    by_p = "it is the gradient for the probabilities: the question asks for the logits, before the softmax"
    require(not _close(found, -possible / total), by_p)
    rows = f"it is divided by the {len(p)} rows, as the gradient of a mean is: here each row has a loss of its own"
    require(len(p) == 1 or not _close(found * len(p), right), rows)
    sums = float(np.abs(found.sum(axis=1)).max())
    balance = (
        f"each row should add up to 0, as a constant added to all logits changes nothing; yours reaches {sums:.2g}"
    )
    require(sums < 1e-3, balance)
    difference = float(np.abs(found - right).max())
    require(False, f"it differs from the right gradient by up to {difference:.2g}")


@question(
    "12.4",
    hints=[
        "The right loss is near 0 when the first two classes together have nearly all of the probability.",
        "The other loss averages two logs. What makes an average of two logs very bad, though one of them is near 0?",
        "Be sure of one of the two possible classes, and leave the other one as small as the impossible ones.",
    ],
)
def unfair_logits(answer: object) -> str:
    """Four logits for which the right loss is nearly 0, and the average of logs is above 2."""
    logits = as_array(answer, "the answer").astype("float64")
    require(logits.size == 4, f"the answer should be four logits, and yours has the shape {logits.shape}")
    log_p = _log_p(logits.reshape(1, 4))[0]
    right, average = -special.logsumexp(log_p[:2]), -log_p[:2].mean()
    said = f"the right loss is {right:.3g} and the average of logs {average:.3g}"
    if right >= 0.01:
        like = logits.min() >= 0 and np.isclose(logits.sum(), 1, atol=1e-3)
        why = ". These look like probabilities: logits may be any numbers" if like else ""
        require(
            False, f"{said}: the right one should be below 0.01, so the first two need more of the probability{why}"
        )
    equal = ". Two equal ones are what the average of logs likes best" if np.isclose(log_p[0], log_p[1]) else ""
    require(average > 2, f"{said}: it should be above 2{equal}")
    return f"{said[0].upper()}{said[1:]}"
