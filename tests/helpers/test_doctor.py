"""The doctor says OK on a healthy machine, and how to repair an unhealthy one."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from mos_helpers import doctor


def test_a_healthy_machine_gets_an_ok_for_each_part(capsys, monkeypatch):
    monkeypatch.setenv("MOS_DATA", "digits")
    assert doctor.report()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(doctor.CHECKS) + 1
    assert all(line.startswith("OK    ") for line in lines[:-1])
    assert lines[-1] == "This machine is ready."


def old_python(monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", ((4, 0), (4, 1)))
    return doctor.python, "make an environment with Python 3.11"


def old_tensorflow(monkeypatch):
    real = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: "2.16.2" if name == "tensorflow" else real(name))
    return doctor.packages, "tensorflow is 2.16.2 and should be >=2.21: run `uv sync`"


def missing_package(monkeypatch):
    def version(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", version)
    return doctor.packages, "matplotlib is missing"


def package_of_the_course_alone(monkeypatch):
    real = doctor.version

    def version(name):
        if name == "jupyterlab":
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    return doctor.packages, "check_heads and the layers work; for data, figures and the notebooks jupyterlab is missing"


def not_installed(monkeypatch):
    def requires(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", requires)
    return doctor.packages, "the course's own package is not installed"


def other_backend(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    return doctor.backend, "Keras runs on jax: remove the environment variable KERAS_BACKEND"


def legacy_keras(monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    return doctor.backend, "remove that environment variable"


def little_memory(monkeypatch):
    state = SimpleNamespace(available=2**30, total=2**32)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: state)
    return doctor.memory, "only 1.0 GB of memory are free; close other programs"


def no_mnist(monkeypatch):
    def load_digits(source=None):
        raise FileNotFoundError("MNIST cannot be had")

    monkeypatch.setattr("mos_helpers.data.load_digits", load_digits)
    return doctor.digits, "FileNotFoundError: MNIST cannot be had"


FAULTS = [
    old_python,
    old_tensorflow,
    missing_package,
    package_of_the_course_alone,
    not_installed,
    other_backend,
    legacy_keras,
    little_memory,
    no_mnist,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_its_cure_and_the_rest_is_still_checked(fault, monkeypatch, capsys):
    check, expected = fault(monkeypatch)
    monkeypatch.setattr(doctor, "CHECKS", (check, lambda: "the next part"))
    assert not doctor.report()
    first, second, verdict = capsys.readouterr().out.splitlines()
    assert first.startswith("FIX   ")
    assert expected in first
    assert second == "OK    the next part"
    assert verdict == "1 of 2 lines say FIX."


def test_the_doctor_starts_without_tensorflow():
    code = "import sys; sys.modules['tensorflow'] = None; from mos_helpers import doctor; sys.exit(doctor.report())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "FIX   backend: " in run.stdout
    assert "uv sync" in run.stdout


@pytest.mark.parametrize(
    ("found", "said"),
    [("3.15.9", None), ("3.9.1", None), ("3.16.0", "keras 3.16.0 newer than tested"), ("4.0", "4.0 newer")],
)
def test_a_newer_keras_is_no_fault_and_is_said(found, said, monkeypatch):
    real = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: found if name == "keras" else real(name))
    assert ("newer" in doctor.backend()) == bool(said)
    assert (said or "Keras runs on TensorFlow") in doctor.backend()
