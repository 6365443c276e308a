"""A fork does what a new Python does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "code": ["-c", "import sys; print(__name__, sys.argv, input()); print('__file__' in vars())", "one", "-u", "-c"],
    "options": ["-u", "-B", "-c", "import os; print(os.getcwd(), os.environ['HERE'])"],
    "exit code": ["-c", "import sys; print('so far', flush=True); sys.exit(3)"],
    "exception": ["-c", "print(1); print(1 / 0)"],
    "module": ["-m", "calendar", "2026", "11"],
}


@pytest.mark.skipif("MOS_FORKS" not in os.environ, reason="tests run in forks on Linux")
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_fork_does_what_python_does(arguments, tmp_path):
    found = []
    for python in (sys.executable, Path(os.environ["MOS_FORKS"], "bare-python")):
        run = subprocess.run(
            [python, *arguments], input="said\n", capture_output=True, text=True, cwd=tmp_path, env={"HERE": "here"}
        )
        found.append((run.returncode, run.stdout, run.stderr.splitlines()[-1:]))
    assert found[0] == found[1]


@pytest.mark.skipif("MOS_FORKS" not in os.environ, reason="tests run in forks on Linux")
def test_a_fork_has_the_settings_of_what_it_has_imported():
    code = "import os, mos_helpers; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    run = subprocess.run(
        [Path(os.environ["MOS_FORKS"], "forked-python"), "-c", code], capture_output=True, text=True, env={}
    )
    assert (run.stdout, run.stderr) == ("3\n", "")
