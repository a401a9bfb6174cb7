"""Bank transactions, their attachments, and their links to projects. Holds data only.

Transaction has a published schema and was recorded; the fields of the others are guesses.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import IRI_PREFIX, References
from syncd.sandbox.declare import Field, Filter, Records, Resource, Row, View
from syncd.sandbox.resources.shapes import HIDDEN_STAMP, TEXT, derived, key, link, money, optional, owner

_MONTH: Final = len("2026-01")


def _iri(row: Row) -> str:
    return f"{IRI_PREFIX}/transactions/{row['id']}"


def _month_of_execution(row: Row, _records: Records) -> str | None:
    """What the recorded servers put where none was sent (case 145)."""
    date = row.get("execDate")
    return date[:_MONTH] if date else None


def unassigned(row: Row, records: Records) -> bool:
    """Whether a transaction that counts has no budget link."""
    return not row.get("ignored") and not records.count_children("BudgetTransaction", "transaction", _iri(row))


def with_problems(row: Row, records: Records) -> bool:
    """Whether a transaction that counts lacks its counterparty, its month or a document its counterparty wants."""
    if row.get("ignored"):
        return False
    counterparty = records.lookup(row["counterparty"]) if row.get("counterparty") else None
    if counterparty is None or not row.get("connectedMonth"):
        return True
    wanted = bool(counterparty.get("requireAttachment"))
    return wanted and not records.count_children("TransactionAttachment", "transaction", _iri(row))


TRANSACTION: Final = Resource(
    path="transactions",
    name="Transaction",
    groups="transaction.read",
    write_groups="transaction.write",
    id_type="uuid",
    item=("GET", "PATCH"),
    fields=(
        key(text=True),
        Field("bankAccount", reference="BankAccount", required=True),
        link("employeeOwner", "Employee"),
        link("cost", "Cost"),
        Field("counterparty", reference="Counterparty", nullable=True, shows=("id", "displayName")),
        optional("counterpartyRole"),
        Field("statementNumber", "integer", default=0),
        optional("operationNumber", TEXT),
        Field("description", required=True),
        Field("amount", "number", required=True),
        Field("endingBalance", "number", default=0),
        Field("orderDate", "datetime", required=True),
        Field("execDate", "datetime", required=True),
        Field("relatedDate", "datetime", nullable=True),
        Field("ignored", "integer", default=0),
        optional("note"),
        Field("budgetTransactions", "array", writable=False, children="BudgetTransaction", parent="transaction"),
        Field(
            "transactionAttachments", "array", writable=False, children="TransactionAttachment", parent="transaction"
        ),
        Field("projectTransactions", "array", writable=False, children="ProjectTransaction", parent="transaction"),
        Field("connectedMonth", filled=_month_of_execution),
        HIDDEN_STAMP,
    ),
    filters=(
        Filter("counterparty"),
        Filter("bankAccount"),
        Filter("operationNumber"),
        Filter("ignored"),
        Filter("budgetTransactions.budget"),
        Filter("execDate", "date"),
        Filter("orderDate", "date"),
        Filter("updatedAt", "date"),
        Filter("amount", "range"),
    ),
    orders=("id", "execDate", "orderDate", "amount", "updatedAt"),
    views=(
        View("unassigned", "collection", where=unassigned),
        View("with-problems", "collection", where=with_problems, through=("counterparty",)),
    ),
)


def attachment(references: References) -> Resource:
    """A document; without a transaction it awaits one. Its bytes, if it has any, are ``State.blobs``."""
    return Resource(
        path="transaction-attachments",
        name="TransactionAttachment",
        groups="transaction_attachment.read",
        write_groups="transaction_attachment.write",
        id_type="uuid",
        fields=(
            key(text=True),
            Field("name", required=True, max_length=TEXT),
            link("transaction", "Transaction"),
            link("supplier", "Supplier"),
            Field("amount", "number", nullable=True),
            money(references, nullable=True),
            Field("receivedDate", "datetime", nullable=True),
            optional("relatedMonth", _MONTH),
            derived("mimeType"),
            Field("size", "integer", nullable=True, writable=False),
            Field("contentUrl", nullable=True, writable=False, computed=_content_url),
            HIDDEN_STAMP,
        ),
        filters=(
            Filter("transaction"),
            Filter("supplier"),
            Filter("name", "partial"),
            Filter("relatedMonth"),
            Filter("updatedAt", "date"),
        ),
        orders=("id", "name", "receivedDate", "updatedAt"),
        views=(View("search", "collection"),),
    )


def _content_url(row: Row, _records: Records) -> str | None:
    """Where the file is; a record that was made without one has none."""
    has_file = row.get("size") is not None
    return f"{IRI_PREFIX}/transaction-attachments/{row['id']}/file" if has_file else None


PROJECT_TRANSACTION: Final = Resource(
    path="project-transactions",
    name="ProjectTransaction",
    groups="project_transaction.read",
    write_groups="project_transaction.write",
    id_type="uuid",
    exposed=False,
    fields=(
        key(text=True),
        owner("project", "Project"),
        owner("transaction", "Transaction"),
        Field("amount", "integer", nullable=True),
    ),
    filters=(Filter("project"), Filter("transaction")),
    orders=("id",),
)
