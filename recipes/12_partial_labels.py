"""The rows of labels of any depth, and their loss: one cell that stands alone.

From lesson 12. What are coarse labels worth?
It needs keras, numpy, and nothing else.
"""

import keras
import numpy as np


def rows_of_labels(labels, classes, groups):
    """Return rows of zeros and ones, shape (n, classes).

    labels: for each image a class, a group, or None for "not known"; groups: for each group the
    list of its classes.
    """
    if not isinstance(groups, dict):
        raise TypeError(f"groups must be a dictionary, not {type(groups).__name__}.")
    for name, held in groups.items():
        if isinstance(held, str) or not held or set(held) - set(classes) or name in classes:
            wanted = f"have a name of its own and list some of the classes {list(classes)}"
            raise ValueError(f"groups: {name!r} must {wanted}, not {held!r}.")
    possible = {name: [name] for name in classes} | groups | {None: classes}
    for label in labels:
        if label not in possible:
            raise ValueError(f"labels must hold names of {list(possible)}, not {label!r}.")
    return np.array([[float(one in possible[label]) for one in classes] for label in labels])


@keras.saving.register_keras_serializable(package="my_losses")
class MarginalLoss(keras.losses.Loss):
    """Minus the log of the summed probabilities of the possible classes; takes logits."""

    def call(self, y_true, y_pred):
        if y_true.shape[1:] != y_pred.shape[1:]:
            wanted = f"rows of {y_pred.shape[-1]} zeros and ones, from rows_of_labels"
            raise ValueError(f"y_true must be {wanted}, not of shape {tuple(y_true.shape)}.")
        possible = keras.ops.where(y_true > 0, y_pred, -np.inf)
        return keras.ops.logsumexp(y_pred, axis=-1) - keras.ops.logsumexp(possible, axis=-1)


rows = rows_of_labels(["cat", "pet", None], ["cat", "dog", "elk"], {"pet": ["cat", "dog"]})
print(
    "loss of equal logits:",
    MarginalLoss(reduction=None)(rows, np.zeros((3, 3))).numpy().round(2),
)
