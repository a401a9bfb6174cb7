"""Change a database's schema with Alembic. Two processes never migrate at once: a lock sees to it.

``store.migrate`` is what others call; it comes here only when there is something to do, since Alembic is slow to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from syncd.errors import StoreUnavailable
from syncd.store.migrate import connected, current, head, scripts

_LOCK: Final = 7_328_311_440_115  # any number that nobody else uses for an advisory lock in this database


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to ``revision``. A second caller waits, then finds nothing to do. Raises StoreUnavailable."""
    with _alone(url) as connection, _explained(connection):
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to ``revision`` (``base`` removes everything). Raises StoreUnavailable."""
    with _alone(url) as connection, _explained(connection):
        command.downgrade(_config(connection), revision)


def status(url: str) -> list[str]:
    """What the database is at and what is still to be applied, line by line, oldest first."""
    at, newest = current(url), head()
    directory = ScriptDirectory(str(scripts()))
    if at is not None and at not in {script.revision for script in directory.walk_revisions()}:
        return [f"schema {at}: unknown to this version ({newest}); a newer version has been here"]
    if at == newest:
        return [f"schema {at}: up to date"]
    pending = list(directory.iterate_revisions(newest, at or "base"))
    lines = [f"schema {at or 'empty'}: {len(pending)} to apply"]
    return lines + [f"  {script.revision}  {script.doc}" for script in reversed(pending)]


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """A connection to migrate on, while another one holds the lock for as long as it takes."""
    with connected(url) as guard, connected(url) as connection:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        guard.commit()  # the lock belongs to the session; no transaction has to stay open for it
        try:
            yield connection
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            guard.commit()


@contextmanager
def _explained(connection: Connection) -> Iterator[None]:
    """A schema or a revision that this version does not know, in words."""
    try:
        yield
    except CommandError as error:
        at = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory(str(scripts())).walk_revisions()}
        if at is None or at in known:
            raise StoreUnavailable(f"the schema is at {at or 'nothing'} and stays there: {error}") from None
        raise StoreUnavailable(
            f"its schema {at} is unknown to this version, which has {head()}: a newer version has been here; "
            "run that one, or restore the backup from before it"
        ) from None


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
