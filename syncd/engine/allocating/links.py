"""Flowtly's side of an allocation: its connector, watched. Every link that passes is mirrored, every write is judged.

What must not go out raises ``Withheld`` with the reason, and nothing was sent. A create costs one request more than its
POST: a look at its transaction.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from threading import Lock
from typing import Final

from syncd.budgets.linking import Standing
from syncd.engine.allocating.facts import Facts, booked, iri_of
from syncd.engine.allocating.judging import Judge, Terms
from syncd.engine.allocating.seen import BESIDE, amount_of, seen_link, seen_links, with_transaction
from syncd.errors import NotFound, SyncdError, Withheld
from syncd.ports import Capabilities, Connector, Page, Query, Raw, Record, Shape, Store
from syncd.ports.budget_links import SeenLink

_LOCKS: Final = 64


class GuardedLinks:
    """Flowtly's connector for the mapping of one allocation. Make one for a run; ``facts`` live longer. Thread-safe."""

    def __init__(self, flowtly: Connector, store: Store, terms: Terms, facts: Facts) -> None:
        self._flowtly, self._store, self.terms, self.facts = flowtly, store, terms, facts
        self._judge = Judge(flowtly, store, terms, facts)
        self._locks = tuple(Lock() for _ in range(_LOCKS))
        self.counted_twice: dict[str, SeenLink] = {}
        """Links of the latest complete walk whose budget has the contractor of their transaction as well, by IRI."""

    # ------------------------------------------------------------------ passed on

    @property
    def requests(self) -> int:
        """As the connector counts them; its other mappings count as well."""
        return self._flowtly.requests

    def capabilities(self, query: Query) -> Capabilities:
        """As the connector says."""
        return self._flowtly.capabilities(query)

    def shape(self, query: Query) -> Shape | None:
        """As the connector says."""
        return self._flowtly.shape(query)

    def rows(self, resource: str) -> Iterator[Raw]:
        """As the connector gives them."""
        return self._flowtly.rows(resource)

    def check(self) -> str:
        """As the connector says."""
        return self._flowtly.check()

    def close(self) -> None:
        """Release connections."""
        self._flowtly.close()

    # ------------------------------------------------------------------ mirrored

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """As the connector gives them. After a complete walk the mirror holds exactly what was seen."""
        whole = cursor is None and not query.where
        name = self.terms.allocation
        walk = self._store.begin_mirror(name) if whole else None
        contractors = self._contractors() if whole else frozenset()
        twice: dict[str, SeenLink] = {}
        with closing(_generator(self._flowtly.pages(query, cursor))) as pages:
            for page in pages:
                links = list(seen_links(page.records, self.terms.target))
                self._store.mirror(name, links, walk)
                twice.update(_counted_twice(page, links, contractors))
                yield page
        if walk is not None:
            self.counted_twice = twice
            self._store.finish_mirror(name, walk)

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """As the connector gives them."""
        for record in self._flowtly.find(query, values):
            self._mirror(record)
            yield record

    def read(self, query: Query, key: str) -> Record:
        """One link as it is now."""
        try:
            return self._mirror(self._flowtly.read(query, key))
        except NotFound:
            self._store.unmirror(self.terms.allocation, key)
            raise

    def create(self, query: Query, fields: Raw) -> Record:
        """Make a link if it may be made. Raises Withheld, and what the connector raises."""
        transaction = iri_of(fields.get("transaction"))
        new = self._named(fields, "a new link")
        if transaction is None or new is None:
            raise Withheld(f"a link needs a transaction and a {self.terms.target}")
        with self._lock(transaction):
            known = self._judge.new(transaction, new, partial(self.read, query))
            return self._mirror(self._flowtly.create(query, fields), known)

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change a link if it may become that. Raises Withheld, and what the connector raises."""
        before = seen_link(expected, self.terms.target)
        new = self._named({**expected.raw, **fields}, key)
        if before is None or new is None:
            raise Withheld(f"{key} has no transaction or no {self.terms.target}")
        transaction = iri_of(fields.get("transaction")) or before.transaction
        with self._lock(transaction):
            if transaction != before.transaction:
                self._judge.new(transaction, new, partial(self.read, query))
            else:
                self._judge.change(before, new, booked(expected.raw, BESIDE))
            return self._mirror(self._flowtly.update(query, key, fields, expected))

    def delete(self, query: Query, key: str, expected: Record) -> None:
        """Delete a link; which ones may be is the engine's to prove."""
        try:
            self._flowtly.delete(query, key, expected)
        except NotFound:
            self._store.unmirror(self.terms.allocation, key)
            raise
        self._store.unmirror(self.terms.allocation, key)

    def _named(self, fields: Raw, name: str) -> Standing | None:
        """What a write would make, its amount in Flowtly's unit."""
        target = iri_of(fields.get(self.terms.target))
        if target is None:
            return None
        return Standing(name, target, iri_of(fields.get("employee")) or "", amount_of(fields))

    def _mirror(self, record: Record, transaction: Raw | None = None) -> Record:
        """Keep a link as it reads now, with its transaction where the answer does not tell of it."""
        link = seen_link(record, self.terms.target)
        if link is not None:
            if link.total is None and transaction is not None:
                link = with_transaction(link, transaction)
            self._store.mirror(self.terms.allocation, [link])
        return record

    def _contractors(self) -> frozenset[tuple[str, str]]:
        """Who is on a budget as a contractor; nobody while that cannot be read, which is no reason to read no links."""
        try:
            return self.facts.contractors() if self.terms.contractors else frozenset()
        except SyncdError:
            return frozenset()

    def _lock(self, transaction: str) -> Lock:
        """Two links of one transaction are never judged at the same time."""
        return self._locks[hash(transaction) % _LOCKS]


def _counted_twice(
    page: Page, links: Iterable[SeenLink], contractors: frozenset[tuple[str, str]]
) -> Iterator[tuple[str, SeenLink]]:
    """The links of a page whose cost a contractor of their budget counts already, by IRI."""
    costs = {record.key: iri_of(record.raw.get(f"{BESIDE}cost")) for record in page.records} if contractors else {}
    return ((link.iri, link) for link in links if (link.target, costs.get(link.iri)) in contractors)


def _generator(pages: Iterable[Page]) -> Generator[Page, None, None]:
    """The connector's pages as a generator that can be closed."""
    yield from pages
