"""A model whose trunk follows a combination of the heads' gradients, chosen anew for each batch."""

import keras
import tensorflow as tf

from mos_helpers.balancing.head_losses import head_losses


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

    def compile(
        self,
        optimizer: object = "rmsprop",
        loss: dict | None = None,
        loss_weights: dict | None = None,
        **options: object,
    ) -> None:
        """Do what `keras.Model.compile` does, and keep the loss weights."""
        super().compile(optimizer=optimizer, loss=loss, loss_weights=loss_weights, **options)
        self.loss_weights = loss_weights or {}

    def compile_from_config(self, config: dict) -> None:
        """Compile a model that was loaded; Keras wants this where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def gradient_weights(self, gram: tf.Tensor) -> tf.Tensor:
        """Return the weight of each head's gradient in their sum, shape (heads,), in the order of `compile`'s `loss`.

        The Gram matrix, shape (heads, heads), holds the scalar products of the heads' gradients on the trunk, and on
        its diagonal their squared norms.
        """
        return tf.ones_like(gram[0])

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Make one update, and return the logs."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape(persistent=True) as tape:
            y_pred = self(x, training=True)
            losses = head_losses(self, y, y_pred, sample_weight)
            loss = self.compute_loss(x, y, y_pred, sample_weight)  # for the logs of each head
            weighted = [self.loss_weights.get(name, 1.0) * value for name, value in losses.items()]
            scaled = [self.optimizer.scale_loss(value) for value in weighted]
            penalty = self.optimizer.scale_loss(tf.add_n(self.losses)) if self.losses else None
        self.metrics[0].update_state(loss, sample_weight=tf.shape(keras.tree.flatten(x)[0])[0])

        variables = self.trainable_variables
        updates = self._combined(variables, [tape.gradient(value, variables) for value in scaled])
        if penalty is not None:
            plain = tape.gradient(penalty, variables)
            updates = [_added(update, other) for update, other in zip(updates, plain, strict=True)]
        self.optimizer.apply(updates, variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)

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
