"""Measure seconds, the longest cell and peak memory of each lesson and solution, on the bundled digits and on MNIST.

    python benchmarks/notebooks.py                 every notebook, one after another
    python benchmarks/notebooks.py 01 02           only those whose name starts so

Run it on a machine that does nothing else (Linux or macOS). The notebooks on disk are not changed. MNIST is left out
where it cannot be had; set MOS_DATA_DIR to its folder if Keras has not downloaded it.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from harness import Report, arguments, progress
from nbclient import NotebookClient

from mos_helpers import data

ROOT = Path(__file__).resolve().parent.parent
UNIT = 2**30 if sys.platform == "darwin" else 2**20  # ru_maxrss counts bytes on macOS, kilobytes elsewhere
PEAK = f"import resource; resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / {UNIT}"


def measure(path: Path, source: str) -> tuple[float, float, float]:
    """Run a notebook; return its seconds, those of its longest cell, and the peak memory of its kernel in GB."""
    os.environ.update(MOS_DATA=source, JUPYTER_PREFER_ENV_PATH="1", PYTHONPATH=str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
    client.extra_arguments = ["--log-level=ERROR"]
    seconds = []
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            begin = time.perf_counter()
            client.execute_cell(cell, index)
            seconds.append(time.perf_counter() - begin)
    return sum(seconds), max(seconds), float(notebook.cells[-1].outputs[0].data["text/plain"])


def sources() -> list[str]:
    """Return the data sources that this machine has."""
    try:
        data.load_digits("mnist")
    except FileNotFoundError:
        return ["digits"]
    return ["digits", "mnist"]


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("names", nargs="*", default=[""], metavar="NAME", help="the start of a notebook's name")
    options = parser.parse_args()
    paths = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")])
    available = sources()
    with Report(options, "one run of each notebook") as report:
        table = report.table("notebook", ["seconds", "longest cell", "peak GB"], "median")
        for path in paths:
            for source in available if path.name.startswith(tuple(options.names)) else []:
                name = f"{path.relative_to(ROOT).as_posix()}, {source}"
                progress(name)
                found = measure(path, source)
                progress("")
                table.row(name, [found])


if __name__ == "__main__":
    main()
