"""Settling: everything a decision changes in the store, in one transaction under the fence. Never half of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, text
from sqlalchemy.exc import IntegrityError

from syncd.core.model import Base, Side
from syncd.errors import Stale
from syncd.ports import Lease, LedgerEntry, Observation, Settlement, SideState
from syncd.store import ledger, links, observations, operations, outbox, questions, removals
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.links import UNLINKED, Settled
from syncd.store.questions import Record
from syncd.store.tables import link, observation
from syncd.store.values import base_from_json, base_to_json, octets, rowset, unique

# A side without a digest keeps the one it had; a new link's side then gets one of no bytes, which no record has.
# The last condition refuses to tie a key to another partner: such a row is not returned.
_TIE: Final = text(
    """
    INSERT INTO link AS known (mapping, external_key, flowtly_key, base, external_digest, flowtly_digest, origin,
                               updated_run)
    SELECT :mapping, given.external_key, given.flowtly_key, given.base, coalesce(given.external_digest, ''),
           coalesce(given.flowtly_digest, ''), given.origin, :run_id
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        external_key text, flowtly_key text, base jsonb, external_digest bytea, flowtly_digest bytea, origin text)
    ORDER BY given.external_key
    ON CONFLICT (mapping, external_key) DO UPDATE SET
        base = excluded.base,
        external_digest = CASE WHEN excluded.external_digest = '' THEN known.external_digest
                               ELSE excluded.external_digest END,
        flowtly_digest = CASE WHEN excluded.flowtly_digest = '' THEN known.flowtly_digest
                              ELSE excluded.flowtly_digest END,
        updated_run = excluded.updated_run, updated_at = now()
    WHERE known.flowtly_key = excluded.flowtly_key
    RETURNING external_key, (xmax = 0) AS new
    """
)

# Sides that came to rest while the base stays as it was. Found by one key; the other must fit where it is known.
_REST_BY_EXTERNAL: Final = text(
    """
    UPDATE link SET
        external_digest = coalesce(given.external_digest, link.external_digest),
        flowtly_digest = coalesce(given.flowtly_digest, link.flowtly_digest),
        updated_run = :run_id, updated_at = now()
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        external_key text, flowtly_key text, external_digest bytea, flowtly_digest bytea)
    WHERE link.mapping = :mapping AND link.external_key = given.external_key
      AND link.flowtly_key = coalesce(given.flowtly_key, link.flowtly_key)
    """
)
_REST_BY_FLOWTLY: Final = text(
    """
    UPDATE link SET flowtly_digest = given.flowtly_digest, updated_run = :run_id, updated_at = now()
    FROM json_to_recordset(CAST(:rows AS json)) AS given(flowtly_key text, flowtly_digest bytea)
    WHERE link.mapping = :mapping AND link.flowtly_key = given.flowtly_key
    """
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Whose transaction this is."""

    connection: Connection
    mapping: str
    run_id: int


class Settlements(Database):
    """Where decisions become memory."""

    def settle(self, settlements: Sequence[Settlement], mapping: str, run_id: int, lease: Lease) -> None:
        """Apply settlements in their order, in one transaction under the fence.

        A pair that a person unlinked since it was planned stays apart: its operation ends, nothing else is taken over.
        Raises LeaseLost; Stale when a key is tied to another partner already; ValueError for a side state without its
        key. Nothing is kept then.
        """
        for one in settlements:
            _check(one)
        with self.transaction() as connection:
            require(connection, lease)
            run = _Run(connection, mapping, run_id)
            for group in _disjoint(settlements):
                _apply(run, group)

    def unlink(self, mapping: str, external_key: str, by: str) -> bool:
        """Remove a link on a person's order; both records are strangers again and never re-created without asking.

        They stay pending as ``alone`` with who took them apart, so that nothing ties or creates them until they change.
        """
        with self.transaction() as connection:
            row = links.remove(connection, mapping, external_key)
            if row is None:
                return False
            base = base_from_json(row["base"])
            keys = {Side.EXTERNAL: row["external_key"], Side.FLOWTLY: row["flowtly_key"]}
            for side, key in keys.items():
                settled = Settled(row[f"{side.value}_digest"], base.of(side), row["created_at"])
                problem = f"{UNLINKED}{by}"
                links.set_alone(connection, mapping=mapping, side=side, key=key, problem=problem, settled=settled)
                links.forget_absence(connection, mapping, side, key)
            pair = (row["external_key"], row["flowtly_key"])
            questions.close_record(connection, mapping, Record(*pair), "unlinked", by)
            ledger.append(connection, mapping, None, [LedgerEntry("unlinked", *pair, rule=f"by {by}")])
            return True


def _check(one: Settlement) -> None:
    for key, state, name in (
        (one.external_key, one.external, "external"),
        (one.flowtly_key, one.flowtly, "flowtly"),
    ):
        if state is not None and key is None:
            raise ValueError(f"a settlement with an {name} state needs the {name} key")
    if (one.base is not None or one.dissolved) and (one.external_key is None or one.flowtly_key is None):
        raise ValueError("a settlement with a base, or of a link that ends, needs both keys")


def _disjoint(settlements: Sequence[Settlement]) -> Iterator[list[Settlement]]:
    """Groups in which no key comes twice, so that each can be written at once and the order still counts."""
    group: list[Settlement] = []
    taken: set[tuple[str, str | None]] = set()
    for one in settlements:
        keys = {("external", one.external_key), ("flowtly", one.flowtly_key)} - {("external", None), ("flowtly", None)}
        if keys & taken:
            yield group
            group, taken = [], set()
        group.append(one)
        taken |= keys
    if group:
        yield group


def _apply(run: _Run, group: Sequence[Settlement]) -> None:
    connection, mapping = run.connection, run.mapping
    apart = _taken_apart(run, group)
    standing = [one for number, one in enumerate(group) if number not in apart]
    ended = [
        (one.operation, one.operation_state, one.operation_detail)
        for one in group
        if one.operation is not None and one.operation_state is not None
    ]
    operations.end(connection, mapping, ended)
    operations.turn(connection, [(one.operation, one.operation_kind) for one in group if one.operation_kind])
    records = [(Record(one.external_key, one.flowtly_key), one.closed_fields) for one in standing]
    questions.close_fields(connection, mapping, records)
    over = [
        (id_, one.removal_state, one.removal_detail)
        for one in standing
        if one.removal_state is not None
        for id_ in one.removals
    ]
    removals.finish(connection, mapping, over)
    _dissolve(run, [one for one in standing if one.dissolved])
    _tie(run, [one for one in standing if one.base is not None])
    _rest(run, [one for one in standing if one.base is None])
    _sides(run, standing)
    questions.open_all(connection, mapping, run.run_id, [question for one in standing for question in one.opened])
    ledger.append(connection, mapping, run.run_id, [entry for one in group for entry in one.ledger])
    outbox.put(connection, [told for one in standing for told in one.events])


def _taken_apart(run: _Run, group: Sequence[Settlement]) -> set[int]:
    """Which settlements speak of a pair that was linked when planned and that a person has unlinked since."""
    pairs = {
        number: one
        for number, one in enumerate(group)
        if one.external_key is not None and one.flowtly_key is not None and not one.origin
    }
    if not pairs:
        return set()
    keys = unique(one.external_key for one in pairs.values() if one.external_key is not None)
    locked = select(link.c.external_key).where(link.c.mapping == run.mapping, link.c.external_key == func.any(keys))
    standing = set(run.connection.execute(locked.order_by(link.c.id).with_for_update()).scalars())
    lost = set(keys) - standing
    if not lost:
        return set()
    marked = select(observation.c.key).where(
        observation.c.mapping == run.mapping,
        observation.c.side == Side.EXTERNAL.value,
        observation.c.key == func.any(unique(lost)),
        observation.c.status == "alone",
        observation.c.problem.startswith(UNLINKED, autoescape=True),
    )
    gone = set(run.connection.execute(marked).scalars())
    return {number for number, one in pairs.items() if one.external_key in gone}


def _tie(run: _Run, group: Sequence[Settlement]) -> None:
    """Make or update links."""
    if not group:
        return
    rows = [{**_digests(one), "base": _base(one.base), "origin": one.origin} for one in group]
    parameters = {"mapping": run.mapping, "run_id": run.run_id, "rows": rowset(rows)}
    try:
        tied = run.connection.execute(_TIE, parameters).all()
    except IntegrityError as error:
        raise Stale("a record of this batch is linked to another one already") from error
    if len(tied) != len(group):
        refused = sorted({one.external_key or "" for one in group} - {row.external_key for row in tied})
        raise Stale(f"linked to another record already: {', '.join(refused[:5])}")
    new = {row.external_key for row in tied if row.new}
    pairs = [(one.external_key or "", one.flowtly_key or "") for one in group if one.external_key in new]
    questions.fulfil_answers(run.connection, run.mapping, pairs)


def _dissolve(run: _Run, group: Sequence[Settlement]) -> None:
    """End links, and with them every question about the pair. Whoever has no link is missed by nobody."""
    for one in group:
        external, flowtly = one.external_key or "", one.flowtly_key or ""
        row = links.remove_pair(run.connection, run.mapping, external, flowtly)
        if row is None:
            continue
        for side, key in ((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)):
            links.forget_absence(run.connection, run.mapping, side, key)
        questions.close_record(run.connection, run.mapping, Record(external, flowtly), "dissolved", None)
        if one.alone is not None:
            _leave_alone(run, row, one.alone, f"{UNLINKED}syncd: {one.removal_detail}")


def _leave_alone(run: _Run, row: RowMapping, side: Side, problem: str) -> None:
    """One side of a link that ended stays as it was settled: nothing ties or creates it until it changes."""
    settled = Settled(row[f"{side.value}_digest"], base_from_json(row["base"]).of(side), row["created_at"])
    links.set_alone(
        run.connection,
        mapping=run.mapping,
        side=side,
        key=row[f"{side.value}_key"],
        problem=problem,
        settled=settled,
    )


def _rest(run: _Run, group: Sequence[Settlement]) -> None:
    """Take over digests of sides at rest where the base stays."""
    rows = [_digests(one) for one in group if _at_rest(one.external) or _at_rest(one.flowtly)]
    by_external = [row for row in rows if row["external_key"] is not None]
    by_flowtly = [row for row in rows if row["external_key"] is None]
    for statement, chosen in ((_REST_BY_EXTERNAL, by_external), (_REST_BY_FLOWTLY, by_flowtly)):
        if chosen:
            parameters = {"mapping": run.mapping, "run_id": run.run_id, "rows": rowset(chosen)}
            run.connection.execute(statement, parameters)


def _sides(run: _Run, group: Sequence[Settlement]) -> None:
    """Keep what is still pending as given, and forget what is at rest."""
    pending: list[tuple[Side, Observation]] = []
    for side in Side:
        rested = []
        for one in group:
            key, state = _side(one, side)
            if state is None or key is None:
                continue
            if state.observation is None:
                rested.append(key)
            else:
                pending.append((side, state.observation))
        observations.withdraw(run.connection, run.mapping, side, rested)
    observations.put(run.connection, run.mapping, pending)


def _side(one: Settlement, side: Side) -> tuple[str | None, SideState | None]:
    return (one.external_key, one.external) if side is Side.EXTERNAL else (one.flowtly_key, one.flowtly)


def _at_rest(state: SideState | None) -> bool:
    return state is not None and state.observation is None


def _digests(one: Settlement) -> dict[str, Any]:
    return {
        "external_key": one.external_key,
        "flowtly_key": one.flowtly_key,
        "external_digest": octets(one.external.digest) if one.external is not None and _at_rest(one.external) else None,
        "flowtly_digest": octets(one.flowtly.digest) if one.flowtly is not None and _at_rest(one.flowtly) else None,
    }


def _base(base: Base | None) -> dict[str, Any] | None:
    return None if base is None else base_to_json(base)
