"""Several processes train one model: each has its part of a batch, and a failure ends them all."""

import time

import numpy as np
import pytest

from mos_helpers.scaling import worker
from mos_helpers.scaling.local import free_addresses, run_workers


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_workers_cut_each_batch_into_equal_parts(workers):
    parts = [worker.rows_of(number, workers, updates=3) for number in range(workers)]
    assert {part.shape for part in parts} == {(3, worker.BATCH_SIZE // workers)}
    for update in range(3):
        together = np.concatenate([part[update] for part in parts])
        assert np.array_equal(together, np.arange(worker.BATCH_SIZE) + update * worker.BATCH_SIZE)


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="workers is 3: a number that divides 128"):
        worker.rows_of(0, 3, updates=1)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (None, (0, 1)),
        ("", (0, 1)),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}', (1, 2)),
    ],
)
def test_the_place_comes_from_the_environment(monkeypatch, config, place):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert worker.place() == place


def test_addresses_are_free_and_different():
    addresses = free_addresses(5)
    assert len(set(addresses)) == 5
    assert all(address.startswith("127.0.0.1:") for address in addresses)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and return its name; the processes find it."""

    def write(text):
        (tmp_path / "a_worker.py").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "a_worker"

    return write


PLACE = "import json, os, sys, time; place = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"


def test_each_worker_gets_its_place_and_the_same_arguments(module):
    name = module(f"{PLACE}print(place, *sys.argv[1:])")
    assert run_workers(name, ["x", "y"], workers=3) == ["0 x y", "1 x y", "2 x y"]


def test_much_output_does_not_block_a_worker(module):
    name = module("import sys; print('a' * 300_000); print('b' * 300_000, file=sys.stderr)")
    assert run_workers(name, workers=1, seconds=30) == ["a" * 300_000]


def test_a_failure_ends_all_and_names_its_error(module):
    name = module(f"{PLACE}if place: raise KeyError('odd')\ntime.sleep(60)")
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="worker 1 failed: KeyError: 'odd'"):
        run_workers(name, workers=2, seconds=50)
    assert time.monotonic() - start < 30


def test_a_worker_that_does_not_end_is_ended(module):
    with pytest.raises(TimeoutError, match="worker 0 did not end in time"):
        run_workers(module("import time; time.sleep(60)"), workers=2, seconds=1)


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="workers is 0: at least 1 is wanted"):
        run_workers("json", workers=0)


def test_two_workers_train_what_one_trains(tmp_path, monkeypatch):
    monkeypatch.setenv("MOS_DATA", "digits")
    printed = run_workers("mos_helpers.scaling.worker", [str(tmp_path), "--updates", "4"], workers=2, seconds=120)
    assert printed == ["worker 0 of 2: 4 updates", "worker 1 of 2: 4 updates"]
    first, second = (list(np.load(tmp_path / f"worker_{number}_of_2.npz").values()) for number in range(2))
    alone = worker.train(0, 1, updates=4).get_weights()
    assert all(map(np.array_equal, first, second))
    assert all(np.allclose(mine, whole, atol=1e-6) for mine, whole in zip(first, alone, strict=True))
    assert not np.allclose(alone[0], worker.build().get_weights()[0], atol=1e-4)
