"""Loss weights that give the heads' gradients comparable norms."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from mos_helpers.arguments import check_number
from mos_helpers.balancing.loss_weights import WeightedHeads
from mos_helpers.balancing.losses import Tensor, run_batch


def gradnorm_goals(norms: Tensor, losses: Tensor, first_losses: Tensor, alpha: float) -> Tensor:
    """Return the norm that GradNorm wants for each head's weighted gradient; all shapes are (heads,).

    It is the mean norm times r^alpha, where r compares how far the head is behind: its unweighted loss divided by its
    first loss, divided by the mean of that over the heads. With alpha = 0 all norms become equal; the larger, the more
    a head that is behind gets. Chen, Badrinarayanan, Lee and Rabinovich, "GradNorm: gradient normalization for
    adaptive loss balancing in deep multitask networks", ICML 2018.
    """
    remaining = losses / first_losses
    return tf.reduce_mean(norms) * (remaining / tf.reduce_mean(remaining)) ** alpha


def gradnorm_gradient(norms: Tensor, goals: Tensor) -> Tensor:
    """Return the gradient of GradNorm's loss with respect to the logarithms of the weights, shape (heads,).

    The loss is the sum of |norm - goal|, with the goals held constant. A weighted norm is w times the norm
    without a weight, so its slope along log w is the norm itself: no second pass through the network is needed.
    """
    return tf.sign(norms - goals) * norms


@keras.saving.register_keras_serializable("mos_helpers")
class GradNorm(WeightedHeads):
    """A functional model that moves its loss weights in each update, by GradNorm on the last shared layer.

    `GradNorm(inputs, {"digit": ..., "pose": ...}, shared="trunk_2")`, where `shared` names the last layer that all
    heads share; then `compile` and `fit`, as for `WeightedHeads`. `alpha`, at least 0, is that of `gradnorm_goals`, and
    `rate`, above 0, the learning rate of the logarithms of the weights.

    It differs from the paper in two ways. It moves the logarithms of the weights, so that they stay positive, and
    divides their gradient by the mean norm, so that the unit of a loss does not decide how fast they move. The first
    losses are those of the first batch.
    """

    def __init__(
        self,
        inputs: Tensor,
        outputs: dict[str, Tensor],
        name: str | None = None,
        *,
        shared: str,
        alpha: float = 1.5,
        rate: float = 0.025,
        **options: object,
    ) -> None:
        check_number("alpha", alpha, 0)
        check_number("rate", rate, 0, above=True)
        super().__init__(inputs, outputs, name, **options)
        self.shared, self.alpha, self.rate = shared, alpha, rate
        self.shared_variables = self.get_layer(shared).trainable_variables
        heads = (len(outputs),)
        self.log_weights = self.add_weight(shape=heads, initializer="zeros", trainable=False, name="log_weights")
        self.first_losses = self.add_weight(shape=heads, initializer="zeros", trainable=False, name="first_losses")

    def weights_of_heads(self) -> dict[str, Tensor]:
        """Return the factor of each head's loss. Their total is the number of heads."""
        return dict(zip(self.logged, tf.unstack(tf.exp(self.log_weights)), strict=True))

    def begin_at(self, losses: Mapping[str, float]) -> None:
        """Set the weights in proportion to one over the losses, numbers above 0 such as those before training.

        Without it all begin at 1. See `UncertaintyWeights.begin_at` for why that is slow.
        """
        logs = -tf.math.log([float(losses[head]) for head in self.logged])
        self.log_weights.assign(_with_total(logs))

    def train_step(self, data: tuple) -> dict[str, Tensor]:
        """Make one update of the network and then one of the weights; return the logs."""
        with tf.GradientTape(persistent=True) as tape:
            total, losses, logs = run_batch(self, data)
            scaled = self.optimizer.scale_loss(total)
        gradients = [tape.gradient(losses[head], self.shared_variables) for head in self.logged]
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self._move_weights(tf.stack([losses[head] for head in self.logged]), gradients)
        return logs

    def _move_weights(self, losses: tf.Tensor, gradients: list[list[tf.Tensor]]) -> None:
        """Take one step of gradient descent on GradNorm's loss, and bring the total back to the number of heads."""
        self.first_losses.assign(tf.where(self.first_losses > 0, self.first_losses, losses))
        norms = tf.exp(self.log_weights) * tf.stack([tf.linalg.global_norm(parts) for parts in gradients])
        goals = gradnorm_goals(norms, losses, self.first_losses, self.alpha)
        step = tf.math.divide_no_nan(gradnorm_gradient(norms, goals), tf.reduce_mean(norms))
        moved = self.log_weights - self.rate * step
        self.log_weights.assign(_with_total(moved))

    def get_config(self) -> dict:
        """Return what Keras needs to make the model again."""
        return super().get_config() | {"shared": self.shared, "alpha": self.alpha, "rate": self.rate}


def _with_total(log_weights: tf.Tensor) -> tf.Tensor:
    """Return the logarithms of weights in the same proportion, whose total is their number."""
    return log_weights - tf.reduce_logsumexp(log_weights) + tf.math.log(float(log_weights.shape[0]))
