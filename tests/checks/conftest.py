"""Fixtures for the tests of checks."""

import pytest
from capstone_answers import Oracle

from mos_checks import grading, lesson_19
from mos_checks.memory import Memory


@pytest.fixture(autouse=True)
def _not_strict(monkeypatch):
    monkeypatch.delenv("MOS_STRICT", raising=False)
    monkeypatch.setattr(grading, "_memory", Memory())


@pytest.fixture(autouse=True, scope="module")
def _fast(early_builds):
    """Checks that train models do so as in the kernels of the tests."""


@pytest.fixture(scope="module")
def bundled():
    """The scores of the capstone's tests are those of the bundled digits, wherever the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOS_DATA", "digits")
        yield


@pytest.fixture(scope="module")
def client(bundled):
    return lesson_19._clients()


@pytest.fixture(scope="module")
def oracle(bundled):
    return Oracle()
