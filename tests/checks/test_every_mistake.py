"""Every mistake that a question about a function names: made as an answer, it hears its own words."""

from unittest import mock

import pytest
from checking import outcome, question_ids

from mos_checks.functions import questions

question_ids()  # loads the questions of all lessons


def answer_with(asked, part, mistake):
    """Return the right function with one mistake, in a part of the result or in all of it."""

    def answer(*arguments):
        if part is None:
            return mistake(*arguments)
        result = asked.right(*arguments)
        result = dict(result) if isinstance(result, dict) else list(result)
        result[part] = mistake(*arguments)
        return result

    return answer


MISTAKES = [
    (question_id, part, words, mistake)
    for question_id, asked in questions.items()
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
    assert words in message


@pytest.mark.parametrize("question_id", questions)
def test_the_right_function_is_right(question_id):
    asked = questions[question_id]
    with mock.patch.object(asked, "prepare", None):
        state, message = outcome(question_id, asked.right)
    assert state == "correct", message
