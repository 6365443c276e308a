"""The cell under *Take this with you* of a lesson, run as a reader would: alone, from its file in recipes/."""

from functools import cache
from pathlib import Path

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@cache
def source(lesson):
    """Return the code of a recipe."""
    return (RECIPES / f"{lesson}.py").read_text(encoding="utf-8")


def take_away(lesson):
    """Run a recipe in an empty namespace; return the names that it defines."""
    names = {"__name__": "take_away"}
    exec(compile(source(lesson), f"{lesson}.py", "exec"), names)
    return names
