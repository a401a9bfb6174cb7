"""Fields that several declarations share. Must never name a resource that is not declared."""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import References
from syncd.sandbox.declare import Field

TEXT: Final = 255
"""How long a short text may be (modelled by the recorded servers)."""

HIDDEN_STAMP: Final = Field("updatedAt", "datetime", writable=False, readable=False)
"""A stamp that filters and orders know and no answer shows (recorded)."""


def key(*, text: bool = False) -> Field:
    """The id."""
    return Field("id", "string" if text else "integer", writable=False)


def optional(name: str, limit: int | None = None) -> Field:
    """A text that may be null."""
    return Field(name, nullable=True, max_length=limit)


def derived(name: str) -> Field:
    """A text that only the server sets, and the sandbox never does."""
    return Field(name, nullable=True, writable=False)


def place(name: str, references: References, *, nullable: bool = False) -> Field:
    """A country: an IRI, or an ISO code with a default."""
    if references == "iri":
        return Field(name, reference="Country", nullable=nullable, required=not nullable)
    default = None if nullable else "DK"
    return Field(name, format="country", nullable=nullable, required=not nullable, default=default)


def money(references: References, *, nullable: bool = False) -> Field:
    """A currency: an IRI, or an ISO code."""
    if references == "iri":
        return Field("currency", reference="Currency", nullable=nullable, required=not nullable)
    default = None if nullable else "DKK"
    return Field("currency", format="currency", nullable=nullable, required=not nullable, default=default)


def owner(name: str, resource: str) -> Field:
    """A reference that a record cannot be without: it goes with its target."""
    return Field(name, reference=resource, required=True, cascade=True)


def link(name: str, resource: str) -> Field:
    """A reference that may be null, and becomes so when its target goes."""
    return Field(name, reference=resource, nullable=True)
