"""The check of question 6.3, a loss that Keras can train with: right ones pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused


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


def parts(labels, predicted):
    """Return which rows are known, the losses with the filler 0, and the number of labels, at least 1."""
    known = tf.cast(tf.math.is_finite(labels), "float32")
    safe = tf.where(known > 0, labels, 0.0)
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


def eager_gradient_only(labels, predicted):
    return by_operations(labels, predicted if tf.executing_eagerly() else tf.stop_gradient(predicted))


def another_loss_in_a_graph(labels, predicted):
    return by_operations(labels, predicted) + (0.0 if tf.executing_eagerly() else 0.1)


SAFE_DIVISOR = "without any label its gradient holds NaN: 0/0 must not be computed at all, so make the divisor safe"
WRONG_LOSSES = {
    "another loss in a graph": (another_loss_in_a_graph, "inside `tf.function` it gives another loss than outside"),
    "no gradient in a graph": (eager_gradient_only, "its gradient is not"),
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
    "0/0": (zero_divided, "without any label the loss should be 0, and yours is nan"),
    "each": (lambda y, p: parts(y, p)[0] * parts(y, p)[1], "one for each row, shape (40,)"),
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
