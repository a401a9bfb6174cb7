"""Questions as settlements open and end them. Asking the same thing twice asks it once, and rewrites nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, text

from syncd.ports import NewConflict
from syncd.store.tables import conflict, decision
from syncd.store.values import maybe_to_json, readable, rowset, unique

WHOLE: Final = "*"
MERGED: Final = "merged"
LASTING: Final = (MERGED, "lost_edit")
"""About merges: over with the link, when a record is seen again, or by a person; not with what flows meanwhile."""
AGREED: Final = "agreed"
ASKED_ANEW: Final = "asked anew"
CARRIED_OUT: Final = "carried_out"

_OPEN: Final = text(
    """
    INSERT INTO conflict AS known (mapping, kind, external_key, flowtly_key, field, base_external, base_flowtly,
                                   external, flowtly, detail, run_id)
    SELECT :mapping, given.kind, given.external_key, given.flowtly_key, given.field, given.base_external,
           given.base_flowtly, given.external, given.flowtly, given.detail, :run_id
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        kind text, external_key text, flowtly_key text, field text, base_external jsonb, base_flowtly jsonb,
        external jsonb, flowtly jsonb, detail text)
    ON CONFLICT (mapping, kind, coalesce(external_key, ''), coalesce(flowtly_key, ''), field)
        WHERE resolved_at IS NULL
    DO UPDATE SET
        base_external = excluded.base_external, base_flowtly = excluded.base_flowtly, external = excluded.external,
        flowtly = excluded.flowtly, detail = excluded.detail, run_id = excluded.run_id
    WHERE (known.base_external, known.base_flowtly, known.external, known.flowtly, known.detail)
        IS DISTINCT FROM
        (excluded.base_external, excluded.base_flowtly, excluded.external, excluded.flowtly, excluded.detail)
    """
)

# A field is asked about for one reason at a time: the question for another one is over.
_INSTEAD: Final = {"field": "bad_value", "bad_value": "field"}
_REPLACE: Final = text(
    """
    UPDATE conflict SET resolved_at = now(), resolution = :resolution, carried_out_at = now()
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        kind text, external_key text, flowtly_key text, field text)
    WHERE conflict.mapping = :mapping AND conflict.kind = given.kind AND conflict.field = given.field
      AND coalesce(conflict.external_key, '') = coalesce(given.external_key, '')
      AND coalesce(conflict.flowtly_key, '') = coalesce(given.flowtly_key, '')
      AND conflict.resolved_at IS NULL
    """
)

# How an answer names a pair; the engine writes and reads the same form.
_PAIR: Final = "link {external} = {flowtly}"


@dataclass(frozen=True, slots=True)
class Record:
    """A record by what is known of its keys."""

    external_key: str | None
    flowtly_key: str | None


def open_all(connection: Connection, mapping: str, run_id: int, questions: Iterable[NewConflict]) -> None:
    """Open questions; one that is open already keeps its row, and its values are brought up to date."""
    rows = {(one.kind, one.external_key or "", one.flowtly_key or "", one.field): _new_row(one) for one in questions}
    replaced = [{**row, "kind": _INSTEAD[row["kind"]]} for row in rows.values() if row["kind"] in _INSTEAD]
    if replaced:
        given = {"mapping": mapping, "rows": rowset(replaced), "resolution": ASKED_ANEW}
        connection.execute(_REPLACE, given)
    if rows:
        connection.execute(_OPEN, {"mapping": mapping, "run_id": run_id, "rows": rowset(list(rows.values()))})


def close_fields(connection: Connection, mapping: str, closed: Sequence[tuple[Record, Sequence[str]]]) -> None:
    """End the open questions on these fields of these records, and the answered ones that waited to be carried out."""
    fields = [(record, set(names)) for record, names in closed if names]
    if not fields:
        return
    agreed: list[int] = []
    carried: list[int] = []
    by_key = _by_key((record, names) for record, names in fields)
    for row in _pending(connection, mapping, [record for record, _ in fields]):
        names = by_key.get(("external", row.external_key), set()) | by_key.get(("flowtly", row.flowtly_key), set())
        if row.field in names and row.kind not in LASTING:
            (carried if row.decided else agreed).append(row.id)
    close(connection, agreed, AGREED, None, carried_out=True)
    close(connection, carried, CARRIED_OUT, None, carried_out=True)


def fulfil_answers(connection: Connection, mapping: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Note answers about records that have a link now (or had one) as carried out, so that they never act again."""
    if not pairs:
        return
    external, flowtly = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    named = [_PAIR.format(external=one, flowtly=other) for one, other in pairs]
    connection.execute(
        conflict.update()
        .where(
            conflict.c.mapping == mapping,
            conflict.c.field == WHOLE,
            conflict.c.resolved_at.is_not(None),
            conflict.c.carried_out_at.is_(None),
            or_(
                conflict.c.external_key == func.any(external),
                conflict.c.flowtly_key == func.any(flowtly),
                conflict.c.resolution == func.any(named),
            ),
        )
        .values(carried_out_at=func.now())
    )


def close_record(connection: Connection, mapping: str, record: Record, resolution: str, by: str | None) -> None:
    """End every open question about a record."""
    pending = _pending(connection, mapping, [record])
    close(connection, [row.id for row in pending], resolution, by, carried_out=True)


def close_doubt(
    connection: Connection, mapping: str, external_key: str | None, flowtly_key: str | None, *, resolution: str
) -> None:
    """End the question that a doubtful create asked about its source record."""
    asked = select(conflict.c.id).where(
        conflict.c.mapping == mapping,
        conflict.c.kind == "in_doubt",
        conflict.c.external_key.is_not_distinct_from(external_key),
        conflict.c.flowtly_key.is_not_distinct_from(flowtly_key),
        conflict.c.resolved_at.is_(None),
    )
    close(connection, list(connection.execute(asked).scalars()), resolution, None, carried_out=True)


def leave_answer(connection: Connection, mapping: str, external: str | None, flowtly: str | None, run_id: int) -> None:
    """Leave a person's word that two records are one, for the next run to carry out."""
    connection.execute(
        conflict.insert().values(
            mapping=mapping,
            kind="ambiguous",
            external_key=external,
            flowtly_key=flowtly,
            field=WHOLE,
            detail="a person named the result of a create whose answer was lost",
            run_id=run_id,
            resolved_at=func.now(),
            resolution=_PAIR.format(external=external, flowtly=flowtly),
        )
    )


def _new_row(one: NewConflict) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "external_key": one.external_key,
        "flowtly_key": one.flowtly_key,
        "field": one.field,
        "base_external": maybe_to_json(one.base_external),
        "base_flowtly": maybe_to_json(one.base_flowtly),
        "external": maybe_to_json(one.external),
        "flowtly": maybe_to_json(one.flowtly),
        "detail": readable(one.detail),
    }


def _pending(connection: Connection, mapping: str, records: Sequence[Record]) -> Sequence[Any]:
    """Questions about these records that are not over: id, keys, field, when answered, whether a decision exists."""
    decided = (
        select(decision.c.id)
        .where(
            decision.c.mapping == conflict.c.mapping,
            decision.c.external_key == conflict.c.external_key,
            decision.c.field == conflict.c.field,
        )
        .exists()
    )
    columns = (
        *(conflict.c.id, conflict.c.kind, conflict.c.external_key, conflict.c.flowtly_key),
        *(conflict.c.field, conflict.c.resolved_at),
    )
    wanted = select(*columns, decided.label("decided")).where(
        conflict.c.mapping == mapping, conflict.c.carried_out_at.is_(None), _about(records)
    )
    return connection.execute(wanted.order_by(conflict.c.id).with_for_update()).all()


def _about(records: Sequence[Record]) -> ColumnElement[bool]:
    external = unique(record.external_key for record in records if record.external_key is not None)
    flowtly = unique(record.flowtly_key for record in records if record.flowtly_key is not None)
    return or_(conflict.c.external_key == func.any(external), conflict.c.flowtly_key == func.any(flowtly))


def _by_key(fields: Iterable[tuple[Record, set[str]]]) -> Mapping[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for record, names in fields:
        if record.external_key is not None:
            found.setdefault(("external", record.external_key), set()).update(names)
        if record.flowtly_key is not None:
            found.setdefault(("flowtly", record.flowtly_key), set()).update(names)
    return found


def close(connection: Connection, ids: Sequence[int], resolution: str, by: str | None, *, carried_out: bool) -> None:
    """End questions; one that a person answered keeps that answer and when it was given."""
    if not ids:
        return
    values: dict[str, Any] = {
        "resolved_at": func.coalesce(conflict.c.resolved_at, func.now()),
        "resolution": func.coalesce(conflict.c.resolution, readable(resolution)),
        "resolved_by": func.coalesce(conflict.c.resolved_by, None if by is None else readable(by)),
    }
    if carried_out:
        values["carried_out_at"] = func.now()
    connection.execute(conflict.update().where(conflict.c.id == func.any(list(ids))).values(values))
