"""Groups of records: joined strongest first, never over a contradiction, in whatever order the edges come."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.counterparties import vetoes
from syncd.counterparties.census import count
from syncd.counterparties.clusters import LARGEST, Clusters, cluster, pair
from syncd.counterparties.decide import decide
from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party, Prepared
from tests.unit.counterparties.matcher_kit import ALL, OTHER_TIN, TIN, numbered, parties

Edge = tuple[str, str, Band, float]


def records(*found: Party) -> dict[str, Prepared]:
    return {one.id: prepare(one) for one in found}


def plain(ids: str) -> dict[str, Prepared]:
    return records(*(Party(one, name="Zielony Wiatrak") for one in ids))


def edges(*found: Edge) -> list[Decision]:
    return [Decision(*sorted((one, other)), band, "", bits, "") for one, other, band, bits in found]


def test_automatic_edges_join_and_reviews_do_not() -> None:
    found = cluster(edges(("a", "b", Band.AUTO, 9), ("c", "d", Band.REVIEW, 9)), (), (), plain("abcd"))
    assert found == Clusters((("a", "b"),), ())


def test_a_yes_joins_whatever_the_band() -> None:
    found = cluster(edges(("a", "b", Band.NO, -3)), {("b", "a")}, (), plain("ab"))
    assert found.groups == (("a", "b"),)


def test_every_pair_of_a_group_must_be_worth_a_question() -> None:
    chain = [("a", "b", Band.AUTO, 9), ("b", "c", Band.AUTO, 8)]
    apart = cluster(edges(*chain), (), (), plain("abc"))
    assert apart.groups == (("a", "b"),)
    (refused,) = apart.refused
    assert (refused.left, refused.right, refused.edge) == (("a", "b"), ("c",), ("b", "c"))
    assert refused.reason == "too little says that a and c are one"
    assert cluster(edges(*chain, ("a", "c", Band.REVIEW, 2)), (), (), plain("abc")).groups == (("a", "b", "c"),)
    assert cluster(edges(*chain, ("a", "c", Band.NO, 0)), (), (), plain("abc")).groups == (("a", "b"),)


def test_a_pair_without_a_decision_is_judged_when_somebody_can() -> None:
    asked = []

    def judge(one: Prepared, other: Prepared) -> Decision:
        asked.append((one.id, other.id))
        return edges((one.id, other.id, Band.REVIEW, 3))[0]

    chain = edges(("a", "b", Band.AUTO, 9), ("b", "c", Band.AUTO, 8))
    assert cluster(chain, (), (), plain("abc"), judge).groups == (("a", "b", "c"),)
    assert asked == [("a", "c")]


def test_a_no_keeps_two_groups_apart() -> None:
    found = cluster(
        edges(("a", "b", Band.AUTO, 9), ("b", "c", Band.AUTO, 8), ("a", "c", Band.AUTO, 7)),
        (),
        {("c", "a")},
        plain("abc"),
    )
    assert found.groups == (("a", "b"),)
    assert [one.reason for one in found.refused] == ["a and c were said to be different"]


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        (Party("a", "X Kot", tin=TIN, country="PL"), Party("c", "X Kot", tin=OTHER_TIN, country="PL"), "tax numbers"),
        (Party("a", "X Kot GmbH"), Party("c", "X Kot AG"), "legal forms"),
        (Party("a", "X Kot", country="PL"), Party("c", "X Kot", country="DE"), "countries"),
        (Party("a", "X Kot", client="1"), Party("c", "X Kot", client="2"), "different clients"),
    ],
)
def test_a_contradiction_at_the_far_ends_keeps_apart(left: Party, right: Party, reason: str) -> None:
    every = edges(("a", "b", Band.AUTO, 9), ("b", "c", Band.AUTO, 8), ("a", "c", Band.REVIEW, 7))
    found = cluster(every, (), (), records(left, Party("b", "X Kot"), right))
    assert found.groups == (("a", "b"),)
    assert reason in found.refused[0].reason


def test_another_number_in_the_name_keeps_apart() -> None:
    found = cluster(edges(("a", "b", Band.AUTO, 9)), (), (), records(Party("a", "X Kot 1"), Party("b", "X Kot 2")))
    assert found.groups == () and "numbers in the names" in found.refused[0].reason


def test_a_yes_overrules_a_contradiction_but_never_joins_two_clients() -> None:
    forms = records(Party("a", "X Kot GmbH"), Party("b", "X Kot AG"))
    assert cluster((), {("a", "b")}, (), forms).groups == (("a", "b"),)
    clients = records(Party("a", "X Kot", client="1"), Party("b", "X Kot", client="2"))
    found = cluster((), {("a", "b")}, (), clients)
    assert found.groups == () and "different clients" in found.refused[0].reason


def test_no_group_grows_beyond_its_limit() -> None:
    ids = [f"r{at:02}" for at in range(LARGEST + 1)]
    every = edges(*((one, other, Band.AUTO, 9) for one, other in combinations(ids, 2)))
    found = cluster(every, (), (), records(*(Party(one, "X Kot") for one in ids)))
    assert found.groups == (tuple(ids[:LARGEST]),)
    assert [(one.right, one.reason) for one in found.refused] == [
        ((ids[-1],), f"together they would be more than {LARGEST} records")
    ]


@settings(max_examples=100)
@given(
    st.lists(parties, min_size=2, max_size=7).map(numbered),
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=3),
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=3),
    st.integers(),
)
def test_groups_hold_no_contradiction_and_come_out_the_same_in_any_order(
    found: list[Party], yes: set[tuple[int, int]], no: set[tuple[int, int]], seed: int
) -> None:
    prepared = records(*found)
    census = count(prepared.values())
    every = [decide(one, other, census, tiers=ALL) for one, other in combinations(prepared.values(), 2)]
    said_yes, said_no = (
        {pair(f"r{a}", f"r{b}") for a, b in said if a != b and max(a, b) < len(found)} for said in (yes, no)
    )
    first = cluster(every, said_yes, said_no, prepared)
    shuffled = list(every)
    Random(seed).shuffle(shuffled)
    assert cluster(shuffled, {ids[::-1] for ids in said_yes}, said_no, prepared) == first
    bands = {pair(one.left, one.right): one.band for one in every}
    group_of = {one: group for group in first.groups for one in group}
    assert sum(map(len, first.groups)) == len(group_of)
    for group in first.groups:
        for one, other in combinations(group, 2):
            assert not vetoes.never(prepared[one], prepared[other])
            assert (one, other) not in said_no
            if (one, other) not in said_yes:
                assert not vetoes.conflicts(prepared[one], prepared[other])
                assert bands[one, other] is not Band.NO
    for ids, band in bands.items():
        joined = group_of.get(ids[0], (ids[0],)) == group_of.get(ids[1], (ids[1],))
        if band is Band.AUTO and ids not in said_no and not joined:
            sides = {(one.left, one.right) for one in first.refused}
            assert tuple(sorted(group_of.get(one, (one,)) for one in ids)) in sides
