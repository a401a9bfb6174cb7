"""What a rule may ask of a posting, what counts as equal, and what is said when it does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from syncd.budgets.conditions import Condition, pattern
from syncd.budgets.model import Test as Asked
from syncd.budgets.model import Window
from syncd.budgets.templates import words
from syncd.budgets.values import day, number, plain
from tests.unit.budgets.rules_kit import equal, posting

JUNE = Window(date(2026, 6, 1), date(2026, 6, 30))


@pytest.mark.parametrize("value", [4100, "4100", " 4100 ", Decimal(4100), Decimal("4100.0"), "4100.00", 4100.0])
def test_numbers_are_equal_by_value(value: object) -> None:
    assert plain(value) == "4100"
    assert Condition("cc", equal("4100.0"), {}).holds(posting(cc=value))


def test_texts_are_equal_as_they_are() -> None:
    assert plain("0410") == "0410"
    assert plain("1e3") == "1e3"
    assert plain("-0") == plain(Decimal("-0.0")) == "0"
    assert plain(1000000000000000000000) == plain("1000000000000000000000") == "1000000000000000000000"
    assert (plain(None), plain("  "), plain(True), plain(False)) == ("", "", "true", "false")
    assert plain(date(2026, 1, 2)) == "2026-01-02"
    assert plain(Decimal("NaN")) == "NaN"


@pytest.mark.parametrize(
    ("name", "test", "value", "holds", "told"),
    [
        ("cc", equal("4100", "4110"), 4200, False, "cc is 4200, not one of 4100, 4110"),
        ("cc", equal("4100"), None, False, "cc is empty, not 4100"),
        ("cc", equal(""), None, True, "cc is empty"),
        ("cc", Asked(empty=True), " ", True, "cc is empty"),
        ("cc", Asked(empty=True), 0, False, "cc is 0, which should be empty"),
        ("cc", Asked(empty=False), "", False, "cc is empty, which should have a value"),
        ("text", Asked(like=("*ads*", "x?z")), "Google ADS 3", True, "text is Google ADS 3"),
        ("text", Asked(like=("*ads*", "x?z")), "XYZ", True, "text is XYZ"),
        ("text", Asked(like=("ads",)), "Google ads", False, "text is Google ads, not like ads"),
        ("text", Asked(like=("*",)), None, False, "text is empty, not like *"),
        ("hours", Asked(least=Decimal("1.5"), most=Decimal(3)), "2", True, "hours is 2"),
        ("hours", Asked(least=Decimal("1.5")), Decimal("1.49"), False, "hours is 1.49, less than 1.5 or no number"),
        ("hours", Asked(most=Decimal(3)), "many", False, "hours is many, more than 3 or no number"),
        ("hours", Asked(most=Decimal(3)), True, False, "hours is true, more than 3 or no number"),
        ("due", Asked(window=JUNE), "2026-06-30T23:59:00", True, "due is 2026-06-30T23:59:00"),
        ("due", Asked(window=JUNE), date(2026, 7, 1), False, "due is 2026-07-01, not from 2026-06-01 to 2026-06-30"),
        ("due", Asked(window=Window(last=date(2026, 1, 1))), "soon", False, "due is soon, not until 2026-01-01"),
        ("cc", Asked(frozenset({"4100"}), like=("4*",)), 4100, True, "cc is 4100"),
        ("cc", Asked(frozenset({"4100"}), like=("5*",)), 4100, False, "cc is 4100, not like 5*"),
    ],
)
def test_conditions(name: str, test: Asked, value: object, holds: bool, told: str) -> None:
    condition = Condition(name, test, {})
    one = replace(posting(), fields={name: value})
    assert (condition.holds(one), condition.why(one)) == (holds, told)


@pytest.mark.parametrize(
    ("name", "test", "holds"),
    [
        ("amount", Asked(least=Decimal(10), most=Decimal(100)), True),
        ("amount", Asked(least=Decimal("100.01")), False),
        ("amount", equal("100"), True),
        ("amount", Asked(empty=False), True),
        ("date", Asked(window=Window(date(2026, 5, 17), date(2026, 5, 17))), True),
        ("date", Asked(window=JUNE), False),
        ("currency", equal("EUR"), True),
        ("currency", equal("eur"), True),
        ("year", equal("2026"), True),
        ("month", equal("5"), True),
        ("month", equal("05", "06"), True),
        ("quarter", equal("2"), True),
    ],
)
def test_the_postings_own_words_mean_its_own_and_no_raw_field(name: str, test: Asked, holds: bool) -> None:
    for amount in (10_000, -10_000):
        one = replace(posting(amount), fields={name: "raw"})
        assert Condition(name, test, {}).holds(one) is holds


def test_an_amount_is_told_in_units_of_its_currency() -> None:
    assert Condition("amount", Asked(least=Decimal(100)), {}).holds(posting(100, "JPY"))
    assert not Condition("amount", Asked(least=Decimal(100)), {}).holds(posting(100, "BHD"))
    assert (
        Condition("amount", Asked(most=Decimal(1)), {}).why(posting(-250)) == "amount is 2.5, more than 1 or no number"
    )


def test_numbers_and_days_out_of_raw_values() -> None:
    assert [number(value) for value in ("0012", "+1.5", "1e3", "", None, 0.1, float("nan"))] == [
        Decimal(12),
        Decimal("1.5"),
        None,
        None,
        None,
        Decimal("0.1"),
        None,
    ]
    assert day(datetime(2026, 1, 2, 3, tzinfo=UTC)) == day("2026-01-02 03:00") == date(2026, 1, 2)
    assert [day(value) for value in ("2026-01-02x", "2026-13-01", "", None, 20260102)] == [None] * 5


def test_patterns_know_stars_and_question_marks_and_nothing_else() -> None:
    assert pattern(("a[b].*?",)).fullmatch("A[b].xyz")
    assert not pattern(("a.c",)).fullmatch("abc")
    assert pattern(("*b*b",)).fullmatch("abab")
    assert pattern(("x", "y*")).fullmatch("yes\nand more")


def test_a_pattern_of_many_stars_takes_no_long_time() -> None:
    assert not pattern(("*a" * 40 + "b",)).fullmatch("a" * 3000)


def test_words_of_templates() -> None:
    assert words("{a}:{line.b}-x") == ("a", "line.b")
    for wrong in ("{", "}", "a}b{", "{}", "{ a}", "{line.}", "{{a}}"):
        with pytest.raises(ValueError, match="brace"):
            words(wrong)
