"""Heads that cannot contradict each other: leaves by the chain rule, and groups as sums of their leaves."""

from typing import Any

import keras
import numpy as np

from mos_helpers.arguments import as_labels, check_type
from mos_helpers.hierarchy.class_tree import Tree

Tensor = Any  # a tensor of the backend in use, or a symbolic one


class OnTree(keras.layers.Layer):
    """A layer that knows a tree, and is saved with it."""

    def __init__(self, tree: Tree, **kwargs: object) -> None:
        """Take the tree; any other argument is one of `keras.layers.Layer`. TypeError if it is no `Tree`."""
        super().__init__(**kwargs)
        check_type("tree", tree, Tree, "a mos_helpers.hierarchy.Tree")
        self.tree = tree

    def get_config(self) -> dict:
        """Return what Keras stores: the tree as plain dictionaries and lists."""
        return super().get_config() | {"tree": self.tree.get_config()}

    @classmethod
    def from_config(cls, config: dict) -> "OnTree":
        """Make the layer from what `get_config` returns."""
        return cls(**config | {"tree": Tree(**config["tree"])})


@keras.saving.register_keras_serializable("mos_helpers")
class ConditionalHead(OnTree):
    """Turn features into probabilities of the leaves by the chain rule: p(leaf) = p(group) * p(leaf | its group).

    Every class of the tree has one logit, and a softmax runs over each set of siblings (classes with the same group;
    those of the top level are siblings too). The probability of a leaf is the product along its path, as in the
    WordTree of Redmon and Farhadi (2017), "YOLO9000". A class without siblings has the conditional probability 1.

    Input of shape (n, features), output of shape (n, leaves) in the order of `tree.leaves`: at least 0, and 1 in all.
    Train it with "sparse_categorical_crossentropy" and the numbers of the leaves. Products are sums of logarithms
    inside, so that large logits do not overflow. It looks at all pairs of classes of a level: for thousands of classes
    it would need too much memory.

    >>> head = ConditionalHead(Tree({"round": ["zero", "six"], "straight": ["one", "seven"]}), name="fine")
    >>> head(np.ones((3, 8), "float32")).shape
    TensorShape([3, 4])
    """

    def __init__(self, tree: Tree, **kwargs: object) -> None:
        super().__init__(tree, **kwargs)
        self.logits = keras.layers.Dense(sum(map(len, tree.levels)), dtype=self.dtype_policy)
        self._groups = [np.zeros(len(tree.levels[0]), dtype=int)]  # for each level, the numbers of the classes' groups
        for above, level in zip(tree.levels, tree.levels[1:], strict=False):
            self._groups.append(np.array([above.index(tree.group_of(name)) for name in level]))

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
        for logits, groups in zip(keras.ops.split(self.logits(features), ends.tolist(), -1), self._groups, strict=True):
            # One row for each class, in which only its siblings count.
            siblings = keras.ops.where(groups[:, None] == groups, logits[..., None, :], -np.inf)
            conditional = logits - keras.ops.logsumexp(siblings, axis=-1)
            path = conditional if path is None else keras.ops.take(path, groups, axis=-1) + conditional
        return path


@keras.saving.register_keras_serializable("mos_helpers")
class GroupSum(OnTree):
    """Add up the probabilities of the leaves of each group: from shape (n, leaves) to (n, classes of the level).

    Its outputs never contradict the leaves as probabilities: each is the sum of what it holds. It has no weights.
    """

    def __init__(self, tree: Tree, level: int = 0, **kwargs: object) -> None:
        """Take the tree and the number of a level, 0 for the top level; ValueError if there is no such level."""
        super().__init__(tree, **kwargs)
        self.level = level
        self._matrix = tree.matrix(level)

    def call(self, leaves: Tensor) -> Tensor:
        """Return the probabilities of the level's classes."""
        return keras.ops.matmul(leaves, keras.ops.cast(self._matrix, leaves.dtype))

    def get_config(self) -> dict:
        """Return what Keras stores: the tree, and the level."""
        return super().get_config() | {"level": self.level}


def contradictions(leaf: np.ndarray, group: np.ndarray, tree: Tree, level: int = 0) -> np.ndarray:
    """Return for each image whether the decided group is not the one that holds the decided leaf.

    `leaf` and `group` are numbers of leaves, and of classes of the level (0 is the top level), integers of shape (n,).
    The result is True or False, shape (n,); its mean is the share of contradictions.
    """
    check_type("tree", tree, Tree, "a mos_helpers.hierarchy.Tree")
    groups_of_leaves = tree.groups_of_leaves(level)
    leaf, group = as_labels("leaf", leaf, len(tree.leaves)), as_labels("group", group, len(tree.levels[level]))
    if len(leaf) != len(group):
        raise ValueError(f"leaf and group must have one number per image, not {len(leaf)} and {len(group)}.")
    return groups_of_leaves[leaf] != group
