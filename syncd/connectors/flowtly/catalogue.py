"""The words in which a Flowtly resource is declared: verbs, fields, keys, and how sure each of these facts is.

A fact is documented (it stands on Flowtly's published pages) unless its name is in ``guessed``; a guess must never
be the only thing between us and a lost or doubled record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from syncd.errors import Refused
from syncd.mapping.problems import did_you_mean
from syncd.ports import FieldShape, Shape


class Verb(StrEnum):
    """What can be done with a resource."""

    LIST = "list"
    CREATE = "create"
    GET = "get"
    PATCH = "patch"
    DELETE = "delete"


class KeyForm(StrEnum):
    """What the id in an IRI looks like."""

    INTEGER = "integer"
    TEXT = "text"
    UNKNOWN = "unknown"


READ = frozenset({Verb.LIST, Verb.GET})
EDIT = READ | {Verb.CREATE, Verb.PATCH}
ALL = EDIT | {Verb.DELETE}
REPLACE = ALL - {Verb.PATCH}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``type`` as in ``ports.FieldShape``; ``required`` on create; not ``writable`` means computed.

    ``reference`` names the resource whose IRI it holds, ``links`` the one whose IRIs an array holds. ``unit`` is how
    an amount is written: ``decimal`` 12.50, ``minor`` 1250. ``volatile`` fields move without an edit: keep them out of
    mappings and digests. ``found_in`` (resource, field): where answers leave this field out, it is the record of that
    resource whose field lists this one. ``beside``: fields of the record that it points to which are kept as raw fields
    of their own (``transaction.amount``) where that came embedded. ``guessed`` names the facts about this field that
    Flowtly does not document.
    """

    name: str
    type: str = "text"
    nullable: bool = True
    writable: bool = True
    required: bool = False
    reference: str | None = None
    links: str | None = None
    unit: Literal["minor", "decimal"] | None = None
    volatile: bool = False
    found_in: tuple[str, str] | None = None
    beside: tuple[str, ...] = ()
    guessed: frozenset[str] = frozenset()

    @property
    def shape(self) -> FieldShape:
        """The field as the port tells it."""
        return FieldShape(
            self.name, self.type, self.nullable, self.writable, self.required, self.reference, self.volatile
        )


@dataclass(frozen=True)
class Resource:
    """One resource at ``path``. ``natural_keys`` may identify a record, never prove it: uniqueness is nowhere promised.

    ``filters`` are candidates: a row that comes back is checked again, and a filter that is ignored costs only time.
    ``stamp`` is the field that says when a record changed. ``marker`` is the free-text field in which a mark of ours
    would be at home. ``item_only`` fields stand in an item's answer and not in a list's. ``own`` is the path of the
    one record that stands for the user. ``view_of`` names the resource whose records a view lists: their IRIs lead
    there. ``open`` means that fields not listed here may exist.
    """

    name: str
    path: str
    verbs: frozenset[Verb]
    fields: tuple[Field, ...]
    key_form: KeyForm
    natural_keys: tuple[tuple[str, ...], ...] = ()
    filters: tuple[str, ...] = ()
    stamp: str | None = None
    marker: str | None = None
    item_only: frozenset[str] = frozenset()
    own: str | None = None
    view_of: str | None = None
    item_path: str | None = None
    open: bool = False
    guessed: frozenset[str] = frozenset()

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def references(self) -> Mapping[str, str]:
        """Reference fields and the resource each points to."""
        return {field.name: field.reference for field in self.fields if field.reference is not None}

    @cached_property
    def volatile(self) -> frozenset[str]:
        """Fields to keep out of digests."""
        return frozenset(field.name for field in self.fields if field.volatile)

    @cached_property
    def shape(self) -> Shape:
        """The resource as the port tells it."""
        return Shape(self.name, {field.name: field.shape for field in self.fields}, self.open)

    @property
    def items(self) -> str:
        """The path under which single records stand; a view's are those of the resource it shows."""
        return self.path if self.item_path is None else self.item_path

    @property
    def replaced(self) -> bool:
        """True where a change is a deletion and a creation, so that the IRI changes with it."""
        return Verb.PATCH not in self.verbs and {Verb.CREATE, Verb.DELETE} <= self.verbs


class Catalogue(Mapping[str, Resource]):
    """Every resource that can be named, by name. What one tenant has: the declarations, overridden and measured."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = {resource.name: resource for resource in resources}

    def __getitem__(self, name: str) -> Resource:
        return self._resources[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)

    def named(self, name: str) -> Resource:
        """The declaration of a resource. Raises Refused with the nearest known name."""
        found = self._resources.get(name)
        if found is None:
            hint = did_you_mean(name, self) or f"known: {', '.join(sorted(self))}"
            raise Refused(f"Flowtly has no resource {name!r} that syncd knows ({hint})")
        return found

    def views(self, name: str) -> tuple[Resource, ...]:
        """The views that list records of a resource."""
        return tuple(resource for resource in self.values() if resource.view_of == name)
