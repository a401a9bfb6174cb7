"""What links say about the unit of their amounts: only what cannot be otherwise is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.calibrate import LEAST, Sample, proposal

TOTALS = ["-1250.00", "-99.90", "-3000", "-0.05"]


def sample(number: int, amount: int | None, total: str, exponent: int | None = 2, transaction: str = "") -> Sample:
    """A link of a transaction of its own."""
    return Sample(f"/l/{number}", transaction or f"/t/{number}", amount, Decimal(total), exponent)


def whole(unit: str, totals: Sequence[str], exponent: int = 2) -> list[Sample]:
    """Links that are exactly their transactions."""
    scale = 10**exponent if unit == "minor" else 1
    return [sample(n, int(abs(Decimal(total)) * scale), total, exponent) for n, total in enumerate(totals)]


def test_links_of_the_whole_amount_in_cents_prove_minor_units_and_the_sign() -> None:
    found = proposal(whole("minor", TOTALS))
    assert (found.unit, found.sign, found.contradictions) == ("minor", -1, ())
    assert found.evidence["whole_in_minor"] == len(TOTALS)
    assert found.evidence["over_in_major"] == len(TOTALS)


def test_links_of_the_whole_amount_in_units_prove_major_units() -> None:
    found = proposal(whole("major", ["1250", "300", "17"]))
    assert (found.unit, found.sign) == ("major", 1)


def test_links_of_a_half_prove_cents_as_they_would_be_many_times_the_whole() -> None:
    assert proposal([sample(n, 5000 + n, "-100.00") for n in range(LEAST)]).unit == "minor"
    assert proposal([sample(n, 500, "-100.00") for n in range(9)]).unit is None  # five per cent, or five times


def test_parts_of_one_transaction_count_together() -> None:
    parts = [
        sample(n, part, "-10.00", transaction=f"/t/{n // 2}") for n, part in enumerate((400, 600, 1, 999, 500, 500))
    ]
    assert proposal(parts).unit == "minor"


def test_a_currency_without_decimals_tells_nothing_about_the_unit() -> None:
    found = proposal(whole("minor", ["-1250", "-300", "-17", "-9"], exponent=0))
    assert (found.unit, found.sign) == (None, -1)
    assert found.evidence["currency_without_decimals"] == 4
    yen = [sample(n, 700, "-700", 0) for n in range(10, 20)]
    assert proposal([*whole("minor", TOTALS), *yen]).unit == "minor"


def test_an_unknown_currency_tells_nothing_either() -> None:
    assert proposal([sample(n, 125_000, "-1250", None) for n in range(5)]).unit is None


def test_too_few_prove_nothing() -> None:
    assert proposal(whole("minor", TOTALS[: LEAST - 1])).unit is None


def test_a_link_that_exceeds_its_transaction_speaks_against_the_unit() -> None:
    found = proposal([*whole("minor", TOTALS), sample(9, 10_001, "-100.00")])
    assert found.unit is None
    assert any("/t/9" in text and "minor" in text for text in found.contradictions)


def test_links_in_both_units_are_a_contradiction_that_names_them() -> None:
    mixed = [*whole("minor", TOTALS), sample(9, 100, "-100.00")]
    found = proposal(mixed)
    assert found.unit is None
    assert any("/t/9" in text for text in found.contradictions)


def test_amounts_with_the_sign_of_their_transactions_do_not_tell_what_a_cost_is() -> None:
    found = proposal([sample(n, -1000, "-10.00") for n in range(4)])
    assert (found.unit, found.sign) == ("minor", None)
    assert found.contradictions


def test_signs_that_differ_are_a_contradiction() -> None:
    found = proposal([*whole("minor", TOTALS), *[sample(n, 1000, "10.00") for n in (7, 8)]])
    assert found.sign is None
    assert any("opposite signs 4 times and the same 2 times" in text for text in found.contradictions)


def test_links_without_an_amount_tell_the_sign_when_all_agree() -> None:
    assert proposal([sample(n, None, "-5.00") for n in range(3)]).sign == -1
    assert proposal([*(sample(n, None, "-5.00") for n in range(3)), sample(9, None, "5.00")]).sign is None


@pytest.mark.parametrize("unit", ["minor", "major"])
@given(
    amounts=st.lists(st.integers(1, 10**7), min_size=LEAST, max_size=12),
    sign=st.sampled_from([-1, 1]),
    exponent=st.sampled_from([2, 3]),
    seed=st.integers(0, 99),
)
def test_a_tenant_that_keeps_to_one_unit_is_recognised_whatever_the_order(
    unit: str, amounts: list[int], sign: int, exponent: int, seed: int
) -> None:
    """Whole links in one unit always prove it: in the other one they are all far too big, or far too small."""
    scale = 10**exponent
    samples = [
        Sample(
            f"/l/{n}",
            f"/t/{n}",
            amount,
            sign * (Decimal(amount) / scale if unit == "minor" else Decimal(amount)),
            exponent,
        )
        for n, amount in enumerate(amounts)
    ]
    found = proposal(samples)
    assert (found.unit, found.sign) == (unit, sign)
    Random(seed).shuffle(samples)
    assert proposal(samples) == found
