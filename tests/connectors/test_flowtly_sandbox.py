"""Every catalogued resource, read from the local Flowtly sandbox as it is filled by default."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from syncd.connectors.flowtly.catalogue import Resource
from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import Denied, Refused
from syncd.ports import Query
from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.connectors.contract import RealClock

FILLED = set(RESOURCES) - {"attribute-sets"}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxConfig()) as made:
        yield made


def connected(server: SandboxServer, username: str = "sync@flowtly.test") -> FlowtlyConnector:
    given: dict[str, Any] = {"url": server.url, "login": {"username": username, "password": "sandbox"}}
    parsed = FlowtlyConnector.Settings.model_validate(given)
    return FlowtlyConnector.from_settings("flowtly", parsed, RealClock())


@pytest.fixture(scope="module")
def connector(server: SandboxServer) -> Iterator[FlowtlyConnector]:
    made = connected(server)
    yield made
    made.close()


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_it_can_be_walked_and_its_values_are_of_the_declared_kinds(
    connector: FlowtlyConnector, resource: Resource
) -> None:
    query = Query(resource.name, fields=tuple(resource.by_name))
    records = [record for page in connector.pages(query, None) for record in page.records]
    assert len({record.key for record in records}) == len(records)
    assert records or resource.name not in FILLED
    for record in records:
        assert record.key.startswith(f"/api{resource.items}/")
        for name, target in resource.references.items():
            value = record.raw[name]
            assert value is None or value.startswith(f"/api{RESOURCES[target].path}/") or len(value) == 3, name
        for field in resource.fields:
            value = record.raw[field.name]
            assert value is None or isinstance(value, KINDS[field.type]) or field.name == "id", field.name
            if field.links is not None and value is not None:
                assert all(each.startswith(f"/api{RESOURCES[field.links].path}/") for each in value)


KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "integer": int,
    "decimal": Decimal,
    "boolean": bool,
    "datetime": str,
    "json": (list, dict),
}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_record_reads_alone_as_in_the_walk(connector: FlowtlyConnector, resource: Resource) -> None:
    query = Query(resource.name, fields=tuple(resource.by_name))
    first = next((record for page in connector.pages(query, None) for record in page.records), None)
    if first is not None:
        assert connector.read(query, first.key) == first


def test_contacts_come_with_their_clients(connector: FlowtlyConnector, server: SandboxServer) -> None:
    query = Query("client-contacts", fields=("client",))
    found = {record.key: record.raw["client"] for page in connector.pages(query, None) for record in page.records}
    rows = server.state.rows("ClientContact")
    assert found == {f"/api/client-contacts/{row['id']}": row["client"] for row in rows}


def test_the_user_is_marked_among_the_employees(connector: FlowtlyConnector) -> None:
    own = [row for row in connector.rows("employees") if row.get("@own") == "me"]
    assert [row["email"] for row in own] == ["sync@flowtly.test"]


def test_what_a_role_may_not_do_is_denied_and_the_rest_goes_on(server: SandboxServer) -> None:
    reader = connected(server, server.config.reader)
    try:
        with pytest.raises(Denied):
            reader.create(Query("budget-groups"), {"name": "x"})
        assert list(reader.rows("budget-groups"))
    finally:
        reader.close()


def test_a_link_that_cannot_be_patched_is_created_and_found_by_its_references(connector: FlowtlyConnector) -> None:
    query = Query("budget-contractors", fields=("budget", "cost"))
    values = {"budget": next(connector.rows("budgets"))["@key"], "cost": next(connector.rows("costs"))["@key"]}
    before = {record.key for record in connector.find(query, values)}
    made = connector.create(query, values)
    assert {record.key for record in connector.find(query, values)} == before | {made.key}
    with pytest.raises(Refused, match="no patch for budget-contractors"):
        connector.update(query, made.key, values, made)
