"""The cell under *Take this with you* of a lesson, run as a reader would: alone, in a file of its own."""

from functools import cache
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## Take this with you"


@cache
def source(lesson):
    """Return the code of the first cell after the heading."""
    cells = jupytext.read(ROOT / "source" / "lessons" / f"{lesson}.py", fmt="py:percent").cells
    begin = next(i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and HEADING in cell.source)
    return next(cell.source for cell in cells[begin + 1 :] if cell.cell_type == "code")


def take_away(lesson):
    """Run the cell in an empty namespace; return the names that it defines."""
    names = {"__name__": "take_away"}
    exec(compile(source(lesson), f"{lesson}_take_away.py", "exec"), names)
    return names
