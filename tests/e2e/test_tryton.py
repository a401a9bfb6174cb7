"""Customers of a real Tryton and clients of a local Flowtly, with the example as shipped, judged by full dumps of both.

One world for all tests: each takes companies of its own and leaves both sides converged.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from syncd.core.model import Side
from tests.e2e.tryton_cast import (
    DISAGREEING,
    ONLY_FLOWTLY,
    ONLY_TRYTON,
    SHARED,
    Facts,
    disputed,
    facts,
    in_flowtly_at_first,
)
from tests.e2e.tryton_world import MAPPING, World, built, fill_with_cast, require_tryton
from tests.support.postgres import PostgresServer
from tests.support.tryton_server import TrytonServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

POPULATION = len(SHARED) + len(ONLY_TRYTON) + len(ONLY_FLOWTLY)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[World]:
    """Both sides filled, and nothing configured."""
    require_tryton()
    with built(tmp_path_factory.mktemp("tryton"), postgres_server, fill_with_cast) as world:
        yield world


@pytest.fixture(scope="module")
def first_plan(untouched: World) -> Counter[str]:
    """What an administrator does on the first day, up to the approval. The plan's items by kind and side."""
    world = untouched
    before = world.raw_parties(), world.clients()
    world.syncd("init", ".", "--system", "tryton")
    assert "all good" in world.syncd("check")
    plan, contacts = json.loads(world.syncd("plan", "--json", code=2))["plans"]
    assert contacts["items"] == []  # nobody has a mail address
    assert (world.raw_parties(), world.clients()) == before
    assert world.flowtly_writes() == {}
    world.syncd("apply", "--yes", code=2)  # done, with questions open
    return Counter(" ".join(filter(None, (item["kind"], item["side"]))) for item in plan["items"])


@pytest.fixture
def world(untouched: World, first_plan: Counter[str]) -> World:
    """Everybody linked, and nothing left to do."""
    untouched.settled()
    untouched.events.clear()
    return untouched


def party_of(world: World, number: int) -> tuple[str, str]:
    """Party id and client IRI of a linked company of the cast."""
    name = facts(number)["name"]
    (key,) = [key for key, one in world.parties().items() if one["name"] == name]
    return key, world.links()[key]


def test_the_first_plan_links_creates_on_both_sides_and_asks_only_where_fields_disagree(
    world: World, first_plan: Counter[str]
) -> None:
    assert first_plan["link"] == len(SHARED)
    assert first_plan["create flowtly"] == len(ONLY_TRYTON)
    assert first_plan["create external"] == len(ONLY_FLOWTLY)
    assert first_plan["ask"] == len(DISAGREEING)
    assert len(world.links()) == len(world.parties()) == len(world.clients()) == POPULATION
    parties = world.parties()
    asked = {(parties[str(row.external_key)]["vatNumber"], row.kind, row.field) for row in world.questions()}
    assert asked == {(facts(number)["vatNumber"], "field", disputed(number)) for number in DISAGREEING}
    world.assert_converged()
    assert by_name(world.parties()) == {facts(number)["name"]: facts_at_rest(number) for number in range(POPULATION)}
    clients = by_name(world.clients())
    for number in DISAGREEING:  # nobody's value was overwritten
        assert clients[str(in_flowtly_at_first(number)["name"])] == in_flowtly_at_first(number)


def facts_at_rest(number: int) -> Facts:
    """How a party stands after the first run: what the other side knew is filled in, what is disputed is its own."""
    return {**facts(number), "vatNumber": None} if 290 <= number < 300 else facts(number)


def by_name(side: dict[str, Facts]) -> dict[str | None, Facts]:
    return {one["name"]: one for one in side.values()}


def by_id(side: dict[str, Facts]) -> dict[str, str | None]:
    return {key: one["name"] for key, one in side.items()}


def test_edits_on_both_sides_of_one_record_and_of_others_all_arrive(world: World) -> None:
    here, there, both = (party_of(world, number) for number in (60, 130, 310))
    world.write_party(here[0], name="Renamed in Tryton ApS")
    world.edit_client(there[1], addressCity="Nyborg", addressPhoneNumber=None, tinCountry="DK", tin="10000106")
    world.write_child("address", both[0], street="Havnegade 3")
    world.edit_client(both[1], addressPhoneNumber="+45 555 111 222", name="Renamed in Flowtly AB")
    world.run()
    parties, clients = world.parties(), world.clients()
    assert clients[here[1]]["name"] == "Renamed in Tryton ApS"
    assert parties[there[0]]["addressCity"] == "Nyborg"
    assert parties[there[0]]["addressPhoneNumber"] is None
    assert parties[there[0]]["vatNumber"] == "DK10000106"
    assert clients[both[1]]["addressStreetLine"] == "Havnegade 3"
    assert parties[both[0]]["addressPhoneNumber"] == "+45 555 111 222"
    assert parties[both[0]]["name"] == "Renamed in Flowtly AB"
    world.assert_converged()


def test_the_same_field_edited_on_both_sides_waits_for_a_person_and_loses_nothing(world: World) -> None:
    key, iri = party_of(world, 61)
    world.write_child("address", key, city="Skagen", postal_code="9990")
    world.edit_client(iri, addressCity="Ribe")
    world.run()
    (question,) = [row for row in world.questions() if row.external_key == key]
    assert (question.field, question.external, question.flowtly) == ("addressCity", "Skagen", "Ribe")
    assert world.parties()[key]["addressCity"] == "Skagen"
    assert world.clients()[iri]["addressCity"] == "Ribe"
    assert world.clients()[iri]["addressPostCode"] == "9990"
    world.assert_converged()
    world.syncd("conflicts", "resolve", str(question.id), "--take", "flowtly")
    world.settled()
    assert world.parties()[key]["addressCity"] == "Ribe"
    assert [row for row in world.questions() if row.external_key == key] == []
    world.assert_converged()


@pytest.mark.parametrize(
    ("model", "edit", "field", "value"),
    [
        ("contact_mechanism", {"value": "+45 555 333 444"}, "addressPhoneNumber", "+45 555 333 444"),
        ("address", {"postal_code": "6760"}, "addressPostCode", "6760"),
        ("identifier", {"code": "DK10000025"}, "vatNumber", "DK10000025"),
    ],
)
def test_an_edit_of_a_child_alone_is_found_by_an_incremental_pass(
    world: World, model: str, edit: dict[str, str], field: str, value: str
) -> None:
    """Tryton does not move the party's stamp; this one is from last week, far behind the overlap."""
    number = {"contact_mechanism": 62, "address": 63, "identifier": 64}[model]
    key, iri = party_of(world, number)
    before = world.raw_parties()[key]
    world.write_child(model, key, **edit)
    report = world.run()
    assert report.counts["external.read"] < POPULATION  # the pass was no full one
    assert world.clients()[iri][field] == value
    after = world.raw_parties()[key]
    assert (after["write_date"], after["create_date"]) == (before["write_date"], before["create_date"])
    assert age(after["write_date"] or after["create_date"]) > 6
    world.assert_converged()


def test_a_child_that_is_added_or_taken_away_is_found_by_an_incremental_pass(world: World) -> None:
    with_phone, without = party_of(world, 65), party_of(world, 66)
    world.write_child("contact_mechanism", with_phone[0], active=False)
    world.write_child("contact_mechanism", without[0], active=False)
    world.run()
    assert world.clients()[with_phone[1]]["addressPhoneNumber"] is None
    assert world.clients()[without[1]]["addressPhoneNumber"] is None
    world.add_contact(without[0], "phone", "+45 555 777 888")
    report = world.run()
    assert report.counts["external.read"] < POPULATION
    assert world.clients()[without[1]]["addressPhoneNumber"] == "+45 555 777 888"
    world.assert_converged()


def test_a_slow_bulk_create_behind_the_watermark_is_not_missed(world: World) -> None:
    """The bulk begins first and commits last; meanwhile a quick create has moved the cursor past its stamps."""
    # Without VAT numbers: Tryton checks those in a later transaction and stamps them again, which would show the party.
    bulk = [{**facts(number), "status": "active", "vatNumber": None} for number in range(400, 480)]
    quick = {**facts(481), "addressPhoneNumber": None, "status": "active"}
    erp = world.erp
    with (
        closing(TrytonServer(erp.url, erp.database, erp.version, erp.log)) as importer,
        ThreadPoolExecutor(1) as pool,
        world.erp_sql() as elsewhere,
    ):
        # Somebody holds up the bulk in the middle: its parties are written, its phone numbers have to wait.
        elsewhere.execute("LOCK TABLE party_contact_mechanism IN SHARE MODE")
        importing = pool.submit(world.add_parties, bulk, importer)
        try:
            until_waiting(elsewhere)
            (early,) = world.add_parties([quick])
            world.run()
            cursor = datetime.fromisoformat(str(world.opened.store.cursor(MAPPING, Side.EXTERNAL)))
            assert early in world.links()
            assert not importing.done()
        finally:
            elsewhere.rollback()
        keys = importing.result(timeout=120)
    rows = world.raw_parties()
    stamps = [stamped for key in keys for stamped in all_stamps(rows[key])]
    assert max(stamps) < stamp(rows[early]["create_date"]) <= cursor  # they really lie behind it
    report = world.run()
    assert report.counts["external.read"] < len(rows)
    assert set(keys) <= set(world.links())
    world.assert_converged()
    world.run(full=True)
    assert world.said("read.missed_by_cursor") == []
    world.assert_converged()


def test_a_deactivated_party_is_archived_and_the_other_way_round(world: World) -> None:
    left, right = party_of(world, 67), party_of(world, 311)
    world.write_party(left[0], active=False)
    world.edit_client(right[1], status="archived")
    world.run()
    assert world.clients()[left[1]]["status"] == "archived"
    assert world.parties()[right[0]]["status"] == "archived"
    world.assert_converged()
    # What rests is still read, and what comes back brings its edits along.
    world.write_child("contact_mechanism", left[0], value="+45 555 999 000")
    world.edit_client(right[1], status="active", addressPhoneNumber="+45 555 999 111", name="Back Again A/S")
    world.run()
    assert world.clients()[left[1]]["addressPhoneNumber"] == "+45 555 999 000"
    assert world.parties()[right[0]]["status"] == "active"
    assert world.parties()[right[0]]["name"] == "Back Again A/S"
    world.assert_converged()


def test_an_email_that_the_mapping_does_not_name_is_read_and_writes_nothing(world: World) -> None:
    key, _ = party_of(world, 70)
    world.flowtly.reset_requests()
    world.add_contact(key, "email", "a@example.com")
    before = world.run().counts["external.unchanged"]
    world.add_contact(key, "phone", "+45 555 1")
    assert world.run().counts["external.unchanged"] == before  # a second phone is not the first one
    assert world.flowtly_writes() == {}
    world.assert_converged()


def test_a_merge_of_two_linked_parties_makes_nothing_deletes_nothing_and_is_reported(world: World) -> None:
    """Tryton leaves the merged party inactive and takes its address, tax number and phone away."""
    (survivor, surviving), (merged, left_over) = party_of(world, 68), party_of(world, 69)
    links, clients, names = world.links(), world.clients(), by_id(world.parties())
    world.flowtly.reset_requests()
    world.erp.merge(int(merged), int(survivor))
    world.apart.add(merged)
    for full in (False, True, False):
        world.run(full=full)
    assert world.raw_parties()[merged]["replaced_by"] == int(survivor)
    assert by_id(world.parties()) == names
    assert world.clients() == clients
    assert world.links() == links
    assert world.flowtly_writes() == {}
    world.assert_converged()
    # By Tryton's word two clients are one: a person is asked, once. What is left of the party is nobody's edit.
    (asked,) = [row for row in world.questions() if row.kind == "merged"]
    assert (asked.external_key, asked.flowtly_key) == (merged, left_over)
    assert asked.named(Side.EXTERNAL) == {merged, survivor}
    assert asked.named(Side.FLOWTLY) == {left_over, surviving}
    assert len(world.said("conflict.merged")) == 1
    assert world.pending(Side.EXTERNAL, merged) is None
    status, _ = json.loads(world.syncd("status", "--json", code=2))["mappings"]
    assert (status["counts"]["external.parked"], status["missing"]) == (0, 0)
    # The survivor goes on; an edit of what was merged is held, not lost and not written into the dead party.
    world.write_child("contact_mechanism", survivor, value="+45 555 680 680")
    world.edit_client(left_over, addressCity="Tarm", name="Held Back A/S")
    world.settled()
    assert world.clients()[surviving]["addressPhoneNumber"] == "+45 555 680 680"
    assert by_id(world.parties()) == names
    assert world.clients()[left_over]["name"] == "Held Back A/S"
    world.assert_converged()


def test_a_link_follows_to_the_party_that_a_linked_one_was_merged_into(world: World) -> None:
    merged, client = party_of(world, 72)
    before = world.clients()
    (survivor,) = world.add_parties([facts(501)])
    world.erp.merge(int(merged), int(survivor))
    world.alone.add(merged)
    world.settled()
    assert world.links()[survivor] == client
    assert merged not in world.links()
    assert world.clients().keys() == before.keys(), "no client is made and none is lost"
    assert world.clients()[client]["name"] == facts(501)["name"]
    assert [row for row in world.questions() if survivor in {row.external_key, *row.named(Side.EXTERNAL)}] == []
    world.flowtly.reset_requests()
    world.run(full=True)
    assert world.flowtly_writes() == {}
    world.assert_converged()


def test_two_parties_with_one_vat_number_are_asked_about_and_a_merge_makes_them_one_client(world: World) -> None:
    kept, twin = world.add_parties([facts(500), {**facts(500), "name": "Twin A/S"}])
    before = world.clients()
    world.run()
    (question,) = [row for row in world.questions() if row.kind == "ambiguous"]
    assert question.external_key == kept
    assert twin in question.detail
    assert world.clients() == before
    world.erp.merge(int(twin), int(kept))
    world.alone.add(twin)
    world.settled()
    assert [row for row in world.questions() if row.kind == "ambiguous"] == []
    assert len(world.clients()) == len(before) + 1
    world.assert_converged()


def test_a_party_that_cannot_be_a_client_for_a_while_is_held_and_goes_on_afterwards(world: World) -> None:
    key, iri = party_of(world, 71)
    world.write_child("address", key, country=None, city="Tarm")
    world.edit_client(iri, name="Waiting A/S")
    world.apart.add(key)
    world.settled()
    assert [(event["key"], event["field"]) for event in world.said("record.parked")] == [(key, "country")]
    assert world.parties()[key]["name"] == facts(71)["name"]
    assert world.clients()[iri]["addressCity"] == facts(71)["addressCity"]
    world.write_child("address", key, country=world.countries["DK"])
    world.apart.remove(key)
    world.settled()
    assert world.parties()[key]["name"] == "Waiting A/S"
    assert world.clients()[iri]["addressCity"] == "Tarm"
    world.assert_converged()


def test_an_idle_full_run_writes_nothing_on_either_side(world: World) -> None:
    before = world.raw_parties(), world.clients(), world.links()
    world.flowtly.reset_requests()
    for full in (True, False):
        report = world.run(full=full)
        assert report.plan is not None
        assert not report.plan.pending
    assert world.flowtly_writes() == {}
    assert world.flowtly.requests["GET /clients"] > 0
    assert (world.raw_parties(), world.clients(), world.links()) == before


def stamp(wire: dict[str, Any]) -> datetime:
    """A time as Tryton writes it: naive UTC in parts."""
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return datetime(*(int(wire[part]) for part in parts), tzinfo=UTC)  # type: ignore[misc, arg-type]


def all_stamps(row: dict[str, Any]) -> Iterator[datetime]:
    """Every stamp of a party and its children."""
    for one in (row, *row["addresses."], *row["identifiers."], *row["contact_mechanisms."]):
        yield from (stamp(one[name]) for name in ("create_date", "write_date") if one[name] is not None)


def age(wire: dict[str, Any]) -> int:
    """Days since a stamp."""
    return (datetime.now(UTC) - stamp(wire)).days


def until_waiting(connection: psycopg.Connection[Any]) -> None:
    """Until some transaction waits for the lock that ``connection`` holds."""
    question = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'party_contact_mechanism'::regclass"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    pause = threading.Event()
    for _ in range(3000):
        found = connection.execute(question).fetchone()
        if found is not None and found[0]:
            return
        pause.wait(0.01)
    pytest.fail("the bulk create never came to its contacts")
