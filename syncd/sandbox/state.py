"""Everything the sandbox knows, in memory, behind one lock. Must never speak HTTP or judge a value.

Every method is atomic; hold ``lock`` around several of them. Times are UTC with whole seconds, as the recorded
servers kept them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Id, Resource, Row, View
from syncd.sandbox.table import Table, completed
from syncd.sandbox.uuids import RANDOM_BITS, uuid7
from syncd.sandbox.views import Views

T = TypeVar("T")
_MEMOS: Final = 16


class State:
    """Tables by short name. ``version`` counts changes; ``changed`` is called after each, under the lock.

    ``watch`` is told what happened (created, updated, deleted) to which record: short name and id; it must not wait.
    ``blobs``: the bytes of uploaded files by the IRI of the record they belong to; a file goes with its record.
    """

    def __init__(self, resources: Mapping[str, Resource], now: Callable[[], float], seed: int = 0) -> None:
        self.resources = resources
        self.lock = threading.RLock()
        self.version = 0
        self.changed: Callable[[], None] | None = None
        self.watch: Callable[[str, str, Id], None] | None = None
        self.blobs: dict[str, bytes] = {}
        self._now = now
        self._random = random.Random(f"ids:{seed}")  # noqa: S311 - ids of a toy, not secrets
        self._last_uuid = 0
        self._tables = {name: Table(resource) for name, resource in resources.items()}
        self._by_path = {resource.path: resource for resource in resources.values()}
        self._views = Views(resources, self)
        self._referring = _referring(resources)
        self._memos: dict[Hashable, Any] = {}
        self._memo_version = 0

    def table(self, name: str) -> Table:
        """One table. Hold ``lock`` while using it."""
        return self._tables[name]

    def get(self, name: str, key: Id) -> Row | None:
        """One row."""
        with self.lock:
            return self._tables[name].rows.get(key)

    def count(self, name: str) -> int:
        """How many rows."""
        with self.lock:
            return len(self._tables[name].ids)

    def rows(self, name: str) -> list[Row]:
        """All rows in id order."""
        with self.lock:
            return self._tables[name].snapshot()

    def view(self, name: str, view: View) -> Sequence[Id]:
        """Ids of the rows a view with a condition shows, in order. Hold ``lock``; do not change it, do not keep it."""
        return self._views.ids(name, view)

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives for ``key``, made again only after a change; the last few are kept."""
        with self.lock:
            if self._memo_version != self.version or len(self._memos) >= _MEMOS:
                self._memos.clear()
                self._memo_version = self.version
            if key not in self._memos:
                self._memos[key] = make()
            made: T = self._memos[key]
            return made

    def find(self, iri: str) -> tuple[Resource, Id] | None:
        """What kind of record an IRI names, whether it exists or not; None for no IRI of ours."""
        parts = iri.split("/")
        if len(parts) != 4 or f"/{parts[1]}" != IRI_PREFIX or parts[0]:  # noqa: PLR2004 - "", api, path, id
            return None
        resource = self._by_path.get(parts[2])
        key = resource.parse_id(parts[3]) if resource else None
        return (resource, key) if resource and key is not None and parts[3] else None

    def lookup(self, iri: str) -> Row | None:
        """The row an IRI names."""
        found = self.find(iri)
        return self.get(found[0].name, found[1]) if found else None

    def children(self, name: str, parent: str, iri: str) -> list[Row]:
        """The rows of ``name`` whose field ``parent`` is ``iri``, in id order."""
        with self.lock:
            table = self._tables[name]
            return [table.rows[key] for key in table.with_value(parent, (iri,))]

    def count_children(self, name: str, parent: str, iri: str) -> int:
        """How many rows of ``name`` have ``iri`` in their field ``parent``."""
        with self.lock:
            return self._tables[name].count(parent, iri)

    def insert(self, name: str, values: Mapping[str, Any], key: Id | None = None) -> Row:
        """Store a new row under ``key`` or the next id; defaults and stamps are filled in, nothing is validated.

        Raises ValueError when the key is taken.
        """
        with self.lock:
            table = self._tables[name]
            resource = table.resource
            if key is None:
                key = table.next_id if resource.id_type == "integer" else self.new_uuid()
            if key in table.rows:
                raise ValueError(f"{resource.iri(key)} exists already")
            row = completed(resource, values)
            for stamp in resource.stamps:
                row.setdefault(stamp, self.stamp())
            row["id"] = key
            table.put(key, row)
            self._note(resource, key, None, row)
            return row

    def update(self, name: str, key: Id, changes: Mapping[str, Any]) -> Row:
        """Change fields of a row; ``updatedAt`` moves only when something differs. Raises KeyError."""
        with self.lock:
            table = self._tables[name]
            old = table.rows[key]
            differing = {field: value for field, value in changes.items() if old.get(field) != value}
            if not differing:
                return old
            merged = {**old, **differing}
            if "updatedAt" in table.resource.stamps and "updatedAt" not in differing:
                merged["updatedAt"] = self.stamp()
            row = {field: value for field, value in merged.items() if value is not None}
            table.put(key, row)
            self._note(table.resource, key, old, row)
            return row

    def delete(self, name: str, key: Id) -> bool:
        """Remove a row; what refers to it goes along or loses its reference, as declared. False when there is none.

        Raises ValueError while a record refers to it by a field that must have a value.
        """
        with self.lock:
            table = self._tables[name]
            if key not in table.rows:
                return False
            iri = table.resource.iri(key)
            self._refuse_needed(name, iri)
            row = table.remove(key)
            self.blobs.pop(iri, None)
            self._release(name, iri)
            self._note(table.resource, key, row, None)
            return True

    def referring(self, name: str, iri: str) -> list[tuple[str, str, Id]]:
        """Resource, field and id of every row that refers to a record, which is one of ``name``."""
        with self.lock:
            return [
                (resource, field, key)
                for resource, field, _ in self._referring.get(name, ())
                for key in self._tables[resource].with_value(field, (iri,))
            ]

    def stamp(self) -> str:
        """The time now as the API writes it."""
        return _written(int(self._now()))

    def new_uuid(self) -> str:
        """A version 7 UUID: ordered by time, and within one millisecond by being made later."""
        with self.lock:
            drawn = (int(self._now() * 1000) << RANDOM_BITS) | self._random.getrandbits(RANDOM_BITS)
            self._last_uuid = max(drawn, self._last_uuid + 1)
            return uuid7(self._last_uuid)

    def dump(self) -> dict[str, Any]:
        """Everything but the blobs, as JSON data; rows are shared, not copied, since they never change."""
        with self.lock:
            return {name: {"next": table.next_id, "rows": table.snapshot()} for name, table in self._tables.items()}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Fill an empty state from ``dump``. Raises KeyError, TypeError or ValueError for data it never wrote."""
        with self.lock:
            for name, part in data.items():
                table = self._tables[name]
                for row in part["rows"]:
                    table.put(row["id"], dict(row))
                table.next_id = max(table.next_id, int(part["next"]))

    def _refuse_needed(self, name: str, iri: str) -> None:
        for resource, field, lost in self._referring.get(name, ()):
            if lost == "never" and self._tables[resource].count(field, iri):
                raise ValueError(f"{iri} is still the {field} of a {resource}")

    def _release(self, name: str, iri: str) -> None:
        for resource, field, lost in self._referring.get(name, ()):
            for key in self._tables[resource].with_value(field, (iri,)):
                if lost == "with it":
                    self.delete(resource, key)
                else:
                    self.update(resource, key, {field: None})

    def _note(self, resource: Resource, key: Id, old: Row | None, new: Row | None) -> None:
        self._views.note(resource, key, old, new)
        self.version += 1
        if self.changed is not None:
            self.changed()
        if self.watch is not None:
            self.watch("created" if old is None else "deleted" if new is None else "updated", resource.name, key)


@lru_cache(maxsize=16)
def _written(second: int) -> str:
    """Records of one second share one text, which matters where there are many."""
    return datetime.fromtimestamp(second, UTC).isoformat()


def _referring(resources: Mapping[str, Resource]) -> dict[str, list[tuple[str, str, str]]]:
    """Per resource: which fields point to it, and what happens to them when a record goes."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for resource in resources.values():
        for field in resource.fields:
            if field.reference:
                lost = "with it" if field.cascade else "null" if field.nullable else "never"
                found.setdefault(field.reference, []).append((resource.name, field.name, lost))
    return found
