"""Writes beyond the recordings: what is refused leaves nothing behind, nested contacts, bad input of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Field, Resource
from syncd.sandbox.errors import ApiError, Invalid
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer
from tests.sandbox.conftest import MERGE, Api

LINKED = {"Content-Type": "application/ld+json"}


def test_with_iris_country_and_currency_are_required_and_must_be_iris(run: Callable[..., Api]):
    api = run(references="iri")
    missing = api.post("/clients", {"name": "x"})
    assert missing.status_code == 422
    assert [each["propertyPath"] for each in missing.json()["violations"]] == ["country", "currency"]
    code = api.post("/clients", {"name": "x", "country": "DK", "currency": "/api/currencies/2"})
    assert (code.status_code, code.json()["detail"]) == (400, 'Invalid IRI "DK".')
    swapped = {"name": "x", "country": "/api/currencies/2", "currency": "/api/countries/2"}
    assert api.post("/clients", swapped).status_code == 400
    right = {"name": "x", "country": "/api/countries/2", "currency": "/api/currencies/2"}
    made = api.post("/clients", right)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in right} == right
    assert (made.json()["status"], made.json()["tinType"]) == ("active", "vat")


def test_a_wrong_kind_of_iri_is_told_apart_in_the_words_of_the_older_server(shared: Callable[..., Api]):
    body = {"client": "/api/employees/1", "note": "n"}
    assert shared(envelope="plain").post("/client-notes", body).json()["detail"] == 'Invalid IRI "/api/employees/1".'
    older = shared(envelope="hydra").post("/client-notes", body).json()["detail"]
    assert older.startswith('Failed to denormalize attribute "client"')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"5", 400),
        (b"true", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "\xff"}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": "x", "dueDays": 99999999999999999999}', 400),
        (b'{"name": "x", "dueDays": ' + b"9" * 5000 + b"}", 400),
        (b'{"name": "x", "dueDays": true}', 400),
        (b'{"name": "x", "dueDays": []}', 400),
        (b'{"name": {"a": 1}}', 400),
        (b'{"name": "x", "clientContacts": "no"}', 400),
        (b'{"name": "x", "clientContacts": [5]}', 400),
        (b'{"name": "x", "clientContacts": [{"name": 5, "email": "a@example.com"}]}', 400),
        (b'{"name": "x", "clientContacts": ["/api/client-contacts/999"]}', 400),
        (b'{"name": "x", "clientContacts": ["nonsense"]}', 400),
        (b"{}", 422),
        (b"[]", 422),
        (b'{"name": "x", "status": "gone"}', 422),
        (b'{"name": "x", "documentsLanguage": ""}', 422),
        (b'{"name": "' + b"x" * 10_000_000 + b'"}', 422),
    ],
    ids=range(24),
)
@pytest.mark.parametrize("envelope", ["plain", "hydra"])
def test_a_bad_body_is_refused_and_nothing_is_stored(
    shared: Callable[..., Api], envelope: str, body: bytes, status: int
):
    api = shared(envelope=envelope)
    before = api.server.state.dump()
    answer = api.http.post("/clients", content=body, headers=LINKED)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json; charset=utf-8")
    assert answer.json()["detail"]
    assert api.server.state.dump() == before


def test_a_nul_byte_and_every_escaped_letter_come_back_as_they_were_sent(run: Callable[..., Api]):
    api = run()
    name = 'a\x00b "q" \'p\' <t> & / \\ \u2028 \\" Łódź \U0001f600'
    made = api.post("/clients", {"name": name})
    assert made.json()["name"] == name
    assert api.get("/clients/66", headers={"Accept": "application/json"}).json()["name"] == name
    text = made.text
    assert not any(plain in text.split('"name":')[1] for plain in ("<", ">", "&", "'"))


def test_a_duplicate_key_means_the_last(run: Callable[..., Api]):
    made = run().http.post("/clients", content=b'{"name": "first", "name": "last"}', headers=LINKED)
    assert made.json()["name"] == "last"


def test_an_id_in_a_plain_json_create_asks_for_an_update_and_is_refused(shared: Callable[..., Api]):
    api = shared()
    answer = api.http.post("/clients", content=b'{"id": 1, "name": "x"}', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "Update is not allowed for this operation.")


def test_a_refused_patch_changes_nothing_not_even_contacts(shared: Callable[..., Api]):
    api = shared()
    before = api.server.state.dump()
    assert api.patch("/clients/3", {"name": "", "clientContacts": []}).status_code == 422
    assert api.patch("/clients/3", {"clientContacts": [], "dueDays": "x"}).status_code == 400
    assert api.server.state.dump() == before


def test_the_hidden_stamp_moves_only_when_something_of_the_client_itself_changes(run: Callable[..., Api]):
    clock = [1_767_225_600.0]
    api = run(now=lambda: clock[0])
    stamp = api.server.state.get("Client", 3)["updatedAt"]
    clock[0] += 60
    api.patch("/clients/3", {})
    api.patch("/clients/3", {"name": api.get("/clients/3").json()["name"]})
    api.patch("/clients/3", {"clientContacts": [{"name": "N", "email": "n@example.com"}]})
    api.post("/client-contacts", {"client": "/api/clients/3", "name": "M", "email": "m@example.com"})
    assert api.server.state.get("Client", 3)["updatedAt"] == stamp
    assert [each["name"] for each in api.get("/clients/3").json()["clientContacts"]] == ["N", "M"]
    api.patch("/clients/3", {"dueDays": 99})
    assert api.server.state.get("Client", 3)["updatedAt"] == "2026-01-01T00:01:00+00:00"
    assert "updatedAt" not in api.get("/clients/3").json()


def test_a_contact_changed_by_its_own_route_shows_in_its_client_at_once(run: Callable[..., Api]):
    api = run()
    assert api.get("/clients/3").json()["clientContacts"][0]["name"] == "Contact 3"
    api.patch("/client-contacts/1", {"name": "Renamed"})
    assert api.get("/clients/3").json()["clientContacts"][0]["name"] == "Renamed"
    api.patch("/client-contacts/1", {"client": "/api/clients/4"})
    assert api.get("/clients/3").json()["clientContacts"] == []
    assert api.get("/clients/4").json()["clientContacts"][0]["name"] == "Renamed"
    assert api.http.delete("/client-contacts/1").status_code == 204
    assert api.get("/clients/4").json()["clientContacts"] == []


def test_deleting_a_person_in_notes_clears_the_reference(run: Callable[..., Api]):
    api = run()
    assert api.http.delete("/employees/1").status_code == 204
    notes = api.members("/client-notes")
    assert len(notes) == 6
    assert all("employee" not in note for note in notes)


def test_a_person_edits_and_deletes_in_the_app_without_a_token(run: Callable[..., Api]):
    api = run(references="iri")
    back_door = f"{api.server.origin}/_sandbox/records"
    made = httpx.post(f"{back_door}/clients", json={"name": "By hand", "country": "SE", "currency": "SEK"})
    assert made.status_code == 201
    iri = made.json()["@id"]
    assert api.get(iri.removeprefix("/api")).json()["country"] == "/api/countries/3"
    assert httpx.patch(f"{back_door}/clients/3", json={"name": "Edited"}).json()["name"] == "Edited"
    assert httpx.delete(f"{back_door}/clients/3").status_code == 204
    assert api.get("/clients/3").status_code == 404
    assert api.get("/client-contacts/1").status_code == 404, "children go with the parent"
    assert api.members("/client-contacts?client=3") == []
    assert len(httpx.get(f"{back_door}/clients").json()) == 65


def test_the_back_door_says_what_is_wrong(run: Callable[..., Api]):
    api = run(references="iri")
    back_door = f"{api.server.origin}/_sandbox/records"
    answers = [
        httpx.post(f"{back_door}/nope", json={}),
        httpx.patch(f"{back_door}/clients/999", json={}),
        httpx.delete(f"{back_door}/clients/abc"),
        httpx.post(f"{back_door}/clients", json=[]),
        httpx.post(f"{back_door}/clients", content=b"{"),
        httpx.post(f"{back_door}/clients", json={"name": "x"}),
        httpx.post(f"{back_door}/clients", json={"name": "x", "country": "XX", "currency": "DKK"}),
        httpx.delete(f"{back_door}/countries/2"),
    ]
    assert [each.status_code for each in answers] == [404, 404, 404, 400, 400, 422, 400, 409]
    assert all(each.json()["error"] for each in answers)
    assert "still the" in answers[-1].json()["error"]


def test_requests_are_counted_by_method_and_route(run: Callable[..., Api]):
    api = run()
    for path in ("/clients/1", "/clients/2", "/clients", "/clients/1/documents", "/clients/search", "/nope"):
        api.get(path)
    counters = f"{api.server.origin}/_sandbox/requests"
    expected = {
        "GET /clients": 1,
        "GET /clients/search": 1,
        "GET /clients/{id}": 2,
        "GET /clients/{id}/documents": 1,
        "GET unknown": 1,
    }
    assert httpx.get(counters).json() == expected == api.server.requests
    assert httpx.delete(counters).status_code == 204
    assert api.server.requests == {}


def test_many_threads_write_and_read_without_losing_anything(run: Callable[..., Api]):
    api = run(clients=0, data=None)
    made = [f"Client {number}" for number in range(120)]

    def work(name: str) -> Any:
        client = api.post(
            "/clients", {"name": name, "clientContacts": [{"name": name, "email": "c@example.com"}]}
        ).json()
        key = client["id"]
        api.patch(f"/clients/{key}", {"addressCity": f"City of {key}"})
        page = api.get("/clients?itemsPerPage=100").json()
        assert len({each["id"] for each in page["member"]}) == min(page["totalItems"], 100)
        return key, name

    with ThreadPoolExecutor(8) as pool:
        keys = dict(pool.map(work, made))
    assert sorted(keys) == list(range(1, 121))
    for key, name in keys.items():
        client = api.get(f"/clients/{key}").json()
        assert (client["name"], client["addressCity"]) == (name, f"City of {key}")
        assert [each["name"] for each in client["clientContacts"]] == [name]


def test_edits_in_process_and_over_http_at_once_stay_consistent(run: Callable[..., Api]):
    api = run(clients=40)

    def by_hand(number: int) -> None:
        api.server.state.update("Client", number + 1, {"name": f"By hand {number}"})

    def over_http(number: int) -> None:
        assert api.patch(f"/clients/{number + 1}", {"addressCity": f"City {number}"}).status_code == 200

    with ThreadPoolExecutor(6) as pool:
        for act in (by_hand, over_http):
            pool.map(act, range(40))
    clients = {each["id"]: each for each in api.members("/clients?itemsPerPage=100")}
    assert all(
        clients[n + 1]["name"] == f"By hand {n}" and clients[n + 1]["addressCity"] == f"City {n}" for n in range(40)
    )


def test_a_declaration_with_numbers_dates_and_flags_is_served_by_the_same_rules():
    """The seam for later resources: nothing but a declaration is needed."""
    invoice = Resource(
        path="invoices",
        name="Invoice",
        groups="invoice.read",
        fields=(
            Field("id", "integer", writable=False),
            Field("amount", "number", required=True),
            Field("issued", "datetime", nullable=True),
            Field("paid", "boolean", default=False),
            Field("tags", "array", nullable=True),
        ),
    )
    config = SandboxConfig(references="code")
    state = State({"Invoice": invoice}, config.now)
    writer = Writer(config, state)
    row = writer.create(
        invoice, {"amount": -125.0, "issued": "2024-12-31T23:30:00+02:00", "tags": ["a"], "paid": True}, origin=""
    )
    assert json.dumps(row["amount"]) == "-125"
    assert row["issued"] == "2024-12-31T23:30:00+00:00", "the offset is cut off, not converted (recorded)"
    assert (
        writer.create(invoice, {"amount": 1.5, "issued": "2024-01-01"}, origin="")["issued"]
        == "2024-01-01T00:00:00+00:00"
    )
    for bad in (
        {"amount": "1"},
        {"amount": 1, "paid": 1},
        {"amount": 1, "issued": "31/12/2024"},
        {"amount": 1, "issued": ""},
    ):
        with pytest.raises(ApiError, match=r"must be|parse|empty string"):
            writer.create(invoice, bad, origin="")
    with pytest.raises(Invalid):
        writer.create(invoice, {}, origin="")
    assert state.count("Invoice") == 2


def test_merge_patch_is_the_only_way_to_change(run: Callable[..., Api]):
    api = run()
    answer = api.http.patch("/clients/1", content=b'{"name": "x"}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 415
    assert "application/merge-patch+json" in answer.json()["detail"]
    assert api.http.patch("/clients/1", content=b'{"name": "x"}', headers=MERGE).json()["name"] == "x"
