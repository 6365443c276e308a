"""Install the course as environment.yml does, with pip in a new environment, and run lesson 1 there.

    python tests/course/fresh_environment.py

Run by hand: it downloads a few hundred megabytes. The environment is made in a temporary folder and removed at the end.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Make the environment, install what environment.yml lists for pip, and test lesson 1."""
    pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1]["pip"]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        for name, command in {
            "install": ["-m", "pip", "install", "--quiet", *" ".join(pip).split()],
            "doctor": ["-m", "mos_helpers.doctor"],
            "lesson 1": ["-m", "pytest", "--numprocesses=0", "notebooks/01_two_heads.ipynb"],
        }.items():
            begin = time.perf_counter()
            subprocess.run([python, *command], cwd=ROOT, check=True)
            print(f"{name}: {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
