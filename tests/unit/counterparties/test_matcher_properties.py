"""What holds for every pair of records: no order, no third record and no missing field makes two parties one."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.counterparties.census import count
from syncd.counterparties.decide import decide, weigh
from syncd.counterparties.decision import TIERS, Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party
from syncd.counterparties.scan import scan, survey
from tests.unit.counterparties.matcher_kit import ALL, FIRM, TIN, both, like, numbered, parties

some = st.lists(parties, min_size=2, max_size=5).map(numbered)
tiers = st.sets(st.sampled_from(TIERS)).map(frozenset)
FIELDS = [one.name for one in fields(Party) if one.name not in {"id", "display"}]
SHOWN = {
    "name": {"name", "numerals", "form"},
    "other_names": {"name"},
    "accounts": {"account"},
    "website": {"domain"},
    "email": {"domain"},
}


@given(some, tiers)
def test_the_same_whichever_comes_first(found: list[Party], allowed: frozenset[str]) -> None:
    left, right, *others = found
    assert both(left, right, *others, tiers=allowed) == both(right, left, *others, tiers=allowed)


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_records_says_nothing(found: list[Party], random: object) -> None:
    ordered = [prepare(one) for one in found]
    shuffled = list(ordered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(scan(ordered, ALL)) == list(scan(shuffled, ALL))


@settings(max_examples=300)
@given(some, parties, tiers)
def test_another_record_never_brings_an_automatic_merge_about(
    found: list[Party], more: Party, allowed: frozenset[str]
) -> None:
    left, right, *others = found
    before = both(left, right, *others, tiers=allowed)
    after = both(left, right, *others, replace(more, id="more"), tiers=allowed)
    assert after.band is not Band.AUTO or before.band is Band.AUTO
    assert after.bits <= before.bits + 0.01 or after.band is not Band.AUTO


@settings(max_examples=300)
@given(some, st.sampled_from(FIELDS), st.booleans(), tiers)
def test_a_missing_field_never_brings_an_automatic_merge_about_unless_it_was_told_to_contradict(
    found: list[Party], field: str, first: bool, allowed: frozenset[str]
) -> None:
    left, right, *others = found
    poorer = replace(left if first else right, **{field: () if field in {"other_names", "accounts"} else ""})
    before = both(left, right, *others, tiers=allowed)
    after = both(poorer, right if first else left, *others, tiers=allowed)
    if after.band is Band.AUTO and before.band is not Band.AUTO:
        against = {one.field for one in before.levels if one.bits < 0}
        lifted = {*before.vetoes, *before.guards} - {*after.vetoes, *after.guards}
        assert lifted or against & SHOWN.get(field, {field}), before.why


@settings(max_examples=300)
@given(some, tiers)
def test_automatic_needs_a_tier_that_is_switched_on_and_nothing_against(
    found: list[Party], allowed: frozenset[str]
) -> None:
    left, right, *others = found
    decision = both(left, right, *others, tiers=allowed)
    if decision.band is Band.AUTO:
        assert decision.tier in allowed and not decision.vetoes and decision.bits >= 6
        names = {level.level.split()[0] for level in decision.levels if level.field == "name"}
        assert names <= {"equal", "reordered", "joined", "typo"}
        numbers = {"tin", "account", "regno"} & {level.field for level in decision.levels if level.bits > 0}
        soft = {"domain", "phone", "street"} & {level.field for level in decision.levels if level.bits > 0}
        assert numbers or len(soft) > 1


@given(st.lists(parties, min_size=2, max_size=5), tiers)
def test_names_alone_never_merge(found: list[Party], allowed: frozenset[str]) -> None:
    bare = [Party(one.id, one.name, one.other_names, country=one.country) for one in numbered(found)]
    left, right, *others = bare
    assert both(left, right, *others, tiers=allowed).band is not Band.AUTO


@given(some)
def test_every_decision_explains_itself_and_twice_the_same_way(found: list[Party]) -> None:
    left, right, *others = found
    one, again = both(left, right, *others), both(left, right, *others)
    assert json.dumps(one.as_json()) == json.dumps(again.as_json())
    assert one.why.startswith(one.band.value.upper()) and one.why.endswith(f"= {one.bits:.1f}")
    for level in one.levels:
        assert f"{level.field} {level.level} {level.bits:+.1f}" in one.why
    if one.band is not Band.AUTO:
        for clause in (*one.vetoes, *one.guards):
            assert clause in one.why


@settings(max_examples=200)
@given(some)
@example(numbered([FIRM, FIRM]))
def test_a_scan_finds_what_deciding_each_pair_with_a_common_key_finds(found: list[Party]) -> None:
    prepared = [prepare(one) for one in found]
    surveyed = survey(prepared)
    decided = {(one.left, one.right): one for one in scan(prepared, ALL)}
    census = count(prepared)
    for at, left in enumerate(surveyed.records):
        near = surveyed.candidates(at)
        for number, right in enumerate(surveyed.records[at + 1 :], at + 1):
            kept = number in near and weigh(left, right, census, tiers=ALL).worth_keeping
            assert ((left.id, right.id) in decided) == kept
            if kept:
                assert decided[left.id, right.id] == decide(left, right, census, tiers=ALL, blocks=near[number])


@given(some, tiers, st.text(min_size=1, max_size=5))
def test_an_earlier_no_is_the_last_word(found: list[Party], allowed: frozenset[str], words: str) -> None:
    left, right, *others = found
    decision = both(left, right, *others, tiers=allowed, forbidden=words)
    assert decision.band is Band.NO and words in decision.vetoes


class Said:
    """A register's answer."""

    reference = "vies: valid"

    def __init__(self, answer: bool | None) -> None:
        self._answer = answer

    def confirms(self, names: object) -> bool | None:
        return self._answer


@settings(max_examples=200)
@given(some, tiers, st.sampled_from((None, False)))
def test_a_register_that_does_not_confirm_never_raises_a_band(
    found: list[Party], allowed: frozenset[str], answer: bool | None
) -> None:
    left, right, *others = found
    without = both(left, right, *others, tiers=allowed)
    asked = both(left, right, *others, tiers=allowed, registers={TIN: Said(answer)})
    assert asked.band is not Band.AUTO or without.band is Band.AUTO
    assert asked.tier == without.tier


def test_a_register_that_confirms_both_names_lifts_a_missing_form() -> None:
    left, right = FIRM, like(FIRM, name="Zielony Wiatrak", accounts=())
    assert both(left, right).tier == "T3"
    asked = both(left, right, tiers=frozenset({"T1"}), registers={TIN: Said(True)})
    assert (asked.tier, asked.band, asked.registers) == ("T1", Band.AUTO, ("vies: valid",))


def test_another_name_at_the_register_is_a_veto() -> None:
    asked = both(FIRM, like(FIRM), registers={TIN: Said(False)})
    assert asked.band is Band.REVIEW and "under another name" in asked.vetoes[0]
