"""What a decision leaves behind on each side: at rest, asked, or dirty again. Pure bookkeeping for settlements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, Side
from syncd.core.reconcile import Contest
from syncd.ports import NewConflict, Observation, SideState, Status

_FIRST_RETRY = timedelta(minutes=1)
_LONGEST_RETRY = timedelta(hours=6)


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


def side_state(view: View, base: Document, fields: Iterable[str], asked: frozenset[str]) -> SideState | None:
    """What to keep of a side. None when it is at rest and nothing is pending, so there is nothing to change."""
    open_fields = differing_fields(view.document, base, fields)
    if not open_fields:
        return None if view.digest is None else SideState(view.digest)
    if view.digest is None:
        # At rest in the store, yet the new base lacks a field: cannot happen, for the base only ever gains agreement.
        return None
    status = Status.ASKED if open_fields <= asked else Status.DIRTY
    known = view.observation or Observation(view.key, view.digest, view.document)
    return SideState(
        view.digest,
        replace(
            known,
            digest=view.digest,
            document=view.document,
            status=status,
            problem=None,
            attempts=0,
            due_at=None,
            waiting_for=None,
        ),
    )


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


def questions(contests: Iterable[Contest], external_key: str, flowtly_key: str) -> tuple[NewConflict, ...]:
    """Contested fields as conflicts to open."""
    return tuple(
        NewConflict(
            "field",
            external_key,
            flowtly_key,
            contest.field,
            contest.base_external,
            contest.base_flowtly,
            contest.external,
            contest.flowtly,
        )
        for contest in contests
    )


def by_side(external: View, flowtly: View) -> Mapping[Side, View]:
    """Two views by their side."""
    return {Side.EXTERNAL: external, Side.FLOWTLY: flowtly}


EMPTY_BASE = Base({}, {})
