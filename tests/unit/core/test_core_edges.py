"""Edges of the core that a planted fault once showed to be untested. Each test names what would go wrong without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from syncd.core.canon import document_from_json, document_to_json
from syncd.core.guard import Blast, Caps, judge
from syncd.core.merge import merge_field
from syncd.core.model import ABSENT, Base, Direction, FieldRule, Pair, Policy, Present, Rules, Side
from syncd.core.order import ReferenceCycle, by_references
from syncd.core.plan import Item, Kind, Plan
from syncd.core.policy import winner
from syncd.core.reconcile import Change, Merge, held_open, reconcile

LATE = datetime(2026, 1, 2, tzinfo=UTC)
NO_TIMES = {Side.EXTERNAL: None, Side.FLOWTLY: None}


@pytest.mark.parametrize("direction", [Direction.TO_FLOWTLY, Direction.TO_EXTERNAL])
@pytest.mark.parametrize("policy", [Policy.ASK, Policy.EXTERNAL])
def test_a_first_link_never_erases_what_only_the_target_of_a_one_way_field_has(
    direction: Direction, policy: Policy
) -> None:
    target = Side.FLOWTLY if direction is Direction.TO_FLOWTLY else Side.EXTERNAL
    now = {target: "kept", target.other: None}
    verdict = merge_field(FieldRule(policy, direction), now, dict.fromkeys(Side, None), NO_TIMES, None)
    assert verdict.contested or verdict.writes  # with a base it is an edit against the source
    first = merge_field(FieldRule(policy, direction), now, dict.fromkeys(Side, ABSENT), NO_TIMES, None)
    assert (first.writes, first.contested, first.agreed) == ((), False, True)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("what", ["creates", "changes", "overwrites"])
def test_the_guard_counts_each_side_for_itself_and_says_which(side: Side, what: str) -> None:
    caps = Caps(max_creates=10, max_changes=20, max_share=0.1)
    counts: dict[str, dict[Side, int]] = {"creates": {}, "changes": {}, "overwrites": {}}
    counts[what] = {side: 21, side.other: 1}
    (reason,) = judge(Blast(**counts, linked=100), caps)
    assert f"in {side}" in reason or f"records in {side}" in reason
    assert "21" in reason
    assert str(side.other) not in reason


def test_an_item_has_another_fingerprint_once_a_reading_it_was_decided_on_is_another() -> None:
    item = Item(Kind.PATCH, "E1", "/api/clients/1", "changed", side=Side.FLOWTLY, digests={Side.EXTERNAL: b"1" * 16})
    assert replace(item, digests={Side.EXTERNAL: b"2" * 16}).fingerprint != item.fingerprint
    assert replace(item, waits_for="@clients:external=E9").fingerprint == item.fingerprint


@pytest.mark.parametrize("stands", list(Side))
def test_an_edit_that_a_policy_overwrites_is_told_as_lost_and_a_plain_change_is_not(stands: Side) -> None:
    rules = Rules({"name": FieldRule(Policy(stands)), "city": FieldRule()})
    base = {"name": "Ada", "city": "Aarhus"}
    edited = {side: {**base, "name": f"by {side}"} for side in Side}
    edited[stands]["city"] = "Odense"
    sides = (Present(edited[side]) for side in Side)
    outcome = reconcile(Pair(*sides, Base(base, base), {}), rules)
    assert isinstance(outcome, Merge)
    told = {change.field: change.overwrites_edit for change in outcome.to(stands.other)}
    assert told == {"name": True, "city": False}


@pytest.mark.parametrize("known", [*Side, None])
def test_newest_asks_when_a_time_is_missing(known: Side | None) -> None:
    times = {side: LATE if side is known else None for side in Side}
    assert winner(Policy.NEWEST, times) is None


def test_a_side_of_which_nothing_is_said_counts_for_nothing() -> None:
    assert judge(Blast({}, {}, {}, 100), Caps(max_creates=0, max_changes=0, max_share=0.0)) == ()


def test_a_share_counts_from_fifty_records_on() -> None:
    caps = Caps(max_creates=0, max_changes=100, max_share=0.5)
    assert judge(Blast({}, {}, {Side.FLOWTLY: 26}, 49), caps) == ()
    (reason,) = judge(Blast({}, {}, {Side.FLOWTLY: 26}, 50), caps)
    assert "(52%)" in reason
    assert judge(Blast({}, {}, {Side.FLOWTLY: 25}, 50), caps) == ()


def test_names_that_are_ready_together_come_by_name_and_a_circle_says_itself() -> None:
    assert by_references({"a": ["z"], "c": ["b"], "z": [], "b": []}) == ("b", "z", "a", "c")
    with pytest.raises(ReferenceCycle, match=r"^(a -> b -> a|b -> a -> b)$"):
        by_references({"a": ["b"], "b": ["a"]})


def test_a_plan_counts_by_kind_and_side_and_what_waits() -> None:
    items = (
        Item(Kind.CREATE, "E1", None, "only_here", side=Side.FLOWTLY, document={}),
        Item(Kind.CREATE, "E2", None, "only_here", side=Side.FLOWTLY, document={}, waits_for="@clients:external=E9"),
        Item(Kind.CREATE, None, "F1", "only_here", side=Side.EXTERNAL, document={}),
        Item(Kind.REPORT, "E3", "F3", "gone"),
    )
    plan = Plan("clients", "f", items, 4, approved=True, missing={})
    assert (plan.count(Kind.CREATE), plan.count(Kind.CREATE, Side.FLOWTLY), plan.count(Kind.PATCH)) == (3, 2, 0)
    assert plan.waiting == 1


@pytest.mark.parametrize("side", list(Side))
def test_an_answer_that_is_written_to_one_side_only_leaves_the_base_as_it_was(side: Side) -> None:
    base = Base({"a": 1}, {"a": 1})
    back = (Change("a", 2, 1, "decided"),)
    merge = Merge(to_external=back) if side is Side.EXTERNAL else Merge(to_flowtly=back)
    assert held_open(base, merge) == base


def test_a_document_comes_back_out_of_json_as_it_went_in() -> None:
    document = {"text": "x", "null": None, "money": Decimal("1.50"), "day": date(2031, 2, 28), "list": (1, "a")}
    assert document_from_json(json.loads(json.dumps(document_to_json(document)))) == document
    assert set(document_to_json(document)) == set(document)
