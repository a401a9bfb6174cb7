"""A small set of books for the tests of actions: accounts, parties, bookings, invoices. Everything is invented."""

from __future__ import annotations

from typing import Any

from syncd.sandbox.declare import Row
from tests.sandbox.conftest import Api

EXTRA = {"envelope": "plain", "references": "code", "empty": True}


class Books:
    """Writes straight into one server's state, as the past of the company would have."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.state = api.server.state

    def add(self, resource: str, /, **values: Any) -> str:
        """A record; its IRI."""
        row = self.state.insert(resource, values)
        return self.state.resources[resource].iri(row["id"])

    def row(self, iri: str) -> Row:
        row = self.state.lookup(iri)
        assert row is not None, f"{iri} is gone"
        return row

    def account(self, number: str = "DK0000000000000303", currency: str = "DKK") -> str:
        return self.add("BankAccount", name=f"Account {number}", number=number, currency=currency)

    def client(self, name: str = "Mosegave ApS", *contacts: tuple[str, str]) -> str:
        client = self.add("Client", name=name, country="DK", currency="DKK")
        for kind, email in contacts:
            self.add("ClientContact", client=client, type=kind, email=email, name=email)
        return client

    def party(self, name: str, **values: Any) -> str:
        return self.add("Counterparty", displayName=name, **values)

    def booking(self, account: str, amount: float, day: str = "2026-01-05", **values: Any) -> str:
        stamp = f"{day}T00:00:00+00:00"
        given = {"description": "Payment", "orderDate": stamp, "execDate": stamp, "connectedMonth": day[:7], **values}
        return self.add("Transaction", bankAccount=account, amount=amount, **given)

    def invoice(self, client: str, name: str = "FV/1/2026", **values: Any) -> str:
        stamp = "2026-02-01T00:00:00+00:00"
        dates = {"issueDate": stamp, "saleDate": stamp, "dueDate": stamp}
        return self.add("Invoice", client=client, name=name, **dates, **values)


def path(iri: str) -> str:
    """What a client of this server asks for."""
    return iri.removeprefix("/api")
