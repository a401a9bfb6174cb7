"""A person takes a pair apart: both are strangers again, and nothing ties or creates them until they change."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.core.model import Base
from syncd.ports import Intent, NewConflict, OperationState, Settlement, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, digest, iri, pending, rest


def test_both_records_stay_alone_with_who_took_them_apart(kit: Kit) -> None:
    kit.link("a", "b")
    linked_at = kit.scalar("SELECT created_at FROM link WHERE external_key = 'a'")
    assert kit.store.unlink(MAPPING, "a", "kim")
    assert [link.external_key for link in kit.store.links(MAPPING)] == ["b"]
    for side, key in ((EXTERNAL, "a"), (FLOWTLY, iri("a"))):
        left = kit.observation(key, side)
        assert (left.status, left.problem, left.digest) == (Status.SETTLED_ALONE, "unlinked by kim", digest(1))
        assert left.document == {"name": "1"}
        assert [one.key for one in kit.store.strangers(MAPPING, side)] == [key]
        assert kit.store.known_before(MAPPING, side, [key], datetime.now(UTC)) == {key}
        assert left.first_seen == linked_at
    assert kit.work() == []
    ((_, run, entry),) = kit.store.history(MAPPING, "a", None)
    assert (run, entry.event, entry.rule) == (0, "unlinked", "by kim")


def test_reading_them_again_unchanged_leaves_them_alone_and_a_change_frees_them(kit: Kit) -> None:
    kit.link("a")
    kit.store.unlink(MAPPING, "a", "kim")
    assert kit.walk({"a": 1})[1] == set()
    kit.walk({"a": 2})
    freed = kit.observation("a")
    assert (freed.status, freed.problem) == (Status.DIRTY, None)


def test_a_side_that_was_never_read_stays_alone_at_its_first_reading(kit: Kit) -> None:
    kit.settle(Settlement("a", iri("a"), Base({}, {}), "adopted", None, rest(1)))
    kit.store.unlink(MAPPING, "a", "kim")
    kit.walk({"a": 1})
    assert kit.observation("a").status is Status.SETTLED_ALONE
    assert kit.observation("a").problem == "unlinked by kim"
    kit.walk({"a": 2})
    assert kit.observation("a").status is Status.DIRTY


def test_what_was_pending_keeps_its_content_and_loses_its_turn(kit: Kit) -> None:
    kit.link("a")
    kit.walk({"a": 2})
    first = kit.observation("a").first_seen
    kit.store.unlink(MAPPING, "a", "kim")
    left = kit.observation("a")
    assert (left.status, left.digest, left.document) == (Status.SETTLED_ALONE, digest(2), {"name": "2"})
    assert left.first_seen <= first


def test_an_unknown_record_is_not_unlinked(kit: Kit) -> None:
    assert not kit.store.unlink(MAPPING, "nobody", "kim")


def test_its_questions_are_over_and_its_absence_is_forgotten(kit: Kit) -> None:
    kit.link("a", "b", "c")
    kit.settle(
        Settlement(
            "a",
            iri("a"),
            external=pending("a"),
            opened=(
                NewConflict("field", "a", iri("a"), "name", "x", "x", "y", "z"),
                NewConflict("refused", "a", iri("a")),
            ),
        ),
        Settlement("b", iri("b"), opened=(NewConflict("field", "b", iri("b"), "name"),)),
    )
    kit.certify({"b": 1, "c": 1})
    kit.store.unlink(MAPPING, "a", "kim")
    (left,) = kit.store.conflicts(MAPPING, open_only=True)
    assert left.external_key == "b"
    over = [row for row in kit.store.conflicts(MAPPING, open_only=False) if row.external_key == "a"]
    assert {row.resolution for row in over} == {"unlinked"}
    assert kit.rows("SELECT * FROM absence") == []


def test_a_run_that_planned_before_does_not_tie_them_again(kit: Kit) -> None:
    kit.link("a", "b")
    (operation,) = kit.store.intend(
        [Intent("patch", FLOWTLY, "a", iri("a"), {"name": "x"}, "r")], MAPPING, kit.run, kit.lease
    )
    kit.store.unlink(MAPPING, "a", "kim")
    base = Base({"name": "x"}, {"name": "x"})
    kit.settle(
        Settlement(
            "a",
            iri("a"),
            base,
            "",
            rest(2),
            pending(iri("a"), 2),
            operation=operation.id,
            operation_state=OperationState.DONE,
        ),
        Settlement("b", iri("b"), base, "", rest(2), rest(2)),
    )
    assert [link.external_key for link in kit.store.links(MAPPING)] == ["b"]
    assert kit.store.links_by_key(MAPPING, EXTERNAL, ["b"])["b"].base == base
    assert kit.observation("a").status is Status.SETTLED_ALONE
    assert kit.observation(iri("a"), FLOWTLY).status is Status.SETTLED_ALONE
    assert kit.store.open_operations(MAPPING) == []


def test_a_person_may_tie_them_again(kit: Kit) -> None:
    kit.link("a")
    kit.store.unlink(MAPPING, "a", "kim")
    kit.link("a", origin="manual")
    assert [link.external_key for link in kit.store.links(MAPPING)] == ["a"]
    assert kit.observation("a") is None


def test_an_old_answer_does_not_tie_them_again(kit: Kit) -> None:
    question = NewConflict("probable", "a", iri("a"))
    kit.settle(Settlement("a", None, external=pending("a"), opened=(question,)))
    (asked,) = kit.store.conflicts(MAPPING, open_only=True)
    kit.store.dismiss(asked.id, f"link a = {iri('a')}", "kim")
    assert [row.id for row in kit.store.answers(MAPPING, "probable")] == [asked.id]
    kit.link("a", origin="manual")
    assert kit.store.answers(MAPPING, "probable") == []
    kit.store.unlink(MAPPING, "a", "kim")
    assert kit.store.answers(MAPPING, "probable") == []
