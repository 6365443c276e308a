"""Build the website of the course from the committed notebooks and their outputs; nothing is executed.

    uv run --group site site/build.py          writes site/_build/html, and fails at any warning

Each lesson is a page, with its exercise below it in the list of pages. In an exercise, the answer to each question is
behind a fold after its check. Each page offers its notebook for download.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

SITE = Path(__file__).resolve().parent
ROOT = SITE.parent
PARTS = {
    "Heads": range(4),
    "Kinds of answers": range(4, 7),
    "Training together": range(7, 11),
    "Hierarchies": range(11, 14),
    "In use": range(14, 100),
}
# What opens a part of the list of pages has no name in the theme.
UNNAMED = '<summary><span class="toctree-toggle"'
NAMED = '<summary aria-label="Show or hide the exercise"><span class="toctree-toggle"'
# Tables may scroll by themselves, which the keyboard can do only where it can go.
TABLE, REACHED = "<table ", '<table tabindex="0" '
CHECK = re.compile(r'^check\("(\d+\.\d+)"', re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TERM = re.compile(
    r"^\| (?P<word>[^|]+?) \| (?P<french>[^|]*?) \| (?P<meaning>.+?) \| (?P<lesson>.*?) \| (?P<elsewhere>.*?) ?\|$"
)
# Where the notebooks send the reader to the folder of solutions.
ANSWERS = re.compile(r"(The\s+answers\s+are|One\s+answer\s+of\s+many\s+is)\s+in\s+`solutions/[^`]*`[^.]*\.")
SECTION = re.compile(r"\[(\d+)\]\((notebooks/\w+\.ipynb)\), \*(.+?)\*")
RECIPE = re.compile(r"(.*)\n\nFrom lesson (\d+)\. (.+)\n(.+)", re.DOTALL)
NO_FRENCH = "Where no French name stands, no settled one was found"
# What an exercise says on a page where nothing runs.
TO_ANSWER = (
    "*To answer, [run the course on a computer](../index.md#run-it). Here you can read the questions, and unfold an "
    "answer to each.*"
)
# What no word is linked in: code, links, formulas, headings, tables and addresses.
APART = re.compile(
    r"(```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|\$[^$]*\$|^#.*$|^\|.*$|https?://\S+)", re.DOTALL | re.MULTILINE
)


def main() -> int:
    """Write the pages, have Sphinx build them, and put the notebooks to download beside them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=SITE / "_build", help="the folder to write (site/_build)")
    into = parser.parse_args().into
    source, html = into / "source", into / "html"
    for folder in (source, html):
        shutil.rmtree(folder, ignore_errors=True)
    write_pages(source)
    code = sphinx(["-c", str(SITE), "-b", "html", "-W", "--keep-going", "-q", "-j", "auto", str(source), str(html)])
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8").replace(UNNAMED, NAMED).replace(TABLE, REACHED)
        page.write_text(text, encoding="utf-8")
    for path in source.rglob("*.ipynb"):
        shutil.copy(ROOT / path.relative_to(source), html / "_sources" / path.relative_to(source))
    print(f"The website is in {html}: open index.html.")
    return code


def write_pages(source: Path) -> None:
    """Write what Sphinx reads: the notebooks, changed for the website, and the pages that are no notebook."""
    words = list(glossary())
    for folder in ("notebooks", "exercises"):
        (source / folder).mkdir(parents=True)
        for path in sorted((ROOT / folder).glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            if folder == "exercises":
                notebook.cells = list(with_answers(notebook.cells, ROOT / "solutions" / path.name))
            elif (ROOT / "exercises" / path.name).exists():
                notebook.cells += [nbformat.v4.new_markdown_cell(toctree([f"../exercises/{path.stem}"], hidden=True))]
            if path.stem == "00_start_here":
                notebook.cells = list(with_letters(notebook.cells))
            if path.stem == "glossary":
                notebook.cells = [nbformat.v4.new_markdown_cell(glossary_page(notebook.cells))]
            else:
                link_words(notebook.cells, words, path.stem)
            nbformat.write(notebook, source / folder / path.name)
    shutil.copytree(ROOT / "notebooks" / "images", source / "notebooks" / "images")
    shutil.copytree(ROOT / "recipes", source / "recipes", ignore=shutil.ignore_patterns("README.md"))
    course = pack_course(source / "multi-output-models.zip")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {"index": first_page(readme, course), "problems": problems_page(readme), "recipes": recipes_page()}
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")


def pack_course(path: Path) -> str:
    """Pack the committed course for readers who want to run it; return the link, or words where there is no git."""
    command = ["git", "archive", "--format=zip", "--prefix=multi-output-models/", f"--output={path}", "HEAD"]
    if not shutil.which("git") or subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
        return "get the folder of the course"
    return f"[download the course]({path.name}) ({path.stat().st_size / 1e6:.0f} MB) and unpack it"


def with_answers(cells: list, solution: Path) -> Iterator[nbformat.NotebookNode]:
    """Yield the cells of an exercise, and after each check what the solution has up to it, behind a fold."""
    given = {cell.source for cell in cells}
    answers: dict[str, list] = {}
    waiting: list = []
    last = None
    for cell in nbformat.read(solution, as_version=4).cells:
        match = cell.cell_type == "code" and CHECK.search(cell.source)
        explains = "solution" in cell.metadata.get("tags", []) and cell.cell_type == "markdown"
        if match:
            last = match[1]
            answers[last], waiting = waiting, []
        elif cell.source not in given and explains and last and not waiting:
            answers[last].append(cell)
        elif cell.source not in given:
            waiting.append(cell)
    yield cells[0]
    yield nbformat.v4.new_markdown_cell(TO_ANSWER)
    for cell in cells[1:]:
        yield cell
        match = cell.cell_type == "code" and CHECK.search(cell.source)
        if match and answers.get(match[1]):
            yield fold(match[1], answers[match[1]])


def with_letters(cells: list) -> Iterator[nbformat.NotebookNode]:
    """Yield the cells of the opening notebook, and after its test the right letters, as the check has them."""
    tree = ast.parse((ROOT / "mos_checks" / "lesson_00.py").read_text(encoding="utf-8"))
    [right] = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "RIGHT"]
    letters = ", ".join(f"{number} {letter}" for number, letter in ast.literal_eval(right).items())
    for cell in cells:
        yield cell
        if cell.cell_type == "code" and cell.source.startswith('check("0.2"'):
            yield nbformat.v4.new_markdown_cell(
                f"<details class='answer'><summary>The right letters</summary>\n\n{letters}\n\n</details>"
            )


def fold(question: str, cells: list) -> nbformat.NotebookNode:
    """Return a cell that is closed until the reader opens it."""
    parts = []
    for cell in cells:
        source = re.sub(r"^### (BEGIN|END) SOLUTION\n?", "", cell.source, flags=re.MULTILINE).strip("\n")
        parts.append(f"~~~python\n{source}\n~~~" if cell.cell_type == "code" else source)
    body = "\n\n".join(parts)
    return nbformat.v4.new_markdown_cell(
        f"<details class='answer'><summary>An answer to {question}</summary>\n\n{body}\n\n</details>"
    )


def glossary() -> Iterator[dict[str, str]]:
    """Yield the words of the glossary with what its table says of each."""
    for cell in nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4).cells:
        for line in cell.source.splitlines():
            if (match := TERM.match(line)) and match["word"] != "word":
                yield match.groupdict()


def glossary_page(cells: list) -> str:
    """Return the glossary with an entry to link to for each word, in place of tables."""
    lines = []
    for line in "\n\n".join(cell.source for cell in cells).splitlines():
        match = TERM.match(line)
        if line.startswith("|---"):
            lines.append(":::{glossary}")
        elif not match:
            lines.append(line)
        elif match["word"] != "word":
            french = "" if match["french"] in ("", "-") else f" In French: {match['french']}."
            elsewhere = f" Elsewhere: {match['elsewhere']}." if match["elsewhere"] else ""
            names = "\n".join(match["word"].split(", "))
            lines.append(f"{names}\n  {match['meaning'].rstrip('.')}.{french}{elsewhere} Lesson {match['lesson']}.\n")
    text = "\n".join(lines)
    text = re.sub(r"(:::\{glossary\}\n.*?)(?=\n#|\Z)", r"\1\n:::\n", text, flags=re.DOTALL)
    text = text.replace("Lesson .", "").replace("A dash means that no settled French name was found", NO_FRENCH)
    return text.replace("The last column lists\nnames", "After *elsewhere* stand\nnames")


def link_words(cells: list, words: list[dict[str, str]], stem: str) -> None:
    """Link each word of the glossary where a page first uses it, and say at the end what else it is called."""
    waiting = {name: name for row in words for name in row["word"].split(", ")}
    for cell in cells:
        if cell.cell_type != "markdown" or cell.source.startswith("<details"):
            continue
        cell.source = cell.source.replace("](../solutions/", "](../exercises/").replace(
            "](../README.md)", "](../index.md)"
        )
        cell.source = ANSWERS.sub(r"\1 behind folds, after the checks.", cell.source)
        pieces = APART.split(cell.source)
        for place in range(0, len(pieces), 2):
            for name in list(waiting):
                found = re.search(rf"(?<![\w*-]){re.escape(name)}(?![\w*-])", pieces[place])
                if found and "{term}" not in pieces[place]:
                    start, end = found.span()
                    pieces[place] = f"{pieces[place][:start]}{{term}}`{name}`{pieces[place][end:]}"
                    del waiting[name]
        cell.source = "".join(pieces)
    here = [row for row in words if f"]({stem}.ipynb)" in row["lesson"] and row["elsewhere"]]
    if here:
        said = "; ".join(f"{row['elsewhere']} ({row['word']})" for row in here)
        cells.insert(-1, nbformat.v4.new_markdown_cell(f"*Other names for words of this lesson:* {said}."))


def first_page(readme: str, course: str) -> str:
    """Return the README's words on the course, how to run it, and its map by parts."""
    beginning, _, rest = readme.partition("\n## Start")
    start = re.search(r"\n\nYou need.*?(?=\n## )", rest, re.DOTALL)[0]
    sections = [
        re.sub(r"<img[^>]*>", "", beginning),
        "**Begin** with [lesson 0](notebooks/00_start_here.ipynb), or with [your problem](problems.md).",
        f"**To run it** on a computer, {course}: [how to start it](#run-it) is one line. "
        "The button at the top of a lesson downloads its notebook alone, which needs the other files of the course.",
    ]
    for part, numbers in PARTS.items():
        lines = ["| lesson | question | minutes |", "|---|---|---|"]
        pages = []
        for number, title, question, minutes in ROW.findall(readme):
            if int(number) in numbers:
                links = re.findall(r"\[(.+?)\]\(((?:notebooks|exercises)/[^)]*?\.ipynb)\)", title)
                if title.startswith("Capstone"):
                    links = [("Capstone", links[0][1])]
                names = ", ".join(f"[{name}]({page})" for name, page in links)
                lines.append(f"| {number}. {names} | {question} | {minutes} |")
                pages.append(links[0][1].removesuffix(".ipynb"))
        sections += [f"## {part}", "\n".join(lines), toctree(pages, hidden=True, caption=part)]
    look_up = ["problems", "recipes", "notebooks/cheat_sheet", "notebooks/glossary"]
    return "\n\n".join(
        [
            *sections,
            "## To look up",
            "[From your problem to a lesson](problems.md), the [recipes](recipes.md) to copy, "
            "the [cheat sheet](notebooks/cheat_sheet.ipynb), and the [glossary](notebooks/glossary.ipynb).",
            toctree(look_up, hidden=True, caption="To look up"),
            "## Run it",
            f"First, {course}.{start}",
        ]
    )


def problems_page(readme: str) -> str:
    """Return the README's table from problems to lessons, with links to the sections that it names."""

    def with_link(found: re.Match) -> str:
        lesson, page, heading = found.groups()
        place = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        return f"[{lesson}]({page}), [*{heading}*]({page}#{place})"

    title = "From your problem to a lesson"
    section = re.search(rf"## {title}\n.*?(?=\n## )", readme, re.DOTALL)[0]
    return SECTION.sub(with_link, section.replace("## ", "# ", 1))


def recipes_page() -> str:
    """Return the table of the recipes, and each recipe with its code and the file to download."""
    table = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
    table = re.sub(r" `build\.py` writes.*", "", table)
    sections = [re.sub(r"\]\((\w+)\.py\)", r"](#\1py)", table)]
    for path in sorted((ROOT / "recipes").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        says, number, title, needs = RECIPE.fullmatch(ast.get_docstring(ast.parse(text))).groups()
        lesson = f"From lesson [{number}. {title}](notebooks/{path.stem}.ipynb). {needs}"
        code = text.split('"""', 2)[2].strip("\n")
        take = f"{{download}}`Download {path.name} <recipes/{path.name}>`"
        sections += [f"## {path.name}", says, lesson, take, f"~~~python\n{code}\n~~~"]
    return "\n\n".join(sections)


def toctree(pages: list[str], *, hidden: bool, caption: str = "") -> str:
    """Return MyST's list of pages."""
    options = [":hidden:"] * hidden + [f":caption: {caption}"] * bool(caption)
    return "\n".join(["```{toctree}", *options, *pages, "```"])


if __name__ == "__main__":
    sys.exit(main())
