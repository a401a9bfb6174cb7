"""Flowtly's JSON items to records, and raw fields to what may be sent. It runs once per record: it is kept short.

A field that is absent is null (nulls are left out of answers, recorded: case 159); a relation is its IRI, whether it
came as text or as an embedded object, alone or in an array; an amount is a Decimal, also where the server wrote it
without a fraction. Times stay the text they came as. Nothing computed, nested or unknown is ever sent: the server would
drop it in silence, or take nested objects as new records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from syncd.connectors.flowtly.addresses import Addresses, is_segment
from syncd.connectors.flowtly.catalogue import Catalogue, Field, Resource
from syncd.errors import BadAnswer, Refused
from syncd.mapping.problems import did_you_mean
from syncd.ports import Raw, Record

_BLANK_NODE: Final = "/.well-known/genid/"


class Records:
    """Reads and writes the items of one resource."""

    def __init__(self, resource: Resource, addresses: Addresses, catalogue: Catalogue) -> None:
        self._resource, self._addresses, self._catalogue = resource, addresses, catalogue
        self._under = addresses.iri(resource.items) + "/"
        self._blank: dict[str, Any] = dict.fromkeys(resource.by_name)
        self._references = tuple(resource.references.items())
        self._links = tuple((field.name, field.links) for field in resource.fields if field.links is not None)
        self._beside = tuple((field.name, field.beside) for field in resource.fields if field.beside)
        self._decimals = tuple(field.name for field in resource.fields if field.type == "decimal")
        self._width, self._skip, self._stamp = len(self._blank), len(self._under), resource.stamp

    def record(self, item: dict[str, Any]) -> Record:
        """The record of one item under its IRI. Raises BadAnswer when it has no usable identity."""
        raw = self._blank | item
        iri = raw.pop("@id", None)
        raw.pop("@type", None)
        raw.pop("@context", None)
        if len(raw) != self._width:
            for name in [name for name in raw if name[:1] == "@"]:
                del raw[name]
        for name, kept in self._beside:
            embedded = raw[name]
            if embedded.__class__ is dict:
                raw |= {f"{name}.{field}": embedded.get(field) for field in kept}
        for name, target in self._references:
            if raw[name].__class__ is dict:
                raw[name] = self._iri_of(raw[name], target)
        for name, target in self._links:
            if raw[name].__class__ is list:
                raw[name] = [self._iri_of(part, target) if part.__class__ is dict else part for part in raw[name]]
        for name in self._decimals:
            if raw[name].__class__ is int:
                raw[name] = Decimal(raw[name])
        if not (isinstance(iri, str) and iri.startswith(self._under) and _is_simple(iri[self._skip :])):
            iri = self.key(item)
        return Record(iri, raw, None if self._stamp is None else _moment(raw[self._stamp]))

    def key(self, item: Mapping[str, Any]) -> str:
        """The ``@id`` as it came; without a usable one (a bare array, a blank node) the IRI made from ``id``."""
        iri = item.get("@id")
        if isinstance(iri, str) and self.owns(iri):
            return iri
        number = item.get("id")
        if isinstance(number, int | str) and not isinstance(number, bool) and is_segment(str(number)):
            return f"{self._under}{number}"
        raise BadAnswer(f"{self._resource.name}: a record came without a usable @id or id")

    def owns(self, iri: str) -> bool:
        """True for the IRI of one record of this resource, in relative or absolute form."""
        if iri.startswith(self._under):
            return is_segment(iri[self._skip :])
        try:
            path = self._addresses.path(iri)
        except BadAnswer:
            return False
        start = self._resource.items + "/"
        return path.startswith(start) and is_segment(path[len(start) :])

    def must_own(self, key: str) -> None:
        """Raises Refused for a key that is not the IRI of one record of this resource."""
        if not self.owns(key):
            raise Refused(f"{key[:200]!r} is not the IRI of a record of {self._resource.name}")

    def same(self, left: str, right: str) -> bool:
        """True when two IRIs of this resource name one record."""
        return left == right or self.path(left) == self.path(right)

    def path(self, key: str) -> str:
        """What an IRI of this resource comes down to, in whatever form it was written."""
        return self._addresses.path(key)

    def field(self, name: str) -> Field | None:
        """A field by name; None for one that may exist without being published. Raises Refused for one that cannot."""
        found = self._resource.by_name.get(name)
        if found is None and not self._resource.open:
            hint = did_you_mean(name, self._resource.by_name)
            raise Refused(f"{self._resource.name} has no field {name!r}{f' ({hint})' if hint else ''}")
        return found

    def payload(self, fields: Raw) -> dict[str, Any]:
        """What to send. Raises Refused for a field that is unknown, computed or nested, and for text with NUL."""
        for name, value in fields.items():
            field, where = self.field(name), f"{self._resource.name}: field {name}"
            if field is None or not field.writable:
                raise Refused(f"{where} is computed by Flowtly and cannot be written")
            if isinstance(value, str) and "\x00" in value:
                raise Refused(f"{where} holds a NUL character, which no database takes")
            if _is_nested(value):
                raise Refused(f"{where} would send nested records; write them on their own")
        return dict(fields)

    def _iri_of(self, embedded: dict[str, Any], target: str) -> Any:
        """The IRI of an embedded object; the object itself where it has none, for the mapping to complain about."""
        iri = embedded.get("@id")
        if isinstance(iri, str) and _BLANK_NODE not in iri:
            return iri
        number, resource = embedded.get("id"), self._catalogue.get(target)
        if resource is None or not isinstance(number, int | str) or isinstance(number, bool):
            return embedded
        return self._addresses.iri(f"{resource.items}/{number}")


def _is_simple(text: str) -> bool:
    """True for what is surely one step of a path: a number or a UUID."""
    return text.isalnum() or text.replace("-", "").isalnum()


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value)
    )


def _moment(text: Any) -> datetime | None:
    """A change stamp as aware UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
