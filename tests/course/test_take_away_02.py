"""What lesson 2 gives to copy: `wire` compiles a model whose parts have the same keys, and names what does not fit."""

import keras
import numpy as np
import pytest
from take_away import take_away

N = 30
X = np.random.default_rng(1).normal(size=(N, 4, 3)).astype("float32")
TRUTH = {"mood": np.arange(N) % 4, "age": X.sum(axis=(1, 2)), "smoker": np.arange(N) % 2}
LOSS = {"age": "mae", "smoker": "binary_crossentropy", "mood": "sparse_categorical_crossentropy"}
METRICS = {"mood": ["accuracy"], "age": ["mse"], "smoker": ["accuracy"]}


@pytest.fixture(scope="module")
def wire():
    return take_away("02_wiring_heads")["wire"]


def inputs_and_heads(units=(4, 1, 1), names=("mood", "age", "smoker")):
    picture = keras.Input((4, 3), name="picture")
    flat = keras.layers.Flatten()(picture)
    activations = ("softmax", None, "sigmoid")
    heads = [
        keras.layers.Dense(count, activation, name=name)(flat)
        for count, activation, name in zip(units, activations, names, strict=True)
    ]
    return picture, dict(zip(("mood", "age", "smoker"), heads, strict=True))


def test_it_runs_alone_and_says_what_a_list_is_refused_for(capsys):
    take_away("02_wiring_heads")
    scores, refused = capsys.readouterr().out.splitlines()
    assert scores == "['colour_loss', 'loss', 'size_loss']"
    assert refused == "heads must be a dictionary with the names of the heads, not a list"


def test_another_problem_is_wired_trained_saved_and_loaded(wire, tmp_path):
    weights = {"mood": 1.0, "age": 0.5, "smoker": 2.0}
    settings = {"metrics": METRICS, "loss_weights": weights, "run_eagerly": True, "steps_per_execution": 2}
    model = wire(*inputs_and_heads(), TRUTH, loss=LOSS, optimizer=keras.optimizers.SGD(0.01), **settings)
    history = model.fit(X, TRUTH, batch_size=15, epochs=2, verbose=0).history
    assert {"mood_accuracy", "age_mse", "smoker_accuracy"} < set(history)
    assert type(model.optimizer) is keras.optimizers.SGD
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before, after = (m.test_on_batch(X, TRUTH, return_dict=True) for m in (model, loaded))
    assert before.keys() == after.keys()
    assert all(np.isclose(before[name], after[name], rtol=1e-3) for name in before)


BAD = [
    ({"heads": list}, TypeError, "heads must be a dictionary with the names of the heads, not a list"),
    ({"targets": list}, TypeError, "targets must be a dictionary with the names of the heads, not a list"),
    ({"targets": lambda truth: truth["mood"]}, TypeError, "targets must be a dictionary .* not a ndarray"),
    ({"loss": lambda loss: "mse"}, TypeError, "loss must be a dictionary with the names of the heads, not a str"),
    ({"metrics": lambda metrics: ["accuracy"] * 3}, TypeError, "metrics must be a dictionary .* not a list"),
    ({"loss_weights": lambda weights: [1, 1, 1]}, TypeError, "loss_weights must be a dictionary .* not a list"),
    ({"loss": lambda loss: loss | {"Age": "mae"}}, ValueError, r"loss has the keys .*'Age'.*, the heads are"),
    ({"targets": lambda truth: {"mood": truth["mood"]}}, ValueError, r"targets has the keys \['mood'\], the heads"),
    ({"metrics": lambda metrics: {"mood": ["accuracy"]}}, ValueError, r"metrics has the keys \['mood'\]"),
    ({"targets": lambda truth: truth | {"age": truth["age"][:9]}}, ValueError, "the same number of rows.*'age': 9"),
]


@pytest.mark.parametrize(("changes", "error", "words"), BAD)
def test_bad_input_is_named(wire, changes, error, words):
    inputs, heads = inputs_and_heads()
    parts = {"heads": heads, "targets": TRUTH, "loss": LOSS, "metrics": METRICS}
    for name, change in changes.items():
        parts[name] = list(parts[name].values()) if change is list else change(parts.get(name))
    with pytest.raises(error, match=words):
        wire(inputs, **parts)


def test_layers_with_other_names_are_named(wire):
    inputs, heads = inputs_and_heads(names=("mood", "years", "smoker"))
    with pytest.raises(ValueError, match=r"heads has the keys .*'age'.*, the layers are named .*'years'"):
        wire(inputs, heads, TRUTH, loss=LOSS)
