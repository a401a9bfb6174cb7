"""Web site, e-mail and telephone as keys that can be compared. Never an address of free mail, a platform or nobody.

A key here is soft: it says two records may be of one firm, or of one group, or of one accountant.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from syncd.counterparties.countries import country as country_code
from syncd.counterparties.hosts import FREE_MAIL, NOBODYS, PLATFORMS

_SUFFIXES: Final = PublicSuffixList()
_HOST: Final = re.compile(r"^(?:(?:https?|ftp|mailto)?[:/]+)?(?:[^/@\s]*@)?([^/:?#\s,;]+)")
_MAIL: Final = re.compile(r"[^\s,;<>:]+@([^\s,;<>@/?]+)")
_LABEL: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")

_SEVERAL: Final = re.compile(r"[,;|\n\r]+|\s/\s|\b(?:lub|oder|or|ou|fax|faks)\b")
_EXTENSION: Final = re.compile(
    r"(?:\b(?:ext|extension|wew|wewn|w|dw|durchwahl|anknytning|lok|lokal|int|poste|interno|tst)\b\.?|[#x])\s*:?\s*[0-9]+.*$"
)
_TRUNK: Final = re.compile(r"\(\s*0\s*\)")
_MARK: Final = re.compile(r"[^0-9+]+")
_TAIL: Final = 9
_LEAST: Final = 7
_NATIONAL: Final = 8  # what must be left when a country's code is taken off
_AMERICAN: Final = 10
# Country calling codes (ITU-T E.164) that have one or two digits; all others have three.
_CODES: Final = frozenset(
    """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86
    90 91 92 93 94 95 98
    """.split()  # noqa: SIM905 - a list of fifty strings is harder to read
)
_CALLING: Final = {
    "AT": "43", "BE": "32", "BG": "359", "CH": "41", "CY": "357", "CZ": "420", "DE": "49", "DK": "45", "EE": "372",
    "ES": "34", "FI": "358", "FR": "33", "GB": "44", "GR": "30", "HR": "385", "HU": "36", "IE": "353", "IS": "354",
    "IT": "39", "LI": "423", "LT": "370", "LU": "352", "LV": "371", "MT": "356", "NL": "31", "NO": "47", "PL": "48",
    "PT": "351", "RO": "40", "SE": "46", "SI": "386", "SK": "421", "UA": "380", "US": "1", "CA": "1",
}  # fmt: skip


def domain(website: str, email: str) -> str:
    """The registrable domain of the web site, else of the e-mail; empty where that is nobody's in particular."""
    if found := _of_host(_host(website)):
        return found
    return next(filter(None, map(_of_host, _MAIL.findall(_lower(email)))), "") if "@" in email else ""


def phone(raw: str, country: str) -> str:
    """The last 7 to 9 digits, without country code, trunk zero and extension; empty for what is no number."""
    calling = _CALLING.get(country_code(country), "")
    for part in _SEVERAL.split(_lower(raw)) if raw else ():
        digits = _national(_EXTENSION.sub("", part.strip()), calling)
        tail = digits[-_TAIL:]
        if len(tail) >= _LEAST and len(set(tail)) > 1 and tail not in "01234567890123456789":
            return tail
    return ""


def _national(text: str, calling: str) -> str:
    text = _MARK.sub("", _TRUNK.sub("", text))
    digits = text.replace("+", "")
    if text.startswith("+") or digits.startswith("00"):
        digits = digits.lstrip("0")
        size = next((size for size in (1, 2) if digits[:size] in _CODES), 3)
        least = _AMERICAN if size == 1 else _NATIONAL if size == 2 else _LEAST  # noqa: PLR2004 - digits of a code
        # Too short for a number of that country: the zeros were trunk zeros, and there is no code to take off.
        return digits[size:].lstrip("0") if len(digits) - size >= least else digits
    if calling and digits.startswith(calling) and len(digits) - len(calling) >= _NATIONAL:
        digits = digits[len(calling) :]
    return digits.lstrip("0")


def _lower(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip().lower()


def _host(website: str) -> str:
    """The host of an address as people write it: with or without scheme, user, port and path."""
    found = _HOST.match(_lower(website)) if website else None
    return found[1] if found else ""


@lru_cache(maxsize=4096)
def _of_host(host: str) -> str:
    host = host.strip(".")
    if "xn--" in host:
        host = _readable(host)
    if not _LABEL.fullmatch(host) or host.rsplit(".", 1)[1].isdigit():
        return ""
    suffix = str(_SUFFIXES.publicsuffix(host, accept_unknown=False) or "")
    owned = str(_SUFFIXES.privatesuffix(host) or "") if suffix else ""
    if owned in NOBODYS or owned in FREE_MAIL or host in FREE_MAIL or owned in PLATFORMS:
        return ""
    return owned


def _readable(host: str) -> str:
    """A name in the letters people type, so that both spellings of one domain meet."""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host
