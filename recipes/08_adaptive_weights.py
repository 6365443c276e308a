"""A model that learns its weights and begins at the optimum, in one cell that needs nothing else of this course. Losses may be
names or objects, under the names of the heads. It is saved and loaded as any model. `evaluate` gives the losses before
training, for `begin_at`.

From lesson 8. Can the weights choose themselves?
It needs keras, and nothing else.
"""

import keras


@keras.saving.register_keras_serializable("learned_weights")
class LearnedWeights(keras.Model):
    """Uncertainty weighting: `LearnedWeights(inputs, outputs)`, `compile`, `begin_at`, `fit`."""

    def __init__(self, inputs, outputs, name=None, *, regression=(), speed=25.0, **options):
        if not isinstance(outputs, dict):
            raise TypeError(
                f"outputs: {type(outputs).__name__} given, a dictionary of heads wanted"
            )
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.regression, self.speed = list(regression), speed
        self.slow = {name: self.add_weight(initializer="zeros", name=name) for name in outputs}
        self.check_keys("regression", self.slow | dict.fromkeys(regression))

    def get_config(self):
        return super().get_config() | {"regression": self.regression, "speed": self.speed}

    def begin_at(self, losses):
        """Set each log-variance to the best one for these losses, such as those before training."""
        self.check_keys("losses", losses)
        if not min(losses.values()) > 0:
            raise ValueError(f"losses: {losses} given, numbers above 0 wanted")
        for name, loss in losses.items():
            best = keras.ops.log(loss * (1.0 if name in self.regression else 2.0))
            self.slow[name].assign(best / self.speed)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.check_keys("loss", self.loss)
        self.check_keys("targets", y)
        super().compute_loss(x, y, y_pred, sample_weight, training)  # logs each head's loss
        total = sum(self.losses)  # what the layers' regularisers ask for
        for name, slow in self.slow.items():
            rows = sample_weight[name] if isinstance(sample_weight, dict) else sample_weight
            one = y_pred[name].shape[1:] == (1,)
            target = keras.ops.reshape(y[name], (-1, 1)) if one else y[name]
            loss, s = keras.losses.get(self.loss[name]), self.speed * slow
            if isinstance(loss, keras.losses.Loss):
                loss = loss(target, y_pred[name], rows)
            else:
                loss = keras.ops.mean(
                    loss(target, y_pred[name]) * (1.0 if rows is None else rows)
                )
            total += (0.5 if name in self.regression else 1.0) * keras.ops.exp(
                -s
            ) * loss + 0.5 * s
        return total

    def check_keys(self, argument, given):
        if not isinstance(given, dict) or set(given) != set(self.slow):
            found = list(given) if isinstance(given, dict) else type(given).__name__
            raise ValueError(
                f"{argument}: {found} given, a dictionary of {list(self.slow)} wanted"
            )
