"""A graph over classes, stated as data: a class may have any number of parents."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np


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
        """Check the graph and number its classes.

        Args:
            parents: for each class a list of the names of its parents, each of which is a class with an entry.

        Raises:
            TypeError: parents is no dictionary from names to lists of names.
            ValueError: no class, an empty name, a parent without an entry of its own, a parent named twice, or a cycle.
        """
        self.parents = _checked_parents(parents)
        self.classes = tuple(self.parents)
        self._number = {name: number for number, name in enumerate(self.classes)}
        self._ancestors = _ancestors(self.parents)

    def __repr__(self) -> str:
        return f"ClassGraph with {len(self.classes)} classes and {len(self.edges())} edges"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassGraph) and list(self.parents.items()) == list(other.parents.items())

    def __hash__(self) -> int:
        return hash(tuple(self.parents.items()))

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Return the names of all classes above a class, in the graph's order, the class itself not among them.

        Raises:
            ValueError: there is no class of that name.
        """
        self._check_name(name)
        return tuple(other for other in self.classes if other in self._ancestors[name])

    def descendants(self, name: str) -> tuple[str, ...]:
        """Return the names of all classes below a class, in the graph's order, the class itself not among them.

        Raises:
            ValueError: there is no class of that name.
        """
        self._check_name(name)
        return tuple(other for other in self.classes if name in self._ancestors[other])

    def edges(self) -> np.ndarray:
        """Return the numbers of each parent and its child, int64 of shape (edges, 2)."""
        pairs = [(self._number[parent], self._number[name]) for name in self.classes for parent in self.parents[name]]
        return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)

    def pairs(self) -> np.ndarray:
        """Return the numbers of each ancestor and its descendant, int64 of shape (pairs, 2), in order of the ancestor.

        Each class stands with itself too, so every class is the ancestor of at least one pair.
        """
        return np.argwhere(self.matrix() > 0).astype(np.int64)

    def matrix(self) -> np.ndarray:
        """Return which class lies above which: float32 of shape (classes, classes).

        Row a, column d holds 1 if class number d is class number a or lies below it, and 0 if not.
        """
        matrix = np.eye(len(self.classes), dtype=np.float32)
        for name, above in self._ancestors.items():
            matrix[[self._number[other] for other in above], self._number[name]] = 1
        return matrix

    def close(self, labels: np.ndarray) -> np.ndarray:
        """Return label sets with all ancestors added: an array of labels' shape and type. `labels` is not changed.

        Args:
            labels: 0 and 1, or False and True, of shape (..., classes).

        Raises:
            TypeError, ValueError: labels does not hold 0 and 1, or has not one column for each class.
        """
        labels = self._checked_labels(labels)
        return (labels.astype(np.float32) @ self.matrix().T > 0).astype(labels.dtype)

    def violations(self, labels: np.ndarray) -> np.ndarray:
        """Return how many edges each label set violates: int64 of labels' shape without the last axis.

        An edge is violated if the child is in the set and the parent is not. Zero everywhere means coherent.

        Args:
            labels: 0 and 1, or False and True, of shape (..., classes).

        Raises:
            TypeError, ValueError: as in `close`.
        """
        labels = self._checked_labels(labels).astype(bool)
        parent, child = self.edges().T
        return (labels[..., child] & ~labels[..., parent]).sum(axis=-1)

    def get_config(self) -> dict:
        """Return what is needed to make the graph again, as plain dictionaries and lists."""
        return {"parents": {name: list(above) for name, above in self.parents.items()}}

    @classmethod
    def from_config(cls, config: dict) -> "ClassGraph":
        """Make a graph from what `get_config` returns."""
        return cls(**config)

    def _check_name(self, name: str) -> None:
        if name not in self._number:
            known = ", ".join(repr(other) for other in self.classes)
            raise ValueError(f"name must be a class of the graph, not {name!r:.60}; it has {known}.")

    def _checked_labels(self, labels: np.ndarray) -> np.ndarray:
        labels = np.asarray(labels)
        if labels.dtype.kind not in "biuf":
            raise TypeError(f"labels must hold 0 and 1, or False and True, not {labels.dtype}.")
        if labels.ndim == 0 or labels.shape[-1] != len(self.classes):
            raise ValueError(
                f"labels must have shape (..., {len(self.classes)}), one column for each class, not {labels.shape}."
            )
        wrong = labels[(labels != 0) & (labels != 1)]
        if len(wrong):
            raise ValueError(f"labels must hold 0 and 1, not {wrong[0]}: decide first, as in `probabilities > 0.5`.")
        return labels


def _checked_parents(parents: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    if not isinstance(parents, Mapping):
        raise TypeError(f"parents must be a dictionary from class to parents, not {type(parents).__name__}.")
    if not parents:
        raise ValueError("parents must have at least one class, not none.")
    for name, above in parents.items():
        if isinstance(above, str) or not isinstance(above, Sequence):
            raise TypeError(f"parents[{name!r}] must be a list of names, not {above!r:.60}.")
        for other in (name, *above):
            if not isinstance(other, str):
                raise TypeError(f"parents must hold names (strings), not {other!r:.60}.")
            if not other.strip():
                raise ValueError(f"parents must hold names that are not empty, not {other!r}.")
    for name, above in parents.items():
        unknown = [other for other in above if other not in parents]
        if unknown:
            raise ValueError(
                f"parents[{name!r}] must name classes of the graph, not {unknown[0]!r}: each class needs an entry, "
                "with an empty list if it has no parents."
            )
        if len(set(above)) < len(above):
            twice = next(other for other in above if list(above).count(other) > 1)
            raise ValueError(f"parents[{name!r}] must name each parent once, but {twice!r} stands there twice.")
    return {name: tuple(above) for name, above in parents.items()}


def _ancestors(parents: dict[str, tuple[str, ...]]) -> dict[str, set[str]]:
    """Return the names above each class: parents before their children, so that one pass is enough."""
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        cycle = " -> ".join(repr(name) for name in error.args[1])
        raise ValueError(f"parents must not go round in a cycle, but these do: {cycle}.") from None
    ancestors: dict[str, set[str]] = {}
    for name in order:
        ancestors[name] = set(parents[name]).union(*(ancestors[parent] for parent in parents[name]))
    return ancestors
