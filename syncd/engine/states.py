"""What a decision leaves behind on each side: at rest, asked, or dirty again. Pure bookkeeping for settlements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, Rules, Side
from syncd.core.reconcile import Contest
from syncd.ports import NewConflict, Observation, Settlement, SideState, Status

_FIXED = "fixed; one side keeps what the record was made with: only a new record can have another value"
_FIRST_RETRY = timedelta(minutes=1)
_LONGEST_RETRY = timedelta(hours=6)
_PATIENCE = 1  # failures of a peer that are simply tried again in the next run

NEVER_READ = bytes(16)
"""A digest that no record has."""


@dataclass(frozen=True, slots=True)
class View:
    """A side as it reads now: its document, the digest of its raw record, and the pending observation if any."""

    key: str
    document: Document
    digest: bytes | None
    observation: Observation | None = None


def differing_fields(document: Document, base: Document, fields: Iterable[str]) -> frozenset[str]:
    """Mapped fields in which a side is not as it was last agreed. A null that was never agreed on counts as agreed."""
    return frozenset(
        field
        for field in fields
        if field in document and not same(document[field], base.get(field, None if document[field] is None else ABSENT))
    )


def side_state(view: View, base: Document, fields: Iterable[str], idle: frozenset[str]) -> SideState | None:
    """What to keep of a side. None when it is at rest and nothing is pending, so there is nothing to change.

    ``idle`` are the fields for which nothing can be done until a side moves or a person answers.
    """
    open_fields = differing_fields(view.document, base, fields)
    if not open_fields:
        return None if view.digest is None else SideState(view.digest)
    if view.digest is None:
        # At rest in the store, yet the new base lacks a field: cannot happen, for the base only ever gains agreement.
        return None
    known = view.observation or Observation(view.key, view.digest, view.document)
    return SideState(
        view.digest,
        replace(
            known,
            digest=view.digest,
            document=view.document,
            status=Status.ASKED if open_fields <= idle else Status.DIRTY,
            problem=None,
            due_at=None,
            waiting_for=None,
        ),
    )


def with_fresh_digests(settlement: Settlement, old: Base | None) -> tuple[Settlement, ...]:
    """The settlement, preceded by one that forgets digests which the new base makes untrue.

    The store keeps a link's digest for a side that stays pending. If the base of that side changes now, a record that
    goes back to what it was before would be taken for one at rest, though that is not what was agreed on since.
    """
    if settlement.base is None or old is None:
        return (settlement,)
    pending = {
        side: state
        for side, state in ((Side.EXTERNAL, settlement.external), (Side.FLOWTLY, settlement.flowtly))
        if state is not None and state.observation is not None and settlement.base.of(side) != old.of(side)
    }
    if not pending:
        return (settlement,)
    forgotten = Settlement(
        settlement.external_key,
        settlement.flowtly_key,
        external=SideState(NEVER_READ) if Side.EXTERNAL in pending else None,
        flowtly=SideState(NEVER_READ) if Side.FLOWTLY in pending else None,
    )
    return (forgotten, settlement)


def parked(observation: Observation, problem: str, now: datetime, waiting_for: str | None = None) -> Observation:
    """The observation set aside with its problem, to be tried again later and later (or when its reference comes)."""
    wait = min(_FIRST_RETRY * 2 ** min(observation.attempts, 20), _LONGEST_RETRY)
    return replace(
        observation,
        status=Status.WAITING if waiting_for else Status.PARKED,
        problem=problem,
        waiting_for=waiting_for,
        attempts=observation.attempts + 1,
        due_at=now + wait,
    )


def postponed(observation: Observation, problem: str, now: datetime) -> Observation:
    """The observation after the peer failed over it: tried again in the next run, and if that fails later and later.

    Without the second part a few records that a peer always fails over would stand in everybody's way for ever.
    """
    if observation.attempts >= _PATIENCE:
        return parked(observation, problem, now)
    return replace(observation, attempts=observation.attempts + 1)


def questions(
    contests: Iterable[Contest], external_key: str, flowtly_key: str, rules: Rules
) -> tuple[NewConflict, ...]:
    """Contested fields as conflicts to open; ``detail`` begins with the rule that asks (``ConflictRow.rule``)."""
    return tuple(
        NewConflict(
            "flapping" if contest.history else "bad_value" if contest.fault else "field",
            external_key,
            flowtly_key,
            contest.field,
            contest.base_external,
            contest.base_flowtly,
            contest.external,
            contest.flowtly,
            detail=contest.history or contest.fault or _asking(contest, rules),
        )
        for contest in contests
    )


def _asking(contest: Contest, rules: Rules) -> str:
    return _FIXED if contest.fixed else f"policy:{rules.fields[contest.field].policy}"


def by_side(external: View, flowtly: View) -> Mapping[Side, View]:
    """Two views by their side."""
    return {Side.EXTERNAL: external, Side.FLOWTLY: flowtly}


EMPTY_BASE = Base({}, {})
