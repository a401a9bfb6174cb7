"""Allocations: postings as last read and the parts wanted of them. A posting and its parts change in one transaction.

A reading that finds nothing new rewrites no posting and no part: what it saw is noted apart (``store.walked``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Update, func, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.ports import Lease
from syncd.ports.allocations import Derivation, PostingState, SeenPosting, Slot
from syncd.store import walked
from syncd.store.allocation_rows import posting_row, slot_row, to_posting, to_slot
from syncd.store.allocation_tables import allocated_part as part
from syncd.store.allocation_tables import allocated_posting as table
from syncd.store.allocation_tables import allocation as state
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.values import readable, rowset, unique

_NOT_SEEN: Final = text(
    """
    UPDATE allocated_posting AS known SET missed = :number
    WHERE known.allocation = :allocation AND known.missed IS NULL AND known.state <> 'gone'
      AND NOT EXISTS (
          SELECT FROM walked WHERE walked.walk = :walk AND walked.number = :number AND walked.key = known.posting)
    """
)

_KEEP_POSTINGS: Final = text(
    """
    INSERT INTO allocated_posting (allocation, posting, digest, state, on_day, account, currency, amount, unassigned,
                                   base_amount, base_currency, reason, next_slot)
    SELECT :allocation, given.posting, given.digest, given.state, given.on_day, given.account, given.currency,
           given.amount, given.unassigned, given.base_amount, given.base_currency, given.reason, given.next_slot
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        posting text, digest bytea, state text, on_day date, account text, currency text, amount bigint,
        unassigned bigint, base_amount bigint, base_currency text, reason text, next_slot integer)
    ORDER BY given.posting
    ON CONFLICT (allocation, posting) DO UPDATE SET
        digest = excluded.digest, state = excluded.state, on_day = excluded.on_day, account = excluded.account,
        currency = excluded.currency, amount = excluded.amount, unassigned = excluded.unassigned,
        base_amount = excluded.base_amount, base_currency = excluded.base_currency, reason = excluded.reason,
        next_slot = greatest(allocated_posting.next_slot, excluded.next_slot), missed = NULL, changed_at = now()
    """
)

# Before the others are kept: a slot that is no more may have had the target of one that is.
_DROP_PARTS: Final = text(
    """
    DELETE FROM allocated_part AS known
    WHERE known.allocation = :allocation AND known.posting = ANY(CAST(:postings AS text[]))
      AND NOT EXISTS (
          SELECT FROM json_to_recordset(CAST(:rows AS json)) AS given(posting text, slot integer)
          WHERE given.posting = known.posting AND given.slot = known.slot)
    """
)

_KEEP_PARTS: Final = text(
    """
    INSERT INTO allocated_part AS known (allocation, posting, slot, target, employee, amount, whole, rule, base_amount,
                                         withdrawn, skipped)
    SELECT :allocation, given.posting, given.slot, given.target, given.employee, given.amount, given.whole, given.rule,
           given.base_amount, given.withdrawn, given.skipped
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        posting text, slot integer, target text, employee text, amount bigint, whole boolean, rule text,
        base_amount bigint, withdrawn boolean, skipped text)
    ORDER BY given.posting, given.slot
    ON CONFLICT (allocation, posting, slot) DO UPDATE SET
        target = excluded.target, employee = excluded.employee, amount = excluded.amount, whole = excluded.whole,
        rule = excluded.rule, base_amount = excluded.base_amount, withdrawn = excluded.withdrawn,
        skipped = excluded.skipped
    WHERE (known.target, known.employee, known.amount, known.whole, known.rule, known.base_amount, known.withdrawn,
           known.skipped)
        IS DISTINCT FROM (excluded.target, excluded.employee, excluded.amount, excluded.whole, excluded.rule,
                          excluded.base_amount, excluded.withdrawn, excluded.skipped)
    """
)


class Allocations(Database):
    """How far allocations are, and what they want."""

    def derivation(self, allocation: str) -> Derivation | None:
        """How far it is; None before the first reading."""
        with self.transaction() as connection:
            return _derivation(connection, allocation)

    def begin_derivation(self, allocation: str, fingerprint: str, lease: Lease) -> int:
        """The number of a new reading. Under another fingerprint than before, cursor and ``full_at`` are forgotten.

        So is what earlier readings missed: they may have looked for other postings. Raises LeaseLost.
        """
        with self.transaction() as connection:
            require(connection, lease)
            known = _derivation(connection, allocation)
            number = 1 if known is None else known.number + 1
            values: dict[str, Any] = {"fingerprint": fingerprint, "number": number}
            if known is None or known.fingerprint != fingerprint:
                values |= {"cursor": None, "full_at": None}
                connection.execute(_missed(allocation).values(missed=None))
            new = insert(state).values(allocation=allocation, **values)
            connection.execute(new.on_conflict_do_update(index_elements=[state.c.allocation], set_=values))
            walked.begin(connection, _walk(allocation), number)
        return number

    def postings(self, allocation: str, keys: Sequence[str]) -> dict[str, SeenPosting]:
        """Postings with all of their slots, withdrawn ones too, by key."""
        if not keys:
            return {}
        wanted = unique(keys)
        rows = select(table).where(table.c.allocation == allocation, table.c.posting == func.any(wanted))
        parts = select(part).where(part.c.allocation == allocation, part.c.posting == func.any(wanted))
        with self.transaction() as connection:
            slots: dict[str, list[Slot]] = {}
            for row in connection.execute(parts.order_by(part.c.posting, part.c.slot)).mappings():
                slots.setdefault(row["posting"], []).append(to_slot(row))
            found = connection.execute(rows).mappings()
            return {row["posting"]: to_posting(row, slots.get(row["posting"], ())) for row in found}

    def posting_digests(self, allocation: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Digests of known postings, by key: what has to be asked before ``postings`` is worth its time."""
        if not keys:
            return {}
        of_them = table.c.allocation == allocation, table.c.posting == func.any(unique(keys))
        rows = self.rows(select(table.c.posting, table.c.digest).where(*of_them))
        return {row["posting"]: row["digest"] for row in rows}

    def note_postings(
        self, allocation: str, number: int, changed: Sequence[SeenPosting], same: Sequence[str], lease: Lease
    ) -> None:
        """Keep postings as they read now (their slots are all there are), and those that read as before as seen.

        Raises LeaseLost; BadAnswer for a key that cannot be stored.
        """
        latest = {one.key: one for one in changed}
        with self.transaction() as connection:
            require(connection, lease)
            if latest:
                _keep(connection, allocation, latest)
            if same:
                again = _missed(allocation).where(table.c.posting == func.any(unique(same)))
                connection.execute(again.values(missed=None))
            walked.note(connection, _walk(allocation), number, [*latest, *same])

    def finish_derivation(
        self, allocation: str, number: int, cursor: str | None, *, full: bool, complete: bool, lease: Lease
    ) -> None:
        """End a reading. After a complete full one, postings it did not see are noted as missed since this number.

        The cursor stays where it was after a reading that is not complete, or that gives none. Raises LeaseLost.
        """
        walk = _walk(allocation)
        with self.transaction() as connection:
            require(connection, lease)
            values: dict[str, Any] = {} if cursor is None or not complete else {"cursor": cursor}
            if full and complete and walked.current(connection, walk) == number:
                walked.compare(connection)
                connection.execute(_NOT_SEEN, {"allocation": allocation, "walk": walk, "number": number})
                values |= {"full_at": func.now(), "full_number": number}
            if values:
                of_it = state.c.allocation == allocation, state.c.number == number
                connection.execute(state.update().where(*of_it).values(values))
            walked.end(connection, walk)

    def missed(self, allocation: str, limit: int) -> list[tuple[str, int]]:
        """Postings that the last complete full reading and an earlier one did not see, with the number of the first."""
        last = select(state.c.full_number).where(state.c.allocation == allocation).scalar_subquery()
        chosen = select(table.c.posting, table.c.missed).where(
            table.c.allocation == allocation, table.c.missed.is_not(None), table.c.missed < last
        )
        rows = self.rows(chosen.order_by(table.c.posting).limit(limit))
        return [(row["posting"], row["missed"]) for row in rows]

    def keep_missed(self, allocation: str, posting: str, lease: Lease) -> None:
        """A posting that no list shows answered after all: it counts as seen. Raises LeaseLost."""
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(_missed(allocation).where(table.c.posting == posting).values(missed=None))

    def lose_posting(self, allocation: str, posting: str, evidence: str, lease: Lease) -> None:
        """The ERP itself said that there is none: state GONE, every part withdrawn. Raises LeaseLost.

        Its digest is forgotten, so that it differs from any reading if it comes back.
        """
        of_it = table.c.allocation == allocation, table.c.posting == posting
        gone = {
            "state": PostingState.GONE.value,
            "digest": b"",
            "unassigned": 0,
            "reason": readable(evidence),
            "missed": None,
            "changed_at": func.now(),
        }
        parts = part.c.allocation == allocation, part.c.posting == posting, part.c.withdrawn.is_(False)
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(table.update().where(*of_it).values(gone))
            connection.execute(part.update().where(*parts).values(withdrawn=True, skipped=""))


def _walk(allocation: str) -> str:
    return f"postings of {allocation}"


def _keep(connection: Connection, allocation: str, latest: Mapping[str, SeenPosting]) -> None:
    rows = [posting_row(one) for one in latest.values()]
    slots = [slot_row(slot) for one in latest.values() for slot in one.slots]
    connection.execute(_KEEP_POSTINGS, {"allocation": allocation, "rows": rowset(rows)})
    kept = rowset([{"posting": row["posting"], "slot": row["slot"]} for row in slots])
    connection.execute(_DROP_PARTS, {"allocation": allocation, "postings": unique(latest), "rows": kept})
    if slots:
        connection.execute(_KEEP_PARTS, {"allocation": allocation, "rows": rowset(slots)})


def _derivation(connection: Connection, allocation: str) -> Derivation | None:
    row = connection.execute(select(state).where(state.c.allocation == allocation)).mappings().one_or_none()
    return None if row is None else Derivation(row["fingerprint"], row["cursor"], row["number"], row["full_at"])


def _missed(allocation: str) -> Update:
    return table.update().where(table.c.allocation == allocation, table.c.missed.is_not(None))
