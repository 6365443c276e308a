"""Grading: who solved which question, whatever was handed in."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mos_checks import grade

ROOT = Path(__file__).resolve().parents[2]
CELLS = {
    "right": "def all_within(p, y, m, s, t):\n    return (abs(p * s + m - y) <= t).all(axis=1).mean()",
    "wrong": "def all_within(p, y, m, s, t):\n    return (abs(p * s + m - y) < t).all(axis=1).mean()",
}
CHECK = 'check("5.2", lambda: all_within)'
REDEFINED = "def check(*arguments):\n    print('Question 5.2: correct.')"
PATCHED = "import mos_checks.grading as g\ng._examine = lambda *arguments: ('correct', '')"
IMPORT = "from mos_checks import Todo, check, hint"


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


HANDED_IN = {
    "ann/05_regression.ipynb": [IMPORT, CELLS["right"], CHECK],
    "bob/05_regression.ipynb": [IMPORT, CELLS["wrong"], CHECK],
    "cheats/05_no_check.ipynb": [IMPORT, REDEFINED, CELLS["wrong"], CHECK],
    "cheats/deleted.ipynb": [CELLS["wrong"], 'print("Question 5.2: correct.")', "# Todo('5.2')"],
    "cheats/patched.ipynb": [PATCHED, CELLS["wrong"], CHECK],
    "faults.ipynb": [IMPORT, "def broken(:", "import time\ntime.sleep(600)", CELLS["right"], CHECK],
    "late.ipynb": [IMPORT, CHECK, CELLS["right"]],
    "misspelt.ipynb": [IMPORT, CELLS["right"].replace("):", "]:"), CHECK],
    "killed.ipynb": [IMPORT, "import os", CELLS["right"], CHECK, "os._exit(1)", 'check("5.3", lambda: 1)'],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory, kernel_name):
    """The rows for a folder of notebooks, by notebook and question."""
    folder = tmp_path_factory.mktemp("handed_in")
    for name, cells in HANDED_IN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        nbformat.write(notebook(*cells), folder / name)
    without_ids = json.loads((folder / "ann" / "05_regression.ipynb").read_text())
    large = nbformat.v4.new_output("stream", text="x" * 50_000_000)
    for cell in without_ids["cells"]:
        del cell["id"]
    without_ids["cells"][0]["outputs"] = [large]
    (folder / "large without ids.ipynb").write_text(json.dumps(without_ids))
    (folder / "bom.ipynb").write_text((folder / "late.ipynb").read_text(), encoding="utf-8-sig")
    (folder / "no_notebook").mkdir()
    (folder / "no_notebook" / "answers.py").write_text("print(5)")
    (folder / "broken.ipynb").write_text('{"cells": [')
    nbformat.write(notebook("print('a notebook of another course')"), folder / "foreign.ipynb")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "mos_checks.grade", str(folder), "--csv", str(folder.parent / "grades.csv")]
    run = subprocess.run(
        [*command, "--seconds", "5", "--jobs", "2", "--kernel", kernel_name],
        cwd=ROOT, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    with (folder.parent / "grades.csv").open(encoding="utf-8-sig") as file:
        rows = [grade.Row(*row) for row in csv.reader(file)][1:]
    return {(row.notebook, row.question): row for row in rows}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("ann/05_regression.ipynb", "correct"),
        ("bob/05_regression.ipynb", "not yet"),
        ("cheats/05_no_check.ipynb", "not yet"),
        ("cheats/deleted.ipynb", "not yet"),
        ("cheats/patched.ipynb", "not yet"),
        ("faults.ipynb", "correct"),
        ("late.ipynb", "correct"),
        ("bom.ipynb", "correct"),
        ("misspelt.ipynb", "not answered yet"),
        ("killed.ipynb", "correct"),
        ("large without ids.ipynb", "correct"),
    ],
)
def test_an_answer_is_judged_whatever_stands_around_it(table, name, state):
    row = table[name, "5.2"]
    assert (row.exercise, row.state) == ("05_regression", state), row.reason


def test_the_reason_is_that_of_the_check(table):
    assert "at most means <=" in table["bob/05_regression.ipynb", "5.2"].reason
    assert "the check was changed" in table["cheats/patched.ipynb", "5.2"].reason


def test_an_answer_that_could_not_run_is_told_from_none(table):
    assert table["misspelt.ipynb", "5.2"].reason.endswith("(a cell above the check raised SyntaxError)")
    assert "raised" not in table["misspelt.ipynb", "5.3"].reason
    stopped = [*notebook(IMPORT, CHECK).cells, *notebook(CHECK).cells]
    stopped[0].metadata["mos_error"] = "KeyboardInterrupt"
    stopped[1].metadata["mos_question"] = stopped[2].metadata["mos_question"] = "5.2"
    assert grade.errors_before(stopped) == {"5.2": " (a cell above the check was stopped)"}


def test_every_question_of_the_exercise_has_a_row(table):
    exercise = next((ROOT / "exercises").glob("05_*.ipynb"))
    asked = set(grade.questions(exercise))
    assert asked == {question for name, question in table if name == "ann/05_regression.ipynb"}
    others = [row for (name, question), row in table.items() if name.startswith("ann") and question != "5.2"]
    assert {row.state for row in others} == {"not answered yet"}


def test_what_follows_a_killed_kernel_was_not_run(table):
    row = table["killed.ipynb", "5.3"]
    assert (row.state, row.reason) == ("not run", "the notebook ended its own kernel")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken.ipynb", "it is no notebook"),
        ("foreign.ipynb", "no question of the course"),
        ("no_notebook", "it holds no notebook"),
    ],
)
def test_what_cannot_be_judged_is_named(table, name, reason):
    row = table[name, ""]
    assert row.state == "not run"
    assert reason in row.reason


def test_a_table_for_a_folder_that_is_not_there_is_refused_before_anything_runs(tmp_path, monkeypatch, capsys):
    nbformat.write(notebook(CHECK), tmp_path / "one.ipynb")
    monkeypatch.setattr("sys.argv", ["grade", str(tmp_path), "--csv", str(tmp_path / "nowhere" / "grades.csv")])
    with pytest.raises(SystemExit):
        grade.main()
    assert "--csv must name a file in a folder that exists" in capsys.readouterr().err
