"""The decision procedure for whole records: the table of sides, edit beats delete, settling, generated histories."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.canon import same
from syncd.core.model import (
    Base,
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
from syncd.core.reconcile import Create, Forget, Hold, Merge, Remove, reconcile, settled

RULES = Rules({"name": FieldRule(), "city": FieldRule()})
DOC = {"name": "Ada", "city": "Aarhus"}
BASE = Base(DOC, DOC)


def pair(external: Seen, flowtly: Seen, base: Base | None = BASE) -> Pair:
    return Pair(external, flowtly, base, {})


def test_unread_is_never_gone() -> None:
    """Law 9: whatever the other side is, an unread side holds everything."""
    for other in (Present(DOC), Gone(), Unread("x")):
        assert isinstance(reconcile(pair(Unread("down"), other), RULES), Hold)
        assert isinstance(reconcile(pair(other, Unread("down")), RULES), Hold)


def test_the_table_of_sides() -> None:
    assert isinstance(reconcile(pair(Present(DOC), Present(DOC)), RULES), Merge)
    assert reconcile(pair(Present(DOC), Gone()), RULES) == Remove(Side.EXTERNAL)
    assert reconcile(pair(Gone(), Present(DOC)), RULES) == Remove(Side.FLOWTLY)
    assert isinstance(reconcile(pair(Gone(), Gone()), RULES), Forget)
    assert reconcile(pair(Present(DOC), Gone(), None), RULES) == Create(Side.FLOWTLY, DOC, "only_here")
    assert reconcile(pair(Gone(), Present(DOC), None), RULES) == Create(Side.EXTERNAL, DOC, "only_here")


def test_edit_beats_delete_on_either_side() -> None:
    edited = {**DOC, "city": "Odense"}
    assert reconcile(pair(Present(edited), Gone()), RULES) == Create(Side.FLOWTLY, edited, "edit_beats_delete")
    assert reconcile(pair(Gone(), Present(edited)), RULES) == Create(Side.EXTERNAL, edited, "edit_beats_delete")


def test_nothing_is_created_where_creating_is_not_allowed() -> None:
    rules = Rules(RULES.fields, frozenset({Side.EXTERNAL}))
    assert isinstance(reconcile(pair(Present(DOC), Gone(), None), rules), Hold)
    assert isinstance(reconcile(pair(Present({**DOC, "city": "X"}), Gone()), rules), Hold)


def test_a_create_carries_neither_nulls_nor_fields_that_flow_the_other_way() -> None:
    rules = Rules(
        {"name": FieldRule(), "number": FieldRule(Policy.FLOWTLY, Direction.TO_EXTERNAL), "city": FieldRule()}
    )
    document = {"name": "Ada", "number": 7, "city": None}
    assert reconcile(pair(Present(document), Gone(), None), rules) == Create(Side.FLOWTLY, {"name": "Ada"}, "only_here")


def test_one_contested_field_does_not_hold_back_the_others() -> None:
    """Law 5, inside a record."""
    outcome = reconcile(
        pair(Present({"name": "Eve", "city": "Odense"}), Present({"name": "Bob", "city": "Aarhus"})), RULES
    )
    assert isinstance(outcome, Merge)
    assert [contest.field for contest in outcome.contests] == ["name"]
    assert [(change.field, change.after) for change in outcome.to_flowtly] == [("city", "Odense")]


def test_settling_keeps_the_last_agreement_of_fields_that_stay_open_and_forgets_unmapped_ones() -> None:
    base = Base({**DOC, "old": 1}, {**DOC, "old": 1})
    new = settled(
        base, {"name": "Eve", "city": "Odense"}, {"name": "Bob", "city": "Odense"}, frozenset({"city"}), RULES
    )
    assert new == Base({"name": "Ada", "city": "Odense"}, {"name": "Ada", "city": "Odense"})


VALUE = st.sampled_from([None, "a", "b", "c"])
DOCUMENT = st.fixed_dictionaries({"name": VALUE, "city": VALUE})
RULE = st.builds(FieldRule, st.sampled_from(Policy), st.sampled_from(Direction))


@given(
    st.fixed_dictionaries({"name": RULE, "city": RULE}),
    DOCUMENT,
    DOCUMENT,
    st.one_of(st.none(), st.builds(Base, DOCUMENT, DOCUMENT)),
    st.lists(st.tuples(st.sampled_from(Side), st.sampled_from(["name", "city"]), VALUE), max_size=6),
    st.sampled_from([lambda value: value, lambda value: value and value.upper(), lambda _: "rewritten"]),
)
def test_a_history_of_edits_settles_in_two_cycles_even_with_a_peer_that_rewrites(
    fields: dict[str, FieldRule],
    external: dict[str, Value],
    flowtly: dict[str, Value],
    base: Base | None,
    edits: list[tuple[Side, str, Value]],
    rewrite: object,
) -> None:
    """Laws 1 and 6: after any history, two cycles leave nothing to write, ever."""
    rules = Rules(fields)
    world = {Side.EXTERNAL: dict(external), Side.FLOWTLY: dict(flowtly)}

    def cycle() -> int:
        nonlocal base
        outcome = reconcile(
            Pair(Present(dict(world[Side.EXTERNAL])), Present(dict(world[Side.FLOWTLY])), base, {}), rules
        )
        assert isinstance(outcome, Merge)
        writes = 0
        for side in Side:
            for change in outcome.to(side):
                value = change.after
                world[side][change.field] = rewrite(value) if side is Side.FLOWTLY else value  # type: ignore[operator]
                writes += 1
        base = settled(base, world[Side.EXTERNAL], world[Side.FLOWTLY], frozenset(outcome.agreed), rules)
        return writes

    cycle()
    for side, field, value in edits:
        world[side][field] = value
        cycle()
    cycle()
    before = {side: dict(document) for side, document in world.items()}
    assert cycle() == 0
    assert world == before


def test_every_pair_of_three_record_states_has_an_outcome_and_its_mirror() -> None:
    documents: list[Value] = [None, "a", "b"]
    sides: list[Seen] = [Gone(), Unread("x"), *(Present({"name": value}) for value in documents)]
    bases = [None, *(Base({"name": left}, {"name": right}) for left, right in product(documents, repeat=2))]
    rules = Rules({"name": FieldRule()})
    for external, flowtly, base in product(sides, sides, bases):
        outcome = reconcile(Pair(external, flowtly, base, {}), rules)
        turned = reconcile(
            Pair(flowtly, external, None if base is None else Base(base.flowtly, base.external), {}), rules
        )
        assert type(outcome) is type(turned)
        if isinstance(outcome, Merge) and isinstance(turned, Merge):
            assert [(c.field, c.after) for c in outcome.to_external] == [(c.field, c.after) for c in turned.to_flowtly]
            assert same(len(outcome.contests), len(turned.contests))
        if isinstance(outcome, Create | Remove) and isinstance(turned, Create | Remove):
            assert outcome.side is turned.side.other
