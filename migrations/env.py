"""Runs migrations on the connection that ``syncd.store.migrate`` hands over; it holds the lock."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from syncd.store.tables import metadata


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


_migrate(context.config.attributes["connection"])
