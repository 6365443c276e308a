"""The checks of exercise 9: right answers pass, wrong ones hear why not."""

import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome

from mos_checks import lesson_09 as checks

HEADS = ("left", "right")


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


# --- 9.1


def gradients(model, images, targets, chosen=lambda path: path.startswith("trunk"), names=HEADS):
    variables = [v for v in model.trainable_variables if chosen(v.path)]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(images, training=True)
        losses = [
            tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets[name], answers[name])) for name in names
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


def pieces(model, images, targets):
    a, b = gradients(model, images, targets)
    return [cosine(u.ravel(), v.ravel()) for u, v in zip(a, b, strict=True)]


def scalar_product(model, images, targets):
    a, b = flat(gradients(model, images, targets))
    return a @ b


def by_training(model, images, targets):
    for variable in model.trainable_variables:
        variable.assign(0.9 * variable)


def all_parameters(model, images, targets):
    return cosine(*flat(gradients(model, images, targets, lambda path: True)))


WRONG_COSINES = {
    "scalar product": (scalar_product, "the scalar product: divide it by both norms"),
    "sign": (lambda *a: -right_cosine(*a), "the sign is turned round"),
    "all parameters": (all_parameters, "leave out those of the heads"),
    "mean": (lambda *a: np.mean(pieces(*a)), "a mean over the variables' cosines"),
    "one variable": (lambda *a: pieces(*a)[0], "the cosine on one variable"),
    "one head": (lambda *a: cosine(*flat(gradients(*a, names=("left", "left")))), "one head with itself"),
    "squared": (
        lambda *a: (lambda u, v: u @ v / (u @ u) / (v @ v))(*flat(gradients(*a))),
        "divided by the squared norms",
    ),
    "angle": (lambda *a: np.degrees(np.arccos(right_cosine(*a))), "a cosine lies between -1 and 1"),
    "swapped targets": (
        lambda m, x, y: right_cosine(m, x, {"left": y["right"], "right": y["left"]}),
        "each head has the targets of the other",
    ),
    "radians": (lambda *a: np.arccos(right_cosine(*a)), "the angle: give its cosine"),
    "distance": (lambda *a: 1 - right_cosine(*a), "1 minus the cosine"),
    "kernels": (
        lambda m, x, y: cosine(*flat(gradients(m, x, y, lambda p: p.startswith("trunk") and "kernel" in p))),
        "the biases are a part of the trunk",
    ),
    "first layer": (
        lambda m, x, y: cosine(*flat(gradients(m, x, y, lambda p: p.startswith("trunk_1")))),
        "on one layer",
    ),
    "last layer": (lambda *a: cosine(*flat([row[-2:] for row in gradients(*a)])), "on one layer"),
    "last variable": (lambda *a: pieces(*a)[-1], "the cosine on one variable"),
    "one row": (lambda m, x, y: right_cosine(m, x[:1], {n: t[:1] for n, t in y.items()}), "of these two gradients is"),
    "absolute": (lambda *a: abs(right_cosine(*a)), "of these two gradients is"),
    "rounded": (lambda *a: round(right_cosine(*a), 1), "of these two gradients is"),
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


def one_after_the_other(a, b):
    a = clean(a, b)
    return a + clean(b, a)


def in_place(a, b):
    a -= min(a @ b, 0) / (b @ b) * b
    b -= min(a @ b, 0) / (a @ a) * a
    return a + b


def right_in_place(a, b):
    d = min(a @ b, 0)
    first = a - d / (b @ b) * b
    b -= d / (a @ a) * a
    return first + b


def by_norm(a, b):
    d = min(a @ b, 0)
    return a + b - d / np.linalg.norm(b) * b - d / np.linalg.norm(a) * a


def by_own_norm(a, b):
    d = min(a @ b, 0)
    return a + b - d / (a @ a) * b - d / (b @ b) * a


WRONG_SURGERY = {
    "sum": (lambda a, b: a + b, "the plain sum"),
    "always": (always, "where there is no conflict"),
    "mean": (lambda a, b: by_factors(a, b) / 2, "takes the sum and not the mean"),
    "one after the other": (
        one_after_the_other,
        "only the first gradient is changed: take the part along the original",
    ),
    "in place": (in_place, "your function changes `a` itself"),
    "in place, right": (right_in_place, "your function changes `b` itself"),
    "first only": (lambda a, b: clean(a, b) + b, "only the first gradient is changed"),
    "second only": (lambda a, b: a + clean(b, a), "only the second gradient is changed"),
    "one part": (clean, "it gives one of the two parts: add both"),
    "norm": (by_norm, "divide by the squared norm"),
    "own norm": (by_own_norm, "of the wrong gradient"),
    "added": (lambda a, b: 2 * (a + b) - by_factors(a, b), "take them out"),
    "zero": (lambda a, b: 0 * a if a @ b < 0 else a + b, "it is not PCGrad's step"),
    "the other part": (lambda a, b: clean(b, a), "it gives one of the two parts: add both"),
    "one part in a conflict": (lambda a, b: clean(a, b) if a @ b < 0 else a + b, "in a conflict it gives one of"),
    "by element": (lambda a, b: np.where(a * b < 0, always(a, b), a + b), "it asks for each element"),
    "elements of zero": (lambda a, b: np.where(a * b < 0, 0, a + b), "it asks for each element"),
    "turned": (
        lambda a, b: a + b - max(a @ b, 0) / (b @ b) * b - max(a @ b, 0) / (a @ a) * a,
        "where there is no conflict, and not in a conflict",
    ),
    "no norm": (lambda a, b: a + b - min(a @ b, 0) * (a + b), "it divides by no norm"),
    "both norms": (
        lambda a, b: a + b - min(a @ b, 0) / np.linalg.norm(a) / np.linalg.norm(b) * (a + b),
        "it divides by both norms",
    ),
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


def tiny(a, b):
    return mixture(np.clip((b - a) @ b / ((a - b) @ (a - b) + 1e-2), 0, 1), a, b)


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
    "not cut": (lambda a, b: mixture(weight(a, b), a, b), "cut weights to 0 to 1"),
    "swapped": (lambda a, b: mixture(1 - np.clip(weight(a, b), 0, 1), a, b), "the two weights are swapped"),
    "half": (lambda a, b: (a + b) / 2, "both the weight 1/2"),
    "sum": (lambda a, b: a + b, "it gives the sum"),
    "twice": (lambda a, b: 2 * mixture(np.clip(weight(a, b), 0, 1), a, b), "twice the mixture"),
    "divides": (divides, "for two equal gradients it gives NaN"),
    "for one scale only": (tiny, "0.01 is added to the number that is divided by"),
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
    "norms alone": (lambda a, b: mixture(b @ b / (a @ a + b @ b), a, b), "the angle between them counts"),
    "zero": (lambda a, b: 0 * a, "a smaller one is no mixture of them"),
    "tried": (by_trials, "compute the weight and try no list of weights"),
    "in place": (mixed_in_place, "your function changes `a` itself"),
    "the smaller": (lambda a, b: min(a, b, key=np.linalg.norm), "the smaller of the two gradients"),
    "pcgrad": (by_factors, "the step of PCGrad"),
    "NaN": (lambda a, b: a * np.nan, "should hold finite numbers"),
    "a weight": (lambda a, b: np.clip(weight(a, b), 0, 1), "should be an array"),
    "nothing": (lambda a, b: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MIXTURES.values(), ids=WRONG_MIXTURES)
def test_wrong_mixtures(answer, words):
    refused("9.3", answer, words)


# --- 9.4


def repaired(gradients, is_trunk, rng, order=None, squared_norms=None):
    update, rows = gradients.sum(axis=0), gradients[:, is_trunk]
    squared_norms = (rows**2).sum(axis=1) if squared_norms is None else squared_norms
    total = np.zeros_like(rows[0])
    for head, own in enumerate(rows):
        for other in rng.permutation(len(rows)) if order is None else order:
            if other != head:
                own = own - min(own @ rows[other], 0) / squared_norms[other] * rows[other]
        total += own
    update[is_trunk] = total
    return update


class Orders:
    """Stands for a generator: gives orders drawn in another way."""

    def __init__(self, permutation):
        self.permutation = permutation


def by_random_numbers(gradients, is_trunk, rng):
    return tf.constant(repaired(gradients, is_trunk, Orders(lambda n: np.argsort(rng.random(n)))))


def by_shuffle(gradients, is_trunk, rng):
    order = np.arange(len(gradients))

    def shuffle(n):
        rng.shuffle(order)
        return order

    return list(repaired(gradients, is_trunk, Orders(shuffle)))


def one_order(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, rng, rng.permutation(len(gradients)))


def turned_order(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, rng, np.roll(np.arange(len(gradients)), rng.integers(len(gradients))))


def alternating(gradients, is_trunk, rng):
    order = rng.permutation(len(gradients))
    heads = iter(range(len(gradients)))
    return repaired(gradients, is_trunk, Orders(lambda n: order[:: 1 - 2 * (next(heads) % 2)]))


def two_orders(gradients, is_trunk, rng):
    orders = [rng.permutation(len(gradients)) for _ in range(2)]
    heads = iter(range(len(gradients)))
    return repaired(gradients, is_trunk, Orders(lambda n: orders[next(heads) % 2]))


def rolled(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, Orders(lambda n: np.roll(np.arange(n), rng.integers(n))))


def first_head_alone(gradients, is_trunk, rng):
    heads = iter(range(len(gradients)))
    return repaired(gradients, is_trunk, Orders(lambda n: np.arange(n) if next(heads) else rng.permutation(n)))


def for_three_heads(gradients, is_trunk, rng):
    rows = gradients[:3]
    update = repaired(rows, is_trunk, rng)
    return update + gradients[3:].sum(axis=0)


def own_generator(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, np.random.default_rng())


def numpys_generator(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, np.random)


def cleared(gradients, is_trunk, rng):
    update = repaired(gradients, is_trunk, rng)
    gradients[:, ~is_trunk] = 0
    return update


def masked(gradients, is_trunk, rng):
    on_trunk = np.where(is_trunk, gradients, 0)
    total = np.zeros(gradients.shape[1])
    for head in range(len(gradients)):
        own = on_trunk[head]
        for other in rng.permutation([h for h in range(len(gradients)) if h != head]):
            dot = np.dot(own, on_trunk[other])
            if dot < 0:
                own = own - dot / np.dot(on_trunk[other], on_trunk[other]) * on_trunk[other]
        total = total + own
    return np.where(is_trunk, total, gradients.sum(axis=0))


def in_eager_tensorflow(gradients, is_trunk, rng):
    rows = [tf.constant(row) for row in gradients[:, is_trunk]]
    total = tf.zeros_like(rows[0])
    for head, own in enumerate(rows):
        for other in rng.permutation(len(rows)):
            overlap = tf.reduce_sum(own * rows[other])
            if other != head and overlap < 0:
                own = own - overlap / tf.reduce_sum(rows[other] * rows[other]) * rows[other]
        total = total + own
    update = tf.reduce_sum(tf.constant(gradients), axis=0)
    return tf.tensor_scatter_nd_update(update, tf.where(is_trunk), total)


def in_float16(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, rng).astype("float16")


def by_permuted(gradients, is_trunk, rng):
    heads = len(gradients)
    orders = iter(rng.permuted(np.tile(np.arange(heads), (heads, 1)), axis=1))
    return repaired(gradients, is_trunk, Orders(lambda n: next(orders)))


def by_choice(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, Orders(lambda n: rng.choice(n, size=n, replace=False)))


def by_gram_matrix(gradients, is_trunk, rng):
    """Keep each head's own as a sum of gradients, and compute with the products alone."""
    rows = gradients[:, is_trunk]
    gram = rows @ rows.T
    weights = np.eye(len(rows))
    for head in rng.permutation(len(rows)):
        for other in rng.permutation([h for h in range(len(rows)) if h != head]):
            weights[head, other] -= min(weights[head] @ gram[other], 0) / gram[other, other]
    update = gradients.sum(axis=0)
    update[is_trunk] = (weights @ rows).sum(axis=0)
    return update


RIGHT_REPAIRS = [
    by_gram_matrix,
    *[repaired, by_random_numbers, by_shuffle, masked],
    *[in_eager_tensorflow, in_float16, by_permuted, by_choice],
]


@pytest.mark.parametrize("function", RIGHT_REPAIRS)
def test_a_repaired_function_however_it_is_written(function):
    assert outcome("9.4", lambda gradients, is_trunk, rng: function(gradients, is_trunk, rng))[0] == "correct"


def test_orders_of_their_own_are_never_taken_for_a_common_one():
    for seed in range(20):

        def function(gradients, is_trunk, rng, seed=seed):
            return repaired(gradients, is_trunk, np.random.default_rng([seed, rng.integers(2**31)]))

        assert outcome("9.4", function)[0] == "correct"


def everywhere(gradients, is_trunk, rng, order=None):
    return repaired(gradients, np.ones_like(is_trunk), rng, order)


def without_heads(gradients, is_trunk, rng):
    return np.where(is_trunk, repaired(gradients, is_trunk, rng), 0)


def too_long(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, rng, squared_norms=(gradients**2).sum(axis=1))


def in_order(gradients, is_trunk, rng):
    return repaired(gradients, is_trunk, rng, range(len(gradients)))


def changed_others(gradients, is_trunk, rng):
    rows = gradients[:, is_trunk].copy()
    for head in range(len(rows)):
        for other in rng.permutation(len(rows)):
            if other != head:
                rows[head] -= min(rows[head] @ rows[other], 0) / (rows[other] @ rows[other]) * rows[other]
    update = gradients.sum(axis=0)
    update[is_trunk] = rows.sum(axis=0)
    return update


def removes(overlap):
    """Return a repaired function that takes out other parts: `overlap(own, left, other)` is the product that counts."""

    def function(gradients, is_trunk, rng):
        update, rows = gradients.sum(axis=0), gradients[:, is_trunk]
        total = np.zeros_like(rows[0])
        for head, own in enumerate(rows):
            left = own
            for other in rng.permutation(len(rows)):
                if other != head:
                    left = left - overlap(own, left, rows[other]) / (rows[other] @ rows[other]) * rows[other]
            total += left
        update[is_trunk] = total
        return update

    return function


WEAK = "two heads with the cosine -0.02 get the plain sum: each scalar product below 0 is a conflict"
AS_IT_IS = "must look at the gradient as it is after the parts taken out before"
OTHER_PARTS = {
    "always": (lambda own, left, other: left @ other, "it takes parts out where there is no conflict."),
    "always, as it was": (lambda own, left, other: own @ other, "it takes parts out where there is no conflict."),
    "turned": (lambda own, left, other: max(left @ other, 0), "no conflict, and not in a conflict."),
    "condition as it was": (
        lambda own, left, other: left @ other if own @ other < 0 else 0,
        f"the condition {AS_IT_IS}.",
    ),
    "all as it was": (
        lambda own, left, other: min(own @ other, 0),
        f"the condition {AS_IT_IS}, and so must the amount.",
    ),
    "amount as it was": (lambda own, left, other: own @ other if left @ other < 0 else 0, f"the amount {AS_IT_IS}."),
    "cosine": (lambda own, left, other: left @ other if cosine(left, other) < -0.2 else 0, WEAK),
    "weak cosine": (lambda own, left, other: left @ other if cosine(left, other) < -0.05 else 0, WEAK),
    "product": (lambda own, left, other: left @ other if left @ other < -0.1 else 0, WEAK),
    "above 0": (lambda own, left, other: left @ other if left @ other < 0.1 else 0, "where there is no conflict."),
    "both conditions": (
        lambda own, left, other: min(left @ other, 0) if own @ other < 0 else 0,
        f"the condition {AS_IT_IS}, and at nothing else.",
    ),
    "one condition of two": (
        lambda own, left, other: left @ other if min(own @ other, left @ other) < 0 else 0,
        "fits no order",
    ),
    "not along the nearest": (
        lambda own, left, other: left @ other if -0.7 < cosine(left, other) < 0 else 0,
        "get the plain sum: each scalar product below 0 is a conflict.",
    ),
}


@pytest.mark.parametrize(("overlap", "words"), OTHER_PARTS.values(), ids=OTHER_PARTS)
@pytest.mark.parametrize("seed", range(3))
def test_parts_that_pcgrad_does_not_take_out(overlap, words, seed):
    def function(gradients, is_trunk, rng):
        return removes(overlap)(gradients, is_trunk, np.random.default_rng([seed, rng.integers(2**31)]))

    state, message = outcome("9.4", function)
    assert (state, words in f"{message.removesuffix('.')}.") == ("not yet", True), message


def test_the_heads_meet_with_mixed_signs():
    """Some pairs conflict and others do not, and a removal ends some conflicts and brings others about."""
    ends = begins = 0
    for seed, rows in enumerate(checks.MIXED):
        gradients, is_trunk = checks._with_heads(seed, rows)
        trunk = gradients[:, is_trunk]
        products = (trunk @ trunk.T)[np.triu_indices(len(trunk), 1)]
        assert len(trunk) == 2 or products.min() < 0 < products.max()
        for own, first, second in itertools.permutations(trunk, 3):
            before, after = own @ second, clean(own, first) @ second
            ends += before < 0 < after
            begins += after < 0 < before
    assert ends >= 3
    assert begins >= 3


WRONG_REPAIRS = {
    "as it was": (lambda g, t, r: everywhere(g, t, r, range(len(g))), "the parameters of the heads are projected too"),
    "order only": (everywhere, "the parameters of the heads are projected too"),
    "trunk only": (in_order, "the order is the same in each call"),
    "one order": (one_order, "one common order: draw a new order for each head"),
    "turned order": (turned_order, "three orders at most"),
    "alternating": (alternating, "that of another one, turned round"),
    "two orders": (two_orders, "one common order"),
    "rolled": (rolled, "three orders at most"),
    "first head alone": (first_head_alone, "three orders at most"),
    "three heads": (for_three_heads, "with 4 heads, the trunk's update fits no order"),
    "own generator": (own_generator, "draw the orders from `rng`"),
    "NumPy's generator": (numpys_generator, "draw the orders from `rng`"),
    "same seed": (lambda g, t, r: repaired(g, t, np.random.default_rng(0)), "the order is the same in each call"),
    "in place": (cleared, "your function changes `gradients` itself"),
    "zero heads": (without_heads, "they need their plain gradients"),
    "too long": (too_long, "the norms are taken over all columns"),
    "plain sum": (lambda g, t, r: g.sum(axis=0), "the trunk gets the plain sum"),
    "mean": (lambda g, t, r: repaired(g, t, r) / len(g), "do not get their plain gradients"),
    "changed others": (changed_others, "fits no order"),
    "mean on the trunk": (lambda g, t, r: repaired(g, t, r) / np.where(t, len(g), 1), "the mean over the heads"),
    "trunk columns": (lambda g, t, r: repaired(g, t, r)[t], "should have shape"),
    "nothing": (lambda g, t, r: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_REPAIRS.values(), ids=WRONG_REPAIRS)
def test_wrong_repairs(answer, words):
    refused("9.4", lambda gradients, is_trunk, rng: answer(gradients, is_trunk, rng), words)


# --- All mistakes that a check can name


@pytest.mark.parametrize(("question", "table"), [("9.2", checks.SURGERIES), ("9.3", checks.MIXTURES)])
def test_each_mistake_hears_its_own_words(question, table):
    told = []
    for words, mistake in table:
        state, message = outcome(question, mistake)
        told.append((state, words == message.removesuffix(".")))
    small = sum("is added to the number" in words for words, _ in table)  # the smallest of these change nothing
    assert told.count(("not yet", True)) >= len(table) - small // 2
    assert {state for state, named in told if not named} <= {"correct"}
