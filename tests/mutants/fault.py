"""What a planted fault is: a place, the text there, the text instead, and the tests that have to notice."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.forked import ROOT, Job


class DoesNotFit(Exception):
    """The text of a fault is not in its file exactly once: the code moved on and the fault has to follow."""


@dataclass(frozen=True)
class Fault:
    """``law``: numbers of the laws it breaks; ``tests``: pytest arguments, parted by blanks."""

    name: str
    file: str
    old: str
    new: str
    law: str
    why: str
    tests: str

    def planted(self) -> str:
        """The file's text with the fault. Raises DoesNotFit."""
        text = (ROOT / self.file).read_text()
        if text.count(self.old) != 1:
            raise DoesNotFit(f"{self.name}: the text is in {self.file} {text.count(self.old)} times: {self.old!r}")
        return text.replace(self.old, self.new)

    def job(self) -> Job:
        """As it is run."""
        return Job(self.name, self.file, self.planted(), arguments(self.tests.split()))


def arguments(tests: list[str]) -> tuple[str, ...]:
    """Pytest's arguments for these tests; those of pure parts need no database and so no conftest."""
    pure = all(test.startswith("tests/unit/core/") for test in tests)
    return (*(["--noconftest"] if pure else []), *tests)
