"""Raw postings become postings: signs, currencies, days, lines; what cannot be read names the posting and the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.allocate import allocate
from syncd.engine.allocating.compiling import Allocation, PostingProblem, allocation_of, digest_of, posting_of
from syncd.mapping.allocation_checks import parse_allocation
from syncd.mapping.spec import ExternalSpec
from syncd.mapping.yaml_source import load_text
from syncd.ports import Record

TEXT = """\
allocation: costs
postings:
  of: transactions
  amount: sum
  currency: cur
  date: booked
  sign: negative
  account: acc
  base: {amount: base, currency: EUR}
  fields: {cost_centre: kst}
  where: {status: [posted, paid]}
  lines: {resource: lines, key: id, posting: posting, amount: amount, sign: positive, fields: {cost_centre: kst}}
links: {target: {mapping: budgets}}
exponents: {XTS: 4}
rules:
  - {rule: lines, when: {kind: invoice}, split: {lines: {budget: "{line.cost_centre}"}}}
  - {rule: rest, when: {account: 6000}, budget: "{cost_centre}:{year}"}
"""
RAW = {"sum": Decimal("-12.50"), "cur": "EUR", "booked": date(2026, 1, 31), "acc": 6000, "kst": 4100, "status": "paid"}


def allocation(text: str = TEXT) -> Allocation:
    node = load_text(text, {}, name="a.yaml")
    return allocation_of(parse_allocation(node), node, ExternalSpec(resource="postings"))


WHOLE = allocation()


def record(**changes: Any) -> Record:
    return Record("P-1", {**RAW, **changes})


def lines(*amounts: Any) -> list[Record]:
    return [Record(f"L{n}", {"posting": "P-1", "amount": one, "kst": 4100 + n}) for n, one in enumerate(amounts)]


def refused(raw: Record, of_lines: list[Record] | None = None) -> str:
    with pytest.raises(PostingProblem) as raised:
        posting_of(WHOLE, raw, of_lines or [])
    assert raised.value.key == "P-1"
    return str(raised.value)


def test_a_cost_is_positive_and_a_reversal_negative_whatever_the_erp_writes() -> None:
    cost = posting_of(WHOLE, record(base=Decimal("-11.00")), lines("12.5"))
    assert (cost.key, cost.amount, cost.currency, cost.on) == ("P-1", 1250, "EUR", date(2026, 1, 31))
    assert (cost.base, cost.base_currency) == (1100, "EUR")
    assert cost.fields == {"cost_centre": 4100, "account": 6000, "kind": None}
    assert [(one.key, one.amount, one.fields) for one in cost.lines] == [("L0", 1250, {"cost_centre": 4100})]
    assert posting_of(WHOLE, record(sum="12.50")).amount == -1250
    assert posting_of(allocation(TEXT.replace("sign: negative", "sign: positive")), record(sum=12)).amount == 1200
    assert posting_of(WHOLE, record()).base is None


def test_amounts_are_exact_in_every_currency_and_spelling() -> None:
    assert posting_of(WHOLE, record(sum=-1250, cur="JPY")).amount == 1250
    assert posting_of(WHOLE, record(sum=" -1.250 ", cur="KWD")).amount == 1250
    assert posting_of(WHOLE, record(sum=-0.1, cur=" eur ")).amount == 10
    assert posting_of(WHOLE, record(sum="-0.0001", cur="XTS")).amount == 1


@pytest.mark.parametrize("day", ["2026-01-31", "2026-01-31T23:59:59+01:00", datetime(2026, 1, 31, 23, tzinfo=UTC)])
def test_a_day_may_come_as_text_or_as_a_point_in_time(day: Any) -> None:
    assert posting_of(WHOLE, record(booked=day)).on == date(2026, 1, 31)


BAD: Mapping[str, tuple[dict[str, Any], str]] = {
    "decimals": ({"sum": "-1.255"}, "posting P-1: sum: -1.255 has 3 decimals, EUR has 2"),
    "yen": ({"sum": "-1.5", "cur": "JPY"}, "posting P-1: sum: -1.5 has 1 decimals, JPY has 0"),
    "nothing": ({"sum": None}, "posting P-1: sum is empty"),
    "text": ({"sum": "much"}, "posting P-1: sum: 'much' is no number"),
    "yes": ({"sum": True}, "posting P-1: sum is no amount of money"),
    "infinite": ({"sum": float("inf")}, "posting P-1: sum: a number that is not finite cannot be mapped"),
    "currency": ({"cur": "EURO"}, "posting P-1: cur: 'EURO' is no known currency"),
    "currency's number": ({"cur": 978}, "posting P-1: cur: 978 is no currency such as EUR"),
    "blank currency": ({"cur": "  "}, "posting P-1: cur is empty, so its currency is not known"),
    "too much": ({"sum": "-10000000000000001"}, "posting P-1: sum: -10000000000000001 is too large for an amount"),
    "NUL": ({"kst": "41\0"}, "posting P-1: kst: text with a NUL byte cannot be stored"),
    "half a letter": ({"kst": "41\ud800"}, "posting P-1: kst: text with half a surrogate pair is not Unicode"),
    "no currency": ({"cur": None}, "posting P-1: cur is empty, so its currency is not known"),
    "no day": ({"booked": None}, "posting P-1: booked is empty"),
    "day": ({"booked": "31.01.2026"}, "posting P-1: booked '31.01.2026' is not a day such as 2026-01-31"),
    "base": ({"base": "-1.001"}, "posting P-1: base: -1.001 has 3 decimals, EUR has 2"),
}


@pytest.mark.parametrize(("changes", "wanted"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_names_the_posting_and_the_field(changes: dict[str, Any], wanted: str) -> None:
    assert refused(record(**changes)).startswith(wanted)


def test_a_line_that_cannot_be_read_is_named_as_well() -> None:
    assert refused(record(), lines("1.00", "1.001")) == "posting P-1: line L1: amount: 1.001 has 3 decimals, EUR has 2"
    odd = Record("L1", {"posting": "P-1", "amount": "12.50", "kst": "\0"})
    assert refused(record(), [odd]) == "posting P-1: line L1: kst: text with a NUL byte cannot be stored"


def test_where_narrows_the_postings() -> None:
    assert WHOLE.reading.in_scope(RAW)
    assert not WHOLE.reading.in_scope({**RAW, "status": "draft"})
    assert not WHOLE.reading.in_scope({name: value for name, value in RAW.items() if name != "status"})


def test_an_account_is_text_or_nothing() -> None:
    assert [WHOLE.reading.account_of({"acc": value}) for value in (6000, " 6000 ", "60\x0000", "", None)] == [
        "6000",
        "6000",
        "6000",
        None,
        None,
    ]


def test_what_is_read_can_be_allocated() -> None:
    parts = allocate(posting_of(WHOLE, record(kind="invoice"), lines(10, "2.50")), WHOLE.rules).parts
    assert [(part.budget, part.amount) for part in parts] == [("4100", 1000), ("4101", 250)]
    (part,) = allocate(posting_of(WHOLE, record()), WHOLE.rules).parts
    assert (part.budget, part.amount, part.whole) == ("4100:2026", 1250, True)


# ------------------------------------------------------------------ digests


@given(st.sampled_from(["sum", "cur", "booked", "acc", "kst", "status", "kind", "base"]), st.integers(1, 9))
def test_a_digest_changes_with_every_field_that_counts(name: str, value: int) -> None:
    assert digest_of(WHOLE, record(**{name: value})) != digest_of(WHOLE, record())
    assert digest_of(WHOLE, record(**{f"other_{name}": value})) == digest_of(WHOLE, record())


def test_a_digest_changes_with_lines_and_rules_and_not_with_the_order_of_lines() -> None:
    two = lines(10, "2.50")
    one = digest_of(WHOLE, record(), two)
    assert digest_of(WHOLE, record(), two[::-1]) == one
    assert len({one, digest_of(WHOLE, record()), digest_of(WHOLE, record(), lines(10, "2.51"))}) == 3
    assert digest_of(allocation(TEXT.replace("\nlinks:", "\nlimits: {max_creates: 5}\nlinks:")), record(), two) == one
    assert digest_of(allocation(TEXT.replace("{year}", "{month}")), record(), two) != one
