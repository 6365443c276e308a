"""The check of question 9.4, with its random orders: right answers pass, wrong ones hear why not."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

from mos_checks import lesson_09 as checks


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
    "cosine": (lambda own, left, other: left @ other if checks._cosine(left, other) < -0.2 else 0, WEAK),
    "weak cosine": (lambda own, left, other: left @ other if checks._cosine(left, other) < -0.05 else 0, WEAK),
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
        lambda own, left, other: left @ other if -0.7 < checks._cosine(left, other) < 0 else 0,
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
            before, after = own @ second, checks._cleaned(own, first) @ second
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
