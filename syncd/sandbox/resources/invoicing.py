"""Invoices and their rows, as declarations. Holds data only.

Nullability is the recorded servers' where it differs from the published pages (an invoice without a bank account,
case 150); the fields of a row are theirs too.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import References
from syncd.sandbox.declare import EVERYTHING, Field, Filter, Records, Resource, Row, View
from syncd.sandbox.resources.clients import TIN_TYPES
from syncd.sandbox.resources.shapes import HIDDEN_STAMP, TEXT, derived, key, link, money, optional, owner

DRAFT: Final = "draft"


def _is_draft(row: Row, _records: Records) -> bool:
    return bool(row.get("status") == DRAFT)


def invoice(references: References) -> Resource:
    """An invoice. ``status`` is a word of the server's (modelled: draft, sent, paid); sending sets it."""
    return Resource(
        path="invoices",
        name="Invoice",
        groups="invoice.read_invoice_row.read_invoice_transaction.read_transaction.read_storage.read",
        write_groups="invoice.write_invoice_row.write",
        fields=(
            key(),
            Field("name", required=True, max_length=TEXT),
            Field("type", default="invoice", max_length=TEXT),
            Field("parent", reference="Invoice", nullable=True, shows=EVERYTHING),
            Field("childrenInvoices", "array", writable=False, children="Invoice", parent="parent"),
            owner("client", "Client"),
            Field("tinType", choices=TIN_TYPES, default="vat"),
            optional("tinCountry"),
            optional("tin", 20),
            link("bankAccount", "BankAccount"),
            Field("amountNet", "number", default=0),
            Field("amount", "number", default=0),
            money(references, nullable=True),
            Field("conversionRate", "number", nullable=True),
            derived("generatedPdfExternalId"),
            Field("issueDate", "datetime", required=True),
            Field("saleDate", "datetime", required=True),
            Field("dueDate", "datetime", required=True),
            Field("targetAmount", "number", nullable=True, writable=False),
            Field("paymentMethod", default="bank_transfer", max_length=TEXT),
            optional("notes"),
            Field("invoiceRows", "array", children="InvoiceRow", parent="invoice", shows=EVERYTHING),
            Field("eInvoicing", "object", nullable=True, writable=False),
            Field("internalComment", default=""),
            Field("targetAmountNet", "number", nullable=True, writable=False),
            Field("status", default=DRAFT, max_length=TEXT),
            Field("invoiceTransactions", "array", writable=False, default=[]),
            HIDDEN_STAMP,
        ),
        filters=(
            Filter("client"),
            Filter("status"),
            Filter("name"),
            Filter("type"),
            Filter("currency"),
            Filter("issueDate", "date"),
            Filter("saleDate", "date"),
            Filter("dueDate", "date"),
            Filter("updatedAt", "date"),
        ),
        orders=("id", "name", "issueDate", "dueDate", "updatedAt"),
        views=(View("draft", "collection", where=_is_draft),),
    )


INVOICE_ROW: Final = Resource(
    path="invoice-rows",
    name="InvoiceRow",
    groups="invoice_row.read",
    write_groups="invoice_row.write",
    item=("GET", "PATCH"),
    fields=(
        key(),
        # Not answered where a row is shown (recorded: case 149), and hidden in its own resource too.
        Field("invoice", reference="Invoice", required=True, readable=False, cascade=True),
        Field("name", required=True, max_length=TEXT),
        Field("quantity", "number", default=1),
        Field("unitPriceNet", "number", default=0),
        optional("taxRate", TEXT),
    ),
    orders=("id",),
)
