"""How a rule splits a posting: its claims on it, exact and unrounded. Pure.

Claims are whole numbers of 1/scale minor units, where every share of a rule set times ``scale`` is whole. They are made
without the posting's sign, so a reversal mirrors the posting to the cent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Final, TypeAlias

from syncd.budgets.model import ByLines, ByTable, Piece, Pieces, Place, Posting, Rule, RuleSet, Split, Target
from syncd.budgets.money import to_minor, told
from syncd.budgets.templates import Aim, Key
from syncd.budgets.values import getter, plain

NOWHERE: Final[Key] = ("", "")
"""What has no target; no budget has an empty name."""


class CannotSplitError(Exception):
    """The posting has to be looked at by a person; the message says why. Nothing of it is allocated."""


@dataclass(slots=True)
class Claims:
    """What the rules want of one posting: by target, with the names of the rules, and who wants the rest."""

    total: int
    scale: int
    exact: dict[Key, int] = field(default_factory=dict)
    rules: dict[Key, list[str]] = field(default_factory=dict)
    rests: list[tuple[Key, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, key: Key, exact: int, rule: str) -> None:
        """Claim so much for a target."""
        self.exact[key] = self.exact.get(key, 0) + exact
        names = self.rules.setdefault(key, [])
        if rule not in names:
            names.append(rule)

    def because(self, reason: str) -> None:
        """Why something has no target."""
        if reason not in self.reasons:
            self.reasons.append(reason)


Splitter: TypeAlias = Callable[[Claims, Posting], None]
"""Adds the claims of one rule. Raises CannotSplitError."""


def scale_of(rules: RuleSet) -> int:
    """The least number that makes every share of the rules whole."""
    found = [rule.split.pieces for rule in rules.rules if isinstance(rule.split, Pieces)]
    found.extend(pieces for table in rules.tables.values() for pieces in table.values())
    return lcm(*(piece.share.denominator for pieces in found for piece in pieces if piece.share is not None))


def splitter(rule: Rule, split: Split, rules: RuleSet, scale: int) -> Splitter:
    """Compile the split of a rule. Raises ValueError, with the place, for a piece or table that cannot be used."""
    match split:
        case Pieces(pieces):
            return _pieces(rule, pieces, rules, scale)
        case ByLines():
            return _lines(rule, split, rules.exponents)
        case ByTable():
            return _table(rule, split, rules, scale)


def sole_target(split: Split | None, exponents: Mapping[str, int]) -> Aim | None:
    """The target of a split that gives everything to one; None for any other."""
    if not isinstance(split, Pieces) or len(split.pieces) != 1:
        return None
    (piece,) = split.pieces
    return Aim(piece.target, exponents) if piece.rest or piece.share == 1 else None


def _pieces(rule: Rule, pieces: tuple[Piece, ...], rules: RuleSet, scale: int) -> Splitter:
    compiled = [_piece(rule, piece, rules.exponents, scale) for piece in pieces]

    def split(claims: Claims, posting: Posting) -> None:
        for one in compiled:
            one(claims, posting)

    return split


def _piece(rule: Rule, piece: Piece, exponents: Mapping[str, int], scale: int) -> Splitter:
    if [piece.share is not None, piece.amount is not None, piece.rest].count(True) != 1:
        raise ValueError(f"{piece.place}: rule {rule.name}: a piece needs one of share, amount and rest")
    if (piece.share or 0) < 0 or (piece.amount or 0) < 0:
        raise ValueError(f"{piece.place}: rule {rule.name}: a piece cannot be negative")
    aim = _aim(rule, piece.target, piece.place, exponents)
    share, where = int((piece.share or Fraction(0)) * scale), _where(rule, piece.place)
    fixed = _fixed(piece, exponents, where)

    def split(claims: Claims, posting: Posting) -> None:
        key = aim.key(posting)
        if key is None:
            claims.because(f"rule {rule.name}: {aim.missing(posting)}")
            key = NOWHERE
        if piece.rest:
            claims.rests.append((key, rule.name))
        else:
            claims.add(key, share * claims.total if share else fixed(posting.currency) * claims.scale, rule.name)

    return split


def _fixed(piece: Piece, exponents: Mapping[str, int], where: str) -> Callable[[str], int]:
    """The piece's amount in minor units of a currency."""
    known: dict[str, int] = {}

    def fixed(currency: str) -> int:
        if currency not in known:
            try:
                known[currency] = to_minor(piece.amount or 0, currency, exponents)
            except ValueError as error:
                raise CannotSplitError(f"{where}: the amount {error}") from error
        return known[currency]

    return fixed


def _lines(rule: Rule, split: ByLines, exponents: Mapping[str, int]) -> Splitter:
    aim, where = _aim(rule, split.target, rule.place, exponents), _where(rule, rule.place)

    def by_lines(claims: Claims, posting: Posting) -> None:
        if not posting.lines:
            claims.because(f"rule {rule.name}: the posting has no lines")
            return
        found = sum(line.amount for line in posting.lines)
        if found != posting.amount:
            lines, itself = (told(amount, posting.currency, exponents) for amount in (found, posting.amount))
            raise CannotSplitError(f"{where}: its lines add up to {lines}, the posting itself is {itself}")
        sign = -1 if posting.amount < 0 else 1
        for line in posting.lines:
            key = aim.key(posting, line)
            if key is None:
                claims.because(f"rule {rule.name}: {aim.missing(posting, line)}")
            claims.add(key or NOWHERE, sign * line.amount * claims.scale, rule.name)
        _one_direction(claims, posting, where, exponents)

    return by_lines


def _one_direction(claims: Claims, posting: Posting, where: str, exponents: Mapping[str, int]) -> None:
    """No target of lines may get the opposite sign: the others would together exceed the posting."""
    for (budget, _), exact in claims.exact.items():
        if exact < 0:
            sign = -1 if posting.amount < 0 else 1
            amount = told(sign * exact // claims.scale, posting.currency, exponents)
            itself = told(posting.amount, posting.currency, exponents)
            raise CannotSplitError(
                f"{where}: its lines give {budget or 'no budget'} {amount} of {itself}, against all other parts"
            )


def _table(rule: Rule, split: ByTable, rules: RuleSet, scale: int) -> Splitter:
    if split.table not in rules.tables:
        raise ValueError(f"{rule.place}: rule {rule.name}: there is no table {split.table!r}")
    table = rules.tables[split.table]
    rows = {plain(key): _pieces(rule, pieces, rules, scale) for key, pieces in table.items()}
    get = getter(split.by, rules.exponents)

    def by_table(claims: Claims, posting: Posting) -> None:
        key = plain(get(posting))
        if row := rows.get(key):
            row(claims, posting)
            return
        why = f"table {split.table} has no row for {split.by} {key}" if key else f"{split.by} is empty"
        claims.because(f"rule {rule.name}: {why}")

    return by_table


def _aim(rule: Rule, target: Target, place: Place, exponents: Mapping[str, int]) -> Aim:
    try:
        return Aim(target, exponents)
    except ValueError as error:
        raise ValueError(f"{place}: rule {rule.name}: {error}") from error


def _where(rule: Rule, place: Place) -> str:
    return f"rule {rule.name} ({place if place.line else rule.place})"
