"""What a section of the proof is given and what it gives back. Every section is a module with ``prove(ask)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.postgres import PostgresServer


@dataclass(frozen=True)
class Ask:
    """How much is to be proven. ``quick``: a sample that takes well under a minute; else everything.

    ``server`` makes databases, ``folder`` is empty and for this section alone, ``say`` shows progress.
    """

    quick: bool
    seed: int
    folder: Path
    server: PostgresServer
    say: Callable[[str], None]


@dataclass(frozen=True)
class Section:
    """What was found. ``text`` is Markdown below the heading ``title``; ``numbers`` are those worth comparing.

    Proven only without ``failures``; each says what, where and how to see it again.
    """

    title: str
    text: str
    numbers: Mapping[str, int | float | str]
    failures: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Result:
    """What became of a section: what it found, or the trouble that kept it from finding anything."""

    name: str
    seconds: float
    section: Section | None = None
    trouble: str = ""

    @property
    def failures(self) -> tuple[str, ...]:
        """Everything that is against it."""
        found = () if self.section is None else self.section.failures
        return (*found, self.trouble) if self.trouble else found

    @property
    def proven(self) -> bool:
        """True only when it ran to its end and nothing is against it."""
        return self.section is not None and not self.failures
