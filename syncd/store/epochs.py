"""Fences, and what is counted to see whether a peer or this store went back in time. It counts; it never judges.

No memory of its own is needed for the counting: links are the witnesses. They hold every key that was ever tied and how
both sides read when it was last agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.fencing import Past
from syncd.core.model import MaybeValue, Side
from syncd.errors import NotFound
from syncd.ports import LedgerEntry
from syncd.ports.guards import Fence, Losses
from syncd.store import ledger
from syncd.store.database import Database
from syncd.store.guard_tables import fence
from syncd.store.tables import mapping_state
from syncd.store.values import maybe_from_json, readable, unique

WITHDRAWN: Final = ""
"""Instead of an approved fingerprint: no mapping has it, so the next plan waits for a person."""

# Runs that came to the check at all; a run that broke off before it leaves its losses to the next one.
_LOOKED: Final = ("done", "planned", "awaiting_approval", "refused", "stopped", "incomplete")

_LOSSES: Final = """
    WITH looked AS (
        SELECT coalesce(max(id), 0) AS run FROM run
        WHERE mapping = :mapping AND id < :run_id AND outcome = ANY(CAST(:outcomes AS text[]))
    ), gone AS (
        SELECT CAST(substring(a.key FROM '[0-9]{{1,18}}$') AS bigint) AS number
        FROM absence a JOIN certificate c ON c.id = a.first_certificate JOIN looked ON c.run_id > looked.run
        WHERE a.mapping = :mapping AND a.side = :side
    ), there AS (
        SELECT max(CAST(substring(known.key FROM '[0-9]{{1,18}}$') AS bigint)) AS number
        FROM (
            SELECT l.{key} AS key FROM link l
            WHERE l.mapping = :mapping AND NOT EXISTS (
                SELECT FROM absence a WHERE a.mapping = :mapping AND a.side = :side AND a.key = l.{key})
            UNION ALL
            SELECT o.key FROM observation o
            WHERE o.mapping = :mapping AND o.side = :side AND NOT EXISTS (
                SELECT FROM link l WHERE l.mapping = :mapping AND l.{key} = o.key)
        ) AS known
        WHERE EXISTS (SELECT FROM gone)
    )
    SELECT count(*) AS vanished, count(*) FILTER (WHERE gone.number > there.number) AS above FROM gone, there
"""
_LOSSES_OF: Final = {side: text(_LOSSES.format(key=f"{side.value}_key")) for side in Side}

_TWINS: Final = text(
    """
    WITH stranger AS (
        SELECT o.side, o.key, given.value, given.level
        FROM observation o CROSS JOIN LATERAL unnest(o.match_keys) WITH ORDINALITY AS given(value, level)
        WHERE o.mapping = :mapping AND o.status = 'dirty' AND given.value IS NOT NULL AND NOT EXISTS (
            SELECT FROM link l WHERE l.mapping = :mapping
            AND CASE o.side WHEN 'external' THEN l.external_key ELSE l.flowtly_key END = o.key)
    ), single AS (
        SELECT side, level, value, min(key) AS key FROM stranger GROUP BY side, level, value HAVING count(*) = 1
    )
    SELECT count(DISTINCT e.key) FROM single e JOIN single f USING (level, value)
    WHERE e.side = 'external' AND f.side = 'flowtly'
    """
)

_PAST: Final = text(
    """
    SELECT external_key, field, before, after FROM ledger
    WHERE mapping = :mapping AND external_key = ANY(CAST(:keys AS text[])) AND field IS NOT NULL
      AND event IN ('patched', 'overwritten') AND NOT hidden
    ORDER BY id
    """
)


class Epochs(Database):
    """Which mappings are fenced, and what speaks for it."""

    def fence(self, mapping: str) -> Fence | None:
        """The fence of a mapping, if it has one."""
        found = self.rows(select(fence).where(fence.c.mapping == mapping))
        return _fence(found[0]) if found else None

    def fences(self) -> dict[str, Fence]:
        """Every fence by its mapping."""
        return {row["mapping"]: _fence(row) for row in self.rows(select(fence))}

    def raise_fence(
        self, mapping: str, reasons: Sequence[str], evidence: Mapping[str, Any], run_id: int | None
    ) -> bool:
        """Fence a mapping and withdraw its approval, in one transaction; False when it is fenced already."""
        told = [readable(reason) for reason in reasons]
        new = insert(fence).values(mapping=mapping, reasons=told, evidence=dict(evidence), run_id=run_id)
        withdrawn = mapping_state.update().where(mapping_state.c.mapping == mapping)
        with self.transaction() as connection:
            made = connection.execute(new.on_conflict_do_nothing().returning(fence.c.mapping)).first()
            if made is None:
                return False
            connection.execute(withdrawn.values(approved_fingerprint=WITHDRAWN))
            ledger.append(connection, mapping, run_id, [LedgerEntry("fenced", None, None, rule="; ".join(told))])
        return True

    def accept_epoch(self, mapping: str, by: str) -> Fence:
        """A person takes what is read now for the truth. The next plan waits for a person. Raises NotFound."""
        with self.transaction() as connection:
            row = connection.execute(fence.delete().where(fence.c.mapping == mapping).returning(fence)).mappings()
            lifted = row.one_or_none()
            if lifted is None:
                raise NotFound(f"mapping {mapping} is not fenced")
            said = [LedgerEntry("epoch_accepted", None, None, rule=f"accepted by {by}: {'; '.join(lifted['reasons'])}")]
            ledger.append(connection, mapping, None, said)
        return _fence(lifted)

    def losses(self, mapping: str, side: Side, run_id: int) -> Losses:
        """Linked records that complete readings miss, first missed after the last run that looked at such losses."""
        given = {"mapping": mapping, "side": side.value, "run_id": run_id, "outcomes": list(_LOOKED)}
        (row,) = self.rows(_LOSSES_OF[side], given)
        return Losses(row["vanished"], row["above"])

    def twins(self, mapping: str) -> int:
        """How many new strangers of one side fit exactly one of the other, and are fitted by no other."""
        return int(self.rows(_TWINS, {"mapping": mapping})[0]["count"])

    def past(self, mapping: str, external_keys: Sequence[str]) -> dict[str, dict[str, Past]]:
        """The values that fields of records had, as our own writes tell; without those kept as hashes."""
        values: dict[str, dict[str, list[MaybeValue]]] = {}
        for row in self.rows(_PAST, {"mapping": mapping, "keys": unique(external_keys)}):
            known = values.setdefault(row["external_key"], {}).setdefault(row["field"], [])
            if not known:
                known.append(maybe_from_json(row["before"]))
            known.append(maybe_from_json(row["after"]))
        return {key: {field: Past(tuple(had)) for field, had in fields.items()} for key, fields in values.items()}


def _fence(row: RowMapping) -> Fence:
    return Fence(row["mapping"], tuple(row["reasons"]), row["evidence"], row["since"], row["run_id"])
