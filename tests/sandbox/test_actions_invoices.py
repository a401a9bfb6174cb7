"""Numbering and sending invoices. Nothing may leave: what was sent is looked up in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


def outbox(books: Books) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = httpx.get(f"{books.api.server.origin}/_sandbox/outbox").json()
    return letters


def test_a_send_goes_to_the_billing_contacts_and_no_further(books: Books):
    client = books.client("Mosegave", ("general", "all@example.com"), ("billing", "pay@example.com"))
    invoice = books.invoice(client)
    preview = books.api.get(f"{path(invoice)}/send").json()
    assert (preview["@type"], preview["recipients"]) == ("InvoiceSend", ["pay@example.com"])
    assert outbox(books) == []
    answer = books.api.http.post(f"{path(invoice)}/send")
    assert (answer.status_code, answer.json()["status"]) == (200, "sent")
    (letter,) = outbox(books)
    assert (letter["invoice"], letter["recipients"]) == (invoice, ["pay@example.com"])
    assert letter["subject"] == preview["subject"] == "Invoice FV/1/2026"
    assert books.api.members("/invoices/draft") == []
    httpx.delete(f"{books.api.server.origin}/_sandbox/outbox")
    assert outbox(books) == []


def test_a_body_may_say_to_whom_and_what(books: Books):
    invoice = books.invoice(books.client())
    told = {"recipients": ["a@example.com", "b@example.com"], "subject": "Hi", "message": "There"}
    assert books.api.post(f"{path(invoice)}/send", told).status_code == 200
    (letter,) = outbox(books)
    assert (letter["recipients"], letter["subject"], letter["message"]) == (told["recipients"], "Hi", "There")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"recipients": []}, 422),
        ({"recipients": ["no address"]}, 422),
        ({"recipients": ["a@example.com\nBcc: b@example.com"]}, 422),
        ({"recipients": "a@example.com"}, 400),
        ({"recipients": ["a@example.com"], "subject": 5}, 400),
    ],
)
def test_a_refused_send_sends_nothing(books: Books, body: object, status: int):
    invoice = books.invoice(books.client())
    assert books.api.post(f"{path(invoice)}/send", body).status_code == status
    assert (outbox(books), books.row(invoice)["status"]) == ([], "draft")


def test_several_are_sent_all_or_none(books: Books):
    reached = books.client("Reached", ("general", "r@example.com"))
    first, second = books.invoice(reached), books.invoice(reached, "FV/2/2026")
    mute = books.invoice(books.client("Mute"), "FV/3/2026")
    refused = books.api.post("/invoices/send", {"invoices": [first, mute]})
    assert (refused.status_code, refused.json()["violations"][0]["propertyPath"]) == (422, "recipients")
    assert books.api.post("/invoices/send", {"invoices": [first, "/api/invoices/99"]}).status_code == 400
    assert books.api.post("/invoices/send", {}).status_code == 422
    assert outbox(books) == []
    answer = books.api.post("/invoices/send", {"invoices": [first, second, first]})
    assert (answer.status_code, answer.json()["sent"]) == (200, [first, second])
    assert [each["invoice"] for each in outbox(books)] == [first, second]


def test_the_next_name_counts_within_its_year(books: Books):
    client = books.client()
    for name in ("FV/9/2025", "FV/2/2026", "FV/10/2026", "odd", "FV/7"):
        books.invoice(client, name)
    named = [
        books.api.get(f"/invoices/name/{day}").json()["name"] for day in ("2025-12-31", "2026-03-01", "2027-01-01")
    ]
    assert named == ["FV/10/2025", "FV/11/2026", "FV/1/2027"]
    assert books.api.get("/invoices/name/soon").status_code == 400


def test_a_lost_answer_leaves_the_invoice_sent(books: Books):
    invoice = books.invoice(books.client("Mosegave", ("billing", "pay@example.com")))
    books.api.server.faults.add("reset_after", method="POST", path=f"{path(invoice)}/send", times=1)
    with pytest.raises(httpx.TransportError):
        books.api.http.post(f"{path(invoice)}/send")
    assert (len(outbox(books)), books.row(invoice)["status"]) == (1, "sent")
