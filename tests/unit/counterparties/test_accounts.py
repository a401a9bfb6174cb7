"""Bank accounts: valid IBANs in one form, anything else dropped with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schwifty import IBAN

from syncd.counterparties.accounts import account, accounts, problems


def _made(seed: int, country: str) -> str:
    import random

    return str(IBAN.random(country_code=country, random=random.Random(seed)))


@given(st.integers(0, 10_000), st.sampled_from(["PL", "DE", "DK", "FR", "IT", "NO", "GB", "NL"]))
def test_a_valid_account_has_one_form_however_it_is_written(seed: int, country: str) -> None:
    iban = _made(seed, country)
    spaced = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    for raw in (iban, iban.lower(), spaced, f"IBAN: {spaced}", spaced.replace(" ", "\u00a0"), f"-{iban}-"):
        assert account(raw).iban == iban


@given(st.integers(0, 10_000))
def test_26_digits_are_a_polish_account_without_its_country(seed: int) -> None:
    iban = _made(seed, "PL")
    bare = iban[2:]
    assert account(bare).iban == iban
    assert account(f"{bare[:2]} " + " ".join(bare[at : at + 4] for at in range(2, 26, 4))).iban == iban


@given(st.integers(0, 10_000), st.integers(4, 20), st.integers(1, 9))
def test_one_wrong_digit_drops_the_account(seed: int, at: int, more: int) -> None:
    iban = _made(seed, "PL")
    wrong = iban[:at] + str((int(iban[at]) + more) % 10) + iban[at + 1 :]
    assert account(wrong).iban == ""
    assert "checksum" in account(wrong).problem
    assert account(wrong[2:]).iban == ""


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("12 3456 7890", "two letters of a country"),
        ("DE8937040044053201300", "length"),
        ("XX89370400440532013000", "country"),
        ("PL00", "two letters"),
        ("PL04" + "0" * 24, "placeholder"),
    ],
)
def test_what_is_no_account_says_why(raw: str, words: str) -> None:
    found = account(raw)
    assert found.iban == ""
    assert words in found.problem


def test_several_in_one_text_are_taken_apart_sorted_and_said_once() -> None:
    one, two = sorted((_made(1, "DE"), _made(2, "PL")))
    assert accounts((f"{two}; {one}", two.removeprefix("PL"), "", "nonsense")) == (one, two)
    assert [found.raw for found in problems((f"{two}, nonsense",))] == [" nonsense"]
    assert problems((one, "")) == ()


@given(st.text(max_size=50))
def test_any_text_gets_an_answer(raw: str) -> None:
    found = account(raw)
    assert not (found.iban and found.problem)
