"""Control totals, pure: a breach exactly where sums differ beyond what is pending, amounts exact, records by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.budgets.totals import (
    NAMED,
    Entry,
    Room,
    Sums,
    cost_of,
    detail_of,
    judged,
    minor_of,
    records_of,
    targets_of,
)

AMOUNTS = st.one_of(st.none(), st.integers(-5, 5), st.integers(-(10**15), 10**15))
ENTRIES = st.lists(
    st.builds(Entry, st.text("ab#1", max_size=4), AMOUNTS, AMOUNTS, st.sampled_from(["", "", "waiting", "in_doubt"])),
    max_size=30,
)


@given(ENTRIES)
def test_a_breach_is_exactly_a_difference_that_is_not_pending(entries: list[Entry]) -> None:
    verdict = judged(entries)
    wanted = [one.wanted for one in entries if one.wanted is not None]
    found = [one.found for one in entries if one.found is not None]
    assert verdict.wanted == Sums(len(wanted), sum(wanted))
    assert verdict.found == Sums(len(found), sum(found))
    # Once everything that is pending has come about, as wanted, do the sums agree?
    settled = [one.wanted if one.pending else one.found for one in entries]
    after = [one for one in settled if one is not None]
    assert verdict.breached == ((len(after), sum(after)) != (len(wanted), sum(wanted)))
    assert verdict.left == Sums(len(after) - len(wanted), sum(after) - sum(wanted))
    if verdict.breached:
        assert verdict.off, "a breach names its records"
    assert not {id(one) for one in verdict.off} & {id(one) for one in verdict.pending}


@given(ENTRIES)
def test_the_order_of_records_changes_no_sum(entries: list[Entry]) -> None:
    one, other = judged(entries), judged(entries[::-1])
    assert (one.wanted, one.found, one.left, one.breached) == (other.wanted, other.found, other.left, other.breached)


@given(ENTRIES)
def test_agreement_is_silent(entries: list[Entry]) -> None:
    verdict = judged([Entry(one.name, one.wanted, one.wanted) for one in entries])
    assert not verdict.breached
    assert verdict.off == verdict.pending == ()
    assert verdict.wanted == verdict.found


def test_a_missing_link_of_nothing_still_counts() -> None:
    verdict = judged([Entry("P1#1", 0, None)])
    assert verdict.breached
    assert verdict.left == Sums(-1, 0)


def test_a_breach_names_at_most_twenty_records_with_their_amounts() -> None:
    entries = [Entry(f"P{n:02}#1", 100, 150, iri=f"/api/l/{n}", targets=("4100",)) for n in range(NAMED + 3)]
    entries += [Entry("P90#1", 7, None, pending="waiting"), Entry("P91#1", 30, 30)]
    told = detail_of(judged(entries), "EUR", {})
    assert told["wanted"] == {"count": 25, "amount": "23.37 EUR"}
    assert told["found"] == {"count": 24, "amount": "34.80 EUR"}
    assert told["difference"] == {"count": 0, "amount": "11.50 EUR"}
    assert told["pending"] == 1
    assert told["more"] == 3
    assert len(told["records"]) == NAMED
    assert told["records"][0] == {"record": "P00#1", "wanted": "1.00 EUR", "found": "1.50 EUR", "iri": "/api/l/0"}
    assert targets_of(entries) == ("4100",)
    assert records_of([Entry("P1#1", None, 5)], "JPY", {})["records"] == [
        {"record": "P1#1", "wanted": None, "found": "5 JPY"}
    ]


@pytest.mark.parametrize(
    ("amount", "total", "decimals", "minor", "sign", "cost"),
    [
        (125000, None, 2, True, -1, 125000),
        (1250, Decimal(-9), 2, False, -1, 125000),
        (-1250, None, 2, False, -1, -125000),
        (None, Decimal("-1250.00"), 2, True, -1, 125000),
        (None, Decimal("1250.00"), 2, True, -1, -125000),
        (None, Decimal("1250.00"), 2, True, 1, 125000),
        (None, Decimal(-980), 0, True, -1, 980),
        (7, None, 0, False, -1, 7),
        (None, Decimal("1.234"), 3, True, 1, 1234),
        (None, None, 2, True, -1, None),
    ],
)
def test_what_a_link_weighs(
    amount: int | None, total: Decimal | None, decimals: int, minor: bool, sign: int, cost: int | None
) -> None:
    assert cost_of(amount, total, decimals=decimals, minor=minor, sign=sign) == cost


@given(st.decimals(-(10**9), 10**9, places=4), st.integers(0, 3), st.sampled_from([-1, 1]))
def test_what_is_finer_than_a_cent_never_vanishes(total: Decimal, decimals: int, sign: int) -> None:
    cost = minor_of(total, decimals=decimals, sign=sign)
    exact = total.scaleb(decimals) * sign
    assert abs(cost) >= abs(exact)
    assert abs(cost - exact) < 1
    assert (cost == exact) == (exact == exact.to_integral_value())


MONEY = st.integers(-1000, 1000)


@given(MONEY, MONEY, MONEY, MONEY)
def test_a_transaction_is_over_allocated_exactly_when_its_links_exceed_it(
    total: int, ours: int, theirs: int, wanted: int
) -> None:
    room = Room(total, total, ours, theirs, wanted, moving=False)
    way = 1 if total >= 0 else -1
    assert (room.over > 0) == ((ours + theirs) * way > abs(total))
    assert room.breached == (room.over > 0)
    mirrored = Room(-total, -total, -ours, -theirs, -wanted, moving=False)
    if total:
        assert mirrored.over == room.over


def test_what_is_pending_excuses_only_what_it_will_mend() -> None:
    shrinking = Room(total=800, posted=800, ours=1000, theirs=0, wanted=800, moving=True)
    assert shrinking.over == 200
    assert not shrinking.breached
    crowded = Room(total=1000, posted=1000, ours=1000, theirs=300, wanted=900, moving=True)
    assert crowded.breached
    assert not Room(total=1000, posted=1000, ours=600, theirs=400, wanted=600, moving=False).breached
