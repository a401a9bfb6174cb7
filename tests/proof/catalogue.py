"""Which sections there are, in the order of the page, and how long each may take on two quiet cores. Holds names only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds for the whole and for the sample. Being over is told, never a failure: machines differ."""

    whole: int
    sample: int

    def seconds(self, *, quick: bool) -> int:
        """For this kind of run."""
        return self.sample if quick else self.whole


BUDGETS: Final = {
    "crash": Budget(900, 60),
    "histories": Budget(400, 45),
    "enumeration": Budget(240, 30),
    "mutants": Budget(720, 60),
    "daemons": Budget(300, 45),
    "outside": Budget(300, 45),
    "losses": Budget(420, 45),
    "no_deletes": Budget(360, 45),
}
"""The sections in the order of the page; any other module with ``prove`` comes after them."""


def names() -> tuple[str, ...]:
    """Every section that is to be shown. A named one whose module is missing counts, and fails when it is run."""
    found = sorted(path.stem for path in HERE.glob("*.py") if "\ndef prove(" in path.read_text(encoding="utf-8"))
    return (*BUDGETS, *(name for name in found if name not in BUDGETS))


def longest_first(chosen: Sequence[str]) -> list[str]:
    """The order in which to run them, so that no long one begins when all others have ended."""
    return sorted(chosen, key=lambda name: -BUDGETS[name].whole if name in BUDGETS else 0)
