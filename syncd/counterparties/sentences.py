"""A decision in plain words, and two parties side by side. Says only what the decision holds; never judges again.

A decision is taken as its JSON (``Decision.as_json``), as a case keeps it: an old one is told in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from syncd.counterparties.contacts import domain
from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Name, Party, Prepared

TIER_WORDS: Final[Mapping[str, str]] = {
    "T1": "{name}, {form}, and the same valid tax number, which no other name carries",
    "T2": "{name}, {form}, and the same valid bank account",
    "T2b": "{name} and the same valid bank account; at most one of the two says its legal form",
    "T3": "{name} and the same valid tax number, which no other name carries; at most one says its legal form",
    "T4": "{name} and legal form, and two of web site, phone and address agree; no number proves it",
    "T5": "{name} and the same valid tax number, which other names carry as well",
    "T6": "{name}, and two of web site, phone and address agree; at most one says its legal form",
}
_NAMES: Final[Mapping[str, str]] = {
    "equal": "the same name",
    "reordered": "the same name in another word order",
    "joined": "the same name, written together or apart",
    "typo": "the same name but for a typing error",
}
_MORE: Final = "\n"  # between the values of a field that has several
FIELD_WORDS: Final[Mapping[str, str]] = {
    "name": "name",
    "form": "legal form",
    "tin": "tax number",
    "account": "bank account",
    "accounts": "bank account",
    "iban": "bank account",
    "street": "street",
    "house": "house number",
    "postal": "postal code",
    "city": "city",
    "country": "country",
    "domain": "web or mail domain",
    "phone": "phone",
    "regno": "register number",
}


class Mark(StrEnum):
    """How two values of a field stand to each other."""

    SAME = "same"
    ALIKE = "same, written differently"
    PARTLY = "partly the same"
    DIFFERENT = "different"
    ONE_SIDED = "only one says it"


@dataclass(frozen=True, slots=True)
class Row:
    """One field of both parties."""

    field: str
    label: str
    left: str
    right: str
    mark: Mark


def sentence(decision: Mapping[str, Any]) -> str:
    """Why the pair is in its band, in a few words."""
    band = Band(decision["band"])
    stops = [*decision["vetoes"], *decision["guards"]]
    if band is Band.AUTO:
        return f"One party by the rules of {decision['tier']}: {_tier_words(decision)}."
    doubt = f" But {_listed(stops)}." if stops else ""
    if band is Band.REVIEW:
        return f"{_found(decision)}{doubt} A person has to say."
    return f"{_found(decision)}{doubt or ' That is too little to ask about.'}"


def evidence(decision: Mapping[str, Any]) -> list[str]:
    """One line for each field that was compared, strongest first: what was found, and the bits for or against."""
    levels = sorted(decision["levels"], key=lambda one: (-abs(one["bits"]), one["field"]))
    return [_level(one) for one in levels]


def side_by_side(left: Party, right: Party) -> list[Row]:
    """Both parties field by field. A field that neither has is left out."""
    prepared = prepare(left), prepare(right)
    return [
        Row(one.field, one.label, *texts, _mark(texts, (one.meant(left, prepared[0]), one.meant(right, prepared[1]))))
        for one in _FIELDS
        if any(texts := (one.written(left), one.written(right)))
    ]


def _found(decision: Mapping[str, Any]) -> str:
    if decision["tier"]:
        return f"{_first_up(_tier_words(decision))}."
    equal = [one for one in decision["levels"] if one["bits"] > 0]
    against = [one for one in decision["levels"] if one["bits"] < 0]
    said = f"{_listed([_words(one) for one in equal])} speak for it" if len(equal) > 1 else ""
    said = said or (f"{_words(equal[0])} speaks for it" if equal else "nothing speaks for it")
    if against:
        verb = "speaks" if len(against) == 1 else "speak"
        said += f"; {_listed([_words(one) for one in against])} {verb} against it"
    return f"{_first_up(said)}."


def _tier_words(decision: Mapping[str, Any]) -> str:
    """The rule of the tier, with how the names agree. Forms that were not compared rest on a register."""
    found = {one["field"]: str(one["level"]).partition(" ")[0] for one in decision["levels"]}
    form = "the same legal form" if "form" in found else "a register's word for the name"
    return TIER_WORDS[decision["tier"]].format(name=_NAMES.get(found.get("name", "equal"), "the same name"), form=form)


def _words(level: Mapping[str, Any]) -> str:
    return f"{_field(level['field'])} ({_spaced(level['level'])})"


def _level(level: Mapping[str, Any]) -> str:
    values = " / ".join(dict.fromkeys(text for text in (level["left"], level["right"]) if text))
    shown = f": {values}" if values else ""
    return f"{_field(level['field'])} {_spaced(level['level'])} {level['bits']:+.1f}{shown}"


def _field(name: str) -> str:
    return FIELD_WORDS.get(name, _spaced(name))


def _spaced(text: str) -> str:
    return text.replace("_", " ").replace("-", " ")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _mark(texts: tuple[str, str], meant: tuple[str, str]) -> Mark:
    """``meant`` empty: the text says nothing that could be compared."""
    if not all(texts):
        return Mark.ONE_SIDED
    if texts[0] == texts[1]:
        return Mark.SAME
    if meant[0] == meant[1] and meant[0]:
        return Mark.ALIKE
    return Mark.PARTLY if set(meant[0].split(_MORE)) & set(meant[1].split(_MORE)) - {""} else Mark.DIFFERENT


def _meant(name: Name) -> str:
    return f"{name.stem}|{name.form}" if name.tokens else ""


class _Field(NamedTuple):
    """A field: what a person reads, and what a comparison reads."""

    field: str
    label: str
    written: Callable[[Party], str]
    meant: Callable[[Party, Prepared], str]


_FIELDS: Final = (
    _Field("name", "name", lambda party: party.name, lambda _, one: _meant(one.name)),
    _Field(
        "other_names",
        "other names",
        lambda party: ", ".join(party.other_names),
        lambda _, one: _MORE.join(sorted(map(_meant, one.names[1:]))),
    ),
    _Field("tin", "tax number", lambda party: party.tin, lambda _, one: one.tin.valid or one.tin.digits),
    _Field("country", "country", lambda party: party.country, lambda _, one: one.country),
    _Field(
        "accounts", "bank accounts", lambda party: ", ".join(party.accounts), lambda _, one: _MORE.join(one.accounts)
    ),
    _Field("street", "street", lambda party: party.street, lambda _, one: f"{one.street} {one.house}".strip()),
    _Field("postal", "postal code", lambda party: party.postal, lambda _, one: one.postal),
    _Field("city", "city", lambda party: party.city, lambda _, one: one.city),
    _Field("website", "web site", lambda party: party.website, lambda party, _: domain(party.website, "")),
    _Field("email", "e-mail", lambda party: party.email, lambda party, _: party.email.strip().lower()),
    _Field("phone", "phone", lambda party: party.phone, lambda _, one: one.phone),
    _Field("regno", "register number", lambda party: party.regno, lambda _, one: one.regno),
    _Field("client", "client", lambda party: party.client, lambda _, one: one.client),
    _Field("supplier", "supplier", lambda party: party.supplier, lambda _, one: one.supplier),
    _Field("client_tin", "client's tax number", lambda party: party.client_tin, lambda _, one: one.client_tin.valid),
    _Field(
        "supplier_tin",
        "supplier's tax number",
        lambda party: party.supplier_tin,
        lambda _, one: one.supplier_tin.valid,
    ),
)
