"""The shape of a declaration: what one resource has, so that generic handlers can serve it. Holds data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from syncd.sandbox.config import IRI_PREFIX

Id: TypeAlias = int | str
Row: TypeAlias = Mapping[str, Any]
"""One stored record: field name to value, relations as IRIs. Never changed in place; an update makes a new one."""

FieldType: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "datetime"]
FilterKind: TypeAlias = Literal["exact", "partial", "date", "range"]
Lookup: TypeAlias = Callable[[str], Row | None]
"""From an IRI to the row it names, for computed fields."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    ``nullable``: null may be written. ``required``: a create must bring a value (422 else). ``readable`` False: kept
    and filterable, never answered. ``reference``: short name of the resource an IRI must name. ``cascade``: the
    record goes when its target goes; without it the field becomes null. ``children``: short name of the records
    embedded here, which point back by ``parent``. ``computed``: derived on reading, never stored.
    """

    name: str
    type: FieldType = "string"
    nullable: bool = False
    required: bool = False
    writable: bool = True
    readable: bool = True
    default: Any = None
    reference: str | None = None
    cascade: bool = False
    children: str | None = None
    parent: str = ""
    choices: tuple[str, ...] = ()
    format: Literal["", "email", "country", "currency"] = ""
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    computed: Callable[[Row, Lookup], Any] | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter a collection understands; any other is ignored in silence."""

    name: str
    kind: FilterKind = "exact"


@dataclass(frozen=True, slots=True)
class View:
    """The same records under another path.

    ``collection`` (/clients/search), ``item`` (/clients/{id}/documents) or ``mine`` (/employees/me: the record whose
    e-mail is the user's).
    """

    path: str
    kind: Literal["collection", "item", "mine"]


@dataclass(frozen=True)
class Resource:
    """One resource. ``groups`` are the serialisation groups that name its read schema on Flowtly's pages."""

    path: str
    name: str
    fields: tuple[Field, ...]
    groups: str
    write_groups: str = ""
    id_type: Literal["integer", "uuid", "text"] = "integer"
    collection: tuple[str, ...] = ("GET", "POST")
    item: tuple[str, ...] = ("GET", "PATCH", "DELETE")
    filters: tuple[Filter, ...] = ()
    orders: tuple[str, ...] = ()
    views: tuple[View, ...] = field(default=())

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by name."""
        return {each.name: each for each in self.fields}

    @cached_property
    def writable(self) -> dict[str, Field]:
        """The fields a write may carry; every other key of a body is dropped in silence."""
        return {each.name: each for each in self.fields if each.writable and each.computed is None}

    @cached_property
    def indexed(self) -> tuple[str, ...]:
        """Fields looked up by equal value: relations and exact filters."""
        exact = {each.name for each in self.filters if each.kind == "exact"} - {"id"}
        return tuple(each.name for each in self.fields if each.reference or each.name in exact)

    @cached_property
    def stamps(self) -> tuple[str, ...]:
        """Which of createdAt and updatedAt it keeps."""
        return tuple(name for name in ("createdAt", "updatedAt") if name in self.by_name)

    def iri(self, key: Id) -> str:
        """The IRI of one record."""
        return f"{IRI_PREFIX}/{self.path}/{key}"

    def parse_id(self, text: str) -> Id | None:
        """The id a path segment names, None where it cannot be one (recorded: 404 for a text id)."""
        if self.id_type != "integer":
            return text
        body = text.removeprefix("-")
        return int(text) if body.isascii() and body.isdigit() and len(body) < 20 else None  # noqa: PLR2004 - 64 bits


def find_by_path(resources: Mapping[str, Resource], path: str) -> Resource | None:
    """The resource served under a path segment."""
    return next((each for each in resources.values() if each.path == path), None)
