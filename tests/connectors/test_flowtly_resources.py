"""The catalogue against what Flowtly's published pages say, and its own consistency."""

from __future__ import annotations

import dataclasses

import pytest

from syncd.connectors.flowtly.catalogue import Field, KeyForm, Resource, Verb
from syncd.connectors.flowtly.resources import RESOURCES, resource_named
from syncd.errors import Refused

TYPES = {"text", "integer", "decimal", "boolean", "date", "datetime", "json"}
UNCATALOGUED = {"costs", "attribute-sets"}
CLIENT_FIELDS = (
    "id country currency defaultCost status attributeSet name dueDays tinType tinCountry tin externalPaymentCustomerId "
    "invoiceComment defaultTaxRate documentsLanguage addressPhoneNumber addressCity addressPostCode addressStreetLine "
    "addressBuildingNumber addressLocaleNumber addressCountry clientContacts costGroup costGroupIcon vatNumber"
)


def test_a_client_has_the_published_fields() -> None:
    clients = RESOURCES["clients"]
    assert set(clients.by_name) == set(CLIENT_FIELDS.split())
    required = {field.name for field in clients.fields if field.required}
    assert required == {"country", "currency", "status", "name", "tinType"}
    assert {field.name for field in clients.fields if not field.nullable} == required | {
        "id",
        "dueDays",
        "documentsLanguage",
        "clientContacts",
    }
    assert Verb.DELETE not in clients.verbs
    assert clients.stamp is None


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_declaration_is_consistent(resource: Resource) -> None:
    names = [field.name for field in resource.fields]
    assert len(names) == len(set(names))
    assert resource.path == f"/{resource.name}"
    used = {*resource.filters, *(name for key in resource.natural_keys for name in key)}
    assert used <= set(names)
    assert resource.stamp is None or resource.by_name[resource.stamp].type == "datetime"
    assert set(resource.references.values()) <= set(RESOURCES) | UNCATALOGUED
    assert resource.guessed <= {field.name for field in dataclasses.fields(Resource)}
    for field in resource.fields:
        assert field.type in TYPES
        assert field.guessed <= {each.name for each in dataclasses.fields(Field)}
        assert field.writable or not field.required
        assert not (field.volatile and field.writable)


def test_resources_without_a_published_schema_are_open_and_only_read() -> None:
    for name in ("countries", "currencies", "employees"):
        resource = RESOURCES[name]
        assert resource.open and resource.verbs == {Verb.LIST, Verb.GET}
        assert all("name" in field.guessed for field in resource.fields)


def test_stamps_are_volatile() -> None:
    assert RESOURCES["client-notes"].volatile == {"createdAt", "updatedAt"}
    assert RESOURCES["clients"].volatile == frozenset()
    assert RESOURCES["client-notes"].key_form is KeyForm.TEXT


def test_the_shape_is_the_declaration() -> None:
    shape = RESOURCES["clients"].shape
    assert not shape.open
    assert shape.fields["country"].reference == "countries"
    assert (shape.fields["vatNumber"].writable, shape.fields["tin"].nullable) == (False, True)


@pytest.mark.parametrize(("asked", "near"), [("client", "clients"), ("Clients", "clients"), ("countrys", "countries")])
def test_a_misspelt_resource_is_refused_with_the_right_name(asked: str, near: str) -> None:
    with pytest.raises(Refused, match=f"did you mean '{near}'"):
        resource_named(asked)
