"""Short words for postings and rules, and Hypothesis strategies for both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from syncd.budgets.model import (
    Allocated,
    Line,
    Mode,
    Piece,
    Pieces,
    Place,
    Posting,
    Rule,
    RuleSet,
    Split,
    Target,
    Test,
    Window,
)

DAY = date(2026, 5, 17)
FILE = "allocations/costs.yaml"
EXPONENTS = {"EUR": 2, "JPY": 0, "BHD": 3}


def posting(amount: int = 10_000, currency: str = "EUR", **fields: object) -> Posting:
    return Posting("P1", amount, currency, DAY, fields)


def lined(amount: int, *lines: tuple[int, str | None]) -> Posting:
    made = tuple(Line(f"L{at}", part, {"cc": centre}) for at, (part, centre) in enumerate(lines))
    return Posting("P1", amount, "EUR", DAY, {}, made)


def share(budget: str, of: Fraction | str, employee: str | None = None) -> Piece:
    return Piece(Target(budget, employee), share=Fraction(of), place=Place(FILE, 7, 3))


def fixed(budget: str, amount: str) -> Piece:
    return Piece(Target(budget), amount=Decimal(amount), place=Place(FILE, 8, 3))


def rest(budget: str, line: int = 9) -> Piece:
    return Piece(Target(budget), rest=True, place=Place(FILE, line, 3))


def rule(name: str, *pieces: Piece, line: int = 5, valid: Window | None = None, **when: Test) -> Rule:
    return Rule(name, when, Pieces(pieces), valid or Window(), Place(FILE, line, 1))


def split_by(name: str, split: Split | None, **when: Test) -> Rule:
    return Rule(name, when, split, Window(), Place(FILE, 5, 1))


def rules(*made: Rule, mode: Mode = Mode.FIRST, default: str | None = None) -> RuleSet:
    return RuleSet(made, mode, Target(default) if default else None)


def equal(*values: str) -> Test:
    return Test(frozenset(values))


def mirrored(one: Posting) -> Posting:
    """Its reversal."""
    lines = tuple(replace(line, amount=-line.amount) for line in one.lines)
    return replace(one, amount=-one.amount, base=None if one.base is None else -one.base, lines=lines)


def negated(result: Allocated) -> Allocated:
    parts = tuple(replace(p, amount=-p.amount, base=None if p.base is None else -p.base) for p in result.parts)
    return replace(result, parts=parts, unassigned=-result.unassigned)


CENTRES = ("A", "B", "C", None)
TARGETS = st.sampled_from(["A", "B", "C", "{cc}:{year}", "X{project}"])
WEIGHTS = st.lists(st.tuples(TARGETS, st.integers(1, 60)), max_size=5)
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "cc": st.sampled_from([equal("A"), equal("A", "B"), equal("C", "")]),
        "amount": st.sampled_from([Test(least=Decimal(1)), Test(least=Decimal(400))]),
    },
)


@st.composite
def splits(draw: st.DrawFn) -> Pieces:
    """Shares that stay within the whole, fixed amounts, at most one rest; targets may coincide or be unknown."""
    weights = draw(WEIGHTS)
    whole = max(1, sum(weight for _, weight in weights)) + draw(st.sampled_from([0, 1, 100]))
    pieces = [Piece(Target(target), share=Fraction(weight, whole)) for target, weight in weights]
    extra = draw(st.sampled_from(["", "fixed", "rest", "both"]))
    if extra in {"fixed", "both"}:
        pieces.append(Piece(Target(draw(TARGETS)), amount=Decimal(draw(st.integers(1, 300)))))
    if extra in {"rest", "both"} or not pieces:
        pieces.insert(draw(st.integers(0, len(pieces))), Piece(Target(draw(TARGETS)), rest=True))
    return Pieces(tuple(pieces))


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Up to four rules on two fields, in either mode, with and without a default."""
    asked = draw(st.lists(st.tuples(WHEN, st.one_of(splits(), splits(), st.none())), max_size=4))
    made = [Rule(f"r{at}", when, split, Window(), Place(FILE, at + 1, 1)) for at, (when, split) in enumerate(asked)]
    mode = draw(st.sampled_from(Mode))
    return RuleSet(tuple(made), mode, draw(st.sampled_from([None, Target("D"), Target("D:{project}")])))


@st.composite
def some_postings(draw: st.DrawFn) -> Posting:
    """Any amount, in currencies with 0, 2 and 3 decimals."""
    amount = draw(st.integers(-(10**9), 10**9))
    base = draw(st.one_of(st.none(), st.integers(0, 10**9)))
    fields = {"cc": draw(st.sampled_from(CENTRES)), "project": draw(st.sampled_from(["", "7", None]))}
    signed = None if base is None else base * (1 if amount >= 0 else -1)
    return Posting(
        draw(st.sampled_from(["P1", "P2"])), amount, draw(st.sampled_from([*EXPONENTS])), DAY, fields, (), signed
    )
