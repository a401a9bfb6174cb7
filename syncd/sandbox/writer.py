"""Creating, changing and deleting records by the rules of the API. Must never store a part of a refused write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Id, Resource, Row
from syncd.sandbox.denormalise import Changes, Denormaliser, Existing
from syncd.sandbox.errors import ApiError
from syncd.sandbox.state import State
from syncd.sandbox.table import completed
from syncd.sandbox.validate import check

Rewrite: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""What a peer makes of the values it was sent, after it accepted them and before it stores them."""


def unchanged(values: dict[str, Any]) -> dict[str, Any]:
    """The rewrite of a peer that stores what it is sent."""
    return values


class Writer:
    """Writes into one state. Each method is atomic."""

    def __init__(self, config: SandboxConfig, state: State) -> None:
        self._state = state
        self._read = Denormaliser(state, config.envelope)

    def create(self, resource: Resource, data: Any, *, origin: str, rewrite: Rewrite = unchanged) -> Row:
        """A new record. Raises ApiError 400 or Invalid 422, and then nothing is stored."""
        with self._state.lock:
            values, changes = self.judged(resource, data, origin=origin)
            row = self._state.insert(resource.name, rewrite(values))
            self._embed(resource, row["id"], changes)
            return row

    def judged(self, resource: Resource, data: Any, *, origin: str) -> tuple[dict[str, Any], Changes]:
        """What a create would store. Raises ApiError 400 or Invalid 422."""
        changes = self._read.body(resource, data, origin=origin)
        values = self._filled(resource, completed(resource, changes.values))
        check(self._state.resources, resource, values, changes, {})
        return values, changes

    def patch(self, resource: Resource, key: Id, data: Any, *, origin: str, rewrite: Rewrite = unchanged) -> Row:
        """Change a record. Raises ApiError 400 or 404 or Invalid 422, and then nothing is changed."""
        with self._state.lock:
            old = self._state.get(resource.name, key)
            if old is None:
                raise ApiError(404, "Not Found")
            changes = self._read.body(resource, data, origin=origin)
            existing = {name: len(self._children(resource, name, key)) for name in changes.children}
            check(self._state.resources, resource, {**old, **changes.values}, changes, existing)
            self._state.update(resource.name, key, rewrite(changes.values))
            self._embed(resource, key, changes)
            return self._state.table(resource.name).rows[key]

    def delete(self, resource: Resource, key: Id) -> None:
        """Remove a record and what goes with it. Raises ApiError 404, or 409 while another record needs it."""
        try:
            found = self._state.delete(resource.name, key)
        except ValueError as error:
            raise ApiError(409, str(error)) from None
        if not found:
            raise ApiError(404, "Not Found")

    def _filled(self, resource: Resource, values: dict[str, Any]) -> dict[str, Any]:
        """The values with those that the server makes of others."""
        for field in resource.fields:
            if field.filled and field.name not in values:
                values[field.name] = field.filled(values, self._state)
        return values

    def _children(self, resource: Resource, name: str, key: Id) -> list[Row]:
        field = resource.by_name[name]
        return self._state.children(field.children or "", field.parent, resource.iri(key))

    def _embed(self, resource: Resource, key: Id, changes: Changes) -> None:
        """Make the embedded records be exactly those sent: what is not named goes, objects become new records."""
        for name, entries in changes.children.items():
            field = resource.by_name[name]
            child, pointer = field.children or "", {field.parent: resource.iri(key)}
            kept = {entry.key for entry in entries if isinstance(entry, Existing)}
            for row in self._children(resource, name, key):
                if row["id"] not in kept:
                    self._state.delete(child, row["id"])
            for entry in entries:
                if isinstance(entry, Existing):
                    self._state.update(child, entry.key, pointer)
                else:
                    self._state.insert(child, {**_present(entry.values), **pointer})


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
