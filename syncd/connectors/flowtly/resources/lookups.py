"""What other records point to: countries, currencies, bank accounts, people, projects, suppliers. Holds data only.

Projects have published fields and organizations were seen in a public integration; of the others at most the paths
are published. They are read to resolve references: what else the API can do with them is declared per tenant.
"""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import EDIT, READ, Field, KeyForm, Resource
from syncd.connectors.flowtly.resources.parts import (
    TYPE,
    computed,
    guess,
    guessed_identity,
    identity,
    reference,
)

_MADE_UP: Final = frozenset({"path", "verbs", "natural_keys"})


def _lookup(name: str, *fields: str, key: str, guessed: frozenset[str] = _MADE_UP, own: str | None = None) -> Resource:
    """An open, read-only list of which hardly anything is published."""
    return Resource(
        name=name,
        path=f"/{name}",
        verbs=READ,
        key_form=KeyForm.UNKNOWN,
        fields=(guessed_identity(), *(guess(field, writable=False) for field in fields)),
        natural_keys=((key,),),
        own=own,
        open=True,
        guessed=guessed,
    )


COUNTRIES: Final = _lookup("countries", "code", "name", key="code")
CURRENCIES: Final = _lookup("currencies", "code", "name", key="code")
BANK_ACCOUNTS: Final = _lookup("bank-accounts", "name", "number", "currency", key="number")
COST_GROUPS: Final = _lookup("cost-groups", "name", "type", key="name")
COSTS: Final = _lookup("costs", "name", key="name")
ATTRIBUTE_SETS: Final = _lookup("attribute-sets", "name", key="name")
SUPPLIERS: Final = _lookup("suppliers", "name", "tin", key="tin")
# The API can do more with employees; syncd needs them only to be pointed to.
EMPLOYEES: Final = _lookup(
    "employees", "email", "name", key="email", guessed=frozenset({"natural_keys"}), own="/employees/me"
)

PROJECTS: Final = Resource(
    name="projects",
    path="/projects",
    verbs=EDIT,  # DELETE is on the latest page only
    key_form=KeyForm.INTEGER,
    fields=(
        identity("integer"),
        reference("client", "clients"),
        reference("currency", "currencies"),
        Field("dateFrom", "datetime", guessed=TYPE),
        Field("dateTo", "datetime", guessed=TYPE),
        Field("name", nullable=False, required=True, guessed=frozenset({"required"})),
        Field("publicDescription"),
        Field("type", nullable=False),
        Field("notes"),
        Field("color", nullable=False),
        Field("priceNet"),  # a decimal as text
        computed("status", nullable=False),
    ),
    natural_keys=(("name", "client"),),
    filters=("client",),
    open=True,
    guessed=frozenset({"natural_keys", "filters"}),
)

ORGANIZATIONS: Final = Resource(
    name="organizations",
    path="/organizations",
    verbs=READ,
    key_form=KeyForm.TEXT,
    fields=(
        Field("id", nullable=False, writable=False, guessed=TYPE),
        Field("type", writable=False, guessed=TYPE),
        Field("status", writable=False, guessed=TYPE),
        Field("name", writable=False, guessed=TYPE),
        Field("slug", writable=False, guessed=TYPE),
        Field("instance", writable=False, guessed=TYPE),
    ),
    open=True,
)

ALL_LOOKUPS: Final = (
    COUNTRIES,
    CURRENCIES,
    BANK_ACCOUNTS,
    COST_GROUPS,
    COSTS,
    ATTRIBUTE_SETS,
    SUPPLIERS,
    EMPLOYEES,
    PROJECTS,
    ORGANIZATIONS,
)
