"""A failing value is not written; what a person answered is; nothing else of the record is touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.canon import same
from syncd.core.holding import held
from syncd.core.model import Base, Decision, Direction, FieldRule, Gone, Pair, Policy, Present, Rules, Side
from syncd.core.reconcile import Merge, reconcile

FIELDS = ("tin", "name")
VALUES = st.sampled_from([None, "a", "b", "c"])
DOCUMENTS = st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES))
RULES = st.builds(
    lambda policy, direction: Rules({name: FieldRule(policy, direction) for name in FIELDS}, frozenset(Side)),
    st.sampled_from(list(Policy)),
    st.sampled_from(list(Direction)),
)
FAULTS = st.fixed_dictionaries({side: st.sampled_from([{}, {"tin": "bad"}]) for side in Side})


def merged(pair: Pair, rules: Rules) -> Merge:
    outcome = reconcile(pair, rules)
    assert isinstance(outcome, Merge)
    return outcome


@given(DOCUMENTS, DOCUMENTS, st.none() | st.builds(Base, DOCUMENTS, DOCUMENTS), RULES, FAULTS)
def test_no_failing_value_is_written_and_no_other_field_is_touched(external, flowtly, base, rules, faults) -> None:
    pair = Pair(Present(external), Present(flowtly), base, {})
    before = merged(pair, rules)
    after = held(before, pair, rules, faults)
    for target in Side:
        for change in before.to(target):
            kept = change in after.to(target)
            assert kept != (change.field in faults[target.other])
            if not kept:
                (asked,) = [one for one in after.contests if one.field == change.field]
                assert asked.fault == f"{target.other}: bad"
                assert same(asked.external, external[change.field]) and same(asked.flowtly, flowtly[change.field])
                assert change.field not in after.agreed
        assert set(after.to(target)) <= set(before.to(target))
    assert [one for one in after.contests if not one.fault] == list(before.contests)
    if not any(faults.values()):
        assert after == before


@given(st.sampled_from([*Side, None]), st.sampled_from(list(Side)))
def test_an_answer_is_carried_out_even_for_a_failing_value(choice: Side | None, at: Side) -> None:
    rules = Rules({"tin": FieldRule(Policy.ASK, Direction.BOTH)}, frozenset(Side))
    values = {at: "bad", at.other: "good"}
    pair = Pair(
        Present({"tin": values[Side.EXTERNAL]}),
        Present({"tin": values[Side.FLOWTLY]}),
        Base({"tin": "good"}, {"tin": "good"}),
        {"tin": Decision(values[Side.EXTERNAL], values[Side.FLOWTLY], choice, None if choice else "typed")},
    )
    after = held(merged(pair, rules), pair, rules, {at: {"tin": "fails"}})
    wanted = values[choice] if choice else "typed"
    assert after.contests == ()
    assert {(side, change.after) for side in Side for change in after.to(side)} == {
        (side, wanted) for side in Side if values[side] != wanted
    }


def test_a_side_that_is_gone_holds_nothing() -> None:
    pair = Pair(Present({"tin": "x"}), Gone(), None, {})
    assert held(Merge(), pair, Rules({}, frozenset()), {Side.EXTERNAL: {"tin": "bad"}}) == Merge()
