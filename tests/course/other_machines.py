"""Run lessons and solutions as other machines would, and list the cells that fail.

    python tests/course/other_machines.py                     everything, on both data sources
    python tests/course/other_machines.py 02 07 --data digits --variants seeds

Another processor adds up in another order and with other instructions, so the same seed trains another network there.
The variants move each seed that a notebook sets, and keep TensorFlow from oneDNN, from newer instructions and from a
second thread. The rules are those of the tests (conftest.py). MNIST is left out where it cannot be had.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NO_ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "0"}
OLD_CPU = {"ONEDNN_MAX_CPU_ISA": "SSE41", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# name: (environment, what is added to each seed)
VARIANTS = {
    "seeds": ({}, 101),
    "no-onednn": (NO_ONEDNN, 0),
    "old-cpu": (OLD_CPU, 0),
    "no-onednn-seeds": (NO_ONEDNN, 202),
    "old-cpu-seeds": (OLD_CPU, 303),
}
# What each kernel runs first.
MOVE_SEEDS = """
import mos_helpers, keras

def moved(seed, set_random_seed=keras.utils.set_random_seed):
    set_random_seed(seed + {shift})

keras.utils.set_random_seed = moved
"""


def failing_cells(paths: list[Path], source: str, variant: str, jobs: int) -> list[tuple[str, str]]:
    """Run notebooks under a variant; return the failing cells, as pairs of the notebook and what nbval says."""
    environment, shift = VARIANTS[variant]
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder, "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "00_seeds.py").write_text(MOVE_SEEDS.format(shift=shift), encoding="utf-8")
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "--quiet", "--junit-xml", str(report), "-p", "no:cacheprovider"]
        run = subprocess.run(
            [*command, f"--numprocesses={jobs}", *map(str, paths)],
            cwd=ROOT,
            env={**os.environ, **environment, "MOS_DATA": source, "IPYTHONDIR": folder},
            capture_output=True,
            text=True,
        )
        if run.returncode not in (0, 1):
            raise SystemExit(f"pytest could not run the notebooks:\n{run.stdout}{run.stderr}")
        cases = list(ET.parse(report).iter("testcase"))
    if not cases:
        raise SystemExit(f"pytest ran no cell of {', '.join(path.name for path in paths)}")
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return [(case.get("classname", ""), f"{case.get('name')}: {reason(case)}") for case in failed]


def reason(case: ET.Element) -> str:
    """Return the last line of a failure."""
    fault = case.find("failure")
    fault = case.find("error") if fault is None else fault
    text = re.sub(r"#x1B\[[0-9;]*m", "", fault.text or "")  # the colours of a traceback
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else fault.get("message", "")


def sources() -> list[str]:
    """Return the data sources that this machine has."""
    from mos_helpers import data

    try:
        data.load_digits("mnist")
    except FileNotFoundError:
        return ["digits"]
    return ["digits", "mnist"]


def main() -> int:
    """Print the failing cells of each variant; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[""], metavar="NAME", help="the start of a notebook's name")
    parser.add_argument("--data", nargs="+", choices=["digits", "mnist"], help="default: all that this machine has")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many notebooks to run at once")
    options = parser.parse_args()
    names = tuple(options.names)
    paths = [
        path
        for folder in ("notebooks", "solutions")
        for path in sorted((ROOT / folder).glob("*.ipynb"))
        if path.name.startswith(names)
    ]
    if not paths:
        raise SystemExit(f"no notebook begins with {' or '.join(names)}")
    found = defaultdict(list)
    for source in options.data or sources():
        for variant in options.variants:
            failing = failing_cells(paths, source, variant, options.jobs)
            for cell in failing:
                found[cell].append(f"{source}/{variant}")
            print(f"{len(paths)} notebooks, {source}, {variant}: {len(failing)} failing cells", flush=True)
    for (notebook, cell), where in sorted(found.items()):
        print(f"{notebook}, {cell}\n    {', '.join(where)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
