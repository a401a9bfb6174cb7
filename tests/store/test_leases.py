"""One owner a mapping; a fence that only grows; and nothing stored under a fence that is not ours any more."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import text

from syncd.core.model import Base
from syncd.errors import LeaseLost
from syncd.ports import Intent, Settlement
from syncd.store.leases import require
from syncd.store.postgres import PostgresStore
from tests.store.kit import FLOWTLY, MAPPING, TTL, Kit, eventually, iri, rest

PAST = timedelta(seconds=-1)
INTENT = Intent("create", FLOWTLY, "a", None, {"name": "x"}, "only here")
LINK = Settlement("a", iri("a"), Base({}, {}), "certain", rest(1), rest(1))


def test_only_one_owner_has_the_lease(store: PostgresStore) -> None:
    first = store.acquire(MAPPING, "one", TTL)
    assert store.acquire(MAPPING, "two", TTL) is None
    assert store.acquire("suppliers", "two", TTL) is not None
    store.release(first)
    second = store.acquire(MAPPING, "two", TTL)
    assert second.fence > first.fence


def test_the_same_owner_may_take_it_again_under_a_higher_fence(store: PostgresStore) -> None:
    first = store.acquire(MAPPING, "one", TTL)
    again = store.acquire(MAPPING, "one", TTL)
    assert again.fence == first.fence + 1
    with pytest.raises(LeaseLost):
        store.renew(first, TTL)
    store.renew(again, TTL)


def test_an_expired_lease_is_free_and_its_owner_cannot_renew_it(store: PostgresStore) -> None:
    first = store.acquire(MAPPING, "one", PAST)
    with pytest.raises(LeaseLost):
        store.renew(first, TTL)
    second = store.acquire(MAPPING, "two", TTL)
    assert second.fence == first.fence + 1


def test_renewing_extends_and_releasing_a_lost_lease_harms_nobody(store: PostgresStore) -> None:
    first = store.acquire(MAPPING, "one", TTL)
    store.renew(first, PAST)
    second = store.acquire(MAPPING, "two", TTL)
    store.release(first)
    store.renew(second, TTL)
    assert store.acquire(MAPPING, "one", TTL) is None


@pytest.mark.parametrize("how", ["expired", "released", "taken over", "taken again"])
def test_a_stale_owner_can_neither_intend_nor_settle(kit: Kit, how: str) -> None:
    if how == "released":
        kit.store.release(kit.lease)
    else:
        kit.store.renew(kit.lease, TTL if how == "taken again" else PAST)
    if how == "taken over":
        assert kit.store.acquire(MAPPING, "second", TTL) is not None
    if how == "taken again":
        assert kit.store.acquire(MAPPING, kit.lease.owner, TTL) is not None
    with pytest.raises(LeaseLost, match="fence 1"):
        kit.store.intend([INTENT], MAPPING, kit.run, kit.lease)
    with pytest.raises(LeaseLost):
        kit.settle(LINK)
    assert kit.store.open_operations(MAPPING) == []
    assert list(kit.store.links(MAPPING)) == []


def test_who_takes_over_waits_until_an_allowed_transaction_has_ended(kit: Kit) -> None:
    """Between the check of the fence and the commit nobody else may begin."""
    taken: list[object] = []
    with kit.store.engine.begin() as connection:
        require(connection, kit.lease)
        taker = Thread(target=lambda: taken.append(kit.store.acquire(MAPPING, kit.lease.owner, TTL)))
        taker.start()
        assert eventually(lambda: _blocked(kit))
        assert taken == []
        connection.execute(text("INSERT INTO lease VALUES ('proof', 'x', 1, now(), now())"))
    taker.join(timeout=10)
    assert taken[0].fence == kit.lease.fence + 1


def _blocked(kit: Kit) -> bool:
    return bool(
        kit.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%lease%'")
    )


def test_of_many_who_want_it_at_once_exactly_one_gets_it(store: PostgresStore) -> None:
    got: list[object] = []
    threads = [
        Thread(target=lambda name=f"o{number}": got.append(store.acquire(MAPPING, name, TTL))) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(got) == 6
    assert len([lease for lease in got if lease is not None]) == 1
