"""The loss of each head of a compiled model, one by one, and the base of the models that weigh these losses."""

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


class WeightedHeads(keras.Model):
    """A functional model that weighs the heads' losses itself, and logs the weights.

    A subclass overrides `weights_of_heads`, and `loss_of_head` if it adds anything to the weighted loss. The models are
    compiled with a dictionary of losses and without loss weights. The logs have each head's loss, unweighted.
    `outputs` is a dictionary whose keys are the heads' names; all other arguments are those of `keras.Model`.
    """

    def __init__(self, inputs: Tensor, outputs: dict[str, Tensor], name: str | None = None, **options: object) -> None:
        check_type("outputs", outputs, dict, "a dictionary from head to output")
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.logged = {head: keras.metrics.Mean(name=f"{head}_weight") for head in outputs}

    def weights_of_heads(self) -> dict[str, Tensor]:
        """Return the factor of each head's loss."""
        raise NotImplementedError

    def loss_of_head(self, head: str, loss: Tensor) -> Tensor:
        """Return what one head adds to the total: its loss times its weight."""
        return self.weights_of_heads()[head] * loss

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the sum of what the heads add, and of what regularisers add."""
        super().compute_loss(x, y, y_pred, sample_weight, training)  # for the logs of each head
        for head, weight in self.weights_of_heads().items():
            self.logged[head].update_state(weight)
        losses = head_losses(self, y, y_pred, sample_weight)
        return sum(self.losses) + sum(self.loss_of_head(*item) for item in losses.items())
