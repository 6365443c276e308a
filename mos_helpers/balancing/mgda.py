"""MGDA: the shortest of all mixtures of the heads' gradients."""

import keras
import tensorflow as tf

from mos_helpers.balancing.trunk_gradients import TrunkGradients

ROUNDS = 100


def mgda_factors(products: tf.Tensor, rounds: int = ROUNDS) -> tf.Tensor:
    """Return the shares, from 0 to 1 with a total of 1, of the shortest mixture of the gradients, shape (heads,).

    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; Sener and Koltun,
    "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018. For two heads there is a formula. For more, the
    method of Frank and Wolfe: step by step, give a larger share to the head whose gradient has the smallest scalar
    product with the mixture. It stops when no step could shorten the mixture by more than a thousandth.

    Args:
        products: scalar products of the heads' gradients, shape (heads, heads).
        rounds: the most steps of Frank and Wolfe.
    """
    heads = products.shape[0]
    if heads == 2:
        first = _share_of_first(products[0, 0], products[0, 1], products[1, 1])
        return tf.stack([first, 1 - first])
    # The largest length becomes 1, so that squares of small gradients do not vanish in 32 bits.
    products = tf.math.divide_no_nan(products, tf.reduce_max(tf.linalg.diag_part(products)))

    def gap(shares: tf.Tensor) -> tf.Tensor:
        along = tf.linalg.matvec(products, shares)
        return tf.tensordot(shares, along, 1) - tf.reduce_min(along)

    def unfinished(number: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        length = tf.tensordot(shares, tf.linalg.matvec(products, shares), 1)
        return (number < rounds) & (gap(shares) > 1e-3 * length)

    def step(number: tf.Tensor, shares: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        along = tf.linalg.matvec(products, shares)
        smallest = tf.argmin(along)
        first = _share_of_first(products[smallest, smallest], along[smallest], tf.tensordot(shares, along, 1))
        return number + 1, (1 - first) * shares + first * tf.one_hot(smallest, heads, dtype=shares.dtype)

    start = tf.one_hot(tf.argmin(tf.linalg.diag_part(products)), heads, dtype=products.dtype)
    return tf.while_loop(unfinished, step, (0, start), maximum_iterations=rounds)[1]


def _share_of_first(first: tf.Tensor, both: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the share of the first of two vectors in their shortest mixture, from their scalar products."""
    share = tf.math.divide_no_nan(second - both, first + second - 2 * both)
    return tf.clip_by_value(share, 0, 1)


@keras.saving.register_keras_serializable("mos_helpers")
class MGDA(TrunkGradients):
    """A model whose trunk follows the shortest mixture of the heads' gradients.

    Made, compiled and trained as any functional model: `MGDA(inputs, {"left": ..., "right": ...})`. The update of the
    trunk works against no head, and is zero where no step could help all heads. The factors have a total of 1 and not
    of the number of heads: with an optimizer other than Adam and its like, choose the learning rate anew.
    """

    def factors(self, products: tf.Tensor) -> tf.Tensor:
        """Return the shares of `mgda_factors`."""
        return mgda_factors(products)
