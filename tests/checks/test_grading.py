"""How a check may be called and written, and the line that it prints."""

import checking
import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from checking import HINTS, outcome, outcome_of, two_heads
from nbclient import NotebookClient

from mos_checks import CheckFailed, Todo, check, grading, hint, question

CONTINUE = "run that cell, then this one. Wanted: "


def printed(capsys):
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "answer", [42, 42.0, np.float32(42), np.int64(42), np.array(42), tf.constant(42), tf.Variable(42.0)]
)
def test_correct(answer):
    assert outcome("99.1", answer) == ("correct", "You know the answer.")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (41, "it should be 42, and yours is 41."),
        (None, "the answer is None: is a `return` missing, or did the cell not end with a value?"),
        (True, "should be a number, and yours is True."),
        ("42", "should be a number, and yours is the text '42'."),
        (np.array([42]), "should be one number, and yours is an array of shape (1,)"),
        (int, "should be a number, and yours is the class int."),
        (float("nan"), "should be a finite number, and yours is nan."),
        ((x for x in [42]), "should be a number, and yours is a generator."),
    ],
)
def test_not_yet(answer, words):
    state, message = outcome("99.1", answer)
    assert state == "not yet"
    assert words in message


def test_lines_as_printed(capsys):
    check("99.1", lambda: 42)
    check("99.1", lambda: 41)
    check("99.1", lambda: no_such_name)  # noqa: F821
    assert printed(capsys).splitlines() == [
        "Question 99.1: correct. You know the answer.",
        "Question 99.1: not yet, because it should be 42, and yours is 41.",
        "Question 99.1: not answered yet. There is no `no_such_name` so far: fill in the cell above and run it, "
        "then this one. Wanted: A number: 42.",
    ]


def test_an_ellipsis_is_no_answer_yet():
    assert outcome("99.1", ...)[0] == "not answered yet"
    assert outcome("99.2", lambda x: ...)[0] == "not answered yet"


def typo():
    return no_such_name  # noqa: F821


@pytest.mark.parametrize(
    ("expression", "state"),
    [
        (lambda: no_such_name, "not answered yet"),  # noqa: F821
        (lambda: [no_such_name + x for x in range(2)], "not answered yet"),  # noqa: F821
        (lambda: no_such_name(typo()), "not answered yet"),  # noqa: F821
        (lambda: typo(), "not yet"),
        (lambda: [typo() for x in range(2)], "not yet"),
        (lambda: eval("no_such_name"), "not yet"),
    ],
)
def test_only_a_name_in_the_lambda_itself_is_no_answer_yet(expression, state):
    found, message = outcome_of("99.1", expression)
    assert found == state
    assert "no_such_name" in message


def test_a_variable_of_a_function_that_is_not_set_yet_is_no_answer_yet():
    expression = lambda: answer  # noqa: E731
    assert outcome_of("99.1", expression)[0] == "not answered yet"
    answer = 42
    assert outcome_of("99.1", expression)[0] == "correct"


def test_a_typo_in_the_learners_function_is_named():
    state, message = outcome("99.2", lambda x: typo())
    assert state == "not yet"
    assert "your function raised NameError: name 'no_such_name' is not defined" in message


class TodoLayer(keras.layers.Layer):
    def call(self, inputs):
        raise Todo("99.2")


def todo(x):
    raise Todo("99.2")


def todo_hidden_by_another_error(x):
    try:
        todo(x)
    except NotImplementedError as error:
        raise ValueError("wrong") from error


@pytest.mark.parametrize(
    "function", [todo, tf.function(todo), todo_hidden_by_another_error, lambda x: TodoLayer()(x), lambda x: [todo(x)]]
)
def test_a_todo_anywhere_is_no_answer_yet(function):
    state, message = outcome("99.2", function)
    assert state == "not answered yet"
    assert f"{CONTINUE}A function that doubles an array." in message
    assert outcome_of("99.1", lambda: function(tf.ones(3)))[0] == "not answered yet"


@pytest.mark.parametrize("answer", [42, None, two_heads, Todo, keras.Model, lambda x: x, checking.Explosive])
def test_an_answer_without_lambda_is_explained(answer):
    expected = 'write check("99.1", lambda: your_answer)'
    assert expected in outcome_of("99.1", answer)[1]


def test_a_lambda_with_defaults_is_fine():
    assert outcome_of("99.1", lambda answer=42: answer)[0] == "correct"


@pytest.mark.parametrize(
    ("question_id", "words"),
    [
        (99.1, "goes in quotes"),
        (None, "goes in quotes"),
        ("99.77", "There is no question 99.77. Lesson 99 has 99.1, 99.2"),
        ("98.1", "There is no question 98.1. Lessons with questions: "),
        ("", "There is no question ."),
        ("1.1.1; import os\n", "There is no question 1.1.1; import os"),
    ],
)
def test_an_unknown_question_is_explained(capsys, monkeypatch, question_id, words):
    check(question_id, lambda: 42)
    hint(question_id)
    lines = printed(capsys).splitlines()
    assert len(lines) == 2
    assert all(words in line for line in lines)
    monkeypatch.setenv("MOS_STRICT", "1")
    for function in (lambda: check(question_id, lambda: 42), lambda: hint(question_id)):
        with pytest.raises(CheckFailed, match="question"):
            function()


def test_checks_that_cannot_be_loaded_are_reported(capsys, monkeypatch):
    def broken(lesson):
        raise ImportError("no module named nothing")

    monkeypatch.setattr(grading, "load_lesson", broken)
    check("98.1", lambda: 42)
    assert printed(capsys) == "The checks of lesson 98 could not be loaded. ImportError: no module named nothing\n"


@pytest.mark.parametrize("expression", [lambda: 41, lambda: no_such_name, lambda: None, lambda: todo(1), 42])  # noqa: F821
def test_strict_mode_raises_the_same_line(capsys, monkeypatch, expression):
    check("99.1", expression)
    line = printed(capsys).rstrip("\n")
    monkeypatch.setenv("MOS_STRICT", "1")
    with pytest.raises(CheckFailed) as raised:
        check("99.1", expression)
    assert str(raised.value) == line
    check("99.1", lambda: 42)
    assert "correct" in printed(capsys)


def test_hints_come_one_by_one(capsys):
    for _ in range(5):
        hint("99.1")
    hint("99.2")
    assert printed(capsys).splitlines() == [
        "Hint 1 of 3: First.",
        "Hint 2 of 3: Second.",
        "Hint 3 of 3: Third.",
        "No more hints for question 99.1. A worked answer is in the folder solutions, in the notebook that begins "
        'with 99. hint("99.1") starts again with the first hint.',
        "Hint 1 of 3: First.",
        "Hint 1 of 2: First.",
    ]


@pytest.mark.parametrize(
    ("question_id", "hints", "words"),
    [
        ("99.1", HINTS, "exists already"),
        ("99.20", [], "two or three hints"),
        ("99.20", ["one"], "two or three hints"),
        ("99.20", [*HINTS, "four"], "two or three hints"),
        ("99.20", ["one", ""], "two or three hints"),
        ("99.20", "abc", "two or three hints"),
        ("9", HINTS, "must be lesson and question"),
    ],
)
def test_a_question_that_is_not_complete_is_an_error(question_id, hints, words):
    with pytest.raises(ValueError, match=words):
        question(question_id, hints=hints)


def test_a_question_without_docstring_is_an_error():
    with pytest.raises(ValueError, match="docstring"):
        question("99.20", hints=HINTS)(lambda answer: None)


def test_a_check_that_fails_is_never_correct():
    assert "the check could not use your answer (an Agreeable): TypeError" in outcome("99.6", checking.Agreeable())[1]
    assert outcome("99.6", np.array([2]))[0] == "not yet"
    assert (
        "the check could not use your answer (an Explosive): RuntimeError: boom"
        in outcome("99.6", checking.Explosive())[1]
    )
    assert "the check returned True" in outcome("99.9", 1)[1]


def test_in_a_notebook(kernel_name):
    sources = [
        "from mos_checks import Todo, check, hint",
        'answer_one = ...\nraise Todo("1.1")',
        "from mos_checks import as_number, question\n"
        '@question("99.1", hints=["One.", "Two."])\ndef number(answer):\n    "A number."\n    as_number(answer)',
        'print("before"); check("99.1", lambda: answer_two)',
        'check("99.1", lambda: print("inside") or 3)',
        "import time, keras, numpy\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile('sgd', 'mse')\n"
        'check("99.1", lambda: model.fit(numpy.ones((2, 2)), numpy.ones((2, 1))).history["loss"][0])',
        'hint("99.1")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    # A kernel may send the text of one `print` in two parts.
    options = {"timeout": 120, "allow_errors": True, "coalesce_streams": True}
    NotebookClient(notebook, kernel_name=kernel_name, **options).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    line = "Question 1.1 is open: put your answer in place of this line."
    assert outputs[0] == outputs[2] == []
    assert outputs[1] == [{"output_type": "error", "ename": "Todo", "evalue": line, "traceback": [line]}]
    assert [output.text for cell in outputs[3:] for output in cell] == [
        "before\nQuestion 99.1: not answered yet. There is no `answer_two` so far: fill in the cell above and run it,\n"
        "then this one. Wanted: A number.\n",
        "Question 99.1: correct.\n",
        "Question 99.1: correct.\n",
        "Hint 1 of 2: One.\n",
    ]


def test_every_lesson_with_checks_has_questions_of_its_own():
    for lesson in grading.lessons():
        found = grading.load_lesson(lesson)
        assert found, f"lesson {lesson} registers no question"
        module = f"mos_checks.lesson_{lesson:02}"
        written_there = [key for key, value in grading._questions.items() if value.check.__module__ == module]
        assert written_there == found
