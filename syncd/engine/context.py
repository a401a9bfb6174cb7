"""What one run works with: a mapping, its two peers, the store, limits and counters. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from syncd.core.fencing import Thresholds
from syncd.core.guard import Caps
from syncd.core.model import Direction, FieldRule, Rules, Side
from syncd.core.removal import RemovalCaps
from syncd.engine.marking import with_marks
from syncd.engine.tasks import Task
from syncd.mapping.compiled import CompiledMapping, Lookups
from syncd.ports import Capabilities, Clock, Connector, Lease, Query, Store
from syncd.ports.merges import Referring
from syncd.ports.parties import PartyStore
from syncd.ports.sending import only_while


class Events(Protocol):
    """Where structured events go. Names are listed in the operating guide."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Emit one event."""


class Progress(Protocol):
    """Where a person watches long work."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Say how far a stage is."""


class Stop(Protocol):
    """Whether the run has to end; looked at between records."""

    def is_set(self) -> bool:
        """True when it has."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on everything a run does; durations as timedeltas, shares between 0 and 1."""

    caps: Caps
    shrink: float = 0.3
    listing_grace: timedelta = timedelta(seconds=30)
    lease: timedelta = timedelta(seconds=60)
    run_time: timedelta = timedelta(hours=2)
    failures_in_a_row: int = 10
    batch: int = 500
    write_threads: int = 2
    rounds: int = 3
    flaps: int = 6
    flap_window: timedelta = timedelta(hours=1)
    fence: Thresholds = field(default_factory=Thresholds)
    removals: RemovalCaps = field(default_factory=RemovalCaps)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants of a run.

    ``write``: apply the plan (else only make it). ``person``: somebody looks at this plan now, so applying it approves
    the mapping and links probable matches. ``beyond_caps``: that person also accepts a plan over the caps. ``only``:
    fingerprints of a saved plan's items; anything else is left alone. ``strict``: not even what became of earlier
    writes is looked up, and no question ended, that is not of this run. ``undo``: runs to be taken back; the plan is
    for that and for nothing else.
    """

    trigger: str
    write: bool
    person: bool = False
    beyond_caps: bool = False
    full: bool = False
    only: frozenset[str] | None = None
    strict: bool = False
    undo: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found after a run. ``breaches``: what is off, in words. ``again``: another run now would do more."""

    breaches: tuple[str, ...] = ()
    again: bool = False


class Steps(Protocol):
    """What the runs of one mapping do besides: its external records are derived, held back by rules, and audited."""

    def before(self, ctx: Context) -> str:
        """Under the lease, before anything is read: bring the external records up to date. Writes to no peer.

        Returns why that is not complete, '' when it is. Peer trouble does not raise; LeaseLost and StoreUnavailable do.
        """

    def hold(self, ctx: Context, tasks: Sequence[Task]) -> list[Task]:
        """The tasks in the order they are carried out, with those that must not be now as ``HeldTask``."""

    def stage(self, task: Task) -> int:
        """Which writes go first: no write of a later stage is sent before all of an earlier one are over."""

    def after(self, ctx: Context, outcome: str, *, complete: bool) -> Audit:
        """After the run, still under the lease. ``complete``: everything was read to its end."""


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around a run's own mapping: the search for duplicates, and the mappings that refer to others.

    ``directories``: the names under which a Flowtly resource is searched. ``parties``: what was read in that search.
    ``steps``: what the runs of some mappings do besides, by the mapping's name.
    """

    parties: PartyStore | None = None
    directories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    referring: tuple[Referring, ...] = ()
    steps: Mapping[str, Steps] = field(default_factory=dict)


class Tally:
    """Counters of a run, per side where that means something. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, side: Side | None = None, by: int = 1) -> None:
        """Count ``by`` more of ``name``."""
        with self._lock:
            self._counts[name if side is None else f"{side}.{name}"] += by

    def get(self, name: str, side: Side | None = None) -> int:
        """The count so far."""
        return self._counts[name if side is None else f"{side}.{name}"]

    def as_dict(self) -> dict[str, int]:
        """All counts."""
        with self._lock:
            return dict(self._counts)


@dataclass(slots=True)
class Context:
    """One run of one mapping. ``stop`` is set by a signal or a lost lease and looked at between records."""

    mapping: CompiledMapping
    peers: Mapping[Side, Connector]
    store: Store
    clock: Clock
    limits: Limits
    options: Options
    events: Events
    progress: Progress
    lease: Lease
    run_id: int
    stop: Stop
    lookups: Lookups = field(default_factory=dict)
    approved: bool = False
    held: Callable[[], None] = lambda: None
    tally: Tally = field(default_factory=Tally)
    blocked: set[Side] = field(default_factory=set)
    awaiting: int = 0
    """How many proven losses need a person's word."""
    contradicted: set[Side] = field(default_factory=set)
    """Sides whose lists left out a record that is there: nothing counts as gone there in this run."""
    around: Around = field(default_factory=Around)
    successors: dict[str, str] = field(default_factory=dict)
    """External records that the ERP says went into another one, and into which, as far as read in this run."""
    contested: set[str] = field(default_factory=set)
    """External keys of links of which a person is asked whether a record of theirs was merged: nothing flows there."""
    failures: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    queries: dict[Side, Query] = field(init=False)
    capabilities: dict[Side, Capabilities] = field(init=False)
    rules: Rules = field(init=False)
    rules_of_ours: Rules = field(init=False)
    """The same for records that we made: what Flowtly cannot change of them can be made anew."""
    successor: str | None = field(init=False)
    """The raw field of the external side that names the record into which a record went."""

    def __post_init__(self) -> None:
        self.peers = with_marks(self.mapping, self.peers)
        self.queries = {side: query_of(self.mapping, side) for side in Side}
        self.capabilities = {side: self.peers[side].capabilities(self.queries[side]) for side in Side}
        self.successor = self.mapping.spec.external.successor or self.capabilities[Side.EXTERNAL].successor
        if self.successor is not None:
            asked = self.queries[Side.EXTERNAL]
            self.queries[Side.EXTERNAL] = replace(asked, fields=tuple(dict.fromkeys((*asked.fields, self.successor))))
        self.rules = effective_rules(self.mapping.rules, self.capabilities)
        self.rules_of_ours = effective_rules(self.mapping.rules, self.capabilities, ours=True)

    @property
    def name(self) -> str:
        """The mapping's name."""
        return self.mapping.name

    @property
    def steps(self) -> Steps | None:
        """What the runs of this mapping do besides."""
        return self.around.steps.get(self.name)

    @property
    def telling(self) -> bool:
        """True when settlements may have to be told: what a person approves now for the first time is no news."""
        return self.approved and bool(self.mapping.event_rules)

    def now(self) -> datetime:
        """The time now, aware UTC."""
        return self.clock.now()

    def sending(self) -> AbstractContextManager[None]:
        """Around each write to a peer: it goes out only while the lease is ours, by the clock, to its last moment."""
        return only_while(self.held)


def query_of(mapping: CompiledMapping, side: Side) -> Query:
    """How a mapping asks its peer on one side."""
    return Query(
        resource=mapping.resource(side),
        fields=mapping.projection(side).inputs,
        where=mapping.where(side),
        key=mapping.key_field if side is Side.EXTERNAL else None,
        cursor_field=mapping.cursor_field if side is Side.EXTERNAL else None,
        options=mapping.options(side),
    )


def effective_rules(rules: Rules, capabilities: Mapping[Side, Capabilities], *, ours: bool = False) -> Rules:
    """The mapping's rules narrowed to what the peers can do.

    A side on which records can be made and not changed is fixed; one that can do neither is only read. ``ours``: for a
    record that we made. At Flowtly it can be made anew where it cannot be changed; an external key never changes so.
    """
    creates = frozenset(side for side in rules.creates if capabilities[side].create)
    fixed = frozenset(side for side in creates if not capabilities[side].update)
    if ours and capabilities[Side.FLOWTLY].replace:
        fixed -= {Side.FLOWTLY}
    fields: dict[str, FieldRule] = {}
    for name, rule in rules.fields.items():
        able = {side for side in Side if capabilities[side].update or side in creates}
        writable = {side for side in able if rule.direction.allows(side)}
        if writable == set(Side):
            fields[name] = FieldRule(rule.policy, rule.direction, fixed)
        elif writable:
            (target,) = writable
            direction = Direction.TO_FLOWTLY if target is Side.FLOWTLY else Direction.TO_EXTERNAL
            fields[name] = FieldRule(rule.policy, direction, fixed & {target})
    return Rules(fields, creates)
