"""What an administrator says about a tenant's resources: what it changes, and that every wrong name is found at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.connectors.flowtly.catalogue import Verb
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.errors import ConfigError, Refused
from syncd.mapping.parsing import parse
from syncd.mapping.yaml_source import load_file
from syncd.ports import Query
from tests.wire.peers import flowtly
from tests.wire.scripted import Reply, ScriptedServer

HEAD = "url: https://api.flowtly.example.com\ntoken: ${TOKEN}\n"
CONTRACTORS = """\
resources:
  budget-contractors:
    path: /contractor-budgets
    fields:
      cost: null
      contractor: {reference: suppliers, required: true, nullable: false}
    natural_keys: [[budget, contractor]]
    filters: [contractor]
    item_only: [contractor]
    verbs: [list, get, create]
"""


def settings(tmp_path: Path, text: str) -> FlowtlySettings:
    file = tmp_path / "flowtly.yaml"
    file.write_text(HEAD + text)
    return parse(FlowtlySettings, load_file(file, {"TOKEN": "a-token-nobody-may-see"}))


def problems(tmp_path: Path, text: str) -> list[str]:
    """The problems of a file as ``line: message (hint)``, with lines counted from the first of ``text``."""
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    return [
        f"{one.line - HEAD.count(chr(10))}: {one.message}{f' ({one.hint})' if one.hint else ''}"
        for one in caught.value.problems
    ]


def test_without_overrides_it_is_the_shipped_catalogue(tmp_path: Path) -> None:
    assert dict(settings(tmp_path, "").catalogue()) == dict(RESOURCES)


def test_every_fact_can_be_overridden(tmp_path: Path) -> None:
    found = settings(tmp_path, CONTRACTORS).catalogue().named("budget-contractors")
    assert found.path == found.items == "/contractor-budgets"
    assert set(found.by_name) == {"id", "budget", "contractor"}
    other = found.by_name["contractor"]
    assert (other.reference, other.required, other.nullable, other.guessed) == ("suppliers", True, False, frozenset())
    assert (found.natural_keys, found.filters) == ((("budget", "contractor"),), ("contractor",))
    assert found.item_only == {"contractor"}
    assert found.verbs == {Verb.LIST, Verb.GET, Verb.CREATE}
    assert not found.replaced
    assert found.guessed == frozenset()


def test_what_is_not_overridden_stays(tmp_path: Path) -> None:
    text = "resources: {transactions: {fields: {amount: {required: false}, extra: {type: integer}}}}"
    found, shipped = settings(tmp_path, text).catalogue(), RESOURCES["transactions"]
    changed = found["transactions"]
    assert (changed.path, changed.verbs, changed.filters) == (shipped.path, shipped.verbs, shipped.filters)
    assert changed.by_name["amount"].type == "decimal" and not changed.by_name["amount"].required
    assert changed.by_name["extra"].type == "integer"
    assert [field.name for field in changed.fields][:-1] == [field.name for field in shipped.fields]
    assert found["clients"] == RESOURCES["clients"]


def test_a_field_that_is_taken_away_leaves_the_keys_and_filters(tmp_path: Path) -> None:
    found = settings(tmp_path, "resources: {counterparties: {fields: {tin: null}}}").catalogue()["counterparties"]
    assert "tin" not in found.by_name
    assert found.natural_keys == (("client",), ("supplier",), ("displayName",))
    assert found.filters == ("client", "supplier")


def test_a_view_follows_what_it_shows_and_then_its_own_override(tmp_path: Path) -> None:
    text = """\
resources:
  transactions: {path: /bank/transactions, fields: {erpNumber: {}}, item_only: [note]}
  transactions-unassigned: {item_only: [erpNumber]}
"""
    found = settings(tmp_path, text).catalogue()
    unassigned, problematic = found["transactions-unassigned"], found["transactions-with-problems"]
    assert (unassigned.path, unassigned.items) == ("/bank/transactions/unassigned", "/bank/transactions")
    assert "erpNumber" in unassigned.by_name and "erpNumber" in problematic.by_name
    assert (unassigned.item_only, problematic.item_only) == (frozenset({"erpNumber"}), frozenset({"note"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "resources:\n  budget-contractor: {path: /x}",
            ("2: resources.budget-contractor: Flowtly has no resource 'budget-contractor' that syncd knows "
            "(did you mean 'budget-contractors'?)"),
        ),
        ("resources:\n  budgets:\n    pth: /x", "3: unknown key 'pth' (did you mean 'path'?)"),
        ("resources:\n  budgets:\n    fields:\n      name: {typ: text}", "4: unknown key 'typ' (did you mean 'type'?)"),
        (
            "resources:\n  budgets:\n    fields:\n      name:\n        type: string",
            ("5: resources.budgets.fields.name.type: must be one of 'text', 'integer', 'decimal', 'boolean', 'date', "
            "'datetime' or 'json'"),
        ),
        (
            "resources:\n  budgets:\n    verbs: [list, gte]",
            ("3: resources.budgets.verbs[1]: must be one of 'list', 'create', 'get', 'patch' or 'delete' "
            "(did you mean 'get'?)"),
        ),
        (
            "resources:\n  budgets:\n    verbs:\n      - get",
            "4: resources.budgets.verbs: a resource that cannot be listed cannot be synchronised: verbs must have list",
        ),
        (
            "resources:\n  budgets:\n    filters:\n      - nam",
            "4: resources.budgets.filters[0]: budgets has no field 'nam' (did you mean 'name'?)",
        ),
        (
            "resources:\n  budgets:\n    natural_keys:\n      - [name, dateFrm]",
            "4: resources.budgets.natural_keys[0][1]: budgets has no field 'dateFrm' (did you mean 'dateFrom'?)",
        ),
        (
            "resources:\n  budgets:\n    item_only: [zzz]",
            "3: resources.budgets.item_only[0]: budgets has no field 'zzz'",
        ),
        (
            "resources:\n  project-transactions:\n    item_only: [amount]",
            ("3: resources.project-transactions.item_only: project-transactions has no get, so there is no item to read "
            "these from"),
        ),
        (
            "resources:\n  transactions:\n    marker: notes",
            "3: resources.transactions.marker: transactions has no field 'notes' (did you mean 'note'?)",
        ),
        (
            "resources:\n  budgets:\n    fields:\n      nam: null",
            "4: resources.budgets.fields.nam: budgets has no field 'nam' to take away (did you mean 'name'?)",
        ),
        (
            "resources:\n  budgets:\n    fields:\n      id: null",
            "4: resources.budgets.fields.id: id cannot be taken away",
        ),
        (
            "resources:\n  budgets:\n    fields:\n      name: {writable: false}",
            "4: resources.budgets.fields.name: name is required for a new record and cannot be computed as well",
        ),
        (
            "resources:\n  budgets:\n    fields:\n      owner: {reference: employes}",
            ("4: resources.budgets.fields.owner.reference: Flowtly has no resource 'employes' that syncd knows "
            "(did you mean 'employees'?)"),
        ),
        (
            "resources:\n  budgets:\n    fields:\n      name: {nullable: 1}",
            "4: resources.budgets.fields.name.nullable: must be true or false",
        ),
        ("resources:\n  budgets:\n    path: budgets", "3: resources.budgets.path: a path is written as /budget-contractors"),
        ("resources:\n  budgets:\n    path: /x/../y", "3: resources.budgets.path: a path is written as /budget-contractors"),
        ("resources:\n  budgets:\n    path: /x?y", "3: resources.budgets.path: a path is written as /budget-contractors"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_found_at_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, text) == [said]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = "resources:\n  budgets: {filters: [nam]}\n  invoices: {filters: [name, statu]}"
    assert [line.partition(":")[0] for line in problems(tmp_path, text)] == ["2", "3"]


def test_the_connector_works_by_the_overrides(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "resources": {"budget-contractors": {"path": "/contractor-budgets", "verbs": ["list"], "fields": {"x": {}}}}
    }
    row = {"@id": "/api/contractor-budgets/7", "budget": "/api/budgets/1"}
    with (
        ScriptedServer(lambda _: Reply(200, {"member": [row], "totalItems": 1})) as server,
        flowtly(server.url, **given) as connector,
    ):
        query = Query("budget-contractors")
        shape = connector.shape(query)
        assert shape is not None and "x" in shape.fields
        assert not connector.capabilities(query).create
        (page,) = list(connector.pages(query, None))
        assert page.records[0].key == "/api/contractor-budgets/7"
        assert server.got[0].path == "/contractor-budgets"
        with pytest.raises(Refused, match="no create"):
            connector.create(query, {"budget": "/api/budgets/1"})


def test_a_measurement_sharpens_the_catalogue(tmp_path: Path) -> None:
    measured = tmp_path / "capabilities.yaml"
    measured.write_text(
        "format: 1\ntaken: 2026-11-20T12:00:00+00:00\ntenant: {address: https://api.flowtly.example.com}\n"
        "resources:\n  counterparties: {access: allowed, item_only: [tin], filters: {supplier: ignored}}\n"
    )
    given = {"url": "https://api.flowtly.example.com", "token": "t", "capabilities": measured}
    found = FlowtlySettings.model_validate(given).catalogue()
    assert found["counterparties"].item_only == {"tin"}
    assert found["counterparties"].filters == ("tin", "client")
    assert found["clients"] == RESOURCES["clients"]


def test_a_measurement_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    given = {"url": "https://api.flowtly.example.com", "token": "t", "capabilities": str(tmp_path / "none.yaml")}
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        FlowtlySettings.model_validate(given).catalogue()
