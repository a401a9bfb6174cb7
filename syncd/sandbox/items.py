"""A stored row as the API answers it. Must never let a field out that its declaration hides.

Null fields are left out; embedded records carry ``@id`` and ``@type`` but no ``@context`` of their own.
"""

from __future__ import annotations

from typing import Any

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Id, Resource, Row
from syncd.sandbox.phpjson import encode
from syncd.sandbox.state import State


class Items:
    """Writes rows as JSON and remembers the text of each for as long as its row is the same object."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._texts: dict[tuple[str, Id, bool], tuple[Row, bytes]] = {}

    def member(self, resource: Resource, row: Row, *, linked: bool) -> bytes:
        """One record as it stands in a collection. Hold ``state.lock``."""
        place = (resource.name, row["id"], linked)
        known = self._texts.get(place)
        if known is not None and known[0] is row:
            return known[1]
        text = encode(self.shape(resource, row, linked=linked), linked=linked)
        self._texts[place] = (row, text)
        return text

    def item(self, resource: Resource, row: Row, *, linked: bool, iri: str | None = None) -> bytes:
        """One record as an answer of its own; ``iri`` where the path is not the record's (recorded: case 91)."""
        text = self.member(resource, row, linked=linked)
        if not linked:
            return text
        head = encode({"@context": f"{IRI_PREFIX}/contexts/{resource.name}"}, linked=True)
        if iri is None:
            return head[:-1] + b"," + text[1:]
        return encode({**self._head(resource, iri), **self.shape(resource, row, linked=True), "@id": iri}, linked=True)

    def forget(self, resource: Resource, key: Id) -> None:
        """Drop what is remembered of a deleted record."""
        for linked in (True, False):
            self._texts.pop((resource.name, key, linked), None)

    def shape(self, resource: Resource, row: Row, *, linked: bool) -> dict[str, Any]:
        """One record as data."""
        iri = resource.iri(row["id"])
        data: dict[str, Any] = {"@id": iri, "@type": resource.name} if linked else {}
        for field in resource.fields:
            if not field.readable:
                continue
            if field.children:
                child = self._state.resources[field.children]
                rows = self._state.children(field.children, field.parent, iri)
                data[field.name] = [self.shape(child, each, linked=linked) for each in rows]
                continue
            value = field.computed(row, self._state.lookup) if field.computed else row.get(field.name)
            if value is not None:
                data[field.name] = value
        return data

    @staticmethod
    def _head(resource: Resource, iri: str) -> dict[str, Any]:
        return {"@context": f"{IRI_PREFIX}/contexts/{resource.name}", "@id": iri}
