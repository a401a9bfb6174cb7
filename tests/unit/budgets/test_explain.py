"""The explanation of a posting: every rule that was tried, why, what it gave, and what became of the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from syncd.budgets.allocate import allocate
from syncd.budgets.explain import explain
from syncd.budgets.model import Mode, Place, Step, Window
from tests.unit.budgets.rules_kit import equal, fixed, posting, rest, rule, rules, share, split_by

PLACE = Place("allocations/costs.yaml", 5, 1)
WINDOW = Window(date(2026, 1, 1), date(2026, 3, 31))


def test_rules_are_tried_until_one_matches() -> None:
    made = replace(
        rules(
            rule("spring", rest("S"), valid=WINDOW),
            rule("marketing", rest("M"), cc=equal("4100", "4110")),
            rule("half", share("H", "1/2"), cc=equal("4200"), text=equal("x")),
            rule("later", rest("L")),
            default="D",
        ),
        default_place=Place("f", 2),
    )
    one = posting(101, cc="4200", text="x")
    steps = explain(one, made)
    parts = {part.budget: part for part in allocate(one, made).parts}
    assert steps == (
        Step("spring", PLACE, False, "it is in force from 2026-01-01 to 2026-03-31, the posting is of 2026-05-17"),
        Step("marketing", PLACE, False, "cc is 4200, not one of 4100, 4110"),
        Step("half", PLACE, True, "cc is 4200, text is x", (parts["H"],)),
        Step("default", Place("f", 2), True, "rule half gives only a part of it away", (parts["D"],)),
    )


def test_all_rules_are_told_in_mode_all_with_what_they_made_together() -> None:
    made = rules(
        rule("a", share("A", "1/2")), split_by("none", None, cc=equal("1")), rule("b", share("A", "1/4")), mode=Mode.ALL
    )
    steps = explain(posting(100), made)
    assert [(step.rule, step.matched, [part.amount for part in step.parts]) for step in steps] == [
        ("a", True, [75]),
        ("none", False, []),
        ("b", True, [75]),
        ("", False, []),
    ]
    assert steps[0].reason == "it matches every posting"
    assert steps[-1].reason == "0.25 EUR stays unassigned: rule a, b gives only a part of it away"


def test_what_is_left_refused_or_nothing_is_said_last() -> None:
    left = explain(posting(100), rules(split_by("none", None)))
    assert [step.reason for step in left] == [
        "it matches every posting; it leaves the posting unassigned on purpose",
        "1.00 EUR stays unassigned: rule none leaves it on purpose",
    ]
    refused = explain(posting(100), rules(rule("r", fixed("A", "500"), rest("B"))))
    assert (refused[0].matched, refused[-1].rule) == (True, "")
    assert refused[-1].reason.startswith("posting P1: rule r (allocations/costs.yaml:5): pieces of 500.00 EUR")
    assert explain(posting(0), rules())[-1].reason == "there is nothing to allocate"
