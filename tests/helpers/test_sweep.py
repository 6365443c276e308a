"""A sweep in several processes: joblib's, and those of a Dask cluster on this machine, give what one process gives."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "sweep.py"


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark, as a module that no other process can import: its functions are sent whole."""
    spec = importlib.util.spec_from_file_location("benchmark_of_a_sweep", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ways(benchmark, tmp_path_factory):
    rows = tmp_path_factory.mktemp("sweep") / "rows.npz"
    rng = np.random.default_rng(0)
    digit = rng.integers(10, size=256)
    np.savez(rows, image=rng.normal(size=(256, 5)).astype("float32"), digit=digit, odd=digit[:, None] % 2)
    return benchmark.sweeps([(0.1, 0, str(rows), 3), (10.0, 1, str(rows), 3)], workers=2)


@pytest.fixture(scope="module")
def alone(ways):
    return ways["one process"]()


def require_the_same_from_elsewhere(found, alone):
    np.testing.assert_allclose([one["losses"] for one in found], [one["losses"] for one in alone], rtol=1e-4)
    assert os.getpid() not in {one["process"] for one in found}


def test_each_task_has_a_weight_and_a_seed_of_its_own(alone):
    assert alone[0]["losses"] != pytest.approx(alone[1]["losses"], rel=1e-3)
    assert {one["process"] for one in alone} == {os.getpid()}


def test_processes_of_joblib_give_what_one_process_gives(ways, alone):
    require_the_same_from_elsewhere(ways["joblib"](), alone)


def test_a_dask_cluster_gives_what_one_process_gives_and_ends(ways, alone):
    found = ways["dask"]()
    require_the_same_from_elsewhere(found, alone)
    for one in found:
        with pytest.raises(ProcessLookupError):
            os.kill(one["process"], 0)
