"""Bank transactions, their documents, and their links to projects and income, as declarations. Holds data only.

Transaction has a published schema; of the others only paths and verbs are published.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, EDIT, Field, KeyForm, Resource, Verb
from syncd.connectors.flowtly.resources.parts import (
    BOOKED,
    TARGET,
    TYPE,
    guess,
    guessed_identity,
    guessed_link,
    identity,
    listed,
    reference,
    view,
    when,
)

TRANSACTIONS: Final = Resource(
    name="transactions",
    path="/transactions",
    verbs=EDIT,  # there is no DELETE: a wrong transaction is set to ignored
    key_form=KeyForm.TEXT,
    fields=(
        identity("text"),
        Field(
            "bankAccount",
            nullable=False,
            required=True,
            reference="bank-accounts",
            guessed=TARGET | {"required"},
        ),
        reference("employeeOwner", "employees"),
        reference("cost", "costs"),
        # Printed as an object: it comes embedded and is written as an IRI (recorded: case 145).
        Field("counterparty", reference="counterparties", guessed=TYPE | TARGET | {"nullable"}),
        Field("counterpartyRole"),
        Field("statementNumber", "integer", nullable=False),
        Field("operationNumber"),
        Field("description", nullable=False),
        # Signed; which sign is a cost is not published.
        Field("amount", "decimal", nullable=False, required=True, unit="decimal", guessed=frozenset({"required"})),
        Field("endingBalance", "decimal", nullable=False, unit="decimal"),
        when("orderDate"),
        when("execDate"),
        when("relatedDate", nullable=True),
        Field("ignored", "integer", nullable=False),  # 0 or 1
        Field("note"),
        listed("transactionAttachments", "transaction-attachments"),
        listed("budgetTransactions", "budget-transactions"),
        listed("projectTransactions", "project-transactions"),
        Field("connectedMonth", nullable=False),  # opaque: its form is not published
    ),
    natural_keys=(("bankAccount", "execDate", "operationNumber", "amount"),),
    filters=("operationNumber", "counterparty", "bankAccount"),
    marker="note",
    guessed=frozenset({"natural_keys", "filters", "marker"}),
)

UNASSIGNED: Final = view(TRANSACTIONS, "unassigned")
WITH_PROBLEMS: Final = view(TRANSACTIONS, "with-problems")

INCOME_TRANSACTIONS: Final = Resource(
    name="income-transactions",
    path="/income-transactions",
    verbs=ALL,
    key_form=KeyForm.UNKNOWN,
    # Taken for the twin of budget-transactions on the income side.
    fields=(
        guessed_identity(),
        guessed_link("budget", "budgets"),
        replace(guessed_link("transaction", "transactions"), beside=BOOKED),
        guess("employee", reference="employees"),
        guess("amount", "integer", unit="minor"),
    ),
    natural_keys=(("transaction", "budget", "employee"),),
    filters=("transaction", "budget"),
    open=True,
    guessed=frozenset({"natural_keys", "filters"}),
)

PROJECT_TRANSACTIONS: Final = Resource(
    name="project-transactions",
    path="/project-transactions",
    verbs=ALL - {Verb.GET},  # an item cannot be read alone: the list is walked for it
    key_form=KeyForm.UNKNOWN,
    fields=(
        guessed_identity(),
        replace(guessed_link("transaction", "transactions"), beside=BOOKED),
        guessed_link("project", "projects"),
        guess("amount", "integer", unit="minor"),
    ),
    natural_keys=(("transaction", "project"),),
    filters=("transaction", "project"),
    open=True,
    guessed=frozenset({"natural_keys", "filters"}),
)

ATTACHMENTS: Final = Resource(
    name="transaction-attachments",
    path="/transaction-attachments",
    verbs=ALL,
    key_form=KeyForm.UNKNOWN,
    fields=(
        guessed_identity(),
        guess("name"),
        guess("transaction", reference="transactions"),  # null: the document awaits its transaction
        guess("supplier", reference="suppliers"),
        guess("amount", "decimal", unit="decimal"),
        guess("currency", reference="currencies"),
        guess("receivedDate", "datetime"),
        guess("relatedMonth"),
        guess("mimeType", writable=False),
        guess("size", "integer", writable=False),  # bytes
        guess("contentUrl", writable=False),
    ),
    natural_keys=(("transaction", "name", "size"),),
    filters=("transaction", "supplier"),
    open=True,
    guessed=frozenset({"natural_keys", "filters"}),
)
