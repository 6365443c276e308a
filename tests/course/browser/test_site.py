"""The website, built strictly and read in a real browser: wide and narrow, light and dark, and by keyboard alone.

    uv run --group site --group browser pytest -n0 tests/course/browser/test_site.py

It needs Chromium (Debian: apt install chromium; elsewhere, give its path in CHROMIUM); `.ci/run` runs it where that is.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# axe's words for how bad a finding is; the two lower ones are "minor" and "moderate".
BAD = ("serious", "critical")


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The folder of the built website."""
    into = tmp_path_factory.mktemp("site")
    run = subprocess.run([sys.executable, ROOT / "site" / "build.py", "--into", into], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WARNING" not in run.stderr, run.stderr
    return into / "html"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def pages(html):
    return sorted(path for path in html.rglob("*.html") if "_static" not in path.parts)


class Links(HTMLParser):
    """Collects the addresses that a page names, the places that it has, and the figures without a description."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.places, self.bare = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.addresses += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        if tag == "img" and not attributes.get("alt", "").strip():
            self.bare.append(attributes)


def test_every_link_inside_leads_somewhere_and_every_figure_is_described(html):
    read = {path.resolve(): Links(path.read_text(encoding="utf-8")) for path in pages(html)}
    lost = []
    for path, page in read.items():
        assert not page.bare, (path, page.bare)
        for address in page.addresses:
            if re.match(r"[a-z]+:", address):
                continue
            target, place = urldefrag(unquote(address))
            there = (path.parent / target.partition("?")[0]).resolve() if target else path
            if not there.exists() or (place and there in read and place not in read[there].places):
                lost.append((path.name, address))
    assert not lost


def test_each_notebook_each_recipe_and_the_course_can_be_taken_home(html):
    for folder in ("notebooks", "exercises"):
        for path in (ROOT / folder).glob("*.ipynb"):
            assert (html / "_sources" / folder / path.name).read_bytes() == path.read_bytes()
    offered = {path.name: path for path in (html / "_downloads").glob("*/*")}
    for path in (ROOT / "recipes").glob("*.py"):
        assert offered[path.name].read_bytes() == path.read_bytes()
    with zipfile.ZipFile(offered["multi-output-models.zip"]) as course:
        assert "multi-output-models/notebooks/00_start_here.ipynb" in course.namelist()


def test_no_page_sends_the_reader_to_the_folder_of_solutions(html):
    assert not [path.name for path in pages(html) if "solutions/" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(("scheme", "widths"), [("light", (1280, 390)), ("dark", (390, 1280))])
def test_every_page_is_quiet_and_fits(html, browser, scheme, widths):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url))
    for path in pages(html):
        page.set_viewport_size({"width": widths[0], "height": 900})
        page.goto(path.as_uri())
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"it scrolls sideways at {width} pixels")
        assert not faults, (path.name, faults)
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "problems.html",
        "notebooks/00_start_here.html",
        "exercises/05_regression.html",
        "notebooks/glossary.html",
    ],
)
def test_axe_finds_no_serious_fault(html, browser, name, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto((html / name).as_uri())
    found = Axe().run(page).response["violations"]
    context.close()
    bad = [(each["id"], [node["html"][:150] for node in each["nodes"]][:3]) for each in found if each["impact"] in BAD]
    assert not bad


def press_until(page, condition, most=400):
    """Press Tab until the element with the focus fulfils a condition."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(element => {condition})(document.activeElement)"):
            return
    raise AssertionError(f"Tab never reaches an element with {condition}")


def test_the_keyboard_alone_reaches_fold_search_and_next_page(html, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((html / "exercises" / "05_regression.html").as_uri())
    press_until(page, "element.tagName === 'SUMMARY' && element.textContent.includes('5.1')")
    page.keyboard.press("Enter")
    assert page.locator("details.answer").first.get_attribute("open") is not None
    press_until(page, "element.className.includes('right-next')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/06_missing_labels.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("backbone")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=backbone")
    page.close()


@pytest.mark.parametrize(
    ("word", "lesson"),
    [("baseline", "05_regression"), ("backbone", "01_two_heads"), ("PCGrad", "09_gradient_conflict"),
     ("class_weight", "04_multi_label")],
)  # fmt: skip
def test_a_search_finds_the_lesson(html, browser, word, lesson):
    page = browser.new_page()
    page.goto(f"{(html / 'search.html').as_uri()}?q={word}")
    page.wait_for_function("document.querySelectorAll('#search-results li a').length > 0")
    page.wait_for_timeout(500)
    found = page.evaluate("[...document.querySelectorAll('#search-results li > a')].map(link => link.href)")
    page.close()
    assert any(f"notebooks/{lesson}.html" in address for address in found[:10]), found


def test_the_cheat_sheet_prints_on_one_sheet(html, browser, tmp_path):
    page = browser.new_page()
    page.goto((html / "notebooks" / "cheat_sheet.html").as_uri())
    printed = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "8mm"))
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2


def test_a_word_of_the_glossary_is_explained_where_the_pointer_rests(html, browser):
    page = browser.new_page()
    page.goto((html / "notebooks" / "01_two_heads.html").as_uri())
    titles = page.evaluate("[...document.querySelectorAll('a[href*=\"#term-\"]')].map(link => link.title)")
    page.close()
    assert titles
    assert all(titles)
