"""Layers and losses that respect a hierarchy of classes, for a tree and for a graph."""

from typing import Any

import keras
import numpy as np

from mos_helpers.arguments import check_type
from mos_helpers.hierarchy.classes import ClassGraph, Tree

Tensor = Any  # a tensor of the backend in use, or a symbolic one


class SavedWithHierarchy:
    """A layer or a loss that gets a tree or a graph as the argument `given`, and is saved with it."""

    given: str
    kind: type

    def get_config(self) -> dict:
        """Return what Keras stores: the tree or the graph as plain dictionaries and lists."""
        return super().get_config() | {self.given: getattr(self, self.given).get_config()}

    @classmethod
    def from_config(cls, config: dict) -> "SavedWithHierarchy":
        """Make the object from what `get_config` returns."""
        return cls(**config | {cls.given: cls.kind(**config[cls.given])})


class OnTree(SavedWithHierarchy, keras.layers.Layer):
    """A layer that knows a tree."""

    given, kind = "tree", Tree

    def __init__(self, tree: Tree, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_type("tree", tree, Tree, "a mos_helpers.hierarchy.Tree")
        self.tree = tree


class OnGraph(SavedWithHierarchy):
    """A layer or a loss that knows a graph."""

    given, kind = "graph", ClassGraph

    def __init__(self, graph: ClassGraph, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_type("graph", graph, ClassGraph, "a ClassGraph")
        self.graph = graph


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


@keras.saving.register_keras_serializable("mos_helpers")
class MarginalCrossentropy(keras.losses.Loss):
    """Minus the log of the probability that the class is one of those that the label leaves possible.

    A label is a row of zeros and ones, one for each leaf: 1 where the image may belong to this leaf. The label of a
    leaf is a one-hot row, the label of a group has a 1 for each of its leaves, and a row of ones says nothing: its loss
    is 0. With p the softmax of the logits, the loss of a row is -log(sum of p over the possible leaves), computed as

        logsumexp(all logits) - logsumexp(logits of the possible leaves)

    which does not overflow, whatever the logits. For one-hot rows it is the categorical cross-entropy. Labels that are
    sets of candidates: Jin and Ghahramani (2002), "Learning with Multiple Labels".

    y_true has the shape (n, leaves) and y_pred too: logits, so the last layer has no activation. Logarithms of
    probabilities, as `ConditionalHead.log_probabilities` gives them, are logits. The loss is averaged over the rows as
    any Keras loss is, with or without sample weights. A row of y_true without any 1 is not noticed: its loss is
    infinite, and NaN with a sample weight of 0.

    >>> tree = Tree({"round": ["zero", "six"], "straight": ["one", "seven"]})
    >>> fine, coarse = np.eye(4)[[1, 3]], tree.matrix().T[[0, 1]]    # "six", "seven"; "round", "straight"
    >>> loss = MarginalCrossentropy()(np.concatenate([fine, coarse]), np.zeros((4, 4)))
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, shape (n,)."""
        if len(y_pred.shape) != 2 or len(y_true.shape) != 2 or y_true.shape[-1] != y_pred.shape[-1]:
            raise ValueError(
                f"y_true must be a row of zeros and ones for each image, with one column for each of the "
                f"{y_pred.shape[-1]} logits, not of shape {tuple(y_true.shape)}."
            )
        possible = keras.ops.where(y_true > 0, y_pred, -np.inf)
        return keras.ops.logsumexp(y_pred, axis=-1) - keras.ops.logsumexp(possible, axis=-1)


def largest_below(values: Tensor, graph: ClassGraph) -> Tensor:
    """Return for each class the largest value among itself and all classes below it.

    It looks only at the pairs (ancestor, descendant) that exist. Where several values are equally large, they share
    the gradient. The values have the shape (n, classes), in the graph's order, and so has the result.
    """
    ancestor, descendant = graph.pairs().astype("int32").T
    of_pairs = keras.ops.take(keras.ops.transpose(values), descendant, axis=0)  # shape (pairs, n)
    largest = keras.ops.segment_max(of_pairs, ancestor, num_segments=len(graph.classes))
    return keras.ops.transpose(largest)


@keras.saving.register_keras_serializable("mos_helpers")
class MaxConstraint(OnGraph, keras.layers.Layer):
    """Raise the probability of each class to the largest among itself and its descendants.

    `MaxConstraint(graph)(probabilities)` has the shape of `probabilities`, (n, classes). Decisions made of it with any
    one threshold are coherent: whenever a class is above the threshold, so are its ancestors. It has no weights, so it
    can also be put on a model that is trained already.

    It is for sigmoids, where several classes can hold at once, and not for the output of a softmax.
    """

    def build(self, input_shape: tuple) -> None:
        """Check the number of columns."""
        wanted = len(self.graph.classes)
        if len(input_shape) != 2 or input_shape[-1] != wanted:
            raise ValueError(f"The input of MaxConstraint must have shape (n, {wanted}), not {tuple(input_shape)}.")

    def call(self, probabilities: Tensor) -> Tensor:
        """Return the constrained probabilities, shape (n, classes)."""
        return largest_below(probabilities, self.graph)


@keras.saving.register_keras_serializable("mos_helpers")
class MaxConstraintLoss(OnGraph, keras.losses.Loss):
    """Binary cross-entropy of the constrained output, in which a true class is credited only through true classes.

    For one image with labels y and sigmoids h, where "below" includes the class itself:

        p of a class with y = 1:  the largest h among the *true* classes below it
        p of a class with y = 0:  the largest h among all classes below it
        loss: the mean over classes of -log(p) where y = 1, and of -log(1 - p) where y = 0

    Give the loss the sigmoids as they are, without `MaxConstraint`; put that layer behind them for predictions. The
    labels must be coherent (`graph.close`), of shape (n, classes) as the sigmoids. For `sample_weight` with zeros, use
    `reduction="mean_with_sample_weight"`.

    Source: Giunchiglia and Lukasiewicz (2020), "Coherent hierarchical multi-label classification networks". They call
    the loss MCLoss, and the layer MCM.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each image, shape (n,)."""
        y_true = keras.ops.cast(y_true, y_pred.dtype)
        through_true = largest_below(y_true * y_pred, self.graph)
        through_all = largest_below(y_pred, self.graph)
        credited = y_true * through_true + (1 - y_true) * through_all
        return keras.ops.mean(keras.ops.binary_crossentropy(y_true, credited), axis=-1)
