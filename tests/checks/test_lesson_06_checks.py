"""The checks of exercise 6: right answers pass, wrong ones hear why not."""

import functools
import re

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


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
    "cut to whole rows": (
        repair_by(
            accuracy=lambda r: (int(r["accuracy"] * r["rows"]) - r["hidden_said_even"]) / r["labelled"],
        ),
        "one row too few, so use `round`",
    ),
    "whole rows in the end": (repair_by(accuracy=lambda r: int(right_rows(r)) / r["labelled"]), "so use `round`"),
    "one row more": (repair_by(accuracy=lambda r: (right_rows(r) + 1) / r["labelled"]), "on the labelled rows it is"),
    "rows": (repair_by(accuracy=right_rows), "a number of rows: divide"),
    "wrong answers": (repair_by(accuracy=lambda r: 1 - repaired(r)["accuracy"]), "the share of wrong answers"),
    "four decimals": (repair_by(accuracy=lambda r: round(repaired(r)["accuracy"], 4)), "it is rounded to 4 decimals"),
    "loss in five decimals": (repair_by(loss=lambda r: round(repaired(r)["loss"], 5)), "it is rounded to 5 decimals"),
    "two digits": (repair_by(accuracy=lambda r: round(repaired(r)["accuracy"], 2)), "it is rounded to 2 digits"),
    "loss in three digits": (repair_by(loss=lambda r: round(repaired(r)["loss"], 3)), "it is rounded to 3 digits"),
    "by place": (repair_by_place, "take each value by its key"),
    "accuracy by place": (
        lambda report: repaired(report) | {"accuracy": repair_by_place(report)["accuracy"]},
        "take each value by its key",
    ),
    "popped": (popped, "your function changes `report` itself"),
    "text": (repair_by(loss=lambda r: f"{repaired(r)['loss']:.4f}"), "loss should be a number, and yours is the text"),
    "nearly": (repair_by(loss=lambda r: 1.0003 * repaired(r)["loss"]), "and the mean over the labelled rows is"),
    "unchanged": (lambda r: {"loss": r["loss"], "accuracy": r["accuracy"]}, "which is the diluted one"),
    "diluted twice": (repair_by(loss=lambda r: r["loss"] * r["labelled"] / r["rows"]), "which is diluted twice"),
    "hidden rows": (
        repair_by(loss=lambda r: r["loss"] * r["rows"] / (r["rows"] - r["labelled"])),
        "rows without a label",
    ),
    "a sum": (repair_by(loss=lambda r: r["loss"] * r["rows"]), "which is a sum over the rows"),
    "accuracy unchanged": (repair_by(accuracy=lambda r: r["accuracy"]), "which counts the hidden rows too"),
    "only divided": (
        repair_by(accuracy=lambda r: r["accuracy"] * r["rows"] / r["labelled"]),
        "were counted as right, so take them away first",
    ),
    "divided by all": (
        repair_by(accuracy=lambda r: r["accuracy"] - r["hidden_said_even"] / r["rows"]),
        "it is divided by all rows",
    ),
    "those with odd": (
        repair_by(
            accuracy=lambda r: (
                (r["accuracy"] * r["rows"] - (r["rows"] - r["labelled"] - r["hidden_said_even"])) / r["labelled"]
            )
        ),
        "are those with even",
    ),
    "all hidden rows": (
        repair_by(accuracy=lambda r: (r["accuracy"] * r["rows"] - r["rows"] + r["labelled"]) / r["labelled"]),
        "not every hidden row was counted as right",
    ),
    "percent": (repair_by(accuracy=lambda r: 100 * repaired(r)["accuracy"]), "which is percent"),
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


# --- 6.3


def by_operations(labels, predicted):
    known = keras.ops.logical_not(keras.ops.isnan(labels))
    safe = keras.ops.where(known, labels, 0.0)
    each = -safe * keras.ops.log(predicted) - (1 - safe) * keras.ops.log(1 - predicted)
    count = keras.ops.sum(keras.ops.cast(known, predicted.dtype))
    return keras.ops.sum(keras.ops.where(known, each, 0.0)) / keras.ops.maximum(count, 1.0)


def by_rows(labels, predicted):
    rows = tf.where(tf.math.is_finite(labels))[:, 0]
    labels, predicted = tf.gather(labels, rows), tf.gather(predicted, rows)
    of_truth = tf.where(labels == 1, predicted, 1 - predicted)
    return -tf.math.divide_no_nan(tf.reduce_sum(tf.math.log(of_truth)), tf.cast(len(rows), "float32"))


def by_boolean_mask(labels, predicted):
    known = ~tf.math.is_nan(labels)
    if not tf.reduce_any(known):
        return tf.constant(0.0)
    each = keras.losses.binary_crossentropy(
        tf.boolean_mask(labels, known)[:, None], tf.boolean_mask(predicted, known)[:, None]
    )
    return tf.reduce_mean(each)


def by_loss_class(labels, predicted):
    weight = tf.cast(tf.math.is_finite(labels), "float32")
    loss = keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
    return loss(tf.where(weight > 0, labels, 1.0)[:, None], predicted[:, None], sample_weight=weight)


def plain_zero(labels, predicted):
    known = ~tf.math.is_nan(labels)
    return by_operations(labels, predicted) if tf.reduce_any(known) else 0.0


def numpy_first(labels, predicted):
    known = ~np.isnan(labels.numpy())
    return by_operations(labels, predicted) if known.any() else 0.0


def filled_by_numpy(labels, predicted):
    known = tf.constant(np.isfinite(labels), "float32")
    return tf.reduce_sum(known * cross_entropy(np.nan_to_num(labels), predicted)) / tf.maximum(
        tf.reduce_sum(known), 1.0
    )


def keras_without_columns(labels, predicted):
    weight = tf.cast(tf.math.is_finite(labels), "float32")
    loss = keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
    return loss(tf.where(weight > 0, labels, 0.0), predicted, sample_weight=weight)


def by_ignored_class(labels, predicted):
    both = keras.ops.stack([1 - predicted, predicted], axis=1)
    classes = keras.ops.where(keras.ops.isnan(labels), -1.0, labels)
    loss = keras.losses.sparse_categorical_crossentropy(classes, both, ignore_class=-1)
    known = keras.ops.cast(classes >= 0, "float32")
    return keras.ops.sum(loss * known) / keras.ops.maximum(keras.ops.sum(known), 1)


class MaskedLoss:
    def __call__(self, labels, predicted):
        return by_rows(labels, predicted)


RIGHT_LOSSES = [
    by_operations,
    by_rows,
    by_boolean_mask,
    by_loss_class,
    plain_zero,
    by_ignored_class,
    MaskedLoss(),
    functools.partial(by_operations),
    tf.function(by_operations),
    lambda labels, predicted: tf.cast(by_operations(labels, predicted), "float16"),
    lambda labels, predicted: tf.cast(by_operations(labels, predicted), "bfloat16"),
]


@pytest.mark.parametrize("function", RIGHT_LOSSES)
def test_a_loss_however_it_is_masked(function):
    assert outcome("6.3", function) == ("correct", "")


def test_a_safe_divisor_is_right_with_a_choice_afterwards_too():
    assert outcome("6.3", chosen_with_a_safe_divisor) == ("correct", "")


def cross_entropy(labels, predicted):
    return -labels * tf.math.log(predicted) - (1 - labels) * tf.math.log(1 - predicted)


def parts(labels, predicted, filler=0.0):
    """Return which rows are known, the losses with a filler, and the number of labels, at least 1."""
    known = tf.cast(tf.math.is_finite(labels), "float32")
    safe = tf.where(known > 0, labels, filler)
    return known, cross_entropy(safe, predicted), tf.maximum(tf.reduce_sum(known), 1.0)


def where_after(labels, predicted):
    known, _, count = parts(labels, predicted)
    return tf.reduce_sum(tf.where(known > 0, cross_entropy(labels, predicted), 0.0)) / count


def by_numpy(labels, predicted):
    labels, predicted = labels.numpy(), predicted.numpy()
    known = np.isfinite(labels)
    if not known.any():
        return 0.0
    return float(np.mean(-np.log(np.where(labels == 1, predicted, 1 - predicted))[known]))


def cut_off(labels, predicted):
    return by_operations(labels, tf.stop_gradient(predicted))


def diluted(labels, predicted):
    known, each, _ = parts(labels, predicted)
    return tf.reduce_mean(known * each)


def zero_divided(labels, predicted):
    known, each, _ = parts(labels, predicted)
    return tf.reduce_sum(known * each) / tf.reduce_sum(known)


def chosen_after_dividing(labels, predicted):
    known, each, _ = parts(labels, predicted)
    count = keras.ops.sum(known)
    return keras.ops.where(count > 0, keras.ops.sum(each * known) / count, 0.0)


def without_nan_after_dividing(labels, predicted):
    return keras.ops.nan_to_num(zero_divided(labels, predicted))


def chosen_after_averaging(labels, predicted):
    mean = zero_divided(labels, predicted)
    return tf.where(tf.math.is_nan(mean), 0.0, mean)


def both_unsafe(labels, predicted):
    known = tf.cast(tf.math.is_finite(labels), "float32")
    total = tf.reduce_sum(tf.where(known > 0, cross_entropy(labels, predicted), 0.0))
    return tf.where(tf.reduce_sum(known) > 0, total / tf.reduce_sum(known), 0.0)


def chosen_with_a_safe_divisor(labels, predicted):
    known, each, count = parts(labels, predicted)
    return keras.ops.where(keras.ops.sum(known) > 0, keras.ops.sum(each * known) / count, 0.0)


def part_of_gradient(labels, predicted):
    known, each, count = parts(labels, predicted)
    value = tf.reduce_sum(known * each) / count
    return tf.stop_gradient(value) + 0.5 * (value - tf.stop_gradient(value))


def second(function):
    """Wrap a function of the parts."""
    return lambda labels, predicted: function(*parts(labels, predicted))


def eager_gradient_only(labels, predicted):
    return by_operations(labels, predicted if tf.executing_eagerly() else tf.stop_gradient(predicted))


SAFE_DIVISOR = "without any label its gradient holds NaN: 0/0 must not be computed at all, so make the divisor safe"
WRONG_LOSSES = {
    "no gradient in a graph": (eager_gradient_only, "its gradient is not"),
    "zeros only": (
        lambda y, p: tf.reduce_sum(-tf.where(y == 0, tf.math.log(1 - p), 0.0)) / parts(y, p)[2],
        "rows with the label 1 are missing",
    ),
    "base 2": (lambda y, p: by_operations(y, p) / np.float32(np.log(2)), "has the base 2"),
    "one in the sum": (lambda y, p: tf.reduce_sum(parts(y, p, 1.0)[1]) / parts(y, p)[2], "filled rows, with 1, are in"),
    "one more label": (
        lambda y, p: by_operations(y, p) * parts(y, p)[2] / (parts(y, p)[2] + 1),
        "the loss should be",
    ),
    "the first rows": (lambda y, p: by_operations(y[:7], p[:7]), "the loss should be"),
    "where after": (where_after, "the loss is right, but its gradient holds NaN"),
    "where after dividing": (chosen_after_dividing, SAFE_DIVISOR),
    "nan_to_num after dividing": (without_nan_after_dividing, SAFE_DIVISOR),
    "where NaN after dividing": (chosen_after_averaging, SAFE_DIVISOR),
    "labels and divisor unsafe": (both_unsafe, "its gradient holds NaN: make the labels safe"),
    "weight of zero": (
        lambda y, p: tf.reduce_sum(parts(y, p)[0] * cross_entropy(y, p)) / parts(y, p)[2],
        "is nan: replace the NaN before the arithmetic",
    ),
    "plain": (lambda y, p: tf.reduce_mean(cross_entropy(y, p)), "is nan: replace the NaN before the arithmetic"),
    "divided by all": (diluted, "the loss is divided by all rows: divide by those with a label"),
    "0/0": (zero_divided, "without any label the loss should be 0, and yours is nan"),
    "a sum": (second(lambda known, each, count: tf.reduce_sum(known * each)), "the loss is a sum"),
    "each": (second(lambda known, each, count: known * each), "one for each row, shape (40,)"),
    "the sign": (lambda y, p: -by_operations(y, p), "has the wrong sign"),
    "filler in the mean": (second(lambda known, each, count: tf.reduce_mean(each)), "the filler counts as a label"),
    "filler of one": (lambda y, p: tf.reduce_mean(parts(y, p, 1.0)[1]), "the filler, 1, counts as a label"),
    "filler in the sum": (second(lambda known, each, count: tf.reduce_sum(each) / count), "filled rows are in the sum"),
    "turned": (lambda y, p: by_operations(1 - y, p), "takes 1 for 0 and 0 for 1"),
    "ones only": (
        lambda y, p: tf.reduce_sum(-tf.where(y == 1, tf.math.log(p), 0.0)) / parts(y, p)[2],
        "the loss leaves out the rows with the label 0",
    ),
    "squares": (
        lambda y, p: tf.reduce_sum(tf.where(tf.math.is_finite(y), (y - p) ** 2, 0.0)) / parts(y, p)[2],
        "mean of the squared errors",
    ),
    "NumPy": (by_numpy, "no gradient reaches the probabilities"),
    "NumPy on the labels": (numpy_first, "inside `tf.function` it fails: use keras.ops or TensorFlow for all values"),
    "filled by NumPy": (filled_by_numpy, "inside `tf.function` it fails"),
    "a Keras loss on rows": (keras_without_columns, "give it columns, `[:, None]`"),
    "an array of one": (lambda y, p: by_operations(y, p)[None], "the loss should be one number"),
    "cut off": (cut_off, "no gradient reaches the probabilities"),
    "half the gradient": (part_of_gradient, "the loss is right, but its gradient is not"),
    "a dict": (lambda y, p: {"loss": by_operations(y, p)}, "the loss should be a number"),
    "one argument": (lambda y: y, "your function raised TypeError"),
    "nothing": (lambda y, p: None, "is a `return` missing?"),
    "a number": (0.5, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_wrong_losses(answer, words):
    refused("6.3", answer, words)


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
    "1 - keep": (
        lambda r, p: np.nansum(r * (1 - p)) / max(1e-12, np.nansum(1 - p)),
        "the weights are 1 - keep, and should be 1 / keep",
    ),
    "rounded": (lambda r, p: round(averaged(r, p), 3), "it is rounded to 3 digits"),
    "four decimals": (lambda r, p: round(averaged(r, p), 4), "it is rounded to 4 decimals"),
    "always right": (lambda r, p: 1.0, "it gives 1, and the mean by 1/p is"),
    "without the last row": (lambda r, p: averaged(r[:-1], p[:-1]) if len(r) > 1 else np.nan, "the mean by 1/p is"),
    "NaN for one row": (lambda r, p: averaged(r, p) if len(r) > 1 else np.nan, "for 1 labelled rows of 1 it gives nan"),
    "two classes": (
        lambda r, p: np.average(r[p > 0], weights=np.where(p[p > 0] > 0.5, 1, 4)),
        "the mean by 1/p is",
    ),
    "text": (lambda r, p: str(averaged(r, p)), "the estimate should be a number, and yours is the text"),
    "labelled rows": (lambda r, p: np.nanmean(r), "which is the share on the labelled rows"),
    "NaN": (lambda r, p: (r / p).sum() / (1 / p).sum(), "the result is NaN: take out the rows without a label"),
    "keep as weight": (lambda r, p: np.nansum(r * p) / np.nansum(p), "the weights are keep, and should be 1 / keep"),
    "the sum of 1/p": (lambda r, p: np.nansum(r / p) / len(r), "divided by all rows: divide by the sum of 1/p"),
    "nanmean": (lambda r, p: np.nanmean(r / p), "divided by the number of labelled rows"),
    "a sum": (lambda r, p: np.nansum(r / p), "which is a sum"),
    "gaps as wrong": (lambda r, p: np.nan_to_num(r).mean(), "counts rows without a label as wrong"),
    "gaps in the sum": (
        lambda r, p: np.nansum(r / p) / np.sum(1 / np.nan_to_num(p, nan=1)),
        "rows without a label count in the sum of the weights, each as 1",
    ),
    "errors": (lambda r, p: 1 - averaged(r, p), "which is the share of wrong answers"),
    "squared": (lambda r, p: np.nansum(r / p**2) / np.nansum(1 / p**2), "the weights are 1 / keep ** 2"),
    "clipped": (lambda r, p: min(1.0, np.nansum(r / p) / len(r)), "the sum of 1/p divided by all rows"),
    "percent": (lambda r, p: 100 * averaged(r, p), "which is percent"),
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


def aligned_at_the_end_where_it_can_be(known, shape):
    try:
        return aligned_at_the_end(known, shape)
    except ValueError:
        return weighed(known, shape)


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
    "axes of length 1": (
        weighed_by(lambda w, k, s: spread(k, s)),
        "the weights have the shape (5, 1, 1): that raises no error, and with `mean_with_sample_weight` the loss is 20",
    ),
    "as they are": (weighed_by(lambda w, k, s: k), "the weights have the shape (5,): give `known` its missing axes"),
    "axes at the front": (
        weighed_by(lambda w, k, s: k.reshape((1,) * (len(s) - 1 - k.ndim) + k.shape)),
        "the weights have the shape (1, 1, 5): the missing axes belong to the end",
    ),
    "from the last axis": (aligned_at_the_end, "the weights follow the last axes and not the first"),
    "from the last axis, caught": (aligned_at_the_end_where_it_can_be, "the weights follow the last axes and not the"),
    "turned round": (weighed_by(lambda w, k, s: 1 - w), "the weights are 1 for the gaps: turn them round"),
    "ones": (weighed_by(lambda w, k, s: np.ones(s[:-1])), "the weights are 1 for the gaps too"),
    "a share of the label": (
        weighed_by(lambda w, k, s: w * k.size / w.size),
        "the weights of a label add up to 1",
    ),
    "the sum": (weighed_by(lambda w, k, s: w / max(1, w.sum())), "the weights are divided by their sum"),
    "the mean": (weighed_by(lambda w, k, s: w / (w.mean() or 1)), "the weights are divided by their mean"),
    "the last axis too": (
        weighed_by(lambda w, k, s: np.broadcast_to(w[..., None], s)),
        "for `known` of shape (6,) and an output of shape (6, 3) the weights have its last axis too, shape (6, 3)",
    ),
    "the last axis as a column": (
        weighed_by(lambda w, k, s: w[..., None]),
        "the weights should have the shape (6,), and yours have (6, 1)",
    ),
    "transposed": (weighed_by(lambda w, k, s: w.T), "the axes of the weights are in the reverse order"),
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
