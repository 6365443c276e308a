"""The checks of exercise 16: targets of a column, preprocessing, the error of a comparison, and answers in units."""

from typing import Any

import numpy as np

from mos_checks import as_array, as_dict, as_number, as_pair, describe, function_question, require

Case = dict[str, Any]

# --- 16.1


def _cells(seed: int, names: list[str], rows: int, gaps: float) -> Case:
    rng = np.random.default_rng(seed)
    cells = [str(name) for name in rng.choice(names, rows)]
    kept = [cell if rng.random() >= gaps else [None, float("nan")][int(rng.integers(2))] for cell in cells]
    return {"cells": kept, "names": names}


def _column_cases() -> list[Case]:
    return [
        {"cells": ["no", None, "yes", "no", float("nan"), "yes"], "names": ["no", "yes"]},
        {"cells": ["red", "green", None, "blue", "green"], "names": ["red", "green", "blue"]},
        _cells(1, ["small", "large", "middle", "none"], 40, 0.3),
        _cells(2, ["yes", "no"], 25, 0),
        _cells(3, ["c", "a", "b"], 30, 0.9),
        {"cells": [None, float("nan"), None], "names": ["b", "a"]},
    ]


def _known(cells: list) -> np.ndarray:
    return np.array([isinstance(cell, str) for cell in cells])


def _coded(cells: list, names: list[str], weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    targets = np.array([names.index(cell) if isinstance(cell, str) else 0 for cell in cells])
    return targets, _known(cells).astype("float32") if weights is None else weights


def _in_order_seen(cells: list, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return _coded(cells, list(dict.fromkeys(cell for cell in cells if isinstance(cell, str))))


def _read_coded(result: object, case: Case) -> list[np.ndarray]:
    targets, weights = as_pair(result, f"your function should return targets, weights, and gives {describe(result)}")
    known = _known(case["cells"])
    targets, weights = as_array(targets, "the targets", finite=False), as_array(weights, "the weights", finite=False)
    for array, name in [(targets, "the targets"), (weights, "the weights")]:
        require(array.size >= len(known), f"{name} have {array.size} rows of {len(known)}: keep the rows with gaps")
        as_array(array, name, shape=(len(known),), finite=False)
    filler = targets[~known].astype(float)
    require(not np.isnan(filler).any(), "the targets still hold NaN: a weight of 0 is not enough, so fill the gaps")
    valid = np.isin(filler, range(len(case["names"])))
    wrong = f"a gap is filled with {filler[~valid][0]:g}" if not valid.all() else ""
    require(not wrong, f"{wrong}, and with {len(case['names'])} classes a target is from 0 to {len(case['names']) - 1}")
    return [np.where(known, targets, 0), weights]


def _show_coded(case: Case, found: list, wanted: list) -> str:
    part = 0 if not np.array_equal(found[0], wanted[0]) else 1
    row = int(np.flatnonzero(found[part] != wanted[part])[0])
    cell = case["cells"][row]
    given = f"for the cell {cell!r} and the names {case['names']} the {('target', 'weight')[part]}"
    return f"{given} should be {wanted[part][row]:g}, and yours is {found[part][row]:g}"


function_question(
    "16.1",
    "A function from the cells of a column and the names of its classes to targets and weights.",
    hints=[
        "Find out first which cells are known. A gap is None or NaN; `pd.isna(cell)` is True for both.",
        "`names.index(cell)` is the target of a known cell. A gap gets any valid target, say 0, and the weight 0.",
        "Return two arrays of shape (n,): `return np.array(targets), np.array(weights)`.",
    ],
    right=_coded,
    cases=_column_cases,
    read=_read_coded,
    mistakes={
        "a gap has the weight 1, so the model learns its filler as a label": lambda c, n: _coded(c, n, np.ones(len(c))),
        "the weights are turned round: 1 is for a known cell, and 0 for a gap": lambda c, n: _coded(
            c, n, 1.0 - _known(c)
        ),
        "the targets follow the alphabet: the order of `names` says which class is which": lambda c, n: _coded(
            c, sorted(n)
        ),
        "the targets follow the order in which names come in the column: the order of `names` counts": _in_order_seen,
    },
    show=_show_coded,
)


# --- 16.2


def _table(seed: int, columns: int, rows: int, new: int, gaps: float) -> Case:
    rng = np.random.default_rng(seed)
    size, centre = 10.0 ** rng.uniform(-1, 3, columns), rng.normal(0, 3, columns)
    train, other = (rng.normal(centre, 1, (n, columns)) * size for n in (rows, new))
    other += size * rng.uniform(0.5, 1.5, columns)  # new rows are not quite as those of the training part
    for part in (train, other):
        part[rng.random(part.shape) < gaps] = np.nan
    train[:3] = rng.normal(centre, 1, (3, columns)) * size
    return {"train": train, "rows": other}


def _table_cases() -> list[Case]:
    nan = np.nan
    return [
        {"train": np.array([[1.0], [3.0], [nan], [8.0]]), "rows": np.array([[2.0], [nan]])},
        {"train": np.array([[5.0], [nan], [5.0], [5.0]]), "rows": np.array([[5.0], [7.0], [nan]])},
        {"train": np.array([[1.0, 50], [2, nan], [6, 70]]), "rows": np.array([[4.0, nan], [nan, 62], [3, 50]])},
        _table(1, 3, 30, 12, 0.2),
        _table(2, 2, 8, 20, 0.4),
        _table(3, 4, 60, 5, 0.1),
    ]


def _prepared(
    train: np.ndarray,
    rows: np.ndarray,
    adapt: np.ndarray | None = None,
    ddof: int = 0,
    filler: np.ndarray | float = np.nan,
    spread_of: np.ndarray | None = None,
) -> np.ndarray:
    """Return standardised numbers, 0 for a gap, and flags; the options make mistakes."""
    adapt = train if adapt is None else adapt
    mean, std = np.nanmean(adapt, axis=0), np.nanstd(adapt if spread_of is None else spread_of, axis=0, ddof=ddof)
    gap, std = np.isnan(rows), np.where(std == 0, 1, std)
    standard = (np.where(gap, filler, rows) - mean) / std
    return np.hstack([np.nan_to_num(standard), gap])


def _divisor(train: np.ndarray) -> np.ndarray:
    std = np.nanstd(train, axis=0)
    return np.where(std == 0, 1, std)


def _without_complete(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return _prepared(train, rows, adapt=train[~np.isnan(train).any(axis=1)])


def _zeros_in(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.hstack([_prepared(np.nan_to_num(train), np.nan_to_num(rows))[:, : rows.shape[1]], np.isnan(rows)])


def _filled_first(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return _prepared(train, rows, spread_of=np.where(np.isnan(train), np.nanmean(train, axis=0), train))


def _flags(train: np.ndarray, rows: np.ndarray, change: Any) -> np.ndarray:  # noqa: ANN401
    return np.hstack(change(*np.hsplit(_prepared(train, rows), 2)))


def _read_prepared(result: object, case: Case) -> np.ndarray:
    count, columns = case["rows"].shape
    found = as_array(result, "the result", finite=False)
    bare = f"the result has shape {found.shape}: the flags of the gaps are missing, one for each column"
    require(found.shape != (count, columns), bare)
    found = as_array(found, "the result", shape=(count, 2 * columns), finite=False)
    constant = "a column that is constant in `train` has the standard deviation 0: divide it by 1 instead"
    require(not np.isinf(found).any(), constant)
    require(not np.isnan(found).any(), "the result holds NaN: np.nanmean and np.nanstd leave gaps out, then fill gaps")
    return found


function_question(
    "16.2",
    "A function from the training part and some rows to standardised numbers and flags of the gaps.",
    hints=[
        "The mean and the standard deviation come from `train` alone, column by column, without its gaps.",
        "`np.nanmean(train, axis=0)` leaves gaps out. Standardise `rows` with it, and fill the gaps afterwards with 0.",
        "`gap = np.isnan(rows)` are the flags. `np.hstack([numbers, gap])` puts them to the right of the numbers.",
    ],
    right=_prepared,
    cases=_table_cases,
    read=_read_prepared,
    mistakes={
        "the mean and the standard deviation come from `rows`: they are the training part's": lambda t, r: _prepared(
            t, r, adapt=r
        ),
        "the mean and the standard deviation come from both parts together: `train` alone may be looked at": (
            lambda t, r: _prepared(t, r, adapt=np.vstack([t, r]))
        ),
        "a gap becomes 0 before it is standardised: the 0 comes afterwards, where it stands for the mean": (
            lambda t, r: _prepared(t, r, filler=0)
        ),
        "the gaps of `train` count as 0 in its mean: leave them out": _zeros_in,
        "the gaps of `train` are filled before the standard deviation is taken, which makes it too small": (
            _filled_first
        ),
        "rows of `train` with any gap are left out: each column has gaps of its own": _without_complete,
        "the standard deviation is divided by n - 1; Keras's Normalization, and this question, divide by n": (
            lambda t, r: _prepared(t, r, ddof=1)
        ),
        "the numbers are divided by the variance: divide by its square root": lambda t, r: np.hstack(
            [_prepared(t, r)[:, : r.shape[1]] / _divisor(t), np.isnan(r)]
        ),
        "the flags are turned round: 1 stands for a gap": lambda t, r: _flags(t, r, lambda z, f: [z, 1 - f]),
        "the flags stand to the left: the numbers come first": lambda t, r: _flags(t, r, lambda z, f: [f, z]),
        "number and flag of each column stand side by side: first all numbers, then all flags": lambda t, r: _flags(
            t, r, lambda z, f: [part[:, k : k + 1] for k in range(z.shape[1]) for part in (z, f)]
        ),
    },
)


# --- 16.3


def _scores(seed: int, repeats: int, folds: int, lead: float = 1) -> Case:
    rng = np.random.default_rng(seed)
    each = rng.normal(80, 4, (repeats, folds))
    first, second = (each + rng.normal(shift, 1, (repeats, folds)) for shift in (lead, 0))
    return {"first": first.round(3), "second": second.round(3)}


def _score_cases() -> list[Case]:
    small = {"first": np.array([[82.0, 85, 80]]), "second": np.array([[80.0, 84, 81]])}
    sizes = [(2, 3), (4, 5, -1), (3, 10), (10, 5), (5, 2, -1)]  # the second model is better now and then
    return [small, *(_scores(seed, *size) for seed, size in enumerate(sizes))]


def _compared(first: np.ndarray, second: np.ndarray, **changes: Any) -> list[float]:  # noqa: ANN401
    """Return the mean difference and its standard error; the changes make mistakes."""
    difference, folds = first - second, first.shape[1]
    ratio = changes.get("ratio", lambda k: 1 / (k - 1))(folds)
    std = changes.get("std", difference.std(ddof=changes.get("ddof", 1)))
    return [difference.mean(), std * (1 / first.size + ratio) ** changes.get("power", 0.5)]


def _unpaired(first: np.ndarray, second: np.ndarray) -> list[float]:
    return _compared(first, second, std=np.sqrt(first.var(ddof=1) + second.var(ddof=1)))


def _over_repeats(first: np.ndarray, second: np.ndarray) -> float:
    means = (first - second).mean(axis=1)
    return means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan


function_question(
    "16.3",
    "A function from the scores of two models on the same folds to their mean difference and its standard error.",
    hints=[
        "Both models have the same folds: take the differences first, then their mean and standard deviation.",
        "The standard deviation of the differences divides by J - 1 (`ddof=1`); J is the number of all folds.",
        "Multiply it by the root of 1/J + 1/(k - 1). With k folds the test part is 1/(k - 1) of the training part.",
    ],
    right=_compared,
    cases=_score_cases,
    mistakes={
        0: {
            "the sign of the difference is wrong: it is `first` minus `second`": lambda a, b: (b - a).mean(),
            "the mean difference has lost its sign: below 0, `second` has the higher scores": (
                lambda a, b: abs((a - b).mean())
            ),
        },
        1: {
            "the standard deviation is divided by the root of J alone, as if no two folds shared training rows": (
                lambda a, b: _compared(a, b, ratio=lambda k: 0)[1]
            ),
            "the standard deviation is not yet multiplied by the root of 1/J + 1/(k - 1)": (
                lambda a, b: (a - b).std(ddof=1)
            ),
            "the test part is 1/k of all rows, but 1/(k - 1) of the training part": (
                lambda a, b: _compared(a, b, ratio=lambda k: 1 / k)[1]
            ),
            "the test part is 1/(k - 1) of the training part, and k - 1 is its inverse": (
                lambda a, b: _compared(a, b, ratio=lambda k: k - 1)[1]
            ),
            "k is the number of folds in a repeat, which is the length of the second axis": (
                lambda a, b: _compared(a, b, ratio=lambda k: 1 / (len(a) - 1) if len(a) > 1 else np.inf)[1]
            ),
            "the standard deviation divides by J: with `ddof=1` it divides by J - 1": (
                lambda a, b: _compared(a, b, ddof=0)[1]
            ),
            "it is the variance: the root is missing": (lambda a, b: _compared(a, b)[1] ** 2),
            "1/J + 1/(k - 1) lacks its root": lambda a, b: _compared(a, b, power=1)[1],
            "the two models' variances are added, as if they had other folds: take the differences": (
                lambda a, b: _unpaired(a, b)[1]
            ),
            "it is the standard error over repeats, which all use the same rows": _over_repeats,
        },
    },
)


# --- 16.4


def _predicted(seed: int, rows: int, names: list[str], mean: float, std: float) -> Case:
    rng = np.random.default_rng(seed)
    kind = rng.dirichlet(np.ones(len(names)) * 0.7, rows).astype("float32")
    ill = rng.uniform(0.02, 0.98, (rows, 1)).astype("float32")
    weight = rng.normal(0, 1, (rows, 1)).astype("float32")
    return {"predictions": {"kind": kind, "ill": ill, "weight": weight}, "names": names, "mean": mean, "std": std}


def _predicted_cases() -> list[Case]:
    one = {
        "kind": np.float32([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.3, 0.4, 0.3]]),
        "ill": np.float32([[0.9], [0.3], [0.5]]),
        "weight": np.float32([[0.5], [-1.0], [2.0]]),
    }
    return [
        {"predictions": one, "names": ["dog", "cat", "ox"], "mean": 30.0, "std": 4.0},
        _predicted(1, 6, ["cat", "dog", "ox", "hen"], 12.5, 3.0),
        _predicted(2, 40, ["ox", "cow"], 410.0, 25.0),
        _predicted(3, 1, ["hen", "cock", "chick"], 1.4, 0.6),
    ]


def _answered(predictions: dict[str, np.ndarray], names: list[str], mean: float, std: float) -> list[dict]:
    kinds, ill = predictions["kind"].argmax(axis=1), predictions["ill"][:, 0] > 0.5
    weights = predictions["weight"][:, 0].astype(float) * std + mean
    parts = zip(kinds, ill, weights, strict=True)
    return [{"kind": names[k], "ill": bool(yes), "weight": float(weight)} for k, yes, weight in parts]


def _changed(**parts: Any) -> Any:  # noqa: ANN401
    """Return the right function with parts computed otherwise, from the predictions, names, mean and std."""

    def answer(predictions: dict, names: list[str], mean: float, std: float) -> list[dict]:
        found = _answered(predictions, names, mean, std)
        for part, function in parts.items():
            values = function(predictions, names, mean, std)
            found = [row | {part: value} for row, value in zip(found, values, strict=True)]
        return found

    return answer


def _read_answers(result: object, case: Case) -> list[dict]:
    count = len(case["predictions"]["ill"])
    listed = f"the result should be a list of dictionaries, one for each row, and yours is {describe(result)}"
    require(issubclass(type(result), list | tuple), listed)
    require(len(result) == count, f"the result should have {count} dictionaries, and yours has {len(result)}")
    return [_read_row(row, case["names"]) for row in result]


def _read_row(row: object, names: list[str]) -> dict:
    row = as_dict(row, ["kind", "ill", "weight"], "a row of the result")
    kind, ill = row["kind"], row["ill"]
    require(issubclass(type(kind), str), f"the kind should be a name, one of {names}, and yours is {describe(kind)}")
    truth = f"ill should be True or False, and yours is {describe(ill)}: compare the probability with 0.5"
    require(issubclass(type(ill), bool | np.bool_), truth)
    weight = row["weight"]
    if np.shape(weight) == (1,):
        require(False, "the weight is an array of one number: take the number out of its column")
    return {"kind": str(kind), "ill": bool(ill), "weight": as_number(weight, "the weight", finite=False)}


def _show_answers(case: Case, found: list[dict], wanted: list[dict]) -> str:
    for place, (mine, right) in enumerate(zip(found, wanted, strict=True)):
        for part in right:
            if mine[part] != right[part] and not (part == "weight" and np.isclose(mine[part], right[part], 1e-5, 1e-5)):
                head = case["predictions"][part][place].astype(float).round(3).tolist()
                given = f"for row {place}, where the head `{part}` gives {head}"
                return f"{given}, {part} should be {right[part]!r}, and yours is {mine[part]!r}"
    return "the answers differ from the right ones"


function_question(
    "16.4",
    "A function from predictions, the names of classes, a mean and a standard deviation to a list of dictionaries.",
    hints=[
        "Head by head: `argmax(axis=1)` and the names; a probability above 0.5; a number times std, plus mean.",
        '`predictions["ill"]` has shape (n, 1). `predictions["ill"][:, 0]` has shape (n,).',
        '`zip` goes through three arrays row by row; make `{"kind": ..., "ill": ..., "weight": ...}` of each.',
    ],
    right=_answered,
    cases=_predicted_cases,
    read=_read_answers,
    mistakes={
        "the weight is still standardised: multiply it by std and add mean": _changed(
            weight=lambda p, n, m, s: p["weight"][:, 0]
        ),
        "the weight is divided by std: going back, multiply": _changed(
            weight=lambda p, n, m, s: p["weight"][:, 0] / s + m
        ),
        "mean and std are taken for each other": _changed(weight=lambda p, n, m, s: p["weight"][:, 0] * m + s),
        "the mean is added before the number is multiplied: first times std, then plus mean": _changed(
            weight=lambda p, n, m, s: (p["weight"][:, 0] + m) * s
        ),
        "the mean is not added": _changed(weight=lambda p, n, m, s: p["weight"][:, 0] * s),
        "the mean is subtracted: going back, add it": _changed(weight=lambda p, n, m, s: p["weight"][:, 0] * s - m),
        "ill is turned round: the head gives the probability of True": _changed(
            ill=lambda p, n, m, s: (p["ill"][:, 0] <= 0.5).tolist()
        ),
        "ill is True for a probability of exactly 0.5: yes is from more than one half": _changed(
            ill=lambda p, n, m, s: (p["ill"][:, 0] >= 0.5).tolist()
        ),
        "ill is True for all rows: a sigmoid is always above 0, so compare it with 0.5": _changed(
            ill=lambda p, n, m, s: [True] * len(p["ill"])
        ),
        "ill is False for all rows: the argmax of one column is always 0, so compare the probability with 0.5": (
            _changed(ill=lambda p, n, m, s: [False] * len(p["ill"]))
        ),
        "the names are in the order of the alphabet: the order of `names` says which column is which": _changed(
            kind=lambda p, n, m, s: [sorted(n)[k] for k in p["kind"].argmax(axis=1)]
        ),
        "the kind is the class that is least probable": _changed(
            kind=lambda p, n, m, s: [n[k] for k in p["kind"].argmin(axis=1)]
        ),
    },
    show=_show_answers,
)
