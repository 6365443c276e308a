"""What `check` and `hint` remember, and what a notebook says while a question is open."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mos_checks import grading
from mos_checks.memory import NAME, Memory, line_of
from mos_checks.progress import table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the notebooks of exercises 1 and 5."""
    monkeypatch.setenv("MOS_STRICT", "0")
    for name in ("01_two_heads", "05_regression"):
        (tmp_path / f"{name}.ipynb").touch()
    return tmp_path


def test_what_is_saved_is_loaded_by_the_next_session_and_added_to_what_others_saved(folder):
    one, other = Memory(), Memory()
    one.solved, one.hints = {"1.1"}, {"1.2": 2}
    one.save(folder, "1.1")
    other.solved = {"5.4"}
    other.save(folder, "5.4")
    new = Memory()
    new.load(folder)
    assert (new.solved, new.hints) == ({"1.1", "5.4"}, {"1.2": 2})


@pytest.mark.parametrize("strict", ["0", "1"])
def test_nothing_is_written_in_strict_mode_or_where_the_exercise_is_not(folder, monkeypatch, strict):
    monkeypatch.setenv("MOS_STRICT", strict)
    Memory().save(folder, "1.1" if strict == "1" else "2.1")
    assert not (folder / NAME).exists()


def test_the_opening_notebook_says_the_same_whenever_it_is_run(folder, monkeypatch, capsys):
    (folder / "00_start_here.ipynb").touch()
    monkeypatch.chdir(folder)
    for _ in range(2):
        monkeypatch.setattr(grading, "_memory", Memory())
        grading.hint("0.1")
        grading.check("0.1", lambda: {"units": 7, "activation": "sigmoid"})
        assert capsys.readouterr().out.startswith("Hint 1 of 2")
    assert not (folder / NAME).exists()


@pytest.mark.parametrize("content", ["", "[]", '{"solved": 3}', '{"solved": ["1.1"], "hints": []}', "\x00"])
def test_a_file_that_cannot_be_read_is_no_obstacle(folder, content):
    (folder / NAME).write_text(content)
    memory = Memory()
    memory.load(folder)
    memory.solved.add("1.2")
    memory.save(folder, "1.2")
    assert "1.2" in json.loads((folder / NAME).read_text())["solved"]


def test_a_folder_that_cannot_be_written_is_no_obstacle(folder):
    (folder / NAME).mkdir()
    Memory().save(folder, "1.1")


@pytest.mark.parametrize(
    ("solved", "words"),
    [
        (set(), "Exercise 5: 0 of 2 questions solved. Open: 5.1, 5.2."),
        ({"5.2"}, "Exercise 5: 1 of 2 questions solved. Open: 5.1."),
        ({"5.1", "5.2"}, "Exercise 5: 2 of 2 questions solved. Next: lesson 6."),
    ],
)
def test_one_line_says_how_far_an_exercise_is(solved, words):
    assert line_of(5, ["5.1", "5.2"], solved, last=9) == words


def test_the_table_has_every_exercise_and_the_next_question(folder):
    memory = Memory()
    memory.solved = {"1.1", "1.2", "1.3"}
    memory.save(folder, "1.1")
    *lines, last = table(folder).splitlines()
    assert lines[0].startswith("Exercise 1: 3 of 4 questions solved. Open: 1.4.")
    assert last == "Next: question 1.4, in 01_two_heads.ipynb."


CELLS = {
    "import": "from mos_checks import Todo, check, hint, so_far",
    "open": 'raise Todo("5.1")',
    "needs it": "a = 1\nprint(standardise)",
    "first hint": 'hint("5.1")',
    "answer": "def standardise(train, other):\n"
    "    return [(part - train.mean(axis=0)) / train.std(axis=0) for part in (train, other)]",
    "check": 'check("5.1", lambda: standardise)',
    "so far": "so_far(5)",
    "typo": "print(nothing)",
}


def test_a_notebook_says_in_one_line_what_is_open_and_remembers_what_is_solved(tmp_path, kernel_name):
    shutil.copy(ROOT / "exercises" / "05_regression.ipynb", tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    client = NotebookClient(
        notebook, kernel_name=kernel_name, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env={**os.environ, "MOS_STRICT": "0"})
    said = {}
    for name, cell in zip(CELLS, notebook.cells, strict=True):
        said[name] = "".join(output.get("text", "\n".join(output.get("traceback", []))) for output in cell.outputs)
    assert said["open"] == "Question 5.1 is open: put your answer in place of this line."
    assert "(line 2). Still open: question 5.1." in said["needs it"]
    assert len(said["needs it"].splitlines()) == 1
    assert all(len(line) <= 100 for line in said["first hint"].splitlines())
    assert said["check"] == "Question 5.1: correct.\n"
    _, *others = grading.load_lesson(5)
    assert said["so far"] == f"Exercise 5: 1 of {1 + len(others)} questions solved. Open: {', '.join(others)}.\n"
    assert len(said["typo"].splitlines()) > 1
    assert json.loads((tmp_path / NAME).read_text()) == {"solved": ["5.1"], "hints": {"5.1": 1}}
