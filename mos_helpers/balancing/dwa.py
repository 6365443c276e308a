"""Loss weights that follow how fast each head's loss falls."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from mos_helpers.arguments import check_number


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
    return {head: float(weight) for head, weight in zip(history, weights, strict=True)}


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
