"""The loss of each head of a compiled model, one by one."""

from typing import Any

import keras

from mos_helpers.arguments import check_type

Tensor = Any  # a tensor, a symbolic one, or an array


def head_losses(
    model: keras.Model, y: dict[str, Tensor], y_pred: dict[str, Tensor], sample_weight: Tensor | dict | None = None
) -> dict[str, Tensor]:
    """Return the loss of each head on one batch, a number each, without loss weights.

    The model is compiled with `loss`, a dictionary with a loss for each head: an object, a function or a name. Targets
    and predictions are dictionaries too; `sample_weight` may be one, or one array of shape (n,) for all heads.
    """
    check_type("loss, as given to compile,", model.loss, dict, "a dictionary with a loss for each head")
    losses = {}
    for name, loss in model.loss.items():
        weight = sample_weight.get(name) if isinstance(sample_weight, dict) else sample_weight
        target = y[name]
        if len(target.shape) == len(y_pred[name].shape) - 1 and y_pred[name].shape[-1] == 1:
            target = keras.ops.expand_dims(target, -1)
        found = keras.losses.get(loss)
        found = found if isinstance(found, keras.losses.Loss) else _FunctionLoss(found)
        losses[name] = found(target, y_pred[name], weight)
    return losses


class _FunctionLoss(keras.losses.Loss):
    """A loss function as a loss with sample weights and a mean over the batch."""

    def __init__(self, function: Any) -> None:  # noqa: ANN401
        super().__init__(name="function_loss")
        self.call = function


def run_batch(model: keras.Model, data: tuple) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Begin a `train_step`: return the total loss of a batch, the loss of each head, and the logs."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    y_pred = model(x, training=True)
    losses = head_losses(model, y, y_pred, sample_weight)
    total = model.compute_loss(x, y, y_pred, sample_weight)
    model.metrics[0].update_state(total, sample_weight=keras.ops.shape(keras.tree.flatten(x)[0])[0])
    return total, losses, model.compute_metrics(x, y, y_pred, sample_weight)
