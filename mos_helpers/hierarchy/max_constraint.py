"""Heads that respect a graph of classes: no class is less probable than one that lies below it.

Source: Giunchiglia and Lukasiewicz (2020), "Coherent hierarchical multi-label classification networks". They call the
layer MCM (max constraint module) and the loss MCLoss.
"""

import keras

from mos_helpers.arguments import check_type
from mos_helpers.hierarchy.class_graph import ClassGraph


def largest_below(values: keras.KerasTensor, graph: ClassGraph) -> keras.KerasTensor:
    """Return for each class the largest value among itself and all classes below it.

    It looks only at the pairs (ancestor, descendant) that exist. Where several values are equally large, they share
    the gradient. The values have the shape (n, classes), in the graph's order, and so has the result.
    """
    ancestor, descendant = graph.pairs().astype("int32").T
    of_pairs = keras.ops.take(keras.ops.transpose(values), descendant, axis=0)  # shape (pairs, n)
    largest = keras.ops.segment_max(of_pairs, ancestor, num_segments=len(graph.classes))
    return keras.ops.transpose(largest)


class OnGraph:
    """A layer or a loss that knows a graph, and is saved with it."""

    def __init__(self, graph: ClassGraph, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_type("graph", graph, ClassGraph, "a ClassGraph")
        self.graph = graph

    def get_config(self) -> dict:
        """Return what Keras stores: the graph as a plain dictionary."""
        return super().get_config() | {"graph": self.graph.get_config()}

    @classmethod
    def from_config(cls, config: dict) -> "OnGraph":
        """Make the object from what `get_config` returns."""
        return cls(**config | {"graph": ClassGraph(**config["graph"])})


@keras.saving.register_keras_serializable(package="mos_helpers")
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

    def call(self, probabilities: keras.KerasTensor) -> keras.KerasTensor:
        """Return the constrained probabilities, shape (n, classes)."""
        return largest_below(probabilities, self.graph)


@keras.saving.register_keras_serializable(package="mos_helpers")
class MaxConstraintLoss(OnGraph, keras.losses.Loss):
    """Binary cross-entropy of the constrained output, in which a true class is credited only through true classes.

    For one image with labels y and sigmoids h, where "below" includes the class itself:

        p of a class with y = 1:  the largest h among the *true* classes below it
        p of a class with y = 0:  the largest h among all classes below it
        loss: the mean over classes of -log(p) where y = 1, and of -log(1 - p) where y = 0

    Give the loss the sigmoids as they are, without `MaxConstraint`; put that layer behind them for predictions. The
    labels must be coherent (`graph.close`), of shape (n, classes) as the sigmoids. For `sample_weight` with zeros, use
    `reduction="mean_with_sample_weight"`. TypeError if graph is no `ClassGraph`.
    """

    def __init__(self, graph: ClassGraph, name: str = "max_constraint_loss", **kwargs: object) -> None:
        super().__init__(graph, name=name, **kwargs)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each image, shape (n,)."""
        y_true = keras.ops.cast(y_true, y_pred.dtype)
        through_true = largest_below(y_true * y_pred, self.graph)
        through_all = largest_below(y_pred, self.graph)
        credited = y_true * through_true + (1 - y_true) * through_all
        return keras.ops.mean(keras.ops.binary_crossentropy(y_true, credited), axis=-1)
