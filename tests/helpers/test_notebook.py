"""Long lines are wrapped at words in a notebook, and stay as they are elsewhere."""

import pytest

from mos_helpers import notebook
from mos_helpers.heads import Finding, Report

LONG = "A line-with hyphens, " + "of several words, " * 12 + "ends.\n  The next one is short."


@pytest.fixture
def _in_notebook(monkeypatch):
    monkeypatch.setattr(notebook, "in_notebook", lambda: True)


@pytest.mark.usefixtures("_in_notebook")
def test_a_notebook_shows_lines_that_end_with_a_word():
    shown = notebook.wrapped(LONG).split("\n")
    assert max(map(len, shown)) <= 100
    assert " ".join(shown[:-1]) == LONG.split("\n")[0]
    assert shown[-1] == LONG.split("\n")[1]


@pytest.mark.usefixtures("_in_notebook")
def test_a_word_that_is_longer_than_a_line_stays_whole():
    assert notebook.wrapped(f"see {'x' * 120}").split("\n") == ["see", "x" * 120]


def test_elsewhere_a_line_stays_as_it_is():
    assert notebook.wrapped(LONG) == LONG


@pytest.mark.usefixtures("_in_notebook")
def test_a_report_wraps_what_it_shows_and_not_what_it_holds():
    report = Report([Finding("a", "odd", LONG)], "Nothing.")
    assert max(map(len, repr(report).split("\n"))) <= 100
    assert report[0].message == LONG
