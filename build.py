"""Build the notebooks of the course from the plain Python files in source/.

    python build.py              build what is out of date
    python build.py --only 01    build one lesson, its exercise and its solution
    python build.py --check      change nothing; name what is out of date and exit with 1 if anything is
    python build.py --nbgrader FOLDER    write the exercises into a new folder, as nbgrader wants them

A file in source/lessons becomes a notebook in notebooks/, with its outputs, and its cell *Take this with you* a file in
recipes/. A file in source/exercises becomes two notebooks: one in solutions/, with its outputs, and one in exercises/,
in which each answer is replaced by a line to fill in.
Outputs are made with MNIST unless the environment variable MOS_DATA says otherwise. Where only the text of a source has
changed, or only comments and docstrings of the helpers, its notebook keeps its outputs. A notebook's metadata say with
which versions its outputs were made; other versions do not make it out of date.
"""

import argparse
import ast
import base64
import hashlib
import os
import re
import sys
import tempfile
import textwrap
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

# Notebooks run with the Python that runs this file, and not with a kernel of the same name elsewhere on the machine.
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"

ROOT = Path(__file__).resolve().parent
FOLDERS = ("notebooks", "exercises", "solutions")
PACKAGES = ("mos_helpers", "mos_checks")
MAX_BYTES = 1_000_000
CELL_SECONDS = 600
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
ANSWER = re.compile(r"^### BEGIN SOLUTION\n.*?^### END SOLUTION$", re.DOTALL | re.MULTILINE)
FIGURE = re.compile(r'src="data:image/png;base64,([^"]+)"')
QUESTION = re.compile(r"^check\(\"([^\"]+)\"", re.MULTILINE)
TAKEN = "## Take this with you"
NO_PACKAGES = set(sys.stdlib_module_names)
SHOWS_SOURCE = re.compile(r"\bhelp\(|\bgetsource|\bgetdoc|__doc__|^\?|^[\w.]+\?|^%p", re.MULTILINE)
VERSIONS_OF = ("tensorflow", "keras", "numpy", "matplotlib")


class BuildError(Exception):
    """A notebook that cannot be built; the message says which cell and why."""


@dataclass(frozen=True)
class Target:
    """One notebook to build, and the source that it is built from."""

    source: Path
    folder: str
    root: Path = ROOT

    @property
    def path(self) -> Path:
        """Where the notebook lies."""
        return self.root / self.folder / f"{self.source.stem}.ipynb"

    @property
    def name(self) -> str:
        """The notebook's path inside the repository."""
        return f"{self.folder}/{self.source.stem}.ipynb"

    @property
    def executed(self) -> bool:
        """Whether the notebook is stored with its outputs."""
        return self.folder != "exercises"


def targets(root: Path = ROOT) -> list[Target]:
    """Return every notebook that the sources describe."""
    lessons = sorted((root / "source" / "lessons").glob("*.py"))
    exercises = sorted((root / "source" / "exercises").glob("*.py"))
    built = [Target(source, "notebooks", root) for source in lessons]
    return built + [Target(source, folder, root) for source in exercises for folder in ("exercises", "solutions")]


def from_source(target: Target) -> nbformat.NotebookNode:
    """Return the notebook that the source describes, without outputs."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": LANGUAGE})
    cells = jupytext.read(target.source, fmt="py:percent").cells
    notebook.metadata["mos"] = {"digest": digest(target, cells)}
    if target.folder == "exercises":
        cells = without_answers(cells, target.source.name)
    for cell in cells:
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        tags = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        notebook.cells.append(new(cell.source, metadata=tags))
    set_ids(notebook.cells)
    return notebook


def set_ids(cells: list) -> None:
    """Name each cell after its own text, so that it keeps its name when other cells come or go."""
    seen: dict[str, int] = {}
    for cell in cells:
        text = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[text] = seen.get(text, 0) + 1
        cell["id"] = text if seen[text] == 1 else f"{text}-{seen[text]}"


def without_answers(cells: list, name: str) -> list:
    """Return the cells of the exercise: each answer becomes `raise Todo("1.1")`, cells tagged `solution` go."""
    kept, waiting = [], False
    for index, cell in enumerate(cells):
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            continue
        if cell.cell_type == "code":
            if "BEGIN SOLUTION" in cell.source or "END SOLUTION" in cell.source:
                cell.source, waiting = stub(cell.source, cells[index + 1 :], name), True
            if waiting:
                # What follows an unanswered question may need its answer: Run All must go on all the same.
                cell.metadata["tags"] = sorted({*tags, "raises-exception"})
        kept.append(cell)
    return kept


def stub(source: str, following: list, name: str) -> str:
    """Return the source of an answer's cell with the answer cut out."""
    question = next((QUESTION.search(c.source) for c in following if QUESTION.search(c.source)), None)
    if question is None:
        raise BuildError(f'{name}: no check("...") follows the answer that starts with {source[:40]!r}')
    cut, count = ANSWER.subn(f'raise Todo("{question[1]}")', source)
    if count != 1 or "SOLUTION" in cut:
        raise BuildError(
            f"{name}: a cell needs one BEGIN SOLUTION and one END SOLUTION, each on its own line:\n{source}"
        )
    return cut


def digest(target: Target, cells: list) -> str:
    """Return a hash of all that a notebook's outputs come from: the code of its source and the helpers that it uses."""
    cells = [cell for cell in cells if cell.cell_type == "code"]
    parts = [f"{cell.metadata.get('tags')}\n{cell.source}" for cell in cells]
    if target.executed:
        helpers = [path.read_text(encoding="utf-8") for path in helpers_used(target)]
        shows_source = any(SHOWS_SOURCE.search(cell.source) for cell in cells)
        parts += helpers if shows_source else map(what_runs, helpers)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def what_runs(code: str) -> str:
    """Return what a module does as a text that its comments, its layout and most docstrings do not change."""
    return ascii(nested(ast.parse(code)))


def nested(node: object) -> object:
    """Return a syntax tree as lists in lists. They are the same on every Python, which `ast.dump` is not."""
    if isinstance(node, list):
        return [nested(item) for item in node if not is_docstring(item)]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.JoinedStr):  # Python 3.12 puts empty texts into some
        return ["JoinedStr", *(nested(part) for part in node.values if getattr(part, "value", None) != "")]
    fields = [[name, nested(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
    return [type(node).__name__, *fields, *([ast.get_docstring(node, clean=False)] if is_question(node) else [])]


def is_docstring(node: ast.AST) -> bool:
    """Tell whether a statement is a text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_question(node: ast.AST) -> bool:
    """Tell whether a function is the check of a question: its docstring says to the learner what is wanted."""
    calls = [item.func for item in getattr(node, "decorator_list", []) if isinstance(item, ast.Call)]
    return any(isinstance(call, ast.Name) and call.id == "question" for call in calls)


def helpers_used(target: Target) -> list[Path]:
    """Return the files of the course's packages that a source imports, directly or through another of them."""
    found: set[Path] = set()
    waiting = [target.source, target.root / "mos_helpers" / "__init__.py"]
    if target.folder == "solutions":
        waiting.append(target.root / "mos_checks" / f"lesson_{target.source.stem[:2]}.py")
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for name in imported(path, target.root):
            place = target.root.joinpath(*name.split("."))
            waiting += [place.with_suffix(".py"), place / "__init__.py"]
    return sorted(found - {target.source})


@cache
def imported(path: Path, root: Path) -> list[str]:
    """Return the full names of the modules of PACKAGES (and of what is taken from them) that a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                inside = path.relative_to(root).parts[: -node.level]
                base = ".".join([*inside, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]


def keep_outputs(notebook: nbformat.NotebookNode, target: Target) -> bool:
    """Take over the stored outputs if only the text has changed since; return whether it could be done."""
    try:
        stored = nbformat.read(target.path, as_version=4)
    except (OSError, ValueError):
        return False
    old, new = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (stored, notebook))
    if without_versions(stored.metadata)["mos"] != notebook.metadata["mos"]:
        return False
    if [*map(essence, old)] != [*map(essence, new)]:
        return False
    if [cell.execution_count for cell in old] != list(range(1, len(old) + 1)):
        return False
    for before, after in zip(old, new, strict=True):
        after.outputs, after.execution_count = before.outputs, before.execution_count
    notebook.metadata["mos"] = stored.metadata["mos"]
    return True


def without_versions(metadata: nbformat.NotebookNode) -> dict:
    """Return a notebook's metadata as far as they come from its source and its helpers."""
    mos = {key: value for key, value in metadata.get("mos", {}).items() if key != "versions"}
    return {**metadata, "mos": mos}


def execute(notebook: nbformat.NotebookNode, target: Target) -> None:
    """Run the notebook in its own folder and keep its outputs; raise BuildError where a learner would see a fault."""
    environment = {
        "MOS_DATA": "mnist",
        **os.environ,
        "MOS_STRICT": "1" if target.folder == "solutions" else "0",
        "PYTHONPATH": str(target.root),
    }
    target.path.parent.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNEL["name"],
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(target.path.parent)}},
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise BuildError(f"{target.name}: a cell raised an error.\n{error}") from None
    notebook.metadata["language_info"] = LANGUAGE
    notebook.metadata["mos"]["versions"] = {name: version(name) for name in VERSIONS_OF}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            clean(cell, target)


def clean(cell: nbformat.NotebookNode, target: Target) -> None:
    """Shorten tracebacks to what was raised, which alone is the same on every machine, and refuse unfit outputs."""
    where = f"{target.name}, the cell\n{cell.source}\n"
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if "raises-exception" in cell.metadata.get("tags", []) and not errors:
        raise BuildError(f"{where}is tagged raises-exception and raised nothing")
    for output in errors:
        # JupyterLab breaks long lines in the middle of words.
        lines = f"{output.ename}: {output.evalue}".split("\n")
        output.traceback = [textwrap.fill(line, 100, break_long_words=False, break_on_hyphens=False) for line in lines]
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise BuildError(f"{where}wrote to standard error:\n{output.text}")
        data = {kind: value for kind, value in output.get("data", output).items() if kind != "image/png"}
        shown = FIGURE.sub("", str(data))
        for private in (str(target.root), sys.prefix, str(Path.home())):
            if private in shown:
                raise BuildError(f"{where}shows a path of this machine: {private}")
        if address := re.search(r" at 0x[0-9a-f]+", shown):
            raise BuildError(f"{where}shows a place in memory, which is another on every run:{address[0]}")


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise


def build(target: Target, run: bool = False) -> str:
    """Build one notebook and return its name; run it if `run` says so or if what runs has changed."""
    notebook = from_source(target)
    if target.executed and (run or not keep_outputs(notebook, target)):
        execute(notebook, target)
    content = (nbformat.writes(notebook).rstrip("\n") + "\n").encode("utf-8")
    if len(content) > MAX_BYTES:
        raise BuildError(f"{target.name} would have {len(content):,} bytes; {MAX_BYTES:,} are allowed")
    for path, picture in pictures(notebook, target).items():
        write(path, picture)
    write(target.path, content)
    return target.name


def pictures(notebook: nbformat.NotebookNode, target: Target) -> dict[Path, bytes]:
    """Return the figures of the cells tagged `picture`, which the README shows, by the path of their file."""
    tagged = [cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", [])]
    shown = [output.get("data", {}) for cell in tagged for output in cell.outputs]
    data = [bundle["image/png"] for bundle in shown if "image/png" in bundle]
    folder = target.path.parent / "images"
    return {
        folder / f"{target.source.stem}_{number}.png": base64.b64decode(png) for number, png in enumerate(data, start=1)
    }


def problem(target: Target) -> str | None:
    """Return why the stored notebook is not what its source and helpers give, or None."""
    if not target.path.is_file():
        return "is missing"
    try:
        stored = nbformat.read(target.path, as_version=4)
    except ValueError as error:
        return f"cannot be read: {error}"
    wanted = from_source(target)
    if [essence(cell) for cell in stored.cells] != [essence(cell) for cell in wanted.cells]:
        return "differs from its source"
    metadata = without_versions(stored.metadata)
    if metadata["mos"] != wanted.metadata["mos"]:
        return "was built with other helpers"
    if metadata != wanted.metadata:
        return "has other metadata than build.py writes"
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    if target.executed and [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        return "was not run from top to bottom"
    if not target.executed and any(cell.outputs or cell.execution_count for cell in code):
        return "has outputs"
    if any(not path.is_file() or path.read_bytes() != png for path, png in pictures(stored, target).items()):
        return "shows another picture than notebooks/images holds"
    return None


def recipe(source: Path) -> str | None:
    """Return a lesson's cell to take away as a module of its own, or None if it has none."""
    cells = jupytext.read(source, fmt="py:percent").cells
    place = next((i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and TAKEN in cell.source), None)
    if place is None:
        return None
    title = next(line for line in cells[0].source.splitlines() if line.startswith("# ")).removeprefix("# ")
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)|\*\*", r"\1", cells[place].source.partition(TAKEN)[2].strip())
    needs = set(re.findall(r"^ *(?:import|from) (\w+)", cells[place + 1].source, re.MULTILINE)) - NO_PACKAGES
    needs |= set(re.findall(r"^pip install (\w+)$", text, re.MULTILINE))  # what starts it need not be imported
    heading = f"{text}\n\nFrom lesson {title}\nIt needs {', '.join(sorted(needs))}, and nothing else."
    return f'"""{heading}\n"""\n\n{cells[place + 1].source}\n'


def recipes(chosen: list[Target]) -> dict[Path, str]:
    """Return what each recipe of the chosen lessons holds."""
    made = {t.root / "recipes" / f"{t.source.stem}.py": recipe(t.source) for t in chosen if t.folder == "notebooks"}
    return {path: text for path, text in made.items() if text is not None}


def essence(cell: nbformat.NotebookNode) -> tuple:
    """Return what a cell takes from its source."""
    return cell.cell_type, cell.id, cell.source, dict(cell.metadata)


def orphans(root: Path = ROOT) -> list[str]:
    """Return the notebooks and recipes that no source describes."""
    known = {target.path for target in targets(root)} | recipes(targets(root)).keys()
    there = [path for folder in FOLDERS for path in sorted((root / folder).glob("*.ipynb"))]
    there += sorted((root / "recipes").glob("*.py"))
    return [path.relative_to(root).as_posix() for path in there if path not in known]


NBGRADER_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "mos"
c.ClearSolutions.code_stub = {'python': 'raise Todo("above")'}
c.Execute.timeout = 600  # nbgrader's own 30 seconds are too few for cells that train
c.Execute.interrupt_on_timeout = True
c.Execute.iopub_timeout = 60
"""
HIDDEN_TEST = """{source}
### BEGIN HIDDEN TESTS
__import__("mos_checks.grading", fromlist=["grading"]).require_correct("{question}", {answer})
### END HIDDEN TESTS"""
CHECK = re.compile(r"^check\(\"([^\"]+)\", (lambda: .+)\)$", re.MULTILINE)


def write_nbgrader(chosen: list[Target], folder: Path) -> int:
    """Write nbgrader's configuration and source notebooks into a new folder; return the exit code."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SystemExit(f"build.py: --nbgrader must name a new or empty folder, and {folder} is none")
    write(folder / "nbgrader_config.py", NBGRADER_CONFIG.encode())
    for target in chosen:
        if target.folder == "solutions":
            notebook = for_nbgrader(from_source(target))
            write(folder / "source" / target.source.stem / target.path.name, nbformat.writes(notebook).encode("utf-8"))
    print(f"nbgrader's source notebooks are in {folder}. The next step: nbgrader generate_assignment 01_two_heads")
    return 0


def for_nbgrader(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a solution as nbgrader's source: a point for each question; what is no answer is put back by grading."""
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    answered = False
    for cell in notebook.cells:
        match = cell.cell_type == "code" and CHECK.search(cell.source)
        answer = "### BEGIN SOLUTION" in cell.source
        answered = answered or answer
        role = {"grade": bool(match), "solution": answer, "locked": not answer, "task": False}
        cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": f"cell-{cell.id}", **role}
        if cell.cell_type == "code" and answered:
            # What follows an answer may raise without it, and grading goes on all the same.
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "raises-exception"})
        if match:
            cell.metadata["nbgrader"] |= {"points": 1, "grade_id": f"check-{match[1].replace('.', '-')}"}
            cell.source = HIDDEN_TEST.format(source=cell.source, question=match[1], answer=match[2])
    return notebook


def select(wanted: list[str]) -> list[Target]:
    """Return the targets whose name starts with one of the wanted ones, or all."""
    every = targets()
    for name in wanted:
        if not any(target.source.stem.startswith(name) for target in every):
            names = ", ".join(sorted({target.source.stem for target in every}))
            raise SystemExit(f"build.py: --only {name} fits none of the sources; there are: {names}")
    return [t for t in every if not wanted or t.source.stem.startswith(tuple(wanted))]


def check(chosen: list[Target]) -> int:
    """Name what is out of date; return the exit code."""
    found = [f"{target.name} {why}" for target in chosen if (why := problem(target))]
    for path, wanted in recipes(chosen).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != wanted:
            found.append(f"recipes/{path.name} differs from its source")
    found += [f"{name} has no source" for name in orphans()]
    print("\n".join(found) or f"{len(chosen)} notebooks are up to date.")
    if found:
        print("\nRun `python build.py` and commit what it writes.")
    return 1 if found else 0


def build_all(chosen: list[Target], jobs: int, run: bool) -> int:
    """Build the chosen notebooks in parallel; return the exit code."""
    failed = 0
    with ProcessPoolExecutor(jobs) as pool, tqdm(total=len(chosen), unit="notebook") as bar:
        running = {pool.submit(build, target, run): target for target in chosen}
        for future in as_completed(running):
            try:
                tqdm.write(f"built {future.result()}")
            except Exception as error:
                failed += 1
                reason = error if isinstance(error, BuildError) else f"{running[future].name}: {error!r}"
                tqdm.write(f"NOT built: {reason}", file=sys.stderr)
            bar.update()
    return 1 if failed else 0


def main() -> int:
    """Read the command line and build or check."""
    parser = argparse.ArgumentParser(description="Build the notebooks from source/.")
    parser.add_argument("--check", action="store_true", help="change nothing; name what is out of date")
    parser.add_argument("--force", action="store_true", help="run and build also what is up to date")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these, by the start of their name")
    parser.add_argument("--nbgrader", type=Path, metavar="FOLDER", help="write the exercises for nbgrader instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many notebooks to run at once")
    options = parser.parse_args()
    chosen = select(options.only)
    if options.check:
        return check(chosen)
    if options.nbgrader:
        return write_nbgrader(chosen, options.nbgrader)
    for path, text in recipes(chosen).items():
        write(path, text.encode("utf-8"))
    return build_all([t for t in chosen if options.force or problem(t)], max(1, options.jobs), options.force)


if __name__ == "__main__":
    sys.exit(main())
