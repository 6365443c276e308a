"""One cell that stands alone: from a table in time order to inputs and named targets, and to the parts of each origin. `freq` is
the spacing that you expect, in the words of pandas: "D", "h", "15min", "W-MON" (weeks), "MS" or "ME" (months), "B" (working
days). What would shift a window without a sound is refused: rows out of order, a time that is there twice or missing, text,
NaN. (`pd.infer_freq(table.index)` may know what the spacing is.) A sensor that stands still, or a jump, is not seen: plot
each column.

- Several sites. Sort and fill within each site, and call `windows` for each. Then join x and each target with
  `np.concatenate`, and the times with `pd.concat`, in one order. `rolling_origins` is right for all of them together.
- A gap. Cut the table there: `table.groupby((table.index.to_series().diff() != step).cumsum())`. Treat the pieces of at
  least `steps + horizon` rows as sites. Or fill it: an input with what was known *before* it; a target (in a column of its
  own) with 0, beside a column `known`, 0 or 1, which is a target too. `y["known"].min(axis=1)` is then the head's weight.
- Classes. `pd.Categorical(values, categories=kinds).codes`, with the same kinds everywhere. A code of -1 is a gap.
- Text. `pd.to_numeric`. Local times jump twice a year: `tz_localize`. Starts without a zone are in that of the times.

From lesson 18. Your series: what comes next, how far ahead, and how sure?
It needs numpy, pandas, and nothing else.
"""

import numpy as np
import pandas as pd


def check_series(table, columns, freq):
    """Raise an error that names what is wrong with a table in time order, or with one of its columns."""
    if not isinstance(table, pd.DataFrame) or not isinstance(table.index, pd.DatetimeIndex):
        raise TypeError("table: a DataFrame wanted; set_index with times of pd.to_datetime.")
    index = table.index
    if not len(index) or index.hasnans:
        raise ValueError("table: no rows, or a row without a date.")
    if index.has_duplicates:
        twice = index[index.duplicated()][0]
        raise ValueError(f"table: {twice} is there more than once; one call for each series.")
    if not index.is_monotonic_increasing:
        raise ValueError("table: not in time order; use table.sort_index().")
    wrong = pd.date_range(index[0], index[-1], freq=freq).symmetric_difference(index)
    if len(wrong):
        extra = wrong.isin(index).sum()
        counts = f"{len(wrong) - extra} times missing, {extra} not expected"
        raise ValueError(f"table: for freq={freq!r}, {counts}, first {wrong[0]}.")
    for name in columns:
        if list(table.columns).count(name) != 1:
            raise ValueError(f"one column {name!r} wanted, not in {list(table.columns)}.")
        values = table[name]
        if not pd.api.types.is_numeric_dtype(values):
            odd = [v for v in values if not isinstance(v, int | float | np.number)] or [*values]
            raise TypeError(
                f"column {name!r}: numbers wanted, not {odd[0]!r} ({values.dtype})."
            )
        bad = ~np.isfinite(values.to_numpy(float, na_value=np.nan))
        if bad.any():
            raise ValueError(f"column {name!r}: {bad.sum()} not finite, first {index[bad][0]}.")


def windows(table, inputs, targets, steps, horizon, freq="D"):
    """Return x (n, steps, inputs), the next values of each target (n, horizon), and n times."""
    if isinstance(inputs, str) or isinstance(targets, str):
        raise TypeError("inputs, targets: lists of columns wanted.")
    if not all(isinstance(size, int | np.integer) and size > 0 for size in (steps, horizon)):
        raise ValueError("steps, horizon: whole numbers from 1 wanted.")
    if len(table) < steps + horizon:
        raise ValueError(f"table: {len(table)} rows; at least {steps + horizon} are needed.")
    check_series(table, [*inputs, *targets], freq)
    today = np.arange(steps - 1, len(table) - horizon)
    x = table[list(inputs)].to_numpy("float32")[today[:, None] + np.arange(1 - steps, 1)]
    ahead = today[:, None] + np.arange(1, horizon + 1)
    rows = {"today": today, "first": today + 1, "last": today + horizon}  # of the targets
    times = pd.DataFrame({name: table.index[row] for name, row in rows.items()})
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, times


def rolling_origins(times, starts):
    """Return for each start the windows over before it, and those to test, until the next start."""
    first, last, starts, parts = times["first"], times["last"], pd.DatetimeIndex(starts), []
    if not (starts.is_monotonic_increasing and starts.is_unique):
        raise ValueError("starts: times in rising order wanted, each once.")
    starts = starts if starts.tz else starts.tz_localize(last.dt.tz)
    for start, end in zip(starts, [*starts[1:], last.max() + pd.Timedelta("1D")], strict=True):
        train, test = (last < start).to_numpy(), ((first >= start) & (last < end)).to_numpy()
        if not train.any() or not test.any():
            raise ValueError(f"{start}: {train.sum()} windows to train, {test.sum()} to test.")
        parts.append((np.flatnonzero(train), np.flatnonzero(test)))
    return parts


hours = pd.date_range("2024-03-25", periods=200, freq="h", tz="Europe/Paris")
power = pd.DataFrame({"load": np.arange(200) % 24, "holiday": False}, index=hours)  # made up
x, y, times = windows(power, ["load", "holiday"], ["load"], steps=24, horizon=6, freq="h")
train, test = rolling_origins(times, ["2024-03-30"])[0]
x[train].shape, y["load"][test].shape, times["last"][train].max()
