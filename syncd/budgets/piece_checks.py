"""What is wrong with the pieces of a split: shares, fixed amounts, the rest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil

from syncd.budgets.finding import Finding
from syncd.budgets.model import Piece, Pieces, Place, Rule, RuleSet
from syncd.budgets.money import to_minor
from syncd.budgets.values import plain


def warnings(rules: RuleSet) -> list[Finding]:
    """What may go wrong with some postings, or does nothing: rules can be used with it."""
    found = []
    for rule in rules.rules:
        if not isinstance(rule.split, Pieces):
            continue
        shares, fixed = shares_of(rule.split.pieces), fixed_of(rule.split.pieces)
        least = rule.when["amount"].least if "amount" in rule.when else None
        enough = Fraction(fixed) / (1 - shares) if shares < 1 else None
        if fixed and enough is not None and (least is None or Fraction(least) < enough):
            smallest = f"{ceil(enough * 100) / 100:.2f}"
            message = f"rule {rule.name}: its fixed amounts leave a negative remainder on a posting below {smallest}"
            found.append(
                Finding(rule.place, message, f"such a posting is refused; ask for amount: {{min: {smallest}}}")
            )
        if shares == 1 and not fixed and (rest := next((one for one in rule.split.pieces if one.rest), None)):
            message = f"rule {rule.name}: the shares take everything, so the rest is never anything"
            found.append(Finding(rest.place, message, "lower a share or remove the rest"))
    return found


def piece_findings(told: str, place: Place, pieces: Sequence[Piece], most: Decimal | None = None) -> Iterator[Finding]:
    """Faults of one split. ``most``: the largest amount in whole currency units that its rule asks for, if it does."""
    if not pieces:
        yield Finding(place, f"{told}: the split has no pieces", "name at least one budget")
    for piece in pieces:
        if [piece.share is not None, piece.amount is not None, piece.rest].count(True) != 1:
            yield Finding(piece.place, f"{told}: a piece needs one of share, amount and rest", "give exactly one")
        if (piece.share or 0) < 0 or (piece.amount or 0) < 0:
            yield Finding(
                piece.place, f"{told}: a piece cannot be negative", "a reversal takes back the same by itself"
            )
    rests = [piece for piece in pieces if piece.rest]
    if len(rests) > 1:
        yield Finding(
            rests[1].place, f"{told}: two pieces claim the rest", f"the other is at {rests[0].place}; keep one"
        )
    shares, fixed = shares_of(pieces), fixed_of(pieces)
    if shares > 1:
        last = next(piece for at, piece in enumerate(pieces) if shares_of(pieces[: at + 1]) > 1)
        yield Finding(last.place, f"{told}: the shares add up to {percent(shares)}", "lower them to 100% at most")
    elif fixed and (shares == 1 or (most is not None and Fraction(most) * (1 - shares) < Fraction(fixed))):
        one = next(piece for piece in pieces if piece.amount)
        taken = f"shares of {percent(shares)} and " if shares else ""
        of = "any posting" if most is None or shares == 1 else f"postings of {plain(most)} at most"
        message = f"{told}: {taken}fixed amounts of {plain(fixed)} leave a negative remainder of {of}"
        yield Finding(one.place, message, "lower the shares or the amounts")


def decimal_findings(
    rule: Rule, pieces: Sequence[Piece], currencies: Sequence[str], rules: RuleSet
) -> Iterator[Finding]:
    """Fixed amounts that a currency the rule asks for cannot have."""
    for piece in pieces:
        for currency in currencies:
            try:
                to_minor(piece.amount or 0, currency, rules.exponents)
            except ValueError as error:
                yield Finding(piece.place, f"rule {rule.name}: {error}", f"the rule asks for currency {currency}")


def table_findings(rules: RuleSet) -> Iterator[Finding]:
    """Faults of the rows of all tables."""
    for name, table in rules.tables.items():
        keys: dict[str, str] = {}
        for key, pieces in table.items():
            place = pieces[0].place if pieces else Place()
            if plain(key) in keys:
                message = f"table {name}: rows {keys[plain(key)]} and {key} are the same key"
                yield Finding(place, message, "keep one of them")
            keys[plain(key)] = key
            yield from piece_findings(f"table {name}, row {key}", place, pieces)


def shares_of(pieces: Sequence[Piece]) -> Fraction:
    """All shares together."""
    return sum((piece.share for piece in pieces if piece.share is not None), Fraction(0))


def fixed_of(pieces: Sequence[Piece]) -> Decimal:
    """All fixed amounts together, in whole currency units."""
    return sum((piece.amount for piece in pieces if piece.amount is not None), Decimal(0))


def percent(share: Fraction | int) -> str:
    """A share for a person."""
    whole = Fraction(share) * 100
    return f"{whole}%" if whole.denominator == 1 else f"{float(whole):.6g}%"
