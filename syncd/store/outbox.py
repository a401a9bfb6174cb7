"""The outbox: events that are to be told, and how telling went. An event and its cause are one transaction.

A delivery is claimed for a while, never locked while a receiver is spoken to: whoever claims and dies is followed by
somebody else, who tells the same event under the same id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Select, func, select, text

from syncd.core.canon import document_to_json
from syncd.core.events import NewEvent
from syncd.ports import Delivery, DeliveryState, OutboxEvent, RetryRule
from syncd.store.database import Database
from syncd.store.event_tables import delivery, event
from syncd.store.values import document_or_none, readable, rowset

_PUT: Final = text(
    """
    WITH given AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS given(
            place integer, id uuid, event text, source text, key text, subject jsonb, before jsonb, after jsonb,
            changed text[], level numeric, targets text[])
    ), made AS (
        INSERT INTO event (id, event, source, key, subject, before, after, changed, level)
        SELECT id, event, source, key, subject, before, after, changed, level FROM given ORDER BY place
        RETURNING id, number
    )
    INSERT INTO delivery (event, target, number, source, key)
    SELECT made.id, target, made.number, given.source, given.key
    FROM made JOIN given USING (id) CROSS JOIN LATERAL unnest(given.targets) AS target
    """
)

# Of one record only the oldest pending delivery, so that a receiver learns its changes in their order. SKIP LOCKED:
# what somebody else is about to claim is not waited for; the conditions are looked at again once a row is locked.
_CLAIM: Final = text(
    """
    WITH ready AS (
        SELECT one.event, one.target FROM delivery AS one
        WHERE one.target = :target AND one.state = 'pending' AND one.due_at <= now()
          AND NOT EXISTS (
              SELECT FROM delivery AS older
              WHERE older.target = one.target AND older.source = one.source AND older.key = one.key
                AND older.state = 'pending' AND older.number < one.number)
        ORDER BY one.number LIMIT :limit FOR UPDATE OF one SKIP LOCKED
    )
    UPDATE delivery AS claimed SET due_at = now() + CAST(:hold AS interval)
    FROM ready WHERE claimed.event = ready.event AND claimed.target = ready.target
    RETURNING claimed.event
    """
)

# Waits double from the first one; jitter takes up to half of a wait, so that many do not come at once.
_FAILED: Final = text(
    """
    UPDATE delivery AS one SET
        attempts = one.attempts + 1, detail = :detail,
        state = CASE WHEN given_up THEN 'dead' ELSE 'pending' END,
        ended_at = CASE WHEN given_up THEN now() END,
        due_at = now() + greatest(
            make_interval(secs => :retry_after),
            (0.5 + random() / 2)
                * least(CAST(:longest AS interval), power(2, least(one.attempts, 30)) * CAST(:first AS interval)))
    FROM (
        SELECT delivery.event, target,
               attempts + 1 >= :attempts OR event.at < now() - CAST(:give_up AS interval) AS given_up
        FROM delivery JOIN event ON event.id = delivery.event
        WHERE delivery.event = :event AND target = :target AND state = 'pending'
    ) AS judged
    WHERE one.event = judged.event AND one.target = judged.target
    RETURNING given_up
    """
)

_PRUNE: Final = text(
    """
    DELETE FROM event WHERE id IN (
        SELECT id FROM event
        WHERE at < now() - CAST(:keep AS interval)
          AND NOT EXISTS (SELECT FROM delivery WHERE delivery.event = event.id AND state <> 'delivered')
        ORDER BY at LIMIT :limit)
    """
)
_PRUNED_AT_ONCE: Final = 5000

_ORPHANED: Final = text(
    """
    UPDATE delivery SET state = 'dead', ended_at = now(), detail = 'no such target is configured any more'
    FROM event
    WHERE event.id = delivery.event AND delivery.state = 'pending' AND delivery.target <> ALL(:targets)
      AND event.at < now() - CAST(:give_up AS interval)
    """
)


class Outbox(Database):
    """Events and their deliveries."""

    def claim(self, target: str, limit: int, hold: timedelta) -> list[Delivery]:
        """Deliveries that are due, for ``hold`` nobody else's, oldest first; of each record only the oldest."""
        with self.transaction() as connection:
            claimed = connection.execute(_CLAIM, {"target": target, "limit": limit, "hold": hold}).scalars().all()
            if not claimed:
                return []
            chosen = _chosen().where(delivery.c.target == target, delivery.c.event.in_(claimed))
            return [_delivery(row) for row in connection.execute(chosen.order_by(delivery.c.number)).mappings()]

    def delivered(self, target: str, event: UUID) -> None:
        """The target has taken an event. One that was given up meanwhile counts as delivered as well."""
        ended = delivery.update().where(delivery.c.event == event, delivery.c.target == target)
        with self.transaction() as connection:
            connection.execute(
                ended.values(
                    state=DeliveryState.DELIVERED.value,
                    ended_at=func.now(),
                    attempts=delivery.c.attempts + 1,
                    detail="",
                )
            )

    def failed(self, target: str, event: UUID, detail: str, rule: RetryRule, retry_after: float | None) -> bool:
        """Put a delivery off by a growing, jittered time, at least ``retry_after`` seconds. True: it is given up."""
        parameters = {
            "target": target,
            "event": event,
            "detail": readable(detail),
            "retry_after": min(max(retry_after or 0.0, 0.0), rule.longest.total_seconds()),
            "first": rule.first,
            "longest": rule.longest,
            "attempts": rule.attempts,
            "give_up": rule.give_up,
        }
        with self.transaction() as connection:
            return bool(connection.execute(_FAILED, parameters).scalar_one_or_none())

    def release_claims(self, target: str, events: Sequence[UUID]) -> None:
        """Give back what was claimed and not tried."""
        mine = (delivery.c.target == target, delivery.c.event.in_(list(events)), _is(DeliveryState.PENDING))
        with self.transaction() as connection:
            connection.execute(delivery.update().where(*mine).values(due_at=func.now()))

    def sweep_outbox(self, keep: timedelta, targets: Collection[str], give_up: timedelta) -> int:
        """Remove events that are older than ``keep`` and delivered to all; how many.

        What waits for a target that is not configured any more is given up after ``give_up``.
        """
        with self.transaction() as connection:
            connection.execute(_ORPHANED, {"targets": sorted(targets), "give_up": give_up})
            return connection.execute(_PRUNE, {"keep": keep, "limit": _PRUNED_AT_ONCE}).rowcount

    def outbox_counts(self) -> dict[str, dict[str, int]]:
        """Deliveries that are pending or given up, by target and state; both states are there for each target."""
        open_ones = (DeliveryState.PENDING, DeliveryState.DEAD)
        grouped = select(delivery.c.target, delivery.c.state, func.count().label("number")).where(
            delivery.c.state.in_([state.value for state in open_ones])
        )
        found: dict[str, dict[str, int]] = {}
        for row in self.rows(grouped.group_by(delivery.c.target, delivery.c.state).order_by(delivery.c.target)):
            states = found.setdefault(row["target"], {state.value: 0 for state in open_ones})
            states[row["state"]] = row["number"]
        return found

    def deliveries(self, state: DeliveryState | None, limit: int) -> list[Delivery]:
        """The latest deliveries, newest first."""
        chosen = _chosen().order_by(delivery.c.number.desc(), delivery.c.target).limit(limit)
        return [_delivery(row) for row in self.rows(chosen if state is None else chosen.where(_is(state)))]

    def deliveries_of(self, event: UUID) -> list[Delivery]:
        """Every delivery of one event, by target."""
        chosen = _chosen().where(delivery.c.event == event).order_by(delivery.c.target)
        return [_delivery(row) for row in self.rows(chosen)]

    def retry_deliveries(self, event: UUID | None, target: str | None) -> int:
        """Try again now, with all attempts before it: one event's deliveries, or all that were given up; how many."""
        chosen = delivery.update().where(
            _is(DeliveryState.DEAD)
            if event is None
            else (delivery.c.event == event) & (delivery.c.state != DeliveryState.DELIVERED.value)
        )
        if target is not None:
            chosen = chosen.where(delivery.c.target == target)
        again = {"state": DeliveryState.PENDING.value, "attempts": 0, "due_at": func.now(), "ended_at": None}
        with self.transaction() as connection:
            return connection.execute(chosen.values(again)).rowcount


def put(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Add events in their order, with a delivery for each target, to the caller's transaction."""
    if events:
        connection.execute(_PUT, {"rows": rowset([_row(place, one) for place, one in enumerate(events)])})


def _row(place: int, new: NewEvent) -> dict[str, Any]:
    return {
        "place": place,
        "id": str(uuid4()),
        "event": new.event,
        "source": new.about.source,
        "key": new.about.key,
        "subject": dict(new.about.subject),
        "before": None if new.before is None else document_to_json(new.before),
        "after": None if new.after is None else document_to_json(new.after),
        "changed": list(new.changed),
        "level": None if new.level is None else str(new.level),
        "targets": sorted(set(new.targets)),
    }


def _is(state: DeliveryState) -> ColumnElement[bool]:
    return delivery.c.state == state.value


def _chosen() -> Select[Any]:
    of_event = (
        event.c.id, event.c.at, event.c.event.label("name"), event.c.subject, event.c.before, event.c.after,
        event.c.changed, event.c.level,
    )  # fmt: skip
    return select(delivery, *of_event).join(event, event.c.id == delivery.c.event)


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    told = OutboxEvent(
        id=row["id"],
        number=row["number"],
        at=row["at"],
        event=row["name"],
        source=row["source"],
        key=row["key"],
        subject=row["subject"],
        before=document_or_none(row["before"]),
        after=document_or_none(row["after"]),
        changed=tuple(row["changed"]),
        level=row["level"],
    )
    state = DeliveryState(row["state"])
    return Delivery(
        told,
        row["target"],
        state,
        attempts=row["attempts"],
        due_at=row["due_at"] if state is DeliveryState.PENDING else None,
        ended_at=row["ended_at"],
        detail=row["detail"],
    )
