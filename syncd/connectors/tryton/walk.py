"""Walks over parties, page by page in id order. Never skips a change of a child, which leaves the party's stamp alone.

A full walk takes every party. An incremental one first collects the ids of parties that changed or whose address,
contact mechanism or identifier did, since the cursor minus the overlap, and then reads those. Either gives its cursor
with the last page only: the newest stamp that Tryton had when the walk began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syncd.connectors.tryton.domains import ANY_STATE, INACTIVE_TOO, Domain, changed_since
from syncd.connectors.tryton.party import READ_FIELDS, newest, record
from syncd.connectors.tryton.rpc import Rpc
from syncd.errors import BadAnswer, Later, ReadCut
from syncd.ports import Page

_PARTY: Final = "party.party"
_CHILDREN: Final = ("party.address", "party.contact_mechanism", "party.identifier")
_IDS: Final = 1000  # rows of one request that asks for ids and stamps only
_DAY: Final = timedelta(days=1)


class Walk:
    """One walk. ``conditions`` narrow it; they may let too much through, and the caller compares again."""

    def __init__(self, rpc: Rpc, conditions: list[Any], size: int, overlap: timedelta) -> None:
        self._rpc = rpc
        self._conditions = conditions
        self._size = size
        self._overlap = overlap

    def run(self, cursor: str | None) -> Iterator[Page]:
        """Every page. Raises Later, Denied, BadAnswer before the first page, ReadCut when trouble comes later."""
        at = _parsed(cursor)
        yield from _whole(self._full() if at is None else self._changes(at))

    def all(self) -> Iterator[Page]:
        """Every page of a full walk, without a cursor. Raises as ``run``."""
        yield from _whole(self._everything(None))

    def table(self, model: str, fields: Sequence[str], *conditions: Domain) -> Iterator[dict[str, Any]]:
        """All rows of a model, active or not, in id order, with plain fields. Raises Later, Denied, BadAnswer."""
        last = 0
        while True:
            domain = [["id", ">", last], ANY_STATE, *conditions]
            rows = self._search(model, domain, _IDS, [["id", "ASC"]], list(fields), INACTIVE_TOO)
            yield from rows
            if len(rows) < _IDS:
                return
            last = self._last(rows, last)

    def _full(self) -> Iterator[Page]:
        mark = self._newest()
        yield from self._everything(self._spelled(mark))

    def _everything(self, cursor: str | None) -> Iterator[Page]:
        last = 0
        while True:
            rows = self._read([["id", ">", last]], self._size)
            records = tuple(record(row) for row in rows)
            done = len(rows) < self._size
            yield Page(records, cursor if done else None)
            if done:
                return
            last = self._last(rows, last)

    def _changes(self, at: datetime) -> Iterator[Page]:
        mark = self._newest()
        # A database that went back in time is read again from its own newest stamp.
        since = min(at, mark or at) - self._overlap
        ids = sorted(self._changed(since))
        chunks = [ids[start : start + self._size] for start in range(0, len(ids), self._size)] or [[]]
        for number, chunk in enumerate(chunks, 1):
            rows = self._read([["id", "in", chunk]], len(chunk)) if chunk else []
            records = tuple(record(row) for row in rows)
            yield Page(records, self._spelled(mark) if number == len(chunks) else None)

    def _changed(self, since: datetime) -> set[int]:
        ids: set[int] = set()
        for model in (_PARTY, *_CHILDREN):
            name = "id" if model == _PARTY else "party"
            rows = self.table(model, ["id", name], changed_since(since))
            ids.update(int(row[name]) for row in rows if row[name] is not None)
        return ids

    def _newest(self) -> datetime | None:
        """The newest stamp of parties and children together, None for an empty database."""
        stamps = []
        for model in (_PARTY, *_CHILDREN):
            for name in ("write_date", "create_date"):
                domain = [ANY_STATE, [name, "!=", None]]
                rows = self._search(model, domain, 1, [[name, "DESC"]], ["write_date", "create_date"])
                stamps.append(newest(rows))
        return max((stamp for stamp in stamps if stamp is not None), default=None)

    def _spelled(self, mark: datetime | None) -> str | None:
        """The cursor: the newest stamp, or the server's own time where that stamp lies days ahead of it."""
        now = self._rpc.server_time
        if mark is not None and now is not None and mark - now > _DAY:
            mark = now
        return mark.isoformat() if mark is not None else None

    def _read(self, domain: list[Any], limit: int) -> list[Any]:
        wanted = [*domain, ANY_STATE, *self._conditions]
        return self._search(_PARTY, wanted, limit, [["id", "ASC"]], list(READ_FIELDS))

    def _search(
        self,
        model: str,
        domain: list[Any],
        limit: int,
        order: list[Any],
        fields: list[str],
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        rows = self._rpc.read(f"model.{model}.search_read", domain, 0, limit, order, fields, context=context)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            raise BadAnswer(f"{model}: the answer to a search is no list of records")
        return rows

    def _last(self, rows: list[Any], before: int) -> int:
        """The id to go on after. Raises BadAnswer when the server does not sort, so that the walk would never end."""
        last = int(rows[-1]["id"])
        if last <= before:
            raise BadAnswer("the server does not give records in the order of their ids")
        return last


def _whole(pages: Iterator[Page]) -> Iterator[Page]:
    given = 0
    try:
        for page in pages:
            yield page
            given += 1
    except (Later, BadAnswer) as error:
        if given == 0:
            raise
        raise ReadCut(f"{error} (after {given} pages)") from error


def _parsed(cursor: str | None) -> datetime | None:
    """The time of a cursor; None (read everything) for none and for text that is no time."""
    if cursor is None:
        return None
    try:
        stamp = datetime.fromisoformat(cursor)
    except ValueError:
        return None
    return stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
