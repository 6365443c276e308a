"""The cell that lesson 14 gives away: a server for other models than the lesson's, asked over HTTP."""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import jupytext
import keras
import numpy as np
import pytest
import tensorflow as tf
from take_away import source

LESSON = Path(__file__).resolve().parents[2] / "source" / "lessons" / "14_ship.py"
PREDICT = "/v1/models/model:predict"
PYTHON = sys.executable
pytestmark = pytest.mark.usefixtures("forked_python")


def running_of_the_lesson():
    """Return the lesson's own `running`, which starts serve.py of a folder."""
    cells = jupytext.read(LESSON, fmt="py:percent").cells
    (cell,) = (cell.source for cell in cells if "def running(" in cell.source)
    names = {"contextmanager": contextmanager, "os": os, "re": re, "subprocess": subprocess, "sys": sys, "time": time}
    exec(cell[cell.index("@contextmanager") :], names)
    return names["running"]


@contextmanager
def serving(folder, model):
    """Start the recipe as a reader would, and give a client; raise what it wrote if it does not start."""
    (folder / "serve.py").write_text(source("14_ship"), encoding="utf-8")
    with (
        running_of_the_lesson()(folder, model) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def model():
    """Two inputs, one of whole numbers, and two heads of one shape."""
    inputs = {"code": keras.Input((), dtype="int64", name="code"), "row": keras.Input((2,), name="row")}
    table = keras.layers.Embedding(5, 2, embeddings_initializer=lambda shape, dtype: np.eye(*shape, dtype=dtype))
    both = table(inputs["code"]) + inputs["row"]
    return keras.Model(inputs, {"size": keras.ops.softmax(both), "both": both})


@pytest.fixture(scope="module")
def client(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    model.export(folder / "1", verbose=False)
    with serving(folder, folder / "1") as client:
        yield client


def post(client, content):
    text = content if isinstance(content, str) else json.dumps(content)
    return client.post(PREDICT, content=text, headers={"Content-Type": "application/json"})


RIGHT = {"code": 1, "row": [0.5, -2]}


def test_answers_come_by_name_and_equal_those_of_the_model(client, model):
    response = post(client, {"instances": [RIGHT, {"row": [1, 2.5], "code": 0}, {"row": [0, 0], "code": 4}]})
    assert response.status_code == 200
    rows = {"code": np.array([1, 0, 4]), "row": np.array([[0.5, -2], [1, 2.5], [0, 0]], "float32")}
    wanted = model.predict_on_batch(rows)
    given = response.json()["predictions"]
    assert [sorted(one) for one in given] == [["both", "size"]] * 3
    for name, values in wanted.items():
        np.testing.assert_allclose([one[name] for one in given], values, atol=1e-5)


WRONG = {
    "an input is missing": ([RIGHT, {"code": 1}], "instance 1 must hold ['code', 'row'], and holds ['code']"),
    "an input too many": ([RIGHT | {"age": 3}], "and holds ['age', 'code', 'row']"),
    "another shape": ([RIGHT, RIGHT | {"row": [1, 2, 3]}], "instance 1: row must have shape (2,), not (3,)"),
    "different lengths": ([RIGHT | {"row": [[1], [1, 2]]}], "instance 0: row has rows of different lengths"),
    "a text": ([RIGHT | {"row": ["1", "2"]}], "instance 0: row must hold nothing but numbers"),
    "nothing": ([RIGHT | {"row": [1, None]}], "instance 0: row must hold nothing but numbers"),
    "true": ([RIGHT | {"row": [True, False]}], "instance 0: row must hold nothing but numbers"),
    "more than 64 bits": (
        [RIGHT | {"row": [1, 10**30]}],
        "instance 0: row must hold nothing but numbers of at most 64",
    ),
    "a share as a code": ([RIGHT | {"code": 1.5}], "instance 0: code must hold whole numbers, without a point"),
    "a code of 64 bits": ([RIGHT | {"code": 2**63}], f"instance 0: code must lie between {-(2**63)} and {2**63 - 1}"),
    "too large": ([RIGHT | {"row": [1, 1e300]}], "instance 0: row holds NaN, or a number that is too large"),
    "NaN": ([RIGHT | {"row": [1, float("nan")]}], "instance 0: row holds NaN"),
    "no instance": ([], "1 to 1000 instances are wanted, not 0"),
    "many": ([RIGHT] * 1001, "1 to 1000 instances are wanted, not 1001"),
}


@pytest.mark.parametrize(("instances", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_answered_is_refused_by_name(client, instances, words):
    response = post(client, {"instances": instances})
    assert response.status_code == 422
    assert words in response.json()["detail"]


MALFORMED = {
    "no JSON": ("no json", "JSON decode error"),
    "a list": ("[]", "Field required"),
    "NaN alone": ("NaN", "Field required"),
    "another key": ('{"rows": [NaN]}', "Field required"),
    "no list": ('{"instances": NaN}', "Input should be a valid list"),
    "a number": ('{"instances": [3]}', "instance 0 must hold ['code', 'row'], and holds no names"),
    "NaN": ('{"instances": [NaN]}', "and holds no names"),
    "the names without values": ('{"instances": [["code", "row"]]}', "and holds no names"),
    "half a character": (r'{"instances": [{"\ud800": 1}]}', r"and holds ['\ud800']"),
    "half a character as a value": (r'{"instances": [{"code": "\ud800", "row": [1, 2]}]}', "nothing but numbers"),
    "a long row without names": (json.dumps({"instances": [list(range(100_000))]}), "and holds no names"),
    "many rows without names": (json.dumps({"instances": [[1, 2]] * 100_000}), "1 to 1000 instances are wanted"),
    "a long text": (json.dumps({"instances": "x" * 100_000}), "Input should be a valid list"),
    "a long name": (json.dumps({"instances": [{"x" * 100_000: 1}]}), "and holds ['xxx"),
}


@pytest.mark.parametrize(("content", "words"), MALFORMED.values(), ids=MALFORMED)
def test_another_form_is_refused_in_a_short_text(client, content, words):
    response = post(client, content)
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert len(response.content) < 500


def test_each_of_many_gets_its_own_answers(client):
    """Requests of several sizes come at once, good ones and bad ones."""

    def ask(number):
        rows = [{"code": 3, "row": [number, place]} for place in range(1 + number % 4)]
        return post(client, {"instances": rows if number % 5 else [*rows, {}]})

    with ThreadPoolExecutor(16) as people:
        responses = list(people.map(ask, range(60)))
    for number, response in enumerate(responses):
        assert response.status_code == (200 if number % 5 else 422)
        if number % 5:
            given = [one["both"] for one in response.json()["predictions"]]
            np.testing.assert_allclose(given, [[number, place] for place in range(1 + number % 4)], atol=1e-5)


def test_what_the_model_cannot_answer_is_an_error_of_the_server_and_the_next_is_answered(client):
    """A code that the table does not have: no shape tells."""
    calls = client.get("/health").json()["calls"]
    response = post(client, {"instances": [RIGHT | {"code": 10**6}]})
    assert response.status_code == 500
    assert response.json()["detail"].startswith("the model raised InvalidArgumentError")
    assert post(client, {"instances": [RIGHT]}).status_code == 200
    assert client.get("/health").json()["calls"] == calls + 2


def test_it_says_what_it_can_be_asked(client):
    said = client.get("/health").json()
    assert said["status"] == "ok"
    assert said["inputs"] == {"code": [], "row": [2]}
    assert said["heads"] == ["both", "size"]


def test_a_model_with_an_open_shape_is_refused_at_the_start(tmp_path):
    row = keras.Input((None, 2), name="row")
    keras.Model(row, {"sum": keras.ops.sum(row, axis=(1, 2))}).export(tmp_path / "1", verbose=False)
    with pytest.raises(RuntimeError, match="only the number of rows must be open"), serving(tmp_path, tmp_path / "1"):
        pass


def saved(folder, function, **inputs):
    """Save a function of tensors as a SavedModel; return its folder."""
    specs = {name: tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()}
    module = tf.Module()
    module.asked = tf.function(function, input_signature=list(specs.values()))
    tf.saved_model.save(module, folder / "1", signatures={"serving_default": module.asked})
    return folder / "1"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Whole numbers of 8 bits, a yes or no, and a head that is not finite at 0."""

    def answers(byte, flag, size):
        return {"byte": byte, "flag": flag, "inverse": 1 / size}

    folder = tmp_path_factory.mktemp("small")
    rows = [None]
    with serving(
        folder, saved(folder, answers, byte=(rows, tf.uint8), flag=(rows, tf.bool), size=(rows, tf.float16))
    ) as client:
        yield client


FINE = {"byte": 255, "flag": True, "size": 0.5}


def test_small_numbers_and_booleans_come_back_as_they_went(small):
    given = post(small, {"instances": [FINE, FINE | {"byte": 0, "flag": False, "size": 1}]}).json()["predictions"]
    assert given == [
        {"byte": 255, "flag": True, "inverse": 2.0},
        {"byte": 0, "flag": False, "inverse": 1.0},
    ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"byte": 300}, "byte must lie between 0 and 255"),
        ({"byte": -1}, "byte must lie between 0 and 255"),
        ({"byte": 2**63}, "byte must lie between 0 and 255"),
        ({"byte": True}, "byte must hold nothing but numbers"),
        ({"flag": 2}, "flag must hold nothing but true or false"),
        ({"size": 1e5}, "size holds NaN, or a number that is too large"),
    ],
)
def test_no_number_is_turned_into_another_one(small, changed, words):
    response = post(small, {"instances": [FINE | changed]})
    assert response.status_code == 422
    assert words in response.json()["detail"]


def test_an_answer_that_is_not_finite_is_named_and_the_others_are_given(small):
    response = post(small, {"instances": [FINE, FINE | {"size": 0}]})
    assert response.status_code == 500
    assert response.json()["detail"] == "the model's answer to inverse is no finite number"
    assert post(small, {"instances": [FINE]}).status_code == 200


@pytest.mark.parametrize(
    ("words", "function", "shape", "dtype"),
    [
        ("x must be numbers, not string", lambda x: {"size": tf.strings.length(x)}, [None], tf.string),
        ("text must be numbers, not string", lambda x: {"text": tf.as_string(x)}, [None], tf.float32),
        ("only the number of rows must be open", lambda x: {"same": x}, [1, 2], tf.float32),
        ("a head must answer each row by itself", lambda x: {"mean": tf.reduce_mean(x)}, [None], tf.float32),
    ],
)
def test_a_model_that_it_cannot_serve_is_refused_at_the_start(tmp_path, words, function, shape, dtype):
    model = saved(tmp_path, function, x=(shape, dtype))
    with pytest.raises(RuntimeError, match=words), serving(tmp_path, model):
        pass


LOUD = """
import sys

def create_app():
    async def app(scope, receive, send):
        if scope["type"] == "http":
            print("x" * 200_000, file=sys.stderr, flush=True)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
    return app
"""


def test_a_server_of_the_lesson_may_write_more_than_a_pipe_holds_and_ends_with_the_block(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", PYTHON)  # a fork ends a moment after its client was killed
    (tmp_path / "serve.py").write_text(LOUD, encoding="utf-8")
    with suppress(KeyError), running_of_the_lesson()(tmp_path, tmp_path) as address:
        assert httpx.get(address, trust_env=False, timeout=20).status_code == 200
        raise KeyError
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
