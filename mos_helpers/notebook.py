"""What is shown in a notebook: JupyterLab breaks long lines in the middle of words, so they are wrapped before."""

import sys
import textwrap

COLUMNS = 100


def in_notebook() -> bool:
    """Return whether this runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def wrapped(text: str) -> str:
    """Return `text` with its lines wrapped at words, to 100 columns, in a notebook; elsewhere as it is."""
    if not in_notebook():
        return text
    lines = text.split("\n")
    return "\n".join(textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False) for line in lines)
