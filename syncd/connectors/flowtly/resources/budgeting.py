"""Budgets, their groups and what is allocated to them, as declarations. Holds data only.

Budget and BudgetTransaction have a published schema; of the others only paths and verbs are published. A link that
has no PATCH is changed by deleting it and creating another, under a new IRI.
"""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, REPLACE, Field, KeyForm, Resource
from syncd.connectors.flowtly.resources.parts import (
    BOOKED,
    EXISTS,
    TARGET,
    TYPE,
    WRITES,
    guess,
    guessed_identity,
    guessed_link,
    identity,
    listed,
    reference,
)

BUDGETS: Final = Resource(
    name="budgets",
    path="/budgets",
    verbs=ALL,
    key_form=KeyForm.TEXT,
    fields=(
        identity("text"),
        Field("name", nullable=False, required=True, guessed=frozenset({"required"})),
        Field("type", nullable=False),
        Field("granularity", nullable=False),
        reference("budgetGroup", "budget-groups"),
        Field("dateFrom", "datetime"),
        Field("dateTo", "datetime"),
        Field("config", "json", nullable=False),
        listed("budgetEmployees", "budget-employees"),
        # On the later layout only.
        Field("attributeSet", reference="attribute-sets", guessed=WRITES | TARGET),
        Field("budgetProjects", "json", writable=False, links="budget-projects", guessed=WRITES | {"links"}),
    ),
    natural_keys=(("name", "dateFrom"), ("name",)),
    guessed=frozenset({"natural_keys", "item_only"}),
)

BUDGET_GROUPS: Final = Resource(
    name="budget-groups",
    path="/budget-groups",
    verbs=ALL,
    key_form=KeyForm.UNKNOWN,
    fields=(guessed_identity(), guess("name", nullable=False, required=True)),
    natural_keys=(("name",),),
    open=True,
    guessed=frozenset({"natural_keys"}),
)


def _link(name: str, *fields: Field, key: tuple[str, ...]) -> Resource:
    """One allocation to a budget; all its references together identify it."""
    return Resource(
        name=name,
        path=f"/{name}",
        verbs=REPLACE,
        key_form=KeyForm.UNKNOWN,
        fields=(guessed_identity(), guessed_link("budget", "budgets"), *fields),
        natural_keys=(("budget", *key),),
        filters=("budget", *key),
        open=True,
        guessed=frozenset({"natural_keys", "filters"}),
    )


# A contractor of the user interface is a cost of the API.
BUDGET_CONTRACTORS: Final = _link("budget-contractors", guessed_link("cost", "costs"), key=("cost",))
BUDGET_EMPLOYEES: Final = _link("budget-employees", guessed_link("employee", "employees"), key=("employee",))
BUDGET_INVOICES: Final = _link(
    "budget-invoices", guessed_link("invoice", "invoices"), guess("amount", "integer", unit="minor"), key=("invoice",)
)
BUDGET_PROJECTS: Final = _link("budget-projects", guessed_link("project", "projects"), key=("project",))

BUDGET_TRANSACTIONS: Final = Resource(
    name="budget-transactions",
    path="/budget-transactions",
    verbs=ALL,
    key_form=KeyForm.TEXT,
    fields=(
        Field("id", nullable=False, writable=False, guessed=EXISTS - {"name"}),  # in the page's example only
        Field("budget", nullable=False, required=True, reference="budgets", guessed=TARGET | {"required"}),
        # Printed as an object and written as an IRI; it comes embedded (recorded: case 053).
        Field(
            "transaction",
            nullable=False,
            required=True,
            reference="transactions",
            beside=BOOKED,
            guessed=TYPE | TARGET | {"required"},
        ),
        reference("employee", "employees"),
        # No unit is published. Amounts elsewhere are decimals and this is whole, so minor units are likely; null is
        # the whole transaction. Compare with existing links before writing it.
        Field("amount", "integer", unit="minor", guessed=frozenset({"unit"})),
    ),
    natural_keys=(("transaction", "budget", "employee"),),
    filters=("transaction", "budget"),
    guessed=frozenset({"natural_keys", "filters"}),
)
