"""Trees and graphs of classes, stated as data."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from mos_helpers.arguments import as_lists_of_names, check_names, check_number


class Tree:
    """Classes in levels: every class but those of the top level belongs to exactly one group.

    Stated as data, from each group to what it holds. The root, which holds everything, is left out.

    >>> tree = Tree({"round": ["zero", "six"], "straight": ["one", "seven"]})
    >>> tree.levels
    (('round', 'straight'), ('zero', 'six', 'one', 'seven'))
    >>> tree.group_of("six")
    'round'

    All leaves lie equally deep. A class without company, such as a digit that looks like no other, is a group that
    holds one leaf.

    `levels` holds tuples of names, from the coarsest level to the leaves, and `leaves` is the last of them: class
    number 3 is the fourth. `children` holds for each group a tuple of the names of what it holds.
    """

    def __init__(self, children: Mapping[str, Sequence[str]], leaves: Sequence[str] | None = None) -> None:
        """Check the tree and number its classes, the leaves in the order of `leaves`, all others as they come."""
        self.children = as_lists_of_names("children", children)
        self._parent = _parents(self.children)
        above = {name: (self._parent[name],) if name in self._parent else () for name in self.children | self._parent}
        self._above = _ancestors("children", above)
        self.levels = _levels(self.children, self._parent)
        if leaves is not None:
            check_names("leaves", leaves)
            unknown = [name for name in leaves if name not in self.levels[-1]]
            if unknown:
                raise ValueError(f"leaves must be the leaves of the tree, not {unknown[0]!r}, which it does not have.")
            wrong = [name for name in self.levels[-1] if list(leaves).count(name) != 1]
            if wrong:
                raise ValueError(f"leaves must name each leaf once, but {wrong[0]!r} is missing or named twice.")
            self.levels = (*self.levels[:-1], tuple(leaves))
        self.leaves = self.levels[-1]

    def __repr__(self) -> str:
        counts = ", ".join(str(len(level)) for level in self.levels)
        return f"Tree with {len(self.levels)} levels of {counts} classes"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and (self.levels, self._parent) == (other.levels, other._parent)

    def __hash__(self) -> int:
        return hash(self.levels)

    def group_of(self, name: str) -> str | None:
        """Return the name of the group that a class belongs to; None for a class of the top level."""
        if name not in self._above:
            known = ", ".join(repr(name) for level in self.levels for name in level)
            raise ValueError(f"name must be a class of the tree, not {name!r}; it has {known}.")
        return self._parent.get(name)

    def matrix(self, level: int = 0) -> np.ndarray:
        """Return which leaf belongs to which class of a level: float32 of shape (leaves, classes), 1 for yes, 0 for no.

        Probabilities of leaves, shape (n, leaves), times this matrix are the probabilities of the level's classes.
        Level 0 is the top level, and -1 the leaves.
        """
        groups = self.groups_of_leaves(level)
        return np.eye(len(self.levels[level]), dtype=np.float32)[groups]

    def groups_of_leaves(self, level: int = 0) -> np.ndarray:
        """Return for each leaf the number of its class on a level, int64 of shape (leaves,).

        With `y` as numbers of leaves, `tree.groups_of_leaves()[y]` are the numbers of their groups.
        """
        check_number("level", level, -len(self.levels), len(self.levels) - 1, whole=True)
        number = {name: place for place, name in enumerate(self.levels[level])}
        paths = [{leaf, *self._above[leaf]} for leaf in self.leaves]
        return np.array([number[(path & number.keys()).pop()] for path in paths])

    def get_config(self) -> dict:
        """Return what is needed to make the tree again, as plain dictionaries and lists."""
        return {"children": {name: list(held) for name, held in self.children.items()}, "leaves": list(self.leaves)}


def _parents(children: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the parent of each class that has one."""
    parent: dict[str, str] = {}
    for group, members in children.items():
        if not members:
            raise ValueError(f"children[{group!r}] must have at least one member, not none.")
        for name in members:
            if name in parent:
                raise ValueError(
                    f"children must name each class once, but {name!r} belongs to {parent[name]!r} and {group!r}."
                )
            parent[name] = group
    return parent


def _levels(children: dict[str, tuple[str, ...]], parent: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """Walk down from the top level."""
    levels = [tuple(group for group in children if group not in parent)]
    while below := tuple(name for group in levels[-1] for name in children.get(group, ())):
        short = [name for name in levels[-1] if name not in children]
        if short:
            cure = "put it into a group of its own"
            raise ValueError(f"children must have all leaves equally deep, but {short[0]!r} holds nothing: {cure}.")
        levels.append(below)
    return tuple(levels)


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

    `classes` holds the names in the order in which they are stated: class number 2 is the third of them. `parents`
    holds for each class a tuple of the names of its parents.
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
        above = _ancestors("parents", self.parents)
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


def _ancestors(argument: str, parents: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return the names above each class, or raise a ValueError that names the argument if they go round in a cycle."""
    above: dict[str, set[str]] = {}
    try:
        for name in TopologicalSorter(parents).static_order():
            above[name] = set(parents[name]).union(*(above[parent] for parent in parents[name]))
    except CycleError as error:
        cycle = " -> ".join(repr(name) for name in error.args[1])
        raise ValueError(f"{argument} must not go round in a cycle, but these do: {cycle}.") from None
    return above
