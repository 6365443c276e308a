"""The checks of exercise 13: right answers pass, wrong ones hear why not."""

from graphlib import TopologicalSorter

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome

from mos_helpers.hierarchy import ClassGraph, MaxConstraint, MaxConstraintLoss


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


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


@pytest.mark.parametrize("function", [closed, until_nothing_changes, by_order, by_graph])
def test_a_set_however_it_is_closed(function):
    assert outcome("13.1", function)[0] == "correct"


def in_place(names, parents):
    for name in list(names):
        names |= closed({name}, parents)
    return names


def in_given_order(names, parents):
    found = set(names)
    for name, above in parents.items():
        if name in found:
            found.update(above)
    return found


def in_table_order(names, parents):
    above = {}
    for name in parents:
        above[name] = set(parents[name]).union(*(above.get(parent, set()) for parent in parents[name]))
    return set(names).union(*(above[name] for name in names))


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


WRONG_SETS = {
    "parents only": (lambda n, p: n.union(*(p[name] for name in n)), "the parents' parents belong to it too"),
    "without itself": (lambda n, p: closed(n, p) - n, "the names themselves belong to the closed set"),
    "first parent": (lambda n, p: closed(n, {k: v[:1] for k, v in p.items()}), "more than one parent"),
    "downward": (lambda n, p: {k for k in p if n & closed({k}, p)}, "this is closed downward"),
    "in place": (in_place, "your function changes `names`"),
    "emptied": (emptied, "your function changes `parents` itself"),
    "lists emptied": (lists_emptied, "your function changes `parents` itself"),
    "one pass": (in_given_order, "a class may stand before its parents"),
    "one pass back": (
        lambda n, p: in_given_order(n, dict(reversed(p.items()))),
        "a class may stand before its parents",
    ),
    "one pass, table": (in_table_order, "a class may stand before its parents"),
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


@pytest.mark.parametrize("function", [count, count_by_names, count_by_graph, count_by_tensors])
def test_rows_however_they_are_counted(function):
    assert outcome("13.2", function)[0] == "correct"


def both_missing(labels, parents):
    number = {name: column for column, name in enumerate(parents)}
    wrong = np.zeros(len(labels), bool)
    for name, above in parents.items():
        if above:
            wrong |= labels[:, number[name]] & ~labels[:, [number[one] for one in above]].any(axis=1)
    return wrong.sum()


def first_parent(labels, parents):
    return count(labels, {name: above[:1] for name, above in parents.items()})


def turned(labels, parents):
    pairs = [labels[:, p] & ~labels[:, c] for c, p in edges(parents)] + [np.zeros(len(labels), bool)]
    return np.any(pairs, axis=0).sum()


def with_columns(order):
    """Count as if the columns were in another order."""

    def counted(labels, parents):
        return count(labels, {name: parents[name] for name in order(parents)})

    return counted


def labels_changed(labels, parents):
    wrong = count(labels, parents)
    labels[:] = ~labels
    return wrong


WRONG_COUNTS = {
    "edges": (lambda x, p: broken(x, p).sum(), "each row counts once"),
    "share": (lambda x, p: count(x, p) / len(x), "that is the share of rows"),
    "coherent": (lambda x, p: len(x) - count(x, p), "the number of coherent rows"),
    "turned": (turned, "a parent without its child is no violation"),
    "both missing": (both_missing, "one parent that is missing is enough"),
    "first parent": (first_parent, "and not at the first only"),
    "sorted columns": (with_columns(sorted), "which column is which class?"),
    "sorted by parents": (with_columns(lambda p: list(TopologicalSorter(p).static_order())), "neither sort the names"),
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


def children(parents):
    table = np.eye(len(parents), dtype=bool)
    for child, parent in edges(parents):
        table[parent, child] = True
    return table


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


@pytest.mark.parametrize("function", [by_matrix, by_passes, by_layer, by_lists])
def test_a_constraint_however_it_is_written(function):
    assert outcome("13.3", function)[0] == "correct"


def one_pass(values, parents):
    result = np.array(values)
    for child, parent in edges(parents):
        result[:, parent] = np.maximum(result[:, parent], result[:, child])
    return result


def lowered(values, parents):
    return np.stack([values[:, row].min(axis=1) for row in below(parents).T], axis=1)


def without_itself(values, parents):
    table = below(parents) & ~np.eye(len(parents), dtype=bool)
    return np.where(table, values[:, None, :], 0).max(axis=2)


def descendants_alone(values, parents):
    table = below(parents) & ~np.eye(len(parents), dtype=bool)
    return np.stack([values[:, row].max(axis=1) for row in table], axis=1)


def itself_at_the_end(values, parents):
    table = below(parents) & ~np.eye(len(parents), dtype=bool)
    return np.stack([values[:, row].max(axis=1) if row.any() else values[:, k] for k, row in enumerate(table)], axis=1)


def overwritten(values, parents):
    values[:] = by_passes(values, parents)
    return values


WRONG_CONSTRAINTS = {
    "unchanged": (lambda v, p: v, "nothing is changed"),
    "children only": (lambda v, p: largest(v, children(p)), "it looks at the children only"),
    "one pass": (one_pass, "which lies below it"),
    "lowered": (lowered, "it lowers each class"),
    "turned": (lambda v, p: largest(v, below(p).T), "it is turned round"),
    "without itself": (without_itself, "the class itself counts too"),
    "descendants alone": (descendants_alone, "the class itself counts too"),
    "itself at the end": (itself_at_the_end, "the class itself counts too"),
    "overwritten": (overwritten, "your function changes `probabilities`"),
    "emptied": (lambda v, p: (by_passes(v, p), p.clear())[0], "your function changes `parents` itself"),
    "sum": (lambda v, p: v @ below(p).T, "take the largest"),
    "mean": (lambda v, p: v @ below(p).T / below(p).sum(axis=1), "it takes the mean"),
    "independent": (lambda v, p: 1 - np.where(below(p), 1 - v[:, None], 1).prod(axis=2), "classes were independent"),
    "decided": (lambda v, p: by_passes(v, p) > 0.5, "it gives decisions"),
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


@pytest.mark.parametrize("function", [slopes, by_tape, by_differences])
def test_slopes_however_they_are_found(function):
    assert outcome("13.4", function)[0] == "correct"


def of_plain_loss(labels, values, parents):
    point = tf.Variable(values[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        output = MaxConstraint(ClassGraph(parents))(point)
        loss = keras.losses.binary_crossentropy(tf.constant(labels[None], tf.float32), output)
    return tape.gradient(loss, point)[0]


def flat(labels, values, parents):
    return np.where(labels == 1, -1 / values, 1 / (1 - values)) / len(values)


def negatives_alone(labels, values, parents):
    return terms(labels, values, below(parents) & (labels == 1), np.eye(len(parents), dtype=bool))


def positives_alone(labels, values, parents):
    return terms(labels, values, np.eye(len(parents), dtype=bool), below(parents))


def near(labels, values, parents):
    return terms(labels, values, children(parents) & (labels == 1), children(parents))


def assigned(labels, values, parents):
    result = np.zeros(len(values))
    for row, label in zip(below(parents), labels, strict=True):
        largest = np.where(row & (labels == 1) if label else row, values, -1).argmax()
        result[largest] = -1 / values[largest] if label else 1 / (1 - values[largest])
    return result / len(values)


def values_changed(labels, values, parents):
    result = slopes(labels, values, parents)
    values[labels == 0] = 0
    return result


WRONG_SLOPES = {
    "plain loss": (of_plain_loss, "credited through classes that are not true"),
    "sum": (lambda y, v, p: slopes(y, v, p) * len(v), "these are the slopes of the sum"),
    "signs": (lambda y, v, p: -slopes(y, v, p), "the signs are turned"),
    "assigned": (assigned, "one value can serve several terms: add"),
    "values changed": (values_changed, "your function changes `values`"),
    "flat": (flat, "slopes without the constraint"),
    "negatives alone": (negatives_alone, "is charged for all that lies below it"),
    "positives alone": (positives_alone, "through the true classes below it, too"),
    "children only": (near, "it looks at the children only"),
    "of logits": (lambda y, v, p: slopes(y, v, p) * v * (1 - v), "with respect to the logits"),
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
