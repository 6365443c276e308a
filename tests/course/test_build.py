"""build.py: what it writes, what it refuses, and what it notices."""

import ast
import hashlib
import re
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import build

HEAD = """# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

"""
EXERCISE = (
    HEAD
    + """# %% [markdown]
# Question 1.1

# %%
from mos_checks import Todo, check

# %%
given = 1
### BEGIN SOLUTION
answer = given + 1
### END SOLUTION

# %% [markdown] tags=["solution"]
# Because one and one are two.

# %%
print("1.1", answer)

# %%
check("1.1", lambda: answer)
"""
)


NUMBERS = '''"""Numbers."""

ONE = 1


def half(number, digits=1):
    """Return half of a number."""
    return round(number / 2, digits)  # in the usual sense
'''


@pytest.fixture(scope="module", autouse=True)
def _quick_kernels(bare_kernel_name):
    """Run notebooks in a kernel that starts faster."""
    with pytest.MonkeyPatch.context() as patch:
        client = build.NotebookClient
        patch.setattr(
            build, "NotebookClient", lambda *args, **rest: client(*args, **rest | {"kernel_name": bare_kernel_name})
        )
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory, _quick_kernels):
    """A course of one lesson and one exercise, built, with helpers that need no TensorFlow."""
    root = tmp_path_factory.mktemp("course")
    for folder in ("source/lessons", "source/exercises", "mos_helpers", "mos_checks"):
        (root / folder).mkdir(parents=True)
    (root / "mos_helpers/__init__.py").write_text("")
    (root / "mos_helpers/numbers.py").write_text(NUMBERS)
    (root / "mos_helpers/unused.py").write_text("")
    (root / "mos_checks/__init__.py").write_text(
        "class Todo(NotImplementedError): pass\n"
        "def check(name, answer):\n    assert answer() == 2\n    print(name, 'correct')\n"
    )
    (root / "mos_checks/lesson_01.py").write_text("")
    lesson(root, "from mos_helpers.numbers import ONE\nONE + 1", "print('one idea a cell')")
    (root / "source/exercises/01_one.py").write_text(EXERCISE)
    for notebook in build.targets(root):
        build.build(notebook)
    return root


@pytest.fixture
def course(built, tmp_path):
    """A copy of that course, to change."""
    return shutil.copytree(built, tmp_path / "course")


def lesson(root, *cells):
    (root / "source/lessons/01_one.py").write_text(HEAD + "".join(f"# %%\n{cell}\n\n" for cell in cells))


def target(root, folder="notebooks"):
    return next(t for t in build.targets(root) if t.folder == folder)


def digest(target):
    return build.from_source(target).metadata["mos"]["digest"]


def read(root, folder="notebooks"):
    return nbformat.read(target(root, folder).path, as_version=4)


def test_a_lesson_is_written_with_its_outputs_and_nothing_that_varies(course):
    notebook = read(course)
    assert [output.data["text/plain"] for output in notebook.cells[0].outputs] == ["2"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mos"}
    assert all(not cell.metadata for cell in notebook.cells)
    assert b"\r" not in target(course).path.read_bytes()
    nbformat.validate(notebook)


def test_a_second_run_changes_no_byte(course):
    before = target(course).path.read_bytes()
    build.build(target(course), run=True)
    assert target(course).path.read_bytes() == before


def test_a_change_of_text_keeps_the_outputs_and_a_change_of_code_does_not(course, monkeypatch):
    def refused(notebook, target):
        raise AssertionError("it was run")

    monkeypatch.setattr(build, "execute", refused)
    source = course / "source/lessons/01_one.py"
    outputs = [cell.outputs for cell in read(course).cells]
    source.write_text(source.read_text() + "# %% [markdown]\n# The end.\n")
    build.build(target(course))
    assert build.problem(target(course)) is None
    assert [cell.get("outputs") for cell in read(course).cells] == [*outputs, None]
    source.write_text(source.read_text() + "\n# %%\n3\n")
    with pytest.raises(AssertionError, match="it was run"):
        build.build(target(course))


def test_a_cell_keeps_its_id_when_others_come_before_it(course):
    before = [cell.id for cell in build.from_source(target(course)).cells]
    lesson(course, "1", "from mos_helpers.numbers import ONE\nONE + 1", "2", "print('one idea a cell')")
    after = [cell.id for cell in build.from_source(target(course)).cells]
    assert [after[1], after[3]] == before


def test_equal_cells_get_different_ids(course):
    lesson(course, "1", "1", "1")
    ids = [cell.id for cell in build.from_source(target(course)).cells]
    assert len(set(ids)) == 3


def test_an_exercise_has_stubs_and_no_answers(course):
    cells = read(course, "exercises").cells
    assert cells[2].source == 'given = 1\nraise Todo("1.1")'
    assert all("one and one" not in cell.source and "SOLUTION" not in cell.source for cell in cells)
    assert ["raises-exception" in cell.metadata.get("tags", []) for cell in cells] == [False, False, True, True, True]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


def test_a_solution_has_answers_and_their_reasons(course):
    cells = read(course, "solutions").cells
    assert "answer = given + 1" in cells[2].source
    assert "one and one" in cells[3].source
    assert cells[5].outputs[0].text == "1.1 correct\n"


def test_a_wrong_solution_cannot_be_built(course):
    path = course / "source/exercises/01_one.py"
    path.write_text(path.read_text().replace("given + 1", "given + 2"))
    target(course, "solutions").path.unlink()
    with pytest.raises(build.BuildError, match="AssertionError"):
        build.build(target(course, "solutions"))
    assert not target(course, "solutions").path.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("### END SOLUTION\n", ""),
        ("### BEGIN SOLUTION\n", ""),
        ('check("1.1", lambda: answer)', "answer"),
        ("given = 1\n", "### BEGIN SOLUTION\ngiven = 1\n### END SOLUTION\n"),
    ],
)
def test_broken_markers_are_named(course, old, new):
    path = course / "source/exercises/01_one.py"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(build.BuildError, match=r"01_one\.py"):
        build.from_source(target(course, "exercises"))


REFUSED = {
    "an error": ("1 / 0", "ZeroDivisionError"),
    "standard error": ("import sys; print('careful', file=sys.stderr)", "wrote to standard error"),
    "a warning": ("import warnings; warnings.warn('careful')", "wrote to standard error"),
    "a path": ("import sys; sys.prefix", "shows a path of this machine"),
    "an address": ("object()", "shows a place in memory"),
    "too large": ("print('0123456789\\n' * 110_000)", "1,000,000 are allowed"),
}


@pytest.mark.parametrize(("cell", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_unfit_notebook_is_refused_and_the_old_one_stays(course, cell, reason):
    before = target(course).path.read_bytes()
    lesson(course, cell)
    with pytest.raises(build.BuildError, match=reason):
        build.build(target(course))
    assert target(course).path.read_bytes() == before
    assert sorted(p.name for p in target(course).path.parent.iterdir()) == ["01_one.ipynb"]


def test_an_error_that_a_lesson_wants_to_show_is_kept_without_paths(course):
    (course / "source/lessons/01_one.py").write_text(HEAD + '# %% tags=["raises-exception"]\nint("one")\n')
    build.build(target(course))
    (output,) = read(course).cells[0].outputs
    assert output.traceback == ["ValueError: invalid literal for int() with base 10: 'one'"]


def test_a_long_error_is_shown_in_lines_that_end_with_a_word(course):
    words = "one word " * 20 + "and more"
    cell = f'# %% tags=["raises-exception"]\nraise ValueError({words!r})\n'
    (course / "source/lessons/01_one.py").write_text(HEAD + cell)
    build.build(target(course))
    (output,) = read(course).cells[0].outputs
    lines = output.traceback[0].split("\n")
    assert max(map(len, lines)) <= 100
    assert " ".join(lines) == f"ValueError: {words}"
    assert output.evalue == words


def test_a_figure_of_a_tagged_cell_is_written_to_a_file_too(course):
    shows = """from IPython.display import display
display({"text/html": '<img alt="One" src="data:image/png;base64,YWJj">', "image/png": "YWJj"}, raw=True)"""
    (course / "source/lessons/01_one.py").write_text(HEAD + f'# %% tags=["picture"]\n{shows}\n\n# %%\n{shows}\n')
    build.build(target(course))
    (picture,) = (course / "notebooks/images").iterdir()
    assert (picture.name, picture.read_bytes()) == ("01_one_1.png", b"abc")
    picture.write_bytes(b"other")
    assert build.problem(target(course)) == "shows another picture than notebooks/images holds"


def test_an_error_that_does_not_come_is_refused(course):
    (course / "source/lessons/01_one.py").write_text(HEAD + '# %% tags=["raises-exception"]\nint("1")\n')
    with pytest.raises(build.BuildError, match="raised nothing"):
        build.build(target(course))


def test_an_interrupted_write_leaves_the_old_notebook_whole(course, monkeypatch):
    before = target(course).path.read_bytes()
    lesson(course, "3")

    def interrupted(self, place):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.build(target(course))
    assert target(course).path.read_bytes() == before
    assert sorted(p.name for p in target(course).path.parent.iterdir()) == ["01_one.ipynb"]


def edit_source(course):
    lesson(course, "2")


def edit_helper(course):
    (course / "mos_helpers/numbers.py").write_text("ONE = 1.0\n")


def edit_output(course):
    path = target(course).path
    path.write_text(path.read_text().replace("one idea a cell\\n", "another idea\\n"))


def edit_notebook(course):
    path = target(course).path
    path.write_text(path.read_text().replace("ONE + 1", "ONE + 2"))


def clear_outputs(course):
    notebook = read(course)
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, target(course).path)


def break_file(course):
    path = target(course).path
    path.write_text(path.read_text()[:200])


def delete(course):
    target(course).path.unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (edit_source, "differs from its source"),
        (edit_notebook, "differs from its source"),
        (edit_helper, "was built with other helpers"),
        (clear_outputs, "was not run"),
        (break_file, "cannot be read"),
        (delete, "is missing"),
    ],
)
def test_drift_is_noticed(course, change, reason):
    assert build.problem(target(course)) is None
    change(course)
    assert reason in build.problem(target(course))


def test_a_helper_that_is_not_used_makes_nothing_stale(course):
    (course / "mos_helpers/unused.py").write_text("TWO = 2\n")
    assert build.problem(target(course)) is None


# What runs, and what does not


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


NOTHING_CHANGES = {
    "a module's docstring": ("Numbers.", "Some numbers."),
    "a function's docstring": ("Return half of a number.", "Return one half."),
    "no docstring": ('    """Return half of a number."""\n', ""),
    "a comment": ("in the usual sense", "rounded"),
    "layout": ("(number, digits=1)", "(\n    number,\n    digits=1,\n)"),
}
SOMETHING_CHANGES = {
    "a default": ("digits=1", "digits=2"),
    "a kind of number": ("digits=1", "digits=1.0"),
    "an operator": ("number / 2", "number // 2"),
    "a name": ("def half", "def a_half"),
    "an order": ("number / 2", "2 / number"),
    "a line more": ("ONE = 1\n", "ONE = 1\nTWO = 2\n"),
    "a text that is used": ('"""Numbers."""', 'NAME = "Numbers."'),
}


@pytest.mark.parametrize(("old", "new"), NOTHING_CHANGES.values(), ids=NOTHING_CHANGES)
def test_what_does_not_run_in_a_helper_makes_nothing_stale(course, old, new):
    edit(course / "mos_helpers/numbers.py", old, new)
    assert build.problem(target(course)) is None


@pytest.mark.parametrize(("old", "new"), SOMETHING_CHANGES.values(), ids=SOMETHING_CHANGES)
def test_what_runs_in_a_helper_makes_its_notebooks_stale(course, old, new):
    edit(course / "mos_helpers/numbers.py", old, new)
    assert build.problem(target(course)) == "was built with other helpers"


@pytest.mark.parametrize(
    "cell", ["help(half)", "# half?", "# ?half", "# %psource half", "half.__doc__", "inspect.getsource(half)"]
)
def test_a_docstring_counts_where_a_notebook_shows_it(course, cell):
    lesson(course, f"from mos_helpers.numbers import half\n{cell}")
    before = digest(target(course))
    edit(course / "mos_helpers/numbers.py", "Return half of a number.", "Return one half.")
    assert digest(target(course)) != before


def test_the_docstring_of_a_question_counts_as_the_learner_reads_it(course):
    place = course / "mos_checks/lesson_01.py"
    place.write_text('@question("1.1", hints=[])\ndef check_sum(answer):\n    """Wanted: a sum."""\n')
    before = digest(target(course, "solutions"))
    edit(place, "a sum", "the sum")
    assert digest(target(course, "solutions")) != before


def test_what_the_checks_import_counts_for_solutions_alone(course):
    (course / "mos_checks/words.py").write_text("LIMIT = 3\n")
    (course / "mos_checks/lesson_01.py").write_text("from mos_checks.words import LIMIT\n")
    before = {folder: digest(target(course, folder)) for folder in build.FOLDERS}
    (course / "mos_checks/words.py").write_text("LIMIT = 4\n")
    changed = [folder for folder in build.FOLDERS if digest(target(course, folder)) != before[folder]]
    assert changed == ["solutions"]


def test_no_stored_output_shows_a_docstring_that_does_not_count():
    places = [path for package in build.PACKAGES for path in sorted((build.ROOT / package).rglob("*.py"))]
    helpers = [(path, path.read_text(encoding="utf-8")) for path in places]
    for path, code in helpers:
        assert not re.search(r"\b(help|getsource|getdoc)\(", code), f"{path} can show what build.py leaves out"
    nodes = [node for _, code in helpers for node in ast.walk(ast.parse(code))]
    documented = [node for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    left_out = [ast.get_docstring(node) or "" for node in documented if not build.is_question(node)]
    lines = {text.split("\n")[0].rstrip(".") for text in left_out if text}
    assert len(lines) > 100
    for place in build.targets():
        cells = nbformat.read(place.path, as_version=4).cells if place.executed else []
        shown = str([output for cell in cells for output in cell.get("outputs", [])])
        assert not [line for line in lines if line in shown], place.name


def test_the_digest_is_the_same_on_every_python():
    code = NUMBERS + 'async def g(): ...\n\n\nf"{ONE!r:>{ONE}} é {ONE=}", -1e9, {**a, "b": [*c]}, not None\n'
    assert hashlib.sha256(build.what_runs(code).encode()).hexdigest()[:12] == "b499a245330f"


# The versions that made the outputs


def test_a_notebook_says_with_which_versions_its_outputs_were_made(course):
    assert set(read(course).metadata.mos.versions) == {"tensorflow", "keras", "numpy", "matplotlib"}
    assert read(course).metadata.mos.versions.numpy == np.__version__
    assert "versions" not in read(course, "exercises").metadata.mos


def test_other_versions_make_nothing_stale_and_stay_with_the_outputs(course):
    edit(target(course).path, f'"numpy": "{np.__version__}"', '"numpy": "0.1"')
    assert build.problem(target(course)) is None
    source = course / "source/lessons/01_one.py"
    source.write_text(source.read_text() + "# %% [markdown]\n# The end.\n")
    build.build(target(course))
    assert read(course).metadata.mos.versions.numpy == "0.1"
    build.build(target(course), run=True)
    assert read(course).metadata.mos.versions.numpy == np.__version__


def test_an_unknown_version_makes_nothing_stale(course):
    notebook = read(course)
    del notebook.metadata.mos["versions"]
    nbformat.write(notebook, target(course).path)
    assert build.problem(target(course)) is None


def test_an_exercise_with_outputs_and_a_notebook_without_source_are_noticed(course):
    notebook = read(course, "exercises")
    notebook.cells[1].execution_count = 1
    nbformat.write(notebook, target(course, "exercises").path)
    assert build.problem(target(course, "exercises")) == "has outputs"
    shutil.copy(target(course, "exercises").path, course / "exercises/02_stray.ipynb")
    assert build.orphans(course) == ["exercises/02_stray.ipynb"]


def test_the_stored_notebooks_are_up_to_date():
    assert build.check(build.targets()) == 0


def test_an_unknown_name_is_refused_with_the_names_that_exist(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["build.py", "--check", "--only", "99"])
    with pytest.raises(SystemExit, match=r"--only 99 fits none of the sources; there are: .*01_two_heads"):
        build.main()
