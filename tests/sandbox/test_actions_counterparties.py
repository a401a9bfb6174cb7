"""Merging counterparties and enriching their branding, over the wire. The recorded merges: test_recordings."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


def test_a_merge_moves_everything_to_the_survivor(books: Books):
    account, client = books.account(), books.client()
    survivor = books.party("Hav Kaffe", bankAccounts=["A1"])
    first = books.party("HAV KAFFE", bankAccounts=["A2", "A1"], client=client, tin="12345678")
    second = books.party("Hav Kaffe Ltd", bankAccounts=["A3"], tin="99999999")
    bookings = [books.booking(account, -10, counterparty=party) for party in (survivor, first, second, second)]
    answer = books.api.post(f"{path(survivor)}/merge", {"counterparties": [first, second]})
    assert answer.status_code == 200
    merged = answer.json()
    assert (merged["client"], merged["tin"]) == (client, "12345678")
    assert merged["bankAccounts"] == ["A1", "A2", "A3"]
    assert merged["transactionsCount"] == 4
    assert {books.row(each)["counterparty"] for each in bookings} == {survivor}
    assert [books.api.get(path(each)).status_code for each in (first, second)] == [404, 404]
    again = books.api.post(f"{path(survivor)}/merge", {"counterparties": [first]})
    assert (again.status_code, again.json()["detail"]) == (400, f'Item not found for "{first}".')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ([], 422),
        ({"counterparties": None}, 422),
        ("/api/counterparties/2", 400),
        (5, 400),
        ({"counterparties": "x"}, 400),
        ({"counterparties": [5]}, 400),
        ({"counterparties": ["/api/countries/1"]}, 400),
        ({"counterparties": ["/api/counterparties/2/../3"]}, 400),
        ({"counterparties": ["/api/counterparties/2", "/api/counterparties/1"]}, 422),
        ({"counterparties": ["/api/counterparties/2", "/api/counterparties/77"]}, 400),
    ],
)
def test_a_refused_merge_changes_nothing(books: Books, body: object, status: int):
    books.party("One"), books.party("Two")
    before = books.state.rows("Counterparty")
    assert books.api.post("/counterparties/1/merge", body).status_code == status
    assert books.state.rows("Counterparty") == before


def test_a_loser_named_twice_and_by_its_whole_address_is_merged_once(books: Books):
    books.party("One"), books.party("Two")
    twice = ["/api/counterparties/2", f"{books.api.server.origin}/api/counterparties/2"]
    assert books.api.post("/counterparties/1/merge", {"counterparties": twice}).status_code == 200
    assert books.state.count("Counterparty") == 1


def test_a_reader_may_not_merge(books: Books):
    one, two = books.party("One"), books.party("Two")
    token = books.api.server.auth.issue(books.api.server.config.reader)
    headers = {"Authorization": f"Bearer {token}"}
    answer = books.api.post(f"{path(one)}/merge", {"counterparties": [two]}, headers=headers)
    assert answer.status_code == 403
    assert books.state.count("Counterparty") == 2


def test_enrichment_shows_from_the_second_request_after_it(books: Books):
    one = books.party("Hav & Kaffe Ø/S")
    answer = books.api.post(f"{path(one)}/enrich-branding-ai", {})
    assert (answer.status_code, answer.json()["queued"]) == (202, [one])
    assert "logoUrl" not in books.api.get(path(one)).json()
    shown = books.api.get(path(one)).json()
    assert shown["corporateWebsiteUrl"] == "https://www.hav-kaffe-s.example"
    assert shown["logoUrl"] == "https://logos.hav-kaffe-s.example/logo.svg"


def test_bulk_enrichment_without_a_list_takes_those_without_a_brand(books: Books):
    done = books.party("Done", logoUrl="https://a.example/l.svg", corporateWebsiteUrl="https://a.example")
    one, two = books.party("One"), books.party("Two")
    assert books.api.http.post("/counterparties/enrich-branding-ai").json()["queued"] == [one, two]
    jobs = f"{books.api.server.origin}/_sandbox/jobs"
    assert httpx.get(jobs).json() == {"waiting": [one, two]}
    assert httpx.post(jobs).json() == {"done": 2}
    assert books.row(two)["corporateWebsiteUrl"] == "https://www.two.example"
    assert books.row(done)["corporateWebsiteUrl"] == "https://a.example"
    assert books.api.post("/counterparties/enrich-branding-ai", {"counterparties": []}).json()["queued"] == []


def test_a_counterparty_that_goes_before_its_enrichment_is_passed_over(books: Books):
    one = books.party("One")
    books.api.post(f"{path(one)}/enrich-branding-ai", {})
    assert books.api.http.delete(path(one)).status_code == 204
    assert books.api.get("/counterparties").status_code == 200
    assert books.api.get(path(one)).status_code == 404
