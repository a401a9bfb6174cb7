"""Bad rules: each fault one clear finding at its place. Good rules: none. And no finding is wrong about a posting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budgets.allocate import Compiled, prepared
from syncd.budgets.checks import checks, warnings
from syncd.budgets.model import ByLines, ByTable, Mode, Piece, Pieces, Place, Posting, Rule, RuleSet, Target, Window
from syncd.budgets.model import Test as Asked
from syncd.budgets.overlaps import apart, covers, never
from tests.bench.allocate import rules as made_rules
from tests.unit.budgets.rules_kit import DAY, FILE, equal, fixed, posting, rest, rule, rules, share, split_by

SPRING = Window(date(2026, 3, 1), date(2026, 5, 31))
AUTUMN = Window(date(2026, 9, 1), date(2026, 11, 30))
TABLES = {"overhead": {"4100": (share("A", "3/5"), rest("B"))}}


def told(made: RuleSet, fields: Iterable[str] | None = None, lines: Iterable[str] | None = None) -> list[str]:
    found = checks(made, None if fields is None else [*fields], None if lines is None else [*lines])
    return [f"{finding.place}: {finding.message} ({finding.hint})" for finding in found]


ONE = {
    "shares over the whole": (
        rules(rule("r", share("A", "3/5"), share("B", "3/5"))),
        f"{FILE}:7: rule r: the shares add up to 120% (lower them to 100% at most)",
    ),
    "two rests": (
        rules(rule("r", rest("A", 9), rest("B", 10))),
        f"{FILE}:10: rule r: two pieces claim the rest (the other is at {FILE}:9; keep one)",
    ),
    "a negative remainder of any posting": (
        rules(rule("r", share("A", "1"), fixed("B", "5"))),
        (
            f"{FILE}:8: rule r: shares of 100% and fixed amounts of 5 leave a negative remainder of any posting"
            " (lower the shares or the amounts)"
        ),
    ),
    "a negative remainder of all small postings": (
        rules(rule("r", fixed("B", "500"), rest("A"), amount=Asked(most=Decimal(499)))),
        (
            f"{FILE}:8: rule r: fixed amounts of 500 leave a negative remainder of postings of 499 at most"
            " (lower the shares or the amounts)"
        ),
    ),
    "no pieces": (rules(rule("r")), f"{FILE}:5: rule r: the split has no pieces (name at least one budget)"),
    "nothing in a piece": (
        rules(rule("r", Piece(Target("A"), place=Place(FILE, 8)), rest("B"))),
        f"{FILE}:8: rule r: a piece needs one of share, amount and rest (give exactly one)",
    ),
    "a negative share": (
        rules(rule("r", share("A", "-1/2"))),
        f"{FILE}:7: rule r: a piece cannot be negative (a reversal takes back the same by itself)",
    ),
    "least over most": (
        rules(rule("r", rest("A"), amount=Asked(least=Decimal(10), most=Decimal(5)))),
        (f"{FILE}:5: rule r can never match: amount should be at least 10 and at most 5 (mend it or remove the rule)"),
    ),
    "an amount below nothing": (
        rules(rule("r", rest("A"), amount=Asked(most=Decimal(-1)))),
        f"{FILE}:5: rule r can never match: amount should be at most -1, and is told without its sign (mend it or remove the rule)",
    ),
    "an empty window": (
        rules(rule("r", rest("A"), valid=Window(AUTUMN.first, SPRING.last))),
        f"{FILE}:5: rule r can never match: it is in force from 2026-09-01 to 2026-05-31 (mend it or remove the rule)",
    ),
    "an empty date window": (
        rules(rule("r", rest("A"), date=Asked(window=Window(AUTUMN.first, SPRING.last)))),
        f"{FILE}:5: rule r can never match: date should be from 2026-09-01 to 2026-05-31 (mend it or remove the rule)",
    ),
    "never in force on its days": (
        rules(rule("r", rest("A"), valid=SPRING, date=Asked(window=AUTUMN))),
        (
            f"{FILE}:5: rule r can never match: it is in force from 2026-03-01 to 2026-05-31 and asks for a date"
            " from 2026-09-01 to 2026-11-30 (mend it or remove the rule)"
        ),
    ),
    "empty and not": (
        rules(rule("r", rest("A"), cc=Asked(frozenset({"4100"}), empty=True))),
        f"{FILE}:5: rule r can never match: cc should be empty and have a value (mend it or remove the rule)",
    ),
    "an own word that is never empty": (
        rules(rule("r", rest("A"), date=Asked(empty=True))),
        f"{FILE}:5: rule r can never match: date should be empty, and cannot be (mend it or remove the rule)",
    ),
    "a month that there is not": (
        rules(rule("r", rest("A"), month=equal("13"))),
        f"{FILE}:5: rule r can never match: month should be 13, and cannot be (mend it or remove the rule)",
    ),
    "a currency that is no code": (
        rules(rule("r", rest("A"), currency=equal("euro"))),
        f"{FILE}:5: rule r can never match: currency should be EURO, and cannot be (mend it or remove the rule)",
    ),
    "equal to what it is not like": (
        rules(rule("r", rest("A"), cc=Asked(frozenset({"4100"}), like=("5*",)))),
        f"{FILE}:5: rule r can never match: cc should be 4100, and cannot be (mend it or remove the rule)",
    ),
    "a condition on a line": (
        rules(replace(rule("r", rest("A")), when={"line.cc": equal("1")})),
        f"{FILE}:5: rule r: line.cc is of a line, and rules match postings (use a field of the posting)",
    ),
    "an unknown table": (
        replace(rules(split_by("r", ByTable("overheads", "cc"))), tables=TABLES),
        f"{FILE}:5: rule r: there is no table 'overheads' (did you mean 'overhead'?)",
    ),
    "a table over the whole": (
        replace(rules(), tables={"t": {"4100": (share("A", "3/5"), share("B", "2/3"))}}),
        f"{FILE}:7: table t, row 4100: the shares add up to 126.667% (lower them to 100% at most)",
    ),
    "the same row twice": (
        replace(rules(), tables={"t": {"4100": (rest("A"),), "4100.0": (rest("B", 11),)}}),
        f"{FILE}:11: table t: rows 4100 and 4100.0 are the same key (keep one of them)",
    ),
    "decimals the currency lacks": (
        rules(rule("r", fixed("A", "50.50"), rest("B"), currency=equal("JPY"))),
        f"{FILE}:8: rule r: 50.50 has 1 decimals, JPY has 0 (the rule asks for currency JPY)",
    ),
    "the same name twice": (
        rules(rule("r", rest("A"), cc=equal("1"), line=3), rule("r", rest("A"), cc=equal("2"))),
        f"{FILE}:5: two rules are named r (the other is at {FILE}:3; rename one)",
    ),
    "a name that is taken": (
        rules(rule("default", rest("A"))),
        (
            f"{FILE}:5: no rule can be named 'default': parts of the default, or of several rules, are named so"
            " (give it another name)"
        ),
    ),
    "a rule after one that takes everything": (
        rules(rule("all", rest("A"), line=3), rule("r", rest("B"), cc=equal("1"))),
        (
            f"{FILE}:5: rule r can never match: rule all ({FILE}:3) before it takes it all"
            " (put it above, ask all for more, or remove it)"
        ),
    ),
    "a rule after two that take everything of it": (
        rules(
            rule("a", rest("A"), cc=equal("1", "2"), line=3),
            rule("b", rest("A"), cc=equal("3"), line=4),
            rule("r", rest("B"), cc=equal("1", "3"), text=equal("x")),
        ),
        (
            f"{FILE}:5: rule r can never match: rule a ({FILE}:3) and rule b ({FILE}:4) before it take it all"
            " (put it above, ask a for more, or remove it)"
        ),
    ),
    "two rules that claim the rest": (
        rules(rule("a", rest("A"), cc=equal("1"), line=3), rule("r", rest("B"), text=equal("x")), mode=Mode.ALL),
        (
            f"{FILE}:5: rules a ({FILE}:3) and r both claim the rest of postings that match both"
            " (keep one rest, or let them ask for different postings)"
        ),
    ),
    "two rules by lines": (
        rules(*(split_by(name, ByLines(Target("A"))) for name in ("a", "r")), mode=Mode.ALL),
        (
            f"{FILE}:5: rules a ({FILE}:5) and r both split by lines what matches both"
            " (let them ask for different postings)"
        ),
    ),
    "two rules of too many shares": (
        rules(rule("a", share("A", "3/5"), line=3), rule("r", share("B", "1/2"), cc=equal("1")), mode=Mode.ALL),
        (
            f"{FILE}:5: the shares of rules a ({FILE}:3) and r add up to 110%"
            " (both apply to the same postings: lower them to 100% at most)"
        ),
    ),
    "a broken template": (
        rules(rule("r", rest("{cc:{year}"))),
        f"{FILE}:9: rule r: '{{cc:{{year}}' has a brace without its other half (write a field as \"{{name}}\")",
    ),
    "a line's field without lines": (
        rules(rule("r", rest("{line.cc}"))),
        f"{FILE}:9: rule r: {{line.cc}} is of a line (only a split by lines knows lines)",
    ),
    "an amount as a target": (
        rules(rule("r", rest("{amount}"))),
        f"{FILE}:9: rule r: an amount names no budget (name another field)",
    ),
}


@pytest.mark.parametrize("fault", ONE)
def test_each_fault_is_one_finding_with_its_place(fault: str) -> None:
    made, expected = ONE[fault]
    assert told(made) == [expected]


def test_names_of_fields_are_checked_where_they_are_known() -> None:
    made = RuleSet(
        (
            rule("r", rest("{cost_center}:{year}"), kst=equal("1"), amount=Asked(least=Decimal(1))),
            split_by("t", ByTable("overhead", "konto"), cost_centre=equal("1")),
            split_by("l", ByLines(Target("{line.kst}:{line.no}")), cost_centre=equal("2")),
        ),
        default=Target("9999:{yaer}"),
        tables=TABLES,
        default_place=Place(FILE, 30),
    )
    assert told(made) == []
    assert told(made, ["cost_centre"], ["no"]) == [
        f"{FILE}:9: rule r: postings have no field 'cost_center' (did you mean 'cost_centre'?)",
        f"{FILE}:5: rule l: lines have no field 'kst' (known: no)",
        f"{FILE}:30: default: postings have no field 'yaer' (known: cost_centre)",
        f"{FILE}:5: rule r: postings have no field 'kst' (known: cost_centre)",
        f"{FILE}:5: rule t: postings have no field 'konto' (known: cost_centre)",
    ]


def test_rules_as_controllers_write_them_have_no_fault() -> None:
    assert told(made_rules()) == []
    apart_ = rules(
        rule("a", rest("A"), cc=equal("1")),
        rule("b", rest("B"), cc=equal("2")),
        rule("c", rest("C"), cc=equal("3"), valid=SPRING),
        rule("d", rest("D"), cc=equal("3"), valid=AUTUMN),
        rule("e", rest("E"), cc=Asked(empty=True)),
        mode=Mode.ALL,
    )
    assert told(apart_) == []
    partly = rules(rule("a", rest("A"), cc=equal("1")), rule("r", rest("B"), cc=equal("1", "2")))
    assert told(partly) == []


def test_what_may_go_wrong_is_a_warning() -> None:
    made = rules(
        rule("rent", share("A", "2/5"), fixed("B", "500"), rest("C"), account=equal("6000")),
        rule("safe", share("A", "2/5"), fixed("B", "500"), rest("C"), amount=Asked(least=Decimal("833.34"))),
        rule("full", share("A", "1"), rest("C")),
    )
    assert told(made) == []
    assert [f"{found.place}: {found.message}" for found in warnings(made)] == [
        f"{FILE}:5: rule rent: its fixed amounts leave a negative remainder on a posting below 833.34",
        f"{FILE}:9: rule full: the shares take everything, so the rest is never anything",
    ]
    at_least = prepared(made).allocate(posting(83_334, account="6000"))
    assert not at_least.problem
    assert prepared(made).allocate(posting(83_333, account="6000")).problem


TESTS = [
    Asked(),
    equal("A"),
    equal("A", "B"),
    equal("B", "", "7"),
    Asked(like=("a*",)),
    Asked(like=("*",)),
    Asked(like=("a*", "?")),
    Asked(empty=True),
    Asked(empty=False),
    Asked(least=Decimal(5)),
    Asked(least=Decimal(7)),
    Asked(most=Decimal(7), least=Decimal(6)),
    Asked(frozenset({"7", "A"}), empty=False),
    Asked(window=SPRING),
]
OWN_TESTS = {
    "amount": [Asked(least=Decimal(50)), Asked(most=Decimal(20)), equal("100"), Asked(empty=False)],
    "date": [Asked(window=SPRING), Asked(window=Window(DAY, DAY)), Asked(window=AUTUMN)],
    "month": [equal("5"), equal("05", "6")],
}
WINDOWS = [Window(), SPRING, AUTUMN, Window(DAY, None), Window(None, DAY)]
WHEN = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(some) for name, some in {"x": TESTS, "y": TESTS, **OWN_TESTS}.items()}
)
SOME_RULE = st.builds(lambda when, valid: Rule("r", when, Pieces((rest("A"),)), valid), WHEN, st.sampled_from(WINDOWS))
VALUES = ("A", "B", "", "7", "abc", "2026-04-01", "6.5")
ALL_POSTINGS = [
    Posting("P", amount, "EUR", DAY + timedelta(days=days), {"x": x, "y": y})
    for amount, days, x, y in product((10_000, 500, 5000), (-200, 0, 1, 130), VALUES, VALUES)
]


def matching(one: Rule) -> set[int]:
    ready = Compiled(one, rules(one), 1)
    return {at for at, some in enumerate(ALL_POSTINGS) if ready.matches(some)}


def holds_of(left: Rule, first: set[int], right: Rule, second: set[int]) -> None:
    """What is said of two rules agrees with the postings that they match."""
    assert not (never(left) and first)
    assert not covers(left, right) or second <= first
    assert not (apart(left, right) and first & second)


def test_what_is_said_of_two_conditions_holds_for_every_posting() -> None:
    """Every pair of rules that ask for one thing."""
    asked = [{name: test} for name, some in {"x": TESTS, **OWN_TESTS}.items() for test in some]
    made = [Rule("r", when, None) for when in ({}, *asked)] + [Rule("r", {}, None, valid) for valid in WINDOWS]
    every = [(one, matching(one)) for one in made]
    for left, right in product(every, every):
        holds_of(*left, *right)
    assert sum(covers(left, right) for (left, _), (right, _) in product(every, every)) > 100


@given(SOME_RULE, SOME_RULE)
@settings(max_examples=60)
def test_what_is_said_of_two_rules_holds_for_every_posting(left: Rule, right: Rule) -> None:
    holds_of(left, matching(left), right, matching(right))


@given(st.lists(SOME_RULE, min_size=2, max_size=4))
@settings(max_examples=40)
def test_a_rule_that_is_said_never_to_match_never_does(found: list[Rule]) -> None:
    named = [replace(one, name=f"r{at}", place=Place(FILE, at)) for at, one in enumerate(found)]
    blamed = {finding.place.line for finding in checks(rules(*named)) if "never match" in finding.message}
    ready = prepared(rules(*named))
    first = {ready.matching(one)[0].rule.place.line for one in ALL_POSTINGS if ready.matching(one)}
    assert not blamed & first
