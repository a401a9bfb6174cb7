"""Read certificates: the proof that a full pass saw everything. In doubt a pass proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, case, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.model import Side
from syncd.ports import Certificate
from syncd.store.tables import absence, certificate, link, link_key, mapping_state, observation, operation
from syncd.store.tables import seen as seen_table
from syncd.store.values import readable

_NAMED: Final = 5  # how many keys a reason names
_CANARIES: Final = 5  # with fewer links a person may well have removed all of them

_ANALYZE: Final = text("ANALYZE pass_seen")  # without it the planner takes a temporary table for a small one


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a full pass can say of itself; ``trouble`` are reasons why it proves nothing."""

    mapping: str
    side: Side
    run_id: int
    pages: int
    repeated: int
    total: int | None
    missed_by_cursor: int
    duplicates: frozenset[str]
    trouble: tuple[str, ...]
    fingerprint: str = ""
    derived: bool = False
    """The records are made by ourselves from others: few of them, or none, is no reason for doubt."""


def conclude(connection: Connection, outcome: Outcome, shrink_limit: float) -> Certificate:
    """Judge a full pass against what is linked and what the last one saw, and write its certificate."""
    connection.execute(_ANALYZE)
    seen = connection.execute(select(func.count()).select_from(seen_table)).scalar_one()
    links = _count_links(connection, outcome, unseen=False)
    missing = _count_links(connection, outcome, unseen=True)
    canaries, canaries_seen = _canaries(connection, outcome)
    trouble = [*outcome.trouble, *_doubts(outcome, seen, links)]
    judged = not trouble and not outcome.derived
    before = _shrunk_from(connection, outcome, seen, shrink_limit) if judged else None
    shrunk = before is not None
    if shrunk:
        trouble.append(f"shrank from {before} to {seen} records, more than the limit of {shrink_limit:.0%}")
    elif judged and canaries == _CANARIES and canaries_seen == 0 and not _believed_without(connection, outcome):
        shrunk = True
        trouble.append(f"saw none of the {canaries} oldest linked records")
    values = {
        "mapping": outcome.mapping,
        "side": outcome.side.value,
        "run_id": outcome.run_id,
        "seen": seen,
        "repeated": outcome.repeated,
        "pages": outcome.pages,
        "total": outcome.total,
        "complete": not trouble,
        "shrunk": shrunk,
        "reason": readable("; ".join(trouble)),
        "missed_by_cursor": outcome.missed_by_cursor,
        "missing": missing,
        "fingerprint": outcome.fingerprint,
        "digest": _digest(connection),
        "canaries": canaries,
        "canaries_seen": canaries_seen,
    }
    row = connection.execute(certificate.insert().values(values).returning(certificate)).mappings().one()
    if not trouble:
        _note_absences(connection, outcome, row["id"])
        _forget_strangers(connection, outcome)
    return to_certificate(row)


def latest(connection: Connection, mapping: str, side: Side, limit: int) -> list[Certificate]:
    """Latest certificates, newest first."""
    chosen = (
        select(certificate)
        .where(certificate.c.mapping == mapping, certificate.c.side == side.value)
        .order_by(certificate.c.id.desc())
        .limit(limit)
    )
    return [to_certificate(row) for row in connection.execute(chosen).mappings()]


def to_certificate(row: RowMapping) -> Certificate:
    """A row as the value the engine works with."""
    return Certificate(
        id=row["id"],
        mapping=row["mapping"],
        side=Side(row["side"]),
        run_id=row["run_id"],
        seen=row["seen"],
        pages=row["pages"],
        total=row["total"],
        complete=row["complete"],
        reason=row["reason"],
        missed_by_cursor=row["missed_by_cursor"],
        missing=row["missing"],
        fingerprint=row["fingerprint"],
        digest=row["digest"],
        canaries=row["canaries"],
        canaries_seen=row["canaries_seen"],
        shrunk=row["shrunk"],
    )


def _doubts(outcome: Outcome, seen: int, links: int) -> list[str]:
    doubts = []
    if outcome.duplicates:
        named = ", ".join(repr(key) for key in sorted(outcome.duplicates)[:_NAMED])
        more = f" and {len(outcome.duplicates) - _NAMED} more" if len(outcome.duplicates) > _NAMED else ""
        doubts.append(f"duplicate keys: {named}{more}")
    if outcome.total is not None and outcome.total != seen:
        doubts.append(f"claimed {outcome.total}, saw {seen}")
    if outcome.derived:
        return doubts
    if seen == 0 and links > 0:
        doubts.append(f"saw nothing while {links} records are linked")
    return doubts


def _shrunk_from(connection: Connection, outcome: Outcome, seen: int, shrink_limit: float) -> int | None:
    """How many records there should be, where so many fewer were seen; what we deleted ourselves is not missed."""
    last = _baseline(connection, outcome.mapping, outcome.side)
    if last is None or not _much_less(last[0], seen, shrink_limit):
        return None
    before = last[0] - _deleted_since(connection, outcome, last[1])
    return before if _much_less(before, seen, shrink_limit) else None


def _much_less(before: int, seen: int, shrink_limit: float) -> bool:
    return before > 0 and (before - seen) / before > shrink_limit


def _deleted_since(connection: Connection, outcome: Outcome, moment: datetime) -> int:
    """How many records of this side we deleted since then."""
    ours = select(func.count()).where(
        operation.c.mapping == outcome.mapping,
        operation.c.side == outcome.side.value,
        operation.c.kind == "delete",
        operation.c.state == "done",
        operation.c.ended_at > moment,
    )
    return connection.execute(ours).scalar_one()


def _baseline(connection: Connection, mapping: str, side: Side) -> tuple[int, datetime] | None:
    """How many records the last believed pass saw, and when.

    Believed is a complete one, or one that was doubted only for having shrunk and that a person approved a plan after;
    without the second a side that really shrank could never be certified again.
    """
    approved = select(mapping_state.c.approved_at).where(mapping_state.c.mapping == mapping).scalar_subquery()
    believed = or_(certificate.c.complete, and_(certificate.c.shrunk, certificate.c.finished_at <= approved))
    last = (
        select(certificate.c.seen, certificate.c.finished_at)
        .where(certificate.c.mapping == mapping, certificate.c.side == side.value, believed)
        .order_by(certificate.c.id.desc())
        .limit(1)
    )
    row = connection.execute(last).one_or_none()
    return None if row is None else (row.seen, row.finished_at)


def _canaries(connection: Connection, outcome: Outcome) -> tuple[int, int]:
    """How many of the oldest links that were there so far were looked for, and how many of them were seen."""
    key = link_key(outcome.side)
    missed = exists().where(
        absence.c.mapping == outcome.mapping, absence.c.side == outcome.side.value, absence.c.key == key
    )
    oldest = select(key.label("key")).where(link.c.mapping == outcome.mapping, ~missed).order_by(link.c.id)
    known = oldest.limit(_CANARIES).subquery()
    was_seen = exists().where(seen_table.c.key == known.c.key)
    counted = select(func.count(), func.count().filter(was_seen)).select_from(known)
    looked, found = connection.execute(counted).one()
    return looked, found


def _believed_without(connection: Connection, outcome: Outcome) -> bool:
    """True after a person approved a plan that was made after the last reading doubted for what it did not see."""
    approved = select(mapping_state.c.approved_at).where(mapping_state.c.mapping == outcome.mapping).scalar_subquery()
    last = (
        select(certificate.c.shrunk & (certificate.c.finished_at <= approved))
        .where(certificate.c.mapping == outcome.mapping, certificate.c.side == outcome.side.value)
        .order_by(certificate.c.id.desc())
        .limit(1)
    )
    return bool(connection.execute(last).scalar_one_or_none())


def _digest(connection: Connection) -> str:
    """One text for a set of keys, whatever the order in which they came; flat in memory however many there are."""
    hashed = func.hashtextextended(seen_table.c.key, 0)
    counted = select(func.coalesce(func.bit_xor(hashed), 0), func.coalesce(func.sum(hashed), 0))
    return ":".join(str(part) for part in connection.execute(counted).one())


def _unseen(key: Any) -> Any:
    return ~exists().where(seen_table.c.key == key)


def _count_links(connection: Connection, outcome: Outcome, *, unseen: bool) -> int:
    counted = select(func.count()).select_from(link).where(link.c.mapping == outcome.mapping)
    if unseen:
        counted = counted.where(_unseen(link_key(outcome.side)))
    return connection.execute(counted).scalar_one()


def _note_absences(connection: Connection, outcome: Outcome, certificate_id: int) -> None:
    """Linked, not seen: absent since the first certificate under this mapping that did not see it.

    What an edited mapping did not see before says nothing under the new one, so the proof begins anew.
    """
    number = literal(certificate_id)
    unseen = select(
        literal(outcome.mapping), literal(outcome.side.value), link_key(outcome.side), number, number
    ).where(link.c.mapping == outcome.mapping, _unseen(link_key(outcome.side)))
    same_mapping = exists().where(
        certificate.c.id == absence.c.first_certificate, certificate.c.fingerprint == outcome.fingerprint
    )
    new = insert(absence).from_select(["mapping", "side", "key", "first_certificate", "last_certificate"], unseen)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[absence.c.mapping, absence.c.side, absence.c.key],
            set_={
                "last_certificate": new.excluded.last_certificate,
                "first_certificate": case((same_mapping, absence.c.first_certificate), else_=number),
            },
        )
    )


def _forget_strangers(connection: Connection, outcome: Outcome) -> None:
    """A record that no link holds and that is not there any more has nothing pending."""
    linked = exists().where(link.c.mapping == outcome.mapping, link_key(outcome.side) == observation.c.key)
    connection.execute(
        observation.delete().where(
            observation.c.mapping == outcome.mapping,
            observation.c.side == outcome.side.value,
            ~linked,
            _unseen(observation.c.key),
        )
    )
