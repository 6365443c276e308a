"""PCGrad: take out of each head's gradient what works against another head."""

import keras
import tensorflow as tf

from mos_helpers.balancing.head_losses import Tensor
from mos_helpers.balancing.trunk_gradients import TrunkGradients


def pcgrad_weights(gram: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Return the weights with which the gradients make up the sum of the projected gradients, shape (heads,).

    The gradient of each head goes through the other heads in its own order. Where it works against the original
    gradient of one (their scalar product is negative), the part along that gradient is taken out of it. Yu et al.,
    "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, Algorithm 1. Only the Gram matrix of the gradients is
    needed for that, not the gradients themselves.

    Args:
        gram: the Gram matrix of the heads' gradients, their scalar products, shape (heads, heads).
        order: for each head, in a row, the order in which it meets all heads, shape (heads, heads). It skips itself.
    """
    heads = gram.shape[0]
    own = tf.eye(heads, dtype=gram.dtype)
    parts = own  # row i: what the gradient of head i is made of by now
    for turn in range(heads):
        other = tf.gather(own, order[:, turn])  # row i: a 1 at the head that head i meets
        along = tf.reduce_sum(parts * tf.matmul(other, gram), axis=1)
        squared_norm = tf.reduce_sum(other * tf.linalg.diag_part(gram), axis=1)
        conflict = tf.minimum(along, 0) * (1 - tf.reduce_sum(own * other, axis=1))
        parts -= tf.math.divide_no_nan(conflict, squared_norm)[:, None] * other
    return tf.reduce_sum(parts, axis=0)


@keras.saving.register_keras_serializable("mos_helpers")
class PCGrad(TrunkGradients):
    """A model whose trunk follows the sum of the heads' gradients after each was projected away from conflicts.

    Made, compiled and trained as any functional model: `PCGrad(inputs, {"left": ..., "right": ...}, seed=0)`. With two
    heads the update of the trunk works against neither, and with no conflict it is the plain sum. With three heads or
    more it can still work against one. The order in which a head meets the others is random; it follows from `seed` and
    from the number of the update, so a run can be repeated. With two heads there is only one order.
    """

    def __init__(
        self, inputs: Tensor, outputs: dict[str, Tensor], name: str | None = None, *, seed: int = 0, **options: object
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.seed = seed

    def gradient_weights(self, gram: tf.Tensor) -> tf.Tensor:
        """Return the weights of `pcgrad_weights`, each head in a random order."""
        seed = tf.stack([self.seed, tf.cast(self.optimizer.iterations, tf.int32)])
        order = tf.argsort(tf.random.stateless_uniform(gram.shape, seed), axis=1)
        return pcgrad_weights(gram, order)

    def get_config(self) -> dict:
        """Return what Keras needs to make the model again."""
        return super().get_config() | {"seed": self.seed}
