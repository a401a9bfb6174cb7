"""A full pass proves something only when nothing speaks against it; each doubt is a reason in its certificate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, Kit, iri, seen


def test_a_complete_pass_says_what_it_saw(kit: Kit) -> None:
    certificate = kit.certify({"a": 1, "b": 1, "c": 1}, total=3)
    assert certificate.complete
    assert certificate.reason == ""
    assert (certificate.mapping, certificate.side, certificate.run_id) == (MAPPING, EXTERNAL, kit.run)
    assert (certificate.seen, certificate.pages, certificate.total, certificate.missing) == (3, 2, 3, 0)
    assert kit.store.certificates(MAPPING, EXTERNAL, 5) == [certificate]
    assert kit.store.certificates(MAPPING, FLOWTLY, 5) == []


def test_the_last_complete_pass_is_the_state_of_its_side(kit: Kit) -> None:
    assert kit.store.state(MAPPING).last_full == {}
    kit.certify({"a": 1}, complete=False, reason="cut")
    assert kit.store.state(MAPPING).last_full == {}
    kit.certify({"a": 1}, side=FLOWTLY)
    assert list(kit.store.state(MAPPING).last_full) == [FLOWTLY]
    kit.certify({"a": 1})
    assert set(kit.store.state(MAPPING).last_full) == {EXTERNAL, FLOWTLY}


def test_a_walk_that_was_cut_short_proves_nothing_and_says_why(kit: Kit) -> None:
    kit.link("a", "b")
    certificate = kit.certify({"a": 1}, complete=False, reason="ReadCut: reset by peer")
    assert not certificate.complete
    assert certificate.reason == "ReadCut: reset by peer"
    assert certificate.missing == 1
    assert kit.rows("SELECT key FROM absence") == []


def test_a_walk_that_gives_no_reason_gets_one(kit: Kit) -> None:
    assert kit.certify({"a": 1}, complete=False).reason == "the walk did not reach its end"


def test_a_claim_that_the_walk_does_not_bear_out_is_a_doubt(kit: Kit) -> None:
    certificate = kit.certify({"a": 1, "b": 1}, total=3)
    assert not certificate.complete
    assert certificate.reason == "claimed 3, saw 2"


def test_seeing_nothing_is_believed_only_while_nothing_is_linked(kit: Kit) -> None:
    assert kit.certify({}).complete
    kit.link("a", "b")
    certificate = kit.certify({}, total=0)
    assert not certificate.complete
    assert certificate.reason == "saw nothing while 2 records are linked"
    assert certificate.missing == 2


def test_many_duplicates_are_counted_and_the_first_are_named(kit: Kit) -> None:
    keys = [f"k{number}" for number in range(7)]
    certificate = kit.certify([*((key, 1) for key in keys), *((key, 2) for key in keys)], page=7)
    assert certificate.reason == "duplicate keys: 'k0', 'k1', 'k2', 'k3', 'k4' and 2 more"


@pytest.mark.parametrize(("left", "complete"), [(7, True), (6, False)])
def test_shrinking_by_more_than_the_limit_is_a_doubt(kit: Kit, left: int, complete: bool) -> None:
    everything = {f"k{number}": 1 for number in range(10)}
    assert kit.certify(everything).complete
    certificate = kit.certify(dict(list(everything.items())[:left]), shrink_limit=0.3)
    assert certificate.complete is complete
    if not complete:
        assert certificate.reason == "shrank from 10 to 6 records, more than the limit of 30%"


def test_records_that_we_derive_ourselves_may_be_few_or_none(kit: Kit) -> None:
    everything = {f"k{number}": 1 for number in range(10)}
    kit.certify(everything)
    kit.link(*everything)
    for left in ({"k9": 1}, {}):
        assert not kit.certify(left).complete
        certificate = kit.certify(left, derived=True)
        assert certificate.complete and certificate.missing == 10 - len(left)


def test_a_doubted_pass_is_not_what_the_next_one_is_compared_with(kit: Kit) -> None:
    everything = {f"k{number}": 1 for number in range(10)}
    kit.certify(everything)
    kit.certify({"k0": 1}, complete=False, reason="cut")
    kit.certify({"k0": 1})
    assert not kit.certify({"k0": 1, "k1": 1}).complete
    assert kit.certify(everything).complete


def test_a_person_who_approves_a_plan_after_it_accepts_that_a_side_shrank(kit: Kit) -> None:
    everything = {f"k{number}": 1 for number in range(10)}
    kit.certify(everything)
    kit.store.approve(MAPPING, "f1")
    few = {"k0": 1, "k1": 1}
    assert not kit.certify(few).complete, "approved before, not after"
    kit.store.approve(MAPPING, "f1")
    assert kit.certify(few).complete
    assert not kit.certify({"k0": 1}, shrink_limit=0.3).complete


def test_a_pass_that_was_cut_does_not_lower_the_bar_by_being_approved(kit: Kit) -> None:
    everything = {f"k{number}": 1 for number in range(10)}
    kit.certify(everything)
    kit.certify({"k0": 1}, complete=False, reason="cut")
    kit.store.approve(MAPPING, "f1")
    assert not kit.certify({"k0": 1}).complete


def test_what_is_linked_and_not_seen_is_absent_since_the_first_pass_that_missed_it(kit: Kit) -> None:
    kit.link("a", "b", "c")
    first = kit.certify({"a": 1, "b": 1})
    second = kit.certify({"a": 1, "b": 1})
    assert (first.missing, second.missing) == (1, 1)
    absences = kit.rows("SELECT side, key, first_certificate, last_certificate FROM absence")
    assert absences == [("external", "c", first.id, second.id)]
    assert kit.store.counts(MAPPING)["external.missing"] == 1
    assert kit.store.counts(MAPPING)["flowtly.missing"] == 0


@pytest.mark.parametrize("full", [True, False])
def test_an_absence_withdraws_itself_when_the_record_is_seen_again(kit: Kit, full: bool) -> None:
    kit.link("a", "b", "c")
    kit.certify({"a": 1})
    assert kit.rows("SELECT key FROM absence ORDER BY 1") == [("b",), ("c",)]
    kit.walk({"a": 1, "b": 1}, full=full, complete=False, reason="cut")
    assert kit.rows("SELECT key FROM absence") == [("c",)]


def test_absences_of_one_side_say_nothing_about_the_other(kit: Kit) -> None:
    kit.link("a", "b")
    kit.certify({"a": 1})
    kit.certify({iri("a"): 1, iri("b"): 1}, side=FLOWTLY)
    assert kit.rows("SELECT side, key FROM absence") == [("external", "b")]


def test_a_stranger_that_vanished_is_forgotten_by_a_complete_pass_only(kit: Kit) -> None:
    kit.link("linked")
    kit.certify({"linked": 2, "stranger": 1})
    kit.certify({"linked": 2}, complete=False, reason="cut")
    assert kit.observation("stranger") is not None
    kit.certify({"other": 1, "another": 1})
    assert kit.observation("stranger") is None
    assert kit.observation("linked") is not None, "a linked record that is not seen is absent, not forgotten"


def test_a_change_that_the_cursor_jumped_over_is_counted(kit: Kit) -> None:
    kit.link("a", "b", "c")
    kit.walk({"a": 1}, full=False, cursor="2031-01-10T00:00:00+00:00")
    before, after = datetime(2031, 1, 9, tzinfo=UTC), datetime(2031, 1, 11, tzinfo=UTC)
    with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True) as passing:
        passing.differing({seen(key, 2).key: seen(key, 2).digest for key in ("a", "b", "c")})
        passing.store([seen("a", 2, changed_at=before), seen("b", 2, changed_at=after), seen("c", 2)], None)
        passing.store([], "2031-02-01T00:00:00+00:00")
        certificate = passing.finish(total=3, complete=True, reason="", shrink_limit=0.3)
    assert certificate.missed_by_cursor == 1


@pytest.mark.parametrize(("cursor", "missed"), [(None, 0), ("page 7", 0), ("2031-06-01T00:00:00", 1)])
def test_only_a_cursor_that_is_a_time_can_jump_over_something(kit: Kit, cursor: str | None, missed: int) -> None:
    kit.link("a")
    if cursor is not None:
        kit.walk({"a": 1}, full=False, cursor=cursor)
    assert kit.certify({"a": 2}, changed_at=NOW).missed_by_cursor == missed
