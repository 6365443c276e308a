"""What lesson 18 gives to copy works alone, on other series, and says what is wrong with a table."""

import numpy as np
import pandas as pd
import pytest
from take_away import take_away


@pytest.fixture(scope="module")
def windows():
    return take_away("18_your_series")["windows"]


def sales(rows=12, freq="D", **options):
    """A shop: prices, how many pieces were sold, whether there was a discount."""
    table = pd.DataFrame(index=pd.date_range("2024-02-20", periods=rows, freq=freq, **options))
    table["price"] = np.arange(rows) / 4
    table["sold"] = np.arange(rows) * 10
    table["discount"] = np.arange(rows) % 3 == 0
    return table


def test_inputs_end_today_and_targets_begin_tomorrow(windows):
    table = sales()
    x, y, today = windows(table, ["price", "discount"], ["sold", "discount"], steps=3, horizon=2)
    assert x.shape == (8, 3, 2)
    assert y["sold"].shape == y["discount"].shape == (8, 2)
    assert x.dtype == "float32"
    assert y["sold"].dtype == table["sold"].dtype
    for row, day in enumerate(today):
        known, later = table[:day], table[day:].iloc[1:]
        np.testing.assert_array_equal(x[row], known[["price", "discount"]].astype(float).tail(3))
        np.testing.assert_array_equal(y["sold"][row], later["sold"].head(2))
    assert today[-1] == table.index[-3]


def test_the_table_is_as_before_and_the_windows_are_copies(windows):
    table = sales()
    before = table.copy()
    x, y, _ = windows(table, ["sold"], ["sold"], 3, 2)
    x[:], y["sold"][:] = -1, -1
    pd.testing.assert_frame_equal(table, before)


def test_as_few_rows_as_one_window_needs(windows):
    x, y, today = windows(sales(5), ["sold"], ["price"], 3, 2)
    assert (x.shape, y["price"].shape, len(today)) == ((1, 3, 1), (1, 2), 1)


@pytest.mark.parametrize(
    ("freq", "zone"),
    [("D", None), ("D", "Europe/Paris"), ("h", "Europe/Paris"), ("15min", "UTC"), ("MS", None), ("B", None)],
)
def test_other_spacings_and_time_zones(windows, freq, zone):
    table = sales(1200, freq, tz=zone)
    _, y, today = windows(table, ["sold"], ["sold"], 24, 6, freq)
    assert today.tz == table.index.tz
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
    "two days missing": (lambda t: t.drop(t.index[[4, 7]]), ValueError, "gaps for freq='D': 2, first 2024-02-24"),
    "a shifted time": (
        lambda t: t.set_index(t.index.where(t.index.day != 25, t.index + pd.Timedelta("1h"))),
        ValueError,
        "gaps for freq='D': 2, first 2024-02-25",
    ),
    "hours called days": (lambda t: sales(freq="h"), ValueError, "gaps for freq='D'"),
    "no date": (lambda t: t.set_index(t.index.where(t.index.day != 25)), ValueError, "a row without a date"),
    "a number as index": (lambda t: t.reset_index(drop=True), TypeError, "made by pd.to_datetime"),
    "text as index": (lambda t: t.set_index(t.index.astype(str)), TypeError, "made by pd.to_datetime"),
    "an array": (lambda t: t.to_numpy(), TypeError, "a DataFrame wanted"),
    "a column": (lambda t: t["price"], TypeError, "a DataFrame wanted"),
    "too short": (lambda t: t.head(4), ValueError, "table: 4 rows for 3 steps and 2 ahead"),
    "empty": (lambda t: t.head(0), ValueError, "table: 0 rows"),
    "no such column": (lambda t: t.drop(columns="price"), ValueError, "one column 'price' wanted, not in ['sold'"),
    "two of a name": (lambda t: t.set_axis(["price", "price", "sold"], axis=1), ValueError, "one column 'price'"),
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


@pytest.mark.parametrize(("steps", "horizon"), [(0, 2), (3, 0), (-1, 2)])
def test_steps_and_horizon_begin_with_one(windows, steps, horizon):
    with pytest.raises(ValueError, match=f"12 rows for {steps} steps and {horizon} ahead"):
        windows(sales(), ["price"], ["sold"], steps, horizon)


@pytest.mark.parametrize(("inputs", "targets"), [("price", ["sold"]), (["price"], "sold")])
def test_a_name_is_no_list_of_names(windows, inputs, targets):
    with pytest.raises(TypeError, match="inputs, targets: lists of columns wanted"):
        windows(sales(), inputs, targets, 3, 2)


def test_its_own_example():
    names = take_away("18_your_series")
    assert names["x"].shape == (171, 24, 2)
    assert names["y"]["load"].shape == (171, 6)
