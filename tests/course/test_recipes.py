"""The recipes are the lessons' cells to take away, each a file that runs alone; test_take_away_NN.py use them."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import build

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.py"))


def test_every_lesson_with_a_cell_to_take_away_has_its_recipe():
    assert {path.name for path in RECIPES} == {path.name for path in build.recipes(build.targets())}


def test_the_table_names_every_recipe_once():
    table = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\S+\.py)\)", table)) == [path.name for path in RECIPES]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_it_needs_and_has_a_test_on_another_problem(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    needed = re.search(r"^It needs (.*), and nothing else\.$", ast.get_docstring(tree), re.MULTILINE)[1].split(", ")
    installed = set(re.findall(r"^pip install (\w+)$", ast.get_docstring(tree), re.MULTILINE))
    assert set(needed) == (imported - set(sys.stdlib_module_names)) | installed
    assert set(needed) <= packages_distributions().keys()
    assert (ROOT / "tests" / "course" / f"test_take_away_{path.stem[:2]}.py").is_file()
