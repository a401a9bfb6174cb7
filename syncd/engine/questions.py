"""Open questions against what became true meanwhile. Ends those that are over; never answers one itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.core.flapping import Hands
from syncd.core.merge import remembered
from syncd.core.model import Decision, Side
from syncd.engine.context import Context
from syncd.engine.flapping import flaps_of
from syncd.engine.merging import chunked
from syncd.engine.tasks import MergeTask
from syncd.engine.telling import settle
from syncd.ports import ConflictRow, Observation, Settlement, SideState, Status

WHOLE_RECORD = "*"
_IN_DOUBT = "in_doubt"  # ends with its operation
_LASTING = ("merged", "lost_edit")  # end with their link, by a person, or when what was merged is seen again
KEPT = "kept"  # a loss that could not be followed: ends when its record is seen again, or with its link


def open_questions(ctx: Context, tasks: Sequence[MergeTask]) -> dict[int, ConflictRow]:
    """The open questions about fields of these records, by number."""
    if not tasks:
        return {}
    keys = [task.external.key for task in tasks]
    return {row.id: row for row in ctx.store.questions_about(ctx.name, keys)}


def tell_questions(ctx: Context, tasks: Sequence[MergeTask], known: Mapping[int, ConflictRow]) -> None:
    """One event for each question that is new, or that is about other values than before; never the same one twice.

    ``known`` is what was open before these tasks were settled.
    """
    asked = {(task.external.key, contest.field) for task in tasks for contest in task.merge.contests}
    for number, row in sorted(open_questions(ctx, tasks).items()):
        if known.get(number) == row or (row.external_key, row.field) not in asked:
            continue
        ctx.tally.add("conflicts")
        ctx.events(
            "conflict.open",
            conflict=number,
            mapping=row.mapping,
            run=row.run_id,
            opened_at=row.opened_at.isoformat(),
            rule=row.rule,
            external=row.external_key,
            flowtly=row.flowtly_key,
            field=row.field,
            base_external=row.base_external,
            base_flowtly=row.base_flowtly,
            external_value=row.external,
            flowtly_value=row.flowtly,
        )


def wake_answered(ctx: Context, tasks: Sequence[MergeTask]) -> None:
    """Make records dirty that a person answered about while this run still marked them as asked."""
    for chunk in chunked(tasks, ctx.limits.batch):
        given = ctx.store.decisions(ctx.name, [task.external.key for task in chunk])
        frozen = [task.external.key for task in chunk if any(contest.history for contest in task.merge.contests)]
        flaps = flaps_of(ctx, frozen)
        answered = [
            task
            for task in chunk
            if _answered(task, given.get(task.external.key, {}), flaps.get(task.external.key, {}))
        ]
        woken = [one for task in answered for one in _woken(ctx, task)]
        if woken:
            settle(ctx, woken)


def _answered(task: MergeTask, given: Mapping[str, Sequence[Decision]], flaps: Mapping[str, Hands]) -> bool:
    """A field that flaps is asked about again in spite of an earlier answer; only one not yet carried out counts."""
    return any(
        flaps.get(contest.field, Hands()).answered
        if contest.history
        else remembered(given.get(contest.field, ()), {Side.EXTERNAL: contest.external, Side.FLOWTLY: contest.flowtly})
        is not None
        for contest in task.merge.contests
    )


def _woken(ctx: Context, task: MergeTask) -> Iterator[Settlement]:
    for side in Side:
        seen = ctx.store.observation(ctx.name, side, task.view(side).key)
        if seen is not None and seen.status is Status.ASKED:
            state = SideState(seen.digest, replace(seen, status=Status.DIRTY))
            yield Settlement(
                task.external.key,
                task.flowtly.key,
                external=state if side is Side.EXTERNAL else None,
                flowtly=state if side is Side.FLOWTLY else None,
            )


def close_over(ctx: Context) -> None:
    """End open questions about records that are at rest, gone as strangers, or that ask about an unmapped field."""
    for rows in chunked(ctx.store.conflicts(ctx.name, open_only=True), ctx.limits.batch):
        pending = {side: ctx.store.observations(ctx.name, side, _keys(rows, side)) for side in Side}
        missing = ctx.store.missing(ctx.name, [row.external_key or "" for row in rows if row.kind == KEPT])
        over = [_closing(row) for row in rows if row.external_key not in missing and _is_over(ctx, row, pending)]
        if over:
            settle(ctx, over)


def _keys(rows: Sequence[ConflictRow], side: Side) -> list[str]:
    return [key for row in rows if (key := _key(row, side)) is not None]


def _key(row: ConflictRow, side: Side) -> str | None:
    return row.external_key if side is Side.EXTERNAL else row.flowtly_key


def _is_over(ctx: Context, row: ConflictRow, pending: Mapping[Side, Mapping[str, Observation]]) -> bool:
    if row.kind == _IN_DOUBT or row.kind in _LASTING:
        return False
    if row.field != WHOLE_RECORD and row.field not in ctx.rules.fields:
        return True
    return not any(_key(row, side) in pending[side] for side in Side)


def _closing(row: ConflictRow) -> Settlement:
    """By one key only: a pair that is not linked is not to be taken for one."""
    return Settlement(
        external_key=row.external_key,
        flowtly_key=None if row.external_key is not None else row.flowtly_key,
        closed_fields=(row.field,),
    )
