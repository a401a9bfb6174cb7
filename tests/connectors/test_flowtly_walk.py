"""Walks over collections that mislead: loops, shifts, ignored pages, broken page sizes, foreign links, odd shapes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from syncd.connectors.flowtly.ahead import read_ahead
from syncd.errors import BadAnswer, Denied, Later, ReadCut, SyncdError
from syncd.ports import Page
from tests.wire.peers import CLIENTS, flowtly
from tests.wire.scripted import Answering, Drop, Got, Hang, Reply, ScriptedServer


def client_row(number: int, **more: Any) -> dict[str, Any]:
    return {"@id": f"/api/clients/{number}", "@type": "Client", "id": number, "name": f"Client {number}", **more}


def envelope(members: list[Any], total: int | None, following: str | None = None, mark: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {"@id": "/api/clients", f"{mark}member": members}
    if total is not None:
        body[f"{mark}totalItems"] = total
    if following is not None:
        body[f"{mark}view"] = {"@id": "/api/clients?page=1", f"{mark}next": following}
    return body


def page_number(got: Got) -> int:
    return int(parse_qs(urlsplit(got.target).query)["page"][0])


def paged(rows: list[dict[str, Any]], size: int, mark: str = "", prefix: str = "/api") -> Callable[[Got], Reply]:
    """A well-behaved collection."""

    def script(got: Got) -> Reply:
        number = page_number(got)
        last = number * size >= len(rows)
        following = None if last else f"{prefix}/clients?itemsPerPage=100&page={number + 1}"
        return Reply(200, envelope(rows[(number - 1) * size : number * size], len(rows), following, mark))

    return script


def walk(script: Callable[[Got], Answering], **settings: Any) -> tuple[list[str], SyncdError | None, ScriptedServer]:
    """The keys seen, the trouble at the end if any, and the server that was asked."""
    keys: list[str] = []
    with ScriptedServer(script) as server, flowtly(server.url, **settings) as connector:
        try:
            for page in connector.pages(CLIENTS, None):
                keys += [record.key for record in page.records]
        except SyncdError as error:
            return keys, error, server
    return keys, None, server


ROWS = [client_row(number) for number in range(1, 8)]
KEYS = [row["@id"] for row in ROWS]


@pytest.mark.parametrize("mark", ["", "hydra:"])
@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_every_page_is_followed_to_the_one_without_a_next(mark: str, size: int) -> None:
    keys, error, server = walk(paged(ROWS, size, mark))
    assert (keys, error) == (KEYS, None)
    assert server.count("GET") == -(-7 // size)
    assert server.got[0].target == "/clients?page=1&itemsPerPage=100"


def test_each_page_carries_the_total_it_was_answered_with() -> None:
    totals = {1: 4, 2: 5}

    def script(got: Got) -> Reply:
        number = page_number(got)
        rows = ROWS[:2] if number == 1 else ROWS[2:5]
        return Reply(200, envelope(rows, totals[number], "/api/clients?page=2" if number == 1 else None))

    with ScriptedServer(script) as server, flowtly(server.url) as connector:
        assert [page.total for page in connector.pages(CLIENTS, None)] == [4, 5]


def test_a_server_that_does_not_count_is_believed_about_its_end() -> None:
    keys, error, _ = walk(lambda _: Reply(200, envelope(ROWS, None)))
    assert (keys, error) == (KEYS, None)


def test_an_empty_collection_is_one_page_without_records() -> None:
    with ScriptedServer(lambda _: Reply(200, envelope([], 0))) as server, flowtly(server.url) as connector:
        assert list(connector.pages(CLIENTS, None)) == [Page((), total=0)]


class TestBareArrays:
    def test_only_an_empty_page_ends_them(self) -> None:
        def script(got: Got) -> Reply:
            number = page_number(got)
            rows = [{"id": row["id"], "name": row["name"]} for row in ROWS[(number - 1) * 3 : number * 3]]
            return Reply(200, rows, "application/json")

        keys, error, server = walk(script, page_size=3)
        assert (keys, error) == (KEYS, None)
        assert [page_number(got) for got in server.got] == [1, 2, 3, 4], "the short third page proves nothing"

    def test_a_server_that_does_not_turn_pages_is_noticed(self) -> None:
        rows = [{"id": 1}, {"id": 2}]
        keys, error, _ = walk(lambda _: Reply(200, rows, "application/json"))
        assert keys == ["/api/clients/1", "/api/clients/2"]
        assert isinstance(error, BadAnswer) and "does not turn pages" in str(error)

    def test_a_row_without_an_id_cannot_be_used(self) -> None:
        _, error, _ = walk(lambda _: Reply(200, [{"name": "x"}], "application/json"))
        assert isinstance(error, BadAnswer) and "usable @id or id" in str(error)


class TestShifts:
    def test_a_deletion_between_pages_cuts_the_read(self) -> None:
        rows = list(ROWS)

        def script(got: Got) -> Reply:
            if page_number(got) == 2 and rows[0]["id"] == 1:
                del rows[0]
            return paged(rows, 3)(got)

        keys, error, _ = walk(script)
        assert KEYS[3] not in keys, "the record that slipped through"
        assert isinstance(error, ReadCut) and "6 of 7" in str(error) and "3 a page where 100" in str(error)

    def test_a_deletion_behind_the_reader_is_not_told_from_one_before_it_so_it_cuts_too(self) -> None:
        rows = list(ROWS)

        def script(got: Got) -> Reply:
            if page_number(got) == 2 and len(rows) == 7:
                rows.pop()
            return paged(rows, 3)(got)

        keys, error, _ = walk(script)
        assert keys == KEYS[:6]
        assert isinstance(error, ReadCut) and "6 of 7" in str(error)

    def test_an_insertion_between_pages_repeats_a_record_and_is_not_counted_twice(self) -> None:
        rows = list(ROWS)

        def script(got: Got) -> Reply:
            if page_number(got) == 2 and len(rows) == 7:
                rows.insert(0, client_row(99))
            return paged(rows, 3)(got)

        keys, error, _ = walk(script)
        assert keys.count(KEYS[2]) == 2, "passed on as it came"
        assert isinstance(error, ReadCut) and "7 of 8" in str(error), "the inserted one was not seen"

    def test_an_appended_record_is_simply_read(self) -> None:
        rows = list(ROWS)

        def script(got: Got) -> Reply:
            if page_number(got) == 2 and len(rows) == 7:
                rows.append(client_row(99))
            return paged(rows, 3)(got)

        keys, error, _ = walk(script)
        assert (keys, error) == ([*KEYS, "/api/clients/99"], None)


class TestTraps:
    def test_an_empty_page_that_claims_a_total_is_a_page_size_that_was_not_taken(self) -> None:
        _, error, _ = walk(lambda _: Reply(200, envelope([], 65)))
        assert isinstance(error, BadAnswer) and "no members of 65" in str(error)

    def test_a_link_back_is_a_loop(self) -> None:
        def script(got: Got) -> Reply:
            number = page_number(got)
            link = f"/api/clients?page={2 if number == 1 else 1}&itemsPerPage=100"
            return Reply(200, envelope([client_row(number)], 9, link))

        keys, error, server = walk(script)
        assert isinstance(error, BadAnswer) and "was read already" in str(error)
        assert server.count("GET") == 2 and len(keys) <= 2

    def test_the_same_members_under_ever_new_links_are_noticed(self) -> None:
        def script(got: Got) -> Reply:
            return Reply(200, envelope(ROWS[:2], 9, f"/api/clients?page={page_number(got) + 1}"))

        _, error, server = walk(script)
        assert isinstance(error, BadAnswer) and "does not turn pages" in str(error)
        assert server.count("GET") == 2

    def test_empty_pages_with_ever_new_links_are_noticed(self) -> None:
        def script(got: Got) -> Reply:
            number = page_number(got)
            return Reply(200, envelope(ROWS[:1] if number == 1 else [], 9, f"/api/clients?page={number + 1}"))

        _, error, _ = walk(script)
        assert isinstance(error, BadAnswer) and "and yet a next page" in str(error)

    @pytest.mark.parametrize(
        "link",
        [
            "http://evil.example.com/api/clients?page=2",
            "//evil.example.com/api/clients?page=2",
            "https://127.0.0.1/api/clients?page=2",
            "http://user:pass@127.0.0.1/api/clients?page=2",
            "http://127.0.0.1:1/api/clients?page=2",
            "http://[::1/api/clients",
            "javascript:alert(1)",
            "/other/clients?page=2",
            "/api/invoices?page=2",
            "/api/clients/send",
            "/api/../organizations/clear",
            "/api/clients/%2e%2e/organizations/clear",
            "/api//clients",
            "\\\\evil.example.com\\x",
            "/api/clients\r\nX-Evil: 1",
            "",
            "?page=2",
        ],
    )
    def test_a_next_link_that_leads_elsewhere_is_not_followed(self, link: str) -> None:
        keys, error, server = walk(lambda _: Reply(200, envelope(ROWS[:1], 9, link)))
        assert isinstance(error, BadAnswer)
        assert server.count("GET") == 1
        assert keys in ([], ["/api/clients/1"])

    def test_a_next_link_with_our_own_host_is_followed(self) -> None:
        def script(got: Got) -> Reply:
            number = page_number(got)
            link = f"http://{got.headers['host']}/api/clients?page=2" if number == 1 else None
            return Reply(200, envelope([client_row(number)], 2, link))

        keys, error, _ = walk(script)
        assert (keys, error) == (["/api/clients/1", "/api/clients/2"], None)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"member": None},
            {"member": {"a": 1}},
            {"member": ["/api/clients/1"]},
            {"member": [None]},
            {"member": [[]]},
            {"member": [], "totalItems": "65"},
            {"member": [], "totalItems": True},
            {"member": [], "totalItems": -1},
            {"member": [], "totalItems": 1.5},
            {"member": [], "view": []},
            {"member": [client_row(1)], "view": {"next": 2}},
            {"member": [{"name": "no id"}]},
            {"member": [{"@id": 5, "id": None}]},
            {"member": [{"@id": "/api/clients/", "id": "a/b"}]},
            {"@type": "Client", "@id": "/api/clients/1", "id": 1},
            {"error": "maintenance"},
            "text",
            None,
            7,
        ],
    )
    def test_an_answer_of_another_shape_is_never_an_empty_collection(self, body: Any) -> None:
        keys, error, _ = walk(lambda _: Reply(200, json.dumps(body).encode()))
        assert type(error) is BadAnswer and keys == []

    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            (b"<html>down for maintenance</html>", "text/html"),
            (b'{"member": [{"@id": "/api/cl', "application/ld+json"),
            (b"", "application/ld+json"),
            (b"", ""),
            (b'{"member": [], "totalItems": 0}', "text/plain"),
            (b'{"member": [{"id": NaN}]}', "application/ld+json"),
            (b'\xff{"member": []}', "application/ld+json"),
        ],
    )
    def test_an_answer_that_cannot_be_read_is_never_an_empty_collection(self, raw: bytes, kind: str) -> None:
        keys, error, _ = walk(lambda _: Reply(200, raw, kind))
        assert type(error) is BadAnswer and keys == []

    def test_trouble_on_a_later_page_comes_after_the_good_records(self) -> None:
        def script(got: Got) -> Answering:
            return paged(ROWS, 3)(got) if page_number(got) == 1 else Drop()

        keys, error, _ = walk(script)
        assert keys == KEYS[:3]
        assert isinstance(error, Later)

    def test_a_denied_walk_is_denied(self) -> None:
        _, error, _ = walk(lambda _: Reply(403, {"detail": "no role"}))
        assert isinstance(error, Denied)


class TestWeirdRecords:
    def test_huge_nul_and_mistyped_values_are_passed_on_for_the_mapping_to_judge(self) -> None:
        rows = [
            client_row(1, name="n" * 10_000_000),
            client_row(2, name="a\x00b"),
            client_row(3, name=["x"], dueDays={}),
        ]
        with ScriptedServer(lambda _: Reply(200, envelope(rows, 3))) as server, flowtly(server.url) as connector:
            (page,) = list(connector.pages(CLIENTS, None))
        assert [len(page.records[0].raw["name"]), page.records[1].raw["name"]] == [10_000_000, "a\x00b"]
        assert page.records[2].raw["name"] == ["x"]


class TestPrefixlessFront:
    """Recorded: the front hides /api, answers still say it."""

    def test_pages_and_items_are_fetched_without_the_prefix_and_keyed_with_it(self) -> None:
        def script(got: Got) -> Reply:
            if got.path.startswith("/api"):
                return Reply(404, {"type": "https://tools.ietf.org/html/rfc2616#section-10", "detail": "Not Found"})
            if got.path == "/clients/2":
                return Reply(200, client_row(2))
            return paged(ROWS, 3)(got)

        with ScriptedServer(script) as server, flowtly(server.url) as connector:
            keys = [record.key for page in connector.pages(CLIENTS, None) for record in page.records]
            assert keys == KEYS
            assert connector.read(CLIENTS, keys[1]).key == "/api/clients/2"
            assert all(not got.path.startswith("/api") for got in server.got)

    def test_a_server_with_the_prefix_in_its_url_works_the_same(self) -> None:
        def script(got: Got) -> Reply:
            return paged(ROWS, 3)(got) if got.path == "/api/clients" else Reply(404, {"detail": "x"})

        with ScriptedServer(script) as server, flowtly(f"{server.url}/api/") as connector:
            assert sum(len(page.records) for page in connector.pages(CLIENTS, None)) == 7

    def test_a_server_without_any_prefix_works_with_an_empty_one(self) -> None:
        rows = [client_row(number) | {"@id": f"/clients/{number}"} for number in range(1, 8)]
        keys, error, _ = walk(paged(rows, 3, prefix=""), iri_prefix="")
        assert (keys, error) == ([f"/clients/{number}" for number in range(1, 8)], None)

    def test_a_wrong_prefix_is_said(self) -> None:
        _, error, _ = walk(paged(ROWS, 3), iri_prefix="/v2")
        assert isinstance(error, BadAnswer) and "iri_prefix" in str(error)


class TestReadingAhead:
    def test_the_next_pages_are_fetched_while_one_is_worked_on_but_not_all(self) -> None:
        rows = [client_row(number) for number in range(1, 31)]
        with ScriptedServer(paged(rows, 1)) as server, flowtly(server.url) as connector:
            pages = connector.pages(CLIENTS, None)
            next(pages)
            deadline = time.monotonic() + 5
            while server.count("GET") < 4 and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(0.05)
            assert server.count("GET") == 4, "one in hand, two waiting, one that finds no room"
            assert sum(len(page.records) for page in pages) == 29

    def test_closing_a_walk_ends_its_thread(self) -> None:
        with ScriptedServer(paged([client_row(number) for number in range(50)], 1)) as server:
            with flowtly(server.url) as connector:
                pages = connector.pages(CLIENTS, None)
                next(pages)
                pages.close()  # type: ignore[attr-defined]
                assert not _reading()
            assert server.count("GET") < 10

    def test_closing_a_walk_does_not_wait_for_a_server_that_is_silent(self) -> None:
        def script(got: Got) -> Answering:
            return paged(ROWS, 1)(got) if page_number(got) == 1 else Hang()

        with ScriptedServer(script) as server, flowtly(server.url, timeout="600s", deadline="600s") as connector:
            pages = connector.pages(CLIENTS, None)
            next(pages)
            pages.close()  # type: ignore[attr-defined]
            assert not _reading()

    def test_a_walk_that_is_never_begun_asks_nothing(self) -> None:
        with ScriptedServer(paged(ROWS, 1)) as server, flowtly(server.url) as connector:
            connector.pages(CLIENTS, None)
            assert server.got == []

    def test_an_unexpected_error_of_the_producer_reaches_the_consumer(self) -> None:
        def produce(_: threading.Event) -> Any:
            yield 1
            raise ZeroDivisionError("deep inside")

        items = read_ahead(produce)
        assert next(items) == 1
        with pytest.raises(ZeroDivisionError, match="deep inside"):
            next(items)


def _reading() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
