"""What two measurements of a tenant say together: what is lost and how sure that is, what is new, what is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.connectors.flowtly.catalogue import Verb
from syncd.connectors.flowtly.drift import Finding, Kind, compare, remembered
from syncd.connectors.flowtly.envelope import Form
from syncd.connectors.flowtly.measured import (
    Access,
    FilterKind,
    MeasuredField,
    MeasuredResource,
    Measurement,
    Nulls,
    Tenant,
)
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.mapping.compiled import CompiledMapping, compile_mapping
from syncd.mapping.spec import MappingSpec
from syncd.mapping.yaml_source import load_text, parse

CLIENTS = """\
mapping: clients
external: {resource: customers, key: no}
flowtly: {resource: clients}
match: [[vat]]
fields:
  vat: {external: vat_no, through: vat_number}
  name: company
  country: {external: cc, through: {lookup: countries, by: code}}
"""
NOTES = """\
mapping: notes
external: {resource: calls, key: no}
flowtly: {resource: client-notes}
direction: to_flowtly
match: [[note]]
fields:
  note: text
  client: client
"""
USED = ("tin", "tinCountry", "name", "country")


def mapping(text: str) -> CompiledMapping:
    node = load_text(text, {}, name="some.yaml")
    return compile_mapping(parse(MappingSpec, node), node)


MAPPINGS = [mapping(CLIENTS), mapping(NOTES)]


def declared(**facts: Any) -> MeasuredField:
    return MeasuredField(**{"type": "text", "nullable": True, "declared": True, "seen": 30, "of": 30, **facts})


def seen(count: int, of: int = 30) -> MeasuredField:
    return MeasuredField(type="text", seen=count, of=of)


def clients(fields: dict[str, MeasuredField] | None = None, **facts: Any) -> MeasuredResource:
    given = dict.fromkeys(USED, declared()) if fields is None else fields
    plain = {"access": Access.ALLOWED, "declared": True, "rows": 30, "full_page": True, "nulls": Nulls.OMITTED}
    return MeasuredResource(**{**plain, "fields": given, **facts})


def measured(resource: MeasuredResource, name: str = "clients", **facts: Any) -> Measurement:
    tenant = Tenant(address="http://x", organizations=facts.pop("organizations", ("acme",)))
    return Measurement(taken=datetime(2026, 11, 20, tzinfo=UTC), tenant=tenant, resources={name: resource}, **facts)


def findings(now: MeasuredResource, before: MeasuredResource | None = None, name: str = "clients") -> list[Finding]:
    old = None if before is None else measured(before, name)
    return compare(RESOURCES, MAPPINGS, measured(now, name), old)


def rows_only(fields: dict[str, MeasuredField], **facts: Any) -> MeasuredResource:
    return clients(fields, declared=False, **facts)


def test_nothing_new_is_nothing_to_say() -> None:
    assert findings(clients(), clients()) == []
    assert findings(clients()) == [], "not without a measurement before either"


class TestLost:
    def test_a_used_field_that_the_document_does_not_name_stops_its_mapping_at_its_line(self) -> None:
        left = {name: declared() for name in USED if name != "tin"}
        (found,) = findings(clients(left))
        assert (found.kind, found.resource, found.field, found.mappings) == (Kind.LOST, "clients", "tin", ("clients",))
        problem = found.stops["clients"]
        assert (problem.file, problem.line) == ("some.yaml", 6)
        assert "'tin'" in str(problem) and "certain" in str(problem) and "clients is stopped" in str(problem)

    def test_a_field_of_a_lookup_stops_the_mappings_that_look_up_by_it(self) -> None:
        now = MeasuredResource(access=Access.ALLOWED, declared=True, rows=3, fields={"name": declared()})
        (found,) = findings(now, name="countries")
        assert found.stops["clients"].line == 8

    def test_it_is_found_for_as_long_as_it_lasts_and_ends_when_the_field_is_back(self) -> None:
        before, now = clients(), clients({name: declared() for name in USED if name != "tin"})
        first = findings(now, before)
        memory = remembered(measured(now), measured(before), first)
        second = compare(RESOURCES, MAPPINGS, measured(now), memory)
        assert [one.kind for one in first] == [one.kind for one in second] == [Kind.LOST]
        memory = remembered(measured(now), memory, second)
        assert compare(RESOURCES, MAPPINGS, measured(clients()), memory) == []

    def test_an_unused_one_stops_nothing_and_is_told_once(self) -> None:
        before = clients({**dict.fromkeys(USED, declared()), "invoiceComment": declared()})
        now = clients()
        (found,) = findings(now, before)
        assert (found.kind, found.field, found.stops) == (Kind.LOST, "invoiceComment", {})
        assert compare(RESOURCES, MAPPINGS, measured(now), remembered(measured(now), measured(before), [found])) == []

    def test_empty_everywhere_is_not_lost_where_the_document_names_it(self) -> None:
        now = clients({**dict.fromkeys(USED, declared()), "tin": declared(seen=0)})
        assert findings(now, clients()) == []

    def test_without_a_document_many_rows_must_have_had_it_and_a_whole_page_must_lack_it(self) -> None:
        before = rows_only({"tin": seen(20), "name": seen(30)})
        (found,) = findings(rows_only({"name": seen(30)}), before)
        assert found.field == "tin" and "very likely: 20 of 30 rows" in found.text
        assert found.stops["clients"].line == 6

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (rows_only({"tin": seen(9)}), rows_only({})),
            (rows_only({"tin": seen(20)}), rows_only({}, full_page=False)),
            (rows_only({"tin": seen(20)}), rows_only({}, rows=12)),
            (rows_only({"tin": seen(20)}), rows_only({}, rows=0)),
            (rows_only({"tin": seen(20)}), rows_only({}, item_only=("tin",))),
            (rows_only({"tin": seen(20)}), rows_only({"tin": seen(1)})),
            (None, rows_only({})),
        ],
        ids=["rare", "no whole page", "too few rows", "no rows", "items only", "one row", "nothing known"],
    )
    def test_anything_less_says_nothing(self, before: MeasuredResource | None, now: MeasuredResource) -> None:
        assert findings(now, before) == []

    def test_where_nulls_are_shown_one_row_without_the_field_is_enough(self) -> None:
        before = rows_only({"tin": seen(2), "name": seen(3)}, rows=3, nulls=Nulls.SHOWN)
        (found,) = findings(rows_only({"name": seen(3)}, rows=3, nulls=Nulls.SHOWN), before)
        assert found.field == "tin" and "certain: nulls are shown" in found.text
        assert findings(rows_only({"tin": seen(0), "name": seen(3)}, nulls=Nulls.SHOWN), before) == []

    def test_a_field_that_we_make_ourselves_is_never_lost(self) -> None:
        contacts = mapping(
            "mapping: contacts\nexternal: {resource: c, key: no}\nflowtly: {resource: client-contacts}\n"
            "direction: to_flowtly\nmatch: [[name]]\nfields: {client: client, name: name}\n"
        )
        now = measured(clients({"name": declared()}), "client-contacts")
        assert compare(RESOURCES, [contacts], now, None) == []


class TestChanges:
    def test_a_new_field_is_told_once(self) -> None:
        now = clients({**dict.fromkeys(USED, declared()), "mood": declared(type="integer")})
        (found,) = findings(now, clients())
        assert (found.kind, found.field, found.stops) == (Kind.NEW, "mood", {})
        assert "integer" in found.text
        assert (
            compare(RESOURCES, MAPPINGS, measured(now), remembered(measured(now), measured(clients()), [found])) == []
        )
        assert [one.kind for one in findings(now)] == [Kind.NEW], "also against the declaration alone"

    def test_type_nullability_and_requirement_are_told_with_the_mappings(self) -> None:
        now = clients(
            {
                **dict.fromkeys(USED, declared()),
                "tin": declared(type="integer"),
                "name": declared(nullable=False, required=True),
            }
        )
        before = clients({**dict.fromkeys(USED, declared()), "name": declared(required=False)})
        told = {(one.kind, one.field, one.mappings) for one in findings(now, before)}
        assert told == {
            (Kind.TYPE, "tin", ("clients",)),
            (Kind.NULLABLE, "name", ("clients",)),
            (Kind.REQUIRED, "name", ("clients",)),
        }

    def test_a_lost_verb_a_lost_filter_and_another_envelope(self) -> None:
        before = clients(
            verbs=(Verb.LIST, Verb.GET, Verb.PATCH), filters={"tin": FilterKind.EXACT}, envelope=Form.HYDRA
        )
        now = clients(verbs=(Verb.LIST, Verb.GET), filters={"tin": FilterKind.IGNORED}, envelope=Form.PLAIN)
        found = findings(now, before)
        assert [one.kind for one in found] == [Kind.VERB, Kind.FILTER, Kind.ENVELOPE]
        assert all(one.mappings == ("clients",) and not one.stops for one in found)
        assert compare(RESOURCES, MAPPINGS, measured(now), remembered(measured(now), measured(before), found)) == []

    def test_what_only_a_full_probe_measures_is_kept(self) -> None:
        before = clients(filters={"tin": FilterKind.EXACT}, verbs=(Verb.LIST,), orders={"id": True})
        kept = remembered(measured(clients()), measured(before), []).resources["clients"]
        assert (kept.filters, kept.verbs, kept.orders) == (before.filters, before.verbs, before.orders)

    def test_other_organizations_are_told(self) -> None:
        now = measured(clients(), organizations=("other",))
        (found,) = compare(RESOURCES, MAPPINGS, now, measured(clients()))
        assert found.kind is Kind.TENANT
        assert compare(RESOURCES, MAPPINGS, measured(clients(), organizations=()), measured(clients())) == []


class TestAccess:
    @pytest.mark.parametrize(("access", "kind"), [(Access.DENIED, Kind.DENIED), (Access.ABSENT, Kind.GONE)])
    def test_a_resource_that_cannot_be_read_stops_its_mappings_alone(self, access: Access, kind: Kind) -> None:
        (found,) = findings(MeasuredResource(access=access), clients())
        assert found.kind is kind
        assert set(found.stops) == {"clients"}
        assert found.stops["clients"].line == 3
        memory = remembered(measured(MeasuredResource(access=access)), measured(clients()), [found])
        assert compare(RESOURCES, MAPPINGS, measured(clients()), memory) == [], "and it comes back"

    def test_no_usable_answer_says_nothing_and_forgets_nothing(self) -> None:
        silent = MeasuredResource(access=Access.UNKNOWN, detail="BadAnswer")
        assert findings(silent, clients()) == []
        assert remembered(measured(silent), measured(clients()), []).resources["clients"] == clients()
