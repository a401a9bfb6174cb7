"""The shape of a declaration: what one resource has, so that generic handlers can serve it. Holds data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, Protocol, TypeAlias

from syncd.sandbox.config import IRI_PREFIX

Id: TypeAlias = int | str
Row: TypeAlias = Mapping[str, Any]
"""One stored record: field name to value, relations as IRIs. Never changed in place; an update makes a new one."""

FieldType: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "object", "datetime"]
FilterKind: TypeAlias = Literal["exact", "partial", "date", "range"]

EVERYTHING: Final = ("*",)
"""Every readable field of a record that stands inside another."""


class Records(Protocol):
    """What a derived value may ask for. Names are short names of resources, parents are IRIs."""

    def lookup(self, iri: str) -> Row | None:
        """The row an IRI names."""

    def children(self, name: str, parent: str, iri: str) -> list[Row]:
        """The rows of ``name`` whose field ``parent`` is ``iri``, in id order."""

    def count_children(self, name: str, parent: str, iri: str) -> int:
        """How many rows of ``name`` have ``iri`` in their field ``parent``."""


Derived: TypeAlias = Callable[[Row, Records], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    ``nullable``: null may be written. ``required``: a create must bring a value (422 else). ``readable`` False: kept
    and filterable, never answered. ``reference``: short name of the resource an IRI must name. ``cascade``: the
    record goes when its target goes; without it the field becomes null. ``children``: short name of the records
    listed here, which point back by ``parent``. ``shows``: which fields of a reference or of children are answered
    in an object of its own; none gives the IRI. ``not_before``: the date field that must not be later than this one.
    ``computed``: derived on reading, never stored. ``filled``: what a create without a value stores.
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
    shows: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    format: Literal["", "email", "country", "currency"] = ""
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    not_before: str = ""
    computed: Derived | None = None
    filled: Derived | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter a collection understands; any other is ignored in silence.

    A dotted name asks for records by a field of their children: ``budgetTransactions.budget``.
    """

    name: str
    kind: FilterKind = "exact"


@dataclass(frozen=True, slots=True)
class View:
    """The same records under another path.

    ``collection`` (/clients/search), ``item`` (/clients/{id}/documents) or ``mine`` (/employees/me: the record whose
    e-mail is the user's). ``where``: only these records; it may look at the record, at its children and at what the
    references in ``through`` name.
    """

    path: str
    kind: Literal["collection", "item", "mine"]
    where: Callable[[Row, Records], bool] | None = None
    through: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """One resource. ``groups`` are the serialisation groups that name its read schema on Flowtly's pages.

    ``exposed`` False: a record has an IRI, but a GET of it is 404, as where an API has no item operation for it.
    """

    path: str
    name: str
    fields: tuple[Field, ...]
    groups: str
    write_groups: str = ""
    id_type: Literal["integer", "uuid", "text"] = "integer"
    collection: tuple[str, ...] = ("GET", "POST")
    item: tuple[str, ...] = ("GET", "PATCH", "DELETE")
    exposed: bool = True
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
    def defaults(self) -> dict[str, Any]:
        """What a record has where nothing was said."""
        return {each.name: each.default for each in self.fields if each.default is not None}

    @cached_property
    def stamps(self) -> tuple[str, ...]:
        """Which of createdAt and updatedAt it keeps."""
        return tuple(name for name in ("createdAt", "updatedAt") if name in self.by_name)

    @property
    def published_item(self) -> tuple[str, ...]:
        """The methods of one record that are meant to be called."""
        return self.item if self.exposed else tuple(method for method in self.item if method != "GET")

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
