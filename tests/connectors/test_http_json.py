"""JSON in and out: exact numbers, and one kind of trouble for every kind of broken text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.connectors.http import JsonTrouble, dump_json, parse_json


def test_fractions_are_decimal_and_whole_numbers_are_int() -> None:
    data = parse_json(b'{"a": 0.10, "b": 2, "c": -125, "d": 1e2}')
    assert data == {"a": Decimal("0.10"), "b": 2, "c": -125, "d": Decimal("1E+2")}
    assert [type(value) for value in data.values()] == [Decimal, int, int, Decimal]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": 1',
        b"<html></html>",
        b"[1,]",
        b"NaN",
        b'{"a": Infinity}',
        b"[-Infinity]",
        b"\xff",
        b'"\xc3"',
        b"1e999999999",
        b"1e-999999999",
        b"0." + b"1" * 500,
        b"9" * 10_000,
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'"\x00"',
    ],
    ids=range(17),
)
def test_what_is_not_json_is_trouble_of_one_kind(text: bytes) -> None:
    with pytest.raises(JsonTrouble) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 120


def test_an_escaped_nul_is_text_like_any_other() -> None:
    assert parse_json(b'"a\\u0000b"') == "a\x00b"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2))
def test_money_goes_out_as_a_number_and_comes_back_the_same(value: Decimal) -> None:
    text = dump_json({"v": value})
    assert not isinstance(json.loads(text)["v"], str)
    assert parse_json(text)["v"] == value


def test_values_have_one_spelling_on_the_wire() -> None:
    at = datetime(2024, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    fields = {
        "day": date(2024, 1, 31),
        "at": at,
        "naive": datetime(2024, 1, 1),  # noqa: DTZ001 - a stamp without a zone is what is tested
        "none": None,
        "yes": True,
        "list": ("a", Decimal("2.50")),
        "text": "Łódź",
    }
    assert json.loads(dump_json(fields)) == {
        "day": "2024-01-31",
        "at": "2024-04-30T23:30:00+00:00",
        "naive": "2024-01-01T00:00:00+00:00",
        "none": None,
        "yes": True,
        "list": ["a", 2.5],
        "text": "Łódź",
    }
    assert at.astimezone(UTC).isoformat() == "2024-04-30T23:30:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+999999999"),
        Decimal("0.1234567890123456789"),
        float("nan"),
        1.5,
        b"bytes",
        object(),
        "half \ud800 character",
    ],
)
def test_what_json_cannot_carry_is_trouble_that_does_not_show_the_value(value: object) -> None:
    with pytest.raises(JsonTrouble) as caught:
        dump_json({"v": value})
    assert "12345" not in str(caught.value)
