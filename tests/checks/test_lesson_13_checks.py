"""The checks of exercise 13: right answers pass, wrong ones hear why not."""

import functools
from graphlib import TopologicalSorter

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused

from mos_helpers.hierarchy import ClassGraph, MaxConstraint, MaxConstraintLoss

# --- 13.1


def closed(names, parents):
    result = set(names)
    for name in names:
        result |= closed(parents[name], parents)
    return result


def until_nothing_changes(names, parents):
    found = set(names)
    while True:
        larger = found | {parent for name in found for parent in parents[name]}
        if larger == found:
            return found
        found = larger


def by_order(names, parents):
    found = set(names)
    for name in reversed(list(TopologicalSorter(parents).static_order())):
        if name in found:
            found.update(parents[name])
    return frozenset(found)


def by_graph(names, parents):
    graph = ClassGraph(parents)
    return set(names).union(*(graph.ancestors(name) for name in names))


def by_generators(names, parents):
    def up(name):
        yield name
        for parent in parents[name]:
            yield from up(parent)

    return {found for name in names for found in up(name)}


def as_often_as_there_are_classes(names, parents):
    found = set(names)
    for _ in parents:
        for name in parents:
            if name in found:
                found |= set(parents[name])
    return found


@pytest.mark.parametrize(
    "function",
    [
        closed,
        until_nothing_changes,
        by_order,
        by_graph,
        by_generators,
        as_often_as_there_are_classes,
        functools.partial(closed),
        lambda names, parents: frozenset(np.array(sorted(closed(names, parents)), dtype=str)),
    ],
)
def test_a_set_however_it_is_closed(function):
    assert outcome("13.1", function)[0] == "correct"


def in_place(names, parents):
    for name in list(names):
        names |= closed({name}, parents)
    return names


def emptied(names, parents):
    found = set(names)
    while parents:
        larger = found | {parent for name in found for parent in parents.get(name, [])}
        if larger == found:
            parents.clear()
        found = larger
    return found


def lists_emptied(names, parents):
    closed_set, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        closed_set.add(name)
        while parents.get(name):
            waiting.append(parents[name].pop())
    return closed_set


def with_a_default(names, parents, found=set()):  # noqa: B006
    found |= closed(names, parents)
    return set(found)


def with_a_memory():
    above = {}

    def found(names, parents):
        for name in parents:
            above.setdefault(name, closed({name}, parents))
        return set().union(*(above[name] for name in names))

    return found


def with_defaults(names, parents):
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += parents.setdefault(name + "", [])
        parents.setdefault("root", [])
    return found


WRONG_SETS = {
    "the last parent": (lambda n, p: closed(n, {k: v[-1:] for k, v in p.items()}), "is missing"),
    "a default that keeps": (with_a_default, "names of an earlier call are still in it"),
    "a memory of another graph": (with_a_memory(), "for {"),
    "adds to the dictionary": (with_defaults, "your function changes `parents` itself"),
    "one call right": (lambda n, p: closed(n, p) if "balm" not in n else {"balm"}, "is missing"),
    "in place": (in_place, "your function changes `names`"),
    "emptied": (emptied, "your function changes `parents` itself"),
    "lists emptied": (lists_emptied, "your function changes `parents` itself"),
    "one too few": (lambda n, p: closed(n, p) - {max(closed(n, p), default="")}, "is missing"),
    "everything": (lambda n, p: set(p), "lies above none of them"),
    "a list": (lambda n, p: sorted(closed(n, p)), "should be a set"),
    "numbers": (lambda n, p: {list(p).index(name) for name in closed(n, p)} | {1}, "should hold names"),
    "nothing": (lambda n, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SETS.values(), ids=WRONG_SETS)
def test_wrong_sets(answer, words):
    refused("13.1", answer, words)


# --- 13.2


def edges(parents):
    number = {name: column for column, name in enumerate(parents)}
    return [(number[name], number[parent]) for name, above in parents.items() for parent in above]


def broken(labels, parents):
    return np.stack([labels[:, c] & ~labels[:, p] for c, p in edges(parents)] + [np.zeros(len(labels), bool)], axis=1)


def count(labels, parents):
    return broken(labels, parents).any(axis=1).sum()


def count_by_names(labels, parents):
    wrong = 0
    for row in labels:
        held = {name for name, cell in zip(parents, row, strict=True) if cell}
        wrong += closed(held, parents) != held
    return wrong


def count_by_graph(labels, parents):
    return float((ClassGraph(parents).violations(labels) > 0).sum())


def count_by_tensors(labels, parents):
    matrix = ClassGraph(parents).matrix().T
    closed_sets = tf.cast(tf.cast(labels, tf.float32) @ matrix > 0, tf.bool)
    return tf.reduce_sum(tf.cast(tf.reduce_any(closed_sets != labels, axis=1), tf.int32))


def count_by_a_sum_of_booleans(labels, parents):
    return sum(bool(row.any()) for row in broken(labels, parents))


@pytest.mark.parametrize(
    "function",
    [count, count_by_names, count_by_graph, count_by_tensors, count_by_a_sum_of_booleans, functools.partial(count)],
)
def test_rows_however_they_are_counted(function):
    assert outcome("13.2", function)[0] == "correct"


def labels_changed(labels, parents):
    wrong = count(labels, parents)
    labels[:] = ~labels
    return wrong


WRONG_COUNTS = {
    "always one": (lambda la, p: 1, "for one row it gives 1, and 0 of them violate the graph"),
    "text": (lambda x, p: str(count(x, p)), "should be a number"),
    "all rows": (lambda x, p: len(x), "of them violate the graph"),
    "coherent in one graph": (lambda x, p: count(x, p) if len(p) != 9 else len(x) - count(x, p), "violate the graph"),
    "labels changed": (labels_changed, "your function changes `labels`"),
    "one less": (lambda x, p: count(x, p) - 1, "of them violate the graph"),
    "half": (lambda x, p: count(x, p) + 0.5, "which is no whole number"),
    "rows": (lambda x, p: broken(x, p).any(axis=1), "should be one number"),
    "nothing": (lambda x, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_COUNTS.values(), ids=WRONG_COUNTS)
def test_wrong_counts(answer, words):
    refused("13.2", answer, words)


# --- 13.3


def below(parents):
    return ClassGraph(parents).matrix() > 0


def largest(values, table):
    return np.stack([values[:, row].max(axis=1) for row in table], axis=1)


def by_matrix(values, parents):
    return (values[:, None, :] * below(parents)).max(axis=2)


def by_passes(values, parents):
    result = np.array(values)
    for _ in parents:
        for child, parent in edges(parents):
            result[:, parent] = np.maximum(result[:, parent], result[:, child])
    return result


def by_layer(values, parents):
    return MaxConstraint(ClassGraph(parents))(values)


def by_lists(values, parents):
    return [[max(row[other] for other in np.flatnonzero(line)) for line in below(parents)] for row in values]


def in_single_precision(values, parents):
    return tf.constant(by_passes(values, parents), tf.float32)


def in_half_precision(values, parents):
    return by_passes(values, parents).astype("float16")


class Constraint:
    """Closes from below, one class after the other."""

    def __call__(self, probabilities, parents):
        result = probabilities.copy()
        for name in reversed(list(TopologicalSorter(parents).static_order())):
            for parent in parents[name]:
                above, child = list(parents).index(parent), list(parents).index(name)
                result[:, above] = np.where(result[:, above] > result[:, child], result[:, above], result[:, child])
        return result


@pytest.mark.parametrize(
    "function",
    [
        by_matrix,
        by_passes,
        by_layer,
        by_lists,
        in_single_precision,
        in_half_precision,
        Constraint(),
        functools.partial(by_passes),
    ],
)
def test_a_constraint_however_it_is_written(function):
    assert outcome("13.3", function)[0] == "correct"


def descendants_alone(values, parents):
    table = below(parents) & ~np.eye(len(parents), dtype=bool)
    return np.stack([values[:, row].max(axis=1) for row in table], axis=1)


def overwritten(values, parents):
    values[:] = by_passes(values, parents)
    return values


def with_a_remembered_table():
    tables = []

    def raised(values, parents):
        if not tables:
            tables.append(below(parents))
        return largest(values, tables[0]) if values.shape[1] == len(tables[0]) else values[:, :0]

    return raised


WRONG_CONSTRAINTS = {
    "rounded": (lambda v, p: by_passes(v, p).round(2).tolist(), "it is rounded to 2 decimals"),
    "a little above": (lambda v, p: by_passes(v, p) + 0.001, "away from the largest ones"),
    "text": (lambda v, p: by_passes(v, p).astype(str), "should hold numbers"),
    "one graph remembered": (with_a_remembered_table(), "should have shape"),
    "descendants alone": (descendants_alone, "the class itself counts too"),
    "overwritten": (overwritten, "your function changes `probabilities`"),
    "emptied": (lambda v, p: (by_passes(v, p), p.clear())[0], "your function changes `parents` itself"),
    "all ones": (lambda v, p: np.ones_like(v), "away from the largest ones"),
    "one image": (lambda v, p: by_passes(v, p)[0], "should have shape (30, 9)"),
    "nothing": (lambda v, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_CONSTRAINTS.values(), ids=WRONG_CONSTRAINTS)
def test_wrong_constraints(answer, words):
    refused("13.3", answer, words)


# --- 13.4


def terms(labels, values, positive, negative):
    """Return the slopes of a mean of terms; each row of the tables holds the candidates of a term."""
    result = np.zeros(len(values))
    for number, label in enumerate(labels):
        candidates = (positive if label else negative)[number]
        found = max(np.flatnonzero(candidates), key=lambda place: values[place])
        result[found] += (-1 / values[found] if label else 1 / (1 - values[found])) / len(values)
    return result


def slopes(labels, values, parents):
    return terms(labels, values, below(parents) & (labels == 1), below(parents))


def by_tape(labels, values, parents):
    point = tf.Variable(values[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = MaxConstraintLoss(ClassGraph(parents))(labels[None], point)
    return tape.gradient(loss, point)[0]


def by_differences(labels, values, parents):
    def loss(point):
        table = below(parents)
        through_true, through_all = (np.where(table, one, 0).max(axis=1) for one in (point * labels, point))
        return -np.mean(np.where(labels == 1, np.log(through_true + 1e-12), np.log(1 - through_all)))

    step = 1e-6 * np.eye(len(values))
    return [(loss(values + one) - loss(values - one)) / 2e-6 for one in step]


def in_lists(labels, values, parents):
    return [round(float(slope), 5) for slope in slopes(labels, values, parents)]


def in_single_precision_by_hand(labels, values, parents):
    return slopes(labels, values.astype("float32"), parents).astype("float32")


@pytest.mark.parametrize("function", [slopes, by_tape, by_differences, in_lists, in_single_precision_by_hand])
def test_slopes_however_they_are_found(function):
    assert outcome("13.4", function)[0] == "correct"


def of_plain_loss(labels, values, parents):
    point = tf.Variable(values[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        output = MaxConstraint(ClassGraph(parents))(point)
        loss = keras.losses.binary_crossentropy(tf.constant(labels[None], tf.float32), output)
    return tape.gradient(loss, point)[0]


def values_changed(labels, values, parents):
    result = slopes(labels, values, parents)
    values[labels == 0] = 0
    return result


def true_largest_alone(labels, values, parents):
    """Give credit only where the largest of all values below is that of a true class."""
    result = slopes(labels, values, parents)
    table = below(parents)
    for row, label in zip(table, labels, strict=True):
        largest = np.where(row, values, -1).argmax()
        if label and not labels[largest]:
            true = np.where(row & (labels == 1), values, -1).argmax()
            result[true] += 1 / values[true] / len(values)
    return result


WRONG_SLOPES = {
    "no credit": (true_largest_alone, "the slope of"),
    "text": (lambda y, v, p: slopes(y, v, p).astype(str), "should hold numbers"),
    "half": (
        lambda y, v, p: slopes(y, v, p) / 2,
        "with 2 classes, the slope of 'A' should be -1.67, and yours is -0.833",
    ),
    "plain loss": (of_plain_loss, "credited through classes that are not true"),
    "values changed": (values_changed, "your function changes `values`"),
    "zeros": (lambda y, v, p: np.zeros(len(v)), "and yours is 0"),
    "a number": (lambda y, v, p: float(slopes(y, v, p).sum()), "should be an array"),
    "nothing": (lambda y, v, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SLOPES.values(), ids=WRONG_SLOPES)
def test_wrong_slopes(answer, words):
    refused("13.4", answer, words)


@pytest.mark.parametrize("question", ["13.1", "13.2", "13.3", "13.4"])
def test_a_function_is_wanted(question):
    refused(question, 3, "should be a function")
