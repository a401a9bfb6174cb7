"""MT940 text of bank statements: SWIFT's fields :20: to :86:, cut into pages. Pure; must never look at a record.

Lines end with CR LF, a page with ``-``. A page has at most 2,000 characters, as one SWIFT message; between pages the
balance is carried over (``:62M:``, ``:60M:``). Texts keep to SWIFT's x set. (SWIFT Standards, category 9, MT 940.)
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

PAGE_CHARACTERS: Final = 2000
AMOUNT_DIGITS: Final = 14
"""How many digits an amount may have: 15 characters with the comma."""

_EOL: Final = "\r\n"
_LINE: Final = 65
_LINES: Final = 6
_CLOSING: Final = 40
"""Room for ``:62F:`` and the end of the page."""

_EXPONENTS: Final = {"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3}
_LETTERS: Final = str.maketrans(
    {
        **dict(zip("łŁøØđĐðÐ\u0131", "lLoOdDdDi", strict=True)),
        **dict(zip('&_;"[]{}\u2018\u2019\u201c\u201d\u2013\u2014', "+-,'()()''''--", strict=True)),
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ß": "ss",
        "ẞ": "SS",
        "þ": "th",
        "Þ": "TH",
        "€": "EUR",
        "£": "GBP",
    }
)
"""Letters that have no plain one inside, and signs with a near one in the set."""

_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking. ``amount`` is signed; ``reference`` is the customer's, ``own`` the bank's."""

    day: date
    amount: Decimal
    reference: str
    own: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One account in one period; ``entries`` in order, amounts already in the currency's decimals."""

    reference: str
    account: str
    currency: str
    number: int
    since: date
    until: date
    opening: Decimal
    entries: Sequence[Entry]


def rounded(amount: Decimal, currency: str) -> Decimal:
    """An amount in the decimals its currency has."""
    return amount.quantize(Decimal(1).scaleb(-_EXPONENTS.get(currency, 2)))


def pages(statement: Statement) -> Iterator[str]:
    """The pages of one statement, at least one."""
    sequence, balance, day = 1, statement.opening, statement.since
    page = _opening(statement, sequence, balance, day)
    for entry in statement.entries:
        block = _entry(entry, statement.currency)
        if len(page) + len(block) + _CLOSING > PAGE_CHARACTERS:
            yield page + _closing("62M", balance, day, statement.currency)
            sequence += 1
            page = _opening(statement, sequence, balance, day)
        page += block
        balance, day = balance + entry.amount, entry.day
    yield page + _closing("62F", balance, statement.until, statement.currency)


def plain(text: str) -> str:
    """A text in SWIFT's x set, on one line: letters lose their accents, what has no letter becomes a full stop."""
    line = " ".join(text.translate(_LETTERS).split())
    if not line.isascii():
        decomposed = unicodedata.normalize("NFKD", line)
        line = " ".join("".join(each for each in decomposed if not unicodedata.combining(each)).split())
    return _OUTSIDE.sub(".", line)


def _opening(statement: Statement, sequence: int, balance: Decimal, day: date) -> str:
    tag = "60F" if sequence == 1 else "60M"
    lines = (
        f":20:{_reference(statement.reference)}",
        f":25:{plain(statement.account)[:35]}",
        f":28C:{statement.number:05d}/{sequence:05d}",
        f":{tag}:{_balance(balance, day, statement.currency)}",
    )
    return _EOL.join(lines) + _EOL


def _closing(tag: str, balance: Decimal, day: date, currency: str) -> str:
    return f":{tag}:{_balance(balance, day, currency)}{_EOL}-{_EOL}"


def _balance(amount: Decimal, day: date, currency: str) -> str:
    return f"{_mark(amount)}{day:%y%m%d}{currency}{_amount(amount, currency)}"


def _entry(entry: Entry, currency: str) -> str:
    booked = f"{entry.day:%y%m%d}{entry.day:%m%d}{_mark(entry.amount)}{_amount(entry.amount, currency)}"
    own = _reference(entry.own)
    lines = [f":61:{booked}NTRF{_reference(entry.reference) or 'NONREF'}{f'//{own}' if own else ''}"]
    text = plain(entry.text)
    shown = [text] if len(text) <= _LINE else textwrap.wrap(text, _LINE, break_on_hyphens=False)[:_LINES]
    if text:
        # A line may not begin like a field or like the end of the page.
        lines += [f":86:{shown[0]}", *(re.sub(r"^[:\-]", ".", each) for each in shown[1:])]
    return _EOL.join(lines) + _EOL


def _reference(text: str) -> str:
    """16 characters without a slash, which would begin the bank's own reference."""
    return plain(text).replace("/", "-").replace(" ", "")[:16]


def _mark(amount: Decimal) -> str:
    return "D" if amount < 0 else "C"


def _amount(amount: Decimal, currency: str) -> str:
    whole, _, part = f"{abs(rounded(amount, currency)):f}".partition(".")
    return f"{whole},{part}"
