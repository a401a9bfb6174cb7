"""Counterparties: the parties on the other side of bank transactions. Holds data only."""

from __future__ import annotations

from typing import Final

from syncd.sandbox.declare import Field, Filter, Records, Resource, Row
from syncd.sandbox.resources.shapes import HIDDEN_STAMP, TEXT, derived, key, link, optional


def _transactions(row: Row, records: Records) -> int:
    return records.count_children("Transaction", "counterparty", COUNTERPARTY.iri(row["id"]))


def _of_target(row: Row, records: Records, name: str, field: str) -> str | None:
    target = records.lookup(row[name]) if row.get(name) else None
    return target.get(field) if target else None


def _name_of_its_party(row: Row, records: Records) -> str | None:
    """No published field names a new counterparty; its client or supplier does."""
    return _of_target(row, records, "client", "name") or _of_target(row, records, "supplier", "name")


COUNTERPARTY: Final = Resource(
    path="counterparties",
    name="Counterparty",
    groups="counterparty.read_counterparty.item.read",
    write_groups="counterparty.write",
    fields=(
        key(),
        Field("type", default="company", max_length=TEXT),
        link("supplier", "Supplier"),
        link("client", "Client"),
        Field("requireAttachment", "boolean", default=False),
        Field("cyclic", "boolean", default=False),
        Field("budgetNeutral", "boolean", default=False),
        optional("logoUrl"),
        optional("corporateWebsiteUrl"),
        link("defaultProject", "Project"),
        Field("bankAccounts", "array", default=[]),
        Field("transactionsCount", "integer", writable=False, computed=_transactions),
        optional("tin", 20),
        Field("displayName", required=True, max_length=TEXT, filled=_name_of_its_party),
        Field(
            "supplierTin",
            nullable=True,
            writable=False,
            computed=lambda row, records: _of_target(row, records, "supplier", "tin"),
        ),
        Field(
            "clientTin",
            nullable=True,
            writable=False,
            computed=lambda row, records: _of_target(row, records, "client", "tin"),
        ),
        Field("costGroup", "array", nullable=True, writable=False),
        derived("costGroupIcon"),
        HIDDEN_STAMP,
    ),
    filters=(
        Filter("tin"),
        Filter("displayName", "partial"),
        Filter("client"),
        Filter("type"),
        Filter("updatedAt", "date"),
    ),
    orders=("id", "displayName", "updatedAt"),
)
