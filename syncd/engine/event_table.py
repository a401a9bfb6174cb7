"""Events as rows of a table of a configured system, the event's id as key. Never a second row for one event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from syncd.core.model import Document
from syncd.errors import NotFound, Refused, UnknownOutcome
from syncd.ports import Connector, FieldShape, OutboxEvent, Provisioner, Query, Shape

KEY: Final = "id"
TYPES: Final[Mapping[str, str]] = {
    KEY: "text",
    "event": "text",
    "occurred_at": "datetime",
    "source": "text",
    "record": "text",
    "level": "decimal",
    "data": "text",
}
LONGEST: Final = timedelta(minutes=1)
"""How long one row may take: a statement's own time limit is the connector's."""


class TableTarget:
    """``ports.Target`` on a connector that can create records. The connector is not ours to close."""

    def __init__(self, connector: Connector, resource: str, *, create: bool) -> None:
        self._connector, self._create = connector, create
        self._query = Query(resource, fields=tuple(TYPES), key=KEY)

    def deliver(self, event: OutboxEvent) -> None:
        """Insert the row, or find that it is there. Raises Refused, Denied, Later, UnknownOutcome."""
        self._provide()
        try:
            self._connector.create(self._query, row_of(event))
        except (Refused, UnknownOutcome):
            # An earlier delivery may have come through without its answer; the id says so.
            if not self._is_there(str(event.id)):
                raise

    def close(self) -> None:
        """Nothing: the connector belongs to whoever opened it."""

    def _is_there(self, key: str) -> bool:
        try:
            self._connector.read(self._query, key)
        except NotFound:
            return False
        return True

    def _provide(self) -> None:
        """The table, if it is ours to make; costs nothing once it is known to fit. Raises Refused."""
        if not self._create:
            return
        if not isinstance(self._connector, Provisioner):
            raise Refused("this system cannot make tables: leave out create")
        fields = {name: FieldShape(name, kind, nullable=name != KEY) for name, kind in TYPES.items()}
        made = self._connector.provision(self._query, Shape(self._query.resource, fields), write=True)
        if made.obstacles:
            raise Refused("; ".join(f"{one.field}: {one.message} {one.statement}".strip() for one in made.obstacles))


def row_of(event: OutboxEvent) -> dict[str, Any]:
    """An event as a row; ``data`` is JSON with the record's names, both documents and what changed."""
    data = {
        "record": dict(event.subject),
        "changed": list(event.changed),
        "before": _plain(event.before),
        "after": _plain(event.after),
    }
    return {
        KEY: str(event.id),
        "event": event.event,
        "occurred_at": event.at,
        "source": event.source,
        "record": event.key,
        "level": event.level,
        "data": json.dumps(data, default=str, sort_keys=True),
    }


def _plain(document: Document | None) -> dict[str, Any] | None:
    return None if document is None else dict(document)
