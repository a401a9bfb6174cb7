"""Which value each side gets again when a write is taken back, and when a field is left alone."""

from __future__ import annotations

import pytest

from syncd.core.model import ABSENT, Direction, FieldRule, MaybeValue, Side
from syncd.core.undo import Fact, Left, Restore, undo_field

E, F = Side.EXTERNAL, Side.FLOWTLY
RULE = FieldRule()
EDIT = Fact("seen", E, "old", "bad")
PATCH = Fact("patched", F, "OLD", "bad")


def both(external: MaybeValue, flowtly: MaybeValue) -> dict[Side, MaybeValue]:
    """What both sides have now."""
    return {E: external, F: flowtly}


def test_each_side_gets_the_form_that_it_had() -> None:
    assert undo_field([EDIT, PATCH], both("bad", "bad"), RULE) == Restore({E: "old", F: "OLD"})


def test_the_mirror_image() -> None:
    facts = [Fact("seen", F, "OLD", "bad"), Fact("patched", E, "old", "bad")]
    assert undo_field(facts, both("bad", "bad"), RULE) == Restore({E: "old", F: "OLD"})


def test_what_the_peer_made_of_the_value_counts_as_the_value() -> None:
    facts = [EDIT, PATCH, Fact("rewritten", F, "bad", "BAD")]
    assert undo_field(facts, both("bad", "BAD"), RULE) == Restore({E: "old", F: "OLD"})


def test_several_writes_of_one_run_go_back_to_before_the_first() -> None:
    facts = [EDIT, PATCH, Fact("seen", E, "bad", "worse"), Fact("patched", F, "bad", "worse")]
    assert undo_field(facts, both("worse", "worse"), RULE) == Restore({E: "old", F: "OLD"})
    assert isinstance(undo_field(facts, both("bad", "bad"), RULE), Left)


def test_an_edit_that_lost_wins_on_both_sides() -> None:
    facts = [Fact("seen", E, "base", "won"), Fact("seen", F, "base", "lost"), Fact("overwritten", F, "lost", "won")]
    assert undo_field(facts, both("won", "won"), RULE) == Restore({E: "lost", F: "lost"})


def test_a_value_goes_back_to_empty() -> None:
    facts = [Fact("seen", E, None, "bad"), Fact("patched", F, None, "bad")]
    assert undo_field(facts, both("bad", "bad"), RULE) == Restore({E: None, F: None})


@pytest.mark.parametrize("now", [both("new", "bad"), both("bad", "new"), both("new", "new"), both(None, "bad")])
def test_what_moved_since_is_left_alone_and_both_values_are_told(now: dict[Side, MaybeValue]) -> None:
    found = undo_field([EDIT, PATCH], now, RULE)
    assert isinstance(found, Left)
    assert found.why.startswith("moved since: external has ")


def test_what_is_as_before_is_left_alone() -> None:
    assert undo_field([EDIT, PATCH], both("old", "OLD"), RULE) == Left("is as it was before already")


@pytest.mark.parametrize(
    ("facts", "rule", "word"),
    [
        ([EDIT, Fact("patched", F, "3f", "9c", hidden=True)], RULE, "sensitive"),
        ([EDIT, PATCH], None, "no such field"),
        ([EDIT, PATCH], FieldRule(direction=Direction.TO_FLOWTLY), "one way"),
        ([EDIT, PATCH], FieldRule(fixed=frozenset({F})), "one side cannot"),
        ([PATCH], RULE, "was not edited"),
        ([EDIT], RULE, "nothing was written"),
        ([EDIT, Fact("patched", F, ABSENT, "bad")], RULE, "no such field before"),
        ([Fact("overwritten", E, "a", "c"), Fact("overwritten", F, "b", "c")], RULE, "answer to a question"),
    ],
)
def test_what_cannot_be_told_or_written_is_left_alone(facts: list[Fact], rule: FieldRule | None, word: str) -> None:
    found = undo_field(facts, both("bad", "bad"), rule)
    assert isinstance(found, Left)
    assert word in found.why


def test_both_sides_written_with_one_value_before_go_back() -> None:
    facts = [Fact("patched", E, "a", "c"), Fact("patched", F, "a", "c")]
    assert undo_field(facts, both("c", "c"), RULE) == Restore({E: "a", F: "a"})
