"""Hooks over a real socket: who may knock, what a knock does, how often, and what it may cost."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest

from syncd.core.signing import sign
from syncd.daemon.health import HealthServer, as_json
from syncd.daemon.hooks import Hooks
from syncd.mapping.watches import HookSpec

SECRET = "hook-secret-0815"
NOW = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)


class Door:
    """A server with hooks, a clock that is set by hand, and who was woken."""

    def __init__(self, hooks: Mapping[str, HookSpec]) -> None:
        self.now, self.seconds = NOW, 100.0
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.woken: list[tuple[str, float]] = []
        self.hooks = Hooks(hooks, self.note, lambda: self.now, lambda: self.seconds)
        self.hooks.wake = lambda name, delay: self.woken.append((name, delay.total_seconds()))
        self.server = HealthServer("127.0.0.1", 0, {"/healthz": lambda: as_json(True, {})}, self.hooks)

    def note(self, event: str, /, **fields: Any) -> None:
        self.said.append((event, fields))

    def post(self, path: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> int:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            connection.request("POST", path, body, dict(headers or {}))
            return connection.getresponse().status
        finally:
            connection.close()

    def knock(self, path: str = "/hooks/flowtly", body: bytes = b"{}", secret: str = SECRET) -> int:
        return self.post(path, body, sign(secret, "msg_1", int(self.now.timestamp()), body))

    def raw(self, data: bytes) -> str:
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as link:
            link.sendall(data)
            return link.makefile("rb").readline().decode()


def spec(**fields: Any) -> HookSpec:
    return HookSpec.model_validate({"secret": SECRET, "wakes": ("clients", "watch:invoices"), **fields})


@pytest.fixture
def opened() -> Iterator[Callable[..., Door]]:
    doors: list[Door] = []

    def make(**hooks: HookSpec) -> Door:
        door = Door(hooks)
        door.server.start()
        doors.append(door)
        return door

    yield make
    for door in doors:
        door.server.stop()


def test_a_signed_knock_wakes_and_its_body_is_never_read(opened: Callable[..., Door]) -> None:
    door = opened(flowtly=spec())
    assert door.knock(body=b"\xff\x00 anything [ at all") == 202
    assert door.woken == [("clients", 0.0), ("watch:invoices", 0.0)]
    assert door.said == [("hook.woke", {"hook": "flowtly", "jobs": ["clients", "watch:invoices"]})]


def test_many_knocks_are_one_further_run_after_a_while(opened: Callable[..., Door]) -> None:
    door = opened(flowtly=spec(wakes=("clients",), at_most_every=timedelta(seconds=5)))
    door.knock()
    door.seconds += 1
    assert [door.knock() for _ in range(20)] == [202] * 20
    assert door.woken == [("clients", 0.0), ("clients", 4.0)]
    door.seconds += 4
    door.knock()
    assert door.woken[2:] == [("clients", 5.0)]
    door.seconds += 60
    door.knock()
    assert door.woken[3:] == [("clients", 0.0)]
    assert len(door.said) == 4


@pytest.mark.parametrize(
    "headers",
    [
        {},
        sign("another", "msg_1", int(NOW.timestamp()), b"{}"),
        sign(SECRET, "msg_1", int(NOW.timestamp()), b"{ }"),
        sign(SECRET, "msg_1", int(NOW.timestamp()) - 301, b"{}"),
        sign(SECRET, "msg_1", int(NOW.timestamp()) + 301, b"{}"),
        {"webhook-id": "x", "webhook-timestamp": "9" * 5000, "webhook-signature": "v1,x"},
        {"Authorization": SECRET},
    ],
)
def test_any_other_is_refused(opened: Callable[..., Door], headers: dict[str, str]) -> None:
    door = opened(flowtly=spec())
    assert door.post("/hooks/flowtly", b"{}", headers) == 401
    assert door.woken == []


def test_a_thousand_bad_knocks_are_one_line_a_minute(opened: Callable[..., Door]) -> None:
    door = opened(flowtly=spec(), other=spec())
    for _ in range(30):
        assert door.knock(secret="wrong") == 401
    door.knock("/hooks/other", secret="wrong")
    door.seconds += 61
    door.knock(secret="wrong")
    refused = [(fields["hook"], fields["unsaid"]) for event, fields in door.said if event == "hook.refused"]
    assert refused == [("flowtly", 0), ("other", 0), ("flowtly", 29)]
    assert SECRET not in str(door.said)


def test_other_ways_to_sign(opened: Callable[..., Door]) -> None:
    door = opened(hub=spec(signature={"header": "X-Hub-Signature-256", "prefix": "sha256="}))
    digest = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
    assert door.post("/hooks/hub", b"{}", {"X-Hub-Signature-256": f"sha256={digest}"}) == 202
    assert door.post("/hooks/hub", b"{}", {"X-Hub-Signature-256": digest}) == 401
    assert door.knock("/hooks/hub") == 401


def test_tokens(opened: Callable[..., Door]) -> None:
    door = opened(head=spec(token={"header": "X-Token"}), query=spec(token={"query": "key"}))
    assert door.post("/hooks/head", b"", {"X-Token": SECRET}) == 202
    assert door.post("/hooks/head", b"", {"X-Token": SECRET + "x"}) == 401
    assert door.post(f"/hooks/query?a=1&key={SECRET}") == 202
    assert door.post("/hooks/query?key=no") == 401
    assert door.post("/hooks/query") == 401
    assert door.post("/hooks/query?" + "a=1&" * 50) == 401


def test_what_is_no_hook(opened: Callable[..., Door]) -> None:
    door = opened(flowtly=spec())
    for path in ("/hooks/other", "/hooks/", "/hooks/flowtly/", "/hooks/../hooks/flowtly", "/healthz", "/"):
        assert door.knock(path) == 404
    assert "404" in door.raw(b"GET /hooks/flowtly HTTP/1.0\r\n\r\n")


def test_bodies_have_a_length_and_a_limit(opened: Callable[..., Door]) -> None:
    door = opened(flowtly=spec(max_bytes=100))
    assert door.knock(body=b"x" * 100) == 202
    for lines, status in (
        (b"Content-Length: 101", "413"),
        (b"Content-Length: " + b"9" * 4000, "413"),
        (b"Content-Length: -1", "411"),
        (b"Content-Length: two", "411"),
        (b"X: y", "411"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", "411"),
    ):
        assert status in door.raw(b"POST /hooks/flowtly HTTP/1.1\r\n" + lines + b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", door.server.port), timeout=10) as link:
        link.sendall(b"POST /hooks/flowtly HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf")
        link.shutdown(socket.SHUT_WR)
        assert b"408" in link.makefile("rb").readline()
    assert [name for name, _ in door.woken] == ["clients", "watch:invoices"]


def test_a_server_without_hooks_takes_no_posts() -> None:
    server = HealthServer("127.0.0.1", 0, {"/healthz": lambda: as_json(True, {})})
    server.start()
    try:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/hooks/flowtly", b"{}")
        assert connection.getresponse().status == 404
        connection.close()
    finally:
        server.stop()
