"""What forbids that two parties are merged without a person, each as a clause for people. Never weighs: one is enough.

A veto is something both records say, and say differently. A field that one record does not have is no veto.
"""

from __future__ import annotations

from syncd.counterparties import forms
from syncd.counterparties.likeness import Alike, Likeness
from syncd.counterparties.party import Prepared

_NAMES_APART = frozenset({Alike.EXTRA, Alike.CUT})


def between(left: Prepared, right: Prepared, likeness: Likeness) -> tuple[str, ...]:
    """All vetoes between two parties whose main names are this alike, in a fixed order."""
    found = [*conflicts(left, right)]
    if likeness.alike in _NAMES_APART and likeness.extra:
        found.append(f"only one name says {_quoted(tuple(dict.fromkeys(likeness.extra)))}")
    found += [clause for one in sorted((left, right), key=lambda one: one.id) for clause in own(one)]
    return tuple(found)


def conflicts(left: Prepared, right: Prepared) -> tuple[str, ...]:
    """What two records say about themselves that cannot be true of one party."""
    found = []
    if left.tin.valid and right.tin.valid and left.tin.valid != right.tin.valid:
        found.append("both tax numbers are valid and they differ")
    if left.country and right.country and left.country != right.country:
        found.append("the countries differ")
    if left.name.tokens and right.name.tokens and left.name.numerals != right.name.numerals:
        found.append("the numbers in the names differ")
    if forms.relation(left.name.form, right.name.form, left.country or right.country) == "different":
        found.append("the legal forms differ")
    if registers_differ(left, right):
        found.append("the register numbers differ")
    found += never(left, right)
    return tuple(found)


def never(left: Prepared, right: Prepared) -> tuple[str, ...]:
    """What forbids a merge even when a person wants it: two clients or two suppliers of Flowtly in one party."""
    found = []
    if left.client and right.client and left.client != right.client:
        found.append("they are two different clients")
    if left.supplier and right.supplier and left.supplier != right.supplier:
        found.append("they are two different suppliers")
    return tuple(found)


def own(one: Prepared) -> tuple[str, ...]:
    """A record whose own tax numbers disagree is two parties already."""
    numbers = {number.valid for number in (one.tin, one.client_tin, one.supplier_tin) if number.valid}
    return (f"{one.id} carries different tax numbers itself",) if len(numbers) > 1 else ()


def registers_differ(left: Prepared, right: Prepared) -> bool:
    """True for two register numbers of one shape. Of different shapes they may be from two registers."""
    one, other = left.regno, right.regno
    return bool(one) and bool(other) and one != other and _shape(one) == _shape(other)


def _shape(number: str) -> tuple[int, str]:
    """How long a register number is, and its letters: those of one register agree in both."""
    return len(number), "".join(letter for letter in number if not letter.isdigit())


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)
