"""Rules for the notebooks that nbval runs, on top of its own: see CONTRIBUTING.md."""

import gc
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# nbval comes here and not by itself: it imports jsonschema, which would build a grammar of web addresses for nothing.
sys.modules.setdefault("rfc3987_syntax", None)
pytest_plugins = ["nbval.plugin"]
from nbval.plugin import IPyNbCell  # noqa: E402

ROOT = Path(__file__).resolve().parent
UNANSWERED = {"Todo", "NameError"}
FORKED = sys.platform == "linux"
# What is imported before processes are forked, by the name of their kernel, and what is run in the kernel itself.
IMPORTS = {
    "forked": "import mos_checks; from mos_helpers import balancing, data, heads, hierarchy, plots, scaling, sharing; "
    "from sklearn import datasets, ensemble, linear_model, model_selection; import early_builds",
    "bare": "",
}
RUNS = {"forked": ["early_builds", "ipykernel_launcher"], "bare": ["ipykernel_launcher"]}

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("MOS_DATA", "digits")
# There is a test process for each core, so each gets one thread: threads of OpenMP that wait for a core keep it busy.
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

# How long an example takes is no fault of the code: it depends on the machine, and on what else it does.
hypothesis.settings.register_profile("course", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("course")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the checks of a solution strict: the kernel that starts next takes over this environment."""
    if isinstance(item, IPyNbCell):
        os.environ["MOS_STRICT"] = "1" if item.path.parent.name == "solutions" else "0"
        if FORKED:
            item.config.option.nbval_current_env = False
            item.config.option.nbval_kernel_name = "forked"


def pytest_configure(config: pytest.Config) -> None:
    """Start tests/course/forks.py once, and have test processes and kernels started by it."""
    if not FORKED or "MOS_FORKS" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="kernels"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    for name, imports in IMPORTS.items():
        script, address = str(ROOT / "tests" / "course" / "forks.py"), str(folder / name)
        command = [sys.executable, "-Xfrozen_modules=off", script, address]  # the option is that of Jupyter's kernels
        server = subprocess.Popen([*command, imports], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        config.add_cleanup(server.communicate)
        if server.stdout.readline() != "ready\n":
            raise RuntimeError(f"{' '.join(command)} did not start")
        start = [*command, "-m", *RUNS[name], "-f", "{connection_file}", "--InteractiveShell.xmode=Plain"]
        spec = {"argv": start, "display_name": name, "language": "python"}
        place = folder / "kernels" / name / "kernel.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(spec), encoding="utf-8")
        python = folder / f"{name}-python"
        python.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        if name == "forked" and not config.getoption("cov_source", None):  # coverage must see the imports
            config.option.tx = [f"popen//python={python}" if tx == "popen" else tx for tx in config.option.tx]
    os.environ["MOS_FORKS"] = str(folder)
    config.add_cleanup(lambda: os.environ.pop("MOS_FORKS"))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))


def pytest_collection_finish() -> None:
    """Spare all later collections of garbage the search through what is imported by now."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Spare the collections of garbage with which pytest ends the search through all that was imported."""
    gc.freeze()


@pytest.fixture(scope="session")
def kernel_name() -> str:
    """Return the name of the kernel for a notebook that a test runs itself."""
    return "forked" if FORKED else "python3"


@pytest.fixture(scope="session")
def bare_kernel_name() -> str:
    """Return the name of a kernel that has imported nothing of the course."""
    return "bare" if FORKED else "python3"


@pytest.fixture(scope="module")
def forked_python() -> Iterator[None]:
    """Have `python -m MODULE` run in a process that need not import TensorFlow, for code that uses sys.executable."""
    with pytest.MonkeyPatch.context() as patch:
        if FORKED:
            patch.setattr(sys, "executable", str(Path(os.environ["MOS_FORKS"], "forked-python")))
        yield


@pytest.fixture(scope="module")
def early_builds() -> Iterator[None]:
    """Halve the time of short trainings, where the tests are not about how Keras trains."""
    import early_builds

    with pytest.MonkeyPatch.context() as patch:
        early_builds.use(patch.setattr)
        yield


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
