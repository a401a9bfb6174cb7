"""What the merges of one directory work with, and the leases they work under. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from syncd.core.canon import digest
from syncd.core.model import Side
from syncd.counterparties.decision import Decision
from syncd.counterparties.party import Prepared
from syncd.engine.context import Events, Limits
from syncd.engine.lease import LeaseKeeper, RunStop, elapsed
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.directories import MergeSpec
from syncd.ports import Clock, Connector, Lease, Query, Record, Store
from syncd.ports.merger import Merger
from syncd.ports.merges import MergeStore, Referring
from syncd.ports.parties import PartyStore
from syncd.ports.sending import only_while


class DedupeStore(Store, MergeStore, PartyStore, Protocol):
    """What merges ask of the store."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Two records as they are now, compared anew. ``prepared`` by key; ``home``: country of records that name none."""

    decision: Decision
    prepared: Mapping[str, Prepared]
    home: str = ""


Judge = Callable[[Record, Record], Judged]


@dataclass(frozen=True, slots=True)
class Desk:
    """One directory. Without ``spec`` nothing is ever merged. ``mappings``: all of the configuration."""

    directory: str
    resource: str
    spec: MergeSpec | None
    peer: Connector
    merger: Merger
    store: DedupeStore
    judge: Judge
    clock: Clock
    limits: Limits
    events: Events
    owner: str
    mappings: Mapping[str, CompiledMapping] = field(default_factory=dict)
    automatic: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ("T1",)

    @property
    def query(self) -> Query:
        """How a record of this directory is read."""
        return Query(self.resource)

    @property
    def lease(self) -> str:
        """The name of the directory's lease; the search works under the same."""
        return f"dedupe:{self.directory}"

    @property
    def readers(self) -> tuple[str, ...]:
        """The mappings whose links lead to records of this directory."""
        return tuple(sorted(n for n, one in self.mappings.items() if one.resource(Side.FLOWTLY) == self.resource))

    @property
    def referring(self) -> tuple[Referring, ...]:
        """The fields of mappings that name records of those."""
        readers = set(self.readers)
        return tuple(
            Referring(name, plan.name, plan.refers_to)
            for name, one in sorted(self.mappings.items())
            for plan in one.fields
            if plan.refers_to is not None and plan.refers_to in readers
        )

    @property
    def involved(self) -> tuple[str, ...]:
        """The mappings that must not run while a record of theirs goes into another one."""
        return tuple(sorted({*self.readers, *(one.mapping for one in self.referring)}))

    def read(self, key: str) -> Record:
        """A record as it is now. Raises NotFound, Later, Denied, BadAnswer."""
        return self.peer.read(self.query, key)

    def digest(self, raw: Mapping[str, Any], *, written: bool = False) -> str:
        """What changes when a record does: everything that the peer does not move by itself.

        ``written``: without what it computes, which follows from what was written.
        """
        shape = self.peer.shape(self.query)
        known = {} if shape is None else shape.fields
        left_out = {name for name, one in known.items() if one.volatile or (written and not one.writable)}
        return digest({name: value for name, value in raw.items() if name not in left_out}).hex()


class Leases:
    """Several leases, all of them ours or none."""

    def __init__(self, leases: Mapping[str, Lease], keepers: Sequence[LeaseKeeper], stop: RunStop) -> None:
        self._leases, self._keepers, self.stop = leases, keepers, stop

    def of(self, name: str) -> Lease:
        """One of them."""
        return self._leases[name]

    def require(self) -> None:
        """Raises LeaseLost when one of them may have ended by now."""
        for keeper in self._keepers:
            keeper.require()

    def sending(self) -> AbstractContextManager[None]:
        """Around each write to a peer: it goes out only while all of them are ours."""
        return only_while(self.require)


@contextmanager
def leased(desk: Desk, names: Sequence[str], stop: Event) -> Iterator[Leases | None]:
    """Hold these leases for the block, taken in one order everywhere; None while another process has one of them."""
    run_stop = RunStop(stop, desk.clock, desk.limits.run_time)
    held: dict[str, Lease] = {}
    keepers: list[LeaseKeeper] = []
    with ExitStack() as stack:
        for name in sorted(set(names)):
            asked = elapsed()
            lease = desk.store.acquire(name, desk.owner, desk.limits.lease)
            if lease is None:
                desk.events("merge.busy", directory=desk.directory, lease=name)
                break
            stack.callback(desk.store.release, lease)
            keeper = LeaseKeeper(desk.store, lease, desk.limits.lease, run_stop, asked)
            keepers.append(stack.enter_context(keeper))
            held[name] = lease
        complete = len(held) == len(set(names))
        yield Leases(held, keepers, run_stop) if complete else None
