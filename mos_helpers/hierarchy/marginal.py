"""A loss for labels of mixed depth: some name a leaf, others only a group."""

from typing import Any

import keras
import numpy as np

Tensor = Any  # a tensor of the backend in use, or a symbolic one


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

    def __init__(self, name: str = "marginal_crossentropy", **kwargs: object) -> None:
        """Take the arguments of `keras.losses.Loss`."""
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, shape (n,)."""
        if len(y_pred.shape) != 2 or len(y_true.shape) != 2 or y_true.shape[-1] != y_pred.shape[-1]:
            raise ValueError(
                f"y_true must be a row of zeros and ones for each image, with one column for each of the "
                f"{y_pred.shape[-1]} logits, not of shape {tuple(y_true.shape)}."
            )
        possible = keras.ops.where(y_true > 0, y_pred, -np.inf)
        return keras.ops.logsumexp(y_pred, axis=-1) - keras.ops.logsumexp(possible, axis=-1)
