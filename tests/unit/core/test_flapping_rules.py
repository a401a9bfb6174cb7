"""When a field changes hands too often, what is held back then, and that an answer rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.core.flapping import Hands, Write, calmed, changes_of_hands, history
from syncd.core.model import Base, Decision, FieldRule, Pair, Present, Rules, Side, Unread, Value
from syncd.core.reconcile import Merge, reconcile

E, F = Side.EXTERNAL, Side.FLOWTLY
NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
RULES = Rules({"city": FieldRule(), "name": FieldRule()})


def writes(*told: tuple[Side, Value]) -> tuple[Write, ...]:
    """Writes a minute apart."""
    return tuple(Write(NOON + timedelta(minutes=number), side, value) for number, (side, value) in enumerate(told))


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ([], 0),
        ([(F, "a")], 0),
        ([(F, "a"), (F, "b"), (F, "c"), (F, "d")], 0),  # one side counts up: nobody takes anything back
        ([(F, "a"), (F, "a"), (F, "a")], 2),  # we insist, somebody resets
        ([(F, "a"), (E, "b"), (F, "a"), (E, "b")], 3),  # two who both insist
        ([(F, "a"), (E, "b")], 1),
        ([(F, True), (F, 1)], 0),
        ([(F, None), (F, "a"), (F, None)], 1),
    ],
)
def test_how_often_a_value_went_back_and_forth(told: list[tuple[Side, Value]], count: int) -> None:
    assert changes_of_hands(writes(*told)) == count


FIGHT = writes((F, "a"), (E, "b"), (F, "a"), (E, "b"), (F, "a"), (E, "b"), (F, "a"))


def pair(decision: Decision | None = None) -> Pair:
    """Flowtly put ``b`` back where both had ``a``; the name changed on the other side."""
    given = {} if decision is None else {"city": decision}
    return Pair(
        Present({"city": "a", "name": "New"}),
        Present({"city": "b", "name": "Old"}),
        Base({"city": "a", "name": "Old"}, {"city": "a", "name": "Old"}),
        given,
    )


def merged(one: Pair) -> Merge:
    outcome = reconcile(one, RULES)
    assert isinstance(outcome, Merge)
    return outcome


def test_only_the_flapping_field_is_held() -> None:
    before = merged(pair())
    assert [change.field for change in before.to_external] == ["city"]
    after = calmed(before, pair(), RULES, {"city": Hands(FIGHT), "name": Hands(FIGHT[:2])}, 6)
    assert after.to_external == ()
    assert [change.field for change in after.to_flowtly] == ["name"]
    assert after.agreed == ("name",)
    (contest,) = after.contests
    assert (contest.field, contest.external, contest.flowtly, contest.base_flowtly) == ("city", "a", "b", "a")
    assert "7 " not in contest.history
    assert "12:06:00 flowtly got 'a'" in contest.history


@pytest.mark.parametrize("limit", range(1, 9))
def test_it_is_held_from_the_limit_on_and_not_before(limit: int) -> None:
    calm = calmed(merged(pair()), pair(), RULES, {"city": Hands(FIGHT)}, limit)
    assert bool(calm.contests) is (limit <= 6)


def test_it_stays_held_while_the_question_is_open_however_long_ago_the_writes_were() -> None:
    assert calmed(merged(pair()), pair(), RULES, {"city": Hands(asked=True)}, 6).contests


def test_a_field_that_agrees_is_not_held() -> None:
    same = Pair(Present({"city": "x"}), Present({"city": "x"}), Base({"city": "a"}, {"city": "a"}), {})
    assert calmed(merged(same), same, RULES, {"city": Hands(FIGHT, asked=True)}, 6) == merged(same)


@pytest.mark.parametrize(
    ("decision", "external", "flowtly"),
    [
        (Decision("a", "b", Side.EXTERNAL), None, "a"),
        (Decision("a", "b", Side.FLOWTLY), "b", None),
        (Decision("a", "b", None, "c"), "c", "c"),
    ],
)
def test_an_answer_rules_although_one_side_alone_changed(
    decision: Decision, external: str | None, flowtly: str | None
) -> None:
    one = pair(decision)
    calm = calmed(merged(one), one, RULES, {"city": Hands(FIGHT[:1], answered=True)}, 6)
    sent = {side: {change.field: change.after for change in calm.to(side)}.get("city") for side in Side}
    assert sent == {E: external, F: flowtly}
    assert calm.contests == ()
    assert "city" in calm.agreed


def test_an_answer_about_other_values_does_not_rule() -> None:
    one = pair(Decision("x", "y", Side.EXTERNAL))
    calm = calmed(merged(one), one, RULES, {"city": Hands((), answered=True)}, 6)
    assert calm == merged(one)


def test_nothing_is_held_where_a_side_is_unread() -> None:
    unread = Pair(Unread(), Present({}), None, {})
    assert calmed(Merge(), unread, RULES, {"city": Hands(FIGHT)}, 1) == Merge()


def test_the_history_is_short_and_says_what_it_leaves_out() -> None:
    told = history(FIGHT + FIGHT)
    assert "6 earlier ones" in told
    assert told.count(" got ") == 8
    assert len(history(writes((F, "x" * 500)))) < 150
