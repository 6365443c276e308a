"""What lesson 14 says of ONNX; it needs `uv run --group onnx pytest tests/course/test_onnx.py`."""

import numpy as np
import pytest

from mos_helpers.hierarchy import ConditionalHead, Tree

import keras  # isort: skip

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")


def test_names_and_answers_of_two_heads_arrive(tmp_path):
    """Two heads of one shape, in an order that is not the alphabet's."""
    canvas = keras.Input((8, 8), name="canvas")
    halved = keras.layers.AveragePooling2D(2)(keras.layers.Reshape((8, 8, 1))(canvas))
    trunk = keras.layers.Dense(6, activation="relu")(keras.layers.Flatten()(halved))
    tree = Tree({"round": ["0", "6"], "straight": ["1", "7"]}, leaves=list("0167"))
    heads = {"right": ConditionalHead(tree, name="right")(trunk), "left": ConditionalHead(tree, name="left")(trunk)}
    model = keras.Model(canvas, heads)
    with pytest.raises(ValueError, match="The model provided has never called"):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    model.predict_on_batch(np.zeros((1, 8, 8), "float32"))
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [one.name for one in session.get_inputs()] == ["canvas"]
    assert {one.name for one in session.get_outputs()} == {"left", "right"}
    for rows in (1, 5):
        canvases = np.random.default_rng(rows).random((rows, 8, 8), dtype="float32")
        wanted = model.predict_on_batch(canvases)
        found = session.run(["left", "right"], {"canvas": canvases})
        for name, values in zip(["left", "right"], found, strict=True):
            np.testing.assert_allclose(values, wanted[name], atol=1e-5)
