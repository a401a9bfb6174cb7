"""Tokens on real sockets: renewal before they end, one re-login on 401, one login for many threads, no lock-outs."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from syncd.connectors.http import HttpClient, LoginToken, Request, StaticToken
from syncd.connectors.http.credentials import lifetime
from syncd.errors import BadAnswer, Denied, Later, RateLimited, SyncdError
from tests.wire.peers import StandingClock, client
from tests.wire.scripted import Answering, Drop, Got, Reply, ScriptedServer

PASSWORD = "correct-horse-battery"
JSON = "application/json"


def jwt(number: int, **claims: Any) -> str:
    def part(data: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'sub': number, **claims})}.signature"


@dataclass
class Tenant:
    """A server with a login; ``valid`` is the one token it takes."""

    life: int = 3600
    made: int = 0
    valid: str = ""
    accept: bool = True
    slow: float = 0.0
    login_answer: Answering | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, got: Got) -> Answering:
        if got.path == "/login":
            return self._login(got)
        if self.accept and got.headers.get("authorization") == f"Bearer {self.valid}":
            return Reply(200, [])
        return Reply(401, {"code": 401, "message": "Expired JWT Token"}, JSON, {"www-authenticate": "Bearer"})

    def _login(self, got: Got) -> Answering:
        if self.login_answer is not None:
            return self.login_answer
        if got.json != {"username": "sync@example.com", "password": PASSWORD}:
            return Reply(401, {"code": 401, "message": "Invalid credentials."}, JSON)
        time.sleep(self.slow)
        with self.lock:
            self.made += 1
            self.valid = jwt(self.made, iat=1_000_000, exp=1_000_000 + self.life)
            return Reply(200, {"token": self.valid}, JSON)


def login(server: ScriptedServer, clock: StandingClock, password: str = PASSWORD) -> LoginToken:
    return LoginToken(f"{server.url}/login", "sync@example.com", password, clock, {"instance": "acme"})


def ask(http: HttpClient, server: ScriptedServer, method: str = "GET") -> int:
    return http.send(Request(method, f"{server.url}/clients")).status


def test_one_login_serves_many_requests_and_sends_json_and_the_instance() -> None:
    clock = StandingClock()
    with ScriptedServer(Tenant()) as server, client(login(server, clock), clock) as http:
        assert [ask(http, server) for _ in range(3)] == [200, 200, 200]
        first = server.got[0]
    assert [got.path for got in server.got] == ["/login", "/clients", "/clients", "/clients"]
    assert first.headers["content-type"] == JSON
    assert first.headers["instance"] == "acme"
    assert "authorization" not in first.headers


@pytest.mark.parametrize(("life", "kept", "renewed"), [(3600, 3539, 3541), (100, 89, 91), (3, 2.6, 2.8)])
def test_a_token_is_renewed_shortly_before_its_end(life: int, kept: float, renewed: float) -> None:
    clock, tenant = StandingClock(), Tenant(life=life)
    with ScriptedServer(tenant) as server, client(login(server, clock), clock) as http:
        ask(http, server)
        clock.pass_by(kept)
        ask(http, server)
        assert tenant.made == 1
        clock.pass_by(renewed - kept)
        ask(http, server)
        assert tenant.made == 2
        assert [got.path for got in server.got].count("/clients") == 3, "no request met an old token"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_401_is_met_with_one_login_and_the_request_goes_out_again(method: str) -> None:
    clock, tenant = StandingClock(), Tenant()
    with ScriptedServer(tenant) as server, client(login(server, clock), clock) as http:
        ask(http, server)
        tenant.valid = "revoked"
        assert ask(http, server, method) == 200
        assert tenant.made == 2


def test_a_401_under_a_new_token_is_denied() -> None:
    clock, tenant = StandingClock(), Tenant(accept=False)
    with ScriptedServer(tenant) as server, client(login(server, clock), clock) as http:
        with pytest.raises(Denied, match="Expired JWT Token"):
            ask(http, server)
        assert tenant.made == 2
        assert server.count("GET") == 2


def test_a_static_token_that_is_refused_is_denied_at_once() -> None:
    with ScriptedServer(Tenant()) as server, client(StaticToken("stale")) as http:
        with pytest.raises(Denied, match="401"):
            ask(http, server)
        assert server.count("GET") == 1


def test_many_threads_log_in_once() -> None:
    clock, tenant = StandingClock(), Tenant(slow=0.05)
    statuses: list[int] = []
    with ScriptedServer(tenant) as server, client(login(server, clock), clock, concurrency=8, most=8) as http:
        for _ in range(2):
            workers = [threading.Thread(target=lambda: statuses.append(ask(http, server))) for _ in range(8)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            tenant.valid = "revoked"
        assert statuses == [200] * 16
        assert tenant.made == 2, "once at first, once after the token was revoked"


def test_a_wrong_password_is_denied_and_not_tried_again_for_a_while() -> None:
    clock = StandingClock()
    with ScriptedServer(Tenant()) as server, client(login(server, clock, "wrong-pass-word"), clock) as http:
        for _ in range(5):
            with pytest.raises(Denied, match="Invalid credentials"):
                ask(http, server)
        assert server.count("POST", "/login") == 1
        clock.pass_by(601)
        with pytest.raises(Denied):
            ask(http, server)
        assert server.count("POST", "/login") == 2


@pytest.mark.parametrize(
    ("answer", "error", "hint"),
    [
        (Reply(400, {"detail": "bad request"}, JSON), Denied, "login.path"),
        (Reply(404, b"<h1>Not Found</h1>", "text/html"), Denied, "login.path"),
        (Reply(405, {"detail": "no POST here"}, JSON), Denied, "login.path"),
        (Reply(403, {"detail": "blocked"}, JSON), Denied, "blocked"),
        (Reply(429), RateLimited, "429"),
        (Reply(502, b"<h1>Bad Gateway</h1>", "text/html"), Later, "502"),
        (Drop(), Later, "lost"),
        (Reply(200, b"<html>sign in</html>", "text/html"), BadAnswer, "text/html"),
        (Reply(200, b'{"token":', JSON), BadAnswer, "character"),
        (Reply(200, {"jwt": "x"}, JSON), BadAnswer, "no token"),
        (Reply(200, {"token": 5}, JSON), BadAnswer, "no token"),
        (Reply(200, ["token"], JSON), BadAnswer, "no token"),
        (Reply(200, {"token": "two\nlines"}, JSON), BadAnswer, "header"),
        (Reply(204, b"", ""), BadAnswer, "no token"),
        (Reply(302, headers={"location": "/sign-in"}), BadAnswer, "redirect"),
    ],
)
def test_a_login_that_goes_wrong_is_typed(answer: Answering, error: type[SyncdError], hint: str) -> None:
    clock, tenant = StandingClock(), Tenant(login_answer=answer)
    with ScriptedServer(tenant) as server, client(login(server, clock), clock) as http:
        with pytest.raises(SyncdError, match=hint) as caught:
            ask(http, server, "POST")
        assert type(caught.value) is error
        assert server.count("POST", "/clients") == 0


def test_neither_password_nor_token_is_ever_shown() -> None:
    clock = StandingClock()
    tenant = Tenant(login_answer=Reply(400, {"detail": f"cannot read {PASSWORD}"}, JSON))
    with ScriptedServer(tenant) as server:
        credentials = login(server, clock)
        with client(credentials, clock) as http:
            with pytest.raises(Denied) as caught:
                ask(http, server)
            tenant.login_answer = None
            clock.pass_by(1000)
            ask(http, server)
            shown = f"{caught.value!s} {caught.value!r} {credentials!r} {http!r} {vars(http)}"
    assert PASSWORD not in shown
    assert tenant.valid not in shown


@pytest.mark.parametrize(
    ("token", "life"),
    [
        (jwt(1, iat=100, exp=160), 60),
        (jwt(1, exp=1060), 60),
        (jwt(1, iat=200, exp=100), None),
        (jwt(1, iat=True, exp=1030), 30),
        (jwt(1, iat="x", exp=1030), 30),
        (jwt(1, exp="soon"), None),
        (jwt(1), None),
        (jwt(1, exp=10**400), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.!!!!.c", None),
        (f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c", None),
        (f"a.{base64.urlsafe_b64encode(b'{').decode()}.c", None),
    ],
)
def test_the_life_of_a_token_is_read_from_its_claims(token: str, life: float | None) -> None:
    assert lifetime(token, 1000.0) == life


@pytest.mark.parametrize("token", ["", "with space", "line\n", "Zażółć", "nul\x00"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match="printable") as caught:
        StaticToken(token)
    assert not token or token not in str(caught.value)
