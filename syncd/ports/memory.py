"""What the store keeps, as frozen values: links, observations, intents, questions, history, settlements. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, TypeAlias
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
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The row that ties an external key to a Flowtly IRI. Digests are those of each side as last settled."""

    id: int
    external_key: str
    flowtly_key: str
    base: Base
    origin: str = ""
    """How it came to be: created, adopted, manual, or by what the two were matched."""

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


OperationKind: TypeAlias = Literal["create", "patch", "delete", "replace"]


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

    ``source_key`` is the record on the other side that causes it; ``target_key`` is None for a create. A delete names
    the ``removal`` whose proof allows it: the store takes none without.

    A ``replace`` deletes the record that we made under ``target_key`` and makes a new one of ``payload``: Flowtly
    cannot change some records. Once the old one is deleted it is a create, which goes on naming it.
    """

    kind: OperationKind
    side: Side
    source_key: str
    target_key: str | None
    payload: Document
    reason: str
    removal: int | None = None


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


class RemovalState(StrEnum):
    """The life of a proven loss. Open ones withdraw themselves when the record comes back."""

    QUARANTINED = "quarantined"
    APPROVED = "approved"
    DONE = "done"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        """True while something may still follow from it."""
        return self in {RemovalState.QUARANTINED, RemovalState.APPROVED}


@dataclass(frozen=True, slots=True)
class Absent:
    """A linked record that complete readings of two runs did not see, with the first and the last of these readings."""

    side: Side
    external_key: str
    flowtly_key: str
    first_certificate: int
    last_certificate: int

    @property
    def key(self) -> str:
        """The key of the record that was not seen."""
        return self.external_key if self.side is Side.EXTERNAL else self.flowtly_key


@dataclass(frozen=True, slots=True)
class Removal:
    """A loss that is proven: two certificates and a look at the record itself. ``side`` is where it is gone.

    ``passes`` are the complete readings since; ``origin`` says how its link came to be (empty when there is none now).
    """

    id: int
    mapping: str
    side: Side
    external_key: str
    flowtly_key: str
    first_certificate: int
    second_certificate: int
    verified_at: datetime
    evidence: str
    state: RemovalState
    opened_at: datetime
    run_id: int
    passes: int = 0
    origin: str = ""
    approved_by: str | None = None
    ended_at: datetime | None = None
    detail: str = ""

    def key(self, side: Side) -> str:
        """The record's key on one side."""
        return self.external_key if side is Side.EXTERNAL else self.flowtly_key


APART: Final = "apart"
"""The answer that records of a question about who is who are different ones. It holds for good."""
WHO_IS_WHO: Final = ("probable", "ambiguous", "duplicate")
"""The kinds of question that are about who is who."""


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One question for a person. ``field`` is ``*`` when the question is about the whole record.

    A question about who is who has in ``external`` and ``flowtly`` the keys of all records it is about.
    """

    id: int
    mapping: str
    kind: str  # field, ambiguous, probable, duplicate, refused, in_doubt, duplicate_key, missing
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

    @property
    def rule(self) -> str:
        """The rule that asked: for a field what ``detail`` begins with (``policy:ask``, ``fixed``), else the kind."""
        return self.detail.partition(";")[0] if self.kind == "field" else self.kind

    def named(self, side: Side) -> frozenset[str]:
        """The records of one side that a question about who is who is about."""
        several, one = self.of(side), self.external_key if side is Side.EXTERNAL else self.flowtly_key
        listed = several if isinstance(several, tuple) else ()
        return frozenset(key for key in (*listed, one) if isinstance(key, str))

    def of(self, side: Side) -> MaybeValue:
        """What one side has."""
        return self.external if side is Side.EXTERNAL else self.flowtly


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
    """One fact of history: who had which value, what was decided by which rule, what was written.

    ``event``: seen (a side's edit), linked, unlinked, created, adopted, patched, overwritten (an edit that lost),
    rewritten (kept otherwise than sent), found (so after a lost answer), agreed, contested, resolved, refused. Of a
    create one entry is about the record and one about each field. replaced: made anew, with both Flowtly keys.
    """

    event: str
    external_key: str | None
    flowtly_key: str | None
    side: Side | None = None
    field: str | None = None
    before: MaybeValue = None
    after: MaybeValue = None
    rule: str = ""
    operation: UUID | None = None
    seen_at: datetime | None = None
    """When the side was first seen so; of an edit only."""
    changed_at: datetime | None = None
    """When it was changed, as the peer says."""
    verified: str = ""
    """How it is known that the peer has the value: ``answer`` of the write, ``read_back`` after a lost answer."""
    hidden: bool = False
    """The values are salted hashes: the field is sensitive."""


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
    operation_kind: OperationKind | None = None
    """What the operation is from now on; None for what it was."""
    opened: tuple[NewConflict, ...] = ()
    closed_fields: tuple[str, ...] = ()
    """Fields whose open conflict on this record is over because the sides agree again or a decision was carried out."""
    ledger: tuple[LedgerEntry, ...] = ()
    events: tuple[NewEvent, ...] = ()
    """What is to be told of this change; it goes to the outbox in the same transaction."""
    dissolved: bool = False
    """The link between both keys ends; nothing is absent any more. Side states say what is pending afterwards."""
    removals: tuple[int, ...] = ()
    """The removals that are over with this, as ``removal_state`` says."""
    removal_state: RemovalState | None = None
    removal_detail: str = ""
    alone: Side | None = None
    """With ``dissolved``: the record of this side stays as last settled and is nobody's partner until it changes."""


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
    fingerprint: str = ""
    """Of the mapping under which was read: what another one did not see proves nothing under this one."""
    digest: str = ""
    """Of all keys that were seen, whatever their order."""
    canaries: int = 0
    """How many of the oldest links were looked for, and below how many of these were seen."""
    canaries_seen: int = 0
    shrunk: bool = False
    """It is doubted for nothing but having seen much less than the last one."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of history is kept. What something still stands on is kept longer."""

    ledger: timedelta
    runs: timedelta
    certificates: timedelta
    operations: timedelta
    conflicts: timedelta
