"""A plan's creates and changes of links, tried one after the other on the links that would stand. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncd.budgets.linking import Standing, cost_of, crowded, doubled
from syncd.core.model import Document, Side
from syncd.core.removal import Action, Verdict
from syncd.engine.allocating.facts import Booked, Facts, iri_of
from syncd.engine.allocating.judging import UNCALIBRATED, Terms, counted, mismatch
from syncd.engine.allocating.links import GuardedLinks
from syncd.engine.allocating.seen import amount_of
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.engine.references import looked_up_for_writing
from syncd.engine.tasks import CreateTask, MergeTask, RemoveTask, Task
from syncd.errors import SyncdError
from syncd.mapping.compiled import RecordProblem
from syncd.ports.allocations import SeenPosting, posting_of
from syncd.ports.budget_links import SeenLink


@dataclass(frozen=True, slots=True)
class Wish:
    """A create or a change of one link, by its part. ``raw``: what the link would be. ``before``: its amount now."""

    task: CreateTask | MergeTask
    part: str
    name: str
    raw: Mapping[str, Any]
    before: int | None = None

    @property
    def transaction(self) -> str:
        """The IRI of its transaction."""
        return iri_of(self.raw.get("transaction")) or ""


def wishes(ctx: Context, terms: Terms, tasks: Sequence[Task]) -> Iterator[Wish | None]:
    """What each task would make of its link; None where that waits for something that is not linked."""
    for some in chunked(tasks, ctx.limits.batch):
        documents = [_document(task) for task in some]
        lookups = looked_up_for_writing(ctx, Side.FLOWTLY, documents)
        projection = ctx.mapping.projection(Side.FLOWTLY)
        for task, document in zip(some, documents, strict=True):
            try:
                raw = projection.writes(document, lookups, None)
            except RecordProblem:
                yield None
                continue
            yield _wish(terms, task, raw)


def _document(task: Task) -> Document:
    if isinstance(task, CreateTask):
        return task.document
    if isinstance(task, MergeTask):
        return {**task.flowtly.document, **{one.field: one.after for one in task.merge.to(Side.FLOWTLY)}}
    return {}


def _wish(terms: Terms, task: Task, raw: Mapping[str, Any]) -> Wish | None:
    if iri_of(raw.get("transaction")) is None or iri_of(raw.get(terms.target)) is None:
        return None
    if isinstance(task, CreateTask):
        return Wish(task, task.observation.key, task.observation.key, raw)
    if isinstance(task, MergeTask):
        return Wish(task, task.external.key, task.flowtly.key, raw, amount_of(task.flowtly.document))
    return None


class Trial:
    """One plan's writes, tried one after the other on the links that stand."""

    def __init__(self, ctx: Context, peer: GuardedLinks, tasks: Sequence[Task]) -> None:
        self._ctx, self._terms, self._facts = ctx, peer.terms, peer.facts
        self._ours: set[str] = set()
        self._removed = {one.link.flowtly_key for one in tasks if isinstance(one, RemoveTask) and _deletes(one)}

    def refused(self, wishes: Mapping[int, Wish]) -> dict[int, str]:
        """Why some must not be carried out, by their number. Shrinking makes room, creates come last."""
        if not wishes:
            return {}
        order = sorted(wishes.items(), key=lambda one: (_stage(one[1]), one[0]))
        transactions = sorted({one.transaction for one in wishes.values()})
        postings = self._postings(wishes.values())
        standing, totals = self._standing(transactions)
        seen = _looked_at(self._ctx, self._terms, self._facts, wishes.values())
        reasons: dict[int, str] = {}
        for number, one in order:
            posting = postings.get(posting_of(one.part))
            known = seen.get(one.transaction, Booked(totals.get(one.transaction)))
            why = self._why(one, posting, known, standing.setdefault(one.transaction, {}))
            if why:
                reasons[number] = why
        return reasons

    def _why(self, one: Wish, posting: SeenPosting | None, seen: Booked, beside: dict[str, SeenLink]) -> str:
        """Why not; where it may be, it stands from now on."""
        link = _as_link(self._terms, one)
        if link.amount is not None and self._terms.unit is None:
            return UNCALIBRATED
        if posting is None:
            return ""  # judged right before the write
        before = beside.get(one.name)
        moved = before is None or (before.target, before.employee) != (link.target, link.employee)
        why = self._counted(link, seen, new=before is None) if moved else ""
        why = why or self._crowded(link, posting, seen, beside, grows=_grows(one))
        if not why:
            beside[one.name] = link
        return why

    def _counted(self, link: SeenLink, seen: Booked, *, new: bool) -> str:
        try:
            return counted(self._terms, self._facts, link.target, seen, neutral=new)
        except SyncdError:
            return ""  # judged right before the write

    def _crowded(
        self, link: SeenLink, posting: SeenPosting, seen: Booked, beside: Mapping[str, SeenLink], *, grows: bool
    ) -> str:
        money = self._terms.money(posting.currency)
        others = [one for name, one in beside.items() if name != link.iri]
        try:
            new = Standing(link.iri, link.target, link.employee, money.minor(link.amount))
            standing = [
                self._terms.standing(one, money, ours=one.iri in self._ours or one.iri.startswith(f"{posting.key}#"))
                for one in others
            ]
            if why := doubled(new, standing):
                return why
            if seen.total is None or not grows:
                return ""  # judged right before the write
            total = cost_of(seen.total, self._terms.sign, money) or 0
            return mismatch(self._terms, posting, new, seen) or crowded(new, standing, total, money)
        except ValueError as error:
            return str(error)

    def _postings(self, wishes: Iterable[Wish]) -> dict[str, SeenPosting]:
        found: dict[str, SeenPosting] = {}
        for some in chunked(sorted({posting_of(one.part) for one in wishes}), self._ctx.limits.batch):
            found.update(self._ctx.store.postings(self._terms.allocation, some))
        return found

    def _standing(self, transactions: Sequence[str]) -> tuple[dict[str, dict[str, SeenLink]], dict[str, Decimal]]:
        """The links that stand once the plan's removals are done, by transaction; and what transactions are."""
        standing: dict[str, dict[str, SeenLink]] = {}
        totals: dict[str, Decimal] = {}
        for some in chunked(transactions, self._ctx.limits.batch):
            for iri, links in self._ctx.store.mirrored(self._terms.allocation, some).items():
                standing[iri] = {one.iri: one for one in links if one.iri not in self._removed}
                self._ours |= self._ctx.store.ours(self._terms.allocation, list(standing[iri]))
                told = [one.total for one in links if one.total is not None]
                totals.update({iri: told[-1]} if told else {})
        return standing, totals


def _looked_at(ctx: Context, terms: Terms, facts: Facts, wishes: Iterable[Wish]) -> Mapping[str, Booked]:
    """Transactions of links that would be new, where anything is known that speaks against some."""
    wanted = sorted({one.transaction for one in wishes if isinstance(one.task, CreateTask)})
    try:
        if wanted and facts.matter(contractors=terms.contractors):
            return facts.transactions(wanted)
    except SyncdError as error:
        ctx.events("budget.facts_unread", resource="transactions", detail=f"{type(error).__name__}: {error}")
    return {}


def _deletes(task: RemoveTask) -> bool:
    return task.verdict is Verdict.CARRY_OUT and task.rule.action is Action.DELETE and task.gone is Side.EXTERNAL


def _grows(one: Wish) -> bool:
    """False for a smaller amount of the same sign, or the same one."""
    after = amount_of(one.raw)
    if isinstance(one.task, CreateTask):
        return True
    if one.before is None or after is None:
        return one.before is not after
    return one.before * after <= 0 or abs(after) > abs(one.before)


def _stage(one: Wish) -> int:
    if isinstance(one.task, CreateTask):
        return 2
    return int(_grows(one))


def _as_link(terms: Terms, one: Wish) -> SeenLink:
    employee = iri_of(one.raw.get("employee")) or ""
    target = iri_of(one.raw.get(terms.target)) or ""
    return SeenLink(one.name, one.transaction, target, employee, amount_of(one.raw))
