"""Proven losses to tasks: what follows from each, and what waits for a person. Changes nothing anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from syncd.core.model import Document, Gone, Present, Seen, Side, Unread, Value
from syncd.core.plan import Item, Kind
from syncd.core.reconcile import Change
from syncd.core.removal import Action, DeleteRule, Proof, Ruling, Verdict, over_cap, rule_on
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.engine.read import Reading
from syncd.engine.states import View
from syncd.engine.tasks import RemoveTask
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.records import clean
from syncd.ports import Link, Observation, Removal, RemovalState

DAY: Final = timedelta(days=1)
RULE: Final = "gone"
"""The rule's name on values that are set because the other record is gone."""

_KINDS: Final[Mapping[Action, Kind]] = {
    Action.DELETE: Kind.DELETE,
    Action.SET: Kind.MARK,
    Action.UNLINK: Kind.UNLINK,
}


def delete_rule(mapping: CompiledMapping, gone: Side) -> DeleteRule:
    """What a mapping says about records that are gone on one side."""
    spec = mapping.spec.deletes
    told = spec.in_external if gone is Side.EXTERNAL else spec.in_flowtly
    fields: dict[str, Value] = {name: clean(value) for name, value in told.set.items()}
    return DeleteRule(Action(told.action), fields, spec.quarantine)


def removal_tasks(ctx: Context, readings: Mapping[Side, Reading]) -> list[RemoveTask]:
    """A task for each proven loss whose survivor was read in this run; those over the caps only say what they wait for.

    A side whose lists were caught being wrong loses nothing in this run.
    """
    if any(reading.error is not None for reading in readings.values()):
        return []
    by_link: dict[str, dict[Side, Removal]] = defaultdict(dict)
    for one in ctx.store.removals(ctx.name, open_only=True, count_to=ctx.mapping.spec.deletes.quarantine):
        by_link[one.external_key][one.side] = one
    ignored = {side for side in Side if delete_rule(ctx.mapping, side).action is Action.IGNORE}
    believed = [
        key
        for key, removals in sorted(by_link.items())
        if not ctx.contradicted & removals.keys() and (len(removals) == len(Side) or not removals.keys() <= ignored)
    ]
    tasks: list[RemoveTask] = []
    for keys in chunked(believed, ctx.limits.batch):
        links = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, keys)
        unseen = {side: ctx.store.missing(ctx.name, keys, side) for side in Side}
        tasks.extend(_task(ctx, links[key], by_link[key], unseen) for key in keys if key in links)
    tasks = [one for one in tasks if one.verdict is not Verdict.KEEP]
    return [task for gone in Side for task in _capped(ctx, gone, [one for one in tasks if one.gone is gone])]


def _task(
    ctx: Context, link: Link, removals: Mapping[Side, Removal], unseen: Mapping[Side, Collection[str]]
) -> RemoveTask:
    gone, removal = next(iter(sorted(removals.items())))
    here = gone.other
    pending = ctx.store.observation(ctx.name, here, link.key(here))
    survivor = _seen(pending, link.base.of(here))
    if here in removals:
        survivor = Gone()
    elif link.external_key in unseen[here]:
        survivor = Unread("not in its complete readings either: out of the mapping's scope, or gone as well")
    rule = delete_rule(ctx.mapping, gone)
    proof = Proof(removal.passes, removal.origin, removal.state is RemovalState.APPROVED)
    ruling = rule_on(gone, survivor, link.base, ctx.rules, rule, proof)
    document = survivor.document if isinstance(survivor, Present) else link.base.of(here)
    view = View(link.key(here), document, None if pending is None else pending.digest, pending)
    task = RemoveTask((), gone, tuple(removals.values()), link, view, ruling.verdict, rule)
    return _with_item(task, ruling, approved=proof.approved)


def _seen(pending: Observation | None, base: Document) -> Seen:
    """A side at rest reads as its base; one that could not be mapped is unread."""
    if pending is None:
        return Present(base)
    if pending.document is None:
        return Unread(pending.problem or "not readable")
    return Present(pending.document, pending.changed_at)


def _with_item(task: RemoveTask, ruling: Ruling, *, approved: bool) -> RemoveTask:
    """The one item that a person sees. What waits is reported, so that nobody wonders why nothing happens."""
    link, removal = task.link, task.removals[0]
    evidence = (
        f"not in the complete readings {removal.first_certificate} and {removal.second_certificate}; "
        f"looked at: {removal.evidence}"
    )
    kind = Kind.REPORT
    changes: tuple[Change, ...] = ()
    match task.verdict:
        case Verdict.CARRY_OUT:
            kind, changes = _KINDS[task.rule.action], _changes(task)
        case Verdict.REVIVE | Verdict.FORGET:
            kind = Kind.UNLINK
    reason = ruling.reason + (f", approved by {removal.approved_by}" if approved else "")
    if ruling.verdict is Verdict.APPROVE:
        reason += f": syncd operations approve {removal.id}"
    side = task.gone.other if kind in {Kind.DELETE, Kind.MARK} else None
    digests = {task.gone.other: task.view.digest} if task.view.digest is not None else {}
    item = Item(
        kind, link.external_key, link.flowtly_key, reason, side=side, changes=changes, digests=digests, detail=evidence
    )
    return replace(task, items=(item,), approved=approved)


def _changes(task: RemoveTask) -> tuple[Change, ...]:
    if task.rule.action is not Action.SET:
        return ()
    fields = task.rule.fields or {}
    return tuple(Change(name, task.view.document.get(name), value, RULE) for name, value in sorted(fields.items()))


def _capped(ctx: Context, gone: Side, tasks: list[RemoveTask]) -> Iterator[RemoveTask]:
    """Hold back what is over the caps, all of it: nobody can say which of too many are right."""
    due = [one for one in tasks if one.verdict is Verdict.CARRY_OUT and not one.approved]
    reason = _reason(ctx, gone, due)
    if reason is not None and any(task.removals[0].passes == task.rule.quarantine for task in due):
        ctx.events("removal.held", side=gone, removals=len(due), detail=reason, action="syncd operations approve")
    for task in tasks:
        if reason is None or task not in due:
            yield task
            continue
        (item,) = task.items
        told = f"{item.reason}, but {reason}: syncd operations approve {task.removals[0].id}, or --all"
        held = replace(item, kind=Kind.REPORT, side=None, changes=(), reason=told)
        yield replace(task, items=(held,), verdict=Verdict.APPROVE)


def _reason(ctx: Context, gone: Side, due: Iterable[RemoveTask]) -> str | None:
    number = sum(1 for _ in due)
    if not number or ctx.options.beyond_caps:
        return None
    recent = ctx.store.removed_lately(ctx.name, gone, DAY)
    linked = ctx.store.counts(ctx.name).get("links", 0)
    return over_cap(number, recent, linked, ctx.limits.removals)
