"""What every benchmark shares: its options, runs in turns, the printed tables, and the file of its results.

A benchmark makes a `Report`, and gives its tables one row after the other. Each number of a row stands for a run (a
seed, or a round), so a table can show means, standard deviations, or how many runs are positive. `--save` writes all of
them to `benchmarks/results/`, from where the tests compare them with what the lessons quote (`Stored`).
"""

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


CLOCKS = {"quiet": time.perf_counter, "shared": processor_seconds}  # on a shared machine, waiting does not count


# Options


def whole_number(least: int, multiple: int = 1) -> Callable[[str], int]:
    """Return what argparse needs to accept only such numbers."""
    wanted = f"a whole number, at least {least}" + (f" and a multiple of {multiple}" if multiple > 1 else "")

    def parse(text: str) -> int:
        number = int(text) if text.lstrip("-").isdigit() else None
        if number is None or number < least or number % multiple:
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {text}")
        return number

    return parse


def arguments(
    doc: str, *, seeds: int = 0, updates: int = 0, multiple: int = 100, rounds: int = 0
) -> argparse.ArgumentParser:
    """Return a parser with the options that a benchmark shares with others; the numbers are their defaults.

    One with `seeds` trains on digits and compares scores, one with `rounds` compares times.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    if seeds:
        parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
        parser.add_argument("--seeds", type=whole_number(1), default=seeds, help=f"runs of each row ({seeds})")
    if updates:
        kind = whole_number(multiple, multiple)
        parser.add_argument("--updates", type=kind, default=updates, help=f"updates in a run ({updates})")
    if rounds:
        parser.add_argument("--rounds", type=whole_number(3), default=rounds, help=f"rounds, at least 3 ({rounds})")
        about = "what else does it do? (shared: only processor time is counted)"
        parser.add_argument("--machine", choices=list(CLOCKS), default="shared", help=about)
    parser.add_argument("--save", action="store_true", help="write the results to benchmarks/results/")
    return parser


# Runs


def in_turns(run: Callable[[Any, int], Any], names: Iterable, turns: Iterable[int]) -> dict[Any, list]:
    """Call `run(name, turn)` for every name with the first turn, then with the second; return what each name gave."""
    found, turns = {name: [] for name in names}, list(turns)
    for place, turn in enumerate(turns, start=1):
        for name, values in found.items():
            progress(f"{place} of {len(turns)}: {name}")
            values.append(run(name, turn))
    progress("")
    return found


def seconds(
    ways: Mapping[str, Callable[[], object]], rounds: int, machine: str = "quiet", repeats: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of one call in each round; the round before the first compiles, and is not counted."""
    clock = CLOCKS[machine]

    def call(name: str, turn: int) -> float:
        start = clock()
        for _ in range(repeats):
            ways[name]()
        return (clock() - start) / repeats

    return {name: values[1:] for name, values in in_turns(call, ways, range(rounds + 1)).items()}


def progress(text: str) -> None:
    """Show on the screen's last line what is running now; a file gets nothing."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# Tables


def _with_std(values: np.ndarray, form: str) -> str:
    std = f" ± {values.std(ddof=1):{form}}" if len(values) > 1 else ""
    return f"{values.mean():{form}}{std}"


def _points(values: np.ndarray) -> str:
    std = f" ± {100 * values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():+.1f}{std} ({(values > 0).sum()} of {len(values)})"


KINDS: dict[str, tuple[Callable[[np.ndarray], str], int]] = {
    "share": (lambda values: _with_std(values, ".1%"), 16),
    "number": (lambda values: _with_std(values, ".3f"), 17),
    "points": (_points, 25),
    "median": (lambda values: f"{np.median(values):.2f}", 12),
    "range": (lambda values: f"{values.mean():.3f} [{values.min():.3f} {values.max():.3f}]", 23),
    "count": (lambda values: f"{np.median(values):,.0f}", 12),
    "held": (lambda values: f"{(values > 0).sum()} of {len(values)}", 12),
    "rounding": (lambda values: f"{values.max():.0e}", 12),
}


class Table:
    """Rows of numbers, printed as they come: means and standard deviations, or what the kind of a column asks for."""

    def __init__(self, title: str, columns: Sequence[str] | Mapping[str, str], kind: str) -> None:
        """Print the heading. Columns may have kinds of their own: a key of `KINDS` for each name."""
        self.columns = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, kind)
        self.rows: dict[str, dict[str, list[float]]] = {}
        self.name_width = max(42, len(title))
        print(f"\n{title:{self.name_width}}" + "".join(self._cell(name, name) for name in self.columns))

    def _cell(self, column: str, text: str) -> str:
        return f"{text:>{max(KINDS[self.columns[column]][1], len(column) + 2)}}"

    def row(self, name: str, runs: Any, remark: str = "") -> None:  # noqa: ANN401
        """Add a row: its values by column, or an array of shape (runs, columns), where the last columns may be absent.

        NaN in all runs means that there is no such number.
        """
        if not isinstance(runs, Mapping):
            runs = dict(zip(self.columns, np.asarray(runs, dtype=float).T, strict=False))
        found = {column: np.atleast_1d(np.asarray(values, dtype=float)) for column, values in runs.items()}
        found = {column: values for column, values in found.items() if not np.isnan(values).all()}
        self.rows[name] = {column: [float(f"{value:.5g}") for value in values] for column, values in found.items()}
        cells = [KINDS[kind][0](found[name]) if name in found else "-" for name, kind in self.columns.items()]
        cells = "".join(self._cell(column, cell) for column, cell in zip(self.columns, cells, strict=True))
        print(f"{name:{self.name_width}}{cells}   {remark}".rstrip(), flush=True)

    def add(self, runs: Mapping[str, Any]) -> None:
        """Add a row for each name."""
        for name, found in runs.items():
            self.row(name, found)


class Report:
    """The tables of one benchmark, in a `with` statement; at its end they are saved, if the options say so."""

    def __init__(self, options: argparse.Namespace, about: str, script: str = sys.argv[0]) -> None:
        """Print what is measured. The file has the name of the script and, if there is one, of the data source."""
        self.options, self.about, self.tables = options, about, {}
        self.name = "_".join([Path(script).stem, *filter(None, [getattr(options, "data", None)])])
        self.command = shlex.join(["python", f"benchmarks/{Path(script).name}", *sys.argv[1:]])
        self.start = processor_seconds()
        counts = {key: getattr(options, key, None) for key in ("seeds", "updates", "rounds")}
        print(", ".join([self.name, about, *(f"{value:,} {key}" for key, value in counts.items() if value)]))

    def table(self, title: str, columns: Sequence[str] | Mapping[str, str], kind: str = "share") -> Table:
        """Return a new table with a title of its own."""
        self.tables[title] = Table(title, columns, kind)
        return self.tables[title]

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        if kind is None:
            print(f"\n{processor_seconds() - self.start:.0f} CPU-seconds")
        if kind is None and self.options.save:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{self.name}.json").write_text(self.as_json(), encoding="utf-8")

    def as_json(self) -> str:
        """Return the results as JSON, with one line for each row of a table."""
        head = {
            "command": self.command,
            "about": self.about,
            "data": getattr(self.options, "data", None),
            "date": date.today().isoformat(),
            "processor": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
            "machine": getattr(self.options, "machine", None),
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in ("numpy", "tensorflow", "keras")},
        }
        head = {key: value for key, value in head.items() if value is not None}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        tables = []
        for title, table in self.tables.items():
            rows = [f"   {json.dumps(name)}: {json.dumps(row)}" for name, row in table.rows.items()]
            tables.append(f"  {json.dumps(title)}: {{\n" + ",\n".join(rows) + "\n  }")
        return "\n".join(["{", *lines, ' "tables": {', ",\n".join(tables), " }", "}"]) + "\n"


class Stored:
    """The results that a benchmark saved."""

    def __init__(self, name: str) -> None:
        self.result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))

    def values(self, table: str, row: str, column: str) -> np.ndarray:
        """Return the numbers of all runs."""
        return np.array(self.result["tables"][table][row][column])

    def text(self, table: str, row: str, column: str, kind: str) -> str:
        """Return a cell as a table shows it."""
        return KINDS[kind][0](self.values(table, row, column))
