"""A link beside others: never more than the transaction, never twice the same, reversals as the mirror of costs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.linking import Money, Standing, cost_of, crowded, doubled

EUR = Money("EUR", {})


def link(name: str, amount: int | None, target: str = "", employee: str = "", *, ours: bool = True) -> Standing:
    """A link on a budget of its own."""
    return Standing(name, target or name, employee, amount, ours)


@given(total=st.integers(-(10**6), 10**6), parts=st.lists(st.integers(-(10**6), 10**6), max_size=6))
def test_links_that_were_let_pass_never_exceed_their_transaction(total: int, parts: list[int]) -> None:
    standing: list[Standing] = []
    for number, part in enumerate(parts):
        new = link(str(number), part)
        if not crowded(new, standing, total, EUR):
            standing.append(new)
    amounts = [one.amount or 0 for one in standing]
    assert abs(sum(amounts)) <= abs(total)
    assert all(amount * total > 0 for amount in amounts)


@given(total=st.integers(-(10**6), 10**6), amount=st.integers(-(10**6), 10**6), other=st.integers(-(10**6), 10**6))
def test_a_reversal_is_judged_as_the_cost_that_it_mirrors(total: int, amount: int, other: int) -> None:
    plain = crowded(link("a", amount), [link("b", other)], total, EUR)
    mirrored = crowded(link("a", -amount), [link("b", -other)], -total, EUR)
    assert bool(plain) == bool(mirrored)


def test_parts_that_add_up_have_room_and_a_cent_more_has_not() -> None:
    assert crowded(link("b", 400), [link("a", 600)], 1000, EUR) == ""
    said = crowded(link("b", 401), [link("a", 600)], 1000, EUR)
    assert said == "no room for 4.01 EUR: the transaction is 10.00 EUR, of which 6.00 EUR are linked"


def test_a_link_against_the_transactions_direction_makes_no_room() -> None:
    assert crowded(link("b", 1000), [link("a", -500)], 1000, EUR) == ""
    assert crowded(link("b", 1001), [link("a", -500)], 1000, EUR)


def test_a_link_of_the_whole_leaves_no_room_and_needs_all_of_it() -> None:
    assert crowded(link("a", None), [], 1000, EUR) == ""
    assert crowded(link("b", 1), [link("a", None)], 1000, EUR)
    assert crowded(link("a", None), [link("b", 1)], 1000, EUR)


def test_a_link_does_not_stand_in_its_own_way() -> None:
    assert crowded(link("a", 1000), [link("a", 1000)], 1000, EUR) == ""
    assert doubled(link("a", 1), [link("a", 5)]) == ""


def test_a_second_link_with_one_key_is_named_with_whose_it_is() -> None:
    new = link("new", 1, "b1", "e1")
    assert doubled(new, [link("x", 1, "b1", "e2"), link("y", 1, "b2", "e1")]) == ""
    assert doubled(new, [link("/l/7", 1, "b1", "e1", ours=False)]).startswith("people linked it themselves")
    assert "another link of ours" in doubled(new, [link("/l/7", 1, "b1", "e1")])


@pytest.mark.parametrize(
    ("total", "sign", "currency", "cost"),
    [
        ("-1250.00", -1, "EUR", 125_000),
        ("1250", 1, "EUR", 125_000),
        ("-1250", -1, "JPY", 1250),
        ("-1.234", -1, "BHD", 1234),
        ("-1.234", -1, "EUR", None),
        ("12.5", -1, "EUR", -1250),
    ],
)
def test_a_transaction_as_a_cost(total: str, sign: int, currency: str, cost: int | None) -> None:
    assert cost_of(Decimal(total), sign, Money(currency, {})) == cost


def test_major_units_count_by_the_currency() -> None:
    assert Money("EUR", {}, major=True).minor(12) == 1200
    assert Money("JPY", {}, major=True).minor(12) == 12
    assert Money("EUR", {}).minor(12) == 12
    assert Money("EUR", {}).minor(None) is None
    with pytest.raises(ValueError, match="no known currency"):
        Money("???", {}, major=True).minor(1)
