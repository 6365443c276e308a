"""MGDA: of all mixtures of the heads' gradients, the one with the smallest norm."""

import keras
import tensorflow as tf

from mos_helpers.balancing.trunk_gradients import TrunkGradients

# In random trials with up to ten heads, whose gradients differed in norm by a factor of up to 10,000, half needed fewer
# than 20, and all fewer than 300.
ITERATIONS = 300


def mgda_weights(gram: tf.Tensor) -> tf.Tensor:
    """Return the weights, from 0 to 1 with a total of 1, of the mixture of smallest norm, shape (heads,).

    Only the Gram matrix of the heads' gradients is needed, their scalar products, shape (heads, heads).
    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; Sener and Koltun,
    "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018. For two heads there is a formula. For more, the
    method of Frank and Wolfe in steps between two heads: the head whose gradient has the smallest scalar product with
    the mixture takes a part of the weight of another one, of that with which the norm becomes smallest. It stops when
    the mixture's scalar product with each gradient is at least 0.999 times its own squared norm.
    """
    heads = gram.shape[0]
    if heads == 2:
        (first, both), (_, second) = tf.unstack(gram[0]), tf.unstack(gram[1])
        weight = tf.clip_by_value(tf.math.divide_no_nan(second - both, first + second - 2 * both), 0, 1)
        return tf.stack([weight, 1 - weight])
    # The largest norm becomes 1, so that squares of small gradients do not vanish in 32 bits.
    gram = tf.math.divide_no_nan(gram, tf.reduce_max(tf.linalg.diag_part(gram)))

    def unfinished(weights: tf.Tensor) -> tf.Tensor:
        along = tf.linalg.matvec(gram, weights)
        return tf.reduce_min(along) < 0.999 * tf.tensordot(weights, along, 1)

    def step(weights: tf.Tensor) -> tuple[tf.Tensor]:
        along = tf.linalg.matvec(gram, weights)
        taker = tf.argmin(along)
        more = along - along[taker]
        apart = gram[taker, taker] + tf.linalg.diag_part(gram) - 2 * gram[taker]
        parts = tf.minimum(tf.math.divide_no_nan(more, apart), weights)  # what the taker would get from each
        giver = tf.argmax(2 * parts * more - parts**2 * apart)  # by how much the squared norm falls
        change = tf.one_hot(taker, heads, dtype=weights.dtype) - tf.one_hot(giver, heads, dtype=weights.dtype)
        return (tf.maximum(weights + parts[giver] * change, 0),)

    start = tf.one_hot(tf.argmin(tf.linalg.diag_part(gram)), heads, dtype=gram.dtype)
    return tf.while_loop(unfinished, step, (start,), maximum_iterations=ITERATIONS)[0]


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
