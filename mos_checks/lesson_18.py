"""The checks of exercise 18: windows, pinball loss, intervals, padded steps and one origin."""

from collections.abc import Callable

import numpy as np

from mos_checks import function_question, require
from mos_checks.functions import shown

Case = dict[str, object]

# --- 18.1


def _cut(array: np.ndarray, width: int, first: int, count: int) -> np.ndarray:
    """Return rows of neighbours: `count` rows of `width` numbers, the first beginning at `first`."""
    return array[first + np.arange(count)[:, None] + np.arange(width)]


def _count(series: np.ndarray, steps: int, horizon: int) -> int:
    return len(series) - steps - horizon + 1


def _inputs(series: np.ndarray, steps: int, horizon: int, late: int = 0, fewer: int = 0) -> np.ndarray:
    return _cut(series, steps, late, _count(series, steps, horizon) - fewer)


def _targets(series: np.ndarray, steps: int, horizon: int, late: int = 0, fewer: int = 0) -> np.ndarray:
    return _cut(series, horizon, steps + late, _count(series, steps, horizon) - fewer)


def _series_cases() -> list[Case]:
    sizes = [(7, 3, 2), (6, 2, 3), (12, 4, 1), (20, 1, 5), (40, 7, 7), (9, 5, 4)]
    return [
        {"series": np.random.default_rng(place).normal(0, 5, n).round(1), "steps": steps, "horizon": horizon}
        for place, (n, steps, horizon) in enumerate(sizes)
    ]


_FEWER = "a window is missing: with n rows there are n - steps - horizon + 1"

function_question(
    "18.1",
    "A function from a series, steps and horizon to a pair: inputs (m, steps) and targets (m, horizon).",
    hints=[
        "The first window has rows 0 to steps - 1 as inputs and rows steps to steps + horizon - 1 as targets.",
        "There are m = n - steps - horizon + 1 windows. Window i begins i rows later than the first.",
        "`series[i : i + steps]` and `series[i + steps : i + steps + horizon]`, for i from 0 to m - 1, in np.stack.",
    ],
    right=lambda *case: (_inputs(*case), _targets(*case)),
    cases=_series_cases,
    mistakes={
        0: {
            _FEWER: lambda *case: _inputs(*case, fewer=1),
            "the inputs begin one row late: the first window begins with row 0": lambda *case: _inputs(*case, late=1),
            "the inputs run backwards: keep the order of time": lambda *case: _inputs(*case)[:, ::-1],
            "the inputs are turned: a row for each window wanted": lambda *case: _inputs(*case).T,
            "the windows do not overlap: the next one begins one row later": lambda *case: _inputs(*case)[:: case[1]],
        },
        1: {
            _FEWER: lambda *case: _targets(*case, fewer=1),
            "the targets begin with today, which the inputs hold: that is a leak": lambda *case: _targets(*case, -1),
            "the targets leave out tomorrow: they begin right after the inputs": lambda *case: _cut(
                np.append(case[0], np.nan), case[2], case[1] + 1, _count(*case)
            ),
            "the targets are the last of the next rows only: all of them are wanted": [
                lambda *case: _targets(*case)[:, -1],
                lambda *case: _targets(*case)[:, -1:],
            ],
            "the targets run backwards: tomorrow comes first": lambda *case: _targets(*case)[:, ::-1],
            "the targets are turned: a row for each window wanted": lambda *case: _targets(*case).T,
        },
    },
)


# --- 18.2


def _pinball(target: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the loss of each row and level."""
    above = target[:, None] - quantiles
    return np.maximum(levels * above, (levels - 1) * above)


def _quantile_cases() -> list[Case]:
    cases = []
    for seed, (n, levels) in enumerate([(1, [0.9]), (3, [0.1, 0.5, 0.9]), (40, [0.05, 0.3, 0.8, 0.95]), (4, [0.2])]):
        rng = np.random.default_rng(seed)
        quantiles = rng.normal(0, 3, (n, len(levels))) + 2
        cases.append({"target": rng.normal(0, 3, n), "quantiles": quantiles, "levels": np.array(levels)})
    return cases


def _each(target: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return target[:, None] - quantiles


function_question(
    "18.2",
    "A function from targets (n,), quantiles (n, k) and levels (k,) to one number, the mean pinball loss.",
    hints=[
        "`above = target[:, None] - quantiles` is positive where the answer is too low.",
        "Too low costs level times above. Too high costs (1 - level) times what it is too high.",
        "`np.maximum(levels * above, (levels - 1) * above)` has both. Then the mean over all cells.",
    ],
    right=lambda *case: _pinball(*case).mean(),
    cases=_quantile_cases,
    mistakes={
        "the two sides are the wrong way round: too low should cost `level`, too high `1 - level`": lambda t, q, a: (
            _pinball(t, q, 1 - a).mean()
        ),
        "this is the mean absolute error: both sides cost the same": lambda *case: np.abs(_each(*case)).mean(),
        "the losses of the levels are added up: take the mean over all cells": lambda *case: (
            _pinball(*case).sum(axis=1).mean()
        ),
        "this is a sum: take the mean over all cells": lambda *case: _pinball(*case).sum(),
        "it is twice the loss": lambda *case: 2 * _pinball(*case).mean(),
        "the smaller of the two costs is taken, and should be the larger: np.maximum": lambda t, q, a: np.minimum(
            a * (t[:, None] - q), (a - 1) * (t[:, None] - q)
        ).mean(),
        "an answer that is too high costs nothing, or less": [
            lambda t, q, a: (a * (t[:, None] - q)).mean(),
            lambda t, q, a: (a * np.maximum(t[:, None] - q, 0)).mean(),
        ],
        "both sides cost `level` for each unit: too high should cost `1 - level`": lambda t, q, a: (
            a * np.abs(_each(t, q, a))
        ).mean(),
        "both sides cost `1 - level` for each unit: too low should cost `level`": lambda t, q, a: (
            (1 - a) * np.abs(_each(t, q, a))
        ).mean(),
        "the errors are squared: the pinball loss grows in a straight line": lambda *case: (
            _pinball(*case) * np.abs(_each(*case))
        ).mean(),
    },
)


# --- 18.3


def _interval_cases() -> list[Case]:
    """Return whole numbers, so that ends are hit and quantiles are equal; in all, some rows cross."""
    cases = []
    for seed, (n, k) in enumerate([(5, 2), (40, 3), (60, 5), (50, 4)]):
        rng = np.random.default_rng(100 + seed)
        quantiles = np.sort(rng.integers(-6, 7, (n, k)), axis=1).astype(float)
        crossing = rng.permutation(n)[: max(2, n // 4)]
        quantiles[crossing] = rng.permuted(quantiles[crossing], axis=1)
        quantiles[crossing[0]] = np.arange(k)[::-1]
        cases.append({"target": rng.integers(-7, 8, n).astype(float), "quantiles": quantiles})
    return cases


def _inside(target: np.ndarray, quantiles: np.ndarray) -> float:
    return np.mean((quantiles.min(axis=1) <= target) & (target <= quantiles.max(axis=1)))


def _report(target: np.ndarray, quantiles: np.ndarray) -> dict[str, float]:
    return {
        "coverage": _inside(target, quantiles),
        "width": np.ptp(quantiles, axis=1).mean(),
        "crossed": (np.diff(quantiles) < 0).any(axis=1).mean(),
    }


_ORDER = "rows whose quantiles cross were not put in order first"

function_question(
    "18.3",
    'A function from targets (n,) and quantiles (n, k) to a dictionary: "coverage", "width" and "crossed".',
    hints=[
        "Sort each row: `np.sort(quantiles, axis=1)`. Its first and its last column are the ends of the interval.",
        "A target is covered if it is at least the lower and at most the upper end. The mean of yes and no is a share.",
        "`np.diff(quantiles, axis=1) < 0`, on the quantiles as given, is True where two neighbours cross. "
        "`any(axis=1)` makes it one answer for each row.",
    ],
    right=_report,
    cases=_interval_cases,
    mistakes={
        "coverage": {
            "it is the share outside of the interval": lambda t, q: 1 - _inside(t, q),
            _ORDER: lambda t, q: np.mean((q[:, 0] <= t) & (t <= q[:, -1])),
            "a target on an end of the interval is inside": lambda t, q: np.mean(
                (q.min(axis=1) < t) & (t < q.max(axis=1))
            ),
            "only the upper end is looked at": lambda t, q: np.mean(t <= q.max(axis=1)),
            "only the lower end is looked at": lambda t, q: np.mean(t >= q.min(axis=1)),
            "it is in percent: a share from 0 to 1 is wanted": lambda t, q: 100 * _inside(t, q),
        },
        "width": {
            _ORDER: lambda t, q: (q[:, -1] - q[:, 0]).mean(),
            "it is half of the width": lambda t, q: np.ptp(q, axis=1).mean() / 2,
            "it is the sum over the rows: take the mean": lambda t, q: np.ptp(q, axis=1).sum(),
            "it is the median over the rows: take the mean": lambda t, q: np.median(np.ptp(q, axis=1)),
            "it is the range of all rows together: take each row's width": lambda t, q: np.ptp(q),
        },
        "crossed": {
            "it counts pairs of neighbours: count rows": lambda t, q: np.mean(np.diff(q) < 0),
            "it counts the rows that are in order": lambda t, q: 1 - _report(t, q)["crossed"],
            "it compares the first with the last quantile only: each neighbour counts": lambda t, q: np.mean(
                q[:, 0] > q[:, -1]
            ),
            "two equal quantiles do not cross": lambda t, q: np.mean((np.diff(q) <= 0).any(axis=1)),
            "it was counted after sorting, when nothing crosses any more": lambda t, q: 0.0,
            "it is a number of rows: a share is wanted": lambda t, q: len(t) * _report(t, q)["crossed"],
        },
    },
)


# --- 18.4


def _padded_cases() -> list[Case]:
    cases = []
    for seed, (n, steps) in enumerate([(2, 4), (5, 6), (30, 10), (6, 6), (8, 5)]):
        rng = np.random.default_rng(200 + seed)
        lengths = rng.integers(1, steps, n)
        lengths[0] = steps
        losses = rng.gamma(2, 1, (n, steps)) + np.arange(steps)
        if seed == 4:
            losses[np.arange(steps) >= lengths[:, None]] = np.nan
        cases.append({"losses": losses, "lengths": lengths})
    return cases


def _real(losses: np.ndarray, lengths: np.ndarray, more: int = 0) -> np.ndarray:
    return np.arange(losses.shape[1]) < lengths[:, None] + more


def _over(real: Callable) -> Callable:
    return lambda losses, lengths: losses[real(losses, lengths)].mean()


def _sums(losses: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.where(_real(losses, lengths), losses, 0).sum(axis=1)


def _refuse_nan(found: list, cases: list[Case]) -> None:
    require(
        np.isfinite(found).all(),
        "where the filler is NaN the result is NaN, since 0 times NaN is NaN: choose the real steps, "
        "with np.where or a boolean index, before you add up",
    )


function_question(
    "18.4",
    "A function from losses (n, steps) and lengths (n,) to one number, the mean over the real steps.",
    hints=[
        "Which steps are real? `np.arange(steps) < lengths[:, None]` has the shape (n, steps).",
        "Divide by the number of real steps, `lengths.sum()`, not by n * steps.",
        "`losses[real].mean()`, with the boolean array as index, never touches the filler.",
    ],
    right=_over(_real),
    cases=_padded_cases,
    mistakes={
        "the sum over the real steps is divided by the number of all steps": lambda x, n: _sums(x, n).sum() / x.size,
        "each sequence has the same weight here, long or short: each real step should have it": lambda x, n: (
            _sums(x, n) / n
        ).mean(),
        "the filler is counted": lambda x, n: x.mean(),
        "the real steps are the first ones: the padding is at the end": _over(lambda x, n: _real(x, n)[:, ::-1]),
        "one step too many is counted: of a length of 3, steps 0, 1 and 2 are real": _over(
            lambda x, n: _real(x, n, more=1)
        ),
        "one step too few is counted: of a length of 3, steps 0, 1 and 2 are real": _over(
            lambda x, n: _real(x, n, more=-1)
        ),
        "this is the sum over the real steps": lambda x, n: _sums(x, n).sum(),
        "the sum over the real steps is divided by the number of sequences": lambda x, n: _sums(x, n).mean(),
        "that is the mean over the filler: the real steps are the others": _over(lambda x, n: ~_real(x, n)),
    },
    otherwise=[_refuse_nan],
)


# --- 18.5


def _origin_cases() -> list[Case]:
    """Return sizes; in the last ones the origin comes so early that nothing, or no more than one window, can train."""
    sizes = [(3, 2, 10, 16), (7, 7, 60, 90), (1, 5, 20, 31), (5, 1, 12, 20), (4, 3, 25, 40)]
    sizes += [(3, 2, 5, 16), (3, 5, 6, 19), (7, 7, 3, 40), (4, 6, 5, 30), (2, 6, 4, 9)]
    return [dict(zip(("steps", "horizon", "begin", "end"), size, strict=True)) for size in sizes]


def _train(steps: int, horizon: int, begin: int, end: int, more: int = 0) -> np.ndarray:
    return np.arange(steps - 1, begin - horizon + more)


def _test(steps: int, horizon: int, begin: int, end: int, late: int = 0, more: int = 0) -> np.ndarray:
    return np.arange(max(begin - 1 + late, steps - 1), end - horizon + more)


def _test_not_whole(steps: int, horizon: int, begin: int, end: int, late: int = 0, more: int = 0) -> np.ndarray:
    return np.arange(begin - 1 + late, end - horizon + more)


def _tests(late: int = 0, more: int = 0) -> list[Callable]:
    """Return the ways to make a mistake in the test part: with whole windows only, and with others too."""
    return [lambda *case, way=way: way(*case, late=late, more=more) for way in (_test, _test_not_whole)]


def _refuse_swapped(found: list, cases: list[Case]) -> None:
    swapped = all(
        np.array_equal(first, _test(**case)) and np.array_equal(second, _train(**case))
        for (first, second), case in zip(found, cases, strict=True)
    )
    require(not swapped, "part 0 of the result should be the windows to train on, and part 1 those to test")


def _refuse_by_window(found: list, cases: list[Case]) -> None:
    """Name a window that should not be in its part, in the first case that is wrong."""
    pairs = zip(found, cases, strict=True)
    wrong = (pair for pair in pairs if not all(map(np.array_equal, pair[0], (_train(**pair[1]), _test(**pair[1])))))
    (train, test), case = next(wrong)
    _refuse_a_window(case, "training", train, (0, "day 0"), (case["begin"], "`begin`"))
    _refuse_a_window(case, "test", test, (case["begin"], "`begin`"), (case["end"], "`end`"))


def _refuse_a_window(case: Case, kind: str, todays: np.ndarray, start: tuple, stop: tuple) -> None:
    if todays.ndim != 1 or not todays.size or (np.diff(todays) <= 0).any():
        return
    first, last, (steps, horizon) = int(todays[0]), int(todays[-1]), (case["steps"], case["horizon"])
    given = f"for {shown(case)}: the {kind} window of today = "
    require(
        last + horizon < stop[0],
        f"{given}{last} is not over before {stop[1]}: its last target is day {last + horizon}",
    )
    require(first >= steps - 1, f"{given}{first} is not whole: its first input would be day {first - steps + 1}")
    require(first + 1 >= start[0], f"{given}{first} has a target before {start[1]}: its first one is day {first + 1}")


function_question(
    "18.5",
    "A function from steps, horizon, begin and end to a pair: the todays to train on, and those to test.",
    hints=[
        "The inputs of a window are the days today - steps + 1 to today, its targets today + 1 to today + horizon.",
        "In both parts the first input is at least day 0. To train, the last target is before `begin`; to test, the "
        "first one is at least `begin`, and the last one before `end`.",
        "To train: np.arange(steps - 1, begin - horizon). To test: from begin - 1, or from steps - 1 if that is later.",
    ],
    right=lambda *case: (_train(*case), _test(*case)),
    cases=_origin_cases,
    mistakes={
        0: {
            "their targets reach into the test part: the last target must lie before `begin`": [
                lambda s, h, b, e: np.arange(s - 1, b),
                lambda s, h, b, e: np.arange(s - 1, b - 1),
            ],
            "a slice that ends with a negative number leaves out the last, and takes all before: with an early `begin` "
            "nothing can train": [
                lambda s, h, b, e: np.arange(s - 1, e - h)[: b - h - s + 1],
                lambda s, h, b, e: np.arange(s - 1, e)[: b - h - s + 1],
                lambda s, h, b, e: np.arange(e)[s - 1 : b - h],
                lambda s, h, b, e: np.arange(e - h)[s - 1 : b - h],
            ],
            "the last window has the day `begin` as a target, and that day is tested": lambda *case: _train(
                *case, more=1
            ),
            "one more window is over before `begin`: its last target is the day before": lambda *case: _train(
                *case, more=-1
            ),
            "the first windows are not whole: today is at least steps - 1": lambda s, h, b, e: np.arange(b - h),
            "the first whole window is missing: its today is steps - 1": lambda s, h, b, e: np.arange(s, b - h),
        },
        1: {
            "the first windows are not whole: today is at least steps - 1, in the test part too": _test_not_whole,
            "the first test window predicts `begin`, so its today is the day before": _tests(late=1),
            "inputs may lie before `begin`, since they are known by then; only targets may not": [
                lambda s, h, b, e: np.arange(b + s - 1, e - h),
                lambda s, h, b, e: np.arange(b + s, e - h),
            ],
            "the last targets reach past the end: they must lie before `end`": [
                lambda s, h, b, e: np.arange(b - 1, e),
                lambda s, h, b, e: np.arange(b - 1, e - 1),
                lambda s, h, b, e: np.arange(max(b, s) - 1, e),
                lambda s, h, b, e: np.arange(max(b, s) - 1, e - 1),
            ],
            "the last window has the day `end` as a target, which belongs to the next part": _tests(more=1),
            "one more window ends before `end`: its last target is the day before": _tests(more=-1),
            "the first test window begins too early: a target of it lies before `begin`": _tests(late=-1),
        },
    },
    otherwise=[_refuse_swapped, _refuse_by_window],
)
