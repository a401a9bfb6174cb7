"""Merges of two counterparties as the store keeps them: proposal, approval, the one call, where the loser went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from syncd.ports.memory import Lease


class MergeState(StrEnum):
    """The life of a merge. There is no way back from ``sending`` to anything that could send again.

    ``proposed`` waits for approval; ``approved`` may be carried out; ``changing`` sends the survivor's PATCH;
    ``sending`` is committed before the one call is sent; ``done`` was verified; ``unclear`` waits for a person because
    nobody can say from outside what became of the call; ``refused`` by Flowtly before anything was merged;
    ``withdrawn`` because a record changed or a person took it back.
    """

    PROPOSED = "proposed"
    APPROVED = "approved"
    CHANGING = "changing"
    SENDING = "sending"
    DONE = "done"
    UNCLEAR = "unclear"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        """True while something may still follow from it, or a person has to look."""
        return self not in {MergeState.DONE, MergeState.REFUSED, MergeState.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge would do, and what it was decided from. ``changes``: raw fields of the survivor to be set first.

    ``snapshots`` are both raw records as read when this was planned, with every link that pointed to them; ``digests``
    are the hashes of these readings. ``provenance``: field -> which record its value comes from, and the rule.
    """

    directory: str
    survivor: str
    loser: str
    case_id: int
    tier: str
    bits: float
    evidence: Mapping[str, Any]
    changes: Mapping[str, Any]
    provenance: Mapping[str, Any]
    snapshots: Mapping[str, Any]
    digests: Mapping[str, str]
    needs_approval_of: tuple[str, ...] = ()
    """What a person must have seen before this is approved: bank accounts that the survivor did not have."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A stored merge and what became of it."""

    id: UUID
    plan: MergePlan
    state: MergeState
    created_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a record went. ``by``: ``us`` (a merge of ours), or ``people`` (noticed, followed)."""

    system: str
    resource: str
    loser: str
    survivor: str
    by: str
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    merge: UUID | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """A link that followed its record to the survivor. ``alias``: the survivor was linked already, to ``primary``."""

    mapping: str
    external_key: str
    flowtly_key: str
    alias: bool
    primary: str | None = None
    lost: tuple[str, ...] = ()
    """Fields of the loser that were edited at Flowtly and had not flowed yet; the ledger has their values."""


@dataclass(frozen=True, slots=True)
class Referring:
    """A field of one mapping that names records of another: ``parent`` is the mapping whose links it needs."""

    mapping: str
    field: str
    parent: str


BY_TIER: Final = "tier "
"""How an approval begins that no person gave: ``tier T1``. The database refuses it where accounts wait for a person."""


class MergeStore(Protocol):
    """The part of the store that knows merges. Each method is one transaction.

    The database itself refuses a merge that is sent without an approval, a second call for one pair, and two merges
    that touch one record at once.
    """

    def propose_merge(self, plan: MergePlan, lease: Lease) -> Merge:
        """Store a merge that waits for approval; an open proposal for the pair is replaced. Raises LeaseLost, Stale."""

    def approve_merge(self, merge: UUID, by: str, digests: Mapping[str, str]) -> Merge:
        """A person, or a tier switched on, approves exactly the plan with these digests. Raises Stale."""

    def withdraw_merge(self, merge: UUID, why: str, by: str) -> bool:
        """Take back what was not sent yet. A merge that is ``unclear`` is ended as refused: a person has looked."""

    def move_merge(self, merge: UUID, before: MergeState, after: MergeState, detail: str, lease: Lease) -> Merge:
        """One step of its life. Raises LeaseLost, and Stale when it is not in ``before`` any more.

        Stale as well for a step that there is not, for a second call of one pair, and while another merge that is
        being carried out touches one of the two records.
        """

    def finish_merge(
        self,
        merge: UUID,
        redirect: Redirect,
        lease: Lease,
        *,
        held: Sequence[Lease] = (),
        referring: Sequence[Referring] = (),
        detail: str = "",
    ) -> list[Followed]:
        """Done and verified: the redirect is stored and every link of the loser follows, in one transaction.

        ``held`` are the leases of the mappings whose links may follow: links of others stay. Raises LeaseLost, Stale.
        """

    def in_the_way(self, keys: Sequence[str]) -> list[str]:
        """Why records cannot be merged now, for people: edits, questions and writes that are not finished yet."""

    def held_by_merges(self) -> frozenset[str]:
        """Records of which a merge was begun and is not over: nobody may take one for gone, or for a stranger."""

    def merges(self, directory: str | None, states: Sequence[MergeState], limit: int = 500) -> list[Merge]:
        """Merges, oldest first."""

    def merge(self, merge: UUID) -> Merge | None:
        """One merge."""

    def follow(self, redirect: Redirect, lease: Lease, referring: Sequence[Referring] = ()) -> list[Followed]:
        """A merge that people made: store where the loser went, and let its links in the mapping of the lease follow.

        Other mappings let theirs follow in their own runs, with the same redirect: storing it again changes nothing.
        Raises LeaseLost, and Stale when the loser is known to have gone elsewhere.
        """

    def redirect(self, system: str, resource: str, key: str) -> Redirect | None:
        """Where a record went, over several merges to the last survivor."""
