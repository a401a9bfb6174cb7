"""What the engine asks of the world, as Protocols: peers, the store, a clock. No implementation lives here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from syncd.core.model import Base, Decision, Document, MaybeValue, Side, Value

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


# --------------------------------------------------------------------------- peers


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
    """What a peer says of one raw field. ``type`` is one of text, integer, decimal, boolean, date, datetime, json."""

    name: str
    type: str
    nullable: bool = True
    writable: bool = True
    required: bool = False
    reference: str | None = None


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
    ``filters``: ``find`` does not have to walk the whole resource.
    """

    create: bool
    update: bool
    delete: bool
    incremental: bool
    atomic_update: bool
    trusted_time: bool
    filters: bool
    concurrency: int = 1


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


# --------------------------------------------------------------------------- store


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a mapping until it expires; ``fence`` grows with every new owner."""

    name: str
    owner: str
    fence: int


@dataclass(frozen=True, slots=True)
class MappingState:
    """What is known of a mapping between runs. Fingerprints are None before the first time."""

    approved_fingerprint: str | None = None
    last_full: Mapping[Side, datetime] = field(default_factory=dict)
    """When the last certified full pass of each side finished."""


@dataclass(frozen=True, slots=True)
class Link:
    """The row that ties an external key to a Flowtly IRI. Digests are those of each side as last settled."""

    id: int
    external_key: str
    flowtly_key: str
    base: Base

    def key(self, side: Side) -> str:
        """The key on one side."""
        return self.external_key if side is Side.EXTERNAL else self.flowtly_key


class Status(StrEnum):
    """Why an observation is still pending."""

    DIRTY = "dirty"  # to be planned
    PARKED = "parked"  # refused or unreadable: retried at ``due_at`` or when it changes
    WAITING = "waiting"  # needs the reference in ``waiting_for``
    ASKED = "asked"  # an open conflict holds the rest; nothing to do until a side moves or a person decides
    SETTLED_ALONE = "alone"  # lives on one side only and is not to be created on the other


@dataclass(frozen=True, slots=True)
class Observation:
    """A side as last seen, kept only while it differs from what was settled.

    ``document`` is None when the record could not be mapped; ``problem`` then says why.
    """

    key: str
    digest: bytes
    document: Document | None
    status: Status = Status.DIRTY
    changed_at: datetime | None = None
    problem: str | None = None
    waiting_for: str | None = None
    attempts: int = 0
    due_at: datetime | None = None
    first_seen: datetime | None = None
    match_keys: tuple[str | None, ...] = ()
    """One comparable text per level of ``match``, None where a part is missing; for strangers only."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is pending for one record: its link if it has one, and the sides that differ from the base."""

    link: Link | None
    external: Observation | None
    flowtly: Observation | None


OperationKind: TypeAlias = Literal["create", "patch"]


class OperationState(StrEnum):
    """The life of an intent. ``intended`` found at start means: nobody knows whether it was sent."""

    INTENDED = "intended"
    IN_DOUBT = "in_doubt"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"

    @property
    def open(self) -> bool:
        """True while the operation still blocks its record."""
        return self in {OperationState.INTENDED, OperationState.IN_DOUBT, OperationState.QUARANTINED}


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that is about to be sent to ``side``, committed before it is.

    ``source_key`` is the record on the other side that causes it; ``target_key`` is None for a create.
    """

    kind: OperationKind
    side: Side
    source_key: str
    target_key: str | None
    payload: Document
    reason: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A stored intent and what became of it."""

    id: UUID
    mapping: str
    intent: Intent
    state: OperationState
    created_at: datetime
    run_id: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One question for a person. ``field`` is ``*`` when the question is about the whole record."""

    id: int
    mapping: str
    kind: str  # field, ambiguous, probable, refused, in_doubt, duplicate_key, missing
    external_key: str | None
    flowtly_key: str | None
    field: str
    base_external: MaybeValue
    base_flowtly: MaybeValue
    external: MaybeValue
    flowtly: MaybeValue
    detail: str
    opened_at: datetime
    run_id: int
    resolved_at: datetime | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class NewConflict:
    """A question to open. Opening the same open question again (same record, kind, field, values) changes nothing."""

    kind: str
    external_key: str | None
    flowtly_key: str | None
    field: str = "*"
    base_external: MaybeValue = None
    base_flowtly: MaybeValue = None
    external: MaybeValue = None
    flowtly: MaybeValue = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One fact of history: who had which value, what was decided by which rule, what was written."""

    event: str  # linked, created, patched, agreed, rewritten, overwritten, contested, resolved, refused, adopted
    external_key: str | None
    flowtly_key: str | None
    side: Side | None = None
    field: str | None = None
    before: MaybeValue = None
    after: MaybeValue = None
    rule: str = ""
    operation: UUID | None = None


@dataclass(frozen=True, slots=True)
class SideState:
    """What a settlement leaves of one side: ``observation`` None means at rest (its digest goes to the link)."""

    digest: bytes
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything one decision changes in the store, applied in one transaction.

    With both keys and a ``base``: the link is made or updated, its digests set from the side states (for a side whose
    observation remains, the link keeps the digest it had, or an empty one when new, so that the side stays pending).
    A side whose state is None is not touched.
    """

    external_key: str | None
    flowtly_key: str | None
    base: Base | None = None
    origin: str = ""  # how a new link came to be: certain, probable, created, adopted, manual
    external: SideState | None = None
    flowtly: SideState | None = None
    operation: UUID | None = None
    operation_state: OperationState | None = None
    operation_detail: str = ""
    opened: tuple[NewConflict, ...] = ()
    closed_fields: tuple[str, ...] = ()
    """Fields whose open conflict on this record is over because the sides agree again or a decision was carried out."""
    ledger: tuple[LedgerEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """The proof of one full pass. Only a complete one says anything about what was not seen."""

    id: int
    mapping: str
    side: Side
    run_id: int
    seen: int
    pages: int
    total: int | None
    complete: bool
    reason: str
    missed_by_cursor: int
    missing: int


class Pass(Protocol):
    """One reading of one side, page by page."""

    @property
    def duplicates(self) -> set[str]:
        """Keys that came more than once in this pass with different content."""

    def differing(self, digests: Mapping[str, bytes]) -> set[str]:
        """Keys whose digest is not the last known one (pending observation first, else link). Notes them as seen."""

    def store(self, observations: Sequence[Observation], cursor: str | None) -> None:
        """Note what differs as dirty and move the cursor, in one transaction. A side back at rest is withdrawn."""

    def finish(self, *, total: int | None, complete: bool, reason: str, shrink_limit: float) -> Certificate | None:
        """End a full pass: the certificate, and what is linked but was not seen is counted (not deleted).

        A pass that saw nothing where links exist, or shrank by more than ``shrink_limit`` of the last one, is stored
        as not complete with the reason. None for an incremental pass.
        """

    def close(self) -> None:
        """Give up the pass's resources; harmless after ``finish``."""


class Store(Protocol):
    """The mapping store. Each method is one transaction; no method touches a peer."""

    def acquire(self, name: str, owner: str, ttl: timedelta) -> Lease | None:
        """Take a lease, or None while another owner's has not expired. The database's clock counts, not ours."""

    def renew(self, lease: Lease, ttl: timedelta) -> None:
        """Extend a lease. Raises LeaseLost."""

    def release(self, lease: Lease) -> None:
        """Give a lease back; harmless when it is lost already."""

    def state(self, mapping: str) -> MappingState:
        """What is known of a mapping."""

    def approve(self, mapping: str, fingerprint: str) -> None:
        """Record that a person approved the plan made under this fingerprint."""

    def begin_run(self, mapping: str, trigger: str, lease: Lease) -> int:
        """A new run id."""

    def finish_run(self, run_id: int, outcome: str, counts: Mapping[str, Any]) -> None:
        """Close a run with its counts."""

    def cursor(self, mapping: str, side: Side) -> str | None:
        """Where the next incremental read begins; None before the first full pass or after ``reset_cursors``."""

    def reset_cursors(self, mapping: str) -> None:
        """Forget both cursors: the next reads are full."""

    def begin_pass(self, mapping: str, side: Side, run_id: int, *, full: bool) -> Pass:
        """Start reading one side."""

    def wake(self, mapping: str, references: Iterable[str], now: datetime) -> int:
        """Turn observations that wait for one of these references, and parked ones that are due, dirty again."""

    def waiting(self, mapping: str) -> frozenset[str]:
        """The references that some observation waits for."""

    def work(self, mapping: str, now: datetime) -> Iterator[Work]:
        """Linked records with at least one dirty side, in key order. Both sides' pending observations are given."""

    def strangers(self, mapping: str, side: Side) -> Iterator[Observation]:
        """Observations without a link, whatever their status, without their documents, in key order."""

    def observation(self, mapping: str, side: Side, key: str) -> Observation | None:
        """One pending observation with its document."""

    def observations(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Observation]:
        """Several pending observations with their documents."""

    def links_by_key(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Link]:
        """Links by the key of one side."""

    def links(self, mapping: str) -> Iterator[Link]:
        """All links of a mapping in external key order (server-side cursor: memory stays flat)."""

    def counts(self, mapping: str) -> dict[str, int]:
        """links, pending by status and side, open conflicts, open operations, missing by side."""

    def intend(self, intents: Sequence[Intent], mapping: str, run_id: int, lease: Lease) -> list[Operation]:
        """Commit intents before anything is sent. Raises LeaseLost when the fence is not ours any more.

        A source record with an open create on the same side is refused by a unique index (IntegrityError becomes
        ``Stale``).
        """

    def settle(self, settlements: Sequence[Settlement], mapping: str, run_id: int, lease: Lease) -> None:
        """Apply settlements in one transaction under the fence. Raises LeaseLost."""

    def open_operations(self, mapping: str) -> list[Operation]:
        """Intents that are not finished, oldest first."""

    def known_before(self, mapping: str, side: Side, keys: Sequence[str], moment: datetime) -> set[str]:
        """Of these keys, those that were linked or first observed before ``moment``, or are linked now."""

    def operations(self, mapping: str | None, *, open_only: bool) -> list[Operation]:
        """For people: operations, newest first, at most 500."""

    def decide_operation(self, operation: UUID, verdict: Literal["adopt", "retry", "reject"], key: str | None) -> None:
        """A person ends a quarantined or doubtful create. ``adopt`` needs the target key; linking happens next run."""

    def conflicts(self, mapping: str | None, *, open_only: bool) -> list[ConflictRow]:
        """For people: conflicts, oldest first."""

    def conflict(self, conflict_id: int) -> ConflictRow | None:
        """One conflict."""

    def resolve(self, conflict_id: int, choice: Side | None, value: Value, by: str) -> None:
        """Remember a decision on a field conflict and make both sides of the record dirty."""

    def dismiss(self, conflict_id: int, resolution: str, by: str) -> None:
        """Close a question about a whole record with a word that says how."""

    def decisions(self, mapping: str, external_keys: Sequence[str]) -> dict[str, dict[str, Decision]]:
        """Remembered decisions: external key -> field -> decision (the latest per field)."""

    def answers(self, mapping: str, kind: str) -> list[ConflictRow]:
        """Resolved whole-record questions of a kind (``probable``, ``ambiguous``) that still wait to be carried out."""

    def unlink(self, mapping: str, external_key: str, by: str) -> bool:
        """Remove a link on a person's order; both records are strangers again and never re-created without asking."""

    def history(
        self, mapping: str, external_key: str | None, flowtly_key: str | None
    ) -> list[tuple[datetime, int, LedgerEntry]]:
        """Ledger of one record, oldest first: time, run, entry."""

    def runs(self, mapping: str | None, limit: int) -> list[dict[str, Any]]:
        """Latest runs, newest first."""

    def certificates(self, mapping: str, side: Side, limit: int) -> list[Certificate]:
        """Latest certificates, newest first."""

    def close(self) -> None:
        """Release connections."""
