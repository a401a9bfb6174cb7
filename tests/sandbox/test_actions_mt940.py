"""MT940 statements, read back by a library that is not ours: balances, pages, several accounts, foreign letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import httpx
import mt940
import pytest

from syncd.sandbox.actions.mt940 import PAGE_CHARACTERS
from tests.sandbox.books import EXTRA, Books
from tests.sandbox.conftest import Api

EXPORT = "/transactions/export/mt940"


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    made = Books(run(**EXTRA))
    for row in made.state.rows("BankAccount"):
        made.state.delete("BankAccount", row["id"])
    return made


def export(books: Books, **query: str) -> httpx.Response:
    answer = books.api.get(EXPORT, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'filename="transactions.mt940"' in answer.headers["Content-Disposition"]
    return answer


def statements(text: str) -> list[mt940.models.Transactions]:
    return list(mt940.parse_statements(text))


def amount(balance: mt940.models.Balance) -> Decimal:
    return Decimal(balance.amount.amount)


def opening(page: mt940.models.Transactions) -> Decimal:
    data = page.data
    return amount(data.get("final_opening_balance") or data["intermediate_opening_balance"])


def closing(page: mt940.models.Transactions) -> Decimal:
    data = page.data
    return amount(data.get("final_closing_balance") or data["intermediate_closing_balance"])


def booked(page: mt940.models.Transactions) -> Iterator[Decimal]:
    return (Decimal(each.data["amount"].amount) for each in page if "amount" in each.data)


def test_a_statement_adds_up_and_says_who_and_what(books: Books):
    account, party = books.account("DK0000000000000303"), books.party("Hav Kaffe")
    books.booking(account, -12.5, "2026-01-05", endingBalance=987.5, counterparty=party, operationNumber="OP/1")
    books.booking(account, 100, "2026-01-31", endingBalance=1087.5, description="Ind")
    (page,) = statements(export(books).text)
    assert page.data["account_identification"] == "DK0000000000000303"
    assert (opening(page), closing(page)) == (Decimal("1000.00"), Decimal("1087.50"))
    first, second = (each.data for each in page)
    assert (Decimal(first["amount"].amount), first["amount"].currency) == (Decimal("-12.50"), "DKK")
    assert (first["customer_reference"], first["transaction_details"]) == ("OP-1", "Hav Kaffe Payment")
    assert (first["date"], first["entry_date"], second["date"]) == (
        date(2026, 1, 5),
        date(2026, 1, 5),
        date(2026, 1, 31),
    )
    assert second["customer_reference"] == "NONREF"


def test_a_period_opens_with_what_came_before(books: Books):
    account = books.account()
    for month in range(1, 5):
        books.booking(account, 10 * month, f"2026-0{month}-15")
    (page,) = statements(export(books, dateFrom="2026-02-15", dateTo="2026-03-15T00:00:00+00:00").text)
    assert (opening(page), list(booked(page)), closing(page)) == (0, [20, 30], 50)
    (empty,) = statements(export(books, dateFrom="2027-01-01", dateTo="2027-01-31").text)
    assert (opening(empty), list(booked(empty)), closing(empty)) == (90, [], 90)
    assert empty.data["final_closing_balance"].date == date(2027, 1, 31)
    (early,) = statements(export(books, dateTo="2025-12-31").text)
    assert (opening(early), list(booked(early)), closing(early)) == (-10, [], -10)
    (late,) = statements(export(books, dateFrom="2026-04-01").text)
    assert (opening(late), list(booked(late)), late.data["final_closing_balance"].date) == (50, [40], date(2026, 4, 15))


def test_every_account_has_a_statement_in_its_currency(books: Books):
    krone, euro, yen = (books.account(f"AC{code}", code) for code in ("DKK", "EUR", "JPY"))
    books.booking(krone, -0.1), books.booking(krone, -0.2), books.booking(yen, 1500)
    pages = statements(export(books).text)
    assert [page.data["account_identification"] for page in pages] == ["ACDKK", "ACEUR", "ACJPY"]
    assert [page.data["final_closing_balance"].amount.currency for page in pages] == ["DKK", "EUR", "JPY"]
    assert [closing(page) - opening(page) for page in pages] == [Decimal("-0.30"), 0, 1500]
    assert "JPY1500,\r\n" in export(books).text
    (one,) = statements(export(books, bankAccount=euro).text)
    assert one.data["account_identification"] == "ACEUR"
    both = books.api.get(f"{EXPORT}?bankAccount[]={krone.rpartition('/')[2]}&bankAccount[]={yen}")
    assert [page.data["account_identification"] for page in statements(both.text)] == ["ACDKK", "ACJPY"]


def test_a_long_statement_is_cut_into_pages_that_carry_the_balance(books: Books):
    account = books.account()
    for number in range(120):
        day = f"2026-{number // 28 + 1:02d}-{number % 28 + 1:02d}"
        books.booking(account, -1.25 * number + 3, day, description=f"Payment {number} " + "words " * 40)
    text = export(books).text
    parts = text.split("\r\n-\r\n")[:-1]
    pages = statements(text)
    assert len(pages) == len(parts) > 10
    assert max(len(each) for each in parts) + 5 <= PAGE_CHARACTERS
    assert [page.data["sequence_number"] for page in pages] == [f"{each:05d}" for each in range(1, len(pages) + 1)]
    assert {page.data["statement_number"] for page in pages} == {"00001"}
    for page, after in zip(pages, [*pages[1:], None], strict=True):
        assert closing(page) == opening(page) + sum(booked(page))
        assert after is None or opening(after) == closing(page)
    assert [sum(":60F:" in each for each in parts), sum(":62F:" in each for each in parts)] == [1, 1]
    assert closing(pages[-1]) - opening(pages[0]) == sum(Decimal(str(-1.25 * number + 3)) for number in range(120))


def test_texts_keep_to_the_letters_of_swift(books: Books):
    account, party = books.account("ŁÓDŹ №1"), books.party("Żółć & Ærø “Straße” Ltd")
    hostile = "a\r\n:62F:C260101DKK9,99\r\n-\r\n:20:evil\r\n" + "x" * 70 + " -dash :colon 日本 \u202e?"
    books.booking(account, -5, counterparty=party, description=hostile, operationNumber="Ø//42\r\n:86:x")
    text = export(books).text
    assert re.fullmatch(r"[A-Za-z0-9/\-?:().,'+ \r\n]*", text)
    assert all(len(line) <= 4 + 65 for line in text.split("\r\n"))
    (page,) = statements(text)
    assert (closing(page) - opening(page), len(page.transactions)) == (-5, 1)
    assert page.data["account_identification"] == "LODZ No1"
    details = page[0].data["transaction_details"].replace("\n", " ")
    assert details.startswith("Zolc + AEro 'Strasse' Ltd a :62F:C260101DKK9,99 - :20:evil")
    assert not re.search(r"(?m)^(:20:evil|:62F:C260101)", text)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"dateFrom": "soon"}, 400),
        ({"dateFrom": "2026-02-01", "dateTo": "2026-01-01"}, 400),
        ({"bankAccount": "77"}, 400),
        ({"bankAccount": ""}, 400),
        ({"bankAccount": "/api/clients/1"}, 400),
        ({"dateFrom[after]": "2026-01-01"}, 400),
    ],
)
def test_a_bad_question_is_400(books: Books, query: dict[str, str], status: int):
    books.account()
    assert books.api.get(EXPORT, params=query).status_code == status


@pytest.mark.parametrize("amounts", [[1e14], [1e300], [9e11, 9e11, 9e11]])
def test_an_amount_or_balance_that_does_not_fit_is_422_before_anything_is_sent(books: Books, amounts: list[float]):
    account = books.account()
    for amount in amounts:
        books.booking(account, amount)
    answer = books.api.get(EXPORT)
    assert (answer.status_code, "does not fit" in answer.json()["detail"]) == (422, True)


def test_equal_days_keep_their_order_and_the_file_is_the_same_again(books: Books):
    account = books.account()
    for number in range(20):
        books.booking(account, number, operationNumber=f"OP{number}")
    text = export(books).text
    assert re.findall(r"//|NTRF(OP\d+)", text.replace("//", "")) == [f"OP{number}" for number in range(20)]
    assert export(books).text == text


@pytest.mark.parametrize("form", ["cut", "malformed"])
def test_a_corrupt_statement_does_not_pass_for_a_whole_one(books: Books, form: str):
    account = books.account()
    for number in range(9):
        books.booking(account, -number - 1)
    sound = export(books).text
    books.api.server.faults.add("corrupt", what="mt940", form=form, times=1)
    broken = export(books).text
    if form == "cut":
        assert broken == sound[: len(sound) // 2]
        assert ":62F:" not in broken
    else:
        with pytest.raises(RuntimeError, match="Unable to parse"):
            statements(broken)
    assert export(books).text == sound
