"""What the store keeps, as frozen values: links, observations, intents, questions, history, settlements. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

from syncd.core.events import NewEvent
from syncd.core.model import Base, Document, MaybeValue, Side


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
    age: timedelta = timedelta(0)
    """Since it was intended, by the database's clock alone: ours may jump. Given for open operations."""


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
    events: tuple[NewEvent, ...] = ()
    """What is to be told of this change; it goes to the outbox in the same transaction."""


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
