"""What is pending is found by record, by side and by reason, and a hundred thousand rows never stand in memory at once."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

from sqlalchemy import text

from syncd.ports import Observation, Settlement, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, Kit, digest, eventually, iri, pending, seen

LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def put(kit: Kit, key: str, **kw: object) -> None:
    kit.settle(Settlement(key, None, external=pending(key, 2, **kw)))


def test_work_gives_linked_records_in_key_order_with_both_sides(kit: Kit) -> None:
    kit.link("b", "a", "Z", "ä", "c")
    kit.walk({"b": 2, "ä": 2, "Z": 2, "stranger": 1})
    kit.walk({iri("b"): 3, iri("c"): 3}, FLOWTLY)
    assert kit.work() == [
        ("Z", True, False),
        ("b", True, True),
        ("c", False, True),
        ("ä", True, False),
    ]
    work = next(one for one in kit.store.work(MAPPING, NOW) if one.link.external_key == "b")
    assert work.external == kit.observation("b")
    assert work.flowtly == kit.observation(iri("b"), FLOWTLY)
    assert work.link == kit.store.links_by_key(MAPPING, FLOWTLY, [iri("b")])[iri("b")]


def test_only_what_is_dirty_or_due_is_work(kit: Kit) -> None:
    keys = {
        "dirty": {"status": Status.DIRTY},
        "dirty later": {"status": Status.DIRTY, "due_at": LATER},
        "dirty due": {"status": Status.DIRTY, "due_at": NOW},
        "parked": {"status": Status.PARKED},
        "parked later": {"status": Status.PARKED, "due_at": LATER},
        "parked due": {"status": Status.PARKED, "due_at": EARLIER},
        "waiting": {"status": Status.WAITING, "waiting_for": "x", "due_at": EARLIER},
        "asked": {"status": Status.ASKED},
        "alone": {"status": Status.SETTLED_ALONE},
    }
    kit.link(*keys)
    for key, how in keys.items():
        put(kit, key, **how)
    assert [key for key, _, _ in kit.work()] == ["dirty", "dirty due", "parked due"]


def test_a_record_is_work_when_either_side_is_and_gives_the_other_too(kit: Kit) -> None:
    kit.link("a")
    put(kit, "a", status=Status.ASKED)
    kit.walk({iri("a"): 2}, FLOWTLY)
    (work,) = kit.store.work(MAPPING, NOW)
    assert (work.external.status, work.flowtly.status) == (Status.ASKED, Status.DIRTY)


def test_strangers_are_all_unlinked_observations_without_documents(kit: Kit) -> None:
    kit.link("linked")
    kit.walk({"linked": 2, "b": 1, "a": 1})
    put(kit, "c", status=Status.ASKED, match_keys=("k", None))
    strangers = list(kit.store.strangers(MAPPING, EXTERNAL))
    assert [one.key for one in strangers] == ["a", "b", "c"]
    assert {one.document for one in strangers} == {None}
    assert (strangers[2].status, strangers[2].match_keys) == (Status.ASKED, ("k", None))
    assert list(kit.store.strangers(MAPPING, FLOWTLY)) == []


def test_observations_come_with_their_documents_and_only_those_that_exist(kit: Kit) -> None:
    kit.walk({"a": 1, "b": 2})
    found = kit.store.observations(MAPPING, EXTERNAL, ["a", "b", "nobody"])
    assert {key: one.document for key, one in found.items()} == {"a": {"name": "1"}, "b": {"name": "2"}}
    assert kit.store.observations(MAPPING, EXTERNAL, []) == {}
    assert kit.store.observations(MAPPING, FLOWTLY, ["a"]) == {}


def test_a_reference_that_arrives_wakes_who_waits_for_it(kit: Kit) -> None:
    put(kit, "a", status=Status.WAITING, waiting_for="countries:code=DK")
    put(kit, "b", status=Status.WAITING, waiting_for="countries:code=XX")
    put(kit, "long", status=Status.WAITING, waiting_for="countries:code=" + "".join(map(str, range(100_000))))
    assert len(kit.store.waiting(MAPPING)) == 3
    assert kit.store.wake(MAPPING, ["countries:code=DK", "countries:code=YY"], NOW) == 1
    assert (kit.observation("a").status, kit.observation("a").waiting_for) == (Status.DIRTY, None)
    assert kit.observation("b").status is Status.WAITING
    assert "countries:code=XX" in kit.store.waiting(MAPPING)
    assert kit.store.waiting("suppliers") == frozenset()


def test_parked_records_wake_when_they_are_due_and_not_before(kit: Kit) -> None:
    put(kit, "due", status=Status.PARKED, due_at=NOW, attempts=3)
    put(kit, "later", status=Status.PARKED, due_at=LATER)
    put(kit, "for good", status=Status.PARKED)
    assert kit.store.wake(MAPPING, [], NOW) == 1
    assert (kit.observation("due").status, kit.observation("due").attempts) == (Status.DIRTY, 3)
    assert kit.store.wake(MAPPING, [], NOW) == 0


def test_a_woken_record_that_was_never_mapped_is_mapped_at_its_next_reading(kit: Kit) -> None:
    put(kit, "a", status=Status.WAITING, waiting_for="x", document=None)
    assert kit.walk({"a": 2})[1] == set()
    kit.store.wake(MAPPING, ["x"], NOW)
    assert kit.walk({"a": 2})[1] == {"a"}
    assert kit.observation("a").document == {"name": "2"}


def test_known_before_is_what_is_linked_now_or_was_seen_before(kit: Kit) -> None:
    kit.link("linked")
    put(kit, "old", first_seen=EARLIER)
    put(kit, "new", first_seen=LATER)
    keys = ["linked", "old", "new", "nobody"]
    assert kit.store.known_before(MAPPING, EXTERNAL, keys, NOW) == {"linked", "old"}
    assert kit.store.known_before(MAPPING, FLOWTLY, [iri("linked"), "old"], NOW) == {iri("linked")}
    assert kit.store.known_before(MAPPING, EXTERNAL, [], NOW) == set()


def test_streams_keep_memory_flat(kit: Kit) -> None:
    """Four thousand links of 8 kB each are 32 MB at once; only a few of them may be there at a time."""
    fill = text(
        "INSERT INTO link (mapping, external_key, flowtly_key, base, external_digest, flowtly_digest, origin, "
        "updated_run) SELECT :mapping, 'k' || n, '/c/' || n, jsonb_build_object('external', "
        "jsonb_build_object('notes', repeat('x', 8000)), 'flowtly', '{}'::jsonb), 'd', 'd', '', 1 "
        "FROM generate_series(1, 4000) n"
    )
    dirty = text(
        "INSERT INTO observation (mapping, side, key, digest, document, status) "
        "SELECT mapping, 'external', external_key, 'e', base -> 'external', 'dirty' FROM link"
    )
    with kit.store.engine.begin() as connection:
        connection.execute(fill, {"mapping": MAPPING})
        connection.execute(dirty)
    tracemalloc.start()
    try:
        assert sum(1 for _ in kit.store.links(MAPPING)) == 4_000
        assert sum(1 for _ in kit.store.work(MAPPING, NOW)) == 4_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000


def test_a_stream_that_is_left_early_gives_its_connection_back(kit: Kit) -> None:
    kit.link("a", "b")
    stream = kit.store.links(MAPPING)
    assert next(stream).external_key == "a"
    stream.close()
    open_cursors = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    assert eventually(lambda: kit.scalar(open_cursors) == 0)


def test_the_store_works_while_a_stream_is_read(kit: Kit) -> None:
    kit.link(*(f"k{number}" for number in range(20)))
    kit.walk({f"k{number}": 2 for number in range(20)})
    for work in kit.store.work(MAPPING, NOW):
        key = work.link.external_key
        kit.settle(
            Settlement(key, work.link.flowtly_key, work.link.base, external=pending(key, 2, status=Status.ASKED))
        )
    assert kit.work() == []


def test_an_observation_needs_no_more_than_a_key_and_a_digest(kit: Kit) -> None:
    bare = Observation("a", digest(1), None, Status.PARKED)
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing:
        passing.store([bare], None)
    stored = kit.observation("a")
    assert (stored.document, stored.problem, stored.match_keys, stored.attempts) == (None, None, (), 0)
    assert stored.first_seen is not None
    assert seen("a").key == stored.key
