"""MGDA: of all mixtures of the heads' gradients, the one with the smallest norm."""

import keras
import tensorflow as tf

from mos_helpers.balancing.trunk_gradients import TrunkGradients

ITERATIONS = 300


def mgda_weights(gram: tf.Tensor, iterations: int = ITERATIONS) -> tf.Tensor:
    """Return the weights, from 0 to 1 with a total of 1, of the mixture of smallest norm, shape (heads,).

    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; Sener and Koltun,
    "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018. For two heads there is a formula. For more, the
    method of Frank and Wolfe in steps between two heads: the head whose gradient has the smallest scalar product with
    the mixture takes a part of the weight of another one, of that with which the norm becomes smallest. It stops when
    the mixture's scalar product with each gradient is at least 0.999 times its own squared norm.

    Args:
        gram: the Gram matrix of the heads' gradients, their scalar products, shape (heads, heads).
        iterations: the most of them. In random trials with up to ten heads, whose gradients differed in norm by a
            factor of up to 10,000, half needed fewer than 20, and all fewer than 300.
    """
    heads = gram.shape[0]
    if heads == 2:
        first = _weight_of_first(gram[0, 0], gram[0, 1], gram[1, 1])
        return tf.stack([first, 1 - first])
    # The largest norm becomes 1, so that squares of small gradients do not vanish in 32 bits.
    gram = tf.math.divide_no_nan(gram, tf.reduce_max(tf.linalg.diag_part(gram)))

    def gap(weights: tf.Tensor) -> tf.Tensor:
        along = tf.linalg.matvec(gram, weights)
        return tf.tensordot(weights, along, 1) - tf.reduce_min(along)

    def unfinished(number: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        squared_norm = tf.tensordot(weights, tf.linalg.matvec(gram, weights), 1)
        return (number < iterations) & (gap(weights) > 1e-3 * squared_norm)

    def step(number: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        along = tf.linalg.matvec(gram, weights)
        taker = tf.argmin(along)
        more = along - along[taker]
        apart = gram[taker, taker] + tf.linalg.diag_part(gram) - 2 * gram[taker]
        parts = tf.minimum(tf.math.divide_no_nan(more, apart), weights)  # what the taker would get from each
        giver = tf.argmax(2 * parts * more - parts**2 * apart)  # by how much the squared norm falls
        change = tf.one_hot(taker, heads, dtype=weights.dtype) - tf.one_hot(giver, heads, dtype=weights.dtype)
        return number + 1, tf.maximum(weights + parts[giver] * change, 0)

    start = tf.one_hot(tf.argmin(tf.linalg.diag_part(gram)), heads, dtype=gram.dtype)
    return tf.while_loop(unfinished, step, (0, start), maximum_iterations=iterations)[1]


def _weight_of_first(first: tf.Tensor, both: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the weight of the first of two vectors in their mixture of smallest norm, from their scalar products."""
    weight = tf.math.divide_no_nan(second - both, first + second - 2 * both)
    return tf.clip_by_value(weight, 0, 1)


@keras.saving.register_keras_serializable("mos_helpers")
class MGDA(TrunkGradients):
    """A model whose trunk follows the mixture of the heads' gradients that has the smallest norm.

    Made, compiled and trained as any functional model: `MGDA(inputs, {"left": ..., "right": ...})`. The update of the
    trunk works against no head (`mgda_weights` says how exactly), and is zero where no step could help all heads. The
    weights have a total of 1 and not of the number of heads: with an optimizer other than Adam and its like, choose the
    learning rate anew.
    """

    def gradient_weights(self, gram: tf.Tensor) -> tf.Tensor:
        """Return the weights of `mgda_weights`."""
        return mgda_weights(gram)
