"""Spend signals: what is used of what the ERP plans, told when it passes a threshold and when it comes back below.

Used are the wanted parts of a budget, also those whose link is still on its way; not those that are left out with a
reason. Each crossing and its event are one transaction, so nothing is told twice and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.budgets.spending import WHOLE, Planned, Spent, added_up, crossings, passed, period_of, share, used
from syncd.core.events import About, NewEvent
from syncd.core.model import Document
from syncd.engine.context import Context
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused
from syncd.mapping.allocations import PlanSpec
from syncd.mapping.records import Unfit, clean
from syncd.ports import Connector, Query, Raw, Store
from syncd.ports.incidents import SpendLevel

EVENT: Final = "budget.threshold"
_NAMED: Final = 5


@dataclass(slots=True)
class SpendSignals:
    """Watches the plan of one allocation. Make one for the life of the process: it says the same trouble once only."""

    allocation: str
    plan: PlanSpec
    exponents: Mapping[str, int]
    _said: str = field(default="", init=False)

    def tell(self, ctx: Context, connector: Connector) -> None:
        """Compare what is used with the plan, keep what changed, and put its events in the outbox.

        Trouble with the plan is said once and leaves everything as it was. Raises LeaseLost and StoreUnavailable.
        """
        try:
            plans, problems = self._planned(connector)
        except (Denied, Later, BadAnswer, ReadCut, Refused, NotFound) as error:
            self._say(ctx, [f"{self.plan.resource} cannot be read: {type(error).__name__}: {error}"])
            return
        alike, mixed = added_up(plans)
        problems += [f"budget {target} is planned in several currencies for {period}" for target, period in mixed]
        levels, news, untold = self._compared(ctx.store, alike)
        self._say(ctx, [*problems, *untold])
        known = {(one.target, one.period, one.threshold) for one in ctx.store.spending(self.allocation)}
        kept = {(one.target, one.period, one.threshold) for one in levels}
        # A plan without a row is more likely a table that is being filled than a company that plans nothing any more.
        over = known - kept if plans and not problems and not untold else set()
        if levels or over:
            ctx.store.signal(self.allocation, levels, [self._event(*one) for one in news], ctx.lease, forget=over)
        for level, _ in news:
            ctx.events(EVENT, mapping=ctx.name, **_told(level))

    def _planned(self, connector: Connector) -> tuple[list[Planned], list[str]]:
        """What is planned, and the rows that cannot be read. Raises what the connector raises."""
        plan, problems, found = self.plan, [], []
        for page in connector.pages(plan_query(plan), None):
            for record in page.records:
                if not _in_scope(plan, record.raw):
                    continue
                try:
                    found.append(_row(plan, record.raw))
                except (ValueError, Unfit) as problem:
                    problems.append(f"{plan.resource} {record.key}: {problem}")
        return found, problems

    def _compared(
        self, store: Store, plans: Sequence[Planned]
    ) -> tuple[list[SpendLevel], list[tuple[SpendLevel, SpendLevel | None]], list[str]]:
        """Every level as it is now; those that are news, with what was told before; what cannot be told."""
        spent = [
            Spent(
                one.target,
                one.month,
                one.currency,
                one.amount,
                one.base if one.based == one.parts else None,
                one.base_currency,
            )
            for one in store.wanted_sums(self.allocation)
        ]
        by_target: dict[str, list[Spent]] = {}
        for each in spent:
            by_target.setdefault(each.target, []).append(each)
        before = {(one.target, one.period, one.threshold): one for one in store.spending(self.allocation)}
        levels: list[SpendLevel] = []
        news: list[tuple[SpendLevel, SpendLevel | None]] = []
        untold: list[str] = []
        for plan in plans:
            try:
                amount = used(plan, by_target.get(plan.target, ()), self.exponents)
            except ValueError as problem:
                untold.append(f"budget {plan.target}: {problem}")
                continue
            if amount is None:
                untold.append(f"budget {plan.target} has costs in other currencies than its plan in {plan.currency}")
                continue
            now = {one: self._level(plan, amount, one) for one in self.plan.thresholds}
            place = plan.target, plan.period
            was = [one for one in now if (known := before.get((*place, one))) is not None and known.crossed]
            levels.extend(now.values())
            told = crossings(amount, plan.amount, self.plan.thresholds, was)
            news.extend((now[one.threshold], before.get((*place, one.threshold))) for one in told)
        return levels, news, untold

    def _level(self, plan: Planned, amount: Decimal, threshold: int) -> SpendLevel:
        crossed = passed(amount, plan.amount, threshold)
        return SpendLevel(plan.target, plan.period, threshold, crossed, amount, plan.amount, plan.currency)

    def _event(self, level: SpendLevel, before: SpendLevel | None) -> NewEvent:
        subject = {"allocation": self.allocation, "budget": level.target, "period": level.period}
        return NewEvent(
            EVENT,
            self.plan.to,
            About(f"allocation:{self.allocation}", f"{level.target} {level.period}", subject),
            None if before is None else _told(before),
            _told(level),
            ("crossed",),
            Decimal(level.threshold),
        )

    def _say(self, ctx: Context, problems: Sequence[str]) -> None:
        """Say what is wrong with the plan when that changes, not in each run."""
        told = "; ".join(problems[:_NAMED])
        if told and told != self._said:
            ctx.events("plan.unreadable", mapping=ctx.name, problems=len(problems), detail=told)
        self._said = told


def plan_query(plan: PlanSpec) -> Query:
    """What is asked of the ERP for planned amounts."""
    reads = (plan.target, plan.month, plan.amount, plan.currency.field)
    where = {name: allowed[0] if len(allowed) == 1 else list(allowed) for name, allowed in plan.where.items()}
    fields = tuple(dict.fromkeys(name for name in (*reads, *plan.where) if name))
    return Query(plan.resource, fields, where, plan.key or plan.target, options=plan.options)


def spend_rows(levels: Sequence[SpendLevel]) -> Iterator[dict[str, Any]]:
    """For people: each budget and period once, with the highest threshold that is passed (None: none is)."""
    by_place: dict[tuple[str, str], list[SpendLevel]] = {}
    for one in levels:
        by_place.setdefault((one.target, one.period), []).append(one)
    for (target, period), some in sorted(by_place.items()):
        latest = max(some, key=lambda one: (one.changed_at is not None, one.changed_at))
        yield {
            "budget": target,
            "period": period,
            "used": latest.used,
            "planned": latest.planned,
            "currency": latest.currency,
            "share": share(latest.used, latest.planned),
            "passed": max((one.threshold for one in some if one.crossed), default=None),
        }


def _row(plan: PlanSpec, raw: Raw) -> Planned:
    """One row of the plan. Raises ValueError or Unfit, in words for people."""
    target = clean(raw.get(plan.target))
    if target is None or isinstance(target, tuple):
        raise Unfit(f"{plan.target} is empty")
    period = WHOLE if plan.month is None else period_of(raw.get(plan.month))
    currency = plan.currency.constant or clean(raw.get(plan.currency.field or ""))
    if not isinstance(currency, str):
        raise Unfit(f"{plan.currency.field} is no currency")
    value = clean(raw.get(plan.amount))
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unfit(f"{plan.amount} is no amount")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{plan.amount}: {value!r} is no amount") from None
    if not amount.is_finite():
        raise ValueError(f"{plan.amount}: {value!r} is no amount")
    return Planned(_text(target), period, amount, currency.strip().upper())


def _text(value: object) -> str:
    """A key as text, as connectors spell it: a whole number without decimals."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value).strip()


def _in_scope(plan: PlanSpec, raw: Raw) -> bool:
    return all(clean(raw.get(name)) in allowed for name, allowed in plan.where.items())


def _told(level: SpendLevel) -> Document:
    """A level as the document of its event."""
    return {
        "budget": level.target,
        "period": level.period,
        "threshold": level.threshold,
        "crossed": level.crossed,
        "used": level.used,
        "planned": level.planned,
        "currency": level.currency,
        "share": share(level.used, level.planned),
    }
