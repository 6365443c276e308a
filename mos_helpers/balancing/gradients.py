"""Models whose trunk follows a combination of the heads' gradients, chosen anew for each batch."""

import keras
import tensorflow as tf

from mos_helpers import inside_keras
from mos_helpers.balancing.losses import Tensor, run_batch

# In random trials with up to ten heads, whose gradients differed in norm by a factor of up to 10,000, half needed fewer
# than 20, and all fewer than 300.
MGDA_ITERATIONS = 300


@keras.saving.register_keras_serializable("mos_helpers")
class TrunkGradients(keras.Model):
    """A functional model that takes the gradient of each head on its own, and then their sum.

    Make it as `TrunkGradients(inputs, {"left": ..., "right": ...})`, compile it with a dictionary of losses, and train
    it as any model. It learns what `keras.Model` learns, up to rounding, and takes longer. It is there to be changed: a
    subclass overrides `gradient_weights`, which weights the gradients of the heads in their sum.

    Variables that more than one head depends on are the trunk, and get the combination. A variable of one head gets the
    plain gradient of that head's loss. Loss weights belong to the losses, as in Keras, and multiply both. Gradients of
    regularisers and of `add_loss` are added as they are.
    """

    def gradient_weights(self, gram: tf.Tensor) -> tf.Tensor:
        """Return the weight of each head's gradient in their sum, shape (heads,), in the order of `compile`'s `loss`.

        The Gram matrix, shape (heads, heads), holds the scalar products of the heads' gradients on the trunk, and on
        its diagonal their squared norms.
        """
        return tf.ones_like(gram[0])

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Make one update, and return the logs."""
        factors = inside_keras.read_compiled(self).loss_weights or {}
        with tf.GradientTape(persistent=True) as tape:
            _, losses, logs = run_batch(self, data)
            weighted = [factors.get(name, 1.0) * value for name, value in losses.items()]
            scaled = [self.optimizer.scale_loss(value) for value in weighted]
            penalty = self.optimizer.scale_loss(tf.add_n(self.losses)) if self.losses else None

        variables = self.trainable_variables
        updates = self._combined(variables, [tape.gradient(value, variables) for value in scaled])
        if penalty is not None:
            plain = tape.gradient(penalty, variables)
            updates = [_added(update, other) for update, other in zip(updates, plain, strict=True)]
        self.optimizer.apply(updates, variables)
        return logs

    def _combined(self, variables: list, gradients: list[list]) -> list[tf.Tensor | None]:
        """Return one gradient for each variable: combined where several heads have one, else plain."""
        updates, shared = [], {}
        for place, (variable, *found) in enumerate(zip(variables, *gradients, strict=True)):
            known = [gradient for gradient in found if gradient is not None]
            updates.append(known[0] if len(known) == 1 else None)
            if len(known) > 1:
                shared[place] = tf.stack([tf.zeros(variable.shape) if part is None else part for part in found])
        if shared:
            rows = [tf.reshape(stack, (len(gradients), -1)) for stack in shared.values()]
            weights = self.gradient_weights(tf.add_n([tf.matmul(row, row, transpose_b=True) for row in rows]))
            for place, stack in shared.items():
                updates[place] = tf.tensordot(weights, stack, 1)
        return updates


def _added(first: tf.Tensor | None, second: tf.Tensor | None) -> tf.Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def pcgrad_weights(gram: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Return the weights with which the gradients make up the sum of the projected gradients, shape (heads,).

    The gradient of each head goes through the other heads in its own order. Where it works against the original
    gradient of one (their scalar product is negative), the part along that gradient is taken out of it. Yu et al.,
    "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, Algorithm 1. Only the Gram matrix of the gradients is
    needed for that, their scalar products, shape (heads, heads). Row i of `order`, of the same shape, is the order in
    which head i meets all heads; it skips itself.
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

    With two heads the update of the trunk works against neither, and with no conflict it is the plain sum. With three
    heads or more it can still work against one. The order in which a head meets the others is random; it follows from
    `seed` and from the number of the update, so a run can be repeated. With two heads there is only one order.
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
    return tf.while_loop(unfinished, step, (start,), maximum_iterations=MGDA_ITERATIONS)[0]


@keras.saving.register_keras_serializable("mos_helpers")
class MGDA(TrunkGradients):
    """A model whose trunk follows the mixture of the heads' gradients that has the smallest norm.

    The update works against no head (`mgda_weights` says how exactly), and is zero where no step could help all heads.
    The weights have a total of 1 and not of the number of heads: with an optimizer other than Adam and its like, choose
    the learning rate anew.
    """

    def gradient_weights(self, gram: tf.Tensor) -> tf.Tensor:
        """Return the weights of `mgda_weights`."""
        return mgda_weights(gram)
