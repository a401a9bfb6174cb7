"""Who a record belongs to, where its own answers do not say: found in the lists of its owners. It guesses no owner.

A contact's answer may leave its client out, while every client lists its contacts. A walk of contacts therefore walks
the clients too, once, and once more for the contacts that nobody listed then: what nobody lists after that has no
owner. One table of the walk is kept, about 200 bytes a record, as a hint for single reads, each of which is verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import Event
from typing import Any

from syncd.connectors.flowtly.calls import Calls
from syncd.connectors.flowtly.catalogue import Resource
from syncd.errors import BadAnswer, NotFound
from syncd.ports import Page, Record


class Owners:
    """The owners of one resource's records: what its ``field`` should say, and ``listing`` of ``owner`` does."""

    def __init__(self, calls: Calls, resource: Resource, field: str, owner: Resource, listing: str) -> None:
        self._calls, self._resource, self.field, self._owner, self._listing = calls, resource, field, owner, listing
        self._own, self._owners = calls.records(resource), calls.records(owner)
        self._remembered: Mapping[str, str] = {}

    def complete(self, pages: Iterator[Page], stop: Event | None = None) -> Iterator[Page]:
        """The pages with every owner filled in; records that were listed late come on one more page.

        Raises BadAnswer when no owner lists anything at all, and what a walk of the owners raises.
        """
        table: Mapping[str, str] | None = None
        late: list[Record] = []
        total: int | None = None
        for page in pages:
            total = page.total if page.total is not None else total
            if table is None and any(self._is_missing(record) for record in page.records):
                table = self._walk(stop)
            known = tuple(self._given(record, table or {}) for record in page.records)
            late.extend(record for record in known if self._is_missing(record))
            yield replace(page, records=tuple(record for record in known if not self._is_missing(record)))
        if late:
            table = self._walk(stop)
            if not table:
                raise BadAnswer(
                    f"{self._resource.name} do not name their {self.field}, and no record of {self._owner.name} lists "
                    f"one in {self._listing}: {self.field} cannot be read here"
                )
            yield Page(tuple(self._given(record, table) for record in late), total=total)

    def among(self, pages: Iterator[Page], owner: Any) -> Iterator[Page]:
        """The pages with the field filled in for the records of one owner only, for one request."""
        listed: Mapping[str, str] | None = None
        for page in pages:
            if listed is None and any(self._is_missing(record) for record in page.records):
                listed = dict.fromkeys(self._listed_by(owner), owner)
            yield replace(page, records=tuple(self._given(record, listed or {}) for record in page.records))

    def of(self, record: Record, *hints: Any) -> Record:
        """One record with its owner: one of the hints, the one of the last walk, or else looked for in a walk."""
        if not self._is_missing(record):
            return record
        path = self._own.path(record.key)
        for hint in dict.fromkeys([*hints, self._remembered.get(path)]):
            if path in self._listed_by(hint):
                return self._given(record, {path: hint})
        return self._given(record, self._walk(None))

    def _is_missing(self, record: Record) -> bool:
        return record.raw.get(self.field) is None

    def _given(self, record: Record, table: Mapping[str, str]) -> Record:
        """The record with its owner from a table of paths; as it is where it has one or the table has none."""
        if not self._is_missing(record):
            return record
        owner = table.get(self._own.path(record.key))
        return record if owner is None else replace(record, raw={**record.raw, self.field: owner})

    def _walk(self, stop: Event | None) -> Mapping[str, str]:
        """Paths of all listed records, each with the IRI of its owner."""
        table: dict[str, str] = {}
        for page in self._calls.walk(self._owner, {}, stop):
            for owner in page.records:
                table.update(dict.fromkeys(self._paths(owner), owner.key))
        self._remembered = table
        return table

    def _listed_by(self, owner: Any) -> tuple[str, ...]:
        """Paths of the records that one owner lists now; none for what is no owner."""
        if not isinstance(owner, str) or not self._owners.owns(owner):
            return ()
        try:
            return tuple(self._paths(self._calls.get(self._owner, owner)))
        except NotFound:
            return ()

    def _paths(self, owner: Record) -> Iterator[str]:
        """Paths of the records that an owner's answer lists, as objects or as IRIs."""
        for listed in owner.raw.get(self._listing) or ():
            key = self._own.key(listed) if isinstance(listed, Mapping) else listed
            if isinstance(key, str) and self._own.owns(key):
                yield self._own.path(key)
