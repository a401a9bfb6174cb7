"""What ``check`` finds before anything runs: names that do not exist, verbs that Flowtly lacks, fields that never rest."""

from __future__ import annotations

import pytest

from syncd.engine.preflight import preflight
from tests.engine.world import World

MAPPING = """
mapping: clients
external: {resource: customers, key: customer_no}
flowtly:
  resource: clients
match: [[name]]
fields:
  name: company_name
  country: {external: country_code, through: {lookup: countries, by: code}}
  currency: {external: currency_code, through: {lookup: currencies, by: code}}
  status: {constant: {flowtly: active}}
  tinType: {constant: {flowtly: vat}}
"""
PARTIES = """
mapping: clients
external: {resource: customers, key: customer_no}
flowtly:
  resource: counterparties
match: [[displayName]]
fields:
  displayName: company_name
"""
BANK = """
mapping: clients
external: {resource: customers, key: customer_no}
flowtly:
  resource: transactions-unassigned
match: [[description]]
fields:
  description: company_name
"""


def told(world: World, mapping: str) -> list[tuple[int, str, str]]:
    world.configure(mapping)
    assert world.app is not None
    compiled = world.app.mappings["clients"]
    return [(one.line, one.message, one.hint) for one in preflight(compiled, world.app.peers(compiled))]


def test_a_mapping_that_fits_is_not_complained_about(world: World) -> None:
    assert told(world, MAPPING) == []


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("resource: clients", "resource: client-contact", 5, "did you mean 'client-contacts'?"),
        ("resource: clients", "resource: clients\n  where: {statsu: active}", 6, "did you mean 'status'?"),
        ("name: company_name", "name: compny_name", 8, "did you mean 'company_name'?"),
        ("by: code}}\n  currency", "by: code}}\n  nmae: phone\n  currency", 10, "did you mean 'name'?"),
        ("lookup: countries", "lookup: countris", 9, "did you mean 'countries'?"),
        ("{resource: customers", "{resource: custmers", 3, "did you mean 'customers'?"),
        ("fields:", "deletes: {in_external: delete}\nfields:", 7, "records cannot be deleted in clients"),
        ("status: {", "costGroupIcon: city\n  status: {", 11, "cannot be written in flowtly"),
    ],
)
def test_names_and_verbs_that_do_not_exist_are_told_with_their_line(
    world: World, before: str, after: str, line: int, words: str
) -> None:
    assert before in MAPPING
    found = told(world, MAPPING.replace(before, after))
    assert [(at, words in f"{message} ({hint})") for at, message, hint in found] == [(line, True)], found


@pytest.mark.parametrize("resource", ["transactions-unassigned", "invoices-draft"])
def test_a_view_can_only_be_read(world: World, resource: str) -> None:
    field = "description" if resource.startswith("trans") else "notes"
    mapping = BANK.replace("transactions-unassigned", resource).replace("description", field)
    found = told(world, mapping)
    assert any(f"{resource} in flowtly cannot be changed" in message for _, message, _ in found)
    assert told(world, mapping.replace("match:", "direction: to_external\nmatch:")) == []


@pytest.mark.parametrize("field", ["logoUrl", "corporateWebsiteUrl"])
def test_what_changes_by_itself_flows_one_way_or_not_at_all(world: World, field: str) -> None:
    assert told(world, PARTIES) == []
    (found,) = told(world, PARTIES + f"  {field}: city\n")
    assert f"{field!r} of counterparties changes by itself" in found[1]
    assert told(world, PARTIES + f"  {field}: {{external: city, direction: to_external}}\n") == []
