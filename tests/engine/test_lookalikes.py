"""Who comes near whom, and what groups of records come to: the same whatever the order. No peer and no store here."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.model import Document, Side
from syncd.counterparties import census
from syncd.counterparties.decide import weigh
from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import prepare
from syncd.engine.kin import Kin, Standing, party_of, single, tied
from syncd.engine.likeness import TIERS
from syncd.engine.lookalikes import Alike, Edge, groups
from syncd.engine.nearness import near
from syncd.mapping.evidence import EvidenceSpec

SPEC = EvidenceSpec(
    name=("name", "short"),
    tin=("vat",),
    country=("country",),
    accounts=("iban", "ibans"),
    street=("street", "house"),
    postal=("zip",),
    city=("city",),
    email=("mail",),
    phone=("phone",),
)
VAT = ("DK10000009", "DK10000017", "DK10000025")


def alone(side: Side, key: str, **said: str) -> Kin:
    return single(side, key, {"country": "DK", **said}, Standing.ALONE)


def link(key: str, **said: str) -> Kin:
    document = {"country": "DK", **said}
    return tied(key, f"/{key}", (document, document))


def found(everyone: Sequence[Kin], rng: Random | None = None, together: Sequence[Sequence[str]] = ()) -> list[Alike]:
    """The groups of these records, all strangers asking; ``rng`` shuffles whatever has no order."""
    asking = [one for one in everyone if one.standing is Standing.ALONE]
    if rng is not None:
        everyone, asking = rng.sample(everyone, len(everyone)), rng.sample(asking, len(asking))
    around = near(SPEC, asking, everyone)
    edges = [
        Edge(one, other, verdict)
        for one, other in around.pairs
        if (verdict := weigh(around.prepared[one.id], around.prepared[other.id], around.census, tiers=TIERS)).band
        is not Band.NO
    ]
    if rng is not None:
        rng.shuffle(edges)
    return groups(edges, together, secret=False)


def test_a_document_says_what_the_mapping_names() -> None:
    document: Document = {
        "name": None,
        "short": " Ada ApS ",
        "vat": 10000009,
        "iban": None,
        "ibans": ("DK1", "DK2"),
        "street": "Vej",
        "house": 5,
    }
    party = party_of(SPEC, single(Side.EXTERNAL, "1", document, Standing.ALONE))
    assert (party.name, party.other_names, party.tin, party.accounts) == ("Ada ApS", (), "10000009", ("DK1", "DK2"))
    assert (party.street, party.city, party.display) == ("Vej 5", "", False)


def test_a_pair_is_what_both_sides_say() -> None:
    flowtly: Document = {"name": "Ada ApS", "city": None, "iban": "DK1"}
    external: Document = {"name": "Ada Maskiner ApS", "city": "Odense", "iban": "DK2"}
    party = party_of(SPEC, tied("1", "/1", (flowtly, external)))
    assert (party.name, party.other_names) == ("Ada ApS", ("Ada Maskiner ApS",))
    assert (party.city, party.accounts) == ("Odense", ("DK1", "DK2"))


def test_a_shown_name_is_one_only_where_there_is_no_other() -> None:
    spec = EvidenceSpec(name=("name",), display=("shown",))
    both, shown = (
        party_of(spec, single(Side.EXTERNAL, "1", document, Standing.ALONE))
        for document in ({"name": "Ada ApS", "shown": "ADA"}, {"shown": "ADA"})
    )
    assert ((both.name, both.display), (shown.name, shown.display)) == (("Ada ApS", False), ("ADA", True))


def test_records_come_near_by_a_number_a_rare_word_or_two_words() -> None:
    stranger = alone(Side.EXTERNAL, "N", name="Nordic Bygge Odense ApS", vat=VAT[0], phone="+45 65 12 34 56")
    by_tin = link("tin", name="Something Else", vat="10 00 00 09")
    by_phone = link("phone", name="Quite Other", phone="65123456")
    by_words = link("words", name="Bygge Nordic")
    unlike = [link(f"U{number}", name=f"Nordic Number{number}") for number in range(200)]
    around = near(SPEC, [stranger], [stranger, by_tin, by_phone, by_words, *unlike])
    assert {other.id for _, other in around.pairs} == {by_tin.id, by_phone.id, by_words.id}
    assert around.census.frequency("nordic") == 202


def test_a_number_on_too_many_records_brings_nobody_together_but_is_known_to_be_shared() -> None:
    stranger = alone(Side.EXTERNAL, "N", name="Skolen i Vejle", vat=VAT[0])
    many = [link(f"S{number}", name=f"Skole{number}", vat=VAT[0]) for number in range(200)]
    around = near(SPEC, [stranger], [stranger, *many])
    assert around.pairs == ()
    assert len(around.census.names_on("tin", VAT[0])) > 20


def test_a_text_of_a_thousand_words_instead_of_a_name_costs_little_and_is_still_found() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    stranger, company = alone(Side.EXTERNAL, "N", name=text), link("C1", name="Word7 Maskiner")
    tracemalloc.start()
    try:
        around = near(SPEC, [stranger], [stranger, company])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [other.id for _, other in around.pairs] == [company.id]
    assert most < 30 << 20, "pairs of words grow with the square of them"


def test_a_linked_record_joins_nobody() -> None:
    """Two strangers that look like one linked record are two questions unless they look like each other."""
    company = link("C1", name="Ada Maskiner ApS", vat=VAT[0], city="Odense", phone="65123456")
    one = alone(Side.EXTERNAL, "N1", name="Ada Maskiner")
    other = alone(Side.EXTERNAL, "N2", name="Bo Handel", phone="65123456", vat=VAT[0])
    told = found([company, one, other])
    assert [(group.kind, group.members) for group in told] == [
        ("duplicate", ((Side.EXTERNAL, "N1"),)),
        ("duplicate", ((Side.EXTERNAL, "N2"),)),
    ]
    assert all("/C1" in group.named[Side.FLOWTLY] for group in told)


def test_whoever_is_on_the_way_to_a_partner_holds_back_what_looks_like_it() -> None:
    busy = single(Side.EXTERNAL, "B", {"country": "DK", "name": "Ada Maskiner ApS"}, Standing.BUSY)
    (group,) = found([busy, alone(Side.FLOWTLY, "/1", name="Ada Maskiner")])
    assert (group.kind, group.members) == ("", ((Side.FLOWTLY, "/1"),))


def test_a_large_family_is_several_questions() -> None:
    family = [alone(Side.EXTERNAL, f"N{number:02}", name="Ada Maskiner") for number in range(40)]
    told = found(family)
    assert sorted(key for group in told for _, key in group.members) == [f"N{number:02}" for number in range(40)]
    assert {group.kind for group in told} == {"ambiguous"}
    assert all(len(keys) <= 20 for group in told for keys in group.named.values())


def test_who_is_asked_about_already_is_asked_about_together_with_a_newcomer() -> None:
    pair = [alone(Side.EXTERNAL, "N1", name="Ada", mail="a@ada.dk"), alone(Side.FLOWTLY, "/1", name="Bo ApS")]
    newcomer = alone(Side.EXTERNAL, "N0", name="Bo ApS", vat=VAT[0])
    names = [one.id for one in pair]
    (group,) = [group for group in found([*pair, newcomer], together=[names]) if (Side.EXTERNAL, "N0") in group.members]
    assert "/1" in group.named[Side.FLOWTLY]


NAMES = ["Ada Maskiner ApS", "Ada Maskiner", "ADA MASKINER A/S", "Bo Handel ApS", "Bo Handel", "Ada Handel"]


@st.composite
def records(draw: st.DrawFn) -> list[Kin]:
    made: list[Kin] = []
    for number in range(draw(st.integers(2, 9))):
        said = {"name": draw(st.sampled_from(NAMES))}
        for field, values in (("vat", VAT), ("phone", ("65123456", "65123457")), ("city", ("Odense", "Vejle"))):
            if draw(st.booleans()):
                said[field] = draw(st.sampled_from(values))
        how = draw(st.sampled_from(["external", "flowtly", "link"]))
        made.append(link(f"L{number}", **said) if how == "link" else alone(Side(how), f"{how[0]}{number}", **said))
    return made


@settings(max_examples=60, deadline=None)
@given(records(), st.integers(0, 2**32))
def test_the_outcome_does_not_depend_on_any_order(everyone: list[Kin], seed: int) -> None:
    assert found(everyone, Random(seed)) == found(everyone)


@settings(max_examples=60, deadline=None)
@given(records())
def test_what_is_linked_is_one_to_one_and_fits_nobody_else_as_well(everyone: list[Kin]) -> None:
    told = found(everyone)
    members = [one for group in told for one in group.members]
    assert len(members) == len(set(members)), "nobody is in two groups"
    counted = census.count(prepare(party_of(SPEC, one)) for one in everyone)
    good = {
        frozenset((one.id, other.id))
        for one, other in combinations(everyone, 2)
        if weigh(prepare(party_of(SPEC, one)), prepare(party_of(SPEC, other)), counted, tiers=TIERS).band is Band.AUTO
    }
    for group in told:
        if group.tier:
            pair = {f"{side} {key}" for side, key in group.members}
            assert [side for side, _ in group.members] == list(Side)
            assert {both for both in good if both & pair} == {frozenset(pair)}
