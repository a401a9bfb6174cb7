"""The merge of one field, checked over its whole small domain: every law for every combination there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import pytest

from syncd.core.canon import same
from syncd.core.merge import Verdict, merge_field
from syncd.core.model import ABSENT, Absent, Decision, Direction, FieldRule, MaybeValue, Policy, Side, Value

VALUES: tuple[MaybeValue, ...] = (ABSENT, None, "a", "b", "c")
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
TIMES = (
    {Side.EXTERNAL: None, Side.FLOWTLY: None},
    {Side.EXTERNAL: EARLY, Side.FLOWTLY: LATE},
    {Side.EXTERNAL: LATE, Side.FLOWTLY: EARLY},
    {Side.EXTERNAL: LATE, Side.FLOWTLY: LATE},
)
MIRROR_POLICY = {
    Policy.EXTERNAL: Policy.FLOWTLY,
    Policy.FLOWTLY: Policy.EXTERNAL,
    Policy.ASK: Policy.ASK,
    Policy.NEWEST: Policy.NEWEST,
}
MIRROR_DIRECTION = {
    Direction.BOTH: Direction.BOTH,
    Direction.TO_FLOWTLY: Direction.TO_EXTERNAL,
    Direction.TO_EXTERNAL: Direction.TO_FLOWTLY,
}
Sides = dict[Side, MaybeValue]
Case = tuple[FieldRule, Sides, Sides, dict[Side, datetime | None], Decision | None]


def decisions(now: Sides) -> Iterator[Decision | None]:
    yield None
    for choice in (Side.EXTERNAL, Side.FLOWTLY, None):
        yield Decision(now[Side.EXTERNAL], now[Side.FLOWTLY], choice, "c" if choice is None else None)
    yield Decision("other", now[Side.FLOWTLY], Side.EXTERNAL)


def domain() -> Iterator[Case]:
    for policy, direction in product(Policy, Direction):
        rule = FieldRule(policy, direction)
        for external, flowtly, base_external, base_flowtly in product(VALUES, repeat=4):
            now: Sides = {Side.EXTERNAL: external, Side.FLOWTLY: flowtly}
            base: Sides = {Side.EXTERNAL: base_external, Side.FLOWTLY: base_flowtly}
            for times in TIMES if policy is Policy.NEWEST else TIMES[:1]:
                for decision in decisions(now):
                    yield rule, now, base, times, decision


CASES = tuple(domain())


def flip(case: Case) -> Case:
    rule, now, base, times, decision = case
    turned = None
    if decision is not None:
        choice = decision.choice.other if decision.choice is not None else None
        turned = Decision(decision.flowtly, decision.external, choice, decision.value)
    return (
        FieldRule(MIRROR_POLICY[rule.policy], MIRROR_DIRECTION[rule.direction]),
        {side: now[side.other] for side in Side},
        {side: base[side.other] for side in Side},
        {side: times[side.other] for side in Side},
        turned,
    )


def mirrored(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.agreed,
        verdict.contested,
        {side.other: value for side, value in verdict.writes},
        frozenset(side.other for side in verdict.lost),
    )


def shape(verdict: Verdict) -> tuple[object, ...]:
    return verdict.agreed, verdict.contested, dict(verdict.writes), verdict.lost


def after(case: Case, verdict: Verdict) -> tuple[Sides, Sides]:
    """The world once the verdict was carried out by peers that keep what they are sent."""
    _, now, base, _, _ = case
    values: Sides = {**now, **dict(verdict.writes)}
    return values, (dict(values) if verdict.agreed else base)


def test_the_domain_is_the_whole_domain() -> None:
    assert len(CASES) == 5**4 * 5 * 3 * (3 + 4)


def test_mirroring_the_sides_mirrors_the_verdict() -> None:
    for case in CASES:
        assert mirrored(merge_field(*case)) == shape(merge_field(*flip(case))), case


def test_nothing_is_written_that_nobody_wrote() -> None:
    for case in CASES:
        _, now, _, _, decision = case
        known: list[Value] = [value for value in now.values() if not isinstance(value, Absent)]
        if decision is not None and decision.choice is None:
            known.append(decision.value)
        for side, value in merge_field(*case).writes:
            assert any(same(value, other) for other in known), case
            assert not same(value, now[side]), case


def test_a_side_that_says_nothing_is_never_written_and_never_copied() -> None:
    for case in CASES:
        if any(isinstance(value, Absent) for value in case[1].values()):
            verdict = merge_field(*case)
            assert not verdict.writes
            assert not verdict.contested


def test_idle_is_silent_and_carrying_out_reaches_a_fixpoint_in_one_step() -> None:
    for case in CASES:
        rule, _, _, times, decision = case
        verdict = merge_field(*case)
        now, base = after(case, verdict)
        again = merge_field(rule, now, base, times, decision)
        if verdict.contested:
            assert shape(again) == shape(verdict), case
        else:
            assert not again.writes, case
            assert not again.contested, case


def test_both_quiet_sides_stay_untouched_even_when_they_differ() -> None:
    for case in CASES:
        _, now, base, _, _ = case
        if all(not isinstance(base[side], Absent) and same(now[side], base[side]) for side in Side):
            assert not merge_field(*case).writes


def test_it_converges_to_equal_or_contested_or_kept_by_a_rule_that_says_so() -> None:
    for case in CASES:
        _, now, base, _, _ = case
        verdict = merge_field(*case)
        values, _ = after(case, verdict)
        if any(isinstance(value, Absent) for value in now.values()) or verdict.contested:
            continue
        if not same(values[Side.EXTERNAL], values[Side.FLOWTLY]):
            quiet = all(same(now[side], base[side]) for side in Side)
            assert quiet or verdict.rule in {"kept_on_first_link", "decided"}, case


def test_an_edit_is_only_overwritten_by_a_rule_that_was_chosen_and_is_then_named() -> None:
    for case in CASES:
        rule, now, base, _, _ = case
        verdict = merge_field(*case)
        fresh = any(isinstance(value, Absent) for value in base.values())
        for side, _ in verdict.writes:
            known = None if fresh else base[side]
            if not same(now[side], known):
                assert side in verdict.lost, case
                assert verdict.rule in {"decided", "one_way", f"policy:{rule.policy}"}, case


def test_ask_never_decides_alone() -> None:
    for case in CASES:
        rule, now, base, _, decision = case
        fresh = any(isinstance(value, Absent) for value in base.values())
        changed = [side for side in Side if not same(now[side], None if fresh else base[side])]
        if rule == FieldRule(Policy.ASK, Direction.BOTH) and decision is None and len(changed) == 2:
            assert not merge_field(*case).writes, case


def test_a_forbidden_direction_is_never_written() -> None:
    for case in CASES:
        for side, _ in merge_field(*case).writes:
            assert case[0].direction.allows(side), case


def test_newest_decides_only_by_two_different_trusted_times() -> None:
    base: Sides = dict.fromkeys(Side, "a")
    now: Sides = {Side.EXTERNAL: "b", Side.FLOWTLY: "c"}
    rule = FieldRule(Policy.NEWEST)
    verdicts = [merge_field(rule, now, base, times, None) for times in TIMES]
    assert [verdict.contested for verdict in verdicts] == [True, False, False, True]
    assert verdicts[1].writes == ((Side.EXTERNAL, "c"),)
    assert verdicts[2].writes == ((Side.FLOWTLY, "b"),)


@pytest.mark.parametrize(
    ("external", "flowtly"), [("b", "c"), ("typed", "c"), ("b", "typed")], ids=["neither", "one", "other"]
)
def test_a_typed_answer_is_carried_to_both_sides_even_after_a_stop_half_way(external: str, flowtly: str) -> None:
    base: Sides = dict.fromkeys(Side, "a")
    decision = Decision("b", "c", None, "typed")
    now: Sides = {Side.EXTERNAL: external, Side.FLOWTLY: flowtly}
    verdict = merge_field(FieldRule(), now, base, TIMES[0], decision)
    values, _ = after((FieldRule(), now, base, TIMES[0], decision), verdict)
    assert values == dict.fromkeys(Side, "typed")


def test_a_decision_is_not_used_for_other_values() -> None:
    base: Sides = dict.fromkeys(Side, "a")
    verdict = merge_field(
        FieldRule(), {Side.EXTERNAL: "x", Side.FLOWTLY: "c"}, base, TIMES[0], Decision("b", "c", Side.EXTERNAL)
    )
    assert verdict.contested


def test_a_fixed_side_is_never_written_and_what_it_would_take_is_asked() -> None:
    """Every case again with each set of fixed sides: the same verdict, or a question where it would be changed."""
    for rule, now, base, times, decision in CASES:
        free = merge_field(rule, now, base, times, decision)
        for fixed in (frozenset({Side.EXTERNAL}), frozenset({Side.FLOWTLY}), frozenset(Side)):
            held = merge_field(FieldRule(rule.policy, rule.direction, fixed), now, base, times, decision)
            if any(side in fixed for side, _ in free.writes):
                assert (held.writes, held.contested) == ((), True)
            else:
                assert held == free
