"""Every Flowtly resource that syncd knows, one declaration each. A new resource is one more entry here, nothing else.

Sources: Flowtly's published pages on clients and budgeting (fields and verbs; a later layout marks what is required),
shorter pages on organizations, employees and projects, and one public integration that shows an organization. What
stands on none of them is a guess, is marked as one, and can be overridden per tenant in the configuration
(``flowtly: {resources: ...}``). Nothing here was seen on a live tenant.
"""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import Catalogue
from syncd.connectors.flowtly.resources import budgeting, clients, counterparties, invoicing, lookups, transactions

RESOURCES: Final = Catalogue(
    (
        clients.CLIENTS,
        clients.CLIENT_CONTACTS,
        clients.CLIENT_NOTES,
        counterparties.COUNTERPARTIES,
        budgeting.BUDGETS,
        budgeting.BUDGET_GROUPS,
        budgeting.BUDGET_CONTRACTORS,
        budgeting.BUDGET_EMPLOYEES,
        budgeting.BUDGET_INVOICES,
        budgeting.BUDGET_PROJECTS,
        budgeting.BUDGET_TRANSACTIONS,
        transactions.TRANSACTIONS,
        transactions.UNASSIGNED,
        transactions.WITH_PROBLEMS,
        transactions.INCOME_TRANSACTIONS,
        transactions.PROJECT_TRANSACTIONS,
        transactions.ATTACHMENTS,
        invoicing.INVOICES,
        invoicing.DRAFTS,
        *lookups.ALL_LOOKUPS,
    )
)
"""The declarations as shipped, before a tenant's overrides."""
