"""Two parties field by field: a level for each field that both have. Says how they agree, not what that is worth.

The levels' names are those of ``weights``. A field that one party lacks has no level: silence is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from syncd.counterparties import forms, likeness, names, vetoes
from syncd.counterparties.census import MANY, Census
from syncd.counterparties.laying import content
from syncd.counterparties.likeness import Alike, Likeness
from syncd.counterparties.party import Name, Prepared
from syncd.counterparties.places import city_level, street_level

# Records with a word up to which it is rare, and up to which it is usual.
_RARE: Final = 8
_USUAL: Final = 64
# How many names the shares of matched words in two unlike names fall into, and where the steps are.
_STEPS: Final = ((0.8, "near 0.8"), (0.65, "near 0.65"), (0.5, "near 0.5"), (0.35, "near 0.35"), (0.2, "near 0.2"))


class Compared(NamedTuple):
    """One field: its level, and what both parties say."""

    field: str
    level: str
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two parties side by side. ``name`` is how the main names agree, ``best`` how the best of all their names do.

    ``form`` is how the legal forms of the main names agree.
    ``names`` are the main names as they were compared: without a city of theirs at the end where that makes them agree.
    ``strangers`` holds, for each value both carry (``kind``), how many other, unlike names carry it too.
    """

    fields: tuple[Compared, ...]
    name: Likeness
    best: Likeness
    form: str
    names: tuple[Name, Name]
    rarest: int
    strangers: dict[str, int]

    def level(self, field: str) -> str:
        """The level of a field, empty when it was not compared."""
        for one in self.fields:
            if one[0] == field:
                return one[1]
        return ""


def compare(left: Prepared, right: Prepared, census: Census) -> Comparison:
    """All fields of two parties, ``left`` the one with the smaller id."""
    found: list[Compared] = []
    alike, ours, theirs = _main_names(left, right, census)
    best, one, other = _best_names(left, right, census, (alike, ours, theirs))
    rarest = max(_rarest(ours, census), _rarest(theirs, census))
    found.append(Compared("name", _name_level(best, _rarity(one, other, census)), one.stem, other.stem))
    if ours.tokens and theirs.tokens and ours.numerals != theirs.numerals:
        found.append(Compared("numerals", "different", _together(ours.numerals), _together(theirs.numerals)))
    form = forms.relation(ours.form, theirs.form, left.country or right.country)
    if form != "missing":
        found.append(Compared("form", form, ours.form, theirs.form))
    strangers: dict[str, int] = {}
    _numbers(left, right, census, found, strangers)
    _soft(left, right, census, found, strangers)
    _address(left, right, found)
    if left.country and right.country:
        level = "equal" if left.country == right.country else "different"
        found.append(Compared("country", level, left.country, right.country))
    return Comparison(tuple(found), alike, best, form, (ours, theirs), rarest, strangers)


def unlike_names(kind: str, value: str, left: Prepared, right: Prepared, census: Census) -> int:
    """How many names carry a value that are none of either party's."""
    carried = census.names_on(kind, value)
    if len(carried) >= MANY:
        return MANY
    own = {name.stem for party in (left, right) for name in party.names}
    return sum(not any(likeness.same_stem(stem, mine) for mine in own) for stem in sorted(carried - own))


def _main_names(left: Prepared, right: Prepared, census: Census) -> tuple[Likeness, Name, Name]:
    """The main names, each without its record's own city at the end when that makes them the same."""
    plain = likeness.compare(left.name, right.name, census.frequency)
    cities = {left.city, right.city} - {""}
    if plain.alike in likeness.SAME or not cities:
        return plain, left.name, right.name
    ours, theirs = (_homeless(party.name, sorted(cities)) for party in (left, right))
    if ours is left.name and theirs is right.name:
        return plain, left.name, right.name
    bare = likeness.compare(ours, theirs, census.frequency)
    if bare.alike in likeness.SAME or bare.share > plain.share:
        return bare, ours, theirs
    return plain, left.name, right.name


def _homeless(name: Name, cities: Iterable[str]) -> Name:
    """The name without one of these cities at its end."""
    return next((bare for city in cities if (bare := names.without_city(name, city)).tokens != name.tokens), name)


def _best_names(
    left: Prepared, right: Prepared, census: Census, main: tuple[Likeness, Name, Name]
) -> tuple[Likeness, Name, Name]:
    """The best of all names of both; other names are evidence, never an identity."""
    if len(left.names) == 1 and len(right.names) == 1:
        return main
    order = list(Alike)
    tried = [main] + [
        (likeness.compare(one, other, census.frequency), one, other) for one in left.names for other in right.names
    ]
    return min(tried, key=lambda pair: (order.index(pair[0].alike), -pair[0].share, sorted((pair[1].raw, pair[2].raw))))


def _name_level(found: Likeness, rarity: str) -> str:
    if found.alike in likeness.SAME:
        return f"{found.alike.value} {rarity}"
    if found.alike is Alike.NEAR:
        return next((word for least, word in _STEPS if found.share >= least), "unlike")
    return found.alike.value


def _together(numerals: frozenset[str]) -> str:
    return " ".join(sorted(numerals))


def _rarity(one: Name, other: Name, census: Census) -> str:
    """How rare the rarest word of the commoner name is: a typing error makes no word rare."""
    records = max(_rarest(one, census), _rarest(other, census))
    return "rare" if records <= _RARE else "usual" if records <= _USUAL else "common"


def _rarest(name: Name, census: Census) -> int:
    return min((census.frequency(token) for token in content(name.tokens)), default=0)


def _numbers(left: Prepared, right: Prepared, census: Census, found: list[Compared], strangers: dict[str, int]) -> None:
    """Tax number, accounts and register number."""
    one, other = left.tin, right.tin
    level = ""
    if one.valid and one.valid == other.valid:
        strangers["tin"] = unlike_names("tin", one.valid, left, right, census)
        level = "shared" if strangers["tin"] else "equal"
    elif one.valid and other.valid:
        level = "different"
    elif one.digits and other.digits:
        level = near_number(one.digits, other.digits)
    if level:
        found.append(Compared("tin", level, one.valid or one.digits, other.valid or other.digits))
    if left.accounts and right.accounts:
        common = sorted(set(left.accounts) & set(right.accounts))
        if common:
            strangers["account"] = min(unlike_names("account", value, left, right, census) for value in common)
        level = ("shared" if strangers["account"] else "equal") if common else "different"
        shown = (common[0], common[0]) if common else (left.accounts[0], right.accounts[0])
        found.append(Compared("account", level, *shown))
    if left.regno and right.regno:
        if left.regno == right.regno:
            strangers["regno"] = unlike_names("regno", left.regno, left, right, census)
            level = "shared" if strangers["regno"] else "equal"
        else:
            level = "different" if vetoes.registers_differ(left, right) else ""
        if level:
            found.append(Compared("regno", level, left.regno, right.regno))


def near_number(one: str, other: str) -> str:
    """Two written tax numbers of which at most one is valid."""
    if one == other:
        return "same digits"
    return "one digit off" if OSA.distance(one, other, score_cutoff=1) == 1 else "apart"


def _soft(left: Prepared, right: Prepared, census: Census, found: list[Compared], strangers: dict[str, int]) -> None:
    """Web or mail domain and phone."""
    for field, one, other in (("domain", left.domain, right.domain), ("phone", left.phone, right.phone)):
        if not one or not other:
            continue
        if one == other:
            strangers[field] = unlike_names(field, one, left, right, census)
            level = "shared" if strangers[field] else "equal"
        else:
            level = "different"
        found.append(Compared(field, level, one, other))


def _address(left: Prepared, right: Prepared, found: list[Compared]) -> None:
    """Street with house number, postal code, city."""
    if left.street and right.street:
        level = street_level(left.street, left.house, right.street, right.house)
        found.append(
            Compared("street", level, f"{left.street} {left.house}".strip(), f"{right.street} {right.house}".strip())
        )
    if left.postal and right.postal:
        level = "equal" if left.postal == right.postal else "different"
        found.append(Compared("postal", level, left.postal, right.postal))
    if left.city and right.city:
        found.append(Compared("city", city_level(left.city, right.city), left.city, right.city))
