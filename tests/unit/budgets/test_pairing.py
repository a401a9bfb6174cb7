"""Slots: the same target keeps its own, no slot is used twice or again, and links change as little as possible."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budgets.model import Part
from syncd.budgets.pairing import Assigned, Held, paired

KEYS = st.tuples(st.sampled_from("ABCD"), st.sampled_from(["", "E1", "E2"]))


def part(budget: str, amount: int = 100, employee: str | None = None) -> Part:
    return Part(budget, employee, amount, False, "r")


def slots(assigned: tuple[Assigned, ...]) -> dict[int, str | None]:
    return {one.slot: one.part.budget if one.part else None for one in assigned}


def test_a_first_allocation_takes_new_slots_in_order() -> None:
    assigned, after = paired([], 1, [part("A"), part("B")])
    assert (slots(assigned), after) == ({1: "A", 2: "B"}, 3)


def test_a_moved_part_keeps_its_slot() -> None:
    held = [Held(1, "A", None, amount=60), Held(2, "B", None, amount=40)]
    assigned, after = paired(held, 3, [part("B", 40), part("C", 60)])
    assert (slots(assigned), after) == ({1: "C", 2: "B"}, 3)


def test_parts_move_to_where_least_changes() -> None:
    held = [Held(1, "A", "E1", amount=60), Held(2, "B", "E1", amount=40), Held(3, "C", "", amount=7)]
    assigned, _ = paired(held, 4, [part("D", 40), part("E", 60, "E1"), part("C", 9, "E9")])
    assert slots(assigned) == {1: "E", 2: "D", 3: "C"}


def test_a_target_that_returns_finds_its_slot_and_the_one_in_its_place_goes() -> None:
    held = [Held(1, "A", withdrawn=True), Held(2, "B")]
    assigned, after = paired(held, 3, [part("A")])
    assert (slots(assigned), after) == ({1: "A", 2: None}, 3)
    assert assigned[1] == Assigned(2, "B", "", None)


def test_a_withdrawn_slot_is_for_no_other_target() -> None:
    assigned, after = paired([Held(1, "A", withdrawn=True)], 2, [part("B")])
    assert (slots(assigned), after) == ({1: None, 2: "B"}, 3)


def test_what_would_share_a_slot_or_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="share budget and employee"):
        paired([], 1, [part("A"), part("A")])
    with pytest.raises(ValueError, match="slot 2 is in use"):
        paired([Held(2, "A")], 2, [])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Held], list[Part]]:
    held_keys = draw(st.lists(KEYS, unique=True, max_size=6))
    numbers = draw(st.permutations(range(1, len(held_keys) + 1)))
    held = [
        Held(slot, target, employee, draw(st.booleans()), draw(st.sampled_from([None, 10, 20])))
        for slot, (target, employee) in zip(numbers, held_keys, strict=True)
    ]
    parts = [
        Part(budget, employee or None, draw(st.sampled_from([10, 20])), False, "r")
        for budget, employee in draw(st.lists(KEYS, unique=True, max_size=6))
    ]
    return held, parts


@given(cases())
@settings(max_examples=150)
def test_the_laws_of_slots(case: tuple[list[Held], list[Part]]) -> None:
    held, parts = case
    first = max((one.slot for one in held), default=0) + 1
    assigned, after = paired(held, first, parts)
    given_to = {one.slot: one.part for one in assigned}
    before = {one.slot: one for one in held}
    assert len(given_to) == len(assigned)
    assert {one.slot for one in assigned} >= set(before), "no slot is forgotten here"
    new = sorted(set(given_to) - set(before))
    assert new == list(range(first, after)), "new slots only, one after the other"
    assert sorted(one.part.key for one in assigned if one.part) == sorted(one.key for one in parts)
    for one in assigned:
        old = before.get(one.slot)
        if one.part is None:
            assert old is not None
            assert (one.target, one.employee) == (old.target, old.employee)
        else:
            assert (one.target, one.employee) == one.part.key
    for old in held:
        key = (old.target, old.employee or "")
        same = next((one for one in parts if one.key == key), None)
        if same is not None:
            assert given_to[old.slot] is same, "the same target keeps its slot, withdrawn or not"
        elif old.withdrawn:
            assert given_to[old.slot] is None, "a withdrawn slot is revived for its own target only"
    keys = [(one.target, one.employee) for one in assigned]
    assert len(set(keys)) == len(keys), "no two slots share a target, wanted or not"
    dropped = [one for one in held if not one.withdrawn and given_to[one.slot] is None]
    assert not (dropped and new), "nothing is made anew while a slot that could move is given up"
    again, later = paired(
        [Held(one.slot, one.target, one.employee, one.part is None) for one in assigned], after, parts
    )
    assert (slots(again), later) == (slots(assigned), after), "once more changes nothing"
