"""One cell that stands alone: from a table in time order to inputs and named targets. `freq` is the spacing that you expect,
in the words of pandas: "D", "h", "15min", "MS" (months), "B" (working days). What would shift a window without a sound is
refused: rows out of order, a time that is there twice, a gap, text, NaN. (Text to numbers: `pd.to_numeric`. Classes:
`pd.Categorical(...).codes`. A gap: cut the table there, or fill it with what was known *before* it.) For the split, copy
`rolling_origins` from the lesson as well.

From lesson 18. Your series: what comes next, how far ahead, and how sure?
It needs numpy, pandas, and nothing else.
"""

import numpy as np
import pandas as pd


def check_series(table, columns, freq):
    """Raise an error that names what is wrong with a table in time order, or with one of its columns."""
    if not isinstance(table, pd.DataFrame) or not isinstance(table.index, pd.DatetimeIndex):
        raise TypeError("table: a DataFrame wanted, its index made by pd.to_datetime.")
    index = table.index
    if not len(index) or index.hasnans:
        raise ValueError("table: no rows, or a row without a date.")
    if index.has_duplicates:
        raise ValueError(f"table: {index[index.duplicated()][0]} is there more than once.")
    if not index.is_monotonic_increasing:
        raise ValueError("table: not in time order; use table.sort_index().")
    wrong = pd.date_range(index[0], index[-1], freq=freq).symmetric_difference(index)
    if len(wrong):
        raise ValueError(f"table: gaps for freq={freq!r}: {len(wrong)}, first {wrong[0]}.")
    for name in columns:
        if list(table.columns).count(name) != 1:
            raise ValueError(f"one column {name!r} wanted, not in {list(table.columns)}.")
        values = table[name]
        if not pd.api.types.is_numeric_dtype(values):
            raise TypeError(f"column {name!r}: numbers wanted, not {values.iloc[0]!r}.")
        bad = ~np.isfinite(values.to_numpy(float, na_value=np.nan))
        if bad.any():
            raise ValueError(f"column {name!r}: {bad.sum()} not finite, first {index[bad][0]}.")


def windows(table, inputs, targets, steps, horizon, freq="D"):
    """Return x (n, steps, inputs), the next values of each target (n, horizon), and n times: "today"."""
    if isinstance(inputs, str) or isinstance(targets, str):
        raise TypeError("inputs, targets: lists of columns wanted.")
    if min(steps, horizon) < 1 or len(table) < steps + horizon:
        raise ValueError(f"table: {len(table)} rows for {steps} steps and {horizon} ahead.")
    check_series(table, [*inputs, *targets], freq)
    today = np.arange(steps - 1, len(table) - horizon)
    x = table[list(inputs)].to_numpy("float32")[today[:, None] + np.arange(1 - steps, 1)]
    ahead = today[:, None] + np.arange(1, horizon + 1)
    return x, {name: table[name].to_numpy()[ahead] for name in targets}, table.index[today]


hours = pd.date_range("2024-03-25", periods=200, freq="h", tz="Europe/Paris")
power = pd.DataFrame({"load": np.arange(200) % 24, "holiday": False}, index=hours)  # made up
x, y, today = windows(power, ["load", "holiday"], ["load"], steps=24, horizon=6, freq="h")
x.shape, y["load"].shape, today[0]
