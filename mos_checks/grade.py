"""Who solved which question: run a folder of exercise notebooks that were handed in.

    python -m mos_checks.grade FOLDER --csv grades.csv

FOLDER holds the notebooks, at any depth. Each runs in a process and an empty folder of its own, from its first cell to
its last, and is never written to. After each of its checks the course asks its own, so that it does not matter what the
notebook says, or whether it says anything; and once more at the end, for answers that stand below their check. The
table has a row for each question.

This runs other people's code: use a container or an account that may be lost. The checks give feedback and are no exam:
whoever changes the package from inside a notebook can make them say what they like.
"""

import argparse
import asyncio
import csv
import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

# Notebooks run with the Python that runs this, and not with a kernel of the same name elsewhere on the machine.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")

EXERCISES = Path(__file__).resolve().parents[1] / "exercises"
CHECK = re.compile(r'^check\("(\d+\.\d+)", (lambda: .+)\)$', re.MULTILINE)
ASKS = re.compile(r"""\b(?:check|hint|Todo)\(\s*["'](\d{1,2})\.\d+["']""")
MAX_BYTES = 200_000_000


class Row(NamedTuple):
    """What the table says of one question; `question` is empty if the notebook as a whole could not be judged."""

    notebook: str
    exercise: str
    question: str
    state: str
    reason: str


class _Client(NotebookClient):
    """Runs a notebook and keeps what the course's own cells print, and of other cells the name of an error alone."""

    def output(self, outs: list, msg: dict, display_id: str, cell_index: int) -> object:
        """Take one output of a cell."""
        metadata = self.nb.cells[cell_index].metadata
        if "mos_question" in metadata:
            return super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "error":
            metadata["mos_error"] = msg["content"]["ename"]
        return None


def questions(exercise: Path) -> dict[str, str]:
    """Return the questions of an exercise, and for each the lambda that its check is given."""
    cells = nbformat.read(exercise, as_version=4).cells
    return dict(match.groups() for cell in cells if cell.cell_type == "code" for match in CHECK.finditer(cell.source))


def exercise_of(notebook: nbformat.NotebookNode, path: Path) -> Path | None:
    """Return the course's exercise that a notebook answers: by the questions in it, or else by its name."""
    asked = [match[1] for cell in notebook.cells for match in ASKS.finditer(cell.source)]
    numbers = [max(set(asked), key=asked.count)] if asked else re.findall(r"^\d{1,2}(?=_)", path.name)
    found = [path for number in numbers for path in EXERCISES.glob(f"{int(number):02}_*.ipynb")]
    return found[0] if found else None


def with_questions(cells: list, asked: dict[str, str], word: str) -> list:
    """Return the cells, and after each that checks a question, and at the end, one in which the course asks it."""
    result = []
    for cell in cells:
        result.append(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            here = [name for name in asked if re.search(rf"""\bcheck\(\s*["']{re.escape(name)}["']""", cell.source)]
            result += [_asking(name, asked[name], word) for name in here]
    return result + [_asking(name, answer, word) for name, answer in asked.items()]


def _asking(question: str, answer: str, word: str) -> nbformat.NotebookNode:
    source = f"""from json import dumps as _dumps
from mos_checks.grading import verdict as _verdict
__import__("builtins").print("{word}" + _dumps(["{question}", *_verdict("{question}", {answer})]))"""
    return nbformat.v4.new_code_cell(source, metadata={"mos_question": question})


def judge(path: Path, name: str, options: argparse.Namespace) -> list[Row]:
    """Run one notebook and return its rows."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return [Row(name, "", "", "not run", f"it has {size:,} bytes, and at most {MAX_BYTES:,} are read")]
        notebook = nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
        exercise = exercise_of(notebook, path)
    except Exception as error:
        return [Row(name, "", "", "not run", f"it is no notebook: {type(error).__name__}")]
    if exercise is None:
        return [Row(name, "", "", "not run", "it has no question of the course")]
    asked, word = questions(exercise), uuid4().hex
    notebook.cells = with_questions(notebook.cells, asked, word)
    said = dict.fromkeys(asked, ("not run", asyncio.run(_execute(notebook, options))))
    texts = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    for line in "".join(texts).splitlines():
        if line.startswith(word):
            question, *verdict = json.loads(line.removeprefix(word))
            if said[question][0] != "correct":
                said[question] = tuple(verdict)
    errors = errors_before(notebook.cells)
    return [
        Row(name, exercise.stem, question, state, reason + errors.get(question, "") * (state == "not answered yet"))
        for question, (state, reason) in said.items()
    ]


def errors_before(cells: list) -> dict[str, str]:
    """Return for each question what happened between the check before it and its own, if a cell raised anything."""
    found, error = {}, ""
    for cell in cells:
        raised = cell.metadata.get("mos_error", "")
        question = cell.metadata.get("mos_question")
        if raised:
            how = "was stopped" if raised == "KeyboardInterrupt" else f"raised {raised}"
            error = f" (a cell above the check {how})"
        if question:
            found.setdefault(question, error)
            error = ""
    return found


async def _execute(notebook: nbformat.NotebookNode, options: argparse.Namespace) -> str:
    """Run the cells one after the other, whatever they raise; return why it ended before the last, if it did."""
    environment = {"MOS_DATA": "digits", **os.environ, "MOS_STRICT": "0", "PYTHONPATH": str(EXERCISES.parent)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = _Client(
            notebook,
            # The course's own cells may have to import TensorFlow first; a check has a time limit of its own.
            timeout_func=lambda cell: max(300, options.seconds) if "mos_question" in cell.metadata else options.seconds,
            interrupt_on_timeout=True,
            allow_errors=True,
            kernel_name=options.kernel,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.extra_arguments = ["--log-level=ERROR"]
        end = time.monotonic() + options.total
        try:
            await asyncio.wait_for(client.async_execute(env=environment), options.total)
        except Exception as error:
            if time.monotonic() >= end:  # then the kernel was ended from here, which may raise DeadKernelError too
                return f"the notebook did not end within {options.total} seconds"
            if isinstance(error, DeadKernelError):
                return "the notebook ended its own kernel"
            return f"the notebook could not be run further: {type(error).__name__}"
    return "its cell was not reached"


def notebooks_in(folder: Path) -> list[Path]:
    """Return the notebooks in a folder, without Jupyter's own copies."""
    return [p for p in sorted(folder.rglob("*.ipynb")) if p.is_file() and ".ipynb_checkpoints" not in p.parts]


def without_notebook(folder: Path) -> list[Row]:
    """Return a row for each folder of an owner that holds none."""
    owners = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return [Row(path.name, "", "", "not run", "it holds no notebook") for path in owners if not notebooks_in(path)]


def text_of(rows: list[Row]) -> str:
    """Return what a reader wants to know of one notebook: a line on it, and one on each question not solved."""
    solved = [row.question for row in rows if row.state == "correct"]
    if not rows[0].question:
        return f"{rows[0].notebook}: {rows[0].state}: {rows[0].reason}"
    lines = [f"{rows[0].notebook}: {len(solved)} of {len(rows)} ({', '.join(solved) or 'none'})"]
    lines += [f"    {row.question} {row.state}: {row.reason}" for row in rows if row.state != "correct"]
    return "\n".join(lines)


def main() -> int:
    """Read the command line, run the notebooks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the notebooks that were handed in")
    parser.add_argument("--csv", type=Path, help="write the table to this new file")
    parser.add_argument("--seconds", type=int, default=120, help="the longest that a cell may take (120)")
    parser.add_argument("--total", type=int, default=900, help="the longest that a notebook may take (900)")
    parser.add_argument("--jobs", type=int, default=1, help="how many notebooks to run at once (1)")
    parser.add_argument("--kernel", default="python3", help="the Jupyter kernel that runs them (python3)")
    options = parser.parse_args()
    if not EXERCISES.is_dir():
        parser.error(f"the course's exercises are not in {EXERCISES}: run this in the folder of the course")
    if not options.folder.is_dir() or not (paths := notebooks_in(options.folder)):
        parser.error(f"folder must be a folder with notebooks, and {options.folder} is none")
    if options.csv and options.csv.exists():
        parser.error(f"--csv must name a new file, and {options.csv} exists")
    if options.csv and not options.csv.parent.is_dir():
        parser.error(f"--csv must name a file in a folder that exists, and {options.csv.parent} is none")
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        table = None
        if options.csv:
            table = stack.enter_context(options.csv.open("x", newline="", encoding="utf-8-sig"))
            csv.writer(table).writerow(Row._fields)
        names = [path.relative_to(options.folder).as_posix() for path in paths]
        judged = pool.map(lambda path, name: judge(path, name, options), paths, names)
        for found in chain(judged, ([row] for row in without_notebook(options.folder))):
            print(text_of(found), flush=True)
            if table:  # after each notebook, so that nothing is lost if this is stopped
                csv.writer(table).writerows(found)
                table.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
