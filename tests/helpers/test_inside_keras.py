"""Each name that the course uses and that Keras or TensorFlow do not document, and that it is there."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.models.functional import Functional
from tensorflow.python.eager import context

from mos_helpers import inside_keras

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model():
    """A model that has made one update."""
    image = keras.Input((3,))
    model = keras.Model(image, {"a": keras.layers.Dense(1, name="a")(image)})
    model.compile("adam", {"a": "mse"}, metrics={"a": ["mae"]}, loss_weights={"a": 2.0})
    model.fit(np.ones((4, 3)), {"a": np.ones((4, 1))}, verbose=0)
    return model


# For each name, where it is found.
ON = {
    "_compile_loss": lambda model: model,
    "_compile_metrics": lambda model: model,
    "_compile_config": lambda model: model,
    "_compiled_trainable_state": lambda model: model,
    "_flatten_layers": lambda model: model,
    "_called": lambda model: model,
    "_losses": lambda model: model.layers[-1],
    "_inbound_nodes": lambda model: model.layers[-1],
    "_keras_history": lambda model: model.outputs[0],
    "_trainable_variables": lambda model: model.optimizer,
    "_learning_rate": lambda model: model.optimizer,
    "_user_loss": lambda model: model._compile_loss,
    "_user_loss_weights": lambda model: model._compile_loss,
    "_user_metrics": lambda model: model._compile_metrics,
    "_user_weighted_metrics": lambda model: model._compile_metrics,
    "_fn_kwargs": lambda model: keras.losses.Huber(delta=2.0),
    "_created_variables": lambda model: tf.function(lambda x: x),
    "_seed": lambda model: context.context(),
    "_rng": lambda model: context.context(),
}
MODULES = {"keras.src.backend.common", "keras.src.models.functional", "tensorflow.python.eager"}


def tree():
    return ast.parse(Path(inside_keras.__file__).read_text(encoding="utf-8"))


def test_the_list_is_complete():
    used = {node.attr for node in ast.walk(tree()) if isinstance(node, ast.Attribute)}
    used |= {node.value for node in ast.walk(tree()) if isinstance(node, ast.Constant) and type(node.value) is str}
    used |= {node.arg for node in ast.walk(tree()) if isinstance(node, ast.keyword) and node.arg}
    private = {name for name in used if name.startswith("_") and name.isidentifier() and not name.startswith("__")}
    assert private == set(ON)
    imported = {node.module for node in ast.walk(tree()) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if ".src" in name or ".python" in name} == MODULES


@pytest.mark.parametrize("name", ON)
def test_it_is_there(model, name):
    tf.random.set_seed(0)
    assert hasattr(ON[name](model), name)


def test_the_modules_hold_what_is_taken_from_them(model):
    assert isinstance(model, Functional)
    assert {"GLOBAL_STATE_TRACKER", "GLOBAL_SETTINGS_TRACKER"} <= vars(global_state).keys()
    assert hasattr(tf.function(lambda x: x), "experimental_get_tracing_count")


@pytest.mark.parametrize("package", ["mos_helpers", "mos_checks"])
def test_nothing_else_takes_from_such_modules(package):
    for path in (ROOT / package).rglob("*.py"):
        if path.name != "inside_keras.py":
            text = path.read_text(encoding="utf-8")
            assert "keras.src" not in text, path
            assert "tensorflow.python" not in text, path


def test_the_versions_that_were_tested_are_those_installed():
    installed = {"keras": keras.__version__, "tensorflow": tf.__version__}
    for name, newest in inside_keras.TESTED.items():
        assert installed[name].startswith(f"{newest}."), "newer ones were tried? Then say so in inside_keras.TESTED"
