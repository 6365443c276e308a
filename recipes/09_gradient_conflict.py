"""Before you use a method against conflicts, measure whether there is one. This cell needs only a model with a dictionary of
outputs, a loss for each head (by name or as an object), and some batches. It compares each pair of heads, on the variables
that both use.

From lesson 9. Do heads work against each other, and what does it cost to prevent it?
It needs keras, numpy, tensorflow, and nothing else.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf


def mean_loss(loss, target, answer, weight):
    """Return the mean of a loss, given by its name or as an object."""
    loss = keras.losses.get(loss)
    target = tf.reshape(target, (-1, 1)) if answer.shape[1:] == (1,) else target
    if isinstance(loss, keras.losses.Loss):
        return loss(target, answer, weight)
    return tf.reduce_mean(loss(target, answer) * (1.0 if weight is None else weight))


def check_heads(what, given, heads):
    if not isinstance(given, dict) or not set(heads) <= set(given):
        found = list(given) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"{what}: {found} given, a dictionary with {list(heads)} wanted")


def conflict(model, losses, batches):
    """Return for each pair of heads the cosine similarity of their gradients, one number for each batch.

    A batch is (inputs, targets) or (inputs, targets, sample weights).
    """
    if not isinstance(losses, dict) or len(losses) < 2:
        raise ValueError(f"losses: {losses} given, a dictionary with two heads or more wanted")
    found = {pair: [] for pair in itertools.combinations(losses, 2)}
    state = [variable.numpy() for variable in model.non_trainable_variables]
    for inputs, targets, *rest in batches:
        check_heads("targets", targets, losses)
        weights = (
            rest[0] if rest and isinstance(rest[0], dict) else dict.fromkeys(losses, *rest)
        )
        with tf.GradientTape(persistent=True) as tape:
            answers = model(inputs, training=True)
            check_heads("outputs of the model", answers, losses)
            given = {name: (targets[name], answers[name], weights.get(name)) for name in losses}
            values = {name: mean_loss(losses[name], *given[name]) for name in losses}
        slopes = {n: tape.gradient(values[n], model.trainable_variables) for n in losses}
        for first, second in found:
            both = zip(slopes[first], slopes[second], strict=True)
            both = [pair for pair in both if pair[0] is not None and pair[1] is not None]
            if not both:
                raise ValueError(f"model: {first} and {second} use no variable together")
            sides = zip(*both, strict=True)
            rows = [tf.concat([tf.reshape(part, [-1]) for part in side], 0) for side in sides]
            unit = [tf.math.divide_no_nan(row, tf.norm(row)) for row in rows]
            found[first, second].append(float(tf.tensordot(*unit, 1)))
    for variable, value in zip(model.non_trainable_variables, state, strict=True):
        variable.assign(value)  # such as the means of BatchNormalization
    return {pair: np.array(cosines) for pair, cosines in found.items()}
