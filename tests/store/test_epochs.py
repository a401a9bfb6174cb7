"""Fences, and what is counted for them: losses since the last look, twins, the past of fields, hands, rewrites."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from syncd.core.model import Side
from syncd.errors import NotFound
from syncd.ports import Intent, LedgerEntry, OperationState, Settlement
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, iri, pending

HOUR = timedelta(hours=1)


def test_a_fence_is_raised_once_withdraws_the_approval_and_is_lifted_once(kit: Kit) -> None:
    store = kit.store
    store.approve(MAPPING, "f" * 8)
    assert store.fence(MAPPING) is None
    assert store.raise_fence(MAPPING, ["went back"], {"links": 3}, kit.run)
    assert not store.raise_fence(MAPPING, ["again"], {}, kit.run)
    fence = store.fence(MAPPING)
    assert fence is not None
    assert (fence.reasons, fence.evidence, fence.run_id) == (("went back",), {"links": 3}, kit.run)
    assert store.fences() == {MAPPING: fence}
    assert store.state(MAPPING).approved_fingerprint != "f" * 8
    assert store.accept_epoch(MAPPING, "ann").reasons == ("went back",)
    assert store.fence(MAPPING) is None
    assert store.state(MAPPING).approved_fingerprint != "f" * 8, "only a plan that a person applies approves again"
    with pytest.raises(NotFound):
        store.accept_epoch(MAPPING, "ann")
    rules = [row["rule"] for row in store.rows(text("SELECT rule FROM ledger ORDER BY id"))]
    assert rules == ["went back", "accepted by ann: went back"]


def linked(kit: Kit, count: int) -> None:
    """Links of 1, 2, 3 and so on with Flowtly records of the same numbers."""
    kit.link(*(str(number) for number in range(1, count + 1)))


def test_losses_are_counted_once_and_those_with_the_highest_numbers_are_told_apart(kit: Kit) -> None:
    linked(kit, 8)
    assert kit.certify({iri(number): "1" for number in range(1, 9)}, side=FLOWTLY).complete
    assert kit.store.losses(MAPPING, FLOWTLY, kit.run).vanished == 0
    assert kit.certify({iri(number): "1" for number in (1, 2, 4, 5, 6)}, side=FLOWTLY, shrink_limit=0.5).complete
    found = kit.store.losses(MAPPING, FLOWTLY, kit.run)
    assert (found.vanished, found.above) == (3, 2)
    assert kit.store.losses(MAPPING, EXTERNAL, kit.run).vanished == 0
    kit.store.finish_run(kit.run, "error", {})
    later = kit.store.begin_run(MAPPING, "test", kit.lease)
    assert kit.store.losses(MAPPING, FLOWTLY, later).vanished == 3, "the run before broke off before it looked"
    kit.store.finish_run(later, "done", {})
    assert kit.store.losses(MAPPING, FLOWTLY, kit.store.begin_run(MAPPING, "test", kit.lease)).vanished == 0


def test_twins_fit_one_to_one(kit: Kit) -> None:
    def stranger(side: Side, key: str, *keys: str | None) -> Settlement:
        state = pending(key, key, match_keys=keys)
        if side is EXTERNAL:
            return Settlement(key, None, external=state)
        return Settlement(None, key, flowtly=state)

    kit.settle(
        stranger(EXTERNAL, "C1", "vat1", "name1"),
        stranger(FLOWTLY, iri(1), "vat1", "name1"),
        stranger(EXTERNAL, "C2", None, "name2"),
        stranger(FLOWTLY, iri(2), None, "name2"),
        stranger(EXTERNAL, "C3", "vat3", None),
        stranger(FLOWTLY, iri(3), "vat3", None),
        stranger(FLOWTLY, iri(4), "vat3", None),
        stranger(EXTERNAL, "C5", None, None),
    )
    assert kit.store.twins(MAPPING) == 2


def wrote(kit: Kit, side: Side, external: str, flowtly: str, **payload: Any) -> None:
    """One finished write of ours."""
    source, target = (external, flowtly) if side is FLOWTLY else (flowtly, external)
    (one,) = kit.store.intend([Intent("patch", side, source, target, payload, "")], MAPPING, kit.run, kit.lease)
    done = Settlement(external, flowtly, operation=one.id, operation_state=OperationState.DONE)
    kit.settle(done)


def test_hands_are_our_finished_writes_within_the_window_by_record_and_field(kit: Kit) -> None:
    linked(kit, 2)
    wrote(kit, FLOWTLY, "1", iri(1), city="a", name="x")
    wrote(kit, EXTERNAL, "1", iri(1), city="b")
    wrote(kit, FLOWTLY, "2", iri(2), city="z")
    known = kit.store.hands(MAPPING, ["1"], HOUR)
    assert set(known) == {"1"}
    assert [(one.side, one.value) for one in known["1"]["city"].writes] == [(FLOWTLY, "a"), (EXTERNAL, "b")]
    assert len(known["1"]["name"].writes) == 1
    with kit.store.transaction() as connection:
        connection.execute(text("UPDATE operation SET created_at = now() - interval '2 hours'"))
    assert kit.store.hands(MAPPING, ["1"], HOUR) == {}


def test_the_past_of_a_field_is_what_we_wrote_in_order(kit: Kit) -> None:
    def entry(before: Any, after: Any, event: str = "patched") -> LedgerEntry:
        return LedgerEntry(event, "1", iri(1), FLOWTLY, "city", before, after)

    kit.settle(Settlement("1", iri(1), ledger=(entry(None, "a"), entry("a", "b", "overwritten"), entry("b", "c", "x"))))
    past = kit.store.past(MAPPING, ["1", "2"])
    assert {key: {name: one.values for name, one in fields.items()} for key, fields in past.items()} == {
        "1": {"city": (None, "a", "b")}
    }


def test_rewrites_are_counted_by_value(kit: Kit) -> None:
    def entry(field: str, sent: str, got: str | None) -> LedgerEntry:
        return LedgerEntry("rewritten", "1", iri(1), FLOWTLY, field, sent, got, "peer")

    kit.settle(Settlement("1", iri(1), ledger=(entry("vat", "dk1", "DK1"), entry("vat", "dk1", "DK1"))))
    kit.settle(Settlement("1", iri(1), ledger=(entry("vat", "dk2", "DK2"), entry("city", "x", None))))
    found = [(one.field, one.sent, one.got, one.count) for one in kit.store.rewrites(MAPPING, 10)]
    assert found == [("city", "x", None, 1), ("vat", "dk1", "DK1", 2), ("vat", "dk2", "DK2", 1)]
    assert kit.store.rewrites("other", 10) == []
    assert len(kit.store.rewrites(None, 2)) == 2
