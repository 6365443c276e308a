"""tests/course/other_machines.py finds the cells that hold on this machine only."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "tests/course/other_machines.py"
CELLS = {
    "seed": "import random\nimport keras\nkeras.utils.set_random_seed(1)\nfirst = random.random()",
    "lucky": "assert first == {lucky}",
    "sound": "assert 0 <= first <= 1",
    "environment": "import os\nassert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '0'",
}


def test_a_cell_that_needs_this_seed_is_listed_and_no_other(tmp_path):
    lucky = random.Random(1).random()
    cells = [nbformat.v4.new_code_cell(source.format(lucky=lucky)) for source in CELLS.values()]
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
    for place in ("conftest.py", "pyproject.toml", "tests/course/forks.py", SCRIPT):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    for folder in ("notebooks", "solutions"):
        (tmp_path / folder).mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "01_luck.ipynb")
    options = ["--data", "digits", "--variants", "no-onednn-seeds", "--jobs", "0"]
    run = subprocess.run([sys.executable, SCRIPT, *options], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert "1 notebooks, digits, no-onednn-seeds: 1 failing cells" in run.stdout
    assert "Cell 1: AssertionError" in run.stdout
    assert "Cell 2" not in run.stdout


def test_an_unknown_notebook_is_refused():
    run = subprocess.run([sys.executable, ROOT / SCRIPT, "99"], capture_output=True, text=True)
    assert run.returncode == 1
    assert "no notebook begins with 99" in run.stderr
