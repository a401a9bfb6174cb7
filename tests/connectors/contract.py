"""What every connector must keep, driven through ``ports.Connector`` only.

To run it for a connector: subclass ``ReadContract`` (read-only peers) or ``WriteContract`` in a test module and give the
class a fixture ``peer`` that yields a ``Peer`` on a fresh, empty, real peer::

    class TestMyConnector(WriteContract):
        @pytest.fixture
        def peer(self, tmp_path): ...

The peer's page size should be 7, so that a few dozen records make several pages. ``Peer.seed`` and ``Peer.edit`` act
behind the connector's back, as a person at the peer does. A peer that cannot do something leaves its callable None,
and the tests that need it are skipped; whether a test applies otherwise is decided by ``capabilities`` alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.errors import (
    BadAnswer,
    Denied,
    Later,
    NotFound,
    ReadCut,
    Refused,
    Stale,
)
from syncd.ports import Connector, Page, Query, Raw, Record

ODD_KEYS = ("", " ", "\x00", "0", "-1", "007", "9" * 40, "' OR 1=1 --", "ż", "../..", "a/b?c#d", "null", "\ud800")
UNICODE = "Żółć 東京 🚀 e\u0301 \u202eabc ' \" ` % _ \\ ; -- {} $1 :x"
TROUBLE = (Later, BadAnswer, ReadCut)


class RealClock:
    """The machine's clock, for connectors that ask for one."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Peer:
    """One connector on one real, empty peer. ``text`` and ``other`` name two independent free-text fields."""

    connector: Connector
    query: Query
    text: str
    other: str
    sample: Callable[[int], dict[str, Any]]
    """Valid, distinct raw fields for the n-th new record; ``text`` and ``other`` are among them."""
    seed: Callable[[Sequence[Raw]], list[str]]
    """Store these records in one transaction; their keys."""
    edit: Callable[[str, Raw], None]
    cut: Callable[[], None]
    """Make every later request to the peer fail."""
    secrets: tuple[str, ...] = ()
    denied: Callable[[], Connector] | None = None
    """A connector with wrong credentials."""
    unreachable: Callable[[], Connector] | None = None
    """A connector whose peer does not answer at all."""

    def seeded(self, count: int) -> list[str]:
        """Seed ``count`` samples."""
        return self.seed([self.sample(number) for number in range(count)])

    def walk(self, cursor: str | None = None) -> list[Page]:
        """All pages of one walk."""
        return list(self.connector.pages(self.query, cursor))

    def keys(self, cursor: str | None = None) -> list[str]:
        """The keys of one walk, repetitions included."""
        return [record.key for page in self.walk(cursor) for record in page.records]


def final_cursor(pages: Sequence[Page], before: str | None) -> str | None:
    """Where the next incremental read begins after these pages were stored."""
    return next((page.cursor for page in reversed(pages) if page.cursor is not None), before)


def subset(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a raw record that ``fields`` names."""
    return {name: raw[name] for name in fields}


class ReadContract:
    """Reading."""

    def test_an_empty_resource_is_walked_to_its_end(self, peer: Peer) -> None:
        assert peer.keys() == []

    def test_a_record_reads_as_it_was_stored(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        found = peer.connector.read(peer.query, key)
        assert found.key == key
        assert subset(found.raw, peer.sample(0)) == peer.sample(0)

    def test_a_walk_gives_what_read_gives(self, peer: Peer) -> None:
        peer.seeded(3)
        for page in peer.walk():
            for record in page.records:
                assert record == peer.connector.read(peer.query, record.key)

    @pytest.mark.parametrize("count", [6, 7, 8, 23])
    def test_a_full_walk_gives_everything_exactly_once(self, peer: Peer, count: int) -> None:
        keys = peer.seeded(count)
        assert sorted(peer.keys()) == sorted(keys)

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_a_key_that_nothing_has_is_not_found(self, peer: Peer, key: str) -> None:
        peer.seeded(2)
        with pytest.raises((NotFound, Refused)):
            peer.connector.read(peer.query, key)

    def test_an_unknown_resource_is_refused(self, peer: Peer) -> None:
        query = replace(peer.query, resource="no_such_resource")
        with pytest.raises(Refused, match="no_such_resource"):
            peer.connector.capabilities(query)
        with pytest.raises(Refused, match="no_such_resource"):
            list(peer.connector.pages(query, None))
        with pytest.raises(Refused, match="no_such_resource"):
            peer.connector.read(query, "1")
        with pytest.raises(Refused, match="no_such_resource"):
            list(peer.connector.rows("no_such_resource"))

    def test_every_field_the_shape_promises_is_in_every_record(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        query = replace(peer.query, fields=())
        shape = peer.connector.shape(query)
        if shape is not None:
            assert set(shape.fields) <= set(peer.connector.read(query, key).raw)

    def test_find_gives_exactly_the_records_that_are_equal(self, peer: Peer) -> None:
        first, second = peer.seed([{**peer.sample(0), peer.text: "Same"}, {**peer.sample(1), peer.text: "same"}])
        assert [found.key for found in peer.connector.find(peer.query, {peer.text: "Same"})] == [first]
        assert [found.key for found in peer.connector.find(peer.query, {peer.text: "same"})] == [second]

    def test_find_gives_every_one_of_many(self, peer: Peer) -> None:
        keys = peer.seed([{**peer.sample(number), peer.text: "Many"} for number in range(23)])
        peer.seed([peer.sample(number) for number in range(30, 35)])
        assert sorted(found.key for found in peer.connector.find(peer.query, {peer.text: "Many"})) == sorted(keys)

    def test_find_of_nothing_is_empty(self, peer: Peer) -> None:
        peer.seeded(3)
        for value in ("nobody is called so", UNICODE, None, 12345, True):
            assert list(peer.connector.find(peer.query, {peer.text: value})) == []

    def test_find_narrows_by_all_its_values(self, peer: Peer) -> None:
        wanted, _ = peer.seed([{**peer.sample(0), peer.text: "Twin"}, {**peer.sample(1), peer.text: "Twin"}])
        values = {peer.text: "Twin", peer.other: peer.sample(0)[peer.other]}
        assert [found.key for found in peer.connector.find(peer.query, values)] == [wanted]

    def test_a_find_by_an_unknown_field_is_refused(self, peer: Peer) -> None:
        peer.seeded(1)
        shape = peer.connector.shape(peer.query)
        if shape is not None and not shape.open:
            with pytest.raises(Refused, match="no_such_field"):
                list(peer.connector.find(peer.query, {"no_such_field": "x"}))

    def test_unicode_reads_as_it_was_stored(self, peer: Peer) -> None:
        (key,) = peer.seed([{**peer.sample(0), peer.text: UNICODE}])
        assert peer.connector.read(peer.query, key).raw[peer.text] == UNICODE
        assert [found.key for found in peer.connector.find(peer.query, {peer.text: UNICODE})] == [key]

    def test_a_walk_that_is_cut_never_ends_as_if_it_were_complete(self, peer: Peer) -> None:
        """It may only end by itself where it had everything in hand before the cut."""
        keys = peer.seeded(23)
        pages = peer.connector.pages(peer.query, None)
        seen = [record.key for record in next(pages).records]
        peer.cut()
        try:
            seen.extend(record.key for page in pages for record in page.records)
        except TROUBLE:
            return
        assert sorted(seen) == sorted(keys)

    def test_a_cut_peer_never_looks_empty(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        peer.cut()
        with pytest.raises(TROUBLE):
            peer.walk()
        with pytest.raises(TROUBLE):
            peer.connector.read(peer.query, key)
        with pytest.raises(TROUBLE):
            list(peer.connector.find(peer.query, {peer.text: "x"}))
        with pytest.raises(TROUBLE):
            peer.connector.check()

    def test_an_unreachable_peer_is_for_later(self, peer: Peer) -> None:
        if peer.unreachable is None:
            pytest.skip("this peer is always there")
        connector = peer.unreachable()
        try:
            for attempt in (
                lambda: connector.read(peer.query, "1"),
                lambda: list(connector.pages(peer.query, None)),
                lambda: list(connector.find(peer.query, {peer.text: "x"})),
                connector.check,
            ):
                with pytest.raises(Later) as caught:
                    attempt()
                assert not any(secret in str(caught.value) for secret in peer.secrets)
        finally:
            connector.close()

    def test_wrong_credentials_are_denied_without_naming_them(self, peer: Peer) -> None:
        if peer.denied is None:
            pytest.skip("this peer asks for no credentials")
        connector = peer.denied()
        try:
            for attempt in (connector.check, lambda: list(connector.pages(peer.query, None))):
                with pytest.raises(Denied) as caught:
                    attempt()
                assert not any(secret in str(caught.value) for secret in peer.secrets)
        finally:
            connector.close()

    def test_check_tells_what_answers_and_counts_its_requests(self, peer: Peer) -> None:
        before = peer.connector.requests
        text = peer.connector.check()
        assert text
        assert "\n" not in text
        assert not any(secret in text + repr(peer.connector) for secret in peer.secrets)
        assert peer.connector.requests > before or not peer.secrets

    def test_closing_twice_is_harmless(self, peer: Peer) -> None:
        peer.connector.close()
        peer.connector.close()

    # ---------------------------------------------------------------- incremental

    @pytest.fixture
    def moving(self, peer: Peer) -> Peer:
        """The peer, where its connector honours a cursor."""
        if not peer.connector.capabilities(peer.query).incremental:
            pytest.skip("this connector reads everything every time")
        return peer

    def test_an_incremental_walk_gives_every_edit_since_the_full_one(self, moving: Peer) -> None:
        keys = moving.seeded(20)
        cursor = final_cursor(moving.walk(), None)
        edited = keys[::3]
        for number, key in enumerate(edited):
            moving.edit(key, {moving.text: f"edited {number}"})
        new = moving.seed([moving.sample(number) for number in range(50, 53)])
        seen = {record.key: record for page in moving.walk(cursor) for record in page.records}
        assert {*edited, *new} <= set(seen)
        assert [seen[key].raw[moving.text] for key in edited] == [f"edited {number}" for number in range(len(edited))]

    def test_many_changes_of_one_moment_are_all_given(self, moving: Peer) -> None:
        moving.seeded(2)
        cursor = final_cursor(moving.walk(), None)
        together = moving.seed([moving.sample(number) for number in range(100, 150)])
        assert set(together) <= set(moving.keys(cursor))

    def test_a_pass_without_changes_ends_and_leaves_the_cursor(self, moving: Peer) -> None:
        moving.seeded(20)
        cursor = final_cursor(moving.walk(), None)
        assert cursor is not None
        again = moving.walk(cursor)
        assert final_cursor(again, cursor) == cursor
        assert final_cursor(moving.walk(cursor), cursor) == cursor

    def test_following_every_page_cursor_loses_nothing(self, moving: Peer) -> None:
        """A reader that is stopped after each page and begins again at that page's cursor still sees everything."""
        wanted = set(moving.seeded(30))
        cursor: str | None = None
        seen: set[str] = set()
        for stop in range(40):
            pages = moving.connector.pages(moving.query, cursor)
            taken = [page for _, page in zip(range(stop + 1), pages, strict=False)]
            seen |= {record.key for page in taken for record in page.records}
            finished = next(pages, None) is None
            cursor = final_cursor(taken, cursor)
            if finished:
                break
        assert wanted <= seen

    def test_a_cursor_that_makes_no_sense_reads_everything(self, moving: Peer) -> None:
        keys = moving.seeded(10)
        assert set(moving.keys("no cursor at all")) >= set(keys)

    def test_records_tell_when_they_changed_where_that_time_is_trusted(self, moving: Peer) -> None:
        if not moving.connector.capabilities(moving.query).trusted_time:
            pytest.skip("this peer's stamps are no times")
        (key,) = moving.seeded(1)
        before = moving.connector.read(moving.query, key).changed_at
        moving.edit(key, {moving.text: "later"})
        after = moving.connector.read(moving.query, key).changed_at
        assert before is not None
        assert after is not None
        assert before.tzinfo is not None
        assert before < after


class WriteContract(ReadContract):
    """Reading and writing."""

    def test_a_new_record_comes_back_with_its_key_and_its_state(self, peer: Peer) -> None:
        made = peer.connector.create(peer.query, peer.sample(0))
        assert subset(made.raw, peer.sample(0)) == peer.sample(0)
        assert made == peer.connector.read(peer.query, made.key)
        assert peer.keys() == [made.key]
        assert [found.key for found in peer.connector.find(peer.query, peer.sample(0))] == [made.key]

    def test_two_new_records_have_two_keys(self, peer: Peer) -> None:
        made = [peer.connector.create(peer.query, peer.sample(number)).key for number in range(2)]
        assert sorted(peer.keys()) == sorted(made)
        assert len(set(made)) == 2

    def test_an_update_changes_only_what_it_names(self, peer: Peer) -> None:
        (key, neighbour) = peer.seeded(2)
        before, beside = peer.connector.read(peer.query, key), peer.connector.read(peer.query, neighbour)
        after = peer.connector.update(peer.query, key, {peer.text: "changed"}, before)
        assert after.raw[peer.text] == "changed"
        unchanged = {name: value for name, value in peer.sample(0).items() if name != peer.text}
        assert subset(after.raw, unchanged) == unchanged
        assert after == peer.connector.read(peer.query, key)
        assert peer.connector.read(peer.query, neighbour) == beside

    def test_a_cleared_field_reads_as_none(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        before = peer.connector.read(peer.query, key)
        after = peer.connector.update(peer.query, key, {peer.other: None}, before)
        assert after.raw[peer.other] is None
        again = peer.connector.update(peer.query, key, {peer.other: "back"}, after)
        assert again.raw[peer.other] == "back"

    def test_updates_follow_each_other(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        record = peer.connector.read(peer.query, key)
        for number in range(3):
            record = peer.connector.update(peer.query, key, {peer.text: f"step {number}"}, record)
        assert peer.connector.read(peer.query, key).raw[peer.text] == "step 2"

    def test_an_update_of_what_moved_is_stale_and_writes_nothing(self, peer: Peer) -> None:
        if not peer.connector.capabilities(peer.query).atomic_update:
            pytest.skip("this peer cannot tell")
        (key,) = peer.seeded(1)
        before = peer.connector.read(peer.query, key)
        peer.edit(key, {peer.text: "a person was faster"})
        with pytest.raises(Stale):
            peer.connector.update(peer.query, key, {peer.text: "ours"}, before)
        assert peer.connector.read(peer.query, key).raw[peer.text] == "a person was faster"

    def test_an_update_of_nothing_writes_nothing(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        before = peer.connector.read(peer.query, key)
        assert peer.connector.update(peer.query, key, {}, before) == before

    def test_an_update_of_a_record_that_is_not_there_is_not_found(self, peer: Peer) -> None:
        (key,) = peer.seeded(1)
        record = peer.connector.read(peer.query, key)
        missing = _beside(key)
        with pytest.raises((NotFound, Stale)):
            peer.connector.update(peer.query, missing, {peer.text: "x"}, replace(record, key=missing))
        assert peer.keys() == [key]

    def test_a_deleted_record_is_gone_and_the_others_stay(self, peer: Peer) -> None:
        if not peer.connector.capabilities(peer.query).delete:
            pytest.skip("this peer deletes nothing")
        (key, neighbour) = peer.seeded(2)
        before = peer.connector.read(peer.query, key)
        peer.connector.delete(peer.query, key, before)
        assert peer.keys() == [neighbour]
        with pytest.raises(NotFound):
            peer.connector.read(peer.query, key)
        with pytest.raises(NotFound):
            peer.connector.delete(peer.query, key, before)
        assert peer.keys() == [neighbour]

    def test_what_moved_is_not_deleted(self, peer: Peer) -> None:
        can = peer.connector.capabilities(peer.query)
        if not (can.delete and can.atomic_update):
            pytest.skip("this peer deletes nothing, or cannot tell")
        (key,) = peer.seeded(1)
        before = peer.connector.read(peer.query, key)
        peer.edit(key, {peer.text: "a person was faster"})
        with pytest.raises(Stale):
            peer.connector.delete(peer.query, key, before)
        assert peer.connector.read(peer.query, key).raw[peer.text] == "a person was faster"

    def test_a_peer_that_deletes_nothing_says_so(self, peer: Peer) -> None:
        if peer.connector.capabilities(peer.query).delete:
            pytest.skip("this peer deletes")
        (key,) = peer.seeded(1)
        with pytest.raises(Refused):
            peer.connector.delete(peer.query, key, peer.connector.read(peer.query, key))
        assert peer.keys() == [key]

    def test_an_unknown_field_is_refused_and_nothing_is_written(self, peer: Peer) -> None:
        shape = peer.connector.shape(peer.query)
        if shape is None or shape.open:
            pytest.skip("this peer takes any field")
        (key,) = peer.seeded(1)
        record = peer.connector.read(peer.query, key)
        with pytest.raises(Refused, match="no_such_field"):
            peer.connector.create(peer.query, {**peer.sample(1), "no_such_field": "x"})
        with pytest.raises(Refused, match="no_such_field"):
            peer.connector.update(peer.query, key, {peer.text: "x", "no_such_field": "x"}, record)
        assert peer.connector.read(peer.query, key) == record
        assert peer.keys() == [key]

    def test_unicode_is_stored_as_it_was_written(self, peer: Peer) -> None:
        made = peer.connector.create(peer.query, {**peer.sample(0), peer.text: UNICODE})
        assert made.raw[peer.text] == UNICODE
        assert peer.connector.read(peer.query, made.key).raw[peer.text] == UNICODE

    @pytest.mark.parametrize(
        "text",
        ["x" * 10_000_000, "a\x00b", "\ud800", "\x00", "\r\n\t\x1b\x7f"],
        ids=["10MB", "nul", "half", "0", "ctl"],
    )
    def test_unusual_text_is_stored_as_it_is_or_refused(self, peer: Peer, text: str) -> None:
        try:
            made = peer.connector.create(peer.query, {**peer.sample(0), peer.text: text})
        except Refused:
            assert peer.keys() == []
            return
        assert made.raw[peer.text] in {text, text.strip() or None}
        assert peer.connector.read(peer.query, made.key) == made

    @pytest.mark.parametrize(
        "value",
        [object(), {"a": 1}, [1], b"x", float("nan"), 1 << 200],
        ids=["object", "map", "list", "bytes", "nan", "huge"],
    )
    def test_a_value_of_no_use_is_refused_and_nothing_is_written(self, peer: Peer, value: Any) -> None:
        with pytest.raises(Refused):
            peer.connector.create(peer.query, {**peer.sample(0), peer.text: value})
        assert peer.keys() == []

    def test_nothing_is_created_at_an_unreachable_peer(self, peer: Peer) -> None:
        if peer.unreachable is None:
            pytest.skip("this peer is always there")
        connector = peer.unreachable()
        try:
            with pytest.raises(Later):
                connector.create(peer.query, peer.sample(0))
        finally:
            connector.close()

    def test_an_unknown_resource_is_never_written(self, peer: Peer) -> None:
        query = replace(peer.query, resource="no_such_resource")
        with pytest.raises(Refused, match="no_such_resource"):
            peer.connector.create(query, peer.sample(0))
        with pytest.raises(Refused, match="no_such_resource"):
            peer.connector.update(query, "1", {peer.text: "x"}, Record("1", {}))


def _beside(key: str) -> str:
    """A key like this one that nothing has: its digits made large."""
    head = key.rstrip("0123456789")
    return f"{head}{int(key[len(head) :] or 0) + 100_000}"


__all__ = ["Peer", "ReadContract", "RealClock", "WriteContract"]
