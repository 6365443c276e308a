"""The checks of exercise 11: right answers pass, wrong ones hear why not."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

from mos_helpers.hierarchy import Tree, contradictions

# --- 11.1


def with_setdefault(pairs):
    children = {}
    for leaf, group in pairs:
        children.setdefault(group, []).append(leaf)
    return Tree(children, leaves=[leaf for leaf, _ in pairs])


def with_comprehension(pairs):
    groups = sorted({group for _, group in pairs})
    return Tree(
        {name: [leaf for leaf, group in pairs if group == name] for name in groups}, [leaf for leaf, _ in pairs]
    )


def with_groupby(pairs):
    by_group = sorted(pairs, key=lambda pair: pair[1])
    held = {name: tuple(leaf for leaf, _ in rows) for name, rows in itertools.groupby(by_group, lambda pair: pair[1])}
    return Tree(held, leaves=list(dict(pairs)))


def by_config(pairs):
    tree = with_setdefault(pairs)
    return Tree(dict(reversed(tree.children.items())), leaves=list(tree.leaves))


def with_generator(pairs):
    leaves, groups = zip(*pairs, strict=True)
    held = {name: list(leaf for leaf, other in pairs if other == name) for name in dict.fromkeys(groups)}  # noqa: C400
    return Tree(held, leaves)


class Builder:
    def __call__(self, pairs):
        return with_setdefault(pairs)


@pytest.mark.parametrize(
    "function",
    [
        with_setdefault,
        with_comprehension,
        with_groupby,
        by_config,
        with_generator,
        Builder(),
        functools.partial(with_setdefault),
    ],
)
def test_a_tree_however_it_is_built(function):
    assert outcome("11.1", function) == ("correct", "")


def neighbours_only(pairs):
    held = {name: [leaf for leaf, _ in rows] for name, rows in itertools.groupby(pairs, lambda pair: pair[1])}
    return Tree(held)


def grouped(pairs, **options):
    return Tree(with_setdefault(pairs).children, **options)


def groups_of_several(pairs):
    held = {group: leaves for group, leaves in with_setdefault(pairs).children.items() if len(leaves) > 1}
    return Tree(held, leaves=list(dict(pairs)))


def groups_of_several_in_any_order(pairs):
    held = {group: leaves for group, leaves in with_setdefault(pairs).children.items() if len(leaves) > 1}
    return Tree(held or {"none": ["left"]}, leaves=[leaf for leaf, group in pairs if group in held] or ["left"])


def accumulating(named):
    children = {}

    def build(pairs):
        for leaf, group in pairs:
            children.setdefault(group, []).append(leaf)
        return Tree(children, leaves=[leaf for leaf, _ in pairs] if named else None)

    return build


def emptying(pairs):
    tree = with_setdefault(pairs)
    pairs.clear()
    return tree


def sorting(pairs):
    leaves = [leaf for leaf, _ in pairs]
    pairs.sort(key=lambda pair: pair[1])
    return Tree({group: [leaf for leaf, _ in rows] for group, rows in itertools.groupby(pairs, lambda p: p[1])}, leaves)


GLOBAL = [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant")]

WRONG_TREES = {
    "a global table": (lambda p: with_setdefault(GLOBAL), "the same tree for every table: use its argument"),
    "no group of one": (groups_of_several, "'siamese', which no group holds: a group may hold one leaf"),
    "no group of one, any order": (groups_of_several_in_any_order, "'siamese' is lost: a group may hold one leaf"),
    "accumulating": (accumulating(named=True), "begin with an empty dictionary inside the function"),
    "accumulating in any order": (accumulating(named=False), "begin with an empty dictionary inside"),
    "emptying": (emptying, "your function changes `pairs` itself"),
    "sorting": (sorting, "your function changes `pairs` itself"),
    "without the last line": (lambda p: with_setdefault(p[:-1] or p), "the leaf 'nightjar' is lost."),
    "reversed": (lambda p: grouped(p, leaves=[leaf for leaf, _ in p][::-1]), "the leaves are numbered nightjar"),
    "no order": (grouped, "use `leaves=`"),
    "sorted": (lambda p: grouped(p, leaves=sorted(dict(p))), "the leaves are numbered"),
    "neighbours in order": (
        lambda p: Tree(neighbours_only(p).children, leaves=list(dict(p))),
        "'poodle', which no group holds: lines of a group need not stand together",
    ),
    "unknown order": (lambda p: grouped(p, leaves=list(dict(p).values())), "your function raised ValueError: leaves"),
    "numbers": (
        lambda p: with_setdefault([(str(number), group) for number, (_, group) in enumerate(p)]),
        "the leaves of your tree are 0, 1, 2, 3, 4: they should have the names of the table",
    ),
    "upside down": (
        lambda p: Tree({leaf: [f"{group}{leaf}"] for leaf, group in p}),
        "the leaves stand above the groups",
    ),
    "dictionary of pairs": (lambda p: Tree(dict(p)), "your function raised TypeError: children"),
    "two parents": (lambda p: Tree({leaf: [group] for leaf, group in p}), "your function raised ValueError"),
    "one group": (lambda p: Tree({"all": list(dict(p))}), "belongs to 'song', and in your tree to 'all'"),
    "a root": (
        lambda p: Tree({"root": list(with_setdefault(p).children), **with_setdefault(p).children}),
        "should have two levels, and yours has 3",
    ),
    "one leaf more": (
        lambda p: Tree({**with_setdefault(p).children, "more": ["most"]}),
        "the leaf 'most' is not in the table",
    ),
    "a dictionary": (lambda p: with_setdefault(p).children, "the result should be a Tree, and yours is a dict"),
    "the class": (Tree, "should be a function"),
    "nothing": (lambda p: print(p), "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_TREES.values(), ids=WRONG_TREES)
def test_wrong_trees(answer, words):
    refused("11.1", answer, words)


# --- 11.2


def rate(fine, coarse, tree):
    return np.mean(tree.groups_of_leaves()[fine.argmax(axis=1)] != coarse.argmax(axis=1))


def by_helper(fine, coarse, tree):
    return float(contradictions(fine.argmax(axis=1), coarse.argmax(axis=1), tree).mean())


def by_names(fine, coarse, tree):
    different = 0
    for leaf, group in zip(fine.argmax(axis=1), coarse.argmax(axis=1), strict=True):
        different += tree.group_of(tree.leaves[leaf]) != tree.levels[0][group]
    return different / len(fine)


def by_tensorflow(fine, coarse, tree):
    read_off = tf.gather(tree.groups_of_leaves(), tf.argmax(fine, axis=1))
    return tf.reduce_mean(tf.cast(read_off != tf.argmax(coarse, axis=1), tf.float32))


def by_matrix(fine, coarse, tree):
    leaf = np.eye(fine.shape[1])[fine.argmax(axis=1)]
    return 1 - keras.ops.mean((leaf @ tree.matrix())[np.arange(len(leaf)), coarse.argmax(axis=1)])


def by_half_floats(fine, coarse, tree):
    different = tree.groups_of_leaves()[fine.argmax(axis=1)] != coarse.argmax(axis=1)
    return np.mean(different, dtype="float16") if len(fine) > 1 else np.float16(different[0])


def by_lists(fine, coarse, tree):
    groups = tree.groups_of_leaves().tolist()
    leaf, group = ([row.index(max(row)) for row in part.tolist()] for part in (fine, coarse))
    return sum(groups[one] != other for one, other in zip(leaf, group, strict=True)) / len(leaf)


@pytest.mark.parametrize(
    "function",
    [
        rate,
        by_helper,
        by_names,
        by_tensorflow,
        by_matrix,
        by_half_floats,
        by_lists,
        functools.partial(rate),
    ],
)
def test_a_rate_however_it_is_counted(function):
    state, message = outcome("11.2", function)
    assert state == "correct"
    assert "Here the heads contradicted each other on" in message


def summed(fine, tree):
    return (fine @ tree.matrix()).argmax(axis=1)


def spoiling_rate(fine, coarse, tree):
    found = rate(fine, coarse, tree)
    fine *= 0
    return found


WRONG_RATES = {
    "one image too few": (
        lambda f, c, t: max(0, rate(f, c, t) - 1 / len(f)),
        "for 397 images and leaves 0, 1",
    ),
    "rounded": (lambda f, c, t: round(float(rate(f, c, t)), 2), "it is rounded to 2 decimals"),
    "NaN": (lambda f, c, t: np.nan, "should be a finite number"),
    "every image": (lambda f, c, t: t.groups_of_leaves()[f.argmax(1)] != c.argmax(1), "should be one number"),
    "wrong axis": (lambda f, c, t: np.mean(f.argmax(0) != c.argmax(0)), "your function raised ValueError"),
    "mean gap": (lambda f, c, t: np.abs(f @ t.matrix() - c).mean(), "is right"),
    "group first": (
        lambda f, c, t: rate(np.where(inside(c, t), f, -1), c, t),
        "not only of the decided group",
    ),
    "in place": (spoiling_rate, "your function changes `fine`"),
    "a number": (0.1, "should be a function"),
    "nothing": (lambda f, c, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_RATES.values(), ids=WRONG_RATES)
def test_wrong_rates(answer, words):
    refused("11.2", answer, words)


# --- 11.3


def inside(coarse, tree):
    return tree.groups_of_leaves() == coarse.argmax(axis=1)[:, None]


def decided(fine, coarse, tree, /, **changes):
    """The decisions asked for; `changes` gives an answer other numbers."""
    found = {"coarse": coarse.argmax(axis=1), "fine": np.where(inside(coarse, tree), fine, -1).argmax(axis=1)}
    return found | changes


def by_loop(fine, coarse, tree):
    found = {"fine": [], "coarse": []}
    for row, group in zip(fine, coarse.argmax(axis=1), strict=True):
        members = np.flatnonzero(tree.groups_of_leaves() == group)
        found["coarse"].append(int(group))
        found["fine"].append(int(members[row[members].argmax()]))
    return found


def by_masked_logs(fine, coarse, tree):
    with np.errstate(divide="ignore"):
        scores = np.where(inside(coarse, tree), np.maximum(np.log(fine), -1e6), -np.inf)
    return {"coarse": coarse.argmax(axis=1), "fine": scores.argmax(axis=1)}


def by_tensors(fine, coarse, tree):
    group = tf.argmax(coarse, axis=1)
    leaves = tf.where(tf.gather(tree.matrix().T, group) > 0, fine, -1.0)
    return {"coarse": group, "fine": tf.cast(tf.argmax(leaves, axis=1), tf.int32)}


def by_penalty(fine, coarse, tree):
    return decided(fine, coarse, tree, fine=(fine + 2 * inside(coarse, tree)).argmax(axis=1).astype(float))


def by_product(fine, coarse, tree):
    return decided(fine, coarse, tree, fine=((fine + 1) * inside(coarse, tree)).argmax(axis=1).astype("int32").tolist())


def by_keras(fine, coarse, tree):
    group = keras.ops.argmax(coarse, axis=-1)
    outside = 1 - keras.ops.take(tree.matrix().T, group, axis=0)
    return {"fine": keras.ops.argmax(fine - 2 * outside, axis=-1), "coarse": group}


def by_half_floats(fine, coarse, tree):
    return decided(fine.astype("float16"), coarse, tree)


@pytest.mark.parametrize(
    "function",
    [
        decided,
        by_loop,
        by_masked_logs,
        by_tensors,
        by_penalty,
        by_product,
        by_keras,
        by_half_floats,
        functools.partial(decided),
    ],
)
def test_group_first_however_it_is_decided(function):
    assert outcome("11.3", function) == ("correct", "")


def product(fine, coarse, tree):
    return decided(fine, coarse, tree, fine=(fine * coarse[:, tree.groups_of_leaves()]).argmax(axis=1))


def neighbours(fine, coarse, tree):
    ends = np.cumsum(tree.matrix().sum(axis=0)).astype(int)
    starts = np.concatenate([[0], ends[:-1]])
    group = coarse.argmax(axis=1)
    rows = [starts[g] + fine[i, starts[g] : ends[g]].argmax() for i, g in enumerate(group)]
    return {"coarse": group, "fine": np.array(rows)}


def changed(name, change):
    return lambda f, c, t: decided(f, c, t, **{name: change(f, c, t)})


def in_place(fine, coarse, tree):
    fine[~inside(coarse, tree)] = -1
    return {"coarse": coarse.argmax(axis=1), "fine": fine.argmax(axis=1)}


def other_in_place(fine, coarse, tree):
    found = decided(fine, coarse, tree)
    coarse[:] = 0
    return found


def in_alphabetical_order(fine, coarse, tree):
    group = coarse.argmax(axis=1)
    groups = np.array([list(tree.levels[0]).index(tree.group_of(leaf)) for leaf in sorted(tree.leaves)])
    return {"coarse": group, "fine": np.where(groups == group[:, None], fine, -1).argmax(axis=1)}


WRONG_DECISIONS = {
    "alphabetical": (in_alphabetical_order, "leaves do not belong to the group that was decided"),
    "in place": (in_place, "your function changes `fine` itself, and others still need it: work on a copy"),
    "coarse in place": (other_in_place, "your function changes `coarse`"),
    "neighbours": (neighbours, "leaves do not belong to the group that was decided"),
    "sums": (changed("coarse", lambda f, c, t: summed(f, t)), "the answer coarse is not the likeliest group"),
    "first leaf": (changed("fine", lambda f, c, t: inside(c, t).argmax(1)), "are not the likeliest of their group"),
    "probabilities": (changed("fine", lambda f, c, t: np.where(inside(c, t), f, 0)), "holds probabilities"),
    "highest": (changed("fine", lambda f, c, t: np.where(inside(c, t), f, 0).max(1)), "whole numbers"),
    "out of range": (changed("fine", lambda f, c, t: f.argmax(1) + 100), "should count leaves from 0 to 9"),
    "negative": (changed("fine", lambda f, c, t: -1 - f.argmax(1)), "should count leaves from 0 to 9"),
    "names": (changed("coarse", lambda f, c, t: [t.levels[0][g] for g in c.argmax(1)]), "should hold numbers"),
    "fine only": (lambda f, c, t: decided(f, c, t)["fine"], "should be a dict"),
    "column": (changed("fine", lambda f, c, t: decided(f, c, t)["fine"][:, None]), "should have shape (50,)"),
    "one row": (changed("coarse", lambda f, c, t: c.argmax()), "should be an array"),
    "nothing": (lambda f, c, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_DECISIONS.values(), ids=WRONG_DECISIONS)
def test_wrong_decisions(answer, words):
    refused("11.3", answer, words)


# --- 11.4


def multiplied(conditionals, tree):
    found = 1.0
    for level, conditional in enumerate(conditionals):
        found = found * conditional[:, tree.groups_of_leaves(level)]
    return found


def by_logarithms(conditionals, tree):
    return np.exp(sum(np.log(c[:, tree.groups_of_leaves(k)]) for k, c in enumerate(conditionals)))


def by_matrices(conditionals, tree):
    return np.prod([c @ tree.matrix(k).T for k, c in enumerate(conditionals)], axis=0)


def by_paths(conditionals, tree):
    number = [{name: place for place, name in enumerate(level)} for level in tree.levels]
    found = np.ones((len(conditionals[0]), len(tree.leaves)))
    for column, leaf in enumerate(tree.leaves):
        name, level = leaf, len(tree.levels) - 1
        while name is not None:
            found[:, column] *= conditionals[level][:, number[level][name]]
            name, level = tree.group_of(name), level - 1
    return found.tolist()


def by_operations(conditionals, tree):
    factors = [keras.ops.take(c, tree.groups_of_leaves(k), axis=1) for k, c in enumerate(conditionals)]
    return keras.ops.prod(keras.ops.stack(factors), axis=0)


def by_recursion(conditionals, tree):
    if not conditionals:
        return 1
    level = len(conditionals) - 1
    return by_recursion(conditionals[:-1], tree) * conditionals[-1][:, tree.groups_of_leaves(level)]


def by_half_floats(conditionals, tree):
    return multiplied([c.astype("float16") for c in conditionals], tree)


def by_tensors(conditionals, tree):
    logs = [tf.gather(tf.math.log(c), tree.groups_of_leaves(k), axis=1) for k, c in enumerate(conditionals)]
    return tf.exp(tf.add_n(logs))


def by_reduce(conditionals, tree):
    return functools.reduce(np.multiply, (c[:, tree.groups_of_leaves(k)] for k, c in enumerate(conditionals)))


@pytest.mark.parametrize(
    "function",
    [
        multiplied,
        by_logarithms,
        by_matrices,
        by_paths,
        by_operations,
        by_recursion,
        by_half_floats,
        by_tensors,
        by_reduce,
        functools.partial(multiplied),
    ],
)
def test_the_chain_rule_however_it_is_written(function):
    assert outcome("11.4", function) == ("correct", "")


def factors(conditionals, tree):
    return [c[:, tree.groups_of_leaves(k)] for k, c in enumerate(conditionals)]


def group_by_group(conditionals, tree):
    """Number the leaves as they stand in the groups, and not as the tree does."""
    order = [tree.leaves.index(leaf) for leaf in Tree(tree.children).leaves]
    return multiplied(conditionals, tree)[:, order]


def repeated(conditionals, tree):
    """Take the leaves of a group to stand together."""
    sizes = tree.matrix().sum(axis=0).astype(int)
    return np.repeat(conditionals[0], sizes, axis=1) * conditionals[-1]


def normalised(conditionals, tree):
    added = sum(factors(conditionals, tree))
    return added / added.sum(axis=1, keepdims=True)


def marginals(conditionals, tree):
    """Treat the arrays as if they were not conditional."""
    return multiplied([conditionals[0], *[c * 0.5 for c in conditionals[1:]]], tree)


def product_in_place(conditionals, tree):
    found = conditionals[-1]
    for level, conditional in enumerate(conditionals[:-1]):
        found *= conditional[:, tree.groups_of_leaves(level)]
    return found


def emptied(conditionals, tree):
    """Take the arrays out of the list, one after the other."""
    found, level = 1.0, 0
    while conditionals:
        found, level = found * conditionals.pop(0)[:, tree.groups_of_leaves(level)], level + 1
    return found


def four_levels(conditionals, tree):
    found = 1.0
    for level in range(4):
        if level < len(conditionals):
            found = found * conditionals[level][:, tree.groups_of_leaves(level)]
    return found


def three_products(conditionals, tree):
    """Two levels by hand, and at most one in between."""
    found = factors(conditionals, tree)
    return found[0] * found[-1] * (found[1] if len(found) > 2 else 1)


WRONG_PRODUCTS = {
    "two decimals": (lambda c, t: multiplied(c, t).round(2), "with 2 levels it is rounded to 2 decimals"),
    "not below a thousandth": (lambda c, t: multiplied(c, t).clip(0.001), "and yours has 0.001"),
    "four levels": (four_levels, "only the first 4 levels are multiplied: a tree may have more"),
    "three products": (three_products, "with 4 levels the probabilities of an image sum to"),
    "reversed levels": (lambda c, t: multiplied(c[::-1], t), "your function raised IndexError"),
    "top times leaves": (lambda c, t: c[0][:, t.groups_of_leaves()] * c[1], "with 3 levels your function raised"),
    "in place": (product_in_place, "your function changes `conditionals`"),
    "list in place": (emptied, "your function changes `conditionals`"),
    "repeated": (repeated, "does each leaf meet its own group?"),
    "normalised": (normalised, "of image 19 should have"),
    "group by group": (group_by_group, "the numbers are right and the columns are not"),
    "half": (marginals, "sum to 0.5 and not to 1"),
    "groups": (lambda c, t: multiplied(c, t) @ t.matrix(), "should have shape (40, 10)"),
    "a list": (factors, "the result should have shape (40, 10), and yours has (2, 40, 10)"),
    "matrix product": (lambda c, t: c[0] @ c[1], "your function raised ValueError"),
    "one row": (lambda c, t: multiplied(c, t)[0], "one column for each leaf"),
    "nothing": (lambda c, t: print(c), "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_PRODUCTS.values(), ids=WRONG_PRODUCTS)
def test_wrong_products(answer, words):
    refused("11.4", answer, words)
