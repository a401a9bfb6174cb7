"""Small reference lists (countries, currencies) as tables from a key to a value and back. Never picks among several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from syncd.core.model import Value
from syncd.mapping.links import LinkTable
from syncd.mapping.records import Unfit, clean

KEY = "@key"
"""The name under which a row carries its own key."""


@dataclass(frozen=True, slots=True)
class LookupTable:
    """One reference list by one of its fields. A value that several rows share is known but cannot be used."""

    by: str
    values: Mapping[str, Value]
    keys: Mapping[Value, str]
    ambiguous: frozenset[Value] = frozenset()
    _folded: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def to_value(self, key: str) -> Value:
        """The value of the row with this key. Raises Unfit for an unknown key or a row without value."""
        value = self.values.get(key)
        if value is None:
            known = "has no" if key in self.values else "is not in the list, so it has no"
            raise Unfit(f"{key} {known} {self.by}")
        return self._single(value)

    def to_key(self, value: Value) -> str | None:
        """The key of the row with this value, or None when there is none. Raises Unfit when several rows have it."""
        return self.keys.get(self._single(value))

    def spelled(self, value: Value) -> Value:
        """The table's own spelling of a text, whatever its case; the text itself when the table has none."""
        if not isinstance(value, str) or value in self.keys:
            return value
        found = self.likes(value)
        if len(found) > 1:
            raise Unfit(f"several rows have a {self.by} like {value!r}")
        return found[0] if found else value

    def has(self, text: str) -> bool:
        """True when this value (in any case) or row key can be used now; for waking records that wait for it."""
        found = (*self._folded.get(text.casefold(), ()), self.values.get(text))
        return any(value is not None and value not in self.ambiguous for value in found)

    def likes(self, value: Value) -> tuple[Value, ...]:
        """The table's own spellings of a text that differ from it in case only."""
        return self._folded.get(value.casefold(), ()) if isinstance(value, str) else ()

    def _single(self, value: Value) -> Value:
        if value in self.ambiguous:
            raise Unfit(f"several rows have the {self.by} {value!r}")
        return value


Lookups: TypeAlias = Mapping[tuple[str, str], LookupTable | LinkTable]
"""Lists by (resource, by), and the links of other mappings by ``links.table_of``."""


def lookup_table(rows: Iterable[Mapping[str, Any]], by: str) -> LookupTable:
    """Build a table from raw rows; a row without a key says nothing, and one that cannot be read has no value."""
    values: dict[str, Value] = {}
    keys: dict[Value, str] = {}
    ambiguous: set[Value] = set()
    folded: dict[str, dict[Value, None]] = {}
    for row in rows:
        key, value = row.get(KEY), _readable(row.get(by))
        if not isinstance(key, str):
            continue
        values[key] = value
        if value is None:
            continue
        if keys.setdefault(value, key) != key:
            ambiguous.add(value)
        folded.setdefault(str(value).casefold(), {})[value] = None
    return LookupTable(by, values, keys, frozenset(ambiguous), {text: tuple(found) for text, found in folded.items()})


def _readable(value: Any) -> Value:
    try:
        return clean(value)
    except Unfit:
        return None
