"""One resource's records in memory: by id, in id order, with indexes. Not thread-safe by itself; State locks.

Rows are never changed in place: an update stores a new mapping, so a reader may keep what it got and a cache may
compare by identity.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from syncd.sandbox.declare import Id, Resource, Row


class Table:
    """Rows of one resource. ``next_id`` only grows: an id is never given twice, as in a database sequence."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.rows: dict[Id, Row] = {}
        self.ids: list[Any] = []
        self.next_id = 1
        self._indexes: dict[str, dict[Any, dict[Id, None]]] = {name: {} for name in resource.indexed}

    def put(self, key: Id, row: Row) -> None:
        """Store a new or changed row."""
        old = self.rows.get(key)
        if old is None:
            self._place(key)
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
        del self.ids[bisect_left(self.ids, key)]
        for name, index in self._indexes.items():
            self._forget(index, row.get(name), key)
        return row

    def with_value(self, name: str, values: Iterable[Any]) -> list[Id]:
        """Ids of rows whose indexed field equals one of ``values``, in id order."""
        index = self._indexes[name]
        found: dict[Id, None] = {}
        for value in values:
            found.update(index.get(value, {}))
        return sorted(found)

    def snapshot(self) -> list[Row]:
        """All rows in id order."""
        return [self.rows[key] for key in self.ids]

    def _place(self, key: Id) -> None:
        if not self.ids or key > self.ids[-1]:
            self.ids.append(key)
        else:
            self.ids.insert(bisect_left(self.ids, key), key)

    @staticmethod
    def _forget(index: dict[Any, dict[Id, None]], value: Any, key: Id) -> None:
        keys = index.get(value)
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                del index[value]


def completed(resource: Resource, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the declared defaults; null and unknown fields are left out, so that rows stay small."""
    row = {each.name: each.default for each in resource.fields if each.default is not None}
    row.update({name: value for name, value in values.items() if name in resource.by_name})
    return {name: value for name, value in row.items() if value is not None}
