"""Getting content from where it lives into a spool. Never takes half of it for the whole, and never more than allowed.

Trouble of the source is told as trouble of this one record: a source that denies or lacks one content says nothing
about the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncd.connectors.files.places import Spool
from syncd.errors import Denied, Later, NotFound, ReadCut, Refused, Violation
from syncd.ports import ContentSource

CONTENT = "content"
"""The raw field whose value is a reference to the bytes of a record's file."""


class Fetcher:
    """Fetches by reference. ``source`` is asked for on first use."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._source: Callable[[], ContentSource] | None = None

    def read_from(self, source: Callable[[], ContentSource]) -> None:
        """Where references lead from now on."""
        self._source = source

    def fill(self, reference: str, spool: Spool) -> None:
        """Everything a reference leads to. Raises Refused, Later, BadAnswer."""
        if self._source is None:
            raise Refused("nothing here can fetch content", (Violation(CONTENT, "no peer gives content"),))
        with _as_of_one_record():
            self._source().fetch(reference, _Measured(spool, self._max_size))


class _Measured:
    """A spool that takes only so much."""

    def __init__(self, spool: Spool, most: int) -> None:
        self._spool, self._most = spool, most

    @property
    def limit(self) -> int:
        """One more than is taken, as too much is told by us."""
        return self._most + 1

    def begin(self, total: int | None) -> None:
        """Anew."""
        self._spool.restart()
        self._allow(total or 0)

    def write(self, piece: bytes) -> None:
        """Take a piece."""
        self._allow(self._spool.size + len(piece))
        self._spool.write(piece)

    def _allow(self, size: int) -> None:
        if size > self._most:
            why = f"is larger than max_size, {self._most} bytes"
            raise Refused(f"the content {why}", (Violation(CONTENT, why),))


@contextmanager
def _as_of_one_record() -> Iterator[None]:
    try:
        yield
    except (NotFound, Denied) as error:
        raise Refused(f"the content cannot be had: {error}", (Violation(CONTENT, str(error)),)) from None
    except ReadCut as error:
        raise Later(f"the content was cut: {error}") from None
