"""The parts that allocations want, and those they want no more. None is forgotten while something hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, Select, select, text

from syncd.ports import Lease
from syncd.ports.allocations import PostingState, SeenPosting, WantedPart
from syncd.store.allocation_rows import to_posting, to_slot
from syncd.store.allocation_tables import allocated_part as part
from syncd.store.allocation_tables import allocated_posting as posting
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.values import readable, rowset

_LARGEST_SLOT: Final = 2**31 - 1
_TO_LOOK_AT: Final = (PostingState.PARTLY, PostingState.UNASSIGNED, PostingState.REFUSED)

_LINKED: Final = text(
    """
    SELECT count(*) AS number FROM allocated_part AS one
    JOIN link ON link.mapping = one.allocation AND link.external_key = one.posting || '#' || one.slot
    WHERE one.allocation = :allocation AND one.withdrawn
    """
)

# An answer of a person that waits to be carried out (a create that was doubtful and was found) ties the part later.
_SWEEP: Final = text(
    """
    DELETE FROM allocated_part AS known
    USING (
        SELECT posting, slot, posting || '#' || slot AS key FROM allocated_part
        WHERE allocation = :allocation AND withdrawn
    ) AS one
    WHERE known.allocation = :allocation AND known.posting = one.posting AND known.slot = one.slot
      AND NOT EXISTS (SELECT FROM link WHERE link.mapping = :mapping AND link.external_key = one.key)
      AND NOT EXISTS (
          SELECT FROM operation AS open
          WHERE open.mapping = :mapping AND open.state IN ('intended', 'in_doubt', 'quarantined')
            AND CASE open.side WHEN 'flowtly' THEN open.source_key ELSE open.target_key END = one.key)
      AND NOT EXISTS (
          SELECT FROM removal AS open
          WHERE open.mapping = :mapping AND open.external_key = one.key AND open.state IN ('quarantined', 'approved'))
      AND NOT EXISTS (
          SELECT FROM conflict AS said
          WHERE said.mapping = :mapping AND said.external_key = one.key AND said.carried_out_at IS NULL
            AND said.resolution LIKE 'link %')
    """
)

_SKIP: Final = text(
    """
    UPDATE allocated_part AS known SET skipped = given.reason
    FROM json_to_recordset(CAST(:rows AS json)) AS given(posting text, slot integer, reason text)
    WHERE known.allocation = :allocation AND known.posting = given.posting AND known.slot = given.slot
      AND known.skipped <> given.reason
    RETURNING known.posting || '#' || known.slot
    """
)

_COUNT_POSTINGS: Final = text(
    "SELECT state, count(*) AS number FROM allocated_posting WHERE allocation = :allocation GROUP BY state"
)
_COUNT_PARTS: Final = text(
    """
    SELECT count(*) FILTER (WHERE NOT withdrawn) AS wanted, count(*) FILTER (WHERE withdrawn) AS withdrawn,
           count(*) FILTER (WHERE NOT withdrawn AND skipped <> '') AS skipped
    FROM allocated_part WHERE allocation = :allocation
    """
)


class AllocatedParts(Database):
    """What is wanted, by its external key."""

    def wanted(self, allocation: str, page: int) -> Iterator[list[WantedPart]]:
        """Parts that are wanted, posting by posting and slot by slot, ``page`` at a time (flat memory)."""
        batch: list[WantedPart] = []
        for row in self.stream(_wanted(allocation).order_by(part.c.posting, part.c.slot)):
            batch.append(_wanted_part(row))
            if len(batch) >= page:
                yield batch
                batch = []
        if batch:
            yield batch

    def wanted_part(self, allocation: str, key: str) -> WantedPart | None:
        """One wanted part by its external key; None for one that is withdrawn or unknown."""
        place = _place(key)
        if place is None:
            return None
        of_it = part.c.posting == place[0], part.c.slot == place[1]
        rows = self.rows(_wanted(allocation).where(*of_it))
        return _wanted_part(rows[0]) if rows else None

    def withdrawn(self, allocation: str) -> int:
        """How many withdrawn parts still have a link (in the mapping that has the allocation's name)."""
        return int(self.rows(_LINKED, {"allocation": allocation})[0]["number"])

    def sweep_withdrawn(self, allocation: str, mapping: str, lease: Lease) -> int:
        """Forget withdrawn parts that nothing hangs on any more; how many. Raises LeaseLost.

        One with a link, a write that is not over, a removal that is not over, or a person's answer that is not carried
        out yet stays.
        """
        with self.transaction() as connection:
            require(connection, lease)
            return connection.execute(_SWEEP, {"allocation": allocation, "mapping": mapping}).rowcount

    def note_skips(self, allocation: str, skips: Sequence[tuple[str, str]], lease: Lease) -> list[str]:
        """Why these parts (external key, reason; '' for not skipped any more) are left out; for which that is news.

        Raises LeaseLost.
        """
        latest = {key: (place, readable(reason)) for key, reason in skips if (place := _place(key)) is not None}
        if not latest:
            return []
        rows = [{"posting": of, "slot": slot, "reason": reason} for (of, slot), reason in latest.values()]
        with self.transaction() as connection:
            require(connection, lease)
            news = set(connection.execute(_SKIP, {"allocation": allocation, "rows": rowset(rows)}).scalars())
        return [key for key in latest if key in news]

    def allocation_counts(self, allocation: str) -> dict[str, int]:
        """Postings by state, and parts that are wanted, withdrawn, and wanted but skipped."""
        of_it = {"allocation": allocation}
        with self.transaction() as connection:
            found: dict[str, int] = dict.fromkeys((state.value for state in PostingState), 0)
            found |= {row.state: row.number for row in connection.execute(_COUNT_POSTINGS, of_it)}
            return found | dict(connection.execute(_COUNT_PARTS, of_it).mappings().one())

    def refused_postings(self, allocation: str, limit: int) -> list[SeenPosting]:
        """Postings that are unassigned, partly assigned or refused, latest first, for people; without their slots."""
        chosen = select(posting).where(
            posting.c.allocation == allocation, posting.c.state.in_([state.value for state in _TO_LOOK_AT])
        )
        rows = self.rows(chosen.order_by(posting.c.changed_at.desc(), posting.c.posting).limit(limit))
        return [to_posting(row, ()) for row in rows]


def _place(key: str) -> tuple[str, int] | None:
    """The posting and the slot of a part's external key; None for a key that no part has."""
    of_posting, _, slot = key.rpartition("#")
    if not (slot.isascii() and slot.isdigit()) or len(slot) > len(str(_LARGEST_SLOT)) or slot != str(int(slot)):
        return None
    return (of_posting, int(slot)) if int(slot) <= _LARGEST_SLOT else None


def _wanted(allocation: str) -> Select[Any]:
    of_posting = (posting.c.allocation == part.c.allocation) & (posting.c.posting == part.c.posting)
    chosen = select(part, posting.c.on_day, posting.c.account, posting.c.currency).join(posting, of_posting)
    return chosen.where(part.c.allocation == allocation, part.c.withdrawn.is_(False))


def _wanted_part(row: RowMapping) -> WantedPart:
    return WantedPart(to_slot(row), row["on_day"], row["account"], row["currency"])
