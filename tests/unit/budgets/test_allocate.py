"""What rules give of a posting, case by case: every kind of split, both modes, the default, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from syncd.budgets.allocate import allocate, prepared
from syncd.budgets.model import Allocated, ByLines, ByTable, Mode, Piece, Place, Posting, Rule, RuleSet, Target, Window
from syncd.budgets.model import Test as Asked
from tests.unit.budgets.rules_kit import (
    DAY,
    FILE,
    equal,
    fixed,
    lined,
    mirrored,
    posting,
    rest,
    rule,
    rules,
    share,
    split_by,
)


def amounts(result: Allocated) -> dict[str, int]:
    assert not result.problem
    return {part.budget + (f"/{part.employee}" if part.employee else ""): part.amount for part in result.parts}


def test_one_target_gets_it_whole() -> None:
    made = rules(rule("marketing", rest("{cost_centre}:{year}"), cost_centre=equal("4100")))
    result = allocate(posting(12_345, cost_centre=Decimal("4100.0")), made)
    assert amounts(result) == {"4100:2026": 12_345}
    assert (result.parts[0].whole, result.parts[0].rule, result.unassigned, result.reason) == (True, "marketing", 0, "")


def test_words_of_the_day() -> None:
    result = allocate(posting(), rules(rule("r", rest("{year}-{month}-Q{quarter}-{date}-{currency}"))))
    assert amounts(result) == {"2026-05-Q2-2026-05-17-EUR": 10_000}


def test_shares_amounts_and_the_rest_add_up() -> None:
    made = rules(rule("rent", share("A", "2/5"), fixed("B", "33.33"), rest("C")))
    assert amounts(allocate(posting(10_001), made)) == {"A": 4000, "B": 3333, "C": 2668}
    assert amounts(allocate(mirrored(posting(10_001)), made)) == {"A": -4000, "B": -3333, "C": -2668}
    assert amounts(allocate(posting(100, "JPY"), rules(rule("r", share("A", "1/3"), fixed("B", "50"), rest("C"))))) == {
        "A": 33,
        "B": 50,
        "C": 17,
    }


def test_equal_remainders_are_decided_by_target_not_by_position() -> None:
    thirds = [share(name, "1/3") for name in "ABC"]
    assert amounts(allocate(posting(100), rules(rule("r", *thirds)))) == {"A": 34, "B": 33, "C": 33}
    assert amounts(allocate(posting(101), rules(rule("r", *reversed(thirds))))) == {"A": 34, "B": 34, "C": 33}


def test_the_same_target_twice_is_one_part() -> None:
    made = rules(rule("r", share("A", "1/3"), share("A", "1/3", ""), share("A", "1/3", "{nobody}")))
    result = allocate(posting(100), made)
    assert amounts(result) == {"A": 100}
    assert result.parts[0].whole
    assert amounts(allocate(posting(100), rules(rule("r", share("A", "1/2"), share("A", "1/2", "E1"))))) == {
        "A": 50,
        "A/E1": 50,
    }


def test_parts_of_nothing_are_left_out() -> None:
    assert amounts(allocate(posting(1), rules(rule("r", share("A", "1/3"), rest("B"))))) == {"B": 1}
    result = allocate(posting(0), rules(rule("r", rest("B"))))
    assert result == Allocated((), 0, "there is nothing to allocate")


def test_an_empty_field_makes_no_target() -> None:
    made = rules(rule("r", share("{cc}:{year}", "1/2"), rest("B")))
    result = allocate(posting(100, cc=" "), made)
    assert amounts(result) == {"B": 50}
    assert (result.unassigned, result.reason) == (50, "rule r: cc is empty, so {cc}:{year} is no budget")
    caught = allocate(posting(100, cc=None), replace(made, default=Target("D")))
    assert amounts(caught) == {"B": 50, "D": 50}
    assert caught.reason
    alone = allocate(posting(100), rules(rule("r", rest("{cc}:{year}"))))
    assert (alone.parts, alone.unassigned) == ((), 100)


def test_an_empty_employee_is_nobody() -> None:
    made = rules(rule("r", Piece(Target("A", "{employee_no}"), rest=True)))
    assert allocate(posting(employee_no="E7"), made).parts[0].employee == "E7"
    assert allocate(posting(employee_no=None), made).parts[0].employee is None


def test_the_first_rule_in_force_that_matches_counts() -> None:
    made = rules(
        rule("old", rest("OLD"), valid=Window(None, date(2026, 5, 16))),
        rule("other", rest("OTHER"), cc=equal("B")),
        rule("new", rest("NEW"), cc=equal("A", "C")),
        rule("later", rest("LATER")),
    )
    assert amounts(allocate(posting(100, cc="A"), made)) == {"NEW": 100}
    assert amounts(allocate(posting(100, cc="X"), made)) == {"LATER": 100}
    assert amounts(allocate(replace(posting(100, cc="A"), on=date(2026, 5, 16)), made)) == {"OLD": 100}


def test_all_rules_together_are_one_split() -> None:
    made = rules(
        rule("a", share("A", "1/3")),
        rule("b", share("B", "1/3"), share("A", "1/12"), cc=equal("B")),
        rule("c", rest("C"), cc=equal("B")),
        mode=Mode.ALL,
    )
    result = allocate(posting(1200, cc="B"), made)
    assert amounts(result) == {"A": 500, "B": 400, "C": 300}
    assert [part.rule for part in result.parts] == ["a + b", "b", "c"]
    left = allocate(posting(1200, cc="A"), made)
    assert (amounts(left), left.unassigned, left.reason) == ({"A": 400}, 800, "rule a gives only a part of it away")


def test_the_default_takes_what_is_left_in_both_modes() -> None:
    half = rule("half", share("A", "1/2"), cc=equal("A"))
    for mode in Mode:
        made = rules(half, mode=mode, default="D:{year}")
        assert amounts(allocate(posting(100, cc="A"), made)) == {"A": 50, "D:2026": 50}
        result = allocate(posting(100, cc="B"), made)
        assert amounts(result) == {"D:2026": 100}
        assert (result.parts[0].rule, result.reason) == ("default", "no rule matches")
    empty = allocate(posting(100), rules(default="D:{cc}"))
    assert (empty.parts, empty.unassigned) == ((), 100)
    assert empty.reason == "no rule matches; default: cc is empty, so D:{cc} is no budget"


def test_what_is_left_on_purpose_stays_from_the_default() -> None:
    leave = split_by("internal", None, counterparty=equal("own"))
    half = rule("half", share("A", "1/2"))
    result = allocate(posting(100, counterparty="own"), rules(leave, half, default="D"))
    assert (result.parts, result.unassigned, result.reason) == ((), 100, "rule internal leaves it on purpose")
    both = allocate(posting(100, counterparty="own"), rules(leave, half, mode=Mode.ALL, default="D"))
    assert (amounts(both), both.unassigned) == ({"A": 50}, 50)


BY_LINES = split_by("lines", ByLines(Target("{line.cc}:{year}")))


def test_the_erps_own_lines_are_the_split() -> None:
    one = lined(1000, (300, "A"), (500, "B"), (250, "A"), (-50, "B"))
    assert amounts(allocate(one, rules(BY_LINES))) == {"A:2026": 550, "B:2026": 450}
    assert amounts(allocate(mirrored(one), rules(BY_LINES))) == {"A:2026": -550, "B:2026": -450}
    unknown = allocate(lined(1000, (300, "A"), (700, None)), rules(BY_LINES, default="D"))
    assert amounts(unknown) == {"A:2026": 300, "D": 700}
    assert unknown.reason == "rule lines: line.cc is empty, so {line.cc}:{year} is no budget"


def test_a_posting_without_lines_stays_unassigned() -> None:
    result = allocate(posting(100), rules(BY_LINES))
    assert (result.parts, result.unassigned, result.reason) == ((), 100, "rule lines: the posting has no lines")


def test_a_table_gives_the_split_of_its_row() -> None:
    table = {"4100": (share("A", "3/5"), rest("B")), "X1": (rest("X"),)}
    made = RuleSet((split_by("t", ByTable("overhead", "cc")),), tables={"overhead": table})
    assert amounts(allocate(posting(100, cc=4100), made)) == {"A": 60, "B": 40}
    assert amounts(allocate(posting(100, cc="X1"), made)) == {"X": 100}
    assert allocate(posting(100, cc="9"), made).reason == "rule t: table overhead has no row for cc 9"
    assert allocate(posting(100), made).reason == "rule t: cc is empty"


def test_base_amounts_follow_the_parts() -> None:
    made = rules(rule("r", share("A", "1/3"), share("B", "1/3")))
    result = allocate(replace(posting(-100, "JPY"), base=-61, base_currency="EUR"), made)
    assert [(part.amount, part.base) for part in result.parts] == [(-34, -21), (-33, -20)]
    assert result.unassigned == -33
    whole = allocate(replace(posting(100), base=77), rules(rule("r", rest("A"))))
    assert whole.parts[0].base == 77


AB = f"rule a ({FILE}:3), rule b ({FILE}:4)"
PROBLEMS = {
    "fixed amounts": (
        posting(30_000),
        rules(rule("rent", share("A", "3/5"), fixed("B", "500.00"), rest("C"))),
        f"posting P1: rule rent ({FILE}:5): pieces of 680.00 EUR on a posting of 300.00 EUR leave a negative remainder",
    ),
    "shares of several rules": (
        posting(100),
        rules(rule("a", share("A", "3/5"), line=3), rule("b", share("B", "3/5"), line=4), mode=Mode.ALL),
        f"posting P1: {AB}: pieces of 1.20 EUR on a posting of 1.00 EUR leave a negative remainder",
    ),
    "two rests": (
        posting(100),
        rules(rule("a", rest("A"), line=3), rule("b", rest("B"), line=4), mode=Mode.ALL),
        f"posting P1: {AB}: two claims on the rest",
    ),
    "lines that do not add up": (
        lined(1000, (300, "A"), (600, "B")),
        rules(BY_LINES),
        f"posting P1: rule lines ({FILE}:5): its lines add up to 9.00 EUR, the posting itself is 10.00 EUR",
    ),
    "lines of both signs": (
        lined(-1000, (-1200, "A"), (200, "B")),
        rules(BY_LINES),
        f"posting P1: rule lines ({FILE}:5): its lines give B:2026 2.00 EUR of -10.00 EUR, against all other parts",
    ),
    "lines of nothing": (
        lined(0, (200, "A"), (-200, "B")),
        rules(BY_LINES),
        f"posting P1: rule lines ({FILE}:5): its lines give B:2026 -2.00 EUR of 0.00 EUR, against all other parts",
    ),
    "too many decimals": (
        posting(10_000, "JPY"),
        rules(rule("r", fixed("A", "50.50"))),
        f"posting P1: rule r ({FILE}:8): the amount 50.50 has 1 decimals, JPY has 0",
    ),
    "an unknown currency": (
        posting(10_000, "EURO"),
        rules(rule("r", rest("A"))),
        "posting P1: 'EURO' is no known currency: use its three capital letters, or say how many decimals",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_cannot_be_split_is_refused_with_the_posting_and_the_place(case: str) -> None:
    one, made, told = PROBLEMS[case]
    result = allocate(one, made)
    assert (result.problem, result.parts, result.unassigned) == (told, (), one.amount)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (rules(rule("r", share("{cc", "1/2"))), "'{cc' has a brace without its other half"),
        (rules(split_by("r", ByTable("no such", "cc"))), "there is no table 'no such'"),
        (rules(rule("r", Piece(Target("A"), place=Place(FILE, 8)))), "a piece needs one of share, amount and rest"),
        (rules(rule("r", fixed("A", "-1"))), "a piece cannot be negative"),
        (rules(split_by("r", ByLines(Target("}")))), "rule r: '}' has a brace"),
        (replace(rules(default="{}"), default_place=Place(FILE, 3)), "default: '{}' has braces without the name"),
    ],
)
def test_rules_that_cannot_be_applied_say_where(made: RuleSet, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("{", r"\{")) as caught:
        prepared(made)
    assert str(caught.value).startswith(FILE)


def test_a_currency_of_the_configuration() -> None:
    made = replace(rules(rule("r", fixed("A", "1.2345"), rest("B"))), exponents={"PTS": 4})
    assert amounts(allocate(Posting("P1", 20_000, "PTS", DAY, {}), made)) == {"A": 12_345, "B": 7655}


def test_rules_are_found_by_any_of_their_fields() -> None:
    """The index over the commonest field leaves out no rule that asks for something else, in either order."""
    made = [rule(f"cc {at}", rest(f"B{at}"), cc=equal(str(at), str(at + 1))) for at in range(5)]
    empty = Rule("empty", {"cc": equal("")}, made[0].split)
    texts = rule("text", rest("T"), text=Asked(like=("*x*",)))
    ready = prepared(rules(made[3], texts, *made, empty))
    assert [ready.matching(posting(cc=value, text=text))[0].rule.name for value, text in (("4", ""), (4, "ax"), ("0", "X"), ("0", ""), (None, ""))] == ["cc 3", "cc 3", "text", "cc 0", "empty"]  # fmt: skip
    assert not ready.matching(posting(cc="none"))
