"""Merges when something goes wrong: refusals, lost answers, half-made changes, runs of mappings beside them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from syncd.daemon.deduping import Deduping
from syncd.engine.dedupe.merging import accept
from syncd.engine.dedupe.proposing import withdraw
from syncd.errors import Refused, Stale
from syncd.ports.merges import MergeState
from syncd.sandbox.merging import merge_counterparties
from tests.engine.merging import CLIENTS, ITEM, MERGE, NAME, ONE, OTHER_TIN, TWO, Desks, alike, linked, settings
from tests.engine.world import World


@pytest.fixture
def desks(world: World) -> Desks:
    world.configure(CLIENTS, settings())
    return Desks(world)


# ------------------------------------------------------------------ trouble


def two_pairs(desks: Desks) -> list[Any]:
    for name, tin in (("Hav Kaffe ApS", "DK13585628"), ("Nordlys Bageri ApS", OTHER_TIN)):
        desks.party(displayName=name, tin=tin), desks.party(displayName=name, tin=tin, requireAttachment=True)
    return desks.approved()


def test_a_refused_call_ends_the_run_and_is_never_made_again(desks: Desks) -> None:
    desks.world.configure(CLIENTS, settings(body='{others: ["{loser}"]}'))
    first, second = two_pairs(desks)
    report = desks.merge()
    assert (report.outcome, desks.sent()) == ("ended", 1)
    ended = desks.one(first)
    assert (ended.state, "not sent again" in ended.detail) == (MergeState.REFUSED, True)
    assert desks.one(second).state is MergeState.APPROVED
    desks.world.configure(CLIENTS, settings())
    desks.scan()
    proposals = desks.propose()
    assert "never sent again" in (proposals.left or {})[first.plan.case_id]
    assert (desks.merge().outcome, desks.sent(), desks.one(second).state) == ("done", 2, MergeState.DONE)


@pytest.mark.parametrize("fault", ["reset_after", "status_after", "truncated"])
def test_a_lost_answer_is_found_merged_and_ends_the_run(desks: Desks, fault: str) -> None:
    first, second = two_pairs(desks)
    desks.world.flowtly.faults.add(fault, method="POST", path=MERGE, times=1)
    report = desks.merge()
    assert (report.outcome, desks.one(first).state, desks.one(second).state) == (
        "ended",
        MergeState.DONE,
        MergeState.APPROVED,
    )
    assert (desks.merge().outcome, desks.sent()) == ("done", 2)


@pytest.mark.parametrize(("fault", "params"), [("reset", {}), ("status", {"status": 504}), ("html", {})])
def test_a_call_that_did_nothing_is_a_question_and_stops_all_others(
    desks: Desks, fault: str, params: dict[str, Any]
) -> None:
    first, second = two_pairs(desks)
    desks.world.flowtly.faults.add(fault, method="POST", path=MERGE, times=1, **params)
    assert desks.merge().outcome == "ended"
    unclear = desks.one(first)
    assert (unclear.state, "still there" in unclear.detail) == (MergeState.UNCLEAR, True)
    assert len(desks.told("merge.unclear")) == 1
    sent = desks.sent()
    assert [desks.merge().outcome for _ in range(3)] == ["unclear"] * 3
    assert (desks.sent(), desks.one(second).state, len(desks.told("merge.unclear"))) == (sent, MergeState.APPROVED, 1)
    with pytest.raises(Refused, match="still there"):
        accept(desks.desk, first.id, "anna", desks.stop)
    assert withdraw(desks.desk, first.id, "still two", "anna")
    assert (desks.merge().outcome, desks.sent(), desks.one(second).state) == ("done", sent + 1, MergeState.DONE)


def test_a_merge_that_was_begun_waits_for_an_unclear_one_as_well(desks: Desks) -> None:
    first, second = two_pairs(desks)
    desks.world.flowtly.faults.add("reset", method="PATCH", path=ITEM, times=1)
    assert (desks.merge().outcome, desks.one(first).state) == ("ended", MergeState.CHANGING)
    lease = desks.store.acquire(desks.desk.lease, "another process", timedelta(minutes=1))
    for before, after in pairwise((MergeState.APPROVED, MergeState.CHANGING, MergeState.SENDING, MergeState.UNCLEAR)):
        desks.store.move_merge(second.id, before, after, "", lease)
    desks.store.release(lease)
    assert (desks.merge().outcome, desks.sent()) == ("unclear", 0)
    assert desks.one(first).state is MergeState.CHANGING
    assert withdraw(desks.desk, second.id, "still two", "anna")
    assert (desks.merge().outcome, desks.sent(), desks.one(first).state) == ("done", 1, MergeState.DONE)


def test_an_unclear_merge_that_a_person_carried_out_by_hand_is_noticed(desks: Desks) -> None:
    desks.party(bankAccounts=[ONE]), desks.party(bankAccounts=[TWO])
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add("reset", method="POST", path=MERGE, times=1)
    desks.merge()
    numbers = [int(one.rpartition("/")[2]) for one in (approved.plan.survivor, approved.plan.loser)]
    merge_counterparties(desks.state, numbers[0], numbers[1:])
    assert desks.merge().outcome == "done"
    assert desks.one(approved).state is MergeState.DONE
    assert desks.store.redirect("flowtly", "counterparties", approved.plan.loser).survivor == approved.plan.survivor


def test_a_loser_that_is_gone_while_the_survivor_lacks_its_account_is_unclear_until_a_person_accepts(
    desks: Desks,
) -> None:
    desks.party(bankAccounts=[ONE]), desks.party(bankAccounts=[TWO])
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add("reset", method="POST", path=MERGE, times=1)
    desks.merge()
    desks.state.delete("Counterparty", int(approved.plan.loser.rpartition("/")[2]))
    desks.edit(approved.plan.survivor, bankAccounts=[ONE])
    assert desks.merge().outcome == "unclear"
    assert desks.store.redirect("flowtly", "counterparties", approved.plan.loser) is None
    assert desks.store.held_by_merges() == {approved.plan.survivor, approved.plan.loser}
    assert accept(desks.desk, approved.id, "anna", desks.stop).state is MergeState.DONE
    with pytest.raises(Stale, match="done"):
        accept(desks.desk, approved.id, "anna", desks.stop)


def test_a_peer_that_cannot_be_read_after_the_call_leaves_it_to_the_next_run(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    # Both are read when it is taken up and again before the call; the fifth look is the one after it.
    rule = desks.world.flowtly.faults.add("status", status=500, method="GET", path=ITEM, after_nth=4)
    assert desks.merge().outcome == "ended"
    assert desks.one(approved).state is MergeState.SENDING
    desks.world.flowtly.faults.remove(rule.id)
    assert desks.merge().outcome == "done"
    assert (desks.one(approved).state, desks.sent()) == (MergeState.DONE, 1)


def test_the_daemon_ends_what_was_begun_before_the_merge_block_was_taken_out(desks: Desks) -> None:
    desks.party(), desks.party()
    (approved,) = desks.approved()
    rule = desks.world.flowtly.faults.add("status", status=500, method="GET", path=ITEM, after_nth=4)
    desks.merge()
    desks.world.flowtly.faults.remove(rule.id)
    desks.world.configure(CLIENTS, settings(body=None))
    assert desks.world.app is not None
    job = Deduping(desks.world.app, NAME, desks.world.app.settings.dedupe[NAME])
    assert job.turn(desks.stop).outcome == "done"
    assert (desks.one(approved).state, desks.sent()) == (MergeState.DONE, 1)


@pytest.mark.parametrize("fault", ["reset", "reset_after"])
def test_a_change_of_the_survivor_without_an_answer_is_looked_at_by_the_next_run(desks: Desks, fault: str) -> None:
    desks.party(bankAccounts=[ONE]), desks.party(bankAccounts=[TWO])
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add(fault, method="PATCH", path=ITEM, times=1)
    assert (desks.merge().outcome, desks.one(approved).state) == ("ended", MergeState.CHANGING)
    patched = desks.patched()
    assert desks.merge().outcome == "done"
    assert (desks.one(approved).state, desks.sent()) == (MergeState.DONE, 1)
    assert desks.patched() == patched + (fault == "reset")


def test_a_survivor_that_keeps_something_else_than_was_set_is_not_merged(desks: Desks) -> None:
    desks.party(), desks.party(requireAttachment=True)
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add("rewrite", method="PATCH", path=ITEM, field="displayName", how="upper")
    desks.world.flowtly.faults.add("rewrite", method="PATCH", path=ITEM, field="tin", how="append", text="9")
    original = desks.state.update

    def also_renamed(name: str, key: Any, fields: Any) -> Any:
        """Flowtly changes the name on its own account with every change."""
        return original(name, key, {**fields, "displayName": "Otherwise ApS"} if name == "Counterparty" else fields)

    desks.state.update = also_renamed
    try:
        desks.merge()
    finally:
        del desks.state.update
    ended = desks.one(approved)
    assert (ended.state, desks.sent()) == (MergeState.WITHDRAWN, 0)
    assert "does not read as it was set" in ended.detail


def test_refused_values_of_the_survivor_end_the_merge_before_the_call(desks: Desks) -> None:
    desks.party(), desks.party(requireAttachment=True)
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add("status", status=422, method="PATCH", path=ITEM)
    desks.merge()
    ended = desks.one(approved)
    assert (ended.state, ended.sent_at, desks.sent()) == (MergeState.REFUSED, None, 0)


def test_what_the_survivor_keeps_of_a_merge_that_was_withdrawn_half_way_is_said(desks: Desks) -> None:
    desks.party(bankAccounts=[ONE]), desks.party(bankAccounts=[TWO])
    (approved,) = desks.approved()
    desks.world.flowtly.faults.add("reset_after", method="PATCH", path=ITEM, times=1)
    desks.merge()
    desks.edit(approved.plan.loser, cyclic=True)
    desks.merge()
    ended = desks.one(approved)
    assert (ended.state, desks.sent()) == (MergeState.WITHDRAWN, 0)
    assert ended.detail.endswith(f"{approved.plan.survivor} keeps what was set: bankAccounts")


# ------------------------------------------------------------------ beside runs of mappings


def test_an_edit_that_has_not_flowed_yet_makes_a_merge_wait(desks: Desks) -> None:
    links = linked(desks, "A")
    desks.party()
    alike(desks, links["A"])
    (approved,) = desks.approved()
    desks.world.erp("UPDATE customers SET company_name = 'Hav Kaffe & Te ApS'")
    desks.world.run(write=False)
    assert (desks.merge().outcome, desks.sent()) == ("done", 0)
    assert desks.one(approved).state is MergeState.APPROVED
    assert "A is dirty in external" in desks.told("merge.waits")[0]["why"]
    desks.world.erp("UPDATE customers SET company_name = 'Hav Kaffe ApS'")
    desks.world.settled()
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


def test_no_merge_goes_on_beside_a_run_of_a_mapping(desks: Desks) -> None:
    desks.party(), desks.party()
    desks.approved()
    lease = desks.store.acquire("clients", "another process", timedelta(minutes=5))
    report = desks.merge()
    assert (report.outcome, report.waiting, desks.sent()) == ("busy", 1, 0)
    assert desks.told("merge.busy")[0]["lease"] == "clients"
    desks.store.release(lease)
    assert (desks.merge().outcome, desks.sent()) == ("done", 1)


def test_a_fenced_mapping_stops_merges_of_its_records(desks: Desks) -> None:
    desks.party(), desks.party()
    desks.approved()
    desks.store.raise_fence("clients", ["gone back in time"], {}, None)
    report = desks.merge()
    assert (report.outcome, desks.sent()) == ("ended", 0)
    assert "fenced" in report.why
