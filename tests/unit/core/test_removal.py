"""Every small case of a record that is gone on one side: what may follow, and what may never follow."""

from __future__ import annotations

from itertools import product

import pytest

from syncd.core.model import Base, Direction, FieldRule, Gone, Present, Rules, Seen, Side, Unread
from syncd.core.removal import (
    OURS,
    Action,
    DeleteRule,
    Proof,
    RemovalCaps,
    Verdict,
    over_cap,
    rule_on,
)

BASE = Base({"a": 1, "b": None}, {"a": 1, "b": None})
SURVIVORS: dict[str, Seen] = {
    "untouched": Present({"a": 1, "b": None}),
    "edited": Present({"a": 2, "b": None}),
    "unread": Unread("parked"),
    "gone": Gone(),
}
RULES = {
    "both": Rules({"a": FieldRule(), "b": FieldRule()}),
    "no creates": Rules({"a": FieldRule(), "b": FieldRule()}, frozenset()),
    "one way": Rules({"a": FieldRule(direction=Direction.TO_FLOWTLY), "b": FieldRule()}, frozenset({Side.FLOWTLY})),
}
CASES = list(
    product(
        Side,
        SURVIVORS,
        RULES,
        Action,
        (0, 1, 2),
        (0, 1, 2),
        ("certain", "probable", "created", "adopted", "manual"),
        (False, True),
    )
)


def verdicts() -> list[tuple[tuple[Side, str, str, Action, int, int, str, bool], Verdict]]:
    """Every case with its verdict."""
    found = []
    for case in CASES:
        gone, survivor, rules, action, quarantine, passes, origin, approved = case
        rule = DeleteRule(action, {"a": 9}, quarantine)
        ruling = rule_on(gone, SURVIVORS[survivor], BASE, RULES[rules], rule, Proof(passes, origin, approved))
        assert ruling.reason
        found.append((case, ruling.verdict))
    return found


ALL = verdicts()


def test_remake_makes_it_again_after_the_quarantine_where_it_may_be_made_and_else_asks() -> None:
    """Nothing is ever deleted or changed by it, and no person has to approve it."""
    seen = set()
    for (gone, survivor, rules, action, quarantine, passes, _, _), verdict in ALL:
        if action is Action.REMAKE and survivor == "untouched":
            made = Verdict.REVIVE if gone in RULES[rules].creates else Verdict.ASK
            assert verdict is (made if passes >= quarantine else Verdict.WAIT)
            seen.add(verdict)
        if action is Action.REMAKE:
            assert verdict not in {Verdict.CARRY_OUT, Verdict.APPROVE, Verdict.KEEP}
    assert seen == {Verdict.REVIVE, Verdict.ASK, Verdict.WAIT}


def test_nothing_follows_for_a_survivor_that_was_edited_or_cannot_be_read() -> None:
    for (_, survivor, *_), verdict in ALL:
        if survivor in {"edited", "unread"}:
            assert verdict not in {Verdict.CARRY_OUT, Verdict.FORGET, Verdict.APPROVE}


def test_an_edit_makes_the_record_again_where_that_is_allowed_and_else_is_a_question() -> None:
    for (gone, survivor, rules, action, *_), verdict in ALL:
        if survivor == "edited" and action is not Action.IGNORE:
            assert verdict is (Verdict.REVIVE if gone in RULES[rules].creates else Verdict.ASK)


def test_ignore_does_nothing_but_forget_what_is_gone_on_both_sides() -> None:
    for (_, survivor, _, action, *_), verdict in ALL:
        if action is Action.IGNORE:
            assert verdict is (Verdict.FORGET if survivor == "gone" else Verdict.KEEP)


def test_nothing_follows_before_the_quarantine_is_over() -> None:
    for (_, survivor, _, action, quarantine, passes, _, _), verdict in ALL:
        if survivor == "untouched" and action is not Action.IGNORE:
            assert (verdict is Verdict.WAIT) == (passes < quarantine)


def test_what_was_there_before_us_is_deleted_only_when_approved() -> None:
    carried = [case for case, verdict in ALL if verdict is Verdict.CARRY_OUT and case[3] is Action.DELETE]
    assert carried
    for *_, origin, approved in carried:
        assert approved or origin in OURS


def test_a_link_is_forgotten_only_when_both_are_gone() -> None:
    for (_, survivor, *_), verdict in ALL:
        assert (verdict is Verdict.FORGET) == (survivor == "gone")


@pytest.mark.parametrize(
    ("due", "recent", "linked", "held"),
    [
        (0, 0, 0, False),
        (10, 0, 10_000, False),
        (11, 0, 10_000, True),
        (1, 10, 10_000, True),
        (5, 5, 10_000, False),
        (3, 0, 49, False),
        (3, 0, 50, True),
        (3, 0, 60, False),
        (2, 2, 60, True),
    ],
)
def test_the_caps_count_a_day_and_a_share(due: int, recent: int, linked: int, held: bool) -> None:
    assert (over_cap(due, recent, linked, RemovalCaps(most=10, share=0.05)) is not None) == held
