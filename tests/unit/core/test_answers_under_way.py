"""A person's answer while it is carried out, and long after: it decides its own conflict and nothing else."""

from __future__ import annotations

import pytest

from syncd.core.merge import merge_field
from syncd.core.model import Base, Decision, Direction, FieldRule, Pair, Policy, Present, Rules, Side
from syncd.core.reconcile import Merge, held_open, reconcile

NO_TIMES = {Side.EXTERNAL: None, Side.FLOWTLY: None}


@pytest.mark.parametrize("mover", list(Side))
@pytest.mark.parametrize("choice", [Side.EXTERNAL, Side.FLOWTLY, None])
def test_an_edit_of_one_side_flows_although_an_old_answer_knows_the_same_pair(mover: Side, choice: Side | None) -> None:
    """The conflict was a against b; everybody had the answer since; now one side alone takes up the losing value."""
    decision = Decision("a", "b", choice, "t")
    answer = {Side.EXTERNAL: "a", Side.FLOWTLY: "b", None: "t"}[choice]
    judged = {Side.EXTERNAL: "a", Side.FLOWTLY: "b"}
    if judged[mover] == answer:
        pytest.skip("this side won")
    now = {mover: judged[mover], mover.other: answer}
    verdict = merge_field(FieldRule(), now, dict.fromkeys(Side, answer), NO_TIMES, decision)
    assert verdict.writes == ((mover.other, judged[mover]),)


def test_an_answer_that_lets_a_one_way_target_keep_its_value_goes_on_counting() -> None:
    rule = FieldRule(Policy.ASK, Direction.TO_FLOWTLY)
    now = {Side.EXTERNAL: "a", Side.FLOWTLY: "b"}
    base = {Side.EXTERNAL: "a", Side.FLOWTLY: "a"}
    verdict = merge_field(rule, now, base, NO_TIMES, Decision("a", "b", Side.FLOWTLY))
    assert (verdict.writes, verdict.contested) == ((), False)


@pytest.mark.parametrize("typed", ["old", "new", None])
@pytest.mark.parametrize("done", [(), (Side.EXTERNAL,), (Side.FLOWTLY,)], ids=["none", "external", "flowtly"])
@pytest.mark.parametrize("external", ["a", None])
def test_a_typed_answer_reaches_both_sides_whichever_already_has_it(
    typed: str | None, done: tuple[Side, ...], external: str | None
) -> None:
    """Also when the answer is the old value: a side that has it must not look untouched, and the loser edited."""
    if typed == external:
        pytest.skip("one write is enough then")
    rules = Rules({"city": FieldRule()})
    judged = {Side.EXTERNAL: external, Side.FLOWTLY: "b"}
    decisions = {"city": Decision(external, "b", None, typed)}

    def merged(values: dict[Side, str | None], base: Base) -> Merge:
        sides = (Present({"city": values[side]}) for side in Side)
        outcome = reconcile(Pair(*sides, base, decisions), rules)
        assert isinstance(outcome, Merge)
        return outcome

    base = Base({"city": "old"}, {"city": "old"})
    kept = held_open(base, merged(judged, base))
    later = merged({side: typed if side in done else judged[side] for side in Side}, kept)
    assert {side: [change.after for change in later.to(side)] for side in Side} == {
        side: [] if side in done else [typed] for side in Side
    }


def test_a_base_is_kept_as_it_is_where_nothing_is_on_its_way_to_both_sides() -> None:
    rules = Rules({"city": FieldRule()})
    base = Base({"city": "old"}, {"city": "old"})
    outcome = reconcile(Pair(Present({"city": "new"}), Present({"city": "old"}), base, {}), rules)
    assert isinstance(outcome, Merge)
    assert held_open(base, outcome) == base
