"""Allocations by name, and their postings read live from the ERP. Writes nothing, and asks the store nothing."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.cli.answering import usage
from syncd.engine.allocating.books import Books, Entry
from syncd.engine.allocating.compiling import Allocation
from syncd.errors import NotFound
from syncd.mapping.problems import did_you_mean
from syncd.wiring import App


def chosen(app: App, name: str | None) -> list[Allocation]:
    """The allocations to work on. Raises ConfigError for one that is not configured, and where none is."""
    known = app.allocations
    if not known:
        raise usage("the configuration has no `allocations:`: there are no rules for budgets; see docs/budgets.md")
    if name is not None and name not in known:
        raise usage(f"there is no allocation {name!r}; there are {', '.join(known)}", did_you_mean(name, known))
    return list(known.values()) if name is None else [known[name]]


def one_posting(app: App, allocation: Allocation, key: str) -> Entry | None:
    """A posting with its lines; None where the ERP has no such posting, or one that is none of this allocation's."""
    books = _books(app, allocation)
    try:
        entry = books.read(key)
    except NotFound:
        return None
    return entry if books.in_scope(entry.record) and allocation.reading.in_scope(entry.record.raw) else None


def all_postings(app: App, allocation: Allocation) -> Iterator[Entry]:
    """All postings of an allocation. Their lines are held in memory, the postings are not."""
    for sheet in _books(app, allocation).sheets(None):
        for entry in sheet.entries:
            if allocation.reading.in_scope(entry.record.raw):
                yield entry


def _books(app: App, allocation: Allocation) -> Books:
    mapping = app.mappings[allocation.of]
    return Books(allocation, mapping, app.connector(app.system_of(mapping)))
