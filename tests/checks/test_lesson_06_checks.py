"""The checks of exercise 6: right answers pass, wrong ones hear why not."""

import re

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome, refused

# --- 6.1


def filled(labels, filler=0, **changes):
    """Fill and weigh as asked for; `changes` gives the targets or the weights of a head another function."""
    known = {"left": labels["left"] >= 0, "odd": ~np.isnan(labels["odd"])}
    targets = {name: np.where(known[name], labels[name], filler) for name in labels}
    weights = {name: known[name].astype("float32") for name in labels}
    for key, change in changes.items():
        part, name = key.split("_")
        parts = {"target": targets, "weight": weights}[part]
        parts[name] = change(labels[name], known[name])
    return targets, weights


def changed(**changes):
    return lambda labels: filled(labels, **changes)


def in_place(labels):
    weights = {"odd": np.isfinite(labels["odd"]), "left": labels["left"] != -1}
    labels["odd"][np.isnan(labels["odd"])] = 1
    labels["left"][labels["left"] == -1] = 9
    return labels, weights


def by_loops(labels):
    odd = [0.0 if value != value else value for value in labels["odd"].tolist()]
    left = [max(value, 0) for value in labels["left"].tolist()]
    weights = {"left": [int(v > -1) for v in labels["left"]], "odd": [v == v for v in labels["odd"]]}
    return [{name: np.array(part[name]) for name in part} for part in ({"left": left, "odd": odd}, weights)]


def by_keras(labels):
    odd = keras.ops.convert_to_tensor(labels["odd"])
    left = tf.constant(labels["left"])
    targets = {"left": keras.ops.maximum(left, 0), "odd": keras.ops.nan_to_num(odd)}
    weights = {"left": tf.cast(left >= 0, "float32"), "odd": tf.cast(tf.math.is_finite(odd), "float32")}
    return targets, weights


def as_columns(labels):
    return tuple({name: pandas.Series(values) for name, values in part.items()} for part in filled(labels))


def by_their_kind(labels):
    targets, weights = {}, {}
    for name, values in labels.items():
        known = values >= 0  # false for NaN
        targets[name], weights[name] = np.where(known, values, 1), np.float16(known)
    return targets, weights


def one_after_the_other(labels):
    yield from filled(labels)


RIGHT_FILLS = [filled, changed(filler=1), by_loops, by_keras, as_columns, by_their_kind, one_after_the_other]


@pytest.mark.parametrize("function", RIGHT_FILLS)
def test_gaps_however_they_are_filled(function):
    assert outcome("6.1", function) == ("correct", "")


def dropped(labels):
    both = (labels["left"] >= 0) & ~np.isnan(labels["odd"])
    kept = {name: values[both] for name, values in labels.items()}
    return kept, {name: np.ones(len(values)) for name, values in kept.items()}


def one_mask(labels):
    targets, weights = filled(labels)
    both = weights["left"] * weights["odd"]
    return targets, {"left": both, "odd": both}


def by_place(labels):
    left, odd = labels.values()
    return filled({"left": left, "odd": odd})


def by_place_in_the_result(labels):
    targets, weights = filled(labels)
    return dict(zip(labels, targets.values(), strict=True)), dict(zip(("left", "odd"), weights.values(), strict=True))


def other_values(labels):
    labels["odd"] = np.nan_to_num(labels["odd"])
    return filled(labels)[0], filled(labels)[1]


def emptied(labels):
    odd, left = labels.pop("odd"), labels.pop("left")
    return filled({"left": left, "odd": odd})


WRONG_FILLS = {
    "in place": (in_place, "your function changes `labels` itself"),
    "another array in the dictionary": (other_values, "your function changes `labels` itself"),
    "an emptied dictionary": (emptied, "your function changes `labels` itself"),
    "no copy": (changed(target_odd=lambda v, k: np.nan_to_num(v, copy=False)), "your function changes `labels` itself"),
    "by place": (by_place, "the labels may come in another order"),
    "weights by place": (by_place_in_the_result, "the labels may come in another order"),
    "the first fifty rows": (
        lambda labels: filled({name: values[:50] for name, values in labels.items()}),
        "the target left has 50 rows of 200",
    ),
    "text": (changed(target_left=lambda v, k: np.maximum(v, 0).astype(str)), "the target left should hold numbers"),
    "a column with gaps": (
        lambda labels: ({name: pandas.Series(values) for name, values in labels.items()}, filled(labels)[1]),
        "the target left still holds -1",
    ),
    "NaN left": (changed(target_odd=lambda v, k: v), "the target odd still holds NaN: fill the gaps"),
    "-1 left": (changed(target_left=lambda v, k: v), "the target left still holds -1"),
    "filled with -1": (changed(filler=-1), "the target left still holds -1"),
    "odd filled with -1": (
        changed(target_odd=lambda v, k: np.nan_to_num(v, nan=-1)),
        "the target odd is filled with -1, and its head can take 0 and 1 only",
    ),
    "the mean": (changed(target_odd=lambda v, k: np.where(k, v, 0.5)), "the target odd is filled with 0.5"),
    "an eleventh class": (changed(target_left=lambda v, k: np.where(k, v, 10)), "the target left is filled with 10"),
    "all filled": (changed(target_odd=lambda v, k: 0 * np.nan_to_num(v)), "the target odd changes labels"),
    "turned round": (changed(weight_odd=lambda v, k: (~k).astype(float)), "the weight of odd is 1 for the gaps"),
    "ones": (changed(weight_left=lambda v, k: np.ones(len(v))), "is not 0 for some rows without a label"),
    "zero as a gap": (changed(weight_odd=lambda v, k: (k & (v != 0)).astype(float)), "0 is a label and no gap"),
    "digit 0 as a gap": (changed(weight_left=lambda v, k: (v > 0).astype(float)), "the weight of left is not 1 where"),
    "not equal to NaN": (changed(weight_odd=lambda v, k: (v != np.nan).astype(float)), "the weight of odd is not 0"),
    "NaN as weight": (changed(weight_odd=lambda v, k: np.where(k, 1, np.nan)), "the weight of odd holds NaN"),
    "one mask for both": (one_mask, "is 0 where the other label is missing"),
    "share": (
        changed(weight_left=lambda v, k: k / max(1, k.sum())),
        "the weight of left is not 1 for some rows that have a label",
    ),
    "a weight as a column": (
        changed(weight_odd=lambda v, k: k[:, None].astype(float)),
        "the weight of odd should have shape (50,), and yours has (50, 1)",
    ),
    "a target as a column": (
        changed(target_odd=lambda v, k: np.nan_to_num(v)[:, None]),
        "the target odd should have shape (50,), and yours has (50, 1)",
    ),
    "one-hot": (
        changed(target_left=lambda v, k: np.eye(10)[np.maximum(v, 0)]),
        "the target left should have shape (50,), and yours has (50, 10)",
    ),
    "a list of weights": (changed(weight_left=lambda v, k: k.astype(float).tolist()), "the weight of left is a list"),
    "a list of targets": (changed(target_left=lambda v, k: np.maximum(v, 0).tolist()), "the target left is a list"),
    "one number": (changed(weight_left=lambda v, k: 1.0), "the weight of left should be an array"),
    "dropped": (dropped, "keep all rows, and give gaps the weight 0"),
    "targets only": (lambda labels: filled(labels)[0], "should return two dictionaries"),
    "swapped": (lambda labels: filled(labels)[::-1], "the target left changes labels that are known"),
    "one key": (lambda labels: ({"odd": filled(labels)[0]["odd"]}, filled(labels)[1]), "the keys of the targets"),
    "nothing": (lambda labels: None, "is a `return` missing?"),
    "a result": (({}, {}), "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_FILLS.values(), ids=WRONG_FILLS)
def test_wrong_fills(answer, words):
    refused("6.1", answer, words)


# --- 6.2


def repaired(report, **changes):
    """The repair asked for; `changes` gives a score another function of the report."""
    parts = {
        "loss": lambda r: r["loss"] / (r["labelled"] / r["rows"]),
        "accuracy": lambda r: (r["accuracy"] * r["rows"] - r["hidden_said_even"]) / r["labelled"],
    } | changes
    return {name: part(report) for name, part in parts.items()}


def repair_by(**changes):
    return lambda report: repaired(report, **changes)


def rounded_counts(report):
    right = round(report["accuracy"] * report["rows"]) - report["hidden_said_even"]
    loss = tf.constant(report["loss"]) * report["rows"] / report["labelled"]
    return {"accuracy": np.float32(right / report["labelled"]), "loss": loss}


def in_half_precision(report):
    return {name: np.float16(value) for name, value in repaired(report).items()}


def in_bfloat16(report):
    return {name: tf.cast(value, "bfloat16") for name, value in repaired(report).items()}


def by_keywords(report):
    def repair(*, rows, labelled, loss, accuracy, hidden_said_even):
        right = int(accuracy * rows + 0.5) - hidden_said_even
        return {"accuracy": right / labelled, "loss": np.array(loss / (labelled / rows))}

    return repair(**report)


@pytest.mark.parametrize("function", [repaired, rounded_counts, in_half_precision, in_bfloat16, by_keywords])
def test_a_report_however_it_is_repaired(function):
    state, message = outcome("6.2", function)
    assert state == "correct"
    assert "and the report gave" in message


def right_rows(report):
    return repaired(report)["accuracy"] * report["labelled"]


def repair_by_place(report):
    rows, labelled, loss, accuracy, even = report.values()
    return {"loss": loss * rows / labelled, "accuracy": (accuracy * rows - even) / labelled}


def popped(report):
    rows = report.pop("rows")
    return repaired(report | {"rows": rows})


WRONG_REPAIRS = {
    "whole rows in the end": (repair_by(accuracy=lambda r: int(right_rows(r)) / r["labelled"]), "so use `round`"),
    "one row more": (repair_by(accuracy=lambda r: (right_rows(r) + 1) / r["labelled"]), "on the labelled rows it is"),
    "four decimals": (repair_by(accuracy=lambda r: round(repaired(r)["accuracy"], 4)), "it is rounded to 4 decimals"),
    "loss in five decimals": (repair_by(loss=lambda r: round(repaired(r)["loss"], 5)), "it is rounded to 5 decimals"),
    "two digits": (repair_by(accuracy=lambda r: round(repaired(r)["accuracy"], 2)), "it is rounded to 2 decimals"),
    "loss in three digits": (repair_by(loss=lambda r: round(repaired(r)["loss"], 3)), "it is rounded to 3 decimals"),
    "by place": (repair_by_place, "take each value by its key"),
    "popped": (popped, "your function changes `report` itself"),
    "text": (repair_by(loss=lambda r: f"{repaired(r)['loss']:.4f}"), "loss should be a number, and yours is the text"),
    "nearly": (repair_by(loss=lambda r: 1.0003 * repaired(r)["loss"]), "and the mean over the labelled rows is"),
    "unchanged": (lambda r: {"loss": r["loss"], "accuracy": r["accuracy"]}, "which is the diluted one"),
    "the example": (lambda r: {"loss": 0.3, "accuracy": 0.88}, "and the mean over the labelled rows is"),
    "one score": (lambda r: {"loss": repaired(r)["loss"]}, "the keys of the result should be loss and accuracy"),
    "a tuple": (lambda r: tuple(repaired(r).values()), "should be a dict"),
    "another key": (lambda r: r["odd_loss"], "your function raised KeyError"),
    "nothing": (lambda r: None, "is a `return` missing?"),
}


def test_the_report_is_shown_with_four_digits():
    message = outcome("6.2", WRONG_REPAIRS["unchanged"][0])[1]
    shown = message.partition("{")[2].partition("}")[0]
    assert max(len(digits) for digits in re.findall(r"\d\.(\d+)", shown)) <= 4, message


def test_two_numbers_that_differ_do_not_look_alike():
    found, wanted = re.search(
        r"the loss ([\d.]+), and .* is ([\d.]+)", outcome("6.2", WRONG_REPAIRS["nearly"][0])[1]
    ).groups()
    assert found != wanted


@pytest.mark.parametrize(("answer", "words"), WRONG_REPAIRS.values(), ids=WRONG_REPAIRS)
def test_wrong_repairs(answer, words):
    refused("6.2", answer, words)


# --- 6.4


def averaged(right, keep):
    known = ~np.isnan(right)
    return np.average(right[known], weights=1 / keep[known])


def by_nansum(right, keep):
    return np.nansum(right / keep) / np.nansum(1 / keep)


def by_tensors(right, keep):
    weight = tf.math.reciprocal_no_nan(tf.where(tf.math.is_nan(keep), np.float64(0), keep))
    return tf.reduce_sum(weight * tf.where(weight > 0, right, np.float64(0))) / tf.reduce_sum(weight)


def by_loop(right, keep):
    pairs = [(r, 1 / p) for r, p in zip(right.tolist(), keep.tolist(), strict=True) if r == r]
    return sum(r * w for r, w in pairs) / sum(w for _, w in pairs)


def as_array_without_axes(right, keep):
    return np.array(averaged(right, keep))


def in_few_bits(right, keep):
    return np.float16(averaged(right, keep))


def in_fewer_bits(right, keep):
    return tf.cast(averaged(right, keep), "bfloat16")


def by_masked_arrays(right, keep):
    right, keep = np.ma.masked_invalid(right), np.ma.masked_invalid(keep)
    return float((right / keep).sum() / (1 / keep).sum())


RIGHT_ESTIMATES = [
    averaged,
    by_nansum,
    by_tensors,
    by_loop,
    as_array_without_axes,
    in_few_bits,
    in_fewer_bits,
    by_masked_arrays,
]


@pytest.mark.parametrize("function", RIGHT_ESTIMATES)
def test_an_estimate_however_it_is_made(function):
    state, message = outcome("6.4", function)
    assert state == "correct"
    assert "the labelled rows say" in message


def estimate_in_place(right, keep):
    keep[np.isnan(keep)] = np.inf
    return np.nansum(right / keep) / (1 / keep).sum()


WRONG_ESTIMATES = {
    "in place": (estimate_in_place, "your function changes `keep` itself"),
    "rounded": (lambda r, p: round(averaged(r, p), 3), "it is rounded to 3 decimals"),
    "four decimals": (lambda r, p: round(averaged(r, p), 4), "it is rounded to 4 decimals"),
    "always right": (lambda r, p: 1.0, "it gives 1, and the mean by 1/p is"),
    "without the last row": (lambda r, p: averaged(r[:-1], p[:-1]) if len(r) > 1 else np.nan, "the mean by 1/p is"),
    "NaN for one row": (lambda r, p: averaged(r, p) if len(r) > 1 else np.nan, "for 1 labelled rows of 1 it gives nan"),
    "two classes": (
        lambda r, p: np.average(r[p > 0], weights=np.where(p[p > 0] > 0.5, 1, 4)),
        "the mean by 1/p is",
    ),
    "text": (lambda r, p: str(averaged(r, p)), "the estimate should be a number, and yours is the text"),
    "NaN": (lambda r, p: (r / p).sum() / (1 / p).sum(), "the result is NaN: take out the rows without a label"),
    "an array of one": (lambda r, p: averaged(r, p)[None], "the estimate should be one number"),
    "each": (lambda r, p: r[~np.isnan(r)] / p[~np.isnan(r)], "the estimate should be one number"),
    "one argument": (lambda r: np.nanmean(r), "your function raised TypeError"),
    "nothing": (lambda r, p: None, "is a `return` missing?"),
    "a number": (0.9, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ESTIMATES.values(), ids=WRONG_ESTIMATES)
def test_wrong_estimates(answer, words):
    refused("6.4", answer, words)


# --- 6.5


def weighed(known, shape):
    shape = (*shape, 1) if known.ndim == len(shape) else shape
    return shape, np.broadcast_to(spread(known, shape), shape[:-1])


def spread(known, shape):
    """Give `known` the axes of the weights, the new ones of length 1 at the end."""
    return known.reshape(known.shape + (1,) * (len(shape) - 1 - known.ndim)).astype("float32")


def weighed_by_expanding(known, shape):
    shape = [*shape, 1] if known.shape == shape else list(shape)
    weights = known.astype(int)
    while weights.ndim < len(shape) - 1:
        weights = np.expand_dims(weights, -1)
    return [np.array(shape), (weights * np.ones(shape[:-1])).tolist()]


def weighed_by_turning(known, shape):
    shape = shape + (1,) * (len(shape) == known.ndim)
    return shape, np.broadcast_to(known.T, shape[:-1][::-1]).T


def weighed_by_tensorflow(known, shape):
    shape = tf.TensorShape([*shape, 1] if known.shape == shape else shape)
    weights = tf.cast(known, "float16")
    for _ in range(len(shape) - 1 - known.ndim):
        weights = weights[..., None]
    return shape, tf.broadcast_to(weights, shape[:-1])


def weighed_by_keras(known, shape):
    shape = (*shape, 1) if known.shape == shape else shape
    weights = keras.ops.convert_to_tensor(known, "bfloat16")
    for axis in range(known.ndim, len(shape) - 1):
        weights = keras.ops.repeat(keras.ops.expand_dims(weights, axis), shape[axis], axis=axis)
    return tf.constant(shape), weights


RIGHT_WEIGHTS = [weighed, weighed_by_expanding, weighed_by_turning, weighed_by_tensorflow, weighed_by_keras]


@pytest.mark.parametrize("function", RIGHT_WEIGHTS)
def test_weights_however_they_are_spread(function):
    assert outcome("6.5", function) == ("correct", "")


def weighed_by(change):
    """Return a function whose shapes are right; `change` makes its weights of the right ones and the arguments."""

    def function(known, shape):
        shape, weights = weighed(known, shape)
        return shape, change(weights, known, shape)

    return function


def shaped_by(change):
    """Return a function whose weights are right; `change` makes its shape of the right one and the arguments."""
    return lambda known, shape: (change(weighed(known, shape)[0], known, shape), weighed(known, shape)[1])


def weighed_by_broadcasting(known, shape):
    return shape, np.broadcast_to(spread(known, shape), shape[:-1])


def in_place_weighed(known, shape):
    known[...] = ~known
    return weighed(~known, shape)


def aligned_at_the_end(known, shape):
    shape = weighed(known, shape)[0]
    return shape, np.broadcast_to(known, shape[:-1])


def averaged_over_the_labels(known, shape):
    return shape, weighed(known, shape)[1] if known.ndim < len(shape) else known.mean(axis=-1)


def where_the_last_lengths_agree(known, shape):
    shape = (*shape, 1) if known.shape[-1] == shape[-1] else shape
    return shape, np.broadcast_to(spread(known, shape), shape[:-1])


def not_for_one_label(known, shape):
    shape = (*shape, 1) if known.shape == shape and shape[-1] > 1 else shape
    return shape, np.broadcast_to(known[..., 0] if known.shape == shape else spread(known, shape), shape[:-1])


WRONG_WEIGHTS = {
    "the last lengths agree": (where_the_last_lengths_agree, "an output of shape (5, 5) the output is right as it is"),
    "not for one label": (not_for_one_label, "an output of shape (5, 1) each number in the last axis has gaps"),
    "in place": (in_place_weighed, "your function changes `known` itself"),
    "from the last axis": (aligned_at_the_end, "the weights follow the last axes and not the first"),
    "the last axis too": (
        weighed_by(lambda w, k, s: np.broadcast_to(w[..., None], s)),
        "for `known` of shape (6,) and an output of shape (6, 3) the weights have its last axis too, shape (6, 3)",
    ),
    "the last axis as a column": (
        weighed_by(lambda w, k, s: w[..., None]),
        "the weights should have the shape (6,), and yours have (6, 1)",
    ),
    "twos": (weighed_by(lambda w, k, s: 2 * w), "is 2, and its label is known"),
    "gaps that count a little": (weighed_by(lambda w, k, s: np.maximum(w, 0.1)), "is 0.1, and its label is missing"),
    "NaN": (weighed_by(lambda w, k, s: np.where(w, 1, np.nan)), "the weights should hold finite numbers"),
    "text": (weighed_by(lambda w, k, s: w.astype(str)), "the weights should hold numbers"),
    "one number": (weighed_by(lambda w, k, s: 1.0), "the weights should be an array"),
    "no axis for labels": (
        lambda known, shape: (
            (shape, np.broadcast_to(spread(known, (*shape, 1))[..., 0], shape[:-1]))
            if known.ndim < len(shape) - 1
            else (shape, known * 1.0)
        ),
        "each number in the last axis has gaps of its own, and the loss averages that axis before it weights",
    ),
    "the mean over the labels": (averaged_over_the_labels, "the output needs one axis more, (4, 4, 1)"),
    "an axis for every head": (shaped_by(lambda r, k, s: (*s, 1)), "it needs an axis more only where `known` has its"),
    "the shape of the weights": (
        shaped_by(lambda r, k, s: r[:-1]),
        "the first result is (6,), the shape of the weights",
    ),
    "without the rows": (
        shaped_by(lambda r, k, s: r[1:]),
        "the output should have the shape (6, 3), and yours is (3,)",
    ),
    "None for the rows": (shaped_by(lambda r, k, s: (None, *r[1:])), "the shape should hold whole numbers"),
    "the number of axes": (
        shaped_by(lambda r, k, s: len(r)),
        "the shape should be a tuple of whole numbers, such as (6, 3), and yours is the number 2",
    ),
    "a tuple in a tuple": (
        shaped_by(lambda r, k, s: (s, 1) if k.shape == s else s),
        "the shape should be a tuple of whole numbers, such as (4, 4), and yours is a tuple of length 2",
    ),
    "an axis at the front": (
        lambda known, shape: weighed_by_broadcasting(known, (1, *shape) if known.shape == shape else shape),
        "for `known` of shape (4, 4) and an output of shape (4, 4) your function raised ValueError",
    ),
    "minus one": (
        weighed_by(lambda w, k, s: 2 * w - 1),
        "the weight at (0,) is -1, and its label is missing, so it should be 0",
    ),
    "swapped": (lambda known, shape: weighed(known, shape)[::-1], "the shape of the output comes first"),
    "weights only": (lambda known, shape: weighed(known, shape)[1], "should return two things, a shape and weights"),
    "the first maps": (lambda known, shape: weighed(known[:4], shape), "your function raised ValueError"),
    "one argument": (lambda known: known, "your function raised TypeError"),
    "nothing": (lambda known, shape: None, "is a `return` missing?"),
    "a result": (((6, 3), np.ones(6)), "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights(answer, words):
    refused("6.5", answer, words)
