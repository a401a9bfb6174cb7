"""Aliases: further external records of a Flowtly record that is linked. Never a record that has a link of its own.

An alias keeps its pending observation like a stranger does; who looks for strangers leaves aliases out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from syncd.core.canon import document_from_json, document_to_json, same
from syncd.core.model import ABSENT, Document, Side
from syncd.errors import Stale
from syncd.ports import Lease, LedgerEntry
from syncd.ports.aliases import Alias
from syncd.store import ledger, links, observations, questions
from syncd.store.alias_tables import alias as table
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.links import UNLINKED, Settled
from syncd.store.questions import Record
from syncd.store.tables import link
from syncd.store.values import base_from_json, readable, unique


class Aliases(Database):
    """What stands beside a link."""

    def aliases(self, mapping: str) -> list[Alias]:
        """Every alias of a mapping, in key order."""
        return [to_alias(row) for row in self.rows(_of(mapping))]

    def aliases_of(self, mapping: str, primaries: Sequence[str]) -> dict[str, list[Alias]]:
        """Aliases by the external key of their primary."""
        found: dict[str, list[Alias]] = {}
        if primaries:
            for row in self.rows(_of(mapping).where(table.c.primary_key == func.any(unique(primaries)))):
                found.setdefault(row["primary_key"], []).append(to_alias(row))
        return found

    def alias(self, mapping: str, external_key: str) -> Alias | None:
        """One alias."""
        rows = self.rows(_of(mapping).where(table.c.external_key == external_key))
        return to_alias(rows[0]) if rows else None

    def keep_alias(self, alias: Alias, lease: Lease, answer: int | None = None) -> None:
        """Make or update an alias, and note with it that an answer was carried out.

        Raises LeaseLost, and Stale for a record that is linked, or without a primary.
        """
        with self.transaction() as connection:
            require(connection, lease)
            put(connection, alias)
            if answer is not None:
                questions.close(connection, [answer], questions.CARRIED_OUT, None, carried_out=True)

    def drop_alias(self, mapping: str, external_key: str, why: str, lease: Lease) -> None:
        """An alias ends: its record is gone, is linked itself by now, or went into another one."""
        with self.transaction() as connection:
            require(connection, lease)
            _end(connection, mapping, external_key, why)

    def part_alias(self, mapping: str, external_key: str, by: str) -> bool:
        """A person takes an alias apart: it is a stranger that nothing ties or creates before it changes."""
        with self.transaction() as connection:
            ended = _end(connection, mapping, external_key, f"by {by}", by)
            if ended is None:
                return False
            settled = Settled(b"", ended.base, ended.since)
            links.set_alone(
                connection,
                mapping=mapping,
                side=Side.EXTERNAL,
                key=external_key,
                problem=f"{UNLINKED}{by}",
                settled=settled,
            )
            return True


def put(connection: Connection, one: Alias) -> None:
    """Make or update an alias; making it again keeps since when it is one. Raises Stale.

    A new one that was edited before it became one is not up to date in those fields: they count as not told.
    """
    if one.external_key == one.primary or _linked(connection, one.mapping, one.external_key):
        raise Stale(f"{one.external_key} is linked itself: it cannot be an alias")
    if not _linked(connection, one.mapping, one.primary):
        raise Stale(f"{one.primary} is not linked: it cannot have an alias")
    known = get(connection, one.mapping, one.external_key)
    told = _told(connection, one) if known is None else one.told
    row = {
        "mapping": one.mapping,
        "external_key": one.external_key,
        "primary_key": one.primary,
        "base": document_to_json(one.base),
        "told": document_to_json(told),
        "since": one.since,
        "made_by": readable(one.by),
        "missed_run": one.missed_run,
    }
    new = insert(table).values(row)
    kept = {name: new.excluded[name] for name in ("primary_key", "base", "told", "missed_run")}
    connection.execute(new.on_conflict_do_update(index_elements=[table.c.mapping, table.c.external_key], set_=kept))
    if known is None:
        _enter(connection, one, "aliased", f"of {one.primary}, by {one.by}")


def move(connection: Connection, mapping: str, primary: str, new: str) -> None:
    """The aliases of ``primary`` are those of ``new`` from now on, and what that has otherwise is carried to them."""
    mine = table.c.mapping == mapping, table.c.primary_key == primary
    connection.execute(table.update().where(*mine).values(primary_key=new))


def hand_over(connection: Connection, mapping: str, primary: str, new: str, before: Document) -> None:
    """The same where only the record is another one: what the new primary has otherwise is not carried.

    ``before`` is the base that the old primary had as a link.
    """
    rows = connection.execute(_of(mapping).where(table.c.primary_key == primary)).mappings().all()
    after = _base_of(connection, mapping, new)
    for one in map(to_alias, rows):
        told = {name: value for name, value in after.items() if _is_told(one, name, before)}
        moved = {"primary_key": new, "told": document_to_json(told)}
        connection.execute(table.update().where(*_is(one)).values(moved))


def get(connection: Connection, mapping: str, external_key: str) -> Alias | None:
    """One alias, locked."""
    chosen = _of(mapping).where(table.c.external_key == external_key).with_for_update(of=table)
    row = connection.execute(chosen).mappings().one_or_none()
    return None if row is None else to_alias(row)


def remove(connection: Connection, one: Alias) -> None:
    """Its row only."""
    connection.execute(table.delete().where(*_is(one)))


def to_alias(row: RowMapping) -> Alias:
    """A row as the value the engine works with."""
    return Alias(
        row["mapping"],
        row["external_key"],
        row["primary_key"],
        row["flowtly_key"] or "",
        document_from_json(row["base"]),
        document_from_json(row["told"]),
        row["since"],
        row["made_by"],
        row["missed_run"],
    )


def _of(mapping: str) -> Select[Any]:
    tied = (link.c.mapping == table.c.mapping) & (link.c.external_key == table.c.primary_key)
    return (
        select(*table.c, link.c.flowtly_key)
        .select_from(table.outerjoin(link, tied))
        .where(table.c.mapping == mapping)
        .order_by(table.c.external_key)
    )


def _is(one: Alias) -> tuple[ColumnElement[bool], ...]:
    return (table.c.mapping == one.mapping, table.c.external_key == one.external_key)


def _linked(connection: Connection, mapping: str, external_key: str) -> bool:
    mine = exists().where(link.c.mapping == mapping, link.c.external_key == external_key)
    return bool(connection.execute(select(mine)).scalar_one())


def _base_of(connection: Connection, mapping: str, primary: str) -> Document:
    """How a primary read when it was last agreed."""
    wanted = select(link.c.base).where(link.c.mapping == mapping, link.c.external_key == primary)
    base = connection.execute(wanted).scalar_one_or_none()
    return {} if base is None else base_from_json(base).external


def _told(connection: Connection, one: Alias) -> Document:
    seen = observations.read(connection, one.mapping, Side.EXTERNAL, [one.external_key]).get(one.external_key)
    if seen is None or seen.document is None:
        return one.told
    edited = {name for name, value in seen.document.items() if not same(value, one.base.get(name, ABSENT))}
    return {name: value for name, value in one.told.items() if name not in edited or name not in one.base}


def _is_told(one: Alias, name: str, before: Document) -> bool:
    """True for a field in which the alias was up to date with its old primary."""
    return same(one.told.get(name, ABSENT), before.get(name, ABSENT))


def _end(connection: Connection, mapping: str, external_key: str, why: str, by: str | None = None) -> Alias | None:
    ended = get(connection, mapping, external_key)
    if ended is None:
        return None
    remove(connection, ended)
    questions.close_record(connection, mapping, Record(external_key, None), why, by)
    _enter(connection, ended, "unaliased", why)
    return ended


def _enter(connection: Connection, one: Alias, event: str, rule: str) -> None:
    entry = LedgerEntry(event, one.external_key, one.flowtly_key or None, Side.EXTERNAL, rule=rule)
    ledger.append(connection, one.mapping, None, [entry])
