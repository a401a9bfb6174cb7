"""Rows of a list and of items to facts about their fields. Pure. It never keeps a value but the words of a choice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from syncd.connectors.flowtly.measured import FieldType, Nulls
from syncd.connectors.flowtly.probe_schema import MOST_FIELDS, NAME

Row = Mapping[str, Any]

_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
# A choice is known by the field's name and by few, word-like values: names, numbers and addresses never qualify.
_CHOICE: Final = re.compile(r"(?:.*[a-z])?(?:[Ss]tatus|[Tt]ype|[Rr]ole|[Gg]ranularity|[Kk]ind|[Ss]tate)")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_MOST_WORDS: Final = 20


@dataclass(slots=True)
class Observed:
    """One field in some rows: its type where all values agree, in how many it had a value, the words of a choice."""

    type: FieldType | None = None
    seen: int = 0
    words: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, value: Any) -> None:
        """Count one value."""
        kind = kind_of(value)
        self.type = kind if self.seen == 0 else _both(self.type, kind)
        self.seen += 1
        if isinstance(value, str) and len(self.words) <= _MOST_WORDS and _CHOICE.fullmatch(name):
            self.words[value if _WORD.fullmatch(value) else ""] += 1


def observe(rows: Iterable[Row]) -> dict[str, Observed]:
    """Every field that was in some row, be it as null."""
    found: dict[str, Observed] = {}
    for row in rows:
        for name, value in row.items():
            if name not in found and (len(found) >= MOST_FIELDS or NAME.fullmatch(name) is None):
                continue
            one = found.setdefault(name, Observed())
            if value is not None:
                one.take(name, value)
    for one in found.values():
        if "" in one.words or len(one.words) > _MOST_WORDS:
            one.words.clear()
    return found


def kind_of(value: Any) -> FieldType:
    """The type of one value. A relation is text, whether it came as an IRI or as an object that names itself."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, Decimal):
        return "decimal"
    if isinstance(value, dict):
        return "text" if isinstance(value.get("@id"), str) else "json"
    if not isinstance(value, str):
        return "json"
    if _STAMP.match(value):
        return "datetime"
    return "date" if _DATE.fullmatch(value) else "text"


def nulls_of(rows: Sequence[Row], listed: Iterable[str] = ()) -> Nulls:
    """Shown where any null is; omitted where rows lack fields that others have; else nobody can tell.

    ``listed`` are fields that rows have by the tenant's own word.
    """
    if any(value is None for row in rows for value in row.values()):
        return Nulls.SHOWN
    names = {*listed, *(name for row in rows for name in row)}
    return Nulls.OMITTED if any(names - row.keys() for row in rows) else Nulls.UNKNOWN


def only_in_items(listed: Sequence[Row], pairs: Iterable[tuple[Row, Row]]) -> tuple[str, ...]:
    """Fields that an item had and its own row in the list had not, and that no row of the list has at all.

    ``pairs`` are a row of the list and the item that was read for it.
    """
    in_lists = {name for row in listed for name, value in row.items() if value is not None}
    found = {
        name: None
        for row, item in pairs
        for name, value in item.items()
        if value is not None and row.get(name) is None and name not in in_lists and NAME.fullmatch(name)
    }
    return tuple(found)


def _both(one: FieldType | None, other: FieldType) -> FieldType | None:
    """The type that holds both: whole numbers are numbers (whole floats leave as integers), dates are text.

    None, which is no one type, stays None.
    """
    kinds = {one, other}
    if len(kinds) == 1:
        return one
    if kinds == {"integer", "decimal"}:
        return "decimal"
    return "text" if kinds <= {"text", "date", "datetime"} else None
