"""Every mistake that a question about a function names: made as an answer, it hears its own words.

    python tests/checks/test_every_mistake.py > tests/checks/named_mistakes.txt

writes the list of all that have a name, so that none is lost unseen.
"""

from pathlib import Path
from unittest import mock

import pytest
from checking import outcome, question_ids

from mos_checks.functions import questions, with_part
from mos_checks.memory import place_of

question_ids()  # loads the questions of all lessons


def answer_with(asked, part, mistake):
    """Return the right function with one mistake, in a part of the result or in all of it."""

    def answer(*arguments):
        if part is None:
            return mistake(*arguments)
        return with_part(asked.right(*arguments), part, mistake(*arguments))

    return answer


MISTAKES = [
    (question_id, part, words, mistake)
    for question_id, asked in sorted(questions.items(), key=lambda item: place_of(item[0]))
    if asked.mistakes
    for part, table in asked.tables()
    for words, mistakes in table.items()
    for mistake in mistakes
]


@pytest.mark.parametrize(
    ("question_id", "part", "words", "mistake"), MISTAKES, ids=[f"{row[0]}-{row[2]}" for row in MISTAKES]
)
def test_each_mistake_hears_its_own_words(question_id, part, words, mistake):
    asked = questions[question_id]
    with mock.patch.object(asked, "prepare", None):
        state, message = outcome(question_id, answer_with(asked, part, mistake))
    assert state == "not yet", message
    heard = [other for other in dict(asked.tables())[part] if other in message]
    assert max(heard, key=len, default=message) == words, message


def named():
    """Return a line for each mistake, and for each part that it is in."""
    return list(dict.fromkeys(f"{row[0]}{'' if row[1] is None else f' [{row[1]}]'}: {row[2]}" for row in MISTAKES))


def test_no_mistake_loses_its_name_unseen():
    stored = Path(__file__).with_name("named_mistakes.txt").read_text(encoding="utf-8").splitlines()
    assert named() == stored, "if that is meant, write the list again: the first lines of this file say how"


@pytest.mark.parametrize("question_id", questions)
def test_the_right_function_is_right(question_id):
    asked = questions[question_id]
    with mock.patch.object(asked, "prepare", None):
        state, message = outcome(question_id, asked.right)
    assert state == "correct", message


if __name__ == "__main__":
    print(*named(), sep="\n")
