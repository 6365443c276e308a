"""Several processes train one model: each has its part of a batch, and a failure ends them all."""

import json
import os
import time

import numpy as np
import pytest

from benchmarks.local_cluster import run_workers
from mos_helpers import scaling

import keras  # isort: skip
import tensorflow as tf  # isort: skip

ALONE = tf.distribute.get_strategy()


@pytest.fixture
def model_and_rows(tmp_path):
    """The files of a compiled model with two heads, and of 70 rows for it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6,), name="image")
    trunk = keras.layers.Dense(5, activation="relu")(image)
    digit = keras.layers.Dense(3, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    model = keras.Model(image, {"digit": digit, "odd": odd})
    model.compile("adam", {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"})
    model.save(tmp_path / "start.keras")
    rng = np.random.default_rng(0)
    digits = rng.integers(3, size=70)
    np.savez(tmp_path / "rows.npz", image=rng.normal(size=(70, 6)).astype("float32"), digit=digits, odd=digits % 2)
    return tmp_path / "start.keras", tmp_path / "rows.npz"


class Cluster:
    """Stands for a strategy: gives each worker what it would get."""

    def __init__(self, workers, index):
        self.context = tf.distribute.InputContext(workers, index, workers)

    def distribute_datasets_from_function(self, function):
        return function(self.context)


def test_the_workers_cut_each_batch_into_equal_parts(model_and_rows):
    model = keras.models.load_model(model_and_rows[0])
    wholes, parts = (
        [
            [x.numpy() for x, _ in scaling.shares(model, model_and_rows[1], 32, Cluster(workers, k)).take(3)]
            for k in range(workers)
        ]
        for workers in (1, 4)
    )
    assert {part.shape for shares in parts for part in shares} == {(8, 6)}
    for batch in range(3):
        assert np.array_equal(np.concatenate([shares[batch] for shares in parts]), wholes[0][batch])


@pytest.mark.parametrize(("workers", "size"), [(3, 32), (2, 128)])
def test_a_batch_that_cannot_be_shared_is_refused(model_and_rows, workers, size):
    model = keras.models.load_model(model_and_rows[0])
    with pytest.raises(ValueError, match=f"batch_size must be a multiple of {workers}, .* not {size}"):
        scaling.shares(model, model_and_rows[1], size, Cluster(workers, 0))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and return its name; the processes find it."""

    def write(text):
        (tmp_path / "a_worker.py").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        return "a_worker"

    return write


PLACE = "import json, os, sys, time; place = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"


def test_each_worker_gets_its_place_and_the_same_arguments(module):
    name = module(f"{PLACE}print(place, *sys.argv[1:])")
    assert [out.strip() for out in run_workers(["-m", name, "x", "y"], workers=3)] == ["0 x y", "1 x y", "2 x y"]


def test_each_worker_has_an_address_of_its_own(module):
    name = module("import json, os; print(*json.loads(os.environ['TF_CONFIG'])['cluster']['worker'])")
    first, second = run_workers(["-m", name], workers=2)
    assert first == second
    assert len(set(first.split())) == 2
    assert all(address.startswith("127.0.0.1:") for address in first.split())


def test_much_output_does_not_block_a_worker(module):
    name = module("import sys; print('a' * 300_000); print('b' * 300_000, file=sys.stderr)")
    assert run_workers(["-m", name], workers=1, seconds=30)[0].strip() == "a" * 300_000


def test_a_failure_ends_all_and_names_its_error(module):
    name = module(f"{PLACE}if place: raise KeyError('odd')\ntime.sleep(60)")
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker 1 ended with code 1(.|\n)*KeyError: 'odd'"):
        run_workers(["-m", name], workers=2, seconds=50)
    assert time.monotonic() - start < 30


def test_a_worker_that_does_not_end_is_ended(module):
    with pytest.raises(TimeoutError, match="did not end in time"):
        run_workers(["-m", module("import time; time.sleep(60)")], workers=2, seconds=1)


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="workers must be a whole number of at least 1, not 0"):
        run_workers(["-m", "json"], workers=0)


TRIES_FIT_FIRST = """
import sys
from mos_helpers import scaling
import keras

strategy = scaling.strategy_of_environment()
scaling.strategy_of_environment = lambda: strategy
with strategy.scope():
    model = keras.models.load_model(sys.argv[1])
try:
    model.fit(scaling.shares(model, sys.argv[2], 32, strategy), steps_per_epoch=1, verbose=0)
except Exception as error:
    print(str(error).replace("\\n", " "))
scaling.main()
"""


def test_two_workers_train_what_one_trains(module, model_and_rows, tmp_path, forked_python):
    arguments = ["-m", module(TRIES_FIT_FIRST), *model_and_rows, tmp_path, "--steps", "5", "--batch-size", "32"]
    fits, trained = zip(*(out.splitlines() for out in run_workers(arguments, workers=2, seconds=150)), strict=True)
    assert all("Attempt to convert a value (PerReplica" in fit for fit in fits), "lesson 15 says so of `fit`"
    said = [json.loads(line) for line in trained]
    assert [(one["worker"], one["workers"]) for one in said] == [(0, 2), (1, 2)]
    first, second = (keras.models.load_model(tmp_path / f"worker_{k}.keras").get_weights() for k in range(2))
    model, alone = scaling.train(*model_and_rows, 5, 32, ALONE)
    assert all(map(np.array_equal, first, second))
    assert all(np.allclose(mine, whole, atol=1e-6) for mine, whole in zip(first, model.get_weights(), strict=True))
    assert [one["loss"] for one in said] == pytest.approx([alone["loss"]] * 2, rel=1e-4)
    assert not np.allclose(first[0], keras.models.load_model(model_and_rows[0]).get_weights()[0], atol=1e-4)
