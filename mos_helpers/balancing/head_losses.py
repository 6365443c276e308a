"""The loss of each head of a compiled model, one by one."""

from typing import Any

import keras


def head_losses(
    model: keras.Model,
    y: dict[str, Any],
    y_pred: dict[str, Any],
    sample_weight: Any = None,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the loss of each head on one batch, a number each, without loss weights.

    Args:
        model: compiled with `loss`, a dictionary with a loss for each head: an object, a function or a name.
        y: for each head its targets.
        y_pred: for each head its answers.
        sample_weight: None, one array of shape (n,) for all heads, or a dictionary with one for each head.

    Raises:
        TypeError: if the model was compiled with a `loss` that is no dictionary.
    """
    if not isinstance(model.loss, dict):
        raise TypeError(
            f"loss: {type(model.loss).__name__} given to compile, a dictionary with a loss for each head wanted."
        )
    losses = {}
    for name, loss in model.loss.items():
        weight = sample_weight.get(name) if isinstance(sample_weight, dict) else sample_weight
        target = y[name]
        if len(target.shape) == len(y_pred[name].shape) - 1 and y_pred[name].shape[-1] == 1:
            target = keras.ops.expand_dims(target, -1)
        losses[name] = _as_object(loss)(target, y_pred[name], weight)
    return losses


class _FunctionLoss(keras.losses.Loss):
    """A loss function as a loss with sample weights and a mean over the batch."""

    def __init__(self, function: Any) -> None:  # noqa: ANN401
        super().__init__(name="function_loss")
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401
        return self.function(y_true, y_pred)


def _as_object(loss: Any) -> keras.losses.Loss:  # noqa: ANN401
    found = keras.losses.get(loss)
    return found if isinstance(found, keras.losses.Loss) else _FunctionLoss(found)
