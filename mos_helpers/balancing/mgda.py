"""MGDA: the shortest of all mixtures of the heads' gradients."""

import keras
import tensorflow as tf

from mos_helpers.balancing.trunk_gradients import TrunkGradients

ROUNDS = 300


def mgda_factors(products: tf.Tensor, rounds: int = ROUNDS) -> tf.Tensor:
    """Return the shares, from 0 to 1 with a total of 1, of the shortest mixture of the gradients, shape (heads,).

    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; Sener and Koltun,
    "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018. For two heads there is a formula. For more, the
    method of Frank and Wolfe in steps between two heads: the head whose gradient has the smallest scalar product with
    the mixture takes a part of the share of another one, of that with which the mixture becomes shortest. It stops when
    the mixture's scalar product with each gradient is at least 0.999 times its own squared length.

    Args:
        products: scalar products of the heads' gradients, shape (heads, heads).
        rounds: the most steps. In random trials with up to ten heads, whose gradients differed in length by a
            factor of up to 10,000, half needed fewer than 20 steps, and all fewer than 300.
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
        taker = tf.argmin(along)
        more = along - along[taker]
        apart = products[taker, taker] + tf.linalg.diag_part(products) - 2 * products[taker]
        parts = tf.minimum(tf.math.divide_no_nan(more, apart), shares)  # what the taker would get from each
        giver = tf.argmax(2 * parts * more - parts**2 * apart)  # by how much the squared length falls
        change = tf.one_hot(taker, heads, dtype=shares.dtype) - tf.one_hot(giver, heads, dtype=shares.dtype)
        return number + 1, tf.maximum(shares + parts[giver] * change, 0)

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
    trunk works against no head (`mgda_factors` says how exactly), and is zero where no step could help all heads. The
    factors have a total of 1 and not of the number of heads: with an optimizer other than Adam and its like, choose the
    learning rate anew.
    """

    def factors(self, products: tf.Tensor) -> tf.Tensor:
        """Return the shares of `mgda_factors`."""
        return mgda_factors(products)
