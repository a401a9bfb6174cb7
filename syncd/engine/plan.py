"""Steps 6 and 7: turn what is pending into tasks, each with the plan items a person sees. Changes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.merge import base_of, remembered
from syncd.core.model import Decision, Document, Pair, Present, Side, Unread
from syncd.core.plan import Plan
from syncd.core.removal import OURS, Verdict
from syncd.engine.context import Context
from syncd.engine.flapping import Flaps, flaps_of
from syncd.engine.merging import chunked, merge_task
from syncd.engine.read import Reading
from syncd.engine.removing import removal_tasks
from syncd.engine.states import View
from syncd.engine.strangers import stranger_tasks
from syncd.engine.tasks import AliasTask, AskTask, CreateTask, HeldTask, MergeTask, RemoveTask, RestTask, Task
from syncd.ports import MappingState, Observation, Work


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and the tasks that carry it out."""

    plan: Plan
    tasks: tuple[Task, ...]

    @property
    def awaiting(self) -> int:
        """How many proven losses need a person's word before anything follows from them."""
        return sum(1 for task in self.tasks if isinstance(task, RemoveTask) and task.verdict is Verdict.APPROVE)


def prepare(ctx: Context, readings: Mapping[Side, Reading], state: MappingState) -> Prepared:
    """Plan everything that is pending for the mapping, in the order it will be applied."""
    removals = removal_tasks(ctx, readings)
    linked = list(_linked_tasks(ctx, frozenset(task.link.external_key for task in removals) | ctx.contested))
    approved = state.approved_fingerprint == ctx.mapping.fingerprint
    strangers = stranger_tasks(ctx, readings, approved=approved)
    tasks: list[Task] = sorted([*linked, *strangers, *removals], key=_order)
    if ctx.steps is not None:
        tasks = ctx.steps.hold(ctx, tasks)
    items = tuple(item for task in tasks for item in task.items)
    counts = ctx.store.counts(ctx.name)
    missing = {
        side: reading.certificate.missing if reading.certificate is not None and reading.certificate.complete else 0
        for side, reading in readings.items()
    }
    plan = Plan(
        mapping=ctx.name,
        fingerprint=ctx.mapping.fingerprint,
        items=items,
        linked=counts.get("links", 0),
        approved=approved,
        missing=missing,
    )
    return Prepared(plan, tuple(tasks))


def _linked_tasks(ctx: Context, gone: frozenset[str]) -> Iterator[MergeTask]:
    """Linked records to be merged; what is proven gone on a side has no two sides to merge."""
    for works in chunked(ctx.store.work(ctx.name, ctx.now()), ctx.limits.batch):
        keys = [work.link.external_key for work in works if work.link is not None]
        decisions, flaps = ctx.store.decisions(ctx.name, keys), flaps_of(ctx, keys)
        for work in works:
            lost = work.link is not None and work.link.external_key in gone
            task = None if lost else _linked_task(ctx, work, decisions, flaps)
            if task is not None:
                yield task


def _linked_task(
    ctx: Context, work: Work, decisions: Mapping[str, Mapping[str, Sequence[Decision]]], flaps: Flaps
) -> MergeTask | None:
    link = work.link
    if link is None:
        return None
    external, flowtly = _seen(work.external, link.base.external), _seen(work.flowtly, link.base.flowtly)
    if isinstance(external, Unread) or isinstance(flowtly, Unread):
        return None
    given = _about_now(decisions.get(link.external_key, {}), external.document, flowtly.document)
    pair = Pair(external, flowtly, link.base, given)
    return merge_task(
        ctx,
        _view(link.external_key, work.external, link.base.external),
        _view(link.flowtly_key, work.flowtly, link.base.flowtly),
        pair,
        hands=flaps.get(link.external_key, {}),
        ours=link.origin in OURS,
    )


def _about_now(given: Mapping[str, Sequence[Decision]], external: Document, flowtly: Document) -> dict[str, Decision]:
    """Of everything that was ever decided about a record, what is about the values that it has now."""
    found = {field: remembered(every, base_of(field, external, flowtly)) for field, every in given.items()}
    return {field: one for field, one in found.items() if one is not None}


def _seen(observation: Observation | None, base: Document) -> Present | Unread:
    """A side at rest reads as its base; one that could not be mapped is unread."""
    if observation is None:
        return Present(base)
    if observation.document is None:
        return Unread(observation.problem or "not readable")
    return Present(observation.document, observation.changed_at)


def _view(key: str, observation: Observation | None, base: Document) -> View:
    if observation is None or observation.document is None:
        return View(key, base, None)
    return View(key, observation.document, observation.digest, observation)


def _order(task: Task) -> tuple[int, str]:
    """Links first (they touch no peer), then changes, creates, questions, removals; within each by key."""
    match task:
        case MergeTask(origin=origin, external=view):
            return (0 if origin else 1, view.key)
        case AliasTask(alias=alias):
            return (0, alias.external_key)
        case CreateTask(observation=observation):
            return (2, observation.key)
        case AskTask(members=members):
            return (3, members[0][1].key)
        case RemoveTask(view=view):
            return (4, view.key)
        case RestTask() | HeldTask():
            return (5, "")
