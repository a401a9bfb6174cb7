"""Which change is an event: every condition, alone and together, and limits that are told once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.events import About, Crossing, EventRule, changed_fields, events_of, levels_of, number_of

RECORD = About("watch:w", "/api/invoices/1", {"resource": "invoices"})
SENT, PAID = {"status": "sent", "total": Decimal(10)}, {"status": "paid", "total": Decimal(10)}


def due(rule: EventRule, before: Any, after: Any, levels: frozenset[str] = frozenset()) -> list[Decimal | None]:
    return [one.level for one in events_of([rule], RECORD, before, after, levels)]


@pytest.mark.parametrize(
    ("rule", "appearing", "changing", "going", "resting"),
    [
        (EventRule("e", appears=True), True, False, False, False),
        (EventRule("e", disappears=True), False, False, True, False),
        (EventRule("e", changes=()), False, True, False, False),
        (EventRule("e", changes=("status",)), False, True, False, False),
        (EventRule("e", changes=("total",)), False, False, False, False),
        (EventRule("e", becomes={"status": ("paid",)}), True, True, False, False),
        (EventRule("e", becomes={"status": ("sent", "late")}), False, False, False, False),
        (EventRule("e", appears=True, holds={"status": ("paid",)}), True, False, False, False),
        (EventRule("e", appears=True, holds={"status": ("sent",)}), False, False, False, False),
        (EventRule("e", disappears=True, holds={"status": ("sent",)}), False, False, True, False),
        (EventRule("e", disappears=True, holds={"status": ("paid",)}), False, False, False, False),
        (EventRule("e", changes=("status",), holds={"total": (10,)}), False, True, False, False),
        (EventRule("e", changes=("status",), holds={"total": (11,)}), False, False, False, False),
    ],
)
def test_each_condition(rule: EventRule, appearing: bool, changing: bool, going: bool, resting: bool) -> None:
    assert bool(due(rule, None, PAID)) is appearing
    assert bool(due(rule, SENT, PAID)) is changing
    assert bool(due(rule, SENT, None)) is going
    assert bool(due(rule, PAID, dict(PAID))) is resting
    assert due(rule, None, None) == []


def test_an_event_says_what_changed_and_who_is_told() -> None:
    (told,) = events_of([EventRule("invoice.paid", ("one", "two"), changes=())], RECORD, SENT, PAID)
    assert (told.event, told.targets, told.about, told.changed) == ("invoice.paid", ("one", "two"), RECORD, ("status",))
    assert (told.before, told.after, told.level) == (SENT, PAID, None)


def test_a_field_that_only_one_reading_knows_has_not_changed() -> None:
    assert changed_fields({"a": 1}, {"a": 1, "b": 2}) == ()
    assert changed_fields({"a": 1, "b": 2}, {"a": 1}) == ()
    assert changed_fields({"a": None}, {"a": 0}) == ("a",)
    assert changed_fields({"a": 1}, {"a": True}) == ("a",)


def walked(crossing: Crossing, numbers: list[Any]) -> list[bool]:
    """Whether each of these readings passed the limit."""
    rule, before, levels, told = EventRule("e", crosses=(crossing,)), None, frozenset[str](), []
    for number in numbers:
        after = {"total": number}
        told.append(bool(due(rule, before, after, levels)))
        before, levels = after, levels_of([rule], before, after, levels)
    return told


@pytest.mark.parametrize(
    ("crossing", "numbers", "told"),
    [
        (Crossing("total", Decimal(100), True), [90, 100, 101, 120, 100, 101], [0, 0, 1, 0, 0, 1]),
        (Crossing("total", Decimal(100), True, Decimal(10)), [101, 95, 101, 90, 101], [1, 0, 0, 0, 1]),
        (Crossing("total", Decimal(100), False), [120, 100, 99, 50, 100, 99], [0, 0, 1, 0, 0, 1]),
        (Crossing("total", Decimal(100), False, Decimal(10)), [99, 105, 99, 110, 99], [1, 0, 0, 0, 1]),
        (Crossing("total", Decimal(100), True), [101, None, "oops", 102, True, 103], [1, 0, 0, 0, 0, 0]),
        (Crossing("total", Decimal(100), True), ["99.5", "100.5"], [0, 1]),
    ],
)
def test_a_limit_is_told_once_until_it_is_back(crossing: Crossing, numbers: list[Any], told: list[int]) -> None:
    assert walked(crossing, numbers) == [bool(one) for one in told]


@given(st.lists(st.integers(-50, 50)), st.integers(-20, 20), st.integers(0, 10), st.booleans())
def test_between_two_tellings_the_number_has_always_come_back(
    numbers: list[int], limit: int, back: int, above: bool
) -> None:
    told = walked(Crossing("total", Decimal(limit), above, Decimal(back)), numbers)
    sign = 1 if above else -1
    last: int | None = None
    for place, is_told in enumerate(told):
        assert not is_told or sign * (numbers[place] - limit) > 0
        if is_told:
            between = numbers[last:place] if last is not None else []
            assert last is None or any(sign * (number - limit) <= -back for number in between)
            last = place


def test_several_limits_are_passed_at_once_and_a_new_one_starts_from_what_was_seen() -> None:
    rule = EventRule("e", crosses=(Crossing("total", Decimal(80), True), Crossing("total", Decimal(100), True)))
    assert due(rule, {"total": 50}, {"total": 120}) == [Decimal(80), Decimal(100)]
    # 80 was not asked for before; the record lay beyond it, so it is not passed now
    assert due(rule, {"total": 90}, {"total": 120}, frozenset()) == [Decimal(100)]


@pytest.mark.parametrize("absurd", ["1e999999", "NaN", "Infinity", "-Infinity", "", "12,5", None, True, ("1",)])
def test_what_is_no_usable_number(absurd: Any) -> None:
    assert number_of(absurd) is None


@pytest.mark.parametrize(("raw", "number"), [("12.50", "12.5"), (7, "7"), (Decimal("-0.1"), "-0.1"), ("1e3", "1000")])
def test_numbers(raw: Any, number: str) -> None:
    assert number_of(raw) == Decimal(number)
