"""What `check_heads` found."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """One fault: a short name for its kind, the head that it concerns ("" for all), and what to write instead."""

    code: str
    head: str
    message: str

    def __str__(self) -> str:
        return f"{self.head}: {self.message}" if self.head else self.message


class Report:
    """The findings of `check_heads`, which prints itself. It is false when nothing was found."""

    def __init__(self, findings: list[Finding], otherwise: str, notes: Sequence[str] = ()) -> None:
        self.findings = findings
        self.notes = [*notes]  # what could not be judged
        self._otherwise = otherwise

    @property
    def codes(self) -> list[str]:
        """The kind of each finding."""
        return [finding.code for finding in self.findings]

    def raise_if_any(self) -> None:
        """Raise a ValueError that lists the findings, if there are any."""
        if self.findings:
            raise ValueError(str(self))

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, index: int) -> Finding:
        return self.findings[index]

    def __repr__(self) -> str:
        return "\n".join([*(map(str, self.findings) if self.findings else [self._otherwise]), *self.notes])


def could_not(do: str, head: str, error: Exception) -> str:
    """Return the line that says what could not be judged, and why."""
    why = str(error).strip().split("\n")[0][:100]
    return f"{f'{head}: ' if head else ''}could not {do} ({type(error).__name__}{f': {why}' if why else ''})."
