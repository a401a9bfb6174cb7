"""Canonical values, guard, order and plan: the small pure parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.canon import canonical, digest, from_json, same, to_json
from syncd.core.guard import Blast, Caps, judge
from syncd.core.model import ABSENT, Side
from syncd.core.order import ReferenceCycle, by_references
from syncd.core.plan import Item, Kind, Plan, item_from_json, item_to_json, maybe_from_json, maybe_to_json
from syncd.core.reconcile import Change

SCALARS = st.one_of(
    st.text(max_size=8),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.none(),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


@given(VALUES)
def test_canonical_is_idempotent_and_survives_json(value) -> None:
    once = canonical(value)
    assert canonical(once) == once
    back = from_json(to_json(once))
    assert same(back, once)
    assert to_json(back) == to_json(once)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_equal_decimals_have_one_spelling(value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()
    longer = Decimal((sign, (*digits, 0, 0), int(exponent) - 2))
    assert str(canonical(value)) == str(canonical(longer))
    assert canonical(value) == value


def test_one_spelling_for_empty_for_naive_times_and_for_powers_of_ten() -> None:
    assert canonical("") is None
    assert canonical(datetime(2026, 1, 1, 12)) == datetime(2026, 1, 1, 12, tzinfo=UTC)  # noqa: DTZ001 - the case itself
    assert (
        canonical(datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))).isoformat()
        == "2026-01-01T10:00:00+00:00"
    )
    assert str(canonical(Decimal("1E+3"))) == "1000"
    with pytest.raises(ValueError, match="finite"):
        canonical(Decimal("NaN"))


def test_true_is_not_one() -> None:
    assert not same(True, 1)
    assert same(Decimal(1), 1)


def test_stored_objects_nobody_wrote_are_refused() -> None:
    with pytest.raises(ValueError, match="stored"):
        from_json({"$what": 1})
    with pytest.raises(ValueError, match="stored"):
        from_json(1.5)


def test_digests_depend_on_content_and_domain_not_on_key_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest({"a": 1}, key=b"m1") != digest({"a": 1}, key=b"m2")


CAPS = Caps(max_creates=10, max_changes=20, max_share=0.5)


def test_the_guard_names_every_cap_that_is_broken() -> None:
    reasons = judge(Blast({Side.FLOWTLY: 11}, {Side.EXTERNAL: 60}, {Side.EXTERNAL: 60}, 100), CAPS)
    assert sorted(word for reason in reasons for word in reason.split() if word.startswith("max_")) == [
        "max_changes",
        "max_creates",
        "max_share",
    ]
    assert judge(Blast({Side.FLOWTLY: 10}, {Side.EXTERNAL: 20}, {Side.EXTERNAL: 20}, 100), CAPS) == ()


def test_a_share_of_a_handful_says_nothing_and_filling_gaps_counts_for_none() -> None:
    assert judge(Blast({}, {Side.FLOWTLY: 3}, {Side.FLOWTLY: 3}, 3), CAPS) == ()
    assert judge(Blast({}, {Side.FLOWTLY: 20}, {Side.FLOWTLY: 20}, 30), CAPS) == ()
    many = Caps(max_creates=10, max_changes=2000, max_share=0.5)
    assert judge(Blast({}, {Side.FLOWTLY: 900}, {Side.FLOWTLY: 100}, 1000), many) == ()
    assert len(judge(Blast({}, {Side.FLOWTLY: 900}, {Side.FLOWTLY: 501}, 1000), many)) == 1


def test_order_puts_parents_first_and_names_a_cycle() -> None:
    assert by_references({"notes": ["clients"], "clients": [], "contacts": ["clients"]}) == (
        "clients",
        "contacts",
        "notes",
    )
    assert by_references({"tree": ["tree"]}) == ("tree",)
    with pytest.raises(ReferenceCycle) as caught:
        by_references({"a": ["b"], "b": ["c"], "c": ["a"]})
    assert caught.value.names[0] == caught.value.names[-1]
    assert set(caught.value.names) == {"a", "b", "c"}


ITEM = Item(
    Kind.PATCH,
    "E1",
    "/api/clients/1",
    "changed",
    side=Side.FLOWTLY,
    changes=(
        Change("amount", ABSENT, Decimal("1.5"), "changed"),
        Change("day", None, date(2026, 1, 2), "one_way", True),
    ),
    digests={Side.EXTERNAL: b"\x01" * 16},
)


def test_an_item_survives_json_with_its_fingerprint() -> None:
    again = item_from_json(item_to_json(ITEM))
    assert again == ITEM
    assert again.fingerprint == ITEM.fingerprint
    assert maybe_from_json(maybe_to_json(ABSENT)) is ABSENT


def test_a_plan_counts_what_it_would_touch() -> None:
    create = Item(Kind.CREATE, "E2", None, "only_here", side=Side.FLOWTLY, document={"name": "x"})
    plan = Plan("clients", "f", (ITEM, create), 7, approved=True, missing={})
    changed = {Side.EXTERNAL: 0, Side.FLOWTLY: 1}
    assert plan.blast == Blast({Side.EXTERNAL: 0, Side.FLOWTLY: 1}, changed, changed, 7)
    assert plan.pending
    assert not Plan("clients", "f", (), 7, approved=True, missing={}).pending
