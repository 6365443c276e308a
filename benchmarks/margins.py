"""Measure how far each claim of a lesson is from being false: its margin over runs from different seeds.

    python benchmarks/margins.py 05              one lesson, ten runs on each data source
    python benchmarks/margins.py                 every lesson
    python benchmarks/margins.py --table         only print what was measured before

A lesson's cells are run again and again, and each run adds another number to every seed that they set. Of an `assert`
that compares two numbers, in a cell tagged `check`, the distance between them is kept; it is negative where the claim
is false. A claim is sound if it held in all runs and its mean distance is at least three standard deviations. Of any
other `assert` only the truth is kept. Results go to benchmarks/results/margins, one file for each lesson.
"""

import argparse
import ast
import json
import linecache
import os
import subprocess
import sys
from numbers import Real
from pathlib import Path

import jupytext
import numpy as np
from harness import RESULTS, whole_number

ROOT = Path(__file__).resolve().parent.parent
MARGINS = RESULTS / "margins"
SIGNS = {ast.Gt: 1, ast.GtE: 1, ast.Lt: -1, ast.LtE: -1}
LIMIT = 3.0


class Recording(ast.NodeTransformer):
    """Turns each `assert` into a call that records what it found, and goes on either way."""

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        """Return a call of `record` for each comparison in the condition."""
        parts = [call for part in conjuncts(node.test) for call in records(part)]
        return [ast.copy_location(ast.Expr(call), node) for call in parts]


def conjuncts(test: ast.expr) -> list[ast.expr]:
    """Return the conditions that `and` joins."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return [part for value in test.values for part in conjuncts(value)]
    return [test]


def records(test: ast.expr) -> list[ast.expr]:
    """Return the calls that record a condition: one for each comparison in a chain."""
    if not isinstance(test, ast.Compare) or not all(type(op) in SIGNS for op in test.ops):
        return [recorded(ast.unparse(test), 0, test)]
    sides = [test.left, *test.comparators]
    return [
        recorded(ast.unparse(ast.Compare(left, [op], [right])), SIGNS[type(op)], left, right)
        for left, op, right in zip(sides, test.ops, sides[1:], strict=False)
    ]


def recorded(claim: str, sign: int, *sides: ast.expr) -> ast.expr:
    """Return the expression `record(claim, sign, *sides)`."""
    return ast.Call(ast.Name("record", ast.Load()), [ast.Constant(claim), ast.Constant(sign), *sides], [])


def may_be_equal(claim: str) -> bool:
    """Return whether a claim is a comparison that holds for equal sides too."""
    test = ast.parse(claim, mode="eval").body
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.GtE | ast.LtE)


def run_cells(path: Path, found: dict[str, list]) -> None:
    """Run the code of a source once; add to `found` what each claim gave, under the claim and its place in the run."""
    times: dict[str, int] = {}

    def record(claim: str, sign: int, *sides: object) -> None:
        times[claim] = times.get(claim, 0) + 1
        name = claim if times[claim] == 1 else f"{claim}  # time {times[claim]}"
        if sign and all(isinstance(side, Real) for side in sides):
            found.setdefault(name, []).append(sign * (float(sides[0]) - float(sides[1])))
        else:
            truth = sides[0]
            if sign:  # two dates, say
                larger, smaller = sides[::sign]
                truth = larger >= smaller if may_be_equal(claim) else larger > smaller
            found.setdefault(name, []).append(bool(np.all(truth)))

    names = {"__name__": "__main__", "record": record, "display": lambda *args, **kwargs: None}
    for number, cell in enumerate(jupytext.read(path, fmt="py:percent").cells):
        if cell.cell_type != "code":
            continue
        tags, file = cell.metadata.get("tags", []), f"<{path.stem}, cell {number}>"
        linecache.cache[file] = (len(cell.source), None, cell.source.splitlines(keepends=True), file)
        tree = ast.parse(cell.source, file)
        if "check" in tags:
            tree = ast.fix_missing_locations(Recording().visit(tree))
        try:
            exec(compile(tree, file, "exec"), names)
        except Exception:
            if "raises-exception" not in tags:
                raise


def measure(path: Path, runs: int) -> None:
    """Run a source from several seeds, and print what its claims gave as JSON, on the last line."""
    import mos_helpers  # noqa: F401  # isort: skip, as it loads TensorFlow quietly
    import keras

    set_random_seed, found = keras.utils.set_random_seed, {}
    os.chdir(ROOT / "notebooks")
    for run in range(runs):
        keras.utils.set_random_seed = lambda seed, shift=1000 * run: set_random_seed(seed + shift)
        keras.backend.clear_session()
        run_cells(path, found)
        print(f"{path.stem}: run {run + 1} of {runs}", file=sys.stderr, flush=True)
    print("\n" + json.dumps(found))


def rows(name: str, source: str, found: dict[str, list]) -> list[tuple[bool, str]]:
    """Return for each claim whether it is sound, and its row of the table."""
    table = []
    for claim, values in found.items():
        equal = may_be_equal(claim)
        held = sum(value if isinstance(value, bool) else value > 0 or (equal and value == 0) for value in values)
        mean, std = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0
        truth = isinstance(values[0], bool)
        ratio = np.inf if truth or std < 1e-9 else mean / std
        numbers = f"{'':27}" if truth else f"{mean:10.4f}{std:9.4f}{ratio:8.1f}"
        sound = held == len(values) and ratio >= LIMIT
        table.append((sound, f"{name[:2]} {source:7}{numbers}{held:5} of {len(values):<4}{claim[:90]}"))
    return table


def print_table(names: tuple[str, ...]) -> None:
    """Print the stored margins, those that are too small with a star."""
    print(f"  {'':10}{'distance':>10}{'std':>9}{'ratio':>8}{'held':>7}      claim")
    for path in sorted(MARGINS.glob("*.json")):
        for source, found in (
            json.loads(path.read_text(encoding="utf-8")).items() if path.name.startswith(names) else []
        ):
            for sound, row in rows(path.stem, source, found):
                print(f"{'  ' if sound else '* '}{row}")


def main() -> None:
    """Measure the lessons that are named, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[""], metavar="NAME", help="the start of a lesson's name")
    parser.add_argument("--data", nargs="+", choices=["digits", "mnist"], default=["digits", "mnist"])
    parser.add_argument("--runs", type=whole_number(1), default=10)
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = tuple(options.names)
    lessons = [p for p in sorted((ROOT / "source" / "lessons").glob("[0-9]*.py")) if p.name.startswith(names)]
    if options.in_this_process:
        measure(lessons[0], options.runs)
        return
    for path in [] if options.table else lessons:
        result = MARGINS / f"{path.stem}.json"
        stored = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else {}
        for source in options.data:
            command = [sys.executable, __file__, path.stem, "--runs", str(options.runs), "--in-this-process"]
            environment = {**os.environ, "MOS_DATA": source, "PYTHONPATH": str(ROOT)}
            run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            stored[source] = json.loads(run.stdout.splitlines()[-1])
        MARGINS.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    print_table(names)


if __name__ == "__main__":
    main()
