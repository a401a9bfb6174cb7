"""What follows from the data: views with a condition, counts, linked amounts; kept right by every kind of change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Id, Row
from syncd.sandbox.filters import select
from syncd.sandbox.merging import merge_counterparties
from syncd.sandbox.resources import declarations
from syncd.sandbox.resources.transactions import unassigned, with_problems
from syncd.sandbox.sample import seed_reference_data
from syncd.sandbox.sample_data import seed_sample
from syncd.sandbox.state import State
from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA, linked_amounts=True))


def shown(books: Books, view: str) -> set[str]:
    """The IRIs a view answers, after a look that every member is an item of its own."""
    members = books.api.members(view)
    assert all(books.api.get(path(each["@id"])).json()["@id"] == each["@id"] for each in members)
    return {each["@id"] for each in members}


def test_a_transaction_is_unassigned_until_a_budget_link_is_made_and_again_when_it_goes(books: Books):
    account, budget = books.account(), books.add("Budget", name="IT")
    one, other = books.booking(account, -10), books.booking(account, -20)
    assert shown(books, "/transactions/unassigned") == {one, other}
    link = books.api.post("/budget-transactions", {"budget": budget, "transaction": one}).json()["@id"]
    assert shown(books, "/transactions/unassigned") == {other}
    books.api.patch(path(link), {"transaction": other})
    assert shown(books, "/transactions/unassigned") == {one}
    books.api.patch(path(one), {"ignored": 1})
    assert shown(books, "/transactions/unassigned") == set()
    assert books.api.http.delete(path(budget)).status_code == 204
    assert shown(books, "/transactions/unassigned") == {other}
    books.api.patch(path(one), {"ignored": 0})
    assert shown(books, "/transactions/unassigned") == {one, other}


def test_problems_are_a_missing_party_a_missing_month_and_a_wanted_document(books: Books):
    account = books.account()
    plain, strict = books.party("Plain"), books.party("Strict", requireAttachment=True)
    fine = books.booking(account, -1, counterparty=plain)
    alone = books.booking(account, -2)
    bare = books.booking(account, -3, counterparty=strict)
    timeless = books.booking(account, -4, counterparty=plain, connectedMonth=None)
    view = "/transactions/with-problems"
    assert shown(books, view) == {alone, bare, timeless}
    books.api.patch(path(alone), {"counterparty": plain})
    books.api.patch(path(timeless), {"connectedMonth": "2026-01"})
    document = books.api.post("/transaction-attachments", {"name": "r.pdf", "transaction": bare}).json()["@id"]
    assert shown(books, view) == set()
    books.api.patch(path(document), {"transaction": fine})
    assert shown(books, view) == {bare}
    books.api.patch(path(strict), {"requireAttachment": False})
    books.api.patch(path(plain), {"requireAttachment": True})
    assert shown(books, view) == {alone, timeless}, "a party may begin and cease to want documents"
    books.api.http.delete(path(plain))
    assert shown(books, view) == {fine, alone, timeless}


def test_a_view_pages_filters_and_orders_like_the_collection(books: Books):
    account, other = books.account(), books.account("DK1")
    iris = [books.booking(account, -number, f"2026-03-{number:02d}") for number in range(1, 8)]
    books.booking(other, -99)
    first = books.api.get(f"/transactions/unassigned?bankAccount={account}&itemsPerPage=3&order[execDate]=desc").json()
    assert first["totalItems"] == 7
    assert [each["@id"] for each in first["member"]] == iris[:-4:-1]
    assert first["@id"] == "/api/transactions/unassigned"
    assert first["view"]["next"].startswith("/api/transactions/unassigned?")


def test_drafts_are_the_invoices_that_say_so(books: Books):
    client = books.client()
    draft, sent = books.invoice(client), books.invoice(client, "FV/2/2026", status="sent")
    assert shown(books, "/invoices/draft") == {draft}
    books.api.patch(path(draft), {"status": "sent"})
    books.api.patch(path(sent), {"status": "draft"})
    assert shown(books, "/invoices/draft") == {sent}


def test_a_counterparty_counts_its_transactions_and_shows_what_it_points_to(books: Books):
    account, client = books.account(), books.client()
    supplier = books.add("Supplier", name="S", tin="12345678")
    party = books.party("P", client=client, supplier=supplier)
    moved = books.booking(account, -1, counterparty=party)
    books.booking(account, -2, counterparty=party)
    read = books.api.get(path(party)).json()
    assert (read["transactionsCount"], read["supplierTin"], "clientTin" in read) == (2, "12345678", False)
    books.api.patch(path(client), {"tin": "87654321"})
    books.api.patch(path(moved), {"counterparty": None})
    read = books.api.get(path(party)).json()
    assert (read["transactionsCount"], read["clientTin"]) == (1, "87654321")


def test_a_new_counterparty_takes_the_name_of_its_party_or_is_refused(books: Books):
    client = books.client("Nordlys ApS")
    assert books.api.post("/counterparties", {"client": client}).json()["displayName"] == "Nordlys ApS"
    refused = books.api.post("/counterparties", {})
    assert refused.status_code == 422
    assert refused.json()["violations"][0]["propertyPath"] == "displayName"


def test_a_budget_shows_what_is_linked_to_it(books: Books):
    account, budget = books.account(), books.add("Budget", name="IT")
    cost, refund = books.booking(account, -125.35), books.booking(account, 20.1)
    assert books.api.get(path(budget)).json()["linkedAmount"] == 0
    whole = books.add("BudgetTransaction", budget=budget, transaction=cost)
    books.add("BudgetTransaction", budget=budget, transaction=refund)
    books.add("BudgetTransaction", budget=budget, transaction=cost, amount=500)
    assert books.api.get(path(budget)).json()["linkedAmount"] == 12535 - 2010 + 500
    books.api.patch(path(whole), {"amount": 0})
    assert books.api.get(path(budget)).json()["linkedAmount"] == -2010 + 500
    books.api.patch(path(cost), {"amount": -1})
    books.api.patch(path(whole), {"amount": None})
    assert books.api.get(path(budget)).json()["linkedAmount"] == 100 - 2010 + 500


def test_a_budget_says_nothing_of_it_unless_it_is_asked_to(run: Callable[..., Api]):
    api = run()
    assert api.members("/budgets")
    assert not any("linkedAmount" in each for each in api.members("/budgets"))


@pytest.mark.parametrize("seed", range(8))
def test_the_kept_lists_are_those_a_look_at_every_record_would_give(seed: int):
    state = filled(seed)
    rng = random.Random(seed)
    views = {view.path: view for view in state.resources["Transaction"].views}
    for _ in range(60):
        disturb(state, rng)
        for name, where in (("unassigned", unassigned), ("with-problems", with_problems)):
            expected = [row["id"] for row in state.rows("Transaction") if where(row, state)]
            assert list(state.view("Transaction", views[name])) == expected


def test_a_page_of_a_view_judges_no_record_again():
    judged: list[Id] = []

    def counting(row: Row, records: object) -> bool:
        judged.append(row["id"])
        return row["amount"] < 0

    resources = declarations("code")
    transaction = resources["Transaction"]
    counted = replace(transaction, views=(replace(transaction.views[0], where=counting),))
    state = State({**resources, "Transaction": counted}, lambda: 1e9)
    for number in range(500):
        state.insert("Transaction", {"amount": number - 250})
    assert not judged, "nobody has asked for the view yet"
    for page in range(1, 6):
        ids = select(state, counted, {"page": str(page)}, counted.views[0])
        assert len(ids) == 250
    assert len(judged) == 500
    state.insert("Transaction", {"amount": -1})
    assert (len(select(state, counted, {}, counted.views[0])), len(judged)) == (251, 501)


def test_pages_of_one_filtered_walk_select_once(monkeypatch: pytest.MonkeyPatch):
    state = filled(1)
    resource = state.resources["Transaction"]
    query = {"amount": {"lt": "0"}, "order": {"execDate": "desc"}}
    first = select(state, resource, query)
    assert select(state, resource, {**query, "page": "2", "itemsPerPage": "7"}) is first
    state.insert("Transaction", {"amount": -1, "execDate": "2030-01-01T00:00:00+00:00"})
    again = select(state, resource, query)
    assert (len(again), len(first)) == (len(first) + 1, len(again) - 1)


def filled(seed: int) -> State:
    config = SandboxConfig(seed=seed, clients=6, counterparties=8, budgets=3, transactions=40, invoices=4)
    state = State(declarations("iri"), lambda: 1e9, seed)
    seed_reference_data(config, state)
    seed_sample(config, state)
    return state


def disturb(state: State, rng: random.Random) -> None:
    """One change of a random kind."""

    def pick(name: str) -> Id:
        chosen: Id = rng.choice(state.table(name).ids)
        return chosen

    def iri(name: str) -> str:
        return state.resources[name].iri(pick(name))

    def link() -> None:
        state.insert("BudgetTransaction", {"budget": iri("Budget"), "transaction": iri("Transaction")})

    def merge() -> None:
        if state.count("Counterparty") > 2:
            survivor, loser = rng.sample(state.table("Counterparty").ids, 2)
            merge_counterparties(state, survivor, [loser])

    def drop(name: str) -> None:
        if state.count(name) > 1:
            state.delete(name, pick(name))

    rng.choice(
        [
            link,
            merge,
            lambda: drop("BudgetTransaction"),
            lambda: drop("TransactionAttachment"),
            lambda: drop("Transaction"),
            lambda: drop("Counterparty"),
            lambda: state.update("Transaction", pick("Transaction"), {"ignored": rng.randint(0, 1)}),
            lambda: state.update("Transaction", pick("Transaction"), {"counterparty": iri("Counterparty")}),
            lambda: state.update("Transaction", pick("Transaction"), {"connectedMonth": rng.choice([None, "2025-01"])}),
            lambda: state.update("Counterparty", pick("Counterparty"), {"requireAttachment": rng.random() < 0.5}),
            lambda: state.insert("Transaction", {"amount": 1, "counterparty": iri("Counterparty")}),
            lambda: state.insert("TransactionAttachment", {"name": "x", "transaction": iri("Transaction")}),
            lambda: state.update(
                "TransactionAttachment", pick("TransactionAttachment"), {"transaction": iri("Transaction")}
            ),
        ]
    )()
