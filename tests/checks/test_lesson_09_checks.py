"""The checks of exercise 9: right answers pass, wrong ones hear why not."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

HEADS = ("left", "right")


# --- 9.1


def gradients(model, images, targets):
    variables = [v for v in model.trainable_variables if v.path.startswith("trunk")]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images, training=True)
        losses = [
            tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets[name], answers[name])) for name in HEADS
        ]
    rows = [tape.gradient(loss, variables) for loss in losses]
    return [
        [np.zeros(v.shape) if p is None else p.numpy() for v, p in zip(variables, row, strict=True)] for row in rows
    ]


def flat(rows):
    return [np.concatenate([part.ravel() for part in row]) for row in rows]


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def right_cosine(model, images, targets):
    return cosine(*flat(gradients(model, images, targets)))


def by_two_tapes(model, images, targets):
    trunk = [v for layer in model.layers if "trunk" in layer.name for v in layer.trainable_variables]
    rows = []
    for name in reversed(HEADS):
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(targets[name], model(images)[name])
        rows.append(tf.concat([tf.reshape(g, [-1]) for g in tape.gradient(loss, trunk)], 0))
    unit = [tf.linalg.l2_normalize(row) for row in rows]
    return tf.reduce_sum(unit[0] * unit[1])


def by_keras_cosine(model, images, targets):
    a, b = flat(gradients(model, images, targets))
    return -keras.losses.cosine_similarity(a, b)


def as_float(model, images, targets):
    return float(right_cosine(model, images, targets))


def by_half_precision(model, images, targets):
    return np.float16(right_cosine(model, images, targets))


@pytest.mark.parametrize("function", [right_cosine, by_two_tapes, by_keras_cosine, as_float, by_half_precision])
def test_a_cosine_however_it_is_found(function):
    state, message = outcome("9.1", function)
    assert state == "correct"
    assert (
        message
        == "The three models of this check have random parameters, and the cosine similarities 0.13, 0.04, -0.71."
    )


def by_training(model, images, targets):
    for variable in model.trainable_variables:
        variable.assign(0.9 * variable)


WRONG_COSINES = {
    "angle": (lambda *a: np.degrees(np.arccos(right_cosine(*a))), "a cosine lies between -1 and 1"),
    "one row": (lambda m, x, y: right_cosine(m, x[:1], {n: t[:1] for n, t in y.items()}), "of these two gradients is"),
    "absolute": (lambda *a: abs(right_cosine(*a)), "of these two gradients is"),
    "rounded": (lambda *a: round(right_cosine(*a), 1), "it is rounded to 1 decimals"),
    "trains": (lambda *a: (right_cosine(*a), by_training(*a))[0], "changes the parameters of the model"),
    "arrays only": (lambda m, x, y: right_cosine(m, x.astype("float32"), y), "AttributeError"),
    "list": (lambda *a: [right_cosine(*a)], "should be a number"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
    "a number": (0.1, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_COSINES.values(), ids=WRONG_COSINES)
def test_wrong_cosines(answer, words):
    refused("9.1", answer, words)


# --- 9.2


def clean(own, other):
    return own - min(own @ other, 0) / (other @ other or 1) * other


def by_factors(a, b):
    d = np.minimum(np.dot(a, b), 0)
    return (1 - d / (np.dot(a, a) or 1)) * a + (1 - d / (np.dot(b, b) or 1)) * b


def by_tensorflow(a, b):
    a, b = tf.constant(a), tf.constant(b)
    dot = tf.reduce_sum(a * b)
    if dot >= 0:
        return a + b
    return a + b - dot / tf.reduce_sum(b * b) * b - dot / tf.reduce_sum(a * a) * a


def by_lists(a, b):
    return [float(x) for x in by_factors(np.asarray(a, "float32"), np.asarray(b, "float32"))]


def by_asking(a, b):
    return a + b if a @ b >= 0 else clean(a, b) + clean(b, a)


def by_half(a, b):
    return by_factors(a, b).astype("float16")


def by_matrix(a, b):
    rows = np.stack([a, b])
    gram = rows @ rows.T
    return (1 - np.minimum(gram[0, 1], 0) / np.maximum(np.diag(gram), 1e-300)) @ rows


SURGERIES = [lambda a, b: clean(a, b) + clean(b, a), by_factors, by_tensorflow, by_lists, by_asking, by_half, by_matrix]


@pytest.mark.parametrize("function", SURGERIES)
def test_surgery_however_it_is_done(function):
    assert outcome("9.2", function)[0] == "correct"


def always(a, b):
    return a + b - (a @ b) / (b @ b) * b - (a @ b) / (a @ a) * a


def in_place(a, b):
    a -= min(a @ b, 0) / (b @ b) * b
    b -= min(a @ b, 0) / (a @ a) * a
    return a + b


def right_in_place(a, b):
    d = min(a @ b, 0)
    first = a - d / (b @ b) * b
    b -= d / (a @ a) * a
    return first + b


WRONG_SURGERY = {
    "in place": (in_place, "your function changes `a` itself"),
    "in place, right": (right_in_place, "your function changes `b` itself"),
    "zero": (lambda a, b: 0 * a if a @ b < 0 else a + b, "it is not PCGrad's step"),
    "a threshold on the cosine": (
        lambda a, b: by_factors(a, b) if cosine(a, b) < -0.05 else a + b,
        "with the cosine -0.01 and the scalar product -0.01 it gives the plain sum: each scalar product below 0 is a",
    ),
    "a threshold on the product": (
        lambda a, b: by_factors(a, b) if a @ b < -1e-5 else a + b,
        "it gives the plain sum: each scalar product below 0 is a conflict",
    ),
    "a threshold above 0": (
        lambda a, b: always(a, b) if cosine(a, b) < 0.05 else a + b,
        "without a conflict it should give the sum of the two",
    ),
    "always the sum of parts": (lambda a, b: clean(a, b) + clean(b, a) + 0.1 * a, "it is not PCGrad's step"),
    "twice without a conflict": (lambda a, b: by_factors(a, b) * (1 + (a @ b >= 0)), "the sum of the two"),
    "two": (lambda a, b: [clean(a, b), clean(b, a)], "should have shape"),
    "divides by a zero": (
        lambda a, b: a - min(a @ b, 0) / (b @ b) * b + b - min(a @ b, 0) / (a @ a) * a,
        "where a gradient is zero it gives NaN",
    ),
    "nothing for a zero": (
        lambda a, b: by_factors(a, b) if a.any() and b.any() else 0 * a,
        "where a gradient is zero it should give the sum",
    ),
    "nothing": (lambda a, b: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SURGERY.values(), ids=WRONG_SURGERY)
def test_wrong_surgery(answer, words):
    refused("9.2", answer, words)


# --- 9.3


def weight(a, b):
    apart = (a - b) @ (a - b)
    return 0.5 if apart == 0 else (b - a) @ b / apart


def mixture(s, a, b):
    return s * a + (1 - s) * b


def by_cases(a, b):
    if a @ b >= a @ a:
        return a
    if a @ b >= b @ b:
        return b
    return mixture(weight(a, b), a, b)


def by_search(a, b):
    low, high = 0.0, 1.0
    for _ in range(100):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if np.sum(mixture(left, a, b) ** 2) < np.sum(mixture(right, a, b) ** 2):
            high = right
        else:
            low = left
    return tf.constant(mixture(low, a, b))


def by_small_epsilon(a, b):
    return mixture(np.clip((b - a) @ b / ((a - b) @ (a - b) + 1e-12), 0, 1), a, b)


def by_no_nan(a, b):
    a, b = tf.constant(a, tf.float32), tf.constant(b, tf.float32)
    s = tf.math.divide_no_nan(tf.tensordot(b - a, b, 1), tf.reduce_sum((a - b) ** 2))
    return mixture(tf.clip_by_value(s, 0, 1), a, b)


def by_golden_search(a, b):
    golden = (np.sqrt(5) - 1) / 2
    low, high = 0.0, 1.0
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if np.linalg.norm(mixture(left, a, b)) < np.linalg.norm(mixture(right, a, b)):
            high = right
        else:
            low = left
    return mixture((low + high) / 2, a, b)


def by_least_squares(a, b):
    return mixture(np.clip(np.linalg.lstsq((a - b)[:, None], -b)[0][0], 0, 1), a, b)


def from_products(a, b):
    aa, ab, bb = a @ a, a @ b, b @ b
    apart = aa - 2 * ab + bb
    return mixture(np.clip((bb - ab) / apart, 0, 1) if apart > 1e-12 * (aa + bb) else 0.5, a, b)


def weight_of_the_second(a, b):
    apart = (a - b) @ (a - b)
    second = np.clip((a - b) @ a / apart, 0, 1) if apart > 0 else 0.5
    return (1 - second) * a + second * b


def by_float32(function):
    return lambda a, b: function(a.astype("float32"), b.astype("float32"))


RIGHT_MIXTURES = [
    by_golden_search,
    by_least_squares,
    from_products,
    weight_of_the_second,
    *[by_float32(function) for function in (by_cases, weight_of_the_second, from_products, by_least_squares)],
    lambda a, b: [float(value) for value in by_float32(by_cases)(a, b)],
    lambda a, b: by_no_nan(a, b).numpy().astype("float64"),
    lambda a, b: tf.constant(by_cases(a, b), "bfloat16"),
    lambda a, b: mixture(np.clip(weight(a, b), 0, 1), a, b),
    by_cases,
    by_search,
    by_small_epsilon,
    by_no_nan,
    lambda a, b: by_cases(a, b).astype("float16"),
    lambda a, b: list(by_cases(a, b)),
]


@pytest.mark.parametrize("function", RIGHT_MIXTURES)
def test_the_mixture_of_smallest_norm_however_it_is_found(function):
    assert outcome("9.3", function)[0] == "correct"


def divides(a, b):
    with np.errstate(all="ignore"):
        s = np.clip(np.divide((b - a) @ b, (a - b) @ (a - b)), 0, 1)
    return mixture(s, a, b)


def by_trials(a, b):
    return min((mixture(s, a, b) for s in np.linspace(0, 1, 1001)), key=np.linalg.norm)


def nearest(parts, kind="float64"):
    """Return a function that takes the best weight from a list of them, in equal steps."""

    def function(a, b):
        weight_there = np.round(np.clip(weight(a, b), 0, 1) * parts) / parts
        return mixture(np.dtype(kind).type(weight_there), a.astype(kind), b.astype(kind))

    return function


PARTS = [3, 7, 100, 999, 1000, 2999, 3000, 5000, 7000, 9999, 10_000, 12_345, 50_000, 100_000, 123_457, 999_999, 10**6]


@pytest.mark.parametrize("parts", PARTS)
def test_a_list_of_weights_is_refused_however_long(parts):
    refused("9.3", nearest(parts), f"all weights are multiples of 1/{parts}: compute the weight and try no list")


@pytest.mark.parametrize("parts", PARTS[4:])
def test_a_list_of_weights_is_refused_in_float32_too(parts):
    refused("9.3", nearest(parts, "float32"), ": compute the weight and try no list of weights")


def searched_too_short(a, b):
    low, high = 0.0, 1.0
    for _ in range(25):
        third = (high - low) / 3
        if np.sum(mixture(low + third, a, b) ** 2) < np.sum(mixture(high - third, a, b) ** 2):
            high -= third
        else:
            low += third
    return mixture((low + high) / 2, a, b)


def one_weight(a, b):
    return mixture(1 / 3, a, b)


def the_larger(a, b):
    return max(a, b, key=np.linalg.norm)


def off_to_the_side(a, b):
    """Return something of the right norm that is no mixture."""
    right = by_cases(a, b)
    return right if a.size != 3 else right[::-1]


@pytest.mark.parametrize("parts", [None, 1 / 3, 1e-3, 1e-5, 1e-7, 3e-7])
def test_two_numbers_that_differ_do_not_look_alike(parts):
    """Refuse answers whose weight is a little wrong, by more or less, with two different numbers."""
    function = searched_too_short if parts is None else lambda a, b: mixture(np.clip(weight(a, b) + parts, 0, 1), a, b)
    state, message = outcome("9.3", function)
    if parts == 1e-7:  # as near as float32 comes
        assert state == "correct"
        return
    found, wanted = re.findall(r"(?:norm|of these two is|first is|one is) (\d[\d.e+-]*\d)", message)
    assert found != wanted, message


def mixed_in_place(a, b):
    s = np.clip(weight(a, b), 0, 1)
    a *= s
    return a + (1 - s) * b


WRONG_MIXTURES = {
    "divides": (divides, "for two equal gradients it gives NaN"),
    "an epsilon of another size": (
        lambda a, b: mixture(np.clip((b - a) @ b / ((a - b) @ (a - b) + 3e-3), 0, 1), a, b),
        "and the smallest norm of a mixture of these two is",
    ),
    "tried, few": (
        lambda a, b: min((mixture(s, a, b) for s in np.linspace(0, 1, 11)), key=np.linalg.norm),
        "all weights are multiples of 1/10",
    ),
    "tried, inside": (
        lambda a, b: min((mixture(s, a, b) for s in np.linspace(0, 1, 100)[1:-1]), key=np.linalg.norm),
        "all weights are multiples of 1/99",
    ),
    "searched too short": (
        searched_too_short,
        "for large and nearly opposite gradients the weight of the first is 0.0",
    ),
    "one weight": (one_weight, "and the smallest norm of a mixture of these two is"),
    "the larger": (the_larger, "and the smallest norm of a mixture of these two is"),
    "no mixture": (off_to_the_side, "and it is no mixture of the two"),
    "zero": (lambda a, b: 0 * a, "a smaller one is no mixture of them"),
    "tried": (by_trials, "compute the weight and try no list of weights"),
    "in place": (mixed_in_place, "your function changes `a` itself"),
    "NaN": (lambda a, b: a * np.nan, "should hold finite numbers"),
    "a weight": (lambda a, b: np.clip(weight(a, b), 0, 1), "should be an array"),
    "nothing": (lambda a, b: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MIXTURES.values(), ids=WRONG_MIXTURES)
def test_wrong_mixtures(answer, words):
    refused("9.3", answer, words)
