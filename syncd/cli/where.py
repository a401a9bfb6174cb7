"""``--where``: which open questions are meant. Pure; a filter that it does not understand never fits by chance.

``name=PATTERN`` compares the whole text, with ``*`` and ``?``; ``name~TEXT`` looks for a part of it, in any case.
Several filters must all fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from syncd.core.model import Absent, MaybeValue
from syncd.mapping.problems import did_you_mean
from syncd.ports import ConflictRow

Texts = tuple[str, ...]


def _text(value: MaybeValue) -> str:
    """A value as a filter sees it; null and nothing are empty."""
    return "" if value is None or isinstance(value, Absent) else str(value)


_NAMES: Final[Mapping[str, Callable[[ConflictRow], Texts]]] = {
    "mapping": lambda row: (row.mapping,),
    "kind": lambda row: (row.kind,),
    "field": lambda row: (row.field,),
    "rule": lambda row: (row.rule,),
    "key": lambda row: (row.external_key or "", row.flowtly_key or ""),
    "external": lambda row: (_text(row.external),),
    "flowtly": lambda row: (_text(row.flowtly),),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition."""

    name: str
    pattern: str
    part: bool

    def fits(self, row: ConflictRow) -> bool:
        """True when the question is meant. A key fits by either side's."""
        texts = _NAMES[self.name](row)
        if self.part:
            return any(self.pattern.casefold() in text.casefold() for text in texts)
        return any(fnmatchcase(text, self.pattern) for text in texts)


def parse(given: Iterable[str]) -> list[Filter]:
    """The filters of a command line. Raises ValueError that names the bad one."""
    return [_filter(text) for text in given]


def chosen(rows: Iterable[ConflictRow], filters: list[Filter]) -> list[ConflictRow]:
    """The questions that every filter fits."""
    return [row for row in rows if all(one.fits(row) for one in filters)]


def _filter(text: str) -> Filter:
    at = min((place for mark in "=~" if (place := text.find(mark)) >= 0), default=-1)
    if at <= 0:
        raise ValueError(f"--where {text!r} is not NAME=PATTERN or NAME~TEXT")
    name, mark, pattern = text[:at].strip(), text[at], text[at + 1 :]
    if name not in _NAMES:
        near = did_you_mean(name, _NAMES)
        hint = near or f"there are {', '.join(_NAMES)}"
        raise ValueError(f"--where {text!r}: there is no {name!r} to filter by; {hint}")
    if mark == "~" and not pattern:
        raise ValueError(f"--where {text!r} fits everything: say what to look for")
    return Filter(name, pattern, mark == "~")
