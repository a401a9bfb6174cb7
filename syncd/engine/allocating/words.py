"""The words of a compiled allocation: how postings and their lines are read, and what becomes of them. Does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from syncd.budgets.model import RuleSet
from syncd.mapping.allocations import AllocationSpec, CommitmentsSpec, CurrencySpec, LinksSpec, PlanSpec
from syncd.mapping.nodes import Node
from syncd.mapping.records import passes
from syncd.mapping.spec import ExternalSpec
from syncd.ports import Query, Raw

Where: TypeAlias = Mapping[str, tuple[Any, ...]]


class PostingProblem(Exception):
    """A posting that cannot be read. ``key`` is its own, which the text names as well."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"posting {key}: {message}")
        self.key = key
        self.message = message


@dataclass(frozen=True, slots=True)
class LineReading:
    """How the ERP's own lines are read. ``names``: what rules call a field, to the raw field. ``factor``: to a cost."""

    query: Query
    posting: str
    amount: str
    factor: int
    names: Mapping[str, str]
    where: Where = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """Every raw field that is used."""
        return self.query.fields

    def in_scope(self, raw: Raw) -> bool:
        """Whether a line counts at all."""
        return passes(self.where, raw)


@dataclass(frozen=True, slots=True)
class PostingReading:
    """How postings are read: raw fields by their use. ``names``: what rules call a field, to the raw field.

    ``factor`` turns the ERP's sign into ours: a cost is positive. ``reads`` is every raw field that is used.
    """

    amount: str
    factor: int
    currency: CurrencySpec
    day: str
    account: str | None
    base_amount: str | None
    base_currency: str | None
    names: Mapping[str, str]
    reads: tuple[str, ...]
    where: Where = field(default_factory=dict)
    lines: LineReading | None = None

    def in_scope(self, raw: Raw) -> bool:
        """Whether a record of the mapping is a posting of this allocation."""
        return passes(self.where, raw)

    def account_of(self, raw: Raw) -> str | None:
        """The account of a posting, as text. What cannot be stored is left out of it: its mapping tells of that."""
        value = None if self.account is None else raw.get(self.account)
        text = "" if value is None else str(value).replace("\0", "").encode(errors="replace").decode().strip()
        return text or None


@dataclass(frozen=True, slots=True)
class Allocation:
    """One allocation as the engine uses it.

    ``of`` is the mapping of the postings, ``system`` and ``external`` that mapping's external side. ``fingerprint``
    (32 hex digits) changes with the rules, how postings are read and what links are made of them.
    ``transaction_factor`` is 1 where Flowtly's transactions write a cost as positive, -1 where negative.
    """

    spec: AllocationSpec
    node: Node
    of: str
    external: ExternalSpec
    rules: RuleSet
    reading: PostingReading
    fingerprint: str
    transaction_factor: int

    @property
    def name(self) -> str:
        """Its name, which is that of its mapping as well."""
        return self.spec.allocation

    @property
    def links(self) -> LinksSpec:
        """What parts become at Flowtly: resource, target, employee, unit, whole, own."""
        return self.spec.links

    @property
    def target_field(self) -> str:
        """The raw field of a link with its budget or project."""
        return self.spec.target_field

    @property
    def plan(self) -> PlanSpec | None:
        """Where planned amounts are."""
        return self.spec.plan

    @property
    def commitments(self) -> CommitmentsSpec | None:
        """Where people's links are written to."""
        return self.spec.commitments

    @property
    def exponents(self) -> Mapping[str, int]:
        """Decimals of currencies that differ from ISO 4217."""
        return self.rules.exponents
