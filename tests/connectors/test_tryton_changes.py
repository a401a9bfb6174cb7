"""The Tryton connector on real servers: what people do there, and what each flat field becomes in nested records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from syncd.connectors.tryton.connector import TrytonConnector
from syncd.errors import Denied, NotFound, RateLimited, Refused, Stale
from syncd.ports import Page, Query, Record
from tests.connectors.contract import RealClock, final_cursor
from tests.support.tryton_server import TrytonServer, tryton_server

pytestmark = pytest.mark.slow

P = Query("party")
FULL = {
    "name": "Nordic Ltd", "code": "N-1", "active": True, "lang": "en", "vat_number": "DK10000106",
    "street": "Main Street 1\nBack door", "city": "Odense", "postal_code": "5000", "country_code": "DK",
    "phone": "+45 1234", "mobile": "+45 5678", "fax": "+45 9", "email": "n@example.com",
    "website": "https://example.com",
}  # fmt: skip


def connect(server: TrytonServer, **settings: Any) -> TrytonConnector:
    login = {"url": server.url, "database": server.database, "username": "admin", "password": server.password}
    chosen = TrytonConnector.Settings.model_validate({**login, "page_size": 7, "retries": 0, **settings})
    return TrytonConnector.from_settings("erp", chosen, RealClock())


@pytest.fixture(scope="module", params=["8.2", "7.0"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    with tryton_server(tmp_path_factory.mktemp("tryton"), version=request.param) as server:
        yield server


@pytest.fixture
def server(running: TrytonServer) -> TrytonServer:
    """The server of one version, without any party."""
    running.clear()
    return running


@pytest.fixture
def erp(server: TrytonServer) -> Iterator[TrytonConnector]:
    made = connect(server)
    yield made
    made.close()


def keys(pages: list[Page]) -> set[str]:
    return {record.key for page in pages for record in page.records}


def children(server: TrytonServer, model: str, party: str, *fields: str) -> list[dict[str, Any]]:
    domain = [["party", "=", int(party)], ["active", "in", [True, False]]]
    order = [["sequence", "ASC NULLS FIRST"], ["id", "ASC"]]
    return server.rpc(f"model.party.{model}.search_read", domain, 0, None, order, list(fields))


# ------------------------------------------------------------------ fields


def test_every_flat_field_is_stored_and_read_back(erp: TrytonConnector) -> None:
    made = erp.create(P, FULL)
    assert {name: made.raw[name] for name in FULL} == FULL
    assert made.raw["tax_identifier"] == "DK10000106"
    assert made == erp.read(P, made.key)
    for name, value in FULL.items():
        if name != "lang":
            assert [found.key for found in erp.find(P, {name: value})] == [made.key], name


def test_every_flat_field_can_be_changed_alone(erp: TrytonConnector, server: TrytonServer) -> None:
    record = erp.create(P, FULL)
    changes = {
        "name": "Baltic Ltd", "lang": "de", "vat_number": "PL5260250995",
        "street": "Other 2", "city": "Aarhus", "postal_code": "8000", "country_code": "PL", "phone": "1", "mobile": "2",
        "fax": "3", "email": "b@example.com", "website": "https://example.com/b", "active": False,
    }  # fmt: skip
    expected = dict(FULL)
    for name, value in changes.items():
        record = erp.update(P, record.key, {name: value}, record)
        expected[name] = value
        assert {field: record.raw[field] for field in FULL} == expected, name
    record = erp.update(P, record.key, {"active": True, "name": "Back again", "city": "Kolding"}, record)
    assert (record.raw["active"], record.raw["name"], record.raw["city"]) == (True, "Back again", "Kolding")
    if server.version == "7.0":
        assert erp.update(P, record.key, {"code": "B-2"}, record).raw["code"] == "B-2"
    else:
        with pytest.raises(Refused, match="Code"):
            erp.update(P, record.key, {"code": "B-2"}, record)


def test_a_party_that_is_inactive_from_the_start_is_created_and_put_away(erp: TrytonConnector) -> None:
    made = erp.create(P, {**FULL, "active": False})
    assert made.raw["active"] is False
    assert made.raw["name"] == FULL["name"]
    assert erp.update(P, made.key, {"city": "Kolding"}, made).raw["city"] == "Kolding"


def test_every_nested_field_can_be_cleared_and_set_again(erp: TrytonConnector, server: TrytonServer) -> None:
    record = erp.create(P, FULL)
    nested = [name for name in FULL if name not in {"name", "code", "active"}]
    record = erp.update(P, record.key, dict.fromkeys(nested), record)
    assert {name: record.raw[name] for name in nested} == dict.fromkeys(nested)
    assert children(server, "contact_mechanism", record.key, "value") == []
    assert children(server, "identifier", record.key, "code") == []
    assert len(children(server, "address", record.key, "city")) == 1
    record = erp.update(P, record.key, {name: FULL[name] for name in nested}, record)
    assert {name: record.raw[name] for name in FULL} == FULL
    assert len(children(server, "address", record.key, "city")) == 1


def test_an_empty_party_has_no_children(erp: TrytonConnector, server: TrytonServer) -> None:
    made = erp.create(P, {"name": "Bare", "city": None, "phone": None, "vat_number": ""})
    assert children(server, "address", made.key, "city") == []
    assert [name for name in FULL if made.raw[name] is None] == [
        name for name in FULL if name not in {"name", "code", "active"}
    ]


def test_a_change_leaves_second_addresses_and_contacts_alone(erp: TrytonConnector, server: TrytonServer) -> None:
    (party,) = server.parties([{
        "name": "Two of each",
        "addresses": [["create", [{"city": "First", "street": "One"}, {"city": "Second", "street": "Two"}]]],
        "contact_mechanisms": [["create", [
            {"type": "email", "value": "first@example.com"}, {"type": "email", "value": "second@example.com"},
            {"type": "skype", "value": "kept"},
        ]]],
        "identifiers": [["create", [{"type": "eu_vat", "code": "DK10000106"}, {"type": None, "code": "other"}]]],
    }])  # fmt: skip
    before = erp.read(P, str(party))
    assert (before.raw["city"], before.raw["email"]) == ("First", "first@example.com")
    erp.update(P, str(party), {"city": "Changed", "email": "new@example.com", "vat_number": "PL5260250995"}, before)
    key = str(party)
    assert [row["city"] for row in children(server, "address", key, "city")] == ["Changed", "Second"]
    assert [row["street"] for row in children(server, "address", key, "street")] == ["One", "Two"]
    values = {row["value"] for row in children(server, "contact_mechanism", key, "value")}
    assert values == {"new@example.com", "second@example.com", "kept"}
    assert {row["code"] for row in children(server, "identifier", key, "code")} == {"PL5260250995", "other"}


def test_a_national_tax_number_stands_in_for_a_european_one(erp: TrytonConnector, server: TrytonServer) -> None:
    national = [["create", [{"type": None, "code": "x"}, {"type": "no_vat", "code": "NO995525828MVA"}]]]
    (party,) = server.parties([{"name": "Fjord AS", "identifiers": national}])
    seen = erp.read(P, str(party))
    assert seen.raw["vat_number"] == seen.raw["tax_identifier"]
    assert "995" in seen.raw["vat_number"]
    changed = erp.update(P, seen.key, {"vat_number": None}, seen)
    assert changed.raw["vat_number"] is None
    again = erp.update(P, seen.key, {"vat_number": "NO995525828MVA"}, changed)
    kinds = {row["type"] for row in children(server, "identifier", seen.key, "type")}
    assert kinds == {None, "no_vat"}
    assert again.raw["vat_number"] == seen.raw["vat_number"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"country_code": "ZZ"}, "country_code"),
        ({"lang": "xx"}, "lang"),
        ({"vat_number": "DK12345678"}, ""),
        ({"code": "taken"}, ""),
        ({"code": None}, "code"),
        ({"active": "yes"}, "active"),
        ({"name": 5}, "name"),
        ({"id": 5}, "id"),
        ({"tax_identifier": "DK10000106"}, "tax_identifier"),
        ({"replaced_by": 1}, "replaced_by"),
    ],
)
def test_what_tryton_or_we_refuse_is_refused_and_leaves_nothing(
    erp: TrytonConnector, fields: dict[str, Any], field: str
) -> None:
    first = erp.create(P, {"name": "First", "code": "taken"})
    with pytest.raises(Refused) as caught:
        erp.create(P, {"name": "Second", **fields})
    assert [violation.field for violation in caught.value.violations] == [field]
    other = erp.create(P, {"name": "Other"})
    with pytest.raises(Refused):
        erp.update(P, other.key, fields, other)
    assert keys(list(erp.pages(P, None))) == {first.key, other.key}
    assert erp.read(P, other.key) == other


# ------------------------------------------------------------------ changes


def test_each_kind_of_child_that_a_person_edits_directly_is_found(erp: TrytonConnector, server: TrytonServer) -> None:
    made = erp.create(P, FULL)
    edits = {
        "contact_mechanism": ("value", "email", "edited@example.com"),
        "address": ("city", "city", "Edited"),
        "identifier": ("code", "vat_number", "DK10000157"),
    }
    for model, (field, flat, value) in edits.items():
        quick = connect(server, overlap="0s")
        cursor = final_cursor(list(quick.pages(P, None)), None)
        before = quick.read(P, made.key)
        (child, *_) = [row for row in children(server, model, made.key, field) if row[field] == before.raw[flat]]
        server.rpc(f"model.party.{model}.write", [child["id"]], {field: value})
        pages = list(quick.pages(P, cursor))
        found = {record.key: record for page in pages for record in page.records}
        assert found[made.key].raw[flat] == value
        assert found[made.key].changed_at > before.changed_at
        assert found[made.key].raw["write_date"] == before.raw["write_date"]  # Tryton does not move the party
        quick.close()


def test_a_child_that_a_person_adds_or_deactivates_is_found(erp: TrytonConnector, server: TrytonServer) -> None:
    made = erp.create(P, {"name": "A"})
    quick = connect(server, overlap="0s")
    try:
        cursor = final_cursor(list(quick.pages(P, None)), None)
        contact = {"party": int(made.key), "type": "email", "value": "added@example.com"}
        (child,) = server.rpc("model.party.contact_mechanism.create", [contact])
        pages = list(quick.pages(P, cursor))
        assert [r.raw["email"] for page in pages for r in page.records if r.key == made.key] == ["added@example.com"]
        cursor = final_cursor(pages, cursor)
        server.rpc("model.party.contact_mechanism.write", [child], {"active": False})
        pages = list(quick.pages(P, cursor))
        assert [r.raw["email"] for page in pages for r in page.records if r.key == made.key] == [None]
    finally:
        quick.close()


def test_an_inactive_party_is_read_walked_and_found(erp: TrytonConnector, server: TrytonServer) -> None:
    """It has no children: nothing but its own row tells of it."""
    made = erp.create(P, {"name": "Bare"})
    cursor = final_cursor(list(erp.pages(P, None)), None)
    server.rpc("model.party.party.write", [int(made.key)], {"active": False})
    assert erp.read(P, made.key).raw["active"] is False
    assert keys(list(erp.pages(P, None))) == {made.key}
    assert keys(list(erp.pages(P, cursor))) == {made.key}
    assert [found.key for found in erp.find(P, {"name": "Bare"})] == [made.key]
    assert erp.update(P, made.key, {"active": True}, erp.read(P, made.key)).raw["active"] is True


def test_a_merged_party_points_to_its_survivor(erp: TrytonConnector, server: TrytonServer) -> None:
    source = erp.create(P, {"name": "Old", "email": "old@example.com", "vat_number": "DK10000106"})
    survivor = erp.create(P, {"name": "New"})
    cursor = final_cursor(list(erp.pages(P, None)), None)
    server.merge(int(source.key), int(survivor.key))
    found = {record.key: record for page in erp.pages(P, cursor) for record in page.records}
    merged = found[source.key]
    assert merged.raw["active"] is False
    assert merged.raw["replaced_by"] == int(survivor.key)
    assert (merged.raw["email"], merged.raw["vat_number"]) == (None, None)
    server.rpc(
        "model.party.contact_mechanism.delete",
        [row["id"] for row in children(server, "contact_mechanism", survivor.key)],
    )
    server.rpc("model.party.identifier.delete", [row["id"] for row in children(server, "identifier", survivor.key)])
    server.rpc("model.party.party.delete", [int(source.key)])


def test_only_parties_in_scope_are_walked(erp: TrytonConnector) -> None:
    active = erp.create(P, {"name": "A", "country_code": "DK"})
    other = erp.create(P, {"name": "B", "country_code": "PL", "active": False})
    assert keys(list(erp.pages(Query("party", where={"country_code": "DK"}), None))) == {active.key}
    assert keys(list(erp.pages(Query("party", where={"active": False}), None))) == {other.key}
    assert keys(list(erp.pages(Query("party", where={"street": None}), None))) == {active.key, other.key}
    with pytest.raises(Refused, match="did you mean 'city'"):
        list(erp.pages(Query("party", where={"citty": "x"}), None))


def test_an_update_is_stale_when_its_child_moved_but_not_for_another_child(
    erp: TrytonConnector, server: TrytonServer
) -> None:
    made = erp.create(P, FULL)
    seen = erp.read(P, made.key)
    (phone,) = [row for row in children(server, "contact_mechanism", made.key, "type") if row["type"] == "phone"]
    server.rpc("model.party.contact_mechanism.write", [phone["id"]], {"value": "+45 999"})
    with pytest.raises(Stale):
        erp.update(P, made.key, {"phone": "+45 000"}, seen)
    if server.version != "7.0":  # its locks are whole seconds on SQLite, so that every field is compared there
        assert erp.update(P, made.key, {"city": "Aarhus"}, seen).raw["phone"] == "+45 999"


def test_a_child_or_a_party_that_is_gone_is_told_apart(erp: TrytonConnector, server: TrytonServer) -> None:
    made = erp.create(P, FULL)
    ids = [row["id"] for row in children(server, "contact_mechanism", made.key, "type") if row["type"] == "email"]
    server.rpc("model.party.contact_mechanism.delete", ids)
    with pytest.raises(Stale):
        erp.update(P, made.key, {"email": "x@example.com"}, made)
    server.rpc("model.party.party.delete", [int(made.key)])
    with pytest.raises(NotFound):
        erp.update(P, made.key, {"email": "x@example.com"}, made)


def test_a_key_is_an_id_and_lookups_are_rows(erp: TrytonConnector) -> None:
    countries = {row["code"]: row for row in erp.rows("countries")}
    assert countries["DK"]["name"] == "Denmark"
    assert countries["DK"]["@key"].isdigit()
    assert {"en", "de"} <= {row["code"] for row in erp.rows("languages")}
    made = erp.create(P, {"name": "A"})
    assert [row["@key"] for row in erp.rows("parties")] == [made.key]
    with pytest.raises(Refused, match="known by its id"):
        erp.read(Query("party", key="code"), "1")
    with pytest.raises(Refused, match="did you mean 'party'"):
        erp.capabilities(Query("partie"))
    assert "Tryton" in erp.check()


# ------------------------------------------------------------------ sessions


def test_a_session_that_the_server_forgot_is_renewed_without_losing_a_call(
    erp: TrytonConnector, server: TrytonServer
) -> None:
    assert keys(list(erp.pages(P, None))) == set()
    erp._rpc._http.ask(_logout(erp))
    assert erp.create(P, {"name": "A"}).raw["name"] == "A"
    assert len(keys(list(erp.pages(P, None)))) == 1


def _logout(erp: TrytonConnector) -> Any:
    from syncd.connectors.tryton.wire import as_request

    return as_request(erp._rpc.endpoint, "common.db.logout", [], write=True)


def test_a_locked_account_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    with tryton_server(tmp_path_factory.mktemp("tryton")) as server:
        for number in range(7):
            erp = connect(server, password=f"wrong {number}")
            with pytest.raises((Denied, RateLimited)) as caught:
                erp.check()
            before = erp.requests
            with pytest.raises((Denied, RateLimited)):
                erp.check()
            assert erp.requests == before + (1 if isinstance(caught.value, RateLimited) else 0)
            erp.close()
        assert isinstance(caught.value, RateLimited)


# ------------------------------------------------------------------ on PostgreSQL


@pytest.fixture
def on_postgres(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    with tryton_server(tmp_path_factory.mktemp("tryton"), postgres_url=pg_url.replace("+psycopg", "")) as server:
        yield server


def test_a_slow_bulk_create_behind_the_cursor_is_not_lost(on_postgres: TrytonServer, pg_url: str) -> None:
    """Stamps are the start of the transaction: a long one commits behind what a quick one has shown meanwhile."""
    bulk = [{"name": f"Bulk {n}", "addresses": [["create", [{"city": f"City {n}"}]]]} for n in range(300)]
    with ExitStack() as stack:
        erp = connect(on_postgres)
        stack.callback(erp.close)
        erp.create(P, {"name": "Before"})
        made: list[int] = []
        other = TrytonServer(on_postgres.url, on_postgres.database, on_postgres.version, on_postgres.log)
        stack.callback(other.close)
        slow = threading.Thread(target=lambda: made.extend(other.parties(bulk)))
        slow.start()
        _until_busy(pg_url, on_postgres.database)
        quick = erp.create(P, {"name": "Quick"})
        first = list(erp.pages(P, None))
        assert slow.is_alive()
        slow.join()
        cursor = final_cursor(first, None)
        assert keys(first).isdisjoint(map(str, made))
        late = erp.read(P, str(made[0]))
        assert late.changed_at < quick.changed_at  # it really lies behind the cursor
        assert {str(party) for party in made} <= keys(list(erp.pages(P, cursor)))


def test_creates_and_updates_at_once_lose_nothing(on_postgres: TrytonServer) -> None:
    erp = connect(on_postgres, concurrency=4)
    try:
        shared = erp.create(P, {"name": "Shared", "email": "shared@example.com"})
        outcomes: list[str] = []

        def work(number: int) -> None:
            erp.create(P, {"name": f"Company {number}", "city": f"City {number}"})
            outcomes.append(_try(lambda: erp.update(P, shared.key, {"email": f"{number}@example.com"}, shared)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(keys(list(erp.pages(P, None)))) == 5
        assert outcomes.count("written") == 1
        assert sorted(set(outcomes)) == ["stale", "written"]
    finally:
        erp.close()


def _try(write: Callable[[], Record]) -> str:
    try:
        write()
    except Stale:
        return "stale"
    return "written"


def _until_busy(url: str, database: str) -> None:
    """Until some transaction of the ERP has been writing for a moment."""
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_xid IS NOT NULL"
        " AND clock_timestamp() - xact_start > interval '200 ms'"
    )
    pause = threading.Event()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        for _ in range(1000):
            if admin.execute(question, [database]).fetchone()[0]:
                return
            pause.wait(0.01)
    pytest.fail("the bulk create never began")
