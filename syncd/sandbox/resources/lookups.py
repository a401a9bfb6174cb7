"""What other records point to: countries, currencies, employees, projects, suppliers and the like. Holds data only.

None has a published schema, and some paths are guesses as well: the shapes here are assumed.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import References
from syncd.sandbox.declare import Field, Filter, Resource, View
from syncd.sandbox.resources.shapes import TEXT, key, link, money, optional


def _named(path: str, name: str, groups: str) -> Resource:
    """A list of names that can only be read."""
    return Resource(
        path=path,
        name=name,
        groups=groups,
        collection=("GET",),
        item=("GET",),
        fields=(key(), Field("name", required=True, max_length=TEXT)),
        orders=("id", "name"),
    )


COUNTRY: Final = Resource(
    path="countries",
    name="Country",
    groups="country.read",
    collection=("GET",),
    item=("GET",),
    fields=(
        key(),
        Field("code", format="country", required=True),
        Field("name", required=True, max_length=TEXT),
    ),
    filters=(Filter("code"),),
    orders=("id", "code"),
)

CURRENCY: Final = Resource(
    path="currencies",
    name="Currency",
    groups="currency.read",
    collection=("GET",),
    item=("GET",),
    fields=(
        key(),
        Field("code", format="currency", required=True),
        Field("name", required=True, max_length=TEXT),
    ),
    filters=(Filter("code"),),
    orders=("id", "code"),
)

EMPLOYEE: Final = Resource(
    path="employees",
    name="Employee",
    groups="employee.read",
    write_groups="employee.write",
    fields=(
        key(),
        Field("firstName", required=True, max_length=TEXT),
        Field("lastName", required=True, max_length=TEXT),
        Field("email", required=True, format="email"),
        Field("status", choices=("active", "inactive"), default="active"),
    ),
    filters=(Filter("email"), Filter("status")),
    orders=("id", "lastName"),
    views=(View("search", "collection"), View("me", "mine")),
)

ORGANIZATION: Final = Resource(
    path="organizations",
    name="Organization",
    groups="organization.read",
    id_type="text",
    collection=("GET",),
    item=("GET",),
    fields=(
        key(text=True),
        Field("type", choices=("production", "demo"), default="production"),
        Field("status", choices=("active", "inactive"), default="active"),
        Field("name", required=True, max_length=TEXT),
        Field("slug", required=True, max_length=TEXT),
        Field("instance", required=True, max_length=TEXT),
    ),
    orders=("id",),
)


def bank_account(references: References) -> Resource:
    """An account of the organization's own."""
    return Resource(
        path="bank-accounts",
        name="BankAccount",
        groups="bank_account.read",
        collection=("GET",),
        item=("GET",),
        fields=(
            key(),
            Field("name", required=True, max_length=TEXT),
            optional("number", 34),
            money(references, nullable=True),
            optional("bankName", TEXT),
        ),
        # Recorded: an order by id, and no filter.
        orders=("id",),
    )


def project(references: References) -> Resource:
    """A project; its status is the system's."""
    return Resource(
        path="projects",
        name="Project",
        groups="project.read",
        write_groups="project.write",
        item=("GET", "PATCH"),
        fields=(
            key(),
            link("client", "Client"),
            money(references, nullable=True),
            Field("dateFrom", "datetime", nullable=True),
            Field("dateTo", "datetime", nullable=True, not_before="dateFrom"),
            Field("name", required=True, max_length=TEXT),
            optional("publicDescription"),
            Field("type", choices=("fixed-price", "time-and-material"), default="time-and-material"),
            optional("notes"),
            optional("color", 7),
            optional("priceNet", 20),
            Field("status", choices=("active", "archived"), default="active", writable=False),
        ),
        filters=(Filter("client"), Filter("status")),
        orders=("id", "name"),
        views=(View("search", "collection"),),
    )


COST_GROUP: Final = Resource(
    path="cost-groups",
    name="CostGroup",
    groups="cost_group.read",
    collection=("GET",),
    item=("GET",),
    fields=(
        key(),
        Field("name", required=True, max_length=TEXT),
        Field("type", choices=("standard", "income", "dividend", "internal"), default="standard"),
    ),
    orders=("id", "name"),
)

COST: Final = _named("costs", "Cost", "cost.read")
ATTRIBUTE_SET: Final = _named("attribute-sets", "AttributeSet", "attribute_set.read")

SUPPLIER: Final = Resource(
    path="suppliers",
    name="Supplier",
    groups="supplier.read",
    write_groups="supplier.write",
    item=("GET", "PATCH"),
    fields=(
        key(),
        Field("name", required=True, max_length=TEXT),
        optional("tin", 20),
    ),
    filters=(Filter("name", "partial"), Filter("tin")),
    orders=("id", "name"),
)
