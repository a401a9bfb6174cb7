"""Puts the parts of allocations together: their peers, and what their runs do besides. Decides and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncd import telemetry
from syncd.budgets.allocate import Allocator, prepared
from syncd.core.model import Side
from syncd.engine.allocating.books import Books
from syncd.engine.allocating.facts import Facts
from syncd.engine.allocating.judging import Terms
from syncd.engine.allocating.links import GuardedLinks
from syncd.engine.allocating.people import PeoplesLinks
from syncd.engine.allocating.scales import Scales, scales_of
from syncd.engine.allocating.spending import SpendSignals
from syncd.engine.allocating.steps import AllocationSteps
from syncd.engine.allocating.wanted import WantedParts
from syncd.engine.allocating.words import Allocation
from syncd.engine.context import Context
from syncd.mapping.allocation_mappings import commitments_of, made_of
from syncd.mapping.compiled import CompiledMapping
from syncd.ports import Clock, Connector, Store
from syncd.ports.budget_links import Unit


@dataclass
class BudgetDesk:
    """The pieces of all allocations of one configuration, each made on first use.

    ``connector`` gives a system by its name, ``only_system`` is the one that a mapping means which names none.
    """

    allocations: Mapping[str, Allocation]
    mappings: Mapping[str, CompiledMapping]
    connector: Callable[[str], Connector]
    store: Callable[[], Store]
    clock: Clock
    only_system: str
    _allocators: dict[str, Allocator] = field(default_factory=dict)
    _wanted: dict[str, WantedParts] = field(default_factory=dict)
    _facts: Facts | None = None
    _signals: dict[str, SpendSignals] = field(default_factory=dict)

    def external(self, mapping: CompiledMapping) -> Connector | None:
        """The external side of a mapping that was made from an allocation for its links; None for any other."""
        name = made_of(mapping.spec)
        return None if name is None else self.wanted(name)

    def flowtly(self, mapping: CompiledMapping) -> Connector | None:
        """Flowtly's side of a mapping that was made from an allocation; None for any other. Made for one run."""
        links, commitments = made_of(mapping.spec), commitments_of(mapping.spec)
        flowtly = self.connector(Side.FLOWTLY)
        if links is not None:
            return GuardedLinks(flowtly, self.store(), self.terms(links), self.facts)
        if commitments is not None:
            return PeoplesLinks(flowtly, self.store(), self.terms(commitments), self.facts)
        return None

    def steps(self) -> dict[str, AllocationSteps]:
        """What the runs of allocations' mappings do besides, for one cycle."""
        return {name: self._steps_of(name) for name in self.allocations}

    def _steps_of(self, name: str) -> AllocationSteps:
        return AllocationSteps(
            self.allocations[name],
            books=lambda: self.books(name),
            wanted=lambda: self.wanted(name),
            allocator=lambda: self.allocator(name),
            scales=lambda: self.scales(name),
            spending=lambda ctx: self.spend(name, ctx),
        )

    def spend(self, name: str, ctx: Context) -> None:
        """Tell which budgets near their plan, where the allocation names one."""
        allocation = self.allocations[name]
        plan = allocation.plan
        if plan is None:
            return
        if name not in self._signals:
            self._signals[name] = SpendSignals(name, plan, allocation.exponents)
        of = self.mappings[allocation.of]
        self._signals[name].tell(ctx, self.connector(plan.system or of.system or self.only_system))

    def books(self, name: str) -> Books:
        """The postings of an allocation in the ERP."""
        allocation = self.allocations[name]
        of = self.mappings[allocation.of]
        return Books(allocation, of, self.connector(of.system or self.only_system))

    def wanted(self, name: str) -> WantedParts:
        """The wanted parts of an allocation as a peer."""
        if name not in self._wanted:
            allocation = self.allocations[name]
            told = allocation.links.unit
            self._wanted[name] = WantedParts(
                name,
                self.store(),
                unit=None if told == "calibrated" else Unit(told),
                omit_whole=allocation.links.whole == "omit",
                exponents=allocation.exponents,
                requests=lambda: self.books(name).requests,
            )
        return self._wanted[name]

    def allocator(self, name: str) -> Allocator:
        """The rules of an allocation, compiled for speed."""
        if name not in self._allocators:
            self._allocators[name] = prepared(self.allocations[name].rules)
        return self._allocators[name]

    def scales(self, name: str) -> Scales:
        """How the sums of an allocation are told on both sides, as calibrated by now."""
        allocation = self.allocations[name]
        return scales_of(allocation, self.mappings[allocation.of], self.store())

    def terms(self, name: str) -> Terms:
        """What an allocation says of its links, as calibrated by now."""
        allocation, scales = self.allocations[name], self.scales(name)
        return Terms(
            allocation=name,
            of=allocation.of,
            resource=allocation.links.resource,
            target=allocation.target_field,
            unit=scales.unit,
            sign=scales.sign,
            own_all=allocation.links.own == "all",
            exponents=allocation.exponents,
            kin=tuple(one.name for one in self.allocations.values() if one.links.resource == allocation.links.resource),
        )

    @property
    def facts(self) -> Facts:
        """What Flowtly says of contractors and counterparties, kept for a while."""
        if self._facts is None:
            self._facts = Facts(self.connector(Side.FLOWTLY), self.clock, telemetry.emit)
        return self._facts
