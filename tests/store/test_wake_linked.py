"""Waking by links: exactly the records whose reference is linked, on either side, whatever the keys look like."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.model import Base, Side
from syncd.mapping.links import waits_for
from syncd.ports import Observation, Settlement, SideState, Status
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, TTL, Kit, digest

ODD = (
    "a:b",
    "a=b=c",
    "=",
    ":",
    "50%",
    "%s",
    'O\'Neil "x"',
    "Ærø 東京",
    "@clients:external=1",
    "x\\y",
    " led ",
    "_",
    "C1\n2",
)


def link(store: PostgresStore, mapping: str, external: str, flowtly: str) -> None:
    """A link of some mapping."""
    lease = store.acquire(mapping, "other", TTL)
    assert lease is not None
    run = store.begin_run(mapping, "test", lease)
    rest = SideState(digest("1"))
    store.settle([Settlement(external, flowtly, Base({}, {}), "certain", rest, rest)], mapping, run, lease)
    store.release(lease)


def waiting(kit: Kit, side: Side, key: str, reference: str, **kw: Any) -> None:
    """A record that waits."""
    given = {"document": {"name": key}, "status": Status.WAITING, "problem": "waits", "attempts": 3, **kw}
    seen = Observation(key, digest(key), waiting_for=reference, **given)
    state = SideState(seen.digest, seen)
    external = side is EXTERNAL
    kit.settle(
        Settlement(
            key if external else None,
            None if external else key,
            external=state if external else None,
            flowtly=None if external else state,
        )
    )


@pytest.mark.parametrize("mapping", ["clients", "erp.clients-1", "A_b", "x" * 63])
def test_keys_of_any_spelling_wake_exactly_their_own_records(kit: Kit, mapping: str) -> None:
    for number, key in enumerate(ODD):
        waiting(kit, EXTERNAL, f"e{number}", waits_for(mapping, EXTERNAL, key))
        waiting(kit, FLOWTLY, f"f{number}", waits_for(mapping, FLOWTLY, key))
    assert kit.store.wake_linked(MAPPING) == frozenset()
    kit.store.release(kit.lease)
    for number, key in enumerate(ODD):
        link(kit.store, mapping, key, f"/api/{number}")
    assert kit.store.wake_linked(MAPPING) == {EXTERNAL}
    woken = kit.rows("SELECT key FROM observation WHERE mapping = 'clients' AND status = 'dirty' ORDER BY key")
    assert {key for (key,) in woken} == {f"e{number}" for number in range(len(ODD))}
    for number, key in enumerate(ODD):
        link(kit.store, mapping, f"c{number}", key)
    assert kit.store.wake_linked(MAPPING) == {FLOWTLY}
    assert kit.scalar("SELECT count(*) FROM observation WHERE status = 'waiting'") == 0
    assert kit.store.wake_linked(MAPPING) == frozenset()


def test_what_is_woken_can_be_planned_at_once_or_is_read_again(kit: Kit) -> None:
    waiting(kit, EXTERNAL, "mapped", waits_for("parents", EXTERNAL, "1"))
    waiting(kit, FLOWTLY, "unmapped", waits_for("parents", EXTERNAL, "1"), document=None)
    link(kit.store, "parents", "1", "/api/1")
    assert kit.store.wake_linked(MAPPING) == {EXTERNAL, FLOWTLY}
    for key, side, known in (("mapped", EXTERNAL, digest("mapped")), ("unmapped", FLOWTLY, b"")):
        seen = kit.observation(key, side)
        assert seen is not None
        assert (seen.status, seen.digest, seen.waiting_for, seen.problem) == (Status.DIRTY, known, None, None)


def test_nobody_is_woken_by_others_links_or_out_of_another_state(kit: Kit) -> None:
    reference = waits_for("parents", EXTERNAL, "1")
    waiting(kit, EXTERNAL, "other mapping", waits_for("parent", EXTERNAL, "1"))
    waiting(kit, EXTERNAL, "other key", waits_for("parents", EXTERNAL, "01"))
    waiting(kit, EXTERNAL, "other side", waits_for("parents", FLOWTLY, "1"))
    waiting(kit, EXTERNAL, "a list", "countries:code=1")
    for status in (Status.PARKED, Status.ASKED, Status.SETTLED_ALONE):
        waiting(kit, EXTERNAL, str(status), reference, status=status)
    link(kit.store, "parents", "1", "/api/1")
    assert kit.store.wake_linked(MAPPING) == frozenset()
    assert kit.store.wake_linked("parents") == frozenset()


def test_a_link_that_is_gone_wakes_nobody(kit: Kit) -> None:
    link(kit.store, "parents", "1", "/api/1")
    assert kit.store.unlink("parents", "1", "tester") is True
    waiting(kit, EXTERNAL, "child", waits_for("parents", EXTERNAL, "1"))
    assert kit.store.wake_linked(MAPPING) == frozenset()


def test_partners_are_the_other_sides_keys_of_this_mapping_alone(kit: Kit) -> None:
    for number, key in enumerate(ODD):
        link(kit.store, "parents", key, f"/api/{number}")
    link(kit.store, "strangers", "only there", "/api/99")
    store = kit.store
    assert store.partners("parents", EXTERNAL, [*ODD, *ODD, "only there", ""]) == {
        key: f"/api/{number}" for number, key in enumerate(ODD)
    }
    assert store.partners("parents", FLOWTLY, ["/api/0", "/api/99"]) == {"/api/0": ODD[0]}
    assert store.partners("parents", EXTERNAL, []) == {}
