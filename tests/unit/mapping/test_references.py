"""References: what they read and write, what they wait for, and when a digest depends on a link."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import Side
from syncd.mapping.compiled import CompiledMapping, RecordProblem
from syncd.mapping.links import awaited, fixed_links, shown, table_of, waits_for, waits_for_link
from syncd.mapping.lookups import Lookups
from tests.unit.mapping.helpers import LOOKUPS, field_says, fields

LINKS = fixed_links({"1042": "/api/clients/5", "7": "/api/clients/6"})
TABLES: Lookups = {**LOOKUPS, table_of("clients"): LINKS}
PLAIN = "  owner: {external: customer_no, through: {reference: clients}}\n"
NUMBER = "  owner: {external: customer_no, through: {reference: clients, number: true}}\n"
EMPTY = "  owner: {external: customer_no, through: {reference: clients, unlinked: empty}, direction: to_flowtly}\n"
LISTED = "  owner: {external: customer_no, through: {reference: clients, unlinked: {lookup: countries, by: code}}}\n"


def read(mapping: CompiledMapping, side: Side, value: Any) -> Any:
    name = "customer_no" if side is Side.EXTERNAL else "owner"
    return mapping.projection(side).chains["owner"].read({name: value}, TABLES)


def write(mapping: CompiledMapping, side: Side, value: Any) -> Any:
    return mapping.projection(side).chains["owner"].write(value, TABLES, None)


@pytest.mark.parametrize("yaml", [PLAIN, NUMBER, EMPTY, LISTED])
def test_both_sides_read_as_the_external_key(yaml: str) -> None:
    mapping = fields(yaml)
    assert read(mapping, Side.EXTERNAL, 1042 if yaml is NUMBER else "1042") == "1042"
    assert read(mapping, Side.FLOWTLY, "/api/clients/5") == "1042"
    assert read(mapping, Side.FLOWTLY, None) is None


def test_writing_gives_the_key_of_each_side() -> None:
    assert write(fields(PLAIN), Side.FLOWTLY, "1042") == {"owner": "/api/clients/5"}
    assert write(fields(PLAIN), Side.EXTERNAL, "1042") == {"customer_no": "1042"}
    assert write(fields(NUMBER), Side.EXTERNAL, "1042") == {"customer_no": 1042}
    assert write(fields(PLAIN), Side.FLOWTLY, None) == {"owner": None}


def test_what_is_not_linked_is_waited_for() -> None:
    mapping = fields(PLAIN)
    assert read(mapping, Side.EXTERNAL, "99") == "99"
    with pytest.raises(RecordProblem) as writing:
        write(mapping, Side.FLOWTLY, "99")
    assert writing.value.waiting_for == "@clients:external=99"
    with pytest.raises(RecordProblem) as reading:
        read(mapping, Side.FLOWTLY, "/api/clients/9")
    assert reading.value.waiting_for == "@clients:flowtly=/api/clients/9"
    assert shown(reading.value.waiting_for) == "clients /api/clients/9"
    assert mapping.flowtly.waits({"owner": "99"}, TABLES) == "@clients:external=99"
    assert mapping.flowtly.waits({"owner": "1042", "name": "x"}, TABLES) is None


def test_a_key_that_cannot_be_a_number_is_not_written_as_one() -> None:
    with pytest.raises(RecordProblem, match="not a whole number"):
        write(fields(NUMBER), Side.EXTERNAL, "A7")


def test_empty_goes_without_and_notices_the_link_by_its_digest() -> None:
    mapping = fields(EMPTY)
    assert read(mapping, Side.EXTERNAL, "99") is None
    assert read(mapping, Side.FLOWTLY, "/api/clients/9") is None
    raw = {"company": "Ada", "customer_no": "99"}
    before = mapping.external.digest(raw, TABLES)
    linked = {**LOOKUPS, table_of("clients"): fixed_links({"99": "/api/clients/9"})}
    assert mapping.external.digest(raw, TABLES) == before
    assert mapping.external.digest(raw, linked) != before
    hard = fields(PLAIN).external
    assert hard.digest(raw, TABLES) == hard.digest(raw, linked)


def test_a_list_stands_in_for_a_link_both_ways() -> None:
    mapping = fields(LISTED)
    assert read(mapping, Side.FLOWTLY, "/api/countries/1") == "PL"
    assert write(mapping, Side.FLOWTLY, "PL") == {"owner": "/api/countries/1"}
    assert mapping.fallbacks == {"clients": frozenset({("countries", "code")})}
    assert ("countries", "code") in mapping.lookups
    with pytest.raises(RecordProblem) as problem:
        write(mapping, Side.FLOWTLY, "ZZ")
    assert problem.value.waiting_for == "@clients:external=ZZ"


@pytest.mark.parametrize("value", [1042, "1042", Decimal(1042), Decimal("1042.00"), Decimal("1.042E3"), 1042.0])
def test_a_key_is_read_as_connectors_spell_it(value: Any) -> None:
    assert read(fields(PLAIN), Side.EXTERNAL, value) == "1042"
    assert read(fields(NUMBER), Side.EXTERNAL, value) == "1042"


@pytest.mark.parametrize("value", [True, Decimal("10.5"), ["1042"], 10.5])
def test_what_can_be_no_key_is_not_taken_for_one(value: Any) -> None:
    with pytest.raises(RecordProblem, match="expected a key") as problem:
        read(fields(PLAIN), Side.EXTERNAL, value)
    assert problem.value.waiting_for is None


@pytest.mark.parametrize("key", ["a:b", "a=b", "=", "50%", "O'Neil", "東京", "@clients:external=1"])
@pytest.mark.parametrize("mapping", ["clients", "erp.clients-1"])
def test_what_is_waited_for_can_be_told_again(mapping: str, key: str) -> None:
    reference = waits_for(mapping, Side.EXTERNAL, key)
    assert waits_for_link(reference)
    assert awaited(reference) == mapping
    assert shown(reference) == f"{mapping} {key}"


def test_references_of_raw_records_and_documents() -> None:
    mapping = fields(PLAIN)
    assert mapping.references == {"clients": "owner"}
    assert list(mapping.external.reference_keys({"customer_no": 7})) == [("clients", "7")]
    assert list(mapping.flowtly.reference_keys({"owner": "/api/clients/5"})) == [("clients", "/api/clients/5")]
    assert list(mapping.flowtly.document_references({"owner": "7"})) == [("clients", "7")]
    assert list(mapping.flowtly.document_references({"owner": None})) == []


def test_places_where_a_reference_cannot_stand() -> None:
    (side,) = field_says("  x: {external: {field: a, through: {reference: clients}}}\n")
    assert "reference exchanges keys of both sides" in side
    (empty,) = field_says("  x: {external: a, through: {reference: clients, unlinked: empty}}\n")
    assert "write direction: to_flowtly" in empty
