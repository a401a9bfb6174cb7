"""Every recorded request is sent to the sandbox; what it answers must be as recorded, or be listed with a reason.

Compared: status, media type and nine more headers, and the body byte for byte, with fresh ids, stamps and tokens
masked. Of the four documents about the API only the top-level keys are compared, of the entry point its ``@`` keys.
"""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.sandbox.replay import VERSIONS, Case, Replayer, Reply, cases, differences

LATER = {
    "budgets": (
        "collection-fits-one-page collection-budget-groups collection-budget-transactions create-budget "
        "create-budget-bad-date create-budget-config-object create-budget-config-string create-budget-cross-field "
        "create-budget-date-only create-budget-empty-date create-budget-group create-budget-transaction "
        "delete-cascading-budget item-gone-by-cascade patch-array-replace"
    ),
    "transactions": (
        "collection-transactions create-transaction create-transaction-amount-string filter-range "
        "item-transaction-with-budget-transaction"
    ),
    "counterparties": (
        "collection-counterparties delete-unknown patch-array-object patch-relation patch-relation-null "
        "patch-relation-unknown"
    ),
    "merging counterparties": (
        "get-merge-not-allowed merge merge-empty merge-json merge-loser-gone merge-self merge-unknown-loser "
        "merge-unknown-target"
    ),
    "invoices": "collection-invoices create-invoice create-invoice-child item-invoice-parent",
}
LEFT_OUT = {
    (version, name): f"{what}: not served yet"
    for version in VERSIONS
    for what, names in LATER.items()
    for name in names.split()
}
LEFT_OUT["api-platform-3.4", "create-wrong-kind-of-iri"] = (
    "its text names the PHP class of a supplier, which is not served yet"
)
"""(version, case) -> why it is not compared."""

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
    wrong = {
        case.name: found
        for case, got in pairs
        if (version, case.name) not in LEFT_OUT and (found := differences(case, got))
    }
    listing = "\n".join(f"{name}: {problem}" for name, problems in wrong.items() for problem in problems)
    assert not wrong, f"{version}:\n{listing}"


def test_no_case_is_left_out_that_would_pass(replayed: Any) -> None:
    version, pairs = replayed
    needless = [case.name for case, got in pairs if (version, case.name) in LEFT_OUT and not differences(case, got)]
    assert needless == []


def test_every_left_out_case_exists_and_has_a_reason() -> None:
    known = {(version, case.name) for version in VERSIONS for case in cases(version)}
    assert set(LEFT_OUT) <= known
    assert all(LEFT_OUT.values())
