"""One cell that stands alone: a loss for means and log-variances, what its head predicts in units, and the coverage. It refuses
targets of shape `(n,)`: with them, `target - mean` would be a table of all with all, and the head would learn nothing,
without a warning. The loss is registered, so that `load_model` finds it. (Without that, load with `compile=False`.) Train on
`scaler.transform(targets)`, with a scaler that was fitted on the training part, and save the scaler beside the model.

From lesson 5. Several numbers at once: why did my classifier die?
It needs keras, numpy, sklearn, and nothing else.
"""

import keras
import numpy as np
from sklearn.preprocessing import StandardScaler


@keras.saving.register_keras_serializable("regression")
def gaussian_loss(target, prediction):
    """Loss of a head with 2k units (k means, k log-variances) for k standardised targets."""
    shape, k = tuple(target.shape), prediction.shape[-1] // 2
    if shape[1:] != (k,):
        raise ValueError(
            f"target: shape {shape} given, (rows, {k}) wanted; make (n,) an (n, 1)."
        )
    mean, log_variance = keras.ops.split(prediction, 2, axis=-1)
    log_variance = keras.ops.clip(log_variance, -10, 10)
    squared = keras.ops.exp(-log_variance) * (target - mean) ** 2
    return keras.ops.mean((squared + log_variance) / 2, axis=-1)


def in_units(prediction, scaler):
    """Return means and standard deviations, both of shape (n, k), in the units that the scaler was fitted on."""
    if not hasattr(scaler, "scale_"):
        raise TypeError(f"scaler: {scaler!r} given, a fitted StandardScaler wanted.")
    shape, k = np.shape(prediction), len(scaler.scale_)
    if shape[1:] != (2 * k,):
        raise ValueError(f"prediction: shape {shape} given, (n, {2 * k}) wanted.")
    means, log_variance = np.split(np.asarray(prediction), 2, axis=1)
    std = np.exp(np.clip(log_variance, -10, 10) / 2) * scaler.scale_
    return scaler.inverse_transform(means), std


def covered(target, means, std, stds=1.96):
    """Return for each number the share of targets within so many standard deviations; 1.96 should give 95%."""
    if not np.shape(target) == np.shape(means) == np.shape(std):
        raise ValueError(f"target: shape {np.shape(target)} given, {np.shape(means)} wanted.")
    return np.mean(np.abs(target - means) <= stds * std, axis=0)


heights = np.random.default_rng(0).normal(170, 10, (1000, 1))  # made up, in cm
means, std = in_units(np.zeros((1000, 2)), StandardScaler().fit(heights))
covered(heights, means, std).round(2)
