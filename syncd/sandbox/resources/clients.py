"""Clients, their contacts and their notes, as declarations. Holds data only."""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import References
from syncd.sandbox.declare import EVERYTHING, Field, Filter, Records, Resource, Row, View
from syncd.sandbox.resources.shapes import HIDDEN_STAMP, TEXT, key, link, money, optional, owner, place

CLIENT_STATUS: Final = ("active", "inactive", "lead", "archived")
TIN_TYPES: Final = ("vat", "national", "none")
CONTACT_TYPES: Final = ("general", "billing", "decision_maker")
LANGUAGE: Final = "da"


def client(references: References) -> Resource:
    """A client; never deleted by the API."""
    return Resource(
        path="clients",
        name="Client",
        groups="client.read_client_contact.read_storage.read",
        write_groups="client.write_client_contact.write",
        item=("GET", "PATCH"),
        fields=(
            key(),
            place("country", references),
            money(references),
            link("defaultCost", "Cost"),
            Field("status", choices=CLIENT_STATUS, default="active"),
            optional("attributeSet"),
            Field("name", required=True, max_length=TEXT),
            Field("dueDays", "integer", default=14, minimum=0),
            Field("tinType", choices=TIN_TYPES, default="vat"),
            optional("tinCountry"),
            Field("tin", nullable=True, min_length=5, max_length=20),
            optional("externalPaymentCustomerId"),
            optional("invoiceComment"),
            optional("defaultTaxRate"),
            Field("documentsLanguage", required=True, min_length=2, max_length=5, default=LANGUAGE),
            optional("addressPhoneNumber", TEXT),
            optional("addressCity", TEXT),
            optional("addressPostCode", TEXT),
            optional("addressStreetLine", TEXT),
            optional("addressBuildingNumber", TEXT),
            optional("addressLocaleNumber", TEXT),
            place("addressCountry", references, nullable=True),
            Field("clientContacts", "array", children="ClientContact", parent="client", shows=EVERYTHING),
            Field("costGroup", "array", nullable=True, writable=False),
            Field("costGroupIcon", nullable=True, writable=False),
            HIDDEN_STAMP,
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


def _vat_number(row: Row, records: Records) -> str | None:
    """Prefix and number in one; without a prefix the client's country serves (recorded: case 114)."""
    if row.get("tin") is None:
        return None
    prefix = row.get("tinCountry")
    if prefix is None:
        country = row.get("country") or ""
        target = records.lookup(country) if country.startswith("/") else None
        prefix = target["code"] if target else country
    return f"{prefix}{row['tin']}"


CLIENT_CONTACT: Final = Resource(
    path="client-contacts",
    name="ClientContact",
    groups="client_contact.read_storage.read",
    write_groups="client_contact.write",
    fields=(
        key(),
        # Written but not answered: the published read schema has no such field (recorded: case 136).
        Field("client", reference="Client", required=True, readable=False, cascade=True),
        Field("type", choices=CONTACT_TYPES, default="general"),
        Field("position", "integer", default=0),
        Field("email", required=True, format="email"),
        Field("name", required=True, max_length=TEXT),
        optional("title"),
        optional("phone"),
        HIDDEN_STAMP,
    ),
    filters=(Filter("client"), Filter("email"), Filter("type"), Filter("updatedAt", "date")),
    orders=("id", "position", "updatedAt"),
)

CLIENT_NOTE: Final = Resource(
    path="client-notes",
    name="ClientNote",
    groups="client_note.read",
    write_groups="client_note.write",
    id_type="uuid",
    fields=(
        key(text=True),
        owner("client", "Client"),
        # Required on Flowtly's pages; the recorded servers took a note without one (case 130).
        link("employee", "Employee"),
        Field("note", required=True),
        Field("updatedAt", "datetime", writable=False),
    ),
    filters=(Filter("client"), Filter("employee"), Filter("updatedAt", "date")),
    orders=("updatedAt", "id"),
)
