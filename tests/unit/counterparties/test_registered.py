"""What registers' words are worth: only "valid, under this name" raises a band, and silence changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.census import count
from syncd.counterparties.decide import DEFAULT_TIERS, decide
from syncd.counterparties.decision import Band
from syncd.counterparties.names import take_apart
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party
from syncd.counterparties.registered import Entry, RegisterFact

TIN = "PL8567346215"


def fact(*entries: Entry) -> RegisterFact:
    return RegisterFact(TIN, entries)


def valid(name: str, register: str = "vies") -> Entry:
    return Entry(register, valid=True, name=name, consultation="W1", day="2026-11-20")


@pytest.mark.parametrize(
    ("official", "name", "wanted"),
    [
        ("ŻÓŁW NORD SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ", "Zolw Nord sp. z o.o.", True),
        ("ŻÓŁW NORD SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ", "Zolw Nord", True),
        ("ŻÓŁW NORD S.A.", "Żółw Nord sp. z o.o.", False),
        ("ŻÓŁW NORD 2 SP. Z O.O.", "Żółw Nord sp. z o.o.", False),
        ("TURTLE SHIPPING GMBH", "Żółw Nord", False),
        ("NORD ŻÓŁW", "Żółw Nord", True),
        ("ŻÓŁW NORD SERVICES SP. Z O.O.", "Żółw Nord sp. z o.o.", None),
        ("JAN NOWAK || ŻÓŁW NORD", "Żółw Nord", True),
        ("ЧЕРЕПАХА", "Cherepacha", None),
        ("", "Żółw Nord", None),
        ("ŻÓŁW NORD", "", None),
    ],
)
def test_a_registered_name_confirms_contradicts_or_says_nothing(official: str, name: str, wanted: bool | None) -> None:
    assert fact(valid(official)).confirms((take_apart(name),)) is wanted


def test_one_of_several_names_is_enough_and_a_contradiction_outweighs() -> None:
    names = (take_apart("Turtle Nord"), take_apart("Żółw Nord"))
    assert fact(valid("ŻÓŁW NORD")).confirms(names) is True
    assert fact(valid("ŻÓŁW NORD"), valid("INNA FIRMA", "white_list")).confirms(names) is False
    assert fact(valid("ŻÓŁW NORD"), valid("", "white_list")).confirms(names) is True


def test_not_valid_and_silence_say_nothing() -> None:
    names = (take_apart("Żółw Nord"),)
    assert fact().confirms(names) is None
    assert fact(Entry("vies", valid=False)).confirms(names) is None
    assert fact(Entry("vies", valid=False, name="ŻÓŁW NORD")).confirms(names) is None


def test_the_reference_names_register_outcome_day_and_proof() -> None:
    both = fact(valid("ŻÓŁW"), Entry("white_list", valid=False, day="2026-11-19"))
    assert both.reference == "vies: valid on 2026-11-20, consultation W1; white_list: not valid on 2026-11-19"


NAMES = ["Żółw Nord sp. z o.o.", "Żółw Nord", "Żółw Nord S.A.", "Turtle Nord GmbH", "Żółw Nord 2 sp. z o.o."]
PARTIES = st.builds(
    lambda name, tin, city, street: {"name": name, "tin": tin, "city": city, "street": street, "country": "PL"},
    st.sampled_from(NAMES),
    st.sampled_from([TIN, "PL5261040828", ""]),
    st.sampled_from(["Warszawa", ""]),
    st.sampled_from(["Długa 1", ""]),
)
OFFICIAL = st.sampled_from([*(name.upper() for name in NAMES), "INNA FIRMA S.A.", ""])
SILENT = st.lists(st.builds(lambda name: Entry("vies", valid=False, name=name), OFFICIAL), max_size=2)
HEIGHT = {Band.NO: 0, Band.REVIEW: 1, Band.AUTO: 2}
ALL = frozenset({"T1", "T2", "T2b", "T3", "T4", "T5", "T6"})


@given(PARTIES, PARTIES, SILENT, st.sampled_from([DEFAULT_TIERS, ALL]))
def test_what_says_nothing_changes_no_decision(one, other, silent, tiers) -> None:
    left, right = prepare(Party("1", **one)), prepare(Party("2", **other))
    census = count([left, right])
    without = decide(left, right, census, tiers=tiers)
    facts = {number: RegisterFact(number, tuple(silent)) for number in (left.tin.valid, right.tin.valid) if number}
    asked = decide(left, right, census, tiers=tiers, registers=facts)
    assert (asked.band, asked.tier, asked.bits, asked.vetoes) == (
        without.band,
        without.tier,
        without.bits,
        without.vetoes,
    )


@given(PARTIES, PARTIES, OFFICIAL, st.sampled_from([DEFAULT_TIERS, ALL]))
def test_a_band_rises_only_under_the_registered_name_and_a_merge_falls_only_under_another(
    one, other, official, tiers
) -> None:
    left, right = prepare(Party("1", **one)), prepare(Party("2", **other))
    census = count([left, right])
    facts = {number: RegisterFact(number, (valid(official),)) for number in (left.tin.valid, right.tin.valid) if number}
    without = decide(left, right, census, tiers=tiers)
    asked = decide(left, right, census, tiers=tiers, registers=facts)
    words = [facts[party.tin.valid].confirms(party.names) for party in (left, right) if party.tin.valid]
    if HEIGHT[asked.band] > HEIGHT[without.band]:
        assert words == [True, True]
        assert left.tin.valid == right.tin.valid
    if HEIGHT[asked.band] < HEIGHT[without.band]:
        assert False in words
    if False in words:
        assert asked.band is not Band.AUTO


def test_a_confirmed_name_lifts_a_missing_form_to_the_first_tier() -> None:
    left = prepare(Party("1", name="Żółw Nord sp. z o.o.", tin=TIN, country="PL", city="Warszawa", street="Długa 1"))
    right = prepare(Party("2", name="Żółw Nord", tin=TIN, country="PL", city="Warszawa", street="Długa 1"))
    census = count([left, right])
    without = decide(left, right, census)
    assert (without.tier, without.band) == ("T3", Band.REVIEW)
    facts = {TIN: fact(valid("ŻÓŁW NORD SP. Z O.O."))}
    asked = decide(left, right, census, registers=facts)
    assert (asked.tier, asked.band) == ("T1", Band.AUTO)
    assert asked.registers == (facts[TIN].reference,)
    other = decide(left, right, census, registers={TIN: fact(valid("INNA FIRMA SP. Z O.O."))})
    assert other.band is Band.REVIEW
    assert any("another name" in veto for veto in other.vetoes)
