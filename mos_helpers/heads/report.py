"""What `check_heads` found, and what it could not judge."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from mos_helpers.notebook import wrapped


class Finding(NamedTuple):
    """One fault: a short name for its kind, the head that it concerns ("" for all), and what to write instead."""

    code: str
    head: str
    message: str

    def __str__(self) -> str:
        return f"{self.head}: {self.message}" if self.head else self.message


Findings = Iterator[Finding]  # what a rule about the model gives
Faults = Iterator[tuple[str, str]]  # what a rule about one head gives: the code and the message of each finding


class Report(list[Finding]):
    """The findings of `check_heads`, which prints itself. It is false when nothing was found."""

    def __init__(self, findings: Iterable[Finding], otherwise: str, notes: Iterable[str] = ()) -> None:
        super().__init__(findings)
        self.notes = [*notes]  # what could not be judged
        self._otherwise = otherwise

    @property
    def findings(self) -> list[Finding]:
        """The findings as a plain list."""
        return [*self]

    @property
    def codes(self) -> list[str]:
        """The kind of each finding."""
        return [finding.code for finding in self]

    def raise_if_any(self) -> None:
        """Raise a ValueError that lists the findings, if there are any."""
        if self:
            raise ValueError(str(self))

    def __repr__(self) -> str:
        return wrapped("\n".join([*(map(str, self) if self else [self._otherwise]), *self.notes]))


@contextmanager
def noted(notes: list[str], what: str, head: str = "") -> Iterator[None]:
    """Go on after an error, with a note of what could not be done: other people's objects can raise anything."""
    try:
        yield
    except Exception as error:
        why = str(error).strip().split("\n")[0][:100]
        of_head, because = f"{head}: " if head else "", f": {why}" if why else ""
        notes.append(f"{of_head}could not {what} ({type(error).__name__}{because}).")
