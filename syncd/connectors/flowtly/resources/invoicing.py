"""Invoices and the view of drafts, as declarations. Holds data only. Sending one is no field and no verb here."""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, Field, KeyForm, Resource
from syncd.connectors.flowtly.resources.parts import (
    TARGET,
    TYPE,
    WRITES,
    computed,
    identity,
    listed,
    reference,
    view,
    when,
)

INVOICES: Final = Resource(
    name="invoices",
    path="/invoices",
    verbs=ALL,
    key_form=KeyForm.INTEGER,
    fields=(
        identity("integer"),
        Field("name", nullable=False, guessed=WRITES),
        Field("type", nullable=False),
        # Printed as an object: it comes embedded, and as an IRI within itself (recorded: case 150).
        Field("parent", reference="invoices", guessed=TYPE | TARGET | WRITES | {"nullable"}),
        listed("childrenInvoices", "invoices"),
        Field("client", nullable=False, required=True, reference="clients", guessed=TARGET | {"required"}),
        Field("tinType", nullable=False),
        Field("tinCountry"),
        Field("tin"),
        reference("bankAccount", "bank-accounts", nullable=False),
        # Follow from the rows.
        computed("amountNet", "decimal", nullable=False, unit="decimal"),
        computed("amount", "decimal", nullable=False, unit="decimal"),
        reference("currency", "currencies"),
        Field("conversionRate", "decimal"),
        computed("generatedPdfExternalId"),
        when("issueDate"),
        when("saleDate"),
        when("dueDate"),
        computed("targetAmount", "decimal", unit="decimal"),
        Field("paymentMethod", nullable=False),
        Field("notes"),
        # Rows are new records in an array that is replaced whole: not for a synchronisation to write.
        Field("invoiceRows", "json", nullable=False, writable=False, guessed=WRITES),
        computed("eInvoicing", "json"),
        computed("invoiceTransactions", "json", nullable=False),
        Field("internalComment", nullable=False),
        computed("targetAmountNet", "decimal", unit="decimal"),
        Field("status", nullable=False, guessed=WRITES),
    ),
    natural_keys=(("name",), ("client", "issueDate", "amount")),
    filters=("name", "client"),
    guessed=frozenset({"natural_keys", "filters", "item_only"}),
)

DRAFTS: Final = view(INVOICES, "draft")
