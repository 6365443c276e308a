"""What lesson 16 gives to copy works alone, on another table, and says what is wrong with a column."""

import datetime

import keras
import numpy as np
import pandas as pd
import pytest
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
    assert heads.columns["ward"][2] == ["east", "north", "south"]  # no class for a category that no row has
    assert heads.columns["visits"][2] == ["1", "2", "3"]
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
    assert np.mean(answers["cough (y/n)"] == test["cough (y/n)"].astype(str)) > 0.6
    assert np.mean(np.abs(answers["fever / °C"] - test["fever"])) < 0.5 * test["fever"].std()
    assert set(answers["ward"]) <= {"east", "north", "south"}
    assert answers["p of ward"].between(1 / 3, 1).all()


def test_the_full_table_of_the_penguins(heads_for):
    frame = load_penguins_raw().sample(frac=1, random_state=0)
    heads = heads_for(frame, ["Species", "Sex", "Clutch Completion", "Delta 15 N (o/oo)"])
    assert [*heads.columns] == ["Species", "Sex", "Clutch_Completion", "Delta_15_N_o_oo"]
    assert [int(weights.sum()) for weights in heads.weights.values()] == [344, 333, 344, 330]
    with pytest.raises(
        ValueError, match="'Individual ID': 190 classes, from 'N100A1' to 'N9A2', are too many for 344 rows"
    ):
        heads_for(frame, ["Individual ID"])


FITS = {
    "booleans with None": ([True, None, False] * 4, "yes/no", ["False", "True"]),
    "pandas's booleans": (pd.array([True, pd.NA, False] * 4, dtype="boolean"), "yes/no", ["False", "True"]),
    "integers with gaps": (pd.array([1, 2, pd.NA] * 4, dtype="Int64"), "yes/no", ["1", "2"]),
    "floats that are labels": ([0.0, 1.0, np.nan] * 4, "yes/no", ["0", "1"]),
    "numbers and their text": (["1", 1, 2.0, "3", "NA"] * 4, "class", ["1", "2", "3"]),
    "numbers and text": ([1, "a", 2.5] * 4, "class", ["1", "2.5", "a"]),
    "one class once": (["a"] * 9 + ["b"] * 9 + ["c"], "class", ["a", "b", "c"]),
    "text with spaces": (["yes ", " no", "yes", "?"] * 4, "yes/no", ["no", "yes"]),
    "a class called none": (["none", "crack", "dent"] * 4, "class", ["crack", "dent", "none"]),
    "years": ([2007, 2008, 2009] * 4, "class", ["2007", "2008", "2009"]),
    "counts that never come again": (list(range(9)), "number", None),
    "halves": ([0.5, 1, 1.5] * 9, "number", None),
}


@pytest.mark.parametrize(("column", "kind", "values"), FITS.values(), ids=FITS)
def test_a_column_becomes_the_kind_that_fits(heads_for, column, kind, values):
    heads = heads_for(pd.DataFrame({"x": column}), ["x"])
    _, found, known = heads.columns["x"]
    assert found == kind
    assert values is None or known == values
    assert np.isfinite(heads.targets["x"]).all()


def test_a_kind_that_is_given(heads_for):
    frame = pd.DataFrame({"year": [2007, 2008, 2009] * 4, "day": [1.5, 2.5] * 6})
    heads = heads_for(frame, ["year", "day"], kinds={"year": "number", "day": "class"})
    assert [kind for _, kind, _ in heads.columns.values()] == ["number", "class"]
    assert heads.columns["day"][2] == ["1.5", "2.5"]


REFUSED = {
    "constant": ([1.5] * 9, ValueError, "'x': always 1.5"),
    "constant but for gaps": (["a", None, "NA"] * 3, ValueError, "'x': always 'a'"),
    "empty": ([None, np.nan, ""] * 3, ValueError, "'x': all missing"),
    "names": ([f"bird {k}" for k in range(40)], ValueError, "40 classes, from 'bird 0' to 'bird 9', are too many"),
    "a stray text": ([*map(str, np.arange(39) / 2), "unknown"], ValueError, "to 'unknown', are too many for 40 rows"),
    "decimal commas": ([f"{k},5" for k in range(30)], ValueError, "30 classes, from '0,5'"),
    "a date": (pd.date_range("2026-01-01", periods=9), TypeError, "'x': datetime given; make a number of it first"),
    "dates as objects": ([datetime.date(2026, 1, k) for k in range(1, 9)], TypeError, "'x': date given"),
    "a duration": (pd.to_timedelta(range(9), unit="D"), TypeError, "'x': timedelta given"),
    "lists": ([[1, 2], [3]] * 4, TypeError, "'x': a list in a cell"),
    "infinity": ([1, np.inf, 2.5], ValueError, "'x': an infinite number"),
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
    for kind in ["number", "yes/no", "klass"]:
        with pytest.raises(ValueError, match=f"'c': '{kind}' given, and there are"):
            heads_for(frame, ["c"], {"c": kind})


def test_rows_that_do_not_fit_the_training_part_are_refused(heads_for):
    heads = heads_for(pd.DataFrame({"c": ["x", "y", "z"] * 4, "n": np.arange(12) / 8}), ["c", "n"])
    with pytest.raises(ValueError, match=r"'c': \['new'\] given, some of \['x', 'y', 'z'\] wanted"):
        heads.encode(pd.DataFrame({"c": ["x", "new"], "n": [1, 2]}))
    with pytest.raises(ValueError, match=r"'n': \['1', 'high'\] given, numbers wanted"):
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
