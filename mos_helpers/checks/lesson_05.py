"""The checks of exercise 5: scale, count, be unsure and go round."""

from collections.abc import Callable

import numpy as np

from mos_helpers.checks._engine import as_array, as_function, as_number, call_kept, question, require


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-3) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=tolerance, atol=tolerance)


@question(
    "5.1",
    hints=[
        "Every column has its own mean and its own standard deviation: which axis do they run along?",
        "Compute `train.mean(axis=0)` and `train.std(axis=0)` once. Use the same two for `train` and for `other`.",
        "Return `(train - mean) / scale` and `(other - mean) / scale`, in this order.",
    ],
)
def standardise(answer: object) -> None:
    """A function that standardises two arrays of targets with the mean and standard deviation of the first."""
    function = as_function(answer)
    for seed, (n, m, k) in enumerate([(4000, 900, 4), (2500, 3, 1), (3000, 2500, 3), (2000, 1, 2)]):
        rng = np.random.default_rng(seed)
        scale = rng.permutation([0.01, 0.09, 1.7, 30])[:k]  # small ones too: nothing may be added to them
        shift = rng.normal(0, 2, k) * scale
        train = (rng.normal(0, scale, (n, k)) + shift).astype("float32")
        other = (rng.normal(0, 2 * scale, (m, k)) + shift + scale).astype("float32")
        pair = call_kept(function, train=train, other=other)
        two = issubclass(type(pair), tuple | list) and len(pair) == 2
        require(two, "the result should be a pair: `return a, b`")
        found = [
            as_array(part, f"the standardised {name}").astype("float64")
            for part, name in zip(pair, ("train", "other"), strict=True)
        ]
        train, other = train.astype("float64"), other.astype("float64")
        _require_standard(found, train, other)


def _require_standard(found: list[np.ndarray], train: np.ndarray, other: np.ndarray) -> None:
    """Say what is wrong with two standardised arrays."""
    mean, scale = train.mean(axis=0), train.std(axis=0)
    right = [(train - mean) / scale, (other - mean) / scale]
    swapped = train.shape != other.shape and _close(found[0], right[1]) and _close(found[1], right[0])
    require(not swapped, "the two results are swapped: first `train`, then `other`")
    for name, part, wanted in zip(("train", "other"), found, right, strict=True):
        as_array(part, f"the standardised {name}", shape=wanted.shape)
    if all(_close(part, wanted) for part, wanted in zip(found, right, strict=True)):
        return
    together = np.concatenate([train, other])
    both = [(part - together.mean(axis=0)) / together.std(axis=0) for part in (train, other)]
    _refuse(found, both, "mean and standard deviation come from both parts together: use those of `train` alone")
    _refuse(found, [(part - train.mean()) / train.std() for part in (train, other)], "each column needs its own mean")
    for one in (train.std(), (train - mean).std()):
        same = [(part - mean) / one for part in (train, other)]
        _refuse(found, same, "one standard deviation for all columns: each column needs its own")
    of_other = [(part - mean) / other.std(axis=0) for part in (train, other)] if len(other) > 1 else right
    for first in (right[0], of_other[0]) if len(other) > 1 else ():
        _refuse(found, [first, of_other[1]], "the standard deviation is that of `other`: use that of `train`")
    _refuse(found, [part - mean for part in (train, other)], "the standard deviation is missing: divide by it")
    _refuse(found, [part / scale for part in (train, other)], "the mean is missing: subtract it first")
    _refuse(found, [(part - mean) / scale**2 for part in (train, other)], "you divided by the variance, not its root")
    low, high = train.min(axis=0), train.max(axis=0)
    _refuse(found, [(part - low) / (high - low) for part in (train, other)], "that is a scaling by minimum and maximum")
    if len(other) > 1:
        alone = (other - other.mean(axis=0)) / other.std(axis=0)
        own = "`other` got its own mean and standard deviation: use those of `train`, as for a model that is in use"
        require(not _close(found[1], alone), own)
    good = np.array([_close(part, wanted) for part, wanted in zip(found[0].T, right[0].T, strict=True)])
    if good.any() and not good.all() and scale[good].min() > scale[~good].max():
        small = f"columns with a standard deviation of {scale[good].min():.2g} are right, and the column with one of "
        why = "divide by it as it is, without a lower limit and with nothing added"
        require(False, f"{small}{scale[~good].max():.2g} is not: {why}")
    for name, part, wanted in zip(("train", "other"), found, right, strict=True):
        difference = float(np.abs(part - wanted).max())
        by = f"the standardised {name} differs from the right one by up to {difference:.2g}"
        require(_close(part, wanted), by)


def _refuse(found: list[np.ndarray], wrong: list[np.ndarray], message: str) -> None:
    require(not all(_close(part, other) for part, other in zip(found, wrong, strict=True)), message)


@question(
    "5.2",
    hints=[
        "Bring the predictions back to units first: standardising subtracted the mean and divided by the scale.",
        "`errors <= tolerance` has shape (n, k). Which method says for each row whether all of its cells are True?",
        "The mean of True and False is the share of True.",
    ],
)
def all_within(answer: object) -> None:
    """A function that returns the share of rows in which every number is off by at most its tolerance."""
    function = as_function(answer)
    # Of each column: two have good cells only, and two have not. Of each row: four of six.
    errors = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 1, 0, 3], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0]])
    target = np.random.default_rng(9).normal(size=errors.shape)
    _require_share(function, target + errors, target, np.zeros(4), np.ones(4), np.array([2.0, 1.5, 2.5, 1.2]))
    for seed, (n, k) in enumerate([(4000, 4), (4000, 3), (500, 1), (6, 4)]):
        rng = np.random.default_rng(seed)
        # Near 0 and 1, so that no mistake makes all rows good or all bad
        mean, scale = rng.normal(0, 0.5, k), rng.uniform(0.3, 3, k)
        prediction = rng.normal(size=(n, k))
        common = rng.normal(size=(n, 1))  # errors of a row depend on each other: a product of shares is wrong
        off = (0.6 * common + 0.3 * rng.normal(size=(n, k))) * scale
        tolerance = rng.uniform(0.3, 1, k) * scale
        close = np.abs(np.abs(off) - tolerance) < 0.01 * scale  # where rounding could decide
        target = prediction * scale + mean - np.where(close, 0, off)
        _require_share(function, prediction, target, mean, scale, tolerance)
        # The same once more with a column of small numbers, far from 0: nothing may be added to its tolerance.
        small = 0.015 / scale[0]
        mean[0], off[:, 0], tolerance[0], scale[0] = 500, off[:, 0] * small, tolerance[0] * small, 0.015
        target = prediction * scale + mean
        target -= np.where(close, 0, off)
        _require_share(function, prediction, target, mean, scale, tolerance)
    # Whole numbers, so that an error may equal its tolerance exactly.
    prediction = np.array([[1.0, 2.0], [0.0, 0.0], [4.0, 1.0], [2.0, -3.0]])
    target = prediction + np.array([[1.0, 2.0], [-1.0, 0.0], [3.0, 0.0], [0.0, -2.0]])
    result = _call_share(function, prediction, target, np.zeros(2), np.ones(2), np.array([1.0, 2.0]))
    share = as_number(result, "the result")
    exact = "an error that equals its tolerance is within it: at most means <="
    require(abs(share - 0.75) < 1e-6, exact)


def _call_share(function: Callable, *arrays: np.ndarray) -> object:
    names = ("prediction", "target", "mean", "scale", "tolerance")
    return call_kept(function, **dict(zip(names, arrays, strict=True)))


def _require_share(
    function: Callable,
    prediction: np.ndarray,
    target: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    tolerance: np.ndarray,
) -> None:
    """Say what is wrong with a share of rows that are within tolerance."""
    found = as_number(_call_share(function, prediction, target, mean, scale, tolerance), "the result")
    signed = prediction * scale + mean - target
    good = np.abs(signed) <= tolerance
    right = good.all(axis=1).mean()
    if abs(found - right) < 1e-6:
        return
    k = len(mean)  # the first arrays have 4 columns, so whoever comes here with another number was right with 4
    require(k == 4 or found not in (0, 1), f"it works for 4 columns, and not for {k}: do not write their number")
    at_once = "you asked of all rows at once, with one yes or no: ask of each row (`all` with axis=1)"
    require(abs(found - good.all()) > 1e-6, at_once)
    wrong = {
        "that is the share of rows in which at least one number is good: every number should be": good.any(axis=1),
        "that is the share of all single numbers: ask of each row whether all of its numbers are good": good,
        "you asked of each column whether all of its rows are good: ask of each row (axis=1)": good.all(axis=0),
        "an error below zero counts too: take its absolute value": (signed <= tolerance).all(axis=1),
        "the predictions are still standardised: bring them back to units": (
            np.abs(prediction - target) <= tolerance
        ).all(axis=1),
        "the predictions lack the mean: add it after the scale": (np.abs(prediction * scale - target) <= tolerance).all(
            axis=1
        ),
        "compare in units: the tolerance is in units, and your errors are standardised": (
            np.abs(signed / scale) <= tolerance
        ).all(axis=1),
        "add the mean after the scale, not before": (np.abs((prediction + mean) * scale - target) <= tolerance).all(
            axis=1
        ),
        "you took the largest tolerance for all columns: each column has its own": (
            np.abs(signed) <= tolerance.max()
        ).all(axis=1),
        "you took the smallest tolerance for all columns: each column has its own": (
            np.abs(signed) <= tolerance.min()
        ).all(axis=1),
        "`isclose` adds a part of the number itself to the tolerance: set rtol=0": (
            np.abs(signed) <= tolerance + 1e-5 * np.abs(target)
        ).all(axis=1),
        "that is the share of rows that are not within tolerance: turn it round": ~good.all(axis=1),
    }
    product = good.mean(axis=0).prod()
    require(
        abs(found - product) > 1e-6,
        "that is the product of the columns' shares: count the rows, as errors may come together",
    )
    count = float(good.all(axis=1).sum())
    require(abs(found - count) > 1e-6, "that is a number of rows: divide it by how many rows there are")
    require(abs(found - 100 * right) > 1e-4, "that is in percent: give a share from 0 to 1")
    for message, cells in wrong.items():
        require(abs(found - cells.mean()) > 1e-6, message)
    which = f"tolerance {tolerance.round(3).tolist()}"
    require(False, f"for {len(target)} rows and the {which} it gives {found:.4g} instead of {right:.4g}")


@question(
    "5.3",
    hints=[
        "Write the density of a normal distribution with the variance `exp(s)`, and take minus its logarithm.",
        "Clip `s`, the log-variance, first. Each cell has two parts: a squared error times `exp(-s)`, and `s` itself.",
        "Each of the two parts is halved. The result is the mean over all cells.",
    ],
)
def gaussian_loss(answer: object) -> None:
    """A function that returns the mean negative log-likelihood of targets, from means and log-variances."""
    function = as_function(answer)
    for seed, shape in enumerate([(200, 4), (50, 1), (1, 3), (300, 2)]):
        rng = np.random.default_rng(seed)
        target, mean = rng.normal(size=shape).astype("float32"), rng.normal(size=shape).astype("float32")
        log_variance = rng.uniform(-3, 2, size=shape).astype("float32")
        found = as_number(call_kept(function, target=target, mean=mean, log_variance=log_variance), "the result")
        _require_loss(found, *(part.astype("float64") for part in (target, mean, log_variance)))
    zero = np.zeros((2, 2), "float32")
    cells = np.full((2, 2), -4, "float32")
    sure = as_number(call_kept(function, target=zero, mean=zero, log_variance=cells), "the result")
    require(abs(sure + 2) < 1e-3, f"the loss may be negative: here it should be -2, and yours is {sure:.3g}")
    target, mean = zero, np.full((2, 2), 0.01, "float32")
    for extreme in (-1000.0, 1000.0, -12.0, 12.0):
        cells = np.full((2, 2), extreme, "float32")
        with np.errstate(all="ignore"):
            result = call_kept(function, target=target, mean=mean, log_variance=cells)
        found = as_array(result if np.ndim(result) else np.asarray(result), "the result", shape=(), finite=False).item()
        overflow = f"a log-variance of {extreme:g} gives {found}: limit it to the range from -10 to 10 first"
        require(bool(np.isfinite(found)), overflow)
        clipped = np.clip(cells, -10, 10).astype("float64")
        wanted = np.mean((np.exp(-clipped) * 0.01**2 + clipped) / 2)
        limited = f"a log-variance of {extreme:g} gives {found:.5g} instead of {wanted:.5g}: limit it to -10 to 10"
        require(abs(found - wanted) < 0.01 + 1e-3 * abs(wanted), limited)


def _require_loss(found: float, target: np.ndarray, mean: np.ndarray, s: np.ndarray) -> None:
    """Say what is wrong with the loss of moderate log-variances."""
    squared = (target - mean) ** 2
    right = np.mean((np.exp(-s) * squared + s) / 2)
    constant = np.log(2 * np.pi) / 2
    wrong = {
        "the constant is in it: leave out the half of log 2 pi": right + constant,
        "it is twice as large: halve both parts": 2 * right,
        "the squared error is halved, and the log-variance is not: the root in the density halves it too": np.mean(
            np.exp(-s) * squared / 2 + s
        ),
        "the log-variance is halved, and the squared error is not": np.mean(np.exp(-s) * squared + s / 2),
        "the part with the log-variance alone is missing: without it, a huge variance costs nothing": np.mean(
            np.exp(-s) * squared / 2
        ),
        "the sign in the exponential is wrong: a large variance makes an error cheap": np.mean(
            (np.exp(s) * squared + s) / 2
        ),
        "the sign of the log-variance is wrong: a large variance costs": np.mean((np.exp(-s) * squared - s) / 2),
        "you took the log-variance for the logarithm of the standard deviation": np.mean(
            np.exp(-2 * s) * squared / 2 + s
        ),
        "the sign is turned round: the loss is minus the log-likelihood": -right,
        "that is the sum over all cells: take the mean": right * target.size,
        "that is the sum over the columns: take the mean over all cells": right * target.shape[1],
        "the log-variance is not in it: this is the squared error alone": np.mean(squared),
        "the log-variance is not in it: this is half of the squared error": np.mean(squared) / 2,
        "the error is not squared": np.mean((np.exp(-s) * np.abs(target - mean) + s) / 2),
        "negative parts were set to zero: this loss may be negative": np.mean(
            np.maximum((np.exp(-s) * squared + s) / 2, 0)
        ),
    }
    if abs(found - right) < 1e-4 * max(1, abs(right)):
        return
    for message, value in wrong.items():
        require(abs(found - value) > 1e-4 * max(1, abs(value)), message)
    require(False, f"for arrays of shape {target.shape} it gives {found:.5g} instead of {right:.5g}")


@question(
    "5.4",
    hints=[
        "Find the angle of the direction first. `np.arctan2` takes the sine, then the cosine, and gives radians.",
        "In degrees, the difference of two angles may be more than half a turn: then the other way round is shorter.",
        "`(difference + 180) % 360 - 180` lies between -180 and 180 for every difference.",
    ],
)
def turn_error(answer: object) -> None:
    """A function that returns by how many degrees a direction differs from a true angle, the shorter way round."""
    function = as_function(answer)
    for seed, (count, turns) in enumerate([(400, 0), (1, 0), (300, 3)]):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(-180, 180, count)
        length = rng.uniform(0.2, 3, count) if seed else np.ones(count)
        pair = np.stack([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))], axis=1) * length[:, None]
        off = rng.uniform(-179, 179, count)
        target = angle - off
        target = target + 360 * rng.integers(-turns, turns + 1, count) if turns else (target + 180) % 360 - 180
        pair, target = pair.astype("float32"), target.astype("float32")
        with np.errstate(all="ignore"):
            result = call_kept(function, prediction=pair, target=target)
        found = as_array(result, "the result", finite=False).astype("float64")
        length_one = "it gives NaN or infinity: arcsin and arccos need a length of 1, and arctan2 needs none"
        require(bool(np.isfinite(found).all()), length_one)
        table = (
            f"the result should have shape ({count},), and yours has {found.shape}: all directions were compared with "
            "all angles, or the result has an axis too many"
        )
        require(found.shape == (count,), table)
        _require_turn(found, pair.astype("float64"), target.astype("float64"), np.abs(off))


def _require_turn(found: np.ndarray, pair: np.ndarray, target: np.ndarray, right: np.ndarray) -> None:
    """Say what is wrong with errors on a circle; `pair` has the sines and cosines that were predicted."""
    if np.allclose(found, right, atol=0.2):
        return
    require(not np.allclose(np.abs(found), right, atol=0.2), "the result has signs: take the absolute value")
    radians = np.arctan2(pair[:, 0], pair[:, 1])
    angle = np.rad2deg(radians)
    sine, cosine = pair.clip(-1, 1).T
    length = np.hypot(*pair.T)

    def around(other: np.ndarray) -> np.ndarray:
        return np.abs((other - target + 180) % 360 - 180)

    half = np.rad2deg(np.arctan(np.tan(radians)))
    wrong = {
        "the difference is more than half a turn in places: go the shorter way round": np.abs(angle - target),
        "sine and cosine are swapped: the sine is the first column, and the first argument of arctan2": around(
            90 - angle
        ),
        "arctan knows only half of the circle: use arctan2, with the sine and the cosine": around(half),
        "arcsin knows only half of the circle: use arctan2, with the sine and the cosine": around(
            np.rad2deg(np.arcsin(sine))
        ),
        "arccos does not know the sign of an angle: use arctan2, with the sine and the cosine": around(
            np.rad2deg(np.arccos(cosine))
        ),
        "arccos needs a length of 1: divide each prediction by its length first": np.rad2deg(
            np.arccos((length * np.cos(np.deg2rad(right))).clip(-1, 1))
        ),
        "arctan2 gives radians: turn them into degrees": around(radians),
        "the result is in radians: give degrees": np.deg2rad(right),
        "the target may be more than one turn away: take the remainder % 360": np.minimum(
            np.abs(angle - target), np.abs(360 - np.abs(angle - target))
        ),
        "a difference of -10 is 350 after % 360: half a turn is the most that two angles differ by": (angle - target)
        % 360,
        "the angle is turned the wrong way: check the signs of sine and cosine": around(-angle),
    }
    for message, value in wrong.items():
        require(not np.allclose(found, value, atol=0.2), message)
    require(
        bool((found >= -0.2).all() and (found <= 180.2).all()),
        f"an error should lie between 0 and 180 degrees, and yours go from {found.min():.4g} to {found.max():.4g}",
    )
    worst = int(np.abs(found - right).argmax())
    require(
        False,
        f"for a prediction in the direction of {angle[worst]:.0f} degrees and a target of {target[worst]:.0f} it gives "
        f"{found[worst]:.4g} instead of {right[worst]:.4g}",
    )
