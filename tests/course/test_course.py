"""The course as a whole: its links lead somewhere, its words mean one thing, its figures have a text."""

import re
from functools import cache
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "source").glob("*/*.py"))
LESSONS = [path for path in SOURCES if path.parent.name == "lessons" and path.stem[:2].isdigit()]
EXERCISES = [path for path in SOURCES if path.parent.name == "exercises"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *SOURCES]
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
ROW = re.compile(
    r"^\| (?!word|---)(?P<word>[^|]+) \|(?P<french>[^|]*)\|[^|]+\| "
    r"\[(?P<number>\d+)\]\((?P<file>[^)]+)\) \|(?P<other>[^|]*)\|$"
)


def name(path):
    return path.relative_to(ROOT).as_posix()


@cache
def text(path):
    """The text that a reader sees in a source or a Markdown file, without its code."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = jupytext.read(path, fmt="py:percent").cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def folder(path):
    """Where a reader opens what is written in a source."""
    return {"lessons": ROOT / "notebooks", "exercises": ROOT / "exercises"}.get(path.parent.name, ROOT)


def links(path):
    """The links of a page to other files, as pairs of the words and the file."""
    found = LINK.findall(text(path))
    return [(words, (folder(path) / to).resolve()) for words, to in found if not to.startswith(("http", "#"))]


def glossary():
    rows = (ROW.match(line) for line in text(ROOT / "source" / "lessons" / "glossary.py").splitlines())
    return [row for row in rows if row]


def elsewhere():
    """The names that the course does not use."""
    return sorted({word.strip() for row in glossary() for word in row["other"].split(",") if word.strip()})


# Links


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_to_files_and_say_which(path):
    for words, to in links(path):
        assert to.exists(), f"{words} leads to {to}"
        number = re.search(r"\blesson[\s ](\d+)", words.lower())
        if number:
            assert to.stem.startswith(f"{int(number[1]):02}_"), f"{words} leads to {to.name}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_lesson_that_is_named_is_linked_once_at_least(path):
    numbers = {int(to.stem[:2]) for _, to in links(path) if to.stem[:2].isdigit()}
    own = {int(path.stem[:2])} if path.stem[:2].isdigit() else set()
    named = {int(found) for found in re.findall(r"\blesson[\s ](\d+)", text(path).lower())}
    assert named <= numbers | own


def test_every_lesson_leads_to_its_exercise_and_to_the_next_lesson_and_to_the_glossary():
    for path, following in zip(LESSONS, [*LESSONS[1:], None], strict=True):
        found = {to.relative_to(ROOT).as_posix() for _, to in links(path)}
        wanted = {"notebooks/glossary.ipynb"}
        wanted |= {f"exercises/{exercise.stem}.ipynb" for exercise in EXERCISES if exercise.stem == path.stem}
        wanted |= {f"notebooks/{following.stem}.ipynb"} if following else set()
        assert wanted <= found, f"{path.name} lacks links to {wanted - found}"


def test_the_map_names_every_notebook():
    mapped = {to.relative_to(ROOT).as_posix() for _, to in links(ROOT / "README.md")}
    built = {
        name(path) for folder in ("notebooks", "exercises", "solutions") for path in (ROOT / folder).glob("*.ipynb")
    }
    assert built <= mapped


def test_the_sections_that_the_readme_sends_readers_to_are_there():
    problems = text(ROOT / "README.md").partition("## From your problem to a lesson")[2].partition("\n## ")[0]
    named = re.findall(r"\[\d+\]\(notebooks/(\w+)\.ipynb\), \*([^*]+)\*", problems)
    assert len(named) > 8
    for stem, section in named:
        assert f"# {section}\n" in text(ROOT / "source" / "lessons" / f"{stem}.py"), (stem, section)


def test_exercises_lead_back_to_their_lesson():
    lessons = {path.stem for path in LESSONS}
    for path in EXERCISES:
        if path.stem in lessons:
            assert (ROOT / "notebooks" / f"{path.stem}.ipynb") in {to for _, to in links(path)}, path.name


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_an_exercise_says_how_many_questions_it_has(path):
    said = re.search(r"^# (One|Two|Three|Four|Five|Six) questions", path.read_text(encoding="utf-8"), re.MULTILINE)
    asked = re.findall(r'^check\("', path.read_text(encoding="utf-8"), re.MULTILINE)
    if said:
        assert len(asked) == ["One", "Two", "Three", "Four", "Five", "Six"].index(said[1]) + 1


# Words


def test_the_glossary_is_read():
    assert len(glossary()) > 40
    assert {"backbone", "naive answer", "ground truth", "minibatch"} <= set(elsewhere())
    rows = [line for line in text(ROOT / "source" / "lessons" / "glossary.py").splitlines() if line.startswith("| ")]
    assert len(rows) - sum(line.startswith("| word |") for line in rows) == len(glossary())


def test_the_glossary_has_the_words_of_the_field():
    words = {row["word"] for row in glossary()}
    assert {"baseline", "standard deviation", "parameters", "norm", "cosine similarity", "Gram matrix"} <= words
    assert {"spread", "naive answer"} <= set(elsewhere())


@pytest.mark.parametrize("row", glossary(), ids=lambda row: row["word"])
def test_a_word_has_its_french_name_or_a_dash(row):
    french = row["french"].strip()
    assert re.fullmatch(r"-|\*?\w[\w *,'-]*", french), french


def test_a_dash_for_a_french_name_is_explained_and_rare():
    french = [row["french"].strip() for row in glossary()]
    assert french.count("-") < len(french) / 4
    assert "A dash means" in text(ROOT / "source" / "lessons" / "glossary.py")


@pytest.mark.parametrize("row", glossary(), ids=lambda row: row["word"])
def test_a_word_is_explained_where_the_glossary_says(row):
    lesson = ROOT / "source" / "lessons" / Path(row["file"]).with_suffix(".py").name
    assert lesson.stem.startswith(f"{int(row['number']):02}_")
    for word in row["word"].split(", "):
        assert re.search(rf"\b{re.escape(word)}", text(lesson), re.IGNORECASE), f"{word} is not in {lesson.name}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_one_word_for_one_thing(path):
    if path.stem == "glossary":
        return
    plain = re.sub(r"`[^`]*`|\*[^*]*\*\.?|\]\([^)]*\)", " ", text(path))  # no code, no title of a paper, no address
    found = [word for word in elsewhere() if re.search(rf"\b{re.escape(word)}(e?s)?\b", plain, re.IGNORECASE)]
    assert not found, f"the glossary has another word for {', '.join(found)}"


def test_a_banned_word_is_noticed():
    assert any(re.search(rf"\b{re.escape(word)}(e?s)?\b", "Two towers") for word in elsewhere())


# Minutes and references


def minutes(path):
    """What a page says that it takes."""
    found = re.search(r"About\s(\d+|three)\s(minutes|hours)", text(path))
    return {"three hours": 180}.get(" ".join(found.groups())) or int(found[1])


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_the_map_says_how_long_it_takes_as_the_pages_do(path):
    row = next(line for line in text(ROOT / "README.md").splitlines() if line.startswith("|") and path.stem in line)
    exercises = [exercise for exercise in EXERCISES if exercise.stem == path.stem]
    assert [int(part) for part in row.split("|")[-2].split("+")] == [minutes(page) for page in [path, *exercises]]


def references(path):
    """The papers and guides at the end of a lesson."""
    part = text(path).partition("## References\n")[2].partition("\nNext: ")[0]
    return [" ".join(item.split()) for item in re.split(r"^- ", part, flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_papers_are_cited_in_one_form(path):
    if re.search(r"\b(19|20)\d\d\)", text(path)):
        assert references(path), "a paper is named, and there is no list of references"
    for item in references(path):
        guide = " guide" in item
        assert guide or re.fullmatch(r"[A-Z].* \(\d{4}\)\. \*[^*]+[.?]\*( .+\.)?", item), item


# Length


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_is_short_and_its_last_cell_is_tested(path):
    cells = jupytext.read(path, fmt="py:percent").cells
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    code = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    assert words <= 3_000
    assert len(code) <= 300
    if "## Take this with you" in text(path):
        assert (ROOT / "tests" / "course" / f"test_take_away_{path.stem[:2]}.py").exists()


# Figures


BUILT = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")])


@cache
def outputs(path):
    """All outputs of a notebook."""
    return [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", BUILT, ids=name)
def test_every_figure_has_a_text_of_its_own(path):
    shown = [output.data for output in outputs(path) if "data" in output]
    bare = [data for data in shown if "image/png" in data and "<img alt" not in data.get("text/html", "")]
    assert not bare, "JupyterLab shows a bare PNG without a text"
    images = [data["text/html"] for data in shown if "<img" in data.get("text/html", "")]
    texts = [re.search('alt="(.*?)"', image, re.DOTALL)[1] for image in images]
    assert all(len(text.split()) >= 5 for text in texts), texts


@pytest.mark.parametrize("path", BUILT, ids=name)
def test_no_output_has_lines_that_jupyterlab_breaks_in_the_middle_of_words(path):
    kept = [output for output in outputs(path) if "text/html" not in output.get("data", {})]
    texts = [output.get("text") or output.get("data", {}).get("text/plain") for output in kept]
    texts += ["\n".join(output.traceback) for output in kept if output.output_type == "error"]
    lines = [line for text in filter(None, texts) for line in text.split("\n")]
    assert not [line for line in lines if len(line) > 100]


def test_one_module_touches_what_keras_and_tensorflow_do_not_document():
    private = re.compile(r"keras\.src|tensorflow\.python|\._(keras_history|inbound_nodes|flatten_layers|compile_loss)")
    files = [file for package in ("mos_helpers", "mos_checks") for file in (ROOT / package).rglob("*.py")]
    users = [file.name for file in files if private.search(file.read_text("utf-8"))]
    assert users == ["inside_keras.py"]
