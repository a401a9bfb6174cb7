"""What an alias gets from its primary: every combination of a field's four values, and answers."""

from __future__ import annotations

from itertools import product

import pytest

from syncd.core.aliasing import Standing, carry
from syncd.core.model import ABSENT, Absent, Decision, Document, MaybeValue, Side

VALUES: tuple[MaybeValue, ...] = (ABSENT, None, "a", "b", "c")


def document(value: MaybeValue) -> Document:
    """One field, or none."""
    return {} if isinstance(value, Absent) else {"f": value}


@pytest.mark.parametrize("may", [True, False])
def test_no_combination_overwrites_an_edit_or_writes_what_is_there(*, may: bool) -> None:
    for now, base, told, primary in product(VALUES, repeat=4):
        alias = Standing(document(now), document(base), document(told))
        got = carry(alias, document(primary), {"f": may}, {})
        edited = now != base
        for value in got.writes.values():
            assert may
            assert not edited, "nothing that somebody typed is overwritten without a word"
            assert value == primary != now
        if got.contests:
            assert edited
            assert primary not in (told, now)
            assert (got.base, got.told) == (alias.base, alias.told), "asked about: all stays as it was"
        if Absent in {type(now), type(primary)}:
            assert not got.writes
            assert not got.contests


def test_no_combination_is_silent_about_a_change_that_the_alias_could_take() -> None:
    for now, base, told, primary in product(VALUES[1:], repeat=4):
        got = carry(Standing(document(now), document(base), document(told)), document(primary), {"f": True}, {})
        if primary not in {told, now}:
            assert got.writes or got.contests
        elif primary == told:
            assert got.edited == (("f",) if now != base else ())


def test_once_carried_over_it_is_quiet() -> None:
    for now, base, told, primary in product(VALUES[1:], repeat=4):
        first = carry(Standing(document(now), document(base), document(told)), document(primary), {"f": True}, {})
        after = {**document(now), **first.writes}
        again = carry(Standing(after, first.base, first.told), document(primary), {"f": True}, {})
        assert not again.writes
        assert again.contests == first.contests
        assert (again.base, again.told) == (first.base, first.told)


def test_a_field_that_is_new_in_the_mapping_is_taken_as_it_is() -> None:
    got = carry(Standing({"f": "a"}, {}, {}), {"f": "b"}, {"f": True}, {})
    assert (got.writes, got.contests) == ({}, ())
    assert (got.base, got.told) == ({"f": "a"}, {"f": "b"})


@pytest.mark.parametrize(
    ("decision", "value"),
    [
        (Decision("x", "b", Side.EXTERNAL), "x"),
        (Decision("x", "b", Side.FLOWTLY), "b"),
        (Decision("x", "b", None, "typed"), "typed"),
    ],
)
def test_an_answer_says_what_the_alias_gets(decision: Decision, value: str) -> None:
    got = carry(Standing({"f": "x"}, {"f": "a"}, {"f": "a"}), {"f": "b"}, {"f": True}, {"f": (decision,)})
    assert got.contests == ()
    assert (got.base, got.told) == ({"f": value}, {"f": "b"})
    assert dict(got.writes) == ({} if value == "x" else {"f": value})


def test_an_answer_about_other_values_says_nothing() -> None:
    old = Decision("x", "other", Side.FLOWTLY)
    got = carry(Standing({"f": "x"}, {"f": "a"}, {"f": "a"}), {"f": "b"}, {"f": True}, {"f": (old,)})
    assert [one.field for one in got.contests] == ["f"]
