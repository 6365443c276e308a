"""What lesson 16 says of Keras's preprocessing without showing it; when Keras changes, a test fails."""

import numpy as np
import pytest

import mos_helpers  # noqa: F401 - before TensorFlow

import keras  # isort: skip
import tensorflow as tf  # isort: skip


def test_a_feature_space_that_is_adapted_on_a_gap_gives_nan():
    space = keras.utils.FeatureSpace({"depth": "float_normalized"})
    space.adapt(tf.data.Dataset.from_tensor_slices({"depth": np.float32([18.7, np.nan, 17.4])}))
    assert np.isnan(space({"depth": tf.constant([18.7])})).all()


@pytest.mark.parametrize("kind", [object, str, bytes])
def test_predict_refuses_text_of_numpy_and_takes_a_tensor(kind):
    lookup = keras.layers.StringLookup(vocabulary=["Biscoe", "Dream"])
    model = keras.Model(island := keras.Input((1,), dtype="string"), lookup(island))
    text = np.array([["Dream"], ["Rome"]]).astype(kind)
    with pytest.raises(ValueError, match="Invalid dtype"):
        model.predict(text, verbose=0)
    assert model.predict(tf.constant(text.tolist()), verbose=0).tolist() == [[2], [0]]
