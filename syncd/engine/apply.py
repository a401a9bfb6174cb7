"""Step 9: carry out tasks. Intent first, then look, compare, send the least, compare the answer, settle.

Nothing is sent before its intent is committed under our fence, and no outcome that is unknown is taken for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from syncd.core.model import Side
from syncd.core.reconcile import settled
from syncd.engine.context import Context
from syncd.engine.create import create_record
from syncd.engine.merging import chunked
from syncd.engine.patch import patch_record
from syncd.engine.states import questions, side_state
from syncd.engine.tasks import AskTask, CreateTask, MergeTask, RestTask, Task
from syncd.ports import LedgerEntry, NewConflict, Settlement, SideState, Status


def apply_tasks(ctx: Context, tasks: Sequence[Task]) -> None:
    """Carry out a plan: our own memory in batches first, then the peers in a small pool. Stops when told to."""
    _remember(ctx, [task for task in tasks if isinstance(task, MergeTask)])
    _set_aside(ctx, [task for task in tasks if isinstance(task, AskTask | RestTask)])
    writing = [
        task
        for task in tasks
        if isinstance(task, CreateTask) or (isinstance(task, MergeTask) and any(task.merge.to(side) for side in Side))
    ]
    _write(ctx, writing)


def _remember(ctx: Context, tasks: list[MergeTask]) -> None:
    """Link, agree and ask: whatever needs no peer. Fields that are still to be written stay as they were agreed."""
    done = 0
    for chunk in chunked(tasks, ctx.limits.batch):
        ctx.store.settle([remembered(ctx, task) for task in chunk], ctx.name, ctx.run_id, ctx.lease)
        done += len(chunk)
        ctx.progress("linking", done, len(tasks))
        for task in chunk:
            if task.origin:
                ctx.tally.add("linked")
                ctx.events("record.linked", external=task.external.key, flowtly=task.flowtly.key, by=task.origin)
            for contest in task.merge.contests:
                ctx.tally.add("conflicts")
                ctx.events(
                    "conflict.open",
                    external=task.external.key,
                    flowtly=task.flowtly.key,
                    field=contest.field,
                    base_external=contest.base_external,
                    base_flowtly=contest.base_flowtly,
                    external_value=contest.external,
                    flowtly_value=contest.flowtly,
                )


def remembered(ctx: Context, task: MergeTask) -> Settlement:
    """What a merge changes in our memory before any write: the link, agreed fields, open questions."""
    written = {change.field for side in Side for change in task.merge.to(side)}
    agreed = frozenset(task.merge.agreed) - written
    base = settled(task.base, task.external.document, task.flowtly.document, agreed, ctx.rules)
    asked = frozenset(contest.field for contest in task.merge.contests)
    ledger = [
        LedgerEntry("contested", task.external.key, task.flowtly.key, field=contest.field, rule="ask")
        for contest in task.merge.contests
    ]
    if task.origin:
        ledger.insert(0, LedgerEntry("linked", task.external.key, task.flowtly.key, rule=task.origin))
    return Settlement(
        external_key=task.external.key,
        flowtly_key=task.flowtly.key,
        base=base,
        origin=task.origin,
        external=side_state(task.external, base.external, ctx.rules.fields, asked),
        flowtly=side_state(task.flowtly, base.flowtly, ctx.rules.fields, asked),
        opened=questions(task.merge.contests, task.external.key, task.flowtly.key),
        closed_fields=tuple(sorted(agreed)),
        ledger=tuple(ledger),
    )


def _set_aside(ctx: Context, tasks: list[AskTask | RestTask]) -> None:
    """Strangers that wait for a person, or that simply live on one side."""
    for task in tasks:
        settlements = list(_asked(ctx, task) if isinstance(task, AskTask) else _left_alone(ctx, task))
        ctx.store.settle(settlements, ctx.name, ctx.run_id, ctx.lease)


def _asked(ctx: Context, task: AskTask) -> Iterable[Settlement]:
    ctx.tally.add("conflicts")
    ctx.events("match.ask", kind=task.kind, detail=task.detail)
    question = NewConflict(task.kind, task.items[0].external_key, task.items[0].flowtly_key, detail=task.detail)
    for side in Side:
        keys = [seen.key for where, seen in task.members if where is side]
        for key, full in sorted(ctx.store.observations(ctx.name, side, keys).items()):
            state = SideState(full.digest, replace(full, status=Status.ASKED, problem=task.detail))
            first = key in {task.items[0].external_key, task.items[0].flowtly_key}
            yield _stranger(side, key, state, (question,) if first else ())


def _left_alone(ctx: Context, task: RestTask) -> Iterable[Settlement]:
    keys = [seen.key for seen in task.observations]
    for key, full in ctx.store.observations(ctx.name, task.side, keys).items():
        yield _stranger(task.side, key, SideState(full.digest, replace(full, status=Status.SETTLED_ALONE)), ())


def _stranger(side: Side, key: str, state: SideState, opened: tuple[NewConflict, ...]) -> Settlement:
    return Settlement(
        external_key=key if side is Side.EXTERNAL else None,
        flowtly_key=key if side is Side.FLOWTLY else None,
        external=state if side is Side.EXTERNAL else None,
        flowtly=state if side is Side.FLOWTLY else None,
        opened=opened,
    )


def _write(ctx: Context, tasks: Sequence[MergeTask | CreateTask]) -> None:
    """Send what has to be sent, a few records at a time. The first unexpected failure ends the run after its peers."""
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


def _carry_out(ctx: Context, task: MergeTask | CreateTask) -> None:
    if ctx.stop.is_set():
        return
    if isinstance(task, CreateTask):
        create_record(ctx, task)
    else:
        patch_record(ctx, task)
