"""The laws of whole records on generated pairs, and as a machine: two sides, people who edit and delete, and time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from syncd.core.canon import same
from syncd.core.model import (
    Base,
    Decision,
    Direction,
    FieldRule,
    Gone,
    Pair,
    Policy,
    Present,
    Rules,
    Seen,
    Side,
    Unread,
    Value,
)
from syncd.core.reconcile import Create, Hold, Merge, Remove, edited, reconcile, settled

FIELDS = ("name", "city", "terms")
VALUES: st.SearchStrategy[Value] = st.sampled_from([None, "a", "b", "c", 1, True])
DOCUMENTS = st.dictionaries(st.sampled_from(FIELDS), VALUES)
SEEN: st.SearchStrategy[Seen] = st.one_of(
    st.builds(Present, DOCUMENTS), st.just(Gone()), st.builds(Unread, st.just("down"))
)
BASES = st.one_of(st.none(), st.builds(Base, DOCUMENTS, DOCUMENTS))
RULES = st.builds(
    Rules,
    st.fixed_dictionaries(
        {name: st.builds(FieldRule, st.sampled_from(Policy), st.sampled_from(Direction)) for name in FIELDS}
    ),
    st.frozensets(st.sampled_from(Side)),
)
TURN = {Policy.EXTERNAL: Policy.FLOWTLY, Policy.FLOWTLY: Policy.EXTERNAL}
TURN_WAY = {Direction.TO_FLOWTLY: Direction.TO_EXTERNAL, Direction.TO_EXTERNAL: Direction.TO_FLOWTLY}


def turned(rules: Rules) -> Rules:
    return Rules(
        {
            name: FieldRule(TURN.get(one.policy, one.policy), TURN_WAY.get(one.direction, one.direction))
            for name, one in rules.fields.items()
        },
        frozenset(side.other for side in rules.creates),
    )


@given(SEEN, SEEN, BASES, RULES)
def test_swapping_the_sides_swaps_the_outcome(external: Seen, flowtly: Seen, base: Base | None, rules: Rules) -> None:
    outcome = reconcile(Pair(external, flowtly, base, {}), rules)
    mirror = None if base is None else Base(base.flowtly, base.external)
    other = reconcile(Pair(flowtly, external, mirror, {}), turned(rules))
    assert type(outcome) is type(other)
    if isinstance(outcome, Merge) and isinstance(other, Merge):
        assert {c.field: c.after for c in outcome.to_external} == {c.field: c.after for c in other.to_flowtly}
        assert {c.field: c.after for c in outcome.to_flowtly} == {c.field: c.after for c in other.to_external}
        assert {c.field for c in outcome.contests} == {c.field for c in other.contests}
        assert set(outcome.agreed) == set(other.agreed)
    if isinstance(outcome, Create | Remove) and isinstance(other, Create | Remove):
        assert outcome.side is other.side.other


@given(SEEN, SEEN, BASES, RULES)
def test_no_value_is_written_that_nobody_wrote(external: Seen, flowtly: Seen, base: Base | None, rules: Rules) -> None:
    known = [value for seen in (external, flowtly) if isinstance(seen, Present) for value in seen.document.values()]
    outcome = reconcile(Pair(external, flowtly, base, {}), rules)
    written: list[Value] = []
    if isinstance(outcome, Merge):
        written = [change.after for side in Side for change in outcome.to(side)]
    elif isinstance(outcome, Create):
        written = list(outcome.document.values())
    assert all(any(same(value, one) for one in known) for value in written)


@given(DOCUMENTS, BASES, RULES, st.sampled_from(Side))
def test_an_edit_beats_a_delete(document: dict[str, Value], base: Base | None, rules: Rules, here: Side) -> None:
    """A record that was edited here is never proposed for removal because it is gone there."""
    present, gone = Present(document), Gone()
    pair = Pair(present, gone, base, {}) if here is Side.EXTERNAL else Pair(gone, present, base, {})
    outcome = reconcile(pair, rules)
    if isinstance(outcome, Remove):
        assert base is not None
        assert not edited(document, base.of(here))
        assert outcome.side is here
    else:
        assert isinstance(outcome, Create | Hold)


@given(SEEN, BASES, RULES)
def test_what_could_not_be_read_is_never_acted_on(seen: Seen, base: Base | None, rules: Rules) -> None:
    assert isinstance(reconcile(Pair(seen, Unread("down"), base, {}), rules), Hold)
    assert isinstance(reconcile(Pair(Unread("down"), seen, base, {}), rules), Hold)


class TwoSides(RuleBasedStateMachine):
    """People edit both records in any order, now and then syncd runs, a person answers its questions."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Rules({name: FieldRule() for name in FIELDS})
        self.world: dict[Side, dict[str, Value]] = {side: dict.fromkeys(FIELDS) for side in Side}
        self.base: Base | None = None
        self.decisions: dict[str, Decision] = {}
        self.last_word: dict[str, list[Value]] = {name: [] for name in FIELDS}

    @rule(side=st.sampled_from(Side), field=st.sampled_from(FIELDS), value=st.sampled_from(["a", "b", "c", None]))
    def edit(self, side: Side, field: str, value: Value) -> None:
        self.world[side][field] = value

    @rule()
    def run(self) -> None:
        self.cycle()

    @rule(field=st.sampled_from(FIELDS), choice=st.sampled_from([Side.EXTERNAL, Side.FLOWTLY, None]))
    def answer(self, field: str, choice: Side | None) -> None:
        outcome = self.outcome()
        for contest in outcome.contests:
            if contest.field == field:
                self.decisions[field] = Decision(
                    contest.external, contest.flowtly, choice, "typed" if choice is None else None
                )

    @invariant()
    def quiet_sides_become_equal_or_asked(self) -> None:
        """A copy of the world, left alone, comes to rest within two cycles: equal in every field or in a question."""
        twin = TwoSides()
        twin.rules, twin.base, twin.decisions = self.rules, self.base, dict(self.decisions)
        twin.world = {side: dict(document) for side, document in self.world.items()}
        twin.cycle()
        twin.cycle()
        before = {side: dict(document) for side, document in twin.world.items()}
        outcome = twin.cycle()
        assert twin.world == before
        asked = {contest.field for contest in outcome.contests}
        for field in FIELDS:
            assert field in asked or same(twin.world[Side.EXTERNAL][field], twin.world[Side.FLOWTLY][field])

    def outcome(self) -> Merge:
        seen = {side: Present(dict(self.world[side])) for side in Side}
        outcome = reconcile(Pair(seen[Side.EXTERNAL], seen[Side.FLOWTLY], self.base, self.decisions), self.rules)
        assert isinstance(outcome, Merge)
        return outcome

    def cycle(self) -> Merge:
        outcome = self.outcome()
        for side in Side:
            for change in outcome.to(side):
                changed = self.base is None or not same(
                    self.world[side][change.field], self.base.of(side).get(change.field)
                )
                if changed and self.world[side][change.field] is not None:
                    assert change.overwrites_edit, "an edit is only overwritten by a decision, and that is said"
                self.world[side][change.field] = change.after
        self.base = settled(
            self.base, self.world[Side.EXTERNAL], self.world[Side.FLOWTLY], frozenset(outcome.agreed), self.rules
        )
        return outcome


TestTwoSides = TwoSides.TestCase
TestTwoSides.settings = settings(max_examples=150, stateful_step_count=12, deadline=None)
