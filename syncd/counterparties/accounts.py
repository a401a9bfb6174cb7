"""Bank accounts as valid IBANs. Never keeps one that does not pass its check: it would tie strangers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

_JUNK: Final = re.compile(r"[^0-9A-Z]+")
_LABEL: Final = re.compile(r"^(?:IBAN|NRB)(?=.*[0-9])")
_SEVERAL: Final = re.compile(r"[,;|\n\r]+")
_NRB: Final = 26
_SHORTEST: Final = 15
_TAIL: Final = 4  # country and check digits stand before what may be a placeholder


@dataclass(frozen=True, slots=True)
class Account:
    """One account as written: ``iban`` when it passes, else empty and ``problem`` says why."""

    raw: str
    iban: str = ""
    problem: str = ""


@lru_cache(maxsize=4096)
def account(raw: str) -> Account:
    """An IBAN without blanks, or why it is none. A Polish number of 26 digits (NRB) is one without its ``PL``."""
    text = _JUNK.sub("", unicodedata.normalize("NFKC", raw).upper())
    text = _LABEL.sub("", text)
    if not text:
        return Account(raw)
    if len(text) == _NRB and text.isdigit():
        text = "PL" + text
    if len(text) < _SHORTEST or not text[:2].isalpha():
        return Account(raw, "", "not an IBAN: it needs two letters of a country, two check digits and the account")
    try:
        # No look at national check digits and banks: those tables are not complete for every country.
        passed = str(IBAN(text))
    except SchwiftyException as trouble:
        return Account(raw, "", f"not a valid IBAN: {_words(trouble)}")
    if len(set(passed[_TAIL:])) == 1:
        return Account(raw, "", "a placeholder: one digit over and over")
    return Account(raw, passed)


def accounts(raws: Iterable[str]) -> tuple[str, ...]:
    """All valid IBANs, once each, sorted. One text may hold several, separated by comma, semicolon or line."""
    found = {account(part).iban for raw in raws for part in _SEVERAL.split(raw)}
    return tuple(sorted(found - {""}))


def problems(raws: Iterable[str]) -> tuple[Account, ...]:
    """What was written but dropped, with the reason, for the person who keeps the record."""
    looked = (account(part) for raw in raws for part in _SEVERAL.split(raw))
    return tuple(one for one in looked if one.problem)


def _words(trouble: SchwiftyException) -> str:
    """The library's error as a phrase: ``InvalidChecksumDigits`` as ``invalid checksum digits``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(trouble).__name__).lower()
