"""Allocations in the store: what a reading keeps, what it leaves alone, and what is never forgotten too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from syncd.errors import BadAnswer, LeaseLost
from syncd.ports import Intent, NewConflict, OperationState, Settlement
from syncd.ports.allocations import PostingState, SeenPosting, Slot
from tests.store.kit import FLOWTLY, MAPPING, TTL, Kit, digest

COSTS = MAPPING  # an allocation has the name of the mapping that it makes


def slot(posting: str, number: int, target: str = "B1", amount: int = 1000, **kw: object) -> Slot:
    """A part of a posting."""
    given = {"employee": "", "whole": False, "rule": "marketing", **kw}
    return Slot(posting, number, target, amount=amount, **given)  # type: ignore[arg-type]  # what a test says


def posting(key: str, *slots: Slot, word: str = "1", **kw: object) -> SeenPosting:
    """A posting whose digest follows from ``word``."""
    given = {
        "state": PostingState.ALLOCATED,
        "on": date(2026, 3, 31),
        "account": "4100",
        "currency": "EUR",
        "amount": sum(one.amount for one in slots),
        "next_slot": len(slots) + 1,
        **kw,
    }
    return SeenPosting(key, digest(word), slots=slots, **given)  # type: ignore[arg-type]  # what a test says


def read(kit: Kit, *changed: SeenPosting, same: tuple[str, ...] = (), full: bool = True, complete: bool = True) -> int:
    """One reading from its beginning to its end."""
    number = kit.store.begin_derivation(COSTS, "rules 1", kit.lease)
    kit.store.note_postings(COSTS, number, changed, same, kit.lease)
    kit.store.finish_derivation(COSTS, number, f"after {number}", full=full, complete=complete, lease=kit.lease)
    return number


def wanted(kit: Kit) -> list[str]:
    """The keys of what is wanted."""
    return [one.slot.key for page in kit.store.wanted(COSTS, 2) for one in page]


def versions(kit: Kit) -> list[tuple[object, ...]]:
    """Where each row lies, and who wrote it: another one after any rewriting."""
    parts = kit.rows("SELECT posting, slot, ctid::text, xmin::text FROM allocated_part ORDER BY posting, slot")
    return parts + kit.rows("SELECT posting, ctid::text, xmin::text FROM allocated_posting ORDER BY posting")


def test_a_posting_comes_back_as_it_was_kept(kit: Kit) -> None:
    first = posting(
        "P1",
        slot("P1", 1, "4100:2026", 70000, employee="E7", base=16000),
        slot("P1", 2, "4200:2026", 30000, withdrawn=True, skipped="", rule="rent"),
        amount=100_000,
        unassigned=30_000,
        base=22_000,
        base_currency="EUR",
        currency="PLN",
        state=PostingState.PARTLY,
        reason="no rest",
        next_slot=9,
    )
    unread = posting("P2", state=PostingState.REFUSED, on=None, account=None, amount=None, reason="'x' is no amount")
    read(kit, first, unread)
    assert kit.store.postings(COSTS, ["P2", "P1", "none"]) == {"P1": first, "P2": unread}
    assert kit.store.posting_digests(COSTS, ["P1", "none"]) == {"P1": first.digest}
    assert kit.store.postings("other", ["P1"]) == kit.store.postings(COSTS, []) == {}
    assert kit.store.posting_digests(COSTS, []) == {}
    (part,) = (one for page in kit.store.wanted(COSTS, 10) for one in page)
    assert (part.slot, part.on, part.account, part.currency) == (first.slots[0], first.on, "4100", "PLN")
    assert kit.store.wanted_part(COSTS, "P1#1") == part
    for unknown in ("P1#2", "P1#01", "P1#", "P1", "#1", "P1#99999999999", "P1#2147483648", "P1#²", "P1#-1"):
        assert kit.store.wanted_part(COSTS, unknown) is None, unknown


def test_keys_may_look_like_parts_and_are_walked_in_order(kit: Kit) -> None:
    many = [posting(key, slot(key, 1), slot(key, 2, "B2"), slot(key, 10, "B3")) for key in ("P#1", "P", "Å'\"\\")]
    read(kit, *many)
    assert wanted(kit) == ["P#1", "P#2", "P#10", "P#1#1", "P#1#2", "P#1#10", "Å'\"\\#1", "Å'\"\\#2", "Å'\"\\#10"]
    found = kit.store.wanted_part(COSTS, "P#1#2")
    assert found is not None and (found.slot.posting, found.slot.slot) == ("P#1", 2)


def test_an_unchanged_reading_rewrites_no_row(kit: Kit) -> None:
    keys = [f"P{number}" for number in range(50)]
    read(kit, *(posting(key, slot(key, 1), slot(key, 2, "B2")) for key in keys))
    before = versions(kit)
    read(kit, same=tuple(keys))
    read(kit, same=tuple(keys[:10]), full=False)
    assert versions(kit) == before
    assert kit.scalar("SELECT count(*) FROM walked") == 0
    kit.store.note_postings(COSTS, 4, [posting("P7", slot("P7", 1, amount=5), slot("P7", 2, "B2"))], [], kit.lease)
    rewritten = [old[:2] for old, new in zip(before[:100], versions(kit)[:100], strict=True) if old != new]
    assert rewritten == [("P7", 1)], "only the part that differs"


def test_parts_may_change_places_but_no_two_share_a_target(kit: Kit) -> None:
    read(kit, posting("P", slot("P", 1, "A"), slot("P", 2, "B"), slot("P", 3, "C")))
    read(kit, posting("P", slot("P", 1, "B"), slot("P", 2, "A"), slot("P", 4, "C", employee="E")))
    assert [(one.slot, one.target) for one in kit.store.postings(COSTS, ["P"])["P"].slots] == [
        (1, "B"),
        (2, "A"),
        (4, "C"),
    ]
    with pytest.raises(IntegrityError, match="allocated_part_one_per_target"):
        read(kit, posting("P", slot("P", 1, "B"), slot("P", 2, "B"), word="2"))
    with pytest.raises(IntegrityError, match="allocated_part_one_per_target"):
        read(kit, posting("P", slot("P", 1, "B"), slot("P", 5, "B", withdrawn=True), word="2"))
    assert kit.store.postings(COSTS, ["P"])["P"].digest == digest("1"), "nothing of it was kept"
    with kit.store.engine.connect() as connection, pytest.raises(IntegrityError, match="allocated_part_of_posting"):
        connection.execute(
            text(
                "INSERT INTO allocated_part (allocation, posting, slot, target, amount, whole, rule) "
                "VALUES ('clients', 'unknown', 1, 'A', 1, true, '')"
            )
        )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.integers(1, 6), st.sampled_from("ABCDEF"), max_size=6).filter(
            lambda slots: len(set(slots.values())) == len(slots)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_becomes_of_its_parts_a_posting_has_those_it_was_given_last(
    kit: Kit, readings: list[dict[int, str]]
) -> None:
    for number, targets in enumerate(readings):
        slots = (slot("P", place, target, number) for place, target in sorted(targets.items()))
        given_last = posting("P", *slots, word=str(number), next_slot=7)
        kit.store.note_postings(COSTS, 1, [given_last], [], kit.lease)
    assert kit.store.postings(COSTS, ["P"]) == {"P": given_last}


def test_the_next_slot_never_goes_back(kit: Kit) -> None:
    read(kit, posting("P", slot("P", 1), next_slot=5))
    read(kit, posting("P", slot("P", 1), next_slot=2))
    assert kit.store.postings(COSTS, ["P"])["P"].next_slot == 5


def test_missed_is_what_two_complete_full_readings_did_not_see(kit: Kit) -> None:
    read(kit, posting("P1", slot("P1", 1)), posting("P2", slot("P2", 1)), posting("P3"))
    second = read(kit, same=("P1",))
    assert kit.store.missed(COSTS, 10) == [], "one reading proves nothing"
    read(kit, same=("P1",), full=False)
    read(kit, same=("P1",), complete=False)
    assert kit.store.missed(COSTS, 10) == [], "neither do incremental and broken ones"
    read(kit, same=("P1",))
    assert kit.store.missed(COSTS, 10) == [("P2", second), ("P3", second)]
    assert kit.store.missed(COSTS, 1) == [("P2", second)]
    kit.store.keep_missed(COSTS, "P2", kit.lease)
    read(kit, posting("P3"), full=False)
    assert kit.store.missed(COSTS, 10) == []
    read(kit, same=("P1",))
    assert kit.store.missed(COSTS, 10) == [], "both are missed for the first time again"
    read(kit, same=("P1",))
    assert [key for key, _ in kit.store.missed(COSTS, 10)] == ["P2", "P3"]
    assert wanted(kit) == ["P1#1", "P2#1"], "and nothing was concluded from that"


def test_what_was_lost_of_a_reading_is_not_taken_for_missed(kit: Kit) -> None:
    read(kit, posting("P1"), posting("P2"))
    number = kit.store.begin_derivation(COSTS, "rules 1", kit.lease)
    kit.store.note_postings(COSTS, number, [], ["P1"], kit.lease)
    with kit.store.engine.begin() as connection:
        connection.execute(text("TRUNCATE walked"))  # as a crash of the server does
    kit.store.note_postings(COSTS, number, [], ["P2"], kit.lease)
    known = kit.store.derivation(COSTS)
    assert known is not None
    kit.store.finish_derivation(COSTS, number, "c", full=True, complete=True, lease=kit.lease)
    after = kit.store.derivation(COSTS)
    assert after is not None and (after.full_at, after.cursor) == (known.full_at, "c"), "what it kept is kept"
    assert kit.rows("SELECT missed FROM allocated_posting") == [(None,), (None,)]


def test_cursor_and_full_reading_are_remembered_until_the_rules_change(kit: Kit) -> None:
    assert kit.store.derivation(COSTS) is None
    read(kit, posting("P1"), posting("P2"))
    read(kit, same=("P1",), complete=False)
    known = kit.store.derivation(COSTS)
    assert known is not None and known.full_at is not None
    assert (known.fingerprint, known.cursor, known.number) == ("rules 1", "after 1", 2)
    third = read(kit, same=("P1",))
    number = kit.store.begin_derivation(COSTS, "rules 1", kit.lease)
    kit.store.finish_derivation(COSTS, number, None, full=False, complete=True, lease=kit.lease)
    known = kit.store.derivation(COSTS)
    assert known is not None and (known.cursor, known.number) == (f"after {third}", 4)
    number = kit.store.begin_derivation(COSTS, "rules 2", kit.lease)
    known = kit.store.derivation(COSTS)
    assert known is not None
    assert (known.fingerprint, known.cursor, known.number, known.full_at) == ("rules 2", None, 5, None)
    kit.store.note_postings(COSTS, number, [], ["P1"], kit.lease)
    kit.store.finish_derivation(COSTS, number, "c", full=True, complete=True, lease=kit.lease)
    assert kit.store.missed(COSTS, 10) == [], "a reading under other rules proves nothing with one before"


def test_a_lost_posting_wants_nothing_until_it_comes_back(kit: Kit) -> None:
    read(kit, posting("P1", slot("P1", 1, skipped="neutral")), posting("P2", slot("P2", 1)))
    kit.store.lose_posting(COSTS, "P1", "404 of the ERP", kit.lease)
    gone = kit.store.postings(COSTS, ["P1"])["P1"]
    assert (gone.state, gone.reason, gone.digest) == (PostingState.GONE, "404 of the ERP", b"")
    assert [(one.withdrawn, one.skipped) for one in gone.slots] == [(True, "")]
    assert wanted(kit) == ["P2#1"]
    read(kit, same=("P2",))
    read(kit, same=("P2",))
    assert kit.store.missed(COSTS, 10) == [], "what is gone is missed by nobody"
    read(kit, posting("P1", slot("P1", 1)), same=("P2",))
    assert wanted(kit) == ["P1#1", "P2#1"]


def withdraw(kit: Kit, *keys: str) -> None:
    """A posting with so many parts that are not wanted any more, each with another target."""
    read(kit, posting("P", *(slot("P", int(key[2:]), key, withdrawn=True) for key in keys), next_slot=20))


def test_a_withdrawn_part_is_forgotten_only_when_nothing_hangs_on_it(kit: Kit) -> None:
    keys = [f"P#{number}" for number in range(1, 8)]
    withdraw(kit, *keys)
    kit.link("P#1", origin="created")
    intents = [
        Intent("create", FLOWTLY, "P#2", None, {}, "only_here"),
        Intent("patch", FLOWTLY, "P#3", "/api/clients/3", {}, "changed"),
        Intent("create", FLOWTLY, "P#4", None, {}, "only_here"),
    ]
    _, _, over = kit.store.intend(intents, MAPPING, kit.run, kit.lease)
    kit.settle(Settlement(None, None, operation=over.id, operation_state=OperationState.DROPPED))
    question = NewConflict("ambiguous", "P#5", None, external=("P#5",), flowtly=("/api/clients/5",))
    asked = NewConflict("ambiguous", "P#6", None, external=("P#6",), flowtly=("/api/clients/6",))
    kit.settle(Settlement(None, None, opened=(question, asked)))
    kit.store.dismiss(kit.store.conflicts(MAPPING, open_only=True)[0].id, "link P#5 = /api/clients/5", "kim")
    assert kit.store.withdrawn(COSTS) == 1
    assert kit.store.sweep_withdrawn(COSTS, MAPPING, kit.lease) == 3
    assert [one.key for one in kit.store.postings(COSTS, ["P"])["P"].slots] == ["P#1", "P#2", "P#3", "P#5"]
    assert kit.store.sweep_withdrawn(COSTS, "other mapping", kit.lease) == 4, "another mapping's links hold nothing"


def test_a_part_with_a_removal_in_progress_stays(kit: Kit) -> None:
    withdraw(kit, "P#1", "P#2")
    certificates = [kit.certify({"x": "1"}).id]
    kit.run = kit.store.begin_run(MAPPING, "test", kit.lease)
    certificates.append(kit.certify({"x": "1"}).id)
    with kit.store.engine.begin() as connection:
        for key, state in (("P#1", "quarantined"), ("P#2", "done")):
            connection.execute(
                text(
                    "INSERT INTO removal (mapping, side, external_key, flowtly_key, fingerprint, first_certificate, "
                    "first_run, second_certificate, second_run, verified_at, evidence, state, run_id) SELECT :mapping, "
                    "'external', :key, 'f', '', one.id, one.run_id, two.id, two.run_id, now(), '404', :state, two.run_id "
                    "FROM certificate one, certificate two WHERE one.id = :first AND two.id = :second"
                ),
                {"mapping": MAPPING, "key": key, "state": state, "first": certificates[0], "second": certificates[1]},
            )
    assert kit.store.sweep_withdrawn(COSTS, MAPPING, kit.lease) == 1
    assert [one.key for one in kit.store.postings(COSTS, ["P"])["P"].slots] == ["P#1"]
    assert kit.store.pending_parts(COSTS, MAPPING, ["P#1", "P#2"]) == {"P#1": "removal"}


def test_a_reason_for_leaving_a_part_out_is_news_once(kit: Kit) -> None:
    read(kit, posting("P", slot("P", 1), slot("P", 2, "B2")))
    skips = [("P#2", "neutral\x00"), ("P#1", "neutral"), ("nothing", "x"), ("Q#1", "x")]
    assert kit.store.note_skips(COSTS, skips, kit.lease) == ["P#2", "P#1"]
    before = versions(kit)
    assert kit.store.note_skips(COSTS, skips, kit.lease) == []
    assert kit.store.note_skips(COSTS, [], kit.lease) == []
    assert versions(kit) == before
    assert kit.store.note_skips(COSTS, [("P#1", ""), ("P#2", "people linked it")], kit.lease) == ["P#1", "P#2"]
    assert [one.skipped for one in kit.store.postings(COSTS, ["P"])["P"].slots] == ["", "people linked it"]
    assert wanted(kit) == ["P#1", "P#2"], "it is wanted all the same"


def test_counts_and_the_list_for_people(kit: Kit) -> None:
    assert set(kit.store.allocation_counts(COSTS).values()) == {0}
    read(kit, posting("P1", slot("P1", 1), slot("P1", 2, "B2", withdrawn=True), slot("P1", 3, "B3", skipped="why")))
    read(kit, posting("P2", state=PostingState.UNASSIGNED, amount=5, unassigned=5, reason="no rule"), same=("P1",))
    read(kit, posting("P3", state=PostingState.REFUSED, reason="no day"), same=("P1", "P2"))
    assert kit.store.allocation_counts(COSTS) == {
        "allocated": 1,
        "partly": 0,
        "unassigned": 1,
        "refused": 1,
        "gone": 0,
        "wanted": 2,
        "withdrawn": 1,
        "skipped": 1,
    }
    assert [one.key for one in kit.store.refused_postings(COSTS, 10)] == ["P3", "P2"]
    assert [one.key for one in kit.store.refused_postings(COSTS, 1)] == ["P3"]


def test_without_the_lease_nothing_changes(kit: Kit) -> None:
    number = read(kit, posting("P", slot("P", 1), slot("P", 2, "B2", withdrawn=True)))
    before, derivation = versions(kit), kit.store.derivation(COSTS)
    lost = replace(kit.lease, fence=kit.lease.fence + 1)
    store = kit.store
    acts: list[Callable[[], object]] = [
        lambda: store.begin_derivation(COSTS, "rules 2", lost),
        lambda: store.note_postings(COSTS, number, [posting("P", word="2")], [], lost),
        lambda: store.finish_derivation(COSTS, number, "c", full=True, complete=True, lease=lost),
        lambda: store.keep_missed(COSTS, "P", lost),
        lambda: store.lose_posting(COSTS, "P", "why", lost),
        lambda: store.sweep_withdrawn(COSTS, MAPPING, lost),
        lambda: store.note_skips(COSTS, [("P#1", "why")], lost),
    ]
    for act in acts:
        with pytest.raises(LeaseLost):
            act()
    assert versions(kit) == before
    assert store.derivation(COSTS) == derivation


def test_two_allocations_do_not_see_each_other(kit: Kit) -> None:
    other = kit.store.acquire("other", "second", TTL)
    assert other is not None
    read(kit, posting("P", slot("P", 1)))
    number = kit.store.begin_derivation("other", "rules", other)
    kit.store.note_postings("other", number, [posting("P", slot("P", 1, "Z"))], [], other)
    mine = kit.store.begin_derivation(COSTS, "rules 1", kit.lease)
    kit.store.note_postings(COSTS, mine, [], ["P"], kit.lease)
    kit.store.finish_derivation("other", number, None, full=True, complete=True, lease=other)
    kit.store.finish_derivation(COSTS, mine, None, full=True, complete=True, lease=kit.lease)
    assert kit.rows("SELECT allocation, full_number, cursor FROM allocation ORDER BY allocation") == [
        (COSTS, mine, "after 1"),
        ("other", number, None),
    ]
    kit.store.lose_posting(COSTS, "P", "why", kit.lease)
    assert [one.slot.target for page in kit.store.wanted("other", 5) for one in page] == ["Z"]


def test_what_no_database_can_hold_is_refused_by_name(kit: Kit) -> None:
    number = kit.store.begin_derivation(COSTS, "rules 1", kit.lease)
    for bad in (posting("P\x00"), posting("P", amount=2**63), posting("P", slot("P", 1, "B\x00"))):
        with pytest.raises(BadAnswer, match="cannot hold"):
            kit.store.note_postings(COSTS, number, [bad], [], kit.lease)
    kit.store.note_postings(COSTS, number, [posting("P", reason="half\ud800", account="\x00")], [], kit.lease)
    assert kit.store.postings(COSTS, ["P"])["P"].reason == "half\ufffd"
