"""Logging in: tokens expire, are signed, and a reader may not write."""

from __future__ import annotations

import httpx
import pytest

from syncd.sandbox.server import SandboxConfig, SandboxServer


def login(server: SandboxServer, password: str = "sandbox", user: str = "sync@flowtly.test") -> httpx.Response:
    return httpx.post(f"{server.url}/login", json={"username": user, "password": password})


def asked(server: SandboxServer, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/clients", headers={"Authorization": f"Bearer {token}"})


def test_a_token_serves_until_it_expires_and_a_new_login_gives_a_fresh_one():
    clock = [1_000_000.0]
    with SandboxServer(SandboxConfig(token_ttl=60, now=lambda: clock[0])) as server:
        token = login(server).json()["token"]
        assert asked(server, token).status_code == 200
        clock[0] += 59
        assert asked(server, token).status_code == 200
        clock[0] += 1
        expired = asked(server, token)
        assert (expired.status_code, expired.json()) == (401, {"code": 401, "message": "Expired JWT Token"})
        assert expired.headers["WWW-Authenticate"] == "Bearer"
        assert asked(server, login(server).json()["token"]).status_code == 200


def test_a_token_of_another_server_is_refused():
    with SandboxServer() as one, SandboxServer() as two:
        token = login(one).json()["token"]
        assert asked(one, token).status_code == 200
        assert asked(two, token).json() == {"code": 401, "message": "Invalid JWT Token"}


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer"])
def test_a_header_without_a_bearer_token_counts_as_none(header: str):
    with SandboxServer() as server:
        answer = httpx.get(f"{server.url}/clients", headers={"Authorization": header} if header else {})
        assert (answer.status_code, answer.json()["message"]) == (401, "JWT Token not found")


def test_a_static_token_never_expires_and_any_other_text_is_refused():
    clock = [1_000_000.0]
    config = SandboxConfig(static_token="agent-token", token_ttl=1, now=lambda: clock[0])
    with SandboxServer(config) as server:
        clock[0] += 1_000_000
        assert asked(server, "agent-token").status_code == 200
        assert asked(server, "agent-token2").status_code == 401


def test_a_wrong_password_or_user_is_refused_with_the_same_words():
    with SandboxServer() as server:
        for answer in (login(server, "wrong"), login(server, user="nobody@flowtly.test")):
            assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": "Invalid credentials."})


def test_a_reader_reads_and_is_forbidden_every_write():
    with SandboxServer(SandboxConfig(references="code")) as server:
        token = login(server, user="reader@flowtly.test").json()["token"]
        head = {"Authorization": f"Bearer {token}"}
        before = server.state.rows("ClientContact")
        assert httpx.get(f"{server.url}/clients/1", headers=head).status_code == 200
        merge = {**head, "Content-Type": "application/merge-patch+json"}
        writes = [
            httpx.post(f"{server.url}/clients", json={"name": "x"}, headers=head),
            httpx.patch(f"{server.url}/clients/1", content=b'{"name":"x"}', headers=merge),
            httpx.delete(f"{server.url}/client-contacts/1", headers=head),
        ]
        assert [each.status_code for each in writes] == [403, 403, 403]
        assert server.state.rows("ClientContact") == before
        assert server.state.count("Client") == 65


def test_the_employee_of_the_user_is_found_under_me_by_its_id():
    with SandboxServer(SandboxConfig(envelope="plain")) as server:
        token = login(server).json()["token"]
        mine = httpx.get(f"{server.url}/employees/me", headers={"Authorization": f"Bearer {token}"}).json()
        assert (mine["id"], mine["email"], mine["@id"]) == (1, "sync@flowtly.test", "/api/employees/me")
