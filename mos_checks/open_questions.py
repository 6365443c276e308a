"""In a notebook: a cell that lacks a name says in one line which question is still open, instead of a traceback."""

from typing import Any

from mos_helpers.notebook import in_notebook

_open: dict[str, str | None] = {}  # question: the cell that raised its Todo


def remember(question_id: str) -> None:
    """Note that the cell that runs now has no answer to a question yet."""
    if not in_notebook():
        return
    from IPython import get_ipython

    shell = get_ipython()
    if NameError not in shell.custom_exceptions:
        shell.set_custom_exc((NameError,), _explain)
        shell.events.register("post_run_cell", _forget_answered)
    _open[question_id] = None  # until the cell has ended, which says its name


def forget(question_id: str) -> None:
    """Note that a question is answered."""
    _open.pop(question_id, None)


def _forget_answered(result: Any) -> None:  # noqa: ANN401
    """Forget a question when its cell has run without an error."""
    ran = getattr(result.info, "cell_id", None)
    for question_id, cell in list(_open.items()):
        if cell is None:
            _open[question_id] = ran
        elif cell == ran and result.success:
            del _open[question_id]


def _explain(shell: Any, kind: type, error: NameError, traceback: Any, tb_offset: int | None = None) -> None:  # noqa: ANN401
    """Show a NameError: in one line while a question is open."""
    if kind is NameError and _open:
        questions = " and ".join(f"question {question_id}" for question_id in _open)
        last = traceback
        while last.tb_next:
            last = last.tb_next
        line = f"NameError: {error} (line {last.tb_lineno}). Still open: {questions}. Does this cell need the answer?"
        error._render_traceback_ = lambda: [line]
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
