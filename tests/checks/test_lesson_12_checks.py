"""The checks of exercise 12: right answers pass, wrong ones hear why not."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy import special

from mos_helpers.hierarchy import MarginalCrossentropy

# --- 12.1


def row_of(name, tree):
    for level, classes in enumerate(tree.levels):
        if name in classes:
            return tree.matrix(level)[:, classes.index(name)]
    return np.ones(len(tree.leaves))


def by_columns(names, tree):
    return np.stack([row_of(name, tree) for name in names])


def by_paths(names, tree):
    def path(leaf):
        found = [leaf]
        while found[-1] is not None:
            found.append(tree.group_of(found[-1]))
        return found

    return [[int(name in path(leaf)) for leaf in tree.leaves] for name in names]


def as_bools(names, tree):
    return by_columns(names, tree) > 0


def rows_by_keras(names, tree):
    every = np.concatenate([tree.matrix(k) for k in range(len(tree.levels))] + [np.ones((len(tree.leaves), 1))], axis=1)
    classes = [name for level in tree.levels for name in level] + [None]
    return keras.ops.take(keras.ops.transpose(every), [classes.index(name) for name in names], axis=0)


def as_a_tensor(names, tree):
    return tf.constant(by_columns(names, tree), tf.int32)


def as_lists_of_booleans(names, tree):
    return [[bool(cell) for cell in row_of(name, tree)] for name in names]


def in_half_precision(names, tree):
    return keras.ops.convert_to_tensor(by_columns(names, tree), "bfloat16")


def from_the_children(names, tree):
    def leaves(name):
        below = tree.children.get(name, ())
        return [name] if not below else [leaf for child in below for leaf in leaves(child)]

    return np.array([[name is None or leaf in leaves(name) for leaf in tree.leaves] for name in names], dtype="int8")


@pytest.mark.parametrize(
    "function",
    [
        by_columns,
        by_paths,
        as_bools,
        rows_by_keras,
        as_a_tensor,
        as_lists_of_booleans,
        in_half_precision,
        from_the_children,
        functools.partial(by_columns),
    ],
)
def test_rows_however_they_are_made(function):
    assert outcome("12.1", function) == ("correct", "")


def with_none(row):
    return lambda names, tree: np.stack([row_of(n, tree) if n is not None else row(len(tree.leaves)) for n in names])


def sorted_leaves(names, tree):
    return by_columns(names, tree)[:, np.argsort(tree.leaves)]


def writes_into_names(names, tree):
    rows = by_columns(names, tree)
    for place, name in enumerate(names):
        names[place] = tree.leaves[0] if name is None else name
    return rows


def some_levels(count):
    """Look in the first levels and in the leaves only."""

    def rows(names, tree):
        known = {None: np.ones(len(tree.leaves))} | dict(zip(tree.leaves, np.eye(len(tree.leaves)), strict=True))
        for level in range(min(count, len(tree.levels))):
            known |= dict(zip(tree.levels[level], tree.matrix(level).T, strict=True))
        return np.stack([known.get(name, np.zeros(len(tree.leaves))) for name in names])

    return rows


def by_parts_of_names(names, tree):
    """Take a leaf for possible if its name holds the label."""
    rows = by_columns(names, tree)
    for row, name in zip(rows, names, strict=True):
        if name in tree.leaves:
            row[[name in leaf for leaf in tree.leaves]] = 1
    return rows


def with_a_memory():
    known = {}

    def rows(names, tree):
        for name in names:
            known.setdefault((name, len(tree.leaves) if name is None else 0), row_of(name, tree))
        return np.stack([known[name, len(tree.leaves) if name is None else 0] for name in names])

    return rows


WRONG_ROWS = {
    "four levels": (some_levels(4), "is every level searched?"),
    "six levels": (some_levels(5), "in a tree with 7 levels the row of 'tt' is all zeros: is every level searched?"),
    "parts of names": (by_parts_of_names, "the row of 'c' should have a 1 for c, and yours has for"),
    "remembers another tree": (with_a_memory(), "the row of '3' should have a 1 for 3, and yours has for"),
    "as text": (lambda n, t: by_columns(n, t).astype(int).astype(str), "should hold numbers"),
    "one row": (lambda n, t: by_columns(n, t)[0], "should have shape"),
    "three levels": (some_levels(2), "the row of 'pine' is all zeros: is every level searched?"),
    "writes into names": (writes_into_names, "your function changes `names`"),
    "none is NaN": (with_none(lambda n: np.full(n, np.nan)), "should hold finite numbers"),
    "none is the first": (with_none(lambda n: np.eye(n)[0]), "the row of None should be all ones"),
    "two levels": (some_levels(1), "is all zeros: is every level searched?"),
    "sorted": (sorted_leaves, "should have a 1 for"),
    "turned": (lambda n, t: by_columns(n, t).T, "a row for each label"),
    "twice": (lambda n, t: 2 * by_columns(n, t), "only zeros and ones"),
    "minus one for zero": (lambda n, t: 2 * by_columns(n, t) - 1, "only zeros and ones"),
    "always all": (lambda n, t: np.ones((len(n), len(t.leaves))), "is all ones, but it is a known class"),
    "leaf numbers": (lambda n, t: np.arange(len(n)), "should have shape"),
    "by group": (lambda n, t: t.matrix()[: len(n)], "should have shape"),
    "the rows": (by_columns(["a"], type("T", (), {"levels": (), "leaves": "abc"})), "should be a function"),
    "nothing": (lambda n, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_wrong_rows(answer, words):
    refused("12.1", answer, words)


# --- 12.2


def inside(possible, logits):
    return np.where(possible > 0, logits, -np.inf)


def by_scipy(possible, logits):
    return special.logsumexp(logits, axis=1) - special.logsumexp(logits, axis=1, b=possible)


def by_hand(possible, logits):
    def sums(numbers):
        largest = numbers.max(axis=1)
        return np.log(np.exp(numbers - largest[:, None]).sum(axis=1)) + largest

    return sums(logits) - sums(inside(possible, logits))


def by_loops(possible, logits):
    losses = []
    for row, label in zip(logits, possible, strict=True):
        every = np.logaddexp.reduce(row.astype("float64"))
        losses.append(float(every - np.logaddexp.reduce([z for z, y in zip(row, label, strict=True) if y])))
    return losses


def by_the_helper(possible, logits):
    return MarginalCrossentropy(reduction=None)(possible, logits)


def by_tensorflow(possible, logits):
    logs = tf.nn.log_softmax(logits)
    return -tf.reduce_logsumexp(tf.where(possible > 0, logs, tf.constant(-np.inf)), axis=1)


def with_a_large_negative_number(possible, logits):
    logits = logits.astype("float64")
    return special.logsumexp(logits, axis=1) - special.logsumexp(logits - 1e9 * (1 - possible), axis=1)


def with_minus_a_billion(possible, logits):
    return special.logsumexp(logits, axis=1) - special.logsumexp(np.where(possible > 0, logits, -1e9), axis=1)


def filler(number):
    return lambda possible, logits: (
        special.logsumexp(logits.astype("float64"), axis=1)
        - special.logsumexp(np.where(possible > 0, logits, number).astype("float64"), axis=1)
    )


def as_a_class():
    class Loss:
        def __call__(self, possible, logits):
            return by_hand(possible, logits)

    return Loss()


def by_keras(possible, logits):
    inside = keras.ops.where(possible > 0, logits, -1e30)
    return keras.ops.logsumexp(logits, axis=1) - keras.ops.logsumexp(inside, axis=1)


def of_the_difference(possible, logits):
    """Take the largest possible logit away from all logits first."""
    moved = (logits - inside(possible, logits).max(axis=1, keepdims=True)).astype("float64")
    return special.logsumexp(moved, axis=1) - np.log((np.exp(np.minimum(moved, 0)) * (possible > 0)).sum(axis=1))


def rounded(possible, logits):
    return np.round(by_loops(possible, logits), 5).tolist()


@pytest.mark.parametrize(
    "function",
    [
        as_a_class(),
        functools.partial(by_hand),
        by_keras,
        of_the_difference,
        rounded,
        filler(-1e7),
        by_scipy,
        by_hand,
        by_loops,
        by_the_helper,
        by_tensorflow,
        with_a_large_negative_number,
        with_minus_a_billion,
    ],
)
def test_a_loss_however_it_is_computed(function):
    assert outcome("12.2", function) == ("correct", "")


def logs(logits):
    return special.log_softmax(logits, axis=1)


def p(logits):
    return special.softmax(logits, axis=1)


def quietly(function):
    def quiet(possible, logits):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(possible, logits)

    return quiet


def exponentials(possible, logits):
    powers = np.exp(logits)
    return -np.log((powers * possible).sum(axis=1) / powers.sum(axis=1))


def one_largest(possible, logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.log(powers.sum(axis=1)) - np.log((powers * possible).sum(axis=1))


def clipped(possible, logits):
    return -np.log(np.maximum((p(logits.astype("float64")) * possible).sum(axis=1), 1e-30))


def in_place(possible, logits):
    every = special.logsumexp(logits, axis=1)
    logits[possible == 0] = -np.inf
    return every - special.logsumexp(logits, axis=1)


def by_long_numbers(possible, logits):
    return -np.log((special.softmax(logits.astype("longdouble"), axis=1) * possible).sum(axis=1))


def largest_of_the_array(possible, logits):
    def sums(numbers):
        return np.log(np.exp(numbers - numbers.max()).sum(axis=1)) + numbers.max()

    logits = logits.astype("float64")
    return sums(logits) - sums(inside(possible, logits))


def ten_thousand_less(possible, logits):
    return special.logsumexp(logits, axis=1) - special.logsumexp(logits - 1e4 * (1 - possible), axis=1)


def fills_possible(possible, logits):
    found = by_hand(possible, logits)
    possible[possible == 0] = -np.inf
    return found


WRONG_LOSSES = {
    "in place": (in_place, "your function changes `logits`"),
    "long numbers": (by_long_numbers, "Use no probabilities: two logsumexp"),
    "ten thousand less": (ten_thousand_less, "an impossible leaf is not quite out of the sum"),
    "largest of the array": (largest_of_the_array, "take the largest of each row, not of the whole array"),
    "naive": (
        lambda y, z: -np.log((p(z) * y).sum(axis=1)),
        "for the logits [0, 0, 1000] it gives inf instead of 999.3",
    ),
    "exponentials": (exponentials, "a probability became 0, or an exponential infinite"),
    "one largest number": (one_largest, "Use no probabilities: two logsumexp"),
    "clipped": (clipped, "a loss that is cut off has no gradient there"),
    "mean": (lambda y, z: by_hand(y, z).mean(), "do not average"),
    "half": (lambda y, z: by_hand(y, z) / 2, "logits of moderate size"),
    "filler of a hundred": (filler(-100), "an impossible leaf is not quite out of the sum"),
    "filler of ten to the fifth": (filler(-1e5), "an impossible leaf is not quite out of the sum"),
    "filler of a million": (filler(-1e6), "an impossible leaf is not quite out of the sum"),
    "smallest number of 16 bits": (filler(-65504), "an impossible leaf is not quite out of the sum"),
    "a million less": (
        lambda y, z: special.logsumexp(z, axis=1) - special.logsumexp(z - 1e6 * (1 - y), axis=1),
        "an impossible leaf is not quite out of the sum",
    ),
    "limited logits": (
        lambda y, z: by_hand(y, z.clip(-500, 500)),
        "moderate logits are right, but for the logits [0, 0, 1000] it gives 499.3069 instead of 999.3069.",
    ),
    "a little added": (lambda y, z: -np.log((p(z) * y).sum(axis=1) + 1e-12), "a loss that is cut off"),
    "rounded probabilities": (lambda y, z: -np.log(np.clip((p(z) * y).sum(axis=1), 1e-7, 1)), "a loss that is cut off"),
    "wrong for fine labels": (
        lambda y, z: np.where(y.sum(axis=1) == 1, 0, by_hand(y, z)),
        "logits of moderate size",
    ),
    "in half precision": (lambda y, z: by_hand(y, z.astype("float16")), "moderate logits are right, but"),
    "text": (lambda y, z: [str(one) for one in by_hand(y, z)], "should hold numbers"),
    "possible is filled": (fills_possible, "your function changes `possible`"),
    "column": (lambda y, z: by_hand(y, z)[:, None], "one number for each row"),
    "each leaf": (lambda y, z: -y * logs(z), "one number for each row"),
    "NaN": (lambda y, z: by_hand(y, z) * np.nan, "holds NaN or infinity"),
    "infinite for fine labels": (
        lambda y, z: np.where(y.sum(axis=1) == 1, np.inf, by_hand(y, z)),
        "holds NaN or infinity",
    ),
    "nothing": (lambda y, z: None, "is a `return` missing?"),
    "a loss": (MarginalCrossentropy, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_wrong_losses(answer, words):
    refused("12.2", quietly(answer) if not isinstance(answer, type) else answer, words)


# --- 12.3


def q(possible, logits):
    return special.softmax(inside(possible, logits), axis=1)


def by_formula(possible, logits):
    return p(logits) - q(possible, logits)


def by_tape(possible, logits):
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(by_tensorflow(possible, variable))
    return tape.gradient(total, variable)


def by_cases(possible, logits):
    probability = p(logits)
    group = (probability * possible).sum(axis=1, keepdims=True)
    return np.where(possible > 0, -probability * (1 - group) / group, probability)


def by_differences(possible, logits):
    logits, step = logits.astype("float64"), 1e-5
    gradient = np.zeros_like(logits)
    for column in range(logits.shape[1]):
        moved = np.zeros_like(logits)
        moved[:, column] = step
        difference = by_hand(possible, logits + moved) - by_hand(possible, logits - moved)
        gradient[:, column] = difference / (2 * step)
    return gradient


def to_four_digits(possible, logits):
    return np.round(by_formula(possible, logits), 4).tolist()


def gradient_by_loops(possible, logits):
    rows = []
    for label, row in zip(possible, logits, strict=True):
        powers = np.exp(row - row.max())
        among = powers * label
        rows.append(powers / powers.sum() - among / among.sum())
    return tuple(rows)


@pytest.mark.parametrize("function", [by_formula, by_tape, by_cases, by_differences, to_four_digits, gradient_by_loops])
def test_a_gradient_however_it_is_computed(function):
    assert outcome("12.3", function) == ("correct", "")


def gradient_in_place(possible, logits):
    p_all = p(logits)
    logits[possible == 0] = -np.inf
    return p_all - p(logits)


WRONG_GRADIENTS = {
    "in place": (gradient_in_place, "your function changes `logits`"),
    "two decimals": (lambda y, z: by_formula(y, z).round(2), "it is rounded to 2 decimals"),
    "in half precision": (lambda y, z: by_formula(y, z).astype("float16") + np.float16(0.01), "add up to 0"),
    "right for groups only": (
        lambda y, z: np.where(y.sum(axis=1, keepdims=True) == 1, y - p(z), by_formula(y, z)),
        "it differs from the right gradient",
    ),
    "clipped": (lambda y, z: by_formula(y, z).clip(-0.5, 0.5), "add up to 0"),
    "the loss of one row": (lambda y, z: by_formula(y, z)[0], "should have shape"),
    "not in balance": (lambda y, z: p(z) - 0.9 * q(y, z), "each row should add up to 0"),
    "wrong leaves": (lambda y, z: p(z) - q(1 - y + 1e-9, z), "it differs from the right gradient"),
    "the loss": (by_hand, "should have shape"),
    "turned": (lambda y, z: by_formula(y, z).T, "should have shape"),
    "nothing": (lambda y, z: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_GRADIENTS.values(), ids=WRONG_GRADIENTS)
def test_wrong_gradients(answer, words):
    refused("12.3", answer, words)


# --- 12.4


@pytest.mark.parametrize(
    "logits",
    [
        np.array([10.0, 0, 0, 0]),
        [0, 20, 0, 0],
        (9, 1, 1, 1),
        tf.constant([[1000.0, 0.0, -5.0, 3.0]]),
        np.array([[12], [-7], [1], [0]]),
        np.array([5, -1, -20, -20]),
        np.log([0.997, 0.001, 0.001, 0.001]),
        np.float16([12, -3, 0, 0]),
        keras.ops.convert_to_tensor([15.0, 0, 0, 0], "bfloat16"),
        [np.float32(11), 0, 0, True],
        tf.Variable([-1e6, 1e6, 0, 0]),
    ],
)
def test_logits_that_are_sure_of_one_class(logits):
    state, message = outcome("12.4", logits)
    assert state == "correct"
    assert "The right loss is" in message
    assert "the average of logs" in message


WRONG_LOGITS = {
    "undecided": ([20, 20, 0, 0], "Two equal ones are what the average of logs likes best"),
    "too near": ([8, 6, -1, -1], "it should be above 2"),
    "wrong class": ([0, 0, 10, 0], "the right one should be below 0.01, so the first two need more"),
    "probabilities": ([0.97, 0.01, 0.01, 0.01], "These look like probabilities: logits may be any numbers"),
    "a little sure": ([4, 0, 0, 0], "the right one should be below 0.01"),
    "equal": (np.zeros(4), "the right one should be below 0.01"),
    "three": ([10, 0, 0], "should be four logits"),
    "two rows": (np.zeros((2, 4)), "should be four logits"),
    "infinite": ([np.inf, 0, 0, 0], "should hold finite numbers"),
    "minus infinity": ([0, -np.inf, -np.inf, -np.inf], "should hold finite numbers"),
    "a function": (lambda: [10, 0, 0, 0], "should be an array"),
    "text": (["10", "0", "0", "0"], "should hold numbers"),
    "both": ([9.5, 7, 1, 1], "it should be above 2"),
    "a dictionary": ({"unfair": [10, 0, 0, 0]}, "should be an array"),
    "none": (None, "is a `return` missing"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOGITS.values(), ids=WRONG_LOGITS)
def test_wrong_logits(answer, words):
    refused("12.4", answer, words)
