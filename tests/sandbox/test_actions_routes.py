"""Every action is judged like any other request: route, method, token, media types, record, role; faults reach it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from syncd.sandbox.actions.catalogue import ACTIONS
from syncd.sandbox.actions.declare import Action
from syncd.sandbox.server import routes
from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api, start_api, stop_all

PUBLISHED = Path(__file__).parents[1] / "connectors" / "published" / "endpoints.json"
NAMES = [f"{each.method} {each.path}" for each in ACTIONS]
OF_RECORDS = [each for each in ACTIONS if "{id}" in each.path]
UPLOAD = {"file": ("a.pdf", b"x")}


@pytest.fixture(scope="module")
def standing() -> Iterator[Books]:
    """One server with a record of each kind under a known IRI; tests that change it bring their own."""
    api = start_api(dict(EXTRA))
    books = Books(api)
    books.invoice(books.client("A", ("billing", "a@example.com")))
    books.party("One"), books.party("Two")
    books.booking(books.account(), -1)
    books.add("TransactionAttachment", name="r.pdf")
    yield books
    stop_all([api])


def filled(books: Books, action: Action, key: str | None = None) -> str:
    """The action's path with a record that exists, or with the key given."""
    names = {"id": str(key or books.state.table(action.resource).ids[0]), "suggestionId": "none", "date": "2026-01-01"}
    return re.sub(r"{(\w+)}", lambda found: names[found[1]], action.path)


def asked(books: Books, action: Action, where: str, **options: object) -> httpx.Response:
    sent: dict[str, object] = {}
    if action.takes:
        sent = {"json": {}} if "application/json" in action.takes else {"files": UPLOAD}
    return books.api.http.request(action.method, where, **{**sent, **options})  # type: ignore[arg-type]


def test_every_published_endpoint_is_served():
    published = {(each["method"], each["path"]) for each in json.loads(PUBLISHED.read_text(encoding="utf-8"))}
    assert len(published) == 98
    assert published - set(routes()) == set()


def test_routes_are_told_once_and_sorted():
    told = routes()
    assert told == sorted(set(told), key=lambda each: (each[1], each[0]))
    assert ("GET", "/project-transactions/{id}") not in told
    assert {("GET", "/clients/search"), ("GET", "/clients/{id}/documents"), ("POST", "/webhooks")} <= set(told)


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_every_route_told_is_matched_as_itself(standing: Books, action: Action):
    where = filled(standing, action)
    before = standing.api.server.requests.get(f"{action.method} {action.path}", 0)
    asked(standing, action, where, headers={"Authorization": ""})
    assert standing.api.server.requests[f"{action.method} {action.path}"] == before + 1


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_a_wrong_method_is_405_with_allow(standing: Books, action: Action):
    answer = standing.api.http.request("PUT", filled(standing, action))
    assert answer.status_code == 405
    assert action.method in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_without_a_token_it_is_401_whatever_is_sent(standing: Books, action: Action):
    answer = standing.api.http.request(action.method, filled(standing, action), headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


@pytest.mark.parametrize("action", [each for each in ACTIONS if each.gives], ids=lambda each: each.path)
def test_an_answer_nobody_offers_is_406(standing: Books, action: Action):
    answer = asked(standing, action, filled(standing, action), headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (406, "application/problem+json")


@pytest.mark.parametrize("action", [each for each in ACTIONS if each.takes], ids=lambda each: each.path)
def test_a_body_nobody_takes_is_415_before_the_record_is_looked_for(standing: Books, action: Action):
    where = filled(standing, action, "999999")
    answer = standing.api.http.request(action.method, where, content=b"<a/>", headers={"Content-Type": "text/xml"})
    assert answer.status_code == 415
    assert all(media in answer.json()["detail"] for media in action.takes)


@pytest.mark.parametrize("action", OF_RECORDS, ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("key", ["999999", "none", "%00"])
def test_an_unknown_record_is_404_for_the_reader_too(standing: Books, action: Action, key: str):
    token = standing.api.server.auth.issue(standing.api.server.config.reader)
    where = filled(standing, action, key)
    answer = asked(standing, action, where, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not Found")


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_the_reader_may_read_and_no_more(standing: Books, action: Action):
    token = standing.api.server.auth.issue(standing.api.server.config.reader)
    before = standing.state.version
    answer = asked(standing, action, filled(standing, action), headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code == 403) == (action.role == "writer")
    assert standing.state.version == before


@pytest.mark.parametrize(
    "action", [each for each in ACTIONS if "application/json" in each.takes], ids=lambda each: each.path
)
@pytest.mark.parametrize("body", [b"{", b'{"a": "\xff"}', b"[" * 5000])
def test_a_body_that_is_no_json_is_400(standing: Books, action: Action, body: bytes):
    headers = {"Content-Type": "application/json"}
    answer = standing.api.http.request(action.method, filled(standing, action), content=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_a_gateway_error_before_handling_does_nothing(standing: Books, action: Action):
    where, before = filled(standing, action), standing.state.version
    rule = standing.api.server.faults.add("status", status=429, retry_after=1, path=where, times=1)
    answer = asked(standing, action, where)
    standing.api.server.faults.remove(rule.id)
    assert (answer.status_code, answer.headers["Retry-After"], standing.state.version) == (429, "1", before)


@pytest.mark.parametrize("kind", ["truncated", "slow", "reset", "wrong_types", "empty_list"])
def test_a_file_meets_the_other_faults_too(standing: Books, kind: str):
    export = "/transactions/export/mt940"
    sound = standing.api.get(export).text
    params = {"size": 100, "seconds": 0} if kind == "slow" else {}
    rule = standing.api.server.faults.add(kind, path=export, times=1, **params)
    try:
        got = standing.api.get(export).text
    except httpx.TransportError:
        assert kind == "reset"
    else:
        assert got == (sound[: len(sound) // 2] if kind == "truncated" else sound)
    finally:
        standing.api.server.faults.remove(rule.id)


def test_head_of_an_action_has_no_body_and_its_headers(standing: Books):
    for action in (each for each in ACTIONS if each.method == "GET"):
        where = filled(standing, action)
        shown, head = standing.api.get(where), standing.api.http.head(where)
        assert (head.status_code, head.content) == (shown.status_code, b"")
        assert head.headers["Content-Type"] == shown.headers["Content-Type"]


@pytest.mark.parametrize("envelope", ["hydra", "plain"])
def test_the_two_envelopes_differ_as_for_records(run: Callable[..., Api], envelope: str):
    books = Books(run(**{**EXTRA, "envelope": envelope}))
    party = books.party("Kaffe")
    booking = books.booking(books.account(), -1, description="Kaffe")
    listed = books.api.get(f"{path(booking)}/suggestions")
    prefix = "hydra:" if envelope == "hydra" else ""
    assert listed.json()[f"{prefix}totalItems"] == 1
    assert listed.json()[f"{prefix}member"][0]["@id"] == f"{booking}/suggestions/counterparty-1"
    assert ("Allow" in listed.headers) == (envelope == "plain")
    applied = books.api.http.post(f"{path(booking)}/suggestions/counterparty-1/apply")
    assert applied.headers["Content-Location"] == (booking if envelope == "hydra" else f"{booking}.jsonld")
    assert applied.json()["counterparty"]["@id"] == party


def test_a_front_without_the_prefix_serves_actions_at_the_root(run: Callable[..., Api]):
    api = run(**EXTRA, prefix="")
    answer = api.get("/invoices/name/2026-01-01")
    assert answer.json()["@id"] == "/api/invoices/name/2026-01-01"
    assert api.get("/api/invoices/name/2026-01-01").status_code == 404


def test_many_at_once_leave_nothing_half_done(run: Callable[..., Api]):
    books = Books(run(**EXTRA))
    account, supplier = books.account(), books.add("Supplier", name="Hav")
    parties = [books.party(f"Party {number}", bankAccounts=[f"A{number}"]) for number in range(8)]
    day = "2026-01-05"
    told = {"bankAccount": account, "amount": -2, "description": "x", "orderDate": day, "execDate": day}
    token = books.api.http.headers["Authorization"]

    def work(number: int) -> list[int]:
        with httpx.Client(base_url=books.api.server.url, headers={"Authorization": token}, timeout=30) as http:
            rows = [{**told, "counterparty": parties[0], "operationNumber": f"OP{each}"} for each in range(10)]
            loser = {"counterparties": [parties[1 + number % 7]]}
            done = [
                http.post("/transactions/import", json=rows),
                http.post("/transaction-attachments/create", files=UPLOAD, data={"amount": "2", "supplier": supplier}),
                http.post(f"{path(parties[0])}/merge", json=loser),
                http.post("/counterparties/enrich-branding-ai"),
            ]
            attachment = done[1].json()["@id"]
            done += [
                http.post(f"{path(attachment)}/apply-suggestion"),
                http.post("/transactions/attachments/zip"),
                http.get("/transactions/export/mt940"),
            ]
            return [each.status_code for each in done]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(16)))
    for import_, upload, merge, enrich, apply, zipped, mt940 in outcomes:
        assert (import_, upload, enrich, zipped, mt940) == (201, 201, 202, 200, 200)
        assert merge in (200, 400)
        assert apply in (200, 422)
    assert sum(each[2] == 200 for each in outcomes) == 7
    assert books.state.count("Counterparty") == 1
    assert sorted(books.row(parties[0])["bankAccounts"]) == [f"A{number}" for number in range(8)]
    assert books.state.count("Transaction") == 10
    attachments = books.state.rows("TransactionAttachment")
    linked = [row["transaction"] for row in attachments if row.get("transaction")]
    assert (len(attachments), len(linked), len(set(linked))) == (16, 10, 10)
    assert len(books.state.blobs) == 16
