"""Which resources the sandbox serves, as declarations. A new one is an entry here; no code may be needed elsewhere.

Fields and nullability are Flowtly's published ones; choices, defaults and limits are those of the recorded servers,
which their authors modelled: change them here when a tenant is known to differ. What has no published schema is
assumed, and says so in its file.
"""

from __future__ import annotations

from syncd.sandbox.config import References
from syncd.sandbox.declare import Resource
from syncd.sandbox.resources import budgeting, clients, counterparties, invoicing, lookups, transactions


def declarations(references: References, *, linked_amounts: bool = False) -> dict[str, Resource]:
    """Every served resource by short name, in the order of the entry point.

    ``linked_amounts``: budgets answer a field ``linkedAmount``, which Flowtly does not publish.
    """
    served = (
        clients.client(references),
        clients.CLIENT_CONTACT,
        clients.CLIENT_NOTE,
        counterparties.COUNTERPARTY,
        budgeting.budget(linked_amounts=linked_amounts),
        budgeting.BUDGET_GROUP,
        budgeting.BUDGET_CONTRACTOR,
        budgeting.BUDGET_EMPLOYEE,
        budgeting.BUDGET_INVOICE,
        budgeting.BUDGET_PROJECT,
        budgeting.BUDGET_TRANSACTION,
        transactions.TRANSACTION,
        transactions.attachment(references),
        budgeting.INCOME_TRANSACTION,
        transactions.PROJECT_TRANSACTION,
        invoicing.invoice(references),
        invoicing.INVOICE_ROW,
        lookups.bank_account(references),
        lookups.project(references),
        lookups.SUPPLIER,
        lookups.COST,
        lookups.COST_GROUP,
        lookups.ATTRIBUTE_SET,
        lookups.COUNTRY,
        lookups.CURRENCY,
        lookups.EMPLOYEE,
        lookups.ORGANIZATION,
    )
    return {each.name: each for each in served}
