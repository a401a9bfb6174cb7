"""Clients, their contacts and their notes, as declarations. Holds data only.

Fields and verbs: Flowtly's clients page; what is required and the stamps: its later layout.
"""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, EDIT, Field, KeyForm, Resource
from syncd.connectors.flowtly.resources.parts import WRITES, computed, identity, reference, required, stamp

CLIENTS: Final = Resource(
    name="clients",
    path="/clients",
    verbs=EDIT,  # there is no DELETE: a client is retired by its status
    key_form=KeyForm.INTEGER,
    fields=(
        identity("integer"),
        required("country", reference="countries"),
        required("currency", reference="currencies"),
        reference("defaultCost", "costs"),
        required("status"),
        reference("attributeSet", "attribute-sets"),
        required("name"),
        Field("dueDays", "integer", nullable=False),
        required("tinType"),
        Field("tinCountry"),
        Field("tin"),
        Field("externalPaymentCustomerId"),  # belongs to a payment provider: not free for keys of ours
        Field("invoiceComment"),
        Field("defaultTaxRate"),
        Field("documentsLanguage", nullable=False),
        Field("addressPhoneNumber"),
        Field("addressCity"),
        Field("addressPostCode"),
        Field("addressStreetLine"),
        Field("addressBuildingNumber"),
        Field("addressLocaleNumber"),
        reference("addressCountry", "countries"),
        # An array is replaced whole and its objects are taken as new records (recorded: cases 174 to 180).
        Field("clientContacts", "json", nullable=False, writable=False, guessed=WRITES),
        computed("costGroup", "json"),
        computed("costGroupIcon"),
        # Follows tinCountry and tin (recorded: case 094): write those.
        computed("vatNumber"),
    ),
    natural_keys=(("tinCountry", "tin"), ("name", "country")),
    filters=("tin",),
    guessed=frozenset({"natural_keys", "filters"}),
)

CLIENT_CONTACTS: Final = Resource(
    name="client-contacts",
    path="/client-contacts",
    verbs=ALL,
    key_form=KeyForm.INTEGER,
    fields=(
        identity("integer"),
        # In the later page layout only, and missing from answers (recorded: cases 049 and 136).
        Field(
            "client",
            nullable=False,
            required=True,
            reference="clients",
            found_in=("clients", "clientContacts"),
            guessed=frozenset({"nullable", "required"}),
        ),
        required("type"),
        Field("position", "integer", nullable=False, guessed=frozenset({"nullable"})),
        required("email"),
        required("name"),
        Field("title"),
        Field("phone"),
        stamp("createdAt"),
        stamp("updatedAt"),
        Field("possibleTypes", writable=False, volatile=True, guessed=frozenset({"volatile"})),
    ),
    natural_keys=(("client", "email"),),
    filters=("client",),
    stamp="updatedAt",
    guessed=frozenset({"natural_keys", "filters"}),
)

CLIENT_NOTES: Final = Resource(
    name="client-notes",
    path="/client-notes",
    verbs=ALL,
    key_form=KeyForm.TEXT,
    fields=(
        identity("text"),
        required("client", reference="clients"),
        required("employee", reference="employees"),
        required("note"),
        stamp("createdAt"),
        stamp("updatedAt", nullable=False),
    ),
    filters=("client",),
    stamp="updatedAt",
    guessed=frozenset({"filters"}),
)
