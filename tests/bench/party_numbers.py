"""Made-up numbers that pass their checks: tax numbers by country, IBANs. Seeded; of nobody, and none is looked up."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stdnum import get_cc_module, iban, luhn
from stdnum.es import cif
from stdnum.fr import siren

Rng = Random
_DIGITS = {"PL": 10, "DE": 9, "DK": 8, "FI": 8, "CZ": 8, "IT": 11, "GB": 9, "AT": 8}
_BBAN = {
    "PL": "9" * 24, "DE": "9" * 18, "SE": "9" * 20, "DK": "9" * 14, "NO": "9" * 11, "FI": "9" * 14, "FR": "9" * 23,
    "ES": "9" * 20, "BE": "9" * 12, "CZ": "9" * 20, "AT": "9" * 16, "NL": "AAAA" + "9" * 10, "GB": "AAAA" + "9" * 14,
    "IT": "A" + "9" * 22,
}  # fmt: skip
PLACEHOLDERS = ("0000000000", "1111111111", "9999999999", "123456789", "-", "brak", "n/a", "000-000-00-00")


def digits(rng: Rng, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def filled(rng: Rng, pattern: str) -> str:
    """A pattern with a digit for each 9 and a letter for each A."""
    letters = {"9": "0123456789", "A": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(rng.choice(letters[sign]) if sign in letters else sign for sign in pattern)


def tax_number(rng: Rng, country: str) -> str:
    """A valid VAT number without its prefix."""
    special = _SPECIAL.get(country)
    module = get_cc_module("el" if country == "GR" else country.lower(), "vat")
    while True:
        number = special(rng) if special else digits(rng, _DIGITS[country])
        if country == "AT":
            number = "U" + number
        if module.is_valid(number):
            return number


def _french(rng: Rng) -> str:
    start = digits(rng, 8)
    number = start + luhn.calc_check_digit(start)
    return f"{(12 + 3 * (int(number) % 97)) % 97:02d}{number}" if siren.is_valid(number) else "0"


def _spanish(rng: Rng) -> str:
    start = rng.choice("AB") + rng.choice(("08", "28", "46", "41", "29", "50")) + digits(rng, 5)
    return start + cif.calc_check_digits(start + "0")[0]


def _swedish(rng: Rng) -> str:
    start = "55" + rng.choice("6789") + digits(rng, 6)
    return start + luhn.calc_check_digit(start) + "01"


def _belgian(rng: Rng) -> str:
    start = "0" + rng.choice("4567") + digits(rng, 6)
    return start + f"{97 - int(start) % 97:02d}"


def _italian(rng: Rng) -> str:
    start = digits(rng, 7) + f"{rng.randint(1, 95):03d}"
    return start + luhn.calc_check_digit(start)


_SPECIAL: dict[str, Callable[[Rng], str]] = {
    "FR": _french,
    "ES": _spanish,
    "SE": _swedish,
    "BE": _belgian,
    "IT": _italian,
    "NO": lambda rng: rng.choice("89") + digits(rng, 8) + "MVA",
    "NL": lambda rng: digits(rng, 9) + f"B{rng.randint(1, 4):02d}",
}


def account(rng: Rng, country: str) -> str:
    """A valid IBAN, without blanks."""
    bban = filled(rng, _BBAN[country])
    return country + iban.calc_check_digits(country + "00" + bban) + bban
