"""Bring a database to the schema of this version, or back. Loads what changes a schema only when one has to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

import syncd
from syncd.store.database import make_engine, translated


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to ``revision``. A second caller waits, then finds nothing to do. Raises StoreUnavailable."""
    if revision == "head" and current(url) == head():
        return
    from syncd.store import migrating  # noqa: PLC0415 - Alembic takes longer to load than most commands to run

    migrating.upgrade(url, revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to ``revision`` (``base`` removes everything). Raises StoreUnavailable."""
    from syncd.store import migrating  # noqa: PLC0415 - as above

    migrating.downgrade(url, revision)


def status(url: str) -> list[str]:
    """What the database is at and what is still to be applied, line by line, oldest first."""
    from syncd.store import migrating  # noqa: PLC0415 - as above

    return migrating.status(url)


def current(url: str) -> str | None:
    """The revision a database is at; None for one that was never migrated. Raises StoreUnavailable."""
    with connected(url) as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def head() -> str:
    """The revision of this version of the program: that of the last file, whose names begin with their revisions."""
    names = sorted(file.name for file in (scripts() / "versions").glob("[0-9]*_*.py"))
    if not names:
        raise FileNotFoundError(f"no migrations in {scripts()}")
    return names[-1].partition("_")[0]


def scripts() -> Path:
    """Where the migrations are: inside an installed package, or beside it in a source tree."""
    package = Path(syncd.__file__).parent
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise FileNotFoundError(f"no migrations in {package} nor beside it")


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection for the length of a block. Raises StoreUnavailable."""
    engine = make_engine(url)
    try:
        with translated(engine.url), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
