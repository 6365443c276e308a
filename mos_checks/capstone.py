"""The capstone: luggage slips with five targets and gaps in their labels, and the client's scores.

Lockers and aisles, services, the position and whether a slip is void. The learner gets `client_slips`. The acceptance
runs on `hidden_slips`, whose seed stands below. Anyone may read it, and nothing is lost by that: the test is honest as
long as nothing was trained or chosen on these slips, and that is in the hands of the learner alone, as with every test
set.
"""

from dataclasses import dataclass

import numpy as np

from mos_helpers.arguments import as_digits
from mos_helpers.data import Digits, hide_labels, posed_digits
from mos_helpers.notebook import wrapped

HEADS = ("locker", "aisle", "services", "position", "void")
# The lockers, 0 to 9, by aisle. Digits that look alike share an aisle.
AISLES = {"A": [0, 6], "B": [1, 7], "C": [4, 9], "D": [3, 5, 8], "E": [2]}
AISLE_OF = np.array([next(i for i, lockers in enumerate(AISLES.values()) if digit in lockers) for digit in range(10)])
# The digit that is written in the margin for each service.
SERVICES = {"fragile": 1, "heavy": 2, "cold": 4, "insured": 7}
MM_PER_PIXEL = 0.5
TRAINING_KEEP = {"locker": 0.1, "aisle": 0.8, "services": 0.5, "position": 0.25, "void": 0.4}
VALIDATION_KEEP = {"locker": 0.5, "aisle": 0.9, "services": 0.6, "position": 0.5, "void": 0.6}

_SIDE, _MARGIN, _CELLS = 42, 14, 3  # pixels of the square with the large digit; of a cell of the margin; cells
_SERVICE_WEIGHTS = (0.20, 0.15, 0.15, 0.07)  # how often each service fills a cell; the rest of the cells is empty
_VOID = 0.15


@dataclass(frozen=True, repr=False, eq=False)
class Slips:
    """Images, float32 of shape (n, 42, 56) in [0, 1], and a dictionary of targets, as `slips` describes them."""

    images: np.ndarray
    targets: dict[str, np.ndarray]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in self.targets.items())
        return wrapped(f"{len(self.images):,} slips of {self.images.shape[1:]} pixels; targets: {shapes}")


def slips(x: np.ndarray, y: np.ndarray, n: int, seed: int = 0) -> Slips:
    """Return n luggage slips with all their labels.

    A slip has a large digit, turned by up to 15 degrees and shifted by up to 1.5 mm, and in its right margin up to
    three small digits, each of which asks for a service. About one slip in seven is void: a line is drawn through the
    large digit. Every digit comes from `x`: compose training slips of training digits and test slips of test digits.

    Args:
        x: digits, floating-point numbers in [0, 1], of shape (m, 28, 28). They are not changed.
        y: their labels, whole numbers from 0 to 9, of shape (m,); 1, 2, 4 and 7, the service digits, must be there.
        n: how many slips to make, at least 1. Digits are drawn with replacement, so n may be more than m.
        seed: fixes what is drawn.

    Returns:
        Images, float32 of shape (n, 42, 56) in [0, 1]; a pixel is half a millimetre. And the targets:
        "locker", int64 of shape (n,), the large digit; "aisle", int64 of shape (n,), the number of its group in
        `AISLES`; "services", float32 of shape (n, 4), 1 where the margin holds the digit once or more, in the order of
        `SERVICES`; "position", float32 of shape (n, 2), the centre of the large digit, millimetres to the right and
        down from the upper left corner; "void", float32 of shape (n,), 1 for a slip that is struck through.

    Raises:
        TypeError, ValueError: as `posed_digits`, and if x does not hold 28x28 pixels, or y not all service digits.
    """
    x, y = as_digits(x, y, n, seed)
    if x.shape[1:] != (2 * _MARGIN, 2 * _MARGIN):
        raise ValueError(f"x must hold images of 28x28 pixels, not of shape {x.shape[1:]}.")
    absent = [digit for digit in SERVICES.values() if digit not in y]
    if absent:
        raise ValueError(f"y must hold every service digit, and {absent[0]} is not there.")
    large, pose = posed_digits(x, y, n, max_angle=15, max_shift=3, sizes=(1.0, 1.0), canvas=_SIDE, seed=seed)
    rng = np.random.default_rng(seed + 1)
    void = rng.random(n) < _VOID
    large[void] = np.maximum(large[void], _lines(rng, int(void.sum())))
    images = np.empty((n, _SIDE, _SIDE + _MARGIN), dtype=np.float32)
    images[:, :, :_SIDE] = large
    images[:, :, _SIDE:], services = _margins(rng, x, y, n)
    centre = np.stack([pose["shift_right"], pose["shift_down"]], axis=1) + np.float32(_SIDE / 2)
    targets = {
        "locker": pose["digit"],
        "aisle": AISLE_OF[pose["digit"]],
        "services": services,
        "position": centre * np.float32(MM_PER_PIXEL),
        "void": void.astype(np.float32),
    }
    return Slips(images, targets)


def _lines(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n images of a rising line through the middle, each of its own slope, place and strength."""
    angle = rng.uniform(np.pi / 6, np.pi / 3, (n, 1, 1)).astype(np.float32)
    beside = rng.uniform(-5, 5, (n, 1, 1)).astype(np.float32)
    ink = rng.uniform(0.35, 0.9, (n, 1, 1)).astype(np.float32)
    down, right = np.ogrid[:_SIDE, :_SIDE]
    middle = (_SIDE - 1) / 2
    down, right = (down - middle).astype(np.float32), (right - middle).astype(np.float32)
    distance = np.abs(right * np.sin(angle) + down * np.cos(angle) - beside)
    return ink * np.clip(2 - distance, 0, 1) * (np.hypot(right, down) < _SIDE / 3)


def _margins(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n margins of shape (n, 42, 14), and which services stand in them, shape (n, 4)."""
    written = rng.choice(5, size=(n, _CELLS), p=[*_SERVICE_WEIGHTS, 1 - sum(_SERVICE_WEIGHTS)])  # 4: an empty cell
    cells = np.zeros((n, _CELLS, _MARGIN, _MARGIN), dtype=np.float32)
    services = np.zeros((n, len(SERVICES)), dtype=np.float32)
    for service, digit in enumerate(SERVICES.values()):
        row, cell = np.nonzero(written == service)
        drawn = x[rng.choice(np.flatnonzero(y == digit), size=len(row))]
        cells[row, cell] = drawn.reshape(-1, _MARGIN, 2, _MARGIN, 2).mean(axis=(2, 4))
        services[row, service] = 1
    return cells.reshape(n, _SIDE, _MARGIN), services


def with_gaps(targets: dict[str, np.ndarray], keep: dict[str, float], seed: int = 0) -> dict[str, np.ndarray]:
    """Return a copy of targets of slips in which labels are missing, each target on rows of its own.

    What is missing has nothing to do with what is on the slip: no seed of `slips` draws the numbers that hide labels.

    Args:
        targets: as `slips` gives them. They are not changed.
        keep: for each target the share of rows, from 0 to 1, that keep their label. A row of two or four numbers is
            kept or lost as a whole.
        seed: fixes which labels are kept.

    Returns:
        The same arrays, with -1 for a missing locker or aisle, and NaN for any other missing label.

    Raises:
        ValueError: keep has other keys than targets, or a share outside [0, 1].
    """
    if keep.keys() != targets.keys():
        raise ValueError(f"keep must have the keys of targets, {list(targets)}, not {list(keep)}.")
    # Not seed, seed + 1, ...: `slips` draws with these, and a gap would go with what it draws.
    seeds = np.random.SeedSequence(seed, spawn_key=(0,)).generate_state(len(targets), np.uint64) >> np.uint64(1)
    result = {}
    for own_seed, (name, values) in zip(seeds, targets.items(), strict=True):
        known = hide_labels(len(values), keep[name], seed=int(own_seed))
        gap = -1 if values.dtype.kind == "i" else np.float32(np.nan)
        result[name] = np.where(known.reshape(-1, *[1] * (values.ndim - 1)), values, gap)
    return result


def client_slips(digits: Digits, n_training: int = 6000, n_validation: int = 2000) -> tuple[Slips, Slips]:
    """Return the slips that the client hands over: for training and for validation, both with gaps in their labels.

    The validation slips are made of digits that no training slip shows, and more of their labels are known
    (`TRAINING_KEEP`, `VALIDATION_KEEP`). The test digits are not touched.
    """
    cut = len(digits.x_train) * 4 // 5
    parts = [
        (digits.x_train[:cut], digits.y_train[:cut], n_training, TRAINING_KEEP),
        (digits.x_train[cut:], digits.y_train[cut:], n_validation, VALIDATION_KEEP),
    ]
    made = []
    for seed, (x, y, n, keep) in enumerate(parts):
        complete = slips(x, y, n, seed=seed)
        made.append(Slips(complete.images, with_gaps(complete.targets, keep, seed=seed)))
    return made[0], made[1]


def hidden_slips(digits: Digits) -> Slips:
    """Return the slips of the acceptance, with all their labels, composed of the test digits."""
    return slips(digits.x_test, digits.y_test, 2000, seed=2026)


def labelled(name: str, target: np.ndarray) -> np.ndarray:
    """Return which rows of a target have a label, bool of shape (n,)."""
    if name in ("locker", "aisle"):
        return target >= 0
    return np.isfinite(target).reshape(len(target), -1).all(axis=1)


def settled(aisle: np.ndarray) -> np.ndarray:
    """Return on which slips the aisle settles the locker, as it holds only one."""
    single = [place for place, digits in enumerate(AISLES.values()) if len(digits) == 1]
    return np.isin(aisle, single)


def average_precision(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the average precision of one service, scores of shape (n,) against 0 and 1."""
    from sklearn.metrics import average_precision_score  # here, because it is slow to import

    return float(average_precision_score(truth, predicted))


def balanced(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean of the share of void slips that are found and the share of valid slips that are left alone."""
    void, predicted_void = truth == 1, predicted > 0.5
    return float((predicted_void[void].mean() + (~predicted_void[~void]).mean()) / 2)


def scores(answers: dict[str, np.ndarray], targets: dict[str, np.ndarray]) -> dict[str, float]:
    """Return a score for each of `HEADS`, over the slips that have that label.

    "locker" and "aisle": the share right. "services": the mean over the four of the average precision. "position": the
    mean absolute error in mm. "void": see `balanced`.
    """
    rows = {name: labelled(name, targets[name]) for name in HEADS}
    true = {name: targets[name][rows[name]] for name in HEADS}
    predicted = {name: answers[name][rows[name]] for name in HEADS}
    result = {name: float(np.mean(true[name] == predicted[name])) for name in ("locker", "aisle")}
    columns = zip(true["services"].T, predicted["services"].T, strict=True)
    result["services"] = float(np.mean([average_precision(*column) for column in columns]))
    result["position"] = float(np.abs(true["position"] - predicted["position"]).mean())
    result["void"] = balanced(true["void"], predicted["void"])
    return {name: result[name] for name in HEADS}


def baseline_scores(targets: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the scores of the best answer that is the same for every slip; targets without gaps."""
    n = len(targets["void"])
    constant = {name: np.full(n, np.bincount(targets[name]).argmax()) for name in ("locker", "aisle")}
    constant["services"] = np.tile(targets["services"].mean(axis=0), (n, 1))
    constant["position"] = np.tile(np.median(targets["position"], axis=0), (n, 1))
    return scores(constant | {"void": np.zeros(n)}, targets)


def within(answers: dict[str, np.ndarray], targets: dict[str, np.ndarray], times: float) -> np.ndarray:
    """Return for right and for down the share of errors that are at most so many standard deviations."""
    errors = np.abs(answers["position"] - targets["position"])
    return np.mean(errors <= times * answers["spread"], axis=0)


def surer_half(answers: dict[str, np.ndarray], targets: dict[str, np.ndarray]) -> np.ndarray:
    """Return for right and for down the mean error of the surer half, divided by that of the other half."""
    errors = np.abs(answers["position"] - targets["position"])
    order = np.argsort(answers["spread"], axis=0, kind="stable")
    errors = np.take_along_axis(errors, order, axis=0)
    half = len(errors) // 2
    return errors[:half].mean(axis=0) / np.maximum(errors[half:].mean(axis=0), 1e-9)
