"""Last-seen documents: what differs from them, what came twice, and what two complete walks did not see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.errors import StoreUnavailable
from syncd.ports import Differing, LastSeen, Lease
from syncd.store.postgres import PostgresStore
from syncd.store.watches import PostgresWatchPass
from tests.store.kit import Kit, digest

HOLD = timedelta(minutes=5)


@pytest.fixture
def lease(store: PostgresStore) -> Lease:
    taken = store.acquire("watch:w", "me", HOLD)
    assert taken is not None
    return taken


def begin(store: PostgresStore, lease: Lease, fingerprint: str = "f") -> PostgresWatchPass:
    return store.begin_watch("w", fingerprint, lease)


def differ(passing: PostgresWatchPass, records: Mapping[str, object]) -> dict[str, Differing]:
    return passing.differing({key: digest(word) for key, word in records.items()})


def record(key: str, word: object, *levels: str) -> LastSeen:
    return LastSeen(key, digest(word), {"word": str(word), "n": Decimal("1.5")}, frozenset(levels))


def walk(store: PostgresStore, lease: Lease, records: Mapping[str, object], *, complete: bool = True) -> list[str]:
    """One walk that keeps everything; the keys that are gone by then."""
    with begin(store, lease) as passing:
        found = differ(passing, records)
        passing.keep([record(key, records[key]) for key in found], [])
        if not complete:
            return []
        passing.conclude()
        gone = [one.key for one in passing.gone(100)]
        passing.drop(gone, [])
        return gone


def test_what_is_kept_is_what_the_next_walk_compares_with(store: PostgresStore, lease: Lease) -> None:
    with begin(store, lease) as passing:
        assert differ(passing, {"a": 1, "b": 1}) == {"a": Differing(None), "b": Differing(None)}
        passing.keep([record("a", 1, "n>1~0"), record("b", 1)], [])
    with begin(store, lease) as passing:
        assert differ(passing, {"a": 1, "b": 1}) == {}
    with begin(store, lease) as passing:
        found = differ(passing, {"a": 2, "b": 1, "c": 1})
        assert found == {"a": Differing(record("a", 1, "n>1~0")), "c": Differing(None)}


def test_a_walk_without_news_writes_no_row(kit: Kit, lease: Lease) -> None:
    walk(kit.store, lease, {"a": 1, "b": 2})
    before = kit.rows("SELECT key, xmin::text FROM watch_record ORDER BY key")
    assert walk(kit.store, lease, {"a": 1, "b": 2}) == []
    assert kit.rows("SELECT key, xmin::text FROM watch_record ORDER BY key") == before


def test_a_key_that_comes_twice(store: PostgresStore, lease: Lease) -> None:
    with begin(store, lease) as passing:
        passing.keep([record("a", 1)] if differ(passing, {"a": 1}) else [], [])
        assert differ(passing, {"a": 1}) == {}
        assert differ(passing, {"a": 2})["a"].twice is True
        assert passing.fresh(["x", "y"]) == {"x", "y"}
        assert passing.fresh(["y", "z"]) == {"z"}


def test_gone_is_what_two_complete_walks_in_a_row_did_not_see(store: PostgresStore, lease: Lease) -> None:
    walk(store, lease, {"a": 1, "b": 1})
    assert walk(store, lease, {"a": 1}) == []
    assert walk(store, lease, {"a": 1}, complete=False) == []
    assert walk(store, lease, {"a": 1}) == ["b"]
    assert walk(store, lease, {"a": 1}) == []


@pytest.mark.parametrize("complete", [True, False])
def test_seen_in_between_begins_anew(store: PostgresStore, lease: Lease, complete: bool) -> None:
    walk(store, lease, {"a": 1, "b": 1})
    walk(store, lease, {"a": 1})
    walk(store, lease, {"b": 1}, complete=complete)
    assert walk(store, lease, {"a": 1}) == []
    assert walk(store, lease, {"a": 1}) == ["b"]


def test_a_changed_one_that_comes_back_is_not_missed_any_more(store: PostgresStore, lease: Lease) -> None:
    walk(store, lease, {"a": 1, "b": 1})
    walk(store, lease, {"a": 1})
    walk(store, lease, {"a": 1, "b": 2})
    assert walk(store, lease, {"a": 1}) == []


def test_everything_gone(store: PostgresStore, lease: Lease) -> None:
    walk(store, lease, {"a": 1, "b": 1})
    assert walk(store, lease, {}) == []
    assert walk(store, lease, {}) == ["a", "b"]


def test_a_death_between_concluding_and_forgetting_repeats_the_forgetting(store: PostgresStore, lease: Lease) -> None:
    walk(store, lease, {"a": 1, "b": 1, "c": 1})
    walk(store, lease, {"a": 1})
    with begin(store, lease) as passing:
        differ(passing, {"a": 1})
        passing.conclude()
        assert [one.key for one in passing.gone(1)] == ["b"]
        passing.drop(["b"], [])
    assert walk(store, lease, {"a": 1}) == ["c"]


def test_the_base_stands_after_the_first_complete_walk(store: PostgresStore, lease: Lease) -> None:
    assert store.last_walk("w") is None
    walk(store, lease, {"a": 1}, complete=False)
    with begin(store, lease) as passing:
        assert (passing.based, passing.rebased) == (False, False)
        differ(passing, {"a": 1})
        passing.conclude()
    assert store.last_walk("w") is not None
    with begin(store, lease) as passing:
        assert (passing.based, passing.rebased) == (True, False)


def test_another_fingerprint_forgets_what_was_seen(kit: Kit, lease: Lease) -> None:
    walk(kit.store, lease, {"a": 1})
    with begin(kit.store, lease, "other") as passing:
        assert (passing.based, passing.rebased) == (False, True)
        assert differ(passing, {"a": 1}) == {"a": Differing(None)}
    with begin(kit.store, lease, "other") as passing:
        assert passing.rebased is False
    assert kit.scalar("SELECT count(*) FROM watch_record") == 0


def test_watches_do_not_see_each_other(store: PostgresStore, lease: Lease) -> None:
    other = store.acquire("watch:v", "me", HOLD)
    assert other is not None
    walk(store, lease, {"a": 1})
    with store.begin_watch("v", "f", other) as passing:
        assert differ(passing, {"a": 1}) == {"a": Differing(None)}
        passing.conclude()
    assert walk(store, lease, {"a": 1}) == []


def test_ten_thousand_records_page_by_page(kit: Kit, lease: Lease) -> None:
    keys = [f"/api/invoices/{number}" for number in range(10_000)]
    pages: list[dict[str, Any]] = [dict.fromkeys(keys[start : start + 500], 1) for start in range(0, 10_000, 500)]
    for differing in (500, 0):
        with begin(kit.store, lease) as passing:
            for page in pages:
                found = differ(passing, page)
                assert len(found) == differing
                if found:
                    passing.keep([record(key, 1) for key in found], [])
            passing.conclude()
    assert kit.scalar("SELECT count(*) FROM watch_record WHERE missed IS NULL") == 10_000


def test_a_lost_connection_ends_the_walk(kit: Kit, lease: Lease) -> None:
    with begin(kit.store, lease) as passing:
        differ(passing, {"a": 1})
        kit.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                differ(passing, {"b": 1})
