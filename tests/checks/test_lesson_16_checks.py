"""The checks of exercise 16: right answers of unusual form pass, and wrong ones without a formula hear why not."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from checking import outcome, refused
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

# --- 16.1


def by_pandas(cells, names):
    codes = pd.Categorical(cells, categories=names).codes
    return pd.Series(codes).clip(lower=0), pd.Series((codes >= 0) * 1.0)


def filled_with_the_last(cells, names):
    targets = [names.index(cell) if isinstance(cell, str) else len(names) - 1 for cell in cells]
    return targets, [isinstance(cell, str) for cell in cells]


def as_tensors(cells, names):
    return tuple(map(tf.constant, filled_with_the_last(cells, names)))


@pytest.mark.parametrize("function", [by_pandas, filled_with_the_last, as_tensors])
def test_targets_of_any_form_and_any_valid_filler(function):
    assert outcome("16.1", function) == ("correct", "")


def coded(cells, names, filler):
    targets, weights = filled_with_the_last(cells, names)
    return np.where(weights, np.array(targets, float), filler), weights


WRONG_TARGETS = {
    "NaN": (lambda cells, names: coded(cells, names, np.nan), "the targets still hold NaN"),
    "-1": (lambda cells, names: coded(cells, names, -1), "a gap is filled with -1, and with 2 classes a target is"),
    "a class of its own": (lambda cells, names: coded(cells, names, len(names)), "a gap is filled with 2"),
    "one": (lambda cells, names: filled_with_the_last(cells, names)[0], "should return targets, weights"),
    "dropped": (
        lambda cells, names: filled_with_the_last([cell for cell in cells if isinstance(cell, str)], names),
        "the targets have 4 rows of 6: keep the rows with gaps",
    ),
    "one-hot": (
        lambda cells, names: (np.eye(len(names))[filled_with_the_last(cells, names)[0]], np.ones(len(cells))),
        "the targets should have shape (6,)",
    ),
    "a list that was changed": (lambda cells, names: (cells.reverse(), names), "your function changes `cells` itself"),
    "names": (lambda cells, names: (["no"] * len(cells), np.ones(len(cells))), "the targets should hold numbers"),
    "half a weight": (
        lambda cells, names: (filled_with_the_last(cells, names)[0], [0.5 * isinstance(c, str) for c in cells]),
        "the weight should be 1, and yours is 0.5",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_TARGETS.values(), ids=WRONG_TARGETS)
def test_wrong_targets(answer, words):
    refused("16.1", answer, words)


# --- 16.2


def by_sklearn(train, rows):
    scaler = StandardScaler().fit(train)
    return np.hstack(
        [SimpleImputer(strategy="constant", fill_value=0).fit(train).transform(scaler.transform(rows)), np.isnan(rows)]
    )


def by_loops(train, rows):
    result = np.zeros((len(rows), 2 * rows.shape[1]))
    for k, (column, known) in enumerate(zip(rows.T, train.T, strict=True)):
        known = known[~np.isnan(known)]
        for row, number in enumerate(column):
            if np.isnan(number):
                result[row, rows.shape[1] + k] = 1
            else:
                result[row, k] = (number - known.mean()) / (known.std() or 1)
    return result.tolist()


def in_32_bits(train, rows):
    return tf.constant(by_sklearn(train, rows), tf.float32)


@pytest.mark.parametrize("function", [by_sklearn, by_loops, in_32_bits])
def test_numbers_prepared_in_another_way(function):
    assert outcome("16.2", function) == ("correct", "")


WRONG_NUMBERS = {
    "no flags": (lambda t, r: by_sklearn(t, r)[:, : r.shape[1]], "the flags of the gaps are missing"),
    "plain mean": (lambda t, r: np.hstack([(r - t.mean(axis=0)) / t.std(axis=0), np.isnan(r)]), "the result holds NaN"),
    "gaps left": (
        lambda t, r: np.hstack([(r - np.nanmean(t, axis=0)) / np.nanstd(t, axis=0), np.isnan(r)]),
        "the result holds NaN",
    ),
    "in place": (lambda t, r: np.nan_to_num(r, copy=False), "your function changes `rows` itself"),
    "a constant column": (
        lambda t, r: np.hstack(
            [np.where(np.isnan(r), 0, (r - np.nanmean(t, axis=0)) / np.nanstd(t, axis=0)), np.isnan(r)]
        ),
        "a column that is constant in `train` has the standard deviation 0: divide it by 1 instead",
    ),
    "nearly by 0": (
        lambda t, r: np.hstack(
            [np.nan_to_num((r - np.nanmean(t, axis=0)) / (np.nanstd(t, axis=0) + 1e-9)), np.isnan(r)]
        ),
        "the result at index",
    ),
    "of all cells": (
        lambda t, r: np.hstack([np.nan_to_num((r - np.nanmean(t)) / np.nanstd(t)), np.isnan(r)]),
        "the result at index",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_NUMBERS.values(), ids=WRONG_NUMBERS)
def test_wrong_numbers(answer, words):
    refused("16.2", answer, words)


# --- 16.3


def by_hand(first, second):
    numbers = [
        a - b
        for one, other in zip(first.tolist(), second.tolist(), strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)
    return [mean, (variance * (1 / len(numbers) + 1 / (first.shape[1] - 1))) ** 0.5]


def by_pandas_frame(first, second):
    each = pd.DataFrame(first - second).stack()
    test = 1 / first.shape[1]
    return each.mean(), each.std() * np.sqrt(1 / len(each) + test / (1 - test))


@pytest.mark.parametrize("function", [by_hand, by_pandas_frame])
def test_a_difference_however_it_is_computed(function):
    assert outcome("16.3", function) == ("correct", "")


WRONG_DIFFERENCES = {
    "the mean alone": (lambda a, b: (a - b).mean(), "should be a pair"),
    "for each fold": (lambda a, b: (a - b, by_hand(a, b)[1]), "part 0 of the result should be one number"),
    "absolute": (lambda a, b: (np.abs(a - b).mean(), by_hand(a, b)[1]), "part 0 of the result should be 0.6667"),
    "without its sign": (
        lambda a, b: (abs(by_hand(a, b)[0]), by_hand(a, b)[1]),
        "the mean difference has lost its sign",
    ),
    "a half": (lambda a, b: (by_hand(a, b)[0], by_hand(a, b)[1] / 2), "part 1 of the result should be"),
    "rounded": (lambda a, b: np.round(by_hand(a, b), 2).tolist(), "rounded to 2 decimals"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_DIFFERENCES.values(), ids=WRONG_DIFFERENCES)
def test_wrong_differences(answer, words):
    refused("16.3", answer, words)


# --- 16.4


def rows_one_by_one(predictions, names, mean, std):
    found = []
    for kind, ill, weight in zip(predictions["kind"], predictions["ill"], predictions["weight"], strict=True):
        name = max(zip(kind, names, strict=True))[1]
        found.append({"weight": weight[0] * std + mean, "ill": ill[0] > 0.5, "kind": np.str_(name)})
    return tuple(found)


def by_frame(predictions, names, mean, std):
    frame = pd.DataFrame({"kind": np.array(names)[predictions["kind"].argmax(axis=1)]})
    frame["ill"], frame["weight"] = predictions["ill"] > 0.5, mean + std * predictions["weight"]
    return frame.to_dict("records")


@pytest.mark.parametrize("function", [rows_one_by_one, by_frame])
def test_answers_made_in_another_way(function):
    assert outcome("16.4", function) == ("correct", "")


def with_part(name, change):
    return lambda *given: [row | {name: change(row[name])} for row in by_frame(*given)]


WRONG_ANSWERS = {
    "a table": (lambda *given: pd.DataFrame(by_frame(*given)), "should be a list of dictionaries, one for each row"),
    "a dictionary": (lambda *given: by_frame(*given)[0], "should be a list of dictionaries, one for each row"),
    "a row too few": (lambda *given: by_frame(*given)[1:], "should have 3 dictionaries, and yours has 2"),
    "another key": (lambda *given: [{"type": row["kind"]} for row in by_frame(*given)], "the keys of a row"),
    "a place": (with_part("kind", len), "the kind should be a name, one of ['dog', 'cat', 'ox']"),
    "a probability": (with_part("ill", float), "ill should be True or False"),
    "text": (with_part("ill", lambda ill: "yes" if ill else "no"), "ill should be True or False"),
    "a column": (with_part("weight", lambda weight: np.array([weight])), "take the number out of its column"),
    "with its unit": (with_part("weight", "{} kg".format), "the weight should be a number"),
    "in grams": (with_part("weight", lambda weight: 1000 * weight), "weight should be 32.0, and yours is 32000.0"),
    "one half": (
        lambda *given: [
            row | {"ill": bool(p >= 0.5)} for row, p in zip(by_frame(*given), given[0]["ill"][:, 0], strict=True)
        ],
        "ill is True for a probability of exactly 0.5: yes is from more than one half",
    ),
    "a low threshold": (
        lambda *given: [
            row | {"ill": bool(p > 0.2)} for row, p in zip(by_frame(*given), given[0]["ill"][:, 0], strict=True)
        ],
        "where the head `ill` gives [0.3], ill should be False",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_wrong_answers(answer, words):
    refused("16.4", answer, words)
