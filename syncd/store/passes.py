"""One reading of one side: what differs, what came twice, what was not seen. Must never take unread for gone.

A full pass remembers what it saw in a temporary table on a connection of its own, so a reading that finds nothing new
writes no row of a permanent table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Select, Text, and_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.model import Side
from syncd.ports import Certificate, Observation
from syncd.store import certificates, observations
from syncd.store.database import Database, translated
from syncd.store.tables import absence, cursor, link, link_digest, link_key, observation
from syncd.store.tables import seen as seen_table
from syncd.store.values import page_of_digests, unique

_CREATE_SEEN: Final = text(
    'CREATE TEMPORARY TABLE pass_seen (key text COLLATE "C" PRIMARY KEY, digest bytea NOT NULL) ON COMMIT PRESERVE ROWS'
)
_DROP_SEEN: Final = text("DROP TABLE IF EXISTS pass_seen")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads what."""

    mapping: str
    side: Side
    run_id: int
    full: bool


class PostgresPass:
    """One reading of one side, page by page. Used by one thread; holds one connection until ``close``."""

    def __init__(self, engine: Engine, mapping: str, side: Side, run_id: int, *, full: bool) -> None:
        self._engine = engine
        self._reader = _Reader(mapping, side, run_id, full)
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
        keys, values = list(digests), list(digests.values())
        parameters = {"mapping": reader.mapping, "side": reader.side.value, "keys": keys, "digests": values}
        with self._transaction() as connection:
            rows = connection.execute(statement, parameters).all()
            if self._absences:
                _forget_absences(connection, reader.mapping, reader.side, keys)
        self.repeated += sum(1 for row in rows if row.repeated)
        self._duplicates.update(row.key for row in rows if row.changed)
        return {row.key for row in rows if row.differs}

    def store(self, observations: Sequence[Observation], cursor: str | None) -> None:
        """Note what differs as dirty and move the cursor, in one transaction. A side back at rest is withdrawn."""
        reader = self._reader
        latest = {seen.key: seen for seen in observations}
        with self._transaction() as connection:
            at_rest = self._at_rest(connection, latest)
            self._note(connection, latest, at_rest)
            if cursor is not None:
                move_cursor(connection, reader.mapping, reader.side, cursor, reader.run_id)
        self._missed.update(seen.key for seen in latest.values() if seen.key not in at_rest and self._late(seen))

    def finish(self, *, total: int | None, complete: bool, reason: str, shrink_limit: float) -> Certificate | None:
        """End a full pass: the certificate, and what is linked but was not seen is counted (not deleted).

        ``total`` is what the peer claimed to have, ``shrink_limit`` a share between 0 and 1. Only a pass that is proven
        complete notes absences and forgets strangers that are gone. None for an incremental pass.
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
        )
        with self._transaction() as connection:
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

    def begin_pass(self, mapping: str, side: Side, run_id: int, *, full: bool) -> PostgresPass:
        """Start reading one side. The pass holds a connection outside the pool; close it."""
        return PostgresPass(self.unpooled, mapping, side, run_id, full=full)

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
    page = page_of_digests()
    known = func.coalesce(observation.c.digest, link_digest(side))
    differs = known.is_distinct_from(page.c.digest)
    sources = page.outerjoin(
        observation,
        and_(
            observation.c.mapping == bindparam("mapping", type_=Text),
            observation.c.side == bindparam("side", type_=Text),
            observation.c.key == page.c.key,
        ),
    ).outerjoin(link, and_(link.c.mapping == bindparam("mapping", type_=Text), link_key(side) == page.c.key))
    if not full:
        nothing = literal(value=False)
        chosen = select(page.c.key, differs.label("differs"), nothing.label("repeated"), nothing.label("changed"))
        return chosen.select_from(sources).where(differs)
    noted = (
        insert(seen_table)
        .from_select(["key", "digest"], select(page.c.key, page.c.digest))
        .on_conflict_do_nothing()
        .cte("noted")
    )
    repeated = seen_table.c.key.is_not(None)
    changed = and_(repeated, seen_table.c.digest != page.c.digest)
    return (
        select(
            page.c.key,
            differs.label("differs"),
            and_(repeated, seen_table.c.digest == page.c.digest).label("repeated"),
            changed.label("changed"),
        )
        .select_from(sources.outerjoin(seen_table, seen_table.c.key == page.c.key))
        .where(differs | repeated)
        .add_cte(noted)
    )


_DIFFERING: Final = {(side, full): _differing(side, full=full) for side in Side for full in (True, False)}


def _any_absence(connection: Connection, mapping: str, side: Side) -> bool:
    found = select(absence.c.key).where(absence.c.mapping == mapping, absence.c.side == side.value).limit(1)
    return connection.execute(found).first() is not None


def _forget_absences(connection: Connection, mapping: str, side: Side, keys: Sequence[str]) -> None:
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
