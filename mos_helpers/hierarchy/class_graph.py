"""A graph over classes, stated as data: a class may have any number of parents."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from mos_helpers.arguments import as_lists_of_names


class ClassGraph:
    """Classes with any number of parents, and without a cycle: a directed acyclic graph.

    Stated as data, from each class to its parents. A class without parents gets an empty list. The root, which would
    hold everything, is left out.

    >>> graph = ClassGraph({"odd": [], "prime": [], "odd prime": ["odd", "prime"], "3": ["odd prime"]})
    >>> graph.ancestors("3")
    ('odd', 'prime', 'odd prime')
    >>> graph.close([[0, 0, 0, 1]])
    array([[1, 1, 1, 1]])

    An image has a set of labels, as a row of 0 and 1: column number k says whether class number k is one of them. It
    is *coherent* if it holds all parents of all classes that it holds.

    Attributes:
        classes: the names, in the order in which they are stated. Class number 2 is the third of them.
        parents: for each class a tuple of the names of its parents.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        """Check the graph and number its classes; each parent must be a class with an entry of its own."""
        self.parents = as_lists_of_names("parents", parents)
        for name, above in self.parents.items():
            unknown = [other for other in above if other not in self.parents]
            if unknown:
                wanted = "name classes of the graph, each with an entry (an empty list if it has no parents)"
                raise ValueError(f"parents[{name!r}] must {wanted}, not {unknown[0]!r}.")
            if len(set(above)) < len(above):
                raise ValueError(f"parents[{name!r}] must name each parent once, not {list(above)}.")
        self.classes = tuple(self.parents)
        above = ancestors_of("parents", self.parents)
        closed = [[name == other or name in above[other] for other in self.classes] for name in self.classes]
        self._matrix = np.array(closed, dtype=np.float32)

    def __repr__(self) -> str:
        return f"ClassGraph with {len(self.classes)} classes and {sum(map(len, self.parents.values()))} edges"

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Return the names of all classes above a class, without itself, in the graph's order."""
        if name not in self.parents:
            known = ", ".join(map(repr, self.classes))
            raise ValueError(f"name must be a class of the graph, not {name!r:.60}; it has {known}.")
        column = self._matrix[:, self.classes.index(name)]
        return tuple(other for other, above in zip(self.classes, column, strict=True) if above and other != name)

    def matrix(self) -> np.ndarray:
        """Return which class lies above which: float32 of shape (classes, classes).

        Row a, column d holds 1 if class number d is class number a or lies below it, and 0 if not.
        """
        return self._matrix.copy()

    def pairs(self) -> np.ndarray:
        """Return the numbers of each ancestor and its descendant, int64 of shape (pairs, 2), in order of the ancestor.

        Each class stands with itself too, so every class is the ancestor of at least one pair.
        """
        return np.argwhere(self._matrix > 0)

    def close(self, labels: np.ndarray) -> np.ndarray:
        """Return label sets, 0 and 1 of shape (..., classes), with all ancestors added, in their shape and type."""
        labels = self._checked_labels(labels)
        return (labels.astype(np.float32) @ self._matrix.T > 0).astype(labels.dtype)

    def violations(self, labels: np.ndarray) -> np.ndarray:
        """Return how many edges each label set, as for `close`, violates: int64 of shape (...).

        An edge is violated if the child is in the set and the parent is not. Zero everywhere means coherent.
        """
        labels = self._checked_labels(labels).astype(bool)
        number = {name: place for place, name in enumerate(self.classes)}
        edges = [(number[parent], number[name]) for name, above in self.parents.items() for parent in above]
        parent, child = np.array(edges, dtype=int).reshape(-1, 2).T
        return (labels[..., child] & ~labels[..., parent]).sum(axis=-1)

    def get_config(self) -> dict:
        """Return what is needed to make the graph again, as plain dictionaries and lists."""
        return {"parents": {name: list(above) for name, above in self.parents.items()}}

    def _checked_labels(self, labels: np.ndarray) -> np.ndarray:
        labels = np.asarray(labels)
        if labels.dtype.kind not in "biuf":
            raise TypeError(f"labels must hold 0 and 1, or False and True, not {labels.dtype}.")
        if labels.ndim == 0 or labels.shape[-1] != len(self.classes):
            wanted = f"shape (..., {len(self.classes)}), one column for each class"
            raise ValueError(f"labels must have {wanted}, not {labels.shape}.")
        wrong = labels[(labels != 0) & (labels != 1)]
        if len(wrong):
            raise ValueError(f"labels must hold 0 and 1, not {wrong[0]}: decide first, as in `probabilities > 0.5`.")
        return labels


def ancestors_of(argument: str, parents: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return the names above each class, or raise a ValueError that names the argument if they go round in a cycle."""
    above: dict[str, set[str]] = {}
    try:
        for name in TopologicalSorter(parents).static_order():
            above[name] = set(parents[name]).union(*(above[parent] for parent in parents[name]))
    except CycleError as error:
        cycle = " -> ".join(repr(name) for name in error.args[1])
        raise ValueError(f"{argument} must not go round in a cycle, but these do: {cycle}.") from None
    return above
