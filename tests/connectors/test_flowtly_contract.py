"""The connector contract for Flowtly, against the local Flowtly sandbox in both envelopes, once with and once without prefix."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.errors import Later
from syncd.ports import Query
from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.connectors.contract import Peer, RealClock, WriteContract

WRONG = "wrong-horse-battery"


def connector(url: str, **settings: Any) -> FlowtlyConnector:
    given = {"url": url, "page_size": 5, "retries": 0, "timeout": "10s", **settings}
    if "token" not in given:
        given.setdefault("login", {"username": "sync@flowtly.test", "password": "sandbox"})
    parsed = FlowtlyConnector.Settings.model_validate(given)
    return FlowtlyConnector.from_settings("flowtly", parsed, RealClock())


def unused_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def peer_on(server: SandboxServer) -> Peer:
    under_test = connector(server.url)
    first = {name: next(iter(under_test.rows(f"{stem}")))["@key"] for name, stem in PLACES.items()}

    def sample(number: int) -> dict[str, Any]:
        return {
            **first,
            "name": f"Nordic Tools {number} ApS",
            "addressCity": f"Town {number}",
            "status": "active",
            "tinType": "vat",
            "dueDays": 14 + number,
        }

    def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [
            f"/api/clients/{server.state.insert('Client', {'documentsLanguage': 'en', **row})['id']}" for row in rows
        ]

    def edit(key: str, fields: Mapping[str, Any]) -> None:
        server.state.update("Client", int(key.rpartition("/")[2]), fields)

    return Peer(
        connector=under_test,
        query=Query("clients"),
        text="name",
        other="addressCity",
        sample=sample,
        seed=seed,
        edit=edit,
        cut=server.stop,
        secrets=(WRONG, "sandbox-password"),
        denied=lambda: connector(server.url, login={"username": "sync@flowtly.test", "password": WRONG}),
        unreachable=lambda: connector(unused_url(), token=WRONG),
    )


PLACES = {"country": "countries", "currency": "currencies"}


class TestFlowtly(WriteContract):
    @pytest.fixture(params=[("hydra", "/api"), ("plain", "")], ids=["hydra", "plain without prefix"])
    def peer(self, request: pytest.FixtureRequest) -> Iterator[Peer]:
        envelope, prefix = request.param
        with SandboxServer(SandboxConfig(empty=True, envelope=envelope, prefix=prefix)) as server:
            made = peer_on(server)
            yield made
            made.connector.close()

    def test_find_gives_exactly_the_records_that_are_equal(self, peer: Peer) -> None:
        """Flowtly may rewrite case and spacing, so rows that differ by no more are given too; the engine decides."""
        named = [
            {**peer.sample(number), "name": name} for number, name in enumerate(("Same", "same ", "Sam", "Same x"))
        ]
        first, second, _, _ = peer.seed(named)
        assert [found.key for found in peer.connector.find(peer.query, {"name": "Same"})] == [first, second]

    def test_an_unreachable_peer_is_for_later(self, peer: Peer) -> None:
        assert peer.unreachable is not None
        away = peer.unreachable()
        for attempt in (
            lambda: away.read(peer.query, "/api/clients/1"),
            lambda: list(away.pages(peer.query, None)),
            lambda: list(away.find(peer.query, {peer.text: "x"})),
            away.check,
        ):
            with pytest.raises(Later) as caught:
                attempt()
            assert WRONG not in str(caught.value)
        away.close()
