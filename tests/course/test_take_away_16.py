"""What lesson 16 gives to copy works alone, on another table, and says what is wrong with a column."""

import datetime
import json
import re
from pathlib import Path

import jupytext
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from palmerpenguins import load_penguins_raw
from take_away import take_away


@pytest.fixture(scope="module")
def names():
    return take_away("16_your_table")


@pytest.fixture(scope="module")
def heads_for(names):
    return names["heads_for"]


def patients(rows=120):
    """A table with the faults of real ones: gaps of all sorts, numbers as text, odd names and an odd index."""
    rng = np.random.default_rng(0)
    fever = rng.normal(38, 1, rows)
    cough = fever + rng.normal(0, 0.3, rows) > 38
    frame = pd.DataFrame({"fever / °C": [f" {number:.1f} " for number in fever], "cough (y/n)": cough.astype(object)})
    frame.loc[[3, 8], "fever / °C"] = ["NA", None]
    frame.loc[[0, 5], "cough (y/n)"] = None
    wards = pd.Categorical(
        np.where(fever > 39, "north", np.where(fever > 37, "south", "east")), [*"abc", "north", "south", "east"]
    )
    frame["ward"] = wards
    frame["visits"] = [str(number) for number in rng.integers(1, 4, rows)]
    frame["fever"] = fever
    return frame.set_index(np.arange(rows)[::-1] * 7 + 1000)


TARGETS = ["fever / °C", "cough (y/n)", "ward", "visits"]


def test_kinds_and_values_of_another_table(heads_for):
    heads = heads_for(patients(), TARGETS)
    kinds = {head: (column, kind) for head, (column, kind, _) in heads.columns.items()}
    assert kinds == {
        "fever_C": ("fever / °C", "number"),
        "cough_y_n": ("cough (y/n)", "yes/no"),
        "ward": ("ward", "class"),
        "visits": ("visits", "class"),
    }
    assert [*heads.columns["ward"][2]] == ["east", "north", "south"]  # no class for a category that no row has
    assert heads.columns["visits"][2] == {"1": "1", "2": "2", "3": "3"}
    assert [int((weights == 0).sum()) for weights in heads.weights.values()] == [2, 2, 0, 0]
    assert all(np.isfinite(target).all() and len(target) == 120 for target in heads.targets.values())
    known = heads.weights["fever_C"] > 0
    np.testing.assert_allclose(heads.targets["fever_C"][known].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(heads.targets["fever_C"][known].std(), 1, atol=1e-5)


def test_a_model_is_trained_saved_and_answers_with_names_and_units(heads_for, tmp_path):
    frame = patients()
    train, test = frame.iloc[:90], frame.iloc[90:]
    heads = heads_for(train, TARGETS)
    keras.utils.set_random_seed(0)
    trunk = keras.layers.Dense(16, activation="relu")(inputs := keras.Input((1,)))
    model = keras.Model(inputs, heads.outputs(trunk))
    model.compile(keras.optimizers.Adam(0.02), heads.losses, weighted_metrics=heads.metrics)
    x = train[["fever"]].to_numpy() - 38
    tiled = [{name: np.tile(values, 40) for name, values in part.items()} for part in (heads.targets, heads.weights)]
    model.fit(np.tile(x, (40, 1)), tiled[0], sample_weight=tiled[1], verbose=0)
    targets, weights = heads.encode(test)
    scores = model.evaluate(
        test[["fever"]].to_numpy() - 38, targets, sample_weight=weights, verbose=0, return_dict=True
    )
    assert np.isfinite(list(scores.values())).all()
    model.save(tmp_path / "patients.keras")
    loaded = keras.models.load_model(tmp_path / "patients.keras")
    answers = heads.answers(loaded.predict(test[["fever"]].to_numpy() - 38, verbose=0), test.index)
    assert (answers.index == test.index).all()
    assert np.mean(answers["cough (y/n)"] == test["cough (y/n)"]) > 0.6
    assert np.mean(np.abs(answers["fever / °C"] - test["fever"])) < 0.5 * test["fever"].std()
    assert set(answers["ward"]) <= {"east", "north", "south"}
    assert answers["p of ward"].between(1 / 3, 1).all()


def test_the_full_table_of_the_penguins(heads_for):
    frame = load_penguins_raw().sample(frac=1, random_state=0)
    heads = heads_for(frame, ["Species", "Sex", "Clutch Completion", "Delta 15 N (o/oo)"])
    assert [*heads.columns] == ["Species", "Sex", "Clutch_Completion", "Delta_15_N_o_oo"]
    assert [int(weights.sum()) for weights in heads.weights.values()] == [344, 333, 344, 330]
    with pytest.raises(
        ValueError, match="'Individual ID': 190 classes, from 'N100A1' to 'N9A2', for 344 rows: at most"
    ):
        heads_for(frame, ["Individual ID"])


FITS = {
    "booleans with None": ([True, None, False] * 4, "yes/no", {"False": False, "True": True}),
    "pandas's booleans": (
        pd.array([True, pd.NA, False] * 4, dtype="boolean"),
        "yes/no",
        {"False": False, "True": True},
    ),
    "integers with gaps": (pd.array([1, 2, pd.NA] * 4, dtype="Int64"), "yes/no", {"1": 1, "2": 2}),
    "floats that are labels": ([0.0, 1.0, np.nan] * 4, "yes/no", {"0": 0.0, "1": 1.0}),
    "NumPy's integers": (np.array([0, 2, 10] * 4, "int16"), "class", {"0": 0, "2": 2, "10": 10}),
    "numbers and their text": (["1", 1, 2.0, "3", "NA"] * 4, "class", {"1": 1, "2": 2.0, "3": "3"}),
    "numbers and text": ([1, "a", 2.5] * 4, "class", {"1": 1, "2.5": 2.5, "a": "a"}),
    "one class once": (["a"] * 9 + ["b"] * 9 + ["c"], "class", {"a": "a", "b": "b", "c": "c"}),
    "text with spaces": (["yes ", " no", "yes", "?"] * 4, "yes/no", {"no": "no", "yes": "yes"}),
    "words for gaps": (
        ["yes", "no", "n/a", "NA", "-", "Null", "#N/A", "None"] * 4,
        "yes/no",
        {"no": "no", "yes": "yes"},
    ),
    "a class called none": (["none", "crack", "dent"] * 4, "class", {k: k for k in ["crack", "dent", "none"]}),
    "years": ([2007, 2008, 2009] * 4, "class", {"2007": 2007, "2008": 2008, "2009": 2009}),
    "versions": (["1.0.10", "1.0.12", "1.2.10"] * 4, "class", {k: k for k in ["1.0.10", "1.0.12", "1.2.10"]}),
    "counts that never come again": (list(range(9)), "number", None),
    "counts as text": ([str(k) for k in range(9)], "number", None),
    "halves": ([0.5, 1, 1.5] * 9, "number", None),
    "very small and very large numbers": ([-1e-20, 2e30, 1e-7, 12345678901234567890] * 3, "number", None),
}


@pytest.mark.parametrize(("column", "kind", "values"), FITS.values(), ids=FITS)
def test_a_column_becomes_the_kind_that_fits(heads_for, column, kind, values):
    heads = heads_for(pd.DataFrame({"x": column}), ["x"])
    _, found, known = heads.columns["x"]
    assert found == kind
    if values is not None:
        assert [*known.items()] == [*values.items()]
        assert [*map(type, known.values())] == [*map(type, values.values())]
    assert np.isfinite(heads.targets["x"]).all()


@pytest.mark.parametrize(
    "column", [[1, 3, 2] * 4, [True, False] * 6, ["1", "2", "3"] * 4, ["b", "a"] * 6, [1.5, 2.5] * 6]
)
def test_answers_are_values_of_the_column(heads_for, column):
    heads = heads_for(pd.DataFrame({"x": column}), ["x"], kinds={"x": "class"})
    certain = np.eye(len(set(column)))[heads.targets["x"]]
    answers = heads.answers({"x": certain})["x"]
    assert answers.tolist() == column
    assert answers.dtype == pd.Series(column).dtype


def test_heads_are_kept_as_text_and_made_again_without_the_table(names, heads_for):
    frame = patients()
    heads = heads_for(frame, TARGETS)
    again = names["Heads"](json.loads(json.dumps(heads.columns)))
    assert again.targets is None
    assert [*again.losses] == [*heads.losses]
    for one, other in zip(heads.encode(frame), again.encode(frame), strict=True):
        assert all(np.array_equal(one[head], other[head]) for head in heads.columns)
    predictions = {"fever_C": np.ones((1, 1)), "cough_y_n": [[0.9]], "ward": [[0.2, 0.7, 0.1]], "visits": np.eye(3)[:1]}
    assert again.answers(predictions).equals(heads.answers(predictions))
    assert again.answers(predictions)["ward"].tolist() == ["north"]


def test_names_without_latin_letters_get_heads_of_their_own(heads_for):
    heads = heads_for(pd.DataFrame({"Ä": [1, 2] * 4, "Ö": ["x", "y"] * 4}), ["Ä", "Ö"])
    assert [*heads.columns] == ["head_0", "head_1"]


def test_a_kind_that_is_given(heads_for):
    frame = pd.DataFrame({"year": [2007, 2008, 2009] * 4, "day": [1.5, 2.5] * 6})
    heads = heads_for(frame, ["year", "day"], kinds={"year": "number", "day": "class"})
    assert [kind for _, kind, _ in heads.columns.values()] == ["number", "class"]
    assert heads.columns["day"][2] == {"1.5": 1.5, "2.5": 2.5}


def test_many_classes_when_the_kind_is_given(heads_for):
    cities = pd.DataFrame({"city": [f"city {k}" for k in range(25)] * 3})
    with pytest.raises(
        ValueError, match="25 classes, from 'city 0' to 'city 9', for 75 rows: at most 20, or by `kinds`"
    ):
        heads_for(cities, ["city"])
    assert len(heads_for(cities, ["city"], kinds={"city": "class"}).columns["city"][2]) == 25
    with pytest.raises(ValueError, match=r"25 classes, .* for 26 rows"):
        heads_for(cities[:26], ["city"], kinds={"city": "class"})


REFUSED = {
    "constant": ([1.5] * 9, ValueError, r"'x': always \['1.5'\]"),
    "constant but for gaps": (["a", None, "NA"] * 3, ValueError, r"'x': always \['a'\]; if a gap means no, fill it"),
    "empty": ([None, np.nan, ""] * 3, ValueError, "'x': always missing"),
    "names": ([f"bird {k}" for k in range(40)], ValueError, "40 classes, from 'bird 0' to 'bird 9', for 40 rows"),
    "a stray text": ([*map(str, np.arange(39) / 2), "unknown"], ValueError, "to 'unknown', for 40 rows"),
    "decimal commas": ([f"{k},5" for k in range(30)], ValueError, "30 classes, from '0,5'"),
    "a date": (pd.date_range("2026-01-01", periods=9), TypeError, "'x': datetime given; make a number of it first"),
    "dates as objects": ([datetime.date(2026, 1, k) for k in range(1, 9)], TypeError, "'x': date given"),
    "a duration": (pd.to_timedelta(range(9), unit="D"), TypeError, "'x': timedelta given"),
    "lists": ([[1, 2], [3]] * 4, TypeError, "'x': a list in a cell"),
    "dates as text": (["2026-11-03", "2026-11-04T10:00", None] * 4, TypeError, "'x': date as text given"),
    "dates as others write them": (["3.11.2026", "24/12/2026"] * 4, TypeError, "'x': date as text given"),
    "infinity": ([1, np.inf, 2.5], ValueError, "3 classes, from '1' to 'inf'"),
}


@pytest.mark.parametrize(("column", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_a_column_that_is_no_target_is_refused(heads_for, column, error, words):
    with pytest.raises(error, match=words):
        heads_for(pd.DataFrame({"x": column}), ["x"])


def test_wrong_arguments_are_named(heads_for):
    frame = pd.DataFrame({"a b": [1, 2] * 4, "a/b": [1, 2] * 4, "c": list("xyz") * 2 + ["x", "y"]})
    with pytest.raises(KeyError, match=r"'age': one column of this name wanted, among \['a b', 'a/b', 'c'\]"):
        heads_for(frame, ["age"])
    with pytest.raises(KeyError, match="'c': one column of this name"):
        heads_for(pd.concat([frame, frame], axis=1), ["c"])
    with pytest.raises(ValueError, match="'a/b': another column has the head 'a_b'"):
        heads_for(frame, ["a b", "a/b"])
    for arguments in [(frame, "c"), (frame.to_numpy(), ["c"]), (frame, []), (frame, ["c"], {"d": "number"})]:
        with pytest.raises(TypeError, match="A DataFrame, a list of columns, and kinds"):
            heads_for(*arguments)
    for kind in ["yes/no", "klass"]:
        with pytest.raises(ValueError, match=f"'c': '{kind}' given, and there are"):
            heads_for(frame, ["c"], {"c": kind})


@pytest.mark.parametrize("bad", ["-1,5", "1.5 €", "*", "inf"])
def test_cells_that_are_no_numbers_are_named_and_no_others(heads_for, bad):
    frame = pd.DataFrame({"x": ["0.0", "1.5", bad, None, "1e-3"]})
    words = re.escape(f"'x': ['{bad}'] in 1 of 5 rows; numbers such as 1.5 wanted")
    with pytest.raises(ValueError, match=words):
        heads_for(frame, ["x"], kinds={"x": "number"})
    heads = heads_for(frame.drop(2), ["x"], kinds={"x": "number"})
    with pytest.raises(ValueError, match=words):
        heads.encode(frame)


def test_rows_that_do_not_fit_the_training_part_are_refused(heads_for):
    heads = heads_for(pd.DataFrame({"c": ["x", "y", "z"] * 4, "n": np.arange(12) / 8}), ["c", "n"])
    with pytest.raises(ValueError, match=r"'c': \['new'\] in 1 of 2 rows; some of \['x', 'y', 'z'\] \(or None, or"):
        heads.encode(pd.DataFrame({"c": ["x", "new"], "n": [1, 2]}))
    with pytest.raises(ValueError, match=r"'n': \['high'\] in 1 of 2 rows; numbers such as 1.5 wanted"):
        heads.encode(pd.DataFrame({"c": ["x", "y"], "n": [1, "high"]}))
    with pytest.raises(KeyError, match="'n': one column of this name"):
        heads.encode(pd.DataFrame({"c": ["x", "y"]}))


def test_new_rows_without_any_label(heads_for):
    heads = heads_for(pd.DataFrame({"c": ["x", "y", "z"] * 4, "n": np.arange(12) / 8}), ["c", "n"])
    targets, weights = heads.encode(pd.DataFrame({"c": [None, None], "n": [None, np.nan]}))
    assert all((weight == 0).all() for weight in weights.values())
    assert all(np.isfinite(target).all() for target in targets.values())


def test_its_own_example(names):
    assert names["heads"].weights["cough_y_n"].tolist() == [1, 0, 1, 1] * 3
    assert names["heads"].weights["fever"].tolist() == [1, 1, 0, 1] * 3


def lesson_cells():
    lesson = Path(__file__).resolve().parents[2] / "source" / "lessons" / "16_your_table.py"
    return jupytext.read(lesson, fmt="py:percent").cells


def flats(rows, seed):
    """Another table: four measures, one constant, integers with gaps, numbers as categories, and gaps in all."""
    rng = np.random.default_rng(seed)
    size = rng.normal(70, 20, rows)
    frame = pd.DataFrame({"size": size, "lift": 1.1, "age": pd.array(rng.integers(0, 90, rows), dtype="Int64")})
    frame["rooms"] = [None if k == 3 else f"{k}" for k in rng.integers(1, 6, rows)]
    frame["rooms"] = frame["rooms"].astype(object)
    frame["island"] = pd.Categorical(rng.integers(1, 4, rows))
    frame.loc[::7, ["size", "age", "island"]] = None
    frame["price"], frame["sold"] = 3000 * size, pd.array(size > 70, dtype="boolean")
    return frame.sample(frac=1, random_state=0)


def test_from_raw_rows_of_another_table_to_answers(names, heads_for, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train, new = flats(200, 0), flats(30, 1).assign(lift=2.0)
    scope = {"keras": keras, "np": np, "tf": tf, "heads_for": heads_for, "train": train, "new": new}
    scope |= {"MEASURES": ["size", "lift", "age", "rooms"], "targets": ["price", "sold"]}
    prepare = next(cell.source for cell in lesson_cells() if "def prepare(" in cell.source)
    exec(prepare.rpartition("\n")[0], scope)
    block = next(cell.source for cell in lesson_cells() if cell.source.startswith("## Take this with you"))
    keras.utils.set_random_seed(0)
    exec(re.search("```python\n(.*?)```", block, re.DOTALL)[1], scope)
    answers, numbers = scope["answers"], scope["step"](scope["raw"](new)).numpy()
    assert numbers.shape == (30, 4 + 4 + 1 + 3)
    assert np.abs(numbers).max() < 10
    assert (answers.index == new.index).all()
    assert (answers["sold"] == new["sold"]).mean() > 0.7
    assert np.abs(answers["price"] - new["price"]).mean() < 200_000


def test_a_gap_and_a_new_word_are_prepared_alike(names):
    scope = {"keras": keras, "np": np, "tf": tf, "MEASURES": ["size"]}
    prepare = next(cell.source for cell in lesson_cells() if "def prepare(" in cell.source)
    exec(prepare.rpartition("\n")[0], scope)
    train = pd.DataFrame({"size": [1.0, 2, 3], "island": ["north ", "south", None]})
    rows = pd.DataFrame({"size": [1.0] * 4, "island": [None, "east", "north", " north"]})
    words = scope["prepare"](train)(scope["raw"](rows)).numpy()[:, 2:]
    assert words[:2].tolist() == [[1, 0, 0]] * 2
    assert words[2].tolist() == words[3].tolist() != words[0].tolist()
