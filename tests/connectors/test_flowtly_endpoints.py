"""The declarations of endpoints against Flowtly's published list, how a call finds its endpoint, and the page of docs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncd.connectors.flowtly.endpoints import endpoints
from syncd.connectors.flowtly.endpoints_words import Body, Effect, Gives
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import Refused
from syncd.sandbox.server import routes
from tests.connectors.endpoints_page import PUBLISHED, page, published
from tests.connectors.flowtly_cases import CASES

ALL = endpoints(RESOURCES)
DOCS = Path(__file__).parents[2] / "docs" / "flowtly-endpoints.md"


def test_they_are_those_that_flowtly_publishes_and_no_others() -> None:
    assert len(published()) == 98
    assert {(each.method, each.path) for each in ALL} == set(published())
    assert len(ALL) == len(published())
    assert len({each.name for each in ALL}) == 98


def test_each_is_served_by_the_sandbox_and_called_by_a_test() -> None:
    assert set(published()) <= set(routes())
    assert set(CASES) == {f"{method} {path}" for method, path in published()}


def test_each_stands_under_the_published_resource() -> None:
    titles = {(each["method"], each["path"]): each["resource"] for each in json.loads(PUBLISHED.read_text())}
    short = {each.resource: titles[each.method, each.path] for each in ALL if each.name.endswith(".list")}
    exports = {"TransactionAttachmentsZipExport", "TransactionMt940Export"}  # resources of their own on the page
    for each in ALL:
        title = titles[each.method, each.path]
        assert title == short[each.resource] or title in exports


def test_the_page_of_docs_is_what_the_code_says() -> None:
    assert DOCS.read_text() == page(), "run make docs"
    for method, path in published():
        assert f"| `{method} {path}` |" in page()


def test_what_mails_people_is_known_as_such() -> None:
    assert {str(each) for each in ALL if each.effect is Effect.SEND} == {
        "POST /invoices/send",
        "POST /invoices/{id}/send",
    }


def test_what_changes_asks_first_and_what_only_reads_does_not() -> None:
    for each in ALL:
        reading = each.method == "GET" or each.gives is Gives.FILE
        assert each.asks_first is not reading, str(each)
        assert (each.effect is Effect.FILE) is (each.gives is Gives.FILE)
        assert (Body.MERGE_PATCH in each.takes) is (each.method == "PATCH")


def test_a_synchronisation_uses_no_special_endpoint() -> None:
    assert {each.name.rpartition(".")[2] for each in ALL if each.synced} == {
        "list",
        "create",
        "get",
        "patch",
        "draft",
        "unassigned",
        "with-problems",
    }


@pytest.mark.parametrize(
    ("method", "path", "name", "values"),
    [
        ("GET", "/clients/search", "clients.search", ()),
        ("get", "clients/5/", "clients.get", ("5",)),
        ("POST", "/invoices/send", "invoices.send-many", ()),
        ("GET", "/invoices/17/send", "invoices.preview-send", ("17",)),
        ("GET", "/transactions/unassigned", "transactions.unassigned", ()),
        ("GET", "/transactions/0197-a", "transactions.get", ("0197-a",)),
        ("POST", "/transactions/t/suggestions/s/apply", "transactions.apply-suggestion", ("t", "s")),
    ],
)
def test_a_path_finds_its_endpoint(method: str, path: str, name: str, values: tuple[str, ...]) -> None:
    endpoint, found = ALL.at(method, path)
    assert (endpoint.name, found) == (name, values)


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("POST", "/organizations/clear", "did you mean"),
        ("DELETE", "/clients/5", "there is GET /clients/{id}, PATCH /clients/{id}"),
        ("GET", "/cleints", "did you mean 'GET /clients'?"),
        ("GET", "/invoices/send", "there is POST /invoices/send"),
        ("PUT", "/budgets/b", "there is GET /budgets/{id}"),
    ],
)
def test_what_is_not_there_names_what_is(method: str, path: str, hint: str) -> None:
    with pytest.raises(Refused, match="there is no") as caught:
        ALL.at(method, path)
    assert hint in str(caught.value)


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(Refused, match=r"did you mean 'invoices.send'\?"):
        ALL.named("invoice.send")


def test_gaps_take_ids_and_iris_of_what_stands_before_them() -> None:
    endpoint = ALL.named("transactions.apply-suggestion")
    assert (
        endpoint.filled(["/api/transactions/t1", "counterparty-5"])
        == "/transactions/t1/suggestions/counterparty-5/apply"
    )
    assert ALL.named("clients.get").filled([5]) == "/clients/5"
    assert ALL.named("clients.get").filled(["a%2e b".replace(" ", "")]) == "/clients/a%252eb"


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/../../organizations/clear", "/api/budgets/5", "a?b", "a b", "a\\b", "5/"]
)
def test_gaps_take_nothing_that_leads_elsewhere(value: str) -> None:
    with pytest.raises(Refused, match="cannot stand in"):
        ALL.named("clients.get").filled([value])


def test_gaps_want_as_many_values_as_they_are() -> None:
    with pytest.raises(Refused, match="needs id, suggestionId, and 1 values"):
        ALL.named("transactions.apply-suggestion").filled(["t1"])


def test_a_warning_says_what_happens_and_to_whom() -> None:
    send = ALL.named("invoices.send")
    assert "POST /invoices/17/send sends an invoice" in send.warning([17])
    assert "contacts of the invoice's client" in send.warning([17])
    assert send.warning([17], {"recipients": ["a@example.com", "b@example.com"]}).endswith(
        "a@example.com, b@example.com"
    )
    assert ALL.named("budgets.delete").warning(["b"]).endswith("this changes what Flowtly holds")
