"""A problem of two numbers and two losses, on which it shows what a way to combine gradients does."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from mos_helpers.arguments import check_number

STARTS = ((-8.5, 7.5), (-8.5, -5.0), (9.0, 9.0))
FRONT = ((-7.0, 7.0), (-8.4, -8.4))  # the x and y of both ends of the Pareto front, to within 0.1
KEPT = 1000


def valley_losses(points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return both losses, shapes (n,), at some points x and y, shape (n, 2).

    Above y = 0 each loss has a narrow valley of its own, below there are two wide bowls with their lowest places at
    x = 7 and x = -7. Liu, Liu, Jin, Stone and Liu, "Conflict-averse gradient descent for multi-task learning", 2021.
    """
    x, y = points[:, 0], points[:, 1]
    above, below = tf.nn.relu(tf.tanh(y / 2)), tf.nn.relu(tf.tanh(-y / 2))
    sides = [(-x - 7) / 2 + tf.tanh(y), (7 - x) / 2 - tf.tanh(y)]
    valleys = [tf.math.log(tf.maximum(tf.abs(side), 5e-6)) + 6 for side in sides]
    bowls = [((x - middle) ** 2 + (y + 8) ** 2 / 10) / 10 - 20 for middle in (7, -7)]
    first, second = (above * valley + below * bowl for valley, bowl in zip(valleys, bowls, strict=True))
    return first, second


def valley_paths(weights: Callable[[tf.Tensor], tf.Tensor], rate: float, updates: int) -> np.ndarray:
    """Go down from the three `STARTS` with Adam; return 1,000 points of each path, shape (1000, 3, 2).

    `weights` gets the Gram matrix of the two gradients, shape (2, 2), and returns the weight of each in their sum,
    shape (2,), as `TrunkGradients.gradient_weights`. `rate` is Adam's learning rate, above 0. There are at least 1,000
    `updates`, and the last point is that after all of them.
    """
    check_number("rate", rate, 0, above=True)
    check_number("updates", updates, KEPT, whole=True)
    return _descend(weights, tf.constant(rate), tf.constant(updates), tf.constant(STARTS)).numpy()


@tf.function(jit_compile=True)
def _descend(weights: Callable, rate: tf.Tensor, updates: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    mean = square = tf.zeros_like(points)
    path = tf.TensorArray(tf.float32, size=KEPT, element_shape=points.shape).write(0, points)
    for update in tf.range(updates):
        step = _combined(points, weights)
        mean, square = 0.9 * mean + 0.1 * step, 0.999 * square + 0.001 * step**2
        done = tf.cast(update + 1, tf.float32)
        along, size = mean / (1 - 0.9**done), square / (1 - 0.999**done)
        points -= rate * along / (tf.sqrt(size) + 1e-8)
        path = path.write(1 + update * (KEPT - 1) // updates, points)
    return path.stack()


@tf.autograph.experimental.do_not_convert
def _combined(points: tf.Tensor, weights: Callable) -> tf.Tensor:
    """Return both gradients at each point, weighted and added."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(points)
        losses = valley_losses(points)
    rows = tf.stack([tape.gradient(loss, points) for loss in losses], axis=1)
    chosen = [weights(gram) for gram in tf.unstack(tf.matmul(rows, rows, transpose_b=True))]
    return tf.reduce_sum(tf.stack(chosen)[:, :, None] * rows, axis=1)
