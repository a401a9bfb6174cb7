"""Decisions in plain words, and two parties side by side: nothing invented, nothing left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.decision import TIERS, Band, Decision, Level
from syncd.counterparties.party import Party
from syncd.counterparties.sentences import Mark, evidence, sentence, side_by_side

FORM = Level("form", "equal", 0.6)
NAME, TIN, CITY = Level("name", "equal", 2.5), Level("tin", "equal", 3.5, "PL5260001246"), Level("city", "differ", -1.2)


def decision(band: Band, tier: str = "", **more: Any) -> dict[str, Any]:
    """A decision as a case keeps it."""
    return Decision("a", "b", band, tier, 6.0, "why", **more).as_json()


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_has_words_of_its_own(tier: str) -> None:
    said = sentence(decision(Band.AUTO, tier))
    assert tier in said
    assert len({sentence(decision(Band.REVIEW, one)) for one in TIERS}) == len(TIERS)


def test_a_review_says_what_speaks_for_it_what_against_and_why_it_is_asked() -> None:
    said = sentence(decision(Band.REVIEW, levels=(NAME, TIN, CITY), vetoes=("the legal forms differ",)))
    assert said == (
        "Name (equal) and tax number (equal) speak for it; city (differ) speaks against it. "
        "But the legal forms differ. A person has to say."
    )


def test_a_pair_of_a_tier_that_is_held_back_says_both() -> None:
    said = sentence(decision(Band.REVIEW, "T1", levels=(NAME, FORM), guards=("the name is met with two tax numbers",)))
    assert said.startswith("The same name, the same legal form")
    assert "But the name is met with two tax numbers. A person has to say." in said


def test_a_no_says_that_it_is_too_little_or_what_forbids_it() -> None:
    assert "too little to ask about" in sentence(decision(Band.NO, levels=(NAME,)))
    said = sentence(decision(Band.NO, levels=(NAME,), vetoes=("the countries differ", "the legal forms differ")))
    assert said == "Name (equal) speaks for it. But the countries differ and the legal forms differ."
    assert "Nothing speaks for it" in sentence(decision(Band.NO))


def test_evidence_is_one_line_a_field_strongest_first_with_its_values() -> None:
    assert evidence(decision(Band.REVIEW, levels=(CITY, NAME, TIN))) == [
        "tax number equal +3.5: PL5260001246",
        "name equal +2.5",
        "city differ -1.2",
    ]


def marks(left: Party, right: Party) -> dict[str, Mark]:
    return {row.field: row.mark for row in side_by_side(left, right)}


def test_what_means_the_same_is_told_apart_from_what_differs() -> None:
    left = Party(
        "1",
        name="Kowalski Sp. z o.o.",
        tin="PL 526-00-01-246",
        country="PL",
        city="Kraków",
        phone="+48 22 123 45 67",
        email="A@x.pl",
        website="https://www.kowalski.pl/kontakt",
    )
    right = Party(
        "2",
        name="KOWALSKI spółka z ograniczoną odpowiedzialnością",
        tin="5260001246",
        country="PL",
        city="Krakow",
        phone="22 1234567",
        email="b@x.pl",
        website="kowalski.pl",
        regno="0000123456",
    )
    assert marks(left, right) == {
        "name": Mark.ALIKE,
        "tin": Mark.ALIKE,
        "country": Mark.SAME,
        "city": Mark.ALIKE,
        "phone": Mark.ALIKE,
        "email": Mark.DIFFERENT,
        "website": Mark.ALIKE,
        "regno": Mark.ONE_SIDED,
    }


def test_accounts_of_which_some_are_the_same_are_partly_the_same() -> None:
    one, other = "PL61109010140000071219812874", "PL27114020040000300201355387"
    assert marks(Party("1", accounts=(one,)), Party("2", accounts=(other, f"{one[:4]} {one[4:]}"))) == {
        "accounts": Mark.PARTLY
    }
    assert marks(Party("1", accounts=(one,)), Party("2", accounts=(other,))) == {"accounts": Mark.DIFFERENT}


def test_a_tier_says_how_the_names_agree_and_what_stands_for_a_missing_form() -> None:
    typo = Level("name", "typo rare", 2.0)
    assert "the same name but for a typing error, the same legal form" in sentence(
        decision(Band.AUTO, "T1", levels=(typo, FORM, TIN))
    )
    assert "a register's word for the name" in sentence(decision(Band.AUTO, "T1", levels=(NAME, TIN)))


def test_two_texts_that_say_nothing_comparable_are_not_alike() -> None:
    left, right = Party("1", website="https://facebook.com/one"), Party("2", website="https://facebook.com/two")
    assert marks(left, right)["website"] is Mark.DIFFERENT


TEXTS = st.text(alphabet="ab1 .-ł@", max_size=8)
PARTIES = st.builds(
    Party, id=st.just("x"), name=TEXTS, tin=TEXTS, city=TEXTS, phone=TEXTS, email=TEXTS, accounts=st.tuples(TEXTS)
)


@given(PARTIES, PARTIES)
def test_the_other_way_round_gives_the_same_marks_and_every_value_is_shown(left: Party, right: Party) -> None:
    rows, mirrored = side_by_side(left, right), side_by_side(right, left)
    assert [(row.field, row.mark) for row in rows] == [(row.field, row.mark) for row in mirrored]
    shown = {text for row in rows for text in (row.left, row.right)}
    assert {left.name, right.name, left.tin, right.tin, *left.accounts, *right.accounts} - {""} <= shown
    assert all(row.mark is Mark.SAME for row in side_by_side(left, left))
