"""Random graphs of classes and label sets, for property tests."""

import hypothesis.strategies as st
import numpy as np
from hypothesis.extra import numpy as arrays

from mos_helpers.hierarchy import ClassGraph


@st.composite
def class_graphs(draw, largest=7):
    """Return a graph of 1 to `largest` classes, stated in any order."""
    names = [f"c{number}" for number in range(draw(st.integers(1, largest)))]
    parents = {}
    for number, name in enumerate(names):  # parents come from the classes before, so there is no cycle
        parents[name] = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
    order = draw(st.permutations(names))
    return ClassGraph({name: parents[name] for name in order})


def label_sets(graph, largest=5):
    """Return 0 to `largest` label sets, as a strategy: bool, int or float of shape (n, classes)."""
    shapes = st.tuples(st.integers(0, largest), st.just(len(graph.classes)))
    types = st.sampled_from([np.bool_, np.int64, np.float32])
    return types.flatmap(
        lambda kind: arrays.arrays(np.bool_, shapes).map(lambda labels: labels.astype(kind)),
    )


def probabilities(graph, largest=5):
    """Return probabilities for 1 to `largest` images, as a strategy: float32 of shape (n, classes), no two equal."""
    shapes = st.tuples(st.integers(1, largest), st.integers(0, 2**32 - 1))
    return shapes.map(lambda shape: _distinct(shape[0], len(graph.classes), shape[1]))


def _distinct(n, classes, seed):
    rng = np.random.default_rng(seed)
    steps = np.stack([rng.permutation(classes) for _ in range(n)])
    return ((steps + rng.uniform(0.2, 0.8, size=steps.shape)) / classes).astype(np.float32)
