"""What holds for any rules and any posting: not a cent is lost, a reversal mirrors, nothing depends on any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budgets.allocate import allocate, prepared
from syncd.budgets.coverage import coverage
from syncd.budgets.model import Allocated, ByLines, Line, Mode, Piece, Pieces, Posting, Rule, RuleSet, Target
from syncd.budgets.money import share_out
from tests.bench.allocate import postings as made_postings
from tests.bench.allocate import rules as made_rules
from tests.unit.budgets.rules_kit import (
    DAY,
    mirrored,
    negated,
    posting,
    rest,
    rule,
    rule_sets,
    rules,
    share,
    some_postings,
    splits,
)


def sound(one: Posting, result: Allocated) -> None:
    """The laws of one result."""
    sign = -1 if one.amount < 0 else 1
    assert sum(part.amount for part in result.parts) + result.unassigned == one.amount
    assert all(part.amount * sign > 0 for part in result.parts)
    assert result.unassigned * sign >= 0
    assert len({part.key for part in result.parts}) == len(result.parts)
    assert all(part.budget and part.employee != "" for part in result.parts)
    assert [part.whole for part in result.parts] == [part.amount == one.amount for part in result.parts]
    assert bool(result.unassigned) <= bool(result.reason or result.problem)
    assert not (result.problem and result.parts)
    if one.base is not None and result.parts:
        bases = [part.base for part in result.parts]
        assert all(base is not None and base * sign >= 0 for base in bases)
        assert abs(sum(base or 0 for base in bases)) <= abs(one.base)
        assert result.unassigned or sum(base or 0 for base in bases) == one.base
    if one.base is None:
        assert all(part.base is None for part in result.parts)


@given(some_postings(), rule_sets())
@settings(max_examples=150)
def test_parts_add_up_mirror_and_come_again(one: Posting, made: RuleSet) -> None:
    ready = prepared(made)
    result = ready.allocate(one)
    sound(one, result)
    assert ready.allocate(one) == result
    back = ready.allocate(mirrored(one))
    assert replace(back, problem="") == replace(negated(result), problem="")
    assert bool(back.problem) == bool(result.problem)


@given(some_postings(), splits(), st.randoms(use_true_random=False))
def test_the_order_of_pieces_says_nothing(one: Posting, split: Pieces, random: random.Random) -> None:
    pieces = list(split.pieces)
    random.shuffle(pieces)
    left, right = (allocate(one, rules(Rule("r", {}, Pieces(tuple(some))))) for some in (split.pieces, pieces))
    assert (left.parts, left.unassigned, left.problem) == (right.parts, right.unassigned, right.problem)


@given(some_postings(), rule_sets(), st.randoms(use_true_random=False))
def test_in_mode_all_the_order_of_rules_moves_no_cent(one: Posting, made: RuleSet, random: random.Random) -> None:
    made = replace(made, mode=Mode.ALL)
    shuffled = list(made.rules)
    random.shuffle(shuffled)
    left, right = allocate(one, made), allocate(one, replace(made, rules=tuple(shuffled)))
    assert [(part.key, part.amount, part.base) for part in left.parts] == [
        (part.key, part.amount, part.base) for part in right.parts
    ]
    assert left.unassigned == right.unassigned


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6), st.sampled_from(Mode))
def test_lines_add_up_whatever_they_are(amounts: list[int], mode: Mode) -> None:
    lines = tuple(Line(f"L{at}", amount, {"cc": "ABC"[at % 3]}) for at, amount in enumerate(amounts))
    one = Posting("P1", sum(amounts), "EUR", DAY, {}, lines)
    made = rules(Rule("r", {}, ByLines(Target("{line.cc}"))), mode=mode)
    result = allocate(one, made)
    sound(one, result)
    sums = [sum(line.amount for line in lines if line.fields["cc"] == centre) for centre in "ABC"]
    assert bool(result.problem) == (min(sums) < 0 < max(sums) or (one.amount == 0 and any(sums)))


@given(st.lists(some_postings(), min_size=2, max_size=6), rule_sets(), st.data())
def test_a_posting_changes_only_its_own(found: list[Posting], made: RuleSet, data: st.DataObject) -> None:
    """Nothing is remembered between postings, so neither their order nor a change of another one matters."""
    ready = prepared(made)
    before = [ready.allocate(one) for one in found]
    at = data.draw(st.integers(0, len(found) - 1))
    changed = [*found[:at], data.draw(some_postings()), *found[at + 1 :]]
    after = list(reversed([ready.allocate(one) for one in reversed(changed)]))
    assert [*before[:at], *before[at + 1 :]] == [*after[:at], *after[at + 1 :]]


def small_splits() -> Iterator[tuple[Piece, ...]]:
    """Every split of up to three pieces with these shares, with and without a rest, within the whole."""
    shares = [Fraction(1, 6), Fraction(1, 3), Fraction(1, 2), Fraction(1)]
    for count in range(4):
        for some in product(shares, repeat=count):
            if sum(some) <= 1:
                pieces = [share("ABC"[at], part) for at, part in enumerate(some)]
                yield tuple(pieces)
                yield (*pieces, rest("R"))


def test_every_small_split_of_every_small_amount() -> None:
    """Enumerated: adds up, less than one unit off each exact share, in the same way in every order."""
    seen = 0
    for pieces in small_splits():
        orders = [prepared(rules(rule("r", *some))) for some in permutations(pieces)]
        for amount in (*range(-7, 8), 100):
            one = posting(amount, "JPY")
            result, *others = [order.allocate(one) for order in orders]
            assert all(other.parts == result.parts for other in others)
            sound(one, result)
            got = {part.budget: part.amount for part in result.parts}
            for piece in pieces:
                if piece.share is not None:
                    assert abs(got.get(piece.target.budget, 0) - amount * piece.share) < 1
            seen += 1
    assert seen > 500


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.builds(Fraction, st.integers(0, 60), st.integers(1, 97)), min_size=1, max_size=8),
)
def test_sharing_out_loses_nothing(total: int, weights: list[Fraction]) -> None:
    if not any(weights):
        weights[0] = Fraction(1)
    parts = share_out(total, weights)
    assert sum(parts) == total
    every = sum(weights)
    assert all(abs(part - total * weight / every) < 1 for part, weight in zip(parts, weights, strict=True))
    assert share_out(-total, weights) == [-part for part in parts]


def test_a_year_of_made_postings_adds_up_to_the_cent() -> None:
    """All kinds of splits at once, three currencies; the sums of all parts are the sums of all postings."""
    ready, sums = prepared(made_rules()), dict.fromkeys(("EUR", "PLN", "JPY"), 0)
    made = list(made_postings(3000, 7))
    assert [one.key for one in made] == [one.key for one in made_postings(3000, 7)]
    results = [ready.allocate(one) for one in made]
    for one, result in zip(made, results, strict=True):
        sound(one, result)
        assert not result.problem
        sums[one.currency] += one.amount - result.unassigned - sum(part.amount for part in result.parts)
    assert set(sums.values()) == {0}
    told = coverage((one.currency, one.amount, result) for one, result in zip(made, results, strict=True))
    used = {name for name, _ in told.rules}
    assert used == {"default"} | {one.name for one in made_rules().rules if one.split is not None}
    assert all(one.on.year == date(2026, 1, 1).year for one in made)
