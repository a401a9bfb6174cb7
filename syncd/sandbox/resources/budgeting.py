"""Budgets, their groups and everything that is allocated to them. Holds data only.

Only Budget and BudgetTransaction have a published schema; BudgetGroup was recorded; the fields of the others are
guesses. Budget links are changed by deleting and creating where the API has no PATCH.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import EVERYTHING, Field, Filter, Records, Resource, Row
from syncd.sandbox.resources.shapes import HIDDEN_STAMP, TEXT, key, link, owner

_NO_PATCH: Final = ("GET", "DELETE")

BUDGET_GROUP: Final = Resource(
    path="budget-groups",
    name="BudgetGroup",
    groups="budget_group.read",
    write_groups="budget_group.write",
    id_type="uuid",
    fields=(key(text=True), Field("name", required=True, max_length=TEXT)),
    orders=("id",),
)


def budget(*, linked_amounts: bool) -> Resource:
    """A budget; with ``linked_amounts`` it also answers what is linked to it, which no published field does."""
    linked = Field("linkedAmount", "integer", writable=False, computed=_linked_amount)
    return Resource(
        path="budgets",
        name="Budget",
        groups="budget.read_budget_employee.read",
        write_groups="budget.write",
        id_type="uuid",
        fields=(
            key(text=True),
            Field("name", required=True, max_length=TEXT),
            Field("type", choices=("global", "employee"), default="global"),
            Field("granularity", choices=("month", "quarter", "year"), default="month"),
            link("budgetGroup", "BudgetGroup"),
            Field("dateFrom", "datetime", nullable=True),
            Field("dateTo", "datetime", nullable=True, not_before="dateFrom"),
            Field("config", "array", default=[]),
            Field(
                "budgetEmployees",
                "array",
                writable=False,
                children="BudgetEmployee",
                parent="budget",
                shows=EVERYTHING,
            ),
            *((linked,) if linked_amounts else ()),
            HIDDEN_STAMP,
        ),
        filters=(
            Filter("type"),
            Filter("budgetGroup"),
            Filter("name", "partial"),
            Filter("dateFrom", "date"),
            Filter("dateTo", "date"),
            Filter("updatedAt", "date"),
        ),
        orders=("id", "name", "dateFrom", "updatedAt"),
    )


def linked_cost(row: Row, records: Records) -> int:
    """What one transaction link weighs, in minor units, a cost being positive.

    A link without an amount stands for the full amount of its transaction.
    """
    if row.get("amount") is not None:
        return int(row["amount"])
    transaction = records.lookup(row["transaction"]) or {}
    cents = Decimal(str(transaction.get("amount", 0))) * -100
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))


def _linked_amount(row: Row, records: Records) -> int:
    own = f"{IRI_PREFIX}/budgets/{row['id']}"
    return sum(linked_cost(each, records) for each in records.children("BudgetTransaction", "budget", own))


BUDGET_TRANSACTION: Final = Resource(
    path="budget-transactions",
    name="BudgetTransaction",
    groups="budget_transaction.read_transaction.read",
    write_groups="budget_transaction.write",
    id_type="uuid",
    fields=(
        key(text=True),
        owner("budget", "Budget"),
        Field("transaction", reference="Transaction", required=True, cascade=True, shows=EVERYTHING),
        link("employee", "Employee"),
        Field("amount", "integer", nullable=True),
        HIDDEN_STAMP,
    ),
    filters=(Filter("budget"), Filter("transaction"), Filter("employee"), Filter("updatedAt", "date")),
    orders=("id", "updatedAt"),
)

INCOME_TRANSACTION: Final = Resource(
    path="income-transactions",
    name="IncomeTransaction",
    groups="income_transaction.read",
    write_groups="income_transaction.write",
    id_type="uuid",
    fields=(
        key(text=True),
        owner("budget", "Budget"),
        owner("transaction", "Transaction"),
        link("employee", "Employee"),
        Field("amount", "integer", nullable=True),
    ),
    filters=(Filter("budget"), Filter("transaction"), Filter("employee")),
    orders=("id",),
)

BUDGET_EMPLOYEE: Final = Resource(
    path="budget-employees",
    name="BudgetEmployee",
    groups="budget_employee.read",
    write_groups="budget_employee.write",
    id_type="uuid",
    item=_NO_PATCH,
    fields=(key(text=True), owner("budget", "Budget"), owner("employee", "Employee")),
    filters=(Filter("budget"), Filter("employee")),
    orders=("id",),
)

BUDGET_CONTRACTOR: Final = Resource(
    path="budget-contractors",
    name="BudgetContractor",
    groups="budget_contractor.read",
    write_groups="budget_contractor.write",
    id_type="uuid",
    item=_NO_PATCH,
    fields=(key(text=True), owner("budget", "Budget"), owner("cost", "Cost")),
    filters=(Filter("budget"), Filter("cost")),
    orders=("id",),
)

BUDGET_INVOICE: Final = Resource(
    path="budget-invoices",
    name="BudgetInvoice",
    groups="budget_invoice.read",
    write_groups="budget_invoice.write",
    id_type="uuid",
    item=_NO_PATCH,
    fields=(
        key(text=True),
        owner("budget", "Budget"),
        owner("invoice", "Invoice"),
        Field("amount", "integer", nullable=True),
    ),
    filters=(Filter("budget"), Filter("invoice")),
    orders=("id",),
)

BUDGET_PROJECT: Final = Resource(
    path="budget-projects",
    name="BudgetProject",
    groups="budget_project.read",
    write_groups="budget_project.write",
    id_type="uuid",
    item=_NO_PATCH,
    fields=(key(text=True), owner("budget", "Budget"), owner("project", "Project")),
    filters=(Filter("budget"), Filter("project")),
    orders=("id",),
)
