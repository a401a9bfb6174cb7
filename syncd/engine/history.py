"""What a task enters in the ledger: edits as they were seen, agreements, values of new records, writes and their proof.

Makes entries and nothing else. A first link enters no edits: what was equal on both sides was nobody's change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, MaybeValue, Side
from syncd.core.reconcile import Change
from syncd.engine.states import View
from syncd.engine.tasks import MergeTask
from syncd.ports import LedgerEntry, Link, Observation, Operation

ANSWER = "answer"  # the peer's answer to the write told what it has now
READ_BACK = "read_back"  # the answer was lost, so the record was read
ADOPTED = "adopted"  # a create whose answer was lost, and whose record a probe found
EQUAL = "equal"  # the core's rule name for sides that came to agree by themselves

Keys = tuple[str | None, str | None]


def of_merge(task: MergeTask) -> Iterator[LedgerEntry]:
    """Before anything is written: the link, each side's edits with their values, what came to agree, what is asked.

    So the value of an edit that loses is in the ledger whatever happens afterwards.
    """
    keys = task.external.key, task.flowtly.key
    if task.origin:
        yield LedgerEntry("linked", *keys, rule=task.origin)
    for side in Side:
        yield from _edits(keys, side, task.view(side), task.base)
    written = {change.field for side in Side for change in task.merge.to(side)}
    for field in task.merge.agreed:
        value = task.external.document.get(field, ABSENT)
        if field not in written and _known(task.base, field):
            yield LedgerEntry("agreed", *keys, field=field, after=value, rule=EQUAL)
    for contest in task.merge.contests:
        yield LedgerEntry("contested", *keys, field=contest.field, rule="fixed" if contest.fixed else "ask")


def of_changes(
    keys: Keys, side: Side, changes: Iterable[Change], after: Document, operation: UUID | None, verified: str
) -> Iterator[LedgerEntry]:
    """Fields that were written to one side, and where that side kept something else than was sent."""
    for change in changes:
        event = "overwritten" if change.overwrites_edit else "patched"
        before, sent = change.before, change.after
        yield LedgerEntry(event, *keys, side, change.field, before, sent, change.rule, operation, verified=verified)
        got = after.get(change.field, ABSENT)
        if not same(got, sent):
            yield LedgerEntry("rewritten", *keys, side, change.field, sent, got, "peer", operation, verified=verified)


def of_created(keys: Keys, operation: Operation, made: Document, origin: str) -> Iterator[LedgerEntry]:
    """A record that was made, or that a probe found: one entry for it, one for each field it was made with.

    What a found record has otherwise may be the peer's doing or somebody's edit since.
    """
    side, rule, id_ = operation.intent.side, operation.intent.reason, operation.id
    proof, odd = (READ_BACK, "found") if origin == ADOPTED else (ANSWER, "rewritten")
    old, new = operation.intent.target_key, keys[0] if side is Side.EXTERNAL else keys[1]
    if old is not None:
        yield LedgerEntry("replaced", *keys, side, before=old, after=new, rule=rule, operation=id_, verified=proof)
    yield LedgerEntry(origin, *keys, side, rule=rule, operation=id_, verified=proof)
    for field, sent in operation.intent.payload.items():
        yield LedgerEntry(origin, *keys, side, field, ABSENT, sent, rule, id_, verified=proof)
        got = made.get(field, ABSENT)
        if not same(got, sent):
            yield LedgerEntry(odd, *keys, side, field, sent, got, "peer", id_, verified=proof)


def of_found(link: Link, known: Observation | None, operation: Operation) -> Iterator[LedgerEntry]:
    """A change whose answer was lost and that was found applied by the next run.

    What the side had before is its edit that was pending then, else its base.
    """
    intent, side = operation.intent, operation.intent.side
    keys, base = (link.external_key, link.flowtly_key), link.base.of(side)
    before: Mapping[str, MaybeValue] = base if known is None or known.document is None else known.document
    for field, sent in intent.payload.items():
        had = before.get(field, ABSENT)
        lost = not same(had, base.get(field, ABSENT)) and not same(had, sent)
        event = "overwritten" if lost else "patched"
        yield LedgerEntry(event, *keys, side, field, had, sent, intent.reason, operation.id, verified=READ_BACK)


def _edits(keys: Keys, side: Side, view: View, base: Base | None) -> Iterator[LedgerEntry]:
    seen = view.observation
    if base is None or seen is None:
        return
    times: dict[str, datetime | None] = {"seen_at": seen.first_seen, "changed_at": seen.changed_at}
    for field, before in base.of(side).items():
        now = view.document.get(field, ABSENT)
        if not same(now, before):
            yield LedgerEntry("seen", *keys, side, field, before, now, "edit", **times)  # type: ignore[arg-type]  # a dict of times only


def _known(base: Base | None, field: str) -> bool:
    """True where both sides had agreed before: else a mapping that gained a field would fill the ledger."""
    return base is not None and all(field in base.of(side) for side in Side)
