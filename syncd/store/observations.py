"""Pending observations: a side as last seen, kept only while it differs from what was settled. Never a second copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, and_, exists, func, literal_column, select, text

from syncd.core.canon import document_to_json
from syncd.core.model import Side
from syncd.ports import Observation, Status, Work
from syncd.store.alias_tables import alias
from syncd.store.database import Database
from syncd.store.links import to_link
from syncd.store.tables import link as link_table
from syncd.store.tables import link_key, observation
from syncd.store.values import UNSTORABLE, document_or_none, moment, octets, readable, rowset, storable, unique

# ``as_given``: the caller decided. Otherwise a pass saw it: news (another digest, or what could not be mapped before)
# counts as given, and anything else keeps its place in the queue. A record that was taken apart without ever having
# been read (a digest of no bytes) stays alone: we cannot tell that it changed.
_WRITE: Final = text(
    """
    INSERT INTO observation AS known (mapping, side, key, digest, document, status, changed_at, problem, waiting_for,
                                      attempts, due_at, first_seen, match_keys)
    SELECT :mapping, given.side, given.key, given.digest, given.document, given.status, given.changed_at,
           given.problem, given.waiting_for, given.attempts, given.due_at, coalesce(given.first_seen, now()),
           given.match_keys
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        side text, key text, digest bytea, document jsonb, status text, changed_at timestamptz, problem text,
        waiting_for text, attempts integer, due_at timestamptz, first_seen timestamptz, match_keys text[])
    ORDER BY given.side, given.key
    ON CONFLICT (mapping, side, key) DO UPDATE SET
        digest = excluded.digest, document = excluded.document, changed_at = excluded.changed_at,
        match_keys = excluded.match_keys,
        (status, problem, waiting_for, attempts, due_at) = (
            SELECT news.status, news.problem, news.waiting_for, news.attempts, news.due_at
            FROM (VALUES
                (excluded.status, excluded.problem, excluded.waiting_for, excluded.attempts, excluded.due_at, true),
                (known.status, known.problem, known.waiting_for, known.attempts, known.due_at, false)
            ) AS news(status, problem, waiting_for, attempts, due_at, taken)
            WHERE news.taken = (CAST(:as_given AS boolean) OR (
                (known.digest <> excluded.digest OR known.document IS NULL)
                AND NOT (known.status = 'alone' AND known.digest = ''))))
    """
)

LONGEST: Final = timedelta(hours=7)  # nothing is put off for longer: a later time comes from a clock that was wrong

_COLUMNS: Final = (
    "digest",
    "document",
    "status",
    "changed_at",
    "problem",
    "waiting_for",
    "attempts",
    "due_at",
    "first_seen",
    "match_keys",
)

# Starts from what is pending, so that a quiet mapping costs nothing however many links it has.
_WORK: Final = text(
    """
    WITH ready AS (
        SELECT side, key FROM observation
        WHERE mapping = :mapping
          AND status IN ('dirty', 'parked')
          AND (due_at <= :now OR due_at > :never OR (status = 'dirty' AND due_at IS NULL))
    ), chosen AS (
        SELECT l.id FROM ready r JOIN link l ON l.mapping = :mapping AND l.external_key = r.key
        WHERE r.side = 'external'
        UNION
        SELECT l.id FROM ready r JOIN link l ON l.mapping = :mapping AND l.flowtly_key = r.key
        WHERE r.side = 'flowtly'
    )
    SELECT l.id, l.external_key, l.flowtly_key, l.base, l.origin,
           {external}, {flowtly}
    FROM chosen
    JOIN link l ON l.id = chosen.id
    LEFT JOIN observation e ON e.mapping = :mapping AND e.side = 'external' AND e.key = l.external_key
    LEFT JOIN observation f ON f.mapping = :mapping AND f.side = 'flowtly' AND f.key = l.flowtly_key
    ORDER BY l.external_key
    """.replace("{external}", ", ".join(f"e.{name} AS external_{name}" for name in _COLUMNS)).replace(
        "{flowtly}", ", ".join(f"f.{name} AS flowtly_{name}" for name in _COLUMNS)
    )
)


class Observations(Database):
    """What is pending, by record, by side and by reason."""

    def work(self, mapping: str, now: datetime) -> Iterator[Work]:
        """Linked records with at least one dirty side, in key order. Both sides' pending observations are given."""
        for row in self.stream(_WORK, {"mapping": mapping, "now": now, "never": now + LONGEST}):
            yield Work(
                to_link(row),
                _prefixed(row, "external", row["external_key"]),
                _prefixed(row, "flowtly", row["flowtly_key"]),
            )

    def strangers(self, mapping: str, side: Side) -> Iterator[Observation]:
        """Observations without a link but of aliases, whatever their status, without their documents, in key order."""
        for row in self.stream(_strangers(mapping, side)):
            yield to_observation(row)

    def observation(self, mapping: str, side: Side, key: str) -> Observation | None:
        """One pending observation with its document."""
        return self.observations(mapping, side, [key]).get(key)

    def observations(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Observation]:
        """Several pending observations with their documents."""
        if not keys:
            return {}
        with self.transaction() as connection:
            return read(connection, mapping, side, keys)

    def known_before(self, mapping: str, side: Side, keys: Sequence[str], moment: datetime) -> set[str]:
        """Of these keys, those that were linked or first observed before ``moment``, or are linked now."""
        if not keys:
            return set()
        wanted = unique(keys)
        linked = select(link_key(side).label("key")).where(
            link_table.c.mapping == mapping, link_key(side) == func.any(wanted)
        )
        observed = select(observation.c.key).where(*_of(mapping, side, wanted), observation.c.first_seen < moment)
        return {row["key"] for row in self.rows(linked.union(observed))}


def read(connection: Connection, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Observation]:
    """Several pending observations with their documents."""
    found = connection.execute(select(observation).where(*_of(mapping, side, unique(keys)))).mappings()
    return {row["key"]: to_observation(row) for row in found}


def put(connection: Connection, mapping: str, observations: Sequence[tuple[Side, Observation]]) -> None:
    """Store observations as given; only when each was first seen is kept. One per side and key."""
    _write(connection, mapping, observations, as_given=True)


def note(connection: Connection, mapping: str, side: Side, observations: Sequence[Observation]) -> None:
    """Store what a pass saw: news is pending as given, what was pending already keeps its place. One per key."""
    _write(connection, mapping, [(side, seen) for seen in observations], as_given=False)


def withdraw(connection: Connection, mapping: str, side: Side, keys: Iterable[str]) -> None:
    """Forget observations of a side that is at rest again."""
    gone = unique(keys)
    if gone:
        connection.execute(observation.delete().where(*_of(mapping, side, gone)))


def stir(connection: Connection, mapping: str, side: Side, keys: Iterable[str], *, asked: bool = False) -> None:
    """Make these observations dirty at once, if there are any that are not; ``asked``: only those asked about."""
    wanted = unique(keys)
    if wanted:
        status = observation.c.status
        connection.execute(
            observation.update()
            .where(
                *_of(mapping, side, wanted),
                status == Status.ASKED.value if asked else status != Status.DIRTY.value,
            )
            .values(status=Status.DIRTY.value, due_at=None, attempts=0, problem=None, waiting_for=None)
        )


def set_aside(connection: Connection, mapping: str, side: Side, key: str, problem: str) -> None:
    """Let one observation wait for what a person said about it."""
    connection.execute(
        observation.update()
        .where(*_of(mapping, side, [key]))
        .values(status=Status.ASKED.value, problem=readable(problem), due_at=None, waiting_for=None)
    )


def to_observation(row: Mapping[str, Any] | RowMapping) -> Observation:
    """A row as the value the engine works with; timestamps are aware UTC."""
    return Observation(
        key=row["key"],
        digest=row["digest"],
        document=document_or_none(row["document"]),
        status=Status(row["status"]),
        changed_at=row["changed_at"],
        problem=row["problem"],
        waiting_for=row["waiting_for"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        first_seen=row["first_seen"],
        match_keys=tuple(row["match_keys"]),
    )


def _of(mapping: str, side: Side, keys: Sequence[str]) -> tuple[Any, ...]:
    return (
        observation.c.mapping == mapping,
        observation.c.side == side.value,
        observation.c.key == func.any(list(keys)),
    )


def _write(
    connection: Connection, mapping: str, observations: Sequence[tuple[Side, Observation]], *, as_given: bool
) -> None:
    rows = {(side, seen.key): _row(side, seen) for side, seen in observations}
    if rows:
        parameters = {"mapping": mapping, "rows": rowset(list(rows.values())), "as_given": as_given}
        connection.execute(_WRITE, parameters)


def _row(side: Side, seen: Observation) -> dict[str, Any]:
    status, document, problem = seen.status, seen.document, seen.problem
    match_keys = seen.match_keys
    if document is not None and not storable(document):
        # One such record must not hold back its stream; it waits until it changes at its source.
        status, document, problem, match_keys = Status.PARKED, None, f"the record {UNSTORABLE}", ()
    return {
        "side": side.value,
        "key": seen.key,
        "digest": octets(seen.digest),
        "document": None if document is None else document_to_json(document),
        "status": status.value,
        "changed_at": moment(seen.changed_at),
        "problem": None if problem is None else readable(problem),
        "waiting_for": None if seen.waiting_for is None else readable(seen.waiting_for),
        "attempts": seen.attempts,
        "due_at": moment(seen.due_at),
        "first_seen": moment(seen.first_seen),
        "match_keys": list(match_keys),
    }


def _prefixed(row: RowMapping, side: str, key: str) -> Observation | None:
    if row[f"{side}_digest"] is None:
        return None
    return to_observation({"key": key, **{name: row[f"{side}_{name}"] for name in _COLUMNS}})


def _strangers(mapping: str, side: Side) -> Select[Any]:
    columns = [column for column in observation.c if column.name != "document"]
    linked = exists().where(and_(link_table.c.mapping == mapping, link_key(side) == observation.c.key))
    chosen = (
        select(*columns, literal_column("NULL::jsonb").label("document"))
        .where(observation.c.mapping == mapping, observation.c.side == side.value, ~linked)
        .order_by(observation.c.key)
    )
    if side is Side.FLOWTLY:
        return chosen
    beside = exists().where(and_(alias.c.mapping == mapping, alias.c.external_key == observation.c.key))
    return chosen.where(~beside)
