"""Merges of counterparties against a real Flowtly over HTTP and a real store: what is merged, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from syncd.engine.dedupe.proposing import Proposals, approve, withdraw
from syncd.engine.dedupe.template import filled
from syncd.errors import Refused
from syncd.ports.merges import MergeState, Redirect
from syncd.ports.parties import CaseState
from tests.engine.merging import (
    CLIENTS,
    NAME,
    ONE,
    OTHER_TIN,
    THREE,
    TWO,
    Desks,
    settings,
)
from tests.engine.world import World


@pytest.fixture
def desks(world: World) -> Desks:
    world.configure(CLIENTS, settings())
    return Desks(world)


# ------------------------------------------------------------------ what is merged


def test_an_approved_merge_from_the_search_to_the_redirect(desks: Desks) -> None:
    survivor = desks.party(bankAccounts=[ONE])
    client = desks.client("Hav Kaffe ApS")
    loser = desks.party(bankAccounts=[TWO], requireAttachment=True, client=client)
    # The one with the structural link survives, whichever is older.
    survivor, loser = loser, survivor
    (approved,) = desks.approved()
    assert (approved.plan.survivor, approved.plan.loser) == (survivor, loser)
    assert approved.plan.needs_approval_of == (ONE,)
    report = desks.merge()
    assert (report.outcome, [one.state for one in report.ended]) == ("done", [MergeState.DONE])
    row = desks.row(survivor)
    assert row is not None
    assert (row["bankAccounts"], row["client"], row["requireAttachment"]) == ([TWO, ONE], client, True)
    assert desks.row(loser) is None
    assert (desks.patched(), desks.sent()) == (1, 1)
    redirect = desks.store.redirect("flowtly", "counterparties", loser)
    assert (redirect.survivor, redirect.by, redirect.merge) == (survivor, "us", approved.id)
    (told,) = desks.told("merge.done")
    assert (told["lacking"], told["detail"]) == ([], "merged")
    (case,) = desks.store.cases(NAME, [CaseState.MERGED])
    assert {case.left, case.right} == {survivor, loser}
    snapshots = desks.one(approved).plan.snapshots
    assert (snapshots[loser]["raw"]["bankAccounts"], snapshots[survivor]["client"]) == ([ONE], client)


def test_nothing_is_set_first_where_the_survivor_has_it_all(desks: Desks) -> None:
    desks.party(bankAccounts=[ONE, TWO])
    loser = desks.party(bankAccounts=[TWO])
    desks.approved()
    assert desks.merge().outcome == "done"
    assert (desks.patched(), desks.sent(), desks.row(loser)) == (0, 1, None)


def test_an_idle_run_asks_nobody_anything(desks: Desks) -> None:
    desks.party(), desks.party()
    desks.approved()
    desks.merge()
    asked, desks.events = sum(desks.world.flowtly.requests.values()), []
    assert desks.merge().outcome == "done"
    assert desks.propose().made == ()
    assert (sum(desks.world.flowtly.requests.values()), desks.events) == (asked, [])


# ------------------------------------------------------------------ what is never merged


def test_without_a_merge_block_nothing_is_approved_or_sent(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    desks.world.configure(CLIENTS, settings(body=None))
    assert desks.merge().outcome == "off"
    withdraw(desks.desk, approved.id, "again", "anna")
    (made,) = desks.propose().made
    with pytest.raises(Refused, match="no merge block"):
        approve(desks.desk, made.id, "anna", made.plan.digests)
    assert (desks.sent(), desks.patched()) == (0, 0)


def test_without_an_approval_nothing_is_sent(desks: Desks) -> None:
    desks.party(), desks.party()
    desks.scan()
    (made,) = desks.propose().made
    for name in ("", "tier T1"):
        with pytest.raises(Refused, match="not the name of a person"):
            approve(desks.desk, made.id, name, made.plan.digests)
    assert desks.merge().outcome == "done"
    assert (desks.sent(), desks.one(made).state) == (0, MergeState.PROPOSED)


@pytest.mark.parametrize("which", ["survivor", "loser"])
@pytest.mark.parametrize(
    "change", [{"displayName": "Hav Kaffe Holding ApS"}, {"bankAccounts": [THREE]}, {"budgetNeutral": True}]
)
def test_a_record_that_changed_since_is_not_merged(desks: Desks, which: str, change: dict[str, Any]) -> None:
    desks.party(bankAccounts=[ONE]), desks.party(bankAccounts=[TWO])
    (approved,) = desks.approved()
    desks.edit(getattr(approved.plan, which), **change)
    assert desks.merge().outcome == "done"
    ended = desks.one(approved)
    assert ended.state is MergeState.WITHDRAWN
    assert f"changed since it was planned: {next(iter(change))}" in ended.detail
    assert (desks.sent(), desks.patched()) == (0, 0)
    assert desks.told("merge.withdrawn")[0]["why"] == ended.detail


def test_what_flowtly_moves_by_itself_is_no_change(desks: Desks) -> None:
    one, _ = desks.party(), desks.party()
    desks.approved()
    desks.edit(one, logoUrl="https://a.example/l.svg", corporateWebsiteUrl="https://a.example")
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


def test_a_record_that_is_gone_is_not_merged(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    desks.state.delete("Counterparty", int(approved.plan.loser.rpartition("/")[2]))
    desks.merge()
    assert (desks.one(approved).state, desks.sent()) == (MergeState.WITHDRAWN, 0)


@pytest.mark.parametrize("kind", ["client", "supplier"])
def test_two_clients_or_suppliers_are_never_merged_whatever_a_person_says(desks: Desks, kind: str) -> None:
    other = desks.client if kind == "client" else _supplier(desks)
    desks.party(**{kind: other("One")}), desks.party(**{kind: other("Two")})
    assert desks.scan() == []
    (case,) = desks.store.cases(NAME, [CaseState.WITHDRAWN])
    desks.store.answer_case(case.id, "yes", "anna", "", None)
    proposals = desks.propose()
    assert proposals.made == ()
    assert f"different {kind}s" in (proposals.left or {})[case.id]
    assert (desks.merge().outcome, desks.sent()) == ("done", 0)


def _supplier(desks: Desks) -> Callable[[str], str]:
    return lambda name: f"/api/suppliers/{desks.state.insert('Supplier', {'name': name})['id']}"


def test_what_a_person_said_no_to_meanwhile_is_not_merged(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    desks.store.answer_case(approved.plan.case_id, "no", "bo", "", None)
    desks.merge()
    assert (desks.one(approved).state, desks.sent()) == (MergeState.WITHDRAWN, 0)


def test_a_third_record_that_makes_them_doubtful_stops_the_merge(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    desks.party(displayName="Quite Another Name AB")
    desks.party(displayName="And One More GmbH")
    desks.scan()
    desks.merge()
    ended = desks.one(approved)
    assert (ended.state, desks.sent()) == (MergeState.WITHDRAWN, 0)
    assert "not of tier T1 any more" in ended.detail


# ------------------------------------------------------------------ by itself


def test_a_tier_that_is_switched_on_merges_by_itself(desks: Desks) -> None:
    desks.world.configure(CLIENTS, settings(automatic="T1"))
    desks.party(), desks.party()
    desks.scan()
    (approved,) = desks.propose().approved
    assert approved.approved_by == "tier T1"
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


@pytest.mark.parametrize("differing", [{"bankAccounts": [ONE, TWO]}, {"budgetNeutral": True}, {"cyclic": True}])
def test_new_accounts_and_differing_flags_wait_for_a_person_all_the_same(
    desks: Desks, differing: dict[str, Any]
) -> None:
    desks.world.configure(CLIENTS, settings(automatic="T1"))
    desks.party(bankAccounts=[ONE]), desks.party(**{"bankAccounts": [ONE], **differing})
    desks.scan()
    proposals = desks.propose()
    assert (len(proposals.made), proposals.approved) == (1, ())
    assert (desks.merge().outcome, desks.sent()) == ("done", 0)
    approve(desks.desk, proposals.made[0].id, "anna", proposals.made[0].plan.digests)
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


def test_a_proposal_whose_case_was_answered_no_is_withdrawn(desks: Desks) -> None:
    desks.party(), desks.party()
    (case,) = desks.scan()
    (made,) = desks.propose().made
    desks.store.answer_case(case.id, "no", "anna", "", None)
    desks.propose()
    assert desks.one(made).state is MergeState.WITHDRAWN


def test_a_person_names_the_survivor(desks: Desks) -> None:
    older, younger = desks.party(), desks.party()
    (case,) = desks.scan()
    desks.propose()
    (made,) = desks.propose(pins={case.id: younger}).made
    assert (made.plan.survivor, made.plan.loser) == (younger, older)
    assert desks.propose(pins={case.id: "/api/counterparties/77"}).left


def test_a_tier_that_is_switched_on_later_approves_what_it_proposed_before(desks: Desks) -> None:
    desks.party(), desks.party()
    desks.scan()
    (made,) = desks.propose().made
    desks.world.configure(CLIENTS, settings(automatic="T1"))
    proposals = desks.propose()
    assert (proposals.made, [one.id for one in proposals.approved]) == ((), [made.id])
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


def test_a_merge_reads_tax_numbers_with_the_country_of_records_that_name_none(desks: Desks) -> None:
    desks.world.configure(CLIENTS, settings(automatic="T1", more="    country: DK\n"))
    desks.party(tin="13585628"), desks.party(tin="13 58 56 28")
    desks.scan()
    proposals = desks.propose()
    assert [one.plan.evidence["review"] for one in proposals.made] == [[]]
    assert len(proposals.approved) == 1


def test_an_approval_of_a_tier_ends_when_the_tier_is_switched_off(desks: Desks) -> None:
    desks.world.configure(CLIENTS, settings(automatic="T1"))
    desks.party(), desks.party()
    desks.scan()
    (approved,) = desks.propose().approved
    desks.world.configure(CLIENTS, settings())
    desks.merge()
    ended = desks.one(approved)
    assert (ended.state, desks.sent()) == (MergeState.WITHDRAWN, 0)
    assert "not switched on any more" in ended.detail


def test_an_approved_merge_stands_however_many_other_cases_there_are(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    with desks.store.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO party_case (directory, left_key, right_key, band, tier, bits, decision, left_inputs,"
                " right_inputs, state) SELECT :name, 'a' || n, 'b' || n, 'review', '', 99, '{}', '', '', 'open'"
                " FROM generate_series(1, 600) AS n"
            ),
            {"name": NAME},
        )
    assert desks.propose() == Proposals(left={})
    assert desks.one(approved).state is MergeState.APPROVED


def test_what_is_known_to_have_been_merged_and_is_there_again_is_not_merged(desks: Desks) -> None:
    """Flowtly has gone back in time: whatever follows from it is for a person."""
    desks.party(), desks.party()
    (approved,) = desks.approved()
    keys = approved.plan.survivor, approved.plan.loser
    lease = desks.store.acquire("clients", "a test", timedelta(minutes=1))
    desks.store.follow(Redirect("flowtly", "counterparties", *keys, "people", approved.created_at), lease)
    desks.store.release(lease)
    desks.merge()
    ended = desks.one(approved)
    assert (ended.state, desks.sent()) == (MergeState.WITHDRAWN, 0)
    assert "is there again" in ended.detail


# ------------------------------------------------------------------ caps


def test_no_two_merges_touch_one_record_in_one_run(desks: Desks) -> None:
    for _ in range(3):
        desks.party()
    assert len(desks.approved()) == 3
    report = desks.merge()
    assert (report.outcome, desks.sent(), report.waiting) == ("done", 1, 2)
    desks.merge()
    assert desks.sent() == 1 or len(desks.state.rows("Counterparty")) == 1


def test_a_run_carries_out_no_more_than_its_cap(desks: Desks) -> None:
    desks.world.configure(CLIENTS, settings(merges=1))
    for name, tin in (("Hav Kaffe ApS", "DK13585628"), ("Nordlys Bageri ApS", OTHER_TIN)):
        desks.party(displayName=name, tin=tin), desks.party(displayName=name, tin=tin)
    assert len(desks.approved()) == 2
    for number in (1, 2):
        desks.merge()
        assert desks.sent() == number


# ------------------------------------------------------------------ the body


def test_the_body_is_filled_wherever_the_words_stand() -> None:
    body = {
        "counterparties": ["{loser}", {"into": "{survivor}", "n": [1, None, True]}],
        "id": "{loser_id}",
        "kept": "{survivor_id}",
        "text": "from {loser_id} to {survivor}",
    }
    assert filled(body, "/api/counterparties/7", "/api/counterparties/12") == {
        "counterparties": ["/api/counterparties/12", {"into": "/api/counterparties/7", "n": [1, None, True]}],
        "id": 12,
        "kept": 7,
        "text": "from 12 to /api/counterparties/7",
    }
    assert filled({"id": "{loser_id}"}, "/x/a", "/x/0b-1")["id"] == "0b-1"
