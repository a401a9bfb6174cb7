"""One real peer of a history, and a diary of everything that happened to its records. People never write as the API.

A record's ``origin`` is written by the person who made it and edited by nobody: a record with the same origin that no
person made is our copy. Every value a person writes is new, so that whatever stands anywhere tells where it came from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from syncd.core.model import Side
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.merging import merge_counterparties
from syncd.sandbox.server import SandboxServer

PASSWORD: Final = "kept-secret-4711"
NAME: Final = "Counterparty"
ORIGIN: Final = "corporateWebsiteUrl"
FIELDS: Final = {"name": "displayName", "logo": "logoUrl", "kind": "type"}
"""The mapped fields that people edit, with their names at a peer."""


@dataclass(frozen=True)
class Entry:
    """One change of one record: ``before`` and ``after`` are whole rows, None where there was or is none.

    ``person``: somebody did it at the peer; else a request of ours. ``again``: it came back from a backup.
    """

    number: int
    side: Side
    key: str
    person: bool
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    again: bool = False

    @property
    def row(self) -> Mapping[str, Any]:
        """The record, as it was if it is gone."""
        return self.after or self.before or {}

    @property
    def origin(self) -> str | None:
        """Which person's record this is or was made from."""
        found: str | None = self.row.get(ORIGIN)
        return found

    def changed(self) -> Iterator[tuple[str, Any, Any]]:
        """Mapped fields that differ, with both values."""
        before, after = self.before or {}, self.after or {}
        for name, raw in FIELDS.items():
            if before.get(raw) != after.get(raw):
                yield name, before.get(raw), after.get(raw)


class Diary:
    """What happened at both peers, in its order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entries: list[Entry] = []

    def note(self, *what: Any, **more: Any) -> None:
        """Add an entry."""
        with self._lock:
            self.entries.append(Entry(len(self.entries), *what, **more))

    def clear(self) -> None:
        """Begin anew."""
        self.entries = []


class Peer:
    """A sandbox with people at it."""

    def __init__(self, side: Side, diary: Diary) -> None:
        self.side, self.offset = side, 0.0
        self._diary = diary
        self._who = threading.local()
        self._shifting: set[int] = set()
        config = SandboxConfig(empty=True, password=PASSWORD, now=lambda: time.time() + self.offset)
        self.server = SandboxServer(config)
        state: Any = self.server.state
        self.state = state
        self._insert, self._update, self._delete = self.state.insert, self.state.update, self.state.delete
        self.state.insert, self.state.update, self.state.delete = self._inserted, self._updated, self._deleted

    # ------------------------------------------------------------------ the diary

    def _inserted(self, name: str, values: Mapping[str, Any], key: Any = None) -> Any:
        with self.state.lock:
            row = self._insert(name, values, key)
            self._note(name, row["id"], None, row)
            return row

    def _updated(self, name: str, key: Any, changes: Mapping[str, Any]) -> Any:
        with self.state.lock:
            before = self.state.get(name, key)
            row = self._update(name, key, changes)
            self._note(name, key, before, row)
            return row

    def _deleted(self, name: str, key: Any) -> bool:
        with self.state.lock:
            before = self.state.get(name, key)
            done: bool = self._delete(name, key)
            if done:
                self._note(name, key, before, None)
            return done

    def _note(self, name: str, key: Any, before: Any, after: Any) -> None:
        if name != NAME:
            return
        shifted = after is None and key in self._shifting
        person = shifted or getattr(self._who, "person", False)
        again = getattr(self._who, "again", False)
        self._diary.note(self.side, self.iri(key), person, before, after, again=again)

    @contextmanager
    def _person(self, *, again: bool = False) -> Iterator[None]:
        self._who.person, self._who.again = True, again
        try:
            with self.state.lock:
                yield
        finally:
            self._who.person = self._who.again = False

    # ------------------------------------------------------------------ people

    @staticmethod
    def iri(key: Any) -> str:
        """A record's key as the API writes it."""
        return f"/api/counterparties/{key}"

    def records(self) -> dict[str, dict[str, Any]]:
        """Every record by its IRI."""
        return {self.iri(row["id"]): dict(row) for row in self.state.rows(NAME)}

    def add(self, values: Mapping[str, Any]) -> str:
        """A person makes a record."""
        with self._person():
            return self.iri(self.state.insert(NAME, values)["id"])

    def edit(self, iri: str, changes: Mapping[str, Any]) -> None:
        """A person edits one, if it is still there."""
        with self._person():
            if self.state.get(NAME, number(iri)) is not None:
                self.state.update(NAME, number(iri), changes)

    def delete(self, iri: str) -> None:
        """A person deletes one."""
        with self._person():
            self.state.delete(NAME, number(iri))

    def restore(self, iri: str, row: Mapping[str, Any]) -> None:
        """A record that was deleted comes back under its old id, as it was."""
        with self._person(again=True):
            if self.state.get(NAME, number(iri)) is None:
                values = {name: value for name, value in row.items() if name != "id"}
                self.state.insert(NAME, values, number(iri))

    def merge(self, survivor: str, loser: str) -> None:
        """A person merges two: the survivor's empty fields are filled, the loser is gone."""
        with self._person():
            if all(self.state.get(NAME, number(one)) is not None for one in (survivor, loser)):
                merge_counterparties(self.state, number(survivor), [number(loser)])

    # ------------------------------------------------------------------ the network

    def trouble(self, kind: str, **rule: Any) -> None:
        """Add a fault; a page shift deletes a record while somebody reads, and no request of ours did that."""
        if kind == "page_shift":
            self._shifting.add(int(rule["id"]))
        self.server.faults.add(kind, **rule)

    def faults_acted(self) -> int:
        """How often a fault struck."""
        return sum(rule["acted"] for rule in self.server.faults.rules())

    def writes(self) -> int:
        """Requests of ours that would change something."""
        asked = self.server.requests.items()
        return sum(count for route, count in asked if route.split()[0] != "GET" and "counterparties" in route)

    def reset(self) -> None:
        """An empty peer that nobody has spoken to."""
        with self.state.lock:
            self.server.faults.clear()
            for row in self.state.rows(NAME):
                self._delete(NAME, row["id"])
            self.state.table(NAME).next_id = 1
            self.server._api._hidden._hidden = []
            self.server.reset_requests()
            self.offset = 0.0
            self._shifting.clear()


def number(iri: str) -> int:
    """The id within an IRI."""
    return int(iri.rpartition("/")[2])
