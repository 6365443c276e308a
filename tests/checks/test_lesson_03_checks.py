"""The checks of exercise 3: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy import linalg, special

# --- 3.1


def softmax(numbers, axis=1):
    return special.softmax(numbers, axis=axis)


def cut_by(**changes):
    """The cut asked for; `changes` gives an answer another function of the vector."""
    parts = {
        "left": lambda vector: softmax(vector[:, :10]),
        "right": lambda vector: softmax(vector[:, 10:20]),
        "same": lambda vector: special.expit(vector[:, 20:]),
    } | changes
    return lambda vector: {name: part(vector) for name, part in parts.items()}


def by_keras(vector):
    left, right, same = keras.ops.split(vector, [10, 20], axis=-1)
    return {"same": keras.ops.sigmoid(same), "right": keras.ops.softmax(right), "left": keras.ops.softmax(left)}


def by_tensorflow(vector):
    left, right, same = tf.split(vector, [10, 10, 1], axis=1)
    return {"left": tf.nn.softmax(left), "right": tf.nn.softmax(right), "same": tf.math.sigmoid(same)}


def by_hand(vector):
    def share(block):
        return np.exp(block) / np.exp(block).sum(axis=1, keepdims=True)

    return {"left": share(vector[:, :10]), "right": share(vector[:, 10:20]), "same": 1 / (1 + np.exp(-vector[:, [20]]))}


def by_layers(vector):
    blocks = keras.layers.Softmax()(vector[:, :20].reshape(-1, 2, 10))
    same = keras.layers.Activation("sigmoid")(vector[:, -1:])
    return {"left": blocks[:, 0], "right": blocks[:, 1], "same": same}


def in_place_on_a_copy(vector):
    vector = np.array(vector)
    vector[:, :10] = softmax(vector[:, :10])
    vector[:, 10:20] = softmax(vector[:, 10:20])
    vector[:, 20] = special.expit(vector[:, 20])
    return dict(zip(["left", "right", "same"], np.split(vector, [10, 20], axis=1), strict=True))


def as_lists(vector):
    return {name: value.tolist() for name, value in cut_by()(vector).items()}


def of_type(kind):
    return lambda vector: {name: tf.cast(value, kind) for name, value in by_keras(tf.cast(vector, kind)).items()}


class Cut:
    def __call__(self, vector):
        return by_keras(tf.constant(vector))


RIGHT_CUTS = [cut_by(), by_keras, by_tensorflow, by_hand, by_layers, in_place_on_a_copy, as_lists, Cut()]
RIGHT_CUTS += [
    of_type("float16"),
    of_type("bfloat16"),
    lambda v: {k: a.astype("float16") for k, a in by_hand(v).items()},
]
RIGHT_CUTS += [functools.partial(lambda at, vector: cut_by()(vector[:, at]), slice(None))]


@pytest.mark.parametrize("function", RIGHT_CUTS)
def test_a_cut_however_it_is_made(function):
    assert outcome("3.1", function)[0] == "correct"


def in_place(vector):
    vector[:, :10] = softmax(vector[:, :10])
    return {"left": vector[:, :10], "right": softmax(vector[:, 10:20]), "same": special.expit(vector[:, 20:])}


def wrong_for_few(vector):
    found = cut_by()(vector)
    return found if len(vector) > 1 else {name: found["left"] if name == "right" else found[name] for name in found}


WRONG_CUTS = {
    "in place": (in_place, "your function changes `vector` itself"),
    "rounded": (cut_by(left=lambda v: softmax(v[:, :10]).round(2)), "it is rounded to 2 decimals"),
    "wrong for one image": (wrong_for_few, "the answer right differs from the right probabilities"),
    "text": (cut_by(left=lambda v: softmax(v[:, :10]).astype(str)), "the answer left should hold numbers"),
    "another key": (lambda v: {k.title(): p for k, p in cut_by()(v).items()}, "should be left, right and same"),
    "tanh": (cut_by(same=lambda v: np.tanh(v[:, 20:])), "the answer same differs"),
    "log softmax": (cut_by(left=lambda v: special.log_softmax(v[:, :10], axis=1)), "the answer left differs"),
    "flat same": (cut_by(same=lambda v: special.expit(v[:, 20])), "20: keeps the second axis"),
    "one column off": (cut_by(right=lambda v: softmax(v[:, 11:21])), "the answer right differs from the right"),
    "one too few": (cut_by(right=lambda v: softmax(v[:, 10:19])), "the answer right should have shape"),
    "no same": (lambda v: {"left": softmax(v[:, :10]), "right": softmax(v[:, 10:20])}, "yours are left and right"),
    "a tuple": (lambda v: (softmax(v[:, :10]), softmax(v[:, 10:20])), "should be a dict"),
    "nothing": (lambda v: None, "is a `return` missing?"),
    "a result": (cut_by()(np.zeros((2, 21))), "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_CUTS.values(), ids=WRONG_CUTS)
def test_wrong_cuts(answer, words):
    refused("3.1", answer, words)


# --- 3.2


def table(pair):
    return np.asarray(pair).reshape(-1, 10, 10)


def by_columns(pair):
    left = np.stack([pair[:, 10 * digit : 10 * digit + 10].sum(axis=1) for digit in range(10)], axis=1)
    return {"left": left, "right": np.stack([pair[:, digit::10].sum(axis=1) for digit in range(10)], axis=1)}


def by_product(pair):
    belongs = np.eye(10)[np.arange(100) // 10], np.eye(10)[np.arange(100) % 10]
    return {"right": pair @ belongs[1], "left": pair @ belongs[0]}


def by_lists(pair):
    rows = [[float(cell) for cell in row] for row in pair]
    left = [[sum(row[10 * digit + other] for other in range(10)) for digit in range(10)] for row in rows]
    right = [[sum(row[10 * other + digit] for other in range(10)) for digit in range(10)] for row in rows]
    return {"left": left, "right": right}


def by_operations(pair):
    cells = keras.ops.reshape(pair, (-1, 10, 10))
    return {"left": keras.ops.sum(cells, axis=2), "right": keras.ops.sum(cells, axis=1)}


def by_einsum(pair):
    cells = tf.reshape(tf.constant(pair), (-1, 10, 10))
    return {"left": tf.einsum("nlr->nl", cells), "right": tf.einsum("nlr->nr", cells)}


def in_half(pair):
    return {name: np.float16(value) for name, value in by_columns(pair).items()}


def in_bfloat16(pair):
    cells = tf.reshape(tf.cast(pair, "bfloat16"), (-1, 10, 10))
    return {"left": tf.reduce_sum(cells, 2), "right": tf.reduce_sum(cells, 1)}


def by_counting(pair):
    found = {"left": np.zeros((len(pair), 10)), "right": np.zeros((len(pair), 10))}
    for column in range(pair.shape[1]):
        found["left"][:, column // 10] += pair[:, column]
        found["right"][:, column % 10] += pair[:, column]
    return found


RIGHT_SUMS = [by_columns, by_product, by_lists, by_operations, by_einsum, in_half, in_bfloat16, by_counting]


@pytest.mark.parametrize("function", RIGHT_SUMS)
def test_two_answers_however_they_are_summed(function):
    assert outcome("3.2", function)[0] == "correct"


def both(reduce):
    """Reduce the table over the right axes in another way."""
    return lambda pair: {"left": reduce(table(pair), 2), "right": reduce(table(pair), 1)}


def reshaped_in_place(pair):
    pair *= 0.5
    return {"left": 2 * table(pair).sum(axis=2), "right": 2 * table(pair).sum(axis=1)}


def independent(pair):
    """The likeliest right digit's row and the likeliest left digit's column, as if they told all."""
    cells, rows = table(pair), np.arange(len(pair))
    left = cells[rows, :, cells.sum(axis=1).argmax(axis=1)]
    return {"left": left / left.sum(axis=1, keepdims=True), "right": cells.sum(axis=1)}


WRONG_ANSWERS = {
    "in place": (reshaped_in_place, "your function changes `pair` itself"),
    "rounded to two": (both(lambda cells, axis: cells.sum(axis=axis).round(2)), "it is rounded to 2 decimals"),
    "rounded to three": (both(lambda cells, axis: cells.sum(axis=axis).round(3)), "it is rounded to 3 decimals"),
    "rounded to one": (both(lambda cells, axis: cells.sum(axis=axis).round(1)), "it is rounded to 1 decimals"),
    "given the other": (independent, "the answer left differs"),
    "logarithms": (both(lambda cells, axis: np.log(cells.sum(axis=axis) + 1e-9)), "has a total of"),
    "digits": (lambda p: {"left": p.argmax(1) // 10, "right": p.argmax(1) % 10}, "one digit for each image"),
    "both left": (lambda p: dict.fromkeys(["left", "right"], table(p).sum(axis=2)), "the answer right differs"),
    "over images": (lambda p: {"left": table(p).sum(axis=0), "right": table(p).sum(axis=1)}, "should have shape"),
    "first ten": (lambda p: {"left": p[:, :10], "right": p[:, ::10]}, "has a total of"),
    "the table": (lambda p: {"left": table(p), "right": table(p)}, "should have shape (40, 10)"),
    "another order": (
        lambda p: {"left": p.reshape(10, 10, -1).sum(axis=1).T, "right": p.reshape(10, 10, -1).sum(axis=0).T},
        "the answer left",
    ),
    "one answer": (lambda p: {"left": table(p).sum(axis=2)}, "should be left and right, and yours are left"),
    "nothing": (lambda p: print(p), "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_wrong_answers(answer, words):
    refused("3.2", answer, words)


# --- 3.3


def size(inputs, units, classes):
    return (inputs + 1) * units + (units + 1) * sum(classes)


def formula(inputs, units, classes):
    total = sum(classes)
    return units * (inputs + 1 + total) // (len(classes) * (inputs + 1) + total)


def counted_down(inputs, units, classes):
    for fair in range(units, -1, -1):
        if sum(size(inputs, fair, [number]) for number in classes) <= size(inputs, units, classes):
            return np.int64(fair)
    return None


def by_models(inputs, units, classes):
    def parameters(width, numbers):
        image = keras.Input((inputs,))
        hidden = keras.layers.Dense(width)(image)
        return keras.Model(image, [keras.layers.Dense(number)(hidden) for number in numbers]).count_params()

    shared, fair, more = parameters(units, classes), 0, units + 1
    while more > fair + 1:
        middle = (fair + more) // 2
        fits = sum(parameters(middle, [number]) for number in classes) <= shared
        fair, more = (middle, more) if fits else (fair, middle)
    return fair


def as_float(inputs, units, classes):
    return float(formula(inputs, units, classes))


def counted_up(inputs, units, classes):
    found = 0
    while sum(size(inputs, found + 1, [number]) for number in classes) <= size(inputs, units, classes):
        found += 1
    return tf.constant(found)


def listed(inputs, units, classes):
    total = size(inputs, units, classes)
    return max(n for n in range(units + 1) if sum(size(inputs, n, [c]) for c in classes) <= total)


def empties_a_copy(inputs, units, classes):
    left = list(classes)
    total = number = 0
    while left:
        total += left.pop()
        number += 1
    return np.int32(np.floor(units * (inputs + 1 + total) / (number * (inputs + 1) + total)))


@pytest.mark.parametrize("function", [formula, counted_down, by_models, as_float, counted_up, listed, empties_a_copy])
def test_a_fair_size_however_it_is_found(function):
    state, message = outcome("3.3", function)
    assert state == "correct"
    assert "Two networks with 49 units each are a fair match for a shared one with 96" in message


def below(inputs, units, classes):
    fair = 0
    while sum(size(inputs, fair + 1, [number]) for number in classes) < size(inputs, units, classes):
        fair += 1
    return fair


def from_one(inputs, units, classes):
    fair = 1
    while sum(size(inputs, fair + 1, [number]) for number in classes) <= size(inputs, units, classes):
        fair += 1
    return fair


def of_equal_heads(number):
    """All heads as large as one of them."""
    return lambda i, u, c: formula(i, u, [number(c)] * len(c))


def empties(inputs, units, classes):
    found = formula(inputs, units, classes)
    classes.clear()
    return found


WRONG_SIZES = {
    "a search up to a hundred": (lambda i, u, c: min(formula(i, u, c), 100), "inputs=5, units=240, classes=[3, 1]"),
    "a search from one": (from_one, "for inputs=3, units=1, classes=[2, 2] it gives 1"),
    "the first head": (of_equal_heads(lambda c: c[0]), "for inputs=20, units=40, classes=[2, 10] it gives 21"),
    "the last head": (of_equal_heads(lambda c: c[-1]), "classes="),
    "the largest head": (of_equal_heads(max), "classes="),
    "the smallest head": (of_equal_heads(min), "classes="),
    "empties the list": (empties, "your function changes `classes` itself"),
    "up to a hundred": (
        lambda i, u, c: min(formula(i, u, c), 17),
        "for inputs=289, units=96, classes=[10, 10] it gives 17",
    ),
    "text": (lambda i, u, c: str(formula(i, u, c)), "the result should be a number, and yours is the text"),
    "divided once": (
        lambda i, u, c: 48 if u == 96 else formula(i, u, c),
        "one unit more makes 29,420, which is still no more",
    ),
    "rounded": (lambda i, u, c: round(u * (i + 1 + sum(c)) / (len(c) * (i + 1) + sum(c))), "which is fewer"),
    "one more": (lambda i, u, c: formula(i, u, c) + 1, "which is fewer"),
    "not rounded": (lambda i, u, c: u * (i + 1 + sum(c)) / (len(c) * (i + 1) + sum(c)), "a whole number of units"),
    "fewer and not equal": (below, "for inputs=9, units=30, classes=[5, 5] it gives 19"),
    "the same": (lambda i, u, c: u, "it gives 96. The separate networks have"),
    "for two only": (lambda i, u, c: formula(i, u, c[:2]), "for inputs=5, units=12, classes=[3, 4, 1] it gives"),
    "the parameters": (size, "which is fewer"),
    "negative": (lambda i, u, c: -1, "there is no such layer"),
    "a list": (lambda i, u, c: [formula(i, u, [n]) for n in c], "should be a number"),
    "one argument": (lambda i: 49, "your function raised TypeError"),
    "a number": (49, "should be a function"),
    "nothing": (lambda i, u, c: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SIZES.values(), ids=WRONG_SIZES)
def test_wrong_sizes(answer, words):
    refused("3.3", answer, words)


# --- 3.4


def merged(left, right, /, **changes):
    """The merged weights asked for; `changes` gives a part other arrays."""
    nothing_left = np.zeros((len(left[2]), right[2].shape[1]))
    nothing_right = np.zeros((len(right[2]), left[2].shape[1]))
    parts = {
        "trunk": [np.hstack([left[0], right[0]]), np.hstack([left[1], right[1]])],
        "left": [np.vstack([left[2], nothing_right]), left[3]],
        "right": [np.vstack([nothing_left, right[2]]), right[3]],
    }
    return parts | changes


def right_first(left, right):
    found = merged(right, left)
    return {"trunk": found["trunk"], "left": found["right"], "right": found["left"]}


def padded(left, right):
    kernels = np.pad(left[2], ((0, len(right[2])), (0, 0))), np.pad(right[2], ((len(left[2]), 0), (0, 0)))
    trunk = tuple(np.concatenate([a, b], axis=-1) for a, b in zip(left[:2], right[:2], strict=True))
    return {"right": (kernels[1], right[3]), "left": (kernels[0], left[3]), "trunk": trunk}


def interleaved(left, right):
    order = np.random.default_rng(0).permutation(len(left[1]) + len(right[1]))
    found = merged(left, right)
    heads = {name: [found[name][0][order], found[name][1]] for name in ("left", "right")}
    return {"trunk": [array[..., order] for array in found["trunk"]], **heads}


def rescaled(left, right):
    found = merged(left, right)
    heads = {name: [found[name][0] / 2, found[name][1]] for name in ("left", "right")}
    return {"trunk": [2 * array for array in found["trunk"]], **heads}


def by_keras_model(left, right):
    image = keras.Input((len(left[0]),))
    trunk = keras.layers.Dense(len(left[1]) + len(right[1]), activation="relu", name="trunk")(image)
    model = keras.Model(image, {name: keras.layers.Dense(10, name=name)(trunk) for name in ("left", "right")})
    for name, weights in merged(left, right).items():
        model.get_layer(name).set_weights(weights)
    return {name: model.get_layer(name).get_weights() for name in ("trunk", "left", "right")}


def as_tensors(left, right):
    return {name: [tf.constant(a, tf.float32) for a in part] for name, part in merged(left, right).items()}


def by_block_diagonal(left, right):
    heads = linalg.block_diag(left[2], right[2])
    trunk = (np.column_stack([left[0], right[0]]), np.r_[left[1], right[1]])
    return {"trunk": trunk, "left": (heads[:, :10], left[3]), "right": (heads[:, 10:], right[3])}


def with_spare_units(left, right):
    found = merged(left, right)
    spare = {name: [np.pad(found[name][0], ((0, 2), (0, 0))), found[name][1]] for name in ("left", "right")}
    return {"trunk": [np.pad(found["trunk"][0], ((0, 0), (0, 2))), np.pad(found["trunk"][1], (0, 2))], **spare}


def in_float16(left, right):
    return {name: [np.float16(array) for array in part] for name, part in merged(left, right).items()}


RIGHT_MERGERS = [by_block_diagonal, with_spare_units, in_float16]


@pytest.mark.parametrize("function", RIGHT_MERGERS)
def test_networks_merged_in_another_form(function):
    assert outcome("3.4", function)[0] == "correct"


@pytest.mark.parametrize("function", [merged, right_first, padded, interleaved, rescaled, by_keras_model, as_tensors])
def test_networks_however_they_are_merged(function):
    assert outcome("3.4", function)[0] == "correct"


def one_below_the_other(left, right):
    return merged(left, right, trunk=[np.vstack([left[0], right[0]]), left[1]])


def averaged(left, right):
    trunk = [(a + b) / 2 for a, b in zip(left[:2], right[:2], strict=True)]
    return {"trunk": trunk, "left": left[2:], "right": right[2:]}


def not_padded(left, right):
    return merged(left, right, left=left[2:], right=right[2:])


def listening(left, right):
    both = np.vstack([left[2], right[2]])
    return merged(left, right, left=[both, left[3]], right=[both, right[3]])


def zeros_first(left, right):
    found = merged(left, right)
    return {**found, "left": [np.roll(found["left"][0], len(right[1]), axis=0), left[3]]}


def heads_swapped(left, right):
    found = merged(left, right)
    return {"trunk": found["trunk"], "left": found["right"], "right": found["left"]}


def same_trunk_twice(left, right):
    return merged(left, right, trunk=[np.hstack([left[0], left[0]]), np.hstack([left[1], left[1]])])


def no_trunk_bias(left, right):
    return merged(left, right, trunk=[np.hstack([left[0], right[0]]), np.zeros(len(left[1]) + len(right[1]))])


def biases_swapped(left, right):
    found = merged(left, right)
    return merged(left, right, left=[found["left"][0], right[3]], right=[found["right"][0], left[3]])


def biases_added(left, right):
    found = merged(left, right)
    return merged(left, right, left=[found["left"][0], left[3] + right[3]])


def halved(left, right):
    return merged(left, right, left=[merged(left, right)["left"][0] / 2, left[3]])


def appends(left, right):
    left.append(right[0])
    return merged(left[:4], right)


def adds_in_place(left, right):
    found = merged([array.copy() for array in left], right)
    left[1] += 1
    return found


WRONG_MERGERS = {
    "appends": (appends, "your function changes `left` itself"),
    "adds in place": (adds_in_place, "your function changes `left` itself"),
    "halved in float16": (
        lambda a, b: in_float16([*a[:2], a[2] / 2, a[3]], b),
        "the head left differs from the left network's answers",
    ),
    "one below the other": (one_below_the_other, "has 12 rows, and there are 6 inputs: join the kernels along axis=1"),
    "averaged": (averaged, "the trunk has 5 units, and the two networks have 10 together"),
    "left only": (lambda a, b: merged(a, b, trunk=a[:2]), "the trunk has 5 units, and the two networks have 10"),
    "not padded": (not_padded, "the kernel of left has 5 rows, and the trunk has 10 units: one row for each"),
    "listening": (listening, "the head left listens to units of the right network"),
    "zeros first": (zeros_first, "the head left has its rows at the wrong places"),
    "heads swapped": (heads_swapped, "the head left gives the answers of the right network"),
    "same trunk twice": (same_trunk_twice, "not all units of the right network are in the trunk"),
    "no trunk bias": (no_trunk_bias, "not all units of the left network are in the trunk"),
    "biases swapped": (biases_swapped, "the bias of the head left is not the one of the left network's head"),
    "biases added": (biases_added, "the bias of the head left is not the one of the left network's head"),
    "halved": (halved, "the head left differs from the left network's answers"),
    "kernels only": (lambda a, b: {k: v[0] for k, v in merged(a, b).items()}, "should hold two arrays"),
    "kernel as bias": (lambda a, b: merged(a, b, left=[a[2], a[2]]), "the bias of left should have shape"),
    "short bias": (lambda a, b: merged(a, b, trunk=[np.hstack([a[0], b[0]]), a[1]]), "one for each unit wanted"),
    "a list": (lambda a, b: [*merged(a, b).values()], "should be a dict"),
    "no trunk": (lambda a, b: {"left": a, "right": b}, "should be trunk, left and right"),
    "equal sizes only": (
        lambda a, b: merged(a, b, left=[np.vstack([a[2], np.zeros_like(a[2])]), a[3]]),
        "the kernel of left has 14 rows, and the trunk has 11 units",
    ),
    "nothing": (lambda a, b: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MERGERS.values(), ids=WRONG_MERGERS)
def test_wrong_mergers(answer, words):
    refused("3.4", answer, words)
