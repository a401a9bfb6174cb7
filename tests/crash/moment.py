"""A moment of a whole world, to which it can go back, and the passing of hours. Must never be used while a cycle runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from syncd.sandbox.server import SandboxServer

HOURS: Final = 2

# Parts of a partitioned table are filled through the whole.
_TABLES: Final = """
    SELECT c.relname AS one,
        (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
    FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_KEEP: Final = f"""
DO $$ DECLARE it record; BEGIN
    DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;
    FOR it IN {_TABLES} LOOP
        EXECUTE format('CREATE TABLE kept.%I AS SELECT %s FROM public.%I', it.one, it.columns, it.one);
    END LOOP;
END $$
"""
_BACK: Final = f"""
DO $$ DECLARE it record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR it IN {_TABLES} LOOP
        EXECUTE format('DELETE FROM public.%I', it.one);
        IF to_regclass(format('kept.%I', it.one)) IS NOT NULL THEN
            EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM kept.%I',
                           it.one, it.columns, it.columns, it.one);
        END IF;
    END LOOP;
END $$
"""
# Everything the store remembers happened earlier: leases run out, grace times end, what was put off is due.
_LATER: Final = f"""
DO $$ DECLARE it record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR it IN SELECT c.relname AS one, string_agg(format('%1$I = %1$I - interval ''{HOURS} hours''', attname), ', ') AS sets
        FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
          AND atttypid = 'timestamptz'::regtype AND c.relname <> 'ledger' GROUP BY c.relname
    LOOP EXECUTE format('UPDATE public.%I SET %s', it.one, it.sets); END LOOP;
END $$
"""
_LEASES_OVER: Final = "UPDATE lease SET expires_at = least(expires_at, clock_timestamp())"


class Databases:
    """The ERP's database and the store's, over connections that stay open."""

    def __init__(self, erp: str, store: str) -> None:
        self.erp = psycopg.connect(erp, autocommit=True)
        self.store = psycopg.connect(store, autocommit=True)

    def close(self) -> None:
        self.erp.close()
        self.store.close()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """A look into the store's own tables."""
        return self.store.execute(statement).fetchall()  # type: ignore[call-overload]

    def leases_over(self) -> None:
        """A lease whose owner died runs out."""
        self.store.execute(_LEASES_OVER)

    def hours_later(self) -> None:
        """Hours go by in the store."""
        self.store.execute(_LATER)


class Moment:
    """What both databases and every sandbox hold now."""

    def __init__(self, databases: Databases, sandboxes: tuple[SandboxServer, ...]) -> None:
        self._databases = databases
        self._sandboxes = [(one, one.state.dump()) for one in sandboxes]
        for database in (databases.erp, databases.store):
            database.execute(_KEEP)

    def restore(self) -> None:
        """Go back."""
        for database in (self._databases.erp, self._databases.store):
            database.execute(_BACK)
        for sandbox, kept in self._sandboxes:
            sandbox.faults.clear()
            sandbox._api._hidden._hidden.clear()
            _put_back(sandbox, kept)


def _put_back(sandbox: SandboxServer, kept: dict[str, Any]) -> None:
    """Row by row, so that every index and view is told."""
    state = sandbox.state
    with state.lock, _untold(state):
        wanted = {name: {row["id"]: row for row in part["rows"]} for name, part in kept.items()}
        for name, rows in wanted.items():
            for key in [key for key in state.table(name).ids if key not in rows]:
                _remove(state, name, key)
        for name, rows in wanted.items():
            table = state.table(name)
            for key, row in rows.items():
                old = table.rows.get(key)
                if old is not row:
                    table.put(key, row)
                    state._note(table.resource, key, old, row)


def _remove(state: Any, name: str, key: Any) -> None:
    table = state.table(name)
    row = table.remove(key)
    state._note(table.resource, key, row, None)


@contextmanager
def _untold(state: Any) -> Iterator[None]:
    """Nobody is told of a change that is none."""
    watch, state.watch = state.watch, None
    try:
        yield
    finally:
        state.watch = watch
