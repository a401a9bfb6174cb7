"""Records as a query wants them: what a list leaves out is read from the item, or from the record that lists it.

Every way of reading passes here, so that a record looks the same in a walk, in a lookup and read alone. It adds only
what the query names, as each addition costs requests: one for each record with item-only fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

from syncd.connectors.flowtly.calls import Calls
from syncd.connectors.flowtly.catalogue import Catalogue, Resource, Verb
from syncd.connectors.flowtly.find import matches
from syncd.connectors.flowtly.owners import Owners
from syncd.errors import NotFound
from syncd.ports import Page, Query, Raw, Record


class Reading:
    """Reads one tenant's records. ``workers``: items of a page that are read at once. Thread-safe."""

    def __init__(self, calls: Calls, catalogue: Catalogue, workers: int) -> None:
        self._calls, self._workers = calls, workers
        self._owners = {
            resource.name: tuple(
                Owners(calls, resource, field.name, catalogue[field.found_in[0]], field.found_in[1])
                for field in resource.fields
                if field.found_in is not None and field.found_in[0] in catalogue
            )
            for resource in catalogue.values()
        }

    def pages(self, resource: Resource, query: Query, stop: Event | None = None) -> Iterator[Page]:
        """All records of a resource, to the proven end."""
        wanted = {*query.fields, *query.where}
        pages = self._detailed(resource, wanted, self._calls.walk(resource, {}, stop), stop)
        for owners in self._owners_wanted(resource, wanted):
            pages = owners.complete(pages, stop)
        return pages

    def matching(self, resource: Resource, query: Query, filters: Mapping[str, str], values: Raw) -> Iterator[Record]:
        """Records with these values; what a list leaves out is read only for those that match by the rest."""
        wanted = {*query.fields, *query.where, *values}
        unsure = resource.item_only | {owners.field for owners in self._owners[resource.name]}
        sure = {name: value for name, value in values.items() if name not in unsure}
        pages = _kept(self._calls.walk(resource, filters), sure)
        pages = self._detailed(resource, wanted, pages, None)
        for owners in self._owners_wanted(resource, wanted):
            asked = values.get(owners.field)
            pages = owners.complete(pages) if asked is None else owners.among(pages, asked)
        for page in _kept(pages, values):
            yield from page.records

    def read(self, resource: Resource, query: Query, key: str) -> Record:
        """One record as it is now. Where items cannot be read alone the list is walked: a request for each page."""
        found = self._calls.get(resource, key) if Verb.GET in resource.verbs else self._look_through(resource, key)
        return self.completed(resource, query, found)

    def completed(self, resource: Resource, query: Query, record: Record, *hints: Raw) -> Record:
        """The record of an item's answer with its owner; ``hints`` are raw fields that may name it."""
        for owners in self._owners_wanted(resource, {*query.fields, *query.where}):
            record = owners.of(record, *(hint.get(owners.field) for hint in hints))
        return record

    def _owners_wanted(self, resource: Resource, wanted: Iterable[str]) -> Iterator[Owners]:
        return (owners for owners in self._owners[resource.name] if owners.field in wanted)

    def _detailed(
        self, resource: Resource, wanted: Iterable[str], pages: Iterator[Page], stop: Event | None
    ) -> Iterator[Page]:
        if resource.item_only.isdisjoint(wanted) or Verb.GET not in resource.verbs:
            return pages
        return _in_detail(pages, partial(self._item, resource, stop), self._workers)

    def _item(self, resource: Resource, stop: Event | None, listed: Record) -> Record | None:
        """A listed record as its item answers; None when it went meanwhile."""
        try:
            return self._calls.get(resource, listed.key, stop)
        except NotFound:
            return None

    def _look_through(self, resource: Resource, key: str) -> Record:
        """A record that only the list gives. One walk may miss a record that moved, so its absence takes two."""
        records = self._calls.records(resource)
        records.must_own(key)
        for _ in range(2):
            for page in self._calls.walk(resource, {}):
                for record in page.records:
                    if records.same(record.key, key):
                        return record
        raise NotFound(f"{key}: Flowtly has no item to read here, and two walks of {resource.path} did not show it")


def _in_detail(pages: Iterator[Page], read: Callable[[Record], Record | None], workers: int) -> Iterator[Page]:
    with ThreadPoolExecutor(workers, thread_name_prefix="items") as pool:
        for page in pages:
            yield replace(page, records=tuple(record for record in pool.map(read, page.records) if record is not None))


def _kept(pages: Iterator[Page], values: Mapping[str, Any]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, records=tuple(record for record in page.records if matches(record.raw, values)))
