"""The outbox: an event and its cause are one transaction; claims, order per record, waits that grow, giving up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from syncd.core.events import About, NewEvent
from syncd.core.model import Base, Document
from syncd.errors import LeaseLost
from syncd.ports import DeliveryState, LastSeen, Lease, RetryRule, Settlement
from syncd.store.postgres import PostgresStore
from tests.store.kit import Kit, digest, iri, rest

HOLD = timedelta(minutes=5)
RULE = RetryRule(timedelta(seconds=10), timedelta(hours=1), attempts=3, give_up=timedelta(days=3))


def event(key: str = "a", name: str = "x.changed", to: tuple[str, ...] = ("one",), **kw: Any) -> NewEvent:
    before: Document | None = kw.pop("before", {"n": Decimal("1.50")})
    after: Document | None = kw.pop("after", {"n": None})
    return NewEvent(name, to, About("watch:w", key, {"key": key}), before, after, **kw)


@pytest.fixture
def lease(store: PostgresStore) -> Lease:
    taken = store.acquire("watch:w", "me", HOLD)
    assert taken is not None
    return taken


def put(store: PostgresStore, lease: Lease, *events: NewEvent) -> None:
    with store.begin_watch("w", "f", lease) as passing:
        passing.keep([LastSeen("r", digest("r"), {"n": 1})], events)


def claimed(store: PostgresStore, target: str = "one", limit: int = 100, hold: timedelta = HOLD) -> list[str]:
    return [f"{one.event.key}:{one.event.event}" for one in store.claim(target, limit, hold)]


def due(kit: Kit) -> None:
    """Time goes by: everything is due."""
    with kit.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE delivery SET due_at = now()")


def test_an_event_comes_out_as_it_went_in(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event(changed=("n",), level=Decimal("80.25")))
    (one,) = store.claim("one", 10, HOLD)
    told = one.event
    assert (told.event, told.source, told.key, told.subject) == ("x.changed", "watch:w", "a", {"key": "a"})
    assert (told.before, told.after, told.changed) == ({"n": Decimal("1.5")}, {"n": None}, ("n",))
    assert told.level == Decimal("80.25")
    assert (one.target, one.attempts, one.state) == ("one", 0, DeliveryState.PENDING)


def test_each_target_has_its_own_delivery_of_one_event(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event(to=("one", "two", "one")))
    first, second = store.claim("one", 10, HOLD), store.claim("two", 10, HOLD)
    assert len(first) == len(second) == 1
    assert first[0].event == second[0].event
    store.delivered("one", first[0].event.id)
    states = {one.target: one.state for one in store.deliveries_of(first[0].event.id)}
    assert states == {"one": DeliveryState.DELIVERED, "two": DeliveryState.PENDING}


def test_an_event_without_targets_waits_for_nobody(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event(to=()))
    assert store.outbox_counts() == {}


def test_nothing_is_kept_under_a_lost_lease(kit: Kit, lease: Lease) -> None:
    with kit.store.begin_watch("w", "f", lease) as passing:
        assert kit.store.acquire("watch:w", "me", HOLD) is not None
        for step in (
            lambda: passing.keep([LastSeen("r", digest("r"), {})], [event()]),
            passing.conclude,
            lambda: passing.drop(["r"], [event()]),
        ):
            with pytest.raises(LeaseLost):
                step()
    with pytest.raises(LeaseLost):
        kit.store.begin_watch("w", "f", lease)
    assert kit.scalar("SELECT count(*) FROM event") == kit.scalar("SELECT count(*) FROM watch_record") == 0


def test_a_settlement_puts_its_events_in_its_own_transaction(kit: Kit) -> None:
    told = (event(name="client.changed"),)
    base = Base({"name": "1"}, {"name": "1"})
    kit.settle(Settlement("C1", iri("C1"), base, "certain", rest(), rest(), events=told))
    assert claimed(kit.store) == ["a:client.changed"]
    lost = Lease(kit.lease.name, kit.lease.owner, kit.lease.fence + 1)
    with pytest.raises(LeaseLost):
        kit.store.settle(
            [Settlement("C2", iri("C2"), base, "certain", rest(), rest(), events=told)], "clients", 1, lost
        )
    assert kit.scalar("SELECT count(*) FROM event") == 1


def test_of_a_record_only_the_oldest_is_given_and_others_do_not_wait(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event("a", "x.first"), event("b", "x.first"), event("a", "x.second"))
    first = store.claim("one", 10, HOLD)
    assert [(one.event.key, one.event.event) for one in first] == [("a", "x.first"), ("b", "x.first")]
    assert claimed(store) == []
    store.delivered("one", first[1].event.id)
    assert claimed(store) == []
    store.failed("one", first[0].event.id, "down", RULE, None)
    assert claimed(store) == []
    store.delivered("one", first[0].event.id)
    assert claimed(store) == ["a:x.second"]


def test_one_that_was_given_up_holds_nothing_back(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event("a", "x.first"), event("a", "x.second"))
    (first,) = store.claim("one", 10, HOLD)
    once = RetryRule(RULE.first, RULE.longest, attempts=1, give_up=RULE.give_up)
    assert store.failed("one", first.event.id, "no", once, None) is True
    assert claimed(store) == ["a:x.second"]


def test_a_claim_is_nobody_elses_until_it_is_over(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event("a"), event("b"))
    assert claimed(store, limit=1) == ["a:x.changed"]
    assert claimed(store, hold=timedelta(0)) == ["b:x.changed"]
    assert claimed(store, hold=timedelta(0)) == ["b:x.changed"]


def test_what_was_not_tried_is_given_back(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event("a"), event("b"))
    found = store.claim("one", 10, HOLD)
    store.release_claims("one", [one.event.id for one in found])
    assert [one.attempts for one in store.claim("one", 10, HOLD)] == [0, 0]


def test_many_who_claim_at_once_share_without_a_double(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, *(event(f"k{number}") for number in range(60)))
    with ThreadPoolExecutor(6) as pool:
        parts = list(pool.map(lambda _: claimed(store, limit=10), range(12)))
    keys = [key for part in parts for key in part]
    assert len(keys) == len(set(keys)) == 60


def test_waits_grow_with_jitter_and_end(kit: Kit, lease: Lease) -> None:
    rule = RetryRule(timedelta(seconds=10), timedelta(seconds=60), attempts=8, give_up=timedelta(days=3))
    put(kit.store, lease, event())
    (one,) = kit.store.claim("one", 1, HOLD)
    for attempt, longest in enumerate((10, 20, 40, 60, 60, 60, 60), start=1):
        assert kit.store.failed("one", one.event.id, f"no {attempt}", rule, None) is False
        wait = kit.scalar("SELECT extract(epoch FROM due_at - now()) FROM delivery")
        assert longest / 2 - 1 <= wait <= longest
    assert kit.store.failed("one", one.event.id, "the last\x00", rule, None) is True
    (dead,) = kit.store.deliveries(DeliveryState.DEAD, 10)
    assert (dead.attempts, dead.detail, dead.due_at) == (8, "the last\ufffd", None)
    assert dead.ended_at is not None


def test_a_receiver_may_ask_for_a_longer_wait_within_reason(kit: Kit, lease: Lease) -> None:
    put(kit.store, lease, event())
    (one,) = kit.store.claim("one", 1, HOLD)
    for asked, given in ((120.0, 120), (1e12, 3600), (-5.0, 40)):
        kit.store.failed("one", one.event.id, "busy", RetryRule(RULE.first, RULE.longest, 99, RULE.give_up), asked)
        wait = kit.scalar("SELECT extract(epoch FROM due_at - now()) FROM delivery")
        assert given / 2 - 1 <= wait <= given


def test_an_old_event_is_given_up_at_its_next_failure(kit: Kit, lease: Lease) -> None:
    put(kit.store, lease, event())
    (one,) = kit.store.claim("one", 1, HOLD)
    with kit.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE event SET at = now() - interval '4 days'")
    assert kit.store.failed("one", one.event.id, "no", RULE, None) is True


def test_what_was_given_up_can_be_tried_again(kit: Kit, lease: Lease) -> None:
    put(kit.store, lease, event("a", to=("one", "two")), event("b"))
    once = RetryRule(RULE.first, RULE.longest, attempts=1, give_up=RULE.give_up)
    for target in ("one", "two"):
        for one in kit.store.claim(target, 10, HOLD):
            assert kit.store.failed(target, one.event.id, "no", once, None)
    assert kit.store.outbox_counts() == {"one": {"pending": 0, "dead": 2}, "two": {"pending": 0, "dead": 1}}
    assert kit.store.retry_deliveries(None, "two") == 1
    assert [one.attempts for one in kit.store.claim("two", 10, HOLD)] == [0]
    (number,) = {one.event.id for one in kit.store.deliveries(DeliveryState.DEAD, 10) if one.event.key == "b"}
    assert kit.store.retry_deliveries(number, None) == 1
    assert kit.store.retry_deliveries(None, None) == 1
    assert sorted(claimed(kit.store)) == ["a:x.changed", "b:x.changed"]


def test_a_delivered_one_is_never_tried_again(store: PostgresStore, lease: Lease) -> None:
    put(store, lease, event())
    (one,) = store.claim("one", 1, HOLD)
    store.delivered("one", one.event.id)
    assert store.retry_deliveries(one.event.id, None) == 0
    assert store.failed("one", one.event.id, "late news", RULE, None) is False
    assert store.deliveries_of(one.event.id)[0].state is DeliveryState.DELIVERED


def test_only_what_everybody_has_is_swept_away(kit: Kit, lease: Lease) -> None:
    put(kit.store, lease, event("done"), event("half", to=("one", "two")), event("dead"), event("nobody", to=()))
    once = RetryRule(RULE.first, RULE.longest, attempts=1, give_up=RULE.give_up)
    for one in kit.store.claim("one", 10, HOLD):
        if one.event.key == "dead":
            kit.store.failed("one", one.event.id, "no", once, None)
        else:
            kit.store.delivered("one", one.event.id)
    keep = timedelta(days=30)
    assert kit.store.sweep_outbox(keep, ["one", "two"], RULE.give_up) == 0
    with kit.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE event SET at = now() - interval '31 days'")
    assert kit.store.sweep_outbox(keep, ["one", "two"], RULE.give_up) == 2
    assert {row[0] for row in kit.rows("SELECT key FROM event")} == {"half", "dead"}


def test_what_waits_for_a_target_that_is_no_more_is_given_up_in_the_end(kit: Kit, lease: Lease) -> None:
    put(kit.store, lease, event(to=("removed",)))
    assert kit.store.sweep_outbox(timedelta(days=30), ["one"], RULE.give_up) == 0
    assert kit.store.outbox_counts()["removed"] == {"pending": 1, "dead": 0}
    with kit.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE event SET at = now() - interval '4 days'")
    kit.store.sweep_outbox(timedelta(days=30), ["one"], RULE.give_up)
    (dead,) = kit.store.deliveries(DeliveryState.DEAD, 10)
    assert dead.detail == "no such target is configured any more"


def test_an_event_that_nobody_knows(store: PostgresStore) -> None:
    strange: UUID = uuid4()
    store.delivered("one", strange)
    store.release_claims("one", [strange])
    assert store.failed("one", strange, "no", RULE, None) is False
    assert store.deliveries_of(strange) == []
