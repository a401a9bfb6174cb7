"""What the engine asks of the mapping store. Each method is one transaction; no method touches a peer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from syncd.core.model import Decision, Side, Value
from syncd.ports.aliases import AliasStore, LossStore
from syncd.ports.allocations import AllocationMemory
from syncd.ports.budget_links import LinkMemory
from syncd.ports.events import Delivery, DeliveryState, RetryRule, WatchPass
from syncd.ports.guards import GuardMemory
from syncd.ports.incidents import IncidentMemory, SpendingMemory, TotalsMemory
from syncd.ports.memory import (
    Absent,
    Certificate,
    ConflictRow,
    Intent,
    Lease,
    LedgerEntry,
    Link,
    MappingState,
    Observation,
    Operation,
    Removal,
    Settlement,
    Work,
)


class Pass(Protocol):
    """One reading of one side, page by page."""

    @property
    def duplicates(self) -> set[str]:
        """Keys that came more than once in this pass with different content."""

    def differing(self, digests: Mapping[str, bytes]) -> set[str]:
        """Keys whose digest is not the last known one (pending observation first, else link). Notes them as seen."""

    def store(self, observations: Sequence[Observation], cursor: str | None) -> None:
        """Note what differs as dirty and move the cursor, in one transaction. A side back at rest is withdrawn."""

    def finish(
        self, *, total: int | None, complete: bool, reason: str, shrink_limit: float, derived: bool = False
    ) -> Certificate | None:
        """End a full pass: the certificate, and what is linked but was not seen is counted (not deleted).

        A pass that saw nothing where links exist, or shrank by more than ``shrink_limit`` of the last one, is stored
        as not complete with the reason; not so one of records that we derive ourselves. None for an incremental pass.
        """

    def close(self) -> None:
        """Give up the pass's resources; harmless after ``finish``."""


class Store(
    GuardMemory,
    AliasStore,
    LossStore,
    AllocationMemory,
    LinkMemory,
    IncidentMemory,
    TotalsMemory,
    SpendingMemory,
    Protocol,
):
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

    def begin_pass(self, mapping: str, side: Side, run_id: int, *, full: bool, fingerprint: str = "") -> Pass:
        """Start reading one side under the mapping's fingerprint, which the certificate will name."""

    def wake(self, mapping: str, references: Iterable[str], now: datetime) -> int:
        """Turn observations that wait for one of these references, and parked ones that are due, dirty again."""

    def wake_linked(self, mapping: str) -> frozenset[Side]:
        """Turn observations dirty again whose reference is linked by now; on which sides there were any.

        One that could not be mapped has to be read again before anything is made beside it.
        """

    def partners(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, str]:
        """The other side's keys of records that are linked."""

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

    def settled_digest(self, mapping: str, side: Side, key: str) -> bytes | None:
        """The digest that a linked side was settled with; None for a record without a link."""

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

    def questions_about(self, mapping: str, external_keys: Sequence[str]) -> list[ConflictRow]:
        """Open questions about fields of these records."""

    def resolve(
        self, conflict_id: int, choice: Side | None, value: Value, by: str, seen: ConflictRow | None = None
    ) -> None:
        """Remember a decision on a field conflict and make both sides of the record dirty.

        ``seen`` is the question as the person read it: raises Stale when it is about other values by now.
        """

    def dismiss(self, conflict_id: int, resolution: str, by: str) -> None:
        """Close a question about a whole record with a word that says how."""

    def decisions(self, mapping: str, external_keys: Sequence[str]) -> dict[str, dict[str, tuple[Decision, ...]]]:
        """Remembered decisions: external key -> field -> every decision, oldest first."""

    def answers(self, mapping: str, kind: str) -> list[ConflictRow]:
        """Resolved whole-record questions of a kind (``probable``, ``ambiguous``) that still wait to be carried out."""

    def who_is_who(self, mapping: str) -> list[ConflictRow]:
        """Questions about who is who that are not over, and all that were ever answered ``apart``, oldest first."""

    def unlink(self, mapping: str, external_key: str, by: str) -> bool:
        """Remove a link on a person's order; both records are strangers again and never re-created without asking."""

    def history(
        self, mapping: str, external_key: str | None, flowtly_key: str | None
    ) -> list[tuple[datetime, int, LedgerEntry]]:
        """Ledger of one record, oldest first: time, run, entry."""

    def done_by(self, run_id: int) -> tuple[str | None, list[LedgerEntry]]:
        """Everything that one run entered, oldest first, and its mapping; None for a run that entered nothing."""

    def requests(self, operations: Sequence[UUID]) -> dict[UUID, Operation]:
        """The writes that ledger entries name, as far as they are still kept."""

    def absences(self, mapping: str, side: Side, fingerprint: str, limit: int, again: timedelta) -> list[Absent]:
        """Linked records that the latest complete reading and one of an earlier run did not see, under ``fingerprint``.

        Without those that have a removal, that were linked only after the first of these readings began, or that were
        excused less than ``again`` ago.
        """

    def missing(self, mapping: str, external_keys: Sequence[str], side: Side | None = None) -> set[str]:
        """Of these linked records, those that complete readings do not see on one side or on this, excused or not."""

    def excuse(self, absent: Absent, mapping: str, why: str, lease: Lease) -> None:
        """Note why a record that was not seen is not gone. Raises LeaseLost."""

    def prove(
        self, absent: Absent, mapping: str, fingerprint: str, evidence: str, run_id: int, lease: Lease
    ) -> Removal:
        """Store that a loss is proven. Raises LeaseLost, and Stale when its certificates are no proof any more."""

    def withdraw(self, mapping: str, fingerprint: str, run_id: int, lease: Lease) -> list[Removal]:
        """End open removals whose record was seen since, whose link is gone, or whose mapping was edited; which."""

    def removals(self, mapping: str | None, *, open_only: bool, count_to: int = 1_000) -> list[Removal]:
        """Proven losses, oldest first; for people at most 500 of those that are over.

        At most ``count_to`` complete readings since are counted for each.
        """

    def approve_removals(self, ids: Sequence[int], by: str) -> int:
        """A person says yes to proven losses that still wait; to how many."""

    def removed_lately(self, mapping: str, side: Side, within: timedelta) -> int:
        """How many losses of one side were followed lately, by the database's clock."""

    def runs(self, mapping: str | None, limit: int) -> list[dict[str, Any]]:
        """Latest runs, newest first."""

    def certificates(self, mapping: str, side: Side, limit: int) -> list[Certificate]:
        """Latest certificates, newest first."""

    def begin_watch(self, watch: str, fingerprint: str, lease: Lease) -> WatchPass:
        """Start a walk of a watch. Under another fingerprint than before, what was remembered is forgotten."""

    def claim(self, target: str, limit: int, hold: timedelta) -> list[Delivery]:
        """Deliveries that are due, for ``hold`` nobody else's; of each record only the oldest that is pending."""

    def delivered(self, target: str, event: UUID) -> None:
        """The target has taken an event."""

    def failed(self, target: str, event: UUID, detail: str, rule: RetryRule, retry_after: float | None) -> bool:
        """Put a delivery off by a growing, jittered time, at least ``retry_after`` seconds. True: it is given up."""

    def release_claims(self, target: str, events: Sequence[UUID]) -> None:
        """Give back what was claimed and not tried."""

    def sweep_outbox(self, keep: timedelta, targets: Collection[str], give_up: timedelta) -> int:
        """Remove what was delivered and is older than ``keep``; give up what waits for a target that is no more."""

    def outbox_counts(self) -> dict[str, dict[str, int]]:
        """Deliveries that are pending or given up, by target and state."""

    def deliveries(self, state: DeliveryState | None, limit: int) -> list[Delivery]:
        """For people: the latest deliveries, newest first."""

    def deliveries_of(self, event: UUID) -> list[Delivery]:
        """For people: every delivery of one event."""

    def retry_deliveries(self, event: UUID | None, target: str | None) -> int:
        """Try again now what was given up or waits: one event's deliveries, or all that were given up; how many."""

    def last_walk(self, watch: str) -> datetime | None:
        """When the last complete walk of a watch ended."""

    def watched(self, watch: str) -> int:
        """How many records the last complete walk of a watch saw."""

    def close(self) -> None:
        """Release connections."""
