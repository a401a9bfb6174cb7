"""Everything the sandbox knows, in memory, behind one lock. Must never speak HTTP or judge a value.

Every method is atomic; hold ``lock`` around several of them. Times are UTC with whole seconds, as the recorded
servers kept them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Id, Resource, Row, find_by_path
from syncd.sandbox.table import Table, completed


class State:
    """Tables by short name. ``version`` counts changes; ``changed`` is called after each, under the lock."""

    def __init__(self, resources: Mapping[str, Resource], now: Callable[[], float], seed: int = 0) -> None:
        self.resources = resources
        self.lock = threading.RLock()
        self.version = 0
        self.changed: Callable[[], None] | None = None
        self._now = now
        self._random = random.Random(f"ids:{seed}")  # noqa: S311 - ids of a toy, not secrets
        self._last_uuid = 0
        self._tables = {name: Table(resource) for name, resource in resources.items()}
        self._pointers: dict[str, list[str]] = {}
        for resource in resources.values():
            for field in resource.fields:
                if field.children:
                    self._pointers.setdefault(field.children, []).append(field.parent)

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

    def find(self, iri: str) -> tuple[Resource, Id] | None:
        """What kind of record an IRI names, whether it exists or not; None for no IRI of ours."""
        parts = iri.split("/")
        if len(parts) != 4 or f"/{parts[1]}" != IRI_PREFIX or parts[0]:  # noqa: PLR2004 - "", api, path, id
            return None
        resource = find_by_path(self.resources, parts[2])
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
            stamp = self.stamp()
            stamps = {field: stamp for field in resource.stamps if values.get(field) is None}
            row = {**completed(resource, values), **stamps, "id": key}
            table.put(key, row)
            self._touch_parents(resource, row)
            self._note()
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
            self._touch_parents(table.resource, old)
            self._touch_parents(table.resource, row)
            self._note()
            return row

    def delete(self, name: str, key: Id) -> bool:
        """Remove a row; what refers to it goes along or loses its reference, as declared. False when there is none.

        Raises ValueError while a record refers to it by a field that must have a value.
        """
        with self.lock:
            table = self._tables[name]
            if key not in table.rows:
                return False
            self._refuse_needed(table.resource, table.resource.iri(key))
            row = table.remove(key) or {}
            self._touch_parents(table.resource, row)
            self._release(table.resource, table.resource.iri(key))
            self._note()
            return True

    def stamp(self) -> str:
        """The time now as the API writes it."""
        return datetime.fromtimestamp(int(self._now()), UTC).isoformat()

    def new_uuid(self) -> str:
        """A version 7 UUID: ordered by time, and within one millisecond by being made later."""
        with self.lock:
            drawn = (int(self._now() * 1000) << 74) | self._random.getrandbits(74)
            self._last_uuid = max(drawn, self._last_uuid + 1)
            high, low = divmod(self._last_uuid, 1 << 62)
        stamp, upper = divmod(high, 1 << 12)
        text = f"{(stamp << 16) | 0x7000 | upper:016x}{(0b10 << 62) | low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON data; rows are shared, not copied, since they never change."""
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

    def _refuse_needed(self, target: Resource, iri: str) -> None:
        for table in self._tables.values():
            for field in table.resource.fields:
                needed = field.reference == target.name and not field.nullable and not field.cascade
                if needed and table.with_value(field.name, (iri,)):
                    raise ValueError(f"{iri} is still the {field.name} of a {table.resource.name}")

    def _release(self, target: Resource, iri: str) -> None:
        for name, table in self._tables.items():
            for field in table.resource.fields:
                if field.reference != target.name:
                    continue
                for key in table.with_value(field.name, (iri,)):
                    if field.cascade:
                        self.delete(name, key)
                    else:
                        self.update(name, key, {field.name: None})

    def _touch_parents(self, resource: Resource, row: Row) -> None:
        """Give the rows that embed this one a new identity, so that what was made of them is made again.

        Their updatedAt stays (recorded: a change to a contact does not move the client's).
        """
        for pointer in self._pointers.get(resource.name, ()):
            found = self.find(row.get(pointer) or "")
            parent = self._tables[found[0].name].rows.get(found[1]) if found else None
            if found and parent is not None:
                self._tables[found[0].name].rows[found[1]] = dict(parent)

    def _note(self) -> None:
        self.version += 1
        if self.changed is not None:
            self.changed()
