"""What answers say about the rules: shares with bounds, advice that is never given on few answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.calibrate import (
    AUTOMATIC_AT,
    NO_TIER,
    PROPOSE_AT,
    Advice,
    Answered,
    Calibration,
    TierShare,
    calibrate,
    wilson,
)
from syncd.counterparties.decision import TIERS, Band, Decision, Level


def answered(yes: bool, tier: str = "T1", bits: float = 9.0, **more: Any) -> Answered:
    """An answer about a pair of this tier."""
    return Answered(Decision("a", "b", Band.REVIEW, tier, bits, "", **more).as_json(), yes)


def of_tier(found: Calibration, name: str) -> TierShare:
    (one,) = [one for one in found.tiers if one.name == name]
    return one


@pytest.mark.parametrize(
    ("yes", "answers", "low", "high"),
    [(0, 0, 0.0, 1.0), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962), (380, 380, 0.99, 1.0)],
)
def test_the_bounds_are_those_of_wilson(yes: int, answers: int, low: float, high: float) -> None:
    assert wilson(yes, answers) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(yes=st.integers(0, 500), no=st.integers(0, 500))
def test_the_bounds_hold_the_share_and_more_yes_never_lowers_them(yes: int, no: int) -> None:
    if yes + no:
        low, high = wilson(yes, yes + no)
        assert 0.0 <= low <= yes / (yes + no) <= high + 1e-12 <= 1.0 + 1e-12
    assert wilson(yes + 1, yes + no + 1)[0] >= wilson(yes, yes + no)[0]


def test_a_tier_is_only_advised_when_the_lower_bound_reaches_its_bar() -> None:
    for count, advice in ((30, Advice.MORE_ANSWERS), (80, Advice.PROPOSED), (381, Advice.AUTOMATIC)):
        assert of_tier(calibrate(answered(yes=True) for _ in range(count)), "T1").advice is advice


def test_one_no_ends_the_advice_to_merge_without_a_person() -> None:
    many = [answered(yes=True) for _ in range(2000)]
    assert of_tier(calibrate(many), "T1").advice is Advice.AUTOMATIC
    assert of_tier(calibrate([*many, answered(yes=False)]), "T1").advice is Advice.PROPOSED
    assert of_tier(calibrate([answered(yes=True), answered(yes=False)]), "T1").advice is Advice.ONE_BY_ONE


def test_a_no_to_a_pair_that_a_veto_stopped_anyway_does_not_speak_against_its_tier() -> None:
    found = of_tier(
        calibrate([*(answered(yes=True) for _ in range(80)), answered(yes=False, vetoes=("countries differ",))]), "T1"
    )
    assert (found.yes, found.no, found.clean_yes, found.clean_no) == (80, 1, 80, 0)
    assert found.advice is Advice.PROPOSED


@given(yes=st.integers(0, 120), no=st.integers(0, 3), bound=st.sampled_from([PROPOSE_AT, AUTOMATIC_AT]))
def test_what_is_missing_is_exactly_what_reaches_the_bound(yes: int, no: int, bound: float) -> None:
    more = TierShare("T1", yes, no, yes, no).missing(bound)
    assert wilson(yes + more, yes + no + more)[0] >= bound
    if more:
        assert wilson(yes + more - 1, yes + no + more - 1)[0] < bound


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["", *TIERS]), st.floats(-20, 20, allow_nan=False)),
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_every_answer_is_counted_once_by_tier_and_once_by_bits_in_any_order(
    said: list[tuple[bool, str, float]], shuffler: Any
) -> None:
    answers = [answered(yes, tier, bits, levels=(Level("tin", "equal", bits / 2),)) for yes, tier, bits in said]
    found = calibrate(answers)
    assert sum(one.answers for one in found.tiers) == sum(one.answers for one in found.bits) == len(said)
    assert sum(one.yes for one in found.tiers) == sum(one.yes for one in found.bits) == sum(yes for yes, _, _ in said)
    assert (NO_TIER in {one.name for one in found.tiers}) == any(not tier for _, tier, _ in said)
    shuffler.shuffle(answers)
    assert calibrate(answers) == found


def test_a_level_that_answers_speak_against_is_worth_a_look_and_a_rare_one_is_not() -> None:
    good, bad = (Level("phone", "equal", 3.3),), (Level("domain", "equal", 1.5),)
    rare = (Level("city", "equal", 0.6),)
    answers = [answered(yes=True, levels=good) for _ in range(40)]
    answers += [answered(yes=False, levels=bad) for _ in range(40)]
    answers += [answered(yes=False, levels=rare)]
    found = {(one.field, one.level): one for one in calibrate(answers).weights}
    assert found["domain", "equal"].answered < 0 < found["domain", "equal"].bits
    assert found["domain", "equal"].worth_a_look
    assert found["phone", "equal"].answered > 1
    assert not found["city", "equal"].worth_a_look


def test_nothing_answered_is_nothing_advised() -> None:
    found = calibrate([])
    assert (found.answers, found.tiers, found.bits, found.weights) == (0, (), (), ())
