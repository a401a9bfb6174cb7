"""Walking a collection to its proven end: pages follow ``next``, and every way a server can mislead us is looked for.

It never computes a page from the size that was asked for, and never ends normally when the members seen do not add up
to what the server claims: pages are offsets, and a deletion between two of them hides one record. So the members seen
must reach the largest total that was claimed on the way. A deletion and an insertion that cancel each other out within
one walk cannot be noticed here: absence needs more proof than one walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.envelope import Envelope, Form, read_envelope
from syncd.connectors.flowtly.records import Records
from syncd.errors import BadAnswer, ReadCut
from syncd.ports import Page, Record

Fetch = Callable[[str], Any]
"""JSON data of a URL. Raises what the client raises."""


class Walk:
    """One walk over ``path``. ``pages`` may be used once. It keeps the keys of one page and the link of every page."""

    def __init__(self, fetch: Fetch, addresses: Addresses, path: str, records: Records, page_size: int) -> None:
        self._fetch, self._addresses, self._path, self._records = fetch, addresses, path, records
        self._asked = page_size
        self._seen = 0
        self._total = 0
        self._last_keys: frozenset[str] = frozenset()
        self.served: int | None = None
        """Members per page that the server really gives, where it is less than asked."""

    def pages(self, filters: Mapping[str, str]) -> Iterator[Page]:
        """The pages in order. Raises BadAnswer for an answer that cannot be, ReadCut when members are missing."""
        number, link = 1, self._link(1, filters)
        visited = {link}
        while True:
            envelope = read_envelope(self._fetch(self._addresses.base + link), f"GET {self._path}, page {number}")
            records = tuple(map(self._records.record, envelope.members))
            self._take(records, envelope, number)
            following = self._following(envelope, number + 1, filters)
            if records or envelope.form is not Form.ARRAY:
                yield Page(records, total=envelope.total)
            if following is None:
                break
            if following in visited:
                raise BadAnswer(f"GET {self._path}: page {number} links to a page that was read already")
            visited.add(following)
            number, link = number + 1, following
        self._finish(number)

    def _link(self, number: int, filters: Mapping[str, str]) -> str:
        query = {"page": str(number), "itemsPerPage": str(self._asked), **filters}
        return f"{self._path}?{urlencode(query, quote_via=quote)}"

    def _following(self, envelope: Envelope, number: int, filters: Mapping[str, str]) -> str | None:
        """The next page; for a bare array the next number, as only an empty page proves its end."""
        if envelope.form is Form.ARRAY:
            return self._link(number, filters) if envelope.members else None
        if envelope.next is None:
            return None
        link = self._addresses.path(envelope.next)
        if link.partition("?")[0] != self._path:
            raise BadAnswer(f"GET {self._path}: the link to the next page leads to {link[:200]!r}")
        return link

    def _take(self, records: tuple[Record, ...], envelope: Envelope, number: int) -> None:
        where = f"GET {self._path}, page {number}"
        keys = frozenset(record.key for record in records)
        if not records and envelope.next is not None:
            raise BadAnswer(f"{where}: no members, and yet a next page")
        if not records and number == 1 and envelope.total:
            # Recorded: cases 024 and 027, a page size of 0 or text gives the true total and no members.
            raise BadAnswer(f"{where}: no members of {envelope.total}; the server does not take our page size")
        if keys and keys == self._last_keys:
            raise BadAnswer(f"{where}: the same members as on the page before; the server does not turn pages")
        if number == 1 and envelope.next is not None and len(records) < self._asked:
            self.served = len(records)
        # An insertion before us pushes records onto the next page again: those are not further ones.
        self._seen += len(keys - self._last_keys)
        self._total = max(self._total, envelope.total or 0)
        self._last_keys = keys

    def _finish(self, pages: int) -> None:
        if self._seen < self._total:
            size = f", {self.served} a page where {self._asked} were asked for" if self.served is not None else ""
            raise ReadCut(
                f"GET {self._path}: page shift: {self._seen} of {self._total} records seen on {pages} pages{size}; "
                "the rest moved while they were read"
            )
