"""A tree over classes, stated as data."""

from collections.abc import Mapping, Sequence

import numpy as np

from mos_helpers.arguments import as_lists_of_names, check_names, check_number
from mos_helpers.hierarchy.class_graph import ancestors_of


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

    Attributes:
        children: for each group a tuple of the names of what it holds.
        leaves: the names of the finest classes. Class number 3 is the fourth of them.
        levels: the names of the classes of each level, from the coarsest to the leaves.
    """

    def __init__(self, children: Mapping[str, Sequence[str]], leaves: Sequence[str] | None = None) -> None:
        """Check the tree and number its classes, the leaves in the order of `leaves`, all others as they come."""
        self.children = as_lists_of_names("children", children)
        self._parent = _parents(self.children)
        above = {name: (self._parent[name],) if name in self._parent else () for name in self.children | self._parent}
        self._above = ancestors_of("children", above)
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
