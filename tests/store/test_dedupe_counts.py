"""What there is to do about duplicates, in numbers: every state is told, each directory for itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party
from syncd.ports.merges import MergePlan, MergeState
from syncd.ports.parties import CaseState, Decided, StoredParty
from syncd.store.postgres import PostgresStore


@pytest.mark.parametrize("directories", [("one",), ("one", "two")])
def test_cases_and_merges_are_counted_by_state(store: PostgresStore, directories: tuple[str, ...]) -> None:
    assert store.dedupe_counts() == {}
    for name in directories:
        lease = store.acquire(f"dedupe:{name}", "me", timedelta(seconds=30))
        assert lease is not None
        store.begin_directory(name, f"flowtly {name}", lease)
        parties = {key: prepare(Party(f"{name}{key}", name=key)) for key in "abc"}
        store.keep_parties(
            name, [StoredParty(Party(one.id, name=one.name.raw), one) for one in parties.values()], lease
        )
        decided = [
            Decided(
                Decision(parties[left].id, parties[right].id, Band.REVIEW, "", 5.0, "why"),
                parties[left].inputs,
                parties[right].inputs,
            )
            for left, right in ("ab", "bc")
        ]
        store.keep_decisions(name, decided, lease)
        first, _ = store.cases(name, [CaseState.OPEN])
        store.answer_case(first.id, "yes", "anna", "", None)
        plan = MergePlan(name, first.left, first.right, first.id, "T1", 5.0, {}, {}, {}, {}, {"x": "1"})
        store.propose_merge(plan, lease)
    found = store.dedupe_counts()
    assert set(found) == set(directories)
    for told in found.values():
        assert {state: count for state, count in told["cases"].items() if count} == {"open": 1, "yes": 1}
        assert {state: count for state, count in told["merges"].items() if count} == {"proposed": 1}
        assert set(told["cases"]) == {state.value for state in CaseState}
        assert set(told["merges"]) == {state.value for state in MergeState}
