"""Spend signals, pure: each threshold once on the way up and once on the way back, in exact amounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.spending import (
    Crossing,
    Planned,
    Spent,
    added_up,
    crossings,
    passed,
    period_of,
    share,
    used,
)

THRESHOLDS = (80, 100)
AMOUNT = st.decimals(-1000, 1000, places=2)


@given(st.lists(AMOUNT, max_size=20), AMOUNT)
def test_every_threshold_is_told_once_up_and_once_down(steps: list[Decimal], planned: Decimal) -> None:
    known: set[int] = set()
    for spent in steps:
        told = crossings(spent, planned, THRESHOLDS, known)
        for one in told:
            assert (one.threshold in known) != one.crossed, "told only when it changes"
            known ^= {one.threshold}
        assert known == {one for one in THRESHOLDS if passed(spent, planned, one)}
        assert crossings(spent, planned, THRESHOLDS, known) == ()


@given(AMOUNT, AMOUNT, st.decimals("0.01", 1000, places=2))
def test_spending_more_never_takes_a_threshold_back(spent: Decimal, more: Decimal, planned: Decimal) -> None:
    low, high = sorted((spent, more))
    assert all(passed(high, planned, one) for one in THRESHOLDS if passed(low, planned, one))


def test_a_threshold_is_reached_to_the_cent() -> None:
    planned = Decimal("333.35")  # 80 % are 266.68
    assert not passed(Decimal("266.67"), planned, 80)
    assert passed(Decimal("266.68"), planned, 80)
    assert crossings(Decimal("400.00"), planned, THRESHOLDS, ()) == (Crossing(80, True), Crossing(100, True))
    assert crossings(Decimal(0), planned, THRESHOLDS, {80, 100}) == (Crossing(100, False), Crossing(80, False))
    assert crossings(Decimal(0), planned, (90,), {80}) == (), "a threshold that is no more asked for is not told"


def test_where_nothing_is_planned_the_first_cent_passes_everything() -> None:
    assert not passed(Decimal(0), Decimal(0), 80)
    assert not passed(Decimal(-5), Decimal(0), 80)
    assert passed(Decimal("0.01"), Decimal(0), 100)
    assert share(Decimal(5), Decimal(0)) is None


def test_a_share_is_rounded_down() -> None:
    assert share(Decimal("99.99"), Decimal(100)) == Decimal("99.9")
    assert share(Decimal("-0.01"), Decimal(100)) == Decimal("-0.1")
    assert share(Decimal(1), Decimal(3)) == Decimal("33.3")


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("2026-01", "2026-01"),
        ("2026-01-31", "2026-01"),
        (202601, "2026-01"),
        ("20260131", "2026-01"),
        (2026, "2026"),
        (Decimal(2026), "2026"),
        (date(2026, 3, 9), "2026-03"),
        (datetime(2026, 3, 9, tzinfo=UTC), "2026-03"),
        ("2026-03-09T00:00:00+00:00", "2026-03"),
    ],
)
def test_periods(written: object, period: str) -> None:
    assert period_of(written) == period


@pytest.mark.parametrize("written", ["", None, "January", "2026-13", "2026-00", "26-01", 1.5])
def test_what_is_no_period(written: object) -> None:
    with pytest.raises(ValueError, match="is no month"):
        period_of(written)


def test_rows_of_one_period_add_up_and_currencies_do_not_mix() -> None:
    plans, mixed = added_up(
        [
            Planned("4100", "2026", Decimal("10.50"), "EUR"),
            Planned("4100", "2026", Decimal(20), "EUR"),
            Planned("4100", "2026-01", Decimal(5), "EUR"),
            Planned("4200", "2026", Decimal(1), "EUR"),
            Planned("4200", "2026", Decimal(1), "PLN"),
        ]
    )
    assert plans == [
        Planned("4100", "2026", Decimal("30.50"), "EUR"),
        Planned("4100", "2026-01", Decimal(5), "EUR"),
    ]
    assert mixed == [("4200", "2026")]


SPENT = [
    Spent("4100", "2026-01", "EUR", 10_000),
    Spent("4100", "2026-02", "EUR", -2_500),
    Spent("4100", "2026-02", "JPY", 900, base=550, base_currency="EUR"),
    Spent("4100", "2027-01", "EUR", 1),
    Spent("4200", "2026-01", "EUR", 77),
    Spent("4300", "2026-01", "PLN", 100, base=None, base_currency="EUR"),
    Spent("4300", "2026-02", "EUR", 100),
    Spent("4400", "2026-01", "JPY", 900),
]


@pytest.mark.parametrize(
    ("target", "period", "currency", "amount"),
    [
        ("4100", "2026-01", "EUR", Decimal("100.00")),
        ("4100", "2026-02", "EUR", Decimal("-19.50")),
        ("4100", "2026", "EUR", Decimal("80.50")),
        ("4100", "all", "EUR", Decimal("80.51")),
        ("4100", "2026-02", "JPY", None),
        ("4300", "2026-01", "EUR", None),
        ("4300", "2026-02", "EUR", Decimal("1.00")),
        ("4400", "all", "JPY", Decimal(900)),
        ("4500", "all", "EUR", Decimal("0.00")),
    ],
)
def test_what_is_used(target: str, period: str, currency: str, amount: Decimal | None) -> None:
    assert used(Planned(target, period, Decimal(1), currency), SPENT) == amount
