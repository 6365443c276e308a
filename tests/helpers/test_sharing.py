"""Cross-stitch units and gated experts follow their formulas, contain simpler designs, and save."""

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from scipy import special

from mos_helpers.sharing import CrossStitch, ExpertsWithGates

pytestmark = pytest.mark.usefixtures("early_builds")

TASKS = ["right", "left", "prime"]
settings = hypothesis.settings(max_examples=20)


@st.composite
def features(draw):
    """Return features of two to four tasks, in any order of their names."""
    names = draw(st.permutations(["a", "b", "c", "d"]))[: draw(st.integers(2, 4))]
    shape = (draw(st.integers(1, 4)), *draw(st.sampled_from([(3,), (2, 2, 5)])))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return {name: rng.normal(size=shape).astype("float32") for name in names}


def arrays(outputs):
    return {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}


@hypothesis.given(features(), st.floats(0, 1))
@settings
def test_cross_stitch_is_its_formula(inputs, own):
    layer = CrossStitch(own)
    layer(inputs)
    names, table = sorted(inputs), np.random.default_rng(0).normal(size=(len(inputs), len(inputs)))
    start = keras.ops.convert_to_numpy(layer.mixing)
    np.testing.assert_allclose(start.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.diag(start), own, atol=1e-6)
    layer.set_weights([table])
    outputs = arrays(layer(inputs))
    assert outputs.keys() == inputs.keys()
    for i, name in enumerate(names):
        wanted = sum(table[i, j] * inputs[other] for j, other in enumerate(names))
        np.testing.assert_allclose(outputs[name], wanted, atol=1e-4)


@hypothesis.given(features())
@settings
def test_with_the_identity_the_tasks_share_nothing(inputs):
    outputs = arrays(CrossStitch(own=1.0)(inputs))
    for name, own in inputs.items():
        np.testing.assert_array_equal(outputs[name], own)


@hypothesis.given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.floats(0.01, 300))
@settings
def test_gated_experts_are_their_formula(experts, units, rows, size):
    rng = np.random.default_rng(experts * 100 + units)
    layer = ExpertsWithGates(TASKS, experts, units)
    inputs = (size * rng.normal(size=(rows, 6))).astype("float32")
    outputs, gates = arrays(layer(inputs)), arrays(layer.gates(inputs))
    kernel, _, gate_kernel = layer.get_weights()
    bias = rng.normal(size=(experts, units)).astype("float32")
    layer.set_weights([kernel, bias, gate_kernel])
    outputs = arrays(layer(inputs))
    for column, task in enumerate(TASKS):
        weights = special.softmax(inputs.astype("float64") @ gate_kernel[:, column], axis=1)
        largest = (np.abs(inputs) @ np.abs(gate_kernel[:, column])).max()
        rounding = 1e-6 + 8 * np.finfo("float32").eps * largest  # of logits of this size
        np.testing.assert_allclose(gates[task], weights, atol=rounding)
        np.testing.assert_allclose(gates[task].sum(axis=1), 1, atol=rounding)
        wanted = np.zeros((rows, units))
        for expert in range(experts):
            hidden = np.maximum(inputs @ kernel[:, expert] + bias[expert], 0)
            wanted += gates[task][:, [expert]] * hidden
        np.testing.assert_allclose(outputs[task], wanted, rtol=1e-3, atol=1e-3 * size)


def test_one_expert_is_a_shared_hidden_layer():
    inputs = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    layer, dense = ExpertsWithGates(TASKS, experts=1, units=4), keras.layers.Dense(4, activation="relu")
    outputs = arrays(layer(inputs))
    dense.build((None, 7))
    dense.set_weights([layer.get_weights()[0][:, 0], layer.get_weights()[1][0]])
    for task in TASKS:
        np.testing.assert_allclose(outputs[task], dense(inputs), atol=1e-6)


def test_experts_begin_like_dense_layers():
    layer = ExpertsWithGates(TASKS, experts=3, units=40)
    layer.build((None, 60))
    assert np.isclose(np.abs(layer.get_weights()[0]).max(), np.sqrt(6 / 100), rtol=0.02)


def both_layers():
    image = keras.Input((6,), name="image")
    mixed = ExpertsWithGates(TASKS, experts=2, units=4, name="experts")(image)
    mixed = CrossStitch(own=0.7, name="stitch")(mixed)
    return keras.Model(image, {task: keras.layers.Dense(2, name=task)(mixed[task]) for task in TASKS})


def test_a_trained_model_saves_and_answers_the_same(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(16, 6)).astype("float32")
    model = both_layers()
    before = model.get_layer("stitch").get_weights()[0]
    model.compile("sgd", "mse")
    model.fit(images, {task: rng.normal(size=(16, 2)) for task in TASKS}, verbose=0)
    assert np.abs(model.get_layer("stitch").get_weights()[0] - before).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for task, output in arrays(model(images)).items():
        np.testing.assert_allclose(output, loaded(images)[task], atol=1e-6)
    assert loaded.get_layer("stitch").own == 0.7
    assert loaded.get_layer("experts").get_config() == model.get_layer("experts").get_config()


def test_numbers_of_numpy_are_numbers_and_can_be_saved():
    layer = ExpertsWithGates(("a", "b"), np.int64(2), np.int32(3))
    assert layer.get_config()["experts"] == 2
    assert type(layer.get_config()["units"]) is int
    assert type(CrossStitch(np.float32(0.5)).get_config()["own"]) is float


def test_shapes_of_a_model_without_a_batch_size():
    model = both_layers()
    assert {task: output.shape for task, output in model.output.items()} == dict.fromkeys(TASKS, (None, 2))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: CrossStitch(1.5), ValueError, "own must be a number from 0 to 1"),
        (lambda: CrossStitch(float("nan")), ValueError, "own must be a number from 0 to 1"),
        (lambda: CrossStitch("own"), TypeError, "own must be a number"),
        (lambda: CrossStitch()(np.zeros((2, 3))), TypeError, "must be a dict of features"),
        (lambda: CrossStitch()({"a": np.zeros((2, 3))}), ValueError, "two or more features"),
        (lambda: CrossStitch()({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}), ValueError, "of one shape"),
        (lambda: ExpertsWithGates("left", 2, 3), TypeError, "tasks must be a list of names"),
        (lambda: ExpertsWithGates([], 2, 3), ValueError, "at least one"),
        (lambda: ExpertsWithGates(3, 2, 3), TypeError, "tasks must be a list of names"),
        (lambda: ExpertsWithGates({"a": 1}, 2, 3), TypeError, "tasks must be a list of names"),
        (lambda: ExpertsWithGates(["a"], True, 3), TypeError, "experts must be a whole number"),
        (lambda: ExpertsWithGates(["a", "a"], 2, 3), ValueError, "different names"),
        (lambda: ExpertsWithGates(["a"], 0, 3), ValueError, "experts must be a whole number of at least 1"),
        (lambda: ExpertsWithGates(["a"], 2, 3.5), TypeError, "units must be a whole number"),
    ],
)
def test_wrong_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make()
