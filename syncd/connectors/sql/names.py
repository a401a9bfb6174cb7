"""Whether a name can be the name of a table or column. Never changes a name: what cannot be kept as it is, is told."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from syncd.ports import Obstacle

LONGEST: Final = 63
"""Bytes of a name in PostgreSQL, which cuts a longer one without a word."""

_SYSTEM: Final = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def name_obstacles(dialect: str, table: str, columns: Iterable[str]) -> Iterator[Obstacle]:
    """What is wrong with the names of a table and its columns in this kind of database."""
    trouble = _trouble(dialect, table)
    if trouble is None and dialect == "sqlite" and table.lower().startswith("sqlite_"):
        trouble = "is kept for SQLite itself"
    if trouble is not None:
        yield Obstacle("", f"the name of the table {trouble}: {table!r}")
    folded: dict[str, str] = {}
    for name in columns:
        trouble = _trouble(dialect, name)
        if trouble is None and dialect == "postgresql" and name in _SYSTEM:
            trouble = "is a column that PostgreSQL has in every table"
        first = folded.setdefault(name.casefold(), name)
        if trouble is None and first != name and dialect == "sqlite":
            trouble = f"differs from {first!r} in case only, which SQLite does not tell apart"
        if trouble is not None:
            yield Obstacle(name, f"the name {trouble}: {name!r}")


def _trouble(dialect: str, name: str) -> str | None:
    if not name or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        return "is empty or has a control character"
    size = len(name.encode())
    if dialect == "postgresql" and size > LONGEST:
        return f"has {size} bytes; PostgreSQL keeps {LONGEST}"
    return None
