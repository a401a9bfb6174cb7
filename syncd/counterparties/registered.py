"""What registers' words mean for a decision: whether a number is confirmed under a party's name. Pure; asks nobody.

Only "valid, and under this name" speaks for a party. "Not valid" is no contradiction: many small firms are not
registered for trade across borders. A name that a register keeps to itself, or writes in other letters, says nothing.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from syncd.counterparties import forms, likeness
from syncd.counterparties.names import take_apart
from syncd.counterparties.party import Name

_SEPARATOR: Final = "||"
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Entry:
    """One register's answer that counts: ``valid`` or not, under which name, and how to prove that it was asked."""

    register: str
    valid: bool
    name: str = ""
    consultation: str = ""
    day: str = ""

    @property
    def reference(self) -> str:
        """In words, for the explanation."""
        proof = f", consultation {self.consultation}" if self.consultation else ""
        day = f" on {self.day}" if self.day else ""
        return f"{self.register}: {'valid' if self.valid else 'not valid'}{day}{proof}"


@dataclass(frozen=True, slots=True)
class RegisterFact:
    """All that registers said of one valid tax number."""

    number: str
    entries: tuple[Entry, ...] = ()

    @property
    def reference(self) -> str:
        """Registers, outcomes and consultations."""
        return "; ".join(entry.reference for entry in self.entries)

    def confirms(self, names: tuple[Name, ...]) -> bool | None:
        """True: valid with one of these names. False: valid with another one. None: it says nothing about them."""
        said = {_confirms(entry, names) for entry in self.entries}
        return False if False in said else True if True in said else None


def _confirms(entry: Entry, names: tuple[Name, ...]) -> bool | None:
    if not entry.valid or not entry.name:
        return None
    official = [take_apart(part) for part in entry.name.split(_SEPARATOR) if _readable(part)]
    said = {_same(one, name) for one in official for name in names if one.tokens and name.tokens}
    return True if True in said else None if None in said or not said else False


def _same(official: Name, name: Name) -> bool | None:
    """True for one name, False for another, None for what only a person can tell."""
    if official.numerals != name.numerals:
        return False
    found = likeness.compare(official, name, _of_one_weight)
    if found.alike in likeness.SAME:
        return forms.relation(official.form, name.form) != "different"
    if found.alike is likeness.Alike.UNLIKE or found.share < _HALF:
        return False
    return None


def _of_one_weight(_: str) -> int:
    """No word counts for more than another: a register's name is not one of those that rarity was counted among."""
    return 1


def _readable(text: str) -> bool:
    """Latin letters: whether a name in others is the same one, spelling alone does not tell."""
    return all(unicodedata.name(letter, "").startswith("LATIN") for letter in text if letter.isalpha())
