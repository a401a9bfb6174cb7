"""Merges in the store: their life, and what the tables refuse by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from syncd.errors import LeaseLost, NotFound, Refused, Stale
from syncd.ports import Lease
from syncd.ports.merges import BY_TIER, MergeState
from syncd.store.postgres import PostgresStore
from tests.store.kit import TTL, iri
from tests.store.merges_kit import DIRECTORY, ONCE, S, approved, led, plan, redirect


@pytest.fixture
def lease(store: PostgresStore) -> Lease:
    taken = store.acquire(f"dedupe:{DIRECTORY}", "first", TTL)
    assert taken is not None
    return taken


def execute(store: PostgresStore, statement: str, **parameters: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(statement), parameters)


# ------------------------------------------------------------------ its life


def test_a_merge_from_proposal_to_end(store: PostgresStore, lease: Lease) -> None:
    made = store.propose_merge(plan(), lease)
    assert (made.state, made.plan, made.approved_by, made.sent_at) == (S.PROPOSED, plan(), None, None)
    said = store.approve_merge(made.id, "anna", made.plan.digests)
    assert (said.state, said.approved_by) == (S.APPROVED, "anna")
    changing = led(store, lease, said, S.CHANGING)
    assert store.held_by_merges() == {iri(1), iri(2)}
    sending = led(store, lease, changing, S.SENDING)
    assert sending.sent_at is not None
    assert store.finish_merge(made.id, redirect(merge=made), lease, detail="merged") == []
    ended = store.merge(made.id)
    assert ended is not None
    assert (ended.state, ended.detail, ended.ended_at is None) == (S.DONE, "merged", False)
    assert store.held_by_merges() == frozenset()
    assert store.merges(DIRECTORY, [S.DONE]) == [ended]
    assert store.merges("other", list(S)) == store.merges(None, [S.APPROVED]) == []


def test_only_the_plan_that_was_seen_is_approved(store: PostgresStore, lease: Lease) -> None:
    made = store.propose_merge(plan(), lease)
    with pytest.raises(Stale, match="planned anew"):
        store.approve_merge(made.id, "anna", {**made.plan.digests, iri(1): "other"})
    again = store.propose_merge(plan(digests={iri(1): "c", iri(2): "b"}), lease)
    with pytest.raises(Stale, match="withdrawn"):
        store.approve_merge(made.id, "anna", made.plan.digests)
    assert [one.id for one in store.merges(None, [S.PROPOSED])] == [again.id]
    with pytest.raises(NotFound):
        store.approve_merge(uuid4(), "anna", {})


def test_a_tier_never_approves_bank_accounts(store: PostgresStore, lease: Lease) -> None:
    made = store.propose_merge(plan(needs_approval_of=("PL61",)), lease)
    with pytest.raises(Refused, match="need a person"):
        store.approve_merge(made.id, f"{BY_TIER}T1", made.plan.digests)
    assert store.approve_merge(made.id, "anna", made.plan.digests).state is S.APPROVED


@pytest.mark.parametrize("before", S)
def test_there_is_no_way_from_one_state_to_another_but_the_few(
    store: PostgresStore, lease: Lease, before: MergeState
) -> None:
    ways = {
        S.PROPOSED: {S.WITHDRAWN},
        S.APPROVED: {S.CHANGING, S.WITHDRAWN},
        S.CHANGING: {S.SENDING, S.REFUSED, S.WITHDRAWN},
        S.SENDING: {S.UNCLEAR, S.REFUSED},
        S.UNCLEAR: {S.REFUSED},
    }
    to = {S.PROPOSED: [], S.APPROVED: ONCE[:1], S.CHANGING: ONCE[:2], S.SENDING: ONCE, S.UNCLEAR: [*ONCE, S.UNCLEAR]}
    for number, after in enumerate(S):
        pair = plan(iri(10 + 2 * number), iri(11 + 2 * number))
        made = store.propose_merge(pair, lease)
        if before is not S.PROPOSED:
            made = store.approve_merge(made.id, "anna", made.plan.digests)
        if before in to:
            made = led(store, lease, made, *to[before][1:])
        elif before is S.DONE:
            made = led(store, lease, made, *ONCE[1:])
            store.finish_merge(made.id, redirect(pair.survivor, pair.loser, made), lease)
        elif before is S.REFUSED:
            made = led(store, lease, made, S.CHANGING, S.REFUSED)
        else:
            made = led(store, lease, made, S.WITHDRAWN)
        if after in ways.get(before, set()):
            assert store.move_merge(made.id, before, after, "so", lease).state is after
        else:
            with pytest.raises(Stale, match="no way"):
                store.move_merge(made.id, before, after, "so", lease)


def test_two_directories_of_one_resource_do_not_take_each_others_proposals(store: PostgresStore, lease: Lease) -> None:
    made = store.propose_merge(plan(), lease)
    other = store.acquire("dedupe:other", "first", TTL)
    assert other is not None
    with pytest.raises(Stale, match="on its way already"):
        store.propose_merge(replace(plan(), directory="other"), other)
    assert store.merges(None, [S.PROPOSED]) == [made]


def test_a_step_is_taken_once_and_under_the_lease(store: PostgresStore, lease: Lease) -> None:
    made = approved(store, lease)
    store.move_merge(made.id, S.APPROVED, S.CHANGING, "", lease)
    with pytest.raises(Stale, match="changing, not approved"):
        store.move_merge(made.id, S.APPROVED, S.CHANGING, "", lease)
    store.release(lease)
    for call in (
        lambda: store.propose_merge(plan(iri(5), iri(6)), lease),
        lambda: store.move_merge(made.id, S.CHANGING, S.SENDING, "", lease),
        lambda: store.finish_merge(made.id, redirect(merge=made), lease),
        lambda: store.follow(redirect(), lease),
    ):
        with pytest.raises(LeaseLost):
            call()


def test_what_was_sent_is_not_taken_back_but_what_is_unclear_ends_with_a_word(
    store: PostgresStore, lease: Lease
) -> None:
    made = led(store, lease, approved(store, lease), S.CHANGING, S.SENDING)
    assert not store.withdraw_merge(made.id, "no", "anna")
    led(store, lease, made, S.UNCLEAR)
    assert store.withdraw_merge(made.id, "still two", "anna")
    ended = store.merge(made.id)
    assert ended is not None
    assert (ended.state, ended.detail, store.held_by_merges()) == (S.REFUSED, "still two, said anna", frozenset())
    other = store.propose_merge(plan(iri(5), iri(6)), lease)
    assert store.withdraw_merge(other.id, "no", "anna")
    assert not store.withdraw_merge(other.id, "no", "anna")


# ------------------------------------------------------------------ what the database refuses


def test_a_pair_is_never_sent_twice_whichever_survives(store: PostgresStore, lease: Lease) -> None:
    led(store, lease, approved(store, lease), S.CHANGING, S.SENDING, S.REFUSED)
    for pair in (plan(), plan(iri(2), iri(1))):
        with pytest.raises(Stale, match="never sent again"):
            store.propose_merge(pair, lease)


def test_a_second_call_is_refused_by_the_tables_themselves(store: PostgresStore, lease: Lease) -> None:
    first = approved(store, lease)
    execute(
        store,
        "INSERT INTO merge_call (merge, low, high) VALUES (:id, :low, :high)",
        id=uuid4(),
        low=iri(1),
        high=iri(2),
    )
    changing = led(store, lease, first, S.CHANGING)
    with pytest.raises(Stale, match="sent once"):
        led(store, lease, changing, S.SENDING)
    known = store.merge(first.id)
    assert known is not None
    assert known.state is S.CHANGING


@pytest.mark.parametrize(
    ("set_", "refused_by"),
    [
        ("state = 'approved'", "merge_is_approved"),
        ("state = 'changing', approved_by = 'x', approved_at = now()", "merge_holds_both"),
        ("state = 'sending'", "merge_"),
        ("state = 'done', approved_by = 'x', approved_at = now()", "merge_has_its_call"),
        ("state = 'unclear', approved_by = 'x', approved_at = now(), held_survivor = survivor, held_loser = loser", "merge_has_its_call"),
        ("approved_by = 'tier T1', approved_at = now()", "merge_accounts_by_a_person"),
        ("held_survivor = survivor", "merge_survivor_held"),
        ("call = id", "merge_operation_call_fkey"),
        ("loser = survivor", "merge_pair"),
    ],
)  # fmt: skip
def test_the_tables_refuse_by_themselves(store: PostgresStore, lease: Lease, set_: str, refused_by: str) -> None:
    store.propose_merge(plan(needs_approval_of=("PL61",)), lease)
    with pytest.raises(IntegrityError, match=refused_by):
        execute(store, f"UPDATE merge_operation SET {set_}")


@pytest.mark.parametrize("other", [(iri(1), iri(3)), (iri(3), iri(1)), (iri(2), iri(3)), (iri(3), iri(2))])
def test_two_merges_never_touch_one_record_at_once(store: PostgresStore, lease: Lease, other: tuple[str, str]) -> None:
    first, second = approved(store, lease), approved(store, lease, plan(*other))
    first = led(store, lease, first, S.CHANGING)
    with pytest.raises(Stale, match="another merge"):
        led(store, lease, second, S.CHANGING)
    first = led(store, lease, first, S.SENDING, S.UNCLEAR)
    with pytest.raises(Stale, match="another merge"):
        led(store, lease, second, S.CHANGING)
    store.withdraw_merge(first.id, "not merged", "anna")
    assert led(store, lease, second, S.CHANGING).state is S.CHANGING


def test_one_open_merge_for_a_pair(store: PostgresStore, lease: Lease) -> None:
    approved(store, lease)
    with pytest.raises(Stale, match="on its way"):
        store.propose_merge(plan(iri(2), iri(1)), lease)
