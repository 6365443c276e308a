"""What `check` and `hint` remember: which questions are solved, and how many hints were given.

It is a small file beside the exercises, `.mos_progress.json`, which may be deleted. It is written only where a notebook
of the lesson lies, and never in strict mode. Nothing is remembered of the opening notebook: it shows a first hint and a
first answer whenever it is run.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

NAME = ".mos_progress.json"


class Memory:
    """The solved questions, and how many hints were given for each: those of this session, and those in the file."""

    def __init__(self) -> None:
        self.solved: set[str] = set()
        self.hints: dict[str, int] = {}

    def load(self, folder: Path) -> None:
        """Add what the file in a folder holds; a file that cannot be read holds nothing."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
            self.solved |= {str(question) for question in stored["solved"]}
            for question, count in stored["hints"].items():
                self.hints.setdefault(str(question), int(count))

    def save(self, folder: Path, question_id: str) -> None:
        """Write all that is remembered into the file, if the folder has a notebook of the question's lesson."""
        lesson = int(question_id.partition(".")[0])
        if lesson == 0 or os.environ.get("MOS_STRICT") == "1" or not any(folder.glob(f"{lesson:02}_*.ipynb")):
            return
        self.load(folder)  # what another notebook has written since
        content = {"solved": sorted(self.solved, key=place_of), "hints": self.hints}
        with suppress(OSError):
            (folder / NAME).write_text(json.dumps(content, indent=1), encoding="utf-8")


def place_of(question_id: str) -> list[int]:
    """Return lesson and number, to sort by."""
    return [int(part) for part in question_id.split(".")]


def line_of(lesson: int, asked: list[str], solved: set[str], last: int) -> str:
    """Return one line on an exercise: how many questions are solved, which are open, and what comes next."""
    still_open = [question for question in asked if question not in solved]
    line = f"Exercise {lesson}: {len(asked) - len(still_open)} of {len(asked)} questions solved."
    if still_open:
        return f"{line} Open: {', '.join(still_open)}."
    return f"{line} Next: lesson {lesson + 1}." if lesson < last else f"{line} That was the last one."
