"""Links: the one row that ties an external key to a Flowtly IRI. Never two rows for one key: the indexes see to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, func, select, text

from syncd.core.canon import document_to_json
from syncd.core.model import Document, Side
from syncd.ports import Link
from syncd.store.alias_tables import alias
from syncd.store.database import Database
from syncd.store.tables import absence, link, link_digest, link_key
from syncd.store.values import base_from_json, readable, unique

_SHORT: Final = (link.c.id, link.c.external_key, link.c.flowtly_key, link.c.base, link.c.origin)

_REMOVE: Final = text(
    """
    DELETE FROM link WHERE mapping = :mapping AND external_key = :key
    RETURNING external_key, flowtly_key, base, external_digest, flowtly_digest, created_at
    """
)

# A side that was never settled has a digest of no bytes. What is pending keeps its own content; only its status ends.
_SET_ALONE: Final = text(
    """
    INSERT INTO observation (mapping, side, key, digest, document, status, problem, first_seen)
    VALUES (:mapping, :side, :key, :digest, CAST(:document AS jsonb), 'alone', :problem,
            coalesce(CAST(:since AS timestamptz), now()))
    ON CONFLICT (mapping, side, key) DO UPDATE SET
        status = 'alone', problem = excluded.problem, waiting_for = NULL, due_at = NULL, attempts = 0,
        first_seen = least(observation.first_seen, excluded.first_seen)
    """
)

UNLINKED: Final = "unlinked by "


@dataclass(frozen=True, slots=True)
class Settled:
    """One side of a link as last settled, and since when the link stood."""

    digest: bytes
    document: Document
    since: datetime | None


class Links(Database):
    """What is tied to what."""

    def links_by_key(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Link]:
        """Links by the key of one side."""
        if not keys:
            return {}
        wanted = link_key(side) == func.any(unique(keys))
        found = [to_link(row) for row in self.rows(select(*_SHORT).where(link.c.mapping == mapping, wanted))]
        return {one.key(side): one for one in found}

    def partners(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, str]:
        """The other side's keys of records that are linked; that of an alias is its primary's."""
        if not keys:
            return {}
        wanted = link_key(side) == func.any(unique(keys))
        pairs = select(link_key(side).label("key"), link_key(side.other).label("other"))
        pairs = pairs.where(link.c.mapping == mapping, wanted)
        if side is Side.FLOWTLY:
            return {row["key"]: row["other"] for row in self.rows(pairs)}
        beside = select(alias.c.external_key.label("key"), link.c.flowtly_key.label("other")).where(
            alias.c.mapping == mapping,
            alias.c.external_key == func.any(unique(keys)),
            link.c.mapping == mapping,
            link.c.external_key == alias.c.primary_key,
        )
        return {row["key"]: row["other"] for row in self.rows(pairs.union(beside))}

    def settled_digest(self, mapping: str, side: Side, key: str) -> bytes | None:
        """The digest that a linked side was settled with; None for a record without a link."""
        wanted = select(link_digest(side).label("digest")).where(link.c.mapping == mapping, link_key(side) == key)
        return next((bytes(row["digest"]) for row in self.rows(wanted)), None)

    def links(self, mapping: str) -> Iterator[Link]:
        """All links of a mapping in external key order (server-side cursor: memory stays flat)."""
        everything = select(*_SHORT).where(link.c.mapping == mapping).order_by(link.c.external_key)
        for row in self.stream(everything):
            yield to_link(row)


def to_link(row: RowMapping) -> Link:
    """A row as the value the engine works with."""
    return Link(row["id"], row["external_key"], row["flowtly_key"], base_from_json(row["base"]), row["origin"])


def remove(connection: Connection, mapping: str, external_key: str) -> RowMapping | None:
    """Delete a link and return what it was."""
    return connection.execute(_REMOVE, {"mapping": mapping, "key": external_key}).mappings().one_or_none()


def remove_pair(connection: Connection, mapping: str, external_key: str, flowtly_key: str) -> RowMapping | None:
    """Delete the link between these two keys and return what it was; None when there is none (any more)."""
    pair = link.c.mapping == mapping, link.c.external_key == external_key, link.c.flowtly_key == flowtly_key
    return connection.execute(link.delete().where(*pair).returning(*link.c)).mappings().one_or_none()


def set_alone(
    connection: Connection,
    *,
    mapping: str,
    side: Side,
    key: str,
    problem: str,
    settled: Settled | None = None,
) -> None:
    """Leave a record as a stranger that nothing creates or links until it changes.

    ``settled`` is how it last read, for a record that has no pending observation.
    """
    base = Settled(b"", {}, None) if settled is None else settled
    connection.execute(
        _SET_ALONE,
        {
            "mapping": mapping,
            "side": side.value,
            "key": key,
            "digest": base.digest,
            "document": json.dumps(document_to_json(base.document)),
            "problem": readable(problem),
            "since": base.since,
        },
    )


def forget_absence(connection: Connection, mapping: str, side: Side, key: str) -> None:
    """A record without a link is missed by nobody."""
    connection.execute(
        absence.delete().where(absence.c.mapping == mapping, absence.c.side == side.value, absence.c.key == key)
    )
