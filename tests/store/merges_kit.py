"""Short ways to say what tests of merges need: a plan, an approved merge, one led to a state, a redirect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from syncd.ports import Lease
from syncd.ports.merges import Merge, MergePlan, MergeState, Redirect
from syncd.store.postgres import PostgresStore
from tests.store.kit import iri

DIRECTORY = "suppliers"
AT = datetime(2031, 5, 1, tzinfo=UTC)
S = MergeState
ONCE = [S.APPROVED, S.CHANGING, S.SENDING]


def plan(survivor: str = iri(1), loser: str = iri(2), **kw: Any) -> MergePlan:
    given: dict[str, Any] = {
        "case_id": 7,
        "tier": "T1",
        "bits": 9.5,
        "evidence": {"decision": {"why": "alike"}, "review": []},
        "changes": {"tin": "PL1"},
        "provenance": {"tin": {"from": loser}},
        "snapshots": {survivor: {"raw": {}}, loser: {"raw": {}}},
        "digests": {survivor: "a", loser: "b"},
    }
    return MergePlan(DIRECTORY, survivor, loser, **{**given, **kw})


def approved(store: PostgresStore, lease: Lease, one: MergePlan | None = None, by: str = "anna") -> Merge:
    made = store.propose_merge(one or plan(), lease)
    return store.approve_merge(made.id, by, made.plan.digests)


def led(store: PostgresStore, lease: Lease, merge: Merge, *states: MergeState) -> Merge:
    for state in states:
        merge = store.move_merge(merge.id, merge.state, state, "", lease)
    return merge


def redirect(survivor: str = iri(1), loser: str = iri(2), merge: Merge | None = None) -> Redirect:
    id_ = None if merge is None else merge.id
    return Redirect("flowtly", "clients", loser, survivor, "people" if merge is None else "us", AT, {"x": 1}, id_)
