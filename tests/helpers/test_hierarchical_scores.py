"""Hierarchical precision, recall and F: by hand, by another library, and by what must hold."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from graphs import class_graphs, label_sets
from hiclass import metrics

from mos_helpers.hierarchy import ClassGraph, hierarchical_scores

quick = hypothesis.settings(max_examples=60)
GRAPH = ClassGraph({"odd": [], "prime": [], "odd prime": ["odd", "prime"], "3": ["odd prime"], "2": ["prime"]})


@st.composite
def trees(draw, equally_deep):
    """Return a graph that is a tree, and the path of each of its classes, or of its leaves, by name."""
    depth = draw(st.integers(1, 3))
    paths = level = [(f"{number}",) for number in range(draw(st.integers(1, 3)))]
    for _ in range(depth - 1):
        level = [(*path, f"{path[-1]}.{child}") for path in level for child in range(draw(st.integers(1, 3)))]
        paths = paths + level
    parents = {path[-1]: list(path[-2:-1]) for path in paths}
    return ClassGraph(parents), level if equally_deep else paths


@st.composite
def single_paths(draw, equally_deep):
    """Return a graph and true and predicted paths in it."""
    graph, paths = draw(trees(equally_deep))
    n = draw(st.integers(1, 6))
    true, predicted = (draw(st.lists(st.sampled_from(paths), min_size=n, max_size=n)) for _ in range(2))
    return graph, true, predicted


def sets(graph, paths, whole=True):
    """Return label sets: all classes of each path, or only the last."""
    labels = np.zeros((len(paths), len(graph.classes)), dtype=np.int64)
    for row, path in enumerate(paths):
        for name in path if whole else path[-1:]:
            labels[row, graph.classes.index(name)] = 1
    return labels


@pytest.mark.parametrize("equally_deep", [True, False])
def test_it_agrees_with_hiclass(equally_deep):
    @hypothesis.given(single_paths(equally_deep))
    @quick
    def agrees(case):
        graph, true, predicted = case
        found = hierarchical_scores(sets(graph, true), sets(graph, predicted), graph)
        # hiclass fills short paths up with "", and does not count it.
        true, predicted = [list(path) for path in true], [list(path) for path in predicted]
        depth = max(len(path) for path in true + predicted)
        true, predicted = ([path + [""] * (depth - len(path)) for path in paths] for paths in (true, predicted))
        np.testing.assert_allclose(found["precision"], metrics.precision(true, predicted))
        np.testing.assert_allclose(found["recall"], metrics.recall(true, predicted))
        np.testing.assert_allclose(found["f"], metrics.f1(true, predicted, zero_division=0.0))

    agrees()


@hypothesis.given(single_paths(equally_deep=True))
@quick
def test_with_equally_deep_paths_all_three_are_the_mean_accuracy_of_the_levels(case):
    graph, true, predicted = case
    found = hierarchical_scores(sets(graph, true), sets(graph, predicted), graph)
    levels = [np.mean(np.array(true)[:, level] == np.array(predicted)[:, level]) for level in range(len(true[0]))]
    np.testing.assert_allclose(list(found.values()), np.mean(levels))


@hypothesis.given(st.data())
@quick
def test_closing_first_changes_nothing_and_by_the_definition(data):
    graph = data.draw(class_graphs())
    true = data.draw(label_sets(graph, largest=4)).astype(int)
    predicted = np.random.default_rng(data.draw(st.integers(0, 10**6))).integers(2, size=true.shape)
    found = hierarchical_scores(true, predicted, graph)
    assert found == hierarchical_scores(graph.close(true), graph.close(predicted), graph)
    held = [
        [{graph.classes[k] for k in np.flatnonzero(row)} for row in graph.close(labels)] for labels in (true, predicted)
    ]
    both = sum(len(one & other) for one, other in zip(*held, strict=True))
    numbers = [sum(len(one) for one in side) for side in held]
    recall, precision = (both / number if number else 0 for number in numbers)
    np.testing.assert_allclose([found["precision"], found["recall"]], [precision, recall])
    np.testing.assert_allclose(found["f"], 2 * both / sum(numbers) if both else 0)
    assert hierarchical_scores(true, true, graph)["f"] == (1 if true.any() else 0)


def test_by_hand():
    # True: 3, which is odd, prime and an odd prime. Predicted: 2, which is prime.
    found = hierarchical_scores([[0, 0, 0, 1, 0]], [[0, 0, 0, 0, 1]], GRAPH)
    assert found == {"precision": 1 / 2, "recall": 1 / 4, "f": pytest.approx(1 / 3)}


def test_a_root_would_inflate_it():
    parents = {"all": [], "a": ["all"], "b": ["all"]}
    wrong = hierarchical_scores([[0, 1, 0]], [[0, 0, 1]], ClassGraph(parents))
    assert wrong["f"] == 0.5
    assert hierarchical_scores([[1, 0]], [[0, 1]], ClassGraph({"a": [], "b": []}))["f"] == 0


def test_nothing_predicted_scores_zero():
    assert hierarchical_scores([[1, 0, 0, 0, 0]], [[0] * 5], GRAPH) == {"precision": 0, "recall": 0, "f": 0}
    assert hierarchical_scores([[0] * 5], [[0] * 5], GRAPH) == {"precision": 0, "recall": 0, "f": 0}


def test_what_is_wrong_is_refused():
    with pytest.raises(ValueError, match=r"true and predicted must have the same shape \(n, classes\), not \(1, 5\)"):
        hierarchical_scores([[0] * 5], [[0] * 5] * 2, GRAPH)
    with pytest.raises(ValueError, match="the same shape"):
        hierarchical_scores([0] * 5, [0] * 5, GRAPH)
    with pytest.raises(ValueError, match=r"labels must hold 0 and 1, not 0\.3"):
        hierarchical_scores([[0] * 5], [[0.3] * 5], GRAPH)
