"""Every recorded request is sent to the sandbox; what it answers must be as recorded.

Compared: status, media type and nine more headers, and the body byte for byte, with fresh ids, stamps and tokens
masked. Of three documents about the API only the top-level keys are compared, since they describe what is served and
the recordings of two are cut; of the entry point, that it names what the recorded one does.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from syncd.sandbox.server import SandboxConfig, SandboxServer
from syncd.sandbox.state import State
from tests.sandbox.replay import VERSIONS, Case, Replayer, Reply, cases, differences

CITIES = ["København", "Århus", "Warszawa", "Łódź", "Malmö", "Göteborg", "Berlin"]
FORMS = ["ApS", "A/S", "Sp. z o.o.", "AB", "GmbH"]
PLACES = [("DK", "DKK"), ("PL", "PLN"), ("SE", "SEK"), ("DE", "EUR")]


def as_recorded(server: SandboxServer) -> None:
    """The 65 clients, 21 contacts and 6 notes of the recorded servers."""
    for number in range(1, 66):
        country, currency = PLACES[number % 4]
        client = server.state.insert(
            "Client",
            {
                "country": country,
                "currency": currency,
                "name": f"Client {number:03d} {FORMS[number % 5]}",
                "tinCountry": country,
                "tin": None if number % 9 == 0 else str(10_000_000 + 7919 * number),
                "addressCity": CITIES[number % 7],
                "addressStreetLine": f"Gade {number}",
                "addressCountry": country,
            },
        )
        iri = f"/api/clients/{client['id']}"
        if number % 3 == 0:
            contact = {
                "client": iri,
                "type": "billing",
                "email": f"contact{number}@example.com",
                "name": f"Contact {number}",
            }
            server.state.insert("ClientContact", contact)
        if number % 10 == 0:
            note = {"client": iri, "employee": "/api/employees/1", "note": f"Call back about offer #{number}"}
            server.state.insert("ClientNote", note)
    money_as_recorded(server.state)


def money_as_recorded(state: State) -> None:
    """The 40 counterparties, 50 transactions, one budget and five invoices of the recorded servers."""
    for name in ("Supplier 1", "Supplier 2"):
        state.insert("Supplier", {"name": name})
    for number in range(1, 41):
        counterparty = {
            "client": f"/api/clients/{number}",
            "requireAttachment": True,
            "tin": str(20_000_000 + 104_729 * number),
            "displayName": f"Counterparty {number:03d}",
        }
        state.insert("Counterparty", counterparty)
    group = state.insert("BudgetGroup", {"name": "Marketing"})
    values = {
        "name": "EMEA Marketing FY25",
        "budgetGroup": f"/api/budget-groups/{group['id']}",
        "dateFrom": "2024-01-01T00:00:00+00:00",
        "dateTo": "2024-12-31T00:00:00+00:00",
        "config": ["spend_alerts", "auto-freeze"],
    }
    budget = state.insert("Budget", values)
    for number in range(1, 51):
        day = (date(2026, 1, 1) + timedelta(days=number)).isoformat()
        values = {
            "bankAccount": "/api/bank-accounts/1",
            "counterparty": f"/api/counterparties/{number % 40 + 1}",
            "operationNumber": f"OP{number}",
            "description": f"Payment {number}",
            "amount": php_number(-12.5 * number),
            "endingBalance": php_number(100_000 - 12.5 * number),
            "orderDate": f"{day}T00:00:00+00:00",
            "execDate": f"{day}T00:00:00+00:00",
            "connectedMonth": day[:7],
        }
        transaction = state.insert("Transaction", values)
        if number % 10 == 0:
            link = {
                "budget": f"/api/budgets/{budget['id']}",
                "transaction": f"/api/transactions/{transaction['id']}",
                "amount": 1250 * number,
            }
            state.insert("BudgetTransaction", link)
    for number in range(1, 6):
        values = {
            "name": f"FV/{number}/2026",
            "client": f"/api/clients/{number + 1}",
            "bankAccount": "/api/bank-accounts/1",
            "amountNet": 100 * number,
            "amount": 125 * number,
            "currency": "DKK",
            "issueDate": "2026-02-01T00:00:00+00:00",
            "saleDate": "2026-02-01T00:00:00+00:00",
            "dueDate": "2026-02-15T00:00:00+00:00",
        }
        invoice = state.insert("Invoice", values)
        row = {"invoice": f"/api/invoices/{invoice['id']}", "name": "Service", "unitPriceNet": 100 * number}
        state.insert("InvoiceRow", row)


def php_number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def replay(version: str) -> list[tuple[Case, Reply]]:
    config = SandboxConfig(envelope=VERSIONS[version], references="code", empty=True)  # type: ignore[arg-type]
    with SandboxServer(config) as server:
        as_recorded(server)
        good = server.auth.issue(config.user)
        tokens = {
            "<good token>": good,
            "<reader token>": server.auth.issue(config.reader),
            "<expired token>": server.auth.issue(config.user, ttl=-60),
            "<forged token>": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
            "<ghost token>": server.auth.issue("ghost@flowtly.test"),
        }
        passwords = {"login-ok": config.password, "login-reader": config.password, "login-bad-password": "wrong"}
        replayer = Replayer(int(server.origin.rpartition(":")[2]), tokens, passwords)
        return [(case, replayer.send(case)) for case in cases(version)]


@pytest.fixture(scope="module", params=sorted(VERSIONS))
def replayed(request: pytest.FixtureRequest) -> tuple[str, list[tuple[Case, Reply]]]:
    return request.param, replay(request.param)


def test_both_versions_are_recorded_case_by_case() -> None:
    names = {version: [case.name for case in cases(version)] for version in VERSIONS}
    assert [len(each) for each in names.values()] == [212, 212]
    assert len({tuple(each) for each in names.values()}) == 1


def test_the_sandbox_answers_as_recorded(replayed: Any) -> None:
    version, pairs = replayed
    assert len(pairs) == 212
    wrong = {case.name: found for case, got in pairs if (found := differences(case, got))}
    listing = "\n".join(f"{name}: {problem}" for name, problems in wrong.items() for problem in problems)
    assert not wrong, f"{version}:\n{listing}"


def test_the_entry_point_names_every_recorded_collection(replayed: Any) -> None:
    _, pairs = replayed
    recorded, served = next((case.reply.data, got.data) for case, got in pairs if case.name == "entrypoint")
    assert {name: served.get(name) for name in recorded} == recorded
    assert [name for name in served if name in recorded] == list(recorded)
