"""The catalogue against what Flowtly's published pages say, and its own consistency."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from syncd.connectors.flowtly.catalogue import EDIT, READ, Catalogue, Field, KeyForm, Resource, Verb
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import Refused

PUBLISHED: Final = Path(__file__).parent / "published"
DOCS: Final = Path(__file__).parents[2] / "docs" / "connectors.md"
ENDPOINTS: Final[list[dict[str, str]]] = json.loads((PUBLISHED / "endpoints.json").read_text())
FIELDS: Final[dict[str, dict[str, str]]] = json.loads((PUBLISHED / "fields.json").read_text())

TYPES: Final = {"text", "integer", "decimal", "boolean", "date", "datetime", "json"}
NAMES: Final = {
    "Client": "clients",
    "ClientContact": "client-contacts",
    "ClientNote": "client-notes",
    "Counterparty": "counterparties",
    "Budget": "budgets",
    "BudgetTransaction": "budget-transactions",
    "Invoice": "invoices",
    "Transaction": "transactions",
}
WRITTEN_AS: Final = {
    "string": {"text", "datetime"},
    "integer": {"integer"},
    "number": {"decimal"},
    "boolean": {"boolean"},
    "array": {"json"},
}
LATER_LAYOUT: Final = {
    "client-contacts": {"client", "createdAt", "updatedAt", "possibleTypes"},
    "client-notes": {"createdAt"},
    "budgets": {"attributeSet", "budgetProjects"},
    "budget-transactions": {"id"},
}
COLLECTION: Final = {"GET": Verb.LIST, "POST": Verb.CREATE}
ITEM: Final = {"GET": Verb.GET, "PATCH": Verb.PATCH, "DELETE": Verb.DELETE}
VIEWS: Final = {"/transactions/unassigned", "/transactions/with-problems", "/invoices/draft"}
UNPUBLISHED: Final = [
    *("budget-groups", "budget-contractors", "budget-employees", "budget-invoices", "budget-projects"),
    *("income-transactions", "project-transactions", "transaction-attachments"),
    *("countries", "currencies", "bank-accounts", "cost-groups", "costs", "attribute-sets", "suppliers", "employees"),
]


def published_verbs() -> dict[str, set[Verb]]:
    """Paths of collections and the verbs that the published list of endpoints has for each."""
    verbs: dict[str, set[Verb]] = defaultdict(set)
    for endpoint in ENDPOINTS:
        steps = endpoint["path"].split("/")[1:]
        if len(steps) == 1 and endpoint["method"] in COLLECTION:
            verbs[f"/{steps[0]}"].add(COLLECTION[endpoint["method"]])
        elif len(steps) == 2 and steps[1] == "{id}" and endpoint["method"] in ITEM:
            verbs[f"/{steps[0]}"].add(ITEM[endpoint["method"]])
    return verbs


def test_every_published_resource_has_exactly_the_published_verbs() -> None:
    declared = {resource.path: set(resource.verbs) for resource in RESOURCES.values()}
    published = published_verbs()
    assert len(published) == 16
    assert {path: declared.get(path) for path in published} == published


def test_every_published_view_is_a_resource_to_read() -> None:
    assert {endpoint["path"] for endpoint in ENDPOINTS} >= VIEWS
    views = {resource.path: resource for resource in RESOURCES.values() if resource.view_of is not None}
    assert set(views) == VIEWS
    for view in views.values():
        shown = RESOURCES[str(view.view_of)]
        assert view.verbs == READ
        assert (view.items, view.fields) == (shown.path, shown.fields)
        assert view in RESOURCES.views(shown.name)


@pytest.mark.parametrize("schema", FIELDS)
def test_every_published_field_is_declared_with_its_type(schema: str) -> None:
    resource, published = RESOURCES[NAMES[schema.partition("-")[0]]], FIELDS[schema]
    assert set(resource.by_name) == set(published) | LATER_LAYOUT.get(resource.name, set())
    for name, words in published.items():
        field = resource.by_name[name]
        kind, _, null = words.partition(" | ")
        if kind == "object":  # a relation that comes embedded, or structured data
            assert field.type == ("text" if field.reference else "json"), name
            continue
        assert field.type in WRITTEN_AS[kind], name
        assert field.nullable == (null == "null") or "nullable" in field.guessed, name


def test_what_the_later_layout_requires_of_a_client_is_required() -> None:
    clients = RESOURCES["clients"]
    required = {field.name for field in clients.fields if field.required}
    assert required == {"country", "currency", "status", "name", "tinType"}
    assert clients.stamp is None


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_declaration_is_consistent(resource: Resource) -> None:
    names = [field.name for field in resource.fields]
    assert len(names) == len(set(names)) and "id" in names
    assert resource.path.removeprefix("/").replace("/", "-") == resource.name
    used = {*resource.filters, *resource.item_only, *(name for key in resource.natural_keys for name in key)}
    assert used <= set(names)
    assert resource.stamp is None or resource.by_name[resource.stamp].type == "datetime"
    assert resource.marker is None or resource.by_name[resource.marker].writable
    assert resource.guessed <= {field.name for field in dataclasses.fields(Resource)}
    assert Verb.LIST in resource.verbs


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_declared_field_is_consistent(resource: Resource) -> None:
    for field in resource.fields:
        assert field.type in TYPES
        assert field.guessed <= {each.name for each in dataclasses.fields(Field)}
        assert field.writable or not field.required
        assert field.reference is None or (field.reference in RESOURCES and field.type == "text")
        assert field.links is None or (field.links in RESOURCES and field.type == "json" and not field.writable)
        assert not (field.volatile and field.writable) or "volatile" in field.guessed, "a stamp is not written"
        if field.unit is not None:
            assert field.type == {"minor": "integer", "decimal": "decimal"}[field.unit]
        if field.found_in is not None:
            owner, listing = field.found_in
            assert field.reference == owner
            assert RESOURCES[owner].by_name[listing].type == "json"


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_a_resource_without_a_published_schema_is_open_and_says_that_it_guesses(name: str) -> None:
    resource = RESOURCES[name]
    assert resource.open
    assert all({"name", "type", "nullable"} <= field.guessed for field in resource.fields)
    assert all("reference" in field.guessed for field in resource.fields if field.reference)


def test_every_other_resource_is_closed_but_for_two_of_which_little_is_published() -> None:
    assert {name for name, resource in RESOURCES.items() if resource.open} == {
        *UNPUBLISHED,
        "organizations",
        "projects",
    }


def test_a_link_is_identified_by_all_its_references() -> None:
    for name in ("contractors", "employees", "invoices", "projects", "transactions"):
        resource = RESOURCES[f"budget-{name}"]
        assert {frozenset(resource.references)} == {frozenset(key) for key in resource.natural_keys}


def test_what_cannot_be_patched_is_replaced() -> None:
    replaced = {name for name, resource in RESOURCES.items() if resource.replaced}
    assert replaced == {"budget-contractors", "budget-employees", "budget-invoices", "budget-projects"}


def test_what_moves_without_an_edit_is_volatile() -> None:
    assert RESOURCES["client-notes"].volatile == {"createdAt", "updatedAt"}
    assert RESOURCES["clients"].volatile == frozenset()
    assert RESOURCES["counterparties"].volatile == {"transactionsCount", "logoUrl", "corporateWebsiteUrl"}
    assert RESOURCES["client-notes"].key_form is KeyForm.TEXT


def test_the_unit_of_a_linked_amount_is_a_guess_and_that_of_a_transaction_is_not() -> None:
    linked, own = RESOURCES["budget-transactions"].by_name["amount"], RESOURCES["transactions"].by_name["amount"]
    assert (linked.unit, own.unit) == ("minor", "decimal")
    assert "unit" in linked.guessed and "unit" not in own.guessed


def test_the_shape_is_the_declaration() -> None:
    shape = RESOURCES["clients"].shape
    assert not shape.open
    assert shape.fields["country"].reference == "countries"
    assert (shape.fields["vatNumber"].writable, shape.fields["tin"].nullable) == (False, True)


def test_a_transaction_cannot_be_deleted_and_has_a_place_for_a_mark() -> None:
    transactions = RESOURCES["transactions"]
    assert transactions.verbs == EDIT
    assert transactions.marker == "note"
    assert transactions.natural_keys == (("bankAccount", "execDate", "operationNumber", "amount"),)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("client", "clients"),
        ("Clients", "clients"),
        ("countrys", "countries"),
        ("budget-transaction", "budget-transactions"),
        ("transaction-unassigned", "transactions-unassigned"),
    ],
)
def test_a_misspelt_resource_is_refused_with_the_right_name(asked: str, near: str) -> None:
    with pytest.raises(Refused, match=f"did you mean '{near}'"):
        RESOURCES.named(asked)


def test_a_catalogue_is_a_mapping_of_its_own() -> None:
    some: Any = Catalogue([RESOURCES["clients"]])
    assert (list(some), len(some), some.named("clients").name, some.views("clients")) == (["clients"], 1, "clients", ())
    assert some.get("budgets") is None


def test_every_resource_stands_in_the_docs_with_its_verbs() -> None:
    section = DOCS.read_text(encoding="utf-8").split("\n## Flowtly\n")[1].split("\n## ")[0]
    for name, resource in RESOURCES.items():
        verbs = ", ".join(verb for verb in Verb if verb in resource.verbs)
        assert f"| `{name}` | {verbs} | {'guessed' if resource.open else 'published'} |" in section
