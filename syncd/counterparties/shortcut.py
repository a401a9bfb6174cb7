"""Tells early that two parties are a plain no, without comparing their names. Never says so of a pair that is more.

Most pairs that share a key share nothing else: the same house number in the same town, one common word. The bits of all
other fields are summed from above; where even the same name would not be enough, no name is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncd.counterparties import weights
from syncd.counterparties.compare import near_number
from syncd.counterparties.party import Prepared
from syncd.counterparties.places import city_level, street_level
from syncd.counterparties.vetoes import registers_differ

# The most that two names and their legal forms can speak for a pair.
MOST_OF_NAMES: Final = max(weights.BITS["name"].values()) + weights.BITS["form"]["equal"]
_TIN, _REGNO, _DOMAIN, _CITY = (weights.BITS[field] for field in ("tin", "regno", "domain", "city"))
_ACCOUNTS_DIFFER: Final = weights.BITS["account"]["different"]
_COUNTRIES: Final = weights.BITS["country"]
_PLACED: Final = {
    numbers: tuple(
        (weights.BITS if numbers else {**weights.BITS, **weights.WITHOUT_NUMBERS})[field]
        for field in ("phone", "street", "postal")
    )
    for numbers in (True, False)
}


def most(left: Prepared, right: Prepared) -> float | None:
    """The most bits that two parties can have; None when they share a number and have to be looked at anyway."""
    one, other = left.tin, right.tin
    bits = MOST_OF_NAMES
    if one.digits and other.digits:
        if one.valid and other.valid:
            if one.valid == other.valid:
                return None
            bits += _TIN["different"]
        else:
            bits += _TIN[near_number(one.digits, other.digits)]
    if left.accounts and right.accounts:
        if not set(left.accounts).isdisjoint(right.accounts):
            return None
        bits += _ACCOUNTS_DIFFER
    if left.regno and right.regno:
        if left.regno == right.regno:
            bits += _REGNO["equal"]
        elif registers_differ(left, right):
            bits += _REGNO["different"]
    if left.domain and right.domain:
        bits += _DOMAIN["equal" if left.domain == right.domain else "different"]
    if left.country and right.country and left.country != right.country:
        bits += _COUNTRIES["different"]
    numbers = bool(one.digits or other.digits or left.accounts or right.accounts or left.regno or right.regno)
    phone, street, postal = _PLACED[numbers]
    if left.phone and right.phone:
        bits += phone["equal" if left.phone == right.phone else "different"]
    return bits + _place(left, right, street, postal)


def _place(left: Prepared, right: Prepared, street: Mapping[str, float], postal: Mapping[str, float]) -> float:
    """The bits of the address, as ``weights.total`` counts them."""
    parts = []
    if left.street and right.street:
        parts.append(street[street_level(left.street, left.house, right.street, right.house)])
    if left.postal and right.postal:
        parts.append(postal["equal" if left.postal == right.postal else "different"])
    if left.city and right.city:
        parts.append(_CITY[city_level(left.city, right.city)])
    return weights.of_places(parts)
