"""Importing transactions in bulk, and what is suggested for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.actions.imports import MAX_ROWS
from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api

IMPORT = "/transactions/import"
CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


def line(account: str, number: str | None = "OP1", amount: Any = -12.5, **more: Any) -> dict[str, Any]:
    day = "2026-01-05"
    told = {"bankAccount": account, "amount": amount, "description": "Køb", "orderDate": day, "execDate": day, **more}
    return {**told, "operationNumber": number} if number else told


def test_rows_are_stored_as_single_creates_would(books: Books):
    account = books.account()
    answer = books.api.post(IMPORT, [line(account), line(account, "OP2", 10)])
    told = answer.json()
    assert (answer.status_code, told["imported"], told["skipped"]) == (201, 2, 0)
    stored = books.api.get(path(told["transactions"][0])).json()
    assert (stored["amount"], stored["connectedMonth"], stored["ignored"]) == (-12.5, "2026-01", 0)
    assert stored["execDate"] == "2026-01-05T00:00:00+00:00"
    single = books.api.post("/transactions", line(account, "OP3")).json()
    assert set(single) == set(stored)


def test_what_is_there_already_is_skipped(books: Books):
    account, other = books.account(), books.account("DK2")
    books.api.post(IMPORT, {"transactions": [line(account)]})
    again = [
        line(account),
        line(account),
        line(other),
        line(account, None),
        line(account, None),
        line(account, amount=-13),
    ]
    told = books.api.post(IMPORT, again).json()
    assert (told["imported"], told["skipped"]) == (4, 2)
    assert books.state.count("Transaction") == 5


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_csv_body_and_a_csv_file_are_read(books: Books, separator: str):
    account = books.account()
    rows = [
        ["bankAccount", "amount", "operationNumber", "description", "orderDate", "execDate", "note", "unknown"],
        [account, "-12.50", "OP1", f'"Køb{separator} kaffe"', "2026-01-05", "2026-01-05", "", "x"],
        [account, "100", "OP2", "Ind", "2026-01-06", "2026-01-06", "n", "y"],
    ]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows)
    told = books.api.http.post(IMPORT, content=text.encode(), headers=CSV).json()
    first, second = (books.row(iri) for iri in told["transactions"])
    assert (first["amount"], first["description"], "note" in first) == (-12.5, f"Køb{separator} kaffe", False)
    assert (second["amount"], second["note"]) == (100, "n")
    again = books.api.http.post(IMPORT, files={"file": ("jan.csv", text.encode(), "text/csv")}).json()
    assert (again["imported"], again["skipped"]) == (0, 2)


def test_one_bad_row_refuses_all_and_every_trouble_is_named(books: Books):
    account = books.account()
    bad = line(account, "OP2")
    del bad["description"], bad["execDate"]
    answer = books.api.post(IMPORT, [line(account), bad])
    assert answer.status_code == 422
    assert [each["propertyPath"] for each in answer.json()["violations"]] == ["[1].description", "[1].execDate"]
    assert books.state.count("Transaction") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        ({}, 422),
        ({"transactions": "x"}, 400),
        ("x", 400),
        ([5], 400),
        ([["a"]], 400),
        ([{"amount": "12"}], 400),
        ([{"bankAccount": "/api/bank-accounts/99"}], 400),
        ([{}] * (MAX_ROWS + 1), 422),
    ],
)
def test_a_bad_import_is_refused_whole(books: Books, body: object, status: int):
    books.account()
    assert books.api.post(IMPORT, body).status_code == status
    assert books.state.count("Transaction") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"\xff\xfe", 422),
        (b'amount\n"open', 422),
        (b"amount\n1,2", 422),
        (b"amount\nmuch", 422),
        (b"amount\n1e400", 422),
        (b"a" * 200_000, 422),
    ],
)
def test_a_bad_csv_is_422(books: Books, body: bytes, status: int):
    assert books.api.http.post(IMPORT, content=body, headers=CSV).status_code == status


def test_an_import_whose_answer_is_lost_is_stored_and_can_be_repeated(books: Books):
    account = books.account()
    books.api.server.faults.add("status_after", method="POST", path=IMPORT, times=1)
    rows = [line(account), line(account, "OP2")]
    assert books.api.post(IMPORT, rows).status_code == 504
    assert books.api.post(IMPORT, rows).json()["skipped"] == 2


def test_the_other_party_the_month_and_the_document_are_suggested(books: Books):
    account, party = books.account(), books.party("Hav Kaffe", tin="12345678")
    books.party("Nothing Alike")
    paper = books.add("TransactionAttachment", name="r.pdf", amount=12.5)
    taken = books.add("TransactionAttachment", name="r.pdf", amount=12.5, transaction=books.booking(account, -1))
    booking = books.booking(account, -12.5, description="HAV-KAFFE 05/01", connectedMonth=None)
    here = path(booking)
    found = books.api.members(f"{here}/suggestions")
    told = [(each["type"], each["target"]) for each in found]
    assert told == [("connectedMonth", "2026-01"), ("attachment", paper), ("counterparty", party)]
    assert [each["@id"] for each in books.api.members("/transactions/with-problems")][-1] == booking
    for each in found:
        answer = books.api.http.post(f"{here}/suggestions/{each['id']}/apply")
        assert (answer.status_code, answer.json()["@id"]) == (200, booking)
    settled = books.api.get(here).json()
    assert (settled["counterparty"]["@id"], settled["connectedMonth"]) == (party, "2026-01")
    assert settled["transactionAttachments"] == [paper]
    assert taken not in settled["transactionAttachments"]
    assert books.api.members(f"{here}/suggestions") == []
    assert booking not in [each["@id"] for each in books.api.members("/transactions/with-problems")]


def test_a_tax_number_in_the_text_is_stronger_than_a_name(books: Books):
    named, numbered = books.party("Kaffe"), books.party("Other", tin="DK 12 34 56 78")
    booking = books.booking(books.account(), -1, description="Kaffe, DK12345678")
    found = books.api.members(f"{path(booking)}/suggestions")
    assert [each["target"] for each in found] == [numbered, named]


def test_many_suggestions_come_in_pages(books: Books):
    for _ in range(15):
        books.party("Kaffe")
    booking = books.booking(books.account(), -1, description="Kaffe")
    page = books.api.get(f"{path(booking)}/suggestions?itemsPerPage=4&page=3").json()
    assert (page["totalItems"], len(page["member"])) == (10, 2)
    assert "next" not in page["view"]
    plain = books.api.get(f"{path(booking)}/suggestions", headers={"Accept": "application/json"}).json()
    assert [sorted(each) for each in plain][:1] == [["id", "reason", "score", "target", "type"]]
