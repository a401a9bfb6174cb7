"""What a complete reading has seen so far, by key. Must never let a reading that lost some of it count as complete.

The table is not logged, so noting costs little and rewrites nothing; a crash of the server empties it. A row with an
empty key, which no record has, stands for the reading itself: without it, what was noted is not all there was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select, text

from syncd.store.allocation_tables import walked
from syncd.store.values import unique

_ITSELF: Final = ""

_NOTE: Final = text(
    """
    INSERT INTO walked (walk, number, key)
    SELECT :walk, :number, unnest(CAST(:keys AS text[]))
    ON CONFLICT DO NOTHING
    """
)

_ALL_AT_ONCE: Final = text("SET LOCAL enable_nestloop = off")


def begin(connection: Connection, walk: str, number: int) -> None:
    """A new reading; an earlier one of the same name that did not end can prove nothing any more."""
    end(connection, walk)
    note(connection, walk, number, [_ITSELF])


def note(connection: Connection, walk: str, number: int, keys: Iterable[str]) -> None:
    """These keys were seen."""
    connection.execute(_NOTE, {"walk": walk, "number": number, "keys": unique(keys)})


def current(connection: Connection, walk: str) -> int | None:
    """The number of the reading that is going on, if all that it noted is still there."""
    standing = select(walked.c.number).where(walked.c.walk == walk, walked.c.key == _ITSELF)
    return connection.execute(standing).scalar_one_or_none()


def compare(connection: Connection) -> None:
    """Let this transaction compare a whole table with what was seen.

    The planner knows nothing of rows that were just noted, takes them for few, and would look through all of them for
    each row of the table.
    """
    connection.execute(_ALL_AT_ONCE)


def end(connection: Connection, walk: str) -> None:
    """Forget a reading."""
    connection.execute(walked.delete().where(walked.c.walk == walk))
