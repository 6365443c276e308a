"""With early_builds a model learns the same, its step is traced once, and what follows a failed `fit` stays."""

import early_builds
import keras
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
TARGETS = {"a": X[:, :1], "b": X[:, 1] > 0}


def compiled(traces=None):
    class Counting(keras.Model):
        def train_step(self, data):
            traces.append(data)
            return super().train_step(data)

    keras.utils.set_random_seed(0)
    image = keras.Input((3,))
    heads = {"a": keras.layers.Dense(1, name="a")(image), "b": keras.layers.Dense(1, "sigmoid", name="b")(image)}
    model = (keras.Model if traces is None else Counting)(image, heads)
    model.compile("adam", {"a": "mse", "b": "binary_crossentropy"}, metrics={"b": ["accuracy"]})
    return model


def test_a_model_learns_the_same_and_its_step_is_traced_once(monkeypatch):
    found = []
    for setting in (lambda *_: None, monkeypatch.setattr):
        early_builds.use(setting)
        traces = []
        model = compiled(traces)
        logs = model.fit(X, TARGETS, batch_size=8, epochs=2, verbose=0).history
        found.append((logs, model.get_weights(), len(traces)))
    (late_logs, late_weights, late_traces), (logs, weights, traces) = found
    assert logs.keys() == late_logs.keys()
    for name, values in logs.items():
        np.testing.assert_allclose(values, late_logs[name], rtol=1e-4)
    for one, other in zip(weights, late_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert (late_traces, traces) == (2, 1)  # with (1, 1) Keras needs this no longer


def test_after_a_fit_that_failed_the_next_one_fails_too(monkeypatch):
    early_builds.use(monkeypatch.setattr)
    model = compiled()
    with pytest.raises(ValueError, match="structure"):
        model.fit(X, X[:, :1], verbose=0)
    with pytest.raises(ValueError, match="Creating variables on a non-first call"):
        model.fit(X, TARGETS, verbose=0)
