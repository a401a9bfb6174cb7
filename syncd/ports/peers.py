"""What the engine asks of a peer and of time. A connector implements this; nothing here knows which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

Raw: TypeAlias = Mapping[str, Any]
"""A record as its peer gave it, by the peer's own field names; nested data already flattened by the connector."""


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The time now, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Record:
    """One item of a peer under its key. ``changed_at`` is the peer's own stamp, aware UTC, if it has one."""

    key: str
    raw: Raw
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a walk. ``cursor`` is where an incremental read may resume once this page is stored."""

    records: tuple[Record, ...]
    cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What to read: a resource, an optional filter of equal values, an optional change-stamp field.

    ``fields`` are the raw names the mapping needs; a connector may read more. ``where`` is a hint that the engine
    checks again on every record. ``key`` names the raw field that identifies a record, where the peer does not say.
    ``options`` are connector-specific (a named SQL query, a Tryton language).
    """

    resource: str
    fields: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    cursor_field: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldShape:
    """What a peer says of one raw field. ``type`` is one of text, integer, decimal, boolean, date, datetime, json.

    A ``volatile`` field changes without anybody's edit.
    """

    name: str
    type: str
    nullable: bool = True
    writable: bool = True
    required: bool = False
    reference: str | None = None
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a peer says of one resource. ``open`` means unlisted fields may exist as well."""

    resource: str
    fields: Mapping[str, FieldShape]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connector can do with one resource; the engine decides by these and by error types only.

    ``incremental``: ``pages`` honours a cursor. ``atomic_update``: ``update`` compares and sets in one step, so a
    stale record is refused by the peer itself. ``trusted_time``: ``changed_at`` may decide "newest".
    ``filters``: ``find`` does not have to walk the whole resource. ``successor``: the raw field that names the record
    into which people merged this one, where the peer keeps the merged record and says so. ``replace``: a record cannot
    be changed, but deleted and made anew, which is then all that a change can be; its key changes with it.
    ``derived``: the records are worked out by ourselves, so a walk of them is all there is, however few they are.
    """

    create: bool
    update: bool
    delete: bool
    incremental: bool
    atomic_update: bool
    trusted_time: bool
    filters: bool
    concurrency: int = 1
    successor: str | None = None
    replace: bool = False
    derived: bool = False


class Connector(Protocol):
    """One kind of peer. Trouble raises from ``syncd.errors``; a failed call never looks like an empty answer."""

    def capabilities(self, query: Query) -> Capabilities:
        """What can be done with ``query.resource``. Raises ConfigError-free ``Refused`` for an unknown resource."""

    def shape(self, query: Query) -> Shape | None:
        """The fields of a resource, or None where the peer does not tell."""

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """Walk the resource: everything when ``cursor`` is None, else what changed since (may repeat, must not skip).

        Ends normally only when the end was seen; raises ReadCut, Later, BadAnswer, Denied otherwise.
        """

    def read(self, query: Query, key: str) -> Record:
        """One record as it is now. Raises NotFound for a proven absence only."""

    def create(self, query: Query, fields: Raw) -> Record:
        """Create and return the state that this write produced. Raises Refused, UnknownOutcome, Later, Denied."""

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change only ``fields`` and return the state this write produced.

        ``expected`` is the record as just read; raises Stale where the peer can tell that it moved.
        """

    def delete(self, query: Query, key: str, expected: Record) -> None:
        """Delete one record. Raises NotFound when it is gone already, Refused where the peer keeps it, UnknownOutcome.

        ``expected`` is the record as just read; raises Stale where the peer can tell that it moved.
        """

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Every record whose raw fields equal ``values``, each re-checked; runs to a proven end or raises."""

    def rows(self, resource: str) -> Iterator[Raw]:
        """All rows of a small lookup resource (countries, currencies), raw, with the key under ``@key``."""

    def check(self) -> str:
        """Prove that the peer answers with these credentials; a short line for people. Raises as everywhere."""

    @property
    def requests(self) -> int:
        """How many requests (or statements) were sent to the peer so far, for the counts of a run."""

    def close(self) -> None:
        """Release connections."""


class ContentSink(Protocol):
    """Takes content in pieces."""

    @property
    def limit(self) -> int:
        """Bytes that may come."""

    def begin(self, total: int | None) -> None:
        """Content starts at its first byte, whatever came before. ``total`` in bytes where its source says it."""

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""


@runtime_checkable
class ContentSource(Protocol):
    """A peer that gives the bytes its records refer to, as the files connector keeps them."""

    def fetch(self, reference: str, into: ContentSink) -> None:
        """All bytes that a reference leads to; returns only when the last one was written.

        Raises Refused for a reference that is none of this peer's, NotFound, Denied, Later, BadAnswer, ReadCut, and
        what ``into`` raises.
        """


@runtime_checkable
class ContentKeeper(Protocol):
    """A connector that keeps such bytes, and has to be told where they come from."""

    def read_content_from(self, source: Callable[[], ContentSource]) -> None:
        """Fetch from this source, asked for on first use."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a resource cannot take what it should: the field at fault (empty: all of it), and what a person can run."""

    field: str
    message: str
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Provision:
    """What was done to a resource, or would be, and what stands in the way. With an obstacle nothing is done at all."""

    statements: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


@runtime_checkable
class Provisioner(Protocol):
    """A connector that can make resources and add fields to them."""

    def provision(self, query: Query, wanted: Shape, *, write: bool) -> Provision:
        """See to it that ``query.resource`` has the fields of ``wanted``, identified by ``query.key``.

        Without ``write`` nothing is changed, and from then on the connector reads the resource as if it had been: no
        records in a missing one, nothing in a missing field. Raises Later, Denied.
        """
