"""Loss weights that move: learned as uncertainties, or set by how fast each head's loss falls."""

import math
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from mos_helpers.arguments import check_number, check_type
from mos_helpers.balancing.losses import Tensor, head_losses


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
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor = None, training: bool = True
    ) -> Tensor:
        """Return the sum of what the heads add, and of what regularisers add."""
        super().compute_loss(x, y, y_pred, sample_weight, training)  # for the logs of each head
        for head, weight in self.weights_of_heads().items():
            self.logged[head].update_state(weight)
        losses = head_losses(self, y, y_pred, sample_weight)
        return sum(self.losses) + sum(self.loss_of_head(*item) for item in losses.items())


@keras.saving.register_keras_serializable("mos_helpers")
class UncertaintyWeights(WeightedHeads):
    """A functional model that learns a loss weight for each head.

    With s = log(sigma^2) a head adds exp(-s) loss / 2 + s / 2 to the total if it is a regression (a mean squared
    error), and exp(-s) loss + s / 2 if it is a classification (a cross-entropy): Kendall, Gal and Cipolla, "Multi-task
    learning using uncertainty to weigh losses for scene geometry and semantics", CVPR 2018. The total may be negative.

    `UncertaintyWeights(inputs, {"digit": ..., "pose": ...}, regression=["pose"])`, where `regression` names the heads
    whose loss is a mean squared error; then `compile` and `fit`, as for `WeightedHeads`.
    `keras.Model(model.input, model.output)` is the same network without the weights.

    Adam moves any number by at most about its learning rate in each update. So each log variance is kept divided by
    `speed`, which is above 0, and Adam moves it `speed` times as far.
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


def dwa_weights(history: Mapping[str, Sequence[float]], temperature: float = 2.0) -> dict[str, float]:
    """Return the loss weight of each head for the next epoch, by dynamic weight average.

    The rate of a head is its loss in the last epoch divided by that of the epoch before. The weights are the softmax of
    rate / temperature times the number of heads: a head whose loss falls slowly gets more, and with a larger
    temperature all are more equal. Before there are two epochs, all rates are 1. `history` holds for each head its
    unweighted mean loss, above 0, in each epoch so far.

    Liu, Johns and Davison, "End-to-end multi-task learning with attention", CVPR 2019.
    """
    if not history:
        raise ValueError("history must have at least one head, not none.")
    check_number("temperature", temperature, 0, above=True)
    rates = np.array([losses[-1] / losses[-2] if len(losses) > 1 else 1.0 for losses in history.values()])
    shares = np.exp((rates - rates.max()) / temperature)
    weights = len(rates) * shares / shares.sum()
    return dict(zip(history, weights.tolist(), strict=True))


class DynamicWeights(keras.callbacks.Callback):
    """Set the loss weights after each epoch by `dwa_weights`, and write them into the logs.

    `weights` holds for each head a `keras.Variable`; the same dictionary goes to `compile` as `loss_weights`. At the
    start of each `fit` all become 1.
    """

    def __init__(self, weights: dict[str, keras.Variable], temperature: float = 2.0) -> None:
        super().__init__()
        self.variables, self.temperature = weights, temperature

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget an earlier training."""
        self.history = {head: [] for head in self.variables}
        for variable in self.variables.values():
            variable.assign(1.0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Log the weights of this epoch, and set those of the next."""
        for head, losses in self.history.items():
            losses.append(logs[f"{head}_loss"])
            logs[f"{head}_weight"] = float(self.variables[head])
        for head, weight in dwa_weights(self.history, self.temperature).items():
            self.variables[head].assign(weight)
