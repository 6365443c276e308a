"""The base of the models that weigh their heads' losses themselves."""

from typing import Any

import keras

from mos_helpers.balancing.head_losses import head_losses


class WeightedHeads(keras.Model):
    """A functional model that weighs the heads' losses itself, and logs the weights.

    A subclass overrides `weights_of_heads`, and `loss_of_head` if it adds anything to the weighted loss. The models are
    compiled with a dictionary of losses and without loss weights. The logs have each head's loss, unweighted.

    Args:
        inputs: as in `keras.Model`.
        outputs: a dictionary of outputs, whose keys are the heads' names.
        options: everything else that `keras.Model` takes.

    Raises:
        TypeError: if `outputs` is no dictionary.
    """

    def __init__(self, inputs: Any, outputs: dict[str, Any], **options: Any) -> None:  # noqa: ANN401
        if not isinstance(outputs, dict):
            raise TypeError(f"outputs: {type(outputs).__name__} given, a dictionary from head to output wanted.")
        super().__init__(inputs=inputs, outputs=outputs, **options)
        self.logged = {head: keras.metrics.Mean(name=f"{head}_weight") for head in outputs}

    def weights_of_heads(self) -> dict[str, Any]:
        """Return the factor of each head's loss."""
        raise NotImplementedError

    def loss_of_head(self, head: str, loss: Any) -> Any:  # noqa: ANN401
        """Return what one head adds to the total: its loss times its weight."""
        return self.weights_of_heads()[head] * loss

    def compute_loss(
        self,
        x: Any = None,  # noqa: ANN401
        y: Any = None,  # noqa: ANN401
        y_pred: Any = None,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
        training: bool = True,
    ) -> Any:  # noqa: ANN401
        """Return the sum of what the heads add, and of what regularisers add."""
        super().compute_loss(x, y, y_pred, sample_weight, training)  # for the logs of each head
        total = sum(self.losses)
        for head, loss in head_losses(self, y, y_pred, sample_weight).items():
            total += self.loss_of_head(head, loss)
        for head, weight in self.weights_of_heads().items():
            self.logged[head].update_state(weight)
        return total
