"""Step 9: carry out tasks. Intent first, then look, compare, send the least, compare the answer, settle.

Nothing is sent before its intent is committed under our fence, and no outcome that is unknown is taken for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import groupby
from typing import TypeGuard

from syncd.core.model import Side
from syncd.engine import history
from syncd.engine.context import Context
from syncd.engine.create import create_record
from syncd.engine.merging import chunked, remembered_base
from syncd.engine.patch import patch_record
from syncd.engine.questions import WHOLE_RECORD, open_questions, tell_questions, wake_answered
from syncd.engine.remove import remove_record
from syncd.engine.states import questions, side_state, with_fresh_digests
from syncd.engine.tasks import AliasTask, AskTask, CreateTask, MergeTask, RemoveTask, RestTask, Task, taken_apart
from syncd.engine.telling import settle
from syncd.engine.trouble import describe
from syncd.errors import LeaseLost, Stale, StoreUnavailable
from syncd.ports import NewConflict, Observation, Settlement, SideState, Status


def apply_tasks(ctx: Context, tasks: Sequence[Task]) -> None:
    """Carry out a plan: our own memory in batches first, then the peers in a small pool. Stops when told to."""
    _remember(ctx, [task for task in tasks if isinstance(task, MergeTask)])
    for task in tasks:
        if isinstance(task, AliasTask):
            _alias(ctx, task)
    _set_aside(ctx, [task for task in tasks if isinstance(task, AskTask | RestTask)])
    _write(ctx, [task for task in tasks if _writes(task)])
    wake_answered(ctx, [task for task in tasks if isinstance(task, MergeTask) and task.merge.contests])


def _writes(task: Task) -> TypeGuard[MergeTask | CreateTask | RemoveTask]:
    """True for what may send something to a peer."""
    if isinstance(task, MergeTask):
        return any(task.merge.to(side) for side in Side)
    return isinstance(task, CreateTask | RemoveTask)


def _remember(ctx: Context, tasks: list[MergeTask]) -> None:
    """Link, agree and ask: whatever needs no peer. Fields that are still to be written stay as they were agreed."""
    done = 0
    for chunk in chunked(tasks, ctx.limits.batch):
        known = open_questions(ctx, [task for task in chunk if task.merge.contests])
        settlements = [one for task in chunk for one in with_fresh_digests(remembered(ctx, task), task.base)]
        settle(ctx, settlements)
        done += len(chunk)
        ctx.progress("linking", done, len(tasks))
        for task in chunk:
            if task.origin:
                ctx.tally.add("linked")
                ctx.events("record.linked", external=task.external.key, flowtly=task.flowtly.key, by=task.origin)
        tell_questions(ctx, [task for task in chunk if task.merge.contests], known)


def remembered(ctx: Context, task: MergeTask) -> Settlement:
    """What a merge changes in our memory before any write: the link, agreed fields, open questions."""
    fields = frozenset(ctx.rules.fields)
    written = {change.field for side in Side for change in task.merge.to(side)}
    base = remembered_base(ctx, task)
    asked = frozenset(contest.field for contest in task.merge.contests)
    # What asked about the whole record is over with its link, or with the edit that could not be sent taken back.
    over = {WHOLE_RECORD} if task.origin or not written else set()
    return Settlement(
        external_key=task.external.key,
        flowtly_key=task.flowtly.key,
        base=base,
        origin=task.origin,
        external=side_state(task.external, base.external, fields, fields - written),
        flowtly=side_state(task.flowtly, base.flowtly, fields, fields - written),
        opened=questions(task.merge.contests, task.external.key, task.flowtly.key, ctx.rules),
        closed_fields=tuple(sorted(((fields if task.about is None else task.about) - asked - written) | over)),
        ledger=tuple(history.of_merge(task)),
    )


def _alias(ctx: Context, task: AliasTask) -> None:
    """A stranger becomes an alias; from now on it is read with the others and written as its primary is."""
    one = task.alias
    try:
        ctx.store.keep_alias(one, ctx.lease, task.answer)
    except Stale as moved:
        ctx.events("answer.waiting", external=one.external_key, flowtly=one.flowtly_key, detail=str(moved))
        return
    ctx.tally.add("aliased")
    ctx.events("alias.made", external=one.external_key, primary=one.primary, flowtly=one.flowtly_key)


def _set_aside(ctx: Context, tasks: list[AskTask | RestTask]) -> None:
    """Strangers that wait for a person, or that simply live on one side."""
    for task in tasks:
        settlements = list(_asked(ctx, task) if isinstance(task, AskTask) else _left_alone(ctx, task))
        settle(ctx, settlements)


def _asked(ctx: Context, task: AskTask) -> Iterable[Settlement]:
    """The question, and its members marked as asked about.

    One that cannot be read goes on waiting for what it waits for, and one that was taken apart stays so.
    """
    ctx.tally.add("conflicts")
    ctx.events("match.ask", kind=task.kind, detail=task.detail)
    item = task.items[0]
    question = NewConflict(
        task.kind,
        item.external_key,
        item.flowtly_key,
        external=task.named.get(Side.EXTERNAL),
        flowtly=task.named.get(Side.FLOWTLY),
        detail=task.detail,
    )
    yield Settlement(None, None, opened=(question,))
    for side in Side:
        keys = [seen.key for where, seen in task.members if where is side and not taken_apart(seen)]
        for key, full in sorted(ctx.store.observations(ctx.name, side, keys).items()):
            if full.document is not None:
                yield _stranger(side, key, replace(full, status=Status.ASKED, problem=task.detail, due_at=None))


def _left_alone(ctx: Context, task: RestTask) -> Iterable[Settlement]:
    keys = [seen.key for seen in task.observations]
    for key, full in ctx.store.observations(ctx.name, task.side, keys).items():
        alone = replace(full, status=Status.SETTLED_ALONE, problem=None, due_at=None)
        yield _stranger(task.side, key, alone, closed=(WHOLE_RECORD,))


def _stranger(side: Side, key: str, observation: Observation, closed: tuple[str, ...] = ()) -> Settlement:
    state = SideState(observation.digest, observation)
    return Settlement(
        external_key=key if side is Side.EXTERNAL else None,
        flowtly_key=key if side is Side.FLOWTLY else None,
        external=state if side is Side.EXTERNAL else None,
        flowtly=state if side is Side.FLOWTLY else None,
        closed_fields=closed,
    )


def _write(ctx: Context, tasks: Sequence[MergeTask | CreateTask | RemoveTask]) -> None:
    """Send what has to be sent, a few records at a time. The first unexpected failure ends the run after its peers."""
    started = ctx.clock.monotonic()
    try:
        for stage in _stages(ctx, tasks):
            _send(ctx, stage)
    finally:
        if tasks:  # what a plan's minutes are estimated from
            ctx.tally.add("writing_ms", by=round((ctx.clock.monotonic() - started) * 1000))


def _stages(
    ctx: Context, tasks: Sequence[MergeTask | CreateTask | RemoveTask]
) -> Iterator[Sequence[MergeTask | CreateTask | RemoveTask]]:
    """The tasks in runs that may be sent at once; what a mapping's steps put later waits for what comes before."""
    if ctx.steps is None:
        yield tasks
        return
    for _, some in groupby(tasks, ctx.steps.stage):
        yield list(some)


def _send(ctx: Context, tasks: Sequence[MergeTask | CreateTask | RemoveTask]) -> None:
    workers = max(1, min(ctx.limits.write_threads, *(ctx.capabilities[side].concurrency for side in Side)))
    waiting = iter(tasks)
    running: set[Future[None]] = set()
    done = 0
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="write") as pool:
        while True:
            while len(running) < workers * 2 and not ctx.stop.is_set():
                task = next(waiting, None)
                if task is None:
                    break
                running.add(pool.submit(_carry_out, ctx, task))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done += 1
            ctx.progress("applying", done, len(tasks))


def _carry_out(ctx: Context, task: MergeTask | CreateTask | RemoveTask) -> None:
    """One record's writes. Only the loss of the lease or of the store ends the run."""
    if ctx.stop.is_set():
        return
    try:
        if isinstance(task, CreateTask):
            create_record(ctx, task)
        elif isinstance(task, RemoveTask):
            remove_record(ctx, task)
        else:
            patch_record(ctx, task)
    except (LeaseLost, StoreUnavailable):
        raise
    except Exception as error:  # noqa: BLE001 - a connector's bug over one record must not stop all others for ever
        # Its intent stays open, so the next run looks at the peer before anything is sent again.
        item = task.items[0]
        ctx.tally.add("failed")
        ctx.events(
            "record.failed",
            external=item.external_key,
            flowtly=item.flowtly_key,
            detail=describe(error),
            exc_info=error,
        )
