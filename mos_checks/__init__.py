"""The checks that answer the exercises: `check("1.1", lambda: answer)` and `hint("1.1")`.

Exercises need `Todo`, `check` and `hint`. All else is for the modules of the lessons, which hold the answers and import
from here alone.
"""

import mos_helpers  # noqa: F401 - before TensorFlow and Keras, whose messages it hides
from mos_checks.functions import function_question, require_unrounded, rounding_of
from mos_checks.grading import CheckFailed, check, hint, question
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
from mos_checks.results import (
    first_difference,
    judge_all,
    require_results,
    results_of,
    rounding,
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
    "first_difference",
    "function_question",
    "hint",
    "judge_all",
    "one_line",
    "outputs_of",
    "question",
    "refuse_todo",
    "require",
    "require_results",
    "require_unrounded",
    "results_of",
    "rounding",
    "rounding_of",
    "summary",
    "told_apart",
]
