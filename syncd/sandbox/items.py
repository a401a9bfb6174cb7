"""A stored row as the API answers it. Must never let a field out that its declaration hides.

Null fields are left out; embedded records carry ``@id`` and ``@type`` but no ``@context`` of their own.
"""

from __future__ import annotations

from typing import Any, Final

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import EVERYTHING, Field, Resource, Row
from syncd.sandbox.phpjson import encode
from syncd.sandbox.state import State

_DEPTH: Final = 16
"""How many records may stand inside each other before an IRI takes the place of the next: chains of invoices."""


class Items:
    """Writes the rows of one state as JSON. Hold ``state.lock``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def member(self, resource: Resource, row: Row, *, linked: bool) -> bytes:
        """One record as it stands in a collection."""
        return encode(self.shape(resource, row, linked=linked), linked=linked)

    def item(self, resource: Resource, row: Row, *, linked: bool, iri: str | None = None) -> bytes:
        """One record as an answer of its own; ``iri`` where the path is not the record's (recorded: case 91)."""
        data = self.shape(resource, row, linked=linked)
        if not linked:
            return encode(data, linked=False)
        head = {"@context": f"{IRI_PREFIX}/contexts/{resource.name}"}
        return encode({**head, **data, **({"@id": iri} if iri else {})}, linked=True)

    def shape(
        self,
        resource: Resource,
        row: Row,
        *,
        linked: bool,
        shows: tuple[str, ...] = EVERYTHING,
        within: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """One record as data. ``within``: the IRIs of the records it stands in, outermost first."""
        iri = resource.iri(row["id"])
        inside = (*within, iri)
        data: dict[str, Any] = {"@id": iri, "@type": resource.name} if linked else {}
        for field in resource.fields:
            if not field.readable or not (shows is EVERYTHING or field.name in shows):
                continue
            value = self._value(field, row, iri, linked=linked, inside=inside)
            if value is not None:
                data[field.name] = value
        return data

    def _value(self, field: Field, row: Row, iri: str, *, linked: bool, inside: tuple[str, ...]) -> Any:
        if field.children:
            return self._children(field, iri, linked=linked, inside=inside)
        if field.computed:
            return field.computed(row, self._state)
        value = row.get(field.name)
        if field.shows and value is not None:
            return self._target(field, value, linked=linked, inside=inside)
        return value

    def _children(self, field: Field, iri: str, *, linked: bool, inside: tuple[str, ...]) -> list[Any]:
        child = self._state.resources[field.children or ""]
        rows = self._state.children(child.name, field.parent, iri)
        if not field.shows:
            return [child.iri(each["id"]) for each in rows]
        return [self.shape(child, each, linked=linked, shows=field.shows, within=inside) for each in rows]

    def _target(self, field: Field, iri: str, *, linked: bool, inside: tuple[str, ...]) -> Any:
        """What a reference names; its IRI where the object would stand inside itself."""
        target = self._state.lookup(iri)
        if target is None or iri in inside or len(inside) >= _DEPTH:
            return iri
        resource = self._state.resources[field.reference or ""]
        return self.shape(resource, target, linked=linked, shows=field.shows, within=inside)
