"""The cell that lesson 14 gives away: a server for other models than the lesson's, asked over HTTP."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import keras
import numpy as np
import pytest
from take_away import source

PREDICT = "/v1/models/model:predict"


@contextmanager
def running(folder, model):
    """Start the server as a reader would; give its address, or raise what it wrote."""
    (folder / "serve.py").write_text(source("14_ship"), encoding="utf-8")
    command = [sys.executable, "-m", "uvicorn", "serve:create_app", "--factory", "--app-dir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0", "--log-level", "info"]
    errors = folder / "errors.txt"
    with errors.open("w", encoding="utf-8") as file:
        environment = os.environ | {"MODEL_FOLDER": str(model)}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=file)
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", wrote := errors.read_text(encoding="utf-8"))):
                try:
                    server.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError(wrote + errors.read_text(encoding="utf-8"))
            yield found[0]
        finally:
            server.kill()
            server.wait()


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
    with (
        running(folder, folder / "1") as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
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
    "an input is missing": ([RIGHT, {"code": 1}], r"instance 1 must hold ['code', 'row'], not ['code']"),
    "an input too many": ([RIGHT | {"age": 3}], "not ['age', 'code', 'row']"),
    "another shape": ([RIGHT, RIGHT | {"row": [1, 2, 3]}], "instance 1: row must have shape (2,), not (3,)"),
    "different lengths": ([RIGHT | {"row": [[1], [1, 2]]}], "instance 0: row has rows of different lengths"),
    "a text": ([RIGHT | {"row": ["1", "2"]}], "instance 0: row must hold numbers alone"),
    "nothing": ([RIGHT | {"row": [1, None]}], "instance 0: row must hold numbers alone"),
    "a share as a code": ([RIGHT | {"code": 1.5}], "instance 0: code must hold whole numbers"),
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


@pytest.mark.parametrize("content", ["no json", "[]", '{"rows": []}', '{"instances": [3]}'])
def test_another_form_is_refused_as_well(client, content):
    assert post(client, content).status_code == 422


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
    with pytest.raises(RuntimeError, match="only the number of rows may be open"), running(tmp_path, tmp_path / "1"):
        pass
