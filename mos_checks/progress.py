"""Which questions are solved, and what to do next.

    python -m mos_checks.progress           in the folder of the course

It reads what `check` and `hint` remember in a small file beside the exercises (see `mos_checks.memory`).
"""

import sys
from pathlib import Path

from mos_checks import grading
from mos_checks.memory import Memory, line_of


def table(folder: Path) -> str:
    """Return a line for each exercise in a folder, and the next thing to do."""
    memory = Memory()
    memory.load(folder)
    lessons = [lesson for lesson in grading.lessons() if lesson]
    lines, following = [], ""
    for lesson in lessons:
        asked = grading.load_lesson(lesson)
        lines.append(line_of(lesson, asked, memory.solved, lessons[-1]))
        still_open = [question for question in asked if question not in memory.solved]
        if still_open and not following:
            notebook = next((path.name for path in folder.glob(f"{lesson:02}_*.ipynb")), f"exercise {lesson}")
            following = f"Next: question {still_open[0]}, in {notebook}."
    return "\n".join([*lines, following or "All questions are solved."])


def main() -> int:
    """Print the table for the exercises in this folder, or in its folder `exercises`."""
    here = Path.cwd()
    print(table(here / "exercises" if (here / "exercises").is_dir() else here))
    return 0


if __name__ == "__main__":
    sys.exit(main())
