"""What the runs of an allocation's mapping do besides: derive first, hold back and order the plan, audit at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Final

from syncd.budgets.allocate import Allocator
from syncd.core.model import MaybeValue, Side
from syncd.core.removal import Verdict
from syncd.engine.allocating.audit import audit, frozen
from syncd.engine.allocating.books import Books
from syncd.engine.allocating.derive import derive
from syncd.engine.allocating.scales import Scales
from syncd.engine.allocating.screening import screened
from syncd.engine.allocating.wanted import WantedParts
from syncd.engine.allocating.words import Allocation
from syncd.engine.context import Audit, Context
from syncd.engine.merging import chunked
from syncd.engine.tasks import CreateTask, MergeTask, RemoveTask, Task, held
from syncd.ports.allocations import SeenPosting, posting_of

AMOUNT: Final = "amount"
"""What the amount of a link is called in the mapping that is made from an allocation."""


class Stage(IntEnum):
    """The order of writes: what makes room comes first, so that no transaction is over-allocated on the way."""

    REMOVE = 0
    SHRINK = 1
    CHANGE = 2
    GROW = 3
    CREATE = 4
    REST = 5


class AllocationSteps:
    """``engine.context.Steps`` for one allocation. Made for one cycle: its further rounds derive nothing anew."""

    def __init__(
        self,
        allocation: Allocation,
        *,
        books: Callable[[], Books],
        wanted: Callable[[], WantedParts],
        allocator: Callable[[], Allocator],
        scales: Callable[[], Scales],
        spending: Callable[[Context], None],
    ) -> None:
        self._allocation = allocation
        self._books = books
        self._wanted = wanted
        self._allocator = allocator
        self._scales = scales
        self._spending = spending
        self._lacking: str | None = None

    def before(self, ctx: Context) -> str:
        """Derive, once a cycle."""
        if self._lacking is None:
            self._lacking = derive(ctx, self._allocation, self._books(), self._allocator())
        return self._lacking

    def hold(self, ctx: Context, tasks: Sequence[Task]) -> list[Task]:
        """The tasks in the order of their stages; those that must not be carried out now only say why."""
        self._tell_skipped(ctx, self._wanted())
        ordered = frozen(ctx, self._scales(), sorted(tasks, key=self.stage))
        return screened(ctx, self._allocation, _while_no_room(ctx, self._allocation.name, ordered))

    def stage(self, task: Task) -> Stage:
        """When a task is carried out."""
        return stage_of(task)

    def after(self, ctx: Context, outcome: str, *, complete: bool) -> Audit:
        """Both sides are added up. Another round follows while withdrawn parts wait for a second reading alone."""
        audited = audit(ctx, self._scales(), outcome, complete=complete)
        if complete and outcome == "done":
            self._spending(ctx)
        return Audit(audited.breaches, again=complete and outcome == "done" and _unproven(ctx))

    def _tell_skipped(self, ctx: Context, wanted: WantedParts) -> None:
        """Note the parts whose amount cannot be told; one line for all that are news."""
        skips = [*wanted.skipped.items(), *((key, "") for key in wanted.told)]
        if not skips:
            return
        news = set(ctx.store.note_skips(self._allocation.name, sorted(skips), ctx.lease))
        left = [key for key, reason in sorted(wanted.skipped.items()) if key in news and reason]
        if left:
            ctx.events(
                "budget.amounts_skipped",
                allocation=self._allocation.name,
                parts=len(left),
                first=left[0],
                reason=wanted.skipped[left[0]],
            )


def stage_of(task: Task) -> Stage:
    """When a task is carried out: removals, smaller amounts, other changes, larger amounts, new links."""
    match task:
        case RemoveTask():
            return Stage.REMOVE
        case CreateTask():
            return Stage.CREATE
        case MergeTask() if task.origin == "" and task.merge.to(Side.FLOWTLY):
            changed = next((one for one in task.merge.to(Side.FLOWTLY) if one.field == AMOUNT), None)
            return Stage.CHANGE if changed is None else _resized(changed.before, changed.after)
        case MergeTask():
            return Stage.CHANGE
        case _:
            return Stage.REST


def _resized(before: MaybeValue, after: MaybeValue) -> Stage:
    """No amount is the whole transaction: the largest that there is. One of the other sign makes no room."""
    new, old = _number(after), _number(before)
    if new is None:
        return Stage.GROW
    if old is None:
        return Stage.SHRINK
    return Stage.SHRINK if abs(new) < abs(old) and old * new >= 0 else Stage.GROW


def _number(value: MaybeValue) -> Decimal | None:
    return Decimal(value) if isinstance(value, Decimal | int) else None


def _while_no_room(ctx: Context, allocation: str, tasks: Sequence[Task]) -> list[Task]:
    """Hold back what would not fit beside links of withdrawn parts that this plan does not delete."""
    asking = {posting for task in tasks if (posting := _asks_for_room(task)) is not None}
    leaving = {task.link.external_key for task in tasks if isinstance(task, RemoveTask) and _deletes(task)}
    waiting: dict[str, str] = {}
    for keys in chunked(sorted(asking), ctx.limits.batch):
        for key, known in ctx.store.postings(allocation, keys).items():
            if left := _in_the_way(known, leaving):
                waiting[key] = f"waits until the links of {', '.join(left)} are deleted: no room beside them"
    return [_held_for(task, waiting) for task in tasks]


def _held_for(task: Task, waiting: dict[str, str]) -> Task:
    posting = _asks_for_room(task)
    return held(task, waiting[posting]) if posting is not None and posting in waiting else task


def _in_the_way(posting: SeenPosting, leaving: set[str]) -> list[str]:
    """Withdrawn parts that are still linked and leave less room than all wanted parts need."""
    left = [slot for slot in posting.slots if slot.withdrawn and slot.key not in leaving]
    needed = sum(abs(slot.amount) for slot in posting.slots if not slot.withdrawn or slot in left)
    return [slot.key for slot in left] if needed > abs(posting.amount or 0) else []


def _asks_for_room(task: Task) -> str | None:
    """The posting of a new link or a larger one."""
    if isinstance(task, CreateTask) and task.source is Side.EXTERNAL:
        return posting_of(task.observation.key)
    if isinstance(task, MergeTask) and stage_of(task) is Stage.GROW:
        return posting_of(task.external.key)
    return None


def _deletes(task: RemoveTask) -> bool:
    return task.verdict is Verdict.CARRY_OUT and task.gone is Side.EXTERNAL


def _unproven(ctx: Context) -> bool:
    """True while more linked parts are withdrawn than losses are proven: a second reading is what they wait for."""
    missing = ctx.tally.get("missing", Side.EXTERNAL)
    if not missing:
        return False
    deleted = ctx.tally.get("removed", Side.FLOWTLY)
    proven = sum(1 for one in ctx.store.removals(ctx.name, open_only=True) if one.side is Side.EXTERNAL)
    return missing - deleted > proven
