"""Raw postings of the ERP in the words of ``budgets``. What cannot be read is a problem that names the posting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from syncd.budgets.model import Allocated, Line, Posting
from syncd.budgets.money import exponent, to_minor
from syncd.budgets.values import day
from syncd.core.canon import DIGEST_BYTES
from syncd.engine.allocating.words import Allocation, PostingProblem
from syncd.mapping.allocations import CurrencySpec
from syncd.mapping.records import Unfit, clean
from syncd.ports import Raw, Record

LARGEST: Final = 10**16
"""Minor units; more is no amount of money, and sums of such would be more than the store can hold."""
LONGEST_TARGET: Final = 500
"""Bytes of a budget's key and an employee's together."""
_SHOWN: Final = 40

_JSON: Final = json.JSONEncoder(default=str, separators=(",", ":"), check_circular=False)


def posting_of(allocation: Allocation, record: Record, lines: Sequence[Record] = ()) -> Posting:
    """A raw posting in the words of ``budgets``. Raises PostingProblem for what cannot be read, naming the field."""
    reading, raw, key = allocation.reading, record.raw, record.key
    currency = _currency(allocation, raw, key)
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
        {name: _usable(key, source, raw.get(source)) for name, source in reading.names.items()},
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


def unkept(allocated: Allocated) -> str:
    """Why the parts of a posting cannot be kept; '' when they can."""
    for part in allocated.parts:
        if len(part.budget.encode()) + len((part.employee or "").encode()) > LONGEST_TARGET:
            return f"rule {part.rule}: {part.budget[:_SHOWN]!r} and so on is too long for a budget or employee"
    return ""


def _currency(allocation: Allocation, raw: Raw, key: str) -> str:
    told: CurrencySpec = allocation.reading.currency
    if told.constant is not None:
        return told.constant
    name = told.field or ""
    value = raw.get(name)
    if value is None or value == "" or (isinstance(value, str) and not value.strip()):
        raise PostingProblem(key, f"{name} is empty, so its currency is not known")
    if not isinstance(value, str):
        raise PostingProblem(key, f"{name}: {str(value)[:_SHOWN]} is no currency such as EUR")
    currency = value.strip().upper()
    try:
        exponent(currency, allocation.exponents)
    except ValueError as error:
        raise PostingProblem(key, f"{name}: {error}") from error
    return currency


def _usable(key: str, name: str, value: Any) -> Any:
    """A raw value for rules. Raises PostingProblem for text that nobody can store: a budget may be named by it."""
    if isinstance(value, str) and ("\0" in value or not value.isascii()):
        try:
            clean(value)
        except Unfit as error:
            raise PostingProblem(key, f"{name}: {error}") from error
    return value


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
        units = to_minor(value, currency, allocation.exponents)
    except (Unfit, ValueError) as error:
        raise PostingProblem(key, f"{name}: {error}") from error
    if abs(units) > LARGEST:
        raise PostingProblem(key, f"{name}: {str(value)[:_SHOWN]} is too large for an amount of money")
    return units


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
        where = f"line {one.key}: "
        fields = {name: _usable(key, where + source, one.raw.get(source)) for name, source in reading.names.items()}
        yield Line(one.key, amount, fields)


def _sorted(lines: Sequence[Record]) -> list[Record]:
    return sorted(lines, key=lambda one: one.key)
