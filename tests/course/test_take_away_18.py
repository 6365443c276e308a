"""What lesson 18 gives to copy works alone, on other series, and says what is wrong with a table."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from take_away import take_away


@pytest.fixture(scope="module")
def windows():
    return take_away("18_your_series")["windows"]


@pytest.fixture(scope="module")
def rolling_origins():
    return take_away("18_your_series")["rolling_origins"]


def sales(rows=12, freq="D", **options):
    """A shop: prices, how many pieces were sold, whether there was a discount."""
    table = pd.DataFrame(index=pd.date_range("2024-02-20", periods=rows, freq=freq, **options))
    table["price"] = np.arange(rows) / 4
    table["sold"] = np.arange(rows) * 10
    table["discount"] = np.arange(rows) % 3 == 0
    return table


def test_inputs_end_today_and_targets_begin_tomorrow(windows):
    table = sales()
    x, y, times = windows(table, ["price", "discount"], ["sold", "discount"], steps=3, horizon=2)
    assert x.shape == (8, 3, 2)
    assert y["sold"].shape == y["discount"].shape == (8, 2)
    assert x.dtype == "float32"
    assert y["sold"].dtype == table["sold"].dtype
    for row, day in enumerate(times["today"]):
        known, later = table[:day], table[day:].iloc[1:]
        np.testing.assert_array_equal(x[row], known[["price", "discount"]].astype(float).tail(3))
        np.testing.assert_array_equal(y["sold"][row], later["sold"].head(2))
        assert (times["first"][row], times["last"][row]) == (later.index[0], later.index[1])
    assert times["today"].iloc[-1] == table.index[-3]


def test_the_table_is_as_before_and_the_windows_are_copies(windows):
    table = sales()
    before = table.copy()
    x, y, _ = windows(table, ["sold"], ["sold"], 3, 2)
    x[:], y["sold"][:] = -1, -1
    pd.testing.assert_frame_equal(table, before)


def test_as_few_rows_as_one_window_needs(windows):
    x, y, times = windows(sales(5), ["sold"], ["price"], 3, 2)
    assert (x.shape, y["price"].shape, len(times)) == ((1, 3, 1), (1, 2), 1)


@pytest.mark.parametrize(
    ("freq", "zone"),
    [("D", None), ("D", "Europe/Paris"), ("h", "Europe/Paris"), ("15min", "UTC"), ("MS", None), ("B", None)],
)
def test_other_spacings_and_time_zones(windows, freq, zone):
    table = sales(1200, freq, tz=zone)
    _, y, times = windows(table, ["sold"], ["sold"], 24, 6, freq)
    assert times["today"].dt.tz == times["last"].dt.tz == table.index.tz
    assert len(y["sold"]) == 1200 - 29


def test_numbers_with_a_place_for_missing_ones(windows):
    table = sales().astype({"sold": "Int64", "discount": "boolean"})
    x, _, _ = windows(table, ["sold", "discount"], ["price"], 3, 2)
    assert np.isfinite(x).all()


def with_text(table, value="12,5"):
    table["price"] = table["price"].astype(str)
    table.iloc[0, 0] = value
    return table


def with_hole(table, value):
    table = table.astype({"price": "Float64"})
    table.iloc[4, 0] = value
    return table


FAULTS = {
    "unsorted": (lambda t: t.iloc[::-1], ValueError, "not in time order; use table.sort_index()"),
    "shuffled": (lambda t: t.sample(frac=1, random_state=0), ValueError, "not in time order"),
    "duplicated": (lambda t: t.iloc[[0, 1, 1, 2, *range(3, 12)]], ValueError, "2024-02-21 00:00:00 is there more"),
    "two sites": (
        lambda t: pd.concat([t, t]).sort_index(),
        ValueError,
        "2024-02-20 00:00:00 is there more than once; one call for each series",
    ),
    "a row at noon": (
        lambda t: pd.concat([t, sales(1).shift(12, "h")]).sort_index(),
        ValueError,
        "for freq='D', 0 times missing, 1 not expected, first 2024-02-20 12:00:00",
    ),
    "weeks called days": (lambda t: sales(freq="W-MON"), ValueError, "66 times missing, 0 not expected"),
    "two days missing": (
        lambda t: t.drop(t.index[[4, 7]]),
        ValueError,
        "2 times missing, 0 not expected, first 2024-02-24",
    ),
    "a shifted time": (
        lambda t: t.set_index(t.index.where(t.index.day != 25, t.index + pd.Timedelta("1h"))),
        ValueError,
        "1 times missing, 1 not expected, first 2024-02-25 00",
    ),
    "hours called days": (lambda t: sales(freq="h"), ValueError, "for freq='D', 0 times missing, 11 not"),
    "no date": (lambda t: t.set_index(t.index.where(t.index.day != 25)), ValueError, "a row without a date"),
    "a number as index": (lambda t: t.reset_index(drop=True), TypeError, "set_index with times of pd.to_datetime"),
    "text as index": (lambda t: t.set_index(t.index.astype(str)), TypeError, "with times of pd.to_datetime"),
    "an array": (lambda t: t.to_numpy(), TypeError, "a DataFrame wanted"),
    "a column": (lambda t: t["price"], TypeError, "a DataFrame wanted"),
    "too short": (lambda t: t.head(4), ValueError, "table: 4 rows; at least 5 are needed"),
    "empty": (lambda t: t.head(0), ValueError, "table: 0 rows"),
    "no such column": (lambda t: t.drop(columns="price"), ValueError, "one column 'price' wanted, not in ['sold'"),
    "two of a name": (lambda t: t.set_axis(["price", "price", "sold"], axis=1), ValueError, "one column 'price'"),
    "one text among numbers": (
        lambda t: t.assign(price=[*t["price"][:5], "n/a", *t["price"][6:]]),
        TypeError,
        "column 'price': numbers wanted, not 'n/a' (object)",
    ),
    "booleans as objects": (
        lambda t: t.assign(price=t["discount"].astype(object)),
        TypeError,
        "column 'price': numbers wanted, not True (object)",
    ),
    "numbers as text": (with_text, TypeError, "column 'price': numbers wanted, not '12,5'"),
    "NaN": (
        lambda t: t.assign(price=t["price"].where(t.index.day != 23)),
        ValueError,
        "1 not finite, first 2024-02-23",
    ),
    "NA": (lambda t: with_hole(t, pd.NA), ValueError, "column 'price': 1 not finite, first 2024-02-24"),
    "infinite": (lambda t: with_hole(t, np.inf), ValueError, "column 'price': 1 not finite"),
}


@pytest.mark.parametrize(("spoil", "error", "words"), FAULTS.values(), ids=FAULTS)
def test_faults_of_a_table(windows, spoil, error, words):
    with pytest.raises(error) as raised:
        windows(spoil(sales()), ["price"], ["sold"], 3, 2)
    assert words in str(raised.value)


@pytest.mark.parametrize("fault", ["NaN", "numbers as text"])
def test_a_target_is_looked_at_too(windows, fault):
    spoil, error, _ = FAULTS[fault]
    with pytest.raises(error, match="column 'price'"):
        windows(spoil(sales()), ["sold"], ["price"], 3, 2)


@pytest.mark.parametrize(("steps", "horizon"), [(0, 2), (3, 0), (-1, 2), (3.0, 2), (3, 2.5)])
def test_steps_and_horizon_are_whole_numbers_from_one(windows, steps, horizon):
    with pytest.raises(ValueError, match="steps, horizon: whole numbers from 1 wanted"):
        windows(sales(), ["price"], ["sold"], steps, horizon)


@pytest.mark.parametrize(("inputs", "targets"), [("price", ["sold"]), (["price"], "sold")])
def test_a_name_is_no_list_of_names(windows, inputs, targets):
    with pytest.raises(TypeError, match="inputs, targets: lists of columns wanted"):
        windows(sales(), inputs, targets, 3, 2)


def test_its_own_example():
    names = take_away("18_your_series")
    assert names["x"].shape == (171, 24, 2)
    assert names["y"]["load"].shape == (171, 6)
    times, start = names["times"], pd.Timestamp("2024-03-30", tz="Europe/Paris")
    assert times["last"][names["train"]].max() < start == times["first"][names["test"]].min()


# The split by time


def joined(windows, tables, steps=3, horizon=2, freq="D"):
    """The windows of several tables, as the recipe says how to join them: x, sold, times."""
    x, y, times = zip(*(windows(table, ["sold"], ["sold"], steps, horizon, freq) for table in tables), strict=True)
    return np.concatenate(x), np.concatenate([each["sold"] for each in y]), pd.concat(times)


def days_of(table, sold):
    """The days on which so many pieces were sold: each number is there once."""
    return table.index[table["sold"].to_numpy().searchsorted(sold)]


def whole_and_gapped():
    table = sales(60)
    return {
        "unbroken": [table],
        "cut at a gap": [table[:20], table[26:]],
        "short pieces": [table[:9], table[9:15], table[30:]],
    }


@pytest.mark.parametrize("pieces", whole_and_gapped())
@pytest.mark.parametrize("after", [6, 9, 15, 21, 23, 27, 28, 33, 52])
def test_no_target_of_a_training_window_lies_at_or_after_its_origin(windows, rolling_origins, pieces, after):
    table = sales(60)
    _, sold, times = joined(windows, whole_and_gapped()[pieces])
    start = table.index[after]
    end = start + pd.Timedelta("5D")
    targets = np.stack([days_of(table, column) for column in sold.T], axis=1)
    before, tested = (targets < start).all(axis=1), ((targets >= start) & (targets < end)).all(axis=1)
    if not before.any() or not tested.any():
        with pytest.raises(ValueError, match=f"{before.sum()} windows to train, {tested.sum()} to test"):
            rolling_origins(times, [start, end])
        return
    train, test = rolling_origins(times, [start, end])[0]
    np.testing.assert_array_equal(train, np.flatnonzero(before))
    np.testing.assert_array_equal(test, np.flatnonzero(tested))


def test_the_way_to_cut_a_table_at_its_gaps(windows):
    table, step = sales(60).drop(sales(60).index[[20, 33, 34]]), pd.Timedelta("1D")
    pieces = [piece for _, piece in table.groupby((table.index.to_series().diff() != step).cumsum())]
    assert [len(piece) for piece in pieces] == [20, 12, 25]
    assert len(joined(windows, pieces)[0]) == 16 + 8 + 21


@pytest.mark.parametrize("order", ["site by site", "sorted by time", "shuffled"])
def test_several_sites_are_split_by_time_in_any_order(windows, rolling_origins, order):
    tables = [sales(60), sales(60)[10:], sales(60)[:40]]
    _, _, times = joined(windows, tables)
    alone = [windows(table, ["sold"], ["sold"], 3, 2)[2] for table in tables]
    rows = {
        "site by site": np.arange(len(times)),
        "sorted by time": np.argsort(times["today"].to_numpy(), kind="stable"),
        "shuffled": np.random.default_rng(0).permutation(len(times)),
    }[order]
    times = times.iloc[rows]
    starts = ["2024-03-10", "2024-03-20"]
    for place, parts in enumerate(rolling_origins(times, starts)):
        each = [rolling_origins(site, starts)[place] for site in alone]
        for part, of_sites in zip(parts, zip(*each, strict=True), strict=True):
            wanted = [day for site, rows in zip(alone, of_sites, strict=True) for day in site["today"][rows]]
            assert sorted(times["today"].iloc[part]) == sorted(wanted)


def test_each_window_is_tested_once_at_most_and_the_last_part_goes_to_the_end(windows, rolling_origins):
    _, _, times = windows(sales(60), ["sold"], ["sold"], 3, 2)
    parts = rolling_origins(times, pd.date_range("2024-03-05", periods=3, freq="14D"))
    tested = np.concatenate([test for _, test in parts])
    assert len(set(tested)) == len(tested)
    assert tested[-1] == len(times) - 1
    assert all(len(first) < len(second) for (first, _), (second, _) in pairwise(parts))


LATE_AND_EARLY = {
    "before the first day": "2024-01-01",
    "the first day": "2024-02-20",
    "before a window is over": "2024-02-24",
    "after the last day": "2025-01-01",
    "the last target is the day before": "2024-04-20",
}


@pytest.mark.parametrize("start", LATE_AND_EARLY.values(), ids=LATE_AND_EARLY)
def test_an_origin_with_an_empty_part_is_refused_by_name(windows, rolling_origins, start):
    _, _, times = windows(sales(60), ["sold"], ["sold"], 3, 2)
    with pytest.raises(ValueError, match=rf"{start} 00:00:00: (0 windows to train|\d+ windows to train, 0 to test)"):
        rolling_origins(times, [start])


@pytest.mark.parametrize("starts", [["2024-03-20", "2024-03-10"], ["2024-03-10", "2024-03-10"], ["2024-03-10", None]])
def test_starts_rise(windows, rolling_origins, starts):
    _, _, times = windows(sales(60), ["sold"], ["sold"], 3, 2)
    with pytest.raises(ValueError, match="starts: times in rising order wanted, each once"):
        rolling_origins(times, starts)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
def test_starts_are_in_the_time_zone_of_the_series_or_in_their_own(windows, rolling_origins, zone):
    _, _, times = windows(sales(60, tz="Europe/Paris"), ["sold"], ["sold"], 3, 2)  # the clocks change on 31 March
    local = rolling_origins(times, ["2024-03-31", "2024-04-03"])
    start = pd.Timestamp("2024-03-31", tz="Europe/Paris")
    assert times["last"][local[0][0]].max() == pd.Timestamp("2024-03-30", tz="Europe/Paris")
    assert times["first"][local[1][1]].min() == pd.Timestamp("2024-04-03", tz="Europe/Paris")
    same = pd.DatetimeIndex([start, start + pd.Timedelta("71h")]).tz_convert(zone)
    for pair, other in zip(local, rolling_origins(times, same), strict=True):
        for one, two in zip(pair, other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("freq", ["MS", "ME", "B", "W-MON", "h"])
def test_other_spacings_are_split_by_their_own_times(windows, rolling_origins, freq):
    table = sales(60, freq)
    _, _, times = windows(table, ["sold"], ["sold"], 3, 2, freq)
    train, test = rolling_origins(times, [table.index[30]])[0]
    assert times["last"].iloc[train[-1]] == table.index[29]
    assert times["first"].iloc[test[0]] == table.index[30]
