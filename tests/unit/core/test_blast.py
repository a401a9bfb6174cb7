"""The blast radius counts what a plan touches, and says what its minutes were estimated from."""

from __future__ import annotations

from decimal import Decimal

from syncd.core.blast import ASSUMED_RATE, Rate, radius, radius_to_json, rate_of
from syncd.core.model import ABSENT, Side
from syncd.core.plan import Item, Kind, Plan
from syncd.core.reconcile import Change


def patch(key: str, side: Side, *changes: Change, waits_for: str | None = None) -> Item:
    return Item(Kind.PATCH, key, f"/{key}", "changed", side, changes, waits_for=waits_for)


def plan(*items: Item, linked: int = 200) -> Plan:
    return Plan("m", "f", items, linked, approved=True, missing={})


def test_it_counts_by_kind_and_side_and_the_share_of_linked_records() -> None:
    city = Change("city", "a", "b", "changed")
    found = radius(
        plan(
            Item(Kind.CREATE, "n", None, "only_here", Side.FLOWTLY, document={"name": "x"}),
            patch("1", Side.FLOWTLY, city),
            patch("1", Side.EXTERNAL, city),
            patch("2", Side.EXTERNAL, city),
            Item(Kind.ASK, "1", "/1", "both sides changed", field="name"),
        ),
        Rate(2.0, 3),
    )
    assert found.counts == {"create": {"flowtly": 1}, "patch": {"flowtly": 1, "external": 2}, "ask": {"-": 1}}
    assert (found.records, found.share, found.writes) == (2, 0.01, 4)
    assert found.requests == {Side.FLOWTLY: 3, Side.EXTERNAL: 4}
    assert found.minutes == 4 / 2.0 / 60


def test_a_removal_is_looked_at_on_both_sides() -> None:
    found = radius(plan(Item(Kind.DELETE, "1", "/1", "gone", Side.FLOWTLY), linked=1), Rate())
    assert found.requests == {Side.FLOWTLY: 2, Side.EXTERNAL: 1}
    assert (found.records, found.share) == (1, 1.0)


def test_what_waits_is_counted_and_costs_nothing() -> None:
    found = radius(plan(patch("1", Side.FLOWTLY, waits_for="@m:external=9"), linked=0), Rate())
    assert (found.waiting, found.requests[Side.FLOWTLY], found.minutes, found.share) == (1, 0, 0.0, 0.0)


def test_whole_numbers_count_as_money_where_they_are_called_an_amount() -> None:
    found = radius(
        plan(
            patch("1", Side.FLOWTLY, Change("amount", 600, 500, "changed"), Change("days", 3, 4, "changed")),
            patch("2", Side.FLOWTLY, Change("amount", None, 700, "changed")),
            Item(Kind.CREATE, "n", None, "only_here", Side.FLOWTLY, document={"amount": 9, "days": 1}),
        ),
        Rate(),
    )
    assert radius_to_json(found)["amounts"] == [
        {"side": "flowtly", "field": "amount", "changed": 2, "moved": "800", "created": "9"}
    ]


def test_money_that_goes_up_and_down_does_not_cancel_out() -> None:
    found = radius(
        plan(
            patch("1", Side.FLOWTLY, Change("amount", Decimal("10.50"), Decimal("5.50"), "changed")),
            patch("2", Side.FLOWTLY, Change("amount", ABSENT, Decimal(5), "changed")),
            patch("3", Side.FLOWTLY, Change("days", 3, 4, "changed")),
            Item(Kind.CREATE, "n", None, "only_here", Side.FLOWTLY, document={"amount": Decimal("7.25")}),
        ),
        Rate(),
    )
    (amount,) = found.amounts.values()
    assert (amount.changed, amount.moved, amount.created) == (2, Decimal("10.00"), Decimal("7.25"))
    assert radius_to_json(found)["amounts"] == [
        {"side": "flowtly", "field": "amount", "changed": 2, "moved": "10.00", "created": "7.25"}
    ]


def test_the_rate_is_measured_where_enough_was_written_and_assumed_elsewhere() -> None:
    slow = {"external.patched": 5, "flowtly.created": 15, "writing_ms": 10_000}
    assert rate_of([slow, {}, {"flowtly.created": 20, "writing_ms": 10_000}]) == Rate(2.0, 2)
    few = {"flowtly.created": 9, "writing_ms": 1}
    assert rate_of([few]) == Rate(ASSUMED_RATE, 0)
    assert rate_of([]) == Rate()
