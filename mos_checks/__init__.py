"""The checks that answer the exercises: `check("1.1", lambda: answer)` and `hint("1.1")`.

Exercises need `Todo`, `check`, `hint` and `so_far`. All else is for the modules of the lessons, which hold the answers
and import from here alone.
"""

import mos_helpers  # noqa: F401 - before TensorFlow and Keras, whose messages it hides
from mos_checks.functions import function_question, rounding_of
from mos_checks.grading import CheckFailed, check, hint, question, so_far
from mos_checks.messages import (
    NotAnswered,
    NotYet,
    Todo,
    apart,
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    as_pair,
    blaming,
    call,
    call_kept,
    describe,
    one_line,
    outputs_of,
    refuse_todo,
    require,
    summary,
    told_apart,
)

__all__ = [
    "CheckFailed",
    "NotAnswered",
    "NotYet",
    "Todo",
    "apart",
    "as_array",
    "as_dict",
    "as_function",
    "as_model",
    "as_number",
    "as_pair",
    "blaming",
    "call",
    "call_kept",
    "check",
    "describe",
    "function_question",
    "hint",
    "one_line",
    "outputs_of",
    "question",
    "refuse_todo",
    "require",
    "rounding_of",
    "so_far",
    "summary",
    "told_apart",
]
