"""What a merge does to the state: everything moves to the survivor, nothing dangles, and a refused one does nothing."""

from __future__ import annotations

import pytest

from syncd.sandbox.merging import merge_counterparties
from syncd.sandbox.resources import declarations
from syncd.sandbox.state import State

STAMP = "2026-01-05T00:00:00+00:00"


@pytest.fixture
def state() -> State:
    made = State(declarations("code"), lambda: 1e9)
    made.insert("Client", {"name": "C", "country": "DK", "currency": "DKK"})
    made.insert("Supplier", {"name": "S"})
    made.insert("BankAccount", {"name": "A"})
    return made


def booked(state: State, counterparty: int, count: int) -> list[str]:
    values = {"bankAccount": "/api/bank-accounts/1", "counterparty": f"/api/counterparties/{counterparty}"}
    return [state.insert("Transaction", {**values, "amount": 1, "execDate": STAMP})["id"] for _ in range(count)]


def test_transactions_links_and_accounts_move_to_the_survivor(state: State):
    state.insert("Counterparty", {"displayName": "Kept", "bankAccounts": ["DK1"]})
    state.insert("Counterparty", {"displayName": "A", "bankAccounts": ["DK2", "DK1"], "supplier": "/api/suppliers/1"})
    state.insert(
        "Counterparty",
        {"displayName": "B", "bankAccounts": [{"iban": "DK3"}], "client": "/api/clients/1", "tin": "12345678"},
    )
    keys = [key for number, count in ((1, 1), (2, 2), (3, 3)) for key in booked(state, number, count)]
    row = merge_counterparties(state, 1, [2, 3, 2])
    assert dict(row) | {"updatedAt": ""} == {
        "id": 1,
        "type": "company",
        "displayName": "Kept",
        "requireAttachment": False,
        "cyclic": False,
        "budgetNeutral": False,
        "bankAccounts": ["DK1", "DK2", {"iban": "DK3"}],
        "supplier": "/api/suppliers/1",
        "client": "/api/clients/1",
        "tin": "12345678",
        "updatedAt": "",
    }
    assert state.count("Counterparty") == 1
    assert {state.get("Transaction", key)["counterparty"] for key in keys} == {"/api/counterparties/1"}
    assert state.count_children("Transaction", "counterparty", "/api/counterparties/1") == 6


def test_what_the_survivor_has_is_not_overwritten_and_the_first_loser_wins(state: State):
    state.insert("Counterparty", {"displayName": "Kept", "tin": "11111111"})
    state.insert("Counterparty", {"displayName": "A", "tin": "22222222", "logoUrl": "https://a.example/l.png"})
    state.insert("Counterparty", {"displayName": "B", "logoUrl": "https://b.example/l.png"})
    row = merge_counterparties(state, 1, [2, 3])
    assert (row["tin"], row["logoUrl"], row["displayName"]) == ("11111111", "https://a.example/l.png", "Kept")


@pytest.mark.parametrize(("survivor", "losers"), [(1, [1]), (1, [2, 1]), (1, [99]), (99, [1])])
def test_a_merge_that_cannot_be_changes_nothing(state: State, survivor: int, losers: list[int]):
    state.insert("Counterparty", {"displayName": "A"})
    state.insert("Counterparty", {"displayName": "B"})
    booked(state, 2, 2)
    before, version = state.dump(), state.version
    with pytest.raises(ValueError, match=r"loser|no such"):
        merge_counterparties(state, survivor, losers)
    assert (state.dump(), state.version) == (before, version)
