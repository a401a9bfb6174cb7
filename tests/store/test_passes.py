"""A pass finds what differs in one statement a page, writes nothing when nothing differs, and moves the cursor with the dirt."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import text

from syncd.core.model import Side
from syncd.errors import BadAnswer, StoreUnavailable
from syncd.ports import Pass, Settlement, Status, Store
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, Kit, digest, eventually, iri, pending, seen


def test_the_store_and_its_pass_are_what_the_ports_ask_for(kit: Kit) -> None:
    store: Store = kit.store
    passing: Pass = store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True)
    passing.close()


def test_a_key_that_nobody_knows_differs(kit: Kit) -> None:
    _, differed = kit.walk({"a": 1})
    assert differed == {"a"}
    assert kit.observation("a") == seen("a", 1, first_seen=kit.observation("a").first_seen)


def test_a_linked_key_that_reads_as_settled_does_not_differ_on_either_side(kit: Kit) -> None:
    kit.link("a")
    assert kit.walk({"a": 1})[1] == set()
    assert kit.walk({iri("a"): 1}, FLOWTLY)[1] == set()
    assert kit.walk({"a": 2})[1] == {"a"}
    assert kit.walk({iri("a"): 3}, FLOWTLY)[1] == {iri("a")}


def test_what_is_pending_counts_before_what_was_settled(kit: Kit) -> None:
    kit.link("a")
    kit.walk({"a": 2})
    assert kit.walk({"a": 2})[1] == set()
    assert kit.walk({"a": 1})[1] == {"a"}, "back to the settled content is a change too"


def test_mappings_and_sides_do_not_mix(kit: Kit) -> None:
    kit.link("a")
    with kit.store.begin_pass("suppliers", EXTERNAL, kit.run, full=False) as passing:
        assert passing.differing({"a": digest(1)}) == {"a"}
    with kit.store.begin_pass(MAPPING, FLOWTLY, kit.run, full=False) as passing:
        assert passing.differing({"a": digest(1)}) == {"a"}


@pytest.mark.parametrize("full", [True, False])
def test_an_idle_pass_rewrites_no_row_of_a_permanent_table(kit: Kit, full: bool) -> None:
    keys = [f"k{number}" for number in range(50)]
    kit.link(*keys)
    kit.walk({"stranger": 7})
    kit.store.reset_cursors(MAPPING)
    kit.walk(dict.fromkeys([*keys], 1), full=False, cursor="2031-01-01T00:00:00+00:00")
    versions = _versions(kit)
    kit.walk({**dict.fromkeys(keys, 1), "stranger": 7}, full=full, cursor="2031-01-01T00:00:00+00:00")
    assert _versions(kit) == versions


def _versions(kit: Kit) -> list[tuple[object, ...]]:
    """Where each row version lives and who wrote it: anything rewritten shows, and so does anything dead."""
    tables = ("link", "observation", "cursor", "mapping_state", "operation", "conflict", "ledger", "absence")
    found = []
    for name in tables:
        found += [(name, *row) for row in kit.rows(f"SELECT ctid::text, xmin::text FROM {name} ORDER BY 1, 2")]
        found += [(name, kit.scalar(f"SELECT pg_relation_size('{name}')"))]
    return found


def test_the_cursor_moves_with_the_dirt_or_not_at_all(kit: Kit) -> None:
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing:
        passing.store([seen("a")], "c1")
        assert kit.store.cursor(MAPPING, EXTERNAL) == "c1"
        with pytest.raises(BadAnswer):
            passing.store([seen("b"), seen("bad\x00key")], "c2")
    assert kit.store.cursor(MAPPING, EXTERNAL) == "c1"
    assert kit.observation("b") is None
    assert kit.store.cursor(MAPPING, FLOWTLY) is None


def test_the_cursor_moves_without_any_dirt_and_is_forgotten_on_request(kit: Kit) -> None:
    with kit.store.begin_pass(MAPPING, FLOWTLY, kit.run, full=False) as passing:
        passing.store([], "c9")
    assert kit.store.cursor(MAPPING, FLOWTLY) == "c9"
    kit.store.reset_cursors(MAPPING)
    assert kit.store.cursor(MAPPING, FLOWTLY) is None


def test_a_side_that_reads_again_as_it_was_settled_is_withdrawn(kit: Kit) -> None:
    kit.link("a")
    kit.walk({"a": 2})
    assert kit.work() == [("a", True, False)]
    kit.walk({"a": 1})
    assert kit.observation("a") is None
    assert kit.work() == []


def test_a_withdrawn_side_stirs_what_was_asked_about_the_other(kit: Kit) -> None:
    kit.link("a", "b")
    for key in ("a", "b"):
        _ask(kit, key)
    assert kit.work() == []
    kit.walk({"a": 1, "b": "2"})
    assert kit.work() == [("a", False, True)]
    assert kit.observation(iri("b"), FLOWTLY).status is Status.ASKED


def _ask(kit: Kit, key: str) -> None:
    kit.settle(
        Settlement(
            key,
            iri(key),
            external=pending(key, 2, status=Status.ASKED),
            flowtly=pending(iri(key), 3, status=Status.ASKED),
        )
    )


def test_news_starts_over_and_the_rest_keeps_its_place(kit: Kit) -> None:
    kit.link("a")
    parked = pending("a", 2, status=Status.PARKED, attempts=3, due_at=NOW, problem="refused")
    kit.settle(Settlement("a", iri("a"), external=parked))
    first = kit.observation("a")
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing:
        passing.store([seen("a", 2, document={"name": "mapped anew"})], None)
        kept = kit.observation("a")
        passing.store([seen("a", 5)], None)
        news = kit.observation("a")
    assert (kept.status, kept.attempts, kept.due_at, kept.problem) == (Status.PARKED, 3, NOW, "refused")
    assert kept.document == {"name": "mapped anew"}
    assert (news.status, news.attempts, news.due_at, news.problem) == (Status.DIRTY, 0, None, None)
    assert first.first_seen == kept.first_seen == news.first_seen


def test_a_record_that_could_not_be_mapped_is_taken_as_given_when_it_can(kit: Kit) -> None:
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing:
        passing.store([seen("a", 2, document=None, status=Status.WAITING, waiting_for="countries:code=DK")], None)
        passing.store([seen("a", 2)], None)
    assert kit.observation("a").status is Status.DIRTY
    assert kit.observation("a").waiting_for is None


def test_one_key_with_two_contents_is_a_duplicate_and_stays_pending(kit: Kit) -> None:
    kit.link("a")
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as passing:
        assert passing.differing({"a": digest(2), "b": digest(1)}) == {"a", "b"}
        passing.store([seen("a", 2), seen("b", 1)], None)
        assert passing.differing({"a": digest(1)}) == {"a"}
        passing.store([seen("a", 1)], None)
        assert passing.duplicates == {"a"}
        assert passing.repeated == 0
        certificate = passing.finish(total=None, complete=True, reason="", shrink_limit=0.3)
    assert not certificate.complete
    assert certificate.reason == "duplicate keys: 'a'"
    assert kit.observation("a").digest == digest(1), "nobody knows which one is meant, so it is not at rest"


def test_one_key_twice_with_the_same_content_is_a_page_shift_and_harmless(kit: Kit) -> None:
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as passing:
        passing.differing({"a": digest(1), "b": digest(1)})
        assert passing.differing({"b": digest(1), "c": digest(1)}) == {"b", "c"}
        assert passing.repeated == 1
        assert passing.duplicates == set()
        certificate = passing.finish(total=3, complete=True, reason="", shrink_limit=0.3)
    assert certificate.complete
    assert certificate.seen == 3
    assert kit.scalar("SELECT repeated FROM certificate") == 1


def test_a_document_that_no_database_can_hold_is_parked_and_the_stream_goes_on(kit: Kit) -> None:
    bad = [seen("nul", 1, document={"name": "a\x00b"}), seen("half", 1, document={"notes": ("x", "\ud83d")})]
    innocent = seen("fine", 1, document={"name": "\\u0000 is only text"})
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing:
        passing.store([*bad, innocent], "c1")
    for key in ("nul", "half"):
        parked = kit.observation(key)
        assert (parked.status, parked.document) == (Status.PARKED, None)
        assert "no database can store" in parked.problem
    assert kit.observation("fine").document == {"name": "\\u0000 is only text"}
    assert kit.store.cursor(MAPPING, EXTERNAL) == "c1"


def test_ten_megabytes_in_a_field_are_kept_and_a_key_of_that_size_is_refused_clearly(kit: Kit) -> None:
    long = "x" * 10_000_000
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as passing:
        passing.store([seen("a", 1, document={"name": long}, match_keys=(long,))], None)
        with pytest.raises(BadAnswer, match="too long"):
            passing.differing({"".join(map(str, range(200_000))): digest(1)})
    assert kit.observation("a").document == {"name": long}


def test_a_pass_over_many_records_finds_the_one_that_changed(kit: Kit) -> None:
    keys = [f"k{number:04}" for number in range(1200)]
    kit.link(*keys)
    content: dict[str, object] = dict.fromkeys(keys, 1)
    content["k0777"] = 2
    assert kit.walk(content, page=500)[1] == {"k0777"}
    assert kit.work() == [("k0777", True, False)]


def test_the_temporary_table_and_its_connection_end_with_a_pass_that_is_given_up(kit: Kit) -> None:
    def connections() -> int:
        return kit.scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")

    before = connections()
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as passing:
        passing.differing({"a": digest(1)})
        assert not eventually(lambda: connections() <= before, seconds=0)
    passing.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        passing.differing({"b": digest(1)})
    assert eventually(lambda: connections() <= before)


def test_two_passes_at_once_do_not_see_each_other(store: PostgresStore) -> None:
    kit = Kit.on(store)
    with (
        store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as one,
        store.begin_pass(MAPPING, FLOWTLY, kit.run, full=True) as other,
    ):
        one.differing({"a": digest(1)})
        other.differing({"a": digest(2)})
        assert one.duplicates == other.duplicates == set()
        assert one.finish(total=1, complete=True, reason="", shrink_limit=0.3).complete
        assert other.finish(total=1, complete=True, reason="", shrink_limit=0.3).complete


def test_an_incremental_pass_gives_no_certificate_and_forgets_no_stranger(kit: Kit) -> None:
    kit.walk({"a": 1, "b": 1})
    certificate, _ = kit.walk({"a": 1}, full=False)
    assert certificate is None
    assert kit.observation("b") is not None


def test_times_come_back_as_utc_whatever_the_server_thinks(kit: Kit) -> None:
    with kit.store.engine.connect() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'"))
        connection.commit()
    kit.store.engine.dispose()
    stamp = datetime(2030, 2, 3, 4, 5, 6, tzinfo=UTC)
    kit.walk({"a": 1}, changed_at=stamp)
    assert kit.observation("a").changed_at == stamp
    assert kit.observation("a").changed_at.utcoffset().total_seconds() == 0


def test_both_sides_may_go_back_at_the_same_time(kit: Kit) -> None:
    """Each reading stirs the other side's records: without an order among them the database ends one as a deadlock."""
    keys = [f"k{number:02}" for number in range(60)]
    kit.link(*keys)
    for _ in range(15):
        asked = {"status": Status.ASKED}
        kit.settle(
            *(
                Settlement(key, iri(key), external=pending(key, **asked), flowtly=pending(iri(key), **asked))
                for key in keys
            )
        )
        together = Barrier(2)

        def go_back(side: Side, together: Barrier = together) -> None:
            rows = keys if side is EXTERNAL else [iri(key) for key in keys]
            with kit.store.begin_pass(MAPPING, side, kit.run, full=False) as passing:
                together.wait()
                passing.store([seen(key) for key in rows], None)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(go_back, (EXTERNAL, FLOWTLY)))
        assert kit.work() == []
