"""Bytes of attachments from Flowtly's host and from nowhere else, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.content import Contents
from syncd.connectors.http import HttpClient, Options, StaticToken
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused
from tests.connectors.contract import RealClock
from tests.wire.scripted import Answering, Drop, Reply, ScriptedServer

TOKEN = "wrong-horse-battery"


@contextmanager
def contents(answer: Answering | Callable[[Any], Answering]) -> Iterator[tuple[Contents, ScriptedServer]]:
    with ScriptedServer(answer if callable(answer) else lambda _: answer) as server:
        client = HttpClient("flowtly", Options(retries=1, first_wait=0.0), RealClock(), StaticToken(TOKEN))
        try:
            yield Contents(client, Addresses(f"{server.url}/v1", "/api")), server
        finally:
            client.close()


class Bytes:
    """Everything that came, in memory."""

    limit = 1 << 30

    def __init__(self) -> None:
        self.data = b""
        self.total: int | None = None

    def begin(self, total: int | None) -> None:
        self.data, self.total = b"", total

    def write(self, piece: bytes) -> None:
        self.data += piece


def fetched(source: Contents, reference: str) -> bytes:
    into = Bytes()
    source.fetch(reference, into)
    assert into.total in {None, len(into.data)}
    return into.data


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        ("/api/media/7", "/v1/media/7"),
        ("/media/bill%207.pdf?v=2", "/media/bill%207.pdf?v=2"),
        ("{url}/media/bill.pdf", "/media/bill.pdf"),
        ("{url}/api/media/7", "/v1/media/7"),
    ],
)
def test_an_iri_a_path_or_a_url_of_the_host_leads_to_its_bytes(reference: str, asked: str) -> None:
    data = bytes(range(256)) * 1000
    with contents(Reply(200, data, "application/pdf")) as (source, server):
        assert fetched(source, reference.format(url=server.url)) == data
        (got,) = server.got
    assert got.method == "GET"
    assert got.target == asked
    assert got.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "bill.pdf",
        "//127.0.0.1:9/media/bill.pdf",
        "http://127.0.0.1:9/media/bill.pdf",
        "https://files.example.com/bill.pdf",
        "{url}@files.example.com/bill.pdf",
        "http://user:pass@{host}/bill.pdf",
        "file:///etc/passwd",
        "/media/../clients",
        "/media/%2e%2e/clients",
        "/media//bill.pdf",
        "/media/bill.pdf\r\nx: y",
        "/media\\bill.pdf",
        "/api/invoices/5/send",
        "/invoices/5/send?x=1",
        "/organizations/clear",
        "/media/bill.pdf#page",
        "http://[::1/media",
    ],
)
def test_nothing_but_a_file_of_the_host_is_asked_for(reference: str) -> None:
    with contents(Reply(200, b"x", "application/pdf")) as (source, server):
        filled = reference.format(url=server.url, host=server.url.removeprefix("http://"))
        with pytest.raises(Refused) as caught:
            fetched(source, filled)
        assert server.got == []
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(404, b"<h1>gone</h1>", "text/html"), NotFound),
        (Reply(410, {"title": "gone"}, "application/problem+json"), NotFound),
        (Reply(403, {"title": "no"}, "application/problem+json"), Denied),
        (Reply(401, {"code": 401, "message": "Expired JWT Token"}, "application/json"), Denied),
        (Reply(503, b"", "text/html"), Later),
        (Reply(302, b"", "", {"location": "https://files.example.com/x"}), BadAnswer),
        (Reply(204, b"", ""), BadAnswer),
        (Reply(200, {"@id": "/api/media/7"}), Refused),
        (Drop(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nhalf"), Later),
        (Drop(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), Later),
        (Drop(), Later),
    ],
    ids=["404", "410", "403", "401", "503", "redirect", "204", "record", "wrong length", "cut", "lost"],
)
def test_anything_but_the_whole_file_is_an_error(answer: Answering, error: type[Exception]) -> None:
    with contents(answer) as (source, _), pytest.raises(error) as caught:
        fetched(source, "/media/bill.pdf")
    assert TOKEN not in str(caught.value)


def test_a_file_that_was_cut_once_is_whole_the_second_time() -> None:
    answers = [Drop(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"), Reply(200, b"the file", "application/pdf")]
    with contents(lambda _: answers.pop(0)) as (source, server):
        assert fetched(source, "/media/bill.pdf") == b"the file"
        assert len(server.got) == 2


def test_what_the_sink_raises_ends_the_transfer() -> None:
    class Full(Bytes):
        def write(self, piece: bytes) -> None:
            raise Refused("enough")

    with contents(Reply(200, b"x" * 100_000, "application/pdf")) as (source, server):
        with pytest.raises(Refused, match="enough"):
            source.fetch("/media/bill.pdf", Full())
        assert fetched(source, "/media/bill.pdf") == b"x" * 100_000, "the connection is not left in the middle"
        assert len(server.got) == 2
