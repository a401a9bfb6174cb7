"""What watches last saw, and one walk of a watch. A change and the events of it are one transaction, or neither is.

A walk notes what it saw in temporary tables on a connection of its own, so that memory stays flat and a walk that
finds nothing new writes no row.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.canon import document_from_json, document_to_json
from syncd.core.events import NewEvent
from syncd.errors import StoreUnavailable
from syncd.ports import Differing, LastSeen, Lease
from syncd.store import outbox
from syncd.store.database import Database, translated
from syncd.store.event_tables import watch_record, watch_state
from syncd.store.leases import require
from syncd.store.values import octets, rowset, unique

# Look-ups by key whatever the statistics say, which are stale just when much is new (as in ``passes``).
_BEGIN: Final = (
    text('CREATE TEMPORARY TABLE watch_seen (key text COLLATE "C" PRIMARY KEY, digest bytea NOT NULL)'),
    text('CREATE TEMPORARY TABLE watch_given (key text COLLATE "C" PRIMARY KEY)'),
    text("SET enable_seqscan = off"),
    text("SET enable_bitmapscan = off"),
)
_PLAN_FREELY: Final = (text("RESET enable_seqscan"), text("RESET enable_bitmapscan"), text("ANALYZE watch_seen"))

_FRESH: Final = text(
    "INSERT INTO watch_given SELECT unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING RETURNING key"
)

# The temporary table is read as it was before this statement, so a row found there is from an earlier page.
_DIFFERING: Final = text(
    """
    WITH page AS MATERIALIZED (
        SELECT given.key COLLATE "C" AS key, decode(given.value, 'hex') AS digest
        FROM json_each_text(CAST(:page AS json)) AS given
    ), noted AS (
        INSERT INTO watch_seen (key, digest) SELECT key, digest FROM page ON CONFLICT DO NOTHING
    )
    SELECT page.key, known.digest, known.document, known.levels, coalesce(before.digest <> page.digest, false) AS twice
    FROM page
    LEFT JOIN LATERAL (SELECT digest FROM watch_seen WHERE watch_seen.key = page.key OFFSET 0) AS before ON true
    LEFT JOIN LATERAL (
        SELECT digest, document, levels FROM watch_record AS record
        WHERE record.watch = :watch AND record.key = page.key OFFSET 0) AS known ON true
    WHERE known.digest IS DISTINCT FROM page.digest OR before.digest <> page.digest
    """
)

_KEEP: Final = text(
    """
    INSERT INTO watch_record (watch, key, digest, document, levels)
    SELECT :watch, given.key, given.digest, given.document, given.levels
    FROM json_to_recordset(CAST(:rows AS json)) AS given(key text, digest bytea, document jsonb, levels text[])
    ORDER BY given.key
    ON CONFLICT (watch, key) DO UPDATE SET
        digest = excluded.digest, document = excluded.document, levels = excluded.levels, missed = NULL
    """
)

_SEEN_AGAIN: Final = text(
    "UPDATE watch_record SET missed = NULL WHERE watch = :watch AND missed IS NOT NULL "
    "AND key = ANY(CAST(:keys AS text[]))"
)
_CONCLUDE: Final = text(
    "UPDATE watch_state SET walks = walks + 1, based = true, last_walk = now() WHERE watch = :watch RETURNING walks"
)
_NOT_SEEN: Final = text(
    """
    UPDATE watch_record AS record SET missed = :walk
    WHERE record.watch = :watch AND record.missed IS NULL
      AND NOT EXISTS (SELECT FROM watch_seen WHERE watch_seen.key = record.key)
    """
)


class PostgresWatchPass:
    """One walk of one watch. Used by one thread; holds one connection until ``close``."""

    def __init__(self, engine: Engine, watch: str, fingerprint: str, lease: Lease) -> None:
        self._engine, self._watch, self._lease = engine, watch, lease
        self._walk: int | None = None
        with translated(engine.url):
            self._connection = engine.connect()
        try:
            with self._transaction() as connection:
                require(connection, lease)
                self.rebased = _begin(connection, watch, fingerprint)
                state = select(watch_state.c.based).where(watch_state.c.watch == watch)
                self.based: bool = connection.execute(state).scalar_one()
                self._any_missed = _any_missed(connection, watch)
                for statement in _BEGIN:
                    connection.execute(statement)
        except BaseException:
            self.close()
            raise

    def fresh(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that were not given before in this walk; they are noted."""
        with self._transaction() as connection:
            return set(connection.execute(_FRESH, {"keys": unique(keys)}).scalars())

    def differing(self, digests: Mapping[str, bytes]) -> dict[str, Differing]:
        """Keys whose digest is not the last known one, or that came before in this walk with another one.

        All are noted as seen, and one that an earlier walk missed is there again.
        """
        page = json.dumps({key: digest.hex() for key, digest in digests.items()})
        with self._transaction() as connection:
            rows = connection.execute(_DIFFERING, {"watch": self._watch, "page": page}).mappings().all()
            if self._any_missed:
                connection.execute(_SEEN_AGAIN, {"watch": self._watch, "keys": unique(digests)})
        return {row["key"]: Differing(_last_seen(row), twice=row["twice"]) for row in rows}

    def keep(self, records: Sequence[LastSeen], events: Sequence[NewEvent]) -> None:
        """Remember records as they read now and put the events of that into the outbox. Raises LeaseLost."""
        rows = [
            {
                "key": one.key,
                "digest": octets(one.digest),
                "document": document_to_json(one.document),
                "levels": sorted(one.levels),
            }
            for one in records
        ]
        with self._transaction() as connection:
            require(connection, self._lease)
            connection.execute(_KEEP, {"watch": self._watch, "rows": rowset(rows)})
            outbox.put(connection, events)

    def conclude(self) -> None:
        """The walk was complete: what it did not see is missed; the base stands. Raises LeaseLost."""
        with self._transaction() as connection:
            require(connection, self._lease)
            for statement in _PLAN_FREELY:
                connection.execute(statement)
            self._walk = connection.execute(_CONCLUDE, {"watch": self._watch}).scalar_one()
            connection.execute(_NOT_SEEN, {"watch": self._watch, "walk": self._walk})

    def gone(self, limit: int) -> list[LastSeen]:
        """Some of those that this complete walk and one before it did not see, in key order."""
        record = watch_record.c
        chosen = select(record.key, record.digest, record.document, record.levels).where(
            record.watch == self._watch, record.missed.is_not(None), record.missed < self._walk
        )
        with self._transaction() as connection:
            rows = connection.execute(chosen.order_by(record.key).limit(limit)).mappings().all()
        return [found for row in rows if (found := _last_seen(row)) is not None]

    def drop(self, keys: Sequence[str], events: Sequence[NewEvent]) -> None:
        """Forget records that are gone, with the events of that. Raises LeaseLost."""
        record = watch_record.c
        with self._transaction() as connection:
            require(connection, self._lease)
            connection.execute(
                watch_record.delete().where(record.watch == self._watch, record.key == func.any(unique(keys)))
            )
            outbox.put(connection, events)

    def close(self) -> None:
        """Give up the walk's connection, and with it its temporary tables."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._connection.closed or self._connection.invalidated:
            # A new connection would not have the temporary tables: what was seen so far is lost with the old one.
            raise StoreUnavailable("the connection of this walk is closed or was lost")
        with translated(self._engine.url), self._connection.begin():
            yield self._connection


class Watches(Database):
    """Walks of watches."""

    def begin_watch(self, watch: str, fingerprint: str, lease: Lease) -> PostgresWatchPass:
        """Start a walk of a watch. It holds a connection outside the pool; close it. Raises LeaseLost."""
        return PostgresWatchPass(self.unpooled, watch, fingerprint, lease)

    def last_walk(self, watch: str) -> datetime | None:
        """When the last complete walk of a watch ended."""
        rows = self.rows(select(watch_state.c.last_walk).where(watch_state.c.watch == watch))
        return rows[0]["last_walk"] if rows else None

    def watched(self, watch: str) -> int:
        """How many records the last complete walk of a watch saw."""
        record = watch_record.c
        seen = select(func.count().label("seen")).where(record.watch == watch, record.missed.is_(None))
        return int(self.rows(seen)[0]["seen"])


def _begin(connection: Connection, watch: str, fingerprint: str) -> bool:
    """The row of a watch. True when what was remembered was of other records, and is forgotten."""
    new = insert(watch_state).values(watch=watch, fingerprint=fingerprint)
    connection.execute(new.on_conflict_do_nothing())
    other = (watch_state.c.watch == watch, watch_state.c.fingerprint != fingerprint)
    begun_anew = watch_state.update().where(*other).values(fingerprint=fingerprint, based=False, walks=0)
    if connection.execute(begun_anew).rowcount == 0:
        return False
    connection.execute(watch_record.delete().where(watch_record.c.watch == watch))
    return True


def _any_missed(connection: Connection, watch: str) -> bool:
    missed = (watch_record.c.watch == watch, watch_record.c.missed.is_not(None))
    return connection.execute(select(watch_record.c.key).where(*missed).limit(1)).first() is not None


def _last_seen(row: Mapping[Any, Any]) -> LastSeen | None:
    if row["digest"] is None:
        return None
    return LastSeen(row["key"], row["digest"], document_from_json(row["document"]), frozenset(row["levels"]))
