"""Operations: writes that were promised before they were sent. One open create a source record, by a unique index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, func, select, text
from sqlalchemy.exc import IntegrityError

from syncd.core.canon import document_from_json, document_to_json
from syncd.core.model import Side
from syncd.core.removal import OURS
from syncd.errors import BadAnswer, NotFound, Stale
from syncd.ports import Intent, Lease, LedgerEntry, Operation, OperationKind, OperationState
from syncd.store import ledger, observations, questions
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.links import set_alone
from syncd.store.tables import link, operation
from syncd.store.values import UNSTORABLE, readable, rowset, storable

_OPEN: Final = tuple(state.value for state in OperationState if state.open)
_DECIDABLE: Final = (OperationState.IN_DOUBT, OperationState.QUARANTINED)
_SHOWN: Final = 500

_END: Final = text(
    """
    UPDATE operation SET
        state = given.state, detail = given.detail,
        ended_at = CASE WHEN given.state = ANY(CAST(:open AS text[])) THEN NULL ELSE now() END
    FROM json_to_recordset(CAST(:rows AS json)) AS given(id uuid, state text, detail text)
    WHERE operation.id = given.id AND operation.mapping = :mapping
    """
)


class Operations(Database):
    """Intents and what became of them."""

    def intend(self, intents: Sequence[Intent], mapping: str, run_id: int, lease: Lease) -> list[Operation]:
        """Commit intents, in their order, before anything is sent.

        Raises LeaseLost when the fence is not ours any more, Stale for a source record that has an open create on the
        same side, and for the replacement of a record that is not linked as one that we made, BadAnswer for a payload
        that cannot be stored. Nothing of the batch is kept then.
        """
        if not intents:
            return []
        rows = [_new_row(intent, mapping, run_id, lease) for intent in intents]
        insertion = operation.insert().returning(*operation.c, sort_by_parameter_order=True)
        with self.transaction() as connection:
            require(connection, lease)
            for intent in intents:
                _require_ours(connection, mapping, intent)
            try:
                stored = connection.execute(insertion, rows).mappings().all()
            except IntegrityError as error:
                raise Stale(f"an earlier create for one of {len(intents)} records is not finished") from error
            return [to_operation(row) for row in stored]

    def open_operations(self, mapping: str) -> list[Operation]:
        """Intents that are not finished, oldest first."""
        age = (func.clock_timestamp() - operation.c.created_at).label("age")
        wanted = select(operation, age).where(operation.c.mapping == mapping, operation.c.state.in_(_OPEN))
        return [to_operation(row) for row in self.rows(wanted.order_by(operation.c.created_at, operation.c.id))]

    def operations(self, mapping: str | None, *, open_only: bool) -> list[Operation]:
        """For people: operations, newest first, at most 500."""
        wanted = select(operation).order_by(operation.c.created_at.desc(), operation.c.id).limit(_SHOWN)
        if mapping is not None:
            wanted = wanted.where(operation.c.mapping == mapping)
        if open_only:
            wanted = wanted.where(operation.c.state.in_(_OPEN))
        return [to_operation(row) for row in self.rows(wanted)]

    def decide_operation(self, operation: UUID, verdict: Literal["adopt", "retry", "reject"], key: str | None) -> None:
        """A person ends a quarantined or doubtful create.

        ``adopt`` needs the target key and leaves the answer to link the two, which the next run carries out; ``retry``
        makes the source record dirty, so that it is created again; ``reject`` leaves it alone until it changes.
        Raises NotFound for an unknown operation, Stale for one that is not in doubt, ValueError without a key.
        """
        if verdict == "adopt" and not key:
            raise ValueError("adopting needs the key of the record that the create made")
        with self.transaction() as connection:
            decided = _in_doubt(connection, operation)
            if verdict == "adopt" and key:
                _adopt(connection, decided, key)
            elif verdict == "retry":
                _retry(connection, decided)
            else:
                _reject(connection, decided)


def end(connection: Connection, mapping: str, outcomes: Sequence[tuple[UUID, OperationState, str]]) -> None:
    """Give operations their states; one that is not open any more in its new state gets its end time."""
    if outcomes:
        rows = [{"id": str(id_), "state": state.value, "detail": readable(why)} for id_, state, why in outcomes]
        connection.execute(_END, {"mapping": mapping, "rows": rowset(rows), "open": list(_OPEN)})


def turn(connection: Connection, kinds: Sequence[tuple[UUID | None, OperationKind | None]]) -> None:
    """Make operations of another kind: a replacement whose old record is gone is a create."""
    for id_, kind in kinds:
        connection.execute(operation.update().where(operation.c.id == id_).values(kind=kind))


def to_operation(row: RowMapping) -> Operation:
    """A row as the value the engine works with."""
    intent = Intent(
        kind=row["kind"],
        side=Side(row["side"]),
        source_key=row["source_key"],
        target_key=row["target_key"],
        payload=document_from_json(row["payload"]),
        reason=row["reason"],
        removal=row["removal"],
    )
    state, age = OperationState(row["state"]), row.get("age", timedelta(0))
    return Operation(row["id"], row["mapping"], intent, state, row["created_at"], row["run_id"], row["detail"], age)


def _new_row(intent: Intent, mapping: str, run_id: int, lease: Lease) -> dict[str, Any]:
    if not storable(intent.payload):
        raise BadAnswer(f"record {intent.source_key!r} {UNSTORABLE}")
    return {
        "id": uuid4(),
        "mapping": mapping,
        "kind": intent.kind,
        "side": intent.side.value,
        "source_key": intent.source_key,
        "target_key": intent.target_key,
        "payload": document_to_json(intent.payload),
        "reason": readable(intent.reason),
        "removal": intent.removal,
        "state": OperationState.INTENDED.value,
        "run_id": run_id,
        "fence": lease.fence,
    }


def _require_ours(connection: Connection, mapping: str, intent: Intent) -> None:
    """Raises Stale for the replacement of a record that the links do not call ours: nothing else is ever deleted so."""
    if intent.kind != "replace":
        return
    keys = {intent.side: intent.target_key, intent.side.other: intent.source_key}
    ours = select(link.c.id).where(
        link.c.mapping == mapping,
        link.c.external_key == keys[Side.EXTERNAL],
        link.c.flowtly_key == keys[Side.FLOWTLY],
        link.c.origin.in_(OURS),
    )
    if connection.execute(ours.with_for_update()).first() is None:
        raise Stale(f"{intent.target_key} is not linked as a record that we made: it cannot be replaced")


def _in_doubt(connection: Connection, id_: UUID) -> Operation:
    row = connection.execute(select(operation).where(operation.c.id == id_).with_for_update()).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no operation {id_}")
    found = to_operation(row)
    if found.intent.kind != "create" or found.state not in _DECIDABLE:
        raise Stale(
            f"operation {id_} is a {found.intent.kind} and {found.state}: only a create in doubt can be decided"
        )
    return found


def _keys(decided: Operation, target: str | None) -> tuple[str | None, str | None]:
    source = decided.intent.source_key
    return (source, target) if decided.intent.side is Side.FLOWTLY else (target, source)


def _close(connection: Connection, decided: Operation, state: OperationState, how: str, target: str | None) -> None:
    """End the operation and the question about it, and say so in the ledger."""
    external, flowtly = _keys(decided, target)
    end(connection, decided.mapping, [(decided.id, state, how)])
    questions.close_doubt(connection, decided.mapping, *_keys(decided, None), resolution=how)
    entry = LedgerEntry("resolved", external, flowtly, decided.intent.side, rule=how, operation=decided.id)
    ledger.append(connection, decided.mapping, None, [entry])


def _adopt(connection: Connection, decided: Operation, key: str) -> None:
    _close(connection, decided, OperationState.DONE, f"a person named {key} as its result", key)
    questions.leave_answer(connection, decided.mapping, *_keys(decided, key), run_id=decided.run_id)
    # Until that is done nothing may create the source record again, also when the named record is not listed yet.
    source = decided.intent.source_key
    observations.set_aside(connection, decided.mapping, decided.intent.side.other, source, f"is {key}, said a person")


def _retry(connection: Connection, decided: Operation) -> None:
    _close(connection, decided, OperationState.DROPPED, "a person said: send it again", None)
    observations.stir(connection, decided.mapping, decided.intent.side.other, [decided.intent.source_key])


def _reject(connection: Connection, decided: Operation) -> None:
    _close(connection, decided, OperationState.REJECTED, "a person said: do not create it", None)
    set_alone(
        connection,
        mapping=decided.mapping,
        side=decided.intent.side.other,
        key=decided.intent.source_key,
        problem="not to be created, said a person",
    )
