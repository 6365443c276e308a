"""Heads that cannot contradict each other: leaves by the chain rule, and groups as sums of their leaves."""

from typing import Any

import keras
import numpy as np

from mos_helpers.hierarchy.tree import Tree

Tensor = Any  # a tensor of the backend in use, or a symbolic one


@keras.saving.register_keras_serializable("mos_helpers")
class ConditionalHead(keras.layers.Layer):
    """Turn features into probabilities of the leaves by the chain rule: p(leaf) = p(group) * p(leaf | its group).

    Every class of the tree has one logit, and a softmax runs over each set of siblings (classes with the same group;
    those of the top level are siblings too). The probability of a leaf is the product along its path, as in the
    WordTree of Redmon and Farhadi (2017), "YOLO9000". A class without siblings has the conditional probability 1.

    Input of shape (n, features), output of shape (n, leaves) in the order of `tree.leaves`: at least 0, and 1 in all.
    Train it with "sparse_categorical_crossentropy" and the numbers of the leaves. Products are sums of logarithms
    inside, so that large logits do not overflow.

    >>> head = ConditionalHead(Tree({"round": ["zero", "six"], "straight": ["one", "seven"]}), name="fine")
    >>> head(np.ones((3, 8), "float32")).shape
    TensorShape([3, 4])
    """

    def __init__(self, tree: Tree, **kwargs: object) -> None:
        """Take the tree; any other argument is one of `keras.layers.Layer`.

        Raises:
            TypeError: tree is no `Tree`.
        """
        super().__init__(**kwargs)
        self.tree = _checked_tree(tree)
        self.logits = keras.layers.Dense(sum(len(level) for level in tree.levels), dtype=self.dtype_policy)
        self._levels = [_siblings(tree, level) for level in range(len(tree.levels))]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights: one logit for each class of the tree."""
        if not self.logits.built:  # by log_probabilities
            self.logits.build(input_shape)
        super().build(input_shape)

    def call(self, features: Tensor) -> Tensor:
        """Return the probabilities of the leaves."""
        return keras.ops.exp(self.log_probabilities(features))

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of the leaves, shape (n, leaves).

        They are logits too: a loss with `from_logits=True` takes them, and no probability is rounded to 0. In a
        functional model, `head.log_probabilities(features)` can be an output, with or without `head(features)`.
        """
        ends = np.cumsum([len(level) for level in self.tree.levels])[:-1]
        path = None
        blocks = keras.ops.split(self.logits(features), ends.tolist(), axis=-1)
        for logits, (table, places, parents) in zip(blocks, self._levels, strict=True):
            conditional = _log_softmax_of_siblings(logits, table, places)
            path = conditional if path is None else keras.ops.take(path, parents, axis=-1) + conditional
        return path

    def get_config(self) -> dict:
        """Return what Keras stores: the tree as plain dictionaries and lists."""
        return super().get_config() | {"tree": self.tree.get_config()}

    @classmethod
    def from_config(cls, config: dict) -> "ConditionalHead":
        """Make the layer from what `get_config` returns."""
        return cls(**config | {"tree": Tree.from_config(config["tree"])})


@keras.saving.register_keras_serializable("mos_helpers")
class GroupSum(keras.layers.Layer):
    """Add up the probabilities of the leaves of each group: from shape (n, leaves) to (n, classes of the level).

    Its outputs never contradict the leaves as probabilities: each is the sum of what it holds. It has no weights.
    """

    def __init__(self, tree: Tree, level: int = 0, **kwargs: object) -> None:
        """Take the tree and the number of a level, 0 for the top level.

        Raises:
            TypeError: tree is no `Tree`, or level is no whole number.
            ValueError: there is no such level.
        """
        super().__init__(**kwargs)
        self.tree, self.level = _checked_tree(tree), level
        self._matrix = tree.matrix(level)

    def call(self, leaves: Tensor) -> Tensor:
        """Return the probabilities of the level's classes."""
        return keras.ops.matmul(leaves, keras.ops.cast(self._matrix, leaves.dtype))

    def get_config(self) -> dict:
        """Return what Keras stores: the tree as plain dictionaries and lists, and the level."""
        return super().get_config() | {"tree": self.tree.get_config(), "level": self.level}

    @classmethod
    def from_config(cls, config: dict) -> "GroupSum":
        """Make the layer from what `get_config` returns."""
        return cls(**config | {"tree": Tree.from_config(config["tree"])})


def contradictions(leaf: np.ndarray, group: np.ndarray, tree: Tree, level: int = 0) -> np.ndarray:
    """Return for each image whether the decided group is not the one that holds the decided leaf.

    Args:
        leaf: numbers of leaves, integers of shape (n,).
        group: numbers of classes of the level, integers of shape (n,).
        tree: says which leaf belongs to which group.
        level: 0 is the top level.

    Returns:
        True and False, shape (n,); the mean is the share of contradictions.

    Raises:
        TypeError: tree is no `Tree`, or leaf or group do not hold integers.
        ValueError: another shape, different lengths, a number that is no class, or no such level.
    """
    groups_of_leaves = _checked_tree(tree).groups_of_leaves(level)
    leaf = _checked_numbers("leaf", leaf, len(tree.leaves))
    group = _checked_numbers("group", group, len(tree.levels[level]))
    if len(leaf) != len(group):
        raise ValueError(f"leaf and group must have one number per image, not {len(leaf)} and {len(group)}.")
    return groups_of_leaves[leaf] != group


def _siblings(tree: Tree, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how to lay the classes of a level out by parent, how to find them there, and their parents' numbers.

    The table has a row for each parent with the numbers of its children. Short rows are filled up with the number
    after the last class. The places are where each class stands in the flattened table.
    """
    names = tree.levels[level]
    above = (None,) if level == 0 else tree.levels[level - 1]
    number = {name: place for place, name in enumerate(above)}
    parents = np.array([number[tree.group_of(name)] for name in names])
    rows = [np.flatnonzero(parents == parent) for parent in range(len(above))]
    table = np.full((len(rows), max(len(row) for row in rows)), len(names))
    for row, children in zip(table, rows, strict=True):
        row[: len(children)] = children
    places = np.argsort(table.ravel(), kind="stable")[: len(names)]
    return table, places, parents


def _log_softmax_of_siblings(logits: Tensor, table: np.ndarray, places: np.ndarray) -> Tensor:
    """Return the log-softmax of logits of shape (n, classes) within each row of the table."""
    nothing = keras.ops.full_like(logits[..., :1], -np.inf)
    rows = keras.ops.take(keras.ops.concatenate([logits, nothing], axis=-1), table, axis=-1)
    within = keras.ops.log_softmax(rows, axis=-1)
    # Rows are joined and not reshaped, so that axes of unknown length (None) may stand before them.
    flat = keras.ops.concatenate(keras.ops.unstack(within, axis=-2), axis=-1)
    return keras.ops.take(flat, places, axis=-1)


def _checked_tree(tree: Tree) -> Tree:
    if not isinstance(tree, Tree):
        raise TypeError(f"tree must be a mos_helpers.hierarchy.Tree, not {type(tree).__name__}.")
    return tree


def _checked_numbers(name: str, numbers: np.ndarray, classes: int) -> np.ndarray:
    numbers = np.asarray(numbers)
    if numbers.ndim != 1:
        cure = "; use .argmax(axis=1) to decide" if numbers.ndim == 2 else ""
        raise ValueError(f"{name} must have the shape (n,), not {numbers.shape}{cure}.")
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, the numbers of classes, not {numbers.dtype}.")
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise ValueError(f"{name} must hold numbers from 0 to {classes - 1}, not {wrong}.")
    return numbers
