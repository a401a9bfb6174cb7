"""Which resources the sandbox serves, as declarations. A new one is an entry here; no code may be needed elsewhere.

Fields and nullability are Flowtly's published ones; choices, defaults and limits are those of the recorded servers,
which their authors modelled: change them here when a tenant is known to differ. Organizations, employees, countries
and currencies have no published schema; theirs are assumed.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import References
from syncd.sandbox.declare import Field, Filter, Lookup, Resource, Row, View

CLIENT_STATUS: Final = ("active", "inactive", "lead", "archived")
TIN_TYPES: Final = ("vat", "national", "none")
CONTACT_TYPES: Final = ("general", "billing", "decision_maker")
LANGUAGE: Final = "da"
_TEXT: Final = 255


def declarations(references: References) -> dict[str, Resource]:
    """Every served resource by short name, in the order of the entry point."""
    served = (
        _client(references),
        _CLIENT_CONTACT,
        _CLIENT_NOTE,
        _COUNTRY,
        _CURRENCY,
        _EMPLOYEE,
        _ORGANIZATION,
    )
    return {each.name: each for each in served}


def _vat_number(row: Row, lookup: Lookup) -> str | None:
    """Prefix and number in one; without a prefix the client's country serves (recorded: case 114)."""
    if row.get("tin") is None:
        return None
    prefix = row.get("tinCountry")
    if prefix is None:
        country = row.get("country") or ""
        target = lookup(country) if country.startswith("/") else None
        prefix = target["code"] if target else country
    return f"{prefix}{row['tin']}"


def _place(name: str, references: References, *, nullable: bool = False) -> Field:
    if references == "iri":
        return Field(name, reference="Country", nullable=nullable, required=not nullable)
    default = None if nullable else "DK"
    return Field(name, format="country", nullable=nullable, required=not nullable, default=default)


def _money(references: References) -> Field:
    if references == "iri":
        return Field("currency", reference="Currency", required=True)
    return Field("currency", format="currency", required=True, default="DKK")


def _optional(name: str, limit: int | None = None) -> Field:
    return Field(name, nullable=True, max_length=limit)


def _client(references: References) -> Resource:
    return Resource(
        path="clients",
        name="Client",
        groups="client.read_client_contact.read_storage.read",
        write_groups="client.write_client_contact.write",
        item=("GET", "PATCH"),
        fields=(
            Field("id", "integer", writable=False),
            _place("country", references),
            _money(references),
            _optional("defaultCost"),
            Field("status", choices=CLIENT_STATUS, default="active"),
            _optional("attributeSet"),
            Field("name", required=True, max_length=_TEXT),
            Field("dueDays", "integer", default=14, minimum=0),
            Field("tinType", choices=TIN_TYPES, default="vat"),
            _optional("tinCountry"),
            Field("tin", nullable=True, min_length=5, max_length=20),
            _optional("externalPaymentCustomerId"),
            _optional("invoiceComment"),
            _optional("defaultTaxRate"),
            Field("documentsLanguage", required=True, min_length=2, max_length=5, default=LANGUAGE),
            _optional("addressPhoneNumber", _TEXT),
            _optional("addressCity", _TEXT),
            _optional("addressPostCode", _TEXT),
            _optional("addressStreetLine", _TEXT),
            _optional("addressBuildingNumber", _TEXT),
            _optional("addressLocaleNumber", _TEXT),
            _place("addressCountry", references, nullable=True),
            Field("clientContacts", "array", children="ClientContact", parent="client"),
            Field("costGroup", "array", nullable=True, writable=False),
            Field("costGroupIcon", nullable=True, writable=False),
            Field("updatedAt", "datetime", writable=False, readable=False),
            Field("vatNumber", nullable=True, writable=False, computed=_vat_number),
        ),
        filters=(
            Filter("id"),
            Filter("name", "partial"),
            Filter("tin"),
            Filter("currency"),
            Filter("country"),
            Filter("status"),
            Filter("externalPaymentCustomerId"),
            Filter("updatedAt", "date"),
        ),
        orders=("id", "name", "updatedAt"),
        views=(View("search", "collection"), View("documents", "item")),
    )


_CLIENT_CONTACT: Final = Resource(
    path="client-contacts",
    name="ClientContact",
    groups="client_contact.read_storage.read",
    write_groups="client_contact.write",
    fields=(
        Field("id", "integer", writable=False),
        # Written but not answered: the published read schema has no such field (recorded: case 136).
        Field("client", reference="Client", required=True, readable=False, cascade=True),
        Field("type", choices=CONTACT_TYPES, default="general"),
        Field("position", "integer", default=0),
        Field("email", required=True, format="email"),
        Field("name", required=True, max_length=_TEXT),
        _optional("title"),
        _optional("phone"),
        Field("updatedAt", "datetime", writable=False, readable=False),
    ),
    filters=(Filter("client"), Filter("email"), Filter("type"), Filter("updatedAt", "date")),
    orders=("id", "position", "updatedAt"),
)

_CLIENT_NOTE: Final = Resource(
    path="client-notes",
    name="ClientNote",
    groups="client_note.read",
    write_groups="client_note.write",
    id_type="uuid",
    fields=(
        Field("id", writable=False),
        Field("client", reference="Client", required=True, cascade=True),
        # Required on Flowtly's pages; the recorded servers took a note without one (case 130).
        Field("employee", reference="Employee", nullable=True),
        Field("note", required=True),
        Field("updatedAt", "datetime", writable=False),
    ),
    filters=(Filter("client"), Filter("employee"), Filter("updatedAt", "date")),
    orders=("updatedAt", "id"),
)

_COUNTRY: Final = Resource(
    path="countries",
    name="Country",
    groups="country.read",
    collection=("GET",),
    item=("GET",),
    fields=(
        Field("id", "integer", writable=False),
        Field("code", format="country", required=True),
        Field("name", required=True, max_length=_TEXT),
    ),
    filters=(Filter("code"),),
    orders=("id", "code"),
)

_CURRENCY: Final = Resource(
    path="currencies",
    name="Currency",
    groups="currency.read",
    collection=("GET",),
    item=("GET",),
    fields=(
        Field("id", "integer", writable=False),
        Field("code", format="currency", required=True),
        Field("name", required=True, max_length=_TEXT),
    ),
    filters=(Filter("code"),),
    orders=("id", "code"),
)

_EMPLOYEE: Final = Resource(
    path="employees",
    name="Employee",
    groups="employee.read",
    write_groups="employee.write",
    fields=(
        Field("id", "integer", writable=False),
        Field("firstName", required=True, max_length=_TEXT),
        Field("lastName", required=True, max_length=_TEXT),
        Field("email", required=True, format="email"),
        Field("status", choices=("active", "inactive"), default="active"),
    ),
    filters=(Filter("email"), Filter("status")),
    orders=("id", "lastName"),
    views=(View("search", "collection"), View("me", "mine")),
)

_ORGANIZATION: Final = Resource(
    path="organizations",
    name="Organization",
    groups="organization.read",
    id_type="text",
    collection=("GET",),
    item=("GET",),
    fields=(
        Field("id", writable=False),
        Field("type", choices=("production", "demo"), default="production"),
        Field("status", choices=("active", "inactive"), default="active"),
        Field("name", required=True, max_length=_TEXT),
        Field("slug", required=True, max_length=_TEXT),
        Field("instance", required=True, max_length=_TEXT),
    ),
    orders=("id",),
)
