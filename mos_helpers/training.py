"""What lessons do again and again when they compare: train one compiled model from several first weights."""

from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np

from mos_helpers import inside_keras


def draw_weights(build: Callable[[], keras.Model], seeds: Iterable[int]) -> list[list[np.ndarray]]:
    """Return for each seed the first weights of the model that `build` makes after `keras.utils.set_random_seed`.

    Draw all of them before the first `fit`: `set_random_seed` makes TensorFlow drop its compiled functions, and to
    compile a model again takes about as long as a short training.
    """
    drawn = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        drawn.append(build().get_weights())
    return drawn


def restart(model: keras.Model, weights: Sequence[np.ndarray]) -> None:
    """Give a compiled model these first weights, and its optimizer the state of its beginning.

    The next `fit` then learns as a new model with these weights would, and starts at once, as TensorFlow's compiled
    functions are kept. `weights` are arrays of the shapes and in the order of `model.get_weights()`, of another model
    built in the same way or of `keras.models.clone_model(model)`.

    The optimizer forgets its moments and counts its updates from 0, so a schedule begins again too. A learning rate
    that was set since, by a callback or by `model.optimizer.learning_rate = 0.01`, stays: Keras keeps no other. The
    random numbers of layers such as `Dropout` go on. After an error the model is as it was before.
    """
    if getattr(model, "optimizer", None) is None:
        raise ValueError("model is not compiled with an optimizer: call compile before restart.")
    _check_weights(model, weights)
    model.set_weights(weights)
    _begin(model.optimizer)


def _check_weights(model: keras.Model, weights: Sequence[np.ndarray]) -> None:
    if not model.weights:
        raise ValueError("model has no weights yet: call it on a batch, or give it a keras.Input, first.")
    if len(weights) != len(model.weights):
        wanted = f"{len(model.weights)} arrays, as model.get_weights() returns"
        raise ValueError(f"weights must be {wanted}, not {len(weights)}: are they those of another model?")
    for place, (own, given) in enumerate(zip(model.weights, weights, strict=True)):
        if np.shape(given) != tuple(own.shape):
            wanted, other = f"shape {tuple(own.shape)} for {own.path}", "are they those of another model?"
            raise ValueError(f"weights[{place}] must have {wanted}, not {np.shape(given)}: {other}")


def _begin(optimizer: keras.Optimizer) -> None:
    """Give the variables of an optimizer the values of its beginning, for the weights that the model has now."""
    if not optimizer.built:  # it has made no update, or has none to make
        return
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        optimizer.iterations.assign(0)
        for inner in optimizer.optimizers:
            _begin(inner)
    elif isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.step_counter.assign(0)
        optimizer.dynamic_scale.assign(optimizer.initial_scale)
        _begin(optimizer.inner_optimizer)
    else:  # not all begin with zeros: Adagrad has an `initial_accumulator_value`, for example
        used, new = (inside_keras.memory(each) for each in (optimizer, inside_keras.new_optimizer(optimizer)))
        for variable, first in zip(used, new, strict=True):
            variable.assign(first)
