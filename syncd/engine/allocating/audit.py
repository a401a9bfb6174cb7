"""Control totals after a run: what is off becomes an incident, freezes its budgets, and ends when it is mended.

An incomplete reading proves nothing: then nothing is opened and nothing is cleared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.budgets.totals import Kind, detail_of, judged, targets_of
from syncd.core.model import Document, Side
from syncd.engine.allocating.control import Row, account_rows, budget_rows
from syncd.engine.allocating.crowds import Crowds
from syncd.engine.allocating.links import GuardedLinks
from syncd.engine.allocating.scales import Names, Scales
from syncd.engine.context import Audit, Context
from syncd.engine.tasks import CreateTask, MergeTask, RemoveTask, Task, held
from syncd.mapping.compiled import Lookups
from syncd.ports import Store
from syncd.ports.budget_links import SeenLink
from syncd.ports.incidents import Breach, Incident

_SENTENCES: Mapping[str, str] = {
    Kind.BUDGET: "what is wanted and what is linked do not add up to the same",
    Kind.ACCOUNT: "postings and their transactions do not add up to the same",
    Kind.OVER: "its links add up to more than it is",
    Kind.TWICE: "it is linked twice",
    Kind.CONTRACTOR: "links count what the budget's contractors count already",
}
_WRITES = ("created", "patched", "deleted", "adopted", "linked", "removed")


@dataclass(frozen=True, slots=True)
class Totals:
    """Both sides of one allocation, added up."""

    budgets: tuple[Row, ...]
    accounts: tuple[Row, ...]
    breaches: tuple[Breach, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Everything that was compared."""
        return *self.budgets, *self.accounts

    @property
    def pending(self) -> int:
        """How many records differ and are explained by what is pending."""
        return sum(len(row.verdict.pending) for row in self.rows if row.verdict is not None)


def control_totals(store: Store, scales: Scales, lookups: Lookups, doubles: Iterable[SeenLink] = ()) -> Totals:
    """Compare both sides as the store knows them now. Asks no peer."""
    names = Names(scales, store, lookups)
    budgets, accounts = budget_rows(store, scales, names), account_rows(store, scales)
    found = [_breach(row, scales) for row in (*budgets, *accounts) if row.state == "off"]
    found.extend(Crowds(store, scales, names, doubles).breaches())
    return Totals(tuple(budgets), tuple(accounts), tuple(found))


def audit(ctx: Context, scales: Scales, outcome: str, *, complete: bool) -> Audit:
    """Compare both sides after a run, note what is off and what is over. Raises LeaseLost.

    ``again``: parts that are not wanted any more are still linked, and nothing forbids to go on with them.
    """
    if outcome != "done" or not complete:
        standing = ctx.store.incidents(ctx.name, open_only=True)
        return Audit(tuple(sentence(one) for one in standing))
    books = control_totals(ctx.store, scales, ctx.lookups, _counted_twice(ctx))
    standing, cleared = ctx.store.note_breaches(ctx.name, books.breaches, ctx.run_id, ctx.lease)
    for one in standing:
        if one.news:
            ctx.events(
                "control.breach", mapping=ctx.name, run=ctx.run_id, **_fields(one), detail=dict(one.breach.detail)
            )
    for one in cleared:
        ctx.events("control.cleared", mapping=ctx.name, run=ctx.run_id, **_fields(one))
    wrote = any(ctx.tally.get(name, side) for name in _WRITES for side in Side)
    if wrote or standing or cleared:
        ctx.events("control.totals", mapping=ctx.name, run=ctx.run_id, **_sums(books), breaches=len(standing))
    return Audit(tuple(sentence(one) for one in standing), again=not standing and ctx.store.withdrawn(ctx.name) > 0)


def frozen(ctx: Context, scales: Scales, tasks: Sequence[Task]) -> list[Task]:
    """The tasks, with those that would write to a frozen budget held back and saying which incident freezes it."""
    standing = ctx.store.incidents(ctx.name, open_only=True)
    by_target = {target: one for one in standing for target in one.breach.targets}
    if not by_target:
        return list(tasks)
    return [_held(task, by_target, scales.field) for task in tasks]


def sentence(incident: Incident) -> str:
    """An incident in one line."""
    breach = incident.breach
    named = [str(one.get("record") or one.get("iri")) for one in breach.detail.get("records", ())][:3]
    records = f": {', '.join(named)}" if named else ""
    more = len(breach.detail.get("records", ())) + breach.detail.get("more", 0) - len(named)
    others = f" and {more} more" if more else ""
    return (
        f"incident {incident.id}, {breach.kind}, {breach.scope}: {_SENTENCES.get(breach.kind, 'off')}{records}{others}"
    )


def _counted_twice(ctx: Context) -> Iterable[SeenLink]:
    """Links that Flowtly was seen to count twice in this run."""
    peer = ctx.peers[Side.FLOWTLY]
    return peer.counted_twice.values() if isinstance(peer, GuardedLinks) else ()


def _held(task: Task, frozen_by: Mapping[str, Incident], field: str) -> Task:
    if not any(item.side is not None for item in task.items):
        return task  # it touches no peer
    for target in _targets(task, field):
        if target in frozen_by:
            return held(task, f"budget {target} is frozen by {sentence(frozen_by[target])}")
    return task


def _targets(task: Task, field: str) -> Iterator[str]:
    """The budgets that a task would take something from or put something on."""
    documents: tuple[Document, ...] = ()
    match task:
        case MergeTask(external=external, flowtly=flowtly):
            documents = external.document, flowtly.document
        case CreateTask(document=document):
            documents = (document,)
        case RemoveTask(link=link, view=view):
            documents = link.base.external, link.base.flowtly, view.document
        case _:
            return
    for document in documents:
        value = document.get(field)
        if value is not None:
            yield str(value)


def _breach(row: Row, scales: Scales) -> Breach:
    verdict = row.verdict or judged(())
    detail = detail_of(verdict, row.currency, scales.exponents)
    if row.kind is Kind.BUDGET:
        detail = {"budget": row.place, "iri": row.iri, "month": row.month, **detail}
        targets = {row.place, *targets_of(verdict.off)}
        return Breach(row.kind, f"budget {row.scope}", tuple(sorted(targets)), detail)
    detail = {"account": row.place, "month": row.month, **detail}
    return Breach(row.kind, f"account {row.scope}", targets_of(verdict.off), detail)


def _fields(one: Incident) -> dict[str, Any]:
    return {
        "incident": one.id,
        "kind": one.breach.kind,
        "scope": one.breach.scope,
        "budgets": list(one.breach.targets),
    }


def _sums(books: Totals) -> dict[str, Any]:
    return {
        "compared": len(books.rows),
        "wanted": sum(row.wanted.count for row in books.budgets),
        "linked": sum(row.found.count for row in books.budgets),
        "by_people": sum(row.theirs.count for row in books.budgets),
        "postings": sum(row.wanted.count for row in books.accounts),
        "transactions": sum(row.found.count for row in books.accounts),
        "pending": books.pending,
    }
