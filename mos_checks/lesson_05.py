"""The checks of exercise 5: scale, count, be unsure and go round."""

from collections.abc import Callable
from numbers import Real

import numpy as np

from mos_checks import as_array, as_pair, call_kept, function_question, require

Case = dict[str, np.ndarray]


def _scale_cases() -> list[Case]:
    cases = []
    for seed, (n, m, k) in enumerate([(2000, 1, 2), (2500, 3, 1), (3000, 2500, 3), (4000, 900, 4), (2200, 2200, 4)]):
        rng = np.random.default_rng(seed)
        scale = rng.permutation([0.01, 0.09, 1.7, 30])[:k]  # small ones too: nothing may be added to them
        shift = rng.normal(0, 2, k) * scale
        train = (rng.normal(0, scale, (n, k)) + shift).astype("float32")
        other = (rng.normal(0, 2 * scale, (m, k)) + shift + scale).astype("float32")
        kind = "float32" if seed < 4 else "float64"
        cases.append({"train": train.astype(kind), "other": other.astype(kind)})
    return cases


def _standard(train: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    mean, scale = train.mean(axis=0, dtype="float64"), train.std(axis=0, dtype="float64")
    return [(train - mean) / scale, (other - mean) / scale]


def _own(train: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    # Of a single row, scikit-learn divides by 1, and NumPy by 0.
    return [_standard(train, train)[0], (other - other.mean(axis=0)) / (other.std(axis=0) if len(other) > 1 else 1)]


def _of_each_row(*parts: np.ndarray) -> list[np.ndarray]:
    return [_standard(part.T, part.T)[0].T for part in parts]


def _both(shift: Callable, scale: Callable) -> Callable:
    """Return a mistake that gives both parts the same shift and scale, each computed from (train, other)."""
    return lambda a, b: [(part - shift(a, b)) / scale(a, b) for part in (a, b)]


def _together(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([a, b])


def _mean(a: np.ndarray, _: np.ndarray) -> np.ndarray:
    return a.mean(axis=0)


def _std(a: np.ndarray, _: np.ndarray) -> np.ndarray:
    return a.std(axis=0)


OF_OTHER = "the standard deviation is that of `other`: use that of `train`"

# What mistakes give for (train, other).
WRONG_SCALES: dict[str, Callable] = {
    "the two results are swapped: first `train`, then `other`": lambda a, b: _standard(a, b)[::-1],
    "each row has its own mean there, and each column should: use axis=0": _of_each_row,
    "mean and standard deviation come from both parts together: use those of `train` alone": _both(
        lambda a, b: _together(a, b).mean(axis=0), lambda a, b: _together(a, b).std(axis=0)
    ),
    "each column needs its own mean": _both(lambda a, b: a.mean(), lambda a, b: a.std()),
    "one standard deviation for all columns: each column needs its own": _both(_mean, lambda a, b: a.std()),
    "one standard deviation for all columns, and each column needs its own": _both(
        _mean, lambda a, b: (a - a.mean(axis=0)).std()
    ),
    "the standard deviation is missing: divide by it": _both(_mean, lambda a, b: 1),
    "the mean is missing: subtract it first": _both(lambda a, b: 0, _std),
    "you divided by the variance, not its root": _both(_mean, lambda a, b: a.var(axis=0)),
    "you multiplied by the standard deviation: divide by it": _both(_mean, lambda a, b: 1 / a.std(axis=0)),
    "that is a scaling by minimum and maximum": _both(lambda a, b: a.min(axis=0), lambda a, b: np.ptp(a, axis=0)),
    "you subtracted the median: subtract the mean": _both(lambda a, b: np.median(a, axis=0), _std),
    "that is a scaling by median and quartiles": _both(
        lambda a, b: np.median(a, axis=0), lambda a, b: np.subtract(*np.percentile(a, [75, 25], axis=0))
    ),
    "the mean is subtracted after the division: subtract it first": lambda a, b: [
        part / a.std(axis=0) - a.mean(axis=0) for part in (a, b)
    ],
    "`other` got its own mean and standard deviation: use those of `train`, as for a model that is in use": _own,
    OF_OTHER: _both(_mean, lambda a, b: b.std(axis=0)),
    f"in `other`, {OF_OTHER}": lambda a, b: [_standard(a, b)[0], (b - a.mean(axis=0)) / b.std(axis=0)],
    "mean and standard deviation are those of `other`: use those of `train`": lambda a, b: _standard(b, a)[::-1],
    "`other` got its own mean: use that of `train`": lambda a, b: [
        _standard(a, b)[0],
        (b - b.mean(axis=0)) / a.std(axis=0),
    ],
    "`other` is as it was: standardise it too, with mean and standard deviation of `train`": lambda a, b: [
        _standard(a, b)[0],
        b,
    ],
    "the signs are turned round: the mean is subtracted from the targets": _both(_mean, lambda a, b: -a.std(axis=0)),
}


def _read_both(result: object, _: Case) -> list[np.ndarray]:
    pair = as_pair(result, "the result should be a pair: `return a, b`")
    return [as_array(part, f"the standardised {name}", finite=False) for name, part in _named(pair)]


def _named(pair: list) -> list[tuple[str, object]]:
    return list(zip(("train", "other"), pair, strict=True))


def _refuse_shapes(found: list, cases: list[Case]) -> None:
    for pair, case in zip(found, cases, strict=True):
        for name, part in _named(pair):
            as_array(part, f"the standardised {name}", shape=case[name].shape)


def _refuse_small_columns(found: list, cases: list[Case]) -> None:
    """Name a column that is wrong because it is small."""
    for pair, case in zip(found, cases, strict=True):
        scale, wanted = case["train"].std(axis=0), _standard(**case)[0]
        good = np.array([_near(a, b) for a, b in zip(pair[0].T, wanted.T, strict=True)])
        nearer_zero = np.minimum(1, np.abs(pair[0]).max(axis=0) / np.abs(wanted).max(axis=0))
        divided_by_more = _near(pair[0], wanted * nearer_zero)
        if divided_by_more and good.any() and not good.all() and scale[good].min() > scale[~good].max():
            small = (
                f"columns with a standard deviation of {scale[good].min():.2g} are right, and the column with one of "
            )
            why = "divide by it as it is, without a lower limit and with nothing added"
            require(False, f"{small}{scale[~good].max():.2g} is not: {why}")


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-3))


def _show_scales(case: Case, found: list, wanted: list) -> str:
    part = int(_near(found[0], wanted[0]))
    by = f"differs from the right one by up to {np.abs(found[part] - wanted[part]).max():.2g}"
    return f"the standardised {[*case][part]} {by} (shapes {case['train'].shape}, {case['other'].shape})"


function_question(
    "5.1",
    "A function that standardises two arrays of targets with the mean and standard deviation of the first.",
    hints=[
        "Every column has its own mean and its own standard deviation: which axis do they run along?",
        "Compute `train.mean(axis=0)` and `train.std(axis=0)` once. Use the same two for `train` and for `other`.",
        "Return `(train - mean) / scale` and `(other - mean) / scale`, in this order.",
    ],
    right=_standard,
    cases=_scale_cases,
    read=_read_both,
    mistakes=WRONG_SCALES,
    otherwise=[_refuse_shapes, _refuse_small_columns],
    show=_show_scales,
    tolerance=1e-3,
)


def _within(p: np.ndarray, y: np.ndarray, m: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return which errors are at most their tolerance: prediction, target, mean, scale and tolerance are given."""
    return np.abs(p * s + m - y) <= t


def _share(p: np.ndarray, y: np.ndarray, m: np.ndarray, s: np.ndarray, t: np.ndarray) -> float:
    return _within(p, y, m, s, t).all(axis=1).mean()


# What mistakes give for prediction p, target y, mean m, scale s and tolerance t.
WRONG_SHARES: dict[str, Callable] = {
    "it works for 4 columns, and not for 3: do not write their number": (
        lambda *a: (_within(*a).sum(axis=1) >= 4).mean()
    ),
    "an error that equals its tolerance is within it: at most means <=": (
        lambda p, y, m, s, t: (np.abs(p * s + m - y) < t).all(axis=1).mean()
    ),
    "you asked of all rows at once, with one yes or no: ask of each row (`all` with axis=1)": (
        lambda *a: float(_within(*a).all())
    ),
    "that is the share of rows in which at least one number is good: every number should be": (
        lambda *a: _within(*a).any(axis=1).mean()
    ),
    "that is the share of all single numbers: ask of each row whether all of its numbers are good": (
        lambda *a: _within(*a).mean()
    ),
    "you asked of each column whether all of its rows are good: ask of each row (axis=1)": (
        lambda *a: _within(*a).all(axis=0).mean()
    ),
    "an error below zero counts too: take its absolute value": (
        lambda p, y, m, s, t: (p * s + m - y <= t).all(axis=1).mean()
    ),
    "an error above zero counts too: take the absolute value": (
        lambda p, y, m, s, t: (p * s + m - y >= np.negative(t)).all(axis=1).mean()
    ),
    "the predictions are still standardised: bring them back to units": lambda p, y, m, s, t: _share(p, y, 0, 1, t),
    "the predictions lack the mean: add it after the scale": lambda p, y, m, s, t: _share(p, y, 0, s, t),
    "the predictions lack the scale: multiply by it before you add the mean": (
        lambda p, y, m, s, t: _share(p, y, m, 1, t)
    ),
    "compare in units: the tolerance is in units, and your errors are standardised": (
        lambda p, y, m, s, t: _share(p, (y - m) / s, 0, 1, t)
    ),
    "add the mean after the scale, not before": lambda p, y, m, s, t: _share(p + m, y, 0, s, t),
    "you standardised the predictions once more: multiply by the scale, then add the mean": (
        lambda p, y, m, s, t: _share((p - m) / s, y, 0, 1, t)
    ),
    "you took the largest tolerance for all columns: each column has its own": (
        lambda p, y, m, s, t: _share(p, y, m, s, np.max(t))
    ),
    "you took the smallest tolerance for all columns: each column has its own": (
        lambda p, y, m, s, t: _share(p, y, m, s, np.min(t))
    ),
    "you took half of the tolerance: an error may be as large as the tolerance, to each side": (
        lambda p, y, m, s, t: _share(p, y, m, s, np.divide(t, 2))
    ),
    "you compared sums of errors: compare each error with its own tolerance": (
        lambda p, y, m, s, t: (np.abs(p * s + m - y).sum(axis=1) <= np.sum(t)).mean()
    ),
    "you compared squared errors with the tolerance: take absolute ones": (
        lambda p, y, m, s, t: ((p * s + m - y) ** 2 <= t).all(axis=1).mean()
    ),
    "`isclose` adds a part of the number itself to the tolerance: set rtol=0": (
        lambda p, y, m, s, t: (np.abs(p * s + m - y) <= np.add(t, 1e-5 * np.abs(y))).all(axis=1).mean()
    ),
    "that is the share of rows that are not within tolerance: turn it round": lambda *a: 1 - _share(*a),
    "that is the product of the columns' shares: count the rows, as errors may come together": (
        lambda *a: _within(*a).mean(axis=0).prod()
    ),
    "that is a number of rows: divide it by how many rows there are": lambda *a: _within(*a).all(axis=1).sum(),
    "that is in percent: give a share from 0 to 1": lambda *a: 100 * _share(*a),
    "that is divided by the number of all cells: divide by the number of rows": (
        lambda p, y, m, s, t: _share(p, y, m, s, t) / p.shape[1]
    ),
}


def _share_cases() -> list[dict]:
    # Whole numbers, so that an error may equal its tolerance exactly.
    prediction = np.array([[1.0, 2.0], [0.0, 0.0], [4.0, 1.0], [2.0, -3.0]])
    target = prediction + np.array([[1.0, 2.0], [-1.0, 0.0], [3.0, 0.0], [0.0, -2.0]])
    cases = [(prediction, target, np.zeros(2), np.ones(2), np.array([1.0, 2.0]))]
    cases.append(
        (np.array([[0.5, -1.0]]), np.array([[2.1, 7.0]]), np.ones(2), np.array([2.0, 0.5]), np.array([1, 1.0]))
    )
    # Of each column: two have good cells only, and two have not. Of each row: four of six.
    errors = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 1, 0, 3], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0]])
    target = np.random.default_rng(9).normal(size=errors.shape)
    cases.append((target + errors, target, np.zeros(4), np.ones(4), np.array([2.0, 1.5, 2.5, 1.2])))
    for seed, (n, k) in enumerate([(500, 1), (4000, 3), (4000, 4)]):
        cases += _drawn_shares(seed, n, k)
    names = ("prediction", "target", "mean", "scale")
    # The last cells of the exercise pass a list
    return [
        dict(zip(names, arrays, strict=True)) | {"tolerance": limits.tolist() if number % 2 else limits}
        for number, (*arrays, limits) in enumerate(cases)
    ]


def _drawn_shares(seed: int, n: int, k: int) -> list[tuple[np.ndarray, ...]]:
    """Return a case, and once more with a column of small numbers far from 0: nothing may be added to its tolerance."""
    rng = np.random.default_rng(seed)
    # Near 0 and 1, so that no mistake makes all rows good or all bad
    mean, scale = rng.normal(0, 0.5, k), rng.uniform(0.3, 3, k)
    prediction = rng.normal(size=(n, k))
    common = rng.normal(size=(n, 1))  # errors of a row depend on each other: a product of shares is wrong
    off = (0.6 * common + 0.3 * rng.normal(size=(n, k)) - 0.1) * scale
    tolerance = rng.uniform(0.3, 1, k) * scale
    close = np.abs(np.abs(off) - tolerance) < 0.01 * scale  # where rounding could decide
    first = prediction, prediction * scale + mean - np.where(close, 0, off), mean, scale, tolerance
    column = rng.integers(k)
    mean, scale, tolerance, off = mean.copy(), scale.copy(), tolerance.copy(), off.copy()
    small = 0.015 / scale[column]
    mean[column], off[:, column] = 500, off[:, column] * small
    tolerance[column], scale[column] = tolerance[column] * small, 0.015
    return [first, (prediction, prediction * scale + mean - np.where(close, 0, off), mean, scale, tolerance)]


function_question(
    "5.2",
    "A function that returns the share of rows in which every number is off by at most its tolerance.",
    hints=[
        "Bring the predictions back to units first: standardising subtracted the mean and divided by the scale.",
        "`errors <= tolerance` has shape (n, k). Which method says for each row whether all of its cells are True?",
        "The mean of True and False is the share of True.",
    ],
    right=_share,
    cases=_share_cases,
    mistakes=WRONG_SHARES,
    tolerance=1e-6,
)


def _nll(y: np.ndarray, m: np.ndarray, s: np.ndarray, square: float = 0.5, log: float = 0.5, sign: int = -1) -> float:
    """Return the loss of targets y, means m and log-variances s."""
    return np.mean(square * np.exp(sign * _limited(s)) * (y - m) ** 2 + log * _limited(s))


def _limited(s: np.ndarray) -> np.ndarray:
    return np.clip(s, -10, 10)


# What mistakes give for targets y, means m and log-variances s.
WRONG_NLL: dict[str, Callable] = {
    "the constant is in it: leave out the half of log 2 pi": lambda y, m, s: _nll(y, m, s) + np.log(2 * np.pi) / 2,
    "it is twice as large: halve both parts": lambda y, m, s: 2 * _nll(y, m, s),
    "the squared error is halved, and the log-variance is not: the root in the density halves it too": (
        lambda y, m, s: _nll(y, m, s, log=1)
    ),
    "the log-variance is halved, and the squared error is not": lambda y, m, s: _nll(y, m, s, square=1),
    "the part with the log-variance alone is missing: without it, a huge variance costs nothing": (
        lambda y, m, s: _nll(y, m, s, log=0)
    ),
    "the sign in the exponential is wrong: a large variance makes an error cheap": lambda y, m, s: _nll(
        y, m, s, sign=1
    ),
    "the sign of the log-variance is wrong: a large variance costs": lambda y, m, s: _nll(y, m, s, log=-0.5),
    "you took the log-variance for the logarithm of the standard deviation": lambda y, m, s: np.mean(
        np.exp(-2 * _limited(s)) * (y - m) ** 2 / 2 + _limited(s)
    ),
    "you took the log-variance for the variance itself": lambda y, m, s: np.mean(
        (y - m) ** 2 / _limited(s) / 2 + np.log(np.abs(_limited(s))) / 2
    ),
    "the sign is turned round: the loss is minus the log-likelihood": lambda y, m, s: -_nll(y, m, s),
    "that is the sum over all cells: take the mean": lambda y, m, s: _nll(y, m, s) * y.size,
    "that is the sum over the columns: take the mean over all cells": lambda y, m, s: _nll(y, m, s) * y.shape[1],
    "that is the sum over the rows: take the mean over all cells": lambda y, m, s: _nll(y, m, s) * y.shape[0],
    "the log-variance is not in it: this is the squared error alone": lambda y, m, s: np.mean((y - m) ** 2),
    "the log-variance is not in it: this is half of the squared error": lambda y, m, s: np.mean((y - m) ** 2) / 2,
    "the error is not squared": lambda y, m, s: np.mean((np.exp(-_limited(s)) * np.abs(y - m) + _limited(s)) / 2),
    "negative parts were set to zero: this loss may be negative": lambda y, m, s: np.mean(
        np.maximum((np.exp(-_limited(s)) * (y - m) ** 2 + _limited(s)) / 2, 0)
    ),
    "the loss was set to zero where it is negative: this loss may be negative": lambda y, m, s: max(_nll(y, m, s), 0),
}


def _nll_cases() -> list[Case]:
    zero = np.zeros((2, 2), "float32")
    cases = [{"target": zero, "mean": zero, "log_variance": np.full((2, 2), -4, "float32")}]
    for seed, shape in enumerate([(1, 3), (50, 1), (200, 4), (300, 2)]):
        rng = np.random.default_rng(seed)
        parts = rng.normal(size=shape), rng.normal(size=shape), rng.uniform(-3, 2, size=shape)
        cases.append({name: part.astype("float32") for name, part in zip(cases[0], parts, strict=True)})
    return cases


def _require_limits(function: Callable, _: list) -> None:
    """Require that log-variances are limited to the range from -10 to 10, cell by cell and in both parts."""
    zero, mean = np.zeros((2, 2), "float32"), np.full((2, 2), 0.01, "float32")
    mixed = np.array([[-1000, 1000], [0, 12]], "float32")
    for cells in [*(np.full((2, 2), extreme, "float32") for extreme in (-12, -1000, 1000, 12)), mixed]:
        with np.errstate(all="ignore"):
            result = call_kept(function, target=zero, mean=mean, log_variance=cells)
        result = np.asarray(float(result)) if isinstance(result, Real | np.number) else result
        found = as_array(result, "the result", shape=(), finite=False).item()
        which = f"a log-variance of {cells[0, 0]:g}" if cells is not mixed else "log-variances of -1000, 1000, 0 and 12"
        overflow = f"{which} gives {found}: limit it to the range from -10 to 10 first"
        require(bool(np.isfinite(found)), overflow)
        wanted = _nll(zero, mean, cells.astype("float64"))
        half = np.mean((np.exp(-_limited(cells)) * mean**2 + cells) / 2)
        one_part = f"{which} is limited in the exponential alone: limit it once, before both parts use it"
        require(cells[0, 0] != -12 or abs(found - half) > 0.01 + 1e-3 * abs(half), one_part)
        limited = f"{which} gives {found:.5g} instead of {wanted:.5g}: limit it to -10 to 10"
        require(abs(found - wanted) < 0.004 * (1 + abs(wanted)), limited)


function_question(
    "5.3",
    "A function that returns the mean negative log-likelihood of targets, from means and log-variances.",
    hints=[
        "Write the density of a normal distribution with the variance `exp(s)`, and take minus its logarithm.",
        "Clip `s`, the log-variance, first. Each cell has two parts: a squared error times `exp(-s)`, and `s` itself.",
        "Each of the two parts is halved. The result is the mean over all cells.",
    ],
    right=_nll,
    cases=_nll_cases,
    mistakes=WRONG_NLL,
    also=_require_limits,
    tolerance=1e-4,
)


def _degrees(p: np.ndarray) -> np.ndarray:
    return np.rad2deg(np.arctan2(p[:, 0], p[:, 1]))


def _around(difference: np.ndarray) -> np.ndarray:
    """Return how many degrees apart two angles are, the shorter way round."""
    return np.abs((difference + 180) % 360 - 180)


def _turn(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _around(_degrees(p) - y)


def _dot(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    return p[:, 0] * np.sin(np.deg2rad(y)) + p[:, 1] * np.cos(np.deg2rad(y))


# What mistakes give for predictions p (sine, cosine) and targets y.
WRONG_TURNS: dict[str, Callable] = {
    "the result has signs: take the absolute value": lambda p, y: (_degrees(p) - y + 180) % 360 - 180,
    "the result has signs, and those of target minus prediction: take the absolute value": (
        lambda p, y: (y - _degrees(p) + 180) % 360 - 180
    ),
    "the difference is more than half a turn in places: go the shorter way round": lambda p, y: np.abs(_degrees(p) - y),
    "sine and cosine are swapped: the sine is the first column, and the first argument of arctan2": (
        lambda p, y: _turn(p[:, ::-1], y)
    ),
    "arctan knows only half of the circle: use arctan2, with the sine and the cosine": (
        lambda p, y: _around(np.rad2deg(np.arctan(p[:, 0] / p[:, 1])) - y)
    ),
    "arcsin knows only half of the circle: use arctan2, with the sine and the cosine": (
        lambda p, y: _around(np.rad2deg(np.arcsin(p[:, 0].clip(-1, 1))) - y)
    ),
    "arcsin knows only half of the circle, also of predictions of length 1: use arctan2": (
        lambda p, y: _around(np.rad2deg(np.arcsin(p[:, 0] / np.hypot(*p.T))) - y)
    ),
    "arccos does not know the sign of an angle: use arctan2, with the sine and the cosine": (
        lambda p, y: _around(np.rad2deg(np.arccos(p[:, 1].clip(-1, 1))) - y)
    ),
    "arccos does not know the sign of an angle, also of predictions of length 1: use arctan2": (
        lambda p, y: _around(np.rad2deg(np.arccos((p[:, 1] / np.hypot(*p.T)).clip(-1, 1))) - y)
    ),
    "arccos needs a length of 1: divide each prediction by its length first": (
        lambda p, y: np.rad2deg(np.arccos(_dot(p, y).clip(-1, 1)))
    ),
    "arctan2 gives radians: turn them into degrees": lambda p, y: _around(np.deg2rad(_degrees(p)) - y),
    "the result is in radians: give degrees": lambda p, y: np.deg2rad(_turn(p, y)),
    "the target may be more than one turn away: take the remainder % 360": (
        lambda p, y: np.minimum(np.abs(_degrees(p) - y), np.abs(360 - np.abs(_degrees(p) - y)))
    ),
    "the target may be more than one turn away, and then 360 - difference is below zero: take the remainder % 360": (
        lambda p, y: np.minimum(np.abs(_degrees(p) - y), 360 - np.abs(_degrees(p) - y))
    ),
    "360 is taken away once, and only on one side: take the remainder % 360": (
        lambda p, y: np.abs(_degrees(p) - y - 360 * (_degrees(p) - y > 180))
    ),
    "`fmod` keeps the sign of the difference: use %, or `np.mod`": (
        lambda p, y: np.abs(np.fmod(_degrees(p) - y + 180, 360) - 180)
    ),
    "opposite directions are 180 degrees apart, and not 0: the remainder is that of % 360": (
        lambda p, y: np.abs(_degrees(p) - y) % 180
    ),
    "a difference of -10 is 350 after % 360: half a turn is the most that two angles differ by": (
        lambda p, y: (_degrees(p) - y) % 360
    ),
    "a difference of 350 is one of 10: half a turn is the most that two angles differ by": (
        lambda p, y: np.abs(_degrees(p) - y) % 360
    ),
    "the angle is turned the wrong way: check the signs of sine and cosine": lambda p, y: _around(-_degrees(p) - y),
    "that is half a turn minus the error: the shorter way round is wanted": lambda p, y: 180 - _turn(p, y),
    "that is the longer way round: the shorter one is wanted": lambda p, y: 360 - _turn(p, y),
    "the target was taken for radians: it is in degrees": lambda p, y: _around(_degrees(p) - np.rad2deg(y)),
    "a difference is taken modulo half a turn: opposite directions are 180 degrees apart": (
        lambda p, y: np.minimum(_turn(p, y), 180 - _turn(p, y))
    ),
}


def _turn_cases() -> list[Case]:
    """Return predictions and targets: of one row, of length 1, of any length, and targets some turns away."""
    cases = []
    for seed, (count, turns) in enumerate([(1, 0), (400, 0), (300, 3), (300, 0)]):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(-180, 180, count)
        length = np.ones(count) if seed == 1 else rng.uniform(0.2, 3, count)
        pair = np.stack([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))], axis=1) * length[:, None]
        off = rng.uniform(-179, 179, count)
        target = (angle - off + 180) % 360 - 180
        target += 360 * rng.integers(-turns, turns + 1, count)
        dtypes = ("float32", "float32") if seed < 3 else ("float64", "float32")
        cases.append({"prediction": pair.astype(dtypes[0]), "target": target.astype(dtypes[1])})
    return cases


def _read_errors(result: object, case: Case) -> np.ndarray:
    errors, count = as_array(result, "the result", finite=False), len(case["target"])
    table = (
        f"the result should have shape ({count},), and yours has {errors.shape}: all directions were compared with "
        "all angles, or the result has an axis too many"
    )
    require(errors.shape == (count,), table)
    return errors


def _refuse_errors(found: list[np.ndarray], _: list[Case]) -> None:
    finite = all(np.isfinite(errors).all() for errors in found)
    require(finite, "it gives NaN or infinity: arcsin and arccos need a length of 1, and arctan2 needs none")
    for errors in found:
        inside = errors.min() >= -0.2 and errors.max() <= 180.2
        yours = f"yours go from {errors.min():.4g} to {errors.max():.4g}"
        require(bool(inside), f"an error should lie between 0 and 180 degrees, and {yours}")


def _show_turn(case: Case, found: np.ndarray, wanted: np.ndarray) -> str:
    worst = int(np.abs(found - wanted).argmax())
    direction, target = _degrees(case["prediction"])[worst], case["target"][worst]
    return (
        f"for a prediction in the direction of {direction:.0f} degrees and a target of {target:.0f} it gives "
        f"{found[worst]:.4g} instead of {wanted[worst]:.4g}"
    )


function_question(
    "5.4",
    "A function that returns by how many degrees a direction differs from a true angle, the shorter way round.",
    hints=[
        "Find the angle of the direction first. `np.arctan2` takes the sine, then the cosine, and gives radians.",
        "In degrees, the difference of two angles may be more than half a turn: then the other way round is shorter.",
        "`(difference + 180) % 360 - 180` lies between -180 and 180 for every difference.",
    ],
    right=_turn,
    cases=_turn_cases,
    read=_read_errors,
    mistakes=WRONG_TURNS,
    otherwise=[_refuse_errors],
    show=_show_turn,
    tolerance=1e-3,
    scale=lambda prediction, target: 180,
)
