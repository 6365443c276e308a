"""nbval and conftest.py notice each way in which a notebook can fail, and say where."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TODO = "class Todo(NotImplementedError): pass\n"

# name: (folder, source of the second cell, its tags, its stored output, what the report must say or None)
NOTEBOOKS = {
    "good": ("notebooks", "1 + 1", ["nbval-check-output"], "2", None),
    "exception": ("notebooks", "1 / 0", [], None, "ZeroDivisionError"),
    "false_check": ("notebooks", "assert 1 > 2", ["check"], None, "AssertionError"),
    "changed_output": ("notebooks", "1 + 2", ["nbval-check-output"], "2", "Cell outputs differ"),
    "endless": ("notebooks", "import time; time.sleep(600)", [], None, "KeyboardInterrupt"),
    "shown_error": ("notebooks", "int('a')", ["raises-exception"], ValueError, None),
    "other_error": ("notebooks", "int([])", ["raises-exception"], ValueError, "The cell raised"),
    "no_error": ("notebooks", "int('1')", ["raises-exception"], ValueError, "The cell raised nothing"),
    "standard_error": ("notebooks", "import sys; print('!', file=sys.stderr)", [], None, "wrote to standard error"),
    "not_strict": ("notebooks", "import os; assert os.environ['MOS_STRICT'] == '0'", [], None, None),
    "strict": ("solutions", "import os; assert os.environ['MOS_STRICT'] == '1'", [], None, None),
    "bundled_digits": ("solutions", "import os; assert os.environ['MOS_DATA'] == 'digits'", [], None, None),
    "unanswered": ("exercises", f"{TODO}raise Todo('1.1')", ["raises-exception"], None, None),
    "needs_an_answer": ("exercises", "answer + 1", ["raises-exception"], None, None),
    "broken_exercise": ("exercises", "[].size", ["raises-exception"], None, "raised AttributeError"),
    "broken_given_code": ("exercises", "answer + 1", [], None, "NameError"),
}


def notebook(folder, source, tags, stored):
    cells = [nbformat.v4.new_code_cell(text) for text in ("first = 1", source, "print('the end')")]
    cells[1].metadata["tags"] = tags
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = None if folder == "exercises" else count
    if isinstance(stored, str):
        data = {"text/plain": stored}
        cells[1].outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=2)]
    elif stored:
        cells[1].outputs = [nbformat.v4.new_output("error", ename=stored.__name__, evalue="", traceback=[])]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What pytest prints of a course of good and broken notebooks, run by the course's own rules."""
    root = tmp_path_factory.mktemp("course")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for folder in ("tests/course", "notebooks", "exercises", "solutions"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "course" / "forks.py", root / "tests" / "course")
    for name, (folder, *content, _) in NOTEBOOKS.items():
        nbformat.write(notebook(folder, *content), root / folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "--color=no", "-rA", "-p", "no:cacheprovider"]
    command.append("--nbval-cell-timeout=10")
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1, run.stdout
    return run.stdout


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nbval_reports_what_is_wrong_and_only_that(report, name):
    folder, source, _, _, reason = NOTEBOOKS[name]
    place = f"{folder}/{name}.ipynb::Cell 1"
    outcome = "PASSED" if reason is None else "FAILED"
    assert re.search(rf"^{outcome} {re.escape(place)}\b", report, re.MULTILINE)
    after = rf"^(PASSED|XPASS) {folder}/{name}\.ipynb::Cell 2\b"
    assert re.search(after, report, re.MULTILINE), "the cells after it run all the same"
    if reason:
        section = next(part for part in report.split("\n____") if f"{folder}/{name}.ipynb::Cell 1 __" in part)
        assert reason in section
        assert source.splitlines()[-1] in section


def test_every_notebook_is_run(report):
    assert f"{3 * len(NOTEBOOKS)} items" in report
