"""Was it merged? The rule over what the lost record had and what others have and had."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.following import STRONG, Fate, Mark, Suspect, fate_of

ACCOUNT: Mark = ("account", "PL1")
CLIENT: Mark = ("client", "/api/clients/1")
TIN: Mark = ("tin", "5261040828")
ALL = frozenset(STRONG)

MARKS = st.frozensets(st.sampled_from([ACCOUNT, CLIENT, TIN, ("account", "PL2"), ("supplier", "/api/suppliers/1")]))
SUSPECTS = st.lists(
    st.builds(
        Suspect, st.sampled_from("abcd"), MARKS, MARKS, st.frozensets(st.sampled_from([*STRONG, "tin"])), st.booleans()
    ),
    unique_by=lambda one: one.key,
)


def suspect(
    key: str, *now: Mark, before: tuple[Mark, ...] = (), known: frozenset[str] = ALL, case: bool = False
) -> Suspect:
    """A record that may be the survivor."""
    return Suspect(key, frozenset(now), frozenset(before), known, case)


def test_one_that_gained_what_the_lost_one_had_is_the_survivor() -> None:
    found = fate_of(frozenset({ACCOUNT, TIN}), [suspect("s", ACCOUNT), suspect("t", TIN)])
    assert (found.fate, found.survivors) == (Fate.MERGED, ("s",))
    assert found.evidence == {"s": ("account PL1",)}


def test_who_had_it_before_gained_nothing() -> None:
    found = fate_of(frozenset({CLIENT}), [suspect("s", CLIENT), suspect("t", CLIENT, before=(CLIENT,))])
    assert (found.fate, found.survivors) == (Fate.MERGED, ("s",))


def test_two_that_gained_something_are_for_a_person() -> None:
    found = fate_of(frozenset({CLIENT, ACCOUNT}), [suspect("s", CLIENT), suspect("t", ACCOUNT)])
    assert (found.fate, found.survivors) == (Fate.UNCLEAR, ("s", "t"))


def test_what_is_not_known_from_before_is_not_gained() -> None:
    found = fate_of(frozenset({ACCOUNT}), [suspect("s", ACCOUNT, known=frozenset({"client"}))])
    assert (found.fate, found.survivors) == (Fate.UNCLEAR, ("s",))


def test_a_tax_number_or_a_case_alone_is_for_a_person() -> None:
    assert fate_of(frozenset({TIN}), [suspect("s", TIN, known=ALL | {"tin"})]).fate is Fate.UNCLEAR
    assert fate_of(frozenset(), [suspect("s", case=True)]).fate is Fate.UNCLEAR


def test_without_anything_in_common_it_is_a_loss() -> None:
    assert fate_of(frozenset({ACCOUNT}), [suspect("s", ("account", "PL2"))]).fate is Fate.GONE
    assert fate_of(frozenset({ACCOUNT}), []).fate is Fate.GONE


@given(MARKS, SUSPECTS, st.randoms(use_true_random=False))
def test_the_order_says_nothing(had: frozenset[Mark], suspects: list[Suspect], random: st.DataObject) -> None:
    shuffled = list(suspects)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fate_of(had, shuffled) == fate_of(had, suspects)


@given(MARKS, SUSPECTS)
def test_nothing_is_followed_without_a_strong_mark_that_was_gained(
    had: frozenset[Mark], suspects: list[Suspect]
) -> None:
    found = fate_of(had, suspects)
    if found.fate is Fate.MERGED:
        (one,) = [one for one in suspects if one.key == found.survivors[0]]
        assert any(mark[0] in STRONG and mark[0] in one.known for mark in (had & one.now) - one.before)


@given(MARKS, SUSPECTS)
def test_knowing_less_from_before_never_leads_to_following(had: frozenset[Mark], suspects: list[Suspect]) -> None:
    blind = [Suspect(one.key, one.now, one.before, frozenset(), one.case) for one in suspects]
    assert fate_of(had, blind).fate is not Fate.MERGED
