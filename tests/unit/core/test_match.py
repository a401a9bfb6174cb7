"""Who is who among strangers: never an ambiguous link, whatever the order of the records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.match import Candidate, Fit, Match, match
from syncd.core.model import Side


def c(key: str, *keys: str | None) -> Candidate:
    return Candidate(key, keys)


def test_one_to_one_on_the_first_level_is_certain_and_on_another_probable() -> None:
    found = match([c("E1", "vat1", "ada"), c("E2", None, "bob")], [c("F1", "vat1", "x"), c("F2", None, "bob")], 2)
    assert found.matches == (
        Match(Fit.CERTAIN, 0, ("E1",), ("F1",)),
        Match(Fit.PROBABLE, 1, ("E2",), ("F2",)),
    )
    assert found.ambiguous == ()


def test_two_sources_with_one_key_are_ambiguous_and_not_alone() -> None:
    found = match([c("E1", "vat"), c("E2", "vat")], [c("F1", "vat")], 1)
    assert found.matches == ()
    assert found.ambiguous == (Match(Fit.AMBIGUOUS, 0, ("E1", "E2"), ("F1",)),)
    assert found.alone == {Side.EXTERNAL: (), Side.FLOWTLY: ()}


def test_twins_on_one_side_without_a_partner_are_asked_about_instead_of_created_twice() -> None:
    found = match([c("E1", "vat"), c("E2", "vat"), c("E3", "other")], [], 1)
    assert found.ambiguous == (Match(Fit.AMBIGUOUS, 0, ("E1", "E2"), ()),)
    assert found.alone[Side.EXTERNAL] == ("E3",)


def test_a_stronger_key_that_differs_forbids_a_weaker_match() -> None:
    found = match([c("E1", "vat1", "ada")], [c("F1", "vat2", "ada")], 2)
    assert found.matches == ()
    assert found.alone == {Side.EXTERNAL: ("E1",), Side.FLOWTLY: ("F1",)}


def test_same_name_is_no_twin_when_the_stronger_keys_differ() -> None:
    found = match([c("E1", "vat1", "ada"), c("E2", "vat2", "ada")], [], 2)
    assert found.alone[Side.EXTERNAL] == ("E1", "E2")


def test_records_without_any_key_are_alone() -> None:
    found = match([c("E1", None, None), c("E2", None, None)], [], 2)
    assert found.alone[Side.EXTERNAL] == ("E1", "E2")


def test_a_huge_group_is_ambiguous_as_a_whole() -> None:
    found = match([c(f"E{n}", "vat") for n in range(100)], [c(f"F{n}", "vat") for n in range(100)], 1)
    assert found.matches == ()
    assert len(found.ambiguous) == 1


KEYS = st.lists(st.tuples(st.sampled_from([None, "1", "2", "3"]), st.sampled_from([None, "x", "y"])), max_size=6).map(
    lambda rows: rows
)


@given(KEYS, KEYS, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_nobody_is_lost_or_linked_twice(left, right, rng) -> None:
    external = [Candidate(f"E{n}", keys) for n, keys in enumerate(left)]
    flowtly = [Candidate(f"F{n}", keys) for n, keys in enumerate(right)]
    found = match(external, flowtly, 2)
    shuffled_left, shuffled_right = external[:], flowtly[:]
    rng.shuffle(shuffled_left)
    rng.shuffle(shuffled_right)
    again = match(shuffled_left, shuffled_right, 2)
    assert sorted(found.matches, key=str) == sorted(again.matches, key=str)
    assert sorted(found.ambiguous, key=str) == sorted(again.ambiguous, key=str)
    assert found.alone == again.alone
    everyone = [
        *found.alone[Side.EXTERNAL],
        *found.alone[Side.FLOWTLY],
        *(key for m in (*found.matches, *found.ambiguous) for key in (*m.external, *m.flowtly)),
    ]
    assert sorted(everyone) == sorted([one.key for one in external] + [one.key for one in flowtly])


@given(KEYS, KEYS)
def test_a_match_is_unique_at_its_level(left, right) -> None:
    """No link while a second record would fit as well and nothing stronger tells them apart."""
    found = match(
        [Candidate(f"E{n}", keys) for n, keys in enumerate(left)],
        [Candidate(f"F{n}", keys) for n, keys in enumerate(right)],
        2,
    )
    for one in found.matches:
        if one.level == 0:
            text = left[int(one.external[0][1:])][0]
            assert [keys[0] for keys in left].count(text) == 1
            assert [keys[0] for keys in right].count(text) == 1


@given(KEYS, KEYS)
def test_mirrored_sides_give_mirrored_matches(left, right) -> None:
    found = match(
        [Candidate(f"E{n}", keys) for n, keys in enumerate(left)],
        [Candidate(f"F{n}", keys) for n, keys in enumerate(right)],
        2,
    )
    turned = match(
        [Candidate(f"F{n}", keys) for n, keys in enumerate(right)],
        [Candidate(f"E{n}", keys) for n, keys in enumerate(left)],
        2,
    )
    assert sorted((m.external, m.flowtly, m.level) for m in found.matches) == sorted(
        (m.flowtly, m.external, m.level) for m in turned.matches
    )
