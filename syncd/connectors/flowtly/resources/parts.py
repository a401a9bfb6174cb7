"""What declarations have in common: identities, stamps, references, guesses. Holds no resource of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from syncd.connectors.flowtly.catalogue import READ, Field, Resource

TYPE: Final = frozenset({"type"})
WRITES: Final = frozenset({"writable"})
TARGET: Final = frozenset({"reference"})
EXISTS: Final = frozenset({"name", "type", "nullable"})
BOOKED: Final = ("amount", "execDate", "connectedMonth", "bankAccount", "cost", "counterparty", "ignored")
"""What is kept of a transaction that came embedded in a link to it."""


def identity(form: str) -> Field:
    """The id among the fields; the IRI is what identifies a record."""
    return Field("id", form, nullable=False, writable=False)


def stamp(name: str, *, nullable: bool = True) -> Field:
    """A time that the server sets; nullable where it stands in the later layout only and may be left out."""
    guessed = frozenset({"nullable"}) if nullable else frozenset[str]()
    return Field(name, "datetime", nullable=nullable, writable=False, volatile=True, guessed=guessed)


def required(name: str, *, reference: str | None = None) -> Field:
    """A field that a new record must have. Where a reference leads is never published: it follows from the name."""
    return Field(name, nullable=False, required=True, reference=reference, guessed=TARGET if reference else frozenset())


def reference(name: str, target: str, *, nullable: bool = True) -> Field:
    """A published field that holds an IRI, of a resource that follows from its name."""
    return Field(name, nullable=nullable, reference=target, guessed=TARGET)


def when(name: str, *, nullable: bool = False) -> Field:
    """A published text that is a time, as recorded: ``2026-01-02T00:00:00+00:00``."""
    return Field(name, "datetime", nullable=nullable, guessed=TYPE)


def computed(name: str, kind: str = "text", **more: Any) -> Field:
    """A published field that Flowtly seems to fill in itself."""
    return Field(name, kind, writable=False, guessed=WRITES, **more)


def listed(name: str, links: str, *, guessed: frozenset[str] = frozenset()) -> Field:
    """An array of other records, kept by those records themselves: they are written through their own resource."""
    return Field(name, "json", nullable=False, writable=False, links=links, guessed=WRITES | {"links"} | guessed)


def guess(name: str, kind: str = "text", **facts: Any) -> Field:
    """A field of a resource without a published schema: all of it is guessed."""
    return Field(name, kind, guessed=EXISTS | facts.keys(), **facts)


def guessed_identity() -> Field:
    """The id of a resource without a published schema. It may be a number or a text."""
    return guess("id", writable=False)


def guessed_link(name: str, target: str) -> Field:
    """A reference that makes no sense empty, of a resource without a published schema."""
    return guess(name, nullable=False, required=True, reference=target)


def view(shown: Resource, step: str) -> Resource:
    """The collection ``/<shown>/<step>``: some records of ``shown``, chosen by Flowtly, under their own IRIs.

    Reading one of them does not tell whether the view still lists it: only a walk does.
    """
    return replace(
        shown,
        name=f"{shown.name}-{step}",
        path=f"{shown.path}/{step}",
        verbs=READ,
        filters=(),
        view_of=shown.name,
        item_path=shown.path,
    )
