"""Budgets, transactions and invoices over HTTP: embedding, cascades, constraints, what has no verb. Beyond the records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api

LINKS: dict[str, dict[str, str]] = {
    "budget-contractors": {"budget": "budget", "cost": "cost"},
    "budget-employees": {"budget": "budget", "employee": "employee"},
    "budget-invoices": {"budget": "budget", "invoice": "invoice"},
    "budget-projects": {"budget": "budget", "project": "project"},
    "budget-transactions": {"budget": "budget", "transaction": "transaction"},
    "income-transactions": {"budget": "budget", "transaction": "transaction"},
    "project-transactions": {"project": "project", "transaction": "transaction"},
}


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


@pytest.fixture
def targets(books: Books) -> dict[str, str]:
    return {
        "budget": books.add("Budget", name="IT"),
        "cost": "/api/costs/1",
        "employee": "/api/employees/1",
        "invoice": books.invoice(books.client()),
        "project": books.add("Project", name="P"),
        "transaction": books.booking(books.account(), -5),
    }


@pytest.mark.parametrize("resource", LINKS)
def test_a_link_is_made_listed_found_by_filter_and_needs_all_its_references(
    books: Books, targets: dict[str, str], resource: str
):
    body = {field: targets[target] for field, target in LINKS[resource].items()}
    made = books.api.post(f"/{resource}", body)
    assert made.status_code == 201
    for field, iri in body.items():
        answered = made.json()[field]
        assert (answered["@id"] if isinstance(answered, dict) else answered) == iri
        found = books.api.members(f"/{resource}?{field}={iri}")
        assert [each["@id"] for each in found] == [made.json()["@id"]]
        assert books.api.members(f"/{resource}?{field}={iri.rpartition('/')[0]}/999") == []
        refused = books.api.post(f"/{resource}", {name: value for name, value in body.items() if name != field})
        assert [each["propertyPath"] for each in refused.json()["violations"]] == [field]


@pytest.mark.parametrize("resource", LINKS)
def test_a_link_goes_with_each_of_its_targets(books: Books, targets: dict[str, str], resource: str):
    for field, target in LINKS[resource].items():
        fresh = dict(targets)
        kinds = {"cost": "Cost", "employee": "Employee", "project": "Project"}
        if target in kinds:
            values = {"firstName": "A", "lastName": "B", "email": "a@example.com", "name": "N"}
            fresh[target] = books.add(kinds[target], **values)
        elif target == "budget":
            fresh[target] = books.add("Budget", name="Other")
        elif target == "invoice":
            fresh[target] = books.invoice(books.client(), "FV/9/2026")
        else:
            fresh[target] = books.booking(books.account(), -6)
        link = books.api.post(f"/{resource}", {name: fresh[each] for name, each in LINKS[resource].items()}).json()
        found = books.state.find(fresh[target])
        assert found
        books.state.delete(found[0].name, found[1])
        assert books.state.lookup(link["@id"]) is None, field


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        ("budget-contractors", "GET, DELETE"),
        ("budget-employees", "GET, DELETE"),
        ("budget-invoices", "GET, DELETE"),
        ("budget-projects", "GET, DELETE"),
    ],
)
def test_some_links_cannot_be_patched(books: Books, targets: dict[str, str], resource: str, allowed: str):
    made = books.api.post(f"/{resource}", {name: targets[each] for name, each in LINKS[resource].items()})
    refused = books.api.patch(f"/{resource}/{made.json()['id']}", {})
    assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)
    assert "Accept-Patch" not in made.headers
    assert books.api.http.delete(f"/{resource}/{made.json()['id']}").status_code == 204


def test_a_project_link_has_an_iri_that_nobody_can_get(books: Books, targets: dict[str, str]):
    body = {"project": targets["project"], "transaction": targets["transaction"], "amount": 12}
    made = books.api.post("/project-transactions", body)
    place = path(made.json()["@id"])
    assert made.headers["Location"] == made.json()["@id"]
    assert books.api.get(place).status_code == 404
    assert books.api.patch(place, {"amount": 13}).json()["amount"] == 13
    assert books.api.members("/project-transactions")[0]["amount"] == 13
    assert books.api.get(path(targets["transaction"])).json()["projectTransactions"] == [made.json()["@id"]]
    assert books.api.http.delete(place).status_code == 204
    assert books.api.get(path(targets["transaction"])).json()["projectTransactions"] == []


def test_a_transaction_can_be_neutralised_and_not_deleted(books: Books):
    transaction = path(books.booking(books.account(), -5))
    refused = books.api.http.delete(transaction)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, PATCH")
    assert books.api.patch(transaction, {"ignored": 1, "note": "twice"}).json()["ignored"] == 1


def test_plain_json_has_no_at_keys_at_any_depth(books: Books, targets: dict[str, str]):
    books.api.post("/budget-transactions", {"budget": targets["budget"], "transaction": targets["transaction"]})
    plain = books.api.get("/budget-transactions", headers={"Accept": "application/json"})
    assert '"@' not in plain.text
    assert plain.json()[0]["transaction"]["amount"] == -5


def test_invoices_that_are_each_others_parent_are_answered_with_an_iri_in_the_end(books: Books):
    client = books.client()
    one, two = books.invoice(client), books.invoice(client, "FV/2/2026")
    books.api.patch(path(one), {"parent": two})
    books.api.patch(path(two), {"parent": one})
    shown = books.api.get(path(one)).json()
    assert shown["parent"]["parent"] == one
    assert shown["childrenInvoices"] == [two]
    own = books.api.patch(path(one), {"parent": one}).json()
    assert own["parent"] == one


def test_a_long_chain_of_parents_ends_in_an_iri(books: Books):
    client = books.client()
    parent: str | None = None
    for number in range(40):
        parent = books.invoice(client, f"FV/{number}", parent=parent)
    shown: Any = books.api.get(path(str(parent))).json()
    depth = 0
    while isinstance(shown, dict):
        shown, depth = shown.get("parent"), depth + 1
    assert isinstance(shown, str)
    assert 1 < depth < 40


def test_invoice_rows_are_replaced_as_contacts_are(books: Books):
    body = {
        "name": "FV/1",
        "client": books.client(),
        "issueDate": "2026-01-01",
        "saleDate": "2026-01-01",
        "dueDate": "2026-01-01",
        "invoiceRows": [{"name": "A", "quantity": 1.5}, {"name": "B"}],
    }
    made = books.api.post("/invoices", body).json()
    kept, dropped = made["invoiceRows"]
    assert (kept["quantity"], dropped["quantity"]) == (1.5, 1)
    changed = books.api.patch(path(made["@id"]), {"invoiceRows": [kept["@id"], {"name": "C"}]}).json()
    assert [each["name"] for each in changed["invoiceRows"]] == ["A", "C"]
    assert books.api.get(path(dropped["@id"])).status_code == 404
    refused = books.api.patch(path(made["@id"]), {"invoiceRows": [{"quantity": 1}]})
    assert [each["propertyPath"] for each in refused.json()["violations"]] == ["invoiceRows[2].name"]
    assert books.api.http.delete(path(made["@id"])).status_code == 204
    assert books.api.get(path(kept["@id"])).status_code == 404


def test_a_patch_is_judged_with_what_is_stored(books: Books):
    budget = path(books.add("Budget", name="IT", dateFrom="2026-02-01T00:00:00+00:00"))
    refused = books.api.patch(budget, {"dateTo": "2026-01-31"})
    assert refused.status_code == 422
    assert refused.json()["violations"][0]["message"].startswith("This value should be greater than or equal to Feb 1")
    assert books.api.patch(budget, {"dateTo": "2026-02-01"}).status_code == 200
    assert books.api.patch(budget, {"dateFrom": "2026-02-01T13:05:00Z"}).json()["violations"][0]["message"] == (
        "This value should be greater than or equal to Feb 1, 2026, 1:05\u202fPM."
    )
    assert "dateFrom" not in books.api.patch(budget, {"dateFrom": None}).json()


@pytest.mark.parametrize(("sent", "kept"), [({}, []), ({"a": {}}, {"a": []}), ([{}], [[]]), ({"a": 1}, {"a": 1})])
def test_an_empty_map_is_an_empty_list(books: Books, sent: Any, kept: Any):
    made = books.api.post("/budgets", {"name": "B", "config": sent})
    assert made.json()["config"] == kept


def test_amounts_keep_their_cents_and_lose_an_empty_fraction(books: Books):
    body = {
        "bankAccount": books.account(),
        "description": "x",
        "orderDate": "2026-01-31",
        "execDate": "2026-01-31",
    }
    for sent, kept in ((-0.1, "-0.1"), (12.0, "12"), (1234567.89, "1234567.89"), (7, "7")):
        made = books.api.post("/transactions", {**body, "amount": sent})
        assert f'"amount":{kept},' in made.text
        assert made.json()["connectedMonth"] == "2026-01"
    assert (
        books.api.post("/transactions", {**body, "amount": 1, "connectedMonth": "2025-12"}).json()["connectedMonth"]
        == "2025-12"
    )


def test_transactions_are_found_by_the_budget_they_are_linked_to(books: Books, targets: dict[str, str]):
    books.booking(books.account(), -6)
    for _ in range(2):
        books.add("BudgetTransaction", budget=targets["budget"], transaction=targets["transaction"])
    query = "/transactions?budgetTransactions.budget"
    assert [each["@id"] for each in books.api.members(f"{query}={targets['budget']}")] == [targets["transaction"]]
    assert books.api.members(f"{query}=/api/budgets/nope") == []
    assert books.api.members(f"{query}[]={targets['budget']}&amount[gt]=0") == []


def test_a_bank_account_that_is_used_stays_and_a_deleted_party_leaves_its_transactions(books: Books):
    party, account = books.party("P"), books.account()
    transaction = books.booking(account, -5, counterparty=party)
    found = books.state.find(account)
    assert found
    with pytest.raises(ValueError, match="still the bankAccount"):
        books.state.delete("BankAccount", found[1])
    assert books.api.http.delete(path(party)).status_code == 204
    assert "counterparty" not in books.api.get(path(transaction)).json()


def test_a_file_goes_with_its_attachment(books: Books):
    attachment = books.add("TransactionAttachment", name="a.txt", size=3, mimeType="text/plain")
    books.state.blobs[attachment] = b"abc"
    shown = books.api.get(path(attachment)).json()
    assert (shown["contentUrl"], shown["size"]) == (f"{attachment}/file", 3)
    assert books.api.http.delete(path(attachment)).status_code == 204
    assert attachment not in books.state.blobs
    assert "contentUrl" not in books.api.post("/transaction-attachments", {"name": "b", "size": 9}).json()
