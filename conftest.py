"""Rules for the notebooks that nbval runs, on top of its own: see CONTRIBUTING.md."""

import os
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

ROOT = Path(__file__).resolve().parent
UNANSWERED = {"Todo", "NameError"}

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("MOS_DATA", "digits")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the checks of a solution strict: the kernel that starts next takes over this environment."""
    if isinstance(item, IPyNbCell):
        os.environ["MOS_STRICT"] = "1" if item.path.parent.name == "solutions" else "0"


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
