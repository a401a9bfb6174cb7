"""How much there is to do about duplicates, in numbers: for metrics, the status page and summaries. Changes nothing."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from syncd.ports.merges import MergeState
from syncd.ports.parties import CaseState
from syncd.store.database import Database
from syncd.store.merge_tables import merge_operation
from syncd.store.party_tables import party_case

CASES: Final = "cases"
MERGES: Final = "merges"


class DedupeCounts(Database):
    """Counts of cases and merges."""

    def dedupe_counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """By directory: ``cases`` and ``merges``, each with a number for every state."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for what, table in ((CASES, party_case), (MERGES, merge_operation)):
            one = table.c
            chosen = select(one.directory, one.state, func.count().label("many")).group_by(one.directory, one.state)
            for row in self.rows(chosen.order_by(one.directory)):
                found.setdefault(row["directory"], _none())[what][row["state"]] = row["many"]
        return found


def _none() -> dict[str, dict[str, int]]:
    return {
        CASES: {state.value: 0 for state in CaseState},
        MERGES: {state.value: 0 for state in MergeState},
    }
