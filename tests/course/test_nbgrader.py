"""What the README says about nbgrader, done with the real nbgrader: hand out, collect, grade."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mos_checks import grading

ROOT = Path(__file__).resolve().parents[2]
EXERCISE = "05_regression"
QUESTIONS = grading.load_lesson(5)

pytest.importorskip("nbgrader", reason="nbgrader is in the group `teaching`")


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1", "MOS_DATA": "digits"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])  # it calls alembic
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def answers():
    """Return the solution's answers, by question."""
    notebook = nbformat.read(ROOT / "solutions" / f"{EXERCISE}.ipynb", as_version=4)
    found = [cell.source for cell in notebook.cells if "BEGIN SOLUTION" in cell.source]
    return dict(zip(QUESTIONS, found, strict=True))


def right(cells):
    """Answer all questions."""


def wrong(cells):
    cells["5.2"].source = "def all_within(prediction, target, mean, scale, tolerance):\n    return 0.5"
    cells["5.3"].source = "def gaussian_loss(target, mean, log_variance):\n    return 0.0"


def unanswered(cells):
    for cell in cells.values():
        cell.source = 'raise Todo("above")'


def cheating(cells):
    wrong(cells)
    cells["5.1"].source += "\n\n\ndef check(*arguments):\n    print('correct')"
    cells["5.4"].source = "import os\n\nos.environ['MOS_STRICT'] = '0'\nturn_error = max"


STUDENTS = {
    "right": (right, len(QUESTIONS)),
    "wrong": (wrong, len(QUESTIONS) - 2),
    "unanswered": (unanswered, 0),
    "cheating": (cheating, len(QUESTIONS) - 3),
    "deleting": (right, len(QUESTIONS) - 1),
}


def hand_in(folder, student, change):
    """Write what a student hands in: the released notebook with answers filled in."""
    notebook = nbformat.read(folder / "release" / EXERCISE / f"{EXERCISE}.ipynb", as_version=4)
    open_cells = [cell for cell in notebook.cells if cell.metadata["nbgrader"]["solution"]]
    cells = dict(zip(QUESTIONS, open_cells, strict=True))
    for question, answer in answers().items():
        cells[question].source = answer
    change(cells)
    if student == "deleting":
        notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith('check("5.1"')]
    place = folder / "submitted" / student / EXERCISE / f"{EXERCISE}.ipynb"
    place.parent.mkdir(parents=True)
    nbformat.write(notebook, place)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course folder of nbgrader in which one exercise was handed out, handed in and graded."""
    folder = tmp_path_factory.mktemp("class") / "mos"
    run(ROOT, "build.py", "--nbgrader", str(folder), "--only", "05")
    run(folder, "-m", "nbgrader", "generate_assignment", EXERCISE)
    for student, (change, _) in STUDENTS.items():
        hand_in(folder, student, change)
    run(folder, "-m", "nbgrader", "autograde", EXERCISE)
    return folder


def test_what_is_handed_out_holds_no_answer(graded):
    notebook = nbformat.read(graded / "release" / EXERCISE / f"{EXERCISE}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert text.count('raise Todo("above")') == len(QUESTIONS)
    assert "HIDDEN" not in text
    assert "def standardise" not in text
    for question in QUESTIONS:
        assert f'check("{question}"' in text


@pytest.mark.parametrize("student", STUDENTS)
def test_each_notebook_gets_its_score(graded, student):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as book:
        submission = book.find_submission(EXERCISE, student)
        assert (submission.score, submission.max_score) == (STUDENTS[student][1], len(QUESTIONS))


def test_a_folder_with_something_in_it_is_refused(graded):
    done = subprocess.run(
        [sys.executable, "build.py", "--nbgrader", str(graded)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "must name a new or empty folder" in done.stderr
