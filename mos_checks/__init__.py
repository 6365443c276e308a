"""The checks that answer the exercises: `check("1.1", lambda: answer)` and `hint("1.1")`."""

from mos_helpers.checks._engine import CheckFailed, Todo, check, hint

__all__ = ["CheckFailed", "Todo", "check", "hint"]
