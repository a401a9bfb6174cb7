"""Runs are numbered, counted and closed; one that was killed is closed by the next."""

from __future__ import annotations

from syncd.ports import MappingState, Status
from tests.store.kit import MAPPING, Kit, pending


def test_a_run_has_a_beginning_an_end_and_counts(kit: Kit) -> None:
    kit.store.finish_run(kit.run, "done", {"external.read": 7, "seconds": 0.25})
    (row,) = kit.store.runs(MAPPING, 5)
    assert (row["id"], row["mapping"], row["trigger"], row["owner"]) == (kit.run, MAPPING, "test", "first")
    assert (row["outcome"], row["counts"]) == ("done", {"external.read": 7, "seconds": 0.25})
    assert row["finished_at"] >= row["started_at"]


def test_the_newest_runs_come_first_for_one_mapping_or_all(kit: Kit) -> None:
    kit.store.finish_run(kit.run, "done", {})
    second = kit.store.begin_run(MAPPING, "test", kit.lease)
    other = kit.store.begin_run("suppliers", "test", kit.lease)
    assert [row["id"] for row in kit.store.runs(MAPPING, 5)] == [second, kit.run]
    assert [row["id"] for row in kit.store.runs(None, 2)] == [other, second]


def test_a_run_that_never_ended_was_interrupted(kit: Kit) -> None:
    other = kit.store.begin_run("suppliers", "test", kit.lease)
    kit.store.begin_run(MAPPING, "test", kit.lease)
    outcomes = {row["id"]: row["outcome"] for row in kit.store.runs(None, 5)}
    assert outcomes[kit.run] == "interrupted"
    assert outcomes[other] is None


def test_an_approval_is_remembered_by_its_fingerprint(kit: Kit) -> None:
    assert kit.store.state(MAPPING) == MappingState()
    kit.store.approve(MAPPING, "f1")
    kit.store.approve(MAPPING, "f2")
    assert kit.store.state(MAPPING).approved_fingerprint == "f2"
    assert kit.store.state("suppliers") == MappingState()


def test_counts_name_everything_even_what_there_is_none_of(kit: Kit) -> None:
    counts = kit.store.counts("suppliers")
    assert set(counts.values()) == {0}
    assert {"links", "conflicts", "operations", "external.dirty", "flowtly.alone", "external.missing"} <= set(counts)
    kit.link("a", "b")
    kit.walk({"a": 2, "x": 1})
    from syncd.ports import Settlement

    kit.settle(Settlement("y", None, external=pending("y", status=Status.PARKED)))
    kit.certify({"a": 2, "x": 1, "y": 2})
    counts = kit.store.counts(MAPPING)
    assert (counts["links"], counts["external.dirty"], counts["external.parked"], counts["external.missing"]) == (
        2,
        2,
        1,
        1,
    )
