"""The connector's own promises: what it sends, what it refuses to send, what a write's answer means, how it looks up."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import BadAnswer, Denied, Later, NotFound, RateLimited, Refused, SyncdError, UnknownOutcome
from syncd.ports import Query, Record
from tests.wire.peers import CLIENTS, TOKEN, flowtly
from tests.wire.scripted import LD, Answering, Drop, Got, Reply, ScriptedServer

NOTES = Query("client-notes")
SEEN = Record("/api/clients/5", {"name": "Old"})


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"@id": f"/api/clients/{number}", "@type": "Client", "id": number, **more}


def listing(*rows: dict[str, Any], total: int | None = None) -> Reply:
    return Reply(200, {"member": list(rows), "totalItems": len(rows) if total is None else total})


class TestRecords:
    def test_relations_are_iris_however_they_came(self) -> None:
        item = row(
            5,
            country={"@id": "/api/countries/1", "@type": "Country", "code": "DK"},
            currency="/api/currencies/2",
            addressCountry={"id": 3, "code": "SE"},
            defaultCost={"name": "an object without identity"},
            attributeSet=None,
        )
        with ScriptedServer(lambda _: Reply(200, item)) as server, flowtly(server.url) as connector:
            raw = connector.read(CLIENTS, "/api/clients/5").raw
        assert raw["country"] == "/api/countries/1"
        assert raw["currency"] == "/api/currencies/2"
        assert raw["addressCountry"] == "/api/countries/3"
        assert raw["defaultCost"] == {"name": "an object without identity"}, "for the mapping to complain about"

    def test_numbers_are_exact_and_absent_fields_are_null(self) -> None:
        reply = Reply(200, b'{"@id": "/api/clients/5", "defaultTaxRate": 23.50, "dueDays": 14, "@context": "x"}')
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector:
            raw = connector.read(CLIENTS, "/api/clients/5").raw
            shape = connector.shape(CLIENTS)
        assert raw["defaultTaxRate"] == Decimal("23.50") and isinstance(raw["defaultTaxRate"], Decimal)
        assert raw["tin"] is None
        assert shape is not None and set(raw) == set(shape.fields)

    def test_amounts_are_decimals_with_and_without_a_fraction(self) -> None:
        reply = Reply(200, b'{"@id": "/api/transactions/01a1-7f", "amount": -125, "endingBalance": 0.10, "ignored": 1}')
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector:
            raw = connector.read(Query("transactions"), "/api/transactions/01a1-7f").raw
        assert (repr(raw["amount"]), repr(raw["endingBalance"])) == ("Decimal('-125')", "Decimal('0.10')")
        assert (raw["ignored"], type(raw["ignored"])) == (1, int)

    def test_lists_of_other_records_are_iris_however_they_came(self) -> None:
        item = {
            "@id": "/api/transactions/01a1-7f",
            "counterparty": {"@id": "/api/.well-known/genid/abc", "id": 2, "displayName": "Counterparty 002"},
            "budgetTransactions": [{"@id": "/api/budget-transactions/b1", "amount": 5}, "/api/budget-transactions/b2"],
            "projectTransactions": [{"id": "p1"}, {"amount": 5}],
            "transactionAttachments": [],
        }
        with ScriptedServer(lambda _: Reply(200, item)) as server, flowtly(server.url) as connector:
            raw = connector.read(Query("transactions"), "/api/transactions/01a1-7f").raw
        assert raw["counterparty"] == "/api/counterparties/2", "a blank node is no identity"
        assert raw["budgetTransactions"] == ["/api/budget-transactions/b1", "/api/budget-transactions/b2"]
        assert raw["projectTransactions"] == ["/api/project-transactions/p1", {"amount": 5}]
        assert raw["transactionAttachments"] == []

    def test_an_embedded_transaction_of_a_link_is_its_iri(self) -> None:
        item = {"@id": "/api/budget-transactions/b1", "transaction": {"@id": "/api/transactions/t1", "amount": -125}}
        with ScriptedServer(lambda _: Reply(200, item)) as server, flowtly(server.url) as connector:
            record = connector.read(Query("budget-transactions"), "/api/budget-transactions/b1")
        assert record.raw["transaction"] == "/api/transactions/t1"

    def test_a_field_that_is_not_catalogued_is_kept(self) -> None:
        with ScriptedServer(lambda _: Reply(200, row(5, newField="x"))) as server, flowtly(server.url) as connector:
            assert connector.read(CLIENTS, "/api/clients/5").raw["newField"] == "x"

    @pytest.mark.parametrize(
        ("stamp", "moment"),
        [
            ("2026-11-20T23:13:32+00:00", datetime(2026, 11, 20, 23, 13, 32, tzinfo=UTC)),
            ("2026-11-20T23:13:32", datetime(2026, 11, 20, 23, 13, 32, tzinfo=UTC)),
            ("2026-11-21T01:13:32+02:00", datetime(2026, 11, 20, 23, 13, 32, tzinfo=UTC)),
            ("yesterday", None),
            (5, None),
            (None, None),
        ],
    )
    def test_the_change_stamp_of_a_note_is_its_changed_at(self, stamp: Any, moment: datetime | None) -> None:
        item = {"@id": "/api/client-notes/01a1", "id": "01a1", "updatedAt": stamp}
        with ScriptedServer(lambda _: Reply(200, item)) as server, flowtly(server.url) as connector:
            assert connector.read(NOTES, "/api/client-notes/01a1").changed_at == moment

    def test_an_absolute_iri_of_our_host_stays_the_key_and_can_be_read(self) -> None:
        with ScriptedServer(lambda _: Reply(500)) as server, flowtly(server.url) as connector:
            iri = f"{server.url}/api/clients/5"
            server.script = lambda got: (
                Reply(200, row(5) | {"@id": iri}) if "/5" in got.path else listing(row(5) | {"@id": iri})
            )
            (page,) = list(connector.pages(CLIENTS, None))
            assert page.records[0].key == iri
            assert connector.read(CLIENTS, iri).key == iri
            assert connector.read(CLIENTS, "/api/clients/5").key == "/api/clients/5"
            assert server.got[-1].target == "/clients/5"

    def test_a_blank_node_is_not_an_identity(self) -> None:
        item = row(5) | {"@id": "/api/.well-known/genid/abcdef"}
        with ScriptedServer(lambda _: listing(item)) as server, flowtly(server.url) as connector:
            (page,) = list(connector.pages(CLIENTS, None))
        assert page.records[0].key == "/api/clients/5"


class TestReading:
    @pytest.mark.parametrize("status", [404, 410])
    def test_an_absence_that_the_api_states_is_not_found(self, status: int) -> None:
        gone = Reply(
            status, {"status": status, "detail": "Not Found", "type": "/errors/404"}, "application/problem+json"
        )
        with ScriptedServer(lambda _: gone) as server, flowtly(server.url) as connector:
            with pytest.raises(NotFound):
                connector.read(CLIENTS, "/api/clients/5")
            assert server.count("GET") == 1

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(404, b"<h1>404</h1>", "text/html"),
            Reply(404, b"", ""),
            Reply(404, b"", "application/problem+json"),
            Reply(404, b"[]", "application/json"),
            Reply(404, {"@type": "hydra:Error", "hydra:description": 'No route found for "GET /x"'}),
            Reply(
                404, {"type": "https://tools.ietf.org/html/rfc2616#section-10", "status": 404, "detail": "Not Found"}
            ),
        ],
        ids=["html", "nothing", "empty problem", "array", "router 3.x", "router 4.x"],
    )
    def test_any_other_404_proves_nothing(self, reply: Reply) -> None:
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector, pytest.raises(BadAnswer):
            connector.read(CLIENTS, "/api/clients/5")

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, row(6)),
            Reply(200, {"@id": "/api/clients", "member": [], "totalItems": 0}),
            Reply(200, []),
            Reply(200, b'{"@id": "/api/clients/5", "na'),
            Reply(200, b"<html></html>", "text/html"),
            Reply(204, b"", ""),
        ],
        ids=["another", "collection", "array", "cut", "html", "nothing"],
    )
    def test_an_answer_that_is_not_the_record_is_a_bad_answer(self, reply: Reply) -> None:
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector, pytest.raises(BadAnswer):
            connector.read(CLIENTS, "/api/clients/5")

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "5",
            "/clients/5",
            "/api/clients/",
            "/api/clients/5/documents",
            "/api/clients/..",
            "/api/clients/../organizations/clear",
            "/api/client-notes/5",
            "http://example.com/api/clients/5",
            "/api/clients/5?x=1",
            "/api/clients/5#x",
            "/api/clients/a b",
            "/api/clients/\x00",
            "/api/clients/%2e%2e",
        ],
    )
    def test_a_key_that_is_not_a_record_of_the_resource_is_never_sent(self, key: str) -> None:
        with ScriptedServer(lambda _: Reply(200, row(5))) as server, flowtly(server.url) as connector:
            with pytest.raises((Refused, BadAnswer)):
                connector.read(CLIENTS, key)
            with pytest.raises((Refused, BadAnswer)):
                connector.update(CLIENTS, key, {"name": "x"}, SEEN)
            assert server.got == []

    def test_lookup_rows_carry_their_iri(self) -> None:
        rows = [{"@id": "/api/countries/1", "code": "DK"}, {"@id": "/api/countries/2", "code": "PL"}]
        with ScriptedServer(lambda _: listing(*rows)) as server, flowtly(server.url) as connector:
            found = list(connector.rows("countries"))
        assert [(each["@key"], each["code"]) for each in found] == [
            ("/api/countries/1", "DK"),
            ("/api/countries/2", "PL"),
        ]


class TestDangerousAddresses:
    @pytest.mark.parametrize(
        ("resource", "key"), [("organizations", "/api/organizations/clear"), ("clients", "/api/clients/send")]
    )
    def test_send_and_clear_are_never_reached(self, resource: str, key: str) -> None:
        with ScriptedServer(lambda _: Reply(200, row(5))) as server, flowtly(server.url) as connector:
            with pytest.raises(Refused, match="never called"):
                connector.read(Query(resource), key)
            assert server.got == []

    def test_what_a_resource_has_no_verb_for_is_refused_unsent(self) -> None:
        with ScriptedServer(lambda _: Reply(200, row(5))) as server, flowtly(server.url) as connector:
            with pytest.raises(Refused, match="no create for organizations"):
                connector.create(Query("organizations"), {"name": "x"})
            with pytest.raises(Refused, match="no patch for countries"):
                connector.update(Query("countries"), "/api/countries/1", {"name": "x"}, SEEN)
            assert server.got == []


class TestCreating:
    def test_it_sends_what_was_given_and_returns_what_was_stored(self) -> None:
        stored = Reply(201, row(66, name="NORDIC TOOLS APS", dueDays=30), headers={"location": "/api/clients/66"})
        with ScriptedServer(lambda _: stored) as server, flowtly(server.url, instance="acme") as connector:
            made = connector.create(CLIENTS, {"name": "Nordic Tools ApS", "dueDays": 30, "tin": None})
            (got,) = server.got
        assert (made.key, made.raw["name"]) == ("/api/clients/66", "NORDIC TOOLS APS")
        assert (got.method, got.target) == ("POST", "/clients")
        assert got.json == {"name": "Nordic Tools ApS", "dueDays": 30, "tin": None}
        assert got.headers["content-type"] == "application/ld+json"
        assert got.headers["instance"] == "acme"
        assert got.headers["accept"].startswith("application/ld+json")
        assert got.headers["authorization"] == f"Bearer {TOKEN}"

    def test_a_server_without_json_ld_gets_json_once_and_from_then_on(self) -> None:
        def script(got: Got) -> Reply:
            taken = got.headers["content-type"] == "application/json"
            return Reply(201, {"id": 7}, "application/json") if taken else Reply(415, {"detail": "no"})

        with ScriptedServer(script) as server, flowtly(server.url) as connector:
            assert connector.create(CLIENTS, {"name": "x"}).key == "/api/clients/7"
            assert connector.create(CLIENTS, {"name": "x"}).key == "/api/clients/7"
            kinds = [got.headers["content-type"] for got in server.got]
        assert kinds == ["application/ld+json", "application/json", "application/json"]

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(201, b"", ""),
            Reply(201, b"", LD, {"location": "/api/clients/66"}),
            Reply(201, b'{"@id": "/api/clients/66", "na'),
            Reply(201, b"<html>created</html>", "text/html"),
            Reply(201, []),
            Reply(201, {"name": "x"}),
            Reply(202, row(66)),
            Reply(204, b"", ""),
            Reply(200, b"<html>sign in</html>", "text/html"),
            Reply(500, {"detail": "boom"}),
            Reply(504, b"<h1>504</h1>", "text/html"),
            Drop(),
        ],
    )
    def test_no_usable_answer_is_an_unknown_outcome_and_is_not_repeated(self, reply: Answering) -> None:
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector:
            with pytest.raises(UnknownOutcome) as caught:
                connector.create(CLIENTS, {"name": "Secret Customer ApS"})
            assert server.count("POST") == 1
        assert "Secret Customer" not in str(caught.value)

    def test_a_rate_limited_create_was_not_done(self) -> None:
        with (
            ScriptedServer(lambda _: Reply(429, headers={"retry-after": "3"})) as server,
            flowtly(server.url) as connector,
            pytest.raises(RateLimited) as caught,
        ):
            connector.create(CLIENTS, {"name": "x"})
        assert caught.value.retry_after == 3

    def test_an_unreachable_server_was_not_written_to(self) -> None:
        with ScriptedServer(lambda _: Reply(500)) as server:
            url = server.url
        with flowtly(url) as connector, pytest.raises(Later) as caught:
            connector.create(CLIENTS, {"name": "x"})
        assert type(caught.value) is Later


class TestWhatIsNeverSent:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"id": 5}, "field id is computed by Flowtly"),
            ({"vatNumber": "DK1"}, "field vatNumber is computed by Flowtly"),
            ({"clientContacts": []}, "field clientContacts is computed by Flowtly"),
            ({"costGroup": []}, "computed"),
            ({"@id": "/api/clients/1"}, "no field '@id'"),
            ({"@type": "Client"}, "no field"),
            ({"nmae": "x"}, "did you mean 'name'"),
            ({"country": {"@id": "/api/countries/1"}}, "nested records"),
            ({"name": [{"a": 1}]}, "nested records"),
            ({"name": object()}, "cannot be sent"),
            ({"name": "half \ud800"}, "cannot be sent"),
            ({"dueDays": 1.5}, "cannot be sent"),
            ({"dueDays": Decimal("NaN")}, "cannot be sent"),
        ],
    )
    def test_such_fields_are_refused_before_anything_is_sent(self, fields: dict[str, Any], said: str) -> None:
        with ScriptedServer(lambda _: Reply(201, row(1))) as server, flowtly(server.url) as connector:
            with pytest.raises(Refused, match=said):
                connector.create(CLIENTS, fields)
            with pytest.raises(Refused, match=said):
                connector.update(CLIENTS, "/api/clients/5", fields, SEEN)
            assert server.got == []


class TestUpdating:
    def test_only_the_given_fields_go_out_as_a_merge_patch(self) -> None:
        with ScriptedServer(lambda _: Reply(200, row(5, name="New"))) as server, flowtly(server.url) as connector:
            after = connector.update(CLIENTS, "/api/clients/5", {"name": "New", "tin": None, "dueDays": 7}, SEEN)
            (got,) = server.got
        assert (after.key, after.raw["name"], after.raw["tin"]) == ("/api/clients/5", "New", None)
        assert (got.method, got.target, got.json) == ("PATCH", "/clients/5", {"name": "New", "tin": None, "dueDays": 7})
        assert got.headers["content-type"] == "application/merge-patch+json"

    def test_nothing_to_change_sends_nothing(self) -> None:
        with ScriptedServer(lambda _: Reply(500)) as server, flowtly(server.url) as connector:
            assert connector.update(CLIENTS, "/api/clients/5", {}, SEEN) is SEEN
            assert server.got == []

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, b"<html></html>", "text/html"),
            Reply(200, b'{"@id":'),
            Reply(200, row(6)),
            Reply(200, []),
            Reply(204, b"", ""),
            Reply(502, b"<h1>502</h1>", "text/html"),
            Drop(),
        ],
    )
    def test_no_usable_answer_is_an_unknown_outcome(self, reply: Answering) -> None:
        with ScriptedServer(lambda _: reply) as server, flowtly(server.url) as connector:
            with pytest.raises(UnknownOutcome):
                connector.update(CLIENTS, "/api/clients/5", {"name": "x"}, SEEN)
            assert server.count("PATCH") == 1


class TestFinding:
    def test_a_filter_that_is_ignored_costs_time_and_finds_no_stranger(self) -> None:
        rows = [row(1, tin="111"), row(2, tin="222"), row(3, tin="222"), row(4)]
        with ScriptedServer(lambda _: listing(*rows)) as server, flowtly(server.url) as connector:
            assert [found.key for found in connector.find(CLIENTS, {"tin": "222"})] == [
                "/api/clients/2",
                "/api/clients/3",
            ]
            assert list(connector.find(CLIENTS, {"tin": "999"})) == []
            assert "tin=222" in server.got[0].target

    def test_every_value_has_to_match(self) -> None:
        rows = [row(1, tin="111", tinCountry="DK"), row(2, tin="111", tinCountry="PL"), row(3, tin=111)]
        with ScriptedServer(lambda _: listing(*rows)) as server, flowtly(server.url) as connector:
            found = list(connector.find(CLIENTS, {"tinCountry": "PL", "tin": "111"}))
        assert [record.key for record in found] == ["/api/clients/2"]

    def test_null_finds_the_records_that_have_none(self) -> None:
        with ScriptedServer(lambda _: listing(row(1, tin="1"), row(2), row(3, tin=""))) as server:
            with flowtly(server.url) as connector:
                assert [found.key for found in connector.find(CLIENTS, {"tin": None})] == [
                    "/api/clients/2",
                    "/api/clients/3",
                ]
            assert "tin" not in server.got[0].target

    def test_case_and_spacing_do_not_hide_a_record_that_the_peer_rewrote(self) -> None:
        with (
            ScriptedServer(lambda _: listing(row(1, name="NORDIC  TOOLS APS "))) as server,
            flowtly(server.url) as connector,
        ):
            assert [found.key for found in connector.find(CLIENTS, {"name": "Nordic Tools ApS"})] == ["/api/clients/1"]

    @pytest.mark.parametrize("value", ["12 34", "dk1", "a\\b", "100%", "é1", "", "x" * 65, "1\x00"])
    def test_a_value_with_more_than_one_spelling_is_looked_for_without_a_filter(self, value: str) -> None:
        with ScriptedServer(lambda _: listing()) as server, flowtly(server.url) as connector:
            list(connector.find(CLIENTS, {"tin": value}))
            assert "tin=" not in server.got[0].target

    def test_a_relation_is_filtered_by_its_iri(self) -> None:
        with ScriptedServer(lambda _: listing()) as server, flowtly(server.url) as connector:
            list(connector.find(NOTES, {"client": "/api/clients/5"}))
            assert "client=%2Fapi%2Fclients%2F5" in server.got[0].target

    def test_a_server_that_refuses_the_filter_is_walked_whole(self) -> None:
        def script(got: Got) -> Reply:
            return Reply(400, {"detail": "unknown parameter"}) if "tin=" in got.target else listing(row(1, tin="1"))

        with ScriptedServer(script) as server, flowtly(server.url) as connector:
            assert [found.key for found in connector.find(CLIENTS, {"tin": "1"})] == ["/api/clients/1"]

    def test_a_lookup_that_is_cut_short_raises(self) -> None:
        with (
            ScriptedServer(lambda _: listing(row(1), total=3)) as server,
            flowtly(server.url) as connector,
            pytest.raises(SyncdError, match="1 of 3"),
        ):
            list(connector.find(CLIENTS, {"name": "x"}))


class TestDescribing:
    def test_clients_have_no_cursor_no_lock_and_no_trusted_time(self) -> None:
        with flowtly("http://127.0.0.1:9", concurrency=3) as connector:
            can = connector.capabilities(CLIENTS)
            notes = connector.capabilities(NOTES)
            countries = connector.capabilities(Query("countries"))
        assert (can.create, can.update, can.delete, can.filters, can.concurrency) == (True, True, False, True, 3)
        assert (can.incremental, can.atomic_update, can.trusted_time) == (False, False, False)
        assert (notes.delete, notes.trusted_time) == (True, True)
        assert (countries.create, countries.update, countries.filters) == (False, False, False)

    def test_an_unknown_resource_is_refused_with_the_nearest_one(self) -> None:
        with flowtly("http://127.0.0.1:9") as connector:
            for ask in (connector.capabilities, connector.shape):
                with pytest.raises(Refused, match="did you mean 'clients'"):
                    ask(Query("client"))
            with pytest.raises(Refused, match=r"known: attribute-sets, .*client-contacts"):
                list(connector.rows("zebras"))

    def test_what_can_be_done_is_told_for_every_resource(self) -> None:
        with flowtly("http://127.0.0.1:9") as connector:
            can = {name: connector.capabilities(Query(name)) for name in RESOURCES}
        assert {name for name, each in can.items() if not each.create} == {
            *("transactions-unassigned", "transactions-with-problems", "invoices-draft"),
            *("countries", "currencies", "bank-accounts", "cost-groups", "costs", "attribute-sets", "suppliers"),
            *("employees", "organizations"),
        }
        replaced = {"budget-contractors", "budget-employees", "budget-invoices", "budget-projects"}
        assert {name for name, each in can.items() if each.create and not each.update} == replaced
        kept = {"clients", "transactions", "projects"}
        assert {name for name, each in can.items() if each.update and not each.delete} == kept
        assert {name for name, each in can.items() if each.trusted_time} == {"client-contacts", "client-notes"}

    def test_a_where_with_an_unknown_field_is_refused_with_the_nearest_one(self) -> None:
        with flowtly("http://127.0.0.1:9") as connector:
            with pytest.raises(Refused, match=r"invoices has no field 'statu' .did you mean 'status'"):
                connector.capabilities(Query("invoices", where={"statu": "sent"}))
            connector.capabilities(Query("invoices", where={"status": "sent"}))
            connector.capabilities(Query("income-transactions", where={"whatever": 1}))

    @pytest.mark.parametrize(
        ("script", "line"),
        [
            (lambda _: Reply(200, {"hydra:member": [{}], "hydra:totalItems": 1}), "1 organization, hydra envelope"),
            (lambda _: Reply(200, {"member": [{}], "totalItems": 3}), "3 organizations, plain envelope"),
            (lambda _: Reply(200, [{"id": "a"}], "application/json"), "1 organization, bare arrays"),
            (
                lambda got: Reply(403) if got.path == "/organizations" else listing(total=65),
                "65 clients, plain envelope",
            ),
            (
                lambda got: Reply(404, b"") if got.path == "/organizations" else listing(total=1),
                "1 client, plain envelope",
            ),
        ],
    )
    def test_a_check_says_who_answers(self, script: Any, line: str) -> None:
        with ScriptedServer(script) as server, flowtly(server.url) as connector:
            assert connector.check() == f"Flowtly answers at {server.url}: {line}"

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            (Reply(401, {"code": 401, "message": "Invalid JWT Token"}, "application/json"), Denied),
            (Reply(403, {"detail": "no"}), Denied),
            (Reply(404, b"<h1>nginx</h1>", "text/html"), BadAnswer),
            (Reply(200, b"<html>our shop</html>", "text/html"), BadAnswer),
            (Reply(200, {"hello": "world"}), BadAnswer),
            (Reply(502), Later),
            (Reply(301, headers={"location": "https://example.com"}), BadAnswer),
        ],
    )
    def test_a_check_of_the_wrong_place_raises(self, reply: Reply, error: type[SyncdError]) -> None:
        with (
            ScriptedServer(lambda _: reply) as server,
            flowtly(server.url) as connector,
            pytest.raises(error, match=r"^flowtly: "),
        ):
            connector.check()

    def test_requests_are_counted(self) -> None:
        with ScriptedServer(lambda _: listing(row(1))) as server, flowtly(server.url) as connector:
            list(connector.pages(CLIENTS, None))
            assert connector.requests == len(server.got) == 1


def test_the_whole_way_with_a_login_and_an_expired_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    state: dict[str, Any] = {"token": "", "logins": 0}
    password = "correct-horse-battery"

    def script(got: Got) -> Reply:
        if got.path == "/login":
            assert got.json == {"username": "sync@example.com", "password": password}
            state["logins"] += 1
            state["token"] = f"token-{state['logins']}-of-the-day"
            return Reply(200, {"token": state["token"]}, "application/json")
        if got.headers["authorization"] != f"Bearer {state['token']}":
            return Reply(401, {"code": 401, "message": "Expired JWT Token"}, "application/json")
        return Reply(201, row(9)) if got.method == "POST" else listing(row(1))

    login = {"username": "sync@example.com", "password": password}
    with ScriptedServer(script) as server, flowtly(server.url, login=login) as connector:
        list(connector.pages(CLIENTS, None))
        state["token"] = "somebody-logged-out"
        assert connector.create(CLIENTS, {"name": "x"}).key == "/api/clients/9"
        assert server.count("POST", "/clients") == 2, "refused, then taken"
        shown = repr(connector) + json.dumps([str(vars(connector)), caplog.text])
    assert state["logins"] == 2
    assert password not in shown and "of-the-day" not in shown


def test_the_connector_is_made_from_its_settings() -> None:
    assert FlowtlyConnector.Settings.model_fields["page_size"].default == 100
