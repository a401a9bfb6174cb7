"""Invented companies for the test on a real Tryton: who stands where at first, and with which right check digits.

Must never name a real company or person.
"""

from __future__ import annotations

from syncd.sandbox.sample import company

SEED = 11
SHARED, ONLY_TRYTON, ONLY_FLOWTLY = range(120), range(120, 300), range(300, 360)
DISAGREEING = range(24)
"""Shared companies that differ in one field, each field in turn."""

FIELDS = (
    "name",
    "vatNumber",
    "country",
    "status",
    "addressStreetLine",
    "addressPostCode",
    "addressCity",
    "addressPhoneNumber",
)
"""Every mapped field that has a value on both sides."""
CONTESTED = ("name", "status", "addressStreetLine", "addressPostCode", "addressCity", "addressPhoneNumber")

Facts = dict[str, str | None]
"""One company in Flowtly's words, as ``FIELDS``."""


def facts(number: int) -> Facts:
    """One invented company; its VAT number passes the check digits of its country."""
    one = company(SEED, number)
    values = (
        one.name,
        vat_number(one.country, number),
        one.country,
        "archived" if number % 20 == 17 else "active",
        f"{one.street} {one.building}",
        one.postcode,
        one.city,
        one.phone,
    )
    return dict(zip(FIELDS, values, strict=True))


def disputed(number: int) -> str:
    """The field in which a disagreeing company differs."""
    return CONTESTED[number % len(CONTESTED)]


def in_tryton_at_first(number: int) -> Facts:
    """How a company stands in Tryton before the first run."""
    known = facts(number)
    if 30 <= number < 40:
        known["addressPhoneNumber"] = None
    if 290 <= number < 300:
        known["vatNumber"] = None
    return known


def in_flowtly_at_first(number: int) -> Facts:
    """How a company stands in Flowtly before the first run."""
    known = facts(number)
    if number in DISAGREEING:
        field = disputed(number)
        other = "archived" if known["status"] == "active" else "active"
        known[field] = other if field == "status" else f"{known[field]} 7"
    if 24 <= number < 30:
        known["vatNumber"] = None  # to be found by name and country
    if 40 <= number < 50:
        known["addressCity"] = None
    return known


def vat_number(country: str, number: int) -> str:
    """A VAT number of a country, a different one for each number, with the right check digit."""
    for attempt in range(10):
        digits = _WITH_CHECK[country](10 * number + attempt)
        if digits is not None:
            return f"{country}{digits}"
    raise AssertionError("ten numbers in a row without a check digit")


def _weighted(text: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))


def _danish(place: int) -> str | None:
    text = str(1_300_000 + place)
    check = -_weighted(text, (2, 7, 6, 5, 4, 3, 2)) % 11
    return f"{text}{check}" if check < 10 else None


def _polish(place: int) -> str | None:
    text = str(100_300_000 + place)
    check = _weighted(text, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
    return f"{text}{check}" if check < 10 else None


def _german(place: int) -> str:
    """ISO 7064, mod 11,10."""
    text, product = str(10_300_000 + place), 10
    for digit in text:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return f"{text}{(11 - product) % 10}"


def _swedish(place: int) -> str:
    """Luhn over ten digits, and the serial number 01."""
    text = str(550_300_000 + place)
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in text[::2])
    check = -(doubled + sum(map(int, text[1::2]))) % 10
    return f"{text}{check}01"


_WITH_CHECK = {"DK": _danish, "PL": _polish, "DE": _german, "SE": _swedish}
