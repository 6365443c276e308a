"""A tree over classes, stated as data."""

from collections.abc import Mapping, Sequence

import numpy as np


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
        leaves: the names of the finest classes. Class number 3 is the fourth of them.
        levels: the names of the classes of each level, from the coarsest to the leaves.
    """

    def __init__(self, children: Mapping[str, Sequence[str]], leaves: Sequence[str] | None = None) -> None:
        """Check the tree and number its classes.

        Args:
            children: for each group the names of what it holds: leaves, or groups that have an entry of their own.
            leaves: the order in which the leaves are numbered; None takes them as they come. The groups of a level are
                numbered as they come.

        Raises:
            TypeError: children is no dictionary from names to lists of names, or leaves is no list of names.
            ValueError: no group, a group without members, an empty name, a class with two parents or in a circle,
                leaves that are not equally deep, or other names in `leaves` than the tree's leaves.
        """
        self.children = _checked_children(children)
        self._parent = _parents(self.children)
        self.levels = _levels(self.children, self._parent)
        if leaves is not None:
            self.levels = (*self.levels[:-1], _checked_leaves(leaves, self.levels[-1]))
        self.leaves = self.levels[-1]

    def __repr__(self) -> str:
        counts = ", ".join(str(len(level)) for level in self.levels)
        return f"Tree with {len(self.levels)} levels of {counts} classes"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and (self.levels, self._parent) == (other.levels, other._parent)

    def __hash__(self) -> int:
        return hash((self.levels, frozenset(self._parent.items())))

    def group_of(self, name: str) -> str | None:
        """Return the name of the group that a class belongs to; None for a class of the top level.

        Raises:
            ValueError: there is no class of that name.
        """
        if name not in self._parent and name not in self.levels[0]:
            raise ValueError(f"name must be a class of the tree, not {name!r}; it has {self._names()}.")
        return self._parent.get(name)

    def matrix(self, level: int = 0) -> np.ndarray:
        """Return which leaf belongs to which class of a level: float32 of shape (leaves, classes), 1 for yes, 0 for no.

        Probabilities of leaves, shape (n, leaves), times this matrix are the probabilities of the level's classes.

        Args:
            level: 0 is the top level; -1 is the leaves, whose matrix is the identity.

        Raises:
            ValueError: there is no such level.
        """
        return np.eye(len(self._classes(level)), dtype=np.float32)[self.groups_of_leaves(level)]

    def groups_of_leaves(self, level: int = 0) -> np.ndarray:
        """Return for each leaf the number of its class on a level, int64 of shape (leaves,).

        With `y` as numbers of leaves, `tree.groups_of_leaves()[y]` are the numbers of their groups.

        Raises:
            ValueError: there is no such level.
        """
        number = {name: place for place, name in enumerate(self._classes(level))}
        return np.array([number[next(name for name in self._path(leaf) if name in number)] for leaf in self.leaves])

    def get_config(self) -> dict:
        """Return what is needed to make the tree again, as plain dictionaries and lists."""
        return {"children": {name: list(held) for name, held in self.children.items()}, "leaves": list(self.leaves)}

    @classmethod
    def from_config(cls, config: dict) -> "Tree":
        """Make a tree from what `get_config` returns."""
        return cls(**config)

    def _classes(self, level: int) -> tuple[str, ...]:
        if isinstance(level, bool) or not isinstance(level, (int, np.integer)):
            raise TypeError(f"level must be a whole number, not {level!r}.")
        if not -len(self.levels) <= level < len(self.levels):
            raise ValueError(f"level must be from 0 to {len(self.levels) - 1} (or -1 for the leaves), not {level}.")
        return self.levels[level]

    def _path(self, leaf: str) -> list[str]:
        """Return the leaf, its group, the group's group, and so on."""
        path = [leaf]
        while path[-1] in self._parent:
            path.append(self._parent[path[-1]])
        return path

    def _names(self) -> str:
        return ", ".join(repr(name) for level in self.levels for name in level)


def _checked_children(children: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    if not isinstance(children, Mapping):
        raise TypeError(f"children must be a dictionary from group to members, not {type(children).__name__}.")
    if not children:
        raise ValueError("children must have at least one group, not none.")
    for group, members in children.items():
        if isinstance(members, str) or not isinstance(members, Sequence):
            raise TypeError(f"children[{group!r}] must be a list of names, not {members!r:.60}.")
        if not members:
            raise ValueError(f"children[{group!r}] must have at least one member, not none.")
        for name in (group, *members):
            if not isinstance(name, str):
                raise TypeError(f"children must hold names (strings), not {name!r:.60}.")
            if not name.strip():
                raise ValueError(f"children must hold names that are not empty, not {name!r}.")
    return {group: tuple(members) for group, members in children.items()}


def _parents(children: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the parent of each class that has one."""
    parent: dict[str, str] = {}
    for group, members in children.items():
        for name in members:
            if name in parent:
                both = f"{parent[name]!r} and {group!r}" if parent[name] != group else f"{group!r}, twice"
                raise ValueError(f"children must give each class one parent, but {name!r} belongs to {both}.")
            parent[name] = group
    return parent


def _levels(children: dict[str, tuple[str, ...]], parent: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """Walk down from the top level; what is never reached goes round in a circle."""
    levels = [tuple(group for group in children if group not in parent)]
    while any(name in children for name in levels[-1]):
        short = [name for name in levels[-1] if name not in children]
        if short:
            raise ValueError(
                f"children must have all leaves equally deep, but {short[0]!r} holds nothing while its neighbour "
                f"{next(name for name in levels[-1] if name in children)!r} does; put it into a group of its own."
            )
        levels.append(tuple(name for group in levels[-1] for name in children[group]))
    reached = {name for level in levels for name in level}
    lost = next((group for group in children if group not in reached), None)
    if lost is not None:
        for _ in children:  # up from a group that hangs on a circle, until the walk is in the circle
            lost = parent[lost]
        raise ValueError(f"children must not go round in a circle, but {lost!r} is above itself.")
    return tuple(levels)


def _checked_leaves(leaves: Sequence[str], found: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(leaves, str) or not isinstance(leaves, Sequence):
        raise TypeError(f"leaves must be a list of names, not {leaves!r:.60}.")
    unknown = [name for name in leaves if name not in found]
    if unknown:
        raise ValueError(f"leaves must be the leaves of the tree, not {unknown[0]!r}, which it does not have.")
    if sorted(leaves) != sorted(found):
        wrong = [name for name in found if list(leaves).count(name) != 1]
        raise ValueError(f"leaves must name each leaf once, but {wrong[0]!r} is missing or named twice.")
    return tuple(leaves)
