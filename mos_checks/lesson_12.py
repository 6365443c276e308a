"""The checks of exercise 12: rows of possible leaves, their loss, its gradient, and a loss that only looks right."""

from collections.abc import Callable

import numpy as np
from scipy import special

from mos_checks import as_array, call_kept, function_question, question, require
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
# The same names as in DIGITS, for other leaves.
OTHER_DIGITS = Tree(
    {"curves": ["8", "9", "0"], "loops": ["3", "2"], "strokes": ["7", "1", "4", "5", "6"]}, leaves=list("7130896542")
)
# Seven levels, and names that are parts of others.
DEEP = Tree(
    {
        "z": ["y"],
        "zz": ["yy"],
        "y": ["x"],
        "yy": ["xx"],
        "x": ["w", "ww"],
        "xx": ["www"],
        "w": ["v"],
        "ww": ["vv"],
        "www": ["u", "uu"],
        "v": ["t"],
        "vv": ["tt"],
        "u": ["s"],
        "uu": ["ss"],
        "t": ["a", "ab"],
        "tt": ["b"],
        "s": ["c", "abc"],
        "ss": ["d"],
    },
    leaves=["b", "abc", "a", "d", "ab", "c"],
)
_DEEP_NAMES = [name for level in DEEP.levels for name in level]
LABELS = [
    (["barn owl", "owl", "bird", "shark", None, "gull", "fish", "tiger shark", "herring gull"], ANIMALS),
    (["3", "curves", None, "loops", "0", "strokes", "9"], DIGITS),
    (["fish"], ANIMALS),
    (["tree", "broadleaf", "pine", "oak", "cereal", "rye", None, "grass", "conifer"], PLANTS),
    (["3", "curves", None, "loops", "0", "strokes", "9"], OTHER_DIGITS),
    ([*_DEEP_NAMES[::2], None, *_DEEP_NAMES[1::2]], DEEP),
    (["owl", None, "white shark", "owl", "fish", None, "owl", "white shark"], ANIMALS),
]

# --- 12.1


def _row(name: str | None, tree: Tree) -> np.ndarray:
    """Return which leaves a name leaves possible."""
    for level, names in enumerate(tree.levels):
        if name in names:
            return tree.matrix(level)[:, names.index(name)]
    return np.ones(len(tree.leaves))


def _rows(names: list[str | None], tree: Tree) -> np.ndarray:
    return np.stack([_row(name, tree) for name in names])


def _shared(names: list[str | None], tree: Tree) -> np.ndarray:
    rows = _rows(names, tree)
    return rows / rows.sum(axis=1, keepdims=True)


def _known(names: list[str | None]) -> np.ndarray:
    return np.array([name is not None for name in names])[:, None]


def _at_the_first(names: list[str | None], tree: Tree) -> np.ndarray:
    """Leave a row of zeros where a name comes again."""
    first = np.array([names.index(name) == place for place, name in enumerate(names)])
    return _rows(names, tree) * first[:, None]


def _read_rows(result: object, case: dict) -> np.ndarray:
    rows, wanted = as_array(result, "the result"), (len(case["names"]), len(case["tree"].leaves))
    turned = f"the result has the shape {rows.shape} and should have {wanted}: a row for each label"
    require(rows.shape != wanted[::-1] or wanted[0] == wanted[1], turned)
    return rows


def _wrong_row(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    """Return what is wrong with the first row that is not right."""
    names, tree = case.values()
    rows = as_array(found, "the result", shape=wanted.shape)
    place = next(place for place in range(len(names)) if not np.allclose(rows[place], wanted[place], atol=1e-4))
    name, row = names[place], rows[place]
    levels = f"in a tree with {len(tree.levels)} levels the row of {'None' if name is None else repr(name)}"
    if name is None:
        return f"{levels} should be all ones: when nothing is known, every leaf is possible"
    if not row.any():
        return f"{levels} is all zeros: is every level searched?"
    if (row == 1).all():
        return f"{levels} is all ones, but it is a known class: is every level searched?"
    if not np.isin(row, [0, 1]).all():
        return f"{levels} should hold only zeros and ones"
    right, yours = (", ".join(np.array(tree.leaves)[one > 0]) for one in (wanted[place], row))
    return f"{levels} should have a 1 for {right}, and yours has for {yours}"


AGAIN = "a name may stand in the list more than once, and each time it needs its row"

function_question(
    "12.1",
    "A function from names of classes of any level to rows of zeros and ones, one column for each leaf.",
    hints=[
        "Look for the name on each level: `tree.levels` holds the names, from the coarsest to the leaves.",
        "`tree.matrix(level)` has a row for each leaf and a column for each class of that level; the last level too.",
        "The row you want is the column of the name: `tree.matrix(level)[:, names.index(name)]`. None gets ones.",
    ],
    right=_rows,
    cases=lambda: [{"names": names, "tree": tree} for names, tree in LABELS],
    read=_read_rows,
    tolerance=1e-4,
    mistakes={
        f"{AGAIN}: names.index finds the first only, so that the other rows stay zero": _at_the_first,
        f"there is one row for each different name: {AGAIN}": lambda names, tree: _rows(
            list(dict.fromkeys(names)), tree
        ),
        f"there is one row for each different name, in another order: {AGAIN}": lambda names, tree: _rows(
            sorted(set(names), key=str), tree
        ),
        "a row has a total of 1: it should say which leaves are possible, not how probable each of them is": [
            _shared,
            lambda names, tree: np.where(_known(names), _shared(names, tree), 1),
        ],
        "the rows have the ones and zeros the wrong way round": lambda names, tree: 1 - _rows(names, tree),
        "the ones and zeros are the wrong way round": lambda names, tree: np.where(
            _known(names), 1 - _rows(names, tree), 1
        ),
        "the row of None is all zeros: no leaf is possible, and its loss is infinite. Nothing known means all are "
        "possible": lambda names, tree: _known(names) * _rows(names, tree),
    },
    show=_wrong_row,
)


# --- 12.2


def _cases(seed: int, scale: float) -> list[dict]:
    """Return candidate rows, with one to all leaves possible, and logits; at the end fine labels alone."""
    cases = []
    for rows, leaves in [(30, 6), (1, 6), (6, 6), (25, 10), (4, 3)]:
        rng = np.random.default_rng([seed, rows, leaves])
        possible = (rng.random((rows, leaves)) < 0.4).astype("float32")
        possible[np.arange(rows), rng.integers(leaves, size=rows)] = 1
        possible[0, [0, 2, leaves - 1]] = 1
        possible[1:2] = 1
        cases.append({"possible": possible, "logits": rng.normal(0, scale, (rows, leaves)).astype("float32")})
    rng = np.random.default_rng(seed)
    fine = np.eye(10)[rng.integers(10, size=40)]
    return [*cases, {"possible": fine, "logits": rng.normal(0, scale, (40, 10)).astype("float32")}]


def _log_p(logits: np.ndarray) -> np.ndarray:
    return special.log_softmax(logits.astype("float64"), axis=1)


def _inside(possible: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return np.where(possible > 0, numbers, -np.inf)


def _loss(possible: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return -special.logsumexp(_inside(possible, _log_p(logits)), axis=1)


def _all(logits: np.ndarray) -> np.ndarray:
    return special.logsumexp(logits.astype("float64"), axis=1)


def _log_of_impossible(possible: np.ndarray, logits: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -np.log(np.maximum(0, (special.softmax(logits.astype("float64"), axis=1) * (1 - possible)).sum(axis=1)))


def _logs(possible: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return np.where(possible > 0, _log_p(logits), 0).sum(axis=1)


NO_ZERO = "an impossible leaf got the logit 0, and the exponential of 0 is 1: give it minus infinity"
# Single rows first: a mistake that a row alone shows is not one of rows that disturb each other.
EXTREMES = [
    ([[0, 0, 1000]], [[1, 1, 0]]),
    ([[1000, 0, 0]], [[1, 1, 0]]),
    ([[-1000, -1001, 0]], [[1, 1, 0]]),
    ([[-5000, -5000, -5000]], [[0, 1, 1]]),
    ([[9000, 9000, 9000]], [[1, 1, 1]]),
    ([[0, 0, 1e6]], [[1, 1, 0]]),
    ([[-1e6, 1e6, 0]], [[1, 0, 1]]),
    ([[1e6, -1e6, 1e6]], [[0, 1, 0]]),
    ([[-1e6, -1e6, -1e6]], [[1, 1, 0]]),
    ([[-1e6, -1e6, 0]], [[1, 1, 0]]),
    ([[800, 0, 0]], [[0, 0, 1]]),
    ([[2, 0, 0]], [[1, 1, 0]]),
    ([[0, 0, 1e6], [800, 0, 0]], [[1, 1, 0], [0, 0, 1]]),
    ([[-1e6, -1e6, 0], [2, 0, 0]], [[1, 1, 0], [1, 1, 0]]),
]


def _losses(result: object, case: dict) -> np.ndarray:
    """Return the loss of each row, finite or not."""
    average = "the result is one number: give one for each row, and do not average"
    require(not issubclass(type(result), float | np.number), average)
    found = as_array(result, "the result", finite=False).astype("float64")
    require(found.ndim > 0, average)
    count = len(case["logits"])
    column = f"the result should have shape ({count},), and yours has {found.shape}: one number for each row"
    require(found.shape == (count,), column)
    return found


def _require_finite(found: list[np.ndarray], cases: list[dict]) -> None:
    for losses in found:
        as_array(losses, "the result")


def _require_extremes(function: Callable, _: list[np.ndarray]) -> None:
    """Say what is wrong with the losses of extreme logits, all of them taken together."""
    cases = [{"possible": np.float32(labels), "logits": np.float32(rows)} for rows, labels in EXTREMES]
    found = [_losses(call_kept(function, **case), case) for case in cases]
    wrong = []
    for losses, case in zip(found, cases, strict=True):
        # In 32 bits, numbers near a million are a sixteenth apart, and the loss is a difference of two of them.
        near = 0.005 + 2.5e-7 * np.abs(case["logits"]).max()
        for row, right in enumerate(_loss(**case)):
            if not abs(losses[row] - right) <= near:
                wrong.append((losses[row], right, case["logits"][row], len(losses)))
    if not wrong:
        return
    loss, right, logits, together = wrong[0]
    given = f"for the logits [{', '.join(f'{number:.0f}' for number in logits)}]"
    given = f"{given} it gives {loss:.7g} instead of {right:.7g}"
    each = f"{given} when another row has larger ones: take the largest of each row, not of the whole array"
    require(together == 1, each)
    given, lost = f"moderate logits are right, but {given}", [one for one in wrong if not np.isfinite(one[0])]
    gone = ": a probability became 0, or an exponential infinite. Use no probabilities: two logsumexp"
    require(not lost, given + gone)
    cut = ": a loss that is cut off has no gradient there. Use no probabilities: two logsumexp"
    losses = np.array([one[0] for one in wrong])
    require(len(losses) == 1 or losses[0] > 800 or not np.allclose(losses, losses[0], rtol=0.01), given + cut)
    out = ": an impossible leaf is not quite out of the sum. Give it minus infinity, -np.inf"
    require(not _has_a_filler(found, [tuple(case.values()) for case in cases]), given + out)
    require(False, given)


def _has_a_filler(found: list[np.ndarray], cases: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Return whether one finite number for the impossible leaves, or added to their logits, explains the losses."""

    def explains(filled: Callable) -> bool:
        parts = zip(found, cases, strict=True)
        return all(
            np.allclose(one, _all(z) - _all(np.where(y > 0, z, filled(z))), rtol=1e-3, atol=0.3)
            for one, (y, z) in parts
        )

    near = [_all(z)[0] - one[0] for one, (y, z) in zip(found, cases, strict=True) if not y.all()]
    with_least = [z[0][y[0] == 0].max() for y, z in cases if not y.all()]
    fillers = [*near, *np.subtract(near, with_least)]
    return any(explains(lambda z, f=f: f) or explains(lambda z, f=f: z + f) for f in fillers)


function_question(
    "12.2",
    "A function from rows of possible leaves and logits to the loss of each row, finite for any logits.",
    hints=[
        "The log of a sum of exponentials: take the largest number out first, and add it again after the log.",
        "Do it twice: over all logits, and over those of the possible leaves only. The loss is the difference.",
        "An impossible leaf gets the logit -np.inf, with np.where; its exponential is 0. Each of the two sums has a "
        "largest number of its own.",
    ],
    right=_loss,
    cases=lambda: _cases(0, 2),
    read=_losses,
    tolerance=1e-4,
    decimals=4,
    mistakes={
        "the sign is wrong: a loss is minus the log of the probability": lambda y, z: -_loss(y, z),
        "it averages the logs of the probabilities. The label asks for the log of their sum: add up first": (
            lambda y, z: -_logs(y, z) / y.sum(axis=1)
        ),
        "it adds up the logs of the probabilities. That is the log of their product: add up first, then the log": (
            lambda y, z: -_logs(y, z)
        ),
        "it takes the log of the mean of the possible probabilities: take the log of their sum": lambda y, z: (
            _loss(y, z) + np.log(y.sum(axis=1))
        ),
        "it takes only the likeliest of the possible leaves: the others count too": lambda y, z: (
            -_inside(y, _log_p(z)).max(axis=1)
        ),
        NO_ZERO: lambda y, z: _all(z) - _all(y * z),
        "it is the loss of the impossible leaves: turn the zeros and ones round": _log_of_impossible,
        "it is the probability of the label: the loss is minus its log": lambda y, z: np.exp(-_loss(y, z)),
        "it is 1 minus the probability of the label: use minus its log": lambda y, z: 1 - np.exp(-_loss(y, z)),
        "the logits of the possible leaves are not yet related to all logits: subtract the logsumexp of all": [
            lambda y, z: _all(_inside(y, z)),
            lambda y, z: -_all(_inside(y, z)),
        ],
        "it is a logarithm to the base 2: use the natural one, np.log": lambda y, z: _loss(y, z) / np.log(2),
        "it is a logarithm to the base 10: use the natural one, np.log": lambda y, z: _loss(y, z) / np.log(10),
        "each row gets the mean over all rows: give each row its own, and do not average": lambda y, z: np.full(
            len(z), _loss(y, z).mean()
        ),
        "each row gets the sum over all rows: give each row its own, with axis=1": lambda y, z: np.full(
            len(z), _loss(y, z).sum()
        ),
    },
    otherwise=[_require_finite],
    show=lambda case, found, wanted: (
        f"for logits of moderate size it differs from the right loss by up to {np.abs(found - wanted).max():.2g}"
    ),
    also=_require_extremes,
)


# --- 12.3


def _p(logits: np.ndarray) -> np.ndarray:
    return np.exp(_log_p(logits))


def _among(possible: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the probabilities among the possible leaves."""
    return np.exp(_log_p(_inside(possible, logits)))


def _gradient(possible: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return _p(logits) - _among(possible, logits)


def _wrong_gradient(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    most = np.abs(found.sum(axis=1)).max()
    if most >= 1e-3:
        balance = "each row should add up to 0, as a constant added to all logits changes nothing"
        return f"{balance}; yours reaches {most:.2g}"
    return f"it differs from the right gradient by up to {np.abs(found - wanted).max():.2g}"


function_question(
    "12.3",
    "A function from rows of possible leaves and logits to the gradient of each row's loss, of the logits' shape.",
    hints=[
        "Write p for the probabilities of all leaves, and q for the probabilities among the possible leaves only.",
        "q is the softmax over the possible logits: p divided by the sum of p over the possible, and 0 elsewhere.",
        "The gradient of logsumexp is a softmax. So the gradient of the difference of two is p - q.",
    ],
    right=_gradient,
    cases=lambda: [
        {"possible": case["possible"].astype("float32"), "logits": case["logits"].clip(-10, 10)}
        for case in _cases(10, 2) + _cases(11, 6)
    ],
    read=lambda result, case: as_array(result, "the result", shape=case["logits"].shape).astype("float64"),
    tolerance=1e-4,
    decimals=4,
    mistakes={
        "the sign is wrong: a gradient points uphill, so it is negative where an update raises the logit": (
            lambda y, z: -_gradient(y, z)
        ),
        "it shares the push evenly among the possible leaves, as the average of logs does: share in proportion to p": (
            lambda y, z: _p(z) - y / y.sum(axis=1, keepdims=True)
        ),
        "each possible leaf is treated as if it were the only one: p minus the row of zeros and ones is not right": (
            lambda y, z: _p(z) - y
        ),
        "the leaves that are not possible are missing: what pushes them down is their own p": lambda y, z: (
            -_among(y, z)
        ),
        "p alone is the gradient of the first logsumexp: the second one is missing": lambda y, z: _p(z),
        "the possible part is missing its division: p among the possible leaves has a total of 1": lambda y, z: (
            _p(z) * (1 - y)
        ),
        NO_ZERO: lambda y, z: _p(z) - _p(y * z),
        "it is the gradient for the probabilities: the question asks for the logits, before the softmax": lambda y, z: (
            -y / (_p(z) * y).sum(axis=1, keepdims=True)
        ),
        "it is divided by the number of rows, as the gradient of a mean is: here each row has a loss of its own": [
            lambda y, z: _gradient(y, z) / len(z),
            lambda y, z: _gradient(y, z) / z.size,
        ],
        "it is the sign of the gradient: give its values": lambda y, z: np.sign(_gradient(y, z)),
    },
    show=_wrong_gradient,
)


# --- 12.4


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
