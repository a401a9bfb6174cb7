"""Linked records that cannot be written now: set aside until later, with the question if a person should know.

Never touches what is at rest or waits for something else, so an edit that comes meanwhile is looked at at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.engine.states import parked, postponed
from syncd.engine.tasks import MergeTask
from syncd.engine.telling import settle
from syncd.mapping.links import waits_for_link
from syncd.ports import NewConflict, Observation, Settlement, SideState, Status


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a record is set aside: the kind of question, what to say, and the reference it waits for if that is why."""

    kind: str
    detail: str
    waiting_for: str | None = None


def set_aside(ctx: Context, task: MergeTask, trouble: Trouble) -> None:
    """Park what is pending of a record on both sides, as either would bring the same write again, and ask.

    Nobody is asked about a record that merely waits for another one to be linked.
    """
    question = NewConflict(trouble.kind, task.external.key, task.flowtly.key, detail=trouble.detail)
    asked = () if waits_for_link(trouble.waiting_for) else (question,)
    _keep(ctx, task, lambda seen: parked(seen, trouble.detail, ctx.now(), trouble.waiting_for), asked)


def postpone(ctx: Context, task: MergeTask, detail: str) -> None:
    """The peer failed over this record: the next run tries again, and later ones less and less often."""
    _keep(ctx, task, lambda seen: postponed(seen, detail, ctx.now()), ())


def withhold(ctx: Context, task: MergeTask, detail: str) -> None:
    """We did not send it ourselves: it is tried again later and later, and nobody is asked."""
    _keep(ctx, task, lambda seen: parked(seen, detail, ctx.now()), ())


def _keep(
    ctx: Context, task: MergeTask, change: Callable[[Observation], Observation], opened: tuple[NewConflict, ...]
) -> None:
    states: dict[Side, SideState] = {}
    for side in Side:
        seen = ctx.store.observation(ctx.name, side, task.view(side).key)
        if seen is not None and seen.status is Status.DIRTY:
            states[side] = SideState(seen.digest, change(seen))
    if states or opened:
        settlement = Settlement(
            task.external.key,
            task.flowtly.key,
            external=states.get(Side.EXTERNAL),
            flowtly=states.get(Side.FLOWTLY),
            opened=opened,
        )
        settle(ctx, [settlement])
