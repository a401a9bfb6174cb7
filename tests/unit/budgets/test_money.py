"""Minor units: exact in both directions for 0, 2, 3 and 4 decimals; what is not exact is refused with both numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.currencies import DECIMALS
from syncd.budgets.money import apportion, exponent, from_minor, share_out, to_minor, told


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        (Decimal("1250.00"), "EUR", 125_000),
        ("1250.5", "EUR", 125_050),
        (1250, "EUR", 125_000),
        ("-0.01", "PLN", -1),
        (Decimal("10.500"), "EUR", 1050),
        ("1E+3", "JPY", 1000),
        ("1000.000", "JPY", 1000),
        ("0.0000000", "JPY", 0),
        ("1.234", "BHD", 1234),
        ("1.2345", "CLF", 12_345),
        ("-0", "EUR", 0),
    ],
)
def test_whole_units_become_minor_ones(value: Decimal | int | str, currency: str, minor: int) -> None:
    assert to_minor(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "currency", "why"),
    [
        ("1.005", "EUR", "1.005 has 3 decimals, EUR has 2"),
        (Decimal("0.5"), "JPY", "0.5 has 1 decimals, JPY has 0"),
        ("1.2345", "KWD", "1.2345 has 4 decimals, KWD has 3"),
        ("1", "EURO", "'EURO' is no known currency"),
        ("1", "eur", "'eur' is no known currency"),
        ("1,50", "EUR", "'1,50' is no number"),
        ("", "EUR", "'' is no number"),
        ("NaN", "EUR", "no amount of money"),
        ("Infinity", "EUR", "no amount of money"),
        ("1E+999999999", "EUR", "no amount of money"),
    ],
)
def test_what_is_not_exact_is_refused(value: Decimal | str, currency: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        to_minor(value, currency)


def test_the_configuration_has_the_last_word_on_decimals() -> None:
    assert exponent("HUF") == 2
    assert exponent("HUF", {"HUF": 0}) == 0
    assert to_minor("12", "HUF", {"HUF": 0}) == 12
    assert told(12, "PTS", {"PTS": 1}) == "1.2 PTS"


def test_amounts_for_people() -> None:
    assert told(125_000, "EUR") == "1250.00 EUR"
    assert told(-5, "EUR") == "-0.05 EUR"
    assert told(5, "JPY") == "5 JPY"
    assert told(5, "??") == "5 minor units of '??'"
    assert told(5, "") == "5 in minor units"


@given(st.integers(-(10**23), 10**23), st.sampled_from(["JPY", "EUR", "BHD", "CLF"]))
def test_there_and_back(amount: int, currency: str) -> None:
    assert to_minor(from_minor(amount, currency), currency) == amount
    assert -from_minor(amount, currency).as_tuple().exponent == DECIMALS[currency]  # type: ignore[operator]  # finite


def test_the_table_knows_each_code_once() -> None:
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)
    assert {code for code, decimals in DECIMALS.items() if decimals == 3} == {
        "BHD",
        "IQD",
        "JOD",
        "KWD",
        "LYD",
        "OMR",
        "TND",
    }
    assert len(DECIMALS) > 150


def test_sharing_out_in_small() -> None:
    assert share_out(100, [1, 1, 1]) == [34, 33, 33]
    assert share_out(-100, [1, 1, 1]) == [-34, -33, -33]
    assert share_out(5, [Fraction(1, 2), 0, Fraction(1, 2)]) == [3, 0, 2]
    assert share_out(0, [0, 0]) == [0, 0]
    assert share_out(0, []) == []
    assert apportion([15, 25, 60], 10) == [2, 2, 6]


@pytest.mark.parametrize(
    ("weights", "why"), [([1, -1], "negative"), ([0, 0], "every weight is zero"), ([], "every weight")]
)
def test_what_cannot_be_shared_out(weights: list[int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        share_out(1, weights)
