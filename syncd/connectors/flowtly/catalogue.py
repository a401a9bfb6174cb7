"""The words in which a Flowtly resource is declared: verbs, fields, keys, and how sure each of these facts is.

A fact is documented (it stands on Flowtly's published pages) unless its name is in ``guessed``; a guess must never
be the only thing between us and a lost or doubled record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

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


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``type`` as in ``ports.FieldShape``; ``required`` on create; not ``writable`` means computed.

    ``reference`` names the resource whose IRI it holds. ``volatile`` fields move without an edit: keep them out of
    mappings and digests. ``guessed`` names the facts about this field that Flowtly does not document.
    """

    name: str
    type: str = "text"
    nullable: bool = True
    writable: bool = True
    required: bool = False
    reference: str | None = None
    volatile: bool = False
    guessed: frozenset[str] = frozenset()

    @property
    def shape(self) -> FieldShape:
        """The field as the port tells it."""
        return FieldShape(self.name, self.type, self.nullable, self.writable, self.required, self.reference)


@dataclass(frozen=True)
class Resource:
    """One resource at ``path``. ``natural_keys`` may identify a record, never prove it: uniqueness is nowhere promised.

    ``filters`` are candidates: a row that comes back is checked again, and a filter that is ignored costs only time.
    ``stamp`` is the field that says when a record changed. ``open`` means that fields not listed here may exist.
    """

    name: str
    path: str
    verbs: frozenset[Verb]
    fields: tuple[Field, ...]
    key_form: KeyForm
    natural_keys: tuple[tuple[str, ...], ...] = ()
    filters: tuple[str, ...] = ()
    stamp: str | None = None
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
