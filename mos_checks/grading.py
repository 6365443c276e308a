"""Questions: it finds one, has its check judge an answer in isolation, and prints one line.

A lesson's module, `lesson_01.py` for the questions 1.1, 1.2, ..., imports what it needs from the package:

    @question("1.1", hints=["Compare the two answers.", "`a != b` is True where they differ."])
    def contradiction_rate(answer):
        \"\"\"A number: the share of images on which the two heads contradict each other.\"\"\"
        rate = as_number(answer)
        require(0 <= rate <= 1, f"a share lies between 0 and 1, and yours is {rate:.3g}")

A check that returns has found the answer correct; a text that it returns is added to the line. Any error in it means
that the answer is not right. What surrounds it while it runs stands in `isolation.py`.
"""

import os
import pkgutil
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mos_checks.isolation import KeptVariables, codes_of, map_arrays, read_only, run_alone
from mos_checks.memory import Memory, line_of
from mos_checks.messages import NotAnswered, NotYet, blaming, describe, one_line, refuse_ellipsis, refuse_todo, summary
from mos_checks.open_questions import forget
from mos_helpers.notebook import wrapped


class CheckFailed(AssertionError):
    """Raised by `check` and `hint` in strict mode (MOS_STRICT=1) in place of a line that is not "correct"."""


@dataclass(frozen=True)
class _Question:
    question_id: str
    wanted: str
    check: Callable[[Any], str | None]
    hints: tuple[str, ...]
    seconds: float


_questions: dict[str, _Question] = {}
_memory = Memory()


def question(question_id: str, *, hints: list[str], seconds: float = 30) -> Callable[[Callable], Callable]:
    """Register a function of one argument, the answer, as the check of a question.

    Args:
        question_id: Lesson and question, as in "1.2".
        hints: Two or three sentences, each giving away more than the one before.
        seconds: How much processor time the check may take, the learner's own code included.

    Raises:
        ValueError: If the question exists already, or lacks hints or a docstring. The docstring's first line says
            what is wanted; the learner reads it.
    """
    if not re.fullmatch(r"\d+\.\d+", question_id):
        raise ValueError(f"question_id must be lesson and question, as in '1.2', not {question_id!r}")
    if question_id in _questions:
        raise ValueError(f"question {question_id} exists already")
    if isinstance(hints, str) or len(hints) not in (2, 3) or not all(hints):
        raise ValueError(f"question {question_id} needs two or three hints")

    def register(function: Callable) -> Callable:
        wanted = (function.__doc__ or "").strip().partition("\n")[0]
        if not wanted:
            raise ValueError(f"question {question_id} needs a docstring")
        _questions[question_id] = _Question(question_id, wanted, function, tuple(hints), seconds)
        return function

    return register


def check(question_id: str, answer: Callable[[], Any]) -> None:
    """Print in one line whether the answer to a question is correct.

    Args:
        question_id: The question's number, as in "1.2".
        answer: The answer behind a `lambda`, so that an answer that does not exist yet is no error.

    Raises:
        CheckFailed: In strict mode only, if the line is not "correct".
    """
    found = _find(question_id)
    if isinstance(found, str):
        _say(found, passed=False)
        return
    state, text = _verdict(found, answer)
    if state == "correct":
        forget(question_id)
        _memory.solved.add(question_id)
        _memory.save(Path.cwd(), question_id)
    _say(f"Question {found.question_id}: {_sentences(state, text)}", passed=state == "correct")


def verdict(question_id: str, answer: Callable[[], Any]) -> tuple[str, str]:
    """Return what `check` says, for a program that grades: "correct" or another state, and why.

    In a kernel in which the checks were changed so that they call anything correct, nothing is.
    """
    found = _find(question_id)
    if isinstance(found, str):
        return "not yet", found
    state, text = _verdict(found, answer)
    if state == "correct" and _verdict(found, lambda: object())[0] == "correct":
        return "not yet", "the check was changed: here it calls anything correct"
    return state, one_line(text)


def require_correct(question_id: str, answer: Callable[[], Any]) -> None:
    """Raise `CheckFailed` if an answer is not correct, whatever MOS_STRICT says."""
    state, text = verdict(question_id, answer)
    if state != "correct":
        raise CheckFailed(f"Question {question_id}: {_sentences(state, text)}")


def hint(question_id: str) -> None:
    """Print the next hint for a question."""
    found = _find(question_id)
    if isinstance(found, str):
        _say(found, passed=False)
        return
    _memory.load(Path.cwd())
    total = len(found.hints)
    given = _memory.hints.get(question_id, 0) % (total + 1)
    _memory.hints[question_id] = given + 1
    _memory.save(Path.cwd(), question_id)
    if given < total:
        print(wrapped(f"Hint {given + 1} of {total}: {found.hints[given]}"))
    else:
        lesson = int(question_id.partition(".")[0])
        answer = f"A worked answer is in the folder solutions, in the notebook that begins with {lesson:02}. "
        again = f'hint("{question_id}") starts again with the first hint.'
        print(wrapped(f"No more hints for question {question_id}. {answer if lesson else ''}{again}"))


def so_far(lesson: int) -> None:
    """Print in one line which questions of an exercise are solved, and what comes next."""
    asked = load_lesson(lesson)
    if not asked:
        raise ValueError(f"lesson must be the number of a lesson with questions, not {lesson!r}")
    _memory.load(Path.cwd())
    print(wrapped(line_of(lesson, asked, _memory.solved, lessons()[-1])))


def _say(line: str, *, passed: bool) -> None:
    line = one_line(line)
    if not passed and os.environ.get("MOS_STRICT") == "1":
        raise CheckFailed(line)
    print(wrapped(line))


def _sentences(state: str, text: str) -> str:
    text = text.strip()
    if state == "not yet":
        state, text = f"{state}, {text}", ""
    parts = [part if part[-1] in ".?!" else f"{part}." for part in (state, text) if part]
    return " ".join(parts)


def _find(question_id: object) -> _Question | str:
    """Return a question, or the line that says why there is none."""
    if type(question_id) is not str:
        return 'The number of the question goes in quotes, as in check("1.1", lambda: answer).'
    match = re.fullmatch(r"(\d{1,4})\.\d+", question_id, re.ASCII)
    if match and question_id not in _questions:
        try:
            load_lesson(int(match[1]))
        except Exception as error:
            return f"The checks of lesson {match[1]} could not be loaded. {summary(error)}"
    if question_id in _questions:
        return _questions[question_id]
    same_lesson = [key for key in _questions if match and key.startswith(f"{match[1]}.")]
    if same_lesson:
        return f"There is no question {one_line(question_id, 20)}. Lesson {match[1]} has {', '.join(same_lesson)}."
    known = ", ".join(str(lesson) for lesson in lessons())
    return f"There is no question {one_line(question_id, 20)}. Lessons with questions: {known or 'none'}."


def lessons() -> list[int]:
    """Return the numbers of the lessons that have checks."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return sorted(int(name.removeprefix("lesson_")) for name in names if re.fullmatch(r"lesson_\d\d", name))


def load_lesson(lesson: int) -> list[str]:
    """Import the checks of a lesson, if it has any, and return the ids of its questions."""
    if lesson in lessons():
        import_module(f"mos_checks.lesson_{lesson:02}")
    return [key for key in _questions if key.startswith(f"{lesson}.")]


def _verdict(found: _Question, answer: object) -> tuple[str, str]:
    """Return a state and what follows it in the line."""
    try:
        return _examine(found, answer)
    except KeyboardInterrupt:
        return "not yet", "because you stopped the check before its end"


def _examine(found: _Question, answer: object) -> tuple[str, str]:
    """Judge an answer in a thread of its own, and put everything back afterwards."""
    verdicts: list[tuple[str, str]] = []
    kept = KeptVariables()
    try:
        ended, stopped = run_alone(lambda: verdicts.append(_judge(found, answer, kept)), found.seconds)
    finally:
        kept.restore()
    if ended and verdicts:
        return verdicts[0]
    text = (
        f"because the check did not end within {found.seconds:g} seconds: does your code loop forever, "
        "or take many slow steps?"
    )
    if not stopped:
        text += " It cannot be stopped and still runs: restart the kernel"
    return "not yet", text


def _judge(found: _Question, answer: object, kept: KeptVariables) -> tuple[str, str]:
    """Return a state and what follows it in the line; raises nothing."""
    try:
        return "correct", _remark(found, answer, kept)
    except NotAnswered as reason:
        return "not answered yet", f"{reason}. Wanted: {found.wanted}"
    except NotYet as reason:
        return "not yet", f"because {reason}"
    except BaseException:  # an error so odd that not even its type and message could be read
        return "not yet", "because the check could not use your answer"


def _remark(found: _Question, answer: object, kept: KeptVariables) -> str:
    if not _is_plain_lambda(answer):
        raise NotYet(f'`check` needs a lambda: write check("{found.question_id}", lambda: your_answer)')
    kept.keep(answer)
    with blaming("your code"):
        value = _value_of(answer)
    refuse_ellipsis(value)
    if value is None:
        raise NotYet("the answer is None: is a `return` missing, or did the cell not end with a value?")
    try:
        kept.keep(value)
        remark = found.check(map_arrays(value, read_only))
        if remark is not None and type(remark) is not str:
            raise TypeError(f"the check returned {describe(remark)}")
    except (NotAnswered, NotYet):
        raise
    except BaseException as error:
        refuse_todo(error)
        raise NotYet(f"the check could not use your answer ({describe(value)}): {summary(error)}") from None
    return remark or ""


def _is_plain_lambda(answer: object) -> bool:
    if type(answer) is not types.FunctionType or answer.__name__ != "<lambda>":
        return False
    return answer.__code__.co_argcount == len(answer.__defaults__ or ())


def _value_of(answer: types.FunctionType) -> object:
    """Return what the lambda returns; a name in it that does not exist means that there is no answer yet."""
    try:
        return answer()
    except NameError as error:
        traceback = error.__traceback__
        while traceback.tb_next:
            traceback = traceback.tb_next
        codes = codes_of(answer.__code__)
        if traceback.tb_frame.f_code not in codes or error.name not in _names(codes):
            raise
        message = f"There is no `{error.name}` so far: fill in the cell above and run it, then this one"
        raise NotAnswered(message) from None


def _names(codes: list[types.CodeType]) -> set[str]:
    return {name for code in codes for name in (*code.co_names, *code.co_freevars)}
