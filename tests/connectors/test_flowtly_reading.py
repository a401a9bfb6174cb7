"""Records as a query wants them: owners found in lists, items read for what lists leave out, views, the user's own row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, UnknownOutcome
from syncd.ports import Query, Record
from tests.wire.peers import CLIENTS, flowtly
from tests.wire.scripted import Answering, Got, Reply, ScriptedServer

CONTACTS = Query("client-contacts", fields=("client", "email"))
GONE = Reply(404, {"status": 404, "detail": "Not Found", "type": "/errors/404"}, "application/problem+json")
DENIED = Reply(403, {"status": 403, "detail": "Access Denied."}, "application/problem+json")


def contact(number: int, **more: Any) -> dict[str, Any]:
    return {"@id": f"/api/client-contacts/{number}", "id": number, "email": f"p{number}@example.com", **more}


def iri(number: int) -> str:
    return f"/api/client-contacts/{number}"


@dataclass
class Tenant:
    """A small Flowtly: lists by path, a page of two, items by path. ``before`` may answer first."""

    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    before: Callable[[Got], Answering | None] = lambda _: None
    size: int = 2

    def __call__(self, got: Got) -> Answering:
        answer = self.before(got)
        if answer is not None:
            return answer
        url = urlsplit(got.target)
        if url.path in self.lists:
            return self._page(url.path, int(parse_qs(url.query)["page"][0]))
        listed = (row for rows in self.lists.values() for row in rows if row.get("@id") == f"/api{url.path}")
        return next((Reply(200, row) for row in listed), GONE)

    def _page(self, path: str, number: int) -> Reply:
        rows = self.lists[path]
        body: dict[str, Any] = {
            "member": rows[(number - 1) * self.size : number * self.size],
            "totalItems": len(rows),
        }
        if number * self.size < len(rows):
            body["view"] = {"next": f"/api{path}?page={number + 1}"}
        return Reply(200, body)


def clients(*lists: list[Any]) -> list[dict[str, Any]]:
    return [
        {"@id": f"/api/clients/{number}", "id": number, "clientContacts": listed}
        for number, listed in enumerate(lists, start=1)
    ]


@contextmanager
def tenant(made: Tenant, **settings: Any) -> Iterator[tuple[ScriptedServer, FlowtlyConnector]]:
    with ScriptedServer(made) as server, flowtly(server.url, **settings) as connector:
        yield server, connector


def owners_of(connector: FlowtlyConnector, query: Query = CONTACTS) -> dict[str, Any]:
    """Keys of a walk with the client each record came with."""
    records = [record for page in connector.pages(query, None) for record in page.records]
    assert len({record.key for record in records}) == len(records)
    return {record.key: record.raw["client"] for record in records}


class TestOwners:
    def test_a_walk_of_contacts_walks_the_clients_once(self) -> None:
        made = Tenant({
            "/clients": clients([iri(1), contact(2)], [], [{"id": 3}], [iri(4), iri(5)]),
            "/client-contacts": [contact(number) for number in range(1, 6)],
        })  # fmt: skip
        with tenant(made) as (server, connector):
            found = owners_of(connector)
            assert server.count("GET", "/clients") == 2, "pages of one walk"
            assert server.count("GET") == 2 + 3
        assert [found[iri(number)] for number in range(1, 6)] == [f"/api/clients/{n}" for n in (1, 1, 3, 4, 4)]

    def test_a_query_that_does_not_want_the_client_costs_nothing(self) -> None:
        made = Tenant({"/clients": clients([iri(1)]), "/client-contacts": [contact(1)]})
        with tenant(made) as (server, connector):
            assert owners_of(connector, Query("client-contacts", fields=("email",))) == {iri(1): None}
            connector.read(Query("client-contacts"), iri(1))
            assert server.count("GET", "/clients") == 0

    def test_a_where_wants_the_client_too(self) -> None:
        made = Tenant({"/clients": clients([iri(1)]), "/client-contacts": [contact(1)]})
        with tenant(made) as (_, connector):
            query = Query("client-contacts", where={"client": "/api/clients/1"})
            assert owners_of(connector, query) == {iri(1): "/api/clients/1"}

    def test_answers_that_name_the_client_are_believed(self) -> None:
        rows = [contact(1, client="/api/clients/9"), contact(2, client={"@id": "/api/clients/8", "name": "x"})]
        with tenant(Tenant({"/client-contacts": rows})) as (server, connector):
            assert owners_of(connector) == {iri(1): "/api/clients/9", iri(2): "/api/clients/8"}
            assert connector.read(CONTACTS, iri(1)).raw["client"] == "/api/clients/9"
            assert server.count("GET", "/clients") == 0

    def test_a_contact_made_during_the_walk_is_found_by_the_second_one(self) -> None:
        made = Tenant({"/clients": clients([iri(1)], []), "/client-contacts": [contact(1), contact(2), contact(3)]})

        def before(got: Got) -> None:
            if got.path == "/client-contacts" and "page=2" in got.target:
                made.lists["/clients"] = clients([iri(1)], [iri(2), iri(3)])

        made.before = before
        with tenant(made) as (server, connector):
            found = owners_of(connector)
            assert server.count("GET", "/clients") == 2
        assert found == {iri(1): "/api/clients/1", iri(2): "/api/clients/2", iri(3): "/api/clients/2"}

    def test_what_nobody_lists_in_two_walks_has_no_owner(self) -> None:
        made = Tenant({"/clients": clients([iri(1)]), "/client-contacts": [contact(1), contact(2)]})
        with tenant(made) as (_, connector):
            assert owners_of(connector) == {iri(1): "/api/clients/1", iri(2): None}
            assert connector.read(CONTACTS, iri(2)).raw["client"] is None

    def test_clients_that_list_nothing_at_all_are_no_answer(self) -> None:
        made = Tenant({"/clients": clients([], []), "/client-contacts": [contact(1)]})
        with tenant(made) as (_, connector), pytest.raises(BadAnswer, match="no record of clients lists one"):
            owners_of(connector)

    @pytest.mark.parametrize(("reply", "error"), [(DENIED, Denied), (Reply(502), Later)])
    def test_trouble_with_the_clients_is_trouble_with_the_contacts(self, reply: Reply, error: type[Exception]) -> None:
        made = Tenant({"/client-contacts": [contact(1)]}, lambda got: reply if got.path == "/clients" else None)
        with tenant(made) as (_, connector), pytest.raises(error):
            owners_of(connector)

    def test_a_cut_walk_of_clients_names_no_owner(self) -> None:
        cut = Reply(200, {"member": clients([iri(1)]), "totalItems": 3})
        made = Tenant({"/client-contacts": [contact(1)]}, lambda got: cut if got.path == "/clients" else None)
        with tenant(made) as (_, connector), pytest.raises(ReadCut):
            owners_of(connector)

    def test_an_item_is_verified_with_one_request_after_a_walk(self) -> None:
        made = Tenant({"/clients": clients([iri(1)], [iri(2)]), "/client-contacts": [contact(1), contact(2)]})
        with tenant(made) as (server, connector):
            owners_of(connector)
            del server.got[:]
            assert connector.read(CONTACTS, iri(2)).raw["client"] == "/api/clients/2"
            assert [got.path for got in server.got] == ["/client-contacts/2", "/clients/2"]

    def test_a_contact_that_moved_to_another_client_is_looked_for(self) -> None:
        made = Tenant({"/clients": clients([iri(1)], []), "/client-contacts": [contact(1)]})
        with tenant(made) as (_, connector):
            owners_of(connector)
            made.lists["/clients"] = clients([], [iri(1)])
            assert connector.read(CONTACTS, iri(1)).raw["client"] == "/api/clients/2"

    def test_a_new_contact_is_verified_at_the_client_it_was_sent_with(self) -> None:
        made = Tenant({"/clients": clients([], [iri(7)])}, lambda got: created(7) if got.method == "POST" else None)
        with tenant(made) as (server, connector):
            record = connector.create(CONTACTS, {"client": "/api/clients/2", "email": "p7@example.com"})
            assert record.raw["client"] == "/api/clients/2"
            assert [(got.method, got.path) for got in server.got] == [
                ("POST", "/client-contacts"),
                ("GET", "/clients/2"),
            ]

    def test_a_client_that_the_server_did_not_take_is_not_believed(self) -> None:
        made = Tenant({"/clients": clients([iri(7)], [])}, lambda got: created(7) if got.method == "POST" else None)
        with tenant(made) as (_, connector):
            record = connector.create(CONTACTS, {"client": "/api/clients/2", "email": "p7@example.com"})
        assert record.raw["client"] == "/api/clients/1", "what Flowtly has, not what was sent"

    def test_a_patch_keeps_the_client_it_was_read_with(self) -> None:
        made = Tenant(
            {"/clients": clients([iri(1)])}, lambda got: Reply(200, contact(1)) if got.method == "PATCH" else None
        )
        with tenant(made) as (server, connector):
            seen = Record(iri(1), {"client": "/api/clients/1"})
            assert connector.update(CONTACTS, iri(1), {"email": "x"}, seen).raw["client"] == "/api/clients/1"
            assert [got.path for got in server.got] == ["/client-contacts/1", "/clients/1"]

    @pytest.mark.parametrize(
        "write",
        [
            lambda connector: connector.create(CONTACTS, {"client": "/api/clients/2"}),
            lambda connector: connector.update(CONTACTS, iri(7), {"email": "x"}, Record(iri(7), {})),
        ],
        ids=["create", "update"],
    )
    def test_trouble_after_a_write_leaves_it_in_doubt(self, write: Callable[[FlowtlyConnector], Record]) -> None:
        answers = {"POST": created(7), "PATCH": Reply(200, contact(7))}
        with (
            tenant(Tenant({}, lambda got: answers.get(got.method, DENIED))) as (_, connector),
            pytest.raises(UnknownOutcome, match=r"^flowtly: /api/client-contacts/7 was written"),
        ):
            write(connector)

    def test_find_asks_only_the_client_that_is_looked_for(self) -> None:
        rows = [contact(number, email="same@example.com") for number in (1, 2, 3)]
        made = Tenant({"/clients": clients([iri(1), iri(3)], [iri(2)]), "/client-contacts": rows})
        with tenant(made) as (server, connector):
            values = {"client": "/api/clients/2", "email": "same@example.com"}
            (found,) = list(connector.find(CONTACTS, values))
            assert (found.key, found.raw["client"]) == (iri(2), "/api/clients/2")
            assert server.count("GET", "/clients") == 0
            assert server.count("GET", "/clients/2") == 1
            assert list(connector.find(CONTACTS, {"client": "/api/clients/99", "email": "same@example.com"})) == []
            assert list(connector.find(CONTACTS, {"client": "no client", "email": "same@example.com"})) == []

    def test_find_by_something_else_gives_the_client_as_well(self) -> None:
        made = Tenant({"/clients": clients([iri(1)], [iri(2)]), "/client-contacts": [contact(1), contact(2)]})
        with tenant(made) as (_, connector):
            (found,) = list(connector.find(CONTACTS, {"email": "p2@example.com"}))
        assert found.raw["client"] == "/api/clients/2"


def created(number: int) -> Reply:
    """A contact as a write answers it: without its client."""
    return Reply(201, contact(number))


class TestWhatOnlyItemsTell:
    SETTINGS: ClassVar[dict[str, Any]] = {"resources": {"counterparties": {"item_only": ["tin"]}}}
    QUERY = Query("counterparties", fields=("displayName", "tin"))

    @staticmethod
    def tenant() -> Tenant:
        rows = [
            {"@id": f"/api/counterparties/{number}", "id": number, "displayName": f"P{number}"}
            for number in range(1, 6)
        ]

        def before(got: Got) -> Answering | None:
            number = got.path.rpartition("/")[2]
            return Reply(200, {**rows[int(number) - 1], "tin": f"TIN{number}"}) if number.isdigit() else None

        return Tenant({"/counterparties": rows}, before)

    def test_items_are_read_where_the_query_wants_such_a_field(self) -> None:
        with tenant(self.tenant(), **self.SETTINGS) as (server, connector):
            pages = list(connector.pages(self.QUERY, None))
            assert server.count("GET") == 3 + 5, "pages and records"
        assert [record.raw["tin"] for page in pages for record in page.records] == [f"TIN{n}" for n in range(1, 6)]
        assert [len(page.records) for page in pages] == [2, 2, 1]

    def test_otherwise_only_pages_are_read(self) -> None:
        with tenant(self.tenant(), **self.SETTINGS) as (server, connector):
            list(connector.pages(Query("counterparties", fields=("displayName",)), None))
            assert server.count("GET") == 3
        with tenant(self.tenant()) as (server, connector):
            list(connector.pages(self.QUERY, None))
            assert server.count("GET") == 3, "nothing is known to be left out of lists"

    def test_a_record_that_went_meanwhile_is_left_out(self) -> None:
        made = self.tenant()
        inner = made.before
        made.before = lambda got: GONE if got.path == "/counterparties/2" else inner(got)
        with tenant(made, **self.SETTINGS) as (_, connector):
            pages = list(connector.pages(self.QUERY, None))
        assert [record.raw["id"] for page in pages for record in page.records] == [1, 3, 4, 5]

    def test_an_item_that_cannot_be_read_ends_the_walk(self) -> None:
        made = self.tenant()
        inner = made.before
        made.before = lambda got: Reply(502) if got.path == "/counterparties/3" else inner(got)
        with tenant(made, **self.SETTINGS) as (_, connector), pytest.raises(Later):
            list(connector.pages(self.QUERY, None))

    def test_find_reads_the_items_of_rows_that_match_by_the_rest(self) -> None:
        with tenant(self.tenant(), **self.SETTINGS) as (server, connector):
            (found,) = list(connector.find(self.QUERY, {"displayName": "P4", "tin": "TIN4"}))
            assert found.raw["tin"] == "TIN4"
            assert [got.path for got in server.got if got.path != "/counterparties"] == ["/counterparties/4"]
            assert list(connector.find(self.QUERY, {"displayName": "P4", "tin": "TIN5"})) == []


class TestNoItemToRead:
    QUERY = Query("project-transactions")

    @staticmethod
    def rows(count: int) -> list[dict[str, Any]]:
        return [
            {"@id": f"/api/project-transactions/{number}", "id": str(number), "amount": number}
            for number in range(1, count + 1)
        ]

    def test_a_record_is_looked_for_in_the_list(self) -> None:
        with tenant(Tenant({"/project-transactions": self.rows(5)})) as (server, connector):
            assert connector.read(self.QUERY, "/api/project-transactions/3").raw["amount"] == 3
            assert server.count("GET", "/project-transactions") == server.count("GET") == 2

    def test_it_is_gone_when_two_whole_walks_do_not_show_it(self) -> None:
        with tenant(Tenant({"/project-transactions": self.rows(3)})) as (server, connector):
            with pytest.raises(NotFound, match="two walks"):
                connector.read(self.QUERY, "/api/project-transactions/9")
            assert server.count("GET") == 4

    def test_a_record_that_one_walk_missed_is_not_gone(self) -> None:
        made = Tenant({"/project-transactions": self.rows(2)})
        walks: list[Got] = []

        def before(got: Got) -> None:
            walks.append(got)
            made.lists["/project-transactions"] = self.rows(2 if len(walks) == 1 else 3)

        made.before = before
        with tenant(made, page_size=3) as (_, connector):
            made.size = 3
            assert connector.read(self.QUERY, "/api/project-transactions/3").raw["amount"] == 3
        assert len(walks) == 2

    def test_a_cut_walk_proves_nothing(self) -> None:
        cut = Reply(200, {"member": self.rows(1), "totalItems": 4})
        with tenant(Tenant({}, lambda _: cut)) as (_, connector), pytest.raises(ReadCut):
            connector.read(self.QUERY, "/api/project-transactions/4")

    def test_a_foreign_key_is_refused_unsent(self) -> None:
        with tenant(Tenant()) as (server, connector):
            with pytest.raises(Refused, match="not the IRI"):
                connector.read(self.QUERY, "/api/clients/1")
            assert server.got == []


class TestViews:
    ROWS = ({"@id": "/api/transactions/a-1", "id": "a-1", "amount": -5}, {"id": "b-2", "amount": 2.5})

    @pytest.mark.parametrize(
        ("name", "path"),
        [("transactions-unassigned", "/transactions/unassigned"), ("transactions-with-problems", "/transactions/with-problems")],
    )  # fmt: skip
    def test_records_of_a_view_keep_the_iri_of_the_item(self, name: str, path: str) -> None:
        with tenant(Tenant({path: list(self.ROWS)})) as (server, connector):
            (page,) = list(connector.pages(Query(name), None))
            assert [record.key for record in page.records] == ["/api/transactions/a-1", "/api/transactions/b-2"]
            assert connector.read(Query(name), "/api/transactions/a-1").raw["amount"] == Decimal(-5)
            assert [got.path for got in server.got] == [path, "/transactions/a-1"]

    def test_a_view_is_not_written(self) -> None:
        with tenant(Tenant()) as (server, connector):
            can = connector.capabilities(Query("invoices-draft"))
            assert (can.create, can.update, can.delete) == (False, False, False)
            with pytest.raises(Refused, match="no create for invoices-draft"):
                connector.create(Query("invoices-draft"), {"notes": "x"})
            with pytest.raises(Refused, match="no patch for invoices-draft"):
                connector.update(
                    Query("invoices-draft"), "/api/invoices/1", {"notes": "x"}, Record("/api/invoices/1", {})
                )
            assert server.got == []


class TestOneself:
    EMPLOYEES = ({"@id": "/api/employees/1", "id": 1}, {"@id": "/api/employees/2", "id": 2})

    @pytest.mark.parametrize(
        "answer",
        [
            {"@id": "/api/employees/2", "id": 2},
            {"@id": "/api/employees/me", "id": 2},
            {"id": 2},
            {"@id": "/api/employees/2"},
        ],
    )
    def test_the_row_of_the_user_is_marked(self, answer: dict[str, Any]) -> None:
        me = Reply(200, answer)
        made = Tenant({"/employees": list(self.EMPLOYEES)}, lambda got: me if got.path == "/employees/me" else None)
        with tenant(made) as (_, connector):
            first, second = list(connector.rows("employees"))
        assert "@own" not in first
        assert (second["@key"], second["@own"]) == ("/api/employees/2", "me")

    @pytest.mark.parametrize("reply", [DENIED, GONE, Reply(404, b"", ""), Reply(200, {"name": "nobody on the list"})])
    def test_where_flowtly_does_not_tell_none_is_marked(self, reply: Reply) -> None:
        made = Tenant({"/employees": list(self.EMPLOYEES)}, lambda got: reply if got.path == "/employees/me" else None)
        with tenant(made) as (_, connector):
            rows = list(connector.rows("employees"))
        assert len(rows) == 2 and not any("@own" in row for row in rows)

    @pytest.mark.parametrize(
        ("reply", "error"),
        [(Reply(502), Later), (Reply(200, []), BadAnswer), (Reply(200, b"<p>", "text/html"), BadAnswer)],
    )
    def test_no_usable_answer_is_trouble(self, reply: Reply, error: type[Exception]) -> None:
        made = Tenant({"/employees": list(self.EMPLOYEES)}, lambda got: reply if got.path == "/employees/me" else None)
        with tenant(made) as (_, connector), pytest.raises(error):
            list(connector.rows("employees"))

    def test_other_lists_are_not_asked_for_oneself(self) -> None:
        with tenant(Tenant({"/countries": [{"@id": "/api/countries/1"}]})) as (server, connector):
            assert list(connector.rows("countries"))
            assert server.count("GET") == 1


def test_one_forbidden_resource_leaves_the_others_alone() -> None:
    made = Tenant({"/clients": clients([])}, lambda got: DENIED if got.path.startswith("/invoices") else None)
    with tenant(made) as (server, connector):
        for _ in range(2):
            with pytest.raises(Denied):
                list(connector.pages(Query("invoices"), None))
            with pytest.raises(Denied):
                connector.read(Query("invoices"), "/api/invoices/1")
            with pytest.raises(Denied):
                connector.update(Query("invoices"), "/api/invoices/1", {"notes": "x"}, Record("/api/invoices/1", {}))
            assert len(list(connector.pages(CLIENTS, None))) == 1
        assert server.count("GET", "/invoices") == 2, "asked again each time: the role may have been given meanwhile"


def test_what_a_link_tells_of_its_embedded_transaction_stands_beside_it() -> None:
    """In the words of the transaction, amounts as decimals where they have a fraction; nothing where it is an IRI."""
    booked = {"@id": "/api/transactions/t1", "amount": -12.5, "bankAccount": "/api/bank-accounts/2", "note": "x"}
    links = [
        {"@id": "/api/budget-transactions/a", "budget": "/api/budgets/1", "transaction": booked, "amount": 1250},
        {"@id": "/api/budget-transactions/b", "budget": "/api/budgets/1", "transaction": "/api/transactions/t1"},
    ]
    with tenant(Tenant({"/budget-transactions": links})) as (_, connector):
        (page,) = connector.pages(Query("budget-transactions"), None)
    embedded, plain = (record.raw for record in page.records)
    assert (embedded["transaction"], plain["transaction"]) == ("/api/transactions/t1", "/api/transactions/t1")
    assert embedded["transaction.amount"] == Decimal("-12.5")
    assert embedded["transaction.bankAccount"] == "/api/bank-accounts/2"
    assert embedded["transaction.cost"] is None
    assert "transaction.note" not in embedded
    assert not any(name.startswith("transaction.") for name in plain)
