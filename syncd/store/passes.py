"""One reading of one side: what differs, what came twice, what was not seen. Must never take unread for gone.

A full pass remembers what it saw in a temporary table on a connection of its own, so a reading that finds nothing new
writes no row of a permanent table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from sqlalchemy import JSON, Connection, Engine, LargeBinary, Select, Text, bindparam, cast, func, null, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.model import Side
from syncd.errors import StoreUnavailable
from syncd.ports import Certificate, Observation
from syncd.store import certificates, observations
from syncd.store.database import Database, translated
from syncd.store.tables import absence, cursor, link, link_digest, link_key, observation
from syncd.store.tables import seen as seen_table
from syncd.store.values import unique

_CREATE_SEEN: Final = text(
    'CREATE TEMPORARY TABLE pass_seen (key text COLLATE "C" PRIMARY KEY, digest bytea NOT NULL) ON COMMIT PRESERVE ROWS'
)
# For the same reason as in ``_differing``; nothing else is done on this connection before ``finish``.
_LOOK_UP_BY_KEY: Final = text("SET enable_seqscan = off; SET enable_bitmapscan = off")
_PLAN_FREELY: Final = text("RESET enable_seqscan; RESET enable_bitmapscan")
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('syncd pass ' || :mapping, 0))")
_DROP_SEEN: Final = text("DROP TABLE IF EXISTS pass_seen")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads what."""

    mapping: str
    side: Side
    run_id: int
    full: bool
    fingerprint: str


class PostgresPass:
    """One reading of one side, page by page. Used by one thread; holds one connection until ``close``."""

    def __init__(
        self, engine: Engine, mapping: str, side: Side, run_id: int, *, full: bool, fingerprint: str = ""
    ) -> None:
        self._engine = engine
        self._reader = _Reader(mapping, side, run_id, full, fingerprint)
        self._duplicates: set[str] = set()
        self._missed: set[str] = set()
        self._pages = 0
        self.repeated = 0
        with translated(engine.url):
            self._connection = engine.connect()
        try:
            with self._transaction() as connection:
                self._cursor_before = read_cursor(connection, mapping, side)
                self._absences = _any_absence(connection, mapping, side)
                connection.execute(_LOOK_UP_BY_KEY)
                if full:
                    connection.execute(_CREATE_SEEN)
        except BaseException:
            self.close()
            raise

    @property
    def duplicates(self) -> set[str]:
        """Keys that came more than once in this full pass with different content."""
        return set(self._duplicates)

    def differing(self, digests: Mapping[str, bytes]) -> set[str]:
        """Keys whose digest is not the last known one (pending observation first, else link). Notes them as seen."""
        if not digests:
            return set()
        self._pages += 1
        reader = self._reader
        statement = _DIFFERING[reader.side, reader.full]
        page = json.dumps({key: digest.hex() for key, digest in digests.items()})
        parameters = {"mapping": reader.mapping, "side": reader.side.value, "page": page}
        with self._transaction() as connection:
            rows = connection.execute(statement, parameters).all()
            if self._absences:
                _forget_absences(connection, reader.mapping, reader.side, digests)
        self.repeated += sum(1 for row in rows if row.repeated)
        self._duplicates.update(row.key for row in rows if row.changed)
        return {row.key for row in rows if row.differs}

    def store(self, observations: Sequence[Observation], cursor: str | None) -> None:
        """Note what differs as dirty and move the cursor, in one transaction. A side back at rest is withdrawn."""
        reader = self._reader
        latest = {seen.key: seen for seen in observations}
        with self._transaction() as connection:
            at_rest = self._at_rest(connection, latest)
            if at_rest:  # stirs the other side's rows: two readings that do so at once would wait for each other
                connection.execute(_ONE_AT_A_TIME, {"mapping": reader.mapping})
            self._note(connection, latest, at_rest)
            if cursor is not None:
                move_cursor(connection, reader.mapping, reader.side, cursor, reader.run_id)
        self._missed.update(seen.key for seen in latest.values() if seen.key not in at_rest and self._late(seen))

    def finish(
        self, *, total: int | None, complete: bool, reason: str, shrink_limit: float, derived: bool = False
    ) -> Certificate | None:
        """End a full pass: the certificate, and what is linked but was not seen is counted (not deleted).

        ``total`` is what the peer claimed to have, ``shrink_limit`` a share between 0 and 1. Only a pass that is proven
        complete notes absences and forgets strangers that are gone. ``derived``: what it saw is all there is, however
        little. None for an incremental pass.
        """
        reader = self._reader
        if not reader.full:
            self.close()
            return None
        trouble = [] if complete else [reason or "the walk did not reach its end"]
        outcome = certificates.Outcome(
            reader.mapping,
            reader.side,
            reader.run_id,
            pages=self._pages,
            repeated=self.repeated,
            total=total,
            missed_by_cursor=len(self._missed),
            duplicates=frozenset(self._duplicates),
            trouble=tuple(trouble),
            fingerprint=reader.fingerprint,
            derived=derived,
        )
        with self._transaction() as connection:
            connection.execute(_PLAN_FREELY)
            certificate = certificates.conclude(connection, outcome, shrink_limit)
            connection.execute(_DROP_SEEN)
        self.close()
        return certificate

    def close(self) -> None:
        """Give up the pass's connection and with it the temporary table; harmless after ``finish``."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._connection.closed or self._connection.invalidated:
            # A new connection would not have the temporary table: what was seen so far is lost with the old one.
            raise StoreUnavailable("the connection of this reading is closed or was lost")
        with translated(self._engine.url), self._connection.begin():
            yield self._connection

    def _at_rest(self, connection: Connection, latest: Mapping[str, Observation]) -> set[str]:
        """Keys that read again as they were settled. One that came twice is not at rest: nobody knows which it is."""
        if not latest:
            return set()
        key, digest = link_key(self._reader.side), link_digest(self._reader.side)
        settled = select(key, digest).where(link.c.mapping == self._reader.mapping, key == func.any(unique(latest)))
        return {
            name
            for name, known in connection.execute(settled)
            if latest[name].digest == known and name not in self._duplicates
        }

    def _note(self, connection: Connection, latest: Mapping[str, Observation], at_rest: set[str]) -> None:
        reader = self._reader
        news = [seen for key, seen in sorted(latest.items()) if key not in at_rest]
        observations.note(connection, reader.mapping, reader.side, news)
        if at_rest:
            observations.withdraw(connection, reader.mapping, reader.side, at_rest)
            _stir_partners(connection, reader.mapping, reader.side, at_rest)

    def _late(self, seen: Observation) -> bool:
        """True when an incremental reading should have brought this change: it is older than the cursor was."""
        before = _moment(self._cursor_before) if self._reader.full else None
        return before is not None and seen.changed_at is not None and seen.changed_at < before


class Passes(Database):
    """Readings and where the next one begins."""

    def begin_pass(self, mapping: str, side: Side, run_id: int, *, full: bool, fingerprint: str = "") -> PostgresPass:
        """Start reading one side. The pass holds a connection outside the pool; close it."""
        return PostgresPass(self.unpooled, mapping, side, run_id, full=full, fingerprint=fingerprint)

    def cursor(self, mapping: str, side: Side) -> str | None:
        """Where the next incremental read begins; None before the first full pass or after ``reset_cursors``."""
        with self.transaction() as connection:
            return read_cursor(connection, mapping, side)

    def reset_cursors(self, mapping: str) -> None:
        """Forget both cursors: the next reads are full."""
        with self.transaction() as connection:
            connection.execute(cursor.delete().where(cursor.c.mapping == mapping))

    def certificates(self, mapping: str, side: Side, limit: int) -> list[Certificate]:
        """Latest certificates, newest first."""
        with self.transaction() as connection:
            return certificates.latest(connection, mapping, side, limit)


def read_cursor(connection: Connection, mapping: str, side: Side) -> str | None:
    """The cursor of one side."""
    where = (cursor.c.mapping == mapping, cursor.c.side == side.value)
    return connection.execute(select(cursor.c.cursor).where(*where)).scalar_one_or_none()


def move_cursor(connection: Connection, mapping: str, side: Side, text_: str, run_id: int) -> None:
    """Store a cursor; the same one again rewrites nothing."""
    new = insert(cursor).values(mapping=mapping, side=side.value, cursor=text_, run_id=run_id)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[cursor.c.mapping, cursor.c.side],
            set_={"cursor": new.excluded.cursor, "run_id": new.excluded.run_id, "updated_at": func.now()},
            where=cursor.c.cursor != new.excluded.cursor,
        )
    )


def _differing(side: Side, *, full: bool) -> Select[Any]:
    """One statement a page: known digests looked up, and in a full pass the keys noted in the temporary table.

    The temporary table is read as it was before this statement, so a row found there is from an earlier page.
    """
    # One JSON object is much cheaper to send and to take apart than two arrays.
    page = func.json_each_text(bindparam("page", type_=Text).cast(JSON)).table_valued("key", "value", name="page")
    key, digest = page.c.key, func.decode(page.c.value, "hex")
    mapping, where = bindparam("mapping", type_=Text), bindparam("side", type_=Text)
    of_key = (observation.c.mapping == mapping, observation.c.side == where, observation.c.key == key)
    pending = select(observation.c.digest).where(*of_key).scalar_subquery()
    settled = select(link_digest(side)).where(link.c.mapping == mapping, link_key(side) == key).scalar_subquery()
    before = select(seen_table.c.digest).where(seen_table.c.key == key).scalar_subquery()
    # Look-ups as scalar subqueries can only be carried out key by key. As joins they are at the mercy of statistics,
    # which are stale just when much is new: the planner then reads the whole table for every page.
    found = (
        select(
            key,
            digest.label("digest"),
            func.coalesce(pending, settled).label("known"),
            (before if full else cast(null(), LargeBinary)).label("before"),
        )
        .cte("found")
        .prefix_with("MATERIALIZED")
    )
    differs = found.c.known.is_distinct_from(found.c.digest)
    repeated, changed = found.c.before == found.c.digest, found.c.before != found.c.digest
    chosen = select(found.c.key, differs.label("differs"), repeated.label("repeated"), changed.label("changed"))
    if not full:
        return chosen.where(differs)
    noted = insert(seen_table).from_select(["key", "digest"], select(found.c.key, found.c.digest))
    return chosen.where(differs | found.c.before.is_not(None)).add_cte(noted.on_conflict_do_nothing().cte("noted"))


_DIFFERING: Final = {(side, full): _differing(side, full=full) for side in Side for full in (True, False)}


def _any_absence(connection: Connection, mapping: str, side: Side) -> bool:
    found = select(absence.c.key).where(absence.c.mapping == mapping, absence.c.side == side.value).limit(1)
    return connection.execute(found).first() is not None


def _forget_absences(connection: Connection, mapping: str, side: Side, keys: Iterable[str]) -> None:
    connection.execute(
        absence.delete().where(
            absence.c.mapping == mapping, absence.c.side == side.value, absence.c.key == func.any(unique(keys))
        )
    )


def _stir_partners(connection: Connection, mapping: str, side: Side, keys: set[str]) -> None:
    """A side that went back ends what was asked about it, so the other side's edit is planned again."""
    partner = side.other
    theirs = select(link_key(partner)).where(link.c.mapping == mapping, link_key(side) == func.any(unique(keys)))
    connection.execute(
        observation.update()
        .where(
            observation.c.mapping == mapping,
            observation.c.side == partner.value,
            observation.c.status == "asked",
            observation.c.key.in_(theirs),
        )
        .values(status="dirty", problem=None, due_at=None, attempts=0)
    )


def _moment(cursor_text: str | None) -> datetime | None:
    """A cursor as a time, where it is one; a time without a zone is UTC."""
    if cursor_text is None:
        return None
    try:
        parsed = datetime.fromisoformat(cursor_text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
