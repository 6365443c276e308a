"""Loss weights learned as uncertainties."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from mos_helpers.balancing.weighted_heads import WeightedHeads


def uncertainty_loss(loss: Any, log_variance: Any, regression: bool) -> Any:  # noqa: ANN401
    """Return what uncertainty weighting minimises for one head.

    Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses for scene geometry and semantics",
    CVPR 2018, with s = log(sigma^2): exp(-s) loss / 2 + s / 2 for a regression (a mean squared error), and
    exp(-s) loss + s / 2 for a classification (a cross-entropy). For a fixed loss L, s = log L or s = log(2 L) is best.

    Args:
        loss: the loss of the head, not negative.
        log_variance: s, any number.
        regression: whether the loss is a mean squared error.
    """
    weight = keras.ops.exp(-log_variance) * (0.5 if regression else 1.0)
    return weight * loss + 0.5 * log_variance


@keras.saving.register_keras_serializable("mos_helpers")
class UncertaintyWeights(WeightedHeads):
    """A functional model that learns a loss weight for each head, by `uncertainty_loss`.

    `UncertaintyWeights(inputs, {"digit": ..., "pose": ...}, regression=["pose"])`, then `compile` with a dictionary of
    losses and without loss weights, and `fit`. The logs have each head's loss, unweighted, and its weight; `loss` is
    the sum of the heads' `uncertainty_loss`, and may be negative. `keras.Model(model.input, model.output)` is the same
    network without the weights.

    Args:
        inputs: as in `keras.Model`.
        outputs: a dictionary of outputs, whose keys are the heads' names.
        name: as in `keras.Model`.
        regression: the names of the heads whose loss is a mean squared error.
        speed: Adam moves any number by at most about its learning rate in each update. Each log variance is kept
            divided by `speed`, so that Adam moves it `speed` times as far. Above 0.
        options: everything else that `keras.Model` takes.

    Raises:
        TypeError: if `outputs` is no dictionary.
        ValueError: for a name in `regression` that is no head, or a `speed` that is not above 0.
    """

    def __init__(
        self,
        inputs: Any,  # noqa: ANN401
        outputs: dict[str, Any],
        name: str | None = None,
        *,
        regression: Iterable[str] = (),
        speed: float = 25.0,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        if unknown := set(regression) - set(outputs):
            raise ValueError(f"regression: {sorted(unknown)} given, names from {list(outputs)} wanted.")
        if not speed > 0:
            raise ValueError(f"speed: {speed} given, a number above 0 wanted.")
        self.regression, self.speed = sorted(regression), speed
        self.slow = {head: self.add_weight(shape=(), initializer="zeros", name=f"{head}_slow") for head in outputs}

    def log_variances(self) -> dict[str, Any]:
        """Return s = log(sigma^2) for each head."""
        return {head: self.speed * slow for head, slow in self.slow.items()}

    def weights_of_heads(self) -> dict[str, Any]:
        """Return the factor of each head's loss: exp(-s), and half of it for a regression."""
        halves = {head: 0.5 if head in self.regression else 1.0 for head in self.slow}
        return {head: halves[head] * keras.ops.exp(-s) for head, s in self.log_variances().items()}

    def begin_at(self, losses: Mapping[str, float]) -> None:
        """Set each log variance to what is best for a loss of this size, such as the loss before training.

        Without it all begin at 0. If a loss is very large or small, the weights then move far in the first updates, and
        Adam, which remembers the size of old gradients, makes small steps for long after a weight has fallen.

        Args:
            losses: for each head a number above 0.
        """
        for head, slow in self.slow.items():
            loss = losses[head] if head in self.regression else 2 * losses[head]
            slow.assign(math.log(loss) / self.speed)

    def loss_of_head(self, head: str, loss: Any) -> Any:  # noqa: ANN401
        """Return the `uncertainty_loss` of one head."""
        return uncertainty_loss(loss, self.log_variances()[head], head in self.regression)

    def get_config(self) -> dict:
        """Return what Keras needs to make the model again."""
        return super().get_config() | {"regression": self.regression, "speed": self.speed}
