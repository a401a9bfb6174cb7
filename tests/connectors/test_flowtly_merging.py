"""The one request that merges, over HTTP: what it sends, what each answer means, and where a record is afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.flowtly.merging import FlowtlyMerger
from syncd.errors import BadAnswer, Denied, Later, RateLimited, Refused, UnknownOutcome
from syncd.ports.merger import CanMerge
from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.connectors.contract import RealClock

ONE, TWO = "/api/counterparties/1", "/api/counterparties/2"
BODY = {"counterparties": [TWO]}
NAME = "counterparties"


def connected(url: str, **given: Any) -> FlowtlyConnector:
    values = {"url": url, "token": "t", "retries": 0, "timeout": "5s", "deadline": "5s", **given}
    return FlowtlyConnector.from_settings("flowtly", FlowtlyConnector.Settings.model_validate(values), RealClock())


class Answering(BaseHTTPRequestHandler):
    """A server that answers as it was told, and remembers what it was asked."""

    status, headers_out, body = 200, {}, b"{}"
    asked: list[tuple[str, str, Any]]

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.asked.append((self.command, self.path, json.loads(sent) if sent else None))
        self.send_response(self.status)
        for name, value in {"content-type": "application/ld+json", **self.headers_out}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Silent."""


class Peer:
    def __init__(self) -> None:
        self.handler = type("Handler", (Answering,), {"asked": []})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        self.connector = connected(self.url)

    @property
    def merger(self) -> FlowtlyMerger:
        return self.connector.merger()

    def says(self, status: int, data: Any = None, **headers: str) -> None:
        self.handler.status, self.handler.headers_out = status, headers
        self.handler.body = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    thread = Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.connector.close()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


PROBLEM = {"content-type": "application/problem+json"}


@pytest.mark.parametrize(
    ("status", "data"), [(200, {"@id": ONE}), (201, {"id": 1, "@id": ONE}), (204, None), (200, {})]
)
def test_the_request_and_an_answer_that_says_it_is_done(peer: Peer, status: int, data: Any) -> None:
    peer.says(status, data)
    peer.merger.merge(NAME, ONE, BODY)
    assert peer.handler.asked == [("POST", "/api/counterparties/1/merge", BODY)]


@pytest.mark.parametrize(
    ("status", "data", "error"),
    [
        (202, {"@id": ONE}, UnknownOutcome),
        (200, {"@id": TWO}, UnknownOutcome),
        (200, b"<html>", UnknownOutcome),
        (200, [1], UnknownOutcome),
        (302, None, UnknownOutcome),
        (500, None, UnknownOutcome),
        (504, None, UnknownOutcome),
        (408, None, UnknownOutcome),
        (400, {"detail": "no"}, Refused),
        (409, {"detail": "no"}, Refused),
        (422, {"detail": "no"}, Refused),
        (415, {"detail": "no"}, Refused),
        (403, {"detail": "no"}, Denied),
        (429, None, RateLimited),
        (423, None, Later),
        (404, b"<html>", BadAnswer),
    ],
)
def test_what_each_other_answer_means(peer: Peer, status: int, data: Any, error: type[Exception]) -> None:
    peer.says(status, data)
    with pytest.raises(error):
        peer.merger.merge(NAME, ONE, BODY)
    assert len(peer.handler.asked) == 1


def test_a_server_that_cannot_be_reached_has_done_nothing(peer: Peer) -> None:
    nowhere = connected("http://127.0.0.1:9/api")
    with pytest.raises(Later):
        nowhere.merger().merge(NAME, ONE, BODY)
    nowhere.close()


@pytest.mark.parametrize("survivor", ["/api/clients/1", "/api/counterparties/1/merge", "1", "http://other.example/x"])
def test_nothing_but_a_counterparty_is_merged(peer: Peer, survivor: str) -> None:
    with pytest.raises((Refused, BadAnswer)):
        peer.merger.merge(NAME, survivor, BODY)
    with pytest.raises(Refused, match="counterparties only"):
        peer.merger.merge("clients", "/api/clients/1", BODY)
    with pytest.raises(Refused, match="cannot be sent"):
        peer.merger.merge(NAME, ONE, {"x": float("nan")})
    assert peer.handler.asked == []


@pytest.mark.parametrize(
    ("status", "data", "headers", "where"),
    [
        (200, {"@id": TWO, "id": 2}, {}, TWO),
        (200, {"@id": ONE, "id": 1}, {}, ONE),
        (200, {"id": 2}, {}, TWO),
        (404, {"detail": "Not Found", "status": 404}, PROBLEM, None),
        (410, {"detail": "Gone", "status": 410}, PROBLEM, None),
        (301, None, {"location": ONE}, ONE),
        (308, None, {"location": "/api/counterparties/1"}, ONE),
    ],
)
def test_where_a_record_is(peer: Peer, status: int, data: Any, headers: dict[str, str], where: str | None) -> None:
    peer.says(status, data, **headers)
    assert peer.merger.where(NAME, TWO) == where


def test_a_redirect_to_the_servers_own_address_is_followed_in_thought(peer: Peer) -> None:
    peer.says(301, None, location=f"{peer.url}/counterparties/1")
    assert peer.merger.where(NAME, TWO) == ONE


@pytest.mark.parametrize(
    ("status", "data", "headers", "error"),
    [
        (404, b"<html>nginx</html>", {"content-type": "text/html"}, BadAnswer),
        (301, None, {"location": "http://other.example/login"}, BadAnswer),
        (302, None, {"location": "/login"}, BadAnswer),
        (301, None, {}, BadAnswer),
        (200, [], {}, BadAnswer),
        (200, {"detail": "?"}, {}, BadAnswer),
        (200, b"{", {}, BadAnswer),
        (500, None, {}, Later),
        (403, None, {}, Denied),
    ],
)
def test_what_says_nothing_about_a_record_is_never_taken_for_gone(
    peer: Peer, status: int, data: Any, headers: dict[str, str], error: type[Exception]
) -> None:
    peer.says(status, data, **headers)
    with pytest.raises(error):
        peer.merger.where(NAME, TWO)


def test_the_sandbox_merges_as_recorded() -> None:
    with SandboxServer(SandboxConfig(empty=True)) as server:
        connector = connected(server.url, token=None, login={"username": "sync@flowtly.test", "password": "sandbox"})
        assert isinstance(connector, CanMerge)
        for name in ("One", "Two"):
            server.state.insert("Counterparty", {"displayName": name})
        merger = connector.merger()
        assert (merger.where(NAME, ONE), merger.where(NAME, TWO)) == (ONE, TWO)
        merger.merge(NAME, ONE, BODY)
        assert (merger.where(NAME, ONE), merger.where(NAME, TWO)) == (ONE, None)
        connector.close()
