"""One resource's records in memory: by id, in id order, with indexes. Not thread-safe by itself; State locks.

Rows are never changed in place: an update stores a new mapping, so a reader may keep what it got. An index is made
when it is first asked for and kept right from then on, so that filling a table costs nothing for what nobody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from syncd.sandbox.declare import Id, Resource, Row

_Index: TypeAlias = dict[Any, dict[Id, None]]


class SortedIds:
    """Ids in order, each once."""

    def __init__(self, ids: Iterable[Id] = ()) -> None:
        self.ids: list[Any] = sorted(ids)

    def add(self, key: Id) -> None:
        """Put an id in its place; ids mostly come in order."""
        if not self.ids or key > self.ids[-1]:
            self.ids.append(key)
        elif (place := bisect_left(self.ids, key)) == len(self.ids) or self.ids[place] != key:
            self.ids.insert(place, key)

    def discard(self, key: Id) -> None:
        """Take an id out, if it is there."""
        place = bisect_left(self.ids, key)
        if place < len(self.ids) and self.ids[place] == key:
            del self.ids[place]


class Table:
    """Rows of one resource. ``next_id`` only grows: an id is never given twice, as in a database sequence."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.rows: dict[Id, Row] = {}
        self.next_id = 1
        self._order = SortedIds()
        self._indexes: dict[str, _Index] = {}

    @property
    def ids(self) -> list[Any]:
        """Every id in order: the table's own list, not to be changed or kept."""
        return self._order.ids

    def put(self, key: Id, row: Row) -> None:
        """Store a new or changed row."""
        old = self.rows.get(key)
        if old is None:
            self._order.add(key)
        for name, index in self._indexes.items():
            value = row.get(name)
            if old is not None:
                if old.get(name) == value:
                    continue
                self._forget(index, old.get(name), key)
            index.setdefault(value, {})[key] = None
        self.rows[key] = row
        if isinstance(key, int):
            self.next_id = max(self.next_id, key + 1)

    def remove(self, key: Id) -> Row | None:
        """Take a row out; None when there is none."""
        row = self.rows.pop(key, None)
        if row is None:
            return None
        self._order.discard(key)
        for name, index in self._indexes.items():
            self._forget(index, row.get(name), key)
        return row

    def with_value(self, name: str, values: Iterable[Any]) -> list[Id]:
        """Ids of rows whose field equals one of ``values``, in id order."""
        index = self._index(name)
        found: dict[Id, None] = {}
        for value in values:
            found.update(index.get(value, {}))
        return sorted(found)

    def count(self, name: str, value: Any) -> int:
        """How many rows have this value."""
        return len(self._index(name).get(value, ()))

    def snapshot(self) -> list[Row]:
        """All rows in id order."""
        return [self.rows[key] for key in self.ids]

    def _index(self, name: str) -> _Index:
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = {}
            for key, row in self.rows.items():
                index.setdefault(row.get(name), {})[key] = None
        return index

    @staticmethod
    def _forget(index: _Index, value: Any, key: Id) -> None:
        keys = index.get(value)
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                del index[value]


def completed(resource: Resource, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the declared defaults; null and unknown fields are left out, so that rows stay small."""
    known = resource.by_name
    row = {**resource.defaults, **{name: value for name, value in values.items() if name in known}}
    return {name: value for name, value in row.items() if value is not None}
