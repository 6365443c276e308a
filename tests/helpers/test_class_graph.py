"""A graph says which classes lie above which, closes label sets, and refuses what is no graph without cycles."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from graphs import class_graphs, label_sets

from mos_helpers.hierarchy import ClassGraph

FACTS = {"odd": [], "prime": [], "odd prime": ["odd", "prime"], "even": [], "3": ["odd prime"], "4": ["even"]}
quick = hypothesis.settings(max_examples=60)


def above(graph, name):
    """Return the ancestors by the definition, slowly."""
    found = set(graph.parents[name])
    return found.union(*(above(graph, parent) for parent in found))


@hypothesis.given(class_graphs())
@quick
def test_ancestors_and_matrix_say_what_the_parents_say(graph):
    matrix = graph.matrix()
    assert matrix.dtype == np.float32
    for column, name in enumerate(graph.classes):
        ancestors = above(graph, name)
        assert graph.ancestors(name) == tuple(other for other in graph.classes if other in ancestors)
        for row, other in enumerate(graph.classes):
            assert matrix[row, column] == float(other in ancestors or other == name)


@hypothesis.given(class_graphs())
@quick
def test_pairs(graph):
    pairs = [
        (graph.classes.index(one), graph.classes.index(name)) for name in graph.classes for one in above(graph, name)
    ]
    itself = [(number, number) for number in range(len(graph.classes))]
    assert [tuple(pair) for pair in graph.pairs().tolist()] == sorted(pairs + itself)
    assert graph.pairs().dtype == np.int64


@hypothesis.given(st.data())
@quick
def test_closing_adds_all_ancestors_and_nothing_else(data):
    graph = data.draw(class_graphs())
    labels = data.draw(label_sets(graph))
    before = labels.copy()
    closed = graph.close(labels)
    np.testing.assert_array_equal(labels, before)
    assert closed.dtype == labels.dtype
    for row, found in zip(labels, closed, strict=True):
        names = {name for name, held in zip(graph.classes, row, strict=True) if held}
        wanted = names.union(*(above(graph, name) for name in names))
        assert {name for name, held in zip(graph.classes, found, strict=True) if held} == wanted
    np.testing.assert_array_equal(graph.close(closed), closed)
    assert not graph.violations(closed).any()


@hypothesis.given(st.data())
@quick
def test_violations_count_edges_and_are_zero_only_for_closed_sets(data):
    graph = data.draw(class_graphs())
    labels = data.draw(label_sets(graph))
    found = graph.violations(labels)
    for row, count in zip(labels, found, strict=True):
        held = dict(zip(graph.classes, row, strict=True))
        wanted = sum(held[name] and not held[parent] for name in graph.classes for parent in graph.parents[name])
        assert count == wanted
    np.testing.assert_array_equal(found == 0, (graph.close(labels) == labels).all(axis=1))


@hypothesis.given(class_graphs())
@quick
def test_a_graph_can_be_made_again(graph):
    again = ClassGraph(**graph.get_config())
    assert again.parents == graph.parents
    assert again.classes == graph.classes


def test_two_parents():
    graph = ClassGraph(FACTS)
    assert graph.classes == ("odd", "prime", "odd prime", "even", "3", "4")
    assert graph.ancestors("3") == ("odd", "prime", "odd prime")
    assert graph.ancestors("odd") == ()
    assert repr(graph) == "ClassGraph with 6 classes and 4 edges"
    assert graph.close([0, 0, 0, 0, 1, 1]).tolist() == [1, 1, 1, 1, 1, 1]
    assert graph.close([[False, False, True, False, False, False]]).tolist() == [
        [True, True, True, False, False, False]
    ]
    assert graph.violations([[0, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]]).tolist() == [2, 0]
    assert graph.violations(np.zeros((2, 3, 6))).shape == (2, 3)


def test_classes_without_edges():
    graph = ClassGraph({"a": [], "b": []})
    assert graph.pairs().tolist() == [[0, 0], [1, 1]]
    assert graph.violations([[1, 0]]).tolist() == [0]


def test_the_given_dictionary_is_not_kept():
    parents = {"a": [], "b": ["a"]}
    graph = ClassGraph(parents)
    parents["b"].clear()
    assert graph.ancestors("b") == ("a",)


@pytest.mark.parametrize(
    ("parents", "error", "message"),
    [
        ([("a", [])], TypeError, "parents must be a dictionary from each name to a list of names, not list"),
        ({}, ValueError, "parents must have at least one entry"),
        ({"a": [], "b": "a"}, TypeError, r"parents\['b'\] must be a list of names, not 'a'"),
        ({"a": None}, TypeError, r"parents\['a'\] must be a list of names, not None"),
        ({"a": [3]}, TypeError, "must hold names .strings., not 3"),
        ({3: []}, TypeError, "must hold names .strings., not 3"),
        ({"a": [], "b": [" "]}, ValueError, "names that are not empty, not ' '"),
        ({"": []}, ValueError, "names that are not empty, not ''"),
        (
            {"a": ["b"]},
            ValueError,
            r"parents\['a'\] must name classes of the graph, each with an entry .*, not 'b'",
        ),
        (
            {"a": [], "b": ["a", "a"]},
            ValueError,
            r"parents\['b'\] must name each parent once, not \['a', 'a'\]",
        ),
        ({"a": ["a"]}, ValueError, "cycle, but these do: 'a' -> 'a'"),
        ({"a": ["b"], "b": ["a"], "c": ["a"]}, ValueError, "cycle, but these do: '[ab]' -> '[ab]' -> '[ab]'"),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, ValueError, "cycle, but these do: '.' -> '.' -> '.' -> '.'"),
    ],
)
def test_what_is_no_graph_is_refused(parents, error, message):
    with pytest.raises(error, match=message):
        ClassGraph(parents)


@pytest.mark.parametrize("ask", ["close", "violations"])
@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([["odd"] * 6], TypeError, "labels must hold 0 and 1, or False and True, not <U3"),
        ([[0, 1]], ValueError, r"labels must have shape \(..., 6\), one column for each class, not \(1, 2\)"),
        (1, ValueError, r"labels must have shape \(..., 6\)"),
        ([[0, 0, 0, 0, 0, 2]], ValueError, "labels must hold 0 and 1, not 2"),
        ([[0, 0, 0, 0, 0, 0.7]], ValueError, "not 0.7: decide first, as in `probabilities > 0.5`"),
        ([[0, 0, 0, 0, 0, np.nan]], ValueError, "labels must hold 0 and 1, not nan"),
    ],
)
def test_wrong_labels_are_refused(ask, labels, error, message):
    with pytest.raises(error, match=message):
        getattr(ClassGraph(FACTS), ask)(labels)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="name must be a class of the graph, not 'rose'; it has 'odd', 'prime'"):
        ClassGraph(FACTS).ancestors("rose")
