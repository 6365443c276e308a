"""Loss weights learned as uncertainties."""

import math
from collections.abc import Iterable, Mapping

import keras

from mos_helpers.arguments import check_number
from mos_helpers.balancing.head_losses import Tensor, WeightedHeads


@keras.saving.register_keras_serializable("mos_helpers")
class UncertaintyWeights(WeightedHeads):
    """A functional model that learns a loss weight for each head.

    With s = log(sigma^2) a head adds exp(-s) loss / 2 + s / 2 to the total if it is a regression (a mean squared
    error), and exp(-s) loss + s / 2 if it is a classification (a cross-entropy): Kendall, Gal and Cipolla, "Multi-task
    learning using uncertainty to weigh losses for scene geometry and semantics", CVPR 2018. The total may be negative.

    `UncertaintyWeights(inputs, {"digit": ..., "pose": ...}, regression=["pose"])`, then `compile` with a dictionary of
    losses and without loss weights, and `fit`. The logs have each head's loss, unweighted, and its weight.
    `keras.Model(model.input, model.output)` is the same network without the weights.

    Args:
        inputs, name, options: as in `keras.Model`.
        outputs: a dictionary of outputs, whose keys are the heads' names.
        regression: the names of the heads whose loss is a mean squared error.
        speed: Adam moves any number by at most about its learning rate in each update. Each log variance is kept
            divided by `speed`, so that Adam moves it `speed` times as far. Above 0.
    """

    def __init__(
        self,
        inputs: Tensor,
        outputs: dict[str, Tensor],
        name: str | None = None,
        *,
        regression: Iterable[str] = (),
        speed: float = 25.0,
        **options: object,
    ) -> None:
        super().__init__(inputs, outputs, name, **options)
        if unknown := set(regression) - set(outputs):
            raise ValueError(f"regression must hold names from {list(outputs)}, not {sorted(unknown)}.")
        check_number("speed", speed, 0, above=True)
        self.regression, self.speed = sorted(regression), speed
        self.slow = {head: self.add_weight(shape=(), initializer="zeros", name=f"{head}_slow") for head in outputs}

    def log_variances(self) -> dict[str, Tensor]:
        """Return s = log(sigma^2) for each head."""
        return {head: self.speed * slow for head, slow in self.slow.items()}

    def weights_of_heads(self) -> dict[str, Tensor]:
        """Return the factor of each head's loss: exp(-s), and half of it for a regression."""
        halves = {head: 0.5 if head in self.regression else 1.0 for head in self.slow}
        return {head: halves[head] * keras.ops.exp(-s) for head, s in self.log_variances().items()}

    def loss_of_head(self, head: str, loss: Tensor) -> Tensor:
        """Return the weighted loss and half of the log variance."""
        return super().loss_of_head(head, loss) + 0.5 * self.log_variances()[head]

    def begin_at(self, losses: Mapping[str, float]) -> None:
        """Set each log variance to what is best for a loss of this size, such as the loss before training.

        That is log(loss) for a regression, and log(2 loss) for a classification. Without it all begin at 0. If a loss
        is very large or small, the weights then move far in the first updates, and Adam, which remembers the size of
        old gradients, makes small steps for long after a weight has fallen. The losses are numbers above 0.
        """
        for head, slow in self.slow.items():
            loss = losses[head] if head in self.regression else 2 * losses[head]
            slow.assign(math.log(loss) / self.speed)

    def get_config(self) -> dict:
        """Return what Keras needs to make the model again."""
        return super().get_config() | {"regression": self.regression, "speed": self.speed}
