"""Raw postings of the ERP in the words of ``budgets``. What cannot be read is a problem that names the posting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from syncd.budgets.model import Line, Posting
from syncd.budgets.money import to_minor
from syncd.budgets.values import day
from syncd.core.canon import DIGEST_BYTES
from syncd.engine.allocating.words import Allocation, PostingProblem
from syncd.mapping.allocations import CurrencySpec
from syncd.mapping.records import Unfit, clean
from syncd.ports import Raw, Record

_JSON: Final = json.JSONEncoder(default=str, separators=(",", ":"), check_circular=False)


def posting_of(allocation: Allocation, record: Record, lines: Sequence[Record] = ()) -> Posting:
    """A raw posting in the words of ``budgets``. Raises PostingProblem for what cannot be read, naming the field."""
    reading, raw, key = allocation.reading, record.raw, record.key
    currency = _currency(reading.currency, raw, key)
    amount = _money(allocation, key, reading.amount, raw, currency)
    base = None
    if (
        reading.base_amount is not None
        and reading.base_currency is not None
        and raw.get(reading.base_amount) is not None
    ):
        base = _money(allocation, key, reading.base_amount, raw, reading.base_currency) * reading.factor
    return Posting(
        key,
        amount * reading.factor,
        currency,
        _day(key, reading.day, raw),
        {name: raw.get(source) for name, source in reading.names.items()},
        tuple(_lines(allocation, key, lines, currency)),
        base,
        reading.base_currency if base is not None else None,
    )


def digest_of(allocation: Allocation, record: Record, lines: Sequence[Record] = ()) -> bytes:
    """16 bytes that change with every raw value that the allocation of this posting depends on, and with the rules."""
    reading = allocation.reading
    told: list[Any] = [[record.raw.get(name) for name in reading.reads]]
    if reading.lines is not None:
        names = reading.lines.reads
        told.append([[one.key, *(one.raw.get(name) for name in names)] for one in _sorted(lines)])
    key = bytes.fromhex(allocation.fingerprint)
    return hashlib.blake2b(_JSON.encode(told).encode(), digest_size=DIGEST_BYTES, key=key).digest()


def _currency(told: CurrencySpec, raw: Raw, key: str) -> str:
    if told.constant is not None:
        return told.constant
    value = raw.get(told.field or "")
    if not isinstance(value, str) or not value.strip():
        raise PostingProblem(key, f"{told.field} is empty, so its currency is not known")
    return value.strip().upper()


def _money(allocation: Allocation, key: str, name: str, raw: Raw, currency: str) -> int:
    """Minor units of a raw amount."""
    try:
        value = clean(raw.get(name))
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            raise PostingProblem(key, f"{name} is empty")
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise PostingProblem(key, f"{name} is no amount of money")
        return to_minor(value, currency, allocation.exponents)
    except (Unfit, ValueError) as error:
        raise PostingProblem(key, f"{name}: {error}") from error


def _day(key: str, name: str, raw: Raw) -> date:
    value = raw.get(name)
    found = day(value)
    if found is None:
        shown = "is empty" if value in (None, "") else f"{str(value)[:40]!r} is not a day such as 2026-01-31"
        raise PostingProblem(key, f"{name} {shown}")
    return found


def _lines(allocation: Allocation, key: str, lines: Sequence[Record], currency: str) -> Iterator[Line]:
    reading = allocation.reading.lines
    if reading is None:
        return
    for one in _sorted(lines):
        try:
            amount = _money(allocation, key, reading.amount, one.raw, currency) * reading.factor
        except PostingProblem as problem:
            raise PostingProblem(key, f"line {one.key}: {problem.message}") from problem
        yield Line(one.key, amount, {name: one.raw.get(source) for name, source in reading.names.items()})


def _sorted(lines: Sequence[Record]) -> list[Record]:
    return sorted(lines, key=lambda one: one.key)
