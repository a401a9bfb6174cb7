"""One cycle for one mapping, in the only order there is: recover, read, plan, guard, apply. Always under the lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from syncd.core.guard import judge
from syncd.core.model import Side
from syncd.core.plan import Item, Kind, Plan
from syncd.engine.aliases import carry_aliases
from syncd.engine.apply import apply_tasks
from syncd.engine.context import Around, Context, Events, Limits, Options, Progress
from syncd.engine.fence import fenced, standing_fence
from syncd.engine.lease import LeaseKeeper, RunStop, elapsed
from syncd.engine.plan import Prepared, prepare
from syncd.engine.provision import prepare_target
from syncd.engine.questions import close_over
from syncd.engine.read import Reading, read_both, read_side
from syncd.engine.recover import recover
from syncd.engine.references import live_links
from syncd.engine.sweep import sweep
from syncd.engine.tasks import Task
from syncd.engine.undo import undoing
from syncd.errors import GuardRefused, SyncdError
from syncd.mapping.compiled import CompiledMapping, Lookups, LookupTable, lookup_table
from syncd.mapping.links import awaited, waits_for_link
from syncd.ports import Clock, Connector, Lease, MappingState, Store


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. ``plan`` is what it found to do at first; ``open`` is what is left for a person.

    ``outcome``: ``done``, ``planned`` (nothing applied), ``awaiting_approval``, ``refused`` (by a guard), ``stopped``,
    ``fenced`` (a peer or our own store went back in time or was swapped: nothing is written before a person said so),
    ``incomplete`` (a peer was in trouble), ``busy`` (another daemon has the lease).
    """

    mapping: str
    outcome: str
    plan: Plan | None
    counts: Mapping[str, int]
    open_conflicts: int = 0
    open_operations: int = 0
    open_removals: int = 0
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    complete: bool = False
    breaches: tuple[str, ...] = ()
    """What the control totals after the run say is off."""
    again: bool = False
    """Another run right now would do more."""

    @property
    def links_made(self) -> int:
        """How many records were linked, however that came about."""
        made = ("created", "adopted")
        return self.counts.get("linked", 0) + sum(
            self.counts.get(f"{side}.{what}", 0) for side in Side for what in made
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs mappings against the store. Holds no state between runs."""

    store: Store
    clock: Clock
    limits: Limits
    events: Events
    progress: Progress
    owner: str
    around: Around = field(default_factory=Around)

    def run(self, mapping: CompiledMapping, peers: Mapping[Side, Connector], options: Options, stop: Event) -> Report:
        """One cycle. Raises StoreUnavailable, LeaseLost and Denied-like peer errors met before any reading."""
        started, asked = self.clock.monotonic(), elapsed()
        lease = self.store.acquire(mapping.name, self.owner, self.limits.lease)
        if lease is None:
            return Report(mapping.name, "busy", None, {})
        run_id = self.store.begin_run(mapping.name, options.trigger, lease)
        before = {side: peers[side].requests for side in Side}
        outcome, ctx = "error", None
        try:
            run_stop = RunStop(stop, self.clock, self.limits.run_time)
            with LeaseKeeper(self.store, lease, self.limits.lease, run_stop, asked) as keeper:
                # Nothing is made, no table either, before somebody has seen what would be done.
                approved = self.store.state(mapping.name).approved_fingerprint == mapping.fingerprint
                making = options.write and (options.person or approved) and self.store.fence(mapping.name) is None
                prepare_target(mapping, peers, self.events, write=making)
                ctx = self._context(mapping, peers, options, lease, run_id, run_stop)
                ctx.approved, ctx.held = approved, keeper.require
                report = _audited(ctx, _cycle(ctx))
            outcome = report.outcome
        finally:
            counts = self._counts(ctx, peers, before)
            seconds = round(self.clock.monotonic() - started, 3)
            self._finish(mapping.name, run_id, lease, outcome, {**counts, "seconds": seconds})
        return replace(report, counts=counts, seconds=seconds)

    def _context(
        self,
        mapping: CompiledMapping,
        peers: Mapping[Side, Connector],
        options: Options,
        lease: Lease,
        run_id: int,
        stop: RunStop,
    ) -> Context:
        return Context(
            mapping=mapping,
            peers=peers,
            store=self.store,
            clock=self.clock,
            limits=self.limits,
            options=options,
            events=self.events,
            progress=self.progress,
            lease=lease,
            run_id=run_id,
            stop=stop,
            around=self.around,
            lookups={**load_lookups(mapping, peers[Side.FLOWTLY]), **live_links(mapping, self.store)},
        )

    def _counts(
        self, ctx: Context | None, peers: Mapping[Side, Connector], before: Mapping[Side, int]
    ) -> dict[str, int]:
        counts = {} if ctx is None else ctx.tally.as_dict()
        for side in Side:
            counts[f"{side}.requests"] = peers[side].requests - before[side]
        return counts

    def _finish(self, name: str, run_id: int, lease: Lease, outcome: str, counts: dict[str, Any]) -> None:
        """The run's own row and line. Trouble here must not hide the trouble that ended the run."""
        try:
            self.store.finish_run(run_id, outcome, counts)
            self.store.release(lease)
        except SyncdError as error:
            self.events("run.not_recorded", mapping=name, run=run_id, detail=str(error))
        self.events("run.finished", mapping=name, run=run_id, outcome=outcome, **nested(counts))


def nested(counts: Mapping[str, Any]) -> dict[str, Any]:
    """``{"external.read": 3}`` as ``{"external": {"read": 3}}``, for one readable line."""
    out: dict[str, Any] = {}
    for name, value in sorted(counts.items()):
        side, _, what = name.rpartition(".")
        if side:
            out.setdefault(side, {})[what] = value
        else:
            out[name] = value
    return out


def load_lookups(mapping: CompiledMapping, flowtly: Connector) -> Lookups:
    """The lookup tables a mapping needs, read from Flowtly; small lists, read once a run."""
    tables: dict[tuple[str, str], LookupTable] = {}
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for resource, by in sorted(mapping.lookups):
        if resource not in rows:
            rows[resource] = list(flowtly.rows(resource))
        tables[resource, by] = lookup_table(rows[resource], by)
    return tables


def _audited(ctx: Context, report: Report) -> Report:
    """What the mapping's own steps find after a run that could write."""
    if ctx.steps is None or not ctx.options.write or ctx.stop.is_set():
        return report
    audit = ctx.steps.after(ctx, report.outcome, complete=report.complete)
    return replace(report, breaches=audit.breaches, again=audit.again)


def _cycle(ctx: Context) -> Report:
    """Recover, read, plan, guard, apply; then plan again for records that moved under us, a bounded number of times."""
    state = ctx.store.state(ctx.name)
    if ctx.options.write and not ctx.options.strict and not standing_fence(ctx):
        recover(ctx)
    lacking = "" if ctx.steps is None else ctx.steps.before(ctx)
    arrived = _arrived(ctx)
    ctx.store.wake(ctx.name, arrived, ctx.now())
    ctx.store.wake_linked(ctx.name)
    readings = read_both(ctx, state, full=bool(arrived))
    complete = not lacking and all(reading.error is None for reading in readings.values())
    if why := fenced(ctx, readings):
        return _report(ctx, "fenced", None, complete=complete, reasons=why)
    sweep(ctx, readings)
    prepared = undoing(ctx, prepare(ctx, readings, state))
    first, ctx.awaiting = prepared.plan, prepared.awaiting
    if not ctx.options.write:
        return _report(ctx, "planned", first, complete=complete)
    if not first.approved and not ctx.options.person:
        ctx.events("plan.awaiting_approval", mapping=ctx.name, **_summary(first))
        return _report(ctx, "awaiting_approval", first, complete=complete)
    try:
        outcome = _apply(ctx, prepared, readings, state)
    except GuardRefused as error:
        return _report(ctx, "refused", first, complete=complete, reasons=error.reasons)
    if not ctx.options.strict:
        carry_aliases(ctx, readings)
        close_over(ctx)
    if ctx.options.person and outcome == "done" and _seen(ctx, readings) and _whole(ctx, first):
        ctx.store.approve(ctx.name, ctx.mapping.fingerprint)
    if outcome == "done" and (ctx.blocked or not complete or any(ctx.tally.get("failed", side) for side in Side)):
        outcome = "incomplete"
    return _report(ctx, outcome, first, complete=complete)


def _seen(ctx: Context, readings: Mapping[Side, Reading]) -> bool:
    """True where a person who applies has seen all that there is to do.

    Under a mapping that is approved already a side that only shrank counts: it is believed again by that person's word.
    """
    return all(
        reading.trusted or (ctx.approved and reading.certificate is not None and reading.certificate.shrunk)
        for reading in readings.values()
    )


def _apply(ctx: Context, prepared: Prepared, readings: Mapping[Side, Reading], state: MappingState) -> str:
    """Apply, and plan again while that helps: records moved under us, or new records have values to give back."""
    rounds = 0
    while tasks := _selected(ctx, prepared.tasks):
        _guard(ctx, prepared.plan)
        before = _restless(ctx)
        apply_tasks(ctx, tasks)
        if ctx.stop.is_set():
            return "stopped"
        recover(ctx, own=ctx.options.strict)
        rounds += 1
        # A record that was waiting for one of its own kind (a correction for its invoice) is woken while links grow.
        woken = ctx.store.wake_linked(ctx.name) if ctx.name in ctx.mapping.references else frozenset()
        if not woken and (_restless(ctx) == before or rounds >= ctx.limits.rounds):
            break
        readings = _read_again(ctx, readings, woken, state)
        prepared = prepare(ctx, readings, state)
    return "done"


def _read_again(
    ctx: Context, readings: Mapping[Side, Reading], woken: frozenset[Side], state: MappingState
) -> Mapping[Side, Reading]:
    """Read Flowtly again where records were woken that could not be mapped: something would be made beside them.

    An external record is always mapped while it waits; only writing it needs the link.
    """
    if Side.FLOWTLY not in woken:
        return readings
    return {**readings, Side.FLOWTLY: read_side(ctx, Side.FLOWTLY, full=True, state=state)}


def _restless(ctx: Context) -> int:
    """Grows when another round has something to do that this one could not."""
    return sum(ctx.tally.get(name, side) for name in ("stale", "created", "adopted", "replaced") for side in Side)


def _selected(ctx: Context, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """With a saved plan, only tasks all of whose items are in it; bookkeeping without items always."""
    only = ctx.options.only
    if only is None:
        return tasks
    return tuple(task for task in tasks if task.items and all(item.fingerprint in only for item in task.items))


def _whole(ctx: Context, plan: Plan) -> bool:
    """True when nothing of the plan was left out: only then has a person seen all that the daemon would do."""
    only = ctx.options.only
    return not ctx.options.undo and (only is None or all(item.fingerprint in only for item in plan.items))


def _guard(ctx: Context, plan: Plan) -> None:
    """Raises GuardRefused. A create that waits for another mapping is not made by this run, so it does not count.

    Nor does what is not in the saved plan that is applied.
    """
    only = ctx.options.only
    chosen = plan.items if only is None else tuple(item for item in plan.items if item.fingerprint in only)
    counted = tuple(item for item in chosen if not _waits_for_others(ctx, item))
    reasons = judge(replace(plan, items=counted).blast, ctx.limits.caps)
    if reasons and not ctx.options.beyond_caps:
        ctx.events("plan.refused", mapping=ctx.name, reasons=list(reasons), **_summary(plan))
        raise GuardRefused(reasons)


def _waits_for_others(ctx: Context, item: Item) -> bool:
    """True for a create that waits; for one of its own mapping it may be made later in this very run."""
    return item.kind is Kind.CREATE and item.waits_for is not None and awaited(item.waits_for) != ctx.name


def _arrived(ctx: Context) -> set[str]:
    """References that records wait for and that the lookups have by now."""
    arrived = set()
    for reference in ctx.store.waiting(ctx.name):
        table, _, value = reference.partition("=")
        resource, _, by = table.partition(":")
        lists = ctx.mapping.fallbacks.get(resource[1:], ()) if waits_for_link(reference) else ((resource, by),)
        found = (ctx.lookups.get(one) for one in lists)
        if any(isinstance(one, LookupTable) and one.has(value) for one in found):
            arrived.add(reference)
    return arrived


def _summary(plan: Plan) -> dict[str, Any]:
    return {str(kind): plan.count(kind) for kind in Kind if plan.count(kind)}


def _report(ctx: Context, outcome: str, plan: Plan | None, *, complete: bool, reasons: tuple[str, ...] = ()) -> Report:
    counts = ctx.store.counts(ctx.name)
    return Report(
        ctx.name,
        outcome,
        plan,
        ctx.tally.as_dict(),
        open_conflicts=counts.get("conflicts", 0),
        open_operations=counts.get("operations", 0),
        open_removals=ctx.awaiting,
        complete=complete,
        reasons=reasons,
    )
