"""Rules for the notebooks that nbval runs, on top of its own: see CONTRIBUTING.md."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

ROOT = Path(__file__).resolve().parent
UNANSWERED = {"Todo", "NameError"}
FORKED = sys.platform == "linux"

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("MOS_DATA", "digits")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the checks of a solution strict: the kernel that starts next takes over this environment."""
    if isinstance(item, IPyNbCell):
        os.environ["MOS_STRICT"] = "1" if item.path.parent.name == "solutions" else "0"
        if FORKED:
            item.config.option.nbval_current_env = False
            item.config.option.nbval_kernel_name = "forked"


@pytest.fixture(scope="session")
def kernel_name(pytestconfig: pytest.Config) -> str:
    """Return the name of the kernel for a notebook that a test runs itself."""
    return "forked" if FORKED else "python3"


def pytest_configure(config: pytest.Config) -> None:
    """Let Jupyter find kernels that are forks of one process for all tests (tests/forked_kernels.py)."""
    if not FORKED or hasattr(config, "workerinput"):  # the workers take over the environment of the first process
        return
    folder = Path(tempfile.mkdtemp(prefix="kernels"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    script = str(ROOT / "tests" / "forked_kernels.py")
    command = [sys.executable, "-Xfrozen_modules=off", script, str(folder / "socket")]  # as in Jupyter's own kernels
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    config.add_cleanup(lambda: server.communicate())
    if server.stdout.readline() != "ready\n":
        raise RuntimeError(f"{' '.join(command)} did not start")
    spec = {"argv": [*command, "-f", "{connection_file}"], "display_name": "forked", "language": "python"}
    place = folder / "kernels" / "forked" / "kernel.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(spec), encoding="utf-8")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> object:
    """Fail a cell that nbval lets through and a learner would stumble over."""
    result = yield
    if isinstance(item, IPyNbCell) and (fault := fault_in(item)):
        item.raise_cell_error(fault)
    return result


def fault_in(item: IPyNbCell) -> str | None:
    """Return what is wrong with the outputs of a cell that nbval has run, or None."""
    outputs = item.test_outputs or []
    raised = [output.ename for output in outputs if output.output_type == "error"]
    if any(output.get("name") == "stderr" for output in outputs):
        return "The cell wrote to standard error"
    if item.path.parent.name == "exercises":
        other = set(raised) - UNANSWERED
        return f"The unanswered exercise raised {', '.join(sorted(other))}" if other else None
    stored = [output.ename for output in item.cell.outputs if output.output_type == "error"]
    if raised != stored:
        return f"The cell raised {raised or 'nothing'}, and {stored or 'nothing'} in the stored notebook"
    return None
