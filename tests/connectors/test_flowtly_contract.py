"""The connector contract for Flowtly, against the local Flowtly sandbox in both envelopes, once with and once without prefix."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
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


Sample = Callable[[int], dict[str, Any]]


def peer_on(
    server: SandboxServer, query: Query, table: str, text: str, other: str, sample: Sample, **settings: Any
) -> Peer:
    """A connector to one resource of the sandbox, whose records stand in its table ``table``."""
    path = f"/api/{query.resource}/"

    def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [f"{path}{server.state.insert(table, stored(table, row))['id']}" for row in rows]

    def edit(key: str, fields: Mapping[str, Any]) -> None:
        number = key.removeprefix(path)
        server.state.update(table, int(number) if number.isdigit() else number, fields)

    return Peer(
        connector=connector(server.url, **settings),
        query=query,
        text=text,
        other=other,
        sample=sample,
        seed=seed,
        edit=edit,
        cut=server.stop,
        secrets=(WRONG, "sandbox-password"),
        denied=lambda: connector(server.url, login={"username": "sync@flowtly.test", "password": WRONG}),
        unreachable=lambda: connector(unused_url(), token=WRONG),
    )


def stored(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the sandbox keeps it: with what it requires, and numbers as JSON has them."""
    more = {"documentsLanguage": "en"} if table == "Client" else {}
    return {**more, **{name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}}


def place(server: SandboxServer) -> dict[str, Any]:
    """What a client has to have and a list has to offer."""
    return {
        "country": f"/api/countries/{server.state.rows('Country')[0]['id']}",
        "currency": f"/api/currencies/{server.state.rows('Currency')[0]['id']}",
    }


def client_peer(server: SandboxServer) -> Peer:
    """Clients: whole numbers as keys, references."""
    first = place(server)

    def sample(number: int) -> dict[str, Any]:
        return {
            **first,
            "name": f"Nordic Tools {number} ApS",
            "addressCity": f"Town {number}",
            "status": "active",
            "tinType": "vat",
            "dueDays": 14 + number,
        }

    return peer_on(server, Query("clients"), "Client", "name", "addressCity", sample)


def contact_peer(server: SandboxServer) -> Peer:
    """Contacts, whose answers do not name their client (recorded: case 136)."""
    row = {**place(server), "documentsLanguage": "en"}
    clients = [server.state.insert("Client", {**row, "name": f"Client {number}"})["id"] for number in range(3)]

    def sample(number: int) -> dict[str, Any]:
        return {
            "client": f"/api/clients/{clients[number % 3]}",
            "type": "general",
            "email": f"person{number}@example.com",
            "name": f"Person {number}",
            "title": f"Buyer {number}",
        }

    query = Query("client-contacts", fields=("client", "name", "email"))
    return peer_on(server, query, "ClientContact", "name", "title", sample)


def counterparty_peer(server: SandboxServer) -> Peer:
    """Counterparties, whose pages are read item by item here."""

    def sample(number: int) -> dict[str, Any]:
        return {
            "displayName": f"Party {number}",
            "corporateWebsiteUrl": f"https://{number}.example.com",
            "cyclic": True,
        }

    query = Query("counterparties", fields=("displayName", "corporateWebsiteUrl"))
    items = {"counterparties": {"item_only": ["corporateWebsiteUrl"]}}
    return peer_on(server, query, "Counterparty", "displayName", "corporateWebsiteUrl", sample, resources=items)


def transaction_peer(server: SandboxServer) -> Peer:
    """Transactions: texts as keys, exact amounts, a counterparty that comes embedded."""
    counterparty = server.state.insert("Counterparty", {"displayName": "Party"})["id"]
    account = server.state.rows("BankAccount")[0]["id"]

    def sample(number: int) -> dict[str, Any]:
        return {
            "bankAccount": f"/api/bank-accounts/{account}",
            "counterparty": f"/api/counterparties/{counterparty}",
            "description": f"Payment {number}",
            "note": f"Note {number}",
            "operationNumber": f"OP{number}",
            "amount": Decimal("-12.5") * (number + 1),
            "orderDate": "2026-01-02T00:00:00+00:00",
            "execDate": "2026-01-03T00:00:00+00:00",
        }

    return peer_on(server, Query("transactions"), "Transaction", "description", "note", sample)


@contextmanager
def serving(make: Callable[[SandboxServer], Peer], envelope: Any = "plain", prefix: str = "/api") -> Iterator[Peer]:
    """A peer on an empty sandbox."""
    with SandboxServer(SandboxConfig(empty=True, envelope=envelope, prefix=prefix)) as server:
        made = make(server)
        yield made
        made.connector.close()


class FlowtlyContract(WriteContract):
    """The contract as every resource of Flowtly keeps it."""

    def test_find_gives_exactly_the_records_that_are_equal(self, peer: Peer) -> None:
        """Flowtly may rewrite case and spacing, so rows that differ by no more are given too; the engine decides."""
        named = [
            {**peer.sample(number), peer.text: name} for number, name in enumerate(("Same", "same ", "Sam", "Same x"))
        ]
        first, second, _, _ = peer.seed(named)
        assert [found.key for found in peer.connector.find(peer.query, {peer.text: "Same"})] == [first, second]

    def test_an_unreachable_peer_is_for_later(self, peer: Peer) -> None:
        assert peer.unreachable is not None
        away = peer.unreachable()
        for attempt in (
            lambda: away.read(peer.query, f"/api/{peer.query.resource}/1"),
            lambda: list(away.pages(peer.query, None)),
            lambda: list(away.find(peer.query, {peer.text: "x"})),
            away.check,
        ):
            with pytest.raises(Later) as caught:
                attempt()
            assert WRONG not in str(caught.value)
        away.close()


class TestClients(FlowtlyContract):
    @pytest.fixture(params=[("hydra", "/api"), ("plain", "")], ids=["hydra", "plain without prefix"])
    def peer(self, request: pytest.FixtureRequest) -> Iterator[Peer]:
        envelope, prefix = request.param
        with serving(client_peer, envelope, prefix) as peer:
            yield peer


class TestContacts(FlowtlyContract):
    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with serving(contact_peer) as peer:
            yield peer


class TestCounterpartiesReadItemByItem(FlowtlyContract):
    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with serving(counterparty_peer) as peer:
            yield peer


class TestTransactions(FlowtlyContract):
    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with serving(transaction_peer, "hydra") as peer:
            yield peer
