"""What of a plan must not be carried out, said before anything is sent: the plan tells the truth about budget links.

It goes by the mirror, by the facts, and by what the same plan does to other links of a transaction before. What passes
here is judged again right before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from syncd.core.model import Document, Side
from syncd.engine.allocating.links import GuardedLinks
from syncd.engine.allocating.trial import Trial, Wish, wishes
from syncd.engine.context import Context
from syncd.engine.tasks import AskTask, CreateTask, MergeTask, Task, held
from syncd.ports.allocations import posting_of

BY_HAND: Final = "manual"
"""The origin of a link that a person tied: their word counts more than whose link it was."""

THEIRS: Final = "people linked it themselves: theirs stays, and ours is not made"


class Named(Protocol):
    """An allocation."""

    @property
    def name(self) -> str:
        """Its name."""


def screened(ctx: Context, allocation: Named, tasks: Sequence[Task]) -> list[Task]:
    """The tasks in their order; creates and changes that must not be made now are held back with the reason.

    Raises LeaseLost and StoreUnavailable. Trouble in reading facts leaves it to the judgement before each write.
    """
    peer = ctx.peers[Side.FLOWTLY]
    if not isinstance(peer, GuardedLinks) or not tasks:
        return list(tasks)
    theirs = {} if peer.terms.own_all else {number: THEIRS for number, task in enumerate(tasks) if _adopts(task)}
    numbers = [number for number, task in enumerate(tasks) if number not in theirs and _writes(task)]
    wished = dict(zip(numbers, wishes(ctx, peer.terms, [tasks[number] for number in numbers]), strict=True))
    reasons = {**theirs, **Trial(ctx, peer, tasks).refused({n: one for n, one in wished.items() if one is not None})}
    _note(ctx, allocation, tasks, reasons, wished)
    return [held(task, reasons[number]) if number in reasons else task for number, task in enumerate(tasks)]


def _adopts(task: Task) -> bool:
    """True for what would tie a part to a link that people made, or asks which of theirs it should be."""
    if isinstance(task, MergeTask):
        return bool(task.origin) and task.origin != BY_HAND
    return isinstance(task, AskTask) and {side for side, _ in task.members} == set(Side)


def _writes(task: Task) -> bool:
    if isinstance(task, MergeTask):
        return bool(task.merge.to(Side.FLOWTLY)) and not task.origin
    return isinstance(task, CreateTask) and task.target is Side.FLOWTLY


def _note(
    ctx: Context,
    allocation: Named,
    tasks: Sequence[Task],
    reasons: Mapping[int, str],
    wished: Mapping[int, Wish | None],
) -> None:
    """Remember why parts are left out, and say what is news."""
    why: dict[str, str] = {}
    for number, task in enumerate(tasks):
        if number in reasons or wished.get(number) is not None:
            why.update(dict.fromkeys(_parts(task), reasons.get(number, "")))
    if not why:
        return
    targets = {part: _target(task, ctx) for task in tasks for part in _parts(task)}
    for part in ctx.store.note_skips(allocation.name, sorted(why.items()), ctx.lease):
        if why[part]:
            ctx.events(
                "budget.link_skipped", part=part, posting=posting_of(part), budget=targets.get(part), reason=why[part]
            )


def _parts(task: Task) -> tuple[str, ...]:
    """The external keys that a task is about."""
    match task:
        case CreateTask(observation=seen):
            return (seen.key,)
        case MergeTask(external=view):
            return (view.key,)
        case AskTask(members=members):
            return tuple(seen.key for side, seen in members if side is Side.EXTERNAL)
        case _:
            return ()


def _target(task: Task, ctx: Context) -> Any:
    """The budget's or project's key, as the part names it."""
    document: Document = {}
    if isinstance(task, CreateTask):
        document = task.document
    elif isinstance(task, MergeTask):
        document = task.external.document
    names = [name for name in ("budget", "project") if name in ctx.rules.fields]
    return next((document.get(name) for name in names), None)
