"""What the pages for teachers say of the course: minutes that add up, and lessons and questions that exist."""

import re
from pathlib import Path

import pytest

from mos_checks import grading

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "teaching").glob("*.md")}
LESSONS = {
    int(path.name[:2]) for folder in ("lessons", "exercises") for path in (ROOT / "source" / folder).glob("[0-9]*")
}
SCHEDULES = re.split(r"^## ", PAGES["schedules"], flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda text: text.partition("\n")[0])
def test_the_minutes_of_a_schedule_add_up(schedule):
    minutes = [int(number) for number in re.findall(r"^\| (?:\d+ \| )?(\d+) \| .*[a-z]", schedule, re.MULTILINE)]
    assert minutes
    assert f"In all {sum(minutes)} minutes." in schedule


@pytest.mark.parametrize("page", PAGES)
def test_every_lesson_and_question_that_is_named_exists(page):
    text = PAGES[page]
    assert {int(number) for number in re.findall(r"\b(?:[Ll]esson|exercise) (\d+)", text)} <= LESSONS
    questions = {question for lesson in grading.lessons() for question in grading.load_lesson(lesson)}
    assert set(re.findall(r"\b\d{1,2}\.\d\b(?= |:|\.|,)", text)) - {"0.5"} <= questions


def test_every_lesson_has_notes_and_what_to_leave_out():
    assert {int(number) for number in re.findall(r"^## Lesson (\d+)\.", PAGES["notes"], re.MULTILINE)} == LESSONS
    notebooks = {int(path.name[:2]) for path in (ROOT / "source" / "lessons").glob("[0-9]*")}  # the capstone has none
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", PAGES["short"], re.MULTILINE)} == notebooks


@pytest.mark.parametrize("quoted", re.findall(r"“([^”]+)”|\"([a-z`][^\"]{25,})\"", PAGES["notes"]))
def test_what_the_notes_quote_is_what_a_check_says(quoted):
    words = quoted[0] or quoted[1]
    checks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "mos_checks").glob("*.py"))
    assert words.rstrip(".") in re.sub(r'"\s*\n\s*f?"', "", checks)  # a text may be written in two parts


def test_links_between_the_pages_lead_somewhere():
    for text in PAGES.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (ROOT / "teaching" / target).exists(), target
